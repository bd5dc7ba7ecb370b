package terraform

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
)

// null stands in a body as null: a property that was never set, which is a
// fact, unlike one that the body lacks.
var null = json.RawMessage("null")

// servicePlan may stand in an App Service Environment.
func servicePlan(w *world, v values, id azward.ResourceID) {
	f := fields{"hostingEnvironmentProfile": null}
	if environment := v.ref("app_service_environment_id", typeASE); environment != "" {
		f["hostingEnvironmentProfile"] = object(environment)
	}
	w.put(id, f)
}

// site is a web app, a function app, or a slot of one.
func site(kind string) func(*world, values, azward.ResourceID) {
	return func(w *world, v values, id azward.ResourceID) {
		f := fields{"publicNetworkAccess": "Enabled"}
		if on, ok := v.any("public_network_access_enabled").(bool); ok && !on {
			f["publicNetworkAccess"] = "Disabled"
		} else if v.isUnknown("public_network_access_enabled") {
			f["publicNetworkAccess"] = later
		}
		for attribute, property := range map[string]string{"https_only": "httpsOnly", "client_certificate_enabled": "clientCertEnabled"} {
			if on, ok := v.any(attribute).(bool); ok {
				f[property] = on
			}
		}
		f["clientCertMode"] = v.text("client_certificate_mode")
		f["clientCertExclusionPaths"] = v.text("client_certificate_exclusion_paths")
		if host := v.text("default_hostname"); host != "" && host != later {
			f["defaultHostName"] = host
		}
		_, known := w.body(id)
		b := w.put(id, f)
		b["kind"] = kind
		w.place(v, b, known)
		w.restrictions(v, id.Child("config", "web"))
		w.signIn(v, id.Child("config", "authsettingsV2"))
	}
}

// place says whether a site stands in an App Service Environment: as its plan
// does.
func (w *world) place(v values, site map[string]any, known bool) {
	p := propertiesOf(site)
	if plan := v.ref("service_plan_id", typePlan); plan != "" {
		if b, ok := w.body(plan); ok {
			if environment, told := propertiesOf(b)["hostingEnvironmentProfile"]; told {
				p["hostingEnvironmentProfile"] = environment
				if environment == nil {
					p["hostingEnvironmentProfile"] = null
				}
				if p["defaultHostName"] == nil {
					p["defaultHostName"] = strings.ToLower(v.text("name")) + ".azurewebsites.net"
				}
				return
			}
		}
	}
	if w.beside(site, p, v) {
		return
	}
	if !known { // whether it is internal is then not known
		w.gap(v.c, "service_plan_id", "neither the estate nor the plan tells whether its plan stands in an App Service Environment")
		delete(p, "defaultHostName")
	}
}

// beside takes the place of a slot from its app.
func (w *world) beside(slot, p map[string]any, v values) bool {
	id, err := azward.ParseResourceID(fmt.Sprint(slot["id"]))
	if err != nil || !strings.EqualFold(id.Type(), typeSite+"/slots") {
		return false
	}
	app, ok := w.body(id.Parent())
	if !ok {
		return false
	}
	place, told := propertiesOf(app)["hostingEnvironmentProfile"]
	if !told {
		return false
	}
	if p["hostingEnvironmentProfile"] = place; place == nil {
		p["hostingEnvironmentProfile"] = null
	}
	if p["defaultHostName"] == nil {
		p["defaultHostName"] = strings.ToLower(id.Parent().Name()+"-"+v.text("name")) + ".azurewebsites.net"
	}
	return true
}

// restrictions are the record config/web.
func (w *world) restrictions(v values, id azward.ResourceID) {
	configs := v.blocks("site_config")
	if len(configs) == 0 {
		if v.isUnknown("site_config") {
			w.gap(v.c, "site_config", "it is known after apply")
			w.bodies[id.Key()] = nil
		}
		return
	}
	c := configs[0]
	f := fields{"scmIpSecurityRestrictionsUseMain": false}
	if on, ok := c.any("scm_use_main_ip_restriction").(bool); ok {
		f["scmIpSecurityRestrictionsUseMain"] = on
	}
	for block, property := range map[string]string{"ip_restriction": "ipSecurityRestrictions", "scm_ip_restriction": "scmIpSecurityRestrictions"} {
		rules := []any{}
		for _, r := range c.blocks(block) {
			rules = append(rules, restriction(r))
		}
		if len(rules) == 0 && c.isUnknown(block) {
			rules = append(rules, fields{"name": later, "action": later, "ipAddress": later})
		}
		f[property] = rules
		action := c.text(block + "_default_action")
		if action == "" {
			action = "Allow"
		}
		f[property+"DefaultAction"] = action
	}
	w.put(id, f)
}

func restriction(v values) fields {
	f := fields{"name": v.text("name"), "action": v.text("action"), "ipAddress": v.text("ip_address")}
	if n, ok := v.any("priority").(float64); ok {
		f["priority"] = n
	}
	if v.isUnknown("priority") {
		f["action"] = later
	}
	if tag := v.text("service_tag"); tag != "" {
		f["tag"], f["ipAddress"] = "ServiceTag", tag
	}
	if subnet := v.ref("virtual_network_subnet_id", typeSubnet); subnet != "" {
		f["vnetSubnetResourceId"] = string(subnet)
		delete(f, "ipAddress")
	}
	headers := fields{}
	for _, h := range v.blocks("headers") {
		for attribute, header := range map[string]string{
			"x_azure_fdid": "x-azure-fdid", "x_fd_health_probe": "x-fd-healthprobe", "x_forwarded_for": "x-forwarded-for", "x_forwarded_host": "x-forwarded-host",
		} {
			if list := h.list(attribute); len(list) > 0 {
				headers[header] = anys(list)
			}
		}
	}
	if len(headers) > 0 {
		f["headers"] = headers
	}
	return f
}

// signIn is the record config/authsettingsV2.
func (w *world) signIn(v values, id azward.ResourceID) {
	for _, a := range v.blocks("auth_settings_v2") {
		paths := anys(a.list("excluded_paths"))
		on, _ := a.any("auth_enabled").(bool)
		required, _ := a.any("require_authentication").(bool)
		action := a.text("unauthenticated_action")
		w.put(id, fields{
			"platform":         fields{"enabled": on},
			"globalValidation": fields{"requireAuthentication": required, "unauthenticatedClientAction": action, "excludedPaths": paths},
		})
	}
	if len(v.blocks("auth_settings_v2")) == 0 && !v.isUnknown("auth_settings_v2") {
		if _, ok := w.body(id); ok {
			w.put(id, fields{"platform": fields{"enabled": false}})
		}
	}
}

// slotID is below the app that a slot names.
func slotID(attribute string) func(values) azward.ResourceID {
	return func(v values) azward.ResourceID {
		app, name := v.ref(attribute, typeSite), v.text("name")
		if app == "" || name == "" {
			return ""
		}
		return app.Child("slots", name)
	}
}

func appEnvironment(w *world, v values, id azward.ResourceID) {
	f := fields{"vnetConfiguration": null, "publicNetworkAccess": null}
	if access := v.text("public_network_access"); access != "" {
		f["publicNetworkAccess"] = access
	}
	if subnet := v.ref("infrastructure_subnet_id", typeSubnet); subnet != "" {
		internal, _ := v.any("internal_load_balancer_enabled").(bool)
		f["vnetConfiguration"] = fields{"internal": internal, "infrastructureSubnetId": string(subnet)}
		if v.isUnknown("internal_load_balancer_enabled") {
			f["vnetConfiguration"] = fields{"infrastructureSubnetId": string(subnet)}
		}
	}
	w.put(id, f)
}

func containerApp(w *world, v values, id azward.ResourceID) {
	configuration := fields{"ingress": null}
	for _, in := range v.blocks("ingress") {
		f := fields{"transport": in.text("transport"), "clientCertificateMode": in.text("client_certificate_mode")}
		external, _ := in.any("external_enabled").(bool)
		if f["external"] = external; in.isUnknown("external_enabled") {
			delete(f, "external")
		}
		for attribute, property := range map[string]string{"target_port": "targetPort", "exposed_port": "exposedPort"} {
			if n, ok := in.any(attribute).(float64); ok {
				f[property] = n
			}
		}
		rules := []any{}
		for _, r := range in.blocks("ip_security_restriction") {
			rules = append(rules, fields{"name": r.text("name"), "action": r.text("action"), "ipAddressRange": r.text("ip_address_range")})
		}
		if f["ipSecurityRestrictions"] = rules; len(rules) == 0 && in.isUnknown("ip_security_restriction") {
			f["ipSecurityRestrictions"] = []any{fields{"name": later, "action": later, "ipAddressRange": later}}
		}
		configuration["ingress"] = f
	}
	if len(v.blocks("ingress")) == 0 && v.isUnknown("ingress") {
		w.gap(v.c, "ingress", "it is known after apply")
		configuration = fields{}
	}
	w.put(id, fields{"managedEnvironmentId": string(v.ref("container_app_environment_id", typeAppEnvironment)), "configuration": configuration})
}

// cluster keeps what the plan says of who reaches the API server, and of the
// engine that enforces network policies.
func cluster(w *world, v values, id azward.ResourceID) {
	access := fields{"enablePrivateCluster": false}
	if on, ok := v.any("private_cluster_enabled").(bool); ok {
		access["enablePrivateCluster"] = on
	}
	for _, a := range v.blocks("api_server_access_profile") {
		access["authorizedIPRanges"] = anys(a.list("authorized_ip_ranges"))
	}
	f := fields{"apiServerAccessProfile": access}
	if group := v.text("node_resource_group"); group != "" && group != later {
		f["nodeResourceGroup"] = group
	}
	b := w.put(id, f)
	for _, one := range v.blocks("default_node_pool") {
		pools, _ := propertiesOf(b)["agentPoolProfiles"].([]any)
		propertiesOf(b)["agentPoolProfiles"] = withPool(pools, one.text("name"), pool(one))
	}
	for _, n := range v.blocks("network_profile") {
		profile, _ := propertiesOf(b)["networkProfile"].(map[string]any)
		if profile == nil {
			profile = fields{}
			propertiesOf(b)["networkProfile"] = profile
		}
		for attribute, property := range map[string]string{
			"network_plugin": "networkPlugin", "network_plugin_mode": "networkPluginMode", "network_policy": "networkPolicy",
			"network_data_plane": "networkDataplane", "load_balancer_sku": "loadBalancerSku",
		} {
			if text := n.text(attribute); text != "" {
				profile[property] = text
			} else if property == "networkPolicy" {
				profile[property] = "none"
			}
		}
	}
}

// privateEndpoint leads to a service whose owner approves it: by itself where
// the connection is not manual, since creating it fails otherwise.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/private_endpoint
func privateEndpoint(w *world, v values, id azward.ResourceID) {
	w.put(id, fields{"subnet": object(v.ref("subnet_id", typeSubnet))})
	lists := map[string][]any{"privateLinkServiceConnections": {}, "manualPrivateLinkServiceConnections": {}}
	for _, c := range v.blocks("private_service_connection") {
		list, status := "privateLinkServiceConnections", "Approved"
		if manual, _ := c.any("is_manual_connection").(bool); manual {
			list, status = "manualPrivateLinkServiceConnections", "Pending"
		}
		if c.text("private_connection_resource_alias") != "" {
			w.gap(v.c, "private_service_connection", "which service stands behind its alias is not told")
			continue
		}
		to := c.refs("private_connection_resource_id", typeSite)
		if len(to) != 1 {
			to = []azward.ResourceID{w.nowhere(typeSite)}
		}
		lists[list] = append(lists[list], fields{"name": c.text("name"), "properties": fields{
			"privateLinkServiceId": string(to[0]), "groupIds": anys(c.list("subresource_names")), "privateLinkServiceConnectionState": fields{"status": status},
		}})
	}
	b, _ := w.body(id)
	for name, list := range lists {
		if held, _ := propertiesOf(b)[name].([]any); len(held) != len(list) || !sameTargets(held, list) {
			propertiesOf(b)[name] = list // keeps what Azure says of one that stays
		}
	}
}

func sameTargets(a, b []any) bool {
	target := func(one any) string {
		m, _ := one.(map[string]any)
		id, _ := propertiesOf(m)["privateLinkServiceId"].(string)
		return strings.ToLower(id)
	}
	return slices.EqualFunc(a, b, func(x, y any) bool { return target(x) == target(y) })
}
