package exposure

import (
	"fmt"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// privateAddrs is everything that the internet cannot send from.
var privateAddrs = netset.AllAddrs().Minus(publicAddrs)

// extent computes what the tag VirtualNetwork stands for at this interface:
// the network's own space, that of connected peers, the host's address, what
// stands behind gateways, and prefixes of user-defined routes. What cannot be
// read, and a route for all addresses, which the tag may hold, is a doubt.
//
// Source: https://learn.microsoft.com/azure/virtual-network/service-tags-overview
func (n *netInterface) extent(e *estate.Estate, v *estate.VirtualNetwork) {
	n.vnet = prefixes(v.Properties.AddressSpace.AddressPrefixes).Union(hostAddr)
	for _, s := range v.Properties.Subnets {
		switch {
		case strings.EqualFold(s.Name, "GatewaySubnet"):
			n.behindGateway(e, n.vnetID)
		case strings.EqualFold(s.Name, "RouteServerSubnet"):
			n.maybe(privateAddrs, "the network has a route server, and the routes that it learns cannot be read")
		}
		for _, d := range s.Properties.Delegations {
			for _, service := range intents {
				n.hasIntent = n.hasIntent || strings.EqualFold(d.Properties.ServiceName, service)
			}
		}
	}
	for _, p := range v.Properties.VirtualNetworkPeerings {
		n.peer(e, p)
	}
	if mesh, ok := e.Resource(n.vnetID + "/providers/" + effectiveMeshType + "/default"); ok {
		n.maybe(privateAddrs, "network manager connectivity "+mesh.Name+" may join further networks, which azward does not follow")
	}
	n.userPrefixes(e)
}

// maybe adds addresses that the tag may hold.
func (n *netInterface) maybe(addrs netset.Addrs, why string) {
	n.beyond = n.beyond.Union(addrs)
	n.beyondWhy = firstOf(n.beyondWhy, why)
}

// peer adds a peered network. What the peering was synchronised with and what
// the peer has now may differ: then the common part alone is certain.
//
// Source: https://learn.microsoft.com/azure/virtual-network/virtual-network-peering-overview
func (n *netInterface) peer(e *estate.Estate, p estate.VirtualNetworkPeering) {
	remote := p.Properties.RemoteVirtualNetwork.ID
	if scope := remote.SubscriptionScope(); scope != "" && !containsID(n.subscription, scope) {
		n.subscription = append(n.subscription, scope)
	}
	if p.Properties.UseRemoteGateways {
		n.behindGateway(e, remote)
	}
	space := peerSpace(e, p)
	switch on := p.Properties.AllowVirtualNetworkAccess; {
	case !strings.EqualFold(p.Properties.PeeringState, "Connected"):
		if p.Properties.PeeringState == "" {
			n.maybe(space.certain.Union(space.maybe), "peering "+p.Name+" does not say its peeringState")
		}
	case on == nil:
		n.maybe(space.certain.Union(space.maybe), "peering "+p.Name+" does not say allowVirtualNetworkAccess")
	case *on:
		n.vnet = n.vnet.Union(space.certain)
		n.maybe(space.maybe, space.doubt)
	}
}

// peerSpace is the address space that a peering makes known.
func peerSpace(e *estate.Estate, p estate.VirtualNetworkPeering) named {
	seen := prefixes(p.Properties.RemoteAddressSpace.AddressPrefixes)
	now := prefixes(p.Properties.RemoteVirtualNetworkAddressSpace.AddressPrefixes)
	if seen.IsEmpty() {
		seen = now
	}
	if now.IsEmpty() {
		now = seen
	}
	if r, ok := e.Resource(p.Properties.RemoteVirtualNetwork.ID); ok {
		if v, err := estate.Decode[estate.VirtualNetwork](r); err == nil {
			now = now.Union(prefixes(v.Properties.AddressSpace.AddressPrefixes))
		}
	}
	all := named{certain: seen.Intersect(now)}
	if rest := seen.Union(now).Minus(all.certain); !rest.IsEmpty() {
		all.maybe, all.doubt = rest, "peering "+p.Name+" is out of step with the peer's address space"
	}
	if c := p.Properties.PeerCompleteVNets; c != nil && !*c {
		all.maybe, all.certain, all.doubt = all.maybe.Union(all.certain), netset.Addrs{}, "peering "+p.Name+" joins some subnets alone, which azward does not follow"
	}
	return all
}

// behindGateway adds what lies behind the gateways of a network: the prefixes
// of local network gateways and of clients, where nothing is learned by BGP.
func (n *netInterface) behindGateway(e *estate.Estate, vnet azward.ResourceID) {
	gateways := e.Referrers(vnet.Child("subnets", "GatewaySubnet"), "Microsoft.Network/virtualNetworkGateways")
	if len(gateways) == 0 {
		n.maybe(privateAddrs, "the gateway of network "+vnet.Name()+", and what stands behind it, was not read")
		return
	}
	for _, r := range gateways {
		v, err := estate.Decode[estate.VirtualNetworkGateway](r)
		switch {
		case err != nil:
			n.maybe(privateAddrs, "gateway "+r.Name+" has an unexpected shape")
		case !strings.EqualFold(v.Properties.GatewayType, "Vpn"), v.Properties.EnableBGP == nil, *v.Properties.EnableBGP:
			n.maybe(privateAddrs, "gateway "+r.Name+" learns routes by BGP, which cannot be read")
		default:
			n.sites(e, r, v)
		}
	}
}

// sites adds what the connections of a gateway without BGP lead to.
func (n *netInterface) sites(e *estate.Estate, gateway *estate.Resource, v *estate.VirtualNetworkGateway) {
	if c := v.Properties.VPNClientConfiguration; c != nil {
		n.vnet = n.vnet.Union(prefixes(c.VPNClientAddressPool.AddressPrefixes))
	}
	if _, missing := e.Absence(gateway.ID.SubscriptionScope(), "Microsoft.Network/connections"); len(missing) > 0 {
		n.maybe(privateAddrs, "the connections of gateway "+gateway.Name+" were not listed")
	}
	for _, r := range e.OfType("Microsoft.Network/connections") {
		if _, err := estate.Decode[estate.GatewayConnection](r); err != nil { // it may be any gateway's
			n.maybe(privateAddrs, "connection "+r.Name+" has an unexpected shape")
		}
	}
	for _, r := range e.Referrers(gateway.ID, "Microsoft.Network/connections") {
		space, ok := siteSpace(e, r)
		if !ok {
			n.maybe(privateAddrs, "what connection "+r.Name+" leads to was not read")
			continue
		}
		n.vnet = n.vnet.Union(space)
	}
}

func siteSpace(e *estate.Estate, connection *estate.Resource) (netset.Addrs, bool) {
	c, err := estate.Decode[estate.GatewayConnection](connection)
	if err != nil || !strings.EqualFold(c.Properties.ConnectionType, "IPsec") || c.Properties.LocalNetworkGateway2 == nil ||
		c.Properties.EnableBGP == nil || *c.Properties.EnableBGP {
		return netset.Addrs{}, false
	}
	r, ok := e.Resource(c.Properties.LocalNetworkGateway2.ID)
	if !ok {
		return netset.Addrs{}, false
	}
	site, err := estate.Decode[estate.LocalNetworkGateway](r)
	if err != nil {
		return netset.Addrs{}, false
	}
	return prefixes(site.Properties.LocalNetworkAddressSpace.AddressPrefixes), true
}

// userPrefixes adds the prefixes of user-defined routes.
func (n *netInterface) userPrefixes(e *estate.Estate) {
	if n.routeTable == nil {
		return
	}
	r, ok := e.Resource(n.routeTable.ID)
	if !ok {
		gap := unreadRef(e, n.routeTable.ID)
		n.gaps = append(n.gaps, *gap)
		n.maybe(netset.AllAddrs(), "the subnet's route table was not read, and its prefixes are part of the tag VirtualNetwork")
		return
	}
	table, err := estate.Decode[estate.RouteTable](r)
	if err != nil {
		n.gaps = append(n.gaps, unparsed(r, err))
		n.maybe(netset.AllAddrs(), "the subnet's route table has an unexpected shape")
		return
	}
	for _, route := range table.Properties.Routes {
		addrs := routed(e, route.Properties.AddressPrefix)
		all := addrs.certain.Union(addrs.maybe)
		// Public prefixes, and the default route, the tag "might" contain.
		private := addrs.certain.Intersect(privateAddrs)
		if all.Overlaps(publicAddrs) {
			n.maybe(all, fmt.Sprintf("route %s of %s may widen the tag VirtualNetwork by %s", route.Name, r.Name, route.Properties.AddressPrefix))
			continue
		}
		n.vnet = n.vnet.Union(private)
		n.maybe(addrs.maybe, addrs.doubt)
	}
}

// routed is what the prefix of a route covers: a prefix, or a service tag.
func routed(e *estate.Estate, s string) named {
	if p, exact, err := netset.ParsePrefix(s); err == nil && exact {
		return named{certain: netset.PrefixAddrs(p)} // 0.0.0.0/0 is IPv4 alone here
	}
	return nameOf(e, s)
}
