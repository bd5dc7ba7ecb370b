package netpol

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/azward/azward"
)

// classes groups pods that no policy can tell apart, so that all pairs of a
// large cluster cost as much as the pairs of its classes.
type classes struct {
	ofPod   map[*Pod]uint64
	byText  map[string]uint64
	answers map[uint64]azward.Answer
	// blocks says that some policy names address blocks: then each pod is a
	// class of its own.
	blocks bool
}

const (
	classBits  = 22      // of one end in a key
	maxAnswers = 4 << 20 // entries that are kept, about 150 MB
)

var protocolBits = map[string]uint64{"tcp": 0, "udp": 1, "sctp": 2}

// classed is [Engine.Answer] for two pods, remembered by their classes; ok is
// false where they have none.
func (g *Engine) classed(from, to Endpoint, protocol string, port uint16) (key uint64, answer azward.Answer, held, ok bool) {
	bits, known := protocolBits[protocol]
	if !known || from.Pod == nil || to.Pod == nil {
		return 0, azward.Unknown, false, false
	}
	a, b := g.class(from.Pod), g.class(to.Pod)
	if max(a, b) >= 1<<classBits {
		return 0, azward.Unknown, false, false
	}
	key = a<<(classBits+18) | b<<18 | bits<<16 | uint64(port)
	answer, held = g.kept.answers[key]
	return key, answer, held, true
}

func (g *Engine) keep(key uint64, answer azward.Answer) {
	if len(g.kept.answers) >= maxAnswers {
		clear(g.kept.answers)
	}
	g.kept.answers[key] = answer
}

// Kind numbers pods so that no policy of the cluster tells those of one kind
// apart: they are in the same namespace and have the same labels and ports, and
// the same address where policies name addresses.
func (g *Engine) Kind(p *Pod) uint64 { return g.class(p) }

// class numbers what policies may look at: the namespace, labels, named ports,
// whether the pod is on the host's network, and its addresses where a policy
// names blocks.
func (g *Engine) class(p *Pod) uint64 {
	if g.kept.ofPod == nil {
		g.kept = classes{ofPod: map[*Pod]uint64{}, byText: map[string]uint64{}, answers: map[uint64]azward.Answer{}, blocks: g.namesBlocks()}
	}
	if n, ok := g.kept.ofPod[p]; ok {
		return n
	}
	var text strings.Builder
	fmt.Fprintf(&text, "%q %t %v", p.Namespace, p.HostNetwork, p.Ports)
	for _, k := range slices.Sorted(maps.Keys(p.Labels)) {
		fmt.Fprintf(&text, " %q=%q", k, p.Labels[k])
	}
	if g.kept.blocks || p.HostNetwork {
		fmt.Fprintf(&text, " %q %v", p.Name, p.Addresses)
	}
	n, ok := g.kept.byText[text.String()]
	if !ok {
		n = uint64(len(g.kept.byText))
		g.kept.byText[text.String()] = n
	}
	g.kept.ofPod[p] = n
	return n
}

func (g *Engine) namesBlocks() bool {
	for _, kind := range []string{policyKind, adminKind, baselineKind} {
		for _, r := range g.estate.Objects(g.cluster, kind, "") {
			if bytes.Contains(r.Body, []byte(`"ipBlock"`)) || bytes.Contains(r.Body, []byte(`"networks"`)) {
				return true
			}
		}
	}
	return false
}
