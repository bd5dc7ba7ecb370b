package main

import (
	"bytes"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/advisory/feed"
	"github.com/azward/azward/image"
	"github.com/azward/azward/internal/testdata"
)

// accepted are advisories of modules in the binary that do not touch it, each
// with the reason.
var accepted = map[string]string{}

// TestOwnModules scans the binary with azward itself, against Go's advisories:
// a module with a known vulnerability fails.
func TestOwnModules(t *testing.T) {
	t.Parallel()
	osv := testdata.Shared(t, "data/osv/Go")
	binary := filepath.Join(t.TempDir(), "azward")
	if out, err := exec.CommandContext(t.Context(), "go", "build", "-o", binary, ".").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, out)
	}
	img, err := image.ScanFile(t.Context(), binary)
	if err != nil {
		t.Fatal(err)
	}
	var file bytes.Buffer
	stats, err := feed.Write(t.Context(), feed.Sources{Dir: osv, At: time.Unix(1, 0)}, &file)
	if err != nil {
		t.Fatal(err)
	}
	index, err := advisory.OpenBytes(file.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	matched, err := index.MatchAll(img.Scope(), img.Packages)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range matched.Findings {
		if f.Affected == azward.No || accepted[f.ID] != "" {
			continue
		}
		t.Errorf("%s: %s (%s), fixed in %v", f.PURL, f.ID, f.Range, f.FixedIn)
	}
	t.Logf("%d modules against %+v", len(img.Packages), stats)
	if len(img.Packages) < 20 {
		t.Errorf("only %d modules were found in the binary", len(img.Packages))
	}
}
