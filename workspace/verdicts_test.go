package workspace_test

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
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

// decided is a verdict whose facts were read at noon.
func decided(workload, vulnerability string, result azward.Result) azward.Verdict {
	answers := map[azward.Result]azward.Answer{azward.Exploitable: azward.Yes, azward.Conditional: azward.Yes, azward.Dormant: azward.No, azward.NotExploitable: azward.No}
	v := azward.Verdict{
		Exploitable: answers[result], Result: result, Vulnerability: vulnerability, Image: "registry/" + workload, DecidedAt: day, Basis: azward.Basis{Oldest: day},
		Workload: azward.Workload{ID: azward.ResourceID("/subscriptions/s/resourceGroups/rg/providers/Microsoft.App/containerApps/" + workload), Kind: azward.ContainerApp, Name: workload},
		Finding:  azward.Finding{ID: vulnerability, PURL: "pkg:npm/lodash@4", Severity: azward.SeverityHigh},
		Conditions: []azward.Condition{
			{ID: azward.Deployed, Answer: azward.Yes, Summary: "runs"},
			{ID: azward.Affected, Answer: azward.Yes, Summary: "is affected"},
			{ID: azward.Reachable, Answer: answers[result], Summary: "blocked: the app has no ingress"},
		},
	}
	v.ID = azward.NewVerdictID(v.Workload.ID, v.Image, vulnerability, v.Finding.PURL)
	return v
}

// saved keeps verdicts as those of the connection prod, scanned at a time.
func saved(tb testing.TB, kept *sqlite.Store, at time.Time, verdicts ...azward.Verdict) {
	tb.Helper()
	ctx := tb.Context()
	if err := kept.BeginScan(ctx, "scan", "prod", at); err != nil {
		tb.Fatal(err)
	}
	err := kept.SaveVerdicts(ctx, "scan", func(yield func(store.Decided, error) bool) {
		for _, v := range verdicts {
			if !yield(store.Decided{Verdict: v}, nil) {
				return
			}
		}
	}, store.Outcome{State: store.ScanComplete, FinishedAt: at.Add(time.Minute)})
	if err != nil {
		tb.Fatal(err)
	}
}

func names(t *testing.T, w *workspace.Workspace, q workspace.VerdictQuery) []string {
	t.Helper()
	page, err := w.Verdicts(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	var list []string
	for _, v := range page.Verdicts {
		list = append(list, fmt.Sprint(v.Workload.Name, " ", v.Result))
	}
	return list
}

// TestOldNoIsUnknown: what was not exploitable a week ago is not known today,
// in the list, in its filters and in its counts.
func TestOldNoIsUnknown(t *testing.T) {
	t.Parallel()
	w, kept := open(t)
	connected(t, kept, "prod")
	saved(t, kept, day, decided("a", "CVE-1", azward.Exploitable), decided("b", "CVE-1", azward.NotExploitable), decided("c", "CVE-1", azward.Dormant))
	of := func(r ...azward.Result) workspace.VerdictQuery {
		return workspace.VerdictQuery{Filter: store.Filter{Results: r}}
	}
	if diff := gocmp.Diff([]string{"a exploitable", "c dormant", "b not-exploitable"}, names(t, w, workspace.VerdictQuery{})); diff != "" {
		t.Errorf("on the day (-want +got):\n%s", diff)
	}
	w.Now = func() time.Time { return day.Add(verdict.MaxAge + time.Hour) }
	if diff := gocmp.Diff([]string{"a exploitable", "c unknown", "b unknown"}, names(t, w, workspace.VerdictQuery{})); diff != "" {
		t.Errorf("a week later (-want +got):\n%s", diff)
	}
	if diff := gocmp.Diff([]string{"c unknown", "b unknown"}, names(t, w, of(azward.Undecided))); diff != "" {
		t.Errorf("the unknown ones a week later (-want +got):\n%s", diff)
	}
	if got := names(t, w, of(azward.NotExploitable)); len(got) > 0 {
		t.Errorf("a week later these are not exploitable still: %v", got)
	}
	counts, err := w.CountVerdicts(t.Context(), workspace.VerdictQuery{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff(store.Counts{azward.Exploitable: 1, azward.Undecided: 2}, counts); diff != "" {
		t.Errorf("counts a week later (-want +got):\n%s", diff)
	}
	funnel, err := w.Funnel(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if got := funnel.Stages[2].Count; got != 3 || funnel.Unknown != 2 {
		t.Errorf("a week later %d of 3 are out of reach, %d unknown", 3-got, funnel.Unknown)
	}
}

func TestDismissed(t *testing.T) {
	t.Parallel()
	w, kept := open(t)
	connected(t, kept, "prod")
	a, b, c := decided("a", "CVE-1", azward.Exploitable), decided("b", "CVE-1", azward.Exploitable), decided("c", "CVE-2", azward.NotExploitable)
	saved(t, kept, day, a, b, c)
	ctx := t.Context()
	left := workspace.Dismissing{IDs: []azward.VerdictID{a.ID, c.ID}, By: "ada", Reason: " accepted ", Until: day.Add(24 * time.Hour)}
	if _, err := w.Dismiss(ctx, left); err != nil {
		t.Fatal(err)
	}
	if diff := gocmp.Diff([]string{"b exploitable"}, names(t, w, workspace.VerdictQuery{})); diff != "" {
		t.Errorf("the others (-want +got):\n%s", diff)
	}
	only := workspace.VerdictQuery{Dismissed: workspace.OnlyDismissed}
	if diff := gocmp.Diff([]string{"a exploitable", "c not-exploitable"}, names(t, w, only)); diff != "" {
		t.Errorf("the dismissed ones (-want +got):\n%s", diff)
	}
	if got := len(names(t, w, workspace.VerdictQuery{Dismissed: workspace.WithDismissed})); got != 3 {
		t.Errorf("with the dismissed ones there are %d", got)
	}
	for filter, want := range map[*store.Filter]int{
		{Text: "CVE-2"}: 1, {Text: "containerapps/A"}: 1, {Text: "LODASH"}: 2, {Text: "else"}: 0, {Known: true}: 0, {MinSeverity: azward.SeverityCritical}: 0,
		{Vulnerability: "cve-1"}: 1, {Workload: "/subscriptions/S"}: 2, {Workload: "/subscriptions/t"}: 0, {Exploitable: []azward.Answer{azward.No}}: 1, {Results: []azward.Result{azward.Exploitable}}: 1,
	} {
		if got := names(t, w, workspace.VerdictQuery{Filter: *filter, Dismissed: workspace.OnlyDismissed}); len(got) != want {
			t.Errorf("%+v selects %v of the dismissed ones", *filter, got)
		}
	}
	v, err := w.Verdict(ctx, a.ID)
	if err != nil || v.Dismissed == nil || v.Dismissed.Reason != "accepted" || v.Dismissed.By != "ada" {
		t.Errorf("the verdict says %+v, %v", v.Dismissed, err)
	}
	w.Now = func() time.Time { return day.Add(25 * time.Hour) }
	if got := names(t, w, only); len(got) > 0 {
		t.Errorf("after its last day it still holds for %v", got)
	}
	if err := w.Reopen(ctx, a.ID); err != nil {
		t.Error(err)
	}
	if err := w.Reopen(ctx, a.ID); azward.KindOf(err) != azward.KindNotFound {
		t.Errorf("reopening twice gives %v", err)
	}
}

func TestDismissNeedsAReasonAndAnEnd(t *testing.T) {
	t.Parallel()
	w, kept := open(t)
	connected(t, kept, "prod")
	a := decided("a", "CVE-1", azward.Exploitable)
	saved(t, kept, day, a)
	good := workspace.Dismissing{IDs: []azward.VerdictID{a.ID}, By: "ada", Reason: "accepted", Until: day.Add(24 * time.Hour)}
	for name, change := range map[string]func(*workspace.Dismissing){
		"no_reason":   func(d *workspace.Dismissing) { d.Reason = " \n" },
		"long_reason": func(d *workspace.Dismissing) { d.Reason = strings.Repeat("ä", 501) },
		"over":        func(d *workspace.Dismissing) { d.Until = day },
		"for_ever":    func(d *workspace.Dismissing) { d.Until = day.AddDate(2, 0, 0) },
		"none":        func(d *workspace.Dismissing) { d.IDs = nil },
		"too_many":    func(d *workspace.Dismissing) { d.IDs = slices.Repeat(d.IDs, 501) },
	} {
		bad := good
		change(&bad)
		if _, err := w.Dismiss(t.Context(), bad); azward.KindOf(err) != azward.KindUsage {
			t.Errorf("%s gives %v", name, err)
		}
	}
	gone := good
	gone.IDs = append(slices.Clone(good.IDs), "v-0000000000000000")
	if _, err := w.Dismiss(t.Context(), gone); azward.KindOf(err) != azward.KindNotFound {
		t.Errorf("an unknown verdict gives %v", err)
	}
	if got := names(t, w, workspace.VerdictQuery{}); len(got) != 1 {
		t.Error("a refused request has dismissed something")
	}
}

func TestPagesOfVerdicts(t *testing.T) {
	t.Parallel()
	w, kept := open(t)
	connected(t, kept, "prod")
	var all []azward.Verdict
	for i := range 23 {
		all = append(all, decided(fmt.Sprint("w", i), "CVE-1", azward.Results()[i%5]))
	}
	saved(t, kept, day, all...)
	var got []azward.VerdictID
	after := ""
	for range 10 {
		page, err := w.Verdicts(t.Context(), workspace.VerdictQuery{After: after, Size: 5})
		if err != nil {
			t.Fatal(err)
		}
		for _, v := range page.Verdicts {
			got = append(got, v.ID)
		}
		if after = page.Next; after == "" {
			break
		}
	}
	slices.SortFunc(all, func(a, b azward.Verdict) int {
		return cmp.Or(strings.Compare(a.Order(), b.Order()), strings.Compare(string(a.ID), string(b.ID)))
	})
	var want []azward.VerdictID
	for _, v := range all {
		want = append(want, v.ID)
	}
	if diff := gocmp.Diff(want, got); diff != "" {
		t.Errorf("all pages (-want +got):\n%s", diff)
	}
	for _, bad := range []string{"x", ".", "1.v-1", "-1.v-0000000000000000", strings.Repeat("1", 100) + ".v-0000000000000000"} {
		if _, err := w.Verdicts(t.Context(), workspace.VerdictQuery{After: bad}); azward.KindOf(err) != azward.KindUsage {
			t.Errorf("cursor %q gives %v", bad, err)
		}
	}
}

// TestAround: the same vulnerability elsewhere, what closes a gap, and why
// there is no picture.
func TestAround(t *testing.T) {
	t.Parallel()
	w, kept := open(t)
	connected(t, kept, "prod")
	gap, rare := azward.Gap{Scope: "/subscriptions/s", Reads: "loadBalancers"}, azward.Gap{Scope: "/subscriptions/s", Reads: "routeTables"}
	a, b, c := decided("a", "CVE-1", azward.Undecided), decided("b", "CVE-1", azward.Undecided), decided("c", "CVE-2", azward.Exploitable)
	a.Gaps, b.Gaps = []azward.Gap{rare, gap}, []azward.Gap{gap}
	saved(t, kept, day, a, b, c)
	change, err := json.Marshal(verdict.Change{Kind: verdict.Reopened, Verdict: a, Before: azward.NotExploitable})
	if err != nil {
		t.Fatal(err)
	}
	if err := kept.SaveChanges(t.Context(), "scan", func(yield func([]byte, error) bool) { yield(change, nil) }); err != nil {
		t.Fatal(err)
	}
	got, err := w.Around(t.Context(), a)
	if err != nil {
		t.Fatal(err)
	}
	if len(got.Others) != 1 || got.Others[0].ID != b.ID || got.More {
		t.Errorf("other places are %v", got.Others)
	}
	want := []workspace.Missing{{Gap: gap, Verdicts: 2, Settles: 1}, {Gap: rare, Verdicts: 1}}
	if diff := gocmp.Diff(want, got.Missing); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	if got.Change == nil || got.Change.Before != azward.NotExploitable {
		t.Errorf("the change is %+v", got.Change)
	}
	if got.Exposure != nil || len(got.Gaps) == 0 || got.Gaps[len(got.Gaps)-1].Remedy == "" {
		t.Errorf("without an estate it gives %v and the gaps %v", got.Exposure, got.Gaps)
	}
}

func TestOverview(t *testing.T) {
	t.Parallel()
	w, kept := open(t)
	connected(t, kept, "prod")
	off := decided("off", "CVE-1", azward.NotExploitable)
	off.Conditions[0] = azward.Condition{ID: azward.Deployed, Answer: azward.No, Summary: "the workload does not run: no pod is asked for"}
	denied := decided("denied", "CVE-1", azward.NotExploitable)
	denied.Conditions[1] = azward.Condition{ID: azward.Affected, Answer: azward.No, Summary: "its supplier denies it"}
	policy := decided("policy", "CVE-1", azward.NotExploitable)
	policy.Conditions[2].Summary = "blocked: network policy np does not let it in"
	saved(t, kept, day, off, denied, policy, decided("x", "CVE-1", azward.Exploitable), decided("y", "CVE-1", azward.Conditional),
		decided("z", "CVE-1", azward.Undecided), decided("n", "CVE-1", azward.NotExploitable))
	o, err := w.Overview(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := workspace.Funnel{Unknown: 1, Stages: []workspace.Stage{
		{Name: "findings", Count: 7, Removed: []workspace.Reason{}},
		{Name: "deployed", Count: 5, Removed: []workspace.Reason{
			{Summary: "the version is not affected, or its supplier denies it", Count: 1, Result: azward.NotExploitable},
			{Summary: "the workload does not run", Count: 1, Result: azward.NotExploitable},
		}},
		{Name: "reachable", Count: 3, Removed: []workspace.Reason{
			{Summary: "a network policy keeps it out", Count: 1, Result: azward.NotExploitable},
			{Summary: "the app takes no traffic from outside", Count: 1, Result: azward.NotExploitable},
		}},
		{Name: "exploitable", Count: 1, Removed: []workspace.Reason{
			{Summary: "cannot be told yet: a gap hides the answer", Count: 1, Result: azward.Undecided},
			{Summary: "exploitable on a condition: a foothold, an account, a user", Count: 1, Result: azward.Conditional},
		}},
	}}
	if diff := gocmp.Diff(want, o.Funnel); diff != "" {
		t.Errorf("funnel (-want +got):\n%s", diff)
	}
	summed := workspace.FunnelOf([]azward.Verdict{off, denied, policy})
	if n := summed.Stages[2].Count; n != 0 || len(summed.Stages[1].Removed) != 2 {
		t.Errorf("the summary of a scan is %+v", summed)
	}
	if len(o.Urgent) != 2 || len(o.Sources) != 1 {
		t.Errorf("%d are urgent of %d sources", len(o.Urgent), len(o.Sources))
	}
	if o.GapCount != 1 || o.Gaps[0].Remedy != "azward scan prod" { // no estate was kept
		t.Errorf("gaps are %+v", o.Gaps)
	}
}

// TestFunnelOfSummaries: what scans counted when they were saved is added up.
func TestFunnelOfSummaries(t *testing.T) {
	t.Parallel()
	w, kept := open(t)
	ctx := t.Context()
	for i, source := range []string{"prod", "test"} {
		connected(t, kept, source)
		counts, err := json.Marshal(map[string]any{"funnel": workspace.FunnelOf([]azward.Verdict{
			decided("a", "CVE-1", azward.Exploitable), decided("b", "CVE-1", azward.NotExploitable), decided("c", "CVE-1", azward.Undecided),
		})})
		if err != nil {
			t.Fatal(err)
		}
		id := fmt.Sprint("s", i)
		if err := kept.BeginScan(ctx, id, source, day); err != nil {
			t.Fatal(err)
		}
		if err := kept.FinishScan(ctx, id, store.Outcome{State: store.ScanComplete, FinishedAt: day, Counts: counts}); err != nil {
			t.Fatal(err)
		}
	}
	f, err := w.Funnel(ctx)
	if err != nil {
		t.Fatal(err)
	}
	var got []int
	for _, s := range f.Stages {
		got = append(got, s.Count)
	}
	if diff := gocmp.Diff([]int{6, 6, 4, 2}, got); diff != "" || f.Unknown != 2 || f.Stages[2].Removed[0].Count != 2 {
		t.Errorf("the funnel of two scans is %+v (-want +got):\n%s", f, diff)
	}
	w.Now = func() time.Time { return day.Add(verdict.MaxAge + time.Hour) }
	if f, err = w.Funnel(ctx); err != nil || f.Stages[0].Count != 0 {
		t.Errorf("old summaries still count: %+v, %v", f, err)
	}
}

func TestOverviewOfNothing(t *testing.T) {
	t.Parallel()
	w, _ := open(t)
	o, err := w.Overview(context.WithoutCancel(t.Context()))
	if err != nil || len(o.Sources) != 0 || o.Funnel.Stages[0].Count != 0 {
		t.Errorf("got %+v, %v", o, err)
	}
}

// BenchmarkFunnelOf10000Verdicts counts anew each time, as after a scan.
func BenchmarkFunnelOf10000Verdicts(b *testing.B) {
	kept, err := sqlite.Open(b.Context(), b.TempDir())
	if err != nil {
		b.Fatal(err)
	}
	defer func() {
		if err := kept.Close(); err != nil {
			b.Error(err)
		}
	}()
	var all []azward.Verdict
	for i := range 10_000 {
		all = append(all, decided(fmt.Sprint("w", i/100), fmt.Sprint("CVE-", i%100), azward.Results()[i%5]))
	}
	connected(b, kept, "prod")
	saved(b, kept, day, all...)
	for b.Loop() {
		w := &workspace.Workspace{Store: kept, Now: func() time.Time { return day }}
		f, err := w.Funnel(b.Context())
		if err != nil || f.Stages[0].Count != len(all) {
			b.Fatal(f, err)
		}
	}
}
