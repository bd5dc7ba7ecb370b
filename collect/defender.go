package collect

// What Defender for Cloud is set to is listed from Resource Manager: rules are
// about it. What it found comes from Resource Graph, which holds it for all
// subscriptions at once: of its recommendations all, healthy ones too, so that
// they can be compared; of what lies below a recommendation (vulnerabilities of
// an image, a machine, a database) what is not healthy, up to a bound.
//
// Sources:
// https://learn.microsoft.com/rest/api/defenderforcloud/pricings/list
// https://learn.microsoft.com/rest/api/defenderforcloud/security-contacts/list
// https://learn.microsoft.com/rest/api/defenderforcloud/auto-provisioning-settings/list
// https://learn.microsoft.com/rest/api/defenderforcloud/settings/list
// https://learn.microsoft.com/rest/api/defenderforcloud/server-vulnerability-assessments-settings/list-by-subscription
// https://learn.microsoft.com/rest/api/defenderforcloud/iot-security-solution/list-by-subscription
// https://learn.microsoft.com/rest/api/defenderforcloud/automations/list
// https://learn.microsoft.com/azure/governance/resource-graph/reference/supported-tables-resources (securityresources)
var defender = service{name: "Defender for Cloud", kinds: []kind{
	{resourceType: "Microsoft.Security/pricings", version: "2024-01-01", table: noTable},
	{resourceType: "Microsoft.Security/securityContacts", version: "2023-12-01-preview", table: noTable},
	{resourceType: "Microsoft.Security/autoProvisioningSettings", version: "2017-08-01-preview", table: noTable},
	{resourceType: "Microsoft.Security/settings", version: "2022-05-01", table: noTable},
	{resourceType: "Microsoft.Security/serverVulnerabilityAssessmentsSettings", version: "2023-05-01", table: noTable},
	{resourceType: "Microsoft.Security/iotSecuritySolutions", version: "2019-08-01", table: noTable},
	{resourceType: "Microsoft.Security/automations", version: "2019-01-01-preview", table: noTable},
	{resourceType: "Microsoft.Security/assessments", table: tableSecurity},
	{
		resourceType: "Microsoft.Security/assessments/subAssessments", table: tableSecurity,
		where: "properties.status.code =~ 'Unhealthy'", most: mostFindings,
	},
	{resourceType: "Microsoft.Security/locations/alerts", table: tableSecurity, most: mostFindings},
	{resourceType: "Microsoft.Security/secureScores", table: tableSecurity},
	{resourceType: "Microsoft.Security/secureScores/secureScoreControls", table: tableSecurity},
	{resourceType: "Microsoft.Security/regulatoryComplianceStandards", table: tableSecurity},
	{resourceType: "Microsoft.Security/regulatoryComplianceStandards/regulatoryComplianceControls", table: tableSecurity},
	{resourceType: "Microsoft.Security/regulatoryComplianceStandards/regulatoryComplianceControls/regulatoryComplianceAssessments", table: tableSecurity},
}}

// mostFindings bounds findings of one kind over all subscriptions, about a
// kilobyte each.
const mostFindings = 200_000

const (
	tableSecurity = "securityresources"
	tablePolicy   = "policyresources"
)
