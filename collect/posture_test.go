package collect_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/azuresim/scenario"
	"github.com/azward/azward/collect"
)

const contosoProduction = azward.ResourceID("/subscriptions/6b1f0c5e-8a42-4e0b-9a53-1d2f7c9e4a10")

const contosoData = contosoProduction + "/resourceGroups/rg-data/providers/"

// What rules ask for is read, and the listings prove what is not there.
func TestPostureIsRead(t *testing.T) {
	t.Parallel()
	s := load(t, "contoso")
	client, _ := start(t, s, "azward")
	e, _ := read(t, client, collect.Options{})
	for _, tc := range []struct {
		resourceType string
		count        int // in all subscriptions that may be read
		scope        azward.ResourceID
	}{
		{"Microsoft.DBforPostgreSQL/flexibleServers", 1, contosoProduction},
		{"Microsoft.DBforPostgreSQL/flexibleServers/firewallRules", 2, contosoProduction},
		{"Microsoft.DBforMySQL/flexibleServers", 1, contosoProduction},
		{"Microsoft.DocumentDB/databaseAccounts", 1, contosoProduction},
		{"Microsoft.Cache/Redis/firewallRules", 1, contosoProduction},
		{"Microsoft.EventHub/namespaces/networkRuleSets", 1, contosoProduction},
		{"Microsoft.ServiceBus/namespaces/networkRuleSets", 1, contosoProduction},
		{"Microsoft.Search/searchServices", 1, contosoProduction},
		{"Microsoft.CognitiveServices/accounts", 1, contosoProduction},
		{"Microsoft.Sql/servers/auditingSettings", 1, contosoProduction},
		{"Microsoft.Sql/servers/databases", 1, contosoProduction},
		{"Microsoft.Sql/servers/vulnerabilityAssessments", 0, contosoProduction},
		{"Microsoft.KeyVault/vaults/keys", 2, contosoProduction},
		{"Microsoft.KeyVault/vaults/secrets", 2, contosoProduction},
		{"Microsoft.Storage/storageAccounts/blobServices", 2, contosoData + "Microsoft.Storage/storageAccounts/contosoassets"},
		{"Microsoft.Storage/storageAccounts/blobServices/containers", 2, contosoData + "Microsoft.Storage/storageAccounts/contosoassets"},
		{"Microsoft.Web/sites/basicPublishingCredentialsPolicies", 6, contosoProduction},
		{"Microsoft.Network/networkWatchers/flowLogs", 1, contosoProduction},
		{"Microsoft.Compute/disks", 2, contosoProduction},
		{"Microsoft.RecoveryServices/vaults", 1, contosoProduction},
		{"Microsoft.Authorization/locks", 1, contosoProduction},
		{"Microsoft.Insights/activityLogAlerts", 3, contosoProduction},
		{"Microsoft.Insights/diagnosticSettings", 4, contosoProduction},
		{"Microsoft.Insights/diagnosticSettings", 4, contosoData + "Microsoft.KeyVault/vaults/kv-contoso-prod"},
		{"Microsoft.Security/pricings", 26, contosoProduction},
		{"Microsoft.Security/securityContacts", 1, contosoProduction},
		{"Microsoft.Security/assessments", 5, contosoProduction},
		{"Microsoft.Security/secureScores/secureScoreControls", 1, contosoProduction},
		{"Microsoft.Security/locations/alerts", 1, contosoProduction},
		{"Microsoft.Security/regulatoryComplianceStandards/regulatoryComplianceControls/regulatoryComplianceAssessments", 1, contosoProduction},
		{"Microsoft.PolicyInsights/policyStates", 2, contosoProduction},
	} {
		if got := len(e.OfType(tc.resourceType)); got != tc.count {
			t.Errorf("%s: %d, want %d", tc.resourceType, got, tc.count)
		}
		if proof, missing := e.Absence(tc.scope, tc.resourceType); len(proof) == 0 || len(missing) != 0 {
			t.Errorf("%s at %s: proof %v, missing %+v", tc.resourceType, tc.scope, proof, missing)
		}
	}
}

// Of what lies below a recommendation only the unhealthy is taken, and so it is
// never proved absent. What is attached to a subscription proves nothing of
// what lies in it.
func TestWhatIsReadInPartProvesNothing(t *testing.T) {
	t.Parallel()
	s := load(t, "contoso")
	client, _ := start(t, s, "azward")
	e, _ := read(t, client, collect.Options{})
	if got := len(e.OfType("Microsoft.Security/assessments/subAssessments")); got != 2 {
		t.Errorf("%d findings", got)
	}
	for scope, resourceType := range map[azward.ResourceID]string{
		contosoProduction: "Microsoft.Security/assessments/subAssessments",
		contosoProduction + "/resourceGroups/rg-data/providers/Microsoft.Compute/disks/old-report": "Microsoft.Insights/diagnosticSettings",
		contosoData + "Microsoft.Storage/storageAccounts/contosoassets":                            "Microsoft.Insights/diagnosticSettings",
	} {
		if proof, missing := e.Absence(scope, resourceType); len(proof) != 0 || len(missing) == 0 {
			t.Errorf("%s at %s is proved absent by %v", resourceType, scope, proof)
		}
	}
}

// A server's parameters are all there, without the texts that explain them.
func TestParametersAreTrimmed(t *testing.T) {
	t.Parallel()
	s := load(t, "contoso")
	parameter := contosoData + "Microsoft.DBforPostgreSQL/flexibleServers/pg-orders/configurations/work_mem"
	add(t, s, parameter, `{"value":"4096","source":"system-default","description":"long","documentationLink":"https://x","allowedValues":"4096-2097151"}`)
	client, _ := start(t, s, "azward")
	e, _ := read(t, client, collect.Options{})
	r, ok := e.Resource(parameter)
	if !ok {
		t.Fatal("it was not read")
	}
	var body struct{ Properties map[string]string }
	if err := json.Unmarshal(r.Body, &body); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(map[string]string{"value": "4096", "source": "system-default"}, body.Properties); diff != "" {
		t.Errorf("properties (-want +got):\n%s", diff)
	}
	if proof, missing := e.Absence(contosoProduction, "Microsoft.DBforPostgreSQL/flexibleServers/configurations"); len(proof) == 0 {
		t.Errorf("missing %+v", missing)
	}
}

// Types that Resource Graph shows are read from Resource Manager, so that a
// property which is not there is not set. Where it shows none nothing is asked.
func TestWholeKindsAreReadFromResourceManager(t *testing.T) {
	t.Parallel()
	client, server := start(t, load(t, "contoso"), "azward")
	e, _ := read(t, client, collect.Options{})
	for _, resourceType := range []string{"Microsoft.KeyVault/vaults", "Microsoft.Storage/storageAccounts", "Microsoft.Cache/Redis", "Microsoft.Sql/servers"} {
		for _, r := range e.OfType(resourceType) {
			if r.Source != azward.SourceARM {
				t.Errorf("%s is a copy of %s", r.ID, r.Source)
			}
		}
	}
	for _, r := range server.Requests() {
		if strings.Contains(r.Path, "0d9a7e34-52c1-4b8f-8f6d-7be2c1a05f21/providers/Microsoft.KeyVault/vaults") {
			t.Errorf("a subscription without vaults was asked for them: %s", r.Path)
		}
	}
}

// Azure names diagnostic settings in ways that are no IDs of Resource Manager.
func TestAttachedSettingsGetTheirPlace(t *testing.T) {
	t.Parallel()
	s := load(t, "minimal")
	path := string(production) + "/providers/Microsoft.Insights/diagnosticSettings"
	s.Faults = append(s.Faults, scenario.Fault{Service: "arm", Path: path, Status: 200, Body: fmt.Sprintf(
		`{"value":[{"id":"subscriptions/%s/providers/AzureResourceManager/diagnosticSettings/to-law","type":null,"name":"to-law","properties":{"logs":[]}}]}`,
		production.Subscription())})
	client, _ := start(t, s, "reader")
	e, _ := read(t, client, collect.Options{})
	r, ok := e.Resource(azward.ResourceID(path + "/to-law"))
	if !ok || r.Type != "Microsoft.Insights/diagnosticSettings" {
		t.Errorf("it was not filed under its path: %v %+v", ok, e.OfType("Microsoft.Insights/diagnosticSettings"))
	}
}

func add(t *testing.T, s *scenario.Scenario, id azward.ResourceID, properties string) {
	t.Helper()
	body, err := json.Marshal(map[string]any{"id": id, "name": id.Name(), "type": id.Type(), "properties": json.RawMessage(properties)})
	if err != nil {
		t.Fatal(err)
	}
	s.ARM = append(s.ARM, scenario.Record{ID: string(id), Body: body})
}
