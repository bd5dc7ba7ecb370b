package terraform

import "github.com/azward/azward"

const (
	typeStorage  = "Microsoft.Storage/storageAccounts"
	typeVault    = "Microsoft.KeyVault/vaults"
	typeSQL      = "Microsoft.Sql/servers"
	typeSQLBase  = "Microsoft.Sql/servers/databases"
	typePostgres = "Microsoft.DBforPostgreSQL/flexibleServers"
	typeMySQL    = "Microsoft.DBforMySQL/flexibleServers"
	typeRedis    = "Microsoft.Cache/redis"
	typeCosmos   = "Microsoft.DocumentDB/databaseAccounts"
)

// network are the rules of storage accounts and key vaults.
func network(block string) []row {
	return []row{
		{from: block + ".default_action", to: "properties.networkAcls.defaultAction", def: "Allow"},
		{from: block + ".bypass", to: "properties.networkAcls.bypass", as: joined},
		{from: block + ".ip_rules", to: "properties.networkAcls.ipRules", as: ipValue},
		{from: block + ".virtual_network_subnet_ids", to: "properties.networkAcls.virtualNetworkRules", as: idField},
	}
}

// flexible are settings of flexible servers of both kinds.
func flexible(armType string) posture {
	return posture{id: inGroup(armType), rows: []row{
		{from: "version", to: "properties.version"},
		{from: "sku_name", to: "sku.name"},
		{from: "administrator_login", to: "properties.administratorLogin"},
		{from: "public_network_access_enabled", to: "properties.network.publicNetworkAccess", as: asEnabled},
		{from: "public_network_access", to: "properties.network.publicNetworkAccess"},
		{from: "delegated_subnet_id", to: "properties.network.delegatedSubnetResourceId"},
		{from: "geo_redundant_backup_enabled", to: "properties.backup.geoRedundantBackup", as: asEnabled},
		{from: "backup_retention_days", to: "properties.backup.backupRetentionDays"},
		{from: "high_availability.mode", to: "properties.highAvailability.mode", def: "Disabled"},
		{from: "authentication.active_directory_auth_enabled", to: "properties.authConfig.activeDirectoryAuth", as: asEnabled},
		{from: "authentication.password_auth_enabled", to: "properties.authConfig.passwordAuth", as: asEnabled},
		{from: "customer_managed_key.key_vault_key_id", to: "properties.dataEncryption.primaryKeyURI"},
	}}
}

func firewallRange(attribute, armType string) posture {
	return posture{pass: part, id: childID(attribute, armType, "firewallRules"), rows: []row{
		{from: "start_ip_address", to: "properties.startIpAddress"}, {from: "end_ip_address", to: "properties.endIpAddress"},
	}}
}

// dataSettings are those of types that keep data.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs
func dataSettings() map[string]posture {
	return map[string]posture{
		"azurerm_storage_account": {id: inGroup(typeStorage), more: storage, rows: append([]row{
			{from: "account_kind", to: "kind"},
			{from: "https_traffic_only_enabled", to: "properties.supportsHttpsTrafficOnly"},
			{from: "enable_https_traffic_only", to: "properties.supportsHttpsTrafficOnly"},
			{from: "min_tls_version", to: "properties.minimumTlsVersion"},
			{from: "public_network_access_enabled", to: "properties.publicNetworkAccess", as: asEnabled},
			{from: "allow_nested_items_to_be_public", to: "properties.allowBlobPublicAccess"},
			{from: "shared_access_key_enabled", to: "properties.allowSharedKeyAccess"},
			{from: "cross_tenant_replication_enabled", to: "properties.allowCrossTenantReplication"},
			{from: "default_to_oauth_authentication", to: "properties.defaultToOAuthAuthentication"},
			{from: "infrastructure_encryption_enabled", to: "properties.encryption.requireInfrastructureEncryption"},
			{from: "is_hns_enabled", to: "properties.isHnsEnabled"},
			{from: "nfsv3_enabled", to: "properties.isNfsV3Enabled"},
			{from: "sftp_enabled", to: "properties.isSftpEnabled"},
			{from: "local_user_enabled", to: "properties.isLocalUserEnabled"},
			{from: "access_tier", to: "properties.accessTier"},
			{from: "allowed_copy_scope", to: "properties.allowedCopyScope"},
			{from: "sas_policy.expiration_period", to: "properties.sasPolicy.sasExpirationPeriod"},
			{from: "customer_managed_key.user_assigned_identity_id", to: "properties.encryption.keySource", as: func(any) any { return "Microsoft.Keyvault" }, def: "Microsoft.Storage"},
		}, network("network_rules")...)},
		"azurerm_storage_account_network_rules": {pass: link, id: func(v values) azward.ResourceID { return v.ref("storage_account_id", typeStorage) }, rows: []row{
			{from: "default_action", to: "properties.networkAcls.defaultAction"},
			{from: "bypass", to: "properties.networkAcls.bypass", as: joined},
			{from: "ip_rules", to: "properties.networkAcls.ipRules", as: ipValue},
			{from: "virtual_network_subnet_ids", to: "properties.networkAcls.virtualNetworkRules", as: idField},
		}},
		"azurerm_storage_account_customer_managed_key": {pass: link, id: func(v values) azward.ResourceID { return v.ref("storage_account_id", typeStorage) }, rows: []row{
			{from: "key_name", to: "properties.encryption.keySource", as: func(any) any { return "Microsoft.Keyvault" }, def: "Microsoft.Keyvault"},
		}},
		"azurerm_storage_container": {pass: part, id: container, rows: []row{
			{from: "container_access_type", to: "properties.publicAccess", as: containerAccess},
		}},

		"azurerm_key_vault": {id: inGroup(typeVault), rows: append([]row{
			{from: "sku_name", to: "properties.sku.name"},
			{from: "tenant_id", to: "properties.tenantId"},
			{from: "purge_protection_enabled", to: "properties.enablePurgeProtection", def: false},
			{from: "soft_delete_retention_days", to: "properties.softDeleteRetentionInDays"},
			// Nobody can switch it off since 2020.
			{from: "name", to: "properties.enableSoftDelete", as: truth, def: true},
			{from: "rbac_authorization_enabled", to: "properties.enableRbacAuthorization"},
			{from: "enable_rbac_authorization", to: "properties.enableRbacAuthorization"},
			{from: "public_network_access_enabled", to: "properties.publicNetworkAccess", as: asEnabled},
			{from: "enabled_for_deployment", to: "properties.enabledForDeployment"},
			{from: "enabled_for_disk_encryption", to: "properties.enabledForDiskEncryption"},
			{from: "enabled_for_template_deployment", to: "properties.enabledForTemplateDeployment"},
		}, network("network_acls")...)},
		"azurerm_key_vault_key": {pass: part, id: childID("key_vault_id", typeVault, "keys"), rows: []row{
			{from: "key_type", to: "properties.kty"},
			{from: "key_size", to: "properties.keySize"},
			{from: "curve", to: "properties.curveName"},
			{from: "expiration_date", to: "properties.attributes.exp", as: epoch},
			{from: "not_before_date", to: "properties.attributes.nbf", as: epoch},
			{from: "name", to: "properties.attributes.enabled", as: truth, def: true},
		}},
		"azurerm_key_vault_secret": {pass: part, id: childID("key_vault_id", typeVault, "secrets"), rows: []row{
			{from: "content_type", to: "properties.contentType"},
			{from: "expiration_date", to: "properties.attributes.exp", as: epoch},
			{from: "not_before_date", to: "properties.attributes.nbf", as: epoch},
			{from: "name", to: "properties.attributes.enabled", as: truth, def: true},
		}},

		"azurerm_mssql_server": {id: inGroup(typeSQL), rows: []row{
			{from: "version", to: "properties.version"},
			{from: "administrator_login", to: "properties.administratorLogin"},
			{from: "minimum_tls_version", to: "properties.minimalTlsVersion"},
			{from: "public_network_access_enabled", to: "properties.publicNetworkAccess", as: asEnabled},
			{from: "outbound_network_restriction_enabled", to: "properties.restrictOutboundNetworkAccess", as: asEnabled},
			{from: "azuread_administrator.login_username", to: "properties.administrators.login"},
			{from: "azuread_administrator.object_id", to: "properties.administrators.sid"},
			{from: "azuread_administrator.azuread_authentication_only", to: "properties.administrators.azureADOnlyAuthentication", def: false},
			{from: "transparent_data_encryption_key_vault_key_id", to: "properties.keyId"},
		}},
		"azurerm_mssql_database": {pass: part, id: childID("server_id", typeSQL, "databases"), more: database, rows: []row{
			{from: "sku_name", to: "sku.name"},
			{from: "zone_redundant", to: "properties.zoneRedundant"},
			{from: "storage_account_type", to: "properties.requestedBackupStorageRedundancy"},
			{from: "ledger_enabled", to: "properties.isLedgerOn"},
			{from: "max_size_gb", to: "properties.maxSizeGB"},
		}},
		"azurerm_mssql_firewall_rule": firewallRange("server_id", typeSQL),
		"azurerm_mssql_server_extended_auditing_policy": {pass: part, id: fixedChild("server_id", typeSQL, "auditingSettings", "default"), rows: []row{
			{from: "enabled", to: "properties.state", as: asEnabled, def: "Enabled"},
			{from: "retention_in_days", to: "properties.retentionDays"},
			{from: "storage_endpoint", to: "properties.storageEndpoint"},
			{from: "log_monitoring_enabled", to: "properties.isAzureMonitorTargetEnabled"},
		}},
		"azurerm_mssql_server_security_alert_policy": {pass: part, id: sqlByName("securityAlertPolicies", "Default"), rows: []row{
			{from: "state", to: "properties.state"}, {from: "email_account_admins", to: "properties.emailAccountAdmins"}, {from: "retention_days", to: "properties.retentionDays"},
		}},

		"azurerm_postgresql_flexible_server":               flexible(typePostgres),
		"azurerm_postgresql_flexible_server_firewall_rule": firewallRange("server_id", typePostgres),
		"azurerm_postgresql_flexible_server_configuration": {pass: part, id: childID("server_id", typePostgres, "configurations"), rows: []row{{from: "value", to: "properties.value"}}},
		"azurerm_mysql_flexible_server":                    flexible(typeMySQL),
		"azurerm_mysql_flexible_server_firewall_rule":      {pass: part, id: inServer("flexibleServers", typeMySQL, "firewallRules"), rows: firewallRange("", "").rows},
		"azurerm_mysql_flexible_server_configuration":      {pass: part, id: inServer("flexibleServers", typeMySQL, "configurations"), rows: []row{{from: "value", to: "properties.value"}}},

		"azurerm_redis_cache": {id: inGroup(typeRedis), rows: []row{
			{from: "sku_name", to: "properties.sku.name"},
			{from: "family", to: "properties.sku.family"},
			{from: "capacity", to: "properties.sku.capacity"},
			{from: "non_ssl_port_enabled", to: "properties.enableNonSslPort"},
			{from: "enable_non_ssl_port", to: "properties.enableNonSslPort"},
			{from: "minimum_tls_version", to: "properties.minimumTlsVersion"},
			{from: "redis_version", to: "properties.redisVersion"},
			{from: "public_network_access_enabled", to: "properties.publicNetworkAccess", as: asEnabled},
			{from: "access_keys_authentication_enabled", to: "properties.disableAccessKeyAuthentication", as: negated},
			{from: "subnet_id", to: "properties.subnetId"},
		}},
		"azurerm_redis_firewall_rule": {pass: part, id: inServer("redis_cache_name", typeRedis, "firewallRules"), rows: []row{{from: "start_ip", to: "properties.startIP"}, {from: "end_ip", to: "properties.endIP"}}},

		"azurerm_cosmosdb_account": {id: inGroup(typeCosmos), rows: []row{
			{from: "kind", to: "kind"},
			{from: "public_network_access_enabled", to: "properties.publicNetworkAccess", as: asEnabled},
			{from: "local_authentication_disabled", to: "properties.disableLocalAuth"},
			{from: "local_authentication_enabled", to: "properties.disableLocalAuth", as: negated},
			{from: "ip_range_filter", to: "properties.ipRules", as: each(func(s string) fields { return fields{"ipAddressOrRange": s} }), def: []any{}},
			{from: "is_virtual_network_filter_enabled", to: "properties.isVirtualNetworkFilterEnabled"},
			{from: "key_vault_key_id", to: "properties.keyVaultKeyUri"},
			{from: "minimal_tls_version", to: "properties.minimalTlsVersion"},
			{from: "access_key_metadata_writes_enabled", to: "properties.disableKeyBasedMetadataWriteAccess", as: negated},
			{from: "automatic_failover_enabled", to: "properties.enableAutomaticFailover"},
			{from: "backup.type", to: "properties.backupPolicy.type"},
			{from: "network_acl_bypass_for_azure_services", to: "properties.networkAclBypass", as: words("AzureServices", "None")},
		}},
	}
}

func storage(w *world, v values, id azward.ResourceID, b map[string]any) {
	tier, replication := v.text("account_tier"), v.text("account_replication_type")
	put(b, "sku.name", tier+"_"+replication)
	put(b, "sku.tier", tier)
	if is, later := v.has("blob_properties"); is || later {
		blobs := v.blocks("blob_properties")
		p := fields{"deleteRetentionPolicy": fields{"enabled": false}, "containerDeleteRetentionPolicy": fields{"enabled": false}}
		for _, one := range blobs {
			row{from: "versioning_enabled", to: "isVersioningEnabled"}.set(p, one)
			row{from: "change_feed_enabled", to: "changeFeed.enabled"}.set(p, one)
			for block, to := range map[string]string{"delete_retention_policy": "deleteRetentionPolicy", "container_delete_retention_policy": "containerDeleteRetentionPolicy"} {
				for _, policy := range one.blocks(block) {
					p[to] = fields{"enabled": true, "days": policy.any("days")}
				}
			}
		}
		if len(blobs) == 0 {
			return
		}
		w.child(v, id, "blobServices", "default", p)
	}
}

func container(v values) azward.ResourceID {
	name := v.text("name")
	account := v.ref("storage_account_id", typeStorage)
	if account == "" {
		return ""
	}
	return account.Child("blobServices", "default").Child("containers", name)
}

func containerAccess(x any) any {
	switch x {
	case "private":
		return "None"
	case "blob":
		return "Blob"
	case "container":
		return "Container"
	}
	return x
}

func database(w *world, v values, id azward.ResourceID, _ map[string]any) {
	state := fields{}
	row{from: "transparent_data_encryption_enabled", to: "state", as: asEnabled, def: "Enabled"}.set(state, v)
	w.child(v, id, "transparentDataEncryption", "current", state)
}

func sqlByName(kind, name string) func(values) azward.ResourceID {
	return func(v values) azward.ResourceID {
		server, group := v.text("server_name"), v.text("resource_group_name")
		if server == "" || group == "" || v.w.subscription == "" {
			return ""
		}
		return (v.w.subscription + azward.ResourceID("/resourceGroups/"+group+"/providers/"+typeSQL+"/"+server)).Child(kind, name)
	}
}

// inServer is a child that names its parent by name.
func inServer(attribute, parentType, kind string) func(values) azward.ResourceID {
	return func(v values) azward.ResourceID {
		server, group, name := v.text(attribute), v.text("resource_group_name"), v.text("name")
		if server == "" {
			server = v.text("server_name")
		}
		if server == "" || group == "" || name == "" || v.w.subscription == "" {
			return ""
		}
		return (v.w.subscription + azward.ResourceID("/resourceGroups/"+group+"/providers/"+parentType+"/"+server)).Child(kind, name)
	}
}
