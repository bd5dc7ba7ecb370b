package web

import (
	"cmp"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/workspace"
)

// settingsPage is what each page of the settings may show; the others are
// empty.
type settingsPage struct {
	Tab   string
	Tabs  []navItem
	Admin bool

	Me         access.User
	Passkeys   []access.Passkey
	TakesKeys  bool
	KeysWhy    string // why passkeys are not to be had
	Issuer     string
	PublicURL  string
	MinLength  int
	Tokens     []access.Token
	Roles      []access.Role
	Users      []access.User
	Entries    []access.Entry
	Action     string
	Older      string // URL of the next page of the log
	Newest     string // URL of its first page, "" on it
	Advisories *workspace.Advisories
	NoIndex    *problem
	Once       *once
	Kept       *retentionForm

	status int // of the answer; 0 is 200
}

// once is a secret that is shown this one time.
type once struct{ Title, Text, Says string }

func settingsTabs(role access.Role) []navItem {
	var tabs []navItem
	for _, tab := range []struct {
		navItem
		pattern string
	}{
		{navItem{"account", "Your account", "/settings"}, "GET /settings"},
		{navItem{"tokens", "API tokens", "/settings/tokens"}, "GET /settings/tokens"},
		{navItem{"users", "Users", "/settings/users"}, "GET /settings/users"},
		{navItem{"signin", "Sign-in", "/settings/sign-in"}, "GET /settings/sign-in"},
		{navItem{"advisories", "Advisories", "/settings/advisories"}, "GET /settings/advisories"},
		{navItem{"retention", "What is kept", "/settings/retention"}, "GET /settings/retention"},
		{navItem{"audit", "Audit log", "/settings/audit"}, "GET /settings/audit"},
	} {
		if role.Allows(leastOf(tab.pattern)) {
			tabs = append(tabs, tab.navItem)
		}
	}
	return tabs
}

func (s *Site) control() (*access.Control, error) {
	if s.o.Access == nil {
		return nil, &azward.Error{Kind: azward.KindUnavailable, Op: "manage users", Cause: "this hub has no users of its own", Remedy: "start it with azward serve"}
	}
	return s.o.Access, nil
}

// settings renders one page of them, with what fill adds.
func (s *Site) settings(w http.ResponseWriter, r *http.Request, tab string, fill func(*access.Control, *settingsPage) error) error {
	control, err := s.control()
	if err != nil {
		return err
	}
	role := who(r).Role
	view := settingsPage{
		Tab: tab, Tabs: settingsTabs(role), Admin: role.Allows(access.Admin), MinLength: access.MinPassword,
		TakesKeys: control.TakesPasskeys(), Issuer: control.IssuerLabel(), PublicURL: control.PublicURL().String(),
	}
	for _, one := range []access.Role{access.Viewer, access.Operator, access.Admin} {
		if role.Allows(one) {
			view.Roles = append(view.Roles, one)
		}
	}
	if err := fill(control, &view); err != nil {
		return err
	}
	return s.render(w, r, cmp.Or(view.status, http.StatusOK), "settings", page{Title: "Settings", Section: "settings", Data: view})
}

func (s *Site) account(w http.ResponseWriter, r *http.Request) error {
	return s.settings(w, r, "account", func(c *access.Control, v *settingsPage) (err error) {
		if v.Me, err = c.User(r.Context(), who(r).UserID); err != nil {
			return err
		}
		v.Passkeys, err = c.Passkeys(r.Context())
		return err
	})
}

func (s *Site) tokens(w http.ResponseWriter, r *http.Request) error { return s.tokensWith(w, r, nil) }

func (s *Site) tokensWith(w http.ResponseWriter, r *http.Request, made *once) error {
	return s.settings(w, r, "tokens", func(c *access.Control, v *settingsPage) (err error) {
		v.Once = made
		v.Tokens, err = c.Tokens(r.Context(), v.Admin)
		return err
	})
}

// makeToken answers with the page itself: the token is shown once, and never
// travels in a cookie or an address.
func (s *Site) makeToken(w http.ResponseWriter, r *http.Request) error {
	control, err := s.control()
	if err != nil {
		return err
	}
	days, err := strconv.Atoi(r.PostForm.Get("days"))
	if err != nil {
		return badForm("make token", "it is not said for how long", "choose for how long it is good")
	}
	made, text, err := control.CreateToken(r.Context(), access.NewToken{
		Name: r.PostForm.Get("name"), Role: access.Role(r.PostForm.Get("role")), ExpiresAt: s.now().AddDate(0, 0, days),
	})
	if err != nil {
		return err
	}
	return s.tokensWith(w, r, &once{"The token " + made.Name, text, "Copy it now: it is not shown again. Send it as Authorization: Bearer."})
}

func (s *Site) revokeToken(w http.ResponseWriter, r *http.Request) error {
	control, err := s.control()
	if err != nil {
		return err
	}
	if err := control.RevokeToken(r.Context(), r.PostForm.Get("id")); err != nil {
		return err
	}
	return done(w, r, "/settings/tokens", "The token is revoked. Whoever used it is out as of now.")
}

func (s *Site) users(w http.ResponseWriter, r *http.Request) error { return s.usersWith(w, r, nil) }

func (s *Site) usersWith(w http.ResponseWriter, r *http.Request, made *once) error {
	return s.settings(w, r, "users", func(c *access.Control, v *settingsPage) (err error) {
		v.Once = made
		v.Users, err = c.Users(r.Context())
		return err
	})
}

// invited is a one-time link, as it is shown.
func invited(name, link string) *once {
	return &once{"The link for " + name, link, "Hand it over by a way that you trust. It works once, and for three days."}
}

func (s *Site) addUser(w http.ResponseWriter, r *http.Request) error {
	control, err := s.control()
	if err != nil {
		return err
	}
	user, link, err := control.CreateUser(r.Context(), r.PostForm.Get("name"), access.Role(r.PostForm.Get("role")))
	if err != nil {
		return err
	}
	return s.usersWith(w, r, invited(user.Name, link))
}

// changeUser does one of a few things to a user.
func (s *Site) changeUser(w http.ResponseWriter, r *http.Request) error {
	control, err := s.control()
	if err != nil {
		return err
	}
	id, ctx := r.PathValue("id"), r.Context()
	was, err := time.Parse(time.RFC3339Nano, r.PostForm.Get("was"))
	if err != nil {
		return badForm("change user", "the form does not say what it was made from", "load the list of users again")
	}
	var user access.User
	var says string
	switch r.PostForm.Get("do") {
	case "role":
		user, err = control.SetRole(ctx, id, access.Role(r.PostForm.Get("role")), was)
		says = " has another role now."
	case "disable":
		user, err = control.Disable(ctx, id, was)
		says = " is disabled: signed out everywhere, tokens refused."
	case "enable":
		user, err = control.Enable(ctx, id, was)
		says = " may sign in again."
	case "sessions":
		user, err = control.EndSessions(ctx, id)
		says = " is signed out everywhere."
	case "invite":
		if user, err = control.User(ctx, id); err != nil {
			return err
		}
		link, err := control.Invite(ctx, id)
		if err != nil {
			return err
		}
		return s.usersWith(w, r, invited(user.Name, link))
	default:
		return badForm("change user", "it is not said what to do", "use the buttons of the list")
	}
	if err != nil {
		return err
	}
	return done(w, r, "/settings/users", user.Name+says)
}

func (s *Site) endSessions(w http.ResponseWriter, r *http.Request) error {
	control, err := s.control()
	if err != nil {
		return err
	}
	if _, err := control.EndSessions(r.Context(), who(r).UserID); err != nil {
		return err
	}
	return done(w, r, "/", "")
}

func (s *Site) removePasskey(w http.ResponseWriter, r *http.Request) error {
	control, err := s.control()
	if err != nil {
		return err
	}
	if err := control.RemovePasskey(r.Context(), r.PostForm.Get("id")); err != nil {
		return err
	}
	return done(w, r, "/settings", "The passkey is gone.")
}

func (s *Site) signInSettings(w http.ResponseWriter, r *http.Request) error {
	return s.settings(w, r, "signin", func(*access.Control, *settingsPage) error { return nil })
}

func (s *Site) advisories(w http.ResponseWriter, r *http.Request) error {
	return s.settings(w, r, "advisories", func(_ *access.Control, v *settingsPage) error {
		found, err := s.o.Workspace.Advisories(r.Context())
		if err != nil {
			p := problemOf(err)
			v.NoIndex = &p
			return nil // the page shows it in its place
		}
		v.Advisories = &found
		return nil
	})
}

const auditShown = 50 // entries of a page

func (s *Site) auditLog(w http.ResponseWriter, r *http.Request) error {
	q := r.URL.Query()
	var before int64
	if text := q.Get("before"); text != "" {
		n, err := strconv.ParseInt(text, 10, 64)
		if err != nil || n <= 0 {
			return badForm("read audit log", "the place to go on from is no number", "start from the newest entry")
		}
		before = n
	}
	return s.settings(w, r, "audit", func(c *access.Control, v *settingsPage) (err error) {
		v.Action = q.Get("action")
		v.Entries, err = c.AuditLog(r.Context(), access.AuditFilter{Action: v.Action, Before: before, Limit: auditShown})
		page := url.Values{}
		if v.Action != "" {
			page.Set("action", v.Action)
		}
		if before > 0 {
			v.Newest = "/settings/audit?" + page.Encode()
		}
		if len(v.Entries) == auditShown {
			page.Set("before", strconv.FormatInt(v.Entries[auditShown-1].Seq, 10))
			v.Older = "/settings/audit?" + page.Encode()
		}
		return err
	})
}
