package jobs_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/azward/azward"
	"github.com/azward/azward/jobs"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func openStore(t *testing.T) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// started is a pool that runs until the test ends.
func started(t *testing.T, o jobs.Options) *jobs.Pool {
	t.Helper()
	p := jobs.New(o)
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { stop(t, p) })
	return p
}

func stop(t *testing.T, p *jobs.Pool) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 10*time.Second)
	defer cancel()
	if err := p.Stop(ctx); err != nil {
		t.Error(err)
	}
}

func enqueue(t *testing.T, p *jobs.Pool, subject string) store.Job {
	t.Helper()
	job, _, err := p.Enqueue(t.Context(), jobs.Request{Kind: "scan", Subject: subject, By: "ana"})
	if err != nil {
		t.Fatal(err)
	}
	return job
}

// until watches a job to its last state, or to the first that fits.
func until(t *testing.T, p *jobs.Pool, id string, fits func(store.Job) bool) store.Job {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 15*time.Second)
	defer cancel()
	var last store.Job
	for job, err := range p.Watch(ctx, id) {
		if err != nil {
			t.Fatal(err)
		}
		if last = job; fits(job) {
			return job
		}
	}
	t.Fatalf("the job never fits: %+v", last)
	return last
}

func final(j store.Job) bool { return j.State.Final() }

func scanning(run func(context.Context, store.Job, *jobs.Reporter) error) map[string]jobs.Runner {
	return map[string]jobs.Runner{"scan": {Run: run, Attempts: 2}}
}

func TestHowJobsEnd(t *testing.T) {
	t.Parallel()
	advice := &azward.Error{Kind: azward.KindSignIn, Op: "sign in", Cause: "the secret has expired", Remedy: "make a new one"}
	p := started(t, jobs.Options{Store: openStore(t), Runners: scanning(func(_ context.Context, job store.Job, to *jobs.Reporter) error {
		to.Progress("reading", 3, 4, "vnets\nand\x1b more")
		switch job.Subject {
		case "with_gaps":
			to.Note("vnet 7")
			to.Result("s1")
			to.Partial("2 gaps")
		case "advice":
			return fmt.Errorf("read: %w", advice)
		case "plain":
			return errors.New("the disk is full")
		case "panics":
			panic("broken")
		}
		return nil
	})})
	for _, tc := range []struct {
		subject string
		want    store.Job
	}{
		{"whole", store.Job{State: store.JobComplete, Note: "vnets and  more"}},
		{"with_gaps", store.Job{State: store.JobPartial, Note: "2 gaps", Result: "s1"}},
		{"advice", store.Job{State: store.JobFailed, Note: "vnets and  more", Error: "read: sign in: the secret has expired", Remedy: "make a new one"}},
		{"plain", store.Job{State: store.JobFailed, Note: "vnets and  more", Error: "the disk is full"}},
		{"panics", store.Job{State: store.JobFailed, Note: "vnets and  more", Error: "scan panics: azward has a mistake: the job broke", Remedy: "the hub's log has where; please report it"}},
	} {
		got := until(t, p, enqueue(t, p, tc.subject).ID, final)
		if got.StartedAt.IsZero() || got.FinishedAt.Before(got.StartedAt) || got.CreatedAt.After(got.StartedAt) {
			t.Errorf("%s: times %v %v %v", tc.subject, got.CreatedAt, got.StartedAt, got.FinishedAt)
		}
		want := tc.want
		want.ID, want.Kind, want.Subject, want.By, want.Attempt = got.ID, "scan", tc.subject, "ana", 1
		want.Stage, want.Done, want.Total = "reading", 3, 4
		want.CreatedAt, want.StartedAt, want.FinishedAt = got.CreatedAt, got.StartedAt, got.FinishedAt
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.subject, diff)
		}
		lines, err := p.Log(t.Context(), got.ID, 0, 100)
		if err != nil || len(lines) != 3 || lines[0].Text != "started, attempt 1" || lines[1].Text != "reading" || lines[2].Number != 3 {
			t.Errorf("%s: log %+v, %v", tc.subject, lines, err)
		}
	}
	// Pages of two, the newest first.
	var got []string
	for before := ""; ; {
		page, err := p.List(t.Context(), store.JobFilter{Kind: "scan", Before: before, Limit: 2})
		if err != nil {
			t.Fatal(err)
		}
		if len(page) == 0 {
			break
		}
		for _, job := range page {
			got = append(got, job.Subject)
		}
		before = page[len(page)-1].ID
	}
	if diff := cmp.Diff([]string{"panics", "plain", "advice", "with_gaps", "whole"}, got); diff != "" {
		t.Errorf("list (-want +got):\n%s", diff)
	}
}

func TestSameSubjectOnce(t *testing.T) {
	t.Parallel()
	hold, ran := make(chan struct{}), atomic.Int32{}
	p := started(t, jobs.Options{Store: openStore(t), Runners: scanning(func(context.Context, store.Job, *jobs.Reporter) error {
		ran.Add(1)
		<-hold
		return nil
	})})
	var mu sync.Mutex
	ids := map[string]bool{}
	var added atomic.Int32
	var all sync.WaitGroup
	for range 20 {
		all.Go(func() {
			job, is, err := p.Enqueue(t.Context(), jobs.Request{Kind: "scan", Subject: "prod", By: "ana"})
			if err != nil {
				t.Error(err)
			}
			if is {
				added.Add(1)
			}
			mu.Lock()
			ids[job.ID] = true
			mu.Unlock()
		})
	}
	all.Wait()
	if len(ids) != 1 || added.Load() != 1 {
		t.Errorf("%d jobs, %d of them added", len(ids), added.Load())
	}
	close(hold)
	for id := range ids {
		until(t, p, id, final)
	}
	if again := enqueue(t, p, "prod"); ids[again.ID] {
		t.Error("a job that has ended is returned for a new one")
	} else {
		until(t, p, again.ID, final)
	}
	if ran.Load() != 2 {
		t.Errorf("it ran %d times", ran.Load())
	}
}

func TestBounds(t *testing.T) {
	t.Parallel()
	var under, most, scans, mostScans atomic.Int32
	raise := func(n, most *atomic.Int32) {
		for now := n.Add(1); ; {
			if was := most.Load(); now <= was || most.CompareAndSwap(was, now) {
				return
			}
		}
	}
	release := make(chan struct{})
	p := started(t, jobs.Options{Store: openStore(t), Workers: 3, Runners: map[string]jobs.Runner{
		"scan": {AtOnce: 1, Run: func(context.Context, store.Job, *jobs.Reporter) error {
			raise(&scans, &mostScans)
			defer scans.Add(-1)
			raise(&under, &most)
			defer under.Add(-1)
			<-release
			return nil
		}},
		"other": {Run: func(context.Context, store.Job, *jobs.Reporter) error {
			raise(&under, &most)
			defer under.Add(-1)
			<-release
			return nil
		}},
	}})
	var ids []string
	for i := range 5 {
		for _, kind := range []string{"scan", "other"} {
			job, _, err := p.Enqueue(t.Context(), jobs.Request{Kind: kind, Subject: fmt.Sprint(i), By: "ana"})
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, job.ID)
		}
	}
	for range ids {
		release <- struct{}{}
	}
	for _, id := range ids {
		until(t, p, id, final)
	}
	if most.Load() > 3 || mostScans.Load() != 1 {
		t.Errorf("%d at once, %d scans at once", most.Load(), mostScans.Load())
	}
}

func TestCancel(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	p := started(t, jobs.Options{Store: s, Workers: 1, Runners: scanning(func(ctx context.Context, _ store.Job, to *jobs.Reporter) error {
		to.Progress("reading", 1, 10, "")
		<-ctx.Done()
		return ctx.Err()
	})})
	running, queued := enqueue(t, p, "running"), enqueue(t, p, "queued")
	until(t, p, running.ID, func(j store.Job) bool { return j.Stage == "reading" })
	if got, err := p.Cancel(t.Context(), queued.ID, "bo"); err != nil || got.State != store.JobCancelled || got.FinishedAt.IsZero() {
		t.Errorf("the queued one: %+v, %v", got, err)
	}
	if got, err := p.Cancel(t.Context(), running.ID, "bo"); err != nil || !got.Cancelling {
		t.Errorf("the running one: %+v, %v", got, err)
	}
	if got := until(t, p, running.ID, final); got.State != store.JobCancelled || got.Cancelling || got.Error != "" {
		t.Errorf("it ends as %+v", got)
	}
	if _, err := p.Cancel(t.Context(), running.ID, "bo"); azward.KindOf(err) != azward.KindConflict {
		t.Errorf("cancelled twice: %v", err)
	}
	for _, id := range []string{"20260101T000000-000000000-00000000", "../../etc/passwd", ""} {
		if _, err := p.Cancel(t.Context(), id, "bo"); azward.KindOf(err) != azward.KindNotFound {
			t.Errorf("%q: %v", id, err)
		}
	}
	lines, err := s.JobLines(t.Context(), running.ID, 2, 10)
	if err != nil || len(lines) != 2 || lines[0].Text != "cancelled by bo" || lines[0].Number != 3 {
		t.Errorf("log after line 2: %+v, %v", lines, err)
	}
}

func TestBadRequests(t *testing.T) {
	t.Parallel()
	p := jobs.New(jobs.Options{Store: openStore(t), Runners: scanning(nil)})
	for _, r := range []jobs.Request{{Kind: "mine bitcoin", Subject: "x"}, {Kind: "scan"}, {Kind: "scan", Subject: "a\nb"}, {Kind: "scan", Subject: string(make([]byte, 201))}} {
		if _, _, err := p.Enqueue(t.Context(), r); azward.KindOf(err) != azward.KindUsage {
			t.Errorf("%+v: %v", r, err)
		}
	}
}

// Stop ends what runs at once, and the next pool goes on with it; who watches
// is let go.
func TestStopAndGoOn(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	p := jobs.New(jobs.Options{Store: s, Runners: scanning(func(ctx context.Context, _ store.Job, to *jobs.Reporter) error {
		to.Progress("reading", 1, 10, "vnets")
		<-ctx.Done()
		return ctx.Err()
	})})
	if err := p.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	job := enqueue(t, p, "prod")
	until(t, p, job.ID, func(j store.Job) bool { return j.Stage == "reading" })
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		for _, err := range p.Watch(context.WithoutCancel(t.Context()), job.ID) { // until the pool lets go
			if err != nil {
				t.Error(err)
			}
		}
	}()
	stop(t, p)
	<-watched
	if got, err := s.Job(t.Context(), job.ID); err != nil || got.State != store.JobQueued || got.Attempt != 0 || got.Stage != "" {
		t.Errorf("after the stop: %+v, %v", got, err)
	}
	p = started(t, jobs.Options{Store: s, Runners: scanning(func(context.Context, store.Job, *jobs.Reporter) error { return nil })})
	if got := until(t, p, job.ID, final); got.State != store.JobComplete || got.Attempt != 1 {
		t.Errorf("after the start: %+v", got)
	}
}

// What a process that was killed left is run again while it has attempts, and
// named otherwise; never is it lost or run twice.
func TestAfterACrash(t *testing.T) {
	t.Parallel()
	s := openStore(t)
	now := time.Now().UTC()
	left := func(id string, change func(*store.Job)) {
		j := store.Job{
			ID: "20260101T00000" + id, Kind: "scan", Subject: id, By: "ana", State: store.JobRunning, Stage: "images",
			Done: 3, Total: 9, Attempt: 1, CreatedAt: now, StartedAt: now,
		}
		change(&j)
		if _, added, err := s.AddJob(t.Context(), j); err != nil || !added {
			t.Fatal(err)
		}
	}
	left("1", func(*store.Job) {})
	left("2", func(j *store.Job) { j.Attempt = 2 })
	left("3", func(j *store.Job) { j.Cancelling = true })
	left("4", func(j *store.Job) { j.Kind = "of another azward" })
	left("5", func(j *store.Job) { j.State, j.Attempt = store.JobQueued, 0 })
	left("6", func(j *store.Job) { j.Kind, j.State = "of another azward", store.JobQueued })
	var mu sync.Mutex
	ran := map[string]int{}
	p := started(t, jobs.Options{Store: s, Runners: scanning(func(_ context.Context, j store.Job, _ *jobs.Reporter) error {
		mu.Lock()
		defer mu.Unlock()
		ran[j.Subject]++
		return nil
	})})
	got := map[string]string{}
	for i := 1; i <= 6; i++ {
		j := until(t, p, fmt.Sprintf("20260101T00000%d", i), final)
		got[j.Subject] = fmt.Sprintf("%s %d %s", j.State, j.Attempt, j.Error)
	}
	want := map[string]string{
		"1": "complete 2 ", "2": "interrupted 2 the process that ran it died (images), attempt 2", "3": "cancelled 1 ",
		"4": "interrupted 1 the process that ran it died (images), attempt 1", "5": "complete 1 ", "6": "failed 1 this azward does no such jobs",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(map[string]int{"1": 1, "5": 1}, ran); diff != "" {
		t.Errorf("runs (-want +got):\n%s", diff)
	}
}

// A runner that tells of every item costs the store a write a second, and a
// watcher that does not read costs the runner nothing.
func TestProgressIsThrottled(t *testing.T) {
	t.Parallel()
	s := &counting{Store: openStore(t)}
	const items = 100_000
	p := started(t, jobs.Options{Store: s, Runners: scanning(func(_ context.Context, _ store.Job, to *jobs.Reporter) error {
		for i := range items {
			to.Progress("verdicts", i+1, items, "")
			to.Logf("item %d", i)
		}
		return nil
	})})
	job := enqueue(t, p, "prod")
	steps := 0
	for _, err := range p.Watch(t.Context(), job.ID) {
		if err != nil {
			t.Fatal(err)
		}
		steps++
	}
	got, err := p.Get(t.Context(), job.ID)
	if err != nil || got.State != store.JobComplete || got.Done != items {
		t.Errorf("%+v, %v", got, err)
	}
	if n := s.saves.Load(); n > 20 || steps > 40 {
		t.Errorf("%d writes, %d steps seen", n, steps)
	}
	if lines, err := p.Log(t.Context(), job.ID, 0, 1<<20); err != nil || len(lines) < 3 || len(lines) > 2000 {
		t.Errorf("%d lines, %v", len(lines), err)
	}
}

type counting struct {
	jobs.Store
	saves atomic.Int32
}

func (c *counting) SaveJob(ctx context.Context, j store.Job, lines []store.JobLine) error {
	c.saves.Add(1)
	return c.Store.SaveJob(ctx, j, lines)
}

func TestLeft(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		job  store.Job
		left time.Duration
		ok   bool
	}{
		{"half", store.Job{State: store.JobRunning, Done: 5, Total: 10, Rate: 2}, 2500 * time.Millisecond, true},
		{"no_total", store.Job{State: store.JobRunning, Done: 5, Rate: 2}, 0, false},
		{"no_rate_yet", store.Job{State: store.JobRunning, Done: 5, Total: 10}, 0, false},
		{"slower_than_a_month", store.Job{State: store.JobRunning, Done: 1, Total: 1 << 40, Rate: 1e-9}, 0, false},
		{"ended", store.Job{State: store.JobFailed, Done: 5, Total: 10, Rate: 2}, 0, false},
	} {
		if left, ok := tc.job.Left(); left != tc.left || ok != tc.ok {
			t.Errorf("%s: %v %v", tc.name, left, ok)
		}
	}
}
