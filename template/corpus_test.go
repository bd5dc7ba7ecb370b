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

	"github.com/azward/azward/internal/testdata"
	"github.com/azward/azward/template"
)

var archives = []string{"arm-quickstart-templates", "arm-templates-aks-construction", "arm-templates-bicep-samples", "arm-templates-template-analyzer"}

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

// TestCorpus expands every public template that is at hand.
func TestCorpus(t *testing.T) {
	t.Parallel()
	for _, archive := range archives {
		t.Run(archive, func(t *testing.T) {
			t.Parallel()
			files := corpus(t, archive)
			templates, resources, maybe := 0, 0, 0
			reasons := map[string]int{}
			for _, name := range slices.Sorted(maps.Keys(files)) {
				raw := files[name].Data
				if !template.IsTemplate(raw) {
					continue
				}
				templates++
				o := template.Options{Files: files, Path: name, Subscription: "11111111-1111-1111-1111-111111111111", ResourceGroup: "rg", Location: "westeurope", At: time.Unix(1.7e9, 0)}
				if p := files[strings.TrimSuffix(name, ".json")+".parameters.json"]; p != nil {
					o.Parameters = []template.File{{Name: strings.TrimSuffix(name, ".json") + ".parameters.json", Content: p.Data}}
				}
				r, err := template.Expand(template.File{Name: name, Content: raw}, o)
				if err != nil {
					t.Logf("refused: %v", err)
					reasons["refused"]++
					continue
				}
				resources += len(r.Resources)
				for _, one := range r.Resources {
					if one.Maybe {
						maybe++
					}
				}
				for _, g := range r.Gaps {
					reasons[string(g.Kind)]++
					if os.Getenv("GAPS") != "" {
						t.Logf("%s %s", g.Scope, g.Error)
					}
				}
			}
			t.Logf("%d templates, %d resources, %d of them maybe; %v", templates, resources, maybe, reasons)
		})
	}
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
