package azuresim_test

import (
	"encoding/base64"
	"net/http"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/azward/azward/azuresim"
	"github.com/azward/azward/azuresim/scenario"
)

const aks = production + "/resourceGroups/aks/providers/Microsoft.ContainerService/managedClusters/prod"

type kubeconfig struct {
	Clusters []struct {
		Cluster struct {
			Server string `json:"server"`
			CA     []byte `json:"certificate-authority-data"`
		} `json:"cluster"`
	} `json:"clusters"`
	Users []struct {
		User struct {
			Token string `json:"token"`
			Exec  *struct {
				Command string   `json:"command"`
				Args    []string `json:"args"`
			} `json:"exec"`
		} `json:"user"`
	} `json:"users"`
}

// https://learn.microsoft.com/rest/api/aks/managed-clusters/list-cluster-user-credentials
func (s *sim) kubeconfig(token, action string) (kubeconfig, answer) {
	s.t.Helper()
	a := s.send(http.MethodPost, aks+"/"+action+"?api-version=2024-09-01", token, "")
	var k kubeconfig
	configs, _ := a.body["kubeconfigs"].([]any)
	if len(configs) == 0 {
		return k, a
	}
	first, _ := configs[0].(map[string]any)
	value, _ := first["value"].(string)
	raw, err := base64.StdEncoding.DecodeString(value)
	if err != nil {
		s.t.Fatal(err)
	}
	if err := yaml.Unmarshal(raw, &k); err != nil {
		s.t.Fatal(err)
	}
	return k, a
}

// https://learn.microsoft.com/azure/aks/manage-azure-rbac
func TestClusterAsksRoleAssignments(t *testing.T) {
	t.Parallel()
	sc := load(t)
	sc.Grants = append(sc.Grants, scenarioGrant("noreader", "Azure Kubernetes Service RBAC Reader", aks+"/namespaces/shop"))
	s := start(t, azuresim.Options{Scenario: sc})
	k, a := s.kubeconfig(s.token("reader"), "listClusterUserCredential")
	if len(k.Clusters) != 1 || k.Users[0].User.Exec == nil || k.Users[0].User.Token != "" || len(k.Clusters[0].Cluster.CA) == 0 {
		t.Fatalf("kubeconfig: %d %s", a.status, a.raw)
	}
	server := k.Clusters[0].Cluster.Server
	for _, tc := range []struct {
		name, app, path string
		status          int
	}{
		{"all_pods", "reader", "/api/v1/pods", 200},
		{"nodes", "reader", "/api/v1/nodes", 200},
		{"one_namespace", "noreader", "/api/v1/namespaces/shop/pods", 200},
		{"secrets_are_not_in_the_role", "noreader", "/api/v1/namespaces/shop/secrets", 403},
		{"all_namespaces_with_a_grant_in_one", "noreader", "/api/v1/pods", 403},
		{"no_grant", "groupreader", "/api/v1/pods", 403},
	} {
		t.Run(tc.name, func(t *testing.T) {
			token, err := s.secretToken(tc.app, "6dae42f8-4368-4678-94ff-3960e28e3630/.default")
			if err != nil {
				t.Fatal(err)
			}
			if a := s.get(server+tc.path, token); a.status != tc.status {
				t.Errorf("got %d %s", a.status, a.raw)
			}
		})
	}
	if a := s.get(server+"/api/v1/pods", s.token("reader")); a.status != http.StatusUnauthorized {
		t.Errorf("a token of another audience: %d %s", a.status, a.raw)
	}
}

// https://learn.microsoft.com/azure/aks/manage-local-accounts-managed-azure-ad
func TestLocalAccountsAndPrivateClusters(t *testing.T) {
	t.Parallel()
	s := start(t, azuresim.Options{})
	if _, a := s.kubeconfig(s.token("reader"), "listClusterAdminCredential"); a.status != http.StatusForbidden {
		t.Errorf("Reader gets admin credentials: %d %s", a.status, a.raw)
	}
	sc := load(t)
	sc.Grants = append(sc.Grants, scenarioGrant("reader", "Azure Kubernetes Service Cluster Admin Role", aks))
	s = start(t, azuresim.Options{Scenario: sc})
	if _, a := s.kubeconfig(s.token("reader"), "listClusterAdminCredential"); a.status != http.StatusBadRequest {
		t.Errorf("with local accounts disabled: %d %s", a.status, a.raw)
	}

	local := load(t)
	replaceInARM(t, local, `"disableLocalAccounts":true`, `"disableLocalAccounts":false`)
	replaceInARM(t, local, `"aadProfile":`, `"formerProfile":`)
	s = start(t, azuresim.Options{Scenario: local})
	k, a := s.kubeconfig(s.token("reader"), "listClusterUserCredential")
	if len(k.Users) != 1 || k.Users[0].User.Token == "" {
		t.Fatalf("kubeconfig: %d %s", a.status, a.raw)
	}
	if got := s.get(k.Clusters[0].Cluster.Server+"/api/v1/namespaces/shop/services", k.Users[0].User.Token); got.status != 200 {
		t.Errorf("local account: %d %s", got.status, got.raw)
	}

	private := load(t)
	private.Clusters = map[string]scenario.Cluster{"prod": {Unreachable: true}}
	s = start(t, azuresim.Options{Scenario: private})
	k, _ = s.kubeconfig(s.token("reader"), "listClusterUserCredential")
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, k.Clusters[0].Cluster.Server+"/version", nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := s.client.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Error("a private cluster answers")
	}
}

func replaceInARM(t *testing.T, sc *scenario.Scenario, old, replacement string) {
	t.Helper()
	done := false
	for i, r := range sc.ARM {
		if strings.Contains(string(r.Body), old) {
			sc.ARM[i].Body = []byte(strings.Replace(string(r.Body), old, replacement, 1))
			done = true
		}
	}
	if !done {
		t.Fatalf("no record holds %s", old)
	}
}
