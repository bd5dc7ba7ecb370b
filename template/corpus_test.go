package template_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"maps"
	"os"
	"path"
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/testdata"
	"github.com/azward/azward/policy/azurepolicy"
	"github.com/azward/azward/template"
)

// corpus reads an archive of templates.
func corpus(t testing.TB, name string) fstest.MapFS {
	t.Helper()
	f, err := os.Open(testdata.Shared(t, "data-azure/"+name+".tar.gz"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	}()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	files := fstest.MapFS{}
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			return files
		}
		if err != nil {
			t.Fatal(err)
		}
		if h.Typeflag != tar.TypeReg {
			continue
		}
		raw, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		files[path.Clean(h.Name)] = &fstest.MapFile{Data: raw}
	}
}

// TestCorpus expands every public template that is at hand: each expands, with
// its parameter file or, where that breaks what the template declares, without;
// all built-in policies are evaluated on what they would create; whatever was
// not followed names file and line.
func TestCorpus(t *testing.T) {
	t.Parallel()
	policies := builtins(t)
	for archive, want := range map[string]struct{ templates, resources, wrong int }{
		"arm-quickstart-templates": {475, 2700, 18}, "arm-templates-aks-construction": {4, 50, 0}, "arm-templates-bicep-samples": {80, 240, 0}, "arm-templates-template-analyzer": {30, 450, 0},
	} {
		t.Run(archive, func(t *testing.T) {
			t.Parallel()
			files := corpus(t, archive)
			templates, resources, maybe, wrong, results := 0, 0, 0, 0, map[string]int{}
			reasons := map[azward.GapKind]int{}
			for _, name := range slices.Sorted(maps.Keys(files)) {
				raw := files[name].Data
				if !template.IsTemplate(raw) {
					continue
				}
				templates++
				r, refused := expanded(t, files, name)
				if refused != nil {
					wrong++
				}
				resources += len(r.Resources)
				for _, one := range r.Resources {
					if one.Maybe {
						maybe++
					}
				}
				for _, g := range r.Gaps {
					reasons[g.Kind]++
					if at := strings.LastIndexByte(string(g.Scope), ':'); at < 0 || g.Error == "" {
						t.Errorf("%s: a gap without line or reason: %+v", name, g)
					}
				}
				checker := azurepolicy.NewChecker(r.Estate, time.Unix(1.7e9, 0))
				for one := range checker.Check(policies.all) {
					if _, _, ok := r.Line(one.Resource.ID, ""); !ok {
						t.Errorf("%s: no line of %s", name, one.Resource.ID)
					}
					results[one.State.String()]++
				}
			}
			t.Logf("%d templates, %d with a parameter file that breaks its own rules; %d resources, %d of them maybe; gaps %v; results %v", templates, wrong, resources, maybe, reasons, results)
			if templates != want.templates || wrong != want.wrong || resources < want.resources {
				t.Errorf("%d templates, %d wrong parameter files, %d resources", templates, wrong, resources)
			}
		})
	}
}

// expanded expands a template with the parameter file beside it, and without
// where that is refused.
func expanded(t *testing.T, files fstest.MapFS, name string) (r *template.Result, refused error) {
	t.Helper()
	o := template.Options{Files: files, Path: name, Subscription: "11111111-1111-1111-1111-111111111111", ResourceGroup: "rg", Location: "westeurope", At: time.Unix(1.7e9, 0)}
	main := template.File{Name: name, Content: files[name].Data}
	beside := strings.TrimSuffix(name, ".json") + ".parameters.json"
	if p := files[beside]; p != nil {
		with := o
		with.Parameters = []template.File{{Name: beside, Content: p.Data}}
		if r, refused = template.Expand(main, with); refused == nil {
			return r, nil
		}
		if azward.KindOf(refused) != azward.KindBadInput || !strings.Contains(refused.Error(), beside) {
			t.Errorf("%s: %v", name, refused)
		}
	}
	r, err := template.Expand(main, o)
	if err != nil {
		t.Fatal(err)
	}
	return r, refused
}

func unzipped(t testing.TB, name string) io.Reader {
	t.Helper()
	f, err := os.Open(testdata.Shared(t, "data-azure/"+name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = f.Close() })
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	return z
}

// lines reads a file of the shared data.
func lines(t testing.TB, name string) [][]byte {
	t.Helper()
	raw, err := io.ReadAll(unzipped(t, name))
	if err != nil {
		t.Fatal(err)
	}
	return bytes.Split(bytes.TrimSpace(raw), []byte("\n"))
}
