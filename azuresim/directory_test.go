package azuresim_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward/azuresim"
	"github.com/azward/azward/azuresim/scenario"
)

// directory asks Microsoft Graph as the app named reader.
func (s *sim) directory(path string) (int, map[string]any) {
	s.t.Helper()
	token, err := s.secretToken("reader", "https://graph.microsoft.com/.default")
	if err != nil {
		s.t.Fatal(err)
	}
	a := s.get(s.GraphEndpoint()+path, token)
	return a.status, a.body
}

func readerWith(s *scenario.Scenario, roles ...string) *scenario.Scenario {
	for i := range s.Apps {
		if s.Apps[i].Name == "reader" {
			s.Apps[i].GraphRoles = roles
		}
	}
	return s
}

// Each path takes its own permission: Directory.Read.All reads no policy, and
// what may be written may be read.
//
// https://learn.microsoft.com/graph/permissions-reference
func TestDirectoryPermissions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, role, path string
		status           int
	}{
		{"users", "User.Read.All", "/v1.0/users", 200},
		{"users_with_a_policy_permission", "Policy.Read.All", "/v1.0/users", 403},
		{"policy", "Policy.Read.All", "/v1.0/policies/authorizationPolicy", 200},
		{"policy_with_the_directory", "Directory.Read.All", "/v1.0/policies/authorizationPolicy", 403},
		{"conditional_access", "Policy.Read.ConditionalAccess", "/v1.0/identity/conditionalAccess/policies", 200},
		{"role_assignments_with_the_directory", "Directory.Read.All", "/v1.0/roleManagement/directory/roleAssignments", 200},
		{"eligibility_with_the_directory", "Directory.Read.All", "/v1.0/roleManagement/directory/roleEligibilitySchedules", 403},
		{"eligibility", "RoleManagement.Read.Directory", "/v1.0/roleManagement/directory/roleEligibilitySchedules", 200},
		{"registration", "AuditLog.Read.All", "/v1.0/reports/authenticationMethods/userRegistrationDetails", 200},
		{"registration_with_the_directory", "Directory.Read.All", "/v1.0/reports/authenticationMethods/userRegistrationDetails", 403},
		{"reviews", "AccessReview.Read.All", "/v1.0/identityGovernance/accessReviews/definitions", 200},
		{"written_is_read", "Directory.ReadWrite.All", "/v1.0/groups", 200},
		{"nothing_there", "Directory.Read.All", "/v1.0/policies/nosuchpolicy", 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := start(t, azuresim.Options{Scenario: readerWith(load(t), tc.role)})
			if status, body := s.directory(tc.path); status != tc.status {
				t.Errorf("%d %v, want %d", status, body, tc.status)
			}
		})
	}
}

// Members of groups and the names of Microsoft Graph's permissions have paths
// of their own, and do not stand in the objects.
//
// https://learn.microsoft.com/graph/api/group-list-transitivemembers,
// https://learn.microsoft.com/graph/api/serviceprincipal-list-approleassignedto
func TestDirectoryRelations(t *testing.T) {
	t.Parallel()
	sc := readerWith(load(t), "Directory.Read.All")
	for collection, bodies := range map[string][]string{
		"groups": {`{"id":"g1","displayName":"admins","isAssignableToRole":true,"transitiveMembers":[{"@odata.type":"#microsoft.graph.user","id":"u1"}]}`},
		"appRoleAssignments": {
			`{"id":"a1","appRoleId":"r1","appRoleValue":"Mail.Read","principalId":"p1"}`,
			`{"id":"a2","appRoleId":"r1","appRoleValue":"Mail.Read","principalId":"p2"}`,
		},
	} {
		for _, body := range bodies {
			sc.MSGraph = append(sc.MSGraph, scenario.DirectoryObject{Collection: collection, Body: json.RawMessage(body)})
		}
	}
	s := start(t, azuresim.Options{Scenario: sc})
	value := func(path string) []any {
		status, body := s.directory(path)
		list, _ := body["value"].([]any)
		if status != http.StatusOK {
			t.Fatalf("%s: %d %v", path, status, body)
		}
		return list
	}
	if diff := cmp.Diff([]any{map[string]any{"id": "g1", "displayName": "admins", "isAssignableToRole": true}}, value("/v1.0/groups")); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]any{map[string]any{"@odata.type": "#microsoft.graph.user", "id": "u1"}}, value("/v1.0/groups/g1/transitiveMembers?$select=id")); diff != "" {
		t.Errorf("members (-want +got):\n%s", diff)
	}
	const graph = "/v1.0/servicePrincipals(appId='00000003-0000-0000-c000-000000000000')"
	if got := len(value(graph + "/appRoleAssignedTo")); got != 2 {
		t.Errorf("%d assignments", got)
	}
	_, body := s.directory(graph + "?$select=id,appRoles")
	roles, _ := body["appRoles"].([]any)
	if len(roles) != 1 || !slices.ContainsFunc(roles, func(r any) bool { role, _ := r.(map[string]any); return role["value"] == "Mail.Read" }) {
		t.Errorf("app roles %v", body)
	}
}

// A list of diagnostic settings holds those of the scope itself.
//
// https://learn.microsoft.com/rest/api/monitor/diagnostic-settings/list
func TestDiagnosticSettingsAreThoseOfTheScope(t *testing.T) {
	t.Parallel()
	sc := load(t)
	const settings = "/providers/Microsoft.Insights/diagnosticSettings"
	machine := web + "/providers/Microsoft.Compute/virtualMachines/vm-web"
	for _, id := range []string{production + settings + "/activity", machine + settings + "/machine"} {
		sc.ARM = append(sc.ARM, scenario.Record{ID: id, Body: json.RawMessage(`{"id":"` + id + `","properties":{}}`)})
	}
	s := start(t, azuresim.Options{Scenario: sc})
	for scope, want := range map[string]string{production: production + settings + "/activity", machine: machine + settings + "/machine"} {
		a := s.send(http.MethodGet, scope+settings+"?api-version=2021-05-01-preview", s.token("reader"), "")
		list, _ := a.body["value"].([]any)
		if len(list) != 1 {
			t.Fatalf("%s: %s", scope, a.raw)
		}
		if only, _ := list[0].(map[string]any); only["id"] != want {
			t.Errorf("%s: %s", scope, a.raw)
		}
	}
}
