package policy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy"
)

// copies fills an estate with n copies of every resource that the cases of the
// rules are about, all in one subscription, with what is related to them.
func copies(t *testing.T, rules []*policy.Rule, n int) *estate.Estate {
	t.Helper()
	var b estate.Builder
	arm := estate.Provenance{Source: azward.SourceARM}
	for _, r := range rules {
		for ci := range r.Cases {
			c := &r.Cases[ci]
			for i := range n {
				suffix := fmt.Sprintf("%d-%d", ci, i)
				for _, body := range append(c.Related, c.Resource) {
					addCopy(t, &b, r, body, suffix, arm)
				}
			}
		}
	}
	b.AddListing(estate.Listing{Scope: "/", Type: estate.AllTypes, Status: estate.ListingDeclared})
	return b.Build()
}

func addCopy(t *testing.T, b *estate.Builder, r *policy.Rule, body map[string]any, suffix string, arm estate.Provenance) {
	t.Helper()
	const subscription = "/subscriptions/00000000-0000-0000-0000-000000000001"
	group := subscription + "/resourceGroups/example-" + suffix
	if body == nil {
		return
	}
	text := strings.NewReplacer("${group}", group, "${subscription}", subscription, "/resourceGroups/example/", "/resourceGroups/example-"+suffix+"/").
		Replace(string(azward.JSONValue(body)))
	var full map[string]any
	if err := json.Unmarshal([]byte(text), &full); err != nil {
		t.Fatal(err)
	}
	kind, _ := full["type"].(string)
	id, _ := full["id"].(string)
	if kind == "" && len(r.Types) > 0 && !strings.HasPrefix(id, "/") {
		kind = r.Types[0]
	}
	if collection, is := strings.CutPrefix(kind, "Microsoft.Graph/"); is {
		full["id"] = fmt.Sprintf("%v-%s", full["id"], suffix)
		delete(full, "type")
		if err := b.AddMSGraph(collection, azward.JSONValue(full), estate.Provenance{Source: azward.SourceMSGraph}); err != nil {
			t.Fatal(err)
		}
		return
	}
	switch {
	case id == "" && !strings.Contains(kind, "/"):
		return // of Kubernetes, or an image: their rules look at the object alone
	case id == "":
		parts := strings.Split(kind, "/")
		id = group + "/providers/" + parts[0]
		for _, part := range parts[1:] {
			id += "/" + part + "/example"
		}
	case !strings.Contains(id, "/resourceGroups/"):
		id += "-" + suffix // of the subscription: there are n of these, too
	}
	full["id"] = id
	if kind == "" {
		kind = azward.ResourceID(id).Type()
	}
	full["type"], full["name"] = kind, azward.ResourceID(id).Name()
	if err := b.AddARM(azward.JSONValue(full), arm); err != nil {
		t.Fatal(err)
	}
}

// TestRules_cost_grows_as_the_estate_does: a rule that walked all resources of a
// type for each resource would take four times the steps of half the estate.
func TestRules_cost_grows_as_the_estate_does(t *testing.T) {
	t.Parallel()
	const n = 12
	// A subscription has one Network Watcher a region: some 60 at most.
	// Source: https://learn.microsoft.com/azure/network-watcher/network-watcher-create
	bounded := map[string]bool{"network-watcher-in-each-region": true}
	rules, _, err := policy.Rules()
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rules {
		one := []*policy.Rule{r}
		if few, many := stepsOf(one, copies(t, one, n)), stepsOf(one, copies(t, one, 2*n)); float64(many) > 2.3*float64(few)+100 && !bounded[r.ID] {
			t.Errorf("%s takes %d steps on %d copies of its cases, and %d on %d", r.ID, few, n, many, 2*n)
		}
	}
	bad := parse(t, `rules:
  - {id: walks-all, title: T, severity: low, types: [Microsoft.Storage/storageAccounts], passes_when: 'estate.list("Microsoft.Storage/storageAccounts").all(a, a.name != "x")',
     cases: [{name: a, want: pass, resource: {properties: {}}}]}
`)
	if few, many := stepsOf(bad, copies(t, bad, n)), stepsOf(bad, copies(t, bad, 2*n)); float64(many) < 3*float64(few) {
		t.Errorf("a rule that walks all for each takes %d and %d steps: the test would not find it", few, many)
	}
}

func stepsOf(rules []*policy.Rule, e *estate.Estate) int {
	c := policy.NewChecker(e, policy.CaseTime)
	results := 0
	for range c.Check(rules) {
		results++
	}
	return c.Steps() + results
}
