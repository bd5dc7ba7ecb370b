package exposure_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
)

const podCluster = azward.ResourceID("/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/prod")

// podEstate is a cluster with an engine, everything listed but what missing names.
func podEstate(t testing.TB, engine, missing string, objects ...string) *estate.Estate {
	t.Helper()
	var b estate.Builder
	cluster := fmt.Sprintf(`{"id":%q,"type":"Microsoft.ContainerService/managedClusters","name":"prod","properties":{"networkProfile":{"networkPlugin":"azure","networkPolicy":%q}}}`, podCluster, engine)
	if err := b.AddARM(json.RawMessage(cluster), estate.Provenance{Source: azward.SourceARM, APIVersion: "2025-01-01"}); err != nil {
		t.Fatal(err)
	}
	for _, o := range objects {
		if err := b.AddKubernetes(podCluster, json.RawMessage(o), estate.Provenance{Source: azward.SourceKubernetes}); err != nil {
			t.Fatal(err)
		}
	}
	for _, l := range []string{
		"pods", "networkpolicies.networking.k8s.io", "adminnetworkpolicies.policy.networking.k8s.io", "baselineadminnetworkpolicies.policy.networking.k8s.io",
		"networkpolicies.crd.projectcalico.org", "globalnetworkpolicies.crd.projectcalico.org",
	} {
		if l != missing {
			b.AddListing(estate.Listing{Scope: "/", Type: l, Status: estate.ListingComplete, Pages: 1})
		}
	}
	return b.Build()
}

func podObject(namespace, name, app, ports string) string {
	return fmt.Sprintf(`{"apiVersion":"v1","kind":"Pod","metadata":{"name":%q,"namespace":%q,"labels":{"app":%q}},"spec":{"containers":[{"name":"c","image":"i","ports":%s}]},"status":{"phase":"Running"}}`, name, namespace, app, ports)
}

const cartPolicy = `{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"cart","namespace":"shop"},"spec":{"podSelector":{"matchLabels":{"app":"cart"}},
	"ingress":[{"from":[{"podSelector":{"matchLabels":{"app":"web"}}}],"ports":[{"port":8080}]}]}}`

func TestPodFlows(t *testing.T) {
	t.Parallel()
	web, cart, ops := podObject("shop", "web", "web", `[{"containerPort":80}]`), podObject("shop", "cart", "cart", `[{"containerPort":8080},{"containerPort":9090}]`), podObject("ops", "ops", "ops", `[]`)
	for name, tc := range map[string]struct {
		engine, missing string
		want            []string
		gaps            bool
	}{
		"policy_lets_one_in": {engine: "calico", want: []string{
			"shop/cart to ops/ops: unknown", "shop/web to ops/ops: unknown", // declares no port
			"ops/ops to shop/cart: no", "shop/web to shop/cart: yes tcp 8080",
			"ops/ops to shop/web: yes tcp 80", "shop/cart to shop/web: yes tcp 80",
		}},
		"no_engine_enforces_it": {engine: "none", want: []string{
			"shop/cart to ops/ops: unknown", "shop/web to ops/ops: unknown",
			"ops/ops to shop/cart: yes tcp 8080 tcp 9090", "shop/web to shop/cart: yes tcp 8080 tcp 9090",
			"ops/ops to shop/web: yes tcp 80", "shop/cart to shop/web: yes tcp 80",
		}},
		"policies_not_listed": {engine: "calico", missing: "networkpolicies.networking.k8s.io", gaps: true, want: []string{
			"shop/cart to ops/ops: unknown", "shop/web to ops/ops: unknown",
			"ops/ops to shop/cart: unknown ? tcp 8080 tcp 9090", "shop/web to shop/cart: unknown ? tcp 8080 tcp 9090",
			"ops/ops to shop/web: unknown ? tcp 80", "shop/cart to shop/web: unknown ? tcp 80",
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			e := podEstate(t, tc.engine, tc.missing, web, cart, ops, cartPolicy)
			if diff := cmp.Diff([]azward.ResourceID{podCluster}, exposure.PodClusters(e)); diff != "" {
				t.Errorf("clusters (-want +got):\n%s", diff)
			}
			var got []string
			for f := range exposure.PodFlows(e, podCluster) {
				line := fmt.Sprintf("%s to %s: %s", f.From.Name, f.To.Name, strings.Join(append([]string{f.Answer.String()}, f.Open...), " "))
				if len(f.Unknown) > 0 {
					line += " ? " + strings.Join(f.Unknown, " ")
				}
				got = append(got, line)
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("flows (-want +got):\n%s", diff)
			}
			if gaps := exposure.PodGaps(e, podCluster); len(gaps) > 0 != tc.gaps {
				t.Errorf("gaps %v", gaps)
			}
		})
	}
}

// BenchmarkPodFlows asks every pair of a cluster's pods, each a workload of its
// own, as the command does.
func BenchmarkPodFlows(b *testing.B) {
	const pods, policies, ports = 1000, 100, 20
	b.Run(fmt.Sprintf("pods=%d/policies=%d/ports=%d", pods, policies, ports), func(b *testing.B) {
		var declared []string
		for p := range ports {
			declared = append(declared, fmt.Sprintf(`{"containerPort":%d}`, 8000+p))
		}
		var objects []string
		for i := range pods {
			objects = append(objects, podObject(fmt.Sprintf("n%d", i%10), fmt.Sprintf("p%d", i), fmt.Sprintf("a%d", i%20), "["+strings.Join(declared, ",")+"]"))
		}
		for i := range policies {
			objects = append(objects, fmt.Sprintf(`{"apiVersion":"networking.k8s.io/v1","kind":"NetworkPolicy","metadata":{"name":"p%d","namespace":"n%d"},"spec":{"podSelector":{"matchLabels":{"app":"a%d"}},
				"ingress":[{"from":[{"namespaceSelector":{},"podSelector":{"matchLabels":{"app":"a%d"}}}],"ports":[{"port":8000,"endPort":8002}]}]}}`, i, i%10, i%20, (i+1)%20))
		}
		e := podEstate(b, "calico", "", objects...)
		flows := 0
		for b.Loop() {
			for f := range exposure.PodFlows(e, podCluster) {
				flows += len(f.Open)
			}
		}
		if flows == 0 {
			b.Error("nothing is open")
		}
	})
}
