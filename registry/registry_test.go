package registry_test

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"go.uber.org/goleak"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/image"
	"github.com/azward/azward/registry"
	"github.com/azward/azward/remediation"
	"github.com/azward/azward/store/sqlite"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var day = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// layer is files of one layer; npm packages by "name@version".
type layer struct {
	by    string // history line
	npm   []string
	files map[string]string
}

func (l layer) bytes(t testing.TB) []byte {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	add := func(path, body string) {
		if err := w.WriteHeader(&tar.Header{Name: path, Size: int64(len(body)), Mode: 0o644}); err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(w, body); err != nil {
			t.Fatal(err)
		}
	}
	for _, p := range l.npm {
		n, v, _ := strings.Cut(p, "@")
		add("srv/node_modules/"+n+"/package.json", fmt.Sprintf(`{"name":%q,"version":%q}`, n, v))
	}
	for _, path := range slices.Sorted(maps.Keys(l.files)) {
		add(path, l.files[path])
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

var debian = layer{by: "FROM debian", files: map[string]string{
	"etc/os-release":      "ID=debian\nVERSION_ID=12\n",
	"var/lib/dpkg/status": "Package: openssl\nStatus: install ok installed\nVersion: 3.0.1-1\nArchitecture: amd64\n",
}}

var debianFixed = layer{by: "FROM debian", files: map[string]string{
	"etc/os-release":      "ID=debian\nVERSION_ID=12\n",
	"var/lib/dpkg/status": "Package: openssl\nStatus: install ok installed\nVersion: 3.0.2-1\nArchitecture: amd64\n",
}}

func app(packages ...string) layer { return layer{by: "COPY . /srv # buildkit", npm: packages} }

// house is a registry on loopback that counts what is asked of it.
type house struct {
	t    testing.TB
	host string

	mu     sync.Mutex
	asked  map[string]int // "GET blobs", "HEAD manifests" …
	blobs  map[string]int // requests by digest
	broken func(*http.Request) bool
}

func newHouse(t testing.TB) *house {
	t.Helper()
	h := &house{t: t, asked: map[string]int{}, blobs: map[string]int{}}
	inner := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h.mu.Lock()
		for _, part := range []string{"blobs", "manifests", "tags", "_catalog"} {
			if strings.Contains(r.URL.Path, part) {
				h.asked[r.Method+" "+part]++
				if part == "blobs" {
					h.blobs[r.URL.Path[strings.LastIndexByte(r.URL.Path, '/')+1:]]++
				}
			}
		}
		refused := h.broken != nil && h.broken(r)
		h.mu.Unlock()
		if refused {
			http.Error(w, `{"errors":[{"code":"UNKNOWN"}]}`, http.StatusInternalServerError)
			return
		}
		inner.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	h.host = strings.TrimPrefix(server.URL, "http://")
	return h
}

func (h *house) push(reference string, created time.Time, layers ...layer) azward.Digest {
	h.t.Helper()
	img := empty.Image
	for _, l := range layers {
		raw := l.bytes(h.t)
		made, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(raw)), nil })
		if err != nil {
			h.t.Fatal(err)
		}
		img, err = mutate.Append(img, mutate.Addendum{Layer: made, History: v1.History{CreatedBy: l.by}})
		if err != nil {
			h.t.Fatal(err)
		}
	}
	img, err := mutate.CreatedAt(img, v1.Time{Time: created})
	if err != nil {
		h.t.Fatal(err)
	}
	ref, err := name.ParseReference(h.host+"/"+reference, name.Insecure)
	if err != nil {
		h.t.Fatal(err)
	}
	if err := remote.Write(ref, img); err != nil {
		h.t.Fatal(err)
	}
	digest, err := img.Digest()
	if err != nil {
		h.t.Fatal(err)
	}
	return azward.Digest(digest.String())
}

// count gives what was asked since the last call.
func (h *house) count() map[string]int {
	h.mu.Lock()
	defer h.mu.Unlock()
	got := h.asked
	h.asked = map[string]int{}
	return got
}

func (h *house) fail(broken func(*http.Request) bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.broken = broken
}

func open(t testing.TB) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(context.Background(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

func scanOf(t testing.TB, h *house, s *sqlite.Store, at time.Time) registry.Scan {
	t.Helper()
	client := &image.Registry{Host: h.host, PlainHTTP: true}
	t.Cleanup(func() {
		if err := client.Close(); err != nil {
			t.Error(err)
		}
	})
	return registry.Scan{Client: client, Host: h.host, Images: &image.Scanner{Cache: registry.Layers{Store: s}}, Store: s, At: at}
}

func scan(t testing.TB, h *house, s *sqlite.Store, at time.Time) *registry.Result {
	t.Helper()
	result, err := scanOf(t, h, s, at).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return result
}

// advisories is an index of the few records of these tests.
type advisories struct{ *advisory.Index }

// Compare implements [remediation.Advisories].
func (advisories) Compare(ecosystem, a, b string) (int, error) {
	return advisory.Compare(ecosystem, a, b)
}

func index(t testing.TB) advisories {
	t.Helper()
	var b bytes.Buffer
	w := advisory.NewWriter(&b, day)
	record := func(id, ecosystem, name, fixed, vector string) {
		events := []advisory.Event{{Kind: advisory.Introduced, Version: "0"}}
		if fixed != "" {
			events = append(events, advisory.Event{Kind: advisory.Fixed, Version: fixed})
		}
		r := &advisory.Record{ID: id, Vectors: []string{vector}, Affected: []advisory.Affected{{Ecosystem: ecosystem, Name: name, Ranges: [][]advisory.Event{events}}}}
		if err := w.Add(r); err != nil {
			t.Fatal(err)
		}
	}
	const critical, medium = "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H", "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:L/I:N/A:N"
	record("CVE-2024-0001", "npm", "lodash", "4.17.5", critical)
	record("CVE-2024-0002", "npm", "lodash", "4.17.12", medium)
	record("CVE-2024-0003", "npm", "left-pad", "", medium)
	record("CVE-2024-0004", "Debian:12", "openssl", "3.0.2-1", critical)
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	ix, err := advisory.OpenBytes(b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	return advisories{ix}
}

func view(t testing.TB, h *house, s *sqlite.Store, runs func([]azward.Digest, []string) []registry.Run) *registry.View {
	t.Helper()
	v, err := registry.Load{Registry: h.host, Store: s, Advisories: index(t), Runs: runs}.View(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func same[T any](t testing.TB, what string, want, got T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", what, diff)
	}
}

// TestEachLayerOnce: three images share a base; the second run asks for digests
// alone, and a new image costs its own layers.
func TestEachLayerOnce(t *testing.T) {
	t.Parallel()
	h, s := newHouse(t), open(t)
	h.push("base/debian:12", day, debian)
	h.push("shop/cart:1", day, debian, app("lodash@4.17.4"))
	h.push("shop/web:1", day, debian, app("left-pad@1.0.0"))
	h.count()
	first := scan(t, h, s, day)
	same(t, "images read", 3, first.Images)
	same(t, "gaps", 0, len(first.Gaps))
	same(t, "blobs of the first run", 3+3, h.count()["GET blobs"]) // three layers, three configurations

	second := scan(t, h, s, day.Add(time.Hour))
	same(t, "known", 3, second.Known)
	same(t, "images read again", 0, second.Images)
	again := h.count()
	same(t, "manifests of the second run", 3, again["HEAD manifests"]+again["GET manifests"])
	same(t, "blobs of the second run", 0, again["GET blobs"])

	h.push("shop/pay:1", day, debian, app("lodash@4.17.21"))
	h.count()
	third := scan(t, h, s, day.Add(2*time.Hour))
	same(t, "a new tag", 1, third.Moves.New)
	same(t, "blobs of the third run", 2, h.count()["GET blobs"])
}

// TestInterrupted: what was finished is not read again.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	h, s := newHouse(t), open(t)
	for i := range 6 {
		h.push(fmt.Sprintf("shop/svc%d:1", i), day, debian, app(fmt.Sprintf("lodash@4.17.%d", i)))
	}
	h.count()
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	interrupted := scanOf(t, h, s, day)
	interrupted.Workers = 1
	interrupted.Progress = func(p registry.Progress) {
		if p.Stage == "images" && p.Done == 3 {
			cancel()
		}
	}
	if _, err := interrupted.Run(ctx); !errors.Is(err, context.Canceled) {
		t.Fatalf("got %v, want context.Canceled", err)
	}
	h.mu.Lock()
	finished := map[string]bool{}
	for digest := range h.blobs {
		_, ok, err := s.Layer(t.Context(), "layer/"+image.ExtractorsVersion+"/"+digest)
		if err != nil {
			t.Error(err)
		}
		if ok {
			finished[digest] = true
		}
		h.blobs[digest] = 0
	}
	h.mu.Unlock()
	if len(finished) < 4 { // the base and three of the others
		t.Errorf("%d layers were kept", len(finished))
	}
	result := scan(t, h, s, day.Add(time.Minute))
	same(t, "known by then", 3, result.Known)
	h.mu.Lock()
	defer h.mu.Unlock()
	for digest := range finished {
		if h.blobs[digest] > 0 {
			t.Errorf("layer %s was finished and is read again", digest)
		}
	}
}

// TestBrokenImage: one image that cannot be read is a gap, the others are read,
// and the next run tries it again.
func TestBrokenImage(t *testing.T) {
	t.Parallel()
	h, s := newHouse(t), open(t)
	h.push("shop/cart:1", day, debian)
	broken := h.push("shop/web:1", day, app("lodash@4.17.4"))
	h.fail(func(r *http.Request) bool {
		return strings.HasSuffix(r.URL.Path, "/shop/web/manifests/"+string(broken)) && r.Method == http.MethodGet
	})
	result := scan(t, h, s, day)
	same(t, "read", 1, result.Images)
	if len(result.Gaps) != 1 || result.Gaps[0].Scope != azward.ResourceID(h.host+"/shop/web@"+string(broken)) || result.Gaps[0].Error == "" {
		t.Errorf("gaps: %+v", result.Gaps)
	}
	v := view(t, h, s, nil)
	same(t, "images shown", 1, len(v.Images))
	for _, r := range v.Repositories {
		if r.Name == "shop/web" && (len(r.Unread) != 1 || r.Unread[0].Error == "") {
			t.Errorf("the repository does not tell of the image that could not be read: %+v", r)
		}
	}
	h.fail(nil)
	result = scan(t, h, s, day.Add(time.Hour))
	same(t, "read later", 1, result.Images)
	same(t, "gaps later", 0, len(result.Gaps))
}

// TestUnlistable: a registry that shows no catalogue is an error that says what
// to do; a named repository needs none.
func TestUnlistable(t *testing.T) {
	t.Parallel()
	h, s := newHouse(t), open(t)
	h.push("shop/cart:1", day, debian)
	h.fail(func(r *http.Request) bool { return strings.HasSuffix(r.URL.Path, "_catalog") })
	if _, err := scanOf(t, h, s, day).Run(t.Context()); err == nil {
		t.Error("a registry that cannot be listed gives no error")
	}
	named := scanOf(t, h, s, day)
	named.Repositories = []string{"shop/cart"}
	result, err := named.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "images read", 1, result.Images)
}

// TestTimeline: the vulnerability that 2 fixed is back in 3.
func TestTimeline(t *testing.T) {
	t.Parallel()
	h, s := newHouse(t), open(t)
	first := h.push("shop/cart:latest", day, debian, app("lodash@4.17.4"))
	scan(t, h, s, day)
	h.push("shop/cart:latest", day.AddDate(0, 0, 1), debian, app("lodash@4.17.21", "left-pad@1.0.0"))
	moves := scan(t, h, s, day.AddDate(0, 0, 1)).Moves
	same(t, "moved", 1, moves.Moved)
	h.push("shop/cart:latest", day.AddDate(0, 0, 2), debian, app("lodash@4.17.11", "left-pad@1.0.0"))
	scan(t, h, s, day.AddDate(0, 0, 2))

	v := view(t, h, s, func(digests []azward.Digest, _ []string) []registry.Run {
		for _, d := range digests {
			if d == first {
				return []registry.Run{{Workload: azward.Workload{Name: "shop/cart"}}}
			}
		}
		return []registry.Run{}
	})
	var got []string
	for _, x := range v.Timeline("shop/cart") {
		line := strings.Join(x.Tags, ",") + ":"
		for _, part := range []struct {
			word string
			list []registry.Change
		}{{"fixed", x.Diff.Fixed}, {"new", x.Diff.New}, {"regressed", x.Diff.Regressed}} {
			for _, c := range part.list {
				line += " " + part.word + " " + c.Vulnerability + " " + c.Package + " " + c.Version
			}
		}
		got = append(got, fmt.Sprintf("%s unchanged %d", line, x.Diff.Unchanged))
	}
	same(t, "timeline", []string{
		"latest: new CVE-2024-0001 lodash 4.17.4 new CVE-2024-0004 openssl 3.0.1-1 new CVE-2024-0002 lodash 4.17.4 unchanged 0",
		"latest: fixed CVE-2024-0001 lodash 4.17.4 fixed CVE-2024-0002 lodash 4.17.4 new CVE-2024-0003 left-pad 1.0.0 unchanged 1",
		"latest: regressed CVE-2024-0002 lodash 4.17.11 unchanged 2",
	}, got)
	same(t, "untagged images that run", 1, len(v.Untagged()))
	same(t, "tags that nothing runs", []string{"shop/cart:latest"}, v.Idle())
	same(t, "the one that runs comes first", first, v.Images[0].Digest)
}

// TestTimelineOfReproducibleBuilds: images that say the same time are ordered by
// their tags.
func TestTimelineOfReproducibleBuilds(t *testing.T) {
	t.Parallel()
	h, s := newHouse(t), open(t)
	for _, tag := range []string{"1.10.0", "1.9.0", "1.2.0", "1.9.0-rc1"} {
		h.push("shop/cart:"+tag, day, debian, app("lodash@"+tag))
	}
	scan(t, h, s, day)
	var got []string
	for _, x := range view(t, h, s, nil).Timeline("shop/cart") {
		got = append(got, strings.Join(x.Tags, ","))
	}
	same(t, "timeline", []string{"1.2.0", "1.9.0", "1.9.0-rc1", "1.10.0"}, got)
}

// TestBase: what the base brought is told apart, and a newer base is offered
// with what it clears.
func TestBase(t *testing.T) {
	t.Parallel()
	h, s := newHouse(t), open(t)
	h.push("base/debian:12", day, debian)
	h.push("shop/cart:1", day, debian, app("lodash@4.17.4"))
	scan(t, h, s, day)
	h.push("base/debian:12", day.AddDate(0, 1, 0), debianFixed)
	scan(t, h, s, day.AddDate(0, 1, 0))
	v := view(t, h, s, nil)
	cart := v.Find("shop/cart:1")
	if cart == nil || cart.Base == nil {
		t.Fatal("no base was found")
	}
	same(t, "base", "base/debian:12", cart.Base.Reference)
	same(t, "its layers", 1, cart.Base.Layers)
	if cart.Base.Moved == "" {
		t.Error("that the base's tag has moved is not told")
	}
	same(t, "findings", remediation.Counts{Critical: 2, Medium: 1}, cart.Counts)
	same(t, "of the base", remediation.Counts{Critical: 1}, cart.BaseCounts)
	actions, left, err := v.Advice(cart, index(t))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, a := range actions {
		got = append(got, fmt.Sprintf("%s: %s", a.Title, strings.Join(a.Clears, " ")))
	}
	same(t, "actions", []string{
		"upgrade lodash from 4.17.4 to 4.17.12: CVE-2024-0001 CVE-2024-0002",
		"build on " + h.host + "/base/debian:12: CVE-2024-0004",
		"update openssl of the distribution: CVE-2024-0004",
	}, got)
	same(t, "left", 0, left)
	same(t, "where it came from", "COPY . /srv", actions[0].Steps[0].Line)
	layers := cart.Layers()
	same(t, "layers of the base", []bool{true, false}, []bool{layers[0].Base, layers[1].Base})
	same(t, "findings by layer", []int{1, 2}, []int{layers[0].Findings, layers[1].Findings})
}

// TestSelected: patterns say what is read and what is shown, with bases that
// they do not select; a pattern that selects nothing is an error.
func TestSelected(t *testing.T) {
	t.Parallel()
	h, s := newHouse(t), open(t)
	h.push("base/debian:12", day, debian)
	h.push("shop/cart:1", day, debian, app("lodash@4.17.4"))
	h.push("shop/cart:2", day, debian, app("lodash@4.17.5"))
	h.push("team/api:1", day, debian, app("lodash@4.17.11"))
	scan(t, h, s, day)
	for name, tc := range map[string]struct{ repositories, tags, want []string }{
		"repositories": {[]string{"shop/*"}, nil, []string{"shop/cart:1", "shop/cart:2"}},
		"a_repository": {[]string{"team/api"}, nil, []string{"team/api:1"}},
		"tags":         {nil, []string{"1"}, []string{"shop/cart:1", "team/api:1"}},
		"both":         {[]string{"shop/*", "none"}, []string{"2"}, []string{"shop/cart:2"}},
		"no_such":      {[]string{"none/*"}, nil, nil},
		"no_such_tag":  {nil, []string{"9"}, nil},
		"no_pattern":   {[]string{"["}, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			look := scanOf(t, h, s, day)
			look.Repositories, look.Tags = tc.repositories, tc.tags
			if _, err := look.Run(t.Context()); tc.want == nil && azward.KindOf(err) != azward.KindNotFound || tc.want != nil && err != nil {
				t.Errorf("%v", err)
			}
			v, err := registry.Load{Registry: h.host, Store: s, Advisories: index(t), Repositories: tc.repositories, Tags: tc.tags}.View(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			var got []string
			for _, i := range v.Images {
				if got = append(got, i.Names...); i.Base == nil || i.Base.Reference != "base/debian:12" {
					t.Errorf("%s: base %+v", i.Name(), i.Base)
				}
			}
			slices.Sort(got)
			same(t, "images", tc.want, got)
		})
	}
}

// TestRunning: a digest that runs is read although no tag names it.
func TestRunning(t *testing.T) {
	t.Parallel()
	h, s := newHouse(t), open(t)
	old := h.push("shop/cart:1", day, app("lodash@4.17.4"))
	h.push("shop/cart:1", day, app("lodash@4.17.21"))
	look := scanOf(t, h, s, day)
	look.Running = map[string][]azward.Digest{"shop/cart": {old}}
	result, err := look.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	same(t, "images read", 2, result.Images)
	if view(t, h, s, nil).Find("shop/cart@"+string(old)) == nil {
		t.Error("the running digest is not shown")
	}
}

// TestParallelScans: two scans on one store do not fail each other.
func TestParallelScans(t *testing.T) {
	t.Parallel()
	h, s := newHouse(t), open(t)
	for i := range 8 {
		h.push(fmt.Sprintf("shop/svc%d:1", i), day, debian, app(fmt.Sprintf("lodash@4.17.%d", i)))
	}
	var group sync.WaitGroup
	for i := range 3 {
		one := scanOf(t, h, s, day.Add(time.Duration(i)*time.Second))
		group.Go(func() {
			if result, err := one.Run(t.Context()); err != nil || len(result.Gaps) > 0 {
				t.Errorf("%v, %+v", err, result)
			}
		})
	}
	group.Wait()
	same(t, "images", 8, len(view(t, h, s, nil).Images))
}

// TestStored: what is kept of an image is the image.
func TestStored(t *testing.T) {
	t.Parallel()
	h, s := newHouse(t), open(t)
	digest := h.push("shop/cart:1", day, debian, app("lodash@4.17.4"))
	scan(t, h, s, day)
	ref, err := image.ParseReference(h.host + "/shop/cart@" + string(digest))
	if err != nil {
		t.Fatal(err)
	}
	client := &image.Registry{Host: h.host, PlainHTTP: true}
	defer client.Close()
	want, err := new(image.Scanner).Scan(t.Context(), client.Open(ref))
	if err != nil {
		t.Fatal(err)
	}
	kept, found, err := s.Image(t.Context(), digest)
	if err != nil || !found {
		t.Fatal(found, err)
	}
	got, err := registry.Restored(kept)
	if err != nil {
		t.Fatal(err)
	}
	same(t, "image", want, got)
}
