package api

import (
	"context"

	"github.com/azward/azward/access"
	"github.com/azward/azward/jobs"
	"github.com/azward/azward/store"
	"github.com/azward/azward/workspace"
)

// startActions are what the audit log calls the start of a job.
var startActions = map[string]string{workspace.ScanJob: "scan.start", workspace.RegistryJob: "registry.scan", workspace.ImageJob: "image.scan"}

// target checks what a job is to read, and who may send the hub there: to
// registries that it never read, and that no connection's cloud has,
// administrators alone.
func (a *API) target(ctx context.Context, kind, subject string) (workspace.Target, error) {
	t, err := a.Workspace.Target(ctx, kind, subject)
	if err != nil || t.Host == "" || t.Known {
		return t, err
	}
	ours, err := a.Connections.IsRegistry(ctx, t.Host)
	if err != nil || ours {
		return t, err
	}
	_, err = access.Check(ctx, access.Admin, "send the hub to a registry that it never read")
	return t, err
}

// start queues a job, or gives the one that is under way.
func (a *API) start(ctx context.Context, kind, subject string) (*startedJob, error) {
	who, err := access.Check(ctx, access.Operator, "start a job")
	if err != nil {
		return nil, err
	}
	t, err := a.target(ctx, kind, subject)
	if err != nil {
		return nil, err
	}
	job, added, err := a.Jobs.Enqueue(ctx, jobs.Request{Kind: t.Kind, Subject: t.Subject, By: who.Name})
	if err != nil {
		return nil, err
	}
	return a.started(ctx, job, added, startActions[kind], t.Subject)
}

// started answers a job that was asked for, and notes it where it is new.
func (a *API) started(ctx context.Context, job store.Job, added bool, action, subject string) (*startedJob, error) {
	if added {
		if err := a.Access.Audit(ctx, action, subject, nil, map[string]string{"job": job.ID}); err != nil {
			return nil, err
		}
	}
	return &startedJob{Prefix + "/jobs/" + job.ID, jobOf(job)}, nil
}

func (a *API) startRegistry(ctx context.Context, in *RegistryHost) (*startedJob, error) {
	return a.start(ctx, workspace.RegistryJob, in.Host)
}

// NewImageScan says which image to read.
type NewImageScan struct {
	Image string `json:"image" minLength:"1" maxLength:"200" example:"contoso.azurecr.io/shop/cart:1.4" doc:"In a registry, by tag or digest."`
}

func (a *API) startImage(ctx context.Context, in *struct{ Body NewImageScan }) (*startedJob, error) {
	return a.start(ctx, workspace.ImageJob, in.Body.Image)
}
