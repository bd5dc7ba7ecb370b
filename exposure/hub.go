package exposure

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

const (
	hubType    = "Microsoft.Network/virtualHubs"
	intentType = "Microsoft.Network/virtualHubs/routingIntent"
)

// hubRoute adds the route to a virtual hub's own addresses, which a connected
// network has by peering.
//
// Source: https://learn.microsoft.com/azure/virtual-wan/about-virtual-hub-routing
func (r *Routes) hubRoute(e *estate.Estate, hub azward.ResourceID, connection *estate.Resource) {
	prefix, ok := hubPrefix(e, hub)
	if !ok {
		return
	}
	r.List = append(r.List, Route{
		Source: RouteDefault, Prefix: prefix, NextHop: HopPeering, Name: "virtual hub " + hub.Name(),
		evidence: func() azward.Evidence {
			return connection.Evidence("/properties/remoteVirtualNetwork", "the network is connected to virtual hub "+hub.Name())
		},
	})
}

func hubPrefix(e *estate.Estate, hub azward.ResourceID) (netip.Prefix, bool) {
	h, ok := e.Resource(hub)
	if !ok {
		return netip.Prefix{}, false
	}
	v, err := estate.Decode[estate.VirtualHub](h)
	if err != nil {
		return netip.Prefix{}, false
	}
	prefix, exact, err := netset.ParsePrefix(v.Properties.AddressPrefix)
	return prefix, err == nil && exact
}

// hubSender is where packets of a firewall in a virtual hub come from: the
// hub's address space, to networks that are connected to it and whose routes
// the hub takes.
//
// Source: https://learn.microsoft.com/azure/virtual-wan/how-to-routing-policies
func (f *firewall) hubSender(n *netInterface) (*netInterface, Hop, *azward.Gap) {
	doubt := func(kind azward.GapKind, reads, why string) (*netInterface, Hop, *azward.Gap) {
		h := Hop{Resource: f.hub, Kind: "virtualHub", Name: f.hub.Name(), Summary: why}
		if r, ok := f.e.Resource(f.hub); ok {
			h.Evidence = []azward.Evidence{r.Evidence("/properties", "the hub of firewall "+f.r.Name)}
		}
		return nil, h, &azward.Gap{Scope: f.hub, Kind: kind, Reads: reads, Error: why}
	}
	prefix, ok := hubPrefix(f.e, f.hub)
	if !ok {
		return doubt(azward.GapNotRead, hubType, "the address space of virtual hub "+f.hub.Name()+" was not read")
	}
	at := slices.IndexFunc(f.e.Children(f.hub, hubConnectionType), func(c *estate.Resource) bool {
		v, err := estate.Decode[estate.HubConnection](c)
		return err == nil && v.Properties.RemoteVirtualNetwork.ID.Equal(n.vnetID)
	})
	if at < 0 {
		return doubt(azward.GapUnsupported, hubConnectionType, "network "+n.vnetID.Name()+" has no connection of its own to virtual hub "+f.hub.Name()+", and ways around are not followed")
	}
	connection := f.e.Children(f.hub, hubConnectionType)[at]
	if !f.hubTakes(connection) {
		return doubt(azward.GapUnsupported, connection.ID.Name(), "connection "+connection.Name+" does not make its routes known to the hub's default route table, and other tables are not followed")
	}
	from := &netInterface{holder: f.r, pointer: "/properties/virtualHub", conf: &estate.IPConfiguration{}, own: netset.PrefixAddrs(prefix)}
	h := Hop{Resource: connection.ID, Kind: "hubVirtualNetworkConnection", Name: connection.Name, Answer: azward.Yes, Summary: "virtual hub " + f.hub.Name() + " is connected to network " + n.vnetID.Name()}
	h.Evidence = []azward.Evidence{connection.Evidence("/properties/remoteVirtualNetwork", h.Summary)}
	return from, h, nil
}

// hubTakes reports whether the hub's firewall knows the routes of a connection:
// with routing intent all are made known, else those of connections that
// propagate to the default route table, as they do unless told otherwise.
func (f *firewall) hubTakes(connection *estate.Resource) bool {
	if len(f.e.Children(f.hub, intentType)) > 0 {
		return true
	}
	v, err := estate.Decode[estate.HubConnection](connection)
	if err != nil {
		return false
	}
	c := v.Properties.RoutingConfiguration
	if c == nil {
		return true
	}
	for _, ref := range c.PropagatedRouteTables.IDs {
		if strings.EqualFold(ref.ID.Name(), "defaultRouteTable") && ref.ID.Within(f.hub) {
			return true
		}
	}
	return slices.ContainsFunc(c.PropagatedRouteTables.Labels, func(l string) bool { return strings.EqualFold(l, "default") })
}
