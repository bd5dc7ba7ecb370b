package connect_test

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/azure"
	"github.com/azward/azward/azuresim"
	"github.com/azward/azward/azuresim/scenario"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
)

// The minimal scenario's IDs.
const (
	simTenant  = "72f0c1a0-0000-4000-8000-000000000001"
	production = "/subscriptions/72f0c1a0-0000-4000-8000-0000000000c1"
	sandbox    = "/subscriptions/72f0c1a0-0000-4000-8000-0000000000c2"
)

// simulate starts the minimal scenario, after changing its text, and returns
// the path of its cloud configuration.
func simulate(t *testing.T, replace ...string) (cloudConfig string) {
	t.Helper()
	raw, err := os.ReadFile(filepath.Join("..", "azuresim", "scenario", "minimal.txtar"))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer(replace...).Replace(string(raw))
	if len(replace) > 0 && text == string(raw) {
		t.Fatalf("the scenario holds none of %q", replace)
	}
	parsed, err := scenario.Parse([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	server, err := azuresim.Start(t.Context(), azuresim.Options{Scenario: parsed})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	cloudConfig = filepath.Join(t.TempDir(), "cloud.json")
	if err := os.WriteFile(cloudConfig, server.CloudConfig(), 0o600); err != nil {
		t.Fatal(err)
	}
	return cloudConfig
}

// grant is the scenario's line that grants a role on production to the reader.
func grant(role string) string {
	return "  - {app: reader, role: " + role + ", scope: " + production + "}\n"
}

// app is who signs in: the last two digits of the client ID in the scenario.
type app struct{ tenant, id, secret string }

func diagnose(t *testing.T, cloudConfig string, a app) []connect.Check {
	t.Helper()
	if a.tenant == "" {
		a.tenant = simTenant
	}
	connection := store.Connection{
		Name: "sim", Kind: store.KindAzure, TenantID: azward.TenantID(a.tenant), ClientID: "72f0c1a0-0000-4000-8000-0000000000" + a.id,
		CloudConfig: cloudConfig, Auth: store.AuthClientSecret,
	}
	client, err := connect.Open(connection, seal.NewSecret(a.secret))
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	return connect.Diagnose(t.Context(), connect.Through(client), connect.PatientOf(connection))
}

// lines gives one line for each check, without its sentence.
func lines(checks []connect.Check) []string {
	var out []string
	for _, c := range checks {
		out = append(out, strings.TrimSpace(fmt.Sprintf("%s %s %s", c.ID, c.Answer, strings.TrimPrefix(c.Subject, production+"/resourceGroups/"))))
	}
	return out
}

func TestDoctorOnAHealthyConnection(t *testing.T) {
	t.Parallel()
	checks := diagnose(t, simulate(t), app{id: "a1", secret: "simulated-reader-secret"})
	want := []string{
		"signIn yes " + simTenant,
		"subscriptions yes " + simTenant,
		"subscriptionState yes " + production,
		"read yes " + production,
		"subscriptionState yes " + sandbox,
		"read yes " + sandbox,
		"resourceGraph yes",
		"clusters yes aks/providers/Microsoft.ContainerService/managedClusters/prod",
		"registries yes aks/providers/Microsoft.ContainerRegistry/registries/contosoacr",
		"directory yes Directory.Read.All",
		"directory no Policy.Read.All",
		"directory no RoleManagement.Read.Directory",
		"directory no AuditLog.Read.All",
		"directory no AccessReview.Read.All",
	}
	if diff := cmp.Diff(want, lines(checks)); diff != "" {
		t.Errorf("checks (-want +got):\n%s\n%+v", diff, checks)
	}
	if err := connect.Worst(checks); err != nil {
		t.Errorf("the worst is %v", err)
	}
}

// TestDoctorTellsApart runs each thing that goes wrong in the field, over
// sockets, and looks at the exit code and the command that mends it.
func TestDoctorTellsApart(t *testing.T) {
	t.Parallel()
	unchanged := simulate(t) // one for all that change nothing: starting costs keys
	for _, tc := range []struct {
		name    string
		app     app
		replace []string
		check   string // the line of the check that says it
		cause   string
		remedy  string
		exit    int // of Worst; 0 is nil
	}{
		{
			name: "wrong_secret", app: app{id: "a1", secret: "nonsense"},
			check: "signIn no " + simTenant, cause: "AADSTS7000215",
			remedy: "az ad app credential reset --id 72f0c1a0-0000-4000-8000-0000000000a1 --append", exit: 10,
		},
		{
			name: "expired_secret", app: app{id: "a4", secret: "simulated-expired-secret"},
			check: "signIn no " + simTenant, cause: "AADSTS7000222",
			remedy: "az ad app credential reset --id 72f0c1a0-0000-4000-8000-0000000000a4 --append", exit: 10,
		},
		{
			name: "application_not_in_tenant", app: app{id: "ff", secret: "x"},
			check: "signIn no " + simTenant, cause: "AADSTS700016",
			remedy: "az ad sp create --id 72f0c1a0-0000-4000-8000-0000000000ff", exit: 10,
		},
		{
			name: "unknown_tenant", app: app{id: "a1", tenant: "99999999-0000-4000-8000-000000000001", secret: "simulated-reader-secret"},
			check: "signIn no 99999999-0000-4000-8000-000000000001", cause: "AADSTS90002", remedy: "az account show --query tenantId", exit: 10,
		},
		{
			name: "no_consent", app: app{id: "a7", secret: "simulated-noconsent-secret"},
			check: "signIn no " + simTenant, cause: "onsent", remedy: "72f0c1a0-0000-4000-8000-0000000000a7", exit: 10,
		},
		{
			name: "conditional_access", app: app{id: "a8", secret: "simulated-blocked-secret"},
			check: "signIn no " + simTenant, cause: "AADSTS53003", remedy: "administrator", exit: 10,
		},
		{
			name: "no_role_anywhere", app: app{id: "a3", secret: "simulated-noreader-secret"},
			check: "subscriptions no " + simTenant, cause: "no role is assigned",
			remedy: "az role assignment create --assignee 72f0c1a0-0000-4000-8000-0000000000a3 --role Reader --scope /subscriptions/", exit: 11,
		},
		{
			name: "role_on_one_group_only", app: app{id: "a2", secret: "simulated-groupreader-secret"},
			check: "read no " + production, cause: "Reader role is missing",
			remedy: "az role assignment create --assignee 72f0c1a0-0000-4000-8000-0000000000a2 --role Reader --scope " + production, exit: 11,
		},
		{
			name: "disabled_subscription", app: app{id: "a1", secret: "simulated-reader-secret"},
			replace: []string{"displayName: Sandbox\n  state: Enabled", "displayName: Sandbox\n  state: Disabled"},
			check:   "subscriptionState no " + sandbox, cause: "Sandbox is Disabled",
			remedy: "az account subscription enable --id 72f0c1a0-0000-4000-8000-0000000000c2",
		},
		{
			name: "cluster_role_missing", app: app{id: "a1", secret: "simulated-reader-secret"},
			replace: []string{
				grant("Azure Kubernetes Service Cluster User Role"), "",
				grant("Azure Kubernetes Service RBAC Cluster Admin"), "",
			},
			check: "clusters no aks/providers/Microsoft.ContainerService/managedClusters/prod", cause: "kubeconfig",
			remedy: `--role "Azure Kubernetes Service Cluster User Role" --scope ` + production,
		},
		{
			// Reader pulls from other registries, and from these it does not.
			name: "pull_role_missing", app: app{id: "a1", secret: "simulated-reader-secret"},
			replace: []string{"adminUserEnabled: false", "adminUserEnabled: false\n    roleAssignmentMode: AbacRepositoryPermissions"},
			check:   "registries no aks/providers/Microsoft.ContainerRegistry/registries/contosoacr", cause: "unknown",
			remedy: `--role "Container Registry Repository Reader" --scope ` + production,
		},
		{
			name: "directory_not_granted", app: app{id: "a1", secret: "simulated-reader-secret"},
			replace: []string{"graphRoles: [Directory.Read.All]", "graphRoles: []"},
			check:   "directory no", cause: "the role Reader is one of Azure and gives nothing here",
			remedy: "az ad app permission admin-consent --id 72f0c1a0-0000-4000-8000-0000000000a1",
		},
		{
			name: "policies_not_granted", app: app{id: "a1", secret: "simulated-reader-secret"},
			check: "directory no Policy.Read.All", cause: "the application permission Policy.Read.All of Microsoft Graph is missing; a delegated permission of that name does not count",
			remedy: `--api-permissions $(az ad sp show --id 00000003-0000-0000-c000-000000000000 --query "appRoles[?value=='Policy.Read.All'].id" -o tsv)=Role`,
		},
		{
			name: "app_role_is_no_azure_role", app: app{id: "a3", secret: "simulated-noreader-secret"},
			replace: []string{"secrets: [{value: simulated-noreader-secret}]", "secrets: [{value: simulated-noreader-secret}]\n    graphRoles: [Directory.Read.All]"},
			check:   "subscriptions no " + simTenant, cause: "(Directory.Read.All) are app roles of the directory and give nothing on subscriptions",
			remedy: "az role assignment create", exit: 11,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			cloud := unchanged
			if tc.replace != nil {
				cloud = simulate(t, tc.replace...)
			}
			checks := diagnose(t, cloud, tc.app)
			at := slices.Index(lines(checks), tc.check)
			if at < 0 {
				t.Fatalf("no check says %q; they are\n%s\n%+v", tc.check, strings.Join(lines(checks), "\n"), checks)
			}
			c := checks[at]
			if !strings.Contains(c.Summary, tc.cause) || !strings.Contains(c.Remedy, tc.remedy) {
				t.Errorf("it says %q\nremedy %q", c.Summary, c.Remedy)
			}
			if strings.HasPrefix(tc.check, "signIn no") && len(checks) != 1 {
				t.Errorf("the root cause does not hide its consequences:\n%s", strings.Join(lines(checks), "\n"))
			}
			worst := connect.Worst(checks)
			if tc.exit == 0 {
				if worst != nil {
					t.Errorf("the worst is %v, want nothing that stops a scan", worst)
				}
				return
			}
			if exit := azward.KindOf(worst).ExitCode(); worst == nil || exit != tc.exit {
				t.Errorf("the worst is %v with exit code %d, want %d", worst, exit, tc.exit)
			}
		})
	}
}

// broken answers every question with the same error.
type broken struct{ err error }

func (b broken) Subscriptions(context.Context) ([]connect.Subscription, error) { return nil, b.err }

func (b broken) Permissions(context.Context, azward.ResourceID) ([]connect.Permission, error) {
	return nil, b.err
}

func (b broken) Resources(context.Context, []azward.SubscriptionID, string) ([]connect.Resource, error) {
	return nil, b.err
}

func (b broken) Directory(context.Context, string, ...string) error { return b.err }

func (b broken) Grants(context.Context) (azure.MSGraphGrants, error) {
	return azure.MSGraphGrants{}, b.err
}

// signedIn is a user or an identity at Microsoft Graph, which refuses it.
type signedIn struct {
	someBroken
	grants azure.MSGraphGrants
}

func (s signedIn) Grants(context.Context) (azure.MSGraphGrants, error) { return s.grants, nil }

// Delegated permissions count for a user alone, and only as far as the user's
// own roles; a managed identity is granted app roles without a registration.
func TestDoctorTellsKindsOfPermission(t *testing.T) {
	t.Parallel()
	refused := &azward.Error{Kind: azward.KindRole, Op: "read", Cause: "Insufficient privileges"}
	for _, tc := range []struct {
		name          string
		grants        azure.MSGraphGrants
		cause, remedy string
	}{
		{"user_without_it", azure.MSGraphGrants{User: true, Delegated: []string{"User.Read"}}, "the delegated permission Policy.Read.All of Microsoft Graph is missing", "Global Reader"},
		{"user_with_it", azure.MSGraphGrants{User: true, Delegated: []string{"Policy.Read.All"}}, "only as far as the user's own directory roles", "Global Reader"},
		{"application", azure.MSGraphGrants{Application: []string{"Directory.Read.All"}}, "the application permission Policy.Read.All", "--api-permissions"},
		{"granted_a_moment_ago", azure.MSGraphGrants{Application: []string{"Policy.Read.All"}}, "although the token has the permission", "try again"},
		{"managed_identity", azure.MSGraphGrants{Application: []string{"Directory.Read.All"}, Identity: true, ObjectID: "o1"}, "the application permission Policy.Read.All", "/servicePrincipals/o1/appRoleAssignments"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			checks := connect.Diagnose(t.Context(), signedIn{someBroken{broken{refused}, []string{"Enabled"}}, tc.grants}, connect.Patient{TenantID: simTenant})
			at := slices.IndexFunc(checks, func(c connect.Check) bool { return c.Subject == "Policy.Read.All" })
			if at < 0 {
				t.Fatalf("no check of the permission in %+v", checks)
			}
			if c := checks[at]; c.Answer != azward.No || !strings.Contains(c.Summary, tc.cause) || !strings.Contains(c.Remedy, tc.remedy) {
				t.Errorf("%s: %q, remedy %q", c.Answer, c.Summary, c.Remedy)
			}
		})
	}
}

// someBroken lists subscriptions and breaks after that.
type someBroken struct {
	broken
	states []string
}

func (b someBroken) Subscriptions(context.Context) ([]connect.Subscription, error) {
	var list []connect.Subscription
	for i, state := range b.states {
		list = append(list, connect.Subscription{ID: azward.SubscriptionID(fmt.Sprint("s", i)), Name: "S", State: state})
	}
	return list, nil
}

func TestDoctorClaimsNothingItCouldNotAsk(t *testing.T) {
	t.Parallel()
	down := &azward.Error{Kind: azward.KindUnavailable, Op: "read", Cause: "Azure does not answer", Remedy: "check the network"}
	checks := connect.Diagnose(t.Context(), broken{down}, connect.Patient{TenantID: simTenant})
	if diff := cmp.Diff([]string{"signIn unknown " + simTenant}, lines(checks)); diff != "" {
		t.Errorf("checks (-want +got):\n%s", diff)
	}
	if kind := azward.KindOf(connect.Worst(checks)); kind != azward.KindUnavailable {
		t.Errorf("the worst is of kind %v", kind)
	}
	for _, err := range []error{down, errors.New("unexplained")} {
		checks = connect.Diagnose(t.Context(), someBroken{broken{err}, []string{"Enabled"}}, connect.Patient{TenantID: simTenant})
		want := []string{
			"signIn yes " + simTenant, "subscriptions yes " + simTenant, "subscriptionState yes /subscriptions/s0",
			"read unknown /subscriptions/s0", "resourceGraph unknown", "directory unknown",
		}
		if diff := cmp.Diff(want, lines(checks)); diff != "" {
			t.Errorf("checks (-want +got):\n%s", diff)
		}
		if connect.Worst(checks) == nil {
			t.Error("what could not be told counts as fine")
		}
		for _, c := range checks {
			if c.Answer != azward.Yes && (c.Summary == "" || c.Remedy == "") {
				t.Errorf("%s gives no advice: %+v", c.ID, c)
			}
		}
	}
}

func TestDoctorStates(t *testing.T) {
	t.Parallel()
	states := someBroken{broken{errors.New("x")}, []string{"Enabled", "Warned", "PastDue", "Disabled", "Deleted", "Sleeping"}}
	var got []string
	for _, c := range connect.Diagnose(t.Context(), states, connect.Patient{}) {
		if c.ID == connect.CheckState {
			got = append(got, c.Answer.String())
			if c.Answer != azward.Yes && c.Remedy == "" {
				t.Errorf("no remedy: %+v", c)
			}
		}
	}
	if diff := cmp.Diff([]string{"yes", "yes", "yes", "no", "no", "unknown"}, got); diff != "" {
		t.Errorf("states (-want +got):\n%s", diff)
	}
}

func TestAllows(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name        string
		permissions []connect.Permission
		action      string
		want        bool
	}{
		{"reader", []connect.Permission{{Actions: []string{"*/read"}}}, "Microsoft.Network/loadBalancers/read", true},
		{"reader_may_not_write", []connect.Permission{{Actions: []string{"*/read"}}}, "Microsoft.Network/loadBalancers/write", false},
		{"owner", []connect.Permission{{Actions: []string{"*"}}}, "a/b/c/action", true},
		{"without_case", []connect.Permission{{Actions: []string{"microsoft.NETWORK/*/READ"}}}, "Microsoft.Network/loadBalancers/read", true},
		{"exact", []connect.Permission{{Actions: []string{"a/b/read"}}}, "a/b/read", true},
		{"exact_is_no_prefix", []connect.Permission{{Actions: []string{"a/b"}}}, "a/b/read", false},
		{"two_stars", []connect.Permission{{Actions: []string{"a/*/b/*"}}}, "a/x/y/b/c", true},
		{"star_needs_its_end", []connect.Permission{{Actions: []string{"a/*/read"}}}, "a/read", false},
		{"suffix_does_not_overlap", []connect.Permission{{Actions: []string{"ab*ba"}}}, "aba", false},
		{"taken_away", []connect.Permission{{Actions: []string{"*"}, NotActions: []string{"a/*"}}}, "a/read", false},
		{"taken_away_in_one_role_only", []connect.Permission{{Actions: []string{"*"}, NotActions: []string{"a/*"}}, {Actions: []string{"a/read"}}}, "a/read", true},
		{"nothing", nil, "a/read", false},
		{"data_actions_are_others", []connect.Permission{{DataActions: []string{"*"}}}, "a/read", false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := connect.Allows(tc.permissions, tc.action); got != tc.want {
				t.Errorf("got %t, want %t", got, tc.want)
			}
		})
	}
}
