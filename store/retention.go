package store

import (
	"fmt"
	"time"
)

// Retention is what is kept, and for how long. Each Limit counts apart from the
// others.
type Retention struct {
	// Scans bounds the scans of each source. Those that finished and those that
	// did not are counted apart, so that failures push out no results.
	Scans Limit `json:"scans" doc:"Of each connection; those that finished and those that did not are counted apart. The newest two that finished always stay."`
	// Estates bounds the kept estates of each source. One goes with its scan at
	// the latest.
	Estates Limit `json:"estates" doc:"Estates of scans, of each connection. Those of the newest two finished scans always stay; one goes with its scan at the latest."`
	// Jobs bounds the jobs that have ended, and JobLogs what they wrote.
	Jobs    Limit `json:"jobs" doc:"Jobs that have ended."`
	JobLogs Limit `json:"jobLogs" doc:"Logs of jobs that have ended; one goes with its job at the latest."`
	// HistoryDays bounds what verdicts were; what holds now stays. 0 keeps it for
	// good, and of each verdict 50 spans stay at most.
	HistoryDays int `json:"historyDays" minimum:"0" maximum:"36500" doc:"Days of what verdicts were before; 0 keeps it for good."`
	// AuditDays bounds the audit log; 0 keeps it for good.
	AuditDays int `json:"auditDays" minimum:"0" maximum:"36500" doc:"Days of the audit log; 0 keeps it for good, and below 30 are refused."`
}

// Limit keeps what is both among the newest Count and not older than Days.
type Limit struct {
	Count int `json:"count" minimum:"0" maximum:"100000" doc:"The newest so many stay; 0 is no limit."`
	Days  int `json:"days" minimum:"0" maximum:"36500" doc:"What is not older stays; 0 is no limit."`
}

// String says it as a person would: "30, for 90 days".
func (l Limit) String() string {
	switch {
	case l == Limit{}:
		return "all, for good"
	case l.Days == 0:
		return fmt.Sprintf("%d", l.Count)
	case l.Count == 0:
		return fmt.Sprintf("for %d days", l.Days)
	}
	return fmt.Sprintf("%d, for %d days", l.Count, l.Days)
}

// Sweep says what goes of one sort of things: what is not among the newest
// Keep, and what is older than Before. Their zero values are no limit.
type Sweep struct {
	Keep   int
	Before time.Time
	// Dry counts what would go, and removes nothing.
	Dry bool
}

// Swept is how many went, or would go, and how many stay.
type Swept struct {
	Gone  int   `json:"gone"`
	Kept  int   `json:"kept"`
	Bytes int64 `json:"bytes,omitempty" doc:"Of files that go."`
}

// StandingScans is how many finished scans of each source no sweep removes: the
// newest, whose verdicts stand, and the one that it is compared with.
const StandingScans = 2
