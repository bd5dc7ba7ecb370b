package exposure

import (
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// nginxPrefix begins the annotations of ingress-nginx, which the application
// routing add-on runs too.
const nginxPrefix = "nginx.ingress.kubernetes.io/"

// nginxClasses are the controllers that read them.
//
// Sources: https://kubernetes.github.io/ingress-nginx/user-guide/multiple-ingress/,
// https://learn.microsoft.com/azure/aks/app-routing
var nginxClasses = []string{"k8s.io/ingress-nginx", "webapprouting.kubernetes.azure.com/nginx"}

// clientRanges are the clients that annotations of an Ingress admit.
type clientRanges struct {
	admitted netset.Addrs
	evidence []azward.Evidence
	pointer  string // of the first annotation
	words    string
	unclear  string // why they are not understood
}

// rangesOf reads the annotations that admit or refuse clients by address; false
// where there are none.
//
// Source: https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/
func rangesOf(r *estate.Resource, v *estate.KubernetesIngress) (c clientRanges, found bool) {
	c.admitted = netset.AllAddrs()
	allows := 0
	for _, name := range []string{"whitelist-source-range", "allowlist-source-range", "denylist-source-range"} {
		text := v.Metadata.Annotations[nginxPrefix+name]
		if text == "" {
			continue
		}
		pointer := "/metadata/annotations/" + escapePointer(nginxPrefix+name)
		c.pointer = firstOf(c.pointer, pointer)
		c.evidence = append(c.evidence, r.Evidence(pointer, "client addresses that the controller lets through or refuses"))
		listed, doubt := listedPrefixes(text)
		c.unclear = firstOf(c.unclear, doubt)
		if name == "denylist-source-range" {
			c.admitted = c.admitted.Minus(listed)
			c.words = firstOf(c.words, "refuses "+text)
			continue
		}
		allows++
		c.admitted, c.words = c.admitted.Intersect(listed), "serves "+text+" alone"
	}
	switch {
	case allows > 1:
		c.unclear = firstOf(c.unclear, "two annotations name the clients that it serves")
	case v.Metadata.Annotations[nginxPrefix+"satisfy"] == "any":
		c.unclear = firstOf(c.unclear, "clients that it does not list may sign in (satisfy: any)")
	}
	return c, len(c.evidence) > 0
}

// listedPrefixes reads addresses and prefixes between commas.
func listedPrefixes(text string) (all netset.Addrs, doubt string) {
	for part := range strings.SplitSeq(text, ",") {
		p, _, err := netset.ParsePrefix(strings.TrimSpace(part)) // nginx masks host bits
		if err != nil {
			return netset.Addrs{}, fmt.Sprintf("%.40q is neither an address nor a prefix", part)
		}
		all = all.Union(netset.PrefixAddrs(p.Masked()))
	}
	return all, ""
}

// forClients splits a way at an Ingress that names its clients: those that it
// serves for certain, and the others. The controller's ConfigMap, which azward
// does not read, may tell it to believe the address that a client writes into
// X-Forwarded-For, so that the others are not out for certain. Without the
// client's own address nothing is certain.
//
// Source: https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/configmap/#use-forwarded-headers
func (k *kubeView) forClients(r *estate.Resource, v *estate.KubernetesIngress, w *way, h Hop, preserved bool) []*way {
	c, found := rangesOf(r, v)
	if !found || c.unclear == "" && c.admitted.Equal(netset.AllAddrs()) {
		w.hop(h)
		return []*way{w}
	}
	h.Evidence = append(h.Evidence, c.evidence...)
	unclear := func(why string) *way {
		x, at := w.clone(), h
		at.Summary = "the Ingress " + firstOf(c.words, "filters by client address") + ": " + why
		x.doubt(at, azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: c.pointer, Error: at.Summary})
		return x
	}
	class, _ := k.classOf(r, v)
	sources, exact := currentSources(w)
	switch {
	case !slices.ContainsFunc(nginxClasses, func(c string) bool { return strings.EqualFold(c, class) }):
		return []*way{unclear("whether its controller reads annotations of ingress-nginx is not known")}
	case c.unclear != "":
		return []*way{unclear(c.unclear)}
	case !preserved:
		return []*way{unclear("the controller sees the address of a node or a front in place of the client's")}
	case !exact:
		return []*way{unclear("which addresses get that far is not known")}
	}
	others := unclear("azward does not read the controller's ConfigMap, which may tell it to believe X-Forwarded-For")
	admitted := sources.Intersect(c.admitted)
	if admitted.IsEmpty() {
		return []*way{others}
	}
	w.flows = within(w.flows, c.admitted)
	w.narrow(classOf(admitted))
	if h.Answer == azward.Yes {
		h.Summary += ", and " + c.words
	}
	w.hop(h)
	return []*way{w, others}
}

// within keeps of flows the sources in a set.
func within(flows []Flow, of netset.Addrs) []Flow {
	kept := []Flow{}
	for _, f := range flows {
		sources, _ := sourcesOf(f)
		if sources = sources.Intersect(of); !sources.IsEmpty() {
			f.Sources = sourceNames(sources)
			kept = append(kept, f)
		}
	}
	return kept
}
