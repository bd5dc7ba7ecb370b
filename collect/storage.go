package collect

// Source: https://learn.microsoft.com/rest/api/storagerp/storage-accounts/list
var storage = service{name: "storage", kinds: []kind{
	{resourceType: "Microsoft.Storage/storageAccounts", version: "2023-05-01"},
}}
