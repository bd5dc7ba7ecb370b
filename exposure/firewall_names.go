package exposure

import (
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// firewallProtocols are the ports of the protocols that application rules know.
//
// Source: https://learn.microsoft.com/azure/templates/microsoft.network/firewallpolicies/rulecollectiongroups
var firewallProtocols = map[string]int{"http": 80, "https": 443, "mssql": 1433}

// appRulesOf reads an application rule, once for each of its protocols. A rule
// for any name matches whatever is asked for; of others an address does not
// tell whether they match.
//
// Source: https://learn.microsoft.com/azure/firewall/rule-processing
func appRulesOf(of *estate.Resource, at, name, collection, action string, priority int, m estate.FirewallMatch, protocols []estate.AppProtocol) []firewallRule {
	base := firewallRule{
		groupRule:  groupRule{ref: ruleRef{of: of, name: name, pointer: at, access: action, priority: priority}},
		collection: collection,
	}
	base.form = ruleForm{
		access: accessOf(action), protocols: []string{"TCP"}, near: anySide(),
		far: firewallSide("sourceAddresses", m.SourceAddresses, m.SourceIPGroups), unclear: nameOfTarget(m),
	}
	if addresses := len(m.DestinationAddresses) + len(m.DestinationIPGroups); addresses > 0 && len(m.TargetFQDNs)+len(m.TargetURLs)+len(m.FQDNTags)+len(m.WebCategories) == 0 {
		base.form.near = firewallSide("destinationAddresses", m.DestinationAddresses, m.DestinationIPGroups)
	}
	if len(protocols) == 0 { // an FQDN tag may bring its own
		base.form.ports, base.form.unclear = []string{"*"}, firstOf(base.form.unclear, "names no protocol")
		return []firewallRule{base}
	}
	rules := make([]firewallRule, len(protocols))
	for i, p := range protocols {
		rule := base
		kind := strings.ToLower(p.ProtocolType)
		port := p.Port
		if port == 0 {
			port = firewallProtocols[kind]
		}
		rule.form.ports = []string{fmt.Sprint(port)}
		switch {
		case firewallProtocols[kind] == 0:
			rule.form.ports, rule.form.unclear = []string{"*"}, fmt.Sprintf("names the protocol %q, which azward does not know", p.ProtocolType)
		case kind == "mssql":
			rule.form.unclear = firstOf(rule.form.unclear, "matches names of SQL servers, for connections in proxy mode alone")
		}
		rules[i] = rule
	}
	return rules
}

// nameOfTarget says what besides addresses and ports an application rule asks
// for; empty for one that matches any name.
//
// Sources: https://learn.microsoft.com/azure/firewall/fqdn-tags,
// https://learn.microsoft.com/azure/firewall/premium-features
func nameOfTarget(m estate.FirewallMatch) string {
	byAddress := len(m.DestinationAddresses)+len(m.DestinationIPGroups) > 0
	switch {
	case len(m.TargetURLs) > 0:
		return "decides by URL, which a packet's addresses do not tell"
	case len(m.WebCategories) > 0:
		return "decides by web category (" + m.WebCategories[0] + "), which Microsoft keeps"
	case len(m.FQDNTags) > 0:
		return "decides by FQDN tag (" + m.FQDNTags[0] + "), which Microsoft keeps"
	case byAddress:
		return "names destination addresses, which a request's own host name may replace"
	case slices.Contains(m.TargetFQDNs, "*"):
		return ""
	}
	return "decides by host name, which a packet's addresses do not tell"
}

// byName is what application rules say of a flow that no network rule matched,
// and after them the collection that is built in: in order, the first that
// matches. Rules that may match do not matter where those that follow say the
// same.
//
// Source: https://learn.microsoft.com/azure/firewall/rule-processing
func (f *firewall) byName(region netset.Region, to netset.Addrs, protocol netset.Protocol) ruling {
	at := packet{direction: inbound, near: to, protocol: protocol, srcPort: anySourcePort}
	var doubtful []*firewallRule
	var why []string
	differ := func(access netset.Access) (ruling, bool) {
		i := slices.IndexFunc(doubtful, func(r *firewallRule) bool { return r.form.access != access })
		if i < 0 {
			return ruling{}, false
		}
		return f.unclear(doubtful[i], "application rule "+doubtful[i].ref.name+" "+why[i]), true
	}
	for i := range f.application {
		r := &f.application[i]
		placed, applies := r.form.at(f, at)
		if !applies {
			continue
		}
		perhaps := netset.Product(placed.Sources.Union(placed.MaybeSources), placed.Ports.Union(placed.MaybePorts))
		if region.Intersect(perhaps).IsEmpty() {
			continue
		}
		if r.form.access == netset.Unclear || !region.Minus(netset.Product(placed.Sources, placed.Ports)).IsEmpty() {
			doubtful, why = append(doubtful, r), append(why, firstOf(r.form.unclear, firstOf(placed.doubt, "matches a part of it")))
			continue
		}
		if u, differs := differ(r.form.access); differs {
			return u
		}
		if r.form.access == netset.Deny {
			return ruling{hop: f.hop(azward.No, r, "application rule "+r.ref.name+" denies it, whatever the host name")}
		}
		return f.screened(ruling{hop: f.hop(azward.Yes, r, "application rule "+r.ref.name+" allows it for any host name")})
	}
	if u, differs := differ(netset.Deny); differs {
		return u
	}
	if why := f.builtIn(region, to, protocol); why != "" {
		return f.unclear(nil, why)
	}
	return ruling{hop: f.hop(azward.No, nil, firewallDefault)}
}

// builtIn says why the collection for Azure's own infrastructure may let a flow
// pass. Its names are the platform's and serve nothing else, so that they do
// not lead out of Azure.
//
// Source: https://learn.microsoft.com/azure/firewall/infrastructure-fqdns
func (f *firewall) builtIn(region netset.Region, to netset.Addrs, protocol netset.Protocol) string {
	web := region.Ports().Contains(80) || region.Ports().Contains(443)
	if protocol != netset.TCP || !web || !to.Overlaps(publicAddrs) {
		return ""
	}
	const why = "the built-in collection for Azure's own infrastructure may allow it by host name"
	azure, _, doubt := serviceTag(f.e, "AzureCloud")
	switch {
	case doubt != "":
		return why + ", and which addresses are Azure's is not known"
	case to.Overlaps(azure):
		return why
	}
	return ""
}

// screened adds to a flow that rules allow what may stop it still: threat
// intelligence in Deny mode knows addresses and names that cannot be read.
//
// Source: https://learn.microsoft.com/azure/firewall/threat-intel
func (f *firewall) screened(r ruling) ruling {
	if f.threat {
		r.hop.Mitigates = true
		r.hop.Summary += "; threat intelligence denies what stands on Microsoft's list"
	}
	return r
}
