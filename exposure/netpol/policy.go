package netpol

import (
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// policy is one NetworkPolicy. A broken one selects every pod of its
// namespace perhaps, and lets everything in perhaps.
type policy struct {
	where
	view   *estate.NetworkPolicy
	broken *azward.Gap
	types  map[direction]azward.Answer
	// odd says that a selector of its peers is one that the API server refuses:
	// what the cluster holds in its place is not known.
	odd *azward.Gap
}

const policyKind = "NetworkPolicy.networking.k8s.io"

func (g *Engine) policiesIn(ns string) []*policy {
	if held, ok := g.policies[ns]; ok {
		return held
	}
	var list []*policy
	for _, r := range g.estate.Objects(g.cluster, policyKind, ns) {
		list = append(list, readPolicy(r, &g.quiet))
	}
	g.policies[ns] = list
	return list
}

func readPolicy(r *estate.Resource, quiet *bool) *policy {
	p := &policy{where: where{resource: r, quiet: quiet}}
	v, err := estate.Decode[estate.NetworkPolicy](r)
	if err != nil {
		gap := p.at("spec").unparsed("the policy has an unexpected shape")
		p.broken = &gap
		return p
	}
	p.view = v
	p.types = policyTypes(v)
	p.odd = p.refused()
	return p
}

// refused finds a selector of the peers that no API server admits.
func (p *policy) refused() *azward.Gap {
	for _, d := range []direction{ingress, egress} {
		rules := p.view.Spec.Ingress
		if d == egress {
			rules = p.view.Spec.Egress
		}
		for i := range rules {
			peers, name := rules[i].From, "from"
			if d == egress {
				peers, name = rules[i].To, "to"
			}
			for j := range peers {
				for _, selector := range []*estate.LabelSelector{peers[j].PodSelector, peers[j].NamespaceSelector} {
					if selector == nil {
						continue
					}
					if _, err := selector.Matches(nil); err != nil {
						gap := p.at("spec").item(d.String(), i).item(name, j).unparsed(err.Error())
						return &gap
					}
				}
			}
		}
	}
	return nil
}

// policyTypes applies the documented default: ingress always, egress only if
// there are egress rules.
func policyTypes(v *estate.NetworkPolicy) map[direction]azward.Answer {
	types := map[direction]azward.Answer{ingress: azward.No, egress: azward.No}
	if len(v.Spec.PolicyTypes) == 0 {
		types[ingress] = azward.Yes
		if len(v.Spec.Egress) > 0 {
			types[egress] = azward.Yes
		}
	}
	for _, t := range v.Spec.PolicyTypes {
		switch t {
		case "Ingress":
			types[ingress] = azward.Yes
		case "Egress":
			types[egress] = azward.Yes
		default: // a type that azward does not know may mean either
			for d, a := range types {
				if a == azward.No {
					types[d] = azward.Unknown
				}
			}
		}
	}
	return types
}

// isolates answers whether the policy selects the pod for this direction.
func (p *policy) isolates(d direction, at *Pod) matching {
	if p.broken != nil {
		return unclear(*p.broken)
	}
	typed := matching{answer: p.types[d]}
	if typed.answer == azward.Unknown {
		typed.gaps = []azward.Gap{p.at("spec/policyTypes").unsupported("azward does not know one of the policy types")}
	}
	selected := hit
	if p.view.Spec.PodSelector != nil {
		selected = selects(p.view.Spec.PodSelector, at.Labels, p.at("spec/podSelector"))
	}
	return allOf(typed, selected)
}

// selected is a policy that selects a pod, or may.
type selected struct {
	policy *policy
	matching
}

type isolationKey struct {
	pod *Pod
	d   direction
}

// isolating returns the policies that select the pod, or may, for a direction.
func (g *Engine) isolating(d direction, at *Pod) []selected {
	key := isolationKey{at, d}
	if held, ok := g.isolation[key]; ok && !slices.ContainsFunc(held, func(s selected) bool { return s.answer == azward.Unknown }) {
		return held
	}
	var list []selected
	for _, p := range g.policiesIn(at.Namespace) {
		if m := p.isolates(d, at); m.answer != azward.No {
			list = append(list, selected{p, m})
		}
	}
	g.isolation[key] = list
	return list
}

// policyTier is the union of the rules of all policies that select the pod.
func (g *Engine) policyTier(d direction, at *Pod, f flow, t *trace) outcome {
	isolated, allowed := miss, miss
	for _, s := range g.isolating(d, at) {
		p, selected := s.policy, s.matching
		isolated = anyOf(isolated, selected)
		rule, m := g.admits(p, d, f)
		lets := allOf(selected, m)
		if g.quiet && lets.answer == azward.Yes {
			return allows
		}
		switch {
		case lets.answer == azward.Yes && allowed.answer != azward.Yes:
			t.allowed = append(t.allowed, reason{where: where{p.resource, rule, p.quiet}})
		case lets.answer == azward.No && selected.answer == azward.Yes:
			t.denied = append(t.denied, reason{where: p.at("spec/" + d.String()), absent: true})
		}
		allowed = anyOf(allowed, lets)
	}
	return tierOutcome(isolated, allowed, t)
}

// tierOutcome: outside every policy the tier says nothing; inside, what no
// rule admits is denied.
func tierOutcome(isolated, allowed matching, t *trace) outcome {
	if isolated.answer == azward.No {
		return misses
	}
	var result outcome
	if isolated.answer == azward.Unknown {
		result |= misses
		t.gap(isolated.gaps...)
	}
	switch allowed.answer {
	case azward.Yes:
		return allows
	case azward.No:
		return result | denies
	default:
		t.gap(allowed.gaps...)
		return result | allows | denies
	}
}

// admits answers whether a rule of the policy matches and, for Yes, which.
func (g *Engine) admits(p *policy, d direction, f flow) (pointer string, m matching) {
	if p.broken != nil {
		return "", unclear(*p.broken)
	}
	if p.odd != nil {
		return "", unclear(*p.odd)
	}
	rules := p.view.Spec.Ingress
	if d == egress {
		rules = p.view.Spec.Egress
	}
	result := miss
	for i := range rules {
		w := p.at("spec").item(d.String(), i)
		one := allOf(g.rulePeers(p, d, &rules[i], f.peer(d), w), rulePorts(&rules[i], f, w))
		if one.answer == azward.Yes {
			return w.pointer, one
		}
		result = anyOf(result, one)
	}
	return "", result
}

func (g *Engine) rulePeers(p *policy, d direction, r *estate.NetworkPolicyRule, end Endpoint, w where) matching {
	peers, name := r.From, "from"
	if d == egress {
		peers, name = r.To, "to"
	}
	if len(peers) == 0 {
		return hit // absent and empty alike mean everyone
	}
	result := miss
	for i := range peers {
		one := g.matchPeer(&peers[i], end, p.resource.Namespace, w.item(name, i))
		if one.answer == azward.Yes {
			return hit
		}
		result = anyOf(result, one)
	}
	return result
}

func (g *Engine) matchPeer(peer *estate.NetworkPolicyPeer, end Endpoint, own string, w where) matching {
	selector := peer.PodSelector != nil || peer.NamespaceSelector != nil
	switch {
	case len(peer.Unknown) > 0:
		return w.unknownFields(peer.Unknown)
	case peer.IPBlock != nil && selector:
		return unclear(w.unparsed("ipBlock stands beside a selector, which the API server refuses"))
	case peer.IPBlock != nil:
		return g.inBlock(*peer.IPBlock, end, w.at("ipBlock"))
	case !selector:
		return unclear(w.unparsed("the peer is empty, which the API server refuses"))
	case end.Pod == nil:
		return miss // selectors pick pods alone
	}
	return g.selectsPeer(end.Pod, peer.NamespaceSelector, peer.PodSelector, own, w)
}

func rulePorts(r *estate.NetworkPolicyRule, f flow, w where) matching {
	if len(r.Ports) == 0 {
		return hit
	}
	result := miss
	for i := range r.Ports {
		one := matchPolicyPort(&r.Ports[i], f, w.item("ports", i))
		if one.answer == azward.Yes {
			return hit
		}
		result = anyOf(result, one)
	}
	return result
}

func matchPolicyPort(p *estate.NetworkPolicyPort, f flow, w where) matching {
	switch {
	case p.Port == nil && p.EndPort != 0:
		return unclear(w.unparsed("endPort stands without port, which the API server refuses"))
	case p.Port == nil:
		return matchPort(f, p.Protocol, 0, 65535, w)
	case p.Port.Name != "" && p.EndPort != 0:
		return unclear(w.unparsed("endPort stands beside a named port, which the API server refuses"))
	case p.Port.Name != "":
		protocol := p.Protocol
		if protocol == "" {
			protocol = "tcp"
		}
		return matchNamedPort(f, p.Port.Name, protocol)
	case p.Port.Int < 1:
		return unclear(w.unparsed(fmt.Sprintf("%d is not a port", p.Port.Int)))
	case p.EndPort != 0:
		return matchPort(f, p.Protocol, p.Port.Int, p.EndPort, w)
	}
	return matchPort(f, p.Protocol, p.Port.Int, p.Port.Int, w)
}

// describe names the flow in a clause: "tcp 8080 from shop/cart".
func (f flow) describe(d direction) string {
	word := " from "
	if d == egress {
		word = " to "
	}
	return strings.ToLower(f.protocol) + " " + fmt.Sprint(f.port) + word + f.peer(d).describe()
}

func (e Endpoint) describe() string {
	switch {
	case e.Pod != nil:
		return e.Pod.Namespace + "/" + e.Pod.Name
	case e.Rewritten:
		return "outside the cluster"
	}
	return e.Address.String()
}
