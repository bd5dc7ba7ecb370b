package client

import (
	"context"
	"iter"
	"net/url"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/report"
)

// PostureCounts counts results of rules.
type PostureCounts struct {
	Fail       int `json:"fail"`
	Unknown    int `json:"unknown"`
	Pass       int `json:"pass"`
	Exempt     int `json:"exempt"`
	Suppressed int `json:"suppressed"`
	Exposed    int `json:"exposed"` // of those that fail
}

// Posture is how the newest estates stand.
type Posture struct {
	Counts     PostureCounts           `json:"counts"`
	Failing    map[azward.Severity]int `json:"failing"`
	Score      int                     `json:"score"` // percent of results that pass; -1 where nothing was judged
	Frameworks []Framework             `json:"frameworks"`
	Urgent     []PostureResult         `json:"urgent"` // fails, and the internet reaches it
	Gaps       []azward.Gap            `json:"gaps"`
}

// Framework is how many items of a framework pass and fail.
type Framework struct {
	Name       string `json:"name"`
	Items      int    `json:"items"`
	Pass       int    `json:"pass"`
	Fail       int    `json:"fail"`
	Unknown    int    `json:"unknown"`
	Aside      int    `json:"aside"`
	Nothing    int    `json:"nothing"` // that the estate has nothing for
	Manual     int    `json:"manual"`
	NotCovered int    `json:"notCovered"`
	Score      int    `json:"score"` // percent of decided items that pass; -1 where none is
}

// PostureRule is a rule, and how many results it has. Rationale and Remedy are
// empty in lists.
type PostureRule struct {
	ID         string               `json:"id"`
	Title      string               `json:"title"`
	Severity   azward.Severity      `json:"severity"`
	Category   string               `json:"category"`
	Engine     string               `json:"engine"`
	Frameworks []string             `json:"frameworks"`
	Counts     PostureCounts        `json:"counts"`
	Rationale  string               `json:"rationale"`
	Remedy     report.PostureRemedy `json:"remedy"`
	Source     string               `json:"source"`
}

// PostureResult is what one rule says of one resource.
type PostureResult struct {
	Rule       string                     `json:"rule"`
	Title      string                     `json:"title"`
	Severity   azward.Severity            `json:"severity"`
	Resource   azward.ResourceID          `json:"resource"`
	Name       string                     `json:"name"`
	Type       string                     `json:"type"`
	Connection string                     `json:"connection"`
	Result     string                     `json:"result"` // fail, unknown, pass, exempt, suppressed
	Reason     string                     `json:"reason"`
	Exposed    string                     `json:"exposed"` // yes, no, unknown; "" for what nobody could reach
	Blast      int                        `json:"blast"`   // what follows from a take-over, 0 to 4
	Because    []string                   `json:"because"`
	Suppressed *report.PostureSuppression `json:"suppressed"`
}

// PostureQuery selects results, and rules that have them. Zero fields select
// everything that fails or is unknown, and is not suppressed.
type PostureQuery struct {
	Results     []string // fail, unknown, pass, exempt
	Framework   string   // its name, or NAME: ITEM
	MinSeverity azward.Severity
	Rule        string
	Category    string
	Type        string
	Resource    azward.ResourceID // it, and what lies below it
	Connection  string
	Search      string
	Exposed     bool   // only what the internet reaches
	Suppressed  string // "with" or "only"
}

func (q PostureQuery) values() url.Values {
	v := url.Values{}
	for name, value := range map[string]string{
		"result": strings.Join(q.Results, ","), "framework": q.Framework, "severity": string(q.MinSeverity), "rule": q.Rule, "category": q.Category,
		"type": q.Type, "resource": string(q.Resource), "connection": q.Connection, "search": q.Search, "suppressed": q.Suppressed,
	} {
		set(v, name, value)
	}
	if q.Exposed {
		v.Set("exposed", "true")
	}
	return v
}

// Posture reads how the newest estates stand, of one connection or with "" of
// all.
func (c *Client) Posture(ctx context.Context, connection string) (Posture, error) {
	query := url.Values{}
	set(query, "connection", connection)
	return get[Posture](ctx, c, "/posture", query)
}

// PostureRules yields rules, what fails most urgently first.
func (c *Client) PostureRules(ctx context.Context, q PostureQuery) iter.Seq2[PostureRule, error] {
	return list[PostureRule](ctx, c, "/posture/rules", q.values())
}

// PostureRule reads one rule.
func (c *Client) PostureRule(ctx context.Context, id string) (PostureRule, error) {
	return get[PostureRule](ctx, c, "/posture/rules/"+url.PathEscape(id), nil)
}

// PostureResults yields results, the most urgent first.
func (c *Client) PostureResults(ctx context.Context, q PostureQuery) iter.Seq2[PostureResult, error] {
	return list[PostureResult](ctx, c, "/posture/results", q.values())
}

// PostureResult reads one result with what decided it.
func (c *Client) PostureResult(ctx context.Context, rule string, resource azward.ResourceID) (report.Posture, error) {
	return get[report.Posture](ctx, c, "/posture/result", url.Values{"rule": {rule}, "resource": {string(resource)}})
}
