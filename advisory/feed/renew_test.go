package feed_test

import (
	"context"
	"crypto/md5"
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/advisory/feed"
	"github.com/azward/azward/internal/testdata"
)

// mirror serves files on loopback as the publishers' stores do: with ETag,
// ranges and checksums, and with the faults that a test asks for.
type mirror struct {
	*httptest.Server

	mu     sync.Mutex
	files  map[string][]byte // by path without the first slash
	faults map[string][]fault
	asked  []string // "GET path", with the range and what came of it
}

// fault is what happens instead at one request for a file.
type fault struct {
	status int
	header map[string]string
	cut    int    // answer with so many bytes, then break the connection
	sum    string // another x-goog-hash
}

func newMirror(t *testing.T) *mirror {
	t.Helper()
	m := &mirror{files: map[string][]byte{}, faults: map[string][]fault{}}
	m.Server = httptest.NewServer(http.HandlerFunc(m.serve))
	t.Cleanup(m.Close)
	return m
}

func (m *mirror) serve(w http.ResponseWriter, q *http.Request) {
	name := strings.TrimPrefix(q.URL.Path, "/")
	m.mu.Lock()
	var f fault
	if list := m.faults[name]; len(list) > 0 {
		f, m.faults[name] = list[0], list[1:]
	}
	data, ok := m.files[name]
	line := name
	if r := q.Header.Get("Range"); r != "" {
		line += " " + r
	}
	m.asked = append(m.asked, line)
	m.mu.Unlock()
	for key, value := range f.header {
		w.Header().Set(key, value)
	}
	switch {
	case f.status != 0:
		http.Error(w, "fault", f.status)
		return
	case !ok:
		http.NotFound(w, q)
		return
	}
	if w.Header().Get("ETag") == "" {
		w.Header().Set("ETag", fmt.Sprintf(`"%08x"`, crc32.ChecksumIEEE(data)))
	}
	w.Header().Set("X-Goog-Hash", sums(data))
	if f.sum != "" {
		w.Header().Set("X-Goog-Hash", f.sum)
	}
	if f.cut > 0 {
		w.Header().Set("Content-Length", strconv.Itoa(len(data)))
		if _, err := w.Write(data[:f.cut]); err != nil {
			return
		}
		panic(http.ErrAbortHandler)
	}
	http.ServeContent(w, q, name, time.Time{}, strings.NewReader(string(data)))
}

func sums(data []byte) string {
	crc := binary.BigEndian.AppendUint32(nil, crc32.Checksum(data, crc32.MakeTable(crc32.Castagnoli)))
	sum := md5.Sum(data)
	return "crc32c=" + base64.StdEncoding.EncodeToString(crc) + ",md5=" + base64.StdEncoding.EncodeToString(sum[:])
}

// requests gives what was asked for since the last time, sorted.
func (m *mirror) requests() []string {
	m.mu.Lock()
	defer m.mu.Unlock()
	list := m.asked
	m.asked = nil
	slices.Sort(list)
	return list
}

func (m *mirror) fail(name string, faults ...fault) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.faults[name] = append(m.faults[name], faults...)
}

func (m *mirror) put(name string, data []byte) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.files[name] = data
}

// npm publishes an export of one record for each version, and its list.
func (m *mirror) npm(t *testing.T, modified ...string) {
	t.Helper()
	var entries []string
	list := ""
	for i, at := range modified {
		if at == "" {
			continue
		}
		entries = append(entries, fmt.Sprintf("R-%d.json", i), npmRecord(i, at))
		list += fmt.Sprintf("%s,R-%d\n", at, i)
	}
	m.put("osv/npm/all.zip", zipped(t, entries...).Data)
	m.put("osv/npm/modified_id.csv", []byte(list))
}

func npmRecord(i int, at string) string {
	return fmt.Sprintf(`{"id":"R-%d","modified":%q,"affected":[{"package":{"ecosystem":"npm","name":"p%d"},"versions":[%q]}]}`, i, at, i, at)
}

// updating is an update into a folder of the test.
type updating struct {
	feed.Update
	waits []time.Duration
}

func (m *mirror) update(t *testing.T) *updating {
	t.Helper()
	dir := t.TempDir()
	u := &updating{}
	u.Update = feed.Update{
		Dir: filepath.Join(dir, "cache"), Index: filepath.Join(dir, "advisories.idx"), Mirror: m.URL, At: at,
		Ecosystems: []string{"npm"}, Overlays: []string{}, HTTP: m.Client(),
		Wait: func(ctx context.Context, d time.Duration) error {
			u.waits = append(u.waits, d)
			return ctx.Err()
		},
	}
	return u
}

func (u *updating) renew(t *testing.T) feed.Renewal {
	t.Helper()
	r, err := feed.Renew(t.Context(), u.Update)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// versions gives what the index says is affected, as "p0@VERSION".
func (u *updating) versions(t *testing.T, packages int, versions ...string) []string {
	t.Helper()
	ix, err := advisory.Open(u.Index)
	if err != nil {
		t.Fatal(err)
	}
	defer ix.Close()
	var got []string
	for i := range packages {
		for _, v := range versions {
			found, err := ix.Match(azward.Package{Ecosystem: "npm", Name: fmt.Sprintf("p%d", i), Version: v})
			if err != nil {
				t.Fatal(err)
			}
			for range found {
				got = append(got, fmt.Sprintf("p%d@%s", i, v))
			}
		}
	}
	return got
}

const (
	monday  = "2026-11-16T08:00:00Z"
	tuesday = "2026-11-17T08:00:00.5Z"
)

func TestRenew_only_what_changed_is_downloaded(t *testing.T) {
	t.Parallel()
	m := newMirror(t)
	u := m.update(t)
	week := slices.Repeat([]string{monday}, 20)
	m.npm(t, week...)

	r := u.renew(t)
	if diff := cmp.Diff([]feed.FileRenewal{{Name: "osv/npm", Result: "downloaded"}}, r.Files); diff != "" || r.Records != 20 {
		t.Errorf("first: %s, %d records", diff, r.Records)
	}
	if diff := cmp.Diff([]string{"osv/npm/all.zip", "osv/npm/modified_id.csv"}, m.requests()); diff != "" {
		t.Error(diff)
	}

	u.At = at.Add(24 * time.Hour)
	r = u.renew(t)
	if diff := cmp.Diff([]feed.FileRenewal{{Name: "osv/npm", Result: "unchanged"}}, r.Files); diff != "" || r.Received != 0 {
		t.Errorf("unchanged: %s, %d bytes", diff, r.Received)
	}
	if diff := cmp.Diff([]string{"osv/npm/modified_id.csv"}, m.requests()); diff != "" {
		t.Error(diff)
	}
	ix, err := advisory.Open(u.Index)
	if err != nil {
		t.Fatal(err)
	}
	if s := ix.Status().Sources; len(s) != 1 || s[0].Name != "osv/npm/all.zip" || !s[0].Downloaded.Equal(u.At) || s[0].Bytes == 0 {
		t.Errorf("sources %+v", s)
	}
	if err := ix.Close(); err != nil {
		t.Error(err)
	}

	// One changes, one is new, one is gone.
	week[1] = tuesday
	week[2] = ""
	m.npm(t, append(week, tuesday)...)
	m.put("osv/npm/R-1.json", []byte(npmRecord(1, tuesday)))
	m.put("osv/npm/R-20.json", []byte(npmRecord(20, tuesday)))
	r = u.renew(t)
	if diff := cmp.Diff([]feed.FileRenewal{{Name: "osv/npm", Result: "changed records", Records: 2, Removed: 1}}, r.Files); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff([]string{"osv/npm/R-1.json", "osv/npm/R-20.json", "osv/npm/modified_id.csv"}, m.requests()); diff != "" {
		t.Error(diff)
	}
	want := []string{"p0@" + monday, "p1@" + tuesday}
	for i := 3; i < 20; i++ {
		want = append(want, fmt.Sprintf("p%d@%s", i, monday))
	}
	want = append(want, "p20@"+tuesday)
	if diff := cmp.Diff(want, u.versions(t, 21, monday, tuesday)); diff != "" {
		t.Error(diff)
	}
	if r = u.renew(t); r.Files[0].Result != "unchanged" || len(m.requests()) != 1 {
		t.Errorf("again: %+v", r.Files)
	}

	// Many change: the export is one request.
	m.npm(t, slices.Repeat([]string{tuesday}, 20)...)
	if r = u.renew(t); r.Files[0].Result != "downloaded" || r.Removed != 0 || r.Records != 20 {
		t.Errorf("many: %+v", r)
	}
	if left, err := os.ReadDir(filepath.Join(u.Dir, "files", "osv", "npm")); err != nil || len(left) != 1 {
		t.Errorf("left of before: %v, %v", left, err)
	}
}

func TestRenew_goes_on_where_it_stopped(t *testing.T) {
	t.Parallel()
	export, err := os.ReadFile(filepath.Join(testdata.Shared(t, "data/osv"), "npm", "all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	third := len(export) / 3
	list := []byte(monday + ",GHSA-0000-0000-0000\n")
	for name, tc := range map[string]struct {
		faults []fault
		want   []string // ranges asked for
		waits  []time.Duration
	}{
		"cut_in_the_middle": {
			[]fault{{cut: third}}, []string{"", fmt.Sprintf(" bytes=%d-", third)}, []time.Duration{500 * time.Millisecond},
		},
		"too_many_requests": {
			[]fault{{status: http.StatusTooManyRequests, header: map[string]string{"Retry-After": "7"}}}, []string{"", ""}, []time.Duration{7 * time.Second},
		},
		"until_a_date": {
			[]fault{{status: http.StatusServiceUnavailable, header: map[string]string{"Date": "Sat, 21 Nov 2026 07:00:00 GMT", "Retry-After": "Sat, 21 Nov 2026 07:01:00 GMT"}}},
			[]string{"", ""},
			[]time.Duration{time.Minute},
		},
		"server_errors": {
			[]fault{{status: 500}, {status: 502}, {status: 504}}, []string{"", "", "", ""}, []time.Duration{500 * time.Millisecond, time.Second, 2 * time.Second},
		},
		"wrong_checksum_once": {
			[]fault{{sum: sums([]byte("another"))}}, []string{"", ""}, []time.Duration{500 * time.Millisecond},
		},
		"etag_is_another_meanwhile": {
			[]fault{{cut: third, header: map[string]string{"ETag": `"before"`}}}, []string{"", fmt.Sprintf(" bytes=%d-", third)}, []time.Duration{500 * time.Millisecond},
		},
		"weak_etag_begins_anew": {
			[]fault{{cut: third, header: map[string]string{"ETag": `W/"a"`}}}, []string{"", ""}, []time.Duration{500 * time.Millisecond},
		},
		"goes_on_with_another_file": {
			[]fault{{cut: third}, {status: http.StatusPartialContent, header: map[string]string{"Content-Range": "bytes 0-4/5"}}},
			[]string{"", "", fmt.Sprintf(" bytes=%d-", third)},
			[]time.Duration{500 * time.Millisecond, time.Second},
		},
		"range_that_is_not_there": {
			[]fault{{cut: third}, {status: http.StatusRequestedRangeNotSatisfiable}},
			[]string{"", "", fmt.Sprintf(" bytes=%d-", third)},
			[]time.Duration{500 * time.Millisecond, time.Second},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMirror(t)
			m.put("osv/npm/all.zip", export)
			m.put("osv/npm/modified_id.csv", list)
			m.fail("osv/npm/all.zip", tc.faults...)
			u := m.update(t)
			var told feed.Transfer
			u.Transferred = func(s feed.Transfer) { told = s }
			if r := u.renew(t); r.Records < 900 || r.Files[0].Result != "downloaded" {
				t.Errorf("%+v", r)
			}
			var want []string
			for _, w := range tc.want {
				want = append(want, "osv/npm/all.zip"+w)
			}
			want = append(want, "osv/npm/modified_id.csv")
			if diff := cmp.Diff(want, m.requests()); diff != "" {
				t.Error(diff)
			}
			if diff := cmp.Diff(tc.waits, u.waits); diff != "" {
				t.Error(diff)
			}
			if told.Done != 1 || told.Files != 1 || told.Left != 0 || told.Received < int64(len(export)) {
				t.Errorf("told %+v", told)
			}
			got, err := os.ReadFile(filepath.Join(u.Dir, "files", "osv", "npm", "all.zip"))
			if err != nil || string(got) != string(export) {
				t.Errorf("%d bytes of %d, %v", len(got), len(export), err)
			}
		})
	}
}

// What does not come leaves what was there; the error says which part it is,
// why, and what to do.
func TestRenew_failures(t *testing.T) {
	t.Parallel()
	page := []byte("<html>Sign in to the guest network</html>")
	catalogue := []byte(`{"vulnerabilities":[{"cveID":"CVE-2021-44228"}]}`)
	for name, tc := range map[string]struct {
		prepare func(m *mirror, u *updating)
		kind    azward.Kind
		cause   string
	}{
		"no_such_ecosystem": {func(_ *mirror, u *updating) { u.Ecosystems = []string{"npm", "Dibian"} }, azward.KindNotFound, "osv/Dibian"},
		"always_busy": {func(m *mirror, _ *updating) {
			m.fail("kev/known_exploited_vulnerabilities.json", slices.Repeat([]fault{{status: 429}}, 9)...)
		}, azward.KindThrottled, "429"},
		"busy_for_an_hour": {func(m *mirror, _ *updating) {
			m.fail("kev/known_exploited_vulnerabilities.json", fault{status: 503, header: map[string]string{"Retry-After": "3600"}})
		}, azward.KindThrottled, "503"},
		"down": {func(m *mirror, _ *updating) {
			m.fail("kev/known_exploited_vulnerabilities.json", slices.Repeat([]fault{{status: 500}}, 9)...)
		}, azward.KindUnavailable, "500"},
		"forbidden": {func(m *mirror, _ *updating) {
			m.fail("kev/known_exploited_vulnerabilities.json", fault{status: 403})
		}, azward.KindNotFound, "403"},
		"checksum_never_fits": {func(m *mirror, _ *updating) {
			m.fail("kev/known_exploited_vulnerabilities.json", slices.Repeat([]fault{{sum: "crc32c=AAAAAA=="}}, 9)...)
		}, azward.KindBadInput, "checksum"},
		"a_page_in_its_place":   {func(m *mirror, _ *updating) { m.put("kev/known_exploited_vulnerabilities.json", page) }, azward.KindBadInput, "not the file"},
		"a_page_for_the_export": {func(m *mirror, _ *updating) { m.npmPage(page, "all.zip") }, azward.KindBadInput, "not the file"},
		"a_page_for_the_list":   {func(m *mirror, _ *updating) { m.npmPage(page, "modified_id.csv") }, azward.KindBadInput, "not the file"},
		"list_of_paths":         {func(m *mirror, _ *updating) { m.npmPage([]byte(tuesday+",../../x\n"), "modified_id.csv") }, azward.KindBadInput, "not the file"},
		"list_is_empty":         {func(m *mirror, _ *updating) { m.npmPage([]byte("\n"), "modified_id.csv") }, azward.KindBadInput, "not the file"},
		"unchanged_though_not_asked": {func(m *mirror, u *updating) {
			u.Overlays = []string{"kev", "epss"}
			m.fail("epss/epss_scores-current.csv.gz", slices.Repeat([]fault{{status: http.StatusNotModified}}, 9)...)
		}, azward.KindUnavailable, "was not asked"},
		"record_is_another": {func(m *mirror, _ *updating) {
			m.npmPage([]byte(monday+",R-0\n"+tuesday+",R-1\n"), "modified_id.csv")
			m.put("osv/npm/R-1.json", []byte(npmRecord(0, tuesday)))
		}, azward.KindBadInput, `record "R-0"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			m := newMirror(t)
			m.npm(t, monday)
			m.put("kev/known_exploited_vulnerabilities.json", catalogue)
			u := m.update(t)
			u.Overlays = []string{"kev"}
			u.renew(t)
			for file := range m.files { // everything is new, so that it is asked for
				if strings.HasSuffix(file, ".json") {
					m.put(file, append(catalogue, '\n'))
				}
			}
			tc.prepare(m, u)
			r, err := feed.Renew(t.Context(), u.Update)
			var e *azward.Error
			if !errors.As(err, &e) || e.Kind != tc.kind || !strings.Contains(e.Cause, tc.cause) || e.Remedy == "" {
				t.Errorf("%v (%s), want kind %s and %q", err, azward.KindOf(err), tc.kind, tc.cause)
			}
			failed := slices.IndexFunc(r.Files, func(f feed.FileRenewal) bool { return f.Result == "failed" && f.Error != "" })
			if failed < 0 || r.Records != 1 || r.KEV != 1 {
				t.Errorf("%+v", r)
			}
			if diff := cmp.Diff([]string{"p0@" + monday}, u.versions(t, 1, monday)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// npmPage puts something in the place of a file, and of nothing else.
func (m *mirror) npmPage(data []byte, file string) {
	if file == "all.zip" { // all changes, so that the export is asked for
		var list string
		for i := range 20 {
			list += fmt.Sprintf("%s,R-%d\n", tuesday, i)
		}
		m.put("osv/npm/modified_id.csv", []byte(list))
	}
	m.put("osv/npm/"+file, data)
}

func TestRenew_nothing_comes(t *testing.T) {
	t.Parallel()
	m := newMirror(t)
	u := m.update(t)
	if _, err := feed.Renew(t.Context(), u.Update); azward.KindOf(err) != azward.KindNotFound {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(u.Index); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an index of nothing: %v", err)
	}
	m.Close()
	if _, err := feed.Renew(t.Context(), u.Update); azward.KindOf(err) != azward.KindUnavailable {
		t.Errorf("%v", err)
	}
	for name, change := range map[string]func(*feed.Update){
		"password":   func(u *feed.Update) { u.Mirror = "https://user:secret@mirror.contoso.com" },
		"no_url":     func(u *feed.Update) { u.Mirror = "https://user:secret@[" },
		"other_kind": func(u *feed.Update) { u.Mirror = "file:///etc" },
		"ecosystem":  func(u *feed.Update) { u.Ecosystems = []string{"../npm"} },
	} {
		bad := u.Update
		change(&bad)
		_, err := feed.Renew(t.Context(), bad)
		if azward.KindOf(err) != azward.KindUsage || strings.Contains(fmt.Sprintf("%+v", err), "secret") {
			t.Errorf("%s: %v", name, err)
		}
	}
	u.Overlays, u.Ecosystems = []string{"nvd"}, []string{}
	if _, err := feed.Renew(t.Context(), u.Update); azward.KindOf(err) != azward.KindUsage {
		t.Errorf("%v", err)
	}
}

// An update that is interrupted keeps what came, and the index of before.
func TestRenew_interrupted(t *testing.T) {
	t.Parallel()
	export, err := os.ReadFile(filepath.Join(testdata.Shared(t, "data/osv"), "npm", "all.zip"))
	if err != nil {
		t.Fatal(err)
	}
	m := newMirror(t)
	u := m.update(t)
	m.npm(t, monday)
	u.renew(t)
	m.requests()
	half := len(export) / 2
	m.put("osv/npm/all.zip", export)
	m.put("osv/npm/modified_id.csv", []byte(strings.Join(slices.Collect(func(yield func(string) bool) {
		for i := range 20 {
			if !yield(fmt.Sprintf("%s,N-%d\n", tuesday, i)) {
				return
			}
		}
	}), "")))
	m.fail("osv/npm/all.zip", fault{cut: half})
	ctx, cancel := context.WithCancel(t.Context())
	broken := u.Update
	broken.Wait = func(context.Context, time.Duration) error { cancel(); return ctx.Err() }
	if _, err := feed.Renew(ctx, broken); azward.KindOf(err) != azward.KindInterrupted {
		t.Errorf("%v", err)
	}
	if diff := cmp.Diff([]string{"p0@" + monday}, u.versions(t, 1, monday)); diff != "" {
		t.Error(diff)
	}
	m.requests()
	if r := u.renew(t); r.Records < 900 || r.Received > int64(len(export)-half+2000) {
		t.Errorf("%d records, %d bytes of %d", r.Records, r.Received, len(export))
	}
	if diff := cmp.Diff([]string{fmt.Sprintf("osv/npm/all.zip bytes=%d-", half), "osv/npm/modified_id.csv"}, m.requests()); diff != "" {
		t.Error(diff)
	}
}

// A file that is damaged where it lies is asked for again the next time.
func TestRenew_damaged_cache(t *testing.T) {
	t.Parallel()
	m := newMirror(t)
	u := m.update(t)
	m.npm(t, monday)
	u.renew(t)
	file := filepath.Join(u.Dir, "files", "osv", "npm", "all.zip")
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	clear(data[len(data)-20:])
	if err := os.WriteFile(file, data, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := feed.Renew(t.Context(), u.Update); azward.KindOf(err) != azward.KindBadInput {
		t.Errorf("%v", err)
	}
	if r := u.renew(t); r.Records != 1 || r.Files[0].Result != "downloaded" {
		t.Errorf("%+v", r)
	}
}

// All of the shared data over the wire gives the index that the folder gives.
func TestRenew_shared_data(t *testing.T) {
	t.Parallel()
	root := testdata.Shared(t, "data/osv")
	ecosystems, err := os.ReadDir(root)
	if err != nil {
		t.Fatal(err)
	}
	m := newMirror(t)
	u := m.update(t)
	u.Ecosystems = nil
	folder := t.TempDir()
	for _, e := range ecosystems {
		data, err := os.ReadFile(filepath.Join(root, e.Name(), "all.zip"))
		if err != nil {
			t.Fatal(err)
		}
		dir := filepath.Join(folder, "osv", e.Name())
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "all.zip"), data, 0o600)); err != nil {
			t.Fatal(err)
		}
		u.Ecosystems = append(u.Ecosystems, e.Name())
		m.put("osv/"+e.Name()+"/all.zip", data)
		m.put("osv/"+e.Name()+"/modified_id.csv", []byte(monday+",GHSA-0000-0000-0000\n"))
	}
	want, err := feed.Build(t.Context(), feed.Sources{Dir: folder, At: at}, filepath.Join(t.TempDir(), "x.idx"))
	if err != nil {
		t.Fatal(err)
	}
	got := u.renew(t).Stats
	for _, s := range []*feed.Stats{&want, &got} {
		s.Took, s.Bytes = 0, 0
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
