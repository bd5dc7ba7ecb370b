package main

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/azward/azward/store"
)

// demoOnce is the data directory of one run of the demo, which TestMain makes
// and removes.
var demoOnce struct {
	sync.Once
	folder string
	code   int
	errs   string
}

// demoData is a data directory with the demo's scan in it, and an estate file
// of that scan. The demo runs once; each test has a copy.
func demoData(t *testing.T) (data, estateFile string) {
	t.Helper()
	demoOnce.Do(func() {
		demoOnce.code, _, demoOnce.errs = runIn(t, demoOnce.folder, "demo", "--once", "--quiet")
	})
	if demoOnce.code != 0 {
		t.Fatalf("exit code %d: %s", demoOnce.code, demoOnce.errs)
	}
	data = t.TempDir()
	if err := os.CopyFS(data, os.DirFS(demoOnce.folder)); err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob(filepath.Join(data, store.EstateFolder, "*"))
	if err != nil || len(files) != 1 {
		t.Fatalf("estates %v, %v", files, err)
	}
	return data, files[0]
}

func TestEstateFileAlone(t *testing.T) {
	t.Parallel()
	data, file := demoData(t)
	_, before, _ := runIn(t, data, "verdicts", "--connection", "contoso", "--output", "json")
	// The file holds the images too: nothing has to be pulled.
	code, out, errs := runIn(t, data, "scan", "--estate", file, "--no-pull")
	if code != 0 || !strings.Contains(out, "8 exploitable, 1 unknown, 12 not exploitable") {
		t.Errorf("exit code %d: %s %s", code, out, errs)
	}
	if _, after, _ := runIn(t, data, "verdicts", "--connection", "contoso", "--output", "json"); after != before {
		t.Error("the scan of a file changed the connection's verdicts")
	}
}

// A second scan on the same data directory is told who holds it.
func TestSecondScan(t *testing.T) {
	t.Parallel()
	data, file := demoData(t)
	release, err := store.LockScan(data)
	if err != nil {
		t.Fatal(err)
	}
	code, _, errs := runIn(t, data, "scan", "--estate", file, "--no-pull")
	if code != 1 || !strings.Contains(errs, "azward is scanning with it already (process ") || !strings.Contains(errs, "hint: ") {
		t.Errorf("exit code %d: %s", code, errs)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}

// Ctrl-C ends with 130, and what an earlier scan saved stands whole.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	data, file := demoData(t)
	_, before, _ := runIn(t, data, "verdicts", "--output", "json")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var out, errs bytes.Buffer
	code := run(ctx, []string{"--data", data, "scan", "--estate", file, "--no-pull"}, strings.NewReader(""), &out, &errs, func(string) string { return "" })
	if code != 130 || !strings.Contains(errs.String(), "interrupted") {
		t.Errorf("exit code %d: %s", code, errs.String())
	}
	if _, after, _ := runIn(t, data, "verdicts", "--output", "json"); after != before {
		t.Error("an interrupted scan changed the verdicts")
	}
}

func TestBadEstateFiles(t *testing.T) {
	t.Parallel()
	data, file := demoData(t)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, tc := range []struct {
		name, file, says string
		content          []byte
		code             int
	}{
		{"broken_line", "broken.ndjson", "line 1", []byte(`{"source":"arm","body":{"id":` + "\n"), 1},
		{"truncated_zst", "cut.ndjson.zst", "cut short", whole[:len(whole)/2], 1},
		{"resource_without_id", "noid.ndjson", "it has no id", []byte(`{"source":"arm","body":{"name":"x"}}` + "\n"), 1},
		{"missing_file", "", "no such file", nil, 2},
	} {
		path := filepath.Join(t.TempDir(), "missing.ndjson")
		if tc.file != "" {
			path = filepath.Join(t.TempDir(), tc.file)
			if err := os.WriteFile(path, tc.content, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		code, _, errs := runIn(t, data, "scan", "--estate", path, "--no-pull")
		if code != tc.code || !strings.Contains(errs, tc.says) || !strings.Contains(errs, "hint: ") {
			t.Errorf("%s: exit code %d: %s", tc.name, code, errs)
		}
	}
	if code, _, errs := runIn(t, filepath.Join(file, "below-a-file"), "verdicts"); code != 1 || !strings.Contains(errs, "cannot be written") {
		t.Errorf("data directory below a file: exit code %d: %s", code, errs)
	}
}

func TestFlows(t *testing.T) {
	t.Parallel()
	data, file := demoData(t)
	flows := filepath.Join(t.TempDir(), "flows.ndjson")
	questions := `{"from":"internet","to":"deployment/shop/storefront","port":443,"cluster":"aks-prod","expect":"yes"}
{"from":"internet","to":"deployment/payments/ledger","port":8080,"cluster":"aks-prod","expect":"no"}
`
	if err := os.WriteFile(flows, []byte(questions), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := runIn(t, data, "exposure", "check", "--estate", file, "--flows", flows); code != 0 || strings.Count(out, `"met":true`) != 2 {
		t.Errorf("exit code %d: %s %s", code, out, errs)
	}
	if err := os.WriteFile(flows, []byte(strings.ReplaceAll(questions, `"no"`, `"yes"`)), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, _, errs := runIn(t, data, "exposure", "check", "--estate", file, "--flows", flows); code != 3 {
		t.Errorf("an expectation that is not met: exit code %d: %s", code, errs)
	}
	if code, out, _ := runIn(t, data, "exposure", "check", "--estate", file, "--flows", flows, "--output", "junit"); code != 3 || strings.Count(out, "<failure ") != 1 {
		t.Errorf("junit: exit code %d: %s", code, out)
	}
	if code, out, _ := runIn(t, data, "exposure", "check", "--estate", file, "--flows", flows, "--output", "sarif"); code != 3 || !strings.Contains(out, `"startLine": 2`) {
		t.Errorf("sarif: exit code %d: %s", code, out)
	}
}
