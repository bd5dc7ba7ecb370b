package exposure

import (
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// firewallWays are the ways through NAT rules of firewalls to the interface,
// or to a private frontend of a load balancer before it.
//
// Source: https://learn.microsoft.com/azure/firewall/tutorial-firewall-dnat
func firewallWays(e *estate.Estate, n *netInterface, inner []door) []*way {
	var ways []*way
	for _, r := range e.OfType(firewallType) {
		f := firewallOf(e, r)
		if len(f.missing) > 0 {
			ways = append(ways, f.doubtful("not all its rules were read", f.missing...))
			continue
		}
		if !f.concerns(n, inner) {
			continue
		}
		before := len(ways)
		for _, end := range f.public {
			ways = append(ways, f.through(n, end, inner)...)
		}
		if len(ways) == before && n.want != nil {
			ways = append(ways, f.refusals(n, inner)...)
		}
	}
	return ways
}

// refusals are the NAT rules that lead to the interface and do not take the
// flow that is asked, each a way that it closes.
func (f *firewall) refusals(n *netInterface, inner []door) []*way {
	var ways []*way
	for i := range f.nat {
		r := &f.nat[i]
		if !f.concerned(*r, n, inner) {
			continue
		}
		w := &way{class: InternetAny, by: "firewall " + f.r.Name, flows: []Flow{}}
		w.hop(f.hop(azward.No, r, fmt.Sprintf("NAT rule %s does not take it: it is for %s %s to %s from %s", r.ref.name,
			strings.ToLower(listWords(r.form.protocols)), listWords(r.form.ports), sideWords(r.form.near), sideWords(r.form.far))))
		ways = append(ways, w)
	}
	return ways
}

// sideWords names what a rule says of one side; IP groups by their names.
func sideWords(s sideForm) string {
	names := make([]string, len(s.names))
	for i, name := range s.names {
		names[i] = azward.ResourceID(name).Name()
		if !strings.HasPrefix(name, "/") {
			names[i] = name
		}
	}
	return listWords(names)
}

// concerns reports whether any NAT rule may lead to the interface.
func (f *firewall) concerns(n *netInterface, inner []door) bool {
	return slices.ContainsFunc(f.nat, func(r firewallRule) bool { return f.concerned(r, n, inner) })
}

func (*firewall) concerned(r firewallRule, n *netInterface, inner []door) bool {
	return !r.translated.IsValid() || n.own.Contains(r.translated) ||
		slices.ContainsFunc(inner, func(d door) bool { return d.front == r.translated })
}

// doubtful is a way through the firewall that cannot be followed.
func (f *firewall) doubtful(why string, gaps ...azward.Gap) *way {
	w := &way{class: InternetAny, by: "firewall " + f.r.Name, flows: []Flow{}}
	h := f.hop(azward.Unknown, nil, "firewall "+f.r.Name+" may lead to it: "+why)
	w.doubt(h, gaps[0])
	w.missing(gaps[1:]...)
	return w
}

// through is every NAT rule at one public address.
func (f *firewall) through(n *netInterface, end publicEnd, inner []door) []*way {
	var ways []*way
	near := netset.OneAddr(end.address)
	if end.gap != nil && near.IsEmpty() {
		near = publicAddrs // may be any of those that rules name
	}
	if near.IsEmpty() {
		return nil // not allocated: nobody can send to it now
	}
	for _, protocol := range []netset.Protocol{netset.TCP, netset.UDP} {
		sources, ports := n.want.sources(publicOfFamily(near)), netset.AllPorts()
		if n.want != nil {
			ports = n.want.ports
		}
		if sources.IsEmpty() || n.want != nil && n.want.protocol != protocol {
			continue
		}
		region := netset.Product(sources, ports)
		for _, part := range f.natParts(near, protocol, region) {
			for _, d := range f.doors(n, part, inner, protocol) {
				ways = append(ways, f.enter(n, end, part, d, protocol)...)
			}
		}
	}
	return ways
}

// behind is a place that a NAT rule leads to: the interface itself, or a
// private frontend before it.
type behind struct {
	door  door
	ports func(netset.Ports) netset.Ports // from the firewall's side
	doubt string
}

// doors are the places by which a NAT rule may lead to the interface.
func (f *firewall) doors(n *netInterface, part natPart, inner []door, protocol netset.Protocol) []behind {
	var all []behind
	to := part.rule.translated
	if !to.IsValid() {
		return []behind{{door: door{near: n.own}, doubt: "NAT rule " + part.rule.ref.name + " translates to " + firstOf(part.rule.fqdn, "an address that is not understood") + ", which may be its own"}}
	}
	if n.own.Contains(to) {
		b := behind{door: door{near: n.own}, ports: same}
		if n.conf.Properties.PrivateIPAddress == "" {
			b.doubt = "NAT rule " + part.rule.ref.name + " translates to an address of its subnet, which may be its own"
		}
		all = append(all, b)
	}
	for _, d := range inner {
		if d.front == to && slices.Contains(d.protocol, protocol) {
			all = append(all, behind{door: d, ports: func(p netset.Ports) netset.Ports {
				if p = p.Intersect(d.shown); p.IsEmpty() {
					return p
				}
				return d.backend(p)
			}})
		}
	}
	return all
}

// enter sends the internet through one NAT rule, and on to the interface. The
// firewall puts its own address in place of the client's.
//
// Source: https://learn.microsoft.com/azure/architecture/example-scenario/gateway/firewall-application-gateway
func (f *firewall) enter(n *netInterface, end publicEnd, part natPart, b behind, protocol netset.Protocol) []*way {
	rule := part.rule
	w := &way{class: InternetAny, by: "firewall " + f.r.Name}
	if end.gap != nil {
		w.doubt(end.hop, *end.gap)
	} else {
		w.hop(end.hop)
	}
	h := f.hop(azward.Yes, rule, fmt.Sprintf("NAT rule %s leads %s to %s", rule.ref.name, portWords(protocol, part.maybe.Ports()), firstOf(rule.fqdn, rule.translated.String())))
	region := part.certain
	w.flows = shownFlows(protocol, part.maybe)
	unclear := func(why string) []*way {
		h.Summary = why
		w.doubt(h, azward.Gap{Scope: rule.ref.of.ID, Kind: azward.GapUnsupported, Reads: rule.ref.pointer, Error: why})
		return []*way{w}
	}
	shown, understood := part.ports(part.maybe.Ports())
	switch {
	case b.doubt != "":
		return unclear(b.doubt)
	case !understood:
		return unclear(fmt.Sprintf("translatedPort %q of NAT rule %s is not understood", rule.port, rule.ref.name))
	case region.IsEmpty():
		return unclear("NAT rule " + rule.ref.name + " may lead to it: " + part.doubt)
	}
	ports := b.ports(shown)
	if ports.IsEmpty() {
		return nil // the frontend has no rule for these ports
	}
	w.hop(h)
	w.narrow(classOf(region.Sources()))
	w.flows = shownFlows(protocol, region)
	if !f.unblocked(w, part, shown, protocol) {
		return []*way{w}
	}
	w.extend(b.door.hops...)
	return f.inside(n, w, b, ports, protocol)
}

func shownFlows(protocol netset.Protocol, region netset.Region) []Flow {
	flows := []Flow{}
	for _, b := range region.Bands() {
		flows = append(flows, Flow{Protocol: protocol.String(), Ports: b.Ports.String(), Sources: sourceNames(b.Sources)})
	}
	return flows
}

// unblocked appends what network rules say of the translated flow, where they
// deny all or a part of it.
func (f *firewall) unblocked(w *way, part natPart, ports netset.Ports, protocol netset.Protocol) bool {
	l := f.translatedRules(part.rule, protocol)
	region := netset.Product(part.certain.Sources(), ports)
	open := l.painted.Select(region, func(c netset.Cell) bool { return c.Answer == azward.Yes })
	maybe := l.painted.Select(region, func(c netset.Cell) bool { return c.Answer != azward.No })
	switch {
	case !open.IsEmpty():
		if rest := open.Sources(); !part.certain.Sources().Subset(rest) {
			w.narrow(classOf(rest))
			for i := range w.flows {
				w.flows[i].Sources = sourceNames(prefixes(w.flows[i].Sources).Intersect(rest))
			}
		}
		return true
	case maybe.IsEmpty():
		r := f.apply(&l, region)
		r.hop.Answer = azward.No
		r.hop.Summary += natDenied
		w.hop(r.hop)
	default:
		r := f.apply(&l, region)
		w.doubt(r.hop, r.gaps[0])
	}
	return false
}

// inside sends what left the firewall through the filters at the interface. It
// leaves from one of the addresses of the firewall's subnet, or of its hub.
func (f *firewall) inside(n *netInterface, w *way, b behind, ports netset.Ports, protocol netset.Protocol) []*way {
	from, hop, gap := f.sender(n, b)
	switch {
	case gap != nil:
		w.doubt(hop, *gap)
		return []*way{w}
	case from == nil:
		return nil // the address is another network's
	case hop.Kind != "":
		w.hop(hop)
	}
	door := b.door
	door.private = true
	var ways []*way
	region := netset.Product(from.own, ports)
	class := w.class
	for _, p := range n.pass(f.e, w, packet{direction: inbound, near: b.door.near, protocol: protocol, srcPort: everySourcePort}, region, door.bare(n)) {
		p.way.class = class // who sends to the firewall decides, not its own address
		if p.way.answer() == azward.Yes {
			f.back(n, p.way, from)
		}
		if p.way.answer() == azward.Yes && !from.own.Subset(p.certain.Sources()) {
			h := Hop{Resource: n.holder.ID, Kind: kindOf(n.holder), Name: n.holder.Name, Summary: "a part of the addresses that firewall " + f.r.Name + " may send from is let in"}
			p.way.doubt(h, azward.Gap{Scope: f.r.ID, Kind: azward.GapUnsupported, Reads: "addresses of the firewall's instances", Error: h.Summary})
		}
		ways = append(ways, p.way)
	}
	return ways
}

// sender is where the firewall's packets come from, nil when they do not get
// to the interface's network; a gap says that this is not certain.
func (f *firewall) sender(n *netInterface, b behind) (from *netInterface, h Hop, gap *azward.Gap) {
	if f.hub != "" {
		return f.hubSender(n)
	}
	if f.subnet == "" {
		h = f.hop(azward.Unknown, nil, "in which subnet firewall "+f.r.Name+" stands was not read")
		return nil, h, &azward.Gap{Scope: f.r.ID, Kind: azward.GapNotRead, Reads: "/properties/ipConfigurations", Error: h.Summary}
	}
	conf := &estate.IPConfiguration{}
	conf.Properties.Subnet = &estate.ResourceRef{ID: f.subnet}
	from = interfaceOf(f.e, f.r, "/properties/ipConfigurations", conf, nil)
	switch from.near(f.e, n, b.door.near.Union(netset.OneAddr(b.door.front))) {
	case azward.No:
		return nil, h, nil
	case azward.Unknown:
		return nil, from.routeHop(f.e, Routed{}), &azward.Gap{
			Scope: from.vnetID, Kind: azward.GapUnsupported, Reads: "routes of the firewall's subnet",
			Error: "whether firewall " + f.r.Name + " reaches network " + n.vnetID.Name() + " is not certain",
		}
	}
	return from, h, nil
}

// near answers whether packets from this subnet to an address get to another
// interface's network: its own, or one that is peered.
func (n *netInterface) near(e *estate.Estate, target *netInterface, to netset.Addrs) azward.Answer {
	answer := azward.Yes
	for _, part := range n.routes(e).Split(to) {
		switch {
		case part.Unclear != "" || part.Route == nil:
			answer = azward.Unknown
		case part.Route.NextHop == HopVNet && n.vnetID.Equal(target.vnetID):
		case part.Route.NextHop == HopVNet && part.Route.Source == RouteDefault:
			return azward.No // the same address in the firewall's own network
		case part.Route.NextHop == HopPeering && target.peers(e, n.vnetID):
		default:
			answer = azward.Unknown
		}
	}
	return answer
}

// peers reports whether the interface's network has a connected peering with
// another one.
func (n *netInterface) peers(e *estate.Estate, with azward.ResourceID) bool {
	r, ok := e.Resource(n.vnetID)
	if !ok {
		return false
	}
	v, err := estate.Decode[estate.VirtualNetwork](r)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(v.Properties.VirtualNetworkPeerings, func(p estate.VirtualNetworkPeering) bool {
		on := p.Properties.AllowVirtualNetworkAccess
		return p.Properties.RemoteVirtualNetwork.ID.Equal(with) && strings.EqualFold(p.Properties.PeeringState, "Connected") && on != nil && *on
	})
}

// back appends a doubt where replies do not go straight back to the firewall.
func (f *firewall) back(n *netInterface, w *way, from *netInterface) {
	for _, part := range n.routes(f.e).Split(from.own) {
		direct := part.Unclear == "" && part.Route != nil && (part.Route.NextHop == HopVNet || part.Route.NextHop == HopPeering ||
			part.Route.NextHop == HopAppliance && f.private.Contains(part.Route.Address))
		if direct {
			continue
		}
		h := n.routeHop(f.e, part)
		h.Summary = routeWords(part) + ", so replies do not go back to firewall " + f.r.Name
		w.doubt(h, azward.Gap{Scope: h.Resource, Kind: azward.GapUnsupported, Reads: "where replies go", Error: h.Summary})
		return
	}
}
