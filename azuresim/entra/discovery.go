package entra

import (
	"net/http"
	"slices"
	"strings"

	"github.com/go-jose/go-jose/v4"
)

// Handler answers what login.microsoftonline.com answers.
func (a *Authority) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{tenant}/v2.0/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) { a.openID(w, r, true) })
	mux.HandleFunc("GET /{tenant}/.well-known/openid-configuration", func(w http.ResponseWriter, r *http.Request) { a.openID(w, r, false) })
	mux.HandleFunc("GET /{tenant}/discovery/v2.0/keys", a.keys)
	mux.HandleFunc("GET /{tenant}/discovery/keys", a.keys)
	mux.HandleFunc("GET /common/discovery/instance", a.instance)
	mux.HandleFunc("POST /{tenant}/oauth2/v2.0/token", func(w http.ResponseWriter, r *http.Request) { a.token(w, r, true) })
	mux.HandleFunc("POST /{tenant}/oauth2/token", func(w http.ResponseWriter, r *http.Request) { a.token(w, r, false) })
	mux.HandleFunc("GET /{tenant}/v2.0/adminconsent", a.adminConsent)
	mux.HandleFunc("GET /federation/.well-known/openid-configuration", a.federationDocument)
	mux.HandleFunc("GET /federation/keys", a.keys)
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) })
	return mux
}

// openID gives the discovery document of either endpoint version.
//
// Source: https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#fetch-the-openid-configuration-document
func (a *Authority) openID(w http.ResponseWriter, r *http.Request, v2 bool) {
	segment := r.PathValue("tenant")
	if f := a.checkAuthority(segment); f != nil {
		f.kind = "invalid_tenant"
		f.write(w, r, a.o.BaseURL, a.o.Now())
		return
	}
	// Entra writes the tenant's ID into the URLs even when asked by domain.
	id := a.o.Tenant.ID
	if a.checkTenant(segment) != nil {
		id = segment
	}
	base, version := a.o.BaseURL+"/"+id, ""
	issuer := a.o.BaseURL + "/" + id + "/"
	if v2 {
		version, issuer = "/v2.0", issuer+"v2.0"
	}
	writeJSON(w, http.StatusOK, map[string]any{
		"token_endpoint":                        base + "/oauth2" + version + "/token",
		"token_endpoint_auth_methods_supported": []string{"client_secret_post", "private_key_jwt", "client_secret_basic"},
		"jwks_uri":                              base + "/discovery" + version + "/keys",
		"response_modes_supported":              []string{"query", "fragment", "form_post"},
		"subject_types_supported":               []string{"pairwise"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
		"response_types_supported":              []string{"code", "id_token", "code id_token", "id_token token"},
		"scopes_supported":                      []string{"openid", "profile", "email", "offline_access"},
		"issuer":                                issuer,
		"request_uri_parameter_supported":       false,
		"userinfo_endpoint":                     a.o.GraphEndpoint + "/oidc/userinfo",
		"authorization_endpoint":                base + "/oauth2" + version + "/authorize",
		"device_authorization_endpoint":         base + "/oauth2" + version + "/devicecode",
		"http_logout_supported":                 true,
		"frontchannel_logout_supported":         true,
		"end_session_endpoint":                  base + "/oauth2" + version + "/logout",
		"claims_supported":                      []string{"sub", "iss", "aud", "exp", "iat", "tid", "ver", "oid"},
		"tenant_region_scope":                   "EU",
		"cloud_instance_name":                   "microsoftonline.com",
		"cloud_graph_host_name":                 "graph.windows.net",
		"msgraph_host":                          strings.TrimPrefix(a.o.GraphEndpoint, "https://"),
	})
}

func (a *Authority) keys(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{
		{Key: &a.key.PublicKey, KeyID: a.keyID, Use: "sig", Algorithm: string(jose.RS256)},
	}})
}

// instance tells a client that this authority is a known cloud, under its own
// name alone.
func (a *Authority) instance(w http.ResponseWriter, _ *http.Request) {
	host := strings.TrimPrefix(a.o.BaseURL, "https://")
	writeJSON(w, http.StatusOK, map[string]any{
		"tenant_discovery_endpoint": a.o.BaseURL + "/" + a.o.Tenant.ID + "/v2.0/.well-known/openid-configuration",
		"api-version":               "1.1",
		"metadata":                  []any{map[string]any{"preferred_network": host, "preferred_cache": host, "aliases": []string{host}}},
	})
}

func (a *Authority) federationDocument(w http.ResponseWriter, _ *http.Request) {
	writeJSON(w, http.StatusOK, map[string]any{
		"issuer": a.TestIssuer(), "jwks_uri": a.TestIssuer() + "/keys",
		"response_types_supported": []string{"id_token"}, "subject_types_supported": []string{"public"},
		"id_token_signing_alg_values_supported": []string{"RS256"},
	})
}

// checkAuthority also lets the names pass that stand for no tenant.
func (a *Authority) checkAuthority(tenant string) *failure {
	if slices.Contains([]string{"common", "organizations", "consumers"}, strings.ToLower(tenant)) {
		return nil
	}
	return a.checkTenant(tenant)
}

func (a *Authority) checkTenant(tenant string) *failure {
	lower := strings.ToLower(tenant)
	switch {
	case lower == strings.ToLower(a.o.Tenant.ID),
		slices.ContainsFunc(a.o.Tenant.Domains, func(d string) bool { return strings.EqualFold(d, tenant) }):
		return nil
	case slices.Contains([]string{"common", "organizations", "consumers"}, lower):
		return fail(http.StatusBadRequest, "invalid_request", 50059, "No tenant-identifying information found in either the request or implied by any provided credentials.")
	case !looksLikeTenant(lower):
		return fail(http.StatusBadRequest, "invalid_request", 900023, "Specified tenant identifier '%.100s' is neither a valid DNS name, nor a valid external domain.", lower)
	}
	return fail(http.StatusBadRequest, "invalid_request", 90002,
		"Tenant '%.100s' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud. Check with your subscription administrator, this may happen if there are no active subscriptions for the tenant.", lower)
}

// looksLikeTenant wants a GUID, or a DNS name with a dot.
func looksLikeTenant(s string) bool {
	if isGUID(s) {
		return true
	}
	labels := strings.Split(s, ".")
	if len(labels) < 2 || len(s) > 253 {
		return false
	}
	for _, l := range labels {
		if l == "" || len(l) > 63 || strings.Trim(l, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

func isGUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := range len(s) {
		dash := i == 8 || i == 13 || i == 18 || i == 23
		if dash != (s[i] == '-') || !dash && !strings.ContainsRune("0123456789abcdef", rune(s[i])) {
			return false
		}
	}
	return true
}
