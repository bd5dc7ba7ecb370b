package policy_test

import (
	"sync"
	"testing"

	"github.com/azward/azward/policy"
)

// TestSharedRules: checkers of one estate and the same rules run at once and
// say the same.
func TestSharedRules(t *testing.T) {
	t.Parallel()
	rules, _, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	e := benchEstate(t, 20)
	var wg sync.WaitGroup
	said := make([]string, 4)
	for i := range said {
		wg.Go(func() {
			for r := range policy.NewChecker(e, policy.CaseTime).Check(rules) {
				said[i] += r.Rule.ID + " " + r.State.String() + "\n"
			}
		})
	}
	wg.Wait()
	for _, s := range said[1:] {
		if s == "" || s != said[0] {
			t.Error("two checkers disagree")
		}
	}
}
