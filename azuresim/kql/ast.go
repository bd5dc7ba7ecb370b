package kql

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"
)

// Query is a parsed query.
type Query struct {
	// Now is what now() and ago() count from; zero is the time of Run.
	Now  time.Time
	lets []let
	body *tabular
}

type let struct {
	name   string
	scalar expr
	table  *tabular // when scalar is nil
}

// tabular is a source and the operators piped after it.
type tabular struct {
	at     place
	source string   // table or let name; "" when sub or union is the source
	sub    *tabular // a query in parentheses
	ops    []operator
}

type place struct{ line, col int }

func (p place) fail(code, msg string) *Error {
	return &Error{Line: p.line, Col: p.col, Code: code, Msg: msg}
}

// operator is one tabular operator. It prints itself in a form that parses to
// the same, and applies itself to a relation.
type operator interface {
	print(b *strings.Builder)
	apply(m *machine, in relation) (relation, error)
}

// expr is a scalar expression.
type expr interface {
	print(b *strings.Builder)
	where() place
}

type (
	literal struct {
		at   place
		kind kind
		v    any
	}
	name struct {
		at place
		id string
	}
	property struct {
		base expr
		id   string
	}
	index struct {
		base expr
		key  expr
	}
	call struct {
		at   place
		fn   string
		args []expr
	}
	binary struct {
		at   place
		op   string
		l, r expr
	}
	// logic is a chain of and, or of or: flat, so that a filter of a thousand
	// types is not a thousand levels deep.
	logic struct {
		op    string
		terms []expr
	}
	negative struct {
		at place
		x  expr
	}
	membership struct {
		at   place
		op   string // in, !in, in~, !in~, has_any, has_all
		x    expr
		list []expr
		sub  *tabular // when list is nil
	}
	between struct {
		at     place
		not    bool
		x      expr
		lo, hi expr
	}
	star struct{ at place }
)

func (e literal) where() place    { return e.at }
func (e name) where() place       { return e.at }
func (e property) where() place   { return e.base.where() }
func (e index) where() place      { return e.base.where() }
func (e call) where() place       { return e.at }
func (e binary) where() place     { return e.at }
func (e logic) where() place      { return e.terms[0].where() }
func (e negative) where() place   { return e.at }
func (e membership) where() place { return e.at }
func (e between) where() place    { return e.at }
func (e star) where() place       { return e.at }

// String prints the query in one canonical form, which parses to an equal
// query.
func (q *Query) String() string {
	var b strings.Builder
	for _, l := range q.lets {
		b.WriteString("let " + quoteName(l.name) + " = ")
		if l.scalar != nil {
			l.scalar.print(&b)
		} else {
			l.table.print(&b)
		}
		b.WriteString("; ")
	}
	q.body.print(&b)
	return b.String()
}

func (t *tabular) print(b *strings.Builder) {
	switch {
	case t.sub != nil:
		b.WriteByte('(')
		t.sub.print(b)
		b.WriteByte(')')
	default:
		b.WriteString(quoteName(t.source))
	}
	for _, op := range t.ops {
		b.WriteString(" | ")
		op.print(b)
	}
}

func quoteName(s string) string {
	plain := s != "" && nameStart(s[0]) && !reserved[strings.ToLower(s)]
	for i := range len(s) {
		plain = plain && namePart(s[i])
	}
	if plain {
		return s
	}
	return "[" + quoteString(s) + "]"
}

func quoteString(s string) string {
	var b strings.Builder
	b.WriteByte('\'')
	for _, r := range s {
		switch r {
		case '\\', '\'':
			b.WriteByte('\\')
			b.WriteRune(r)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		case 0:
			b.WriteString(`\0`)
		default:
			b.WriteRune(r)
		}
	}
	b.WriteByte('\'')
	return b.String()
}

func (e literal) print(b *strings.Builder) {
	switch v := e.v.(type) {
	case nil:
		b.WriteString(literalTypes[e.kind] + "(null)")
	case string:
		b.WriteString(quoteString(v))
	case int64:
		b.WriteString(strconv.FormatInt(v, 10))
	case float64:
		b.WriteString("real(" + strconv.FormatFloat(v, 'g', -1, 64) + ")")
	case bool:
		b.WriteString(strconv.FormatBool(v))
	case time.Time:
		b.WriteString("datetime(" + formatTime(v) + ")")
	case time.Duration:
		b.WriteString("time(" + formatTimespan(v) + ")")
	default:
		text, err := json.Marshal(v)
		if err != nil { // decoded from JSON: encodes again
			text = []byte("null")
		}
		b.WriteString("dynamic(" + string(text) + ")")
	}
}

func (e name) print(b *strings.Builder) { b.WriteString(quoteName(e.id)) }

func (e property) print(b *strings.Builder) {
	e.base.print(b)
	b.WriteString("[" + quoteString(e.id) + "]")
}

func (e index) print(b *strings.Builder) {
	e.base.print(b)
	b.WriteByte('[')
	e.key.print(b)
	b.WriteByte(']')
}

func (e call) print(b *strings.Builder) {
	b.WriteString(e.fn)
	printList(b, e.args)
}

func printList(b *strings.Builder, list []expr) {
	b.WriteByte('(')
	for i, a := range list {
		if i > 0 {
			b.WriteString(", ")
		}
		a.print(b)
	}
	b.WriteByte(')')
}

func (e binary) print(b *strings.Builder) {
	b.WriteByte('(')
	e.l.print(b)
	b.WriteString(" " + e.op + " ")
	e.r.print(b)
	b.WriteByte(')')
}

func (e logic) print(b *strings.Builder) {
	b.WriteByte('(')
	for i, t := range e.terms {
		if i > 0 {
			b.WriteString(" " + e.op + " ")
		}
		t.print(b)
	}
	b.WriteByte(')')
}

func (e negative) print(b *strings.Builder) {
	b.WriteString("(-")
	e.x.print(b)
	b.WriteByte(')')
}

func (e membership) print(b *strings.Builder) {
	b.WriteByte('(')
	e.x.print(b)
	b.WriteString(" " + e.op + " ")
	if e.sub != nil {
		b.WriteByte('(')
		e.sub.print(b)
		b.WriteByte(')')
	} else {
		printList(b, e.list)
	}
	b.WriteByte(')')
}

func (e between) print(b *strings.Builder) {
	b.WriteByte('(')
	e.x.print(b)
	if e.not {
		b.WriteString(" !between (")
	} else {
		b.WriteString(" between (")
	}
	e.lo.print(b)
	b.WriteString(" .. ")
	e.hi.print(b)
	b.WriteString("))")
}

func (e star) print(b *strings.Builder) { b.WriteByte('*') }
