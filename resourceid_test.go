package azward_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/azward/azward"
)

const (
	sub     azward.ResourceID = "/subscriptions/1111"
	group                     = sub + "/resourceGroups/Web"
	network                   = group + "/providers/Microsoft.Network"
	cluster                   = group + "/providers/Microsoft.ContainerService/managedClusters/prod"
)

func TestResourceIDParts(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name                      string
		id                        azward.ResourceID
		typ, last                 string
		parent                    azward.ResourceID
		subscription, resourceGrp string
	}{
		{"subscription", sub, "Microsoft.Resources/subscriptions", "1111", "", "1111", ""},
		{"resource_group", group, "Microsoft.Resources/subscriptions/resourceGroups", "Web", sub, "1111", "Web"},
		{"top_level", network + "/virtualNetworks/v", "Microsoft.Network/virtualNetworks", "v", "", "1111", "Web"},
		{"child", network + "/virtualNetworks/v/subnets/s", "Microsoft.Network/virtualNetworks/subnets", "s", network + "/virtualNetworks/v", "1111", "Web"},
		{"grandchild", network + "/loadBalancers/l/a/b/c/d", "Microsoft.Network/loadBalancers/a/c", "d", network + "/loadBalancers/l/a/b", "1111", "Web"},
		{"mixed_case", "/SUBSCRIPTIONS/aB/RESOURCEGROUPS/rG/PROVIDERS/Microsoft.Web/sites/x", "Microsoft.Web/sites", "x", "", "aB", "rG"},
		{"subscription_level_resource", sub + "/providers/Microsoft.Authorization/roleAssignments/r", "Microsoft.Authorization/roleAssignments", "r", "", "1111", ""},
		{"tenant_level", "/providers/Microsoft.Management/managementGroups/root", "Microsoft.Management/managementGroups", "root", "", "", ""},
		{"extension", network + "/virtualNetworks/v/providers/Microsoft.Authorization/locks/l", "Microsoft.Authorization/locks", "l", "", "1111", "Web"},
		{"cluster", cluster, "Microsoft.ContainerService/managedClusters", "prod", "", "1111", "Web"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := tc.id.Type(); got != tc.typ {
				t.Errorf("type %q, want %q", got, tc.typ)
			}
			if got := tc.id.Name(); got != tc.last {
				t.Errorf("name %q, want %q", got, tc.last)
			}
			if got := tc.id.Parent(); got != tc.parent {
				t.Errorf("parent %q, want %q", got, tc.parent)
			}
			if got := tc.id.Subscription(); string(got) != tc.subscription {
				t.Errorf("subscription %q, want %q", got, tc.subscription)
			}
			if got := tc.id.ResourceGroup(); got != tc.resourceGrp {
				t.Errorf("resource group %q, want %q", got, tc.resourceGrp)
			}
		})
	}
}

func TestResourceIDCompares(t *testing.T) {
	t.Parallel()
	upper := azward.ResourceID(strings.ToUpper(string(cluster)) + "/")
	if !cluster.Equal(upper) || cluster.Key() != upper.Key() {
		t.Error("case or a closing slash tells two spellings apart")
	}
	if upper.String() == cluster.String() {
		t.Error("printing changes what Azure wrote")
	}
	for _, tc := range []struct {
		name      string
		id, scope azward.ResourceID
		want      bool
	}{
		{"itself", group, group, true},
		{"below", cluster, group, true},
		{"below_without_case", cluster, "/SUBSCRIPTIONS/1111/resourcegroups/WEB", true},
		{"closing_slash", cluster, group + "/", true},
		{"namesake", sub + "/resourceGroups/Web2", group, false},
		{"above", group, cluster, false},
		{"everything", group, "", true},
		{"root", group, "/", true},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := tc.id.Within(tc.scope); got != tc.want {
				t.Errorf("%s within %s is %t", tc.id, tc.scope, got)
			}
		})
	}
	if got := cluster.SubscriptionScope(); got != sub {
		t.Errorf("subscription scope %q", got)
	}
	if got := azward.ResourceID("/providers/x/y/z").SubscriptionScope(); got != "" {
		t.Errorf("subscription scope at tenant level %q", got)
	}
	if got, want := (network+"/virtualNetworks/v").Child("subnets", "s"), network+"/virtualNetworks/v/subnets/s"; got != want {
		t.Errorf("child %q, want %q", got, want)
	}
}

func TestResourceIDOfKubernetesObjects(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		id   azward.ResourceID
		path string
	}{
		{"namespaced_group", cluster.Kubernetes("apps", "v1", "shop", "deployments", "cart"), "/apis/apps/v1/namespaces/shop/deployments/cart"},
		{"namespaced_core", cluster.Kubernetes("", "v1", "shop", "services", "cart"), "/api/v1/namespaces/shop/services/cart"},
		{"cluster_scoped", cluster.Kubernetes("", "v1", "", "nodes", "n1"), "/api/v1/nodes/n1"},
		{"the_cluster", cluster, ""},
		{"letters_that_grow_when_folded", cluster + azward.ResourceID("/api/"+strings.Repeat("İ", 9)), "/api/" + strings.Repeat("İ", 9)},
		{"agent_pool_is_azures", cluster + "/agentPools/system", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			owner, path := tc.id.SplitKubernetes()
			if path != tc.path {
				t.Errorf("path %q, want %q", path, tc.path)
			}
			if path != "" && (owner != cluster || tc.id.Type() != cluster.Type()) {
				t.Errorf("owner %q of type %q", owner, tc.id.Type())
			}
			if owner+azward.ResourceID(path) != tc.id {
				t.Errorf("%q and %q don't make the ID again", owner, path)
			}
		})
	}
}

// TestResourceIDOffsets: a letter that takes more bytes in lower case once made
// the cut fall behind the end.
func TestResourceIDOffsets(t *testing.T) {
	t.Parallel()
	owner := azward.ResourceID("/subscriptions/" + strings.Repeat("İ", 20) + "/MANAGEDCLUSTERS/p")
	if got, path := (owner + "/api/v1").SplitKubernetes(); got != owner || path != "/api/v1" {
		t.Errorf("it splits into %q and %q", got, path)
	}
	broken := azward.ResourceID("/subscriptions/\xff\xff/managedClusters/p")
	if got, path := (broken + "/api/v1").SplitKubernetes(); got != broken || path != "/api/v1" {
		t.Errorf("it splits into %q and %q", got, path)
	}
	id := azward.ResourceID("/subscriptions/" + strings.Repeat("İ", 20) + "/PROVIDERS/a.b/c/d")
	if got := id.Type(); got != "a.b/c" {
		t.Errorf("its type is %q", got)
	}
}

func TestParseResourceID(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, in string
		want     azward.ResourceID
	}{
		{"as_written", string(cluster), cluster},
		{"closing_slash", string(group) + "/", group},
		{"tenant_level", "/providers/Microsoft.Management/managementGroups/root", "/providers/Microsoft.Management/managementGroups/root"},
		{"mixed_case", "/SubScriptions/X", "/SubScriptions/X"},
		{"name_with_space", string(group) + "/providers/a.b/c/d e", group + "/providers/a.b/c/d e"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := azward.ParseResourceID(tc.in)
			if err != nil || got != tc.want {
				t.Errorf("got %q, %v", got, err)
			}
		})
	}
	for _, tc := range []struct{ name, in string }{
		{"empty", ""},
		{"slash", "/"},
		{"no_leading_slash", "subscriptions/1"},
		{"a_name", "vm-web"},
		{"empty_segment", "/subscriptions//resourceGroups/x"},
		{"two_closing_slashes", "/subscriptions/x//"},
		{"other_root", "/tenants/1"},
		{"line_break", "/subscriptions/x\ny"},
		{"nul", "/subscriptions/x\x00y"},
		{"escape_sequence", "/subscriptions/x\x1b[31m"},
		{"not_utf8", "/subscriptions/\xff"},
		{"too_long", "/subscriptions/" + strings.Repeat("x", 5000)},
		{"url", "https://management.azure.com/subscriptions/x"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := azward.ParseResourceID(tc.in)
			var e *azward.Error
			if !errors.As(err, &e) || e.Kind != azward.KindUsage || e.Cause == "" || e.Remedy == "" || got != "" {
				t.Errorf("got %q, %v", got, err)
			}
			if err != nil && len(err.Error()) > 1000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
		})
	}
}

func FuzzParseResourceID(f *testing.F) {
	for _, seed := range []string{string(cluster), string(cluster.Kubernetes("apps", "v1", "a", "b", "c")), "/subscriptions", "/providers/x", "/subscriptions/İ/managedClusters/x/api/v1"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, in string) {
		id, err := azward.ParseResourceID(in)
		if err != nil {
			if id != "" {
				t.Errorf("an error and %q", id)
			}
			return
		}
		if again, err := azward.ParseResourceID(string(id)); err != nil || again != id {
			t.Errorf("parsed again it is %q, %v", again, err)
		}
		if !id.Within(id) || !id.Equal(azward.ResourceID(id.Key())) {
			t.Errorf("%q is not within or equal to itself", id)
		}
		if parent := id.Parent(); parent != "" && (!id.Within(parent) || len(parent) >= len(id)) {
			t.Errorf("%q is not below its parent %q", id, parent)
		}
		if owner, path := id.SplitKubernetes(); string(owner)+path != string(id) {
			t.Errorf("%q splits into %q and %q", id, owner, path)
		}
		_, _, _, _ = id.Type(), id.Name(), id.Subscription(), id.ResourceGroup()
	})
}

func TestParseGUID(t *testing.T) {
	t.Parallel()
	const guid = "72f988bf-86f1-41af-91ab-2d7cd011db47"
	for _, in := range []string{guid, strings.ToUpper(guid)} {
		if got, err := azward.ParseGUID("tenant ID", in); err != nil || got != guid {
			t.Errorf("%s is read as %q, %v", in, got, err)
		}
	}
	for _, tc := range []struct{ name, in string }{
		{"empty", ""},
		{"braces", "{" + guid + "}"},
		{"opening_brace", "{" + guid},
		{"brace_in_place_of_a_digit", "{" + guid[1:]},
		{"no_dashes", strings.ReplaceAll(guid, "-", "")},
		{"dashes_elsewhere", "72f988b-f86f1-41af-91ab-2d7cd011db47"},
		{"letter_g", "g" + guid[1:]},
		{"one_short", guid[:35]},
		{"one_long", guid + "0"},
		{"spaces", " " + guid[1:]},
		{"domain", "contoso.onmicrosoft.com"},
		{"huge", strings.Repeat("0", 1<<20)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			got, err := azward.ParseGUID("tenant ID", tc.in)
			var e *azward.Error
			if !errors.As(err, &e) || e.Kind != azward.KindUsage || got != "" {
				t.Fatalf("got %q, %v", got, err)
			}
			if e.Op != "read tenant ID" || e.Remedy == "" || len(e.Error()) > 500 {
				t.Errorf("%v; remedy %q", e, e.Remedy)
			}
		})
	}
}

func TestAttachedTo(t *testing.T) {
	t.Parallel()
	const vault = azward.ResourceID("/subscriptions/1/resourceGroups/g/providers/Microsoft.KeyVault/vaults/v")
	for _, tc := range []struct {
		name     string
		id, want azward.ResourceID
	}{
		{"diagnostic_setting_of_a_vault", vault + "/providers/Microsoft.Insights/diagnosticSettings/audit", vault},
		{"vault", vault, ""},
		{"secret_of_a_vault", vault + "/secrets/s", ""},
		{"role_assignment_of_a_secret", vault + "/secrets/s/providers/Microsoft.Authorization/roleAssignments/1", vault + "/secrets/s"},
		{"role_assignment_of_a_subscription", "/subscriptions/1/providers/Microsoft.Authorization/roleAssignments/1", ""},
		{"object_of_directory", "/providers/Microsoft.Graph/users/1", ""},
		{"something_below_what_is_attached", vault + "/providers/Microsoft.Security/assessments/a/subAssessments/b", ""},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := tc.id.AttachedTo(); got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
		})
	}
}
