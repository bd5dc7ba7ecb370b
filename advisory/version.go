package advisory

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/google/osv-scalibr/semantic"
)

// maxVersionLen bounds a version string, in bytes. The longest in public
// advisories are about 100; longer ones would only cost time to compare.
const maxVersionLen = 256

// errNoOrder says that a string has no place in its ecosystem's order.
var errNoOrder = errors.New("cannot be ordered")

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

// version is a parsed version of one ecosystem.
type version struct {
	base string // as order gives it
	text string
	v    semantic.Version
}

func parseVersion(base, text string) (version, error) {
	base = order(base)
	text, err := clean(base, text)
	if err != nil {
		return version{}, err
	}
	v, err := semantic.Parse(text, base)
	if err != nil {
		return version{}, fmt.Errorf("version %q %w: %w", text, errNoOrder, err)
	}
	return version{base: base, text: text, v: v}, nil
}

// compare is -1, 0 or 1 as v sorts before, with or after the bound.
func (v version) compare(bound string) (int, error) {
	bound, err := clean(v.base, bound)
	if err != nil {
		return 0, err
	}
	if bound == v.text {
		return 0, nil
	}
	c, err := v.v.CompareStr(bound)
	if err != nil {
		return 0, fmt.Errorf("version %q %w: %w", bound, errNoOrder, err)
	}
	return c, nil
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
	text = strings.TrimSpace(text)
	ok := text != "" && len(text) <= maxVersionLen && !strings.Contains(text, "${")
	switch base {
	case "Go", "npm", "crates.io", "Hex", "Bitnami", "SwiftURL", "Julia", "ConanCenter":
		text, _, _ = strings.Cut(text, "+") // build metadata, "+incompatible": no part of the order
		ok = ok && startsWithDigit(strings.TrimPrefix(text, "v"))
	case "Packagist", "NuGet", "Pub":
		ok = ok && startsWithDigit(strings.TrimPrefix(text, "v"))
	case "PyPI":
		ok = ok && pep440.MatchString(strings.ToLower(text))
	default:
		ok = ok && strings.ContainsAny(text, "0123456789")
	}
	if !ok {
		return "", fmt.Errorf("version %.60q %w as %s does", text, errNoOrder, base)
	}
	return text, nil
}

func startsWithDigit(s string) bool { return s != "" && s[0] >= '0' && s[0] <= '9' }
