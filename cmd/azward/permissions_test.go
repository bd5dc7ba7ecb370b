package main

import (
	"bytes"
	"encoding/json"
	"io"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/azuresim"
	"github.com/azward/azward/azuresim/scenario"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/scan"
	"github.com/azward/azward/verdict"
)

const contosoProduction = "/subscriptions/6b1f0c5e-8a42-4e0b-9a53-1d2f7c9e4a10"

// answersWithout scans the demo tenant with a principal that may read all of
// production but for one action.
func answersWithout(t *testing.T, action string) map[azward.VerdictID]azward.Verdict {
	t.Helper()
	tenant, err := scenario.Load(demoTenant)
	if err != nil {
		t.Fatal(err)
	}
	const guid = "11111111-2222-4333-8444-555555555555"
	body, err := json.Marshal(map[string]any{
		"id": contosoProduction + "/providers/Microsoft.Authorization/roleDefinitions/" + guid, "name": guid, "type": "Microsoft.Authorization/roleDefinitions",
		"properties": map[string]any{
			"roleName": "Reader without one", "type": "CustomRole", "assignableScopes": []string{contosoProduction},
			"permissions": []any{map[string]any{"actions": []string{"*/read"}, "notActions": []string{action}, "dataActions": []string{}, "notDataActions": []string{}}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	tenant.ARM = append(tenant.ARM, scenario.Record{ID: contosoProduction + "/providers/Microsoft.Authorization/roleDefinitions/" + guid, Body: body})
	for i, g := range tenant.Grants {
		if g.App == demoApp && g.Role == "Reader" && g.Scope == contosoProduction {
			tenant.Grants[i].Role = guid
		}
	}
	simulator, err := azuresim.Start(t.Context(), azuresim.Options{Scenario: tenant})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := simulator.Close(); err != nil {
			t.Error(err)
		}
	}()
	a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }, data: t.TempDir(), output: "json", logLevel: "warn", quiet: true}
	if err := a.prepare(); err != nil {
		t.Fatal(err)
	}
	for _, step := range []func() error{
		func() error { return a.demoConnect(t.Context(), tenant, simulator.CloudConfig()) },
		func() error { return a.demoAdvisories(t.Context(), tenant) },
		func() error { return a.scan(t.Context(), []string{demoTenant}, scanFlags{}) },
		a.close,
	} {
		if err := step(); err != nil {
			t.Fatalf("without %s: %v", action, err)
		}
	}
	answers := map[azward.VerdictID]azward.Verdict{}
	for _, v := range a.decided {
		answers[v.ID] = v
	}
	return answers
}

// Taking one read permission away never settles what was open, and never turns
// an answer into its opposite: verdicts only become unknown.
func TestFewerPermissionsNeverMoreCertain(t *testing.T) {
	t.Parallel()
	whole := answersWithout(t, "Microsoft.Nothing/things/read")
	if len(whole) < 20 {
		t.Fatalf("%d verdicts with all permissions", len(whole))
	}
	for _, action := range []string{
		"Microsoft.Network/networkSecurityGroups/read", "Microsoft.Network/loadBalancers/read", "Microsoft.Network/publicIPAddresses/read",
		"Microsoft.Network/virtualNetworks/read", "Microsoft.Network/applicationGateways/read", "Microsoft.Cdn/profiles/read",
		"Microsoft.Compute/virtualMachineScaleSets/read", "Microsoft.ContainerService/managedClusters/read", "Microsoft.ContainerInstance/containerGroups/read",
		"Microsoft.App/managedEnvironments/read", "Microsoft.App/containerApps/read", "Microsoft.Web/sites/config/read", "Microsoft.Web/sites/read",
	} {
		t.Run(strings.ReplaceAll(strings.TrimSuffix(action, "/read"), "/", "_"), func(t *testing.T) {
			t.Parallel()
			opened := 0
			for id, v := range answersWithout(t, action) {
				before, ok := whole[id]
				switch {
				case !ok || v.Exploitable == before.Exploitable:
				case v.Exploitable == azward.Unknown:
					opened++
				default:
					t.Errorf("%s in %s: %s, with the permission %s: %s", v.Vulnerability, v.Workload.Name, v.Exploitable, before.Exploitable, v.Summary)
				}
			}
			t.Logf("%d verdicts became unknown", opened)
		})
	}
}

// Every type that the demo's scan listed is taken away in turn, with what the
// lists held, and refusals are put in their place: no verdict turns into its
// opposite, none that was open is settled, and each that changed cites
// something else.
func TestLessKnowledgeNeverMoreCertain(t *testing.T) {
	t.Parallel()
	data, _ := demoData(t)
	e, index, at := demoEstate(t, data)
	decide := func(e *estate.Estate) map[azward.VerdictID]azward.Verdict {
		t.Helper()
		result, err := scan.Scan{Advisories: index}.Run(t.Context(), e, at)
		if err != nil {
			t.Fatal(err)
		}
		found := map[azward.VerdictID]azward.Verdict{}
		for _, v := range result.Verdicts {
			found[v.ID] = v
		}
		return found
	}
	var whole bytes.Buffer
	if err := e.Write(&whole); err != nil {
		t.Fatal(err)
	}
	before, lists, opened := decide(e), 0, 0
	types := map[string][]azward.ResourceID{}
	for _, l := range e.Listings() {
		types[strings.ToLower(l.Type)] = append(types[strings.ToLower(l.Type)], l.Scope)
	}
	for i, kind := range slices.Sorted(maps.Keys(types)) {
		if i%stride != 0 {
			continue
		}
		scopes := types[kind]
		after := decide(without(t, whole.Bytes(), kind, scopes))
		lists++
		for id, v := range after {
			was, ok := before[id]
			switch {
			case !ok:
				t.Errorf("without %s: a new verdict on %s in %s", kind, v.Vulnerability, v.Workload.Name)
			case v.Exploitable == was.Exploitable:
			case v.Exploitable == azward.Unknown:
				opened++
				if verdict.Footing(v) == verdict.Footing(was) {
					t.Errorf("without %s: %s in %s became unknown and rests on the same", kind, v.Vulnerability, v.Workload.Name)
				}
			default:
				t.Errorf("without %s: %s in %s is %s, and was %s: %s", kind, v.Vulnerability, v.Workload.Name, v.Exploitable, was.Exploitable, v.Summary)
			}
		}
	}
	t.Logf("%d types taken away: verdicts became unknown %d times, and none more certain", lists, opened)
	if opened == 0 {
		t.Error("no type was needed for any verdict")
	}
}

// without is an estate file without the listings of a type and what they held.
func without(t *testing.T, file []byte, kind string, scopes []azward.ResourceID) *estate.Estate {
	t.Helper()
	var kept bytes.Buffer
	for line := range bytes.Lines(file) {
		var head struct {
			Source, Type, Cluster string
			Scope                 azward.ResourceID
			Body                  struct {
				ID   azward.ResourceID
				Type string
				Kind string
				API  string `json:"apiVersion"`
			}
		}
		if err := json.Unmarshal(line, &head); err != nil {
			t.Fatal(err)
		}
		group, _, hasGroup := strings.Cut(head.Body.API, "/")
		listed := estate.PluralOf(head.Body.Kind)
		if hasGroup {
			listed = estate.PluralOf(head.Body.Kind + "." + group)
		}
		switch {
		case head.Source == string(azward.SourceListing) && strings.EqualFold(head.Type, kind):
		case head.Cluster != "" && strings.EqualFold(listed, kind):
		case head.Cluster == "" && strings.EqualFold(head.Body.Type, kind):
		default:
			kept.Write(line)
		}
	}
	for _, scope := range scopes {
		gap, err := json.Marshal(map[string]any{"source": "gap", "scope": scope, "kind": "denied", "reads": kind, "needs": kind + "/read", "error": "the right is missing"})
		if err != nil {
			t.Fatal(err)
		}
		kept.Write(append(gap, '\n'))
	}
	var b estate.Builder
	if err := estate.Read(&kept, "less", estate.ReadOptions{}, &b); err != nil {
		t.Fatal(err)
	}
	return b.Build()
}
