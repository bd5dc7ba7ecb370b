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

const linkServiceType = "Microsoft.Network/privateLinkServices"

// linkServiceWays are the ways from the internet through private link services
// that stand before private frontends. Consumers come from their own networks:
// a private endpoint of the estate is no way in from the internet by itself;
// who stands behind one that the estate does not hold is not known, and may be
// a Front Door, which the internet reaches.
//
// Source: https://learn.microsoft.com/azure/private-link/private-link-service-overview
func linkServiceWays(e *estate.Estate, n *netInterface, doors []door) []*way {
	var ways []*way
	seen := map[azward.ResourceKey]bool{}
	if slices.ContainsFunc(doors, func(d door) bool { return d.frontend != "" }) {
		for _, r := range e.OfType(linkServiceType) {
			if _, err := estate.Decode[estate.PrivateLinkService](r); err != nil { // it may stand before any frontend
				ways = append(ways, linkService{e: e, r: r}.doubtful("has an unexpected shape", unparsed(r, err)))
			}
		}
	}
	for _, d := range doors {
		if d.frontend == "" || seen[d.frontend.Key()] {
			continue
		}
		seen[d.frontend.Key()] = true
		if _, missing := e.Absence(d.frontend.SubscriptionScope(), linkServiceType); len(missing) > 0 {
			balancer := d.frontend.Parent()
			w := &way{class: InternetAny, flows: []Flow{}}
			w.doubt(Hop{Resource: balancer, Kind: "loadBalancer", Name: balancer.Name(), Summary: "whether a private link service stands before frontend " + d.frontend.Name() + " was not read"}, missing[0])
			ways = append(ways, w)
		}
		for _, r := range e.Referrers(d.frontend, linkServiceType) {
			s := linkService{e: e, r: r}
			v, err := estate.Decode[estate.PrivateLinkService](r)
			if err != nil {
				continue // see above
			}
			s.v = v
			ways = append(ways, s.ways(n, sameFrontend(doors, d.frontend))...)
		}
	}
	return ways
}

// sameFrontend are the rules at one frontend, as consumers behind it see them.
func sameFrontend(doors []door, id azward.ResourceID) []door {
	var all []door
	for _, d := range innerDoors(doors) {
		if d.frontend.Equal(id) {
			all = append(all, d)
		}
	}
	return all
}

type linkService struct {
	e *estate.Estate
	r *estate.Resource
	v *estate.PrivateLinkService
}

func (s linkService) hop(pointer string, answer azward.Answer, summary string) Hop {
	return Hop{Resource: s.r.ID, Kind: "privateLinkService", Name: s.r.Name, Answer: answer, Summary: summary, Evidence: []azward.Evidence{s.r.Evidence(pointer, summary)}}
}

func (s linkService) way() *way {
	return &way{class: InternetAny, by: "private link service " + s.r.Name, flows: []Flow{}}
}

func (s linkService) doubtful(why string, gap azward.Gap) *way {
	w := s.way()
	w.doubt(s.hop("/properties", azward.Unknown, "private link service "+s.r.Name+" "+why), gap)
	return w
}

// ways is one way for each consumer, or for that there is none.
func (s linkService) ways(n *netInterface, doors []door) []*way {
	const connections, auto = "/properties/privateEndpointConnections", "/properties/autoApproval/subscriptions"
	var ways []*way
	if s.v.Properties.Connections == nil {
		why := "does not say who its consumers are"
		ways = append(ways, s.doubtful(why, azward.Gap{Scope: s.r.ID, Kind: azward.GapNotRead, Reads: connections, Needs: "Microsoft.Network/privateLinkServices/read", Error: s.r.Name + " " + why}))
	} else {
		for i := range *s.v.Properties.Connections {
			ways = append(ways, s.consumer(i)...)
		}
	}
	if a := s.v.Properties.AutoApproval; a != nil && len(a.Subscriptions) > 0 {
		why := fmt.Sprintf("approves consumers of %s by itself", strings.Join(a.Subscriptions[:min(len(a.Subscriptions), maxRulesCited)], ", "))
		ways = append(ways, s.doubtful(why, azward.Gap{Scope: s.r.ID, Kind: azward.GapUnsupported, Reads: auto, Error: "who of them will connect is not known"}))
	}
	ways = append(ways, s.throughFronts(n, doors)...)
	if len(ways) == 0 {
		w := s.way()
		w.hop(s.hop(connections, azward.No, "no consumer of private link service "+s.r.Name+" is approved"))
		ways = append(ways, w)
	}
	return ways
}

// consumer is the way of one connection. Those of fronts come by themselves.
func (s linkService) consumer(i int) []*way {
	c := (*s.v.Properties.Connections)[i]
	pointer := fmt.Sprintf("/properties/privateEndpointConnections/%d/properties", i)
	w := s.way()
	status := c.Properties.State.Status
	switch {
	case status == "":
		w.doubt(s.hop(pointer, azward.Unknown, "whether connection "+c.Name+" is approved was not read"),
			azward.Gap{Scope: s.r.ID, Kind: azward.GapNotRead, Reads: pointer + "/privateLinkServiceConnectionState", Error: "its state was not read"})
		return []*way{w}
	case !strings.EqualFold(status, "Approved"):
		w.hop(s.hop(pointer+"/privateLinkServiceConnectionState", azward.No, "connection "+c.Name+" is "+strings.ToLower(status)+", not approved"))
		return []*way{w}
	}
	if ref := c.Properties.PrivateEndpoint; ref != nil {
		if pe, ok := s.e.Resource(ref.ID); ok {
			return s.known(w, pe, pointer)
		}
	}
	w.class = PartnerPrivate
	w.doubt(s.hop(pointer, azward.Unknown, "connection "+c.Name+" is approved, and its consumer is not in the estate"), azward.Gap{
		Scope: s.r.ID, Kind: azward.GapUnsupported, Reads: pointer + "/privateEndpoint",
		Error: "who stands behind connection " + c.Name + " is not in the estate: another tenant's network, or a Front Door, which the internet reaches",
	})
	return []*way{w}
}

// known is a consumer of the estate: closed, unless a front in its network
// leads to its address.
func (s linkService) known(w *way, pe *estate.Resource, pointer string) []*way {
	addresses := endpointAddressesOf(s.e, pe)
	for _, x := range frontsOf(s.e).exits {
		if x.to.address.IsValid() && (addresses.IsEmpty() || addresses.Contains(x.to.address)) || x.to.unknown != "" && x.from.inside != nil {
			w.doubt(s.hop(pointer, azward.Unknown, x.what+" may lead to its consumer, private endpoint "+pe.Name), azward.Gap{
				Scope: s.r.ID, Kind: azward.GapUnsupported, Reads: pointer, Error: "azward does not follow " + x.what + " through private endpoint " + pe.Name,
			})
			return []*way{w}
		}
	}
	for _, r := range s.e.OfType(firewallType) {
		f := firewallOf(s.e, r)
		if len(f.missing) > 0 {
			w.doubt(s.hop(pointer, azward.Unknown, "firewall "+r.Name+", whose rules were not all read, may lead to its consumer, private endpoint "+pe.Name), f.missing[0])
			return []*way{w}
		}
		for _, rule := range f.nat {
			if !rule.translated.IsValid() || addresses.Contains(rule.translated) || addresses.IsEmpty() {
				w.doubt(s.hop(pointer, azward.Unknown, "firewall "+r.Name+" may lead to its consumer, private endpoint "+pe.Name), azward.Gap{
					Scope: s.r.ID, Kind: azward.GapUnsupported, Reads: pointer, Error: "azward does not follow firewall " + r.Name + " through private endpoint " + pe.Name,
				})
				return []*way{w}
			}
		}
	}
	h := s.hop(pointer, azward.No, "its consumer, private endpoint "+pe.Name+", serves its own network alone")
	h.Evidence = append(h.Evidence, pe.Evidence("/properties/subnet", "the network of the consumer"))
	w.hop(h)
	return []*way{w}
}

// endpointAddressesOf are the addresses of a private endpoint; empty where
// they were not read.
func endpointAddressesOf(e *estate.Estate, pe *estate.Resource) (all netset.Addrs) {
	v, err := estate.Decode[estate.PrivateEndpoint](pe)
	if err != nil {
		return all
	}
	for _, n := range endpointInterfaces(e, v) {
		all = all.Union(n.own)
	}
	for _, c := range v.Properties.CustomDNSConfigs {
		all = all.Union(prefixes(c.IPAddresses))
	}
	return all
}

// throughFronts are the ways of front services that link to this one: what
// they let in comes from the link's own addresses, through the rules of the
// frontend.
func (s linkService) throughFronts(n *netInterface, doors []door) []*way {
	var ways []*way
	for _, x := range frontsOf(s.e).exits {
		if x.from.link == "" || !x.from.link.Equal(s.r.ID) {
			continue
		}
		for _, w := range x.enter(maxFronts) {
			if w.answer() == azward.No {
				ways = append(ways, w)
				continue
			}
			w.hop(s.hop("/properties/loadBalancerFrontendIpConfigurations", azward.Yes, x.what+" links to private link service "+s.r.Name))
			ways = append(ways, s.deliver(n, w, x, doors)...)
		}
	}
	return ways
}

func (s linkService) deliver(n *netInterface, w *way, x exit, doors []door) []*way {
	var ways []*way
	from, hop := s.sources()
	if hop != nil {
		w.doubt(*hop, azward.Gap{Scope: s.r.ID, Kind: azward.GapNotRead, Reads: "/properties/ipConfigurations", Error: hop.Summary})
		return []*way{w}
	}
	for _, d := range doors {
		ports := x.ports.Intersect(d.shown)
		if ports.IsEmpty() || len(d.protocol) == 0 || d.protocol[0] != netset.TCP {
			continue
		}
		one := w.clone()
		one.extend(d.hops...)
		d.private = true
		region := netset.Product(from, d.backend(ports))
		class := one.class
		for _, p := range n.pass(s.e, one, packet{direction: inbound, near: d.near, protocol: netset.TCP, srcPort: everySourcePort}, region, d.bare(n)) {
			p.way.class = class // who sends to the front decides, not the link's addresses
			ways = append(ways, p.way)
		}
	}
	return ways
}

// sources are the addresses that the service puts in place of consumers'.
func (s linkService) sources() (netset.Addrs, *Hop) {
	var all netset.Addrs
	for _, c := range s.v.Properties.IPConfigurations {
		if a, err := netip.ParseAddr(c.Properties.PrivateIPAddress); err == nil {
			all = all.Union(netset.OneAddr(a))
			continue
		}
		if c.Properties.Subnet != nil {
			conf := c
			all = all.Union(interfaceOf(s.e, s.r, "/properties/ipConfigurations", &conf, nil).own)
		}
	}
	if all.IsEmpty() {
		h := s.hop("/properties/ipConfigurations", azward.Unknown, "from which addresses private link service "+s.r.Name+" sends was not read")
		return all, &h
	}
	return all, nil
}
