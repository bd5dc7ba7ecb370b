package netpol

import (
	"slices"

	"github.com/azward/azward"
)

// outcome is the set of things that may happen to a flow at one tier. More
// than one member means that facts are missing.
type outcome uint8

const (
	allows outcome = 1 << iota
	denies
	passes // on to the next tier
	misses // no rule matches
)

func (o outcome) has(x outcome) bool { return o&x != 0 }

// trace gathers what decided and what was missing while tiers are judged.
type trace struct {
	allowed, denied []reason
	gaps            []azward.Gap
}

// reason is a rule that decided, to be cited only when somebody asks.
type reason struct {
	where
	absent bool // the policy selects the pod and has no rule for the flow
}

// cite turns reasons into evidence.
func cite(reasons []reason, d direction, at *Pod, f flow, verb string) []azward.Evidence {
	evidence := make([]azward.Evidence, len(reasons))
	for i, r := range reasons {
		meaning := verb + " " + f.describe(d)
		if r.absent {
			meaning = "selects the pod " + at.Namespace + "/" + at.Name + " and has no rule for " + f.describe(d)
		}
		evidence[i] = r.resource.Evidence(r.pointer, meaning)
	}
	return evidence
}

func (t *trace) gap(g ...azward.Gap) {
	for _, x := range g {
		if !slices.Contains(t.gaps, x) {
			t.gaps = append(t.gaps, x)
		}
	}
}

// judge decides one direction at one pod: the admin tier first, then the
// NetworkPolicies of the pod's namespace, then the baseline.
func (g *Engine) judge(d direction, at *Pod, f flow) Decision {
	t := &trace{}
	answer := g.answer(d, at, f, t)
	switch {
	case g.enforce.answer == azward.No:
		return Decision{Answer: answer, DecidedBy: g.enforce.evidence}
	case answer == azward.Yes:
		return Decision{Answer: answer, DecidedBy: append(cite(t.allowed, d, at, f, "allows"), g.proof...)}
	case answer == azward.No:
		evidence := append(cite(t.denied, d, at, f, "denies"), g.proof...)
		return Decision{Answer: answer, DecidedBy: append(evidence, g.enforce.evidence...)}
	}
	if len(t.gaps) == 0 {
		t.gap(g.unsupported(at, "network policies at this pod give no single answer"))
	}
	evidence := append(cite(t.allowed, d, at, f, "allows"), cite(t.denied, d, at, f, "denies")...)
	return Decision{Answer: azward.Unknown, DecidedBy: evidence, Gaps: t.gaps}
}

func (g *Engine) answer(d direction, at *Pod, f flow, t *trace) azward.Answer {
	if g.enforce.answer == azward.No {
		return azward.Yes
	}
	g.load()
	result := g.tiers(d, at, f, t)
	switch {
	case at.HostNetwork && result.has(denies):
		// Behaviour of policies on such pods is undefined; most engines leave them out.
		result |= allows | denies
		t.gap(g.unsupported(at, "network policies on a pod of the host's network depend on the engine"))
	case g.enforce.answer == azward.Unknown && result.has(denies):
		result |= allows
		t.gap(g.enforce.gaps...)
	}
	switch result {
	case allows:
		return azward.Yes
	case denies:
		return azward.No
	}
	return azward.Unknown
}

func (g *Engine) tiers(d direction, at *Pod, f flow, t *trace) outcome {
	result := g.unread(at, t)
	result |= g.adminTier(d, at, f, t)
	if result.has(passes | misses) {
		result &^= passes | misses
		result |= g.policyTier(d, at, f, t)
	}
	if result.has(misses) {
		result &^= misses
		result |= g.baselineTier(d, at, f, t)
	}
	if result.has(misses) { // nothing is said: open
		result = result&^misses | allows
	}
	return result
}

// unread is what policies that were not read, or that azward does not model,
// may do to the pod.
func (g *Engine) unread(at *Pod, t *trace) outcome {
	var result outcome
	if len(g.missing) > 0 {
		result = allows | denies
		t.gap(g.missing...)
	}
	for _, p := range g.foreign {
		if p.mayTouch(at) {
			result = allows | denies
			t.gap(p.gap)
		}
	}
	return result
}

func (g *Engine) unsupported(at *Pod, cause string) azward.Gap {
	return azward.Gap{
		Scope: g.cluster.Kubernetes("", "v1", at.Namespace, "pods", at.Name),
		Kind:  azward.GapUnsupported, Reads: "network policies", Error: cause,
	}
}
