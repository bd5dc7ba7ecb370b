// Package jobs does the hub's work in the background: scans and whatever else
// takes long. [Pool.Enqueue] asks for a job, [Pool.Watch] follows it, and the
// store keeps where each stands, so that a process that was killed goes on
// where it was. DESIGN.md has the states and what decides between them.
package jobs

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"iter"
	"log/slog"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// Store keeps jobs and schedules.
type Store interface {
	Queue
	ScheduleStore
}

// Queue keeps jobs.
type Queue interface {
	// AddJob saves a queued job, or returns the one of that kind and subject
	// that is under way.
	AddJob(context.Context, store.Job) (job store.Job, added bool, err error)
	SaveJob(context.Context, store.Job, []store.JobLine) error
	Job(ctx context.Context, id string) (store.Job, error)
	Jobs(context.Context, store.JobFilter) ([]store.Job, error)
	JobLines(ctx context.Context, job string, after, limit int) ([]store.JobLine, error)
}

// ScheduleStore keeps schedules.
type ScheduleStore interface {
	SaveSchedule(context.Context, store.Schedule) error
	RemoveSchedule(ctx context.Context, name string) error
	Schedules(context.Context) ([]store.Schedule, error)
}

// Runner does the jobs of one kind.
type Runner struct {
	// Run does one job until it is done or ctx ends, and says how far it is. Its
	// error is what the job failed of; what was half done is safe to do again.
	Run func(ctx context.Context, job store.Job, to *Reporter) error
	// AtOnce bounds how many of this kind run at once; 0 leaves it to Workers.
	AtOnce int
	// Attempts is how often a job is started in all when its process dies
	// meanwhile; 0 and 1 leave it interrupted.
	Attempts int
}

// Options of a pool. Store and Runners are required.
type Options struct {
	Store   Store
	Runners map[string]Runner // by kind
	Workers int               // jobs under way at once; 0 means 2
	Log     *slog.Logger      // nil is silent
	// Ended is told of every job that became final; nil tells nobody.
	Ended func(store.Job)
	// Jitter gives a random delay below most; nil is math/rand.
	Jitter func(most time.Duration) time.Duration
}

const (
	defaultWorkers = 2
	saveEvery      = time.Second            // between two writes of one job's progress
	watchEvery     = 200 * time.Millisecond // between two steps that a watcher sees
	retryEvery     = 5 * time.Second        // after the store failed
	maxNote        = 300                    // characters of a note
	maxLine        = 1000                   // characters of a line of the log
	maxSubject     = 200                    // bytes
)

// Pool does jobs. It is safe for concurrent use. A data directory has one
// pool at a time: the caller holds [store.LockServe].
type Pool struct {
	o    Options
	wake chan struct{} // there may be something to start
	tick chan struct{} // the schedules changed

	// turn is held while a queued job becomes another state.
	turn sync.Mutex
	// calendar is held while a schedule changes.
	calendar sync.Mutex

	mu       sync.Mutex
	live     map[string]*live
	changed  chan struct{} // closed at the next change; nil while nobody waits
	stopping bool

	ctx     context.Context
	cancel  context.CancelCauseFunc
	running sync.WaitGroup
}

// New makes a pool, which does nothing before [Pool.Start].
func New(o Options) *Pool {
	if o.Workers <= 0 {
		o.Workers = defaultWorkers
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Jitter == nil {
		o.Jitter = someOf
	}
	p := &Pool{o: o, wake: make(chan struct{}, 1), tick: make(chan struct{}, 1), live: map[string]*live{}}
	p.ctx, p.cancel = context.WithCancelCause(context.Background())
	return p
}

// Request asks for a job.
type Request struct {
	Kind, Subject string
	By            string // who asks
}

// Enqueue queues a job. Where one of that kind and subject is queued or
// running it returns that one, and added is false.
func (p *Pool) Enqueue(ctx context.Context, r Request) (job store.Job, added bool, err error) {
	if err := p.check(r.Kind, r.Subject); err != nil {
		return store.Job{}, false, err
	}
	now := time.Now().UTC()
	id, err := newID(now)
	if err != nil {
		return store.Job{}, false, err
	}
	job, added, err = p.o.Store.AddJob(ctx, store.Job{ID: id, Kind: r.Kind, Subject: r.Subject, By: r.By, State: store.JobQueued, CreatedAt: now})
	if err != nil {
		return store.Job{}, false, err
	}
	p.notify()
	poke(p.wake)
	return p.newest(job), added, nil
}

func (p *Pool) check(kind, subject string) error {
	if _, known := p.o.Runners[kind]; !known {
		return usage("kind of job", kind, "there is no such kind", "use one of those that the documentation lists")
	}
	if subject == "" || len(subject) > maxSubject || strings.ContainsFunc(subject, isControl) {
		return usage("subject of job", subject, fmt.Sprintf("it is empty, longer than %d bytes, or has control characters", maxSubject), "name what to work on, such as a connection")
	}
	return nil
}

func isControl(r rune) bool { return r < ' ' || r == 0x7f }

func usage(what, subject, cause, remedy string) error {
	return &azward.Error{Kind: azward.KindUsage, Op: "read " + what, Subject: fmt.Sprintf("%.60q", subject), Cause: cause, Remedy: remedy}
}

// newID begins with the time, so that IDs sort by age.
func newID(at time.Time) (string, error) {
	var random [4]byte
	if _, err := rand.Read(random[:]); err != nil {
		return "", fmt.Errorf("name a job: %w", err)
	}
	return strings.ReplaceAll(at.Format("20060102T150405.000000000"), ".", "-") + "-" + hex.EncodeToString(random[:]), nil
}

var idForm = regexp.MustCompile(`^[0-9TA-Fa-f-]{1,64}$`)

// Get returns a job as it stands now; KindNotFound where there is none.
func (p *Pool) Get(ctx context.Context, id string) (store.Job, error) {
	if !idForm.MatchString(id) {
		return store.Job{}, &azward.Error{Kind: azward.KindNotFound, Op: "find job", Subject: fmt.Sprintf("%.60q", id), Cause: "that is no job's ID", Remedy: "look at the list of jobs"}
	}
	job, err := p.o.Store.Job(ctx, id)
	if err != nil {
		return store.Job{}, err
	}
	return p.newest(job), nil
}

// List returns jobs as they stand now, the newest first; Before of the filter
// is the last ID of the page before.
func (p *Pool) List(ctx context.Context, f store.JobFilter) ([]store.Job, error) {
	list, err := p.o.Store.Jobs(ctx, f)
	for i, job := range list {
		list[i] = p.newest(job)
	}
	return list, err
}

// Log returns lines of a job's log after the one of that number, at most limit.
// A line of a running job is there after a second.
func (p *Pool) Log(ctx context.Context, id string, after, limit int) ([]store.JobLine, error) {
	return p.o.Store.JobLines(ctx, id, after, limit)
}

// newest is what memory knows of a job that runs here.
func (p *Pool) newest(job store.Job) store.Job {
	p.mu.Lock()
	defer p.mu.Unlock()
	if l, ok := p.live[job.ID]; ok && !job.State.Final() {
		return l.job
	}
	return job
}

// Watch yields a job as it stands, then again when that changes, and ends with
// its final state, with the pool, or with ctx. Steps in between are dropped
// for a slow reader; the job never waits for one.
func (p *Pool) Watch(ctx context.Context, id string) iter.Seq2[store.Job, error] {
	return func(yield func(store.Job, error) bool) {
		var last store.Job
		for {
			changed := p.waiting()
			job, err := p.Get(ctx, id)
			if err != nil {
				yield(store.Job{}, err)
				return
			}
			if job != last && !yield(job, nil) || job.State.Final() {
				return
			}
			last = job
			select {
			case <-changed:
			case <-ctx.Done():
				return
			case <-p.ctx.Done():
				return
			}
			select {
			case <-time.After(watchEvery):
			case <-ctx.Done():
				return
			}
		}
	}
}

// waiting gives a channel that is closed at the next change of any job.
func (p *Pool) waiting() <-chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.changed == nil {
		p.changed = make(chan struct{})
	}
	return p.changed
}

// notify wakes those who wait for a change.
func (p *Pool) notify() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.notifyLocked()
}

func (p *Pool) notifyLocked() {
	if p.changed != nil {
		close(p.changed)
		p.changed = nil
	}
}

// poke puts a token into a channel that holds one.
func poke(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

// Cancel ends a job: at once where it is queued, and as soon as its runner
// notices where it runs. KindConflict where it has ended already.
func (p *Pool) Cancel(ctx context.Context, id, by string) (store.Job, error) {
	p.turn.Lock()
	defer p.turn.Unlock()
	job, err := p.Get(ctx, id)
	if err != nil {
		return store.Job{}, err
	}
	line := store.JobLine{At: time.Now().UTC(), Text: clip("cancelled by "+by, maxLine)}
	switch {
	case job.State.Final():
		return job, &azward.Error{Kind: azward.KindConflict, Op: "cancel job", Subject: id, Cause: "it has ended already: " + string(job.State), Remedy: "nothing is left to do; start it anew if you want it again"}
	case job.State == store.JobQueued:
		job.State, job.Cancelling, job.FinishedAt = store.JobCancelled, false, line.At
		if err := p.o.Store.SaveJob(ctx, job, []store.JobLine{line}); err != nil {
			return store.Job{}, err
		}
		p.notify()
		p.ended(job)
		return job, nil
	}
	return p.cancelRunning(ctx, job, line)
}

func (p *Pool) cancelRunning(ctx context.Context, job store.Job, line store.JobLine) (store.Job, error) {
	p.mu.Lock()
	l, ok := p.live[job.ID]
	if ok {
		l.job.Cancelling = true
		job = l.job
		l.lines = append(l.lines, line)
		l.dirty = true
		p.notifyLocked()
	}
	p.mu.Unlock()
	if !ok { // its runner has just returned
		return p.Get(ctx, job.ID)
	}
	l.cancel(errCancelled)
	poke(l.save)
	return job, nil
}

func (p *Pool) ended(job store.Job) {
	p.o.Log.Info("job ended", "job", job.ID, "kind", job.Kind, "subject", job.Subject, "state", job.State, "error", job.Error)
	if p.o.Ended != nil {
		p.o.Ended(job)
	}
}

// clip shortens a text and takes line breaks and control characters out.
func clip(s string, most int) string {
	s = strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, s)
	if runes := []rune(s); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return s
}
