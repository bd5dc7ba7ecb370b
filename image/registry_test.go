package image_test

import (
	"archive/tar"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/image"
)

func six(tb testing.TB, version string) []byte {
	tb.Helper()
	return tarOf(tb, entry{name: "six.egg-info", body: "Name: six\nVersion: " + version + "\n"})
}

func (s *served) connect(string) (*image.Registry, error) { return s.Registry, nil }

// Images on one base read the base once; an image seen before costs its
// manifest and configuration, and no layer.
func TestLayersAreReadOnce(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	base := tarOf(t, entry{name: "etc/os-release", body: debian}, entry{name: "var/lib/dpkg/status", body: dpkg})
	var refs []image.Reference
	for i := range 6 {
		own := six(t, fmt.Sprint(i))
		refs = append(refs, s.push(t, "team/app", fmt.Sprintf("v%d", i), gzipped(t, base, own, own)))
	}
	configs := len(refs)
	scanner := &image.Scanner{Cache: &image.MemoryCache{}, Workers: 2}
	var all sync.WaitGroup
	for _, ref := range refs {
		all.Go(func() {
			img, err := scanner.ScanReference(t.Context(), ref, s.connect)
			if err != nil || len(img.Packages) != 3 || len(img.Gaps) != 0 {
				t.Errorf("%s: %v, %v", ref, img, err)
			}
		})
	}
	all.Wait()
	if got, want := s.count("GET blobs"), configs+1+len(refs); got != want {
		t.Errorf("%d blob requests, want %d: a configuration each, the base once, one own layer each", got, want)
	}
	before := s.count("GET blobs")
	if _, err := scanner.ScanReference(t.Context(), refs[0], s.connect); err != nil {
		t.Fatal(err)
	}
	if got := s.count("GET blobs") - before; got != 1 {
		t.Errorf("known image: %d blob requests, want 1 for the configuration", got)
	}
	// A configuration that claims the diffIDs of known layers gives its own
	// layers no packages of theirs.
	liar := build(t, [][]byte{gz(t, six(t, "9")), gz(t, six(t, "0"))}, [][]byte{base, six(t, "1")})
	img, err := scanner.ScanReference(t.Context(), s.push(t, "team/app", "liar", liar), s.connect)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"PyPI six 0 /six.egg-info"}, brief(img)); diff != "" {
		t.Error(diff)
	}
}

func TestResolveDigestAndListings(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	b := gzipped(t, six(t, "1"))
	ref := s.push(t, "team/app", "v1", b)
	s.push(t, "team/app", "v2", b)
	s.push(t, "other", "latest", b)
	if got, err := s.ResolveDigest(t.Context(), ref); err != nil || got != digest(b.manifest) {
		t.Errorf("%s, %v", got, err)
	}
	if _, err := s.ResolveDigest(t.Context(), s.ref(t, "team/app:none")); azward.KindOf(err) != azward.KindNotFound {
		t.Errorf("missing tag: %v", err)
	}
	var repos, tags []string
	for name, err := range s.Repositories(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		repos = append(repos, name)
	}
	for tag, err := range s.Tags(t.Context(), "team/app") {
		if err != nil {
			t.Fatal(err)
		}
		tags = append(tags, tag.Name)
	}
	slices.Sort(repos) // the registry lists in any order
	if diff := cmp.Diff([][]string{{"other", "team/app"}, {"v1", "v2"}}, [][]string{repos, tags}); diff != "" {
		t.Error(diff)
	}
}

// Azure's listing: pages by Link, tags with digest and time.
func TestACRListing(t *testing.T) {
	t.Parallel()
	d := digest([]byte("x"))
	s := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		last := r.URL.Query().Get("last")
		switch {
		case r.URL.Path == "/acr/v1/_catalog" && last == "":
			w.Header().Set("Link", `</acr/v1/_catalog?last=a&n=1>; rel="next"`)
			fmt.Fprint(w, `{"repositories":["a"]}`)
		case r.URL.Path == "/acr/v1/_catalog" && last == "a":
			fmt.Fprint(w, `{"repositories":["b/c"]}`)
		case r.URL.Path == "/acr/v1/b/c/_tags":
			fmt.Fprintf(w, `{"registry":"x","imageName":"b/c","tags":[{"name":"1.0","digest":%q,"lastUpdateTime":"2026-11-01T10:00:00Z"}]}`, d)
		case r.URL.Path == "/acr/v1/loop/_tags":
			w.Header().Set("Link", `</acr/v1/loop/_tags?last=x>; rel="next"`)
			fmt.Fprint(w, `{"tags":[{"name":"1"}]}`)
		default:
			return false
		}
		return true
	})
	var repos []string
	for name, err := range s.Repositories(t.Context()) {
		if err != nil {
			t.Fatal(err)
		}
		repos = append(repos, name)
	}
	for tag, err := range s.Tags(t.Context(), "b/c") {
		if err != nil || tag.Digest != d || tag.Updated.IsZero() {
			t.Errorf("%+v, %v", tag, err)
		}
	}
	if diff := cmp.Diff([]string{"a", "b/c"}, repos); diff != "" {
		t.Error(diff)
	}
	var end error
	for _, err := range s.Tags(t.Context(), "loop") {
		end = err
	}
	if azward.KindOf(end) != azward.KindBadInput {
		t.Errorf("pages without end: %v", end)
	}
}

// The bearer token goes to the registry and nowhere else: not to the storage
// that it redirects to, be it another port of the same host.
func TestTokenIsNotForwarded(t *testing.T) {
	t.Parallel()
	layer := gz(t, six(t, "1"))
	var leaked atomic.Int32
	storage := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "" {
			leaked.Add(1)
		}
		if _, err := w.Write(layer); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(storage.Close)
	var tokens, asked atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		switch {
		case r.URL.Path == "/oauth2/token":
			if err := r.ParseForm(); err != nil || r.Form.Get("refresh_token") != "refresh" || r.Form.Get("scope") != "repository:app:pull" || r.Form.Get("service") != "test" {
				t.Errorf("token request %v, %v", r.Form, err)
			}
			tokens.Add(1)
			fmt.Fprint(w, `{"access_token":"bearer-1"}`)
		case r.Method == http.MethodPost || r.Method == http.MethodPut:
			return false
		case r.Header.Get("Authorization") != "Bearer bearer-1":
			w.Header().Set("WWW-Authenticate", fmt.Sprintf(`Bearer realm="http://%s/oauth2/token",service="test"`, r.Host))
			w.WriteHeader(http.StatusUnauthorized)
		case strings.HasSuffix(r.URL.Path, string(digest(layer))):
			asked.Add(1)
			http.Redirect(w, r, storage.URL+"/blob?sig=secret", http.StatusTemporaryRedirect)
		default:
			return false
		}
		return true
	})
	ref := s.push(t, "app", "v1", build(t, [][]byte{layer}, [][]byte{six(t, "1")}))
	s.Auth = fixed{image.Credentials{IdentityToken: "refresh"}}
	img, err := (&image.Scanner{}).ScanReference(t.Context(), ref, s.connect)
	if err != nil || len(img.Packages) != 1 {
		t.Fatalf("%v, %v", img, err)
	}
	if leaked.Load() != 0 || tokens.Load() != 1 || asked.Load() != 1 {
		t.Errorf("leaked %d, tokens %d, redirects %d", leaked.Load(), tokens.Load(), asked.Load())
	}
}

type fixed struct{ c image.Credentials }

func (f fixed) Credentials(context.Context, string) (image.Credentials, error) { return f.c, nil }

func TestCredentialsDoNotPrint(t *testing.T) {
	t.Parallel()
	c := image.Credentials{Username: "u", Password: "hunter2", IdentityToken: "hunter2", RegistryToken: "hunter2"}
	raw, err := json.Marshal(c)
	if err != nil {
		t.Fatal(err)
	}
	for _, s := range []string{fmt.Sprint(c), fmt.Sprintf("%+v %#v %q %s", c, c, c, c), fmt.Sprintf("%v", &c), string(raw)} {
		if strings.Contains(s, "hunter2") {
			t.Error(s)
		}
	}
}

// Each way that a registry can refuse has its own kind, cause and remedy.
func TestRegistryProblems(t *testing.T) {
	t.Parallel()
	say := func(status int, contentType, body string) func(http.ResponseWriter, *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool {
			w.Header().Set("Content-Type", contentType)
			w.Header().Set("Retry-After", "3600")
			w.WriteHeader(status)
			fmt.Fprint(w, body)
			return true
		}
	}
	const js = "application/json"
	for _, tc := range []struct {
		name   string
		before func(http.ResponseWriter, *http.Request) bool
		kind   azward.Kind
		cause  string
		remedy string
	}{
		{"html", say(200, "text/html; charset=utf-8", "<html>Sign in to the guest network</html>"), azward.KindBadInput, "web page", "proxy"},
		{"unauthorized", say(401, js, `{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}`), azward.KindSignIn, "credentials", "docker login"},
		{"denied", say(403, js, `{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}`), azward.KindRole, "not allowed to pull", "right to pull"},
		{"firewall", say(403, js, `{"errors":[{"code":"DENIED","message":"client with IP '203.0.113.9' is not allowed access. Refer https://aka.ms/acr/firewall to grant access."}]}`), azward.KindUnavailable, "203.0.113.9", "az acr network-rule add"},
		{"missing", nil, azward.KindNotFound, "no such image", "tag"},
		{"throttled", say(429, js, `{"errors":[{"code":"TOOMANYREQUESTS","message":"slow down"}]}`), azward.KindThrottled, "wait", "run it again"},
		{"broken", say(500, "text/plain", "oops"), azward.KindUnavailable, "500", "later"},
		{"not_json", say(200, js, "{"), azward.KindBadInput, "not JSON", "reference"},
		{"schema_1", say(200, "application/vnd.docker.distribution.manifest.v1+prettyjws", `{"schemaVersion":1}`), azward.KindBadInput, "schema 1", "push"},
		{"helm_chart", say(200, js, `{"schemaVersion":2,"config":{"mediaType":"application/vnd.cncf.helm.config.v1+json","digest":"sha256:`+strings.Repeat("a", 64)+`"},"layers":[]}`), azward.KindBadInput, "helm.config", "image"},
		{"too_large", say(200, js, strings.Repeat(" ", 5<<20)), azward.KindBadInput, "larger than the limit", "registry"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			ping := true
			s := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
				return tc.before != nil && (r.URL.Path != "/v2/" || !ping) && tc.before(w, r)
			})
			_, err := (&image.Scanner{}).ScanReference(t.Context(), s.ref(t, "team/app:v1"), s.connect)
			var e *azward.Error
			if !errors.As(err, &e) {
				t.Fatalf("%v", err)
			}
			if e.Kind != tc.kind || !strings.Contains(e.Cause, tc.cause) || !strings.Contains(e.Remedy, tc.remedy) || e.Remedy == "" {
				t.Errorf("kind %s, cause %q, remedy %q", e.Kind, e.Cause, e.Remedy)
			}
		})
	}
}

func TestThrottledRequestsAreRepeated(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.Contains(r.URL.Path, "/manifests/") || n.Add(1) > 2 {
			return false
		}
		w.Header().Set("Retry-After", "0")
		w.WriteHeader(http.StatusTooManyRequests)
		return true
	})
	ref := s.push(t, "app", "v1", gzipped(t, six(t, "1")))
	if _, err := (&image.Scanner{}).ScanReference(t.Context(), ref, s.connect); err != nil {
		t.Fatal(err)
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.NotFoundHandler())
	host := strings.TrimPrefix(server.URL, "http://")
	server.Close()
	ref, err := image.ParseReference(host + "/a:b")
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range map[string]*image.Registry{
		"refused":              {Host: host, PlainHTTP: true},
		"plain_http_elsewhere": {Host: "registry.example", PlainHTTP: true},
	} {
		_, err := (&image.Scanner{}).ScanReference(t.Context(), ref, func(string) (*image.Registry, error) { return r, nil })
		want := azward.KindUnavailable
		if name != "refused" {
			want = azward.KindUsage
		}
		var e *azward.Error
		if !errors.As(err, &e) || e.Kind != want || e.Remedy == "" {
			t.Errorf("%s: %v", name, err)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	}
	// HTTPS is never given up for HTTP by itself.
	s := serve(t, nil)
	r := &image.Registry{Host: s.Host}
	_, err = (&image.Scanner{}).Scan(t.Context(), r.Open(s.ref(t, "a:b")))
	if azward.KindOf(err) != azward.KindUnavailable || s.count("GET manifests") != 0 {
		t.Errorf("plain registry without --plain-http: %v", err)
	}
	if err := r.Close(); err != nil {
		t.Error(err)
	}
}

// A layer whose bytes are not those that the manifest names is a gap, and is
// not kept.
func TestDigestMismatch(t *testing.T) {
	t.Parallel()
	right, wrong := gz(t, six(t, "1")), gz(t, six(t, "2"))
	lie := true
	var mu sync.Mutex
	s := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		mu.Lock()
		defer mu.Unlock()
		if !lie || r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, string(digest(right))) {
			return false
		}
		_, err := w.Write(wrong)
		return err == nil
	})
	ref := s.push(t, "app", "v1", build(t, [][]byte{right}, [][]byte{six(t, "1")}))
	scanner := &image.Scanner{Cache: &image.MemoryCache{}}
	img, err := scanner.ScanReference(t.Context(), ref, s.connect)
	if err != nil || len(img.Packages) != 0 || len(img.Gaps) != 1 || !strings.Contains(img.Gaps[0].Error, "digest") {
		t.Fatalf("%+v, %v", img, err)
	}
	mu.Lock()
	lie = false
	mu.Unlock()
	if img, err = scanner.ScanReference(t.Context(), ref, s.connect); err != nil || len(img.Packages) != 1 || len(img.Gaps) != 0 {
		t.Fatalf("told the truth: %+v, %v", img, err)
	}
}

// A connection that breaks is tried again.
func TestBrokenConnectionIsRepeated(t *testing.T) {
	t.Parallel()
	layer := gz(t, six(t, "1"))
	var n atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, string(digest(layer))) || n.Add(1) > 1 {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(layer)))
		_, err := w.Write(layer[:10])
		return err == nil
	})
	ref := s.push(t, "app", "v1", build(t, [][]byte{layer}, [][]byte{six(t, "1")}))
	img, err := (&image.Scanner{}).ScanReference(t.Context(), ref, s.connect)
	if err != nil || len(img.Packages) != 1 || len(img.Gaps) != 0 {
		t.Fatalf("%+v, %v", img, err)
	}
}

func TestCancelIsPrompt(t *testing.T) {
	t.Parallel()
	layer := gz(t, six(t, "1"))
	ctx, cancel := context.WithCancel(t.Context())
	s := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, string(digest(layer))) {
			return false
		}
		if _, err := w.Write(layer[:10]); err != nil {
			t.Error(err)
		}
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		cancel()
		<-r.Context().Done() // until the client hangs up
		return true
	})
	ref := s.push(t, "app", "v1", build(t, [][]byte{layer}, [][]byte{six(t, "1")}))
	_, err := (&image.Scanner{}).ScanReference(ctx, ref, s.connect)
	if azward.KindOf(err) != azward.KindInterrupted {
		t.Fatalf("%v", err)
	}
}

// An index gives the image of the platform, and never an attestation.
func TestIndex(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	amd, arm := gzipped(t, six(t, "1")), gzipped(t, six(t, "2"))
	s.push(t, "app", "amd", amd)
	s.push(t, "app", "arm", arm)
	item := func(b built, os, arch string, notes map[string]string) map[string]any {
		return map[string]any{
			"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(b.manifest), "size": len(b.manifest),
			"platform": map[string]string{"os": os, "architecture": arch}, "annotations": notes,
		}
	}
	index := marshal(t, map[string]any{"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": []any{
		item(arm, "unknown", "unknown", map[string]string{"vnd.docker.reference.type": "attestation-manifest"}),
		item(arm, "linux", "arm64", nil), item(amd, "linux", "amd64", nil),
	}})
	put(t, http.MethodPut, "http://"+s.Host+"/v2/app/manifests/multi", "application/vnd.oci.image.index.v1+json", index)
	ref := s.ref(t, "app:multi")
	for platform, want := range map[string]built{"": amd, "linux/arm64": arm} {
		img, err := (&image.Scanner{Platform: platform}).ScanReference(t.Context(), ref, s.connect)
		if err != nil || img.Digest != digest(want.manifest) || img.Index != digest(index) {
			t.Errorf("%q: %+v, %v", platform, img, err)
		}
	}
	_, err := (&image.Scanner{Platform: "windows/amd64"}).ScanReference(t.Context(), ref, s.connect)
	var e *azward.Error
	if !errors.As(err, &e) || e.Kind != azward.KindNotFound || !strings.Contains(e.Cause, "linux/arm64, linux/amd64") {
		t.Errorf("windows: %v", err)
	}
	if _, err := (&image.Scanner{Platform: "linux"}).ScanReference(t.Context(), ref, s.connect); azward.KindOf(err) != azward.KindUsage {
		t.Errorf("half a platform: %v", err)
	}
}

// An index that names an index for ever ends.
func TestIndexOfItself(t *testing.T) {
	t.Parallel()
	var n atomic.Int32
	s := serve(t, func(w http.ResponseWriter, r *http.Request) bool {
		if !strings.Contains(r.URL.Path, "/manifests/") {
			return false
		}
		n.Add(1)
		w.Header().Set("Content-Type", "application/vnd.oci.image.index.v1+json")
		body := marshal(t, map[string]any{"schemaVersion": 2, "manifests": []any{map[string]any{"digest": digest([]byte("other")), "platform": map[string]string{"os": "linux", "architecture": "amd64"}}}})
		_, err := w.Write(body)
		return err == nil
	})
	_, err := (&image.Scanner{}).ScanReference(t.Context(), s.ref(t, "app:v1"), s.connect)
	if azward.KindOf(err) != azward.KindBadInput || n.Load() > 4 {
		t.Errorf("%v after %d requests", err, n.Load())
	}
}

// The same image as Docker saves it, and as an OCI layout in a tar, has the
// same packages.
func TestTarballs(t *testing.T) {
	t.Parallel()
	base, own := tarOf(t, entry{name: "etc/os-release", body: debian}, entry{name: "var/lib/dpkg/status", body: dpkg}), six(t, "1")
	b := gzipped(t, base, own)
	want := brief(scan(t, b.layout(t)))
	plain := build(t, [][]byte{base, own}, [][]byte{base, own})
	blob := func(x []byte) entry {
		return entry{name: "blobs/sha256/" + strings.TrimPrefix(string(digest(x)), "sha256:"), body: string(x)}
	}
	saved := func(tags string) entry {
		return entry{name: "manifest.json", body: `[{"Config":"config.json","RepoTags":` + tags + `,"Layers":["1/layer.tar","2/layer.tar","3/layer.tar"]}]`}
	}
	three := build(t, [][]byte{base, own, own}, [][]byte{base, own, own})
	for name, tc := range map[string]struct {
		entries []entry
		tag     string
		kind    azward.Kind
	}{
		"docker_save_with_linked_layer": {[]entry{{name: "1/layer.tar", body: string(base)}, {name: "2/layer.tar", body: string(own)}, {name: "3/layer.tar", kind: tar.TypeSymlink, link: "../2/layer.tar"}, {name: "config.json", body: string(three.config)}, saved(`["app:v1"]`)}, "", 0},
		"docker_save_by_tag":            {[]entry{{name: "1/layer.tar", body: string(base)}, {name: "2/layer.tar", body: string(own)}, {name: "3/layer.tar", body: string(own)}, {name: "config.json", body: string(three.config)}, saved(`["app:v1"]`)}, "v1", 0},
		"compressed_layers":             {[]entry{{name: "a.tar.gz", body: string(b.layers[0])}, {name: "b.tar.gz", body: string(b.layers[1])}, {name: "c", body: string(b.config)}, {name: "manifest.json", body: `[{"Config":"c","Layers":["a.tar.gz","b.tar.gz"]}]`}}, "", 0},
		"oci_layout":                    {[]entry{{name: "oci-layout", body: "{}"}, {name: "./index.json", body: fmt.Sprintf(`{"manifests":[{"digest":%q}]}`, digest(plain.manifest))}, blob(plain.manifest), blob(plain.config), blob(base), blob(own)}, "", 0},
		"wrong_tag":                     {[]entry{{name: "config.json", body: "{}"}, saved(`["app:v1"]`)}, "v2", azward.KindUsage},
		"layer_missing":                 {[]entry{{name: "config.json", body: string(three.config)}, saved(`[]`)}, "", azward.KindBadInput},
		"no_image":                      {[]entry{{name: "hello", body: "x"}}, "", azward.KindBadInput},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			file := t.TempDir() + "/image.tar"
			write(t, file, tarOf(t, tc.entries...))
			img, err := (&image.Scanner{}).ScanReference(t.Context(), image.Reference{Kind: image.KindTarball, Path: file, Tag: tc.tag}, nil)
			if tc.kind != 0 {
				if azward.KindOf(err) != tc.kind {
					t.Fatalf("%v", err)
				}
				return
			}
			if err != nil || len(img.Gaps) != 0 {
				t.Fatalf("%+v, %v", img, err)
			}
			if diff := cmp.Diff(want, brief(img)); diff != "" {
				t.Error(diff)
			}
		})
	}
	for name, content := range map[string][]byte{"gzip": gz(t, tarOf(t, entry{name: "x"})), "text": []byte("hello")} {
		file := t.TempDir() + "/" + name
		write(t, file, content)
		_, err := image.Open(image.Reference{Kind: image.KindTarball, Path: file})
		if azward.KindOf(err) != azward.KindBadInput {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := image.Open(image.Reference{Kind: image.KindLayout, Path: t.TempDir() + "/none"}); azward.KindOf(err) != azward.KindNotFound {
		t.Errorf("no layout: %v", err)
	}
}

func TestParseReference(t *testing.T) {
	t.Parallel()
	d := "sha256:" + strings.Repeat("a", 64)
	for in, want := range map[string]image.Reference{
		"contoso.azurecr.io/team/app:1.2": {Kind: image.KindRegistry, Registry: "contoso.azurecr.io", Repository: "team/app", Tag: "1.2"},
		"Contoso.azurecr.io/app":          {Kind: image.KindRegistry, Registry: "contoso.azurecr.io", Repository: "app", Tag: "latest"},
		"contoso.azurecr.io/app@" + d:     {Kind: image.KindRegistry, Registry: "contoso.azurecr.io", Repository: "app", Digest: azward.Digest(d)},
		"127.0.0.1:5000/app:v1@" + d:      {Kind: image.KindRegistry, Registry: "127.0.0.1:5000", Repository: "app", Tag: "v1", Digest: azward.Digest(d)},
		"[::1]:5000/a":                    {Kind: image.KindRegistry, Registry: "[::1]:5000", Repository: "a", Tag: "latest"},
		"nginx:1.25":                      {Kind: image.KindRegistry, Registry: "docker.io", Repository: "library/nginx", Tag: "1.25"},
		"bitnami/redis":                   {Kind: image.KindRegistry, Registry: "docker.io", Repository: "bitnami/redis", Tag: "latest"},
		"oci:some/dir":                    {Kind: image.KindLayout, Path: "some/dir"},
		"oci:some/dir:v1":                 {Kind: image.KindLayout, Path: "some/dir", Tag: "v1"},
		"tar:/tmp/a.tar":                  {Kind: image.KindTarball, Path: "/tmp/a.tar"},
		"file:bin/azward":                 {Kind: image.KindFile, Path: "bin/azward"},
	} {
		got, err := image.ParseReference(in)
		if err != nil {
			t.Errorf("%s: %v", in, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", in, diff)
		}
	}
	for _, in := range []string{"", "https://contoso.azurecr.io/app", "contoso.azurecr.io/App", "contoso.azurecr.io/app:", "a/b@sha256:123", "a/b:" + strings.Repeat("x", 200), "oci:", "contoso.azurecr.io/", "con toso.io/app", strings.Repeat("a/", 300) + "a"} {
		_, err := image.ParseReference(in)
		var e *azward.Error
		if !errors.As(err, &e) || e.Kind != azward.KindUsage || e.Remedy == "" {
			t.Errorf("%q: %v", in, err)
		}
	}
}
