package jobs

import (
	"context"
	"fmt"
	"math/rand/v2"
	"regexp"
	"time"

	"github.com/netresearch/go-cron"

	"github.com/azward/azward/store"
)

const (
	// minInterval keeps a mistyped schedule from asking Azure all the time.
	minInterval = 5 * time.Minute
	// lookEvery bounds a sleep, so that a clock that was set is noticed.
	lookEvery = time.Minute
	maxCron   = 100 // bytes
)

var scheduleName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)

// someOf is a random delay below most.
func someOf(most time.Duration) time.Duration {
	if most <= 0 {
		return 0
	}
	return rand.N(most) //nolint:gosec // it spreads load and keeps no secret
}

// SetSchedule checks a schedule and saves it, in place of an earlier one of
// that name. NextAt, LastAt and LastJob are the pool's own.
func (p *Pool) SetSchedule(ctx context.Context, s store.Schedule) (store.Schedule, error) {
	if !scheduleName.MatchString(s.Name) {
		return s, usage("name of schedule", s.Name, "a name has letters, digits, dots, - and _ alone, at most 63, and starts with a letter or digit", "choose another one")
	}
	if err := p.check(s.Kind, s.Subject); err != nil {
		return s, err
	}
	p.calendar.Lock()
	defer p.calendar.Unlock()
	all, err := p.o.Store.Schedules(ctx)
	if err != nil {
		return s, err
	}
	now := time.Now().UTC()
	s.CreatedAt, s.LastAt, s.LastJob = now, time.Time{}, ""
	for _, had := range all {
		if had.Name == s.Name {
			s.CreatedAt, s.LastAt, s.LastJob = had.CreatedAt, had.LastAt, had.LastJob
		}
	}
	if s.NextAt, err = p.next(s, now); err != nil {
		return s, err
	}
	if err := p.o.Store.SaveSchedule(ctx, s); err != nil {
		return s, err
	}
	poke(p.tick)
	return s, nil
}

// RemoveSchedule forgets a schedule; KindNotFound where there is none. Its
// jobs stay.
func (p *Pool) RemoveSchedule(ctx context.Context, name string) error {
	p.calendar.Lock()
	defer p.calendar.Unlock()
	return p.o.Store.RemoveSchedule(ctx, name)
}

// Schedules returns all of them by name.
func (p *Pool) Schedules(ctx context.Context) ([]store.Schedule, error) {
	return p.o.Store.Schedules(ctx)
}

// next is when a schedule runs after now, put off by its jitter.
func (p *Pool) next(s store.Schedule, now time.Time) (time.Time, error) {
	bad := func(cause string) error {
		return usage("schedule", s.Cron, cause, `give five fields in UTC, such as "30 4 * * *" for half past four each day, or @daily`)
	}
	if len(s.Cron) > maxCron {
		return time.Time{}, bad(fmt.Sprintf("it is longer than %d bytes", maxCron))
	}
	plan, err := cron.ParseStandard(s.Cron)
	if err != nil {
		return time.Time{}, bad(err.Error())
	}
	first := plan.Next(now)
	if first.IsZero() {
		return time.Time{}, bad("its time never comes")
	}
	second := plan.Next(first)
	if !second.IsZero() && second.Sub(first) < minInterval {
		return time.Time{}, bad(fmt.Sprintf("it runs more often than every %v", minInterval))
	}
	if s.Jitter < 0 || !second.IsZero() && s.Jitter > second.Sub(first)/2 {
		return time.Time{}, bad("the jitter is negative, or longer than half of the time between two runs")
	}
	return first.Add(p.o.Jitter(s.Jitter)).UTC(), nil
}

// keepTime queues what is due, until the pool stops. A run that was missed,
// while the hub was down or the clock stood elsewhere, is made up for once.
func (p *Pool) keepTime() {
	for {
		wait, err := p.queueDue(time.Now().UTC())
		if err != nil && p.ctx.Err() == nil {
			p.o.Log.Error("look at schedules", "error", err)
			wait = retryEvery
		}
		select {
		case <-time.After(min(wait, lookEvery)):
		case <-p.tick:
		case <-p.ctx.Done():
			return
		}
	}
}

// queueDue queues what is due now, and says how long nothing will be.
func (p *Pool) queueDue(now time.Time) (time.Duration, error) {
	p.calendar.Lock()
	defer p.calendar.Unlock()
	all, err := p.o.Store.Schedules(p.ctx)
	if err != nil {
		return 0, err
	}
	wait := lookEvery
	for _, s := range all {
		if s.Paused {
			continue
		}
		if !s.NextAt.After(now) {
			if s, err = p.runDue(s, now); err != nil {
				return 0, err
			}
		}
		wait = min(wait, s.NextAt.Sub(now))
	}
	return wait, nil
}

// runDue queues a schedule's job. One that cannot be queued is paused, with
// the reason in the log: it would fail each time.
func (p *Pool) runDue(s store.Schedule, now time.Time) (store.Schedule, error) {
	next, err := p.next(s, now)
	if err == nil {
		err = p.check(s.Kind, s.Subject)
	}
	if err != nil {
		p.o.Log.Error("schedule paused", "schedule", s.Name, "error", err)
		s.Paused, s.NextAt = true, now.Add(lookEvery)
		return s, p.o.Store.SaveSchedule(p.ctx, s)
	}
	job, added, err := p.Enqueue(p.ctx, Request{Kind: s.Kind, Subject: s.Subject, By: "schedule " + s.Name})
	if err != nil {
		return s, err
	}
	if !added {
		p.o.Log.Info("schedule finds its job under way", "schedule", s.Name, "job", job.ID)
	}
	s.NextAt, s.LastAt, s.LastJob = next, now, job.ID
	return s, p.o.Store.SaveSchedule(p.ctx, s)
}
