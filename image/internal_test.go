package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"errors"
	"path"
	"runtime/debug"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestGoModules(t *testing.T) {
	t.Parallel()
	got := goModules(&debug.BuildInfo{
		GoVersion: "go1.21.3 X:boringcrypto",
		Main:      debug.Module{Path: "example.com/app", Version: "(devel)"},
		Deps: []*debug.Module{
			{Path: "golang.org/x/net", Version: "v0.5.0"},
			{Path: "example.com/forked", Version: "v1.0.0", Replace: &debug.Module{Path: "example.com/fork", Version: "v1.0.1"}},
			{Path: "example.com/local", Version: "v1.0.0", Replace: &debug.Module{Path: "../local"}},
		},
	})
	want := []Found{
		{Type: "golang", Name: "example.com/app", Version: "(devel)"},
		{Type: "golang", Name: "example.com/fork", Version: "v1.0.1"},
		{Type: "golang", Name: "example.com/local", Version: "(devel)"},
		{Type: "golang", Name: "golang.org/x/net", Version: "v0.5.0"},
		{Type: "golang", Name: "stdlib", Version: "1.21.3"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	if p := purl(got[3], OS{}); p != "pkg:golang/golang.org/x/net@v0.5.0" {
		t.Error(p)
	}
}

func TestLayerResultSurvivesJSON(t *testing.T) {
	t.Parallel()
	want := LayerResult{Digest: "sha256:1", Paths: pathSet{1, 2, 1 << 40, 1<<64 - 1}, Files: []File{{Path: "a", Kind: "npm", Packages: []Found{{Type: "npm", Name: "x", Version: "1"}}}}}
	raw, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got LayerResult
	if err := json.Unmarshal(raw, &got); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(LayerResult{})); diff != "" {
		t.Error(diff)
	}
}

// fuzzExtractor: whatever the bytes, what comes out can be named and fits the
// bounds.
func fuzzExtractor(f *testing.F, p string, seeds ...string) {
	f.Helper()
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	x := byName(p)
	f.Fuzz(func(t *testing.T, data []byte) {
		file, err := x.read(&input{path: p, size: int64(len(data)), at: bytes.NewReader(data), bytes: data})
		if err != nil && err.Error() == "" {
			t.Fatal("error without words")
		}
		if file == nil {
			return
		}
		for _, found := range file.Packages {
			if found.Name == "" || found.Version == "" || found.Type == "" {
				t.Fatalf("unnamed package: %+v", found)
			}
		}
	})
}

func FuzzDpkg(f *testing.F) {
	fuzzExtractor(f, "var/lib/dpkg/status", "Package: a\nStatus: install ok installed\nVersion: 1\nSource: b (2)\n\n", "Version:\n\n\n", ":\n:")
}

func FuzzApk(f *testing.F) {
	fuzzExtractor(f, "lib/apk/db/installed", "P:a\nV:1\nF:usr/bin\nR:x\n\n", "P:\n\nV:\n")
}

func FuzzRpmManifest(f *testing.F) {
	fuzzExtractor(f, "var/lib/rpmmanifest/container-manifest-2", "a\t1-1\t1\t1\tv\t(none)\t1\tx86_64\t2\ta-1-1.src.rpm\n", "\t\t\t")
}

func FuzzNpm(f *testing.F) {
	fuzzExtractor(f, "node_modules/a/package.json", `{"name":"a","version":"1"}`, `{"name":1}`, `[]`)
}

func FuzzPython(f *testing.F) {
	fuzzExtractor(f, "a.dist-info/METADATA", "Name: a\nVersion: 1\n\n", "Name\n")
}

func FuzzJava(f *testing.F) {
	fuzzExtractor(f, "a-1.jar", "PK\x05\x06"+strings.Repeat("\x00", 18))
}

func FuzzRpmHeader(f *testing.F) {
	f.Add([]byte("\x00\x00\x00\x01\x00\x00\x00\x04\x00\x00\x03\xe8\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\x01abc\x00"))
	f.Fuzz(func(t *testing.T, data []byte) {
		p, err := parseRpmHeader(data)
		if err == nil && p.Name == "" {
			t.Fatalf("%+v", p)
		}
	})
}

// FuzzWalk: a tar of any kind gives a result or an error that says why, and
// paths never lead out of the image.
func FuzzWalk(f *testing.F) {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	body := `{"name":"a","version":"1"}`
	for _, name := range []string{"node_modules/a/package.json", "x/.wh.y", "x/.wh..wh..opq", "../../etc/passwd", "/abs"} {
		if err := errors.Join(w.WriteHeader(&tar.Header{Name: name, Size: int64(len(body)), Mode: 0o600})); err != nil {
			f.Fatal(err)
		}
		if _, err := w.Write([]byte(body)); err != nil {
			f.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes())
	f.Add([]byte("not a tar"))
	f.Fuzz(func(t *testing.T, data []byte) {
		r, err := walk(t.Context(), bytes.NewReader(data), nil)
		if err != nil {
			return
		}
		if !slices.IsSorted(r.Paths) {
			t.Fatal("paths are not sorted")
		}
		for _, file := range r.Files {
			if path.IsAbs(file.Path) || strings.HasPrefix(file.Path, "..") {
				t.Fatalf("path %q leads out", file.Path)
			}
		}
		for _, p := range append(r.Whiteouts, r.Opaque...) {
			if strings.HasPrefix(p, "../") {
				t.Fatalf("whiteout %q leads out", p)
			}
		}
	})
}

// FuzzReference: parse, print, parse is the same.
func FuzzReference(f *testing.F) {
	for _, s := range []string{"nginx", "contoso.azurecr.io/a/b:1.2", "localhost:5000/x@sha256:" + strings.Repeat("a", 64), "oci:dir:v1", "tar:f.tar", "file:/bin/x", "[::1]:80/a", "a:b:c"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		r, err := ParseReference(s)
		if err != nil {
			return
		}
		again, err := ParseReference(r.String())
		if err != nil {
			t.Fatalf("%q prints as %q, which is not read: %v", s, r, err)
		}
		if r != again && r.Kind == KindRegistry {
			t.Fatalf("%q: %+v, then %+v", s, r, again)
		}
	})
}
