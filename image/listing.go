package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/azward/azward"
)

// Tag is one tag of a repository. Digest and Updated are known from Azure
// Container Registry, which tells all in one listing; elsewhere they are empty.
type Tag struct {
	Name    string
	Digest  azward.Digest
	Updated time.Time
}

// Repositories lists the registry's repositories, page by page. Many registries
// allow that to nobody, which is told as an error that says so.
//
// Source: https://learn.microsoft.com/rest/api/containerregistry/repository/get-list
func (r *Registry) Repositories(ctx context.Context) iter.Seq2[string, error] {
	q := query{op: opCatalog, subject: r.Host, scope: catalogScope}
	list := func(raw []byte) ([]string, error) {
		var page struct {
			Repositories []string `json:"repositories"`
		}
		err := json.Unmarshal(raw, &page)
		return page.Repositories, err
	}
	return items(ctx, r, q, paths{"/acr/v1/_catalog", "/v2/_catalog"}, list, func(name string) error {
		if !repositoryForm.MatchString(name) || len(name) > maxName {
			return fmt.Errorf("it names %.80q, which is no repository", name)
		}
		return nil
	})
}

// Tags lists a repository's tags, page by page.
//
// Source: https://learn.microsoft.com/rest/api/containerregistry/tag/get-list
func (r *Registry) Tags(ctx context.Context, repository string) iter.Seq2[Tag, error] {
	if err := checkRepository(repository); err != nil {
		return failing[Tag](err)
	}
	q := query{op: "list tags", subject: r.Host + "/" + repository, scope: r.scope(repository)}
	return items(ctx, r, q, paths{"/acr/v1/" + repository + "/_tags", "/v2/" + repository + "/tags/list"}, readTags, nil)
}

func readTags(raw []byte) ([]Tag, error) {
	var page struct {
		Tags []json.RawMessage `json:"tags"`
	}
	if err := json.Unmarshal(raw, &page); err != nil {
		return nil, err
	}
	tags := make([]Tag, 0, len(page.Tags))
	for _, raw := range page.Tags {
		tag, err := readTag(raw)
		if err != nil {
			return nil, err
		}
		tags = append(tags, tag)
	}
	return tags, nil
}

// ManifestInfo is what Azure Container Registry's listing says of a manifest,
// tagged or not, without reading it.
type ManifestInfo struct {
	Digest azward.Digest `json:"digest"`
	// Size of configuration and layers, in bytes; 0 for an index.
	Size            int64     `json:"imageSize"`
	Created         time.Time `json:"createdTime"`
	Updated         time.Time `json:"lastUpdateTime"`
	MediaType       string    `json:"mediaType"`
	ConfigMediaType string    `json:"configMediaType"`
	OS              string    `json:"os"`
	Architecture    string    `json:"architecture"`
	Tags            []string  `json:"tags"`
}

// Manifests lists all manifests of a repository, also those that no tag names
// any longer. Only Azure Container Registry has such a listing: for another
// registry the one error matches [errors.ErrUnsupported].
//
// Source: https://learn.microsoft.com/rest/api/containerregistry/manifests/get-list
func (r *Registry) Manifests(ctx context.Context, repository string) iter.Seq2[ManifestInfo, error] {
	if err := checkRepository(repository); err != nil {
		return failing[ManifestInfo](err)
	}
	q := query{op: "list manifests", subject: r.Host + "/" + repository, scope: r.scope(repository)}
	list := func(raw []byte) ([]ManifestInfo, error) {
		var page struct {
			Manifests []ManifestInfo `json:"manifests"`
		}
		err := json.Unmarshal(raw, &page)
		return page.Manifests, err
	}
	return items(ctx, r, q, paths{azure: "/acr/v1/" + repository + "/_manifests"}, list, func(m ManifestInfo) error {
		if !digestForm.MatchString(string(m.Digest)) {
			return fmt.Errorf("it names a manifest %.80q, which is no digest", m.Digest)
		}
		for _, tag := range m.Tags {
			if !tagForm.MatchString(tag) {
				return fmt.Errorf("it names %.80q, which is no tag", tag)
			}
		}
		return nil
	})
}

const opCatalog = "list repositories"

func checkRepository(repository string) error {
	if repositoryForm.MatchString(repository) && len(repository) <= maxName {
		return nil
	}
	_, err := badReference(repository, "it is no repository name")
	return err
}

func failing[T any](err error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		yield(none, err)
	}
}

// items turns pages into what is on them.
func items[T any](ctx context.Context, r *Registry, q query, at paths, list func([]byte) ([]T, error), check func(T) error) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		for doc, err := range r.pages(ctx, q, at) {
			if err != nil {
				yield(none, err)
				return
			}
			found, err := list(doc.raw)
			if err != nil {
				yield(none, r.badListing(q, err.Error(), err))
				return
			}
			for _, item := range found {
				if check != nil {
					if err := check(item); err != nil {
						yield(none, r.badListing(q, err.Error(), err))
						return
					}
				}
				if !yield(item, nil) {
					return
				}
			}
		}
	}
}

// readTag takes ACR's object or the plain name.
func readTag(raw json.RawMessage) (Tag, error) {
	var t struct {
		Name       string        `json:"name"`
		Digest     azward.Digest `json:"digest"`
		LastUpdate time.Time     `json:"lastUpdateTime"`
	}
	if len(raw) > 0 && raw[0] == '"' {
		if err := json.Unmarshal(raw, &t.Name); err != nil {
			return Tag{}, err
		}
	} else if err := json.Unmarshal(raw, &t); err != nil {
		return Tag{}, err
	}
	if !tagForm.MatchString(t.Name) {
		return Tag{}, fmt.Errorf("it names %.80q, which is no tag", t.Name)
	}
	if t.Digest != "" && !digestForm.MatchString(string(t.Digest)) {
		return Tag{}, fmt.Errorf("tag %s has the digest %.80q, which is none", t.Name, t.Digest)
	}
	return Tag{Name: t.Name, Digest: t.Digest, Updated: t.LastUpdate}, nil
}

// paths of a listing: Azure's own, which tells more, and the standard's, "" when
// it has none.
type paths struct{ azure, standard string }

// listingKind is which of them the registry has.
type listingKind int

const (
	listingUnknown listingKind = iota
	listingAzure
	listingStandard
)

// pages gives page after page, following Link. Whether a registry has Azure's
// listings is told by its name, else found out once.
func (r *Registry) pages(ctx context.Context, q query, at paths) iter.Seq2[*document, error] {
	return func(yield func(*document, error) bool) {
		doc, err := r.firstPage(ctx, q, at)
		seen := map[string]bool{}
		for n := 1; yield(doc, err) && err == nil; n++ {
			var next string
			if next, err = nextPage(doc); err != nil {
				doc, err = nil, r.badListing(q, err.Error(), err)
				continue
			}
			if next == "" {
				return
			}
			if n >= maxPages || seen[next] {
				doc, err = nil, r.badListing(q, fmt.Sprintf("its pages do not end (page %d)", n), nil)
				continue
			}
			seen[next] = true
			doc, err = r.page(ctx, q, next)
		}
	}
}

func (r *Registry) firstPage(ctx context.Context, q query, at paths) (*document, error) {
	r.mu.Lock()
	kind := r.kind
	r.mu.Unlock()
	size := "?n=" + strconv.Itoa(pageSize)
	_, azure := r.short()
	if azure || kind == listingAzure {
		return r.page(ctx, q, at.azure+size)
	}
	var doc *document
	var err error
	if kind == listingUnknown {
		doc, err = r.page(ctx, q, at.azure+size)
		if err == nil {
			if q.op != opCatalog { // some registries answer any path that ends in _catalog
				r.listsAs(listingAzure)
			}
			return doc, nil
		}
		if kind := azward.KindOf(err); ctx.Err() != nil || kind == azward.KindUnavailable || kind == azward.KindThrottled {
			return nil, err
		}
	}
	if at.standard == "" {
		return nil, &azward.Error{
			Kind: azward.KindNotFound, Op: q.op, Subject: q.subject, Cause: "the registry has no listing of manifests",
			Remedy: "only Azure Container Registry has; elsewhere list tags", Err: errors.Join(errors.ErrUnsupported, err),
		}
	}
	if doc, err = r.page(ctx, q, at.standard+size); err == nil {
		r.listsAs(listingStandard)
	}
	return doc, err
}

func (r *Registry) listsAs(kind listingKind) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.kind = kind
}

func (r *Registry) page(ctx context.Context, q query, path string) (*document, error) {
	q.path, q.accept = path, "application/json"
	return r.document(ctx, q, maxListing, "the listing")
}

// nextPage reads the Link headers (RFC 8288) and gives the path and query of
// the one with rel="next". The host is left away: a page is never asked of
// another one.
func nextPage(doc *document) (string, error) {
	for _, header := range doc.header.Values("Link") {
		for header != "" {
			_, rest, ok := strings.Cut(header, "<")
			target, params, closed := strings.Cut(rest, ">")
			if !ok || !closed {
				break
			}
			params, header = splitLink(params)
			if !isNext(params) {
				continue
			}
			u, err := url.Parse(strings.TrimSpace(target))
			if err != nil {
				return "", errors.New("its Link header is not an address")
			}
			return doc.from.ResolveReference(u).RequestURI(), nil
		}
	}
	return "", nil
}

// splitLink parts a link's parameters from the link that follows: a comma
// outside quotes is between them.
func splitLink(s string) (params, rest string) {
	quoted := false
	for i := range len(s) {
		switch s[i] {
		case '"':
			quoted = !quoted
		case ',':
			if !quoted {
				return s[:i], s[i+1:]
			}
		}
	}
	return s, ""
}

func isNext(params string) bool {
	for p := range strings.SplitSeq(params, ";") {
		name, value, _ := strings.Cut(strings.TrimSpace(p), "=")
		if strings.EqualFold(strings.TrimSpace(name), "rel") {
			rels := strings.Fields(strings.Trim(strings.TrimSpace(value), `"`))
			return slices.ContainsFunc(rels, func(rel string) bool { return strings.EqualFold(rel, "next") })
		}
	}
	return false
}

func (r *Registry) badListing(q query, cause string, err error) error {
	return &azward.Error{
		Kind: azward.KindBadInput, Op: q.op, Subject: q.subject, Cause: "the registry's answer makes no sense: " + cause,
		Remedy: "check that the host is a container registry", Err: err,
	}
}
