// Package hub is the one HTTP server of azward: it says who asks, keeps
// foreign sites and floods out, and passes requests on to the doors that it is
// given. [Listen], then [New], then [Server.Serve] until the context ends.
package hub

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"net/netip"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
)

// Options are what a server is made of. Handlers take the identity from
// [access.From], and check it with [access.Check]: the hub lets anonymous
// requests through to them. A nil handler is not mounted.
type Options struct {
	Access *access.Control // with the public URL; see [URL] for the default
	Pages  Pages

	API     http.Handler // below /api/
	Aurora  http.Handler // the Aurora-compatible routes, at their own paths
	Web     http.Handler // everything else
	Health  http.Handler // /healthz and /readyz, without sign-in
	Metrics http.Handler // /metrics, for viewers
	// Wrap goes around everything, for traces and metrics; nil for nothing.
	Wrap func(http.Handler) http.Handler
	Log  *slog.Logger // nil discards

	// Listen is the address, "127.0.0.1:8484" say; "" is DefaultListen. Any
	// that is not loopback needs TLSCert and TLSKey, or Plain.
	Listen          string
	TLSCert, TLSKey string // PEM files; read anew when they change
	// Plain allows a public address without TLS, behind a proxy that ends it.
	Plain bool
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
	burstSeconds  = 5
)

const (
	headerTimeout  = 10 * time.Second
	idleTimeout    = 2 * time.Minute
	maxHeaderBytes = 64 << 10
	// graceTime is for requests that are being answered when the hub stops;
	// streams end at once.
	graceTime = 6 * time.Second
)

// Server answers requests. Its handler can be used alone, in tests.
type Server struct {
	options  Options
	log      *slog.Logger
	requests *access.Limiter
	secure   bool // browsers come by https
	hosts    hosts
	handler  http.Handler
	stopping context.Context // done when streams have to end
	stop     context.CancelFunc
}

// New puts a server together.
func New(o Options) (*Server, error) {
	if o.Access == nil || o.Pages == nil {
		return nil, errors.New("hub: access and pages are needed")
	}
	if o.Rate <= 0 {
		o.Rate = DefaultRate
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	public := o.Access.PublicURL()
	s := &Server{
		options: o, log: o.Log, secure: public.Scheme == "https",
		requests: access.NewLimiter(time.Second/time.Duration(o.Rate), o.Rate*burstSeconds),
		hosts:    hosts{public: public.Host, any: !isLoopback(listenAddress(o))},
	}
	s.stopping, s.stop = context.WithCancel(context.Background())
	if err := s.assemble(); err != nil {
		return nil, err
	}
	return s, nil
}

// ServeHTTP answers one request.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.handler.ServeHTTP(w, r) }

// mount says which handler answers what.
func (s *Server) mount() *http.ServeMux {
	mux := http.NewServeMux()
	handle := func(h http.Handler, patterns ...string) {
		if h == nil {
			return
		}
		for _, pattern := range patterns {
			mux.Handle(pattern, h)
		}
	}
	o := s.options
	handle(o.Health, "/healthz", "/readyz")
	handle(o.API, "/api/")
	handle(o.Aurora, "/azure/", "/api/azure-subscriptions", "/api/connected-accounts/")
	handle(o.Web, "/")
	s.mountRoutes(mux)
	return mux
}

func (s *Server) atLeast(least access.Role, op string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if _, err := access.Check(r.Context(), least, op); err != nil {
			s.problem(w, r, err)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// Serve answers requests on ln until the context ends, then lets those that are
// being answered finish, streams aside, and closes ln: within ten seconds.
func (s *Server) Serve(ctx context.Context, ln net.Listener) error {
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	server := &http.Server{
		Handler: s, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: maxHeaderBytes,
		ErrorLog:    slog.NewLogLogger(s.log.Handler(), slog.LevelDebug),
		BaseContext: func(net.Listener) context.Context { return base },
	}
	housekeeping := make(chan struct{})
	keep, endKeeping := context.WithCancel(ctx)
	go func() {
		defer close(housekeeping)
		s.options.Access.Run(keep)
	}()
	defer func() {
		endKeeping()
		<-housekeeping
	}()
	served := make(chan error, 1)
	go func() { served <- server.Serve(ln) }()
	select {
	case err := <-served:
		s.stop()
		return &azward.Error{Kind: azward.KindFailed, Op: "serve", Subject: ln.Addr().String(), Cause: "the listener failed", Remedy: "start the hub again", Err: err}
	case <-ctx.Done():
	}
	s.stop()
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), graceTime)
	defer cancel()
	err := server.Shutdown(grace)
	cut()
	if errors.Is(err, context.DeadlineExceeded) {
		s.log.Warn("some requests were cut off", "after", graceTime)
		err = server.Close()
	}
	if serving := <-served; !errors.Is(serving, http.ErrServerClosed) {
		err = errors.Join(err, serving)
	}
	return err
}
