package estate

import "github.com/azward/azward"

// TrafficManagerProfile is Microsoft.Network/trafficManagerProfiles.
//
// Source: https://learn.microsoft.com/azure/templates/microsoft.network/trafficmanagerprofiles
type TrafficManagerProfile struct {
	Properties struct {
		DNSConfig struct {
			FQDN string `json:"fqdn"`
		} `json:"dnsConfig"`
		Endpoints []struct {
			Name       string `json:"name"`
			Properties struct {
				Target           string            `json:"target"`
				TargetResourceID azward.ResourceID `json:"targetResourceId"`
			} `json:"properties"`
		} `json:"endpoints"`
	} `json:"properties"`
}

// FrontDoorProfile is Microsoft.Cdn/profiles: Azure Front Door standard or
// premium, or a classic content delivery network.
//
// Source: https://learn.microsoft.com/azure/templates/microsoft.cdn/profiles
type FrontDoorProfile struct {
	SKU struct {
		Name string `json:"name"`
	} `json:"sku"`
	Properties struct {
		FrontDoorID string `json:"frontDoorId"`
	} `json:"properties"`
}

// FrontDoorEndpoint is Microsoft.Cdn/profiles/afdEndpoints.
type FrontDoorEndpoint struct {
	Properties struct {
		HostName     string `json:"hostName"`
		EnabledState string `json:"enabledState"`
	} `json:"properties"`
}

// FrontDoorRoute is Microsoft.Cdn/profiles/afdEndpoints/routes.
type FrontDoorRoute struct {
	Properties struct {
		EnabledState        string        `json:"enabledState"`
		OriginGroup         *ResourceRef  `json:"originGroup"`
		PatternsToMatch     []string      `json:"patternsToMatch"`
		CustomDomains       []ResourceRef `json:"customDomains"`
		RuleSets            []ResourceRef `json:"ruleSets"`
		SupportedProtocols  []string      `json:"supportedProtocols"`
		ForwardingProtocol  string        `json:"forwardingProtocol"`  // "HttpOnly", "HttpsOnly", "MatchRequest"
		LinkToDefaultDomain string        `json:"linkToDefaultDomain"` // "Enabled", "Disabled"
	} `json:"properties"`
}

// FrontDoorOrigin is Microsoft.Cdn/profiles/originGroups/origins.
type FrontDoorOrigin struct {
	Properties struct {
		HostName                  string       `json:"hostName"`
		HTTPPort                  int          `json:"httpPort"`
		HTTPSPort                 int          `json:"httpsPort"`
		EnabledState              string       `json:"enabledState"`
		AzureOrigin               *ResourceRef `json:"azureOrigin"`
		SharedPrivateLinkResource *struct {
			PrivateLink *ResourceRef `json:"privateLink"`
			Status      string       `json:"status"` // "Pending", "Approved", "Rejected", "Disconnected", "Timeout"
		} `json:"sharedPrivateLinkResource"`
	} `json:"properties"`
}

// FrontDoorSecurityPolicy is Microsoft.Cdn/profiles/securityPolicies: which
// web application firewall policy stands before which domains.
type FrontDoorSecurityPolicy struct {
	Properties struct {
		Parameters struct {
			WAFPolicy    *ResourceRef `json:"wafPolicy"`
			Associations []struct {
				Domains []ResourceRef `json:"domains"`
			} `json:"associations"`
		} `json:"parameters"`
	} `json:"properties"`
}

// ClassicFrontDoor is Microsoft.Network/frontDoors.
//
// Source: https://learn.microsoft.com/azure/templates/microsoft.network/frontdoors
type ClassicFrontDoor struct {
	Properties struct {
		FrontDoorID       string `json:"frontdoorId"`
		EnabledState      string `json:"enabledState"`
		FrontendEndpoints []struct {
			Name       string `json:"name"`
			Properties struct {
				HostName  string       `json:"hostName"`
				WAFPolicy *ResourceRef `json:"webApplicationFirewallPolicyLink"`
			} `json:"properties"`
		} `json:"frontendEndpoints"`
		RoutingRules []struct {
			Name       string `json:"name"`
			Properties struct {
				EnabledState       string        `json:"enabledState"`
				FrontendEndpoints  []ResourceRef `json:"frontendEndpoints"`
				PatternsToMatch    []string      `json:"patternsToMatch"`
				AcceptedProtocols  []string      `json:"acceptedProtocols"`
				WAFPolicy          *ResourceRef  `json:"webApplicationFirewallPolicyLink"`
				RulesEngine        *ResourceRef  `json:"rulesEngine"`
				RouteConfiguration struct {
					BackendPool        *ResourceRef `json:"backendPool"`
					ForwardingProtocol string       `json:"forwardingProtocol"`
				} `json:"routeConfiguration"`
			} `json:"properties"`
		} `json:"routingRules"`
		BackendPools []struct {
			Name       string `json:"name"`
			Properties struct {
				Backends []struct {
					Address               string            `json:"address"`
					EnabledState          string            `json:"enabledState"`
					HTTPPort              int               `json:"httpPort"`
					HTTPSPort             int               `json:"httpsPort"`
					PrivateLinkResourceID azward.ResourceID `json:"privateLinkResourceId"`
					PrivateEndpointStatus string            `json:"privateEndpointStatus"`
				} `json:"backends"`
			} `json:"properties"`
		} `json:"backendPools"`
	} `json:"properties"`
}

// CDNEndpoint is Microsoft.Cdn/profiles/endpoints of a classic content
// delivery network.
//
// Source: https://learn.microsoft.com/azure/templates/microsoft.cdn/profiles/endpoints
type CDNEndpoint struct {
	Properties struct {
		HostName       string `json:"hostName"`
		IsHTTPAllowed  *bool  `json:"isHttpAllowed"`
		IsHTTPSAllowed *bool  `json:"isHttpsAllowed"`
		Origins        []struct {
			Name       string `json:"name"`
			Properties struct {
				HostName              string            `json:"hostName"`
				HTTPPort              int               `json:"httpPort"`
				HTTPSPort             int               `json:"httpsPort"`
				Enabled               *bool             `json:"enabled"`
				PrivateLinkResourceID azward.ResourceID `json:"privateLinkResourceId"`
				PrivateEndpointStatus string            `json:"privateEndpointStatus"`
			} `json:"properties"`
		} `json:"origins"`
	} `json:"properties"`
}

// APIManagement is Microsoft.ApiManagement/service.
//
// Source: https://learn.microsoft.com/azure/templates/microsoft.apimanagement/service
type APIManagement struct {
	SKU struct {
		Name string `json:"name"`
	} `json:"sku"`
	Properties struct {
		GatewayURL                  string   `json:"gatewayUrl"`
		PlatformVersion             string   `json:"platformVersion"`    // "stv1", "stv2", "mtv1"
		VirtualNetworkType          string   `json:"virtualNetworkType"` // "None", "External", "Internal"
		PublicNetworkAccess         *string  `json:"publicNetworkAccess"`
		PublicIPAddresses           []string `json:"publicIPAddresses"`
		PrivateIPAddresses          []string `json:"privateIPAddresses"`
		DisableGateway              bool     `json:"disableGateway"`
		VirtualNetworkConfiguration *struct {
			SubnetResourceID azward.ResourceID `json:"subnetResourceId"`
		} `json:"virtualNetworkConfiguration"`
		HostnameConfigurations []struct {
			Type     string `json:"type"` // "Proxy", "Portal", "Management", "Scm"
			HostName string `json:"hostName"`
		} `json:"hostnameConfigurations"`
		AdditionalLocations []struct {
			Location string `json:"location"`
		} `json:"additionalLocations"`
	} `json:"properties"`
}

// ManagedAPI is Microsoft.ApiManagement/service/apis.
type ManagedAPI struct {
	Properties struct {
		Path                 string `json:"path"`
		ServiceURL           string `json:"serviceUrl"`
		SubscriptionRequired *bool  `json:"subscriptionRequired"`
	} `json:"properties"`
}

// APIBackend is Microsoft.ApiManagement/service/backends.
type APIBackend struct {
	Properties struct {
		URL        string            `json:"url"`
		ResourceID azward.ResourceID `json:"resourceId"`
	} `json:"properties"`
}

// APIPolicy is a policy of an API Management service, an API or an operation.
type APIPolicy struct {
	Properties struct {
		Value string `json:"value"`
	} `json:"properties"`
}

// PrivateARecord is Microsoft.Network/privateDnsZones/A.
//
// Source: https://learn.microsoft.com/azure/templates/microsoft.network/privatednszones/a
type PrivateARecord struct {
	Properties struct {
		ARecords []struct {
			IPv4Address string `json:"ipv4Address"`
		} `json:"aRecords"`
	} `json:"properties"`
}
