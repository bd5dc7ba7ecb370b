package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/azward/azward/report"
)

const policyDefinitions = `{"value":[
{"id":"/providers/Microsoft.Authorization/policyDefinitions/https","name":"https","type":"Microsoft.Authorization/policyDefinitions","properties":{"displayName":"Secure transfer to storage accounts","mode":"Indexed","metadata":{"category":"Storage"},
"parameters":{"effect":{"type":"String","defaultValue":"Audit"}},
"policyRule":{"if":{"allOf":[{"field":"type","equals":"Microsoft.Storage/storageAccounts"},{"field":"Microsoft.Storage/storageAccounts/supportsHttpsTrafficOnly","notEquals":"true"}]},"then":{"effect":"[parameters('effect')]"}}}},
{"id":"/providers/Microsoft.Authorization/policyDefinitions/tag","name":"tag","properties":{"displayName":"Tag","mode":"Indexed","parameters":{"tag":{"type":"String"}},
"policyRule":{"if":{"field":"[concat('tags[',parameters('tag'),']')]","exists":false},"then":{"effect":"audit"}}}},
{"id":"/providers/Microsoft.Authorization/policyDefinitions/broken","name":"broken","properties":{"mode":"All","policyRule":{"if":{"field":"name","resembles":"x"},"then":{"effect":"audit"}}}},
{"id":"/providers/Microsoft.Authorization/policySetDefinitions/base","name":"base","properties":{"displayName":"Baseline","policyDefinitions":[
{"policyDefinitionReferenceId":"https","policyDefinitionId":"/providers/Microsoft.Authorization/policyDefinitions/https","groupNames":["NS-1"]}]}}]}`

const policyEstate = `[
{"id":"/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/shop/providers/Microsoft.Storage/storageAccounts/open","type":"Microsoft.Storage/storageAccounts","name":"open","location":"westeurope","properties":{"supportsHttpsTrafficOnly":false}},
{"id":"/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/shop/providers/Microsoft.Storage/storageAccounts/closed","type":"Microsoft.Storage/storageAccounts","name":"closed","location":"westeurope","properties":{"supportsHttpsTrafficOnly":true}},
{"id":"/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/shop/providers/Microsoft.Storage/storageAccounts/silent","type":"Microsoft.Storage/storageAccounts","name":"silent","location":"westeurope","properties":{"encryption":{}}},
{"id":"/subscriptions/11111111-2222-3333-4444-555555555555/providers/Microsoft.Authorization/policyAssignments/tags","type":"Microsoft.Authorization/policyAssignments","name":"tags","properties":{
"policyDefinitionId":"/providers/Microsoft.Authorization/policyDefinitions/tag","parameters":{"tag":{"value":"owner"}}}},
{"id":"/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/shop/providers/Microsoft.Storage/storageAccounts/open/providers/Microsoft.Authorization/policyExemptions/x","type":"Microsoft.Authorization/policyExemptions","name":"x","properties":{
"exemptionCategory":"Waiver","policyAssignmentId":"/subscriptions/11111111-2222-3333-4444-555555555555/providers/Microsoft.Authorization/policyAssignments/tags"}}]`

// TestPolicyCheck keeps a bundle, evaluates it in each format, and what the
// tenant assigns.
func TestPolicyCheck(t *testing.T) {
	t.Parallel()
	data, folder := t.TempDir(), t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		file := filepath.Join(folder, name)
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return file
	}
	definitions, tenant := write("definitions.json", policyDefinitions), write("tenant.json", policyEstate)
	aliases := write("aliases.csv", "Microsoft.Storage/storageAccounts/supportsHttpsTrafficOnly,properties.supportsHttpsTrafficOnly\n")

	if code, _, stderr := runIn(t, data, "policy", "check", "--estate", tenant); code != 1 || !strings.Contains(stderr, "azward policy update --from") {
		t.Fatalf("without definitions: %d %s", code, stderr)
	}
	if code, out, stderr := runIn(t, data, "policy", "update", "--from", definitions, "--aliases", aliases); code != 0 || !strings.Contains(out, "kept 3 definitions, 1 initiatives and 1 aliases") {
		t.Fatalf("update: %d %s %s", code, out, stderr)
	}
	code, out, stderr := runIn(t, data, "policy", "check", "--estate", tenant, "--output", "json", "--fail-on", "fail")
	if code != 3 || !strings.Contains(stderr, "a parameter has no default") || !strings.Contains(stderr, `no operator "resembles"`) {
		t.Errorf("check: %d %s", code, stderr)
	}
	var results []report.Posture
	if err := json.Unmarshal([]byte(out), &results); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range results {
		got[r.Resource.Name()] = r.Result
		if r.Result == "fail" && (r.Evidence[0].Property != "/properties/supportsHttpsTrafficOnly" || string(r.Evidence[0].Value) != "false") {
			t.Errorf("evidence %+v", r.Evidence[0])
		}
	}
	if got["open"] != "fail" || got["closed"] != "pass" || got["silent"] != "unknown" || len(got) != 3 {
		t.Errorf("got %v", got)
	}
	for format, want := range map[string]string{
		"table": "3 results: 1 fail, 1 unknown, 1 pass, 0 exempt", "csv": "/properties/supportsHttpsTrafficOnly,false", "sarif": `"level": "error"`, "junit": `failures="1" errors="1"`,
	} {
		code, out, stderr := runIn(t, data, "policy", "check", "--estate", tenant, "--initiative", "Baseline", "--output", format)
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("%s: %d %s\n%s", format, code, stderr, out)
		}
	}
	code, out, stderr = runIn(t, data, "policy", "check", "--estate", tenant, "--assigned", "--output", "csv")
	if code != 0 || strings.Count(out, ",fail,") != 2 || strings.Count(out, ",exempt,") != 1 {
		t.Errorf("assigned: %d %s\n%s", code, stderr, out)
	}
	if code, _, stderr := runIn(t, data, "policy", "check", "--estate", tenant, "--initiative", "nobody"); code != 1 || !strings.Contains(stderr, "no file that was read has it") {
		t.Errorf("unknown initiative: %d %s", code, stderr)
	}
}
