package collect

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/azward/azward"
)

// collections is what is read of a directory. Of people the display name and
// the name they sign in with are kept and nothing else; of credentials which
// there are and until when, never a hint of a secret.
//
// Sources, each with the least permission:
// https://learn.microsoft.com/graph/api/organization-list
// https://learn.microsoft.com/graph/api/domain-list
// https://learn.microsoft.com/graph/api/user-list
// https://learn.microsoft.com/graph/api/group-list
// https://learn.microsoft.com/graph/api/group-list-settings
// https://learn.microsoft.com/graph/api/application-list
// https://learn.microsoft.com/graph/api/serviceprincipal-list
// https://learn.microsoft.com/graph/api/serviceprincipal-list-approleassignedto
// https://learn.microsoft.com/graph/api/oauth2permissiongrant-list
// https://learn.microsoft.com/graph/api/rbacapplication-list-roleassignments
// https://learn.microsoft.com/graph/api/rbacapplication-list-roledefinitions
// https://learn.microsoft.com/graph/api/rbacapplication-list-roleeligibilityschedules
// https://learn.microsoft.com/graph/api/conditionalaccessroot-list-policies
// https://learn.microsoft.com/graph/api/conditionalaccessroot-list-namedlocations
// https://learn.microsoft.com/graph/api/authenticationstrengthroot-list-policies
// https://learn.microsoft.com/graph/api/authenticationmethodspolicy-get
// https://learn.microsoft.com/graph/api/authorizationpolicy-get
// https://learn.microsoft.com/graph/api/adminconsentrequestpolicy-get
// https://learn.microsoft.com/graph/api/identitysecuritydefaultsenforcementpolicy-get
// https://learn.microsoft.com/graph/api/crosstenantaccesspolicyconfigurationdefault-get
// https://learn.microsoft.com/graph/api/authenticationmethodsroot-list-userregistrationdetails
// https://learn.microsoft.com/graph/api/accessreviewset-list-definitions
var collections = []collection{
	{
		name: "organization", path: "organization", needs: readDirectory, others: []string{"Organization.Read.All"},
		fields: "id,displayName,tenantType,onPremisesSyncEnabled,onPremisesLastSyncDateTime,assignedPlans(service,servicePlanId,capabilityStatus),verifiedDomains,createdDateTime",
	},
	{
		name: "domains", path: "domains", needs: readDirectory, others: []string{"Domain.Read.All"},
		fields: "id,authenticationType,isDefault,isInitial,isRoot,isVerified,isAdminManaged,passwordValidityPeriodInDays,passwordNotificationWindowInDays,supportedServices",
	},
	{
		name: "users", path: "users", needs: readDirectory, others: []string{"User.Read.All"}, asked: true, query: top,
		fields: "id,displayName,userPrincipalName,userType,accountEnabled,createdDateTime,onPremisesSyncEnabled,passwordPolicies," +
			"externalUserState,externalUserStateChangeDateTime,lastPasswordChangeDateTime",
	},
	{
		name: "groups", path: "groups", needs: readDirectory, others: []string{"Group.Read.All"}, asked: true, query: top,
		fields: "id,displayName,groupTypes,securityEnabled,mailEnabled,visibility,isAssignableToRole,membershipRule,membershipRuleProcessingState,onPremisesSyncEnabled,createdDateTime,expirationDateTime",
		after:  withMembers,
	},
	{name: "groupSettings", path: "groupSettings", needs: readDirectory, others: []string{"GroupSettings.Read.All"}},
	{name: "groupLifecyclePolicies", path: "groupLifecyclePolicies", needs: readDirectory},
	{
		name: "applications", path: "applications", needs: readDirectory, others: []string{"Application.Read.All"}, asked: true, query: top,
		fields: "id,appId,displayName,createdDateTime,signInAudience,publisherDomain,verifiedPublisher(displayName,verifiedPublisherId),isFallbackPublicClient," +
			passwords + "," + certificates + ",requiredResourceAccess,web(redirectUris,implicitGrantSettings,homePageUrl),spa(redirectUris),publicClient(redirectUris)",
	},
	{
		name: "servicePrincipals", path: "servicePrincipals", needs: readDirectory, others: []string{"Application.Read.All"}, asked: true, query: top,
		fields: "id,appId,displayName,servicePrincipalType,accountEnabled,appOwnerOrganizationId,appRoleAssignmentRequired,signInAudience," +
			"verifiedPublisher(displayName,verifiedPublisherId),preferredSingleSignOnMode,tags," + passwords + "," + certificates,
	},
	{
		name: "appRoleAssignments", path: "servicePrincipals(appId='" + msgraphApp + "')/appRoleAssignedTo", needs: readDirectory, others: []string{"Application.Read.All"},
		fields: "id,appRoleId,createdDateTime,principalDisplayName,principalId,principalType,resourceDisplayName,resourceId",
		after:  withRoleNames,
	},
	{name: "oauth2PermissionGrants", path: "oauth2PermissionGrants", needs: readDirectory, others: []string{"DelegatedPermissionGrant.Read.All"}},
	{name: "roleAssignments", path: "roleManagement/directory/roleAssignments", needs: readRoles, others: []string{readDirectory, "RoleManagement.Read.All"}},
	{
		name: "roleDefinitions", path: "roleManagement/directory/roleDefinitions", needs: readRoles, others: []string{readDirectory, "RoleManagement.Read.All"},
		fields: "id,displayName,description,isBuiltIn,isEnabled,isPrivileged,templateId,version,resourceScopes,rolePermissions",
	},
	{name: "roleEligibilitySchedules", path: "roleManagement/directory/roleEligibilitySchedules", needs: readRoles, others: []string{"RoleEligibilitySchedule.Read.Directory", "RoleManagement.Read.All"}},
	{name: "conditionalAccessPolicies", path: "identity/conditionalAccess/policies", needs: readPolicies},
	{name: "namedLocations", path: "identity/conditionalAccess/namedLocations", needs: readPolicies},
	{name: "authenticationStrengthPolicies", path: "policies/authenticationStrengthPolicies", needs: readPolicies},
	{name: "authenticationMethodsPolicy", path: "policies/authenticationMethodsPolicy", needs: readPolicies, single: true},
	{name: "authorizationPolicy", path: "policies/authorizationPolicy", needs: readPolicies, single: true},
	{name: "adminConsentRequestPolicy", path: "policies/adminConsentRequestPolicy", needs: readPolicies, single: true},
	{name: "identitySecurityDefaultsEnforcementPolicy", path: "policies/identitySecurityDefaultsEnforcementPolicy", needs: readPolicies, single: true},
	{name: "crossTenantAccessPolicyDefault", path: "policies/crossTenantAccessPolicy/default", needs: readPolicies, single: true},
	{
		name: "userRegistrationDetails", path: "reports/authenticationMethods/userRegistrationDetails", needs: readAudit,
		fields: "id,userType,isAdmin,isMfaCapable,isMfaRegistered,isPasswordlessCapable,isSsprCapable,isSsprEnabled,isSsprRegistered,methodsRegistered,lastUpdatedDateTime",
	},
	{
		name: "accessReviews", path: "identityGovernance/accessReviews/definitions", needs: readReviews,
		fields: "id,displayName,status,scope,instanceEnumerationScope,settings,createdDateTime",
	},
}

var top = []string{"$top", "999"} // the largest page of directory objects

// What is kept of credentials. The hint of a password is its first letters.
//
// Source: https://learn.microsoft.com/graph/api/resources/passwordcredential
const (
	passwords    = "passwordCredentials(keyId,displayName,startDateTime,endDateTime)"
	certificates = "keyCredentials(keyId,displayName,type,usage,startDateTime,endDateTime)"
)

// msgraphApp is Microsoft Graph's own application ID in every cloud.
const msgraphApp = "00000003-0000-0000-c000-000000000000"

func sortedKeys(f fields) []string { return slices.Sorted(maps.Keys(f)) }

// withMembers adds to groups that directory roles may be given to who is in
// them, also by way of other groups: transitiveMembers, each with its ID and
// kind. A group without it was not asked for.
//
// Source: https://learn.microsoft.com/graph/api/group-list-transitivemembers
func withMembers(ctx context.Context, d *directory, groups []json.RawMessage) ([]json.RawMessage, error) {
	read := 0
	for i, body := range groups {
		var group map[string]json.RawMessage
		var id string
		if json.Unmarshal(body, &group) != nil || string(group["isAssignableToRole"]) != "true" || json.Unmarshal(group["id"], &id) != nil {
			continue
		}
		if read++; read > mostAssignableGroup {
			d.lackMembers("/", "there are more groups that roles may be given to than are read")
			break
		}
		members, err := d.members(ctx, id)
		if err != nil {
			if ctx.Err() != nil {
				return groups, err
			}
			d.lackMembers(azward.ResourceID("/providers/"+graphNamespace+"groups/"+id), causeOf(err))
			continue
		}
		group["transitiveMembers"] = members
		groups[i] = remarshal(group, body)
	}
	return groups, nil
}

func (d *directory) lackMembers(scope azward.ResourceID, cause string) {
	d.sink.gap(azward.Gap{Scope: scope, Kind: azward.GapFailed, Reads: graphNamespace + "groups/transitiveMembers", Needs: readDirectory, Error: cause})
}

func (d *directory) members(ctx context.Context, group string) (json.RawMessage, error) {
	type member struct {
		Type string `json:"@odata.type"`
		ID   string `json:"id"`
	}
	members := []member{}
	for page, err := range d.client.MSGraphPages(ctx, graphVersion+"groups/"+group+"/transitiveMembers", "$select", "id", "$top", "999") {
		if err != nil {
			return nil, err
		}
		for _, raw := range page {
			var m member
			if err := json.Unmarshal(raw, &m); err != nil || len(members) >= mostMembers {
				return nil, badMembers(err)
			}
			members = append(members, m)
		}
	}
	slices.SortFunc(members, func(a, b member) int { return strings.Compare(a.ID, b.ID) })
	return json.Marshal(members)
}

func badMembers(err error) error {
	if err == nil {
		return &azward.Error{Kind: azward.KindFailed, Op: "list members", Cause: "the group has more members than are read"}
	}
	return &azward.Error{Kind: azward.KindBadInput, Op: "list members", Cause: "a member was not understood", Err: err}
}

// withRoleNames adds to what applications may do at Microsoft Graph the name
// of the permission (appRoleValue: "Directory.ReadWrite.All"), which the
// assignment has as an ID alone. An ID that Microsoft Graph does not define any
// more stays without a name.
//
// Source: https://learn.microsoft.com/graph/api/resources/approleassignment
func withRoleNames(ctx context.Context, d *directory, assignments []json.RawMessage) ([]json.RawMessage, error) {
	body, err := d.client.MSGraph(ctx, graphVersion+"servicePrincipals(appId='"+msgraphApp+"')", "$select", "id,appRoles")
	if err != nil {
		return assignments, err
	}
	var app struct {
		AppRoles []struct {
			ID    string `json:"id"`
			Value string `json:"value"`
		} `json:"appRoles"`
	}
	if err := json.Unmarshal(body, &app); err != nil {
		return assignments, &azward.Error{Kind: azward.KindBadInput, Op: "read app roles", Cause: "the answer is not as Microsoft documents it", Err: err}
	}
	values := map[string]string{}
	for _, role := range app.AppRoles {
		values[strings.ToLower(role.ID)] = role.Value
	}
	for i, body := range assignments {
		var assignment map[string]json.RawMessage
		var id string
		if json.Unmarshal(body, &assignment) != nil || json.Unmarshal(assignment["appRoleId"], &id) != nil {
			continue
		}
		if value, ok := values[strings.ToLower(id)]; ok {
			if assignment["appRoleValue"], err = json.Marshal(value); err != nil {
				return assignments, err
			}
			assignments[i] = remarshal(assignment, body)
		}
	}
	return assignments, nil
}
