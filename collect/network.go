package collect

import (
	"slices"
)

const (
	networkVersion   = "2024-05-01"
	perimeterVersion = "2024-07-01" // the first that is no preview
)

// Subnets, peerings, rules and routes stand in their parents' bodies.
//
// Source: https://learn.microsoft.com/rest/api/virtualnetwork/
var network = service{name: "network", kinds: slices.Concat(
	decisiveNetwork(
		"networkInterfaces", "applicationSecurityGroups", "virtualNetworks", "routeTables",
		"publicIPAddresses", "loadBalancers", "natGateways", "privateEndpoints", "privateLinkServices", "ipGroups", "networkManagers",
	),
	[]kind{
		{resourceType: "Microsoft.Network/networkSecurityGroups", version: networkVersion, decisive: true, children: []child{diagnostics}},
		{
			resourceType: "Microsoft.Network/firewallPolicies", version: networkVersion, decisive: true,
			children: []child{{resourceType: "Microsoft.Network/firewallPolicies/ruleCollectionGroups", path: "ruleCollectionGroups"}},
		},
		// Within a perimeter its access rules hold beside a service's own firewall,
		// or in place of it.
		// Source: https://learn.microsoft.com/rest/api/networkmanager/network-security-perimeters
		{
			resourceType: "Microsoft.Network/networkSecurityPerimeters", version: perimeterVersion, decisive: true,
			children: []child{
				{resourceType: "Microsoft.Network/networkSecurityPerimeters/resourceAssociations", path: "resourceAssociations"},
				{
					resourceType: "Microsoft.Network/networkSecurityPerimeters/profiles", path: "profiles",
					children: []child{{resourceType: "Microsoft.Network/networkSecurityPerimeters/profiles/accessRules", path: "accessRules"}},
				},
			},
		},
		{resourceType: "Microsoft.Network/azureFirewalls", version: networkVersion, decisive: true, children: []child{diagnostics}},
		{resourceType: "Microsoft.Network/applicationGateways", version: networkVersion, decisive: true, children: []child{diagnostics}},
		{
			resourceType: "Microsoft.Network/virtualHubs", version: networkVersion, decisive: true,
			children: []child{
				{resourceType: "Microsoft.Network/virtualHubs/hubVirtualNetworkConnections", path: "hubVirtualNetworkConnections"},
				{resourceType: "Microsoft.Network/virtualHubs/hubRouteTables", path: "hubRouteTables"},
				{resourceType: "Microsoft.Network/virtualHubs/routingIntent", path: "routingIntent"},
			},
		},
		// Who may come to which machine, until when; the rules that open a port
		// stand in the security groups. Not in Resource Graph's tables.
		// Source: https://learn.microsoft.com/rest/api/defenderforcloud/jit-network-access-policies/list
		{
			resourceType: "Microsoft.Security/locations/jitNetworkAccessPolicies", version: "2020-01-01",
			path: "/providers/Microsoft.Security/jitNetworkAccessPolicies", table: noTable,
		},
		{resourceType: "Microsoft.Network/publicIPPrefixes", version: networkVersion},
		{resourceType: "Microsoft.Network/bastionHosts", version: networkVersion, whole: true, children: []child{diagnostics}},
		{resourceType: "Microsoft.Network/ddosProtectionPlans", version: networkVersion},
		// One watcher a region, and in it the logs of flows through networks
		// and security groups of that region.
		// Source: https://learn.microsoft.com/rest/api/network-watcher/flow-logs/list
		{
			resourceType: "Microsoft.Network/networkWatchers", version: networkVersion, whole: true,
			children: parts("Microsoft.Network/networkWatchers", "flowLogs"),
		},
		{resourceType: "Microsoft.Network/virtualWans", version: networkVersion},
		{resourceType: "Microsoft.Network/networkVirtualAppliances", version: networkVersion},
		// Resource Manager lists gateways by resource group alone.
		{resourceType: "Microsoft.Network/virtualNetworkGateways", table: tableResources, children: []child{diagnostics}},
		{resourceType: "Microsoft.Network/localNetworkGateways", table: tableResources},
		{resourceType: "Microsoft.Network/connections", table: tableResources},
		// What Virtual Network Manager puts on networks that it manages is told
		// by Resource Graph with Reader; Resource Manager asks for an action.
		// Source: https://learn.microsoft.com/azure/virtual-network-manager/how-to-view-applied-configurations
		{resourceType: "Microsoft.Network/effectiveSecurityAdminRules", table: tableNetwork, action: "Microsoft.Network/virtualNetworks/read"},
		{resourceType: "Microsoft.Network/effectiveConnectivityConfigurations", table: tableNetwork, action: "Microsoft.Network/virtualNetworks/read"},
		{resourceType: "Microsoft.Network/networkGroupMemberships", table: tableNetwork},
	},
)}

func decisiveNetwork(types ...string) []kind {
	kinds := make([]kind, len(types))
	for i, t := range types {
		kinds[i] = kind{resourceType: "Microsoft.Network/" + t, version: networkVersion, decisive: true}
	}
	return kinds
}
