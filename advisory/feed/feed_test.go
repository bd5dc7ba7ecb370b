package feed_test

import (
	"archive/zip"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime/metrics"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/advisory/feed"
	"github.com/azward/azward/internal/testdata"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var at = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

func zipped(tb testing.TB, entries ...string) *fstest.MapFile {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(entries); i += 2 {
		w, err := z.Create(entries[i])
		if err == nil {
			_, err = w.Write([]byte(entries[i+1]))
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return &fstest.MapFile{Data: b.Bytes()}
}

func gzipped(tb testing.TB, s string) *fstest.MapFile {
	tb.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		tb.Fatal(err)
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return &fstest.MapFile{Data: b.Bytes()}
}

const (
	lodash = `{"id":"GHSA-x","aliases":["CVE-2018-16487"],"modified":"2026-11-01T00:00:00Z","details":"first line\nsecond",
		"affected":[{"package":{"ecosystem":"npm","name":"lodash"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"4.17.11"}]}]},
		{"ranges":[{"type":"GIT","events":[{"introduced":"0"}]}]}]}`
	withdrawn = `{"id":"GHSA-w","withdrawn":"2024-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"lodash"},"versions":["4.17.4"]}]}`
	commits   = `{"id":"GHSA-c","affected":[{"package":{"ecosystem":"npm","name":"lodash"},"ranges":[{"type":"GIT","events":[{"introduced":"0"}]}]}]}`
	malware   = `{"id":"MAL-1","affected":[{"package":{"ecosystem":"npm","name":"lodahs"},"versions":["1.0.0"]}]}`
)

func TestNothingIsLeftOutSilently(t *testing.T) {
	t.Parallel()
	src := fstest.MapFS{
		"osv/npm/all.zip":    zipped(t, "a.json", lodash, "w.json", withdrawn, "c.json", commits, "broken.json", "{", "m.json", malware, "noid.json", "{}", "README", "hello"),
		"osv/Go/all.zip":     zipped(t, "a.json", lodash),
		"loose.json":         {Data: []byte(`{"id":"GO-1","affected":[{"package":{"ecosystem":"Go","name":"golang.org/x/net"},"versions":["0.1.0"]}]}`)},
		"kev/kev.json.gz":    gzipped(t, `{"catalogVersion":"2026.08.21","dateReleased":"2026-08-21T10:00:00Z","vulnerabilities":[{"cveID":"CVE-2018-16487"}]}`),
		"epss/scores.csv.gz": gzipped(t, "#model_version:v2025.03.14,score_date:2026-08-22T00:00:00+0000\ncve,epss,percentile\nCVE-2018-16487,0.01234,0.8\n"),
		"NOTES.txt":          {Data: []byte("x")},
	}
	var file bytes.Buffer
	var told []feed.Progress
	stats, err := feed.Write(t.Context(), feed.Sources{FS: src, At: at, Label: "test", Progress: func(p feed.Progress) { told = append(told, p) }}, &file)
	if err != nil {
		t.Fatal(err)
	}
	if stats.Took <= 0 || stats.Bytes != int64(file.Len()) || len(told) != 2 {
		t.Errorf("took %s, %d bytes of %d, told %v", stats.Took, stats.Bytes, file.Len(), told)
	}
	stats.Took, stats.Bytes, stats.Examples = 0, 0, nil
	want := feed.Stats{
		Records: 3, Duplicates: 0, Withdrawn: 1, Malicious: 1, Unusable: 1, KEV: 1, EPSS: 1, Ignored: []string{"NOTES.txt"},
		Skipped: map[string]int{"record not readable": 1, "record without id": 1, "record names no package version (only commits, or nothing)": 1},
	}
	want.Duplicates = 1
	if diff := cmp.Diff(want, stats); diff != "" {
		t.Error(diff)
	}
	ix, err := advisory.OpenBytes(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	found, err := ix.Match(azward.Package{Ecosystem: "npm", Name: "lodash", Version: "4.17.4"})
	if err != nil || len(found) != 1 || !found[0].KEV || found[0].EPSS != 0.01234 || found[0].Summary != "first line" {
		t.Errorf("%+v, %v", found, err)
	}
	s := ix.Status()
	if s.Label != "test" || s.EPSS.Date.Format(time.DateOnly) != "2026-08-22" || s.KEV.Date.Format(time.DateOnly) != "2026-08-21" {
		t.Errorf("status %+v", s)
	}
}

func TestSameInputSameBytes(t *testing.T) {
	t.Parallel()
	var entries []string
	for i := range 1000 {
		entries = append(entries, fmt.Sprintf("%d.json", i), fmt.Sprintf(`{"id":"GHSA-%d","aliases":["CVE-2020-%d"],"severity":[{"type":"CVSS_V3","score":"CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H"}],"affected":[{"package":{"ecosystem":"npm","name":"p%d"},"versions":["1"]}]}`, i, i, i%100))
	}
	src := fstest.MapFS{"npm/all.zip": zipped(t, entries...)}
	var first []byte
	for workers := range 4 {
		var b bytes.Buffer
		if _, err := feed.Write(t.Context(), feed.Sources{FS: src, At: at, Workers: workers + 1}, &b); err != nil {
			t.Fatal(err)
		}
		if first == nil {
			first = b.Bytes()
		}
		if !bytes.Equal(first, b.Bytes()) {
			t.Fatalf("%d workers give another file", workers+1)
		}
	}
}

func TestBuildReplacesWholeOrNotAtAll(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	path := filepath.Join(dir, "advisories.idx")
	good := fstest.MapFS{"npm/all.zip": zipped(t, "a.json", lodash)}
	if _, err := feed.Build(t.Context(), feed.Sources{FS: good, At: at}, path); err != nil {
		t.Fatal(err)
	}
	reader, err := advisory.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	for _, tc := range []struct {
		name string
		ctx  context.Context //nolint:containedctx // a table of contexts
		src  fstest.MapFS
		kind azward.Kind
	}{
		{"no_advisory", t.Context(), fstest.MapFS{"x.txt": {Data: []byte("x")}}, azward.KindUsage},
		{"zip_truncated", t.Context(), fstest.MapFS{"npm/all.zip": {Data: zipped(t, "a.json", lodash).Data[:50]}}, azward.KindBadInput},
		{"kev_is_html", t.Context(), fstest.MapFS{"npm/all.zip": zipped(t, "a.json", lodash), "kev/k.json": {Data: []byte("<html>")}}, azward.KindBadInput},
		{"kev_is_empty", t.Context(), fstest.MapFS{"npm/all.zip": zipped(t, "a.json", lodash), "kev/k.json": {Data: []byte("{}")}}, azward.KindBadInput},
		{"epss_is_not_gzip", t.Context(), fstest.MapFS{"npm/all.zip": zipped(t, "a.json", lodash), "epss/e.csv.gz": {Data: []byte("cve,epss")}}, azward.KindBadInput},
		{"interrupted", cancelled, good, azward.KindInterrupted},
	} {
		_, err := feed.Build(tc.ctx, feed.Sources{FS: tc.src, At: at}, path)
		var e *azward.Error
		if !errors.As(err, &e) || e.Kind != tc.kind || e.Remedy == "" || e.Cause == "" {
			t.Errorf("%s: %v (%s), want kind %s with cause and remedy", tc.name, err, azward.KindOf(err), tc.kind)
		}
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 1 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	// A reader keeps the file that it opened while another takes its place.
	if _, err := feed.Build(t.Context(), feed.Sources{FS: fstest.MapFS{"m.json": {Data: []byte(malware)}}, At: at}, path); err != nil {
		t.Fatal(err)
	}
	if found, err := reader.Match(azward.Package{Ecosystem: "npm", Name: "lodash", Version: "4.17.4"}); err != nil || len(found) != 1 {
		t.Errorf("reader of the old file: %v, %v", found, err)
	}
	if err := reader.Close(); err != nil {
		t.Error(err)
	}
	if _, err := feed.Build(t.Context(), feed.Sources{FS: good}, filepath.Join(dir, "none", "x.idx")); azward.KindOf(err) != azward.KindFailed {
		t.Errorf("folder missing: %v", err)
	}
	if _, err := feed.Build(t.Context(), feed.Sources{Dir: filepath.Join(dir, "none")}, path); azward.KindOf(err) != azward.KindUsage {
		t.Errorf("source missing: %v", err)
	}
}

// shared builds the index of the shared data once per call.
func shared(tb testing.TB) (*advisory.Index, feed.Stats) {
	tb.Helper()
	root := filepath.Dir(testdata.Shared(tb, "data/osv"))
	path := filepath.Join(tb.TempDir(), "shared.idx")
	stats, err := feed.Build(context.Background(), feed.Sources{Dir: root, At: at}, path)
	if err != nil {
		tb.Fatal(err)
	}
	ix, err := advisory.Open(path)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := ix.Close(); err != nil {
			tb.Error(err)
		}
	})
	return ix, stats
}

// Real records: what is vulnerable is found, and its patched twin is clean of
// the same vulnerability.
func TestSharedData(t *testing.T) {
	t.Parallel()
	ix, stats := shared(t)
	if stats.Records < 17000 || stats.KEV != 1674 || stats.EPSS != 1556 || stats.SSVC < 40000 || stats.Withdrawn < 40 {
		t.Errorf("%+v", stats)
	}
	for _, tc := range []struct {
		id            string
		pkg           azward.Package
		patched, eco  string
		kev           bool
		unknownToo    bool
		needsSeverity bool
	}{
		{id: "CVE-2018-16487", pkg: azward.Package{Name: "lodash", Version: "4.17.4"}, patched: "4.17.11", eco: "npm", needsSeverity: true},
		{id: "CVE-2022-34265", pkg: azward.Package{Name: "Django", Version: "3.2.13"}, patched: "3.2.14", eco: "PyPI"},
		{id: "CVE-2023-44487", pkg: azward.Package{Name: "golang.org/x/net", Version: "v0.5.0"}, patched: "v0.17.0", eco: "Go", kev: true, needsSeverity: true},
		{id: "CVE-2024-45337", pkg: azward.Package{Name: "golang.org/x/crypto", Version: "v0.30.0"}, patched: "v0.31.0", eco: "Go"},
		{id: "CVE-2022-1292", pkg: azward.Package{Name: "libssl1.1", Source: "openssl", Version: "1.1.1n-0+deb11u1"}, patched: "1.1.1n-0+deb11u2", eco: "Debian:11"},
		{id: "CVE-2024-47191", pkg: azward.Package{Name: "oath-toolkit", Version: "2.6.7-2.azl3"}, patched: "2.6.7-3.azl3", eco: "Azure Linux:3.0", needsSeverity: true},
	} {
		t.Run(tc.id, func(t *testing.T) {
			t.Parallel()
			tc.pkg.Ecosystem = tc.eco
			ask := func() *azward.Finding {
				found, err := ix.Match(tc.pkg)
				if err != nil {
					t.Fatal(err)
				}
				for _, f := range found {
					if f.ID == tc.id || strings.Contains(strings.Join(f.Aliases, " ")+" ", tc.id+" ") {
						return &f
					}
				}
				return nil
			}
			f := ask()
			switch {
			case f == nil:
				t.Fatal("not found")
			case f.Affected != azward.Yes || f.KEV != tc.kev || len(f.FixedIn) == 0:
				t.Errorf("%+v", f)
			case tc.needsSeverity && f.Severity.Rank() == 0:
				t.Errorf("no severity: %+v", f)
			}
			tc.pkg.Version = tc.patched
			if f := ask(); f != nil {
				t.Errorf("patched %s is still found: %+v", tc.patched, f)
			}
		})
	}
}

// FuzzParse: a record is kept or its refusal says why, and what is kept can
// be written and matched.
func FuzzParse(f *testing.F) {
	for _, s := range []string{lodash, withdrawn, commits, malware, "{}", "[]", `{"id":"A","affected":[{"package":{"ecosystem":"Debian:12","name":"x"},"ranges":[{"type":"ECOSYSTEM","events":[{"fixed":"2"},{"introduced":"1"},{"last_affected":"3"},{"limit":"*"}]}]}],"database_specific":[]}`} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		r, _, err := feed.Parse(data)
		if err != nil {
			if r != nil {
				t.Fatal("a record and an error")
			}
			return
		}
		if r.ID == "" || len(r.Affected) == 0 {
			t.Fatalf("kept without use: %+v", r)
		}
		var b bytes.Buffer
		w := advisory.NewWriter(&b, at)
		if err := errors.Join(w.Add(r), w.Close()); err != nil {
			t.Fatal(err)
		}
		ix, err := advisory.OpenBytes(b.Bytes())
		if err != nil {
			t.Fatal(err)
		}
		a := r.Affected[0]
		if _, err := ix.Match(azward.Package{Ecosystem: a.Ecosystem, Name: a.Name, Version: "1.0"}); err != nil {
			t.Fatal(err)
		}
	})
}

// peak is the largest heap that was seen while records were read.
type peak struct{ bytes uint64 }

func (p *peak) look(feed.Progress) {
	sample := []metrics.Sample{{Name: "/memory/classes/heap/objects:bytes"}}
	metrics.Read(sample)
	p.bytes = max(p.bytes, sample[0].Value.Uint64())
}

func benchmarkBuild(b *testing.B, size string, src feed.Sources) {
	index := filepath.Join(b.TempDir(), "x.idx")
	b.Run("build/"+size, func(b *testing.B) {
		var high peak
		n := 0
		src.Progress = high.look
		for b.Loop() {
			stats, err := feed.Build(b.Context(), src, index)
			if err != nil {
				b.Fatal(err)
			}
			n += stats.Records
		}
		b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "records/s")
		b.ReportMetric(float64(high.bytes)/1e6, "peak-heap-MB")
	})
	b.Run("open/"+size, func(b *testing.B) {
		for b.Loop() {
			ix, err := advisory.Open(index)
			if err == nil {
				err = ix.Close()
			}
			if err != nil {
				b.Fatal(err)
			}
		}
	})
}

func BenchmarkBuild(b *testing.B) {
	benchmarkBuild(b, "records=17027", feed.Sources{Dir: filepath.Dir(testdata.Shared(b, "data/osv")), At: at})
}

// BenchmarkBuildLarge has as many small records as npm's malicious packages,
// and a third of EPSS.
func BenchmarkBuildLarge(b *testing.B) {
	dir := b.TempDir()
	if err := os.Mkdir(filepath.Join(dir, "epss"), 0o700); err != nil {
		b.Fatal(err)
	}
	out, err := os.Create(filepath.Join(dir, "all.zip"))
	if err != nil {
		b.Fatal(err)
	}
	z := zip.NewWriter(out)
	scores := []byte("cve,epss,percentile\n")
	for i := range 200_000 {
		w, err := z.Create(fmt.Sprintf("MAL-%d.json", i))
		if err == nil {
			_, err = fmt.Fprintf(w, `{"id":"MAL-%d","modified":"2026-11-01T00:00:00Z","details":"This package sends the environment to a server.","affected":[{"package":{"ecosystem":"npm","name":"package-%d"},"versions":["1.0.%d","1.0.%d"]}]}`, i, i/2, i, i+1)
		}
		if err != nil {
			b.Fatal(err)
		}
		if i%2 == 0 {
			scores = fmt.Appendf(scores, "CVE-%d-%d,0.01234,0.5\n", 2000+i%26, i)
		}
	}
	if err := errors.Join(z.Close(), out.Close(), os.WriteFile(filepath.Join(dir, "epss", "epss.csv"), scores, 0o600)); err != nil {
		b.Fatal(err)
	}
	benchmarkBuild(b, "records=200000", feed.Sources{Dir: dir, At: at})
}

func BenchmarkIndex(b *testing.B) {
	ix, _ := shared(b)
	for name, pkg := range map[string]azward.Package{
		"absent":             {Ecosystem: "npm", Name: "left-pad", Version: "1.3.0"},
		"patched/entries=10": {Ecosystem: "npm", Name: "lodash", Version: "99.0.0"},
		"patched/entries=60": {Ecosystem: "Go", Name: "golang.org/x/net", Version: "v0.99.0"},
		"affected":           {Ecosystem: "npm", Name: "lodash", Version: "4.17.4"},
	} {
		b.Run("match/"+name, func(b *testing.B) {
			for b.Loop() {
				if _, err := ix.Match(pkg); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "packages/s")
		})
	}
}
