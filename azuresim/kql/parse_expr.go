package kql

import (
	"bytes"
	"encoding/json"
	"math"
	"strconv"
	"strings"
	"time"
)

// Precedence, loosest first: or, and, comparison (does not chain), + and -,
// * / %, sign, then properties and elements.

func (p *parser) expr() (expr, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	return p.chain("or", func() (expr, error) { return p.chain("and", p.comparison) })
}

func (p *parser) chain(op string, term func() (expr, error)) (expr, error) {
	first, err := term()
	if err != nil {
		return nil, err
	}
	terms := []expr{first}
	for p.skipWord(op) {
		e, err := term()
		if err != nil {
			return nil, err
		}
		terms = append(terms, e)
	}
	if len(terms) == 1 {
		return first, nil
	}
	return logic{op: op, terms: terms}, nil
}

var symbols = map[string]string{
	"==": "==", "!=": "!=", "<>": "!=", "=~": "=~", "!~": "!~",
	"<": "<", "<=": "<=", ">": ">", ">=": ">=",
}

// words are the string operators; those with a "!" before negate.
// https://learn.microsoft.com/kusto/query/datatypes-string-operators
var words = map[string]bool{
	"contains": true, "contains_cs": true, "startswith": true, "startswith_cs": true,
	"endswith": true, "endswith_cs": true, "has": true, "has_cs": true,
	"hasprefix": true, "hasprefix_cs": true, "hassuffix": true, "hassuffix_cs": true,
}

func (p *parser) comparison() (expr, error) {
	l, err := p.sum()
	if err != nil {
		return nil, err
	}
	at := p.place()
	t := p.peek()
	if t.kind != tokName && t.kind != tokPunct {
		return l, nil
	}
	op := strings.ToLower(t.text)
	if op == "notcontains" { // an old spelling that shared queries still use
		op = "!contains"
	}
	bare := strings.TrimPrefix(op, "!")
	switch {
	case t.kind == tokPunct && symbols[op] != "":
		op = symbols[op]
	case words[bare]:
	case bare == "in" || bare == "in~" || op == "has_any" || op == "has_all":
		p.at++
		return p.membership(at, op, l)
	case bare == "between":
		p.at++
		return p.between(at, op, l)
	case op == "matches":
		p.at++
		if !p.isWord("regex") {
			return nil, p.unexpected("regex")
		}
		op = "matches regex"
	default:
		return l, nil
	}
	p.at++
	r, err := p.sum()
	if err != nil {
		return nil, err
	}
	return binary{at: at, op: op, l: l, r: r}, nil
}

// membership reads the list after in: values, one dynamic array, or a query of
// one column.
func (p *parser) membership(at place, op string, x expr) (expr, error) {
	if err := p.want("("); err != nil {
		return nil, err
	}
	if p.peek().kind == tokName && p.ahead(1).kind == tokPunct && p.ahead(1).text == "|" || p.tableCall() {
		sub, err := p.tabular(false)
		if err != nil {
			return nil, err
		}
		return membership{at: at, op: op, x: x, sub: sub}, p.want(")")
	}
	var list []expr
	for {
		e, err := p.expr()
		if err != nil {
			return nil, err
		}
		list = append(list, e)
		if !p.skip(",") {
			return membership{at: at, op: op, x: x, list: list}, p.want(")")
		}
	}
}

// tableCall sees a query in a second pair of parentheses: in ((T | project x)).
func (p *parser) tableCall() bool {
	n := 0
	for p.ahead(n).kind == tokPunct && p.ahead(n).text == "(" {
		n++
	}
	after := p.ahead(n + 1)
	return n > 0 && p.ahead(n).kind == tokName && after.kind == tokPunct && after.text == "|"
}

func (p *parser) between(at place, op string, x expr) (expr, error) {
	if err := p.want("("); err != nil {
		return nil, err
	}
	lo, err := p.sum()
	if err != nil {
		return nil, err
	}
	if err := p.want(".."); err != nil {
		return nil, err
	}
	hi, err := p.sum()
	if err != nil {
		return nil, err
	}
	return between{at: at, not: op == "!between", x: x, lo: lo, hi: hi}, p.want(")")
}

func (p *parser) sum() (expr, error) { return p.leftAssociative(p.product, "+", "-") }

func (p *parser) product() (expr, error) { return p.leftAssociative(p.unary, "*", "/", "%") }

// maxChain bounds a+b+c…, which is a tree as deep as it is long.
const maxChain = 1000

func (p *parser) leftAssociative(operand func() (expr, error), ops ...string) (expr, error) {
	l, err := operand()
	if err != nil {
		return nil, err
	}
	for range maxChain {
		op := ""
		for _, o := range ops {
			if p.is(o) {
				op = o
			}
		}
		if op == "" {
			return l, nil
		}
		at := p.place()
		p.at++
		r, err := operand()
		if err != nil {
			return nil, err
		}
		l = binary{at: at, op: op, l: l, r: r}
	}
	return nil, p.place().fail(parserFailure, "the query is nested too deeply")
}

func (p *parser) unary() (expr, error) {
	at := p.place()
	switch {
	case p.skip("-"):
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer p.leave()
		x, err := p.unary()
		return negative{at: at, x: x}, err
	case p.skip("+"):
		if err := p.enter(); err != nil {
			return nil, err
		}
		defer p.leave()
		return p.unary()
	default:
		return p.postfix()
	}
}

func (p *parser) postfix() (expr, error) {
	e, err := p.primary()
	if err != nil {
		return nil, err
	}
	for range maxChain {
		switch {
		case p.is("."):
			p.at++
			if p.is("[") { // properties.['odata.type']
				continue
			}
			if p.peek().kind != tokName {
				return nil, p.unexpected("a property name")
			}
			e = property{base: e, id: p.next().text}
		case p.is("["):
			p.at++
			if p.peek().kind == tokString && p.ahead(1).kind == tokPunct && p.ahead(1).text == "]" {
				e = property{base: e, id: p.next().str}
				p.at++
				continue
			}
			key, err := p.expr()
			if err != nil {
				return nil, err
			}
			if err := p.want("]"); err != nil {
				return nil, err
			}
			e = index{base: e, key: key}
		default:
			return e, nil
		}
	}
	return nil, p.place().fail(parserFailure, "the query is nested too deeply")
}

func (p *parser) primary() (expr, error) {
	at := p.place()
	t := p.peek()
	switch t.kind {
	case tokString:
		p.at++
		s := t.str
		for p.peek().kind == tokString { // adjacent literals are one, as in C
			s += p.next().str
		}
		return literal{at: at, kind: kindString, v: s}, nil
	case tokLong:
		p.at++
		n, err := strconv.ParseInt(t.text, 10, 64)
		if err != nil {
			return nil, at.fail(parserFailure, "the number "+t.text+" is out of range")
		}
		return literal{at: at, kind: kindLong, v: n}, nil
	case tokReal:
		p.at++
		f, err := strconv.ParseFloat(t.text, 64)
		if err != nil {
			return nil, at.fail(parserFailure, "the number "+t.text+" is out of range")
		}
		return literal{at: at, kind: kindReal, v: f}, nil
	case tokTimespan:
		p.at++
		return literal{at: at, kind: kindTimespan, v: t.dur}, nil
	case tokPunct:
		switch t.text {
		case "(":
			p.at++
			e, err := p.expr()
			if err != nil {
				return nil, err
			}
			return e, p.want(")")
		case "*":
			p.at++
			return star{at: at}, nil
		case "[":
			id, err := p.name()
			return name{at: at, id: id}, err
		}
	case tokName:
		return p.named(at)
	case tokEOF, tokRaw:
	}
	return nil, p.unexpected("an expression")
}

func (p *parser) named(at place) (expr, error) {
	id := p.peek().text
	lower := strings.ToLower(id)
	called := p.ahead(1).kind == tokRaw || p.ahead(1).kind == tokPunct && p.ahead(1).text == "("
	switch {
	case !called && (lower == "true" || lower == "false"):
		p.at++
		return literal{at: at, kind: kindBool, v: lower == "true"}, nil
	case called && (literalKinds[lower] != kindUnknown || lower == "typeof"):
		p.at++
		return p.typedLiteral(at, lower)
	case called && lower != "in":
		p.at++
		args, err := p.args()
		return call{at: at, fn: lower, args: args}, err
	}
	n, err := p.name()
	return name{at: at, id: n}, err
}

func (p *parser) args() ([]expr, error) {
	if err := p.want("("); err != nil {
		return nil, err
	}
	if p.skip(")") {
		return nil, nil
	}
	var list []expr
	for {
		e, err := p.expr()
		if err != nil {
			return nil, err
		}
		list = append(list, e)
		if !p.skip(",") {
			return list, p.want(")")
		}
	}
}

// typedLiteral reads datetime(2024-01-31), dynamic([1, "a"]), time(1d),
// int(7), bool(null) …: the text between the parentheses is no expression.
func (p *parser) typedLiteral(at place, typ string) (expr, error) {
	raw, err := p.raw()
	if err != nil {
		return nil, err
	}
	text := strings.TrimSpace(raw)
	k := literalKinds[typ]
	bad := func() (expr, error) {
		return nil, at.fail(parserFailure, "this is no "+typ+" literal")
	}
	if text == "null" && k != kindUnknown {
		return literal{at: at, kind: k}, nil
	}
	switch k {
	case kindDynamic:
		dec := json.NewDecoder(bytes.NewReader([]byte(requote(text))))
		dec.UseNumber()
		var v any
		if err := dec.Decode(&v); err != nil || dec.More() {
			return bad()
		}
		return literal{at: at, kind: kindDynamic, v: plain(v)}, nil
	case kindDatetime:
		v, ok := parseTime(strings.Trim(text, `'"`))
		if !ok {
			return bad()
		}
		return literal{at: at, kind: k, v: v}, nil
	case kindTimespan:
		v, ok := parseTimespan(strings.Trim(text, `'"`))
		if !ok {
			return bad()
		}
		return literal{at: at, kind: k, v: v}, nil
	case kindLong:
		n, err := strconv.ParseInt(text, 0, 64)
		if err != nil {
			return bad()
		}
		return literal{at: at, kind: k, v: n}, nil
	case kindReal:
		f, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
			return bad()
		}
		return literal{at: at, kind: k, v: f}, nil
	case kindBool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return bad()
		}
		return literal{at: at, kind: k, v: b}, nil
	case kindString:
		return literal{at: at, kind: k, v: strings.Trim(text, `'"`)}, nil
	case kindUnknown:
		return literal{at: at, kind: kindString, v: text}, nil // typeof(string)
	}
	return bad()
}

// requote turns the single quotes that Kusto allows in dynamic literals into
// JSON's.
func requote(s string) string {
	var b strings.Builder
	var quote byte
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case quote == 0 && (c == '\'' || c == '"'):
			quote = c
			b.WriteByte('"')
		case quote != 0 && c == '\\' && i+1 < len(s):
			i++
			if s[i] == '\'' {
				b.WriteByte('\'')
			} else {
				b.WriteString(s[i-1 : i+1])
			}
		case quote != 0 && c == quote:
			quote = 0
			b.WriteByte('"')
		case quote == '\'' && c == '"':
			b.WriteString(`\"`)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

// raw cuts out what stands between the parentheses that come next.
func (p *parser) raw() (string, error) {
	if p.peek().kind == tokRaw {
		return p.next().str, nil
	}
	if err := p.want("("); err != nil {
		return "", err
	}
	start := p.toks[p.at-1].end
	depth := 1
	for {
		t := p.next()
		switch {
		case t.kind == tokEOF:
			return "", p.unexpected("')'")
		case t.kind == tokPunct && t.text == "(":
			depth++
		case t.kind == tokPunct && t.text == ")":
			depth--
		}
		if depth == 0 {
			return p.src[start:t.start], nil
		}
	}
}

var timeForms = []string{
	time.RFC3339Nano, "2006-01-02T15:04:05.999999999", "2006-01-02T15:04:05", "2006-01-02T15:04",
	"2006-01-02 15:04:05.999999999Z07:00", "2006-01-02 15:04:05.999999999", "2006-01-02 15:04", "2006-01-02",
	"1/2/2006 3:04:05 PM", "1/2/2006", time.RFC1123, "2006-01-02T15:04:05.999999999-0700",
}

func parseTime(s string) (time.Time, bool) {
	s = strings.TrimSpace(s)
	for _, form := range timeForms {
		if t, err := time.Parse(form, s); err == nil && t.Year() > 0 && t.Year() < 10000 {
			return t.UTC(), true
		}
	}
	return time.Time{}, false
}
