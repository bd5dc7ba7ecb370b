package image

import (
	"strings"

	packageurl "github.com/package-url/packageurl-go"
)

// ecosystemOf names a language's ecosystem as OSV does, by purl type. Runtimes
// and servers that no distribution packaged have advisories by their makers'
// versions in Bitnami's. OSV has none for conda: under its own name, that shows.
var ecosystemOf = map[string]string{
	"npm": "npm", "pypi": "PyPI", "golang": "Go", "maven": "Maven", "nuget": "NuGet", "gem": "RubyGems", "composer": "Packagist",
	"cargo": "crates.io", "generic": "Bitnami", "conda": "conda",
}

// isOS says whether packages of the purl type belong to the distribution.
func isOS(kind string) bool { return ecosystemOf[kind] == "" }

// ecosystem names the ecosystem of a package, release included; "" when the
// distribution is not one that OSV has, or its release is not known.
func ecosystem(kind string, os OS) string {
	if !isOS(kind) {
		return ecosystemOf[kind]
	}
	if os.ID == "arch" { // has no releases, and OSV no advisories for it
		return "Arch Linux"
	}
	major, _, _ := strings.Cut(os.Version, ".")
	if os.Version == "" && os.ID != "wolfi" && os.ID != "chainguard" {
		return ""
	}
	switch os.ID {
	case "debian":
		return "Debian:" + major
	case "ubuntu":
		return "Ubuntu:" + os.Version
	case "alpine":
		parts := strings.SplitN(os.Version, ".", 3)
		return "Alpine:v" + strings.Join(parts[:min(2, len(parts))], ".")
	case "azurelinux":
		return "Azure Linux:" + major
	case "mariner": // the name before version 3
		return "Azure Linux:" + major
	case "wolfi":
		return "Wolfi"
	case "chainguard":
		return "Chainguard"
	case "rhel":
		return "Red Hat:" + major
	case "rocky":
		return "Rocky Linux:" + major
	case "almalinux":
		return "AlmaLinux:" + major
	case "amzn":
		return "Amazon Linux:" + os.Version
	case "ol":
		return "Oracle Linux:" + major
	case "photon":
		return "Photon OS:" + os.Version
	case "opensuse-leap":
		return "openSUSE:Leap " + os.Version
	}
	return ""
}

// purl writes the package URL as the specification wants it.
//
// The specification writes Go modules in lower case, although case tells one
// module from another: who matches must go by the package's name.
//
// Source: https://github.com/package-url/purl-spec/tree/main/types
func purl(f Found, os OS) string {
	kind, namespace, name, version := f.Type, "", f.Name, f.Version
	var q packageurl.Qualifiers
	switch kind {
	case "conda":
		if f.Arch != "" {
			q = append(q, packageurl.Qualifier{Key: "subdir", Value: f.Arch})
		}
	case "alpm":
		name = strings.ToLower(name)
		fallthrough
	case "deb", "apk", "rpm":
		namespace = os.ID
		if epoch, rest, ok := strings.Cut(version, ":"); ok && kind == "rpm" {
			version = rest
			q = append(q, packageurl.Qualifier{Key: "epoch", Value: epoch})
		}
		if f.Arch != "" {
			q = append(q, packageurl.Qualifier{Key: "arch", Value: f.Arch})
		}
		if os.ID != "" && os.Version != "" {
			q = append(q, packageurl.Qualifier{Key: "distro", Value: os.ID + "-" + os.Version})
		}
	case "maven":
		namespace, name, _ = strings.Cut(name, ":")
	case "npm", "golang", "composer":
		if i := strings.LastIndexByte(name, '/'); i > 0 {
			namespace, name = name[:i], name[i+1:]
		}
	case "pypi":
		name = strings.ToLower(strings.ReplaceAll(name, "_", "-"))
	}
	p := packageurl.NewPackageURL(kind, namespace, name, version, q, "")
	if err := p.Normalize(); err != nil {
		return "" // no valid URL can be written: the name is still in the package
	}
	return p.ToString()
}
