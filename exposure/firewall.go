package exposure

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// Types around Azure Firewall.
const (
	firewallType    = "Microsoft.Network/azureFirewalls"
	firewallGroups  = "Microsoft.Network/firewallPolicies/ruleCollectionGroups"
	maxPolicyDepth  = 4 // Azure allows a parent of a parent; deeper is a loop
	firewallDefault = "no rule matches, and Azure Firewall denies by default"
)

// firewall is an Azure Firewall with its rules in the order in which they are
// processed: NAT, then network, then application rules; of each kind those of
// base policies first, then by group and collection priority.
//
// Source: https://learn.microsoft.com/azure/firewall/rule-processing
type firewall struct {
	e                         *estate.Estate
	r                         *estate.Resource
	public                    []publicEnd
	private                   netset.Addrs // its own addresses inside
	subnet                    azward.ResourceID
	hub                       azward.ResourceID // of Virtual WAN, where it stands in one
	nat, network, application []firewallRule
	threat                    bool // threat intelligence may deny
	missing                   []azward.Gap
}

// publicEnd is a public address of a firewall. An invalid address was not read.
type publicEnd struct {
	address netip.Addr
	hop     Hop
	gap     *azward.Gap
}

type firewallRule struct {
	groupRule
	collection string
	// What a NAT rule makes of a packet.
	translated netip.Addr
	fqdn       string
	port       string
}

type firewallKey struct{ id azward.ResourceKey }

// firewallOf reads a firewall, once an estate.
func firewallOf(e *estate.Estate, r *estate.Resource) *firewall {
	return estate.Memo(e, firewallKey{r.ID.Key()}, func(e *estate.Estate) *firewall { return readFirewall(e, r) })
}

// readFirewall reads a firewall and all its rules. What keeps them from being
// all is in missing.
func readFirewall(e *estate.Estate, r *estate.Resource) *firewall {
	f := &firewall{e: e, r: r}
	v, err := estate.Decode[estate.AzureFirewall](r)
	if err != nil {
		f.missing = append(f.missing, unparsed(r, err))
		return f
	}
	p := v.Properties
	if p.VirtualHub != nil {
		f.hub = p.VirtualHub.ID
	}
	for i, c := range p.IPConfigurations {
		if a, err := netip.ParseAddr(c.Properties.PrivateIPAddress); err == nil {
			f.private = f.private.Union(netset.OneAddr(a))
		}
		if c.Properties.Subnet != nil {
			f.subnet = c.Properties.Subnet.ID
		}
		if c.Properties.PublicIPAddress != nil {
			f.public = append(f.public, f.publicEnd(i, c.Properties.PublicIPAddress.ID))
		}
	}
	if p.HubIPAddresses != nil {
		for i, a := range p.HubIPAddresses.PublicIPs.Addresses {
			f.hubEnd(i, a.Address)
		}
	}
	f.threat = strings.EqualFold(p.ThreatIntelMode, "Deny")
	if p.FirewallPolicy != nil {
		f.policy(p.FirewallPolicy.ID, 0)
		return f
	}
	f.classic(v)
	return f
}

func (f *firewall) publicEnd(i int, id azward.ResourceID) publicEnd {
	r, ok := f.e.Resource(id)
	if !ok {
		gap := unreadRef(f.e, id)
		return publicEnd{gap: gap, hop: Hop{
			Resource: id, Kind: "publicIPAddress", Name: id.Name(), Summary: "the firewall's public address could not be read",
			Evidence: []azward.Evidence{f.r.Evidence(fmt.Sprintf("/properties/ipConfigurations/%d", i), "names a public address")},
		}}
	}
	h, _, gap := addressHop(r)
	end := publicEnd{hop: h, gap: gap}
	if v, err := estate.Decode[estate.PublicIPAddress](r); err == nil {
		end.address, _ = netip.ParseAddr(v.Properties.IPAddress)
	}
	return end
}

func (f *firewall) hubEnd(i int, text string) {
	address, err := netip.ParseAddr(text)
	if err != nil {
		return // not allocated
	}
	f.public = append(f.public, publicEnd{address: address, hop: Hop{
		Resource: f.r.ID, Kind: "publicIPAddress", Name: f.r.Name + " / " + text, Answer: azward.Yes, Summary: "public address " + text,
		Evidence: []azward.Evidence{f.r.Evidence(fmt.Sprintf("/properties/hubIPAddresses/publicIPs/addresses/%d", i), "a public address")},
	}})
}

// ordered is a collection with what decides its place.
type ordered struct {
	group, priority int
	rules           []firewallRule
}

func inOrder(list []ordered) []firewallRule {
	slices.SortStableFunc(list, func(a, b ordered) int {
		return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.priority, b.priority))
	})
	var rules []firewallRule
	for i, c := range list {
		same := i > 0 && list[i-1].group == c.group && list[i-1].priority == c.priority
		for _, r := range c.rules {
			if same {
				r.form.unclear = firstOf(r.form.unclear, "two collections have the same priority")
			}
			rules = append(rules, r)
		}
	}
	return rules
}

// classic reads the rules on the firewall itself.
func (f *firewall) classic(v *estate.AzureFirewall) {
	read := func(list []estate.ClassicCollection, pointer string) []firewallRule {
		var all []ordered
		for i, c := range list {
			one := ordered{priority: c.Properties.Priority}
			for j, r := range c.Properties.Rules {
				at := fmt.Sprintf("%s/%d/properties/rules/%d", pointer, i, j)
				one.rules = append(one.rules, firewallRuleOf(f.r, at, r.Name, c.Name, c.Properties.Action.Type, c.Properties.Priority, r.FirewallMatch, r.Protocols))
			}
			all = append(all, one)
		}
		return inOrder(all)
	}
	f.nat = read(v.Properties.NATRuleCollections, "/properties/natRuleCollections")
	f.network = read(v.Properties.NetworkRuleCollections, "/properties/networkRuleCollections")
	var apps []ordered
	for i, c := range v.Properties.ApplicationRuleCollections {
		one := ordered{priority: c.Properties.Priority}
		for j, r := range c.Properties.Rules {
			at := fmt.Sprintf("/properties/applicationRuleCollections/%d/properties/rules/%d", i, j)
			one.rules = append(one.rules, appRulesOf(f.r, at, r.Name, c.Name, c.Properties.Action.Type, c.Properties.Priority, r.FirewallMatch, r.Protocols)...)
		}
		apps = append(apps, one)
	}
	f.application = inOrder(apps)
}

// policy reads a policy's rules behind those of its base policy. Whether NAT
// rules are inherited is a doubt: the overview says that they are not, the
// order of processing begins with those of the parent.
//
// Sources: https://learn.microsoft.com/azure/firewall-manager/policy-overview,
// https://learn.microsoft.com/azure/firewall/rule-processing
func (f *firewall) policy(id azward.ResourceID, depth int) {
	r, ok := f.e.Resource(id)
	if !ok {
		f.missing = append(f.missing, *unreadRef(f.e, id))
		return
	}
	v, err := estate.Decode[estate.FirewallPolicy](r)
	if err != nil {
		f.missing = append(f.missing, unparsed(r, err))
		return
	}
	f.threat = f.threat || strings.EqualFold(v.Properties.ThreatIntelMode, "Deny")
	if base := v.Properties.BasePolicy; base != nil {
		if depth >= maxPolicyDepth {
			f.missing = append(f.missing, azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: "/properties/basePolicy", Error: "its base policies go on too deep, or in a loop"})
			return
		}
		f.policy(base.ID, depth+1)
	}
	if _, missing := f.e.Absence(r.ID, firewallGroups); len(missing) > 0 {
		f.missing = append(f.missing, missing...)
	}
	f.groups(r, depth > 0)
}

// groups reads the rule collection groups of one policy.
func (f *firewall) groups(policy *estate.Resource, inherited bool) {
	var nat, network, application []ordered
	for _, r := range f.e.Children(policy.ID, firewallGroups) {
		g, err := estate.Decode[estate.RuleCollectionGroup](r)
		if err != nil {
			f.missing = append(f.missing, unparsed(r, err))
			continue
		}
		for i, c := range g.Properties.RuleCollections {
			one := map[string]*ordered{}
			for j, rule := range c.Rules {
				at := fmt.Sprintf("/properties/ruleCollections/%d/rules/%d", i, j)
				kind := strings.ToLower(rule.Type)
				if one[kind] == nil {
					one[kind] = &ordered{group: g.Properties.Priority, priority: c.Priority}
				}
				switch kind {
				case "natrule", "networkrule":
					one[kind].rules = append(one[kind].rules, firewallRuleOf(r, at, rule.Name, c.Name, c.Action.Type, c.Priority, rule.FirewallMatch, rule.IPProtocols))
				case "applicationrule":
					one[kind].rules = append(one[kind].rules, appRulesOf(r, at, rule.Name, c.Name, c.Action.Type, c.Priority, rule.FirewallMatch, rule.Protocols)...)
				default:
					f.missing = append(f.missing, azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: at + "/ruleType", Error: fmt.Sprintf("azward does not know rules of type %q", rule.Type)})
				}
			}
			for kind, list := range map[string]*[]ordered{"natrule": &nat, "networkrule": &network, "applicationrule": &application} {
				if one[kind] != nil {
					*list = append(*list, *one[kind])
				}
			}
		}
	}
	translations := inOrder(nat)
	for i := range translations {
		if inherited {
			translations[i].form.unclear = "it stands in a base policy, and Microsoft's documents differ on whether NAT rules are inherited"
		}
	}
	f.nat = append(f.nat, translations...)
	f.network = append(f.network, inOrder(network)...)
	f.application = append(f.application, inOrder(application)...)
}

// firewallRuleOf reads a NAT or network rule. Of NAT rules the match is what
// Allow says: the packet is theirs.
func firewallRuleOf(of *estate.Resource, at, name, collection, action string, priority int, m estate.FirewallMatch, protocols []string) firewallRule {
	form := ruleForm{access: accessOf(action), protocols: protocols, ports: nonEmpty(slices.Clone(m.DestinationPorts))}
	if strings.EqualFold(action, "dnat") {
		form.access = netset.Allow
	}
	form.far = firewallSide("sourceAddresses", m.SourceAddresses, m.SourceIPGroups)
	form.near = firewallSide("destinationAddresses", m.DestinationAddresses, m.DestinationIPGroups)
	if len(m.DestinationFQDNs) > 0 { // what they resolve to is not known
		form.unclear = "destinationFqdns names " + m.DestinationFQDNs[0] + ", and what it resolves to is not known"
		form.near = anySide()
	}
	translated, _ := netip.ParseAddr(m.TranslatedAddress)
	return firewallRule{
		groupRule:  groupRule{form, ruleRef{of: of, name: name, pointer: at, access: action, priority: priority}},
		collection: collection, translated: translated.Unmap(), fqdn: m.TranslatedFQDN, port: m.TranslatedPort,
	}
}

// firewallSide keeps IP groups among the names, by their ID.
func firewallSide(property string, addresses []string, groups []azward.ResourceID) sideForm {
	s := sideForm{property: property, names: nonEmpty(slices.Clone(addresses))}
	for _, g := range groups {
		s.names = append(s.names, string(g))
	}
	return s
}

// member and members: a firewall knows no application security groups.
func (f *firewall) member([]estate.ResourceRef) bool { return false }

func (f *firewall) members([]estate.ResourceRef) named {
	return named{maybe: netset.AllAddrs(), doubt: "a firewall knows no application security groups"}
}

// name resolves an address, prefix, range, IP group or service tag.
func (f *firewall) name(s string) named {
	if strings.HasPrefix(s, "/") {
		return f.ipGroup(azward.ResourceID(s))
	}
	if first, last, ok := strings.Cut(s, "-"); ok {
		if addrs, ok := rangeAddrs(strings.TrimSpace(first), strings.TrimSpace(last)); ok {
			return named{certain: addrs}
		}
	}
	return nameOf(f.e, s)
}

func (f *firewall) ipGroup(id azward.ResourceID) named {
	r, ok := f.e.Resource(id)
	if !ok {
		return named{maybe: netset.AllAddrs(), doubt: "IP group " + id.Name() + " was not read"}
	}
	v, err := estate.Decode[estate.IPGroup](r)
	if err != nil {
		return named{maybe: netset.AllAddrs(), doubt: "IP group " + id.Name() + " has an unexpected shape"}
	}
	all := named{evidence: []azward.Evidence{r.Evidence("/properties/ipAddresses", "IP group "+r.Name)}}
	for _, s := range v.Properties.IPAddresses {
		if strings.HasPrefix(s, "/") {
			return named{maybe: netset.AllAddrs(), doubt: "IP group " + id.Name() + " holds " + s}
		}
		all.add(f.name(s))
	}
	return all
}
