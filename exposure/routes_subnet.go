package exposure

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// hubConnectionType joins a network to a hub of Virtual WAN.
const hubConnectionType = "Microsoft.Network/virtualHubs/hubVirtualNetworkConnections"

// routes reads the routes at the interface's subnet, once.
func (n *netInterface) routes(e *estate.Estate) Routes {
	n.routeOnce.Do(func() {
		if n.subnetID == "" {
			n.routeHeld = n.readRoutes(e)
			return
		}
		n.routeHeld = estate.Memo(e, routesKey{n.subnetID.Key()}, n.readRoutes)
	})
	return n.routeHeld
}

// routesKey is a subnet, whose interfaces share their routes.
type routesKey struct{ subnet azward.ResourceKey }

// readRoutes puts together what the platform, gateways and the user's route
// table give.
//
// Source: https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview
func (n *netInterface) readRoutes(e *estate.Estate) Routes {
	var r Routes
	network, ok := e.Resource(n.vnetID)
	if !ok {
		r.doubt(netset.AllAddrs(), "the virtual network was not read")
		return r
	}
	v, err := estate.Decode[estate.VirtualNetwork](network)
	if err != nil {
		r.doubt(netset.AllAddrs(), "the virtual network has an unexpected shape")
		return r
	}
	learns := n.userRoutes(e, &r)
	replaced := false
	for _, route := range r.List {
		replaced = replaced || route.Prefix == defaultV4
	}
	r.system(network, v, replaced)
	for i, p := range v.Properties.VirtualNetworkPeerings {
		r.peering(e, network, i, p)
	}
	if learns {
		n.learned(e, v, &r)
	}
	n.hubs(e, v, &r)
	return r
}

var (
	defaultV4 = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	defaultV6 = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
)

// system adds the routes that every subnet has. Those that drop private
// addresses are gone where the user replaced the default route.
func (r *Routes) system(network *estate.Resource, v *estate.VirtualNetwork, replaced bool) {
	add := func(prefix netip.Prefix, hop NextHop, evidence func() azward.Evidence) {
		r.List = append(r.List, Route{Source: RouteDefault, Prefix: prefix, NextHop: hop, Name: "system route", evidence: evidence})
	}
	for i, s := range v.Properties.AddressSpace.AddressPrefixes {
		pointer := fmt.Sprintf("/properties/addressSpace/addressPrefixes/%d", i)
		p, exact, err := netset.ParsePrefix(s)
		if err != nil || !exact {
			r.doubt(netset.AllAddrs(), fmt.Sprintf("%q of the network's addressPrefixes is no prefix", s))
			continue
		}
		add(p, HopVNet, func() azward.Evidence { return network.Evidence(pointer, "the network's own addresses") })
	}
	built := func() azward.Evidence {
		return documented(network, "/properties/addressSpace", "system routes of every subnet")
	}
	add(defaultV4, HopInternet, built)
	add(defaultV6, HopInternet, built)
	if replaced {
		return
	}
	for _, s := range []string{"10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"} {
		add(netip.MustParsePrefix(s), HopNone, built)
	}
}

// peering adds the peer's addresses. What the peering may hold besides, or the
// peer in doubt, is a doubt.
func (r *Routes) peering(e *estate.Estate, network *estate.Resource, i int, p estate.VirtualNetworkPeering) {
	pointer := fmt.Sprintf("/properties/virtualNetworkPeerings/%d/properties", i)
	space := peerSpace(e, p)
	access := p.Properties.AllowVirtualNetworkAccess
	switch {
	case p.Properties.PeeringState != "" && !strings.EqualFold(p.Properties.PeeringState, "Connected"):
		return
	case p.Properties.PeeringState == "" || access == nil:
		r.doubt(space.certain.Union(space.maybe), "peering "+p.Name+" does not say its peeringState and allowVirtualNetworkAccess")
		return
	case !*access:
		return
	}
	for _, prefix := range space.certain.Prefixes() {
		r.List = append(r.List, Route{
			Source: RouteDefault, Prefix: prefix, NextHop: HopPeering, Name: "peering " + p.Name,
			evidence: func() azward.Evidence { return network.Evidence(pointer, "peering "+p.Name) },
		})
	}
	r.doubt(space.maybe, space.doubt)
}

// learned adds what gateways, of the network or of a peer, make known. The
// prefixes of sites are part of the tag VirtualNetwork too: what that holds
// besides networks and peers stands behind the gateway.
func (n *netInterface) learned(e *estate.Estate, v *estate.VirtualNetwork, r *Routes) {
	var behind netInterface
	for _, s := range v.Properties.Subnets {
		switch {
		case strings.EqualFold(s.Name, "GatewaySubnet"):
			behind.behindGateway(e, n.vnetID)
		case strings.EqualFold(s.Name, "RouteServerSubnet"):
			behind.maybe(privateAddrs, "the network has a route server, and the routes that it learns cannot be read")
		}
	}
	for _, p := range v.Properties.VirtualNetworkPeerings {
		if p.Properties.UseRemoteGateways {
			behind.behindGateway(e, p.Properties.RemoteVirtualNetwork.ID)
		}
	}
	for _, prefix := range behind.vnet.Prefixes() {
		r.List = append(r.List, Route{Source: RouteGateway, Prefix: prefix, NextHop: HopGateway, Name: "gateway"})
	}
	r.doubt(behind.beyond, behind.beyondWhy)
}

// hubs doubts what a virtual hub may lead elsewhere: private addresses, and
// all where the connection takes the hub's default route.
//
// Source: https://learn.microsoft.com/azure/virtual-wan/how-to-routing-policies
func (n *netInterface) hubs(e *estate.Estate, v *estate.VirtualNetwork, r *Routes) {
	connections := e.Referrers(n.vnetID, hubConnectionType)
	for _, c := range connections {
		hub := c.ID.Parent()
		view, err := estate.Decode[estate.HubConnection](c)
		if err != nil || !view.Properties.RemoteVirtualNetwork.ID.Equal(n.vnetID) {
			continue
		}
		r.hubRoute(e, hub, c)
		if on := view.Properties.EnableInternetSecurity; on != nil && !*on {
			r.doubt(privateAddrs, "the network is connected to virtual hub "+hub.Name()+", whose routes azward does not follow")
			continue
		}
		r.doubt(netset.AllAddrs(), hubWords(e, hub))
	}
	for _, p := range v.Properties.VirtualNetworkPeerings {
		remote := p.Properties.RemoteVirtualNetwork.ID
		if strings.HasPrefix(strings.ToUpper(remote.Name()), "HV_") && len(connections) == 0 {
			r.doubt(netset.AllAddrs(), "the network is connected to a virtual hub that was not read")
		}
	}
	if mesh, ok := e.Resource(n.vnetID + "/providers/" + effectiveMeshType + "/default"); ok {
		r.doubt(privateAddrs, "network manager connectivity "+mesh.Name+" may join further networks, which azward does not follow")
	} else if len(e.OfType(managerType)) > 0 {
		if _, missing := e.Absence(n.vnetID.SubscriptionScope(), effectiveMeshType); len(missing) > 0 {
			r.doubt(privateAddrs, "there is a network manager, and whether it joins this network with others was not read")
		}
	}
}

func hubWords(e *estate.Estate, hub azward.ResourceID) string {
	for _, r := range e.Children(hub, "Microsoft.Network/virtualHubs/routingIntent") {
		v, err := estate.Decode[estate.RoutingIntent](r)
		if err != nil {
			break
		}
		for _, p := range v.Properties.RoutingPolicies {
			for _, d := range p.Destinations {
				if strings.EqualFold(d, "Internet") {
					return fmt.Sprintf("routing intent of virtual hub %s sends internet traffic through %s", hub.Name(), p.NextHop.Name())
				}
			}
		}
	}
	return "the network is connected to virtual hub " + hub.Name() + ", which may give it a default route"
}

// userRoutes adds the routes of the subnet's route table, and reports whether
// the subnet takes what gateways learn.
func (n *netInterface) userRoutes(e *estate.Estate, r *Routes) (learns bool) {
	if n.routeTable == nil {
		return true
	}
	table, ok := e.Resource(n.routeTable.ID)
	if !ok {
		r.doubt(netset.AllAddrs(), "route table "+n.routeTable.ID.Name()+" was not read")
		return true
	}
	v, err := estate.Decode[estate.RouteTable](table)
	if err != nil {
		r.doubt(netset.AllAddrs(), "route table "+table.Name+" has an unexpected shape")
		return true
	}
	for i, route := range v.Properties.Routes {
		r.user(e, table, i, route)
	}
	off := v.Properties.DisableBGPRoutePropagation
	return off == nil || !*off
}

// user adds one route of the user. One that is not understood is a doubt for
// all that it may cover.
func (r *Routes) user(e *estate.Estate, table *estate.Resource, i int, route estate.Route) {
	p := route.Properties
	pointer := fmt.Sprintf("/properties/routes/%d/properties", i)
	covers := routed(e, p.AddressPrefix)
	one := Route{Source: RouteUser, Name: table.Name + " / " + route.Name, tag: covers.tag, evidence: func() azward.Evidence { return table.Evidence(pointer, "route "+route.Name) }}
	for _, hop := range []NextHop{HopVNet, HopGateway, HopInternet, HopAppliance, HopNone} {
		if strings.EqualFold(p.NextHopType, string(hop)) {
			one.NextHop = hop
		}
	}
	address, err := netip.ParseAddr(p.NextHopIPAddress)
	switch {
	case one.NextHop == "":
		r.doubt(covers.certain.Union(covers.maybe), fmt.Sprintf("route %s of %s has the next hop type %q, which azward does not know", route.Name, table.Name, p.NextHopType))
		return
	case one.NextHop == HopAppliance && err != nil:
		r.doubt(covers.certain.Union(covers.maybe), fmt.Sprintf("route %s of %s names no nextHopIpAddress", route.Name, table.Name))
		return
	}
	one.Address = address
	for _, prefix := range covers.certain.Prefixes() {
		one.Prefix = prefix
		r.List = append(r.List, one)
	}
	r.doubt(covers.maybe, fmt.Sprintf("route %s of %s: %s", route.Name, table.Name, covers.doubt))
}
