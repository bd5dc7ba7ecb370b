package acr

import (
	"bytes"
	"context"
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
	os, architecture  string // of an image's configuration
	created           time.Time
}

type tag struct {
	digest           string
	created, updated time.Time
}

func newStore(now func() time.Time, referrers bool) *store {
	return &store{
		inner: ocireg.New(ocireg.Logger(log.New(io.Discard, "", 0)), ocireg.WithReferrersSupport(referrers)),
		now:   now, repos: map[string]*repository{},
	}
}

// ServeHTTP passes to the registry and notes the manifests that come and go.
func (s *store) ServeHTTP(w http.ResponseWriter, req *http.Request) { s.serve(w, req, time.Time{}) }

// serve does so at a time, the zero time being now.
func (s *store) serve(w http.ResponseWriter, req *http.Request, at time.Time) {
	if at.IsZero() {
		at = s.now()
	}
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
		s.note(t.repository, t.reference, w.Header().Get("Docker-Content-Digest"), req.Header.Get("Content-Type"), body, at.UTC())
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

func (s *store) note(repo, reference, digest, mediaType string, body []byte, now time.Time) {
	var m struct {
		Config struct {
			MediaType, Digest string
			Size              int64
		}
		Layers []struct{ Size int64 }
	}
	_ = json.Unmarshal(body, &m) // the registry took it, so it is listed, without a size
	size := m.Config.Size
	for _, l := range m.Layers {
		size += l.Size
	}
	os, architecture := s.platform(repo, m.Config.Digest)
	s.mu.Lock()
	defer s.mu.Unlock()
	r := s.repos[repo]
	if r == nil {
		r = &repository{created: now, manifests: map[string]*manifest{}, tags: map[string]*tag{}}
		s.repos[repo] = r
	}
	r.updated = now
	if r.manifests[digest] == nil {
		r.manifests[digest] = &manifest{digest: digest, mediaType: mediaType, size: size, configMediaType: m.Config.MediaType, os: os, architecture: architecture, created: now}
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

// platform reads an image's configuration; other configurations name none.
func (s *store) platform(repo, digest string) (os, architecture string) {
	if digest == "" {
		return "", ""
	}
	req, err := http.NewRequestWithContext(context.Background(), http.MethodGet, "http://in-process.invalid/v2/"+repo+"/blobs/"+digest, nil)
	if err != nil {
		return "", ""
	}
	w := &memory{header: http.Header{}}
	s.inner.ServeHTTP(w, req)
	var config struct{ OS, Architecture string }
	if json.Unmarshal(w.body.Bytes(), &config) != nil {
		return "", ""
	}
	return config.OS, config.Architecture
}

// memory keeps an answer.
type memory struct {
	header http.Header
	body   bytes.Buffer
}

func (m *memory) Header() http.Header         { return m.header }
func (m *memory) WriteHeader(int)             {}
func (m *memory) Write(p []byte) (int, error) { return m.body.Write(p) }

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
