package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/azward/azward/access"
	"github.com/azward/azward/config"
	"github.com/azward/azward/retention"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
)

// Housekeeping goes by azward.yaml, is done again after its process died in it,
// and touches no scan that is under way.
func TestHousekeeping(t *testing.T) {
	t.Parallel()
	ctx, dir := t.Context(), t.TempDir()
	kept := openData(t, dir)
	h := &hubServer{app: &app{data: dir}, kept: kept, log: slog.New(slog.DiscardHandler), flags: serveFlags{workers: 2}}
	ok := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	ok(h.openWork(ctx))
	control, err := access.New(access.Options{Store: kept, PublicURL: "http://localhost:8484"})
	ok(err)
	h.access = control
	scansOfDays(t, kept, 5)
	ok(kept.BeginScan(ctx, "under-way", "prod", time.Now().UTC().AddDate(-3, 0, 0)))
	applied, err := json.Marshal(config.Applied{Retention: &store.Retention{Scans: store.Limit{Count: 3}}})
	ok(err)
	ok(kept.SaveSetting(ctx, config.Setting, applied, time.Now().UTC()))
	// An earlier process was killed in the middle of it.
	left := store.Job{ID: "20260101T000000-000000000-00000000", Kind: retention.Job, Subject: retention.Subject, By: "schedule " + housekeeping.Name, State: store.JobQueued, CreatedAt: time.Now().UTC()}
	_, _, err = kept.AddJob(ctx, left)
	ok(err)
	left.State, left.Attempt, left.Stage = store.JobRunning, 1, "scans"
	ok(kept.SaveJob(ctx, left, nil))

	ok(h.keepHouse(ctx))
	first, err := h.pool.Schedule(ctx, housekeeping.Name)
	ok(err)
	ok(h.keepHouse(ctx))
	if again, err := h.pool.Schedule(ctx, housekeeping.Name); err != nil || !again.NextAt.Equal(first.NextAt) || again.ManagedBy != store.ManagedByHub {
		t.Errorf("a second start changes the schedule from %+v to %+v, %v", first, again, err)
	}
	ok(h.pool.Start(ctx))
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
		defer cancel()
		if err := h.pool.Stop(ctx); err != nil {
			t.Error(err)
		}
	})
	var job store.Job
	for j, err := range h.pool.Watch(ctx, left.ID) {
		ok(err)
		job = j
	}
	if job.State != store.JobComplete || job.Attempt != 2 || !strings.Contains(job.Note, "2 scans") {
		t.Errorf("the job left by the killed one: %+v", job)
	}
	scans, err := kept.Scans(ctx, 100)
	ok(err)
	if len(scans) != 4 || scans[3].ID != "under-way" {
		t.Errorf("scans left: %+v", scans)
	}
	log, err := kept.AuditLog(ctx, store.AuditFilter{Action: "retention"})
	ok(err)
	if len(log) != 1 || log[0].Action != "retention.apply" || log[0].UserID != "" || !strings.Contains(string(log[0].After), `"scans":{"gone":2,"kept":4`) {
		t.Errorf("audit: %+v", log)
	}
}

// scansOfDays saves finished scans of prod, a day apart.
func scansOfDays(t *testing.T, kept *sqlite.Store, n int) {
	t.Helper()
	for i := range n {
		id, at := fmt.Sprintf("scan-%d", i), time.Now().UTC().AddDate(0, 0, i-n)
		err := kept.BeginScan(t.Context(), id, "prod", at)
		if err == nil {
			err = kept.SaveEstate(t.Context(), id, func(w io.Writer) error { _, err := io.WriteString(w, id); return err })
		}
		if err == nil {
			err = kept.SaveVerdicts(t.Context(), id, func(func(store.Decided, error) bool) {}, store.Outcome{State: store.ScanComplete, FinishedAt: at})
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
