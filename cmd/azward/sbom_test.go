package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/partial"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/static"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/types"
)

// shopRegistry serves one image with packages that the demo's advisories know,
// and says which blobs were asked for.
type shopRegistry struct {
	host, ref string
	digest    v1.Hash
	layers    map[string]bool

	mu    sync.Mutex
	asked int // layers
}

func newShopRegistry(t *testing.T) *shopRegistry {
	t.Helper()
	r := &shopRegistry{layers: map[string]bool{}}
	inner := ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)), ggcr.WithReferrersSupport(true))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		if _, digest, ok := strings.Cut(q.URL.Path, "/blobs/"); ok && q.Method == http.MethodGet && r.layers[digest] {
			r.mu.Lock()
			r.asked++
			r.mu.Unlock()
		}
		inner.ServeHTTP(w, q)
	}))
	t.Cleanup(server.Close)
	r.host = strings.TrimPrefix(server.URL, "http://")
	r.ref = r.host + "/shop/cart:1.4"
	img := empty.Image
	for _, l := range []struct {
		line  string
		files map[string]string
	}{
		{"ADD rootfs.tar.xz /", map[string]string{
			"etc/os-release": "ID=debian\nVERSION_ID=\"12\"\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n",
			"var/lib/dpkg/status": "Package: libssl3\nStatus: install ok installed\nArchitecture: amd64\nSource: openssl\nVersion: 3.0.9-1\n\n" +
				"Package: libblkid1\nStatus: install ok installed\nArchitecture: amd64\nSource: util-linux (2.38.1-5)\nVersion: 2.38.1-5+b1\n\n",
		}},
		{"COPY . /srv # buildkit", map[string]string{
			"srv/node_modules/lodash/package.json":        `{"name": "lodash", "version": "4.17.11"}`,
			"srv/node_modules/@babel/core/package.json":   `{"name": "@babel/core", "version": "7.0.0"}`,
			"srv/lib/Django-4.0.2.dist-info/METADATA":     "Metadata-Version: 2.1\nName: Django\nVersion: 4.0.2\n",
			"srv/lib/My_Package-1.0.dist-info/METADATA":   "Metadata-Version: 2.1\nName: My_Package\nVersion: 1.0\n",
			"srv/other/node_modules/lodash/package.json":  `{"name": "lodash", "version": "4.17.11"}`,
			"srv/other/node_modules/=1+1/package.json":    `{"name": "=1+1", "version": "1.0.0"}`,
			"srv/other/node_modules/express/package.json": `{"name": "express", "version": "4.21.2"}`,
		}},
	} {
		img = withLayer(t, img, l.line, l.files)
	}
	config, err := img.ConfigFile()
	if err == nil {
		config.OS, config.Architecture = "linux", "amd64"
		img, err = mutate.ConfigFile(img, config)
	}
	if err != nil {
		t.Fatal(err)
	}
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range layers {
		d, err := l.Digest()
		if err != nil {
			t.Fatal(err)
		}
		r.layers[d.String()] = true
	}
	r.push(t, r.ref, img)
	if r.digest, err = img.Digest(); err != nil {
		t.Fatal(err)
	}
	return r
}

func withLayer(t *testing.T, img v1.Image, line string, files map[string]string) v1.Image {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for path, content := range files {
		err := w.WriteHeader(&tar.Header{Name: path, Mode: 0o644, Size: int64(len(content))})
		if err == nil {
			_, err = io.WriteString(w, content)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	layer, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err == nil {
		img, err = mutate.Append(img, mutate.Addendum{Layer: layer, History: v1.History{CreatedBy: line}})
	}
	if err != nil {
		t.Fatal(err)
	}
	return img
}

func (r *shopRegistry) push(t *testing.T, ref string, img v1.Image) {
	t.Helper()
	at, err := name.ParseReference(ref, name.Insecure)
	if err == nil {
		err = remote.Write(at, img)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// attach pushes a document as a referrer of the image.
func (r *shopRegistry) attach(t *testing.T, mediaType string, document []byte) {
	t.Helper()
	r.attachAs(t, mediaType, mediaType, document)
}

func (r *shopRegistry) attachAs(t *testing.T, artifactType, mediaType string, document []byte) {
	t.Helper()
	img, err := mutate.AppendLayers(empty.Image, static.NewLayer(document, types.MediaType(mediaType)))
	if err != nil {
		t.Fatal(err)
	}
	at, err := name.ParseReference(r.ref, name.Insecure)
	if err != nil {
		t.Fatal(err)
	}
	subject, err := remote.Image(at)
	if err != nil {
		t.Fatal(err)
	}
	desc, err := partial.Descriptor(subject)
	if err != nil {
		t.Fatal(err)
	}
	img = mutate.ConfigMediaType(mutate.MediaType(img, types.OCIManifestSchema1), types.MediaType(artifactType))
	referrer, ok := mutate.Subject(img, *desc).(v1.Image)
	if !ok {
		t.Fatal("a referrer is no image")
	}
	d, err := referrer.Digest()
	if err != nil {
		t.Fatal(err)
	}
	r.push(t, r.host+"/shop/cart@"+d.String(), referrer)
}

// findingsOf reads what is vulnerable out of a report as JSON.
func findingsOf(t *testing.T, out string) []string {
	t.Helper()
	var doc struct {
		Vulnerabilities []struct {
			ID, PURL, Layer, Package, Version string
			FixedIn, Locations                []string
		}
		Gaps []struct{ Reads, Error string }
	}
	if err := json.Unmarshal([]byte(out), &doc); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	var list []string
	for _, v := range doc.Vulnerabilities {
		list = append(list, strings.Join(append([]string{v.ID, v.PURL, v.Layer, v.Package, v.Version, strings.Join(v.FixedIn, ",")}, v.Locations...), " "))
	}
	for _, g := range doc.Gaps {
		list = append(list, "gap "+g.Error)
	}
	slices.Sort(list)
	return list
}

// TestSBOMOfImage: an image and each document of it give the same findings.
func TestSBOMOfImage(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t) // for its advisories
	r := newShopRegistry(t)
	code, out, errs := runIn(t, data, "image", "scan", r.ref, "--plain-http", "--output", "json")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	want := findingsOf(t, out)
	for _, id := range []string{"CVE-2019-10744", "CVE-2022-28346", "CVE-2023-5363"} {
		if !slices.ContainsFunc(want, func(s string) bool { return strings.HasPrefix(s, id) }) {
			t.Errorf("the image has no %s: %v", id, want)
		}
	}
	for _, format := range []string{"cyclonedx", "spdx"} {
		for _, verb := range []string{"scan", "packages"} {
			file := filepath.Join(t.TempDir(), "cart.json")
			if code, _, errs := runIn(t, data, "image", verb, r.ref, "--plain-http", "--output", format, "--out", file); code != 0 {
				t.Fatalf("exit code %d: %s", code, errs)
			}
			code, out, errs := runIn(t, data, "image", "scan", "sbom:"+file, "--output", "json")
			if code != 0 {
				t.Fatalf("exit code %d: %s", code, errs)
			}
			if diff := cmp.Diff(want, findingsOf(t, out)); diff != "" {
				t.Errorf("%s of image %s (-image +document):\n%s", format, verb, diff)
			}
			if code, _, errs := runIn(t, data, "image", "scan", "sbom:"+file, "--fail-on", "low", "--output", "csv"); code != 3 {
				t.Errorf("--fail-on: exit code %d: %s", code, errs)
			}
			if code, out, _ := runIn(t, data, "image", "scan", "sbom:"+file); code != 0 || !strings.Contains(out, "layers were not read") || !strings.Contains(out, "CVE-2019-10744") {
				t.Errorf("exit code %d: %s", code, out)
			}
			if code, out, _ := runIn(t, data, "image", "diff", "sbom:"+file, r.ref, "--plain-http"); code != 0 || !strings.Contains(out, "0 fixed, 0 new") {
				t.Errorf("exit code %d: %s", code, out)
			}
		}
	}
}

func TestSBOMFromStdin(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t)
	const doc = `{"bomFormat": "CycloneDX", "specVersion": "1.4", "components": [
		{"type": "library", "name": "lodash", "version": "4.17.11", "purl": "pkg:npm/lodash@4.17.11"}, {"type": "library", "name": "mystery"}]}`
	scan := func(in string) (int, string, string) {
		var out, errs bytes.Buffer
		code := run(context.WithoutCancel(t.Context()), []string{"--data", data, "image", "scan", "sbom:-", "--fail-on", "critical,kev"}, strings.NewReader(in), &out, &errs, func(string) string { return "" })
		return code, out.String(), errs.String()
	}
	if code, out, errs := scan(doc); code != 3 || !strings.Contains(out, "CVE-2019-10744") || !strings.Contains(out, "components without a package URL: 1 not matched: mystery") {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	// What could not be matched keeps a gate from passing.
	if code, out, errs := scan(strings.ReplaceAll(doc, "4.17.11", "4.17.21")); code != 4 {
		t.Errorf("exit code %d: %s%s", code, out, errs)
	}
	if code, _, errs := scan("<bom/>"); code != 1 || !strings.Contains(errs, "XML") || !strings.Contains(errs, "hint: convert it") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if code, _, errs := runIn(t, data, "image", "scan", "sbom:none.json"); code != 1 || !strings.Contains(errs, "hint: name a file") {
		t.Errorf("exit code %d: %s", code, errs)
	}
}

// TestAttachedSBOM: the SBOM that a registry holds about an image is read
// instead of its layers, when it is about that image.
func TestAttachedSBOM(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t)
	r := newShopRegistry(t)
	attached := func() (int, string, string) {
		return runIn(t, data, "image", "scan", r.ref, "--plain-http", "--sbom", "attached", "--output", "json")
	}
	if code, _, errs := attached(); code != 1 || !strings.Contains(errs, "no SBOM is attached") {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	document := func(ref string) []byte {
		code, out, errs := runIn(t, data, "image", "packages", ref, "--plain-http", "--output", "cyclonedx")
		if code != 0 {
			t.Fatalf("exit code %d: %s", code, errs)
		}
		return []byte(out)
	}
	ours := document(r.ref)
	_, out, _ := runIn(t, data, "image", "scan", r.ref, "--plain-http", "--output", "json")
	want := findingsOf(t, out)

	// A statement about another image is refused, in its envelope too.
	statement, err := json.Marshal(map[string]any{
		"_type": "https://in-toto.io/Statement/v1", "predicateType": "https://cyclonedx.org/bom", "predicate": json.RawMessage(ours),
		"subject": []any{map[string]any{"name": "x", "digest": map[string]string{"sha256": strings.Repeat("9", 64)}}},
	})
	if err != nil {
		t.Fatal(err)
	}
	r.attach(t, "application/vnd.cyclonedx.statement", statement)
	if code, _, errs := attached(); code != 1 || !strings.Contains(errs, "not the image it is attached to") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	envelope := func(statement []byte) []byte {
		raw, err := json.Marshal(map[string]any{"payloadType": "application/vnd.in-toto+json", "payload": statement, "signatures": []any{map[string]string{"sig": "AA=="}}})
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	r.attachAs(t, "application/vnd.example.sbom", "application/vnd.dsse.envelope.v1+json", envelope(statement))
	if code, _, errs := attached(); code != 1 || !strings.Contains(errs, "not the image it is attached to") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	other := newShopRegistry(t)
	other.push(t, other.ref, withLayer(t, empty.Image, "COPY", map[string]string{"etc/os-release": "ID=debian\nVERSION_ID=\"12\"\n"}))
	foreign := document(other.ref)
	r.attach(t, "application/vnd.cyclonedx+json", foreign)
	if code, _, errs := attached(); code != 1 || !strings.Contains(errs, "not the image it is attached to") || !strings.Contains(errs, "hint: ") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	// Its own is read, out of its envelope, and no layer is.
	r.attachAs(t, "application/vnd.example.sbom", "application/vnd.dsse.envelope.v1+json",
		envelope(bytes.ReplaceAll(statement, []byte(strings.Repeat("9", 64)), []byte(r.digest.Hex))))
	r.mu.Lock()
	r.asked = 0
	r.mu.Unlock()
	code, out, errs := attached()
	if code != 0 || !strings.Contains(out, `"verified": false`) {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	if diff := cmp.Diff(want, findingsOf(t, out)); diff != "" {
		t.Errorf("(-layers +attached):\n%s", diff)
	}
	r.mu.Lock()
	if r.asked != 0 {
		t.Errorf("%d layers were read", r.asked)
	}
	r.mu.Unlock()
	// It is offered where the image has a signature.
	scan := []string{"image", "scan", r.ref, "--plain-http"}
	if _, _, errs := runIn(t, data, scan...); strings.Contains(errs, "--sbom attached") {
		t.Errorf("offered without a signature: %s", errs)
	}
	r.attach(t, "application/vnd.cncf.notary.signature", []byte("{}"))
	if _, _, errs := runIn(t, data, scan...); !strings.Contains(errs, "hint: --sbom attached") || !strings.Contains(errs, "not verified") {
		t.Errorf("not offered: %s", errs)
	}
	if _, _, errs := runIn(t, data, append(scan, "--quiet")...); errs != "" {
		t.Errorf("quiet: %s", errs)
	}
	for _, args := range [][]string{{"image", "scan", r.ref, "--sbom", "elsewhere"}, {"image", "scan", "tar:x.tar", "--sbom", "attached"}} {
		if code, _, errs := runIn(t, data, args...); code != 2 {
			t.Errorf("%v: exit code %d: %s", args, code, errs)
		}
	}
}

// TestRegistryFormats: a whole registry for other tools.
func TestRegistryFormats(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t)
	r := newShopRegistry(t)
	for _, format := range []string{"sarif", "csv"} {
		code, out, errs := runIn(t, data, "registry", "scan", r.host, "--plain-http", "--output", format)
		if code != 0 || !strings.Contains(out, "CVE-2019-10744") {
			t.Fatalf("exit code %d: %s%s", code, out, errs)
		}
		if code, shown, errs := runIn(t, data, "registry", "show", r.host, "--output", format); code != 0 || shown != out {
			t.Errorf("%s is shown otherwise than scanned: exit code %d: %s", format, code, errs)
		}
		if code, one, errs := runIn(t, data, "registry", "show", r.host+"/shop/cart:1.4", "--output", format); code != 0 || !strings.Contains(one, "CVE-2019-10744") {
			t.Errorf("exit code %d: %s", code, errs)
		}
	}
	_, out, _ := runIn(t, data, "image", "packages", r.ref, "--plain-http", "--output", "csv")
	if rows, err := csv.NewReader(strings.NewReader(out)).ReadAll(); err != nil || len(rows) < 7 || strings.Contains(out, ",=1+1") {
		t.Errorf("%v: %s", err, out)
	}
	for format, extension := range map[string]string{"cyclonedx": ".cdx.json", "spdx": ".spdx.json"} {
		dir := filepath.Join(t.TempDir(), "sboms")
		if code, _, errs := runIn(t, data, "registry", "show", r.host, "--output", format, "--output-dir", dir); code != 0 || !strings.Contains(errs, "1 SBOMs in "+dir) {
			t.Fatalf("exit code %d: %s", code, errs)
		}
		file := filepath.Join(dir, "shop", "cart", strings.ReplaceAll(r.digest.String(), ":", "-")+extension)
		if code, out, errs := runIn(t, data, "image", "scan", "sbom:"+file); code != 0 || !strings.Contains(out, "CVE-2019-10744") {
			t.Errorf("exit code %d: %s", code, errs)
		}
		if left, err := filepath.Glob(filepath.Join(dir, "*", "*", "*.part")); err != nil || len(left) > 0 {
			t.Errorf("left %v, %v", left, err)
		}
		if code, one, errs := runIn(t, data, "registry", "show", r.host+"/shop/cart:1.4", "--output", format); code != 0 || !strings.Contains(one, "lodash") {
			t.Errorf("exit code %d: %s", code, errs)
		}
	}
	inTheWay := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(inTheWay, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for name, tc := range map[string]struct {
		args []string
		code int
		want string
	}{
		"no_folder":      {[]string{"registry", "show", r.host, "--output", "spdx"}, 2, "--output-dir"},
		"scan_no_folder": {[]string{"registry", "scan", r.host, "--output", "cyclonedx"}, 2, "--output-dir"},
		"one_file":       {[]string{"registry", "show", r.host, "--output", "spdx", "--output-dir", "x", "--out", "y"}, 2, "leave --out out"},
		"folder_of_csv":  {[]string{"registry", "show", r.host, "--output", "csv", "--output-dir", "x"}, 2, "--out FILE"},
		"no_timeline":    {[]string{"registry", "show", r.host + "/shop/cart", "--output", "csv"}, 2, "use table, json"},
		"a_file":         {[]string{"registry", "show", r.host, "--output", "spdx", "--output-dir", inTheWay}, 1, "name a folder that can be written"},
		"packages":       {[]string{"image", "packages", r.ref, "--output", "sarif"}, 2, "use table, json, csv, cyclonedx, spdx"},
	} {
		if code, _, errs := runIn(t, data, tc.args...); code != tc.code || !strings.Contains(errs, tc.want) {
			t.Errorf("%s: exit code %d: %s", name, code, errs)
		}
	}
}
