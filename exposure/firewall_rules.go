package exposure

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure/netset"
)

// ruling is what a firewall says of a packet.
type ruling struct {
	hop  Hop
	gaps []azward.Gap
}

func (f *firewall) hop(answer azward.Answer, rule *firewallRule, summary string) Hop {
	h := Hop{Resource: f.r.ID, Kind: "azureFirewall", Name: f.r.Name, Answer: answer, Summary: summary, Evidence: []azward.Evidence{}}
	if rule != nil {
		h.Name += " / " + rule.collection + " / " + rule.ref.name
		h.Evidence = append(h.Evidence, rule.ref.of.Evidence(rule.ref.pointer, summary))
		return h
	}
	h.Evidence = append(h.Evidence, documented(f.r, "/properties", summary))
	return h
}

func (f *firewall) unclear(rule *firewallRule, why string) ruling {
	h := f.hop(azward.Unknown, rule, why)
	gap := azward.Gap{Scope: f.r.ID, Kind: azward.GapUnsupported, Reads: "/properties", Error: why}
	if rule != nil {
		gap.Scope, gap.Reads = rule.ref.of.ID, rule.ref.pointer
	}
	return ruling{hop: h, gaps: []azward.Gap{gap}}
}

// networkRules is the layer of the network rules for packets to near.
func (f *firewall) networkRules(near netset.Addrs, protocol netset.Protocol, otherwise azward.Answer) layer {
	l := layer{group: f.r, where: "firewall"}
	list := make([]groupRule, len(f.network))
	for i, r := range f.network {
		list[i] = r.groupRule
	}
	l.paint(f, list, packet{direction: inbound, near: near, protocol: protocol, srcPort: anySourcePort}, otherwise)
	return l
}

// natFinal says what Microsoft's texts differ about. The article on the order of
// processing said in 2020 that network rules that explicitly deny the translated
// traffic override a NAT rule. In the version of 2026-03-23 a NAT rule is final:
// no network rule is applied after it. A rule that denies that very flow
// (protocol, address and port) is read in the older way, which the shared cases
// hold; one that denies it among others may or may not be applied.
//
// Sources: https://learn.microsoft.com/azure/firewall/rule-processing#dnat-rules-and-network-rules,
// and the same article as of 2020-04-10
const natFinal = "Microsoft's page on the order of processing says that no network rule is applied after a NAT rule; an older one that rules which deny the translated traffic are"

// natDenied is the remark on a denial that rests on the older wording.
const natDenied = " (written for this flow; Microsoft's present page says that NAT rules are final: narrow the NAT rule too)"

// translatedRules is the layer of the network rules for what a NAT rule makes
// of packets.
func (f *firewall) translatedRules(nat *firewallRule, protocol netset.Protocol) layer {
	l := layer{group: f.r, where: "firewall"}
	list := make([]groupRule, len(f.network))
	for i, r := range f.network {
		list[i] = r.groupRule
		if form := &list[i].form; form.access == netset.Deny && !form.denies(nat.translated) {
			form.unclear = firstOf(form.unclear, natFinal)
		}
	}
	l.paint(f, list, packet{direction: inbound, near: netset.OneAddr(nat.translated), protocol: protocol, srcPort: anySourcePort}, azward.Yes)
	return l
}

// denies reports whether a rule is written for flows to this address: it names
// the address, protocols and ports.
func (f *ruleForm) denies(to netip.Addr) bool {
	named := func(list []string) bool { return len(list) > 0 && !slices.ContainsFunc(list, isAny) }
	ports, doubt := parsePorts(f.ports, "destinationPorts")
	return named(f.protocols) && doubt == "" && !ports.IsAll() && slices.ContainsFunc(f.near.names, func(name string) bool {
		p, _, err := netset.ParsePrefix(name)
		return err == nil && p.IsSingleIP() && p.Addr() == to
	})
}

// byRef finds the rule that a painted layer names.
func (f *firewall) byRef(ref ruleRef) *firewallRule {
	for i := range f.network {
		if r := &f.network[i]; r.ref.of == ref.of && r.ref.pointer == ref.pointer {
			return r
		}
	}
	return nil
}

// decide answers for a flow that the firewall gets as it stands, by the whole
// order of processing. Threat intelligence blocks addresses that are not
// known; it never makes an answer more certain.
//
// Source: https://learn.microsoft.com/azure/firewall/rule-processing
func (f *firewall) decide(from, to netset.Addrs, protocol netset.Protocol, port uint16) ruling {
	if len(f.missing) > 0 {
		return ruling{hop: f.hop(azward.Unknown, nil, "not all rules of the firewall were read"), gaps: f.missing}
	}
	region := netset.Product(from, netset.Port(port))
	if !protocol.HasPorts() {
		region = netset.Product(from, netset.AllPorts())
	}
	for _, part := range f.natParts(to, protocol, region) {
		switch {
		case !part.maybe.IsEmpty() && !region.Minus(part.certain).IsEmpty():
			return f.unclear(part.rule, "NAT rule "+part.rule.ref.name+" may translate it, or a part of it: "+firstOf(part.doubt, "it matches a part"))
		case !part.certain.IsEmpty():
			return f.translate(part, region, protocol)
		}
	}
	return f.pass(region, from, to, protocol)
}

// translate answers for a packet that a NAT rule matched: it is let in unless
// a network rule that is written for it denies what it becomes.
func (f *firewall) translate(part natPart, region netset.Region, protocol netset.Protocol) ruling {
	near := netset.OneAddr(part.rule.translated)
	if near.IsEmpty() {
		return f.unclear(part.rule, "NAT rule "+part.rule.ref.name+" translates to "+firstOf(part.rule.fqdn, "no address")+", and what that resolves to is not known")
	}
	ports, ok := part.ports(region.Ports())
	if !ok {
		return f.unclear(part.rule, fmt.Sprintf("translatedPort %q of NAT rule %s is not understood", part.rule.port, part.rule.ref.name))
	}
	l := f.translatedRules(part.rule, protocol)
	v := f.apply(&l, netset.Product(region.Sources(), ports))
	switch v.hop.Answer {
	case azward.No:
		v.hop.Summary += natDenied
	case azward.Yes:
		v = ruling{hop: f.hop(azward.Yes, part.rule, fmt.Sprintf("NAT rule %s translates to %s:%s", part.rule.ref.name, part.rule.translated, ports))}
	}
	return v
}

// apply reads a painted layer for a region as a whole.
func (f *firewall) apply(l *layer, region netset.Region) ruling {
	var rules []int32
	answers := map[azward.Answer]bool{}
	for cell := range l.painted.Values(region) {
		answers[cell.Answer] = true
		rules = append(rules, cell.Rule)
	}
	var rule *firewallRule
	if len(rules) == 1 && rules[0] >= 0 {
		rule = f.byRef(l.rules[rules[0]])
	}
	name := ""
	if rule != nil {
		name = rule.ref.name
	}
	switch {
	case len(answers) == 1 && answers[azward.Yes]:
		return ruling{hop: f.hop(azward.Yes, rule, "the firewall allows it"+by(name))}
	case len(answers) == 1 && answers[azward.No]:
		return ruling{hop: f.hop(azward.No, rule, "the firewall denies it"+by(name))}
	}
	why := "the firewall's network rules let a part pass"
	if rule != nil {
		for _, r := range l.rules {
			if r.pointer == rule.ref.pointer && r.doubt != "" {
				why = "rule " + name + ": " + r.doubt
			}
		}
	}
	return f.unclear(rule, why)
}

func by(name string) string {
	if name == "" {
		return ""
	}
	return " by rule " + name
}

// pass is what network rules, and then application rules, say. Application
// rules are not applied to connections from the internet.
func (f *firewall) pass(region netset.Region, from, to netset.Addrs, protocol netset.Protocol) ruling {
	deny, allow := f.networkRules(to, protocol, azward.Yes), f.networkRules(to, protocol, azward.No)
	no, yes := f.apply(&deny, region), f.apply(&allow, region)
	switch {
	case yes.hop.Answer == azward.Yes:
		return f.screened(yes)
	case yes.hop.Answer != azward.No: // perhaps
		return yes
	case no.hop.Answer == azward.No:
		return no
	case from.Subset(publicAddrs):
		return ruling{hop: f.hop(azward.No, nil, firewallDefault)}
	}
	r := f.byName(region, to, protocol)
	if r.hop.Answer == azward.Yes && no.hop.Answer != azward.Yes {
		return no // a network rule before them may deny it
	}
	return r
}

// natPart is what of a region one NAT rule takes.
type natPart struct {
	rule           *firewallRule
	certain, maybe netset.Region
	doubt          string
}

// natParts gives a region to the NAT rules in order, each what earlier ones
// left.
func (f *firewall) natParts(to netset.Addrs, protocol netset.Protocol, region netset.Region) []natPart {
	var parts []natPart
	certain, possible := region, region
	for i := range f.nat {
		r := &f.nat[i]
		placed, applies := r.form.at(f, packet{direction: inbound, near: to, protocol: protocol, srcPort: anySourcePort})
		if !applies {
			continue
		}
		sure := netset.Product(placed.Sources, placed.Ports)
		perhaps := netset.Product(placed.Sources.Union(placed.MaybeSources), placed.Ports.Union(placed.MaybePorts))
		part := natPart{rule: r, certain: certain.Intersect(sure), maybe: possible.Intersect(perhaps), doubt: placed.doubt}
		certain, possible = certain.Minus(perhaps), possible.Minus(sure)
		if !part.maybe.IsEmpty() {
			parts = append(parts, part)
		}
	}
	return parts
}

// ports are the ports that a NAT rule makes of others; false when its
// translatedPort is not understood.
func (p natPart) ports(shown netset.Ports) (netset.Ports, bool) {
	switch p.rule.port {
	case "", "*", "0":
		return shown, true
	}
	ports, err := netset.ParsePorts(p.rule.port)
	if err != nil {
		return netset.Ports{}, false
	}
	if ports.Count() == 1 {
		return ports, true
	}
	named, _ := parsePorts(p.rule.form.ports, "destinationPorts")
	return shown, named.Equal(ports) // a range that stays as it is
}
