package hub

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
)

const (
	maxPageBody = 1 << 20  // forms
	maxAPIBody  = 32 << 20 // findings of other scanners; operations bound themselves further
	maxURI      = 8 << 10
	// stallTime is how long a client may neither send nor take a byte; each one
	// starts it anew, so that streams may last.
	stallTime = 30 * time.Second
)

// policy allows what the hub's own files do, and nothing inline.
//
// Source: https://www.w3.org/TR/CSP3/
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; " +
	"form-action 'self'; frame-ancestors 'none'; base-uri 'none'"

func (s *Server) assemble() error {
	protection := http.NewCrossOriginProtection()
	public := s.options.Access.PublicURL()
	if err := protection.AddTrustedOrigin(public.Scheme + "://" + public.Host); err != nil {
		return fmt.Errorf("hub: %w", err)
	}
	inner := http.Handler(s.mount())
	inner = s.limit(inner)
	inner = s.identify(inner, protection)
	inner = s.bound(inner)
	inner = s.headers(inner)
	if s.options.Wrap != nil {
		inner = s.options.Wrap(inner)
	}
	s.handler = s.record(inner)
	return nil
}

// record gives each request an ID and a line in the log, and turns a panic into
// an answer. Paths stand in the log; queries, bodies and headers do not.
func (s *Server) record(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		began := time.Now()
		id := rand.Text()[:16] // 80 bits
		seen := &seen{id: id}
		ctx, cancel := context.WithCancel(context.WithValue(r.Context(), seenKey{}, seen))
		defer cancel()
		if isStream(r) {
			defer context.AfterFunc(s.stopping, cancel)()
		}
		r = r.WithContext(ctx)
		out := &writer{ResponseWriter: w, control: http.NewResponseController(w), secure: s.secure}
		in := &reader{ReadCloser: r.Body, control: out.control}
		if r.Body != nil {
			r.Body = in
		}
		w.Header().Set("X-Request-ID", id)
		defer func() {
			s.recovered(out, r, recover())
			in.finish()
			s.log.Info("request",
				"id", id, "method", r.Method, "path", r.URL.Path, "status", out.code(), "bytes", out.bytes,
				"ms", time.Since(began).Milliseconds(), "from", s.address(r), "user", seen.who.UserID, "token", seen.who.Token)
			if out.broken {
				panic(http.ErrAbortHandler) //nolint:forbidigo // the one way to tell a client that its answer is not whole
			}
		}()
		next.ServeHTTP(out, r)
	})
}

func isStream(r *http.Request) bool {
	return strings.Contains(r.Header.Get("Accept"), "text/event-stream")
}

// seen is what is found out about a request on its way in.
type seen struct {
	id  string
	who access.Identity
}

type seenKey struct{}

func (s *Server) recovered(out *writer, r *http.Request, cause any) {
	if cause == nil {
		return
	}
	if err, is := cause.(error); !is || !errors.Is(err, http.ErrAbortHandler) {
		s.log.Error("panic", "path", r.URL.Path, "cause", fmt.Sprint(cause), "stack", string(debug.Stack()))
	}
	if out.status == 0 {
		s.problem(out, r, errors.New("panic"))
		return
	}
	out.broken = true
}

// writer remembers what was answered, and moves the deadline with each byte
// that the client takes.
type writer struct {
	http.ResponseWriter
	control *http.ResponseController
	secure  bool // browsers come by https
	status  int
	bytes   int64
	broken  bool
}

// begin is called before anything is sent.
func (w *writer) begin(status int) {
	if w.status != 0 {
		return
	}
	w.status = status
	if !w.secure {
		return
	}
	// Behind a proxy that ends TLS no door sees that there is any.
	cookies := w.Header()["Set-Cookie"]
	for i, cookie := range cookies {
		if !strings.Contains(cookie, "; Secure") {
			cookies[i] = cookie + "; Secure"
		}
	}
}

// WriteHeader is part of http.ResponseWriter.
func (w *writer) WriteHeader(status int) {
	if status >= http.StatusOK {
		w.begin(status)
	}
	w.ResponseWriter.WriteHeader(status)
}

// Write is part of http.ResponseWriter.
func (w *writer) Write(p []byte) (int, error) {
	w.begin(http.StatusOK)
	// A writer without deadlines is a test's.
	_ = w.control.SetWriteDeadline(time.Now().Add(stallTime))
	n, err := w.ResponseWriter.Write(p)
	w.bytes += int64(n)
	return n, err
}

// FlushError is what http.ResponseController calls.
func (w *writer) FlushError() error {
	w.begin(http.StatusOK)
	_ = w.control.SetWriteDeadline(time.Now().Add(stallTime))
	return w.control.Flush()
}

// Flush is part of http.Flusher.
func (w *writer) Flush() { _ = w.FlushError() } // the next Write tells

// Unwrap is what http.ResponseController asks for.
func (w *writer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

func (w *writer) code() int {
	if w.status == 0 {
		return http.StatusOK
	}
	return w.status
}

// reader moves the deadline with each byte that the client sends. Between them
// none is set: it would end streams.
type reader struct {
	io.ReadCloser
	control *http.ResponseController
	ended   bool
}

// Read is part of io.Reader.
func (r *reader) Read(p []byte) (int, error) {
	if r.ended {
		return r.ReadCloser.Read(p)
	}
	_ = r.control.SetReadDeadline(time.Now().Add(stallTime))
	n, err := r.ReadCloser.Read(p)
	r.ended = err != nil
	_ = r.control.SetReadDeadline(time.Time{})
	return n, err
}

// finish bounds how long the server waits for a body that nobody read.
func (r *reader) finish() {
	if !r.ended {
		_ = r.control.SetReadDeadline(time.Now().Add(stallTime))
	}
}

func (s *Server) headers(next http.Handler) http.Handler {
	fixed := map[string]string{
		"Content-Security-Policy":      policy,
		"X-Content-Type-Options":       "nosniff",
		"X-Frame-Options":              "DENY",
		"Referrer-Policy":              "same-origin",
		"Permissions-Policy":           "camera=(), geolocation=(), microphone=(), payment=(), usb=(), publickey-credentials-create=(self), publickey-credentials-get=(self)",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control":                "no-store",
	}
	if s.secure {
		fixed["Strict-Transport-Security"] = "max-age=31536000"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range fixed {
			w.Header().Set(name, value)
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) bound(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !s.hosts.known(r.Host) {
			s.problem(w, r, s.hosts.foreign(r.Host))
			return
		}
		if len(r.RequestURI) > maxURI {
			s.problem(w, r, &azward.Error{Kind: azward.KindUsage, Op: "answer", Cause: "the address is longer than 8 KiB", Remedy: "use fewer filters"})
			return
		}
		most := int64(maxPageBody)
		if strings.HasPrefix(r.URL.Path, "/api/") {
			most = maxAPIBody
		}
		if r.Body != nil {
			r.Body = http.MaxBytesReader(w, r.Body, most)
		}
		next.ServeHTTP(w, r)
	})
}

// identify says who asks: by a token, and then no cookie counts and no foreign
// site can have sent it; or by the session in a cookie, and then it must come
// from our own pages.
func (s *Server) identify(next http.Handler, protection *http.CrossOriginProtection) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		ctx := r.Context()
		if token, sent := bearer(r); sent {
			who, err := s.options.Access.Bearer(ctx, token)
			if err != nil {
				s.refuseToken(w, r, err)
				return
			}
			ctx = access.With(ctx, who)
		} else {
			if err := protection.Check(r); err != nil {
				s.problem(w, r, &azward.Error{
					Kind: azward.KindRole, Op: "answer", Cause: "another site sent this request",
					Remedy: "go to the hub's own page and do it there; programs send an API token instead of a cookie", Err: err,
				})
				return
			}
			var err error
			if ctx, err = s.options.Access.Load(ctx, s.cookie(r)); err != nil {
				s.problem(w, r, err)
				return
			}
		}
		if seen, is := ctx.Value(seenKey{}).(*seen); is {
			seen.who, _ = access.From(ctx)
		}
		next.ServeHTTP(w, r.WithContext(ctx))
	})
}

// bearer is the token that a program sent. What other schemes send is not for
// us: a proxy in front may ask for it.
func bearer(r *http.Request) (token string, sent bool) {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(token), strings.EqualFold(scheme, "Bearer")
}

// refuseToken counts bad tokens against the address: each costs a look into the
// store.
func (s *Server) refuseToken(w http.ResponseWriter, r *http.Request, err error) {
	if wait := s.take("address " + access.AddressKey(s.address(r))); wait > 0 {
		err = tooMany(wait)
	}
	w.Header().Set("WWW-Authenticate", `Bearer realm="azward", error="invalid_token"`)
	s.problem(w, r, err)
}

// limit keeps one user, token or address from taking all there is.
func (s *Server) limit(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		key := "address " + access.AddressKey(s.address(r))
		if who, known := access.From(r.Context()); known {
			key = "user " + who.UserID
			if who.Token != "" {
				key = "token " + who.Token
			}
		}
		if wait := s.take(key); wait > 0 {
			s.problem(w, r, tooMany(wait))
			return
		}
		next.ServeHTTP(w, r)
	})
}

func (s *Server) take(key string) time.Duration { return s.requests.Take(key, time.Now()) }

func tooMany(wait time.Duration) error {
	wait = wait.Truncate(time.Second) + time.Second
	return &azward.Error{
		Kind: azward.KindThrottled, Op: "answer", Cause: "there were too many requests", Remedy: "try again in " + wait.String(),
		Err: &access.WaitError{After: wait},
	}
}

// address is who asks: the peer, or what the nearest of the trusted proxies
// says.
func (s *Server) address(r *http.Request) string {
	peer, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		peer = r.RemoteAddr
	}
	if !s.trusted(peer) {
		return peer
	}
	hops := strings.Split(strings.Join(r.Header.Values("X-Forwarded-For"), ","), ",")
	for _, hop := range slices.Backward(hops) {
		hop = strings.TrimSpace(hop)
		if _, err := netip.ParseAddr(hop); err != nil {
			break
		}
		peer = hop
		if !s.trusted(hop) {
			break
		}
	}
	return peer
}

func (s *Server) trusted(address string) bool {
	ip, err := netip.ParseAddr(address)
	return err == nil && slices.ContainsFunc(s.options.Proxies, func(p netip.Prefix) bool { return p.Contains(ip.Unmap()) })
}
