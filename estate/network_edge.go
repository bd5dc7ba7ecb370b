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
