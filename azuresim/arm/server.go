// Package arm answers what management.azure.com answers, read-only, for the
// objects of an inventory: point GET, LIST by subscription, resource group and
// parent, paging, api-version checks, and the POST actions that readers use.
// Every request needs a token that the tenant's authority signed, and every
// answer is cut to what the tenant's own role assignments allow.
//
// Sources:
// https://learn.microsoft.com/rest/api/azure/
// https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling
// https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/common-deployment-errors
package arm

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward/azuresim/entra"
	"github.com/azward/azward/azuresim/inventory"
	"github.com/azward/azward/azuresim/rbac"
	"github.com/azward/azward/azuresim/scenario"
)

// Options of a Server.
type Options struct {
	Tenant        scenario.Tenant
	Inventory     *inventory.Inventory
	Policy        *rbac.Policy
	Verify        func(token string) (*entra.Token, error)
	BaseURL       string // "https://127.0.0.1:8443"
	AuthorityHost string
	GraphEndpoint string
	ACRSuffix     string
	PageSize      int // 0: defaultPageSize
	Bucket        scenario.Bucket
	IDCase        scenario.IDCase
	APIVersions   map[string][]string
	States        map[string]string // subscription ID → state that replaces the record's
	Exact         bool
	// ResourceGraph answers POST /providers/Microsoft.ResourceGraph/resources
	// for an authenticated caller.
	ResourceGraph func(w http.ResponseWriter, r *http.Request, who *entra.Token)
	// Kubeconfig gives the kubeconfig of a managed cluster.
	Kubeconfig func(cluster *inventory.Resource, admin bool, who *entra.Token) ([]byte, error)
	// GroupsOf gives the groups of a principal, for assignedTo('…').
	GroupsOf func(objectID string) []string
	// Seen tells who made the request, once known.
	Seen func(r *http.Request, who *entra.Token)
	Now  func() time.Time
}

// Server is the handler. It is safe for concurrent use.
type Server struct {
	o        Options
	versions versions
	buckets  *Buckets
	pageKey  []byte
}

// New makes a server.
func New(o Options) (*Server, error) {
	table, err := loadVersions(o.APIVersions)
	if err != nil {
		return nil, err
	}
	key := make([]byte, 32)
	_, _ = rand.Read(key) // never fails, says its documentation
	if o.PageSize <= 0 {
		o.PageSize = defaultPageSize
	}
	return &Server{o: o, versions: table, buckets: NewBuckets(o.Bucket, o.Now), pageKey: key}, nil
}

// call is one request on its way.
type call struct {
	*Server
	w      http.ResponseWriter
	r      *http.Request
	who    *entra.Token
	path   string // as sent, without a trailing slash
	target target
}

// ServeHTTP answers ARM requests.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	stamp(w, r)
	if strings.HasPrefix(strings.ToLower(r.URL.Path), "/metadata/endpoints") {
		s.metadata(w, r)
		return
	}
	c := &call{Server: s, w: w, r: r, path: "/" + strings.Trim(r.URL.Path, "/")}
	c.target = parse(c.path)
	if e := c.serve(); e != nil {
		e.write(w)
	}
}

func (c *call) serve() *Error {
	if e := c.checkVersionGiven(); e != nil {
		return e
	}
	if e := c.authenticate(); e != nil {
		return e
	}
	if c.o.Seen != nil {
		c.o.Seen(c.r, c.who)
	}
	if e := c.throttle(); e != nil {
		return e
	}
	if e := c.checkSubscription(); e != nil {
		return e
	}
	if e := c.checkVersion(); e != nil {
		return e
	}
	switch c.r.Method {
	case http.MethodGet, http.MethodHead:
		return c.get()
	case http.MethodPost:
		return c.post()
	default:
		return c.write()
	}
}

func stamp(w http.ResponseWriter, r *http.Request) {
	id := newGUID()
	correlation := r.Header.Get("x-ms-correlation-request-id")
	if correlation == "" {
		correlation = id
	}
	h := w.Header()
	h.Set("x-ms-request-id", id)
	h.Set("x-ms-correlation-request-id", correlation)
	h.Set("x-ms-routing-request-id", "AZURESIM:"+correlation)
	h.Set("Cache-Control", "no-cache")
	h.Set("Strict-Transport-Security", "max-age=31536000; includeSubDomains")
	h.Set("X-Content-Type-Options", "nosniff")
	if strings.EqualFold(r.Header.Get("x-ms-return-client-request-id"), "true") {
		h.Set("x-ms-client-request-id", r.Header.Get("x-ms-client-request-id"))
	}
}

// authenticate wants a bearer token for the management audience.
func (c *call) authenticate() *Error {
	unauthorized := func(code, format string, args ...any) *Error {
		e := fail(http.StatusUnauthorized, code, format, args...)
		c.w.Header().Set("WWW-Authenticate", `Bearer authorization_uri="`+c.o.AuthorityHost+"/"+c.o.Tenant.ID+
			`", error="invalid_token", error_description="The access token is missing or not valid."`)
		return e
	}
	raw, ok := cutBearer(c.r.Header.Get("Authorization"))
	if !ok {
		return unauthorized("AuthenticationFailed", "Authentication failed. The 'Authorization' header is missing.")
	}
	who, err := c.o.Verify(raw)
	switch {
	case errors.Is(err, entra.ErrExpired):
		return unauthorized("ExpiredAuthenticationToken", "The access token expiry UTC time '%s' is earlier than current UTC time '%s'.",
			who.Expires.UTC().Format(armTime), c.o.Now().UTC().Format(armTime))
	case err != nil:
		return unauthorized("InvalidAuthenticationToken", "The access token is invalid.")
	case who.ResourceApp != entra.AppARM:
		return unauthorized("InvalidAuthenticationTokenAudience",
			"The access token has been obtained for wrong audience or resource '%.200s'. It should exactly match with one of the allowed audiences 'https://management.core.windows.net/','https://management.core.windows.net','https://management.azure.com/','https://management.azure.com'.", who.Audience)
	}
	c.who = who
	return nil
}

const armTime = "1/2/2006 3:04:05 PM" // as ARM writes times into messages

func cutBearer(header string) (string, bool) {
	scheme, token, ok := strings.Cut(header, " ")
	return strings.TrimSpace(token), ok && strings.EqualFold(scheme, "Bearer") && token != ""
}

// allowed asks the role assignments.
func (c *call) allowed(action, scope string) bool {
	return c.o.Policy.Allowed(c.who.Principal, action, scope)
}

func (c *call) forbidden(action, scope string) *Error { return Forbidden(c.who, action, scope) }

// Forbidden is ARM's refusal, word for word.
//
// Source: https://learn.microsoft.com/azure/role-based-access-control/troubleshooting
func Forbidden(who *entra.Token, action, scope string) *Error {
	return fail(http.StatusForbidden, "AuthorizationFailed",
		"The client '%s' with object id '%s' does not have authorization to perform action '%s' over scope '%s' or the scope is invalid. If access was recently granted, please refresh your credentials.",
		who.ClientID, who.Principal.ObjectID, action, scope)
}

// checkSubscription turns IDs away that name no subscription of the tenant.
func (c *call) checkSubscription() *Error {
	sub := c.target.subscription
	if sub == "" {
		return nil
	}
	if !isGUID(sub) {
		return fail(http.StatusBadRequest, "InvalidSubscriptionId", "The provided subscription identifier '%.100s' is malformed or invalid.", sub)
	}
	if _, ok := c.o.Inventory.Get("/subscriptions/" + sub); !ok {
		return fail(http.StatusNotFound, "SubscriptionNotFound", "The subscription '%s' could not be found.", sub)
	}
	return nil
}

func (c *call) throttle() *Error {
	scope, header := c.target.subscription, "x-ms-ratelimit-remaining-subscription-reads"
	if scope == "" {
		header = "x-ms-ratelimit-remaining-tenant-reads"
		if strings.EqualFold(c.path, resourceGraphPath) {
			return nil // it counts its own quota
		}
	}
	left, wait := c.buckets.Take(c.who.Principal.ObjectID + ":" + strings.ToLower(scope))
	if wait <= 0 {
		c.w.Header().Set(header, itoa(left))
		return nil
	}
	seconds := int((wait + time.Second - 1) / time.Second)
	c.w.Header().Set("Retry-After", itoa(seconds))
	c.w.Header().Set("x-ms-failure-cause", "gateway")
	return fail(http.StatusTooManyRequests, "SubscriptionRequestsThrottled",
		"Number of 'read' requests for subscription actor '%s:%s' exceeded. Please try again after '%d' seconds after additional tokens are available. Refer to https://aka.ms/arm-throttling for additional information.",
		scope, c.who.Principal.ObjectID, seconds)
}

func newGUID() string {
	var b [16]byte
	_, _ = rand.Read(b[:]) // never fails, says its documentation
	b[6], b[8] = b[6]&0x0f|0x40, b[8]&0x3f|0x80
	h := hex.EncodeToString(b[:])
	return h[:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

func isGUID(s string) bool {
	parts := strings.Split(s, "-")
	lengths := []int{8, 4, 4, 4, 12}
	return len(parts) == 5 && !slices.ContainsFunc([]int{0, 1, 2, 3, 4}, func(i int) bool {
		return len(parts[i]) != lengths[i] || strings.Trim(parts[i], "0123456789abcdefABCDEF") != ""
	})
}
