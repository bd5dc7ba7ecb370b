package terraform

import (
	"maps"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

const (
	typeRegistry = "Microsoft.ContainerRegistry/registries"
	typeCluster  = "Microsoft.ContainerService/managedClusters"
	typeDisk     = "Microsoft.Compute/disks"
)

// settingsOf are the types whose settings are mapped.
var settingsOf map[string]posture

func init() { // a variable would refer to itself through idOf
	settingsOf = dataSettings()
	maps.Copy(settingsOf, runSettings())
}

// machine are settings of virtual machines, below a path: of scale sets they
// stand in the profile.
func machineRows(system, under string) []row {
	linux := system == "Linux"
	rows := []row{
		{from: "name", to: under + "storageProfile.osDisk.osType", as: func(any) any { return system }, def: system},
		{from: "encryption_at_host_enabled", to: under + "securityProfile.encryptionAtHost"},
		{from: "secure_boot_enabled", to: under + "securityProfile.uefiSettings.secureBootEnabled"},
		{from: "vtpm_enabled", to: under + "securityProfile.uefiSettings.vTpmEnabled"},
		{from: "os_disk.storage_account_type", to: under + "storageProfile.osDisk.managedDisk.storageAccountType"},
		{from: "os_disk.disk_encryption_set_id", to: under + "storageProfile.osDisk.managedDisk.diskEncryptionSet.id"},
		{from: "source_image_reference.publisher", to: under + "storageProfile.imageReference.publisher"},
		{from: "source_image_reference.offer", to: under + "storageProfile.imageReference.offer"},
		{from: "source_image_reference.sku", to: under + "storageProfile.imageReference.sku"},
		{from: "source_image_reference.version", to: under + "storageProfile.imageReference.version"},
		{from: "admin_username", to: under + "osProfile.adminUsername"},
	}
	if linux {
		return append(rows,
			row{from: "disable_password_authentication", to: under + "osProfile.linuxConfiguration.disablePasswordAuthentication"},
			row{from: "provision_vm_agent", to: under + "osProfile.linuxConfiguration.provisionVMAgent"},
			row{from: "patch_mode", to: under + "osProfile.linuxConfiguration.patchSettings.patchMode"},
			row{from: "patch_assessment_mode", to: under + "osProfile.linuxConfiguration.patchSettings.assessmentMode"},
		)
	}
	return append(rows,
		row{from: "automatic_updates_enabled", to: under + "osProfile.windowsConfiguration.enableAutomaticUpdates"},
		row{from: "enable_automatic_updates", to: under + "osProfile.windowsConfiguration.enableAutomaticUpdates"},
		row{from: "provision_vm_agent", to: under + "osProfile.windowsConfiguration.provisionVMAgent"},
		row{from: "patch_mode", to: under + "osProfile.windowsConfiguration.patchSettings.patchMode"},
		row{from: "patch_assessment_mode", to: under + "osProfile.windowsConfiguration.patchSettings.assessmentMode"},
	)
}

func machineSettings(system string) posture {
	return posture{rows: append(machineRows(system, "properties."), row{from: "size", to: "properties.hardwareProfile.vmSize"})}
}

func scaleSettings(system string) posture {
	return posture{rows: append(machineRows(system, "properties.virtualMachineProfile."),
		row{from: "sku", to: "sku.name"}, row{from: "upgrade_mode", to: "properties.upgradePolicy.mode"},
		row{from: "automatic_os_upgrade_policy.enable_automatic_os_upgrade", to: "properties.upgradePolicy.automaticOSUpgradePolicy.enableAutomaticOSUpgrade"})}
}

var siteRows = []row{
	{from: "https_only", to: "properties.httpsOnly"},
	{from: "enabled", to: "properties.enabled"},
	{from: "public_network_access_enabled", to: "properties.publicNetworkAccess", as: asEnabled},
	{from: "client_certificate_enabled", to: "properties.clientCertEnabled"},
	{from: "client_certificate_mode", to: "properties.clientCertMode"},
	{from: "virtual_network_subnet_id", to: "properties.virtualNetworkSubnetId"},
	{from: "key_vault_reference_identity_id", to: "properties.keyVaultReferenceIdentity"},
}

// webRows are those of the record config/web.
var webRows = []row{
	{from: "minimum_tls_version", to: "minTlsVersion"},
	{from: "scm_minimum_tls_version", to: "scmMinTlsVersion"},
	{from: "ftps_state", to: "ftpsState"},
	{from: "http2_enabled", to: "http20Enabled"},
	{from: "remote_debugging_enabled", to: "remoteDebuggingEnabled"},
	{from: "remote_debugging_version", to: "remoteDebuggingVersion"},
	{from: "cors.allowed_origins", to: "cors.allowedOrigins"},
	{from: "cors.support_credentials", to: "cors.supportCredentials"},
	{from: "vnet_route_all_enabled", to: "vnetRouteAllEnabled"},
	{from: "always_on", to: "alwaysOn"},
	{from: "websockets_enabled", to: "webSocketsEnabled"},
	{from: "health_check_path", to: "healthCheckPath"},
	{from: "container_registry_use_managed_identity", to: "acrUseManagedIdentityCreds"},
	{from: "linux_fx_version", to: "linuxFxVersion"},
	{from: "detailed_error_logging_enabled", to: "detailedErrorLoggingEnabled"},
	{from: "minimum_tls_cipher_suite", to: "minTlsCipherSuite"},
}

func webSettings(w *world, v values, id azward.ResourceID, b map[string]any) {
	record := id.Child("config", "web")
	w.put(record, fields{})
	w.posture.lines[record.Key()] = v.c.line
	body, _ := w.body(record)
	p := propertiesOf(body)
	blocks := v.blocks("site_config")
	if len(blocks) == 0 && v.isUnknown("site_config") {
		body["properties"] = estate.Later
		return
	}
	for _, one := range blocks {
		for _, r := range webRows {
			r.set(p, one)
		}
	}
	siteIdentity(v, p)
	site := propertiesOf(b)
	held, _ := site["siteConfig"].(map[string]any)
	config := maps.Clone(held)
	if config == nil {
		config = fields{}
	}
	maps.Copy(config, p)
	site["siteConfig"] = config
	for attribute, name := range map[string]string{"ftp_publish_basic_authentication_enabled": "ftp", "webdeploy_publish_basic_authentication_enabled": "scm"} {
		if _, _, there := v.at(attribute); there {
			allow := fields{}
			row{from: attribute, to: "allow"}.set(allow, v)
			w.child(v, id, "basicPublishingCredentialsPolicies", name, allow)
		}
	}
}

// siteIdentity is what the platform notes of the site's managed identities in
// the record config/web.
func siteIdentity(v values, p map[string]any) {
	kinds := ""
	for _, i := range v.blocks("identity") {
		kinds += i.text("type")
	}
	for word, name := range map[string]string{"SystemAssigned": "managedServiceIdentityId", "UserAssigned": "xManagedServiceIdentityId"} {
		switch {
		case strings.Contains(kinds, word):
			p[name] = estate.LaterName
		case kinds == "" && v.isUnknown("identity"):
			p[name] = estate.Later
		default:
			p[name] = nil
		}
	}
}

// clusterSettings adds what stands in blocks that switch a thing on.
func clusterSettings(_ *world, v values, _ azward.ResourceID, b map[string]any) {
	for _, block := range []struct{ from, to string }{
		{"oms_agent", "properties.addonProfiles.omsagent.enabled"},
		{"microsoft_defender", "properties.securityProfile.defender.securityMonitoring.enabled"},
		{"key_vault_secrets_provider", "properties.addonProfiles.azureKeyvaultSecretsProvider.enabled"},
		{"azure_active_directory_role_based_access_control", "properties.aadProfile.managed"},
	} {
		is, later := v.has(block.from)
		switch _, there := v.known[block.from]; {
		case later:
			put(b, block.to, estate.Later)
		case is:
			put(b, block.to, true)
		case there && block.from != "azure_active_directory_role_based_access_control":
			put(b, block.to, false)
		case there:
			put(b, "properties.aadProfile", nil)
		}
	}
	pools := []any{}
	for _, pool := range v.blocks("default_node_pool") {
		p := fields{"name": pool.text("name"), "mode": "System"}
		for _, r := range poolRows {
			r.set(p, pool)
		}
		pools = append(pools, p)
	}
	put(b, "properties.agentPoolProfiles", pools)
}

var poolRows = []row{
	{from: "host_encryption_enabled", to: "enableEncryptionAtHost"},
	{from: "enable_host_encryption", to: "enableEncryptionAtHost"},
	{from: "node_public_ip_enabled", to: "enableNodePublicIP"},
	{from: "enable_node_public_ip", to: "enableNodePublicIP"},
	{from: "os_disk_type", to: "osDiskType"},
	{from: "os_sku", to: "osSKU"},
	{from: "vm_size", to: "vmSize"},
	{from: "vnet_subnet_id", to: "vnetSubnetID"},
	{from: "fips_enabled", to: "enableFIPS"},
	{from: "kubelet_disk_type", to: "kubeletDiskType"},
	{from: "zones", to: "availabilityZones"},
	{from: "only_critical_addons_enabled", to: "nodeTaints", as: func(x any) any {
		if x == true {
			return []any{"CriticalAddonsOnly=true:NoSchedule"}
		}
		return []any{}
	}},
}

// runSettings are those of types that run something, or lead to it.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs
func runSettings() map[string]posture {
	web := posture{rows: siteRows, more: webSettings}
	all := map[string]posture{
		"azurerm_resource_group": {id: group},

		"azurerm_linux_virtual_machine": machineSettings("Linux"), "azurerm_windows_virtual_machine": machineSettings("Windows"),
		"azurerm_linux_virtual_machine_scale_set": scaleSettings("Linux"), "azurerm_windows_virtual_machine_scale_set": scaleSettings("Windows"),
		"azurerm_managed_disk": {id: inGroup(typeDisk), rows: []row{
			{from: "storage_account_type", to: "sku.name"},
			{from: "disk_size_gb", to: "properties.diskSizeGB"},
			{from: "os_type", to: "properties.osType"},
			{from: "network_access_policy", to: "properties.networkAccessPolicy", def: "AllowAll"},
			{from: "disk_access_id", to: "properties.diskAccessId"},
			{from: "public_network_access_enabled", to: "properties.publicNetworkAccess", as: asEnabled},
			{from: "disk_encryption_set_id", to: "properties.encryption.diskEncryptionSetId"},
			{from: "disk_encryption_set_id", to: "properties.encryption.type", as: func(any) any { return "EncryptionAtRestWithCustomerKey" }, def: "EncryptionAtRestWithPlatformKey"},
		}},

		"azurerm_container_registry": {id: inGroup(typeRegistry), rows: []row{
			{from: "sku", to: "sku.name"},
			{from: "admin_enabled", to: "properties.adminUserEnabled"},
			{from: "public_network_access_enabled", to: "properties.publicNetworkAccess", as: asEnabled},
			{from: "anonymous_pull_enabled", to: "properties.anonymousPullEnabled"},
			{from: "data_endpoint_enabled", to: "properties.dataEndpointEnabled"},
			{from: "zone_redundancy_enabled", to: "properties.zoneRedundancy", as: asEnabled},
			{from: "export_policy_enabled", to: "properties.policies.exportPolicy.status", as: lowState},
			{from: "quarantine_policy_enabled", to: "properties.policies.quarantinePolicy.status", as: lowState},
			{from: "trust_policy_enabled", to: "properties.policies.trustPolicy.status", as: lowState},
			{from: "retention_policy_in_days", to: "properties.policies.retentionPolicy.days"},
			{from: "retention_policy_in_days", to: "properties.policies.retentionPolicy.status", as: func(any) any { return "enabled" }, def: "disabled"},
			{from: "network_rule_set.default_action", to: "properties.networkRuleSet.defaultAction", def: "Allow"},
			{from: "network_rule_bypass_option", to: "properties.networkRuleBypassOptions"},
			{from: "encryption.key_vault_key_id", to: "properties.encryption.status", as: func(any) any { return "enabled" }, def: "disabled"},
		}},
		"azurerm_kubernetes_cluster": {more: clusterSettings, rows: []row{
			{from: "role_based_access_control_enabled", to: "properties.enableRBAC"},
			{from: "local_account_disabled", to: "properties.disableLocalAccounts"},
			{from: "private_cluster_enabled", to: "properties.apiServerAccessProfile.enablePrivateCluster"},
			{from: "api_server_access_profile.authorized_ip_ranges", to: "properties.apiServerAccessProfile.authorizedIPRanges"},
			{from: "run_command_enabled", to: "properties.apiServerAccessProfile.disableRunCommand", as: negated},
			{from: "azure_policy_enabled", to: "properties.addonProfiles.azurepolicy.enabled", def: false},
			{from: "http_application_routing_enabled", to: "properties.addonProfiles.httpApplicationRouting.enabled"},
			{from: "oidc_issuer_enabled", to: "properties.oidcIssuerProfile.enabled"},
			{from: "workload_identity_enabled", to: "properties.securityProfile.workloadIdentity.enabled"},
			{from: "image_cleaner_enabled", to: "properties.securityProfile.imageCleaner.enabled"},
			{from: "kubernetes_version", to: "properties.kubernetesVersion"},
			{from: "sku_tier", to: "sku.tier"},
			{from: "automatic_upgrade_channel", to: "properties.autoUpgradeProfile.upgradeChannel"},
			{from: "node_os_upgrade_channel", to: "properties.autoUpgradeProfile.nodeOSUpgradeChannel"},
			{from: "network_profile.network_policy", to: "properties.networkProfile.networkPolicy"},
			{from: "network_profile.network_plugin", to: "properties.networkProfile.networkPlugin"},
			{from: "azure_active_directory_role_based_access_control.azure_rbac_enabled", to: "properties.aadProfile.enableAzureRBAC"},
			{from: "disk_encryption_set_id", to: "properties.diskEncryptionSetID"},
		}},
		"azurerm_kubernetes_cluster_node_pool": {pass: part, id: childID("kubernetes_cluster_id", typeCluster, "agentPools"), rows: underProperties(poolRows)},

		"azurerm_application_gateway": {rows: []row{
			{from: "sku.name", to: "properties.sku.name"},
			{from: "sku.tier", to: "properties.sku.tier"},
			{from: "waf_configuration.enabled", to: "properties.webApplicationFirewallConfiguration.enabled"},
			{from: "waf_configuration.firewall_mode", to: "properties.webApplicationFirewallConfiguration.firewallMode"},
			{from: "ssl_policy.min_protocol_version", to: "properties.sslPolicy.minProtocolVersion"},
			{from: "ssl_policy.policy_name", to: "properties.sslPolicy.policyName"},
			{from: "ssl_policy.policy_type", to: "properties.sslPolicy.policyType"},
		}},
		"azurerm_network_interface": {rows: []row{
			{from: "ip_forwarding_enabled", to: "properties.enableIPForwarding"}, {from: "enable_ip_forwarding", to: "properties.enableIPForwarding"},
		}},
		"azurerm_public_ip": {rows: []row{
			{from: "sku", to: "sku.name"}, {from: "allocation_method", to: "properties.publicIPAllocationMethod"}, {from: "ddos_protection_mode", to: "properties.ddosSettings.protectionMode"},
		}},

		"azurerm_private_endpoint": {more: endpointLinks},

		"azurerm_monitor_diagnostic_setting": {pass: link, id: extension("target_resource_id", "Microsoft.Insights/diagnosticSettings"), more: diagnostics, rows: []row{
			{from: "log_analytics_workspace_id", to: "properties.workspaceId"},
			{from: "storage_account_id", to: "properties.storageAccountId"},
			{from: "eventhub_authorization_rule_id", to: "properties.eventHubAuthorizationRuleId"},
			{from: "eventhub_name", to: "properties.eventHubName"},
		}},
		"azurerm_management_lock":         {pass: link, id: extension("scope", "Microsoft.Authorization/locks"), rows: []row{{from: "lock_level", to: "properties.level"}}},
		"azurerm_log_analytics_workspace": {id: inGroup("Microsoft.OperationalInsights/workspaces"), rows: []row{{from: "sku", to: "properties.sku.name"}, {from: "retention_in_days", to: "properties.retentionInDays"}}},
		"azurerm_user_assigned_identity":  {id: inGroup("Microsoft.ManagedIdentity/userAssignedIdentities")},
		"azurerm_eventhub_namespace":      {id: inGroup("Microsoft.EventHub/namespaces"), rows: messaging},
		"azurerm_servicebus_namespace":    {id: inGroup("Microsoft.ServiceBus/namespaces"), rows: messaging},
		"azurerm_cognitive_account": {id: inGroup("Microsoft.CognitiveServices/accounts"), rows: append([]row{
			{from: "kind", to: "kind"},
			{from: "sku_name", to: "sku.name"},
			{from: "public_network_access_enabled", to: "properties.publicNetworkAccess", as: asEnabled},
			{from: "local_auth_enabled", to: "properties.disableLocalAuth", as: negated},
			{from: "custom_subdomain_name", to: "properties.customSubDomainName"},
			{from: "outbound_network_access_restricted", to: "properties.restrictOutboundNetworkAccess"},
		}, network("network_acls")...)},
	}
	for _, t := range []string{"linux_web_app", "windows_web_app", "linux_function_app", "windows_function_app"} {
		all["azurerm_"+t], all["azurerm_"+t+"_slot"] = web, web
	}
	return all
}

var messaging = []row{
	{from: "sku", to: "sku.name"},
	{from: "minimum_tls_version", to: "properties.minimumTlsVersion"},
	{from: "public_network_access_enabled", to: "properties.publicNetworkAccess", as: asEnabled},
	{from: "local_auth_enabled", to: "properties.disableLocalAuth", as: negated},
	{from: "local_authentication_enabled", to: "properties.disableLocalAuth", as: negated},
}

func underProperties(rows []row) []row {
	out := make([]row, len(rows))
	for i, r := range rows {
		r.to = "properties." + r.to
		out[i] = r
	}
	return out
}

// diagnostics are the categories of a diagnostic setting.
func diagnostics(_ *world, v values, _ azward.ResourceID, b map[string]any) {
	logs := []any{}
	for _, block := range []string{"enabled_log", "log"} {
		for _, one := range v.blocks(block) {
			entry := fields{"enabled": true}
			if on, ok := one.any("enabled").(bool); ok {
				entry["enabled"] = on
			}
			if s := one.text("category"); s != "" {
				entry["category"] = s
			}
			if s := one.text("category_group"); s != "" {
				entry["categoryGroup"] = strings.TrimSpace(s)
			}
			logs = append(logs, entry)
		}
	}
	if len(logs) == 0 && v.isUnknown("enabled_log") {
		put(b, "properties.logs", estate.Later)
		return
	}
	put(b, "properties.logs", logs)
}
