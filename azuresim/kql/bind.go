package kql

import (
	"regexp"
	"strconv"
	"strings"
	"time"
)

// bound is an expression resolved against the columns of a relation.
type bound struct {
	kind  kind
	eval  func(row []any) any
	konst bool // does not read the row
}

// binder resolves names. Aggregates are allowed where agg is set: each becomes
// a slot that the groups fill.
type binder struct {
	m    *machine
	cols []column
	agg  *[]*aggregate
}

func constant(k kind, v any) bound {
	return bound{kind: k, konst: true, eval: func([]any) any { return v }}
}

func (b *binder) bind(e expr) (bound, error) {
	if err := b.m.resolve(1); err != nil {
		return bound{}, err
	}
	switch e := e.(type) {
	case literal:
		return constant(e.kind, e.v), nil
	case name:
		return b.name(e)
	case property:
		return b.property(e)
	case index:
		return b.index(e)
	case call:
		return b.call(e)
	case binary:
		return b.binary(e)
	case logic:
		return b.logic(e)
	case negative:
		x, err := b.bind(e.x)
		if err != nil {
			return bound{}, err
		}
		if x.kind == kindString || x.kind == kindBool {
			return bound{}, e.at.fail(semanticError, "a minus needs a number")
		}
		zero := any(int64(0))
		if x.kind == kindTimespan {
			zero = time.Duration(0)
		}
		return bound{kind: x.kind, konst: x.konst, eval: func(row []any) any {
			return arithmetic("-", zero, x.eval(row))
		}}, nil
	case membership:
		return b.membership(e)
	case between:
		return b.between(e)
	}
	return bound{}, e.where().fail(semanticError, "'*' has no value here")
}

func (b *binder) bindAll(list []expr) ([]bound, error) {
	out := make([]bound, len(list))
	for i, e := range list {
		x, err := b.bind(e)
		if err != nil {
			return nil, err
		}
		out[i] = x
	}
	return out, nil
}

func (b *binder) name(e name) (bound, error) {
	for i, c := range b.cols {
		if c.name == e.id {
			return bound{kind: c.kind, eval: func(row []any) any { return row[i] }}, nil
		}
	}
	if l, ok := b.m.lets[e.id]; ok && l.scalar != nil {
		if b.m.active[e.id] {
			return bound{}, e.at.fail(semanticError, "'"+e.id+"' is defined by itself")
		}
		b.m.active[e.id] = true
		defer delete(b.m.active, e.id)
		x, err := (&binder{m: b.m}).bind(l.scalar)
		if err != nil {
			return bound{}, err
		}
		return constant(x.kind, x.eval(nil)), nil
	}
	err := e.at.fail(semanticError, "'"+e.id+"' names no column here")
	err.Token = e.id
	return bound{}, err
}

func (b *binder) property(e property) (bound, error) {
	base, err := b.bind(e.base)
	if err != nil {
		return bound{}, err
	}
	if base.kind != kindDynamic {
		return bound{}, e.where().fail(semanticError, "a property is read off a value that is not dynamic: '"+e.id+"'")
	}
	return bound{kind: kindDynamic, konst: base.konst, eval: func(row []any) any {
		return member(base.eval(row), e.id)
	}}, nil
}

func member(v any, id string) any {
	switch v := plain(v).(type) {
	case map[string]any:
		return decoded(v[id])
	default:
		return nil
	}
}

func (b *binder) index(e index) (bound, error) {
	base, err := b.bind(e.base)
	if err != nil {
		return bound{}, err
	}
	key, err := b.bind(e.key)
	if err != nil {
		return bound{}, err
	}
	if base.kind != kindDynamic {
		return bound{}, e.where().fail(semanticError, "an element is read off a value that is not dynamic")
	}
	return bound{kind: kindDynamic, konst: base.konst && key.konst, eval: func(row []any) any {
		return element(base.eval(row), key.eval(row))
	}}, nil
}

// element reads a[i]; a negative i counts from the end.
func element(v, key any) any {
	switch k := plain(key).(type) {
	case string:
		return member(v, k)
	case int64:
		list, ok := plain(v).([]any)
		if !ok {
			return nil
		}
		if k < 0 {
			k += int64(len(list))
		}
		if k < 0 || k >= int64(len(list)) {
			return nil
		}
		return decoded(list[k])
	}
	return nil
}

func (b *binder) logic(e logic) (bound, error) {
	terms, err := b.bindAll(e.terms)
	if err != nil {
		return bound{}, err
	}
	for i, t := range terms {
		if t.kind != kindBool && t.kind != kindDynamic {
			return bound{}, e.terms[i].where().fail(semanticError, "'"+e.op+"' needs a condition on both sides")
		}
	}
	// Decisive is the value that ends the chain; otherwise null wins over the
	// other one.
	decisive := e.op == "or"
	return bound{kind: kindBool, eval: func(row []any) any {
		result := any(!decisive)
		for _, t := range terms {
			switch v := plain(t.eval(row)).(type) {
			case bool:
				if v == decisive {
					return decisive
				}
			default:
				result = nil
			}
		}
		return result
	}}, nil
}

func (b *binder) binary(e binary) (bound, error) {
	l, err := b.bind(e.l)
	if err != nil {
		return bound{}, err
	}
	r, err := b.bind(e.r)
	if err != nil {
		return bound{}, err
	}
	konst := l.konst && r.konst
	switch e.op {
	case "+", "-", "*", "/", "%":
		k, ok := arithmeticKind(e.op, l.kind, r.kind)
		if !ok {
			return bound{}, e.at.fail(semanticError, "'"+e.op+"' does not work on these types")
		}
		return bound{kind: k, konst: konst, eval: func(row []any) any {
			return arithmetic(e.op, l.eval(row), r.eval(row))
		}}, nil
	case "matches regex":
		return b.regex(e, l, r)
	}
	if !meets(l.kind, r.kind) && !words[strings.TrimPrefix(e.op, "!")] {
		return bound{}, e.at.fail(semanticError, "'"+e.op+"' compares values of different types; cast one")
	}
	test, ok := comparisons[e.op]
	if !ok {
		return bound{}, e.at.fail(unsupportedLanguage, "the operator '"+e.op+"' is not supported")
	}
	return bound{kind: kindBool, konst: konst, eval: func(row []any) any {
		return test(l.eval(row), r.eval(row))
	}}, nil
}

// meets says which static types may meet in a comparison.
func meets(a, b kind) bool {
	if a == b || a == kindDynamic || b == kindDynamic || a == kindUnknown || b == kindUnknown {
		return true
	}
	numeric := func(k kind) bool { return k == kindLong || k == kindReal }
	return numeric(a) && numeric(b) || (a == kindBool && numeric(b) || numeric(a) && b == kindBool)
}

func (b *binder) regex(e binary, l, r bound) (bound, error) {
	if !r.konst {
		return bound{}, e.at.fail(semanticError, "the regular expression must be a constant")
	}
	re, err := compileRegex(text(r.eval(nil)))
	if err != nil {
		return bound{}, e.at.fail(semanticError, "this is no regular expression that RE2 reads: "+err.Error())
	}
	return bound{kind: kindBool, eval: func(row []any) any { return re.MatchString(text(l.eval(row))) }}, nil
}

func compileRegex(s string) (*regexp.Regexp, error) { return regexp.Compile(s) }

func (b *binder) between(e between) (bound, error) {
	parts, err := b.bindAll([]expr{e.x, e.lo, e.hi})
	if err != nil {
		return bound{}, err
	}
	return bound{kind: kindBool, eval: func(row []any) any {
		x, lo, hi := parts[0].eval(row), parts[1].eval(row), parts[2].eval(row)
		if d, ok := hi.(time.Duration); ok { // between (start .. 7d)
			if t, ok := lo.(time.Time); ok {
				hi = t.Add(d)
			}
		}
		above, ok1 := compare(x, lo)
		below, ok2 := compare(x, hi)
		if !ok1 || !ok2 {
			return nil
		}
		return (above >= 0 && below <= 0) != e.not
	}}, nil
}

func (b *binder) membership(e membership) (bound, error) {
	x, err := b.bind(e.x)
	if err != nil {
		return bound{}, err
	}
	list, err := b.members(e)
	if err != nil {
		return bound{}, err
	}
	if e.op == "has_any" || e.op == "has_all" {
		return bound{kind: kindBool, eval: func(row []any) any {
			s := strings.ToLower(text(x.eval(row)))
			return hasTerms(s, list.of(row), e.op == "has_all")
		}}, nil
	}
	fold := strings.HasSuffix(e.op, "~")
	not := strings.HasPrefix(e.op, "!")
	if set := textSet(x.kind, list, fold); set != nil {
		return bound{kind: kindBool, eval: func(row []any) any {
			s := text(x.eval(row))
			if fold {
				s = strings.ToLower(s)
			}
			return set[s] != not
		}}, nil
	}
	return bound{kind: kindBool, eval: func(row []any) any {
		v := plain(x.eval(row))
		for _, item := range list.of(row) {
			if fold && strings.EqualFold(text(v), text(item)) || !fold && equal(v, item) == true {
				return !not
			}
		}
		return not
	}}, nil
}

func hasTerms(s string, terms []any, all bool) bool {
	for _, t := range terms {
		if hasTerm(s, strings.ToLower(text(t))) != all {
			return !all
		}
	}
	return all
}

// members is the list of an in.
type members struct {
	of    func(row []any) []any
	fixed bool // the same for every row
}

// members makes the list of an in: dynamic arrays are taken as their elements,
// a table as its first column.
func (b *binder) members(e membership) (members, error) {
	if n, ok := loneName(e); ok {
		if l, isLet := b.m.lets[n.id]; isLet && l.table != nil {
			e.sub = &tabular{at: n.at, source: n.id}
		}
	}
	if e.sub != nil {
		rel, err := b.m.tabular(e.sub)
		if err != nil {
			return members{}, err
		}
		if len(rel.cols) == 0 {
			return members{}, e.at.fail(semanticError, "the query after '"+e.op+"' has no column")
		}
		var list []any
		for row := range rel.rows {
			if len(list) >= maxRows {
				return members{}, tooLarge()
			}
			list = append(list, row[0])
			if b.m.err != nil {
				break
			}
		}
		return members{of: func([]any) []any { return list }, fixed: true}, b.m.err
	}
	items, err := b.bindAll(e.list)
	if err != nil {
		return members{}, err
	}
	flatten := func(row []any) []any {
		list := make([]any, 0, len(items))
		for _, it := range items {
			v := plain(it.eval(row))
			if arr, ok := v.([]any); ok {
				list = append(list, arr...)
			} else {
				list = append(list, v)
			}
		}
		return list
	}
	for _, it := range items {
		if !it.konst {
			return members{of: flatten}, nil
		}
	}
	fixed := flatten(nil)
	return members{of: func([]any) []any { return fixed }, fixed: true}, nil
}

// textSet hashes a list that does not depend on the row, for a column of
// strings; nil when it does depend on it.
func textSet(k kind, list members, fold bool) map[string]bool {
	if k != kindString || !list.fixed {
		return nil
	}
	set := make(map[string]bool, len(list.of(nil)))
	for _, item := range list.of(nil) {
		s := text(item)
		if fold {
			s = strings.ToLower(s)
		}
		set[s] = true
	}
	return set
}

func loneName(e membership) (name, bool) {
	if len(e.list) != 1 {
		return name{}, false
	}
	n, ok := e.list[0].(name)
	return n, ok
}

func (b *binder) call(e call) (bound, error) {
	if _, ok := aggregates[e.fn]; ok {
		if b.agg == nil {
			return bound{}, e.at.fail(semanticError, "the aggregate "+e.fn+"() belongs into summarize")
		}
		return b.aggregate(e)
	}
	f, ok := functions[e.fn]
	if !ok {
		err := e.at.fail(semanticError, "there is no function named '"+e.fn+"'")
		err.Token = e.fn
		return bound{}, err
	}
	if len(e.args) < f.min || f.max >= 0 && len(e.args) > f.max {
		return bound{}, e.at.fail(semanticError, e.fn+"() does not take "+strconv.Itoa(len(e.args))+" arguments")
	}
	args, err := b.bindAll(e.args)
	if err != nil {
		return bound{}, err
	}
	k := f.kind
	if f.infer != nil {
		k = f.infer(args)
	}
	konst := !f.lazy
	for _, a := range args {
		konst = konst && a.konst
	}
	if f.special != nil {
		eval, err := f.special(b.m, e.at, args)
		return bound{kind: k, eval: eval, konst: konst}, err
	}
	return bound{kind: k, konst: konst, eval: func(row []any) any {
		values := make([]any, len(args))
		for i, a := range args {
			values[i] = plain(a.eval(row))
		}
		v := f.eval(values)
		b.m.bounded(v)
		return v
	}}, nil
}

// bounded fails the run when a value grows out of bounds.
func (m *machine) bounded(v any) {
	switch v := v.(type) {
	case string:
		if len(v) > maxStringBytes {
			m.fail(&Error{Code: queryExecutionFailed, Msg: "a string grows beyond 1 MiB"})
		}
	case []any, map[string]any:
		if weigh(v, maxValueNodes) <= 0 {
			m.fail(&Error{Code: queryExecutionFailed, Msg: "a dynamic value grows out of bounds"})
		}
	}
}
