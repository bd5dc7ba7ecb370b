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

// waysTo are the ways through the gateway to an interface.
func (g *gateway) waysTo(n *netInterface, inner []door, fronts *frontCache) []*way {
	var ways []*way
	for _, d := range g.view.unread {
		ways = append(ways, frontDoubt(g.r, "application gateway", "may lead to it: "+d.why, azward.Gap{Scope: g.r.ID, Kind: azward.GapUnparsed, Reads: d.pointer, Error: d.why}))
	}
	for _, leg := range g.view.legs {
		for _, b := range g.backends(leg, n, inner) {
			for _, w := range g.ways(leg, fronts, maxFronts) {
				if w.answer() == azward.No {
					ways = append(ways, w)
					continue
				}
				ways = append(ways, sender{g.e, g.r, g.from, g.title()}.deliver(n, w, b)...)
			}
		}
	}
	return dedupeWays(ways)
}

// otherFrontWays are the ways through fronts other than application gateways and
// firewalls to an interface: Front Door and content delivery networks, which
// speak to public addresses, and API Management, which may stand in a network.
func otherFrontWays(e *estate.Estate, n *netInterface, inner []door) []*way {
	if len(e.OfType(originType))+len(e.OfType("Microsoft.Network/frontDoors"))+len(e.OfType("Microsoft.Cdn/profiles/endpoints"))+len(e.OfType(apimType)) == 0 {
		return nil
	}
	var ways []*way
	for _, x := range frontsOf(e).exits {
		if x.leg != nil || strings.EqualFold(x.front.Type, gatewayType) {
			continue
		}
		if x.from.anywhere {
			ways = append(ways, x.enter(maxFronts)...)
			continue
		}
		if w := unreadLink(e, x, inner); w != nil {
			ways = append(ways, w)
			continue
		}
		inside := x.from.inside != nil && x.from.inside.reaches(e, n) != azward.No
		if x.to.unknown != "" && !inside {
			continue // reaches public addresses alone, and those are judged by themselves
		}
		for _, b := range landings(e, n, inner, x.to, x.ports, publicAddrs) {
			if b.sources.IsEmpty() && !inside {
				continue // an address of another network
			}
			if !b.sources.IsEmpty() {
				var known bool
				if b.sources, known = x.from.addresses(e); !known {
					b.doubt = "from which addresses it sends was not read"
				}
			}
			for _, w := range x.enter(maxFronts) {
				if w.answer() == azward.No {
					ways = append(ways, w)
					continue
				}
				ways = append(ways, sender{e, x.front, x.from.inside, x.what}.deliver(n, w, b)...)
			}
		}
	}
	return dedupeWays(ways)
}

// unreadLink is the way by a private link service that a front names and that
// was not read: it may lead to the private frontends before the interface.
func unreadLink(e *estate.Estate, x exit, inner []door) *way {
	if len(inner) == 0 || !strings.EqualFold(x.from.link.Type(), "Microsoft.Network/privateLinkServices") {
		return nil
	}
	if _, ok := e.Resource(x.from.link); ok {
		return nil // its load balancer names it, and the frontend is judged there
	}
	w := &way{class: InternetAny, by: x.what, flows: []Flow{}}
	w.doubt(Hop{
		Resource: x.from.link, Kind: "privateLinkService", Name: x.from.link.Name(), Summary: x.what + " has a private link to " + x.from.link.Name() + ", which was not read and may lead to it",
		Evidence: []azward.Evidence{x.front.Evidence("/properties", "names the private link service")},
	}, *unreadRef(e, x.from.link))
	return w
}

// landing is a backend place of an interface: by which address or port a front gets there.
type landing struct {
	door    door
	sources netset.Addrs // set where the front comes from public addresses
	ports   netset.Ports // at the interface
	doubt   string
}

// backends are the places by which a leg leads to the interface.
func (g *gateway) backends(leg gatewayLeg, n *netInterface, inner []door) []landing {
	port := netset.Port(leg.port)
	if leg.holds(n) {
		return []landing{{door: door{near: n.own}, ports: port}}
	}
	var all []landing
	for _, b := range leg.pool.Properties.BackendAddresses {
		a := backendIP(b.FQDN, b.IPAddress)
		if a.IsValid() {
			all = append(all, landings(g.e, n, inner, spot{address: a}, port, g.publicAddresses())...)
			continue
		}
		for _, p := range placesOf(g.e, b.FQDN) {
			all = append(all, landings(g.e, n, inner, p, port, g.publicAddresses())...)
		}
	}
	return all
}

// landings says how a place that a front names leads to the interface.
func landings(e *estate.Estate, n *netInterface, inner []door, p spot, port netset.Ports, public netset.Addrs) []landing {
	if p.unknown != "" {
		return []landing{{door: door{near: n.own}, ports: port, doubt: p.unknown + ", which may be its own"}}
	}
	if !p.address.IsValid() {
		return nil
	}
	var all []landing
	if n.own.Contains(p.address) {
		l := landing{door: door{near: n.own}, ports: port}
		if n.conf.Properties.PrivateIPAddress == "" {
			l.doubt = "it leads to " + p.address.String() + " in the subnet, which may be its own"
		}
		all = append(all, l)
	}
	if publicOf(e, n).Contains(p.address) {
		for _, d := range publicAddressDoors(e, n) {
			all = append(all, landing{door: d, ports: port, sources: public})
		}
	}
	for _, d := range inner {
		if d.front != p.address || !slices.Contains(d.protocol, netset.TCP) {
			continue
		}
		if shown := port.Intersect(d.shown); !shown.IsEmpty() {
			all = append(all, landing{door: d, ports: d.backend(shown)})
		}
	}
	return all
}

// publicOf is the public address of an interface.
func publicOf(e *estate.Estate, n *netInterface) netset.Addrs {
	ref := n.conf.Properties.PublicIPAddress
	if ref == nil {
		return netset.Addrs{}
	}
	r, ok := e.Resource(ref.ID)
	if !ok {
		return netset.Addrs{}
	}
	v, err := estate.Decode[estate.PublicIPAddress](r)
	if err != nil {
		return netset.Addrs{}
	}
	if a := ipOf(v.Properties.IPAddress); a.IsValid() {
		return netset.OneAddr(a)
	}
	return netset.Addrs{}
}

// sender is a front inside a network that opens connections to its backends.
type sender struct {
	e     *estate.Estate
	r     *estate.Resource
	from  *netInterface
	title string
}

// deliver sends what a front lets through on to an interface: over the routes
// of its subnet, through the filters there, and the replies back.
func (s sender) deliver(n *netInterface, w *way, b landing) []*way {
	w.extend(b.door.hops...)
	if b.door.doubt != nil {
		w.missing(*b.door.doubt)
	}
	if b.doubt != "" && w.answer() == azward.Unknown {
		return []*way{w} // it says already what is not known
	}
	if b.doubt != "" {
		w.doubt(Hop{Resource: s.r.ID, Kind: kindOf(s.r), Name: s.r.Name, Summary: s.title + ": " + b.doubt},
			azward.Gap{Scope: s.r.ID, Kind: azward.GapUnsupported, Reads: "backends", Error: s.title + ": " + b.doubt})
		return []*way{w}
	}
	if !b.sources.IsEmpty() {
		return s.arrive(n, w, b, b.sources, false)
	}
	switch s.from.near(s.e, n, b.door.near.Union(optionalAddr(b.door))) {
	case azward.No:
		return nil // the address is another network's
	case azward.Unknown:
		why := fmt.Sprintf("whether %s in network %s reaches network %s is not certain", s.title, s.from.vnetID.Name(), n.vnetID.Name())
		w.doubt(Hop{Resource: s.from.vnetID, Kind: "virtualNetwork", Name: s.from.vnetID.Name(), Summary: why},
			azward.Gap{Scope: s.from.vnetID, Kind: azward.GapUnsupported, Reads: "routes of the front's subnet", Error: why})
		return []*way{w}
	}
	return s.arrive(n, w, b, s.from.own, true)
}

func optionalAddr(d door) netset.Addrs {
	if !d.front.IsValid() {
		return netset.Addrs{}
	}
	return netset.OneAddr(d.front)
}

// arrive sends packets from the front's addresses through the filters at the
// interface.
func (s sender) arrive(n *netInterface, w *way, b landing, sources netset.Addrs, private bool) []*way {
	d := b.door
	d.private = d.private || private
	var ways []*way
	region := netset.Product(sources.Intersect(familyOf(d.near)), b.ports)
	class := w.class
	for _, p := range n.pass(s.e, w, packet{direction: inbound, near: d.near, protocol: netset.TCP, srcPort: everySourcePort}, region, d.bare(n)) {
		p.way.class = class // who sends to the front decides, not the front's address
		if p.way.answer() == azward.Yes && private {
			s.back(n, p.way)
		}
		ways = append(ways, p.way)
	}
	return ways
}

// back appends a doubt where replies do not go straight back to the front.
func (s sender) back(n *netInterface, w *way) {
	for _, part := range n.routes(s.e).Split(s.from.own) {
		if part.Unclear == "" && part.Route != nil && (part.Route.NextHop == HopVNet || part.Route.NextHop == HopPeering) {
			continue
		}
		h := n.routeHop(s.e, part)
		h.Summary = routeWords(part) + ", so replies do not go back to " + s.title
		w.doubt(h, azward.Gap{Scope: h.Resource, Kind: azward.GapUnsupported, Reads: "where replies go", Error: h.Summary})
		return
	}
}

// reaches answers whether something in this subnet can send to another
// interface's network at all: No where every route there drops packets.
func (n *netInterface) reaches(e *estate.Estate, target *netInterface) azward.Answer {
	if n.vnetID.Equal(target.vnetID) {
		return azward.Yes
	}
	for _, part := range n.routes(e).Split(target.own) {
		if part.Unclear != "" || part.Route != nil && part.Route.NextHop != HopNone {
			return azward.Unknown
		}
	}
	if target.own.IsEmpty() || !target.own.Subset(privateAddrs) {
		return azward.Unknown
	}
	return azward.No
}

// spot is what a backend's host name stands for: an address, a service of
// Azure's, or something that is not known.
type spot struct {
	address netip.Addr
	id      azward.ResourceID // a resource that is named by ID
	name    string            // a host name of a service
	unknown string            // why it is not known
}

// platformZones are the domains under which Azure's services give host names
// to their instances: none of them is a machine's.
var platformZones = []string{
	".azurewebsites.net", ".azurecontainerapps.io", ".windows.net", ".azure-api.net", ".azurefd.net", ".azureedge.net",
	".azurestaticapps.net", ".azurecontainer.io", ".azmk8s.io", ".vault.azure.net", ".azurewebsites.us", ".servicebus.windows.net",
}

// placesOf resolves a backend's host name as far as the estate tells.
func placesOf(e *estate.Estate, name string) []spot {
	return placesWithin(e, strings.ToLower(strings.TrimSuffix(strings.TrimSpace(name), ".")), maxNameDepth)
}

// maxNameDepth bounds, in names, how far Traffic Manager profiles are
// followed: nesting deeper than a few is not allowed.
const maxNameDepth = 8

func placesWithin(e *estate.Estate, name string, depth int) []spot {
	switch {
	case name == "" || depth == 0:
		return []spot{{unknown: "a backend has no name that azward can follow"}}
	case slices.ContainsFunc(platformZones, func(zone string) bool { return strings.HasSuffix(name, zone) }):
		return []spot{{name: name}}
	case strings.HasSuffix(name, ".trafficmanager.net"):
		return trafficPlaces(e, name, depth)
	case strings.Contains(name, ".cloudapp.") && strings.Contains(name, "azure"):
		for _, r := range e.OfType("Microsoft.Network/publicIPAddresses") {
			if raw, ok := r.At("/properties/dnsSettings/fqdn"); ok && strings.EqualFold(strings.Trim(string(raw), `"`), name) {
				if v, err := estate.Decode[estate.PublicIPAddress](r); err == nil && ipOf(v.Properties.IPAddress).IsValid() {
					return []spot{{address: ipOf(v.Properties.IPAddress), name: name}}
				}
			}
		}
	}
	return []spot{{name: name, unknown: "it leads to host name " + name + ", whose address was not read"}}
}

// trafficPlaces are the endpoints of a Traffic Manager profile, which answers
// names and carries nothing itself.
//
// Source: https://learn.microsoft.com/azure/traffic-manager/traffic-manager-how-it-works
func trafficPlaces(e *estate.Estate, name string, depth int) []spot {
	for _, r := range e.OfType("Microsoft.Network/trafficManagerProfiles") {
		v, err := estate.Decode[estate.TrafficManagerProfile](r)
		if err != nil || !strings.EqualFold(v.Properties.DNSConfig.FQDN, name) {
			continue
		}
		var all []spot
		for _, p := range v.Properties.Endpoints {
			switch {
			case ipOf(p.Properties.Target).IsValid():
				all = append(all, spot{address: ipOf(p.Properties.Target)})
			case p.Properties.Target != "":
				all = append(all, placesWithin(e, strings.ToLower(p.Properties.Target), depth-1)...)
			default:
				all = append(all, spot{id: p.Properties.TargetResourceID, unknown: "an endpoint of Traffic Manager profile " + r.Name + " has no name"})
			}
		}
		return all
	}
	return []spot{{name: name, unknown: "Traffic Manager profile " + name + " was not read"}}
}
