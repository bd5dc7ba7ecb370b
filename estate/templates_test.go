package estate_test

import (
	"archive/tar"
	"compress/gzip"
	"errors"
	"io"
	"os"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/internal/testdata"
)

// Every file of the template collections gives resources, a gap or an error
// that says what to do: nothing is dropped in silence.
func TestTemplatesAreGapsNotSilence(t *testing.T) {
	t.Parallel()
	for _, name := range []string{
		"arm-quickstart-templates", "arm-templates-aks-construction",
		"arm-templates-bicep-samples", "arm-templates-template-analyzer",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var files, refused, gaps int
			for path, text := range templates(t, testdata.Shared(t, "data-azure/"+name+".tar.gz")) {
				files++
				var b estate.Builder
				err := estate.Read(strings.NewReader(text), path, estate.ReadOptions{Cluster: "test"}, &b)
				if err != nil {
					var e *azward.Error
					if !errors.As(err, &e) || e.Remedy == "" || !strings.HasPrefix(e.Subject, path) {
						t.Errorf("%s: %v", path, err)
					}
					refused++
					continue
				}
				e := b.Build()
				if e.Len() == 0 && len(e.Gaps()) == 0 && strings.Trim(text, "[] \r\n\t\uFEFF") != "" {
					t.Errorf("%s: neither a resource nor a gap", path)
				}
				gaps += len(e.Gaps())
			}
			t.Logf("%d files, %d refused with an error, %d gaps", files, refused, gaps)
			if files == 0 || refused*10 > files {
				t.Errorf("%d of %d files refused", refused, files)
			}
		})
	}
}

func templates(t *testing.T, path string) map[string]string {
	t.Helper()
	file, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = file.Close() })
	unpacked, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]string{}
	for archive := tar.NewReader(unpacked); ; {
		header, err := archive.Next()
		if errors.Is(err, io.EOF) {
			return found
		}
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(header.Name, ".json") {
			continue
		}
		body, err := io.ReadAll(archive)
		if err != nil {
			t.Fatal(err)
		}
		found[header.Name] = string(body)
	}
}
