package azuresim_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/cloud"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azward/azward/azuresim"
	"github.com/azward/azward/azuresim/scenario"
)

const (
	tenantID   = "72f0c1a0-0000-4000-8000-000000000001"
	production = "/subscriptions/72f0c1a0-0000-4000-8000-0000000000c1"
	sandbox    = "/subscriptions/72f0c1a0-0000-4000-8000-0000000000c2"
	web        = production + "/resourceGroups/web"
)

func load(t *testing.T) *scenario.Scenario {
	t.Helper()
	s, err := scenario.Load("minimal")
	if err != nil {
		t.Fatal(err)
	}
	return s
}

type sim struct {
	*azuresim.Server
	t      *testing.T
	client *http.Client
}

func start(t *testing.T, o azuresim.Options) *sim {
	t.Helper()
	if o.Scenario == nil {
		o.Scenario = load(t)
	}
	server, err := azuresim.Start(t.Context(), o)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(server.CACertPEM())
	transport := &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		if err := server.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return &sim{Server: server, t: t, client: &http.Client{Transport: transport}}
}

// options point an azidentity credential at the simulator.
func (s *sim) options() azcore.ClientOptions {
	return azcore.ClientOptions{
		Cloud:     cloud.Configuration{ActiveDirectoryAuthorityHost: s.AuthorityHost()},
		Transport: s.client,
		Retry:     policy.RetryOptions{MaxRetries: -1},
	}
}

const managementScope = "https://management.azure.com/.default"

func (s *sim) secretToken(app, scope string) (string, error) {
	s.t.Helper()
	a, ok := load(s.t).App(app)
	if !ok {
		s.t.Fatalf("no app %s", app)
	}
	cred, err := azidentity.NewClientSecretCredential(tenantID, a.ClientID, a.Secrets[0].Value, &azidentity.ClientSecretCredentialOptions{
		ClientOptions: s.options(), DisableInstanceDiscovery: true,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	token, err := cred.GetToken(s.t.Context(), policy.TokenRequestOptions{Scopes: []string{scope}})
	return token.Token, err
}

func (s *sim) signIn(tenant, client, secret string) string {
	s.t.Helper()
	cred, err := azidentity.NewClientSecretCredential(tenant, client, secret, &azidentity.ClientSecretCredentialOptions{
		ClientOptions: s.options(), DisableInstanceDiscovery: true,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	token, err := cred.GetToken(s.t.Context(), policy.TokenRequestOptions{Scopes: []string{managementScope}})
	if err != nil {
		s.t.Fatal(err)
	}
	return token.Token
}

func (s *sim) token(app string) string {
	s.t.Helper()
	token, err := s.secretToken(app, managementScope)
	if err != nil {
		s.t.Fatalf("sign in as %s: %v", app, err)
	}
	return token
}

type answer struct {
	status int
	header http.Header
	raw    []byte
	body   map[string]any
}

// send makes a request; a path is below the ARM endpoint.
func (s *sim) send(method, url, token, body string) answer {
	s.t.Helper()
	if strings.HasPrefix(url, "/") {
		url = s.ARMEndpoint() + url
	}
	req, err := http.NewRequestWithContext(s.t.Context(), method, url, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if token != "" {
		req.Header.Set("Authorization", "Bearer "+token)
	}
	if body != "" {
		req.Header.Set("Content-Type", "application/json")
	}
	return s.do(req)
}

func (s *sim) do(req *http.Request) answer {
	s.t.Helper()
	resp, err := s.client.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = resp.Body.Close() }()
	raw, err := io.ReadAll(resp.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	a := answer{status: resp.StatusCode, header: resp.Header, raw: raw}
	if err := json.Unmarshal(raw, &a.body); err != nil {
		s.t.Fatalf("%s %s: %d, not JSON: %.300s", req.Method, req.URL.Path, resp.StatusCode, raw)
	}
	return a
}

func (s *sim) get(path, token string) answer {
	s.t.Helper()
	return s.send(http.MethodGet, path, token, "")
}

// ids are the id fields of a list's values.
func (a answer) ids() []string {
	var ids []string
	values, _ := a.body["value"].([]any)
	for _, v := range values {
		m, _ := v.(map[string]any)
		id, _ := m["id"].(string)
		ids = append(ids, id)
	}
	return ids
}

func (a answer) code() string {
	e, _ := a.body["error"].(map[string]any)
	code, _ := e["code"].(string)
	return code
}

func (a answer) message() string {
	e, _ := a.body["error"].(map[string]any)
	m, _ := e["message"].(string)
	return m
}

func scenarioGrant(app, role, scope string) scenario.Grant {
	return scenario.Grant{App: app, Role: role, Scope: scope}
}
