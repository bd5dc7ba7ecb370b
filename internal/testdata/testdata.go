// Package testdata finds the shared data that some tests read: a folder named
// shared beside the repository, or the one that AZWARD_SHARED names. The
// product and its tests work without it; tests that need it say so and skip,
// and fail instead where AZWARD_REQUIRE_SHARED is set.
package testdata

import (
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// Shared returns the path of a file or folder below the shared data, such as
// "data/osv". It skips the test, saying what is missing, when it is not there.
func Shared(tb testing.TB, name string) string {
	tb.Helper()
	root := os.Getenv("AZWARD_SHARED")
	if root == "" {
		_, here, _, _ := runtime.Caller(0)
		root = filepath.Join(filepath.Dir(here), "..", "..", "..", "shared")
	}
	path := filepath.Join(root, filepath.FromSlash(name))
	if _, err := os.Stat(path); err != nil {
		if os.Getenv("AZWARD_REQUIRE_SHARED") != "" {
			tb.Fatalf("shared data %s is required here and missing: %v", name, err)
		}
		tb.Skipf("needs shared data %s (looked in %s; set AZWARD_SHARED to its folder)", name, root)
	}
	return path
}
