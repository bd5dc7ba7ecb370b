package collect

// Sources:
// https://learn.microsoft.com/rest/api/cosmos-db-resource-provider/database-accounts/list
// https://learn.microsoft.com/rest/api/mongocluster/firewall-rules/list-by-mongo-cluster
// https://learn.microsoft.com/rest/api/redis/firewall-rules/list
// https://learn.microsoft.com/rest/api/redis/redisenterprisecache/databases/list-by-cluster
// https://learn.microsoft.com/rest/api/searchmanagement/services/list-by-subscription
var dataStores = service{name: "data stores", kinds: []kind{
	{resourceType: "Microsoft.DocumentDB/databaseAccounts", version: "2024-05-15", whole: true, children: []child{diagnostics}},
	{resourceType: "Microsoft.DocumentDB/mongoClusters", version: "2024-07-01", whole: true, children: parts("Microsoft.DocumentDB/mongoClusters", "firewallRules")},
	{
		resourceType: "Microsoft.Cache/Redis", version: "2024-11-01", whole: true,
		children: append(parts("Microsoft.Cache/Redis", "firewallRules"), diagnostics),
	},
	{resourceType: "Microsoft.Cache/redisEnterprise", version: "2024-10-01", whole: true, children: parts("Microsoft.Cache/redisEnterprise", "databases")},
	{resourceType: "Microsoft.Search/searchServices", version: "2023-11-01", whole: true, children: []child{diagnostics}},
	{resourceType: "Microsoft.AppConfiguration/configurationStores", version: "2024-05-01", whole: true, children: []child{diagnostics}},
	{resourceType: "Microsoft.Databricks/workspaces", version: "2024-05-01", whole: true, children: []child{diagnostics}},
	{resourceType: "Microsoft.DataFactory/factories", version: "2018-06-01", whole: true, children: []child{diagnostics}},
	{resourceType: "Microsoft.Synapse/workspaces", version: "2021-06-01", whole: true, children: append(parts("Microsoft.Synapse/workspaces", "firewallRules"), diagnostics)},
	{resourceType: "Microsoft.Kusto/clusters", version: "2023-08-15", whole: true, children: []child{diagnostics}},
}}
