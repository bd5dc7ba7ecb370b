package storetest

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// Sweeper lets go of what is not kept any more.
type Sweeper interface {
	SweepScans(context.Context, store.Sweep) (store.Swept, error)
	SweepKeptEstates(context.Context, store.Sweep) (store.Swept, error)
	SweepJobs(context.Context, store.Sweep) (store.Swept, error)
	SweepJobLogs(context.Context, store.Sweep) (store.Swept, error)
	SweepAudit(context.Context, store.Sweep) (store.Swept, error)

	AddJob(context.Context, store.Job) (store.Job, bool, error)
	SaveJob(context.Context, store.Job, []store.JobLine) error
	Jobs(context.Context, store.JobFilter) ([]store.Job, error)
	JobLines(ctx context.Context, job string, after, limit int) ([]store.JobLine, error)
	WriteAudit(context.Context, store.AuditEntry) error
	AuditLog(context.Context, store.AuditFilter) ([]store.AuditEntry, error)
}

// sweptScans has five finished scans of prod, a failed one and one under way.
func sweptScans(t *testing.T, s Store) {
	ctx := t.Context()
	for _, scan := range []string{"s1", "s2", "s3", "s4", "s5"} {
		save(t, s, scan, "prod", decided("cart", "CVE-2021-44228", azward.Yes, azward.SeverityCritical))
		keepEstate(t, s, scan)
	}
	save(t, s, "t1", "test")
	for _, scan := range []string{"f1", "r9"} {
		check(t, s.BeginScan(ctx, scan, "prod", noon.Add(time.Duration(scan[1])*time.Second)))
	}
	check(t, s.FinishScan(ctx, "f1", store.Outcome{State: store.ScanFailed, FinishedAt: noon.Add(time.Hour)}))
	keepEstate(t, s, "r9")

	future := noon.AddDate(1, 0, 0)
	for _, dry := range []bool{true, false} {
		got := must(s.SweepKeptEstates(ctx, store.Sweep{Keep: 3, Dry: dry}))(t)
		if got.Gone != 2 || got.Kept != 4 || got.Bytes == 0 {
			t.Errorf("dry %v: estates: %+v", dry, got)
		}
		got = must(s.SweepScans(ctx, store.Sweep{Keep: 3, Dry: dry}))(t)
		same(t, store.Swept{Gone: 2, Kept: 6}, store.Swept{Gone: got.Gone, Kept: got.Kept})
	}
	same(t, []string{"r9", "s5", "s4", "s3", "t1", "f1"}, scanIDs(t, s))
	// By age: everything but what stands, and what is under way.
	got := must(s.SweepScans(ctx, store.Sweep{Before: future}))(t)
	if got.Gone != 2 || got.Kept != 4 || got.Bytes == 0 {
		t.Errorf("by age: %+v", got)
	}
	same(t, []string{"r9", "s5", "s4", "t1"}, scanIDs(t, s))
	same(t, store.Swept{Kept: 4}, must(s.SweepScans(ctx, store.Sweep{Keep: 1, Before: future}))(t))
	same(t, store.Swept{Kept: 3}, must(s.SweepKeptEstates(ctx, store.Sweep{Keep: 1, Before: future}))(t))
	for _, scan := range []string{"s4", "s5", "r9"} {
		check(t, must(s.OpenEstate(ctx, scan))(t).Close())
	}
	same(t, 1, len(list(t, s, store.Filter{})))
}

// sweptEstates stay away while their scans stay.
func sweptEstates(t *testing.T, s Store) {
	ctx := t.Context()
	for _, scan := range []string{"s1", "s2", "s3"} {
		save(t, s, scan, "prod")
		keepEstate(t, s, scan)
	}
	same(t, 0, must(s.SweepKeptEstates(ctx, store.Sweep{}))(t).Gone)
	same(t, 1, must(s.SweepKeptEstates(ctx, store.Sweep{Keep: 1}))(t).Gone)
	_, err := s.OpenEstate(ctx, "s1")
	advice(t, err, azward.KindNotFound)
	same(t, "", must(s.Scan(ctx, "s1"))(t).Estate)
}

func keepEstate(t *testing.T, s Store, scan string) {
	t.Helper()
	check(t, s.SaveEstate(t.Context(), scan, func(w io.Writer) error {
		_, err := fmt.Fprintf(w, "estate of %s", scan)
		return err
	}))
}

func scanIDs(t *testing.T, s Store) (ids []string) {
	t.Helper()
	for _, scan := range must(s.Scans(t.Context(), 100))(t) {
		ids = append(ids, scan.ID)
	}
	return ids
}

func sweptJobs(t *testing.T, s Store) {
	ctx := t.Context()
	for i := range 6 {
		id := fmt.Sprintf("2026112%dT120000-0", i)
		at := noon.AddDate(0, 0, i)
		job := store.Job{ID: id, Kind: "scan", Subject: id, State: store.JobQueued, CreatedAt: at}
		must2(t)(s.AddJob(ctx, job))
		if i < 5 {
			job.State, job.FinishedAt = store.JobComplete, at
		}
		check(t, s.SaveJob(ctx, job, []store.JobLine{{At: at, Text: "a"}, {At: at, Text: "b"}}))
	}
	same(t, store.Swept{Gone: 4, Kept: 8}, must(s.SweepJobLogs(ctx, store.Sweep{Keep: 3, Dry: true}))(t))
	same(t, store.Swept{Gone: 4, Kept: 8}, must(s.SweepJobLogs(ctx, store.Sweep{Keep: 3}))(t))
	same(t, store.Swept{Kept: 8}, must(s.SweepJobLogs(ctx, store.Sweep{Keep: 3}))(t))
	same(t, store.Swept{Gone: 2, Kept: 3}, must(s.SweepJobs(ctx, store.Sweep{Before: noon.AddDate(0, 0, 2), Dry: true}))(t))
	same(t, store.Swept{Gone: 2, Kept: 3}, must(s.SweepJobs(ctx, store.Sweep{Before: noon.AddDate(0, 0, 2)}))(t))
	same(t, store.Swept{Gone: 3}, must(s.SweepJobs(ctx, store.Sweep{Before: noon.AddDate(1, 0, 0)}))(t))
	left := must(s.Jobs(ctx, store.JobFilter{}))(t)
	if len(left) != 1 || left[0].State != store.JobQueued || len(must(s.JobLines(ctx, left[0].ID, 0, 10))(t)) != 2 {
		t.Errorf("the job under way should stay with its log: %+v", left)
	}
}

func sweptAudit(t *testing.T, s Store) {
	ctx := t.Context()
	for i := range 3 {
		check(t, s.WriteAudit(ctx, store.AuditEntry{At: noon.AddDate(0, 0, i), Action: "scan.start"}))
	}
	same(t, store.Swept{Kept: 3}, must(s.SweepAudit(ctx, store.Sweep{Keep: 1}))(t))
	same(t, store.Swept{Gone: 2, Kept: 1}, must(s.SweepAudit(ctx, store.Sweep{Before: noon.AddDate(0, 0, 2)}))(t))
	same(t, 1, len(must(s.AuditLog(ctx, store.AuditFilter{}))(t)))
}

func must2(t *testing.T) func(store.Job, bool, error) {
	return func(_ store.Job, _ bool, err error) {
		t.Helper()
		check(t, err)
	}
}
