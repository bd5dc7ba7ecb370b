package policy_test

import (
	"slices"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward/policy"
	"github.com/azward/azward/policy/azurepolicy"
	"github.com/azward/azward/report"
)

// try evaluates one condition on a case, both as YAML.
func try(t *testing.T, kind, condition, c string) (*policy.Rule, policy.Result) {
	t.Helper()
	indent := func(s string, by string) string { return strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n"+by) }
	about := "types: [" + kind + "]"
	if kind == "tenant" || kind == "subscription" {
		about = "scope: " + kind
	}
	text := "rules:\n- id: it\n  title: T\n  severity: low\n  " + about + "\n  passes_when: |-\n    " + indent(condition, "    ") +
		"\n  cases:\n  - want: pass\n    " + indent(c, "    ") + "\n"
	rules := parse(t, text)
	got, err := rules[0].Try(&rules[0].Cases[0])
	if err != nil {
		t.Fatal(err)
	}
	return rules[0], got
}

func TestConditions(t *testing.T) {
	t.Parallel()
	const storage = "Microsoft.Storage/storageAccounts"
	for name, c := range map[string]struct {
		kind, condition, is string
		want                string
		paths               []string // that decided
		reason              string   // part of it
	}{
		"names_without_case":     {storage, `resource.Properties.MINIMUMTLSVERSION == "TLS1_2"`, `resource: {properties: {minimumTlsVersion: TLS1_2}}`, "pass", []string{"properties", "properties.minimumTlsVersion"}, ""},
		"unset_is_null":          {storage, `resource.properties.a.b.c == null`, `resource: {}`, "pass", []string{"properties", "properties.a"}, ""},
		"null_is_unset":          {storage, `has(resource.properties.a)`, `resource: {properties: {a: null}}`, "fail", nil, ""},
		"walk_over_unset":        {storage, `!resource.properties.list.exists(x, x == 1) && resource.properties.list.all(x, x == 1)`, `resource: {}`, "pass", nil, ""},
		"in_unset":               {storage, `!("a" in items(estate, resource.properties.list))`, `resource: {}`, "pass", nil, ""},
		"less_than_unset":        {storage, `resource.properties.days > 7`, `resource: {}`, "unknown", nil, "/properties/days is not set, and the condition does not say what that means"},
		"text_for_a_number":      {storage, `resource.properties.days > 7`, `resource: {properties: {days: many}}`, "unknown", nil, "/properties/days holds a string"},
		"unset_or":               {storage, `resource.properties.days > 7 || resource.kind == "X"`, `resource: {kind: X}`, "pass", []string{"kind"}, ""},
		"null_is_not_false":      {storage, `resource.properties.on == false`, `resource: {}`, "fail", nil, ""},
		"unread":                 {storage, `resource.properties.a == null`, "resource: {}\nnot_read: [properties.a]", "unknown", nil, "/properties/a was not read: Resource Graph"},
		"unread_that_is_there":   {storage, `resource.properties.a == 1`, "resource: {properties: {a: 1}}\nnot_read: [properties.b]", "pass", nil, ""},
		"unread_and_false":       {storage, `resource.properties.a == 1 && resource.properties.b == 1`, "resource: {properties: {b: 2}}\nnot_read: [properties.a]", "fail", []string{"properties.b"}, ""},
		"unread_or_true":         {storage, `resource.properties.a == 1 || resource.properties.b == 2`, "resource: {properties: {b: 2}}\nnot_read: [properties.a]", "pass", []string{"properties.b"}, ""},
		"unread_list":            {storage, `resource.properties.a.exists(x, x == 1)`, "resource: {}\nnot_read: [properties.a]", "unknown", nil, "/properties/a was not read"},
		"negated_unread":         {storage, `!(resource.properties.a == 1)`, "resource: {}\nnot_read: [properties.a]", "unknown", nil, ""},
		"or_keeps_what_decides":  {storage, `resource.properties.a == 1 || resource.properties.b == 2 || resource.properties.c == 3`, `resource: {properties: {a: 0, b: 2, c: 3}}`, "pass", []string{"properties.b"}, ""},
		"and_keeps_what_decides": {storage, `resource.properties.a == 1 && resource.properties.b == 0 && resource.properties.c == 3`, `resource: {properties: {a: 1, b: 2, c: 3}}`, "fail", []string{"properties.b"}, ""},
		"walk_keeps_its_element": {storage, `!resource.properties.r.exists(x, x.a == 1 && x.b == 2)`, `resource: {properties: {r: [{a: 1, b: 1}, {a: 1, b: 2}, {a: 3}]}}`, "fail", []string{"properties.r[*].a", "properties.r[*].b"}, ""},
		"elements":               {storage, `resource.properties.r.all(x, x.startsWith("a"))`, `resource: {properties: {r: [ab, ac]}}`, "pass", []string{"properties.r[*]"}, ""},
		"is_without_case":        {storage, `resource.properties.a.is("enabled") && resource.properties.b.is("true") && resource.properties.a.among(["X", "ENABLED"]) && !resource.properties.c.is("x")`, `resource: {properties: {a: Enabled, b: true}}`, "pass", nil, ""},
		"times":                  {storage, `now - time(resource.properties.at) > days(30) && time(resource.properties.seconds) < now`, `resource: {properties: {at: "2026-04-01T00:00:00.1234567Z", seconds: 1700000000}}`, "pass", nil, ""},
		"no_time":                {storage, `time(resource.properties.at) < now`, `resource: {properties: {at: soon}}`, "unknown", nil, "no time of RFC 3339"},
		"addresses":              {storage, `is_any_address("Internet") && is_any_address("0.0.0.0/0") && !is_any_address("10.0.0.0/8") && is_public_address("8.8.8.8") && !is_public_address("100.64.0.1") && !is_public_address("192.168.0.0/16")`, `resource: {}`, "pass", nil, ""},
		"ports":                  {storage, `covers_port("20-25", 22) && covers_port("*", 22) && covers_port(["80", "22"], 22) && !covers_port("443", 22) && !covers_port(null, 22) && covers_port("80, 22", 22)`, `resource: {}`, "pass", nil, ""},
		"no_port":                {storage, `covers_port(resource.properties.p, 22)`, `resource: {properties: {p: ssh}}`, "unknown", nil, "no range of ports"},
		"texts":                  {storage, `lower(resource.kind) == "storagev2" && text(resource.properties.x) == "" && text(resource.properties.n) == "3"`, `resource: {kind: StorageV2, properties: {n: 3}}`, "pass", nil, ""},
		"not_a_truth":            {storage, `resource.properties.a`, `resource: {properties: {a: Enabled}}`, "unknown", nil, "gives string, not true or false"},
		"keys_of_an_object":      {storage, `resource.tags.exists(k, k == "owner" && resource.tags[k] == "shop")`, `resource: {tags: {owner: shop}}`, "pass", nil, ""},
		"size":                   {storage, `size(items(estate, resource.properties.r)) == 2 && size(items(estate, resource.properties.none)) == 0`, `resource: {properties: {r: [1, 2]}}`, "pass", nil, ""},
		"same_list":              {storage, `resource.properties.r == ["a"] && ["a"] == resource.properties.r && resource.properties.r != []`, `resource: {properties: {r: [a]}}`, "pass", nil, ""},
		"filter_and_map":         {storage, `resource.properties.r.filter(x, x.on == true).map(x, x.name) == ["b"]`, `resource: {properties: {r: [{name: a, on: false}, {name: b, on: true}]}}`, "pass", nil, ""},

		"children_all_read":    {"Microsoft.Sql/servers", `resource.children("Microsoft.Sql/servers/databases").all(d, d.properties.zoneRedundant == true)`, "resource: {}\nrelated: [{type: Microsoft.Sql/servers/databases, properties: {zoneRedundant: true}}]", "pass", nil, ""},
		"children_not_read":    {"Microsoft.Sql/servers", `resource.children("Microsoft.Sql/servers/databases").all(d, d.properties.zoneRedundant == true)`, "resource: {}\nrelated: [{type: Microsoft.Sql/servers/databases, properties: {zoneRedundant: true}}]\nnot_read: [Microsoft.Sql/servers/databases]", "unknown", nil, "the case says that it was not read"},
		"one_child_decides":    {"Microsoft.Sql/servers", `resource.children("Microsoft.Sql/servers/databases").all(d, d.properties.zoneRedundant == true)`, "resource: {}\nrelated: [{type: Microsoft.Sql/servers/databases, properties: {zoneRedundant: false}}]\nnot_read: [Microsoft.Sql/servers/databases]", "fail", nil, ""},
		"some_child":           {"Microsoft.Sql/servers", `some(resource.children("Microsoft.Sql/servers/databases"))`, "resource: {}\nnot_read: [Microsoft.Sql/servers/databases]", "unknown", nil, ""},
		"size_of_open":         {"Microsoft.Sql/servers", `size(resource.children("Microsoft.Sql/servers/databases")) < 3`, "resource: {}\nnot_read: [Microsoft.Sql/servers/databases]", "unknown", nil, ""},
		"no_child":             {"Microsoft.Sql/servers", `!some(resource.children("Microsoft.Sql/servers/databases"))`, "resource: {}", "pass", nil, ""},
		"parent":               {"Microsoft.Sql/servers/databases", `resource.parent().properties.version == "12.0"`, "resource: {}\nrelated: [{type: Microsoft.Sql/servers, properties: {version: '12.0'}}]", "pass", []string{"properties", "properties.version"}, ""},
		"ref":                  {storage, `estate.ref(resource.properties.key).properties.x == 1 && estate.ref(resource.properties.none) == null`, "resource: {properties: {key: /subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/example/providers/Microsoft.KeyVault/vaults/example}}\nrelated: [{type: Microsoft.KeyVault/vaults, properties: {x: 1}}]", "pass", nil, ""},
		"ref_not_read":         {storage, `estate.ref(resource.properties.key) != null`, "resource: {properties: {key: /subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/example/providers/Microsoft.KeyVault/vaults/example}}\nnot_read: [Microsoft.KeyVault/vaults]", "unknown", nil, ""},
		"ref_gone":             {storage, `estate.ref(resource.properties.key) == null`, "resource: {properties: {key: /subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/example/providers/Microsoft.KeyVault/vaults/example}}", "pass", nil, ""},
		"list_in_subscription": {"subscription", `estate.list("Microsoft.Network/networkWatchers").exists(w, w.location == "westeurope")`, "related: [{type: Microsoft.Network/networkWatchers, location: westeurope}]", "pass", nil, ""},
		"list_not_read":        {"subscription", `estate.list("Microsoft.Network/networkWatchers").exists(w, w.location == "westeurope")`, "not_read: [Microsoft.Network/networkWatchers]", "unknown", nil, ""},
		"directory":            {"tenant", `estate.directory("conditionalAccessPolicies").exists(p, p.state == "enabled")`, "related: [{type: Microsoft.Graph/conditionalAccessPolicies, id: a, state: disabled}]", "fail", nil, ""},
		"directory_not_read":   {"tenant", `estate.directory("conditionalAccessPolicies").exists(p, p.state == "enabled")`, "related: [{type: Microsoft.Graph/conditionalAccessPolicies, id: a, state: disabled}]\nnot_read: [Microsoft.Graph/conditionalAccessPolicies]", "unknown", nil, ""},
		"graph_not_selected":   {"Microsoft.Graph/users", `resource.accountEnabled == false`, "resource: {displayName: Kim}", "unknown", nil, "/accountEnabled was not read: Microsoft Graph"},
		"graph_within":         {"Microsoft.Graph/users", `resource.signInActivity.lastSignInDateTime == null`, "resource: {signInActivity: {}}", "pass", nil, ""},
		"assignments_inherited": {
			storage, `resource.role_assignments().exists(a, a.properties.principalId == "p" && a.role().properties.roleName == "Owner")`,
			`resource: {}
related:
- type: Microsoft.Authorization/roleAssignments
  id: /subscriptions/00000000-0000-0000-0000-000000000001/providers/Microsoft.Authorization/roleAssignments/a
  properties: {principalId: p, scope: /subscriptions/00000000-0000-0000-0000-000000000001, roleDefinitionId: /subscriptions/00000000-0000-0000-0000-000000000001/providers/Microsoft.Authorization/roleDefinitions/o}
- type: Microsoft.Authorization/roleDefinitions
  id: /providers/Microsoft.Authorization/roleDefinitions/o
  properties: {roleName: Owner}`, "pass", nil, "",
		},
		"assignments_of": {
			storage, `some(estate.role_assignments_of("P")) && !some(estate.role_assignments_of("q"))`,
			`resource: {}
related: [{type: Microsoft.Authorization/roleAssignments, id: /subscriptions/00000000-0000-0000-0000-000000000001/providers/Microsoft.Authorization/roleAssignments/a, properties: {principalId: p}}]`, "pass", nil, "",
		},
		"diagnostics": {
			"Microsoft.KeyVault/vaults", `resource.diagnostic_settings().exists(d, d.properties.logs.exists(l, l.enabled))`,
			`resource: {}
related: [{type: Microsoft.Insights/diagnosticSettings, id: /subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/example/providers/Microsoft.KeyVault/vaults/example/providers/Microsoft.Insights/diagnosticSettings/d, properties: {logs: [{enabled: true}]}}]`, "pass", nil, "",
		},
		"site_config":          {"Microsoft.Web/sites", `resource.site_config().minTlsVersion == "1.2"`, "resource: {}\nrelated: [{type: Microsoft.Web/sites/config, id: /subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/example/providers/Microsoft.Web/sites/example/config/web, properties: {minTlsVersion: '1.2'}}]", "pass", nil, ""},
		"site_config_not_read": {"Microsoft.Web/sites", `resource.site_config().minTlsVersion == "1.2"`, "resource: {properties: {siteConfig: {minTlsVersion: null}}}", "unknown", nil, "config/web"},
		"site_config_in_list":  {"Microsoft.Web/sites", `resource.properties.siteConfig.minTlsVersion == "1.2"`, "resource: {properties: {siteConfig: {minTlsVersion: null}}}", "unknown", nil, "leaves siteConfig out"},
		"containers_of_a_cronjob": {
			"CronJob.batch", `resource.containers().all(c, c.securityContext.privileged != true)`,
			"resource: {spec: {jobTemplate: {spec: {template: {spec: {containers: [{name: a}], initContainers: [{name: b, securityContext: {privileged: true}}]}}}}}}", "fail",
			[]string{"spec.jobTemplate.spec.template.spec.initContainers[*].securityContext", "spec.jobTemplate.spec.template.spec.initContainers[*].securityContext.privileged"},
			"",
		},
		"pod_spec": {"Pod", `resource.pod_spec().hostNetwork == true`, "resource: {spec: {hostNetwork: true, containers: [{name: a}]}}", "pass", []string{"spec.hostNetwork"}, ""},
		"subnet_within_vnet": {
			"Microsoft.Network/virtualNetworks", `resource.children("Microsoft.Network/virtualNetworks/subnets").all(s, s.properties.networkSecurityGroup != null)`,
			"resource: {properties: {subnets: [{id: /subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/example/providers/Microsoft.Network/virtualNetworks/example/subnets/a, name: a, properties: {}}]}}", "fail", nil, "",
		},
		"not_a_resource": {storage, `some(resource.properties.children("X/y"))`, "resource: {}", "unknown", nil, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, got := try(t, c.kind, c.condition, c.is)
			if got.State.String() != c.want || !strings.Contains(got.Reason, c.reason) {
				t.Fatalf("%s (%s), want %s (%s)", got.State, got.Reason, c.want, c.reason)
			}
			if c.paths != nil {
				if diff := cmp.Diff(c.paths, got.Paths()[max(0, len(got.Paths())-len(c.paths)):]); diff != "" {
					t.Errorf("(-want +got)\n%s", diff)
				}
			}
			if got.State == azurepolicy.Unknown && len(got.Gaps) == 0 && got.Reason == "" {
				t.Error("unknown without a reason")
			}
		})
	}
}

// TestPosture: what is cited are the properties that decided, with their
// provenance.
func TestPosture(t *testing.T) {
	t.Parallel()
	_, got := try(t, "Microsoft.Storage/storageAccounts", `resource.properties.networkAcls.defaultAction.is("Deny") || resource.properties.publicNetworkAccess.is("Disabled")`,
		"resource: {properties: {networkAcls: {defaultAction: Allow}}}")
	p := got.Posture()
	var cited []string
	for _, e := range p.Evidence {
		cited = append(cited, e.Property+"="+string(e.Value)+" "+string(e.Source))
		if e.SHA256 == "" || e.Resource != p.Resource {
			t.Errorf("evidence %+v", e)
		}
	}
	if diff := cmp.Diff([]string{`/properties/networkAcls/defaultAction="Allow" arm`, "/properties/publicNetworkAccess=null arm"}, cited); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if want := `properties.networkAcls.defaultAction is "Allow", properties.publicNetworkAccess is not set`; p.Reason != want || p.Result != "fail" {
		t.Errorf("%s: %s", p.Result, p.Reason)
	}
}

// TestProblems: each names file, line, rule and what is wrong; the other rules
// of the file load.
func TestProblems(t *testing.T) {
	t.Parallel()
	const good = "- {id: good, title: T, severity: low, types: [A/b], passes_when: 'true'}\n"
	one := func(fields string) string {
		return "rules:\n" + good + "- id: bad\n  title: T\n  severity: low\n  types: [A/b]\n" + fields
	}
	for name, c := range map[string]struct{ text, want string }{
		"unknown_function": {one("  passes_when: resource.shine()\n"), "f.yaml:7: rule bad: passes_when: line 1, column 15 of the condition: undeclared reference to 'shine'"},
		"type_error":       {one("  passes_when: '1 + \"a\" == 2'\n"), "f.yaml:7: rule bad: passes_when: line 1, column 3 of the condition: found no matching overload"},
		"no_boolean":       {one("  passes_when: size(\"abc\")\n"), "rule bad: passes_when: the condition gives int, not true or false"},
		"syntax":           {one("  passes_when: 'resource.properties.('\n"), "rule bad: passes_when: line 1"},
		"blind_walk":       {one("  passes_when: estate.list('A/b').exists(x, true)\n"), "does not look at x"},
		"deep_walks":       {one("  passes_when: '[1].exists(a, [a].exists(b, [b].exists(c, [c].exists(d, d == 1))))'\n"), "nest deeper than 3"},
		"long":             {one("  passes_when: 'true" + strings.Repeat(" ", 9000) + "&& true'\n"), "longer than 8192 bytes"},
		"nested":           {one("  passes_when: '" + strings.Repeat("(", 100) + "true" + strings.Repeat(")", 100) + "'\n"), "passes_when"},
		"regex":            {one("  passes_when: resource.name.matches('" + strings.Repeat("(a{100}){10}", 20) + "')\n"), "rule bad: passes_when"},
		"unknown_key":      {one("  passes_when: 'true'\n  colour: red\n"), `f.yaml:8: rule bad: the key "colour" is not known`},
		"no_severity":      {"rules:\n" + good + "- {id: bad, title: T, types: [A/b], passes_when: 'true'}\n", "its severity"},
		"both_conditions":  {one("  passes_when: 'true'\n  fails_when: 'true'\n"), "passes_when or fails_when"},
		"no_condition":     {one(""), "it has no passes_when or fails_when"},
		"bad_id":           {"rules:\n" + good + "- {id: Bad Rule, title: T, severity: low, types: [A/b], passes_when: 'true'}\n", "words in lower case"},
		"types_and_scope":  {one("  scope: tenant\n  passes_when: 'true'\n"), "either types or scope"},
		"framework":        {one("  passes_when: 'true'\n  frameworks: [CIS]\n"), "NAME: ITEM"},
		"source":           {one("  passes_when: 'true'\n  source: http://example.org\n"), "https"},
		"case":             {one("  passes_when: 'true'\n  cases: [{want: maybe}]\n"), "a case wants"},
		"case_not_json":    {one("  passes_when: 'true'\n  cases: [{want: pass, resource: {a: .inf}}]\n"), "resource"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules, problems := policy.Parse("f.yaml", []byte(c.text))
			if len(rules) != 1 || rules[0].ID != "good" {
				t.Errorf("%d rules load", len(rules))
			}
			if len(problems) == 0 || !strings.Contains(problems[0].String(), c.want) {
				t.Errorf("%v, want %q", problems, c.want)
			}
		})
	}
	for name, c := range map[string]struct{ text, want string }{
		"anchor_bomb":   {"a: &a [x, x]\nb: &b [*a, *a]\nrules: [*b, *b]\n", "f.yaml:1: anchors and aliases are not allowed"},
		"merge":         {"rules:\n- {<<: {id: a}}\n", "merge keys are not allowed"},
		"duplicate_key": {"rules:\n- id: a\n  title: T\n  id: b\n", `f.yaml:4: the key "id" stands twice`},
		"deep":          {"rules: " + strings.Repeat("[", 200) + strings.Repeat("]", 200), "nests deeper than 64"},
		"no_yaml":       {"rules: [", "f.yaml:1: it is no YAML"},
		"two_documents": {"rules: []\n---\nrules: []\n", "a file holds one document"},
		"empty":         {"", "it is no YAML"},
		"list":          {"- a\n", "the key rules"},
		"text":          {"rules: a\n", "rules is a list"},
		"binary":        {"\x00\x01", "it is no YAML"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			rules, problems := policy.Parse("f.yaml", []byte(c.text))
			if len(rules) != 0 || len(problems) == 0 || !strings.Contains(problems[0].String(), c.want) {
				t.Errorf("%d rules, %v, want %q", len(rules), problems, c.want)
			}
		})
	}
}

// TestRunaway: a rule that costs too much is unknown, and soon.
func TestRunaway(t *testing.T) {
	t.Parallel()
	long := "[" + strings.TrimSuffix(strings.Repeat("0, ", 1000), ", ") + "]"
	for name, condition := range map[string]string{
		"literals": `[0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9,0,1,2,3,4,5,6,7,8,9].all(a, ` + nines + `.all(b, ` + nines + `.all(c, (a + b + c) * 2 - a - b - c >= 0 && [a].map(x, x) == [a])))`,
		"lists":    `resource.properties.l.all(a, resource.properties.l.all(b, resource.properties.l.all(c, a + b + c == 0)))`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if name == "literals" {
				condition = strings.ReplaceAll(condition, " && [a].map(x, x) == [a]", "")
			}
			_, got := try(t, "Microsoft.Storage/storageAccounts", condition, "resource: {properties: {l: "+long+"}}")
			if got.State != azurepolicy.Unknown || !strings.Contains(got.Reason, "costs too much") {
				t.Errorf("%s: %s", got.State, got.Reason)
			}
		})
	}
}

var nines = "[" + strings.TrimSuffix(strings.Repeat("9, ", 300), ", ") + "]"

func TestLoadRefusesTheSameIDTwice(t *testing.T) {
	t.Parallel()
	text := []byte("rules:\n- {id: same, title: T, severity: low, types: [A/b], passes_when: 'true'}\n")
	rules, problems, err := policy.Load(fstest.MapFS{"a.yaml": {Data: text}, "sub/b.yml": {Data: text}, "c.txt": {Data: []byte("x")}})
	if err != nil || len(rules) != 1 || len(problems) != 1 || !strings.Contains(problems[0].String(), "sub/b.yml:2: rule same: its ID is that of the rule at a.yaml:2") {
		t.Errorf("%v %v %v", rules, problems, err)
	}
}

func TestSuppress(t *testing.T) {
	t.Parallel()
	list, problems := policy.ParseSuppressions("s.yaml", []byte(`suppressions:
- {rule: "storage-*", scope: /subscriptions/A/resourceGroups/old, reason: it goes, by: Kim, expires: 2026-06-01}
- {rule: "*", resource: "*/vaults/test-*", reason: tests, by: Kim, expires: 2026-05-31}
- {rule: nothing, resource: "*", reason: r, by: Kim, expires: 2027-01-01}
- {rule: x, resource: "*", reason: no end, by: Kim}
- {rule: x, reason: nowhere, by: Kim, expires: 2027-01-01}
- {rule: x, resource: "*", by: Kim, expires: someday}
`))
	if len(list) != 3 || len(problems) != 5 || problems[0].String() != "s.yaml:5: it has no day on which it expires" {
		t.Fatalf("%d %v", len(list), problems)
	}
	at := time.Date(2026, 6, 1, 23, 0, 0, 0, time.UTC)
	results := []report.Posture{
		{Rule: "storage-https", Resource: "/subscriptions/a/resourceGroups/OLD/providers/A/b/c", Result: "fail"},
		{Rule: "storage-https", Resource: "/subscriptions/a/resourceGroups/older/providers/A/b/c", Result: "fail"},
		{Rule: "storage-https", Resource: "/subscriptions/a/resourceGroups/old/providers/A/b/c", Result: "pass"},
		{Rule: "vault", Resource: "/subscriptions/a/resourceGroups/x/providers/M/vaults/test-1", Result: "unknown"},
	}
	var got []string
	for i := range results {
		policy.Suppress(&results[i], list, at)
		got = append(got, results[i].Result)
	}
	if diff := cmp.Diff([]string{"suppressed", "fail", "pass", "unknown"}, got); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
	if s := results[0].Suppressed; s == nil || s.Was != "fail" || s.Reason != "it goes" || s.At != "s.yaml:2" {
		t.Errorf("%+v", s)
	}
	want := []string{"s.yaml:3: the suppression of * expired on 2026-05-31 and does not hold (tests)", "s.yaml:4: the suppression of nothing fits no result"}
	if diff := cmp.Diff(want, policy.Stale(list, at)); diff != "" {
		t.Errorf("(-want +got)\n%s", diff)
	}
}

func TestCompare(t *testing.T) {
	t.Parallel()
	reached := report.PostureRank{Exposed: 2, Reasons: []string{"it is reached"}}
	kept := report.PostureRank{Exposed: 1, Reasons: []string{"it is not reached"}}
	list := []report.Posture{
		{Rule: "g", Result: "pass", Severity: "critical"},
		{Rule: "d", Result: "fail", Severity: "high", Rank: kept},
		{Rule: "f", Result: "unknown", Severity: "critical"},
		{Rule: "c", Result: "fail", Severity: "high"},
		{Rule: "b", Result: "fail", Severity: "high", Rank: reached},
		{Rule: "e", Result: "fail", Severity: "low", Rank: reached},
		{Rule: "a", Result: "fail", Severity: "critical", Rank: kept},
	}
	slices.SortFunc(list, policy.Compare)
	var got string
	for _, p := range list {
		got += p.Rule
	}
	if got != "abcdefg" {
		t.Error(got)
	}
}

// FuzzParse: whatever a file holds, parsing ends, each problem has a line, and
// what loads can be tried on its cases.
func FuzzParse(f *testing.F) {
	f.Add([]byte("rules:\n- {id: a, title: T, severity: low, types: [A/b], passes_when: 'resource.a == 1', cases: [{want: pass, resource: {a: 1}}]}\n"))
	f.Add([]byte("rules: [&a {id: *a}]"))
	f.Add([]byte("rules:\n- id: a\n  id: b\n"))
	f.Add([]byte("rules:\n- {id: a, scope: tenant, title: T, severity: low, fails_when: 'estate.directory(\"x\").exists(y, y.z)', cases: [{want: unknown, not_read: [a/b]}]}\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		rules, problems := policy.Parse("f.yaml", text)
		for _, p := range problems {
			if p.Line < 1 || p.Why == "" {
				t.Errorf("problem %+v", p)
			}
		}
		for _, r := range rules {
			for i := range r.Cases {
				if got, err := r.Try(&r.Cases[i]); err == nil && got.State == azurepolicy.Unknown && got.Reason == "" {
					t.Errorf("unknown without a reason: %+v", got)
				}
			}
		}
	})
}
