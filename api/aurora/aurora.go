// Package aurora answers the routes that programs written for Aurora's Azure
// connector call, with its fields, status codes and texts: [New] gives the
// handler, [Routes] what it takes to call each. DESIGN.md says where it keeps
// the shape of the original and not its faults.
package aurora

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/internal/bound"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
)

// Connections keeps what people signed in with; connect.Connections is one.
type Connections interface {
	Add(ctx context.Context, request connect.Request, at time.Time) (store.Connection, error)
	Update(ctx context.Context, request connect.Request, was, at time.Time) (store.Connection, error)
	Credential(ctx context.Context, name string) (store.Connection, seal.Secret, error)
	Remove(ctx context.Context, name string) error
}

// Azure is what is asked of a tenant.
type Azure interface {
	// Token proves that Entra takes the credentials.
	Token(context.Context) error
	// Subscriptions lists all that the principal sees, of every page.
	Subscriptions(context.Context) ([]connect.Subscription, error)
	// Clusters lists a subscription's managed clusters, of every page.
	Clusters(context.Context, azward.SubscriptionID) ([]azward.ResourceID, error)
	Close()
}

// Options of the routes. Connections is required.
type Options struct {
	Connections Connections
	// Open signs in to Azure; nil is [Dial].
	Open func(store.Connection, seal.Secret) (Azure, error)
	// Cloud names the cloud of who signs in here, or CloudConfig the file with
	// its endpoints; "" is public.
	Cloud, CloudConfig string
	// Audit writes down each change; nil does not.
	Audit func(ctx context.Context, action, subject string, before, after any) error
	Log   *slog.Logger // nil is silent
}

// Route is one route, and the least role that may call it; "" lets anybody.
type Route struct {
	Method, Pattern string
	Least           access.Role
	handle          func(*handler, http.ResponseWriter, *http.Request)
}

// Routes is the one table of them.
func Routes() []Route {
	return []Route{
		{"POST", "/azure/login", access.Operator, (*handler).login},
		{"GET", "/azure/fetch_data", access.Viewer, (*handler).fetchData},
		{"GET", "/azure/clusters", access.Viewer, (*handler).clusters},
		{"GET", "/api/azure-subscriptions", access.Viewer, (*handler).subscriptions},
		{"POST", "/api/azure-subscriptions", access.Operator, (*handler).choose},
		// They hold no secrets, and people fetch them into Cloud Shell.
		{"GET", "/azure/setup-script", "", (*handler).bashScript},
		{"GET", "/azure/setup-script-ps1", "", (*handler).powerShellScript},
		{"DELETE", "/api/connected-accounts/azure", access.Admin, (*handler).disconnect},
		{"DELETE", "/api/connected-accounts/{user}/azure", access.Admin, (*handler).disconnect},
	}
}

type handler struct{ o Options }

// New gives the handler of all routes.
func New(o Options) http.Handler {
	if o.Open == nil {
		o.Open = Dial
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Audit == nil {
		o.Audit = func(context.Context, string, string, any, any) error { return nil }
	}
	h := &handler{o}
	mux := http.NewServeMux()
	for _, route := range Routes() {
		mux.HandleFunc(route.Method+" "+route.Pattern, func(w http.ResponseWriter, r *http.Request) {
			if route.Least == "" || h.may(w, r, route) {
				route.handle(h, w, r)
			}
		})
	}
	mux.HandleFunc("/", func(w http.ResponseWriter, _ *http.Request) { refuse(w, http.StatusNotFound, "Not found") })
	return mux
}

// may answers those who may not: nobody, a lower role, or somebody who says
// that they are somebody else.
func (h *handler) may(w http.ResponseWriter, r *http.Request, route Route) bool {
	who, err := access.Check(r.Context(), route.Least, route.Method+" "+route.Pattern)
	switch {
	case azward.KindOf(err) == azward.KindSignIn:
		refuse(w, http.StatusUnauthorized, "Unauthorized")
	case err != nil:
		refuse(w, http.StatusForbidden, causeOf(err))
	case !isSelf(who, r.Header.Get("X-User-ID")) || !isSelf(who, r.PathValue("user")) || !isSelf(who, r.URL.Query().Get("user_id")):
		refuse(w, http.StatusForbidden, foreignUser)
	default:
		return true
	}
	return false
}

const foreignUser = "Unauthorized access to user data"

// isSelf says that a request which names a user names the one who sends it.
func isSelf(who access.Identity, claimed string) bool {
	return claimed == "" || claimed == who.UserID || claimed == who.Name
}

func causeOf(err error) string {
	var own *azward.Error
	if errors.As(err, &own) {
		return own.Cause
	}
	return err.Error()
}

// answer writes JSON. Who asked is gone where writing fails.
func answer(w http.ResponseWriter, status int, body any) {
	raw, err := json.Marshal(body)
	if err != nil {
		status, raw = http.StatusInternalServerError, []byte(`{"error":"Failed to write the answer"}`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	_, _ = w.Write(append(raw, '\n'))
}

// failure is the body of every error.
type failure struct {
	Error string `json:"error"`
}

func refuse(w http.ResponseWriter, status int, text string) { answer(w, status, failure{text}) }

// failed keeps the reason for the log: the routes have one text for each kind.
func (h *handler) failed(w http.ResponseWriter, r *http.Request, status int, text string, err error) {
	h.o.Log.Warn("aurora route failed", "route", r.Pattern, "status", status, "error", err)
	refuse(w, status, text)
}

const (
	maxBody  = 64 << 10 // bytes; credentials have hundreds
	maxField = 4 << 10  // bytes of one text
)

// body is a JSON object, by names as they are written.
type body map[string]json.RawMessage

func readBody(r *http.Request) (body, error) {
	raw, err := bound.ReadAll(r.Body, maxBody, "the request")
	if err != nil {
		return nil, err
	}
	var b body
	return b, json.Unmarshal(raw, &b)
}

// text is the first of the fields that is a text with something in it.
func (b body) text(names ...string) string {
	for _, name := range names {
		var s string
		if json.Unmarshal(b[name], &s) == nil && strings.TrimSpace(s) != "" && len(s) <= maxField {
			return strings.TrimSpace(s)
		}
	}
	return ""
}

// field is the first of the fields that is there and not null.
func (b body) field(names ...string) (json.RawMessage, bool) {
	for _, name := range names {
		if raw, ok := b[name]; ok && string(raw) != "null" {
			return raw, true
		}
	}
	return nil, false
}
