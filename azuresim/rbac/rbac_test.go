package rbac_test

import (
	"strings"
	"testing"

	"github.com/azward/azward/azuresim/rbac"
)

const (
	sub   = "/subscriptions/s1"
	group = sub + "/resourceGroups/g"
	vm    = group + "/providers/Microsoft.Compute/virtualMachines/vm"
	mg    = "/providers/Microsoft.Management/managementGroups/corp"
	me    = "b1"
)

func policy(denies []rbac.Deny, assignments ...rbac.Assignment) *rbac.Policy {
	custom := rbac.Definition{GUID: "custom", RoleName: "No secrets", Permissions: []rbac.Permission{
		{Actions: []string{"Microsoft.Web/sites/*"}, NotActions: []string{"Microsoft.Web/sites/config/list/Action"}},
	}}
	return rbac.New(append(rbac.Builtin(), custom), assignments, denies, func(scope string) []string {
		if strings.HasPrefix(scope, sub) {
			return []string{strings.ToLower(mg)}
		}
		return nil
	})
}

func assign(role, scope string) rbac.Assignment {
	return rbac.Assignment{PrincipalID: me, RoleGUID: role, Scope: scope}
}

const (
	owner    = "8e3af657-a8ff-443c-a75c-2fe8c4bcb635"
	reader   = "acdd72a7-3385-48ef-bd42-f606fba81ae7"
	contrib  = "b24988ac-6180-42a0-ab88-20f7382dd24c"
	acrPull  = "7f951dda-4ed3-4680-a7ca-43fe172d538d"
	aksRead  = "7f6c6a51-bcf8-42ba-9220-52d62157d7db"
	readVM   = "Microsoft.Compute/virtualMachines/read"
	writeVM  = "Microsoft.Compute/virtualMachines/write"
	assignIt = "Microsoft.Authorization/roleAssignments/write"
)

// https://learn.microsoft.com/azure/role-based-access-control/overview
func TestAllowed(t *testing.T) {
	t.Parallel()
	everyone := func(action string) []rbac.Deny {
		return []rbac.Deny{{Scope: sub, Permissions: []rbac.Permission{{Actions: []string{action}}}, Principals: []string{rbac.Everyone}}}
	}
	for _, tc := range []struct {
		name          string
		p             *rbac.Policy
		action, scope string
		want          bool
	}{
		{"nothing", policy(nil), readVM, vm, false},
		{"reader_reads", policy(nil, assign(reader, sub)), readVM, vm, true},
		{"reader_in_another_case", policy(nil, assign(reader, strings.ToUpper(sub))), strings.ToUpper(readVM), strings.ToLower(vm), true},
		{"reader_writes_not", policy(nil, assign(reader, sub)), writeVM, vm, false},
		{"reader_lists_no_settings", policy(nil, assign(reader, sub)), "Microsoft.Web/sites/config/list/Action", group, false},
		{"contributor_writes", policy(nil, assign(contrib, sub)), writeVM, vm, true},
		{"contributor_assigns_no_role", policy(nil, assign(contrib, sub)), assignIt, sub, false},
		{"owner_assigns_roles", policy(nil, assign(owner, sub)), assignIt, sub, true},
		{"from_the_root", policy(nil, assign(reader, "/")), readVM, vm, true},
		{"from_the_management_group", policy(nil, assign(reader, mg)), readVM, vm, true},
		{"from_another_management_group", policy(nil, assign(reader, mg+"2")), readVM, vm, false},
		{"from_the_resource", policy(nil, assign(reader, vm)), readVM, vm, true},
		{"not_upwards", policy(nil, assign(reader, group)), readVM, sub, false},
		{"not_to_a_sibling_with_the_same_beginning", policy(nil, assign(reader, group)), readVM, group + "2/providers/Microsoft.Compute/virtualMachines/vm", false},
		{"role_without_the_action", policy(nil, assign(acrPull, sub)), readVM, vm, false},
		{"custom_wildcard", policy(nil, assign("custom", sub)), "Microsoft.Web/sites/config/read", group, true},
		{"custom_not_action", policy(nil, assign("custom", sub)), "microsoft.web/sites/config/list/action", group, false},
		{"not_action_of_one_role_is_no_denial", policy(nil, assign("custom", sub), assign(owner, group)), "Microsoft.Web/sites/config/list/Action", group, true},
		{"denied", policy(everyone("Microsoft.Compute/*"), assign(owner, sub)), readVM, vm, false},
		{"denied_something_else", policy(everyone("Microsoft.Web/*"), assign(owner, sub)), readVM, vm, true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := tc.p.Allowed(rbac.Principal{ObjectID: me}, tc.action, tc.scope); got != tc.want {
				t.Errorf("allowed: %t", got)
			}
		})
	}
}

func TestGroupsDataActionsAndExclusions(t *testing.T) {
	t.Parallel()
	p := policy(nil, rbac.Assignment{PrincipalID: "team", RoleGUID: aksRead, Scope: vm})
	who := rbac.Principal{ObjectID: me, Groups: []string{"TEAM"}}
	if !p.AllowedData(who, "Microsoft.ContainerService/managedClusters/pods/read", vm) {
		t.Error("a group's data action is not its member's")
	}
	if p.Allowed(who, "Microsoft.ContainerService/managedClusters/pods/read", vm) {
		t.Error("a data action works on the control plane")
	}
	if p.AllowedData(who, "Microsoft.ContainerService/managedClusters/secrets/read", vm) {
		t.Error("AKS RBAC Reader reads secrets")
	}
	excluded := policy([]rbac.Deny{{
		Scope: sub, Permissions: []rbac.Permission{{Actions: []string{"*"}}}, Principals: []string{rbac.Everyone}, ExcludePrincipals: []string{me},
	}}, assign(reader, sub))
	if !excluded.Allowed(rbac.Principal{ObjectID: me}, readVM, vm) {
		t.Error("an excluded principal is denied")
	}
}

func TestReachAndBelow(t *testing.T) {
	t.Parallel()
	who := rbac.Principal{ObjectID: me}
	p := policy(nil, assign(reader, group))
	for name, got := range map[string]bool{
		"reaches the group": p.Reaches(who, group), "reaches what is in it": p.Reaches(who, vm),
		"lies below the subscription": p.Below(who, sub), "may read below": p.AllowedBelow(who, readVM, sub),
		"not the subscription": !p.Reaches(who, sub), "nothing below the group": !p.Below(who, group),
		"writes nothing below": !p.AllowedBelow(who, writeVM, sub),
	} {
		if !got {
			t.Error(name)
		}
	}
}

// A wildcard that stands for all allows what a literal allows, and an action
// never matches a pattern that shares no first letter with it.
func FuzzMatch(f *testing.F) {
	f.Add("Microsoft.Compute/*/read", "Microsoft.Compute/virtualMachines/read")
	f.Add("*/read", "a/read")
	f.Add("a*b*c", "abbc")
	f.Fuzz(func(t *testing.T, pattern, action string) {
		allowed := func(pattern string) bool {
			role := rbac.Definition{GUID: "r", Permissions: []rbac.Permission{{Actions: []string{pattern}}}}
			return rbac.New([]rbac.Definition{role}, []rbac.Assignment{assign("r", "/")}, nil, nil).Allowed(rbac.Principal{ObjectID: me}, action, "/x")
		}
		if !allowed("*") {
			t.Error("* does not match")
		}
		if !strings.Contains(action, "*") && !allowed(action) {
			t.Errorf("%q does not match itself", action)
		}
		if allowed(pattern) && pattern != "" && pattern[0] != '*' && !strings.EqualFold(prefix(pattern), action[:min(len(action), len(prefix(pattern)))]) {
			// Lower-casing may change the length of exotic letters; compare those folded whole.
			if !strings.HasPrefix(strings.ToLower(action), strings.ToLower(prefix(pattern))) {
				t.Errorf("%q matches %q", pattern, action)
			}
		}
	})
}

func prefix(pattern string) string {
	head, _, _ := strings.Cut(pattern, "*")
	return head
}
