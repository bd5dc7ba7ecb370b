package collect

import (
	"encoding/json"
	"strings"
)

const appVersion = "2024-03-01" // the first with runningStatus

// Sources:
// https://learn.microsoft.com/rest/api/containerapps/container-apps/list-by-subscription
// https://learn.microsoft.com/rest/api/containerapps/container-apps-revisions/list-revisions
// https://learn.microsoft.com/rest/api/containerapps/container-apps-auth-configs/list-by-container-app
var containerApps = service{name: "container apps", kinds: []kind{
	{
		resourceType: "Microsoft.App/containerApps", version: appVersion, decisive: true,
		children: []child{
			{resourceType: "Microsoft.App/containerApps/revisions", path: "revisions", wanted: severalRevisions, spared: true},
			{resourceType: "Microsoft.App/containerApps/authConfigs", path: "authConfigs", wanted: hasIngress, spared: true},
		},
	},
	{resourceType: "Microsoft.App/managedEnvironments", version: "2025-01-01", decisive: true, children: []child{diagnostics}}, // the first with publicNetworkAccess
	{resourceType: "Microsoft.App/jobs", version: appVersion, decisive: true},
}}

// hasIngress: sign-in of callers is about those that ingress lets in.
//
// Source: https://learn.microsoft.com/azure/container-apps/authentication
func hasIngress(app json.RawMessage) bool {
	var v struct {
		Properties struct {
			Configuration struct {
				Ingress *struct{} `json:"ingress"`
			} `json:"configuration"`
		} `json:"properties"`
	}
	return json.Unmarshal(app, &v) != nil || v.Properties.Configuration.Ingress != nil
}

// severalRevisions: with one active revision the app's own template is it.
func severalRevisions(app json.RawMessage) bool {
	var v struct {
		Properties struct {
			Configuration struct {
				ActiveRevisionsMode string `json:"activeRevisionsMode"`
			} `json:"configuration"`
		} `json:"properties"`
	}
	return json.Unmarshal(app, &v) != nil || !strings.EqualFold(v.Properties.Configuration.ActiveRevisionsMode, "Single")
}
