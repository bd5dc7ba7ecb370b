package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/scan"
	"github.com/azward/azward/verdict"
)

// demoEstate is the demo's estate as the last scan kept it, and its index.
func demoEstate(t *testing.T, data string) (*estate.Estate, *advisory.Index, time.Time) {
	t.Helper()
	a := &app{getenv: func(string) string { return "" }, data: data, output: "json", logLevel: "warn", quiet: true}
	e, at, err := a.lastEstate(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	index, err := a.advisories()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := index.Close(); err != nil {
			t.Error(err)
		}
		if err := a.close(); err != nil {
			t.Error(err)
		}
	})
	return e, index, at
}

// Every resource of the demo tenant is taken away in turn. Deciding anew only
// what looked at it gives the same as deciding all, and a proof that held the
// resource does not stay the same.
func TestWhatIfDecidesWhatDepends(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t)
	e, index, at := demoEstate(t, data)
	base, err := scan.Scan{Advisories: index}.Run(t.Context(), e, at)
	if err != nil {
		t.Fatal(err)
	}
	kept, tried, seen, workloads := 0, 0, 0, map[azward.ResourceKey]bool{}
	for _, s := range base.Subjects {
		workloads[s.Workload.Key()] = true
	}
	for r := range e.All() {
		if seen++; seen%stride != 0 {
			continue
		}
		tried++
		without, err := e.With(estate.Edit{Resource: r.ID})
		if err != nil {
			t.Fatal(err)
		}
		quick, err := scan.Scan{Advisories: index, After: base}.Run(t.Context(), without, at)
		if err != nil {
			t.Fatal(err)
		}
		whole, err := scan.Scan{Advisories: index}.Run(t.Context(), without, at)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(azward.JSONValue(whole.Verdicts)), string(azward.JSONValue(quick.Verdicts))); diff != "" {
			t.Fatalf("without %s (-all decided +only what depends):\n%s", r.ID, diff)
		}
		kept += quick.Kept
	}
	t.Logf("%d workloads, %d resources taken away in turn: %.1f %% taken over", len(workloads), tried, 100*float64(kept)/float64(tried*len(workloads)))
	if kept == 0 {
		t.Error("nothing was taken over")
	}
}

func TestWhatIf(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t)
	for _, c := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"public_address_goes", []string{"--set", "aci-sftp:properties.ipAddress.type=Private"}, 0, []string{"closed", "CVE-2024-3094", "aci-sftp", "ipAddress", `"Private", was "Public"`, "1 of"}},
		{"ingress_comes", []string{"--set", `orders-worker:properties.configuration.ingress={"external":true,"targetPort":8080}`}, 0, []string{"reopened", "orders-worker"}},
		{"nothing_that_matters", []string{"--set", "aci-sftp:tags.owner=somebody"}, 0, []string{"no verdict would change"}},
		{"workload_goes", []string{"--remove", "aci-sftp"}, 0, []string{"closed", "gone"}},
		{"no_such_resource", []string{"--set", "aci-nowhere:properties.x=1"}, 1, []string{"no ID of the estate ends so"}},
		{"no_property", []string{"--set", "aci-sftp"}, 2, []string{"RESOURCE:PROPERTY=VALUE"}},
		{"nothing_to_change", nil, 2, []string{"nothing is to be changed"}},
		{"not_a_list", []string{"--set", "aci-sftp:properties.containers[77].name=x"}, 2, []string{"no place of a list"}},
	} {
		code, out, errs := runIn(t, data, append([]string{"what-if"}, c.args...)...)
		for _, says := range c.says {
			if code != c.code || !strings.Contains(out+errs, says) {
				t.Errorf("%s: exit code %d, want %d, saying %q: %s%s", c.name, code, c.code, says, out, errs)
			}
		}
	}
}

func TestDismissalsEndByThemselves(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t)
	var list []azward.Verdict
	read := func(args ...string) {
		t.Helper()
		code, out, errs := runIn(t, data, append([]string{"verdicts", "--output", "json"}, args...)...)
		if err := json.Unmarshal([]byte(out), &list); code != 0 || err != nil {
			t.Fatalf("exit code %d, %v: %s", code, err, errs)
		}
	}
	read("--result", "exploitable")
	first := list[0]
	until := time.Now().AddDate(0, 1, 0).Format(time.DateOnly)
	for _, bad := range [][]string{
		{string(first.ID), "--until", until},
		{string(first.ID), "--reason", "x", "--until", "tomorrow"},
		{string(first.ID), "--reason", "x", "--until", "2020-01-01"},
		{string(first.ID), "--reason", "x", "--until", time.Now().AddDate(2, 0, 0).Format(time.DateOnly)},
		{"v-1", "--reason", "x", "--until", until},
	} {
		if code, _, errs := runIn(t, data, append([]string{"dismiss"}, bad...)...); code != 2 {
			t.Errorf("%v: exit code %d: %s", bad, code, errs)
		}
	}
	if code, _, errs := runIn(t, data, "dismiss", string(first.ID), "--reason", "behind a jump host", "--until", until, "--by", "ana"); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	read("--result", "exploitable")
	if d := list[0].Dismissed; d == nil || d.By != "ana" || d.Reason != "behind a jump host" {
		t.Fatalf("dismissed as %+v", d)
	}
	_, table, _ := runIn(t, data, "verdicts")
	if strings.Contains(table, string(first.ID)) || !strings.Contains(table, "1 dismissed") {
		t.Errorf("the list shows it: %s", table)
	}
	if _, all, _ := runIn(t, data, "verdicts", "--dismissed"); !strings.Contains(all, string(first.ID)) {
		t.Error("--dismissed does not show it")
	}

	if code, _, errs := runIn(t, data, "reopen", string(first.ID)); code != 0 {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if code, _, _ := runIn(t, data, "reopen", string(first.ID)); code != 1 {
		t.Errorf("taking back what is not there: exit code %d", code)
	}

	// It holds while the verdict rests on the same facts, and until its day.
	d := azward.Dismissal{By: "ana", Reason: "x", Until: first.DecidedAt.Add(time.Hour), Footing: verdict.Footing(first)}
	if verdict.Dismiss(first, d, first.DecidedAt).Dismissed == nil {
		t.Error("a new dismissal does not hold")
	}
	if verdict.Dismiss(first, d, d.Until).Dismissed != nil {
		t.Error("it holds on the day on which it ends")
	}
	other := first
	other.Conditions = append([]azward.Condition{}, first.Conditions...)
	other.Conditions[2].Evidence = append([]azward.Evidence{}, other.Conditions[2].Evidence...)
	other.Conditions[2].Evidence[0].Value = json.RawMessage(`"something else"`)
	if verdict.Dismiss(other, d, first.DecidedAt).Dismissed != nil {
		t.Error("it holds though a deciding fact has changed")
	}
}

// A second scan of an estate that changed tells what is new, reopened and
// closed, with the fact.
func TestScanTellsWhatChanged(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t)
	e, _, _ := demoEstate(t, data)
	scanFile := func(edits ...estate.Edit) string {
		t.Helper()
		edited, err := e.With(edits...)
		if err != nil {
			t.Fatal(err)
		}
		file := filepath.Join(data, "tenant.ndjson")
		if err := edited.WriteFile(file); err != nil {
			t.Fatal(err)
		}
		code, out, errs := runIn(t, data, "scan", "--estate", file, "--no-pull")
		if code != 0 {
			t.Fatalf("exit code %d: %s", code, errs)
		}
		return out
	}
	find := func(name string) azward.ResourceID {
		t.Helper()
		id, err := resourceNamed(e, name)
		if err != nil {
			t.Fatal(err)
		}
		return id
	}
	closed := estate.Edit{Resource: find("aci-sftp"), Property: "properties.ipAddress.type", Value: json.RawMessage(`"Private"`)}
	if out := scanFile(closed); strings.Contains(out, "since ") {
		t.Errorf("a first scan compares with nothing: %s", out)
	}
	out := scanFile(closed, estate.Edit{Resource: find("aci-legacy")})
	for _, says := range []string{"since ", "2 closed", "gone"} {
		if !strings.Contains(out, says) {
			t.Errorf("it does not say %q: %s", says, out)
		}
	}
	out = scanFile()
	for _, says := range []string{"2 new", "1 reopened", `/properties/ipAddress/type: "Public", was "Private"`} {
		if !strings.Contains(out, says) {
			t.Errorf("it does not say %q: %s", says, out)
		}
	}
	if _, kept, _ := runIn(t, data, "changes"); !strings.Contains(kept, "reopened") {
		t.Errorf("azward changes: %s", kept)
	}
	if out = scanFile(); !strings.Contains(out, "21 unchanged") {
		t.Errorf("nothing changed, and it says: %s", out)
	}
}

func TestWhyNot(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t)
	_, out, _ := runIn(t, data, "verdicts", "--output", "json")
	var list []azward.Verdict
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	seen := map[azward.Answer]bool{}
	for _, v := range list {
		if seen[v.Exploitable] {
			continue
		}
		seen[v.Exploitable] = true
		code, out, errs := runIn(t, data, "why-not", string(v.ID))
		says := map[azward.Answer]string{azward.Yes: "nothing keeps it", azward.No: "one condition blocks it", azward.Unknown: "Microsoft.Network/loadBalancers/read"}[v.Exploitable]
		if code != 0 || !strings.Contains(out, says) {
			t.Errorf("%s: exit code %d, not saying %q: %s%s", v.Result, code, says, out, errs)
		}
		if code, out, _ := runIn(t, data, "why-not", string(v.ID), "--output", "json"); code != 0 || !json.Valid([]byte(out)) {
			t.Errorf("JSON: exit code %d: %s", code, out)
		}
	}
	if len(seen) != 3 {
		t.Errorf("the demo shows %v", seen)
	}
}

// What is closed to the internet may be open to the pod next door: the verdict
// says so when it is asked about an attacker who is there, and its proof too.
func TestAttackerStartsNearer(t *testing.T) {
	t.Parallel()
	data, file := demoData(t)
	find := func(attacker string) azward.Verdict {
		t.Helper()
		code, out, errs := runIn(t, data, "scan", "--estate", file, "--no-pull", "--attacker", attacker, "--output", "json")
		var found struct{ Verdicts []azward.Verdict }
		if err := json.Unmarshal([]byte(out), &found); code != 0 || err != nil {
			t.Fatalf("exit code %d, %v: %s", code, err, errs)
		}
		for _, v := range found.Verdicts {
			if v.Workload.Name == "payments/ledger" {
				return v
			}
		}
		t.Fatal("no verdict about payments/ledger")
		return azward.Verdict{}
	}
	if v := find("internet"); v.Result != azward.NotExploitable {
		t.Errorf("from the internet: %s: %s", v.Result, v.Summary)
	}
	v := find("cluster")
	if v.Result != azward.Conditional || !slices.Contains(v.Prerequisites, azward.SameCluster) && !slices.Contains(v.Prerequisites, azward.LocalNetwork) {
		t.Errorf("from the cluster: %s, needing %v: %s", v.Result, v.Prerequisites, v.Summary)
	}
	proof := filepath.Join(t.TempDir(), "proof.json")
	if code, _, errs := runIn(t, data, "explain", string(v.ID), "--output", "proof", "-o", proof); code != 0 {
		t.Fatal(errs)
	}
	if code, _, errs := runIn(t, data, "verify", proof); code != 0 {
		t.Error(errs)
	}
	if code, _, _ := runIn(t, data, "scan", "--estate", file, "--attacker", "moon"); code != 2 {
		t.Errorf("an unknown place: exit code %d", code)
	}
}

// Without a file the last scan's estate is looked at.
func TestExposureOfTheLastScan(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t)
	for _, c := range []struct {
		name string
		args []string
		code int
		says []string
	}{
		{"all", nil, 0, []string{"payments/ledger (aks-prod)", "internet-any"}},
		{"ladder", []string{"--ladder"}, 0, []string{"PEERED", "● reached", "vm-sql"}},
		{"ladder_for_machines", []string{"--ladder", "--output", "json"}, 0, []string{`"ladder"`, `"same-cluster"`}},
		{"one", []string{"--to", "deployments/ledger"}, 0, []string{"no public load balancer", "● same-cluster"}},
		{"one_that_is_reached", []string{"--to", "aci-sftp"}, 0, []string{"yes: reached from any address on tcp 22", "the path, from the source on", "what would close it"}},
		{"one_for_machines", []string{"--to", "aci-sftp", "--output", "json"}, 0, []string{`"settings"`}},
		{"one_as_a_picture", []string{"--to", "aci-sftp", "--output", "svg"}, 0, []string{"<svg"}},
		{"key_vault", []string{"--to", "kv-contoso-prod"}, 0, []string{"no: blocked: public network access is disabled", "internet-any", "vnet-peered"}},
		{"cluster_api", []string{"--to", "managedClusters/aks-prod"}, 0, []string{"Microsoft.ContainerService/managedClusters aks-prod"}},
		{"advanced_tools", []string{"--to", "contoso-portal"}, 0, []string{"the advanced tools site (SCM)"}},
		{"no_workload", []string{"--to", "nsg-aks"}, 1, []string{"no workload of this ID"}},
		{"two_of_a_name", []string{"--to", "deployments/cart"}, 2, []string{"2 IDs end so"}},
	} {
		code, out, errs := runIn(t, data, append([]string{"exposure"}, c.args...)...)
		for _, says := range c.says {
			if code != c.code || !strings.Contains(out+errs, says) {
				t.Errorf("%s: exit code %d, want %d, saying %q: %s%s", c.name, code, c.code, says, out, errs)
			}
		}
	}
	if code, _, errs := runIn(t, t.TempDir(), "exposure"); code != 2 || !strings.Contains(errs, "--estate") {
		t.Errorf("nothing to look at: exit code %d: %s", code, errs)
	}
}

// A supplier's word closes a verdict, at the price of confidence, and says so
// in the proof. It is about the package or the image that it names.
func TestScanTakesASuppliersWord(t *testing.T) {
	t.Parallel()
	data, file := demoData(t)
	document := func(product string) string {
		t.Helper()
		path := filepath.Join(t.TempDir(), "supplier.openvex.json")
		raw := `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.com/vex","author":"Example","version":1,"timestamp":"2026-01-02T00:00:00Z",
			"statements":[{"vulnerability":{"name":"CVE-2023-39325"},"products":[{"@id":"` + product + `"}],"status":"not_affected","justification":"vulnerable_code_not_present"}]}`
		if err := os.WriteFile(path, []byte(raw), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	find := func(args ...string) azward.Verdict {
		t.Helper()
		code, out, errs := runIn(t, data, append([]string{"scan", "--estate", file, "--no-pull", "--output", "json"}, args...)...)
		var found struct{ Verdicts []azward.Verdict }
		if err := json.Unmarshal([]byte(out), &found); code != 0 || err != nil {
			t.Fatalf("exit code %d, %v: %s", code, err, errs)
		}
		for _, v := range found.Verdicts {
			if v.Workload.Name == "orders-api" {
				return v
			}
		}
		t.Fatal("no verdict about orders-api")
		return azward.Verdict{}
	}
	if v := find("--vex", document("pkg:golang/golang.org/x/other@v1.0.0")); v.Result != azward.Exploitable {
		t.Errorf("a statement about something else: %s: %s", v.Result, v.Summary)
	}
	v := find("--vex", document("pkg:golang/golang.org/x/net@v0.15.0"))
	if v.Result != azward.NotExploitable || v.Confidence != azward.ConfidenceLow || !strings.Contains(v.Summary, "vulnerable_code_not_present") {
		t.Errorf("%s with confidence %s: %s", v.Result, v.Confidence, v.Summary)
	}
	if _, out, _ := runIn(t, data, "verdicts", "--vulnerability", "CVE-2023-39325", "--workload", string(v.Workload.ID), "--connection", "file:"+file, "--output", "openvex"); !strings.Contains(out, `"under_investigation"`) || strings.Contains(out, `"not_affected"`) {
		t.Errorf("a supplier's word is given on as ours: %s", out)
	}
	proof := filepath.Join(t.TempDir(), "proof.json")
	if code, _, errs := runIn(t, data, "explain", string(v.ID), "--output", "proof", "-o", proof); code != 0 {
		t.Fatal(errs)
	}
	if code, _, errs := runIn(t, data, "verify", proof); code != 0 {
		t.Error(errs)
	}
	if code, _, errs := runIn(t, data, "scan", "--estate", file, "--vex", filepath.Join(data, "nowhere.json")); code != 1 || !strings.Contains(errs, "--vex") {
		t.Errorf("no such document: exit code %d: %s", code, errs)
	}
}
