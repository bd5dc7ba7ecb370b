package kql

import (
	"strconv"
	"strings"
)

// Codes that Resource Graph's error "details" carry.
const (
	parserFailure        = "ParserFailure"
	unsupportedLanguage  = "InvalidQueryLanguage"
	semanticError        = "SemanticError"
	tooManyJoins         = "DisallowedMaxNumberOfJoins"
	tooManyRemoteTables  = "DisallowedMaxNumberOfRemoteTables"
	tooManyExpansions    = "DisallowedMaxNumberOfMvExpands"
	tooManyUnions        = "DisallowedMaxNumberOfUnions"
	unknownTableCode     = "InvalidTableName"
	queryExecutionFailed = "QueryExecutionFailed"
)

// Limits of one query:
// https://learn.microsoft.com/azure/governance/resource-graph/concepts/query-language#supported-tabulartop-level-operators
const (
	maxJoins      = 3
	maxUnions     = 3
	maxExpansions = 3
	// maxExpandRows and defaultExpandRows are what one mv-expand makes of one row.
	maxExpandRows     = 400
	defaultExpandRows = 128
)

// maxDepth of brackets and subqueries; Kusto refuses deep queries too, without
// a published figure.
const maxDepth = 100

// reserved words start an operator or an operand and can't be a bare name.
var reserved = map[string]bool{
	"by": true, "and": true, "or": true, "in": true, "let": true, "on": true,
	"true": true, "false": true, "null": true, "dynamic": true, "datetime": true,
	"typeof": true, "has": true, "contains": true, "between": true, "matches": true,
	"asc": true, "desc": true, "nulls": true, "union": true, "not": false,
	"startswith": true, "endswith": true, "has_any": true, "has_all": true,
	"notcontains": true, "contains_cs": true, "has_cs": true, "to": true,
	"startswith_cs": true, "endswith_cs": true, "hasprefix": true, "hassuffix": true,
}

type parser struct {
	src    string
	toks   []token
	at     int
	depth  int
	joins  int
	unions int
	expand int
}

// Parse reads a query. Its error is an [*Error].
func Parse(query string) (*Query, error) {
	toks, err := lex(query)
	if err != nil {
		return nil, err
	}
	p := &parser{src: query, toks: toks}
	q := &Query{}
	for {
		for p.is(";") {
			p.at++
		}
		if !p.isWord("let") {
			break
		}
		l, err := p.let(q)
		if err != nil {
			return nil, err
		}
		q.lets = append(q.lets, l)
		if !p.is(";") {
			return nil, p.unexpected("a semicolon after let")
		}
	}
	q.body, err = p.tabular(true)
	if err != nil {
		return nil, err
	}
	for p.is(";") {
		p.at++
	}
	if p.peek().kind != tokEOF {
		return nil, p.unexpected("the end of the query")
	}
	return q, checkLimits(p)
}

func checkLimits(p *parser) error {
	switch {
	case p.joins > maxJoins:
		return &Error{Code: tooManyJoins, Token: "join", Msg: "a query may hold " + strconv.Itoa(maxJoins) + " joins"}
	case p.unions > maxUnions:
		return &Error{Code: tooManyUnions, Token: "union", Msg: "a query may hold " + strconv.Itoa(maxUnions) + " union legs"}
	case p.expand > maxExpansions:
		return &Error{Code: tooManyExpansions, Token: "mv-expand", Msg: "a query may hold " + strconv.Itoa(maxExpansions) + " mv-expand operators"}
	}
	return nil
}

func (p *parser) peek() token { return p.toks[p.at] }

func (p *parser) ahead(n int) token {
	if p.at+n >= len(p.toks) {
		return p.toks[len(p.toks)-1]
	}
	return p.toks[p.at+n]
}

func (p *parser) next() token {
	t := p.toks[p.at]
	if t.kind != tokEOF {
		p.at++
	}
	return t
}

func (p *parser) place() place { return place{p.peek().line, p.peek().col} }

func (p *parser) is(punct string) bool {
	return p.peek().kind == tokPunct && p.peek().text == punct
}

// isWord compares keywords, which Kusto spells in lower case; people don't.
func (p *parser) isWord(word string) bool {
	return p.peek().kind == tokName && strings.EqualFold(p.peek().text, word)
}

func (p *parser) skip(punct string) bool {
	if p.is(punct) {
		p.at++
		return true
	}
	return false
}

func (p *parser) skipWord(word string) bool {
	if p.isWord(word) {
		p.at++
		return true
	}
	return false
}

func (p *parser) want(punct string) error {
	if !p.skip(punct) {
		return p.unexpected("'" + punct + "'")
	}
	return nil
}

func (p *parser) unexpected(wanted string) error {
	t := p.peek()
	text := t.text
	if t.kind == tokEOF {
		text = "<EOF>"
	}
	return &Error{
		Line: t.line, Col: t.col, Token: text, Code: parserFailure,
		Msg: "'" + text + "' stands where " + wanted + " is expected",
	}
}

func (p *parser) enter() error {
	p.depth++
	if p.depth > maxDepth {
		return p.place().fail(parserFailure, "the query is nested too deeply")
	}
	return nil
}

func (p *parser) leave() { p.depth-- }

func (p *parser) let(q *Query) (let, error) {
	p.at++
	id, err := p.name()
	if err != nil {
		return let{}, err
	}
	for _, l := range q.lets {
		if l.name == id {
			return let{}, p.place().fail(semanticError, "let defines "+id+" twice")
		}
	}
	if err := p.want("="); err != nil {
		return let{}, err
	}
	if p.tableAhead(q) {
		t, err := p.tabular(true)
		return let{name: id, table: t}, err
	}
	e, err := p.expr()
	return let{name: id, scalar: e}, err
}

// tableAhead decides whether a let binds a table: its value is a name that is
// followed by a pipe or ends the statement (and is no scalar defined before),
// or such a thing in parentheses, or starts with a tabular operator.
func (p *parser) tableAhead(q *Query) bool {
	n := 0
	for p.ahead(n).kind == tokPunct && p.ahead(n).text == "(" {
		n++
	}
	t := p.ahead(n)
	if t.kind != tokName {
		return false
	}
	after := p.ahead(n + 1)
	switch {
	case after.kind == tokPunct && after.text == "|":
		return true
	case after.kind == tokPunct && after.text == ";":
		for _, l := range q.lets {
			if l.name == t.text {
				return l.table != nil
			}
		}
		return !reserved[strings.ToLower(t.text)]
	case strings.EqualFold(t.text, "union"):
		return true
	}
	return false
}

// tabular reads a source and its operators. A query may leave out the source
// and begin with an operator; then the table is Resources.
func (p *parser) tabular(top bool) (*tabular, error) {
	if err := p.enter(); err != nil {
		return nil, err
	}
	defer p.leave()
	t := &tabular{at: p.place()}
	switch {
	case p.is("("):
		p.at++
		sub, err := p.tabular(true)
		if err != nil {
			return nil, err
		}
		if err := p.want(")"); err != nil {
			return nil, err
		}
		t.sub = sub
	case p.isWord("union"):
		u, err := p.leadingUnion()
		if err != nil {
			return nil, err
		}
		t.sub, t.ops = u.first, []operator{u.rest}
	case top && p.operatorAhead():
		t.source = defaultTable
		op, err := p.operator()
		if err != nil {
			return nil, err
		}
		t.ops = append(t.ops, op)
	default:
		id, err := p.name()
		if err != nil {
			return nil, err
		}
		t.source = id
	}
	for p.skip("|") {
		op, err := p.operator()
		if err != nil {
			return nil, err
		}
		t.ops = append(t.ops, op)
	}
	return t, nil
}

// operatorAhead tells an operator without a source ("where type == …",
// "summarize count()") from a table of that name ("Resources | …").
func (p *parser) operatorAhead() bool {
	if p.peek().kind != tokName || operators[p.operatorName()] == nil {
		return false
	}
	after := p.ahead(1)
	if p.isWord("count") {
		return after.kind == tokEOF || after.kind == tokPunct && after.text == "|"
	}
	return after.kind != tokEOF && (after.kind != tokPunct || after.text != "|" && after.text != ";" && after.text != ")")
}

// operatorName joins "project", "-" and "away".
func (p *parser) operatorName() string {
	t := p.peek()
	dash, rest := p.ahead(1), p.ahead(2)
	if dash.kind == tokPunct && dash.text == "-" && dash.start == t.end && rest.kind == tokName && rest.start == dash.end {
		return strings.ToLower(t.text + "-" + rest.text)
	}
	return strings.ToLower(t.text)
}

func (p *parser) operator() (operator, error) {
	if p.peek().kind != tokName {
		return nil, p.unexpected("an operator")
	}
	id := p.operatorName()
	parse := operators[id]
	if parse == nil {
		return nil, &Error{
			Line: p.peek().line, Col: p.peek().col, Token: id, Code: unsupportedLanguage,
			Msg: "the operator '" + id + "' is not supported",
		}
	}
	p.at++
	if strings.Contains(id, "-") {
		p.at += 2
	}
	return parse(p)
}

// name reads an identifier, bare or as ['…'].
func (p *parser) name() (string, error) {
	if p.is("[") && p.ahead(1).kind == tokString && p.ahead(2).kind == tokPunct && p.ahead(2).text == "]" {
		s := p.ahead(1).str
		p.at += 3
		return s, nil
	}
	if p.peek().kind != tokName || reserved[strings.ToLower(p.peek().text)] {
		return "", p.unexpected("a name")
	}
	return p.next().text, nil
}

func (p *parser) count() (int, error) {
	t := p.peek()
	n, err := strconv.Atoi(t.text)
	if t.kind != tokLong || err != nil {
		return 0, p.unexpected("a whole number")
	}
	p.at++
	return n, nil
}
