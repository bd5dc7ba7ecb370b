package policy_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy"
	"github.com/azward/azward/policy/azurepolicy"
	"github.com/azward/azward/report"
)

// TestAssessmentKeys: keys are GUIDs, and each names rules that exist.
func TestAssessmentKeys(t *testing.T) {
	t.Parallel()
	keys, err := policy.AssessmentKeys()
	if err != nil {
		t.Fatal(err)
	}
	if len(keys) < 80 {
		t.Errorf("%d keys", len(keys))
	}
	rules, _, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, r := range rules {
		known[r.ID] = true
	}
	for key, of := range keys {
		if _, err := azward.ParseGUID("assessment key", key); err != nil || key != strings.ToLower(key) {
			t.Errorf("%s: %v", key, err)
		}
		for _, rule := range of {
			if !known[rule] {
				t.Errorf("%s: there is no rule %s", key, rule)
			}
		}
		if len(of) == 0 {
			t.Errorf("%s: no rule", key)
		}
	}
}

const (
	securedAccount  = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/shop/providers/Microsoft.Storage/storageAccounts/"
	anonymousBlobs  = "/providers/Microsoft.Security/assessments/51fd8bb1-0db4-bbf1-7e2b-cfcba7eb66a6"
	defenderOfShop  = "/subscriptions/11111111-2222-3333-4444-555555555555/providers/Microsoft.Security/"
	defenderCompare = "storage-no-anonymous-blobs"
)

func assessment(account, code string) string {
	return `{"id":"` + securedAccount + account + anonymousBlobs + `","type":"microsoft.security/assessments","name":"51fd8bb1-0db4-bbf1-7e2b-cfcba7eb66a6",
"properties":{"displayName":"Storage account public access should be disallowed","status":{"code":"` + code + `","statusChangeDate":"2026-10-01T04:00:00Z"},"metadata":{"severity":"Medium"}}}`
}

// TestDefender: each recommendation stands beside what our rule says of the
// same resource; what was not listed is a gap, and not "nothing".
func TestDefender(t *testing.T) {
	t.Parallel()
	var b estate.Builder
	for _, body := range []string{
		assessment("same", "Unhealthy"), assessment("ours-passes", "Unhealthy"), assessment("ours-fails", "Healthy"), assessment("open", "Unhealthy"),
		assessment("aside", "NotApplicable"), assessment("gone", "Healthy"),
		`{"id":"` + defenderOfShop + `secureScores/ascScore","type":"Microsoft.Security/secureScores","name":"ascScore","properties":{"displayName":"ASC score","score":{"max":58,"current":31.5}}}`,
		`{"id":"` + defenderOfShop + `secureScores/ascScore/secureScoreControls/a","type":"Microsoft.Security/secureScores/secureScoreControls","name":"a","properties":{"displayName":"MFA","score":{"max":10,"current":0},"unhealthyResourceCount":3}}`,
		`{"id":"` + defenderOfShop + `locations/westeurope/alerts/1","type":"Microsoft.Security/locations/alerts","name":"1","properties":{"alertDisplayName":"Odd","status":"Resolved","severity":"High","startTimeUtc":"2026-11-19T21:14:00Z"}}`,
		`{"id":"` + defenderOfShop + `locations/westeurope/alerts/2","type":"Microsoft.Security/locations/alerts","name":"2","properties":{"alertDisplayName":"Odder","status":"Active","severity":"Low","resourceIdentifiers":[{"azureResourceId":"` + securedAccount + `same"},{"type":"LogAnalytics"}]}}`,
		`{"id":"` + defenderOfShop + `regulatoryComplianceStandards/CIS","type":"Microsoft.Security/regulatoryComplianceStandards","name":"CIS","properties":{"state":"Failed","passedControls":41,"failedControls":2}}`,
		`{"id":"` + defenderOfShop + `regulatoryComplianceStandards/CIS/regulatoryComplianceControls/3.10","type":"Microsoft.Security/regulatoryComplianceStandards/regulatoryComplianceControls","name":"3.10","properties":{"state":"Failed","description":"ten","failedAssessments":1}}`,
		`{"id":"` + defenderOfShop + `regulatoryComplianceStandards/CIS/regulatoryComplianceControls/3.7","type":"Microsoft.Security/regulatoryComplianceStandards/regulatoryComplianceControls","name":"3.7","properties":{"state":"Failed","description":"seven"}}`,
		`{"id":"` + defenderOfShop + `regulatoryComplianceStandards/CIS/regulatoryComplianceControls/1","type":"Microsoft.Security/regulatoryComplianceStandards/regulatoryComplianceControls","name":"1","properties":{"state":"Passed"}}`,
	} {
		if err := b.AddARM([]byte(body), estate.Provenance{Source: azward.SourceResourceGraph}); err != nil {
			t.Fatal(err)
		}
	}
	said := func(account, result string) report.Posture {
		return report.Posture{Engine: policy.EngineRules, Rule: defenderCompare, Resource: azward.ResourceID(securedAccount + account), Result: result}
	}
	got, err := policy.DefenderOf(b.Build(), slices.Values([]report.Posture{
		said("same", "fail"), said("ours-passes", "pass"), said("OURS-FAILS", "fail"), said("open", "unknown"), said("aside", "fail"), said("never-assessed", "fail"),
	}))
	if err != nil {
		t.Fatal(err)
	}
	agreements := map[string]azurepolicy.Agreement{}
	for _, r := range got.Recommendations {
		agreements[r.Resource.Name()] = r.Agreement
		if r.Severity != azward.SeverityMedium || r.Known || !r.Since.Equal(time.Date(2026, 10, 1, 4, 0, 0, 0, time.UTC)) {
			t.Errorf("%+v", r)
		}
	}
	// No listing says that all assessments were read: what only ours says stays unsaid.
	if diff := cmp.Diff(map[string]azurepolicy.Agreement{
		"same": azurepolicy.Agree, "ours-passes": azurepolicy.Disagree, "ours-fails": azurepolicy.Disagree, "open": azurepolicy.OursOpen,
		"aside": azurepolicy.AzuresOpen, "gone": azurepolicy.OnlyAzures,
	}, agreements); diff != "" {
		t.Errorf("agreements (-want +got):\n%s", diff)
	}
	if got.Recommendations[0].Agreement != azurepolicy.Disagree {
		t.Errorf("disagreement is not first: %+v", got.Recommendations[0])
	}
	if len(got.Gaps) == 0 {
		t.Error("missing listings are no gap")
	}
	if s := got.Scores; len(s) != 1 || s[0].Current != 31.5 || s[0].Max != 58 || len(s[0].Controls) != 1 || s[0].Controls[0].Unhealthy != 3 {
		t.Errorf("scores %+v", s)
	}
	if s := got.Alerts; len(s) != 2 || s[0].Title != "Odder" || len(s[0].Resources) != 1 || s[1].At.IsZero() {
		t.Errorf("alerts %+v", s)
	}
	if s := got.Standards; len(s) != 1 || s[0].Failed != 2 || len(s[0].Controls) != 2 || s[0].Controls[0].Name != "3.7" {
		t.Errorf("standards %+v", s)
	}
}
