package entra

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/azward/azward/azuresim/scenario"
)

const (
	maxFormBytes  = 1 << 20 // a token request is a few KiB
	assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
)

// How the client proved itself, as the appidacr claim says it.
const (
	bySecret    = "1"
	byAssertion = "2"
)

// token answers POST /{tenant}/oauth2/v2.0/token and /{tenant}/oauth2/token.
func (a *Authority) token(w http.ResponseWriter, r *http.Request, v2 bool) {
	w.Header().Set("x-ms-request-id", newGUID())
	form, ok := readForm(w, r)
	if !ok {
		fail(http.StatusBadRequest, "invalid_request", 900144, "The request body is not a form that can be read.").write(w, r, a.o.BaseURL, a.o.Now())
		return
	}
	if a.o.Seen != nil {
		a.o.Seen(r, form.Get("client_id"))
	}
	body, f := a.grant(r, form, v2)
	if f != nil {
		f.write(w, r, a.o.BaseURL, a.o.Now())
		return
	}
	writeJSON(w, http.StatusOK, body)
}

func readForm(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, maxFormBytes)
	if err := r.ParseForm(); err != nil {
		return nil, false
	}
	if id, secret, ok := r.BasicAuth(); ok && r.PostForm.Get("client_id") == "" {
		r.PostForm.Set("client_id", unescape(id))
		r.PostForm.Set("client_secret", unescape(secret))
	}
	return r.PostForm, true
}

func unescape(s string) string {
	if plain, err := url.QueryUnescape(s); err == nil {
		return plain
	}
	return s
}

func (a *Authority) grant(r *http.Request, form url.Values, v2 bool) (map[string]any, *failure) {
	if f := a.checkTenant(r.PathValue("tenant")); f != nil {
		return nil, f
	}
	if grant := form.Get("grant_type"); grant != "client_credentials" {
		return nil, fail(http.StatusBadRequest, "unsupported_grant_type", 70003, "The app requested an unsupported grant type '%.60s'.", grant)
	}
	who, f := a.client(form)
	if f != nil {
		return nil, f
	}
	how, f := a.authenticate(who, form)
	if f != nil {
		return nil, f
	}
	audience, resourceApp, f := a.audience(form, v2)
	if f != nil {
		return nil, f
	}
	if f := a.policies(who); f != nil {
		return nil, f
	}
	return a.answer(who, audience, resourceApp, how, v2)
}

func (a *Authority) answer(who *app, audience, resourceApp, how string, v2 bool) (map[string]any, *failure) {
	raw, expires, err := a.issue(who, audience, resourceApp, how)
	if err != nil {
		return nil, fail(http.StatusInternalServerError, "server_error", 90033, "A transient error has occurred. Please try again.")
	}
	seconds := int(tokenLifetime/time.Second) - 1
	if v2 {
		return map[string]any{"token_type": "Bearer", "expires_in": seconds, "ext_expires_in": seconds, "access_token": raw}, nil
	}
	return map[string]any{ // the v1 endpoint writes numbers as texts
		"token_type": "Bearer", "expires_in": strconv.Itoa(seconds), "ext_expires_in": strconv.Itoa(seconds),
		"expires_on": strconv.FormatInt(expires.Unix(), 10), "not_before": strconv.FormatInt(a.o.Now().Unix(), 10),
		"resource": audience, "access_token": raw,
	}, nil
}

// client finds the application.
func (a *Authority) client(form url.Values) (*app, *failure) {
	id := form.Get("client_id")
	if id == "" {
		return nil, fail(http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'client_id'.")
	}
	if who := a.apps[strings.ToLower(id)]; who != nil {
		return who, nil
	}
	return nil, fail(http.StatusBadRequest, "unauthorized_client", 700016,
		"Application with identifier '%.60s' was not found in the directory '%s'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.",
		id, a.directory())
}

func (a *Authority) directory() string {
	if a.o.Tenant.Name != "" {
		return a.o.Tenant.Name
	}
	return a.o.Tenant.ID
}

func (a *Authority) authenticate(who *app, form url.Values) (string, *failure) {
	if assertion := form.Get("client_assertion"); assertion != "" {
		if form.Get("client_assertion_type") != assertionType {
			return "", fail(http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'client_assertion_type'.")
		}
		return byAssertion, a.assertion(who, assertion)
	}
	secret := form.Get("client_secret")
	if secret == "" {
		return "", fail(http.StatusUnauthorized, "invalid_client", 7000218, "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.")
	}
	return bySecret, a.secret(who, secret)
}

func (a *Authority) secret(who *app, given string) *failure {
	expired := false
	for _, s := range who.Secrets {
		if s.Value != given {
			continue
		}
		if s.Expires.IsZero() || a.o.Now().Before(s.Expires) {
			return nil
		}
		expired = true
	}
	if expired {
		return fail(http.StatusUnauthorized, "invalid_client", 7000222,
			"The provided client secret keys for app '%s' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.", who.ClientID)
	}
	return fail(http.StatusUnauthorized, "invalid_client", 7000215,
		"Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '%s'.", who.ClientID)
}

var assertionAlgorithms = []jose.SignatureAlgorithm{jose.RS256, jose.PS256, jose.RS384, jose.RS512, jose.ES256}

// assertion checks a signed client assertion: issued by the client itself it
// is proof by certificate, issued by another it is a federated one.
func (a *Authority) assertion(who *app, raw string) *failure {
	parsed, err := jwt.ParseSigned(raw, assertionAlgorithms)
	if err != nil || len(parsed.Headers) != 1 {
		return fail(http.StatusUnauthorized, "invalid_client", 50027, "JWT token is invalid or malformed.")
	}
	var c jwt.Claims
	if err := parsed.UnsafeClaimsWithoutVerification(&c); err != nil {
		return fail(http.StatusUnauthorized, "invalid_client", 50027, "JWT token is invalid or malformed.")
	}
	if strings.EqualFold(c.Issuer, who.ClientID) {
		return a.byCertificate(who, parsed, c)
	}
	return a.federated(who, parsed, c)
}

func (a *Authority) byCertificate(who *app, parsed *jwt.JSONWebToken, c jwt.Claims) *failure {
	cert, shown := who.certificate(parsed.Headers[0])
	if cert == nil {
		return fail(http.StatusUnauthorized, "invalid_client", 700027,
			"The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found., Thumbprint of key used by client: '%.80s', Please visit the Azure Portal, Graph Explorer or directly use MS Graph to see configured keys for app Id '%s'.].", shown, who.ClientID)
	}
	if err := parsed.Claims(cert.PublicKey, &c); err != nil {
		return fail(http.StatusUnauthorized, "invalid_client", 700027,
			"Client assertion failed signature validation. [Reason - The key was found, but the signature is invalid., Thumbprint of key used by client: '%.80s'].", shown)
	}
	now := a.o.Now()
	if now.After(cert.NotAfter) || now.Before(cert.NotBefore) {
		return fail(http.StatusUnauthorized, "invalid_client", 700027,
			"The certificate with identifier used to sign the client assertion is expired on application. [Reason - The key used is expired., Thumbprint of key used by client: '%.80s', Found key 'Start=%s, End=%s'].",
			shown, cert.NotBefore.UTC().Format(time.RFC3339), cert.NotAfter.UTC().Format(time.RFC3339))
	}
	if !strings.EqualFold(c.Subject, who.ClientID) || !slices.ContainsFunc(c.Audience, a.isOurEndpoint) {
		return fail(http.StatusUnauthorized, "invalid_client", 700023, "Client assertion audience claim does not match Realm issuer. Review the documentation at https://learn.microsoft.com/entra/identity-platform/certificate-credentials .")
	}
	return a.inTime(c)
}

// isOurEndpoint accepts what clients put as the audience of an assertion: the
// token endpoint of either version, or the issuer.
func (a *Authority) isOurEndpoint(audience string) bool {
	rest, ok := strings.CutPrefix(audience, a.o.BaseURL+"/")
	if !ok {
		return false
	}
	tenant, tail, _ := strings.Cut(rest, "/")
	return a.checkTenant(tenant) == nil && slices.Contains([]string{"oauth2/v2.0/token", "oauth2/token", "v2.0", ""}, tail)
}

func (a *Authority) inTime(c jwt.Claims) *failure {
	err := c.ValidateWithLeeway(jwt.Expected{Time: a.o.Now()}, clockSkew)
	if err == nil && c.Expiry != nil {
		return nil
	}
	return fail(http.StatusUnauthorized, "invalid_client", 700024, "Client assertion is not within its valid time range. Current time: %s.", a.o.Now().UTC().Format(time.RFC3339))
}

// federated compares issuer, then audience, then subject, each case-sensitive,
// and names the one that fits none.
//
// Source: https://learn.microsoft.com/entra/workload-id/workload-identity-federation
func (a *Authority) federated(who *app, parsed *jwt.JSONWebToken, c jwt.Claims) *failure {
	const advice = "Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation"
	mismatch := func(code int, what, value string) *failure {
		return fail(http.StatusUnauthorized, "invalid_client", code, "No matching federated identity record found for presented assertion %s '%.200s'. %s", what, value, advice)
	}
	records := who.FederatedCredentials
	if len(records) == 0 {
		return fail(http.StatusUnauthorized, "invalid_client", 70021,
			"No matching federated identity record found for presented assertion. Assertion Issuer: '%.200s'. Assertion Subject: '%.200s'. Assertion Audience: '%.200s'. https://learn.microsoft.com/entra/workload-id/workload-identity-federation",
			c.Issuer, c.Subject, strings.Join(c.Audience, ","))
	}
	keep := func(ok func(scenario.FederatedCredential) bool) {
		records = slices.DeleteFunc(slices.Clone(records), func(f scenario.FederatedCredential) bool { return !ok(f) })
	}
	if keep(func(f scenario.FederatedCredential) bool { return a.issuerOf(f) == c.Issuer }); len(records) == 0 {
		return mismatch(700211, "issuer", c.Issuer)
	}
	if keep(func(f scenario.FederatedCredential) bool { return slices.Contains(c.Audience, f.Audience) }); len(records) == 0 {
		return mismatch(700212, "audience", strings.Join(c.Audience, ","))
	}
	if keep(func(f scenario.FederatedCredential) bool { return f.Subject == c.Subject }); len(records) == 0 {
		return mismatch(700213, "subject", c.Subject)
	}
	if err := a.checkFederatedSignature(records[0], parsed); err != nil {
		return fail(http.StatusUnauthorized, "invalid_client", 50013, "Assertion failed signature validation. [Reason - %.200s].", err.Error())
	}
	return a.inTime(c)
}

func (a *Authority) issuerOf(f scenario.FederatedCredential) string {
	if f.Issuer == "" {
		return a.TestIssuer()
	}
	return f.Issuer
}

func (a *Authority) checkFederatedSignature(f scenario.FederatedCredential, parsed *jwt.JSONWebToken) error {
	var ignored map[string]any
	if f.Issuer == "" {
		return parsed.Claims(&a.key.PublicKey, &ignored)
	}
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(f.JWKS, &set); err != nil {
		return errors.New("the issuer's key set cannot be read")
	}
	for _, key := range set.Keys {
		if parsed.Headers[0].KeyID != "" && key.KeyID != "" && key.KeyID != parsed.Headers[0].KeyID {
			continue
		}
		if parsed.Claims(key, &ignored) == nil {
			return nil
		}
	}
	return errors.New("the key was not found")
}

// audience reads scope (v2) or resource (v1).
//
// Source: https://learn.microsoft.com/entra/identity-platform/scopes-oidc#the-default-scope
func (a *Authority) audience(form url.Values, v2 bool) (audience, resourceApp string, f *failure) {
	if !v2 {
		audience = form.Get("resource")
		if audience == "" {
			return "", "", fail(http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'resource'.")
		}
	} else {
		scope := defaultScope(form.Get("scope"))
		resource, ok := strings.CutSuffix(scope, "/.default")
		switch {
		case scope == "":
			return "", "", fail(http.StatusBadRequest, "invalid_request", 900144, "The request body must contain the following parameter: 'scope'.")
		case !ok:
			return "", "", fail(http.StatusBadRequest, "invalid_scope", 1002012,
				"The provided value for scope %.200s is not valid. Client credential flows must have a scope value with /.default suffixed to the resource identifier (application ID URI).", scope)
		}
		audience = resource
	}
	resourceApp, ok := a.resource(audience)
	if !ok {
		return "", "", fail(http.StatusBadRequest, "invalid_resource", 500011,
			"The resource principal named %.200s was not found in the tenant named %s. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You might have sent your authentication request to the wrong tenant.", audience, a.directory())
	}
	return audience, resourceApp, nil
}

// defaultScope leaves out the OpenID scopes that MSAL adds.
func defaultScope(scopes string) string {
	for _, s := range strings.Fields(scopes) {
		if !slices.Contains([]string{"openid", "profile", "offline_access", "email"}, s) {
			return s
		}
	}
	return ""
}

func (a *Authority) policies(who *app) *failure {
	if _, given := a.consented.Load(strings.ToLower(who.ClientID)); who.Consent == "missing" && !given {
		return fail(http.StatusBadRequest, "invalid_grant", 65001,
			"The user or administrator has not consented to use the application with ID '%s' named '%s'. Send an interactive authorization request for this user and resource.", who.ClientID, who.DisplayName)
	}
	if who.ConditionalAccess == "block" {
		return fail(http.StatusBadRequest, "invalid_grant", 53003, "Access has been blocked by Conditional Access policies. The access policy does not allow token issuance.")
	}
	return nil
}
