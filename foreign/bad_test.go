package foreign_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/foreign"
)

// TestRefuses: what is no report says so and what to do.
func TestRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ doc, cause, remedy string }{
		"empty":                {"", "it is empty", "stderr"},
		"text":                 {"CVE-2021-44228 critical", "no JSON", "--format json"},
		"xml":                  {"<bom/>", "XML", "JSON"},
		"compressed":           {"\x1f\x8b\x08\x00", "compressed", "unpack"},
		"utf16":                {"\xff\xfe{\x00", "UTF-16", "--output"},
		"no_report":            {`{"name": "x", "version": 1}`, "none of the reports", "--format"},
		"cut_short":            {`{"SchemaVersion": 2, "Results": [`, "unexpected EOF", "again"},
		"two_documents":        {`{"SchemaVersion": 2, "Results": []} {}`, "something follows", "again"},
		"trivy_schema_1":       {`{"SchemaVersion": 1, "Results": []}`, "schema version 1", "Trivy 0.20"},
		"sarif_2.0":            {`{"version": "2.0.0", "runs": []}`, `SARIF of version "2.0.0"`, "2.1.0"},
		"cyclonedx_1.3":        {`{"bomFormat": "CycloneDX", "specVersion": "1.3"}`, `CycloneDX "1.3"`, "1.6"},
		"components_alone":     {`{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": []}`, "no vulnerabilities", "image scan"},
		"posture":              {`{"clusterAPIServerInfo": {}, "summaryDetails": {"controls": {}}, "results": []}`, "controls are no vulnerabilities", "kubescape scan image"},
		"other_rows":           {`{"data": [{"type": "microsoft.compute/virtualmachines", "id": "/subscriptions/x"}]}`, "no sub-assessment", "az graph query"},
		"graph_as_table":       {`{"data": {"columns": []}}`, "an object stands where a list belongs", "again"},
		"deep":                 {`{"x": ` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `, "SchemaVersion": 2}`, "nested deeper", "again"},
		"component_in_circles": {`{"bomFormat": "CycloneDX", "specVersion": "1.6", "vulnerabilities": [], "components": ` + strings.Repeat(`[{"components": `, 20_000) + "[]" + strings.Repeat("}]", 20_000) + "}", "max depth", "again"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := foreign.Open(strings.NewReader(tc.doc), "x.json", foreign.Options{})
			var e *azward.Error
			if !errors.As(err, &e) || e.Kind != azward.KindBadInput || e.Subject != "x.json" || !strings.Contains(e.Cause, tc.cause) || !strings.Contains(e.Remedy, tc.remedy) {
				t.Errorf("%+v", err)
			}
		})
	}
	if _, err := foreign.Open(strings.NewReader("{}"), "x", foreign.Options{Format: "nessus"}); azward.KindOf(err) != azward.KindUsage {
		t.Errorf("a format that there is not gives %v", err)
	}
	for _, f := range foreign.Formats() {
		if _, err := foreign.Open(strings.NewReader(`{"name": "x"}`), "x", foreign.Options{Format: f}); azward.KindOf(err) != azward.KindBadInput {
			t.Errorf("%s: a document of another kind gives %v", f, err)
		}
	}
}

// TestEntries: an entry that cannot be used is told of, and ends nothing.
func TestEntries(t *testing.T) {
	t.Parallel()
	trivy := func(entry string) string {
		return `{"SchemaVersion": 2, "ArtifactName": "a:1", "Results": [{"Type": "debian", "Vulnerabilities": [` + entry + `,{"VulnerabilityID": "CVE-2024-0001", "PkgName": "z"}]}]}`
	}
	for name, tc := range map[string]struct{ entry, why string }{
		"wrong_kind":     {`{"VulnerabilityID": 7}`, "cannot be read"},
		"no_package":     {`{"VulnerabilityID": "CVE-2024-0002"}`, "names no package"},
		"no_name":        {`{"PkgName": "x"}`, "names no vulnerability"},
		"null":           {`null`, "names no vulnerability"},
		"too_large":      {`{"VulnerabilityID": "CVE-2024-0002", "PkgName": "x", "Title": "` + strings.Repeat("x", 70_000) + `"}`, "more than 65536 bytes"},
		"broken_purl":    {`{"VulnerabilityID": "CVE-2024-0002", "PkgName": "x", "PkgIdentifier": {"PURL": "pkg:%zz"}}`, ""},
		"escape_in_name": {`{"VulnerabilityID": "CVE-2024-0002", "PkgName": "x\u001b[31m\u202e"}`, ""},
	} {
		r, err := foreign.Open(strings.NewReader(trivy(tc.entry)), "x.json", foreign.Options{})
		if err != nil {
			t.Fatal(name, err)
		}
		var got []foreign.Finding
		for f, err := range r.Findings() {
			if err != nil {
				t.Fatal(name, err)
			}
			got = append(got, f)
		}
		if len(got) != 2 || got[1].Unusable != "" || !strings.Contains(got[0].Unusable, tc.why) || (tc.why == "") != (got[0].Unusable == "") {
			t.Errorf("%s: %+v", name, got)
		}
		if strings.ContainsAny(got[0].Package.Name+got[0].Claim.Range, "\x1b\u202e") {
			t.Errorf("%s: %q would move a cursor", name, got[0].Claim.Range)
		}
	}
}

// blanks is a report of any length without being one in memory.
type blanks struct {
	head, body, tail string
	times            int64
	at               int64
}

func (b *blanks) size() int64 {
	return int64(len(b.head)) + b.times*int64(len(b.body)) + int64(len(b.tail))
}

func (b *blanks) Read(p []byte) (int, error) {
	if b.at >= b.size() {
		return 0, io.EOF
	}
	part := b.tail
	switch middle := int64(len(b.head)); {
	case b.at < middle:
		part = b.head[b.at:]
	case b.at < middle+b.times*int64(len(b.body)):
		part = b.body[(b.at-middle)%int64(len(b.body)):]
	default:
		part = part[b.at-middle-b.times*int64(len(b.body)):]
	}
	n := copy(p, part)
	b.at += int64(n)
	return n, nil
}

func (b *blanks) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekStart {
		return 0, errors.New("from the start alone")
	}
	b.at = offset
	return offset, nil
}

// TestLargeValue: one value without end is an error before it fills memory.
func TestLargeValue(t *testing.T) {
	t.Parallel()
	_, err := foreign.Open(&blanks{head: `{"SchemaVersion": 2, "ArtifactName": "`, body: strings.Repeat("x", 1<<16), times: 1 << 12}, "x.json", foreign.Options{})
	if err == nil || !strings.Contains(err.Error(), "a value is larger than 16777216 bytes") {
		t.Errorf("%v", err)
	}
}

// BenchmarkFindings_200MB reads a report of 200 MB to its end: bytes per
// operation are what passes through, not what is held.
func BenchmarkFindings_200MB(b *testing.B) {
	entry, err := json.Marshal(map[string]any{
		"VulnerabilityID": "CVE-2024-0001", "PkgName": "com.contoso:lib", "PkgIdentifier": map[string]string{"PURL": "pkg:maven/com.contoso/lib@1.0.0"},
		"InstalledVersion": "1.0.0", "FixedVersion": "1.1.0", "Status": "fixed", "Severity": "HIGH", "Description": strings.Repeat("It parses requests. ", 80),
	})
	if err != nil {
		b.Fatal(err)
	}
	body := string(entry) + ",\n"
	const size = 200 << 20
	report := &blanks{head: `{"SchemaVersion":2,"ArtifactName":"a:1","Results":[{"Vulnerabilities":[`, body: body, times: int64(size / len(body)), tail: string(entry) + "]}]}"}
	b.SetBytes(report.size())
	for b.Loop() {
		r, err := foreign.Open(report, "x.json", foreign.Options{})
		if err != nil {
			b.Fatal(err)
		}
		n := int64(0)
		for f, err := range r.Findings() {
			if err != nil || f.Unusable != "" {
				b.Fatal(f.Unusable, err)
			}
			n++
		}
		if n != report.times+1 {
			b.Fatalf("%d findings of %d", n, report.times+1)
		}
	}
}

// FuzzReports: whatever stands in a report, reading it ends, every finding is
// read from its record again, and no text of it moves a cursor.
func FuzzReports(f *testing.F) {
	files, err := filepath.Glob("testdata/*.json")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		for n := range len(foreign.Formats()) {
			f.Add(raw, n)
		}
		f.Add(raw, -1)
	}
	f.Add([]byte(`[{"id": "/subscriptions/x/providers/y/subassessments/z", "additionalData": {"cve": "CVE-2024-0001"}, "displayName": "x"}]`), -1)
	f.Fuzz(func(t *testing.T, raw []byte, n int) {
		var o foreign.Options
		if formats := foreign.Formats(); n >= 0 && n < len(formats) {
			o.Format = formats[n]
		}
		r, err := foreign.Open(bytes.NewReader(raw), "x.json", o)
		if err != nil {
			return
		}
		for finding, err := range r.Findings() {
			if err != nil {
				return
			}
			if finding.Unusable != "" {
				continue
			}
			again(t, finding)
			if strings.ContainsAny(fmt.Sprint(finding.Claim, finding.Package.Name, finding.Target), "\x1b\u202e\n") {
				t.Errorf("%q would move a cursor", fmt.Sprint(finding.Claim))
			}
			if finding.Claim.ID == "" || finding.Package.PURL == "" || finding.Claim.FixedIn == nil || finding.Claim.Aliases == nil {
				t.Errorf("%+v", finding)
			}
		}
	})
}

// FuzzRematch: a record of a proof is hostile, too.
func FuzzRematch(f *testing.F) {
	f.Add([]byte(`{"format":"azward-foreign/1","kind":"trivy","scanner":"Trivy","report":"x","entry":{"VulnerabilityID":"CVE-2024-0001","PkgName":"x"}}`))
	f.Add([]byte(`{"format":"azward-foreign/1","kind":"sarif","entry":null}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		found, err := foreign.Rematch(raw, azward.Package{PURL: "pkg:npm/x@1"})
		if (err == nil) != (len(found) == 1) {
			t.Errorf("%v, %v", found, err)
		}
	})
}
