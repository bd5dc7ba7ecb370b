package estate_test

import (
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

const testCluster = azward.ResourceID("/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/shop/providers/Microsoft.ContainerService/managedClusters/prod")

func TestDigestComesFromThePodsThatRun(t *testing.T) {
	t.Parallel()
	var b estate.Builder
	for _, body := range []string{
		`{"apiVersion":"apps/v1","kind":"Deployment","metadata":{"name":"cart","namespace":"shop","uid":"d1"},"spec":{"replicas":1,"template":{"spec":{"containers":[{"name":"cart","image":"contoso.azurecr.io/shop/cart:1.4","ports":[{"containerPort":8080}]}]}}}}`,
		`{"apiVersion":"apps/v1","kind":"ReplicaSet","metadata":{"name":"cart-5d9","namespace":"shop","uid":"r1","ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":"cart","uid":"d1","controller":true}]},"spec":{"replicas":1}}`,
		`{"apiVersion":"v1","kind":"Pod","metadata":{"name":"cart-5d9-x","namespace":"shop","uid":"p1","ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"cart-5d9","uid":"r1","controller":true}]},"spec":{"containers":[{"name":"cart","image":"contoso.azurecr.io/shop/cart:1.4"}]},"status":{"phase":"Running","containerStatuses":[{"name":"cart","imageID":"docker-pullable://contoso.azurecr.io/shop/cart@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}]}}`,
	} {
		if err := b.AddKubernetes(testCluster, []byte(body), estate.Provenance{Source: azward.SourceKubernetes}); err != nil {
			t.Fatal(err)
		}
	}
	b.AddListing(estate.Listing{Scope: testCluster, Type: "pods", Status: estate.ListingComplete})
	found := b.Build().Workloads()
	if len(found) != 1 {
		t.Fatalf("%d workloads, want the Deployment alone: %v", len(found), found)
	}
	w := found[0]
	if w.Running != azward.Yes || w.Kind != azward.Deployment || w.Name != "shop/cart" || len(w.Gaps) != 0 {
		t.Errorf("running %v, kind %v, name %v, gaps %v", w.Running, w.Kind, w.Name, w.Gaps)
	}
	if len(w.Containers) != 1 || w.Containers[0].Digest != "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" || len(w.Containers[0].Ports) != 1 {
		t.Errorf("containers %+v", w.Containers)
	}
}
