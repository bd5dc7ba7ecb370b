package collect

const sqlVersion = "2023-08-01"

// Firewall rules are children of their servers. Rules of single SQL databases
// stand in T-SQL alone and are not read.
//
// Sources:
// https://learn.microsoft.com/rest/api/sql/servers/list
// https://learn.microsoft.com/rest/api/postgresql/firewall-rules
// https://learn.microsoft.com/rest/api/mysql/firewall-rules
var databases = service{name: "databases", kinds: []kind{
	{
		resourceType: "Microsoft.Sql/servers", version: sqlVersion,
		children: []child{
			{resourceType: "Microsoft.Sql/servers/firewallRules", path: "firewallRules"},
			{resourceType: "Microsoft.Sql/servers/virtualNetworkRules", path: "virtualNetworkRules"},
		},
	},
	{resourceType: "Microsoft.Sql/managedInstances", version: sqlVersion},
	{
		resourceType: "Microsoft.DBforPostgreSQL/flexibleServers", version: "2022-12-01",
		children: []child{{resourceType: "Microsoft.DBforPostgreSQL/flexibleServers/firewallRules", path: "firewallRules"}},
	},
	{
		resourceType: "Microsoft.DBforMySQL/flexibleServers", version: "2023-06-30",
		children: []child{{resourceType: "Microsoft.DBforMySQL/flexibleServers/firewallRules", path: "firewallRules"}},
	},
}}
