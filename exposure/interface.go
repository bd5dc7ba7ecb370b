package exposure

import (
	"net/netip"
	"slices"
	"strings"
	"sync"

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
	subnet                *estate.Subnet // nil: not read
	subnetID, vnetID      azward.ResourceID
	// vnet is the extent of the tag VirtualNetwork here; beyond is what it may
	// hold besides, and why.
	vnet, beyond netset.Addrs
	beyondWhy    string
	hasIntent    bool                // a service in the network keeps security admin rules away
	subscription []azward.ResourceID // whose resources could lead here
	gaps         []azward.Gap

	adminOnce sync.Once
	adminHeld adminRules
	farOnce   sync.Once
	farHeld   string
	routeOnce sync.Once
	routeHeld Routes
	painted   *paintedLayers // nil: not kept
	want      *wanted        // nil: every flow from the internet
}

// paintedLayers keeps what security groups say of packets to the interface's
// own address.
type paintedLayers struct {
	mu   sync.Mutex
	held map[paintedKey][]layer
}

type paintedKey struct {
	direction direction
	protocol  netset.Protocol
}

// admin reads the security admin rules here, once.
func (n *netInterface) admin(e *estate.Estate) adminRules {
	n.adminOnce.Do(func() { n.adminHeld = adminRulesOf(e, n.vnetID) })
	return n.adminHeld
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

// readSubnet reads the subnet, which stands in its virtual network's body or
// in a record of its own, and the network around it.
func (n *netInterface) readSubnet(e *estate.Estate, id azward.ResourceID) {
	n.subnetID, n.vnetID = id, id.Parent()
	if s := n.vnetID.SubscriptionScope(); !containsID(n.subscription, s) {
		n.subscription = append(n.subscription, s)
	}
	var network *estate.VirtualNetwork
	if r, ok := e.Resource(n.vnetID); ok {
		v, err := estate.Decode[estate.VirtualNetwork](r)
		if err != nil {
			n.gaps = append(n.gaps, unparsed(r, err))
		}
		network = v
	} else {
		n.gaps = append(n.gaps, *unreadRef(e, n.vnetID))
	}
	if s := subnetOf(e, id, network); s != nil {
		n.subnetGroup = n.group(e, s.Properties.NetworkSecurityGroup)
		n.subnet, n.routeTable = s, s.Properties.RouteTable
		n.own = prefixes(append(slices.Clone(s.Properties.AddressPrefixes), s.Properties.AddressPrefix))
	} else {
		gap := unreadRef(e, id)
		n.gaps = append(n.gaps, *gap)
		n.subnetGroup = groupRef{missing: gap}
		n.maybe(netset.AllAddrs(), "the subnet was not read")
	}
	if network == nil {
		n.maybe(netset.AllAddrs(), "the virtual network was not read")
		return
	}
	n.extent(e, network)
}

func subnetOf(e *estate.Estate, id azward.ResourceID, network *estate.VirtualNetwork) *estate.Subnet {
	if network != nil {
		for i := range network.Properties.Subnets {
			s := &network.Properties.Subnets[i]
			if s.ID.Equal(id) || s.ID == "" && strings.EqualFold(s.Name, id.Name()) {
				return s
			}
		}
	}
	if r, ok := e.Resource(id); ok {
		if s, err := estate.Decode[estate.Subnet](r); err == nil {
			return s
		}
	}
	return nil
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
