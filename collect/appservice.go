package collect

import (
	"encoding/json"
	"strings"
)

const webVersion = "2023-12-01"

// A list of sites leaves siteConfig, with its access restrictions and image,
// empty; the record config/web has it. Function apps are sites too.
//
// Sources:
// https://learn.microsoft.com/rest/api/appservice/web-apps/list
// https://learn.microsoft.com/rest/api/appservice/web-apps/get-configuration
// https://learn.microsoft.com/rest/api/appservice/web-apps/get-auth-settings-v2-without-secrets
// https://learn.microsoft.com/rest/api/appservice/web-apps/get-diagnostic-logs-configuration
// https://learn.microsoft.com/rest/api/appservice/web-apps/list-basic-publishing-credentials-policies
var appService = service{name: "app service", kinds: []kind{
	{
		resourceType: "Microsoft.Web/sites", version: webVersion, decisive: true,
		children: append(siteParts("Microsoft.Web/sites"), child{
			resourceType: "Microsoft.Web/sites/slots", path: "slots", wanted: hasSlots,
			children: siteParts("Microsoft.Web/sites/slots"),
		}),
	},
	{resourceType: "Microsoft.Web/hostingEnvironments", version: webVersion, decisive: true},
	{resourceType: "Microsoft.Web/serverFarms", version: webVersion},
}}

func siteParts(resourceType string) []child {
	return []child{
		{resourceType: resourceType + "/config", path: "config/web", single: true},
		{resourceType: resourceType + "/config", path: "config/authsettingsV2", single: true},
		{resourceType: resourceType + "/config", path: "config/logs", single: true},
		{resourceType: resourceType + "/basicPublishingCredentialsPolicies", path: "basicPublishingCredentialsPolicies"},
		diagnostics,
		{resourceType: resourceType + "/sitecontainers", path: "sitecontainers", version: "2024-04-01", wanted: runsContainers},
	}
}

// hasSlots: plans below Standard have none.
//
// Source: https://learn.microsoft.com/azure/app-service/deploy-staging-slots
func hasSlots(site json.RawMessage) bool {
	switch strings.ToLower(property(site, "sku")) {
	case "free", "shared", "basic":
		return false
	}
	return true
}

func runsContainers(site json.RawMessage) bool {
	var v struct {
		Kind string `json:"kind"`
	}
	return json.Unmarshal(site, &v) != nil || v.Kind == "" || strings.Contains(strings.ToLower(v.Kind), "linux")
}
