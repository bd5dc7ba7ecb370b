package api

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/azward/azward/store"
)

// Times of an event stream.
const (
	beatEvery   = 15 * time.Second // keeps proxies from closing a silent stream
	writeWithin = 10 * time.Second // for one event
	retryAfter  = 2000             // milliseconds until a browser connects again
)

func (a *API) followRoute() {
	op := a.operation("follow-job")
	job := a.huma.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Job](), true, "")
	op.Responses["200"] = &huma.Response{
		Description: "Events `progress` and, at last, `end`; the data of each is the job.",
		Content:     map[string]*huma.MediaType{"text/event-stream": {Schema: &huma.Schema{Type: huma.TypeString, Description: "Server-sent events."}}},
		Extensions:  map[string]any{"x-event-data": job},
	}
	huma.Register(a.huma, op, func(ctx context.Context, in *JobID) (*huma.StreamResponse, error) {
		if _, err := a.Jobs.Get(ctx, in.ID); err != nil {
			return nil, problemOf(ctx, a.Log, err)
		}
		return &huma.StreamResponse{Body: func(ctx huma.Context) {
			r, w := humago.Unwrap(ctx)
			if err := a.follow(r.Context(), w, in.ID); err != nil {
				a.Log.DebugContext(r.Context(), "an event stream ended", "job", in.ID, "error", err)
			}
		}}, nil
	})
}

// stream writes server-sent events.
//
// Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
type stream struct {
	w       http.ResponseWriter
	control *http.ResponseController
}

func (s stream) write(format string, args ...any) error {
	if err := s.control.SetWriteDeadline(time.Now().Add(writeWithin)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		return err
	}
	if _, err := fmt.Fprintf(s.w, format, args...); err != nil {
		return err
	}
	return s.control.Flush()
}

func (s stream) event(name string, data any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return err
	}
	return s.write("event: %s\ndata: %s\n\n", name, raw)
}

// follow writes a job's changes until it ends, or the caller goes.
func (a *API) follow(ctx context.Context, w http.ResponseWriter, id string) error {
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("X-Accel-Buffering", "no") // for nginx in front
	s := stream{w, http.NewResponseController(w)}
	if err := s.write("retry: %d\n\n", retryAfter); err != nil {
		return err
	}
	ctx, cancel := context.WithCancel(ctx)
	updates, failed := a.updates(ctx, id)
	defer func() {
		cancel()
		for range updates { // until the watcher has gone
			continue
		}
	}()
	beat := time.NewTicker(beatEvery)
	defer beat.Stop()
	for {
		select {
		case job, ok := <-updates:
			if !ok {
				return <-failed
			}
			name := "progress"
			if job.State.Final() {
				name = "end"
			}
			if err := s.event(name, jobOf(job)); err != nil {
				return err
			}
		case <-beat.C:
			if err := s.write(": \n\n"); err != nil {
				return err
			}
		}
	}
}

// updates watches a job from a goroutine of its own, which ends with ctx or the
// job. Failed holds one value, its error, once updates is closed.
func (a *API) updates(ctx context.Context, id string) (updates <-chan store.Job, failed <-chan error) {
	jobs, errs := make(chan store.Job), make(chan error, 1)
	go func() {
		defer close(jobs)
		for job, err := range a.Jobs.Watch(ctx, id) {
			if err != nil {
				errs <- err
				return
			}
			select {
			case jobs <- job:
			case <-ctx.Done():
				errs <- ctx.Err()
				return
			}
		}
		errs <- nil
	}()
	return jobs, errs
}
