package exposure

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure/netset"
)

// RouteSource says who made a route, in the words of Azure's effective routes.
type RouteSource string

// Sources of routes. Of routes for one prefix a user's wins, then what a
// gateway learned or was told, then the platform's.
const (
	RouteUser    RouteSource = "User"
	RouteGateway RouteSource = "VirtualNetworkGateway"
	RouteDefault RouteSource = "Default"
)

// NextHop is the kind of a route's next hop, in ARM's words.
type NextHop string

// Kinds of next hop.
const (
	HopVNet      NextHop = "VnetLocal"
	HopPeering   NextHop = "VNetPeering"
	HopGateway   NextHop = "VirtualNetworkGateway"
	HopInternet  NextHop = "Internet"
	HopAppliance NextHop = "VirtualAppliance"
	HopEndpoint  NextHop = "VirtualNetworkServiceEndpoint"
	HopNone      NextHop = "None" // dropped
)

// Route is one route at a subnet.
type Route struct {
	Source  RouteSource
	Prefix  netip.Prefix
	NextHop NextHop
	// Address of the next hop, where it is an appliance.
	Address netip.Addr
	Name    string
	// tag that the prefix comes from, for ties: an explicit prefix comes first,
	// then the narrower tag.
	tag string
	// evidence is read where it is shown: to find one route of a thousand in its
	// table's body takes time.
	evidence func() azward.Evidence
}

// cites are the facts that made the route.
func (r *Route) cites() []azward.Evidence {
	if r.evidence == nil {
		return nil
	}
	return []azward.Evidence{r.evidence()}
}

// Routes are the routes that a subnet may use.
type Routes struct {
	List []Route
	// Doubt are destinations for which further routes may be there, such as
	// those that a gateway learned, and Why.
	Doubt netset.Addrs
	Why   string
}

// Routed is a part of the destinations with the route that they take. Without
// a route nothing leads there; unclear says why another may be taken instead.
type Routed struct {
	Route   *Route
	To      netset.Addrs
	Unclear string
}

// doubt adds destinations for which further routes may be there.
func (r *Routes) doubt(to netset.Addrs, why string) {
	if to.IsEmpty() {
		return
	}
	r.Doubt, r.Why = r.Doubt.Union(to), firstOf(r.Why, why)
}

// Next is the route to one destination.
func (r Routes) Next(to netip.Addr) Routed {
	if parts := r.Split(netset.OneAddr(to)); len(parts) > 0 {
		return parts[0]
	}
	return Routed{To: netset.OneAddr(to), Unclear: "the destination is no address"}
}

// Split gives each destination its route: the longest prefix, then the
// source's rank. Routes to the network itself, its peers and service endpoints
// are preferred even to longer ones that a gateway learned.
//
// Source: https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview#how-azure-selects-a-route
func (r Routes) Split(to netset.Addrs) []Routed {
	order := make([]*Route, len(r.List))
	var kept netset.Addrs // not for routes that a gateway learned
	for i := range r.List {
		order[i] = &r.List[i]
		if order[i].Source == RouteDefault && (order[i].NextHop == HopVNet || order[i].NextHop == HopPeering || order[i].NextHop == HopEndpoint) {
			kept = kept.Union(netset.PrefixAddrs(order[i].Prefix))
		}
	}
	slices.SortStableFunc(order, precedes)
	var parts []Routed
	rest := to
	for _, route := range order {
		claim := netset.PrefixAddrs(route.Prefix)
		if !claim.Overlaps(rest) {
			continue
		}
		if route.Source == RouteGateway {
			claim = claim.Minus(kept)
		}
		hit := rest.Intersect(claim)
		rest = rest.Minus(hit)
		if unclear := hit.Intersect(r.Doubt); !unclear.IsEmpty() && r.mayYield(route) {
			parts = append(parts, Routed{Route: route, To: unclear, Unclear: r.Why})
			hit = hit.Minus(unclear)
		}
		if !hit.IsEmpty() {
			parts = append(parts, Routed{Route: route, To: hit})
		}
	}
	if unclear := rest.Intersect(r.Doubt); !unclear.IsEmpty() {
		parts = append(parts, Routed{To: unclear, Unclear: r.Why})
		rest = rest.Minus(unclear)
	}
	if !rest.IsEmpty() {
		parts = append(parts, Routed{To: rest})
	}
	return parts
}

// mayYield reports whether a learned route could be taken in place of this one.
func (r Routes) mayYield(route *Route) bool {
	switch {
	case route.Source == RouteDefault && (route.NextHop == HopVNet || route.NextHop == HopPeering || route.NextHop == HopEndpoint):
		return false
	case route.Source == RouteUser && route.Prefix.IsSingleIP():
		return false
	}
	return true
}

// precedes orders routes so that the first one that holds a destination is
// taken.
func precedes(a, b *Route) int {
	rank := func(s RouteSource) int { return slices.Index([]RouteSource{RouteUser, RouteGateway, RouteDefault}, s) }
	dropped := func(r *Route) int {
		if r.NextHop == HopNone {
			return 1
		}
		return 0
	}
	return cmp.Or(
		cmp.Compare(b.Prefix.Bits(), a.Prefix.Bits()),
		cmp.Compare(rank(a.Source), rank(b.Source)),
		cmp.Compare(tagRank(a.tag), tagRank(b.tag)),
		cmp.Compare(dropped(a), dropped(b)), // a space that is the network's own is not dropped
	)
}

// tagRank orders user routes of one prefix: an explicit prefix, a region of a
// service, a service, a region of AzureCloud, AzureCloud.
//
// Source: https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview#service-tags-for-user-defined-routes
func tagRank(tag string) int {
	name, _, regional := strings.Cut(strings.ToLower(tag), ".")
	switch {
	case tag == "":
		return 0
	case name != "azurecloud" && regional:
		return 1
	case name != "azurecloud":
		return 2
	case regional:
		return 3
	}
	return 4
}
