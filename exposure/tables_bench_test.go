package exposure

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"syscall"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// BenchmarkTable reads and paints one group of 1,000 rules with eight prefixes
// each for an interface, from its body on: every source and port of TCP and of
// UDP, with the deciding rules. With tags, four of the rules name one of 10,000
// prefixes. The second interface of the subnet finds the tables there.
func BenchmarkTable(b *testing.B) {
	for _, tags := range []int{0, 4} {
		e := tableEstate(b, 1000, 8, tags)
		nic, ok := e.Resource(tableScope + "networkInterfaces/nic")
		if !ok {
			b.Fatal("no interface")
		}
		paint := func(e *estate.Estate) {
			n := readInterfaces(e, nic)[0]
			for _, protocol := range []netset.Protocol{netset.TCP, netset.UDP} {
				if layers := n.paintLayers(e, packet{direction: inbound, near: n.own, protocol: protocol, srcPort: anySourcePort}); len(layers) != 1 || layers[0].gap != nil {
					b.Fatalf("%+v", layers)
				}
			}
		}
		name := fmt.Sprintf("rules=1000/prefixes=8/tags=%d/tagprefixes=10000", tags)
		b.Run(name+"/first", func(b *testing.B) {
			before := processorTime(b)
			for b.Loop() {
				fresh, _ := e.Tracked() // whose tables are empty
				paint(fresh)
			}
			b.ReportMetric(float64(processorTime(b)-before)/float64(b.N)/1e6, "cpu-ms/op")
		})
		b.Run(name+"/next", func(b *testing.B) {
			paint(e)
			for b.Loop() {
				paint(e)
			}
		})
	}
}

// processorTime is what the process used, in nanoseconds: the clock says little
// on a busy machine.
func processorTime(tb testing.TB) int64 {
	tb.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		tb.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

const tableScope = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Network/"

func tableEstate(tb testing.TB, rules, prefixes, tags int) *estate.Estate {
	tb.Helper()
	r := rand.New(rand.NewPCG(10, 11))
	prefix := func() string {
		return fmt.Sprintf("%d.%d.%d.0/24", 1+r.IntN(220), r.IntN(256), r.IntN(256))
	}
	var b estate.Builder
	add := func(id string, properties map[string]any) {
		body, err := json.Marshal(map[string]any{"id": id, "properties": properties})
		if err != nil {
			tb.Fatal(err)
		}
		if err := b.AddARM(body, estate.Provenance{Source: azward.SourceARM, APIVersion: "2025-01-01"}); err != nil {
			tb.Fatal(err)
		}
	}
	var list []any
	for i := range rules {
		p := map[string]any{
			"priority": 100 + i, "direction": "Inbound", "access": []string{"Allow", "Deny"}[i%2], "protocol": "*",
			"sourcePortRange": "*", "destinationAddressPrefix": "*", "destinationPortRange": fmt.Sprint(r.IntN(65535)),
		}
		if i < tags {
			p["sourceAddressPrefix"] = fmt.Sprint("Tag", i)
		} else {
			var sources []string
			for range prefixes {
				sources = append(sources, prefix())
			}
			p["sourceAddressPrefixes"] = sources
		}
		list = append(list, map[string]any{"name": fmt.Sprint("rule", i), "properties": p})
	}
	add(tableScope+"networkSecurityGroups/nsg", map[string]any{"securityRules": list})
	add(tableScope+"virtualNetworks/vnet", map[string]any{
		"addressSpace": map[string]any{"addressPrefixes": []string{"10.0.0.0/16"}}, "virtualNetworkPeerings": []any{},
		"subnets": []any{map[string]any{"id": tableScope + "virtualNetworks/vnet/subnets/s", "name": "s", "properties": map[string]any{"addressPrefix": "10.0.0.0/24"}}},
	})
	add(tableScope+"networkInterfaces/nic", map[string]any{
		"networkSecurityGroup": map[string]any{"id": tableScope + "networkSecurityGroups/nsg"},
		"ipConfigurations":     []any{map[string]any{"name": "ip", "properties": map[string]any{"privateIPAddress": "10.0.0.4", "subnet": map[string]any{"id": tableScope + "virtualNetworks/vnet/subnets/s"}}}},
	})
	b.AddListing(estate.Listing{Scope: "/", Type: estate.AllTypes, Status: estate.ListingComplete})
	for i := range tags {
		var all []string
		for range 10000 {
			all = append(all, prefix())
		}
		id := string(estate.ServiceTagID(fmt.Sprint("Tag", i)))
		add(id, map[string]any{"addressPrefixes": all, "list": map[string]string{"cloud": "Public", "changeNumber": "1", "sha256": "0"}})
	}
	return b.Build()
}
