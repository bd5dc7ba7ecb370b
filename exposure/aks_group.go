package exposure

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// nodeGroupView is a network security group as it filters one port of the nodes.
type nodeGroupView struct {
	Properties struct {
		SecurityRules        []nodeGroupRule  `json:"securityRules"`
		DefaultSecurityRules *[]nodeGroupRule `json:"defaultSecurityRules"`
	} `json:"properties"`
}

type nodeGroupRule struct {
	Name       string `json:"name"`
	Properties struct {
		Priority                  int      `json:"priority"`
		Direction                 string   `json:"direction"`
		Access                    string   `json:"access"`
		Protocol                  string   `json:"protocol"`
		SourceAddressPrefix       string   `json:"sourceAddressPrefix"`
		SourceAddressPrefixes     []string `json:"sourceAddressPrefixes"`
		SourceGroups              []idRef  `json:"sourceApplicationSecurityGroups"`
		SourcePortRange           string   `json:"sourcePortRange"`
		SourcePortRanges          []string `json:"sourcePortRanges"`
		DestinationAddressPrefix  string   `json:"destinationAddressPrefix"`
		DestinationAddressPrefixs []string `json:"destinationAddressPrefixes"`
		DestinationGroups         []idRef  `json:"destinationApplicationSecurityGroups"`
		DestinationPortRange      string   `json:"destinationPortRange"`
		DestinationPortRanges     []string `json:"destinationPortRanges"`
	} `json:"properties"`
}

// doubt is a three-valued match of one field.
type fieldMatch struct {
	answer azward.Answer
	cause  string
}

// groupHop appends a security group as it decides public sources on one port.
// Destination is the frontend's address where the packet keeps it (floating
// IP, the way AKS sets rules up); invalid when it is the node's own, which
// differs from node to node. Shown is the port that clients use.
//
// Source: https://learn.microsoft.com/azure/virtual-network/network-security-group-how-it-works
func (w *way) groupHop(g nodeGroup, destination netip.Addr, protocol string, port int, shown string, family netset.Addrs) {
	h := Hop{Resource: g.ID, Kind: "networkSecurityGroup", Name: g.Name}
	v, err := estate.Decode[nodeGroupView](g.Resource)
	if err != nil {
		h.Summary = "the security group has an unexpected shape"
		w.doubt(h, unparsed(g.Resource, err))
		return
	}
	l := sourceList{otherwise: azward.No, evidence: documented(g.Resource, "/properties/defaultSecurityRules", "DenyAllInBound (priority 65500) denies the rest")}
	l.group(g, "/properties/securityRules", v.Properties.SecurityRules, destination, protocol, port)
	switch {
	case v.Properties.DefaultSecurityRules != nil:
		l.group(g, "/properties/defaultSecurityRules", *v.Properties.DefaultSecurityRules, destination, protocol, port)
	case g.wide:
		l.rules = append(l.rules, sourceRule{
			access: netset.Allow, maybe: netset.AllAddrs(), gap: g.wideGap("/properties/defaultSecurityRules"),
			evidence: documented(g.Resource, "/properties/defaultSecurityRules", "AllowVnetInBound (priority 65000)"),
		})
	}
	for i := range l.rules {
		l.rules[i].sources = l.rules[i].sources.Intersect(family)
		l.rules[i].maybe = l.rules[i].maybe.Intersect(family)
	}
	l.filterGroup(w, h, protocol, shown)
}

// currentSources are the sources that the way still has.
func currentSources(w *way) (netset.Addrs, bool) {
	var all netset.Addrs
	for _, f := range w.flows {
		s, exact := sourcesOf(f)
		if !exact {
			return publicAddrs, false
		}
		all = all.Union(s)
	}
	return all, len(w.flows) > 0
}

// filterGroup is filter with the words of a security group.
func (l sourceList) filterGroup(w *way, h Hop, protocol, shown string) {
	l.filter(w, h, protocol, shown)
	last := &w.hops[len(w.hops)-1]
	if last.Answer == azward.No {
		last.Summary = "security group " + h.Name + " lets no public address in on " + protocol + " " + shown
	}
	for _, r := range l.rules {
		if last.Answer == azward.Yes && r.access == netset.Allow && slices.ContainsFunc(last.Evidence, func(e azward.Evidence) bool { return e.Property == r.evidence.Property }) {
			last.Name = h.Name + " / " + r.evidence.Meaning
			break
		}
	}
}

// group adds the inbound rules that may match the port, by priority.
func (l *sourceList) group(g nodeGroup, pointer string, rules []nodeGroupRule, destination netip.Addr, protocol string, port int) {
	order := make([]int, len(rules))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(rules[a].Properties.Priority, rules[b].Properties.Priority) })
	for _, i := range order {
		p := &rules[i].Properties
		if !strings.EqualFold(p.Direction, "Inbound") {
			continue
		}
		at := pointer + "/" + strconv.Itoa(i)
		match := []fieldMatch{
			matchProtocol(p.Protocol, protocol), matchDestinationPort(p.DestinationPortRange, p.DestinationPortRanges, port),
			matchSourcePort(p.SourcePortRange, p.SourcePortRanges), g.matchDestination(p.DestinationAddressPrefix, p.DestinationAddressPrefixs, p.DestinationGroups, destination),
		}
		if slices.ContainsFunc(match, func(m fieldMatch) bool { return m.answer == azward.No }) {
			continue
		}
		rule := sourceRule{
			access:   restrictionAccess(p.Access),
			evidence: g.Evidence(at, fmt.Sprintf("%s (priority %d): %s", rules[i].Name, p.Priority, strings.ToLower(p.Access))),
		}
		if p.Access == "" {
			rule.access = netset.Unclear
		}
		g.matchSources(&rule, append([]string{p.SourceAddressPrefix}, p.SourceAddressPrefixes...), at)
		for _, m := range match {
			if m.answer == azward.Unknown {
				rule.maybe, rule.sources, rule.tag = rule.maybe.Union(rule.sources), netset.Addrs{}, ""
				rule.gap = azward.Gap{Scope: g.ID, Kind: azward.GapUnsupported, Reads: at, Error: m.cause}
			}
		}
		l.rules = append(l.rules, rule)
	}
}

func matchProtocol(rule, protocol string) fieldMatch {
	if rule == "*" || strings.EqualFold(rule, protocol) {
		return fieldMatch{answer: azward.Yes}
	}
	switch strings.ToLower(rule) {
	case "tcp", "udp", "icmp", "esp", "ah":
		return fieldMatch{answer: azward.No}
	}
	return fieldMatch{cause: fmt.Sprintf("azward does not know the protocol %q", rule)}
}

func matchDestinationPort(single string, list []string, port int) fieldMatch {
	result := fieldMatch{answer: azward.No}
	for _, s := range append([]string{single}, list...) {
		if s == "" {
			continue
		}
		ports, err := netset.ParsePorts(s)
		switch {
		case err != nil:
			result = fieldMatch{cause: fmt.Sprintf("%q is no port range", s)}
		case ports.Contains(uint16(port)):
			return fieldMatch{answer: azward.Yes}
		}
	}
	return result
}

// matchSourcePort: a client picks its own port, so a rule on source ports may
// be met or avoided.
func matchSourcePort(single string, list []string) fieldMatch {
	for _, s := range append([]string{single}, list...) {
		if ports, err := netset.ParsePorts(s); s == "" || err == nil && ports.IsAll() {
			continue
		}
		return fieldMatch{cause: "the rule holds for some source ports alone, which clients pick"}
	}
	return fieldMatch{answer: azward.Yes}
}

func (g nodeGroup) matchDestination(single string, list []string, groups []idRef, at netip.Addr) fieldMatch {
	if len(groups) > 0 {
		return fieldMatch{cause: "which nodes are in the destination's application security groups is not followed"}
	}
	result := fieldMatch{answer: azward.No}
	for _, s := range append([]string{single}, list...) {
		m := g.matchDestinationPrefix(s, at)
		if m.answer == azward.Yes {
			return m
		}
		if m.answer == azward.Unknown {
			result = m
		}
	}
	return result
}

func (g nodeGroup) matchDestinationPrefix(s string, at netip.Addr) fieldMatch {
	p, _, err := netset.ParsePrefix(s)
	switch {
	case s == "":
		return fieldMatch{answer: azward.No}
	case s == "*" || strings.EqualFold(s, "Any"):
		return fieldMatch{answer: azward.Yes}
	case err == nil && p.Bits() == 0:
		return fieldMatch{answer: azward.Yes}
	case err == nil && at.IsValid():
		if p.Contains(at) {
			return fieldMatch{answer: azward.Yes}
		}
		return fieldMatch{answer: azward.No}
	case strings.EqualFold(s, "VirtualNetwork") && !at.IsValid():
		return fieldMatch{answer: azward.Yes}
	case strings.EqualFold(s, "VirtualNetwork") && publicAddrs.Contains(at) && !g.wide:
		return fieldMatch{answer: azward.No}
	}
	return fieldMatch{cause: fmt.Sprintf("whether the destination %q holds the frontend or the nodes is not known", s)}
}

// matchSources fills in the public sources of a rule. Rules for application
// security groups, the virtual network and the load balancer's probes hold no
// public address.
func (g nodeGroup) matchSources(r *sourceRule, list []string, at string) {
	for _, s := range list {
		p, exact, err := netset.ParsePrefix(s)
		switch lower := strings.ToLower(s); {
		case s == "":
		case lower == "*" || lower == "any" || err == nil && p.Bits() == 0 && p.Addr().Is4():
			r.sources = netset.AllAddrs() // 0.0.0.0/0 means every address, like *
		case lower == "internet":
			r.sources = r.sources.Union(publicAddrs)
		case lower == "azureloadbalancer":
		case lower == "virtualnetwork":
			if g.wide {
				r.maybe, r.gap = netset.AllAddrs(), g.wideGap(at)
			}
		case err == nil && exact:
			r.sources = r.sources.Union(netset.PrefixAddrs(p))
		case err == nil:
			r.maybe = netset.AllAddrs()
			r.gap = azward.Gap{Scope: g.ID, Kind: azward.GapUnparsed, Reads: at, Error: fmt.Sprintf("%q has host bits set", s)}
		default:
			r.maybe, r.tag = netset.AllAddrs(), s
			r.gap = azward.Gap{Scope: g.ID, Kind: azward.GapUnsupported, Reads: at, Error: "which addresses the service tag " + s + " holds is not known"}
		}
	}
}

func (g nodeGroup) wideGap(at string) azward.Gap {
	return azward.Gap{
		Scope: g.ID, Kind: azward.GapUnsupported, Reads: at,
		Error: "a default route on the nodes' subnet may widen what the tag VirtualNetwork holds",
	}
}

// nodeGroup is a security group at the nodes. Wide says that the tag
// VirtualNetwork may hold public addresses there: prefixes of user-defined
// routes are part of it.
// Source: https://learn.microsoft.com/azure/virtual-network/service-tags-overview
type nodeGroup struct {
	*estate.Resource
	wide bool
}
