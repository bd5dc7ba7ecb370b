package api

import (
	"context"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/jobs"
	"github.com/azward/azward/retention"
	"github.com/azward/azward/store"
)

// Retention decides what is kept; *retention.Keeper does.
type Retention interface {
	Policy(ctx context.Context) (retention.Policy, error)
	Change(ctx context.Context, to store.Retention, was retention.Policy, by string) (retention.Policy, error)
	Preview(ctx context.Context, r store.Retention) (retention.Plan, error)
}

func (a *API) retentionRoutes() {
	handle(a, "get-retention", a.getRetention)
	handle(a, "set-retention", a.setRetention)
	handle(a, "apply-retention", a.applyRetention)
}

func (a *API) keeper() (Retention, error) {
	if a.Retention == nil {
		return nil, &azward.Error{Kind: azward.KindUnavailable, Op: "say what is kept", Cause: "this hub keeps everything", Remedy: "start it with azward serve"}
	}
	return a.Retention, nil
}

func retentionTag(p retention.Policy) string { return `"` + p.Tag() + `"` }

func (a *API) getRetention(ctx context.Context, in *IfNoneMatch) (*tagged[retention.Policy], error) {
	keeper, err := a.keeper()
	if err != nil {
		return nil, err
	}
	p, err := keeper.Policy(ctx)
	if err != nil {
		return nil, err
	}
	tag := retentionTag(p)
	if err := in.fresh(tag); err != nil {
		return nil, err
	}
	return &tagged[retention.Policy]{tag, p}, nil
}

// RetentionChange is what a policy does when it is applied.
type RetentionChange struct {
	Policy retention.Policy `json:"policy"`
	Plan   retention.Plan   `json:"plan" doc:"What the next housekeeping lets go of, as of now."`
	Saved  bool             `json:"saved" doc:"false for a dry run."`
}

func (a *API) setRetention(ctx context.Context, in *struct {
	IfMatch
	DryRun bool `query:"dryRun" doc:"Say what would go, and change nothing."`
	Body   store.Retention
},
) (*tagged[RetentionChange], error) {
	const op = "change what is kept"
	who, err := access.Check(ctx, access.Admin, op)
	if err != nil {
		return nil, err
	}
	keeper, err := a.keeper()
	if err != nil {
		return nil, err
	}
	was, err := keeper.Policy(ctx)
	if err != nil {
		return nil, err
	}
	tag := retentionTag(was)
	plan, err := keeper.Preview(ctx, in.Body)
	if err != nil {
		return nil, err
	}
	if in.DryRun {
		return &tagged[RetentionChange]{tag, RetentionChange{Policy: retention.Policy{Retention: in.Body, Origin: was.Origin, By: was.By, At: was.At}, Plan: plan}}, nil
	}
	if err := in.check(op, "retention", tag); err != nil {
		return nil, err
	}
	now, err := keeper.Change(ctx, in.Body, was, who.Name)
	if err != nil {
		return nil, err
	}
	return &tagged[RetentionChange]{retentionTag(now), RetentionChange{Policy: now, Plan: plan, Saved: true}}, nil
}

func (a *API) applyRetention(ctx context.Context, _ *none) (*startedJob, error) {
	who, err := access.Check(ctx, access.Admin, "do the housekeeping")
	if err != nil {
		return nil, err
	}
	job, added, err := a.Jobs.Enqueue(ctx, jobs.Request{Kind: retention.Job, Subject: retention.Subject, By: who.Name})
	if err != nil {
		return nil, err
	}
	return a.started(ctx, job, added, "retention.run", retention.Subject)
}
