package web

import (
	"net/http"
	"strconv"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/workspace"
)

// leastOf is the role that a route asks for, to show its button to those alone.
func leastOf(pattern string) access.Role {
	for _, route := range Routes() {
		if route.Pattern == pattern {
			return route.Least
		}
	}
	return access.Admin
}

// expiries are how long a dismissal may hold.
func expiries() []choice {
	return []choice{{"7", "1 week", false}, {"30", "30 days", true}, {"90", "90 days", false}, {"180", "half a year", false}, {"365", "a year", false}}
}

// dismissed is what the audit log keeps of a dismissal.
type dismissed struct {
	Vulnerability string    `json:"vulnerability"`
	Workload      string    `json:"workload"`
	Reason        string    `json:"reason,omitempty"`
	Until         time.Time `json:"until,omitzero"`
}

func (s *Site) dismiss(w http.ResponseWriter, r *http.Request) error {
	const op = "dismiss verdicts"
	days, err := strconv.Atoi(r.PostForm.Get("days"))
	if err != nil {
		return badForm(op, "it is not said for how long", "choose for how long it holds")
	}
	d := workspace.Dismissing{By: who(r).Name, Reason: r.PostForm.Get("reason"), Until: s.now().AddDate(0, 0, days)}
	for _, text := range r.PostForm["id"] {
		id, err := azward.ParseVerdictID(text)
		if err != nil {
			return err
		}
		d.IDs = append(d.IDs, id)
	}
	list, err := s.o.Workspace.Dismiss(r.Context(), d)
	if err != nil {
		return err
	}
	for _, v := range list {
		after := dismissed{v.Vulnerability, string(v.Workload.ID), d.Reason, d.Until}
		if err := s.audit(r.Context(), "verdict.dismiss", string(v.ID), nil, after); err != nil {
			return err
		}
	}
	return done(w, r, r.PostForm.Get("back"), counted(len(list), "verdict")+" dismissed until "+d.Until.Format(time.DateOnly)+". Each comes back by itself on that day, or once it rests on something else.")
}

func (s *Site) reopen(w http.ResponseWriter, r *http.Request) error {
	id, err := azward.ParseVerdictID(r.PostForm.Get("id"))
	if err != nil {
		return err
	}
	v, err := s.o.Workspace.Verdict(r.Context(), id)
	if err != nil {
		return err
	}
	if err := s.o.Workspace.Reopen(r.Context(), id); err != nil {
		return err
	}
	before := dismissed{Vulnerability: v.Vulnerability, Workload: string(v.Workload.ID)}
	if v.Dismissed != nil {
		before.Reason, before.Until = v.Dismissed.Reason, v.Dismissed.Until
	}
	if err := s.audit(r.Context(), "verdict.reopen", string(id), before, nil); err != nil {
		return err
	}
	return done(w, r, r.PostForm.Get("back"), "The verdict is open again.")
}
