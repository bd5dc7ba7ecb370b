package exposure_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
)

type firewallCase struct {
	ID  string
	Env struct {
		RuleCollections []struct {
			Name, Type, Action string
			Priority           int
			Rules              []struct {
				Name, TranslatedAddress, TranslatedPort        string
				Sources, Destinations, Ports, Protocols, FQDNs []string
			}
		}
	}
	Queries []struct {
		Src, Dst, Protocol, Expect, Rule string
		DstPort                          int
	}
}

const firewallID = packetScope + "/azureFirewalls/fw"

// classic is the case as rules on the firewall itself, and policy the same as
// a policy with one group, below a base policy when base is set.
func (c firewallCase) classic(t *testing.T) *estate.Estate {
	t.Helper()
	lists := map[string][]any{}
	for _, rc := range c.Env.RuleCollections {
		var rules []any
		for _, r := range rc.Rules {
			rules = append(rules, c.rule(rc.Type, r.Name, r.Sources, r.Destinations, r.Ports, r.Protocols, r.FQDNs, r.TranslatedAddress, r.TranslatedPort, false))
		}
		key := map[string]string{"nat": "natRuleCollections", "network": "networkRuleCollections", "application": "applicationRuleCollections"}[rc.Type]
		lists[key] = append(lists[key], map[string]any{"name": rc.Name, "properties": map[string]any{"priority": rc.Priority, "action": map[string]any{"type": rc.Action}, "rules": rules}})
	}
	properties := map[string]any{}
	for key, list := range lists {
		properties[key] = list
	}
	return firewallWorld(t, map[string]map[string]any{firewallID: properties})
}

func (c firewallCase) policy(t *testing.T, base bool) *estate.Estate {
	t.Helper()
	var collections []any
	for _, rc := range c.Env.RuleCollections {
		var rules []any
		for _, r := range rc.Rules {
			rules = append(rules, c.rule(rc.Type, r.Name, r.Sources, r.Destinations, r.Ports, r.Protocols, r.FQDNs, r.TranslatedAddress, r.TranslatedPort, true))
		}
		collections = append(collections, map[string]any{"name": rc.Name, "priority": rc.Priority, "action": map[string]any{"type": rc.Action}, "rules": rules})
	}
	const own, parent = packetScope + "/firewallPolicies/own", packetScope + "/firewallPolicies/base"
	holder, world := own, map[string]map[string]any{
		firewallID: {"firewallPolicy": map[string]any{"id": own}},
		own:        {},
	}
	if base {
		world[own]["basePolicy"] = map[string]any{"id": parent}
		world[parent] = map[string]any{}
		holder = parent
	}
	world[holder+"/ruleCollectionGroups/all"] = map[string]any{"priority": 100, "ruleCollections": collections}
	return firewallWorld(t, world)
}

func (firewallCase) rule(kind, name string, sources, destinations, ports, protocols, fqdns []string, address, port string, policy bool) map[string]any {
	r := map[string]any{"name": name, "sourceAddresses": sources}
	key := "protocols"
	if policy {
		r["ruleType"] = map[string]string{"nat": "NatRule", "network": "NetworkRule", "application": "ApplicationRule"}[kind]
		key = "ipProtocols"
	}
	if kind == "application" {
		var list []any
		for _, p := range protocols {
			list = append(list, map[string]any{"protocolType": strings.ToUpper(p[:1]) + strings.TrimSuffix(p[1:], ":80"), "port": 80})
		}
		r["protocols"], r["targetFqdns"] = list, fqdns
		return r
	}
	r[key], r["destinationAddresses"], r["destinationPorts"] = protocols, destinations, ports
	if address != "" {
		r["translatedAddress"], r["translatedPort"] = address, port
	}
	return r
}

func firewallWorld(t *testing.T, bodies map[string]map[string]any) *estate.Estate {
	t.Helper()
	var b estate.Builder
	for id, properties := range bodies {
		body, err := json.Marshal(map[string]any{"id": id, "properties": properties})
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

// TestFirewallCases runs the processing orders of Microsoft's documents, with
// classic rules, with a policy, and (but for NAT rules, which are not
// inherited) with a base policy.
func TestFirewallCases(t *testing.T) {
	t.Parallel()
	right, unknown, wrong := 0, 0, 0
	for _, raw := range sharedCases(t, "data-network/azure/firewall") {
		var c firewallCase
		if err := json.Unmarshal(raw, &c); err != nil {
			t.Fatal(err)
		}
		worlds := map[string]*estate.Estate{"classic": c.classic(t), "policy": c.policy(t, false)}
		if !strings.Contains(string(raw), `"nat"`) {
			worlds["base policy"] = c.policy(t, true)
		}
		for name, e := range worlds {
			for _, q := range c.Queries {
				r, err := exposure.Check(e, exposure.Question{From: q.Src, To: q.Dst, Protocol: q.Protocol, Port: q.DstPort, Via: firewallID})
				if err != nil {
					t.Fatal(err)
				}
				want := map[string]azward.Answer{"allowed": azward.Yes, "denied": azward.No}[q.Expect]
				decider := strings.TrimPrefix(q.Rule, "default ") // "default deny" names no rule
				switch {
				case r.Answer == want && strings.Contains(r.Summary, strings.Replace(decider, "deny", "denies", 1)):
					right++
				case r.Answer == azward.Unknown:
					unknown++
					t.Errorf("%s with %s: unknown: %s", c.ID, name, r.Summary)
				default:
					wrong++
					t.Errorf("%s with %s: %s (%s), want %s by %s", c.ID, name, r.Answer, r.Summary, want, q.Rule)
				}
			}
		}
	}
	t.Logf("firewall: %d right, %d unknown, %d wrong", right, unknown, wrong)
}
