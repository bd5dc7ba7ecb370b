package exposure

import (
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// privateFronts are the ways from the addresses of a class through fronts that
// stand in a network and lead to the interface. Followed are private frontends
// of application gateways in the interface's own network; of the others it is
// said that they are not.
func (n *netInterface) privateFronts(e *estate.Estate, machine *estate.Resource, class Class) (ways []*way, gaps []azward.Gap) {
	_, gaps = e.Absence("", gatewayType, apimType)
	followed := map[*estate.Resource]bool{}
	for _, x := range frontsOf(e).exits {
		if x.from.anywhere {
			gaps = append(gaps, azward.Gap{Scope: x.front.ID, Kind: azward.GapUnsupported, Reads: string(class), Error: x.what + " may lead to it: " + x.to.unknown})
			continue
		}
		if x.from.inside == nil || !n.ledTo(e, x) || !servesNetworks(x.front) {
			continue
		}
		if n.besides(x) {
			if !followed[x.front] {
				followed[x.front] = true
				ways = append(ways, n.throughPrivate(e, machine, x.front, class)...)
			}
			continue
		}
		g := azward.Gap{
			Scope: x.front.ID, Kind: azward.GapUnsupported, Reads: string(class),
			Error: x.what + " leads to it, and which networks reach the private side of that is not followed",
		}
		if !slices.Contains(gaps, g) {
			gaps = append(gaps, g)
		}
	}
	return ways, gaps
}

// ledTo reports whether an exit of a front leads, or may lead, to the interface.
func (n *netInterface) ledTo(e *estate.Estate, x exit) bool {
	return x.leg != nil && x.leg.holds(n) || x.to.address.IsValid() && n.own.Contains(x.to.address) ||
		x.to.unknown != "" && x.from.inside.reaches(e, n) != azward.No
}

// besides reports whether a front is a gateway in the interface's own network
// whose private side has frontends alone: a private link leads in from anywhere.
func (n *netInterface) besides(x exit) bool {
	if !strings.EqualFold(x.front.Type, gatewayType) || !x.from.inside.vnetID.Equal(n.vnetID) {
		return false
	}
	v, err := estate.Decode[estate.ApplicationGateway](x.front)
	return err == nil && len(v.Properties.PrivateLinkConfigurations) == 0
}

// throughPrivate are the ways from a class through the private frontends of a
// gateway in the same network.
func (n *netInterface) throughPrivate(e *estate.Estate, machine, front *estate.Resource, class Class) []*way {
	g, gap := gatewayOf(e, front)
	if gap != nil {
		return []*way{frontDoubt(front, "application gateway", "may lead to it", *gap)}
	}
	space, none := n.neighbours(e, class)
	if space.certain.IsEmpty() {
		if space.maybe.IsEmpty() {
			return nil // no such sources, which the way at the interface says
		}
		w := &way{class: class, by: g.title(), flows: []Flow{}}
		none.Summary = space.doubt
		w.doubt(none, azward.Gap{Scope: n.vnetID, Kind: azward.GapUnsupported, Reads: "extent of the network", Error: space.doubt})
		return []*way{w}
	}
	var ways []*way
	for _, d := range g.view.unread {
		ways = append(ways, frontDoubt(front, "application gateway", "may lead to it: "+d.why, azward.Gap{Scope: front.ID, Kind: azward.GapUnparsed, Reads: d.pointer, Error: d.why}))
	}
	inner := innerDoors(balancerDoors(e, machine, n))
	for _, leg := range g.view.legs {
		if _, f := g.frontend(leg.listener); f != nil && f.Properties.PublicIPAddress != nil {
			continue
		}
		for _, b := range g.backends(leg, n, inner) {
			for _, w := range g.enter(leg, visitor{sources: space.certain, inside: true}) {
				if w.answer() == azward.No {
					ways = append(ways, w)
					continue
				}
				ways = append(ways, sender{e, front, g.from, g.title()}.deliver(n, w, b)...)
			}
		}
	}
	for _, w := range ways {
		w.class = class
	}
	return dedupeWays(ways)
}

// behindFronts are those ways that enter by the listener of a front.
func behindFronts(ways []*way) []*way {
	return slices.DeleteFunc(slices.Clone(ways), func(w *way) bool { return w.listens.IsEmpty() })
}
