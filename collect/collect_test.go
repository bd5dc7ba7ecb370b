package collect_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/azure"
	"github.com/azward/azward/azuresim"
	"github.com/azward/azward/azuresim/scenario"
	"github.com/azward/azward/collect"
	"github.com/azward/azward/estate"
)

const (
	production = azward.ResourceID("/subscriptions/72f0c1a0-0000-4000-8000-0000000000c1")
	sandbox    = azward.ResourceID("/subscriptions/72f0c1a0-0000-4000-8000-0000000000c2")
	prod       = production + "/resourceGroups/aks/providers/Microsoft.ContainerService/managedClusters/prod"
)

// status is what the estate says of a type in a scope; "" without a listing.
func status(e *estate.Estate, scope azward.ResourceID, resourceType string) estate.ListingStatus {
	for _, l := range e.Listings() {
		if l.Scope.Equal(scope) && strings.EqualFold(l.Type, resourceType) {
			return l.Status
		}
	}
	return ""
}

func gapsOf(e *estate.Estate, scope azward.ResourceID, reads string) []azward.Gap {
	var found []azward.Gap
	for _, g := range e.Gaps() {
		if g.Scope.Equal(scope) && strings.EqualFold(g.Reads, reads) {
			found = append(found, g)
		}
	}
	return found
}

func TestReaderOfTheWholeTenant(t *testing.T) {
	t.Parallel()
	s := load(t, "minimal")
	everything(s, "reader")
	client, _ := start(t, s, "reader")
	var progress []collect.Progress
	e, summary := read(t, client, collect.Options{Progress: func(p collect.Progress) { progress = append(progress, p) }})

	if !summary.Complete || len(e.Gaps()) != 0 || summary.Subscriptions != 2 || summary.Clusters != 1 {
		t.Errorf("summary %+v, gaps %+v", summary, e.Gaps())
	}
	if last := progress[len(progress)-1]; last.Done != last.Total {
		t.Errorf("progress ends at %d of %d", last.Done, last.Total)
	}
	for _, resourceType := range []string{"Microsoft.Network/loadBalancers", "Microsoft.Storage/storageAccounts", "Microsoft.Sql/servers/firewallRules"} {
		if proof, missing := e.Absence("", resourceType); len(missing) > 0 || len(proof) == 0 {
			t.Errorf("%s: proof %v, missing %v", resourceType, proof, missing)
		}
	}
	for _, w := range e.Workloads() {
		if w.Kind == azward.VirtualMachine && w.Running == azward.Unknown {
			t.Errorf("%s: its state was not read: %+v", w.ID, w.Gaps)
		}
	}
	if len(e.OfType("Pod")) == 0 {
		t.Error("no pod was read")
	}
	if proof, missing := e.Absence(prod, "networkpolicies.networking.k8s.io", "ciliumnetworkpolicies.cilium.io"); len(missing) > 0 || len(proof) != 2 {
		t.Errorf("cluster: proof %v, missing %v", proof, missing)
	}
}

// A principal with roles at single subscriptions sees those: they are the frame
// of the answers, and the listing says whose sight it is.
func TestSubscriptionsAreThoseThatThePrincipalSees(t *testing.T) {
	t.Parallel()
	client, _ := start(t, load(t, "minimal"), "reader")
	e, _ := read(t, client, collect.Options{})
	if got := status(e, "/", "Microsoft.Resources/subscriptions"); got != estate.ListingComplete {
		t.Errorf("status %q", got)
	}
	proof, missing := e.Absence("/", "Microsoft.Resources/subscriptions")
	if len(missing) > 0 || len(proof) != 1 || !strings.Contains(proof[0].Meaning, "the one who asked may read") {
		t.Errorf("proof %+v, missing %+v", proof, missing)
	}
	e, _ = read(t, client, collect.Options{WholeTenant: true})
	if got := status(e, "/", "Microsoft.Resources/subscriptions"); got != estate.ListingDeclared {
		t.Errorf("with the user's word: status %q", got)
	}
}

// Azure cuts lists without a word: reading one group gives resources, no
// complete listing, and one gap instead of forty.
func TestReaderOfOneGroup(t *testing.T) {
	t.Parallel()
	client, _ := start(t, load(t, "minimal"), "groupreader")
	e, summary := read(t, client, collect.Options{})
	if summary.Complete || len(e.OfType("Microsoft.Compute/virtualMachines")) != 2 {
		t.Errorf("summary %+v, %d machines", summary, len(e.OfType("Microsoft.Compute/virtualMachines")))
	}
	for _, l := range e.Listings() {
		if l.Status == estate.ListingComplete && l.Scope != "/" {
			t.Errorf("a cut list counts as complete: %+v", l)
		}
	}
	var gaps []string
	for _, g := range e.Gaps() {
		gaps = append(gaps, string(g.Scope)+" "+g.Reads+" "+g.Needs)
	}
	want := []string{"/ Microsoft.Graph/* Directory.Read.All", string(production) + " * */read"}
	if diff := cmp.Diff(want, gaps); diff != "" {
		t.Errorf("gaps (-want +got):\n%s", diff)
	}
	if _, missing := e.Absence(production, "Microsoft.Network/loadBalancers"); len(missing) != 1 || !strings.Contains(missing[0].Remedy, "--role \"Reader\"") {
		t.Errorf("missing %+v", missing)
	}
}

func TestPrincipalWithoutAnyRole(t *testing.T) {
	t.Parallel()
	client, _ := start(t, load(t, "minimal"), "noreader")
	var b estate.Builder
	_, err := collect.Collect(t.Context(), client, &b, collect.Options{})
	if azward.KindOf(err) != azward.KindRole || !strings.Contains(err.Error(), "72f0c1a0-0000-4000-8000-0000000000b3") {
		t.Errorf("error %v", err)
	}
}

func TestWrongSecretIsOneError(t *testing.T) {
	t.Parallel()
	client, _ := start(t, load(t, "minimal"), "expired")
	var b estate.Builder
	_, err := collect.Collect(t.Context(), client, &b, collect.Options{})
	if azward.KindOf(err) != azward.KindSignIn || !strings.Contains(err.Error(), "7000222") {
		t.Errorf("error %v", err)
	}
}

// without gives the app Reader less some actions, by a custom role, and
// nothing else there.
func without(t *testing.T, s *scenario.Scenario, app string, scope azward.ResourceID, actions ...string) {
	t.Helper()
	id := string(scope) + "/providers/Microsoft.Authorization/roleDefinitions/72f0c1a0-0000-4000-8000-00000000cafe"
	body, err := json.Marshal(map[string]any{
		"id": id, "name": "72f0c1a0-0000-4000-8000-00000000cafe", "type": "Microsoft.Authorization/roleDefinitions",
		"properties": map[string]any{
			"roleName": "Reader but", "type": "CustomRole", "assignableScopes": []string{string(scope)},
			"permissions": []any{map[string]any{"actions": []string{"*/read"}, "notActions": actions}},
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.ARM = append(s.ARM, scenario.Record{ID: id, Body: body})
	s.Grants = slices.DeleteFunc(s.Grants, func(g scenario.Grant) bool {
		return g.App == app && strings.HasPrefix(strings.ToLower(g.Scope), strings.ToLower(string(scope)))
	})
	s.Grants = append(s.Grants, scenario.Grant{App: app, Role: "72f0c1a0-0000-4000-8000-00000000cafe", Scope: string(scope)})
}

// Take one permission at a time away: what needed it has no complete listing
// any more, says what it lacks, and everything else stays as it was.
func TestEachPermissionIsMissed(t *testing.T) {
	t.Parallel()
	full := load(t, "minimal")
	without(t, full, "reader", production)
	all, _ := start(t, full, "reader")
	whole, _ := read(t, all, collect.Options{})
	for _, tc := range []struct{ action, reads string }{
		{"Microsoft.Network/networkSecurityGroups/read", "Microsoft.Network/networkSecurityGroups"},
		{"Microsoft.Network/loadBalancers/read", "Microsoft.Network/loadBalancers"},
		{"Microsoft.Compute/virtualMachines/read", "Microsoft.Compute/virtualMachines"},
		{"Microsoft.ContainerService/managedClusters/read", "Microsoft.ContainerService/managedClusters"},
		{"Microsoft.Storage/storageAccounts/read", "Microsoft.Storage/storageAccounts"}, // from Resource Graph
		{"Microsoft.Authorization/roleAssignments/read", "Microsoft.Authorization/roleAssignments"},
		{"Microsoft.Security/pricings/read", "Microsoft.Security/pricings"},
		{"Microsoft.Security/assessments/read", "Microsoft.Security/assessments"}, // from Resource Graph alone
		{"Microsoft.Insights/diagnosticSettings/read", "Microsoft.Insights/diagnosticSettings"},
		{"Microsoft.Insights/activityLogAlerts/read", "Microsoft.Insights/activityLogAlerts"},
		{"Microsoft.PolicyInsights/policyStates/read", "Microsoft.PolicyInsights/policyStates"},
		{"Microsoft.Authorization/locks/read", "Microsoft.Authorization/locks"},
		{"Microsoft.DBforPostgreSQL/flexibleServers/read", "Microsoft.DBforPostgreSQL/flexibleServers"},
	} {
		t.Run(tc.reads, func(t *testing.T) {
			t.Parallel()
			s := load(t, "minimal")
			without(t, s, "reader", production, tc.action)
			client, _ := start(t, s, "reader")
			e, _ := read(t, client, collect.Options{})
			if got := status(e, production, tc.reads); got != estate.ListingPartial {
				t.Errorf("listing is %q", got)
			}
			gaps := gapsOf(e, production, tc.reads)
			if len(gaps) != 1 || gaps[0].Needs != tc.action || gaps[0].Kind != azward.GapDenied || !strings.Contains(gaps[0].Remedy, "az role assignment create") {
				t.Errorf("gaps %+v", gaps)
			}
			if _, missing := e.Absence(production, tc.reads); len(missing) == 0 {
				t.Error("an absence is proved by what could not be read")
			}
			for _, l := range whole.Listings() {
				if l.Status == estate.ListingComplete && !strings.HasPrefix(l.Type, tc.reads) && l.Scope.SubscriptionScope().Equal(production) && l.Scope.Equal(production) &&
					status(e, l.Scope, l.Type) != estate.ListingComplete {
					t.Errorf("%s was complete and is %q", l.Type, status(e, l.Scope, l.Type))
				}
			}
			if got := status(e, sandbox, tc.reads); got != estate.ListingComplete {
				t.Errorf("in the other subscription the listing is %q", got)
			}
		})
	}
}

func TestDenyAssignmentMakesListsPartial(t *testing.T) {
	t.Parallel()
	s := load(t, "minimal")
	id := string(production) + "/resourceGroups/web/providers/Microsoft.Authorization/denyAssignments/72f0c1a0-0000-4000-8000-00000000dede"
	s.ARM = append(s.ARM, scenario.Record{ID: id, Body: json.RawMessage(fmt.Sprintf(
		`{"id":%q,"name":"72f0c1a0-0000-4000-8000-00000000dede","type":"Microsoft.Authorization/denyAssignments","properties":{"denyAssignmentName":"d","scope":%q,"permissions":[{"actions":["Microsoft.Network/*"],"notActions":[]}],"principals":[{"id":"00000000-0000-0000-0000-000000000000","type":"SystemDefined"}],"excludePrincipals":[]}}`,
		id, string(production)+"/resourceGroups/web"))})
	client, _ := start(t, s, "reader")
	e, _ := read(t, client, collect.Options{})
	if got := status(e, production, "Microsoft.Network/networkInterfaces"); got != estate.ListingPartial {
		t.Errorf("network interfaces: %q", got)
	}
	if got := status(e, production, "Microsoft.Compute/virtualMachines"); got != estate.ListingComplete {
		t.Errorf("virtual machines: %q", got)
	}
}

func TestClusterThatCannotBeRead(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		prepare func(*scenario.Scenario)
		kind    azward.GapKind
		needs   string
		remedy  string
	}{
		{"no_cluster_user_role", func(s *scenario.Scenario) {
			s.Grants = slices.DeleteFunc(s.Grants, func(g scenario.Grant) bool { return strings.HasPrefix(g.Role, "Azure Kubernetes Service Cluster User") })
			s.Grants = slices.DeleteFunc(s.Grants, func(g scenario.Grant) bool { return strings.HasPrefix(g.Role, "Azure Kubernetes Service RBAC") })
		}, azward.GapDenied, "Microsoft.ContainerService/managedClusters/listClusterUserCredential/action", "Azure Kubernetes Service Cluster User Role"},
		{"private_cluster", func(s *scenario.Scenario) {
			s.Clusters = map[string]scenario.Cluster{"prod": {Unreachable: true}}
		}, azward.GapUnreachable, "a network path to the API server", "inside its network"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := load(t, "minimal")
			tc.prepare(s)
			client, _ := start(t, s, "reader")
			e, _ := read(t, client, collect.Options{})
			gaps := gapsOf(e, prod, estate.AllTypes)
			if len(gaps) != 1 || gaps[0].Kind != tc.kind || gaps[0].Needs != tc.needs || !strings.Contains(gaps[0].Remedy, tc.remedy) {
				t.Errorf("gaps %+v", gaps)
			}
			if _, missing := e.Absence(prod, "networkpolicies.networking.k8s.io"); len(missing) == 0 {
				t.Error("the cluster's policies are proved absent")
			}
		})
	}
}

// Without a role inside the cluster, each refused kind is a gap and the rest
// is read.
func TestClusterWithoutRole(t *testing.T) {
	t.Parallel()
	s := load(t, "minimal")
	s.Grants = slices.DeleteFunc(s.Grants, func(g scenario.Grant) bool { return strings.HasPrefix(g.Role, "Azure Kubernetes Service RBAC") })
	client, _ := start(t, s, "reader")
	e, _ := read(t, client, collect.Options{})
	gaps := gapsOf(e, prod, "pods")
	if len(gaps) != 1 || gaps[0].Kind != azward.GapDenied || !strings.Contains(gaps[0].Remedy, "Azure Kubernetes Service RBAC Reader") {
		t.Errorf("gaps %+v", gaps)
	}
	if status(e, prod, "pods") == estate.ListingComplete {
		t.Error("pods count as listed")
	}
}

func TestPagesAndSpelling(t *testing.T) {
	t.Parallel()
	plain, _ := start(t, load(t, "contoso"), "azward")
	want, _ := read(t, plain, collect.Options{})
	s := load(t, "contoso")
	s.Paging = scenario.Paging{ARM: 2, ResourceGraph: 3, Kubernetes: 4}
	s.IDCase = scenario.IDCase{Get: "lower", List: "upper", ResourceGraph: "lower"}
	client, _ := start(t, s, "azward")
	got, _ := read(t, client, collect.Options{})
	same(t, idsOf(t, want), idsOf(t, got))
}

// idsOf is an estate of the same IDs and listings without bodies, which spell
// IDs of others as the endpoint does.
func idsOf(t *testing.T, e *estate.Estate) *estate.Estate {
	t.Helper()
	var b estate.Builder
	for r := range e.All() {
		if r.Cluster != "" {
			continue
		}
		body := fmt.Sprintf(`{"id":%q,"properties":{}}`, r.ID.Key())
		if err := b.AddARM([]byte(body), estate.Provenance{Source: azward.SourceARM}); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range e.Listings() {
		b.AddListing(estate.Listing{Scope: azward.ResourceID(l.Scope.Key()), Type: l.Type, Status: l.Status, Via: l.Via})
	}
	return b.Build()
}

func TestFaults(t *testing.T) {
	t.Parallel()
	const loadBalancers = "Microsoft.Network/loadBalancers"
	lists := "/subscriptions/*/providers/Microsoft.Network/loadBalancers"
	for _, tc := range []struct {
		name   string
		fault  scenario.Fault
		status estate.ListingStatus
		via    azward.Source
		kind   azward.GapKind
	}{
		{name: "answer_cut_once", fault: scenario.Fault{Path: lists, Calls: []int{1}, Cut: 5}, status: estate.ListingComplete},
		{name: "server_error_once", fault: scenario.Fault{Path: lists, Calls: []int{1}, Status: 503, Body: `{"error":{"code":"ServerUnavailable","message":"m"}}`}, status: estate.ListingComplete},
		{name: "connection_reset_once", fault: scenario.Fault{Path: lists, Calls: []int{1}, Reset: true}, status: estate.ListingComplete},
		{name: "proxy_page", fault: scenario.Fault{Path: lists, HTML: true}, status: estate.ListingComplete, via: azward.SourceResourceGraph},
		{name: "always_server_error", fault: scenario.Fault{Path: lists, Status: 500, Body: `{"error":{"code":"InternalServerError","message":"m"}}`}, status: estate.ListingComplete, via: azward.SourceResourceGraph},
		{name: "not_registered", fault: scenario.Fault{Path: lists, Status: 409, Body: `{"error":{"code":"MissingSubscriptionRegistration","message":"m"}}`}, status: estate.ListingComplete},
		{name: "not_a_list", fault: scenario.Fault{Path: lists, Body: `{"value":{}}`}, status: estate.ListingComplete, via: azward.SourceResourceGraph},
		{name: "an_item_without_id", fault: scenario.Fault{Path: lists, Body: `{"value":[{"name":"x"}]}`}, status: estate.ListingPartial, kind: azward.GapUnparsed},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := load(t, "minimal")
			tc.fault.Service = "arm"
			s.Faults = []scenario.Fault{tc.fault}
			e, _ := read(t, patient(t, s, "reader"), collect.Options{})
			if got := status(e, production, loadBalancers); got != tc.status {
				t.Errorf("listing is %q, want %q", got, tc.status)
			}
			for _, l := range e.Listings() {
				if l.Type == loadBalancers && l.Via != tc.via {
					t.Errorf("listed via %q, want %q", l.Via, tc.via)
				}
			}
			gaps := gapsOf(e, production, loadBalancers)
			if tc.kind == "" && len(gaps) > 0 || tc.kind != "" && (len(gaps) != 1 || gaps[0].Kind != tc.kind) {
				t.Errorf("gaps %+v", gaps)
			}
		})
	}
}

// patient starts a scenario with a client that retries once.
func patient(t *testing.T, s *scenario.Scenario, app string) *azure.Client {
	t.Helper()
	server, err := azuresim.Start(t.Context(), azuresim.Options{Scenario: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	return clientOf(t, s, server, app, azure.Options{MaxRetries: 1})
}

// Where Resource Graph does not answer, Resource Manager lists; what it alone
// has is a gap.
func TestWithoutResourceGraph(t *testing.T) {
	t.Parallel()
	s := load(t, "minimal")
	s.Faults = []scenario.Fault{{Service: "arm", Path: "/providers/microsoft.resourcegraph/**", Status: 500, Body: `{"error":{"code":"InternalServerError","message":"m"}}`}}
	e, _ := read(t, patient(t, s, "reader"), collect.Options{})
	if len(e.OfType("Microsoft.Storage/storageAccounts")) != 1 || status(e, sandbox, "Microsoft.Storage/storageAccounts") != estate.ListingComplete {
		t.Error("storage accounts were not listed from Resource Manager")
	}
	if gaps := gapsOf(e, production, "Microsoft.Network/effectiveSecurityAdminRules"); len(gaps) != 1 || gaps[0].Kind != azward.GapUnreachable {
		t.Errorf("gaps %+v", gaps)
	}
}

func TestThrottled(t *testing.T) {
	t.Parallel()
	s := load(t, "minimal")
	s.Throttling.ARM = scenario.Bucket{Capacity: 30, RefillPerSecond: 40}
	client, server := start(t, s, "reader")
	e, _ := read(t, client, collect.Options{Subscriptions: []azward.SubscriptionID{"72f0c1a0-0000-4000-8000-0000000000c2"}})
	refused := 0
	for _, r := range server.Requests() {
		if r.Status == 429 {
			refused++
		}
	}
	for _, g := range e.Gaps() {
		if g.Kind == azward.GapThrottled {
			t.Errorf("a wait that Azure asked for was not waited: %+v", g)
		}
	}
	if status(e, sandbox, "Microsoft.Network/loadBalancers") != estate.ListingComplete {
		t.Error("load balancers were not listed")
	}
	t.Logf("%d answers of 429 on the way", refused)
}

func TestInterrupted(t *testing.T) {
	t.Parallel()
	client, _ := start(t, load(t, "minimal"), "reader")
	ctx, cancel := context.WithCancel(t.Context())
	var b estate.Builder
	_, err := collect.Collect(ctx, client, &b, collect.Options{Progress: func(p collect.Progress) {
		if p.Done == 10 {
			cancel()
		}
	}})
	cancel()
	if azward.KindOf(err) != azward.KindInterrupted {
		t.Errorf("error %v", err)
	}
	e := b.Build()
	if len(e.Listings()) == 0 {
		t.Error("what was read before is lost")
	}
}

func TestSubscriptionsByID(t *testing.T) {
	t.Parallel()
	client, _ := start(t, load(t, "minimal"), "reader")
	const hidden = "72f0c1a0-0000-4000-8000-00000000dead"
	e, summary := read(t, client, collect.Options{Subscriptions: []azward.SubscriptionID{"72F0C1A0-0000-4000-8000-0000000000C2", hidden}})
	if summary.Subscriptions != 1 || len(e.OfType("Microsoft.Compute/virtualMachines")) != 0 {
		t.Errorf("summary %+v", summary)
	}
	if gaps := gapsOf(e, "/subscriptions/"+hidden, estate.AllTypes); len(gaps) != 1 {
		t.Errorf("gaps %+v", e.Gaps())
	}
}

func TestDisabledSubscriptionIsNoted(t *testing.T) {
	t.Parallel()
	s := load(t, "minimal")
	s.SubscriptionStates = map[string]string{"72f0c1a0-0000-4000-8000-0000000000c2": "Disabled"}
	client, _ := start(t, s, "reader")
	e, summary := read(t, client, collect.Options{})
	if diff := cmp.Diff([]azward.ResourceID{sandbox}, summary.NotEnabled); diff != "" {
		t.Errorf("not enabled (-want +got):\n%s", diff)
	}
	if len(e.OfType("Microsoft.Storage/storageAccounts")) != 1 {
		t.Error("what is in a disabled subscription can still be read")
	}
}

// A cloud that is behind has older versions of an interface, or not the type.
func TestCloudWithOtherVersions(t *testing.T) {
	t.Parallel()
	s := load(t, "minimal")
	s.APIVersions = map[string][]string{
		"Microsoft.Network/virtualNetworks":   {"2022-01-01", "2023-04-01", "2023-05-01-preview", "2025-09-01"},
		"Microsoft.Network/networkInterfaces": {"2025-05-01", "2025-09-01"},
	}
	client, _ := start(t, s, "reader")
	e, _ := read(t, client, collect.Options{})
	for resourceType, want := range map[string]string{"Microsoft.Network/virtualNetworks": "2023-04-01", "Microsoft.Network/networkInterfaces": "2025-05-01"} {
		found := e.OfType(resourceType)
		if len(found) == 0 || found[0].APIVersion != want || status(e, production, resourceType) != estate.ListingComplete {
			t.Errorf("%s: %d found, listing %q", resourceType, len(found), status(e, production, resourceType))
		}
	}
}
