package advisory_test

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/advisory/feed"
	"github.com/azward/azward/internal/testdata"
)

// pairs is how many packages with a version are drawn of each ecosystem.
const pairs = 1000

// TestAgreesWithOSVScanner gives the same packages to osv-scanner, offline and
// with the same records, and wants a reason for each difference. It needs the
// program, 2.5 or later: AZWARD_OSV_SCANNER=/path/to/osv-scanner.
func TestAgreesWithOSVScanner(t *testing.T) {
	program := os.Getenv("AZWARD_OSV_SCANNER")
	if program == "" {
		t.Skip("set AZWARD_OSV_SCANNER to the osv-scanner program to compare with it")
	}
	folder := testdata.Shared(t, "data/osv")
	ix := shared(t)
	dir := t.TempDir()
	if err := os.Symlink(folder, filepath.Join(dir, "osv-scalibr")); err != nil {
		t.Fatal(err)
	}
	twice := namedTwice(t, folder)
	for _, eco := range []string{"Go", "npm", "PyPI", "Maven", "crates.io", "NuGet", "RubyGems", "Packagist"} {
		t.Run(eco, func(t *testing.T) {
			pkgs, records := draw(t, filepath.Join(folder, eco, "all.zip"), eco)
			theirs := askOSVScanner(t, program, dir, pkgs)
			reasons := map[string]int{}
			examples := map[string]string{}
			same, found := 0, 0
			for _, p := range pkgs {
				differs := false
				for _, d := range differences(t, ix, p, theirs[pair(p)], records, twice) {
					differs = true
					reasons[d.reason]++
					examples[d.reason] = d.text
				}
				if !differs {
					same++
				}
				found += len(theirs[pair(p)])
			}
			t.Logf("%d packages, %d records found by osv-scanner, %d packages the same", len(pkgs), found, same)
			for _, reason := range slices.Sorted(maps.Keys(reasons)) {
				t.Logf("%d times: %s: such as %s", reasons[reason], reason, examples[reason])
			}
			if n := reasons[""]; n > 0 {
				t.Errorf("%d differences without a reason", n)
			}
			if found < len(pkgs)/10 {
				t.Errorf("osv-scanner found only %d records: did it read the database?", found)
			}
		})
	}
}

func pair(p azward.Package) string { return p.Name + "@" + p.Version }

// source is one record as it stands in the archive.
type source struct {
	Affected []sourceAffected
}

type sourceAffected struct {
	Package  struct{ Ecosystem, Name string }
	Versions []string
	Ranges   []sourceRange
}

type sourceRange struct {
	Type   string
	Events []sourceEvent
}

type sourceEvent struct{ Introduced, Fixed string }

// fourth says whether a semantic range ends at a version of four numbers.
func (r sourceRange) fourth() bool {
	return r.Type == "SEMVER" && slices.ContainsFunc(r.Events, func(e sourceEvent) bool { return strings.Count(e.Fixed, ".") > 2 })
}

// touches says whether a stretch begins where another ends.
func (r sourceRange) touches() bool {
	return slices.ContainsFunc(r.Events, func(e sourceEvent) bool {
		return e.Fixed != "" && slices.ContainsFunc(r.Events, func(o sourceEvent) bool { return o.Introduced == e.Fixed })
	})
}

// draw gives packages that records name, with versions at the bounds of their
// ranges and next to them, and the records.
func draw(t *testing.T, archive, eco string) ([]azward.Package, map[string]source) {
	t.Helper()
	z, err := zip.OpenReader(archive)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := z.Close(); err != nil {
			t.Error(err)
		}
	}()
	seen := map[string]azward.Package{}
	records := map[string]source{}
	for _, f := range z.File {
		raw, err := readEntry(f)
		if err != nil {
			t.Fatal(err)
		}
		r, _, err := feed.Parse(raw)
		if err != nil {
			continue
		}
		var s source
		if err := json.Unmarshal(raw, &s); err != nil {
			t.Fatal(err)
		}
		records[r.ID] = s
		for _, a := range r.Affected {
			if a.Ecosystem != eco {
				continue
			}
			for _, v := range neighbours(a) {
				p := azward.Package{Ecosystem: eco, Name: a.Name, Version: v}
				seen[pair(p)] = p
			}
		}
	}
	keys := slices.Sorted(maps.Keys(seen))
	var out []azward.Package
	step := max(1, len(keys)/pairs)
	for i := 0; i < len(keys); i += step {
		out = append(out, seen[keys[i]])
	}
	return out, records
}

func readEntry(f *zip.File) ([]byte, error) {
	r, err := f.Open()
	if err != nil {
		return nil, err
	}
	raw, err := io.ReadAll(r)
	if closeErr := r.Close(); err == nil {
		err = closeErr
	}
	return raw, err
}

// neighbours keep to what the ecosystem calls a version: a fourth number, or a
// number after a qualifier, is none in most.
func neighbours(a advisory.Affected) []string {
	var out []string
	for _, r := range a.Ranges {
		for _, e := range r {
			if e.Version == "0" {
				continue
			}
			out = append(out, e.Version)
			if strings.Trim(e.Version, "0123456789.") == "" {
				out = append(out, e.Version+"-rc1")
				if strings.Count(e.Version, ".") < 2 {
					out = append(out, e.Version+".1", "0."+e.Version)
				} else {
					out = append(out, e.Version+"0", e.Version[:len(e.Version)-1]+"0")
				}
			}
		}
	}
	if n := len(a.Versions); n > 0 {
		out = append(out, a.Versions[0], a.Versions[n/2], a.Versions[n-1])
	}
	return out
}

// osvResults is osv-scanner's format of results, which it also reads as a list
// of packages.
type osvResults struct {
	Results []osvResult `json:"results"`
}

type osvResult struct {
	Packages []osvPackage `json:"packages"`
}

type osvPackage struct {
	Package struct {
		Name      string `json:"name"`
		Version   string `json:"version"`
		Ecosystem string `json:"ecosystem"`
	} `json:"package"`
	Vulnerabilities []struct {
		ID string `json:"id"`
	} `json:"vulnerabilities,omitempty"`
}

func askOSVScanner(t *testing.T, program, dir string, pkgs []azward.Package) map[string][]string {
	t.Helper()
	var in osvResults
	in.Results = []osvResult{{}}
	for _, p := range pkgs {
		var o osvPackage
		o.Package.Name, o.Package.Version, o.Package.Ecosystem = p.Name, p.Version, p.Ecosystem
		in.Results[0].Packages = append(in.Results[0].Packages, o)
	}
	raw, err := json.Marshal(in)
	if err != nil {
		t.Fatal(err)
	}
	list := filepath.Join(t.TempDir(), "osv-scanner.json")
	if err := os.WriteFile(list, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.CommandContext(t.Context(), program, "scan", "source", "--offline", "--all-packages", "--format", "json", "-L", "osv-scanner:"+list)
	cmd.Env = append(os.Environ(), "OSV_SCALIBR_LOCAL_DB_CACHE_DIRECTORY="+dir)
	var told bytes.Buffer
	cmd.Stderr = &told
	answer, err := cmd.Output() // it exits with 1 when it found something
	var out osvResults
	if jsonErr := json.Unmarshal(answer, &out); jsonErr != nil || strings.Contains(told.String(), "could not load") {
		t.Fatalf("osv-scanner: %v, %v\n%s", err, jsonErr, told.String())
	}
	theirs := map[string][]string{}
	for _, r := range out.Results {
		for _, p := range r.Packages {
			key := p.Package.Name + "@" + p.Package.Version
			for _, v := range p.Vulnerabilities {
				theirs[key] = append(theirs[key], v.ID)
			}
		}
	}
	return theirs
}

type difference struct{ reason, text string }

// differences compares what both say of one package, record by record.
func differences(t *testing.T, ix *advisory.Index, p azward.Package, theirs []string, records map[string]source, twice map[string]bool) []difference {
	t.Helper()
	found, err := ix.Match(p)
	if err != nil {
		t.Fatal(err)
	}
	var out []difference
	ours := map[string]azward.Answer{}
	for _, f := range found {
		for _, name := range append(f.Aliases, f.ID) {
			ours[name] = f.Affected
		}
		if f.Affected == azward.Yes && !slices.Contains(theirs, f.Record) {
			out = append(out, difference{onlyOurs(p, records[f.Record]), fmt.Sprintf("%s: %s says %s", pair(p), f.Record, f.Range)})
		}
	}
	for _, id := range theirs {
		switch answer, ok := ours[id]; {
		case ok && answer == azward.Yes:
		case ok:
			out = append(out, difference{"a version without a place in the order, or a range that ends before it starts: unknown here, a guess there", pair(p) + ": " + id})
		default:
			reason := ""
			switch {
			case slices.ContainsFunc(records[id].Affected, func(a sourceAffected) bool {
				return a.Package.Name == p.Name && slices.ContainsFunc(a.Ranges, sourceRange.fourth)
			}):
				reason = "osv-scanner takes a fourth number for a pre-release, so that the range ends before it starts"
			case twice[id]:
				reason = "two sources of the test data use one ID for different records: an index keeps one"
			}
			out = append(out, difference{reason, pair(p) + ": " + id})
		}
	}
	return out
}

// onlyOurs gives the reason why osv-scanner does not find what azward does.
func onlyOurs(p azward.Package, r source) string {
	exact := false
	for _, a := range r.Affected {
		if a.Package.Name != p.Name {
			continue
		}
		exact = true
		if len(a.Ranges) > 1 && slices.ContainsFunc(a.Ranges, func(g sourceRange) bool { return g.Type == "GIT" }) {
			return "osv-scanner reads no range after one of commits"
		}
		if slices.ContainsFunc(a.Ranges, sourceRange.touches) {
			return "osv-scanner orders a fix and a start at the same version by chance"
		}
	}
	if !exact || p.Ecosystem == "PyPI" && strings.ContainsAny(p.Name, "._") {
		return "osv-scanner compares names letter by letter"
	}
	return ""
}

// namedTwice gives the IDs that more than one archive has.
func namedTwice(t *testing.T, folder string) map[string]bool {
	t.Helper()
	archives, err := filepath.Glob(filepath.Join(folder, "*", "all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	count := map[string]int{}
	for _, archive := range archives {
		z, err := zip.OpenReader(archive)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range z.File {
			count[strings.TrimSuffix(f.Name, ".json")]++
		}
		if err := z.Close(); err != nil {
			t.Fatal(err)
		}
	}
	twice := map[string]bool{}
	for id, n := range count {
		twice[id] = n > 1
	}
	return twice
}
