package main

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward/report"
	"github.com/azward/azward/workspace"
)

// TestPostureOfHub: the hub says what azward policy check says of the same
// scan, with the suppressions of azward.yaml, and takes up another file.
func TestPostureOfHub(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t)
	file := filepath.Join(t.TempDir(), "azward.yaml")
	apply := func(text string) {
		t.Helper()
		if err := os.WriteFile(file, []byte("version: 1\n"+text), 0o600); err != nil {
			t.Fatal(err)
		}
		if code, out, stderr := runIn(t, data, "config", "apply", "-f", file); code != 0 {
			t.Fatalf("apply: %d %s%s", code, out, stderr)
		}
	}
	apply("posture:\n  suppressions:\n    - {rule: exposure-storage-anonymous, resource: \"*\", reason: pictures of the shop, expires: 2999-06-30}\n")
	code, out, stderr := runIn(t, data, "policy", "check", "--output", "json")
	if code != 0 {
		t.Fatalf("policy check: %d %s", code, stderr)
	}
	var list []report.Posture
	if err := json.Unmarshal([]byte(out), &list); err != nil {
		t.Fatal(err)
	}
	want := workspace.PostureCounts{}
	for _, p := range list {
		switch p.Result {
		case "fail":
			want.Fail++
		case "unknown":
			want.Unknown++
		case "pass":
			want.Pass++
		case "suppressed":
			want.Suppressed++
		}
	}

	a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }, data: data, output: "table", logLevel: "warn", quiet: true}
	t.Cleanup(func() {
		if err := a.close(); err != nil {
			t.Error(err)
		}
	})
	kept, err := a.store(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	w := &workspace.Workspace{Store: kept, Dir: data, Profiles: hubProfiles{a}}
	t.Cleanup(func() {
		if err := w.Close(); err != nil {
			t.Error(err)
		}
	})
	s, err := w.Posture(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	got := s.Counts
	got.Exposed = 0
	if diff := cmp.Diff(want, got); diff != "" || want.Suppressed != 1 || want.Fail == 0 || want.Unknown == 0 {
		t.Errorf("the hub counts otherwise (-policy check +hub):\n%s", diff)
	}
	if len(s.Urgent) == 0 || len(s.Suppressions) != 1 || s.Suppressions[0].Count != 1 || len(s.Connections) != 1 || len(s.Connections[0].Notes) == 0 {
		t.Errorf("the summary is %+v", s)
	}
	// Every family has something that fails and something that passes.
	for _, f := range s.Families {
		if f.Counts.Judged() > 0 && (f.Counts.Fail+f.Counts.Suppressed == 0 || f.Counts.Pass == 0) {
			t.Errorf("of %s %d fail and %d pass", f.Name, f.Counts.Fail, f.Counts.Pass)
		}
	}

	apply("posture:\n  profile: rules\n")
	again, err := w.Posture(t.Context(), "")
	if err != nil {
		t.Fatal(err)
	}
	if again.Counts.Suppressed != 0 || again.Counts.Fail != got.Fail+1 || again.Connections[0].Profile != "rules" {
		t.Errorf("after another azward.yaml: %+v", again.Counts)
	}
}
