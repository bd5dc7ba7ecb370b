package exposure

import (
	"slices"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// Source ports that a packet may have: whoever sends it chooses, so that one
// port that gets through is enough; or somebody else chooses, so that all of
// them must.
const (
	anySourcePort   = -1
	everySourcePort = -2
)

// maxSourceKinds bounds, in kinds of source ports, how many are asked one by
// one: rules with source ports are rare, and name one or two ranges.
const maxSourceKinds = 16

// pass sends a region through every filter at an interface. Where rules name
// source ports the ports are split into kinds that no rule tells apart, and
// each kind is asked by itself.
func (n *netInterface) pass(e *estate.Estate, w *way, p packet, region netset.Region, bare func(*way)) []passage {
	if p.srcPort >= 0 || !p.protocol.HasPorts() {
		return n.passOne(e, w, p, region, bare)
	}
	kinds := n.sourceKinds(e, p)
	if len(kinds) < 2 || len(kinds) > maxSourceKinds {
		return n.passOne(e, w, p, region, bare)
	}
	type result struct {
		ports netset.Ports
		all   []passage
	}
	var results []result
	for _, kind := range kinds {
		one := p
		one.srcPort = int(kind.Ranges()[0].Hi)
		all := n.passOne(e, w.clone(), one, region, bare)
		i := slices.IndexFunc(results, func(r result) bool { return samePassages(r.all, all) })
		if i < 0 {
			results = append(results, result{kind, all})
			continue
		}
		results[i].ports = results[i].ports.Union(kind)
		citeToo(results[i].all, all)
	}
	if len(results) == 1 {
		return results[0].all
	}
	if p.srcPort == everySourcePort {
		return n.passOne(e, w, p, region, bare)
	}
	var all []passage
	for _, r := range results {
		for _, one := range r.all {
			if last := len(one.way.hops) - 1; last >= 0 && one.way.answer() != azward.No {
				one.way.hops[last].Summary += ", from source port " + r.ports.String()
			}
			all = append(all, one)
		}
	}
	return all
}

func samePassages(a, b []passage) bool {
	return slices.EqualFunc(a, b, func(x, y passage) bool {
		return x.way.answer() == y.way.answer() && x.certain.Equal(y.certain) && x.maybe.Equal(y.maybe)
	})
}

// citeToo adds to passages what decided those of another kind of source ports,
// which came to the same.
func citeToo(into, from []passage) {
	for i := range into {
		a, b := into[i].way, from[i].way
		if len(a.hops) == 0 || len(b.hops) == 0 {
			continue
		}
		h := &a.hops[len(a.hops)-1]
		for _, fact := range b.hops[len(b.hops)-1].Evidence {
			if !slices.ContainsFunc(h.Evidence, func(f azward.Evidence) bool { return f.Resource == fact.Resource && f.Property == fact.Property }) {
				h.Evidence = append(h.Evidence, fact)
			}
		}
	}
}

// sourceKinds splits all ports where the rules at the interface do.
func (n *netInterface) sourceKinds(e *estate.Estate, p packet) []netset.Ports {
	var named []netset.Ports
	add := func(rules []groupRule) {
		for i := range rules {
			if len(rules[i].form.sourcePorts) == 0 {
				continue
			}
			if ports, doubt := parsePorts(rules[i].form.sourcePorts, "sourcePortRange"); doubt == "" && !ports.IsAll() && !ports.IsEmpty() {
				named = append(named, ports)
			}
		}
	}
	for _, ref := range []groupRef{n.subnetGroup, n.nicGroup} {
		if ref.none() || ref.missing != nil {
			continue
		}
		if v, err := estate.Decode[groupView](ref.resource); err == nil {
			if p.direction == outbound && v.outboundPorts || p.direction == inbound && v.inboundPorts {
				add(v.of(p.direction))
			}
		}
	}
	add(n.admin(e).rules)
	if len(named) == 0 {
		return nil
	}
	kinds := []netset.Ports{netset.AllPorts()}
	for _, ports := range named {
		var split []netset.Ports
		for _, kind := range kinds {
			for _, part := range []netset.Ports{kind.Intersect(ports), kind.Minus(ports)} {
				if !part.IsEmpty() {
					split = append(split, part)
				}
			}
		}
		if kinds = split; len(kinds) > maxSourceKinds {
			break
		}
	}
	return kinds
}

// namesSourcePorts reports whether some rule is for a part of the source ports.
func namesSourcePorts(rules []groupRule) bool {
	return slices.ContainsFunc(rules, func(r groupRule) bool {
		return slices.ContainsFunc(r.form.sourcePorts, func(s string) bool { return s != "*" && s != "0-65535" })
	})
}
