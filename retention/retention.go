// Package retention decides what the hub keeps and for how long, and lets go of
// the rest. [Keeper] holds the policy in force; its Preview says what would go,
// its Apply removes it.
package retention

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// Store keeps the policy, and what it is about.
type Store interface {
	Setting(ctx context.Context, name string) (json.RawMessage, error)
	SaveSetting(ctx context.Context, name string, doc json.RawMessage, at time.Time) error
	SweepScans(context.Context, store.Sweep) (store.Swept, error)
	SweepKeptEstates(context.Context, store.Sweep) (store.Swept, error)
	SweepJobs(context.Context, store.Sweep) (store.Swept, error)
	SweepJobLogs(context.Context, store.Sweep) (store.Swept, error)
	SweepHistory(context.Context, store.Sweep) (store.Swept, error)
	SweepAudit(context.Context, store.Sweep) (store.Swept, error)
}

// Job is the kind of the job that applies it, and Subject what that is about.
const (
	Job     = "housekeeping"
	Subject = "retention"
)

// Setting is the name under which the policy is kept.
const Setting = "retention"

const (
	maxCount     = 100_000
	maxDays      = 36_500 // a century
	minAuditDays = 30     // who did what has to be there when somebody asks
)

// Default is what holds until somebody says otherwise.
func Default() store.Retention {
	return store.Retention{
		Scans: store.Limit{Count: 500, Days: 400}, Estates: store.Limit{Count: 30, Days: 90},
		Jobs: store.Limit{Count: 1000, Days: 400}, JobLogs: store.Limit{Count: 1000, Days: 90},
		HistoryDays: 730,
	}
}

// Origin is where the policy in force comes from.
type Origin string

// The origins.
const (
	FromDefault Origin = "default"
	FromHub     Origin = "hub"         // settings page or API
	FromFile    Origin = "azward.yaml" // and cannot be changed elsewhere
)

// Policy is what holds.
type Policy struct {
	store.Retention
	Origin Origin `json:"origin" enum:"default,hub,azward.yaml" doc:"Who decided it. What azward.yaml says cannot be changed here."`
	// By and At are of the last change in the hub.
	By string    `json:"by,omitempty" doc:"Who changed it last."`
	At time.Time `json:"at,omitzero" doc:"When it was changed last."`
}

// Tag is another for each version of a policy.
func (p Policy) Tag() string {
	const tagBytes = 12
	sum := sha256.Sum256(fmt.Appendf(nil, "%+v %q %q %d", p.Retention, p.Origin, p.By, p.At.UnixNano()))
	return hex.EncodeToString(sum[:tagBytes])
}

// Plan is what goes and what stays of each sort.
type Plan struct {
	Scans        store.Swept `json:"scans"`
	Estates      store.Swept `json:"estates" doc:"By their own limits; those that go with their scans come on top."`
	Jobs         store.Swept `json:"jobs"`
	JobLogs      store.Swept `json:"jobLogs" doc:"Lines, by their own limits; those that go with their jobs come on top."`
	History      store.Swept `json:"history" doc:"What verdicts were before."`
	AuditEntries store.Swept `json:"auditEntries"`
}

// Gone says that something goes.
func (p Plan) Gone() bool {
	return p.Scans.Gone+p.Estates.Gone+p.Jobs.Gone+p.JobLogs.Gone+p.History.Gone+p.AuditEntries.Gone > 0
}

// Keeper is the use case. Store is required. It is safe for concurrent use and
// must not be copied.
type Keeper struct {
	Store Store
	// File gives what azward.yaml says; nil, and a nil answer, say nothing.
	File func(context.Context) (*store.Retention, error)
	// Audit notes what was changed; nil notes nothing.
	Audit func(ctx context.Context, action, subject string, before, after any) error
	Now   func() time.Time // nil is the system's clock

	mu sync.Mutex // held while the policy changes
}

func (k *Keeper) now() time.Time {
	if k.Now == nil {
		return time.Now().UTC()
	}
	return k.Now().UTC()
}

// kept is the policy as the store has it.
type kept struct {
	store.Retention
	By string    `json:"by"`
	At time.Time `json:"at"`
}

// Policy is what holds now.
func (k *Keeper) Policy(ctx context.Context) (Policy, error) {
	if k.File != nil {
		said, err := k.File(ctx)
		if err != nil {
			return Policy{}, err
		}
		if said != nil {
			return Policy{Retention: *said, Origin: FromFile}, nil
		}
	}
	doc, err := k.Store.Setting(ctx, Setting)
	if err != nil {
		return Policy{}, err
	}
	if doc == nil {
		return Policy{Retention: Default(), Origin: FromDefault}, nil
	}
	var had kept
	if err := json.Unmarshal(doc, &had); err != nil {
		return Policy{}, fmt.Errorf("read what is kept for how long: %w", err)
	}
	return Policy{had.Retention, FromHub, had.By, had.At}, nil
}

// Change makes another policy hold, and notes it. Was is the policy that the
// caller has seen: KindConflict where it is another one by now, or is
// azward.yaml's. Nothing is removed before the next housekeeping.
func (k *Keeper) Change(ctx context.Context, to store.Retention, was Policy, by string) (Policy, error) {
	if err := Check(to); err != nil {
		return Policy{}, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	now, err := k.Policy(ctx)
	if err != nil {
		return Policy{}, err
	}
	if err := changeable(now, was); err != nil {
		return now, err
	}
	doc, err := json.Marshal(kept{to, by, k.now()})
	if err != nil {
		return now, fmt.Errorf("write what is kept for how long: %w", err)
	}
	if err := k.Store.SaveSetting(ctx, Setting, doc, k.now()); err != nil {
		return now, err
	}
	if err := k.note(ctx, "retention.set", now.Retention, to); err != nil {
		return now, err
	}
	return k.Policy(ctx)
}

func changeable(now, was Policy) error {
	const op = "change what is kept"
	switch {
	case now.Origin == FromFile:
		return &azward.Error{Kind: azward.KindConflict, Op: op, Cause: "azward.yaml says what is kept", Remedy: "change it there and apply it: azward config apply"}
	case now.Tag() != was.Tag():
		return &azward.Error{Kind: azward.KindConflict, Op: op, Cause: "somebody else changed it meanwhile", Remedy: "look at it as it is now, and make the change again"}
	}
	return nil
}

func (k *Keeper) note(ctx context.Context, action string, before, after any) error {
	if k.Audit == nil {
		return nil
	}
	return k.Audit(ctx, action, "retention", before, after)
}

// Check says what is wrong with a policy, by member.
func Check(r store.Retention) error {
	for _, part := range []struct {
		name  string
		limit store.Limit
	}{{"scans", r.Scans}, {"estates", r.Estates}, {"jobs", r.Jobs}, {"jobLogs", r.JobLogs}} {
		if part.limit.Count < 0 || part.limit.Count > maxCount {
			return refused(part.name+".count", part.limit.Count, fmt.Sprintf("it is not between 0 and %d", maxCount), "0 is no limit")
		}
		if part.limit.Days < 0 || part.limit.Days > maxDays {
			return refused(part.name+".days", part.limit.Days, fmt.Sprintf("it is not between 0 and %d", maxDays), "0 is no limit")
		}
	}
	if r.HistoryDays < 0 || r.HistoryDays > maxDays {
		return refused("historyDays", r.HistoryDays, fmt.Sprintf("it is not between 0 and %d", maxDays), "0 is no limit")
	}
	if r.AuditDays != 0 && (r.AuditDays < minAuditDays || r.AuditDays > maxDays) {
		return refused("auditDays", r.AuditDays, fmt.Sprintf("it is not between %d and %d", minAuditDays, maxDays), "0 keeps the audit log for good")
	}
	return nil
}

func refused(member string, value int, cause, remedy string) error {
	return &azward.Error{Kind: azward.KindUsage, Op: "change what is kept", Subject: fmt.Sprintf("%s: %d", member, value), Cause: cause, Remedy: remedy}
}

// Preview says what a policy would let go of now, and changes nothing.
func (k *Keeper) Preview(ctx context.Context, r store.Retention) (Plan, error) {
	if err := Check(r); err != nil {
		return Plan{}, err
	}
	return k.sweep(ctx, r, true, nil)
}

// Apply lets go of what the policy in force does not keep. Each part is one
// transaction, so that one which was cut off is made up for by the next. What
// goes is noted before it does.
func (k *Keeper) Apply(ctx context.Context, step func(name string, done, of int)) (Plan, error) {
	policy, err := k.Policy(ctx)
	if err != nil {
		return Plan{}, err
	}
	ahead, err := k.Preview(ctx, policy.Retention)
	if err != nil || !ahead.Gone() {
		return ahead, err
	}
	if err := k.note(ctx, "retention.apply", nil, struct {
		Policy store.Retention `json:"policy"`
		Plan   Plan            `json:"plan"`
	}{policy.Retention, ahead}); err != nil {
		return Plan{}, err
	}
	return k.sweep(ctx, policy.Retention, false, step)
}

func (k *Keeper) sweep(ctx context.Context, r store.Retention, dry bool, step func(name string, done, of int)) (p Plan, err error) {
	// Parts go before what they are part of, so that a dry run counts the same.
	parts := []struct {
		name  string
		limit store.Limit
		run   func(context.Context, store.Sweep) (store.Swept, error)
		into  *store.Swept
	}{
		{"estates", r.Estates, k.Store.SweepKeptEstates, &p.Estates},
		{"scans", r.Scans, k.Store.SweepScans, &p.Scans},
		{"logs of jobs", r.JobLogs, k.Store.SweepJobLogs, &p.JobLogs},
		{"jobs", r.Jobs, k.Store.SweepJobs, &p.Jobs},
		{"history of verdicts", store.Limit{Days: r.HistoryDays}, k.Store.SweepHistory, &p.History},
		{"audit log", store.Limit{Days: r.AuditDays}, k.Store.SweepAudit, &p.AuditEntries},
	}
	for i, part := range parts {
		if step != nil {
			step(part.name, i, len(parts))
		}
		sweep := store.Sweep{Keep: part.limit.Count, Dry: dry}
		if part.limit.Days > 0 {
			sweep.Before = k.now().AddDate(0, 0, -part.limit.Days)
		}
		// What fails in one part keeps none of the others.
		swept, failed := part.run(ctx, sweep)
		*part.into, err = swept, errors.Join(err, failed)
		if ctx.Err() != nil {
			return p, ctx.Err()
		}
	}
	p.Scans.Bytes = 0 // of estates, that a dry run counted already
	return p, err
}
