package azurepolicy_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy/azurepolicy"
)

// TestStates holds answers against Azure's. The words of complianceState are
// those of
// https://learn.microsoft.com/azure/governance/policy/concepts/compliance-states
func TestStates(t *testing.T) {
	t.Parallel()
	const (
		group      = "/subscriptions/11111111-1111-4111-8111-111111111111/resourceGroups/g"
		definition = "/providers/Microsoft.Authorization/policyDefinitions/https-only"
		assignment = "/subscriptions/11111111-1111-4111-8111-111111111111/providers/Microsoft.Authorization/policyAssignments/https"
	)
	at := time.Date(2026, 11, 20, 3, 0, 0, 0, time.UTC)
	account := func(name string) string { return group + "/providers/Microsoft.Storage/storageAccounts/" + name }
	var b estate.Builder
	add := func(id, kind, properties string) {
		t.Helper()
		body := fmt.Sprintf(`{"id":%q,"type":%q,"name":"x","location":"westeurope","properties":%s}`, id, kind, properties)
		if err := b.AddARM([]byte(body), estate.Provenance{Source: azward.SourceARM, APIVersion: "2024-01-01", ReadAt: at}); err != nil {
			t.Fatal(err)
		}
	}
	state := func(name, word string) {
		add(account(name)+"/providers/Microsoft.PolicyInsights/policyStates/s"+name, azurepolicy.StateType, fmt.Sprintf(
			`{"resourceId":%q,"policyAssignmentId":%q,"policyDefinitionId":%q,"complianceState":%q,"timestamp":"2026-11-20T03:00:00Z"}`,
			account(name), assignment, definition, word))
	}
	for name, https := range map[string]string{"same": "false", "changed": "true", "conflict": "false", "new": "false"} {
		add(account(name), "Microsoft.Storage/storageAccounts", `{"supportsHttpsTrafficOnly":`+https+`}`)
	}
	state("same", "NonCompliant")
	state("changed", "nonCompliant")
	state("conflict", "Conflict")
	state("gone", "Compliant")
	add(assignment, azurepolicy.AssignmentType, fmt.Sprintf(`{"policyDefinitionId":%q,"scope":"/subscriptions/11111111-1111-4111-8111-111111111111"}`, definition))
	b.AddListing(estate.Listing{Scope: "/", Type: estate.AllTypes, Status: estate.ListingDeclared})
	e := b.Build()

	var catalog azurepolicy.Catalog
	if err := catalog.AddDocument([]byte(`{"id":"`+definition+`","name":"https-only","properties":{"displayName":"HTTPS","mode":"Indexed","policyType":"BuiltIn",
		"policyRule":{"if":{"allOf":[{"field":"type","equals":"Microsoft.Storage/storageAccounts"},{"field":"Microsoft.Storage/storageAccounts/supportsHttpsTrafficOnly","notEquals":true}]},"then":{"effect":"audit"}}}}`), "test"); err != nil {
		t.Fatal(err)
	}
	assignments, gaps := azurepolicy.Assignments(e)
	if len(assignments) != 1 || len(gaps) != 0 {
		t.Fatalf("%d assignments, gaps %v", len(assignments), gaps)
	}
	policies, skipped := catalog.Assigned(assignments[0])
	if len(policies) != 1 {
		t.Fatalf("skipped: %+v", skipped)
	}
	var results []azurepolicy.Result
	for r := range azurepolicy.NewChecker(e, at).Check(policies) {
		results = append(results, r)
	}
	list, gaps := azurepolicy.States(e, results)
	if len(gaps) != 0 {
		t.Errorf("gaps %v", gaps)
	}
	got := map[string]azurepolicy.Agreement{}
	for _, c := range list {
		got[c.Resource.Name()] = c.Agreement
	}
	want := map[string]azurepolicy.Agreement{
		"same": azurepolicy.Agree, "changed": azurepolicy.Disagree, "conflict": azurepolicy.AzuresOpen, "gone": azurepolicy.OnlyAzures, "new": azurepolicy.OnlyOurs,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("agreement (-want +got):\n%s", diff)
	}
}
