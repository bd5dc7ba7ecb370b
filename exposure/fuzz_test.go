package exposure

import (
	"encoding/json"
	"testing"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/azward/azward"
)

// FuzzNetwork puts whatever properties in the place of a security group, a
// route table and a firewall's rules: every answer comes, is the same the
// second time, and says why it is no yes.
func FuzzNetwork(f *testing.F) {
	f.Add(`{"securityRules":[{"name":"a","properties":{"priority":100,"direction":"Inbound","access":"Allow","protocol":"Tcp","sourceAddressPrefixes":["10.0.0.1/8","*"],"destinationPortRanges":["0-65535",""],"destinationAddressPrefix":"Internet"}}]}`,
		`{"routes":[{"name":"r","properties":{"addressPrefix":"0.0.0.0/0","nextHopType":"VirtualAppliance","nextHopIpAddress":"10.1.8.4"}}]}`,
		`{"priority":100,"ruleCollections":[{"name":"n","priority":1,"action":{"type":"Dnat"},"rules":[{"ruleType":"NatRule","ipProtocols":["Any"],"sourceAddresses":["*"],"destinationAddresses":["20.80.0.1"],"destinationPorts":["1-65535"],"translatedAddress":"10.1.1.4","translatedPort":"22"}]}]}`)
	f.Add(`{"securityRules":[{},{}]}`, `{"disableBgpRoutePropagation":true,"routes":[{}]}`, `{"ruleCollections":[{"rules":[{"ruleType":"x"}]}]}`)
	f.Add(`{"securityRules":null,"defaultSecurityRules":[]}`, `{"routes":[{"properties":{"addressPrefix":"AzureCloud","nextHopType":"None"}}]}`, `{"priority":"1"}`)
	archive, err := txtar.ParseFile("testdata/firewall_group_refuses_firewall.txtar")
	if err != nil {
		f.Fatal(err)
	}
	c := readCase(f, archive)
	questions := []string{
		c.question,
		"from ${net}/networkInterfaces/nic to 203.0.113.9 tcp 443",
		"from 198.51.100.9 to ${net}/networkInterfaces/nic tcp 22 inbound",
	}
	f.Fuzz(func(t *testing.T, group, table, rules string) {
		if len(group)+len(table)+len(rules) > 1<<14 {
			return
		}
		mine := c
		mine.arm = append([]json.RawMessage{}, c.arm...)
		for id, properties := range map[string]string{
			"${net}/networkSecurityGroups/nsg": group, "${net}/routeTables/rt": table, "${net}/firewallPolicies/policy/ruleCollectionGroups/group": rules,
		} {
			if !json.Valid([]byte(properties)) || !utf8.ValidString(properties) { // the estate refuses these
				return
			}
			body, err := json.Marshal(map[string]any{"id": caseNames.Replace(id), "properties": json.RawMessage(properties)})
			if err != nil {
				return
			}
			mine.arm = append(mine.arm, body)
		}
		network := documents(t, []byte(`id: ${net}/virtualNetworks/vnet
properties:
  addressSpace: {addressPrefixes: [10.1.0.0/16]}
  subnets:
    - {id: "${net}/virtualNetworks/vnet/subnets/web", name: web, properties: {addressPrefix: 10.1.1.0/24, networkSecurityGroup: {id: "${net}/networkSecurityGroups/nsg"}, routeTable: {id: "${net}/routeTables/rt"}}}
    - {id: "${net}/virtualNetworks/vnet/subnets/AzureFirewallSubnet", name: AzureFirewallSubnet, properties: {addressPrefix: 10.1.8.0/26}}`))
		mine.arm = lastOf(t, append(mine.arm, network...))
		for _, q := range questions {
			once, twice := ask(t, mine.estate(t, nil), q), ask(t, mine.estate(t, nil), q)
			if diff := cmp.Diff(render(once), render(twice)); diff != "" {
				t.Fatalf("asked twice (-first +second):\n%s", diff)
			}
			switch {
			case once.Answer == azward.Unknown && len(once.Gaps) == 0:
				t.Fatalf("unknown without a gap: %s", render(once))
			case once.Answer == azward.No && len(once.Blocks) == 0:
				t.Fatalf("no without a block: %s", render(once))
			}
		}
	})
}

// FuzzPerimeter puts whatever properties in the place of an association and an
// access rule of a network security perimeter: every answer comes, and says why.
func FuzzPerimeter(f *testing.F) {
	f.Add(`{"accessMode":"Enforced"}`, `{"direction":"Inbound","addressPrefixes":["203.0.113.0/24","10.0.0.1/8"],"serviceTags":["AzureCloud"]}`)
	f.Add(`{"accessMode":"Learning","profile":{"id":"/"}}`, `{"direction":"Inbound","subscriptions":[{}]}`)
	f.Add(`{"accessMode":1}`, `{"direction":null,"addressPrefixes":[""]}`)
	archive, err := txtar.ParseFile("testdata/perimeter_transition_rule.txtar")
	if err != nil {
		f.Fatal(err)
	}
	c := readCase(f, archive)
	f.Fuzz(func(t *testing.T, association, rule string) {
		mine := c
		mine.arm = append([]json.RawMessage{}, c.arm...)
		for id, properties := range map[string]string{
			"${net}/networkSecurityPerimeters/nsp/resourceAssociations/data": association, "${net}/networkSecurityPerimeters/nsp/profiles/web/accessRules/office": rule,
		} {
			var fields map[string]any
			if !utf8.ValidString(properties) || json.Unmarshal([]byte(properties), &fields) != nil || fields == nil {
				return
			}
			if id = caseNames.Replace(id); properties == association {
				fields["privateLinkResource"] = map[string]any{"id": caseNames.Replace("${rg}/providers/Microsoft.Storage/storageAccounts/data")}
				if fields["profile"] == nil {
					fields["profile"] = map[string]any{"id": caseNames.Replace("${net}/networkSecurityPerimeters/nsp/profiles/web")}
				}
			}
			body, err := json.Marshal(map[string]any{"id": id, "properties": fields})
			if err != nil {
				return
			}
			mine.arm = append(mine.arm, body)
		}
		mine.arm = lastOf(t, mine.arm)
		for _, q := range []string{c.question, "from ${net}/networkInterfaces/nic to ${rg}/providers/Microsoft.Storage/storageAccounts/data tcp 443"} {
			x := ask(t, mine.estate(t, nil), q)
			switch {
			case x.Answer == azward.Unknown && len(x.Gaps) == 0:
				t.Fatalf("unknown without a gap: %s", render(x))
			case x.Answer == azward.No && len(x.Blocks) == 0:
				t.Fatalf("no without a block: %s", render(x))
			}
		}
	})
}
