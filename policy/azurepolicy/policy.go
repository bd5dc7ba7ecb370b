package azurepolicy

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/azward/azward"
)

// Reasons why a definition is not evaluated, for errors.Is.
var (
	// ErrNeedsValue: a parameter that the rule asks for has neither a default
	// nor a value.
	ErrNeedsValue = errors.New("give its value with an assignment")
	// ErrMode: the definition is for a resource provider's own evaluation.
	ErrMode = errors.New("only modes All and Indexed are evaluated")
)

// Origin says through which assignment a policy applies. Its zero value is
// none: the definition is evaluated by itself.
type Origin struct {
	Assignment, Definition, Set azward.ResourceID
	Reference                   string // policyDefinitionReferenceId within the initiative
}

// Options of [Compile]. The zero value compiles with default values and
// guessed paths.
type Options struct {
	Aliases *Aliases
	// Parameters by name, in any case: the values of an assignment.
	Parameters map[string]json.RawMessage
	// Effect in the place of the definition's own; "" for that.
	Effect string
	From   Origin
}

// Policy is a compiled definition. It never changes: any number of checkers
// may use it at once.
type Policy struct {
	Definition *Definition
	// Effect in Azure's spelling: "audit", "deployIfNotExists" ….
	Effect string
	// Guessed are the aliases that no list had: where their property stands
	// was taken from their name.
	Guessed []string
	From    Origin
	// Initiative and Groups that the policy is part of, and the assignment
	// that applies it; nil and none for a definition by itself.
	Initiative *Initiative
	Groups     []string
	Assignment *Assignment

	test     condition
	asks     leafKinds
	location bool // a condition asks for the location
	indexed  bool
	exists   *existence
	variants []variant
	// onlyType is the one type, in lower case, that the rule wants; "" where
	// it is not that simple.
	onlyType string
}

// Compile makes a definition ready for evaluation.
func Compile(d *Definition, o Options) (*Policy, error) {
	p, err := compile(d, o)
	if err == nil {
		return p, nil
	}
	remedy := "its results are missing; the other policies are evaluated"
	if errors.Is(err, ErrNeedsValue) {
		remedy = "assign it, or the initiative that it is part of, with a value; see docs/policy.md"
	}
	return nil, &azward.Error{Kind: azward.KindBadInput, Op: "compile policy", Subject: d.label(), Cause: err.Error(), Remedy: remedy, Err: err}
}

func compile(d *Definition, o Options) (*Policy, error) {
	p := &Policy{Definition: d, From: o.From}
	switch strings.ToLower(d.Mode) {
	case "all":
	case "indexed":
		p.indexed = true
	default:
		return nil, fmt.Errorf("mode %.60q: %w", d.Mode, ErrMode)
	}
	c := &compiler{aliases: o.Aliases, parameters: map[string]value{}, lacking: map[string]bool{}}
	if err := c.bind(d.parameters, o.Parameters); err != nil {
		return nil, err
	}
	test, at := d.rule.member("if")
	then, atThen := d.rule.member("then")
	if at < 0 || atThen < 0 || then.kind != object {
		return nil, errors.New("its rule lacks if or then")
	}
	s := &scope{compiler: c, limit: maxConditions}
	var err error
	if p.Effect, err = s.effect(then, o.Effect); err != nil {
		return nil, err
	}
	if p.test, err = s.condition(test); err != nil {
		return nil, err
	}
	p.asks, p.location, p.onlyType = c.asks, c.location, onlyType(p.test)
	if p.needsExistence() {
		details, at := then.member("details")
		if at < 0 {
			return nil, fmt.Errorf("effect %s has no details", p.Effect)
		}
		if p.exists, err = s.existence(details); err != nil {
			return nil, err
		}
	}
	p.Guessed = c.guessed
	return p, c.needs
}

// onlyType is the type that a rule wants at its top.
func onlyType(c condition) string {
	switch c := c.(type) {
	case *fieldLeaf:
		if !c.negated {
			return c.typeLow
		}
	case *allOf:
		for _, part := range c.parts {
			if found := onlyType(part); found != "" {
				return found
			}
		}
	}
	return ""
}

func (p *Policy) needsExistence() bool {
	return p.Effect == "auditIfNotExists" || p.Effect == "deployIfNotExists"
}

// bind gives parameters their values.
func (c *compiler) bind(params []declared, values map[string]json.RawMessage) error {
	given := make(map[string]value, len(values))
	for name, raw := range values {
		v, err := parseValue(raw)
		if err != nil {
			return fmt.Errorf("the value of parameter %.60q: %w", name, err)
		}
		given[strings.ToLower(name)] = v
	}
	for _, d := range params {
		low := strings.ToLower(d.name)
		v, ok := given[low]
		if !ok && d.has {
			v, ok = d.value, true
		}
		if !ok {
			c.lacking[low] = true
			continue
		}
		// Parameters may hold text that looks like an expression: it is none.
		c.parameters[low] = v
		delete(given, low)
	}
	return nil
}

func (s *scope) effect(then *value, override string) (string, error) {
	if override != "" {
		return canonicalEffect(override)
	}
	v, at := then.member("effect")
	if at < 0 {
		return "", errors.New("its rule has no effect")
	}
	e, err := s.valueExpression(v)
	if err != nil {
		return "", err
	}
	if s.needs != nil {
		return "", s.needs
	}
	l, is := e.(*literal)
	name, ok := textOf(l, is)
	if !ok {
		return "", errors.New("its effect is not known before it is evaluated")
	}
	return canonicalEffect(name)
}

// existence is what an -IfNotExists effect looks for.
//
// Source: https://learn.microsoft.com/azure/governance/policy/concepts/effect-audit-if-not-exists#auditifnotexists-properties
type existence struct {
	kind, name, group, scope expression // name, group and scope may be nil
	condition                condition  // nil: any related resource will do
}

func (s *scope) existence(details *value) (*existence, error) {
	if details.kind != object {
		return nil, errors.New("the details of its effect are no object")
	}
	x := &existence{}
	for _, part := range []struct {
		key string
		to  *expression
	}{{"type", &x.kind}, {"name", &x.name}, {"resourcegroupname", &x.group}, {"existencescope", &x.scope}} {
		v, at := details.member(part.key)
		if at < 0 {
			continue
		}
		var err error
		if *part.to, err = s.valueExpression(v); err != nil {
			return nil, fmt.Errorf("%s: %w", part.key, err)
		}
	}
	if x.kind == nil {
		return nil, errors.New("the details of its effect name no type")
	}
	v, at := details.member("existencecondition")
	if at < 0 || v.kind == object && len(v.obj().keys) == 0 {
		return x, nil
	}
	then := &scope{compiler: s.compiler, then: true, limit: s.conditions + maxConditionsThen}
	asks := s.asks
	var err error
	x.condition, err = then.condition(v)
	s.asks = asks
	if err != nil {
		return nil, fmt.Errorf("existenceCondition: %w", err)
	}
	return x, nil
}

// may reports whether the policy can apply to resources of a type, whatever
// else they are.
func (p *Policy) may(s *Subject) bool {
	if p.indexed && isContainer(s.typeLow) {
		return false
	}
	r := run{subject: s, first: s}
	return p.test.can(&question{run: &r}, true)
}

// applicable reports whether a resource is one that the policy is about: its
// type, and where other conditions stand beside them its kind and name.
//
// Source: https://learn.microsoft.com/azure/governance/policy/concepts/policy-applicability
func (p *Policy) applicable(r *run) bool {
	s := r.subject
	switch {
	case p.onlyType != "" && p.onlyType != s.typeLow:
		return false
	case p.indexed && (isContainer(s.typeLow) || !s.indexed()):
		return false
	case p.location && s.typeLow == subscriptionType:
		return false
	case strings.HasPrefix(s.typeLow, "microsoft.resources/") && !isContainer(s.typeLow):
		return false
	}
	more := p.asks.others
	return p.test.can(&question{run: r, kind: more, name: more}, true)
}

const (
	subscriptionType = "microsoft.resources/subscriptions"
	groupType        = "microsoft.resources/subscriptions/resourcegroups"
)

// isContainer reports a subscription or resource group.
func isContainer(typeLow string) bool { return typeLow == subscriptionType || typeLow == groupType }
