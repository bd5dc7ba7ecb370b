package advisory_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/advisory/feed"
)

// One vulnerability under three names is one finding, which names each record.
func TestAliasesAreOneFinding(t *testing.T) {
	t.Parallel()
	ix := shared(t)
	for _, tc := range []struct {
		name      string
		pkg       azward.Package
		id        string
		aliases   []string
		record    string
		fixedIn   []string
		alsoFound []string
	}{
		{
			"python_two_databases",
			azward.Package{Ecosystem: "PyPI", Name: "avro", Version: "1.11.2"},
			"CVE-2023-39410",
			[]string{"GHSA-rhrv-645h-fjfh", "PYSEC-2023-188"},
			"GHSA-rhrv-645h-fjfh",
			[]string{"1.11.3"},
			nil,
		},
		{
			"notice_of_two_is_two",
			azward.Package{Ecosystem: "Debian:10", Name: "xorg-server", Version: "2:1.20.4-1+deb10u4"},
			"CVE-2022-2319",
			[]string{"DLA-3068-1"},
			"DLA-3068-1",
			[]string{"2:1.20.4-1+deb10u5"},
			[]string{"CVE-2022-2320"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			found, err := ix.Match(tc.pkg)
			if err != nil {
				t.Fatal(err)
			}
			count := map[string]int{}
			for _, f := range found {
				for _, name := range append(f.Aliases, f.ID) {
					if strings.HasPrefix(name, "CVE-") || strings.HasPrefix(name, "GHSA-") {
						count[name]++
					}
				}
			}
			for name, n := range count {
				if n != 1 {
					t.Errorf("%s is in %d findings", name, n)
				}
			}
			for _, also := range tc.alsoFound {
				if count[also] != 1 {
					t.Errorf("%s is not found", also)
				}
			}
			f := find(t, ix, tc.pkg, tc.id)
			if f == nil {
				t.Fatal("not found")
			}
			type short struct {
				ID, Record       string
				Aliases, FixedIn []string
			}
			if diff := cmp.Diff(short{tc.id, tc.record, tc.aliases, tc.fixedIn}, short{f.ID, f.Record, f.Aliases, f.FixedIn}); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Every score is kept with the record that gave it; version 3 counts before 4,
// and of two of one version the higher.
func TestEveryScoreIsKept(t *testing.T) {
	t.Parallel()
	ix := shared(t)
	for _, tc := range []struct {
		name string
		pkg  azward.Package
		id   string
		want []azward.Score
	}{
		{
			"version_3_before_4",
			azward.Package{Ecosystem: "Maven", Name: "org.elasticsearch:elasticsearch", Version: "7.17.15"},
			"CVE-2023-49921",
			[]azward.Score{
				{Source: "GHSA-2hjr-vmf3-xwvp", Vector: "CVSS:3.1/AV:A/AC:L/PR:L/UI:R/S:U/C:H/I:N/A:N", Score: 5.2},
				{Source: "GHSA-2hjr-vmf3-xwvp", Vector: "CVSS:4.0/AV:A/AC:L/AT:P/PR:L/UI:P/VC:H/VI:N/VA:N/SC:N/SI:N/SA:N", Score: 4.1},
			},
		},
		{
			"two_of_version_3",
			azward.Package{Ecosystem: "Ubuntu:16.04", Name: "mongodb", Version: "1:2.6.10-0ubuntu1"},
			"CVE-2025-14345",
			[]azward.Score{
				{Source: "UBUNTU-CVE-2025-14345", Vector: "CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:N/I:L/A:L", Score: 5.4},
				{Source: "UBUNTU-CVE-2025-14345", Vector: "CVSS:3.1/AV:N/AC:H/PR:L/UI:N/S:U/C:L/I:L/A:N", Score: 4.2},
				{Source: "UBUNTU-CVE-2025-14345", Vector: "CVSS:4.0/AV:N/AC:H/AT:P/PR:L/UI:N/VC:L/VI:L/VA:N/SC:N/SI:N/SA:N", Score: 2.3},
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := find(t, ix, tc.pkg, tc.id)
			if f == nil {
				t.Fatal("not found")
			}
			if diff := cmp.Diff(tc.want, f.Scores); diff != "" {
				t.Error(diff)
			}
			if f.CVSS != tc.want[0].Score || f.Vector != tc.want[0].Vector || f.Severity != advisory.Rate(f.CVSS) {
				t.Errorf("%v %s %s", f.CVSS, f.Vector, f.Severity)
			}
		})
	}
}

// A notice without a score shows the one that others gave the CVE, and says
// that it is the CVE's; what CISA and FIRST say of it is there too.
func TestWhatOthersSayOfTheCVE(t *testing.T) {
	t.Parallel()
	const v2, v3 = "AV:N/AC:L/Au:N/C:P/I:P/A:P", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"
	ix, err := advisory.OpenBytes(encode(t, []advisory.Record{
		{ID: "GHSA-1", Aliases: []string{"CVE-2020-1"}, Vectors: []string{v2, v3}, Affected: []advisory.Affected{affects(t, "npm", "other", "introduced 0")}},
		{ID: "DSA-1-1", Upstream: []string{"CVE-2020-1"}, Affected: []advisory.Affected{affects(t, "Debian:12", "curl", "introduced 0 fixed 2.0-1")}},
	}, func(w *advisory.Writer) {
		w.AddKnownExploited("CVE-2020-1", advisory.KnownExploited{})
		w.AddEPSS("CVE-2020-1", 0.5)
		w.AddPercentile("CVE-2020-1", 0.97)
		w.AddSSVC("CVE-2020-1", advisory.SSVC{Exploitation: advisory.ExploitationActive, Automatable: azward.Yes, TechnicalImpact: advisory.ImpactTotal})
	}))
	if err != nil {
		t.Fatal(err)
	}
	f := find(t, ix, azward.Package{Ecosystem: "Debian:12", Name: "curl", Version: "1.0-1"}, "CVE-2020-1")
	want := &azward.Finding{
		ID: "CVE-2020-1", Aliases: []string{"DSA-1-1"}, Severity: azward.SeverityCritical, CVSS: 9.8, Vector: v3, FixedIn: []string{"2.0-1"},
		KEV: true, EPSS: 0.5, EPSSPercentile: 0.97, Record: "DSA-1-1", Range: "Debian:12 curl 1.0-1 < 2.0-1", Affected: azward.Yes, FixState: azward.Fixed,
		Scores: []azward.Score{{Source: "CVE-2020-1", Vector: v3, Score: 9.8}},
		SSVC:   azward.SSVC{Exploitation: "active", Automatable: "yes", TechnicalImpact: "total"},
	}
	if diff := cmp.Diff(want, f); diff != "" {
		t.Error(diff)
	}
}

func TestFixState(t *testing.T) {
	t.Parallel()
	affected := func(eco string, fix azward.FixState, ranges ...string) []advisory.Affected {
		a := affects(t, eco, "p", ranges...)
		a.Fix = fix
		return []advisory.Affected{a}
	}
	day := func(s string) time.Time {
		d, err := time.Parse(time.DateOnly, s)
		if err != nil {
			t.Fatal(err)
		}
		return d
	}
	ix, err := advisory.OpenBytes(encode(t, []advisory.Record{
		{ID: "CVE-2020-1", Affected: affected("Debian:12", "", "introduced 0 fixed 2")},
		{ID: "CVE-2020-2", Affected: affected("Debian:12", "", "introduced 0")},
		{ID: "CVE-2020-3", Affected: affected("Debian:12", azward.WillNotFix, "introduced 0")},
		{ID: "CVE-2020-4", Affected: affected("Debian:12", azward.NotAffected, "introduced 0")},
		{ID: "CVE-2020-5", Affected: affected("Debian:12", "", "introduced 0 last 3")},
		{ID: "CVE-2020-6", Affected: affected("Debian:12", azward.NotFixed, "introduced 0 last 3")},
		{ID: "CVE-2020-7", Affected: affected("Debian:12", "", "introduced 0 fixed 0")},
		{ID: "CVE-2020-8", Affected: affected("Debian:12", "", "introduced 0 limit 3")},
		{ID: "CVE-2020-2", Affected: affected("Debian:9", "", "introduced 0")},
		{ID: "CVE-2020-2", Affected: affected("Ubuntu:18.04:LTS", "", "introduced 0")},
		{ID: "CVE-2020-2", Affected: affected("Ubuntu:14.04:LTS", "", "introduced 0")},
		{ID: "CVE-2020-1", Affected: affected("Debian:9", "", "introduced 0 fixed 2")},
	}, func(w *advisory.Writer) {
		w.AddEndOfLife("debian", "9", advisory.Lifecycle{EndOfLife: day("2020-07-18"), Extended: day("2022-06-30")})
		w.AddEndOfLife("debian", "12", advisory.Lifecycle{EndOfLife: day("2026-12-10")})
		w.AddEndOfLife("ubuntu", "18.04", advisory.Lifecycle{EndOfLife: day("2023-05-31"), Extended: day("2030-04-01")})
		w.AddEndOfLife("ubuntu", "14.04", advisory.Lifecycle{Ended: azward.Yes})
	}))
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, eco, id string
		want          azward.FixState
		none          bool
	}{
		{name: "a_fix_is_named", eco: "Debian:12", id: "CVE-2020-1", want: azward.Fixed},
		{name: "range_without_end", eco: "Debian:12", id: "CVE-2020-2", want: azward.NotFixed},
		{name: "supplier_declines", eco: "Debian:12", id: "CVE-2020-3", want: azward.WillNotFix},
		{name: "supplier_denies", eco: "Debian:12", id: "CVE-2020-4", none: true},
		{name: "last_affected_tells_nothing", eco: "Debian:12", id: "CVE-2020-5", want: azward.FixUnknown},
		{name: "supplier_says_none_yet", eco: "Debian:12", id: "CVE-2020-6", want: azward.NotFixed},
		{name: "fixed_zero_was_never_affected", eco: "Debian:12", id: "CVE-2020-7", none: true},
		{name: "limit_tells_nothing", eco: "Debian:12", id: "CVE-2020-8", want: azward.FixUnknown},
		{name: "release_at_its_end", eco: "Debian:9", id: "CVE-2020-2", want: azward.WillNotFix},
		{name: "release_at_its_end_with_a_fix", eco: "Debian:9", id: "CVE-2020-1", want: azward.Fixed},
		{name: "release_with_extended_support", eco: "Ubuntu:18.04", id: "CVE-2020-2", want: azward.NotFixed},
		{name: "release_ended_without_a_day", eco: "Ubuntu:14.04", id: "CVE-2020-2", want: azward.WillNotFix},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := find(t, ix, azward.Package{Ecosystem: tc.eco, Name: "p", Version: "1"}, tc.id)
			if (f == nil) != tc.none {
				t.Fatalf("finding %+v", f)
			}
			if f != nil && f.FixState != tc.want {
				t.Errorf("%q, want %q", f.FixState, tc.want)
			}
		})
	}
}

// What cannot be judged is a gap or an unknown finding, never nothing.
func TestUnknownIsNeverClean(t *testing.T) {
	t.Parallel()
	ix := shared(t)
	for _, tc := range []struct {
		name string
		pkg  azward.Package
		want string // kind of the gap, or "unknown" for a finding
	}{
		{"ecosystem_not_in_the_index", azward.Package{Ecosystem: "Hex", Name: "phoenix", Version: "1.0.0"}, "notRead"},
		{"release_not_in_the_index", azward.Package{Ecosystem: "Debian:12", Name: "openssl", Version: "3.0.11-1"}, "notRead"},
		{"release_of_another_distribution", azward.Package{Ecosystem: "Alpine:v3.20", Name: "openssl", Version: "3.3.0-r0"}, "notRead"},
		{"azure_linux_major_not_in_the_index", azward.Package{Ecosystem: "CBL-Mariner:2.0", Name: "openssl", Version: "1.1.1k-1.cm2"}, "notRead"},
		{"red_hat_ordinary_stream_not_in_the_index", azward.Package{Ecosystem: "Red Hat:9", Name: "openssl", Version: "1:3.0.7-1.el9"}, "notRead"},
		{"distribution_without_release", azward.Package{Ecosystem: "Ubuntu", Name: "openssl", Version: "3.0.11-1"}, "unparsed"},
		{"no_ecosystem", azward.Package{Name: "openssl", Version: "3.0.11-1"}, "unparsed"},
		{"version_that_is_none", azward.Package{Ecosystem: "npm", Name: "lodash", Version: "latest"}, "unknown"},
		{"no_version", azward.Package{Ecosystem: "Go", Name: "golang.org/x/net"}, "unknown"},
		{"version_too_long", azward.Package{Ecosystem: "PyPI", Name: "django", Version: strings.Repeat("1.", 300) + "0"}, "unknown"},
		{"commit_for_a_version", azward.Package{Ecosystem: "PyPI", Name: "django", Version: "git+https://github.com/django/django@abc"}, "unknown"},
		{"range_instead_of_a_version", azward.Package{Ecosystem: "npm", Name: "lodash", Version: "^4.17.0"}, "unknown"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			r, err := ix.MatchAll("registry.example/app@sha256:1", []azward.Package{tc.pkg})
			if err != nil {
				t.Fatal(err)
			}
			if tc.want != "unknown" {
				if len(r.Gaps) != 1 || string(r.Gaps[0].Kind) != tc.want || len(r.Findings) > 0 {
					t.Errorf("gaps %+v, %d findings", r.Gaps, len(r.Findings))
				}
				return
			}
			if len(r.Findings) == 0 || len(r.Gaps) > 0 {
				t.Fatalf("%d findings, gaps %+v", len(r.Findings), r.Gaps)
			}
			for _, f := range r.Findings {
				if f.Affected != azward.Unknown || f.Range == "" || len(f.FixedIn) > 0 {
					t.Errorf("%+v", f)
				}
			}
		})
	}
}

// A range of commits says nothing about a version: a record with nothing else
// is left out and counted with its reason, and one beside versions is not read.
func TestCommitsAreNoVersions(t *testing.T) {
	t.Parallel()
	_, _, err := feed.Parse([]byte(`{"id":"OSV-1","affected":[{"package":{"ecosystem":"npm","name":"x"},"ranges":[{"type":"GIT","events":[{"introduced":"0"}]}]}]}`))
	if err == nil || !strings.Contains(err.Error(), "only commits") {
		t.Errorf("error %v", err)
	}
	r, unusable, err := feed.Parse([]byte(`{"id":"OSV-2","affected":[{"package":{"ecosystem":"npm","name":"x"},"versions":["1"],"ranges":[{"type":"GIT","events":[{"introduced":"0"}]}]},{"ranges":[{"type":"GIT","events":[{"introduced":"0"}]}]}]}`))
	if err != nil || unusable != 1 || len(r.Affected) != 1 || len(r.Affected[0].Ranges) != 0 {
		t.Errorf("%+v, %d unusable, error %v", r, unusable, err)
	}
}
