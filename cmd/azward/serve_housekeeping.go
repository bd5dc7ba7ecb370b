package main

import (
	"context"
	"fmt"
	"time"

	"github.com/azward/azward/config"
	"github.com/azward/azward/jobs"
	"github.com/azward/azward/retention"
	"github.com/azward/azward/store"
)

// housekeeping is when what is not kept goes: at night, and not for everybody
// at once.
var housekeeping = store.Schedule{
	Name: "azward.housekeeping", Kind: retention.Job, Subject: retention.Subject, Cron: "17 3 * * *", Jitter: time.Hour,
	ManagedBy: store.ManagedByHub, By: store.ManagedByHub,
}

// keeper decides what is kept.
func (h *hubServer) keeper() *retention.Keeper {
	return &retention.Keeper{
		Store: h.kept,
		File: func(ctx context.Context) (*store.Retention, error) {
			applied, err := config.Load(ctx, h.kept)
			return applied.Retention, err
		},
		Audit: func(ctx context.Context, action, subject string, before, after any) error {
			return h.access.Audit(ctx, action, subject, before, after)
		},
	}
}

// keepHouse makes sure that housekeeping has its schedule. One that is there
// keeps when it runs next, so that a hub which is restarted daily does it, too.
func (h *hubServer) keepHouse(ctx context.Context) error {
	all, err := h.pool.Schedules(ctx)
	if err != nil {
		return err
	}
	for _, s := range all {
		if s.Name == housekeeping.Name && s.Cron == housekeeping.Cron && s.Jitter == housekeeping.Jitter && !s.Paused {
			return nil
		}
	}
	_, err = h.pool.SetSchedule(ctx, housekeeping)
	return err
}

// runHousekeeping lets go of what is not kept. What a killed one left undone
// the next does.
func (h *hubServer) runHousekeeping(ctx context.Context, _ store.Job, to *jobs.Reporter) error {
	if err := h.kept.SweepConsents(ctx, time.Now().UTC()); err != nil {
		return err
	}
	plan, err := h.retention.Apply(ctx, func(part string, done, of int) { to.Progress(part, done, of, "") })
	if err != nil {
		return err
	}
	const megabyte = 1e6
	for _, part := range []struct {
		name  string
		swept store.Swept
	}{
		{"scans", plan.Scans}, {"estates", plan.Estates}, {"jobs", plan.Jobs}, {"lines of logs", plan.JobLogs}, {"earlier results of verdicts", plan.History}, {"entries of the audit log", plan.AuditEntries},
	} {
		to.Logf("%s: %d went, %d stay", part.name, part.swept.Gone, part.swept.Kept)
	}
	to.Note(fmt.Sprintf("%d scans and %d estates went, %.1f MB", plan.Scans.Gone, plan.Estates.Gone, float64(plan.Estates.Bytes)/megabyte))
	return nil
}
