package advisory

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/osv-scalibr/semantic"

	"github.com/azward/azward"
)

// maxVersionLen bounds a version string, in bytes. The longest in public
// advisories are about 100; longer ones would only cost time to compare.
const maxVersionLen = 256

// errNoOrder says that a string has no place in its ecosystem's order.
var errNoOrder = errors.New("cannot be ordered")

// noOrderError is a reason that was found when the index was written.
type noOrderError struct{ reason string }

func (e *noOrderError) Error() string { return e.reason }
func (e *noOrderError) Unwrap() error { return errNoOrder }

// order names the ecosystem whose rules the library shall use; "" where none fit.
func order(base string) string {
	switch base {
	case "Azure Linux", "Amazon Linux", "Oracle Linux", "Photon OS": // rpm, unknown to the library
		return "Red Hat"
	case "kubernetes", "Kubernetes", "GitHub Actions": // semantic versions, unknown to the library
		return "Go"
	}
	return base
}

// version is a version of one ecosystem, parsed as far as it was needed.
type version struct {
	base    string // as order gives it
	text    string // as it was given
	clean   string
	scheme  scheme
	checked bool
	err     error
	parsed  semantic.Version // nil until the library is needed
}

func newVersion(base, text string) version {
	base = order(base)
	return version{base: base, text: text, scheme: schemeOf(base)}
}

// check says whether the version has a place in the order at all.
func (v *version) check() error {
	if !v.checked {
		v.checked = true
		v.clean, v.err = clean(v.base, v.text)
		if v.err == nil && schemeOf(v.base) == foreign { // the library may not know it
			v.err = v.parse()
		}
	}
	return v.err
}

func (v *version) parse() error {
	if v.parsed != nil {
		return nil
	}
	parsed, err := semantic.Parse(v.clean, v.base)
	if err != nil {
		return fmt.Errorf("version %q %w: %w", v.text, errNoOrder, err)
	}
	v.parsed = parsed
	return nil
}

// compare is -1, 0 or 1 as v sorts before, with or after the bound.
func (v *version) compare(bound []byte) (int, error) {
	if err := v.check(); err != nil {
		return 0, err
	}
	if string(bound) == v.clean {
		return 0, nil
	}
	if c, ok := quick(v.scheme, v.clean, bound); ok {
		return c, nil
	}
	return v.compareByLibrary(string(bound))
}

func (v *version) compareByLibrary(bound string) (int, error) {
	bound, err := clean(v.base, bound)
	if err != nil {
		return 0, err
	}
	if bound == v.clean {
		return 0, nil
	}
	if v.base == "Maven" && !mavenOrders(v.clean, bound) {
		return 0, fmt.Errorf("versions %q and %q %w: Maven's rules contradict each other there", v.clean, bound, errNoOrder)
	}
	if err := v.parse(); err != nil {
		v.err = err
		return 0, err
	}
	c, err := v.parsed.CompareStr(bound)
	if err != nil {
		return 0, fmt.Errorf("version %q %w: %w", bound, errNoOrder, err)
	}
	return c, nil
}

// stream says whether v is of the build stream that bound is of. Red Hat's
// modules ship several versions of one package side by side: the fix of
// nodejs:18 says nothing about nodejs:16, nor about the ordinary nodejs, and
// no version names its stream. Unknown is: both are of modules, and their
// versions are too far apart to be of one stream for sure.
//
// Source: https://docs.fedoraproject.org/en-US/modularity/
func (v *version) stream(bound []byte) azward.Answer {
	if v.scheme != rpm || len(bound) == 0 {
		return azward.Yes
	}
	one, other := isModular(v.text), isModular(string(bound))
	switch {
	case !one && !other:
		return azward.Yes
	case one != other:
		return azward.No
	case twoNumbers(v.text) == twoNumbers(string(bound)):
		return azward.Yes
	}
	return azward.Unknown
}

func isModular(version string) bool {
	return strings.Contains(version, ".module+el") || strings.Contains(version, ".module_el")
}

// twoNumbers is "10.3" of "3:10.3.39-1.module_el8".
func twoNumbers(version string) string {
	if _, rest, ok := strings.Cut(version, ":"); ok {
		version = rest
	}
	version, _, _ = strings.Cut(version, "-")
	major, rest, _ := strings.Cut(version, ".")
	minor, _, _ := strings.Cut(rest, ".")
	return major + "." + minor
}

// pep440 is the version scheme of Python packages. The library sorts what
// does not follow it below every version, which would claim "affected".
//
// Source: https://packaging.python.org/en/latest/specifications/version-specifiers/
var pep440 = regexp.MustCompile(`^v?(\d+!)?\d+(\.\d+)*([-_.]?(alpha|a|beta|b|preview|pre|c|rc)[-_.]?\d*)?` +
	`(-\d+|[-_.]?(post|rev|r)[-_.]?\d*)?([-_.]?dev[-_.]?\d*)?(\+[a-z0-9]+([-_.][a-z0-9]+)*)?$`)

// clean checks that text can be ordered at all: the library accepts any
// string and gives it some place, which would be a guess.
func clean(base, text string) (string, error) {
	if isPlain(text) && schemeOf(base) != semver {
		return text, nil
	}
	text = strings.TrimSpace(text)
	ok := text != "" && len(text) <= maxVersionLen && !strings.Contains(text, "${")
	switch base {
	case "Go", "npm", "crates.io", "Hex", "Bitnami", "SwiftURL", "Julia", "ConanCenter":
		text, _, _ = strings.Cut(text, "+") // build metadata, "+incompatible": no part of the order
		ok = ok && isSemver(strings.TrimPrefix(text, "v"))
	case "Packagist", "NuGet", "Pub":
		// "#" is how PHP's comparison spells "any number" within itself.
		ok = ok && startsWithDigit(strings.TrimPrefix(text, "v")) && !strings.Contains(text, "#")
	case "PyPI":
		ok = ok && pep440.MatchString(strings.ToLower(text))
	case "Alpine", "Wolfi", "Chainguard":
		ok = ok && isAlpine(text)
	default:
		ok = ok && strings.ContainsAny(text, "0123456789")
	}
	if !ok {
		return "", fmt.Errorf("version %.60q %w as %s does", text, errNoOrder, base)
	}
	return text, nil
}

// isSemver says whether text begins as a semantic version does: with one to
// three numbers. A fourth the library takes for a pre-release: it puts 1.6.0.2
// below 1.6.0.
func isSemver(text string) bool {
	dots := 0
	for i := range len(text) {
		if text[i] == '.' {
			dots++
		} else if !digit(text[i]) {
			break
		}
	}
	return startsWithDigit(text) && dots <= 2
}

func startsWithDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }
