package main

import (
	"bufio"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/azward/azward/access/accesstest"
)

// elsewhere are the ways in which browsers say that another site sends a request.
var elsewhere = map[string][]string{
	"another_site":   {"Sec-Fetch-Site", "cross-site"},
	"sibling_domain": {"Sec-Fetch-Site", "same-site"},
	"older_browser":  {"Sec-Fetch-Site", "", "Origin", "https://evil.example"},
	"sandboxed":      {"Sec-Fetch-Site", "", "Origin", "null"},
	"other_port":     {"Sec-Fetch-Site", "", "Origin", "http://localhost:1"},
}

// requestsOfOtherSites: no route that changes something, and no form of any
// page, does so for another site that has a signed-in browser send it.
func requestsOfOtherSites(t *testing.T, w *secured) {
	targets := map[string]mounted{}
	for _, m := range allRoutes(t) {
		if m.method != http.MethodGet {
			targets[m.method+" "+m.at(w.callers["admin"])] = m
		}
	}
	for _, page := range crawl(t, w.callers["admin"], true) {
		for _, f := range page.forms() {
			targets[http.MethodPost+" "+f.action] = mounted{door: webDoor}
		}
	}
	admin := w.callers["admin"]
	for target := range targets {
		method, path, _ := strings.Cut(target, " ")
		for name, headers := range elsewhere {
			got := admin.do(t, method, path, form, "", headers...)
			if got.status != http.StatusForbidden || !strings.Contains(got.body, "nother site sent this request") || len(got.header.Values("Set-Cookie")) > 0 {
				t.Errorf("%s from %s: %d %.200s", target, name, got.status, got.body)
			}
		}
	}
	for _, method := range []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, "PROPPATCH"} {
		if got := admin.do(t, method, "/verdicts", form, "", "Sec-Fetch-Site", "cross-site"); got.status != http.StatusForbidden {
			t.Errorf("%s: %d", method, got.status)
		}
	}
	if got := admin.get(t, "/api/v1/me"); got.status != http.StatusOK {
		t.Errorf("a foreign site has ended the session: %d", got.status)
	}
	const least = 50
	if len(targets) < least {
		t.Errorf("only %d ways to change something were tried", len(targets))
	}
	// Nobody reads what is answered to another site's scripts.
	got := admin.get(t, "/api/v1/me", "Origin", "https://evil.example", "Sec-Fetch-Site", "cross-site")
	for _, name := range []string{"Access-Control-Allow-Origin", "Access-Control-Allow-Credentials"} {
		if value := got.header.Get(name); value != "" {
			t.Errorf("%s: %s", name, value)
		}
	}
	if got.header.Get("Cross-Origin-Resource-Policy") != "same-origin" {
		t.Error("other sites may load answers as their own resources")
	}
}

// sessionsAreNew: who signs in gets a session that nobody knew before, at a new
// password too; what somebody planted, and what was there before, is worth
// nothing.
func sessionsAreNew(t *testing.T, w *secured) {
	b := w.browser()
	b.name = w.callers["viewer"].name
	const planted = "planted-by-an-attacker-0000000000000000000000"
	b.cookies["azward"] = planted
	got := b.signIn(t)
	first := b.cookies["azward"]
	b.signIn(t)
	second := b.cookies["azward"]
	change := func(from, to string) {
		t.Helper()
		if got := b.post(t, "/account/password", url.Values{"current": {from}, "password": {to}}); got.status != http.StatusSeeOther {
			t.Fatalf("change the password: %d %s", got.status, got.body)
		}
	}
	old := w.secrets["password of "+b.name]
	w.secrets["new password"] = "pl4nted new P4ssword/+&="
	change(old, w.secrets["new password"])
	third := b.cookies["azward"]
	if all := map[string]bool{planted: true, first: true, second: true, third: true}; len(all) != 4 {
		t.Errorf("a name of a session came again: %v", all)
	}
	for value, want := range map[string]int{planted: 401, first: 401, second: 401, third: 200} {
		one := &caller{w: w, cookies: map[string]string{"azward": value}}
		if got := one.get(t, "/api/v1/me"); got.status != want {
			t.Errorf("the session is answered %d, want %d", got.status, want)
		}
	}
	change(w.secrets["new password"], old)
	w.callers["viewer"].signIn(t)
	cookie := got.header.Get("Set-Cookie")
	for _, part := range []string{"HttpOnly", "SameSite=Lax", "Path=/"} {
		if !strings.Contains(cookie, part) {
			t.Errorf("the cookie lacks %s", part)
		}
	}
	if strings.Contains(cookie, "Domain=") {
		t.Error("the cookie goes to other hosts")
	}
	// A role that is taken away is gone with the next request.
	var made struct{ Link string }
	admin := w.callers["admin"]
	admin.json(t, http.MethodPost, "/api/v1/users", map[string]any{"name": "former operator", "role": "operator"}, &made)
	former := w.enter(t, made.Link, "former operator", "operator")
	user := admin.get(t, "/api/v1/users/"+former.id)
	admin.json(t, http.MethodPut, "/api/v1/users/"+former.id, map[string]any{"role": "viewer"}, nil, "If-Match", user.header.Get("ETag"))
	if got := former.do(t, http.MethodPost, "/api/v1/scans", jsonType, "{"); got.status != http.StatusForbidden {
		t.Errorf("a former operator starts scans: %d %s", got.status, got.body)
	}
}

// away are places that a browser must not be sent to.
var away = []string{
	"https://evil.example", "//evil.example", `/\evil.example`, "///evil.example", `\\evil.example`, "https:evil.example", "https:/evil.example", "javascript:alert(1)",
	"/%2f%2fevil.example", "/%2Fevil.example", "%2f%2fevil.example", "/%5cevil.example", "/.//evil.example", "/x/../..//evil.example", "\t//evil.example", "/\t/evil.example", "/\n/evil.example",
	"/x\r\nLocation: https://evil.example", "/x\r\nSet-Cookie: azward=1", "/%0d%0aSet-Cookie:a=b", "//evil.example/%2f..", "/\u2028/evil.example", "@evil.example", "/@evil.example//evil.example",
	"http://localhost@evil.example", "/\x00/evil.example", " //evil.example", "data:text/html,x", "/signin?next=//evil.example",
}

// staysHere reads Location as browsers do.
func (w *secured) staysHere(t *testing.T, what string, got reply) {
	t.Helper()
	base, err := url.Parse(w.origin)
	if err != nil {
		t.Fatal(err)
	}
	// https://url.spec.whatwg.org/#concept-basic-url-parser: tabs and line
	// ends go, and backslashes are slashes.
	text := strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(strings.TrimSpace(got.location()))
	to, err := base.Parse(text)
	if got.status != http.StatusSeeOther || err != nil || to.Host != base.Host || to.Scheme != base.Scheme || strings.HasPrefix(to.EscapedPath(), "//") || len(got.header.Values("Location")) != 1 {
		t.Errorf("%s leads to %q: %d, %v", what, got.location(), got.status, err)
	}
	for _, cookie := range got.header.Values("Set-Cookie") {
		if !strings.HasPrefix(cookie, "azward") {
			t.Errorf("%s sets %q", what, cookie)
		}
	}
}

func noRedirectLeadsAway(t *testing.T, w *secured) {
	signedIn := w.as(t, "viewer")
	for _, next := range away {
		b := w.browser()
		b.name = w.callers["viewer"].name
		w.staysHere(t, fmt.Sprintf("sign-in with %q", next), b.post(t, "/signin", url.Values{"name": {b.name}, "password": {w.secrets["password of "+b.name]}, "next": {next}}))
		w.staysHere(t, fmt.Sprintf("the sign-in page with %q", next), signedIn.get(t, "/signin?next="+url.QueryEscape(next)))
		w.staysHere(t, fmt.Sprintf("colours with %q", next), signedIn.post(t, "/theme", url.Values{"theme": {"dark"}, "back": {next}}))
		b = w.browser()
		w.staysHere(t, fmt.Sprintf("the organisation's sign-in with %q", next), b.get(t, w.organisation(t, b, next)))
	}
	if got := w.browser().get(t, "/signin"); got.status != http.StatusOK {
		t.Errorf("the sign-in page: %d", got.status)
	}
	// Anonymous readers come back to where they wanted to, and only there.
	for _, path := range []string{"/verdicts?severity=high", "/estate/resource?id=//evil.example", "/verdicts//evil.example"} {
		w.followed(t, path)
	}
}

// followed is sent to the sign-in.
func (w *secured) followed(t *testing.T, path string) {
	t.Helper()
	got := w.browser().get(t, path)
	to, err := url.Parse(got.location())
	if got.status == http.StatusSeeOther && (err != nil || to.Path != "/signin" || to.Host != "" || strings.HasPrefix(to.Query().Get("next"), "//")) {
		t.Errorf("%s leads to %q", path, got.location())
	}
}

// organisation goes to the issuer and comes back with the callback's address.
func (w *secured) organisation(t *testing.T, b *caller, next string) (callback string) {
	t.Helper()
	w.issuer.Claim(map[string]any{"roles": "azward.admin"})
	return w.fromIssuer(t, b.get(t, "/signin/oidc?next="+url.QueryEscape(next)))
}

func (w *secured) fromIssuer(t *testing.T, begun reply) (callback string) {
	t.Helper()
	if !strings.HasPrefix(begun.location(), w.issuer.URL+"/authorize?") {
		t.Fatalf("the sign-in leads to %d %q %s", begun.status, begun.location(), begun.body)
	}
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, begun.location(), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := w.client.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if _, err := io.Copy(io.Discard, answer.Body); err != nil {
		t.Fatal(err)
	}
	back, err := answer.Location()
	if err != nil {
		t.Fatal(err)
	}
	return back.RequestURI()
}

// headersHoldOneLine sends line ends in whatever reaches a header of an answer.
func headersHoldOneLine(t *testing.T, w *secured) {
	admin := w.callers["admin"]
	known := w.known(t)
	const split, raw = "%0d%0aX-Zqx:%201%0d%0a%0d%0a<zqx>", "x\r\nX-Zqx: 1\r\n\r\n"
	var paths []string
	for _, m := range allRoutes(t) {
		if m.method == http.MethodGet && !strings.HasSuffix(m.path, "/events") {
			path := strings.NewReplacer("{$}", "", "{id}", known.verdicts[0]+split, "{name}", demoTenant+split, "{host}", demoRegistry+split, "{format}", "json"+split, "{user}", split).Replace(m.path)
			paths = append(paths, path, path+"?id="+split+"&name="+split+"&next="+split+"&state="+split+"&cursor="+split+"&code="+split)
		}
	}
	for _, format := range []string{"json", "markdown", "html", "proof"} {
		paths = append(paths, "/verdicts/"+known.verdicts[0]+"/export/"+format)
	}
	for _, path := range paths {
		// Net/http refuses to send such lines itself; what comes in is escaped.
		got := admin.get(t, path, "X-Request-Id", "planted")
		w.oneLine(t, path, got)
	}
	for path, values := range map[string]url.Values{
		"/theme": {"theme": {raw}, "back": {raw}}, "/signin": {"name": {raw}, "password": {raw}, "next": {"/" + raw}}, "/verdicts/views": {"name": {raw}, "query": {raw}},
		"/verdicts/views/remove": {"name": {raw}, "back": {"/" + raw}}, "/scans/start": {"connection": {raw}}, "/registries/scan": {"host": {raw}}, "/integrations/azure": {"name": {raw}, "auth": {raw}},
		"/settings/tokens/revoke": {"id": {raw}}, "/settings/users": {"name": {raw}, "role": {"viewer"}},
	} {
		w.oneLine(t, path, admin.post(t, path, values))
	}
	for path, body := range map[string]map[string]any{
		"/api/v1/connections": {"name": raw, "auth": "azureCLI"}, "/api/v1/tokens": {"name": raw}, "/api/v1/users": {"name": raw, "role": "viewer"}, "/api/v1/scans": {"connection": raw},
	} {
		got := admin.do(t, http.MethodPost, path, jsonType, string(mustJSON(t, body)), "Idempotency-Key", "one line "+path)
		w.oneLine(t, path, got)
		if got.status < http.StatusBadRequest {
			t.Errorf("%s takes a name with line ends: %d %s", path, got.status, got.body)
		}
	}
}

var fileName = regexp.MustCompile(`^(attachment|inline); filename=("[\w.-]+"|[\w.-]+)$`)

func (w *secured) oneLine(t *testing.T, path string, got reply) {
	t.Helper()
	if got.header.Get("X-Zqx") != "" || got.header.Get("X-Request-Id") == "planted" || len(got.header.Get("X-Request-Id")) != 16 || got.status >= http.StatusInternalServerError {
		t.Errorf("%s: %d %v", path, got.status, got.header)
	}
	for name, values := range got.header {
		if text := strings.Join(values, ""); strings.ContainsAny(text, "\r\n\x00") || strings.Contains(strings.ToLower(text), "%0d%0a") && name != "Location" {
			t.Errorf("%s: %s: %q", path, name, text)
		}
	}
	if file := got.header.Get("Content-Disposition"); file != "" && !fileName.MatchString(file) {
		t.Errorf("%s: %s", path, file)
	}
}

// hostHeader: a hub on loopback answers to its own names alone, and no answer
// repeats another.
func hostHeader(t *testing.T, w *secured) {
	admin := w.callers["admin"]
	port := w.origin[strings.LastIndexByte(w.origin, ':'):]
	for _, host := range []string{"evil.example", "evil.example" + port, "localhost.evil.example" + port, "127.0.0.1.nip.io", "10.0.0.1", "localhost" + port + "@evil.example", "[::ffff:8.8.8.8]", "zqx'\"<zqx>"} {
		for _, path := range []string{"/", "/signin", "/signin/oidc", "/api/v1/me", "/healthz", "/integrations/azure/consent?connection=" + demoTenant, "/setup"} {
			got := admin.get(t, path, "Host", host)
			if got.status != http.StatusBadRequest || got.location() != "" || strings.Contains(got.body, "<zqx>") {
				t.Errorf("%s as %q: %d %q", path, host, got.status, got.location())
			}
		}
	}
	// The way back from elsewhere is the public one, whatever a proxy says.
	for _, header := range []string{"X-Forwarded-Host", "X-Forwarded-Proto", "Forwarded", "X-Original-Host", "X-Host", "X-Forwarded-Server"} {
		got := w.browser().get(t, "/signin/oidc", header, "evil.example")
		to, err := url.Parse(got.location())
		if err != nil || !strings.HasPrefix(to.Query().Get("redirect_uri"), w.origin+"/") {
			t.Errorf("%s: the issuer sends browsers to %q", header, to.Query().Get("redirect_uri"))
		}
		var made struct{ Link string }
		admin.json(t, http.MethodPost, "/api/v1/users", map[string]any{"name": "invited with " + header, "role": "viewer"}, &made, header, "evil.example")
		if !strings.HasPrefix(made.Link, w.origin+"/setup?code=") {
			t.Errorf("%s: the link is %q", header, made.Link)
		}
	}
	for _, request := range []string{"GET / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", "GET http://evil.example/ HTTP/1.1\r\nHost: localhost\r\n\r\n", "GET / HTTP/1.0\r\n\r\n"} {
		if status := w.raw(t, request); !strings.Contains(status, " 400 ") {
			t.Errorf("%q gives %q", request, status)
		}
	}
}

// raw sends bytes as they are, and gives the status line.
func (w *secured) raw(t *testing.T, request string) string {
	t.Helper()
	var d net.Dialer
	c, err := d.DialContext(t.Context(), "tcp", strings.TrimPrefix(w.url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	line, err := bufio.NewReader(c).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return line
}

// pathsStayInside: no path leads out of what its route holds, and none around
// the sign-in.
func pathsStayInside(t *testing.T, w *secured) {
	climbs := []string{
		"../", "..%2f", "%2e%2e/", "%2e%2e%2f", "..%5c", `..\`, "....//", "..%252f", "%252e%252e%252f", "..%c0%af", "..;/", "%00/", "./../",
	}
	files := []string{"azward.db", "key.json", "etc/passwd", "api/v1/me", "templates/layout.html"}
	admin := w.callers["admin"]
	for _, climb := range climbs {
		for _, file := range files {
			up := strings.Repeat(climb, 4) + file
			for _, base := range []string{"/assets/", "/scans/", "/scans/jobs/", "/verdicts/", "/registries/", "/integrations/connections/", "/api/v1/verdicts/", "/api/v1/scans/", "/api/v1/jobs/", "/api/v1/connections/", "/azure/", "/verdicts/v-00000000000000ff/export/"} {
				got := admin.get(t, base+up)
				if got.status == http.StatusOK || strings.Contains(got.body, "root:x:") || strings.HasPrefix(got.body, "SQLite format") {
					t.Errorf("%s%s: %d %.100s", base, up, got.status, got.body)
				}
				if got.status >= http.StatusInternalServerError {
					t.Errorf("%s%s: %d", base, up, got.status)
				}
			}
		}
	}
	for _, path := range []string{
		"/estate/resource?id=../../azward.db", "/estate/map?id=/etc/passwd", "/registries/" + demoRegistry + "/image?name=../../key.json", "/registries/" + demoRegistry + "/repository?name=../../etc/passwd",
		"/api/v1/exposure/picture?id=../../azward.db", "/api/v1/resource?id=file:///etc/passwd", "/api/v1/resources?connection=../../azward.db", "/estate?connection=../../../etc/passwd", "/verdicts?connection=../../key.json",
	} {
		if got := admin.get(t, path); strings.Contains(got.body, "root:x:") || strings.Contains(got.body, "SQLite format") || got.status >= http.StatusInternalServerError {
			t.Errorf("%s: %d %.100s", path, got.status, got.body)
		}
	}
	nobody := w.callers[""]
	for _, path := range []string{
		"/assets/../verdicts", "/assets/%2e%2e/verdicts", "/healthz/../verdicts", "/api/v1/openapi.json/../me", "/signin/../verdicts", "/signin/%2e%2e/api/v1/me", "/./verdicts", "/verdicts/", "/Verdicts", "/%76erdicts",
		"/api/v1//me", "/API/v1/me", "/%61pi/v1/me", "/api/v1/me/", "/api/v1/me%00", "/api/v1/me;x", "/api%2fv1%2fme", "/azure/../verdicts", "/azure/setup-script/../../verdicts", "/metrics/", "/%6detrics", "/metrics%20",
	} {
		got := nobody.get(t, path)
		if got.status == http.StatusOK || got.status >= http.StatusInternalServerError || strings.Contains(got.body, demoTenant) {
			t.Errorf("%s for nobody: %d %.100s", path, got.status, got.body)
		}
	}
	for _, header := range []string{"X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-Forwarded-User", "X-User-ID", "Remote-User"} {
		if got := nobody.get(t, "/api/v1/me", header, w.callers["admin"].id); got.status != http.StatusUnauthorized {
			t.Errorf("%s lets nobody in: %d", header, got.status)
		}
	}
}

// clocksOfTheIssuer: the times of an ID token count, give or take two minutes.
func clocksOfTheIssuer(t *testing.T, w *secured) {
	for name, tc := range map[string]struct {
		claims map[string]any
		status int
	}{
		"now":                      {nil, http.StatusSeeOther},
		"expired_a_minute_ago":     {map[string]any{"exp": -time.Minute}, http.StatusSeeOther},
		"expired_five_minutes_ago": {map[string]any{"exp": -5 * time.Minute}, http.StatusUnauthorized},
		"good_in_a_minute":         {map[string]any{"nbf": time.Minute}, http.StatusSeeOther},
		"good_in_ten_minutes":      {map[string]any{"nbf": 10 * time.Minute}, http.StatusUnauthorized},
		"issued_in_a_minute":       {map[string]any{"iat": time.Minute}, http.StatusSeeOther},
		"issued_in_an_hour":        {map[string]any{"iat": time.Hour, "exp": 2 * time.Hour}, http.StatusUnauthorized},
		"never_expires":            {map[string]any{"exp": nil}, http.StatusUnauthorized},
		"of_another_client":        {map[string]any{"aud": "somebody else"}, http.StatusUnauthorized},
		"of_another_issuer":        {map[string]any{"iss": "https://evil.example"}, http.StatusUnauthorized},
		"of_another_sign_in":       {map[string]any{"nonce": "another"}, http.StatusUnauthorized},
		"without_a_role":           {map[string]any{"roles": nil}, http.StatusForbidden},
	} {
		b := w.browser()
		begun := b.get(t, "/signin/oidc?next=/verdicts")
		claims := map[string]any{"roles": "azward.admin", "sub": name}
		maps.Copy(claims, tc.claims)
		w.issuer.Claim(claims)
		callback := w.fromIssuer(t, begun)
		sealed := maps.Clone(b.cookies)
		got := b.get(t, callback, "Sec-Fetch-Site", "cross-site")
		if got.status != tc.status || tc.status == http.StatusSeeOther && got.location() != "/verdicts" || tc.status != http.StatusSeeOther && b.cookies["azward"] != "" {
			t.Errorf("%s: %d %q, want %d: %s", name, got.status, got.location(), tc.status, got.body)
		}
		// It is good once, and in this browser.
		for _, again := range []map[string]string{sealed, {}, b.cookies} {
			other := &caller{w: w, cookies: maps.Clone(again)}
			if got := other.get(t, callback); got.status != http.StatusUnauthorized {
				t.Errorf("%s, once more: %d", name, got.status)
			}
		}
	}
	w.issuer.Claim(map[string]any{"roles": "azward.admin"})
}

// A hub behind a proxy that ends TLS tells browsers to keep every cookie to it.
func TestHubSecurityBehindTLS(t *testing.T) {
	t.Parallel()
	w := &secured{issuer: accesstest.NewIssuer(t), callers: map[string]*caller{}, secrets: map[string]string{}}
	w.issuer.ClientSecret = "pl4nted issuer S3cret/+&="
	w.behindTLS(t)
	defer w.stop(t)
	for _, path := range []string{"/", "/signin", "/setup", "/nothing", "/api/v1/me", "/assets/nothing"} {
		got := w.callers[""].get(t, path)
		if got.header.Get("Strict-Transport-Security") == "" {
			t.Errorf("%s does not tell browsers to stay with TLS", path)
		}
	}
	admin := w.callers["admin"]
	seen := map[string]bool{}
	for _, got := range []reply{
		admin.post(t, "/signin", url.Values{"name": {admin.name}, "password": {w.secrets["password of "+admin.name]}}),
		admin.post(t, "/theme", url.Values{"theme": {"dark"}, "back": {"/"}}),
		admin.post(t, "/verdicts/views", url.Values{"name": {"high"}, "query": {"severity=high"}}),
		admin.get(t, "/signin/oidc"),
		admin.post(t, "/integrations/azure", url.Values{"name": {"new"}, "auth": {"consent"}, "client": {"9d2e4b71-0c3f-4f6a-8e15-b7a2d90c4e58"}, "secret": {"a-secret-of-nobody"}}),
		admin.post(t, "/account/passkeys/begin", nil),
	} {
		for _, cookie := range got.header.Values("Set-Cookie") {
			name, _, _ := strings.Cut(cookie, "=")
			seen[name] = true
			for _, part := range []string{"; Secure", "; HttpOnly", "; SameSite=Lax"} {
				if !strings.Contains(cookie, part) {
					t.Errorf("%s lacks %s: %s", name, part, cookie)
				}
			}
			if strings.Contains(cookie, "Domain=") {
				t.Errorf("%s goes to other hosts", name)
			}
		}
	}
	const least = 4
	if len(seen) < least {
		t.Errorf("only %v are set", slices.Sorted(maps.Keys(seen)))
	}
}

// What a caller may ask a second is a number that means something.
func TestRateLimitFlag(t *testing.T) {
	t.Parallel()
	for _, rate := range []string{"0", "-1", "100001"} {
		if code, _, errs := runIn(t, t.TempDir(), "serve", "--rate-limit", rate); code != 2 || !strings.Contains(errs, "not between 1 and 100000") || !strings.Contains(errs, "hint: ") {
			t.Errorf("%s: exit code %d: %s", rate, code, errs)
		}
	}
}
