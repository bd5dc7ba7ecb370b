package web

import (
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/jobs"
	"github.com/azward/azward/retention"
	"github.com/azward/azward/store"
)

// retentionForm is what is kept, as it holds or as somebody types it.
type retentionForm struct {
	Limits      []retentionLimit
	HistoryDays int
	AuditDays   int
	Policy      retention.Policy
	Was         string
	CanChange   bool
	// Plan is what the policy on the page would let go of; nil where nobody asked.
	Plan    []retentionPart
	Problem *problem
	NextAt  time.Time // of the housekeeping; zero where it is not known
	LastJob string
}

// retentionLimit is one row of the form.
type retentionLimit struct {
	Key, Name, Says string
	store.Limit
}

// retentionPart is what goes of one sort.
type retentionPart struct {
	Name  string
	Swept store.Swept
	Size  string
}

func limitsOf(r store.Retention) []retentionLimit {
	return []retentionLimit{
		{"scans", "Scans", "of each connection; with them goes what the rules said then. Finished and failed ones are counted apart", r.Scans},
		{"estates", "Estates of scans", "of each connection; without them a resource's history is shorter. They take most of the disk", r.Estates},
		{"jobs", "Jobs", "that have ended", r.Jobs},
		{"jobLogs", "Logs of jobs", "that have ended", r.JobLogs},
	}
}

func partsOf(p retention.Plan) []retentionPart {
	parts := []retentionPart{
		{Name: "Scans", Swept: p.Scans},
		{Name: "Estates of scans", Swept: p.Estates, Size: megabytes(p.Estates.Bytes)},
		{Name: "Jobs", Swept: p.Jobs},
		{Name: "Lines of logs", Swept: p.JobLogs},
		{Name: "What verdicts were", Swept: p.History},
		{Name: "Entries of the audit log", Swept: p.AuditEntries},
	}
	return parts
}

func (s *Site) retention(w http.ResponseWriter, r *http.Request) error {
	return s.settings(w, r, "retention", func(_ *access.Control, v *settingsPage) error {
		if s.o.Retention == nil {
			return nil
		}
		policy, err := s.o.Retention.Policy(r.Context())
		if err != nil {
			return err
		}
		v.Kept, err = s.retentionForm(r, policy, policy.Retention)
		return err
	})
}

// retentionForm shows a policy, the one that holds or one that is typed.
func (s *Site) retentionForm(r *http.Request, policy retention.Policy, typed store.Retention) (*retentionForm, error) {
	form := &retentionForm{
		Limits: limitsOf(typed), HistoryDays: typed.HistoryDays, AuditDays: typed.AuditDays, Policy: policy, Was: policy.Tag(),
		CanChange: policy.Origin != retention.FromFile && who(r).Role.Allows(leastOf("POST /settings/retention")),
	}
	if s.o.Jobs == nil {
		return form, nil
	}
	schedules, err := s.o.Jobs.Schedules(r.Context())
	for _, one := range schedules {
		if one.Kind == retention.Job && !one.Paused {
			form.NextAt, form.LastJob = one.NextAt, one.LastJob
		}
	}
	return form, err
}

// readRetention reads the form.
func readRetention(r *http.Request) (kept store.Retention, err error) {
	for name, into := range map[string]*int{
		"scans.count": &kept.Scans.Count, "scans.days": &kept.Scans.Days, "estates.count": &kept.Estates.Count, "estates.days": &kept.Estates.Days,
		"jobs.count": &kept.Jobs.Count, "jobs.days": &kept.Jobs.Days, "jobLogs.count": &kept.JobLogs.Count, "jobLogs.days": &kept.JobLogs.Days, "historyDays": &kept.HistoryDays, "auditDays": &kept.AuditDays,
	} {
		text := strings.TrimSpace(r.PostForm.Get(name))
		if text == "" {
			continue // no limit
		}
		if *into, err = strconv.Atoi(text); err != nil {
			return kept, badForm("change what is kept", fmt.Sprintf("%s is no whole number", name), "leave it empty for no limit")
		}
	}
	return kept, retention.Check(kept)
}

// setRetention previews what is typed, or makes it hold.
func (s *Site) setRetention(w http.ResponseWriter, r *http.Request) error {
	const op = "change what is kept"
	if s.o.Retention == nil {
		return &azward.Error{Kind: azward.KindUnavailable, Op: op, Cause: "this hub keeps everything", Remedy: "start it with azward serve"}
	}
	ctx := r.Context()
	policy, err := s.o.Retention.Policy(ctx)
	if err != nil {
		return err
	}
	typed, err := readRetention(r)
	if err == nil && r.PostForm.Get("do") == "save" {
		if r.PostForm.Get("was") != policy.Tag() {
			err = &azward.Error{Kind: azward.KindStale, Op: op, Cause: "somebody else changed it since this page was loaded", Remedy: "compare what you typed with what holds now, then save again"}
		} else if _, err = s.o.Retention.Change(ctx, typed, policy, who(r).Name); err == nil {
			return done(w, r, "/settings/retention", "Saved. What is not kept any more goes with the next housekeeping.")
		}
	}
	return s.typedRetention(w, r, policy, typed, err)
}

// typedRetention shows what somebody typed, with what it would let go of, or
// with what is wrong with it.
func (s *Site) typedRetention(w http.ResponseWriter, r *http.Request, policy retention.Policy, typed store.Retention, wrong error) error {
	var plan retention.Plan
	if wrong == nil {
		var err error
		if plan, err = s.o.Retention.Preview(r.Context(), typed); err != nil {
			return err
		}
	}
	return s.settings(w, r, "retention", func(_ *access.Control, v *settingsPage) (err error) {
		if v.Kept, err = s.retentionForm(r, policy, typed); err != nil {
			return err
		}
		if wrong == nil {
			v.Kept.Plan = partsOf(plan)
			return nil
		}
		p := problemOf(wrong)
		v.Kept.Problem, v.status = &p, p.Status
		return nil
	})
}

// applyRetention does the housekeeping now.
func (s *Site) applyRetention(w http.ResponseWriter, r *http.Request) error {
	pool, err := s.pool()
	if err != nil {
		return err
	}
	j, added, err := pool.Enqueue(r.Context(), jobs.Request{Kind: retention.Job, Subject: retention.Subject, By: who(r).Name})
	if err != nil {
		return err
	}
	return s.started(w, r, j, added, "retention.run", retention.Subject)
}
