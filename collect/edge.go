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
			{resourceType: "Microsoft.Cdn/profiles/endpoints", path: "endpoints", wanted: func(b json.RawMessage) bool { return !isFrontDoor(b) }},
		},
	},
	{
		resourceType: "Microsoft.ApiManagement/service", version: "2022-08-01", decisive: true,
		children: []child{
			{resourceType: "Microsoft.ApiManagement/service/apis", path: "apis"},
			{resourceType: "Microsoft.ApiManagement/service/backends", path: "backends"},
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
