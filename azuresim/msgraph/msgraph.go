// Package msgraph answers the reads of Microsoft Graph that a directory
// inventory makes: collections and single objects of version v1.0 and beta,
// with simple filters, $select, $top and paging, and directoryObjects by IDs.
// An application needs Directory.Read.All or the collection's own permission.
//
// Sources:
// https://learn.microsoft.com/graph/api/overview
// https://learn.microsoft.com/graph/errors
// https://learn.microsoft.com/graph/paging
package msgraph

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/azward/azward/azuresim/entra"
)

const (
	defaultPage  = 100
	maxBodyBytes = 1 << 20
)

// Options of the handler.
type Options struct {
	// Objects have "@odata.type" ("#microsoft.graph.servicePrincipal") and "id".
	Objects  []json.RawMessage
	PageSize int // 0: 100
	BaseURL  string
	Verify   func(token string) (*entra.Token, error)
	Seen     func(r *http.Request, who *entra.Token)
	Now      func() time.Time
}

type object = map[string]any

type server struct {
	o       Options
	objects map[string][]object // by collection: "servicePrincipals"
	byID    map[string]object
	mux     *http.ServeMux
}

// permissions besides Directory.Read.All and Directory.ReadWrite.All that let
// an application read a collection.
//
// Source: https://learn.microsoft.com/graph/permissions-reference
var permissions = map[string][]string{
	"servicePrincipals": {"Application.Read.All"}, "applications": {"Application.Read.All"},
	"users": {"User.Read.All"}, "groups": {"Group.Read.All", "GroupMember.Read.All"},
	"organization": {"Organization.Read.All"}, "directoryRoles": {"RoleManagement.Read.Directory"},
}

// New makes the handler. An object without a type cannot be placed and is an
// error.
func New(o Options) (http.Handler, error) {
	if o.PageSize <= 0 {
		o.PageSize = defaultPage
	}
	s := &server{o: o, objects: map[string][]object{}, byID: map[string]object{}}
	for _, raw := range o.Objects {
		var fields object
		if err := json.Unmarshal(raw, &fields); err != nil {
			return nil, fmt.Errorf("read a directory object: %w", err)
		}
		id, _ := fields["id"].(string)
		kind, _ := fields["@odata.type"].(string)
		kind = strings.TrimPrefix(kind, "#microsoft.graph.")
		if kind == "" {
			return nil, fmt.Errorf("directory object %.60q has no @odata.type", id)
		}
		collection := kind + "s"
		if kind == "organization" {
			collection = kind
		}
		s.objects[collection] = append(s.objects[collection], fields)
		s.byID[strings.ToLower(id)] = fields
	}
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("GET /{version}/{collection}", s.list)
	s.mux.HandleFunc("GET /{version}/{collection}/{id}", s.get)
	s.mux.HandleFunc("POST /{version}/directoryObjects/getByIds", s.byIDs)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		refuse(w, http.StatusBadRequest, "Request_BadRequest", fmt.Sprintf("Resource not found for the segment '%.100s'.", r.URL.Path))
	})
	return s, nil
}

// ServeHTTP checks the token before anything else.
func (s *server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	scheme, raw, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") || raw == "" {
		refuse(w, http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token is empty.")
		return
	}
	who, err := s.o.Verify(strings.TrimSpace(raw))
	switch {
	case errors.Is(err, entra.ErrExpired):
		refuse(w, http.StatusUnauthorized, "InvalidAuthenticationToken", "Lifetime validation failed, the token is expired.")
		return
	case err != nil:
		refuse(w, http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token validation failure.")
		return
	case who.ResourceApp != entra.AppMSGraph:
		refuse(w, http.StatusUnauthorized, "InvalidAuthenticationToken", "Access token validation failure. Invalid audience.")
		return
	}
	if s.o.Seen != nil {
		s.o.Seen(r, who)
	}
	collection, _, _ := strings.Cut(strings.Trim(strings.TrimPrefix(strings.TrimPrefix(r.URL.Path, "/v1.0"), "/beta"), "/"), "/")
	collection, _, _ = strings.Cut(collection, "(")
	if !allowed(who, collection) {
		refuse(w, http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
		return
	}
	s.mux.ServeHTTP(w, r)
}

func allowed(who *entra.Token, collection string) bool {
	wanted := append([]string{"Directory.Read.All", "Directory.ReadWrite.All"}, permissions[collection]...)
	return slices.ContainsFunc(who.Roles, func(role string) bool { return slices.Contains(wanted, role) })
}

// byKey is the alternate key form: servicePrincipals(appId='…').
var byKey = regexp.MustCompile(`^([A-Za-z]+)\(appId='([^']*)'\)$`)

func (s *server) list(w http.ResponseWriter, r *http.Request) {
	collection := r.PathValue("collection")
	if m := byKey.FindStringSubmatch(collection); m != nil {
		s.one(w, r, m[1], func(o object) bool { return same(o["appId"], m[2]) }, m[2])
		return
	}
	keep, ok := filter(r.URL.Query().Get("$filter"))
	if !ok {
		refuse(w, http.StatusBadRequest, "Request_UnsupportedQuery", "Unsupported or invalid query filter clause specified for property of resource.")
		return
	}
	start, size, ok := s.paging(r)
	if !ok {
		refuse(w, http.StatusBadRequest, "Request_BadRequest", "Invalid page size or skip token specified.")
		return
	}
	matching := []object{}
	for _, o := range s.objects[collection] {
		if keep(o) {
			matching = append(matching, o)
		}
	}
	s.page(w, r, matching, start, size)
}

func (s *server) page(w http.ResponseWriter, r *http.Request, matching []object, start, size int) {
	start = min(start, len(matching))
	end := min(start+size, len(matching))
	values := make([]object, 0, end-start)
	for _, o := range matching[start:end] {
		values = append(values, project(o, r.URL.Query().Get("$select")))
	}
	body := object{"@odata.context": s.o.BaseURL + "/v1.0/$metadata#" + r.PathValue("collection"), "value": values}
	if end < len(matching) {
		q := r.URL.Query()
		q.Set("$skiptoken", base64.RawURLEncoding.EncodeToString([]byte("page:"+strconv.Itoa(end))))
		next := url.URL{Path: r.URL.Path, RawQuery: q.Encode()}
		body["@odata.nextLink"] = s.o.BaseURL + next.String()
	}
	write(w, http.StatusOK, body)
}

func (s *server) paging(r *http.Request) (start, size int, ok bool) {
	size = s.o.PageSize
	if top := r.URL.Query().Get("$top"); top != "" {
		n, err := strconv.Atoi(top)
		if err != nil || n < 1 || n > 999 {
			return 0, 0, false
		}
		size = n
	}
	token := r.URL.Query().Get("$skiptoken")
	if token == "" {
		return 0, size, true
	}
	raw, err := base64.RawURLEncoding.DecodeString(token)
	if err != nil {
		return 0, 0, false
	}
	at, isPage := strings.CutPrefix(string(raw), "page:")
	start, err = strconv.Atoi(at)
	return start, size, isPage && err == nil && start >= 0
}

func (s *server) get(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("id")
	s.one(w, r, r.PathValue("collection"), func(o object) bool { return same(o["id"], id) }, id)
}

func (s *server) one(w http.ResponseWriter, r *http.Request, collection string, is func(object) bool, shown string) {
	at := slices.IndexFunc(s.objects[collection], is)
	if at < 0 {
		refuse(w, http.StatusNotFound, "Request_ResourceNotFound",
			fmt.Sprintf("Resource '%.60s' does not exist or one of its queried reference-property objects are not present.", shown))
		return
	}
	write(w, http.StatusOK, project(s.objects[collection][at], r.URL.Query().Get("$select")))
}

// byIDs resolves principals of role assignments; unknown IDs are left out.
//
// Source: https://learn.microsoft.com/graph/api/directoryobject-getbyids
func (s *server) byIDs(w http.ResponseWriter, r *http.Request) {
	var body struct {
		IDs []string `json:"ids"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBodyBytes)).Decode(&body); err != nil || len(body.IDs) > 1000 {
		refuse(w, http.StatusBadRequest, "Request_BadRequest", "The request body must hold at most 1000 ids.")
		return
	}
	found := []object{}
	for _, id := range body.IDs {
		if o, ok := s.byID[strings.ToLower(id)]; ok {
			found = append(found, o)
		}
	}
	write(w, http.StatusOK, object{"@odata.context": s.o.BaseURL + "/v1.0/$metadata#directoryObjects", "value": found})
}

var equality = regexp.MustCompile(`^\s*\(?\s*([A-Za-z]+)\s+eq\s+'([^']*)'\s*\)?\s*$`)

// filter reads equalities joined by or.
func filter(expression string) (func(object) bool, bool) {
	if expression == "" {
		return func(object) bool { return true }, true
	}
	var tests []func(object) bool
	for part := range strings.SplitSeq(expression, " or ") {
		m := equality.FindStringSubmatch(part)
		if m == nil {
			return nil, false
		}
		tests = append(tests, func(o object) bool { return same(o[m[1]], m[2]) || contains(o[m[1]], m[2]) })
	}
	return func(o object) bool {
		return slices.ContainsFunc(tests, func(test func(object) bool) bool { return test(o) })
	}, true
}

func same(v any, want string) bool {
	s, ok := v.(string)
	return ok && strings.EqualFold(s, want)
}

// contains lets servicePrincipalNames/any-like lists match a member.
func contains(v any, want string) bool {
	list, _ := v.([]any)
	return slices.ContainsFunc(list, func(item any) bool { return same(item, want) })
}

func project(o object, selected string) object {
	if selected == "" {
		return o
	}
	out := object{}
	for name := range strings.SplitSeq(selected, ",") {
		if v, ok := o[strings.TrimSpace(name)]; ok {
			out[strings.TrimSpace(name)] = v
		}
	}
	if id, ok := o["id"]; ok {
		out["id"] = id
	}
	return out
}

func refuse(w http.ResponseWriter, status int, code, message string) {
	write(w, status, object{"error": object{"code": code, "message": message, "innerError": object{}}})
}

func write(w http.ResponseWriter, status int, body any) {
	w.Header().Set("Content-Type", "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(body) // the client is gone if this fails
}
