package msgraph

import (
	"slices"
	"strings"

	"github.com/azward/azward/azuresim/entra"
)

// route is a path that is served: a collection of objects, or a single one.
type route struct {
	path       string // below the version, in the service's spelling
	collection string // of the objects
	single     bool
	// needs are the application permissions of which any lets an application
	// read here.
	needs []string
}

// routes of the directory. Where a page names a least permission and higher
// ones, both are here; permissions to write are left out.
//
// Sources: the table "Permissions" of each page below
// https://learn.microsoft.com/graph/api/ (organization-list, domain-list,
// user-list, group-list, group-list-transitivemembers, group-list-settings,
// grouplifecyclepolicy-list, application-list, serviceprincipal-list,
// serviceprincipal-list-approleassignedto, oauth2permissiongrant-list,
// rbacapplication-list-roleassignments, rbacapplication-list-roledefinitions,
// rbacapplication-list-roleeligibilityschedules, directoryrole-list,
// conditionalaccessroot-list-policies, conditionalaccessroot-list-namedlocations,
// authenticationstrengthroot-list-policies, authenticationmethodspolicy-get,
// authorizationpolicy-get, adminconsentrequestpolicy-get,
// identitysecuritydefaultsenforcementpolicy-get,
// crosstenantaccesspolicyconfigurationdefault-get,
// authenticationmethodsroot-list-userregistrationdetails,
// accessreviewset-list-definitions)
var routes = []route{
	{path: "organization", collection: "organization", needs: []string{directory, "Organization.Read.All"}},
	{path: "domains", collection: "domains", needs: []string{directory, "Domain.Read.All"}},
	{path: "users", collection: "users", needs: []string{directory, "User.Read.All"}},
	{path: "groups", collection: "groups", needs: []string{directory, "Group.Read.All", "GroupMember.Read.All"}},
	{path: "groupSettings", collection: "groupSettings", needs: []string{directory, "GroupSettings.Read.All"}},
	{path: "groupLifecyclePolicies", collection: "groupLifecyclePolicies", needs: []string{directory}},
	{path: "applications", collection: "applications", needs: []string{directory, "Application.Read.All"}},
	{path: "servicePrincipals", collection: "servicePrincipals", needs: []string{directory, "Application.Read.All"}},
	{path: assignedTo, collection: "appRoleAssignments", needs: []string{directory, "Application.Read.All"}},
	{path: "oauth2PermissionGrants", collection: "oauth2PermissionGrants", needs: []string{directory, "DelegatedPermissionGrant.Read.All"}},
	{path: "directoryRoles", collection: "directoryRoles", needs: []string{directory, roles}},
	{path: "roleManagement/directory/roleAssignments", collection: "roleAssignments", needs: []string{directory, roles, "RoleManagement.Read.All"}},
	{path: "roleManagement/directory/roleDefinitions", collection: "roleDefinitions", needs: []string{directory, roles, "RoleManagement.Read.All"}},
	{
		path: "roleManagement/directory/roleEligibilitySchedules", collection: "roleEligibilitySchedules",
		needs: []string{roles, "RoleManagement.Read.All", "RoleEligibilitySchedule.Read.Directory"},
	},
	{path: "identity/conditionalAccess/policies", collection: "conditionalAccessPolicies", needs: []string{policies, "Policy.Read.ConditionalAccess"}},
	{path: "identity/conditionalAccess/namedLocations", collection: "namedLocations", needs: []string{policies, "Policy.Read.ConditionalAccess"}},
	{path: "policies/authenticationStrengthPolicies", collection: "authenticationStrengthPolicies", needs: []string{policies, "Policy.Read.AuthenticationMethod"}},
	{path: "policies/authenticationMethodsPolicy", collection: "authenticationMethodsPolicy", single: true, needs: []string{policies, "Policy.Read.AuthenticationMethod"}},
	{path: "policies/authorizationPolicy", collection: "authorizationPolicy", single: true, needs: []string{policies, "Policy.Read.Authorization"}},
	{path: "policies/adminConsentRequestPolicy", collection: "adminConsentRequestPolicy", single: true, needs: []string{policies, "Policy.Read.ConsentRequest"}},
	{path: "policies/identitySecurityDefaultsEnforcementPolicy", collection: "identitySecurityDefaultsEnforcementPolicy", single: true, needs: []string{policies}},
	{path: "policies/crossTenantAccessPolicy/default", collection: "crossTenantAccessPolicyDefault", single: true, needs: []string{policies}},
	{path: "reports/authenticationMethods/userRegistrationDetails", collection: "userRegistrationDetails", needs: []string{"AuditLog.Read.All"}},
	{path: "identityGovernance/accessReviews/definitions", collection: "accessReviews", needs: []string{"AccessReview.Read.All"}},
}

const (
	directory = "Directory.Read.All"
	roles     = "RoleManagement.Read.Directory"
	policies  = "Policy.Read.All"

	graphSP    = "servicePrincipals(appId='" + entra.AppMSGraph + "')"
	assignedTo = graphSP + "/appRoleAssignedTo"
)

// Collections are the names that objects are filed under.
func Collections() []string {
	names := make([]string, len(routes))
	for i, r := range routes {
		names[i] = r.collection
	}
	return names
}

// CollectionOf finds the collection of an object that says its type. Types
// that derive from another are with it.
func CollectionOf(odataType string) string {
	kind := strings.TrimPrefix(odataType, "#microsoft.graph.")
	switch kind {
	case "":
		return ""
	case "ipNamedLocation", "countryNamedLocation":
		return "namedLocations"
	case "organization":
		return kind
	}
	return kind + "s"
}

// find gives the route of a path without its version, and what follows it:
// the ID of an object.
func find(path string) (r route, rest string, ok bool) {
	for _, candidate := range routes {
		after, within := cutPath(path, candidate.path)
		if within && (!ok || len(candidate.path) > len(r.path)) {
			r, rest, ok = candidate, after, true
		}
	}
	return r, rest, ok
}

// cutPath compares without case, whole segments alone.
func cutPath(path, prefix string) (rest string, ok bool) {
	if len(path) < len(prefix) || !strings.EqualFold(path[:len(prefix)], prefix) {
		return "", false
	}
	rest = path[len(prefix):]
	if rest == "" {
		return "", true
	}
	return rest[1:], rest[0] == '/'
}

// permits reports whether an application may read at a route. What may be
// written may be read.
func (r route) permits(who *entra.Token) bool {
	return slices.ContainsFunc(who.Roles, func(role string) bool {
		return slices.Contains(r.needs, role) || slices.Contains(r.needs, strings.Replace(role, ".ReadWrite.", ".Read.", 1))
	})
}
