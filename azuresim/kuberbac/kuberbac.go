// Package kuberbac decides what a cluster's own RBAC objects allow: roles and
// cluster roles, bound to users, groups and service accounts.
//
// Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/
package kuberbac

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/azward/azward/azuresim/kubeapi"
)

// Masters is the group that may do everything.
const Masters = "system:masters"

// Policy is read-only and safe for concurrent use.
type Policy struct {
	roles    map[string][]rule // "namespace/name", "/name" for cluster roles
	bindings []binding
}

type rule struct {
	Verbs           []string `json:"verbs"`
	APIGroups       []string `json:"apiGroups"`
	Resources       []string `json:"resources"`
	ResourceNames   []string `json:"resourceNames"`
	NonResourceURLs []string `json:"nonResourceURLs"`
}

type subject struct {
	Kind      string `json:"kind"`
	Name      string `json:"name"`
	Namespace string `json:"namespace"`
}

type binding struct {
	namespace string // "" for a ClusterRoleBinding
	role      string
	subjects  []subject
}

// defaults are what every API server binds to those who signed in: discovery
// and their own access reviews.
//
// Source: https://kubernetes.io/docs/reference/access-authn-authz/rbac/#default-roles-and-role-bindings
var defaults = []rule{
	{Verbs: []string{"get"}, NonResourceURLs: []string{"/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz", "/version", "/version/"}},
	{Verbs: []string{"create"}, APIGroups: []string{"authorization.k8s.io"}, Resources: []string{"selfsubjectaccessreviews", "selfsubjectrulesreviews"}},
	{Verbs: []string{"create"}, APIGroups: []string{"authentication.k8s.io"}, Resources: []string{"selfsubjectreviews"}},
}

// New reads the RBAC objects among a cluster's objects; others are passed over.
func New(objects []json.RawMessage) *Policy {
	p := &Policy{roles: map[string][]rule{}}
	for _, raw := range objects {
		var o struct {
			APIVersion string `json:"apiVersion"`
			Kind       string `json:"kind"`
			Metadata   struct {
				Name      string `json:"name"`
				Namespace string `json:"namespace"`
			} `json:"metadata"`
			Rules   []rule `json:"rules"`
			RoleRef struct {
				Kind string `json:"kind"`
				Name string `json:"name"`
			} `json:"roleRef"`
			Subjects []subject `json:"subjects"`
		}
		if json.Unmarshal(raw, &o) != nil || !strings.HasPrefix(o.APIVersion, "rbac.authorization.k8s.io/") {
			continue
		}
		namespace := o.Metadata.Namespace
		switch o.Kind {
		case "Role", "ClusterRole":
			p.roles[namespace+"/"+o.Metadata.Name] = o.Rules
		case "RoleBinding", "ClusterRoleBinding":
			role := "/" + o.RoleRef.Name
			if o.RoleRef.Kind == "Role" {
				role = namespace + role
			}
			p.bindings = append(p.bindings, binding{namespace: namespace, role: role, subjects: o.Subjects})
		}
	}
	return p
}

// Allowed decides on one request.
func (p *Policy) Allowed(u kubeapi.User, a kubeapi.Attributes) bool {
	if slices.Contains(u.Groups, Masters) || Discovery(a) {
		return true
	}
	for _, b := range p.bindings {
		if b.namespace != "" && b.namespace != a.Namespace || !slices.ContainsFunc(b.subjects, func(s subject) bool { return s.is(u) }) {
			continue
		}
		if allows(p.roles[b.role], a) || b.role == "/cluster-admin" {
			return true
		}
	}
	return false
}

// Discovery reports whether everybody who signed in may do it.
func Discovery(a kubeapi.Attributes) bool { return allows(defaults, a) }

func (s subject) is(u kubeapi.User) bool {
	switch s.Kind {
	case "User":
		return s.Name == u.Name
	case "Group":
		return slices.Contains(u.Groups, s.Name)
	case "ServiceAccount":
		return u.Name == "system:serviceaccount:"+s.Namespace+":"+s.Name
	}
	return false
}

func allows(rules []rule, a kubeapi.Attributes) bool {
	return slices.ContainsFunc(rules, func(r rule) bool { return r.allows(a) })
}

func (r rule) allows(a kubeapi.Attributes) bool {
	if !has(r.Verbs, a.Verb) {
		return false
	}
	if a.Path != "" {
		return slices.ContainsFunc(r.NonResourceURLs, func(pattern string) bool {
			prefix, wild := strings.CutSuffix(pattern, "*")
			return pattern == a.Path || wild && strings.HasPrefix(a.Path, prefix)
		})
	}
	resource := a.Resource
	if a.Subresource != "" {
		resource += "/" + a.Subresource
	}
	return has(r.APIGroups, a.Group) &&
		(has(r.Resources, resource) || a.Subresource != "" && slices.Contains(r.Resources, "*/"+a.Subresource)) &&
		(len(r.ResourceNames) == 0 || slices.Contains(r.ResourceNames, a.Name))
}

func has(list []string, want string) bool {
	return slices.Contains(list, "*") || slices.Contains(list, want)
}
