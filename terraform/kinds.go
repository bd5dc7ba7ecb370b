package terraform

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/azward/azward"
)

// Passes over the changes: whole resources, parts of them, links between them.
const (
	whole = iota
	part
	link
	last // links to what links made
)

// kind maps one type of Terraform resource.
type kind struct {
	pass int
	// id foresees the ID of a resource that is to be created; nil for what has
	// none in Azure, such as associations.
	id   func(values) azward.ResourceID
	edit func(*world, values, azward.ResourceID)
	undo func(*world, values) // nil: the resource of its ID goes
}

// ARM types that are named more than once.
const (
	typeNetwork  = "Microsoft.Network/virtualNetworks"
	typeSubnet   = "Microsoft.Network/virtualNetworks/subnets"
	typeGroup    = "Microsoft.Network/networkSecurityGroups"
	typeNIC      = "Microsoft.Network/networkInterfaces"
	typeAddress  = "Microsoft.Network/publicIPAddresses"
	typeBalancer = "Microsoft.Network/loadBalancers"
	typePool     = "Microsoft.Network/loadBalancers/backendAddressPools"
	typeTable    = "Microsoft.Network/routeTables"
	typeASG      = "Microsoft.Network/applicationSecurityGroups"
	typeFirewall = "Microsoft.Network/azureFirewalls"
	typePolicy   = "Microsoft.Network/firewallPolicies"
	typeIPGroup  = "Microsoft.Network/ipGroups"
	typeMachine  = "Microsoft.Compute/virtualMachines"
	typeScaleSet = "Microsoft.Compute/virtualMachineScaleSets"
	typeGateway  = "Microsoft.Network/applicationGateways"
	typeWAF      = "Microsoft.Network/applicationGatewayWebApplicationFirewallPolicies"
	typeSite     = "Microsoft.Web/sites"
	typePlan     = "Microsoft.Web/serverfarms"
	typeASE      = "Microsoft.Web/hostingEnvironments"

	typeAppEnvironment = "Microsoft.App/managedEnvironments"
)

// kinds are the types that are mapped.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs
var kinds map[string]kind

func init() { // a variable would refer to itself through idOf
	kinds = map[string]kind{
		"azurerm_network_security_group":          {id: inGroup(typeGroup), edit: securityGroup},
		"azurerm_network_security_rule":           partOf("network_security_group_name", typeGroup, "securityRules", securityRule),
		"azurerm_application_security_group":      {id: inGroup(typeASG), edit: empty},
		"azurerm_virtual_network":                 {id: inGroup(typeNetwork), edit: virtualNetwork},
		"azurerm_subnet":                          partOf("virtual_network_name", typeNetwork, "subnets", subnet),
		"azurerm_virtual_network_peering":         partOf("virtual_network_name", typeNetwork, "virtualNetworkPeerings", peering),
		"azurerm_route_table":                     {id: inGroup(typeTable), edit: routeTable},
		"azurerm_route":                           partOf("route_table_name", typeTable, "routes", route),
		"azurerm_public_ip":                       {id: inGroup(typeAddress), edit: publicAddress},
		"azurerm_network_interface":               {id: inGroup(typeNIC), edit: networkInterface},
		"azurerm_lb":                              {id: inGroup(typeBalancer), edit: balancer},
		"azurerm_lb_backend_address_pool":         balancerPart("backendAddressPools", balancerPool),
		"azurerm_lb_rule":                         balancerPart("loadBalancingRules", balancerRule),
		"azurerm_lb_nat_rule":                     balancerPart("inboundNatRules", balancerRule),
		"azurerm_lb_nat_pool":                     balancerPart("inboundNatPools", natPool),
		"azurerm_linux_virtual_machine":           {id: inGroup(typeMachine), edit: machine},
		"azurerm_windows_virtual_machine":         {id: inGroup(typeMachine), edit: machine},
		"azurerm_virtual_machine":                 {id: inGroup(typeMachine), edit: machine},
		"azurerm_linux_virtual_machine_scale_set": {id: inGroup(typeScaleSet), edit: scaleSet}, "azurerm_windows_virtual_machine_scale_set": {id: inGroup(typeScaleSet), edit: scaleSet},
		"azurerm_firewall":                              {id: inGroup(typeFirewall), edit: firewall},
		"azurerm_firewall_policy":                       {id: inGroup(typePolicy), edit: firewallPolicy},
		"azurerm_firewall_policy_rule_collection_group": {id: ruleCollectionGroupID, edit: ruleCollectionGroup},
		"azurerm_ip_group":                              {id: inGroup(typeIPGroup), edit: ipGroup},
		"azurerm_firewall_nat_rule_collection":          partOf("azure_firewall_name", typeFirewall, "natRuleCollections", classicRules(classicNAT)),
		"azurerm_firewall_network_rule_collection":      partOf("azure_firewall_name", typeFirewall, "networkRuleCollections", classicRules(classicNetwork)),
		"azurerm_firewall_application_rule_collection":  partOf("azure_firewall_name", typeFirewall, "applicationRuleCollections", classicRules(classicApplication)),

		"azurerm_application_gateway":             {id: inGroup(typeGateway), edit: gateway},
		"azurerm_web_application_firewall_policy": {id: inGroup(typeWAF), edit: wafPolicy},
		"azurerm_cdn_frontdoor_profile":           {id: inGroup(typeProfile), edit: frontDoorProfile},
		"azurerm_cdn_frontdoor_endpoint":          {pass: part, id: belowID("cdn_frontdoor_profile_id", typeProfile, "afdEndpoints"), edit: frontDoorEndpoint},
		"azurerm_cdn_frontdoor_origin_group":      {pass: part, id: belowID("cdn_frontdoor_profile_id", typeProfile, "originGroups"), edit: empty},
		"azurerm_cdn_frontdoor_origin":            {pass: link, id: belowID("cdn_frontdoor_origin_group_id", typeOriginGroup, "origins"), edit: frontDoorOrigin},
		"azurerm_cdn_frontdoor_route":             {pass: link, id: belowID("cdn_frontdoor_endpoint_id", typeEndpoint, "routes"), edit: frontDoorRoute},
		"azurerm_cdn_frontdoor_firewall_policy":   {id: inGroup(typeFrontDoorWAF), edit: frontDoorWAF},
		"azurerm_cdn_frontdoor_security_policy":   {pass: link, id: belowID("cdn_frontdoor_profile_id", typeProfile, "securityPolicies"), edit: frontDoorSecurity},
		"azurerm_cdn_frontdoor_custom_domain":     {pass: part, id: belowID("cdn_frontdoor_profile_id", typeProfile, "customDomains"), edit: customDomain},
		"azurerm_cdn_frontdoor_rule_set":          {pass: part, id: belowID("cdn_frontdoor_profile_id", typeProfile, "ruleSets"), edit: empty},
		"azurerm_api_management":                  {id: inGroup(typeAPIService), edit: apiManagement},
		"azurerm_api_management_api":              {pass: part, id: inService("apis"), edit: managedAPI},
		"azurerm_api_management_backend":          {pass: part, id: inService("backends"), edit: apiBackend},
		"azurerm_api_management_policy":           policyOf(serviceOf),
		"azurerm_api_management_api_policy":       policyOf(apiOf),
		"azurerm_api_management_api_operation":    {pass: part, id: operationOf, edit: empty},
		"azurerm_container_group":                 {id: inGroup("Microsoft.ContainerInstance/containerGroups"), edit: containerGroup},
		"azurerm_private_endpoint":                {id: inGroup("Microsoft.Network/privateEndpoints"), edit: privateEndpoint},

		"azurerm_service_plan":                            {id: inGroup(typePlan), edit: servicePlan},
		"azurerm_linux_web_app":                           {pass: part, id: inGroup(typeSite), edit: site("app,linux")},
		"azurerm_windows_web_app":                         {pass: part, id: inGroup(typeSite), edit: site("app")},
		"azurerm_linux_function_app":                      {pass: part, id: inGroup(typeSite), edit: site("functionapp,linux")},
		"azurerm_windows_function_app":                    {pass: part, id: inGroup(typeSite), edit: site("functionapp")},
		"azurerm_linux_web_app_slot":                      {pass: link, id: slotID("app_service_id"), edit: site("app,linux")},
		"azurerm_windows_web_app_slot":                    {pass: link, id: slotID("app_service_id"), edit: site("app")},
		"azurerm_linux_function_app_slot":                 {pass: link, id: slotID("function_app_id"), edit: site("functionapp,linux")},
		"azurerm_windows_function_app_slot":               {pass: link, id: slotID("function_app_id"), edit: site("functionapp")},
		"azurerm_container_app_environment":               {id: inGroup(typeAppEnvironment), edit: appEnvironment},
		"azurerm_container_app":                           {pass: part, id: inGroup("Microsoft.App/containerApps"), edit: containerApp},
		"azurerm_kubernetes_cluster":                      {id: inGroup(typeCluster), edit: cluster},
		"azurerm_kubernetes_cluster_node_pool":            nodePool(),
		"azurerm_cdn_frontdoor_custom_domain_association": domainLink(),
		"azurerm_api_management_api_operation_policy":     policyOf(operationOf),
		"azurerm_app_service_environment_v3":              {id: inGroup(typeASE), edit: environment},

		"azurerm_virtual_hub":                        {id: inGroup(typeHub), edit: virtualHub},
		"azurerm_virtual_hub_connection":             {pass: part, id: belowID("virtual_hub_id", typeHub, "hubVirtualNetworkConnections"), edit: hubConnection},
		"azurerm_virtual_hub_route_table":            {pass: part, id: belowID("virtual_hub_id", typeHub, "hubRouteTables"), edit: empty},
		"azurerm_virtual_hub_routing_intent":         {pass: part, id: belowID("virtual_hub_id", typeHub, "routingIntent"), edit: routingIntent},
		"azurerm_virtual_network_gateway":            {id: inGroup(typeVPNGateway), edit: vpnGateway},
		"azurerm_local_network_gateway":              {id: inGroup(typeLocalGateway), edit: localGateway},
		"azurerm_virtual_network_gateway_connection": {pass: part, id: inGroup("Microsoft.Network/connections"), edit: gatewayConnection},
		"azurerm_private_link_service":               {pass: part, id: inGroup("Microsoft.Network/privateLinkServices"), edit: linkService},
		"azurerm_lb_backend_address_pool_address":    poolAddress(),

		"azurerm_network_interface_application_gateway_backend_address_pool_association": listed("backend_address_pool_id", typeGateway+"/backendAddressPools", "applicationGatewayBackendAddressPools"),

		"azurerm_subnet_network_security_group_association":                association("subnet_id", typeSubnet, "network_security_group_id", typeGroup, "networkSecurityGroup"),
		"azurerm_subnet_route_table_association":                           association("subnet_id", typeSubnet, "route_table_id", typeTable, "routeTable"),
		"azurerm_network_interface_security_group_association":             association("network_interface_id", typeNIC, "network_security_group_id", typeGroup, "networkSecurityGroup"),
		"azurerm_network_interface_backend_address_pool_association":       listed("backend_address_pool_id", typePool, "loadBalancerBackendAddressPools"),
		"azurerm_network_interface_application_security_group_association": listed("application_security_group_id", typeASG, "applicationSecurityGroups"),
		"azurerm_network_interface_nat_rule_association":                   {pass: link, edit: natRuleLink, undo: natRuleUnlink},

		"azapi_resource":        {id: azapiID, edit: azapi},
		"azapi_update_resource": {pass: link, id: azapiID, edit: azapi, undo: func(*world, values) {}},
	}
}

// harmlessTypes are prefixes of types that open and close no way into a
// workload: what they make is no workload, and stands on no path to one.
var harmlessTypes = []string{
	"azurerm_resource_group", "azurerm_role_", "azurerm_user_assigned_identity", "azurerm_federated_identity", "azurerm_management_",
	"azurerm_monitor_", "azurerm_log_analytics_", "azurerm_application_insights", "azurerm_key_vault", "azurerm_storage_", "azurerm_mssql_",
	"azurerm_postgresql_", "azurerm_mysql_", "azurerm_cosmosdb_", "azurerm_container_registry", "azurerm_policy_", "azurerm_subscription",
	"azurerm_dns_", "azurerm_private_dns_", "azurerm_network_watcher", "azurerm_network_ddos_", "azurerm_managed_disk", "azurerm_disk_", "azurerm_backup_",
	"azurerm_recovery_", "azurerm_consumption_", "azurerm_security_center_", "azurerm_availability_set", "azurerm_proximity_", "azurerm_ssh_public_key",
	"azurerm_nat_gateway", "azurerm_subnet_nat_gateway", "azurerm_lb_probe", "azurerm_lb_outbound_rule", "azurerm_public_ip_prefix",
	"azurerm_network_security_perimeter", "azurerm_virtual_wan", "azurerm_virtual_machine_extension", "azurerm_virtual_machine_data_disk",
	"azurerm_virtual_machine_scale_set_extension", "azurerm_virtual_network_dns_servers", "azurerm_app_service_virtual_network_swift_connection",
	"azurerm_eventhub", "azurerm_servicebus_", "azurerm_redis_", "azurerm_search_", "azurerm_cognitive_", "azurerm_maintenance_", "azurerm_shared_image",
	"azurerm_container_app_environment_", "azurerm_container_app_custom_domain", "azurerm_cdn_frontdoor_rule", "azurerm_cdn_frontdoor_secret",
	"azurerm_api_management_user", "azurerm_api_management_group", "azurerm_api_management_logger", "azurerm_api_management_diagnostic",
	"azurerm_api_management_certificate", "azurerm_api_management_subscription",
	"azuread_", "azapi_resource_action", "random_", "tls_", "null_", "local_", "time_", "terraform_", "external", "http", "archive_",
}

func harmless(t string) bool {
	return slices.ContainsFunc(harmlessTypes, func(p string) bool { return strings.HasPrefix(t, p) })
}

// inGroup is the ID of a resource in a resource group.
func inGroup(armType string) func(values) azward.ResourceID {
	return func(v values) azward.ResourceID {
		group, name := v.text("resource_group_name"), v.text("name")
		if v.w.subscription == "" || group == "" || name == "" {
			return ""
		}
		return v.w.subscription + azward.ResourceID("/resourceGroups/"+group+"/providers/"+armType+"/"+name)
	}
}

type fields = map[string]any

// partOf is a kind that stands in a list of another one's body, which its
// attribute names.
func partOf(parent, armType, list string, of func(values) fields) kind {
	id := func(v values) azward.ResourceID {
		group, holder, name := v.text("resource_group_name"), v.text(parent), v.text("name")
		if v.w.subscription == "" || group == "" || holder == "" || name == "" {
			return ""
		}
		return (v.w.subscription + azward.ResourceID("/resourceGroups/"+group+"/providers/"+armType+"/"+holder)).Child(list, name)
	}
	return listPart(id, list, of)
}

// balancerPart is the same for a load balancer, whose ID its parts hold.
func balancerPart(list string, of func(values) fields) kind {
	id := func(v values) azward.ResourceID {
		holder, name := v.ref("loadbalancer_id", typeBalancer), v.text("name")
		if holder == "" || name == "" {
			return ""
		}
		return holder.Child(list, name)
	}
	return listPart(id, list, of)
}

func listPart(id func(values) azward.ResourceID, list string, of func(values) fields) kind {
	return kind{
		pass: part, id: id,
		edit: func(w *world, v values, id azward.ResourceID) { w.item(v.c, id.Parent(), list, id.Name(), of(v)) },
		undo: func(w *world, v values) {
			if id, err := azward.ParseResourceID(v.text("id")); err == nil {
				w.drop(id.Parent(), list, id.Name())
			}
		},
	}
}

func nothing(values) fields { return fields{} }

func empty(w *world, _ values, id azward.ResourceID) { w.put(id, fields{}) }

// association sets a reference at a subnet or an interface.
func association(at, atType, to, toType, property string) kind {
	set := func(w *world, v values, to any) {
		id := v.ref(at, atType)
		if atType == typeSubnet {
			one, ok := w.named(id, "subnets")
			if !ok {
				w.gap(v.c, at, "neither the estate nor the plan holds subnet "+id.Name())
				return
			}
			merge(propertiesOf(one), fields{property: to})
			return
		}
		if _, ok := w.body(id); !ok {
			w.gap(v.c, at, "neither the estate nor the plan holds "+id.Name())
			return
		}
		w.put(id, fields{property: to})
	}
	return kind{
		pass: link,
		edit: func(w *world, v values, _ azward.ResourceID) { set(w, v, object(v.ref(to, toType))) },
		undo: func(w *world, v values) { set(w, v, nil) },
	}
}

// listed adds a reference to a list of an interface's ip configurations: of
// the one that is named, or of all.
func listed(to, toType, property string) kind {
	change := func(w *world, v values, edit func([]any, azward.ResourceID) []any) {
		nic, id := v.ref("network_interface_id", typeNIC), v.ref(to, toType)
		b, ok := w.body(nic)
		if !ok {
			w.gap(v.c, "network_interface_id", "neither the estate nor the plan holds "+nic.Name())
			return
		}
		items, _ := propertiesOf(b)["ipConfigurations"].([]any)
		for _, item := range items {
			m, _ := item.(map[string]any)
			name, _ := m["name"].(string)
			if want := v.text("ip_configuration_name"); want != "" && !strings.EqualFold(want, name) {
				continue
			}
			p := propertiesOf(m)
			held, _ := p[property].([]any)
			p[property] = edit(held, id)
		}
	}
	return kind{
		pass: link,
		edit: func(w *world, v values, _ azward.ResourceID) {
			change(w, v, func(held []any, id azward.ResourceID) []any { return append(withoutRef(held, id), object(id)) })
		},
		undo: func(w *world, v values) { change(w, v, withoutRef) },
	}
}

// azapiID is the ID that azapi_resource makes of its type, parent and name.
func azapiID(v values) azward.ResourceID {
	if id := v.text("resource_id"); id != "" && id != later {
		return azward.ResourceID(id)
	}
	armType, _, _ := strings.Cut(v.text("type"), "@")
	provider, rest, ok := strings.Cut(armType, "/")
	parent, name := v.text("parent_id"), v.text("name")
	if !ok || parent == "" || name == "" || parent == later {
		return ""
	}
	if strings.Contains(rest, "/") { // a child, below its parent's ID
		return azward.ResourceID(parent).Child(rest[strings.LastIndexByte(rest, '/')+1:], name)
	}
	return azward.ResourceID(parent + "/providers/" + provider + "/" + rest + "/" + name)
}

// azapi merges a body, which is ARM's own, into the resource. Below
// properties it replaces values by name, as a PUT of the merged body would.
func azapi(w *world, v values, id azward.ResourceID) {
	body, ok := v.any("body").(map[string]any)
	if s, isText := v.any("body").(string); isText {
		ok = json.Unmarshal([]byte(s), &body) == nil
	}
	if !ok || v.isUnknown("body") {
		w.gap(v.c, "body", "it is known after apply, or no object")
	}
	properties, _ := body["properties"].(map[string]any)
	b := w.put(id, properties)
	for _, name := range []string{"sku", "kind", "zones"} {
		if body[name] != nil {
			b[name] = body[name]
		}
	}
}
