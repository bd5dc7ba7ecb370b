package template_test

import (
	"bytes"
	"encoding/json"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/policy/azurepolicy"
	"github.com/azward/azward/template"
)

const analyzerTests = "src/Analyzer.Core.BuiltInRuleTests/Tests/"

// compared are rules of template-analyzer and the built-in policies that say
// the same, with the tests whose expectations add up: one policy may cover
// what two rules do.
var compared = []struct {
	name, policy, template string
	rules                  []string
	// differ are resources that the two judge differently, and why.
	differ map[string]string
}{
	{name: "app_https", policy: "a4af4a39-4135-47fb-b175-47fbdf85311d", template: "AppServices.json", rules: []string{"TA-000004", "TA-000016"}},
	{name: "function_https", policy: "6d555dd1-86f2-4f1c-8ed7-5abae7c6cbab", template: "AppServices.json", rules: []string{"TA-000010"}},
	{name: "app_cors", policy: "5744710e-cc2f-4ee8-8809-3b11e89f4bc9", template: "AppServices.json", rules: []string{"TA-000006", "TA-000018"}, differ: map[string]string{
		"./SitesConfig": "the policy is about a site, and the template has only its record",
	}},
	{name: "function_cors", policy: "0820b7b9-23aa-4725-a1ce-ae4558f718e5", template: "AppServices.json", rules: []string{"TA-000012"}, differ: map[string]string{
		"./SitesConfig": "the policy is about a site, and the template has only its record",
	}},
	{name: "api_app_ftps", policy: "4d24b6d4-5e53-4a4f-a7f4-618fa573ee4b", template: "AppServicesFTPS.json", rules: []string{"TA-000003"}, differ: map[string]string{
		"./linuxKind":                                 "the policy is about all kinds but functions, the rule about one",
		"./misingKindPropertyAndFtpsState":            "the policy is about all kinds but functions, the rule about one",
		"./misingKindPropertyWithUndesiredFtpsState":  "the policy is about all kinds but functions, the rule about one",
		"./withoutSpecifyingPropertiesForSitesConfig": "the policy is about all kinds but functions, the rule about one",
	}},
	{name: "web_app_ftps", policy: "4d24b6d4-5e53-4a4f-a7f4-618fa573ee4b", template: "AppServicesFTPS.json", rules: []string{"TA-000015"}, differ: map[string]string{
		"./linuxKind":                                 "the policy is about all kinds but functions, the rule about one",
		"./misingKindPropertyAndFtpsState":            "the policy is about all kinds but functions, the rule about one",
		"./undesiredFtpsState":                        "the policy is about all kinds but functions, the rule about one",
		"./withoutSpecifyingProperties":               "the policy is about all kinds but functions, the rule about one",
		"./withoutSpecifyingPropertiesForSitesConfig": "the policy is about all kinds but functions, the rule about one",
	}},
	{name: "app_identity", policy: "2b9ad585-36bc-4615-b300-fd4435808332", template: "AppServiceWebApps.json", rules: []string{"TA-000019"}, differ: map[string]string{
		"./systemAndUserManagedIdentity": "the rule wants a space between the words, which Azure does not",
	}},
	{name: "function_identity", policy: "0da106f2-4ca3-48e8-bc85-c638fe6aea8f", template: "AppServiceFunctionApps.json", rules: []string{"TA-000013"}, differ: map[string]string{
		"./systemAndUserManagedIdentity": "the rule wants a space between the words, which Azure does not",
	}},
	{name: "automation_variables", policy: "3657f5a0-770e-44a3-b44e-9431ba1e9735", template: "AutomationAccountsVariables.json", rules: []string{"TA-000021"}},
	{name: "redis_ssl", policy: "22bee202-a82f-4305-9a2a-6d7f44d4dedb", template: "RedisCache.json", rules: []string{"TA-000022"}},
	{name: "cluster_addresses", policy: "0e246bcf-5f6f-4f87-bc6f-775d4712c7ea", template: "Kubernetes.json", rules: []string{"TA-000023"}},
	{name: "cluster_version", policy: "fb893a29-21bb-418c-a157-e99480ec364c", template: "KubernetesVersions.json", rules: []string{"TA-000025"}},
	{name: "sql_auditing_retention", policy: "89099bee-89e0-4b26-a5f4-165451757743", template: "SQLServerAuditingSettings-Failures.json", rules: []string{"TA-000028"}, differ: map[string]string{
		"./FailsSQLRetentionDaysRule":                            "mode Indexed looks at resources with a location, and the template gives none",
		"./FailsSQLRetentionDaysRuleWithFullResourceTypeAndName": "mode Indexed looks at resources with a location, and the template gives none",
	}},
	{name: "api_https", policy: "ee7495e7-3ba7-40b6-bfee-c29e22cc75d4", template: "APIMService.json", rules: []string{"TA-000029"}},
	{name: "classic_machines", policy: "1d84d5fb-01f6-4d12-ba4f-4a26081d403d", template: "VMs.json", rules: []string{"TA-000030"}},
	{name: "classic_storage", policy: "37e0d2fe-28a5-43d6-a273-67d37d1f5606", template: "StorageAccounts.json", rules: []string{"TA-000031"}},
	{name: "api_certificates", policy: "92bb331d-ac71-416a-8c91-02f2cb734ce4", template: "APIMService.json", rules: []string{"TA-000032"}, differ: map[string]string{
		"known-after-apply-serviceName/vulnerable-v4": "the policy lets unset pass",
		"known-after-apply-serviceName/vulnerable-v5": "the policy lets unset pass",
		"known-after-apply-serviceName/vulnerable-v6": "the policy lets unset pass",
	}},
	{name: "api_direct_management", policy: "b741306c-968e-4b67-b916-5675e5c709f4", template: "APIMService.json", rules: []string{"TA-000033"}},
	{name: "api_minimum_version", policy: "549814b6-3212-4203-bdc8-1548d342fb67", template: "APIMService.json", rules: []string{"TA-000034"}, differ: map[string]string{
		"./vulnerable-v1":                 "the policy is deprecated, and disabled",
		"./vulnerable-v2":                 "the policy is deprecated, and disabled",
		"./vulnerable-v3-missingproperty": "the policy is deprecated, and disabled",
	}},
	{name: "api_named_values", policy: "f1cc7827-022c-473e-836e-5a51cae0b249", template: "APIMService.json", rules: []string{"TA-000035"}},
	{name: "api_network", policy: "ef619a2c-cc4d-4d03-b2ba-8c94a834d85b", template: "APIMService.json", rules: []string{"TA-000036"}},
	{name: "api_subscriptions", policy: "3aa03346-d8c5-4994-a5bc-7652c2a2aef1", template: "APIMService.json", rules: []string{"TA-000037"}},
	{name: "api_backends", policy: "c15dcc82-b93c-4dcb-9332-fbf121685b54", template: "APIMService.json", rules: []string{"TA-000038"}, differ: map[string]string{
		"known-after-apply-serviceName/safe-v2-DefinedCert":   "the policy looks into a list, and the template has a text",
		"known-after-apply-serviceName/safe-v6-ServiceFabric": "the policy makes no exception of Service Fabric",
	}},
}

// builtinPolicies are those of the shared data with their default parameters.
type builtinPolicies struct {
	byName map[string]*azurepolicy.Policy
	all    []*azurepolicy.Policy
}

var loaded struct {
	sync.Once
	builtinPolicies
}

// builtins reads them once for all tests.
func builtins(t *testing.T) *builtinPolicies {
	t.Helper()
	loaded.Do(func() { loaded.builtinPolicies = readBuiltins(t) })
	if len(loaded.all) == 0 {
		t.Skip("the definitions were not read")
	}
	return &loaded.builtinPolicies
}

func readBuiltins(t *testing.T) builtinPolicies {
	t.Helper()
	aliases, err := azurepolicy.ReadAliases(unzipped(t, "policy-aliases.csv.gz"))
	if err != nil {
		t.Fatal(err)
	}
	b := builtinPolicies{byName: map[string]*azurepolicy.Policy{}}
	for _, line := range lines(t, "policy-definitions.jsonl.gz") {
		d, err := azurepolicy.ParseDefinition(line)
		if err != nil {
			t.Fatal(err)
		}
		p, err := azurepolicy.Compile(d, azurepolicy.Options{Aliases: aliases})
		if err != nil {
			continue // a parameter has no default, or the mode is another
		}
		b.byName[d.Name] = p
		b.all = append(b.all, p)
	}
	return b
}

// TestAnalyzer compares with what template-analyzer expects of its own rules:
// which resources fail.
func TestAnalyzer(t *testing.T) {
	t.Parallel()
	files, policies := corpus(t, "arm-templates-template-analyzer"), builtins(t)
	for _, c := range compared {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			p := policies.byName[c.policy]
			if p == nil {
				t.Fatalf("there is no definition %s", c.policy)
			}
			name := analyzerTests + c.rules[0] + "/" + c.template
			r, err := template.Expand(template.File{Name: name, Content: files[name].Data}, template.Options{Files: files, Path: name, At: time.Unix(1.7e9, 0)})
			if err != nil {
				t.Fatal(err)
			}
			want := map[string]string{}
			for _, rule := range c.rules {
				for _, line := range expected(t, files[analyzerTests+rule+"/"+rule+".json"].Data, c.template) {
					want[at(r, line)] = "fail"
				}
			}
			got := map[string]string{}
			checker := azurepolicy.NewChecker(r.Estate, time.Unix(1.7e9, 0))
			for one := range checker.Check([]*azurepolicy.Policy{p}) {
				if one.State == azurepolicy.Pass {
					continue
				}
				got[owner(one.Resource.ID)] = one.State.String()
			}
			for id, why := range c.differ {
				if got[id] == want[id] {
					t.Errorf("%s no longer differs: %s", id, why)
				}
				delete(got, id)
				delete(want, id)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("(-template-analyzer +ours)\n%s", diff)
			}
		})
	}
}

// expected are the lines that template-analyzer reports.
func expected(t *testing.T, raw []byte, of string) []int {
	t.Helper()
	var all []struct {
		Template         string
		ReportedFailures []struct{ LineNumber int }
	}
	if err := json.Unmarshal(bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf")), &all); err != nil {
		t.Fatal(err)
	}
	var lines []int
	for _, one := range all {
		if one.Template == of {
			for _, f := range one.ReportedFailures {
				lines = append(lines, f.LineNumber)
			}
		}
	}
	return lines
}

// at is the resource that a line stands in.
func at(r *template.Result, line int) string {
	var best template.Resource
	for _, one := range r.Resources {
		if one.Line <= line && one.Line >= best.Line && !strings.HasSuffix(string(one.ID), "/config/web") {
			best = one
		}
	}
	return owner(best.ID)
}

// owner is the site of a record, and any other resource itself.
func owner(id azward.ResourceID) string {
	kind := strings.ToLower(id.Type())
	if slices.Contains([]string{"microsoft.web/sites/config", "microsoft.sql/servers/auditingsettings"}, kind) {
		id = id.Parent()
	}
	return path.Base(string(id.Parent())) + "/" + id.Name()
}
