package kql

import "strings"

// summarize groups by keys and folds each group. Groups come in the order of
// their first row.
type summarize struct {
	aggs []assignment
	keys []assignment
}

func parseSummarize(p *parser) (operator, error) {
	var o summarize
	var err error
	if !p.isWord("by") {
		if o.aggs, err = p.assignments(); err != nil {
			return nil, err
		}
	}
	if p.skipWord("by") {
		o.keys, err = p.assignments()
	}
	return o, err
}

func (o summarize) print(b *strings.Builder) {
	b.WriteString("summarize ")
	printAssignments(b, o.aggs)
	if len(o.keys) > 0 {
		if len(o.aggs) > 0 {
			b.WriteByte(' ')
		}
		b.WriteString("by ")
		printAssignments(b, o.keys)
	}
}

// outcome is one output column made of aggregate slots.
type outcome struct {
	x bound
	// peak is set for arg_max and arg_min, which fill several columns: position
	// in the row that the slot holds.
	peak, slot int
}

func (o summarize) apply(m *machine, in relation) (relation, error) {
	keys, cols, names, err := o.bindKeys(m, in)
	if err != nil {
		return relation{}, err
	}
	var aggs []*aggregate
	var outcomes []outcome
	b := &binder{m: m, cols: in.cols, agg: &aggs}
	for _, a := range o.aggs {
		if c, ok := a.x.(call); ok && strings.HasPrefix(c.fn, "arg_") && aggregates[c.fn].start != nil {
			more, out, err := bindPeak(b, in, a, c, names)
			if err != nil {
				return relation{}, err
			}
			cols, outcomes = append(cols, more...), append(outcomes, out...)
			continue
		}
		before := len(aggs)
		x, err := b.bind(a.x)
		if err != nil {
			return relation{}, err
		}
		if len(aggs) == before && !x.konst {
			return relation{}, a.x.where().fail(semanticError, "summarize needs an aggregate, such as count()")
		}
		cols = append(cols, column{names.name(a), x.kind})
		outcomes = append(outcomes, outcome{x: x, peak: -1})
	}
	return relation{cols: cols, rows: groupRows(m, in, keys, aggs, outcomes)}, nil
}

func (o summarize) bindKeys(m *machine, in relation) ([]bound, []column, *namer, error) {
	b := &binder{m: m, cols: in.cols}
	names := newNamer()
	var keys []bound
	var cols []column
	for _, k := range o.keys {
		x, err := b.bind(k.x)
		if err != nil {
			return nil, nil, nil, err
		}
		id := names.name(k)
		if x.kind == kindDynamic {
			e := k.x.where().fail(semanticError, "the group key '"+id+"' is dynamic; cast it, such as with tostring()")
			e.Token = id
			return nil, nil, nil, e
		}
		keys = append(keys, x)
		cols = append(cols, column{id, x.kind})
	}
	return keys, cols, names, nil
}

// bindPeak binds arg_max(x, a, b) or arg_max(x, *).
func bindPeak(b *binder, in relation, a assignment, c call, names *namer) ([]column, []outcome, error) {
	inner := &binder{m: b.m, cols: in.cols}
	agg := &aggregate{fn: aggregates[c.fn]}
	var cols []column
	for i, arg := range c.args {
		if _, ok := arg.(star); ok && i > 0 {
			for j, col := range in.cols {
				if names.used[col.name] {
					continue
				}
				agg.args = append(agg.args, bound{kind: col.kind, eval: func(row []any) any { return row[j] }})
				cols = append(cols, column{names.unique(col.name), col.kind})
			}
			continue
		}
		x, err := inner.bind(arg)
		if err != nil {
			return nil, nil, err
		}
		agg.args = append(agg.args, x)
		given := assignment{x: arg}
		if i == 0 {
			given.name = a.name
		}
		cols = append(cols, column{names.name(given), x.kind})
	}
	slot := len(*b.agg)
	*b.agg = append(*b.agg, agg)
	out := make([]outcome, len(cols))
	for i := range out {
		out[i] = outcome{peak: i, slot: slot}
	}
	return cols, out, nil
}

type group struct {
	keys []any
	accs []accumulator
}

func groupRows(m *machine, in relation, keys []bound, aggs []*aggregate, outcomes []outcome) func(func([]any) bool) {
	return func(yield func([]any) bool) {
		groups := map[string]*group{}
		var order []*group
		start := func(values []any) *group {
			g := &group{keys: values, accs: make([]accumulator, len(aggs))}
			for i, a := range aggs {
				g.accs[i] = a.fn.start(m)
			}
			order = append(order, g)
			return g
		}
		for row := range in.rows {
			values := make([]any, len(keys))
			for i, k := range keys {
				values[i] = plain(k.eval(row))
			}
			id := rowKey(values)
			g := groups[id]
			if g == nil {
				g = start(values)
				groups[id] = g
			}
			for i, a := range aggs {
				args := make([]any, len(a.args))
				for j, x := range a.args {
					args[j] = plain(x.eval(row))
				}
				g.accs[i].add(args)
			}
			if m.err != nil {
				return
			}
		}
		if len(order) == 0 && len(keys) == 0 { // no rows are one empty group
			start(nil)
		}
		for _, g := range order {
			if !yield(g.row(outcomes)) {
				return
			}
		}
	}
}

func (g *group) row(outcomes []outcome) []any {
	slots := make([]any, len(g.accs))
	for i, a := range g.accs {
		slots[i] = a.result()
	}
	row := append([]any{}, g.keys...)
	for _, o := range outcomes {
		if o.peak < 0 {
			row = append(row, plain(o.x.eval(slots)))
			continue
		}
		best, _ := slots[o.slot].([]any)
		if o.peak < len(best) {
			row = append(row, best[o.peak])
		} else {
			row = append(row, nil)
		}
	}
	return row
}
