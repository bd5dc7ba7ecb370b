package feed_test

import (
	"bytes"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/advisory/feed"
)

// A record about packages of two ecosystems is in both exports. Where only one
// export was read, finding nothing in the other proves nothing.
func TestPartsOfOtherEcosystemsAreNotCovered(t *testing.T) {
	t.Parallel()
	both := `{"id":"GHSA-b","modified":"2026-11-18T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"a"},"versions":["1"]},{"package":{"ecosystem":"Maven","name":"g:a"},"versions":["1"]}]}`
	debian := `{"id":"DSA-1","modified":"2026-11-01T00:00:00Z","affected":[{"package":{"ecosystem":"Debian:12","name":"a"},"versions":["1"]}]}`
	loose := `{"id":"GO-1","affected":[{"package":{"ecosystem":"Go","name":"a"},"versions":["1"]}]}`
	monday := time.Date(2026, 11, 16, 0, 0, 0, 0, time.UTC)
	src := feed.Sources{
		FS: fstest.MapFS{
			"osv/npm/all.zip": zipped(t, "b.json", both), "osv/Debian/all.zip": zipped(t, "d.json", debian), "osv/RubyGems/all.zip": zipped(t, "x.txt", ""),
			"osv/Debian/changed/DSA-2.json": {Data: []byte(`{"id":"DSA-2","affected":[{"package":{"ecosystem":"Packagist","name":"a"},"versions":["1"]}]}`)},
			"more/GO-1.json":                {Data: []byte(loose)},
			"epss/epss.csv":                 {Data: []byte("cve,epss,percentile\nCVE-2021-44228,0.9,0.9\n")},
			"kev/kev.json":                  {Data: []byte(`{"dateReleased":"2026-11-17T00:00:00Z","vulnerabilities":[{"cveID":"CVE-2021-44228"}]}`)},
		},
		At: at, Known: map[string]advisory.Source{"osv/Debian/all.zip": {Downloaded: monday}},
	}
	var b bytes.Buffer
	if _, err := feed.Write(t.Context(), src, &b); err != nil {
		t.Fatal(err)
	}
	ix, err := advisory.OpenBytes(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	for ecosystem, want := range map[string]bool{"npm": true, "Maven": false, "Debian:12": true, "Debian:13": false, "Go": true, "Packagist": false, "RubyGems": false} {
		if got := ix.Covers(ecosystem); got != want {
			t.Errorf("%s: covered %v, want %v", ecosystem, got, want)
		}
		m, err := ix.MatchAll("image", []azward.Package{{Name: "clean", Version: "1", Ecosystem: ecosystem}})
		if err != nil || (len(m.Gaps) == 0) != want {
			t.Errorf("%s: gaps %v, %v", ecosystem, m.Gaps, err)
		}
	}
	newest := time.Date(2026, 11, 18, 0, 0, 0, 0, time.UTC)
	want := []advisory.Part{
		{Name: "Debian", Entries: 1, AsOf: monday},
		{Name: "Go", Entries: 1, AsOf: newest},
		{Name: "Maven", Entries: 1, AsOf: newest, Partial: true},
		{Name: "Packagist", Entries: 1, AsOf: newest, Partial: true},
		{Name: "npm", Entries: 1, AsOf: newest},
		{Name: "EPSS", Entries: 1, Overlay: true},
		{Name: "KEV", Entries: 1, AsOf: monday.AddDate(0, 0, 1), Overlay: true},
		{Name: "SSVC", Overlay: true},
		{Name: "end of life", Overlay: true},
	}
	if diff := cmp.Diff(want, ix.Status().Parts()); diff != "" {
		t.Error(diff)
	}
}

func TestExportOf(t *testing.T) {
	t.Parallel()
	for name, want := range map[string]string{
		"osv/Debian/all.zip": "Debian", "Azure Linux/all.zip": "Azure Linux", "osv/npm/some.zip": "", "downloads/all.zip": "", "all.zip": "", "osv/all.zip": "",
	} {
		if got := advisory.ExportOf(name); got != want {
			t.Errorf("%s: %q, want %q", name, got, want)
		}
	}
}
