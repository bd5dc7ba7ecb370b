package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/scan"
)

// reportImages are the digests that the reports of package foreign name, and
// how to tell the image in the demo by a verdict of it.
var reportImages = []struct{ digest, repository, purl string }{
	{"8520d4f7ce2b1fe87f11e98bc78a3aed61f96b9524e3f3528cc23edda754b840", "/shop/storefront@", ""},
	{"2572e0d23eb872de80f06916031cdfea0105571dbb28af8b9645d77bccc67375", "/shop/cart@", "pkg:npm/lodash@4.17.11"},
	{"de284960bb71afa90a4e1983bf6fc07178f73a9fe76bb410d585ab6a75b0794f", "/legacy/portal@", ""},
	{"e0fe7f7d93e54fe0e95764bd995d5efa906bfbab88802c021c1b7b4f0513038c", "/portal/web@", ""},
	{"1fa467c651559ff0fc70ff6a7180e883fe5762463aef0c00e9c16efa11671e55", "/orders/api@", ""},
	{"f372f6f755314babfbb347ffc8cdb166c1c460be8cdfde1c0ee274ea1c495974", "/orders/worker@", ""},
}

func verdictsOf(t *testing.T, data string) []azward.Verdict {
	t.Helper()
	code, out, errs := runIn(t, data, "verdicts", "--output", "json")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var all []azward.Verdict
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// demoReports writes the reports as if the scanners had seen the demo's images.
func demoReports(t *testing.T, verdicts []azward.Verdict, names ...string) []string {
	t.Helper()
	var files []string
	for _, name := range names {
		raw, err := os.ReadFile(filepath.Join("..", "..", "foreign", "testdata", name+".json"))
		if err != nil {
			t.Fatal(err)
		}
		// The age of a report counts.
		text := written.ReplaceAllString(string(raw), time.Now().UTC().Add(-time.Hour).Format(`"`+time.RFC3339+`"`))
		for _, img := range reportImages {
			at := slices.IndexFunc(verdicts, func(v azward.Verdict) bool {
				return strings.Contains(v.Image, img.repository) && (img.purl == "" || v.Finding.PURL == img.purl)
			})
			if at < 0 {
				t.Fatalf("no verdict is about %s", img.repository)
			}
			_, digest, _ := strings.Cut(verdicts[at].Image, "@sha256:")
			text = strings.ReplaceAll(text, img.digest, digest)
		}
		file := filepath.Join(t.TempDir(), name+".json")
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		files = append(files, file)
	}
	return files
}

// written matches when a report was written.
var written = regexp.MustCompile(`"2026-11-2[01]T[^"]*"`)

var allReports = []string{"cyclonedx", "defender", "grype", "kubescape", "sarif", "trivy-k8s", "trivy"}

type imported struct {
	Reports  []scan.Brought   `json:"reports"`
	Verdicts []azward.Verdict `json:"verdicts"`
}

func importIn(t *testing.T, data string, files ...string) imported {
	t.Helper()
	code, out, errs := runIn(t, data, append([]string{"import", "--output", "json", "--quiet"}, files...)...)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var all imported
	if err := json.Unmarshal([]byte(out), &all); err != nil {
		t.Fatal(err)
	}
	return all
}

// page shows what was imported, without what differs from run to run.
func (all imported) page() string {
	var b strings.Builder
	for _, r := range all.Reports {
		fmt.Fprintf(&b, "%s by %s: %d findings, %d matched, %d denied, %d of both, %d alone, %d disagree\n",
			filepath.Base(r.Report), r.Scanner, r.Findings, r.Matched, r.Denied, r.Joined, r.Alone, r.Differ)
		for _, u := range r.Unmatched {
			target, _, _ := strings.Cut(u.Target, "@")
			fmt.Fprintf(&b, "  %d not matched: %s: %s\n", u.Count, target, u.Why)
		}
	}
	var lines []string
	for _, v := range all.Verdicts {
		purl, _, _ := strings.Cut(v.Finding.PURL, "?")
		line := fmt.Sprintf("\n%s %s in %s\n  %s, confidence %s\n", v.Vulnerability, purl, v.Workload.Name, v.Result, v.Confidence)
		for _, o := range v.Opinions {
			line += fmt.Sprintf("  %s (%s, by %s) says %s, fixed in %v\n", o.Scanner, filepath.Base(o.Report), o.By, o.Affected, o.FixedIn)
			if o.Differs != "" {
				line += "    differs: " + o.Differs + "\n"
			}
		}
		lines = append(lines, line)
	}
	slices.Sort(lines)
	return b.String() + strings.Join(lines, "")
}

// TestImport brings a report of every kind to the demo tenant. What azward
// found before becomes no more certain, and every proof verifies.
func TestImport(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t)
	before := verdictsOf(t, data)
	all := importIn(t, data, demoReports(t, before, allReports...)...)
	got := all.page()
	golden := filepath.Join("testdata", "import.txt")
	if *update {
		if err := os.WriteFile(golden, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	after := map[azward.VerdictID]azward.Verdict{}
	for _, v := range verdictsOf(t, data) {
		after[v.ID] = v
	}
	sure := map[azward.Confidence]int{azward.ConfidenceNone: 0, azward.ConfidenceLow: 1, azward.ConfidenceMedium: 2, azward.ConfidenceHigh: 3}
	for _, v := range before {
		then, ok := after[v.ID]
		if !ok || then.Exploitable != v.Exploitable || sure[then.Confidence] > sure[v.Confidence] {
			t.Errorf("%s was %s with confidence %s, and is %s with %s", v.ID, v.Exploitable, v.Confidence, then.Exploitable, then.Confidence)
		}
	}
	for id, v := range after {
		if len(v.Opinions) == 0 {
			continue
		}
		proof := filepath.Join(t.TempDir(), "proof.json")
		if code, _, errs := runIn(t, data, "explain", string(id), "--output", "proof", "-o", proof); code != 0 {
			t.Fatal(errs)
		}
		if code, _, errs := runIn(t, data, "verify", proof); code != 0 {
			t.Errorf("%s: %s", id, errs)
		}
	}
}

// TestScannersDisagree: where one says yes and one no, nothing follows, in
// whichever order they come.
func TestScannersDisagree(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t)
	before := verdictsOf(t, data)
	trivy := demoReports(t, before, "trivy")[0]
	raw, err := os.ReadFile(trivy)
	if err != nil {
		t.Fatal(err)
	}
	// The same report by a scanner that was told otherwise of one entry.
	other := filepath.Join(t.TempDir(), "other.json")
	text := strings.Replace(string(raw), `"Status": "affected"`, `"Status": "not_affected"`, 1)
	if err := os.WriteFile(other, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	find := func(all imported) azward.Verdict {
		for _, v := range all.Verdicts {
			if v.Vulnerability == "CVE-2099-10001" && v.Workload.Name == "shop/storefront" && v.Result != azward.NotExploitable && strings.Contains(string(v.Workload.ID), "aks-prod") {
				return v
			}
		}
		t.Fatal("the verdict is not there")
		return azward.Verdict{}
	}
	alone := find(importIn(t, data, trivy))
	both := find(importIn(t, data, trivy, other))
	turned := find(importIn(t, data, other, trivy))
	if alone.Exploitable != azward.Yes || both.Exploitable != azward.Unknown || turned.Exploitable != azward.Unknown {
		t.Errorf("alone %s, both %s, turned round %s", alone.Exploitable, both.Exploitable, turned.Exploitable)
	}
	if len(both.Opinions) != 2 || !strings.Contains(both.Opinions[1].Differs, "says") || len(both.Gaps) == 0 {
		t.Errorf("%+v, gaps %+v", both.Opinions, both.Gaps)
	}
}

// TestImportNothing: a report that is about nothing that runs is an error, and
// changes nothing; beside a useful one it is told of.
func TestImportNothing(t *testing.T) {
	t.Parallel()
	data, file := demoData(t)
	before := verdictsOf(t, data)
	foreign := filepath.Join(t.TempDir(), "foreign.json")
	if err := os.WriteFile(foreign, []byte(`{"SchemaVersion": 2, "ArtifactName": "nginx:1.27", "ArtifactType": "container_image", "Results": [{"Type": "debian",
		"Vulnerabilities": [{"VulnerabilityID": "CVE-2024-0001", "PkgName": "bash", "InstalledVersion": "5"}]}]}`), 0o600); err != nil {
		t.Fatal(err)
	}
	code, _, errs := runIn(t, data, "import", foreign)
	if code != 1 || !strings.Contains(errs, "no container of the last scan runs this image") || !strings.Contains(errs, "hint: scan the image by the digest") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if diff := cmp.Diff(before, verdictsOf(t, data)); diff != "" {
		t.Errorf("a report that matches nothing changed verdicts: %s", diff)
	}
	trivy := demoReports(t, before, "trivy")[0]
	importIn(t, data, trivy)
	if code, _, errs := runIn(t, data, "import", demoReports(t, before, "grype")[0]); code != 0 || !strings.Contains(errs, "verdicts are gone that reports of other scanners gave ("+trivy+")") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	code, out, errs := runIn(t, data, "import", trivy, foreign)
	if code != 1 || !strings.Contains(errs, foreign) || strings.Contains(errs, trivy) || !strings.Contains(out, "CVE-2099-10001") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	for _, tc := range []struct {
		args []string
		code int
		says string
	}{
		{[]string{"import", filepath.Join(t.TempDir(), "none.json")}, 2, "no such file"},
		{[]string{"import", t.TempDir()}, 2, "no regular file"},
		{[]string{"import", "--format", "nessus", trivy}, 2, "there is no such format"},
		{[]string{"import", "--format", "grype", trivy}, 1, "no Grype JSON"},
		{[]string{"import", "--connection", "other", trivy}, 1, "no finished scan"},
		{[]string{"import", "--attacker", "moon", trivy}, 2, "no such place"},
		{[]string{"import", "--fail-on", "exploitable", trivy}, 3, "verdicts meet it"},
		{[]string{"scan", "--estate", file, "--no-pull", "--findings", foreign}, 1, "no container of the last scan runs this image"},
	} {
		if code, _, errs := runIn(t, data, tc.args...); code != tc.code || !strings.Contains(errs, tc.says) {
			t.Errorf("%v: exit code %d: %s", tc.args, code, errs)
		}
	}
	if code, out, errs := runIn(t, data, "scan", "--estate", file, "--no-pull", "--findings", trivy, "--output", "json"); code != 0 || !strings.Contains(out, "CVE-2099-10001") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// TestImportByTag: a report that knows its image by the tag alone weighs less,
// and a notice of a distribution that is about several CVEs joins none of them.
func TestImportByTag(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t)
	trivy := func(entries string) string {
		file := filepath.Join(t.TempDir(), "tag.json")
		if err := os.WriteFile(file, []byte(`{"SchemaVersion": 2, "ArtifactName": "contosoacr.azurecr.io/legacy/portal:1.0.0", "ArtifactType": "container_image",
			"Results": [{"Type": "debian", "Vulnerabilities": [`+entries+`]}]}`), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	all := importIn(t, data, trivy(`
		{"VulnerabilityID": "CVE-2099-30001", "VendorIDs": ["DSA-2896-1"], "PkgName": "openssl", "InstalledVersion": "1.0.1e-2+deb7u4", "Severity": "HIGH"},
		{"VulnerabilityID": "CVE-2099-30002", "PkgName": "apache2", "InstalledVersion": "2.4.0-1", "Severity": "HIGH"},
		{"VulnerabilityID": "CVE-2099-30003", "PkgName": "linux-libc-dev", "InstalledVersion": "3.2", "Severity": "HIGH"}`))
	found := map[string]azward.Verdict{}
	for _, v := range all.Verdicts {
		if v.Workload.Name == "aci-legacy" {
			found[v.Vulnerability] = v
		}
	}
	if v := found["CVE-2099-30001"]; v.Exploitable != azward.Yes || v.Confidence != azward.ConfidenceLow || v.Opinions[0].By != "tag" {
		t.Errorf("%s with confidence %s, %+v", v.Exploitable, v.Confidence, v.Opinions)
	}
	if v := found["CVE-2099-30003"]; v.Exploitable != azward.No || !strings.Contains(v.Summary, "kernel") {
		t.Errorf("a kernel's package in an image: %s, %s", v.Exploitable, v.Summary)
	}
	want := []scan.Unmatched{{
		Why:    "by its tag alone the image may be another build: the one that runs holds the package in another version",
		Target: "contosoacr.azurecr.io/legacy/portal:1.0.0", Count: 1,
	}}
	if _, ok := found["CVE-2099-30002"]; ok || len(found) != 2 {
		t.Errorf("%d verdicts", len(found))
	}
	if diff := cmp.Diff(want, all.Reports[0].Unmatched); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
