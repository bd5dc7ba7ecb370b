package exposure

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// replies judges where the answers to those go whom the filters let in. Where
// replies leave another way Azure documents the direct way as closed; but
// packets do arrive, and an appliance may send replies back: that is a doubt.
// Replies that are dropped close the way for TCP.
//
// Source: https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview#default-route
func (n *netInterface) replies(e *estate.Estate, p passage, protocol netset.Protocol) passage {
	if p.certain.IsEmpty() && p.maybe.IsEmpty() {
		return p
	}
	sources := p.maybe.Sources()
	var direct, dropped netset.Addrs
	var other, drop *Routed
	parts := n.routes(e).Split(sources)
	for i := range parts {
		part := &parts[i]
		switch {
		case part.Unclear == "" && part.Route != nil && part.Route.NextHop != HopAppliance && part.Route.NextHop != HopGateway && part.Route.NextHop != HopNone:
			direct = direct.Union(part.To)
		case part.Unclear == "" && protocol == netset.TCP && (part.Route == nil || part.Route.NextHop == HopNone):
			dropped, drop = dropped.Union(part.To), part
		case other == nil:
			other = part
		}
	}
	within := func(r netset.Region, a netset.Addrs) netset.Region {
		return r.Intersect(netset.Product(a, netset.AllPorts()))
	}
	if other == nil && drop == nil {
		return p
	}
	if certain := within(p.certain, direct); !certain.IsEmpty() {
		p.certain, p.maybe = certain, within(p.maybe, dropped.Complement())
		p.way.narrow(classOf(certain.Sources()))
		return p
	}
	if other == nil && direct.IsEmpty() {
		h := n.routeHop(e, *drop)
		h.Answer, h.Summary = azward.No, "replies are dropped: "+routeWords(*drop)
		p.way.hop(h)
		return p
	}
	if other == nil {
		return p // only what may be let in is answered directly
	}
	p.certain, p.maybe = netset.Region{}, within(p.maybe, dropped.Complement())
	h := n.routeHop(e, *other)
	h.Summary = routeWords(*other) + ", so replies leave another way"
	p.way.doubt(h, azward.Gap{
		Scope: h.Resource, Kind: azward.GapUnsupported, Reads: "where replies go",
		Error: routeWords(*other) + ", and whether what stands there sends replies back is not modelled",
	})
	return p
}

// routeHop is the hop of a route.
func (n *netInterface) routeHop(e *estate.Estate, part Routed) Hop {
	h := Hop{Resource: n.vnetID, Kind: "virtualNetwork", Name: n.vnetID.Name()}
	if n.routeTable != nil {
		h.Resource, h.Kind, h.Name = n.routeTable.ID, "routeTable", n.routeTable.ID.Name()
	}
	if part.Route == nil {
		return h
	}
	h.Evidence = part.Route.cites()
	if part.Route.Source == RouteUser {
		h.Name = part.Route.Name
	}
	if part.Route.Source == RouteDefault {
		h.Resource, h.Kind, h.Name = n.vnetID, "virtualNetwork", n.vnetID.Name()+" / "+part.Route.Name
		if r, ok := e.Resource(n.vnetID); ok && h.Evidence == nil {
			h.Evidence = []azward.Evidence{documented(r, "/properties/addressSpace", "system routes of every subnet")}
		}
	}
	return h
}

// routeWords says in one clause where a route leads.
func routeWords(part Routed) string {
	switch r := part.Route; {
	case part.Unclear != "":
		return part.Unclear
	case r == nil:
		return "no route leads there"
	case r.NextHop == HopAppliance:
		return fmt.Sprintf("route %s leads %s to the appliance %s", shortName(r.Name), r.Prefix, r.Address)
	case r.NextHop == HopGateway:
		return fmt.Sprintf("route %s leads %s to a gateway", shortName(r.Name), r.Prefix)
	case r.NextHop == HopNone:
		return fmt.Sprintf("route %s drops %s", shortName(r.Name), r.Prefix)
	default:
		return fmt.Sprintf("route %s leads %s to %s", shortName(r.Name), r.Prefix, r.NextHop)
	}
}

func shortName(name string) string {
	if i := strings.LastIndex(name, " / "); i >= 0 {
		return name[i+3:]
	}
	return name
}

// flow is one asked flow between two ends.
type flow struct {
	from, to netset.Addrs
	protocol netset.Protocol
	port     uint16
}

// toward appends where the routes of both ends lead a flow to another
// interface. A reply that is dropped ends a TCP connection; so may one that
// does not pass the firewall that saw the first packet.
func (n *netInterface) toward(e *estate.Estate, w *way, target *netInterface, x flow) {
	there, back := n.routes(e).Split(x.to), target.routes(e).Split(x.from)
	n.follow(e, w, there, x)
	if w.answer() == azward.No {
		return
	}
	if a, b := applianceOf(there), applianceOf(back); a == b && a.IsValid() {
		return // the same appliance sees both directions
	}
	target.replyHop(e, w, back, x.protocol)
}

// applianceOf is the appliance that all parts lead to.
func applianceOf(parts []Routed) netip.Addr {
	if len(parts) != 1 || parts[0].Unclear != "" || parts[0].Route == nil || parts[0].Route.NextHop != HopAppliance {
		return netip.Addr{}
	}
	return parts[0].Route.Address
}

// outward appends where the routes lead a flow to public addresses, and how it
// leaves there.
func (n *netInterface) outward(e *estate.Estate, w *way, x flow) {
	parts := n.routes(e).Split(x.to)
	n.follow(e, w, parts, x)
	n.leave(e, w, parts)
}

// replyHop appends the routes of the replies where they matter.
func (n *netInterface) replyHop(e *estate.Estate, w *way, parts []Routed, protocol netset.Protocol) {
	for _, part := range parts {
		direct := part.Unclear == "" && part.Route != nil && (part.Route.NextHop == HopVNet || part.Route.NextHop == HopPeering)
		if direct {
			continue
		}
		h := n.routeHop(e, part)
		h.Summary = "replies: " + routeWords(part)
		if part.Unclear == "" && (part.Route == nil || part.Route.NextHop == HopNone) && len(parts) == 1 && protocol == netset.TCP {
			h.Answer = azward.No
			w.hop(h)
			return
		}
		w.doubt(h, azward.Gap{Scope: h.Resource, Kind: azward.GapUnsupported, Reads: "where replies go", Error: h.Summary})
		return
	}
}

// follow appends the hop of each different route to the destinations. Dropped
// packets block where all are dropped.
func (n *netInterface) follow(e *estate.Estate, w *way, parts []Routed, x flow) {
	if len(parts) == 0 {
		w.doubt(n.routeHop(e, Routed{}), azward.Gap{Scope: n.vnetID, Kind: azward.GapNotRead, Reads: "privateIPAddress", Error: "the address of the other end is not known"})
		return
	}
	for _, part := range parts {
		h := n.routeHop(e, part)
		h.Summary = routeWords(part)
		unclear := func(why string) {
			w.doubt(h, azward.Gap{Scope: h.Resource, Kind: azward.GapUnsupported, Reads: "routes", Error: h.Summary + why})
		}
		switch {
		case part.Unclear != "":
			unclear("")
		case part.Route == nil || part.Route.NextHop == HopNone:
			if len(parts) > 1 {
				unclear("")
				continue
			}
			h.Answer = azward.No
			w.hop(h)
		case part.Route.NextHop == HopAppliance:
			n.viaAppliance(e, w, h, part, x)
		case part.Route.NextHop == HopGateway:
			unclear(", and what stands behind it is not in the estate")
		case part.Route.NextHop == HopInternet && part.To.Overlaps(privateAddrs):
			unclear(", which the internet does not carry")
		default:
			h.Answer = azward.Yes
			w.hop(h)
		}
	}
}

// viaAppliance follows a route to an Azure Firewall, whose rules can be read;
// of other appliances they cannot.
func (n *netInterface) viaAppliance(e *estate.Estate, w *way, h Hop, part Routed, x flow) {
	for _, r := range e.WithAddress(part.Route.Address) {
		if !strings.EqualFold(r.Type, firewallType) {
			continue
		}
		h.Answer = azward.Yes
		w.hop(h)
		ruling := firewallOf(e, r).decide(x.from, part.To, x.protocol, x.port)
		w.hop(ruling.hop)
		w.missing(ruling.gaps...)
		return
	}
	w.doubt(h, azward.Gap{Scope: h.Resource, Kind: azward.GapUnsupported, Reads: "routes", Error: h.Summary + n.stands(e, part)})
}

// stands names what a route's next hop is, where the estate knows.
func (n *netInterface) stands(e *estate.Estate, part Routed) string {
	for _, r := range e.WithAddress(part.Route.Address) {
		return "; " + kindOf(r) + " " + r.Name + " has that address, and what it lets through cannot be read"
	}
	return "; what stands there is not in the estate"
}
