// Package api is the HTTP API below /api/v1: it translates requests into calls
// of the use cases, and their answers into JSON. [New] gives the handler, which
// takes the identity of a request from [access.From]; routes.go has every route
// with the least role that it asks for. docs/api.md is the users' guide,
// openapi.yaml the contract.
package api

import (
	"context"
	"iter"
	"log/slog"
	"net/http"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/azward/azward/access"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/jobs"
	"github.com/azward/azward/store"
	"github.com/azward/azward/workspace"
)

// Prefix is where the API is mounted.
const Prefix = "/api/v1"

// Connections manages tenants; connect.Connections does.
type Connections interface {
	Add(ctx context.Context, r connect.Request, at time.Time) (store.Connection, error)
	Update(ctx context.Context, r connect.Request, was, at time.Time) (store.Connection, error)
	List(ctx context.Context) ([]store.Connection, error)
	Show(ctx context.Context, name string) (store.Connection, error)
	Remove(ctx context.Context, name string) error
	Examine(ctx context.Context, name string) ([]connect.Check, error)
	Try(ctx context.Context, name string) ([]connect.Check, error)
	IsRegistry(ctx context.Context, host string) (bool, error)
}

// Jobs does work in the background; *jobs.Pool does.
type Jobs interface {
	Enqueue(ctx context.Context, r jobs.Request) (job store.Job, added bool, err error)
	Get(ctx context.Context, id string) (store.Job, error)
	List(ctx context.Context, f store.JobFilter) ([]store.Job, error)
	Log(ctx context.Context, id string, after, limit int) ([]store.JobLine, error)
	Watch(ctx context.Context, id string) iter.Seq2[store.Job, error]
	Cancel(ctx context.Context, id, by string) (store.Job, error)
	Schedules(ctx context.Context) ([]store.Schedule, error)
	Schedule(ctx context.Context, name string) (store.Schedule, error)
	AddSchedule(ctx context.Context, s store.Schedule) (store.Schedule, error)
	ChangeSchedule(ctx context.Context, s, was store.Schedule) (store.Schedule, error)
	RemoveSchedule(ctx context.Context, was store.Schedule) error
	RunSchedule(ctx context.Context, name, by string) (job store.Job, added bool, err error)
}

// Access knows users and tokens, and keeps the audit log and the answers to
// requests with an idempotency key; *access.Control does.
type Access interface {
	Users(ctx context.Context) ([]access.User, error)
	User(ctx context.Context, id string) (access.User, error)
	CreateUser(ctx context.Context, name string, role access.Role) (access.User, string, error)
	SetRole(ctx context.Context, id string, role access.Role, was time.Time) (access.User, error)
	Disable(ctx context.Context, id string, was time.Time) (access.User, error)
	Enable(ctx context.Context, id string, was time.Time) (access.User, error)
	Invite(ctx context.Context, id string) (string, error)
	EndSessions(ctx context.Context, id string) (access.User, error)
	Tokens(ctx context.Context, everyones bool) ([]access.Token, error)
	CreateToken(ctx context.Context, n access.NewToken) (access.Token, string, error)
	RevokeToken(ctx context.Context, id string) error
	Audit(ctx context.Context, action, subject string, before, after any) error
	AuditLog(ctx context.Context, f access.AuditFilter) ([]access.Entry, error)
	BeginRequest(ctx context.Context, r access.Request) (*access.Reply, error)
	FinishRequest(ctx context.Context, r access.Request, reply *access.Reply) error
}

// Options are what the API is made of; all but Retention, Views, Log and Now are required to
// answer requests.
type Options struct {
	Workspace   *workspace.Workspace
	Connections Connections
	Jobs        Jobs
	Access      Access
	Retention   Retention           // nil keeps everything
	Views       workspace.ViewStore // nil keeps no views
	Log         *slog.Logger        // nil discards
	Now         func() time.Time    // nil is time.Now
}

// API answers what lies below [Prefix].
type API struct {
	Options
	mux  *http.ServeMux
	huma huma.API
	json []byte // the OpenAPI document
	yaml []byte
}

// New makes the handler.
func New(o Options) (*API, error) {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	a := &API{Options: o, mux: http.NewServeMux()}
	useProblems()
	a.huma = humago.NewWithPrefix(a.mux, Prefix, config())
	a.register()
	if err := a.document(); err != nil {
		return nil, err
	}
	a.mux.HandleFunc("/", a.elsewhere)
	return a, nil
}

// register mounts every route of the table.
func (a *API) register() {
	a.connectionRoutes()
	a.scanRoutes()
	a.jobRoutes()
	a.scheduleRoutes()
	a.viewRoutes()
	a.retentionRoutes()
	a.resourceRoutes()
	a.registryRoutes()
	a.verdictRoutes()
	a.exposureRoutes()
	a.coverageRoutes()
	a.postureRoutes()
	a.accessRoutes()
}

// ServeHTTP implements [http.Handler].
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	header := w.Header()
	header.Set("Cache-Control", "private, no-cache")
	header.Set("X-Content-Type-Options", "nosniff")
	if r.Method == http.MethodPost && r.Header.Get(keyHeader) != "" {
		a.once(w, r)
		return
	}
	a.mux.ServeHTTP(w, r)
}

func (a *API) now() time.Time { return a.Now().UTC() }
