package hub

import (
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
)

// Route is one of the hub's own; those of the doors are in their tables.
type Route struct {
	Pattern string
	Least   access.Role // "" is for everybody
	handle  http.HandlerFunc
}

// Routes are those that sign in and out.
func (s *Server) Routes() []Route {
	return []Route{
		{"GET /signin", "", s.showSignIn},
		{"POST /signin", "", s.signIn},
		{"POST /signout", "", s.signOut},
		{"GET /setup", "", s.showSetup},
		{"POST /setup", "", s.setUp},
		{"POST /setup/passkey/begin", "", s.beginPasskeySetUp},
		{"POST /setup/passkey/finish", "", s.passkeySetUp},
		{"POST /signin/passkey/begin", "", s.beginPasskeySignIn},
		{"POST /signin/passkey/finish", "", s.passkeySignIn},
		{"GET /signin/oidc", "", s.beginIssuer},
		{"GET /signin/oidc/callback", "", s.issuerSignIn},
		{"POST /account/password", access.Viewer, s.changePassword},
		{"POST /account/passkeys/begin", access.Viewer, s.beginPasskey},
		{"POST /account/passkeys", access.Viewer, s.addPasskey},
		{"GET /metrics", access.Viewer, s.showMetrics},
	}
}

func (s *Server) mountRoutes(mux *http.ServeMux) {
	for _, route := range s.Routes() {
		handler := http.Handler(route.handle)
		if route.Least != "" {
			handler = s.atLeast(route.Least, "answer", handler)
		}
		mux.Handle(route.Pattern, handler)
	}
}

func (s *Server) showMetrics(w http.ResponseWriter, r *http.Request) {
	if s.options.Metrics == nil {
		s.problem(w, r, &azward.Error{Kind: azward.KindNotFound, Op: "read metrics", Cause: "this hub has none", Remedy: "see docs/access.md"})
		return
	}
	s.options.Metrics.ServeHTTP(w, r)
}

// cookieName binds the cookie to this very host where browsers come by https.
//
// Source: https://datatracker.ietf.org/doc/html/draft-ietf-httpbis-rfc6265bis#name-the-__host-prefix
func (s *Server) cookieName(name string) string {
	if s.secure {
		return "__Host-" + name
	}
	return name
}

const (
	sessionCookie = access.SessionCookie
	flowCookie    = "azward-flow"
	flowTime      = 10 * time.Minute
)

func (s *Server) cookie(r *http.Request) string { return s.readCookie(r, sessionCookie) }

func (s *Server) readCookie(r *http.Request, name string) string {
	c, err := r.Cookie(s.cookieName(name))
	if err != nil {
		return ""
	}
	return c.Value
}

// setCookie keeps value until expires; the zero time deletes it.
func (s *Server) setCookie(w http.ResponseWriter, name, value string, expires time.Time) {
	c := &http.Cookie{ //nolint:gosec // Secure is set where browsers come by https; on plain loopback they would not send it back
		Name: s.cookieName(name), Value: value, Path: "/", Expires: expires,
		Secure: s.secure, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
	if expires.IsZero() {
		c.MaxAge = -1
	}
	http.SetCookie(w, c)
}

func (s *Server) showSignIn(w http.ResponseWriter, r *http.Request) {
	next := access.LocalPath(r.URL.Query().Get("next"))
	if _, known := access.From(r.Context()); known {
		redirect(w, r, next)
		return
	}
	if s.options.Access.IssuerLabel() == "" {
		needed, err := s.options.Access.NeedsSetup(r.Context())
		if err != nil {
			s.problem(w, r, err)
			return
		}
		if needed {
			redirect(w, r, "/setup")
			return
		}
	}
	s.signInPage(w, r, access.SignInPage{Next: next, Status: http.StatusOK})
}

func (s *Server) signInPage(w http.ResponseWriter, r *http.Request, page access.SignInPage) {
	page.Passkeys, page.OIDC = s.options.Access.TakesPasskeys(), s.options.Access.IssuerLabel()
	s.options.Pages.SignIn(w, r, page)
}

// again shows the sign-in page with what went wrong.
func (s *Server) again(w http.ResponseWriter, r *http.Request, next, name string, err error) {
	told := s.told(r, err)
	s.retryAfter(w, err)
	s.signInPage(w, r, access.SignInPage{Next: next, Name: name, Err: told, Status: told.Kind.HTTPStatus()})
}

func (s *Server) signIn(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.problem(w, r, badForm(err))
		return
	}
	next, name := access.LocalPath(r.PostForm.Get("next")), r.PostForm.Get("name")
	user, err := s.options.Access.SignIn(r.Context(), name, r.PostForm.Get("password"), s.address(r))
	if err != nil {
		s.again(w, r, next, name, err)
		return
	}
	if s.startSession(w, r, user) {
		redirect(w, r, next)
	}
}

func badForm(err error) error {
	var large *http.MaxBytesError
	if errors.As(err, &large) {
		return &azward.Error{Kind: azward.KindUsage, Op: "read form", Cause: "it is larger than 1 MiB", Remedy: "send less", Err: err}
	}
	return &azward.Error{Kind: azward.KindUsage, Op: "read form", Cause: "it cannot be read", Remedy: "send it from the hub's own page", Err: err}
}

// startSession answers with the cookie; false says that a problem was answered.
func (s *Server) startSession(w http.ResponseWriter, r *http.Request, user access.User) bool {
	value, expires, err := s.options.Access.StartSession(r.Context(), user.ID)
	if err != nil {
		s.problem(w, r, err)
		return false
	}
	s.setCookie(w, sessionCookie, value, expires)
	return true
}

func (s *Server) signOut(w http.ResponseWriter, r *http.Request) {
	if err := s.options.Access.EndSession(r.Context()); err != nil {
		s.problem(w, r, err)
		return
	}
	s.setCookie(w, sessionCookie, "", time.Time{})
	// What the browser kept of pages must not come back with its button.
	w.Header().Set("Clear-Site-Data", `"cache"`)
	redirect(w, r, "/signin")
}

func (s *Server) showSetup(w http.ResponseWriter, r *http.Request) {
	page, err := s.options.Access.SetupPage(r.Context(), r.URL.Query().Get("code"))
	if err != nil {
		s.setupAgain(w, r, page, err)
		return
	}
	if page.Code == "" {
		needed, err := s.options.Access.NeedsSetup(r.Context())
		if err != nil {
			s.problem(w, r, err)
			return
		}
		if !needed {
			redirect(w, r, "/signin")
			return
		}
	}
	page.Status = http.StatusOK
	s.setupPage(w, r, page)
}

func (s *Server) setupAgain(w http.ResponseWriter, r *http.Request, page access.SetupPage, err error) {
	page.Err = s.told(r, err)
	page.Status, page.MinLength = page.Err.Kind.HTTPStatus(), access.MinPassword
	s.retryAfter(w, err)
	s.setupPage(w, r, page)
}

func (s *Server) setupPage(w http.ResponseWriter, r *http.Request, page access.SetupPage) {
	page.Passkeys = s.options.Access.TakesPasskeys()
	s.options.Pages.Setup(w, r, page)
}

func (s *Server) setUp(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.problem(w, r, badForm(err))
		return
	}
	code, name := r.PostForm.Get("code"), r.PostForm.Get("name")
	user, err := s.options.Access.SetUp(r.Context(), code, name, r.PostForm.Get("password"), s.address(r))
	if err != nil {
		// A link that is good still shows its page again.
		page, pageErr := s.options.Access.SetupPage(r.Context(), code)
		if pageErr != nil {
			page = access.SetupPage{}
		}
		if !page.FixedName {
			page.Name = name
		}
		s.setupAgain(w, r, page, err)
		return
	}
	if s.startSession(w, r, user) {
		redirect(w, r, "/")
	}
}

func (s *Server) beginIssuer(w http.ResponseWriter, r *http.Request) {
	next := access.LocalPath(r.URL.Query().Get("next"))
	to, state, err := s.options.Access.BeginIssuerSignIn(r.Context(), next)
	if err != nil {
		s.again(w, r, next, "", err)
		return
	}
	s.setCookie(w, flowCookie, state, time.Now().Add(flowTime))
	http.Redirect(w, r, to, http.StatusSeeOther) //nolint:gosec // the issuer that was set up, from its own discovery document
}

func (s *Server) issuerSignIn(w http.ResponseWriter, r *http.Request) {
	state := s.readCookie(r, flowCookie)
	s.setCookie(w, flowCookie, "", time.Time{})
	user, next, err := s.options.Access.IssuerSignIn(r.Context(), state, r.URL.Query(), s.address(r))
	if err != nil {
		s.again(w, r, next, "", err)
		return
	}
	if s.startSession(w, r, user) {
		redirect(w, r, next)
	}
}

func (s *Server) beginPasskeySignIn(w http.ResponseWriter, r *http.Request) {
	options, state, err := s.options.Access.BeginPasskeySignIn()
	s.beginCeremony(w, r, options, state, err)
}

func (s *Server) beginPasskey(w http.ResponseWriter, r *http.Request) {
	options, state, err := s.options.Access.BeginPasskey(r.Context())
	s.beginCeremony(w, r, options, state, err)
}

func (s *Server) beginCeremony(w http.ResponseWriter, r *http.Request, options any, state string, err error) {
	if err != nil {
		s.problem(w, r, err)
		return
	}
	s.setCookie(w, flowCookie, state, time.Now().Add(flowTime))
	s.json(w, r, http.StatusOK, options)
}

func (s *Server) passkeySignIn(w http.ResponseWriter, r *http.Request) {
	state := s.readCookie(r, flowCookie)
	s.setCookie(w, flowCookie, "", time.Time{})
	user, err := s.options.Access.PasskeySignIn(r.Context(), state, r.Body, s.address(r))
	if err != nil {
		s.problem(w, r, err)
		return
	}
	if s.startSession(w, r, user) {
		s.json(w, r, http.StatusOK, map[string]string{"next": access.LocalPath(r.URL.Query().Get("next"))})
	}
}

func (s *Server) beginPasskeySetUp(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.problem(w, r, badForm(err))
		return
	}
	options, state, err := s.options.Access.BeginPasskeySetUp(r.Context(), r.PostForm.Get("code"), r.PostForm.Get("name"), s.address(r))
	s.beginCeremony(w, r, options, state, err)
}

func (s *Server) passkeySetUp(w http.ResponseWriter, r *http.Request) {
	state := s.readCookie(r, flowCookie)
	s.setCookie(w, flowCookie, "", time.Time{})
	user, err := s.options.Access.PasskeySetUp(r.Context(), state, r.Body, s.address(r))
	if err != nil {
		s.problem(w, r, err)
		return
	}
	if s.startSession(w, r, user) {
		s.json(w, r, http.StatusOK, map[string]string{"next": "/"})
	}
}

func (s *Server) addPasskey(w http.ResponseWriter, r *http.Request) {
	state := s.readCookie(r, flowCookie)
	s.setCookie(w, flowCookie, "", time.Time{})
	key, err := s.options.Access.AddPasskey(r.Context(), state, r.URL.Query().Get("name"), r.Body)
	if err != nil {
		s.problem(w, r, err)
		return
	}
	s.json(w, r, http.StatusCreated, key)
}

// changePassword signs in anew: all sessions ended, the caller's too.
func (s *Server) changePassword(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		s.problem(w, r, badForm(err))
		return
	}
	user, err := s.options.Access.ChangePassword(r.Context(), r.PostForm.Get("current"), r.PostForm.Get("password"))
	if err != nil {
		s.problem(w, r, err)
		return
	}
	if s.startSession(w, r, user) {
		redirect(w, r, access.LocalPath(r.PostForm.Get("next")))
	}
}

// redirect goes to a path of this hub.
func redirect(w http.ResponseWriter, r *http.Request, path string) {
	http.Redirect(w, r, path, http.StatusSeeOther) //nolint:gosec // all callers give a constant, or what access.LocalPath let through
}

func (s *Server) json(w http.ResponseWriter, r *http.Request, status int, value any) {
	doc, err := json.Marshal(value)
	if err != nil {
		s.problem(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	// The client may be gone.
	_, _ = w.Write(doc)
}
