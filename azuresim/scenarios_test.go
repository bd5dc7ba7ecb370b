package azuresim_test

import (
	"encoding/json"
	"os"
	"strings"
	"testing"

	"github.com/azward/azward/azuresim"
	"github.com/azward/azward/azuresim/scenario"
)

func TestEveryEmbeddedScenarioStarts(t *testing.T) {
	t.Parallel()
	for _, name := range scenario.Names() {
		t.Run(name, func(t *testing.T) {
			sc, err := scenario.Load(name)
			if err != nil {
				t.Fatal(err)
			}
			s := start(t, azuresim.Options{Scenario: sc})
			if a := s.get(s.AuthorityHost()+"/"+sc.Tenant.ID+"/v2.0/.well-known/openid-configuration", ""); a.status != 200 {
				t.Errorf("got %d %s", a.status, a.raw)
			}
		})
	}
}

func TestCloudConfigLeadsToTheListeners(t *testing.T) {
	t.Parallel()
	s := start(t, azuresim.Options{})
	var c struct {
		AuthorityHost string            `json:"authorityHost"`
		ARMEndpoint   string            `json:"armEndpoint"`
		GraphEndpoint string            `json:"graphEndpoint"`
		ACRSuffix     string            `json:"acrSuffix"`
		CAFile        string            `json:"caFile"`
		ConnectTo     map[string]string `json:"connectTo"`
	}
	if err := json.Unmarshal(s.CloudConfig(), &c); err != nil {
		t.Fatal(err)
	}
	ca, err := os.ReadFile(c.CAFile)
	if err != nil || string(ca) != string(s.CACertPEM()) {
		t.Errorf("CA file: %v", err)
	}
	if c.AuthorityHost != s.AuthorityHost() || c.ARMEndpoint != s.ARMEndpoint() || c.GraphEndpoint != s.GraphEndpoint() ||
		c.ACRSuffix != ".azurecr.io" || c.ConnectTo["*.azurecr.io"] != s.RegistryAddress() {
		t.Errorf("got %s", s.CloudConfig())
	}
	// What `az cloud register --endpoint-resource-manager` reads:
	// https://learn.microsoft.com/cli/azure/manage-clouds-azure-cli
	a := s.get("/metadata/endpoints?api-version=2022-09-01", "")
	auth, _ := a.body["authentication"].(map[string]any)
	if auth["loginEndpoint"] != s.AuthorityHost() {
		t.Errorf("metadata: %s", a.raw)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(c.CAFile); !os.IsNotExist(err) {
		t.Errorf("the CA file stays after Close: %v", err)
	}
}

// An estate file is served as it is: nothing beside its records is listed, and
// what could not be read when it was written is refused again.
func TestEstateFileIsServedExactly(t *testing.T) {
	t.Parallel()
	vnet := production + "/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/v"
	sc, err := scenario.FromEstate(strings.NewReader(`{"source":"arm","body":{"id":"` + production + `","subscriptionId":"x","displayName":"P","state":"Enabled","tenantId":"` + tenantID + `"}}
{"source":"arm","apiVersion":"2024-05-01","readAt":"2026-11-20T09:00:00Z","body":{"id":"` + vnet + `","name":"v","type":"Microsoft.Network/virtualNetworks","location":"westeurope","properties":{}}}
{"source":"arm","body":{"id":"` + production + `/resourceGroups/rg/providers/Microsoft.Network/loadBalancers/lb","name":"lb","type":"Microsoft.Network/loadBalancers"}}
{"source":"listing","scope":"` + production + `","type":"Microsoft.Network/virtualNetworks","status":"complete","pages":1}
{"source":"gap","scope":"` + production + `","reads":"loadBalancers","needs":"Microsoft.Network/loadBalancers/read","error":"403"}
`))
	if err != nil {
		t.Fatal(err)
	}
	s := start(t, azuresim.Options{Scenario: sc})
	reader, _ := sc.App("reader")
	token := s.signIn(sc.Tenant.ID, reader.ClientID, scenario.ReaderSecret)
	for path, want := range map[string]int{
		production + "/providers/Microsoft.Authorization/roleAssignments?api-version=2022-04-01": 0,
		production + "/providers/Microsoft.Authorization/roleDefinitions?api-version=2022-04-01": 0,
		production + "/resourcegroups?api-version=2021-04-01":                                    0,
		production + "/providers/Microsoft.Network/virtualNetworks?api-version=2024-05-01":       1,
		"/subscriptions?api-version=2022-12-01":                                                  1,
	} {
		if a := s.get(path, token); a.status != 200 || len(a.ids()) != want {
			t.Errorf("%s: %d %s", path, a.status, a.raw)
		}
	}
	if a := s.get(production+"/providers/Microsoft.Network/loadBalancers?api-version=2024-05-01", token); a.status != 403 {
		t.Errorf("what was a gap is served: %d %s", a.status, a.raw)
	}
	if a := s.query(token, map[string]any{"query": "resources | project name"}); len(a.column("name")) != 1 {
		t.Errorf("Resource Graph: %s", a.raw)
	}
	if len(sc.Notes) != 1 || !strings.Contains(sc.Notes[0], "listing") {
		t.Errorf("notes: %q", sc.Notes)
	}
}
