package imagespec_test

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"debug/buildinfo"
	"errors"
	"io"
	"log"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/tarball"
	"github.com/google/go-containerregistry/pkg/v1/validate"

	"github.com/azward/azward/azuresim/imagespec"
	"github.com/azward/azward/azuresim/scenario"
)

func build(t *testing.T) map[string]imagespec.Image {
	t.Helper()
	data, err := os.ReadFile("testdata/shop.yaml")
	if err != nil {
		t.Fatal(err)
	}
	specs, err := imagespec.Parse(data)
	if err != nil {
		t.Fatal(err)
	}
	images, err := imagespec.Build(specs)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]imagespec.Image{}
	for _, img := range images {
		out[img.Name] = img
	}
	return out
}

// files reads every entry of one layer.
func files(t *testing.T, img v1.Image, layer int) (contents map[string]string, order []string) {
	t.Helper()
	layers, err := img.Layers()
	if err != nil {
		t.Fatal(err)
	}
	rc, err := layers[layer].Uncompressed()
	if err != nil {
		t.Fatal(err)
	}
	defer rc.Close()
	contents = map[string]string{}
	r := tar.NewReader(rc)
	for {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return contents, order
		}
		if err != nil {
			t.Fatal(err)
		}
		data, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		if h.Linkname != "" {
			data = []byte("-> " + h.Linkname)
		}
		contents[h.Name] = string(data)
		order = append(order, h.Name)
	}
}

// TestDigestsStay holds the bytes: a change here changes every digest that a
// scenario writes down.
func TestDigestsStay(t *testing.T) {
	t.Parallel()
	got := map[string]string{}
	for name, img := range build(t) {
		got[name] = img.Digest
	}
	want := map[string]string{
		"base":            "sha256:a351d6df29d338c1b5617f5bac092d1dabeea19d5fdfb9a9b009d3396f0b15ef",
		"shop/web:1.0":    "sha256:f4c9a12a6fbbed91b5a1cfe49f6674bfa76c92313638509e2988c06b7ae74bf8",
		"shop/worker:2.0": "sha256:23911f1fb41ad9be23f699cc8a92e1236e1e676181ccc981a9251faa89f24a52",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("digests (-want +got):\n%s", diff)
	}
}

// TestScenariosBuild builds what the embedded scenarios describe.
func TestScenariosBuild(t *testing.T) {
	t.Parallel()
	for _, name := range scenario.Names() {
		sc, err := scenario.Load(name)
		if err != nil {
			t.Fatal(err)
		}
		var specs []imagespec.Spec
		for _, f := range sc.Images {
			more, err := imagespec.Parse(f.Data)
			if err != nil {
				t.Fatalf("%s: %s: %v", name, f.Name, err)
			}
			specs = append(specs, more...)
		}
		if _, err := imagespec.Build(specs); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestBaseIsShared(t *testing.T) {
	t.Parallel()
	images := build(t)
	base, err := images["base"].Image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	web, err := images["shop/web:1.0"].Image.Layers()
	if err != nil {
		t.Fatal(err)
	}
	a, err1 := base[0].Digest()
	b, err2 := web[0].Digest()
	if err1 != nil || err2 != nil || a != b || len(web) != 3 {
		t.Errorf("%d layers, first %v, base's %v", len(web), b, a)
	}
	config, err := images["shop/web:1.0"].Image.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	want := v1.Config{
		Env: []string{"PATH=/usr/bin"}, Entrypoint: []string{"java", "-jar", "/opt/app.jar"}, User: "1000",
		ExposedPorts: map[string]struct{}{"8080/tcp": {}}, Labels: map[string]string{"team": "shop"},
	}
	if diff := cmp.Diff(want, config.Config); diff != "" {
		t.Errorf("configuration (-want +got):\n%s", diff)
	}
	var lines []string
	for _, h := range config.History {
		lines = append(lines, h.CreatedBy)
	}
	if diff := cmp.Diff([]string{"ADD rootfs.tar.xz / # buildkit", "ENV PATH=/usr/bin", "RUN apt-get upgrade", "COPY app"}, lines); diff != "" {
		t.Errorf("history (-want +got):\n%s", diff)
	}
}

func TestOSPackages(t *testing.T) {
	t.Parallel()
	images := build(t)
	base, order := files(t, images["base"].Image, 0)
	if !slices.IsSorted(order) {
		t.Errorf("entries are out of order: %v", order)
	}
	for path, want := range map[string]string{
		"etc/os-release":                  "-> ../usr/lib/os-release",
		"usr/lib/os-release":              "VERSION_ID=\"12\"",
		"var/lib/dpkg/status":             "Package: zlib1g\nStatus: install ok installed\nPriority: optional\nSection: misc\nInstalled-Size: 100\nMaintainer: Synthetic <nobody@example.com>\nArchitecture: amd64\nSource: zlib (1:1.2.13.dfsg)\nVersion: 1:1.2.13.dfsg-1\n",
		"var/lib/dpkg/info/libssl3.list":  "/.\n/usr\n/usr/share\n/usr/share/doc\n/usr/share/doc/libssl3\n/usr/share/doc/libssl3/copyright\n",
		"usr/share/doc/libssl3/copyright": "Synthetic",
	} {
		if !strings.Contains(base[path], want) {
			t.Errorf("%s is %q, lacks %q", path, base[path], want)
		}
	}
	upgraded, _ := files(t, images["shop/web:1.0"].Image, 1)
	status := upgraded["var/lib/dpkg/status"]
	if !strings.Contains(status, "3.0.15-1~deb12u1") || strings.Contains(status, "3.0.11") || strings.Contains(status, "zlib1g") || !strings.Contains(status, "python3-yaml") {
		t.Errorf("status after the upgrade:\n%s", status)
	}
	alpine, _ := files(t, images["shop/worker:2.0"].Image, 0)
	if db := alpine["lib/apk/db/installed"]; !strings.Contains(db, "\nP:libcrypto3\nV:3.1.0-r0\nA:aarch64\n") || !strings.Contains(db, "o:openssl\n") || !strings.Contains(db, "F:lib\nR:libcrypto.so.3\nF:usr/lib\nR:libcrypto.so.3\n") {
		t.Errorf("apk database:\n%s", db)
	}
}

func TestLanguagePackages(t *testing.T) {
	t.Parallel()
	got, order := files(t, build(t)["shop/web:1.0"].Image, 2)
	for path, want := range map[string]string{
		"usr/src/app/node_modules/lodash/package.json":                           `"version": "4.17.15"`,
		"srv/node_modules/@babel/core/package.json":                              `"name": "@babel/core"`,
		"usr/local/lib/python3.12/site-packages/Django-3.2.1.dist-info/METADATA": "Name: Django\nVersion: 3.2.1\n",
		"usr/bin/agent": "-> usr/local/bin/agent",
	} {
		if !strings.Contains(got[path], want) {
			t.Errorf("%s is %q, lacks %q", path, got[path], want)
		}
	}
	for _, path := range []string{"usr/bin/.wh.sh", "etc/cache/.wh..wh..opq"} {
		if _, there := got[path]; !there {
			t.Errorf("%s is missing from %v", path, order)
		}
	}
	if len(got["var/log/big"]) != 5000 {
		t.Errorf("the padded file has %d bytes", len(got["var/log/big"]))
	}
	if order[len(order)-1] != "usr/bin/agent" {
		t.Errorf("the hard link is not last: %v", order)
	}
}

func TestGoBinary(t *testing.T) {
	t.Parallel()
	got, _ := files(t, build(t)["shop/web:1.0"].Image, 2)
	info, err := buildinfo.Read(strings.NewReader(got["usr/local/bin/agent"]))
	if err != nil {
		t.Fatal(err)
	}
	if info.GoVersion != "go1.20.1" || info.Main.Path != "contoso.com/agent" || info.Main.Version != "v1.2.3" ||
		len(info.Deps) != 1 || info.Deps[0].Path != "golang.org/x/net" || info.Deps[0].Version != "v0.7.0" {
		t.Errorf("build info is %+v", info)
	}
}

func TestJar(t *testing.T) {
	t.Parallel()
	got, _ := files(t, build(t)["shop/web:1.0"].Image, 2)
	outer := unzip(t, got["opt/app.jar"])
	if p := outer["META-INF/maven/com.google.guava/guava/pom.properties"]; p != "artifactId=guava\ngroupId=com.google.guava\nversion=30.0\n" {
		t.Errorf("shaded pom.properties is %q", p)
	}
	inner := unzip(t, outer["BOOT-INF/lib/log4j-core-2.14.1.jar"])
	if p := inner["META-INF/maven/org.apache.logging.log4j/log4j-core/pom.properties"]; !strings.Contains(p, "version=2.14.1") {
		t.Errorf("nested pom.properties is %q", p)
	}
	if !strings.HasPrefix(inner["org/apache/logging/log4j/core/lookup/JndiLookup.class"], "\xca\xfe\xba\xbe") {
		t.Error("the class is missing")
	}
}

func unzip(t *testing.T, data string) map[string]string {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for _, f := range z.File {
		rc, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		b, err := io.ReadAll(rc)
		if err != nil {
			t.Fatal(err)
		}
		out[f.Name] = string(b)
	}
	return out
}

func TestWriters(t *testing.T) {
	t.Parallel()
	images := build(t)
	web := images["shop/web:1.0"]
	list := []imagespec.Image{images["base"], web, images["shop/worker:2.0"]}

	if err := imagespec.Push(t.Context(), registry.New(registry.Logger(log.New(io.Discard, "", 0))), list); err != nil {
		t.Errorf("push: %v", err)
	}
	dir := t.TempDir()
	if err := imagespec.WriteLayout(dir, list); err != nil {
		t.Fatal(err)
	}
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil {
		t.Fatal(err)
	}
	var refs []string
	for _, m := range manifest.Manifests {
		refs = append(refs, m.Annotations["org.opencontainers.image.ref.name"])
	}
	if diff := cmp.Diff([]string{"shop/web:1.0", "shop/web:latest", "shop/worker:2.0"}, refs); diff != "" {
		t.Errorf("layout (-want +got):\n%s", diff)
	}
	path := filepath.Join(dir, "images.tar")
	var b bytes.Buffer
	if err := imagespec.WriteTarball(&b, list[1:2]); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, b.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	saved, err := tarball.LoadManifest(func() (io.ReadCloser, error) { return os.Open(path) })
	if err != nil || len(saved) == 0 || !slices.Contains(saved[0].RepoTags, "shop/web:1.0") {
		t.Errorf("tarball: %v %v", saved, err)
	}
}

func TestRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ yaml, want string }{
		"unknown_field":     {"repository: a\nlayer: []", "unknown field"},
		"duplicate_key":     {"repository: a\nrepository: b", "already set"},
		"not_a_mapping":     {"just words", "an image is a mapping"},
		"nameless":          {"layers: []", "neither name nor repository"},
		"twice":             {"[{name: a}, {name: a}]", "two are named"},
		"unknown_base":      {"{name: a, from: b}", "not described"},
		"ambiguous_base":    {"[{name: a, from: r}, {repository: r, tags: [x]}, {repository: r, tags: [z]}]", "any of r:x, r:z"},
		"loop":              {"[{name: a, from: b}, {name: b, from: a}]", "a from b from a"},
		"tag_alone":         {"{name: a, tags: [x]}", "no repository"},
		"bad_tag":           {"{repository: a, tags: ['x y']}", "tag"},
		"path_leaves":       {"{name: a, layers: [{files: [{path: ../etc/passwd, text: x}]}]}", "leaves the image"},
		"file_below_file":   {"{name: a, layers: [{files: [{path: a, text: x}, {path: a/b, text: x}]}]}", "no directory"},
		"two_forms":         {"{name: a, layers: [{files: [{path: a, text: x, symlink: y}]}]}", "more than one"},
		"bad_mode":          {"{name: a, layers: [{files: [{path: a, mode: '9'}]}]}", "not octal"},
		"too_large":         {"{name: a, layers: [{files: [{path: a, zeros: 99999999999}]}]}", "more than"},
		"negative":          {"{name: a, layers: [{files: [{path: a, zeros: -1}]}]}", "negative"},
		"package_nameless":  {"{name: a, layers: [{dpkg: [{name: x}]}]}", "needs name and version"},
		"remove_absent":     {"{name: a, layers: [{apkRemove: [x]}]}", "no package"},
		"os_release":        {"{name: a, layers: [{osRelease: debian}]}", "distribution and a version"},
		"platform":          {"{name: a, platform: linux}", "os/architecture"},
		"binary_incomplete": {"{name: a, layers: [{goBinary: {path: x}}]}", "needs path, module"},
		"written_deleted":   {"{name: a, layers: [{files: [{path: x, text: y}], whiteouts: [x]}]}", "written and deleted"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			specs, err := imagespec.Parse([]byte(c.yaml))
			if err == nil {
				_, err = imagespec.Build(specs)
			}
			if err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("error is %v, want %q in it", err, c.want)
			}
		})
	}
}

// FuzzParse holds that what parses builds within bounds or says why not.
func FuzzParse(f *testing.F) {
	data, err := os.ReadFile("testdata/shop.yaml")
	if err != nil {
		f.Fatal(err)
	}
	f.Add(data)
	f.Add([]byte("{name: a, layers: [{files: [{path: a, base64: aGk=}]}]}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		specs, err := imagespec.Parse(data)
		if err != nil {
			return
		}
		images, err := imagespec.Build(specs)
		if err == nil && len(images) != len(specs) {
			t.Errorf("%d specs give %d images", len(specs), len(images))
		}
	})
}
