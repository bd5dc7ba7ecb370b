//go:build e2e

package e2e_test

import (
	"encoding/json"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestAzureCLI registers the simulator as a cloud, signs in and reads.
// https://learn.microsoft.com/cli/azure/manage-clouds-azure-cli
func TestAzureCLI(t *testing.T) {
	az := client(t, "az")
	w := start(t)
	config, err := json.Marshal(map[string]any{
		"endpoints": map[string]string{
			"activeDirectory": w.sim.AuthorityHost(), "activeDirectoryResourceId": "https://management.core.windows.net/",
			"activeDirectoryGraphResourceId": w.sim.GraphEndpoint() + "/", "microsoftGraphResourceId": w.sim.GraphEndpoint() + "/",
			"resourceManager": w.sim.ARMEndpoint() + "/", "management": w.sim.ARMEndpoint() + "/",
			"gallery": w.sim.ARMEndpoint() + "/", "vmImageAliasDoc": w.sim.ARMEndpoint() + "/aliases.json",
		},
		"suffixes": map[string]string{"acrLoginServerEndpoint": ".azurecr.io", "storageEndpoint": "core.windows.net", "keyvaultDns": ".vault.azure.net"},
	})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(w.dir, "cloud.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	w.must(t, az, "cloud", "register", "--name", "AzureSim", "--cloud-config", "@"+file)
	w.must(t, az, "cloud", "set", "--name", "AzureSim")
	w.mend(t)

	login := func(app, secret string) (string, error) {
		_, errs, err := w.run(t, "", az, "login", "--service-principal", "--username", app, "--password", secret, "--tenant", tenant)
		return errs, err
	}
	for name, c := range map[string]struct{ app, secret, want string }{
		"wrong_secret":   {reader, "wrong", "AADSTS7000215"},
		"expired_secret": {"72f0c1a0-0000-4000-8000-0000000000a4", "simulated-expired-secret", "AADSTS7000222"},
		"unknown_app":    {"72f0c1a0-0000-4000-8000-0000000000ff", "x", "AADSTS700016"},
		"no_role":        {"72f0c1a0-0000-4000-8000-0000000000a3", "simulated-noreader-secret", "No subscriptions found"},
	} {
		t.Run("login_"+name, func(t *testing.T) {
			errs, err := login(c.app, c.secret)
			if err == nil {
				t.Fatal("the login succeeds")
			}
			contains(t, "the message", errs, c.want)
		})
	}
	if errs, err := login(reader, "simulated-reader-secret"); err != nil {
		t.Fatalf("login: %v\n%s", err, errs)
	}
	w.must(t, az, "account", "set", "--subscription", production)

	w.azLists(t, az, map[string]listing{
		"subscriptions": {[]string{"account", "list", "--query", "sort([].name)"}, []string{"Production", "Sandbox"}},
		"groups":        {[]string{"group", "list", "--query", "sort([].name)"}, []string{"aks", "web"}},
		"group_show":    {[]string{"group", "show", "--name", "web", "--query", "[location]"}, []string{"westeurope"}},
		"clusters":      {[]string{"aks", "list", "--query", "[].join(' ',[name,kubernetesVersion])"}, []string{"prod 1.30.3"}},
		"role_assignments": {
			[]string{"role", "assignment", "list", "--all", "--query", "[?principalId=='72f0c1a0-0000-4000-8000-0000000000b1'].join(': ',[principalName,roleDefinitionName]) | sort(@)"},
			[]string{
				"azward reader: AcrPull", "azward reader: Azure Kubernetes Service Cluster User Role",
				"azward reader: Azure Kubernetes Service RBAC Cluster Admin", "azward reader: Reader",
			},
		},
		"role_definitions": {[]string{"role", "definition", "list", "--name", "Reader", "--query", "[].permissions[0].actions[0]"}, []string{"*/read"}},
		"resources":        {[]string{"resource", "list", "--resource-type", "Microsoft.Network/networkInterfaces", "--query", "sort([].name)"}, []string{"nic-db", "nic-web"}},
		"registries":       {[]string{"acr", "list", "--query", "[].loginServer"}, []string{registry}},
		"repositories":     {[]string{"acr", "repository", "list", "--name", "contosoacr", "--query", "[?@=='shop/web']"}, []string{"shop/web"}},
		"tags":             {[]string{"acr", "repository", "show-tags", "--name", "contosoacr", "--repository", "shop/web", "--query", "[?@=='1.0']"}, []string{"1.0"}},
	})
	t.Run("missing_group", func(t *testing.T) {
		_, errs, err := w.run(t, "", az, "group", "show", "--name", "nowhere")
		if err == nil {
			t.Fatal("the group is there")
		}
		contains(t, "the message", errs, "ResourceGroupNotFound", "nowhere")
	})
	t.Run("resource_graph", func(t *testing.T) {
		body := `{"subscriptions":["` + production + `"],"query":"Resources | where type =~ 'microsoft.compute/virtualmachines' | project name | order by name asc"}`
		out := w.must(t, az, "rest", "--method", "post", "--url", w.sim.ARMEndpoint()+"/providers/Microsoft.ResourceGraph/resources?api-version=2021-03-01", "--body", body, "--query", "data[].name")
		if diff := cmp.Diff([]string{"vm-db", "vm-web"}, decode[[]string](t, out)); diff != "" {
			t.Errorf("machines (-want +got):\n%s", diff)
		}
	})
	t.Run("cluster_credentials", func(t *testing.T) {
		file := filepath.Join(w.dir, "from-az")
		w.must(t, az, "aks", "get-credentials", "--resource-group", "aks", "--name", "prod", "--file", file)
		config, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		contains(t, "the kubeconfig", string(config), "kubelogin", "current-context: prod")
		w.kubectlReads(t, file)
	})
	t.Run("registry_token", func(t *testing.T) {
		out := w.must(t, az, "acr", "login", "--name", "contosoacr", "--expose-token")
		token := decode[map[string]string](t, out)
		if token["loginServer"] != registry || token["accessToken"] == "" {
			t.Fatalf("the token is for %q", token["loginServer"])
		}
		w.craneReads(t, token["accessToken"])
	})
	// Debian ships Compute and Network libraries older than the versions that
	// the CLI's default profile asks for; a hybrid profile asks for those there.
	w.must(t, az, "cloud", "update", "--profile", "2020-09-01-hybrid")
	w.azLists(t, az, map[string]listing{
		"machines":         {[]string{"vm", "list", "--query", "sort([].name)"}, []string{"vm-db", "vm-web"}},
		"machines_details": {[]string{"vm", "list", "--show-details", "--query", "sort([].join('=',[name,powerState,publicIps]))"}, []string{"vm-db=VM deallocated=", "vm-web=VM running=20.50.10.4"}},
		"security_groups":  {[]string{"network", "nsg", "list", "--query", "[].securityRules[].name"}, []string{"allow-https"}},
		"networks":         {[]string{"network", "vnet", "list", "--query", "[].subnets[].name | sort(@)"}, []string{"back", "front"}},
	})
}

// listing is a command whose answer is a list of texts.
type listing struct {
	args []string
	want []string
}

func (w *world) azLists(t *testing.T, az string, cases map[string]listing) {
	t.Helper()
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			got := decode[[]string](t, w.must(t, az, c.args...))
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("az %v (-want +got):\n%s", c.args, diff)
			}
		})
	}
}

// mend lets the role commands run at all: Debian's azure-cli 2.45 reads an
// attribute of the authorization library that Debian's version of it has
// renamed (config, now _config).
func (w *world) mend(t *testing.T) {
	t.Helper()
	shim := `import sys
if "role" in sys.argv:
    from azure.mgmt.authorization.v2018_01_01_preview import operations as definitions
    from azure.mgmt.authorization.v2020_04_01_preview import operations as assignments
    for c in (definitions.RoleDefinitionsOperations, assignments.RoleAssignmentsOperations):
        if not hasattr(c, "config"):
            c.config = property(lambda self: self._config)
`
	dir := filepath.Join(w.dir, "python")
	if err := os.MkdirAll(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "sitecustomize.py"), []byte(shim), 0o600); err != nil {
		t.Fatal(err)
	}
}
