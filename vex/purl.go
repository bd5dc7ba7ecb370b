package vex

import (
	"encoding/hex"
	"net/url"
	"strings"

	packageurl "github.com/package-url/packageurl-go"

	"github.com/azward/azward"
)

// packageOf names a verdict's package: its package URL, or what stands for one
// where none can be written.
func packageOf(v azward.Verdict) string {
	purl := v.Finding.PURL
	_, err := packageurl.FromString(purl)
	if odd := strings.IndexFunc(purl, func(r rune) bool { return r <= ' ' || r > '~' || strings.ContainsRune("<>\"\\^`{|}", r) }); err == nil && odd < 0 {
		return purl
	}
	return "urn:azward:package:" + strings.TrimPrefix(string(azward.NewVerdictID("", v.Image, "", purl)), "v-")
}

// families are the names under which Trivy and Syft know a distribution, where
// its os-release has another.
//
// Source: https://github.com/aquasecurity/trivy/blob/main/pkg/fanal/types/const.go
// and https://github.com/anchore/syft/blob/main/syft/pkg/rpm.go
var families = map[string]string{
	"rhel": "redhat", "amzn": "amazon", "ol": "oracle", "almalinux": "alma", "mariner": "cbl-mariner", "opensuse-leap": "opensuse", "sles": "suse",
}

// spellings gives the package URLs by which scanners may know a package, the
// most usual first. They are without qualifiers: all qualifiers of a statement
// have to be in the scanner's URL, and scanners disagree about them (azward and
// Syft write distro=debian-12, Trivy distro=debian-12.5). A statement is about
// one digest, in which name and version tell the package.
//
// Source: https://github.com/openvex/go-vex/blob/main/pkg/vex/vex.go (PurlMatches)
func spellings(purl string) []string {
	p, err := packageurl.FromString(purl)
	if err != nil {
		return nil
	}
	p.Qualifiers, p.Subpath = nil, ""
	all := []string{p.ToString()}
	add := func(p packageurl.PackageURL) { all = append(all, p.ToString()) }
	// Trivy moves the epoch of a Debian version into a qualifier.
	if epoch, rest, ok := strings.Cut(p.Version, ":"); ok && p.Type == packageurl.TypeDebian {
		moved := p
		moved.Version, moved.Qualifiers = rest, packageurl.Qualifiers{{Key: "epoch", Value: epoch}}
		add(moved)
	}
	// Go's standard library is 1.22.1 for Syft and v1.22.1 for Trivy.
	if p.Type == packageurl.TypeGolang && p.Name == "stdlib" && !strings.HasPrefix(p.Version, "v") {
		prefixed := p
		prefixed.Version = "v" + p.Version
		add(prefixed)
	}
	if family := families[p.Namespace]; family != "" && (p.Type == packageurl.TypeRPM || p.Type == packageurl.TypeDebian) {
		other := p
		other.Namespace = family
		add(other)
	}
	return all
}

// splitImage parts "registry/repository@sha256:…"; digest is "" when the image
// is named by a tag.
func splitImage(image string) (repository, digest string) {
	repository, digest, _ = strings.Cut(image, "@")
	return repository, digest
}

// ociPURL writes "registry/repository@sha256:…" as a purl of type oci, "" when
// the image is not named by digest.
//
// Source: https://github.com/package-url/purl-spec/blob/main/types/oci-definition.json
func ociPURL(image string) string {
	repository, digest := splitImage(image)
	bare := barePURL(image)
	if digest == "" || bare == "" {
		return ""
	}
	return bare + "?repository_url=" + url.QueryEscape(repository)
}

// barePURL is ociPURL without repository_url, which Trivy writes with the
// image's name and Grype without: one digest is one image wherever it lies.
//
// Source: https://github.com/aquasecurity/trivy/blob/main/pkg/purl/purl.go (parseOCI)
// and https://github.com/anchore/grype/blob/main/grype/vex/openvex/implementation.go (identifiersFromDigests)
func barePURL(image string) string {
	repository, digest := splitImage(image)
	if digest == "" {
		return ""
	}
	name := strings.ToLower(repository[strings.LastIndexByte(repository, '/')+1:])
	return "pkg:oci/" + url.PathEscape(name) + "@" + url.QueryEscape(digest)
}

// armURL is the deployment's address at Azure Resource Manager.
func armURL(w azward.Workload) string {
	u := url.URL{Scheme: "https", Host: "management.azure.com", Path: string(w.ID)}
	return u.String()
}

func vulnerabilityURL(id string) string {
	if strings.HasPrefix(id, "CVE-") {
		return "https://nvd.nist.gov/vuln/detail/" + url.PathEscape(id)
	}
	return "https://osv.dev/vulnerability/" + url.PathEscape(id)
}

// sha256Of is the digest of an image without its algorithm, "" when it has
// none or another one.
func sha256Of(image string) string {
	_, digest := splitImage(image)
	hash, ok := strings.CutPrefix(digest, "sha256:")
	if raw, err := hex.DecodeString(hash); !ok || err != nil || len(raw) != 32 {
		return ""
	}
	return hash
}
