package collect

// Of keys and secrets Resource Manager tells names, dates and whether they are
// enabled; values and key material are not there. Reader may list both.
//
// Sources:
// https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults/list-by-subscription
// https://learn.microsoft.com/rest/api/keyvault/keyvault/keys/list
// https://learn.microsoft.com/rest/api/keyvault/keyvault/secrets/list
// https://learn.microsoft.com/rest/api/keyvault/managedhsm/managed-hsms/list-by-subscription
var keyVault = service{name: "key vaults", kinds: []kind{
	{
		resourceType: "Microsoft.KeyVault/vaults", version: "2023-07-01", whole: true,
		children: append(parts("Microsoft.KeyVault/vaults", "keys", "secrets"), diagnostics),
	},
	{resourceType: "Microsoft.KeyVault/managedHSMs", version: "2023-07-01", whole: true, children: []child{diagnostics}},
}}
