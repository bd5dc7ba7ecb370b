package kubeapi

import (
	"errors"
	"net/http"
	"strconv"
	"strings"
)

type server struct {
	o         Options
	catalogue *catalogue
}

// public paths need no right beyond being signed in: the role system:discovery.
// https://kubernetes.io/docs/reference/access-authn-authz/rbac/#discovery-roles
var public = map[string]bool{
	"/": true, "/api": true, "/apis": true, "/version": true, "/healthz": true, "/livez": true, "/readyz": true,
	"/openapi/v2": true, "/openapi/v3": true,
}

func (s *server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	user, ok := s.authenticate(w, req)
	if !ok {
		return
	}
	path := strings.TrimSuffix(req.URL.Path, "/")
	if path == "" {
		path = "/"
	}
	part := strings.Split(strings.TrimPrefix(path, "/"), "/")
	switch {
	case public[path] || strings.HasPrefix(path, "/openapi/"), len(part) == 2 && part[0] == "api", len(part) <= 3 && part[0] == "apis":
		s.discover(w, req, path, part)
	case part[0] == "api":
		s.resource(w, req, user, "", part[1], part[2:])
	case part[0] == "apis":
		s.resource(w, req, user, part[1], part[2], part[3:])
	default:
		a := Attributes{Verb: strings.ToLower(req.Method), Path: path}
		if allowed, why := s.o.Authorize(user, a); !allowed {
			forbidden(w, user, a, why)
			return
		}
		http.Error(w, "404 page not found", http.StatusNotFound)
	}
}

func (s *server) authenticate(w http.ResponseWriter, req *http.Request) (User, bool) {
	scheme, token, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "bearer") {
		token = ""
	}
	user, err := s.o.Authenticate(strings.TrimSpace(token))
	switch {
	case errors.Is(err, ErrUnauthenticated):
		unauthorized(w)
		return User{}, false
	case err != nil:
		fail(w, http.StatusInternalServerError, "InternalError", "Internal error occurred: the token could not be checked", nil)
		return User{}, false
	}
	return user, true
}

// resource serves what is below a group and version: namespaces/NS/PLURAL/NAME
// or PLURAL/NAME. Rights are asked for before anything is said of existence.
func (s *server) resource(w http.ResponseWriter, req *http.Request, user User, group, version string, rest []string) {
	if req.Method == http.MethodPost && s.review(w, req, user, group, version, rest) {
		return
	}
	watching := rest[0] == "watch" && len(rest) > 1
	if watching {
		rest = rest[1:]
	}
	a := Attributes{Group: group, Version: version}
	if rest[0] == "namespaces" && len(rest) > 2 {
		a.Namespace, rest = rest[1], rest[2:]
	}
	a.Resource = rest[0]
	if len(rest) > 1 {
		a.Name = rest[1]
	}
	if len(rest) > 2 {
		a.Subresource = strings.Join(rest[2:], "/")
	}
	if group == "" && a.Resource == "namespaces" { // reading a namespace is asked inside it
		a.Namespace = a.Name
	}
	query := req.URL.Query()
	wants, _ := strconv.ParseBool(query.Get("watch"))
	a.Verb = verb(req.Method, a.Name, watching || wants)
	if allowed, why := s.o.Authorize(user, a); !allowed {
		forbidden(w, user, a, why)
		return
	}
	r := s.catalogue.find(group, version, a.Resource)
	scoped := a.Namespace != "" && (group != "" || a.Resource != "namespaces")
	switch {
	case r == nil, scoped && !r.namespaced, a.Name != "" && r.namespaced && a.Namespace == "", a.Subresource != "":
		if !s.catalogue.serves(group, version) {
			http.Error(w, "404 page not found", http.StatusNotFound)
			return
		}
		noSuchResource(w)
	case a.Verb == "get":
		s.get(w, req, r, a)
	case a.Verb == "list":
		s.list(w, req, r, a)
	default: // a read-only server: no writes, and no watch
		notAllowed(w)
	}
}

func verb(method, name string, watch bool) string {
	switch method {
	case http.MethodGet, http.MethodHead:
		switch {
		case watch:
			return "watch"
		case name == "":
			return "list"
		default:
			return "get"
		}
	case http.MethodPost:
		return "create"
	case http.MethodPut:
		return "update"
	case http.MethodPatch:
		return "patch"
	case http.MethodDelete:
		if name == "" {
			return "deletecollection"
		}
		return "delete"
	default:
		return strings.ToLower(method)
	}
}

func (s *server) get(w http.ResponseWriter, req *http.Request, r *resource, a Attributes) {
	form, ok := negotiate(req)
	if !ok {
		notAcceptable(w)
		return
	}
	namespace := a.Namespace
	if !r.namespaced {
		namespace = ""
	}
	for _, o := range r.objects.items {
		if o.name != a.Name || o.namespace != namespace {
			continue
		}
		if form == formTable {
			writeJSON(w, http.StatusOK, tableType, s.table(r, []*object{o}, listMeta{ResourceVersion: s.version()}, req.URL.Query().Get("includeObject")))
			return
		}
		writeJSON(w, http.StatusOK, "application/json", o.write(r, true))
		return
	}
	notFound(w, r, a.Name)
}

func (s *server) version() string { return strconv.FormatInt(s.catalogue.version, 10) }

type form int

const (
	formJSON form = iota
	formTable
)

const tableType = "application/json;as=Table;v=v1;g=meta.k8s.io"

// negotiate picks the first type of Accept that is served.
func negotiate(req *http.Request) (form, bool) {
	accept := strings.Join(req.Header.Values("Accept"), ",")
	if accept == "" {
		return formJSON, true
	}
	for item := range strings.SplitSeq(accept, ",") {
		parts := strings.Split(strings.ReplaceAll(item, " ", ""), ";")
		params := map[string]string{}
		for _, p := range parts[1:] {
			k, v, _ := strings.Cut(p, "=")
			params[k] = v
		}
		switch parts[0] {
		case "application/json", "application/*", "*/*":
			switch {
			case params["as"] == "":
				return formJSON, true
			case params["as"] == "Table" && params["v"] == "v1" && params["g"] == "meta.k8s.io":
				return formTable, true
			}
		}
	}
	return formJSON, false
}

func notAcceptable(w http.ResponseWriter) {
	fail(w, http.StatusNotAcceptable, "NotAcceptable", "only the following media types are accepted: application/json, "+tableType, &statusDetails{})
}
