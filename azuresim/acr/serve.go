package acr

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"
)

const authorizationHelp = "authentication required, visit https://aka.ms/acr/authorization for more information."

// ServeHTTP answers for the registry that the Host header names.
func (s *Server) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	host := strings.ToLower(req.Host)
	r := s.registries[host]
	if h, _, err := net.SplitHostPort(host); r == nil && err == nil {
		host = h
		r = s.registries[h]
	}
	if d := s.data[host]; r == nil && d != nil {
		s.blob(w, req, d)
		return
	}
	if r == nil {
		http.Error(w, "no such host", http.StatusNotFound)
		return
	}
	w.Header().Set("Docker-Distribution-Api-Version", "registry/2.0")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	switch path := req.URL.Path; {
	case !r.admits(req):
		// https://aka.ms/acr/firewall
		writeError(w, http.StatusForbidden, "DENIED", fmt.Sprintf("client with IP '%s' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.", clientIP(req)), nil)
	case path == "/oauth2/exchange":
		s.exchange(w, req, r)
	case path == "/oauth2/token":
		s.token(w, req, r)
	case strings.HasPrefix(path, "/v2") || strings.HasPrefix(path, "/acr/v1/"):
		if !r.delays(req) {
			return
		}
		if r.throttles() {
			// https://learn.microsoft.com/azure/container-registry/container-registry-skus#registry-throughput-and-throttling
			w.Header().Set("Retry-After", "1")
			writeError(w, http.StatusTooManyRequests, "TOOMANYREQUESTS", "too many requests", nil)
			return
		}
		s.api(w, req, r)
	default:
		http.NotFound(w, req)
	}
}

func (r *registry) throttles() bool {
	return r.ThrottleEvery > 0 && r.calls.Add(1)%int64(r.ThrottleEvery) == 0
}

// delays waits, and says whether the client did too.
func (r *registry) delays(req *http.Request) bool {
	if r.Delay <= 0 {
		return true
	}
	timer := time.NewTimer(r.Delay)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-req.Context().Done():
		return false
	}
}

func clientIP(req *http.Request) string {
	host, _, err := net.SplitHostPort(req.RemoteAddr)
	if err != nil {
		return req.RemoteAddr
	}
	return host
}

func (r *registry) admits(req *http.Request) bool {
	if !r.Firewall {
		return true
	}
	ip, err := netip.ParseAddr(clientIP(req))
	if err != nil {
		return false
	}
	for _, p := range r.AllowedPrefixes {
		if p.Contains(ip.Unmap()) {
			return true
		}
	}
	return false
}

// target is what a path below /v2/ or /acr/v1/ names.
type target struct {
	kind       string // manifests, blobs, tags, referrers, catalog, repository; "" is /v2/ itself or nothing known
	repository string
	reference  string
}

func parseTarget(path string) target {
	if rest, ok := strings.CutPrefix(path, "/acr/v1/"); ok {
		return parseMetadata(rest)
	}
	rest, ok := strings.CutPrefix(path, "/v2/")
	if !ok {
		return target{}
	}
	if rest == "_catalog" {
		return target{kind: "catalog"}
	}
	if repo, ok := strings.CutSuffix(rest, "/tags/list"); ok {
		return target{kind: "tags", repository: repo}
	}
	for _, kind := range []string{"manifests", "blobs", "referrers"} {
		if at := strings.LastIndex(rest, "/"+kind+"/"); at > 0 {
			return target{kind: kind, repository: rest[:at], reference: rest[at+len(kind)+2:]}
		}
	}
	return target{}
}

func parseMetadata(rest string) target {
	rest = strings.TrimSuffix(rest, "/")
	if rest == "_catalog" {
		return target{kind: "catalog"}
	}
	for _, kind := range []string{"tags", "manifests"} {
		if repo, ok := strings.CutSuffix(rest, "/_"+kind); ok {
			return target{kind: kind, repository: repo}
		}
		if at := strings.LastIndex(rest, "/_"+kind+"/"); at > 0 {
			return target{kind: kind, repository: rest[:at], reference: rest[at+len(kind)+3:]}
		}
	}
	return target{kind: "repository", repository: rest}
}

// need is the scope that a request takes.
func need(method string, t target, metadata bool) []access {
	read := method == http.MethodGet || method == http.MethodHead
	repo := func(actions ...string) []access {
		return []access{{Type: "repository", Name: t.repository, Actions: actions}}
	}
	switch {
	case t.kind == "":
		return nil
	case t.kind == "catalog":
		return []access{{Type: "registry", Name: "catalog", Actions: []string{"*"}}}
	case metadata && method == http.MethodDelete:
		return repo(Delete)
	case metadata && !read:
		return repo(MetadataWrite)
	case metadata || t.kind == "tags":
		return repo(MetadataRead)
	case read:
		return repo(Pull)
	case method == http.MethodDelete:
		return repo(Delete)
	default:
		return repo(Pull, Push)
	}
}

// api checks the access token and serves /v2/ and /acr/v1/.
func (s *Server) api(w http.ResponseWriter, req *http.Request, r *registry) {
	metadata := strings.HasPrefix(req.URL.Path, "/acr/v1/")
	t := parseTarget(req.URL.Path)
	scopes := need(req.Method, t, metadata)
	if !s.authorized(w, req, r, scopes) {
		return
	}
	switch {
	case t.kind == "catalog" && req.Method == http.MethodGet:
		s.catalog(w, req, r)
	case metadata:
		s.metadata(w, req, r, t)
	case t.kind == "tags" && req.Method == http.MethodGet:
		s.tags(w, req, r, t)
	case t.kind == "blobs" && req.Method == http.MethodGet && r.DataHost != "" && strings.Contains(t.reference, ":"):
		s.redirect(w, req, r)
	default:
		r.store.ServeHTTP(w, req)
	}
}

// authorized answers 401 with a challenge unless the request carries what the
// scopes ask for.
func (s *Server) authorized(w http.ResponseWriter, req *http.Request, r *registry, scopes []access) bool {
	challenge := fmt.Sprintf("Bearer realm=%q,service=%q", "https://"+req.Host+"/oauth2/token", r.login)
	if len(scopes) > 0 {
		challenge += fmt.Sprintf(",scope=%q", scopes[0].Type+":"+scopes[0].Name+":"+strings.Join(scopes[0].Actions, ","))
	}
	scheme, token, _ := strings.Cut(req.Header.Get("Authorization"), " ")
	switch {
	case strings.EqualFold(scheme, "Basic"):
		user, password, _ := req.BasicAuth()
		h, ok := s.byPassword(r, user, password)
		if ok && len(s.missing(r, h, scopes)) == 0 {
			return true
		}
	case strings.EqualFold(scheme, "Bearer"):
		c, err := s.check(r, strings.TrimSpace(token))
		if err != nil || c.GrantType != "access_token" {
			challenge += `,error="invalid_token"`
			break
		}
		if len(s.missing(r, holder{within: append([]access{}, c.Access...)}, scopes)) == 0 {
			return true
		}
		challenge += `,error="insufficient_scope"`
	}
	unauthorized(w, challenge, scopes)
	return false
}

func (s *Server) missing(r *registry, h holder, scopes []access) []string {
	var out []string
	for _, a := range scopes {
		for _, action := range a.Actions {
			if !s.may(r, h, a.Type, a.Name, action) {
				out = append(out, action)
			}
		}
	}
	return out
}

// redirect sends a client to where the blob lies, with a signature in the URL
// that stands for the registry's own permission, valid for the data host
// alone. The client must not send its token along.
// https://learn.microsoft.com/azure/container-registry/container-registry-dedicated-data-endpoints
func (s *Server) redirect(w http.ResponseWriter, req *http.Request, r *registry) {
	probe := &statusWriter{ResponseWriter: discard{http.Header{}}}
	head := req.Clone(req.Context())
	head.Method = http.MethodHead
	r.store.ServeHTTP(probe, head)
	if probe.code >= http.StatusBadRequest {
		r.store.ServeHTTP(w, req)
		return
	}
	sig, err := s.sign(r, claims{GrantType: "access_token", Name: req.URL.Path}, "blob", s.o.TokenLifetime)
	if err != nil {
		writeError(w, http.StatusInternalServerError, "INTERNAL_SERVER_ERROR", "the link cannot be signed", nil)
		return
	}
	host := r.DataHost
	if _, port, err := net.SplitHostPort(req.Host); err == nil {
		host = net.JoinHostPort(r.DataHost, port)
	}
	http.Redirect(w, req, "https://"+host+req.URL.EscapedPath()+"?sig="+url.QueryEscape(sig), http.StatusTemporaryRedirect) //nolint:gosec // the host is the scenario's own data host
}

type discard struct{ h http.Header }

func (d discard) Header() http.Header         { return d.h }
func (d discard) Write(p []byte) (int, error) { return len(p), nil }
func (d discard) WriteHeader(int)             {}

// blob serves the data host: the signed URL is all that counts. A request that
// still carries a token is refused, as Azure's storage refuses two forms of
// authorisation at once.
func (s *Server) blob(w http.ResponseWriter, req *http.Request, r *registry) {
	c, err := s.check(r, req.URL.Query().Get("sig"))
	switch {
	case req.Header.Get("Authorization") != "":
		http.Error(w, "InvalidAuthenticationInfo", http.StatusBadRequest)
	case err != nil || c.Subject != "blob" || c.Name != req.URL.Path || req.Method != http.MethodGet:
		http.Error(w, "AuthenticationFailed", http.StatusForbidden)
	default:
		r.store.ServeHTTP(w, req)
	}
}

type errorBody struct {
	Errors []errorInfo `json:"errors"`
}

type errorInfo struct {
	Code    string `json:"code"`
	Message string `json:"message"`
	Detail  any    `json:"detail,omitempty"`
}

func writeError(w http.ResponseWriter, status int, code, message string, detail any) {
	writeJSON(w, status, errorBody{Errors: []errorInfo{{Code: code, Message: message, Detail: detail}}})
}

// unauthorized words a 401 as ACR does, naming each action that is missing.
func unauthorized(w http.ResponseWriter, challenge string, scopes []access) {
	if challenge != "" {
		w.Header().Set("Www-Authenticate", challenge)
	}
	type missing struct{ Type, Name, Action string }
	var detail []missing
	for _, a := range scopes {
		for _, action := range a.Actions {
			detail = append(detail, missing{a.Type, a.Name, action})
		}
	}
	if detail == nil {
		writeError(w, http.StatusUnauthorized, "UNAUTHORIZED", authorizationHelp, nil)
		return
	}
	writeError(w, http.StatusUnauthorized, "UNAUTHORIZED", authorizationHelp, detail)
}

func writeJSON(w http.ResponseWriter, status int, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "the answer cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.Header().Set("Content-Length", strconv.Itoa(len(body)))
	w.WriteHeader(status)
	_, _ = w.Write(body) // the client has gone: nobody is left to tell
}
