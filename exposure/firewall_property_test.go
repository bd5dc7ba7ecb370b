package exposure_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
)

// plainRule is a rule of Azure Firewall as a person reads it.
type plainRule struct {
	application, deny, base bool
	priority                int
	protocols               []string // TCP, UDP, Any; Http:80, Https:443
	sources, destinations   []string // prefixes, *, or "group" for the IP group
	ports                   []string
	fqdn                    string // "*" or a name
}

const (
	groupID   = packetScope + "/ipGroups/office"
	ownPolicy = packetScope + "/firewallPolicies/own"
	basePol   = packetScope + "/firewallPolicies/base"
	groupHeld = "10.0.1.0/24"
)

var (
	plainFrom  = []string{"10.0.1.4", "10.0.2.4", "192.168.7.9"}
	plainTo    = []string{"10.3.0.4", "10.4.0.4", "52.0.0.1"}
	plainPorts = []int{22, 80, 443}
)

func randomRule(r *rand.Rand) plainRule {
	pick := func(list ...string) []string { return []string{list[r.IntN(len(list))]} }
	rule := plainRule{
		application: r.IntN(2) == 0, deny: r.IntN(2) == 0, base: r.IntN(3) == 0, priority: 100 + 10*r.IntN(900),
		sources: pick("*", "10.0.0.0/16", "10.0.1.0/24", "10.0.2.4", "192.168.0.0/16", "group"),
	}
	if rule.application {
		rule.protocols, rule.fqdn = pick("Http:80", "Https:443", "Http:443"), pick("*", "*", "example.com")[0]
		return rule
	}
	rule.protocols = pick("TCP", "UDP", "Any")
	rule.destinations, rule.ports = pick("*", "10.3.0.0/16", "10.4.0.4", "52.0.0.0/8"), pick("*", "22", "80-443", "443")
	return rule
}

func (p plainRule) body(name string) map[string]any {
	f := map[string]any{"name": name, "ruleType": "NetworkRule", "ipProtocols": p.protocols, "destinationAddresses": p.destinations, "destinationPorts": p.ports}
	if p.application {
		kind, port, _ := strings.Cut(p.protocols[0], ":")
		f = map[string]any{"name": name, "ruleType": "ApplicationRule", "protocols": []any{map[string]any{"protocolType": kind, "port": json.Number(port)}}, "targetFqdns": []string{p.fqdn}}
	}
	if p.sources[0] == "group" {
		f["sourceIpGroups"] = []string{groupID}
	} else {
		f["sourceAddresses"] = p.sources
	}
	return f
}

// plainWorld is a firewall with the rules, each a collection of its own, in a
// policy and its base policy.
func plainWorld(t *testing.T, rules []plainRule, group bool) *estate.Estate {
	t.Helper()
	held := map[bool][]any{false: {}, true: {}}
	for i, p := range rules {
		action := "Allow"
		if p.deny {
			action = "Deny"
		}
		name := fmt.Sprint("rule", i)
		held[p.base] = append(held[p.base], map[string]any{
			"name": "of-" + name, "priority": p.priority, "action": map[string]any{"type": action}, "rules": []any{p.body(name)},
		})
	}
	world := map[string]map[string]any{
		firewallID: {"firewallPolicy": map[string]any{"id": ownPolicy}},
		ownPolicy:  {"basePolicy": map[string]any{"id": basePol}}, basePol: {},
		ownPolicy + "/ruleCollectionGroups/all": {"priority": 100, "ruleCollections": held[false]},
		basePol + "/ruleCollectionGroups/all":   {"priority": 900, "ruleCollections": held[true]},
	}
	if group {
		world[groupID] = map[string]any{"ipAddresses": []string{groupHeld}}
	}
	return firewallWorld(t, world)
}

type plainFlow struct {
	from, to, protocol string
	port               int
}

func (f plainFlow) ask(t *testing.T, e *estate.Estate) azward.Answer {
	t.Helper()
	r, err := exposure.Check(e, exposure.Question{From: f.from, To: f.to, Protocol: f.protocol, Port: f.port, Via: firewallID})
	if err != nil {
		t.Fatal(err)
	}
	return r.Answer
}

// holds says whether a list of prefixes holds an address; an IP group that was
// not read holds it as the coin says.
func holds(list []string, address string, coin bool) bool {
	a := netip.MustParseAddr(address)
	return slices.ContainsFunc(list, func(s string) bool {
		switch {
		case s == "*":
			return true
		case s == "group":
			return coin
		case !strings.Contains(s, "/"):
			return s == address
		}
		return netip.MustParsePrefix(s).Contains(a)
	})
}

func (p plainRule) matches(f plainFlow, named, grouped bool) bool {
	if !holds(p.sources, f.from, grouped) {
		return false
	}
	if p.application {
		_, port, _ := strings.Cut(p.protocols[0], ":")
		return f.protocol == "TCP" && port == fmt.Sprint(f.port) && (p.fqdn == "*" || named)
	}
	protocol := p.protocols[0] == "Any" || p.protocols[0] == f.protocol
	port := map[string]bool{"*": true, "22": f.port == 22, "80-443": f.port >= 80 && f.port <= 443, "443": f.port == 443}[p.ports[0]]
	return protocol && port && holds(p.destinations, f.to, false)
}

// read is the flow rule by rule: network rules, then application rules; of each
// kind those of the base policy first, then by priority. Names says for the
// rules by name whether the request has it.
func read(rules []plainRule, f plainFlow, names int, grouped bool) azward.Answer {
	for _, application := range []bool{false, true} {
		for _, base := range []bool{true, false} {
			var order []int
			for i, p := range rules {
				if p.application == application && p.base == base {
					order = append(order, i)
				}
			}
			slices.SortStableFunc(order, func(a, b int) int { return rules[a].priority - rules[b].priority })
			for _, i := range order {
				if rules[i].matches(f, names>>i&1 == 1, grouped) {
					if rules[i].deny {
						return azward.No
					}
					return azward.Yes
				}
			}
		}
	}
	if f.protocol == "TCP" && f.port != 22 && f.to == "52.0.0.1" {
		return azward.Unknown // the collection that is built in, for addresses that may be Azure's
	}
	return azward.No
}

// readings unites what the flow may be answered, whatever names requests have
// and, where the group was not read, whatever it holds.
func readings(rules []plainRule, f plainFlow, group bool) map[azward.Answer]bool {
	all := map[azward.Answer]bool{}
	for names := range 1 << len(rules) {
		if group {
			all[read(rules, f, names, holds([]string{groupHeld}, f.from, false))] = true
			continue
		}
		all[read(rules, f, names, true)], all[read(rules, f, names, false)] = true, true
	}
	return all
}

// TestFirewallProperties: over random network and application rules, in a
// policy and its base policy, an answer is what a plain reading gives whatever
// the host names are; an allow more never closes, a deny more never opens; and
// an IP group that is not read moves answers towards unknown alone.
func TestFirewallProperties(t *testing.T) {
	t.Parallel()
	r := rand.New(rand.NewPCG(4, 2026))
	counts := map[azward.Answer]int{}
	for round := range 400 {
		var rules []plainRule
		for range 1 + r.IntN(5) {
			rule := randomRule(r)
			if !slices.ContainsFunc(rules, func(o plainRule) bool { return o.priority == rule.priority && o.base == rule.base }) {
				rules = append(rules, rule)
			}
		}
		more := randomRule(r)
		more.priority = []int{5, 60000}[r.IntN(2)]
		whole, less, after := plainWorld(t, rules, true), plainWorld(t, rules, false), plainWorld(t, append(slices.Clone(rules), more), true)
		for range 6 {
			f := plainFlow{plainFrom[r.IntN(3)], plainTo[r.IntN(3)], []string{"TCP", "UDP"}[r.IntN(2)], plainPorts[r.IntN(3)]}
			got := f.ask(t, whole)
			counts[got]++
			agrees(t, fmt.Sprintf("round %d, %+v, %+v", round, f, rules), got, readings(rules, f, true))
			if partly := f.ask(t, less); partly != got && partly != azward.Unknown {
				t.Fatalf("round %d: without the IP group %+v is %s, with it %s: %+v", round, f, partly, got, rules)
			} else {
				agrees(t, fmt.Sprintf("round %d without the group, %+v, %+v", round, f, rules), partly, readings(rules, f, false))
			}
			now := f.ask(t, after)
			if !more.deny && rank(now) < rank(got) || more.deny && rank(now) > rank(got) {
				t.Fatalf("round %d: %+v is %s, and with %+v more %s: %+v", round, f, got, more, now, rules)
			}
		}
	}
	for _, answer := range []azward.Answer{azward.Yes, azward.No, azward.Unknown} {
		if counts[answer] < 100 {
			t.Errorf("%d answers are %s", counts[answer], answer)
		}
	}
}

// agrees: what all readings say is the answer; where they differ it is unknown.
func agrees(t *testing.T, what string, got azward.Answer, all map[azward.Answer]bool) {
	t.Helper()
	want := azward.Unknown
	if len(all) == 1 {
		for answer := range all {
			want = answer
		}
	}
	if got != want && got != azward.Unknown {
		t.Fatalf("%s: %s, a plain reading says %v", what, got, all)
	}
	if got != want {
		t.Logf("%s: undecided, a plain reading says %s", what, want)
	}
}

func rank(a azward.Answer) int {
	return map[azward.Answer]int{azward.No: 0, azward.Unknown: 1, azward.Yes: 2}[a]
}
