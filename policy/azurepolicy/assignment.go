package azurepolicy

import (
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// Resource types of what a tenant assigns.
const (
	AssignmentType = "Microsoft.Authorization/policyAssignments"
	ExemptionType  = "Microsoft.Authorization/policyExemptions"
	DefinitionType = "Microsoft.Authorization/policyDefinitions"
	InitiativeType = "Microsoft.Authorization/policySetDefinitions"
)

// Assignment applies a definition or an initiative to a scope.
//
// Source: https://learn.microsoft.com/azure/governance/policy/concepts/assignment-structure
type Assignment struct {
	ID          azward.ResourceID
	DisplayName string
	Scope       azward.ResourceID
	// Enforced is false where enforcementMode is DoNotEnforce; the state of
	// what exists is the same.
	Enforced bool

	of         azward.ResourceID
	version    string
	parameters map[string]json.RawMessage
	notScopes  []azward.ResourceID
	selectors  []selectorSet
	overrides  []override
	exemptions []exemption
}

func (a *Assignment) id() azward.ResourceID {
	if a == nil {
		return ""
	}
	return a.ID
}

// selectorSet selects what meets all of its selectors.
type selectorSet struct {
	Name      string     `json:"name"`
	Selectors []selector `json:"selectors"`
}

type selector struct {
	Kind  string   `json:"kind"`
	In    []string `json:"in"`
	NotIn []string `json:"notIn"`
}

type override struct {
	Kind      string     `json:"kind"`
	Value     string     `json:"value"`
	Selectors []selector `json:"selectors"`
}

type assignmentBody struct {
	Properties struct {
		DisplayName        string            `json:"displayName"`
		Scope              azward.ResourceID `json:"scope"`
		PolicyDefinitionID azward.ResourceID `json:"policyDefinitionId"`
		DefinitionVersion  string            `json:"definitionVersion"`
		EnforcementMode    string            `json:"enforcementMode"`
		Parameters         map[string]struct {
			Value json.RawMessage `json:"value"`
		} `json:"parameters"`
		NotScopes         []azward.ResourceID `json:"notScopes"`
		ResourceSelectors []selectorSet       `json:"resourceSelectors"`
		Overrides         []override          `json:"overrides"`
	} `json:"properties"`
}

type exemptionBody struct {
	Properties struct {
		PolicyAssignmentID           azward.ResourceID `json:"policyAssignmentId"`
		PolicyDefinitionReferenceIDs []string          `json:"policyDefinitionReferenceIds"`
		ExemptionCategory            string            `json:"exemptionCategory"`
		ExpiresOn                    string            `json:"expiresOn"`
		ResourceSelectors            []selectorSet     `json:"resourceSelectors"`
	} `json:"properties"`
}

// exemption takes a scope out of an assignment, until it expires.
//
// Source: https://learn.microsoft.com/azure/governance/policy/concepts/exemption-structure
type exemption struct {
	id, scope  azward.ResourceID
	category   string
	references []string
	expires    time.Time
	dated      bool // false: it has no end
	unreadable bool // its end cannot be read
	selectors  []selectorSet
}

// scopeOf is what an assignment, exemption or definition stands under.
func scopeOf(id azward.ResourceID) azward.ResourceID {
	low := strings.ToLower(string(id))
	if at := strings.LastIndex(low, "/providers/microsoft.authorization/policy"); at > 0 {
		return id[:at]
	}
	return "/"
}

// Assignments reads those of an estate with their exemptions. What cannot be
// read becomes a gap.
func Assignments(e *estate.Estate) ([]*Assignment, []azward.Gap) {
	var out []*Assignment
	var gaps []azward.Gap
	byKey := map[azward.ResourceKey]*Assignment{}
	for _, r := range e.OfType(AssignmentType) {
		body, err := estate.Decode[assignmentBody](r)
		if err != nil {
			gaps = append(gaps, unparsed(r, err))
			continue
		}
		p := &body.Properties
		a := &Assignment{
			ID: r.ID, DisplayName: p.DisplayName, Scope: p.Scope, Enforced: !strings.EqualFold(p.EnforcementMode, "DoNotEnforce"),
			of: p.PolicyDefinitionID, version: p.DefinitionVersion, notScopes: p.NotScopes,
			selectors: p.ResourceSelectors, overrides: p.Overrides, parameters: map[string]json.RawMessage{},
		}
		if a.Scope == "" {
			a.Scope = scopeOf(r.ID)
		}
		for name, v := range p.Parameters {
			if len(v.Value) > 0 {
				a.parameters[name] = v.Value
			}
		}
		out = append(out, a)
		byKey[r.ID.Key()] = a
	}
	for _, r := range e.OfType(ExemptionType) {
		body, err := estate.Decode[exemptionBody](r)
		if err != nil {
			gaps = append(gaps, unparsed(r, err))
			continue
		}
		if a := byKey[body.Properties.PolicyAssignmentID.Key()]; a != nil {
			a.exemptions = append(a.exemptions, readExemption(r.ID, body))
		}
	}
	return out, gaps
}

func readExemption(id azward.ResourceID, body *exemptionBody) exemption {
	p := &body.Properties
	x := exemption{
		id: id, scope: scopeOf(id), category: p.ExemptionCategory, references: p.PolicyDefinitionReferenceIDs,
		selectors: p.ResourceSelectors, dated: p.ExpiresOn != "",
	}
	if x.dated {
		var err error
		x.expires, err = time.Parse(time.RFC3339Nano, p.ExpiresOn)
		x.unreadable = err != nil
	}
	return x
}

func unparsed(r *estate.Resource, err error) azward.Gap {
	return azward.Gap{Scope: r.ID, Kind: azward.GapUnparsed, Reads: r.Type, Error: err.Error(), Remedy: "collect it again"}
}

// ReadTenant adds the definitions and initiatives of an estate to the
// catalog: a tenant's own, and built-in ones where they were collected.
func (c *Catalog) ReadTenant(e *estate.Estate) []azward.Gap {
	var gaps []azward.Gap
	for _, r := range e.OfType(DefinitionType) {
		d, err := ParseDefinition(r.Body)
		if err != nil {
			gaps = append(gaps, unparsed(r, err))
			continue
		}
		c.Add(d)
	}
	for _, r := range e.OfType(InitiativeType) {
		s, err := ParseInitiative(r.Body)
		if err != nil {
			gaps = append(gaps, unparsed(r, err))
			continue
		}
		c.AddInitiative(s)
	}
	return gaps
}

// Assigned compiles what an assignment applies.
func (c *Catalog) Assigned(a *Assignment) ([]*Policy, []Skipped) {
	low := strings.ToLower(string(a.of))
	if strings.Contains(low, "/policysetdefinitions/") {
		s := c.initiatives[low]
		if s == nil {
			return nil, []Skipped{{Definition: a.of, Assignment: a.ID, Reason: "its initiative was not read"}}
		}
		if !versionFits(a.version, s.Version) {
			return nil, []Skipped{{
				Definition: a.of, Name: s.DisplayName, Assignment: a.ID,
				Reason: "version " + s.Version + " of the initiative was read, and version " + a.version + " is assigned",
			}}
		}
		return c.members(s, a, a.parameters)
	}
	d := c.definitions[low]
	if d == nil {
		return nil, []Skipped{{Definition: a.of, Assignment: a.ID, Reason: "its definition was not read"}}
	}
	if !versionFits(a.version, d.Version) {
		return nil, []Skipped{{
			Definition: a.of, Name: d.DisplayName, Assignment: a.ID,
			Reason: "version " + d.Version + " of the definition was read, and version " + a.version + " is assigned",
		}}
	}
	p, err := a.compile(d, Options{Aliases: c.Aliases, Parameters: a.parameters, From: Origin{Definition: d.ID}})
	if err != nil {
		return nil, []Skipped{skip(d, a.ID, err)}
	}
	return []*Policy{p}, nil
}

// variant is a policy under an override that holds for some resources alone.
type variant struct {
	selectors []selector
	policy    *Policy // nil: the override is not understood
	reason    string
}

// compile makes a policy of a definition with the overrides of the assignment.
func (a *Assignment) compile(d *Definition, o Options) (*Policy, error) {
	if a == nil {
		return Compile(d, o)
	}
	o.From.Assignment = a.ID
	var variants []variant
	for _, over := range a.overrides {
		here, rest := over.about(o.From.Reference)
		if !here {
			continue
		}
		v := variant{selectors: rest}
		if !strings.EqualFold(over.Kind, "policyEffect") {
			v.reason = "an override of kind " + over.Kind + " asks for another version than was read"
			variants = append(variants, v)
			continue
		}
		changed := o
		changed.Effect = over.Value
		p, err := Compile(d, changed)
		if err != nil {
			return nil, err
		}
		p.Assignment = a
		v.policy = p
		variants = append(variants, v)
	}
	p, err := Compile(d, o)
	if err != nil {
		return nil, err
	}
	p.Assignment, p.variants = a, variants
	return p, nil
}

// about reports whether an override is about this member of the initiative,
// and which of its selectors a resource has yet to meet.
func (o override) about(reference string) (here bool, rest []selector) {
	for _, s := range o.Selectors {
		if !strings.EqualFold(s.Kind, "policyDefinitionReferenceId") {
			rest = append(rest, s)
			continue
		}
		if s.pick(reference) != azward.Yes {
			return false, nil
		}
	}
	return true, rest
}

func (s selector) pick(v string) azward.Answer {
	same := func(x string) bool { return strings.EqualFold(x, v) }
	if len(s.NotIn) > 0 {
		return answered(!slices.ContainsFunc(s.NotIn, same)).answer
	}
	return answered(slices.ContainsFunc(s.In, same)).answer
}

// selects reports whether a resource meets a selector. Kinds that are not
// known leave it open.
func (s selector) selects(of *Subject) azward.Answer {
	location, _ := of.doc.member("location")
	place := ""
	if location != nil {
		place = strings.ToLower(strings.ReplaceAll(location.text, " ", ""))
	}
	switch strings.ToLower(s.Kind) {
	case "resourcelocation":
		return s.pick(place)
	case "resourcetype":
		return s.pick(of.typeLow)
	case "resourcewithoutlocation":
		return answered(place == "" && of.Resource.ID.ResourceGroup() == "").answer
	default:
		return azward.Unknown
	}
}

func selectsAll(all []selector, of *Subject) azward.Answer {
	answers := []azward.Answer{azward.Yes}
	for _, s := range all {
		answers = append(answers, s.selects(of))
	}
	return azward.All(answers...)
}

// selectsAny reports whether one of the sets selects a resource; no sets do.
func selectsAny(sets []selectorSet, of *Subject) azward.Answer {
	if len(sets) == 0 {
		return azward.Yes
	}
	answers := make([]azward.Answer, 0, len(sets))
	for _, set := range sets {
		answers = append(answers, selectsAll(set.Selectors, of))
	}
	return azward.Any(answers...)
}

// covers reports whether a resource lies in an assignment's scope, outside of
// what is excluded, and is selected.
func (a *Assignment) covers(e *estate.Estate, s *Subject) azward.Answer {
	in := within(e, s.Resource.ID, a.Scope)
	for _, x := range a.notScopes {
		in = azward.All(in, azward.Not(within(e, s.Resource.ID, x)))
	}
	return azward.All(in, selectsAny(a.selectors, s))
}

// within reports whether a resource lies in a scope. Whether its subscription
// is below a management group is known where the subscription names its
// ancestors, or the management group itself is the tenant's root.
func within(e *estate.Estate, id, scope azward.ResourceID) azward.Answer {
	low := strings.ToLower(string(scope))
	group, is := strings.CutPrefix(low, "/providers/microsoft.management/managementgroups/")
	if !is {
		return answered(scope == "/" || id.Within(scope)).answer
	}
	if id.Within(scope) {
		return azward.Yes
	}
	sub, ok := e.Resource(id.SubscriptionScope())
	if !ok {
		return azward.Unknown
	}
	body, err := estate.Decode[subscriptionBody](sub)
	if err != nil {
		return azward.Unknown
	}
	for _, up := range body.Properties.Ancestors {
		if strings.EqualFold(up.Name, group) {
			return azward.Yes
		}
	}
	switch {
	case strings.EqualFold(body.TenantID, group): // the root group bears the tenant's ID
		return azward.Yes
	case len(body.Properties.Ancestors) > 0:
		return azward.No
	}
	return azward.Unknown
}

// subscriptionBody is a subscription as Resource Graph's resourcecontainers
// has it; Resource Manager gives no ancestors.
type subscriptionBody struct {
	TenantID   string `json:"tenantId"`
	Properties struct {
		Ancestors []struct {
			Name string `json:"name"`
		} `json:"managementGroupAncestorsChain"`
	} `json:"properties"`
}

// exempts looks for an exemption that holds for a resource, and for what
// keeps that from being known.
func (a *Assignment) exempts(e *estate.Estate, s *Subject, reference string, at time.Time) (azward.Answer, *exemption) {
	open := azward.No
	for i := range a.exemptions {
		x := &a.exemptions[i]
		if len(x.references) > 0 && !slices.ContainsFunc(x.references, func(r string) bool { return strings.EqualFold(r, reference) }) {
			continue
		}
		holds := azward.Yes
		switch {
		case x.unreadable:
			holds = azward.Unknown
		case x.dated:
			holds = answered(at.Before(x.expires)).answer
		}
		switch azward.All(holds, within(e, s.Resource.ID, x.scope), selectsAny(x.selectors, s)) {
		case azward.Yes:
			return azward.Yes, x
		case azward.Unknown:
			open = azward.Unknown
		}
	}
	return open, nil
}
