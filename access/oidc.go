package access

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// OIDC is an OpenID Connect issuer that signs users in: Microsoft Entra, or
// any other. Its callback is the public URL with /signin/oidc/callback.
type OIDC struct {
	Label    string // on the button; "" is the issuer's host
	Issuer   string // https://login.microsoftonline.com/TENANT/v2.0
	ClientID string
	Secret   seal.Secret // empty for a public client: PKCE is always used
	Scopes   []string    // nil is openid, profile and email
	// RoleClaim names the claim with a user's roles or groups, a text or a list
	// of texts; dots lead into objects; "" is "roles". Roles says what its values
	// allow: the highest counts. Default is for users with none of them; ""
	// keeps these out.
	RoleClaim string
	Roles     map[string]Role
	Default   Role
	Client    *http.Client // nil is one with a timeout
}

const (
	callbackPath    = "/signin/oidc/callback"
	issuerTimeout   = 15 * time.Second
	maxIssuerAnswer = 1 << 20 // bytes; key sets and tokens are a few KiB
	// skew is how far the issuer's clock may be behind ours, or before.
	skew = 2 * time.Minute
)

// issuer finds out about itself when it is first needed: one that does not
// answer must not keep the hub from starting.
type issuer struct {
	OIDC
	callback string
	now      func() time.Time

	mu       sync.Mutex
	provider *oidc.Provider
}

func newIssuer(o OIDC, public *url.URL, now func() time.Time) (*issuer, error) {
	usage := func(subject, cause, remedy string) error {
		return &azward.Error{Kind: azward.KindUsage, Op: "read issuer", Subject: subject, Cause: cause, Remedy: remedy}
	}
	u, err := url.Parse(o.Issuer)
	if err != nil || u.Host == "" || (u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname()))) {
		return nil, usage(o.Issuer, "it is no https address", "give the issuer as its discovery document names it")
	}
	if tenant, _, _ := strings.Cut(strings.TrimPrefix(u.Path, "/"), "/"); strings.HasPrefix(u.Host, "login.microsoftonline.") && slices.Contains([]string{"common", "organizations", "consumers", ""}, tenant) {
		return nil, usage(o.Issuer, "anybody's Microsoft account would be an account here", "name your own tenant: https://"+u.Host+"/TENANT-ID/v2.0")
	}
	if o.ClientID == "" {
		return nil, usage(o.Issuer, "the client ID is missing", "register an application there, and give its ID")
	}
	for value, role := range o.Roles {
		if err := validRole("read issuer", role); err != nil {
			return nil, fmt.Errorf("role of %q: %w", value, err)
		}
	}
	if o.Default != "" {
		if err := validRole("read issuer", o.Default); err != nil {
			return nil, err
		}
	}
	if len(o.Roles) == 0 && o.Default == "" {
		return nil, usage(o.Issuer, "nobody could sign in: no value of a claim gives a role", "map at least one value to viewer, operator or admin")
	}
	if o.Label == "" {
		o.Label = u.Host
	}
	if o.RoleClaim == "" {
		o.RoleClaim = "roles"
	}
	if o.Scopes == nil {
		o.Scopes = []string{oidc.ScopeOpenID, "profile", "email"}
	}
	var client http.Client
	if o.Client != nil {
		client = *o.Client
	}
	if client.Timeout == 0 {
		client.Timeout = issuerTimeout
	}
	client.Transport = boundTransport{client.Transport}
	o.Client = &client
	to := *public
	to.Path = callbackPath
	return &issuer{OIDC: o, callback: to.String(), now: now}, nil
}

func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

// boundTransport bounds what an issuer may answer.
type boundTransport struct{ next http.RoundTripper }

// RoundTrip is part of http.RoundTripper.
func (t boundTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	next := t.next
	if next == nil {
		next = http.DefaultTransport
	}
	answer, err := next.RoundTrip(r)
	if err != nil {
		return nil, err
	}
	body := answer.Body
	answer.Body = struct {
		io.Reader
		io.Closer
	}{bound.Reader(body, maxIssuerAnswer, "answer of the issuer"), body}
	return answer, nil
}

// IssuerLabel is what the button of the organisation's sign-in says; "" where
// there is none.
func (c *Control) IssuerLabel() string {
	if c.oidc == nil {
		return ""
	}
	return c.oidc.Label
}

func (i *issuer) context(ctx context.Context) context.Context {
	return oidc.ClientContext(ctx, i.Client)
}

func (i *issuer) discover(ctx context.Context) (*oidc.Provider, error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.provider != nil {
		return i.provider, nil
	}
	provider, err := oidc.NewProvider(i.context(ctx), i.Issuer)
	if err != nil {
		return nil, &azward.Error{
			Kind: azward.KindUnavailable, Op: "sign in", Subject: i.Issuer, Cause: "the issuer's discovery document cannot be read, or names another issuer",
			Remedy: "check the issuer's address, and that the hub can reach it; sign in another way meanwhile", Err: err,
		}
	}
	i.provider = provider
	return provider, nil
}

func (i *issuer) config(p *oidc.Provider) *oauth2.Config {
	return &oauth2.Config{ClientID: i.ClientID, ClientSecret: i.Secret.Reveal(), Endpoint: p.Endpoint(), RedirectURL: i.callback, Scopes: i.Scopes}
}

// BeginIssuerSignIn gives the issuer's page to send the browser to, and the
// state that the browser brings back. Next is where to go afterwards.
func (c *Control) BeginIssuerSignIn(ctx context.Context, next string) (to, state string, err error) {
	if c.oidc == nil {
		return "", "", noIssuer()
	}
	provider, err := c.oidc.discover(ctx)
	if err != nil {
		return "", "", err
	}
	begun := flow{Kind: flowOIDC, Next: LocalPath(next), State: rand.Text(), Nonce: rand.Text(), Proof: oauth2.GenerateVerifier()}
	to = c.oidc.config(provider).AuthCodeURL(begun.State, oidc.Nonce(begun.Nonce), oauth2.S256ChallengeOption(begun.Proof))
	state, err = c.flows.seal(begun, c.now())
	return to, state, err
}

func noIssuer() error {
	return &azward.Error{Kind: azward.KindNotFound, Op: "sign in", Cause: "no organisation signs users in here", Remedy: "sign in with a password or passkey"}
}

// IssuerSignIn takes what the issuer sent the browser back with. Users that are
// new are made, with the role that their claims give; the role of those that
// are known follows the claims. Next is where to go.
func (c *Control) IssuerSignIn(ctx context.Context, state string, query url.Values, address string) (u User, next string, err error) {
	if err := c.takeAddress(address); err != nil {
		return User{}, "/", err
	}
	if c.oidc == nil {
		return User{}, "/", noIssuer()
	}
	begun, err := c.flows.open(flowOIDC, state, c.now())
	if err != nil {
		return User{}, "/", err
	}
	who, err := c.oidc.exchange(ctx, begun, query)
	if err != nil {
		return User{}, begun.Next, err
	}
	if !c.flows.use(begun, c.now()) {
		return User{}, begun.Next, refused("this answer was used already", nil)
	}
	u, err = c.admit(ctx, who)
	return u, begun.Next, err
}

// refused is an answer of the issuer that lets nobody in.
func refused(cause string, err error) error {
	return &azward.Error{Kind: azward.KindSignIn, Op: "sign in", Cause: cause, Remedy: "begin again on the sign-in page; if it comes back, ask whoever set up this sign-in", Err: err}
}

// claimed is who the issuer says that signed in.
type claimed struct {
	Issuer, Subject, Name string
	Role                  Role // "" for none
	Overage               bool // the issuer left the role claim out for its length
}

func (i *issuer) exchange(ctx context.Context, begun flow, query url.Values) (claimed, error) {
	if subtle.ConstantTimeCompare([]byte(query.Get("state")), []byte(begun.State)) != 1 {
		return claimed{}, refused("the answer belongs to another sign-in", nil)
	}
	// A mix-up of issuers: https://www.rfc-editor.org/rfc/rfc9207
	if iss := query.Get("iss"); iss != "" && iss != i.Issuer {
		return claimed{}, refused("the answer comes from another issuer", nil)
	}
	if code := query.Get("error"); code != "" {
		if len(code) > 64 || strings.Trim(code, "abcdefghijklmnopqrstuvwxyz_") != "" {
			code = "an error without a known code"
		}
		return claimed{}, refused("the issuer answered "+code, nil)
	}
	provider, err := i.discover(ctx)
	if err != nil {
		return claimed{}, err
	}
	token, err := i.config(provider).Exchange(i.context(ctx), query.Get("code"), oauth2.VerifierOption(begun.Proof))
	if err != nil {
		var answer *oauth2.RetrieveError
		if errors.As(err, &answer) {
			return claimed{}, refused("the issuer does not take the code, or this hub's client ID or secret", fmt.Errorf("token endpoint: %s", answer.ErrorCode))
		}
		return claimed{}, &azward.Error{Kind: azward.KindUnavailable, Op: "sign in", Subject: i.Issuer, Cause: "the issuer's token endpoint does not answer as it should", Remedy: "try again; check that the hub can reach the issuer", Err: err}
	}
	raw, has := token.Extra("id_token").(string)
	if !has {
		return claimed{}, refused("the issuer sent no ID token", nil)
	}
	verifier := provider.VerifierContext(i.context(ctx), &oidc.Config{ClientID: i.ClientID, Now: func() time.Time { return i.now().Add(-skew) }})
	id, err := verifier.Verify(i.context(ctx), raw)
	if err != nil {
		return claimed{}, refused("the issuer's ID token is not good: of another issuer or for another client, expired, or signed by somebody else", err)
	}
	// A clock that is that far ahead makes the other times worth nothing.
	if id.IssuedAt.After(i.now().Add(skew)) {
		return claimed{}, refused("the ID token was issued in the future: a clock is wrong", nil)
	}
	if subtle.ConstantTimeCompare([]byte(id.Nonce), []byte(begun.Nonce)) != 1 {
		return claimed{}, refused("the ID token belongs to another sign-in", nil)
	}
	return i.claims(id)
}

func (i *issuer) claims(id *oidc.IDToken) (claimed, error) {
	var all map[string]any
	if err := id.Claims(&all); err != nil {
		return claimed{}, refused("the ID token cannot be read", err)
	}
	if party, has := all["azp"].(string); len(id.Audience) > 1 && (!has || party != i.ClientID) {
		return claimed{}, refused("the ID token was issued to another client", nil)
	}
	if id.Subject == "" {
		return claimed{}, refused("the ID token names no subject", nil)
	}
	who := claimed{Issuer: id.Issuer, Subject: id.Subject, Role: i.Default}
	for _, name := range []string{"preferred_username", "email", "upn", "name"} {
		if text, is := all[name].(string); is && printable(text, maxName) {
			who.Name = text
			break
		}
	}
	if who.Name == "" {
		who.Name = "user " + digestText(id.Issuer+" "+id.Subject)
	}
	for _, value := range texts(claim(all, i.RoleClaim)) {
		if role, mapped := i.Roles[value]; mapped && role.Allows(who.Role) || mapped && who.Role == "" {
			who.Role = role
		}
	}
	// Entra leaves out groups that are too many, and names where to ask:
	// https://learn.microsoft.com/entra/identity-platform/optional-claims-reference
	if elsewhere, is := all["_claim_names"].(map[string]any); is {
		_, who.Overage = elsewhere[i.RoleClaim]
	}
	if hasgroups, is := all["hasgroups"].(bool); is && hasgroups && i.RoleClaim == "groups" {
		who.Overage = true
	}
	return who, nil
}

// claim finds a name as it stands, or the way that its dots lead.
func claim(all map[string]any, name string) any {
	if value, has := all[name]; has {
		return value
	}
	first, rest, nested := strings.Cut(name, ".")
	if inner, is := all[first].(map[string]any); nested && is {
		return claim(inner, rest)
	}
	return nil
}

func texts(value any) (list []string) {
	switch value := value.(type) {
	case string:
		return []string{value}
	case []any:
		for _, one := range value {
			if text, is := one.(string); is {
				list = append(list, text)
			}
		}
	}
	return list
}

func (c *Control) admit(ctx context.Context, who claimed) (User, error) {
	known, err := c.store.IssuedUser(ctx, who.Issuer, who.Subject)
	if err != nil && azward.KindOf(err) != azward.KindNotFound {
		return User{}, err
	}
	isNew := err != nil
	if who.Overage {
		return User{}, &azward.Error{
			Kind: azward.KindRole, Op: "sign in", Subject: who.Name, Cause: "the issuer left out the claim with your groups, because there are too many",
			Remedy: "ask for app roles instead of groups (docs/access.md, Microsoft Entra)",
		}
	}
	if who.Role == "" {
		return User{}, c.turnAway(ctx, known, who, isNew)
	}
	if isNew {
		return c.welcome(ctx, who)
	}
	if known.Disabled {
		return User{}, disabledUser(known.Name)
	}
	if known.Role != string(who.Role) || known.Name != who.Name {
		was, before := known.UpdatedAt, userOf(known)
		known.Role, known.Name, known.UpdatedAt = string(who.Role), who.Name, c.later(was)
		entry, err := c.by(known, "oidc", "user.role", before, userOf(known))
		if err != nil {
			return User{}, err
		}
		if err := c.store.UpdateUser(ctx, known, was, entry); err != nil {
			return User{}, err
		}
	}
	return c.signedIn(ctx, known, "oidc")
}

func (c *Control) welcome(ctx context.Context, who claimed) (User, error) {
	u, err := c.newUser(who.Name, who.Role)
	if err != nil {
		return User{}, err
	}
	u.Issuer, u.Subject = who.Issuer, who.Subject
	entry, err := c.by(u, "oidc", "user.create", nil, userOf(u))
	if err != nil {
		return User{}, err
	}
	if err := c.store.AddUser(ctx, u, entry); err != nil {
		return User{}, err
	}
	return c.signedIn(ctx, u, "oidc")
}

// turnAway ends what somebody has here whose claims no longer give a role.
func (c *Control) turnAway(ctx context.Context, known store.User, who claimed, isNew bool) error {
	told := &azward.Error{
		Kind: azward.KindRole, Op: "sign in", Subject: who.Name, Cause: "your organisation gives you no role here",
		Remedy: "ask whoever administers it to assign you one",
	}
	if isNew {
		return told
	}
	entry, err := c.by(known, "oidc", "token.revoke", nil, nil)
	if err != nil {
		return err
	}
	if err := c.store.RevokeTokens(ctx, known.ID, "", entry); err != nil {
		return err
	}
	was := known.UpdatedAt
	known.Epoch++
	known.UpdatedAt = c.later(was)
	entry.Action = "user.signOut"
	if err := c.store.UpdateUser(ctx, known, was, entry); err != nil {
		return err
	}
	return told
}
