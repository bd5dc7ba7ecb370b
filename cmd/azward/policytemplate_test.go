package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestPolicyCheckPlanned evaluates what a template and a plan would create,
// and compares the SARIF with its lines.
func TestPolicyCheckPlanned(t *testing.T) {
	t.Parallel()
	data, folder := t.TempDir(), t.TempDir()
	definitions, aliases := filepath.Join(folder, "definitions.json"), filepath.Join(folder, "aliases.csv")
	for name, text := range map[string]string{
		definitions: policyDefinitions, aliases: "Microsoft.Storage/storageAccounts/supportsHttpsTrafficOnly,properties.supportsHttpsTrafficOnly\n",
	} {
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	const from = "testdata/template/"
	for name, c := range map[string]struct {
		args  []string
		tells string
	}{
		"azuredeploy": {[]string{"--template", from + "azuredeploy.json", "--subscription", "11111111-2222-3333-4444-555555555555", "--resource-group", "rg"}, "would create 4 resources"},
		"plan":        {[]string{"--plan", from + "plan.json", "--subscription", "11111111-2222-3333-4444-555555555555"}, "does not map azurerm_maps_account"},
	} {
		args := append([]string{"policy", "check", "--definitions", definitions, "--aliases", aliases, "--initiative", "Baseline", "--output", "sarif"}, c.args...)
		code, out, stderr := runIn(t, data, args...)
		if code != 0 || !strings.Contains(stderr, c.tells) {
			t.Errorf("%s: %d %s", name, code, stderr)
		}
		golden := from + name + ".sarif"
		if *update {
			if err := os.WriteFile(golden, []byte(out), 0o600); err != nil {
				t.Fatal(err)
			}
			continue
		}
		want, err := os.ReadFile(golden)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(want), out); diff != "" {
			t.Errorf("%s (-want +got)\n%s", name, diff)
		}
	}
	code, out, stderr := runIn(t, data, "policy", "check", "--definitions", definitions, "--aliases", aliases, "--initiative", "Baseline", "--output", "junit", "--template", from+"azuredeploy.json", "--fail-on", "fail")
	if code != 3 || !strings.Contains(out, `file="testdata/template/azuredeploy.json" line="16"`) {
		t.Errorf("junit: %d %s\n%s", code, stderr, out)
	}
	bicep := filepath.Join(folder, "main.bicep")
	if err := os.WriteFile(bicep, []byte("param x string\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args  []string
		code  int
		tells string
	}{
		{[]string{"--template", bicep}, 1, "az bicep build --file main.bicep"},
		{[]string{"--template", from + "azuredeploy.json", "--plan", from + "plan.json"}, 2, "exclude each other"},
		{[]string{"--plan", from + "plan.json", "--parameters", from + "plan.json"}, 2, "a plan holds its variables"},
		{[]string{"--resource-group", "rg"}, 2, "name it with --template or --plan"},
		{[]string{"--template", "nowhere.json"}, 1, "cannot be opened"},
		{[]string{"--template", from + "azuredeploy.json", "--subscription", "x"}, 2, "subscription"},
	} {
		args := append([]string{"policy", "check", "--definitions", definitions}, c.args...)
		if code, _, stderr := runIn(t, data, args...); code != c.code || !strings.Contains(stderr, c.tells) {
			t.Errorf("%v: %d %s", c.args, code, stderr)
		}
	}
}
