package azurepolicy

import (
	"fmt"
	"strconv"
	"strings"
)

// Azure's own limits on expressions, and so ours.
//
// Source: https://learn.microsoft.com/azure/governance/policy/concepts/definition-structure-policy-rule#policy-rule-limits
const (
	maxExpressionLen  = 81920  // bytes of one expression
	maxArguments      = 128    // of one function
	maxFunctionDepth  = 64     // functions within functions
	maxFunctions      = 2048   // in one rule
	maxTextLen        = 131072 // bytes of text that a function returns
	maxNodes          = 32768  // values in what a function takes or returns
	maxConditions     = 4096   // in the if of a rule
	maxConditionsThen = 128    // in an existence condition
	maxConditionDepth = 64     // conditions within conditions; ours, Azure names none
)

// expression computes a value while a rule is evaluated.
type expression interface {
	eval(*run) value
	// constant reports that nothing of a resource, a scope or the time is
	// asked.
	constant() bool
}

// literal is an expression that is its value.
type literal struct{ v value }

func (l *literal) eval(*run) value { return l.v }
func (l *literal) constant() bool  { return true }

// call of a function.
type call struct {
	name string
	args []expression
	run  func(*run, []expression) value
	pure bool
}

func (c *call) eval(r *run) value {
	if r.spent++; r.spent > maxCost {
		return failure("it takes more than %d steps", maxCost)
	}
	return bounded(c.run(r, c.args), c.name)
}

func (c *call) constant() bool {
	for _, a := range c.args {
		if !a.constant() {
			return false
		}
	}
	return c.pure
}

// bounded turns a result that is too large into a failure, as Azure does.
func bounded(v value, name string) value {
	switch {
	case len(v.text) > maxTextLen:
		return failure("%s() gives more than %d bytes of text", name, maxTextLen)
	case (v.kind == list || v.kind == object) && v.nodes(maxNodes) > maxNodes:
		return failure("%s() gives more than %d values", name, maxNodes)
	}
	return v
}

// access is of.key or of[key].
type access struct {
	of, key expression
	safe    bool // .? gives null where there is nothing
}

func (a *access) constant() bool { return a.of.constant() && a.key.constant() }

func (a *access) eval(r *run) value {
	of, key := a.of.eval(r), a.key.eval(r)
	if of.undecided() {
		return of
	}
	if key.undecided() {
		return key
	}
	found, ok := pick(&of, &key)
	switch {
	case ok:
		return found
	case a.safe:
		return value{kind: null}
	}
	s, _ := key.scalar()
	return failure("there is no %q in what an expression asks it of", s)
}

// pick takes a member of an object or an element of a list.
func pick(of, key *value) (value, bool) {
	switch {
	case of.kind == list && key.kind == number:
		if i := int(key.num); key.num == float64(i) && i >= 0 && i < len(of.list) {
			return of.list[i], true
		}
	case of.kind == object && key.kind == text:
		if found, at := of.member(strings.ToLower(key.text)); at >= 0 {
			return *found, true
		}
	}
	return value{}, false
}

// parser reads the template language within a string of a definition.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-expressions
type parser struct {
	s     string
	i     int
	depth int
	scope *scope
}

// isExpression reports whether a string of a definition is computed.
func isExpression(s string) bool {
	return len(s) >= 2 && s[0] == '[' && s[len(s)-1] == ']' && s[1] != '['
}

// parseText makes an expression of a string: computed where it stands in
// brackets, and itself otherwise; [[ stands for one bracket.
func parseText(s string, in *scope) (expression, error) {
	if trimmed := strings.TrimSpace(s); isExpression(trimmed) {
		return parseExpression(trimmed, in)
	}
	if strings.HasPrefix(s, "[[") {
		s = s[1:]
	}
	return &literal{textValue(s)}, nil
}

func parseExpression(s string, in *scope) (expression, error) {
	if len(s) > maxExpressionLen {
		return nil, fmt.Errorf("an expression is longer than %d bytes", maxExpressionLen)
	}
	p := parser{s: s[1 : len(s)-1], scope: in}
	e, err := p.expression()
	if err == nil {
		if p.space(); p.i < len(p.s) {
			err = fmt.Errorf("unexpected %.20q", p.s[p.i:])
		}
	}
	if err != nil {
		return nil, fmt.Errorf("expression %.120q: %w", s, err)
	}
	return fold(e), nil
}

// fold computes what does not depend on anything.
func fold(e expression) expression {
	if _, is := e.(*literal); is || !e.constant() {
		return e
	}
	if v := e.eval(&run{}); !v.undecided() {
		return &literal{v}
	}
	return e // fails where it is asked for, and not where it is not
}

func (p *parser) space() {
	for p.i < len(p.s) && strings.IndexByte(" \t\r\n", p.s[p.i]) >= 0 {
		p.i++
	}
}

func (p *parser) take(c byte) bool {
	if p.space(); p.i < len(p.s) && p.s[p.i] == c {
		p.i++
		return true
	}
	return false
}

func (p *parser) expression() (expression, error) {
	if p.depth++; p.depth > maxFunctionDepth {
		return nil, fmt.Errorf("functions nest deeper than %d levels", maxFunctionDepth)
	}
	defer func() { p.depth-- }()
	e, err := p.primary()
	for err == nil {
		switch {
		case p.take('.'):
			safe := p.take('?')
			name := p.word()
			if name == "" {
				return nil, fmt.Errorf("a name is missing after the dot at %d", p.i)
			}
			e = &access{of: e, key: &literal{textValue(name)}, safe: safe}
		case p.take('['):
			a := &access{of: e, safe: p.take('?')}
			if a.key, err = p.expression(); err == nil && !p.take(']') {
				err = fmt.Errorf("] is missing at %d", p.i)
			}
			e = a
		default:
			return e, nil
		}
	}
	return nil, err
}

func (p *parser) primary() (expression, error) {
	p.space()
	if p.i >= len(p.s) {
		return nil, fmt.Errorf("it ends too early")
	}
	c := p.s[p.i]
	switch {
	case c == '\'':
		return p.quoted()
	case c == '(':
		p.i++
		e, err := p.expression()
		if err == nil && !p.take(')') {
			err = fmt.Errorf(") is missing at %d", p.i)
		}
		return e, err
	case c >= '0' && c <= '9' || c == '-':
		return p.number()
	}
	name := p.word()
	if at := p.i; p.scope.template != nil && name != "" && p.take('.') {
		// a function of the template's own: namespace.name(…)
		if member := p.word(); member != "" && p.take('(') {
			return p.call(name + "." + member)
		}
		p.i = at
	}
	switch {
	case name == "":
		return nil, fmt.Errorf("unexpected %.20q", p.s[p.i:])
	case p.take('('):
		return p.call(name)
	}
	switch strings.ToLower(name) {
	case "true", "false":
		return &literal{boolValue(strings.EqualFold(name, "true"))}, nil
	case "null":
		return &literal{value{kind: null}}, nil
	}
	return nil, fmt.Errorf("%.40q is no function call", name)
}

func (p *parser) quoted() (expression, error) {
	var b strings.Builder
	for p.i++; p.i < len(p.s); p.i++ {
		if p.s[p.i] == '\'' {
			if p.i++; p.i >= len(p.s) || p.s[p.i] != '\'' {
				return &literal{textValue(b.String())}, nil
			}
		}
		b.WriteByte(p.s[p.i])
	}
	return nil, fmt.Errorf("a string does not end")
}

func (p *parser) number() (expression, error) {
	start := p.i
	p.i++ // a digit, or the sign
	for p.i < len(p.s) && (p.s[p.i] >= '0' && p.s[p.i] <= '9' || p.s[p.i] == '.') {
		p.i++
	}
	n, err := strconv.ParseFloat(p.s[start:p.i], 64)
	if err != nil {
		return nil, fmt.Errorf("%.40q is no number", p.s[start:p.i])
	}
	return &literal{numberValue(n)}, nil
}

func (p *parser) word() string {
	p.space()
	start := p.i
	for p.i < len(p.s) && (p.s[p.i] == '_' || p.s[p.i] >= '0' && p.s[p.i] <= '9' || p.s[p.i]|0x20 >= 'a' && p.s[p.i]|0x20 <= 'z') {
		p.i++
	}
	return p.s[start:p.i]
}

func (p *parser) call(name string) (expression, error) {
	var args []expression
	for !p.take(')') {
		if len(args) > 0 && !p.take(',') {
			return nil, fmt.Errorf(", or ) is missing at %d", p.i)
		}
		a, err := p.expression()
		if err != nil {
			return nil, err
		}
		if args = append(args, fold(a)); len(args) > maxArguments {
			return nil, fmt.Errorf("%s has more than %d arguments", name, maxArguments)
		}
	}
	if p.scope.functions++; p.scope.functions > maxFunctions {
		return nil, fmt.Errorf("the rule calls more than %d functions", maxFunctions)
	}
	return p.scope.call(name, args)
}
