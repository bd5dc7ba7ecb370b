package kubeapi

import (
	"encoding/json"
	"fmt"
	"net/http"
)

// status is the Status object of a failure.
// https://kubernetes.io/docs/reference/generated/kubernetes-api/v1.30/#status-v1-meta
type status struct {
	Kind       string         `json:"kind"`
	APIVersion string         `json:"apiVersion"`
	Metadata   struct{}       `json:"metadata"`
	Status     string         `json:"status"`
	Message    string         `json:"message,omitempty"`
	Reason     string         `json:"reason,omitempty"`
	Details    *statusDetails `json:"details,omitempty"`
	Code       int            `json:"code"`
}

type statusDetails struct {
	Name  string `json:"name,omitempty"`
	Group string `json:"group,omitempty"`
	Kind  string `json:"kind,omitempty"`
}

func fail(w http.ResponseWriter, code int, reason, message string, details *statusDetails) {
	writeJSON(w, code, "application/json", status{
		Kind: "Status", APIVersion: "v1", Status: "Failure",
		Message: message, Reason: reason, Details: details, Code: code,
	})
}

func unauthorized(w http.ResponseWriter) {
	fail(w, http.StatusUnauthorized, "Unauthorized", "Unauthorized", nil)
}

// forbidden words a denial as apiserver's responsewriters does, which clients
// quote to people.
func forbidden(w http.ResponseWriter, u User, a Attributes, why string) {
	if a.Path != "" {
		message := fmt.Sprintf("forbidden: User %q cannot %s path %q", u.Name, a.Verb, a.Path)
		fail(w, http.StatusForbidden, "Forbidden", because(message, why), &statusDetails{})
		return
	}
	what := a.Resource
	if a.Subresource != "" {
		what += "/" + a.Subresource
	}
	where := "at the cluster scope"
	if a.Namespace != "" {
		where = fmt.Sprintf("in the namespace %q", a.Namespace)
	}
	subject := a.Resource
	if a.Group != "" {
		subject += "." + a.Group
	}
	if a.Name != "" {
		subject += fmt.Sprintf(" %q", a.Name)
	}
	message := fmt.Sprintf("%s is forbidden: User %q cannot %s resource %q in API group %q %s", subject, u.Name, a.Verb, what, a.Group, where)
	fail(w, http.StatusForbidden, "Forbidden", because(message, why), &statusDetails{Name: a.Name, Group: a.Group, Kind: a.Resource})
}

func because(message, why string) string {
	if why == "" {
		return message
	}
	return message + ": " + why
}

func notFound(w http.ResponseWriter, r *resource, name string) {
	what := r.plural
	if r.group != "" {
		what += "." + r.group
	}
	fail(w, http.StatusNotFound, "NotFound", fmt.Sprintf("%s %q not found", what, name), &statusDetails{Name: name, Group: r.group, Kind: r.plural})
}

func noSuchResource(w http.ResponseWriter) {
	fail(w, http.StatusNotFound, "NotFound", "the server could not find the requested resource", &statusDetails{})
}

func notAllowed(w http.ResponseWriter) {
	fail(w, http.StatusMethodNotAllowed, "MethodNotAllowed", "the server does not allow this method on the requested resource", &statusDetails{})
}

func badRequest(w http.ResponseWriter, message string) {
	fail(w, http.StatusBadRequest, "BadRequest", message, nil)
}

func writeJSON(w http.ResponseWriter, code int, contentType string, v any) {
	body, err := json.Marshal(v)
	if err != nil {
		http.Error(w, "the answer cannot be encoded", http.StatusInternalServerError)
		return
	}
	w.Header().Set("Content-Type", contentType)
	w.Header().Set("Cache-Control", "no-cache, private")
	w.WriteHeader(code)
	_, _ = w.Write(append(body, '\n')) // the client has gone: nobody is left to tell
}
