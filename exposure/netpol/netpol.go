// Package netpol answers whether the network policies of a cluster let a flow
// pass: NetworkPolicy, AdminNetworkPolicy and BaselineAdminNetworkPolicy, at
// both ends, with the rule that decided. Most readers need [New] and
// [Engine.Allowed].
//
// A policy that is not understood, was not read, or belongs to a kind that
// azward does not model (Cilium's and Calico's own) makes the flows it may
// touch Unknown. Whether the cluster enforces policies at all is part of the
// answer: without an engine they block nothing.
//
// Sources: https://kubernetes.io/docs/concepts/services-networking/network-policies/,
// https://network-policy-api.sigs.k8s.io/,
// https://learn.microsoft.com/azure/aks/use-network-policies
package netpol

import (
	"net/netip"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// Pod is a pod as policies see it.
type Pod struct {
	Namespace, Name string
	Labels          map[string]string
	// Addresses of the pod; for a pod on the host's network, the node's. Empty
	// where they are not known.
	Addresses   []netip.Addr
	HostNetwork bool
	Ports       []Port
}

// Port is a named container port.
type Port struct {
	Name     string
	Protocol string // "tcp", "udp" or "sctp"
	Number   uint16
}

// Endpoint is one end of a flow: a pod, or an address outside the cluster.
type Endpoint struct {
	// Pod is nil for an address outside the cluster.
	Pod *Pod
	// Address is ignored when Pod is set.
	Address netip.Addr
	// Rewritten says that the packet comes from outside the cluster, but the
	// policy sees the address of some node in place of Address: what
	// externalTrafficPolicy Cluster does.
	Rewritten bool
}

// AtPod is the endpoint of a pod.
func AtPod(p *Pod) Endpoint { return Endpoint{Pod: p} }

// AtAddress is the endpoint of an address that belongs to no pod.
func AtAddress(a netip.Addr) Endpoint { return Endpoint{Address: a.Unmap()} }

// BehindNode is a client outside the cluster whose address was replaced by a
// node's on the way.
func BehindNode() Endpoint { return Endpoint{Rewritten: true} }

// Decision is an answer with what decided it.
type Decision struct {
	Answer azward.Answer
	// DecidedBy holds the rules that let the flow pass or, for No, the policies
	// that select the pod and have no rule for it. With no policy at all it
	// holds the listings that prove so.
	DecidedBy []azward.Evidence
	// Gaps that keep the answer Unknown; empty for Yes and No.
	Gaps []azward.Gap
}

// Engine judges flows by the policies of one cluster. It reads policies when
// a flow first needs them, remembers which select a pod (so a pod that was
// asked about must not change), and is not safe for concurrent use.
type Engine struct {
	estate  *estate.Estate
	cluster azward.ResourceID
	enforce enforcement

	namespaces map[string]namespace
	policies   map[string][]*policy
	loaded     bool // admin, baseline and foreign
	admin      [][]*adminPolicy
	baseline   []*adminPolicy
	foreign    []*foreignPolicy
	proof      []azward.Evidence // that every policy was read
	missing    []azward.Gap
	quiet      bool // answers alone are wanted, without places and reasons
	isolation  map[isolationKey][]selected
	kept       classes
}

// New makes an engine for the policies of a cluster that the estate holds.
func New(e *estate.Estate, cluster azward.ResourceID) *Engine {
	return &Engine{
		estate: e, cluster: cluster, enforce: readEnforcement(e, cluster),
		namespaces: map[string]namespace{}, policies: map[string][]*policy{},
		isolation: map[isolationKey][]selected{},
	}
}

// Enforced tells whether the cluster has an engine that enforces policies.
func (g *Engine) Enforced() Decision {
	return Decision{Answer: g.enforce.answer, DecidedBy: g.enforce.evidence, Gaps: g.enforce.gaps}
}

// Allowed answers whether a connection may be opened: egress at the source,
// when that is a pod, and ingress at the destination, when that is one.
// Protocol is "tcp", "udp" or "sctp"; replies are always let through.
func (g *Engine) Allowed(from, to Endpoint, protocol string, port uint16) Decision {
	f := flow{from: from, to: to, protocol: strings.ToLower(protocol), port: port}
	if samePod(from.Pod, to.Pod) {
		return Decision{Answer: azward.Yes} // a pod cannot be cut off from itself
	}
	parts := []Decision{{Answer: azward.Yes}}
	if from.Pod != nil {
		parts = append(parts, g.judge(egress, from.Pod, f))
	}
	if to.Pod != nil {
		parts = append(parts, g.judge(ingress, to.Pod, f))
	}
	return both(parts)
}

// Answer is [Engine.Allowed] without the reasons, for many questions.
func (g *Engine) Answer(from, to Endpoint, protocol string, port uint16) azward.Answer {
	if samePod(from.Pod, to.Pod) {
		return azward.Yes
	}
	protocol = strings.ToLower(protocol)
	key, answer, held, ok := g.classed(from, to, protocol, port)
	if held {
		return answer
	}
	answer = g.quietAnswer(flow{from: from, to: to, protocol: protocol, port: port})
	if ok {
		g.keep(key, answer)
	}
	return answer
}

func (g *Engine) quietAnswer(f flow) azward.Answer {
	g.quiet = true
	defer func() { g.quiet = false }()
	from, to := f.from, f.to
	out, in := azward.Yes, azward.Yes
	if from.Pod != nil {
		out = g.answer(egress, from.Pod, f, &trace{})
	}
	if to.Pod != nil && out != azward.No {
		in = g.answer(ingress, to.Pod, f, &trace{})
	}
	return azward.All(out, in)
}

// Inbound answers the ingress half of [Engine.Allowed].
func (g *Engine) Inbound(from Endpoint, to *Pod, protocol string, port uint16) Decision {
	return g.judge(ingress, to, flow{from: from, to: AtPod(to), protocol: strings.ToLower(protocol), port: port})
}

// Outbound answers the egress half of [Engine.Allowed].
func (g *Engine) Outbound(from *Pod, to Endpoint, protocol string, port uint16) Decision {
	return g.judge(egress, from, flow{from: AtPod(from), to: to, protocol: strings.ToLower(protocol), port: port})
}

// both joins the decisions of the two ends: a flow needs every end's Yes.
func both(parts []Decision) Decision {
	answers := make([]azward.Answer, len(parts))
	for i, p := range parts {
		answers[i] = p.Answer
	}
	all := Decision{Answer: azward.All(answers...)}
	for _, p := range parts {
		if p.Answer != all.Answer {
			continue // a Yes explains no No, an Unknown neither
		}
		all.DecidedBy = append(all.DecidedBy, p.DecidedBy...)
		all.Gaps = append(all.Gaps, p.Gaps...)
	}
	return all
}

func samePod(a, b *Pod) bool {
	return a != nil && b != nil && (a == b || a.Namespace == b.Namespace && a.Name == b.Name && a.Name != "")
}

type direction int

const (
	ingress direction = iota
	egress
)

func (d direction) String() string {
	if d == egress {
		return "egress"
	}
	return "ingress"
}

// flow is what a rule looks at.
type flow struct {
	from, to Endpoint
	protocol string
	port     uint16
}

// peer is the far end, as seen from the pod that a policy of this direction selects.
func (f flow) peer(d direction) Endpoint {
	if d == egress {
		return f.to
	}
	return f.from
}
