package advisory

import (
	"bytes"
	"strings"
)

// scheme is a family of version orders, as far as [quick] has to tell them apart.
type scheme byte

const (
	foreign  scheme = iota // nothing is known: only the library can say
	semver                 // three numbers, then what is no number
	dotted                 // numbers with dots between decide from left to right
	alpine                 // the same, and "-r1" at the end
	sequence               // dpkg: runs of digits and of other characters, from left to right
	rpm                    // the same
)

func schemeOf(base string) scheme {
	switch base {
	case "Go", "npm", "crates.io", "Hex", "Bitnami", "SwiftURL", "Julia", "ConanCenter":
		return semver
	case "Maven", "NuGet", "RubyGems", "Packagist", "PyPI":
		return dotted
	case "Alpine", "Wolfi", "Chainguard":
		return alpine
	case "Debian", "Ubuntu":
		return sequence
	case "Red Hat", "Rocky Linux", "AlmaLinux", "openSUSE", "SUSE", "Mageia", "openEuler":
		return rpm
	}
	return foreign
}

// quick compares two versions when the first number, or letter, in which they
// differ decides, which is nine times of ten, without allocating. It decides nothing
// else: ok is false then, and the library has to say. For every scheme it
// agrees with the library wherever it decides; a fuzz test holds it to that.
func quick(s scheme, a string, b []byte) (c int, ok bool) {
	if s == foreign || !quickText(s, a) || !quickText(s, b) {
		return 0, false
	}
	if s == semver {
		a, b = strings.TrimPrefix(a, "v"), bytes.TrimPrefix(b, []byte("v"))
	}
	same := 0
	for same < len(a) && same < len(b) && a[same] == b[same] {
		same++
	}
	if same < len(a) && same < len(b) && isLetter(a[same]) && isLetter(b[same]) && (s == sequence || s == rpm || s == alpine && decides(s, a[:same])) {
		return sign(int(a[same]) - int(b[same])), true
	}
	start := same // of the number in which they differ
	for start > 0 && digit(a[start-1]) {
		start--
	}
	x, y := number(a[start:]), number(b[start:])
	if x == 0 || y == 0 || x > 1 && a[start] == '0' || y > 1 && b[start] == '0' {
		return 0, false
	}
	if !decides(s, a[:start]) {
		return 0, false
	}
	if x != y {
		return sign(x - y), true
	}
	for i := start; i < start+x; i++ {
		if a[i] != b[i] {
			return sign(int(a[i]) - int(b[i])), true
		}
	}
	return 0, false
}

// decides says whether a number after this common beginning decides.
func decides(s scheme, beginning string) bool {
	switch s {
	case sequence, rpm:
		return true
	case alpine:
		beginning = strings.TrimSuffix(beginning, "-r")
	}
	dots, last := 0, byte('.')
	for i := range len(beginning) {
		c := beginning[i]
		switch {
		case c == '.' && last != '.':
			dots++
		case !digit(c):
			return false
		case c == '0' && last == '.' && i+1 < len(beginning) && digit(beginning[i+1]):
			return false // 01: a number to some, a text to others
		}
		last = c
	}
	if s == semver && dots > 2 {
		return false
	}
	return beginning == "" || last == '.' || s == alpine
}

// quickText says whether the whole text is of a form that quick knows.
func quickText[T string | []byte](s scheme, text T) bool {
	if len(text) == 0 || len(text) > maxVersionLen {
		return false
	}
	dashes := 0
	for i := range len(text) {
		switch c := text[i]; {
		case digit(c), c == '.':
		case c == '-':
			dashes++
		case c >= 'a' && c <= 'z', c >= 'A' && c <= 'Z':
		case c == '+' || c == '~' && s != alpine:
		default: // an epoch, a placeholder, a space
			return false
		}
	}
	// With two dashes a dpkg version's parts are not plain to see.
	return (dashes <= 1 || s == semver || s == dotted) && (digit(text[0]) || s == semver && text[0] == 'v')
}

// isPlain says whether text is numbers with a dot between each: every order
// has a place for it.
func isPlain(text string) bool {
	last := byte('.')
	for i := range len(text) {
		if c := text[i]; !digit(c) && (c != '.' || last == '.') {
			return false
		}
		last = text[i]
	}
	return last != '.' && len(text) <= maxVersionLen
}

// number is the length of the digits at the beginning.
func number[T string | []byte](text T) (n int) {
	for n < len(text) && digit(text[n]) {
		n++
	}
	return n
}

func digit(c byte) bool { return c >= '0' && c <= '9' }

func isLetter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func sign(n int) int {
	switch {
	case n < 0:
		return -1
	case n > 0:
		return 1
	}
	return 0
}
