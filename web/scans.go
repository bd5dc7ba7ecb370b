package web

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/jobs"
	"github.com/azward/azward/store"
	"github.com/azward/azward/workspace"
)

const (
	scansShown = 50
	jobsShown  = 20  // that have ended without a scan, failed or cancelled
	logShown   = 500 // lines
	gapsShown  = 200
	refresh    = 5 // seconds between two looks of a page without scripts
)

type scansPage struct {
	Live        []jobView
	Failed      []jobView
	Scans       []scanRow
	Connections []string
	Schedules   []scheduleView
	Targets     []choice // that a schedule can be about
	CanScan     bool
	HasJobs     bool
}

type scanRow struct {
	store.Scan
	Took   string
	Counts scanCounts
}

// scanCounts is the summary that a scan keeps.
type scanCounts struct {
	Images    int            `json:"images"`
	Packages  int            `json:"packages"`
	Resources int            `json:"resources"`
	Verdicts  map[string]int `json:"verdicts"` // by result
}

// jobView is a job with what is told of its progress in words.
type jobView struct {
	store.Job
	Progress string // "12 of 40 lists · 3.5 a second"
	Left     string // "about 2 minutes left", "" where it cannot be said
	Ran      string
}

func viewJob(j store.Job, now time.Time) jobView {
	v := jobView{Job: j}
	switch {
	case j.State == store.JobQueued:
		v.Progress = "waits for its turn"
	case j.Total > 0:
		v.Progress = thousands(j.Done) + " of " + thousands(j.Total)
	case j.Done > 0:
		v.Progress = thousands(j.Done)
	}
	if j.State == store.JobRunning && j.Rate > 0 {
		const slow = 10 // below it, a fraction matters
		digits := 0
		if j.Rate < slow {
			digits = 1
		}
		v.Progress += " · " + strconv.FormatFloat(j.Rate, 'f', digits, 64) + " a second"
	}
	if left, ok := j.Left(); ok {
		v.Left = "· about " + span(max(left, time.Second)) + " left in this stage"
	}
	end := j.FinishedAt
	if end.IsZero() {
		end = now
	}
	if !j.StartedAt.IsZero() {
		v.Ran = span(max(end.Sub(j.StartedAt), 0))
	}
	return v
}

func (s *Site) scans(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	view := scansPage{CanScan: who(r).Role.Allows(leastOf("POST /scans/start")), HasJobs: s.o.Jobs != nil}
	list, err := s.o.Workspace.Store.Scans(ctx, scansShown)
	if err != nil {
		return err
	}
	for _, scan := range list {
		row, err := rowOf(scan, s.now())
		if err != nil {
			return err
		}
		view.Scans = append(view.Scans, row)
	}
	connections, err := s.o.Workspace.Store.Connections(ctx)
	if err != nil {
		return err
	}
	for _, c := range connections {
		view.Connections = append(view.Connections, c.Name)
	}
	wait := 0
	if s.o.Jobs != nil {
		if view.Live, err = s.jobList(r, store.JobFilter{States: []store.JobState{store.JobQueued, store.JobRunning}}); err != nil {
			return err
		}
		if view.Failed, err = s.jobList(r, store.JobFilter{States: []store.JobState{store.JobFailed, store.JobCancelled, store.JobInterrupted}, Limit: jobsShown}); err != nil {
			return err
		}
		if err := s.schedules(ctx, &view); err != nil {
			return err
		}
		if len(view.Live) > 0 {
			wait = refresh
		}
	}
	return s.render(w, r, http.StatusOK, "scans", page{Title: "Scans", Section: "scans", Refresh: wait, Data: view})
}

// schedules lists what starts by itself, and what could.
func (s *Site) schedules(ctx context.Context, view *scansPage) error {
	all, err := s.o.Jobs.Schedules(ctx)
	if err != nil {
		return err
	}
	for _, one := range all {
		view.Schedules = append(view.Schedules, viewSchedule(one))
	}
	for _, name := range view.Connections {
		view.Targets = append(view.Targets, choice{Value: workspace.ScanJob + " " + name, Name: "Scan " + name})
	}
	hosts, err := s.o.Workspace.Store.Registries(ctx)
	for _, host := range slices.Sorted(maps.Keys(hosts)) {
		view.Targets = append(view.Targets, choice{Value: workspace.RegistryJob + " " + host, Name: "Read registry " + host})
	}
	return err
}

func (s *Site) jobList(r *http.Request, f store.JobFilter) ([]jobView, error) {
	list, err := s.o.Jobs.List(r.Context(), f)
	views := make([]jobView, 0, len(list))
	for _, j := range list {
		views = append(views, viewJob(j, s.now()))
	}
	return views, err
}

func rowOf(scan store.Scan, now time.Time) (scanRow, error) {
	row := scanRow{Scan: scan}
	if len(scan.Counts) > 0 {
		if err := json.Unmarshal(scan.Counts, &row.Counts); err != nil {
			return row, fmt.Errorf("read counts of scan %s: %w", scan.ID, err)
		}
	}
	end := scan.FinishedAt
	if end.IsZero() {
		end = now
	}
	row.Took = span(max(end.Sub(scan.StartedAt), 0))
	return row, nil
}

type scanPage struct {
	Scan scanRow
	Gaps []azward.Gap
	More int // gaps that are not shown
	// Unread says why the gaps cannot be listed; "" where they are.
	Unread   string
	Results  []resultChip
	Current  bool // its verdicts are those of now
	Listings int
}

func (s *Site) scan(w http.ResponseWriter, r *http.Request) error {
	ctx := r.Context()
	found, err := s.o.Workspace.Scan(ctx, r.PathValue("id"))
	if err != nil {
		return err
	}
	row, err := rowOf(found, s.now())
	if err != nil {
		return err
	}
	view := scanPage{Scan: row}
	for _, result := range azward.Results() {
		view.Results = append(view.Results, resultChip{Result: result, Count: row.Counts.Verdicts[string(result)]})
	}
	sources, err := s.o.Workspace.Sources(ctx)
	if err != nil {
		return err
	}
	for _, source := range sources {
		view.Current = view.Current || source.ID == found.ID
	}
	if found.State == store.ScanComplete || found.State == store.ScanPartial {
		kept, err := s.o.Workspace.EstateOf(ctx, found)
		switch {
		case azward.KindOf(err) == azward.KindNotFound && err != nil:
			view.Unread = "The estate of this scan is not kept any more."
		case err != nil:
			return err
		default:
			view.Gaps, view.More = firstGaps(kept.Estate)
			view.Listings = len(kept.Estate.Listings())
		}
	}
	return s.render(w, r, http.StatusOK, "scan", page{Title: "Scan of " + clean(found.Source), Section: "scans", Data: view})
}

func firstGaps(e *estate.Estate) (list []azward.Gap, more int) {
	list = e.Gaps()
	more = max(len(list)-gapsShown, 0)
	return list[:len(list)-more], more
}

type jobPage struct {
	Job       jobView
	Lines     []store.JobLine
	Last      int // number of the last line
	Live      bool
	CanCancel bool
	// Scan is what came of it; nil where nothing did.
	Scan *scanRow
}

func (s *Site) pool() (*jobs.Pool, error) {
	if s.o.Jobs == nil {
		return nil, &azward.Error{Kind: azward.KindUnavailable, Op: "follow a scan", Cause: "this hub does no work in the background", Remedy: "scan with the command line: azward scan"}
	}
	return s.o.Jobs, nil
}

func (s *Site) job(w http.ResponseWriter, r *http.Request) error {
	pool, err := s.pool()
	if err != nil {
		return err
	}
	j, err := pool.Get(r.Context(), r.PathValue("id"))
	if err != nil {
		return err
	}
	lines, err := pool.Log(r.Context(), j.ID, 0, logShown)
	if err != nil {
		return err
	}
	view := jobPage{Job: viewJob(j, s.now()), Lines: lines, Live: !j.State.Final(), CanCancel: who(r).Role.Allows(leastOf("POST /scans/jobs/{id}/cancel"))}
	if len(lines) > 0 {
		view.Last = lines[len(lines)-1].Number
	}
	if j.Result != "" {
		scan, err := s.o.Workspace.Store.Scan(r.Context(), j.Result)
		if err == nil {
			row, err := rowOf(scan, s.now())
			if err != nil {
				return err
			}
			view.Scan = &row
		} else if azward.KindOf(err) != azward.KindNotFound {
			return err
		}
	}
	wait := 0
	if view.Live {
		wait = refresh
	}
	return s.render(w, r, http.StatusOK, "job", page{Title: jobWord(j.Kind) + " " + clean(j.Subject), Section: "scans", Refresh: wait, Data: view})
}

func (s *Site) startScan(w http.ResponseWriter, r *http.Request) error {
	return s.start(w, r, workspace.ScanJob, "scan.start", r.PostForm.Get("connection"))
}

func (s *Site) cancelScan(w http.ResponseWriter, r *http.Request) error {
	pool, err := s.pool()
	if err != nil {
		return err
	}
	j, err := pool.Cancel(r.Context(), r.PathValue("id"), who(r).Name)
	if err != nil {
		return err
	}
	if err := s.audit(r.Context(), j.Kind+".cancel", j.Subject, nil, map[string]string{"job": j.ID}); err != nil {
		return err
	}
	return done(w, r, "/scans/jobs/"+j.ID, cancelled(j.Kind))
}

func cancelled(kind string) string {
	if kind == workspace.ScanJob {
		return "The scan is being cancelled. What the scan before it found stands."
	}
	return "It is being cancelled. What was done until now stays done."
}

// jobEvent is what the page's script puts into its fields.
type jobEvent struct {
	Text  map[string]string `json:"text"`
	Bars  map[string][2]int `json:"bars"`
	Stage string            `json:"stage"`
}

// jobEvents follows a job: "progress" and "line" as they come, "end" at last.
//
// Source: https://html.spec.whatwg.org/multipage/server-sent-events.html
func (s *Site) jobEvents(w http.ResponseWriter, r *http.Request) error {
	pool, err := s.pool()
	if err != nil {
		return err
	}
	id := r.PathValue("id")
	if _, err := pool.Get(r.Context(), id); err != nil {
		return err
	}
	after, err := strconv.Atoi(cmp.Or(r.Header.Get("Last-Event-Id"), r.URL.Query().Get("after"), "0"))
	if err != nil || after < 0 {
		return badForm("follow a scan", "the place to go on from is no number", "load the page anew")
	}
	out := eventWriter{w: w, c: http.NewResponseController(w)}
	w.Header().Set("Content-Type", "text/event-stream")
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Accel-Buffering", "no")
	for j, err := range pool.Watch(r.Context(), id) {
		if err != nil {
			return gone(err) // the page looks again by itself
		}
		lines, err := pool.Log(r.Context(), id, after, logShown)
		if err != nil {
			return gone(err)
		}
		for _, line := range lines {
			after = line.Number
			out.send("line", strconv.Itoa(after), lineText(line))
		}
		v := viewJob(j, s.now())
		out.send("progress", "", jobEvent{
			Stage: clean(j.Stage), Bars: map[string][2]int{"stage": {j.Done, j.Total}},
			Text: map[string]string{"state": stateText(j), "stage": clean(cmp.Or(j.Stage, "not begun")), "progress": v.Progress, "left": v.Left, "note": clean(j.Note), "ran": v.Ran},
		})
		if j.State.Final() {
			out.send("end", "", j.State)
		}
		if out.err != nil {
			return gone(out.err)
		}
	}
	return nil
}

func stateText(j store.Job) string {
	if j.Cancelling && !j.State.Final() {
		return "cancelling"
	}
	return string(j.State)
}

func lineText(l store.JobLine) string { return l.At.UTC().Format(time.TimeOnly) + "  " + clean(l.Text) }

// eventWriter writes server-sent events, each at once. After an error it
// writes nothing more.
type eventWriter struct {
	w   http.ResponseWriter
	c   *http.ResponseController
	err error
}

const eventTimeout = 10 * time.Second // for a reader that takes nothing

func (e *eventWriter) send(event, id string, data any) {
	if e.err != nil {
		return
	}
	raw, err := json.Marshal(data)
	if err != nil {
		e.err = err
		return
	}
	if err := e.c.SetWriteDeadline(time.Now().Add(eventTimeout)); err != nil && !errors.Is(err, http.ErrNotSupported) {
		e.err = err
		return
	}
	if id != "" {
		id = "id: " + id + "\n"
	}
	if _, e.err = fmt.Fprintf(e.w, "%sevent: %s\ndata: %s\n\n", id, event, raw); e.err == nil {
		e.err = e.c.Flush()
	}
}
