// Package hub is the one HTTP server of azward: it says who asks, keeps
// foreign sites and floods out, and passes requests on to the doors that it is
// given. [New] gives a [Server]; its Serve runs until the context ends.
package hub

import (
	"log/slog"
	"net/http"
	"net/netip"

	"github.com/azward/azward/access"
)

// Options are what a server is made of. Handlers take the identity from
// [access.From], and check it with [access.Check]: the hub lets anonymous
// requests through to them. A nil handler is not mounted.
type Options struct {
	Access *access.Control
	Pages  Pages

	API     http.Handler // below /api/
	Aurora  http.Handler // the Aurora-compatible routes, at their own paths
	Web     http.Handler // everything else
	Health  http.Handler // /healthz and /readyz, without sign-in
	Metrics http.Handler // /metrics, for viewers
	// Wrap goes around everything, for traces and metrics; nil for nothing.
	Wrap func(http.Handler) http.Handler
	Log  *slog.Logger // nil discards

	// Listen is the address, "127.0.0.1:8443" say; "" is DefaultListen. Any
	// that is not loopback needs TLSCert and TLSKey, or Plain.
	Listen          string
	TLSCert, TLSKey string // PEM files; read anew when they change
	// Plain allows a public address without TLS, behind a proxy that ends it.
	Plain bool
	// PublicURL is how browsers reach the hub, "https://azward.example.com";
	// "" for the address it listens on. Passkeys and OIDC are bound to it.
	PublicURL string
	// Proxies are believed when they say in X-Forwarded-For who asks.
	Proxies []netip.Prefix
	// Rate is how many requests a second one user, token or anonymous address
	// may make, with bursts of five seconds' worth; 0 is DefaultRate.
	Rate int
}

// Defaults of [Options].
const (
	DefaultListen = "127.0.0.1:8484"
	DefaultRate   = 50
)
