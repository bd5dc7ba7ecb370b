package draw_test

import (
	"bytes"
	"os"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/exposure/draw"
)

func TestFlowsGolden(t *testing.T) {
	t.Parallel()
	one := func(name string) azward.Workload {
		return azward.Workload{ID: azward.ResourceID("/c/" + name), Kind: azward.Deployment, Name: name}
	}
	web, cart, evil := one("shop/web"), one("shop/cart"), one(`ops/"]; evil`)
	var got bytes.Buffer
	err := draw.Flows(&got, slices.Values([]exposure.PodFlow{
		{From: web, To: cart, Answer: azward.Yes, Open: []string{"tcp 8080", "tcp 9090"}},
		{From: cart, To: web, Answer: azward.No},
		{From: evil, To: web, Answer: azward.Unknown, Unknown: []string{"tcp 80"}},
		{From: web, To: evil, Answer: azward.Unknown},
	}))
	if err != nil {
		t.Fatal(err)
	}
	const file = "testdata/flows.dot"
	if *update {
		if err := os.WriteFile(file, got.Bytes(), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got.String()); diff != "" {
		t.Errorf("graph (-want +got):\n%s", diff)
	}
}
