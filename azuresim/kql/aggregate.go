package kql

import (
	"math"
	"slices"
	"strings"
)

// aggregate is one aggregate of a summarize: what it folds and the slot of the
// group's row that it fills.
type aggregate struct {
	fn   aggregator
	args []bound
}

// aggregator starts an accumulator for one group.
// https://learn.microsoft.com/kusto/query/aggregation-functions
type aggregator struct {
	min, max int
	kind     kind // 0: of the first argument
	prefix   string
	start    func(m *machine) accumulator
}

// accumulator takes a row's argument values; result ends the group.
type accumulator interface {
	add(v []any)
	result() any
}

var aggregates map[string]aggregator

func init() {
	aggregates = map[string]aggregator{
		"count":   {0, 0, kindLong, "count", func(*machine) accumulator { return &counter{} }},
		"countif": {1, 1, kindLong, "countif", func(*machine) accumulator { return &counter{conditional: true} }},
		"dcount":  {1, 2, kindLong, "dcount", func(*machine) accumulator { return &distincter{} }},
		"dcountif": {2, 3, kindLong, "dcountif", func(*machine) accumulator {
			return &distincter{conditional: true}
		}},
		"count_distinct": {1, 1, kindLong, "count_distinct", func(*machine) accumulator { return &distincter{} }},
		"sum":            {1, 1, 0, "sum", func(*machine) accumulator { return &summer{} }},
		"sumif":          {2, 2, 0, "sumif", func(*machine) accumulator { return &summer{conditional: true} }},
		"avg":            {1, 1, kindReal, "avg", func(*machine) accumulator { return &summer{mean: true} }},
		"min":            {1, 1, 0, "min", func(*machine) accumulator { return &extremum{sign: -1} }},
		"max":            {1, 1, 0, "max", func(*machine) accumulator { return &extremum{sign: 1} }},
		"any":            {1, 1, 0, "any", func(*machine) accumulator { return &taker{} }},
		"take_any":       {1, 1, 0, "", func(*machine) accumulator { return &taker{} }},
		"make_list":      {1, 2, kindDynamic, "list", func(m *machine) accumulator { return &lister{m: m} }},
		"make_list_if": {2, 3, kindDynamic, "list", func(m *machine) accumulator {
			return &lister{m: m, conditional: true}
		}},
		"make_set": {1, 2, kindDynamic, "set", func(m *machine) accumulator { return &lister{m: m, seen: map[string]bool{}} }},
		"make_set_if": {2, 3, kindDynamic, "set", func(m *machine) accumulator {
			return &lister{m: m, seen: map[string]bool{}, conditional: true}
		}},
		"make_bag": {1, 2, kindDynamic, "bag", func(m *machine) accumulator { return &bagger{m: m, bag: map[string]any{}} }},
		"arg_max":  {2, 64, 0, "", func(*machine) accumulator { return &argument{sign: 1} }},
		"arg_min":  {2, 64, 0, "", func(*machine) accumulator { return &argument{sign: -1} }},
	}
	aggregates["makelist"] = aggregates["make_list"]
	aggregates["makeset"] = aggregates["make_set"]
}

type counter struct {
	conditional bool
	n           int64
}

func (c *counter) add(v []any) {
	if !c.conditional || toBool(v[0]) == true {
		c.n++
	}
}
func (c *counter) result() any { return c.n }

// distincter counts exactly; Kusto's dcount estimates, and is exact for the
// few values that a test holds.
type distincter struct {
	conditional bool
	seen        map[string]bool
}

func (d *distincter) add(v []any) {
	if v[0] == nil || d.conditional && toBool(v[1]) != true {
		return
	}
	if d.seen == nil {
		d.seen = map[string]bool{}
	}
	d.seen[valueKey(v[0])] = true
}
func (d *distincter) result() any { return int64(len(d.seen)) }

type summer struct {
	conditional, mean bool
	total             any
	n                 int64
}

func (s *summer) add(v []any) {
	if _, ok := number(v[0]); !ok || s.conditional && toBool(v[1]) != true {
		return
	}
	s.n++
	if s.total == nil {
		s.total = int64(0)
	}
	s.total = arithmetic("+", s.total, v[0])
}

func (s *summer) result() any {
	if s.mean {
		f, ok := number(s.total)
		if s.n == 0 || !ok {
			return nil
		}
		return f / float64(s.n)
	}
	if s.n == 0 {
		return int64(0)
	}
	return s.total
}

type extremum struct {
	sign int
	best any
}

func (e *extremum) add(v []any) {
	if v[0] == nil {
		return
	}
	if order, ok := compare(v[0], e.best); e.best == nil || ok && order*e.sign > 0 {
		e.best = v[0]
	}
}
func (e *extremum) result() any { return e.best }

type taker struct{ v any }

func (t *taker) add(v []any) {
	if isEmpty(t.v) {
		t.v = v[0]
	}
}
func (t *taker) result() any { return t.v }

// lister is make_list, and make_set when seen is there. Nulls are left out.
type lister struct {
	m           *machine
	conditional bool
	seen        map[string]bool
	list        []any
}

func (l *lister) add(v []any) {
	limit := int64(math.MaxInt64)
	rest := v[1:]
	if l.conditional {
		if toBool(v[1]) != true {
			return
		}
		rest = v[2:]
	}
	if len(rest) > 0 {
		if n, ok := rest[0].(int64); ok {
			limit = n
		}
	}
	if v[0] == nil || int64(len(l.list)) >= limit {
		return
	}
	if l.seen != nil {
		k := valueKey(v[0])
		if l.seen[k] {
			return
		}
		l.seen[k] = true
	}
	l.list = append(l.list, v[0])
}

func (l *lister) result() any {
	if l.list == nil {
		return []any{}
	}
	l.m.bounded(l.list)
	return l.list
}

type bagger struct {
	m   *machine
	bag map[string]any
}

func (b *bagger) add(v []any) {
	bag, _ := v[0].(map[string]any)
	for k, e := range bag {
		if _, has := b.bag[k]; !has {
			b.bag[k] = e
		}
	}
}

func (b *bagger) result() any {
	b.m.bounded(b.bag)
	return b.bag
}

// argument is arg_max and arg_min: the row where the first argument peaks.
type argument struct {
	sign int
	row  []any
}

func (a *argument) add(v []any) {
	if a.row == nil {
		a.row = slices.Clone(v)
		return
	}
	if v[0] == nil {
		return
	}
	if order, ok := compare(v[0], a.row[0]); a.row[0] == nil || ok && order*a.sign > 0 {
		a.row = slices.Clone(v)
	}
}
func (a *argument) result() any { return a.row }

// aggregate binds a call to an aggregate inside summarize and answers with its
// slot.
func (b *binder) aggregate(e call) (bound, error) {
	fn := aggregates[e.fn]
	if len(e.args) < fn.min || len(e.args) > fn.max {
		return bound{}, e.at.fail(semanticError, e.fn+"() takes other arguments")
	}
	if strings.HasPrefix(e.fn, "arg_") {
		return bound{}, e.at.fail(semanticError, e.fn+"() stands alone in summarize")
	}
	inner := &binder{m: b.m, cols: b.cols}
	args, err := inner.bindAll(e.args)
	if err != nil {
		return bound{}, err
	}
	k := fn.kind
	if k == kindUnknown {
		k = args[0].kind
	}
	slot := len(*b.agg)
	*b.agg = append(*b.agg, &aggregate{fn: fn, args: args})
	return bound{kind: k, eval: func(row []any) any { return row[slot] }}, nil
}
