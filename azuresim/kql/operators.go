package kql

import (
	"path"
	"slices"
	"strconv"
	"strings"
)

// operators reads what follows each operator's name.
var operators map[string]func(p *parser) (operator, error)

func init() {
	operators = map[string]func(p *parser) (operator, error){
		"where": parseWhere, "filter": parseWhere,
		"project": func(p *parser) (operator, error) { return p.columns("project") },
		"extend":  func(p *parser) (operator, error) { return p.columns("extend") },
		"distinct": func(p *parser) (operator, error) {
			if p.skip("*") {
				return distinct{}, nil
			}
			c, err := p.columns("distinct")
			if err != nil {
				return nil, err
			}
			return distinct{cols: c.list}, nil
		},
		"project-away":    func(p *parser) (operator, error) { return p.patterns("project-away") },
		"project-keep":    func(p *parser) (operator, error) { return p.patterns("project-keep") },
		"project-reorder": func(p *parser) (operator, error) { return p.patterns("project-reorder") },
		"project-rename":  parseRename,
		"order":           parseOrder, "sort": parseOrder,
		"take": parseTake, "limit": parseTake,
		"top":       parseTop,
		"count":     func(*parser) (operator, error) { return counting{}, nil },
		"summarize": parseSummarize,
		"join":      parseJoin,
		"mv-expand": func(p *parser) (operator, error) { return parseExpand(p) },
		"mvexpand":  func(p *parser) (operator, error) { return parseExpand(p) },
		"union":     parseUnion,
		"parse":     parseParse,
	}
}

// where keeps the rows whose condition is true; null is not.
type where struct{ cond expr }

func parseWhere(p *parser) (operator, error) {
	e, err := p.expr()
	return where{e}, err
}

func (o where) print(b *strings.Builder) {
	b.WriteString("where ")
	o.cond.print(b)
}

func (o where) apply(m *machine, in relation) (relation, error) {
	cond, err := (&binder{m: m, cols: in.cols}).bind(o.cond)
	if err != nil {
		return relation{}, err
	}
	if cond.kind != kindBool && cond.kind != kindDynamic {
		return relation{}, o.cond.where().fail(semanticError, "where needs a condition")
	}
	return relation{cols: in.cols, rows: func(yield func([]any) bool) {
		for row := range in.rows {
			if plain(cond.eval(row)) == true && !yield(row) || m.err != nil {
				return
			}
		}
	}}, nil
}

// assignment is name = expression; the name is derived when "".
type assignment struct {
	name string
	x    expr
}

func (a assignment) print(b *strings.Builder) {
	if a.name != "" {
		b.WriteString(quoteName(a.name) + " = ")
	}
	a.x.print(b)
}

func printAssignments(b *strings.Builder, list []assignment) {
	for i, a := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		a.print(b)
	}
}

func (p *parser) assignments() ([]assignment, error) {
	var list []assignment
	for {
		a, err := p.assignment()
		if err != nil {
			return nil, err
		}
		list = append(list, a)
		if !p.skip(",") {
			return list, nil
		}
	}
}

func (p *parser) assignment() (assignment, error) {
	start := p.at
	if id, err := p.name(); err == nil && p.is("=") {
		p.at++
		x, err := p.expr()
		return assignment{id, x}, err
	}
	p.at = start
	x, err := p.expr()
	return assignment{x: x}, err
}

// derived is the name that Kusto gives to an unnamed column: the path joined
// with underscores, also below a conversion; "" when there is none.
func derived(x expr) string {
	switch x := x.(type) {
	case name:
		return x.id
	case property:
		return joinName(derived(x.base), x.id)
	case index:
		if l, ok := x.key.(literal); ok {
			return joinName(derived(x.base), text(l.v))
		}
	case call:
		if functions[x.fn].named && len(x.args) > 0 {
			return derived(x.args[0])
		}
		if agg, ok := aggregates[x.fn]; ok {
			below := ""
			if len(x.args) > 0 {
				below = derived(x.args[0])
			}
			if agg.prefix == "" {
				return below
			}
			return agg.prefix + "_" + below
		}
	}
	return ""
}

func joinName(base, id string) string {
	if base == "" {
		return ""
	}
	return base + "_" + id
}

// namer hands out column names, numbering what would repeat.
type namer struct {
	used map[string]bool
	next int
}

func newNamer(cols ...column) *namer {
	n := &namer{used: map[string]bool{}}
	for _, c := range cols {
		n.used[c.name] = true
	}
	return n
}

func (n *namer) name(a assignment) string {
	id := a.name
	if id == "" {
		id = derived(a.x)
	}
	for id == "" {
		n.next++
		if c := "Column" + strconv.Itoa(n.next); !n.used[c] {
			id = c
		}
	}
	return n.unique(id)
}

func (n *namer) unique(id string) string {
	out := id
	for i := 1; n.used[out]; i++ {
		out = id + strconv.Itoa(i)
	}
	n.used[out] = true
	return out
}

// columns is project or extend.
type columns struct {
	op   string
	list []assignment
}

func (p *parser) columns(op string) (columns, error) {
	list, err := p.assignments()
	return columns{op, list}, err
}

func (o columns) print(b *strings.Builder) {
	b.WriteString(o.op + " ")
	printAssignments(b, o.list)
}

func (o columns) apply(m *machine, in relation) (relation, error) {
	b := &binder{m: m, cols: in.cols}
	var cols []column
	if o.op == "extend" {
		cols = slices.Clone(in.cols)
	}
	names := newNamer(cols...)
	evals := make([]bound, len(o.list))
	at := make([]int, len(o.list))
	for i, a := range o.list {
		x, err := b.bind(a.x)
		if err != nil {
			return relation{}, err
		}
		evals[i] = x
		if o.op == "extend" && a.name != "" {
			at[i] = slices.IndexFunc(cols, func(c column) bool { return c.name == a.name })
		} else {
			at[i] = -1
		}
		if at[i] < 0 {
			at[i] = len(cols)
			cols = append(cols, column{name: names.name(a)})
		}
		cols[at[i]].kind = x.kind
	}
	keep := 0
	if o.op == "extend" {
		keep = len(in.cols)
	}
	return relation{cols: cols, rows: func(yield func([]any) bool) {
		for row := range in.rows {
			out := make([]any, len(cols))
			copy(out, row[:keep])
			for i, x := range evals {
				out[at[i]] = plain(x.eval(row))
			}
			if m.err != nil || !yield(out) {
				return
			}
		}
	}}, nil
}

// patterns is project-away, project-keep or project-reorder: column names with
// wildcards.
type patterns struct {
	op   string
	at   place
	list []string
}

func (p *parser) patterns(op string) (operator, error) {
	o := patterns{op: op, at: p.place()}
	for {
		pattern := ""
		end := -1
		for t := p.peek(); t.kind == tokName || t.kind == tokLong || t.kind == tokPunct && t.text == "*"; t = p.peek() {
			if end >= 0 && t.start != end {
				break
			}
			pattern, end = pattern+t.text, t.end
			p.at++
		}
		if pattern == "" {
			id, err := p.name()
			if err != nil {
				return nil, err
			}
			pattern = id
		}
		o.list = append(o.list, pattern)
		if !p.skip(",") {
			return o, nil
		}
	}
}

func (o patterns) print(b *strings.Builder) {
	b.WriteString(o.op + " ")
	for i, s := range o.list {
		if i > 0 {
			b.WriteString(", ")
		}
		if strings.Contains(s, "*") {
			b.WriteString(s)
		} else {
			b.WriteString(quoteName(s))
		}
	}
}

func (o patterns) apply(_ *machine, in relation) (relation, error) {
	var listed []int
	for _, pattern := range o.list {
		found := false
		for i, c := range in.cols {
			if pattern == c.name || strings.Contains(pattern, "*") && wildcard(pattern, c.name) {
				found = true
				if !slices.Contains(listed, i) {
					listed = append(listed, i)
				}
			}
		}
		if !found && !strings.Contains(pattern, "*") {
			e := o.at.fail(semanticError, "'"+pattern+"' names no column here")
			e.Token = pattern
			return relation{}, e
		}
	}
	var keep []int
	switch o.op {
	case "project-reorder":
		keep = listed
		fallthrough
	case "project-away":
		for i := range in.cols {
			if !slices.Contains(listed, i) {
				keep = append(keep, i)
			}
		}
	default:
		keep = slices.Sorted(slices.Values(listed))
	}
	return pick(in, keep), nil
}

func wildcard(pattern, s string) bool {
	ok, err := path.Match(pattern, s)
	return ok && err == nil
}

func pick(in relation, keep []int) relation {
	cols := make([]column, len(keep))
	for i, k := range keep {
		cols[i] = in.cols[k]
	}
	return relation{cols: cols, rows: func(yield func([]any) bool) {
		for row := range in.rows {
			out := make([]any, len(keep))
			for i, k := range keep {
				out[i] = row[k]
			}
			if !yield(out) {
				return
			}
		}
	}}
}

// rename is project-rename new = old.
type rename struct {
	at       place
	new, old []string
}

func parseRename(p *parser) (operator, error) {
	o := rename{at: p.place()}
	for {
		n, err := p.name()
		if err != nil {
			return nil, err
		}
		if err := p.want("="); err != nil {
			return nil, err
		}
		old, err := p.name()
		if err != nil {
			return nil, err
		}
		o.new, o.old = append(o.new, n), append(o.old, old)
		if !p.skip(",") {
			return o, nil
		}
	}
}

func (o rename) print(b *strings.Builder) {
	b.WriteString("project-rename ")
	for i := range o.new {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(quoteName(o.new[i]) + " = " + quoteName(o.old[i]))
	}
}

func (o rename) apply(_ *machine, in relation) (relation, error) {
	cols := slices.Clone(in.cols)
	for i, old := range o.old {
		at := in.find(old)
		if at < 0 {
			e := o.at.fail(semanticError, "'"+old+"' names no column here")
			e.Token = old
			return relation{}, e
		}
		cols[at].name = o.new[i]
	}
	if i, twice := repeated(cols); twice {
		return relation{}, o.at.fail(semanticError, "'"+cols[i].name+"' would name two columns")
	}
	return relation{cols: cols, rows: in.rows}, nil
}

func repeated(cols []column) (int, bool) {
	seen := map[string]bool{}
	for i, c := range cols {
		if seen[c.name] {
			return i, true
		}
		seen[c.name] = true
	}
	return 0, false
}

// take passes the first rows.
type take struct{ n int }

func parseTake(p *parser) (operator, error) {
	n, err := p.count()
	return take{n}, err
}

func (o take) print(b *strings.Builder) { b.WriteString("take " + strconv.Itoa(o.n)) }

func (o take) apply(_ *machine, in relation) (relation, error) {
	return relation{cols: in.cols, rows: func(yield func([]any) bool) {
		if o.n <= 0 {
			return
		}
		n := 0
		for row := range in.rows {
			n++
			if !yield(row) || n >= o.n {
				return
			}
		}
	}}, nil
}

// counting is count: one row, one column.
type counting struct{}

func (counting) print(b *strings.Builder) { b.WriteString("count") }

func (counting) apply(_ *machine, in relation) (relation, error) {
	return relation{cols: []column{{"Count", kindLong}}, rows: func(yield func([]any) bool) {
		n := int64(0)
		for range in.rows {
			n++
		}
		yield([]any{n})
	}}, nil
}
