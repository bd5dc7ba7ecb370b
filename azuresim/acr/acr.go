// Package acr puts Azure Container Registry's sign-in in front of a real
// registry handler: the token exchange, access tokens with scopes, and what
// the service answers when one is missing. [New] makes the server.
//
// https://azure.github.io/acr/AAD-OAuth.html
// https://learn.microsoft.com/rest/api/containerregistry/
package acr

import (
	"cmp"
	"crypto/rand"
	"crypto/rsa"
	"fmt"
	"net/http"
	"net/netip"
	"strings"
	"sync/atomic"
	"time"
)

// Actions that Authorize is asked about, as ACR's token scopes name them. The
// catalogue is asked for with an empty repository.
const (
	Pull          = "pull"
	Push          = "push"
	Delete        = "delete"
	MetadataRead  = "metadata_read"
	MetadataWrite = "metadata_write"
	Catalog       = "catalog" // scope registry:catalog:*
)

// Principal is who an Entra token speaks for.
type Principal struct {
	ObjectID string
	Name     string
	TenantID string
}

// Registry is one container registry; its zero value is private and open to
// every network.
type Registry struct {
	// AnonymousPull lets everybody pull and read tags, and list no catalogue.
	AnonymousPull bool
	// AdminUser and AdminPasswords are the admin account; "" is disabled.
	AdminUser      string
	AdminPasswords []string
	// Firewall limits clients to AllowedPrefixes (networkRuleSet with default
	// action Deny).
	Firewall        bool
	AllowedPrefixes []netip.Prefix
	// DataHost, when set, is where blobs are redirected to (307), as the real
	// service does to its storage; the server answers for that host too.
	DataHost string
	// ThrottleEvery answers every n-th call on /v2/ and /acr/ with 429; 0 never.
	ThrottleEvery int
	// MaxPage is how many entries a page of a listing has at most, whatever n a
	// client asks for; 0 is no limit.
	MaxPage int
	// Delay comes before every answer on /v2/ and /acr/.
	Delay time.Duration
	// NoReferrers leaves out the listing of referrers, as registries of before
	// OCI 1.1 do.
	NoReferrers bool
}

// Options is what a server is made of.
type Options struct {
	// Registries by login server, without a port, in any case.
	Registries map[string]Registry
	// VerifyEntraToken checks an Entra access token for Azure's resource
	// manager or for https://containerregistry.azure.net.
	VerifyEntraToken func(token string) (Principal, error)
	// Authorize decides on one action; nil refuses everything.
	Authorize func(p Principal, registry, repository, action string) bool
	// Now is the clock; nil is time.Now.
	Now func() time.Time
	// Key signs ACR's own tokens; nil makes one.
	Key *rsa.PrivateKey
	// TokenLifetime of access tokens (default 75 minutes); refresh tokens
	// live three hours.
	TokenLifetime time.Duration
}

// Server serves every registry under its login server, told apart by the Host
// header. It is an http.Handler.
type Server struct {
	o          Options
	keyID      string
	registries map[string]*registry // by login server in lower case
	data       map[string]*registry // by data host in lower case
}

// registry is one registry with what is stored in it.
type registry struct {
	Registry
	login string // as the options spell it
	store *store
	calls atomic.Int64
}

const (
	accessLifetime  = 75 * time.Minute // as ACR's own tokens: exp minus iat
	refreshLifetime = 3 * time.Hour    // https://learn.microsoft.com/azure/container-registry/container-registry-authentication
	keyBits         = 2048
)

// New makes the server; its registries are empty until something is pushed to
// their [Server.Backend].
func New(o Options) (*Server, error) {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Key == nil {
		key, err := rsa.GenerateKey(rand.Reader, keyBits)
		if err != nil {
			return nil, fmt.Errorf("make the registries' signing key: %w", err)
		}
		o.Key = key
	}
	o.TokenLifetime = cmp.Or(o.TokenLifetime, accessLifetime)
	s := &Server{o: o, keyID: "acr", registries: map[string]*registry{}, data: map[string]*registry{}}
	for login, r := range o.Registries {
		reg := &registry{Registry: r, login: login, store: newStore(o.Now, !r.NoReferrers)}
		s.registries[strings.ToLower(login)] = reg
		if r.DataHost != "" {
			s.data[strings.ToLower(r.DataHost)] = reg
		}
	}
	return s, nil
}

// Backend is the registry behind the sign-in: it takes pushes from within the
// process, without tokens. Nil when there is no such registry.
func (s *Server) Backend(loginServer string) http.Handler {
	return s.BackendAt(loginServer, time.Time{})
}

// BackendAt is the Backend at a time: what is pushed to it is listed as pushed
// then. The zero time is now.
func (s *Server) BackendAt(loginServer string, at time.Time) http.Handler {
	r := s.registries[strings.ToLower(loginServer)]
	if r == nil {
		return nil
	}
	return http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) { r.store.serve(w, req, at) })
}
