package exposure

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// direction of a packet at an interface.
type direction string

const (
	inbound  direction = "Inbound"
	outbound direction = "Outbound"
)

// layer is one network security group's decision about every (far address,
// destination port) for one protocol.
type layer struct {
	group   *estate.Resource
	gap     *azward.Gap // the group could not be read
	where   string      // "subnet" or "network interface"
	rules   []ruleRef
	painted netset.Map[netset.Cell]
}

// ruleRef says where a rule of the painted map stands.
type ruleRef struct {
	name     string
	pointer  string // of its properties
	access   string
	priority int
	built    bool // not in the body: documented, and the same everywhere
}

// packet is what a filter is asked about besides far address and port: the
// near end as the packet names it, and the source port where one is known.
type packet struct {
	direction direction
	near      netset.Addrs
	protocol  netset.Protocol
	srcPort   int // -1: any
}

// layers gives the filters of an interface in the order in which Azure applies
// them. A layer without a group lets everything on and is left out.
//
// Source: https://learn.microsoft.com/azure/virtual-network/network-security-group-how-it-works
func (n *netInterface) layers(e *estate.Estate, p packet) []layer {
	refs := []struct {
		groupRef
		where string
	}{{n.subnetGroup, "subnet"}, {n.nicGroup, "network interface"}}
	if p.direction == outbound {
		slices.Reverse(refs)
	}
	var all []layer
	for _, ref := range refs {
		if ref.none() {
			continue
		}
		l := layer{group: ref.resource, gap: ref.missing, where: ref.where}
		if l.gap != nil {
			l.painted = netset.Constant(netset.Cell{Answer: azward.Unknown, Rule: -1, Other: -1})
		} else {
			n.paint(e, &l, p)
		}
		all = append(all, l)
	}
	return all
}

// paint decides a group's rules by priority, its default rules last.
func (n *netInterface) paint(e *estate.Estate, l *layer, p packet) {
	v, err := estate.Decode[estate.NetworkSecurityGroup](l.group)
	if err != nil {
		gap := unparsed(l.group, err)
		l.gap = &gap
		l.painted = netset.Constant(netset.Cell{Answer: azward.Unknown, Rule: -1, Other: -1})
		return
	}
	type candidate struct {
		rule estate.SecurityRule
		ref  ruleRef
	}
	var list []candidate
	add := func(rules []estate.SecurityRule, pointer string, built bool) {
		for i, r := range rules {
			if strings.EqualFold(r.Properties.Direction, string(p.direction)) {
				list = append(list, candidate{r, ruleRef{
					name: r.Name, pointer: fmt.Sprintf("%s/%d/properties", pointer, i), access: r.Properties.Access, priority: r.Properties.Priority, built: built,
				}})
			}
		}
	}
	add(v.Properties.SecurityRules, "/properties/securityRules", false)
	if v.Properties.DefaultSecurityRules != nil && len(*v.Properties.DefaultSecurityRules) > 0 {
		add(*v.Properties.DefaultSecurityRules, "/properties/defaultSecurityRules", false)
	} else {
		add(defaultRules(), "/properties/defaultSecurityRules", true)
	}
	slices.SortStableFunc(list, func(a, b candidate) int { return cmp.Compare(a.ref.priority, b.ref.priority) })
	rules := make([]netset.Rule, 0, len(list))
	for _, c := range list {
		rule, applies := n.rule(e, c.rule, p)
		if applies {
			rules = append(rules, rule)
			l.rules = append(l.rules, c.ref)
		}
	}
	l.painted = netset.Paint(rules, azward.No)
}

// defaultRules are those that every group has and none can delete.
//
// Source: https://learn.microsoft.com/azure/virtual-network/network-security-groups-overview#default-security-rules
func defaultRules() []estate.SecurityRule {
	rule := func(name, dir string, priority int, source, destination, access string) estate.SecurityRule {
		r := estate.SecurityRule{Name: name}
		r.Properties.Priority, r.Properties.Direction, r.Properties.Access, r.Properties.Protocol = priority, dir, access, "*"
		r.Properties.SourceAddressPrefix, r.Properties.DestinationAddressPrefix = source, destination
		r.Properties.SourcePortRange, r.Properties.DestinationPortRange = "*", "*"
		return r
	}
	return []estate.SecurityRule{
		rule("AllowVnetInBound", "Inbound", 65000, "VirtualNetwork", "VirtualNetwork", "Allow"),
		rule("AllowAzureLoadBalancerInBound", "Inbound", 65001, "AzureLoadBalancer", "*", "Allow"),
		rule("DenyAllInBound", "Inbound", 65500, "*", "*", "Deny"),
		rule("AllowVnetOutBound", "Outbound", 65000, "VirtualNetwork", "VirtualNetwork", "Allow"),
		rule("AllowInternetOutBound", "Outbound", 65001, "*", "Internet", "Allow"),
		rule("DenyAllOutBound", "Outbound", 65500, "*", "*", "Deny"),
	}
}

// rule turns one rule into what it matches at this interface; applies is false
// when it matches no packet of this kind for certain.
func (n *netInterface) rule(e *estate.Estate, r estate.SecurityRule, p packet) (out netset.Rule, applies bool) {
	protocol := protocolMatches(r.Properties.Protocol, p.protocol)
	near, far := n.nearMatches(r, p), farAddresses(e, n, r, p.direction)
	source := sourcePortMatches(r, p)
	ports, portsKnown := destinationPorts(r, p.protocol)
	certain := azward.All(protocol, near, source)
	if certain == azward.No || ports.IsEmpty() && portsKnown {
		return out, false
	}
	switch strings.ToLower(r.Properties.Access) {
	case "allow":
		out.Access = netset.Allow
	case "deny":
		out.Access = netset.Deny
	default:
		out.Access = netset.Unclear
	}
	out.Ports = ports
	if !portsKnown {
		out.MaybePorts = netset.AllPorts()
	}
	if certain == azward.Yes {
		out.Sources, out.MaybeSources = far.certain, far.maybe
	} else {
		out.MaybeSources = far.certain.Union(far.maybe)
	}
	return out, !out.Sources.IsEmpty() || !out.MaybeSources.IsEmpty()
}

func protocolMatches(rule string, p netset.Protocol) azward.Answer {
	switch strings.ToLower(rule) {
	case "*":
		return azward.Yes
	case "tcp", "udp", "icmp", "esp", "ah":
		if strings.EqualFold(rule, p.String()) {
			return azward.Yes
		}
		return azward.No
	default:
		return azward.Unknown
	}
}

// sourcePortMatches: an attacker chooses the source port, so a rule that names
// some matches some of the packets.
func sourcePortMatches(r estate.SecurityRule, p packet) azward.Answer {
	list := nonEmpty(append(slices.Clone(r.Properties.SourcePortRanges), r.Properties.SourcePortRange))
	if len(list) == 0 || slices.Contains(list, "*") {
		return azward.Yes
	}
	if !p.protocol.HasPorts() {
		return azward.No
	}
	if p.srcPort < 0 {
		return azward.Unknown
	}
	for _, s := range list {
		ports, err := netset.ParsePorts(s)
		if err != nil {
			return azward.Unknown
		}
		if ports.Contains(uint16(p.srcPort)) {
			return azward.Yes
		}
	}
	return azward.No
}

// destinationPorts unites the rule's ports. A protocol without ports matches a
// rule for all ports alone.
func destinationPorts(r estate.SecurityRule, p netset.Protocol) (ports netset.Ports, known bool) {
	list := nonEmpty(append(slices.Clone(r.Properties.DestinationPortRanges), r.Properties.DestinationPortRange))
	if len(list) == 0 {
		return netset.AllPorts(), false
	}
	known = true
	for _, s := range list {
		parsed, err := netset.ParsePorts(s)
		if err != nil {
			known = false
			continue
		}
		ports = ports.Union(parsed)
	}
	if !p.HasPorts() && !ports.IsAll() {
		return netset.Ports{}, known
	}
	return ports, known
}

func nonEmpty(list []string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
}

// nearMatches says whether the rule's near side (destination inbound, source
// outbound) holds this interface.
func (n *netInterface) nearMatches(r estate.SecurityRule, p packet) azward.Answer {
	list, groups := r.Properties.DestinationAddressPrefixes, r.Properties.DestinationApplicationSecurityGroups
	single := r.Properties.DestinationAddressPrefix
	if p.direction == outbound {
		list, groups, single = r.Properties.SourceAddressPrefixes, r.Properties.SourceApplicationSecurityGroups, r.Properties.SourceAddressPrefix
	}
	list = nonEmpty(append(slices.Clone(list), single))
	if len(groups) > 0 && n.inASG(groups) {
		return azward.Yes
	}
	if len(list) == 0 {
		if len(groups) > 0 {
			return azward.No
		}
		return azward.Unknown
	}
	answer := azward.No
	for _, s := range list {
		switch one := n.nearIn(s, p.near); one {
		case azward.Yes:
			return azward.Yes
		case azward.Unknown:
			answer = azward.Unknown
		}
	}
	return answer
}

func (n *netInterface) nearIn(s string, near netset.Addrs) azward.Answer {
	within := func(set netset.Addrs) azward.Answer {
		switch {
		case near.IsEmpty():
			return azward.Unknown
		case near.Subset(set):
			return azward.Yes
		case near.Overlaps(set):
			return azward.Unknown
		}
		return azward.No
	}
	if isAny(s) {
		return azward.Yes
	}
	if p, _, err := netset.ParsePrefix(s); err == nil {
		return within(netset.PrefixAddrs(p))
	}
	switch strings.ToLower(s) {
	case "virtualnetwork":
		if within(n.vnet) == azward.Yes {
			return azward.Yes
		}
		return azward.Any(within(n.vnet), doubtful(within(n.beyond)))
	case "internet":
		return within(publicAddrs.Minus(n.vnet))
	case "azureloadbalancer":
		return within(prefixes([]string{"168.63.129.16/32"}))
	}
	if !near.IsEmpty() && !near.Overlaps(publicAddrs) {
		return azward.No // other tags hold public addresses alone
	}
	return azward.Unknown
}

// doubtful weakens a yes to unknown.
func doubtful(a azward.Answer) azward.Answer {
	if a == azward.Yes {
		return azward.Unknown
	}
	return a
}

func isAny(s string) bool {
	return s == "*" || s == "0.0.0.0/0" || strings.EqualFold(s, "any")
}

// far is what a rule says of the far end: addresses that it names for certain,
// and those that it may name.
type far struct{ certain, maybe netset.Addrs }

func farAddresses(e *estate.Estate, n *netInterface, r estate.SecurityRule, d direction) far {
	list, groups, single := r.Properties.SourceAddressPrefixes, r.Properties.SourceApplicationSecurityGroups, r.Properties.SourceAddressPrefix
	if d == outbound {
		list, groups, single = r.Properties.DestinationAddressPrefixes, r.Properties.DestinationApplicationSecurityGroups, r.Properties.DestinationAddressPrefix
	}
	list = nonEmpty(append(slices.Clone(list), single))
	var f far
	if len(groups) > 0 {
		addrs, whole := members(e, groups)
		f.certain = addrs
		if !whole {
			f.maybe = n.vnet.Union(n.beyond)
		}
	}
	if len(list) == 0 && len(groups) == 0 {
		return far{maybe: netset.AllAddrs()}
	}
	for _, s := range list {
		if isAny(s) {
			f.certain = netset.AllAddrs()
			continue
		}
		if p, _, err := netset.ParsePrefix(s); err == nil {
			f.certain = f.certain.Union(netset.PrefixAddrs(p))
			continue
		}
		switch strings.ToLower(s) {
		case "internet":
			f.certain = f.certain.Union(publicAddrs.Minus(n.vnet).Minus(n.beyond))
			f.maybe = f.maybe.Union(publicAddrs.Intersect(n.beyond))
		case "virtualnetwork":
			f.certain = f.certain.Union(n.vnet)
			f.maybe = f.maybe.Union(n.beyond)
		case "azureloadbalancer":
			f.certain = f.certain.Union(prefixes([]string{"168.63.129.16/32"}))
		default: // a tag whose list azward does not have: public addresses of Azure's services
			f.maybe = f.maybe.Union(publicAddrs)
		}
	}
	f.maybe = f.maybe.Minus(f.certain)
	return f
}

// evidence cites the rule that decided a cell.
func (l *layer) evidence(rule int32) azward.Evidence {
	if rule < 0 || int(rule) >= len(l.rules) {
		return documented(l.group, "/properties/defaultSecurityRules", "what no rule allows is denied")
	}
	r := l.rules[rule]
	words := fmt.Sprintf("%s (priority %d) says %s", r.name, r.priority, strings.ToLower(r.access))
	if r.built {
		return documented(l.group, r.pointer, words)
	}
	return l.group.Evidence(r.pointer, words)
}
