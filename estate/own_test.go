package estate_test

import (
	"bytes"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// A listing of what is attached to a scope proves nothing below it, and keeps
// that through a file.
func TestOwnListingProvesItsScopeAlone(t *testing.T) {
	t.Parallel()
	const settings = "Microsoft.Insights/diagnosticSettings"
	const vault = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v"
	scope := azward.ResourceID(vault).SubscriptionScope()
	var b estate.Builder
	b.AddListing(estate.Listing{Scope: scope, Type: settings, Status: estate.ListingComplete, Own: true})
	var file bytes.Buffer
	if err := b.Build().Write(&file); err != nil {
		t.Fatal(err)
	}
	e := mustRead(t, "e.ndjson", file.String(), estate.ReadOptions{})
	if proof, missing := e.Absence(scope, settings); len(proof) != 1 || len(missing) != 0 {
		t.Errorf("at the scope: proof %v, missing %v", proof, missing)
	}
	if proof, missing := e.Absence(vault, settings); len(proof) != 0 || len(missing) == 0 {
		t.Errorf("below the scope: proof %v, missing %v", proof, missing)
	}
}
