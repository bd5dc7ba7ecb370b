package fault_test

import (
	"strings"
	"testing"

	"github.com/azward/azward/azuresim/fault"
)

func TestGlob(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		pattern, path string
		want          bool
	}{
		{"/subscriptions/*", "/subscriptions/s", true},
		{"/subscriptions/*", "/subscriptions/s/resourcegroups", false},
		{"/subscriptions/*/resourcegroups", "/subscriptions/s/resourcegroups", true},
		{"**/virtualmachines", "/subscriptions/s/providers/c/virtualmachines", true},
		{"**/virtualmachines", "/virtualmachines/vm", false},
		{"**", "/anything/at/all", true},
		{"/v2/**/manifests/*", "/v2/a/b/manifests/1.0", true},
		{"", "", true},
		{"a", "", false},
	} {
		if got := fault.Glob(tc.pattern, tc.path); got != tc.want {
			t.Errorf("%q on %q: %t", tc.pattern, tc.path, got)
		}
	}
}

func FuzzGlob(f *testing.F) {
	f.Add("/a/*", "/a/b")
	f.Fuzz(func(t *testing.T, pattern, path string) {
		if len(pattern) > 40 || len(path) > 200 || strings.Count(pattern, "*") > 4 {
			return // scenarios are written by hand; nobody else's pattern gets here
		}
		if fault.Glob(pattern, path) && !fault.Glob("**", path) {
			t.Error("** matches less than another pattern")
		}
		if !strings.Contains(path, "*") && !fault.Glob(path, path) {
			t.Errorf("%q does not match itself", path)
		}
	})
}
