package vex_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
)

func TestCycloneDX(t *testing.T) {
	t.Parallel()
	var doc struct {
		Components []struct {
			Ref  string `json:"bom-ref"`
			PURL string `json:"purl"`
		} `json:"components"`
		Vulnerabilities []struct {
			Ref      string `json:"bom-ref"`
			ID       string `json:"id"`
			Source   struct{ Name string }
			Analysis struct{ State, Justification string }
			Affects  []struct{ Ref string }
		} `json:"vulnerabilities"`
	}
	if err := json.Unmarshal(written(t, formats()[2], verdicts(), options), &doc); err != nil {
		t.Fatal(err)
	}
	purls := map[string]string{}
	for _, c := range doc.Components {
		purls[c.Ref] = c.PURL
	}
	got := map[string]string{}
	byID, last := map[string]azward.Verdict{}, map[string]string{}
	for _, v := range verdicts() {
		byID["urn:azward:verdict:"+string(v.ID)] = v
	}
	order := "exploitable in_triage not_affected"
	for _, v := range doc.Vulnerabilities {
		want := byID[v.Ref]
		if strings.Index(order, last[v.ID]) > strings.Index(order, v.Analysis.State) {
			t.Errorf("%s is %s after %s: some readers take the first alone", v.ID, v.Analysis.State, last[v.ID])
		}
		last[v.ID] = v.Analysis.State
		got[want.Workload.Name] = v.Analysis.State + " " + v.Analysis.Justification
		if len(v.Affects) != 1 || purls[v.Affects[0].Ref] != want.Finding.PURL {
			t.Errorf("%s affects %v and not its package", want.Workload.Name, v.Affects)
		}
		if v.Source.Name != "NVD" && v.Source.Name != "OSV" {
			t.Errorf("Dependency-Track does not know the source %q", v.Source.Name)
		}
	}
	want := map[string]string{
		"exploitable": "exploitable ", "conditional": "exploitable ", "no-fix": "exploitable ", "declined": "exploitable ", "dismissed": "exploitable ", "by-tag": "exploitable ",
		"no-path": "not_affected protected_at_perimeter", "kernel": "not_affected code_not_reachable", "not-affected": "not_affected code_not_present",
		"stopped": "in_triage ", "another-digest": "in_triage ", "undecided": "in_triage ", "stale": "in_triage ",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("analysis (-want +got):\n%s", diff)
	}
}
