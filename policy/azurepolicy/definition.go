// Package azurepolicy evaluates Azure Policy: Microsoft's built-in definitions
// and those of a tenant, on the resources of an estate.
//
// A [Definition] is read with [ParseDefinition] and compiled once with
// [Compile]; a [Checker] evaluates policies on an estate with [Checker.Check].
// Answers are three-valued: what was not read makes a result unknown, with the
// comparison that could not be made.
//
// Source: https://learn.microsoft.com/azure/governance/policy/concepts/definition-structure-basics
package azurepolicy

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/azward/azward"
)

// Definition is a policy definition as it was read.
type Definition struct {
	ID          azward.ResourceID
	Name        string
	DisplayName string
	Description string
	Category    string
	Version     string
	Mode        string // "All", "Indexed", or of a resource provider
	PolicyType  string // "BuiltIn", "Custom", "Static"

	parameters []declared
	rule       value
}

// declared is a parameter of a definition or an initiative.
type declared struct {
	name    string
	kind    string
	value   value
	has     bool
	allowed []value
}

// Parameter of a definition.
type Parameter struct {
	Name string
	Type string // "String", "Array", "Object", "Boolean", "Integer", "Float", "DateTime"
	// Default reports that it has a value without an assignment.
	Default bool
	// Allowed are the values that Azure lets an assignment give; none for any.
	Allowed []json.RawMessage
}

// Parameters of the definition, in its order.
func (d *Definition) Parameters() []Parameter {
	out := make([]Parameter, 0, len(d.parameters))
	for _, p := range d.parameters {
		one := Parameter{Name: p.name, Type: p.kind, Default: p.has}
		for i := range p.allowed {
			one.Allowed = append(one.Allowed, p.allowed[i].ordered())
		}
		out = append(out, one)
	}
	return out
}

// maxDefinitionBytes bounds one definition: Azure accepts up to 1 MB.
const maxDefinitionBytes = 4 << 20

// ParseDefinition reads one policy definition, as Resource Manager returns it
// or with its properties at the top.
func ParseDefinition(raw []byte) (*Definition, error) {
	doc, err := parseDocument(raw)
	if err != nil {
		return nil, badDefinition("", err)
	}
	d := &Definition{ID: azward.ResourceID(doc.path("id")), Name: doc.path("name")}
	p := doc.properties()
	d.DisplayName, d.Description, d.Mode, d.PolicyType = p.path("displayname"), p.path("description"), p.path("mode"), p.path("policytype")
	if d.Mode == "" {
		d.Mode = "All" // as Azure takes it
	}
	d.Category, d.Version = p.path("metadata", "category"), p.path("version")
	if d.Version == "" {
		d.Version = p.path("metadata", "version")
	}
	rule, at := p.member("policyrule")
	if at < 0 || rule.kind != object {
		return nil, badDefinition(d.label(), errors.New("it has no policyRule"))
	}
	d.rule = *rule
	d.parameters, err = readParameters(p)
	if err != nil {
		return nil, badDefinition(d.label(), err)
	}
	return d, nil
}

// label names a definition in errors.
func (d *Definition) label() string {
	if d.ID != "" {
		return string(d.ID)
	}
	return d.Name
}

func badDefinition(subject string, err error) error {
	if own := (*azward.Error)(nil); errors.As(err, &own) {
		return err
	}
	return &azward.Error{
		Kind: azward.KindBadInput, Op: "read policy definition", Subject: subject, Cause: err.Error(), Err: err,
		Remedy: `give it as "az policy definition show" prints it; the other definitions are evaluated`,
	}
}

// parseDocument reads a document that must be one object without keys that
// occur twice.
func parseDocument(raw []byte) (*value, error) {
	if len(raw) > maxDefinitionBytes {
		return nil, fmt.Errorf("it is larger than %d bytes", maxDefinitionBytes)
	}
	if _, err := parseValue(raw); err != nil {
		return nil, err
	}
	r := valueReader{s: string(raw), strict: true}
	v, err := r.value(0)
	switch {
	case err != nil:
		return nil, err
	case r.duplicate != "":
		return nil, fmt.Errorf("the key %.60q occurs twice in one object", r.duplicate)
	case v.kind != object:
		return nil, errors.New("it is no object")
	}
	return &v, nil
}

func (v *value) properties() *value {
	if p, at := v.member("properties"); at >= 0 && p.kind == object {
		return p
	}
	return v
}

// path is the text at the end of keys; "" where there is none.
func (v *value) path(keys ...string) string {
	for _, k := range keys[:len(keys)-1] {
		next, at := v.member(k)
		if at < 0 {
			return ""
		}
		v = next
	}
	if found, at := v.member(keys[len(keys)-1]); at >= 0 && found.kind == text {
		return found.text
	}
	return ""
}

func readParameters(p *value) ([]declared, error) {
	params, at := p.member("parameters")
	if at < 0 || params.missing() {
		return nil, nil
	}
	if params.kind != object {
		return nil, errors.New("parameters is no object")
	}
	out := make([]declared, 0, len(params.obj().keys))
	for i, name := range params.obj().keys {
		d := declared{name: name, kind: params.obj().values[i].path("type")}
		if v, at := params.obj().values[i].member("defaultvalue"); at >= 0 {
			d.value, d.has = *v, true
		}
		if v, at := params.obj().values[i].member("allowedvalues"); at >= 0 {
			d.allowed = v.list
		}
		out = append(out, d)
	}
	return out, nil
}

// canonical spellings of the effects.
var effects = map[string]string{
	"audit": "audit", "deny": "deny", "modify": "modify", "append": "append", "disabled": "disabled",
	"auditifnotexists": "auditIfNotExists", "deployifnotexists": "deployIfNotExists",
	"denyaction": "denyAction", "auditaction": "auditAction", "manual": "manual", "mutate": "mutate", "addtonetworkgroup": "addToNetworkGroup",
}

func canonicalEffect(s string) (string, error) {
	effect, ok := effects[strings.ToLower(s)]
	if !ok {
		return "", fmt.Errorf("there is no effect %.40q", s)
	}
	return effect, nil
}
