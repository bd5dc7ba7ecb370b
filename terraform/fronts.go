package terraform

import (
	"cmp"
	"strings"

	"github.com/azward/azward"
)

// ARM types of services before workloads.
const (
	typeProfile     = "Microsoft.Cdn/profiles"
	typeEndpoint    = "Microsoft.Cdn/profiles/afdEndpoints"
	typeOriginGroup = "Microsoft.Cdn/profiles/originGroups"
	typeAPIService  = "Microsoft.ApiManagement/service"
)

// belowID is the ID of a child of a resource that an attribute names.
func belowID(attribute, parentType, list string) func(values) azward.ResourceID {
	return func(v values) azward.ResourceID {
		parent, name := v.ref(attribute, parentType), v.text("name")
		if parent == "" || name == "" {
			return ""
		}
		return parent.Child(list, name)
	}
}

// switchOf is a switch that is on unless the plan says otherwise.
func switchOf(v values, attribute string) string {
	switch on, ok := v.any(attribute).(bool); {
	case v.isUnknown(attribute):
		return later
	case ok && !on:
		return "Disabled"
	}
	return "Enabled"
}

// frontDoorProfile, with its endpoints, groups, origins and routes below it.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/cdn_frontdoor_profile
func frontDoorProfile(w *world, v values, id azward.ResourceID) {
	w.put(id, fields{})["sku"] = fields{"name": v.text("sku_name")}
}

// frontDoorEndpoint: Azure gives it a host name with a hash of its own.
func frontDoorEndpoint(w *world, v values, id azward.ResourceID) {
	w.put(id, fields{"hostName": cmp.Or(v.text("host_name"), later), "enabledState": switchOf(v, "enabled")})
}

// frontDoorOrigin leads to a host name, and to the resource that the
// configuration takes the name from.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/cdn_frontdoor_origin
func frontDoorOrigin(w *world, v values, id azward.ResourceID) {
	f := fields{"hostName": v.text("host_name"), "httpPort": orElse(v, "http_port", 80), "httpsPort": orElse(v, "https_port", 443), "enabledState": switchOf(v, "enabled")}
	if v.isUnknown("host_name") {
		if to := v.refs("host_name", typeSite); len(to) == 1 {
			f["azureOrigin"] = object(to[0])
		}
	}
	for _, l := range v.blocks("private_link") { // a request, which the other side approves
		f["sharedPrivateLinkResource"] = fields{"privateLink": object(l.ref("private_link_target_id", typeSite)), "status": "Pending"}
	}
	b, held := w.body(id)
	if held { // what was approved stays so while the target does
		if was, ok := propertiesOf(b)["sharedPrivateLinkResource"].(map[string]any); ok && f["sharedPrivateLinkResource"] != nil && sameLink(was, f["sharedPrivateLinkResource"]) {
			delete(f, "sharedPrivateLinkResource")
		}
	}
	w.put(id, f)
}

func sameLink(was, is any) bool {
	target := func(one any) string {
		m, _ := one.(map[string]any)
		link, _ := m["privateLink"].(map[string]any)
		id, _ := link["id"].(string)
		return strings.ToLower(id)
	}
	return target(was) == target(is)
}

// frontDoorRoute leads an endpoint to a group of origins.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/cdn_frontdoor_route
func frontDoorRoute(w *world, v values, id azward.ResourceID) {
	w.put(id, fields{
		"enabledState": switchOf(v, "enabled"), "originGroup": object(v.ref("cdn_frontdoor_origin_group_id", typeOriginGroup)),
		"patternsToMatch": anys(v.list("patterns_to_match")), "supportedProtocols": anys(v.list("supported_protocols")),
		"forwardingProtocol":  cmp.Or(v.text("forwarding_protocol"), "MatchRequest"),
		"linkToDefaultDomain": switchOf(v, "link_to_default_domain"),
		"customDomains":       objects(v.refs("cdn_frontdoor_custom_domain_ids", "Microsoft.Cdn/profiles/customDomains")),
		"ruleSets":            objects(v.refs("cdn_frontdoor_rule_set_ids", "Microsoft.Cdn/profiles/ruleSets")),
	})
}

// apiManagement is the service; its APIs and backends are children.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/api_management
func apiManagement(w *world, v values, id azward.ResourceID) {
	access := switchOf(v, "public_network_access_enabled")
	f := fields{
		"virtualNetworkType": cmp.Or(v.text("virtual_network_type"), "None"), "publicNetworkAccess": access,
		"gatewayUrl": "https://" + strings.ToLower(v.text("name")) + ".azure-api.net",
	}
	for _, n := range v.blocks("virtual_network_configuration") {
		f["virtualNetworkConfiguration"] = fields{"subnetResourceId": string(n.ref("subnet_id", typeSubnet))}
	}
	sku, _, _ := strings.Cut(v.text("sku_name"), "_") // "Developer_1"
	w.put(id, f)["sku"] = fields{"name": sku}
}

// inService is the ID of a child of an API Management.
func inService(list string) func(values) azward.ResourceID {
	return func(v values) azward.ResourceID {
		group, service, name := v.text("resource_group_name"), v.text("api_management_name"), v.text("name")
		if v.w.subscription == "" || group == "" || service == "" || name == "" {
			return ""
		}
		return (v.w.subscription + azward.ResourceID("/resourceGroups/"+group+"/providers/"+typeAPIService+"/"+service)).Child(list, name)
	}
}

func managedAPI(w *world, v values, id azward.ResourceID) {
	f := fields{"path": v.text("path"), "serviceUrl": v.text("service_url"), "subscriptionRequired": true}
	if on, ok := v.any("subscription_required").(bool); ok {
		f["subscriptionRequired"] = on
	}
	w.put(id, f)
}

func apiBackend(w *world, v values, id azward.ResourceID) {
	w.put(id, fields{"url": v.text("url"), "resourceId": v.text("resource_id")})
}

// containerGroup opens the ports that it exposes: those of its containers
// where it does not say.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/container_group
func containerGroup(w *world, v values, id azward.ResourceID) {
	ports, containers := []any{}, []any{}
	list := func(of values, block string) []any {
		all := []any{}
		for _, p := range of.blocks(block) {
			all = append(all, fields{"port": p.any("port"), "protocol": strings.ToUpper(cmp.Or(p.text("protocol"), "TCP"))})
		}
		return all
	}
	ports = append(ports, list(v, "exposed_port")...)
	for _, c := range v.blocks("container") {
		own := list(c, "ports")
		containers = append(containers, fields{"name": c.text("name"), "properties": fields{"image": c.text("image"), "ports": own}})
		if len(v.blocks("exposed_port")) == 0 {
			ports = append(ports, own...)
		}
	}
	f := fields{"containers": containers, "subnetIds": objects(v.refs("subnet_ids", typeSubnet))}
	switch kind := cmp.Or(v.text("ip_address_type"), "Public"); kind {
	case "None":
		f["ipAddress"] = nil
	default:
		f["ipAddress"] = fields{"type": kind, "ports": ports}
	}
	w.put(id, f)
}

// wafPolicy is the web application firewall of gateways.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/web_application_firewall_policy
func wafPolicy(w *world, v values, id azward.ResourceID) {
	rules := []any{}
	for _, r := range v.blocks("custom_rules") {
		conditions := []any{}
		for _, c := range r.blocks("match_conditions") {
			variables := []any{}
			for _, m := range c.blocks("match_variables") {
				variables = append(variables, fields{"variableName": m.text("variable_name"), "selector": m.text("selector")})
			}
			conditions = append(conditions, fields{"matchVariables": variables, "operator": c.text("operator"), "negationConditon": c.any("negation_condition") == true, "matchValues": anys(c.list("match_values"))})
		}
		rules = append(rules, fields{
			"name": r.text("name"), "priority": r.any("priority"), "ruleType": r.text("rule_type"), "action": r.text("action"),
			"state": switchOf(r, "enabled"), "matchConditions": conditions,
		})
	}
	f := fields{"customRules": rules}
	for _, s := range v.blocks("policy_settings") {
		f["policySettings"] = fields{"state": switchOf(s, "enabled"), "mode": cmp.Or(s.text("mode"), "Prevention")}
	}
	w.put(id, f)
}

// orElse is an attribute with the default that the provider documents.
func orElse(v values, attribute string, otherwise int) any {
	if n := v.any(attribute); n != nil {
		return n
	}
	return otherwise
}
