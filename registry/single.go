package registry

import (
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/image"
	"github.com/azward/azward/store"
)

// Single shows one image apart from any registry, with the advisories of the
// moment; gaps are what these do not cover, and what of the image was not read.
func Single(img *image.Image, known Advisories) (*Image, []azward.Gap, error) {
	i := &Image{
		Digest: img.Digest, Names: []string{}, Runs: []Run{}, Platform: img.Platform, OS: img.OS, Partial: len(img.Gaps) > 0, Packages: len(img.Packages),
		image: img, digests: []azward.Digest{img.Digest},
		packages: make(map[store.PackageID]azward.Package, len(img.Packages)), matched: make(map[store.PackageID][]azward.Finding, len(img.Packages)),
	}
	if img.Index != "" {
		i.digests = append(i.digests, img.Index)
	}
	if at, err := time.Parse(time.RFC3339Nano, img.Created); err == nil {
		i.Created = at
	}
	places := map[azward.Digest]int{}
	for n, l := range img.Layers {
		if _, ok := places[l.Digest]; !ok {
			places[l.Digest] = n
		}
	}
	for n, p := range img.Packages {
		id := store.PackageID(n)
		found, err := known.Match(p)
		if err != nil {
			return nil, nil, err
		}
		layer, ok := places[p.Layer]
		if !ok {
			layer = -1
		}
		i.packages[id], i.matched[id] = p, found
		i.contents.Packages, i.contents.Layers = append(i.contents.Packages, id), append(i.contents.Layers, layer)
	}
	i.Base, _ = bases{}.of(i)
	i.count()
	covered, err := known.MatchAll(img.Scope(), img.Packages)
	if err != nil {
		return nil, nil, err
	}
	return i, append(append([]azward.Gap{}, img.Gaps...), covered.Gaps...), nil
}

// In puts an image that was shown alone into its place in a registry: its
// names, its base, and where it runs.
func (i *Image) In(o *Image) {
	i.Names, i.Repositories, i.Base, i.Runs, i.baseOf, i.digests = o.Names, o.Repositories, o.Base, o.Runs, o.baseOf, o.digests
	i.Attached, i.AskedAttached = o.Attached, o.AskedAttached
	i.Counts, i.BaseCounts, i.Fixable = o.Counts, o.BaseCounts, o.Fixable
}

// Layer is a layer of an image with what it brought.
type Layer struct {
	image.Layer
	Base     bool `json:"base"`
	Packages int  `json:"packages"`
	Findings int  `json:"findings"`
}

// Layers gives the layers with what each brought, lowest first.
func (i *Image) Layers() []Layer {
	list := make([]Layer, len(i.image.Layers))
	for n, l := range i.image.Layers {
		list[n] = Layer{Layer: l, Base: i.inBase(n)}
	}
	for at, id := range i.contents.Packages {
		if n := i.contents.Layers[at]; n >= 0 && n < len(list) {
			list[n].Packages++
			list[n].Findings += len(i.matched[id])
		}
	}
	return list
}
