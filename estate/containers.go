package estate

import "github.com/azward/azward"

// ContainerApp is a Microsoft.App/containerApps.
// Source: https://learn.microsoft.com/azure/templates/microsoft.app/containerapps
type ContainerApp struct {
	Properties struct {
		ManagedEnvironmentID string `json:"managedEnvironmentId"`
		EnvironmentID        string `json:"environmentId"`
		Configuration        *struct {
			Ingress *ContainerAppIngress `json:"ingress"`
		} `json:"configuration"`
	} `json:"properties"`
}

// ContainerAppIngress says how an app is reached.
type ContainerAppIngress struct {
	External               *bool                     `json:"external"`
	FQDN                   string                    `json:"fqdn"`
	Transport              string                    `json:"transport"` // auto, http, http2, tcp
	TargetPort             int                       `json:"targetPort"`
	ExposedPort            int                       `json:"exposedPort"`
	ClientCertificateMode  string                    `json:"clientCertificateMode"` // ignore, accept, require
	IPSecurityRestrictions []ContainerAppRestriction `json:"ipSecurityRestrictions"`
	AdditionalPortMappings []struct {
		External    bool `json:"external"`
		TargetPort  int  `json:"targetPort"`
		ExposedPort int  `json:"exposedPort"`
	} `json:"additionalPortMappings"`
	CustomDomains []struct {
		Name string `json:"name"`
	} `json:"customDomains"`
}

// ContainerAppRestriction is one rule: all rules of an app allow, or all deny.
type ContainerAppRestriction struct {
	Name           string `json:"name"`
	Action         string `json:"action"`
	IPAddressRange string `json:"ipAddressRange"`
}

// ManagedEnvironment is a Microsoft.App/managedEnvironments.
// Source: https://learn.microsoft.com/azure/templates/microsoft.app/managedenvironments
type ManagedEnvironment struct {
	Properties struct {
		PublicNetworkAccess *string `json:"publicNetworkAccess"`
		VnetConfiguration   *struct {
			Internal               *bool             `json:"internal"`
			InfrastructureSubnetID azward.ResourceID `json:"infrastructureSubnetId"`
		} `json:"vnetConfiguration"`
		StaticIP string `json:"staticIp"`
	} `json:"properties"`
}

// ContainerGroup is a Microsoft.ContainerInstance/containerGroups.
// Source: https://learn.microsoft.com/azure/templates/microsoft.containerinstance/containergroups
type ContainerGroup struct {
	Properties struct {
		Containers []struct{}    `json:"containers"`
		SubnetIDs  []ResourceRef `json:"subnetIds"`
		IPAddress  *struct {
			Type  string `json:"type"` // Public, Private
			IP    string `json:"ip"`
			Ports []struct {
				Protocol string `json:"protocol"` // "" means TCP
				Port     int    `json:"port"`
			} `json:"ports"`
		} `json:"ipAddress"`
	} `json:"properties"`
}
