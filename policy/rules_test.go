package policy_test

import (
	"testing"

	"github.com/azward/azward/policy"
)

// TestRules tries every rule of ours on its cases: go test -run TestRules/ID.
func TestRules(t *testing.T) {
	t.Parallel()
	rules, problems, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	for _, p := range problems {
		t.Error(p)
	}
	for _, r := range rules {
		t.Run(r.ID, func(t *testing.T) {
			t.Parallel()
			for _, p := range r.Prove() {
				t.Error(p)
			}
			for what, missing := range map[string]bool{
				"rationale": r.Rationale == "", "category": r.Category == "", "source": r.Source == "", "reads": len(r.Reads) == 0 && r.Category != "Exposure", // which is no property
				"remedy.cli": r.Remedy.CLI == "",
			} {
				if missing {
					t.Errorf("%s:%d: it has no %s", r.File, r.Line, what)
				}
			}
		})
	}
}
