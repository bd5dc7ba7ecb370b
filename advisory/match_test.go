package advisory_test

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
)

// at is the build time of the tests' indexes.
var at = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// events reads "introduced 1.0 fixed 1.2 …".
func events(tb testing.TB, s string) []advisory.Event {
	tb.Helper()
	kinds := map[string]advisory.EventKind{
		"introduced": advisory.Introduced, "fixed": advisory.Fixed, "last": advisory.LastAffected, "limit": advisory.Limit,
	}
	words := strings.Fields(s)
	var out []advisory.Event
	for i := 0; i+1 < len(words); i += 2 {
		kind, ok := kinds[words[i]]
		if !ok {
			tb.Fatalf("no event %q", words[i])
		}
		out = append(out, advisory.Event{Kind: kind, Version: words[i+1]})
	}
	return out
}

func affects(tb testing.TB, eco, name string, ranges ...string) advisory.Affected {
	tb.Helper()
	a := advisory.Affected{Ecosystem: eco, Name: name}
	for _, r := range ranges {
		a.Ranges = append(a.Ranges, events(tb, r))
	}
	return a
}

func encode(tb testing.TB, records []advisory.Record, more func(*advisory.Writer)) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := advisory.NewWriter(&b, at)
	for i := range records {
		if err := w.Add(&records[i]); err != nil {
			tb.Fatal(err)
		}
	}
	if more != nil {
		more(w)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// wellKnown holds published facts about vulnerabilities that everybody knows.
func wellKnown(tb testing.TB) *advisory.Index {
	tb.Helper()
	records := []advisory.Record{
		{ // https://github.com/advisories/GHSA-jfh8-c2jp-5v3q
			ID: "GHSA-jfh8-c2jp-5v3q", Aliases: []string{"CVE-2021-44228"}, Summary: "Remote code injection in Log4j",
			Vectors: []string{"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/E:H"},
			Affected: []advisory.Affected{
				affects(tb, "Maven", "org.apache.logging.log4j:log4j-core", "introduced 2.13.0 fixed 2.15.0", "introduced 2.4 fixed 2.12.2", "introduced 2.0-beta9 fixed 2.3.1"),
			},
		},
		{ // https://github.com/advisories/GHSA-36p3-wjmg-h94x
			ID: "GHSA-36p3-wjmg-h94x", Aliases: []string{"CVE-2022-22965"}, Rating: "CRITICAL",
			Affected: []advisory.Affected{affects(tb, "Maven", "org.springframework:spring-beans", "introduced 5.3.0 fixed 5.3.18", "introduced 0 fixed 5.2.20.RELEASE")},
		},
		{ // events out of order, and two stretches in one range
			ID: "GO-2021-0069", Aliases: []string{"CVE-2020-28362"},
			Affected: []advisory.Affected{affects(tb, "Go", "stdlib", "fixed 1.15.5 introduced 1.15.0-0 introduced 1.14.0-0 fixed 1.14.12")},
		},
		{ID: "GO-2020-0014", Aliases: []string{"CVE-2018-17846", "GHSA-vfw5-hrgq-h5wf"}, Affected: []advisory.Affected{affects(tb, "Go", "golang.org/x/net", "introduced 0 fixed 0.0.0-20190125091013-d26f9f9a57f3")}},
		{ID: "GHSA-vfw5-hrgq-h5wf", Vectors: []string{"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H"}, Affected: []advisory.Affected{affects(tb, "Go", "golang.org/x/net", "introduced 0 fixed 0.0.0-20190125091013-d26f9f9a57f3")}},
		{ID: "DSA-5139-1", Upstream: []string{"CVE-2022-1292"}, Affected: []advisory.Affected{affects(tb, "Debian:11", "openssl", "introduced 0 fixed 1.1.1n-0+deb11u2")}},
		{ID: "DSA-5343-1", Upstream: []string{"CVE-2022-2097", "DEBIAN-CVE-2022-2097", "CVE-2022-4304"}, Affected: []advisory.Affected{affects(tb, "Debian:11", "openssl", "introduced 0 fixed 1.1.1n-0+deb11u4")}},
		{ID: "AZL-1", Upstream: []string{"CVE-2024-3094"}, Rating: "Critical", Affected: []advisory.Affected{affects(tb, "Azure Linux:3", "xz", "introduced 5.6.0-1.azl3 last 5.6.1-1.azl3")}},
		{ID: "PYSEC-2022-213", Aliases: []string{"CVE-2022-34265"}, Affected: []advisory.Affected{{Ecosystem: "PyPI", Name: "django", Ranges: [][]advisory.Event{events(tb, "introduced 3.2 fixed 3.2.14")}, Versions: []string{"3.2.13"}}}},
		{ID: "GHSA-p64x-8rxx-wf6q", Aliases: []string{"CVE-2022-34265"}, Rating: "CRITICAL", Affected: []advisory.Affected{affects(tb, "PyPI", "Django", "introduced 3.2 fixed 3.2.14")}},
		{ID: "MAL-2024-10238", Malicious: true, Affected: []advisory.Affected{{Ecosystem: "PyPI", Name: "123bla", Versions: []string{"0.0.1"}}}},
		{ID: "UBUNTU-CVE-2024-3094", Upstream: []string{"CVE-2024-3094"}, Rating: "high", Affected: []advisory.Affected{affects(tb, "Ubuntu:24.04:LTS", "xz-utils", "introduced 0 fixed 5.6.1+really5.4.5-1")}},
		{ID: "NSWG-ECO-1", Aliases: []string{"CVE-2018-16487"}, Affected: []advisory.Affected{affects(tb, "npm", "lodash", "introduced 0 fixed 4.17.11")}},
		{ID: "GHSA-npm-unordered", Affected: []advisory.Affected{affects(tb, "npm", "odd", "introduced 1.0.0 fixed two introduced three fixed 4.0.0")}},
		{ID: "GHSA-every", Affected: []advisory.Affected{affects(tb, "npm", "evil", "introduced 0")}},
		{ID: "GHSA-backwards", Affected: []advisory.Affected{affects(tb, "npm", "backwards", "introduced 1.4.0 fixed 1.4.0-beta.2")}},
		{ID: "GHSA-spelled", Affected: []advisory.Affected{affects(tb, "RubyGems", "spelled", "introduced 1.9 fixed 2.0.8 introduced 2.1 fixed 2.1.0")}},
		{ID: "GHSA-point", Affected: []advisory.Affected{affects(tb, "npm", "pointed", "introduced 1.2.0 last 1.2.0", "introduced 2.0.0 fixed 2.0.0")}},
	}
	ix, err := advisory.OpenBytes(encode(tb, records, func(w *advisory.Writer) {
		w.AddKEV("CVE-2021-44228")
		w.AddEPSS("CVE-2021-44228", 0.97566)
	}))
	if err != nil {
		tb.Fatal(err)
	}
	return ix
}

func TestMatch(t *testing.T) {
	t.Parallel()
	ix := wellKnown(t)
	type short struct {
		ID, Record, Range string
		FixedIn           []string
		Affected          azward.Answer
	}
	yes := func(id, record, words string, fixed ...string) []short {
		return []short{{id, record, words, fixed, azward.Yes}}
	}
	for _, tc := range []struct {
		name string
		pkg  azward.Package
		want []short
	}{
		{
			"log4shell",
			azward.Package{Ecosystem: "Maven", Name: "org.apache.logging.log4j:log4j-core", Version: "2.14.1"},
			yes("CVE-2021-44228", "GHSA-jfh8-c2jp-5v3q", "Maven org.apache.logging.log4j:log4j-core 2.13.0 <= 2.14.1 < 2.15.0", "2.15.0"),
		},
		{
			"log4shell_older_branch",
			azward.Package{Ecosystem: "Maven", Name: "org.apache.logging.log4j:log4j-core", Version: "2.12.1"},
			yes("CVE-2021-44228", "GHSA-jfh8-c2jp-5v3q", "Maven org.apache.logging.log4j:log4j-core 2.4 <= 2.12.1 < 2.12.2", "2.12.2"),
		},
		{"log4shell_backport_between_branches", azward.Package{Ecosystem: "Maven", Name: "org.apache.logging.log4j:log4j-core", Version: "2.12.4"}, nil},
		{"log4shell_patched", azward.Package{Ecosystem: "Maven", Name: "org.apache.logging.log4j:log4j-core", Version: "2.17.1"}, nil},
		{
			"spring4shell",
			azward.Package{Ecosystem: "Maven", Name: "org.springframework:spring-beans", Version: "5.3.17"},
			yes("CVE-2022-22965", "GHSA-36p3-wjmg-h94x", "Maven org.springframework:spring-beans 5.3.0 <= 5.3.17 < 5.3.18", "5.3.18"),
		},
		{"spring4shell_patched", azward.Package{Ecosystem: "Maven", Name: "org.springframework:spring-beans", Version: "5.3.18"}, nil},
		{"spring4shell_patched_release_suffix", azward.Package{Ecosystem: "Maven", Name: "org.springframework:spring-beans", Version: "5.2.20.RELEASE"}, nil},
		{
			"maven_placeholder_is_unknown",
			azward.Package{Ecosystem: "Maven", Name: "org.springframework:spring-beans", Version: "${revision}"},
			[]short{{"CVE-2022-22965", "GHSA-36p3-wjmg-h94x", `Maven org.springframework:spring-beans version "${revision}" cannot be ordered as Maven does`, []string{}, azward.Unknown}},
		},
		{"go_events_out_of_order_first", azward.Package{Ecosystem: "Go", Name: "stdlib", Version: "1.14.11"}, yes("CVE-2020-28362", "GO-2021-0069", "Go stdlib 1.14.0-0 <= 1.14.11 < 1.14.12", "1.14.12")},
		{"go_events_out_of_order_between", azward.Package{Ecosystem: "Go", Name: "stdlib", Version: "1.14.12"}, nil},
		{"go_events_out_of_order_second", azward.Package{Ecosystem: "Go", Name: "stdlib", Version: "1.15.0"}, yes("CVE-2020-28362", "GO-2021-0069", "Go stdlib 1.15.0-0 <= 1.15.0 < 1.15.5", "1.15.5")},
		{
			"go_pseudo_version_sorts_below_zero",
			azward.Package{Ecosystem: "Go", Name: "golang.org/x/net", Version: "v0.0.0-20180218175443-cbe0f9307d01"},
			yes("CVE-2018-17846", "GHSA-vfw5-hrgq-h5wf", "Go golang.org/x/net v0.0.0-20180218175443-cbe0f9307d01 < 0.0.0-20190125091013-d26f9f9a57f3", "0.0.0-20190125091013-d26f9f9a57f3"),
		},
		{"go_fixed", azward.Package{Ecosystem: "Go", Name: "golang.org/x/net", Version: "v0.7.0"}, nil},
		{
			"go_devel_is_unknown",
			azward.Package{Ecosystem: "Go", Name: "golang.org/x/net", Version: "(devel)"},
			[]short{{"CVE-2018-17846", "GHSA-vfw5-hrgq-h5wf", `Go golang.org/x/net version "(devel)" cannot be ordered as Go does`, []string{}, azward.Unknown}},
		},
		{"debian_source_name_and_version", azward.Package{Ecosystem: "Debian:11", Name: "libssl1.1", Source: "openssl", SourceVersion: "1.1.1n-0+deb11u3", Version: "9"}, []short{
			{"CVE-2022-2097", "DSA-5343-1", "Debian:11 openssl 1.1.1n-0+deb11u3 < 1.1.1n-0+deb11u4", []string{"1.1.1n-0+deb11u4"}, azward.Yes},
			{"CVE-2022-4304", "DSA-5343-1", "Debian:11 openssl 1.1.1n-0+deb11u3 < 1.1.1n-0+deb11u4", []string{"1.1.1n-0+deb11u4"}, azward.Yes},
		}},
		{"debian_epoch_outranks", azward.Package{Ecosystem: "Debian:11", Name: "openssl", Version: "1:0.9"}, nil},
		{"debian_tilde_is_before", azward.Package{Ecosystem: "Debian:11", Name: "openssl", Version: "1.1.1n-0+deb11u4~bpo1"}, []short{
			{"CVE-2022-2097", "DSA-5343-1", "Debian:11 openssl 1.1.1n-0+deb11u4~bpo1 < 1.1.1n-0+deb11u4", []string{"1.1.1n-0+deb11u4"}, azward.Yes},
			{"CVE-2022-4304", "DSA-5343-1", "Debian:11 openssl 1.1.1n-0+deb11u4~bpo1 < 1.1.1n-0+deb11u4", []string{"1.1.1n-0+deb11u4"}, azward.Yes},
		}},
		{"debian_other_release", azward.Package{Ecosystem: "Debian:12", Name: "openssl", Version: "1.1.1n-0+deb11u1"}, nil},
		{"debian_point_release", azward.Package{Ecosystem: "Debian:11.5", Name: "openssl", Version: "1.1.1n-0+deb11u5"}, nil},
		{"azure_linux_minor_is_cut", azward.Package{Ecosystem: "Azure Linux:3.0", Name: "xz", Version: "5.6.1-1.azl3"}, yes("CVE-2024-3094", "AZL-1", "Azure Linux:3 xz 5.6.0-1.azl3 <= 5.6.1-1.azl3 <= 5.6.1-1.azl3 (last affected)")},
		{"azure_linux_after_last_affected", azward.Package{Ecosystem: "Azure Linux:3", Name: "xz", Version: "5.6.1-2.azl3"}, nil},
		{"azure_linux_epoch", azward.Package{Ecosystem: "Azure Linux:3", Name: "xz", Version: "1:5.6.0-1.azl3"}, nil},
		{"ubuntu_lts_suffix", azward.Package{Ecosystem: "Ubuntu:24.04", Name: "liblzma5", Source: "xz-utils", Version: "5.6.0-0.2"}, yes("CVE-2024-3094", "UBUNTU-CVE-2024-3094", "Ubuntu:24.04 xz-utils 5.6.0-0.2 < 5.6.1+really5.4.5-1", "5.6.1+really5.4.5-1")},
		{"pypi_records_and_spellings_merged", azward.Package{Ecosystem: "PyPI", Name: "Django", Version: "3.2.13"}, yes("CVE-2022-34265", "GHSA-p64x-8rxx-wf6q", "PyPI Django 3.2 <= 3.2.13 < 3.2.14", "3.2.14")},
		{"pypi_legacy_version_is_unknown", azward.Package{Ecosystem: "PyPI", Name: "django", Version: "3.2-custom"}, []short{{"CVE-2022-34265", "GHSA-p64x-8rxx-wf6q", `PyPI django version "3.2-custom" cannot be ordered as PyPI does`, []string{}, azward.Unknown}}},
		{"malicious_by_version_set", azward.Package{Ecosystem: "PyPI", Name: "123bla", Version: "0.0.1"}, yes("MAL-2024-10238", "MAL-2024-10238", "PyPI 123bla 0.0.1 is listed")},
		{"malicious_other_version", azward.Package{Ecosystem: "PyPI", Name: "123bla", Version: "0.0.2"}, nil},
		{"npm", azward.Package{Ecosystem: "npm", Name: "lodash", Version: "4.17.4"}, yes("CVE-2018-16487", "NSWG-ECO-1", "npm lodash 4.17.4 < 4.17.11", "4.17.11")},
		{"npm_prerelease_of_the_fix", azward.Package{Ecosystem: "npm", Name: "lodash", Version: "4.17.11-rc.1"}, yes("CVE-2018-16487", "NSWG-ECO-1", "npm lodash 4.17.11-rc.1 < 4.17.11", "4.17.11")},
		{"npm_fixed", azward.Package{Ecosystem: "npm", Name: "lodash", Version: "4.17.11"}, nil},
		{"owned_by_distribution", azward.Package{Ecosystem: "PyPI", Name: "django", Version: "3.2.13", OwnedBy: "python3-django"}, nil},
		{"range_without_order_is_unknown", azward.Package{Ecosystem: "npm", Name: "odd", Version: "2.0.0"}, []short{{"GHSA-npm-unordered", "GHSA-npm-unordered", `npm odd version "two" cannot be ordered as npm does`, []string{}, azward.Unknown}}},
		{"every_version_needs_no_order", azward.Package{Ecosystem: "npm", Name: "evil", Version: "nonsense"}, yes("GHSA-every", "GHSA-every", "npm evil nonsense (every version)")},
		{"introduced_and_last_affected_at_once", azward.Package{Ecosystem: "npm", Name: "pointed", Version: "1.2.0"}, yes("GHSA-point", "GHSA-point", "npm pointed 1.2.0 <= 1.2.0 <= 1.2.0 (last affected)")},
		{"introduced_and_fixed_at_once", azward.Package{Ecosystem: "npm", Name: "pointed", Version: "2.0.0"}, nil},
		{"introduced_and_fixed_at_once_in_two_spellings", azward.Package{Ecosystem: "RubyGems", Name: "spelled", Version: "2.7"}, nil},
		{"range_that_ends_before_it_starts", azward.Package{Ecosystem: "npm", Name: "backwards", Version: "2.0.0"}, []short{{"GHSA-backwards", "GHSA-backwards", "npm backwards the record's range contradicts itself: it starts at 1.4.0 and ends before, at 1.4.0-beta.2", []string{}, azward.Unknown}}},
		{"range_that_ends_before_it_starts_older_version", azward.Package{Ecosystem: "npm", Name: "backwards", Version: "1.3.9"}, nil},
		{"fourth_number_is_unknown_to_npm", azward.Package{Ecosystem: "npm", Name: "lodash", Version: "4.17.10.1"}, []short{{"CVE-2018-16487", "NSWG-ECO-1", `npm lodash version "4.17.10.1" cannot be ordered as npm does`, []string{}, azward.Unknown}}},
		{"unknown_ecosystem", azward.Package{Ecosystem: "Nix", Name: "lodash", Version: "1"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			found, err := ix.Match(tc.pkg)
			if err != nil {
				t.Fatal(err)
			}
			var got []short
			for _, f := range found {
				got = append(got, short{f.ID, f.Record, f.Range, f.FixedIn, f.Affected})
			}
			for i := range tc.want {
				if tc.want[i].FixedIn == nil {
					tc.want[i].FixedIn = []string{}
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestFindingWeight(t *testing.T) {
	t.Parallel()
	ix := wellKnown(t)
	found, err := ix.Match(azward.Package{Ecosystem: "Maven", Name: "org.apache.logging.log4j:log4j-core", Version: "2.14.1", PURL: "pkg:maven/x", Layer: "sha256:1"})
	if err != nil {
		t.Fatal(err)
	}
	want := []azward.Finding{{
		ID: "CVE-2021-44228", Aliases: []string{"GHSA-jfh8-c2jp-5v3q"}, PURL: "pkg:maven/x", Summary: "Remote code injection in Log4j",
		Severity: azward.SeverityCritical, CVSS: 10, Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/E:H", FixedIn: []string{"2.15.0"},
		KEV: true, EPSS: 0.97566, Layer: "sha256:1", Record: "GHSA-jfh8-c2jp-5v3q",
		Range: "Maven org.apache.logging.log4j:log4j-core 2.13.0 <= 2.14.1 < 2.15.0", Affected: azward.Yes,
		FixState: azward.Fixed,
		Scores:   []azward.Score{{Source: "GHSA-jfh8-c2jp-5v3q", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H/E:H", Score: 10}},
	}}
	if diff := cmp.Diff(want, found); diff != "" {
		t.Error(diff)
	}
	if ix.KEV("CVE-2022-22965") != azward.No || ix.KEV("CVE-2021-44228") != azward.Yes {
		t.Error("KEV answers wrong")
	}
	if mal, err := ix.Match(azward.Package{Ecosystem: "PyPI", Name: "123bla", Version: "0.0.1"}); err != nil || mal[0].Severity != azward.SeverityCritical {
		t.Errorf("malicious package: %+v, %v", mal, err)
	}
}

func TestMatchAllSaysWhatItCannotKnow(t *testing.T) {
	t.Parallel()
	ix := wellKnown(t)
	r, err := ix.MatchAll("registry.example/app@sha256:1", []azward.Package{
		{Ecosystem: "npm", Name: "lodash", Version: "4.17.21"},
		{Ecosystem: "Debian:12", Name: "openssl", Version: "3"},
		{Ecosystem: "Debian:12", Name: "zlib", Version: "1"},
		{Ecosystem: "", Name: "bash", Version: "5"},
		{Ecosystem: "Hex", Name: "phoenix", Version: "1"},
		{Ecosystem: "NuGet", Name: "x", Version: "1", OwnedBy: "mono"},
	})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, g := range r.Gaps {
		got = append(got, string(g.Kind)+": "+g.Reads+": "+g.Error)
	}
	want := []string{
		"notRead: advisories for Debian:12: the index has no advisories for Debian:12, so 2 packages were not matched",
		"unparsed: the distribution and its release: the distribution's release is not known, so 1 packages were not matched",
		"notRead: advisories for Hex: the index has no advisories for Hex, so 1 packages were not matched",
	}
	if diff := cmp.Diff(want, got); diff != "" || len(r.Findings) != 0 {
		t.Errorf("%s\nfindings %v", diff, r.Findings)
	}
}

// Every byte of the file matters: whichever is changed, the answer is an
// error or the same as before, never another.
func TestDamageIsAnErrorNeverClean(t *testing.T) {
	t.Parallel()
	good := encode(t, []advisory.Record{{ID: "GHSA-1", Aliases: []string{"CVE-2020-1"}, Affected: []advisory.Affected{affects(t, "npm", "lodash", "introduced 0 fixed 2.0.0")}}}, nil)
	pkg := azward.Package{Ecosystem: "npm", Name: "lodash", Version: "1.0.0"}
	ask := func(data []byte) ([]azward.Finding, error) {
		ix, err := advisory.OpenBytes(data)
		if err != nil {
			return nil, err
		}
		return ix.Match(pkg)
	}
	want, err := ask(good)
	if err != nil || len(want) != 1 {
		t.Fatalf("%v, %v", want, err)
	}
	for i := range good {
		bad := bytes.Clone(good)
		bad[i] ^= 0x41
		got, err := ask(bad)
		var e *azward.Error
		if err != nil && (!errors.As(err, &e) || !strings.Contains(e.Remedy, "azward advisory update")) {
			t.Fatalf("byte %d: error without remedy: %v", i, err)
		}
		if err == nil && cmp.Diff(want, got) != "" {
			t.Fatalf("byte %d changed: no error, and another answer: %v", i, got)
		}
		if got, err := ask(good[:i]); err == nil {
			t.Fatalf("cut to %d bytes: no error, answer %v", i, got)
		}
	}
}

func TestOpenFile(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	if _, err := advisory.Open(filepath.Join(dir, "none")); azward.KindOf(err) != azward.KindNotFound {
		t.Errorf("missing file: %v", err)
	}
	empty := filepath.Join(dir, "empty")
	if err := os.WriteFile(empty, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := advisory.Open(empty); azward.KindOf(err) != azward.KindBadInput {
		t.Errorf("empty file: %v", err)
	}
	path := filepath.Join(dir, "index")
	if err := os.WriteFile(path, encode(t, []advisory.Record{{ID: "GHSA-1", Modified: at.Add(-time.Hour), Affected: []advisory.Affected{affects(t, "Alpine:v3.18", "zlib", "introduced 0")}}}, nil), 0o600); err != nil {
		t.Fatal(err)
	}
	ix, err := advisory.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	want := advisory.Status{BuiltAt: at, Records: 1, Ecosystems: []advisory.EcosystemStatus{{Name: "Alpine:v3.18", Records: 1, Entries: 1, Newest: at.Add(-time.Hour)}}}
	if diff := cmp.Diff(want, ix.Status()); diff != "" {
		t.Error(diff)
	}
	if !ix.Covers("Alpine:v3.18.4") || ix.Covers("Alpine:v3.19") || ix.Covers("npm") {
		t.Error("coverage wrong")
	}
	if err := ix.Close(); err != nil {
		t.Error(err)
	}
}

// FuzzMatch: whatever the version, nothing breaks, and every finding names
// the record and the comparison that decided.
func FuzzMatch(f *testing.F) {
	ix := wellKnown(f)
	for _, v := range []string{"2.14.1", "1:2~3-4", "v0.0.0-20180218175443-cbe0f9307d01+incompatible", "1!2.0rc1.post3.dev4+l", "", "99999999999999999999999999"} {
		for eco, name := range map[string]string{"Maven": "org.apache.logging.log4j:log4j-core", "PyPI": "django", "Debian:11": "openssl", "Go": "stdlib"} {
			f.Add(eco, name, v)
		}
	}
	f.Fuzz(func(t *testing.T, eco, name, version string) {
		found, err := ix.Match(azward.Package{Ecosystem: eco, Name: name, Version: version})
		if err != nil {
			t.Fatal(err)
		}
		for _, x := range found {
			if x.Record == "" || x.Range == "" || x.Affected == azward.No {
				t.Fatalf("finding without proof: %+v", x)
			}
		}
	})
}

// FuzzOpen: no bytes break the reader.
func FuzzOpen(f *testing.F) {
	f.Add(encode(f, []advisory.Record{{ID: "GHSA-1", Affected: []advisory.Affected{affects(f, "npm", "lodash", "introduced 0 fixed 2.0.0")}}}, nil))
	f.Fuzz(func(t *testing.T, data []byte) {
		ix, err := advisory.OpenBytes(data)
		if err != nil {
			return
		}
		if _, err := ix.Match(azward.Package{Ecosystem: "npm", Name: "lodash", Version: "1.0.0"}); err != nil && azward.KindOf(err) != azward.KindBadInput {
			t.Fatal(err)
		}
	})
}
