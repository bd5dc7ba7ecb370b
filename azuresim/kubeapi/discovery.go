package kubeapi

import (
	"net/http"
	"runtime"
	"slices"
	"strings"
)

// readVerbs is all that the resources allow.
var readVerbs = []string{"get", "list"}

// discover answers the paths that tell clients what is served.
// https://kubernetes.io/docs/concepts/overview/kubernetes-api/#discovery-api
func (s *server) discover(w http.ResponseWriter, req *http.Request, path string, part []string) {
	if req.Method != http.MethodGet && req.Method != http.MethodHead {
		notAllowed(w)
		return
	}
	switch {
	case path == "/":
		writeJSON(w, http.StatusOK, "application/json", map[string]any{"paths": []string{"/api", "/api/v1", "/apis", "/healthz", "/livez", "/readyz", "/version"}})
	case path == "/version":
		s.serverVersion(w)
	case path == "/healthz" || path == "/livez" || path == "/readyz":
		w.Header().Set("Content-Type", "text/plain; charset=utf-8")
		_, _ = w.Write([]byte("ok")) // the client has gone: nobody is left to tell
	case (path == "/api" || path == "/apis") && aggregated(req) != "":
		s.aggregate(w, aggregated(req), path == "/api")
	case path == "/api":
		writeJSON(w, http.StatusOK, "application/json", map[string]any{
			"kind": "APIVersions", "versions": []string{"v1"},
			"serverAddressByClientCIDRs": []map[string]string{{"clientCIDR": "0.0.0.0/0", "serverAddress": req.Host}},
		})
	case path == "/apis":
		groups := []any{}
		for _, g := range s.groups() {
			if g != "" {
				groups = append(groups, s.group(g))
			}
		}
		writeJSON(w, http.StatusOK, "application/json", map[string]any{"kind": "APIGroupList", "apiVersion": "v1", "groups": groups})
	case part[0] == "api" && part[1] == "v1":
		s.resourceList(w, "", "v1")
	case part[0] == "apis" && len(part) == 2 && slices.Contains(s.groups(), part[1]):
		g := s.group(part[1])
		g["kind"], g["apiVersion"] = "APIGroup", "v1"
		writeJSON(w, http.StatusOK, "application/json", g)
	case part[0] == "apis" && len(part) == 3 && s.catalogue.serves(part[1], part[2]):
		s.resourceList(w, part[1], part[2])
	default:
		http.Error(w, "404 page not found", http.StatusNotFound)
	}
}

func (s *server) serverVersion(w http.ResponseWriter) {
	part := strings.SplitN(strings.TrimPrefix(s.o.Version, "v"), ".", 3)
	for len(part) < 2 {
		part = append(part, "0")
	}
	writeJSON(w, http.StatusOK, "application/json", map[string]string{
		"major": part[0], "minor": part[1], "gitVersion": s.o.Version, "gitTreeState": "clean",
		"goVersion": runtime.Version(), "compiler": "gc", "platform": "linux/amd64",
		"gitCommit": "", "buildDate": "1970-01-01T00:00:00Z",
	})
}

func (s *server) groups() []string {
	var names []string
	for _, r := range s.catalogue.resources {
		names = append(names, r.group)
	}
	for g := range reviewVersions {
		names = append(names, g)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// versions of a group, the preferred one first: stable before beta before
// alpha, higher before lower.
func (s *server) versions(group string) []string {
	var names []string
	for _, r := range s.catalogue.resources {
		if r.group == group {
			names = append(names, r.version)
		}
	}
	if v := reviewVersions[group]; v != "" {
		names = append(names, v)
	}
	slices.SortFunc(names, func(a, b string) int { return compareVersions(b, a) })
	return slices.Compact(names)
}

func compareVersions(a, b string) int {
	if n := stability(a) - stability(b); n != 0 {
		return n
	}
	if n := len(a) - len(b); n != 0 {
		return n
	}
	return strings.Compare(a, b)
}

func stability(v string) int {
	switch {
	case strings.Contains(v, "alpha"):
		return 0
	case strings.Contains(v, "beta"):
		return 1
	default:
		return 2
	}
}

func (s *server) group(name string) map[string]any {
	versions := []map[string]string{}
	for _, v := range s.versions(name) {
		versions = append(versions, map[string]string{"groupVersion": name + "/" + v, "version": v})
	}
	return map[string]any{"name": name, "versions": versions, "preferredVersion": versions[0]}
}

func (s *server) resourceList(w http.ResponseWriter, group, version string) {
	gv := version
	if group != "" {
		gv = group + "/" + version
	}
	items := []map[string]any{}
	for _, r := range s.catalogue.resources {
		if r.group != group || r.version != version {
			continue
		}
		item := map[string]any{"name": r.plural, "singularName": r.singular, "namespaced": r.namespaced, "kind": r.kind, "verbs": readVerbs}
		if len(r.short) > 0 {
			item["shortNames"] = r.short
		}
		items = append(items, item)
	}
	for _, v := range reviews {
		if v.group == group && v.version == version {
			items = append(items, map[string]any{"name": v.plural, "singularName": strings.ToLower(v.kind), "namespaced": false, "kind": v.kind, "verbs": []string{"create"}})
		}
	}
	writeJSON(w, http.StatusOK, "application/json", map[string]any{"kind": "APIResourceList", "apiVersion": "v1", "groupVersion": gv, "resources": items})
}

// aggregated gives the version of aggregated discovery that the client
// accepts, "" when it wants the plain form.
// https://kubernetes.io/docs/concepts/overview/kubernetes-api/#aggregated-discovery
func aggregated(req *http.Request) string {
	for item := range strings.SplitSeq(strings.Join(req.Header.Values("Accept"), ","), ",") {
		item = strings.ReplaceAll(item, " ", "")
		if strings.Contains(item, "as=APIGroupDiscoveryList") && strings.Contains(item, "g=apidiscovery.k8s.io") && strings.HasPrefix(item, "application/json") {
			for _, v := range []string{"v2beta1", "v2"} {
				if strings.Contains(item+";", "v="+v+";") {
					return v
				}
			}
		}
		if item == "application/json" {
			return ""
		}
	}
	return ""
}

func (s *server) aggregate(w http.ResponseWriter, version string, core bool) {
	items := []map[string]any{}
	for _, g := range s.groups() {
		if (g == "") != core {
			continue
		}
		versions := []map[string]any{}
		for _, v := range s.versions(g) {
			versions = append(versions, map[string]any{"version": v, "resources": s.discovered(g, v), "freshness": "Current"})
		}
		items = append(items, map[string]any{"metadata": map[string]any{"name": g, "creationTimestamp": nil}, "versions": versions})
	}
	writeJSON(w, http.StatusOK, "application/json;g=apidiscovery.k8s.io;v="+version+";as=APIGroupDiscoveryList", map[string]any{
		"kind": "APIGroupDiscoveryList", "apiVersion": "apidiscovery.k8s.io/" + version, "metadata": map[string]any{}, "items": items,
	})
}

func (s *server) discovered(group, version string) []map[string]any {
	out := []map[string]any{}
	entry := func(plural, kind, singular, scope string, verbs, short []string) {
		e := map[string]any{
			"resource": plural, "responseKind": map[string]string{"group": group, "version": version, "kind": kind},
			"scope": scope, "singularResource": singular, "verbs": verbs,
		}
		if len(short) > 0 {
			e["shortNames"] = short
		}
		out = append(out, e)
	}
	for _, r := range s.catalogue.resources {
		if r.group == group && r.version == version {
			scope := "Cluster"
			if r.namespaced {
				scope = "Namespaced"
			}
			entry(r.plural, r.kind, r.singular, scope, readVerbs, r.short)
		}
	}
	for _, v := range reviews {
		if v.group == group && v.version == version {
			entry(v.plural, v.kind, strings.ToLower(v.kind), "Cluster", []string{"create"}, nil)
		}
	}
	return out
}
