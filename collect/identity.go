package collect

// Source: https://learn.microsoft.com/rest/api/managedidentity/
var identities = service{name: "managed identities", kinds: []kind{{
	resourceType: "Microsoft.ManagedIdentity/userAssignedIdentities", version: "2023-01-31",
	children: []child{{
		resourceType: "Microsoft.ManagedIdentity/userAssignedIdentities/federatedIdentityCredentials", path: "federatedIdentityCredentials",
	}},
}}}
