package collect_test

import (
	"encoding/json"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/azuresim/scenario"
	"github.com/azward/azward/collect"
	"github.com/azward/azward/estate"
)

// TestPolicies: what a tenant assigns, exempts and defines is read whole.
func TestPolicies(t *testing.T) {
	t.Parallel()
	s := load(t, "minimal")
	base := string(production) + "/providers/Microsoft.Authorization/"
	ids := map[string]string{
		"policyAssignments": base + "policyAssignments/tags", "policyExemptions": base + "policyExemptions/x",
		"policyDefinitions": base + "policyDefinitions/own", "policySetDefinitions": base + "policySetDefinitions/own",
	}
	for kind, id := range ids {
		body, err := json.Marshal(map[string]any{
			"id": id, "name": azward.ResourceID(id).Name(), "type": "Microsoft.Authorization/" + kind,
			"properties": map[string]any{"policyType": "Custom", "displayName": kind},
		})
		if err != nil {
			t.Fatal(err)
		}
		s.ARM = append(s.ARM, scenario.Record{ID: id, Body: body})
	}
	client, _ := start(t, s, "reader")
	e, _ := read(t, client, collect.Options{})
	for kind, id := range ids {
		if _, ok := e.Resource(azward.ResourceID(id)); !ok {
			t.Errorf("%s was not read", id)
		}
		if got := status(e, production, "Microsoft.Authorization/"+kind); got != estate.ListingComplete {
			t.Errorf("the listing of %s is %q", kind, got)
		}
	}
}
