// Package accesstest has what signs in against [access.Control] in tests: an
// OpenID Connect issuer on loopback, and an authenticator with passkeys. Both
// speak the wire formats alone.
package accesstest

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// Issuer signs one user in without asking, as an issuer does whose session is
// still good.
//
// Source: https://openid.net/specs/openid-connect-core-1_0.html
type Issuer struct {
	URL                    string
	ClientID, ClientSecret string
	Now                    func() time.Time // time.Now unless a test sets it

	// Each test sets what it needs before the sign-in.
	mu       sync.Mutex
	claims   map[string]any // of the user, over the standard ones; nil values leave one out
	forged   bool
	deny     string
	codes    map[string]request
	key      *ecdsa.PrivateKey
	requests int // to the token endpoint
}

type request struct{ redirect, challenge, nonce string }

// NewIssuer starts an issuer for the length of the test.
func NewIssuer(t testing.TB) *Issuer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	i := &Issuer{Now: time.Now, ClientID: "azward", ClientSecret: "issuer-secret-of-a-test", codes: map[string]request{}, key: key}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", i.discovery)
	mux.HandleFunc("GET /keys", i.keys)
	mux.HandleFunc("GET /authorize", i.authorize)
	mux.HandleFunc("POST /token", i.token)
	server := httptest.NewServer(mux)
	t.Cleanup(server.Close)
	i.URL = server.URL
	return i
}

// Claim sets claims of the user who signs in next; nil leaves a claim out, and a
// duration is a time so long from the issuer's now.
func (i *Issuer) Claim(claims map[string]any) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.claims = claims
}

// Forge has the next tokens signed by a key that is not published.
func (i *Issuer) Forge() { i.set(func() { i.forged = true }) }

// Deny has the issuer send browsers back with this error.
func (i *Issuer) Deny(code string) { i.set(func() { i.deny = code }) }

func (i *Issuer) set(change func()) {
	i.mu.Lock()
	defer i.mu.Unlock()
	change()
}

// Exchanges counts the calls of the token endpoint.
func (i *Issuer) Exchanges() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.requests
}

func answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(value) // the test sees what is missing
}

func (i *Issuer) discovery(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, map[string]any{
		"issuer": i.URL, "authorization_endpoint": i.URL + "/authorize", "token_endpoint": i.URL + "/token", "jwks_uri": i.URL + "/keys",
		"id_token_signing_alg_values_supported": []string{"ES256"}, "response_types_supported": []string{"code"},
		"subject_types_supported": []string{"public"}, "code_challenge_methods_supported": []string{"S256"},
	})
}

func (i *Issuer) keys(w http.ResponseWriter, _ *http.Request) {
	answer(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: i.key.Public(), KeyID: "one", Algorithm: "ES256", Use: "sig"}}})
}

func (i *Issuer) authorize(w http.ResponseWriter, r *http.Request) {
	query := r.URL.Query()
	back, err := url.Parse(query.Get("redirect_uri"))
	if err != nil || query.Get("client_id") != i.ClientID || query.Get("response_type") != "code" ||
		query.Get("code_challenge_method") != "S256" || query.Get("nonce") == "" || query.Get("state") == "" {
		http.Error(w, "invalid_request", http.StatusBadRequest)
		return
	}
	i.mu.Lock()
	defer i.mu.Unlock()
	values := url.Values{"state": {query.Get("state")}, "iss": {i.URL}}
	if i.deny != "" {
		values.Set("error", i.deny)
	} else {
		code := rand.Text()
		i.codes[code] = request{query.Get("redirect_uri"), query.Get("code_challenge"), query.Get("nonce")}
		values.Set("code", code)
	}
	back.RawQuery = values.Encode()
	http.Redirect(w, r, back.String(), http.StatusFound) //nolint:gosec // a test has this issuer to itself
}

func (i *Issuer) token(w http.ResponseWriter, r *http.Request) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.requests++
	id, secret, basic := r.BasicAuth()
	if !basic {
		id, secret = r.PostFormValue("client_id"), r.PostFormValue("client_secret")
	}
	if id != i.ClientID || secret != i.ClientSecret {
		answer(w, http.StatusUnauthorized, map[string]string{"error": "invalid_client"})
		return
	}
	code := r.PostFormValue("code")
	asked, has := i.codes[code]
	delete(i.codes, code)
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !has || r.PostFormValue("redirect_uri") != asked.redirect || base64.RawURLEncoding.EncodeToString(sum[:]) != asked.challenge {
		answer(w, http.StatusBadRequest, map[string]string{"error": "invalid_grant"})
		return
	}
	text, err := i.sign(asked.nonce)
	if err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	answer(w, http.StatusOK, map[string]any{"access_token": rand.Text(), "token_type": "Bearer", "expires_in": 300, "id_token": text})
}

func (i *Issuer) sign(nonce string) (string, error) {
	now := i.Now()
	claims := map[string]any{
		"iss": i.URL, "aud": i.ClientID, "sub": "0001", "nonce": nonce, "iat": now.Unix(), "exp": now.Add(5 * time.Minute).Unix(),
		"preferred_username": "ana@example.com",
	}
	maps.Copy(claims, i.claims)
	for name, value := range claims {
		if offset, is := value.(time.Duration); is {
			claims[name] = now.Add(offset).Unix()
		}
	}
	maps.DeleteFunc(claims, func(_ string, value any) bool { return value == nil })
	key := i.key
	if i.forged {
		var err error
		if key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return "", err
		}
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: key, KeyID: "one"}}, nil)
	if err != nil {
		return "", err
	}
	return jwt.Signed(signer).Claims(claims).Serialize()
}
