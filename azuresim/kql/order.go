package kql

import (
	"slices"
	"strconv"
	"strings"
)

// sorting is order by; it also serves top.
type sorting struct{ keys []sortKey }

type sortKey struct {
	x         expr
	ascending bool
	nullsLast bool
}

func parseOrder(p *parser) (operator, error) {
	if !p.skipWord("by") {
		return nil, p.unexpected("by")
	}
	keys, err := p.sortKeys()
	return sorting{keys}, err
}

// sortKeys reads expressions with asc or desc (the default) and nulls first
// (the default of asc) or last (of desc).
// https://learn.microsoft.com/kusto/query/sort-operator
func (p *parser) sortKeys() ([]sortKey, error) {
	var keys []sortKey
	for {
		x, err := p.expr()
		if err != nil {
			return nil, err
		}
		k := sortKey{x: x, nullsLast: true}
		if p.skipWord("asc") {
			k.ascending, k.nullsLast = true, false
		} else {
			p.skipWord("desc")
		}
		if p.skipWord("nulls") {
			k.nullsLast = p.skipWord("last")
			if !k.nullsLast && !p.skipWord("first") {
				return nil, p.unexpected("first or last")
			}
		}
		keys = append(keys, k)
		if !p.skip(",") {
			return keys, nil
		}
	}
}

func (o sorting) print(b *strings.Builder) {
	b.WriteString("order by ")
	printKeys(b, o.keys)
}

func printKeys(b *strings.Builder, keys []sortKey) {
	for i, k := range keys {
		if i > 0 {
			b.WriteString(", ")
		}
		k.x.print(b)
		if k.ascending {
			b.WriteString(" asc")
		} else {
			b.WriteString(" desc")
		}
		if k.nullsLast {
			b.WriteString(" nulls last")
		} else {
			b.WriteString(" nulls first")
		}
	}
}

func (o sorting) apply(m *machine, in relation) (relation, error) {
	b := &binder{m: m, cols: in.cols}
	keys := make([]bound, len(o.keys))
	for i, k := range o.keys {
		x, err := b.bind(k.x)
		if err != nil {
			return relation{}, err
		}
		if x.kind == kindDynamic {
			return relation{}, k.x.where().fail(semanticError, "order by a dynamic value needs a cast, such as tostring()")
		}
		keys[i] = x
	}
	type keyed struct{ row, keys []any }
	return relation{cols: in.cols, rows: func(yield func([]any) bool) {
		var all []keyed
		for row := range in.rows {
			k := keyed{row: row, keys: make([]any, len(keys))}
			for i, x := range keys {
				k.keys[i] = plain(x.eval(row))
			}
			if all = append(all, k); len(all) > maxRows {
				m.fail(tooLarge())
			}
			if m.err != nil {
				return
			}
		}
		slices.SortStableFunc(all, func(a, b keyed) int {
			for i, k := range o.keys {
				if n := k.order(a.keys[i], b.keys[i]); n != 0 {
					return n
				}
			}
			return 0
		})
		for _, k := range all {
			if !yield(k.row) {
				return
			}
		}
	}}, nil
}

func (k sortKey) order(a, b any) int {
	if a == nil || b == nil {
		n := 0
		switch {
		case a == nil && b != nil:
			n = -1
		case a != nil:
			n = 1
		}
		if k.nullsLast {
			return -n
		}
		return n
	}
	n := sortOrder(a, b)
	if !k.ascending {
		return -n
	}
	return n
}

// sortOrder is total: values that have no order among them go by their kind.
func sortOrder(a, b any) int {
	if n, ok := compare(a, b); ok {
		return n
	}
	return strings.Compare(valueKey(a), valueKey(b))
}

// top is order by and take in one.
type top struct {
	n    int
	keys []sortKey
}

func parseTop(p *parser) (operator, error) {
	n, err := p.count()
	if err != nil {
		return nil, err
	}
	if !p.skipWord("by") {
		return nil, p.unexpected("by")
	}
	keys, err := p.sortKeys()
	return top{n, keys}, err
}

func (o top) print(b *strings.Builder) {
	b.WriteString("top " + strconv.Itoa(o.n) + " by ")
	printKeys(b, o.keys)
}

func (o top) apply(m *machine, in relation) (relation, error) {
	sorted, err := sorting{o.keys}.apply(m, in)
	if err != nil {
		return relation{}, err
	}
	return take{o.n}.apply(m, sorted)
}

// distinct keeps the first row of each kind; no columns is all columns.
type distinct struct{ cols []assignment }

func (o distinct) print(b *strings.Builder) {
	b.WriteString("distinct ")
	if o.cols == nil {
		b.WriteByte('*')
		return
	}
	printAssignments(b, o.cols)
}

func (o distinct) apply(m *machine, in relation) (relation, error) {
	if o.cols != nil {
		var err error
		if in, err = (columns{"project", o.cols}).apply(m, in); err != nil {
			return relation{}, err
		}
		for i, c := range in.cols {
			if c.kind == kindDynamic {
				return relation{}, o.cols[i].x.where().fail(semanticError, "distinct by a dynamic value needs a cast, such as tostring()")
			}
		}
	}
	return relation{cols: in.cols, rows: func(yield func([]any) bool) {
		seen := map[string]bool{}
		for row := range in.rows {
			k := rowKey(row)
			if seen[k] {
				continue
			}
			seen[k] = true
			if !yield(row) {
				return
			}
		}
	}}, nil
}

func rowKey(row []any) string {
	var b strings.Builder
	for _, v := range row {
		groupKey(&b, v)
	}
	return b.String()
}
