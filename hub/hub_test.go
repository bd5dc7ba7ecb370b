package hub_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"html/template"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/hub"
	"github.com/azward/azward/store/sqlite"
	"github.com/google/go-cmp/cmp"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const password = "correct horse battery staple"

// pages draw what they get, one field a line.
type pages struct{}

var page = template.Must(template.New("").Parse("{{.What}}\nnext={{.Next}}\nname={{.Name}}\ncode={{.Code}}\noidc={{.OIDC}}\nproblem={{with .Err}}{{.Error}}{{end}}\n"))

type drawn struct {
	What, Next, Name, Code, OIDC string
	Err                          *azward.Error
}

func draw(w http.ResponseWriter, status int, d drawn) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	_ = page.Execute(w, d)
}

func (pages) SignIn(w http.ResponseWriter, _ *http.Request, p access.SignInPage) {
	draw(w, p.Status, drawn{What: "sign in", Next: p.Next, Name: p.Name, OIDC: p.OIDC, Err: p.Err})
}

func (pages) Setup(w http.ResponseWriter, _ *http.Request, p access.SetupPage) {
	draw(w, p.Status, drawn{What: "setup", Name: p.Name, Code: p.Code, Err: p.Err})
}

func (pages) Problem(w http.ResponseWriter, _ *http.Request, err *azward.Error) {
	draw(w, err.Kind.HTTPStatus(), drawn{What: "problem", Err: err})
}

// lines is a log that tests read.
type lines struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

type world struct {
	*hub.Server
	access *access.Control
	log    *lines
	public string
}

// site says who asks, and does what its path says.
func site(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/panic":
		panic("secret reason")
	case "/broken":
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic("secret reason")
	case "/read":
		n, err := io.Copy(io.Discard, r.Body)
		fmt.Fprintf(w, "%d %v", n, err)
		return
	}
	who, known := access.From(r.Context())
	if !known {
		fmt.Fprint(w, "nobody")
		return
	}
	fmt.Fprintf(w, "%s %s %s", who.Name, who.Role, who.Token)
}

func open(t *testing.T, public string, change func(*access.Options, *hub.Options)) world {
	t.Helper()
	s, err := sqlite.Open(t.Context(), t.TempDir())
	check(t, err)
	t.Cleanup(func() { check(t, s.Close()) })
	w := world{log: &lines{}, public: public}
	log := slog.New(slog.NewTextHandler(w.log, &slog.HandlerOptions{Level: slog.LevelDebug}))
	a := access.Options{Store: s, PublicURL: public, Log: log}
	o := hub.Options{
		Pages: pages{}, Web: http.HandlerFunc(site), API: http.HandlerFunc(site), Aurora: http.HandlerFunc(site),
		Health: http.HandlerFunc(site), Metrics: http.HandlerFunc(site), Log: log,
	}
	if change != nil {
		change(&a, &o)
	}
	w.access, err = access.New(a)
	check(t, err)
	o.Access = w.access
	w.Server, err = hub.New(o)
	check(t, err)
	return w
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func same(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// browser keeps cookies as one does.
type browser struct {
	t       *testing.T
	w       world
	cookies map[string]*http.Cookie
	headers map[string]string // sent with each request
}

func (w world) browser(t *testing.T) *browser {
	return &browser{t, w, map[string]*http.Cookie{}, map[string]string{"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}}
}

// reply is what was answered, read to its end.
type reply struct {
	StatusCode int
	Header     http.Header
	Text       string
	Cookies    int // that were set
}

func (b *browser) do(method, path string, form url.Values, headers ...string) reply {
	b.t.Helper()
	var body io.Reader
	if form != nil {
		body = strings.NewReader(form.Encode())
	}
	return b.send(method, path, body, headers...)
}

func (b *browser) send(method, path string, body io.Reader, headers ...string) reply {
	b.t.Helper()
	r := httptest.NewRequestWithContext(b.t.Context(), method, b.w.public+path, body)
	if body != nil {
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	for name, value := range b.headers {
		r.Header.Set(name, value)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		if headers[i] == "Host" {
			r.Host = headers[i+1]
		} else {
			r.Header.Set(headers[i], headers[i+1])
		}
	}
	for _, c := range b.cookies {
		r.AddCookie(c)
	}
	out := httptest.NewRecorder()
	b.w.ServeHTTP(out, r)
	answer := out.Result()
	content, err := io.ReadAll(answer.Body)
	check(b.t, err)
	check(b.t, answer.Body.Close())
	for _, c := range answer.Cookies() {
		if c.MaxAge < 0 {
			delete(b.cookies, c.Name)
		} else {
			b.cookies[c.Name] = c
		}
	}
	return reply{answer.StatusCode, answer.Header, string(content), len(answer.Cookies())}
}

// setUp makes the first administrator, in this browser.
func (b *browser) setUp() {
	b.t.Helper()
	link, err := b.w.access.SetupLink(b.t.Context())
	check(b.t, err)
	to, err := url.Parse(link)
	check(b.t, err)
	answer := b.do(http.MethodPost, "/setup", url.Values{"code": to.Query()["code"], "name": {"root"}, "password": {password}})
	same(b.t, http.StatusSeeOther, answer.StatusCode)
}

func (b *browser) signIn(next string) reply {
	b.t.Helper()
	return b.do(http.MethodPost, "/signin", url.Values{"name": {"root"}, "password": {password}, "next": {next}})
}

func (b *browser) who() string {
	b.t.Helper()
	return b.do(http.MethodGet, "/", nil).Text
}

func (w world) token(t *testing.T, n access.NewToken) (access.Token, string) {
	t.Helper()
	b := w.browser(t)
	same(t, http.StatusSeeOther, b.signIn("/").StatusCode)
	for name, c := range b.cookies {
		if strings.HasSuffix(name, "azward") {
			ctx, err := w.access.Load(t.Context(), c.Value)
			check(t, err)
			n.Name = "test"
			token, text, err := w.access.CreateToken(ctx, n)
			check(t, err)
			return token, text
		}
	}
	t.Fatal("there is no session")
	return access.Token{}, ""
}

type problem struct {
	Type, Title, Detail, Cause, Remedy, Kind string
	Status                                   int
}

func problemOf(t *testing.T, answer reply) problem {
	t.Helper()
	same(t, "application/problem+json", answer.Header.Get("Content-Type"))
	var p problem
	check(t, json.Unmarshal([]byte(answer.Text), &p))
	same(t, answer.StatusCode, p.Status)
	return p
}
