package image

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"path"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
)

// stack is an image written layer by layer, as archives and as the plain
// model of them: a map of what is there.
type stack struct {
	tb      testing.TB
	archive bytes.Buffer
	tar     *tar.Writer
	layers  [][]byte

	lower     map[string]model // what the layers below leave
	upper     map[string]model // what this layer brings
	gone      []string
	hidden    []string
	taken     []string // where it brought a file, whatever came after
	undefined bool     // a file within a file: no runtime unpacks it
}

// model is what is at a path: a directory, a file, or one that names a package.
type model struct {
	dir     bool
	version string
	layer   int
}

func newStack(tb testing.TB) *stack {
	tb.Helper()
	s := &stack{tb: tb, lower: map[string]model{}, upper: map[string]model{}}
	s.tar = tar.NewWriter(&s.archive)
	return s
}

func (s *stack) write(name, body string, kind byte) {
	s.tb.Helper()
	err := s.tar.WriteHeader(&tar.Header{Name: name, Size: int64(len(body)), Typeflag: kind, Mode: 0o755})
	if err == nil {
		_, err = s.tar.Write([]byte(body))
	}
	if err != nil {
		s.tb.Fatal(err)
	}
}

func (s *stack) put(p string, m model) {
	for dir := path.Dir(p); dir != "."; dir = path.Dir(dir) {
		if above, ok := s.upper[dir]; ok && !above.dir {
			s.undefined = true
		}
	}
	if !m.dir {
		remove(s.upper, p)
		s.taken = append(s.taken, p)
	}
	s.upper[p] = m
}

// remove takes a path away, and all that is below it.
func remove(m map[string]model, p string) {
	for q := range m {
		if within(q, p) {
			delete(m, q)
		}
	}
}

func within(q, p string) bool { return p == "." || q == p || strings.HasPrefix(q, p+"/") }

// next ends a layer: what it removes and hides is of the layers below, in
// whatever order it comes.
func (s *stack) next() {
	s.tb.Helper()
	if err := s.tar.Close(); err != nil {
		s.tb.Fatal(err)
	}
	s.layers = append(s.layers, bytes.Clone(s.archive.Bytes()))
	s.archive.Reset()
	s.tar = tar.NewWriter(&s.archive)
	for _, p := range s.gone {
		remove(s.lower, p)
	}
	for _, p := range s.hidden {
		for q := range s.lower {
			if q != p && within(q, p) {
				delete(s.lower, q)
			}
		}
	}
	for _, p := range s.taken {
		remove(s.lower, p)
	}
	for p, m := range s.upper {
		s.lower[p] = m
	}
	s.upper, s.gone, s.hidden, s.taken = map[string]model{}, nil, nil, nil
}

// do takes one step: an action, and where.
func (s *stack) do(step int, action, where byte) {
	s.tb.Helper()
	dirs := []string{".", "a", "a/b", "b", "node_modules", "a/node_modules", "a/node_modules/x", "a/b/node_modules/x"}
	dir := dirs[int(where)%len(dirs)]
	homes := []string{".", "a", "a/b", "b"}
	file := path.Join(homes[int(where)%len(homes)], "node_modules/x/package.json")
	switch action % 7 {
	case 0:
		s.next()
	case 1:
		version := fmt.Sprint(step)
		s.write(file, `{"name":"x","version":"`+version+`"}`, tar.TypeReg)
		s.put(file, model{version: version, layer: len(s.layers)})
	case 2:
		if dir != "." {
			s.write("./"+dir, "text", tar.TypeReg)
			s.put(dir, model{})
		}
	case 3:
		if dir != "." {
			s.write(dir+"/", "", tar.TypeDir)
			s.put(dir, model{dir: true})
		}
	case 4:
		if dir != "." {
			s.write(path.Join(path.Dir(dir), ".wh."+path.Base(dir)), "", tar.TypeReg)
			s.gone = append(s.gone, dir)
		}
	case 5:
		s.write(path.Join(path.Dir(file), ".wh."+path.Base(file)), "", tar.TypeReg)
		s.gone = append(s.gone, file)
	case 6:
		s.write(path.Join(dir, ".wh..wh..opq"), "", tar.TypeReg)
		s.hidden = append(s.hidden, dir)
	}
}

// merged reads the layers as a scan does, by way of a cache.
func (s *stack) merged() *Image {
	s.tb.Helper()
	img := &Image{Reference: "registry.example/app:v1"}
	var results []*LayerResult
	for i, layer := range s.layers {
		r, err := walk(s.tb.Context(), bytes.NewReader(layer), nil)
		if err != nil {
			s.tb.Fatal(err)
		}
		raw, err := json.Marshal(r)
		if err != nil {
			s.tb.Fatal(err)
		}
		kept := new(LayerResult)
		if err := json.Unmarshal(raw, kept); err != nil {
			s.tb.Fatal(err)
		}
		results = append(results, kept)
		img.Layers = append(img.Layers, Layer{Digest: azward.Digest(fmt.Sprint(i))})
	}
	merge(img, results)
	return img
}

// FuzzMerge: layers laid over one another give what unpacking one after the
// other gives, whatever they bring, remove, hide and replace; and each package
// belongs to the layer that brought it.
func FuzzMerge(f *testing.F) {
	for _, seed := range []string{
		"\x01\x00\x00\x00\x04\x04",                 // a package, then its directory is removed
		"\x01\x01\x00\x00\x06\x01",                 // hidden by an opaque directory
		"\x01\x01\x00\x00\x02\x01",                 // a file in the place of a directory above
		"\x01\x02\x00\x00\x05\x02\x01\x02",         // removed and brought in one layer
		"\x01\x01\x02\x01\x00\x00\x01\x01",         // replaced within its own layer, and back
		"\x01\x00\x01\x01\x00\x00\x06\x00\x01\x03", // an opaque root
		"\x01\x02\x02\x07\x03\x07",                 // a file, then a directory in the place of its own
		"\x01\x02\x00\x00\x03\x01\x00\x00\x04\x02\x00\x00\x01\x02",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, steps []byte) {
		if len(steps) > 200 {
			return
		}
		s := newStack(t)
		for i := 0; i+1 < len(steps); i += 2 {
			s.do(i, steps[i], steps[i+1])
		}
		s.next()
		if s.undefined {
			return
		}
		want, got := map[string]string{}, map[string]string{}
		for p, m := range s.lower {
			if m.version != "" {
				want["/"+p] = fmt.Sprintf("%s of layer %d", m.version, m.layer)
			}
		}
		for _, p := range s.merged().Packages {
			for _, at := range p.Locations {
				got[at] = fmt.Sprintf("%s of layer %s", p.Version, p.Layer)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
	})
}
