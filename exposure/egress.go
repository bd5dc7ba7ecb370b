package exposure

import (
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

const natGatewayType = "Microsoft.Network/natGateways"

// egress is how an interface's packets get public source addresses.
type egress struct {
	addrs netset.Addrs // that servers see; empty where they are not known
	hop   Hop
	gap   *azward.Gap // hop could not be decided
}

// egressOf answers how packets that take the route to the internet leave: by a
// NAT gateway of the subnet, the interface's own public address, outbound
// rules of a load balancer, or the platform's default. A private subnet has no
// default. None of these lets anything in.
//
// Source: https://learn.microsoft.com/azure/nat-gateway/nat-gateway-resource
// and https://learn.microsoft.com/azure/virtual-network/ip-services/default-outbound-access
func (n *netInterface) egressOf(e *estate.Estate) egress {
	if n.subnet != nil && n.subnet.Properties.NATGateway != nil {
		return n.natGateway(e, n.subnet.Properties.NATGateway.ID)
	}
	out := egress{addrs: publicOf(e, n), hop: Hop{Resource: n.holder.ID, Kind: kindOf(n.holder), Name: n.holder.Name, Answer: azward.Yes}}
	p := n.conf.Properties
	switch {
	case p.PublicIPAddress != nil:
		out.hop.Summary = "leaves by its own public address " + p.PublicIPAddress.ID.Name()
		out.hop.Evidence = []azward.Evidence{n.holder.Evidence(n.pointer+"/properties/publicIPAddress", out.hop.Summary)}
		return out
	case p.PublicIPAddressConfiguration != nil:
		out.hop.Summary = "leaves by the public address that each instance has"
		out.hop.Evidence = []azward.Evidence{n.holder.Evidence(n.pointer+"/properties/publicIPAddressConfiguration", out.hop.Summary)}
		return out
	case len(p.LoadBalancerBackendAddressPools) > 0:
		return n.balancerEgress()
	}
	return n.defaultEgress(e)
}

func (n *netInterface) natGateway(e *estate.Estate, id azward.ResourceID) egress {
	out := egress{hop: Hop{Resource: id, Kind: "natGateway", Name: id.Name(), Answer: azward.Yes, Summary: "leaves by NAT gateway " + id.Name()}}
	r, ok := e.Resource(id)
	if !ok {
		out.gap = unreadRef(e, id)
		out.hop.Answer, out.hop.Summary = azward.Unknown, "the subnet's NAT gateway was not read"
		return out
	}
	v, err := estate.Decode[estate.NATGateway](r)
	if err != nil {
		gap := unparsed(r, err)
		out.gap, out.hop.Answer = &gap, azward.Unknown
		return out
	}
	out.hop.Evidence = []azward.Evidence{r.Evidence("/properties/publicIpAddresses", out.hop.Summary)}
	if len(v.Properties.PublicIPAddresses)+len(v.Properties.PublicIPPrefixes) == 0 {
		out.hop.Answer, out.hop.Summary = azward.No, "NAT gateway "+r.Name+" has no public address, so nothing leaves by it"
		return out
	}
	known := len(v.Properties.PublicIPPrefixes) == 0
	for _, ref := range v.Properties.PublicIPAddresses {
		a := addressOf(e, ref.ID)
		known = known && !a.IsEmpty()
		out.addrs = out.addrs.Union(a)
	}
	if !known {
		out.addrs = netset.Addrs{}
	}
	return out
}

// addressOf is the address of a public address resource; empty when it was not
// read or has none now.
func addressOf(e *estate.Estate, id azward.ResourceID) netset.Addrs {
	r, ok := e.Resource(id)
	if !ok {
		return netset.Addrs{}
	}
	v, err := estate.Decode[estate.PublicIPAddress](r)
	if err != nil {
		return netset.Addrs{}
	}
	return prefixes([]string{v.Properties.IPAddress})
}

// balancerEgress: members of a public load balancer leave by its outbound
// rules, or by rules that do not switch that off. Which address it is azward
// does not follow.
//
// Source: https://learn.microsoft.com/azure/load-balancer/load-balancer-outbound-connections
func (n *netInterface) balancerEgress() egress {
	pool := n.conf.Properties.LoadBalancerBackendAddressPools[0].ID
	name := pool.Parent().Name()
	why := "whether load balancer " + name + " gives it a way out is not followed"
	return egress{
		hop: Hop{
			Resource: pool.Parent(), Kind: "loadBalancer", Name: name, Summary: why,
			Evidence: []azward.Evidence{n.holder.Evidence(n.pointer+"/properties/loadBalancerBackendAddressPools", "is in a load balancer's pool")},
		},
		gap: &azward.Gap{Scope: pool.Parent(), Kind: azward.GapUnsupported, Reads: "/properties/outboundRules", Error: why},
	}
}

// defaultEgress is the hidden address that Azure gives where nothing else is,
// unless the subnet is private.
func (n *netInterface) defaultEgress(e *estate.Estate) egress {
	out := egress{hop: Hop{Resource: n.subnetID, Kind: "subnet", Name: n.subnetID.Name()}}
	network, ok := e.Resource(n.vnetID)
	switch {
	case n.subnet == nil || !ok:
		out.hop.Summary = "how packets leave the subnet was not read"
		out.gap = &azward.Gap{Scope: n.subnetID, Kind: azward.GapNotRead, Reads: "/properties/defaultOutboundAccess", Error: out.hop.Summary}
		return out
	case n.subnet.Properties.DefaultOutboundAccess != nil && !*n.subnet.Properties.DefaultOutboundAccess:
		out.hop.Answer, out.hop.Summary = azward.No, fmt.Sprintf("subnet %s is private (defaultOutboundAccess is false), and nothing else leads out", n.subnetID.Name())
	default:
		out.hop.Answer, out.hop.Summary = azward.Yes, "leaves by Azure's default outbound access"
	}
	out.hop.Evidence = []azward.Evidence{network.Evidence(n.subnetPointer(network), out.hop.Summary)}
	return out
}

// subnetPointer is where the subnet stands in its network's body.
func (n *netInterface) subnetPointer(network *estate.Resource) string {
	v, err := estate.Decode[estate.VirtualNetwork](network)
	if err != nil {
		return "/properties/subnets"
	}
	i := slices.IndexFunc(v.Properties.Subnets, func(s estate.Subnet) bool { return strings.EqualFold(s.Name, n.subnetID.Name()) })
	if i < 0 {
		return "/properties/subnets"
	}
	return fmt.Sprintf("/properties/subnets/%d/properties", i)
}

// leave appends how packets leave, where the route leads to the internet.
func (n *netInterface) leave(e *estate.Estate, w *way, parts []Routed) {
	if !slices.ContainsFunc(parts, func(p Routed) bool { return p.Unclear == "" && p.Route != nil && p.Route.NextHop == HopInternet }) {
		return
	}
	out := n.egressOf(e)
	if out.gap != nil {
		w.doubt(out.hop, *out.gap)
		return
	}
	w.hop(out.hop)
}
