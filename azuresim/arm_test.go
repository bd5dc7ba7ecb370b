package azuresim_test

import (
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward/azuresim"
)

// https://learn.microsoft.com/rest/api/resources/subscriptions/list
func TestSubscriptionsListThoseWithSomeRole(t *testing.T) {
	t.Parallel()
	s := start(t, azuresim.Options{})
	for _, tc := range []struct {
		app  string
		want []string
	}{
		{"reader", []string{production, sandbox}},
		{"groupreader", []string{production}},
		{"noreader", nil},
	} {
		t.Run(tc.app, func(t *testing.T) {
			a := s.get("/subscriptions?api-version=2022-12-01", s.token(tc.app))
			if diff := cmp.Diff(tc.want, a.ids()); diff != "" {
				t.Errorf("subscriptions (-want +got):\n%s", diff)
			}
		})
	}
}

// https://learn.microsoft.com/rest/api/compute/virtual-machines/list-all
func TestListIsCutToWhatMayBeRead(t *testing.T) {
	t.Parallel()
	s := start(t, azuresim.Options{})
	vm := web + "/providers/Microsoft.Compute/virtualMachines/"
	both := []string{vm + "vm-db", vm + "vm-web"}
	for _, tc := range []struct {
		name, app, path string
		status          int
		code            string
		ids             []string
	}{
		{"by_subscription", "reader", production + "/providers/Microsoft.Compute/virtualMachines", 200, "", both},
		{"by_group", "reader", web + "/providers/Microsoft.Compute/virtualMachines", 200, "", both},
		{"path_in_another_case", "reader", strings.ToLower(web) + "/PROVIDERS/microsoft.compute/virtualmachines", 200, "", both},
		{"grant_below_filters_the_list", "groupreader", production + "/providers/Microsoft.Compute/virtualMachines", 200, "", both},
		{"grant_elsewhere_below_filters_all_away", "groupreader", production + "/providers/Microsoft.ContainerService/managedClusters", 200, "", nil},
		{"no_grant", "noreader", production + "/providers/Microsoft.Compute/virtualMachines", 403, "AuthorizationFailed", nil},
		{"no_grant_in_this_subscription", "groupreader", sandbox + "/providers/Microsoft.Compute/virtualMachines", 403, "AuthorizationFailed", nil},
		{"unknown_group", "reader", production + "/resourceGroups/nope/providers/Microsoft.Compute/virtualMachines", 404, "ResourceGroupNotFound", nil},
		{"unknown_subscription", "reader", "/subscriptions/72f0c1a0-0000-4000-8000-00000000dead/providers/Microsoft.Compute/virtualMachines", 404, "SubscriptionNotFound", nil},
		{"malformed_subscription", "reader", "/subscriptions/{guid}/providers/Microsoft.Compute/virtualMachines", 400, "InvalidSubscriptionId", nil},
		{
			"children_embedded_in_the_parent", "reader", web + "/providers/Microsoft.Network/virtualNetworks/vnet-web/subnets", 200, "",
			[]string{
				web + "/providers/Microsoft.Network/virtualNetworks/vnet-web/subnets/front",
				web + "/providers/Microsoft.Network/virtualNetworks/vnet-web/subnets/back",
			},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			version := "2024-07-01"
			if strings.Contains(tc.path, "managedClusters") {
				version = "2024-09-01"
			}
			a := s.get(tc.path+"?api-version="+version, s.token(tc.app))
			slices.Sort(tc.ids)
			got := a.ids()
			slices.Sort(got)
			if a.status != tc.status || a.code() != tc.code || !slices.Equal(got, tc.ids) {
				t.Errorf("got %d %s %v", a.status, a.code(), a.ids())
			}
		})
	}
}

// https://learn.microsoft.com/azure/role-based-access-control/troubleshooting
func TestRefusalIsWordedAsAzureDoes(t *testing.T) {
	t.Parallel()
	s := start(t, azuresim.Options{})
	a := s.get(web+"/providers/Microsoft.Compute/virtualMachines/vm-web?api-version=2024-07-01", s.token("noreader"))
	want := "The client '72f0c1a0-0000-4000-8000-0000000000a3' with object id '72f0c1a0-0000-4000-8000-0000000000b3' does not have authorization to perform action 'Microsoft.Compute/virtualMachines/read' over scope '" +
		web + "/providers/Microsoft.Compute/virtualMachines/vm-web' or the scope is invalid. If access was recently granted, please refresh your credentials."
	if a.status != http.StatusForbidden || a.message() != want {
		t.Errorf("got %d %s", a.status, cmp.Diff(want, a.message()))
	}
}

// https://learn.microsoft.com/rest/api/azure/#api-versions
func TestVersionsAreChecked(t *testing.T) {
	t.Parallel()
	s := start(t, azuresim.Options{})
	token := s.token("reader")
	vms := web + "/providers/Microsoft.Compute/virtualMachines"
	for _, tc := range []struct {
		name, path, code, says string
	}{
		{"missing", vms, "MissingApiVersionParameter", "required for all requests"},
		{"not_of_this_type", vms + "?api-version=2016-01-01", "NoRegisteredProviderFound", "'2024-07-01'"},
		{"core_path", "/subscriptions?api-version=1999-01-01", "InvalidApiVersionParameter", "2022-12-01"},
		{"unlisted_type_in_a_bad_form", web + "/providers/Contoso.Things/things?api-version=new", "InvalidApiVersionParameter", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := s.get(tc.path, token)
			if a.status != http.StatusBadRequest || a.code() != tc.code || !strings.Contains(a.message(), strings.Trim(tc.says, "'")) {
				t.Errorf("got %d %s", a.status, a.raw)
			}
		})
	}
}

// https://learn.microsoft.com/rest/api/azure/#async-operations-throttling-and-paging
func TestPagesAreWalkedByNextLink(t *testing.T) {
	t.Parallel()
	sc := load(t)
	sc.Paging.ARM = 2
	s := start(t, azuresim.Options{Scenario: sc})
	token := s.token("reader")
	var all []string
	pages := 0
	for next := "/subscriptions/72f0c1a0-0000-4000-8000-0000000000c1/resources?api-version=2021-04-01"; next != ""; pages++ {
		a := s.get(next, token)
		all = append(all, a.ids()...)
		next, _ = a.body["nextLink"].(string)
		if next != "" && !strings.HasPrefix(next, s.ARMEndpoint()) {
			t.Fatalf("next link %q is not absolute", next)
		}
	}
	if len(all) != 9 || pages != 5 || len(slices.Compact(slices.Sorted(slices.Values(all)))) != 9 {
		t.Errorf("%d resources on %d pages: %v", len(all), pages, all)
	}
	bad := s.get("/subscriptions?api-version=2022-12-01&$skiptoken=abcd", token)
	if bad.status != http.StatusBadRequest {
		t.Errorf("made-up token: %d %s", bad.status, bad.raw)
	}
}

// https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-not-found
func TestMissingThingsAreNamed(t *testing.T) {
	t.Parallel()
	s := start(t, azuresim.Options{})
	token := s.token("reader")
	for _, tc := range []struct{ name, path, code string }{
		{"resource", web + "/providers/Microsoft.Compute/virtualMachines/nope", "ResourceNotFound"},
		{"group", production + "/resourceGroups/nope/providers/Microsoft.Compute/virtualMachines/vm", "ResourceGroupNotFound"},
		{"parent", web + "/providers/Microsoft.Network/virtualNetworks/nope/subnets/s", "ParentResourceNotFound"},
		{"child", web + "/providers/Microsoft.Network/virtualNetworks/vnet-web/subnets/nope", "ResourceNotFound"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if a := s.get(tc.path+"?api-version=2024-07-01", token); a.status != http.StatusNotFound || a.code() != tc.code {
				t.Errorf("got %d %s", a.status, a.raw)
			}
		})
	}
}

// https://learn.microsoft.com/rest/api/compute/virtual-machines/instance-view
func TestMachineStateIsGivenWhenAskedFor(t *testing.T) {
	t.Parallel()
	s := start(t, azuresim.Options{})
	token := s.token("reader")
	vm := web + "/providers/Microsoft.Compute/virtualMachines/vm-db"
	for _, tc := range []struct {
		name, path string
		state      bool
	}{
		{"plain_get", vm + "?api-version=2024-07-01", false},
		{"expanded", vm + "?api-version=2024-07-01&$expand=instanceView", true},
		{"instance_view", vm + "/instanceView?api-version=2024-07-01", true},
		{"list", production + "/providers/Microsoft.Compute/virtualMachines?api-version=2024-07-01", false},
		{"status_only", production + "/providers/Microsoft.Compute/virtualMachines?api-version=2024-07-01&statusOnly=true", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := s.get(tc.path, token)
			if a.status != 200 || strings.Contains(string(a.raw), "PowerState/deallocated") != tc.state {
				t.Errorf("got %d %s", a.status, a.raw)
			}
		})
	}
}

// https://learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
func TestRoleAssignmentsByScopeAndPrincipal(t *testing.T) {
	t.Parallel()
	s := start(t, azuresim.Options{})
	token := s.token("reader")
	base := "/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01"
	for _, tc := range []struct {
		name, path string
		want       int
	}{
		{"subscription_and_below", production + base, 7},
		{"at_scope", production + base + "&$filter=atScope()", 5},
		{"by_principal", production + base + "&$filter=principalId+eq+'72f0c1a0-0000-4000-8000-0000000000b1'", 4},
		{"assigned_to", web + base + "&$filter=assignedTo('72f0c1a0-0000-4000-8000-0000000000b2')", 1},
		{"inherited_at_a_group", web + base + "&$filter=atScope()", 6},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if a := s.get(tc.path, token); a.status != 200 || len(a.ids()) != tc.want {
				t.Errorf("got %d with %d assignments: %s", a.status, len(a.ids()), a.raw)
			}
		})
	}
	roles := s.get(production+"/providers/Microsoft.Authorization/roleDefinitions?api-version=2022-04-01&$filter=roleName+eq+'Reader'", token)
	if len(roles.ids()) != 1 || !strings.HasSuffix(roles.ids()[0], "acdd72a7-3385-48ef-bd42-f606fba81ae7") {
		t.Errorf("role definitions: %s", roles.raw)
	}
}

func TestWritesAreRefused(t *testing.T) {
	t.Parallel()
	s := start(t, azuresim.Options{})
	vm := web + "/providers/Microsoft.Compute/virtualMachines/vm-web"
	a := s.send(http.MethodDelete, vm+"?api-version=2024-07-01", s.token("reader"), "")
	if a.status != http.StatusForbidden || !strings.Contains(a.message(), "'Microsoft.Compute/virtualMachines/delete'") {
		t.Errorf("Reader deletes: %d %s", a.status, a.raw)
	}
	a = s.send(http.MethodPost, vm+"/start?api-version=2024-07-01", s.token("reader"), "{}")
	if a.status != http.StatusForbidden || !strings.Contains(a.message(), "'Microsoft.Compute/virtualMachines/start/action'") {
		t.Errorf("Reader starts: %d %s", a.status, a.raw)
	}
	sc := load(t)
	sc.Grants = append(sc.Grants, scenarioGrant("noreader", "Owner", production))
	s = start(t, azuresim.Options{Scenario: sc})
	a = s.send(http.MethodDelete, vm+"?api-version=2024-07-01", s.token("noreader"), "")
	if a.status != http.StatusMethodNotAllowed {
		t.Errorf("Owner deletes: %d %s", a.status, a.raw)
	}
}

// https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
func TestThrottlingByPrincipalAndSubscription(t *testing.T) {
	t.Parallel()
	sc := load(t)
	sc.Throttling.ARM.Capacity, sc.Throttling.ARM.RefillPerSecond = 3, 0.5
	now := time.Now()
	s := start(t, azuresim.Options{Scenario: sc, Now: func() time.Time { return now }})
	token := s.token("reader")
	groups := production + "/resourcegroups?api-version=2021-04-01"
	for left := 2; left >= 0; left-- {
		if a := s.get(groups, token); a.header.Get("x-ms-ratelimit-remaining-subscription-reads") != strconv.Itoa(left) {
			t.Fatalf("want %d left: %v", left, a.header)
		}
	}
	a := s.get(groups, token)
	if a.status != http.StatusTooManyRequests || a.header.Get("Retry-After") != "2" || a.code() != "SubscriptionRequestsThrottled" {
		t.Errorf("got %d %v %s", a.status, a.header, a.raw)
	}
	if other := s.get(sandbox+"/resourcegroups?api-version=2021-04-01", token); other.status != 200 {
		t.Errorf("the other subscription is throttled too: %d", other.status)
	}
	now = now.Add(2 * time.Second)
	if again := s.get(groups, token); again.status != 200 {
		t.Errorf("after Retry-After: %d", again.status)
	}
}

func TestIDsAreSpeltAsTheScenarioSays(t *testing.T) {
	t.Parallel()
	sc := load(t)
	sc.IDCase.List, sc.IDCase.Get = "upperGroup", "lower"
	s := start(t, azuresim.Options{Scenario: sc})
	token := s.token("reader")
	list := s.get(web+"/providers/Microsoft.Compute/virtualMachines?api-version=2024-07-01", token)
	if got := list.ids()[0]; !strings.Contains(got, "/resourceGroups/WEB/providers/Microsoft.Compute/") {
		t.Errorf("list spells %s", got)
	}
	one := s.get(list.ids()[0]+"?api-version=2024-07-01", token)
	if id, _ := one.body["id"].(string); id != strings.ToLower(web+"/providers/Microsoft.Compute/virtualMachines/vm-db") {
		t.Errorf("get spells %s", id)
	}
}
