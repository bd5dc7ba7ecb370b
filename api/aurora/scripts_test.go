package aurora_test

import (
	"encoding/json"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeAz answers as the Azure CLI does, and writes down what it is asked: one
// argument a line.
const fakeAz = `#!/bin/bash
printf '%s\n' "$@" >> "$AZ_CALLS"; echo -- >> "$AZ_CALLS"
case "$1 $2" in
  "account list") printf '72f0c1a0-0000-4000-8000-0000000000c1\n72f0c1a0-0000-4000-8000-0000000000c2\n' ;;
  "account show") for a in "$@"; do case "$a" in
      id) echo 72f0c1a0-0000-4000-8000-0000000000c1 ;;
      name) echo 'Pro"duct\ion; $(touch pwned)' ;;
    esac; done ;;
  "ad sp") printf '72f0c1a0-0000-4000-8000-0000000000a1\n%s\n72f0c1a0-0000-4000-8000-000000000001\n' '~a"b\c$(touch pwned)' ;;
esac
`

func runScript(t *testing.T, script string, env []string, args ...string) (stdout string, calls []string, err error) {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{"az": fakeAz, "setup.sh": script} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	bash, err := exec.LookPath("bash")
	if err != nil {
		t.Skip("there is no bash here")
	}
	c := exec.CommandContext(t.Context(), bash, append([]string{filepath.Join(dir, "setup.sh")}, args...)...)
	c.Dir = dir
	c.Env = append([]string{"PATH=" + dir + ":" + os.Getenv("PATH"), "AZ_CALLS=" + filepath.Join(dir, "calls")}, env...)
	out, err := c.Output()
	raw, readErr := os.ReadFile(filepath.Join(dir, "calls"))
	if readErr != nil && !os.IsNotExist(readErr) {
		t.Fatal(readErr)
	}
	if _, statErr := os.Stat(filepath.Join(dir, "pwned")); statErr == nil {
		t.Error("a text was run as a command")
	}
	for call := range strings.SplitSeq(strings.TrimSuffix(string(raw), "--\n"), "--\n") {
		calls = append(calls, strings.TrimSuffix(call, "\n"))
	}
	return string(out), calls, err
}

func TestSetupScripts(t *testing.T) {
	t.Parallel()
	w := newWorld(t, nil)
	status, script := w.ask(t, http.MethodGet, "/azure/setup-script", "", "Test-Role", "")
	if status != 200 || !strings.HasPrefix(script, "#!/usr/bin/env bash\n") {
		t.Fatalf("%d %.80s", status, script)
	}
	for _, tc := range []struct {
		name   string
		args   []string
		scopes []string
	}{
		{"chosen_by_az", nil, []string{"/subscriptions/" + production}},
		{"all", []string{"all"}, []string{"/subscriptions/" + production, "/subscriptions/" + sandbox}},
		{"named", []string{sandbox}, []string{"/subscriptions/" + sandbox}},
	} {
		out, calls, err := runScript(t, script, []string{"AZWARD_SP_NAME=reader"}, tc.args...)
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		var got map[string]string
		if err := json.Unmarshal([]byte(out), &got); err != nil {
			t.Fatalf("%s: %v: %s", tc.name, err, out)
		}
		want := map[string]string{
			"tenantId": tenantID, "clientId": reader, "clientSecret": `~a"b\c$(touch pwned)`,
			"subscriptionId": strings.TrimPrefix(tc.scopes[0], "/subscriptions/"), "subscriptionName": `Pro"duct\ion; $(touch pwned)`,
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
		create := "ad\nsp\ncreate-for-rbac\n--name\nreader\n--role\nReader\n--scopes\n" + strings.Join(tc.scopes, "\n") +
			"\n--query\n[appId, password, tenant]\n--output\ntsv\n--only-show-errors"
		if at := len(calls) - 2; at < 0 || calls[at] != create {
			t.Errorf("%s: calls %q", tc.name, calls)
		}
	}
	for name, args := range map[string][]string{
		"no_guid": {"production"}, "command": {"$(touch pwned)"}, "scope": {sandbox + "/resourceGroups/x"}, "option": {"--help"}, "second_is_bad": {sandbox, "; touch pwned"},
	} {
		if out, calls, err := runScript(t, script, nil, args...); err == nil || len(calls) > 1 {
			t.Errorf("%s: %s %q", name, out, calls)
		}
	}
	if _, calls, err := runScript(t, script, []string{"AZWARD_SP_NAME=x --role Owner"}, sandbox); err == nil || len(calls) > 1 {
		t.Errorf("a hostile name: %q", calls)
	}
	status, script = w.ask(t, http.MethodGet, "/azure/setup-script-ps1", "", "Test-Role", "")
	if status != 200 || !strings.Contains(script, "'--role', 'Reader'") || strings.Contains(script, "Contributor") || strings.Contains(script, "Invoke-Expression") {
		t.Errorf("%d %.80s", status, script)
	}
}
