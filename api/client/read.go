package client

import (
	"context"
	"encoding/json"
	"iter"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/store"
)

func itoa(n int) string { return strconv.Itoa(n) }

// Resource is one thing that a scan found.
type Resource struct {
	ID            azward.ResourceID     `json:"id"`
	Name          string                `json:"name"`
	Type          string                `json:"type"`
	Kind          string                `json:"kind"`
	Location      string                `json:"location"`
	Subscription  azward.SubscriptionID `json:"subscription"`
	ResourceGroup string                `json:"resourceGroup"`
	Connection    string                `json:"connection"`
	Scan          string                `json:"scan"`
	ReadAt        time.Time             `json:"readAt"`
	// Body is the document as Azure returned it; of lists nil.
	Body json.RawMessage `json:"body"`
}

// ResourceQuery selects resources. Zero fields select everything.
type ResourceQuery struct{ Search, Type, Subscription, Connection string }

// Resources yields what the newest scans found, by ID.
func (c *Client) Resources(ctx context.Context, q ResourceQuery) iter.Seq2[Resource, error] {
	query := url.Values{}
	set(query, "search", q.Search)
	set(query, "type", q.Type)
	set(query, "subscription", q.Subscription)
	set(query, "connection", q.Connection)
	return list[Resource](ctx, c, "/resources", query)
}

// Resource reads one, with its document.
func (c *Client) Resource(ctx context.Context, id azward.ResourceID) (Resource, error) {
	return get[Resource](ctx, c, "/resource", url.Values{"id": {string(id)}})
}

// VerdictQuery selects verdicts. Zero fields select everything that is not
// dismissed.
type VerdictQuery struct {
	Results       []azward.Result
	MinSeverity   azward.Severity
	Vulnerability string
	Workload      azward.ResourceID
	Connection    string
	Search        string
	Known         bool
	Dismissed     string // "with" or "only"
}

// Verdicts yields the verdicts of now, the most urgent first, as lists show
// them; [Client.Verdict] gives one with what it rests on.
func (c *Client) Verdicts(ctx context.Context, q VerdictQuery) iter.Seq2[store.VerdictRow, error] {
	query := url.Values{}
	results := make([]string, len(q.Results))
	for i, r := range q.Results {
		results[i] = string(r)
	}
	set(query, "result", strings.Join(results, ","))
	set(query, "severity", string(q.MinSeverity))
	set(query, "vulnerability", q.Vulnerability)
	set(query, "workload", string(q.Workload))
	set(query, "connection", q.Connection)
	set(query, "search", q.Search)
	set(query, "dismissed", q.Dismissed)
	if q.Known {
		query.Set("known", "true")
	}
	return list[store.VerdictRow](ctx, c, "/verdicts", query)
}

// Verdict reads one.
func (c *Client) Verdict(ctx context.Context, id azward.VerdictID) (azward.Verdict, error) {
	return get[azward.Verdict](ctx, c, verdictPath(id), nil)
}

// Proof downloads the proof of a verdict, byte for byte as `azward verify`
// takes it.
func (c *Client) Proof(ctx context.Context, id azward.VerdictID) ([]byte, error) {
	return get[[]byte](ctx, c, verdictPath(id)+"/proof", nil)
}

// Dismiss leaves a verdict until a day.
func (c *Client) Dismiss(ctx context.Context, id azward.VerdictID, reason string, until time.Time) (azward.Verdict, error) {
	return post[azward.Verdict](ctx, c, verdictPath(id)+"/dismiss", map[string]string{"reason": reason, "until": until.UTC().Format(time.DateOnly)})
}

// Reopen takes a dismissal back.
func (c *Client) Reopen(ctx context.Context, id azward.VerdictID) (azward.Verdict, error) {
	return post[azward.Verdict](ctx, c, verdictPath(id)+"/reopen", nil)
}

func verdictPath(id azward.VerdictID) string { return "/verdicts/" + url.PathEscape(string(id)) }

// Check asks whether one flow may pass.
func (c *Client) Check(ctx context.Context, q exposure.Question) (exposure.Result, error) {
	query := url.Values{"from": {q.From}, "to": {q.To}}
	set(query, "protocol", q.Protocol)
	set(query, "filtersOnly", q.FiltersOnly)
	set(query, "via", q.Via)
	set(query, "cluster", q.Cluster)
	for name, n := range map[string]int{"port": q.Port, "sourcePort": q.SourcePort} {
		if n != 0 {
			query.Set(name, itoa(n))
		}
	}
	return get[exposure.Result](ctx, c, "/exposure/check", query)
}

// VerdictHistory reads what a verdict was over the scans, the newest first.
func (c *Client) VerdictHistory(ctx context.Context, id azward.VerdictID) ([]store.VerdictSpan, error) {
	page, err := get[struct{ Items []store.VerdictSpan }](ctx, c, "/verdicts/"+url.PathEscape(string(id))+"/history", nil)
	return page.Items, err
}
