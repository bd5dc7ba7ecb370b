package exposure

import (
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// privateFronts are the ways from the addresses of a class through fronts that
// stand in a network and lead to the interface: private frontends of
// application gateways, API Management in internal mode. Of the others it is
// said that they are not followed.
func (n *netInterface) privateFronts(e *estate.Estate, machine *estate.Resource, class Class) (ways []*way, gaps []azward.Gap) {
	_, gaps = e.Absence("", gatewayType, apimType)
	inner := innerDoors(balancerDoors(e, machine, n))
	unfollowed := func(x exit, why string) {
		g := azward.Gap{Scope: x.front.ID, Kind: azward.GapUnsupported, Reads: string(class), Error: x.what + why}
		if !slices.Contains(gaps, g) {
			gaps = append(gaps, g)
		}
	}
	for _, x := range frontsOf(e).exits {
		if x.from.anywhere {
			unfollowed(x, " may lead to it: "+x.to.unknown)
			continue
		}
		if x.from.inside == nil || !servesNetworks(x.front) {
			continue
		}
		leads := n.ledTo(e, x, inner)
		switch {
		case len(leads) == 0:
		case x.private == nil:
			unfollowed(x, " leads to it, and which networks reach the private side of that is not followed")
		default:
			ways = append(ways, n.throughPrivate(e, x, leads, class)...)
		}
	}
	return dedupeWays(ways), gaps
}

// ledTo are the places by which an exit of a front leads, or may lead, to the
// interface from inside its network. A name that was not resolved is no matter
// where the front cannot send to the interface's network.
func (n *netInterface) ledTo(e *estate.Estate, x exit, inner []door) []landing {
	if x.leg != nil && x.leg.holds(n) {
		return []landing{{door: door{near: n.own}, ports: x.ports}}
	}
	if x.to.unknown != "" && x.from.inside.reaches(e, n) == azward.No {
		return nil
	}
	public, known := x.from.addresses(e)
	leads := landings(e, n, inner, x.to, x.ports, public)
	for i := range leads {
		if !known && !leads[i].sources.IsEmpty() {
			leads[i].doubt = "from which addresses it sends was not read"
		}
	}
	return leads
}

// around are the addresses of a class around an interface that reach a front's
// network. Who reaches the front from elsewhere than the interface's own
// network counts as a peer.
func (n *netInterface) around(e *estate.Estate, front *netInterface, class Class) named {
	if class == PrivateConnected {
		space, _ := front.neighbours(e, PrivateConnected)
		return space
	}
	var reach named
	for _, c := range []Class{VnetLocal, VnetPeered} {
		space, _ := front.neighbours(e, c)
		reach.add(space)
	}
	local, _ := n.neighbours(e, VnetLocal)
	local.certain = local.certain.Union(n.single())
	all, own := reach.certain.Union(reach.maybe), local.certain.Union(local.maybe)
	out := named{doubt: firstOf(reach.doubt, local.doubt)}
	if class == VnetLocal {
		out.certain, out.maybe = reach.certain.Intersect(local.certain), all.Intersect(own)
	} else {
		out.certain, out.maybe = reach.certain.Minus(own), all.Minus(local.certain)
	}
	out.maybe = out.maybe.Minus(out.certain)
	return out
}

// throughPrivate are the ways from a class through the private side of a front.
func (n *netInterface) throughPrivate(e *estate.Estate, x exit, leads []landing, class Class) []*way {
	var ways []*way
	for _, w := range x.fromInside(n.around(e, x.from.inside, class)) {
		for _, l := range leads {
			if w.answer() == azward.No {
				ways = append(ways, w)
				break
			}
			ways = append(ways, sender{e, x.front, x.from.inside, x.what}.deliver(n, w.clone(), l)...)
		}
	}
	for _, w := range ways {
		w.class = class
	}
	return ways
}

// fromInside are the ways of sources in networks to an exit. Where it is not
// certain that there are such sources, no way is open for certain.
func (x exit) fromInside(space named) []*way {
	sources := space.certain
	if sources.IsEmpty() {
		sources = space.maybe
	}
	if sources.IsEmpty() {
		return nil // no such sources, which the way at the end itself says
	}
	ways := x.private(visitor{sources: sources, inside: true})
	for _, w := range ways {
		if space.certain.IsEmpty() && w.answer() != azward.No {
			h := Hop{Resource: x.from.inside.vnetID, Kind: "virtualNetwork", Name: x.from.inside.vnetID.Name(), Summary: space.doubt}
			w.doubt(h, azward.Gap{Scope: h.Resource, Kind: azward.GapUnsupported, Reads: "extent of the network", Error: space.doubt})
		}
	}
	return ways
}

// behindFronts are those ways that enter by the listener of a front.
func behindFronts(ways []*way) []*way {
	return slices.DeleteFunc(slices.Clone(ways), func(w *way) bool { return w.listens.IsEmpty() })
}

// frontsInside are the ways from the addresses of a class, around the front,
// through fronts in networks that lead to a service.
func frontsInside(e *estate.Estate, r *estate.Resource, class Class) []*way {
	t := asTarget(e, r)
	var ways []*way
	for _, x := range frontsOf(e).exits {
		leads := t.leads(x)
		if x.from.inside == nil || leads == azward.No || !servesNetworks(x.front) {
			continue
		}
		if t.arrive != nil && !slices.ContainsFunc(t.arrive(&way{class: class}, x), func(w *way) bool { return w.answer() != azward.No }) {
			continue // what it may lead to is closed to it
		}
		if x.private != nil && t.arrive != nil && leads == azward.Yes {
			ways = append(ways, t.fromInside(e, x, class)...)
			continue
		}
		why := x.what + " leads to it, and which networks reach its private side is not followed"
		if leads == azward.Unknown {
			why = x.what + " may lead to it: " + x.to.unknown
		}
		if slices.ContainsFunc(ways, func(w *way) bool { return w.hops[len(w.hops)-1].Summary == why }) {
			continue
		}
		w := &way{class: class, by: x.what, flows: []Flow{}}
		w.doubt(Hop{Resource: x.front.ID, Kind: kindOf(x.front), Name: x.front.Name, Summary: why}, azward.Gap{Scope: x.front.ID, Kind: azward.GapUnsupported, Reads: "private frontends", Error: why})
		ways = append(ways, w)
	}
	return dedupeWays(ways)
}

// fromInside are the ways from a class through the private side of a front to
// the target.
func (t target) fromInside(e *estate.Estate, x exit, class Class) []*way {
	space, _ := x.from.inside.neighbours(e, class)
	var ways []*way
	for _, w := range x.fromInside(space) {
		if w.answer() == azward.No {
			ways = append(ways, w)
			continue
		}
		ways = append(ways, t.arrive(w, x)...)
	}
	for _, w := range ways {
		w.class = class
	}
	return ways
}

// servesNetworks reports that a front in a network may have an entrance there.
func servesNetworks(front *estate.Resource) bool {
	if !strings.EqualFold(front.Type, gatewayType) {
		return true
	}
	v, err := estate.Decode[estate.ApplicationGateway](front)
	return err != nil || len(v.Properties.PrivateLinkConfigurations) > 0 ||
		slices.ContainsFunc(v.Properties.FrontendIPConfigurations, func(f estate.GatewayFrontend) bool { return f.Properties.PublicIPAddress == nil })
}
