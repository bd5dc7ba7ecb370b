package impact_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/impact"
)

const (
	subscription = "/subscriptions/00000000-0000-0000-0000-000000000001"
	group        = subscription + "/resourceGroups/rg"
	cluster      = group + "/providers/Microsoft.ContainerService/managedClusters/prod"
	site         = group + "/providers/Microsoft.Web/sites/portal"
	vault        = subscription + "/resourceGroups/data/providers/Microsoft.KeyVault/vaults/kv"
	identity     = group + "/providers/Microsoft.ManagedIdentity/userAssignedIdentities/id-web"
	principal    = "8f0d2c65-1e7b-4a93-9b48-c3d6e5f71a20"
	roles        = subscription + "/providers/Microsoft.Authorization/roleDefinitions/"
)

var readAt = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// world is built from JSON documents; those with a kind are the cluster's.
func world(t testing.TB, without string, docs ...string) *estate.Estate {
	t.Helper()
	var b estate.Builder
	for _, doc := range docs {
		var head struct{ Kind string }
		if err := json.Unmarshal([]byte(doc), &head); err != nil {
			t.Fatalf("%v in %s", err, doc)
		}
		from := estate.Provenance{Source: azward.SourceARM, APIVersion: "2024-01-01", ReadAt: readAt}
		var err error
		if head.Kind != "" {
			from.Source = azward.SourceKubernetes
			err = b.AddKubernetes(cluster, json.RawMessage(doc), from)
		} else {
			err = b.AddARM(json.RawMessage(doc), from)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range []estate.Listing{
		{Scope: "/", Type: estate.AllTypes, Status: estate.ListingComplete, ReadAt: readAt},
		{Scope: cluster, Type: estate.AllTypes, Status: estate.ListingComplete, ReadAt: readAt},
	} {
		if string(l.Scope) != without {
			b.AddListing(l)
		}
	}
	return b.Build()
}

func arm(id, body string) string {
	kind := azward.ResourceID(id).Type()
	return fmt.Sprintf(`{"id":%q,"name":%q,"type":%q,%s}`, id, azward.ResourceID(id).Name(), kind, body)
}

func deployment(spec string) string {
	return `{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"web","namespace":"shop"},"spec":{"replicas":1,"template":{"metadata":{"labels":{"azure.workload.identity/use":"true"}},"spec":` + spec + `}}}`
}

func definition(name, permissions string) string {
	return arm(roles+name, `"properties":{"roleName":"`+name+`","permissions":[`+permissions+`]}`)
}

func assignment(scope, role, more string) string {
	return arm(scope+"/providers/Microsoft.Authorization/roleAssignments/a-"+role, fmt.Sprintf(`"properties":{"principalId":%q,"principalType":"ServicePrincipal","roleDefinitionId":%q,"scope":%q%s}`, strings.ToUpper(principal), roles+role, scope, more))
}

func TestOf(t *testing.T) {
	t.Parallel()
	const plain = `{"containers":[{"name":"web","image":"x"}],"automountServiceAccountToken":false}`
	const tokens = `{"containers":[{"name":"web","image":"x"}],"serviceAccountName":"web"}`
	account := `{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"web","namespace":"shop","annotations":{"azure.workload.identity/client-id":"4b9e7d31-05c8-4f62-92a7-e1d8f3b6c054"}}}`
	bare := `{"apiVersion":"v1","kind":"ServiceAccount","metadata":{"name":"web","namespace":"shop"}}`
	clusterObject := arm(cluster, `"properties":{}`)
	binding := func(kind, namespace, role string) string {
		return `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"` + kind + `","metadata":{"name":"b","namespace":"` + namespace + `"},"roleRef":{"kind":"ClusterRole","name":"` + role + `"},"subjects":[{"kind":"ServiceAccount","name":"web","namespace":"shop"}]}`
	}
	clusterBinding := strings.Replace(binding("ClusterRoleBinding", "", "reader"), `,"namespace":""`, "", 1)
	role := func(rule string) string {
		return `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"ClusterRole","metadata":{"name":"reader"},"rules":[` + rule + `]}`
	}
	secrets := role(`{"apiGroups":[""],"resources":["secrets"],"verbs":["get"]}`)
	owner := definition("Owner", `{"actions":["*"],"notActions":[]}`)
	contributor := definition("Contributor", `{"actions":["*"],"notActions":["Microsoft.Authorization/*/Delete","Microsoft.Authorization/*/Write","Microsoft.Authorization/elevateAccess/Action"]}`)
	reader := definition("Reader", `{"actions":["*/read"]}`)
	secretsUser := definition("SecretsUser", `{"actions":[],"dataActions":["Microsoft.KeyVault/vaults/secrets/getSecret/action"]}`)
	app := arm(site, `"identity":{"principalId":"`+principal+`"},"properties":{}`)
	kv := arm(vault, `"properties":{"enableRbacAuthorization":true}`)

	for _, c := range []struct {
		name    string
		docs    []string
		without string
		rank    impact.Rank
		says    []string // each in one of the summaries; with "?" before it, of an unknown one
	}{
		{"nothing_special", []string{clusterObject, deployment(plain)}, "", impact.None, []string{"no token of the service account is mounted"}},
		{"privileged", []string{deployment(`{"containers":[{"name":"web","securityContext":{"privileged":true}}],"automountServiceAccountToken":false}`)}, "", impact.Lateral, []string{"container web is privileged"}},
		{"capability_that_leads_out", []string{deployment(`{"containers":[{"name":"web","securityContext":{"capabilities":{"add":["CAP_SYS_ADMIN"]}}}],"automountServiceAccountToken":false}`)}, "", impact.Lateral, []string{"capability CAP_SYS_ADMIN"}},
		{"capability_that_does_not", []string{deployment(`{"containers":[{"name":"web","securityContext":{"capabilities":{"add":["NET_BIND_SERVICE"]}}}],"automountServiceAccountToken":false}`)}, "", impact.None, nil},
		{"host_path_read_only", []string{deployment(`{"containers":[{"name":"web","volumeMounts":[{"name":"v","readOnly":true}]}],"volumes":[{"name":"v","hostPath":{"path":"/var/log"}}],"automountServiceAccountToken":false}`)}, "", impact.Data, []string{"read the node's /var/log"}},
		{"host_path_of_the_runtime", []string{deployment(`{"containers":[{"name":"web","volumeMounts":[{"name":"v"}]}],"volumes":[{"name":"v","hostPath":{"path":"/run/containerd/containerd.sock"}}],"automountServiceAccountToken":false}`)}, "", impact.Lateral, []string{"change the node's /run/containerd/containerd.sock"}},
		{"host_network", []string{deployment(`{"hostNetwork":true,"containers":[{"name":"web"}],"automountServiceAccountToken":false}`)}, "", impact.Data, []string{"network policies do not hold"}},
		{
			"hardened",
			[]string{deployment(`{"automountServiceAccountToken":false,"securityContext":{"runAsNonRoot":true,"seccompProfile":{"type":"RuntimeDefault"}},"containers":[{"name":"web","securityContext":{"readOnlyRootFilesystem":true,"allowPrivilegeEscalation":false,"capabilities":{"drop":["ALL"]}}}]}`)},
			"", impact.None,
			[]string{"no container runs as root", "read-only", "no process gains more rights", "all capabilities are dropped", "seccomp profile"},
		},
		{"one_container_as_root_is_not_hardened", []string{deployment(`{"automountServiceAccountToken":false,"securityContext":{"runAsNonRoot":true},"containers":[{"name":"web"},{"name":"side","securityContext":{"runAsUser":0}}]}`)}, "", impact.None, nil},
		{"secrets_of_a_namespace", []string{deployment(tokens), bare, binding("RoleBinding", "shop", "reader"), secrets}, "", impact.Data, []string{"may read secrets in namespace shop"}},
		{"secrets_of_the_cluster", []string{deployment(tokens), bare, clusterBinding, secrets}, "", impact.Control, []string{"may read secrets in the whole cluster"}},
		{"one_named_secret_is_no_right_to_all", []string{deployment(tokens), bare, clusterBinding, role(`{"apiGroups":[""],"resources":["secrets"],"verbs":["get"],"resourceNames":["own"]}`)}, "", impact.None, nil},
		{"config_maps_lead_nowhere", []string{deployment(tokens), bare, clusterBinding, role(`{"apiGroups":[""],"resources":["configmaps"],"verbs":["*"]}`)}, "", impact.None, nil},
		{"everything", []string{deployment(tokens), bare, clusterBinding, role(`{"apiGroups":["*"],"resources":["*"],"verbs":["*"]}`)}, "", impact.Control, []string{"may do everything in the whole cluster"}},
		{"cluster_admin_that_was_not_read", []string{deployment(tokens), bare, strings.Replace(clusterBinding, `"name":"reader"`, `"name":"cluster-admin"`, 1)}, "", impact.Control, []string{"may do everything in the whole cluster"}},
		{"role_that_was_not_read", []string{deployment(tokens), bare, clusterBinding}, "", impact.None, []string{"?what role reader gives"}},
		{"bindings_that_were_not_listed", []string{deployment(tokens), bare}, cluster, impact.None, []string{"?what else the service account web may do"}},
		{"secrets_without_a_token", []string{deployment(plain), bare, strings.Replace(clusterBinding, `"name":"web"`, `"name":"default"`, 1), secrets}, "", impact.None, []string{"no token"}},
		{"account_says_no_token", []string{deployment(tokens), strings.Replace(bare, `"kind"`, `"automountServiceAccountToken":false,"kind"`, 1), clusterBinding, secrets}, "", impact.None, []string{"no token"}},
		{"every_account_of_the_namespace", []string{deployment(tokens), bare, strings.Replace(clusterBinding, `{"kind":"ServiceAccount","name":"web","namespace":"shop"}`, `{"kind":"Group","name":"system:serviceaccounts:shop"}`, 1), secrets}, "", impact.Control, []string{"read secrets"}},

		{"owner_of_a_subscription", []string{app, owner, assignment(subscription, "Owner", "")}, "", impact.Control, []string{"system-assigned identity can create role assignments, and so have any role, in subscription"}},
		{"contributor_of_a_group", []string{app, contributor, assignment(group, "Contributor", "")}, "", impact.Lateral, []string{"deploys resources into resource group rg"}},
		{"reader_where_there_is_a_registry", []string{app, reader, arm(group+"/providers/Microsoft.ContainerRegistry/registries/acr", `"properties":{}`), assignment(subscription, "Reader", "")}, "", impact.Reads, []string{"reads the images of acr"}},
		{"reader_where_there_is_none", []string{app, reader, assignment(subscription, "Reader", "")}, "", impact.None, nil},
		{"secrets_of_a_vault", []string{app, kv, secretsUser, assignment(vault, "SecretsUser", "")}, "", impact.Data, []string{"reads all secrets of kv"}},
		{"on_a_condition", []string{app, owner, assignment(subscription, "Owner", `,"condition":"@Resource[…]"`)}, "", impact.None, []string{"?perhaps"}},
		{"a_deny_assignment_there", []string{app, owner, assignment(subscription, "Owner", ""), arm(subscription+"/providers/Microsoft.Authorization/denyAssignments/d", `"properties":{}`)}, "", impact.None, []string{"?perhaps"}},
		{"role_definition_not_read", []string{app, assignment(subscription, "Owner", "")}, "", impact.None, []string{"?what a role of its system-assigned identity gives is not known"}},
		{"assignments_not_listed", []string{app}, "/", impact.None, []string{"?what else its system-assigned identity may do"}},
		{"somebody_else's_role", []string{arm(site, `"identity":{"principalId":"aaaaaaaa-0000-0000-0000-000000000000"},"properties":{}`), owner, assignment(subscription, "Owner", "")}, "", impact.None, nil},
		{"roles_of_groups", []string{app, strings.Replace(strings.Replace(assignment(subscription, "Owner", ""), "ServicePrincipal", "Group", 1), strings.ToUpper(principal), "bbbbbbbb-0000-0000-0000-000000000000", 1)}, "", impact.None, []string{"?its system-assigned identity may have more rights by groups"}},
		{"an_assignment_that_is_not_understood", []string{app, arm(subscription+"/providers/Microsoft.Authorization/roleAssignments/odd", `"properties":7`)}, "", impact.None, []string{"?a role assignment that may be of its system-assigned identity is not understood"}},
		{"a_vault_that_is_not_understood", []string{app, arm(vault, `"properties":{"accessPolicies":"?"}`)}, "", impact.None, []string{"?what its system-assigned identity may do in vault kv is not known"}},
		{"a_binding_that_is_not_understood", []string{deployment(tokens), bare, `{"apiVersion":"rbac.authorization.k8s.io/v1","kind":"RoleBinding","metadata":{"name":"b","namespace":"shop"},"subjects":7}`}, "", impact.None, []string{"?a binding that may name the service account is not understood"}},
		{"no_identity", []string{arm(site, `"properties":{}`), owner, assignment(subscription, "Owner", "")}, "", impact.None, nil},
		{"user_assigned", []string{arm(site, `"identity":{"userAssignedIdentities":{"`+identity+`":{}}},"properties":{}`), arm(identity, `"properties":{"principalId":"`+principal+`"}`), owner, assignment(subscription, "Owner", "")}, "", impact.Control, []string{"identity id-web can create role assignments"}},
		{"user_assigned_that_was_not_read", []string{arm(site, `"identity":{"userAssignedIdentities":{"`+identity+`":{}}},"properties":{}`)}, "", impact.None, []string{"?what identity id-web may do"}},
		{"access_policy", []string{app, arm(vault, `"properties":{"accessPolicies":[{"objectId":"`+principal+`","permissions":{"secrets":["Get"],"keys":["unwrapKey"]}}]}`)}, "", impact.Data, []string{"reads the secrets of vault kv", "uses the keys of vault kv"}},
		{"access_policy_that_role_assignments_replace", []string{app, arm(vault, `"properties":{"enableRbacAuthorization":true,"accessPolicies":[{"objectId":"`+principal+`","permissions":{"secrets":["all"]}}]}`)}, "", impact.None, nil},
		{"workload_identity", []string{deployment(tokens), account, arm(identity, `"properties":{"principalId":"`+principal+`","clientId":"4b9e7d31-05c8-4f62-92a7-e1d8f3b6c054"}`), arm(identity+"/federatedIdentityCredentials/f", `"properties":{"subject":"system:serviceaccount:shop:web"}`), owner, assignment(subscription, "Owner", "")}, "", impact.Control, []string{"identity id-web can create role assignments"}},
		{"workload_identity_of_another_account", []string{deployment(tokens), account, arm(identity, `"properties":{"principalId":"`+principal+`","clientId":"4b9e7d31-05c8-4f62-92a7-e1d8f3b6c054"}`), arm(identity+"/federatedIdentityCredentials/f", `"properties":{"subject":"system:serviceaccount:shop:other"}`), owner, assignment(subscription, "Owner", "")}, "", impact.None, []string{"?what the identity of service account web may do"}},
		{"nodes_identity", []string{arm(cluster, `"properties":{"identityProfile":{"kubeletidentity":{"objectId":"`+principal+`"}}}`), deployment(plain), owner, assignment(subscription, "Owner", "")}, "", impact.Control, []string{"the nodes' identity can create role assignments"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			e := world(t, c.without, c.docs...)
			w := e.Workloads()
			if len(w) != 1 {
				t.Fatalf("%d workloads", len(w))
			}
			tracked, tracker := e.Tracked()
			got := impact.Of(tracked, w[0])
			var said []string
			for _, x := range slices.Concat(got.Consequences, got.Mitigations) {
				mark := ""
				if x.Answer == azward.Unknown {
					mark = "?"
				}
				said = append(said, mark+x.Summary)
				if x.Answer == azward.Yes && len(x.Evidence) == 0 || x.Answer == azward.Unknown && len(x.Gaps) == 0 {
					t.Errorf("%q has neither evidence nor gap", x.Summary)
				}
			}
			if got.Rank != c.rank || (got.Rank > impact.None) != (got.Summary != "") {
				t.Errorf("rank %d (%s), want %d: %q", got.Rank, got.Summary, c.rank, said)
			}
			for _, want := range c.says {
				if !slices.ContainsFunc(said, func(s string) bool {
					return strings.Contains(s, strings.TrimPrefix(want, "?")) && strings.HasPrefix(s, "?") == strings.HasPrefix(want, "?")
				}) {
					t.Errorf("it does not say %q: %q", want, said)
				}
			}
			if c.says == nil && len(said) > 0 && !(len(said) == 1 && strings.HasPrefix(said[0], "no token")) {
				t.Errorf("it says %q, want nothing", said)
			}
			replayed := impact.Of(tracker.Slice(), w[0])
			if diff := cmp.Diff(azward.JSONValue(got), azward.JSONValue(replayed)); diff != "" {
				t.Errorf("on what was looked at alone (-whole +slice):\n%s", diff)
			}
		})
	}
}

// Bodies of any shape give an answer.
func FuzzOf(f *testing.F) {
	f.Add(`{"containers":[{"securityContext":{"privileged":true}}]}`, `{"permissions":[{"actions":["*"]}]}`)
	f.Add(`{"containers":7}`, `{"permissions":{}}`)
	f.Fuzz(func(t *testing.T, spec, properties string) {
		if !json.Valid([]byte(spec)) || !json.Valid([]byte(properties)) {
			return
		}
		e := world(t, "", deployment(spec), arm(roles+"r", `"properties":`+properties), arm(site, `"identity":{"principalId":"`+principal+`"},"properties":{}`), assignment(subscription, "r", ""))
		for _, w := range e.Workloads() {
			got := impact.Of(e, w)
			if got.Rank < impact.None || got.Rank > impact.Control {
				t.Errorf("rank %d", got.Rank)
			}
		}
	})
}
