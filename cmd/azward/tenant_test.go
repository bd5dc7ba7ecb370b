package main

import (
	"bytes"
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
)

// runIn runs the program as a shell would, without a process.
func runIn(t *testing.T, data string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(context.WithoutCancel(t.Context()), append([]string{"--data", data}, args...), strings.NewReader(""), &out, &errs, func(string) string { return "" })
	return code, out.String(), errs.String()
}

// The same vulnerability is exploitable in one place, blocked in a second for
// a stated reason, and unknown in a third where a permission is missing.
func TestDemoTenant(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	if code, _, errs := runIn(t, data, "demo", "--once", "--quiet"); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	code, out, errs := runIn(t, data, "verdicts", "--output", "json")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var verdicts []azward.Verdict
	if err := json.Unmarshal([]byte(out), &verdicts); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, v := range verdicts {
		cluster, _ := v.Workload.ID.SplitKubernetes()
		got[v.Vulnerability+" "+cluster.Name()+" "+v.Workload.Name] = v.Exploitable.String()
	}
	want := map[string]string{
		"CVE-2021-44228 aks-prod shop/storefront":      "yes",
		"CVE-2021-44228 aks-prod payments/ledger":      "no",
		"CVE-2021-44228 aks-prod ops/admin-console":    "no",
		"CVE-2021-44228 aks-prod shop/promo":           "no",
		"CVE-2021-44228 aks-dev shop/storefront":       "unknown",
		"CVE-2022-22965 aks-prod search/catalog":       "yes",
		"CVE-2019-10744 aks-prod shop/cart":            "yes",
		"CVE-2019-10744 aks-dev shop/cart":             "no",
		"CVE-2022-28346 aks-prod shop/recommend":       "no",
		"CVE-2022-28346 contoso-portal contoso-portal": "yes",
		"CVE-2022-28346 contoso-hr contoso-hr":         "no",
		"CVE-2014-0160 aci-legacy aci-legacy":          "yes",
		"CVE-2014-0160 orders-archive orders-archive":  "no",
		"CVE-2024-3094 aci-sftp aci-sftp":              "yes",
		"CVE-2024-3094 aks-prod data/reports":          "no",
		"CVE-2023-39325 orders-api orders-api":         "yes",
		"CVE-2023-39325 orders-worker orders-worker":   "no",
		"CVE-2023-39325 aci-fuzz aci-fuzz":             "no",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("answers (-want +got):\n%s", diff)
	}
	for _, v := range verdicts {
		file := filepath.Join(t.TempDir(), "proof.json")
		if code, _, errs := runIn(t, data, "explain", string(v.ID), "--output", "proof", "-o", file); code != 0 {
			t.Errorf("%s: explain ends with %d: %s", v.ID, code, errs)
		}
		// A machine that has nothing but the file.
		if code, _, errs := runIn(t, t.TempDir(), "verify", file); code != 0 {
			t.Errorf("%s: verify ends with %d: %s", v.ID, code, errs)
		}
		raw, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		edited := bytes.Replace(raw, []byte(`"answer":"yes"`), []byte(`"answer":"no"`), 1)
		if err := os.WriteFile(file, edited, 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, errs := runIn(t, t.TempDir(), "verify", file); code == 0 || !strings.Contains(errs, "was changed") {
			t.Errorf("%s: an edited proof verifies: %d %s", v.ID, code, errs)
		}
	}
	// The secret of the demo's connection is in no file and no output.
	err := filepath.WalkDir(data, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if bytes.Contains(raw, []byte("simulated-azward-secret")) {
			t.Errorf("%s holds the secret in plain text", path)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}

func TestFailOn(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	if code, _, errs := runIn(t, data, "demo", "--once", "--quiet"); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	for _, tc := range []struct {
		name string
		args []string
		code int
	}{
		{"exploitable", []string{"verdicts", "--fail-on", "exploitable"}, 3},
		{"unknown", []string{"verdicts", "--fail-on", "unknown"}, 3},
		{"nothing_met_but_gaps", []string{"verdicts", "--fail-on", "exploitable", "--vulnerability", "CVE-0000-0000"}, 4},
		{"no_gate", []string{"verdicts"}, 0},
		{"unknown_condition", []string{"verdicts", "--fail-on", "bad"}, 2},
		{"unknown_format", []string{"verdicts", "--output", "yaml"}, 2},
		{"unknown_command", []string{"frobnicate"}, 2},
		{"guid_with_brace", []string{"connect", "azure", "--tenant", "{3f1c9e0a-7b52-4c8d-9d41-6e0f2ab5c713}"}, 2},
		{"no_such_verdict", []string{"explain", "v-0000000000000000"}, 1},
	} {
		if code, _, errs := runIn(t, data, tc.args...); code != tc.code {
			t.Errorf("%s: exit code %d, want %d: %s", tc.name, code, tc.code, errs)
		}
	}
}
