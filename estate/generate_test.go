package estate_test

import (
	"fmt"
	"math/rand/v2"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// world draws an estate of subscriptions, networks, machines and clusters in
// which everything refers to something, in Azure's varying spellings.
type world struct {
	*rand.Rand
	lines []string
	ids   []azward.ResourceID
}

func newWorld(seed uint64) *world { return &world{Rand: rand.New(rand.NewPCG(seed, 7))} }

func (w *world) sub() string {
	return fmt.Sprintf("/subscriptions/%08d-1111-1111-1111-111111111111", w.IntN(3))
}

func (w *world) spelt(id string) string {
	if w.IntN(3) == 0 {
		return strings.ToUpper(id[:1]) + strings.ReplaceAll(id[1:], "resourceGroups", "RESOURCEGROUPS")
	}
	return id
}

func (w *world) arm(id, resourceType, properties string) string {
	source := []string{"arm", "resourcegraph", "export"}[w.IntN(3)]
	body := fmt.Sprintf(`{"id":%q,"type":%q,"properties":%s}`, w.spelt(id), resourceType, properties)
	if w.IntN(12) == 0 {
		body = fmt.Sprintf(`{"id":%q,"type":%q}`, id, resourceType)
	}
	w.ids = append(w.ids, azward.ResourceID(id))
	w.lines = append(w.lines, fmt.Sprintf(`{"source":%q,"body":%s}`, source, body))
	return id
}

func (w *world) kubernetes(cluster, apiVersion, kind, name, rest string) {
	w.lines = append(w.lines, fmt.Sprintf(
		`{"source":"kubernetes","cluster":%q,"body":{"apiVersion":%q,"kind":%q,"metadata":{"name":%q,"namespace":"shop"%s}`,
		cluster, apiVersion, kind, name, rest))
	group, version, grouped := strings.Cut(apiVersion, "/")
	if !grouped {
		group, version = "", apiVersion
	}
	w.ids = append(w.ids, azward.ResourceID(cluster).Kubernetes(group, version, "shop", estate.PluralOf(kind), name))
}

func (w *world) network(n int) {
	base := fmt.Sprintf("%s/resourceGroups/g%d/providers/Microsoft.Network", w.sub(), w.IntN(2))
	vnet := w.arm(fmt.Sprintf("%s/virtualNetworks/v%d", base, n), "Microsoft.Network/virtualNetworks", `{}`)
	subnet := w.arm(vnet+"/subnets/s", "Microsoft.Network/virtualNetworks/subnets", `{}`)
	for i := range w.IntN(3) {
		nic := w.arm(fmt.Sprintf("%s/networkInterfaces/n%d-%d", base, n, i), "Microsoft.Network/networkInterfaces",
			fmt.Sprintf(`{"ipConfigurations":[{"properties":{"privateIPAddress":"10.0.0.%d","subnet":{"id":%q}}}]}`, w.IntN(4), w.spelt(subnet)))
		w.arm(fmt.Sprintf("%s/loadBalancers/l%d-%d", base, n, i), "Microsoft.Network/loadBalancers",
			fmt.Sprintf(`{"pool":[{"id":%q}]}`, nic+"/ipConfigurations/ip1"))
	}
	w.listing(base[:strings.Index(base, "/resourceGroups")], "Microsoft.Network/loadBalancers")
	w.listing(vnet, "Microsoft.Network/virtualNetworks/subnets")
}

func (w *world) listing(scope, resourceType string) {
	switch w.IntN(4) {
	case 0:
		status := []string{"complete", "partial", "declared"}[w.IntN(3)]
		w.lines = append(w.lines, fmt.Sprintf(`{"source":"listing","scope":%q,"type":%q,"status":%q}`, scope, resourceType, status))
	case 1:
		kind := []string{"denied", "unparsed", "notRead"}[w.IntN(3)]
		w.lines = append(w.lines, fmt.Sprintf(`{"source":"gap","scope":%q,"reads":%q,"kind":%q}`, scope, resourceType, kind))
	case 2:
		w.lines = append(w.lines, `{"source":"listing","scope":"/","type":"*","status":"declared"}`)
	}
}

func (w *world) cluster(n int) {
	id := fmt.Sprintf("%s/resourceGroups/k/providers/Microsoft.ContainerService/managedClusters/c%d", w.sub(), n)
	if w.IntN(3) > 0 {
		w.arm(id, "Microsoft.ContainerService/managedClusters", `{"powerState":{"code":"Running"}}`)
	}
	for i := range 1 + w.IntN(3) {
		d := fmt.Sprintf("d%d", i)
		w.kubernetes(id, "apps/v1", "Deployment", d, fmt.Sprintf(`,"uid":"u%d"},"spec":{"replicas":%d,"template":{"spec":{"containers":[{"name":"c","image":"shop/cart:%d"}]}}}}`, i, w.IntN(2), w.IntN(2)))
		if w.IntN(4) > 0 {
			w.kubernetes(id, "apps/v1", "ReplicaSet", d+"-aa", fmt.Sprintf(`,"uid":"r%d","ownerReferences":[{"apiVersion":"apps/v1","kind":"Deployment","name":%q,"uid":"u%d","controller":true}]},"spec":{}}`, i, d, w.IntN(2)*i))
		}
		w.kubernetes(id, "v1", "Pod", d+"-aa-x", fmt.Sprintf(`,"labels":{"pod-template-hash":"aa"},"ownerReferences":[{"apiVersion":"apps/v1","kind":"ReplicaSet","name":"%s-aa","uid":"r%d","controller":true}]},"spec":{"containers":[{"name":"c","image":"shop/cart:%d"}]},"status":{"phase":"Running","podIP":"10.1.0.%d","containerStatuses":[{"name":"c","imageID":"x@sha256:%064d"}]}}`, d, i, w.IntN(2), w.IntN(3), w.IntN(2)))
		if w.IntN(3) == 0 {
			w.kubernetes(id, "keda.sh/v1alpha1", "ScaledObject", d, fmt.Sprintf(`},"spec":{"scaleTargetRef":{"name":%q}}}`, d))
		}
	}
	w.listing(id, "pods")
	w.listing(id+"/api/v1/namespaces/shop", "pods")
}

// estate draws the whole.
func (w *world) file() string {
	for i := range 1 + w.IntN(4) {
		w.network(i)
	}
	for i := range w.IntN(3) {
		w.cluster(i)
	}
	w.lines = append(w.lines, fmt.Sprintf(`{"source":"image","digest":"sha256:%064d","body":{}}`, w.IntN(2)))
	w.Shuffle(len(w.lines), func(i, j int) { w.lines[i], w.lines[j] = w.lines[j], w.lines[i] })
	return strings.Join(w.lines, "\n")
}
