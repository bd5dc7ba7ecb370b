package report_test

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/azward/azward"
	"github.com/azward/azward/report"
)

const (
	cartDigest = azward.Digest("sha256:5555555555555555555555555555555555555555555555555555555555555555")
	cartLayer  = azward.Digest("sha256:2222222222222222222222222222222222222222222222222222222222222222")
)

// found are findings of every level, some with hostile names.
func found() []report.Found {
	one := func(f azward.Finding, p azward.Package) report.Found {
		f.PURL, p.Layer = p.PURL, cartLayer
		return report.Found{Finding: f, Package: p, Image: "contoso.azurecr.io/shop/cart:1.4", Digest: cartDigest, Platform: "linux/amd64"}
	}
	log4j := one(azward.Finding{
		ID: "CVE-2021-44228", Aliases: []string{"GHSA-jfh8-c2jp-5v3q"}, Summary: "Remote code injection in Log4j", Severity: azward.SeverityCritical, CVSS: 10,
		FixedIn: []string{"2.15.0"}, KEV: true, EPSS: 0.97565, Record: "GHSA-jfh8-c2jp-5v3q", Range: "2.13.0 <= 2.14.1 < 2.15.0", Affected: azward.Yes, FixState: azward.Fixed,
	}, azward.Package{
		PURL: "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", Name: "org.apache.logging.log4j:log4j-core", Version: "2.14.1", Ecosystem: "Maven",
		Locations: []string{"/srv/a b.jar!/BOOT-INF/lib/log4j-core-2.14.1.jar"},
	})
	again := log4j
	again.Package.Locations = []string{"/srv/other.jar"}
	openssl := one(azward.Finding{
		ID: "CVE-2023-5678", Severity: azward.SeverityMedium, Record: "DEBIAN-CVE-2023-5678", Affected: azward.Yes, FixState: azward.NotFixed,
	}, azward.Package{
		PURL: "pkg:deb/debian/libssl3@3.0.11", Name: "libssl3", Version: "3.0.11", Ecosystem: "Debian:12", Source: "openssl", Locations: []string{"/var/lib/dpkg/status"},
	})
	openssl.Base = true
	denied := one(azward.Finding{ID: "CVE-2020-0001", Severity: azward.SeverityLow, CVSS: 2.1, Record: "R", Affected: azward.Yes}, azward.Package{Name: "tool", Version: "1"})
	denied.NotAffected, denied.Digest, denied.Image = "vulnerable_code_not_present", "", "localhost:5000/tool:1"
	hostile := one(azward.Finding{
		ID: "MAL-2024-1", Summary: "see [here](https://evil.example) | <img src=x>\x1b[31m", Severity: azward.SeverityUnknown, Record: "MAL-2024-1", Affected: azward.Yes, Malicious: true,
	}, azward.Package{PURL: "pkg:npm/%40evil/x@1", Name: "@evil/x", Version: "=HYPERLINK(\"https://evil.example\",\"a\")", Ecosystem: "npm", Locations: []string{"/srv/-1+1,\"x\"\r\n"}})
	unordered := one(azward.Finding{ID: "CVE-2022-1", Severity: azward.SeverityHigh, Record: "R2"}, azward.Package{Name: "odd", Version: "x.y", Ecosystem: "PyPI"})
	return []report.Found{log4j, again, openssl, denied, hostile, unordered}
}

// weak are a control that is not met, and a secret in a file of a hostile name.
func weak() []report.Weakness {
	return []report.Weakness{
		{
			Rule: "root-user", Profile: "azward-image 1", Title: "runs as a user of its own, not as root", Reason: "no user is set: root", Why: "Whoever breaks out is root.",
			Fix: "USER 10001", URL: "https://www.cisecurity.org/benchmark/docker", Severity: azward.SeverityMedium, Image: "contoso.azurecr.io/shop/cart:1.4", Digest: cartDigest, Platform: "linux/amd64",
		},
		{
			Rule: "github-token", Secret: true, Profile: "azward-image 1", Reason: "github-token ghp_…wxyz (40 bytes) in =a](b).env line 3", Severity: azward.SeverityHigh,
			Image: "contoso.azurecr.io/shop/cart:1.4", Digest: cartDigest, Platform: "linux/amd64", Place: "/srv/=a](b).env", Line: 3, Layer: cartLayer, Key: "0123456789ab",
		},
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

func TestImageSARIF(t *testing.T) {
	t.Parallel()
	gaps := []azward.Gap{{Scope: "contoso.azurecr.io/shop/cart@sha256:55", Kind: azward.GapFailed, Reads: "layer 3", Error: "it is cut"}, {Reads: "advisories for CRAN"}}
	var b bytes.Buffer
	if err := report.ImageSARIF(&b, slices.Values(found()), slices.Values(weak()), gaps, "1.2.3"); err != nil {
		t.Fatal(err)
	}
	golden(t, "image.sarif.json", b.Bytes())
}

// TestSARIFSchema: every log that azward writes is valid by OASIS' schema.
func TestSARIFSchema(t *testing.T) {
	t.Parallel()
	raw, err := os.ReadFile("testdata/schema/sarif-2.1.0.schema.json")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
	if err != nil {
		t.Fatal(err)
	}
	const at = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
	c := jsonschema.NewCompiler()
	c.AssertFormat()
	if err := c.AddResource(at, doc); err != nil {
		t.Fatal(err)
	}
	schema, err := c.Compile(at)
	if err != nil {
		t.Fatal(err)
	}
	many := make([]azward.Gap, 500)
	for name, write := range map[string]func(io.Writer) error{
		"image": func(w io.Writer) error {
			return report.ImageSARIF(w, slices.Values(found()), slices.Values(weak()), many, "1.2.3")
		},
		"image_without_any": func(w io.Writer) error {
			return report.ImageSARIF(w, slices.Values([]report.Found{}), slices.Values([]report.Weakness{}), nil, "")
		},
		"verdicts":         func(w io.Writer) error { return report.SARIF(w, verdicts(), "1.2.3") },
		"verdicts_without": func(w io.Writer) error { return report.SARIF(w, nil, "") },
		"checks": func(w io.Writer) error {
			return report.ChecksSARIF(w, "a.yaml", []report.Check{{Name: "a", Expect: "no", Answer: azward.Yes}}, "")
		},
		"hostile_reference": func(w io.Writer) error {
			return report.ImageSARIF(w, slices.Values(odd()), slices.Values(weak()), nil, "")
		},
		"checks_without_any": func(w io.Writer) error { return report.ChecksSARIF(w, "a b.yaml", nil, "1") },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(&b)
		if err == nil {
			err = schema.Validate(doc)
		}
		if err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// odd are references and places that no URI may hold as they are.
func odd() []report.Found {
	var list []report.Found
	for _, image := range []string{"", "tar:c:\\a b.tar", "::", "a%zz/b", "../../x", "https://x/y"} {
		list = append(list, report.Found{Finding: azward.Finding{ID: image}, Image: image, Package: azward.Package{Name: "%", Locations: []string{"/a?b#c"}}})
	}
	return list
}

// TestFingerprints: an image that is built again gives the same ones; another
// place or vulnerability gives another.
func TestFingerprints(t *testing.T) {
	t.Parallel()
	prints := func(list []report.Found) []string {
		var b bytes.Buffer
		if err := report.ImageSARIF(&b, slices.Values(list), slices.Values(weak()), nil, ""); err != nil {
			t.Fatal(err)
		}
		var doc struct {
			Runs []struct {
				Results []struct {
					PartialFingerprints map[string]string `json:"partialFingerprints"`
				} `json:"results"`
			} `json:"runs"`
		}
		if err := json.Unmarshal(b.Bytes(), &doc); err != nil {
			t.Fatal(err)
		}
		var list2 []string
		for _, r := range doc.Runs[0].Results {
			list2 = append(list2, r.PartialFingerprints["azwardFinding/v1"])
		}
		return list2
	}
	before := prints(found())
	rebuilt := found()
	for i := range rebuilt {
		rebuilt[i].Image = strings.Replace(rebuilt[i].Image, ":1.4", ":1.5", 1)
		rebuilt[i].Digest, rebuilt[i].Package.Layer = cartLayer, cartDigest
		rebuilt[i].Package.Version += ".1"
	}
	if diff := cmp.Diff(before, prints(rebuilt)); diff != "" {
		t.Errorf("built again (-before +after):\n%s", diff)
	}
	sorted := slices.Sorted(slices.Values(before))
	if len(slices.Compact(sorted)) != len(before) {
		t.Errorf("fingerprints repeat: %v", before)
	}
}

func TestCSV(t *testing.T) {
	t.Parallel()
	var b bytes.Buffer
	if err := report.FoundCSV(&b, slices.Values(found()), slices.Values(weak())); err != nil {
		t.Fatal(err)
	}
	golden(t, "found.csv", b.Bytes())
	harmless(t, b.Bytes(), len(found())+len(weak()))
	b.Reset()
	var packages []azward.Package
	for _, f := range found() {
		packages = append(packages, f.Package)
	}
	if err := report.PackagesCSV(&b, "contoso.azurecr.io/shop/cart:1.4", cartDigest, packages); err != nil {
		t.Fatal(err)
	}
	golden(t, "packages.csv", b.Bytes())
	harmless(t, b.Bytes(), len(packages))
}

// harmless checks that a spreadsheet has rows of one width and nothing to
// calculate.
func harmless(t *testing.T, raw []byte, want int) {
	t.Helper()
	if n := bytes.Count(raw, []byte("\n")); n != bytes.Count(raw, []byte("\r\n")) {
		t.Error("lines do not all end as RFC 4180 says")
	}
	rows, err := csv.NewReader(bytes.NewReader(raw)).ReadAll()
	if err != nil || len(rows) != want+1 {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for _, row := range rows {
		for _, cell := range row {
			if cell != "" && strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
				t.Errorf("a formula: %q", cell)
			}
		}
	}
}
