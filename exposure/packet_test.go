package exposure_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/internal/testdata"
)

// packetCase is a case of kind "packet" of the shared network data.
type packetCase struct {
	ID  string
	Env struct {
		VirtualNetworks []struct {
			ID              string
			AddressPrefixes []string
			Subnets         []struct{ ID, AddressPrefix, NetworkSecurityGroup string }
		}
		NetworkSecurityGroups []struct {
			ID            string
			SecurityRules []map[string]any
		}
		NetworkInterfaces []struct {
			ID, PrivateIPAddress, Subnet, NetworkSecurityGroup string
			ApplicationSecurityGroups                          []string
		}
		SecurityAdminRules []struct {
			Name, Direction, Access, Protocol, Source, Destination, DestinationPort, AppliesToVirtualNetwork string
			Priority                                                                                         int
		}
	}
	Queries []struct {
		Direction, Src, Dst, Protocol, Expect string
		SrcPort, DstPort                      int
	}
}

const packetScope = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.Network"

// world builds the estate that a case describes.
func (c packetCase) world(t *testing.T) *estate.Estate {
	t.Helper()
	var b estate.Builder
	add := func(kind, name string, properties map[string]any) {
		t.Helper()
		body, err := json.Marshal(map[string]any{"id": packetScope + "/" + kind + "/" + name, "name": name, "type": "Microsoft.Network/" + kind, "properties": properties})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.AddARM(body, estate.Provenance{Source: azward.SourceARM}); err != nil {
			t.Fatal(err)
		}
	}
	ref := func(kind, name string) map[string]any {
		return map[string]any{"id": packetScope + "/" + kind + "/" + name}
	}
	subnets := map[string]string{}
	for _, v := range c.Env.VirtualNetworks {
		var list []map[string]any
		for _, s := range v.Subnets {
			id := packetScope + "/virtualNetworks/" + v.ID + "/subnets/" + s.ID
			subnets[s.ID] = id
			p := map[string]any{"addressPrefix": s.AddressPrefix}
			if s.NetworkSecurityGroup != "" {
				p["networkSecurityGroup"] = ref("networkSecurityGroups", s.NetworkSecurityGroup)
			}
			list = append(list, map[string]any{"id": id, "name": s.ID, "properties": p})
		}
		add("virtualNetworks", v.ID, map[string]any{"addressSpace": map[string]any{"addressPrefixes": v.AddressPrefixes}, "subnets": list})
	}
	for _, g := range c.Env.NetworkSecurityGroups {
		add("networkSecurityGroups", g.ID, map[string]any{"securityRules": g.SecurityRules})
	}
	for _, n := range c.Env.NetworkInterfaces {
		conf := map[string]any{"privateIPAddress": n.PrivateIPAddress, "subnet": map[string]any{"id": subnets[n.Subnet]}}
		var groups []map[string]any
		for _, g := range n.ApplicationSecurityGroups {
			groups = append(groups, ref("applicationSecurityGroups", g))
		}
		if groups != nil {
			conf["applicationSecurityGroups"] = groups
		}
		p := map[string]any{"ipConfigurations": []any{map[string]any{"id": packetScope + "/networkInterfaces/" + n.ID + "/ipConfigurations/ip", "name": "ip", "properties": conf}}}
		if n.NetworkSecurityGroup != "" {
			p["networkSecurityGroup"] = ref("networkSecurityGroups", n.NetworkSecurityGroup)
		}
		add("networkInterfaces", n.ID, p)
	}
	if len(c.Env.SecurityAdminRules) > 0 {
		add("networkManagers", "manager", map[string]any{})
	}
	// What Resource Graph has of deployed rules.
	const configuration = packetScope + "/networkManagers/manager/securityAdminConfigurations/all"
	graph := func(id, kind string, properties map[string]any) {
		t.Helper()
		body, err := json.Marshal(map[string]any{"id": id, "type": "microsoft.network/" + kind, "properties": properties})
		if err != nil {
			t.Fatal(err)
		}
		if err := b.AddARM(body, estate.Provenance{Source: azward.SourceResourceGraph}); err != nil {
			t.Fatal(err)
		}
	}
	side := func(s string) []map[string]string {
		return []map[string]string{{"addressPrefix": s, "addressPrefixType": "IPPrefix"}}
	}
	for _, r := range c.Env.SecurityAdminRules {
		graph(packetScope+"/virtualNetworks/"+r.AppliesToVirtualNetwork+"/providers/Microsoft.Network/effectiveSecurityAdminRules/default", "effectivesecurityadminrules",
			map[string]any{"EffectiveSecurityAdminConfigurations": []any{map[string]any{"Id": configuration + "/snapshots/1"}}})
		graph(configuration+"/ruleCollections/all/rules/"+r.Name+"/snapshots/1", "networkmanagers/securityadminconfigurations/rulecollections/rules/snapshots", map[string]any{
			"access": r.Access, "direction": r.Direction, "priority": r.Priority, "protocol": r.Protocol,
			"sources": side(r.Source), "destinations": side(r.Destination), "sourcePortRanges": []string{"0-65535"}, "destinationPortRanges": []string{r.DestinationPort},
		})
	}
	b.AddListing(estate.Listing{Scope: "/", Type: estate.AllTypes, Status: estate.ListingComplete})
	return b.Build()
}

// place finds an interface by name or address; other addresses stand for themselves.
func (c packetCase) place(s string) string {
	for _, n := range c.Env.NetworkInterfaces {
		if n.ID == s || n.PrivateIPAddress == s {
			return packetScope + "/networkInterfaces/" + n.ID
		}
	}
	return s
}

// TestPacketCases runs Microsoft's and Batfish's packet verdicts. A flow that
// passes in Azure and is denied here would be a false "not exploitable".
func TestPacketCases(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join(testdata.Shared(t, "data-network/azure/packet"), "*.json"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no cases: %v", err)
	}
	right, unknown, wrong := 0, 0, 0
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		var c packetCase
		if err := json.Unmarshal(raw, &c); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		e := c.world(t)
		for i, q := range c.Queries {
			question := exposure.Question{From: c.place(q.Src), To: c.place(q.Dst), Protocol: strings.ToLower(q.Protocol), Port: q.DstPort, SourcePort: q.SrcPort}
			if q.Direction != "EndToEnd" {
				question.FiltersOnly = strings.ToLower(q.Direction)
			}
			r, err := exposure.Check(e, question)
			if err != nil {
				t.Errorf("%s query %d: %v", c.ID, i, err)
				continue
			}
			want := map[string]azward.Answer{"allowed": azward.Yes, "denied": azward.No}[q.Expect]
			switch r.Answer {
			case want:
				right++
			case azward.Unknown:
				unknown++
				t.Errorf("%s query %d (%s to %s %s %d): unknown, want %s: %s %v", c.ID, i, q.Src, q.Dst, q.Protocol, q.DstPort, want, r.Summary, r.Gaps)
			default:
				wrong++
				t.Errorf("%s query %d (%s to %s %s %d): %s, want %s: %s", c.ID, i, q.Src, q.Dst, q.Protocol, q.DstPort, r.Answer, want, r.Summary)
			}
		}
	}
	t.Logf("packet: %d right, %d unknown, %d wrong", right, unknown, wrong)
	if right == 0 {
		t.Error("no case was answered")
	}
}
