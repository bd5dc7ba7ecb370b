package advisory_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
)

func TestExcerptMatchesAgain(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	w := advisory.NewWriter(&file, time.Unix(1, 0))
	for _, r := range []advisory.Record{
		{
			ID: "GHSA-jfh8-c2jp-5v3q", Aliases: []string{"CVE-2021-44228"}, Vectors: []string{"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"},
			Affected: []advisory.Affected{{Ecosystem: "Maven", Name: "org.apache.logging.log4j:log4j-core", Ranges: [][]advisory.Event{
				{{Kind: advisory.Introduced, Version: "2.13.0"}, {Kind: advisory.Fixed, Version: "2.15.0"}},
				{{Kind: advisory.Introduced, Version: "2.0-beta9"}, {Kind: advisory.Fixed, Version: "2.3.1"}},
			}}},
		},
		{
			ID: "DSA-2896-1", Upstream: []string{"CVE-2014-0160"},
			Affected: []advisory.Affected{{Ecosystem: "Debian:7", Name: "openssl", Ranges: [][]advisory.Event{
				{{Kind: advisory.Introduced, Version: "0"}, {Kind: advisory.Fixed, Version: "1.0.1e-2+deb7u5"}},
			}}},
		},
		{ID: "PYSEC-1", Affected: []advisory.Affected{{Ecosystem: "PyPI", Name: "django", Versions: []string{"3.2.12", "3.2.11"}}}},
	} {
		if err := w.Add(&r); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	ix, err := advisory.OpenBytes(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name string
		pkg  azward.Package
	}{
		{"maven_range", azward.Package{Name: "org.apache.logging.log4j:log4j-core", Version: "2.14.1", Ecosystem: "Maven"}},
		{"debian_source_package", azward.Package{Name: "libssl1.0.0", Source: "openssl", Version: "1.0.1e-2+deb7u4", Ecosystem: "Debian:7"}},
		{"pypi_listed_version", azward.Package{Name: "Django", Version: "3.2.12", Ecosystem: "PyPI"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			found, err := ix.Match(tc.pkg)
			if err != nil || len(found) != 1 {
				t.Fatalf("%d findings, error %v; want one", len(found), err)
			}
			raw, err := ix.Excerpt(tc.pkg, found[0].Record)
			if err != nil || raw == nil {
				t.Fatalf("excerpt %s, error %v", raw, err)
			}
			again, err := advisory.Rematch(raw, tc.pkg)
			if err != nil || len(again) != 1 {
				t.Fatalf("%d findings again, error %v; want one", len(again), err)
			}
			if got, want := again[0].Range, found[0].Range; got != want {
				t.Errorf("range again %q, want %q", got, want)
			}
			patched := tc.pkg
			patched.Version = "99"
			if again, err := advisory.Rematch(raw, patched); err != nil || len(again) != 0 {
				t.Errorf("version 99: %d findings, error %v; want none", len(again), err)
			}
		})
	}
}
