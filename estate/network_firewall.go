package estate

import "github.com/azward/azward"

// Typed views of Azure Firewall: rules on the firewall itself ("classic"), or
// in policies.
//
// Source: https://learn.microsoft.com/azure/templates/microsoft.network/azurefirewalls
// and https://learn.microsoft.com/azure/templates/microsoft.network/firewallpolicies/rulecollectiongroups

// AzureFirewall is Microsoft.Network/azureFirewalls.
type AzureFirewall struct {
	Properties struct {
		FirewallPolicy   *ResourceRef `json:"firewallPolicy"`
		ThreatIntelMode  string       `json:"threatIntelMode"` // "Alert", "Deny", "Off"
		VirtualHub       *ResourceRef `json:"virtualHub"`
		IPConfigurations []struct {
			Name       string `json:"name"`
			Properties struct {
				PrivateIPAddress string       `json:"privateIPAddress"`
				Subnet           *ResourceRef `json:"subnet"`
				PublicIPAddress  *ResourceRef `json:"publicIPAddress"`
			} `json:"properties"`
		} `json:"ipConfigurations"`
		HubIPAddresses *struct {
			PublicIPs struct {
				Addresses []struct {
					Address string `json:"address"`
				} `json:"addresses"`
			} `json:"publicIPs"`
		} `json:"hubIPAddresses"`
		NATRuleCollections         []ClassicCollection `json:"natRuleCollections"`
		NetworkRuleCollections     []ClassicCollection `json:"networkRuleCollections"`
		ApplicationRuleCollections []ClassicAppRules   `json:"applicationRuleCollections"`
	} `json:"properties"`
}

// FirewallAction is what a rule collection does with what it matches.
type FirewallAction struct {
	Type string `json:"type"` // "Allow", "Deny", "Dnat", "DNAT"
}

// ClassicCollection is a collection of network or NAT rules on a firewall.
type ClassicCollection struct {
	Name       string `json:"name"`
	Properties struct {
		Priority int            `json:"priority"`
		Action   FirewallAction `json:"action"`
		Rules    []struct {
			Name string `json:"name"`
			FirewallMatch
			Protocols []string `json:"protocols"`
		} `json:"rules"`
	} `json:"properties"`
}

// ClassicAppRules is a collection of application rules on a firewall.
type ClassicAppRules struct {
	Name       string `json:"name"`
	Properties struct {
		Priority int            `json:"priority"`
		Action   FirewallAction `json:"action"`
		Rules    []struct {
			Name string `json:"name"`
			FirewallMatch
			Protocols []AppProtocol `json:"protocols"`
		} `json:"rules"`
	} `json:"properties"`
}

// AppProtocol is a protocol of an application rule.
type AppProtocol struct {
	ProtocolType string `json:"protocolType"` // "Http", "Https", "Mssql"
	Port         int    `json:"port"`         // 0: the protocol's own
}

// FirewallMatch is what rules of a firewall match, and what NAT rules make of
// it.
type FirewallMatch struct {
	SourceAddresses      []string            `json:"sourceAddresses"`
	SourceIPGroups       []azward.ResourceID `json:"sourceIpGroups"`
	DestinationAddresses []string            `json:"destinationAddresses"`
	DestinationIPGroups  []azward.ResourceID `json:"destinationIpGroups"`
	DestinationFQDNs     []string            `json:"destinationFqdns"`
	DestinationPorts     []string            `json:"destinationPorts"`
	TranslatedAddress    string              `json:"translatedAddress"`
	TranslatedFQDN       string              `json:"translatedFqdn"`
	TranslatedPort       string              `json:"translatedPort"`
	// Of application rules, which match names.
	TargetFQDNs   []string `json:"targetFqdns"`
	TargetURLs    []string `json:"targetUrls"`
	FQDNTags      []string `json:"fqdnTags"`
	WebCategories []string `json:"webCategories"`
}

// FirewallPolicy is Microsoft.Network/firewallPolicies.
type FirewallPolicy struct {
	Properties struct {
		BasePolicy      *ResourceRef `json:"basePolicy"`
		ThreatIntelMode string       `json:"threatIntelMode"`
	} `json:"properties"`
}

// RuleCollectionGroup is Microsoft.Network/firewallPolicies/ruleCollectionGroups.
type RuleCollectionGroup struct {
	Properties struct {
		Priority        int `json:"priority"`
		RuleCollections []struct {
			Name     string         `json:"name"`
			Type     string         `json:"ruleCollectionType"` // "FirewallPolicyNatRuleCollection", "FirewallPolicyFilterRuleCollection"
			Priority int            `json:"priority"`
			Action   FirewallAction `json:"action"`
			Rules    []PolicyRule   `json:"rules"`
		} `json:"ruleCollections"`
	} `json:"properties"`
}

// PolicyRule is a rule of a policy.
type PolicyRule struct {
	Name string `json:"name"`
	Type string `json:"ruleType"` // "NatRule", "NetworkRule", "ApplicationRule"
	FirewallMatch
	IPProtocols []string      `json:"ipProtocols"`
	Protocols   []AppProtocol `json:"protocols"` // of application rules
}

// IPGroup is Microsoft.Network/ipGroups.
type IPGroup struct {
	Properties struct {
		IPAddresses []string `json:"ipAddresses"`
	} `json:"properties"`
}
