package exposure

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// ruleForm is a rule of a packet filter, whichever filter it is of. Near is
// the side of the one whose filter it is: the destination of inbound rules,
// the source of outbound ones.
type ruleForm struct {
	access      netset.Access
	protocols   []string
	near, far   sideForm
	sourcePorts []string
	ports       []string
	unclear     string // why it may or may not match at all
}

// sideForm is what a rule says of one side.
type sideForm struct {
	property string   // as the rule calls it, for gaps
	names    []string // addresses, prefixes and service tags
	groups   []estate.ResourceRef
	// unclear says that the side names something whose addresses are not
	// known, and what.
	unclear string
	fixed   *named // what it stands for everywhere, where it names addresses alone
}

// settled reads a side that names addresses alone, once for all places.
func (s sideForm) settled() sideForm {
	if s.unclear != "" || len(s.groups) > 0 || len(s.names) == 0 {
		return s
	}
	exact := make([]netip.Prefix, 0, len(s.names))
	var all named
	for _, name := range s.names {
		p, whole, err := netset.ParsePrefix(name)
		switch {
		case isAny(name):
			all.add(named{certain: netset.AllAddrs()})
		case err != nil:
			return s
		case whole:
			exact = append(exact, p)
		default:
			all.add(nameOf(nil, name))
		}
	}
	all.certain = all.certain.Union(netset.PrefixAddrs(exact...))
	s.fixed = &all
	return s
}

// named is what one name, or a whole side, stands for.
type named struct {
	certain, maybe netset.Addrs
	doubt          string // why maybe is not certain
	tag            string // the name is this service tag
	evidence       []azward.Evidence
}

// add unites two, keeping the first doubt.
func (n *named) add(o named) {
	n.certain, n.maybe = n.certain.Union(o.certain), n.maybe.Union(o.maybe)
	if n.doubt == "" {
		n.doubt = o.doubt
	}
	n.evidence = append(n.evidence, o.evidence...)
}

// vantage is where rules are read: what names and groups mean there.
type vantage interface {
	// name resolves an address, prefix or service tag.
	name(s string) named
	// member says whether the near side is in one of the groups.
	member(groups []estate.ResourceRef) bool
	// members are the addresses in the groups.
	members(groups []estate.ResourceRef) named
}

// placedRule is a rule as it matches packets of one kind at one place.
type placedRule struct {
	netset.Rule
	doubt    string // why it may or may not match
	tag      string // its far side is this service tag alone
	evidence []azward.Evidence
}

// placedSides is what a rule's sides mean at a place, whatever the protocol.
type placedSides struct {
	near    azward.Answer // whether the near side holds the near end
	nearWhy string        // why that is not certain
	far     named
	rest    netset.Addrs // what far may hold besides what it holds for certain
}

// sides reads both sides at a place.
func (f ruleForm) sides(at vantage, near netset.Addrs) (s placedSides) {
	s.near, s.nearWhy = f.near.holds(at, near)
	s.far = f.far.stands(at)
	s.rest = s.far.maybe.Minus(s.far.certain)
	return s
}

// at reads the rule at a place; false when no packet of this kind matches it
// for certain.
func (f ruleForm) at(at vantage, p packet) (out placedRule, applies bool) {
	return f.matching(f.sides(at, p.near), p)
}

// matching reads the rule for packets of one kind.
func (f ruleForm) matching(s placedSides, p packet) (out placedRule, applies bool) {
	protocol, doubt := matchProtocols(f.protocols, p.protocol)
	source, why := matchSourcePorts(f.sourcePorts, p)
	doubt = firstOf(firstOf(doubt, why), s.nearWhy)
	certain := azward.All(protocol, s.near, source)
	if certain == azward.Yes && f.unclear != "" {
		certain, doubt = azward.Unknown, f.unclear
	}
	if certain == azward.No {
		return out, false
	}
	ports, maybePorts, why := matchPorts(f.ports, p.protocol)
	doubt = firstOf(doubt, why)
	if ports.IsEmpty() && maybePorts.IsEmpty() {
		return out, false
	}
	out.Rule = netset.Rule{Access: f.access, Ports: ports, MaybePorts: maybePorts, Sources: s.far.certain, MaybeSources: s.rest}
	if certain != azward.Yes {
		out.Sources, out.MaybeSources = netset.Addrs{}, s.far.certain.Union(s.rest)
	}
	if f.access == netset.Unclear {
		doubt = firstOf(doubt, "its access is neither Allow nor Deny")
	}
	out.doubt, out.tag, out.evidence = firstOf(doubt, s.far.doubt), s.far.tag, s.far.evidence
	return out, !out.Sources.IsEmpty() || !out.MaybeSources.IsEmpty()
}

func firstOf(a, b string) string {
	if a != "" {
		return a
	}
	return b
}

// matchProtocols compares with the rule's protocols, without regard to case.
func matchProtocols(list []string, p netset.Protocol) (azward.Answer, string) {
	answer, doubt := azward.No, ""
	for _, s := range list {
		switch lower := strings.ToLower(s); {
		case lower == "*" || lower == "any" || lower == p.String():
			return azward.Yes, ""
		case slices.Contains([]string{"tcp", "udp", "icmp", "esp", "ah"}, lower):
		default:
			answer, doubt = azward.Unknown, fmt.Sprintf("azward does not know the protocol %q", s)
		}
	}
	if len(list) == 0 {
		return azward.Unknown, "it names no protocol"
	}
	return answer, doubt
}

// matchSourcePorts: an attacker chooses the source port, so a rule that names
// some matches some of the packets.
func matchSourcePorts(list []string, p packet) (azward.Answer, string) {
	if len(list) == 0 {
		return azward.Yes, ""
	}
	ports, doubt := parsePorts(list, "sourcePortRange")
	switch {
	case ports.IsAll():
		return azward.Yes, ""
	case !p.protocol.HasPorts():
		return azward.Unknown, p.protocol.String() + " has no ports, and the rule names source ports"
	case p.srcPort < 0:
		return azward.Unknown, "it holds for some source ports alone, which clients choose"
	case ports.Contains(uint16(p.srcPort)):
		return azward.Yes, ""
	case doubt != "":
		return azward.Unknown, doubt
	}
	return azward.No, ""
}

// matchPorts unites the rule's destination ports. A protocol without ports
// matches a rule for all ports; whether one that names ports matches it is not
// documented.
func matchPorts(list []string, p netset.Protocol) (certain, maybe netset.Ports, doubt string) {
	if len(list) == 0 {
		return netset.Ports{}, netset.AllPorts(), "it names no destination port"
	}
	certain, doubt = parsePorts(list, "destinationPortRange")
	if doubt != "" {
		maybe = netset.AllPorts()
	}
	if !p.HasPorts() && !certain.IsAll() {
		return netset.Ports{}, netset.AllPorts(), p.String() + " has no ports, and the rule names some"
	}
	return certain, maybe, doubt
}

func parsePorts(list []string, property string) (ports netset.Ports, doubt string) {
	for _, s := range list {
		parsed, err := netset.ParsePorts(s)
		if err != nil {
			doubt = fmt.Sprintf("%.40q of %s is no port range", s, property)
			continue
		}
		ports = ports.Union(parsed)
	}
	return ports, doubt
}

// holds answers whether the near end is one of those that the side names.
func (s sideForm) holds(at vantage, near netset.Addrs) (azward.Answer, string) {
	if len(s.groups) > 0 && len(s.names) == 0 && s.unclear == "" {
		if at.member(s.groups) {
			return azward.Yes, ""
		}
		return azward.No, ""
	}
	all := s.stands(at)
	switch {
	case all.certain.Equal(netset.AllAddrs()):
		return azward.Yes, ""
	case near.IsEmpty():
		return azward.Unknown, "the address that the packet names there is not known"
	case near.Subset(all.certain):
		return azward.Yes, ""
	case near.Overlaps(all.certain.Union(all.maybe)):
		return azward.Unknown, firstOf(all.doubt, "it names a part of the addresses there")
	}
	return azward.No, ""
}

// stands unites what the side names. Groups beside names contradict what ARM
// accepts: such a side may hold each of them.
func (s sideForm) stands(at vantage) named {
	if s.fixed != nil {
		return *s.fixed
	}
	if s.unclear != "" {
		return named{maybe: netset.AllAddrs(), doubt: s.unclear}
	}
	if len(s.names) == 0 && len(s.groups) == 0 {
		return named{maybe: netset.AllAddrs(), doubt: s.property + " names nothing"}
	}
	if len(s.names) == 1 && len(s.groups) == 0 {
		return at.name(s.names[0])
	}
	var all named
	for _, name := range s.names {
		all.add(at.name(name))
	}
	if len(s.groups) > 0 {
		all.add(at.members(s.groups))
	}
	if len(s.names) > 0 && len(s.groups) > 0 {
		all.certain, all.maybe = netset.Addrs{}, all.certain.Union(all.maybe)
		all.doubt = s.property + " names both addresses and application security groups"
	}
	return all
}

func isAny(s string) bool {
	return s == "*" || s == "0.0.0.0/0" || strings.EqualFold(s, "any")
}

// platformAddrs are the host's and the metadata service's addresses.
//
// Source: https://learn.microsoft.com/azure/virtual-network/what-is-ip-address-168-63-129-16
var (
	hostAddr      = netset.OneAddr(netip.AddrFrom4([4]byte{168, 63, 129, 16}))
	platformAddrs = hostAddr.Union(netset.OneAddr(netip.AddrFrom4([4]byte{169, 254, 169, 254})))
)

// nameOf resolves what means the same everywhere: addresses, prefixes and the
// tags of the estate's list.
func nameOf(e *estate.Estate, s string) named {
	if isAny(s) {
		return named{certain: netset.AllAddrs()}
	}
	if p, exact, err := netset.ParsePrefix(s); err == nil {
		if !exact {
			return named{maybe: netset.PrefixAddrs(p), doubt: fmt.Sprintf("%q has host bits set", s)}
		}
		return named{certain: netset.PrefixAddrs(p)}
	}
	if !isTagName(s) {
		return named{maybe: netset.AllAddrs(), doubt: fmt.Sprintf("%.60q is neither an address nor a service tag", s)}
	}
	switch strings.ToLower(s) {
	case "azureplatformdns", "azureplatformimds", "azureplatformlkm":
		return named{maybe: platformAddrs.Union(publicAddrs), doubt: "azward does not follow the tag " + s, tag: s}
	}
	addrs, evidence, doubt := serviceTag(e, s)
	if doubt != "" { // tags of services hold public addresses alone
		return named{maybe: publicAddrs, doubt: doubt, tag: s}
	}
	return named{certain: addrs, tag: s, evidence: evidence}
}
