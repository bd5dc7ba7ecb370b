package estate

import "github.com/azward/azward"

// PerimeterAssociation is
// Microsoft.Network/networkSecurityPerimeters/resourceAssociations: one service
// within a perimeter.
//
// Source: https://learn.microsoft.com/azure/templates/microsoft.network/networksecurityperimeters/resourceassociations
type PerimeterAssociation struct {
	Properties struct {
		PrivateLinkResource ResourceRef `json:"privateLinkResource"`
		Profile             ResourceRef `json:"profile"`
		AccessMode          string      `json:"accessMode"` // Learning, now called Transition, or Enforced
		Issues              string      `json:"hasProvisioningIssues"`
	} `json:"properties"`
}

// PerimeterRule is
// Microsoft.Network/networkSecurityPerimeters/profiles/accessRules.
//
// Source: https://learn.microsoft.com/azure/templates/microsoft.network/networksecurityperimeters/profiles/accessrules
type PerimeterRule struct {
	Properties struct {
		Direction       string   `json:"direction"`
		AddressPrefixes []string `json:"addressPrefixes"`
		ServiceTags     []string `json:"serviceTags"`
		Subscriptions   []struct {
			ID azward.ResourceID `json:"id"`
		} `json:"subscriptions"`
	} `json:"properties"`
}
