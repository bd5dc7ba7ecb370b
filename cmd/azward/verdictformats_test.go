package main

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/azward/azward"
)

// startsWith is what each format begins with, so that none is another.
var startsWith = map[string]string{
	"json": "[", "markdown": "## CVE-", "csv": "verdict,result,", "sarif": "{\n  \"$schema\": \"https://docs.oasis-open.org/sarif", "junit": "<?xml",
	"openvex": "{\n  \"@context\"", "csaf": "{\n  \"document\"", "cyclonedx": "{\n  \"$schema\": \"http://cyclonedx.org", "ocsf": "{\"activity_id\":1",
}

func TestVerdictFormats(t *testing.T) {
	t.Parallel()
	data, estate := demoData(t)
	for _, format := range []string{"csv", "junit", "openvex", "csaf", "cyclonedx", "ocsf"} {
		code, out, errs := runIn(t, data, "scan", "--estate", estate, "--no-pull", "--output", format)
		if code != 0 || !strings.HasPrefix(out, startsWith[format]) {
			t.Errorf("scan %s: exit code %d, %s\n%.200s", format, code, errs, out)
		}
	}
	for _, format := range verdictFormats {
		code, out, errs := runIn(t, data, "verdicts", "--output", format)
		if code != 0 || !strings.HasPrefix(out, startsWith[format]) || len(out) < 100 {
			t.Errorf("%s: exit code %d, %s\n%.200s", format, code, errs, out)
		}
	}
}

// reportOf is what Trivy would write of the image of one verdict.
func reportOf(t *testing.T, v azward.Verdict) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "trivy.json")
	text := fmt.Sprintf(`{"SchemaVersion":2,"ArtifactName":"it","ArtifactType":"container_image","Metadata":{"RepoDigests":[%q]},
		"Results":[{"Vulnerabilities":[{"VulnerabilityID":%q,"PkgIdentifier":{"PURL":%q}}]}]}`, v.Image, v.Vulnerability, v.Finding.PURL)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func TestVerdictsForAScanner(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t)
	code, out, errs := runIn(t, data, "verdicts", "--output", "json", "--exploitable", "no")
	var blocked []azward.Verdict
	if err := json.Unmarshal([]byte(out), &blocked); err != nil || code != 0 || len(blocked) == 0 {
		t.Fatalf("exit code %d: %v %s", code, err, errs)
	}
	report := reportOf(t, blocked[0])
	vex := func(args ...string) (int, string, string) {
		return runIn(t, data, append([]string{"verdicts", "--output", "openvex", "--for", report}, args...)...)
	}
	if code, out, errs := vex(); code != 1 || out != "" || !strings.Contains(errs, "knows the image alone") || !strings.Contains(errs, "hint: add --product image") {
		t.Errorf("deployments: exit code %d\n%s%s", code, out, errs)
	}
	code, out, errs = vex("--product", "image")
	if code != 0 || !strings.Contains(out, `"pkg:oci/`) || !strings.Contains(errs, "Trivy will match 1 of 1 findings in it") || !strings.Contains(errs, "warning: statements are about images") {
		t.Errorf("images: exit code %d\n%s", code, errs)
	}
	for _, wrong := range [][]string{
		{"--product", "image", "--result", "not-exploitable"}, // would speak an image free that is exploitable elsewhere
		{"--product", "image", "--workload", string(blocked[0].Workload.ID)},
		{"--product", "image", "--connection", "contoso"},
		{"--product", "image", "--exploitable", "no"},
		{"--product", "cluster"},
		{"--output", "csv"},
		{"--author-url", "https://contoso.example"},
		{"--for", filepath.Join(t.TempDir(), "nothing")},
	} {
		if code, out, errs := vex(wrong...); code != 2 || out != "" {
			t.Errorf("%v: exit code %d\n%s%s", wrong, code, out, errs)
		}
	}
}
