package exposure

import (
	"net/netip"
	"slices"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// addressPool is a backend pool that holds an address, not an interface.
type addressPool struct {
	balancer *estate.Resource
	pool     azward.ResourceID
	network  azward.ResourceID // that the address lies in; "" where it is not told
}

type addressPoolKey struct{}

// addressPools are the pools of all load balancers that hold addresses.
//
// Source: https://learn.microsoft.com/azure/load-balancer/backend-pool-management
func addressPools(e *estate.Estate) map[netip.Addr][]addressPool {
	return estate.Memo(e, addressPoolKey{}, func(e *estate.Estate) map[netip.Addr][]addressPool {
		pools := map[netip.Addr][]addressPool{}
		for _, r := range e.OfType("Microsoft.Network/loadBalancers") {
			v, err := estate.Decode[estate.LoadBalancer](r)
			if err != nil {
				pools[netip.Addr{}] = append(pools[netip.Addr{}], addressPool{balancer: r}) // it may hold any address
				continue
			}
			for _, p := range v.Properties.BackendAddressPools {
				for _, b := range p.Properties.LoadBalancerBackendAddresses {
					address, err := netip.ParseAddr(b.Properties.IPAddress)
					if err != nil {
						continue // an interface's, or a frontend of another one
					}
					one := addressPool{balancer: r, pool: p.ID}
					switch {
					case b.Properties.VirtualNetwork != nil:
						one.network = b.Properties.VirtualNetwork.ID
					case b.Properties.Subnet != nil:
						one.network = b.Properties.Subnet.ID.Parent()
					case p.Properties.VirtualNetwork != nil:
						one.network = p.Properties.VirtualNetwork.ID
					}
					pools[address.Unmap()] = append(pools[address.Unmap()], one)
				}
			}
		}
		return pools
	})
}

// poolsByAddress are the pools that hold the interface's address, in its
// network or in one that is not told.
func (n *netInterface) poolsByAddress(e *estate.Estate) []addressPool {
	address, err := netip.ParseAddr(n.conf.Properties.PrivateIPAddress)
	if err != nil {
		return nil
	}
	mine := slices.Clone(addressPools(e)[netip.Addr{}])
	for _, p := range addressPools(e)[address.Unmap()] {
		if p.network == "" || p.network.Equal(n.vnetID) {
			mine = append(mine, p)
		}
	}
	return mine
}

// addressPools are those of one load balancer; a pool that does not tell its
// network is a door that may lead here.
func (n *netInterface) addressPools(e *estate.Estate, balancer *estate.Resource) (pools []azward.ResourceID, doubtful []door) {
	for _, p := range n.poolsByAddress(e) {
		switch {
		case p.balancer != balancer:
		case p.network != "":
			pools = append(pools, p.pool)
		default:
			why := "pool " + p.pool.Name() + " of load balancer " + balancer.Name + " holds its address and does not tell in which network"
			doubtful = append(doubtful, door{
				doubt: &azward.Gap{Scope: balancer.ID, Kind: azward.GapNotRead, Reads: "/properties/backendAddressPools", Error: why},
				hops: []Hop{{
					Resource: balancer.ID, Kind: "loadBalancer", Name: balancer.Name, Summary: why,
					Evidence: []azward.Evidence{balancer.Evidence("/properties/backendAddressPools", "a pool holds its address")},
				}},
			})
		}
	}
	return pools, doubtful
}

// inspected says that the appliances of a gateway load balancer see every
// packet first: what they let through cannot be read.
//
// Source: https://learn.microsoft.com/azure/load-balancer/gateway-overview
func (d *door) inspected(by *estate.Resource, pointer string, gateway azward.ResourceID) {
	why := "gateway load balancer " + gateway.Parent().Name() + " sends every packet through its appliances first, whose rules cannot be read"
	d.doubt = &azward.Gap{Scope: by.ID, Kind: azward.GapUnsupported, Reads: pointer, Error: why}
	d.hops = append(d.hops, Hop{Resource: gateway, Kind: "loadBalancer", Name: gateway.Parent().Name(), Summary: why, Evidence: []azward.Evidence{by.Evidence(pointer, why)}})
}
