package image

import (
	"bytes"
	"cmp"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/google/go-containerregistry/pkg/name"
	"github.com/google/go-containerregistry/pkg/v1/remote/transport"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// Registry is a client of one registry. Set Host; the zero value of the rest
// means HTTPS, anonymously. It is safe for concurrent use and must not be
// copied after first use.
type Registry struct {
	Host string // "contoso.azurecr.io", "127.0.0.1:5000"
	// PlainHTTP speaks HTTP. It is refused for hosts other than loopback.
	PlainHTTP bool
	// Transport makes the connections; nil means one of our own.
	Transport http.RoundTripper
	Auth      Auth
	// Patience is how long an answer's headers, and each 64 KiB of its body,
	// may take; 0 means a minute. A layer that has taken five of these must bring
	// 8 MiB in each.
	Patience time.Duration

	// What is known of an Azure registry beside its host makes refusals
	// precise: its permission mode, its ARM ID and the object ID of who asks.
	Mode       PermissionMode
	ResourceID azward.ResourceID
	Principal  string

	mu       sync.Mutex
	sessions map[string]*session // by scope
	turn     chan struct{}       // held while looking for the entrance
	at       entrance
	own      *http.Transport
	kind     listingKind
}

// PermissionMode is how an Azure registry decides who may pull, as ARM's
// property roleAssignmentMode has it; "" is not known.
//
// Source: https://learn.microsoft.com/azure/container-registry/container-registry-rbac-abac-repository-permissions
type PermissionMode string

// Permission modes.
const (
	ModeRegistry   PermissionMode = "LegacyRegistryPermissions" // "RBAC Registry Permissions"
	ModeRepository PermissionMode = "AbacRepositoryPermissions" // "RBAC Registry + ABAC Repository Permissions"
)

// Open gives the image that a reference names. Nothing is requested yet.
func (r *Registry) Open(ref Reference) Source {
	return &opened{blobs: &remote{r, ref}, name: ref.String()}
}

// Close gives idle connections back.
func (r *Registry) Close() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.own != nil {
		r.own.CloseIdleConnections()
	}
	return nil
}

// ResolveDigest asks which digest a tag names. It reads the manifest only
// where the registry does not tell otherwise.
func (r *Registry) ResolveDigest(ctx context.Context, ref Reference) (azward.Digest, error) {
	if ref.Digest != "" {
		return ref.Digest, nil
	}
	q := r.manifestQuery(ref, "")
	q.method, q.op = http.MethodHead, "resolve tag"
	res, err := r.get(ctx, q)
	if err == nil {
		digest := azward.Digest(res.Header.Get("Docker-Content-Digest"))
		if err := res.Body.Close(); err != nil {
			return "", r.problem(ctx, q, err)
		}
		if digestForm.MatchString(string(digest)) {
			return digest, nil
		}
	} else if !worthReading(err) {
		return "", err
	}
	raw, _, err := (&remote{r, ref}).manifest(ctx, "") // the header is optional
	if err != nil {
		return "", err
	}
	return digestOf(raw), nil
}

// worthReading says that a HEAD's answer lacks the reason for its refusal,
// which a GET gives, or that the registry knows no HEAD.
func worthReading(err error) bool {
	var answer *transport.Error
	if !errors.As(err, &answer) {
		return false
	}
	switch answer.StatusCode {
	case http.StatusForbidden, http.StatusMethodNotAllowed, http.StatusNotImplemented:
		return true
	}
	return false
}

// remote is one repository's blobs.
type remote struct {
	*Registry
	ref Reference
}

// Close implements [Source]: connections belong to the registry.
func (m *remote) Close() error { return nil }

const manifestTypes = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, " +
	"application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json"

// query is one request, and how errors name it.
type query struct {
	method, op, subject string // method "" is GET
	path, scope, accept string
	from                int64 // first byte wanted
}

func (r *Registry) manifestQuery(ref Reference, digest azward.Digest) query {
	what := cmp.Or(string(digest), string(ref.Digest), ref.Tag)
	return query{
		op: "read image manifest", subject: ref.String(), path: "/v2/" + ref.Repository + "/manifests/" + what,
		scope: r.scope(ref.Repository), accept: manifestTypes,
	}
}

func (m *remote) manifest(ctx context.Context, digest azward.Digest) ([]byte, string, error) {
	digest = cmp.Or(digest, m.ref.Digest)
	q := m.manifestQuery(m.ref, digest)
	doc, err := m.document(ctx, q, maxManifest, "the manifest")
	if err != nil {
		return nil, "", err
	}
	mediaType, _, _ := strings.Cut(doc.header.Get("Content-Type"), ";")
	said := azward.Digest(doc.header.Get("Docker-Content-Digest"))
	if !strings.HasPrefix(string(said), "sha256:") {
		said = ""
	}
	if want := cmp.Or(digest, said); want != "" && digestOf(doc.raw) != want {
		return nil, "", (&opened{name: q.subject}).bad(fmt.Sprintf("the registry answers with digest %s for %.80s", digestOf(doc.raw), want), nil)
	}
	return doc.raw, mediaType, nil
}

// document reads an answer that is a document: bounded in size and time, and
// no web page.
func (r *Registry) document(ctx context.Context, q query, limit int64, what string) (*document, error) {
	whole, cancel := context.WithTimeoutCause(ctx, documentTime*cmp.Or(r.Patience, stallTimeout), errSlow)
	defer cancel()
	slow := func(err error) error {
		if ctx.Err() == nil && errors.Is(context.Cause(whole), errSlow) {
			return r.problem(ctx, q, errSlow)
		}
		return err
	}
	res, err := r.get(whole, q)
	if err != nil {
		return nil, slow(err)
	}
	raw, err := bound.ReadAll(res.Body, limit, what)
	if err == nil {
		raw, err = decoded(raw, res.Header, limit, what)
	}
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return nil, slow(r.problem(ctx, q, err))
	}
	if strings.Contains(res.Header.Get("Content-Type"), "html") {
		return nil, r.notRegistry(q)
	}
	return &document{raw, res.Header, res.Request.URL}, nil
}

// document is an answer that was read to its end.
type document struct {
	raw    []byte
	header http.Header
	from   *url.URL // what answered, after redirects
}

// decoded undoes a proxy's gzip, which we did not ask for.
func decoded(raw []byte, header http.Header, limit int64, what string) ([]byte, error) {
	if !strings.EqualFold(header.Get("Content-Encoding"), "gzip") || compression(raw) != gzipped {
		return raw, nil
	}
	z, err := gzip.NewReader(bytes.NewReader(raw))
	if err != nil {
		return nil, err
	}
	return bound.ReadAll(z, limit, what)
}

func (m *remote) blob(ctx context.Context, digest azward.Digest, size int64) (io.ReadCloser, error) {
	q := query{
		op: "read layer", subject: m.ref.Repo() + "@" + string(digest), path: "/v2/" + m.ref.Repository + "/blobs/" + string(digest),
		scope: m.scope(m.ref.Repository),
	}
	res, err := m.get(ctx, q)
	if err != nil {
		return nil, err
	}
	if size > 0 && res.ContentLength > size {
		err := (&opened{name: q.subject}).bad(fmt.Sprintf("the registry sends %d bytes for %d", res.ContentLength, size), res.Body.Close())
		return nil, err
	}
	return &resuming{body: res.Body, ctx: ctx, registry: m.Registry, query: q, size: res.ContentLength}, nil
}

// resuming goes on where a connection broke: a layer of gigabytes need not be
// read from its start again. Its digest is proven by whoever reads it.
type resuming struct {
	body     io.ReadCloser
	ctx      context.Context //nolint:containedctx // lives as long as one blob
	registry *Registry
	query    query
	size     int64 // as the registry says; -1 unknown
	tries    int
	waited   time.Duration // for bytes; whoever reads them may be slow
}

// Read implements [io.Reader].
func (b *resuming) Read(p []byte) (int, error) {
	start := time.Now()
	n, err := b.read(p)
	if b.waited += time.Since(start); err == nil && b.waited > b.mayWait() {
		err = errSlow
	}
	return n, err
}

// mayWait is how long what came until now may have taken.
func (b *resuming) mayWait() time.Duration {
	patience := cmp.Or(b.registry.Patience, stallTimeout)
	return documentTime*patience + time.Duration(float64(patience)*float64(b.query.from)/minSteady)
}

func (b *resuming) read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	b.query.from += int64(n)
	ended := err == nil || errors.Is(err, io.EOF) || errors.Is(err, errSlow) || b.ctx.Err() != nil
	if ended || b.query.from == 0 || b.query.from >= b.size || b.tries == maxResumes {
		return n, err
	}
	b.tries++
	res, again := b.registry.get(b.ctx, b.query)
	if again != nil {
		return n, err // what broke first says more
	}
	if res.StatusCode != http.StatusPartialContent || !startsAt(res.Header.Get("Content-Range"), b.query.from) {
		return n, errors.Join(err, res.Body.Close()) // it sends all again: the scanner decides
	}
	_ = b.body.Close() // it is broken already
	b.body = res.Body
	return n, nil
}

// startsAt reads "bytes 100-199/200".
func startsAt(contentRange string, from int64) bool {
	return strings.HasPrefix(contentRange, fmt.Sprintf("bytes %d-", from))
}

// Close implements [io.Closer].
func (b *resuming) Close() error { return b.body.Close() }

// get sends a request and answers for its status.
func (r *Registry) get(ctx context.Context, q query) (*http.Response, error) {
	s, err := r.session(ctx, q.scope)
	if err != nil {
		return nil, r.problem(ctx, q, err)
	}
	req, err := http.NewRequestWithContext(ctx, cmp.Or(q.method, http.MethodGet), r.url(q.path), nil)
	if err != nil {
		return nil, r.problem(ctx, q, err)
	}
	if q.accept != "" {
		req.Header.Set("Accept", q.accept)
	}
	if q.from > 0 {
		req.Header.Set("Range", fmt.Sprintf("bytes=%d-", q.from))
	}
	req.Header.Set("Accept-Encoding", "identity") // bytes as stored: their digest is checked
	res, err := s.client.Do(req)
	if err != nil {
		return nil, r.problem(ctx, q, &deniedError{scope: q.scope, known: s.known, signedIn: s.signedIn, err: err})
	}
	if res.StatusCode == http.StatusOK || q.from > 0 && res.StatusCode == http.StatusPartialContent {
		return res, nil
	}
	err = transport.CheckError(res, http.StatusOK)
	if closeErr := res.Body.Close(); closeErr != nil {
		err = errors.Join(err, closeErr)
	}
	return nil, r.problem(ctx, q, &deniedError{scope: q.scope, known: s.known, signedIn: s.signedIn, err: err})
}

func (r *Registry) url(path string) string {
	scheme := "https"
	if r.PlainHTTP {
		scheme = "http"
	}
	return scheme + "://" + r.server() + path
}

// server is the host to connect to: Docker Hub's has another name.
func (r *Registry) server() string {
	if r.Host == "docker.io" {
		return name.DefaultRegistry
	}
	return r.Host
}
