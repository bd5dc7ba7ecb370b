package api_test

import (
	"flag"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward/api"
)

var update = flag.Bool("update", false, "rewrite openapi.yaml")

// TestDocumentIsFresh holds the committed contract against the routes.
func TestDocumentIsFresh(t *testing.T) {
	t.Parallel()
	a, err := api.New(api.Options{})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join("openapi.yaml")
	if *update {
		if err := os.WriteFile(file, a.OpenAPI(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	kept, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(kept), string(a.OpenAPI())); diff != "" {
		t.Errorf("openapi.yaml is stale: go test ./api -update (-kept +routes):\n%s", diff)
	}
}
