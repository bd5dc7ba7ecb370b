package azurepolicy

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/azward/azward"
)

// Initiative is a set of policy definitions, such as the Microsoft cloud
// security benchmark.
//
// Source: https://learn.microsoft.com/azure/governance/policy/concepts/initiative-definition-structure
type Initiative struct {
	ID          azward.ResourceID
	Name        string
	DisplayName string
	Category    string
	Version     string
	Groups      []Group

	parameters []declared
	members    []member
}

// Group is a control of a framework that definitions of an initiative serve.
type Group struct {
	Name, DisplayName, Category string
}

// member is a definition as an initiative uses it.
type member struct {
	reference  string
	definition azward.ResourceID
	version    string
	parameters *members
	groups     []string
}

// maxInitiative bounds the definitions of one initiative: Azure accepts 1,000.
//
// Source: https://learn.microsoft.com/azure/governance/policy/overview#maximum-count-of-azure-policy-objects
const maxInitiative = 1000

// ParseInitiative reads a policy set definition, as Resource Manager returns
// it or with its properties at the top.
func ParseInitiative(raw []byte) (*Initiative, error) {
	doc, err := parseDocument(raw)
	if err != nil {
		return nil, badInitiative("", err)
	}
	s := &Initiative{ID: azward.ResourceID(doc.path("id")), Name: doc.path("name")}
	p := doc.properties()
	s.DisplayName, s.Category, s.Version = p.path("displayname"), p.path("metadata", "category"), p.path("version")
	if s.Version == "" {
		s.Version = p.path("metadata", "version")
	}
	if s.parameters, err = readParameters(p); err != nil {
		return nil, badInitiative(s.label(), err)
	}
	if groups, at := p.member("policydefinitiongroups"); at >= 0 {
		for i := range groups.list {
			g := &groups.list[i]
			s.Groups = append(s.Groups, Group{g.path("name"), g.path("displayname"), g.path("category")})
		}
	}
	all, at := p.member("policydefinitions")
	if at < 0 || all.kind != list {
		return nil, badInitiative(s.label(), errors.New("it has no policyDefinitions"))
	}
	if len(all.list) > maxInitiative {
		return nil, badInitiative(s.label(), fmt.Errorf("it holds more than %d definitions", maxInitiative))
	}
	for i := range all.list {
		s.members = append(s.members, readMember(&all.list[i]))
	}
	return s, nil
}

func readMember(v *value) member {
	m := member{
		reference: v.path("policydefinitionreferenceid"), definition: azward.ResourceID(v.path("policydefinitionid")),
		version: v.path("definitionversion"),
	}
	if p, at := v.member("parameters"); at >= 0 && p.kind == object {
		m.parameters = p.obj()
	}
	if g, at := v.member("groupnames"); at >= 0 {
		for _, name := range g.list {
			m.groups = append(m.groups, name.text)
		}
	}
	return m
}

func (s *Initiative) label() string {
	if s.ID != "" {
		return string(s.ID)
	}
	return s.Name
}

func badInitiative(subject string, err error) error {
	return &azward.Error{
		Kind: azward.KindBadInput, Op: "read policy initiative", Subject: subject, Cause: err.Error(), Err: err,
		Remedy: `give it as "az policy set-definition show" prints it`,
	}
}

// Catalog holds definitions and initiatives by their ID or name. The zero
// value is empty and ready.
type Catalog struct {
	Aliases *Aliases

	definitions map[string]*Definition
	initiatives map[string]*Initiative
	order       []*Definition
}

// Add puts a definition into the catalog, in the place of one of the same ID.
func (c *Catalog) Add(d *Definition) {
	if c.definitions == nil {
		c.definitions = map[string]*Definition{}
	}
	key := strings.ToLower(d.label())
	if old := c.definitions[key]; old != nil {
		c.order = slices.DeleteFunc(c.order, func(x *Definition) bool { return x == old })
	}
	c.order = append(c.order, d)
	c.definitions[key] = d
	if builtin(d.ID) {
		c.definitions[strings.ToLower(d.ID.Name())] = d
	}
}

// AddInitiative puts an initiative into the catalog.
func (c *Catalog) AddInitiative(s *Initiative) {
	if c.initiatives == nil {
		c.initiatives = map[string]*Initiative{}
	}
	c.initiatives[strings.ToLower(s.label())] = s
	if builtin(s.ID) {
		c.initiatives[strings.ToLower(s.ID.Name())] = s
	}
}

// builtin definitions are named by a GUID of their own at tenant level.
func builtin(id azward.ResourceID) bool {
	return strings.HasPrefix(strings.ToLower(string(id)), "/providers/microsoft.authorization/")
}

// Definitions are all, in the order in which they were added.
func (c *Catalog) Definitions() []*Definition { return c.order }

// Initiatives gives the number of initiatives.
func (c *Catalog) Initiatives() int {
	distinct := map[*Initiative]bool{}
	for _, s := range c.initiatives {
		distinct[s] = true
	}
	return len(distinct)
}

// Initiative finds an initiative by its ID, its name, or its display name.
func (c *Catalog) Initiative(name string) (*Initiative, bool) {
	if s := c.initiatives[strings.ToLower(name)]; s != nil {
		return s, true
	}
	for _, s := range c.initiatives {
		if strings.EqualFold(s.DisplayName, name) {
			return s, true
		}
	}
	return nil, false
}

// Every gives each initiative once, by display name and ID.
func (c *Catalog) Every() []*Initiative {
	list := slices.Collect(maps.Values(c.initiatives))
	slices.SortFunc(list, func(a, b *Initiative) int {
		return cmp.Or(strings.Compare(a.DisplayName, b.DisplayName), strings.Compare(a.label(), b.label()))
	})
	return slices.Compact(list)
}

// Skipped is a policy that is not evaluated, and why.
type Skipped struct {
	Definition azward.ResourceID `json:"definition"`
	Name       string            `json:"name,omitempty"`
	Assignment azward.ResourceID `json:"assignment,omitempty"`
	Reason     string            `json:"reason"`
	// Needs reports that an assignment's values would be enough.
	Needs bool `json:"needsValues,omitempty"`
}

// All compiles every definition with its default values.
func (c *Catalog) All() ([]*Policy, []Skipped) {
	var out []*Policy
	var skipped []Skipped
	for _, d := range c.order {
		p, err := Compile(d, Options{Aliases: c.Aliases, From: Origin{Definition: d.ID}})
		if err != nil {
			skipped = append(skipped, skip(d, "", err))
			continue
		}
		out = append(out, p)
	}
	return out, skipped
}

func skip(d *Definition, assignment azward.ResourceID, err error) Skipped {
	cause := err.Error()
	if own := (*azward.Error)(nil); errors.As(err, &own) {
		cause = own.Cause
	}
	return Skipped{Definition: d.ID, Name: d.DisplayName, Assignment: assignment, Reason: cause, Needs: errors.Is(err, ErrNeedsValue)}
}

// Of compiles the definitions of an initiative with these values for its
// parameters; nil takes the defaults.
func (c *Catalog) Of(s *Initiative, values map[string]json.RawMessage) ([]*Policy, []Skipped) {
	return c.members(s, nil, values)
}

func (c *Catalog) members(s *Initiative, a *Assignment, values map[string]json.RawMessage) ([]*Policy, []Skipped) {
	var out []*Policy
	var skipped []Skipped
	outer := &compiler{aliases: c.Aliases, parameters: map[string]value{}, lacking: map[string]bool{}}
	bad := outer.bind(s.parameters, values)
	for _, m := range s.members {
		p, err := c.member(s, m, a, outer, bad)
		if err != nil {
			lost := skip(&Definition{ID: m.definition, DisplayName: m.reference}, a.id(), err)
			skipped = append(skipped, lost)
			continue
		}
		out = append(out, p)
	}
	return out, skipped
}

func (c *Catalog) member(s *Initiative, m member, a *Assignment, outer *compiler, bad error) (*Policy, error) {
	if bad != nil {
		return nil, bad
	}
	d := c.definitions[strings.ToLower(string(m.definition))]
	if d == nil {
		return nil, errors.New("its definition was not read")
	}
	if !versionFits(m.version, d.Version) {
		return nil, fmt.Errorf("version %s of the definition was read, and version %s is asked for", d.Version, m.version)
	}
	o := Options{Aliases: c.Aliases, Parameters: map[string]json.RawMessage{}, From: Origin{Definition: d.ID, Set: s.ID, Reference: m.reference}}
	if m.parameters != nil {
		if err := passed(m.parameters, outer, o.Parameters); err != nil {
			return nil, err
		}
	}
	p, err := a.compile(d, o)
	if err != nil {
		return nil, err
	}
	p.Initiative, p.Groups = s, m.groups
	return p, nil
}

// passed computes the values that an initiative gives to a definition. A
// parameter of the initiative that has no value gives none.
func passed(params *members, outer *compiler, to map[string]json.RawMessage) error {
	for i, name := range params.keys {
		v, at := params.values[i].member("value")
		if at < 0 {
			continue
		}
		fresh := *outer
		fresh.needs = nil
		e, err := (&scope{compiler: &fresh}).valueExpression(v)
		switch {
		case err != nil:
			return fmt.Errorf("the value of parameter %.60q: %w", name, err)
		case fresh.needs != nil:
			continue
		}
		given := e.eval(&run{})
		if given.undecided() {
			return fmt.Errorf("the value of parameter %.60q: %s", name, given.text)
		}
		to[name] = given.ordered()
	}
	return nil
}

// versionFits reports whether a version is the one that "1.*.*" asks for. What
// has no version fits: custom definitions have none.
func versionFits(pattern, version string) bool {
	if pattern == "" || version == "" {
		return true
	}
	have := strings.Split(strings.SplitN(version, "-", 2)[0], ".")
	for i, want := range strings.Split(strings.SplitN(pattern, "-", 2)[0], ".") {
		if want != "*" && (i >= len(have) || have[i] != want) {
			return false
		}
	}
	return true
}
