package terraform

import (
	"github.com/azward/azward"
)

// gateway is an application gateway, whose parts stand in its body and name
// each other.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/application_gateway
func gateway(w *world, v values, id azward.ResourceID) {
	g := gatewayParts{v, id}
	f := fields{
		"gatewayIPConfigurations": g.list("gateway_ip_configuration", "gatewayIPConfigurations", func(c values) fields {
			return fields{"subnet": object(c.ref("subnet_id", typeSubnet))}
		}),
		"frontendIPConfigurations": g.list("frontend_ip_configuration", "frontendIPConfigurations", addressed),
		"frontendPorts": g.list("frontend_port", "frontendPorts", func(c values) fields {
			return fields{"port": c.any("port")}
		}),
		"httpListeners":                 g.list("http_listener", "httpListeners", g.listener),
		"requestRoutingRules":           g.list("request_routing_rule", "requestRoutingRules", g.rule),
		"urlPathMaps":                   g.list("url_path_map", "urlPathMaps", g.pathMap),
		"redirectConfigurations":        g.list("redirect_configuration", "redirectConfigurations", nothing),
		"backendHttpSettingsCollection": g.list("backend_http_settings", "backendHttpSettingsCollection", settings),
		"firewallPolicy":                object(v.ref("firewall_policy_id", typeWAF)),
	}
	w.put(id, f)
	g.pools(w)
	b, _ := w.body(id)
	for _, s := range v.blocks("sku") {
		b["sku"] = fields{"name": s.text("name"), "tier": s.text("tier")}
	}
}

type gatewayParts struct {
	v  values
	id azward.ResourceID
}

func (g gatewayParts) list(block, property string, of func(values) fields) []any {
	all := []any{}
	for _, c := range g.v.blocks(block) {
		all = append(all, fields{"id": string(g.id.Child(property, c.text("name"))), "name": c.text("name"), "properties": of(c)})
	}
	if len(all) == 0 && g.v.isUnknown(block) {
		g.v.w.gap(g.v.c, block, "its parts are known after apply")
	}
	return all
}

// pools keep the interfaces that associations, here or elsewhere, put there.
func (g gatewayParts) pools(w *world) {
	blocks := g.v.blocks("backend_address_pool")
	for _, c := range blocks {
		addresses := []any{}
		for _, name := range c.list("fqdns") {
			addresses = append(addresses, fields{"fqdn": name})
		}
		for _, a := range c.list("ip_addresses") {
			addresses = append(addresses, fields{"ipAddress": a})
		}
		w.item(g.v.c, g.id, "backendAddressPools", c.text("name"), fields{"backendAddresses": addresses})
	}
	w.only(g.v.c, g.id, "backendAddressPools", "backend_address_pool", blocks)
}

// named sets references to other parts by their names.
func (g gatewayParts) named(c values, f fields, properties map[string][2]string) fields {
	for attribute, to := range properties {
		if name := c.text(attribute); name != "" {
			f[to[0]] = object(g.id.Child(to[1], name))
		}
	}
	return f
}

func (g gatewayParts) listener(c values) fields {
	f := fields{"protocol": c.text("protocol"), "hostName": c.text("host_name"), "hostNames": anys(c.list("host_names")), "firewallPolicy": object(c.ref("firewall_policy_id", typeWAF))}
	return g.named(c, f, map[string][2]string{
		"frontend_ip_configuration_name": {"frontendIPConfiguration", "frontendIPConfigurations"},
		"frontend_port_name":             {"frontendPort", "frontendPorts"},
		"ssl_profile_name":               {"sslProfile", "sslProfiles"},
	})
}

func (g gatewayParts) rule(c values) fields {
	return g.named(c, fields{"ruleType": c.text("rule_type"), "priority": c.any("priority")}, map[string][2]string{
		"http_listener_name":          {"httpListener", "httpListeners"},
		"backend_address_pool_name":   {"backendAddressPool", "backendAddressPools"},
		"backend_http_settings_name":  {"backendHttpSettings", "backendHttpSettingsCollection"},
		"redirect_configuration_name": {"redirectConfiguration", "redirectConfigurations"},
		"url_path_map_name":           {"urlPathMap", "urlPathMaps"},
	})
}

func (g gatewayParts) pathMap(c values) fields {
	rules := []any{}
	for _, p := range c.blocks("path_rule") {
		f := fields{"paths": anys(p.list("paths")), "firewallPolicy": object(p.ref("firewall_policy_id", typeWAF))}
		rules = append(rules, fields{"name": p.text("name"), "properties": g.named(p, f, map[string][2]string{
			"backend_address_pool_name":   {"backendAddressPool", "backendAddressPools"},
			"backend_http_settings_name":  {"backendHttpSettings", "backendHttpSettingsCollection"},
			"redirect_configuration_name": {"redirectConfiguration", "redirectConfigurations"},
		})})
	}
	return g.named(c, fields{"pathRules": rules}, map[string][2]string{
		"default_backend_address_pool_name":   {"defaultBackendAddressPool", "backendAddressPools"},
		"default_backend_http_settings_name":  {"defaultBackendHttpSettings", "backendHttpSettingsCollection"},
		"default_redirect_configuration_name": {"defaultRedirectConfiguration", "redirectConfigurations"},
	})
}

func settings(c values) fields {
	return fields{"port": c.any("port"), "protocol": c.text("protocol"), "hostName": c.text("host_name")}
}
