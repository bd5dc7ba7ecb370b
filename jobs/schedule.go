package jobs

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"regexp"
	"slices"
	"time"

	"github.com/netresearch/go-cron"

	"github.com/azward/azward"
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

// AddSchedule checks a schedule and saves it; KindConflict where there is one
// of that name. NextAt, LastAt and LastJob are the pool's own.
func (p *Pool) AddSchedule(ctx context.Context, s store.Schedule) (store.Schedule, error) {
	return p.setSchedule(ctx, s, func(had *store.Schedule) error {
		if had != nil {
			return conflict("add schedule", s.Name, "there is a schedule of that name", "choose another name, or change the one that is there")
		}
		return nil
	})
}

// ChangeSchedule makes a schedule say something else. Was is the one that the
// caller has seen: KindConflict where it is another one by now, KindNotFound
// where it is gone.
func (p *Pool) ChangeSchedule(ctx context.Context, s, was store.Schedule) (store.Schedule, error) {
	return p.setSchedule(ctx, s, func(had *store.Schedule) error {
		switch {
		case had == nil:
			return noSchedule("change schedule", s.Name)
		case ScheduleTag(*had) != ScheduleTag(was):
			return conflict("change schedule", s.Name, "somebody else changed it meanwhile", "look at it as it is now, and make the change again")
		}
		return nil
	})
}

// SetSchedule checks a schedule and saves it, in place of an earlier one of
// that name.
func (p *Pool) SetSchedule(ctx context.Context, s store.Schedule) (store.Schedule, error) {
	return p.setSchedule(ctx, s, func(*store.Schedule) error { return nil })
}

// ScheduleTag is the same for what is the same but for when it ran and runs
// next.
func ScheduleTag(s store.Schedule) string {
	const tagBytes = 12
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q %d %t %q %q %d", s.Name, s.Kind, s.Subject, s.Cron, s.Jitter, s.Paused, s.ManagedBy, s.By, s.CreatedAt.UnixNano()))
	return hex.EncodeToString(sum[:tagBytes])
}

func conflict(op, subject, cause, remedy string) error {
	return &azward.Error{Kind: azward.KindConflict, Op: op, Subject: subject, Cause: cause, Remedy: remedy}
}

func noSchedule(op, name string) error {
	return &azward.Error{Kind: azward.KindNotFound, Op: op, Subject: fmt.Sprintf("%.80q", name), Cause: "there is none of that name", Remedy: "look at the list of schedules"}
}

// managed lets changes of a schedule pass that come from who looks after it.
func managed(had store.Schedule, by string) error {
	if had.ManagedBy == by {
		return nil
	}
	remedy := "it is part of the hub and stays as it is"
	switch had.ManagedBy {
	case store.ManagedByFile:
		remedy = "change it in azward.yaml, and apply that: azward config apply"
	case "":
		remedy = "give one of the two another name"
	}
	return conflict("change schedule", had.Name, "it is looked after by "+cmp.Or(had.ManagedBy, "people"), remedy)
}

func (p *Pool) setSchedule(ctx context.Context, s store.Schedule, check func(had *store.Schedule) error) (store.Schedule, error) {
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
	had := named(all, s.Name)
	if err := check(had); err != nil {
		return s, err
	}
	now := time.Now().UTC()
	s.CreatedAt, s.LastAt, s.LastJob = now, time.Time{}, ""
	if had != nil {
		if err := managed(*had, s.ManagedBy); err != nil {
			return s, err
		}
		s.CreatedAt, s.LastAt, s.LastJob = had.CreatedAt, had.LastAt, had.LastJob
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

func named(all []store.Schedule, name string) *store.Schedule {
	i := slices.IndexFunc(all, func(s store.Schedule) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &all[i]
}

// RemoveSchedule forgets a schedule that the same looks after; KindNotFound
// where there is none, KindConflict where it is another one than was. Its jobs
// stay.
func (p *Pool) RemoveSchedule(ctx context.Context, was store.Schedule) error {
	p.calendar.Lock()
	defer p.calendar.Unlock()
	all, err := p.o.Store.Schedules(ctx)
	if err != nil {
		return err
	}
	had := named(all, was.Name)
	if had == nil {
		return noSchedule("remove schedule", was.Name)
	}
	if err := managed(*had, was.ManagedBy); err != nil {
		return err
	}
	if ScheduleTag(*had) != ScheduleTag(was) {
		return conflict("remove schedule", was.Name, "somebody else changed it meanwhile", "look at it as it is now")
	}
	return p.o.Store.RemoveSchedule(ctx, was.Name)
}

// Schedule returns one; KindNotFound where there is none of that name.
func (p *Pool) Schedule(ctx context.Context, name string) (store.Schedule, error) {
	all, err := p.o.Store.Schedules(ctx)
	if err != nil {
		return store.Schedule{}, err
	}
	if had := named(all, name); had != nil {
		return *had, nil
	}
	return store.Schedule{}, noSchedule("find schedule", name)
}

// RunSchedule queues a schedule's job now, whether it is paused or not; when it
// runs next stays.
func (p *Pool) RunSchedule(ctx context.Context, name, by string) (job store.Job, added bool, err error) {
	p.calendar.Lock()
	defer p.calendar.Unlock()
	s, err := p.Schedule(ctx, name)
	if err != nil {
		return store.Job{}, false, err
	}
	if job, added, err = p.Enqueue(ctx, Request{Kind: s.Kind, Subject: s.Subject, By: by}); err != nil {
		return job, added, err
	}
	s.LastAt, s.LastJob = time.Now().UTC(), job.ID
	return job, added, p.o.Store.SaveSchedule(ctx, s)
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
		return time.Time{}, bad(whereWrong(s.Cron, err))
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
