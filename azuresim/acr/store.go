package acr

import (
	"bytes"
	"encoding/json"
	"io"
	"log"
	"maps"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"

	ocireg "github.com/google/go-containerregistry/pkg/registry"
)

// maxManifestBytes bounds a manifest, as ACR does (4 MiB).
const maxManifestBytes = 4 << 20

// store is a real registry handler, and what ACR's own listings say of it.
type store struct {
	inner http.Handler
	now   func() time.Time

	mu    sync.RWMutex
	repos map[string]*repository
}

type repository struct {
	created, updated time.Time
	manifests        map[string]*manifest // by digest
	tags             map[string]*tag
}

type manifest struct {
	digest, mediaType string
	size              int64 // of the image: configuration and layers
	configMediaType   string
	created           time.Time
}

type tag struct {
	digest           string
	created, updated time.Time
}

func newStore(now func() time.Time) *store {
	return &store{
		inner: ocireg.New(ocireg.Logger(log.New(io.Discard, "", 0)), ocireg.WithReferrersSupport(true)),
		now:   now, repos: map[string]*repository{},
	}
}

// ServeHTTP passes to the registry and notes the manifests that come and go.
func (s *store) ServeHTTP(w http.ResponseWriter, req *http.Request) {
	t := parseTarget(req.URL.Path)
	if t.kind != "manifests" || req.Method != http.MethodPut && req.Method != http.MethodDelete {
		s.inner.ServeHTTP(w, req)
		return
	}
	var body []byte
	if req.Method == http.MethodPut {
		var err error
		body, err = io.ReadAll(http.MaxBytesReader(w, req.Body, maxManifestBytes))
		if err != nil {
			writeError(w, http.StatusRequestEntityTooLarge, "SIZE_INVALID", "the manifest is larger than 4 MiB", nil)
			return
		}
		req = req.Clone(req.Context())
		req.Body = io.NopCloser(bytes.NewReader(body))
	}
	status := &statusWriter{ResponseWriter: w}
	s.inner.ServeHTTP(status, req)
	switch status.code {
	case http.StatusCreated:
		s.note(t.repository, t.reference, w.Header().Get("Docker-Content-Digest"), req.Header.Get("Content-Type"), body)
	case http.StatusAccepted:
		s.forget(t.repository, t.reference)
	}
}

type statusWriter struct {
	http.ResponseWriter
	code int
}

func (w *statusWriter) WriteHeader(code int) {
	w.code = code
	w.ResponseWriter.WriteHeader(code)
}

func (s *store) note(repo, reference, digest, mediaType string, body []byte) {
	var m struct {
		Config    struct{ MediaType string }
		Layers    []struct{ Size int64 }
		Manifests []struct{ Digest string }
	}
	if json.Unmarshal(body, &m) != nil {
		m.Layers = nil // the registry took it, so it is listed, without a size
	}
	var sized struct{ Config struct{ Size int64 } }
	size := int64(0)
	if json.Unmarshal(body, &sized) == nil {
		size = sized.Config.Size
	}
	for _, l := range m.Layers {
		size += l.Size
	}
	now := s.now().UTC()
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[repo]
	if r == nil {
		r = &repository{created: now, manifests: map[string]*manifest{}, tags: map[string]*tag{}}
		s.repos[repo] = r
	}
	r.updated = now
	if r.manifests[digest] == nil {
		r.manifests[digest] = &manifest{digest: digest, mediaType: mediaType, size: size, configMediaType: m.Config.MediaType, created: now}
	}
	if strings.Contains(reference, ":") {
		return
	}
	if t := r.tags[reference]; t != nil {
		t.digest, t.updated = digest, now
		return
	}
	r.tags[reference] = &tag{digest: digest, created: now, updated: now}
}

func (s *store) forget(repo, reference string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[repo]
	if r == nil {
		return
	}
	delete(r.tags, reference)
	if r.manifests[reference] == nil {
		return
	}
	delete(r.manifests, reference)
	for name, t := range r.tags {
		if t.digest == reference {
			delete(r.tags, name)
		}
	}
	if len(r.manifests) == 0 {
		delete(s.repos, repo)
	}
}

// names of the repositories, in order.
func (s *store) names() []string {
	s.mu.RLock()
	defer s.mu.RUnlock()
	return slices.Sorted(maps.Keys(s.repos))
}

// tagNames of a repository, in order; false when there is no such repository.
func (s *store) tagNames(repo string) ([]string, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.repos[repo]
	if r == nil {
		return nil, false
	}
	return slices.Sorted(maps.Keys(r.tags)), true
}

func (s *store) digests(repo string) ([]string, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	r := s.repos[repo]
	if r == nil {
		return nil, false
	}
	return slices.Sorted(maps.Keys(r.manifests)), true
}
