package exposure

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

const gatewayType = "Microsoft.Network/applicationGateways"

// gatewayView is an application gateway as its rules make it: which listener
// leads to which backend pool.
//
// Source: https://learn.microsoft.com/azure/application-gateway/how-application-gateway-works
type gatewayView struct {
	v    estate.ApplicationGateway
	legs []gatewayLeg
	// unread are rules that could not be followed, each with why.
	unread []gatewayDoubt
}

// gatewayDoubt is a rule that may lead anywhere.
type gatewayDoubt struct{ pointer, why string }

// gatewayLeg is one listener that leads to one pool at one port.
type gatewayLeg struct {
	listener   *estate.GatewayListener
	listenerAt string // pointer
	rule       string
	pointer    string   // of the rule, or of the path rule
	paths      []string // none: all
	pool       *estate.GatewayPool
	poolAt     string
	port       uint16 // of the backend
	firewall   *estate.ResourceRef
}

// UnmarshalJSON reads a gateway. What its rules name and it does not hold makes
// the rule a doubt.
func (g *gatewayView) UnmarshalJSON(body []byte) error {
	if err := json.Unmarshal(body, &g.v); err != nil {
		return err
	}
	p := &g.v.Properties
	g.rules(p.RequestRoutingRules, "/properties/requestRoutingRules", p.HTTPListeners, "/properties/httpListeners")
	g.rules(p.RoutingRules, "/properties/routingRules", p.Listeners, "/properties/listeners")
	return nil
}

// partNamed returns the index of the part that a reference names; -1 for none.
// Parts of a gateway have names that are unique among their kind.
func partNamed[T any](list []T, ref *estate.ResourceRef, name func(T) string) int {
	if ref == nil {
		return -1
	}
	return slices.IndexFunc(list, func(t T) bool { return strings.EqualFold(name(t), ref.ID.Name()) })
}

func (g *gatewayView) rules(rules []estate.GatewayRule, pointer string, listeners []estate.GatewayListener, listenerPointer string) {
	for i := range rules {
		p := &rules[i].Properties
		at := fmt.Sprintf("%s/%d", pointer, i)
		ref := p.HTTPListener
		if ref == nil {
			ref = p.Listener
		}
		l := partNamed(listeners, ref, func(l estate.GatewayListener) string { return l.Name })
		if l < 0 {
			g.doubt(at, "rule "+rules[i].Name+" names a listener that the gateway does not hold")
			continue
		}
		leg := gatewayLeg{listener: &listeners[l], listenerAt: fmt.Sprintf("%s/%d", listenerPointer, l), rule: rules[i].Name, pointer: at}
		leg.firewall = leg.listener.Properties.FirewallPolicy
		if leg.firewall == nil {
			leg.firewall = g.v.Properties.FirewallPolicy
		}
		switch {
		case p.URLPathMap != nil:
			g.paths(leg, p.URLPathMap)
		default:
			g.leads(leg, p.GatewayTarget)
		}
	}
}

// paths adds the legs of a path map: its default, then each path.
func (g *gatewayView) paths(leg gatewayLeg, ref *estate.ResourceRef) {
	maps := g.v.Properties.URLPathMaps
	i := partNamed(maps, ref, func(m estate.GatewayPathMap) string { return m.Name })
	if i < 0 {
		g.doubt(leg.pointer, "rule "+leg.rule+" names a path map that the gateway does not hold")
		return
	}
	m := &maps[i].Properties
	rest := leg
	rest.pointer = fmt.Sprintf("/properties/urlPathMaps/%d", i)
	g.leads(rest, estate.GatewayTarget{
		BackendAddressPool: m.DefaultBackendAddressPool, BackendHTTPSettings: m.DefaultBackendHTTPSettings,
		RedirectConfiguration: m.DefaultRedirectConfiguration, LoadDistributionPolicy: m.DefaultLoadDistributionPolicy,
	})
	for j := range m.PathRules {
		path := leg
		path.pointer = fmt.Sprintf("/properties/urlPathMaps/%d/properties/pathRules/%d", i, j)
		path.paths = m.PathRules[j].Properties.Paths
		if own := m.PathRules[j].Properties.FirewallPolicy; own != nil {
			path.firewall = own // the most specific policy holds
		}
		g.leads(path, m.PathRules[j].Properties.GatewayTarget)
	}
}

// leads adds a leg for each pool of a target. A redirect reaches no backend.
func (g *gatewayView) leads(leg gatewayLeg, to estate.GatewayTarget) {
	p := &g.v.Properties
	port := g.port(to)
	var pools []*estate.ResourceRef
	switch {
	case to.RedirectConfiguration != nil && to.BackendAddressPool == nil:
		return
	case to.LoadDistributionPolicy != nil:
		i := partNamed(p.LoadDistributionPolicies, to.LoadDistributionPolicy, func(d estate.GatewayDistribution) string { return d.Name })
		if i < 0 {
			g.doubt(leg.pointer, "rule "+leg.rule+" names a load distribution policy that the gateway does not hold")
			return
		}
		for _, target := range p.LoadDistributionPolicies[i].Properties.LoadDistributionTargets {
			pools = append(pools, target.Properties.BackendAddressPool)
		}
	default:
		pools = append(pools, to.BackendAddressPool)
	}
	for _, ref := range pools {
		i := partNamed(p.BackendAddressPools, ref, func(p estate.GatewayPool) string { return p.Name })
		if i < 0 || port == 0 {
			g.doubt(leg.pointer, "rule "+leg.rule+" names a pool or a port that the gateway does not hold")
			continue
		}
		leg.pool, leg.poolAt, leg.port = &p.BackendAddressPools[i], fmt.Sprintf("/properties/backendAddressPools/%d", i), port
		g.add(leg)
	}
}

// port is the backend port of a target's settings; 0 when they are not there.
func (g *gatewayView) port(to estate.GatewayTarget) uint16 {
	name := func(s estate.GatewaySettings) string { return s.Name }
	list := g.v.Properties.BackendHTTPSettings
	i := partNamed(list, to.BackendHTTPSettings, name)
	if i < 0 {
		list = g.v.Properties.BackendSettings
		i = partNamed(list, to.BackendSettings, name)
	}
	if i < 0 || list[i].Properties.Port < 1 || list[i].Properties.Port > 65535 {
		return 0
	}
	return uint16(list[i].Properties.Port)
}

// add keeps one leg for each listener, pool, port and firewall policy: forty
// paths to one pool are one way.
func (g *gatewayView) add(leg gatewayLeg) {
	for i := range g.legs {
		o := &g.legs[i]
		if o.listener == leg.listener && o.pool == leg.pool && o.port == leg.port && sameRef(o.firewall, leg.firewall) {
			if len(o.paths) == 0 || len(leg.paths) == 0 {
				o.paths = nil
			} else {
				o.paths = append(slices.Clone(o.paths), leg.paths...)
			}
			return
		}
	}
	g.legs = append(g.legs, leg)
}

func sameRef(a, b *estate.ResourceRef) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a.ID.Equal(b.ID)
}

func (g *gatewayView) doubt(pointer, why string) {
	g.unread = append(g.unread, gatewayDoubt{pointer, why})
}

// subnet is where the gateway's instances stand: what backends see as source.
func (g *gatewayView) subnet() azward.ResourceID {
	for _, c := range g.v.Properties.GatewayIPConfigurations {
		if c.Properties.Subnet != nil {
			return c.Properties.Subnet.ID
		}
	}
	return ""
}

// hosts names the host names that a listener serves.
func hostsOf(l *estate.GatewayListener) string {
	names := l.Properties.HostNames
	if l.Properties.HostName != "" {
		names = append([]string{l.Properties.HostName}, names...)
	}
	if len(names) == 0 {
		return "any host"
	}
	return listWords(names)
}

// ipOf is an address of a pool; invalid where it is none.
func ipOf(text string) netip.Addr {
	a, err := netip.ParseAddr(strings.TrimSpace(text))
	if err != nil {
		return netip.Addr{}
	}
	return a.Unmap()
}
