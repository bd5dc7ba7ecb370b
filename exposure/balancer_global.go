package exposure

import (
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// globalDoors are the ways through cross-region load balancers whose pools hold
// the public frontend of a regional rule. They keep the client's address; what
// arrives at the regional frontend goes on by the regional rule.
//
// Source: https://learn.microsoft.com/azure/load-balancer/cross-region-overview
func globalDoors(e *estate.Estate, regional *estate.Resource, rule estate.LoadBalancingRule, d door, n *netInterface) []door {
	front := rule.Properties.FrontendIPConfiguration
	if front == nil || d.frontend != "" || len(d.hops) < 2 {
		return nil // private frontends are no backends of a global one
	}
	var doors []door
	for _, r := range e.Referrers(front.ID, "Microsoft.Network/loadBalancers") {
		if r == regional {
			continue
		}
		v, err := estate.Decode[estate.LoadBalancer](r)
		if err != nil {
			gap := unparsed(r, err)
			doors = append(doors, door{doubt: &gap, hops: []Hop{{Resource: r.ID, Kind: "loadBalancer", Name: r.Name, Summary: "the load balancer has an unexpected shape"}}})
			continue
		}
		for i, p := range v.Properties.BackendAddressPools {
			for j, a := range p.Properties.LoadBalancerBackendAddresses {
				if ref := a.Properties.FrontendIPConfiguration; ref == nil || !ref.ID.Equal(front.ID) {
					continue
				}
				pointer := fmt.Sprintf("/properties/backendAddressPools/%d/properties/loadBalancerBackendAddresses/%d", i, j)
				for k, global := range v.Properties.LoadBalancingRules {
					if inPool(global, p.ID) {
						g := ruleDoor(e, r, v, global, fmt.Sprintf("/properties/loadBalancingRules/%d/properties", k), n)
						doors = append(doors, g.into(d, rule, r.Evidence(pointer, "a pool holds frontend "+front.ID.Name()+" of load balancer "+regional.Name)))
					}
				}
			}
		}
	}
	return doors
}

// into joins a global rule to the regional one behind it.
func (d door) into(regional door, rule estate.LoadBalancingRule, member azward.Evidence) door {
	if d.doubt != nil {
		return d
	}
	last := &d.hops[len(d.hops)-1]
	last.Evidence = append(slices.Clone(last.Evidence), member)
	ports := d.backend(d.shown)
	d.protocol = slices.DeleteFunc(slices.Clone(d.protocol), func(p netset.Protocol) bool { return !slices.Contains(regional.protocol, p) })
	if met := ports.Intersect(regional.shown); met.IsEmpty() || len(d.protocol) == 0 {
		h := regional.hops[len(regional.hops)-1]
		h.Answer, h.Summary = azward.No, fmt.Sprintf("rule %s takes %s %s, and the global one sends it %s", rule.Name, strings.ToLower(rule.Properties.Protocol), regional.shown, ports)
		d.hops = append(d.hops, h)
		return d
	}
	d.hops = append(slices.Clone(d.hops), regional.hops[1:]...)
	d.doubt = regional.doubt
	backend := d.backend
	d.backend = func(p netset.Ports) netset.Ports { return regional.backend(backend(p).Intersect(regional.shown)) }
	if d.near.Equal(regional.near) {
		return d
	}
	// Floating IP keeps a frontend as the destination; which of the two the
	// filters see is not documented where both rules have it.
	d.near = d.near.Union(regional.near)
	return d
}

func inPool(rule estate.LoadBalancingRule, pool azward.ResourceID) bool {
	p := rule.Properties
	return p.BackendAddressPool != nil && p.BackendAddressPool.ID.Equal(pool) ||
		slices.ContainsFunc(p.BackendAddressPools, func(ref estate.ResourceRef) bool { return ref.ID.Equal(pool) })
}
