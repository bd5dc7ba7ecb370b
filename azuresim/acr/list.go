package acr

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// defaultPage is how many entries a listing gives when the client names no n.
const defaultPage = 100

// page cuts a sorted list by last and n, and links to the next page.
// https://azure.github.io/acr/AAD-OAuth.html#pagination
func (r *registry) page(w http.ResponseWriter, req *http.Request, all []string) ([]string, bool) {
	q := req.URL.Query()
	n := defaultPage
	if text := q.Get("n"); text != "" {
		var err error
		if n, err = strconv.Atoi(text); err != nil || n < 1 {
			writeError(w, http.StatusBadRequest, "PAGINATION_NUMBER_INVALID", "invalid number of results requested", map[string]string{"n": text})
			return nil, false
		}
	}
	if r.MaxPage > 0 {
		n = min(n, r.MaxPage)
	}
	if last := q.Get("last"); last != "" {
		at, found := slices.BinarySearch(all, last)
		if found {
			at++
		}
		all = all[at:]
	}
	if len(all) > n {
		all = all[:n]
		next := fmt.Sprintf("%s?last=%s&n=%d&orderby=%s", req.URL.EscapedPath(), url.QueryEscape(all[n-1]), n, url.QueryEscape(q.Get("orderby")))
		w.Header().Set("Link", "<"+next+`>; rel="next"`)
	}
	return all, true
}

func (s *Server) catalog(w http.ResponseWriter, req *http.Request, r *registry) {
	names, ok := r.page(w, req, r.store.names())
	if !ok {
		return
	}
	if names == nil {
		writeJSON(w, http.StatusOK, map[string]any{"repositories": nil})
		return
	}
	writeJSON(w, http.StatusOK, map[string]any{"repositories": names})
}

func (s *Server) tags(w http.ResponseWriter, req *http.Request, r *registry, t target) {
	names, found := r.store.tagNames(t.repository)
	if !found {
		nameUnknown(w, t.repository)
		return
	}
	if names, ok := r.page(w, req, names); ok {
		writeJSON(w, http.StatusOK, map[string]any{"name": t.repository, "tags": names})
	}
}

func nameUnknown(w http.ResponseWriter, repo string) {
	writeError(w, http.StatusNotFound, "NAME_UNKNOWN", "repository name not known to registry", map[string]string{"name": repo})
}

const timeForm = "2006-01-02T15:04:05.0000000Z"

var changeable = map[string]bool{"deleteEnabled": true, "writeEnabled": true, "readEnabled": true, "listEnabled": true}

// metadata serves /acr/v1/{repository}[/_tags[/TAG]|/_manifests[/DIGEST]].
// https://learn.microsoft.com/rest/api/containerregistry/manifests/get-list
// https://learn.microsoft.com/rest/api/containerregistry/tag/get-list
func (s *Server) metadata(w http.ResponseWriter, req *http.Request, r *registry, t target) {
	if req.Method != http.MethodGet {
		writeError(w, http.StatusMethodNotAllowed, "UNSUPPORTED", "the operation is unsupported", nil)
		return
	}
	var keys []string
	var found bool
	switch t.kind {
	case "tags":
		keys, found = r.store.tagNames(t.repository)
	case "manifests":
		keys, found = r.store.digests(t.repository)
	default:
		s.repository(w, r, t.repository)
		return
	}
	if !found {
		nameUnknown(w, t.repository)
		return
	}
	base := map[string]any{"registry": r.login, "imageName": t.repository}
	if t.reference != "" {
		s.single(w, r, t, base)
		return
	}
	keys, ok := r.page(w, req, keys)
	if !ok {
		return
	}
	items := make([]any, 0, len(keys))
	for _, k := range keys {
		if v := r.store.describe(t.repository, t.kind, k); v != nil {
			items = append(items, v)
		}
	}
	base[t.kind] = items
	writeJSON(w, http.StatusOK, base)
}

func (s *Server) single(w http.ResponseWriter, r *registry, t target, base map[string]any) {
	v := r.store.describe(t.repository, t.kind, t.reference)
	if v == nil {
		code := map[string]string{"tags": "TAG_UNKNOWN", "manifests": "MANIFEST_UNKNOWN"}[t.kind]
		writeError(w, http.StatusNotFound, code, strings.TrimSuffix(t.kind, "s")+" is not found", map[string]string{"name": t.reference})
		return
	}
	base[strings.TrimSuffix(t.kind, "s")] = v
	writeJSON(w, http.StatusOK, base)
}

func (s *Server) repository(w http.ResponseWriter, r *registry, name string) {
	st := r.store
	st.mu.RLock()
	repo := st.repos[name]
	if repo == nil {
		st.mu.RUnlock()
		nameUnknown(w, name)
		return
	}
	out := map[string]any{
		"registry": r.login, "imageName": name, "createdTime": stamp(repo.created), "lastUpdateTime": stamp(repo.updated),
		"manifestCount": len(repo.manifests), "tagCount": len(repo.tags), "changeableAttributes": changeable,
	}
	st.mu.RUnlock()
	writeJSON(w, http.StatusOK, out)
}

func stamp(t time.Time) string { return t.Format(timeForm) }

// describe gives one tag or manifest as ACR lists it; nil when it is gone.
func (s *store) describe(repo, kind, key string) map[string]any {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.repos[repo]
	if r == nil {
		return nil
	}
	if kind == "tags" {
		t := r.tags[key]
		if t == nil {
			return nil
		}
		return map[string]any{
			"name": key, "digest": t.digest, "createdTime": stamp(t.created), "lastUpdateTime": stamp(t.updated),
			"signed": false, "changeableAttributes": changeable,
		}
	}
	m := r.manifests[key]
	if m == nil {
		return nil
	}
	tags := []string{}
	for name, t := range r.tags {
		if t.digest == key {
			tags = append(tags, name)
		}
	}
	slices.Sort(tags)
	out := map[string]any{
		"digest": m.digest, "imageSize": m.size, "createdTime": stamp(m.created), "lastUpdateTime": stamp(m.created),
		"mediaType": m.mediaType, "changeableAttributes": changeable,
	}
	if len(tags) > 0 {
		out["tags"] = tags
	}
	if m.configMediaType != "" {
		out["configMediaType"] = m.configMediaType
	}
	if m.os != "" {
		out["os"], out["architecture"] = m.os, m.architecture
	}
	return out
}
