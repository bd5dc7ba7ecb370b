package secret

// set is a class of bytes.
type set [256]bool

func setOf(more string) *set {
	s := new(set)
	for c := range 256 {
		s[c] = c >= '0' && c <= '9' || c >= 'A' && c <= 'Z' || c >= 'a' && c <= 'z'
	}
	for _, c := range []byte(more) {
		s[c] = true
	}
	return s
}

var (
	alnum    = setOf("")
	wordByte = setOf("_")
	base64s  = setOf("+/=")
	urlSafe  = setOf("_-")
	dotted   = setOf("_-.")
	entra    = setOf("_-.~")
)

// runEnd gives the end of the bytes of the class from a place on, at most so
// many: what a needle costs must not grow with the text, or a file of nothing
// but needles would cost its square.
func runEnd(text []byte, at int, s *set, most int) int {
	end := at
	for end < len(text) && end-at < most && s[text[end]] {
		end++
	}
	return end
}

// begins says that no byte of the class stands before a place.
func begins(text []byte, at int, s *set) bool { return at >= 0 && (at == 0 || !s[text[at-1]]) }

// detector looks around a needle that stands at a place.
type detector struct {
	needle string
	// anchor is the place in the needle of the two bytes that are looked for:
	// the rarest.
	anchor int
	look   func(text []byte, at int) (match, bool)
}

// pairs leads from two bytes to the detectors whose needles have them, so
// that a text is gone through once.
type pairs struct {
	group  [1 << 16]uint8
	groups [][]*detector
}

var table = newPairs(detectors())

func newPairs(list []detector) *pairs {
	p := &pairs{groups: make([][]*detector, 1)}
	for i := range list {
		d := &list[i]
		key := pairKey(d.needle[d.anchor], d.needle[d.anchor+1])
		if p.group[key] == 0 {
			p.group[key] = uint8(len(p.groups))
			p.groups = append(p.groups, nil)
		}
		p.groups[p.group[key]] = append(p.groups[p.group[key]], d)
	}
	return p
}

func pairKey(a, b byte) uint16 { return uint16(a)<<8 | uint16(b) }

// scan gives the plausible of what the detectors see in a text, at most a few
// times maxFound.
func scan(text []byte) []match {
	var out []match
	if len(text) < 2 {
		return nil
	}
	key := uint16(text[0])
	for i, c := range text[1:] {
		key = key<<8 | uint16(c)
		g := table.group[key]
		if g == 0 {
			continue
		}
		for _, d := range table.groups[g] {
			at := i - d.anchor
			if at < 0 || len(text)-at < len(d.needle) || string(text[at:at+len(d.needle)]) != d.needle {
				continue
			}
			if m, ok := d.look(text, at); ok && m.start < m.end && plausible(text[m.start:m.end], m) {
				if out = append(out, m); len(out) >= 4*maxFound {
					return out
				}
			}
		}
	}
	return out
}
