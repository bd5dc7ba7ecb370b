package terraform

import (
	"cmp"

	"github.com/azward/azward"
)

// ARM types that join networks.
const (
	typeHub           = "Microsoft.Network/virtualHubs"
	typeVPNGateway    = "Microsoft.Network/virtualNetworkGateways"
	typeLocalGateway  = "Microsoft.Network/localNetworkGateways"
	typeHubRouteTable = "Microsoft.Network/virtualHubs/hubRouteTables"
)

// virtualHub is a hub of Virtual WAN; its connections and its routing intent
// are children.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/virtual_hub
func virtualHub(w *world, v values, id azward.ResourceID) {
	w.put(id, fields{"addressPrefix": v.text("address_prefix")})
}

// hubConnection makes its routes known to the hub's default table unless it
// says otherwise.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/virtual_hub_connection
func hubConnection(w *world, v values, id azward.ResourceID) {
	f := fields{"remoteVirtualNetwork": object(v.ref("remote_virtual_network_id", typeNetwork)), "enableInternetSecurity": v.any("internet_security_enabled") == true}
	tables, labels := objects([]azward.ResourceID{id.Parent().Child("hubRouteTables", "defaultRouteTable")}), []any{"default"}
	for _, r := range v.blocks("routing") {
		for _, p := range r.blocks("propagated_route_table") {
			tables, labels = objects(p.refs("route_table_ids", typeHubRouteTable)), anys(p.list("labels"))
		}
	}
	f["routingConfiguration"] = fields{"propagatedRouteTables": fields{"ids": tables, "labels": labels}}
	w.put(id, f)
}

// routingIntent sends what a hub routes through its firewall.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/virtual_hub_routing_intent
func routingIntent(w *world, v values, id azward.ResourceID) {
	policies := []any{}
	for _, p := range v.blocks("routing_policy") {
		policies = append(policies, fields{"name": p.text("name"), "destinations": anys(p.list("destinations")), "nextHop": string(p.ref("next_hop", typeFirewall))})
	}
	w.put(id, fields{"routingPolicies": policies})
}

// vpnGateway joins a network with its clients and other sites.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/virtual_network_gateway
func vpnGateway(w *world, v values, id azward.ResourceID) {
	configurations := []any{}
	for _, c := range v.blocks("ip_configuration") {
		configurations = append(configurations, fields{"name": cmp.Or(c.text("name"), "vnetGatewayConfig"), "properties": addressed(c)})
	}
	f := fields{"gatewayType": v.text("type"), "ipConfigurations": configurations, "vpnClientConfiguration": nil, "enableBgp": false}
	for _, attribute := range []string{"bgp_enabled", "enable_bgp"} {
		if on, ok := v.any(attribute).(bool); ok {
			f["enableBgp"] = on
		}
	}
	for _, c := range v.blocks("vpn_client_configuration") {
		f["vpnClientConfiguration"] = fields{"vpnClientAddressPool": fields{"addressPrefixes": anys(c.list("address_space"))}}
	}
	w.put(id, f)
}

func localGateway(w *world, v values, id azward.ResourceID) {
	w.put(id, fields{"localNetworkAddressSpace": fields{"addressPrefixes": anys(v.list("address_space"))}})
}

// gatewayConnection joins a gateway with the other end.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/virtual_network_gateway_connection
func gatewayConnection(w *world, v values, id azward.ResourceID) {
	f := fields{
		"connectionType": v.text("type"), "virtualNetworkGateway1": object(v.ref("virtual_network_gateway_id", typeVPNGateway)),
		"virtualNetworkGateway2": object(v.ref("peer_virtual_network_gateway_id", typeVPNGateway)),
		"localNetworkGateway2":   object(v.ref("local_network_gateway_id", typeLocalGateway)), "enableBgp": false,
	}
	for _, attribute := range []string{"bgp_enabled", "enable_bgp"} {
		if on, ok := v.any(attribute).(bool); ok {
			f["enableBgp"] = on
		}
	}
	w.put(id, f)
}
