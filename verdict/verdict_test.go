package verdict_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/verdict"
)

const (
	group  = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg/providers/Microsoft.ContainerInstance/containerGroups/sftp"
	name   = "contoso.azurecr.io/transfer/sftp"
	digest = azward.Digest("sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa")
	record = `{"id":"DEBIAN-CVE-2024-3094","affected":[{"package":{"ecosystem":"Debian:13","name":"xz-utils"}}]}`
)

var (
	decidedAt = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)
	xz        = azward.Package{PURL: "pkg:deb/debian/liblzma5@5.6.1-1", Name: "liblzma5", Version: "5.6.1-1", Ecosystem: "Debian:13", Source: "xz-utils", Locations: []string{"var/lib/dpkg/status"}}
)

// world is a container group with an image, and how it differs from case to case.
type world struct {
	address string // of the group: Public, Private or "" for none
	state   string
	tag     string // that the registry resolved to the digest; "" for none
	without string // a resource type whose listing is missing
	note    string // a tag of the group
}

func (w world) estate(t testing.TB) *estate.Estate {
	t.Helper()
	properties := map[string]any{
		"osType": "Linux", "instanceView": map[string]any{"state": w.state},
		"containers": []any{map[string]any{"name": "sftp", "properties": map[string]any{
			"image": name + ":5.0.0", "ports": []any{map[string]any{"port": 22, "protocol": "TCP"}},
			"instanceView": map[string]any{"currentState": map[string]any{"state": "Running"}},
		}}},
	}
	if w.address != "" {
		properties["ipAddress"] = map[string]any{"type": w.address, "ip": "20.1.2.3", "ports": []any{map[string]any{"port": 22, "protocol": "TCP"}}}
	}
	var b estate.Builder
	body := azward.JSONValue(map[string]any{"id": group, "name": "sftp", "type": "Microsoft.ContainerInstance/containerGroups", "properties": properties, "tags": map[string]any{"note": w.note}})
	body = bytes.ReplaceAll(body, []byte(`\u003c`), []byte("<"))
	if err := b.AddARM(body, estate.Provenance{Source: azward.SourceARM, APIVersion: "2023-05-01", ReadAt: decidedAt}); err != nil {
		t.Fatal(err)
	}
	image := map[string]any{"digest": digest, "packages": []azward.Package{{Name: "libc6"}, xz}}
	if w.tag != "" {
		image["references"] = []any{map[string]any{"reference": name + ":" + w.tag, "resolvedAt": decidedAt}}
	}
	if err := b.AddImage(digest, azward.JSONValue(image), estate.Provenance{Source: azward.SourceImage, ReadAt: decidedAt}); err != nil {
		t.Fatal(err)
	}
	if w.without == "" {
		b.AddListing(estate.Listing{Scope: "/", Type: estate.AllTypes, Status: estate.ListingComplete, ReadAt: decidedAt})
	}
	return b.Build()
}

func subject(change func(*verdict.Subject)) verdict.Subject {
	s := verdict.Subject{
		Workload: group, Container: "sftp", Image: name + "@" + string(digest), Digest: digest, Package: xz, Record: json.RawMessage(record),
		Finding: azward.Finding{
			ID: "CVE-2024-3094", Aliases: []string{"DEBIAN-CVE-2024-3094"}, PURL: xz.PURL, Severity: azward.SeverityCritical, CVSS: 10,
			Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", FixedIn: []string{"5.6.1+really5.4.5-1"},
			Record: "DEBIAN-CVE-2024-3094", Range: "5.5.1alpha-0.1 <= 5.6.1-1", Affected: azward.Yes,
		},
	}
	if change != nil {
		change(&s)
	}
	return s
}

func TestDecide(t *testing.T) {
	t.Parallel()
	open := world{address: "Public", state: "Running", tag: "5.0.0"}
	stopped := world{address: "Public", state: "Stopped", tag: "5.0.0"}
	closed := world{state: "Running", tag: "5.0.0"}
	vector := func(v string) func(*verdict.Subject) {
		return func(s *verdict.Subject) { s.Finding.Vector = v }
	}
	named := func(name string) func(*verdict.Subject) {
		return func(s *verdict.Subject) {
			s.Package.Name, s.Package.PURL = name, "pkg:deb/debian/"+name+"@6.1.0-1"
		}
	}
	for _, tc := range []struct {
		name       string
		world      world
		change     func(*verdict.Subject)
		want       azward.Result
		confidence azward.Confidence
		says       string
	}{
		{"reached_running_affected", open, nil, azward.Exploitable, azward.ConfidenceMedium, "exploitable: reached from any address on tcp 22"},
		{"no_vector_counts_as_network", open, vector(""), azward.Exploitable, azward.ConfidenceMedium, "exploitable"},
		{"local_vector_where_reached", open, vector("CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"), azward.Conditional, azward.ConfidenceMedium, "exploitable on a condition: an attacker needs a local foothold"},
		{"adjacent_vector_where_reached", open, vector("CVSS:3.1/AV:A/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"), azward.Conditional, azward.ConfidenceMedium, "a place in the adjacent network"},
		{"account_and_user_asked_for", open, vector("CVSS:3.1/AV:N/AC:L/PR:L/UI:R/S:U/C:H/I:H/A:H"), azward.Conditional, azward.ConfidenceMedium, "an account of the application, and a user who is made to act"},
		{"administrator_asked_for_in_v4", open, vector("CVSS:4.0/AV:N/AC:L/AT:N/PR:H/UI:N/VC:H/VI:H/VA:H/SC:N/SI:N/SA:N"), azward.Conditional, azward.ConfidenceMedium, "an administrator's account"},
		{"single_authentication_in_v2", open, vector("AV:N/AC:L/Au:S/C:P/I:P/A:P"), azward.Conditional, azward.ConfidenceMedium, "an account of the application"},
		{"local_vector_where_nothing_leads", closed, vector("CVSS:3.1/AV:L/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"), azward.NotExploitable, azward.ConfidenceHigh, "not exploitable"},
		{"no_address", closed, nil, azward.NotExploitable, azward.ConfidenceHigh, "not exploitable: blocked: the group has no address"},
		{"stopped_and_open_is_dormant", stopped, nil, azward.Dormant, azward.ConfidenceHigh, "dormant: the workload does not run"},
		{"stopped_and_closed_stays_closed_when_it_starts", world{state: "Stopped", tag: "5.0.0"}, nil, azward.NotExploitable, azward.ConfidenceHigh, "does not run"},
		{"stopped_with_an_unaffected_version", stopped, func(s *verdict.Subject) { s.Finding.Affected = azward.No }, azward.NotExploitable, azward.ConfidenceHigh, "is not affected"},
		{"another_tag_was_resolved", world{address: "Public", state: "Running", tag: "4.0.0"}, nil, azward.Undecided, azward.ConfidenceNone, "which digest"},
		{"version_without_order", open, func(s *verdict.Subject) { s.Finding.Affected = azward.Unknown }, azward.Undecided, azward.ConfidenceNone, "could not be decided"},
		{"not_affected", open, func(s *verdict.Subject) { s.Finding.Affected = azward.No }, azward.NotExploitable, azward.ConfidenceHigh, "is not affected"},
		{"kernel_headers_in_a_container", open, named("linux-libc-dev"), azward.NotExploitable, azward.ConfidenceHigh, "linux-libc-dev is a part of the Linux kernel"},
		{"a_tool_of_the_kernel's_source_runs", open, named("linux-perf"), azward.Exploitable, azward.ConfidenceMedium, "exploitable"},
		{"workload_not_in_the_estate", open, func(s *verdict.Subject) { s.Workload += "x" }, azward.Undecided, azward.ConfidenceNone, "not in the estate"},
		{"no_such_container", open, func(s *verdict.Subject) { s.Container = "web" }, azward.NotExploitable, azward.ConfidenceHigh, "no container web"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := verdict.Decider{Estate: tc.world.estate(t), At: decidedAt}
			v := d.Decide(subject(tc.change))
			if v.Result != tc.want || v.Confidence != tc.confidence || !strings.Contains(v.Summary, tc.says) {
				t.Errorf("%s with confidence %s: %s; want %s with %s, saying %q", v.Result, v.Confidence, v.Summary, tc.want, tc.confidence, tc.says)
			}
			wantSound(t, v)
			if diff := cmp.Diff(azward.JSONValue(v), azward.JSONValue(d.Decide(subject(tc.change)))); diff != "" {
				t.Errorf("deciding twice (-first +second):\n%s", diff)
			}
			s := subject(tc.change)
			if !strings.Contains(tc.name, "kernel") { // the packages of those are not in the image
				checkProof(t, &d, s)
			}
		})
	}
}

// wantSound wants what holds for every verdict.
func wantSound(t *testing.T, v azward.Verdict) {
	t.Helper()
	if v.Exploitable == azward.Unknown && len(v.Gaps) == 0 {
		t.Error("an unknown verdict names nothing that is missing")
	}
	for _, c := range v.Conditions {
		if c.Answer != azward.Unknown && len(c.Evidence) == 0 {
			t.Errorf("condition %s is %s without evidence", c.ID, c.Answer)
		}
	}
	want := map[azward.Result]azward.Answer{azward.Exploitable: azward.Yes, azward.Conditional: azward.Yes, azward.Dormant: azward.No, azward.NotExploitable: azward.No}[v.Result]
	if v.Exploitable != want || v.Basis.Summary == "" || v.Result == azward.Conditional && len(v.Prerequisites) == 0 {
		t.Errorf("%s with answer %s, basis %q, prerequisites %v", v.Result, v.Exploitable, v.Basis.Summary, v.Prerequisites)
	}
}

// A verdict rests on what was read; a week later it is not known any more.
func TestAged(t *testing.T) {
	t.Parallel()
	yes := verdict.Decider{Estate: world{address: "Public", state: "Running", tag: "5.0.0"}.estate(t), At: decidedAt}
	no := verdict.Decider{Estate: world{state: "Running", tag: "5.0.0"}.estate(t), At: decidedAt}
	for name, c := range map[string]struct {
		d     *verdict.Decider
		after time.Duration
		want  azward.Result
		stale bool
	}{
		"no_next_day":     {&no, 24 * time.Hour, azward.NotExploitable, false},
		"no_after_a_week": {&no, verdict.MaxAge, azward.NotExploitable, false},
		"no_later":        {&no, verdict.MaxAge + time.Second, azward.Undecided, true},
		"yes_later":       {&yes, verdict.MaxAge + time.Second, azward.Exploitable, true},
	} {
		before := c.d.Decide(subject(nil))
		v := verdict.Aged(before, decidedAt.Add(c.after))
		if v.Result != c.want || v.Stale != c.stale {
			t.Errorf("%s: %s, stale %t: %s", name, v.Result, v.Stale, v.Summary)
		}
		wantSound(t, v)
	}
}

// What is old when it is decided on counts less.
func TestConfidenceFallsWithAge(t *testing.T) {
	t.Parallel()
	e := world{state: "Running", tag: "5.0.0"}.estate(t)
	for after, want := range map[time.Duration]azward.Confidence{
		time.Hour: azward.ConfidenceHigh, 25 * time.Hour: azward.ConfidenceMedium, 8 * 24 * time.Hour: azward.ConfidenceLow,
	} {
		d := verdict.Decider{Estate: e, At: decidedAt.Add(after)}
		if v := d.Decide(subject(nil)); v.Confidence != want {
			t.Errorf("after %s: %s, want %s: %s", after, v.Confidence, want, v.Basis.Summary)
		}
	}
}

// Rows of CISA's table: https://certcc.github.io/SSVC/reference/decision_tables/cisa/cisa_coordinator/
func TestDecision(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		exploitation, automatable, impact string
		criticality                       verdict.Criticality
		want                              string
	}{
		{"none", "no", "partial", verdict.CriticalityHigh, "track"},
		{"none", "no", "total", verdict.CriticalityHigh, "track*"},
		{"poc", "yes", "total", verdict.CriticalityUnstated, "track*"},
		{"active", "no", "partial", verdict.CriticalityLow, "track"},
		{"active", "yes", "partial", verdict.CriticalityLow, "attend"},
		{"active", "yes", "total", verdict.CriticalityMedium, "act"},
		{"active", "", "total", verdict.CriticalityHigh, ""},
		{"", "", "", verdict.CriticalityHigh, ""},
	} {
		got := verdict.Decision(azward.SSVC{Exploitation: c.exploitation, Automatable: c.automatable, TechnicalImpact: c.impact}, c.criticality)
		if got != c.want {
			t.Errorf("%v gives %q", c, got)
		}
	}
}

// The list begins with what needs hands first.
func TestCompare(t *testing.T) {
	t.Parallel()
	of := func(change func(*azward.Verdict)) azward.Verdict {
		v := azward.Verdict{ID: "v-1", Result: azward.Exploitable, Finding: azward.Finding{Severity: azward.SeverityHigh, EPSS: 0.05, CVSS: 8}}
		change(&v)
		return v
	}
	list := []azward.Verdict{
		of(func(v *azward.Verdict) { v.Finding.KEV = true }),
		of(func(v *azward.Verdict) { v.Finding.EPSS = 0.5 }),
		of(func(v *azward.Verdict) { v.Finding.Severity = azward.SeverityCritical }),
		of(func(v *azward.Verdict) { v.Priority.Blast = 3 }),
		of(func(v *azward.Verdict) { v.Priority.Criticality = "high" }),
		of(func(v *azward.Verdict) { v.Finding.EPSS = 0.06 }),
		of(func(v *azward.Verdict) { v.Finding.CVSS = 8.1 }),
		of(func(*azward.Verdict) {}),
		of(func(v *azward.Verdict) { v.ID = "v-2" }),
		of(func(v *azward.Verdict) { v.Priority.Criticality = "low" }),
		of(func(v *azward.Verdict) { v.Priority.Distance, v.Finding.KEV = 3, true }),
		of(func(v *azward.Verdict) { v.Result, v.Finding.KEV = azward.Conditional, true }),
		of(func(v *azward.Verdict) { v.Result, v.Finding.KEV = azward.Undecided, true }),
		of(func(v *azward.Verdict) { v.Result, v.Finding.KEV = azward.Dormant, true }),
		of(func(v *azward.Verdict) { v.Result, v.Finding.KEV = azward.NotExploitable, true }),
	}
	for i, a := range list {
		for j, b := range list {
			if got, want := verdict.Compare(a, b), cmpInt(i, j); got != want {
				t.Errorf("%d with %d gives %d (%s, %s)", i, j, got, a.Order(), b.Order())
			}
		}
	}
}

func cmpInt(a, b int) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	}
	return 0
}

// The documents that are kept are those that are handed out, and bodies keep
// their bytes, whatever is in them.
func TestDocument(t *testing.T) {
	t.Parallel()
	d := verdict.Decider{Estate: world{address: "Public", state: "Running", tag: "5.0.0", note: `a "conditions":[] <b>&\u2028`}.estate(t), At: decidedAt}
	s := subject(func(s *verdict.Subject) { s.Finding.Summary = `"conditions":[] & <script>` })
	join := func(pieces []verdict.Piece) (raw []byte) {
		for _, p := range pieces {
			raw = append(raw, p.Text...)
		}
		return raw
	}
	for range 2 { // the second time from what the first kept
		doc, err := d.Document(s)
		if err != nil {
			t.Fatal(err)
		}
		var back azward.Verdict
		if err := json.Unmarshal(join(doc.Own), &back); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(azward.JSONValue(doc.Verdict)), string(azward.JSONValue(back))); diff != "" {
			t.Errorf("the verdict (-decided +kept):\n%s", diff)
		}
		p, err := d.Proof(s)
		if err != nil {
			t.Fatal(err)
		}
		want, err := p.Marshal()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), string(join(doc.Proof))); diff != "" {
			t.Errorf("the proof (-marshalled +kept):\n%s", diff)
		}
		checkProof(t, &d, s)
		d.Forget(s.Workload)
	}
}

// rematch finds what the record says, as advisory.Rematch does from ranges.
func rematch(raw json.RawMessage, pkg azward.Package) ([]azward.Finding, error) {
	if string(raw) != record || pkg.Version != xz.Version {
		return nil, fmt.Errorf("another record or version")
	}
	f := subject(nil).Finding
	no, unknown := f, f
	no.Affected, unknown.Affected = azward.No, azward.Unknown
	return []azward.Finding{f, no, unknown}, nil
}

func checkProof(t *testing.T, d *verdict.Decider, s verdict.Subject) {
	t.Helper()
	p, err := d.Proof(s)
	if err != nil {
		t.Fatal(err)
	}
	raw, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	replay, err := verdict.Verify(raw, rematch)
	if err != nil {
		t.Fatalf("verify: %v", err)
	}
	if diff := cmp.Diff(azward.JSONValue(p.Verdict), azward.JSONValue(replay.Verdict)); diff != "" {
		t.Errorf("replayed (-saved +replayed):\n%s", diff)
	}
}

// Whatever byte of a proof is changed, it is refused, or it means the same.
func TestVerifyRefusesEditedProofs(t *testing.T) {
	t.Parallel()
	d := verdict.Decider{Estate: world{address: "Public", state: "Running", tag: "5.0.0"}.estate(t), At: decidedAt}
	p, err := d.Proof(subject(nil))
	if err != nil {
		t.Fatal(err)
	}
	raw, err := p.Marshal()
	if err != nil {
		t.Fatal(err)
	}
	for i := range len(raw) - 1 {
		edited := bytes.Clone(raw)
		edited[i] ^= 1
		if replay, err := verdict.Verify(edited, rematch); err == nil {
			if diff := cmp.Diff(azward.JSONValue(p.Verdict), azward.JSONValue(replay.Verdict)); diff != "" {
				t.Fatalf("byte %d changed, and another verdict verifies:\n%s", i, diff)
			}
		}
	}
}

// A forger who writes the checksum anew is still found out: by the cited
// documents, by the record, or by deciding again.
func TestVerifyRefusesForgeries(t *testing.T) {
	t.Parallel()
	d := verdict.Decider{Estate: world{address: "Public", state: "Running", tag: "5.0.0"}.estate(t), At: decidedAt}
	for name, forge := range map[string]func(*verdict.Proof){
		"answer": func(p *verdict.Proof) { p.Verdict.Exploitable = azward.No },
		"value":  func(p *verdict.Proof) { p.Verdict.Conditions[2].Evidence[0].Value = json.RawMessage(`"Private"`) },
		"document": func(p *verdict.Proof) {
			p.Estate[0] = bytes.ReplaceAll(p.Estate[0], []byte("Public"), []byte("Privat"))
		},
		"document_gone":  func(p *verdict.Proof) { p.Estate = p.Estate[1:] },
		"record":         func(p *verdict.Proof) { p.Subject.Record = json.RawMessage(`{"id":"X"}`) },
		"package":        func(p *verdict.Proof) { p.Subject.Package.Version = "9" },
		"other_workload": func(p *verdict.Proof) { p.Subject.Workload += "x" },
	} {
		p, err := d.Proof(subject(nil))
		if err != nil {
			t.Fatal(err)
		}
		forge(&p)
		raw, err := verdict.Resum(p)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := verdict.Verify(raw, rematch); err == nil || azward.KindOf(err) != azward.KindBadInput {
			t.Errorf("%s: %v; want a refusal", name, err)
		}
	}
}

func FuzzParseProof(f *testing.F) {
	f.Add([]byte(`{"format":"azward-proof/1"}`))
	f.Add([]byte(`{"format":"azward-proof/2","sha256":""}`))
	f.Add([]byte(`[]`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		p, err := verdict.ParseProof(raw)
		if err == nil && p.Format != verdict.ProofFormat {
			t.Errorf("format %q was read", p.Format)
		}
		if _, err := verdict.Verify(raw, rematch); err == nil {
			t.Error("a document that nobody wrote verifies")
		}
	})
}

func BenchmarkDecide(b *testing.B) {
	const findings = 300
	b.Run(fmt.Sprintf("workloads=1/findings=%d", findings), func(b *testing.B) {
		e := world{address: "Public", state: "Running", tag: "5.0.0"}.estate(b)
		for b.Loop() {
			d := verdict.Decider{Estate: e, At: decidedAt}
			for range findings {
				d.Decide(subject(nil))
			}
		}
		b.ReportMetric(findings*float64(b.N)/b.Elapsed().Seconds(), "verdicts/s")
	})
}
