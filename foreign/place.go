package foreign

import (
	"strings"

	"github.com/azward/azward"
)

// Place is one container of a workload, or a machine itself.
type Place struct {
	Workload  azward.ResourceID
	Container string // "" for a machine
	// Image and Digest as verdicts name them; "" for a machine.
	Image  string
	Digest azward.Digest
	// Digests that the image goes by besides: of its index, of its configuration.
	Digests []azward.Digest
	// References are the names it goes by: "registry/repository:tag".
	References []string
	// Layers of the image, unpacked, lowest first; nil where nobody read it.
	Layers []azward.Digest
	// Packages of the image as azward read it; nil where nobody did.
	Packages []azward.Package
}

// By says what joined a report to a place, the surest first.
type By string

// What joins a report to a place.
const (
	ByDigest   By = "digest"   // of the manifest or its index
	ByImageID  By = "image-id" // digest of the configuration
	ByLayers   By = "layers"   // the same layers in the same order
	ByResource By = "resource" // its resource ID
	ByTag      By = "tag"      // a name alone: the tag may have been moved in between
)

// Places finds what a report is about among what runs. The zero value knows
// of none.
type Places struct {
	digests   map[azward.Digest][]*Place
	layers    map[string][]*Place
	names     map[string][]*Place
	resources map[azward.ResourceKey][]*Place
	packages  map[*azward.Package]holding
}

// NewPlaces indexes places; machines are those without a container.
func NewPlaces(all []Place) *Places {
	p := &Places{
		digests: map[azward.Digest][]*Place{}, layers: map[string][]*Place{}, names: map[string][]*Place{},
		resources: map[azward.ResourceKey][]*Place{}, packages: map[*azward.Package]holding{},
	}
	for i := range all {
		at := &all[i]
		if at.Container == "" {
			p.resources[at.Workload.Key()] = append(p.resources[at.Workload.Key()], at)
			continue
		}
		seen := map[azward.Digest]bool{"": true}
		for _, d := range append([]azward.Digest{at.Digest}, at.Digests...) {
			if !seen[d] {
				seen[d] = true
				p.digests[d] = append(p.digests[d], at)
			}
		}
		if len(at.Layers) > 0 {
			k := joined(at.Layers)
			p.layers[k] = append(p.layers[k], at)
		}
		named := map[string]bool{"": true}
		for _, r := range at.References {
			if n := fullName(r); !named[n] {
				named[n] = true
				p.names[n] = append(p.names[n], at)
			}
		}
	}
	return p
}

func joined(layers []azward.Digest) string {
	var b strings.Builder
	for _, l := range layers {
		b.WriteString(string(l))
	}
	return b.String()
}

// fullName spells an image's name out, as a registry's client does: the
// default registry, its library, the tag latest; without a digest. A reference
// by digest alone has none.
func fullName(reference string) string {
	name, _, byDigest := strings.Cut(strings.TrimSpace(reference), "@")
	if name == "" || strings.ContainsAny(name, " \t") {
		return ""
	}
	slash := strings.LastIndexByte(name, '/')
	if strings.IndexByte(name[slash+1:], ':') < 0 {
		if byDigest {
			return ""
		}
		name += ":latest"
	}
	host, rest, ok := strings.Cut(name, "/")
	switch {
	case !ok:
		host, rest = "docker.io", "library/"+name
	case !strings.ContainsAny(host, ".:") && host != "localhost":
		host, rest = "docker.io", name
	}
	if host = strings.ToLower(host); host == "index.docker.io" || host == "registry-1.docker.io" {
		host = "docker.io"
	}
	if host == "docker.io" && !strings.Contains(rest, "/") {
		rest = "library/" + rest
	}
	return host + "/" + rest
}

// Of gives the places that a target names, and what joined them; else why
// there is none. A digest outweighs a tag: where a report knows its image's
// digest or layers, and others run under the tag, it is of another build.
func (p *Places) Of(t Target) (found []*Place, by By, why string) {
	if t.Resource != "" {
		id := t.Resource
		if found = p.resources[id.Key()]; len(found) == 0 {
			// An instance of a scale set is its scale set's.
			if parent := id.Parent(); strings.HasSuffix(strings.ToLower(parent.Type()), "/virtualmachinescalesets") {
				found = p.resources[parent.Key()]
			}
		}
		if len(found) == 0 {
			return nil, "", "no machine of the last scan has this resource ID"
		}
		return found, ByResource, ""
	}
	if t.empty() {
		return nil, "", "it names neither an image nor a machine"
	}
	for _, d := range t.Digests {
		if found = p.digests[d]; len(found) > 0 {
			return found, ByDigest, ""
		}
	}
	if found = p.digests[t.ImageID]; t.ImageID != "" && len(found) > 0 {
		return found, ByImageID, ""
	}
	if found = p.layers[joined(t.Layers)]; len(t.Layers) > 0 && len(found) > 0 {
		return found, ByLayers, ""
	}
	return p.byTag(t)
}

func (p *Places) byTag(t Target) (found []*Place, by By, why string) {
	other := false
	for _, n := range t.Names {
		for _, at := range p.names[fullName(n)] {
			if len(t.Digests) > 0 || len(t.Layers) > 0 && len(at.Layers) > 0 {
				other = true
				continue
			}
			found = append(found, at)
		}
		if len(found) > 0 {
			return found, ByTag, ""
		}
	}
	switch {
	case other:
		return nil, "", "another build runs under this name: the report's digest or layers are not those that run"
	case len(t.Digests) > 0:
		return nil, "", "no container of the last scan runs an image of this digest"
	}
	return nil, "", "no container of the last scan runs this image"
}
