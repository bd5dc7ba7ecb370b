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
	body := azward.JSONValue(map[string]any{"id": group, "name": "sftp", "type": "Microsoft.ContainerInstance/containerGroups", "properties": properties})
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
	vector := func(v string) func(*verdict.Subject) {
		return func(s *verdict.Subject) { s.Finding.Vector = "CVSS:3.1/AV:" + v + "/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H" }
	}
	for _, tc := range []struct {
		name       string
		world      world
		change     func(*verdict.Subject)
		want       azward.Answer
		confidence azward.Confidence
		says       string
	}{
		{"reached_running_affected", open, nil, azward.Yes, azward.ConfidenceMedium, "exploitable: reached from any address on tcp 22"},
		{"no_vector_counts_as_network", open, func(s *verdict.Subject) { s.Finding.Vector = "" }, azward.Yes, azward.ConfidenceMedium, "exploitable"},
		{"local_vector_where_reached", open, vector("L"), azward.Unknown, azward.ConfidenceNone, "local access"},
		{"adjacent_vector_where_reached", open, vector("A"), azward.Unknown, azward.ConfidenceNone, "adjacent access"},
		{"local_vector_where_nothing_leads", world{state: "Running", tag: "5.0.0"}, vector("L"), azward.No, azward.ConfidenceHigh, "not exploitable"},
		{"no_address", world{state: "Running", tag: "5.0.0"}, nil, azward.No, azward.ConfidenceHigh, "not exploitable: blocked: the group has no address"},
		{"stopped", world{address: "Public", state: "Stopped", tag: "5.0.0"}, nil, azward.No, azward.ConfidenceHigh, "does not run"},
		{"another_tag_was_resolved", world{address: "Public", state: "Running", tag: "4.0.0"}, nil, azward.Unknown, azward.ConfidenceNone, "which digest"},
		{"version_without_order", open, func(s *verdict.Subject) { s.Finding.Affected = azward.Unknown }, azward.Unknown, azward.ConfidenceNone, "could not be decided"},
		{"not_affected", open, func(s *verdict.Subject) { s.Finding.Affected = azward.No }, azward.No, azward.ConfidenceHigh, "is not affected"},
		{"workload_not_in_the_estate", open, func(s *verdict.Subject) { s.Workload += "x" }, azward.Unknown, azward.ConfidenceNone, "not in the estate"},
		{"no_such_container", open, func(s *verdict.Subject) { s.Container = "web" }, azward.No, azward.ConfidenceHigh, "no container web"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := verdict.Decider{Estate: tc.world.estate(t), At: decidedAt}
			v := d.Decide(subject(tc.change))
			if v.Exploitable != tc.want || v.Confidence != tc.confidence || !strings.Contains(v.Summary, tc.says) {
				t.Errorf("%s with confidence %s: %s; want %s with %s, saying %q", v.Exploitable, v.Confidence, v.Summary, tc.want, tc.confidence, tc.says)
			}
			if v.Exploitable == azward.Unknown && len(v.Gaps) == 0 {
				t.Error("an unknown verdict names nothing that is missing")
			}
			for _, c := range v.Conditions {
				if c.Answer != azward.Unknown && len(c.Evidence) == 0 {
					t.Errorf("condition %s is %s without evidence", c.ID, c.Answer)
				}
			}
			if diff := cmp.Diff(azward.JSONValue(v), azward.JSONValue(d.Decide(subject(tc.change)))); diff != "" {
				t.Errorf("deciding twice (-first +second):\n%s", diff)
			}
			checkProof(t, &d, subject(tc.change))
		})
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
