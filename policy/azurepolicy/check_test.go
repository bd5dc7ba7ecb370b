package azurepolicy_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy/azurepolicy"
)

const subscription = "/subscriptions/11111111-2222-3333-4444-555555555555"

func parse(tb testing.TB, raw string) *azurepolicy.Definition {
	tb.Helper()
	d, err := azurepolicy.ParseDefinition([]byte(raw))
	if err != nil {
		tb.Fatal(err)
	}
	return d
}

func mustCompile(tb testing.TB, d *azurepolicy.Definition, o azurepolicy.Options) *azurepolicy.Policy {
	tb.Helper()
	p, err := azurepolicy.Compile(d, o)
	if err != nil {
		tb.Fatal(err)
	}
	return p
}

// TestUnsetOrUnread: what a missing property means depends on who gave the
// document.
func TestUnsetOrUnread(t *testing.T) {
	t.Parallel()
	p, err := audit(t, spelled(`{"field":"@missing","exists":false}`), azurepolicy.Options{Aliases: readAliases(t, sampleAliases)})
	if err != nil {
		t.Fatal(err)
	}
	guessed, err := audit(t, spelled(`{"field":"@unlisted","exists":false}`), azurepolicy.Options{Aliases: readAliases(t, sampleAliases)})
	if err != nil {
		t.Fatal(err)
	}
	bare := `{"id":"` + testID + `","type":"Microsoft.Test/resourceType","name":"one"}`
	for _, tc := range []struct {
		name   string
		source azward.Source
		body   string
		policy *azurepolicy.Policy
		want   azurepolicy.State
	}{
		{"resource_manager_returns_all_that_is_set", azward.SourceARM, sample, p, azurepolicy.Fail},
		{"resource_graph_may_leave_out", azward.SourceResourceGraph, sample, p, azurepolicy.Unknown},
		{"an_export_may_leave_out", azward.SourceExport, sample, p, azurepolicy.Unknown},
		{"without_properties", azward.SourceExport, bare, p, azurepolicy.Unknown},
		{"unlisted_alias", azward.SourceARM, sample, guessed, azurepolicy.Unknown},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := only(t, sampleEstate(t, tc.source, tc.body), tc.policy); got.State != tc.want {
				t.Errorf("got %s, want %s: %s", got.State, tc.want, got.Reason)
			}
		})
	}
	t.Run("an_export_that_the_user_vouches_for", func(t *testing.T) {
		t.Parallel()
		var b estate.Builder
		if err := b.AddARM(json.RawMessage(sample), estate.Provenance{Source: azward.SourceExport}); err != nil {
			t.Fatal(err)
		}
		b.AddListing(estate.Listing{Scope: "/", Type: estate.AllTypes, Status: estate.ListingDeclared})
		if got := only(t, b.Build(), p); got.State != azurepolicy.Fail {
			t.Errorf("got %s: %s", got.State, got.Reason)
		}
	})
	if diff := cmp.Diff([]string{"Microsoft.Test/resourceType/unlisted"}, guessed.Guessed); diff != "" {
		t.Error(diff)
	}
}

// TestApplicability follows the table of the page.
//
// Source: https://learn.microsoft.com/azure/governance/policy/concepts/policy-applicability
func TestApplicability(t *testing.T) {
	t.Parallel()
	e := sampleEstate(t, azward.SourceARM, sample)
	for _, tc := range []struct {
		name, mode, test string
		want             azurepolicy.State
	}{
		{"other_type", "All", `{"allOf":[{"field":"type","equals":"Microsoft.Test/other"},{"field":"tags.env","exists":true}]}`, azurepolicy.NotApplicable},
		{"type_matches_and_the_rest_does_not", "All", `{"allOf":[{"field":"type","equals":"Microsoft.Test/resourceType"},{"field":"tags.env","equals":"dev"}]}`, azurepolicy.Pass},
		{"other_type_negated", "All", `{"not":{"anyOf":[{"field":"type","equals":"Microsoft.Test/resourceType"},{"field":"tags.env","equals":"dev"}]}}`, azurepolicy.NotApplicable},
		{"kind_alone_is_not_looked_at", "All", `{"field":"kind","equals":"other"}`, azurepolicy.Pass},
		{"name_alone_is_not_looked_at", "All", `{"field":"name","equals":"other"}`, azurepolicy.Pass},
		{"type_and_kind", "All", `{"allOf":[{"field":"type","equals":"Microsoft.Test/resourceType"},{"field":"kind","equals":"other"}]}`, azurepolicy.Pass},
		{"type_kind_and_more", "All", `{"allOf":[{"field":"type","equals":"Microsoft.Test/resourceType"},{"field":"kind","equals":"other"},{"field":"tags.env","exists":true}]}`, azurepolicy.NotApplicable},
		{"type_name_and_more", "All", `{"allOf":[{"field":"type","equals":"Microsoft.Test/resourceType"},{"field":"name","equals":"other"},{"field":"tags.env","exists":true}]}`, azurepolicy.NotApplicable},
		{"indexed_with_location", "Indexed", `{"field":"tags.env","equals":"prod"}`, azurepolicy.Fail},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			d := parse(t, `{"name":"case","properties":{"mode":"`+tc.mode+`","policyRule":{"if":`+tc.test+`,"then":{"effect":"Deny"}}}}`)
			if got := only(t, e, mustCompile(t, d, azurepolicy.Options{})); got.State != tc.want {
				t.Errorf("got %s, want %s", got.State, tc.want)
			}
		})
	}
	t.Run("indexed_without_tags_and_location", func(t *testing.T) {
		t.Parallel()
		d := parse(t, `{"name":"case","properties":{"mode":"Indexed","policyRule":{"if":{"field":"name","equals":"one"},"then":{"effect":"audit"}}}}`)
		bare := sampleEstate(t, azward.SourceARM, `{"id":"`+testID+`","type":"Microsoft.Test/resourceType","name":"one","properties":{}}`)
		if got := only(t, bare, mustCompile(t, d, azurepolicy.Options{})); got.State != azurepolicy.NotApplicable {
			t.Errorf("got %s", got.State)
		}
	})
}

func TestEffects(t *testing.T) {
	t.Parallel()
	e := sampleEstate(t, azward.SourceARM, sample)
	for effect, want := range map[string]azurepolicy.State{
		"audit": azurepolicy.Fail, "Deny": azurepolicy.Fail, "modify": azurepolicy.Fail, "append": azurepolicy.Fail,
		"Disabled": azurepolicy.NotApplicable, "denyAction": azurepolicy.NotApplicable, "Manual": azurepolicy.Unknown,
	} {
		t.Run(effect, func(t *testing.T) {
			t.Parallel()
			d := parse(t, `{"name":"case","properties":{"policyRule":{"if":{"field":"name","equals":"one"},"then":{"effect":"`+effect+`"}}}}`)
			if got := only(t, e, mustCompile(t, d, azurepolicy.Options{})); got.State != want {
				t.Errorf("got %s, want %s", got.State, want)
			}
		})
	}
}

// TestIfNotExists: what is looked for is found, is not there, or was not read.
//
// Source: https://learn.microsoft.com/azure/governance/policy/concepts/effect-audit-if-not-exists
func TestIfNotExists(t *testing.T) {
	t.Parallel()
	const machine = group + "/providers/Microsoft.Compute/virtualMachines/vm"
	const vm = `{"id":"` + machine + `","type":"Microsoft.Compute/virtualMachines","name":"vm","location":"westeurope","properties":{}}`
	extension := func(name, publisher string) string {
		return `{"id":"` + machine + `/extensions/` + name + `","type":"Microsoft.Compute/virtualMachines/extensions","name":"` + name + `","location":"westeurope","properties":{"publisher":"` + publisher + `"}}`
	}
	const child = `"type":"Microsoft.Compute/virtualMachines/extensions","existenceCondition":{"allOf":[
{"field":"Microsoft.Compute/virtualMachines/extensions/publisher","equals":"Microsoft.Azure.Security"},{"field":"location","equals":"[field('location')]"}]}`
	watcher := func(in string) string {
		return `{"id":"` + subscription + `/resourceGroups/` + in + `/providers/Microsoft.Network/networkWatchers/w","type":"Microsoft.Network/networkWatchers","name":"w","location":"westeurope","properties":{}}`
	}
	elsewhere := `{"id":"` + subscription + `/resourceGroups/other/providers/Microsoft.Compute/virtualMachines/vm/extensions/a","type":"Microsoft.Compute/virtualMachines/extensions","name":"a","location":"westeurope","properties":{"publisher":"Microsoft.Azure.Security"}}`
	for _, tc := range []struct {
		name, details string
		others        []string
		listed        string
		want          azurepolicy.State
	}{
		{"child_found", child, []string{extension("a", "other"), extension("b", "microsoft.azure.security")}, "", azurepolicy.Pass},
		{"child_not_there", child, []string{extension("a", "other")}, "Microsoft.Compute/virtualMachines/extensions", azurepolicy.Fail},
		{"child_not_read", child, nil, "", azurepolicy.Unknown},
		{"child_of_another", child, []string{elsewhere}, "Microsoft.Compute/virtualMachines/extensions", azurepolicy.Fail},
		{"child_by_name", `"type":"Microsoft.Compute/virtualMachines/extensions","name":"[concat(field('name'),'/a')]"`, []string{extension("a", "x")}, "", azurepolicy.Pass},
		{"child_by_another_name", `"type":"Microsoft.Compute/virtualMachines/extensions","name":"b"`, []string{extension("a", "x")}, "Microsoft.Compute/virtualMachines/extensions", azurepolicy.Fail},
		{"one_child_by_name_does_not_do", `"type":"Microsoft.Compute/virtualMachines/extensions","name":"a","existenceCondition":{"field":"location","equals":"elsewhere"}`, []string{extension("a", "x")}, "", azurepolicy.Fail},
		{"any_child_of_a_name", `"type":"Microsoft.Compute/virtualMachines/extensions","name":"[concat(field('name'),'/?')]"`, []string{extension("a", "x")}, "", azurepolicy.Pass},
		{"same_group", `"type":"Microsoft.Network/networkWatchers"`, []string{watcher("shop")}, "", azurepolicy.Pass},
		{"other_group", `"type":"Microsoft.Network/networkWatchers"`, []string{watcher("other")}, "Microsoft.Network/networkWatchers", azurepolicy.Fail},
		{"named_group", `"type":"Microsoft.Network/networkWatchers","resourceGroupName":"other"`, []string{watcher("other")}, "", azurepolicy.Pass},
		{"subscription", `"type":"Microsoft.Network/networkWatchers","existenceScope":"Subscription"`, []string{watcher("other")}, "", azurepolicy.Pass},
		{
			"extension_resource", `"type":"Microsoft.Insights/diagnosticSettings"`,
			[]string{`{"id":"` + machine + `/providers/Microsoft.Insights/diagnosticSettings/d","type":"Microsoft.Insights/diagnosticSettings","name":"d","properties":{}}`},
			"", azurepolicy.Pass,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var b estate.Builder
			for _, body := range append(tc.others, vm) {
				if err := b.AddARM(json.RawMessage(body), estate.Provenance{Source: azward.SourceARM}); err != nil {
					t.Fatal(err)
				}
			}
			if tc.listed != "" {
				b.AddListing(estate.Listing{Scope: subscription, Type: tc.listed, Status: estate.ListingComplete})
			}
			d := parse(t, `{"name":"case","properties":{"mode":"Indexed","policyRule":{"if":{"field":"type","equals":"Microsoft.Compute/virtualMachines"},
"then":{"effect":"AuditIfNotExists","details":{`+tc.details+`}}}}}`)
			p := mustCompile(t, d, azurepolicy.Options{Aliases: readAliases(t, "Microsoft.Compute/virtualMachines/extensions/publisher,properties.publisher")})
			var all []azurepolicy.Result
			for r := range azurepolicy.NewChecker(b.Build(), evaluatedAt).Check([]*azurepolicy.Policy{p}) {
				all = append(all, r)
			}
			if len(all) != 1 || all[0].State != tc.want {
				t.Fatalf("got %v, want one %s", all, tc.want)
			}
			if tc.want == azurepolicy.Fail && len(all[0].Proof) == 0 && len(all[0].Leaves) < 2 {
				t.Error("an absence without a proof")
			}
			if tc.want == azurepolicy.Unknown && len(all[0].Gaps) == 0 {
				t.Error("unknown without a gap")
			}
		})
	}
}

// TestInside: private endpoint connections are looked for in the document that
// holds them, which is the proof that there are no others.
func TestInside(t *testing.T) {
	t.Parallel()
	const account = group + "/providers/Microsoft.Storage/storageAccounts/a"
	const connection = `{"id":"` + account + `/privateEndpointConnections/c","name":"c","properties":{"privateLinkServiceConnectionState":{"status":"%"}}}`
	d := parse(t, `{"name":"case","properties":{"mode":"Indexed","policyRule":{"if":{"field":"type","equals":"Microsoft.Storage/storageAccounts"},"then":{"effect":"AuditIfNotExists","details":{
"type":"Microsoft.Storage/storageAccounts/privateEndpointConnections","existenceCondition":{"field":"Microsoft.Storage/storageAccounts/privateEndpointConnections/privateLinkServiceConnectionState.status","equals":"Approved"}}}}}}`)
	p := mustCompile(t, d, azurepolicy.Options{Aliases: readAliases(t,
		"Microsoft.Storage/storageAccounts/privateEndpointConnections/privateLinkServiceConnectionState.status,properties.privateLinkServiceConnectionState.status")})
	for held, want := range map[string]azurepolicy.State{
		`"privateEndpointConnections":[` + strings.ReplaceAll(connection, "%", "Approved") + `]`: azurepolicy.Pass,
		`"privateEndpointConnections":[` + strings.ReplaceAll(connection, "%", "Pending") + `]`:  azurepolicy.Fail,
		`"privateEndpointConnections":[]`: azurepolicy.Fail,
		`"other":1`:                       azurepolicy.Unknown,
	} {
		e := sampleEstate(t, azward.SourceARM, `{"id":"`+account+`","type":"Microsoft.Storage/storageAccounts","name":"a","location":"x","properties":{`+held+`}}`)
		for r := range azurepolicy.NewChecker(e, evaluatedAt).Check([]*azurepolicy.Policy{p}) {
			if r.State != want {
				t.Errorf("%s: got %s, want %s: %s", held, r.State, want, r.Reason)
			}
			if r.State == azurepolicy.Fail && r.Proof[0].Property != "/properties/privateEndpointConnections" {
				t.Errorf("proof %+v", r.Proof)
			}
		}
	}
}

// TestEmbeddedChildren: subnets are evaluated where the network's document
// holds them, and the evidence points into that document.
func TestEmbeddedChildren(t *testing.T) {
	t.Parallel()
	const network = group + "/providers/Microsoft.Network/virtualNetworks/net"
	e := sampleEstate(t, azward.SourceARM, `{"id":"`+network+`","type":"Microsoft.Network/virtualNetworks","name":"net","location":"x","properties":{"subnets":[
{"id":"`+network+`/subnets/a","name":"a","properties":{"networkSecurityGroup":{"id":"x"}}},{"id":"`+network+`/subnets/b","name":"b","properties":{"privateEndpointNetworkPolicies":"Disabled"}}]}}`)
	d := parse(t, `{"name":"case","properties":{"mode":"All","policyRule":{"if":{"allOf":[{"field":"type","equals":"Microsoft.Network/virtualNetworks/subnets"},
{"field":"Microsoft.Network/virtualNetworks/subnets/privateEndpointNetworkPolicies","equals":"Disabled"}]},"then":{"effect":"audit"}}}}`)
	p := mustCompile(t, d, azurepolicy.Options{Aliases: readAliases(t, "Microsoft.Network/virtualNetworks/subnets/privateEndpointNetworkPolicies,properties.privateEndpointNetworkPolicies")})
	got := map[string]string{}
	for r := range azurepolicy.NewChecker(e, evaluatedAt).Check([]*azurepolicy.Policy{p}) {
		last := r.Leaves[len(r.Leaves)-1].Evidence()
		got[r.Resource.Name] = r.State.String() + " " + last.Resource.Name() + last.Property
		if held, _ := e.Resource(last.Resource); held == nil || held.SHA256() != last.SHA256 {
			t.Error("the evidence cites a document that the estate does not hold")
		}
	}
	want := map[string]string{
		"a": "pass net/properties/subnets/0/properties/privateEndpointNetworkPolicies",
		"b": "fail net/properties/subnets/1/properties/privateEndpointNetworkPolicies",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}

const tagDefinition = `{"id":"/providers/Microsoft.Authorization/policyDefinitions/tag","name":"tag","properties":{"displayName":"Tag","mode":"Indexed","version":"1.2.0",
"parameters":{"name":{"type":"String"},"effect":{"type":"String","defaultValue":"Audit"}},
"policyRule":{"if":{"field":"[concat('tags[',parameters('name'),']')]","exists":false},"then":{"effect":"[parameters('effect')]"}}}}`

const tagInitiative = `{"id":"/providers/Microsoft.Authorization/policySetDefinitions/tags","name":"tags","properties":{"displayName":"Tags","version":"3.0.1",
"parameters":{"first":{"type":"String","defaultValue":"env"},"second":{"type":"String"}},
"policyDefinitionGroups":[{"name":"G1","category":"Tagging","displayName":"One"}],
"policyDefinitions":[
{"policyDefinitionReferenceId":"one","policyDefinitionId":"/providers/microsoft.authorization/policydefinitions/TAG","definitionVersion":"1.*.*","groupNames":["G1"],"parameters":{"name":{"value":"[parameters('first')]"}}},
{"policyDefinitionReferenceId":"two","policyDefinitionId":"/providers/Microsoft.Authorization/policyDefinitions/tag","parameters":{"name":{"value":"[parameters('second')]"}}},
{"policyDefinitionReferenceId":"pinned","policyDefinitionId":"/providers/Microsoft.Authorization/policyDefinitions/tag","definitionVersion":"2.*.*"},
{"policyDefinitionReferenceId":"lost","policyDefinitionId":"/providers/Microsoft.Authorization/policyDefinitions/nowhere"}]}}`

func tagCatalog(tb testing.TB) *azurepolicy.Catalog {
	tb.Helper()
	var c azurepolicy.Catalog
	err := azurepolicy.Documents(strings.NewReader(`{"value":[`+tagDefinition+`,`+tagInitiative+`]}`), "tags.json", c.AddDocument)
	if err != nil {
		tb.Fatal(err)
	}
	return &c
}

func TestInitiative(t *testing.T) {
	t.Parallel()
	c := tagCatalog(t)
	s, ok := c.Initiative("TAGS")
	if !ok {
		t.Fatal("it is not found by its name")
	}
	policies, skipped := c.Of(s, nil)
	if len(policies) != 1 || policies[0].From.Reference != "one" || policies[0].Groups[0] != "G1" {
		t.Errorf("got %+v", policies)
	}
	reasons := map[string]bool{}
	for _, s := range skipped {
		reasons[s.Name+": "+s.Reason] = s.Needs
	}
	want := map[string]bool{
		`two: parameter "name" has no default value: give its value with an assignment`:    true,
		`pinned: version 1.2.0 of the definition was read, and version 2.*.* is asked for`: false,
		`lost: its definition was not read`:                                                false,
	}
	if diff := cmp.Diff(want, reasons); diff != "" {
		t.Error(diff)
	}
	policies, _ = c.Of(s, map[string]json.RawMessage{"Second": json.RawMessage(`"owner"`)})
	if len(policies) != 2 {
		t.Errorf("with a value %d compile", len(policies))
	}
}

// TestAssignment: what an assignment says decides where a policy applies.
//
// Sources: https://learn.microsoft.com/azure/governance/policy/concepts/assignment-structure
// and https://learn.microsoft.com/azure/governance/policy/concepts/exemption-structure
func TestAssignment(t *testing.T) {
	t.Parallel()
	const assigned = `"policyDefinitionId":"/providers/Microsoft.Authorization/policySetDefinitions/tags","parameters":{"first":{"value":"owner"},"second":{"value":"env"}}`
	exemption := func(properties string) string {
		return `{"id":"` + group + `/providers/Microsoft.Authorization/policyExemptions/x","type":"Microsoft.Authorization/policyExemptions","name":"x","properties":{"policyAssignmentId":"` +
			subscription + `/providers/Microsoft.Authorization/policyAssignments/a",` + properties + `}}`
	}
	for _, tc := range []struct {
		name, id, properties, other string
		want                        string // states of references one and two
	}{
		{"in_scope", subscription, "", "", "fail pass"},
		{"another_group", subscription + "/resourceGroups/other", "", "", ""},
		{"excluded", subscription, `,"notScopes":["` + group + `"]`, "", ""},
		{"excluded_elsewhere", subscription, `,"notScopes":["` + group + `2"]`, "", "fail pass"},
		{"root", "/providers/Microsoft.Management/managementGroups/tenant", "", `{"id":"` + subscription + `","type":"Microsoft.Resources/subscriptions","name":"s","tenantId":"tenant","properties":{}}`, "fail pass"},
		{"management_group_not_known", "/providers/Microsoft.Management/managementGroups/m", "", "", "unknown unknown"},
		{
			"management_group_above", "/providers/Microsoft.Management/managementGroups/m", "",
			`{"id":"` + subscription + `","type":"Microsoft.Resources/subscriptions","name":"s","properties":{"managementGroupAncestorsChain":[{"name":"M"}]}}`, "fail pass",
		},
		{
			"management_group_elsewhere", "/providers/Microsoft.Management/managementGroups/m", "",
			`{"id":"` + subscription + `","type":"Microsoft.Resources/subscriptions","name":"s","properties":{"managementGroupAncestorsChain":[{"name":"n"}]}}`, "",
		},
		{"selected_location", subscription, `,"resourceSelectors":[{"selectors":[{"kind":"resourceLocation","in":["eastus2"]}]}]`, "", "fail pass"},
		{"selected_other_location", subscription, `,"resourceSelectors":[{"selectors":[{"kind":"resourceLocation","notIn":["eastus2"]}]}]`, "", ""},
		{"selected_type_or_location", subscription, `,"resourceSelectors":[{"selectors":[{"kind":"resourceType","in":["Microsoft.Other/x"]}]},{"selectors":[{"kind":"resourceLocation","in":["eastus2"]}]}]`, "", "fail pass"},
		{"selector_not_known", subscription, `,"resourceSelectors":[{"selectors":[{"kind":"phaseOfTheMoon","in":["full"]}]}]`, "", "unknown unknown"},
		{"effect_overridden", subscription, `,"overrides":[{"kind":"policyEffect","value":"disabled","selectors":[{"kind":"policyDefinitionReferenceId","in":["one"]}]}]`, "", "pass"},
		{"effect_overridden_elsewhere", subscription, `,"overrides":[{"kind":"policyEffect","value":"disabled","selectors":[{"kind":"resourceLocation","in":["westus"]}]}]`, "", "fail pass"},
		{"version_overridden", subscription, `,"overrides":[{"kind":"policyVersion","value":"4.0.0","selectors":[{"kind":"resourceLocation","in":["eastus2"]}]}]`, "", "unknown unknown"},
		{"not_enforced", subscription, `,"enforcementMode":"DoNotEnforce"`, "", "fail pass"},
		{"exempt", subscription, "", exemption(`"exemptionCategory":"Waiver"`), "exempt exempt"},
		{"exempt_one_reference", subscription, "", exemption(`"exemptionCategory":"Waiver","policyDefinitionReferenceIds":["ONE"]`), "exempt pass"},
		{"exemption_expired", subscription, "", exemption(`"expiresOn":"2026-04-30T23:59:00.0000000Z"`), "fail pass"},
		{"exemption_not_yet_expired", subscription, "", exemption(`"expiresOn":"2026-05-02T23:59:00.0000000Z"`), "exempt exempt"},
		{"exemption_unreadable", subscription, "", exemption(`"expiresOn":"next year"`), "unknown unknown"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			bodies := []string{sample, `{"id":"` + tc.id + `/providers/Microsoft.Authorization/policyAssignments/a","type":"Microsoft.Authorization/policyAssignments","name":"a","properties":{` + assigned + tc.properties + `}}`}
			if tc.other != "" {
				bodies = append(bodies, tc.other)
			}
			e := sampleEstate(t, azward.SourceARM, bodies...)
			all, gaps := azurepolicy.Assignments(e)
			if len(all) != 1 || len(gaps) > 0 {
				t.Fatalf("%d assignments, gaps %v", len(all), gaps)
			}
			if all[0].Enforced != (tc.name != "not_enforced") {
				t.Error("enforcement is misread")
			}
			policies, _ := tagCatalog(t).Assigned(all[0])
			var got []string
			for r := range azurepolicy.NewChecker(e, evaluatedAt).Check(policies) {
				if r.Resource.ID == testID {
					got = append(got, r.State.String())
				}
			}
			if diff := cmp.Diff(tc.want, strings.Join(got, " ")); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestAssignedDefinition: a definition of the tenant, assigned by itself.
func TestAssignedDefinition(t *testing.T) {
	t.Parallel()
	custom := strings.Replace(tagDefinition, "/providers/Microsoft.Authorization/policyDefinitions/tag", subscription+"/providers/Microsoft.Authorization/policyDefinitions/own", 1)
	assignment := func(of string) string {
		return `{"id":"` + group + `/providers/Microsoft.Authorization/policyAssignments/` + of + `","type":"Microsoft.Authorization/policyAssignments","name":"` + of + `","properties":{"policyDefinitionId":"` +
			subscription + `/providers/Microsoft.Authorization/policyDefinitions/` + of + `","parameters":{"name":{"value":"owner"},"effect":{"value":"Deny"}}}}`
	}
	e := sampleEstate(t, azward.SourceARM, sample, strings.Replace(custom, `"name":"tag",`, `"name":"own","type":"Microsoft.Authorization/policyDefinitions",`, 1), assignment("own"), assignment("lost"))
	var c azurepolicy.Catalog
	if gaps := c.ReadTenant(e); len(gaps) > 0 {
		t.Fatal(gaps)
	}
	all, _ := azurepolicy.Assignments(e)
	var policies []*azurepolicy.Policy
	var skipped []azurepolicy.Skipped
	for _, a := range all {
		p, s := c.Assigned(a)
		policies, skipped = append(policies, p...), append(skipped, s...)
	}
	if len(policies) != 1 || policies[0].Effect != "deny" || len(skipped) != 1 || skipped[0].Reason != "its definition was not read" {
		t.Fatalf("got %v, skipped %v", policies, skipped)
	}
	for r := range azurepolicy.NewChecker(e, time.Time{}).Check(policies) {
		if r.Resource.ID == testID && r.State != azurepolicy.Fail {
			t.Errorf("got %s", r.String())
		}
	}
}

// TestLeaves: the comparison that decided is told, and no other.
func TestLeaves(t *testing.T) {
	t.Parallel()
	e := sampleEstate(t, azward.SourceARM, sample)
	p, err := audit(t, spelled(`{"allOf":[{"field":"type","equals":"Microsoft.Test/resourceType"},{"anyOf":[{"field":"@number","equals":8},
{"count":{"field":"@objectArray[*]","where":{"field":"@objectArray[*].property","equals":"value2"}},"greater":0}]}]}`), azurepolicy.Options{Aliases: readAliases(t, sampleAliases)})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range only(t, e, p).Leaves {
		got = append(got, strings.Join([]string{l.Field, l.Path, string(l.Value), l.Operator, string(l.Expected), l.Answer.String()}, " "))
		if at := l.Evidence(); at.Resource != testID || at.SHA256 == "" || at.Meaning == "" {
			t.Errorf("evidence %+v", at)
		}
	}
	want := []string{
		`type /type "Microsoft.Test/resourceType" equals "Microsoft.Test/resourceType" yes`,
		`Microsoft.Test/resourceType/objectArray[*].property /properties/objectArray/1/property "value2" equals "value2" yes`,
		`count Microsoft.Test/resourceType/objectArray[*]  1 greater 0 yes`,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
}
