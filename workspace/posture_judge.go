package workspace

import (
	"cmp"
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy"
	"github.com/azward/azward/policy/azurepolicy"
	"github.com/azward/azward/report"
)

// maxPasses bounds the results that pass and are held for each estate, at some
// 200 bytes; those beyond are counted.
const maxPasses = 200_000

// judge evaluates a profile on an estate.
func (w *Workspace) judge(ctx context.Context, k Kept, at time.Time) (*posture, error) {
	if err := w.posture.going(); err != nil {
		return nil, err
	}
	profile, err := w.profile(ctx, k)
	if err != nil {
		return nil, err
	}
	p := &posture{kept: k, at: at, profile: profile, counts: map[*heldRule]PostureCounts{}, unheld: map[*heldRule]int{}, byID: map[string]*heldRule{}}
	j := judging{posture: p, ranker: policy.NewChecker(k.Estate, at), names: map[azward.ResourceID][2]string{}}
	j.hold()
	checker := policy.NewChecker(k.Estate, at)
	checker.Lifecycle = profile.Lifecycle
	for r := range checker.Check(profile.Rules) {
		if err := w.posture.going(); err != nil {
			return nil, err
		}
		held := j.byRule[r.Rule.ID]
		if r.State == azurepolicy.Pass {
			j.pass(held, r.Resource.ID, r.Resource.TypeKey())
			continue
		}
		j.take(held, r.Posture())
	}
	for r := range azurepolicy.NewChecker(k.Estate, at).Check(profile.Policies) {
		if err := w.posture.going(); err != nil {
			return nil, err
		}
		held := j.byPolicy[r.Policy]
		if held == nil {
			continue // an override's variant; assigned policies are no profile's
		}
		if r.State == azurepolicy.Pass {
			j.pass(held, r.Resource.ID, r.Resource.Type)
			continue
		}
		j.take(held, policy.AzurePosture(r))
	}
	slices.SortFunc(p.rows, comparePlaces)
	if p.defender, err = policy.DefenderOf(k.Estate, slices.Values(p.slim(func(j *judged) bool { return j.rule.Engine == policy.EngineRules }))); err != nil {
		return nil, err
	}
	return p, nil
}

func (w *Workspace) profile(ctx context.Context, k Kept) (PostureProfile, error) {
	if w.Profiles != nil {
		return w.Profiles.Profile(ctx, k.Estate)
	}
	rules, _, err := policy.Rules()
	return PostureProfile{Name: policy.ProfileRules, Profile: policy.Profile{Rules: rules}}, err
}

// judging gathers results.
type judging struct {
	posture  *posture
	ranker   *policy.Checker
	byRule   map[string]*heldRule
	byPolicy map[*azurepolicy.Policy]*heldRule
	names    map[azward.ResourceID][2]string // key and name, one copy of each
	passes   int                             // among the rows
}

func (j *judging) hold() {
	j.byRule, j.byPolicy = map[string]*heldRule{}, map[*azurepolicy.Policy]*heldRule{}
	add := func(h *heldRule) *heldRule {
		j.posture.byID[h.ID] = h
		h.search = strings.ToLower(h.ID + " " + h.Title)
		j.posture.rules = append(j.posture.rules, h)
		return h
	}
	for _, r := range j.posture.profile.Rules {
		j.byRule[r.ID] = add(&heldRule{
			ID: r.ID, Title: r.Title, Category: r.Category, Engine: policy.EngineRules, Severity: r.Severity, Frameworks: r.Frameworks, rule: r,
		})
	}
	for _, one := range j.posture.profile.Policies {
		d := one.Definition
		j.byPolicy[one] = add(&heldRule{
			ID: cmp.Or(d.Name, d.ID.Name()), Title: d.DisplayName, Category: d.Category, Engine: policy.EngineAzure,
			Severity: policy.SeverityOf(one), Frameworks: one.Groups, policy: one,
		})
	}
}

func (j *judging) pass(rule *heldRule, id azward.ResourceID, kind string) {
	if j.passes < maxPasses {
		j.passes++
		j.add(judged{rule: rule, resource: id, kind: kind, result: uint8(slices.Index(PostureResults(), PosturePass)), exposed: exposedNothing})
		return
	}
	j.posture.unheld[rule]++
	c := j.posture.counts[rule]
	c.Pass++
	j.posture.counts[rule] = c
}

// take keeps a result that does not pass, ranked and with the suppression that
// holds.
func (j *judging) take(rule *heldRule, p report.Posture) {
	policy.Suppress(&p, j.posture.profile.Suppressions, j.posture.at)
	result := p.Result
	if p.Suppressed != nil {
		result = p.Suppressed.Was
	}
	j.ranker.Rank(&p)
	one := judged{
		rule: rule, resource: p.Resource, kind: p.Type, class: p.Rank.Class, reason: reasonOf(&p), exposed: exposedOf(&p), aside: p.Suppressed, because: p.Rank.Reasons,
		blast: uint8(min(max(p.Rank.Blast, 0), 4)),
	}
	if at := slices.Index(PostureResults(), result); at >= 0 {
		one.result = uint8(at)
	} else {
		one.result = uint8(slices.Index(PostureResults(), PostureUnknown)) // a word of another version is no pass
	}
	j.add(one)
}

func (j *judging) add(one judged) {
	named, ok := j.names[one.resource]
	if !ok {
		named = [2]string{string(one.resource.Key()), nameOf(j.posture.kept.Estate, one.resource)}
		j.names[one.resource] = named
	}
	one.key, one.name, one.urgency = named[0], named[1], one.rank()
	c := j.posture.counts[one.rule]
	c.add(&one)
	j.posture.counts[one.rule] = c
	j.posture.rows = append(j.posture.rows, one)
}

// maxShownName bounds a name that somebody chose, in bytes.
const maxShownName = 200

// nameOf names what is judged: a subscription and things of the directory by
// their display name, since their ID says nothing to people.
func nameOf(e *estate.Estate, id azward.ResourceID) string {
	r, ok := e.Resource(id)
	if !ok || id.Subscription() != "" && !strings.EqualFold(r.Type, subscriptionType) {
		return SubjectName(id)
	}
	for _, at := range []string{"/displayName", "/properties/displayName", "/name", "/principalDisplayName"} {
		var name string
		if raw, ok := r.At(at); ok && json.Unmarshal(raw, &name) == nil && name != "" && len(name) <= maxShownName {
			return name
		}
	}
	return SubjectName(id)
}

const subscriptionType = "Microsoft.Resources/subscriptions"

func exposedOf(p *report.Posture) uint8 {
	switch {
	case len(p.Rank.Reasons) == 0:
		return exposedNothing
	case p.Rank.Exposed == azward.Yes:
		return exposedYes
	case p.Rank.Exposed == azward.No:
		return exposedNo
	}
	return exposedOpen
}

// maxReasonShown bounds a reason in a list, in characters; the finding has all.
const maxReasonShown = 240

// reasonOf says in a clause what decided.
func reasonOf(p *report.Posture) string {
	s := p.Reason
	if s == "" && len(p.Evidence) > 0 {
		s = p.Evidence[0].Meaning
	}
	if s == "" && len(p.Comparisons) > 0 {
		c := p.Comparisons[0]
		s = strings.TrimSpace(c.Field + " is " + string(c.Value))
		if c.Operator != "" && c.Operator != "read" {
			s += " (" + c.Operator + " " + string(c.Expected) + ")"
		}
	}
	if r := []rune(s); len(r) > maxReasonShown {
		s = string(r[:maxReasonShown-1]) + "…"
	}
	return strings.Clone(s)
}

// slim are results without what decided: as many as are asked for can be held.
func (p *posture) slim(keep func(*judged) bool) []report.Posture {
	var list []report.Posture
	for i := range p.rows {
		j := &p.rows[i]
		if !keep(j) {
			continue
		}
		list = append(list, report.Posture{
			Engine: j.rule.Engine, Rule: j.rule.ID, Title: j.rule.Title, Severity: j.rule.Severity, Category: j.rule.Category, Resource: j.resource,
			Type: j.kind, Result: j.word(), Reason: j.reason, Frameworks: j.rule.Frameworks, Suppressed: j.aside,
		})
	}
	return list
}
