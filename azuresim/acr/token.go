package acr

import (
	"crypto/subtle"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	issuer = "Azure Container Registry"
	// nullGUID as the user name says that the password is one of ACR's tokens.
	nullGUID     = "00000000-0000-0000-0000-000000000000"
	maxFormBytes = 64 << 10 // a form holds two tokens at most
	maxScopes    = 100      // a client asks for a handful
)

// claims of ACR's tokens.
// https://azure.github.io/acr/AAD-OAuth.html#azure-container-registry-token-claim-sets
type claims struct {
	jwt.RegisteredClaims
	Version   string   `json:"version"`
	GrantType string   `json:"grant_type"`
	Tenant    string   `json:"tenant,omitempty"`
	Name      string   `json:"name,omitempty"`
	Access    []access `json:"access,omitempty"`
}

type access struct {
	Type    string   `json:"type"`
	Name    string   `json:"name"`
	Actions []string `json:"actions"`
}

// holder is who asks for an access token, and what limits him.
type holder struct {
	principal Principal
	admin     bool
	anonymous bool
	// within, when set, is what an access token used as a password already has.
	within []access
}

// exchange turns an Entra access token into a refresh token.
func (s *Server) exchange(w http.ResponseWriter, req *http.Request, r *registry) {
	if req.Method != http.MethodPost || !parseForm(w, req) {
		writeError(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "the operation is unsupported", nil)
		return
	}
	form := req.PostForm
	if g := form.Get("grant_type"); g != "access_token" && g != "access_token_refresh_token" {
		writeError(w, http.StatusBadRequest, "BAD_REQUEST", "the grant_type is not supported", nil)
		return
	}
	if !s.isService(r, form.Get("service")) {
		writeError(w, http.StatusBadRequest, "BAD_REQUEST", "the service is not this registry", nil)
		return
	}
	if s.o.VerifyEntraToken == nil {
		unauthorized(w, "", nil)
		return
	}
	p, err := s.o.VerifyEntraToken(form.Get("access_token"))
	if err != nil || form.Get("tenant") != "" && p.TenantID != "" && !strings.EqualFold(form.Get("tenant"), p.TenantID) {
		unauthorized(w, "", nil)
		return
	}
	token, err := s.sign(r, claims{GrantType: "refresh_token", Tenant: p.TenantID, Name: p.Name}, p.ObjectID, refreshLifetime)
	s.give(w, "refresh_token", token, err)
}

// token gives an access token for the scopes asked for, cut down to what the
// holder may do.
func (s *Server) token(w http.ResponseWriter, req *http.Request, r *registry) {
	if !parseForm(w, req) {
		writeError(w, http.StatusBadRequest, "BAD_REQUEST", "the form cannot be read", nil)
		return
	}
	form := req.Form
	if service := form.Get("service"); service != "" && !s.isService(r, service) {
		writeError(w, http.StatusBadRequest, "BAD_REQUEST", "the service is not this registry", nil)
		return
	}
	h, ok := s.holder(req, r)
	if !ok {
		unauthorized(w, "", nil)
		return
	}
	wanted, ok := parseScopes(form["scope"])
	if !ok {
		writeError(w, http.StatusBadRequest, "BAD_REQUEST", "the scope cannot be read", nil)
		return
	}
	c := claims{GrantType: "access_token", Tenant: h.principal.TenantID, Name: h.principal.Name, Access: s.grant(r, h, wanted)}
	token, err := s.sign(r, c, h.principal.ObjectID, s.o.TokenLifetime)
	s.give(w, "access_token", token, err)
}

func parseForm(w http.ResponseWriter, req *http.Request) bool {
	req.Body = http.MaxBytesReader(w, req.Body, maxFormBytes)
	return req.ParseForm() == nil
}

func (s *Server) isService(r *registry, service string) bool {
	host, _, _ := strings.Cut(service, ":")
	return strings.EqualFold(host, r.login) || strings.EqualFold(service, r.login)
}

func (s *Server) give(w http.ResponseWriter, name, token string, err error) {
	if err != nil {
		writeError(w, http.StatusInternalServerError, "INTERNAL_SERVER_ERROR", "the token cannot be signed", nil)
		return
	}
	writeJSON(w, http.StatusOK, map[string]string{name: token})
}

// holder finds who asks: a refresh token in the form, a password in the form
// or in Basic authorisation, or nobody where anonymous pull is on.
func (s *Server) holder(req *http.Request, r *registry) (holder, bool) {
	user, password, basic := req.BasicAuth()
	switch grant := req.Form.Get("grant_type"); {
	case grant == "refresh_token":
		return s.byToken(r, req.Form.Get("refresh_token"))
	case grant == "password":
		return s.byPassword(r, req.Form.Get("username"), req.Form.Get("password"))
	case basic:
		return s.byPassword(r, user, password)
	case grant == "" && r.AnonymousPull:
		return holder{anonymous: true}, true
	}
	return holder{}, false
}

func (s *Server) byPassword(r *registry, user, password string) (holder, bool) {
	if user == nullGUID {
		return s.byToken(r, password)
	}
	if r.AdminUser == "" || user != r.AdminUser {
		return holder{}, false
	}
	for _, p := range r.AdminPasswords {
		if p != "" && subtle.ConstantTimeCompare([]byte(p), []byte(password)) == 1 {
			return holder{admin: true, principal: Principal{ObjectID: user, Name: user}}, true
		}
	}
	return holder{}, false
}

func (s *Server) byToken(r *registry, token string) (holder, bool) {
	c, err := s.check(r, token)
	if err != nil {
		return holder{}, false
	}
	h := holder{principal: Principal{ObjectID: c.Subject, Name: c.Name, TenantID: c.Tenant}}
	if c.GrantType == "access_token" {
		h.within = c.Access
		if h.within == nil {
			h.within = []access{}
		}
	}
	return h, true
}

func (s *Server) sign(r *registry, c claims, subject string, lifetime time.Duration) (string, error) {
	now := s.o.Now()
	c.RegisteredClaims = jwt.RegisteredClaims{
		Issuer: issuer, Audience: jwt.ClaimStrings{r.login}, Subject: subject,
		IssuedAt: jwt.NewNumericDate(now), NotBefore: jwt.NewNumericDate(now), ExpiresAt: jwt.NewNumericDate(now.Add(lifetime)),
	}
	c.Version = "1.0"
	t := jwt.NewWithClaims(jwt.SigningMethodRS256, c)
	t.Header["kid"] = s.keyID
	return t.SignedString(s.o.Key)
}

func (s *Server) check(r *registry, token string) (claims, error) {
	var c claims
	_, err := jwt.ParseWithClaims(token, &c, func(*jwt.Token) (any, error) { return &s.o.Key.PublicKey, nil },
		jwt.WithValidMethods([]string{"RS256"}), jwt.WithIssuer(issuer), jwt.WithAudience(r.login),
		jwt.WithExpirationRequired(), jwt.WithTimeFunc(s.o.Now))
	if err != nil {
		return c, err
	}
	if c.GrantType != "access_token" && c.GrantType != "refresh_token" {
		return c, errors.New("the token is of no known kind")
	}
	return c, nil
}

// parseScopes reads repository:NAME:pull,push and registry:catalog:*, several
// to a value with spaces between.
// https://distribution.github.io/distribution/spec/auth/scope/
func parseScopes(values []string) ([]access, bool) {
	var out []access
	for _, v := range values {
		for scope := range strings.FieldsSeq(v) {
			typ, rest, ok := strings.Cut(scope, ":")
			at := strings.LastIndexByte(rest, ':')
			if !ok || at < 0 || len(out) >= maxScopes {
				return nil, false
			}
			out = append(out, access{Type: typ, Name: rest[:at], Actions: strings.Split(rest[at+1:], ",")})
		}
	}
	return out, true
}

// grant keeps the actions that the holder may do.
func (s *Server) grant(r *registry, h holder, wanted []access) []access {
	var out []access
	for _, a := range wanted {
		got := access{Type: a.Type, Name: a.Name}
		for _, action := range a.Actions {
			if !slices.Contains(got.Actions, action) && s.may(r, h, a.Type, a.Name, action) {
				got.Actions = append(got.Actions, action)
			}
		}
		if got.Actions != nil {
			out = append(out, got)
		}
	}
	return out
}

func (s *Server) may(r *registry, h holder, typ, name, action string) bool {
	repo := name
	switch {
	case typ == "registry" && name == "catalog" && action == "*":
		repo, action = "", Catalog
	case typ != "repository":
		return false
	}
	switch {
	case h.admin:
		return true
	case h.within != nil:
		want := action
		if action == Catalog {
			want = "*"
		}
		return holds(h.within, typ, name, want)
	case h.anonymous:
		return action == Pull || action == MetadataRead
	case action == "*": // every action that there is
		return s.all(h, r, repo)
	}
	return s.o.Authorize != nil && s.o.Authorize(h.principal, r.login, repo, action)
}

func (s *Server) all(h holder, r *registry, repo string) bool {
	for _, action := range []string{Pull, Push, Delete, MetadataRead, MetadataWrite} {
		if s.o.Authorize == nil || !s.o.Authorize(h.principal, r.login, repo, action) {
			return false
		}
	}
	return true
}

func holds(all []access, typ, name, action string) bool {
	return slices.ContainsFunc(all, func(a access) bool {
		return a.Type == typ && a.Name == name && (slices.Contains(a.Actions, action) || slices.Contains(a.Actions, "*"))
	})
}
