package sbom

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"

	packageurl "github.com/package-url/packageurl-go"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/jsonstream"
)

// The part of CycloneDX 1.6 that azward writes. Field names are the standard's.
//
// Source: https://cyclonedx.org/docs/1.6/json/
type (
	cdxComponent struct {
		Type       string       `json:"type"`
		Ref        string       `json:"bom-ref"`
		Group      string       `json:"group,omitempty"`
		Name       string       `json:"name"`
		Version    string       `json:"version,omitempty"`
		Hashes     []cdxHash    `json:"hashes,omitempty"`
		PURL       string       `json:"purl,omitempty"`
		Properties []property   `json:"properties,omitempty"`
		Evidence   *cdxEvidence `json:"evidence,omitempty"`
	}
	cdxHash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	cdxEvidence struct {
		Occurrences []cdxOccurrence `json:"occurrences"`
	}
	cdxOccurrence struct {
		Location string `json:"location"`
	}
	cdxTools struct {
		Components []cdxTool `json:"components"`
	}
	cdxTool struct {
		Type    string `json:"type"`
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
	}
	cdxComposition struct {
		Aggregate  string   `json:"aggregate"`
		Assemblies []string `json:"assemblies"`
	}
)

// cdxSchema is the schema that a document says to follow.
const cdxSchema = "http://cyclonedx.org/schema/bom-1.6.schema.json"

// CycloneDX writes the document as CycloneDX 1.6 JSON, piece by piece: the
// image as root component, the distribution and the packages as components,
// and with findings the vulnerabilities, without an analysis. Whether the list
// is complete is left open, except where there are gaps: then it says that it
// is incomplete.
func CycloneDX(w io.Writer, d *Document, o Options) error {
	s := jsonstream.New(w)
	refs := newRefs(d)
	s.Object("")
	s.Value("$schema", cdxSchema)
	s.Value("bomFormat", "CycloneDX")
	s.Value("specVersion", "1.6")
	s.Value("serialNumber", "urn:uuid:"+o.Serial)
	s.Value("version", 1)
	s.Object("metadata")
	s.Value("timestamp", o.at())
	s.Value("tools", cdxTools{[]cdxTool{{"application", "azward", o.Version}}})
	s.Value("component", d.cdxRoot(refs.root))
	if gaps := d.gapProperties(); len(gaps) > 0 {
		s.Value("properties", gaps)
	}
	s.End()
	s.Array("components")
	if d.OS.ID != "" {
		s.Value("", d.cdxOS(refs.os))
	}
	diffIDs := d.diffIDs()
	for n, p := range d.Packages {
		s.Value("", d.cdxPackage(p, refs.packages[n], diffIDs))
	}
	s.End()
	if len(d.Gaps) > 0 {
		s.Value("compositions", []cdxComposition{{"incomplete", []string{refs.root}}})
	}
	if d.Scanned {
		s.Array("vulnerabilities")
		for _, v := range d.cdxVulnerabilities(refs) {
			s.Value("", v)
		}
		s.End()
	}
	s.End()
	return s.Close()
}

// refs name the parts of one document; each name comes once.
type refs struct {
	root, os string
	packages []string
	byKey    map[string]string // of packages
	taken    map[string]bool
}

func newRefs(d *Document) *refs {
	r := &refs{packages: make([]string, len(d.Packages)), byKey: make(map[string]string, len(d.Packages)), taken: make(map[string]bool, len(d.Packages))}
	r.root = r.take(cmp.Or(d.purl(), "image"))
	r.os = r.take("os:" + d.OS.ID + "@" + d.OS.Version)
	for n, p := range d.Packages {
		r.packages[n] = r.take(cmp.Or(p.PURL, "package:"+p.Name+"@"+p.Version))
		if key := packageKey(p); r.byKey[key] == "" {
			r.byKey[key] = r.packages[n]
		}
	}
	return r
}

// take gives the name, numbered when another part has it: the same package in
// two layers is two components.
func (r *refs) take(name string) string {
	unique := name
	for n := 2; r.taken[unique]; n++ {
		unique = fmt.Sprintf("%s#%d", name, n)
	}
	r.taken[unique] = true
	return unique
}

func packageKey(p azward.Package) string {
	return strings.Join([]string{p.PURL, p.Ecosystem, p.Name, p.Version, string(p.Layer), p.OwnedBy}, "\x00")
}

func (d *Document) cdxRoot(ref string) cdxComponent {
	c := cdxComponent{Type: "container", Ref: ref, Name: cmp.Or(d.Name, "image"), Version: string(d.Digest), PURL: d.purl(), Properties: d.imageProperties()}
	if hash, ok := strings.CutPrefix(string(d.Digest), "sha256:"); ok {
		c.Hashes = []cdxHash{{"SHA-256", hash}}
	}
	return c
}

func (d *Document) cdxOS(ref string) cdxComponent {
	return cdxComponent{
		Type: "operating-system", Ref: ref, Name: d.OS.ID, Version: d.OS.Version,
		Properties: filled(property{propOSName, d.OS.Name}),
	}
}

func (d *Document) cdxPackage(p azward.Package, ref string, diffIDs map[azward.Digest]azward.Digest) cdxComponent {
	c := cdxComponent{
		Type: "library", Ref: ref, Name: cmp.Or(p.Name, "unnamed"), Version: p.Version, PURL: p.PURL,
		Properties: d.packageProperties(p, diffIDs),
	}
	switch {
	case strings.HasPrefix(p.PURL, "pkg:maven/"):
		if group, name, ok := strings.Cut(p.Name, ":"); ok {
			c.Group, c.Name = group, name
		}
	case strings.HasPrefix(p.PURL, "pkg:npm/"):
		if group, name, ok := strings.Cut(p.Name, "/"); ok {
			c.Group, c.Name = group, name
		}
	}
	if len(p.Locations) > 0 {
		c.Evidence = &cdxEvidence{}
		for _, l := range p.Locations {
			c.Evidence.Occurrences = append(c.Evidence.Occurrences, cdxOccurrence{l})
		}
	}
	return c
}

// maxGapsWritten keeps a document about an unreadable image small.
const maxGapsWritten = 100

func (d *Document) gapProperties() []property {
	var list []property
	for _, g := range d.Gaps[:min(len(d.Gaps), maxGapsWritten)] {
		list = append(list, property{propGap, gapText(g)})
	}
	return list
}

func gapText(g azward.Gap) string {
	parts := slices.DeleteFunc([]string{string(g.Scope), g.Reads, g.Error}, func(s string) bool { return s == "" })
	return strings.Join(parts, ": ")
}

// purl names the image as the specification's type "oci" does; "" without a
// digest.
//
// Source: https://github.com/package-url/purl-spec/blob/main/types-doc/oci-definition.md
func (d *Document) purl() string {
	if d.Digest == "" || d.Name == "" {
		return ""
	}
	repository, _, _ := strings.Cut(d.Name, "@")
	tag := ""
	slash := strings.LastIndexByte(repository, '/')
	if colon := strings.LastIndexByte(repository, ':'); colon > slash {
		repository, tag = repository[:colon], repository[colon+1:]
	}
	name := repository[slash+1:]
	if name == "" {
		return ""
	}
	var q packageurl.Qualifiers
	if _, arch, ok := strings.Cut(d.Platform, "/"); ok {
		q = append(q, packageurl.Qualifier{Key: "arch", Value: arch})
	}
	if host, _, ok := strings.Cut(repository, "/"); ok && !onDisk(host) {
		q = append(q, packageurl.Qualifier{Key: "repository_url", Value: repository})
	}
	if tag != "" {
		q = append(q, packageurl.Qualifier{Key: "tag", Value: tag})
	}
	u := packageurl.NewPackageURL(packageurl.TypeOCI, "", strings.ToLower(name), string(d.Digest), q, "")
	if u.Normalize() != nil {
		return ""
	}
	return u.ToString()
}

// onDisk says that a reference begins as those of files do.
func onDisk(start string) bool {
	kind, _, ok := strings.Cut(start, ":")
	return ok && (kind == "tar" || kind == "oci" || kind == "file" || kind == "sbom")
}
