package client

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// Job is a piece of work in the background.
type Job struct {
	store.Job
	SecondsLeft *int `json:"secondsLeft"` // nil where it cannot be told
}

// StartScan starts a scan of a connection, or gives the one that is under way.
func (c *Client) StartScan(ctx context.Context, connection string) (Job, error) {
	return post[Job](ctx, c, "/scans", map[string]string{"connection": connection})
}

// Scans yields the scans of a connection, "" for all, the newest first.
func (c *Client) Scans(ctx context.Context, connection string) iter.Seq2[store.Scan, error] {
	query := url.Values{}
	set(query, "connection", connection)
	return list[store.Scan](ctx, c, "/scans", query)
}

// Jobs yields all jobs, the newest first.
func (c *Client) Jobs(ctx context.Context) iter.Seq2[Job, error] {
	return list[Job](ctx, c, "/jobs", nil)
}

// Job reads one.
func (c *Client) Job(ctx context.Context, id string) (Job, error) {
	return get[Job](ctx, c, "/jobs/"+url.PathEscape(id), nil)
}

// Log reads a job's log after the line of that number.
func (c *Client) Log(ctx context.Context, id string, after int) ([]store.JobLine, error) {
	var page struct{ Items []store.JobLine }
	query := url.Values{}
	if after > 0 {
		query.Set("after", itoa(after))
	}
	err := c.Get(ctx, "/jobs/"+url.PathEscape(id)+"/log", query, &page)
	return page.Items, err
}

// Cancel ends a job.
func (c *Client) Cancel(ctx context.Context, id string) (Job, error) {
	return post[Job](ctx, c, "/jobs/"+url.PathEscape(id)+"/cancel", nil)
}

const maxEvent = 1 << 20 // bytes of one line of an event stream

// Follow yields a job at each change, until it has ended. A stream that breaks
// off gives an error: follow again.
func (c *Client) Follow(ctx context.Context, id string) iter.Seq2[Job, error] {
	return func(yield func(Job, error) bool) {
		r := request{method: http.MethodGet, path: "/jobs/" + url.PathEscape(id) + "/events"}
		response, err := c.send(ctx, r)
		if err != nil {
			yield(Job{}, err)
			return
		}
		defer response.Body.Close()
		event := ""
		lines := bufio.NewScanner(response.Body)
		lines.Buffer(nil, maxEvent)
		for lines.Scan() {
			field, value, _ := strings.Cut(lines.Text(), ": ")
			switch field {
			case "event":
				event = value
			case "data":
				var job Job
				if err := json.Unmarshal([]byte(value), &job); err != nil {
					yield(Job{}, &azward.Error{Kind: azward.KindBadInput, Op: "follow job", Subject: id, Cause: "an event is not what the API documents", Remedy: "compare the versions of hub and client", Err: err})
					return
				}
				if !yield(job, nil) || event == "end" {
					return
				}
			}
		}
		err = lines.Err()
		if err == nil {
			err = errEnded
		}
		yield(Job{}, c.unreachable(r, err))
	}
}

var errEnded = errors.New("the stream ended before the job")

// ScanRegistry reads a registry, or gives the job that does.
func (c *Client) ScanRegistry(ctx context.Context, host string) (Job, error) {
	return post[Job](ctx, c, "/registries/"+url.PathEscape(host)+"/scan", nil)
}

// ScanImage reads one image of a registry, or gives the job that does.
func (c *Client) ScanImage(ctx context.Context, reference string) (Job, error) {
	return post[Job](ctx, c, "/images/scan", map[string]string{"image": reference})
}
