package jobs

import (
	"context"
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

var (
	errCancelled = errors.New("somebody cancelled the job")
	errStopping  = errors.New("the hub stops")
)

// live is a job that runs here. The pool's mu guards job, lines, dirty.
type live struct {
	job    store.Job
	lines  []store.JobLine // not saved yet
	dirty  bool
	stage  time.Time // when the stage began
	cancel context.CancelCauseFunc
	save   chan struct{} // save at once
}

// Start takes up what an earlier process left, and begins to work: jobs that
// were running are queued again while they have attempts left, and are
// interrupted otherwise.
func (p *Pool) Start(ctx context.Context) error {
	left, err := p.o.Store.Jobs(ctx, store.JobFilter{States: []store.JobState{store.JobRunning}})
	if err != nil {
		return err
	}
	for _, job := range left {
		job, line := p.recovered(job, time.Now().UTC())
		if err := p.o.Store.SaveJob(ctx, job, []store.JobLine{line}); err != nil {
			return err
		}
		if job.State.Final() {
			p.ended(job)
		}
	}
	p.running.Go(p.dispatch)
	p.running.Go(p.keepTime)
	return nil
}

// recovered says what becomes of a job whose process died.
func (p *Pool) recovered(job store.Job, now time.Time) (store.Job, store.JobLine) {
	during := "it had begun"
	if job.Stage != "" {
		during = job.Stage
	}
	switch runner, known := p.o.Runners[job.Kind]; {
	case job.Cancelling:
		job.State, job.Cancelling, job.FinishedAt = store.JobCancelled, false, now
		return job, store.JobLine{At: now, Text: "its process died while it was being cancelled"}
	case known && job.Attempt < runner.Attempts:
		job.State = store.JobQueued
		return again(job), store.JobLine{At: now, Text: clip("its process died ("+during+"); queued again", maxLine)}
	}
	job.State, job.FinishedAt = store.JobInterrupted, now
	job.Error, job.Remedy = fmt.Sprintf("the process that ran it died (%s), attempt %d", during, job.Attempt), "start it anew; if that happens again, look at the hub's log and its memory"
	return job, store.JobLine{At: now, Text: clip(job.Error, maxLine)}
}

// again takes the progress off a job that is to be run anew.
func again(job store.Job) store.Job {
	job.Stage, job.Done, job.Total, job.Rate, job.Note, job.Result = "", 0, 0, 0, "", ""
	return job
}

// Stop ends the pool: no job is started any more, those that run are told to
// end and are queued again for the next start. It waits for them until ctx
// ends.
func (p *Pool) Stop(ctx context.Context) error {
	p.mu.Lock()
	p.stopping = true
	p.mu.Unlock()
	p.cancel(errStopping)
	done := make(chan struct{})
	go func() {
		p.running.Wait()
		close(done)
	}()
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("stop jobs: %w", ctx.Err())
	}
}

// dispatch starts queued jobs until the pool stops.
func (p *Pool) dispatch() {
	for {
		wait := time.Duration(1<<62 - 1)
		if err := p.startQueued(); err != nil && p.ctx.Err() == nil {
			p.o.Log.Error("start jobs", "error", err)
			wait = retryEvery
		}
		select {
		case <-p.wake:
		case <-time.After(wait):
		case <-p.ctx.Done():
			return
		}
	}
}

// startQueued starts as many jobs as may run, the oldest first.
func (p *Pool) startQueued() error {
	p.turn.Lock()
	defer p.turn.Unlock()
	queued, err := p.o.Store.Jobs(p.ctx, store.JobFilter{States: []store.JobState{store.JobQueued}})
	if err != nil {
		return err
	}
	for _, job := range slices.Backward(queued) {
		runner, known := p.o.Runners[job.Kind]
		if !known {
			if err := p.refuse(job); err != nil {
				return err
			}
			continue
		}
		if !p.room(job.Kind, runner.AtOnce) {
			continue
		}
		if err := p.start(job, runner); err != nil {
			return err
		}
	}
	return nil
}

// refuse fails a job of a kind that this azward does not do.
func (p *Pool) refuse(job store.Job) error {
	job.State, job.FinishedAt = store.JobFailed, time.Now().UTC()
	job.Error, job.Remedy = "this azward does no such jobs", "use the azward that queued it"
	if err := p.o.Store.SaveJob(p.ctx, job, nil); err != nil {
		return err
	}
	p.notify()
	p.ended(job)
	return nil
}

// room says whether one more of the kind may run.
func (p *Pool) room(kind string, atOnce int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	same := 0
	for _, l := range p.live {
		if l.job.Kind == kind {
			same++
		}
	}
	return !p.stopping && len(p.live) < p.o.Workers && (atOnce <= 0 || same < atOnce)
}

func (p *Pool) start(job store.Job, runner Runner) error {
	job.State, job.StartedAt = store.JobRunning, time.Now().UTC()
	job.Attempt++
	line := store.JobLine{At: job.StartedAt, Text: fmt.Sprintf("started, attempt %d", job.Attempt)}
	if err := p.o.Store.SaveJob(p.ctx, job, []store.JobLine{line}); err != nil {
		return err
	}
	l := &live{job: job, save: make(chan struct{}, 1), stage: job.StartedAt}
	ctx, cancel := context.WithCancelCause(p.ctx)
	l.cancel = cancel
	p.mu.Lock()
	p.live[job.ID] = l
	p.notifyLocked()
	p.mu.Unlock()
	p.running.Go(func() {
		defer cancel(nil)
		p.run(ctx, l, job, runner)
	})
	return nil
}

// run does a live job to its end, and saves its progress meanwhile.
func (p *Pool) run(ctx context.Context, l *live, job store.Job, runner Runner) {
	done := make(chan struct{})
	saved := make(chan struct{})
	go func() {
		defer close(saved)
		p.keepSaved(l, done)
	}()
	to := &Reporter{pool: p, live: l}
	err := p.guarded(ctx, job, to, runner)
	close(done)
	<-saved
	p.finish(ctx, to, runner, err)
}

// guarded runs a job. A runner that panics fails its job, not the hub.
func (p *Pool) guarded(ctx context.Context, job store.Job, to *Reporter, runner Runner) (err error) {
	defer func() {
		if broke := recover(); broke != nil {
			p.o.Log.Error("job panicked", "job", job.ID, "kind", job.Kind, "panic", broke, "stack", string(debug.Stack()))
			err = &azward.Error{Kind: azward.KindFailed, Op: job.Kind, Subject: job.Subject, Cause: "azward has a mistake: the job broke", Remedy: "the hub's log has where; please report it"}
		}
	}()
	return runner.Run(ctx, job, to)
}

// keepSaved writes a job's progress every second while it changes.
func (p *Pool) keepSaved(l *live, done <-chan struct{}) {
	ticker := time.NewTicker(saveEvery)
	defer ticker.Stop()
	for {
		select {
		case <-done:
			return
		case <-ticker.C:
		case <-l.save:
		}
		p.mu.Lock()
		job, lines, dirty := l.job, l.lines, l.dirty
		l.lines, l.dirty = nil, false
		p.mu.Unlock()
		if !dirty {
			continue
		}
		if err := p.o.Store.SaveJob(context.WithoutCancel(p.ctx), job, lines); err != nil {
			p.o.Log.Error("save job's progress", "job", job.ID, "error", err)
			p.mu.Lock()
			l.lines, l.dirty = append(lines, l.lines...), true
			p.mu.Unlock()
		}
	}
}

// finish decides how a job ended, and saves that.
func (p *Pool) finish(ctx context.Context, to *Reporter, runner Runner, err error) {
	p.mu.Lock()
	job, lines, partial := to.live.job, to.live.lines, to.partial
	p.mu.Unlock()
	job, line := ended(job, runner, partial, err, context.Cause(ctx), time.Now().UTC())
	p.keepTrying(job, append(lines, line))
	p.mu.Lock()
	delete(p.live, job.ID)
	p.notifyLocked()
	p.mu.Unlock()
	poke(p.wake)
	if job.State.Final() {
		p.ended(job)
	}
}

// ended is what a job becomes whose runner returned err.
func ended(job store.Job, runner Runner, partial bool, err, cause error, now time.Time) (store.Job, store.JobLine) {
	job.Cancelling, job.Rate, job.FinishedAt = false, 0, now
	took := now.Sub(job.StartedAt).Round(100 * time.Millisecond)
	switch {
	case err == nil && partial:
		job.State = store.JobPartial
	case err == nil:
		job.State = store.JobComplete
	case errors.Is(cause, errCancelled):
		job.State = store.JobCancelled
	case errors.Is(cause, errStopping) && runner.Attempts > 1:
		job.State, job.FinishedAt = store.JobQueued, time.Time{}
		job.Attempt-- // it is not the job's fault
		return again(job), store.JobLine{At: now, Text: "the hub stopped; queued again"}
	case errors.Is(cause, errStopping):
		job.State = store.JobInterrupted
		job.Error, job.Remedy = "the hub stopped", "start it anew"
	default:
		job.State, job.Error = store.JobFailed, clip(err.Error(), maxLine)
		var own *azward.Error
		if errors.As(err, &own) {
			job.Remedy = own.Remedy
		}
	}
	text := fmt.Sprintf("%s after %v", job.State, took)
	if job.Error != "" {
		text += ": " + job.Error
	}
	return job, store.JobLine{At: now, Text: clip(text, maxLine)}
}

// keepTrying saves how a job ended, again and again until the pool stops: a
// job that says running for ever would keep its like from being queued.
func (p *Pool) keepTrying(job store.Job, lines []store.JobLine) {
	for {
		err := p.o.Store.SaveJob(context.WithoutCancel(p.ctx), job, lines)
		if err == nil {
			return
		}
		p.o.Log.Error("save job's end", "job", job.ID, "state", job.State, "error", err)
		select {
		case <-time.After(retryEvery):
		case <-p.ctx.Done():
			return // the next start takes it up
		}
	}
}
