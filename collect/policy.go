package collect

// policies are what a tenant assigns, and the definitions of its own. Lists of
// a subscription hold what management groups above it apply, too; such things
// come again with every subscription and have one ID. The definitions that
// are built in are the same everywhere and come from a file: "azward policy
// update".
//
// Sources: https://learn.microsoft.com/rest/api/policy/policy-assignments/list,
// https://learn.microsoft.com/rest/api/policy/policy-exemptions/list,
// https://learn.microsoft.com/rest/api/policy/policy-definitions/list,
// https://learn.microsoft.com/azure/governance/policy/samples/resource-graph-samples (policyresources)
var policies = service{name: "policy", kinds: []kind{
	{resourceType: "Microsoft.Authorization/policyAssignments", version: policyVersion, decisive: true, table: noTable},
	{resourceType: "Microsoft.Authorization/policyExemptions", version: "2022-07-01-preview", decisive: true, table: noTable},
	{resourceType: "Microsoft.Authorization/policyDefinitions", version: policyVersion, query: custom, decisive: true, table: noTable},
	{resourceType: "Microsoft.Authorization/policySetDefinitions", version: policyVersion, query: custom, decisive: true, table: noTable},
	// What Azure's own evaluation last answered, to compare with.
	{resourceType: "Microsoft.PolicyInsights/policyStates", table: tablePolicy, most: mostFindings},
}}

const policyVersion = "2023-04-01"

var custom = []string{"$filter", "policyType eq 'Custom'"}
