package collect_test

import (
	"bytes"
	"testing"

	"github.com/azward/azward/azuresim/scenario"
	"github.com/azward/azward/collect"
	"github.com/azward/azward/estate"
)

// everything lets an app read all of a tenant.
func everything(s *scenario.Scenario, app string) {
	for _, role := range []string{"Reader", "Azure Kubernetes Service Cluster User Role", "Azure Kubernetes Service RBAC Cluster Admin"} {
		s.Grants = append(s.Grants, scenario.Grant{App: app, Role: role, Scope: "/"})
	}
	graphRoles(s, app, "Directory.Read.All", "Policy.Read.All", "RoleManagement.Read.Directory", "AuditLog.Read.All", "AccessReview.Read.All")
}

// graphRoles gives an app permissions of Microsoft Graph, and takes others.
func graphRoles(s *scenario.Scenario, app string, roles ...string) {
	for i := range s.Apps {
		if s.Apps[i].Name == app {
			s.Apps[i].GraphRoles = roles
		}
	}
}

// What was collected, served as an estate file and collected again, is the
// same estate, whichever interface each body comes from.
func TestServedAndCollectedAgainIsTheSame(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, scenario, app string
		prefer              collect.Prefer
	}{
		{"minimal", "minimal", "reader", collect.PreferTruth},
		{"contoso_truth", "contoso", "azward", collect.PreferTruth},
		{"contoso_arm", "contoso", "azward", collect.PreferARM},
		{"contoso_resource_graph", "contoso", "azward", collect.PreferResourceGraph},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := load(t, tc.scenario)
			s.IDCase = scenario.IDCase{}
			everything(s, tc.app)
			client, _ := start(t, s, tc.app)
			first, _ := read(t, client, collect.Options{Prefer: tc.prefer})
			if gaps := first.Gaps(); len(gaps) > 0 {
				t.Fatalf("gaps of a principal who may read all: %+v", gaps)
			}
			var file bytes.Buffer
			if err := first.Write(&file); err != nil {
				t.Fatal(err)
			}
			served, err := scenario.FromEstate(&file)
			if err != nil {
				t.Fatal(err)
			}
			client, _ = start(t, served, "reader")
			second, _ := read(t, client, collect.Options{Prefer: tc.prefer})
			same(t, first, second)
		})
	}
}

func same(t *testing.T, before, after *estate.Estate) {
	t.Helper()
	d := estate.Diff(before, after)
	for _, r := range d.Removed {
		t.Errorf("lost %s", r.ID)
	}
	for _, r := range d.Added {
		t.Errorf("appeared %s", r.ID)
	}
	for _, c := range d.Changed {
		t.Errorf("changed %s at %v", c.Before.ID, c.Pointers)
	}
	for _, l := range d.ListingsRemoved {
		t.Errorf("listing lost %+v", l)
	}
	for _, l := range d.ListingsAdded {
		t.Errorf("listing appeared %+v", l)
	}
	for _, g := range d.GapsAdded {
		t.Errorf("gap appeared %+v", g)
	}
}
