package jobs_test

import (
	"context"
	"errors"
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
		removed, err := p.Schedule(t.Context(), "removed")
		if err != nil {
			t.Fatal(err)
		}
		if err := p.RemoveSchedule(t.Context(), removed); err != nil {
			t.Fatal(err)
		}
		if err := p.RemoveSchedule(t.Context(), removed); azward.KindOf(err) != azward.KindNotFound {
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

// A mistake is named with its place, and what may stand there.
func TestBadCronSaysWhere(t *testing.T) {
	t.Parallel()
	p := jobs.New(jobs.Options{Store: openStore(t), Runners: scanning(nil)})
	for cron, want := range map[string]string{
		"":                                 "it is empty",
		"0 25 * * *":                       `character 3, the hour "25": it takes 0 to 23`,
		"60  4 * * *":                      `character 1, the minute "60"`,
		"0  4 * JUM *":                     `character 8, the month "JUM": it takes 1 to 12, or JAN to DEC`,
		"0 4 * * MON,XYZ":                  `character 9, the day of the week "MON,XYZ"`,
		"0 4 32 * *":                       `character 5, the day of the month "32"`,
		"0 4 * *":                          "it has 4 fields and not 5",
		"CRON_TZ=Europe/Vienna 0 24 * *":   "it has 4 fields and not 5",
		"CRON_TZ=Europe/Vienna 0 24 * * *": `character 25, the hour "24"`,
		"CRON_TZ=Nowhere/Else 0 4 * * *":   `character 1: "CRON_TZ=Nowhere/Else"`,
		"@sometimes":                       "@sometimes",
	} {
		_, err := p.SetSchedule(t.Context(), store.Schedule{Name: "x", Kind: "scan", Subject: "prod", Cron: cron})
		var e *azward.Error
		if !errors.As(err, &e) || !strings.Contains(e.Cause, want) || e.Remedy == "" {
			t.Errorf("%q: %v, want one that says %s", cron, err, want)
		}
	}
}

// A schedule is changed by who looks after it, and by who has seen it as it is.
func TestChangedSchedules(t *testing.T) {
	t.Parallel()
	ctx, p := t.Context(), jobs.New(jobs.Options{Store: openStore(t), Runners: scanning(nil)})
	mine := store.Schedule{Name: "mine", Kind: "scan", Subject: "prod", Cron: "@daily", By: "ana"}
	first, err := p.AddSchedule(ctx, mine)
	if err != nil {
		t.Fatal(err)
	}
	later := first
	later.Cron, later.Paused = "@weekly", true
	second, err := p.ChangeSchedule(ctx, later, first)
	if err != nil || second.Cron != "@weekly" || !second.Paused || !second.CreatedAt.Equal(first.CreatedAt) {
		t.Errorf("changed: %+v, %v", second, err)
	}
	file := store.Schedule{Name: "file", Kind: "scan", Subject: "prod", Cron: "@daily", ManagedBy: store.ManagedByFile}
	if file, err = p.SetSchedule(ctx, file); err != nil {
		t.Fatal(err)
	}
	taken, foreign := file, file
	taken.Name, foreign.ManagedBy = "mine", ""
	for name, tc := range map[string]struct {
		kind azward.Kind
		do   func() error
	}{
		"add_twice":     {azward.KindConflict, func() error { _, err := p.AddSchedule(ctx, mine); return err }},
		"change_of_old": {azward.KindConflict, func() error { _, err := p.ChangeSchedule(ctx, later, first); return err }},
		"remove_of_old": {azward.KindConflict, func() error { return p.RemoveSchedule(ctx, first) }},
		"change_of_none": {azward.KindNotFound, func() error {
			_, err := p.ChangeSchedule(ctx, store.Schedule{Name: "none", Kind: "scan", Subject: "prod"}, first)
			return err
		}},
		"people_change_files": {azward.KindConflict, func() error { _, err := p.ChangeSchedule(ctx, foreign, file); return err }},
		"people_set_files":    {azward.KindConflict, func() error { _, err := p.SetSchedule(ctx, foreign); return err }},
		"people_remove_files": {azward.KindConflict, func() error { return p.RemoveSchedule(ctx, foreign) }},
		"file_sets_peoples":   {azward.KindConflict, func() error { _, err := p.SetSchedule(ctx, taken); return err }},
		"run_of_none":         {azward.KindNotFound, func() error { _, _, err := p.RunSchedule(ctx, "none", "ana"); return err }},
	} {
		var e *azward.Error
		if err := tc.do(); azward.KindOf(err) != tc.kind || !errors.As(err, &e) || e.Cause == "" || e.Remedy == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
	job, added, err := p.RunSchedule(ctx, "file", "ana")
	if err != nil || !added || job.By != "ana" {
		t.Errorf("run: %+v, %v, %v", job, added, err)
	}
	if ran, err := p.Schedule(ctx, "file"); err != nil || ran.LastJob != job.ID || !ran.NextAt.Equal(file.NextAt) {
		t.Errorf("after the run: %+v, %v", ran, err)
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
