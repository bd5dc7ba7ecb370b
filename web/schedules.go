package web

import (
	"cmp"
	"context"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/jobs"
	"github.com/azward/azward/retention"
	"github.com/azward/azward/store"
	"github.com/azward/azward/workspace"
)

// jobWords say what a kind of job does.
var jobWords = map[string]string{
	workspace.ScanJob: "Scan of", workspace.RegistryJob: "Reading of registry", workspace.ImageJob: "Reading of image", retention.Job: "Housekeeping:",
}

// jobWord says what a kind of job does, before its subject.
func jobWord(kind string) string { return cmp.Or(jobWords[kind], kind) }

// scheduleView is a schedule as the page shows it.
type scheduleView struct {
	store.Schedule
	Tag    string
	Jitter int // minutes
	Mine   bool
}

func viewSchedule(s store.Schedule) scheduleView {
	return scheduleView{s, jobs.ScheduleTag(s), int(s.Jitter / time.Minute), s.ManagedBy == ""}
}

// target checks what a job is to read, and who may send the hub there.
func (s *Site) target(ctx context.Context, kind, subject string) (workspace.Target, error) {
	t, err := s.o.Workspace.Target(ctx, kind, subject)
	if err != nil || t.Host == "" || t.Known {
		return t, err
	}
	if s.connectionsThere() == nil {
		ours, err := s.o.Connections.IsRegistry(ctx, t.Host)
		if err != nil || ours {
			return t, err
		}
	}
	_, err = access.Check(ctx, access.Admin, "send the hub to a registry that it never read")
	return t, err
}

// start queues a job for whoever asks, and shows it.
func (s *Site) start(w http.ResponseWriter, r *http.Request, kind, action, subject string) error {
	pool, err := s.pool()
	if err != nil {
		return err
	}
	t, err := s.target(r.Context(), kind, subject)
	if err != nil {
		return err
	}
	j, added, err := pool.Enqueue(r.Context(), jobs.Request{Kind: kind, Subject: t.Subject, By: who(r).Name})
	if err != nil {
		return err
	}
	return s.started(w, r, j, added, action, t.Subject)
}

func (s *Site) started(w http.ResponseWriter, r *http.Request, j store.Job, added bool, action, subject string) error {
	what := strings.TrimSuffix(jobWord(j.Kind), ":") + " " + clean(subject)
	if !added {
		return done(w, r, "/scans/jobs/"+j.ID, what+" was under way already: this is it.")
	}
	if err := s.audit(r.Context(), action, subject, nil, map[string]string{"job": j.ID}); err != nil {
		return err
	}
	return done(w, r, "/scans/jobs/"+j.ID, what+" is queued.")
}

// schedule adds one, or does to the one that is named what the form says.
func (s *Site) schedule(w http.ResponseWriter, r *http.Request) error {
	pool, err := s.pool()
	if err != nil {
		return err
	}
	name, do := r.PostForm.Get("name"), r.PostForm.Get("do")
	if name == "" {
		return s.addSchedule(w, r, pool)
	}
	if do == "run" {
		j, added, err := pool.RunSchedule(r.Context(), name, who(r).Name)
		if err != nil {
			return err
		}
		return s.started(w, r, j, added, "schedule.run", j.Subject)
	}
	was, err := pool.Schedule(r.Context(), name)
	if err != nil {
		return err
	}
	if r.PostForm.Get("was") != jobs.ScheduleTag(was) {
		return &azward.Error{Kind: azward.KindStale, Op: "change schedule", Subject: was.Name, Cause: "somebody else changed it since the page was loaded", Remedy: "load the page of scans again, look at it as it is, and make the change again"}
	}
	want := was
	want.ManagedBy, want.By = "", who(r).Name // what others look after is refused
	switch do {
	case "pause":
		want.Paused = true
	case "resume":
		want.Paused = false
	default:
		want.Cron = r.PostForm.Get("cron")
		if want.Jitter, err = readJitter(r); err != nil {
			return err
		}
	}
	kept, err := pool.ChangeSchedule(r.Context(), want, was)
	if err != nil {
		return err
	}
	return s.savedSchedule(w, r, was, kept)
}

func (s *Site) savedSchedule(w http.ResponseWriter, r *http.Request, was any, kept store.Schedule) error {
	if err := s.audit(r.Context(), "schedule.set", kept.Name, was, kept); err != nil {
		return err
	}
	text := "The schedule " + kept.Name + " is saved. It runs next at " + kept.NextAt.Format("2006-01-02 15:04") + " UTC."
	if kept.Paused {
		text = "The schedule " + kept.Name + " is paused."
	}
	return done(w, r, "/scans#h-plan", text)
}

func (s *Site) addSchedule(w http.ResponseWriter, r *http.Request, pool *jobs.Pool) error {
	kind, subject, _ := strings.Cut(r.PostForm.Get("what"), " ")
	if kind == "" {
		kind, subject = workspace.ScanJob, r.PostForm.Get("connection")
	}
	t, err := s.target(r.Context(), kind, subject)
	if err != nil {
		return err
	}
	jitter, err := readJitter(r)
	if err != nil {
		return err
	}
	kept, err := pool.AddSchedule(r.Context(), store.Schedule{
		Name: scheduleName(kind, t.Subject), Kind: kind, Subject: t.Subject, Cron: r.PostForm.Get("cron"), Jitter: jitter, By: who(r).Name,
	})
	if err != nil {
		return err
	}
	return s.savedSchedule(w, r, nil, kept)
}

// scheduleName is a name for a schedule that nobody named.
func scheduleName(kind, subject string) string {
	const longest = 63
	name := strings.Map(func(r rune) rune {
		if r < 'a' || r > 'z' {
			if (r < '0' || r > '9') && (r < 'A' || r > 'Z') && r != '.' && r != '_' {
				return '-'
			}
		}
		return r
	}, kind+"-"+subject)
	return name[:min(len(name), longest)]
}

// readJitter reads minutes; without any ten, so that not everybody asks Azure
// at the full hour.
func readJitter(r *http.Request) (time.Duration, error) {
	const usual, most = 10, 24 * 60
	text := strings.TrimSpace(r.PostForm.Get("jitter"))
	if text == "" {
		return usual * time.Minute, nil
	}
	minutes, err := strconv.Atoi(text)
	if err != nil || minutes < 0 || minutes > most {
		return 0, badForm("set schedule", "the delay is no number of minutes up to a day", "give 10, or 0 for none")
	}
	return time.Duration(minutes) * time.Minute, nil
}

func (s *Site) removeSchedule(w http.ResponseWriter, r *http.Request) error {
	pool, err := s.pool()
	if err != nil {
		return err
	}
	was, err := pool.Schedule(r.Context(), r.PostForm.Get("name"))
	if err != nil {
		return err
	}
	before := was
	was.ManagedBy = "" // what the file or the hub looks after stays
	if err := pool.RemoveSchedule(r.Context(), was); err != nil {
		return err
	}
	if err := s.audit(r.Context(), "schedule.remove", was.Name, before, nil); err != nil {
		return err
	}
	return done(w, r, "/scans#h-plan", "The schedule "+was.Name+" is gone.")
}
