package exposure

import (
	"cmp"
	"encoding/json"
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

// layer is one filter's decision about every (far address, destination port)
// for one protocol.
type layer struct {
	group     *estate.Resource
	gap       *azward.Gap // the group could not be read
	where     string      // "subnet" or "network interface"
	admin     bool        // security admin rules of a virtual network
	direction direction
	rules     []ruleRef
	painted   netset.Map[netset.Cell]
}

// ruleRef says where a rule of the painted map stands.
type ruleRef struct {
	of       *estate.Resource // nil: the layer's group
	name     string
	pointer  string // of its properties
	access   string
	priority int
	built    bool   // not in the body: documented, and the same everywhere
	doubt    string // why it may or may not match
	tag      string // its far side is this service tag alone
	evidence []azward.Evidence
}

// packet is what a filter is asked about besides far address and port: the
// near end as the packet names it, and the source port where one is known.
type packet struct {
	direction direction
	near      netset.Addrs
	protocol  netset.Protocol
	srcPort   int // or anySourcePort, everySourcePort
}

// groupView is a network security group with its rules in the order in which
// they are evaluated, default rules last.
type groupView struct {
	inbound, outbound []groupRule
	// whether some of them are for a part of the source ports alone
	inboundPorts, outboundPorts bool
}

type groupRule struct {
	form ruleForm
	ref  ruleRef
}

func (v *groupView) of(d direction) []groupRule {
	if d == outbound {
		return v.outbound
	}
	return v.inbound
}

// UnmarshalJSON reads a group. A list of default rules that is missing or
// empty stands for the documented ones.
func (v *groupView) UnmarshalJSON(body []byte) error {
	var g estate.NetworkSecurityGroup
	if err := json.Unmarshal(body, &g); err != nil {
		return err
	}
	defaults, built := defaultRules(), true
	if list := g.Properties.DefaultSecurityRules; list != nil && len(*list) > 0 {
		defaults, built = *list, false
	}
	for _, d := range []direction{inbound, outbound} {
		rules := groupRules(g.Properties.SecurityRules, "/properties/securityRules", d, false)
		contradictions(rules)
		rules = append(rules, groupRules(defaults, "/properties/defaultSecurityRules", d, built)...)
		slices.SortStableFunc(rules, byPriority)
		if d == inbound {
			v.inbound, v.inboundPorts = rules, namesSourcePorts(rules)
		} else {
			v.outbound, v.outboundPorts = rules, namesSourcePorts(rules)
		}
	}
	return nil
}

func byPriority(a, b groupRule) int { return cmp.Compare(a.ref.priority, b.ref.priority) }

func groupRules(rules []estate.SecurityRule, pointer string, d direction, built bool) []groupRule {
	var list []groupRule
	for i, r := range rules {
		p := r.Properties
		source := sideForm{property: "sourceAddressPrefix", names: both(p.SourceAddressPrefix, p.SourceAddressPrefixes), groups: p.SourceApplicationSecurityGroups}
		destination := sideForm{property: "destinationAddressPrefix", names: both(p.DestinationAddressPrefix, p.DestinationAddressPrefixes), groups: p.DestinationApplicationSecurityGroups}
		form := ruleForm{
			access: accessOf(p.Access), near: destination, far: source,
			sourcePorts: both(p.SourcePortRange, p.SourcePortRanges), ports: both(p.DestinationPortRange, p.DestinationPortRanges),
		}
		if p.Protocol != "" {
			form.protocols = []string{p.Protocol}
		}
		if d == outbound {
			form.near, form.far = source, destination
		}
		switch {
		case strings.EqualFold(p.Direction, string(d)):
		case strings.EqualFold(p.Direction, string(inbound)), strings.EqualFold(p.Direction, string(outbound)):
			continue
		default:
			form.unclear = fmt.Sprintf("its direction %q is neither Inbound nor Outbound", p.Direction)
		}
		form.near, form.far = form.near.settled(), form.far.settled()
		list = append(list, groupRule{form, ruleRef{
			name: r.Name, pointer: fmt.Sprintf("%s/%d/properties", pointer, i), access: p.Access, priority: p.Priority, built: built,
		}})
	}
	return list
}

// contradictions marks rules of one priority that say different things: ARM
// refuses them, so which comes first is not known.
func contradictions(rules []groupRule) {
	at := make(map[int]int, len(rules))
	for i := range rules {
		j, taken := at[rules[i].ref.priority]
		if !taken {
			at[rules[i].ref.priority] = i
			continue
		}
		if rules[i].form.access != rules[j].form.access {
			rules[i].form.unclear = fmt.Sprintf("rule %s has the same priority", rules[j].ref.name)
			rules[j].form.unclear = fmt.Sprintf("rule %s has the same priority", rules[i].ref.name)
		}
	}
}

func accessOf(s string) netset.Access {
	switch strings.ToLower(s) {
	case "allow":
		return netset.Allow
	case "deny":
		return netset.Deny
	}
	return netset.Unclear
}

// both unites the singular and the plural of a field.
func both(single string, list []string) []string {
	all := nonEmpty(slices.Clone(list))
	if single != "" && !slices.Contains(all, single) {
		all = append(all, single)
	}
	return all
}

func nonEmpty(list []string) []string {
	return slices.DeleteFunc(list, func(s string) bool { return s == "" })
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

// layers gives the security groups of an interface in the order in which Azure
// applies them. A layer without a group lets everything on and is left out.
//
// Source: https://learn.microsoft.com/azure/virtual-network/network-security-group-how-it-works
func (n *netInterface) layers(e *estate.Estate, p packet) []layer {
	if n.painted == nil || p.near != n.own || p.srcPort >= 0 {
		return n.paintLayers(e, p)
	}
	key := paintedKey{p.direction, p.protocol}
	n.painted.mu.Lock()
	defer n.painted.mu.Unlock()
	if all, ok := n.painted.held[key]; ok {
		return all
	}
	if n.painted.held == nil {
		n.painted.held = map[paintedKey][]layer{}
	}
	all := n.paintLayers(e, p)
	n.painted.held[key] = all
	return all
}

func (n *netInterface) paintLayers(e *estate.Estate, p packet) []layer {
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
		l := layer{group: ref.resource, gap: ref.missing, where: ref.where, direction: p.direction}
		if l.gap == nil {
			v, err := estate.Decode[groupView](l.group)
			if err == nil {
				made := tablesOf(e).at(e, n, l.group, v, p)
				l.rules, l.painted, l.gap = made.rules, made.cells, made.gap
			} else {
				gap := unparsed(l.group, err)
				l.gap = &gap
			}
		}
		if l.gap != nil {
			l.painted = netset.Constant(netset.Cell{Answer: azward.Unknown, Rule: -1, Other: -1})
		}
		all = append(all, l)
	}
	return all
}

// paint decides rules that come in their order.
func (l *layer) paint(at vantage, list []groupRule, p packet, otherwise azward.Answer) {
	var rules []netset.Rule
	rules, l.rules = matchingRules(list, func(i int) (placedRule, bool) { return list[i].form.at(at, p) })
	l.painted, l.gap = checked(l.group, netset.Paint(rules, otherwise), rules, otherwise)
}

// matchingRules keeps those that may match, with where they stand.
func matchingRules(list []groupRule, match func(i int) (placedRule, bool)) ([]netset.Rule, []ruleRef) {
	rules, refs := make([]netset.Rule, 0, len(list)), make([]ruleRef, 0, len(list))
	for i := range list {
		placed, applies := match(i)
		if !applies {
			continue
		}
		rules = append(rules, placed.Rule)
		ref := list[i].ref
		ref.doubt, ref.tag, ref.evidence = placed.doubt, placed.tag, placed.evidence
		refs = append(refs, ref)
	}
	return rules, refs
}

// nicPlace reads rules at an interface.
type nicPlace struct {
	e *estate.Estate
	n *netInterface
}

func (at nicPlace) member(groups []estate.ResourceRef) bool { return at.n.inASG(groups) }

func (at nicPlace) members(groups []estate.ResourceRef) named {
	addrs, whole := members(at.e, groups)
	if whole {
		return named{certain: addrs}
	}
	return named{certain: addrs, maybe: at.n.vnet.Union(at.n.beyond), doubt: "not all members of its application security groups were read"}
}

func (at nicPlace) name(s string) named {
	n := at.n
	switch strings.ToLower(s) {
	case "internet":
		return named{certain: publicAddrs.Minus(n.vnet).Minus(n.beyond), maybe: publicAddrs.Intersect(n.beyond), doubt: n.beyondWhy}
	case "virtualnetwork":
		return named{certain: n.vnet, maybe: n.beyond, doubt: n.beyondWhy}
	case "azureloadbalancer":
		return named{certain: hostAddr}
	}
	return nameOf(at.e, s)
}

// evidence cites the rule that decided a cell.
func (l *layer) evidence(rule int32) []azward.Evidence {
	if l.admin && rule < 0 {
		return []azward.Evidence{l.group.Evidence("/properties", "no security admin rule deployed here decides")}
	}
	if rule < 0 || int(rule) >= len(l.rules) {
		return []azward.Evidence{documented(l.group, "/properties/defaultSecurityRules", "what no rule allows is denied")}
	}
	r := l.rules[rule]
	of := r.of
	if of == nil {
		of = l.group
	}
	words := fmt.Sprintf("%s (priority %d) says %s", r.name, r.priority, strings.ToLower(r.access))
	if r.built {
		return append([]azward.Evidence{documented(of, r.pointer, words)}, r.evidence...)
	}
	return append([]azward.Evidence{of.Evidence(r.pointer, words)}, r.evidence...)
}

// maxRulesCited keeps a hop readable; the regions hold the rest.
const maxRulesCited = 3

// verdict is what a layer says of a region.
type verdict struct {
	hop            Hop
	certain, maybe netset.Region
	class          Class    // of the farthest sources that get on for certain
	tags           []string // the service tags that admit all of certain; empty where other rules do too
	gap            azward.Gap
}

// decide sends what is certain and what may be through one layer.
func (l *layer) decide(certain, maybe netset.Region, protocol netset.Protocol) verdict {
	v := verdict{hop: Hop{Kind: "networkSecurityGroup"}, maybe: maybe}
	if l.gap != nil {
		v.hop.Resource, v.hop.Summary, v.gap = l.gap.Scope, "the security group of the "+l.where+" could not be read", *l.gap
		if l.gap.Kind == azward.GapFailed {
			v.hop.Summary = l.gap.Error
		}
		return v
	}
	v.hop.Resource, v.hop.Name = l.group.ID, l.group.Name
	name := l.group.Name
	if l.admin {
		name = "security admin rules"
		v.hop.Kind, v.hop.Name = "securityAdminRules", name
	}
	v.certain = l.painted.Select(certain, func(c netset.Cell) bool { return c.Answer == azward.Yes })
	v.maybe = l.painted.Select(maybe, func(c netset.Cell) bool { return c.Answer != azward.No })
	to := "in"
	if l.direction == outbound {
		to = "out"
	}
	var rules []int32
	switch {
	case !v.certain.IsEmpty():
		v.hop.Answer = azward.Yes
		rules = l.yes(&v)
		v.hop.Summary = fmt.Sprintf("%s of the %s lets %s %s: %s", name, l.where, portWords(protocol, v.certain.Ports()), to, l.names(rules))
	case v.maybe.IsEmpty():
		v.hop.Answer = azward.No
		rules = l.deciding(maybe, azward.No)
		v.hop.Summary = fmt.Sprintf("%s of the %s lets no %s %s%s: %s", l.title(), l.where, whose(maybe), to, onPorts(protocol, maybe.Ports()), l.names(rules))
	default:
		rules = l.deciding(v.maybe, azward.Unknown)
		v.hop.Summary = fmt.Sprintf("whether %s of the %s lets it %s cannot be told: %s", l.title(), l.where, to, l.names(rules))
		v.gap = l.doubt(rules, v.hop.Summary)
	}
	for _, r := range rules[:min(len(rules), maxRulesCited)] {
		v.hop.Evidence = append(v.hop.Evidence, l.evidence(r)...)
	}
	if len(rules) == 1 && rules[0] >= 0 {
		v.hop.Name += " / " + l.rules[rules[0]].name
	}
	return v
}

// title is how a sentence names the filter.
func (l *layer) title() string {
	if l.admin {
		return "security admin rules"
	}
	return "security group " + l.group.Name
}

func portWords(protocol netset.Protocol, ports netset.Ports) string {
	if !protocol.HasPorts() {
		return protocol.String()
	}
	return protocol.String() + " " + ports.String()
}

// onPorts names the ports of a question that is not about all.
func onPorts(protocol netset.Protocol, ports netset.Ports) string {
	if ports.IsAll() {
		return ""
	}
	return " on " + portWords(protocol, ports)
}

// whose names the sources of a region that is denied as a whole.
func whose(r netset.Region) string {
	sources := r.Sources()
	if len(sources.Ranges()) == 1 && classOf(sources) == InternetRestricted {
		return "packet from " + strings.Join(sources.Strings(), ", ")
	}
	if sources.Subset(publicAddrs) {
		return "public address"
	}
	return "such packet"
}

// yes fills in who gets on for certain, and returns the rules that let them.
func (l *layer) yes(v *verdict) []int32 {
	var rules []int32
	v.class = None
	tagged := true
	for cell, region := range l.painted.Values(v.certain) {
		if cell.Answer != azward.Yes {
			continue
		}
		if !slices.Contains(rules, cell.Rule) {
			rules = append(rules, cell.Rule)
		}
		class := classOf(region.Sources())
		if cell.Rule >= 0 && l.rules[cell.Rule].tag != "" {
			tag := l.rules[cell.Rule].tag
			class = classOfTag(tag)
			if !slices.Contains(v.tags, tag) {
				v.tags = append(v.tags, tag)
			}
		} else {
			tagged = false
		}
		if slices.Index(classes, class) < slices.Index(classes, v.class) {
			v.class = class
		}
	}
	if !tagged {
		v.tags = nil
	}
	slices.Sort(v.tags)
	slices.Sort(rules)
	return rules
}

// deciding are the rules that decided cells of a region with this answer.
func (l *layer) deciding(within netset.Region, answer azward.Answer) []int32 {
	var rules []int32
	for cell := range l.painted.Values(within) {
		if cell.Answer == answer && !slices.Contains(rules, cell.Rule) {
			rules = append(rules, cell.Rule)
		}
	}
	slices.Sort(rules)
	return rules
}

// doubt is the gap of the first rule that may or may not match.
func (l *layer) doubt(rules []int32, summary string) azward.Gap {
	gap := azward.Gap{Scope: l.group.ID, Kind: azward.GapUnsupported, Reads: "securityRules", Error: summary}
	for _, i := range rules {
		if i < 0 || l.rules[i].doubt == "" {
			continue
		}
		r := l.rules[i]
		gap.Reads, gap.Error = r.pointer, fmt.Sprintf("rule %s: %s", r.name, r.doubt)
		if r.of != nil {
			gap.Scope = r.of.ID
		}
		break
	}
	return gap
}

func (l *layer) names(rules []int32) string {
	var names []string
	for _, r := range rules[:min(len(rules), maxRulesCited)] {
		if r >= 0 && int(r) < len(l.rules) {
			names = append(names, fmt.Sprintf("%s (priority %d)", l.rules[r].name, l.rules[r].priority))
		}
	}
	if len(rules) > maxRulesCited {
		names = append(names, "…")
	}
	if len(names) == 0 {
		return "no rule decides"
	}
	return strings.Join(names, ", ")
}
