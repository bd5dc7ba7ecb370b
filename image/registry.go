package image

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// Registry is a client of one registry. Set Host; the zero value of the rest
// means HTTPS, anonymously. It is safe for concurrent use and must not be
// copied after first use.
type Registry struct {
	Host string // "contoso.azurecr.io", "127.0.0.1:5000"
	// PlainHTTP speaks HTTP. It is refused for hosts other than loopback.
	PlainHTTP bool
	// Transport makes the connections; nil means one of our own.
	Transport http.RoundTripper
	Auth      Auth

	mu        sync.Mutex
	challenge *transport.Challenge
	clients   map[string]*http.Client
	base      http.RoundTripper
	own       *http.Transport
}

// Open gives the image that a reference names. Nothing is requested yet.
func (r *Registry) Open(ref Reference) Source {
	return &opened{blobs: &remote{r, ref}, name: ref.String()}
}

// Close gives idle connections back.
func (r *Registry) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.own != nil {
		r.own.CloseIdleConnections()
	}
	return nil
}

// ResolveDigest asks which digest a tag names, without reading the manifest.
func (r *Registry) ResolveDigest(ctx context.Context, ref Reference) (azward.Digest, error) {
	if ref.Digest != "" {
		return ref.Digest, nil
	}
	res, err := r.get(ctx, http.MethodHead, "resolve tag", ref.String(), manifestPath(ref, ""), pullScope(ref.Repository), manifestTypes)
	if err != nil {
		return "", err
	}
	digest := azward.Digest(res.Header.Get("Docker-Content-Digest"))
	if err := res.Body.Close(); err != nil {
		return "", err
	}
	if digestForm.MatchString(string(digest)) {
		return digest, nil
	}
	raw, _, err := (&remote{r, ref}).manifest(ctx, "") // the header is optional
	if err != nil {
		return "", err
	}
	return digestOf(raw), nil
}

// remote is one repository's blobs.
type remote struct {
	*Registry
	ref Reference
}

// Close implements [Source]: connections belong to the registry.
func (m *remote) Close() error { return nil }

const manifestTypes = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, " +
	"application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json"

func pullScope(repository string) string { return "repository:" + repository + ":pull" }

func manifestPath(ref Reference, digest azward.Digest) string {
	name := ref.Tag
	if ref.Digest != "" {
		name = string(ref.Digest)
	}
	if digest != "" {
		name = string(digest)
	}
	return "/v2/" + ref.Repository + "/manifests/" + name
}

func (m *remote) manifest(ctx context.Context, digest azward.Digest) ([]byte, string, error) {
	if digest == "" {
		digest = m.ref.Digest
	}
	res, err := m.get(ctx, http.MethodGet, "read image manifest", m.ref.String(), manifestPath(m.ref, digest), pullScope(m.ref.Repository), manifestTypes)
	if err != nil {
		return nil, "", err
	}
	raw, err := bound.ReadAll(res.Body, maxManifest, "the manifest")
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return nil, "", m.problem(ctx, "read image manifest", m.ref.String(), err)
	}
	mediaType, _, _ := strings.Cut(res.Header.Get("Content-Type"), ";")
	if strings.Contains(mediaType, "html") {
		return nil, "", m.notRegistry("read image manifest", m.ref.String())
	}
	if digest != "" && digestOf(raw) != digest {
		return nil, "", (&opened{name: m.ref.String()}).bad(fmt.Sprintf("the registry answers with digest %s for %s", digestOf(raw), digest), nil)
	}
	return raw, mediaType, nil
}

func (m *remote) blob(ctx context.Context, digest azward.Digest, _ int64) (io.ReadCloser, error) {
	ctx, cancel := context.WithCancel(ctx)
	res, err := m.get(ctx, http.MethodGet, "read layer", m.ref.Repo()+"@"+string(digest), "/v2/"+m.ref.Repository+"/blobs/"+string(digest), pullScope(m.ref.Repository), "") //nolint:bodyclose // stalling closes it
	if err != nil {
		cancel()
		return nil, err
	}
	return newStalling(res.Body, cancel), nil
}

// get sends a request and answers for its status. Throttled requests are
// repeated as the registry asks.
func (r *Registry) get(ctx context.Context, method, op, subject, path, scope, accept string) (*http.Response, error) {
	client, err := r.client(ctx, scope)
	if err != nil {
		return nil, r.problem(ctx, op, subject, err)
	}
	for try := 0; ; try++ {
		req, err := http.NewRequestWithContext(ctx, method, r.url(path), nil)
		if err != nil {
			return nil, r.problem(ctx, op, subject, err)
		}
		if accept != "" {
			req.Header.Set("Accept", accept)
		}
		req.Header.Set("Accept-Encoding", "identity") // bytes as stored: their digest is checked
		res, err := client.Do(req)
		if err != nil {
			return nil, r.problem(ctx, op, subject, err)
		}
		if res.StatusCode == http.StatusOK {
			return res, nil
		}
		wait, again := retryAfter(res, try)
		err = transport.CheckError(res, http.StatusOK)
		if closeErr := res.Body.Close(); closeErr != nil {
			err = errors.Join(err, closeErr)
		}
		if !again {
			return nil, r.problem(ctx, op, subject, err)
		}
		select {
		case <-ctx.Done():
			return nil, r.problem(ctx, op, subject, ctx.Err())
		case <-time.After(wait):
		}
	}
}

// retryAfter says how long to wait before asking again: an earlier request
// counts against the quota too.
func retryAfter(res *http.Response, try int) (time.Duration, bool) {
	if res.StatusCode != http.StatusTooManyRequests && res.StatusCode != http.StatusServiceUnavailable {
		return 0, false
	}
	wait := time.Second << try
	header := res.Header.Get("Retry-After")
	if s, err := strconv.ParseUint(header, 10, 32); err == nil {
		wait = time.Duration(s) * time.Second
	} else if at, err := http.ParseTime(header); err == nil {
		wait = max(0, time.Until(at))
	}
	return wait, try+1 < maxRetries && wait <= maxRetryWait
}

func (r *Registry) url(path string) string {
	scheme := "https"
	if r.PlainHTTP {
		scheme = "http"
	}
	return scheme + "://" + r.server() + path
}

// server is the host to connect to: Docker Hub's has another name.
func (r *Registry) server() string {
	if r.Host == "docker.io" {
		return name.DefaultRegistry
	}
	return r.Host
}

// client gives an HTTP client signed in for a scope. The registry is asked
// once how to sign in, and once per scope for a token.
func (r *Registry) client(ctx context.Context, scope string) (*http.Client, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if c := r.clients[scope]; c != nil {
		return c, nil
	}
	if err := r.connect(ctx); err != nil {
		return nil, err
	}
	reg, err := r.name()
	if err != nil {
		return nil, err
	}
	auth := authn.Anonymous
	token := &transport.Token{}
	if r.Auth != nil {
		a := authenticator{r.Auth, r.Host}
		c, err := a.AuthorizationContext(ctx)
		if err != nil {
			return nil, err
		}
		if *c != (authn.AuthConfig{}) {
			auth, token.Token = a, c.RegistryToken
		}
	}
	if token.Token == "" && strings.EqualFold(r.challenge.Scheme, "bearer") {
		if token, err = transport.Exchange(ctx, reg, auth, r.base, []string{scope}, r.challenge); err != nil {
			return nil, err
		}
		if token.Token == "" {
			token.Token = token.AccessToken
		}
	}
	t, err := transport.FromToken(reg, auth, r.base, r.challenge, token)
	if err != nil {
		return nil, err
	}
	if r.clients == nil {
		r.clients = map[string]*http.Client{}
	}
	r.clients[scope] = &http.Client{Transport: t, CheckRedirect: r.redirect}
	return r.clients[scope], nil
}

// redirect follows a registry to its storage without the token: the standard
// library strips it for other domains, but not for a subdomain or another port.
func (r *Registry) redirect(req *http.Request, via []*http.Request) error {
	if len(via) >= maxRedirects {
		return fmt.Errorf("more than %d redirects", maxRedirects)
	}
	if req.URL.Host != r.server() {
		req.Header.Del("Authorization")
		req.Header.Del("Cookie")
	}
	return nil
}

func (r *Registry) name() (name.Registry, error) {
	if r.PlainHTTP {
		return name.NewRegistry(r.server(), name.Insecure)
	}
	return name.NewRegistry(r.server())
}

// connect finds out how to sign in.
func (r *Registry) connect(ctx context.Context) error {
	if r.challenge != nil {
		return nil
	}
	if r.PlainHTTP && !isLoopback(r.Host) {
		return &azward.Error{
			Kind: azward.KindUsage, Op: "connect to registry", Subject: r.Host,
			Cause: "plain HTTP is for registries on this machine only", Remedy: "leave --plain-http away",
		}
	}
	reg, err := r.name()
	if err != nil {
		return err
	}
	if r.base == nil {
		inner := r.Transport
		if inner == nil {
			r.own = newTransport()
			inner = r.own
		}
		r.base = guard{inner, r.server(), r.PlainHTTP}
	}
	r.challenge, err = transport.Ping(ctx, reg, r.base)
	return err
}

func newTransport() *http.Transport {
	dialer := &net.Dialer{Timeout: 15 * time.Second}
	return &http.Transport{
		Proxy: http.ProxyFromEnvironment, DialContext: dialer.DialContext, ForceAttemptHTTP2: true,
		TLSHandshakeTimeout: 15 * time.Second, ResponseHeaderTimeout: responseTimeout, ExpectContinueTimeout: time.Second,
		MaxIdleConns: 64, MaxIdleConnsPerHost: 16, IdleConnTimeout: 90 * time.Second,
	}
}

func isLoopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	if host == "localhost" {
		return true
	}
	addr, err := netip.ParseAddr(strings.Trim(host, "[]"))
	return err == nil && addr.IsLoopback()
}

// guard keeps every request to the scheme that was asked for: the registry
// library would try plain HTTP by itself on private addresses.
type guard struct {
	inner http.RoundTripper
	host  string
	plain bool
}

var errScheme = errors.New("plain HTTP was not allowed")

// RoundTrip implements [http.RoundTripper].
func (g guard) RoundTrip(req *http.Request) (*http.Response, error) {
	switch {
	case req.URL.Scheme == "http" && !g.plain,
		req.URL.Scheme == "http" && !isLoopback(req.URL.Host),
		req.URL.Scheme == "https" && g.plain && req.URL.Host == g.host:
		return nil, fmt.Errorf("%s://%s: %w", req.URL.Scheme, req.URL.Host, errScheme)
	}
	req.Header.Set("User-Agent", "azward")
	return g.inner.RoundTrip(req)
}

// stalling ends a body that stops giving bytes.
type stalling struct {
	io.ReadCloser
	cancel context.CancelFunc
	timer  *time.Timer
}

func newStalling(body io.ReadCloser, cancel context.CancelFunc) *stalling {
	return &stalling{body, cancel, time.AfterFunc(stallTimeout, cancel)}
}

// Read implements [io.Reader].
func (s *stalling) Read(p []byte) (int, error) {
	s.timer.Reset(stallTimeout)
	return s.ReadCloser.Read(p)
}

// Close implements [io.Closer].
func (s *stalling) Close() error {
	s.timer.Stop()
	s.cancel()
	return s.ReadCloser.Close()
}
