package azuresim_test

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/Azure/azure-sdk-for-go/sdk/azcore"
	"github.com/Azure/azure-sdk-for-go/sdk/azcore/policy"
	"github.com/Azure/azure-sdk-for-go/sdk/azidentity"

	"github.com/azward/azward/azuresim"
	"github.com/azward/azward/azuresim/scenario"
)

// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
func TestSDKSignsInWithSecretCertificateAndAssertion(t *testing.T) {
	t.Parallel()
	s := start(t, azuresim.Options{})
	pem, err := s.ClientCertificate("cert")
	if err != nil {
		t.Fatal(err)
	}
	certs, key, err := azidentity.ParseCertificates(pem, nil)
	if err != nil {
		t.Fatal(err)
	}
	certificate, err := azidentity.NewClientCertificateCredential(tenantID, "72f0c1a0-0000-4000-8000-0000000000a5", certs, key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: s.options(), DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	assertion, err := azidentity.NewClientAssertionCredential(tenantID, "72f0c1a0-0000-4000-8000-0000000000a6",
		func(context.Context) (string, error) {
			return s.FederatedAssertion("repo:contoso/shop:ref:refs/heads/main", "")
		},
		&azidentity.ClientAssertionCredentialOptions{ClientOptions: s.options(), DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	for name, cred := range map[string]azcore.TokenCredential{"certificate": certificate, "assertion": assertion} {
		t.Run(name, func(t *testing.T) {
			token, err := cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{managementScope}})
			if err != nil {
				t.Fatal(err)
			}
			if a := s.get(web+"?api-version=2022-09-01", token.Token); a.status != http.StatusOK {
				t.Errorf("the token reads nothing: %d %s", a.status, a.raw)
			}
		})
	}
}

// https://learn.microsoft.com/entra/identity-platform/reference-error-codes
func TestRefusedSignInsCarryTheirNumber(t *testing.T) {
	t.Parallel()
	s := start(t, azuresim.Options{})
	reader := "72f0c1a0-0000-4000-8000-0000000000a1"
	assertion := func(subject, audience string) string {
		raw, err := s.FederatedAssertion(subject, audience)
		if err != nil {
			t.Fatal(err)
		}
		return raw
	}
	for _, tc := range []struct {
		name, tenant string
		form         url.Values
		status, code int
		kind         string
	}{
		{"unknown_app", tenantID, url.Values{"client_id": {"72f0c1a0-0000-4000-8000-00000000dead"}}, 400, 700016, "unauthorized_client"},
		{"unknown_tenant", "72f0c1a0-0000-4000-8000-00000000dead", nil, 400, 90002, "invalid_request"},
		{"tenant_with_a_brace", "{72f0c1a0-0000-4000-8000-000000000001}", nil, 400, 900023, "invalid_request"},
		{"wrong_secret", tenantID, url.Values{"client_secret": {"wrong"}}, 401, 7000215, "invalid_client"},
		{"no_secret", tenantID, url.Values{"client_secret": {""}}, 401, 7000218, "invalid_client"},
		{"expired_secret", tenantID, url.Values{"client_id": {"72f0c1a0-0000-4000-8000-0000000000a4"}, "client_secret": {"simulated-expired-secret"}}, 401, 7000222, "invalid_client"},
		{"consent_missing", tenantID, url.Values{"client_id": {"72f0c1a0-0000-4000-8000-0000000000a7"}, "client_secret": {"simulated-noconsent-secret"}}, 400, 65001, "invalid_grant"},
		{"conditional_access", tenantID, url.Values{"client_id": {"72f0c1a0-0000-4000-8000-0000000000a8"}, "client_secret": {"simulated-blocked-secret"}}, 400, 53003, "invalid_grant"},
		{"unknown_resource", tenantID, url.Values{"scope": {"https://nothing.example/.default"}}, 400, 500011, "invalid_resource"},
		{"scope_without_default", tenantID, url.Values{"scope": {"https://management.azure.com/user_impersonation"}}, 400, 1002012, "invalid_scope"},
		{"grant_type", tenantID, url.Values{"grant_type": {"password"}}, 400, 70003, "unsupported_grant_type"},
		{"assertion_is_no_token", tenantID, url.Values{"client_assertion": {"abc"}}, 401, 50027, "invalid_client"},
		{"federated_but_none_registered", tenantID, url.Values{"client_assertion": {assertion("x", "")}}, 401, 70021, "invalid_client"},
		{"federated_subject", tenantID, url.Values{"client_id": {"72f0c1a0-0000-4000-8000-0000000000a6"}, "client_assertion": {assertion("repo:contoso/shop:pull_request", "")}}, 401, 700213, "invalid_client"},
		{"federated_audience", tenantID, url.Values{"client_id": {"72f0c1a0-0000-4000-8000-0000000000a6"}, "client_assertion": {assertion("repo:contoso/shop:ref:refs/heads/main", "api://other")}}, 401, 700212, "invalid_client"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			form := url.Values{
				"grant_type": {"client_credentials"}, "client_id": {reader}, "client_secret": {"simulated-reader-secret"}, "scope": {managementScope},
				"client_assertion_type": {"urn:ietf:params:oauth:client-assertion-type:jwt-bearer"},
			}
			for k, v := range tc.form {
				form[k] = v
			}
			resp := s.post(s.AuthorityHost()+"/"+url.PathEscape(tc.tenant)+"/oauth2/v2.0/token", form)
			var body struct {
				Error       string `json:"error"`
				Description string `json:"error_description"`
				Codes       []int  `json:"error_codes"`
				URI         string `json:"error_uri"`
				Trace       string `json:"trace_id"`
			}
			if err := json.Unmarshal(resp.raw, &body); err != nil {
				t.Fatal(err)
			}
			if resp.status != tc.status || body.Error != tc.kind || len(body.Codes) != 1 || body.Codes[0] != tc.code {
				t.Errorf("got %d %s %v %s", resp.status, body.Error, body.Codes, body.Description)
			}
			if !strings.Contains(body.Description, "Trace ID: "+body.Trace) || body.URI == "" {
				t.Errorf("description or URI are not Entra's: %s %s", body.Description, body.URI)
			}
			if strings.Contains(string(resp.raw), "simulated-") {
				t.Error("the answer repeats a secret")
			}
		})
	}
}

func (s *sim) post(target string, form url.Values) answer {
	s.t.Helper()
	req, err := http.NewRequestWithContext(s.t.Context(), http.MethodPost, target, strings.NewReader(form.Encode()))
	if err != nil {
		s.t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	return s.do(req)
}

// https://learn.microsoft.com/entra/identity-platform/certificate-credentials
func TestUnregisteredCertificateIsRefused(t *testing.T) {
	t.Parallel()
	s := start(t, azuresim.Options{})
	other := start(t, azuresim.Options{}) // makes a certificate of its own
	pem, err := other.ClientCertificate("cert")
	if err != nil {
		t.Fatal(err)
	}
	certs, key, err := azidentity.ParseCertificates(pem, nil)
	if err != nil {
		t.Fatal(err)
	}
	cred, err := azidentity.NewClientCertificateCredential(tenantID, "72f0c1a0-0000-4000-8000-0000000000a5", certs, key,
		&azidentity.ClientCertificateCredentialOptions{ClientOptions: s.options(), DisableInstanceDiscovery: true})
	if err != nil {
		t.Fatal(err)
	}
	_, err = cred.GetToken(t.Context(), policy.TokenRequestOptions{Scopes: []string{managementScope}})
	var failed *azidentity.AuthenticationFailedError
	if !errors.As(err, &failed) || !strings.Contains(err.Error(), "AADSTS700027") {
		t.Errorf("got %v", err)
	}
}

// The v1 endpoints, which older command lines use, write numbers as texts.
// https://learn.microsoft.com/previous-versions/azure/active-directory/azuread-dev/v1-oauth2-client-creds-grant-flow
func TestVersion1Endpoint(t *testing.T) {
	t.Parallel()
	s := start(t, azuresim.Options{})
	a := s.post(s.AuthorityHost()+"/contoso.onmicrosoft.com/oauth2/token", url.Values{
		"grant_type": {"client_credentials"}, "client_id": {"72f0c1a0-0000-4000-8000-0000000000a1"},
		"client_secret": {"simulated-reader-secret"}, "resource": {"https://management.core.windows.net/"},
	})
	token, _ := a.body["access_token"].(string)
	if _, text := a.body["expires_on"].(string); !text || token == "" {
		t.Fatalf("got %d %s", a.status, a.raw)
	}
	if got := s.get("/tenants?api-version=2019-11-01", token); got.status != http.StatusOK {
		t.Errorf("tenants: %d %s", got.status, got.raw)
	}
}

func TestEveryEndpointChecksTheToken(t *testing.T) {
	t.Parallel()
	now := time.Now()
	clock := func() time.Time { return now }
	s := start(t, azuresim.Options{Now: clock})
	token := s.token("reader")
	graph, err := s.secretToken("reader", "https://graph.microsoft.com/.default")
	if err != nil {
		t.Fatal(err)
	}
	parts := strings.Split(token, ".")
	forged := parts[0] + "." + parts[1] + "." + strings.Repeat("A", len(parts[2]))
	path := "/subscriptions?api-version=2022-12-01"
	for _, tc := range []struct{ name, token, code string }{
		{"none", "", "AuthenticationFailed"},
		{"forged", forged, "InvalidAuthenticationToken"},
		{"no_token_at_all", "abc", "InvalidAuthenticationToken"},
		{"of_another_resource", graph, "InvalidAuthenticationTokenAudience"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			a := s.get(path, tc.token)
			if a.status != http.StatusUnauthorized || a.code() != tc.code || a.header.Get("WWW-Authenticate") == "" {
				t.Errorf("got %d %s", a.status, a.raw)
			}
		})
	}
	now = now.Add(2 * time.Hour)
	if a := s.get(path, token); a.code() != "ExpiredAuthenticationToken" {
		t.Errorf("after two hours: %d %s", a.status, a.raw)
	}
}

// https://learn.microsoft.com/graph/api/serviceprincipal-list
func TestDirectoryNeedsAPermission(t *testing.T) {
	t.Parallel()
	s := start(t, azuresim.Options{})
	for _, tc := range []struct {
		app    string
		status int
	}{{"reader", 200}, {"noreader", 403}} {
		token, err := s.secretToken(tc.app, "https://graph.microsoft.com/.default")
		if err != nil {
			t.Fatal(err)
		}
		a := s.get(s.GraphEndpoint()+"/v1.0/servicePrincipals?$filter="+url.QueryEscape("appId eq '72f0c1a0-0000-4000-8000-0000000000a1'"), token)
		if a.status != tc.status || tc.status == 200 && len(a.ids()) != 1 {
			t.Errorf("%s: got %d %s", tc.app, a.status, a.raw)
		}
	}
}

func TestDiscoveryNamesItsOwnEndpoints(t *testing.T) {
	t.Parallel()
	s := start(t, azuresim.Options{Scenario: &scenario.Scenario{Tenant: scenario.Tenant{ID: tenantID}}})
	for _, path := range []string{"/v2.0/.well-known/openid-configuration", "/.well-known/openid-configuration"} {
		a := s.get(s.AuthorityHost()+"/"+tenantID+path, "")
		endpoint, _ := a.body["token_endpoint"].(string)
		keys, _ := a.body["jwks_uri"].(string)
		if !strings.HasPrefix(endpoint, s.AuthorityHost()+"/"+tenantID+"/oauth2/") {
			t.Errorf("token endpoint %q", endpoint)
		}
		if k := s.get(keys, ""); k.status != http.StatusOK || !strings.Contains(string(k.raw), `"RS256"`) {
			t.Errorf("keys: %d %s", k.status, k.raw)
		}
	}
	a := s.get(s.AuthorityHost()+"/72f0c1a0-0000-4000-8000-00000000dead/v2.0/.well-known/openid-configuration", "")
	if a.status != http.StatusBadRequest || a.body["error"] != "invalid_tenant" {
		t.Errorf("unknown tenant: %d %s", a.status, a.raw)
	}
}
