package azurepolicy

import (
	"encoding/json"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// maxCost bounds, in steps (functions, comparisons, members), what one
// evaluation of one resource takes: a rule of the largest size that Azure
// accepts over arrays of hundreds of members stays below.
const maxCost = 1_000_000

// perStep is how many members of a list are compared for one step.
const perStep = 16

// maxLeaves bounds how many comparisons one answer cites.
const maxLeaves = 64

// run is one evaluation.
type run struct {
	subject *Subject // what field conditions look at
	first   *Subject // what field() looks at: the resource of the if
	estate  *estate.Estate
	at      time.Time
	from    *Origin

	containers map[azward.ResourceKey]value // of the checker

	context Context // of a template's expression; nil in policy rules

	slots    []slot
	spent    int
	refusals int // leaves that Azure would refuse to evaluate

	tracing bool
	leaves  []noted
	why     verdict // of the last unknown leaf
}

// slot holds the member that a count stands at.
type slot struct {
	v  *value
	at *place
}

// bind lets a slot stand at a member. It is false when the evaluation has cost
// too much.
func (r *run) bind(n int, v *value, at *place) bool {
	if n >= len(r.slots) {
		r.slots = append(r.slots, make([]slot, n+1-len(r.slots))...)
	}
	r.slots[n] = slot{v, at}
	r.spent++
	return r.spent <= maxCost
}

// Leaf is one comparison that decided, or kept an answer from being decided.
type Leaf struct {
	// Field is what was looked at as the definition names it: a field, an
	// expression, or "count" and what was counted.
	Field string `json:"field"`
	// Path is the JSON pointer of the value in the resource; "" for computed
	// values.
	Path     string          `json:"path,omitempty"`
	Value    json.RawMessage `json:"value"`
	Operator string          `json:"operator"`
	Expected json.RawMessage `json:"expected"`
	Answer   azward.Answer   `json:"answer"`
	// Reason why the answer is unknown.
	Reason string `json:"reason,omitempty"`

	resource *estate.Resource
}

// Evidence cites the leaf's property. A leaf without a path was computed, and
// has none to cite.
func (l *Leaf) Evidence() azward.Evidence {
	e := azward.Evidence{
		Resource: l.resource.ID, Property: l.Path, Value: l.Value, Meaning: l.meaning(),
		Source: l.resource.Source, APIVersion: l.resource.APIVersion, ReadAt: l.resource.ReadAt, SHA256: l.resource.SHA256(),
	}
	return e
}

func (l *Leaf) meaning() string {
	s := l.Field + " " + l.Operator + " " + string(l.Expected) + ": " + l.Answer.String()
	if l.Reason != "" {
		s += " (" + l.Reason + ")"
	}
	return s
}

// noted is a comparison that was made. Few of them decide: the others are
// never told.
type noted struct {
	name    string
	v, want *value
	at      *place
	how     *comparison
	got     verdict
	subject *Subject
}

// leaf notes a comparison and gives its answer. The values do not change after.
func (r *run) leaf(name string, v *value, at *place, c *comparison, want *value, got verdict) azward.Answer {
	if got.answer == azward.Unknown {
		r.why = got
		if got.failed {
			r.refusals++
		}
	}
	if r.tracing && len(r.leaves) < maxLeaves {
		r.leaves = append(r.leaves, noted{name, v, want, at, c, got, r.subject})
	}
	return got.answer
}

// told are the comparisons that are still noted.
func (r *run) told() []Leaf {
	if len(r.leaves) == 0 {
		return nil
	}
	out := make([]Leaf, len(r.leaves))
	for i := range r.leaves {
		out[i] = r.leaves[i].leaf()
	}
	return out
}

func (n *noted) leaf() Leaf {
	path := n.at.String()
	l := Leaf{
		Field: n.name, Path: path, Value: shown(path, n.name, n.v), Operator: n.how.name, Expected: n.want.json(),
		Answer: n.got.answer, Reason: n.got.reason, resource: n.subject.Resource,
	}
	if s := n.subject; s.holder != nil {
		l.resource, l.Path = s.holder, s.prefix+l.Path
	}
	return l
}

// shown is the value of a leaf without its secrets. Of one that was computed,
// the field tells what it was computed from.
func shown(path, field string, v *value) json.RawMessage {
	if path == "" {
		path = strings.NewReplacer(".", "/", "[*]", "/0").Replace(field)
	}
	return estate.Shown(path, v.json())
}

// keepOnly drops the leaves from start up to mark.
func (r *run) keepOnly(start, mark int) {
	if r.tracing && mark > start {
		r.leaves = append(r.leaves[:start], r.leaves[mark:]...)
	}
}
