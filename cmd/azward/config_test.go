package main

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// withEnv runs one command with variables of the environment and an input.
func withEnv(t *testing.T, data string, env map[string]string, stdin string, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs strings.Builder
	code = run(t.Context(), append(args, "--data", data), strings.NewReader(stdin), &out, &errs, func(name string) string { return env[name] })
	return code, out.String(), errs.String()
}

const configText = `version: 1
connections:
  prod:
    tenant: 11111111-1111-4111-8111-111111111111
    client: 22222222-2222-4222-8222-222222222222
    secret: ${{ secrets.azure_client_secret }}
`

func TestConfig(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	file := filepath.Join(t.TempDir(), "azward.yaml")
	if err := os.WriteFile(file, []byte(configText), 0o600); err != nil {
		t.Fatal(err)
	}
	step := func(name string, wantCode int, env map[string]string, stdin, wantOut, wantErr string, args ...string) {
		t.Helper()
		code, out, errs := withEnv(t, data, env, stdin, args...)
		if code != wantCode || !strings.Contains(out, wantOut) || !strings.Contains(errs, wantErr) {
			t.Errorf("%s: exit code %d, want %d\nstdout, to hold %q:\n%s\nstderr, to hold %q:\n%s", name, code, wantCode, wantOut, out, wantErr, errs)
		}
		if strings.Contains(out+errs, "S3cr3t") {
			t.Errorf("%s: the secret shows:\n%s%s", name, out, errs)
		}
	}
	step("valid", 0, nil, "", "", "", "config", "validate", "-f", file)
	step("no_secret_yet", 2, nil, "", "", "azward secrets set azure_client_secret", "config", "plan", "-f", file)
	step("from_the_environment", 3, map[string]string{"AZURE_CLIENT_SECRET": "S3cr3t~environment"}, "", "+ connection prod", "", "config", "plan", "-f", file, "--fail-on", "change")
	step("keep_it", 0, nil, "S3cr3t~sealed\n", "", "", "secrets", "set", "azure_client_secret")
	step("bad_name", 2, nil, "x", "", "letters, digits and _", "secrets", "set", "azure-client-secret")
	step("list", 0, nil, "", "azure_client_secret", "", "secrets", "list")
	step("apply", 0, nil, "", "+ connection prod", "", "config", "apply", "-f", file)
	step("apply_again", 0, nil, "", "no changes", "", "config", "apply", "-f", file)
	step("connection", 0, nil, "", "22222222-2222-4222-8222-222222222222", "", "connections")
	step("another_secret", 0, map[string]string{"AZURE_CLIENT_SECRET": "S3cr3t~other"}, "", "secret: (sealed) -> (new value)", "", "config", "plan", "-f", file)
	step("forget_it", 0, nil, "", "", "", "secrets", "remove", "azure_client_secret")
	step("forget_it_again", 1, nil, "", "", "azward secrets list", "secrets", "remove", "azure_client_secret")
	step("from_stdin", 2, nil, "version: 1\nconnection: {}\n", "", "<stdin>:2:1: connection: there is no such field here", "config", "validate", "-f", "-")
	step("no_file", 2, nil, "", "", "azward config init", "config", "plan", "-f", filepath.Join(data, "none.yaml"))
	step("example", 0, nil, "", "version: 1", "", "config", "init")
	if _, schema, _ := withEnv(t, data, nil, "", "config", "schema"); !json.Valid([]byte(schema)) {
		t.Errorf("the schema is no JSON:\n%s", schema)
	}
}

// Tags mean what azward.yaml says, and a proof that rests on it is verified.
func TestConfigCriticality(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t)
	file := filepath.Join(t.TempDir(), "azward.yaml")
	if err := os.WriteFile(file, []byte("version: 1\ncriticality:\n  - {tag: app, value: \"*\", is: low}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out, errs := withEnv(t, data, nil, "", "config", "apply", "-f", file); code != 0 {
		t.Fatalf("apply: exit code %d\n%s%s", code, out, errs)
	}
	estates, err := filepath.Glob(filepath.Join(data, "estates", "*.ndjson.zst"))
	if err != nil || len(estates) == 0 {
		t.Fatalf("no estate: %v", err)
	}
	code, out, errs := withEnv(t, data, nil, "", "scan", "--estate", estates[0], "--output", "json", "--quiet")
	if code != 0 {
		t.Fatalf("scan: exit code %d\n%s", code, errs)
	}
	var found struct {
		Verdicts []struct {
			ID       string `json:"id"`
			Priority struct {
				Criticality string   `json:"criticality"`
				Reasons     []string `json:"reasons"`
			} `json:"priority"`
		} `json:"verdicts"`
	}
	if err := json.Unmarshal([]byte(out), &found); err != nil {
		t.Fatal(err)
	}
	weighed := 0
	for _, v := range found.Verdicts {
		if v.Priority.Criticality != "low" || !strings.Contains(strings.Join(v.Priority.Reasons, "; "), "by a rule of yours") {
			continue
		}
		weighed++
		proof := filepath.Join(t.TempDir(), "proof.json")
		if code, _, errs := withEnv(t, data, nil, "", "explain", v.ID, "--output", "proof", "-o", proof); code != 0 {
			t.Fatalf("explain %s: %s", v.ID, errs)
		}
		if code, _, errs := withEnv(t, data, nil, "", "verify", proof); code != 0 {
			t.Errorf("verify %s: %s", v.ID, errs)
		}
	}
	if weighed == 0 {
		t.Errorf("no verdict is weighed by the rule:\n%.2000s", out)
	}
}
