package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"

	"github.com/azward/azward"
)

// ViewFilters select verdicts, as [VerdictQuery] does.
type ViewFilters struct {
	Results       []azward.Result `json:"result,omitempty"`
	Severity      azward.Severity `json:"severity,omitempty"` // this and above
	Vulnerability string          `json:"vulnerability,omitempty"`
	Workload      string          `json:"workload,omitempty"`
	Connection    string          `json:"connection,omitempty"`
	Search        string          `json:"search,omitempty"`
	Known         bool            `json:"known,omitempty"`
	Dismissed     string          `json:"dismissed,omitempty"` // "with", "only"
}

// View is a saved filter of verdicts.
type View struct {
	Name    string      `json:"name"`
	Filters ViewFilters `json:"filters"`
	Shared  bool        `json:"shared"`
	Own     bool        `json:"own"`
	Owner   string      `json:"owner"` // of somebody else's
}

// Views yields the views of one's own and those that others share.
func (c *Client) Views(ctx context.Context) iter.Seq2[View, error] {
	return list[View](ctx, c, "/verdicts/views", nil)
}

// SaveView keeps a view, in place of one's earlier one of that name.
func (c *Client) SaveView(ctx context.Context, name string, filters ViewFilters, shared bool) (View, error) {
	var kept View
	_, err := c.call(ctx, request{method: http.MethodPut, path: viewPath(name), body: map[string]any{"filters": filters, "shared": shared}}, &kept)
	return kept, err
}

// RemoveView removes a view.
func (c *Client) RemoveView(ctx context.Context, name string) error {
	_, err := c.call(ctx, request{method: http.MethodDelete, path: viewPath(name)}, nil)
	return err
}

func viewPath(name string) string { return "/verdicts/views/" + url.PathEscape(name) }
