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

// notImported are advisories about one package of a module, which the binary
// does not import: by advisory, the package that it is about.
var notImported = map[string]string{
	"GO-2026-5932": "golang.org/x/crypto/openpgp", // unmaintained; we use chacha20poly1305, hkdf and pkcs12
}

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
	imported, err := exec.CommandContext(t.Context(), "go", "list", "-deps", ".").Output()
	if err != nil {
		t.Fatalf("go list: %v", err)
	}
	for _, f := range matched.Findings {
		if about := notImported[f.ID]; f.Affected == azward.No || about != "" && !bytes.Contains(imported, []byte(about+"\n")) {
			continue
		}
		t.Errorf("%s: %s (%s), fixed in %v", f.PURL, f.ID, f.Range, f.FixedIn)
	}
	t.Logf("%d modules against %+v", len(img.Packages), stats)
	if len(img.Packages) < 20 {
		t.Errorf("only %d modules were found in the binary", len(img.Packages))
	}
}
