package kuberbac_test

import (
	"encoding/json"
	"testing"

	"github.com/azward/azward/azuresim/kubeapi"
	"github.com/azward/azward/azuresim/kuberbac"
)

// https://kubernetes.io/docs/reference/access-authn-authz/rbac/
func TestAllowed(t *testing.T) {
	t.Parallel()
	var objects []json.RawMessage
	for _, o := range []string{
		`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"}}`,
		`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"view"},"rules":[{"verbs":["get","list"],"apiGroups":["","apps"],"resources":["pods","deployments"]}]}`,
		`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"Role","metadata":{"name":"one","namespace":"shop"},"rules":[{"verbs":["get"],"apiGroups":[""],"resources":["configmaps"],"resourceNames":["web"]}]}`,
		`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRoleBinding","metadata":{"name":"everywhere"},"roleRef":{"kind":"ClusterRole","name":"view"},"subjects":[{"kind":"Group","name":"auditors"}]}`,
		`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"here","namespace":"shop"},"roleRef":{"kind":"ClusterRole","name":"view"},"subjects":[{"kind":"User","name":"eve"}]}`,
		`{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"named","namespace":"shop"},"roleRef":{"kind":"Role","name":"one"},"subjects":[{"kind":"ServiceAccount","name":"bot","namespace":"ci"}]}`,
	} {
		objects = append(objects, json.RawMessage(o))
	}
	p := kuberbac.New(objects)
	auditor := kubeapi.User{Name: "ann", Groups: []string{"auditors"}}
	eve, bot := kubeapi.User{Name: "eve"}, kubeapi.User{Name: "system:serviceaccount:ci:bot"}
	pods := kubeapi.Attributes{Verb: "list", Version: "v1", Resource: "pods"}
	inShop := kubeapi.Attributes{Verb: "list", Version: "v1", Resource: "pods", Namespace: "shop"}
	for _, tc := range []struct {
		name string
		user kubeapi.User
		ask  kubeapi.Attributes
		want bool
	}{
		{"cluster_binding_of_a_group", auditor, pods, true},
		{"cluster_binding_in_a_namespace", auditor, inShop, true},
		{"verb_that_the_role_lacks", auditor, kubeapi.Attributes{Verb: "watch", Resource: "pods"}, false},
		{"api_group_that_the_role_lacks", auditor, kubeapi.Attributes{Verb: "list", Group: "batch", Resource: "pods"}, false},
		{"subresource_is_another_resource", auditor, kubeapi.Attributes{Verb: "get", Resource: "pods", Subresource: "log"}, false},
		{"role_binding_in_its_namespace", eve, inShop, true},
		{"role_binding_elsewhere", eve, kubeapi.Attributes{Verb: "list", Resource: "pods", Namespace: "other"}, false},
		{"role_binding_for_all_namespaces", eve, pods, false},
		{"named_object", bot, kubeapi.Attributes{Verb: "get", Resource: "configmaps", Namespace: "shop", Name: "web"}, true},
		{"object_of_another_name", bot, kubeapi.Attributes{Verb: "get", Resource: "configmaps", Namespace: "shop", Name: "db"}, false},
		{"masters", kubeapi.User{Name: "x", Groups: []string{kuberbac.Masters}}, kubeapi.Attributes{Verb: "delete", Resource: "nodes"}, true},
		{"discovery_for_all", eve, kubeapi.Attributes{Verb: "get", Path: "/apis/apps/v1"}, true},
		{"other_paths_not", eve, kubeapi.Attributes{Verb: "get", Path: "/metrics"}, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := p.Allowed(tc.user, tc.ask); got != tc.want {
				t.Errorf("allowed: %t", got)
			}
		})
	}
}
