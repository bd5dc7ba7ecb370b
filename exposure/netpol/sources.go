package netpol

import (
	"net/netip"

	"go4.org/netipx"

	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// Part is the decision for some of the sources that were asked about.
type Part struct {
	Sources netset.Addrs
	Decision
}

// InboundFrom answers [Engine.Inbound] for a set of addresses outside the
// cluster that the pod sees unchanged. The parts are exact: sources are cut at
// the ends of every address block that the pod's policies name.
func (g *Engine) InboundFrom(sources netset.Addrs, to *Pod, protocol string, port uint16) []Part {
	var parts []Part
	rest := sources
	blocks := append(g.blocks(to.Namespace), netset.AllAddrs())
	for cell := range cells(rest, blocks) {
		first := cell.Ranges()[0].From()
		d := g.Inbound(AtAddress(first), to, protocol, port)
		parts = join(parts, Part{Sources: cell, Decision: d})
	}
	return parts
}

// join merges parts with the same answer and the same deciding rules.
func join(parts []Part, p Part) []Part {
	for i, q := range parts {
		if q.Answer == p.Answer && sameRules(q, p) {
			parts[i].Sources = q.Sources.Union(p.Sources)
			return parts
		}
	}
	return append(parts, p)
}

func sameRules(a, b Part) bool {
	if len(a.DecidedBy) != len(b.DecidedBy) {
		return false
	}
	for i := range a.DecidedBy {
		if a.DecidedBy[i].Resource != b.DecidedBy[i].Resource || a.DecidedBy[i].Property != b.DecidedBy[i].Property {
			return false
		}
	}
	return true
}

// cells yields the parts of a set that the blocks tell apart.
func cells(of netset.Addrs, blocks []netset.Addrs) func(func(netset.Addrs) bool) {
	parts := []netset.Addrs{of}
	for _, b := range blocks {
		next := make([]netset.Addrs, 0, len(parts))
		for _, p := range parts {
			for _, cut := range []netset.Addrs{p.Intersect(b), p.Minus(b)} {
				if !cut.IsEmpty() {
					next = append(next, cut)
				}
			}
		}
		parts = next
	}
	return func(yield func(netset.Addrs) bool) {
		for _, p := range parts {
			if !yield(p) {
				return
			}
		}
	}
}

// blocks returns each distinct address block of the ingress policies of a
// namespace. (Admin policies name networks for egress alone.)
func (g *Engine) blocks(namespace string) []netset.Addrs {
	seen := map[netip.Prefix]struct{}{}
	var blocks []netset.Addrs
	add := func(cidr string) {
		p, err := netip.ParsePrefix(cidr)
		if err != nil {
			return // inBlock answers Unknown for every source
		}
		p = p.Masked()
		if _, ok := seen[p]; !ok {
			seen[p] = struct{}{}
			blocks = append(blocks, netset.RangeAddrs(netipx.RangeOfPrefix(p)))
		}
	}
	for _, p := range g.policiesIn(namespace) {
		if p.broken != nil {
			continue
		}
		for _, rule := range p.view.Spec.Ingress {
			eachBlock(rule.From, add)
		}
	}
	return blocks
}

func eachBlock(peers []estate.NetworkPolicyPeer, add func(string)) {
	for _, peer := range peers {
		if peer.IPBlock == nil {
			continue
		}
		add(peer.IPBlock.CIDR)
		for _, x := range peer.IPBlock.Except {
			add(x)
		}
	}
}
