package workspace_test

import (
	"encoding/json"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/store"
)

// TestExposureOfDataServiceNamesSettings: the page of a database tells what
// would close its public endpoint, as that of a machine does.
func TestExposureOfDataServiceNamesSettings(t *testing.T) {
	t.Parallel()
	w, kept := open(t)
	connected(t, kept, "prod")
	const id = "/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.DocumentDB/databaseAccounts/orders"
	var b estate.Builder
	if err := b.AddARM(json.RawMessage(`{"id":"`+id+`","name":"orders","type":"Microsoft.DocumentDB/databaseAccounts","properties":{
		"publicNetworkAccess":"Enabled","ipRules":[],"isVirtualNetworkFilterEnabled":false,"virtualNetworkRules":[],"privateEndpointConnections":[]}}`),
		estate.Provenance{Source: azward.SourceARM, APIVersion: "2024-05-01", ReadAt: day}); err != nil {
		t.Fatal(err)
	}
	b.AddListing(estate.Listing{Scope: "/", Type: estate.AllTypes, Status: estate.ListingComplete, ReadAt: day})
	if err := kept.BeginScan(t.Context(), "s1", "prod", day); err != nil {
		t.Fatal(err)
	}
	if err := kept.SaveEstate(t.Context(), "s1", b.Build().Write); err != nil {
		t.Fatal(err)
	}
	if err := kept.FinishScan(t.Context(), "s1", store.Outcome{State: store.ScanComplete, FinishedAt: day}); err != nil {
		t.Fatal(err)
	}
	x, err := w.Exposure(t.Context(), azward.ResourceID(id))
	if err != nil {
		t.Fatal(err)
	}
	if x.Answer != azward.Yes || len(x.Settings) == 0 {
		t.Fatalf("an open database answers %s (%s) and names %d sets of settings", x.Answer, x.Summary, len(x.Settings))
	}
	want := exposure.Setting{Resource: id, Property: "/properties/publicNetworkAccess"}
	if got := x.Settings[0]; len(got.Settings) != 1 || got.Settings[0].Resource != want.Resource || got.Settings[0].Property != want.Property || got.Goal != azward.No {
		t.Errorf("the first set is %+v, want one of %s", got, want.Property)
	}
}
