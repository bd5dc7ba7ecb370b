package policy_test

import (
	"slices"
	"testing"

	"github.com/azward/azward/policy"
	"github.com/azward/azward/policy/azurepolicy"
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
			tryRule(t, r)
		})
	}
}

func tryRule(t *testing.T, r *policy.Rule) {
	read := map[string]bool{}
	wanted := map[string]bool{}
	for _, c := range r.Cases {
		wanted[c.Want] = true
		got, err := r.Try(&c)
		if err != nil {
			t.Errorf("%s:%d: %v", r.File, c.Line, err)
			continue
		}
		want := c.Want
		if want == "skip" {
			want = azurepolicy.NotApplicable.String()
		}
		if got.State.String() != want {
			t.Errorf("%s:%d: case %q is %s (%s), want %s", r.File, c.Line, c.Name, got.State, got.Reason, want)
		}
		for _, p := range got.Paths() {
			read[p] = true
		}
	}
	for _, want := range []string{"pass", "fail", "unknown"} {
		if !wanted[want] {
			t.Errorf("%s:%d: no case of it wants %s", r.File, r.Line, want)
		}
	}
	for _, path := range r.Reads {
		if !read[path] {
			t.Errorf("%s:%d: no case of it reads %s; read are %q", r.File, r.Line, path, slices.Sorted(keys(read)))
		}
	}
	for what, missing := range map[string]bool{
		"rationale": r.Rationale == "", "category": r.Category == "", "source": r.Source == "", "reads": len(r.Reads) == 0,
		"remedy.cli": r.Remedy.CLI == "",
	} {
		if missing {
			t.Errorf("%s:%d: it has no %s", r.File, r.Line, what)
		}
	}
}

func keys(m map[string]bool) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}
