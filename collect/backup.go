package collect

// Sources:
// https://learn.microsoft.com/rest/api/recoveryservices/vaults/list-by-subscription-id
// https://learn.microsoft.com/rest/api/dataprotection/backup-vaults/get-in-subscription
// https://learn.microsoft.com/rest/api/resources/management-locks/list-at-subscription-level
// https://learn.microsoft.com/azure/governance/resource-graph/reference/supported-tables-resources (recoveryservicesresources)
var backup = service{name: "backup and locks", kinds: []kind{
	{resourceType: "Microsoft.RecoveryServices/vaults", version: "2023-02-01", whole: true, children: []child{diagnostics}},
	{resourceType: "Microsoft.DataProtection/backupVaults", version: "2023-05-01", whole: true},
	{resourceType: "Microsoft.RecoveryServices/vaults/backupFabrics/protectionContainers/protectedItems", table: "recoveryservicesresources"},
	{resourceType: "Microsoft.Authorization/locks", version: "2020-05-01", table: noTable},
}}
