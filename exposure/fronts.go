package exposure

import (
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// exit is one place that a front service sends requests to.
type exit struct {
	front *estate.Resource
	what  string // "application gateway agw"
	to    spot
	ports netset.Ports // that it opens connections to
	leg   *gatewayLeg  // of an application gateway, whose pools name interfaces
	from  caller
	// enter is every way from the internet through the front to this exit.
	// Depth bounds how many fronts may stand before it.
	enter func(depth int) []*way
	// private is every way of visitors in networks through its private entrance
	// to this exit; nil where it has none, or where that is not followed.
	private func(visitor) []*way
}

// caller is how a backend sees a front.
type caller struct {
	r         *estate.Resource
	title     string
	inside    *netInterface     // the subnet that it sends from; nil where it is in no network
	public    netset.Addrs      // what it sends from to public addresses
	tag       string            // the service tag that holds its public addresses, with every other customer's
	frontDoor string            // the value of X-Azure-FDID
	link      azward.ResourceID // what its approved private link leads to
	anywhere  bool              // it was not understood: it may stand in any network, and have a private link to anything
}

// maxFronts is how many front services, in services, may stand one behind the
// other on a way: Front Door, then a gateway, then API Management.
const maxFronts = 3

// frontCache holds the exits of a set of questions about one estate.
type frontCache struct {
	e     *estate.Estate
	exits []exit
}

type frontsKey struct{}

// frontsOf are the exits of all front services of the estate, read once.
func frontsOf(e *estate.Estate) *frontCache {
	return estate.Memo(e, frontsKey{}, readFronts)
}

// readFronts lists the exits of all front services of the estate but
// firewalls, whose rules are no exits of their own.
func readFronts(e *estate.Estate) *frontCache {
	c := &frontCache{e: e}
	for _, r := range e.OfType(gatewayType) {
		c.exits = append(c.exits, gatewayExits(c, r)...)
	}
	c.exits = append(c.exits, frontDoorExits(c)...)
	for _, r := range e.OfType("Microsoft.Network/frontDoors") {
		c.exits = append(c.exits, classicExits(c, r)...)
	}
	for _, r := range e.OfType("Microsoft.Cdn/profiles/endpoints") {
		c.exits = append(c.exits, cdnExits(c, r)...)
	}
	for _, r := range e.OfType("Microsoft.ApiManagement/service") {
		c.exits = append(c.exits, apiExits(c, r)...)
	}
	return c
}

// addresses are the public addresses that a caller may send from: its own, or
// those of its service tag where a list holds them.
func (c caller) addresses(e *estate.Estate) (netset.Addrs, bool) {
	if !c.public.IsEmpty() {
		return c.public, true
	}
	if c.tag != "" {
		if addrs, _, doubt := serviceTag(e, c.tag); doubt == "" {
			return addrs, true
		}
	}
	return publicAddrs, false
}

// before is the ways of other fronts to an entrance of this one: its addresses
// and host names at one port. Inside is where a private entrance stands; nil
// for a public one.
func (c *frontCache) before(self *estate.Resource, addresses netset.Addrs, names []string, port uint16, depth int, inside *netInterface) []arrival {
	if depth <= 0 {
		return nil
	}
	var all []arrival
	for _, x := range c.exits {
		if x.front == self || !x.ports.Contains(port) {
			continue
		}
		hit := x.to.address.IsValid() && addresses.Contains(x.to.address) || x.from.link != "" && x.from.link.Equal(self.ID) ||
			x.to.name != "" && slices.ContainsFunc(names, func(n string) bool { return n != "" && strings.EqualFold(n, x.to.name) })
		// A name that was not resolved may be that of a private entrance.
		hit = hit || inside != nil && x.from.anywhere || inside != nil && x.to.unknown != "" && x.from.inside != nil && x.from.inside.reaches(c.e, inside) != azward.No
		if !hit {
			continue
		}
		for _, w := range x.enter(depth - 1) {
			switch {
			case w.answer() == azward.No:
			case len(all) < maxBefore:
				all = append(all, arrival{w, x})
			default:
				why := "more services than azward follows stand before " + self.Name
				w.doubt(Hop{Resource: self.ID, Kind: kindOf(self), Name: self.Name, Summary: why}, azward.Gap{Scope: self.ID, Kind: azward.GapUnsupported, Reads: "services before it", Error: why})
				return append(all, arrival{w, x})
			}
		}
	}
	return all
}

// maxBefore bounds, in ways, what is followed to one entrance from other
// fronts: gateways that name each other would multiply at every step.
const maxBefore = 16

// arrival is a way that has come through a front to one of its exits.
type arrival struct {
	way  *way
	exit exit
}

// away is a host name without its scheme, port and path.
func hostOf(url string) (host string, ports netset.Ports) {
	scheme, rest, ok := strings.Cut(url, "://")
	if !ok {
		scheme, rest = "", url
	}
	rest, _, _ = strings.Cut(rest, "/")
	rest, _, _ = strings.Cut(rest, "?")
	if i := strings.LastIndexByte(rest, '@'); i >= 0 {
		rest = rest[i+1:]
	}
	ports = webPorts
	switch strings.ToLower(scheme) {
	case "http", "ws":
		ports = netset.Port(80)
	case "https", "wss":
		ports = netset.Port(443)
	}
	host = rest
	if i := strings.LastIndexByte(rest, ':'); i >= 0 && !strings.HasSuffix(rest, "]") {
		if p, err := netset.ParsePorts(rest[i+1:]); err == nil {
			host, ports = rest[:i], p
		}
	}
	return strings.ToLower(strings.Trim(host, "[]")), ports
}

// webPorts are those of HTTP and HTTPS.
var webPorts = netset.Port(80).Union(netset.Port(443))
