package jobs_test

import (
	"context"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/jobs"
	"github.com/azward/azward/store"
)

// In a bubble the clock starts at midnight of 2000-01-01, a Saturday, and runs
// only while everybody waits.
func TestSchedulesByTheClock(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, cron string
		jitter     time.Duration
		days       int
		want       []string
	}{
		{"daily", "30 4 * * *", 0, 3, []string{"01T04:30", "02T04:30", "03T04:30"}},
		{"word", "@daily", 0, 2, []string{"02T00:00"}},
		{"weekdays", "0 22 * * 1-5", 0, 4, []string{"03T22:00", "04T22:00"}},
		{"jitter_puts_off", "0 6 * * *", 20 * time.Minute, 2, []string{"01T06:10", "02T06:10"}},
		{"every_eight_hours", "0 */8 * * *", 0, 1, []string{"01T08:00", "01T16:00"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := openStore(t)
				var got []string
				p := started(t, jobs.Options{
					Store: s, Jitter: func(most time.Duration) time.Duration { return most / 2 },
					Runners: scanning(func(context.Context, store.Job, *jobs.Reporter) error {
						got = append(got, time.Now().UTC().Format("02T15:04"))
						return nil
					}),
				})
				if _, err := p.SetSchedule(t.Context(), store.Schedule{Name: "nightly", Kind: "scan", Subject: "prod", Cron: tc.cron, Jitter: tc.jitter, By: "ana"}); err != nil {
					t.Fatal(err)
				}
				time.Sleep(time.Duration(tc.days)*24*time.Hour - time.Second)
				synctest.Wait()
				if diff := cmp.Diff(tc.want, got); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		})
	}
}

// A hub that was down for three runs makes up for one of them.
func TestMissedRunsRunOnce(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := openStore(t)
		runs := 0
		o := jobs.Options{Store: s, Runners: scanning(func(context.Context, store.Job, *jobs.Reporter) error {
			runs++
			return nil
		})}
		p := jobs.New(o)
		if err := p.Start(t.Context()); err != nil {
			t.Fatal(err)
		}
		set, err := p.SetSchedule(t.Context(), store.Schedule{Name: "daily", Kind: "scan", Subject: "prod", Cron: "0 4 * * *", By: "ana"})
		if err != nil {
			t.Fatal(err)
		}
		stop(t, p)
		time.Sleep(3*24*time.Hour - time.Second)
		p = started(t, o)
		time.Sleep(time.Minute)
		synctest.Wait()
		all, err := p.Schedules(t.Context())
		if err != nil || len(all) != 1 || runs != 1 {
			t.Fatalf("%d runs, %+v, %v", runs, all, err)
		}
		want := set
		want.LastAt, want.LastJob, want.NextAt = all[0].LastAt, all[0].LastJob, time.Date(2000, 1, 4, 4, 0, 0, 0, time.UTC)
		if diff := cmp.Diff(want, all[0]); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		job, err := p.Get(t.Context(), all[0].LastJob)
		if err != nil || job.By != "schedule daily" || job.State != store.JobComplete {
			t.Errorf("%+v, %v", job, err)
		}
	})
}

func TestPausedAndRemovedSchedules(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := started(t, jobs.Options{Store: openStore(t), Runners: scanning(func(context.Context, store.Job, *jobs.Reporter) error {
			t.Error("it runs")
			return nil
		})})
		for _, s := range []store.Schedule{{Name: "paused", Paused: true}, {Name: "removed"}} {
			s.Kind, s.Subject, s.Cron = "scan", "prod", "@hourly"
			if _, err := p.SetSchedule(t.Context(), s); err != nil {
				t.Fatal(err)
			}
		}
		if err := p.RemoveSchedule(t.Context(), "removed"); err != nil {
			t.Fatal(err)
		}
		if err := p.RemoveSchedule(t.Context(), "removed"); azward.KindOf(err) != azward.KindNotFound {
			t.Errorf("removed twice: %v", err)
		}
		time.Sleep(24 * time.Hour)
		synctest.Wait()
	})
}

func TestBadSchedules(t *testing.T) {
	t.Parallel()
	p := jobs.New(jobs.Options{Store: openStore(t), Runners: scanning(nil)})
	good := store.Schedule{Name: "nightly", Kind: "scan", Subject: "prod", Cron: "0 4 * * *"}
	for _, tc := range []struct {
		name   string
		change func(*store.Schedule)
	}{
		{"no_cron", func(s *store.Schedule) { s.Cron = "" }},
		{"words", func(s *store.Schedule) { s.Cron = "every night" }},
		{"six_fields", func(s *store.Schedule) { s.Cron = "* 0 4 * * *" }},
		{"minute_60", func(s *store.Schedule) { s.Cron = "60 4 * * *" }},
		{"every_minute", func(s *store.Schedule) { s.Cron = "* * * * *" }},
		{"every_second", func(s *store.Schedule) { s.Cron = "@every 1s" }},
		{"february_30", func(s *store.Schedule) { s.Cron = "0 4 30 2 *" }},
		{"long", func(s *store.Schedule) { s.Cron = strings.Repeat("0,", 60) + "0 4 * * *" }},
		{"jitter_of_a_day", func(s *store.Schedule) { s.Jitter = 24 * time.Hour }},
		{"negative_jitter", func(s *store.Schedule) { s.Jitter = -1 }},
		{"name", func(s *store.Schedule) { s.Name = "../x" }},
		{"kind", func(s *store.Schedule) { s.Kind = "rm" }},
		{"subject", func(s *store.Schedule) { s.Subject = "" }},
	} {
		s := good
		tc.change(&s)
		if _, err := p.SetSchedule(t.Context(), s); azward.KindOf(err) != azward.KindUsage {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	if all, err := p.Schedules(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("%v, %v", all, err)
	}
}

// FuzzSchedule: whatever is taken runs later than now, and not too often.
func FuzzSchedule(f *testing.F) {
	for _, seed := range []string{"0 4 * * *", "*/15 * * * *", "@weekly", "@every 10m", "0 0 29 2 *", "CRON_TZ=Europe/Berlin 0 4 * * *", "L W #", "0 4 ? * FRI#3"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		kept := &calendar{}
		p := jobs.New(jobs.Options{Store: kept, Runners: scanning(nil)})
		before := time.Now()
		s, err := p.SetSchedule(t.Context(), store.Schedule{Name: "x", Kind: "scan", Subject: "prod", Cron: text})
		if err != nil {
			if azward.KindOf(err) != azward.KindUsage {
				t.Errorf("%q: %v", text, err)
			}
			return
		}
		if !s.NextAt.After(before) || kept.saved != s {
			t.Errorf("%q: next at %v, saved %+v", text, s.NextAt, kept.saved)
		}
	})
}

type calendar struct {
	jobs.Store
	saved store.Schedule
}

func (c *calendar) Schedules(context.Context) ([]store.Schedule, error) { return nil, nil }
func (c *calendar) SaveSchedule(_ context.Context, s store.Schedule) error {
	c.saved = s
	return nil
}
