package exposure

import (
	"fmt"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// classicExits are the backends of a classic Front Door.
//
// Source: https://learn.microsoft.com/azure/frontdoor/front-door-routing-architecture
func classicExits(c *frontCache, r *estate.Resource) []exit {
	v, err := estate.Decode[estate.ClassicFrontDoor](r)
	title := "Front Door " + r.Name
	if err != nil {
		return []exit{misshapen(r, title, unparsed(r, err))}
	}
	var all []exit
	for i, pool := range v.Properties.BackendPools {
		for j := range pool.Properties.Backends {
			b := &pool.Properties.Backends[j]
			at := fmt.Sprintf("/properties/backendPools/%d/properties/backends/%d", i, j)
			x := exit{
				front: r, what: title, ports: netset.PortsOf(portRange(b.HTTPPort, 80), portRange(b.HTTPSPort, 443)),
				from: caller{r: r, title: title, tag: frontDoorTag, frontDoor: v.Properties.FrontDoorID},
			}
			x.enter = func(int) []*way {
				ways := classicWays(c.e, r, v, pool.Name)
				for _, w := range ways {
					if w.answer() == azward.No {
						continue
					}
					h := Hop{
						Resource: r.ID, Kind: "backend", Name: r.Name + " / " + pool.Name, Answer: azward.Yes, Summary: "backend " + b.Address + " of pool " + pool.Name,
						Evidence: []azward.Evidence{r.Evidence(at, "a backend of the pool")},
					}
					if switched(w, r, b.EnabledState) == azward.No {
						h.Answer, h.Summary = azward.No, "backend "+b.Address+" is disabled"
					}
					w.hop(h)
					if b.PrivateLinkResourceID != "" {
						w.hop(linkHop(r, at, r.Name+" / "+pool.Name, b.PrivateEndpointStatus, w))
					}
				}
				return ways
			}
			if b.PrivateLinkResourceID != "" {
				x.from.link = b.PrivateLinkResourceID
				x.to = spot{id: b.PrivateLinkResourceID, name: strings.ToLower(b.Address)}
				all = append(all, x)
				continue
			}
			for _, s := range originSpots(c.e, b.Address) {
				x.to = s
				all = append(all, x)
			}
		}
	}
	return all
}

// classicWays are the ways through routing rules that forward to a pool.
func classicWays(e *estate.Estate, r *estate.Resource, v *estate.ClassicFrontDoor, pool string) []*way {
	w := &way{class: InternetAny, by: "Front Door " + r.Name, listens: webPorts, flows: []Flow{{Protocol: "tcp", Ports: "80,443", Sources: sourceNames(publicAddrs)}}}
	h := Hop{Resource: r.ID, Kind: "frontDoor", Name: r.Name, Answer: azward.No}
	if switched(w, r, v.Properties.EnabledState) == azward.No {
		h.Summary = "Front Door " + r.Name + " is disabled"
		h.Evidence = []azward.Evidence{r.Evidence("/properties/enabledState", h.Summary)}
		w.hop(h)
		return []*way{w}
	}
	var ways []*way
	engine := ""
	for i := range v.Properties.RoutingRules {
		rule := &v.Properties.RoutingRules[i]
		p := &rule.Properties
		if len(p.FrontendEndpoints) == 0 {
			continue
		}
		if to := p.RouteConfiguration.BackendPool; to == nil || !strings.EqualFold(to.ID.Name(), pool) {
			if p.RulesEngine != nil {
				engine = rule.Name // its actions may forward elsewhere
			}
			continue
		}
		rw := w.clone()
		if switched(rw, r, p.EnabledState) == azward.No {
			continue
		}
		rw.flows[0].Ports = protocolPorts(p.AcceptedProtocols)
		rw.hop(Hop{
			Resource: r.ID, Kind: "frontDoor", Name: r.Name + " / " + rule.Name, Answer: azward.Yes,
			Summary:  fmt.Sprintf("rule %s leads %s to pool %s", rule.Name, listWords(p.PatternsToMatch), pool),
			Evidence: []azward.Evidence{r.Evidence(fmt.Sprintf("/properties/routingRules/%d/properties", i), "the rule is enabled and forwards")},
		})
		if policy := classicPolicy(v, p.FrontendEndpoints, p.WAFPolicy); policy != nil {
			inspect(e, rw, policy.ID)
		}
		ways = append(ways, rw)
	}
	if len(ways) > 0 {
		return ways
	}
	h.Summary = "no enabled rule of Front Door " + r.Name + " leads to pool " + pool
	h.Evidence = []azward.Evidence{r.Evidence("/properties/routingRules", h.Summary)}
	if engine != "" {
		h.Summary = "the rules engine of rule " + engine + " may lead to pool " + pool
		w.doubt(h, azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: "/properties/rulesEngines", Error: h.Summary})
		return []*way{w}
	}
	w.hop(h)
	return []*way{w}
}

// classicPolicy is the firewall policy that stands before every frontend of a
// rule; nil where one has none.
func classicPolicy(v *estate.ClassicFrontDoor, frontends []estate.ResourceRef, own *estate.ResourceRef) *estate.ResourceRef {
	if own != nil {
		return own
	}
	var policy *estate.ResourceRef
	for _, ref := range frontends {
		i := -1
		for j, f := range v.Properties.FrontendEndpoints {
			if strings.EqualFold(f.Name, ref.ID.Name()) {
				i = j
			}
		}
		if i < 0 || v.Properties.FrontendEndpoints[i].Properties.WAFPolicy == nil {
			return nil
		}
		policy = v.Properties.FrontendEndpoints[i].Properties.WAFPolicy
	}
	return policy
}

// cdnExits are the origins of an endpoint of a classic content delivery
// network, which fetches for everyone.
//
// Source: https://learn.microsoft.com/azure/cdn/cdn-how-caching-works
func cdnExits(c *frontCache, r *estate.Resource) []exit {
	title := "content delivery network " + r.ID.Parent().Name()
	v, err := estate.Decode[estate.CDNEndpoint](r)
	if err != nil {
		return []exit{blindExit(r, title, unparsed(r, err))}
	}
	var all []exit
	for i := range v.Properties.Origins {
		o := &v.Properties.Origins[i]
		at := fmt.Sprintf("/properties/origins/%d", i)
		x := exit{
			front: r, what: title, ports: netset.PortsOf(portRange(o.Properties.HTTPPort, 80), portRange(o.Properties.HTTPSPort, 443)),
			from: caller{r: r, title: title},
		}
		x.enter = func(int) []*way {
			w := &way{class: InternetAny, by: title, listens: webPorts, flows: []Flow{{Protocol: "tcp", Ports: "80,443", Sources: sourceNames(publicAddrs)}}}
			h := Hop{
				Resource: r.ID, Kind: "cdnEndpoint", Name: r.ID.Parent().Name() + " / " + r.Name, Answer: azward.Yes,
				Summary: "endpoint " + firstOf(v.Properties.HostName, r.Name) + " fetches from " + o.Properties.HostName, Evidence: []azward.Evidence{r.Evidence(at, "an origin of the endpoint")},
			}
			if o.Properties.Enabled != nil && !*o.Properties.Enabled {
				h.Answer, h.Summary = azward.No, "origin "+o.Name+" is disabled"
			}
			w.hop(h)
			if o.Properties.PrivateLinkResourceID != "" {
				w.hop(linkHop(r, at+"/properties", r.Name+" / "+o.Name, o.Properties.PrivateEndpointStatus, w))
			}
			return []*way{w}
		}
		if id := o.Properties.PrivateLinkResourceID; id != "" {
			x.from.link = id
			x.to = spot{id: id, name: strings.ToLower(o.Properties.HostName)}
			all = append(all, x)
			continue
		}
		for _, s := range originSpots(c.e, o.Properties.HostName) {
			x.to = s
			all = append(all, x)
		}
	}
	return all
}
