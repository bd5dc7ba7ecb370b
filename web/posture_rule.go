package web

import (
	"cmp"
	"encoding/json"
	"fmt"
	"html/template"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/policy"
	"github.com/azward/azward/policy/azurepolicy"
	"github.com/azward/azward/report"
	"github.com/azward/azward/workspace"
)

// rulePage is one rule, and what it says of resources.
type rulePage struct {
	workspace.PostureRuleDetail
	Remedies []remedyText
	Items    []itemLink
	Filters  postureFilters
	Results  []postureChip
	Findings []findingRow
	Shown    string
	Next     string
	First    string
	Exports  []exportLink
	Path     string
}

type remedyText struct{ Language, Text string }

type itemLink struct{ Name, URL string }

// findingRow is a result with what decided it.
type findingRow struct {
	workspace.PostureFinding
	URL, ResourceURL string
	Says             string // the reason, where the properties do not say the same
	Asked            bool   // the properties stand with what they were compared to
	Decided          []decision
	More             int // that are not shown
	Because          []string
}

// decision is one property that decided.
type decision struct {
	Property, Pointer string
	Value             json.RawMessage
	Operator          string // "" where the rule says itself what it asks
	Expected          json.RawMessage
	Answer            azward.Answer
	Reason            string
	Of, OfURL         string // the resource that has it, where it is another
}

const (
	decisionsShown = 6 // in a list; the page of one result has 100
	maxDecisions   = 100
)

func findingRowOf(f workspace.PostureFinding, most int) findingRow {
	row := findingRow{PostureFinding: f, URL: findingURL(f.Rule, f.Resource), ResourceURL: subjectURL(f.Resource), Because: f.Rank.Reasons, Says: f.Reason}
	cited := 0
	for i, c := range f.Comparisons {
		d := decisionOf(c)
		row.Asked = row.Asked || d.Operator != ""
		// What was cited stands in the same order.
		if cited < len(f.Evidence) && f.Evidence[cited].Property == c.Path && c.Path != "" {
			if of := f.Evidence[cited].Resource; of != f.Resource {
				d.Of, d.OfURL = workspace.SubjectName(of), subjectURL(of)
			}
			cited++
		}
		if i < most {
			row.Decided = append(row.Decided, d)
		}
	}
	row.More = max(0, len(f.Comparisons)-most)
	if len(row.Decided) > 0 && strings.HasPrefix(f.Reason, row.Decided[0].Property) {
		row.Says = ""
	}
	return row
}

func decisionOf(c report.PostureComparison) decision {
	d := decision{Property: cmp.Or(c.Field, c.Path), Pointer: c.Path, Value: c.Value, Answer: c.Answer, Reason: c.Reason}
	if string(c.Value) == "null" {
		d.Value = nil
	}
	if c.Operator != "" && c.Operator != "read" {
		d.Operator, d.Expected = c.Operator, c.Expected
	}
	return d
}

func (s *Site) postureRule(w http.ResponseWriter, r *http.Request) error {
	id, q := r.PathValue("id"), r.URL.Query()
	filters, err := readPostureFilters(q)
	if err != nil {
		return err
	}
	ws := s.o.Workspace
	found, err := ws.PostureRule(r.Context(), id)
	if err != nil {
		return err
	}
	filters.Rule = id
	v := rulePage{PostureRuleDetail: found, Remedies: remedies(report.PostureRemedy(found.Remedy)), Items: itemLinks(found.Frameworks), Filters: filters, Exports: exports(filters), Path: ruleURL(id)}
	counts, err := ws.CountPosture(r.Context(), filters.ask(""))
	if err != nil {
		return err
	}
	for _, c := range []postureChip{{workspace.PostureFail, counts.Fail, false}, {workspace.PostureUnknown, counts.Unknown, false}, {workspace.PosturePass, counts.Pass, false}, {workspace.PostureExempt, counts.Exempt, false}} {
		c.On = slices.Contains(filters.Results, c.Result)
		if c.Count > 0 || c.Result == workspace.PostureFail {
			v.Results = append(v.Results, c)
		}
	}
	list, next, err := ws.PostureFindings(r.Context(), filters.ask(q.Get("after")))
	if err != nil {
		return err
	}
	for _, f := range list {
		v.Findings = append(v.Findings, findingRowOf(f, decisionsShown))
	}
	v.Shown = counted(len(list), "resource") + " on this page"
	own := filters
	own.Rule = ""
	if q.Get("after") != "" {
		v.First = withQuery(v.Path, own.query())
	}
	if next != "" {
		more := own.query()
		more.Set("after", next)
		v.Next = withQuery(v.Path, more)
	}
	return s.render(w, r, http.StatusOK, "posture-rule", page{Title: found.Title, Section: "posture", Data: v})
}

func remedies(r report.PostureRemedy) []remedyText {
	var list []remedyText
	for _, one := range []remedyText{{"Azure CLI", r.CLI}, {"Bicep", r.Bicep}, {"Terraform", r.Terraform}} {
		if one.Text != "" {
			list = append(list, one)
		}
	}
	return list
}

// plainID are IDs that a shell takes as they are between quotes.
var plainID = regexp.MustCompile(`^[A-Za-z0-9/_.()-]+$`)

// remediesFor are commands for one resource: what they call $ID, $GROUP and
// $NAME is set before them.
func remediesFor(r report.PostureRemedy, id azward.ResourceID) []remedyText {
	list := remedies(r)
	if len(list) == 0 || list[0].Text != r.CLI || !plainID.MatchString(string(id)) {
		return list
	}
	set := ""
	for _, v := range []struct{ name, value string }{{"ID", string(id)}, {"GROUP", id.ResourceGroup()}, {"NAME", id.Name()}} {
		// Of a part of something, the name may be meant of either.
		if v.value == "" || !strings.Contains(r.CLI, "$"+v.name) || v.name == "NAME" && strings.Count(id.Type(), "/") > 1 {
			continue
		}
		set += v.name + `="` + v.value + "\"\n"
	}
	list[0].Text = set + r.CLI
	return list
}

func itemLinks(frameworks []string) []itemLink {
	list := make([]itemLink, 0, len(frameworks))
	for _, f := range frameworks {
		list = append(list, itemLink{f, rulesURL(postureFilters{Framework: f})})
	}
	return list
}

// findingPage is one result.
type findingPage struct {
	findingRow
	Rationale string
	Remedies  []remedyText
	Items     []itemLink
	RuleURL   string
	Facts     []azward.Evidence
	Unread    []azward.Gap
	Alike     []differing
}

// maxFactsShown bounds the evidence on a page, which can be a whole listing.
const maxFactsShown = 50

func (s *Site) postureFinding(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	id, err := judgedID(q.Get("resource"))
	if err != nil {
		return err
	}
	found, err := s.o.Workspace.PostureFinding(r.Context(), q.Get("rule"), id)
	if err != nil {
		return err
	}
	rule, err := s.o.Workspace.PostureRule(r.Context(), found.Rule)
	if err != nil {
		return err
	}
	v := findingPage{
		findingRow: findingRowOf(found, maxDecisions), Rationale: rule.Rationale, Remedies: remediesFor(found.Remedy, found.Resource), Items: itemLinks(found.Frameworks),
		RuleURL: ruleURL(found.Rule), Facts: found.Evidence[:min(len(found.Evidence), maxFactsShown)], Unread: found.Gaps, Alike: differings(found.Defender),
	}
	return s.render(w, r, http.StatusOK, "posture-finding", page{Title: found.Title, Section: "posture", Data: v})
}

// judgedID reads the ID of what is judged; "/" is the tenant.
func judgedID(text string) (azward.ResourceID, error) {
	if text == "/" {
		return "/", nil
	}
	return azward.ParseResourceID(text)
}

// differing is a recommendation of Defender for Cloud beside our answer.
type differing struct {
	policy.Recommendation
	Name, URL, RuleURL string
	Word               string // how the two stand
}

func differings(list []policy.Recommendation) []differing {
	words := map[azurepolicy.Agreement]string{
		azurepolicy.Agree: "agrees", azurepolicy.Disagree: "disagrees", azurepolicy.OursOpen: "we do not know", azurepolicy.AzuresOpen: "Azure does not know",
		azurepolicy.OnlyOurs: "only we say it", azurepolicy.OnlyAzures: "only Azure says it",
	}
	out := make([]differing, 0, len(list))
	for _, r := range list {
		d := differing{Recommendation: r, Name: workspace.SubjectName(r.Resource), Word: words[r.Agreement]}
		if r.Known {
			d.URL = subjectURL(r.Resource)
		}
		if len(r.Rules) > 0 {
			d.RuleURL = ruleURL(r.Rules[0])
		}
		out = append(out, d)
	}
	return out
}

// trendView is a trend as it is drawn.
type trendView struct {
	workspace.PostureTrend
	Line template.HTML
}

func trendOf(t workspace.PostureTrend) trendView { return trendView{t, trendLine(t.Scans)} }

// trendLine draws what failed scan by scan, the oldest at the left.
func trendLine(scans []workspace.PostureScan) template.HTML {
	const width, height, pad = 300.0, 48.0, 4.0
	if len(scans) < 2 {
		return ""
	}
	most := 1
	for _, s := range scans {
		most = max(most, s.Tally.Fail)
	}
	line, dots := "", ""
	for i := range scans {
		n := scans[len(scans)-1-i].Tally.Fail
		x := pad + (width-2*pad)*float64(i)/float64(len(scans)-1)
		y := height - pad - (height-2*pad)*float64(n)/float64(most)
		command := "L"
		if i == 0 {
			command = "M"
		}
		line += fmt.Sprintf("%s%.1f %.1f", command, x, y)
		dots += fmt.Sprintf(`<circle cx="%.1f" cy="%.1f" r="2.5"/>`, x, y)
	}
	return template.HTML(fmt.Sprintf(`<svg class="line" viewBox="0 0 %.0f %.0f" aria-hidden="true"><path d="%s"/>%s</svg>`, width, height, line, dots)) //nolint:gosec // numbers and constants alone
}
