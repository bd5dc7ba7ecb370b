package advisory

import (
	"strings"

	"github.com/azward/azward"
)

// keyedBySource names the distributions whose advisories go by source package.
//
// Source: https://ossf.github.io/osv-schema/#affectedpackage-field (Debian,
// Ubuntu: source package), https://secdb.alpinelinux.org (origin package).
var keyedBySource = map[string]bool{
	"Debian": true, "Ubuntu": true, "Alpine": true, "Wolfi": true, "Chainguard": true,
}

// released names the ecosystems whose advisories hold for one release only: a
// package of unknown release cannot be matched.
var released = map[string]bool{
	"Debian": true, "Ubuntu": true, "Alpine": true, "Azure Linux": true, "Red Hat": true,
	"Rocky Linux": true, "AlmaLinux": true, "openSUSE": true, "SUSE": true, "Photon OS": true,
	"Amazon Linux": true, "Oracle Linux": true, "Mageia": true, "openEuler": true,
}

// SplitEcosystem parts OSV's ecosystem string into its base ("Debian") and
// the release that azward compares by ("12"), which is "" for an ecosystem
// without releases. Different spellings of one release become the same:
// "Azure Linux:3.0" and "Azure Linux:3", "Ubuntu:22.04:LTS" and "Ubuntu:22.04",
// "Debian:12.5" and "Debian:12", "Alpine:3.18.4" and "Alpine:v3.18".
func SplitEcosystem(ecosystem string) (base, release string) {
	base, release, _ = strings.Cut(ecosystem, ":")
	switch base {
	case "Azure Linux", "CBL-Mariner", "Mariner":
		return "Azure Linux", major(release)
	case "Debian", "Rocky Linux", "AlmaLinux":
		return base, major(release)
	case "Red Hat":
		return base, redHatRelease(release)
	case "Ubuntu":
		return base, strings.TrimSuffix(release, ":LTS")
	case "Alpine":
		return base, alpineRelease(release)
	}
	if released[base] {
		return base, release
	}
	return base, "" // a repository address behind "Maven:" is no release
}

func major(release string) string {
	m, _, _ := strings.Cut(release, ".")
	return m
}

// redHatRelease turns the CPE part "enterprise_linux:8::baseos" into "8";
// other products (extended streams) keep their own name, so that their fixes
// do not count for the ordinary stream.
func redHatRelease(release string) string {
	if rest, ok := strings.CutPrefix(release, "enterprise_linux:"); ok {
		version, _, _ := strings.Cut(rest, ":")
		return major(version)
	}
	if release != "" && release[0] >= '0' && release[0] <= '9' {
		return major(release)
	}
	return release
}

func alpineRelease(release string) string {
	if release == "" || release == "edge" {
		return release
	}
	if release[0] != 'v' {
		release = "v" + release
	}
	if major, rest, ok := strings.Cut(release, "."); ok {
		minor, _, _ := strings.Cut(rest, ".")
		release = release[:len(major)+1+len(minor)]
	}
	return release
}

func canonical(base, release string) string {
	if release == "" {
		return base
	}
	return base + ":" + release
}

// lifecycles are endoflife.date's names of the distributions.
//
// Source: https://endoflife.date/api/v1/products
var lifecycles = map[string]string{
	"Debian": "debian", "Ubuntu": "ubuntu", "Alpine": "alpine-linux", "Azure Linux": "azure-linux", "Red Hat": "rhel",
	"Rocky Linux": "rocky-linux", "AlmaLinux": "almalinux", "Amazon Linux": "amazon-linux", "Oracle Linux": "oracle-linux",
	"Photon OS": "photon", "openSUSE": "opensuse",
}

// unmended says whether nobody mends a release any more on the day the index
// was built: neither its supplier nor an extended support.
func (ix *Index) unmended(base, release string) bool {
	product := lifecycles[base]
	if product == "" || release == "" {
		return false
	}
	l, known := ix.Lifecycle(product, release)
	if !known {
		return false
	}
	day := ix.status.BuiltAt
	if !l.Extended.IsZero() && day.Before(l.Extended) {
		return false
	}
	return l.Ended == azward.Yes || !l.EndOfLife.IsZero() && !day.Before(l.EndOfLife)
}
