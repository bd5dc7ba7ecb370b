// Package acr puts Azure Container Registry's sign-in in front of a real
// registry handler: the token exchange, access tokens with scopes, and what
// the service answers when one is missing. [New] makes the server.
//
// https://azure.github.io/acr/AAD-OAuth.html
// https://learn.microsoft.com/rest/api/containerregistry/
package acr

import (
	"crypto/rsa"
	"net/netip"
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
	// AnonymousPull lets everybody pull, and list nothing.
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
