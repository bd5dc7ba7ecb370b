package collect

// Source: https://learn.microsoft.com/rest/api/keyvault/keyvault/vaults/list-by-subscription
var keyVault = service{name: "key vaults", kinds: []kind{
	{resourceType: "Microsoft.KeyVault/vaults", version: "2023-07-01"},
}}
