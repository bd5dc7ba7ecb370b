package exposure

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// TestThousandRoutes reads a table with a thousand routes, most of which
// overlap, and two that cannot be read: the longest prefix wins, and what the
// two may cover is a doubt that names them.
func TestThousandRoutes(t *testing.T) {
	t.Parallel()
	const scope = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Network/"
	var routes []any
	add := func(name, prefix, hop, next string) {
		p := map[string]any{"addressPrefix": prefix, "nextHopType": hop}
		if next != "" {
			p["nextHopIpAddress"] = next
		}
		routes = append(routes, map[string]any{"name": name, "properties": p})
	}
	for i := range 996 {
		add(fmt.Sprint("r", i), fmt.Sprintf("172.%d.%d.0/%d", 16+i%16, i/16, 24+i%3), "VirtualAppliance", "10.0.0.9")
	}
	add("dropped", "172.16.0.0/12", "None", "")
	add("one", "172.16.0.1/32", "VnetLocal", "")
	add("host-bits", "198.51.100.9/24", "None", "")
	add("elsewhere", "203.0.113.0/24", "Sideways", "")
	build := func(parts map[string]map[string]any) *estate.Estate {
		var b estate.Builder
		for id, properties := range parts {
			body, err := json.Marshal(map[string]any{"id": scope + id, "properties": properties})
			if err != nil {
				t.Fatal(err)
			}
			if err := b.AddARM(body, estate.Provenance{Source: azward.SourceARM}); err != nil {
				t.Fatal(err)
			}
		}
		b.AddListing(estate.Listing{Scope: "/", Type: estate.AllTypes, Status: estate.ListingComplete})
		return b.Build()
	}
	e := build(map[string]map[string]any{
		"routeTables/many": {"routes": routes, "disableBgpRoutePropagation": true},
		"virtualNetworks/vnet": {
			"addressSpace": map[string]any{"addressPrefixes": []string{"10.0.0.0/16"}}, "virtualNetworkPeerings": []any{},
			"subnets": []any{map[string]any{"id": scope + "virtualNetworks/vnet/subnets/s", "name": "s", "properties": map[string]any{
				"addressPrefix": "10.0.0.0/24", "routeTable": map[string]any{"id": scope + "routeTables/many"},
			}}},
		},
		"networkInterfaces/nic": {"ipConfigurations": []any{map[string]any{"name": "ip", "properties": map[string]any{
			"privateIPAddress": "10.0.0.4", "subnet": map[string]any{"id": scope + "virtualNetworks/vnet/subnets/s"},
		}}}},
	})
	nic, ok := e.Resource(scope + "networkInterfaces/nic")
	if !ok {
		t.Fatal("no interface")
	}
	routed := readInterfaces(e, nic)[0].routes(e)
	for _, tc := range []struct {
		to      string
		name    string // of the route; "" where it is not certain
		nextHop NextHop
	}{
		{"172.16.0.1", "many / one", HopVNet},
		{"172.31.255.1", "many / dropped", HopNone},
		{"172.16.0.77", "many / r0", HopAppliance},
		{"10.0.9.9", "system route", HopVNet},
		{"198.51.100.9", "", ""},
		{"203.0.113.9", "", ""},
	} {
		parts := routed.Split(netset.OneAddr(netip.MustParseAddr(tc.to)))
		switch {
		case len(parts) != 1:
			t.Errorf("%s: %d parts", tc.to, len(parts))
		case tc.name == "" && parts[0].Unclear == "":
			t.Errorf("%s: %+v is certain", tc.to, parts[0].Route)
		case tc.name != "" && (parts[0].Unclear != "" || parts[0].Route == nil || parts[0].Route.Name != tc.name || parts[0].Route.NextHop != tc.nextHop):
			t.Errorf("%s: %+v, unclear %q", tc.to, parts[0].Route, parts[0].Unclear)
		}
	}
}
