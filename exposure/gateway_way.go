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

// gateway is an application gateway with the network around it.
type gateway struct {
	e    *estate.Estate
	r    *estate.Resource
	view *gatewayView
	from *netInterface // its subnet, which backends see as the source
}

// gatewayOf reads a gateway; nil with a gap when it cannot be read.
func gatewayOf(e *estate.Estate, r *estate.Resource) (*gateway, *azward.Gap) {
	v, err := estate.Decode[gatewayView](r)
	if err != nil {
		gap := unparsed(r, err)
		return nil, &gap
	}
	g := &gateway{e: e, r: r, view: v}
	subnet := v.subnet()
	if subnet == "" {
		gap := notRead(r, "/properties/gatewayIPConfigurations", gatewayType+"/read", "the gateway does not say in which subnet it stands", "")
		return nil, &gap
	}
	conf := &estate.IPConfiguration{}
	conf.Properties.Subnet = &estate.ResourceRef{ID: subnet}
	g.from = interfaceOf(e, r, "/properties/gatewayIPConfigurations/0", conf, nil)
	return g, nil
}

func (g *gateway) title() string { return "application gateway " + g.r.Name }

// frontend returns the frontend of a listener with its index.
func (g *gateway) frontend(l *estate.GatewayListener) (int, *estate.GatewayFrontend) {
	list := g.view.v.Properties.FrontendIPConfigurations
	i := partNamed(list, l.Properties.FrontendIPConfiguration, func(f estate.GatewayFrontend) string { return f.Name })
	if i < 0 {
		return i, nil
	}
	return i, &list[i]
}

// port is the port of a listener; 0 when the gateway does not hold it.
func (g *gateway) port(l *estate.GatewayListener) int {
	list := g.view.v.Properties.FrontendPorts
	for _, p := range list {
		if ref := l.Properties.FrontendPort; ref != nil && strings.EqualFold(p.Name, ref.ID.Name()) {
			return p.Properties.Port
		}
	}
	return 0
}

// visitor is who comes to a front: the internet, or another front before it.
type visitor struct {
	sources netset.Addrs // that it may send from
	doubt   string       // why it may have other addresses
	before  *way         // the way so far; nil for the internet itself
	inside  bool         // it comes from a network, to the private frontend too
}

func internetVisitor() visitor { return visitor{sources: publicAddrs} }

// ways are the ways into a leg: from the internet, and from other fronts and
// firewalls before the gateway where the internet alone does not get in.
func (g *gateway) ways(leg gatewayLeg, fronts *frontCache, depth int) []*way {
	ways := g.enter(leg, internetVisitor())
	if slices.ContainsFunc(ways, func(w *way) bool { return w.answer() == azward.Yes && w.class == InternetAny }) {
		return ways
	}
	_, front := g.frontend(leg.listener)
	number := g.port(leg.listener)
	if front == nil || number < 1 || number > 65535 {
		return ways
	}
	var private, addresses netset.Addrs
	var names []string
	if a := ipOf(front.Properties.PrivateIPAddress); a.IsValid() && front.Properties.PublicIPAddress == nil {
		private = netset.OneAddr(a)
		addresses = private
	}
	if ref := front.Properties.PublicIPAddress; ref != nil {
		if r, ok := g.e.Resource(ref.ID); ok {
			if v, err := estate.Decode[estate.PublicIPAddress](r); err == nil && ipOf(v.Properties.IPAddress).IsValid() {
				addresses = netset.OneAddr(ipOf(v.Properties.IPAddress))
			}
		}
	}
	names = append(append(names, leg.listener.Properties.HostName), leg.listener.Properties.HostNames...)
	var inside *netInterface
	if front.Properties.PublicIPAddress == nil {
		inside = g.from
	}
	for _, a := range fronts.before(g.r, addresses, names, uint16(number), depth, inside) {
		v := a.visitor(g.e, g.from)
		if a.exit.from.link.Equal(g.r.ID) {
			v = g.linked(a.way, front)
		}
		ways = append(ways, g.enter(leg, v)...)
	}
	for _, w := range firewalled(g.e, g.r, g.from, private, uint16(number)) {
		if w.answer() != azward.No {
			g.served(w, leg, number)
		}
		ways = append(ways, w)
	}
	return ways
}

// visitor is what another front looks like to one behind it.
func (a arrival) visitor(e *estate.Estate, target *netInterface) visitor {
	v := visitor{before: a.way}
	from := a.exit.from
	if a.exit.to.unknown != "" && !a.exit.to.address.IsValid() {
		v.doubt = from.title + " may lead to it: " + a.exit.to.unknown
		return v
	}
	if from.inside != nil && (!a.exit.to.address.IsValid() || privateAddrs.Contains(a.exit.to.address)) {
		v.inside, v.sources = true, from.inside.own
		if from.inside.reaches(e, target) != azward.Yes && !from.inside.peers(e, target.vnetID) {
			v.doubt = "whether " + from.title + " reaches network " + target.vnetID.Name() + " is not certain"
		}
		return v
	}
	sources, known := from.addresses(e)
	if v.sources = sources; !known {
		v.doubt = "from which addresses " + from.title + " sends was not read"
	}
	return v
}

// linked is a visitor that comes by a private link: from the subnet of the
// frontend's private link configuration.
//
// Source: https://learn.microsoft.com/azure/application-gateway/private-link
func (g *gateway) linked(before *way, front *estate.GatewayFrontend) visitor {
	v := visitor{before: before, inside: true, doubt: "from which subnet the private link of frontend " + front.Name + " comes was not read"}
	for _, c := range g.view.v.Properties.PrivateLinkConfigurations {
		ref := front.Properties.PrivateLinkConfiguration
		if ref == nil || !strings.EqualFold(c.Name, ref.ID.Name()) {
			continue
		}
		for _, ip := range c.Properties.IPConfigurations {
			if ip.Properties.Subnet == nil {
				continue
			}
			conf := &estate.IPConfiguration{}
			conf.Properties.Subnet = ip.Properties.Subnet
			v.sources, v.doubt = v.sources.Union(interfaceOf(g.e, g.r, "/properties/privateLinkConfigurations", conf, nil).own), ""
		}
	}
	return v
}

// firewalled are the ways through NAT rules of firewalls to the private
// addresses of a front, at one port.
func firewalled(e *estate.Estate, r *estate.Resource, at *netInterface, private netset.Addrs, number uint16) []*way {
	var ways []*way
	for _, span := range private.Ranges() {
		if span.From() != span.To() {
			continue
		}
		conf := &estate.IPConfiguration{}
		conf.Properties.Subnet = &estate.ResourceRef{ID: at.subnetID}
		front := interfaceOf(e, r, at.pointer, conf, nil)
		front.own = netset.Addrs{} // the address is the entrance's
		entrance := door{front: span.From(), near: netset.OneAddr(span.From()), shown: netset.Port(number), backend: same, protocol: []netset.Protocol{netset.TCP}}
		ways = append(ways, firewallWays(e, front, []door{entrance})...)
	}
	return ways
}

// enter is the way of a visitor up to the backend of a leg: the frontend, the
// security group of the gateway's subnet, the listener with its rule, the
// firewall. Private frontends are not for visitors from the internet.
//
// Source: https://learn.microsoft.com/azure/application-gateway/configuration-infrastructure#network-security-groups
func (g *gateway) enter(leg gatewayLeg, from visitor) []*way {
	w := &way{class: InternetAny, by: g.title(), flows: []Flow{}}
	if from.before != nil {
		w = from.before.clone()
		w.by += ", " + g.title()
	}
	i, front := g.frontend(leg.listener)
	number := g.port(leg.listener)
	at := fmt.Sprintf("/properties/frontendIPConfigurations/%d/properties", i)
	h := Hop{Resource: g.r.ID, Kind: "applicationGateway", Name: g.r.Name + " / " + leg.listener.Name, Answer: azward.Yes}
	unclear := func(kind azward.GapKind, reads, why string) []*way {
		h.Summary = why
		h.Evidence = append(h.Evidence, g.r.Evidence(reads, why))
		w.doubt(h, azward.Gap{Scope: g.r.ID, Kind: kind, Reads: reads, Error: why})
		return []*way{w}
	}
	address := g.from.own
	switch {
	case front == nil || number < 1 || number > 65535:
		return unclear(azward.GapUnparsed, leg.listenerAt, "the frontend or the port of listener "+leg.listener.Name+" is not among the gateway's")
	case front.Properties.PublicIPAddress == nil && front.Properties.Subnet == nil && front.Properties.PrivateIPAddress == "":
		return unclear(azward.GapUnsupported, at, "frontend "+front.Name+" is neither public nor private")
	case front.Properties.PublicIPAddress == nil:
		h.Evidence = []azward.Evidence{g.r.Evidence(at, "a frontend with a subnet and no public address")}
		if h.Summary = "frontend " + front.Name + " of listener " + leg.listener.Name + " is private"; !from.inside {
			h.Answer = azward.No
		}
		w.hop(h)
		if h.Answer == azward.No {
			return []*way{w}
		}
		if a := ipOf(front.Properties.PrivateIPAddress); a.IsValid() {
			address = netset.OneAddr(a)
		}
	default:
		address = g.addressed(w, front, at)
	}
	if from.doubt != "" {
		return unclear(azward.GapUnsupported, at, from.doubt)
	}
	if from.before == nil {
		w.listens, w.entrance = netset.Port(uint16(number)), len(w.hops)
		w.flows = []Flow{{Protocol: "tcp", Ports: fmt.Sprint(number), Sources: sourceNames(from.sources.Intersect(familyOf(address)))}}
	}
	ways := g.filtered(w, leg, from, address, uint16(number))
	for _, w := range ways {
		if w.answer() == azward.No {
			continue
		}
		g.served(w, leg, number)
	}
	return ways
}

// addressed appends the frontend's public address and returns it.
func (g *gateway) addressed(w *way, front *estate.GatewayFrontend, at string) netset.Addrs {
	id := front.Properties.PublicIPAddress.ID
	r, ok := g.e.Resource(id)
	if !ok {
		w.doubt(Hop{
			Resource: id, Kind: "publicIPAddress", Name: id.Name(), Summary: "the frontend's public address could not be read",
			Evidence: []azward.Evidence{g.r.Evidence(at+"/publicIPAddress", "the frontend is public")},
		}, *unreadRef(g.e, id))
		return publicAddrs
	}
	h, _, gap := addressHop(r)
	if gap != nil {
		w.doubt(h, *gap)
	} else {
		w.hop(h)
	}
	if v, err := estate.Decode[estate.PublicIPAddress](r); err == nil {
		if a := ipOf(v.Properties.IPAddress); a.IsValid() {
			return netset.OneAddr(a)
		}
	}
	return publicAddrs
}

// filtered sends the visitor through the security group of the gateway's
// subnet. Its rules see the subnet as the destination; where public and private
// frontends share a port they may see the frontend's address, so that a rule
// for one of the two alone is a doubt.
func (g *gateway) filtered(w *way, leg gatewayLeg, from visitor, address netset.Addrs, number uint16) []*way {
	near := g.from.own
	if g.sharesPort(leg.listener) {
		near = near.Union(address)
	}
	sources := from.sources.Intersect(familyOf(address))
	region := netset.Product(sources, netset.Port(number))
	bare := func(w *way) {
		w.hop(Hop{
			Resource: g.from.subnetID, Kind: "subnet", Name: g.from.subnetID.Name(), Answer: azward.Yes, Summary: "no security group stands before " + g.title(),
			Evidence: []azward.Evidence{g.r.Evidence("/properties/gatewayIPConfigurations/0/properties/subnet", "the gateway's subnet has no security group")},
		})
	}
	var ways []*way
	for _, p := range g.from.pass(g.e, w, packet{direction: inbound, near: near, protocol: netset.TCP, srcPort: anySourcePort}, region, bare) {
		p = g.from.replies(g.e, p, netset.TCP)
		through := p.certain
		if through.IsEmpty() {
			through = p.maybe
		}
		if from.before != nil {
			p.way.class = from.before.class // who comes to the first front decides
		}
		if !through.IsEmpty() && from.before == nil {
			p.way.flows = shownFlows(netset.TCP, through)
			p.way.tagged(p.tags)
		}
		ways = append(ways, p.way)
	}
	return ways
}

// sharesPort reports whether another frontend has a listener on the same port.
func (g *gateway) sharesPort(l *estate.GatewayListener) bool {
	p := &g.view.v.Properties
	for _, list := range [][]estate.GatewayListener{p.HTTPListeners, p.Listeners} {
		for i := range list {
			if g.port(&list[i]) == g.port(l) && !sameRef(list[i].Properties.FrontendIPConfiguration, l.Properties.FrontendIPConfiguration) {
				return true
			}
		}
	}
	return false
}

// served appends the listener with its rule, and the firewall before it.
func (g *gateway) served(w *way, leg gatewayLeg, number int) {
	where := hostsOf(leg.listener)
	if len(leg.paths) > 0 {
		where += " " + listWords(leg.paths)
	}
	h := Hop{
		Resource: g.r.ID, Kind: "applicationGateway", Name: g.r.Name + " / " + leg.rule, Answer: azward.Yes,
		Summary: fmt.Sprintf("rule %s leads %s on %s %d to pool %s, port %d", leg.rule, where, strings.ToLower(leg.listener.Properties.Protocol), number, leg.pool.Name, leg.port),
	}
	h.Evidence = []azward.Evidence{
		g.r.Evidence(leg.listenerAt+"/properties", "listener "+leg.listener.Name),
		g.r.Evidence(leg.pointer+"/properties", "rule "+leg.rule),
		g.r.Evidence(leg.poolAt+"/properties", "pool "+leg.pool.Name),
	}
	w.hop(h)
	g.clientCertificates(w, leg)
	switch old := g.view.v.Properties.WebApplicationFirewallConfiguration; {
	case leg.firewall != nil:
		inspect(g.e, w, leg.firewall.ID)
	case old != nil:
		h := Hop{
			Resource: g.r.ID, Kind: "webApplicationFirewall", Name: g.r.Name + " / web application firewall", Answer: azward.Yes,
			Summary: "the web application firewall is off", Evidence: []azward.Evidence{g.r.Evidence("/properties/webApplicationFirewallConfiguration", "the gateway's own firewall")},
		}
		if old.Enabled {
			h.Summary = wafModeWords("the web application firewall", old.FirewallMode)
		}
		w.hop(h)
	}
}

// clientCertificates narrows the class where the listener asks for them.
//
// Source: https://learn.microsoft.com/azure/application-gateway/mutual-authentication-overview
func (g *gateway) clientCertificates(w *way, leg gatewayLeg) {
	for i, p := range g.view.v.Properties.SSLProfiles {
		if ref := leg.listener.Properties.SSLProfile; ref == nil || !strings.EqualFold(p.Name, ref.ID.Name()) {
			continue
		}
		c := p.Properties.ClientAuthConfiguration
		if len(p.Properties.TrustedClientCertificates) == 0 || c != nil && c.VerifyClientAuthMode != "" && !strings.EqualFold(c.VerifyClientAuthMode, "Strict") {
			return
		}
		w.narrow(Authenticated)
		w.hop(Hop{
			Resource: g.r.ID, Kind: "applicationGateway", Name: g.r.Name + " / " + p.Name, Answer: azward.Yes, Summary: "asks every client for a certificate",
			Evidence: []azward.Evidence{g.r.Evidence(fmt.Sprintf("/properties/sslProfiles/%d/properties", i), "client certificates are verified")},
		})
	}
}

// publicAddresses are the addresses that the gateway sends from to public
// backends: those of its public frontends.
func (g *gateway) publicAddresses() netset.Addrs {
	var all netset.Addrs
	for _, f := range g.view.v.Properties.FrontendIPConfigurations {
		if f.Properties.PublicIPAddress == nil {
			continue
		}
		if r, ok := g.e.Resource(f.Properties.PublicIPAddress.ID); ok {
			if v, err := estate.Decode[estate.PublicIPAddress](r); err == nil {
				if a := ipOf(v.Properties.IPAddress); a.IsValid() {
					all = all.Union(netset.OneAddr(a))
				}
			}
		}
	}
	return all
}

// gatewayWays are the ways through application gateways to an interface, or
// to a private frontend of a load balancer before it.
func gatewayWays(e *estate.Estate, n *netInterface, inner []door) []*way {
	var ways []*way
	var fronts *frontCache // read when a gateway concerns the interface
	for i, pool := range n.conf.Properties.ApplicationGatewayBackendAddressPools {
		if _, ok := e.Resource(pool.ID.Parent()); ok {
			continue
		}
		w := &way{class: InternetAny, by: "application gateway " + pool.ID.Parent().Name(), flows: []Flow{}}
		w.doubt(Hop{
			Resource: pool.ID.Parent(), Kind: "applicationGateway", Name: pool.ID.Parent().Name(), Summary: "a pool of an application gateway that was not read holds it",
			Evidence: []azward.Evidence{n.holder.Evidence(fmt.Sprintf("%s/properties/applicationGatewayBackendAddressPools/%d", n.pointer, i), "names a backend pool")},
		}, *unreadRef(e, pool.ID.Parent()))
		ways = append(ways, w)
	}
	for _, r := range e.OfType(gatewayType) {
		v, err := estate.Decode[gatewayView](r)
		if err == nil && !v.concerns(n, inner) {
			continue
		}
		g, gap := gatewayOf(e, r)
		if gap != nil {
			ways = append(ways, frontDoubt(r, "application gateway", "may lead to it", *gap))
			continue
		}
		if g.from.reaches(e, n) == azward.No && publicOf(e, n).IsEmpty() {
			continue
		}
		if fronts == nil {
			fronts = frontsOf(e)
		}
		ways = append(ways, g.waysTo(n, inner, fronts)...)
	}
	return ways
}

// concerns is a quick look at whether a gateway may lead to the interface.
func (g *gatewayView) concerns(n *netInterface, inner []door) bool {
	return len(g.unread) > 0 || slices.ContainsFunc(g.legs, func(leg gatewayLeg) bool {
		return leg.holds(n) || slices.ContainsFunc(leg.pool.Properties.BackendAddresses, func(b struct {
			FQDN      string `json:"fqdn"`
			IPAddress string `json:"ipAddress"`
		},
		) bool {
			a := backendIP(b.FQDN, b.IPAddress)
			return !a.IsValid() || publicAddrs.Contains(a) || n.own.Contains(a) || slices.ContainsFunc(inner, func(d door) bool { return d.front == a })
		})
	})
}

// holds reports whether the leg's pool names the interface by ID.
func (leg *gatewayLeg) holds(n *netInterface) bool {
	for _, ref := range n.conf.Properties.ApplicationGatewayBackendAddressPools {
		if leg.pool.ID != "" && ref.ID.Equal(leg.pool.ID) {
			return true
		}
	}
	return slices.ContainsFunc(leg.pool.Properties.BackendIPConfigurations, func(ref estate.ResourceRef) bool {
		return n.conf.ID != "" && ref.ID.Equal(n.conf.ID)
	})
}

// backendIP is the address of a pool's entry: a literal address may stand
// where a host name is expected.
func backendIP(fqdn, address string) netip.Addr {
	if address != "" {
		return ipOf(address)
	}
	return ipOf(fqdn)
}

// frontDoubt is a front that may lead to a target and cannot be followed.
func frontDoubt(r *estate.Resource, what, why string, gap azward.Gap) *way {
	w := &way{class: InternetAny, by: what + " " + r.Name, flows: []Flow{}}
	w.doubt(Hop{
		Resource: r.ID, Kind: kindOf(r), Name: r.Name, Summary: what + " " + r.Name + " " + why,
		Evidence: []azward.Evidence{r.Evidence("", "it is there")},
	}, gap)
	return w
}

// gatewayExits are the backends of a gateway, each an exit.
func gatewayExits(c *frontCache, r *estate.Resource) []exit {
	g, gap := gatewayOf(c.e, r)
	if gap != nil {
		return []exit{misshapen(r, "application gateway "+r.Name, *gap)}
	}
	from := caller{r: r, title: g.title(), inside: g.from, public: g.publicAddresses()}
	var all []exit
	for _, d := range g.view.unread {
		x := blindExit(r, g.title(), azward.Gap{Scope: r.ID, Kind: azward.GapUnparsed, Reads: d.pointer, Error: d.why})
		x.from = from
		all = append(all, x)
	}
	for i := range g.view.legs {
		leg := &g.view.legs[i]
		x := exit{front: r, what: g.title(), ports: netset.Port(leg.port), leg: leg, from: from, enter: func(depth int) []*way { return g.ways(*leg, c, depth) }}
		if g.privately() {
			x.private = func(v visitor) []*way {
				if _, f := g.frontend(leg.listener); f != nil && f.Properties.PublicIPAddress != nil {
					return nil
				}
				return g.enter(*leg, v)
			}
		}
		if len(leg.pool.Properties.BackendAddresses) == 0 && len(leg.pool.Properties.BackendIPConfigurations) > 0 {
			all = append(all, x) // its pool names interfaces alone
		}
		for _, b := range leg.pool.Properties.BackendAddresses {
			if a := backendIP(b.FQDN, b.IPAddress); a.IsValid() {
				x.to = spot{address: a}
				all = append(all, x)
				continue
			}
			for _, p := range placesOf(c.e, b.FQDN) {
				x.to = p
				all = append(all, x)
			}
		}
	}
	return all
}

// privately reports that networks come to the gateway by its private frontends
// alone: consumers of a private link come from anywhere.
func (g *gateway) privately() bool {
	const pointer = "/properties/privateEndpointConnections"
	if len(g.view.v.Properties.PrivateLinkConfigurations) == 0 {
		return true
	}
	raw, ok := g.r.At(pointer)
	return ok && string(raw) == "[]"
}

// misshapen is a front that was not understood at all, not even where it
// stands.
func misshapen(r *estate.Resource, what string, gap azward.Gap) exit {
	x := blindExit(r, what, gap)
	x.from.anywhere = true
	return x
}

// blindExit is a front that may lead anywhere from where it stands.
func blindExit(r *estate.Resource, what string, gap azward.Gap) exit {
	return exit{
		front: r, what: what, to: spot{unknown: gap.Error}, ports: netset.AllPorts(), from: caller{r: r, title: what},
		enter: func(int) []*way {
			return []*way{frontDoubt(r, strings.TrimSuffix(what, " "+r.Name), "may lead to it: "+gap.Error, gap)}
		},
	}
}
