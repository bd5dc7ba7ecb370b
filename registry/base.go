package registry

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/image"
)

// Base is what an image was built on.
type Base struct {
	// Reference is a name of it: a tag of this registry, or what the image's
	// label says.
	Reference string        `json:"reference"`
	Digest    azward.Digest `json:"digest,omitempty"`
	// Layers of the image that are the base's; 0 when only the label tells.
	Layers int `json:"layers"`
	// Source is "layers" when an image of this registry has exactly these
	// layers, "label" when the image says so itself.
	Source  string    `json:"source"`
	Created time.Time `json:"created,omitzero"`
	// Moved is the digest that the base's tag names now, where that is another.
	Moved azward.Digest `json:"moved,omitempty"`
}

// Labels by which builders name the base.
//
// Source: https://github.com/opencontainers/image-spec/blob/main/annotations.md
const (
	labelBaseName   = "org.opencontainers.image.base.name"
	labelBaseDigest = "org.opencontainers.image.base.digest"
)

// chain identifies layers, lowest first, by what they unpack to; "" when a
// layer's diffID is not known, since the rest can't be compared then.
func chain(layers []image.Layer) string {
	ids := make([]string, len(layers))
	for i, l := range layers {
		if l.DiffID == "" {
			return ""
		}
		ids[i] = string(l.DiffID)
	}
	return strings.Join(ids, " ")
}

// bases finds the base of each image: the image with the longest run of layers
// that this one begins with.
type bases struct {
	byChain map[string][]*Image
}

func newBases(all []*Image) bases {
	b := bases{map[string][]*Image{}}
	for _, i := range all {
		if c := chain(i.image.Layers); c != "" {
			b.byChain[c] = append(b.byChain[c], i)
		}
	}
	for _, list := range b.byChain { // one that a tag names now, then the newest
		slices.SortFunc(list, func(a, b *Image) int {
			return cmp.Or(cmp.Compare(min(len(b.Names), 1), min(len(a.Names), 1)), b.Created.Compare(a.Created), cmp.Compare(a.Digest, b.Digest))
		})
	}
	return b
}

func (b bases) of(i *Image) (*Base, *Image) {
	layers := i.image.Layers
	for n := len(layers) - 1; n > 0; n-- {
		c := chain(layers[:n])
		if c == "" {
			continue
		}
		if found := b.byChain[c]; len(found) > 0 {
			return &Base{Reference: found[0].name(), Digest: found[0].Digest, Layers: n, Source: "layers", Created: found[0].Created}, found[0]
		}
	}
	if name := i.image.Labels[labelBaseName]; name != "" {
		return &Base{Reference: name, Digest: azward.Digest(i.image.Labels[labelBaseDigest]), Source: "label"}, nil
	}
	return nil, nil
}
