package collect

// diagnostics are the diagnostic settings attached to one resource. No list
// holds those of a subscription's resources, and Resource Graph has none.
//
// Source: https://learn.microsoft.com/rest/api/monitor/diagnostic-settings/list
var diagnostics = child{
	resourceType: diagnosticSettings, path: "providers/" + diagnosticSettings, version: diagnosticsVersion, attached: true,
}

const (
	diagnosticSettings = "Microsoft.Insights/diagnosticSettings"
	diagnosticsVersion = "2021-05-01-preview" // the newest; there is no stable one with category groups
)

// Sources:
// https://learn.microsoft.com/rest/api/monitor/diagnostic-settings/list (a subscription's own export of its activity log)
// https://learn.microsoft.com/rest/api/monitor/activity-log-alerts/list-by-subscription-id
// https://learn.microsoft.com/rest/api/monitor/log-profiles/list
// https://learn.microsoft.com/rest/api/loganalytics/workspaces/list
// https://learn.microsoft.com/azure/governance/resource-graph/reference/supported-tables-resources (insightsresources)
var monitor = service{name: "monitor", kinds: []kind{
	{resourceType: diagnosticSettings, version: diagnosticsVersion, table: noTable, own: true},
	{resourceType: "Microsoft.Insights/activityLogAlerts", version: "2020-10-01", whole: true},
	{resourceType: "Microsoft.Insights/actionGroups", version: "2023-01-01", whole: true},
	{resourceType: "Microsoft.Insights/components", version: "2020-02-02", whole: true},
	{resourceType: "Microsoft.OperationalInsights/workspaces", version: "2022-10-01", whole: true},
	{resourceType: "Microsoft.Insights/dataCollectionRuleAssociations", table: "insightsresources"},
}}
