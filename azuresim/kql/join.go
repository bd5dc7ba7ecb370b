package kql

import (
	"slices"
	"strings"
)

// join matches rows by equal keys. Columns of the right side whose name is
// taken get a number: subscriptionId1.
// https://learn.microsoft.com/kusto/query/join-operator
type join struct {
	at    place
	kind  string
	right *tabular
	on    []joinKey
}

type joinKey struct {
	at          place
	left, right string
}

// joinKinds that Resource Graph supports.
var joinKinds = map[string]bool{"innerunique": true, "inner": true, "leftouter": true, "fullouter": true}

func parseJoin(p *parser) (operator, error) {
	p.joins++
	o := join{at: p.place(), kind: "innerunique"}
	for p.peek().kind == tokName && p.ahead(1).kind == tokPunct && p.ahead(1).text == "=" {
		hint := strings.ToLower(p.next().text)
		p.at++
		if hint != "kind" {
			return nil, &Error{
				Line: o.at.line, Col: o.at.col, Token: hint, Code: unsupportedLanguage,
				Msg: "join takes no '" + hint + "'",
			}
		}
		o.kind = strings.ToLower(p.next().text)
		if !joinKinds[o.kind] {
			return nil, &Error{
				Line: o.at.line, Col: o.at.col, Token: o.kind, Code: unsupportedLanguage,
				Msg: "the join kind '" + o.kind + "' is not supported",
			}
		}
	}
	var err error
	if p.is("(") {
		p.at++
		if o.right, err = p.tabular(true); err == nil {
			err = p.want(")")
		}
	} else {
		at := p.place()
		var id string
		id, err = p.name()
		o.right = &tabular{at: at, source: id}
	}
	if err != nil {
		return nil, err
	}
	if !p.skipWord("on") {
		return nil, p.unexpected("on")
	}
	o.on, err = p.joinKeys()
	return o, err
}

func (p *parser) joinKeys() ([]joinKey, error) {
	var keys []joinKey
	for {
		k := joinKey{at: p.place()}
		sides := map[string]string{}
		if p.isWord("$left") || p.isWord("$right") {
			for i := range 2 {
				side := strings.ToLower(p.next().text)
				if err := p.want("."); err != nil {
					return nil, err
				}
				id, err := p.name()
				if err != nil {
					return nil, err
				}
				sides[side] = id
				if i == 0 {
					if err := p.want("=="); err != nil {
						return nil, err
					}
				}
			}
			k.left, k.right = sides["$left"], sides["$right"]
			if k.left == "" || k.right == "" {
				return nil, k.at.fail(parserFailure, "a join condition names one column of $left and one of $right")
			}
		} else {
			id, err := p.name()
			if err != nil {
				return nil, err
			}
			k.left, k.right = id, id
		}
		keys = append(keys, k)
		if !p.skip(",") && !p.skipWord("and") {
			return keys, nil
		}
	}
}

func (o join) print(b *strings.Builder) {
	b.WriteString("join kind=" + o.kind + " (")
	o.right.print(b)
	b.WriteString(") on ")
	for i, k := range o.on {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString("$left." + quoteName(k.left) + " == $right." + quoteName(k.right))
	}
}

func (o join) apply(m *machine, in relation) (relation, error) {
	m.joined = true
	right, err := m.tabular(o.right)
	if err != nil {
		return relation{}, err
	}
	lk, rk := make([]int, len(o.on)), make([]int, len(o.on))
	for i, k := range o.on {
		if lk[i], err = joinColumn(in, k, k.left, "left"); err != nil {
			return relation{}, err
		}
		if rk[i], err = joinColumn(right, k, k.right, "right"); err != nil {
			return relation{}, err
		}
		if !meets(in.cols[lk[i]].kind, right.cols[rk[i]].kind) {
			return relation{}, k.at.fail(semanticError, "the join columns '"+k.left+"' and '"+k.right+"' differ in type")
		}
	}
	cols := slices.Clone(in.cols)
	names := newNamer(cols...)
	for _, c := range right.cols {
		cols = append(cols, column{names.unique(c.name), c.kind})
	}
	j := joiner{m: m, kind: o.kind, left: in, right: right, lk: lk, rk: rk}
	return relation{cols: cols, rows: j.rows}, nil
}

func joinColumn(r relation, k joinKey, id, side string) (int, error) {
	i := r.find(id)
	if i < 0 {
		e := k.at.fail(semanticError, "'"+id+"' names no column on the "+side+" of the join")
		e.Token = id
		return 0, e
	}
	if r.cols[i].kind == kindDynamic {
		e := k.at.fail(semanticError, "the join key '"+id+"' is dynamic; cast it, such as with tostring()")
		e.Token = id
		return 0, e
	}
	return i, nil
}

type joiner struct {
	m           *machine
	kind        string
	left, right relation
	lk, rk      []int
}

// key of a row; a null matches nothing.
func (j joiner) key(row []any, at []int) (string, bool) {
	var b strings.Builder
	for _, i := range at {
		v := plain(row[i])
		if v == nil {
			return "", false
		}
		groupKey(&b, v)
	}
	return b.String(), true
}

func (j joiner) rows(yield func([]any) bool) {
	byKey := map[string][]int{}
	var rights [][]any
	for row := range j.right.rows {
		if len(rights) >= maxRows {
			j.m.fail(tooLarge())
		}
		if j.m.err != nil {
			return
		}
		if k, ok := j.key(row, j.rk); ok {
			byKey[k] = append(byKey[k], len(rights))
		}
		rights = append(rights, row)
	}
	matched := make([]bool, len(rights))
	seen := map[string]bool{}
	made := 0
	emit := func(l, r []any) bool {
		if made++; made > maxRows {
			j.m.fail(tooLarge())
			return false
		}
		out := make([]any, len(j.left.cols)+len(j.right.cols))
		j.blank(out)
		copy(out, l)
		copy(out[len(j.left.cols):], r)
		return yield(out)
	}
	for row := range j.left.rows {
		k, ok := j.key(row, j.lk)
		if j.kind == "innerunique" {
			if !ok || seen[k] {
				continue
			}
			seen[k] = true
		}
		var hits []int
		if ok {
			hits = byKey[k]
		}
		for _, h := range hits {
			matched[h] = true
			if !emit(row, rights[h]) {
				return
			}
		}
		if len(hits) == 0 && (j.kind == "leftouter" || j.kind == "fullouter") && !emit(row, nil) {
			return
		}
	}
	if j.kind != "fullouter" {
		return
	}
	for i, row := range rights {
		if !matched[i] && !emit(nil, row) {
			return
		}
	}
}

// blank fills a row as an unmatched side has it: null, and "" for strings.
func (j joiner) blank(out []any) {
	for i, c := range slices.Concat(j.left.cols, j.right.cols) {
		if c.kind == kindString {
			out[i] = ""
		}
	}
}

// union appends tables; columns go by name.
type union struct {
	withSource string
	inner      bool
	legs       []*tabular
}

type unionHead struct {
	first *tabular
	rest  union
}

func parseUnion(p *parser) (operator, error) {
	var o union
	if err := p.unionOptions(&o); err != nil {
		return nil, err
	}
	for {
		leg, err := p.unionLeg()
		if err != nil {
			return nil, err
		}
		o.legs = append(o.legs, leg)
		if !p.skip(",") {
			return o, nil
		}
	}
}

// leadingUnion reads a query that starts with union A, B.
func (p *parser) leadingUnion() (unionHead, error) {
	p.at++
	op, err := parseUnion(p)
	if err != nil {
		return unionHead{}, err
	}
	u, _ := op.(union)
	first := u.legs[0]
	u.legs = u.legs[1:]
	if len(u.legs) == 0 && u.withSource == "" {
		return unionHead{}, p.unexpected("a second table")
	}
	p.unions--
	return unionHead{first, u}, nil
}

func (p *parser) unionOptions(o *union) error {
	for p.peek().kind == tokName && p.ahead(1).kind == tokPunct && p.ahead(1).text == "=" {
		hint := strings.ToLower(p.next().text)
		p.at++
		switch hint {
		case "withsource":
			id, err := p.name()
			if err != nil {
				return err
			}
			o.withSource = id
		case "kind":
			k := strings.ToLower(p.next().text)
			if k != "inner" && k != "outer" {
				return p.unexpected("inner or outer")
			}
			o.inner = k == "inner"
		default:
			return p.unexpected("kind or withsource")
		}
	}
	return nil
}

func (p *parser) unionLeg() (*tabular, error) {
	p.unions++
	if p.skip("(") {
		t, err := p.tabular(true)
		if err != nil {
			return nil, err
		}
		return t, p.want(")")
	}
	at := p.place()
	id, err := p.name()
	return &tabular{at: at, source: id}, err
}

func (o union) print(b *strings.Builder) {
	b.WriteString("union ")
	if o.inner {
		b.WriteString("kind=inner ")
	}
	if o.withSource != "" {
		b.WriteString("withsource=" + quoteName(o.withSource) + " ")
	}
	for i, l := range o.legs {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteByte('(')
		l.print(b)
		b.WriteByte(')')
	}
}

func legName(t *tabular, i int) string {
	for t.sub != nil {
		t = t.sub
	}
	if t.source != "" {
		return t.source
	}
	return "union_arg" + string(rune('0'+i%10))
}

func (o union) apply(m *machine, in relation) (relation, error) {
	legs := []relation{in}
	names := []string{in.source}
	for i, l := range o.legs {
		rel, err := m.tabular(l)
		if err != nil {
			return relation{}, err
		}
		legs, names = append(legs, rel), append(names, legName(l, i+1))
	}
	var cols []column
	if o.withSource != "" {
		cols = append(cols, column{o.withSource, kindString})
	}
	for _, leg := range legs {
		for _, c := range leg.cols {
			everywhere := !slices.ContainsFunc(legs, func(r relation) bool { return !slices.Contains(r.cols, c) })
			if !slices.ContainsFunc(cols, func(d column) bool { return d.name == c.name }) && (!o.inner || everywhere) {
				cols = append(cols, c)
			}
		}
	}
	return relation{cols: cols, rows: func(yield func([]any) bool) {
		for l, leg := range legs {
			at := make([]int, len(cols))
			for i, c := range cols {
				at[i] = leg.find(c.name)
			}
			for row := range leg.rows {
				out := make([]any, len(cols))
				for i, c := range cols {
					switch {
					case at[i] >= 0:
						out[i] = coerce(row[at[i]], c.kind)
					case o.withSource != "" && i == 0:
						out[i] = names[l]
					case c.kind == kindString:
						out[i] = ""
					}
				}
				if m.err != nil || !yield(out) {
					return
				}
			}
		}
	}}, nil
}
