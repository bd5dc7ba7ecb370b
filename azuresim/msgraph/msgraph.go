// Package msgraph answers the reads of Microsoft Graph that a directory
// inventory makes: collections and single objects of version v1.0 and beta
// (routes.go names them, with the permissions that each takes), with simple
// filters, $select, $top and paging, and directoryObjects by IDs.
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
	"maps"
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
	// Objects have an "id", and an "@odata.type"
	// ("#microsoft.graph.servicePrincipal") where they name no collection.
	Objects []Object
	// Unread are collections that nobody may read.
	Unread   []string
	PageSize int // 0: 100
	BaseURL  string
	Verify   func(token string) (*entra.Token, error)
	Seen     func(r *http.Request, who *entra.Token)
	Now      func() time.Time
}

type object = map[string]any

type server struct {
	o        Options
	objects  map[string][]object // by collection: "servicePrincipals"
	byID     map[string]object
	members  map[string][]object // of groups, by ID in lower case
	appRoles []object            // of Microsoft Graph: those that the tenant assigned
	mux      *http.ServeMux
}

// Object is one object of a collection.
type Object struct {
	// Collection that it is served in. Where it is none of [Collections], the
	// object's "@odata.type" tells.
	Collection string
	Body       json.RawMessage
}

// New makes the handler. An object that cannot be placed is an error.
func New(o Options) (http.Handler, error) {
	if o.PageSize <= 0 {
		o.PageSize = defaultPage
	}
	s := &server{o: o, objects: map[string][]object{}, byID: map[string]object{}, members: map[string][]object{}}
	for _, given := range o.Objects {
		if err := s.add(given); err != nil {
			return nil, err
		}
	}
	s.mux = http.NewServeMux()
	s.mux.HandleFunc("POST /{version}/directoryObjects/getByIds", s.byIDs)
	s.mux.HandleFunc("GET /{version}/{path...}", s.read)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) { noSegment(w, r.URL.Path) })
	return s, nil
}

func noSegment(w http.ResponseWriter, path string) {
	refuse(w, http.StatusBadRequest, "Request_BadRequest", fmt.Sprintf("Resource not found for the segment '%.100s'.", path))
}

// add files an object. Members of a group and the names of an application's
// permissions are written with the object and served at paths of their own.
func (s *server) add(given Object) error {
	var fields object
	if err := json.Unmarshal(given.Body, &fields); err != nil {
		return fmt.Errorf("read a directory object: %w", err)
	}
	id, _ := fields["id"].(string)
	kind, _ := fields["@odata.type"].(string)
	collection := given.Collection
	if !slices.Contains(Collections(), collection) {
		collection = CollectionOf(kind)
	}
	if collection == "" {
		return fmt.Errorf("directory object %.60q has no @odata.type", id)
	}
	switch collection {
	case "groups":
		s.addMembers(id, fields)
	case "appRoleAssignments":
		s.addAppRole(fields)
	}
	s.objects[collection] = append(s.objects[collection], fields)
	s.byID[strings.ToLower(id)] = fields
	return nil
}

func (s *server) addMembers(id string, fields object) {
	list, _ := fields["transitiveMembers"].([]any)
	delete(fields, "transitiveMembers")
	for _, item := range list {
		if member, ok := item.(object); ok {
			s.members[strings.ToLower(id)] = append(s.members[strings.ToLower(id)], member)
		}
	}
}

func (s *server) addAppRole(fields object) {
	value, named := fields["appRoleValue"].(string)
	id, _ := fields["appRoleId"].(string)
	delete(fields, "appRoleValue")
	if named && !slices.ContainsFunc(s.appRoles, func(role object) bool { return same(role["id"], id) }) {
		s.appRoles = append(s.appRoles, object{
			"id": id, "value": value, "displayName": value, "description": value, "isEnabled": true, "allowedMemberTypes": []any{"Application"},
		})
	}
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
	path := r.URL.Path
	for _, version := range []string{"/v1.0", "/beta"} {
		path = strings.TrimPrefix(path, version)
	}
	if at, _, ok := find(strings.Trim(path, "/")); ok && (!at.permits(who) || slices.Contains(s.o.Unread, at.collection)) {
		refuse(w, http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
		return
	}
	if strings.HasPrefix(path, "/directoryObjects/") && !slices.Contains(who.Roles, directory) {
		refuse(w, http.StatusForbidden, "Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
		return
	}
	s.mux.ServeHTTP(w, r)
}

// byKey is the alternate key form: servicePrincipals(appId='…').
var byKey = regexp.MustCompile(`^([A-Za-z]+)\(appId='([^']*)'\)$`)

// read answers every GET by its route.
func (s *server) read(w http.ResponseWriter, r *http.Request) {
	path := strings.Trim(r.PathValue("path"), "/")
	if m := byKey.FindStringSubmatch(path); m != nil {
		s.one(w, r, m[1], func(o object) bool { return same(o["appId"], m[2]) }, m[2])
		return
	}
	at, rest, ok := find(path)
	id, below, _ := strings.Cut(rest, "/")
	switch {
	case !ok:
		noSegment(w, r.URL.Path)
	case at.single && rest == "":
		s.one(w, r, at.collection, func(object) bool { return true }, at.collection)
	case rest == "":
		s.list(w, r, at.collection, s.objects[at.collection])
	case below == "":
		s.one(w, r, at.collection, func(o object) bool { return same(o["id"], id) }, id)
	case at.collection == "groups" && strings.EqualFold(below, "transitiveMembers"):
		s.list(w, r, "directoryObjects", s.members[strings.ToLower(id)])
	default:
		noSegment(w, r.URL.Path)
	}
}

func (s *server) list(w http.ResponseWriter, r *http.Request, name string, all []object) {
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
	for _, o := range all {
		if keep(o) {
			matching = append(matching, o)
		}
	}
	s.page(w, r, name, matching, start, size)
}

func (s *server) page(w http.ResponseWriter, r *http.Request, name string, matching []object, start, size int) {
	start = min(start, len(matching))
	end := min(start+size, len(matching))
	values := make([]object, 0, end-start)
	for _, o := range matching[start:end] {
		values = append(values, project(o, r.URL.Query().Get("$select")))
	}
	body := object{"@odata.context": s.o.BaseURL + "/v1.0/$metadata#" + name, "value": values}
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

func (s *server) one(w http.ResponseWriter, r *http.Request, collection string, is func(object) bool, shown string) {
	at := slices.IndexFunc(s.objects[collection], is)
	if at < 0 && collection == "servicePrincipals" && shown == entra.AppMSGraph {
		write(w, http.StatusOK, project(s.graphItself(), r.URL.Query().Get("$select")))
		return
	}
	if at < 0 {
		refuse(w, http.StatusNotFound, "Request_ResourceNotFound",
			fmt.Sprintf("Resource '%.60s' does not exist or one of its queried reference-property objects are not present.", shown))
		return
	}
	found := s.objects[collection][at]
	if same(found["appId"], entra.AppMSGraph) && collection == "servicePrincipals" {
		found = maps.Clone(found)
		found["appRoles"] = s.roles()
	}
	write(w, http.StatusOK, project(found, r.URL.Query().Get("$select")))
}

// graphItself stands for Microsoft Graph's own service principal, which every
// tenant has, where the scenario does not write it.
func (s *server) graphItself() object {
	return object{
		"id": "00000003-0000-0000-c000-0000000000ff", "appId": entra.AppMSGraph, "displayName": "Microsoft Graph",
		"servicePrincipalType": "Application", "appRoles": s.roles(),
	}
}

func (s *server) roles() []object {
	if s.appRoles == nil {
		return []object{}
	}
	return s.appRoles
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
	for _, always := range []string{"id", "@odata.type"} {
		if v, ok := o[always]; ok {
			out[always] = v
		}
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
