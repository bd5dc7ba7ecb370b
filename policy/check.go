package policy

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/impact"
	"github.com/azward/azward/policy/azurepolicy"
)

// State of a resource under a rule; the words are those of Azure's policies.
type State = azurepolicy.State

// Result is what one rule says of one resource.
type Result struct {
	Rule *Rule
	// Resource is what is judged; for a rule about what must exist the
	// subscription, or the tenant "/".
	Resource *estate.Resource
	State    State
	// Reason in one clause.
	Reason string
	// Proof are listings and exposures that the answer rests on beside
	// properties, and Gaps what keeps it from being known.
	Proof []azward.Evidence
	Gaps  []azward.Gap

	reads []read
}

// Paths are the properties that the answer rests on, written as rules write
// them: "properties.networkAcls.defaultAction", with [*] for elements.
func (r *Result) Paths() []string {
	var out []string
	for i := range r.reads {
		if p := r.reads[i].dotted(); !slices.Contains(out, p) {
			out = append(out, p)
		}
	}
	return out
}

// subject is a resource that is judged.
type subject struct{ root *object }

// Checker evaluates rules on one estate at one time. It is not safe for
// concurrent use; any number may share an estate and rules.
type Checker struct {
	// Lifecycle tells which distributions have ended; without it that is unknown.
	Lifecycle Lifecycle

	estate    *estate.Estate
	run       run
	steps     int
	documents map[*estate.Resource]*document
	byScope   map[scopedType][]*estate.Resource
	roleNames map[string]*estate.Resource
	// lockScopes are locks by what they lock; nil until they are asked for.
	lockScopes map[azward.ResourceKey][]*estate.Resource
	exposures  map[azward.ResourceKey]*exposure.Exposure
	radii      map[azward.ResourceKey]impact.Radius
	ladders    map[azward.ResourceKey][]exposure.Rung
}

type scopedType struct {
	resourceType string
	scope        azward.ResourceKey
}

// maxDocuments bounds how many decoded resources are held, at some 10 KB each.
const maxDocuments = 4096

// NewChecker makes a checker. At is what rules know as now.
func NewChecker(e *estate.Estate, at time.Time) *Checker {
	c := &Checker{
		estate: e, documents: map[*estate.Resource]*document{}, byScope: map[scopedType][]*estate.Resource{},
		exposures: map[azward.ResourceKey]*exposure.Exposure{}, radii: map[azward.ResourceKey]impact.Radius{},
		ladders: map[azward.ResourceKey][]exposure.Rung{},
	}
	c.run = run{checker: c, now: at}
	return c
}

// Steps is what the checker's evaluations took so far: properties looked at,
// resources and elements walked, text in pieces of 64 bytes.
func (c *Checker) Steps() int { return c.steps }

// document decodes a resource once.
func (c *Checker) document(r *estate.Resource) (*document, error) {
	if d := c.documents[r]; d != nil {
		return d, nil
	}
	d, err := newDocument(c.estate, r, &c.run)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", r.ID, err)
	}
	if len(c.documents) >= maxDocuments {
		clear(c.documents)
	}
	c.documents[r] = d
	return d, nil
}

// within gives the resources of a type in a subscription.
func (c *Checker) within(resourceType string, scope azward.ResourceID) []*estate.Resource {
	key := scopedType{strings.ToLower(resourceType), scope.Key()}
	if found, ok := c.byScope[key]; ok {
		return found
	}
	all := scopedType{key.resourceType, ""}
	if _, filed := c.byScope[all]; !filed {
		c.byScope[all] = nil
		for _, r := range c.estate.OfType(resourceType) {
			of := scopedType{key.resourceType, r.ID.SubscriptionScope().Key()}
			c.byScope[of] = append(c.byScope[of], r)
		}
	}
	return c.byScope[key]
}

// roles are role definitions by name, in lower case.
func (c *Checker) roles() map[string]*estate.Resource {
	if c.roleNames == nil {
		c.roleNames = map[string]*estate.Resource{}
		for _, r := range c.estate.OfType(roleType) {
			c.roleNames[strings.ToLower(r.ID.Name())] = r
		}
	}
	return c.roleNames
}

// inside are the child resources that their parent's document holds whole.
var inside = map[string][]string{
	"microsoft.network/virtualnetworks":       {"subnets", "virtualNetworkPeerings"},
	"microsoft.network/networksecuritygroups": {"securityRules"},
	"microsoft.network/routetables":           {"routes"},
}

// embedded gives the children of a type that a resource's document holds; it
// is false where the document does not hold them.
func (c *Checker) embedded(o *object, resourceType string) ([]*object, bool) {
	of := o.resource().Type
	at := slices.IndexFunc(inside[strings.ToLower(of)], func(kind string) bool { return strings.EqualFold(of+"/"+kind, resourceType) })
	if at < 0 {
		return nil, false
	}
	kind := inside[strings.ToLower(of)][at]
	i := o.find("properties")
	if i < 0 {
		return nil, false
	}
	properties, ok := o.at(i).(*object)
	if !ok {
		return nil, false
	}
	if i = properties.find(kind); i < 0 {
		return nil, o.doc.unread == ""
	}
	list, ok := properties.at(i).(*array)
	if !ok {
		return nil, o.doc.unread == ""
	}
	var found []*object
	for _, v := range list.values() {
		child, ok := v.(*object)
		if !ok {
			continue
		}
		if child.as == nil {
			at := child.find("id")
			if at < 0 {
				continue
			}
			id, _ := child.at(at).(types.String)
			parsed, err := azward.ParseResourceID(string(id))
			if err != nil || !parsed.Within(o.id()) {
				continue
			}
			child.as = &estate.Resource{ID: parsed, Type: of + "/" + kind, Name: parsed.Name(), Provenance: o.doc.resource.Provenance}
		}
		found = append(found, child)
	}
	return found, true
}

// Check evaluates rules on every resource that they are about, in the order of
// the resources' IDs and of the rules, and yields each result that is
// applicable. Rules about what must exist come first, those about images last.
func (c *Checker) Check(rules []*Rule) iter.Seq[Result] {
	return func(yield func(Result) bool) {
		byType := map[string][]*Rule{}
		for _, rule := range rules {
			for _, t := range rule.Types {
				byType[strings.ToLower(t)] = append(byType[strings.ToLower(t)], rule)
			}
		}
		if !c.scopes(rules, yield) {
			return
		}
		for r := range c.estate.All() {
			if !c.resource(r, byType, yield) {
				return
			}
		}
		c.images(byType[strings.ToLower(ImageType)], yield)
	}
}

// scopes evaluates rules about what must exist.
func (c *Checker) scopes(rules []*Rule, yield func(Result) bool) bool {
	for _, rule := range rules {
		switch rule.Scope {
		case scopeTenant:
			if !c.one(rule, c.standIn("/", "tenant"), yield) {
				return false
			}
		case scopeSubscription:
			for _, id := range c.estate.Subscriptions() {
				r, ok := c.estate.Resource(id)
				if !ok {
					r = c.standIn(id, "Microsoft.Resources/subscriptions").resource()
				}
				d, err := c.document(r)
				if err != nil {
					if !yield(Result{Rule: rule, Resource: r, Reason: err.Error()}) {
						return false
					}
					continue
				}
				if !c.one(rule, d.root, yield) {
					return false
				}
			}
		}
	}
	return true
}

// standIn is a scope that the estate holds no document of.
func (c *Checker) standIn(id azward.ResourceID, of string) *object {
	r := &estate.Resource{ID: id, Type: of, Name: id.Name(), Body: azward.JSONValue(map[string]string{"id": string(id), "type": of})}
	d := &document{resource: r, run: &c.run, unread: "it was not read"}
	d.root = &object{place: place{doc: d}, raw: string(r.Body)}
	return d.root
}

func (c *Checker) resource(r *estate.Resource, byType map[string][]*Rule, yield func(Result) bool) bool {
	key := strings.ToLower(r.TypeKey())
	rules, kinds := byType[key], inside[key]
	if len(rules) == 0 && len(kinds) == 0 {
		return true
	}
	d, err := c.document(r)
	if err != nil {
		for _, rule := range rules {
			if !yield(Result{Rule: rule, Resource: r, Reason: err.Error()}) {
				return false
			}
		}
		return true
	}
	for _, rule := range rules {
		if !c.one(rule, d.root, yield) {
			return false
		}
	}
	for _, kind := range kinds {
		of := byType[key+"/"+strings.ToLower(kind)]
		if len(of) == 0 {
			continue
		}
		children, _ := c.embedded(d.root, r.Type+"/"+kind)
		for _, child := range children {
			if _, own := c.estate.Resource(child.id()); own {
				continue
			}
			for _, rule := range of {
				if !c.one(rule, child, yield) {
					return false
				}
			}
		}
	}
	return true
}

func (c *Checker) one(rule *Rule, o *object, yield func(Result) bool) bool {
	got := c.judge(rule, o)
	c.steps += c.run.steps
	return got.State == azurepolicy.NotApplicable || yield(got)
}

// judge evaluates one rule on one resource.
func (c *Checker) judge(rule *Rule, o *object) Result {
	r := &c.run
	r.subject = subject{o}
	r.reads, r.proof, r.gaps, r.steps = r.reads[:0], nil, nil, 0
	out := Result{Rule: rule, Resource: o.resource()}
	if rule.applies != nil {
		answer, why := r.eval(rule.applies)
		switch answer {
		case azward.No:
			out.State = azurepolicy.NotApplicable
			return out
		case azward.Unknown:
			return r.finish(out, "whether the rule applies is not known: "+why)
		}
		r.reads, r.proof, r.gaps = r.reads[:0], nil, nil
	}
	if rule.open != nil {
		if answer, why := r.eval(rule.open); answer != azward.No {
			return r.finish(out, cmp.Or(why, "the rule leaves this case open"))
		}
	}
	answer, why := r.eval(rule.test)
	switch {
	case answer == azward.Unknown:
		return r.finish(out, why)
	case o.doc.resource.Maybe():
		return r.finish(out, "whether it is deployed at all is known when it is, and not before")
	case (answer == azward.Yes) == rule.Fails:
		out.State = azurepolicy.Fail
	default:
		out.State = azurepolicy.Pass
	}
	return r.finish(out, "")
}

// eval gives the answer of a condition, and why there is none.
func (r *run) eval(p *program) (azward.Answer, string) {
	v, err := r.exec(p)
	if r.steps > maxSteps && v != types.True && v != types.False {
		return azward.Unknown, fmt.Sprintf("the condition costs too much: %v", errCostly)
	}
	if err != nil {
		var stopped interpreter.EvalCancelledError
		if errors.As(err, &stopped) {
			return azward.Unknown, "the condition costs too much: " + stopped.Message
		}
		return azward.Unknown, "the condition cannot be decided: " + r.explain(err)
	}
	switch v {
	case types.True:
		return azward.Yes, ""
	case types.False:
		return azward.No, ""
	}
	if types.IsUnknown(v) {
		return azward.Unknown, r.whyUnknown()
	}
	return azward.Unknown, fmt.Sprintf("the condition gives %s, not true or false", v.Type().TypeName())
}

// exec evaluates a condition. One whose costs are not counted goes without
// what CEL sets up for each evaluation.
func (r *run) exec(p *program) (v ref.Val, err error) {
	if p.nested {
		v, _, err = p.whole.Eval(r)
		return v, err
	}
	if r.frame == nil {
		if r.frame, err = interpreter.NewExecutionFrame(r); err != nil {
			return nil, err
		}
	}
	defer func() {
		if bug := recover(); bug != nil { // as CEL has it
			r.frame, err = nil, fmt.Errorf("internal error: %v", bug)
		}
	}()
	v = p.root.Exec(r.frame)
	if bad, is := v.(*types.Err); is {
		err = bad
	}
	return v, err
}

// explain puts CEL's words for a comparison with what is not set into ours.
func (r *run) explain(err error) string {
	text := err.Error()
	if n := len(r.reads); strings.Contains(text, "no such overload") && n > 0 {
		last := &r.reads[n-1]
		if last.value == types.NullValue {
			return last.pointer() + " is not set, and the condition does not say what that means"
		}
		return fmt.Sprintf("%s holds a %s", last.pointer(), last.value.Type().TypeName())
	}
	return text
}

// whyUnknown names the first fact that is missing.
func (r *run) whyUnknown() string {
	for i := range r.reads {
		if one := &r.reads[i]; one.why != "" {
			return one.pointer() + " was not read: " + one.why
		}
	}
	if len(r.gaps) > 0 {
		return cmp.Or(r.gaps[0].Error, r.gaps[0].Reads+" was not read")
	}
	return "a fact that it needs was not read"
}

// finish keeps what the answer rests on.
func (r *run) finish(out Result, why string) Result {
	out.Reason, out.Proof = why, r.proof
	if out.State == azurepolicy.Unknown {
		out.Gaps = r.gaps
		for i := range r.reads {
			if one := &r.reads[i]; one.why != "" {
				out.Gaps = append(out.Gaps, azward.Gap{
					Scope: one.at.doc.resource.ID, Kind: azward.GapNotRead, Reads: one.pointer(), Error: one.why,
					Needs: one.at.doc.needs(),
				})
			}
		}
		out.Gaps = distinct(out.Gaps)
	}
	out.reads = r.kept(r.reads[:min(len(r.reads), maxReads)])
	return out
}

// kept copies reads for a result. Many results share one piece of memory.
func (r *run) kept(reads []read) []read {
	const together = 256 // reads, 18 KB
	if cap(r.spare)-len(r.spare) < len(reads) {
		r.spare = make([]read, 0, together)
	}
	start := len(r.spare)
	r.spare = append(r.spare, reads...)
	return r.spare[start:len(r.spare):len(r.spare)]
}

// maxGaps bounds how many gaps one answer names.
const maxGaps = 16

func distinct(gaps []azward.Gap) []azward.Gap {
	var out []azward.Gap
	for _, g := range gaps {
		if len(out) < maxGaps && !slices.Contains(out, g) {
			out = append(out, g)
		}
	}
	return out
}
