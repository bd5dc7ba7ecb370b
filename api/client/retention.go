package client

import (
	"context"
	"net/http"
	"net/url"
	"time"

	"github.com/azward/azward/store"
)

const retentionPath = "/settings/retention"

// Retention is what is kept, and for how long.
type Retention struct {
	store.Retention
	Origin string    `json:"origin"` // default, hub or azward.yaml
	By     string    `json:"by"`
	At     time.Time `json:"at"`
	// ETag says which version this is; changes ask for it.
	ETag string `json:"-"`
}

// RetentionPlan is what the next housekeeping lets go of.
type RetentionPlan struct {
	Scans        store.Swept `json:"scans"`
	Estates      store.Swept `json:"estates"`
	Jobs         store.Swept `json:"jobs"`
	JobLogs      store.Swept `json:"jobLogs"`
	History      store.Swept `json:"history"`
	AuditEntries store.Swept `json:"auditEntries"`
}

// Retention reads what is kept.
func (c *Client) Retention(ctx context.Context) (Retention, error) {
	var found Retention
	header, err := c.call(ctx, request{method: http.MethodGet, path: retentionPath}, &found)
	found.ETag = header.Get("ETag")
	return found, err
}

// SetRetention changes the version that the caller has seen, and says what that
// lets go of.
func (c *Client) SetRetention(ctx context.Context, seen Retention, to store.Retention) (RetentionPlan, error) {
	return c.setRetention(ctx, request{method: http.MethodPut, path: retentionPath, ifMatch: seen.ETag, body: to})
}

// PreviewRetention says what a policy would let go of, and changes nothing.
func (c *Client) PreviewRetention(ctx context.Context, policy store.Retention) (RetentionPlan, error) {
	return c.setRetention(ctx, request{method: http.MethodPut, path: retentionPath, query: url.Values{"dryRun": {"true"}}, body: policy})
}

func (c *Client) setRetention(ctx context.Context, r request) (RetentionPlan, error) {
	var done struct{ Plan RetentionPlan }
	_, err := c.call(ctx, r, &done)
	return done.Plan, err
}

// ApplyRetention does the housekeeping now.
func (c *Client) ApplyRetention(ctx context.Context) (Job, error) {
	return post[Job](ctx, c, retentionPath+"/apply", nil)
}
