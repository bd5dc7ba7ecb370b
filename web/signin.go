package web

import (
	"net/http"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
)

// signInView is the sign-in page with its error as pages show it.
type signInView struct {
	access.SignInPage
	Problem *problem
}

type setupView struct {
	access.SetupPage
	Problem *problem
}

// SignIn draws the sign-in page; the hub does the rest.
func (s *Site) SignIn(w http.ResponseWriter, r *http.Request, p access.SignInPage) {
	s.outside(w, r, p.Status, "signin", page{Title: "Sign in", Data: signInView{p, told(p.Err)}})
}

// Setup draws the page behind a one-time link.
func (s *Site) Setup(w http.ResponseWriter, r *http.Request, p access.SetupPage) {
	s.outside(w, r, p.Status, "setup", page{Title: "Set up", Data: setupView{p, told(p.Err)}})
}

// Problem draws what went wrong before a page was reached.
func (s *Site) Problem(w http.ResponseWriter, r *http.Request, err *azward.Error) {
	p := problemOf(err)
	s.outside(w, r, p.Status, "error", page{Title: statusWord(p.Status), Data: p})
}

// outside renders a page that the hub asks for.
func (s *Site) outside(w http.ResponseWriter, r *http.Request, status int, name string, p page) {
	if err := s.render(w, r, status, name, p); err != nil {
		s.log.ErrorContext(r.Context(), "page failed", "path", r.URL.Path, "err", err)
		http.Error(w, p.Title, status)
	}
}

func told(err *azward.Error) *problem {
	if err == nil {
		return nil
	}
	p := problemOf(err)
	return &p
}
