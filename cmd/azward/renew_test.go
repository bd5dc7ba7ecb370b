package main

import (
	"archive/zip"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/internal/testdata"
	"github.com/azward/azward/store"
)

// feeds is a mirror of advisories on loopback.
type feeds struct {
	*httptest.Server

	mu    sync.Mutex
	files map[string][]byte
	asked []string      // "PATH RANGE"
	slow  string        // of this file only a part is sent, until release
	hold  chan struct{} // closed by release
	held  chan struct{} // closed when the part was sent
}

func newFeeds(t *testing.T) *feeds {
	t.Helper()
	f := &feeds{files: map[string][]byte{}, hold: make(chan struct{}), held: make(chan struct{})}
	f.Server = httptest.NewServer(http.HandlerFunc(f.serve))
	t.Cleanup(f.Close)
	t.Cleanup(f.release)
	return f
}

func (f *feeds) release() {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.slow != "" {
		close(f.hold)
	}
	f.slow = ""
}

func (f *feeds) serve(w http.ResponseWriter, q *http.Request) {
	name := strings.TrimPrefix(q.URL.Path, "/")
	f.mu.Lock()
	data, ok := f.files[name]
	f.asked = append(f.asked, strings.TrimSpace(name+" "+q.Header.Get("Range")))
	slow := ok && f.slow == name
	f.mu.Unlock()
	if !ok {
		http.NotFound(w, q)
		return
	}
	w.Header().Set("ETag", fmt.Sprintf(`"%x"`, crc32.ChecksumIEEE(data)))
	if !slow {
		http.ServeContent(w, q, name, time.Time{}, bytes.NewReader(data))
		return
	}
	w.Header().Set("Content-Length", fmt.Sprint(len(data)))
	if _, err := w.Write(data[:len(data)/2]); err != nil {
		return
	}
	if err := http.NewResponseController(w).Flush(); err != nil {
		return
	}
	close(f.held)
	select {
	case <-f.hold:
	case <-q.Context().Done():
	}
}

// npm publishes one record and its list.
func (f *feeds) npm(t *testing.T, modified string) {
	t.Helper()
	record := fmt.Sprintf(`{"id":"GHSA-1","modified":%q,"aliases":["CVE-2018-16487"],"affected":[{"package":{"ecosystem":"npm","name":"lodash"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"4.17.11"}]}]}]}`, modified)
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("GHSA-1.json")
	if err == nil {
		_, err = w.Write([]byte(record))
	}
	if err = errors.Join(err, z.Close()); err != nil {
		t.Fatal(err)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.files["osv/npm/all.zip"] = b.Bytes()
	f.files["osv/npm/modified_id.csv"] = []byte(modified + ",GHSA-1\n")
}

func (f *feeds) requests() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	list := f.asked
	f.asked = nil
	slices.Sort(list)
	return list
}

const kevCatalogue = `{"dateReleased":"2026-08-21T17:46:43Z","vulnerabilities":[{"cveID":"CVE-2018-16487","dateAdded":"2026-08-21"}]}`

func TestAdvisoryUpdate(t *testing.T) {
	t.Parallel()
	f := newFeeds(t)
	f.npm(t, "2026-11-16T08:00:00Z")
	f.files["kev/known_exploited_vulnerabilities.json"] = []byte(kevCatalogue)
	data := filepath.Join(t.TempDir(), "data")
	update := []string{"advisory", "update", "--mirror", f.URL, "--ecosystems", "npm", "--overlays", "kev"}
	query := []string{"advisory", "query", "pkg:npm/lodash@4.17.4"}

	if out, diag, code := call(t, data, query...); code != 1 || !strings.Contains(diag, "hint: azward advisory update") {
		t.Errorf("before: %d %s%s", code, out, diag)
	}
	out, diag, code := call(t, data, update...)
	if code != 0 || !strings.Contains(out, "1 records") || !strings.Contains(out, "downloaded") {
		t.Fatalf("code %d: %s%s", code, out, diag)
	}
	f.requests()
	if out, diag, code = call(t, data, append(update, "--output", "json")...); code != 0 {
		t.Fatalf("code %d: %s%s", code, out, diag)
	}
	var result struct {
		Records  int
		Received int64
		Files    []struct{ Name, Result string }
	}
	if err := json.Unmarshal([]byte(out), &result); err != nil || result.Records != 1 || result.Received != 0 || len(result.Files) != 2 || result.Files[1].Result != "unchanged" {
		t.Errorf("%v: %s", err, out)
	}
	if diff := cmp.Diff([]string{"kev/known_exploited_vulnerabilities.json", "osv/npm/modified_id.csv"}, f.requests()); diff != "" {
		t.Error(diff)
	}
	// It was downloaded just now: what is missing is said, and nothing else.
	out, diag, code = call(t, data, query...)
	if want := "advisories: the index has no EPSS: how likely exploitation is, is unknown\nhint: azward advisory update\n"; code != 0 || diag != want || !strings.Contains(out, "CVE-2018-16487") {
		t.Errorf("code %d: %s%s", code, out, diag)
	}

	// One part does not come: the index has what came, and the error says so.
	f.npm(t, "2026-11-17T08:00:00Z")
	delete(f.files, "kev/known_exploited_vulnerabilities.json")
	out, diag, code = call(t, data, update...)
	if code != azward.KindNotFound.ExitCode() || !strings.Contains(diag, "1 of 2 parts did not come (kev)") || !strings.Contains(diag, "hint: ") || !strings.Contains(out, "1 known exploited") {
		t.Errorf("code %d: %s%s", code, out, diag)
	}
	for name, args := range map[string][]string{
		"two_sources":        {"advisory", "update", "--mirror", f.URL, "--from", "x"},
		"sha256_of_nothing":  {"advisory", "update", "--sha256", "00"},
		"password_in_mirror": {"advisory", "update", "--mirror", "https://me:secret@mirror.contoso.com"},
		"no_such_overlay":    {"advisory", "update", "--mirror", f.URL, "--overlays", "nvd", "--ecosystems", "npm"},
		"other_format":       {"advisory", "update", "--output", "csv"},
		"no_such_folder":     {"advisory", "update", "--from", filepath.Join(data, "none")},
	} {
		if out, diag, code := call(t, data, args...); name != "no_such_overlay" && (code != 2 || strings.Contains(diag, "secret")) || name == "no_such_overlay" && !strings.Contains(diag, "there is no such overlay") {
			t.Errorf("%s: code %d: %s%s", name, code, out, diag)
		}
	}
}

func TestAdvisoryBundle(t *testing.T) {
	t.Parallel()
	f := newFeeds(t)
	f.npm(t, "2026-11-16T08:00:00Z")
	f.files["kev/known_exploited_vulnerabilities.json"] = []byte(kevCatalogue)
	dir := t.TempDir()
	online, offline := filepath.Join(dir, "online"), filepath.Join(dir, "offline")
	if out, diag, code := call(t, online, "advisory", "bundle", dir); code != 1 || !strings.Contains(diag, "nothing has been downloaded yet") {
		t.Errorf("of nothing: %d %s%s", code, out, diag)
	}
	if out, diag, code := call(t, online, "advisory", "update", "--mirror", f.URL, "--ecosystems", "npm", "--overlays", "kev"); code != 0 {
		t.Fatalf("code %d: %s%s", code, out, diag)
	}
	out, diag, code := call(t, online, "advisory", "bundle", dir, "--output", "json")
	var b struct{ File, SHA256 string }
	if err := json.Unmarshal([]byte(out), &b); err != nil || code != 0 || !strings.HasPrefix(filepath.Base(b.File), "azward-advisories-") {
		t.Fatalf("code %d, %v: %s%s", code, err, out, diag)
	}
	out, diag, code = call(t, offline, "advisory", "update", "--from", b.File, "--sha256", b.SHA256)
	if code != 0 || !strings.Contains(out, "2 files, all as its manifest says\nsha256 "+b.SHA256) || !strings.Contains(out, "1 records") {
		t.Fatalf("code %d: %s%s", code, out, diag)
	}
	before, _, _ := call(t, offline, "advisory", "query", "pkg:npm/lodash@4.17.4")
	raw, err := os.ReadFile(b.File)
	if err != nil {
		t.Fatal(err)
	}
	raw[bytes.Index(raw, []byte("GHSA-1.json"))] ^= 1 // within the export
	if err := os.WriteFile(b.File, raw, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, pin := range [][]string{nil, {"--sha256", b.SHA256}} {
		out, diag, code = call(t, offline, append([]string{"advisory", "update", "--from", b.File}, pin...)...)
		if code != azward.KindBadInput.ExitCode() || !strings.Contains(diag, "hint: do not use it") {
			t.Errorf("changed: code %d: %s%s", code, out, diag)
		}
	}
	if after, _, _ := call(t, offline, "advisory", "query", "pkg:npm/lodash@4.17.4"); after != before || !strings.Contains(after, "CVE-2018-16487") {
		t.Errorf("the index changed: %s", after)
	}
}

// TestAdvisoryUpdateKilled: kill -9 in the middle of a download; the index of
// before answers, and the next update goes on where that one stopped.
func TestAdvisoryUpdateKilled(t *testing.T) {
	t.Parallel()
	export, err := os.ReadFile(filepath.Join(testdata.Shared(t, "data/osv"), "npm", "all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	f := newFeeds(t)
	f.npm(t, "2026-11-16T08:00:00Z")
	data := filepath.Join(t.TempDir(), "data")
	update := []string{"--data", data, "advisory", "update", "--mirror", f.URL, "--ecosystems", "npm", "--overlays", ""}
	if out, diag, code := call(t, data, update[2:]...); code != 0 {
		t.Fatalf("code %d: %s%s", code, out, diag)
	}
	list := ""
	for i := range 20 {
		list += fmt.Sprintf("2026-11-17T08:00:00Z,GHSA-%d\n", i)
	}
	f.mu.Lock()
	f.files["osv/npm/all.zip"], f.files["osv/npm/modified_id.csv"], f.slow = export, []byte(list), "osv/npm/all.zip"
	f.mu.Unlock()
	killed := exec.CommandContext(t.Context(), os.Args[0], update...)
	killed.Env = append(os.Environ(), asProgram+"=1")
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-f.held:
	case <-time.After(30 * time.Second):
		t.Fatal("the export was not asked for within 30 s")
	}
	part := filepath.Join(data, advisoryFolder, "partial", "osv", "npm", "all.zip")
	for deadline := time.Now().Add(30 * time.Second); ; time.Sleep(10 * time.Millisecond) { // another process is watched
		if info, err := os.Stat(part); err == nil && info.Size() >= int64(len(export)/2) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatal("nothing was kept within 30 s")
		}
	}
	// Meanwhile a second update is told who is at it.
	if out, diag, code := call(t, data, update[2:]...); code != azward.KindConflict.ExitCode() || !strings.Contains(diag, fmt.Sprintf("(process %d)", killed.Process.Pid)) {
		t.Errorf("second: code %d: %s%s", code, out, diag)
	}
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	var exit *exec.ExitError
	if err := killed.Wait(); !errors.As(err, &exit) {
		t.Fatalf("the update ended by itself: %v", err)
	}
	if out, diag, code := call(t, data, "advisory", "query", "pkg:npm/lodash@4.17.4"); code != 0 || !strings.Contains(out, "record GHSA-1") {
		t.Errorf("after the kill: code %d: %s%s", code, out, diag)
	}
	f.release()
	f.requests()
	if out, diag, code := call(t, data, update[2:]...); code != 0 || !strings.Contains(out, "downloaded") {
		t.Errorf("again: code %d: %s%s", code, out, diag)
	}
	if diff := cmp.Diff([]string{fmt.Sprintf("osv/npm/all.zip bytes=%d-", len(export)/2), "osv/npm/modified_id.csv"}, f.requests()); diff != "" {
		t.Error(diff)
	}
}

// Every answer says when its advisories are old, also with --quiet.
func TestOldIndexIsSaidOnEveryAnswer(t *testing.T) {
	t.Parallel()
	data, estateFile := demoData(t)
	dir := t.TempDir()
	folder := filepath.Join(dir, "osv", "npm")
	if err := errors.Join(os.MkdirAll(folder, 0o700), os.WriteFile(filepath.Join(folder, "R-1.json"),
		[]byte(`{"id":"R-1","modified":"2026-08-20T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"lodash"},"versions":["4.17.4"]}]}`), 0o600)); err != nil {
		t.Fatal(err)
	}
	if out, diag, code := call(t, data, "advisory", "update", "--from", dir); code != 0 {
		t.Fatalf("code %d: %s%s", code, out, diag)
	}
	r := newSlowRegistry(t, 1, 1)
	for name, args := range map[string][]string{
		"advisory_query": {"advisory", "query", "pkg:npm/lodash@4.17.4"},
		"image_scan":     {"image", "scan", r.host + "/shop/svca:1", "--plain-http"},
		"image_diff":     {"image", "diff", r.host + "/shop/svca:1", r.host + "/shop/svca:1", "--plain-http"},
		"registry_scan":  {"registry", "scan", r.host, "--plain-http"},
		"scan":           {"scan", "--estate", estateFile, "--no-pull"},
	} {
		for _, quiet := range []bool{false, true} {
			if quiet {
				args = append(args, "--quiet")
			}
			_, diag, _ := call(t, data, args...)
			if !strings.Contains(diag, "advisories: as of 2026-08-20, ") || !strings.Contains(diag, " days old; newer vulnerabilities are not known\n") ||
				!strings.Contains(diag, "advisories: the index has no KEV: ") || strings.Contains(diag, "hint: azward advisory update") == quiet {
				t.Errorf("%s, quiet %v: %s", name, quiet, diag)
			}
		}
	}
	if _, diag, _ := call(t, data, "registry", "show", r.host); !strings.Contains(diag, "advisories: as of 2026-08-20, ") {
		t.Errorf("registry_show: %s", diag)
	}
	out, _, code := call(t, data, "advisory", "status", "--output", "json")
	var status struct {
		Parts    []advisory.Part
		Warnings []string
	}
	if err := json.Unmarshal([]byte(out), &status); err != nil || code != 0 || len(status.Parts) != 5 || len(status.Warnings) != 3 {
		t.Errorf("code %d, %v: %s", code, err, out)
	}
	if out, _, code := call(t, data, "advisory", "status"); code != 0 || !strings.Contains(out, "older than a week") || !strings.Contains(out, "not in the index") {
		t.Errorf("code %d: %s", code, out)
	}
}

func TestAgeLines(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 11, 21, 12, 0, 0, 0, time.UTC)
	ago := func(d int) time.Time { return now.AddDate(0, 0, -d) }
	overlays := []advisory.Part{{Name: "KEV", Entries: 1, AsOf: ago(1), Overlay: true}, {Name: "EPSS", Entries: 1, AsOf: ago(1), Overlay: true}}
	for name, tc := range map[string]struct {
		parts []advisory.Part
		want  []string
	}{
		"fresh":            {append([]advisory.Part{{Name: "npm", AsOf: ago(7)}}, overlays...), nil},
		"all_old":          {append([]advisory.Part{{Name: "npm", AsOf: ago(8)}, {Name: "Go", AsOf: ago(20)}}, overlays...), []string{"as of 2026-11-01, 20 days old; newer vulnerabilities are not known"}},
		"one_old":          {append([]advisory.Part{{Name: "npm", AsOf: ago(8)}, {Name: "Go", AsOf: ago(0)}}, overlays...), []string{"older than a week, newer vulnerabilities are not known: npm (8 days)"}},
		"of_unknown_age":   {append([]advisory.Part{{Name: "npm"}}, overlays...), []string{"of an unknown day; newer vulnerabilities are not known"}},
		"strays_don_t_age": {append([]advisory.Part{{Name: "npm", AsOf: ago(1)}, {Name: "Pub", AsOf: ago(90), Partial: true}}, overlays...), nil},
		"old_overlay":      {[]advisory.Part{{Name: "npm", AsOf: ago(1)}, overlays[0], {Name: "EPSS", Entries: 5, AsOf: ago(9), Overlay: true}, {Name: "SSVC", Overlay: true}}, []string{"EPSS as of 2026-11-12, 9 days old"}},
	} {
		if diff := cmp.Diff(tc.want, ageLines(tc.parts, now)); diff != "" {
			t.Errorf("%s: %s", name, diff)
		}
	}
}

func TestUpdateLockIsItsOwn(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	scan, err := store.LockScan(dir)
	if err != nil {
		t.Fatal(err)
	}
	update, err := store.LockUpdate(dir)
	if err != nil {
		t.Fatalf("a scan keeps an update off: %v", err)
	}
	if err := errors.Join(scan(), update()); err != nil {
		t.Error(err)
	}
}
