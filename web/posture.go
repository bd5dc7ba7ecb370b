package web

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/workspace"
)

// postureFilters is what the URL of a list of rules or results says, checked.
type postureFilters struct {
	Text, Framework, Rule, Type, Category string
	Subscription, Connection, Resource    string
	Results                               []string
	Severity                              azward.Severity
	Exposed                               bool
	Suppressed                            workspace.Hidden
}

func readPostureFilters(q url.Values) (postureFilters, error) {
	f := postureFilters{
		Text: strings.TrimSpace(q.Get("q")), Framework: q.Get("framework"), Rule: q.Get("rule"), Type: q.Get("type"), Category: q.Get("category"),
		Subscription: q.Get("subscription"), Connection: q.Get("connection"), Severity: azward.Severity(q.Get("severity")), Exposed: q.Get("exposed") != "",
		Suppressed: workspace.Hidden(q.Get("suppressed")), Resource: q.Get("resource"),
	}
	const op = "read filters"
	for _, text := range []string{f.Text, f.Framework, f.Rule, f.Type, f.Category, f.Subscription, f.Connection} {
		if len(text) > maxText {
			return f, badForm(op, "what is searched for is longer than 200 bytes", "search for less")
		}
	}
	if f.Resource != "" {
		if _, err := judgedID(f.Resource); err != nil {
			return f, err
		}
	}
	for _, word := range q["result"] {
		if !slices.Contains(workspace.PostureResults(), word) {
			return f, badForm(op, "there is no such result", "use fail, unknown, pass or exempt")
		}
		if !slices.Contains(f.Results, word) {
			f.Results = append(f.Results, word)
		}
	}
	if f.Severity != "" && f.Severity.Rank() == 0 {
		return f, badForm(op, "there is no such severity", "use low, medium, high or critical")
	}
	switch f.Suppressed {
	case workspace.HideDismissed, workspace.WithDismissed, workspace.OnlyDismissed:
	default:
		return f, badForm(op, "suppressed results are hidden, shown with the others, or shown alone", "leave suppressed out, or use with or only")
	}
	return f, nil
}

// query writes the filters as the URL has them, always in the same order.
func (f postureFilters) query() url.Values {
	q := url.Values{}
	for name, value := range map[string]string{
		"q": f.Text, "framework": f.Framework, "rule": f.Rule, "type": f.Type, "category": f.Category, "subscription": f.Subscription,
		"connection": f.Connection, "severity": string(f.Severity), "suppressed": string(f.Suppressed), "resource": f.Resource,
	} {
		if value != "" {
			q.Set(name, value)
		}
	}
	for _, r := range f.Results {
		q.Add("result", r)
	}
	if f.Exposed {
		q.Set("exposed", "1")
	}
	return q
}

func (f postureFilters) ask(after string) workspace.PostureQuery {
	q := workspace.PostureQuery{
		Text: f.Text, Framework: f.Framework, Rule: f.Rule, Type: f.Type, Category: f.Category, Connection: f.Connection, Results: f.Results,
		MinSeverity: f.Severity, Exposed: f.Exposed, Suppressed: f.Suppressed, After: after,
	}
	q.Resource = azward.ResourceID(f.Resource)
	if f.Subscription != "" && f.Resource == "" {
		q.Resource = azward.ResourceID("/subscriptions/" + f.Subscription)
	}
	return q
}

func withQuery(path string, q url.Values) string {
	if len(q) == 0 {
		return path
	}
	return path + "?" + q.Encode()
}

func rulesURL(f postureFilters) string   { return withQuery("/posture/rules", f.query()) }
func resultsURL(f postureFilters) string { return withQuery("/posture/results", f.query()) }
func ruleURL(id string) string           { return "/posture/rules/" + url.PathEscape(id) }

func frameworkURL(name string) string {
	return "/posture/framework?" + url.Values{"name": {name}}.Encode()
}

func findingURL(rule string, resource azward.ResourceID) string {
	return "/posture/finding?" + url.Values{"rule": {rule}, "resource": {string(resource)}}.Encode()
}

// postureRow is a result as lists show it.
type postureRow struct {
	workspace.PostureResult
	URL, RuleURL, ResourceURL string
}

func postureRowOf(r workspace.PostureResult) postureRow {
	return postureRow{r, findingURL(r.Rule, r.Resource), ruleURL(r.Rule), subjectURL(r.Resource)}
}

// subjectURL is the page of what is judged: the tenant has none, and a
// container has its workload's.
func subjectURL(id azward.ResourceID) string {
	if id == "" || id == "/" {
		return ""
	}
	text := string(id)
	if at := strings.LastIndex(text, "/containers/"); at > 0 && !strings.Contains(strings.ToLower(text), "/blobservices/") {
		id = azward.ResourceID(text[:at])
	}
	return resourceURL(id)
}

// posturePage is how everything stands.
type posturePage struct {
	workspace.PostureSummary
	Frameworks []frameworkCard
	Families   []familyRow
	Urgent     []postureRow
	Exposed    string // URL of all that fails and is reached
	Trends     []trendView
	Differs    []differing
	Severities []severityCount
	Exports    []exportLink
}

type frameworkCard struct {
	workspace.PostureFramework
	Bar template.HTML
	URL string
}

type familyRow struct {
	workspace.PostureFamily
	URL string
	Bar template.HTML
}

type severityCount struct {
	Severity azward.Severity
	Count    int
	URL      string
}

type exportLink struct{ Name, URL string }

func (s *Site) posture(w http.ResponseWriter, r *http.Request) error {
	found, err := s.o.Workspace.Posture(r.Context(), "")
	if err != nil {
		return err
	}
	v := posturePage{PostureSummary: found, Exposed: resultsURL(postureFilters{Results: []string{workspace.PostureFail}, Exposed: true}), Exports: exports(postureFilters{})}
	for _, f := range found.Frameworks {
		v.Frameworks = append(v.Frameworks, frameworkCard{f, frameworkBar(f), frameworkURL(f.Name)})
	}
	for _, f := range found.Families {
		v.Families = append(v.Families, familyRow{f, rulesURL(postureFilters{Category: f.Name}), countsBar(f.Counts)})
	}
	for _, one := range found.Urgent {
		v.Urgent = append(v.Urgent, postureRowOf(one))
	}
	for _, severity := range []azward.Severity{azward.SeverityCritical, azward.SeverityHigh, azward.SeverityMedium, azward.SeverityLow} {
		if n := found.Failing[severity]; n > 0 {
			v.Severities = append(v.Severities, severityCount{severity, n, resultsURL(postureFilters{Results: []string{workspace.PostureFail}, Severity: severity})})
		}
	}
	for _, t := range found.Trends {
		v.Trends = append(v.Trends, trendOf(t))
	}
	v.Differs = differings(found.Defender.Differs)
	return s.render(w, r, http.StatusOK, "posture", page{Title: "Posture", Section: "posture", Data: v})
}

// postureList is what the lists of rules and of results have in common.
type postureList struct {
	Filters    postureFilters
	Facets     workspace.PostureFacets
	Results    []postureChip
	Severities []azward.Severity
	Query      string
	Filtered   bool
	Next       string // URL
	First      string // URL, "" on the first page
	Exports    []exportLink
	Gaps       []azward.Gap
	Path       string // of the list
	RulesURL   string // both lists with these filters
	ResultsURL string
}

type postureChip struct {
	Result string
	Count  int
	On     bool
}

func (s *Site) postureList(r *http.Request, path string) (postureList, error) {
	ctx := r.Context()
	filters, err := readPostureFilters(r.URL.Query())
	if err != nil {
		return postureList{}, err
	}
	v := postureList{
		Filters: filters, Path: path, Severities: []azward.Severity{azward.SeverityLow, azward.SeverityMedium, azward.SeverityHigh, azward.SeverityCritical},
		Query: filters.query().Encode(), Filtered: len(filters.query()) > 0, Exports: exports(filters), RulesURL: rulesURL(filters), ResultsURL: resultsURL(filters),
	}
	if v.Facets, err = s.o.Workspace.PostureFacets(ctx); err != nil {
		return v, err
	}
	counts, err := s.o.Workspace.CountPosture(ctx, filters.ask(""))
	if err != nil {
		return v, err
	}
	for _, one := range []struct {
		word string
		n    int
	}{{workspace.PostureFail, counts.Fail}, {workspace.PostureUnknown, counts.Unknown}, {workspace.PosturePass, counts.Pass}, {workspace.PostureExempt, counts.Exempt}} {
		if one.n > 0 || one.word != workspace.PostureExempt {
			v.Results = append(v.Results, postureChip{one.word, one.n, slices.Contains(filters.Results, one.word)})
		}
	}
	if r.URL.Query().Get("after") != "" {
		v.First = withQuery(path, filters.query())
	}
	return v, nil
}

// Item is the item of a framework that the list is of; "" for none, or a
// framework as a whole.
func (v postureList) Item() string {
	if strings.Contains(v.Filters.Framework, ": ") {
		return v.Filters.Framework
	}
	return ""
}

// Judged says whether there is any result.
func (v postureList) Judged(c workspace.PostureCounts) bool { return c.Judged() > 0 }

// Aside counts what is set aside.
func (r ruleRow) Aside() int { return r.Counts.Exempt + r.Counts.Suppressed }

// Aside counts what is set aside.
func (r familyRow) Aside() int { return r.Counts.Exempt + r.Counts.Suppressed }

func (v *postureList) next(after string) {
	if after != "" {
		q := v.Filters.query()
		q.Set("after", after)
		v.Next = withQuery(v.Path, q)
	}
}

// rulesPage lists rules.
type rulesPage struct {
	postureList
	Rules []ruleRow
	Shown string
}

type ruleRow struct {
	workspace.PostureRule
	URL string
}

func (s *Site) postureRules(w http.ResponseWriter, r *http.Request) error {
	list, err := s.postureList(r, "/posture/rules")
	if err != nil {
		return err
	}
	found, err := s.o.Workspace.PostureRules(r.Context(), list.Filters.ask(r.URL.Query().Get("after")))
	if err != nil {
		return err
	}
	list.Gaps = found.Gaps
	list.next(found.Next)
	v := rulesPage{postureList: list, Shown: counted(len(found.Rules), "rule") + " on this page, " + thousands(found.Total) + " in all"}
	for _, one := range found.Rules {
		v.Rules = append(v.Rules, ruleRow{one, ruleURL(one.ID)})
	}
	return s.render(w, r, http.StatusOK, "posture-rules", page{Title: "Rules", Section: "posture", Data: v})
}

// resultsPage lists results.
type resultsPage struct {
	postureList
	Rows  []postureRow
	Shown string
}

func (s *Site) postureResults(w http.ResponseWriter, r *http.Request) error {
	list, err := s.postureList(r, "/posture/results")
	if err != nil {
		return err
	}
	found, err := s.o.Workspace.PostureResults(r.Context(), list.Filters.ask(r.URL.Query().Get("after")))
	if err != nil {
		return err
	}
	list.Gaps = found.Gaps
	list.next(found.Next)
	v := resultsPage{postureList: list, Shown: counted(len(found.Results), "result") + " on this page"}
	for _, one := range found.Results {
		v.Rows = append(v.Rows, postureRowOf(one))
	}
	return s.render(w, r, http.StatusOK, "posture-results", page{Title: "Results", Section: "posture", Data: v})
}

// frameworkPage is one framework, item by item.
type frameworkPage struct {
	workspace.PostureFrameworkDetail
	Bar     template.HTML
	List    []itemRow
	States  []postureChip
	Exports []exportLink
	Only    string // the state that is shown; "" is all
	All     string // URL
}

type itemRow struct {
	workspace.PostureItem
	Class, Icon string
	URL         string // results of the item
}

func (s *Site) postureFramework(w http.ResponseWriter, r *http.Request) error {
	name, only := r.URL.Query().Get("name"), r.URL.Query().Get("state")
	found, err := s.o.Workspace.PostureFramework(r.Context(), name, "")
	if err != nil {
		return err
	}
	v := frameworkPage{
		PostureFrameworkDetail: found, Bar: frameworkBar(found.PostureFramework), Only: only, All: frameworkURL(found.Name),
		Exports: exports(postureFilters{Framework: found.Name}),
	}
	counts := map[string]int{}
	for _, i := range found.List {
		if counts[i.State]++; only != "" && i.State != only {
			continue
		}
		row := itemRow{PostureItem: i}
		row.Class, row.Icon = outcome(i.State)
		if len(i.Rules) > 0 || i.Counts.Judged() > 0 {
			row.URL = rulesURL(postureFilters{Framework: found.Name + ": " + i.Item})
		}
		v.List = append(v.List, row)
	}
	for _, state := range []string{"fail", "unknown", "pass", "aside", "nothing to judge", "manual", "not covered"} {
		if counts[state] > 0 {
			v.States = append(v.States, postureChip{state, counts[state], state == only})
		}
	}
	return s.render(w, r, http.StatusOK, "posture-framework", page{Title: found.Name, Section: "posture", Data: v})
}

// outcome is how a state is drawn: its class and icon.
func outcome(state string) (class, icon string) {
	switch state {
	case workspace.PostureFail:
		return "failed", "failed"
	case workspace.PostureUnknown:
		return "unknown", "unknown"
	case workspace.PosturePass:
		return "not-exploitable", "complete"
	case workspace.PostureSuppressed, workspace.PostureExempt, "aside":
		return "dormant", "muted"
	}
	return "dormant", "not-exploitable"
}

// Bars are drawn on a scale of 1,000, in the order of the words below them.

type share struct {
	class string
	n     int
}

func frameworkBar(f workspace.PostureFramework) template.HTML {
	return bar([]share{{"fail", f.Fail}, {"open", f.Unknown}, {"pass", f.Pass}, {"rest", f.Aside + f.Nothing + f.Manual + f.NotCovered}})
}

func countsBar(c workspace.PostureCounts) template.HTML {
	return bar([]share{{"fail", c.Fail}, {"open", c.Unknown}, {"pass", c.Pass}, {"rest", c.Exempt + c.Suppressed}})
}

// bar draws shares side by side. What is there at all is wide enough to be seen.
func bar(shares []share) template.HTML {
	const width, least, gap = 1000.0, 12.0, 4.0
	total := 0
	for _, s := range shares {
		total += s.n
	}
	out := `<svg class="shares" viewBox="0 0 1000 10" preserveAspectRatio="none" aria-hidden="true">`
	if total == 0 {
		return template.HTML(out + `<rect class="rest" x="0" y="0" width="1000" height="10"/></svg>`) //nolint:gosec // constants alone
	}
	wide := make([]float64, len(shares))
	sum := 0.0
	for i, s := range shares {
		if s.n > 0 {
			wide[i] = max(least, width*float64(s.n)/float64(total))
		}
		sum += wide[i]
	}
	at := 0.0
	for i, s := range shares {
		if wide[i] == 0 {
			continue
		}
		w := wide[i] * width / sum
		out += fmt.Sprintf(`<rect class="%s" x="%.1f" y="0" width="%.1f" height="10"/>`, s.class, at, max(w-gap, 1))
		at += w
	}
	return template.HTML(out + `</svg>`) //nolint:gosec // numbers and constants alone
}
