package web_test

import (
	"encoding/json"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/store"
)

const (
	networkID = subscription + "/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/vnet"
	clusterID = subscription + "/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/aks"
	siteID    = subscription + "/resourceGroups/rg/providers/Microsoft.Web/sites/shop"
)

// settled keeps a second scan of prod, whose estate has these ARM resources and
// objects of the cluster.
func settled(tb testing.TB, h hub, arm []any, objects []any) {
	tb.Helper()
	ctx := tb.Context()
	at := noon.Add(10 * time.Minute)
	must(tb, h.kept.BeginScan(ctx, "scan-2", "prod", at))
	must(tb, h.kept.SaveEstate(ctx, "scan-2", func(w io.Writer) error {
		var b estate.Builder
		from := estate.Provenance{Source: azward.SourceARM, APIVersion: "2024-05-01", ReadAt: at}
		for _, r := range arm {
			must(tb, b.AddARM(asJSON(tb, r), from))
		}
		for _, o := range objects {
			must(tb, b.AddKubernetes(clusterID, asJSON(tb, o), estate.Provenance{Source: azward.SourceKubernetes, APIVersion: "v1", ReadAt: at}))
		}
		return b.Build().Write(w)
	}))
	must(tb, h.kept.FinishScan(ctx, "scan-2", store.Outcome{State: store.ScanComplete, FinishedAt: at.Add(time.Minute)}))
}

func asJSON(tb testing.TB, value any) json.RawMessage {
	tb.Helper()
	raw, err := json.Marshal(value)
	must(tb, err)
	return raw
}

type object = map[string]any

func arm(id, resourceType string, properties object) object {
	return object{"id": id, "name": id[strings.LastIndexByte(id, '/')+1:], "type": resourceType, "location": "westeurope", "properties": properties}
}

// town is a network with a machine, a cluster and a site, whose texts are
// hostile wherever Azure lets somebody choose them.
func town(tb testing.TB) hub {
	tb.Helper()
	h := newHub(tb, nil, nil)
	card := subscription + "/resourceGroups/rg/providers/Microsoft.Network/networkInterfaces/nic"
	machine := subscription + "/resourceGroups/rg/providers/Microsoft.Compute/virtualMachines/vm"
	site := arm(siteID, "Microsoft.Web/sites", object{"state": "Running", "note": hostile, "package": "https://shop.blob.core.windows.net/a.zip?sv=1&sig=" + password, "feed": "https://me:" + password + "@example.com/x", "siteConfig": object{
		"appSettings": []any{object{"name": "DB", "value": "hunter2-" + password}}, "connectionString": "Password=" + password,
	}})
	site["tags"] = object{hostile: hostile}
	settled(tb, h, []any{
		arm(networkID, "Microsoft.Network/virtualNetworks", object{
			"addressSpace":           object{"addressPrefixes": []string{"10.0.0.0/16"}},
			"subnets":                []any{object{"id": networkID + "/subnets/web", "name": hostile, "properties": object{"addressPrefix": hostile}}},
			"virtualNetworkPeerings": []any{object{"name": "p", "properties": object{"peeringState": hostile, "remoteVirtualNetwork": object{"id": networkID + "-other"}}}},
		}),
		arm(card, "Microsoft.Network/networkInterfaces", object{
			"virtualMachine": object{"id": machine}, "ipConfigurations": []any{object{"name": "c", "properties": object{"privateIPAddress": "10.0.0.4", "subnet": object{"id": networkID + "/subnets/web"}}}},
		}),
		arm(machine, "Microsoft.Compute/virtualMachines", object{"networkProfile": object{"networkInterfaces": []any{object{"id": card}}}, "osProfile": object{"adminPassword": password, "customData": password}}),
		arm(clusterID, "Microsoft.ContainerService/managedClusters", object{}),
		site,
	}, []any{
		object{"apiVersion": "v1", "kind": "Namespace", "metadata": object{"name": "shop"}},
		object{"apiVersion": "apps/v1", "kind": "Deployment", "metadata": object{"name": "cart", "namespace": "shop", "annotations": object{"kubectl.kubernetes.io/last-applied-configuration": password, "note": hostile}}, "spec": object{
			"replicas": 1, "selector": object{"matchLabels": object{"app": "cart"}}, "template": object{"metadata": object{"labels": object{"app": "cart"}}, "spec": object{
				"containers": []any{object{"name": "cart", "image": "r.azurecr.io/cart:1", "env": []any{object{"name": "TOKEN", "value": password}, object{"name": "MODE", "value": password}}}},
			}},
		}},
		object{"apiVersion": "v1", "kind": "Secret", "metadata": object{"name": "db", "namespace": "shop"}, "data": object{"x": password}},
	})
	return h
}

const deploymentID = clusterID + "/apis/apps/v1/namespaces/shop/deployments/cart"

func at(path, id string) string { return path + "?" + url.Values{"id": {id}}.Encode() }

func TestEstatePages(t *testing.T) {
	t.Parallel()
	h := town(t)
	for path, texts := range map[string][]string{
		"/estate":                            {"Microsoft.Network/virtualNetworks", "Maps", "/estate/map?id="},
		"/estate?q=CART":                     {"cart", "aks / shop"},
		"/estate?type=microsoft.web%2Fsites": {"shop"},
		"/estate?q=nothing-like-it":          {"Nothing like it was read"},
		at("/estate/resource", deploymentID): {"Reached from the internet?", "From how far away", "As it was read", "r.azurecr.io/cart:1", "Neighbours", "History", "hidden"},
		at("/estate/resource", siteID):       {"As it was read", "hidden"},
		at("/estate/resource", networkID):    {"Map", "is no workload"},
		at("/estate/map", networkID):         {"Map of virtual network", "vm", "virtualMachines", "Peered with", "vnet-other"},
		at("/estate/map", clusterID):         {"Map of cluster", "cart", "shop", "Deployment"},
	} {
		body := h.get(t, path)
		for _, text := range texts {
			if !says(body, text) {
				t.Errorf("%s does not say %q:\n%s", path, text, within(body))
			}
		}
		if strings.Contains(body, password) {
			t.Errorf("%s shows a secret", path)
		}
		if strings.Contains(body, "<script>alert") || strings.Contains(body, "<img") {
			t.Errorf("%s runs what a name says", path)
		}
	}
	h.get(t, at("/estate/resource", clusterID+"/api/v1/namespaces/shop/secrets/db"))
}

func TestEstateOfHostileQuestions(t *testing.T) {
	t.Parallel()
	h := town(t)
	q := url.QueryEscape(hostile)
	for _, path := range []string{"/estate?q=" + q, "/estate?type=" + q, "/estate?subscription=" + q, "/estate?after=" + q + "&q=a"} {
		if body := h.get(t, path); strings.Contains(body, "<script>alert") {
			t.Errorf("%s runs what was asked", path)
		}
	}
	for _, path := range []string{
		"/estate/resource", at("/estate/resource", hostile), at("/estate/map", hostile), at("/estate/map", siteID), at("/estate/resource", siteID+hostile), "/estate?connection=" + q,
		"/registries/" + url.PathEscape(hostile), "/registries/none.azurecr.io/image?name=" + q, "/registries/none.azurecr.io/repository?name=" + q,
		"/integrations/connections/" + url.PathEscape(hostile), "/integrations/connections/" + url.PathEscape(hostile) + "/test", "/integrations/azure/consent?connection=" + q,
	} {
		got := h.as(t, access.Admin, http.MethodGet, path, nil)
		if got.Code < 400 || got.Code >= 500 {
			t.Errorf("GET %s gives %d", path, got.Code)
		}
		strict(t, path, got.Body.String())
	}
}

// TestMapIsBounded draws a network of more machines than fit.
func TestMapIsBounded(t *testing.T) {
	t.Parallel()
	h := newHub(t, nil, nil)
	const many = 90
	subnets, all := []any{}, []any{}
	for i := range many {
		name := string(rune('a'+i%26)) + string(rune('a'+i/26))
		subnets = append(subnets, object{"id": networkID + "/subnets/" + name, "name": name, "properties": object{"addressPrefix": "10.0.0.0/24"}})
		all = append(all, arm(subscription+"/resourceGroups/rg/providers/Microsoft.Network/networkInterfaces/"+name, "Microsoft.Network/networkInterfaces", object{
			"ipConfigurations": []any{object{"name": "c", "properties": object{"subnet": object{"id": networkID + "/subnets/aa"}}}},
		}))
	}
	settled(t, h, append(all, arm(networkID, "Microsoft.Network/virtualNetworks", object{"subnets": subnets})), nil)
	body := h.get(t, at("/estate/map", networkID))
	for _, text := range []string{"and 78 more", "and 30 more", "and 66 more groups"} {
		if !strings.Contains(body, text) {
			t.Errorf("it does not say %q", text)
		}
	}
}

func TestRegistriesNeverRead(t *testing.T) {
	t.Parallel()
	h := newHub(t, nil, nil)
	if body := h.get(t, "/registries"); !says(body, "azward registry scan") {
		t.Error("it does not say how to read one")
	}
	got := h.as(t, access.Operator, http.MethodPost, "/registries/scan", url.Values{"host": {hostile}})
	if got.Code != http.StatusBadRequest {
		t.Errorf("a hostile host gives %d", got.Code)
	}
}
