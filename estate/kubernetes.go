package estate

import (
	"strings"

	"github.com/azward/azward"
)

// objectKey files Kubernetes objects. Namespace "" holds all of a kind.
type objectKey struct {
	cluster   azward.ResourceKey
	kind      string // lower-case "kind.group"
	namespace string
}

// Objects returns the Kubernetes objects of a kind ("Pod", "Deployment.apps",
// "NetworkPolicy.networking.k8s.io") in one namespace of a cluster, or in all
// of them when namespace is "". The result is ordered by key; the caller must
// not change it.
func (e *Estate) Objects(cluster azward.ResourceID, kind, namespace string) []*Resource {
	e.tracker.note(lookup{kind: byKind, a: string(cluster), b: kind + " " + namespace})
	e.objectsOnce.Do(e.indexObjects)
	found := e.objects[objectKey{cluster.Key(), strings.ToLower(kind), namespace}]
	for _, r := range found {
		e.tracker.touch(r)
	}
	return found
}

func (e *snapshot) indexObjects() {
	e.objects = make(map[objectKey][]*Resource)
	for _, r := range e.resources {
		if r.Cluster == "" {
			continue
		}
		key := objectKey{r.Cluster.Key(), strings.ToLower(r.Kind), ""}
		e.objects[key] = append(e.objects[key], r)
		if r.Namespace != "" {
			key.namespace = r.Namespace
			e.objects[key] = append(e.objects[key], r)
		}
	}
}

// PluralOf returns the resource name under which the API server serves a kind
// ("Ingress" → "ingresses"). Kinds that azward reads stand in a table, since
// English is no rule; others follow the convention of custom resources.
func PluralOf(kind string) string {
	if plural, ok := irregularPlurals[kind]; ok {
		return plural
	}
	lower := strings.ToLower(kind)
	switch {
	case strings.HasSuffix(lower, "s"), strings.HasSuffix(lower, "x"), strings.HasSuffix(lower, "ch"):
		return lower + "es"
	case strings.HasSuffix(lower, "policy"), strings.HasSuffix(lower, "identity"), strings.HasSuffix(lower, "entry"):
		return strings.TrimSuffix(lower, "y") + "ies"
	default:
		return lower + "s"
	}
}

var irregularPlurals = map[string]string{
	"Endpoints": "endpoints",
	"Gateway":   "gateways",
	"HTTPProxy": "httpproxies",
}

// SplitKind parts "Deployment.apps" into kind and group ("" for the core API).
func SplitKind(kind string) (name, group string) {
	name, group, _ = strings.Cut(kind, ".")
	return name, group
}

// MatchingObjects is to Objects what Matching is to OfType.
func (e *Estate) MatchingObjects(cluster azward.ResourceID, kind, namespace string, keep func(*Resource) bool) []*Resource {
	e.tracker.note(lookup{kind: byKind, a: string(cluster), b: kind + " " + namespace})
	e.objectsOnce.Do(e.indexObjects)
	return e.matching(e.objects[objectKey{cluster.Key(), strings.ToLower(kind), namespace}], keep)
}
