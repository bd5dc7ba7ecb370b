package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/azward/azward"
)

// session is an HTTP client signed in for one scope.
type session struct {
	turn   chan struct{} // held while signing in
	client *http.Client
	known  bool // we have credentials
	// signedIn says that the registry gave a token for them.
	signedIn bool
}

// deniedError is a refusal with what was asked for, and as whom.
type deniedError struct {
	scope    string
	known    bool // credentials were sent
	signedIn bool // and accepted
	err      error
}

func (d *deniedError) Error() string { return d.err.Error() }
func (d *deniedError) Unwrap() error { return d.err }

// scope names what a repository is read with. Azure's tokens tell pulling from
// listing; other token services may refuse an action that they don't know.
//
// Source: https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md
func (r *Registry) scope(repository string) string {
	if _, azure := r.short(); azure {
		return "repository:" + repository + ":pull,metadata_read"
	}
	return "repository:" + repository + ":pull"
}

const catalogScope = "registry:catalog:*"

// session gives a client for the scope. The registry is asked once how to sign
// in, and once per scope for a token, by whoever comes first.
func (r *Registry) session(ctx context.Context, scope string) (*session, error) {
	r.mu.Lock()
	if r.sessions == nil {
		r.sessions = map[string]*session{}
	}
	s := r.sessions[scope]
	if s == nil {
		s = &session{turn: make(chan struct{}, 1)}
		r.sessions[scope] = s
	}
	r.mu.Unlock()
	select {
	case s.turn <- struct{}{}:
		defer func() { <-s.turn }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if s.client != nil {
		return s, nil
	}
	at, err := r.connect(ctx)
	if err != nil {
		return nil, err
	}
	return s, r.signInto(ctx, s, at, scope)
}

// entrance is how the registry wants its clients to sign in.
type entrance struct {
	base      http.RoundTripper
	name      name.Registry
	challenge *transport.Challenge
}

// connect finds the entrance.
func (r *Registry) connect(ctx context.Context) (entrance, error) {
	r.mu.Lock()
	if r.turn == nil {
		r.turn = make(chan struct{}, 1)
	}
	turn := r.turn
	r.mu.Unlock()
	select {
	case turn <- struct{}{}:
		defer func() { <-turn }()
	case <-ctx.Done():
		return entrance{}, ctx.Err()
	}
	if r.at.challenge != nil {
		return r.at, nil
	}
	if r.PlainHTTP && !isLoopback(r.Host) {
		return entrance{}, &azward.Error{
			Kind: azward.KindUsage, Op: "connect to registry", Subject: r.Host,
			Cause: "plain HTTP is for registries on this machine only", Remedy: "leave --plain-http away",
		}
	}
	at := entrance{base: r.wire()}
	var err error
	if at.name, err = r.name(); err != nil {
		return entrance{}, &azward.Error{
			Kind: azward.KindUsage, Op: "connect to registry", Subject: fmt.Sprintf("%.100q", r.Host),
			Cause: "it is no registry host", Remedy: "give HOST or HOST:PORT", Err: err,
		}
	}
	if at.challenge, err = transport.Ping(ctx, at.name, at.base); err != nil {
		return entrance{}, err
	}
	if err := r.checkRealm(at.challenge); err != nil {
		return entrance{}, err
	}
	r.at = at
	return at, nil
}

// checkRealm keeps Azure's refresh tokens with the registry that they are for:
// its token service is on the same host.
func (r *Registry) checkRealm(c *transport.Challenge) error {
	_, azure := r.short()
	if !azure || !strings.EqualFold(c.Scheme, "bearer") {
		return nil
	}
	realm, err := url.Parse(c.Parameters["realm"])
	if err != nil || !strings.EqualFold(realm.Host, r.server()) || realm.Scheme != "https" {
		return &azward.Error{
			Kind: azward.KindBadInput, Op: "sign in to registry", Subject: r.Host,
			Cause:  fmt.Sprintf("it sends us to %.100q for tokens, which is not its own host", c.Parameters["realm"]),
			Remedy: "check the host name, and whether a proxy stands before the registry",
		}
	}
	return nil
}

// wire builds what requests go through.
func (r *Registry) wire() http.RoundTripper {
	r.mu.Lock()
	defer r.mu.Unlock()
	inner := r.Transport
	if inner == nil {
		r.own = newTransport()
		inner = r.own
	}
	return &wire{inner: inner, host: r.server(), plain: r.PlainHTTP, patience: cmp.Or(r.Patience, stallTimeout)}
}

func (r *Registry) name() (name.Registry, error) {
	if r.PlainHTTP {
		return name.NewRegistry(r.server(), name.Insecure)
	}
	return name.NewRegistry(r.server())
}

// signInto fetches the scope's token where the registry works with tokens, and
// makes the client.
func (r *Registry) signInto(ctx context.Context, s *session, at entrance, scope string) error {
	auth := authn.Anonymous
	token := &transport.Token{}
	if r.Auth != nil {
		a := authenticator{r.Auth, r.Host}
		c, err := a.AuthorizationContext(ctx)
		if err != nil {
			return err
		}
		if *c != (authn.AuthConfig{}) {
			auth, token.Token = a, c.RegistryToken
		}
	}
	known := auth != authn.Anonymous
	bearer := strings.EqualFold(at.challenge.Scheme, "bearer")
	if token.Token == "" && bearer {
		var err error
		if token, err = transport.Exchange(ctx, at.name, auth, at.base, []string{scope}, at.challenge); err != nil {
			return &deniedError{scope: scope, known: known, signedIn: known && r.accepted(ctx, at, auth, err), err: err}
		}
		token.Token = cmp.Or(token.Token, token.AccessToken)
	}
	t, err := transport.FromToken(at.name, auth, at.base, at.challenge, token)
	if err != nil {
		return err
	}
	s.client = &http.Client{Transport: t, CheckRedirect: r.redirect}
	s.known, s.signedIn = known, known && bearer
	return nil
}

// accepted says whether credentials are good although the token for a scope
// was refused: a token for nothing tells a missing role from a wrong password.
func (r *Registry) accepted(ctx context.Context, at entrance, auth authn.Authenticator, refusal error) bool {
	var answer *transport.Error
	if !errors.As(refusal, &answer) || answer.StatusCode != http.StatusUnauthorized && answer.StatusCode != http.StatusForbidden {
		return false
	}
	_, err := transport.Exchange(ctx, at.name, auth, at.base, nil, at.challenge)
	return err == nil
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
