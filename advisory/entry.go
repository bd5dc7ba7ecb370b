package advisory

import "github.com/azward/azward"

// entry is what one record says of one package. Its parts stay encoded until
// they are asked: most entries deny, and then nothing of them is needed.
type entry struct {
	record uint64
	spans  []byte // encoded intervals
	count  uint64 // how many
	fix    azward.FixState
	bloom  []byte // filter of the enumerated versions; empty for few
	// versions are encoded; listed is how many.
	versions []byte
	listed   uint64
}

// interval is one stretch of affected versions, made of a range's events. Its
// texts are valid as long as the index is open.
type interval struct {
	from []byte // "0" before every version
	to   []byte // "" never ends
	kind EventKind
	// reason is set when the events could not be brought into order: then no
	// version can be judged by this interval.
	reason []byte
}

// fixStates are the states that a record itself can tell, by their code.
var fixStates = [...]azward.FixState{azward.FixUnknown, azward.Fixed, azward.NotFixed, azward.WillNotFix, azward.NotAffected}

// entry appends an entry after its head.
func (e *encoder) entry(base string, a Affected) {
	all := intervals(base, a.Ranges)
	e.uint(uint64(len(all)))
	for _, s := range all {
		e.str(s.from)
		e.str(s.to)
		e.uint(uint64(s.kind))
		e.str(s.reason)
	}
	code := uint64(0)
	for i, s := range fixStates {
		if s == a.Fix {
			code = uint64(i)
		}
	}
	e.uint(code)
	e.str(string(newBloom(a.Versions)))
	e.strs(a.Versions)
}

// decodeEntry reads what entry wrote; d.failed tells that it could not.
func decodeEntry(d *decoder) (e entry) {
	e.count = d.uint()
	start := d.b
	for i := uint64(0); i < e.count && !d.failed; i++ {
		d.interval()
	}
	if d.failed {
		return entry{}
	}
	e.spans = start[:len(start)-len(d.b)]
	code := d.uint()
	if code >= uint64(len(fixStates)) {
		d.failed = true
		return entry{}
	}
	e.fix = fixStates[code]
	e.bloom = d.bytes()
	e.listed = d.uint()
	e.versions = d.b
	return e
}

func (d *decoder) interval() interval {
	return interval{from: d.bytes(), to: d.bytes(), kind: EventKind(d.uint()), reason: d.bytes()}
}

// lists says whether the entry enumerates exactly this version.
func (e *entry) lists(version string) bool {
	if len(e.bloom) > 0 && !bloom(e.bloom).mayHave(version) {
		return false
	}
	d := decoder{b: e.versions}
	for i := uint64(0); i < e.listed && !d.failed; i++ {
		if string(d.bytes()) == version {
			return true
		}
	}
	return false
}

// bloom is a filter of texts with a byte for each: of the texts that are not
// in it, it denies 97 of 100. Django's records list thousands of versions,
// and reading all for each patched copy would cost more than all else.
type bloom []byte

// fewVersions are read one by one as fast as the filter is asked.
const fewVersions = 8

func newBloom(texts []string) bloom {
	if len(texts) < fewVersions {
		return nil
	}
	b := make(bloom, len(texts))
	for _, t := range texts {
		for _, bit := range b.bits(t) {
			b[bit/8] |= 1 << (bit % 8)
		}
	}
	return b
}

func (b bloom) mayHave(text string) bool {
	for _, bit := range b.bits(text) {
		if b[bit/8]&(1<<(bit%8)) == 0 {
			return false
		}
	}
	return true
}

// bits gives the text's three places. FNV's low bits mix worst, so the sum is
// turned over before it is cut.
func (b bloom) bits(text string) [3]uint64 {
	h := fnv(fnvOffset, text)
	h ^= h >> 32
	h *= 0x9e3779b97f4a7c15 // 2^64 over the golden ratio: spreads neighbours
	n := uint64(len(b)) * 8
	return [3]uint64{h % n, (h >> 21) % n, (h >> 42) % n}
}
