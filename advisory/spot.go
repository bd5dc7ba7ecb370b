package advisory

import "strings"

// spot names a package in the index: ecosystem (with or without release) and
// normal name. Its parts stay apart so that a look-up allocates nothing.
//
// Stream is a part of the release that stands before it ("Pro:"), "" for most.
type spot struct{ base, stream, release, name string }

// String is the form that an entry holds, "Debian:12\0openssl".
func (p *spot) String() string { return p.ecosystem() + "\x00" + p.name }

func (p *spot) ecosystem() string { return canonical(p.base, p.stream+p.release) }

// is says whether key is what String gives.
func (p *spot) is(key []byte) bool {
	cut := func(part string) bool {
		if len(key) < len(part) || string(key[:len(part)]) != part {
			return false
		}
		key = key[len(part):]
		return true
	}
	if !cut(p.base) || p.release != "" && (!cut(":") || !cut(p.stream) || !cut(p.release)) {
		return false
	}
	return cut("\x00") && string(key) == p.name
}

// hash is FNV-1a with 64 bits of what String gives: stable across versions and
// machines, which package maphash is not.
func (p *spot) hash() uint64 {
	h := fnv(fnvOffset, p.base)
	if p.release != "" {
		h = fnv(fnv(fnv(h, ":"), p.stream), p.release)
	}
	h = fnv(fnv(h, "\x00"), p.name)
	if h == 0 { // 0 marks an empty slot
		return 1
	}
	return h
}

const fnvOffset, fnvPrime = 14695981039346656037, 1099511628211

func fnv[T string | []byte](h uint64, s T) uint64 {
	for i := range len(s) {
		h ^= uint64(s[i])
		h *= fnvPrime
	}
	return h
}

// key joins the two parts of a name in a sorted table.
func key(product, cycle string) string { return product + "\x00" + cycle }

// NormalName is the form of a package's name that its ecosystem compares by.
// A name that has it already is given back as it is, without a copy.
func NormalName(base, name string) string {
	switch base {
	case "PyPI": // https://packaging.python.org/en/latest/specifications/name-normalization/
		if isPyPIName(name) {
			return name
		}
		return pypiName(name)
	case "NuGet", "Packagist", "crates.io", "GitHub Actions": // names without case
		return strings.ToLower(name)
	}
	return name
}

func isPyPIName(name string) bool {
	for i := range len(name) {
		switch c := name[i]; {
		case c == '_' || c == '.' || c >= 'A' && c <= 'Z':
			return false
		case c == '-' && (i == 0 || i == len(name)-1 || name[i-1] == '-'):
			return false
		}
	}
	return true
}

func pypiName(name string) string {
	var b strings.Builder
	b.Grow(len(name))
	dash := false
	for i := range len(name) {
		switch c := name[i]; c {
		case '-', '_', '.':
			dash = true
		default:
			if dash && b.Len() > 0 {
				b.WriteByte('-')
			}
			dash = false
			if c >= 'A' && c <= 'Z' {
				c += 'a' - 'A'
			}
			b.WriteByte(c)
		}
	}
	return b.String()
}
