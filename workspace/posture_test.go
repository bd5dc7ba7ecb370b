package workspace_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
	"github.com/azward/azward/workspace"
)

const accounts = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Storage/storageAccounts/"

// judgedRules are about storage accounts; one of them reads what is not there.
const judgedRules = `rules:
  - id: https
    title: Accounts take https alone
    severity: high
    category: Storage
    types: [Microsoft.Storage/storageAccounts]
    passes_when: resource.properties.https == true
    rationale: What passes in plain can be read by others.
    remedy: {cli: 'az storage account update --ids "$ID" --https-only'}
    frameworks: ["House: 1", "House: 2"]
    reads: [properties.https]
  - id: tier
    title: Accounts have a tier
    severity: low
    category: Storage
    types: [Microsoft.Storage/storageAccounts]
    passes_when: resource.properties.tier == "hot"
    rationale: It costs.
    remedy: {cli: 'true'}
    frameworks: ["House: 3"]
    reads: [properties.tier]
  - id: vaults
    title: Vaults are there
    severity: medium
    category: Vaults
    types: [Microsoft.KeyVault/vaults]
    passes_when: resource.properties.x == true
    rationale: None.
    remedy: {cli: 'true'}
    frameworks: ["House: 4"]
    reads: [properties.x]
`

// profiles is a profile of the test's own.
type profiles struct {
	version      string
	suppressions []*policy.Suppression
	rules        []*policy.Rule
	err          error
	asked        atomic.Int32
}

func (p *profiles) Version(context.Context) (string, error) { return p.version, nil }

func (p *profiles) Profile(context.Context, *estate.Estate) (workspace.PostureProfile, error) {
	p.asked.Add(1)
	return workspace.PostureProfile{Profile: policy.Profile{Rules: p.rules}, Name: "house", Suppressions: p.suppressions}, p.err
}

// house is a workspace whose newest scan has three accounts: open, closed, and
// one of whose https nothing was read.
type house struct {
	*workspace.Workspace
	kept     *sqlite.Store
	profiles *profiles
	now      time.Time
}

func newHouse(t *testing.T) *house {
	t.Helper()
	kept, err := sqlite.Open(t.Context(), t.TempDir())
	ok(t, err)
	t.Cleanup(func() { ok(t, kept.Close()) })
	rules, problems := policy.Parse("house.yaml", []byte(judgedRules))
	if len(problems) > 0 {
		t.Fatal(problems)
	}
	h := &house{kept: kept, profiles: &profiles{rules: rules}, now: time.Date(2026, 5, 1, 12, 0, 0, 0, time.UTC)}
	h.Workspace = &workspace.Workspace{Store: kept, Profiles: h.profiles, Now: func() time.Time { return h.now }}
	t.Cleanup(func() { ok(t, h.Close()) })
	ok(t, kept.AddConnection(t.Context(), store.Connection{Name: "prod", Kind: store.KindAzure, Cloud: "public", Auth: store.AuthAzureCLI, CreatedAt: h.now, UpdatedAt: h.now}))
	h.scan(t, "scan-1", true)
	return h
}

func ok(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// scan keeps an estate with these accounts.
func (h *house) scan(t *testing.T, id string, open bool) {
	t.Helper()
	at := h.now.Add(-time.Hour)
	ok(t, h.kept.BeginScan(t.Context(), id, "prod", at))
	ok(t, h.kept.SaveEstate(t.Context(), id, func(w io.Writer) error {
		var b estate.Builder
		for name, properties := range map[string]string{"open": fmt.Sprintf(`{"https":%t,"tier":"hot"}`, !open), "closed": `{"https":true,"tier":"hot"}`} {
			ok(t, b.AddARM(json.RawMessage(fmt.Sprintf(`{"id":%q,"name":%q,"type":"Microsoft.Storage/storageAccounts","properties":%s}`, accounts+name, name, properties)), estate.Provenance{Source: azward.SourceARM, APIVersion: "2024-01-01", ReadAt: at}))
		}
		// Resource Graph may leave properties out.
		ok(t, b.AddARM(json.RawMessage(fmt.Sprintf(`{"id":%q,"name":"dim","type":"Microsoft.Storage/storageAccounts","properties":{"tier":"hot"}}`, accounts+"dim")), estate.Provenance{Source: azward.SourceResourceGraph, ReadAt: at}))
		return b.Build().Write(w)
	}))
	ok(t, h.kept.SaveVerdicts(t.Context(), id, func(func(store.Decided, error) bool) {}, store.Outcome{State: store.ScanComplete, FinishedAt: at.Add(time.Minute)}))
}

func (h *house) results(t *testing.T, q workspace.PostureQuery) []string {
	t.Helper()
	page, err := h.PostureResults(t.Context(), q)
	ok(t, err)
	list := []string{}
	for _, r := range page.Results {
		list = append(list, r.Result+" "+r.Rule+" "+r.Name)
	}
	return list
}

func TestPosture(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	want := []string{"fail https open", "unknown https dim"}
	if diff := cmp.Diff(want, h.results(t, workspace.PostureQuery{})); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
	s, err := h.Posture(t.Context(), "prod")
	ok(t, err)
	if diff := cmp.Diff(workspace.PostureCounts{Fail: 1, Unknown: 1, Pass: 4}, s.Counts); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	// Four of six; what is not known does not pass.
	if s.Score != 66 || s.Failing[azward.SeverityHigh] != 1 || len(s.Connections) != 1 || s.Connections[0].Profile != "house" {
		t.Errorf("the summary is %+v", s)
	}
	i := slices.IndexFunc(s.Frameworks, func(f workspace.PostureFramework) bool { return f.Name == "House" })
	if i < 0 {
		t.Fatalf("the frameworks are %+v", s.Frameworks)
	}
	framework := workspace.PostureFramework{Name: "House", Items: 4, Fail: 2, Pass: 1, Nothing: 1, Score: 33}
	if diff := cmp.Diff(framework, s.Frameworks[i]); diff != "" {
		t.Errorf("the framework (-want +got):\n%s", diff)
	}
	if _, err := h.Posture(t.Context(), "none"); azward.KindOf(err) != azward.KindNotFound {
		t.Errorf("a connection that is not there gives %v", err)
	}
	if h.profiles.asked.Load() != 1 {
		t.Errorf("the estate was evaluated %d times", h.profiles.asked.Load())
	}
}

func TestPostureFinding(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	f, err := h.PostureFinding(t.Context(), "https", azward.ResourceID(strings.ToUpper(accounts+"open")))
	ok(t, err)
	if len(f.Comparisons) != 1 || f.Comparisons[0].Path != "/properties/https" || string(f.Comparisons[0].Value) != "false" || f.Result != "fail" || f.Evidence[0].APIVersion != "2024-01-01" {
		t.Errorf("the finding is %+v", f)
	}
	dim, err := h.PostureFinding(t.Context(), "https", accounts+"dim")
	ok(t, err)
	if dim.Result != "unknown" || len(dim.Gaps) == 0 {
		t.Errorf("what was not read gives %+v", dim)
	}
	if _, err := h.PostureFinding(t.Context(), "vaults", accounts+"open"); azward.KindOf(err) != azward.KindNotFound {
		t.Errorf("a rule that says nothing of it gives %v", err)
	}
}

// TestPostureSuppressions: what is suppressed is set aside, counted, and back
// on the day after.
func TestPostureSuppressions(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.profiles.suppressions = []*policy.Suppression{
		{Rule: "https", Resource: "*/open", Reason: "an importer", By: "kim", Expires: h.now.Add(24 * time.Hour), File: "azward.yaml"},
		{Rule: "tier", Resource: "*", Reason: "of last year", By: "kim", Expires: h.now.Add(-24 * time.Hour), File: "azward.yaml"},
	}
	if diff := cmp.Diff([]string{"unknown https dim"}, h.results(t, workspace.PostureQuery{})); diff != "" {
		t.Errorf("without suppressed ones (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"suppressed https open"}, h.results(t, workspace.PostureQuery{Suppressed: workspace.OnlyDismissed})); diff != "" {
		t.Errorf("suppressed ones alone (-want +got):\n%s", diff)
	}
	s, err := h.Posture(t.Context(), "")
	ok(t, err)
	if s.Counts.Suppressed != 1 || s.Counts.Fail != 0 || len(s.Suppressions) != 2 || s.Suppressions[1].Count != 1 || !s.Suppressions[0].Expired || s.Suppressions[0].Count != 0 {
		t.Errorf("the summary is %+v %+v", s.Counts, s.Suppressions)
	}
	f, err := h.PostureFinding(t.Context(), "https", accounts+"open")
	ok(t, err)
	if f.Suppressed == nil || f.Suppressed.Reason != "an importer" || f.Result != "suppressed" || len(f.Comparisons) == 0 {
		t.Errorf("the suppressed finding is %+v", f)
	}
	h.now = h.now.Add(48 * time.Hour)
	if diff := cmp.Diff([]string{"fail https open", "unknown https dim"}, h.results(t, workspace.PostureQuery{})); diff != "" {
		t.Errorf("after its end (-want +got):\n%s", diff)
	}
}

// TestPostureIsOfTheNewest: a scan, and another profile, give another answer.
func TestPostureIsOfTheNewest(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if got := h.results(t, workspace.PostureQuery{Results: []string{workspace.PostureFail}}); len(got) != 1 {
		t.Fatalf("got %v", got)
	}
	h.now = h.now.Add(2 * time.Hour)
	h.scan(t, "scan-2", false)
	if got := h.results(t, workspace.PostureQuery{Results: []string{workspace.PostureFail}}); len(got) != 0 {
		t.Errorf("after a scan that found it mended: %v", got)
	}
	h.profiles.version, h.profiles.rules = "2", h.profiles.rules[1:2]
	if got := h.results(t, workspace.PostureQuery{Results: workspace.PostureResults()}); len(got) != 3 {
		t.Errorf("with another profile: %v", got)
	}
}

// TestPostureTriesAgain: what failed is no answer to the next who asks.
func TestPostureTriesAgain(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	h.profiles.err = errors.New("the rules cannot be read")
	if _, err := h.Posture(t.Context(), ""); !errors.Is(err, h.profiles.err) {
		t.Errorf("got %v", err)
	}
	h.profiles.err = nil
	if got := h.results(t, workspace.PostureQuery{}); len(got) != 2 {
		t.Errorf("got %v", got)
	}
}

func TestPostureTrend(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	save := func(scan string, tally workspace.PostureTally, open ...workspace.PostureOpen) {
		counts, err := json.Marshal(tally)
		ok(t, err)
		doc, err := json.Marshal(open)
		ok(t, err)
		ok(t, h.kept.SavePosture(t.Context(), scan, counts, doc))
	}
	save("scan-1", workspace.PostureTally{Rules: 3, Fail: 2, Unknown: 0, Pass: 1}, workspace.PostureOpen{Rule: "https", Resource: accounts + "open", Result: "fail"}, workspace.PostureOpen{Rule: "https", Resource: accounts + "dim", Result: "fail"})
	h.now = h.now.Add(2 * time.Hour)
	h.scan(t, "scan-2", false)
	save("scan-2", workspace.PostureTally{Rules: 3, Fail: 1, Unknown: 1, Pass: 1}, workspace.PostureOpen{Rule: "tier", Resource: accounts + "open", Result: "fail"}, workspace.PostureOpen{Rule: "https", Resource: accounts + "dim", Result: "unknown"})
	s, err := h.Posture(t.Context(), "")
	ok(t, err)
	if len(s.Trends) != 1 || len(s.Trends[0].Scans) != 2 || s.Trends[0].Scans[0].Tally.Fail != 1 {
		t.Fatalf("the trends are %+v", s.Trends)
	}
	if tr := s.Trends[0]; tr.NewCount != 1 || tr.New[0].Rule != "tier" || tr.FixedCount != 1 || tr.Fixed[0].Resource != accounts+"open" || tr.LostCount != 1 {
		t.Errorf("the trend is %+v", tr)
	}
}

// TestPostureInBrief never waits, and says when it does not know yet.
func TestPostureInBrief(t *testing.T) {
	t.Parallel()
	h := newHouse(t)
	if brief, err := h.UrgentPosture(t.Context(), 3); err != nil || brief.Ready && h.profiles.asked.Load() == 0 {
		t.Errorf("before it is evaluated: %+v %v", brief, err)
	}
	h.results(t, workspace.PostureQuery{}) // waits
	brief, err := h.PostureOf(t.Context(), accounts+"open", 3)
	if err != nil || !brief.Ready || len(brief.Results) != 1 || brief.Results[0].Rule != "https" {
		t.Errorf("of one account: %+v %v", brief, err)
	}
	ok(t, h.Close())
	h.WarmPosture(t.Context(), func(err error) { t.Errorf("a closed workspace evaluates: %v", err) })
}
