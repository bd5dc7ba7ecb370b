package main

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/azward/azward/policy/azurepolicy"
)

// TestPolicyDefender: the demo's Defender stands beside our rules and verdicts.
func TestPolicyDefender(t *testing.T) {
	t.Parallel()
	data, file := demoData(t)
	code, out, stderr := runIn(t, data, "policy", "defender", "--output", "json")
	if code != 0 {
		t.Fatalf("%d %s", code, stderr)
	}
	var v defenderView
	if err := json.Unmarshal([]byte(out), &v); err != nil {
		t.Fatal(err)
	}
	agreements := map[string]azurepolicy.Agreement{}
	for _, r := range v.Recommendations {
		if r.Defender != "" {
			agreements[r.Resource.Name()] = r.Agreement
			if !r.Known {
				t.Errorf("the estate lacks %s", r.Resource)
			}
		}
	}
	for name, want := range map[string]azurepolicy.Agreement{"contosoassets": azurepolicy.Agree, "contosoinvoices": azurepolicy.Agree, "contosoacr": azurepolicy.OnlyAzures} {
		if agreements[name] != want {
			t.Errorf("%s: %q, want %q\n%s", name, agreements[name], want, out)
		}
	}
	found := map[string]azurepolicy.Agreement{}
	for _, c := range v.Vulnerabilities {
		if c.By != "" {
			found[c.Vulnerability] = c.Agreement
			if c.Agreement == azurepolicy.Agree && (c.Verdict == "" || c.Ours == "") {
				t.Errorf("without a verdict: %+v", c)
			}
		}
	}
	if found["CVE-2021-44228"] != azurepolicy.Agree {
		t.Errorf("vulnerabilities %v\n%s", found, out)
	}
	if len(v.Scores) == 0 || len(v.Alerts) != 1 || len(v.Standards) != 1 {
		t.Errorf("scores %v, alerts %v, standards %v", v.Scores, v.Alerts, v.Standards)
	}
	code, out, stderr = runIn(t, data, "policy", "defender")
	for _, want := range []string{"Storage account public", "31 of 58", "41 controls pass, 22 fail", "alert, medium, active", "CVE-2021-44228"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("the table lacks %q: %d %s\n%s", want, code, stderr, out)
		}
	}
	// Files bring no verdicts: then nothing is said of theirs.
	code, out, stderr = runIn(t, data, "policy", "defender", "--estate", file)
	if code != 0 || !strings.Contains(out, "we do not know") {
		t.Errorf("from a file: %d %s\n%s", code, stderr, out)
	}
}
