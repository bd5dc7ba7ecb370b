package exposure

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// netInterface is one ip configuration of a network interface, as packet
// filters see it.
type netInterface struct {
	holder  *estate.Resource // the interface, or the scale set whose profile it is
	pointer string           // of the ip configuration in the holder's body
	conf    *estate.IPConfiguration
	// own is where its address lies: one address, or its subnet's prefixes
	// while a profile does not tell more.
	own    netset.Addrs
	groups []azward.ResourceKey // application security groups

	subnetGroup, nicGroup groupRef
	routeTable            *estate.ResourceRef
	// vnet is the extent of the tag VirtualNetwork here; beyond is what it may
	// hold besides (gateway routes, user-defined prefixes).
	vnet, beyond netset.Addrs
	vnetID       azward.ResourceID
	subscription []azward.ResourceID // whose resources could lead here
	gaps         []azward.Gap
}

// groupRef is a network security group at one layer: none, one, or one that
// could not be read.
type groupRef struct {
	resource *estate.Resource
	missing  *azward.Gap
}

func (g groupRef) none() bool { return g.resource == nil && g.missing == nil }

// interfaceOf reads what surrounds an ip configuration.
func interfaceOf(e *estate.Estate, holder *estate.Resource, pointer string, conf *estate.IPConfiguration, nsg *estate.ResourceRef) *netInterface {
	n := &netInterface{holder: holder, pointer: pointer, conf: conf}
	for _, g := range conf.Properties.ApplicationSecurityGroups {
		n.groups = append(n.groups, g.ID.Key())
	}
	n.nicGroup = n.group(e, nsg)
	n.subscription = []azward.ResourceID{holder.ID.SubscriptionScope()}
	if conf.Properties.Subnet == nil {
		n.gaps = append(n.gaps, azward.Gap{Scope: holder.ID, Kind: azward.GapNotRead, Reads: "subnet", Error: "the ip configuration names no subnet"})
		n.subnetGroup = groupRef{missing: &n.gaps[len(n.gaps)-1]}
	} else {
		n.readSubnet(e, conf.Properties.Subnet.ID)
	}
	if a, err := netip.ParseAddr(conf.Properties.PrivateIPAddress); err == nil {
		n.own = netset.OneAddr(a)
	}
	return n
}

func (n *netInterface) group(e *estate.Estate, ref *estate.ResourceRef) groupRef {
	if ref == nil || ref.ID == "" {
		return groupRef{}
	}
	if r, ok := e.Resource(ref.ID); ok {
		return groupRef{resource: r}
	}
	return groupRef{missing: unreadRef(e, ref.ID)}
}

// unreadRef is the gap of a resource that another one names and that is not in
// the estate: the one that the collector met, when it met one.
func unreadRef(e *estate.Estate, id azward.ResourceID) *azward.Gap {
	if _, missing := e.Absence(id.SubscriptionScope(), id.Type()); len(missing) > 0 {
		g := missing[0]
		return &g
	}
	return &azward.Gap{
		Scope: id, Kind: azward.GapNotRead, Reads: id.Type(), Needs: id.Type() + "/read",
		Error: "another resource names it, and it is not in the estate",
	}
}

func (n *netInterface) readSubnet(e *estate.Estate, id azward.ResourceID) {
	n.vnetID = id.Parent()
	if s := n.vnetID.SubscriptionScope(); !s.Equal(n.subscription[0]) {
		n.subscription = append(n.subscription, s)
	}
	unread := func() {
		gap := unreadRef(e, n.vnetID)
		n.gaps = append(n.gaps, *gap)
		n.subnetGroup = groupRef{missing: gap}
		n.beyond = netset.AllAddrs()
	}
	r, ok := e.Resource(n.vnetID)
	if !ok {
		unread()
		return
	}
	v, err := estate.Decode[estate.VirtualNetwork](r)
	if err != nil {
		unread()
		return
	}
	found := false
	for _, s := range v.Properties.Subnets {
		if !s.ID.Equal(id) {
			continue
		}
		found = true
		n.subnetGroup = n.group(e, s.Properties.NetworkSecurityGroup)
		n.routeTable = s.Properties.RouteTable
		n.own = prefixes(append(s.Properties.AddressPrefixes, s.Properties.AddressPrefix))
	}
	if !found {
		unread()
	}
	n.extent(e, v)
}

// extent computes what the tag VirtualNetwork stands for at this interface:
// the network's own space, that of connected peers, the host's address; and,
// as a doubt, gateway routes and prefixes of user-defined routes.
//
// Source: https://learn.microsoft.com/azure/virtual-network/service-tags-overview
func (n *netInterface) extent(e *estate.Estate, v *estate.VirtualNetwork) {
	n.vnet = prefixes(v.Properties.AddressSpace.AddressPrefixes).Union(prefixes([]string{"168.63.129.16/32"}))
	for _, s := range v.Properties.Subnets {
		if strings.EqualFold(s.Name, "GatewaySubnet") {
			n.beyond = n.beyond.Union(netset.AllAddrs().Minus(publicAddrs))
		}
	}
	for _, p := range v.Properties.VirtualNetworkPeerings {
		remote := p.Properties.RemoteVirtualNetwork.ID.SubscriptionScope()
		if remote != "" && !containsID(n.subscription, remote) {
			n.subscription = append(n.subscription, remote)
		}
		if p.Properties.UseRemoteGateways {
			n.beyond = n.beyond.Union(netset.AllAddrs().Minus(publicAddrs))
		}
		space := prefixes(append(p.Properties.RemoteVirtualNetworkAddressSpace.AddressPrefixes, p.Properties.RemoteAddressSpace.AddressPrefixes...))
		switch {
		case !strings.EqualFold(p.Properties.PeeringState, "Connected"):
		case p.Properties.AllowVirtualNetworkAccess == nil:
			n.beyond = n.beyond.Union(space)
		case *p.Properties.AllowVirtualNetworkAccess:
			n.vnet = n.vnet.Union(space)
		}
	}
	if n.routeTable == nil {
		return
	}
	r, ok := e.Resource(n.routeTable.ID)
	if !ok {
		gap := unreadRef(e, n.routeTable.ID)
		n.gaps = append(n.gaps, *gap)
		n.beyond = netset.AllAddrs()
		return
	}
	if table, err := estate.Decode[estate.RouteTable](r); err == nil {
		for _, route := range table.Properties.Routes {
			n.beyond = n.beyond.Union(prefixes([]string{route.Properties.AddressPrefix}))
		}
	}
}

func containsID(ids []azward.ResourceID, id azward.ResourceID) bool {
	for _, i := range ids {
		if i.Equal(id) {
			return true
		}
	}
	return false
}

// prefixes is the union of what parses; ARM validates address spaces.
func prefixes(list []string) netset.Addrs {
	var all netset.Addrs
	for _, s := range list {
		if p, _, err := netset.ParsePrefix(s); err == nil {
			all = all.Union(netset.PrefixAddrs(p))
		}
	}
	return all
}

// inASG says whether the interface is a member of one of the groups.
func (n *netInterface) inASG(groups []estate.ResourceRef) bool {
	for _, g := range groups {
		for _, own := range n.groups {
			if g.ID.Key() == own {
				return true
			}
		}
	}
	return false
}

// members are the addresses of a group's members; whole is false when some may
// be missing.
func members(e *estate.Estate, groups []estate.ResourceRef) (addrs netset.Addrs, whole bool) {
	whole = true
	for _, g := range groups {
		for _, r := range e.Referrers(g.ID, "Microsoft.Network/networkInterfaces") {
			v, err := estate.Decode[estate.NetworkInterface](r)
			if err != nil {
				whole = false
				continue
			}
			for _, c := range v.Properties.IPConfigurations {
				n := netInterface{}
				for _, own := range c.Properties.ApplicationSecurityGroups {
					n.groups = append(n.groups, own.ID.Key())
				}
				if a, err := netip.ParseAddr(c.Properties.PrivateIPAddress); err == nil && n.inASG([]estate.ResourceRef{g}) {
					addrs = addrs.Union(netset.OneAddr(a))
				}
			}
		}
		if len(e.Referrers(g.ID, "Microsoft.Compute/virtualMachineScaleSets", "Microsoft.Network/privateEndpoints")) > 0 {
			whole = false // members whose addresses stand elsewhere
		}
		if _, missing := e.Absence(g.ID.SubscriptionScope(), "Microsoft.Network/networkInterfaces"); len(missing) > 0 {
			whole = false
		}
	}
	return addrs, whole
}

// defaultRoute is the hop of a subnet whose default route leads elsewhere:
// replies do not go back the way the packets came, which Azure documents as
// closing the direct way; but not for every kind of attack.
//
// Source: https://learn.microsoft.com/azure/virtual-network/virtual-networks-udr-overview
func (n *netInterface) defaultRoute(e *estate.Estate) (Hop, azward.Gap, bool) {
	if n.routeTable == nil {
		return Hop{}, azward.Gap{}, false
	}
	r, ok := e.Resource(n.routeTable.ID)
	if !ok {
		gap := unreadRef(e, n.routeTable.ID)
		return Hop{Resource: n.routeTable.ID, Kind: "routeTable", Summary: "the subnet's route table could not be read"}, *gap, true
	}
	table, err := estate.Decode[estate.RouteTable](r)
	if err != nil {
		return Hop{Resource: r.ID, Kind: "routeTable", Name: r.Name, Summary: "the route table has an unexpected shape"}, unparsed(r, err), true
	}
	for i, route := range table.Properties.Routes {
		if route.Properties.AddressPrefix != "0.0.0.0/0" || strings.EqualFold(route.Properties.NextHopType, "Internet") {
			continue
		}
		h := Hop{
			Resource: r.ID, Kind: "routeTable", Name: r.Name + " / " + route.Name,
			Summary: fmt.Sprintf("the default route of its subnet leads to %s, so replies leave another way", route.Properties.NextHopType),
			Evidence: []azward.Evidence{r.Evidence(fmt.Sprintf("/properties/routes/%d/properties/nextHopType", i),
				"the default route of the subnet")},
		}
		return h, azward.Gap{
			Scope: r.ID, Kind: azward.GapUnsupported, Reads: "where replies go", Error: "whether what stands behind the default route sends replies back is not modelled",
		}, true
	}
	return Hop{}, azward.Gap{}, false
}
