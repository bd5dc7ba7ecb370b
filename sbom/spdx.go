package sbom

import (
	"cmp"
	"fmt"
	"io"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/jsonstream"
)

// The part of SPDX 2.3 that azward writes. Field names are the standard's.
//
// Source: https://spdx.github.io/spdx-spec/v2.3/
type (
	spdxCreation struct {
		Created  string   `json:"created"`
		Creators []string `json:"creators"`
	}
	spdxPackage struct {
		ID               string           `json:"SPDXID"`
		Name             string           `json:"name"`
		Version          string           `json:"versionInfo,omitempty"`
		Purpose          string           `json:"primaryPackagePurpose,omitempty"`
		DownloadLocation string           `json:"downloadLocation"`
		FilesAnalyzed    bool             `json:"filesAnalyzed"`
		LicenseConcluded string           `json:"licenseConcluded"`
		LicenseDeclared  string           `json:"licenseDeclared"`
		Copyright        string           `json:"copyrightText"`
		Checksums        []spdxChecksum   `json:"checksums,omitempty"`
		SourceInfo       string           `json:"sourceInfo,omitempty"`
		ExternalRefs     []spdxRef        `json:"externalRefs,omitempty"`
		Annotations      []spdxAnnotation `json:"annotations,omitempty"`
	}
	spdxChecksum struct {
		Algorithm string `json:"algorithm"`
		Value     string `json:"checksumValue"`
	}
	spdxRef struct {
		Category string `json:"referenceCategory"`
		Type     string `json:"referenceType"`
		Locator  string `json:"referenceLocator"`
	}
	spdxAnnotation struct {
		Annotator string `json:"annotator"`
		Date      string `json:"annotationDate"`
		Type      string `json:"annotationType"`
		Comment   string `json:"comment"`
	}
	spdxRelationship struct {
		Element string `json:"spdxElementId"`
		Type    string `json:"relationshipType"`
		Related string `json:"relatedSpdxElement"`
	}
)

// Names within a document.
const (
	spdxDocument = "SPDXRef-DOCUMENT"
	spdxImage    = "SPDXRef-Image"
	spdxOS       = "SPDXRef-OperatingSystem"
	noAssertion  = "NOASSERTION"
)

// SPDX writes the document as SPDX 2.3 JSON, piece by piece: the image, which
// contains the distribution and the packages. Where a package has findings, the
// pages of their records are its security references. With gaps, the image
// contains "NOASSERTION" besides: more that nobody can tell.
func SPDX(w io.Writer, d *Document, o Options) error {
	s := jsonstream.New(w)
	s.Object("")
	s.Value("spdxVersion", "SPDX-2.3")
	s.Value("dataLicense", "CC0-1.0")
	s.Value("SPDXID", spdxDocument)
	s.Value("name", cmp.Or(d.Name, "image"))
	s.Value("documentNamespace", "urn:uuid:"+o.Serial)
	s.Value("creationInfo", spdxCreation{o.at(), []string{o.tool()}})
	s.Array("packages")
	s.Value("", d.spdxRoot(o))
	if d.OS.ID != "" {
		p := newSPDXPackage(spdxOS, d.OS.ID, d.OS.Version)
		p.Purpose = "OPERATING_SYSTEM"
		p.Annotations = o.annotation(filled(property{propOSName, d.OS.Name}))
		s.Value("", p)
	}
	advisories, diffIDs := d.advisories(), d.diffIDs()
	for n, p := range d.Packages {
		out := o.spdxPackage(n, p, d.packageProperties(p, diffIDs))
		for _, record := range advisories[packageKey(p)] {
			out.ExternalRefs = append(out.ExternalRefs, spdxRef{"SECURITY", "advisory", osv(record).URL})
		}
		s.Value("", out)
	}
	s.End()
	d.spdxRelationships(s)
	s.End()
	return s.Close()
}

func (o Options) tool() string {
	return strings.TrimSuffix("Tool: azward-"+o.Version, "-")
}

func (d *Document) spdxRelationships(s *jsonstream.Writer) {
	s.Array("relationships")
	s.Value("", spdxRelationship{spdxDocument, "DESCRIBES", spdxImage})
	if d.OS.ID != "" {
		s.Value("", spdxRelationship{spdxImage, "CONTAINS", spdxOS})
	}
	for n := range d.Packages {
		s.Value("", spdxRelationship{spdxImage, "CONTAINS", spdxPackageID(n)})
	}
	if len(d.Gaps) > 0 {
		s.Value("", spdxRelationship{spdxImage, "CONTAINS", noAssertion})
	}
	s.End()
}

func spdxPackageID(n int) string { return fmt.Sprintf("SPDXRef-Package-%d", n+1) }

func newSPDXPackage(id, name, version string) spdxPackage {
	return spdxPackage{
		ID: id, Name: name, Version: version, DownloadLocation: noAssertion,
		LicenseConcluded: noAssertion, LicenseDeclared: noAssertion, Copyright: noAssertion,
	}
}

func (d *Document) spdxRoot(o Options) spdxPackage {
	p := newSPDXPackage(spdxImage, cmp.Or(d.Name, "image"), string(d.Digest))
	p.Purpose = "CONTAINER"
	if hash, ok := strings.CutPrefix(string(d.Digest), "sha256:"); ok {
		p.Checksums = []spdxChecksum{{"SHA256", hash}}
	}
	p.ExternalRefs = purlRef(d.purl())
	p.Annotations = o.annotation(append(d.imageProperties(), d.gapProperties()...))
	return p
}

func (o Options) spdxPackage(n int, p azward.Package, list []property) spdxPackage {
	out := newSPDXPackage(spdxPackageID(n), cmp.Or(p.Name, "unnamed"), p.Version)
	out.ExternalRefs = purlRef(p.PURL)
	if p.Source != "" {
		out.SourceInfo = strings.TrimSpace("built package from: " + p.Source + " " + cmp.Or(p.SourceVersion, p.Version))
	}
	for _, l := range p.Locations {
		list = append(list, property{propLocation, l})
	}
	out.Annotations = o.annotation(list)
	return out
}

func purlRef(purl string) []spdxRef {
	if purl == "" {
		return nil
	}
	return []spdxRef{{"PACKAGE-MANAGER", "purl", purl}}
}

// annotation holds properties, one a line, as "name=value".
func (o Options) annotation(list []property) []spdxAnnotation {
	if len(list) == 0 {
		return nil
	}
	lines := make([]string, len(list))
	for n, p := range list {
		lines[n] = p.Name + "=" + strings.ReplaceAll(p.Value, "\n", " ")
	}
	return []spdxAnnotation{{o.tool(), o.at(), "OTHER", strings.Join(lines, "\n")}}
}

// advisories are the records of findings by package, each once.
func (d *Document) advisories() map[string][]string {
	of := map[string][]string{}
	seen := map[string]bool{}
	for _, f := range d.Findings {
		key, record := packageKey(f.Package), cmp.Or(f.Record, f.ID)
		if !seen[key+"\x00"+record] {
			seen[key+"\x00"+record] = true
			of[key] = append(of[key], record)
		}
	}
	return of
}
