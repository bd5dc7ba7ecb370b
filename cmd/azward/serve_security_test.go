package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/azward/azward/access"
	"github.com/azward/azward/access/accesstest"
	"github.com/azward/azward/azuresim"
	"github.com/azward/azward/azuresim/scenario"
)

// TestHubSecurity has one hub in a process of its own, over a tenant whose
// names, labels, tags and advisories are hostile and whose settings hold
// secrets. The last step stops it, and looks for those secrets in all it wrote.
func TestHubSecurity(t *testing.T) {
	t.Parallel()
	w := openSecured(t)
	for _, step := range []struct {
		name string
		run  func(*testing.T, *secured)
	}{
		{"every_route_as_everybody", everyRouteAsEverybody},
		{"requests_of_other_sites", requestsOfOtherSites},
		{"sessions_are_new", sessionsAreNew},
		{"no_redirect_leads_away", noRedirectLeadsAway},
		{"headers_hold_one_line", headersHoldOneLine},
		{"host_header", hostHeader},
		{"paths_stay_inside", pathsStayInside},
		{"bad_input", badInput},
		{"two_browsers", twoBrowsers},
		{"consent", consentIsChecked},
		{"clocks_of_the_issuer", clocksOfTheIssuer},
		{"pages_hold_no_markup_from_data", pagesHoldNoMarkupFromData},
		{"nothing_shows_secrets", nothingShowsSecrets},
	} {
		if !t.Run(step.name, func(t *testing.T) { step.run(t, w) }) && step.name == "every_route_as_everybody" {
			break
		}
	}
}

// secured is a hub with users of every role.
type secured struct {
	*program
	data    string
	origin  string // as browsers know it
	issuer  *accesstest.Issuer
	client  *http.Client
	callers map[string]*caller // by their names; "" is nobody
	secrets map[string]string  // what no output may hold, by what it is
	asked   atomic.Int64       // requests, which come from an address each
}

// caller sends requests as one user, by cookie or token, and follows nothing.
type caller struct {
	w       *secured
	role    access.Role // "" for nobody
	name    string      // user
	id      string
	cookies map[string]string
	token   string
}

// reply is an answer, read to its end.
type reply struct {
	status int
	header http.Header
	body   string
}

func (r reply) location() string { return r.header.Get("Location") }

const (
	form     = "application/x-www-form-urlencoded"
	jsonType = "application/json"
)

// do sends a request as a page of the hub would; headers come as name, value,
// an empty value leaves one out, and Host is the request's.
func (c *caller) do(t testing.TB, method, path, kind, body string, headers ...string) reply {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, c.w.url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return c.send(t, r, path, kind, headers...)
}

func (c *caller) send(t testing.TB, r *http.Request, path, kind string, headers ...string) reply {
	t.Helper()
	// The path goes out as it stands, escapes and dots too.
	r.URL.Opaque = path
	r.Host = c.w.origin[strings.Index(c.w.origin, "://")+len("://"):]
	n := c.w.asked.Add(1)
	r.Header.Set("X-Forwarded-For", fmt.Sprintf("10.%d.%d.%d", n>>16&0xff, n>>8&0xff, n&0xff))
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	r.Header.Set("Accept", "text/html")
	if strings.HasPrefix(path, "/api/") || strings.HasPrefix(path, "/azure/") {
		r.Header.Set("Accept", "application/json")
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if c.token != "" {
		r.Header.Set("Authorization", "Bearer "+c.token)
	}
	for name, value := range c.cookies {
		r.AddCookie(&http.Cookie{Name: name, Value: value})
	}
	for i := 0; i+1 < len(headers); i += 2 {
		switch {
		case headers[i] == "Host":
			r.Host = headers[i+1]
		case headers[i+1] == "":
			r.Header.Del(headers[i])
		default:
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	response, err := c.w.client.Do(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, path, err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, path, err)
	}
	if c.token == "" && c.cookies != nil {
		for _, cookie := range response.Cookies() {
			if cookie.MaxAge < 0 {
				delete(c.cookies, cookie.Name)
			} else {
				c.cookies[cookie.Name] = cookie.Value
			}
		}
	}
	return reply{response.StatusCode, response.Header, string(raw)}
}

func (c *caller) get(t testing.TB, path string, headers ...string) reply {
	t.Helper()
	return c.do(t, http.MethodGet, path, "", "", headers...)
}

func (c *caller) post(t testing.TB, path string, values url.Values, headers ...string) reply {
	t.Helper()
	return c.do(t, http.MethodPost, path, form, values.Encode(), headers...)
}

// json asks the API, and reads its answer.
func (c *caller) json(t testing.TB, method, path string, body, into any, headers ...string) reply {
	t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	if body == nil {
		raw = nil
	}
	got := c.do(t, method, path, jsonType, string(raw), headers...)
	if got.status >= http.StatusMultipleChoices {
		t.Fatalf("%s %s: %d %s", method, path, got.status, got.body)
	}
	if into == nil {
		return got
	}
	if err := json.Unmarshal([]byte(got.body), into); err != nil {
		t.Fatalf("%s %s: %v: %s", method, path, err, got.body)
	}
	return got
}

// browser is a new one that nobody signed in with yet.
func (w *secured) browser() *caller { return &caller{w: w, cookies: map[string]string{}} }

// session is the cookie that names one.
func (w *secured) session() string {
	if strings.HasPrefix(w.origin, "https:") {
		return "__Host-azward"
	}
	return "azward"
}

// signIn signs a caller's user in anew, in a browser.
func (c *caller) signIn(t testing.TB) reply {
	t.Helper()
	got := c.post(t, "/signin", url.Values{"name": {c.name}, "password": {c.w.secrets["password of "+c.name]}})
	if got.status != http.StatusSeeOther || c.cookies[c.w.session()] == "" {
		t.Fatalf("%s cannot sign in: %d %s", c.name, got.status, got.body)
	}
	return got
}

// as is a new browser that the user is signed in with.
func (w *secured) as(t testing.TB, name string) *caller {
	t.Helper()
	b := w.browser()
	b.name, b.role, b.id = w.callers[name].name, w.callers[name].role, w.callers[name].id
	b.signIn(t)
	return b
}

// openSecured starts the hub, makes a user of each role with a token of each
// role that they may give, and scans the tenant.
func openSecured(t *testing.T) *secured {
	t.Helper()
	w := &secured{issuer: accesstest.NewIssuer(t), callers: map[string]*caller{}, secrets: map[string]string{}}
	w.issuer.ClientSecret = "pl4nted issuer S3cret/+&="
	w.secrets["client secret of the issuer"] = w.issuer.ClientSecret
	w.data = w.hostileData(t)
	w.begin(t, "--oidc-role", "azward.admin=admin")
	w.people(t)
	w.work(t, "/scans/start", url.Values{"connection": {demoTenant}})
	w.work(t, "/registries/scan", url.Values{"host": {demoRegistry}})
	return w
}

// begin starts the hub on the data directory.
func (w *secured) begin(t *testing.T, args ...string) {
	t.Helper()
	secretFile := filepath.Join(t.TempDir(), "issuer")
	if err := os.WriteFile(secretFile, []byte(w.issuer.ClientSecret), 0o600); err != nil {
		t.Fatal(err)
	}
	w.program = startHub(t, w.data, append([]string{
		"--rate-limit", "100000", "--trusted-proxy", "127.0.0.1/32", "--log-format", "json", "--log-level", "debug",
		"--oidc-issuer", w.issuer.URL, "--oidc-client-id", w.issuer.ClientID, "--oidc-client-secret-file", secretFile,
	}, args...)...)
	transport := &http.Transport{MaxIdleConnsPerHost: 4}
	t.Cleanup(transport.CloseIdleConnections)
	w.client = &http.Client{Transport: transport, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	w.origin = strings.Replace(w.url, "127.0.0.1", "localhost", 1)
}

// behindTLS starts a hub that browsers reach by https, with an administrator.
func (w *secured) behindTLS(t *testing.T) {
	t.Helper()
	w.data = t.TempDir()
	w.begin(t, "--public-url", "https://hub.example", "--oidc-role", "azward.admin=admin")
	w.origin = "https://hub.example"
	link := regexp.MustCompile(`https://hub\.example/setup\?code=[\w-]+`)
	w.callers[""] = w.browser()
	w.callers["admin"] = w.enter(t, link.FindString(w.wrote(t, link)), "root", access.Admin)
}

// people makes users and tokens of every role.
func (w *secured) people(t *testing.T) {
	t.Helper()
	link := setupLink.FindString(w.wrote(t, setupLink))
	root := w.enter(t, link, "root"+hostile, access.Admin)
	w.callers[""] = w.browser()
	w.callers["admin"] = root
	for _, role := range []access.Role{access.Viewer, access.Operator} {
		name := string(role) + hostile
		var made struct{ Link string }
		root.json(t, http.MethodPost, "/api/v1/users", map[string]any{"name": name, "role": role}, &made)
		w.callers[string(role)] = w.enter(t, made.Link, name, role)
	}
	for _, maker := range []access.Role{access.Viewer, access.Operator, access.Admin} {
		for _, role := range []access.Role{access.Viewer, access.Operator, access.Admin} {
			if !maker.Allows(role) {
				continue
			}
			var made struct {
				Secret string
				Token  access.Token
			}
			name := string(maker) + "'s token for " + string(role)
			w.callers[string(maker)].json(t, http.MethodPost, "/api/v1/tokens", map[string]any{"name": name + hostile, "role": role}, &made)
			w.secrets[name] = made.Secret
			w.callers[name] = &caller{w: w, role: role, name: w.callers[string(maker)].name, id: w.callers[string(maker)].id, token: made.Secret}
		}
	}
}

// enter uses a one-time link.
func (w *secured) enter(t *testing.T, link, name string, role access.Role) *caller {
	t.Helper()
	to, err := url.Parse(link)
	if err != nil || to.Query().Get("code") == "" {
		t.Fatalf("no link: %q", link)
	}
	b := w.browser()
	b.name, b.role = name, role
	w.secrets["link of "+name] = to.Query().Get("code")
	w.secrets["password of "+name] = "pl4nted P4ssword/+&= of " + string(role)
	got := b.post(t, "/setup", url.Values{"code": to.Query()["code"], "name": {name}, "password": {w.secrets["password of "+name]}})
	if got.status != http.StatusSeeOther || b.cookies[w.session()] == "" {
		t.Fatalf("set up %q: %d %s", name, got.status, got.body)
	}
	w.secrets["session of "+name] = b.cookies[w.session()]
	var self struct{ ID string }
	b.json(t, http.MethodGet, "/api/v1/me", nil, &self)
	b.id = self.ID
	return b
}

// hostileData is a data directory that has a connection to the hostile tenant,
// and a scan of a hostile estate file. Both hold secrets.
func (w *secured) hostileData(t *testing.T) string {
	t.Helper()
	tenant, err := scenario.Load(demoTenant)
	if err != nil {
		t.Fatal(err)
	}
	w.makeHostile(t, tenant)
	simulator, err := azuresim.Start(t.Context(), azuresim.Options{Scenario: tenant})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := simulator.Close(); err != nil {
			t.Error(err)
		}
	})
	var out bytes.Buffer
	a := &app{stdin: strings.NewReader(""), stdout: &out, stderr: &out, getenv: func(string) string { return "" }, data: t.TempDir(), output: "table", logLevel: "debug", quiet: true}
	for _, step := range []func() error{
		a.prepare,
		func() error { return a.demoConnect(t.Context(), tenant, simulator.CloudConfig()) },
		func() error { return a.demoAdvisories(t.Context(), tenant) },
		func() error { return a.scan(t.Context(), []string{demoTenant}, scanFlags{}) },
		a.close,
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	file := filepath.Join(t.TempDir(), "tenant.json")
	if err := os.WriteFile(file, []byte(hostileEstate(w.secrets["value of a setting"])), 0o600); err != nil {
		t.Fatal(err)
	}
	if code, text, errs := runIn(t, a.data, "scan", "--quiet", "--no-pull", "--estate", file); code != 0 {
		t.Fatalf("exit code %d: %s %s", code, text, errs)
	}
	return a.data
}
