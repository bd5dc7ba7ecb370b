package estate

// ManagedCluster is a Microsoft.ContainerService/managedClusters.
// Source: https://learn.microsoft.com/azure/templates/microsoft.containerservice/managedclusters
type ManagedCluster struct {
	Properties struct {
		NodeResourceGroup string `json:"nodeResourceGroup"`
		NetworkProfile    struct {
			NetworkPlugin     string `json:"networkPlugin"`
			NetworkPluginMode string `json:"networkPluginMode"`
			NetworkPolicy     string `json:"networkPolicy"`
			NetworkDataplane  string `json:"networkDataplane"`
			LoadBalancerSKU   string `json:"loadBalancerSku"`
		} `json:"networkProfile"`
		ServiceMeshProfile *struct {
			Mode string `json:"mode"`
		} `json:"serviceMeshProfile"`
		AddonProfiles map[string]struct {
			Enabled bool `json:"enabled"`
		} `json:"addonProfiles"`
		AgentPoolProfiles []AgentPool `json:"agentPoolProfiles"`
		// NodeProvisioningProfile in mode Auto makes nodes outside the pools.
		NodeProvisioningProfile *struct {
			Mode string `json:"mode"`
		} `json:"nodeProvisioningProfile"`
		APIServerAccessProfile *APIServerAccess `json:"apiServerAccessProfile"`
		PublicNetworkAccess    *string          `json:"publicNetworkAccess"`
	} `json:"properties"`
}

// AgentPool is one node pool.
type AgentPool struct {
	Name               string `json:"name"`
	Type               string `json:"type"` // VirtualMachineScaleSets, AvailabilitySet, VirtualMachines
	EnableNodePublicIP *bool  `json:"enableNodePublicIP"`
	VnetSubnetID       string `json:"vnetSubnetID"`
	PodSubnetID        string `json:"podSubnetID"`
}

// APIServerAccess says who reaches a cluster's API server.
type APIServerAccess struct {
	EnablePrivateCluster *bool     `json:"enablePrivateCluster"`
	AuthorizedIPRanges   *[]string `json:"authorizedIPRanges"`
}

// ServiceLoadBalancer is what a cluster's own load balancer tells of a Service: its
// frontends and rules.
// Source: https://learn.microsoft.com/azure/templates/microsoft.network/loadbalancers
type ServiceLoadBalancer struct {
	SKU struct {
		Name string `json:"name"`
	} `json:"sku"`
	Properties struct {
		FrontendIPConfigurations []struct {
			ID         string `json:"id"`
			Name       string `json:"name"`
			Properties struct {
				PrivateIPAddress string `json:"privateIPAddress"`
				PublicIPAddress  *struct {
					ID string `json:"id"`
				} `json:"publicIPAddress"`
				PublicIPPrefix *struct {
					ID string `json:"id"`
				} `json:"publicIPPrefix"`
				Subnet *struct {
					ID string `json:"id"`
				} `json:"subnet"`
			} `json:"properties"`
		} `json:"frontendIPConfigurations"`
		LoadBalancingRules []struct {
			Name       string `json:"name"`
			Properties struct {
				FrontendIPConfiguration struct {
					ID string `json:"id"`
				} `json:"frontendIPConfiguration"`
				Protocol         string `json:"protocol"`
				FrontendPort     int    `json:"frontendPort"`
				BackendPort      int    `json:"backendPort"`
				EnableFloatingIP bool   `json:"enableFloatingIP"`
			} `json:"properties"`
		} `json:"loadBalancingRules"`
		BackendAddressPools []struct {
			Properties struct {
				BackendIPConfigurations []struct {
					ID string `json:"id"`
				} `json:"backendIPConfigurations"`
			} `json:"properties"`
		} `json:"backendAddressPools"`
	} `json:"properties"`
}

// ServicePublicIP is the part of a public IP address that a Service is
// matched by.
type ServicePublicIP struct {
	Properties struct {
		IPAddress string `json:"ipAddress"`
	} `json:"properties"`
}
