package foreign_test

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/foreign"
)

var update = flag.Bool("update", false, "write the golden files")

// TestReports reads a report of each kind, made after the scanners' documented
// shapes, and compares what was read with a page that a person can check.
func TestReports(t *testing.T) {
	t.Parallel()
	reports, err := filepath.Glob("testdata/*.json")
	if err != nil || len(reports) == 0 {
		t.Fatalf("%d reports, %v", len(reports), err)
	}
	for _, file := range reports {
		t.Run(filepath.Base(file), func(t *testing.T) {
			t.Parallel()
			got := page(t, file)
			golden := strings.TrimSuffix(file, ".json") + ".golden"
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
		})
	}
}

// page is what is read of a report, a paragraph for each finding.
func page(t *testing.T, file string) string {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	r, err := foreign.Open(bytes.NewReader(raw), filepath.Base(file), foreign.Options{})
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	fmt.Fprintf(&b, "%s by %s at %s\n", r.Format, r.Scanner, r.At.Format("2006-01-02T15:04:05Z"))
	for f, err := range r.Findings() {
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(&b, "\n%s\n  digests %v layers %v image %s\n", f.Target, f.Target.Digests, f.Target.Layers, f.Target.ImageID)
		if f.Unusable != "" {
			fmt.Fprintf(&b, "  unusable: %s\n", f.Unusable)
			continue
		}
		c := f.Claim
		fmt.Fprintf(&b, "  %s %v %s %.1f %s\n  %s\n  as %s %s in %q source %q\n  affected %s, fixed in %v, %s\n  %s\n  %s\n", c.ID, c.Aliases, c.Severity, c.CVSS, c.Vector,
			c.PURL, f.Package.Name, f.Package.Version, f.Package.Ecosystem, f.Package.Source, c.Affected, c.FixedIn, c.FixState, c.Record, c.Range)
		again(t, f)
	}
	return b.String()
}

// again reads a finding from its record, as the replay of a proof does.
func again(t *testing.T, f foreign.Finding) {
	t.Helper()
	if !foreign.Is(f.Record) {
		t.Fatalf("the record is not told: %s", f.Record)
	}
	held := azward.Package{PURL: "pkg:npm/held@1", Layer: "sha256:x"}
	findings, err := foreign.Rematch(f.Record, held)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]azward.Finding{f.Of(held)}, findings); diff != "" {
		t.Errorf("read again (-want +got):\n%s", diff)
	}
}
