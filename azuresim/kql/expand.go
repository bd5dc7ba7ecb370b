package kql

import (
	"slices"
	"strconv"
	"strings"
	"time"
)

// expand is mv-expand: one row for each element of an array, or each property
// of a bag. Several columns advance together. A null stays one row, an empty
// array is none.
// https://learn.microsoft.com/kusto/query/mv-expand-operator
type expand struct {
	index string // with_itemindex
	pairs bool   // kind=array: a bag's property as [name, value]
	cols  []expandColumn
	limit int
}

type expandColumn struct {
	assignment
	typ string // typeof(…)
}

func parseExpand(p *parser) (operator, error) {
	p.expand++
	o := expand{limit: defaultExpandRows}
	for (p.isWord("with_itemindex") || p.isWord("bagexpansion") || p.isWord("kind")) && p.ahead(1).text == "=" {
		hint := strings.ToLower(p.next().text)
		p.at++
		id, err := p.name()
		if err != nil {
			return nil, err
		}
		if hint == "with_itemindex" {
			o.index = id
		} else {
			o.pairs = strings.EqualFold(id, "array")
		}
	}
	for {
		a, err := p.assignment()
		if err != nil {
			return nil, err
		}
		c := expandColumn{assignment: a}
		if p.skipWord("to") {
			if !p.isWord("typeof") {
				return nil, p.unexpected("typeof")
			}
			p.at++
			if err := p.want("("); err != nil {
				return nil, err
			}
			t := p.next()
			k := strings.ToLower(t.text)
			if t.kind != tokName || literalKinds[k] == kindUnknown && k != "string" {
				p.at--
				return nil, p.unexpected("a type")
			}
			c.typ = k
			if err := p.want(")"); err != nil {
				return nil, err
			}
		}
		o.cols = append(o.cols, c)
		if !p.skip(",") {
			break
		}
	}
	if p.skipWord("limit") {
		n, err := p.count()
		if err != nil {
			return nil, err
		}
		if n > maxExpandRows {
			return nil, &Error{Code: tooManyExpansions, Token: "limit", Msg: "mv-expand makes at most " + strconv.Itoa(maxExpandRows) + " rows of one"}
		}
		o.limit = n
	}
	return o, nil
}

func (o expand) print(b *strings.Builder) {
	b.WriteString("mv-expand ")
	if o.pairs {
		b.WriteString("bagexpansion=array ")
	}
	if o.index != "" {
		b.WriteString("with_itemindex=" + quoteName(o.index) + " ")
	}
	for i, c := range o.cols {
		if i > 0 {
			b.WriteString(", ")
		}
		c.print(b)
		if c.typ != "" {
			b.WriteString(" to typeof(" + c.typ + ")")
		}
	}
	b.WriteString(" limit " + strconv.Itoa(o.limit))
}

func (o expand) apply(m *machine, in relation) (relation, error) {
	b := &binder{m: m, cols: in.cols}
	cols := slices.Clone(in.cols)
	names := newNamer(cols...)
	evals := make([]bound, len(o.cols))
	at := make([]int, len(o.cols))
	for i, c := range o.cols {
		x, err := b.bind(c.x)
		if err != nil {
			return relation{}, err
		}
		if x.kind != kindDynamic {
			return relation{}, c.x.where().fail(semanticError, "mv-expand needs a dynamic value")
		}
		evals[i] = x
		id := c.name
		if id == "" {
			id = derived(c.x)
		}
		at[i] = slices.IndexFunc(cols, func(d column) bool { return d.name == id })
		if at[i] < 0 {
			at[i] = len(cols)
			cols = append(cols, column{name: names.name(c.assignment)})
		}
		cols[at[i]].kind = kindDynamic
		if c.typ != "" {
			cols[at[i]].kind = typeKind(c.typ)
		}
	}
	if o.index != "" {
		cols = append(cols, column{names.unique(o.index), kindLong})
	}
	return relation{cols: cols, rows: func(yield func([]any) bool) {
		made := 0
		for row := range in.rows {
			lists := make([][]any, len(evals))
			n := 0
			for i, x := range evals {
				lists[i] = o.elements(plain(x.eval(row)))
				n = max(n, len(lists[i]))
			}
			for r := range min(n, o.limit) {
				out := make([]any, len(cols))
				copy(out, row)
				for i := range lists {
					out[at[i]] = nil
					if r < len(lists[i]) {
						out[at[i]] = decoded(lists[i][r])
					}
					if o.cols[i].typ != "" {
						out[at[i]] = cast(out[at[i]], cols[at[i]].kind)
					}
				}
				if o.index != "" {
					out[len(cols)-1] = int64(r)
				}
				if made++; made > maxRows {
					m.fail(tooLarge())
				}
				if m.err != nil || !yield(out) {
					return
				}
			}
		}
	}}, nil
}

func typeKind(typ string) kind {
	if typ == "string" {
		return kindString
	}
	return literalKinds[typ]
}

// cast keeps what is of the type and makes the rest null: mv-expand casts and
// does not convert.
func cast(v any, k kind) any {
	ok := false
	switch v.(type) {
	case string:
		ok = k == kindString
	case int64:
		ok = k == kindLong || k == kindReal
	case float64:
		ok = k == kindReal
	case bool:
		ok = k == kindBool
	case time.Time:
		ok = k == kindDatetime
	}
	switch {
	case ok || k == kindDynamic:
		return v
	case k == kindString:
		return text(v)
	}
	return nil
}

func (o expand) elements(v any) []any {
	switch v := v.(type) {
	case []any:
		return v
	case map[string]any:
		out := make([]any, 0, len(v))
		for _, k := range sortedKeys(v) {
			if o.pairs {
				out = append(out, []any{k, v[k]})
			} else {
				out = append(out, map[string]any{k: v[k]})
			}
		}
		return out
	default:
		return []any{v}
	}
}

// extraction is parse: it walks a text through literals and takes what stands
// between them. A row that does not match keeps empty columns.
// https://learn.microsoft.com/kusto/query/parse-operator
type extraction struct {
	x     expr
	regex bool // kind=regex: the literals are regular expressions
	at    place
	steps []parseStep
}

type parseStep struct {
	literal string
	name    string // "" with an empty literal is *
	typ     string
}

func parseParse(p *parser) (operator, error) {
	o := extraction{at: p.place()}
	if p.isWord("kind") && p.ahead(1).text == "=" {
		p.at += 2
		o.regex = p.skipWord("regex")
		if !o.regex && !p.skipWord("simple") {
			return nil, p.unexpected("simple or regex")
		}
	}
	var err error
	o.x, err = p.sum()
	if err != nil {
		return nil, err
	}
	if !p.skipWord("with") {
		return nil, p.unexpected("with")
	}
	for {
		switch t := p.peek(); {
		case t.kind == tokString:
			if t.str == "" {
				return nil, p.unexpected("a text that is not empty")
			}
			o.steps = append(o.steps, parseStep{literal: p.next().str})
		case p.skip("*"):
			o.steps = append(o.steps, parseStep{})
		case t.kind == tokName || p.is("["):
			id, err := p.name()
			if err != nil {
				return nil, err
			}
			s := parseStep{name: id}
			if p.skip(":") {
				s.typ = strings.ToLower(p.next().text)
				if literalKinds[s.typ] == kindUnknown && s.typ != "string" {
					p.at--
					return nil, p.unexpected("a type")
				}
			}
			o.steps = append(o.steps, s)
		default:
			if len(o.steps) == 0 {
				return nil, p.unexpected("a pattern")
			}
			return o, nil
		}
	}
}

func (o extraction) print(b *strings.Builder) {
	b.WriteString("parse ")
	if o.regex {
		b.WriteString("kind=regex ")
	}
	o.x.print(b)
	b.WriteString(" with")
	for _, s := range o.steps {
		b.WriteByte(' ')
		switch {
		case s.literal != "":
			b.WriteString(quoteString(s.literal))
		case s.name == "":
			b.WriteByte('*')
		default:
			b.WriteString(quoteName(s.name))
			if s.typ != "" {
				b.WriteString(":" + s.typ)
			}
		}
	}
}

func (o extraction) apply(m *machine, in relation) (relation, error) {
	x, err := (&binder{m: m, cols: in.cols}).bind(o.x)
	if err != nil {
		return relation{}, err
	}
	cols := slices.Clone(in.cols)
	at := make([]int, len(o.steps))
	for i, s := range o.steps {
		if s.name == "" {
			continue
		}
		k := kindString
		if s.typ != "" {
			k = typeKind(s.typ)
		}
		at[i] = slices.IndexFunc(cols, func(c column) bool { return c.name == s.name })
		if at[i] < 0 {
			at[i] = len(cols)
			cols = append(cols, column{s.name, k})
		}
		cols[at[i]].kind = k
	}
	match := o.match
	if o.regex {
		if match, err = o.compile(); err != nil {
			return relation{}, err
		}
	}
	return relation{cols: cols, rows: func(yield func([]any) bool) {
		for row := range in.rows {
			out := make([]any, len(cols))
			copy(out, row)
			values, ok := match(text(x.eval(row)))
			for i, s := range o.steps {
				if s.name == "" {
					continue
				}
				v := ""
				if ok {
					v = values[i]
				}
				out[at[i]] = convertText(v, cols[at[i]].kind)
			}
			if !yield(out) {
				return
			}
		}
	}}, nil
}

func convertText(s string, k kind) any {
	switch k {
	case kindLong:
		return toLong(s)
	case kindReal:
		return toReal(s)
	case kindBool:
		return toBool(s)
	case kindDatetime:
		return toDatetime(s)
	case kindTimespan:
		return toTimespan(s)
	case kindDynamic:
		return toDynamic(s)
	default:
		return s
	}
}

// compile joins the literals into one regular expression, which may begin
// anywhere in the text and must reach its end.
func (o extraction) compile() (func(string) ([]string, bool), error) {
	var b strings.Builder
	b.WriteString("(?s)")
	groups := make([]string, len(o.steps))
	for i, s := range o.steps {
		switch {
		case s.literal != "":
			b.WriteString("(?:" + s.literal + ")")
		case s.name == "":
			b.WriteString(".*?")
		default:
			groups[i] = "column" + strconv.Itoa(i)
			b.WriteString("(?P<" + groups[i] + ">.*?)")
		}
	}
	re, err := compileRegex(b.String() + "$")
	if err != nil {
		return nil, o.at.fail(semanticError, "this is no regular expression that RE2 reads: "+err.Error())
	}
	return func(s string) ([]string, bool) {
		found := re.FindStringSubmatch(s)
		if found == nil {
			return nil, false
		}
		values := make([]string, len(o.steps))
		for i, g := range groups {
			if g != "" {
				values[i] = found[re.SubexpIndex(g)]
			}
		}
		return values, true
	}, nil
}

// match gives the text taken by each step; a column and a * reach to the next
// literal, or to the end.
func (o extraction) match(s string) ([]string, bool) {
	values := make([]string, len(o.steps))
	for i, step := range o.steps {
		if step.literal != "" {
			rest, ok := strings.CutPrefix(s, step.literal)
			if !ok {
				return nil, false
			}
			s = rest
			continue
		}
		end := len(s)
		if i+1 < len(o.steps) && o.steps[i+1].literal != "" {
			if end = strings.Index(s, o.steps[i+1].literal); end < 0 {
				return nil, false
			}
		} else if i+1 < len(o.steps) { // followed by another column: it takes the rest
			end = 0
		}
		values[i], s = s[:end], s[end:]
	}
	return values, s == ""
}
