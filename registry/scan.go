package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"path"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/azward/azward"
	"github.com/azward/azward/image"
	"github.com/azward/azward/store"
)

// Client is the registry; *image.Registry is one.
type Client interface {
	Repositories(ctx context.Context) iter.Seq2[string, error]
	Tags(ctx context.Context, repository string) iter.Seq2[image.Tag, error]
	ResolveDigest(ctx context.Context, ref image.Reference) (azward.Digest, error)
	Open(ref image.Reference) image.Source
	Referrers(ctx context.Context, repository string, subject azward.Digest) ([]image.Referrer, error)
}

// Store keeps what was read.
type Store interface {
	HasImage(ctx context.Context, digest azward.Digest, version string) (bool, error)
	SaveImage(ctx context.Context, img store.ScannedImage) error
	SaveListing(ctx context.Context, l store.Listing) (store.Moves, error)
	Manifests(ctx context.Context, registry string) ([]store.Manifest, error)
	SaveManifests(ctx context.Context, registry string, list []store.Manifest) error
}

// Scan is one look at a registry. Client, Host, Images, Store and At are required.
type Scan struct {
	Client Client
	Host   string // "contoso.azurecr.io", "127.0.0.1:5000"
	// Images reads what is new. Its cache keeps layers, so that an interrupted
	// scan goes on where it ended.
	Images *image.Scanner
	Store  Store
	At     time.Time
	// Repositories and Tags are patterns as path.Match has them; nil is all. A
	// repository without wildcards needs no listing of the registry.
	Repositories, Tags []string
	// Running names digests that run, by repository: they are read although no
	// tag may name them any longer.
	Running map[string][]azward.Digest
	// Named are digests to read, by repository, whatever tags name: with them,
	// tags that select nothing are no error.
	Named map[string][]azward.Digest
	// Workers is the number of requests, and of images, at once; 0 means 8.
	Workers int
	// Again reads images that are known already, too.
	Again bool
	// Progress is told of each step, from many goroutines; nil is silent.
	Progress func(Progress)
}

// Progress of a scan.
type Progress struct {
	Stage       string // "repositories", "tags", "manifests", "images"
	Done, Total int    // Total 0 where it is not known yet
	Note        string
}

// Result is what a scan did.
type Result struct {
	Repositories int          `json:"repositories"`
	Tags         int          `json:"tags"`
	Manifests    int          `json:"manifests"` // distinct ones that tags name, or that run
	Known        int          `json:"known"`     // of these: nothing had to be read
	Images       int          `json:"images"`    // read in this run
	Artifacts    int          `json:"artifacts"` // no images: charts, signatures, SBOMs
	Moves        store.Moves  `json:"moves"`
	Gaps         []azward.Gap `json:"gaps"`
}

// place is a manifest in a repository.
type place struct {
	repository string
	digest     azward.Digest
}

// Run lists the registry, files where its tags point, and reads every image
// that is not known. An image that cannot be read is a gap and keeps no other
// from being read; an error means that nothing could be listed, that the store
// failed, or that ctx ended. Images that were finished by then are kept.
func (s Scan) Run(ctx context.Context) (*Result, error) {
	r := &run{Scan: s, result: &Result{Gaps: []azward.Gap{}}}
	listing, err := r.list(ctx)
	if err != nil {
		return nil, err
	}
	if r.result.Moves, err = s.Store.SaveListing(ctx, listing); err != nil {
		return nil, err
	}
	if err := r.read(ctx, r.places(listing)); err != nil {
		return nil, err
	}
	slices.SortFunc(r.result.Gaps, func(a, b azward.Gap) int {
		return cmp.Or(cmp.Compare(a.Scope, b.Scope), cmp.Compare(a.Reads, b.Reads))
	})
	return r.result, nil
}

type run struct {
	Scan
	mu     sync.Mutex
	result *Result
}

func (r *run) workers() int { return cmp.Or(r.Workers, 8) }

func (r *run) tell(p Progress) {
	if r.Progress != nil {
		r.Progress(p)
	}
}

func (r *run) gap(g azward.Gap) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.result.Gaps = append(r.result.Gaps, g)
}

// list asks for repositories and their tags.
func (r *run) list(ctx context.Context) (store.Listing, error) {
	l := store.Listing{Registry: r.Host, At: r.At}
	repositories, all, err := r.repositories(ctx)
	if err != nil {
		return l, err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.workers())
	done := 0
	for _, repository := range repositories {
		group.Go(func() error {
			tags, err := r.tags(ctx, repository)
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			if err != nil {
				r.gap(gapOf(r.scope(repository), "the repository's tags", err))
				if len(repositories) == 1 {
					return err
				}
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			done++
			r.tell(Progress{Stage: "tags", Done: done, Total: len(repositories), Note: repository})
			l.Tags = append(l.Tags, tags...)
			if err == nil && len(r.Tags) == 0 {
				l.Repositories = append(l.Repositories, repository)
			}
			return nil
		})
	}
	err = group.Wait()
	l.All = all && len(l.Repositories) == len(repositories)
	slices.SortFunc(l.Tags, func(a, b store.Tag) int {
		return cmp.Or(cmp.Compare(a.Repository, b.Repository), cmp.Compare(a.Name, b.Name))
	})
	r.result.Repositories, r.result.Tags = len(repositories), len(l.Tags)
	if err == nil && len(r.result.Gaps) == 0 {
		err = r.nothing(repositories, l.Tags)
	}
	return l, err
}

// nothing is the error of patterns that select nothing: a slip in one would
// read as a registry that is clean.
func (r *run) nothing(repositories []string, tags []store.Tag) error {
	e := &azward.Error{Kind: azward.KindNotFound, Op: "list registry", Subject: r.Host, Remedy: "see what there is: azward registry show " + r.Host + "; * does not go beyond a /"}
	switch {
	case len(r.Repositories) > 0 && len(repositories) == 0:
		e.Cause = fmt.Sprintf("it has no repository %.200s", strings.Join(r.Repositories, " or "))
	case len(r.Tags) > 0 && len(tags) == 0 && len(r.Named) == 0:
		e.Cause = fmt.Sprintf("it has no tag %.200s", strings.Join(r.Tags, " or "))
	default:
		return nil
	}
	return e
}

func (r *run) scope(repository string) azward.ResourceID {
	return azward.ResourceID(r.Host + "/" + repository)
}

// repositories gives those that the patterns select; all says that these are
// all that there are.
func (r *run) repositories(ctx context.Context) (list []string, all bool, err error) {
	wild := func(p string) bool { return strings.ContainsAny(p, `*?[\`) }
	if len(r.Repositories) > 0 && !slices.ContainsFunc(r.Repositories, wild) {
		return slices.Compact(slices.Sorted(slices.Values(r.Repositories))), false, nil
	}
	for repository, err := range r.Client.Repositories(ctx) {
		if err != nil {
			return nil, false, err
		}
		if matches(r.Repositories, repository) {
			list = append(list, repository)
		}
		r.tell(Progress{Stage: "repositories", Done: len(list), Note: repository})
	}
	return list, len(r.Repositories) == 0, nil
}

// matches says whether one of the patterns, or no pattern, is met.
func matches(patterns []string, name string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p string) bool {
		ok, err := path.Match(p, name)
		return err == nil && ok
	})
}

// tags lists a repository's tags, with the digest that each names: one request
// a tag where the registry's listing does not tell.
func (r *run) tags(ctx context.Context, repository string) ([]store.Tag, error) {
	var list []store.Tag
	for tag, err := range r.Client.Tags(ctx, repository) {
		if err != nil {
			return nil, err
		}
		if matches(r.Tags, tag.Name) {
			list = append(list, store.Tag{Repository: repository, Name: tag.Name, Digest: tag.Digest, Pushed: tag.Updated})
		}
	}
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.workers())
	for i := range list {
		if list[i].Digest != "" {
			continue
		}
		group.Go(func() error {
			var err error
			list[i].Digest, err = r.Client.ResolveDigest(ctx, image.Reference{Kind: image.KindRegistry, Registry: r.Host, Repository: repository, Tag: list[i].Name})
			if azward.KindOf(err) == azward.KindNotFound {
				return nil // deleted since the listing
			}
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(list, func(t store.Tag) bool { return t.Digest == "" }), nil
}

// places gives the distinct manifests to know, in order.
func (r *run) places(l store.Listing) []place {
	distinct := map[place]bool{}
	for _, t := range l.Tags {
		distinct[place{t.Repository, t.Digest}] = true
	}
	for repository, digests := range r.Running {
		if matches(r.Repositories, repository) {
			for _, d := range digests {
				distinct[place{repository, d}] = true
			}
		}
	}
	for repository, digests := range r.Named {
		for _, d := range digests {
			distinct[place{repository, d}] = true
		}
	}
	list := make([]place, 0, len(distinct))
	for p := range distinct {
		list = append(list, p)
	}
	slices.SortFunc(list, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.repository, b.repository), cmp.Compare(a.digest, b.digest))
	})
	return list
}

// read reads what is not known of the places.
func (r *run) read(ctx context.Context, places []place) error {
	r.result.Manifests = len(places)
	kept, err := r.Store.Manifests(ctx, r.Host)
	if err != nil {
		return err
	}
	before := make(map[place]store.Manifest, len(kept))
	for _, m := range kept {
		before[place{m.Repository, m.Digest}] = m
	}
	var fresh []place
	var seen []store.Manifest
	for _, p := range places {
		m, ok := before[p]
		if ok && !r.Again {
			if ok, err = r.known(ctx, m); err != nil {
				return err
			}
			if ok {
				m.LastSeen = r.At
				seen = append(seen, m)
				continue
			}
		}
		fresh = append(fresh, p)
	}
	r.result.Known = len(seen)
	if err := r.Store.SaveManifests(ctx, r.Host, seen); err != nil {
		return err
	}
	return r.images(ctx, fresh)
}

// known says whether nothing has to be read again.
func (r *run) known(ctx context.Context, m store.Manifest) (bool, error) {
	if m.Artifact != "" {
		return true, nil
	}
	otherPlatform := m.Image != m.Digest && r.Images.Platform != "" && m.Platform != r.Images.Platform
	if m.Image == "" || otherPlatform {
		return false, nil
	}
	return r.Store.HasImage(ctx, m.Image, image.ExtractorsVersion)
}

// resolved is an image whose manifest was read.
type resolved struct {
	image.Source
	place    place
	manifest *image.Manifest
}

// Resolve implements [image.Source].
func (o *resolved) Resolve(context.Context, image.Platform) (*image.Manifest, error) {
	return o.manifest, nil
}

// largest is the size of the image's largest layer: one stream does not split
// over cores, so the longest must not start last.
func (o *resolved) largest() int64 {
	var n int64
	for _, l := range o.manifest.Layers {
		n = max(n, l.Size)
	}
	return n
}

func (r *run) images(ctx context.Context, places []place) error {
	images, err := r.resolve(ctx, places)
	if err != nil {
		return err
	}
	slices.SortStableFunc(images, func(a, b *resolved) int { return cmp.Compare(b.largest(), a.largest()) })
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.workers())
	done := 0
	for _, o := range images {
		group.Go(func() error {
			if err := r.image(ctx, o); err != nil {
				return err
			}
			r.mu.Lock()
			defer r.mu.Unlock()
			done++
			r.tell(Progress{Stage: "images", Done: done, Total: len(images), Note: o.Name()})
			return nil
		})
	}
	return group.Wait()
}

// resolve reads manifests and configurations. What is no image is filed as such.
func (r *run) resolve(ctx context.Context, places []place) ([]*resolved, error) {
	var platform image.Platform
	if r.Images.Platform != "" {
		var err error
		if platform, err = image.ParsePlatform(r.Images.Platform); err != nil {
			return nil, err
		}
	}
	found := make([]*resolved, len(places))
	done := 0
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(r.workers())
	for i, p := range places {
		group.Go(func() error {
			src := r.Client.Open(image.Reference{Kind: image.KindRegistry, Registry: r.Host, Repository: p.repository, Digest: p.digest})
			m, err := src.Resolve(ctx, platform)
			switch {
			case ctx.Err() != nil:
				return context.Cause(ctx)
			case err != nil:
				return r.unread(ctx, p, err)
			}
			found[i] = &resolved{Source: src, place: p, manifest: m}
			r.mu.Lock()
			defer r.mu.Unlock()
			done++
			r.tell(Progress{Stage: "manifests", Done: done, Total: len(places), Note: p.repository})
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return nil, err
	}
	return slices.DeleteFunc(found, func(o *resolved) bool { return o == nil }), nil
}

// unread files a manifest that holds no image for us, or could not be read.
func (r *run) unread(ctx context.Context, p place, cause error) error {
	m := store.Manifest{Repository: p.repository, Digest: p.digest, FirstSeen: r.At, LastSeen: r.At}
	if artifact, ok := artifactType(cause); ok {
		m.Artifact = artifact
		r.mu.Lock()
		r.result.Artifacts++
		r.mu.Unlock()
	} else {
		m.Error = cause.Error()
		r.gap(gapOf(r.scope(p.repository+"@"+string(p.digest)), "the image", cause))
	}
	return r.Store.SaveManifests(ctx, r.Host, []store.Manifest{m})
}

// image reads one image and keeps it.
func (r *run) image(ctx context.Context, o *resolved) error {
	img, err := r.Images.Scan(ctx, o)
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if err != nil {
		return r.unread(ctx, o.place, err)
	}
	kept, err := Stored(img)
	if err != nil {
		return err
	}
	if err := r.Store.SaveImage(ctx, kept); err != nil {
		return err
	}
	m := store.Manifest{
		Repository: o.place.repository, Digest: o.place.digest, Image: img.Digest, Platform: img.Platform,
		FirstSeen: r.At, LastSeen: r.At,
	}
	for _, l := range img.Layers {
		m.Size += l.Size
	}
	if err := r.attached(ctx, &m); err != nil {
		return err
	}
	r.mu.Lock()
	r.result.Images++
	r.result.Gaps = append(r.result.Gaps, img.Gaps...)
	r.mu.Unlock()
	return r.Store.SaveManifests(ctx, r.Host, []store.Manifest{m})
}

// attached asks what refers to the image: signatures, SBOMs. Both are mostly of
// the index where there is one.
func (r *run) attached(ctx context.Context, m *store.Manifest) error {
	subjects := []azward.Digest{m.Digest}
	if m.Image != m.Digest {
		subjects = append(subjects, m.Image)
	}
	for _, subject := range subjects {
		list, err := r.Client.Referrers(ctx, m.Repository, subject)
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err != nil {
			r.gap(gapOf(r.scope(m.Repository+"@"+string(subject)), "signatures and SBOMs of the image", err))
			m.Attached = nil
			return nil
		}
		for _, a := range list {
			kind := cmp.Or(a.PredicateType, a.ArtifactType)
			switch {
			case a.IsSignature():
				kind = store.AttachedSignature
			case a.IsSBOM():
				kind = store.AttachedSBOM
			}
			if !slices.Contains(m.Attached, kind) {
				m.Attached = append(m.Attached, kind)
			}
		}
	}
	m.AskedAttached = true
	return nil
}

// Stored is the form in which a store keeps an image; [Restored] turns it back.
func Stored(img *image.Image) (store.ScannedImage, error) {
	kept := store.ScannedImage{Digest: img.Digest, Version: image.ExtractorsVersion, Packages: img.Packages, Partial: len(img.Gaps) > 0}
	for _, l := range img.Layers {
		kept.Layers, kept.CreatedBy = append(kept.Layers, l.Digest), append(kept.CreatedBy, l.CreatedBy)
	}
	rest := *img
	rest.Packages = nil
	doc, err := json.Marshal(rest)
	if err != nil {
		return kept, fmt.Errorf("write image %s: %w", img.Digest, err)
	}
	kept.Doc = doc
	return kept, nil
}

// Restored is the image that [Stored] was given.
func Restored(kept store.ScannedImage) (*image.Image, error) {
	img := new(image.Image)
	if err := json.Unmarshal(kept.Doc, img); err != nil {
		return nil, fmt.Errorf("read stored image %s: %w", kept.Digest, err)
	}
	img.Packages = kept.Packages
	return img, nil
}

// gapOf is a gap for an error, with its cause and remedy.
func gapOf(scope azward.ResourceID, reads string, err error) azward.Gap {
	g := azward.Gap{Scope: scope, Kind: azward.GapFailed, Reads: reads, Error: err.Error()}
	var own *azward.Error
	if errors.As(err, &own) {
		g.Error, g.Remedy = own.Cause, own.Remedy
		switch own.Kind {
		case azward.KindSignIn, azward.KindRole:
			g.Kind, g.Needs = azward.GapDenied, "the right to pull from the repository"
		case azward.KindUnavailable:
			g.Kind = azward.GapUnreachable
		case azward.KindBadInput:
			g.Kind = azward.GapUnparsed
		case azward.KindThrottled:
			g.Kind = azward.GapThrottled
		}
	}
	return g
}
