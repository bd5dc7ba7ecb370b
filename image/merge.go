package image

import (
	"cmp"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/hardening"
)

// Image is what a container of the image would see, with what could not be
// read in Gaps. Its JSON is part of the stable surface.
type Image struct {
	Reference string        `json:"reference"`
	Digest    azward.Digest `json:"digest"`
	// Index is the digest of the index that named the image: what a cluster may
	// report as the running image.
	Index    azward.Digest     `json:"index,omitempty"`
	Platform string            `json:"platform,omitempty"`
	OS       OS                `json:"os"`
	Created  string            `json:"created,omitempty"`
	Layers   []Layer           `json:"layers"`
	Config   Config            `json:"config"`
	Labels   map[string]string `json:"labels,omitempty"`
	Packages []azward.Package  `json:"packages"`
	// Facts besides packages; nil for what has no configuration. Secrets are
	// told of without their values.
	Facts   *hardening.Facts   `json:"facts,omitempty"`
	Secrets []hardening.Secret `json:"secrets,omitempty"`
	// Gaps are empty when everything was read.
	Gaps []azward.Gap `json:"gaps"`
}

// Scope names the image in gaps and evidence: "registry/repository@digest", or
// its reference where no digest is known.
func (i *Image) Scope() azward.ResourceID {
	if i.Digest == "" {
		return azward.ResourceID(i.Reference)
	}
	repo, _, _ := strings.Cut(i.Reference, "@")
	if slash := strings.LastIndexByte(repo, '/'); strings.LastIndexByte(repo, ':') > slash {
		repo = repo[:strings.LastIndexByte(repo, ':')]
	}
	return azward.ResourceID(repo + "@" + string(i.Digest))
}

// merger lays layers over one another. A nil result is a layer that could not
// be read.
type merger struct {
	results []*LayerResult
	gone    []map[uint64]bool // per layer: removed paths
	hidden  []map[uint64]bool // per layer: directories whose lower content is hidden
	places  map[string][]int  // path to the layers that tell of it, lowest first
	files   map[string][]*File
	origins map[string]map[identity]int // path and package to the layer that brought it
}

func newMerger(results []*LayerResult) *merger {
	m := &merger{results: results, places: map[string][]int{}, files: map[string][]*File{}, origins: map[string]map[identity]int{}}
	for i, r := range results {
		m.gone, m.hidden = append(m.gone, map[uint64]bool{}), append(m.hidden, map[uint64]bool{})
		if r == nil {
			continue
		}
		for _, p := range r.Whiteouts {
			m.gone[i][hashPath(p)] = true
		}
		for _, p := range r.Opaque {
			m.hidden[i][hashPath(p)] = true
		}
	}
	return m
}

func merge(img *Image, results []*LayerResult) {
	m := newMerger(results)
	for i, r := range results {
		if r == nil {
			continue
		}
		for j := range r.Files {
			m.add(i, &r.Files[j])
		}
		for _, l := range r.Links {
			if l.Hard {
				m.hardLink(img, i, l)
			}
		}
	}
	visible := m.visible()
	img.OS = distribution(visible)
	m.observe(img)
	owners := owners(visible)
	visible = uninstalled(visible, owners)
	for _, f := range visible {
		for _, p := range f.Packages {
			img.Packages = append(img.Packages, m.describe(img, f, p, owners))
		}
	}
	slices.SortStableFunc(img.Packages, func(a, b azward.Package) int {
		return cmp.Or(cmp.Compare(a.PURL, b.PURL), cmp.Compare(a.Locations[0], b.Locations[0]))
	})
	img.Packages = join(img.Packages)
	if n := unnamed(img.Packages); n > 0 {
		img.Gaps = append(img.Gaps, azward.Gap{
			Scope: img.Scope(), Kind: azward.GapUnparsed, Reads: "the distribution and its release",
			Needs:  "an os-release file with ID and VERSION_ID of a distribution that OSV has advisories for",
			Error:  "the distribution of OS packages is not known, so they cannot be matched",
			Remedy: "build on a distribution that publishes advisories",
		})
	}
}

func (m *merger) add(layer int, f *File) {
	m.places[f.Path] = append(m.places[f.Path], layer)
	m.files[f.Path] = append(m.files[f.Path], f)
}

// hardLink gives a hard link what its target in a lower layer told. Most
// runtimes cannot unpack such a layer, and some copy the file up.
func (m *merger) hardLink(img *Image, layer int, l Link) {
	x := byName(l.Path)
	if x == nil {
		return // written by another version of ours
	}
	for i, at := range slices.Backward(m.places[l.Target]) {
		if f := m.files[l.Target][i]; at < layer && f.Kind == x.kind && !m.coveredBelow(l.Target, at, layer) {
			linked := *f
			linked.Path = l.Path
			m.add(layer, &linked)
			return
		}
	}
	layerGaps(img, img.Layers[layer], []azward.Gap{{
		Kind: azward.GapUnparsed, Reads: "/" + l.Path, Error: fmt.Sprintf("it is a hard link to %.200q, which was not read", l.Target),
	}})
}

// has gives the uppermost layer that puts a file at the path, if no layer
// above that covers it.
func (m *merger) has(p string) (layer int, ok bool) {
	for i, r := range slices.Backward(m.results) {
		if r != nil && r.Paths.has(hashPath(p)) {
			return i, !m.covered(p, i)
		}
	}
	return 0, false
}

// visible gives the files that no upper layer replaced, hid or removed, by path.
func (m *merger) visible() []*File {
	var out []*File
	for p, layers := range m.places {
		last := len(layers) - 1
		if !m.covered(p, layers[last]) {
			out = append(out, m.files[p][last])
		}
	}
	slices.SortFunc(out, func(a, b *File) int { return cmp.Compare(a.Path, b.Path) })
	return out
}

// covered says whether a layer above puts something in the path's place, or
// in the place of a directory above it, removes one of these, or hides one.
func (m *merger) covered(p string, layer int) bool { return m.coveredBelow(p, layer, len(m.results)) }

// coveredBelow looks at the layers between the two.
func (m *merger) coveredBelow(p string, layer, end int) bool {
	for i := layer + 1; i < end; i++ {
		if m.results[i] == nil {
			continue
		}
		if m.hidden[i][hashPath(".")] {
			return true
		}
		h := hashStart
		for at := 0; at < len(p); {
			end := strings.IndexByte(p[at+1:], '/')
			if end < 0 {
				end = len(p)
			} else {
				end += at + 1
			}
			h = hashMore(h, p[at:end])
			at = end
			whole := end == len(p)
			if m.gone[i][h] || m.results[i].Paths.has(h) || !whole && m.hidden[i][h] {
				return true
			}
		}
	}
	return false
}

func distribution(visible []*File) OS {
	var os OS
	for _, f := range visible {
		// /etc/os-release stands before /usr/lib's, and sorts before it.
		if f.OS != nil && os.ID == "" {
			os = *f.OS
		}
	}
	return os
}

// owners maps paths to the OS package that has them.
func owners(visible []*File) map[string]string {
	out := map[string]string{}
	for _, f := range visible {
		for _, p := range f.Owned {
			out[mergedUsr(p)] = f.Owner
		}
		for _, pkg := range f.Packages {
			for _, p := range pkg.Owned {
				out[mergedUsr(p)] = pkg.Name
			}
		}
	}
	return out
}

// describe makes the package, with the layer that brought it: the first one
// whose copy of the same file has the same package and version.
func (m *merger) describe(img *Image, f *File, p Found, owners map[string]string) azward.Package {
	out := azward.Package{
		PURL: purl(p, img.OS), Name: p.Name, Version: p.Version, Ecosystem: ecosystem(p.Type, img.OS),
		Source: p.Source, SourceVersion: p.SourceVersion, Locations: []string{"/" + f.Path},
	}
	if p.Inside != "" {
		out.Locations[0] += "!/" + p.Inside
	}
	if !isOS(p.Type) {
		out.OwnedBy = owners[mergedUsr(f.Path)]
	}
	layer := img.Layers[m.origin(f, p)]
	out.Layer, out.CreatedBy = layer.Digest, layer.CreatedBy
	return out
}

// identity is what makes two findings in copies of a file the same package.
type identity struct{ kind, name, version, arch, inside string }

func identify(p Found) identity { return identity{p.Type, p.Name, p.Version, p.Arch, p.Inside} }

// origin gives the first layer whose copy of the file has the package.
// Databases of thousands of packages are copied by many layers: they are
// indexed once.
func (m *merger) origin(f *File, p Found) int {
	copies, layers := m.files[f.Path], m.places[f.Path]
	if len(copies) == 1 {
		return layers[0]
	}
	first := m.origins[f.Path]
	if first == nil {
		first = map[identity]int{}
		for i, c := range slices.Backward(copies) {
			for _, q := range c.Packages {
				first[identify(q)] = layers[i]
			}
		}
		m.origins[f.Path] = first
	}
	return first[identify(p)]
}

// join makes one of the same package in several places of one layer.
func join(list []azward.Package) []azward.Package {
	out := list[:0]
	at := map[string]int{}
	for _, p := range list {
		k := strings.Join([]string{p.PURL, p.Ecosystem, p.Name, p.Version, string(p.Layer), p.OwnedBy}, "\x00")
		if i, ok := at[k]; ok {
			out[i].Locations = append(out[i].Locations, p.Locations...)
			continue
		}
		at[k] = len(out)
		out = append(out, p)
	}
	return out
}

func unnamed(list []azward.Package) int {
	n := 0
	for _, p := range list {
		if p.Ecosystem == "" {
			n++
		}
	}
	return n
}

// layerGaps completes the gaps of one layer for the image.
func layerGaps(img *Image, l Layer, gaps []azward.Gap) {
	for _, g := range gaps {
		g.Scope = img.Scope()
		g.Reads = path.Join(string(l.Digest), g.Reads)
		img.Gaps = append(img.Gaps, g)
	}
}
