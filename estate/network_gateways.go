package estate

import "github.com/azward/azward"

// Typed views of what joins networks to others: gateways, hubs and what
// Virtual Network Manager puts on them.

// VirtualNetworkGateway is Microsoft.Network/virtualNetworkGateways.
type VirtualNetworkGateway struct {
	Properties struct {
		GatewayType            string `json:"gatewayType"` // "Vpn", "ExpressRoute", "LocalGateway"
		EnableBGP              *bool  `json:"enableBgp"`
		VPNClientConfiguration *struct {
			VPNClientAddressPool struct {
				AddressPrefixes []string `json:"addressPrefixes"`
			} `json:"vpnClientAddressPool"`
		} `json:"vpnClientConfiguration"`
	} `json:"properties"`
}

// GatewayConnection is Microsoft.Network/connections.
type GatewayConnection struct {
	Properties struct {
		ConnectionType       string       `json:"connectionType"` // "IPsec", "Vnet2Vnet", "ExpressRoute"
		EnableBGP            *bool        `json:"enableBgp"`
		LocalNetworkGateway2 *ResourceRef `json:"localNetworkGateway2"`
	} `json:"properties"`
}

// LocalNetworkGateway is Microsoft.Network/localNetworkGateways: the other end
// of a site-to-site connection.
type LocalNetworkGateway struct {
	Properties struct {
		LocalNetworkAddressSpace struct {
			AddressPrefixes []string `json:"addressPrefixes"`
		} `json:"localNetworkAddressSpace"`
	} `json:"properties"`
}

// HubConnection is Microsoft.Network/virtualHubs/hubVirtualNetworkConnections.
type HubConnection struct {
	Properties struct {
		RemoteVirtualNetwork   ResourceRef `json:"remoteVirtualNetwork"`
		EnableInternetSecurity *bool       `json:"enableInternetSecurity"`
		RoutingConfiguration   *struct {
			PropagatedRouteTables struct {
				IDs    []ResourceRef `json:"ids"`
				Labels []string      `json:"labels"`
			} `json:"propagatedRouteTables"`
		} `json:"routingConfiguration"`
	} `json:"properties"`
}

// RoutingIntent is Microsoft.Network/virtualHubs/routingIntent.
type RoutingIntent struct {
	Properties struct {
		RoutingPolicies []struct {
			Name         string            `json:"name"`
			Destinations []string          `json:"destinations"` // "Internet", "PrivateTraffic"
			NextHop      azward.ResourceID `json:"nextHop"`
		} `json:"routingPolicies"`
	} `json:"properties"`
}

// EffectiveAdminRules is Microsoft.Network/effectiveSecurityAdminRules of a
// virtual network: the configurations that are deployed to it, each as a
// snapshot. Resource Graph has written the same words in both cases.
//
// Source: https://learn.microsoft.com/azure/virtual-network-manager/query-azure-resource-graph
type EffectiveAdminRules struct {
	Properties struct {
		Configurations *[]ResourceRef `json:"effectiveSecurityAdminConfigurations"`
	} `json:"properties"`
}

// AdminRule is a rule of a security admin configuration of Virtual Network
// Manager, or a snapshot of one.
//
// Source: https://learn.microsoft.com/rest/api/networkmanager/admin-rules
type AdminRule struct {
	Properties struct {
		Access                string         `json:"access"` // "Allow", "AlwaysAllow", "Deny"
		Direction             string         `json:"direction"`
		Priority              int            `json:"priority"`
		Protocol              string         `json:"protocol"`
		Sources               []AdminAddress `json:"sources"`
		Destinations          []AdminAddress `json:"destinations"`
		SourcePortRanges      []string       `json:"sourcePortRanges"`
		DestinationPortRanges []string       `json:"destinationPortRanges"`
	} `json:"properties"`
}

// AdminAddress is one side of an [AdminRule].
type AdminAddress struct {
	AddressPrefix     string `json:"addressPrefix"`
	AddressPrefixType string `json:"addressPrefixType"` // "IPPrefix", "ServiceTag", "NetworkGroup"
}
