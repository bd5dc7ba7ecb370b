package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestVEX: what a document denies is shown as suppressed in every format, and
// fails no gate; a document that denies something else changes nothing.
func TestVEX(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t)
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	image := "sbom:" + file("sbom.json", `{"bomFormat": "CycloneDX", "specVersion": "1.4", "components": [
		{"type": "library", "name": "lodash", "version": "4.17.11", "purl": "pkg:npm/lodash@4.17.11"}]}`)
	statement := func(cve string) string {
		return file(cve, `{"@context":"https://openvex.dev/ns/v0.2.0","timestamp":"2026-01-02T00:00:00Z","statements":[{"vulnerability":{"name":"`+cve+
			`"},"products":[{"@id":"pkg:npm/lodash"}],"status":"not_affected","justification":"vulnerable_code_not_in_execute_path"}]}`)
	}
	denies, other := statement("CVE-2019-10744"), statement("CVE-2000-1")
	for _, tc := range []struct {
		args []string
		want string // of the output
		code int
	}{
		{[]string{"--vex", denies}, "suppressed, as VEX says (1):\n  CVE-2019-10744 ", 0},
		{[]string{"--vex", denies, "--output", "json"}, `"suppressed": [`, 0},
		{[]string{"--vex", denies, "--output", "sarif"}, `"suppressions": [`, 0},
		{[]string{"--vex", denies, "--output", "csv"}, ",vulnerable_code_not_in_execute_path", 0},
		{[]string{"--vex", denies, "--output", "cyclonedx"}, `"code_not_reachable"`, 0},
		{[]string{"--vex", denies, "--output", "spdx"}, "lodash", 0},
		{[]string{"--vex", denies, "--fail-on", "low"}, "CVE-2019-10744", 0},
		{[]string{"--vex", other, "--fail-on", "low"}, "CVE-2019-10744", 3},
		{[]string{"--vex", other, "--vex", denies, "--fail-on", "low"}, "suppressed", 0},
		{[]string{"--vex", filepath.Join(dir, "sbom.json")}, "", 1},
		{[]string{"--vex", filepath.Join(dir, "none.json")}, "", 1},
	} {
		code, out, errs := runIn(t, data, append([]string{"image", "scan", image}, tc.args...)...)
		if code != tc.code || !strings.Contains(out, tc.want) {
			t.Errorf("%v: exit code %d, no %s in %s%s", tc.args, code, tc.want, out, errs)
		}
		if said := strings.Contains(errs, "nothing that was found"); said != (len(tc.args) > 1 && tc.args[1] == other && len(tc.args) == 4) {
			t.Errorf("%v: %s", tc.args, errs)
		}
	}
}
