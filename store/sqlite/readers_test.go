package sqlite_test

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
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
