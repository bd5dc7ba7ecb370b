package azurepolicy

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
)

// condition is a compiled node of an if.
type condition interface {
	eval(*run) azward.Answer
	// can reports whether the condition may become want when everything but
	// the type, and where the question says so the kind and name, is open.
	can(q *question, want bool) bool
}

// question is what applicability is asked with.
type question struct {
	run        *run
	kind, name bool
}

// compiler holds what compiling a rule shares.
type compiler struct {
	parameters map[string]value // by lower-case name
	lacking    map[string]bool  // declared, without a value
	aliases    *Aliases
	guessed    []string
	functions  int
	conditions int
	slots      int
	asks       leafKinds
	location   bool  // a condition asks for the location
	needs      error // the first parameter that is asked for and has no value
	// template tells which functions a template's context answers; nil in
	// policy rules.
	template func(name string) bool
}

// leafKinds are what the leaves of an if look at.
type leafKinds struct{ types, kinds, names, others bool }

// scope is where a condition stands: within which counts.
type scope struct {
	*compiler
	counts []countScope
	// then is the existence condition: field() looks at the resource of the
	// if there, and a field condition at the related one.
	then  bool
	limit int
	depth int
}

// countScope is one count around a condition.
type countScope struct {
	name     string // in lower case
	slot     int    // of the member of a value count
	prefixes []prefix
	field    bool
}

// prefix is the part of an alias up to one [*], with the slot of its member.
type prefix struct {
	alias string
	slot  int
}

func (s *scope) guess(alias string) {
	if !slices.Contains(s.guessed, alias) {
		s.guessed = append(s.guessed, alias)
	}
}

// condition compiles one node.
func (s *scope) condition(v *value) (condition, error) {
	if s.conditions++; s.conditions > s.limit {
		return nil, fmt.Errorf("there are more than %d conditions", s.limit)
	}
	if s.depth > maxConditionDepth {
		return nil, fmt.Errorf("conditions nest deeper than %d levels", maxConditionDepth)
	}
	if v.kind != object {
		return nil, errors.New("a condition is no object")
	}
	inner := *s
	inner.depth++
	if len(v.obj().keys) == 1 {
		only := &v.obj().values[0]
		switch v.obj().low[0] {
		case "allof":
			parts, err := inner.all(only)
			return &allOf{parts}, err
		case "anyof":
			parts, err := inner.all(only)
			return &anyOf{parts}, err
		case "not":
			part, err := inner.condition(only)
			return &not{part}, err
		}
	}
	return inner.leaf(v)
}

func (s *scope) all(v *value) ([]condition, error) {
	if v.kind != list || len(v.list) == 0 {
		return nil, errors.New("allOf and anyOf take a list of conditions")
	}
	out := make([]condition, 0, len(v.list))
	for i := range v.list {
		c, err := s.condition(&v.list[i])
		if err != nil {
			return nil, err
		}
		out = append(out, c)
	}
	return out, nil
}

// leaf compiles a condition that compares.
func (s *scope) leaf(v *value) (condition, error) {
	source, sourceKey, operatorKey := (*value)(nil), "", ""
	var want *value
	for i, low := range v.obj().low {
		switch low {
		case "field", "value", "count":
			if source != nil {
				return nil, fmt.Errorf("a condition has both %s and %s", sourceKey, low)
			}
			source, sourceKey = &v.obj().values[i], low
		default:
			if _, _, ok := operatorOf(low); !ok {
				return nil, fmt.Errorf("there is no operator %.40q", v.obj().keys[i])
			}
			if want != nil {
				return nil, fmt.Errorf("a condition has two operators, %s and %s", operatorKey, low)
			}
			want, operatorKey = &v.obj().values[i], v.obj().keys[i]
		}
	}
	if source == nil || want == nil {
		return nil, errors.New("a condition needs one of field, value and count, and an operator")
	}
	c := comparison{name: operatorKey}
	c.op, c.negated, _ = operatorOf(operatorKey)
	var err error
	if c.want, err = s.valueExpression(want); err != nil {
		return nil, err
	}
	switch sourceKey {
	case "field":
		return s.fieldLeaf(source, c)
	case "value":
		s.asks.others = true
		e, err := s.valueExpression(source)
		return &valueLeaf{comparison: c.prepared(), source: e, written: string(source.json())}, err
	default:
		s.asks.others = true
		return s.count(source, c.prepared())
	}
}

// prepared notes what is compared to where it is known.
func (c comparison) prepared() comparison {
	if l, is := c.want.(*literal); is {
		c.fixed = &l.v
		if c.squeeze {
			c.fixed = squeezed(c.fixed)
		}
	}
	return c
}

func (s *scope) fieldLeaf(source *value, c comparison) (condition, error) {
	if source.kind != text {
		return nil, errors.New("the name of a field is no text")
	}
	f, err := s.field(source.text)
	if err != nil {
		return nil, err
	}
	c.squeeze = f.location
	s.location = s.location || f.location
	leaf := &fieldLeaf{comparison: c.prepared(), field: f}
	switch {
	case f.kind == byType:
		leaf.about, s.asks.types = aboutType, true
		if leaf.fixed != nil && leaf.op == opEquals && leaf.fixed.kind == text {
			leaf.typeLow = strings.ToLower(leaf.fixed.text)
		}
	case f.kind == byName || f.kind == byFullName:
		leaf.about, s.asks.names = aboutName, true
	case f.kind == byPath && len(f.path) == 1 && f.path[0].low == "kind":
		leaf.about, s.asks.kinds = aboutKind, true
	default:
		s.asks.others = true
	}
	return leaf, nil
}

// valueExpression compiles a JSON value whose texts may be expressions.
func (s *scope) valueExpression(v *value) (expression, error) {
	switch v.kind {
	case text:
		return parseText(v.text, s)
	case list, object:
		if !computes(v) {
			return &literal{*v}, nil
		}
		t := &template{of: *v}
		children := v.list
		if v.kind == object {
			children = v.obj().values
		}
		for i := range children {
			e, err := s.valueExpression(&children[i])
			if err != nil {
				return nil, err
			}
			t.parts = append(t.parts, e)
		}
		return fold(t), nil
	default:
		return &literal{*v}, nil
	}
}

// computes reports whether a text within a value is an expression, or escaped.
func computes(v *value) bool {
	if v.kind == text {
		return strings.HasPrefix(strings.TrimSpace(v.text), "[")
	}
	children := v.list
	if v.kind == object {
		children = v.obj().values
	}
	for i := range children {
		if computes(&children[i]) {
			return true
		}
	}
	return false
}

// template is a list or an object of which parts are computed.
type template struct {
	of    value
	parts []expression
}

func (t *template) constant() bool {
	return !slices.ContainsFunc(t.parts, func(e expression) bool { return !e.constant() })
}

func (t *template) eval(r *run) value {
	values := make([]value, len(t.parts))
	for i, e := range t.parts {
		if values[i] = e.eval(r); values[i].undecided() {
			return values[i]
		}
	}
	if t.of.kind == list {
		return listValue(values)
	}
	return value{kind: object, held: &members{keys: t.of.obj().keys, low: t.of.obj().low, values: values}}
}

type allOf struct{ parts []condition }

func (c *allOf) eval(r *run) azward.Answer { return kleene(r, c.parts, azward.No, azward.Yes) }

func (c *allOf) can(q *question, want bool) bool {
	able := func(p condition) bool { return p.can(q, want) }
	if want {
		return !slices.ContainsFunc(c.parts, func(p condition) bool { return !able(p) })
	}
	return slices.ContainsFunc(c.parts, able)
}

type anyOf struct{ parts []condition }

func (c *anyOf) eval(r *run) azward.Answer { return kleene(r, c.parts, azward.Yes, azward.No) }

func (c *anyOf) can(q *question, want bool) bool {
	able := func(p condition) bool { return p.can(q, want) }
	if want {
		return slices.ContainsFunc(c.parts, able)
	}
	return !slices.ContainsFunc(c.parts, func(p condition) bool { return !able(p) })
}

// kleene combines parts: one that is decisive decides, otherwise one unknown
// leaves it unknown, otherwise it is the other. The leaves of those parts that
// decided stay noted.
func kleene(r *run, parts []condition, decisive, other azward.Answer) azward.Answer {
	start, result := len(r.leaves), other
	for _, p := range parts {
		mark := len(r.leaves)
		switch p.eval(r) {
		case decisive:
			r.keepOnly(start, mark)
			return decisive
		case azward.Unknown:
			if result != azward.Unknown {
				r.keepOnly(start, mark)
			}
			result = azward.Unknown
		default:
			if result == azward.Unknown {
				r.leaves = r.leaves[:mark]
			}
		}
	}
	return result
}

type not struct{ part condition }

func (c *not) eval(r *run) azward.Answer       { return azward.Not(c.part.eval(r)) }
func (c *not) can(q *question, want bool) bool { return c.part.can(q, !want) }
func (c *valueLeaf) can(*question, bool) bool  { return true }
func (c *countLeaf) can(*question, bool) bool  { return true }
func (c *fieldLeaf) decided(q *question) (ok bool) {
	switch c.about {
	case aboutType:
		return true
	case aboutKind:
		return q.kind
	case aboutName:
		return q.name
	default:
		return false
	}
}

// about is what applicability rests on.
type about uint8

const (
	aboutOther about = iota
	aboutType
	aboutKind
	aboutName
)

// fieldLeaf compares what a field selects: all of it must meet the condition.
type fieldLeaf struct {
	comparison
	field   *field
	about   about
	typeLow string // of "type equals", in lower case
}

func (c *fieldLeaf) can(q *question, want bool) bool {
	if !c.decided(q) {
		return true
	}
	answer := c.eval(q.run)
	return answer == azward.Unknown || (answer == azward.Yes) == want
}

func (c *fieldLeaf) eval(r *run) azward.Answer {
	if c.typeLow != "" && !r.tracing {
		if (c.typeLow == r.subject.typeLow) != c.negated {
			return azward.Yes
		}
		return azward.No
	}
	r.spent++
	want := c.expected(r)
	result, start, none := azward.Yes, len(r.leaves), true
	c.field.each(r, func(v *value, at *place) bool {
		if r.spent += 1 + len(want.list)/perStep; r.spent > maxCost {
			result = r.leaf(c.field.name, v, at, &c.comparison, want, refused("it takes more than %d steps", maxCost))
			return false
		}
		none = false
		mark := len(r.leaves)
		switch r.leaf(c.field.name, v, at, &c.comparison, want, c.test(v, want)) {
		case azward.No:
			result = azward.No
			r.keepOnly(start, mark)
			return false
		case azward.Unknown:
			if result != azward.Unknown {
				r.keepOnly(start, mark)
			}
			result = azward.Unknown
		default:
			if result == azward.Unknown && r.tracing {
				r.leaves = r.leaves[:mark]
			}
		}
		return true
	})
	if none {
		empty := listValue(nil)
		return r.leaf(c.field.name, &empty, nil, &c.comparison, want, answered(true))
	}
	return result
}

// valueLeaf compares a computed value.
type valueLeaf struct {
	comparison
	source  expression
	written string
}

func (c *valueLeaf) eval(r *run) azward.Answer {
	r.spent++
	v, want := c.source.eval(r), c.expected(r)
	return r.leaf(c.written, &v, nil, &c.comparison, want, c.test(&v, want))
}

// countLeaf compares how many members meet a condition.
type countLeaf struct {
	comparison
	field  *field     // of a field count
	stars  []int      // slots by [*] of the field
	source expression // of a value count
	slot   int
	where  condition // nil for all
	name   string
}

func (s *scope) count(v *value, c comparison) (condition, error) {
	if v.kind != object {
		return nil, errors.New("count is no object")
	}
	out := &countLeaf{comparison: c}
	fieldOf, _ := v.member("field")
	valueOf, _ := v.member("value")
	name, _ := v.member("name")
	where, _ := v.member("where")
	inner := *s
	var err error
	switch {
	case fieldOf != nil && valueOf == nil:
		err = out.ofField(s, &inner, fieldOf)
	case valueOf != nil && fieldOf == nil:
		err = out.ofValue(s, &inner, valueOf, name)
	default:
		err = errors.New("count takes one of field and value")
	}
	if err != nil || where == nil {
		return out, err
	}
	out.where, err = inner.condition(where)
	return out, err
}

func (c *countLeaf) ofField(s, inner *scope, v *value) error {
	if v.kind != text {
		return errors.New("count.field is no text")
	}
	f, err := s.field(v.text)
	if err != nil {
		return err
	}
	low := strings.ToLower(strings.TrimSpace(f.name))
	stars := strings.Count(low, "[*]")
	if f.kind == computed || stars == 0 {
		return fmt.Errorf("count.field %.80q is no array alias", v.text)
	}
	c.field, c.name = f, "count "+v.text
	counted := countScope{name: low, field: true}
	// The stars that an outer count has bound already are not enumerated.
	bound := stars
	for _, step := range f.path {
		if step.each {
			bound--
		}
	}
	at := 0
	for n := range stars {
		at += strings.Index(low[at:], "[*]") + len("[*]")
		if n < bound {
			continue
		}
		c.stars = append(c.stars, s.slots)
		counted.prefixes = append(counted.prefixes, prefix{low[:at], s.slots})
		s.slots++
	}
	if len(c.stars) == 0 {
		// The same array again: the one member that stands already.
		c.stars = append(c.stars, s.slots)
		counted.prefixes = append(counted.prefixes, prefix{low, s.slots})
		s.slots++
	}
	inner.counts = append(slices.Clone(s.counts), counted)
	return nil
}

func (c *countLeaf) ofValue(s, inner *scope, v, name *value) error {
	e, err := s.valueExpression(v)
	if err != nil {
		return err
	}
	counted := countScope{name: "default", slot: s.slots}
	if name != nil {
		if name.kind != text {
			return errors.New("count.name is no text")
		}
		counted.name = strings.ToLower(name.text)
	}
	s.slots++
	c.source, c.slot, c.name = e, counted.slot, "count "+cmp.Or(counted.name, "value")
	inner.counts = append(slices.Clone(s.counts), counted)
	return nil
}

// tally is how many members meet a condition: at least least, at most most.
type tally struct {
	least, most int
	bad         verdict
}

func (c *countLeaf) eval(r *run) azward.Answer {
	r.spent++
	start := len(r.leaves)
	t, stop := tally{}, value{}
	if c.field != nil {
		v, at := c.field.start(r)
		c.members(r, v, c.field.path, at, 0, &t)
	} else {
		stop = c.values(r, &t)
	}
	want := c.expected(r)
	if stop.undecided() {
		return r.leaf(c.name, &stop, nil, &c.comparison, want, verdict{reason: stop.text, failed: stop.kind == failed})
	}
	got, n := c.judge(t, want)
	if got.answer == azward.Unknown && got.reason == "" {
		return r.leaf(c.name, &n, nil, &c.comparison, want, t.bad)
	}
	if got.answer != azward.Unknown && t.least != t.most {
		r.leaves = r.leaves[:start] // what is unknown did not matter
	}
	return r.leaf(c.name, &n, nil, &c.comparison, want, got)
}

// maxOpen bounds how many numbers a count that is not known exactly is tried
// with.
const maxOpen = 1000

// judge compares every number that the count may be.
func (c *countLeaf) judge(t tally, want *value) (verdict, value) {
	n := numberValue(float64(t.least))
	first := c.test(&n, want)
	if t.most-t.least > maxOpen {
		return verdict{}, n
	}
	for k := t.least + 1; k <= t.most; k++ {
		other := numberValue(float64(k))
		if c.test(&other, want).answer != first.answer {
			return verdict{}, n
		}
	}
	return first, n
}

// members enumerates an array in the resource and counts.
func (c *countLeaf) members(r *run, v *value, path []segment, at *place, star int, t *tally) {
	if f := c.field; f.slot < 0 && f.of != "" && !r.subject.has(f.of) {
		return
	}
	for i, step := range path {
		if v.undecided() {
			t.unknown(verdict{reason: v.text, failed: v.kind == failed})
			return
		}
		if step.each {
			for k := range v.list {
				here := r.below(at, fmt.Sprint(k))
				if !r.bind(c.stars[star], &v.list[k], here) {
					t.unknown(refused("it takes more than %d steps", maxCost))
					return
				}
				c.members(r, &v.list[k], path[i+1:], here, star+1, t)
			}
			return
		}
		next, index := v.member(step.low)
		if index < 0 || next.kind == null {
			if lacking := r.subject.lacking(c.field); lacking.kind == unread {
				t.unknown(verdict{reason: lacking.text})
			}
			return
		}
		at = r.below(at, step.name)
		v = next
	}
	if len(path) == 0 && star == 0 && !r.bind(c.stars[0], v, at) {
		t.unknown(refused("it takes more than %d steps", maxCost))
		return
	}
	c.one(r, t)
}

// unknown notes that nobody knows how many there are.
func (t *tally) unknown(why verdict) {
	t.most, t.bad = t.least+maxOpen+1, why
}

// one counts the member that is bound.
func (c *countLeaf) one(r *run, t *tally) {
	answer := azward.Yes
	mark := len(r.leaves)
	if c.where != nil {
		answer = c.where.eval(r)
	}
	switch answer {
	case azward.Yes:
		t.least++
		t.most++
	case azward.Unknown:
		t.most++
		if t.bad.reason == "" {
			t.bad = r.why
		}
	default:
		r.leaves = r.leaves[:mark]
	}
}

// values enumerates a value and counts.
func (c *countLeaf) values(r *run, t *tally) value {
	all := c.source.eval(r)
	if all.undecided() {
		return all
	}
	if all.kind != list {
		return failure("count.value is no list")
	}
	for i := range all.list {
		if !r.bind(c.slot, &all.list[i], nil) {
			return failure("it takes more than %d steps", maxCost)
		}
		c.one(r, t)
	}
	return value{}
}
