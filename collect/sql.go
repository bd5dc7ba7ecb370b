package collect

import (
	"encoding/json"
	"strings"
)

const sqlVersion = "2023-08-01"

// Firewall rules are children of their servers. Rules of single SQL databases
// stand in T-SQL alone and are not read. A server's list leaves its directory
// administrators out unless they are asked for.
//
// Sources:
// https://learn.microsoft.com/rest/api/sql/servers/list
// https://learn.microsoft.com/rest/api/sql/server-blob-auditing-policies/list-by-server
// https://learn.microsoft.com/rest/api/sql/transparent-data-encryptions/list-by-database
// https://learn.microsoft.com/rest/api/sql/managed-instances/list
// https://learn.microsoft.com/rest/api/postgresql/configurations/list-by-server
// https://learn.microsoft.com/rest/api/mysql/configurations/list-by-server
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
		resourceType: postgres, version: "2022-12-01", whole: true,
		children: append(parts(postgres, "firewallRules", "administrators"),
			child{resourceType: postgres + "/configurations", path: "configurations", keep: isAskedFor}, diagnostics),
	},
	{
		resourceType: mySQL, version: "2023-06-30", whole: true,
		children: append(parts(mySQL, "firewallRules", "administrators"),
			child{resourceType: mySQL + "/configurations", path: "configurations", keep: isAskedFor}, diagnostics),
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

// parameters of database servers that rules and policies ask for. A server has
// some four hundred, nearly all as the service sets them; those that somebody
// changed are kept, too.
//
// Sources: https://learn.microsoft.com/azure/postgresql/flexible-server/security-overview,
// https://learn.microsoft.com/azure/mysql/flexible-server/how-to-connect-tls-ssl,
// the built-in policies of Microsoft.DBforPostgreSQL and Microsoft.DBforMySQL
var parameters = map[string]bool{
	"require_secure_transport": true, "ssl_min_protocol_version": true, "ssl_max_protocol_version": true, "tls_version": true,
	"log_checkpoints": true, "log_connections": true, "log_disconnections": true, "log_duration": true, "log_statement": true,
	"log_min_messages": true, "log_error_verbosity": true, "log_line_prefix": true, "log_retention_days": true,
	"logfiles.download_enable": true, "logfiles.retention_days": true, "connection_throttling": true, "connection_throttle.enable": true,
	"password_encryption": true, "azure.accepted_password_auth_method": true, "azure.extensions": true, "shared_preload_libraries": true,
	"pgaudit.log": true, "row_security": true,
	"audit_log_enabled": true, "audit_log_events": true, "error_server_log_file": true, "local_infile": true, "slow_query_log": true,
	"skip_show_database": true, "sql_mode": true,
}

func isAskedFor(parameter json.RawMessage) bool {
	var v struct {
		Name       string `json:"name"`
		Properties struct {
			Source string `json:"source"`
		} `json:"properties"`
	}
	return json.Unmarshal(parameter, &v) != nil || parameters[strings.ToLower(v.Name)] || !strings.EqualFold(v.Properties.Source, "system-default")
}
