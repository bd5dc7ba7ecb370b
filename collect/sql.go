package collect

import (
	"encoding/json"
	"strings"
)

const sqlVersion = "2023-08-01"

// Firewall rules are children of their servers. Rules of single SQL databases
// stand in T-SQL alone and are not read. A server's list leaves its directory
// administrators out unless they are asked for. Of flexible servers the
// versions are those whose servers show their private endpoint connections.
//
// Sources:
// https://learn.microsoft.com/rest/api/sql/servers/list
// https://learn.microsoft.com/rest/api/sql/server-blob-auditing-policies/list-by-server
// https://learn.microsoft.com/rest/api/sql/transparent-data-encryptions/list-by-database
// https://learn.microsoft.com/rest/api/sql/managed-instances/list
// https://learn.microsoft.com/rest/api/postgresql/configurations/list-by-server
// https://learn.microsoft.com/rest/api/mysql/configurations/list-by-server
// https://learn.microsoft.com/rest/api/postgresql/servers/list-by-subscription?view=rest-postgresql-2024-08-01
// https://learn.microsoft.com/rest/api/mysql/servers/list?view=rest-mysql-2023-12-30
var databases = service{name: "databases", kinds: []kind{
	{
		resourceType: sqlServer, version: sqlVersion, whole: true, query: []string{"$expand", "administrators/activedirectory"},
		children: append(parts(sqlServer,
			"firewallRules", "virtualNetworkRules", "auditingSettings", "securityAlertPolicies", "vulnerabilityAssessments",
			"administrators", "azureADOnlyAuthentications", "encryptionProtector", "connectionPolicies",
		), child{
			resourceType: sqlServer + "/databases", path: "databases",
			children: []child{
				{resourceType: sqlServer + "/databases/transparentDataEncryption", path: "transparentDataEncryption", wanted: isUserDatabase, spared: true},
				diagnostics,
			},
		}),
	},
	{
		resourceType: managedInstance, version: sqlVersion, whole: true, query: []string{"$expand", "administrators/activedirectory"},
		children: append(parts(managedInstance,
			"securityAlertPolicies", "vulnerabilityAssessments", "administrators", "azureADOnlyAuthentications", "encryptionProtector",
		), diagnostics),
	},
	{
		resourceType: postgres, version: "2024-08-01", whole: true,
		children: append(parts(postgres, "firewallRules", "administrators"),
			child{resourceType: postgres + "/configurations", path: "configurations", trim: withoutHelp}, diagnostics),
	},
	{
		resourceType: mySQL, version: "2023-12-30", whole: true,
		children: append(parts(mySQL, "firewallRules", "administrators"),
			child{resourceType: mySQL + "/configurations", path: "configurations", trim: withoutHelp}, diagnostics),
	},
}}

const (
	sqlServer       = "Microsoft.Sql/servers"
	managedInstance = "Microsoft.Sql/managedInstances"
	postgres        = "Microsoft.DBforPostgreSQL/flexibleServers"
	mySQL           = "Microsoft.DBforMySQL/flexibleServers"
)

// parts are children that a plain list under the parent holds.
func parts(parent string, names ...string) []child {
	children := make([]child, len(names))
	for i, name := range names {
		children[i] = child{resourceType: parent + "/" + name, path: name}
	}
	return children
}

// isUserDatabase: master is encrypted by the service and has no setting.
//
// Source: https://learn.microsoft.com/azure/azure-sql/database/transparent-data-encryption-tde-overview
func isUserDatabase(database json.RawMessage) bool {
	var v struct {
		Name string `json:"name"`
	}
	return json.Unmarshal(database, &v) != nil || !strings.EqualFold(v.Name, "master")
}

// withoutHelp drops the texts of a server's parameter that explain it: a server
// has some four hundred parameters, and the texts are most of them.
//
// Sources: https://learn.microsoft.com/rest/api/postgresql/configurations/list-by-server,
// https://learn.microsoft.com/rest/api/mysql/configurations/list-by-server
func withoutHelp(parameter json.RawMessage) json.RawMessage {
	var body, properties map[string]json.RawMessage
	if json.Unmarshal(parameter, &body) != nil || json.Unmarshal(body["properties"], &properties) != nil {
		return parameter // filing says what is wrong with it
	}
	for _, help := range []string{"description", "documentationLink", "allowedValues", "unit"} {
		delete(properties, help)
	}
	body["properties"] = remarshal(properties, body["properties"])
	return remarshal(body, parameter)
}
