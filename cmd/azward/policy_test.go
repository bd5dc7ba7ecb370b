package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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

	if code, _, stderr := runIn(t, data, "policy", "check", "--estate", tenant, "--assigned"); code != 1 || !strings.Contains(stderr, "none are kept") {
		t.Fatalf("without definitions: %d %s", code, stderr)
	}
	if code, out, stderr := runIn(t, data, "policy", "update", "--from", definitions, "--aliases", aliases); code != 0 || !strings.Contains(out, "kept 3 definitions, 1 initiatives and 1 aliases") {
		t.Fatalf("update: %d %s %s", code, out, stderr)
	}
	code, out, stderr := runIn(t, data, "policy", "check", "--estate", tenant, "--profile", "all", "--output", "json", "--fail-on", "fail")
	if code != 3 || !strings.Contains(stderr, "a parameter has no default") || !strings.Contains(stderr, `no operator "resembles"`) {
		t.Errorf("check: %d %s", code, stderr)
	}
	var results []report.Posture
	if err := json.Unmarshal([]byte(out), &results); err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	for _, r := range results {
		if r.Engine != "azurePolicy" {
			continue
		}
		got[r.Resource.Name()] = r.Result
		if r.Result == "fail" && (r.Evidence[0].Property != "/properties/supportsHttpsTrafficOnly" || string(r.Evidence[0].Value) != "false") {
			t.Errorf("evidence %+v", r.Evidence[0])
		}
	}
	if got["open"] != "fail" || got["closed"] != "pass" || got["silent"] != "unknown" || len(got) != 3 {
		t.Errorf("got %v", got)
	}
	for format, want := range map[string]string{
		"table": "3 results: 1 fail, 1 unknown, 1 pass, 0 exempt, 0 suppressed", "csv": "/properties/supportsHttpsTrafficOnly,false", "sarif": `"level": "error"`, "junit": `failures="1" errors="1"`,
		"ocsf": `"class_name":"Compliance Finding"`, "markdown": "| NS-1 | fail | 1 | 1 | 1 | 0 |",
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

const ownRules = `rules:
  - id: storage-has-owner
    title: Storage accounts name their owner
    severity: critical
    category: Shop
    types: [Microsoft.Storage/storageAccounts]
    passes_when: resource.tags.owner != null
    frameworks: ["House rules: 7"]
    cases:
      - {want: pass, resource: {tags: {owner: shop}}}
      - {want: fail, resource: {}}
      - {want: unknown, not_read: [properties.x], resource: {}}
  - id: broken
    title: It does not load
    severity: low
    types: [Microsoft.Storage/storageAccounts]
    passes_when: resource.tags.shines()
`

// TestPolicyRules evaluates rules without any definition: azward's own and a
// user's, with a suppression that holds and one that expired.
func TestPolicyRules(t *testing.T) {
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
	tenant := write("tenant.json", policyEstate)
	rules := filepath.Dir(write("rules.yaml", ownRules))
	suppressions := write("suppressions.yml", `suppressions:
  - {rule: storage-has-owner, resource: "*/storageaccounts/closed", reason: the shop leaves it, by: Kim, expires: 2026-06-30}
  - {rule: storage-*, scope: /subscriptions/11111111-2222-3333-4444-555555555555, reason: later, by: Kim, expires: 2026-01-31}
`)
	if err := os.Rename(suppressions, suppressions+".off"); err != nil { // it lies in the folder of rules
		t.Fatal(err)
	}
	suppressions += ".off"
	code, out, stderr := runIn(t, data, "policy", "check", "--estate", tenant, "--rules", rules, "--suppressions", suppressions, "--complete",
		"--at", "2026-06-30T12:00:00Z", "--output", "json", "--fail-on", "fail")
	for _, want := range []string{
		"rules.yaml:17: rule broken: passes_when: line 1, column 21 of the condition: undeclared reference to 'shines'", "rules alone are evaluated",
		"the suppression of storage-* expired on 2026-01-31 and does not hold (later)",
	} {
		if !strings.Contains(stderr, want) {
			t.Errorf("no %q in %s", want, stderr)
		}
	}
	var results []report.Posture
	if err := json.Unmarshal([]byte(out), &results); err != nil || code != 3 {
		t.Fatal(code, err, stderr)
	}
	got := map[string]string{}
	for _, r := range results {
		if r.Rule == "storage-has-owner" || r.Rule == "storage-https-only" {
			got[r.Rule+" "+r.Resource.Name()] = r.Result
		}
	}
	want := map[string]string{
		"storage-has-owner open": "fail", "storage-has-owner closed": "suppressed", "storage-has-owner silent": "fail",
		"storage-https-only open": "fail", "storage-https-only closed": "pass", "storage-https-only silent": "fail",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if first := results[0]; first.Rule != "storage-has-owner" || first.Result != "fail" || first.Reason != "tags is not set" {
		t.Errorf("first is %s %s %q", first.Rule, first.Result, first.Reason)
	}
	code, out, stderr = runIn(t, data, "policy", "check", "--estate", tenant, "--rules", rules, "--profile", "House", "--complete")
	if code != 0 || !strings.Contains(out, "3 results: 3 fail") {
		t.Errorf("profile: %d %s %s", code, out, stderr)
	}
	if code, _, stderr := runIn(t, data, "policy", "check", "--estate", tenant, "--profile", "Nobody"); code != 1 || !strings.Contains(stderr, "azward policy list") {
		t.Errorf("no such profile: %d %s", code, stderr)
	}
	code, out, stderr = runIn(t, data, "policy", "list", "--rules", rules, "--output", "json")
	if code != 0 || !strings.Contains(out, `"id": "storage-has-owner"`) || !strings.Contains(out, `"id": "storage-https-only"`) {
		t.Errorf("list: %d %s", code, stderr)
	}
	code, _, stderr = runIn(t, data, "policy", "test", "--rules", rules)
	if code != 3 || strings.Contains(stderr, "storage-has-owner") || !strings.Contains(stderr, "1 problems in 1 rules") {
		t.Errorf("test: %d %s", code, stderr)
	}
}
