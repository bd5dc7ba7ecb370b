package store

import "time"

// JobState is where a job stands.
type JobState string

// The states of a job. The first two are under way, the others final.
const (
	JobQueued      JobState = "queued"
	JobRunning     JobState = "running"
	JobComplete    JobState = "complete"
	JobPartial     JobState = "partial" // finished, with gaps that Note counts
	JobFailed      JobState = "failed"
	JobCancelled   JobState = "cancelled"
	JobInterrupted JobState = "interrupted" // its process died, and it was not started again
)

// Final says that the job will not change any more.
func (s JobState) Final() bool { return s != JobQueued && s != JobRunning }

// Job is a piece of work that the hub does in the background.
type Job struct {
	// ID begins with the time of creation, so that IDs sort by age.
	ID      string   `json:"id"`
	Kind    string   `json:"kind"`    // "scan"
	Subject string   `json:"subject"` // what it works on, such as a connection's name
	By      string   `json:"by"`      // who asked: a user's name, or "schedule NAME"
	State   JobState `json:"state"`
	// Stage, Done, Total and Note say how far the job is: Total 0 where that is
	// not known. Rate is in things a second.
	Stage string  `json:"stage,omitempty"`
	Done  int     `json:"done"`
	Total int     `json:"total"`
	Rate  float64 `json:"rate,omitzero"`
	Note  string  `json:"note,omitempty"`
	// Result names what came of it, such as the ID of the scan.
	Result string `json:"result,omitempty"`
	// Error and Remedy are those of a job that failed, or that could not go on.
	Error  string `json:"error,omitempty"`
	Remedy string `json:"remedy,omitempty"`
	// Attempt counts how often it was started; more than once when the process
	// died meanwhile.
	Attempt int `json:"attempt"`
	// Cancelling says that somebody asked for its end.
	Cancelling bool      `json:"cancelling,omitzero"`
	CreatedAt  time.Time `json:"createdAt"`
	StartedAt  time.Time `json:"startedAt,omitzero"`  // of the last attempt
	FinishedAt time.Time `json:"finishedAt,omitzero"` // zero until State is final
}

// Left estimates how long the stage still takes, by its rate; false where
// that cannot be said.
func (j Job) Left() (time.Duration, bool) {
	if j.State != JobRunning || j.Rate <= 0 || j.Total <= j.Done {
		return 0, false
	}
	const longest = 30 * 24 * time.Hour // a rate near zero says nothing
	left := float64(j.Total-j.Done) / j.Rate
	if left > longest.Seconds() {
		return 0, false
	}
	return time.Duration(left * float64(time.Second)), true
}

// JobLine is a line of a job's log.
type JobLine struct {
	Number int       `json:"number"` // from 1; the oldest are dropped first
	At     time.Time `json:"at"`
	Text   string    `json:"text"`
}

// JobFilter selects jobs, the newest first. Zero fields select everything.
type JobFilter struct {
	Kind    string
	Subject string
	States  []JobState // any of these
	Before  string     // only those that are older than this ID
	Limit   int        // at most so many; 0 is no limit
}

// Schedule starts a job again and again.
type Schedule struct {
	Name    string `json:"name"` // unique
	Kind    string `json:"kind"`
	Subject string `json:"subject"`
	// Cron is five fields (minute, hour, day, month, weekday) in UTC, or a word
	// such as @daily.
	Cron string `json:"cron"`
	// Jitter is the most by which a run is put off, so that not everybody asks
	// Azure at the full hour.
	Jitter time.Duration `json:"jitter"` // nanoseconds
	Paused bool          `json:"paused"`
	// ManagedBy looks after it, and nobody else changes it: [ManagedByFile] or
	// [ManagedByHub]; "" for those that people made.
	ManagedBy string    `json:"managedBy,omitempty"`
	By        string    `json:"by"`
	CreatedAt time.Time `json:"createdAt"`
	NextAt    time.Time `json:"nextAt"`
	LastAt    time.Time `json:"lastAt,omitzero"`
	LastJob   string    `json:"lastJob,omitempty"`
}

// Who looks after a schedule that people do not.
const (
	ManagedByFile = "azward.yaml"
	ManagedByHub  = "azward"
)
