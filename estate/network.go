package estate

import "github.com/azward/azward"

// Typed views of Microsoft.Network: what exposure asks for, in ARM's words.
// Names and shapes: https://learn.microsoft.com/azure/templates/microsoft.network/allversions

// ResourceRef is ARM's reference to another resource.
type ResourceRef struct {
	ID azward.ResourceID `json:"id"`
}

// NetworkSecurityGroup is Microsoft.Network/networkSecurityGroups.
type NetworkSecurityGroup struct {
	Properties struct {
		SecurityRules        []SecurityRule  `json:"securityRules"`
		DefaultSecurityRules *[]SecurityRule `json:"defaultSecurityRules"`
	} `json:"properties"`
}

// SecurityRule is one rule of a network security group. The singular and the
// plural of a field add up.
type SecurityRule struct {
	Name       string `json:"name"`
	Properties struct {
		Priority                             int           `json:"priority"`
		Direction                            string        `json:"direction"`
		Access                               string        `json:"access"`
		Protocol                             string        `json:"protocol"`
		SourceAddressPrefix                  string        `json:"sourceAddressPrefix"`
		SourceAddressPrefixes                []string      `json:"sourceAddressPrefixes"`
		SourceApplicationSecurityGroups      []ResourceRef `json:"sourceApplicationSecurityGroups"`
		SourcePortRange                      string        `json:"sourcePortRange"`
		SourcePortRanges                     []string      `json:"sourcePortRanges"`
		DestinationAddressPrefix             string        `json:"destinationAddressPrefix"`
		DestinationAddressPrefixes           []string      `json:"destinationAddressPrefixes"`
		DestinationApplicationSecurityGroups []ResourceRef `json:"destinationApplicationSecurityGroups"`
		DestinationPortRange                 string        `json:"destinationPortRange"`
		DestinationPortRanges                []string      `json:"destinationPortRanges"`
	} `json:"properties"`
}

// NetworkInterface is Microsoft.Network/networkInterfaces, also those of a
// scale set's instances.
type NetworkInterface struct {
	Properties struct {
		NetworkSecurityGroup *ResourceRef      `json:"networkSecurityGroup"`
		IPConfigurations     []IPConfiguration `json:"ipConfigurations"`
		EnableIPForwarding   *bool             `json:"enableIPForwarding"`
	} `json:"properties"`
}

// IPConfiguration is one address of a network interface.
type IPConfiguration struct {
	ID         azward.ResourceID `json:"id"`
	Name       string            `json:"name"`
	Properties struct {
		PrivateIPAddress                      string        `json:"privateIPAddress"`
		Subnet                                *ResourceRef  `json:"subnet"`
		PublicIPAddress                       *ResourceRef  `json:"publicIPAddress"`
		LoadBalancerBackendAddressPools       []ResourceRef `json:"loadBalancerBackendAddressPools"`
		ApplicationGatewayBackendAddressPools []ResourceRef `json:"applicationGatewayBackendAddressPools"`
		LoadBalancerInboundNATPools           []ResourceRef `json:"loadBalancerInboundNatPools"` // of scale sets
		LoadBalancerInboundNATRules           []ResourceRef `json:"loadBalancerInboundNatRules"`
		GatewayLoadBalancer                   *ResourceRef  `json:"gatewayLoadBalancer"`
		ApplicationSecurityGroups             []ResourceRef `json:"applicationSecurityGroups"`
		// PublicIPAddressConfiguration is set in a scale set's profile.
		PublicIPAddressConfiguration *struct {
			Name string `json:"name"`
			SKU  *struct {
				Name string `json:"name"`
			} `json:"sku"`
		} `json:"publicIPAddressConfiguration"`
	} `json:"properties"`
}

// VirtualNetwork is Microsoft.Network/virtualNetworks with what it embeds.
type VirtualNetwork struct {
	Properties struct {
		AddressSpace struct {
			AddressPrefixes []string `json:"addressPrefixes"`
		} `json:"addressSpace"`
		Subnets                []Subnet                `json:"subnets"`
		VirtualNetworkPeerings []VirtualNetworkPeering `json:"virtualNetworkPeerings"`
	} `json:"properties"`
}

// Subnet of a virtual network.
type Subnet struct {
	ID         azward.ResourceID `json:"id"`
	Name       string            `json:"name"`
	Properties struct {
		AddressPrefix        string       `json:"addressPrefix"`
		AddressPrefixes      []string     `json:"addressPrefixes"`
		NetworkSecurityGroup *ResourceRef `json:"networkSecurityGroup"`
		RouteTable           *ResourceRef `json:"routeTable"`
		Delegations          []struct {
			Properties struct {
				ServiceName string `json:"serviceName"`
			} `json:"properties"`
		} `json:"delegations"`
		ServiceEndpoints []struct {
			Service string `json:"service"`
		} `json:"serviceEndpoints"`
		NATGateway *ResourceRef `json:"natGateway"`
		// DefaultOutboundAccess false makes a private subnet.
		DefaultOutboundAccess *bool `json:"defaultOutboundAccess"`
		// PrivateEndpointNetworkPolicies says which filters and routes hold for
		// private endpoints: "Disabled", "Enabled",
		// "NetworkSecurityGroupEnabled", "RouteTableEnabled".
		PrivateEndpointNetworkPolicies string `json:"privateEndpointNetworkPolicies"`
	} `json:"properties"`
}

// VirtualNetworkPeering is one side of a peering.
type VirtualNetworkPeering struct {
	Name       string `json:"name"`
	Properties struct {
		PeeringState                     string      `json:"peeringState"`
		PeeringSyncLevel                 string      `json:"peeringSyncLevel"`
		PeerCompleteVNets                *bool       `json:"peerCompleteVnets"`
		AllowVirtualNetworkAccess        *bool       `json:"allowVirtualNetworkAccess"`
		AllowForwardedTraffic            *bool       `json:"allowForwardedTraffic"`
		UseRemoteGateways                bool        `json:"useRemoteGateways"`
		RemoteVirtualNetwork             ResourceRef `json:"remoteVirtualNetwork"`
		RemoteVirtualNetworkAddressSpace struct {
			AddressPrefixes []string `json:"addressPrefixes"`
		} `json:"remoteVirtualNetworkAddressSpace"`
		RemoteAddressSpace struct {
			AddressPrefixes []string `json:"addressPrefixes"`
		} `json:"remoteAddressSpace"`
	} `json:"properties"`
}

// RouteTable is Microsoft.Network/routeTables.
type RouteTable struct {
	Properties struct {
		DisableBGPRoutePropagation *bool   `json:"disableBgpRoutePropagation"`
		Routes                     []Route `json:"routes"`
	} `json:"properties"`
}

// Route is one route of a route table. AddressPrefix may be a service tag.
type Route struct {
	Name       string `json:"name"`
	Properties struct {
		AddressPrefix    string `json:"addressPrefix"`
		NextHopType      string `json:"nextHopType"`
		NextHopIPAddress string `json:"nextHopIpAddress"`
	} `json:"properties"`
}

// PublicIPAddress is Microsoft.Network/publicIPAddresses.
type PublicIPAddress struct {
	SKU struct {
		Name string `json:"name"`
	} `json:"sku"`
	Properties struct {
		IPAddress       string       `json:"ipAddress"`
		IPConfiguration *ResourceRef `json:"ipConfiguration"`
	} `json:"properties"`
}

// LoadBalancer is Microsoft.Network/loadBalancers.
type LoadBalancer struct {
	SKU struct {
		Name string `json:"name"`
		Tier string `json:"tier"`
	} `json:"sku"`
	Properties struct {
		FrontendIPConfigurations []BalancerFrontend `json:"frontendIPConfigurations"`
		BackendAddressPools      []struct {
			ID         azward.ResourceID `json:"id"`
			Properties struct {
				VirtualNetwork               *ResourceRef  `json:"virtualNetwork"` // that addresses of the pool lie in
				BackendIPConfigurations      []ResourceRef `json:"backendIPConfigurations"`
				LoadBalancerBackendAddresses []struct {
					Properties struct {
						IPAddress      string       `json:"ipAddress"`
						VirtualNetwork *ResourceRef `json:"virtualNetwork"`
						Subnet         *ResourceRef `json:"subnet"`
						// FrontendIPConfiguration is a regional load balancer's, in
						// the pool of a global one.
						FrontendIPConfiguration *ResourceRef `json:"loadBalancerFrontendIPConfiguration"`
					} `json:"properties"`
				} `json:"loadBalancerBackendAddresses"`
			} `json:"properties"`
		} `json:"backendAddressPools"`
		LoadBalancingRules []LoadBalancingRule `json:"loadBalancingRules"`
		InboundNATRules    []LoadBalancingRule `json:"inboundNatRules"`
		InboundNATPools    []LoadBalancingRule `json:"inboundNatPools"`
	} `json:"properties"`
}

// BalancerFrontend is a frontend of a load balancer: public with a public
// address or prefix, private with a subnet.
type BalancerFrontend struct {
	ID         azward.ResourceID `json:"id"`
	Name       string            `json:"name"`
	Properties struct {
		PublicIPAddress  *ResourceRef `json:"publicIPAddress"`
		PublicIPPrefix   *ResourceRef `json:"publicIPPrefix"`
		PrivateIPAddress string       `json:"privateIPAddress"`
		Subnet           *ResourceRef `json:"subnet"`
		// GatewayLoadBalancer is the frontend of a gateway load balancer, whose
		// appliances see every packet first.
		GatewayLoadBalancer *ResourceRef `json:"gatewayLoadBalancer"`
	} `json:"properties"`
}

// LoadBalancingRule is a load-balancing rule, an inbound NAT rule, or a pool of
// such rules.
type LoadBalancingRule struct {
	ID         azward.ResourceID `json:"id"`
	Name       string            `json:"name"`
	Properties struct {
		Protocol                string        `json:"protocol"`
		FrontendPort            int           `json:"frontendPort"`
		FrontendPortRangeStart  int           `json:"frontendPortRangeStart"`
		FrontendPortRangeEnd    int           `json:"frontendPortRangeEnd"`
		BackendPort             int           `json:"backendPort"`
		EnableFloatingIP        bool          `json:"enableFloatingIP"`
		FrontendIPConfiguration *ResourceRef  `json:"frontendIPConfiguration"`
		BackendAddressPool      *ResourceRef  `json:"backendAddressPool"`
		BackendAddressPools     []ResourceRef `json:"backendAddressPools"`
		BackendIPConfiguration  *ResourceRef  `json:"backendIPConfiguration"`
	} `json:"properties"`
}

// Machine is what exposure asks of Microsoft.Compute/virtualMachines and
// virtualMachineScaleSets: their network interfaces.
type Machine struct {
	Properties struct {
		OrchestrationMode string `json:"orchestrationMode"`
		NetworkProfile    *struct {
			NetworkInterfaces []ResourceRef `json:"networkInterfaces"`
		} `json:"networkProfile"`
		VirtualMachineProfile *struct {
			NetworkProfile struct {
				NetworkInterfaceConfigurations []struct {
					Name       string `json:"name"`
					Properties struct {
						NetworkSecurityGroup *ResourceRef      `json:"networkSecurityGroup"`
						IPConfigurations     []IPConfiguration `json:"ipConfigurations"`
					} `json:"properties"`
				} `json:"networkInterfaceConfigurations"`
			} `json:"networkProfile"`
		} `json:"virtualMachineProfile"`
	} `json:"properties"`
}
