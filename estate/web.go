package estate

// Site is a Microsoft.Web/sites or a slot of one. A pointer is nil where the
// reading API did not return the property or returned null; tell the two apart
// with [Resource.At].
// Source: https://learn.microsoft.com/azure/templates/microsoft.web/sites
type Site struct {
	Properties struct {
		DefaultHostName            string      `json:"defaultHostName"`
		HostNames                  []string    `json:"hostNames"`
		PublicNetworkAccess        *string     `json:"publicNetworkAccess"`
		HTTPSOnly                  *bool       `json:"httpsOnly"`
		ClientCertEnabled          *bool       `json:"clientCertEnabled"`
		ClientCertMode             string      `json:"clientCertMode"`
		ClientCertExclusionPaths   string      `json:"clientCertExclusionPaths"`
		PrivateEndpointConnections *[]struct{} `json:"privateEndpointConnections"`
		HostingEnvironmentProfile  *struct {
			ID string `json:"id"`
		} `json:"hostingEnvironmentProfile"`
		SiteConfig *SiteConfig `json:"siteConfig"`
	} `json:"properties"`
}

// SiteConfigRecord is the child resource config/web of a site.
type SiteConfigRecord struct {
	Properties SiteConfig `json:"properties"`
}

// SiteConfig holds the access restrictions. A list of sites returns them as
// null; the record config/web has them.
type SiteConfig struct {
	PublicNetworkAccess                    *string              `json:"publicNetworkAccess"`
	IPSecurityRestrictions                 *[]AccessRestriction `json:"ipSecurityRestrictions"`
	IPSecurityRestrictionsDefaultAction    *string              `json:"ipSecurityRestrictionsDefaultAction"`
	SCMIPSecurityRestrictions              *[]AccessRestriction `json:"scmIpSecurityRestrictions"`
	SCMIPSecurityRestrictionsDefaultAction *string              `json:"scmIpSecurityRestrictionsDefaultAction"`
	SCMIPSecurityRestrictionsUseMain       *bool                `json:"scmIpSecurityRestrictionsUseMain"`
}

// AccessRestriction is one rule of a site, lowest priority number first.
// Source: https://learn.microsoft.com/azure/app-service/overview-access-restrictions
type AccessRestriction struct {
	Name        string              `json:"name"`
	Action      string              `json:"action"` // "" means Allow
	Priority    *int                `json:"priority"`
	IPAddress   string              `json:"ipAddress"` // CIDRs with commas, "Any", or the name of a service tag
	SubnetMask  string              `json:"subnetMask"`
	Tag         string              `json:"tag"` // Default, ServiceTag, XffProxy
	SubnetID    string              `json:"vnetSubnetResourceId"`
	TrafficTags []string            `json:"vnetTrafficTags"`
	Headers     map[string][]string `json:"headers"`
}

// HostingEnvironment is an App Service Environment.
type HostingEnvironment struct {
	Properties struct {
		InternalLoadBalancingMode *string      `json:"internalLoadBalancingMode"`
		VirtualNetwork            *ResourceRef `json:"virtualNetwork"` // a subnet's ID
	} `json:"properties"`
}

// SiteAuth is the record config/authsettingsV2 of a site, and the child
// authConfigs of a container app, which has no requireAuthentication.
// Sources: https://learn.microsoft.com/azure/app-service/overview-authentication-authorization,
// https://learn.microsoft.com/azure/templates/microsoft.app/containerapps/authconfigs
type SiteAuth struct {
	Properties struct {
		Platform struct {
			Enabled *bool `json:"enabled"`
		} `json:"platform"`
		GlobalValidation struct {
			RequireAuthentication       *bool    `json:"requireAuthentication"`
			UnauthenticatedClientAction string   `json:"unauthenticatedClientAction"`
			ExcludedPaths               []string `json:"excludedPaths"`
		} `json:"globalValidation"`
	} `json:"properties"`
}
