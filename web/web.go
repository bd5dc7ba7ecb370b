// Package web is the door of browsers: pages made on the server, which work
// without scripts and are quicker with them. [New] gives the handler; [Routes]
// is the one table of what there is and who may ask for it.
package web

import (
	"context"
	"html/template"
	"log/slog"
	"net/http"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/jobs"
	"github.com/azward/azward/retention"
	"github.com/azward/azward/workspace"
)

// Options are what the pages show. Workspace is required; pages of what is nil
// say that it is not there.
type Options struct {
	Workspace *workspace.Workspace
	Jobs      *jobs.Pool
	Access    *access.Control // users, tokens and the audit log
	// Connections are managed on the page of integrations; the zero value lets
	// them be seen alone.
	Connections connect.Connections
	// Retention decides what is kept; nil keeps everything.
	Retention *retention.Keeper
	// Views keeps each user's saved filters; nil keeps none.
	Views workspace.ViewStore
	// Audit notes what somebody changed here, see [access.Control.Audit]; nil
	// notes nothing.
	Audit func(ctx context.Context, action, subject string, before, after any) error
	Now   func() time.Time // nil is the system's clock
	Log   *slog.Logger     // nil discards
}

// Site is the pages. It is safe for concurrent use.
type Site struct {
	o      Options
	log    *slog.Logger
	assets assets
	pages  map[string]*template.Template
	mux    *http.ServeMux
}

// New makes the pages.
func New(o Options) (*Site, error) {
	s := &Site{o: o, log: o.Log, mux: http.NewServeMux()}
	if s.log == nil {
		s.log = slog.New(slog.DiscardHandler)
	}
	var err error
	if s.assets, err = loadAssets(assetFiles); err != nil {
		return nil, err
	}
	if err := s.parse(templateFiles); err != nil {
		return nil, err
	}
	for _, route := range Routes() {
		s.mux.HandleFunc(route.Pattern, s.guarded(route))
	}
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { s.fail(w, r, notFound(r.URL.Path)) })
	return s, nil
}

// ServeHTTP answers a request whose context carries who asks, see [access.From].
func (s *Site) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.mux.ServeHTTP(w, r) }

func (s *Site) now() time.Time {
	if s.o.Now == nil {
		return time.Now().UTC()
	}
	return s.o.Now().UTC()
}

// maxForm bounds what a form may send, in bytes: 500 verdicts with a reason.
const maxForm = 64 << 10

// guarded lets those through who may, and shows errors as pages.
func (s *Site) guarded(route Route) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if route.Least != "" {
			if _, known := access.From(r.Context()); !known && r.Method == http.MethodGet {
				http.Redirect(w, r, access.SignInURL(r.URL.RequestURI()), http.StatusSeeOther) //nolint:gosec // always our own sign-in
				return
			}
			if _, err := access.Check(r.Context(), route.Least, route.Does); err != nil {
				s.fail(w, r, err)
				return
			}
		}
		if r.Method == http.MethodPost {
			r.Body = http.MaxBytesReader(w, r.Body, maxForm)
			if err := r.ParseForm(); err != nil {
				s.fail(w, r, &azward.Error{Kind: azward.KindBadInput, Op: route.Does, Cause: "the form is broken or larger than 64 KB", Remedy: "go back, choose less, and send it again", Err: err})
				return
			}
		}
		if err := route.serve(s, w, r); err != nil {
			s.fail(w, r, err)
		}
	}
}

// who is the signed-in user of a guarded route.
func who(r *http.Request) access.Identity {
	identity, _ := access.From(r.Context()) // guarded has checked it
	return identity
}

// audit notes a change that was made.
func (s *Site) audit(ctx context.Context, action, subject string, before, after any) error {
	if s.o.Audit == nil {
		return nil
	}
	return s.o.Audit(ctx, action, subject, before, after)
}
