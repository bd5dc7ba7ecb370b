package image_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/registry"
	"go.uber.org/goleak"

	"github.com/azward/azward"
	"github.com/azward/azward/image"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// entry is one entry of a layer's tar; Type 0 is a regular file.
type entry struct {
	name, body string
	kind       byte
	link       string
}

func tarOf(tb testing.TB, entries ...entry) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Size: int64(len(e.body)), Mode: 0o755, Typeflag: tar.TypeReg, Linkname: e.link, Format: tar.FormatPAX}
		if e.kind != 0 {
			h.Typeflag, h.Size = e.kind, 0
		}
		if err := w.WriteHeader(h); err != nil {
			tb.Fatal(err)
		}
		if h.Size > 0 {
			if _, err := w.Write([]byte(e.body)); err != nil {
				tb.Fatal(err)
			}
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

func gz(tb testing.TB, b []byte) []byte {
	tb.Helper()
	var out bytes.Buffer
	w := gzip.NewWriter(&out)
	if _, err := w.Write(b); err != nil {
		tb.Fatal(err)
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return out.Bytes()
}

func jarOf(tb testing.TB, files ...string) string {
	tb.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err == nil {
			_, err = w.Write([]byte(files[i+1]))
		}
		if err != nil {
			tb.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.String()
}

func digest(b []byte) azward.Digest {
	sum := sha256.Sum256(b)
	return azward.Digest("sha256:" + hex.EncodeToString(sum[:]))
}

// built is an image as its blobs.
type built struct {
	manifest []byte
	config   []byte
	layers   [][]byte
}

// build makes an image of layers as stored. DiffIDs are computed from plain.
func build(tb testing.TB, layers [][]byte, plain [][]byte) built {
	tb.Helper()
	var history []map[string]any
	var diffs []azward.Digest
	history = append(history, map[string]any{"created_by": "ENV A=secret", "empty_layer": true})
	for i, p := range plain {
		diffs = append(diffs, digest(p))
		history = append(history, map[string]any{"created_by": fmt.Sprintf("RUN step-%d", i)})
	}
	config := marshal(tb, map[string]any{
		"os": "linux", "architecture": "amd64", "created": "2026-11-20T09:00:00Z", "history": history,
		"rootfs": map[string]any{"type": "layers", "diff_ids": diffs},
		"config": map[string]any{"User": "app", "ExposedPorts": map[string]any{"8080/tcp": map[string]any{}}, "Env": []string{"A=secret", "B=1"}, "Entrypoint": []string{"/app"}},
	})
	var list []map[string]any
	for _, l := range layers {
		list = append(list, map[string]any{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": digest(l), "size": len(l)})
	}
	manifest := marshal(tb, map[string]any{
		"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json", "layers": list,
		"config": map[string]any{"mediaType": "application/vnd.oci.image.config.v1+json", "digest": digest(config), "size": len(config)},
	})
	return built{manifest, config, layers}
}

// gzipped builds an image of layers given as tars.
func gzipped(tb testing.TB, tars ...[]byte) built {
	tb.Helper()
	var stored [][]byte
	for _, t := range tars {
		stored = append(stored, gz(tb, t))
	}
	return build(tb, stored, tars)
}

func marshal(tb testing.TB, v any) []byte {
	tb.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// layout writes the image as an OCI layout and gives its reference.
func (b built) layout(tb testing.TB) image.Reference {
	tb.Helper()
	dir := tb.TempDir()
	for _, blob := range append([][]byte{b.manifest, b.config}, b.layers...) {
		write(tb, filepath.Join(dir, "blobs", "sha256", strings.TrimPrefix(string(digest(blob)), "sha256:")), blob)
	}
	write(tb, filepath.Join(dir, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`))
	write(tb, filepath.Join(dir, "index.json"), marshal(tb, map[string]any{"schemaVersion": 2, "manifests": []any{map[string]any{
		"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": digest(b.manifest), "size": len(b.manifest),
		"annotations": map[string]string{"org.opencontainers.image.ref.name": "v1"},
	}}}))
	return image.Reference{Kind: image.KindLayout, Path: dir}
}

func write(tb testing.TB, name string, b []byte) {
	tb.Helper()
	if err := os.MkdirAll(filepath.Dir(name), 0o750); err != nil {
		tb.Fatal(err)
	}
	if err := os.WriteFile(name, b, 0o600); err != nil {
		tb.Fatal(err)
	}
}

// served is a real registry on loopback that counts what is asked of it.
type served struct {
	*image.Registry
	mu       sync.Mutex
	requests map[string]int // "GET blobs", "GET manifests" …
}

func (s *served) count(what string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.requests[what]
}

// serve starts the registry; before, when set, may answer a request itself.
func serve(tb testing.TB, before func(http.ResponseWriter, *http.Request) bool) *served {
	tb.Helper()
	handler := registry.New(registry.Logger(log.New(discard{}, "", 0)))
	s := &served{requests: map[string]int{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for _, kind := range []string{"blobs", "manifests"} {
			if strings.Contains(r.URL.Path, "/"+kind+"/") {
				s.mu.Lock()
				s.requests[r.Method+" "+kind]++
				s.mu.Unlock()
			}
		}
		if before == nil || !before(w, r) {
			handler.ServeHTTP(w, r)
		}
	}))
	s.Registry = &image.Registry{Host: strings.TrimPrefix(server.URL, "http://"), PlainHTTP: true}
	tb.Cleanup(func() {
		if err := s.Close(); err != nil {
			tb.Error(err)
		}
		server.Close()
		http.DefaultClient.CloseIdleConnections()
	})
	return s
}

type discard struct{}

func (discard) Write(p []byte) (int, error) { return len(p), nil }

// push uploads an image with plain requests.
func (s *served) push(tb testing.TB, repository, tag string, b built) image.Reference {
	tb.Helper()
	base := "http://" + s.Host + "/v2/" + repository
	for _, blob := range append([][]byte{b.config}, b.layers...) {
		put(tb, http.MethodPost, base+"/blobs/uploads/?digest="+string(digest(blob)), "application/octet-stream", blob)
	}
	put(tb, http.MethodPut, base+"/manifests/"+tag, "application/vnd.oci.image.manifest.v1+json", b.manifest)
	return s.ref(tb, repository+":"+tag)
}

func (s *served) ref(tb testing.TB, name string) image.Reference {
	tb.Helper()
	r, err := image.ParseReference(s.Host + "/" + name)
	if err != nil {
		tb.Fatal(err)
	}
	return r
}

func put(tb testing.TB, method, url, contentType string, b []byte) {
	tb.Helper()
	req, err := http.NewRequestWithContext(tb.Context(), method, url, bytes.NewReader(b))
	if err != nil {
		tb.Fatal(err)
	}
	req.Header.Set("Content-Type", contentType)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		tb.Fatal(err)
	}
	if err := res.Body.Close(); err != nil || res.StatusCode >= 300 {
		tb.Fatalf("%s %s: %s, %v", method, url, res.Status, err)
	}
}

// brief is a package in one line: ecosystem, name, version, where.
func brief(img *image.Image) []string {
	out := []string{}
	for _, p := range img.Packages {
		line := p.Ecosystem + " " + p.Name + " " + p.Version + " " + strings.Join(p.Locations, ",")
		if p.OwnedBy != "" {
			line += " owned by " + p.OwnedBy
		}
		out = append(out, line)
	}
	return out
}

func scan(tb testing.TB, ref image.Reference) *image.Image {
	tb.Helper()
	img, err := (&image.Scanner{}).ScanReference(tb.Context(), ref, nil)
	if err != nil {
		tb.Fatal(err)
	}
	return img
}
