package sqlite_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
	"github.com/google/go-cmp/cmp"
)

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.UTC)

// TestManyReadersOfDocumentsInPieces: many more than there are connections.
func TestManyReadersOfDocumentsInPieces(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	s := open(t, t.TempDir())
	defer closeStore(t, s)
	const verdicts = 20
	saveVerdicts(t, s, "s1", "prod", func(yield func(store.Decided, error) bool) {
		for i := range verdicts {
			d := store.Decided{Verdict: numbered(i)}
			raw, err := json.Marshal(d.Verdict)
			d.Doc = store.Document{{Text: raw[:1]}, {Text: []byte(strings.Repeat(" ", 1000+i) + string(raw[1:])), Shared: true}}
			if !yield(d, err) {
				return
			}
		}
	})
	var group sync.WaitGroup
	for range 40 {
		group.Go(func() {
			for range 3 {
				n := 0
				for _, err := range s.Verdicts(ctx, store.Filter{Limit: verdicts}) {
					if err != nil {
						t.Error(err)
						return
					}
					n++
				}
				if n != verdicts {
					t.Errorf("a reader sees %d of %d verdicts", n, verdicts)
				}
			}
		})
	}
	group.Wait()
}

// TestRowsOfAnOlderStore: the lists of a store that was filled before there
// were rows are those of one that was filled since.
func TestRowsOfAnOlderStore(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s := open(t, dir)
	gap := azward.Gap{Scope: "/subscriptions/s", Reads: "loadBalancers"}
	var ids []azward.VerdictID
	saveVerdicts(t, s, "s1", "prod", func(yield func(store.Decided, error) bool) {
		for i := range 1200 {
			v := numbered(i)
			if i%3 == 0 {
				v.Exploitable, v.Result, v.Gaps, v.Basis.Oldest = azward.Unknown, azward.Undecided, []azward.Gap{gap}, noon
			}
			ids = append(ids, v.ID)
			if !yield(store.Decided{Verdict: v}, nil) {
				return
			}
		}
	})
	type lists struct {
		Rows    map[azward.VerdictID]store.VerdictRow
		Entries map[azward.VerdictID]store.Entry
		Gaps    []store.GapsCount
	}
	read := func() (l lists) {
		l.Entries = map[azward.VerdictID]store.Entry{}
		for e, err := range s.Entries(t.Context(), "prod") {
			if err != nil {
				t.Fatal(err)
			}
			l.Entries[e.ID] = e
		}
		var err error
		if l.Rows, err = s.Rows(t.Context(), "prod", ids); err != nil {
			t.Fatal(err)
		}
		if l.Gaps, err = s.GapCounts(t.Context(), "prod"); err != nil {
			t.Fatal(err)
		}
		return l
	}
	before := read()
	if len(before.Entries) != len(ids) || len(before.Rows) != len(ids) || len(before.Gaps) != 1 || before.Gaps[0].Verdicts != 400 {
		t.Errorf("%d entries and %d rows of %d verdicts, gaps %v", len(before.Entries), len(before.Rows), len(ids), before.Gaps)
	}
	closeStore(t, s)
	execute(t, dir, `DROP TABLE verdict_rows; DELETE FROM goose_db_version WHERE version_id = 13`)
	s = open(t, dir)
	defer closeStore(t, s)
	if diff := cmp.Diff(before, read()); diff != "" {
		t.Errorf("after the migration (-want +got):\n%s", diff)
	}
	if none, err := s.Rows(t.Context(), "test", ids); err != nil || len(none) > 0 {
		t.Errorf("another source has %d of them, %v", len(none), err)
	}
}

// TestVersion: it changes with each commit, whoever makes it, and only then.
func TestVersion(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	s, other := open(t, dir), open(t, dir)
	defer closeStore(t, s)
	defer closeStore(t, other)
	version := func() int64 {
		n, err := s.Version(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	last := version()
	for i, by := range []*sqlite.Store{s, other, s} {
		if again := version(); again != last {
			t.Errorf("nobody wrote, and it went from %d to %d", last, again)
		}
		if err := by.BeginScan(t.Context(), fmt.Sprint("s", i), "prod", noon); err != nil {
			t.Fatal(err)
		}
		if again := version(); again == last {
			t.Errorf("after commit %d it is still %d", i, last)
		}
		last = version()
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := s.Version(cancelled); !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled", err)
	}
}

// numbered is one of many verdicts.
func numbered(i int) azward.Verdict {
	id := azward.ResourceID(fmt.Sprint("/subscriptions/s/resourceGroups/g/providers/Microsoft.App/containerApps/w", i))
	cve := fmt.Sprint("CVE-2024-", i%7)
	return azward.Verdict{
		ID: azward.NewVerdictID(id, "img", cve, "pkg:npm/lodash@4.17.4"), Exploitable: azward.Yes, Result: azward.Exploitable, Vulnerability: cve,
		Workload: azward.Workload{ID: id, Name: id.Name()}, Finding: azward.Finding{ID: cve, PURL: "pkg:npm/lodash@4.17.4", Severity: azward.SeverityHigh},
	}
}

func saveVerdicts(t *testing.T, s *sqlite.Store, scan, source string, verdicts iter.Seq2[store.Decided, error]) {
	t.Helper()
	if err := s.BeginScan(t.Context(), scan, source, noon); err != nil {
		t.Fatal(err)
	}
	if err := s.SaveVerdicts(t.Context(), scan, verdicts, store.Outcome{State: store.ScanComplete, FinishedAt: noon.Add(time.Minute)}); err != nil {
		t.Fatal(err)
	}
}
