package terraform_test

import (
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/terraform"
)

// TestBodies: types whose effect needs a whole cluster or a tenant's sites to
// be seen become the properties that exposure reads.
func TestBodies(t *testing.T) {
	t.Parallel()
	const net = "/resourceGroups/rg/providers/Microsoft.Network/"
	for name, c := range map[string]struct{ kind, after, id, pointer, want string }{
		"hub":                {"azurerm_virtual_hub", `"resource_group_name":"rg","name":"hub","address_prefix":"10.9.0.0/23"`, net + "virtualHubs/hub", "/properties/addressPrefix", `"10.9.0.0/23"`},
		"hub_connection":     {"azurerm_virtual_hub_connection", `"name":"c","virtual_hub_id":"` + sub + net + `virtualHubs/hub","remote_virtual_network_id":"` + sub + net + `virtualNetworks/v"`, net + "virtualHubs/hub/hubVirtualNetworkConnections/c", "/properties/routingConfiguration/propagatedRouteTables/labels", `["default"]`},
		"routing_intent":     {"azurerm_virtual_hub_routing_intent", `"name":"i","virtual_hub_id":"` + sub + net + `virtualHubs/hub","routing_policy":[{"name":"p","destinations":["PrivateTraffic"],"next_hop":"` + sub + net + `azureFirewalls/fw"}]`, net + "virtualHubs/hub/routingIntent/i", "/properties/routingPolicies/0/nextHop", `"` + sub + net + `azureFirewalls/fw"`},
		"gateway":            {"azurerm_virtual_network_gateway", `"resource_group_name":"rg","name":"g","type":"Vpn","bgp_enabled":true,"vpn_client_configuration":[{"address_space":["172.16.0.0/24"]}]`, net + "virtualNetworkGateways/g", "/properties/vpnClientConfiguration/vpnClientAddressPool/addressPrefixes", `["172.16.0.0/24"]`},
		"local_gateway":      {"azurerm_local_network_gateway", `"resource_group_name":"rg","name":"l","address_space":["192.168.0.0/24"]`, net + "localNetworkGateways/l", "/properties/localNetworkAddressSpace/addressPrefixes/0", `"192.168.0.0/24"`},
		"connection":         {"azurerm_virtual_network_gateway_connection", `"resource_group_name":"rg","name":"c","type":"IPsec","local_network_gateway_id":"` + sub + net + `localNetworkGateways/l"`, net + "connections/c", "/properties/localNetworkGateway2/id", `"` + sub + net + `localNetworkGateways/l"`},
		"link_service":       {"azurerm_private_link_service", `"resource_group_name":"rg","name":"s","auto_approval_subscription_ids":["*"]`, net + "privateLinkServices/s", "/properties/autoApproval/subscriptions", `["*"]`},
		"environment":        {"azurerm_app_service_environment_v3", `"resource_group_name":"rg","name":"ase","internal_load_balancing_mode":"Web, Publishing"`, "/resourceGroups/rg/providers/Microsoft.Web/hostingEnvironments/ase", "/properties/internalLoadBalancingMode", `"Web, Publishing"`},
		"node_pool_own":      {"azurerm_kubernetes_cluster", `"resource_group_name":"rg","name":"aks","default_node_pool":[{"name":"system","node_public_ip_enabled":true}]`, "/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/aks", "/properties/agentPoolProfiles/0/enableNodePublicIP", "true"},
		"node_pool":          {"azurerm_kubernetes_cluster_node_pool", `"name":"user","kubernetes_cluster_id":"` + sub + `/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/old"`, "/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/old", "/properties/agentPoolProfiles/0/enableNodePublicIP", "false"},
		"api_policy":         {"azurerm_api_management_api_policy", `"resource_group_name":"rg","api_management_name":"apim","api_name":"shop","xml_content":"<policies/>"`, "/resourceGroups/rg/providers/Microsoft.ApiManagement/service/apim/apis/shop/policies/policy", "/properties/value", `"\u003cpolicies/\u003e"`},
		"operation_policy":   {"azurerm_api_management_api_operation_policy", `"resource_group_name":"rg","api_management_name":"apim","api_name":"shop","operation_id":"get","xml_content":"<policies/>"`, "/resourceGroups/rg/providers/Microsoft.ApiManagement/service/apim/apis/shop/operations/get/policies/policy", "/properties/format", `"xml"`},
		"custom_domain":      {"azurerm_cdn_frontdoor_custom_domain", `"name":"shop","host_name":"shop.example.com","cdn_frontdoor_profile_id":"` + sub + `/resourceGroups/rg/providers/Microsoft.Cdn/profiles/fd"`, "/resourceGroups/rg/providers/Microsoft.Cdn/profiles/fd/customDomains/shop", "/properties/hostName", `"shop.example.com"`},
		"domain_association": {"azurerm_cdn_frontdoor_custom_domain_association", `"cdn_frontdoor_custom_domain_id":"` + sub + `/resourceGroups/rg/providers/Microsoft.Cdn/profiles/fd/customDomains/shop","cdn_frontdoor_route_ids":["` + sub + `/resourceGroups/rg/providers/Microsoft.Cdn/profiles/fd/afdEndpoints/e/routes/r"]`, "/resourceGroups/rg/providers/Microsoft.Cdn/profiles/fd/afdEndpoints/e/routes/r", "/properties/customDomains/0/id", `"` + sub + `/resourceGroups/rg/providers/Microsoft.Cdn/profiles/fd/customDomains/shop"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before := tenant(t, "id: "+sub+"/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/old\nproperties: {}\n---\nid: "+sub+"/resourceGroups/rg/providers/Microsoft.Cdn/profiles/fd/afdEndpoints/e/routes/r\nproperties: {}")
			p, err := terraform.Read(strings.NewReader(`{"format_version":"1.2","terraform_version":"1.9.5","resource_changes":[{"address":"a.b","mode":"managed","type":"`+c.kind+`","name":"b","change":{"actions":["create"],"after":{`+c.after+`}}}]}`), "plan.json")
			if err != nil {
				t.Fatal(err)
			}
			after, gaps, err := p.Over(before)
			if err != nil || len(gaps) > 0 {
				t.Fatal(err, gaps)
			}
			r, ok := after.Resource(azward.ResourceID(sub + c.id))
			if !ok {
				t.Fatalf("%s is not there", c.id)
			}
			if got, _ := r.At(c.pointer); string(got) != c.want {
				t.Errorf("%s is %s, want %s", c.pointer, got, c.want)
			}
		})
	}
}
