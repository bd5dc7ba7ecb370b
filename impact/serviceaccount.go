package impact

import (
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// Source: https://kubernetes.io/docs/reference/kubernetes-api/authorization-resources/
type (
	binding struct {
		Metadata struct {
			Namespace string `json:"namespace"`
		} `json:"metadata"`
		RoleRef struct {
			Kind string `json:"kind"`
			Name string `json:"name"`
		} `json:"roleRef"`
		Subjects []struct {
			Kind      string `json:"kind"`
			Name      string `json:"name"`
			Namespace string `json:"namespace"`
		} `json:"subjects"`
	}
	role struct {
		Rules []rule `json:"rules"`
	}
	rule struct {
		Verbs         []string `json:"verbs"`
		APIGroups     []string `json:"apiGroups"`
		Resources     []string `json:"resources"`
		ResourceNames []string `json:"resourceNames"`
	}
	account struct {
		Metadata struct {
			Annotations map[string]string `json:"annotations"`
		} `json:"metadata"`
		AutomountServiceAccountToken *bool `json:"automountServiceAccountToken"`
	}
)

// right is something that a token may do to others.
type right struct {
	words       string
	group       string
	resource    string
	verbs       []string // any of these
	rank        Rank     // in one namespace
	clusterRank Rank     // in the whole cluster
}

// rights are those that Kubernetes' own documentation warns of, and what
// follows from them.
//
// Source: https://kubernetes.io/docs/concepts/security/rbac-good-practices/#privilege-escalation-risks
var rights = []right{
	{"everything", "*", "*", []string{"*"}, Lateral, Control},
	{"read secrets", "", "secrets", []string{"get", "list", "watch"}, Data, Control},
	{"start pods, and so use every secret and service account there", "", "pods", []string{"create"}, Data, Control},
	{"start workloads, and so use every secret and service account there", "apps", "deployments", []string{"create", "update", "patch"}, Data, Control},
	{"run commands in pods", "", "pods/exec", []string{"create", "get"}, Lateral, Control},
	{"get tokens of service accounts", "", "serviceaccounts/token", []string{"create"}, Lateral, Control},
	{"give itself any role", "rbac.authorization.k8s.io", "clusterroles", []string{"escalate", "bind"}, Control, Control},
	{"give itself any role", "rbac.authorization.k8s.io", "roles", []string{"escalate", "bind"}, Lateral, Control},
	{"act as other users", "", "users", []string{"impersonate"}, Control, Control},
	{"act as other groups", "", "groups", []string{"impersonate"}, Control, Control},
	{"talk to the kubelet of every node", "", "nodes/proxy", []string{"get", "create"}, Lateral, Lateral},
	{"change webhooks that see every object", "admissionregistration.k8s.io", "mutatingwebhookconfigurations", []string{"create", "update", "patch"}, Control, Control},
}

// serviceAccount is what the pod's token may do, and which Azure identity it
// stands for.
func (r *radius) serviceAccount(t podTemplate, pointer string) {
	namespace, name := r.w.Resource.Namespace, t.Spec.ServiceAccountName
	if name == "" {
		name = "default" // the API server fills it in
	}
	cluster := r.w.Resource.Cluster
	var a account
	object, ok := r.e.Resource(cluster.Kubernetes("", "v1", namespace, "serviceaccounts", name))
	if ok {
		if v, err := estate.Decode[account](object); err == nil {
			a = *v
		}
	}
	r.workloadIdentity(t, pointer, namespace, name, object, a)
	if mounts, evidence := mountsToken(r.w, t.Spec, pointer, object, a); !mounts {
		r.mitigated(NoAccountToken, "no token of the service account is mounted", evidence)
		return
	}
	for _, b := range r.bindings(cluster, namespace, name) {
		r.bound(cluster, b)
	}
	_, missing := r.e.Absence(cluster, "rolebindings.rbac.authorization.k8s.io", "clusterrolebindings.rbac.authorization.k8s.io", "roles.rbac.authorization.k8s.io", "clusterroles.rbac.authorization.k8s.io")
	if len(missing) > 0 {
		r.doubt(ClusterRights, fmt.Sprintf("what else the service account %s may do in the cluster is not known", name), missing)
	}
}

// mountsToken says whether a pod gets its service account's token: the pod's
// word goes before the account's, and without either it does.
//
// Source: https://kubernetes.io/docs/tasks/configure-pod-container/configure-service-account/#opt-out-of-api-credential-automounting
func mountsToken(w estate.Workload, spec podSpec, pointer string, object *estate.Resource, a account) (bool, azward.Evidence) {
	if spec.AutomountServiceAccountToken != nil {
		return *spec.AutomountServiceAccountToken, w.Resource.Evidence(pointer+"/spec/automountServiceAccountToken", "the pod says so")
	}
	if object != nil && a.AutomountServiceAccountToken != nil {
		return *a.AutomountServiceAccountToken, object.Evidence("/automountServiceAccountToken", "the service account says so")
	}
	return true, azward.Evidence{}
}

// bindings are those that name the account, or a group that it is in.
func (r *radius) bindings(cluster azward.ResourceID, namespace, name string) []*estate.Resource {
	names := func(b *estate.Resource) bool {
		v, err := estate.Decode[binding](b)
		if err != nil {
			return true // it may name the account; bound says that it is not understood
		}
		for _, s := range v.Subjects {
			switch s.Kind {
			case "ServiceAccount":
				if s.Name == name && s.Namespace == namespace {
					return true
				}
			case "Group":
				if slices.Contains([]string{"system:serviceaccounts", "system:serviceaccounts:" + namespace, "system:authenticated"}, s.Name) {
					return true
				}
			case "User":
				if s.Name == "system:serviceaccount:"+namespace+":"+name {
					return true
				}
			}
		}
		return false
	}
	return slices.Concat(
		r.e.MatchingObjects(cluster, "ClusterRoleBinding.rbac.authorization.k8s.io", "", names),
		r.e.MatchingObjects(cluster, "RoleBinding.rbac.authorization.k8s.io", "", names),
	)
}

// bound adds what a binding gives.
func (r *radius) bound(cluster azward.ResourceID, b *estate.Resource) {
	v, err := estate.Decode[binding](b)
	if err != nil {
		r.doubt(ClusterRights, "a binding that may name the service account is not understood", []azward.Gap{{Scope: b.ID, Kind: azward.GapUnparsed, Reads: "subjects", Error: err.Error()}})
		return
	}
	const group, version = "rbac.authorization.k8s.io", "v1"
	namespace, where := v.Metadata.Namespace, "in the whole cluster"
	roleID := cluster.Kubernetes(group, version, "", "clusterroles", v.RoleRef.Name)
	if v.RoleRef.Kind == "Role" {
		roleID = cluster.Kubernetes(group, version, namespace, "roles", v.RoleRef.Name)
	}
	if namespace != "" {
		where = "in namespace " + namespace
	}
	object, ok := r.e.Resource(roleID)
	if !ok {
		if v.RoleRef.Name == "cluster-admin" && v.RoleRef.Kind == "ClusterRole" { // a role of Kubernetes' own
			r.add(pick(namespace == "", Control, Lateral), ClusterRights, "the pod's token may do everything "+where, b.Evidence("/roleRef", "binds it to cluster-admin"))
			return
		}
		r.doubt(ClusterRights, fmt.Sprintf("what role %s gives %s is not known", v.RoleRef.Name, where), []azward.Gap{{
			Scope: roleID, Kind: azward.GapNotRead, Reads: "the role", Needs: "get " + strings.ToLower(v.RoleRef.Kind) + "s", Error: "the role that a binding names was not read",
		}}, b.Evidence("/roleRef", "binds the service account"))
		return
	}
	rules, err := estate.Decode[role](object)
	if err != nil {
		r.doubt(ClusterRights, "a role that the service account has is not understood", []azward.Gap{{Scope: roleID, Kind: azward.GapUnparsed, Reads: "rules", Error: err.Error()}})
		return
	}
	for _, want := range rights {
		at := slices.IndexFunc(rules.Rules, want.in)
		if at < 0 {
			continue
		}
		r.add(pick(namespace == "", want.clusterRank, want.rank), ClusterRights, "the pod's token may "+strings.Replace(want.words, "everything", "do everything", 1)+" "+where,
			b.Evidence("/roleRef", "binds the service account to "+v.RoleRef.Name), object.Evidence(fmt.Sprintf("/rules/%d", at), "allows it"))
		if want.words == "everything" {
			break // the rest follows
		}
	}
}

// in reports whether a rule gives the right to all objects of the resource.
func (want right) in(have rule) bool {
	has := func(list []string, item string) bool {
		return slices.Contains(list, "*") || slices.Contains(list, item)
	}
	if len(have.ResourceNames) > 0 || !has(have.APIGroups, want.group) {
		return false
	}
	_, sub, isSub := strings.Cut(want.resource, "/")
	if !has(have.Resources, want.resource) && !(isSub && slices.Contains(have.Resources, "*/"+sub)) {
		return false
	}
	return slices.ContainsFunc(want.verbs, func(verb string) bool { return has(have.Verbs, verb) })
}

func pick[T any](first bool, a, b T) T {
	if first {
		return a
	}
	return b
}
