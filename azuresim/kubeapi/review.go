package kubeapi

import (
	"encoding/json"
	"errors"
	"net/http"
	"strings"
)

// reviews are what may be POSTed: questions, which change nothing.
// https://kubernetes.io/docs/reference/access-authn-authz/authorization/#checking-api-access
var reviews = []struct{ group, version, plural, kind string }{
	{"authorization.k8s.io", "v1", "selfsubjectaccessreviews", "SelfSubjectAccessReview"},
	{"authorization.k8s.io", "v1", "selfsubjectrulesreviews", "SelfSubjectRulesReview"},
	{"authentication.k8s.io", "v1", "selfsubjectreviews", "SelfSubjectReview"},
}

var reviewVersions = map[string]string{"authorization.k8s.io": "v1", "authentication.k8s.io": "v1"}

const maxReviewBytes = 64 << 10 // a review is a few hundred bytes

type accessReview struct {
	ResourceAttributes *struct {
		Namespace   string `json:"namespace"`
		Verb        string `json:"verb"`
		Group       string `json:"group"`
		Version     string `json:"version"`
		Resource    string `json:"resource"`
		Subresource string `json:"subresource"`
		Name        string `json:"name"`
	} `json:"resourceAttributes"`
	NonResourceAttributes *struct {
		Path string `json:"path"`
		Verb string `json:"verb"`
	} `json:"nonResourceAttributes"`
	Namespace string `json:"namespace"`
}

// review answers a review; false when the path is none.
func (s *server) review(w http.ResponseWriter, req *http.Request, user User, group, version string, rest []string) bool {
	kind := ""
	for _, v := range reviews {
		if v.group == group && v.version == version && len(rest) == 1 && rest[0] == v.plural {
			kind = v.kind
		}
	}
	if kind == "" {
		return false
	}
	if t := req.Header.Get("Content-Type"); t != "" && !strings.HasPrefix(t, "application/json") {
		fail(w, http.StatusUnsupportedMediaType, "UnsupportedMediaType", "the body of the request was in an unknown format - accepted media types include: application/json", &statusDetails{})
		return true
	}
	var body struct {
		Spec json.RawMessage `json:"spec"`
	}
	dec := json.NewDecoder(http.MaxBytesReader(w, req.Body, maxReviewBytes))
	if err := dec.Decode(&body); err != nil {
		if _, large := errors.AsType[*http.MaxBytesError](err); large {
			fail(w, http.StatusRequestEntityTooLarge, "RequestEntityTooLarge", "limit is 65536", nil)
			return true
		}
		badRequest(w, "the object provided is unrecognized (must be of type "+kind+")")
		return true
	}
	var spec accessReview
	if len(body.Spec) > 0 {
		if err := json.Unmarshal(body.Spec, &spec); err != nil {
			badRequest(w, "the object provided is unrecognized (must be of type "+kind+")")
			return true
		}
	} else {
		body.Spec = json.RawMessage("{}")
	}
	answer := s.answer(w, user, kind, spec)
	if answer != nil {
		writeJSON(w, http.StatusCreated, "application/json", map[string]any{
			"kind": kind, "apiVersion": group + "/" + version, "metadata": map[string]any{"creationTimestamp": nil},
			"spec": body.Spec, "status": answer,
		})
	}
	return true
}

func (s *server) answer(w http.ResponseWriter, user User, kind string, spec accessReview) map[string]any {
	switch kind {
	case "SelfSubjectReview":
		info := map[string]any{"username": user.Name, "groups": user.Groups}
		if user.UID != "" {
			info["uid"] = user.UID
		}
		return map[string]any{"userInfo": info}
	case "SelfSubjectRulesReview":
		return map[string]any{"resourceRules": s.rules(user, spec.Namespace), "nonResourceRules": []any{
			map[string]any{"verbs": []string{"get"}, "nonResourceURLs": []string{"/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version", "/version/"}},
		}, "incomplete": false}
	}
	var a Attributes
	switch {
	case spec.ResourceAttributes != nil:
		r := spec.ResourceAttributes
		a = Attributes{Verb: r.Verb, Group: r.Group, Version: r.Version, Resource: r.Resource, Subresource: r.Subresource, Namespace: r.Namespace, Name: r.Name}
	case spec.NonResourceAttributes != nil:
		a = Attributes{Verb: spec.NonResourceAttributes.Verb, Path: spec.NonResourceAttributes.Path}
	default:
		fail(w, http.StatusUnprocessableEntity, "Invalid", "exactly one of nonResourceAttributes or resourceAttributes must be specified", &statusDetails{Group: "authorization.k8s.io", Kind: kind})
		return nil
	}
	if a.Path != "" && public[strings.TrimSuffix(a.Path, "/")] && a.Verb == "get" {
		return map[string]any{"allowed": true}
	}
	allowed, why := s.o.Authorize(user, a)
	out := map[string]any{"allowed": allowed}
	if why != "" {
		out["reason"] = why
	}
	return out
}

// rules asks for every verb on every resource and gathers those allowed.
func (s *server) rules(user User, namespace string) []any {
	rules := []any{}
	for _, r := range s.catalogue.resources {
		var verbs []string
		for _, v := range []string{"get", "list", "watch", "create", "update", "patch", "delete"} {
			a := Attributes{Verb: v, Group: r.group, Version: r.version, Resource: r.plural}
			if r.namespaced {
				a.Namespace = namespace
			}
			if allowed, _ := s.o.Authorize(user, a); allowed {
				verbs = append(verbs, v)
			}
		}
		if verbs != nil {
			rules = append(rules, map[string]any{"verbs": verbs, "apiGroups": []string{r.group}, "resources": []string{r.plural}})
		}
	}
	return rules
}
