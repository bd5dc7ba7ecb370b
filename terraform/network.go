package terraform

import (
	"strings"

	"github.com/azward/azward"
)

func securityGroup(w *world, v values, id azward.ResourceID) {
	w.put(id, fields{})
	rules := v.blocks("security_rule")
	for _, r := range rules {
		w.item(v.c, id, "securityRules", r.text("name"), securityRule(r))
	}
	w.only(v.c, id, "securityRules", "security_rule", rules)
	if len(rules) == 0 && v.isUnknown("security_rule") && !w.hasRules(v) {
		// Rules of a dynamic block, or none: the plan does not tell which.
		w.gap(v.c, "security_rule", "its rules are known after apply")
		w.item(v.c, id, "securityRules", later, fields{"access": later, "direction": later, "protocol": "*", "priority": 100})
	}
}

// hasRules says that the plan makes rules of the group one by one.
func (w *world) hasRules(v values) bool {
	for _, c := range w.plan.changes {
		if c.Type == "azurerm_network_security_rule" && c.Change.After["network_security_group_name"] == v.known["name"] {
			return true
		}
	}
	return false
}

func securityRule(v values) fields {
	access := v.text("access")
	if v.isUnknown("priority") {
		access = later
	}
	f := fields{"priority": v.any("priority"), "direction": v.text("direction"), "access": access, "protocol": v.text("protocol")}
	for attribute, property := range map[string]string{
		"source_port_range": "sourcePortRange", "destination_port_range": "destinationPortRange",
		"source_address_prefix": "sourceAddressPrefix", "destination_address_prefix": "destinationAddressPrefix",
	} {
		f[property] = v.text(attribute)
	}
	for attribute, property := range map[string]string{
		"source_port_ranges": "sourcePortRanges", "destination_port_ranges": "destinationPortRanges",
		"source_address_prefixes": "sourceAddressPrefixes", "destination_address_prefixes": "destinationAddressPrefixes",
	} {
		f[property] = anys(v.list(attribute))
	}
	for attribute, property := range map[string]string{
		"source_application_security_group_ids": "sourceApplicationSecurityGroups", "destination_application_security_group_ids": "destinationApplicationSecurityGroups",
	} {
		ids := v.refs(attribute, typeASG)
		f[property] = objects(ids)
		for _, id := range ids {
			if id.Equal(v.w.nowhere(typeASG)) { // whose members are not known
				f[strings.TrimSuffix(property, "ApplicationSecurityGroups")+"AddressPrefix"] = later
			}
		}
	}
	return f
}

func anys(list []string) []any {
	all := []any{}
	for _, s := range list {
		all = append(all, s)
	}
	return all
}

func virtualNetwork(w *world, v values, id azward.ResourceID) {
	w.put(id, fields{"addressSpace": fields{"addressPrefixes": anys(v.list("address_space"))}})
	for _, s := range v.blocks("subnet") {
		name := s.text("name")
		f := subnet(s)
		if one := s.text("address_prefix"); one != "" {
			f["addressPrefix"] = one
		}
		if group := s.ref("security_group", typeGroup); group != "" {
			f["networkSecurityGroup"] = object(group)
		}
		if table := s.ref("route_table_id", typeTable); table != "" {
			f["routeTable"] = object(table)
		}
		w.item(v.c, id, "subnets", name, f)
	}
}

func subnet(v values) fields {
	f := fields{"addressPrefixes": anys(v.list("address_prefixes")), "addressPrefix": nil}
	var endpoints, delegations []any
	for _, s := range v.list("service_endpoints") {
		endpoints = append(endpoints, fields{"service": s})
	}
	for _, d := range v.blocks("delegation") {
		for _, s := range d.blocks("service_delegation") {
			delegations = append(delegations, fields{"name": d.text("name"), "properties": fields{"serviceName": s.text("name")}})
		}
	}
	f["serviceEndpoints"], f["delegations"] = endpoints, delegations
	if p := v.text("private_endpoint_network_policies"); p != "" {
		f["privateEndpointNetworkPolicies"] = p
	}
	if on, ok := v.any("default_outbound_access_enabled").(bool); ok {
		f["defaultOutboundAccess"] = on
	}
	return f
}

func peering(v values) fields {
	f := fields{"remoteVirtualNetwork": object(v.ref("remote_virtual_network_id", typeNetwork))}
	for attribute, property := range map[string]string{
		"allow_virtual_network_access": "allowVirtualNetworkAccess", "allow_forwarded_traffic": "allowForwardedTraffic",
		"use_remote_gateways": "useRemoteGateways", "peer_complete_virtual_networks_enabled": "peerCompleteVnets",
	} {
		if on, ok := v.any(attribute).(bool); ok {
			f[property] = on
		}
	}
	return f
}

func routeTable(w *world, v values, id azward.ResourceID) {
	f := fields{}
	if on, ok := v.any("bgp_route_propagation_enabled").(bool); ok {
		f["disableBgpRoutePropagation"] = !on
	} else if off, ok := v.any("disable_bgp_route_propagation").(bool); ok {
		f["disableBgpRoutePropagation"] = off
	}
	w.put(id, f)
	routes := v.blocks("route")
	for _, r := range routes {
		w.item(v.c, id, "routes", r.text("name"), route(r))
	}
	w.only(v.c, id, "routes", "route", routes)
}

func route(v values) fields {
	f := fields{"addressPrefix": v.text("address_prefix"), "nextHopType": v.text("next_hop_type"), "nextHopIpAddress": nil}
	if a := v.text("next_hop_in_ip_address"); a != "" {
		f["nextHopIpAddress"] = a
	}
	return f
}

func publicAddress(w *world, v values, id azward.ResourceID) {
	f := fields{"ipAddress": nil}
	if a := v.text("ip_address"); a != "" && a != later {
		f["ipAddress"] = a
	}
	b := w.put(id, f)
	if sku := v.text("sku"); sku != "" {
		b["sku"] = fields{"name": sku, "tier": v.text("sku_tier")}
	}
}

func networkInterface(w *world, v values, id azward.ResourceID) {
	f := fields{}
	for _, attribute := range []string{"ip_forwarding_enabled", "enable_ip_forwarding"} {
		if on, ok := v.any(attribute).(bool); ok {
			f["enableIPForwarding"] = on
		}
	}
	w.put(id, f)
	configurations := v.blocks("ip_configuration")
	for _, c := range configurations {
		w.item(v.c, id, "ipConfigurations", c.text("name"), addressed(c))
	}
	w.only(v.c, id, "ipConfigurations", "ip_configuration", configurations)
}

// addressed is an ip configuration, or a frontend of a load balancer.
func addressed(v values) fields {
	f := fields{
		"subnet":          object(v.ref("subnet_id", typeSubnet)),
		"publicIPAddress": object(v.ref("public_ip_address_id", typeAddress)),
	}
	if a := v.text("private_ip_address"); a != "" && a != later {
		f["privateIPAddress"] = a
	} else if a == later {
		f["privateIPAddress"] = nil
	}
	return f
}

func balancer(w *world, v values, id azward.ResourceID) {
	b := w.put(id, fields{})
	if sku := v.text("sku"); sku != "" {
		b["sku"] = fields{"name": sku, "tier": v.text("sku_tier")}
	}
	fronts := v.blocks("frontend_ip_configuration")
	for _, front := range fronts {
		f := addressed(front)
		if prefix := front.ref("public_ip_prefix_id", "Microsoft.Network/publicIPPrefixes"); prefix != "" {
			f["publicIPPrefix"] = object(prefix)
		}
		w.item(v.c, id, "frontendIPConfigurations", front.text("name"), f)
	}
	w.only(v.c, id, "frontendIPConfigurations", "frontend_ip_configuration", fronts)
}

// balancerPool may name the network of its addresses.
func balancerPool(v values) fields {
	return fields{"virtualNetwork": object(v.ref("virtual_network_id", typeNetwork))}
}

// balancerRule is a load-balancing rule or an inbound NAT rule.
func balancerRule(v values) fields {
	f := fields{"protocol": v.text("protocol")}
	for attribute, property := range map[string]string{
		"frontend_port": "frontendPort", "backend_port": "backendPort", "frontend_port_start": "frontendPortRangeStart", "frontend_port_end": "frontendPortRangeEnd",
	} {
		if n, ok := v.any(attribute).(float64); ok {
			f[property] = n
		}
	}
	for _, attribute := range []string{"floating_ip_enabled", "enable_floating_ip"} {
		if on, ok := v.any(attribute).(bool); ok {
			f["enableFloatingIP"] = on
		}
	}
	holder := v.ref("loadbalancer_id", typeBalancer)
	if name := v.text("frontend_ip_configuration_name"); name != "" {
		f["frontendIPConfiguration"] = object(holder.Child("frontendIPConfigurations", name))
	}
	if pool := v.ref("backend_address_pool_id", typePool); pool != "" {
		f["backendAddressPool"] = object(pool)
	}
	if pools := v.refs("backend_address_pool_ids", typePool); len(pools) > 0 {
		f["backendAddressPools"] = objects(pools)
		f["backendAddressPool"] = object(pools[0])
	}
	return f
}

func natPool(v values) fields {
	f := balancerRule(v)
	f["frontendPortRangeStart"], f["frontendPortRangeEnd"] = v.any("frontend_port_start"), v.any("frontend_port_end")
	return f
}

// natRuleLink lets an inbound NAT rule lead to an interface.
func natRuleLink(w *world, v values, _ azward.ResourceID) {
	rule := v.ref("nat_rule_id", typeBalancer+"/inboundNatRules")
	one, ok := w.named(rule, "inboundNatRules")
	if !ok {
		w.gap(v.c, "nat_rule_id", "neither the estate nor the plan holds the rule")
		return
	}
	nic := v.ref("network_interface_id", typeNIC)
	merge(propertiesOf(one), fields{"backendIPConfiguration": object(nic.Child("ipConfigurations", v.text("ip_configuration_name")))})
}

func natRuleUnlink(w *world, v values) {
	if one, ok := w.named(v.ref("nat_rule_id", typeBalancer+"/inboundNatRules"), "inboundNatRules"); ok {
		merge(propertiesOf(one), fields{"backendIPConfiguration": nil})
	}
}
