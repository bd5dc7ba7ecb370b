package azuresim_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

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
