package access_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/access/accesstest"
	"github.com/azward/azward/seal"
)

// issuerWorld is a hub whose users an issuer signs in.
type issuerWorld struct {
	world
	issuer *accesstest.Issuer
}

func openIssuer(t *testing.T, change ...func(*access.OIDC)) issuerWorld {
	t.Helper()
	issuer := accesstest.NewIssuer(t)
	o := access.OIDC{
		Issuer: issuer.URL, ClientID: issuer.ClientID, Secret: seal.NewSecret(issuer.ClientSecret), Client: client(t),
		Roles: map[string]access.Role{"azward.read": access.Viewer, "azward.run": access.Operator, "azward.admin": access.Admin},
	}
	for _, c := range change {
		c(&o)
	}
	w := open(t, func(options *access.Options) { options.OIDC = &o })
	issuer.Now = w.clock.Now
	return issuerWorld{w, issuer}
}

// client keeps no connections, which goleak would see.
func client(t *testing.T) *http.Client {
	t.Helper()
	transport := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

// browse goes to the issuer's page as a browser does, and returns the query
// that it is sent back with.
func browse(t *testing.T, to string) url.Values {
	t.Helper()
	browser := client(t)
	browser.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, to, nil)
	check(t, err)
	answer, err := browser.Do(request)
	check(t, err)
	check(t, answer.Body.Close())
	back, err := answer.Location()
	if err != nil {
		t.Fatalf("the issuer answered %d to %s", answer.StatusCode, to)
	}
	same(t, "http://localhost:8484/signin/oidc/callback", "http://"+back.Host+back.Path)
	return back.Query()
}

func (w issuerWorld) signIn(t *testing.T, claims map[string]any) (access.User, error) {
	t.Helper()
	w.issuer.Claim(claims)
	to, state, err := w.BeginIssuerSignIn(t.Context(), "/verdicts")
	check(t, err)
	u, next, err := w.IssuerSignIn(t.Context(), state, browse(t, to), address)
	same(t, "/verdicts", next)
	return u, err
}

func roles(values ...string) map[string]any { return map[string]any{"roles": values} }

func TestIssuerSignIn(t *testing.T) {
	t.Parallel()
	w := openIssuer(t)
	_, err := w.signIn(t, nil)
	refused(t, err, azward.KindRole)
	u, err := w.signIn(t, roles("something.else", "azward.run", "azward.read"))
	check(t, err)
	same(t, []any{"ana@example.com", access.Operator, w.issuer.URL}, []any{u.Name, u.Role, u.Issuer})
	_, text, err := w.CreateToken(as(t.Context(), u), access.NewToken{Name: "ci"})
	check(t, err)
	cookie, _, err := w.StartSession(t.Context(), u.ID)
	check(t, err)

	// The same person comes with another role, then with another name.
	again, err := w.signIn(t, roles("azward.admin"))
	check(t, err)
	same(t, []any{u.ID, access.Admin}, []any{again.ID, again.Role})
	renamed, err := w.signIn(t, map[string]any{"roles": "azward.run", "preferred_username": "ana.b@example.com"})
	if err == nil {
		t.Fatalf("the last administrator lost the role: %v", renamed)
	}
	refused(t, err, azward.KindConflict)
	root, ctx := w.other(t)
	renamed, err = w.signIn(t, map[string]any{"roles": "azward.run", "preferred_username": "ana.b@example.com"})
	check(t, err)
	same(t, []any{u.ID, "ana.b@example.com", access.Operator}, []any{renamed.ID, renamed.Name, renamed.Role})

	// Whoever loses every role loses what they had.
	_, err = w.Bearer(t.Context(), text)
	check(t, err)
	_, err = w.signIn(t, roles("something.else"))
	refused(t, err, azward.KindRole)
	_, err = w.Bearer(t.Context(), text)
	refused(t, err, azward.KindSignIn)
	loaded, err := w.Load(t.Context(), cookie)
	check(t, err)
	if _, known := access.From(loaded); known {
		t.Error("the session goes on")
	}
	// Another subject of the same name is another user; a local one of that name too.
	second, err := w.signIn(t, map[string]any{"sub": "0002", "roles": []string{"azward.read"}, "preferred_username": "root"})
	check(t, err)
	if second.ID == u.ID || second.ID == root.ID {
		t.Error("two people share an account")
	}
	_, err = w.Disable(ctx, second.ID, time.Time{})
	check(t, err)
	_, err = w.signIn(t, map[string]any{"sub": "0002", "roles": []string{"azward.read"}})
	refused(t, err, azward.KindSignIn)
	_, err = w.Invite(ctx, second.ID)
	refused(t, err, azward.KindUsage)
	_, err = w.ChangePassword(as(t.Context(), second), "", "another good password")
	refused(t, err, azward.KindUsage)
}

// other is a second administrator, with a password.
func (w issuerWorld) other(t *testing.T) (access.User, context.Context) {
	t.Helper()
	users, err := w.store.Users(t.Context())
	check(t, err)
	first := access.With(t.Context(), access.Identity{UserID: users[0].ID, Role: access.Admin})
	_, link, err := w.CreateUser(first, "root", access.Admin)
	check(t, err)
	u, err := w.SetUp(t.Context(), code(t, link), "", password, address)
	check(t, err)
	return u, as(t.Context(), u)
}

func TestIssuerTokens(t *testing.T) {
	t.Parallel()
	good := func(more map[string]any) map[string]any {
		more["roles"] = []string{"azward.admin"}
		return more
	}
	for name, tc := range map[string]struct {
		claims map[string]any
		ok     bool
	}{
		"as_it_should_be":        {good(map[string]any{}), true},
		"of_another_issuer":      {good(map[string]any{"iss": "https://evil.example"}), false},
		"for_another_client":     {good(map[string]any{"aud": "someone-else"}), false},
		"two_audiences_no_party": {good(map[string]any{"aud": []string{"azward", "other"}}), false},
		"of_another_party":       {good(map[string]any{"aud": []string{"azward", "other"}, "azp": "other"}), false},
		"of_our_party":           {good(map[string]any{"aud": []string{"azward", "other"}, "azp": "azward"}), true},
		"expired":                {good(map[string]any{"exp": -10 * time.Minute}), false},
		"clock_behind_a_minute":  {good(map[string]any{"exp": -time.Minute}), true},
		"issued_in_an_hour":      {good(map[string]any{"iat": time.Hour, "exp": 2 * time.Hour}), false},
		"issued_in_a_minute":     {good(map[string]any{"iat": time.Minute}), true},
		"not_yet":                {good(map[string]any{"nbf": time.Hour}), false},
		"clock_ahead_a_minute":   {good(map[string]any{"nbf": time.Minute}), true},
		"without_nonce":          {good(map[string]any{"nonce": nil}), false},
		"other_nonce":            {good(map[string]any{"nonce": "other"}), false},
		"without_subject":        {good(map[string]any{"sub": nil}), false},
		"role_is_no_text":        {map[string]any{"roles": []any{1, nil, map[string]any{}}}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := openIssuer(t)
			_, err := w.signIn(t, tc.claims)
			if tc.ok {
				check(t, err)
				return
			}
			if err == nil {
				t.Fatal("it signs in")
			}
			if kind := azward.KindOf(err); kind != azward.KindSignIn && kind != azward.KindRole {
				t.Errorf("it fails as %v: %v", kind, err)
			}
			users, err := w.store.Users(t.Context())
			check(t, err)
			same(t, 0, len(users))
		})
	}
	t.Run("signed_by_another", func(t *testing.T) {
		t.Parallel()
		w := openIssuer(t)
		w.issuer.Forge()
		_, err := w.signIn(t, roles("azward.admin"))
		refused(t, err, azward.KindSignIn)
	})
}

func TestIssuerAnswers(t *testing.T) {
	t.Parallel()
	w := openIssuer(t)
	w.issuer.Claim(roles("azward.admin"))
	begin := func() (url.Values, string) {
		t.Helper()
		to, state, err := w.BeginIssuerSignIn(t.Context(), "//evil.example")
		check(t, err)
		for _, part := range []string{"code_challenge_method=S256", "nonce=", "state=", "response_type=code"} {
			if !strings.Contains(to, part) {
				t.Errorf("%s lacks %s", to, part)
			}
		}
		return browse(t, to), state
	}
	finish := func(state string, query url.Values) error {
		t.Helper()
		_, next, err := w.IssuerSignIn(t.Context(), state, query, "198.51.100.3")
		same(t, "/", next)
		return err
	}
	query, state := begin()
	foreign, _ := begin()
	before := w.issuer.Exchanges()
	refused(t, finish("", query), azward.KindSignIn)      // another browser
	refused(t, finish("AAAA", query), azward.KindSignIn)  // forged
	refused(t, finish(state, foreign), azward.KindSignIn) // another sign-in's answer
	refused(t, finish(state, url.Values{}), azward.KindSignIn)
	mixed := url.Values{"state": query["state"], "code": query["code"], "iss": {"https://evil.example"}}
	refused(t, finish(state, mixed), azward.KindSignIn)
	denied := url.Values{"state": query["state"], "error": {"access_denied"}, "error_description": {"<script>alert(1)</script>"}}
	problem := told(t, finish(state, denied), azward.KindSignIn)
	same(t, "the issuer answered access_denied", problem.Cause)
	denied.Set("error", "<script>")
	problem = told(t, finish(state, denied), azward.KindSignIn)
	if strings.Contains(problem.Cause, "<") {
		t.Error(problem.Cause)
	}
	same(t, before, w.issuer.Exchanges()) // none of these asked the issuer
	check(t, finish(state, query))
	refused(t, finish(state, query), azward.KindSignIn) // a second time

	query, state = begin()
	w.clock.Add(10 * time.Minute)
	refused(t, finish(state, query), azward.KindSignIn)

	query, state = begin()
	wrong := url.Values{"state": query["state"], "code": {"guessed"}}
	refused(t, finish(state, wrong), azward.KindSignIn)
	w.issuer.Deny("consent_required")
	query, state = begin()
	refused(t, finish(state, query), azward.KindSignIn)
}

func TestIssuerClaims(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		change func(*access.OIDC)
		claims map[string]any
		want   access.Role
		user   string
	}{
		"groups": {
			func(o *access.OIDC) { o.RoleClaim = "groups"; o.Roles = map[string]access.Role{"6f0e": access.Admin} },
			map[string]any{"groups": []string{"1a", "6f0e"}},
			access.Admin, "ana@example.com",
		},
		"nested": {
			func(o *access.OIDC) { o.RoleClaim = "realm_access.roles" },
			map[string]any{"realm_access": map[string]any{"roles": []string{"azward.read"}}},
			access.Viewer, "ana@example.com",
		},
		"name_with_dots": {
			func(o *access.OIDC) { o.RoleClaim = "https://example.com/roles" },
			map[string]any{"https://example.com/roles": "azward.run"},
			access.Operator, "ana@example.com",
		},
		"default": {
			func(o *access.OIDC) { o.Default = access.Viewer }, map[string]any{"preferred_username": nil, "email": "a@example.com"}, access.Viewer, "a@example.com",
		},
		"default_is_the_least": {
			func(o *access.OIDC) { o.Default = access.Operator }, roles("azward.read"), access.Operator, "ana@example.com",
		},
		"hostile_name": {
			func(*access.OIDC) {}, map[string]any{"roles": "azward.read", "preferred_username": "a\r\nSet-Cookie: x", "name": strings.Repeat("x", 500)}, access.Viewer, "",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := openIssuer(t, tc.change)
			u, err := w.signIn(t, tc.claims)
			check(t, err)
			same(t, tc.want, u.Role)
			if tc.user == "" {
				tc.user = u.Name
				if !strings.HasPrefix(u.Name, "user ") {
					t.Errorf("the name is %q", u.Name)
				}
			}
			same(t, tc.user, u.Name)
		})
	}
	t.Run("too_many_groups", func(t *testing.T) {
		t.Parallel()
		w := openIssuer(t, func(o *access.OIDC) { o.RoleClaim, o.Default = "groups", access.Viewer })
		_, err := w.signIn(t, map[string]any{
			"_claim_names": map[string]string{"groups": "src1"}, "_claim_sources": map[string]any{"src1": map[string]string{"endpoint": "https://graph.example"}},
		})
		refused(t, err, azward.KindRole)
	})
}

func TestIssuerOptions(t *testing.T) {
	t.Parallel()
	fine := access.OIDC{Issuer: "https://login.example.com", ClientID: "azward", Default: access.Viewer}
	for name, change := range map[string]func(*access.OIDC){
		"plain_http":    func(o *access.OIDC) { o.Issuer = "http://login.example.com" },
		"no_address":    func(o *access.OIDC) { o.Issuer = "login" },
		"everybody":     func(o *access.OIDC) { o.Issuer = "https://login.microsoftonline.com/common/v2.0" },
		"no_client":     func(o *access.OIDC) { o.ClientID = "" },
		"no_role":       func(o *access.OIDC) { o.Default = "" },
		"wrong_role":    func(o *access.OIDC) { o.Roles = map[string]access.Role{"x": "owner"} },
		"wrong_default": func(o *access.OIDC) { o.Default = "owner" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := fine
			change(&o)
			_, err := access.New(access.Options{PublicURL: "https://hub.example", OIDC: &o})
			refused(t, err, azward.KindUsage)
		})
	}
	c, err := access.New(access.Options{PublicURL: "https://hub.example", OIDC: &fine})
	check(t, err)
	same(t, "login.example.com", c.IssuerLabel())
}

// TestIssuerIsAway: the hub starts, says so, and asks again.
func TestIssuerIsAway(t *testing.T) {
	t.Parallel()
	w := open(t, func(o *access.Options) {
		o.OIDC = &access.OIDC{Issuer: "http://127.0.0.1:1", ClientID: "azward", Default: access.Viewer, Client: client(t)}
	})
	for range 2 {
		_, _, err := w.BeginIssuerSignIn(t.Context(), "/")
		refused(t, err, azward.KindUnavailable)
	}
	without := open(t)
	same(t, "", without.IssuerLabel())
	_, _, err := without.BeginIssuerSignIn(t.Context(), "/")
	refused(t, err, azward.KindNotFound)
	_, _, err = without.IssuerSignIn(t.Context(), "", nil, address)
	refused(t, err, azward.KindNotFound)
}
