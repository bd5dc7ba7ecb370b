package azurepolicy

import (
	"cmp"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// State of a resource under a policy. The zero value is Unknown.
type State int8

// States. Azure calls Pass compliant and Fail non-compliant.
//
// Source: https://learn.microsoft.com/azure/governance/policy/concepts/compliance-states
const (
	Unknown State = iota
	Pass
	Fail
	NotApplicable
	Exempt
)

// String names the state as JSON does.
func (s State) String() string {
	return [...]string{"unknown", "pass", "fail", "notApplicable", "exempt"}[s]
}

// MarshalText writes the state as [State.String] does.
func (s State) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// Result is what one policy says of one resource.
type Result struct {
	Policy   *Policy
	Resource *estate.Resource
	State    State
	// Leaves are the comparisons that decided, or that could not be made; of
	// [Checker.Explain] alone.
	Leaves []Leaf
	// Proof are the listings behind "there is no such resource", and Gaps what
	// keeps that from being known.
	Proof []azward.Evidence
	Gaps  []azward.Gap
	// Reason in one clause, where there is more to say than the leaves do.
	Reason string
	// Refused counts comparisons that Azure itself refuses to make.
	Refused int
}

// Checker evaluates policies on one estate at one time. It is not safe for
// concurrent use; any number may share an estate and policies.
type Checker struct {
	// Brief leaves out the comparisons of what passes.
	Brief bool

	estate   *estate.Estate
	at       time.Time
	subjects map[*estate.Resource]*Subject
	run      run
	// below files the resources of a type under everything that they lie in.
	below map[string]map[string][]*estate.Resource
	// containers are documents of resource groups and subscriptions.
	containers map[azward.ResourceKey]value
}

// NewChecker makes a checker. At is what utcNow() gives, and what exemptions
// expire by.
func NewChecker(e *estate.Estate, at time.Time) *Checker {
	return &Checker{estate: e, at: at, subjects: map[*estate.Resource]*Subject{}, below: map[string]map[string][]*estate.Resource{}, containers: map[azward.ResourceKey]value{}}
}

// Subject is a resource of the estate, decoded once.
func (c *Checker) Subject(r *estate.Resource) (*Subject, error) {
	if s := c.subjects[r]; s != nil {
		return s, nil
	}
	s, err := newSubject(c.estate, r)
	if err == nil {
		if len(c.subjects) >= maxSubjects {
			clear(c.subjects)
		}
		c.subjects[r] = s
	}
	return s, err
}

// maxSubjects bounds how many decoded resources are held, at some 10 KB each.
const maxSubjects = 4096

// Evaluate gives the state without the leaves that decided.
func (c *Checker) Evaluate(p *Policy, s *Subject) Result { return c.evaluate(p, s, false) }

// Explain gives the state with the leaves that decided.
func (c *Checker) Explain(p *Policy, s *Subject) Result { return c.evaluate(p, s, true) }

func (c *Checker) evaluate(p *Policy, s *Subject, tracing bool) Result {
	if a := p.Assignment; a != nil {
		return c.assigned(p, a, s, tracing)
	}
	return c.judge(p, s, tracing)
}

// assigned evaluates a policy within its assignment.
func (c *Checker) assigned(p *Policy, a *Assignment, s *Subject, tracing bool) Result {
	out := Result{Policy: p, Resource: s.Resource, State: NotApplicable}
	covered := a.covers(c.estate, s)
	if covered == azward.No {
		return out
	}
	for _, v := range p.variants {
		switch selectsAll(v.selectors, s) {
		case azward.No:
			continue
		case azward.Yes:
			if v.policy != nil {
				p = v.policy
			}
		}
		if v.policy == nil || p != v.policy {
			out = c.judge(p, s, tracing)
			return out.open(cmp.Or(v.reason, "whether an override of its assignment holds here is not known"))
		}
		break
	}
	out = c.judge(p, s, tracing)
	if covered == azward.Unknown {
		return out.open("whether its assignment covers the resource is not known")
	}
	if out.State == NotApplicable {
		return out
	}
	switch exempt, x := a.exempts(c.estate, s, p.From.Reference, c.at); exempt {
	case azward.Yes:
		out.Reason = "exempted (" + x.category + ") by " + string(x.id) + "; it would be " + out.State.String()
		out.State = Exempt
	case azward.Unknown:
		return out.open("whether an exemption holds is not known")
	}
	return out
}

// open makes a result unknown, unless the policy is not about the resource.
func (r Result) open(why string) Result {
	if r.State != NotApplicable {
		r.State, r.Reason = Unknown, why
	}
	return r
}

func (c *Checker) judge(p *Policy, s *Subject, tracing bool) Result {
	out := Result{Policy: p, Resource: s.Resource, State: NotApplicable}
	if p.onlyType != "" && p.onlyType != s.typeLow {
		return out // most pairs end here
	}
	r := &c.run
	*r = run{subject: s, first: s, estate: c.estate, at: c.at, from: &p.From, slots: r.slots[:0], leaves: r.leaves[:0], containers: c.containers}
	switch {
	case p.Effect == "disabled":
		out.Reason = "the effect is disabled"
		return out
	case !p.applicable(r):
		return out
	case p.Effect == "manual":
		out.State, out.Reason = Unknown, "somebody has to attest it: the effect is manual"
		return out
	case slices.Contains(requestEffects, p.Effect):
		out.Reason = "the effect " + p.Effect + " judges no existing resource"
		return out
	}
	r.tracing = tracing
	answer := p.test.eval(r)
	switch {
	case answer == azward.Unknown:
		out.State, out.Reason = Unknown, r.why.reason
	case p.exists != nil && answer == azward.No:
		r.leaves = r.leaves[:0]
	case p.exists != nil:
		c.related(p.exists, r, &out)
	case answer == azward.Yes:
		out.State = Fail
	default:
		out.State = Pass
	}
	out.Refused = r.refusals
	if tracing && (out.State != Pass || !c.Brief) {
		out.Leaves = r.told()
	}
	if s.maybe() {
		return out.open(maybeReason)
	}
	return out
}

const maybeReason = "whether it is deployed at all is known when it is, and not before"

// maybe reports that the resource is deployed under a condition that nobody
// can decide yet.
func (s *Subject) maybe() bool {
	return s.Resource.Maybe() || s.holder != nil && s.holder.Maybe()
}

// requestEffects act on requests, and say nothing of what exists.
var requestEffects = []string{"denyAction", "auditAction", "addToNetworkGroup", "mutate"}

// related looks for what an -IfNotExists effect wants to find.
func (c *Checker) related(x *existence, r *run, out *Result) {
	want, bad := x.target(r)
	if bad.undecided() {
		out.State, out.Reason = Unknown, bad.text
		if bad.kind == failed {
			r.refusals++
		}
		return
	}
	inside, whole := c.inside(r.first, want)
	met, seen := c.anyMeets(x, r, want, inside, out)
	switch {
	case met:
		return
	case out.Reason != "":
		out.State = Unknown
		return
	case seen > 0 && want.single():
		// The one resource that is looked for is there, and does not do.
	case whole != nil:
		out.Proof = []azward.Evidence{*whole}
	default:
		out.Proof, out.Gaps = c.estate.Absence(want.scope, want.kind)
	}
	if len(out.Gaps) > 0 {
		out.State, out.Reason = Unknown, "not all "+want.kind+" were read"
		return
	}
	out.State, out.Reason = Fail, "no "+want.kind+" meets the condition"
}

// anyMeets asks the resources of the estate, and those inside the subject's
// document. Without one that meets the condition, the reason of out says why
// one may; seen counts those that were asked.
func (c *Checker) anyMeets(x *existence, r *run, want target, inside []*Subject, out *Result) (met bool, seen int) {
	ifLeaves := len(r.leaves)
	candidates := inside
	for _, found := range c.under(want) {
		s, err := c.Subject(found)
		if err != nil {
			out.Reason = err.Error()
			continue
		}
		candidates = append(candidates, s)
	}
	for _, s := range candidates {
		if !want.holds(s.Resource) {
			continue
		}
		seen++
		mark := len(r.leaves)
		switch answer, reason := meets(x, r, s); {
		case answer == azward.Yes && s.maybe():
			out.Reason = maybeReason
		case answer == azward.Yes:
			r.leaves = append(r.leaves[:ifLeaves], r.leaves[mark:]...)
			out.State, out.Reason = Pass, "found "+string(s.Resource.ID)
			return true, seen
		case answer == azward.Unknown:
			out.Reason = reason
		}
	}
	return false, seen
}

// inside are the wanted children that the subject's own document holds, as it
// does private endpoint connections. Where it holds the list, there are no
// others: whole cites it.
func (c *Checker) inside(s *Subject, want target) (children []*Subject, whole *azward.Evidence) {
	kind, below := strings.CutPrefix(strings.ToLower(want.kind), s.typeLow+"/")
	if !below || s.holder != nil {
		return nil, nil
	}
	if kind != "privateendpointconnections" && !slices.ContainsFunc(embedded[s.typeLow], func(k string) bool { return strings.EqualFold(k, kind) }) {
		return nil, nil
	}
	properties, at := s.doc.member("properties")
	if at < 0 {
		return nil, nil
	}
	all, at := properties.member(kind)
	if at < 0 || all.kind != list {
		return nil, nil
	}
	name, lost := properties.obj().keys[at], false
	for i := range all.list {
		if child := c.embeddedChild(s, name, i, &all.list[i]); child != nil {
			children = append(children, child)
		} else if _, own := c.estate.Resource(azward.ResourceID(all.list[i].path("id"))); !own {
			lost = true // a child without an ID of its own: nothing is proven
		}
	}
	if lost {
		return children, nil
	}
	cited := s.Resource.Evidence("/properties/"+name, "all "+want.kind)
	return children, &cited
}

// under gives the resources of the wanted type in the wanted scope. A type is
// filed when it is first asked for, so that the work grows with the number of
// resources and not with its square.
func (c *Checker) under(want target) []*estate.Resource {
	low := strings.ToLower(want.kind)
	filed, known := c.below[low]
	if !known {
		filed = map[string][]*estate.Resource{}
		for _, r := range c.estate.OfType(want.kind) {
			// Scopes and resources are named by pairs: kind and name, or
			// "providers" and a namespace.
			key := string(r.ID.Key())
			for at, slashes := 1, 0; at < len(key); at++ {
				if key[at] != '/' {
					continue
				}
				if slashes++; slashes%2 == 0 {
					filed[key[:at]] = append(filed[key[:at]], r)
				}
			}
		}
		c.below[low] = filed
	}
	return filed[string(want.scope.Key())]
}

// meets asks the existence condition of a related resource.
func meets(x *existence, r *run, s *Subject) (azward.Answer, string) {
	if x.condition == nil {
		return azward.Yes, ""
	}
	r.subject = s
	answer := x.condition.eval(r)
	r.subject = r.first
	return answer, r.why.reason
}

// target is which resources an -IfNotExists effect looks at.
type target struct {
	kind  string
	scope azward.ResourceID // where to look
	name  string            // "" for any; the last segment may be ?
	// of is the resource whose children or extensions are looked at; "" for
	// all of a scope.
	of azward.ResourceID
}

// extensions are resource types that belong to the resource that they extend.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/management/extension-resource-types
var extensions = map[string]bool{
	"microsoft.insights/diagnosticsettings":                      true,
	"microsoft.insights/datacollectionruleassociations":          true,
	"microsoft.guestconfiguration/guestconfigurationassignments": true,
	"microsoft.authorization/locks":                              true,
	"microsoft.security/advancedthreatprotectionsettings":        true,
	"microsoft.security/defenderforstoragesettings":              true,
	"microsoft.security/assessments":                             true,
	"microsoft.maintenance/configurationassignments":             true,
	"microsoft.customproviders/associations":                     true,
	"microsoft.automanage/configurationprofileassignments":       true,
}

func (x *existence) target(r *run) (target, value) {
	texts := map[string]string{}
	for key, e := range map[string]expression{"type": x.kind, "name": x.name, "group": x.group, "scope": x.scope} {
		if e == nil {
			continue
		}
		v := e.eval(r)
		if v.undecided() {
			return target{}, v
		}
		s, ok := v.scalar()
		if !ok {
			return target{}, failure("the %s of what should exist is no text", key)
		}
		texts[key] = s
	}
	id := r.first.Resource.ID
	t := target{kind: texts["type"], name: texts["name"]}
	low := strings.ToLower(t.kind)
	switch {
	case strings.HasPrefix(low, r.first.typeLow+"/") || extensions[low]:
		t.scope, t.of = id, id
	case strings.EqualFold(texts["scope"], "subscription") || id.ResourceGroup() == "":
		t.scope = id.SubscriptionScope()
	case texts["group"] != "":
		t.scope = id.SubscriptionScope().Child("resourceGroups", texts["group"])
	default:
		t.scope = id.SubscriptionScope().Child("resourceGroups", id.ResourceGroup())
	}
	if t.scope == "" {
		return target{}, failure("the resource is in no subscription")
	}
	return t, value{}
}

// single reports whether one resource is looked for by its name.
func (t target) single() bool { return t.name != "" && !strings.HasSuffix(t.name, "/?") }

// holds reports whether a resource of the type is one that is looked at.
func (t target) holds(r *estate.Resource) bool {
	if !r.ID.Within(t.scope) || t.of != "" && r.ID.Equal(t.of) {
		return false
	}
	if t.name == "" {
		return true
	}
	full := fullName(r.ID)
	if parents, open := strings.CutSuffix(t.name, "/?"); open {
		at := strings.LastIndexByte(full, '/')
		return at >= 0 && strings.EqualFold(full[:at], parents)
	}
	return strings.EqualFold(full, t.name) || strings.EqualFold(r.ID.Name(), t.name)
}

// Check evaluates policies on every resource of the estate, in the order of
// the resources' IDs and of the policies, and yields each result that is
// applicable, with its leaves.
func (c *Checker) Check(policies []*Policy) iter.Seq[Result] {
	return func(yield func(Result) bool) {
		index := NewIndex(policies)
		for r := range c.estate.All() {
			if r.Cluster != "" || !strings.HasPrefix(string(r.ID), "/") {
				continue // a cluster's object, or one of Microsoft Graph
			}
			if !c.resource(r, index, yield) {
				return
			}
		}
	}
}

func (c *Checker) resource(r *estate.Resource, index *Index, yield func(Result) bool) bool {
	if index.none(bare(r)) {
		return true // its document would be decoded for nothing
	}
	s, err := c.Subject(r)
	if err != nil {
		// Nothing of it can be decided, and nothing else says so.
		return yield(Result{Resource: r, State: Unknown, Reason: err.Error()})
	}
	for s := range c.withEmbedded(s) {
		for _, p := range index.For(s) {
			if got := c.Explain(p, s); got.State != NotApplicable && !yield(got) {
				return false
			}
		}
	}
	return true
}

// Index files policies by the resource types that they may apply to. It is not
// safe for concurrent use.
type Index struct {
	policies []*Policy
	byType   map[string][]*Policy
}

// NewIndex makes an index of policies. A type is looked at when it is first
// met.
func NewIndex(policies []*Policy) *Index {
	return &Index{policies: policies, byType: map[string][]*Policy{}}
}

// For gives the policies that may apply to a resource.
func (i *Index) For(s *Subject) []*Policy {
	found, known := i.byType[s.typeLow]
	if !known {
		for _, p := range i.policies {
			if p.may(s) {
				found = append(found, p)
			}
		}
		i.byType[s.typeLow] = found
	}
	return found
}

// none reports whether no policy may apply to a resource, nor to what its
// document may hold.
func (i *Index) none(s *Subject) bool {
	if len(i.For(s)) > 0 {
		return false
	}
	for _, kind := range embedded[s.typeLow] {
		of := s.Resource.Type + "/" + kind
		child := &Subject{Resource: s.Resource, typeLow: strings.ToLower(of), typeValue: textValue(of), nameValue: s.nameValue}
		if len(i.For(child)) > 0 {
			return false
		}
	}
	return true
}

// String is the state and where it holds, for messages.
func (r *Result) String() string {
	return fmt.Sprintf("%s %s %s", r.State, r.Policy.Definition.label(), r.Resource.ID)
}
