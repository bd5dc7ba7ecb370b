package estate

import "github.com/azward/azward"

// Typed views of Private Link and of how networks get out.

// PrivateEndpoint is Microsoft.Network/privateEndpoints: an interface in a
// subnet that leads to a service, or to a private link service.
//
// Source: https://learn.microsoft.com/azure/templates/microsoft.network/privateendpoints
type PrivateEndpoint struct {
	Properties struct {
		Subnet            *ResourceRef            `json:"subnet"`
		NetworkInterfaces []ResourceRef           `json:"networkInterfaces"`
		Connections       []PrivateLinkConnection `json:"privateLinkServiceConnections"`
		ManualConnections []PrivateLinkConnection `json:"manualPrivateLinkServiceConnections"`
		CustomDNSConfigs  []struct {
			IPAddresses []string `json:"ipAddresses"`
		} `json:"customDnsConfigs"`
	} `json:"properties"`
}

// PrivateLinkConnection is what a private endpoint asks a service for.
type PrivateLinkConnection struct {
	Properties struct {
		PrivateLinkServiceID azward.ResourceID `json:"privateLinkServiceId"`
		State                LinkState         `json:"privateLinkServiceConnectionState"`
	} `json:"properties"`
}

// LinkState says whether the service's owner has let a consumer in.
type LinkState struct {
	Status string `json:"status"` // "Approved", "Pending", "Rejected", "Disconnected"
}

// PrivateLinkService is Microsoft.Network/privateLinkServices: it lets
// consumers of other networks, and other tenants, to frontends of a load
// balancer.
//
// Source: https://learn.microsoft.com/azure/templates/microsoft.network/privatelinkservices
type PrivateLinkService struct {
	Properties struct {
		Frontends        []ResourceRef     `json:"loadBalancerFrontendIpConfigurations"`
		IPConfigurations []IPConfiguration `json:"ipConfigurations"`
		AutoApproval     *struct {
			Subscriptions []string `json:"subscriptions"`
		} `json:"autoApproval"`
		Connections *[]struct {
			Name       string `json:"name"`
			Properties struct {
				PrivateEndpoint *ResourceRef `json:"privateEndpoint"`
				State           LinkState    `json:"privateLinkServiceConnectionState"`
			} `json:"properties"`
		} `json:"privateEndpointConnections"`
	} `json:"properties"`
}

// NATGateway is Microsoft.Network/natGateways.
type NATGateway struct {
	Properties struct {
		PublicIPAddresses []ResourceRef `json:"publicIpAddresses"`
		PublicIPPrefixes  []ResourceRef `json:"publicIpPrefixes"`
	} `json:"properties"`
}

// VirtualHub is Microsoft.Network/virtualHubs: a hub of Virtual WAN.
type VirtualHub struct {
	Properties struct {
		AddressPrefix string `json:"addressPrefix"`
	} `json:"properties"`
}
