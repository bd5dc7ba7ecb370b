package api

import (
	"context"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/store"
)

func (a *API) jobRoutes() {
	handle(a, "list-jobs", a.listJobs)
	handle(a, "get-job", a.getJob)
	handle(a, "get-log", a.getLog)
	handle(a, "cancel-job", a.cancelJob)
	a.followRoute()
}

// JobID names a job in a path.
type JobID struct {
	ID string `path:"id" maxLength:"64"`
}

func (a *API) listJobs(ctx context.Context, in *struct {
	Paging
	Kind    string   `query:"kind" maxLength:"64" doc:"Of this kind alone, such as scan."`
	Subject string   `query:"subject" maxLength:"200" doc:"About this alone, such as a connection."`
	State   []string `query:"state" maxItems:"10" enum:"queued,running,complete,partial,failed,cancelled,interrupted" doc:"In one of these states."`
},
) (*body[Page[Job]], error) {
	before, err := openCursor(in.Cursor)
	if err != nil {
		return nil, err
	}
	filter := store.JobFilter{Kind: in.Kind, Subject: in.Subject, Before: before, Limit: in.Limit + 1}
	for _, s := range in.State {
		filter.States = append(filter.States, store.JobState(s))
	}
	list, err := a.Jobs.List(ctx, filter)
	if err != nil {
		return nil, err
	}
	next := ""
	if len(list) > in.Limit {
		list = list[:in.Limit]
		next = formCursor(list[in.Limit-1].ID)
	}
	shown := make([]Job, 0, len(list))
	for _, j := range list {
		shown = append(shown, jobOf(j))
	}
	return page(shown, next), nil
}

func (a *API) getJob(ctx context.Context, in *JobID) (*body[Job], error) {
	j, err := a.Jobs.Get(ctx, in.ID)
	return answer(jobOf(j), err)
}

func (a *API) getLog(ctx context.Context, in *struct {
	JobID
	After int `query:"after" minimum:"0" doc:"Lines after the one of this number."`
	Limit int `query:"limit" minimum:"1" maximum:"2000" default:"200" doc:"Lines at most."`
},
) (*body[Page[store.JobLine]], error) {
	if _, err := a.Jobs.Get(ctx, in.ID); err != nil {
		return nil, err
	}
	lines, err := a.Jobs.Log(ctx, in.ID, in.After, in.Limit)
	if err != nil {
		return nil, err
	}
	return page(lines, ""), nil
}

func (a *API) cancelJob(ctx context.Context, in *JobID) (*body[Job], error) {
	who, known := access.From(ctx)
	if !known {
		return nil, &azward.Error{Kind: azward.KindSignIn, Op: "cancel a job", Cause: "nobody is signed in", Remedy: "sign in"}
	}
	before, err := a.Jobs.Get(ctx, in.ID)
	if err != nil {
		return nil, err
	}
	j, err := a.Jobs.Cancel(ctx, in.ID, who.Name)
	if err != nil {
		return nil, err
	}
	err = a.Access.Audit(ctx, j.Kind+".cancel", j.Subject, map[string]any{"job": j.ID, "state": before.State}, map[string]any{"job": j.ID, "state": j.State})
	return answer(jobOf(j), err)
}
