package advisory

// Compare is -1, 0 or 1 as version a sorts before, with or after b by the rules
// of an ecosystem as OSV names it ("Debian:12", "npm"). It is an error when one
// of them has no place in that order.
func Compare(ecosystem, a, b string) (int, error) {
	base, _ := SplitEcosystem(ecosystem)
	v, w := newVersion(base, a), newVersion(base, b)
	if err := w.check(); err != nil { // else only a far look at b would tell
		return 0, err
	}
	return v.compare([]byte(b))
}
