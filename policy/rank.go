package policy

import (
	"cmp"
	"strings"
	"unique"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/impact"
	"github.com/azward/azward/report"
)

// Rank says of a result how urgent it is among those of its severity: whether
// the internet reaches the resource, or the one that it is part of, and what
// follows when that is taken over.
func (c *Checker) Rank(p *report.Posture) {
	for id := p.Resource; id != ""; id = id.Parent() {
		r, ok := c.estate.Resource(id)
		if !ok {
			continue
		}
		d, err := c.document(r)
		if err != nil {
			return
		}
		x := c.exposed(d.root)
		if x == nil {
			continue
		}
		p.Rank.Exposed, p.Rank.Class = x.Answer, string(x.Class)
		p.Rank.Reasons = append(p.Rank.Reasons, exposedWords(x))
		if blast := c.blast(id); blast.Rank > impact.None {
			p.Rank.Blast = int(blast.Rank)
			p.Rank.Reasons = append(p.Rank.Reasons, blast.Summary)
		}
		return
	}
}

func exposedWords(x *exposure.Exposure) string {
	switch x.Answer {
	case azward.Yes:
		return "the internet reaches it: " + x.Summary
	case azward.No:
		return "the internet does not reach it: " + x.Summary
	}
	return "whether the internet reaches it is not known: " + x.Summary
}

func (c *Checker) blast(id azward.ResourceID) impact.Radius {
	key := id.Key()
	if held, ok := c.radii[key]; ok {
		return held
	}
	var radius impact.Radius
	if w, ok := c.estate.Workload(id); ok {
		radius = impact.Of(c.estate, w)
	}
	c.radii[key] = radius
	return radius
}

// Compare orders results: what fails before what is unknown and the rest,
// severe ones first, then those that the internet reaches, then by what follows
// from a take-over.
func Compare(a, b report.Posture) int {
	before := OrderOf(&a)
	return before.Compare(OrderOf(&b))
}

// Order is where a result stands among others: little to hold of many.
type Order struct {
	result, severity, exposed, blast int8

	rule                 string
	resource, assignment unique.Handle[azward.ResourceKey] // a resource has many results
}

// OrderOf is the order of a result.
func OrderOf(p *report.Posture) Order {
	return Order{
		int8(resultOrder[p.Result]), int8(-p.Severity.Rank()), int8(exposedOrder(p)), int8(-p.Rank.Blast),
		p.Rule, unique.Make(p.Resource.Key()), unique.Make(p.Assignment.Key()),
	}
}

// Compare is negative where the result stands before the other.
func (o *Order) Compare(other Order) int {
	if c := cmp.Or(
		cmp.Compare(o.result, other.result), cmp.Compare(o.severity, other.severity), cmp.Compare(o.exposed, other.exposed), cmp.Compare(o.blast, other.blast),
		strings.Compare(o.rule, other.rule),
	); c != 0 {
		return c
	}
	return cmp.Or(compareKeys(o.resource, other.resource), compareKeys(o.assignment, other.assignment))
}

func compareKeys(a, b unique.Handle[azward.ResourceKey]) int {
	if a == b {
		return 0
	}
	return cmp.Compare(a.Value(), b.Value())
}

var resultOrder = map[string]int{"fail": 0, "unknown": 1, "suppressed": 2, "exempt": 3, "pass": 4}

func exposedOrder(p *report.Posture) int {
	switch {
	case p.Rank.Exposed == azward.Yes:
		return 0
	case len(p.Rank.Reasons) == 0:
		return 2 // nothing that could be reached
	case p.Rank.Exposed == azward.Unknown:
		return 1
	}
	return 3
}
