package estate

import (
	"encoding/json"

	"github.com/azward/azward"
)

// Typed views of Application Gateway and of the web application firewall
// policies that it may have.
//
// Source: https://learn.microsoft.com/azure/templates/microsoft.network/applicationgateways

// ApplicationGateway is Microsoft.Network/applicationGateways. Its parts name
// each other by their IDs.
type ApplicationGateway struct {
	Properties struct {
		GatewayIPConfigurations []struct {
			Properties struct {
				Subnet *ResourceRef `json:"subnet"`
			} `json:"properties"`
		} `json:"gatewayIPConfigurations"`
		FrontendIPConfigurations []GatewayFrontend `json:"frontendIPConfigurations"`
		FrontendPorts            []struct {
			Name       string `json:"name"`
			Properties struct {
				Port int `json:"port"`
			} `json:"properties"`
		} `json:"frontendPorts"`
		HTTPListeners            []GatewayListener     `json:"httpListeners"`
		Listeners                []GatewayListener     `json:"listeners"` // of the TCP and TLS proxy
		RequestRoutingRules      []GatewayRule         `json:"requestRoutingRules"`
		RoutingRules             []GatewayRule         `json:"routingRules"` // of the TCP and TLS proxy
		URLPathMaps              []GatewayPathMap      `json:"urlPathMaps"`
		BackendAddressPools      []GatewayPool         `json:"backendAddressPools"`
		BackendHTTPSettings      []GatewaySettings     `json:"backendHttpSettingsCollection"`
		BackendSettings          []GatewaySettings     `json:"backendSettingsCollection"`
		LoadDistributionPolicies []GatewayDistribution `json:"loadDistributionPolicies"`
		SSLProfiles              []struct {
			Name       string `json:"name"`
			Properties struct {
				TrustedClientCertificates []ResourceRef `json:"trustedClientCertificates"`
				ClientAuthConfiguration   *struct {
					VerifyClientAuthMode string `json:"verifyClientAuthMode"` // "Strict", "Passthrough"
				} `json:"clientAuthConfiguration"`
			} `json:"properties"`
		} `json:"sslProfiles"`
		// PrivateLinkConfigurations are the subnets that consumers of a private
		// link come from.
		PrivateLinkConfigurations []struct {
			Name       string `json:"name"`
			Properties struct {
				IPConfigurations []struct {
					Properties struct {
						Subnet *ResourceRef `json:"subnet"`
					} `json:"properties"`
				} `json:"ipConfigurations"`
			} `json:"properties"`
		} `json:"privateLinkConfigurations"`
		FirewallPolicy *ResourceRef `json:"firewallPolicy"`
		// WebApplicationFirewallConfiguration is the firewall of gateways
		// without a policy.
		WebApplicationFirewallConfiguration *struct {
			Enabled      bool   `json:"enabled"`
			FirewallMode string `json:"firewallMode"`
		} `json:"webApplicationFirewallConfiguration"`
	} `json:"properties"`
}

// GatewayDistribution spreads requests over pools.
type GatewayDistribution struct {
	Name       string `json:"name"`
	Properties struct {
		LoadDistributionTargets []struct {
			Properties struct {
				BackendAddressPool *ResourceRef `json:"backendAddressPool"`
			} `json:"properties"`
		} `json:"loadDistributionTargets"`
	} `json:"properties"`
}

// GatewayFrontend is an address of an application gateway.
type GatewayFrontend struct {
	Name       string `json:"name"`
	Properties struct {
		PublicIPAddress          *ResourceRef `json:"publicIPAddress"`
		PrivateIPAddress         string       `json:"privateIPAddress"`
		Subnet                   *ResourceRef `json:"subnet"`
		PrivateLinkConfiguration *ResourceRef `json:"privateLinkConfiguration"`
	} `json:"properties"`
}

// GatewayListener is one port of a frontend, for some host names or all.
type GatewayListener struct {
	Name       string `json:"name"`
	Properties struct {
		FrontendIPConfiguration *ResourceRef `json:"frontendIPConfiguration"`
		FrontendPort            *ResourceRef `json:"frontendPort"`
		Protocol                string       `json:"protocol"` // "Http", "Https", "Tcp", "Tls"
		HostName                string       `json:"hostName"`
		HostNames               []string     `json:"hostNames"`
		SSLProfile              *ResourceRef `json:"sslProfile"`
		FirewallPolicy          *ResourceRef `json:"firewallPolicy"`
	} `json:"properties"`
}

// GatewayTarget is where a rule or a path leads: a pool, or elsewhere.
type GatewayTarget struct {
	BackendAddressPool     *ResourceRef `json:"backendAddressPool"`
	BackendHTTPSettings    *ResourceRef `json:"backendHttpSettings"`
	BackendSettings        *ResourceRef `json:"backendSettings"`
	RedirectConfiguration  *ResourceRef `json:"redirectConfiguration"`
	LoadDistributionPolicy *ResourceRef `json:"loadDistributionPolicy"`
}

// GatewayRule joins a listener with what it serves.
type GatewayRule struct {
	Name       string `json:"name"`
	Properties struct {
		RuleType     string       `json:"ruleType"` // "Basic", "PathBasedRouting"
		HTTPListener *ResourceRef `json:"httpListener"`
		Listener     *ResourceRef `json:"listener"`
		URLPathMap   *ResourceRef `json:"urlPathMap"`
		GatewayTarget
	} `json:"properties"`
}

// GatewayPathMap leads paths to pools.
type GatewayPathMap struct {
	Name       string `json:"name"`
	Properties struct {
		DefaultBackendAddressPool     *ResourceRef `json:"defaultBackendAddressPool"`
		DefaultBackendHTTPSettings    *ResourceRef `json:"defaultBackendHttpSettings"`
		DefaultRedirectConfiguration  *ResourceRef `json:"defaultRedirectConfiguration"`
		DefaultLoadDistributionPolicy *ResourceRef `json:"defaultLoadDistributionPolicy"`
		PathRules                     []struct {
			Name       string `json:"name"`
			Properties struct {
				Paths          []string     `json:"paths"`
				FirewallPolicy *ResourceRef `json:"firewallPolicy"`
				GatewayTarget
			} `json:"properties"`
		} `json:"pathRules"`
	} `json:"properties"`
}

// GatewayPool is a backend pool: addresses, host names, and ip configurations
// of network interfaces.
type GatewayPool struct {
	ID         azward.ResourceID `json:"id"`
	Name       string            `json:"name"`
	Properties struct {
		BackendAddresses []struct {
			FQDN      string `json:"fqdn"`
			IPAddress string `json:"ipAddress"`
		} `json:"backendAddresses"`
		BackendIPConfigurations []ResourceRef `json:"backendIPConfigurations"`
	} `json:"properties"`
}

// GatewaySettings says how a gateway speaks to a pool.
type GatewaySettings struct {
	Name       string `json:"name"`
	Properties struct {
		Port     int    `json:"port"`
		Protocol string `json:"protocol"`
	} `json:"properties"`
}

// WAFPolicy is a policy of the web application firewall:
// Microsoft.Network/applicationGatewayWebApplicationFirewallPolicies, or
// Microsoft.Network/frontDoorWebApplicationFirewallPolicies, whose words
// differ a little.
//
// Source: https://learn.microsoft.com/azure/templates/microsoft.network/applicationgatewaywebapplicationfirewallpolicies
// and https://learn.microsoft.com/azure/templates/microsoft.network/frontdoorwebapplicationfirewallpolicies
type WAFPolicy struct {
	Properties struct {
		PolicySettings struct {
			State        string `json:"state"` // "Enabled", "Disabled"
			EnabledState string `json:"enabledState"`
			Mode         string `json:"mode"` // "Prevention", "Detection"
		} `json:"policySettings"`
		// CustomRules is a list for Application Gateway, and an object with a
		// list for Front Door.
		CustomRules WAFCustomRules `json:"customRules"`
	} `json:"properties"`
}

// WAFCustomRule is a rule of the policy's owner. It matches when all of its
// conditions do.
type WAFCustomRule struct {
	Name            string         `json:"name"`
	Priority        int            `json:"priority"`
	State           string         `json:"state"`
	EnabledState    string         `json:"enabledState"`
	RuleType        string         `json:"ruleType"` // "MatchRule", "RateLimitRule"
	Action          string         `json:"action"`   // "Allow", "Block", "Log", "JSChallenge", "Redirect"
	MatchConditions []WAFCondition `json:"matchConditions"`
}

// WAFCondition is one condition of a custom rule.
type WAFCondition struct {
	// MatchVariables of Application Gateway; MatchVariable and Selector of
	// Front Door.
	MatchVariables []struct {
		VariableName string `json:"variableName"`
		Selector     string `json:"selector"`
	} `json:"matchVariables"`
	MatchVariable string   `json:"matchVariable"`
	Selector      string   `json:"selector"`
	Operator      string   `json:"operator"`
	Negation      bool     `json:"negationConditon"` // as ARM spells it
	Negate        bool     `json:"negateCondition"`
	MatchValues   []string `json:"matchValues"`
	MatchValue    []string `json:"matchValue"`
}

// WAFCustomRules is the list of custom rules in either spelling.
type WAFCustomRules []WAFCustomRule

// UnmarshalJSON reads a list, or an object that holds it as "rules".
func (l *WAFCustomRules) UnmarshalJSON(body []byte) error {
	if len(body) > 0 && body[0] == '{' {
		var wrapped struct {
			Rules []WAFCustomRule `json:"rules"`
		}
		err := json.Unmarshal(body, &wrapped)
		*l = wrapped.Rules
		return err
	}
	var plain []WAFCustomRule
	err := json.Unmarshal(body, &plain)
	*l = plain
	return err
}
