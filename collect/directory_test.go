package collect_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/azuresim/scenario"
	"github.com/azward/azward/collect"
	"github.com/azward/azward/estate"
)

// allGraph are the permissions that the whole directory takes.
var allGraph = []string{"Directory.Read.All", "Policy.Read.All", "RoleManagement.Read.Directory", "AuditLog.Read.All", "AccessReview.Read.All"}

func directoryOf(t *testing.T, s *scenario.Scenario, roles ...string) *estate.Estate {
	t.Helper()
	graphRoles(s, "azward", roles...)
	client, _ := start(t, s, "azward")
	e, _ := read(t, client, collect.Options{})
	return e
}

func object(t *testing.T, e *estate.Estate, collection, id string) map[string]any {
	t.Helper()
	r, ok := e.Resource(azward.ResourceID("/providers/Microsoft.Graph/" + collection + "/" + id))
	if !ok {
		t.Fatalf("%s %s was not read", collection, id)
	}
	var body map[string]any
	if err := json.Unmarshal(r.Body, &body); err != nil {
		t.Fatal(err)
	}
	return body
}

// Every collection is a listing of the tenant, over several pages.
func TestDirectoryIsListedWhole(t *testing.T) {
	t.Parallel()
	s := load(t, "contoso")
	s.Paging.MSGraph = 2
	e := directoryOf(t, s, allGraph...)
	for _, name := range []string{
		"organization", "domains", "users", "groups", "groupSettings", "groupLifecyclePolicies", "applications", "servicePrincipals",
		"appRoleAssignments", "oauth2PermissionGrants", "roleAssignments", "roleDefinitions", "roleEligibilitySchedules",
		"conditionalAccessPolicies", "namedLocations", "authenticationStrengthPolicies", "authenticationMethodsPolicy", "authorizationPolicy",
		"adminConsentRequestPolicy", "identitySecurityDefaultsEnforcementPolicy", "crossTenantAccessPolicyDefault", "userRegistrationDetails", "accessReviews",
	} {
		if proof, missing := e.Absence("/", "Microsoft.Graph/"+name); len(proof) != 1 || len(missing) != 0 {
			t.Errorf("%s: proof %v, missing %v", name, proof, missing)
		}
	}
	if got := len(e.OfType("Microsoft.Graph/users")); got != 7 {
		t.Errorf("%d users", got)
	}
	if got := len(e.OfType("Microsoft.Graph/accessReviews")); got != 0 {
		t.Errorf("%d access reviews", got)
	}
}

// What is added to objects, and what is left out of them.
func TestDirectoryObjects(t *testing.T) {
	t.Parallel()
	e := directoryOf(t, load(t, "contoso"), allGraph...)
	assignment := object(t, e, "appRoleAssignments", "1LCSbqFYP0yfJwAAAAAABA001")
	if assignment["appRoleValue"] != "Mail.ReadWrite" {
		t.Errorf("the permission has no name: %v", assignment)
	}
	group := object(t, e, "groups", "b20d3f6c-7e52-4c10-9a1b-000000000001")
	members := []any{map[string]any{"@odata.type": "#microsoft.graph.user", "id": "a10c2e5b-6d41-4b0f-8f0a-000000000004"}}
	if diff := cmp.Diff(members, group["transitiveMembers"]); diff != "" {
		t.Errorf("members of a group that roles are given to (-want +got):\n%s", diff)
	}
	if other := object(t, e, "groups", "b20d3f6c-7e52-4c10-9a1b-000000000003"); other["transitiveMembers"] != nil {
		t.Errorf("members of another group were read: %v", other)
	}
	application := object(t, e, "applications", "e50a6c9f-ab85-4f43-8d4e-000000000002")
	credentials, _ := application["passwordCredentials"].([]any)
	if len(credentials) != 2 {
		t.Fatalf("credentials %v", application)
	}
	for _, c := range credentials {
		credential, _ := c.(map[string]any)
		if _, hinted := credential["hint"]; hinted || credential["endDateTime"] == nil {
			t.Errorf("a credential is kept as %v", credential)
		}
	}
	registered := object(t, e, "userRegistrationDetails", "a10c2e5b-6d41-4b0f-8f0a-000000000002")
	if _, named := registered["userDisplayName"]; named || registered["isMfaRegistered"] != false {
		t.Errorf("a registration is kept as %v", registered)
	}
	if location := object(t, e, "namedLocations", "d40f5b8e-9a74-4e32-bc3d-000000000001"); location["@odata.type"] != "#microsoft.graph.ipNamedLocation" {
		t.Errorf("a location lost its kind: %v", location)
	}
}

// Each permission that is taken away leaves gaps that name it and how it is
// granted, and nothing that is proved absent; the rest stays.
func TestEachGraphPermissionIsMissed(t *testing.T) {
	t.Parallel()
	for permission, reads := range map[string]string{
		"Directory.Read.All": "users", "Policy.Read.All": "conditionalAccessPolicies", "RoleManagement.Read.Directory": "roleEligibilitySchedules",
		"AuditLog.Read.All": "userRegistrationDetails", "AccessReview.Read.All": "accessReviews",
	} {
		t.Run(reads, func(t *testing.T) {
			t.Parallel()
			var rest []string
			for _, p := range allGraph {
				if p != permission {
					rest = append(rest, p)
				}
			}
			e := directoryOf(t, load(t, "contoso"), rest...)
			proof, missing := e.Absence("/", "Microsoft.Graph/"+reads)
			if len(proof) != 0 || len(missing) != 1 {
				t.Fatalf("proof %v, missing %v", proof, missing)
			}
			g := missing[0]
			if g.Needs != permission || g.Kind != azward.GapDenied || !strings.Contains(g.Error, "application permission "+permission) ||
				!strings.Contains(g.Remedy, "[?value=='"+permission+"']") || !strings.Contains(g.Remedy, "--id 9d2e4b71-0c3f-4f6a-8e15-b7a2d90c4e58") {
				t.Errorf("gap %+v", g)
			}
			for _, other := range e.Gaps() {
				if strings.HasPrefix(other.Reads, "Microsoft.Graph/") && other.Needs != permission {
					t.Errorf("another gap: %+v", other)
				}
			}
		})
	}
}

// Without any permission of Microsoft Graph there is one gap that explains
// every collection, and nothing is asked.
func TestDirectoryWithoutAnyPermission(t *testing.T) {
	t.Parallel()
	s := load(t, "contoso")
	graphRoles(s, "azward")
	client, server := start(t, s, "azward")
	e, _ := read(t, client, collect.Options{})
	_, missing := e.Absence("/", "Microsoft.Graph/conditionalAccessPolicies")
	if len(missing) != 1 || missing[0].Reads != "Microsoft.Graph/*" || missing[0].Kind != azward.GapDenied {
		t.Errorf("missing %+v", missing)
	}
	for _, r := range server.Requests() {
		if r.Service == "msgraph" {
			t.Errorf("asked Microsoft Graph: %s", r.Path)
		}
	}
}

// A tenant without the licence that a report takes is told so, and not to
// grant a permission.
func TestDirectoryWithoutLicence(t *testing.T) {
	t.Parallel()
	s := load(t, "contoso")
	s.Faults = append(s.Faults, scenario.Fault{
		Service: "msgraph", Path: "/v1.0/reports/**", Status: 403, Header: map[string]string{"Content-Type": "application/json"},
		Body: `{"error":{"code":"Authentication_RequestFromNonPremiumTenantOrB2CTenant","message":"Neither tenant is B2C or tenant doesn't have premium license"}}`,
	}, scenario.Fault{Service: "msgraph", Path: "/v1.0/domains", Status: 200, Body: `{"value":[{"authenticationType":"Managed"}]}`})
	e := directoryOf(t, s, allGraph...)
	_, missing := e.Absence("/", "Microsoft.Graph/userRegistrationDetails")
	if len(missing) != 1 || missing[0].Kind != azward.GapFailed || missing[0].Needs != "licence of Microsoft Entra ID P1" {
		t.Errorf("missing %+v", missing)
	}
	// An object without an ID is no domain less: it is not understood.
	_, missing = e.Absence("/", "Microsoft.Graph/domains")
	if len(missing) != 1 || missing[0].Kind != azward.GapUnparsed {
		t.Errorf("missing %+v", missing)
	}
}
