package workspace

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
)

// PostureQuery selects results. Zero fields select everything that fails or is
// not known, and is not suppressed.
type PostureQuery struct {
	Results     []string // of [PostureResults]
	Framework   string   // its name, or NAME: ITEM
	MinSeverity azward.Severity
	Rule        string            // its ID
	Type        string            // of the resource, without case
	Resource    azward.ResourceID // it, and what lies below it
	Connection  string
	Category    string
	Text        string // part of the rule's ID or title, or of the resource's ID, without case
	Exposed     bool   // only what the internet reaches
	Suppressed  Hidden
	After       string // Next of the page before
	Size        int    // of the page; 0 is DefaultPage
}

// PosturePage is a page of results, the most urgent first.
type PosturePage struct {
	Results []PostureResult `json:"results"`
	Next    string          `json:"next,omitempty"`
	Gaps    []azward.Gap    `json:"gaps"` // connections whose estate is not there
}

// PostureResults gives one page of what the rules say of the newest estates.
func (w *Workspace) PostureResults(ctx context.Context, q PostureQuery) (PosturePage, error) {
	page := PosturePage{Results: []PostureResult{}, Gaps: []azward.Gap{}}
	if err := checkPlace(q.After); err != nil {
		return page, err
	}
	list, gaps, err := w.postures(ctx, q.Connection)
	if err != nil {
		return page, err
	}
	page.Gaps = append(page.Gaps, gaps...)
	size := pageSize(q.Size)
	wanted := q.matcher()
	type located struct {
		place string
		row   *judged
		from  *posture
	}
	var found []located
	for _, p := range list {
		n := 0
		for i := p.from(q.After); i < len(p.rows) && n <= size; i++ {
			if j := &p.rows[i]; wanted.row(j) {
				found = append(found, located{p.place(j), j, p})
				n++
			}
		}
	}
	slices.SortFunc(found, func(a, b located) int { return cmp.Compare(a.place, b.place) })
	if len(found) > size {
		found = found[:size]
		page.Next = found[size-1].place
	}
	for _, f := range found {
		page.Results = append(page.Results, f.row.row(f.from.kept.Scan.Source))
	}
	return page, nil
}

// CountPosture counts what a query selects, whatever its results and whether
// they are suppressed.
func (w *Workspace) CountPosture(ctx context.Context, q PostureQuery) (PostureCounts, error) {
	var counts PostureCounts
	list, _, err := w.postures(ctx, q.Connection)
	if err != nil {
		return counts, err
	}
	q.Results, q.Suppressed = PostureResults(), WithDismissed
	wanted := q.matcher()
	for _, p := range list {
		for i := range p.rows {
			if j := &p.rows[i]; wanted.row(j) {
				counts.add(j)
			}
		}
	}
	return counts, nil
}

// matcher is a query made ready for many rows. It keeps what it found out of
// the rules, and is for one goroutine.
type matcher struct {
	PostureQuery
	results  [4]bool
	resource string // key
	rules    map[*heldRule]ruleMatch
}

type ruleMatch struct{ wanted, text bool }

func (q PostureQuery) matcher() *matcher {
	m := &matcher{PostureQuery: q, rules: map[*heldRule]ruleMatch{}}
	m.Text = strings.ToLower(q.Text)
	m.resource = string(q.Resource.Key())
	if len(q.Results) == 0 {
		q.Results = []string{PostureFail, PostureUnknown}
	}
	for i, word := range PostureResults() {
		m.results[i] = slices.Contains(q.Results, word)
	}
	return m
}

// rule is what a query says of a rule, whatever it is about.
func (m *matcher) rule(h *heldRule) ruleMatch {
	found, ok := m.rules[h]
	if !ok {
		found.wanted = h.Severity.Rank() >= m.MinSeverity.Rank() &&
			(m.Rule == "" || h.ID == m.Rule) &&
			(m.Category == "" || strings.EqualFold(h.Category, m.Category)) &&
			(m.Framework == "" || h.of(m.Framework))
		found.text = m.Text == "" || strings.Contains(h.search, m.Text)
		m.rules[h] = found
	}
	return found
}

// of reports whether the rule decides an item of a framework, or the item.
func (h *heldRule) of(framework string) bool {
	return slices.ContainsFunc(h.Frameworks, func(f string) bool {
		return f == framework || strings.HasPrefix(f, framework) && strings.HasPrefix(f[len(framework):], ": ")
	})
}

func (m *matcher) row(j *judged) bool {
	if !m.results[j.result] || m.Exposed && j.exposed != exposedYes {
		return false
	}
	if m.Suppressed == HideDismissed && j.aside != nil || m.Suppressed == OnlyDismissed && j.aside == nil {
		return false
	}
	h := m.rule(j.rule)
	if !h.wanted || !h.text && !strings.Contains(j.key, m.Text) {
		return false
	}
	return (m.Type == "" || strings.EqualFold(j.kind, m.Type)) && within(j.key, m.resource)
}

// within reports a resource's key at or below another's.
func within(key, scope string) bool {
	return scope == "" || strings.HasPrefix(key, scope) && (len(key) == len(scope) || key[len(scope)] == '/')
}

// Places of results: what fails before what is not known and the rest, severe
// ones first, then those that the internet reaches, then by what follows from a
// take-over. It is the order of policy.Compare.

const placeMark = "\x01"

func (p *posture) place(j *judged) string {
	return fmt.Sprintf("%04d", j.urgency) + placeMark + j.rule.ID + placeMark + j.key + placeMark + p.kept.Scan.Source
}

// rank gives a result its place among all, as a number of four digits.
func (j *judged) rank() uint16 {
	const most, base = 9, 10
	order := map[string]int{PostureFail: 0, PostureUnknown: 1, PostureSuppressed: 2, PostureExempt: 3, PosturePass: 4}[j.word()]
	return uint16(((order*base+most-j.rule.Severity.Rank())*base+int(j.exposed))*base + most - int(j.blast)) // four digits
}

func comparePlaces(a, b judged) int {
	return cmp.Or(cmp.Compare(a.urgency, b.urgency), cmp.Compare(a.rule.ID, b.rule.ID), cmp.Compare(a.key, b.key))
}

// from is where the rows after a place begin.
func (p *posture) from(after string) int {
	if after == "" {
		return 0
	}
	at, _ := slices.BinarySearchFunc(p.rows, after, func(j judged, after string) int {
		if p.place(&j) <= after {
			return -1
		}
		return 1
	})
	return at
}

func checkPlace(after string) error {
	const parts, digits = 4, 4
	if after == "" {
		return nil
	}
	split := strings.Split(after, placeMark)
	if len(split) == parts && len(split[0]) == digits && strings.Trim(split[0], "0123456789") == "" {
		return nil
	}
	return &azward.Error{
		Kind: azward.KindUsage, Op: "list results", Cause: "the cursor is no place in this list",
		Remedy: "start from the first page, and go on with its next",
	}
}
