package foreign

import (
	"regexp"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/sbom"
)

// key is a package's identity across tools: of a package URL the type, the
// name in the type's normal form, and the version; the qualifiers, which every
// tool writes otherwise, are left out.
//
// Source: https://github.com/package-url/purl-spec/blob/main/purl-types-index.json
type key struct{ kind, name, version string }

var runs = regexp.MustCompile(`[-_.]+`)

func keyOf(p azward.Package) key {
	kind, _, _ := strings.Cut(strings.TrimPrefix(p.PURL, "pkg:"), "/")
	k := key{strings.ToLower(kind), p.Name, p.Version}
	if named, err := sbom.PackageOf(p.PURL, sbom.OS{}); err == nil {
		k.name = named.Name
	}
	switch k.kind {
	case "pypi": // https://packaging.python.org/en/latest/specifications/name-normalization/
		k.name = runs.ReplaceAllString(k.name, "-")
	case "golang", "generic":
		k.version = strings.TrimPrefix(strings.TrimPrefix(k.version, "go"), "v")
	}
	k.name = strings.ToLower(k.name)
	return k
}

// sameVersion compares two versions as the same ecosystem's tools write them:
// one of them may leave out an epoch.
func sameVersion(a, b string) bool {
	if a == b {
		return true
	}
	ea, ra, oka := strings.Cut(a, ":")
	eb, rb, okb := strings.Cut(b, ":")
	switch {
	case oka && okb:
		return ea == eb && ra == rb
	case oka:
		return ra == b
	case okb:
		return rb == a
	}
	return false
}

// holding is an image's packages by the names that others may use for them.
type holding struct {
	byName, bySource, byLast map[string][]int
	keys                     []key
}

func hold(packages []azward.Package) holding {
	h := holding{byName: map[string][]int{}, bySource: map[string][]int{}, byLast: map[string][]int{}, keys: make([]key, len(packages))}
	for i, p := range packages {
		k := keyOf(p)
		h.keys[i] = k
		h.byName[k.kind+"/"+k.name] = append(h.byName[k.kind+"/"+k.name], i)
		if p.Source != "" {
			s := k.kind + "/" + strings.ToLower(p.Source)
			h.bySource[s] = append(h.bySource[s], i)
		}
		h.byLast[last(k.name)] = append(h.byLast[last(k.name)], i)
	}
	return h
}

// last part of a name: what tools that know no namespace write.
func last(name string) string {
	return name[strings.LastIndexAny(name, "/:")+1:]
}

// Held gives the packages of a place's image that a finding's package is: of
// the same name and version. Other holds a version in which the image has the
// package instead, "" where the name is not among its packages.
func (p *Places) Held(at *Place, pkg azward.Package) (same []azward.Package, other string) {
	if len(at.Packages) == 0 {
		return nil, ""
	}
	h, ok := p.packages[&at.Packages[0]] // places share the list of their image
	if !ok {
		h = hold(at.Packages)
		p.packages[&at.Packages[0]] = h
	}
	k := keyOf(pkg)
	lists := [][]int{h.byName[k.kind+"/"+k.name], h.bySource[k.kind+"/"+k.name]}
	if k.kind == "generic" || k.kind == "maven" {
		lists = append(lists, h.byLast[last(k.name)])
	}
	for n, candidates := range lists {
		for _, i := range candidates {
			held := at.Packages[i]
			has := h.keys[i].version
			if k.kind == "generic" && len(has) > 1 && has[0] == 'v' {
				has = has[1:]
			}
			if n == 1 && held.SourceVersion != "" {
				has = held.SourceVersion
			}
			if k.version == "" || sameVersion(k.version, has) {
				same = append(same, held)
			} else if other == "" {
				other = held.Name + " " + has
			}
		}
		if len(same) > 0 {
			return same, ""
		}
	}
	return nil, other
}
