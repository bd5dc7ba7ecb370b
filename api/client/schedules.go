package client

import (
	"context"
	"iter"
	"net/http"
	"net/url"
	"time"
)

// ScheduleSettings are what a schedule can be told.
type ScheduleSettings struct {
	Name          string `json:"name,omitempty"` // of a new one
	Kind          string `json:"kind"`           // scan, registry or image
	Subject       string `json:"subject"`
	Cron          string `json:"cron"`
	JitterSeconds int    `json:"jitterSeconds,omitempty"`
	Paused        bool   `json:"paused,omitempty"`
}

// Schedule starts a job again and again.
type Schedule struct {
	ScheduleSettings
	ManagedBy string    `json:"managedBy"` // "azward.yaml", "azward", or "" for people
	By        string    `json:"by"`
	CreatedAt time.Time `json:"createdAt"`
	NextAt    time.Time `json:"nextAt"` // zero while it is paused
	LastAt    time.Time `json:"lastAt"`
	LastJob   string    `json:"lastJob"`
	// ETag says which version this is; changes ask for it.
	ETag string `json:"-"`
}

// Schedules yields all schedules by name, without their ETags.
func (c *Client) Schedules(ctx context.Context) iter.Seq2[Schedule, error] {
	return list[Schedule](ctx, c, "/schedules", nil)
}

// Schedule reads one.
func (c *Client) Schedule(ctx context.Context, name string) (Schedule, error) {
	return c.schedule(ctx, request{method: http.MethodGet, path: schedulePath(name)})
}

// AddSchedule adds one.
func (c *Client) AddSchedule(ctx context.Context, s ScheduleSettings) (Schedule, error) {
	return c.schedule(ctx, request{method: http.MethodPost, path: "/schedules", body: s})
}

// ChangeSchedule makes the version that the caller has seen say something else;
// KindStale where it was changed since.
func (c *Client) ChangeSchedule(ctx context.Context, seen Schedule, s ScheduleSettings) (Schedule, error) {
	s.Name = ""
	return c.schedule(ctx, request{method: http.MethodPut, path: schedulePath(seen.Name), ifMatch: seen.ETag, body: s})
}

// RemoveSchedule removes the version that the caller has seen.
func (c *Client) RemoveSchedule(ctx context.Context, seen Schedule) error {
	_, err := c.call(ctx, request{method: http.MethodDelete, path: schedulePath(seen.Name), ifMatch: seen.ETag}, nil)
	return err
}

// RunSchedule starts its job now.
func (c *Client) RunSchedule(ctx context.Context, name string) (Job, error) {
	return post[Job](ctx, c, schedulePath(name)+"/run", nil)
}

func (c *Client) schedule(ctx context.Context, r request) (Schedule, error) {
	var found Schedule
	header, err := c.call(ctx, r, &found)
	found.ETag = header.Get("ETag")
	return found, err
}

func schedulePath(name string) string { return "/schedules/" + url.PathEscape(name) }
