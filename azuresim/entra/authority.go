// Package entra is the identity service of a simulated tenant: OpenID
// discovery, signing keys, and a token endpoint for applications that sign in
// with a secret, a certificate or a federated assertion. [New] makes an
// [Authority]; its handler answers clients, and its Verify is what every other
// endpoint of the simulator asks about a bearer token.
//
// Sources:
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow
// https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc
// https://learn.microsoft.com/entra/identity-platform/reference-error-codes
package entra

import (
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"

	"github.com/azward/azward/azuresim/rbac"
	"github.com/azward/azward/azuresim/scenario"
)

// Resource application IDs that services check as the audience.
const (
	AppARM     = "797f4846-ba00-4fd7-ba43-dac1f8f63013"
	AppMSGraph = "00000003-0000-0000-c000-000000000000"
	AppAKS     = "6dae42f8-4368-4678-94ff-3960e28e3630"
	AppACR     = "6a0ec4d3-30cb-4a83-91c0-ae56bc0e3d26"
)

const (
	rsaBits       = 2048
	tokenLifetime = time.Hour
	// clockSkew is what Entra grants assertions either way.
	clockSkew = 5 * time.Minute
)

// Options of an Authority.
type Options struct {
	Tenant scenario.Tenant
	Apps   []scenario.App
	// BaseURL is the authority host, "https://127.0.0.1:8443", without a slash.
	BaseURL string
	// ARMEndpoint and GraphEndpoint are also names of those resources.
	ARMEndpoint, GraphEndpoint string
	// Seen is told the client ID of every token request; may be nil.
	Seen func(r *http.Request, clientID string)
	Now  func() time.Time
}

// Authority issues and verifies tokens. It is safe for concurrent use.
type Authority struct {
	o         Options
	key       *rsa.PrivateKey
	keyID     string
	signer    jose.Signer
	apps      map[string]*app   // by client ID
	resources map[string]string // identifier → resource's application ID
	consented sync.Map          // client ID → true, of those that an administrator let in
}

// signingKey is made once a process, since it takes a noticeable time; tokens
// of one authority are foreign to another all the same, by their issuer.
var signingKey = sync.OnceValues(func() (*rsa.PrivateKey, error) { return rsa.GenerateKey(rand.Reader, rsaBits) })

// New makes an authority. Apps' generated certificates are made when first
// asked for.
func New(o Options) (*Authority, error) {
	key, err := signingKey()
	if err != nil {
		return nil, fmt.Errorf("make the token signing key: %w", err)
	}
	a := &Authority{o: o, key: key, keyID: thumbprint(key), apps: map[string]*app{}}
	a.signer, err = jose.NewSigner(
		jose.SigningKey{Algorithm: jose.RS256, Key: jose.JSONWebKey{Key: key, KeyID: a.keyID}},
		(&jose.SignerOptions{}).WithType("JWT").WithHeader("x5t", a.keyID))
	if err != nil {
		return nil, fmt.Errorf("make the token signer: %w", err)
	}
	for _, described := range o.Apps {
		made, err := newApp(described, o.Now())
		if err != nil {
			return nil, fmt.Errorf("app %s: %w", described.Name, err)
		}
		a.apps[strings.ToLower(described.ClientID)] = made
	}
	a.resources = resources(o)
	return a, nil
}

// resources names what tokens can be had for: identifier URIs without a
// trailing slash, and application IDs.
func resources(o Options) map[string]string {
	known := map[string]string{
		"https://management.azure.com":              AppARM,
		"https://management.core.windows.net":       AppARM,
		"https://graph.microsoft.com":               AppMSGraph,
		"https://containerregistry.azure.net":       AppACR,
		"https://vault.azure.net":                   "cfa8b339-82a2-471a-a3c9-0fc0be7a4093",
		"https://storage.azure.com":                 "e406a681-f3d4-42a8-90b6-c2b029497af1",
		"https://database.windows.net":              "022907d3-0f1b-48f7-badc-1ba6abab6d66",
		"https://api.loganalytics.io":               "ca7f3f0b-7d91-482c-8e09-c5d840d0eac5",
		strings.TrimRight(o.ARMEndpoint, "/"):       AppARM,
		strings.TrimRight(o.GraphEndpoint, "/"):     AppMSGraph,
		"https://management.usgovcloudapi.net":      AppARM,
		"https://management.chinacloudapi.cn":       AppARM,
		"https://management.core.usgovcloudapi.net": AppARM,
	}
	for _, id := range []string{AppARM, AppMSGraph, AppAKS, AppACR} {
		known[id] = id
	}
	for _, a := range o.Apps {
		known[strings.ToLower(a.ClientID)] = strings.ToLower(a.ClientID)
		known["api://"+strings.ToLower(a.ClientID)] = strings.ToLower(a.ClientID)
	}
	delete(known, "")
	return known
}

// resource resolves an identifier; a registry's own login server stands for
// the registry service.
func (a *Authority) resource(identifier string) (appID string, ok bool) {
	trimmed := strings.ToLower(strings.TrimRight(identifier, "/"))
	if id, ok := a.resources[trimmed]; ok {
		return id, true
	}
	if host, ok := strings.CutPrefix(trimmed, "https://"); ok && strings.HasSuffix(host, ".azurecr.io") {
		return AppACR, true
	}
	return "", false
}

// Token is what a verified bearer token says.
type Token struct {
	Principal rbac.Principal
	ClientID  string
	TenantID  string
	Audience  string
	// ResourceApp is the application ID of the resource that Audience names.
	ResourceApp string
	Roles       []string
	Expires     time.Time
}

// ErrExpired is matched when a token's time is over.
var ErrExpired = errors.New("the access token is expired")

// Claims of an access token in Entra's v1.0 form, which Azure's own resources
// take.
//
// Source: https://learn.microsoft.com/entra/identity-platform/access-token-claims-reference
type claims struct {
	jwt.Claims
	AppID  string   `json:"appid"`
	AppACR string   `json:"appidacr"` // "1" secret, "2" certificate or assertion
	IDP    string   `json:"idp"`
	IDType string   `json:"idtyp"`
	OID    string   `json:"oid"`
	TID    string   `json:"tid"`
	UTI    string   `json:"uti"`
	Ver    string   `json:"ver"`
	Groups []string `json:"groups,omitempty"`
	Roles  []string `json:"roles,omitempty"`
}

// issue signs a token of the app for a resource.
func (a *Authority) issue(who *app, audience, resourceApp, how string) (string, time.Time, error) {
	now := a.o.Now()
	expires := now.Add(tokenLifetime)
	c := claims{
		Claims: jwt.Claims{
			Issuer: a.issuer(), Subject: who.ObjectID, Audience: jwt.Audience{audience},
			IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now.Add(-clockSkew)), Expiry: jwt.NewNumericDate(expires),
		},
		AppID: who.ClientID, AppACR: how, IDP: a.issuer(), IDType: "app", OID: who.ObjectID, TID: a.o.Tenant.ID,
		UTI: rand.Text(), Ver: "1.0", Groups: who.Groups,
	}
	if resourceApp == AppMSGraph {
		c.Roles = who.GraphRoles
	}
	raw, err := jwt.Signed(a.signer).Claims(c).Serialize()
	if err != nil {
		return "", time.Time{}, fmt.Errorf("sign an access token: %w", err)
	}
	return raw, expires, nil
}

func (a *Authority) issuer() string { return a.o.BaseURL + "/" + a.o.Tenant.ID + "/" }

// Verify checks signature, issuer and time of an access token. The caller
// checks the audience, since each service says it in its own words.
func (a *Authority) Verify(raw string) (*Token, error) {
	parsed, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, fmt.Errorf("read the access token: %w", err)
	}
	var c claims
	if err := parsed.Claims(&a.key.PublicKey, &c); err != nil {
		return nil, fmt.Errorf("check the access token's signature: %w", err)
	}
	if c.Issuer != a.issuer() {
		return nil, errors.New("the access token is from another issuer")
	}
	now := a.o.Now()
	t := &Token{
		Principal: rbac.Principal{ObjectID: c.OID, Groups: c.Groups}, ClientID: c.AppID, TenantID: c.TID,
		Roles: c.Roles, Expires: c.Expiry.Time(),
	}
	if len(c.Audience) == 1 {
		t.Audience = c.Audience[0]
		t.ResourceApp, _ = a.resource(t.Audience)
	}
	if now.After(c.Expiry.Time()) {
		return t, ErrExpired
	}
	if now.Add(clockSkew).Before(c.NotBefore.Time()) {
		return nil, errors.New("the access token is not valid yet")
	}
	return t, nil
}
