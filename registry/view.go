package registry

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/image"
	"github.com/azward/azward/remediation"
	"github.com/azward/azward/store"
)

// Kept is the store as a view reads it.
type Kept interface {
	Packages(ctx context.Context) (map[store.PackageID]azward.Package, error)
	Contents(ctx context.Context) iter.Seq2[store.Contents, error]
	Tags(ctx context.Context, registry, repository string) ([]store.Tag, error)
	Manifests(ctx context.Context, registry string) ([]store.Manifest, error)
}

// Advisories knows what affects a package; [*advisory.Index] is one.
type Advisories interface {
	Match(pkg azward.Package) ([]azward.Finding, error)
	MatchAll(scope azward.ResourceID, pkgs []azward.Package) (advisory.Result, error)
}

// Run is a workload that runs an image.
type Run struct {
	Workload azward.Workload `json:"workload"`
	// Exploitable counts the workload's verdicts about the image by answer.
	Exploitable int `json:"exploitable"`
	Unknown     int `json:"unknown"`
}

// Load says what to show. Registry, Store and Advisories are required.
type Load struct {
	Registry   string
	Store      Kept
	Advisories Advisories
	// Runs gives the workloads that run an image, which goes by any of these
	// digests and of these references ("contoso.azurecr.io/shop/cart:1.4"). Nil
	// means that no estate is known: then nothing is said about what runs.
	Runs func(digests []azward.Digest, references []string) []Run
	// Repositories and Tags are patterns as [Scan] has them: only what they
	// select is shown, and only gaps of that; nil is all. Bases are looked for in
	// the whole registry.
	Repositories, Tags []string
}

// selects says whether an image is one that is asked for: one of its tags is,
// or, where any tag will do, one of its repositories.
func (l *Load) selects(i *Image) bool {
	for _, name := range i.Names {
		at := strings.LastIndexByte(name, ':')
		if matches(l.Repositories, name[:at]) && matches(l.Tags, name[at+1:]) {
			return true
		}
	}
	return len(l.Tags) == 0 && slices.ContainsFunc(i.Repositories, func(r string) bool { return matches(l.Repositories, r) })
}

// View is a registry as the store and the advisories of the moment show it.
type View struct {
	Registry     string        `json:"registry"`
	Repositories []*Repository `json:"repositories"`
	// Images in the order in which they deserve attention.
	Images []*Image `json:"images"`
	// Estate says whether it is known what runs.
	Estate bool `json:"estate"`
	// Gaps are what the advisories do not cover.
	Gaps     []azward.Gap `json:"gaps"`
	Packages int          `json:"packages"` // distinct ones

	all      []*Image // also those that were not asked for
	byDigest map[azward.Digest]*Image
	load     Load
}

// Repository is one repository over time.
type Repository struct {
	Name      string           `json:"name"`
	Tags      []store.Tag      `json:"tags"` // with where they pointed before
	Artifacts []store.Manifest `json:"artifacts,omitempty"`
	Unread    []store.Manifest `json:"unread,omitempty"`
}

// Image is one image of the registry.
type Image struct {
	Digest azward.Digest `json:"digest"`
	// Names are the tags that name it now, "repository:tag"; none means that it
	// is only reached by its digest.
	Names        []string           `json:"names"`
	Repositories []string           `json:"repositories"`
	Platform     string             `json:"platform"`
	OS           image.OS           `json:"os"`
	Created      time.Time          `json:"created,omitzero"`
	Partial      bool               `json:"partial,omitempty"`
	Base         *Base              `json:"base,omitempty"`
	Packages     int                `json:"packages"`
	Counts       remediation.Counts `json:"counts"`     // findings: a vulnerability in a package each
	BaseCounts   remediation.Counts `json:"baseCounts"` // of these in the base's layers
	Fixable      int                `json:"fixable"`    // of Counts: with a fixed version
	Runs         []Run              `json:"runs"`
	// Attached is what refers to the image, such as "signature" and "sbom": that
	// it is there, not that it is true. AskedAttached says that the registry was
	// asked.
	Attached      []string `json:"attached,omitempty"`
	AskedAttached bool     `json:"askedAttached,omitempty"`

	image    *image.Image // without packages
	digests  []azward.Digest
	baseOf   *Image
	contents store.Contents
	packages map[store.PackageID]azward.Package
	matched  map[store.PackageID][]azward.Finding
}

// name is how to call the image: by a tag where there is one.
func (i *Image) name() string {
	if len(i.Names) > 0 {
		return i.Names[0]
	}
	if len(i.Repositories) > 0 {
		return i.Repositories[0] + "@" + string(i.Digest)
	}
	return string(i.Digest)
}

// Name is how to call the image: repository:tag, or repository@digest.
func (i *Image) Name() string { return i.name() }

// Read is the image as it was read, without its packages.
func (i *Image) Read() *image.Image { return i.image }

// View loads the registry. Each distinct package is matched once.
func (l Load) View(ctx context.Context) (*View, error) {
	v := &View{Registry: l.Registry, Gaps: []azward.Gap{}, Estate: l.Runs != nil, byDigest: map[azward.Digest]*Image{}, load: l}
	if err := v.manifests(ctx); err != nil {
		return nil, err
	}
	if err := v.tags(ctx); err != nil {
		return nil, err
	}
	if err := v.match(ctx); err != nil {
		return nil, err
	}
	for _, i := range v.byDigest {
		v.all = append(v.all, i)
	}
	found := newBases(v.all)
	for _, i := range v.all {
		i.Base, i.baseOf = found.of(i)
		i.count()
		if l.Runs != nil {
			references := make([]string, len(i.Names))
			for n, name := range i.Names {
				references[n] = l.Registry + "/" + name
			}
			i.Runs = l.Runs(i.digests, references)
		}
	}
	v.moved()
	slices.SortFunc(v.all, compare)
	v.Images = slices.DeleteFunc(slices.Clone(v.all), func(i *Image) bool { return !l.selects(i) })
	v.Repositories = slices.DeleteFunc(v.Repositories, func(r *Repository) bool { return !matches(l.Repositories, r.Name) })
	return v, nil
}

// manifests reads which images the registry has, without their packages.
func (v *View) manifests(ctx context.Context) error {
	list, err := v.load.Store.Manifests(ctx, v.Registry)
	if err != nil {
		return err
	}
	for _, m := range list {
		repository := v.repository(m.Repository)
		switch {
		case m.Artifact != "":
			repository.Artifacts = append(repository.Artifacts, m)
			continue
		case m.Image == "":
			repository.Unread = append(repository.Unread, m)
			continue
		}
		i := v.byDigest[m.Image]
		if i == nil {
			i = &Image{Digest: m.Image, Names: []string{}, Runs: []Run{}, image: new(image.Image)}
			v.byDigest[m.Image] = i
		}
		for _, d := range []azward.Digest{m.Digest, m.Image} {
			if !slices.Contains(i.digests, d) {
				i.digests = append(i.digests, d)
			}
		}
		if !slices.Contains(i.Repositories, m.Repository) {
			i.Repositories = append(i.Repositories, m.Repository)
		}
		i.Attached, i.AskedAttached = append(i.Attached, m.Attached...), i.AskedAttached || m.AskedAttached
	}
	return v.open(ctx)
}

func (v *View) repository(name string) *Repository {
	at, ok := slices.BinarySearchFunc(v.Repositories, name, func(r *Repository, name string) int { return cmp.Compare(r.Name, name) })
	if !ok {
		v.Repositories = slices.Insert(v.Repositories, at, &Repository{Name: name, Tags: []store.Tag{}})
	}
	return v.Repositories[at]
}

// open fills in what the store holds of the images.
func (v *View) open(ctx context.Context) error {
	opened := 0
	for c, err := range v.load.Store.Contents(ctx) {
		if err != nil {
			return err
		}
		i := v.byDigest[c.Digest]
		if i == nil {
			continue
		}
		if err := json.Unmarshal(c.Doc, i.image); err != nil {
			return fmt.Errorf("read stored image %s: %w", c.Digest, err)
		}
		opened++
		c.Doc = nil
		i.contents, i.Partial, i.Packages = c, c.Partial, len(c.Packages)
		i.Platform, i.OS = i.image.Platform, i.image.OS
		if at, err := time.Parse(time.RFC3339Nano, i.image.Created); err == nil {
			i.Created = at
		}
	}
	if lost := len(v.byDigest) - opened; lost > 0 {
		v.Gaps = append(v.Gaps, azward.Gap{
			Scope: azward.ResourceID(v.Registry), Kind: azward.GapFailed, Reads: fmt.Sprintf("%d images", lost),
			Error: "they were listed and are not in the store", Remedy: "azward registry scan " + v.Registry,
		})
	}
	return nil
}

// tags says what names each image now.
func (v *View) tags(ctx context.Context) error {
	list, err := v.load.Store.Tags(ctx, v.Registry, "")
	if err != nil {
		return err
	}
	of := map[azward.Digest]*Image{}
	for _, i := range v.byDigest {
		for _, d := range i.digests {
			of[d] = i
		}
	}
	for _, t := range list {
		repository := v.repository(t.Repository)
		repository.Tags = append(repository.Tags, t)
		if i := of[t.Digest]; i != nil && t.Until.IsZero() {
			i.Names = append(i.Names, t.Repository+":"+t.Name)
		}
	}
	for _, i := range v.byDigest {
		slices.Sort(i.Names)
	}
	return nil
}

// match matches each distinct package once.
func (v *View) match(ctx context.Context) error {
	all, err := v.load.Store.Packages(ctx)
	if err != nil {
		return err
	}
	found := make(map[store.PackageID][]azward.Finding, len(all))
	asked := map[store.PackageID]bool{}
	var here []azward.Package
	for _, i := range v.byDigest {
		i.packages, i.matched = all, found
		selected := v.load.selects(i)
		for _, id := range i.contents.Packages {
			if selected && !asked[id] {
				asked[id] = true
				here = append(here, all[id])
			}
			if _, done := found[id]; done {
				continue
			}
			if found[id], err = v.load.Advisories.Match(all[id]); err != nil {
				return err
			}
		}
	}
	v.Packages = len(here)
	covered, err := v.load.Advisories.MatchAll(azward.ResourceID(v.Registry), here)
	v.Gaps = append(v.Gaps, covered.Gaps...)
	return err
}

// Findings are the image's vulnerabilities, each in the package that has it.
func (i *Image) Findings() iter.Seq[remediation.Finding] {
	return func(yield func(remediation.Finding) bool) {
		for at, id := range i.contents.Packages {
			for _, f := range i.matched[id] {
				p := i.packages[id]
				layer := i.contents.Layers[at]
				if layer >= 0 && layer < len(i.image.Layers) {
					p.Layer, p.CreatedBy = i.image.Layers[layer].Digest, i.image.Layers[layer].CreatedBy
				}
				f.Layer = p.Layer
				if !yield(remediation.Finding{Finding: f, Package: p, Base: i.inBase(layer)}) {
					return
				}
			}
		}
	}
}

func (i *Image) inBase(layer int) bool { return i.Base != nil && layer >= 0 && layer < i.Base.Layers }

func (i *Image) count() {
	for f := range i.Findings() {
		if f.Affected != azward.Yes {
			f.Severity = azward.SeverityUnknown // its version could not be ordered
		}
		i.Counts.Add(f.Finding)
		if f.Base {
			i.BaseCounts.Add(f.Finding)
		}
		if len(f.FixedIn) > 0 {
			i.Fixable++
		}
	}
}

// moved says where the tags of bases point now.
func (v *View) moved() {
	now := map[string]azward.Digest{}
	for _, r := range v.Repositories {
		for _, t := range r.Tags {
			if t.Until.IsZero() {
				now[r.Name+":"+t.Name] = t.Digest
			}
		}
	}
	was := map[azward.Digest][]string{}
	for _, r := range v.Repositories {
		for _, t := range r.Tags {
			if !t.Until.IsZero() {
				was[t.Digest] = append(was[t.Digest], r.Name+":"+t.Name)
			}
		}
	}
	for _, i := range v.all {
		if i.baseOf == nil || len(i.baseOf.Names) > 0 {
			continue
		}
		for _, d := range i.baseOf.digests {
			for _, name := range was[d] {
				if to, ok := now[name]; ok && to != d {
					i.Base.Reference, i.Base.Moved = name, to
				}
			}
		}
	}
}

// compare puts first what runs, then what is known to be exploited, then the
// more severe.
func compare(a, b *Image) int {
	exploitable := func(i *Image) (n int) {
		for _, r := range i.Runs {
			n += r.Exploitable
		}
		return n
	}
	return cmp.Or(
		cmp.Compare(exploitable(b), exploitable(a)),
		cmp.Compare(min(len(b.Runs), 1), min(len(a.Runs), 1)),
		b.Counts.Compare(a.Counts),
		cmp.Compare(len(b.Runs), len(a.Runs)),
		cmp.Compare(a.name(), b.name()),
	)
}
