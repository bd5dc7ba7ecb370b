package workspace

import (
	"cmp"
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/policy"
)

// PostureRule is a rule or policy, and how many results it has.
type PostureRule struct {
	ID         string          `json:"id"`
	Title      string          `json:"title"`
	Severity   azward.Severity `json:"severity"`
	Category   string          `json:"category,omitempty"`
	Engine     string          `json:"engine" enum:"azward,azurePolicy"`
	Frameworks []string        `json:"frameworks"` // items that it decides, as NAME: ITEM
	Counts     PostureCounts   `json:"counts"`
	// Example is the resource of the most urgent result that does not pass, and
	// Reason what decided it.
	Example     azward.ResourceID `json:"example,omitempty"`
	ExampleName string            `json:"exampleName,omitempty"`
	Reason      string            `json:"reason,omitempty"`

	first *judged
	place string
}

// PostureRulePage is a page of rules, those that fail most urgently first.
type PostureRulePage struct {
	Rules []PostureRule `json:"rules"`
	Total int           `json:"total"` // on all pages
	Next  string        `json:"next,omitempty"`
	Gaps  []azward.Gap  `json:"gaps"`
}

// PostureRules gives one page of the rules that have a result which a query
// selects; counts are of all results of the rule that it selects whatever they
// are. A query that says nothing of results and resources gives those without a
// result, too.
func (w *Workspace) PostureRules(ctx context.Context, q PostureQuery) (PostureRulePage, error) {
	page := PostureRulePage{Rules: []PostureRule{}, Gaps: []azward.Gap{}}
	list, gaps, err := w.postures(ctx, q.Connection)
	if err != nil {
		return page, err
	}
	page.Gaps = append(page.Gaps, gaps...)
	all := countRules(list, q)
	page.Total = len(all)
	from := 0
	if q.After != "" {
		if from = slices.IndexFunc(all, func(r PostureRule) bool { return r.place > q.After }); from < 0 {
			from = len(all)
		}
	}
	size := pageSize(q.Size)
	to := min(from+size, len(all))
	page.Rules = append(page.Rules, all[from:to]...)
	if to < len(all) {
		page.Next = all[to-1].place
	}
	return page, nil
}

// countRules counts by rule.
func countRules(list []*posture, q PostureQuery) []PostureRule {
	wanted := q.matcher()
	every := q
	every.Results, every.Suppressed = PostureResults(), WithDismissed
	whole := every.matcher()
	idle := len(q.Results) == 0 && q.Type == "" && q.Resource == "" && !q.Exposed && q.Suppressed != OnlyDismissed
	at := map[string]*PostureRule{}
	hit := map[string]bool{}
	for _, p := range list {
		for _, h := range p.rules {
			m := whole.rule(h)
			if !m.wanted {
				continue
			}
			if at[h.ID] == nil {
				at[h.ID] = &PostureRule{ID: h.ID, Title: h.Title, Severity: h.Severity, Category: h.Category, Engine: h.Engine, Frameworks: append([]string{}, h.Frameworks...)}
			}
			hit[h.ID] = hit[h.ID] || idle && m.text
		}
		for i := range p.rows {
			j := &p.rows[i]
			if !whole.row(j) {
				continue
			}
			r := at[j.rule.ID]
			r.Counts.add(j)
			if wanted.row(j) {
				hit[r.ID] = true
				if r.first == nil || comparePlaces(*j, *r.first) < 0 {
					r.first, r.Example, r.ExampleName, r.Reason = j, j.resource, j.name, j.reason
				}
			}
		}
		if q.Type == "" && q.Resource == "" && !q.Exposed && q.Text == "" {
			p.addPassed(at)
		}
	}
	rules := make([]PostureRule, 0, len(at))
	for id, r := range at {
		if hit[id] {
			r.place = r.urgency()
			rules = append(rules, *r)
		}
	}
	slices.SortFunc(rules, func(a, b PostureRule) int { return cmp.Compare(a.place, b.place) })
	return rules
}

// addPassed counts what passes and is not held.
func (p *posture) addPassed(at map[string]*PostureRule) {
	for h, n := range p.unheld {
		if r := at[h.ID]; r != nil {
			r.Counts.Pass += n
		}
	}
}

// urgency places a rule: what fails, the severe first, what the internet
// reaches, and how much of it; then what is not known.
func (r *PostureRule) urgency() string {
	const most, digits = 9, 9_999_999
	fails, state := 1, 0
	switch c := r.Counts; {
	case c.Fail > 0:
		fails = 0
	case c.Unknown > 0:
	case c.Judged() > 0:
		state = 1
	default:
		state = 2
	}
	count := func(n int) int { return digits - min(n, digits) }
	return fmt.Sprintf("%d%d%d %07d %07d %07d %s%s%s", fails, state, most-r.Severity.Rank(), count(r.Counts.Exposed), count(r.Counts.Fail), count(r.Counts.Unknown), strings.ToLower(r.Title), placeMark, r.ID)
}

// PostureRuleDetail is one rule.
type PostureRuleDetail struct {
	PostureRule
	Rationale string        `json:"rationale,omitempty"`
	Remedy    policy.Remedy `json:"remedy,omitzero"`
	Source    string        `json:"source,omitempty"` // where its subject is documented
	Types     []string      `json:"types"`            // of resources that it is about
	Scope     string        `json:"scope,omitempty"`  // "subscription" or "tenant", of a rule about what must exist
	Reads     []string      `json:"reads"`            // properties that it is about
	Test      string        `json:"test,omitempty"`   // its condition, in CEL
	Fails     bool          `json:"fails,omitempty"`  // that it fails when Test holds
	Effect    string        `json:"effect,omitempty"` // of a policy
	// Overlaps are definitions of Microsoft's that the rule stands for.
	Overlaps []string `json:"overlaps"`
	// Defender counts Defender for Cloud's recommendations that ask the same.
	Defender PostureAgreement `json:"defender"`
}

// PostureRule gives one rule by its ID; KindNotFound where the profile has none
// of that name.
func (w *Workspace) PostureRule(ctx context.Context, id string) (PostureRuleDetail, error) {
	list, _, err := w.postures(ctx, "")
	if err != nil {
		return PostureRuleDetail{}, err
	}
	found := countRules(list, PostureQuery{Rule: id})
	if id == "" || len(found) == 0 {
		return PostureRuleDetail{}, &azward.Error{
			Kind: azward.KindNotFound, Op: "find rule", Subject: fmt.Sprintf("%.100q", id), Cause: "the profile has none of that name",
			Remedy: "copy an ID from the list of rules: azward policy list",
		}
	}
	d := PostureRuleDetail{PostureRule: found[0], Types: []string{}, Reads: []string{}, Overlaps: []string{}}
	for _, p := range list {
		if h := p.byID[id]; h != nil {
			d.describe(h)
			d.Defender.count(p.defender, id)
		}
	}
	return d, d.overlap()
}

func (d *PostureRuleDetail) describe(h *heldRule) {
	switch {
	case h.rule != nil:
		r := h.rule
		d.Rationale, d.Remedy, d.Source, d.Scope, d.Test, d.Fails = r.Rationale, r.Remedy, r.Source, r.Scope, r.Test, r.Fails
		d.Types, d.Reads = append(d.Types[:0], r.Types...), append(d.Reads[:0], r.Reads...)
	case h.policy != nil:
		d.Rationale, d.Effect = h.policy.Definition.Description, h.policy.Effect
		d.Source = "https://portal.azure.com/#view/Microsoft_Azure_Policy/PolicyDetailBlade/definitionId/" + url.QueryEscape(string(h.policy.Definition.ID))
	}
}

func (d *PostureRuleDetail) overlap() error {
	all, err := policy.Overlaps()
	if err != nil {
		return err
	}
	for _, o := range all {
		if o.Rule == d.ID {
			d.Overlaps = append(d.Overlaps, o.Definitions...)
		}
	}
	return nil
}
