package workspace

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/policy"
	"github.com/azward/azward/policy/azurepolicy"
	"github.com/azward/azward/report"
)

// PostureFinding is one result with what decided it.
type PostureFinding struct {
	report.Posture
	Name       string `json:"name"` // of the resource, as people know it
	Connection string `json:"connection"`
	Scan       string `json:"scan"`
	// Defender are the recommendations of Defender for Cloud that ask the same of
	// the resource.
	Defender []policy.Recommendation `json:"defender"`
}

// PostureFindings gives the results that a query selects with what decided
// them, as [Workspace.PostureResults] does; Next goes on after them.
func (w *Workspace) PostureFindings(ctx context.Context, q PostureQuery) (findings []PostureFinding, next string, err error) {
	page, err := w.PostureResults(ctx, q)
	if err != nil {
		return nil, "", err
	}
	list, _, err := w.postures(ctx, q.Connection)
	if err != nil {
		return nil, "", err
	}
	findings = []PostureFinding{}
	for _, p := range list {
		findings = append(findings, p.explain(page.Results)...)
	}
	// As the page has them.
	place := map[string]int{}
	for i, r := range page.Results {
		place[r.Connection+placeMark+r.Rule+placeMark+string(r.Resource.Key())] = i
	}
	slices.SortStableFunc(findings, func(a, b PostureFinding) int {
		return place[a.Connection+placeMark+a.Rule+placeMark+string(a.Resource.Key())] - place[b.Connection+placeMark+b.Rule+placeMark+string(b.Resource.Key())]
	})
	return findings, page.Next, nil
}

// PostureFinding gives what one rule says of one resource; KindNotFound where
// it says nothing.
func (w *Workspace) PostureFinding(ctx context.Context, rule string, resource azward.ResourceID) (PostureFinding, error) {
	list, _, err := w.postures(ctx, "")
	if err != nil {
		return PostureFinding{}, err
	}
	key := string(resource.Key())
	for _, p := range list {
		at := slices.IndexFunc(p.rows, func(j judged) bool { return j.key == key && j.rule.ID == rule })
		if at < 0 {
			continue
		}
		if found := p.explain([]PostureResult{p.rows[at].row(p.kept.Scan.Source)}); len(found) > 0 {
			return found[0], nil
		}
	}
	return PostureFinding{}, &azward.Error{
		Kind: azward.KindNotFound, Op: "find result", Subject: fmt.Sprintf("%.100q", rule), Cause: "the rule says nothing of that resource",
		Remedy: "look at the rule's list of resources; what was not read has no result",
	}
}

// explain evaluates the rules of rows again, for what decided each: what is
// held of a result is not more than a list shows.
func (p *posture) explain(rows []PostureResult) []PostureFinding {
	wanted := map[string]PostureResult{}
	rules := map[*heldRule]bool{}
	for _, r := range rows {
		if h := p.byID[r.Rule]; h != nil && r.Connection == p.kept.Scan.Source {
			wanted[r.Rule+placeMark+string(r.Resource.Key())] = r
			rules[h] = true
		}
	}
	if len(rules) == 0 {
		return nil
	}
	var found []PostureFinding
	take := func(one report.Posture) {
		row := wanted[one.Rule+placeMark+string(one.Resource.Key())]
		one.Rank = row.rank()
		one.Result, one.Suppressed = row.Result, row.Suppressed
		found = append(found, PostureFinding{
			Posture: one, Name: row.Name, Connection: p.kept.Scan.Source, Scan: p.kept.Scan.ID, Defender: p.alike(one.Rule, one.Resource),
		})
	}
	has := func(rule string, id azward.ResourceID) bool {
		_, ok := wanted[rule+placeMark+string(id.Key())]
		return ok
	}
	var own []*policy.Rule
	var others []*azurepolicy.Policy
	for _, h := range p.rules { // in their order
		switch {
		case !rules[h]:
		case h.rule != nil:
			own = append(own, h.rule)
		default:
			others = append(others, h.policy)
		}
	}
	checker := policy.NewChecker(p.kept.Estate, p.at)
	checker.Lifecycle = p.profile.Lifecycle
	for r := range checker.Check(own) {
		if has(r.Rule.ID, r.Resource.ID) {
			take(r.Posture())
		}
	}
	for r := range azurepolicy.NewChecker(p.kept.Estate, p.at).Check(others) {
		if one := policy.AzurePosture(r); has(one.Rule, one.Resource) {
			take(one)
		}
	}
	return found
}

func (r *PostureResult) rank() report.PostureRank {
	rank := report.PostureRank{Class: r.Class, Blast: r.Blast, Reasons: r.Because}
	switch r.Exposed {
	case exposedWords[exposedYes]:
		rank.Exposed = azward.Yes
	case exposedWords[exposedNo]:
		rank.Exposed = azward.No
	}
	return rank
}

// alike are Defender's recommendations that ask what a rule asks, of the
// resource or of what holds it.
func (p *posture) alike(rule string, id azward.ResourceID) []policy.Recommendation {
	found := []policy.Recommendation{}
	for _, r := range p.defender.Recommendations {
		if slices.Contains(r.Rules, rule) && r.Defender != "" && within(strings.ToLower(string(id)), string(r.Resource.Key())) {
			found = append(found, r)
		}
	}
	return found
}
