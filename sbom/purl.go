package sbom

import (
	"fmt"
	"net/url"
	"strings"

	packageurl "github.com/package-url/packageurl-go"

	"github.com/azward/azward"
)

// maxPURL is in bytes; the longest real ones, of Go modules, take 300.
const maxPURL = 8 << 10

// ecosystems names a purl type's ecosystem as OSV does.
//
// Sources: https://ossf.github.io/osv-schema/#defined-ecosystems,
// https://github.com/package-url/purl-spec/blob/main/purl-types-index.json
var ecosystems = map[string]string{
	"npm": "npm", "pypi": "PyPI", "golang": "Go", "maven": "Maven", "nuget": "NuGet", "gem": "RubyGems", "composer": "Packagist",
	"cargo": "crates.io", "hex": "Hex", "pub": "Pub", "swift": "SwiftURL", "hackage": "Hackage", "cran": "CRAN", "conan": "ConanCenter",
	"githubactions": "GitHub Actions", "bitnami": "Bitnami", "julia": "Julia",
}

// distributions are the spellings of os-release's ID that others use.
var distributions = map[string]string{
	"redhat": "rhel", "alma": "almalinux", "amazon": "amzn", "amazonlinux": "amzn", "oracle": "ol", "oraclelinux": "ol",
	"cbl-mariner": "mariner", "azure": "azurelinux", "opensuse.leap": "opensuse-leap", "rockylinux": "rocky",
}

// releases are codenames that stand where VERSION_ID belongs.
//
// Sources: https://www.debian.org/releases/, https://wiki.ubuntu.com/Releases
var releases = map[string]OS{
	"stretch": {ID: "debian", Version: "9"}, "buster": {ID: "debian", Version: "10"}, "bullseye": {ID: "debian", Version: "11"},
	"bookworm": {ID: "debian", Version: "12"}, "trixie": {ID: "debian", Version: "13"}, "forky": {ID: "debian", Version: "14"},
	"xenial": {ID: "ubuntu", Version: "16.04"}, "bionic": {ID: "ubuntu", Version: "18.04"}, "focal": {ID: "ubuntu", Version: "20.04"},
	"jammy": {ID: "ubuntu", Version: "22.04"}, "noble": {ID: "ubuntu", Version: "24.04"},
}

func (o OS) canonical() OS {
	o.ID = strings.ToLower(o.ID)
	if id, ok := distributions[o.ID]; ok {
		o.ID = id
	}
	if r, ok := releases[strings.ToLower(o.Version)]; ok && (o.ID == "" || o.ID == r.ID) {
		o.ID, o.Version = r.ID, r.Version
	}
	return o
}

// isOS says whether packages of the purl type belong to a distribution.
func isOS(kind string) bool {
	switch kind {
	case "deb", "apk", "rpm", "alpm":
		return true
	}
	return false
}

// PackageOf reads a package URL. The distribution of an OS package is the
// URL's own (its qualifier distro, its namespace), else the given one; where
// neither tells, or tells of no release that OSV has advisories for, the
// ecosystem is "" and nothing can be matched. A type that no advisories go by
// stands as the ecosystem itself: "generic". Source and source version are
// those of the qualifier upstream. A URL that is none is an error of kind
// [azward.KindBadInput].
//
// Source: https://github.com/package-url/purl-spec/blob/main/purl-specification.md
func PackageOf(purl string, os OS) (azward.Package, error) {
	bad := func(cause string) (azward.Package, error) {
		return azward.Package{}, &azward.Error{
			Kind: azward.KindBadInput, Op: "read package URL", Subject: fmt.Sprintf("%.200q", purl),
			Cause: cause, Remedy: "write it as pkg:type/namespace/name@version",
		}
	}
	if len(purl) > maxPURL {
		return bad(fmt.Sprintf("it is longer than %d bytes", maxPURL))
	}
	u, err := packageurl.FromString(purl)
	if err != nil {
		return bad(err.Error())
	}
	if u.Name == "" {
		return bad("it has no name")
	}
	q := u.Qualifiers.Map()
	p := azward.Package{PURL: purl, Name: clean(u.Name), Version: clean(u.Version), Locations: []string{}}
	if !isOS(u.Type) {
		p.Name, p.Ecosystem = clean(fullName(u, purl)), ecosystems[u.Type]
		if p.Ecosystem == "" {
			p.Ecosystem = clean(u.Type)
		}
		return p, nil
	}
	if e := q["epoch"]; e != "" && !strings.Contains(p.Version, ":") {
		p.Version = clean(e) + ":" + p.Version
	}
	p.Ecosystem = Ecosystem(distribution(u, q["distro"], os))
	p.Source, p.SourceVersion = upstream(clean(q["upstream"]))
	if p.Source == p.Name && (p.SourceVersion == "" || p.SourceVersion == p.Version) {
		p.Source, p.SourceVersion = "", ""
	}
	return p, nil
}

// fullName is a language package's name as its advisories have it, in the
// case in which the URL has it: reading folds it for some types, while Go's
// advisories and npm's oldest packages tell the cases apart.
func fullName(u packageurl.PackageURL, purl string) string {
	namespace, name := u.Namespace, u.Name
	if written := written(purl); strings.EqualFold(written, strings.TrimPrefix(namespace+"/"+name, "/")) {
		slash := strings.LastIndexByte(written, '/')
		namespace, name = written[:max(slash, 0)], written[slash+1:]
	}
	switch {
	case namespace == "":
		return name
	case u.Type == "maven":
		return namespace + ":" + name
	}
	return namespace + "/" + name
}

// written is namespace and name as they stand in a package URL, "" where that
// cannot be told.
func written(purl string) string {
	rest, _, _ := strings.Cut(purl, "#")
	rest, _, _ = strings.Cut(rest, "?")
	_, rest, _ = strings.Cut(strings.TrimLeft(strings.TrimPrefix(rest, "pkg:"), "/"), "/")
	if at := strings.LastIndexByte(rest, '@'); at > strings.LastIndexByte(rest, '/')+1 {
		rest = rest[:at]
	}
	text, err := url.PathUnescape(rest)
	if err != nil {
		return ""
	}
	return text
}

// distribution of an OS package.
func distribution(u packageurl.PackageURL, distro string, os OS) OS {
	named := OS{ID: u.Namespace}.canonical()
	os = os.canonical()
	if distro == "" {
		if named.ID != "" && named.ID != os.ID {
			return named // the release of another distribution says nothing
		}
		return os
	}
	own := OS{ID: named.ID, Version: distro}
	if dash := strings.LastIndexByte(distro, '-'); dash > 0 { // "debian-12", "opensuse-leap-15.5"
		if id := (OS{ID: distro[:dash]}).canonical(); id.ID != "" && (distro[dash+1:] != "" && digit(distro[dash+1])) {
			own = OS{ID: id.ID, Version: distro[dash+1:]}
		}
	}
	if own.ID == "arch" { // has no releases
		return own
	}
	own = own.canonical()
	if own.Version == "" || !digit(own.Version[0]) { // a name that is no release: "rolling", a codename not in the table
		if own.ID == "" || own.ID == os.ID {
			return os
		}
		own.Version = ""
	}
	return own
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

// upstream parts the source package from its version: "openssl@3.0.11" as for
// deb and apk, "openssl-3.0.7-1.el9.src.rpm" as for rpm.
func upstream(s string) (name, version string) {
	if rest, ok := strings.CutSuffix(s, ".src.rpm"); ok {
		if release := strings.LastIndexByte(rest, '-'); release > 0 {
			if dash := strings.LastIndexByte(rest[:release], '-'); dash > 0 {
				return rest[:dash], rest[dash+1:]
			}
		}
		return rest, ""
	}
	if at := strings.LastIndexByte(s, '@'); at > 0 {
		return s[:at], s[at+1:]
	}
	return s, ""
}

// Ecosystem names a distribution's ecosystem as OSV does, release included;
// "" when it is not one that OSV has, or its release is not known.
func Ecosystem(os OS) string {
	os = os.canonical()
	major, rest, _ := strings.Cut(os.Version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	if rolling, ok := map[string]string{"wolfi": "Wolfi", "chainguard": "Chainguard", "arch": "Arch Linux"}[os.ID]; ok {
		return rolling
	}
	if os.Version == "" {
		return ""
	}
	switch os.ID {
	case "debian":
		return "Debian:" + major
	case "alpine":
		if minor == "" {
			return "Alpine:v" + major
		}
		return "Alpine:v" + major + "." + minor
	case "azurelinux", "mariner": // Mariner is the name before version 3
		return "Azure Linux:" + major
	case "rhel":
		return "Red Hat:" + major
	case "rocky":
		return "Rocky Linux:" + major
	case "almalinux":
		return "AlmaLinux:" + major
	case "ol":
		return "Oracle Linux:" + major
	}
	if whole, ok := map[string]string{
		"ubuntu": "Ubuntu:", "amzn": "Amazon Linux:", "photon": "Photon OS:", "opensuse-leap": "openSUSE:Leap ",
	}[os.ID]; ok {
		return whole + os.Version
	}
	return ""
}
