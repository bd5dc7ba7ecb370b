package collect

import (
	"encoding/json"
	"strings"
)

// Services that lead the internet to something that has no public address of
// its own. That there is none of them is part of most proofs that something is
// not reachable.
//
// Sources:
// https://learn.microsoft.com/rest/api/frontdoor/
// https://learn.microsoft.com/rest/api/apimanagement/
// https://learn.microsoft.com/azure/application-gateway/for-containers/overview
var edge = service{name: "front doors", kinds: []kind{
	{
		resourceType: "Microsoft.Network/frontDoors", version: "2021-06-01", decisive: true,
	},
	{
		resourceType: "Microsoft.Cdn/profiles", version: "2024-02-01", decisive: true,
		children: []child{
			{
				resourceType: "Microsoft.Cdn/profiles/originGroups", path: "originGroups", wanted: isFrontDoor,
				children: []child{{resourceType: "Microsoft.Cdn/profiles/originGroups/origins", path: "origins"}},
			},
			{
				resourceType: "Microsoft.Cdn/profiles/afdEndpoints", path: "afdEndpoints", wanted: isFrontDoor,
				children: []child{{resourceType: "Microsoft.Cdn/profiles/afdEndpoints/routes", path: "routes"}},
			},
			{resourceType: "Microsoft.Cdn/profiles/securityPolicies", path: "securityPolicies", wanted: isFrontDoor},
			diagnostics,
			{resourceType: "Microsoft.Cdn/profiles/endpoints", path: "endpoints", wanted: func(b json.RawMessage) bool { return !isFrontDoor(b) }},
		},
	},
	{
		resourceType: "Microsoft.ApiManagement/service", version: "2022-08-01", decisive: true,
		children: []child{
			{resourceType: "Microsoft.ApiManagement/service/policies", path: "policies"},
			{
				resourceType: "Microsoft.ApiManagement/service/apis", path: "apis",
				children: []child{
					{resourceType: "Microsoft.ApiManagement/service/apis/policies", path: "policies"},
					{
						resourceType: "Microsoft.ApiManagement/service/apis/operations", path: "operations",
						children: []child{{resourceType: "Microsoft.ApiManagement/service/apis/operations/policies", path: "policies"}},
					},
				},
			},
			{resourceType: "Microsoft.ApiManagement/service/backends", path: "backends"},
			diagnostics,
		},
	},
	{resourceType: "Microsoft.Network/frontDoorWebApplicationFirewallPolicies", version: "2022-05-01", whole: true},
	{resourceType: "Microsoft.Network/applicationGatewayWebApplicationFirewallPolicies", version: networkVersion, whole: true},
	{
		resourceType: "Microsoft.Network/privateDnsZones", version: "2024-06-01",
		children: []child{
			{resourceType: "Microsoft.Network/privateDnsZones/virtualNetworkLinks", path: "virtualNetworkLinks", wanted: isLinkZone, spared: true},
			{resourceType: "Microsoft.Network/privateDnsZones/A", path: "A", wanted: isLinkZone, spared: true},
		},
	},
	{resourceType: "Microsoft.ServiceNetworking/trafficControllers", version: "2023-11-01", decisive: true},
	{
		resourceType: "Microsoft.Network/trafficManagerProfiles", version: "2022-04-01", decisive: true,
		path: "/providers/Microsoft.Network/trafficmanagerprofiles",
	},
}}

// isFrontDoor tells Front Door from the classic content delivery networks,
// which share the type.
//
// Source: https://learn.microsoft.com/rest/api/frontdoor/azurefrontdoorstandardpremium/profiles
func isFrontDoor(profile json.RawMessage) bool {
	var v struct {
		SKU struct {
			Name string `json:"name"`
		} `json:"sku"`
	}
	return json.Unmarshal(profile, &v) != nil || strings.HasSuffix(strings.ToLower(v.SKU.Name), "_azurefrontdoor")
}

// isLinkZone tells the zones that lead names of Azure's services to private
// endpoints from those of the customer's own names.
//
// Source: https://learn.microsoft.com/azure/private-link/private-endpoint-dns
func isLinkZone(zone json.RawMessage) bool {
	var v struct {
		Name string `json:"name"`
	}
	return json.Unmarshal(zone, &v) != nil || strings.HasPrefix(strings.ToLower(v.Name), "privatelink.")
}
