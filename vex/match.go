package vex

import (
	"fmt"
	"slices"
	"strings"

	"github.com/openvex/go-vex/pkg/vex"
	packageurl "github.com/package-url/packageurl-go"

	"github.com/azward/azward"
)

// Format of a document.
type Format string

// Formats.
const (
	FormatOpenVEX   Format = "openvex"
	FormatCSAF      Format = "csaf"
	FormatCycloneDX Format = "cyclonedx"
)

// Matched is what a scanner will make of a document.
type Matched struct {
	Scanner  Scanner
	Artifact string
	// Findings of the report, how many of them the document has a statement for,
	// and how many the scanner will hide since they are not affected.
	Findings, Stated, Hidden int
}

func (m Matched) String() string {
	return fmt.Sprintf("%s will match %d of %d findings in %s and hide %d of them as not affected", m.Scanner, m.Stated, m.Findings, plain(m.Artifact), m.Hidden)
}

// Check counts how many findings of the report the document of the format will
// match, by the rules of the scanner that wrote the report. When it would match
// none of those that there are, or the scanner takes statements for other
// images too, the error says why and what to do.
//
// Sources of the rules: https://github.com/aquasecurity/trivy/tree/main/pkg/vex and
// https://github.com/anchore/grype/tree/main/grype/vex
func Check(f Format, verdicts []azward.Verdict, o Options, scan Scan) (Matched, error) {
	m := Matched{Scanner: scan.Scanner, Artifact: scan.Artifact, Findings: len(scan.Found)}
	wrong := func(kind azward.Kind, cause, remedy string) (Matched, error) {
		return m, &azward.Error{Kind: kind, Op: "match " + string(f) + " document with report", Subject: plain(scan.Artifact), Cause: cause, Remedy: remedy}
	}
	if cause := unread(f, verdicts, scan); cause != "" {
		return wrong(azward.KindUsage, cause, "use --output openvex for "+string(scan.Scanner))
	}
	list, _ := subjects(verdicts, o.Product)
	switch f {
	case FormatOpenVEX:
		m.openVEX(list, o, scan)
	case FormatCSAF:
		m.csaf(list, o, scan)
	}
	if m.Stated == 0 && m.Findings > 0 {
		cause, remedy := mismatch(f, list, o, scan)
		return wrong(azward.KindNotFound, cause, remedy)
	}
	return m, nil
}

// unread says why a scanner makes nothing of a format, or too much; "" when it
// reads it.
func unread(f Format, verdicts []azward.Verdict, scan Scan) string {
	switch {
	case f == FormatCycloneDX && scan.Scanner == Trivy:
		return "Trivy applies CycloneDX VEX to the very CycloneDX SBOM that it names by BOM-Link, and to no image"
	case f == FormatCycloneDX:
		return "Grype takes CycloneDX VEX by the vulnerability's ID alone, in whatever image and package it is, or in older versions not at all"
	case f == FormatCSAF && scan.Scanner == Grype:
		return "Grype takes CSAF by the package alone, in whatever image it is, so the document gives it nothing to take"
	case f == FormatCSAF && slices.ContainsFunc(verdicts, func(v azward.Verdict) bool { return !cveForm.MatchString(v.Vulnerability) }):
		return "the document has vulnerabilities without a CVE, and Trivy stops at those in CSAF"
	}
	return ""
}

// openVEX asks the library's matching, which both scanners call.
func (m *Matched) openVEX(list []subject, o Options, scan Scan) {
	asked := map[string]bool{}
	for _, found := range scan.Found {
		asked[found.Vulnerability] = true
	}
	issued := o.Issued.UTC()
	by := map[string]*vex.VEX{} // the statements of each vulnerability
	for _, s := range list {
		one := s.openVEX(o)
		for _, id := range append([]vex.VulnerabilityID{one.Vulnerability.Name}, one.Vulnerability.Aliases...) {
			if !asked[string(id)] {
				continue
			}
			if by[string(id)] == nil {
				by[string(id)] = &vex.VEX{Metadata: vex.Metadata{Timestamp: &issued}}
			}
			by[string(id)].Statements = append(by[string(id)].Statements, one)
		}
	}
	products := scan.products()
	for _, found := range scan.Found {
		if of := by[found.Vulnerability]; of != nil {
			m.count(of, found, products, scan.Scanner)
		}
	}
}

// count one finding. Both scanners ask for the image with the package beneath
// it and for the package as a product of its own; Trivy goes by the newest
// statement, Grype by the oldest.
func (m *Matched) count(of *vex.VEX, found ScanFinding, products []string, by Scanner) {
	var beneath []string
	if found.PURL != "" {
		beneath = []string{canonical(found.PURL)}
		products = append(slices.Clip(products), beneath[0])
	}
	for _, product := range products {
		statements := of.Matches(found.Vulnerability, product, beneath)
		if len(statements) == 0 {
			continue
		}
		deciding := statements[0]
		if by == Trivy {
			deciding = statements[len(statements)-1]
		}
		m.Stated++
		if deciding.Status == vex.StatusNotAffected || deciding.Status == vex.StatusFixed {
			m.Hidden++
		}
		return
	}
}

// products are the names that a scanner gives the image: Trivy the purl of its
// first digest with the image's name in repository_url, Grype for each digest
// the reference, the purl without that name, and the bare hash. It also has the
// tags, which no document of ours names.
func (s Scan) products() []string {
	if !s.Image {
		return nil
	}
	var all []string
	for n, reference := range s.Digests {
		repository, digest := splitImage(reference)
		if digest == "" || s.Scanner == Trivy && n > 0 {
			continue
		}
		repository = fullName(repository)
		parent, name := "", repository
		if slash := strings.LastIndexByte(repository, '/'); slash >= 0 {
			parent, name = repository[:slash], repository[slash+1:]
		}
		qualifiers := packageurl.Qualifiers{{Key: "repository_url", Value: parent}}
		if s.Scanner == Trivy {
			qualifiers[0].Value = repository
			if s.Arch != "" {
				qualifiers = append(qualifiers, packageurl.Qualifier{Key: "arch", Value: s.Arch})
			}
		} else {
			all = append(all, reference, strings.TrimPrefix(digest, "sha256:"))
		}
		all = append(all, packageurl.NewPackageURL("oci", "", strings.ToLower(name), digest, qualifiers, "").ToString())
	}
	return all
}

// fullName is a repository with its registry: Docker Hub's need neither.
func fullName(repository string) string {
	first, rest, ok := strings.Cut(repository, "/")
	switch {
	case !ok:
		return "index.docker.io/library/" + repository
	case first == "docker.io":
		return "index.docker.io/" + rest
	case !strings.ContainsAny(first, ".:") && first != "localhost":
		return "index.docker.io/" + repository
	}
	return repository
}

// csaf follows Trivy: a not affected product is the package as a part of what
// has the image's purl.
func (m *Matched) csaf(list []subject, o Options, scan Scan) {
	products := scan.products()
	if len(products) == 0 || o.Product != Images {
		return
	}
	type place struct{ vulnerability, purl string }
	hidden := map[place]bool{}
	for _, s := range list {
		image, all := ociPURL(s.verdict.Image), spellings(packageOf(s.verdict))
		if s.stated(o).status == notAffected && len(all) > 0 && vex.PurlMatches(image, products[0]) {
			hidden[place{s.verdict.Vulnerability, all[0]}] = true
		}
	}
	for _, found := range scan.Found {
		bare := spellings(found.PURL)
		if len(bare) > 0 && hidden[place{found.Vulnerability, bare[0]}] {
			m.Stated++
			m.Hidden++
		}
	}
}

// canonical writes a purl as both scanners do before they compare.
func canonical(purl string) string {
	p, err := packageurl.FromString(purl)
	if err != nil {
		return purl
	}
	return p.ToString()
}

// mismatch looks for the first thing that keeps everything apart.
func mismatch(f Format, list []subject, o Options, scan Scan) (cause, remedy string) {
	const scanImage = "scan the image by the digest that runs: azward verdicts --output json names it as image"
	switch {
	case len(list) == 0:
		return "no verdict was selected, so the document has no statement", "ask for more verdicts"
	case !scan.Image:
		return "the report is not about an image, and statements name deployments and images", "scan the image: trivy image, or grype IMAGE"
	case o.Product != Images:
		return "the document's products are deployments, and " + string(scan.Scanner) + " knows the image alone",
			"add --product image, to name the image as the product: then a statement holds wherever the image runs, also where azward has not looked"
	case len(scan.Digests) == 0:
		return "the report names no digest of a repository: the image was not pulled from a registry", scanImage
	case !sameImage(list, scan):
		return "the report is about " + plain(scan.Digests[0]) + ", which no verdict is about", scanImage
	case f == FormatCSAF && !slices.ContainsFunc(list, func(s subject) bool { return s.stated(o).status == notAffected }):
		return "nothing in the document is not affected, and Trivy takes nothing else from CSAF", "add --assert-not-affected to assert network blocks, or use --output openvex"
	case !sameVulnerability(list, scan):
		return "the report and the verdicts have no vulnerability in common", "update both advisory databases; azward verdicts and the scanner may name a vulnerability by different IDs"
	}
	return "image and vulnerabilities are the same, but no package is", "compare the package URLs of azward verdicts --output csv and of the report"
}

func sameImage(list []subject, scan Scan) bool {
	digests := map[string]bool{}
	for _, s := range list {
		_, digest := splitImage(s.verdict.Image)
		digests[digest] = true
	}
	return slices.ContainsFunc(scan.Digests, func(reference string) bool {
		_, digest := splitImage(reference)
		return digests[digest]
	})
}

func sameVulnerability(list []subject, scan Scan) bool {
	known := map[string]bool{}
	for _, s := range list {
		known[s.verdict.Vulnerability] = true
		for _, alias := range s.aliases() {
			known[alias] = true
		}
	}
	return slices.ContainsFunc(scan.Found, func(f ScanFinding) bool { return known[f.Vulnerability] })
}
