package image

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// Tag is one tag of a repository. Digest and Updated are known from Azure
// Container Registry, which tells all in one listing; elsewhere they are empty.
type Tag struct {
	Name    string
	Digest  azward.Digest
	Updated time.Time
}

// Repositories lists the registry's repositories, page by page.
//
// Source: https://learn.microsoft.com/rest/api/containerregistry/repository/get-list
func (r *Registry) Repositories(ctx context.Context) iter.Seq2[string, error] {
	const scope = "registry:catalog:*"
	return func(yield func(string, error) bool) {
		var page struct {
			Repositories []string `json:"repositories"`
		}
		for err := range r.pages(ctx, "list repositories", scope, &page, "/acr/v1/_catalog", "/v2/_catalog") {
			if err != nil {
				yield("", err)
				return
			}
			for _, name := range page.Repositories {
				if !repositoryForm.MatchString(name) || len(name) > maxName {
					yield("", r.badListing("list repositories", fmt.Sprintf("it names %.80q, which is no repository", name), nil))
					return
				}
				if !yield(name, nil) {
					return
				}
			}
			page.Repositories = nil
		}
	}
}

// Tags lists a repository's tags, page by page.
//
// Source: https://learn.microsoft.com/rest/api/containerregistry/tag/get-list
func (r *Registry) Tags(ctx context.Context, repository string) iter.Seq2[Tag, error] {
	scope := "repository:" + repository + ":pull,metadata_read"
	return func(yield func(Tag, error) bool) {
		if !repositoryForm.MatchString(repository) {
			_, err := badReference(repository, "it is no repository name")
			yield(Tag{}, err)
			return
		}
		var page struct {
			Tags []json.RawMessage `json:"tags"`
		}
		for err := range r.pages(ctx, "list tags", scope, &page, "/acr/v1/"+repository+"/_tags", "/v2/"+repository+"/tags/list") {
			if err != nil {
				yield(Tag{}, err)
				return
			}
			for _, raw := range page.Tags {
				tag, err := readTag(raw)
				if err != nil {
					yield(Tag{}, r.badListing("list tags", err.Error(), err))
					return
				}
				if !yield(tag, nil) {
					return
				}
			}
			page.Tags = nil
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

// pages decodes page after page into the value, following Link. The first
// path is Azure's; where it does not exist, the second is the standard's.
func (r *Registry) pages(ctx context.Context, op, scope string, page any, paths ...string) iter.Seq[error] {
	return func(yield func(error) bool) {
		next := paths[0] + "?n=" + strconv.Itoa(pageSize)
		seen := map[string]bool{}
		for n := 0; next != ""; n++ {
			if n >= maxPages || seen[next] {
				yield(r.badListing(op, fmt.Sprintf("its pages do not end (page %d)", n), nil))
				return
			}
			seen[next] = true
			link, err := r.page(ctx, op, next, scope, page)
			if n == 0 && len(paths) > 1 && azward.KindOf(err) == azward.KindNotFound {
				next, paths = paths[1]+"?n="+strconv.Itoa(pageSize), nil
				n--
				continue
			}
			if !yield(err) || err != nil {
				return
			}
			next = link
		}
	}
}

func (r *Registry) page(ctx context.Context, op, path, scope string, into any) (next string, err error) {
	res, err := r.get(ctx, http.MethodGet, op, r.Host, path, scope, "application/json")
	if err != nil {
		return "", err
	}
	raw, err := bound.ReadAll(res.Body, maxListing, "the listing")
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return "", r.problem(ctx, op, r.Host, err)
	}
	if strings.Contains(res.Header.Get("Content-Type"), "html") {
		return "", r.notRegistry(op, r.Host)
	}
	if err := json.Unmarshal(raw, into); err != nil {
		return "", r.badListing(op, "its answer is not JSON: "+err.Error(), err)
	}
	return r.next(op, res)
}

// next reads the Link header (RFC 8288). Only the path and query are taken: a
// page is never asked of another host.
func (r *Registry) next(op string, res *http.Response) (string, error) {
	for _, link := range res.Header.Values("Link") {
		target, params, ok := strings.Cut(link, ">")
		target = strings.TrimPrefix(strings.TrimSpace(target), "<")
		if !ok || !strings.Contains(params, `rel="next"`) && !strings.Contains(params, "rel=next") {
			continue
		}
		u, err := url.Parse(target)
		if err != nil {
			return "", r.badListing(op, "its Link header is not an address", err)
		}
		u = res.Request.URL.ResolveReference(u)
		return u.RequestURI(), nil
	}
	return "", nil
}

func (r *Registry) badListing(op, cause string, err error) error {
	return &azward.Error{
		Kind: azward.KindBadInput, Op: op, Subject: r.Host, Cause: "the registry's answer makes no sense: " + cause,
		Remedy: "check that the host is a container registry", Err: err,
	}
}
