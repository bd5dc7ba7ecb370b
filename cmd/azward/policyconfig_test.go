package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPolicyOfConfig: profile, rules and suppressions of azward.yaml hold where
// no flag says otherwise, and it is said whose they are.
func TestPolicyOfConfig(t *testing.T) {
	t.Parallel()
	data, folder := t.TempDir(), t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		file := filepath.Join(folder, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	tenant := write("tenant.json", policyEstate)
	write("rules/own.yaml", ownRules)
	write("single.yaml", strings.ReplaceAll(ownRules, "storage-has-owner", "storage-has-buyer"))
	file := write("azward.yaml", `version: 1
posture:
  profile: House
  rules: [rules, single.yaml]
  suppressions:
    - {rule: storage-has-owner, resource: "*/closed", reason: the shop leaves it, expires: 2999-06-30}
    - {rule: storage-has-owner, resource: "*/silent", reason: it was, expires: 2020-06-30, by: Kim}
`)
	if code, out, stderr := runIn(t, data, "config", "apply", "-f", file); code != 0 {
		t.Fatalf("apply: %d %s%s", code, out, stderr)
	}
	code, out, stderr := runIn(t, data, "policy", "check", "--estate", tenant, "--complete", "--output", "csv")
	for _, want := range []string{"as " + file + " says: profile House; rules of", "; 2 suppressions", "single.yaml:17: rule broken", "expired on 2020-06-30 and does not hold (it was)"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("stderr lacks %q: %d\n%s", want, code, stderr)
		}
	}
	if got := strings.Count(out, ",fail,"); code != 0 || got != 5 || strings.Count(out, ",suppressed,/") != 1 {
		t.Errorf("%d: %d results fail\n%s", code, got, out)
	}
	code, out, stderr = runIn(t, data, "policy", "list")
	if code != 0 || !strings.Contains(out, "2 rules, 0 policies") || strings.Count(stderr, " says: ") != 1 {
		t.Errorf("list: %d\n%s\n%s", code, out, stderr)
	}
	// A flag is nearer than the file.
	code, out, stderr = runIn(t, data, "policy", "list", "--profile", "CIS")
	if code != 0 || !strings.Contains(out, "storage-https-only") || strings.Contains(stderr, "profile House") {
		t.Errorf("with --profile: %d\n%s\n%s", code, out, stderr)
	}
}

// TestRegistriesOfConfig: registry scan takes the registries of azward.yaml,
// each with its connection and repositories.
func TestRegistriesOfConfig(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t)
	if code, _, stderr := runIn(t, data, "registry", "scan"); code != 2 || !strings.Contains(stderr, "azward.yaml names none") {
		t.Errorf("without registries: %d %s", code, stderr)
	}
	file := filepath.Join(t.TempDir(), "azward.yaml")
	text := "version: 1\nconnections: {}\nregistries:\n  " + demoRegistry + ": {connection: nobody, repositories: [shop/storefront]}\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, stderr := runIn(t, data, "config", "apply", "-f", file); code != 0 {
		t.Fatalf("apply: %d %s%s", code, out, stderr)
	}
	for _, args := range [][]string{{"registry", "scan"}, {"registry", "scan", demoRegistry}} {
		if code, _, stderr := runIn(t, data, args...); code != 1 || !strings.Contains(stderr, "nobody") {
			t.Errorf("%v: %d %s", args, code, stderr)
		}
	}
}
