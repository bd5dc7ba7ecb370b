package api

import (
	"context"
	"time"

	"github.com/azward/azward/store"
	"github.com/azward/azward/workspace"
)

func (a *API) scanRoutes() {
	handle(a, "list-scans", a.listScans)
	handle(a, "start-scan", a.startScan)
	handle(a, "get-scan", a.getScan)
}

func (a *API) listScans(ctx context.Context, in *struct {
	Paging
	Connection string `query:"connection" maxLength:"4096" doc:"Of this connection alone."`
},
) (*body[Page[store.Scan]], error) {
	after, err := openCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	found, err := a.Workspace.Scans(ctx, workspace.ScanQuery{Source: in.Connection, After: after, Size: in.Limit})
	if err != nil {
		return nil, err
	}
	return page(found.Scans, formCursor(found.Next)), nil
}

// NewScan says what to scan.
type NewScan struct {
	Connection string `json:"connection" minLength:"1" maxLength:"63" doc:"Name of the connection to read."`
}

// Job is a piece of work in the background.
type Job struct {
	store.Job
	// SecondsLeft estimates how long the stage still takes.
	SecondsLeft *int `json:"secondsLeft,omitempty" doc:"Estimate for the stage; absent where it cannot be told."`
}

func jobOf(j store.Job) Job {
	shown := Job{Job: j}
	if left, ok := j.Left(); ok {
		seconds := int(left.Round(time.Second) / time.Second)
		shown.SecondsLeft = &seconds
	}
	return shown
}

type startedJob struct {
	Location string `header:"Location"`
	Body     Job
}

func (a *API) startScan(ctx context.Context, in *struct{ Body NewScan }) (*startedJob, error) {
	return a.start(ctx, workspace.ScanJob, in.Body.Connection)
}

func (a *API) getScan(ctx context.Context, in *struct {
	ID string `path:"id" maxLength:"100"`
},
) (*body[store.Scan], error) {
	return answer(a.Workspace.Scan(ctx, in.ID))
}
