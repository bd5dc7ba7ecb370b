package exposure

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// Where painted cells and a plain reading of the rules differ, nothing is
// decided, and the answer says that the fault is azward's.
func TestDisagreementDecidesNothing(t *testing.T) {
	t.Parallel()
	var b estate.Builder
	body := `{"id":"/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Network/networkSecurityGroups/nsg","properties":{}}`
	if err := b.AddARM([]byte(body), estate.Provenance{Source: azward.SourceARM}); err != nil {
		t.Fatal(err)
	}
	group := b.Build().OfType("Microsoft.Network/networkSecurityGroups")[0]
	ssh := netset.Rule{Access: netset.Allow, Sources: netset.PrefixAddrs(netip.MustParsePrefix("203.0.113.0/24")), Ports: netset.Port(22)}
	cells, gap := checked(group, netset.Constant(netset.Cell{Answer: azward.No}), []netset.Rule{ssh}, azward.No)
	if gap == nil || gap.Kind != azward.GapFailed || gap.Scope != group.ID || !strings.Contains(gap.Error, "defect of azward") {
		t.Fatalf("gap %+v", gap)
	}
	l := layer{group: group, gap: gap, where: "subnet", direction: inbound, painted: cells}
	region := netset.Product(publicAddrs, netset.Port(22))
	v := l.decide(region, region, netset.TCP)
	if v.hop.Answer != azward.Unknown || v.gap != *gap || !v.certain.IsEmpty() {
		t.Errorf("decided %s with %+v", v.hop.Answer, v.gap)
	}
	if _, gap := checked(group, netset.Paint([]netset.Rule{ssh}, azward.No), []netset.Rule{ssh}, azward.No); gap != nil {
		t.Errorf("its own cells differ: %s", gap.Error)
	}
}
