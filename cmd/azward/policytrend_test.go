package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestPolicyTrend: scans keep what the rules said; the last two are compared,
// and what is no longer known is not fixed.
func TestPolicyTrend(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t)
	file := filepath.Join(t.TempDir(), "tenant.json")
	scan := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, _, stderr := runIn(t, data, "scan", "--estate", file, "--quiet", "--no-pull"); code != 0 {
			t.Fatalf("scan: %d %s", code, stderr)
		}
	}
	scan(policyEstate)
	changed := strings.NewReplacer(`"name":"open","location":"westeurope","properties":{"supportsHttpsTrafficOnly":false}`, `"name":"open","location":"westeurope","properties":{"supportsHttpsTrafficOnly":true}`,
		`"name":"closed","location":"westeurope","properties":{"supportsHttpsTrafficOnly":true}`, `"name":"closed","location":"westeurope","properties":{"supportsHttpsTrafficOnly":false}`).Replace(policyEstate)
	scan(changed)
	code, out, stderr := runIn(t, data, "policy", "trend", "--output", "json")
	var trends []postureTrend
	if err := json.Unmarshal([]byte(out), &trends); err != nil || code != 0 {
		t.Fatalf("%d %s %v", code, stderr, err)
	}
	names := func(list []openPosture) string {
		var all []string
		for _, o := range list {
			all = append(all, o.Rule+" "+o.Resource.Name())
		}
		return strings.Join(all, ", ")
	}
	if len(trends) != 2 || trends[0].Source != "file:"+file || len(trends[0].Scans) != 2 || trends[1].Source != demoTenant {
		t.Fatalf("got %+v", trends)
	}
	if got := names(trends[0].New); got != "storage-https-only closed" {
		t.Errorf("new: %s", got)
	}
	if got := names(trends[0].Fixed); got != "storage-https-only open" {
		t.Errorf("fixed: %s", got)
	}
	scan(strings.ReplaceAll(changed, `"supportsHttpsTrafficOnly":false`, `"encryption":{}`))
	code, out, stderr = runIn(t, data, "policy", "trend")
	for _, want := range []string{"0 new, 0 fixed or gone, 1 no longer known", "there is no scan before it", "unknown  high"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("lacks %q: %d %s\n%s", want, code, stderr, out)
		}
	}
	if code, _, _ := runIn(t, data, "policy", "trend", "--scans", "0"); code != 2 {
		t.Errorf("--scans 0: %d", code)
	}
	if code, out, _ := runIn(t, t.TempDir(), "policy", "trend"); code != 0 || !strings.Contains(out, "no scan has evaluated rules yet") {
		t.Errorf("without a scan: %d %s", code, out)
	}
}
