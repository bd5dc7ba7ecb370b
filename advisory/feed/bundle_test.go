package feed_test

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/advisory/feed"
)

// bundled is a bundle of an update: an export with records that changed, and
// the overlays.
func bundled(t *testing.T) (dir, file string, b feed.Bundled) {
	t.Helper()
	m := newMirror(t)
	m.npm(t, monday, monday)
	m.put("kev/known_exploited_vulnerabilities.json", []byte(`{"vulnerabilities":[{"cveID":"CVE-2021-44228"}]}`))
	m.put("epss/epss_scores-current.csv.gz", gzipped(t, "cve,epss,percentile\nCVE-2021-44228,0.9,0.9\n").Data)
	m.put("endoflife/products.json", []byte(lifecycles))
	m.put("ssvc/vulnrichment.zip", zipped(t, "vulnrichment-develop/CVE-2024-21413.json", assessed).Data)
	u := m.update(t)
	u.Overlays = nil
	u.renew(t)
	m.npm(t, monday, tuesday)
	m.put("osv/npm/R-1.json", []byte(npmRecord(1, tuesday)))
	u.renew(t)
	file = filepath.Join(t.TempDir(), feed.BundleName(at))
	b, err := feed.WriteBundle(t.Context(), u.Dir, file, at.Add(time.Hour))
	if err != nil {
		t.Fatal(err)
	}
	return u.Dir, file, b
}

func buildFrom(ctx context.Context, name, pin, index string) (feed.Stats, error) {
	src, _, closer, err := feed.OpenSource(ctx, name, pin)
	if err != nil {
		return feed.Stats{}, err
	}
	src.At = at
	stats, err := feed.Build(ctx, src, index)
	return stats, errors.Join(err, closer.Close())
}

func TestBundle(t *testing.T) {
	t.Parallel()
	_, file, b := bundled(t)
	if filepath.Base(file) != "azward-advisories-2026-11-20.zip" || b.Files != 6 || len(b.SHA256) != 64 {
		t.Errorf("%+v", b)
	}
	unpacked := t.TempDir()
	extract(t, file, unpacked)
	for _, from := range []string{file, unpacked} {
		index := filepath.Join(t.TempDir(), "x.idx")
		stats, err := buildFrom(t.Context(), from, "", index)
		if err != nil {
			t.Fatal(err)
		}
		stats.Took, stats.Bytes = 0, 0
		want := feed.Stats{Records: 2, Duplicates: 1, KEV: 1, EPSS: 1, SSVC: 1, EndOfLife: 3}
		if diff := cmp.Diff(want, stats); diff != "" {
			t.Error(diff)
		}
		u := &updating{Update: feed.Update{Index: index}}
		if diff := cmp.Diff([]string{"p0@" + monday, "p1@" + tuesday}, u.versions(t, 2, monday, tuesday)); diff != "" {
			t.Error(diff)
		}
		ix, err := advisory.Open(index)
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range ix.Status().Parts() {
			if !p.AsOf.Equal(at) {
				t.Errorf("%s is of %s, and was downloaded %s", p.Name, p.AsOf, at)
			}
		}
		if err := ix.Close(); err != nil {
			t.Error(err)
		}
	}
	if _, err := buildFrom(t.Context(), file, b.SHA256, filepath.Join(t.TempDir(), "x.idx")); err != nil {
		t.Errorf("with its own sha256: %v", err)
	}
	again := filepath.Join(t.TempDir(), "again.zip")
	dir, _, _ := bundled(t)
	if _, err := feed.WriteBundle(t.Context(), dir, again, at); err != nil {
		t.Error(err)
	}
	if _, err := feed.WriteBundle(t.Context(), t.TempDir(), again, at); azward.KindOf(err) != azward.KindNotFound {
		t.Errorf("of nothing: %v", err)
	}
	if _, err := feed.WriteBundle(t.Context(), dir, filepath.Join(dir, "none", "x.zip"), at); azward.KindOf(err) != azward.KindFailed {
		t.Errorf("where nothing can be written: %v", err)
	}
}

func extract(t *testing.T, file, dir string) {
	t.Helper()
	z, err := zip.OpenReader(file)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	if err := os.CopyFS(dir, z); err != nil {
		t.Fatal(err)
	}
}

// Whoever changes a bundle is told apart from whoever made it.
func TestBundle_tampered(t *testing.T) {
	t.Parallel()
	_, file, b := bundled(t)
	for name, tc := range map[string]struct {
		change func(files map[string][]byte)
		cause  string
	}{
		"changed_record":    {func(f map[string][]byte) { f["osv/npm/changed/R-1.json"][20] ^= 1 }, "osv/npm/changed/R-1.json was changed"},
		"changed_export":    {func(f map[string][]byte) { f["osv/npm/all.zip"][40] ^= 1 }, "osv/npm/all.zip was changed"},
		"another_record":    {func(f map[string][]byte) { f["osv/npm/changed/R-0.json"] = []byte("{}") }, "not in its manifest"},
		"missing_catalogue": {func(f map[string][]byte) { delete(f, "kev/known_exploited_vulnerabilities.json") }, "cannot be read"},
		"without_manifest":  {func(f map[string][]byte) { delete(f, "manifest.json") }, "manifest cannot be read"},
		"manifest_of_paths": {func(f map[string][]byte) {
			f["manifest.json"] = bytes.ReplaceAll(f["manifest.json"], []byte(`"kev/known`), []byte(`"../known`))
		}, "../known"},
		"other_format":   {func(f map[string][]byte) { f["manifest.json"] = []byte(`{"format":"x"}`) }, "format"},
		"empty_manifest": {func(f map[string][]byte) { f["manifest.json"] = []byte(`{"format":"azward-advisories/1"}`) }, "names 0 files"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			changed := filepath.Join(t.TempDir(), "b.zip")
			repack(t, file, changed, tc.change)
			refusedBundle(t, changed, "", tc.cause)
		})
	}
	refusedBundle(t, file, strings.Repeat("0", 64), "should be 000")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	short := filepath.Join(t.TempDir(), "short.zip")
	if err := os.WriteFile(short, data[:len(data)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	refusedBundle(t, short, "", "no bundle")
	folder := t.TempDir()
	extract(t, file, folder)
	if err := os.WriteFile(filepath.Join(folder, "osv", "npm", "R-9.json"), []byte("{}"), 0o600); err != nil {
		t.Fatal(err)
	}
	refusedBundle(t, folder, "", "not in its manifest")
	refusedBundle(t, folder, b.SHA256, "should be") // a folder is pinned by its manifest
	if _, err := buildFrom(t.Context(), filepath.Join(folder, "none"), "", filepath.Join(folder, "x.idx")); azward.KindOf(err) != azward.KindUsage {
		t.Errorf("%v", err)
	}
}

func refusedBundle(t *testing.T, name, pin, cause string) {
	t.Helper()
	index := filepath.Join(t.TempDir(), "x.idx")
	_, err := buildFrom(t.Context(), name, pin, index)
	var e *azward.Error
	if !errors.As(err, &e) || e.Kind != azward.KindBadInput || !strings.Contains(e.Cause, cause) || e.Remedy == "" {
		t.Errorf("%v, want %q", err, cause)
	}
	if _, err := os.Stat(index); !errors.Is(err, os.ErrNotExist) {
		t.Error("an index was built")
	}
}

func repack(t *testing.T, from, to string, change func(map[string][]byte)) {
	t.Helper()
	z, err := zip.OpenReader(from)
	if err != nil {
		t.Fatal(err)
	}
	defer z.Close()
	files := map[string][]byte{}
	methods := map[string]uint16{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		if files[f.Name], err = io.ReadAll(r); err != nil {
			t.Fatal(err)
		}
		methods[f.Name] = f.Method
	}
	change(files)
	out, err := os.Create(to)
	if err != nil {
		t.Fatal(err)
	}
	w := zip.NewWriter(out)
	for name, data := range files {
		one, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: methods[name]})
		if err == nil {
			_, err = one.Write(data)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(w.Close(), out.Close()); err != nil {
		t.Fatal(err)
	}
}
