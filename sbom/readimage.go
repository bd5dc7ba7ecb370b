package sbom

import (
	"cmp"
	"fmt"
	"regexp"
	"slices"
	"strings"

	packageurl "github.com/package-url/packageurl-go"

	"github.com/azward/azward"
)

var digestForm = regexp.MustCompile(`^sha256:[0-9a-f]{64}$`)

// image fills in what the document is about.
func (p *parser) image() error {
	root := p.takeRoot()
	for i := range p.components {
		if c := &p.components[i]; c.kind == "operating-system" && p.d.OS.ID == "" {
			p.d.OS = osOf(c)
		}
	}
	if root == nil {
		p.d.Digest = p.checked(p.onlySubject())
		return nil
	}
	p.d.Name = clean(cmp.Or(root.name, p.d.Name))
	p.d.Digest = p.checked(cmp.Or(p.onlySubject(), digestOf(root)))
	p.d.Index = p.checked(root.first(propIndex))
	p.d.Platform = clean(root.first(propPlatform))
	p.d.Created = clean(root.first(propCreated))
	if text := root.first(propGap); text != "" {
		p.incomplete = append(p.incomplete, clean(text))
	}
	var err error
	p.d.Layers, err = layersOf(root.properties)
	for i := range p.d.Layers {
		l := &p.d.Layers[i]
		l.Digest, l.DiffID, l.CreatedBy = p.checked(string(l.Digest)), p.checked(string(l.DiffID)), clean(l.CreatedBy)
	}
	return err
}

// takeRoot finds the image; SPDX names it among the packages.
func (p *parser) takeRoot() *component {
	if p.root != nil {
		if isPackage(*p.root) { // a document about one package: it is to be matched itself
			p.components = append(p.components, *p.root)
		}
		return p.root
	}
	at := -1
	for i, c := range p.components {
		if c.id != "" && p.described[c.id] && (at < 0 || c.kind == "container" && p.components[at].kind != "container") {
			at = i
		}
	}
	if at < 0 {
		return nil
	}
	root := p.components[at]
	if !isPackage(root) {
		p.components = slices.Delete(p.components, at, at+1)
	}
	return &root
}

// isPackage says whether the thing that a document is about is itself what
// advisories are about.
func isPackage(c component) bool {
	u, err := packageurl.FromString(c.purl)
	return err == nil && c.kind != "container" && (isOS(u.Type) || ecosystems[u.Type] != "")
}

func (p *parser) onlySubject() string {
	if len(p.subjects) == 1 {
		return string(p.subjects[0])
	}
	return ""
}

// checked gives a digest, or "" where it is none.
func (p *parser) checked(text string) azward.Digest {
	if digestForm.MatchString(text) {
		return azward.Digest(text)
	}
	return ""
}

// digestOf finds the manifest's digest of a root component: azward's property,
// the digest in its package URL or its version, Trivy's property.
func digestOf(c *component) string {
	if d := c.first(propDigest); d != "" {
		return d
	}
	if u, err := packageurl.FromString(c.purl); err == nil && u.Type == packageurl.TypeOCI && digestForm.MatchString(u.Version) {
		return u.Version
	}
	if digestForm.MatchString(c.version) {
		return c.version
	}
	if _, digest, ok := strings.Cut(c.first("aquasecurity:trivy:RepoDigest"), "@"); ok {
		return digest
	}
	return ""
}

// osOf reads the distribution: its name is os-release's ID in what Trivy, Syft
// and azward write, with Syft's own properties before.
func osOf(c *component) OS {
	return OS{
		ID:      clean(cmp.Or(c.first("syft:distro:id"), c.name)),
		Version: clean(cmp.Or(c.first("syft:distro:versionID"), c.version)),
		Name:    clean(c.first(propOSName, "syft:distro:prettyName")),
	}.canonical()
}

// notPackages are kinds of components that no advisory is about, where they
// have no package URL.
var notPackages = []string{
	"operating-system", "operating_system", "container", "file", "data", "device", "device-driver", "firmware",
	"machine-learning-model", "cryptographic-asset", "platform",
}

// packages makes packages of components, and gaps of those that cannot be.
func (p *parser) packages() {
	p.d.Packages = []azward.Package{}
	var unnamed, broken, versionless []string
	bySource, told := 0, false
	at := map[string]int{}
	for _, c := range p.components {
		switch {
		case c.notAComponent:
			continue
		case c.purl == "" && c.first(propEcosystem) == "":
			if !slices.Contains(notPackages, c.kind) {
				unnamed = append(unnamed, c.called())
			}
			continue
		}
		pkg, err := PackageOf(c.purl, p.d.OS)
		if err != nil && c.first(propEcosystem) == "" {
			broken = append(broken, c.called())
			continue
		}
		p.complete(&pkg, c)
		if pkg.Version == "" {
			versionless = append(versionless, c.called())
		}
		if strings.HasPrefix(c.purl, "pkg:deb/") || strings.HasPrefix(c.purl, "pkg:apk/") {
			bySource++
			told = told || c.tellsSource()
		}
		key := packageKey(pkg)
		if first, twice := at[key]; twice { // as Syft does, once a place
			p.join(&p.d.Packages[first], pkg)
			continue
		}
		at[key] = len(p.d.Packages)
		p.d.Packages = append(p.d.Packages, pkg)
	}
	for _, g := range []struct {
		list  []string
		which string
	}{
		{unnamed, "components without a package URL"}, {broken, "components whose package URL is none"}, {versionless, "components without a version"},
	} {
		if len(g.list) > 0 {
			p.gap(azward.GapUnparsed, g.which, fmt.Sprintf("%d not matched: %s", len(g.list), examples(g.list)))
		}
	}
	if bySource > 0 && !told {
		p.gap(azward.GapNotRead, "the source packages", fmt.Sprintf("advisories for %d packages of the distribution go by their source packages, which the document does not name", bySource))
	}
	if len(p.d.Packages) == 0 && len(unnamed) == 0 && len(broken) == 0 {
		p.gap(azward.GapNotRead, "packages", "the document lists none, which may mean that nobody looked")
	}
}

// join adds the places of a package that is listed again.
func (p *parser) join(first *azward.Package, again azward.Package) {
	for _, l := range again.Locations {
		if len(first.Locations) >= maxLocations {
			return // they say where to look, and that many are enough
		}
		if !slices.Contains(first.Locations, l) {
			first.Locations = append(first.Locations, l)
		}
	}
}

// tellsSource says whether a component names its source package in any of the
// ways that are in use.
func (c *component) tellsSource() bool {
	return c.first(propSource, "aquasecurity:trivy:SrcName", "syft:metadata:source", "syft:metadata:originPackage") != "" ||
		strings.HasPrefix(c.source, builtFrom) || strings.Contains(c.purl, "upstream=")
}

// builtFrom begins SPDX's sourceInfo where it names the source package.
const builtFrom = "built package from: "

// complete adds what the document tells beyond the package URL.
func (p *parser) complete(pkg *azward.Package, c component) {
	if own := strings.TrimPrefix(strings.Join([]string{c.group, c.name}, separator(pkg.PURL)), separator(pkg.PURL)); sameName(pkg.PURL, own, pkg.Name) {
		pkg.Name = clean(own) // as it is written there: URLs fold the case of some
	}
	if ecosystem := c.first(propEcosystem); ecosystem != "" {
		pkg.Ecosystem, pkg.Name, pkg.Version = clean(ecosystem), clean(c.first(propName)), clean(c.first(propVersion))
	}
	if name, version := sourceOf(c); name != "" || version != "" {
		pkg.Source, pkg.SourceVersion = clean(name), clean(version)
	}
	pkg.OwnedBy = clean(c.first(propOwnedBy))
	pkg.Locations = append(pkg.Locations, c.locations...)
	if pkg.Locations == nil {
		pkg.Locations = []string{}
	}
	p.d.place(pkg,
		string(p.checked(c.first(propPackageLayer, "aquasecurity:trivy:LayerDigest"))),
		string(p.checked(c.first(propPackageDiffID, "aquasecurity:trivy:LayerDiffID", "syft:location:0:layerID"))))
}

func separator(purl string) string {
	if strings.HasPrefix(purl, "pkg:maven/") {
		return ":"
	}
	return "/"
}

// sameName compares names as the package URL's type does.
func sameName(purl, a, b string) bool {
	if strings.HasPrefix(purl, "pkg:pypi/") {
		fold := strings.NewReplacer("_", "-", ".", "-")
		a, b = fold.Replace(a), fold.Replace(b)
	}
	return a != "" && strings.EqualFold(a, b)
}

// sourceOf reads the source package and its version, "" where it is the
// package's own, from azward's, Trivy's and Syft's properties and SPDX's field.
func sourceOf(c component) (name, version string) {
	if name = c.first(propSource); name != "" || c.first(propSourceVersion) != "" {
		return name, c.first(propSourceVersion)
	}
	if name = c.first("aquasecurity:trivy:SrcName"); name != "" {
		version = c.first("aquasecurity:trivy:SrcVersion")
		if release := c.first("aquasecurity:trivy:SrcRelease"); release != "" && version != "" {
			version += "-" + release
		}
		if epoch := c.first("aquasecurity:trivy:SrcEpoch"); epoch != "" && epoch != "0" && version != "" {
			version = epoch + ":" + version
		}
		return name, version
	}
	if name = c.first("syft:metadata:source", "syft:metadata:originPackage"); name != "" {
		return name, c.first("syft:metadata:sourceVersion")
	}
	if rest, ok := strings.CutPrefix(c.source, builtFrom); ok {
		name, version, _ = strings.Cut(rest, " ")
	}
	return name, version
}
