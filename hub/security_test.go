package hub_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/azward/azward/access"
	"github.com/azward/azward/access/accesstest"
	"github.com/azward/azward/hub"
	"github.com/azward/azward/seal"
)

const local = "http://localhost:8484"

func TestHeaders(t *testing.T) {
	t.Parallel()
	for public, https := range map[string]bool{local: false, "https://hub.example": true} {
		w := open(t, public, nil)
		b := w.browser(t)
		for _, answer := range []reply{
			b.do(http.MethodGet, "/", nil), b.do(http.MethodGet, "/signin", nil), b.do(http.MethodGet, "/panic", nil),
			b.do(http.MethodPost, "/x", nil, "Sec-Fetch-Site", "cross-site"), b.do(http.MethodGet, "/api/v1/x", nil, "Authorization", "Bearer x"),
		} {
			csp := answer.Header.Get("Content-Security-Policy")
			if strings.Contains(csp, "unsafe") || !strings.HasPrefix(csp, "default-src 'none'; script-src 'self'; style-src 'self';") ||
				!strings.Contains(csp, "frame-ancestors 'none'") || !strings.Contains(csp, "base-uri 'none'") || !strings.Contains(csp, "form-action 'self'") {
				t.Errorf("%d: policy %q", answer.StatusCode, csp)
			}
			same(t, []string{"nosniff", "same-origin", "no-store"}, []string{
				answer.Header.Get("X-Content-Type-Options"), answer.Header.Get("Referrer-Policy"), answer.Header.Get("Cache-Control"),
			})
			same(t, https, answer.Header.Get("Strict-Transport-Security") != "")
			same(t, true, answer.Header.Get("Permissions-Policy") != "" && len(answer.Header.Get("X-Request-ID")) == 16)
		}
	}
}

func TestCookies(t *testing.T) {
	t.Parallel()
	for public, want := range map[string]string{local: "azward", "https://hub.example": "__Host-azward"} {
		w := open(t, public, nil)
		b := w.browser(t)
		b.setUp()
		c := b.cookies[want]
		if c == nil {
			t.Fatalf("cookies are %v", b.cookies)
		}
		same(t, []any{want != "azward", true, http.SameSiteLaxMode, "/", ""}, []any{c.Secure, c.HttpOnly, c.SameSite, c.Path, c.Domain})
		if left := time.Until(c.Expires); left < 6*24*time.Hour || left > 7*24*time.Hour {
			t.Errorf("it lasts %v", left)
		}
		same(t, 1, len(b.cookies))
		same(t, "root admin ", b.who())
		answer := b.do(http.MethodPost, "/signout", nil)
		same(t, []any{303, "/signin"}, []any{answer.StatusCode, answer.Header.Get("Location")})
		same(t, 0, len(b.cookies))
		b.cookies[want] = c // the thief's copy
		same(t, "nobody", b.who())
	}
}

// TestCookiesOfDoors: behind a proxy no door sees TLS, and their cookies are
// kept to it all the same.
func TestCookiesOfDoors(t *testing.T) {
	t.Parallel()
	for public, want := range map[string]string{local: "theme=dark", "https://hub.example": "theme=dark; Secure"} {
		w := open(t, public, func(_ *access.Options, o *hub.Options) {
			o.Web = http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				http.SetCookie(w, &http.Cookie{Name: "theme", Value: "dark"})
				if r.URL.Path == "/silent" {
					w.WriteHeader(http.StatusNoContent)
					return
				}
				fmt.Fprint(w, "page")
			})
		})
		for _, path := range []string{"/", "/silent"} {
			same(t, want, w.browser(t).do(http.MethodGet, path, nil).Header.Get("Set-Cookie"))
		}
	}
}

// TestForeignSites: what another site has a signed-in browser send.
func TestForeignSites(t *testing.T) {
	t.Parallel()
	w := open(t, local, nil)
	b := w.browser(t)
	b.setUp()
	_, token := w.token(t, access.NewToken{})
	for name, tc := range map[string]struct {
		headers []string
		status  int
	}{
		"own_page":             {[]string{"Sec-Fetch-Site", "same-origin"}, 200},
		"typed":                {[]string{"Sec-Fetch-Site", "none"}, 200},
		"another_site":         {[]string{"Sec-Fetch-Site", "cross-site"}, 403},
		"sibling_domain":       {[]string{"Sec-Fetch-Site", "same-site"}, 403},
		"older_browser":        {[]string{"Sec-Fetch-Site", "", "Origin", "https://evil.example"}, 403},
		"sandboxed":            {[]string{"Sec-Fetch-Site", "", "Origin", "null"}, 403},
		"other_port":           {[]string{"Sec-Fetch-Site", "", "Origin", "http://localhost:1"}, 403},
		"older_browser_at_own": {[]string{"Sec-Fetch-Site", "", "Origin", local}, 200},
		"program_with_token":   {[]string{"Sec-Fetch-Site", "cross-site", "Authorization", "Bearer " + token}, 200},
	} {
		for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete} {
			answer := b.do(method, "/verdicts", nil, tc.headers...)
			if answer.StatusCode != tc.status {
				t.Errorf("%s: %s gives %d, want %d", name, method, answer.StatusCode, tc.status)
			}
		}
	}
	// Nor can it sign somebody in, or out.
	for _, path := range []string{"/signin", "/signout", "/setup", "/account/password", "/signin/passkey/begin", "/account/passkeys/begin"} {
		same(t, 403, b.do(http.MethodPost, path, url.Values{}, "Sec-Fetch-Site", "cross-site").StatusCode)
	}
	same(t, "root admin ", b.who())
	// A token beside a cookie is the token; a bad one is refused, cookie or not.
	answer := b.do(http.MethodPost, "/", nil, "Authorization", "Bearer "+token)
	if got := answer.Text; !strings.HasPrefix(got, "root admin tok_") {
		t.Errorf("got %q", got)
	}
	same(t, 401, b.do(http.MethodGet, "/", nil, "Authorization", "Bearer azw_forged").StatusCode)
	same(t, "root admin ", b.do(http.MethodGet, "/", nil, "Authorization", "Basic cm9vdDpyb290").Text)
}

func TestSessionFixation(t *testing.T) {
	t.Parallel()
	w := open(t, local, nil)
	w.browser(t).setUp()
	b := w.browser(t)
	planted := &http.Cookie{Name: "azward", Value: "planted-by-an-attacker-000000000000000000000"}
	b.cookies["azward"] = planted
	same(t, 303, b.signIn("/").StatusCode)
	first := b.cookies["azward"]
	same(t, 303, b.signIn("/").StatusCode)
	second := b.cookies["azward"]
	for c, want := range map[*http.Cookie]string{planted: "nobody", first: "nobody", second: "root admin "} {
		b.cookies["azward"] = c
		same(t, want, b.who())
	}
}

func TestTwoSessions(t *testing.T) {
	t.Parallel()
	w := open(t, local, nil)
	w.browser(t).setUp()
	one, two := w.browser(t), w.browser(t)
	one.signIn("/")
	two.signIn("/")
	same(t, []string{"root admin ", "root admin "}, []string{one.who(), two.who()})
	one.do(http.MethodPost, "/signout", nil)
	same(t, []string{"nobody", "root admin "}, []string{one.who(), two.who()})
	one.signIn("/")
	answer := two.do(http.MethodPost, "/account/password", url.Values{"current": {"a wrong one"}, "password": {"another good password"}})
	same(t, 400, answer.StatusCode)
	answer = two.do(http.MethodPost, "/account/password", url.Values{"current": {password}, "password": {"another good password"}, "next": {"/settings"}})
	same(t, []any{303, "/settings"}, []any{answer.StatusCode, answer.Header.Get("Location")})
	same(t, []string{"nobody", "root admin "}, []string{one.who(), two.who()})
	same(t, 401, w.browser(t).do(http.MethodPost, "/account/password", url.Values{}).StatusCode)
}

var elsewhere = []string{
	"https://evil.example", "//evil.example", "/\\evil.example", "///evil.example", "javascript:alert(1)", "/%2F/evil.example",
	"/x\r\nSet-Cookie: azward=1", "/%0d%0aSet-Cookie: a=b", "https:evil.example", "/.//evil.example", "\t//evil.example",
}

func TestNoOpenRedirect(t *testing.T) {
	t.Parallel()
	issuer := accesstest.NewIssuer(t)
	issuer.Claim(map[string]any{"roles": "admin"})
	w := open(t, local, func(a *access.Options, _ *hub.Options) { a.OIDC = oidc(t, issuer) })
	b := w.browser(t)
	for _, next := range append(elsewhere, "/verdicts?a=b") {
		want := "/"
		if next == "/verdicts?a=b" {
			want = next
		}
		answer := b.do(http.MethodGet, "/signin/oidc?next="+url.QueryEscape(next), nil)
		same(t, 303, answer.StatusCode)
		to, err := url.Parse(answer.Header.Get("Location"))
		check(t, err)
		same(t, issuer.URL, to.Scheme+"://"+to.Host)
		back := callback(t, to.String())
		answer = b.do(http.MethodGet, back.RequestURI(), nil)
		got := answer.Header.Get("Location")
		same(t, 303, answer.StatusCode)
		if got != want {
			t.Errorf("the callback goes from %q to %q", next, got)
		}
		// Signed in already, the sign-in page goes on at once.
		answer = b.do(http.MethodGet, "/signin?next="+url.QueryEscape(next), nil)
		if got := answer.Header.Get("Location"); got != want {
			t.Errorf("the page goes from %q to %q", next, got)
		}
		same(t, 1, len(answer.Header.Values("Location")))
		same(t, 0, answer.Cookies)
		b.do(http.MethodPost, "/signout", nil)
	}
}

func oidc(t *testing.T, issuer *accesstest.Issuer) *access.OIDC {
	transport := &http.Transport{DisableKeepAlives: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &access.OIDC{
		Label: "Example", Issuer: issuer.URL, ClientID: issuer.ClientID, Secret: seal.NewSecret(issuer.ClientSecret),
		Roles: map[string]access.Role{"admin": access.Admin}, Client: &http.Client{Transport: transport},
	}
}

func callback(t *testing.T, to string) *url.URL {
	t.Helper()
	client := &http.Client{
		Transport:     &http.Transport{DisableKeepAlives: true},
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, to, nil)
	check(t, err)
	answer, err := client.Do(r)
	check(t, err)
	check(t, answer.Body.Close())
	back, err := answer.Location()
	check(t, err)
	return back
}

func TestSignInRedirects(t *testing.T) {
	t.Parallel()
	w := open(t, local, nil)
	w.browser(t).setUp()
	for _, next := range append(elsewhere, "", "/verdicts?a=b") {
		want := "/"
		if next == "/verdicts?a=b" {
			want = next
		}
		answer := w.browser(t).do(http.MethodPost, "/signin", url.Values{"name": {"root"}, "password": {password}, "next": {next}})
		same(t, []any{303, want, 1}, []any{answer.StatusCode, answer.Header.Get("Location"), answer.Cookies})
	}
}

func TestIssuerFlow(t *testing.T) {
	t.Parallel()
	issuer := accesstest.NewIssuer(t)
	issuer.Claim(map[string]any{"roles": "admin"})
	w := open(t, local, func(a *access.Options, _ *hub.Options) { a.OIDC = oidc(t, issuer) })
	b, other := w.browser(t), w.browser(t)
	if got := b.do(http.MethodGet, "/signin", nil).Text; !strings.Contains(got, "oidc=Example") {
		t.Error(got)
	}
	begin := func(b *browser) string {
		t.Helper()
		answer := b.do(http.MethodGet, "/signin/oidc?next=/x", nil)
		c := b.cookies["azward-flow"]
		same(t, []any{true, http.SameSiteLaxMode}, []any{c.HttpOnly, c.SameSite})
		to, err := url.Parse(answer.Header.Get("Location"))
		check(t, err)
		return callback(t, to.String()).RequestURI()
	}
	back := begin(b)
	// Somebody else's answer signs nobody in: not the attacker's account either.
	answer := other.do(http.MethodGet, back, nil, "Sec-Fetch-Site", "cross-site")
	same(t, 401, answer.StatusCode)
	begin(other)
	same(t, 401, other.do(http.MethodGet, back, nil, "Sec-Fetch-Site", "cross-site").StatusCode)
	same(t, "nobody", other.who())
	answer = b.do(http.MethodGet, back, nil, "Sec-Fetch-Site", "cross-site")
	same(t, []any{303, "/x"}, []any{answer.StatusCode, answer.Header.Get("Location")})
	same(t, "ana@example.com admin ", b.who())
	same(t, 1, len(b.cookies))
	same(t, 401, other.do(http.MethodGet, back, nil).StatusCode)
	issuer.Deny("access_denied")
	answer = other.do(http.MethodGet, begin(other)+"&error_description=%3Cscript%3E", nil)
	same(t, 401, answer.StatusCode)
	if got := answer.Text; !strings.Contains(got, "access_denied") || strings.Contains(got, "script") {
		t.Error(got)
	}
}

func TestPasskeyFlow(t *testing.T) {
	t.Parallel()
	w := open(t, local, nil)
	b := w.browser(t)
	b.setUp()
	key := accesstest.NewAuthenticator(t, local, "localhost")
	options := b.do(http.MethodPost, "/account/passkeys/begin", nil).Text
	answer := b.send(http.MethodPost, "/account/passkeys?name=laptop", strings.NewReader(string(key.Create(t, []byte(options)))))
	same(t, 201, answer.StatusCode)

	other := w.browser(t)
	options = other.do(http.MethodPost, "/signin/passkey/begin", nil).Text
	reply := string(key.Get(t, []byte(options)))
	answer = w.browser(t).send(http.MethodPost, "/signin/passkey/finish", strings.NewReader(reply), "Accept", "application/json")
	same(t, 401, answer.StatusCode) // a browser that did not begin
	same(t, "signIn", problemOf(t, answer).Kind)
	answer = other.send(http.MethodPost, "/signin/passkey/finish?next="+url.QueryEscape("//evil.example"), strings.NewReader(reply))
	same(t, []any{200, `{"next":"/"}`}, []any{answer.StatusCode, answer.Text})
	same(t, "root admin ", other.who())
	same(t, 1, len(other.cookies))
	same(t, 401, w.browser(t).do(http.MethodPost, "/account/passkeys/begin", nil).StatusCode)
}

func TestPasskeySetUpFlow(t *testing.T) {
	t.Parallel()
	w := open(t, local, nil)
	b := w.browser(t)
	link, err := w.access.SetupLink(t.Context())
	check(t, err)
	to, err := url.Parse(link)
	check(t, err)
	key := accesstest.NewAuthenticator(t, local, "localhost")
	begun := b.do(http.MethodPost, "/setup/passkey/begin", url.Values{"code": to.Query()["code"], "name": {"root"}})
	same(t, http.StatusOK, begun.StatusCode)
	if strings.Contains(begun.Text+b.cookies["azward-flow"].Value, to.Query().Get("code")) {
		t.Error("the answer holds the link's code")
	}
	answer := b.send(http.MethodPost, "/setup/passkey/finish", strings.NewReader(string(key.Create(t, []byte(begun.Text)))))
	same(t, []any{200, `{"next":"/"}`}, []any{answer.StatusCode, answer.Text})
	same(t, "root admin ", b.who())
}

func TestGuessing(t *testing.T) {
	t.Parallel()
	w := open(t, local, nil)
	w.browser(t).setUp()
	b := w.browser(t)
	guess := func() reply {
		return b.do(http.MethodPost, "/signin", url.Values{"name": {"root"}, "password": {"a wrong password"}, "next": {"/x"}})
	}
	for range 5 {
		answer := guess()
		same(t, 401, answer.StatusCode)
		if got := answer.Text; !strings.Contains(got, "next=/x") || !strings.Contains(got, "name=root") || strings.Contains(got, "wrong password") {
			t.Error(got)
		}
	}
	answer := guess()
	same(t, 429, answer.StatusCode)
	if after := answer.Header.Get("Retry-After"); after == "" || after == "0" {
		t.Errorf("Retry-After is %q", after)
	}
	same(t, 0, len(b.cookies))
}

func TestHostileInputIsEscaped(t *testing.T) {
	t.Parallel()
	w := open(t, local, nil)
	w.browser(t).setUp()
	b := w.browser(t)
	const script = `"><script>alert(1)</script>`
	for _, answer := range []reply{
		b.do(http.MethodPost, "/signin", url.Values{"name": {script}, "password": {script}, "next": {"/" + script}}),
		b.do(http.MethodGet, "/setup?code="+url.QueryEscape(script), nil),
		b.do(http.MethodPost, "/setup", url.Values{"code": {script}, "name": {script}, "password": {script}}),
		b.do(http.MethodGet, "/", nil, "Host", "evil"+script),
		b.do(http.MethodGet, "/", nil, "Authorization", "Bearer "+script),
		b.do(http.MethodGet, "/api/x", nil, "Authorization", "Bearer "+script),
		b.do(http.MethodGet, "/api/x", nil, "Host", "evil"+script),
	} {
		if got := answer.Text; strings.Contains(got, "<script>") {
			t.Errorf("%d: %s", answer.StatusCode, got)
		}
	}
}

func TestHosts(t *testing.T) {
	t.Parallel()
	w := open(t, "http://azward.internal:8484", nil)
	b := w.browser(t)
	for host, want := range map[string]int{
		"localhost:8484": 200, "localhost": 200, "127.0.0.1:8484": 200, "[::1]:8484": 200, "127.8.9.1": 200, "AZWARD.internal:8484": 200,
		"evil.example": 400, "evil.example:8484": 400, "localhost.evil.example": 400, "127.0.0.1.evil.example": 400, "": 400, "10.0.0.1": 400,
		"azward.internal": 400, "localhost:8484@evil.example": 400,
	} {
		if got := b.do(http.MethodGet, "/", nil, "Host", host); got.StatusCode != want {
			t.Errorf("%q gives %d, want %d", host, got.StatusCode, want)
		}
	}
	public := open(t, "https://hub.example", func(_ *access.Options, o *hub.Options) { o.Listen, o.Plain = "0.0.0.0:0", true })
	same(t, 200, public.browser(t).do(http.MethodGet, "/healthz", nil, "Host", "10.1.2.3").StatusCode)
}

func TestTokens(t *testing.T) {
	t.Parallel()
	w := open(t, local, nil)
	w.browser(t).setUp()
	program := w.browser(t)
	program.headers = map[string]string{"Accept": "application/json"}
	ask := func(header string) reply {
		return program.do(http.MethodGet, "/api/v1/x", nil, "Authorization", header)
	}
	token, secret := w.token(t, access.NewToken{Role: access.Viewer})
	for _, header := range []string{"Bearer " + secret, "bearer  " + secret + " "} {
		same(t, "root viewer "+token.ID, ask(header).Text)
	}
	for _, header := range []string{"Bearer", "Bearer azw_", "Bearer " + secret + "x", "Bearer azw_" + strings.Repeat("x", 10_000)} {
		answer := ask(header)
		same(t, 401, answer.StatusCode)
		if !strings.HasPrefix(answer.Header.Get("WWW-Authenticate"), "Bearer") {
			t.Error("no WWW-Authenticate")
		}
		p := problemOf(t, answer)
		if p.Cause == "" || p.Remedy == "" || strings.Contains(p.Detail+p.Cause, secret) {
			t.Errorf("%+v", p)
		}
	}
	program.headers["X-Test"] = ""
	same(t, 200, program.do(http.MethodGet, "/metrics", nil, "Authorization", "Bearer "+secret).StatusCode)
	same(t, 401, program.do(http.MethodGet, "/metrics", nil).StatusCode)
	ctx := access.With(t.Context(), access.Identity{UserID: token.UserID, Role: access.Admin})
	check(t, w.access.RevokeToken(ctx, token.ID))
	answer := ask("Bearer " + secret)
	same(t, 401, answer.StatusCode)
	same(t, "the token was revoked", problemOf(t, answer).Cause)
	if log := w.log.String(); strings.Contains(log, secret) {
		t.Error("the log holds the token")
	}
}

func TestRates(t *testing.T) {
	t.Parallel()
	w := open(t, local, func(_ *access.Options, o *hub.Options) {
		o.Rate, o.Proxies = 1, []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24"), netip.MustParsePrefix("10.0.0.0/8")}
	})
	w.browser(t).setUp()
	_, one := w.token(t, access.NewToken{})
	_, two := w.token(t, access.NewToken{})
	b := w.browser(t)
	until := func(headers ...string) (n int) {
		t.Helper()
		for ; n < 20; n++ {
			if answer := b.do(http.MethodGet, "/", nil, headers...); answer.StatusCode == http.StatusTooManyRequests {
				same(t, true, answer.Header.Get("Retry-After") != "")
				return n
			}
		}
		return n
	}
	// Each token has its own; so has each address behind the proxy, and nobody
	// else's word counts.
	for _, headers := range [][]string{
		{"Authorization", "Bearer " + one},
		{"Authorization", "Bearer " + two},
		{"X-Forwarded-For", "203.0.113.1"},
		{"X-Forwarded-For", "203.0.113.1, 203.0.113.2, 10.0.0.1"},
		{"X-Forwarded-For", "203.0.113.3"},
	} {
		if n := until(headers...); n < 5 || n > 6 {
			t.Errorf("%v: limited after %d", headers[0], n)
		}
	}
	if n := until("X-Forwarded-For", "198.51.100.77, 203.0.113.2"); n > 1 {
		t.Errorf("a client chose its own address: %d", n)
	}
	// Bad tokens count too.
	limited := false
	for range 20 {
		limited = limited || b.do(http.MethodGet, "/", nil, "Authorization", "Bearer azw_x", "X-Forwarded-For", "203.0.113.9").StatusCode == http.StatusTooManyRequests
	}
	same(t, true, limited)
}

func TestBounds(t *testing.T) {
	t.Parallel()
	w := open(t, local, nil)
	w.browser(t).setUp()
	b := w.browser(t)
	same(t, 400, b.do(http.MethodGet, "/x?"+strings.Repeat("a", 9000), nil).StatusCode)
	answer := b.send(http.MethodPost, "/read", strings.NewReader(strings.Repeat("x", 2<<20)))
	same(t, "1048576 http: request body too large", answer.Text)
	same(t, 400, b.do(http.MethodPost, "/signin", url.Values{"name": {strings.Repeat("x", 2<<20)}}).StatusCode)
	same(t, 400, b.send(http.MethodPost, "/signin", strings.NewReader("%zz=1&name")).StatusCode)
}

func TestPanic(t *testing.T) {
	t.Parallel()
	w := open(t, local, nil)
	b := w.browser(t)
	for _, headers := range [][]string{nil, {"Accept", "application/json"}} {
		answer := b.do(http.MethodGet, "/panic", nil, headers...)
		same(t, 500, answer.StatusCode)
		if got := answer.Text; strings.Contains(got, "secret reason") || strings.Contains(got, ".go") {
			t.Error(got)
		}
	}
	if log := w.log.String(); !strings.Contains(log, "secret reason") || !strings.Contains(log, "hub_test.go") {
		t.Error("the log does not say where")
	}
	// Half an answer does not pass for a whole one.
	server := httptest.NewServer(w)
	defer server.Close()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/broken", nil)
	check(t, err)
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(r)
	check(t, err)
	buffer := make([]byte, 100)
	n := 0
	for err == nil {
		var m int
		m, err = answer.Body.Read(buffer[n:])
		n += m
	}
	check(t, answer.Body.Close())
	if err.Error() == "EOF" {
		t.Errorf("%q ends as if it were whole", buffer[:n])
	}
}

func TestLog(t *testing.T) {
	t.Parallel()
	w := open(t, local, nil)
	b := w.browser(t)
	b.setUp()
	b.do(http.MethodGet, "/x?secret=in-the-query", nil, "Referer", "http://localhost/in-a-header")
	b.do(http.MethodGet, "/setup?code=azs_in-the-query", nil)
	b.do(http.MethodGet, "/a%0ab", nil)
	log := w.log.String()
	for _, secret := range []string{password, b.cookies["azward"].Value, "in-the-query", "in-a-header", "\nb"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	for _, want := range []string{"method=GET", "path=/x", "status=200", "user=usr_", "id=", "from=192.0.2.1"} {
		if !strings.Contains(log, want) {
			t.Errorf("the log lacks %q", want)
		}
	}
}

func TestSetupPages(t *testing.T) {
	t.Parallel()
	w := open(t, local, nil)
	b := w.browser(t)
	answer := b.do(http.MethodGet, "/signin", nil)
	same(t, []any{303, "/setup"}, []any{answer.StatusCode, answer.Header.Get("Location")})
	same(t, 200, b.do(http.MethodGet, "/setup", nil).StatusCode)
	same(t, 401, b.do(http.MethodGet, "/setup?code=azs_guess", nil).StatusCode)
	link, err := w.access.SetupLink(t.Context())
	check(t, err)
	to, err := url.Parse(link)
	check(t, err)
	for range 2 { // a mail scanner that opens it uses nothing up
		answer = b.do(http.MethodGet, to.RequestURI(), nil)
		same(t, 200, answer.StatusCode)
		if got := answer.Text; !strings.Contains(got, "code=azs_") {
			t.Error(got)
		}
	}
	form := url.Values{"code": to.Query()["code"], "name": {"root"}, "password": {"short"}}
	answer = b.do(http.MethodPost, "/setup", form)
	same(t, 400, answer.StatusCode)
	if got := answer.Text; !strings.Contains(got, "name=root") || !strings.Contains(got, "code=azs_") || !strings.Contains(got, "5 characters") {
		t.Error(got)
	}
	form.Set("password", password)
	same(t, 303, b.do(http.MethodPost, "/setup", form).StatusCode)
	same(t, "root admin ", b.who())
	same(t, 401, w.browser(t).do(http.MethodPost, "/setup", form).StatusCode)
	same(t, 401, w.browser(t).do(http.MethodGet, to.RequestURI(), nil).StatusCode)
	answer = w.browser(t).do(http.MethodGet, "/setup", nil)
	same(t, "/signin", answer.Header.Get("Location"))
	same(t, 200, w.browser(t).do(http.MethodGet, "/signin", nil).StatusCode)
	answer = b.do(http.MethodGet, "/signin", nil)
	same(t, fmt.Sprint(303, "/"), fmt.Sprint(answer.StatusCode, answer.Header.Get("Location")))
}
