package retention_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/retention"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

type note struct{ Action, Before, After string }

// keeper is one over an empty store, and what it notes.
func keeper(t *testing.T) (*retention.Keeper, *sqlite.Store, *[]note) {
	t.Helper()
	kept, err := sqlite.Open(t.Context(), t.TempDir())
	ok(t, err)
	t.Cleanup(func() { ok(t, kept.Close()) })
	var notes []note
	return &retention.Keeper{Store: kept, Now: func() time.Time { return noon }, Audit: func(_ context.Context, action, _ string, before, after any) error {
		notes = append(notes, note{action, text(before), text(after)})
		return nil
	}}, kept, &notes
}

func text(v any) string {
	raw, err := json.Marshal(v)
	if err != nil {
		return err.Error()
	}
	return string(raw)
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// finished saves a scan of prod with its estate.
func finished(t *testing.T, s *sqlite.Store, id string, at time.Time) {
	t.Helper()
	ok(t, s.BeginScan(t.Context(), id, "prod", at))
	ok(t, s.SaveEstate(t.Context(), id, func(w io.Writer) error {
		_, err := io.WriteString(w, id)
		return err
	}))
	ok(t, s.SaveVerdicts(t.Context(), id, func(func(store.Decided, error) bool) {}, store.Outcome{State: store.ScanComplete, FinishedAt: at}))
}

func TestApply(t *testing.T) {
	t.Parallel()
	k, s, notes := keeper(t)
	ctx := t.Context()
	for i := range 6 {
		finished(t, s, fmt.Sprintf("s%d", i), noon.AddDate(0, 0, -100*(5-i)))
	}
	ok(t, s.BeginScan(ctx, "under-way", "prod", noon.AddDate(-2, 0, 0)))
	policy := store.Retention{Scans: store.Limit{Days: 350}, Estates: store.Limit{Count: 3}}
	want := retention.Plan{Scans: store.Swept{Gone: 2, Kept: 5}, Estates: store.Swept{Gone: 3, Kept: 3}}
	was, err := k.Policy(ctx)
	ok(t, err)
	_, err = k.Change(ctx, policy, was, "ana")
	ok(t, err)

	ahead, err := k.Preview(ctx, policy)
	ok(t, err)
	if ahead.Estates.Bytes == 0 {
		t.Error("the preview does not tell the size of the estates")
	}
	want.Estates.Bytes = ahead.Estates.Bytes
	if diff := cmp.Diff(want, ahead); diff != "" {
		t.Errorf("preview (-want +got):\n%s", diff)
	}
	var steps []string
	did, err := k.Apply(ctx, func(name string, done, of int) { steps = append(steps, fmt.Sprint(name, done, of)) })
	ok(t, err)
	if diff := cmp.Diff(want, did); diff != "" {
		t.Errorf("applied (-want +got):\n%s", diff)
	}
	if len(steps) != 6 {
		t.Errorf("steps %q", steps)
	}
	again, err := k.Apply(ctx, nil)
	ok(t, err)
	if again.Gone() {
		t.Errorf("a second time something goes: %+v", again)
	}
	if len(*notes) != 2 || (*notes)[0].Action != "retention.set" || (*notes)[1].Action != "retention.apply" || !strings.Contains((*notes)[1].After, `"gone":2`) {
		t.Errorf("notes: %v", *notes)
	}
	left, err := s.Scans(ctx, 100)
	ok(t, err)
	if len(left) != 5 || left[4].ID != "under-way" {
		t.Errorf("left: %+v", left)
	}
}

// TestApplyCutOff removes one part and not the others, as a killed process
// does: the next goes on.
func TestApplyCutOff(t *testing.T) {
	t.Parallel()
	k, s, _ := keeper(t)
	for i := range 6 {
		finished(t, s, fmt.Sprintf("s%d", i), noon.AddDate(0, 0, -1000*(5-i)))
	}
	ctx, kill := context.WithCancel(t.Context())
	if _, err := k.Apply(ctx, func(name string, _, _ int) {
		if name == "scans" {
			kill()
		}
	}); err == nil {
		t.Fatal("it should say that it was cut off")
	}
	left, err := s.Scans(t.Context(), 100)
	ok(t, err)
	if len(left) != 6 || left[5].Estate != "" {
		t.Errorf("estates should be gone, and scans not: %+v", left)
	}
	did, err := k.Apply(t.Context(), nil)
	ok(t, err)
	if did.Scans.Gone != 4 || did.Estates.Gone != 0 {
		t.Errorf("applied: %+v", did)
	}
}

func TestChange(t *testing.T) {
	t.Parallel()
	k, _, notes := keeper(t)
	ctx := t.Context()
	first, err := k.Policy(ctx)
	ok(t, err)
	if diff := cmp.Diff(retention.Policy{Retention: retention.Default(), Origin: retention.FromDefault}, first); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	to := first.Retention
	to.AuditDays = 400
	second, err := k.Change(ctx, to, first, "ana")
	ok(t, err)
	if second.Retention != to || second.Origin != retention.FromHub || second.By != "ana" || !second.At.Equal(noon) {
		t.Errorf("changed: %+v", second)
	}
	if _, err := k.Change(ctx, to, first, "bo"); azward.KindOf(err) != azward.KindConflict {
		t.Errorf("a change from what was before gives %v", err)
	}
	if want := (note{"retention.set", text(first.Retention), text(to)}); (*notes)[0] != want || len(*notes) != 1 {
		t.Errorf("notes: %v", *notes)
	}
	k.File = func(context.Context) (*store.Retention, error) { return &store.Retention{AuditDays: 30}, nil }
	now, err := k.Policy(ctx)
	ok(t, err)
	if now.Origin != retention.FromFile || now.AuditDays != 30 {
		t.Errorf("azward.yaml's: %+v", now)
	}
	if _, err := k.Change(ctx, to, now, "bo"); azward.KindOf(err) != azward.KindConflict || !strings.Contains(err.Error(), "azward.yaml") {
		t.Errorf("a change beside azward.yaml gives %v", err)
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		policy store.Retention
		member string
	}{
		{store.Retention{Scans: store.Limit{Count: -1}}, "scans.count"},
		{store.Retention{Estates: store.Limit{Days: 1 << 40}}, "estates.days"},
		{store.Retention{Jobs: store.Limit{Count: 1 << 40}}, "jobs.count"},
		{store.Retention{JobLogs: store.Limit{Days: -1}}, "jobLogs.days"},
		{store.Retention{HistoryDays: -1}, "historyDays"},
		{store.Retention{AuditDays: 29}, "auditDays"},
	} {
		err := retention.Check(tc.policy)
		if azward.KindOf(err) != azward.KindUsage || !strings.Contains(err.Error(), tc.member) {
			t.Errorf("%+v gives %v, want one about %s", tc.policy, err, tc.member)
		}
	}
	ok(t, retention.Check(retention.Default()))
	ok(t, retention.Check(store.Retention{AuditDays: 30}))
}
