package collect_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/azward/azward"
	"github.com/azward/azward/azure"
	"github.com/azward/azward/azuresim"
	"github.com/azward/azward/azuresim/scenario"
	"github.com/azward/azward/collect"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/kube"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func load(t testing.TB, name string) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Load(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// start serves a scenario and returns a client signed in as one of its apps.
func start(t testing.TB, s *scenario.Scenario, app string) (*azure.Client, *azuresim.Server) {
	t.Helper()
	server, err := azuresim.Start(t.Context(), azuresim.Options{Scenario: s})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Errorf("close the simulator: %v", err)
		}
	})
	return clientOf(t, s, server, app, azure.Options{}), server
}

func clientOf(t testing.TB, s *scenario.Scenario, server *azuresim.Server, app string, o azure.Options) *azure.Client {
	t.Helper()
	file := filepath.Join(t.TempDir(), "cloud.json")
	if err := os.WriteFile(file, server.CloudConfig(), 0o600); err != nil {
		t.Fatal(err)
	}
	cloud, err := azure.LoadCloudConfig(file)
	if err != nil {
		t.Fatal(err)
	}
	a, ok := s.App(app)
	if !ok {
		t.Fatalf("the scenario has no app %s", app)
	}
	credential, err := cloud.Credential(azure.SignIn{
		Method: azure.ClientSecret, TenantID: azward.TenantID(s.Tenant.ID), ClientID: a.ClientID,
		Secret: func() (string, error) { return a.Secrets[0].Value, nil },
	})
	if err != nil {
		t.Fatal(err)
	}
	client, err := azure.NewClient(cloud, credential, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

// read collects everything, clusters included.
func read(t testing.TB, client *azure.Client, o collect.Options) (*estate.Estate, collect.Summary) {
	t.Helper()
	if o.Clusters == nil {
		o.Clusters = kube.Read
	}
	var b estate.Builder
	summary, err := collect.Collect(t.Context(), client, &b, o)
	if err != nil {
		t.Fatalf("collect: %v", err)
	}
	return b.Build(), summary
}
