package collect

// service is one resource type that azward lists in every subscription.
type service struct {
	resourceType string
	apiVersion   string
	// path below /subscriptions/{id}; "" means /providers/{resourceType}.
	path string
	// then reads what the list leaves out of each object.
	then func(*run, object) error
}

// services are all types that azward reads from Resource Manager itself, with
// the API version whose shape the typed views know. Types that no engine looks
// into stand here too when their absence proves something: a firewall, a
// gateway or a front door that is not there is a way in that is not there.
//
// Versions: https://learn.microsoft.com/azure/templates/ (each type's page).
var services = []service{
	{resourceType: "Microsoft.Resources/subscriptions/resourceGroups", apiVersion: "2021-04-01", path: "/resourcegroups"},

	{resourceType: "Microsoft.Network/virtualNetworks", apiVersion: "2024-05-01"},
	{resourceType: "Microsoft.Network/networkSecurityGroups", apiVersion: "2024-05-01"},
	{resourceType: "Microsoft.Network/applicationSecurityGroups", apiVersion: "2024-05-01"},
	{resourceType: "Microsoft.Network/routeTables", apiVersion: "2024-05-01"},
	{resourceType: "Microsoft.Network/networkInterfaces", apiVersion: "2024-05-01"},
	{resourceType: "Microsoft.Network/publicIPAddresses", apiVersion: "2024-05-01"},
	{resourceType: "Microsoft.Network/publicIPPrefixes", apiVersion: "2024-05-01"},
	{resourceType: "Microsoft.Network/loadBalancers", apiVersion: "2024-05-01"},
	{resourceType: "Microsoft.Network/applicationGateways", apiVersion: "2024-05-01"},
	{resourceType: "Microsoft.Network/natGateways", apiVersion: "2024-05-01"},
	{resourceType: "Microsoft.Network/privateEndpoints", apiVersion: "2024-05-01"},
	{resourceType: "Microsoft.Network/privateLinkServices", apiVersion: "2024-05-01"},
	{resourceType: "Microsoft.Network/azureFirewalls", apiVersion: "2024-05-01"},
	{resourceType: "Microsoft.Network/firewallPolicies", apiVersion: "2024-05-01"},
	{resourceType: "Microsoft.Network/bastionHosts", apiVersion: "2024-05-01"},
	{resourceType: "Microsoft.Network/networkManagers", apiVersion: "2024-05-01"},
	{resourceType: "Microsoft.Network/virtualHubs", apiVersion: "2024-05-01"},
	{resourceType: "Microsoft.Network/virtualNetworkGateways", apiVersion: "2024-05-01"},
	{resourceType: "Microsoft.Network/frontDoors", apiVersion: "2021-06-01"},
	{resourceType: "Microsoft.Cdn/profiles", apiVersion: "2024-02-01"},
	{resourceType: "Microsoft.ServiceNetworking/trafficControllers", apiVersion: "2023-11-01"},
	{resourceType: "Microsoft.ApiManagement/service", apiVersion: "2023-05-01-preview"},

	{resourceType: "Microsoft.Compute/virtualMachines", apiVersion: "2024-07-01", then: powerState},
	{resourceType: "Microsoft.Compute/virtualMachineScaleSets", apiVersion: "2024-07-01", then: instances},

	{resourceType: "Microsoft.ContainerService/managedClusters", apiVersion: "2025-05-01", then: clusterObjects},
	{resourceType: "Microsoft.App/managedEnvironments", apiVersion: "2024-03-01"},
	{resourceType: "Microsoft.App/containerApps", apiVersion: "2024-03-01"},
	{resourceType: "Microsoft.App/jobs", apiVersion: "2024-03-01"},
	{resourceType: "Microsoft.ContainerInstance/containerGroups", apiVersion: "2023-05-01", then: containerGroup},
	{resourceType: "Microsoft.Web/serverfarms", apiVersion: "2023-12-01"},
	{resourceType: "Microsoft.Web/hostingEnvironments", apiVersion: "2023-12-01"},
	{resourceType: "Microsoft.Web/sites", apiVersion: "2023-12-01", then: siteConfiguration},

	{resourceType: "Microsoft.ContainerRegistry/registries", apiVersion: "2023-07-01"},
	{resourceType: "Microsoft.Storage/storageAccounts", apiVersion: "2023-05-01"},
	{resourceType: "Microsoft.Sql/servers", apiVersion: "2023-08-01", then: firewallRules},
	{resourceType: "Microsoft.KeyVault/vaults", apiVersion: "2023-07-01"},
	{resourceType: "Microsoft.ManagedIdentity/userAssignedIdentities", apiVersion: "2023-01-31"},
	{resourceType: "Microsoft.Authorization/roleAssignments", apiVersion: "2022-04-01"},
	{resourceType: "Microsoft.Authorization/roleDefinitions", apiVersion: "2022-04-01"},
}

const (
	subscriptionsVersion = "2022-12-01"
	permissionsVersion   = "2022-04-01"
)
