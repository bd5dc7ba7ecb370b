package workspace_test

import (
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	gocmp "github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
	"github.com/azward/azward/verdict"
	"github.com/azward/azward/workspace"
)

// keep saves the verdicts of a source's scan.
func keep(t *testing.T, kept *sqlite.Store, scan, source string, at time.Time, verdicts []azward.Verdict) {
	t.Helper()
	if err := kept.BeginScan(t.Context(), scan, source, at); err != nil {
		t.Fatal(err)
	}
	err := kept.SaveVerdicts(t.Context(), scan, func(yield func(store.Decided, error) bool) {
		for _, v := range verdicts {
			if !yield(store.Decided{Verdict: v}, nil) {
				return
			}
		}
	}, store.Outcome{State: store.ScanComplete, FinishedAt: at.Add(time.Minute)})
	if err != nil {
		t.Fatal(err)
	}
}

// random verdicts of a source, with what filters ask for.
func random(r *rand.Rand, source string, n int) []azward.Verdict {
	var list []azward.Verdict
	for i := range n {
		v := decided(fmt.Sprint(source, i%11), fmt.Sprint("CVE-", i%13), azward.Results()[r.IntN(5)])
		v.Finding.PURL = fmt.Sprintf("pkg:npm/Package%d@%d", r.IntN(4), i)
		v.Finding.Severity = []azward.Severity{azward.SeverityLow, azward.SeverityHigh, azward.SeverityCritical, azward.SeverityUnknown}[r.IntN(4)]
		v.Finding.KEV = r.IntN(5) == 0
		if r.IntN(3) == 0 {
			v.Finding.Aliases = []string{fmt.Sprint("GHSA-", i%5)}
		}
		v.Basis.Oldest = []time.Time{{}, day, day.Add(-verdict.MaxAge / 2), day.Add(-2 * verdict.MaxAge)}[r.IntN(4)]
		v.ID = azward.NewVerdictID(v.Workload.ID, v.Image, v.Vulnerability, v.Finding.PURL)
		list = append(list, v)
	}
	return list
}

// expected reads the documents that the database selects, and has each stand as
// it does now.
func expected(t *testing.T, w *workspace.Workspace, kept *sqlite.Store, q workspace.VerdictQuery) (list []string, counts store.Counts) {
	t.Helper()
	f := q.Filter
	f.Results, f.Exploitable = nil, nil
	dismissals, err := kept.Dismissals(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	counts = store.Counts{}
	for v, err := range kept.Verdicts(t.Context(), f) {
		if err != nil {
			t.Fatal(err)
		}
		if d, ok := dismissals[v.ID]; ok {
			v = verdict.Dismiss(v, d, w.Now())
		}
		v = verdict.Aged(v, w.Now())
		if len(q.Results) > 0 && !slices.Contains(q.Results, v.Result) || len(q.Exploitable) > 0 && !slices.Contains(q.Exploitable, v.Exploitable) {
			continue
		}
		counts[v.Result]++
		if q.Dismissed == workspace.WithDismissed || (v.Dismissed != nil) == (q.Dismissed == workspace.OnlyDismissed) {
			list = append(list, said(store.RowOf(v)))
		}
	}
	return list, counts
}

func said(v store.VerdictRow) string {
	return fmt.Sprint(v.ID, " ", v.Result, " ", v.Exploitable, " ", v.Confidence, " ", v.Stale, " ", v.Dismissed != nil, " ", v.Summary, " ", v.Workload.ID, " ", v.Finding)
}

func listed(t *testing.T, w *workspace.Workspace, q workspace.VerdictQuery) (list []string) {
	t.Helper()
	q.Size = 7
	for range 200 {
		page, err := w.Verdicts(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page.Verdicts {
			list = append(list, said(v))
		}
		if q.After = page.Next; q.After == "" {
			return list
		}
	}
	t.Fatal("the list has no end")
	return nil
}

// TestListsAreWhatTheDocumentsSay: for filters of all kinds, at several times,
// before and after decisions and scans.
func TestListsAreWhatTheDocumentsSay(t *testing.T) {
	t.Parallel()
	w, kept := open(t)
	connected(t, kept, "prod")
	connected(t, kept, "test")
	r := rand.New(rand.NewPCG(1, 2))
	prod := random(r, "p", 60)
	keep(t, kept, "s1", "prod", day, prod)
	keep(t, kept, "s2", "test", day, random(r, "t", 24))
	keep(t, kept, "s3", "file:export.json", day, random(r, "p", 12))
	for i, v := range prod[:20] {
		d := azward.Dismissal{By: "ada", Reason: "accepted", At: day, Until: day.AddDate(0, 0, i), Footing: verdict.Footing(v)}
		if i%4 == 0 {
			d.Footing = strings.Repeat("0", 32) // it rested on something else
		}
		if err := kept.Dismiss(t.Context(), v.ID, d); err != nil {
			t.Fatal(err)
		}
	}
	queries := map[string]workspace.VerdictQuery{}
	for name, f := range map[string]store.Filter{
		"all": {}, "source": {Source: "test"}, "no_source": {Source: "gone"}, "severe": {MinSeverity: azward.SeverityHigh}, "known": {Known: true},
		"actionable": {Results: []azward.Result{azward.Exploitable, azward.Conditional}}, "unknown": {Results: []azward.Result{azward.Undecided}},
		"dormant": {Results: []azward.Result{azward.Dormant}}, "no": {Exploitable: []azward.Answer{azward.No}}, "not_no": {Exploitable: []azward.Answer{azward.Yes, azward.Unknown}},
		"vulnerability": {Vulnerability: "cve-7"}, "alias": {Vulnerability: "GHSA-2"}, "part_of_a_name": {Vulnerability: "cve-"},
		"workload": {Workload: prod[1].Workload.ID}, "group": {Workload: "/Subscriptions/S/resourceGroups/RG"}, "beside": {Workload: "/subscriptions/s/resourceGroups/r"},
		"package": {Text: "PACKAGE2"}, "text_of_a_name": {Text: "ve-1"}, "text_of_a_workload": {Text: "containerApps/P1"}, "nothing": {Text: "%"},
		"several": {Source: "prod", Text: "cve", MinSeverity: azward.SeverityHigh, Results: []azward.Result{azward.Undecided, azward.NotExploitable}},
	} {
		for _, hidden := range []workspace.Hidden{workspace.HideDismissed, workspace.WithDismissed, workspace.OnlyDismissed} {
			queries[fmt.Sprint(name, "_", cmp.Or(hidden, "without"))] = workspace.VerdictQuery{Filter: f, Dismissed: hidden}
		}
	}
	check := func(when string) {
		t.Helper()
		for _, name := range slices.Sorted(maps.Keys(queries)) {
			q := queries[name]
			want, counts := expected(t, w, kept, q)
			if diff := gocmp.Diff(want, listed(t, w, q)); diff != "" {
				t.Errorf("%s, %s (-documents +list):\n%s", when, name, diff)
			}
			got, err := w.CountVerdicts(t.Context(), q)
			if err != nil {
				t.Fatal(err)
			}
			if diff := gocmp.Diff(counts, got); diff != "" {
				t.Errorf("%s, counts of %s (-documents +counts):\n%s", when, name, diff)
			}
		}
	}
	check("on the day")
	for _, days := range []int{4, 8} {
		w.Now = func() time.Time { return day.AddDate(0, 0, days).Add(time.Hour) }
		check(fmt.Sprint(days, " days later"))
	}
	if err := kept.Reopen(t.Context(), prod[15].ID); err != nil {
		t.Fatal(err)
	}
	keep(t, kept, "s4", "prod", day.AddDate(0, 0, 8), random(r, "p", 30))
	check("after reopening one and another scan")
	if err := kept.RemoveConnection(t.Context(), "prod"); err != nil {
		t.Fatal(err)
	}
	check("after removing a connection")
}
