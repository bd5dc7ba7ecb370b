package sbom

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/azward/azward"
)

func (l Layer) properties(n int) []property {
	prefix := propImageLayer + strconv.Itoa(n) + ":"
	size := ""
	if l.Size > 0 {
		size = strconv.FormatInt(l.Size, 10)
	}
	return filled(
		property{prefix + propLayerDigest, string(l.Digest)}, property{prefix + propLayerDiffID, string(l.DiffID)},
		property{prefix + propLayerSize, size}, property{prefix + propLayerLine, l.CreatedBy},
	)
}

// maxLayers of an image, as many as any builder makes several times over.
const maxLayers = 1_000

// layersOf reads the layers back from the image's properties.
func layersOf(properties map[string]string) ([]Layer, error) {
	found := map[int]*Layer{}
	for name, value := range properties {
		rest, ok := strings.CutPrefix(name, propImageLayer)
		if !ok {
			continue
		}
		number, what, _ := strings.Cut(rest, ":")
		n, err := strconv.Atoi(number)
		if err != nil || n < 0 || n >= maxLayers {
			return nil, fmt.Errorf("property %.80q names no layer from 0 to %d", name, maxLayers-1)
		}
		l := found[n]
		if l == nil {
			l = &Layer{}
			found[n] = l
		}
		switch what {
		case propLayerDigest:
			l.Digest = azward.Digest(value)
		case propLayerDiffID:
			l.DiffID = azward.Digest(value)
		case propLayerLine:
			l.CreatedBy = value
		case propLayerSize:
			if l.Size, err = strconv.ParseInt(value, 10, 64); err != nil || l.Size < 0 {
				return nil, fmt.Errorf("property %.80q is no size", name)
			}
		}
	}
	list := make([]Layer, 0, len(found))
	for _, n := range slices.Sorted(maps.Keys(found)) {
		list = append(list, *found[n])
	}
	return list, nil
}

// place gives a package the layer that a document names by digest or diffID.
func (d *Document) place(p *azward.Package, digest, diffID string) {
	at := slices.IndexFunc(d.Layers, func(l Layer) bool {
		return digest != "" && l.Digest == azward.Digest(digest) || digest == "" && diffID != "" && l.DiffID == azward.Digest(diffID)
	})
	if at >= 0 {
		p.Layer, p.CreatedBy = d.Layers[at].Digest, d.Layers[at].CreatedBy
		return
	}
	p.Layer = azward.Digest(cmp.Or(digest, diffID))
}
