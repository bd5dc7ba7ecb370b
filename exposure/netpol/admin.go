package netpol

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

const (
	adminKind    = "AdminNetworkPolicy.policy.networking.k8s.io"
	baselineKind = "BaselineAdminNetworkPolicy.policy.networking.k8s.io"
	adminVersion = "policy.networking.k8s.io/v1alpha1"
)

// adminPolicy is an AdminNetworkPolicy or a baseline one: rules in order, the
// first that matches decides.
type adminPolicy struct {
	where
	view   *estate.AdminNetworkPolicy
	broken *azward.Gap
}

func readAdminPolicy(r *estate.Resource, ordered bool, quiet *bool) *adminPolicy {
	p := &adminPolicy{where: where{resource: r, quiet: quiet}}
	v, err := estate.Decode[estate.AdminNetworkPolicy](r)
	var gap azward.Gap
	switch {
	case r.APIVersion != adminVersion:
		gap = p.at("apiVersion").unsupported("azward knows version v1alpha1 of this kind alone")
	case err != nil:
		gap = p.at("spec").unparsed("the policy has an unexpected shape")
	case ordered && v.Spec.Priority == nil:
		gap = p.at("spec/priority").unparsed("the policy has no priority")
	default:
		p.view = v
		return p
	}
	p.broken = &gap
	return p
}

// adminTiers groups policies of the same priority, lowest number first; broken
// ones come first, alone, since they may be anywhere.
func adminTiers(resources []*estate.Resource, quiet *bool) [][]*adminPolicy {
	var policies []*adminPolicy
	for _, r := range resources {
		policies = append(policies, readAdminPolicy(r, true, quiet))
	}
	priority := func(p *adminPolicy) int {
		if p.broken != nil {
			return -1
		}
		return *p.view.Spec.Priority
	}
	slices.SortStableFunc(policies, func(a, b *adminPolicy) int { return cmp.Compare(priority(a), priority(b)) })
	var tiers [][]*adminPolicy
	for i, p := range policies {
		if i > 0 && priority(policies[i-1]) == priority(p) && p.broken == nil {
			tiers[len(tiers)-1] = append(tiers[len(tiers)-1], p)
			continue
		}
		tiers = append(tiers, []*adminPolicy{p})
	}
	return tiers
}

func (g *Engine) adminTier(d direction, at *Pod, f flow, t *trace) outcome {
	var result outcome
	for _, group := range g.admin {
		one := g.anyOrder(group, d, at, f, t)
		result |= one &^ misses
		if !one.has(misses) {
			return result
		}
	}
	return result | misses
}

func (g *Engine) baselineTier(d direction, at *Pod, f flow, t *trace) outcome {
	return g.anyOrder(g.baseline, d, at, f, t)
}

// anyOrder joins policies among which the API leaves the order open: each
// that may match may decide.
func (g *Engine) anyOrder(group []*adminPolicy, d direction, at *Pod, f flow, t *trace) outcome {
	result, missed := outcome(0), misses
	for _, p := range group {
		one := g.firstMatch(p, d, at, f, t)
		result |= one &^ misses
		missed &= one
	}
	if many(result) && len(group) > 1 {
		t.gap(group[1].at("spec/priority").unsupported("policies of the same priority disagree, and their order is not defined"))
	}
	return result | missed
}

func many(o outcome) bool { return o&(o-1) != 0 }

// firstMatch goes through the rules until one certainly matches.
func (g *Engine) firstMatch(p *adminPolicy, d direction, at *Pod, f flow, t *trace) outcome {
	if p.broken != nil {
		t.gap(*p.broken)
		return allows | denies | passes | misses
	}
	subject := g.isSubject(p, at)
	if subject.answer == azward.No {
		return misses
	}
	var result outcome
	if subject.answer == azward.Unknown {
		t.gap(subject.gaps...)
		result |= misses
	}
	rules := p.view.Spec.Ingress
	if d == egress {
		rules = p.view.Spec.Egress
	}
	for i := range rules {
		w := p.at("spec").item(d.String(), i)
		m := allOf(g.adminPeers(&rules[i], d, f.peer(d), w), adminPorts(&rules[i], f, w))
		if m.answer == azward.No {
			continue
		}
		t.gap(m.gaps...)
		result |= act(&rules[i], w, t)
		if m.answer == azward.Yes {
			return result
		}
	}
	return result | misses
}

func act(r *estate.AdminNetworkPolicyRule, w where, t *trace) outcome {
	switch r.Action {
	case "Allow":
		t.allowed = append(t.allowed, reason{where: w})
		return allows
	case "Deny":
		t.denied = append(t.denied, reason{where: w})
		return denies
	case "Pass":
		return passes
	}
	t.gap(w.at("action").unparsed(fmt.Sprintf("%q is none of Allow, Deny and Pass", r.Action)))
	return allows | denies | passes
}

// isSubject answers whether the policy is about this pod. Pods of the host's
// network are never a subject, which judge takes care of.
func (g *Engine) isSubject(p *adminPolicy, at *Pod) matching {
	s, w := &p.view.Spec.Subject, p.at("spec/subject")
	switch {
	case len(s.Unknown) > 0:
		return w.unknownFields(s.Unknown)
	case (s.Namespaces == nil) == (s.Pods == nil):
		return unclear(w.unparsed("it needs one of namespaces and pods"))
	case s.Namespaces != nil:
		return g.selectsNamespace(s.Namespaces, at.Namespace, w.at("namespaces"))
	}
	return allOf(
		g.selectsNamespace(&s.Pods.NamespaceSelector, at.Namespace, w.at("pods/namespaceSelector")),
		selects(&s.Pods.PodSelector, at.Labels, w.at("pods/podSelector")),
	)
}

func (g *Engine) adminPeers(r *estate.AdminNetworkPolicyRule, d direction, end Endpoint, w where) matching {
	peers, name := r.From, "from"
	if d == egress {
		peers, name = r.To, "to"
	}
	if len(peers) == 0 {
		return unclear(w.unparsed("the rule has no peer, which the API server refuses"))
	}
	result := miss
	for i := range peers {
		one := g.matchAdminPeer(&peers[i], end, w.item(name, i))
		if one.answer == azward.Yes {
			return hit
		}
		result = anyOf(result, one)
	}
	return result
}

func (g *Engine) matchAdminPeer(peer *estate.AdminNetworkPolicyPeer, end Endpoint, w where) matching {
	switch {
	case len(peer.Unknown) > 0:
		return w.unknownFields(peer.Unknown)
	case len(peer.Networks) > 0:
		return g.inNetworks(peer.Networks, end, w.at("networks"))
	case peer.Nodes != nil:
		return g.isNode(peer.Nodes, end, w.at("nodes"))
	case peer.Namespaces == nil && peer.Pods == nil:
		return unclear(w.unparsed("the peer is empty, which the API server refuses"))
	case end.Pod == nil:
		return miss
	case peer.Namespaces != nil:
		return g.selectsPeer(end.Pod, peer.Namespaces, nil, "", w)
	}
	return g.selectsPeer(end.Pod, &peer.Pods.NamespaceSelector, &peer.Pods.PodSelector, "", w.at("pods"))
}

// inNetworks matches addresses; traffic to pods is checked by address too, as
// the API says.
func (g *Engine) inNetworks(networks []string, end Endpoint, w where) matching {
	result := miss
	for i, cidr := range networks {
		one := g.inBlock(estate.IPBlock{CIDR: cidr}, end, w.at(strconv.Itoa(i)))
		if one.answer == azward.Yes {
			return hit
		}
		result = anyOf(result, one)
	}
	return result
}

// isNode matches an address against the nodes' own.
func (g *Engine) isNode(s *estate.LabelSelector, end Endpoint, w where) matching {
	switch {
	case end.Pod != nil && !end.Pod.HostNetwork:
		return miss
	case end.Pod != nil || end.Rewritten:
		return unclear(w.unsupported("which node the packet comes from cannot be told"))
	}
	for _, r := range g.estate.Objects(g.cluster, "Node", "") {
		v, err := estate.Decode[estate.KubernetesNode](r)
		if err != nil {
			return unclear(azward.Gap{Scope: r.ID, Kind: azward.GapUnparsed, Reads: "/status/addresses", Error: "the node has an unexpected shape"})
		}
		for _, a := range v.Status.Addresses {
			if ip, err := netip.ParseAddr(a.Address); err == nil && ip.Unmap() == end.Address {
				return selects(s, v.Metadata.Labels, w)
			}
		}
	}
	if _, missing := g.estate.Absence(g.cluster, "nodes"); len(missing) > 0 {
		return matching{gaps: missing}
	}
	return miss
}

func adminPorts(r *estate.AdminNetworkPolicyRule, f flow, w where) matching {
	if r.Ports == nil {
		return hit
	}
	if len(*r.Ports) == 0 {
		return unclear(w.at("ports").unparsed("an empty list of ports has no documented meaning"))
	}
	result := miss
	for i := range *r.Ports {
		one := matchAdminPort(&(*r.Ports)[i], f, w.item("ports", i))
		if one.answer == azward.Yes {
			return hit
		}
		result = anyOf(result, one)
	}
	return result
}

func matchAdminPort(p *estate.AdminNetworkPolicyPort, f flow, w where) matching {
	switch {
	case len(p.Unknown) > 0:
		return w.unknownFields(p.Unknown)
	case p.PortNumber != nil:
		return matchPort(f, p.PortNumber.Protocol, p.PortNumber.Port, p.PortNumber.Port, w)
	case p.PortRange != nil:
		return matchPort(f, p.PortRange.Protocol, p.PortRange.Start, p.PortRange.End, w)
	case p.NamedPort != nil:
		return matchNamedPort(f, *p.NamedPort, "")
	}
	return unclear(w.unparsed("the port is empty, which the API server refuses"))
}
