package exposure

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// siteArrival continues a way that came out of a front into a site: through
// its private endpoint, which skips the access restrictions, or through its
// public entry point, where the restrictions see the front as the client.
//
// Source: https://learn.microsoft.com/azure/app-service/overview-access-restrictions
func siteArrival(e *estate.Estate, r *estate.Resource, v *estate.Site, ends []*estate.Resource) func(*way, exit) []*way {
	return func(w *way, x exit) []*way {
		w.by = firstOf(w.by, x.what)
		if linked := linkedTo(e, r, ends, x, w); linked {
			if w.answer() != azward.No {
				siteSignIn(e, r, v, w)
			}
			return []*way{w}
		}
		entry := &way{}
		siteEntry(e, r, v, entry)
		w.extend(entry.hops...)
		w.missing(entry.gaps...)
		if w.answer() == azward.No {
			return []*way{w}
		}
		siteAdmits(e, r, v, w, x.from)
		if w.answer() != azward.No {
			siteSignIn(e, r, v, w)
		}
		return []*way{w}
	}
}

// linkedTo appends how a front gets past the public side of a service: its own
// private link, or a private endpoint in a network that it reaches. It reports
// whether the public side does not come in.
func linkedTo(e *estate.Estate, r *estate.Resource, ends []*estate.Resource, x exit, w *way) bool {
	if x.from.link != "" {
		w.hop(Hop{
			Resource: r.ID, Kind: kindOf(r), Name: r.Name, Answer: azward.Yes, Summary: "the private link of " + x.what + " skips its public side",
			Evidence: []azward.Evidence{r.Evidence("/properties/privateEndpointConnections", "connections to the service")},
		})
		return true
	}
	if x.from.inside == nil {
		return false
	}
	for _, pe := range ends {
		addresses := endpointAddresses(e, pe)
		switch {
		case x.to.address.IsValid() && addresses.Contains(x.to.address):
		case x.to.name != "" && privateName(e, x.from.inside.vnetID, x.to.name, addresses):
		case x.to.name != "" && x.to.unknown == "":
			// A name of the service leads to the endpoint where the network's
			// own zone says so, else to the public side.
			why := "whether " + x.to.name + " leads to private endpoint " + pe.Name + " in the network of " + x.what + " was not read"
			w.doubt(Hop{Resource: pe.ID, Kind: "privateEndpoint", Name: pe.Name, Summary: why, Evidence: []azward.Evidence{pe.Evidence("/properties", "a private endpoint of the service")}},
				azward.Gap{Scope: pe.ID, Kind: azward.GapNotRead, Reads: "Microsoft.Network/privateDnsZones", Needs: "Microsoft.Network/privateDnsZones/A/read", Error: why})
			return true
		default:
			continue
		}
		endpointHop(e, pe, x, w)
		return true
	}
	return false
}

// endpointHop judges a private endpoint on the way: its state, and whether the
// front's network reaches it.
//
// Source: https://learn.microsoft.com/azure/private-link/private-endpoint-overview
func endpointHop(e *estate.Estate, pe *estate.Resource, x exit, w *way) {
	h := Hop{Resource: pe.ID, Kind: "privateEndpoint", Name: pe.Name}
	v, err := estate.Decode[estate.PrivateEndpoint](pe)
	if err != nil {
		h.Summary = "the private endpoint has an unexpected shape"
		w.doubt(h, unparsed(pe, err))
		return
	}
	status, at := endpointState(v)
	h.Evidence = []azward.Evidence{pe.Evidence(at, "state of the connection")}
	switch {
	case strings.EqualFold(status, "Approved"):
		h.Answer, h.Summary = azward.Yes, "private endpoint "+pe.Name+" is approved"
	case status == "":
		h.Summary = "whether private endpoint " + pe.Name + " is approved was not read"
		w.doubt(h, notRead(pe, at, pe.Type+"/read", h.Summary, ""))
		return
	default:
		h.Answer, h.Summary = azward.No, "private endpoint "+pe.Name+" is not approved: "+status
	}
	w.hop(h)
	if h.Answer == azward.No || v.Properties.Subnet == nil {
		return
	}
	conf := &estate.IPConfiguration{}
	conf.Properties.Subnet = v.Properties.Subnet
	end := interfaceOf(e, pe, "/properties", conf, nil)
	if !x.from.inside.vnetID.Equal(end.vnetID) && !x.from.inside.peers(e, end.vnetID) {
		why := "whether " + x.what + " reaches the network of private endpoint " + pe.Name + " is not certain"
		w.doubt(Hop{Resource: end.vnetID, Kind: "virtualNetwork", Name: end.vnetID.Name(), Summary: why},
			azward.Gap{Scope: end.vnetID, Kind: azward.GapUnsupported, Reads: "routes of the front's subnet", Error: why})
	}
}

// endpointState is the state of an endpoint's connection with the pointer where
// it stands; "" when it was not read.
func endpointState(v *estate.PrivateEndpoint) (status, pointer string) {
	const own, manual = "/properties/privateLinkServiceConnections", "/properties/manualPrivateLinkServiceConnections"
	const state = "/0/properties/privateLinkServiceConnectionState"
	switch {
	case len(v.Properties.Connections) > 0:
		return v.Properties.Connections[0].Properties.State.Status, own + state
	case len(v.Properties.ManualConnections) > 0:
		return v.Properties.ManualConnections[0].Properties.State.Status, manual + state
	}
	return "", own
}

// privateName reports that a zone which the network uses gives the name one of
// the addresses.
func privateName(e *estate.Estate, vnet azward.ResourceID, name string, addresses netset.Addrs) bool {
	host, _, _ := strings.Cut(name, ".")
	for _, link := range e.Referrers(vnet, "Microsoft.Network/privateDnsZones/virtualNetworkLinks") {
		zone := link.ID.Parent()
		if !strings.HasPrefix(strings.ToLower(zone.Name()), "privatelink.") {
			continue
		}
		for _, record := range e.Children(zone, "Microsoft.Network/privateDnsZones/A") {
			v, err := estate.Decode[estate.PrivateARecord](record)
			if err != nil || !strings.EqualFold(record.ID.Name(), host) {
				continue
			}
			for _, a := range v.Properties.ARecords {
				if ip := ipOf(a.IPv4Address); ip.IsValid() && addresses.Contains(ip) {
					return true
				}
			}
		}
	}
	return false
}

// siteAdmits evaluates the site's access restrictions for a front as client.
func siteAdmits(e *estate.Estate, r *estate.Resource, v *estate.Site, w *way, from caller) {
	h := Hop{Resource: r.ID, Kind: "accessRestrictions", Name: r.Name + " / access restrictions"}
	source, base, c := siteConfig(e, r, v)
	if c == nil || c.IPSecurityRestrictions == nil {
		h.Summary = "the site's access restrictions were not read"
		w.doubt(h, notRead(r, "/properties/siteConfig/ipSecurityRestrictions", readConfig,
			"a list of sites leaves them out; the record config/web has them", "az webapp config access-restriction show --ids "+string(r.ID)))
		return
	}
	h.Resource = source.ID
	list := *c.IPSecurityRestrictions
	const name = "/ipSecurityRestrictions"
	rest := sourceList{}
	rest.siteDefault(source, base+name+"DefaultAction", len(list), c.IPSecurityRestrictionsDefaultAction)
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(restrictionPriority(list[a]), restrictionPriority(list[b])) })
	doubt, undecided := azward.Gap{}, []azward.Answer{}
	for _, i := range order {
		at := base + name + "/" + strconv.Itoa(i)
		matches, why := from.matches(e, list[i])
		if matches == azward.No {
			continue
		}
		access := map[netset.Access]azward.Answer{netset.Allow: azward.Yes, netset.Deny: azward.No}[restrictionAccess(list[i].Action)]
		words := fmt.Sprintf("rule %q: %s %s", list[i].Name, strings.ToLower(cmp.Or(list[i].Action, "Allow")), cmp.Or(list[i].IPAddress, list[i].SubnetID))
		h.Evidence = append(h.Evidence, source.Evidence(at, words))
		undecided = append(undecided, access)
		if matches == azward.Yes && access != azward.Unknown {
			h.settle(w, undecided, doubt, from, words)
			return
		}
		if doubt.Reads == "" {
			doubt = azward.Gap{Scope: source.ID, Kind: azward.GapUnsupported, Reads: at, Error: words + ": " + firstOf(why, "azward does not know its action")}
		}
	}
	undecided = append(undecided, rest.otherwise)
	h.Evidence = append(h.Evidence, rest.evidence)
	if rest.otherwise == azward.Unknown && doubt.Reads == "" {
		doubt = rest.gap
	}
	h.settle(w, undecided, doubt, from, "no rule matches")
}

// settle closes the hop of a rule list: it answers where every rule that may
// decide says the same.
func (h Hop) settle(w *way, possible []azward.Answer, doubt azward.Gap, from caller, words string) {
	first := possible[0]
	for _, a := range possible {
		if a != first {
			first = azward.Unknown
		}
	}
	switch h.Answer = first; first {
	case azward.Yes:
		h.Summary = "its rules let " + from.title + " in: " + words
		w.hop(h)
	case azward.No:
		h.Summary = "its rules do not let " + from.title + " in: " + words
		w.hop(h)
	default:
		h.Summary = "whether its rules let " + from.title + " in cannot be told"
		w.doubt(h, doubt)
	}
}

// matches answers whether an access restriction is about a front. The header
// X-Azure-FDID tells one Front Door from those of other customers.
//
// Source: https://learn.microsoft.com/azure/frontdoor/origin-security
func (c caller) matches(e *estate.Estate, a estate.AccessRestriction) (azward.Answer, string) {
	source, why := c.isSource(e, a)
	if source == azward.No || len(a.Headers) == 0 {
		return source, why
	}
	headers, whyHeaders := c.sends(a.Headers)
	return azward.All(source, headers), firstOf(why, whyHeaders)
}

func (c caller) isSource(e *estate.Estate, a estate.AccessRestriction) (azward.Answer, string) {
	endpoint := c.serviceEndpoint(e)
	switch tag := strings.ToLower(a.Tag); {
	case a.SubnetID != "":
		if c.inside == nil || !c.inside.subnetID.Equal(azward.ResourceID(a.SubnetID)) {
			return azward.No, ""
		}
		return endpoint, "whether the front's subnet has a service endpoint for it was not read"
	case len(a.TrafficTags) > 0:
		if c.inside == nil {
			return azward.No, ""
		}
		return azward.Unknown, "azward does not know rules for any network"
	case tag == "servicetag" && c.tag != "" && strings.EqualFold(a.IPAddress, c.tag):
		return azward.Yes, ""
	case tag == "servicetag":
		addrs, _, doubt := serviceTag(e, a.IPAddress)
		if doubt != "" {
			return azward.Unknown, doubt
		}
		return c.within(e, addrs, endpoint)
	case tag != "" && tag != "default":
		return azward.Unknown, "azward does not know rules with the tag " + a.Tag
	case strings.EqualFold(a.IPAddress, "Any"):
		return azward.Yes, ""
	case a.SubnetMask != "" || a.IPAddress == "":
		return azward.Unknown, "azward does not read this form of a source"
	}
	var rule sourceRule
	for s := range strings.SplitSeq(a.IPAddress, ",") {
		p, exact, err := netset.ParsePrefix(strings.TrimSpace(s))
		if err != nil || !exact {
			return azward.Unknown, fmt.Sprintf("%q is not an address or a CIDR without host bits", s)
		}
		rule.sources = rule.sources.Union(netset.PrefixAddrs(p))
	}
	return c.within(e, rule.sources, endpoint)
}

// within answers whether what the front sends from is within some addresses.
func (c caller) within(e *estate.Estate, addrs netset.Addrs, endpoint azward.Answer) (azward.Answer, string) {
	own, known := c.addresses(e)
	if endpoint == azward.Yes {
		own, known = c.inside.own, true // a service endpoint shows the private address
	}
	switch {
	case endpoint == azward.Unknown && c.inside != nil && own.Subset(addrs) != c.inside.own.Subset(addrs):
		return azward.Unknown, "whether the front's subnet has a service endpoint was not read"
	case publicAddrs.Subset(addrs):
		return azward.Yes, ""
	case !known:
		return azward.Unknown, "from which addresses " + c.title + " sends was not read"
	case own.Subset(addrs):
		return azward.Yes, ""
	case own.Overlaps(addrs):
		return azward.Unknown, c.title + " sends from these addresses and from others"
	}
	return azward.No, ""
}

// serviceEndpoint answers whether the front's subnet has a service endpoint
// for App Service, so that its private address is seen.
//
// Source: https://learn.microsoft.com/azure/virtual-network/virtual-network-service-endpoints-overview
func (c caller) serviceEndpoint(e *estate.Estate) azward.Answer {
	if c.inside == nil {
		return azward.No
	}
	network, ok := e.Resource(c.inside.vnetID)
	if !ok {
		return azward.Unknown
	}
	v, err := estate.Decode[estate.VirtualNetwork](network)
	if err != nil {
		return azward.Unknown
	}
	s := subnetOf(e, c.inside.subnetID, v)
	if s == nil {
		return azward.Unknown
	}
	for _, p := range s.Properties.ServiceEndpoints {
		if strings.EqualFold(p.Service, "Microsoft.Web") {
			return azward.Yes
		}
	}
	return azward.No
}

// sends answers whether a front's requests carry the headers of a rule.
func (c caller) sends(headers map[string][]string) (azward.Answer, string) {
	answers := make([]azward.Answer, 0, len(headers))
	why := ""
	for name, values := range headers {
		answer := azward.Unknown
		switch {
		case !strings.EqualFold(name, "x-azure-fdid"):
			why = "the rule asks for header " + name
		case c.tag != frontDoorTag:
			answer = azward.Unknown // a client behind another front writes its own headers
			why = "clients behind " + c.title + " write the header X-Azure-FDID themselves"
		case c.frontDoor == "":
			why = "the identifier of " + c.title + " was not read"
		case slices.ContainsFunc(values, func(v string) bool { return strings.EqualFold(v, c.frontDoor) }):
			answer = azward.Yes
		default:
			answer = azward.No
		}
		answers = append(answers, answer)
	}
	return azward.All(answers...), why
}
