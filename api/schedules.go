package api

import (
	"context"
	"net/url"
	"time"

	"github.com/azward/azward/access"
	"github.com/azward/azward/jobs"
	"github.com/azward/azward/store"
)

func (a *API) scheduleRoutes() {
	handle(a, "list-schedules", a.listSchedules)
	handle(a, "create-schedule", a.createSchedule)
	handle(a, "get-schedule", a.getSchedule)
	handle(a, "update-schedule", a.updateSchedule)
	handle(a, "delete-schedule", a.deleteSchedule)
	handle(a, "run-schedule", a.runSchedule)
}

// ScheduleSettings are what a schedule can be told.
type ScheduleSettings struct {
	Kind          string `json:"kind" enum:"scan,registry,image" doc:"What it does: scan a connection, read a registry, read an image."`
	Subject       string `json:"subject" minLength:"1" maxLength:"200" doc:"The connection's name, the registry's login server, or the image's reference."`
	Cron          string `json:"cron" minLength:"1" maxLength:"100" example:"30 4 * * *" doc:"Minute, hour, day of the month, month and day of the week in UTC, or @daily and the like; CRON_TZ=Europe/Vienna before it for another zone."`
	JitterSeconds int    `json:"jitterSeconds,omitempty" minimum:"0" maximum:"86400" doc:"Each run is put off by a random part of it; half of the time between two runs at most."`
	Paused        bool   `json:"paused,omitempty" doc:"A paused schedule starts nothing."`
}

// NewSchedule is a schedule to be added.
type NewSchedule struct {
	Name string `json:"name" minLength:"1" maxLength:"63" doc:"Letters, digits, dots, - and _."`
	ScheduleSettings
}

// Schedule starts a job again and again.
type Schedule struct {
	Name string `json:"name"`
	// Kind is any here: those that the hub looks after have their own.
	Kind          string    `json:"kind" doc:"What it does: scan, registry, image, or housekeeping."`
	Subject       string    `json:"subject"`
	Cron          string    `json:"cron"`
	JitterSeconds int       `json:"jitterSeconds"`
	Paused        bool      `json:"paused"`
	ManagedBy     string    `json:"managedBy,omitempty" doc:"azward.yaml, or azward: it cannot be changed here. Absent for those that people made."`
	By            string    `json:"by" doc:"Who made or changed it."`
	CreatedAt     time.Time `json:"createdAt"`
	NextAt        time.Time `json:"nextAt,omitzero" doc:"When it runs next; absent while it is paused."`
	LastAt        time.Time `json:"lastAt,omitzero"`
	LastJob       string    `json:"lastJob,omitempty"`
}

func scheduleOf(s store.Schedule) Schedule {
	shown := Schedule{
		Name: s.Name, Kind: s.Kind, Subject: s.Subject, Cron: s.Cron, JitterSeconds: int(s.Jitter / time.Second), Paused: s.Paused,
		ManagedBy: s.ManagedBy, By: s.By, CreatedAt: s.CreatedAt, NextAt: s.NextAt, LastAt: s.LastAt, LastJob: s.LastJob,
	}
	if s.Paused {
		shown.NextAt = time.Time{}
	}
	return shown
}

// scheduleTag stays when it runs: that is no change which another could lose.
func scheduleTag(s store.Schedule) string { return `"` + jobs.ScheduleTag(s) + `"` }

// ScheduleName names a schedule in a path.
type ScheduleName struct {
	Name string `path:"name" maxLength:"63"`
}

// wanted is a schedule as the caller wants it.
func (a *API) wantedSchedule(ctx context.Context, name string, in ScheduleSettings) (store.Schedule, error) {
	who, err := access.Check(ctx, access.Operator, "set schedules")
	if err != nil {
		return store.Schedule{}, err
	}
	t, err := a.target(ctx, in.Kind, in.Subject)
	return store.Schedule{
		Name: name, Kind: t.Kind, Subject: t.Subject, Cron: in.Cron, Jitter: time.Duration(in.JitterSeconds) * time.Second, Paused: in.Paused, By: who.Name,
	}, err
}

func (a *API) listSchedules(ctx context.Context, in *Paging) (*body[Page[Schedule]], error) {
	list, err := a.Jobs.Schedules(ctx)
	if err != nil {
		return nil, err
	}
	all := make([]Schedule, 0, len(list))
	for _, s := range list {
		all = append(all, scheduleOf(s))
	}
	return slice(all, *in, func(s Schedule) string { return s.Name })
}

type createdSchedule struct {
	Location string `header:"Location"`
	ETag     string `header:"ETag"`
	Body     Schedule
}

func (a *API) createSchedule(ctx context.Context, in *struct{ Body NewSchedule }) (*createdSchedule, error) {
	want, err := a.wantedSchedule(ctx, in.Body.Name, in.Body.ScheduleSettings)
	if err != nil {
		return nil, err
	}
	s, err := a.Jobs.AddSchedule(ctx, want)
	if err != nil {
		return nil, err
	}
	if err := a.Access.Audit(ctx, "schedule.set", s.Name, nil, scheduleOf(s)); err != nil {
		return nil, err
	}
	return &createdSchedule{Prefix + "/schedules/" + url.PathEscape(s.Name), scheduleTag(s), scheduleOf(s)}, nil
}

func (a *API) getSchedule(ctx context.Context, in *ScheduleName) (*tagged[Schedule], error) {
	s, err := a.Jobs.Schedule(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	return &tagged[Schedule]{scheduleTag(s), scheduleOf(s)}, nil
}

func (a *API) updateSchedule(ctx context.Context, in *struct {
	ScheduleName
	IfMatch
	Body ScheduleSettings
},
) (*tagged[Schedule], error) {
	const op = "change schedule"
	was, err := a.Jobs.Schedule(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if err := in.check(op, was.Name, scheduleTag(was)); err != nil {
		return nil, err
	}
	want, err := a.wantedSchedule(ctx, was.Name, in.Body)
	if err != nil {
		return nil, err
	}
	s, err := a.Jobs.ChangeSchedule(ctx, want, was)
	if err != nil {
		return nil, err
	}
	if err := a.Access.Audit(ctx, "schedule.set", s.Name, scheduleOf(was), scheduleOf(s)); err != nil {
		return nil, err
	}
	return &tagged[Schedule]{scheduleTag(s), scheduleOf(s)}, nil
}

func (a *API) deleteSchedule(ctx context.Context, in *struct {
	ScheduleName
	IfMatch
},
) (*none, error) {
	const op = "remove schedule"
	was, err := a.Jobs.Schedule(ctx, in.Name)
	if err != nil {
		return nil, err
	}
	if err := in.check(op, was.Name, scheduleTag(was)); err != nil {
		return nil, err
	}
	before := scheduleOf(was)
	was.ManagedBy = "" // what azward.yaml or the hub looks after stays
	if err := a.Jobs.RemoveSchedule(ctx, was); err != nil {
		return nil, err
	}
	return &none{}, a.Access.Audit(ctx, "schedule.remove", was.Name, before, nil)
}

func (a *API) runSchedule(ctx context.Context, in *ScheduleName) (*startedJob, error) {
	who, err := access.Check(ctx, access.Operator, "run a schedule")
	if err != nil {
		return nil, err
	}
	job, added, err := a.Jobs.RunSchedule(ctx, in.Name, who.Name)
	if err != nil {
		return nil, err
	}
	return a.started(ctx, job, added, "schedule.run", in.Name)
}
