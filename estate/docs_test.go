package estate_test

import (
	"os"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// The examples that users copy are read as the page says.
func TestExamplesOfTheDocumentation(t *testing.T) {
	t.Parallel()
	page, err := os.ReadFile("../docs/estate-file.md")
	if err != nil {
		t.Fatal(err)
	}
	block := func(language string) string {
		_, rest, ok := strings.Cut(string(page), "```"+language+"\n")
		text, _, closed := strings.Cut(rest, "```")
		if !ok || !closed {
			t.Fatalf("no %s block", language)
		}
		return text
	}
	e := mustRead(t, "example.jsonl", block("jsonl"), estate.ReadOptions{})
	images := 0
	for range e.Images() {
		images++
	}
	if e.Len() != 4 || images != 1 || len(e.Listings()) != 1 || len(e.Gaps()) != 1 {
		t.Errorf("%d resources, %d images, listings %v, gaps %v", e.Len(), images, e.Listings(), e.Gaps())
	}
	graph := mustRead(t, "graph.json", block("json"), estate.ReadOptions{})
	proof, missing := graph.Absence("/subscriptions/11111111-1111-1111-1111-111111111111", "Microsoft.Network/loadBalancers")
	if len(missing) != 0 || len(proof) != 1 || proof[0].Source != azward.SourceResourceGraph {
		t.Errorf("proof %v, missing %v", proof, missing)
	}
}
