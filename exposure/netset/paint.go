package netset

import (
	"math/bits"
	"slices"

	"github.com/azward/azward"
)

// Access is what a rule says about the packets it matches.
type Access uint8

// What a rule says. Unclear is a rule whose action is not understood.
const (
	Unclear Access = iota
	Allow
	Deny
)

// Rule is one filter rule at one destination and for one protocol. It matches
// Sources on Ports for certain. What MaybeSources and MaybePorts add it may
// match: a service tag without a list, a field that does not parse.
type Rule struct {
	Access       Access
	Sources      Addrs
	MaybeSources Addrs
	Ports        Ports
	MaybePorts   Ports
}

// Cell is the decision about some packets.
type Cell struct {
	Answer azward.Answer
	// Rule that decided, as its index among the rules; -1 when none did. For
	// Unknown it is the rule that may or may not match.
	Rule int32
	// Other is, for Unknown, the second decider: what holds when Rule does not
	// match, or (when both may match) the other one; -1 where there is none.
	Other int32
}

// Paint lets the rules, in order, claim the cells of source × port that no
// earlier rule claimed; each cell keeps the rule that decided it. Cells that
// no rule claims answer otherwise.
//
// Rules that may match are read both ways: once every doubt favours the
// packet, once none does. Where both readings agree the answer is certain;
// where they don't it is Unknown. This is exact as long as doubts are
// independent, and never too certain when they aren't.
func Paint(rules []Rule, otherwise azward.Answer) Map[Cell] {
	return Rank(rules).Paint(rules, otherwise)
}

// Ranks are the segments that the sources of rules cut the addresses into, and
// the numbers of those that each set holds. What filters for several protocols
// share is so cut once.
type Ranks struct {
	cuts *cuts
	held map[*spans][]segment
	both map[[2]*spans][]segment // sources and those that may match besides
}

// Rank cuts the addresses at the ends of all sources of the rules.
func Rank(rules []Rule) *Ranks {
	r := &Ranks{held: make(map[*spans][]segment, len(rules)), both: map[[2]*spans][]segment{}}
	for _, rule := range rules {
		r.held[rule.Sources.set] = nil
		if !rule.MaybeSources.IsEmpty() {
			r.held[rule.MaybeSources.set] = nil
		}
	}
	delete(r.held, nil)
	r.cuts = rank(r.held)
	for _, rule := range rules {
		if key := [2]*spans{rule.Sources.set, rule.MaybeSources.set}; key[1] != nil && r.both[key] == nil {
			r.both[key] = joinSegments(r.held[key[0]], r.held[key[1]])
		}
	}
	return r
}

// joinSegments unites two lists, each in order.
func joinSegments(a, b []segment) []segment {
	out := make([]segment, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		var s segment
		if len(b) == 0 || len(a) > 0 && a[0].lo < b[0].lo {
			s, a = a[0], a[1:]
		} else {
			s, b = b[0], b[1:]
		}
		if n := len(out); n > 0 && s.lo <= out[n-1].hi {
			out[n-1].hi = max(out[n-1].hi, s.hi)
			continue
		}
		out = append(out, s)
	}
	return out
}

// ranked reports whether the ranks hold the sources of the rule, in this or in
// another division between certain and perhaps.
func (r *Ranks) ranked(rule Rule) (certain, possible []segment, ok bool) {
	if rule.Sources.set != nil {
		if certain, ok = r.held[rule.Sources.set]; !ok {
			return nil, nil, false
		}
	}
	if rule.MaybeSources.set == nil {
		return certain, certain, true
	}
	key := [2]*spans{rule.Sources.set, rule.MaybeSources.set}
	if possible, ok = r.both[key]; ok {
		return certain, possible, true
	}
	maybe, ok := r.held[rule.MaybeSources.set]
	return certain, joinSegments(certain, maybe), ok
}

// Paint is [Paint] with segments that are known: those of rules whose sources
// were ranked. For other rules they are cut anew.
func (r *Ranks) Paint(rules []Rule, otherwise azward.Answer) Map[Cell] {
	p, ok := r.painter(rules, otherwise)
	if !ok {
		r = Rank(rules)
		p, _ = r.painter(rules, otherwise)
	}
	m := Map[Cell]{cuts: p.cuts}
	ports := [][]PortRange{}
	index := map[string]int{}
	p.sweep(func(on PortRange, active []int32) {
		p.key = signature(p.key[:0], active)
		if i, ok := index[string(p.key)]; ok {
			ports[i] = append(ports[i], on)
			return
		}
		index[string(p.key)] = len(m.bands)
		m.bands = append(m.bands, p.band(active))
		ports = append(ports, []PortRange{on})
	})
	for i := range m.bands {
		m.bands[i].ports = PortsOf(ports[i]...)
	}
	return m
}

// painter holds the rules with their sources as ranges of segment numbers.
type painter struct {
	rules     []Rule
	otherwise azward.Answer
	cuts      *cuts
	v6        int32       // segment that starts at ::
	end       int32       // behind the last segment
	certain   [][]segment // per rule
	possible  [][]segment // per rule; the same slice where nothing is in doubt
	// scratch space
	key    []byte
	marks  []uint64 // a bit for each segment; all zero between uses
	next   []int32
	place  []int32
	local  []int32
	lowers []int32
	uppers []int32
}

type segment struct{ lo, hi int32 } // lo included, hi not

func (r *Ranks) painter(rules []Rule, otherwise azward.Answer) (*painter, bool) {
	p := &painter{rules: rules, otherwise: otherwise, cuts: r.cuts, v6: int32(len(r.cuts.v4)), end: r.cuts.len()}
	p.place = make([]int32, p.end+1)
	p.certain, p.possible = make([][]segment, len(rules)), make([][]segment, len(rules))
	for i, rule := range rules {
		certain, possible, ok := r.ranked(rule)
		if !ok {
			return nil, false
		}
		p.certain[i], p.possible[i] = certain, possible
	}
	return p, true
}

// sweep yields ranges of ports, in order, with the rules that may match on
// them: the rule's index times two, plus one where the port matches for
// certain. The slice is reused.
func (p *painter) sweep(yield func(PortRange, []int32)) {
	starts := []int{0}
	type spans struct{ certain, possible []PortRange }
	all := make([]spans, len(p.rules))
	for i, r := range p.rules {
		all[i] = spans{r.Ports.ranges, r.Ports.Union(r.MaybePorts).ranges}
		for _, list := range [][]PortRange{all[i].certain, all[i].possible} {
			for _, x := range list {
				starts = append(starts, int(x.Lo), int(x.Hi)+1)
			}
		}
	}
	slices.Sort(starts)
	starts = slices.Compact(starts)
	if starts[len(starts)-1] <= maxPort {
		starts = append(starts, maxPort+1)
	}
	lists := make([][]int32, len(starts)-1)
	for i := range all {
		certain := coverage(all[i].certain, starts)
		for _, at := range coverage(all[i].possible, starts) {
			mark := int32(i) << 1
			if _, ok := slices.BinarySearch(certain, at); ok {
				mark |= 1
			}
			lists[at] = append(lists[at], mark)
		}
	}
	for i, active := range lists {
		yield(PortRange{uint16(starts[i]), uint16(starts[i+1] - 1)}, active)
	}
}

// coverage returns the numbers of the port segments that lie in the ranges.
func coverage(ranges []PortRange, starts []int) []int {
	var out []int
	for _, r := range ranges {
		i, _ := slices.BinarySearch(starts, int(r.Lo))
		for ; i < len(starts)-1 && starts[i] <= int(r.Hi); i++ {
			out = append(out, i)
		}
	}
	return out
}

func signature(b []byte, active []int32) []byte {
	for _, a := range active {
		b = append(b, byte(a), byte(a>>8), byte(a>>16), byte(a>>24))
	}
	return b
}

// band decides all sources on ports where these rules are active.
func (p *painter) band(active []int32) band[Cell] {
	p.localise(active)
	p.lowers = p.claim(p.lowers, active, Allow)
	upper := p.lowers
	if p.inDoubt(active) {
		p.uppers = p.claim(p.uppers, active, Deny)
		upper = p.uppers
	}
	// Runs are counted first: those of a large tag are thousands.
	same := func(i int) bool {
		return i > 0 && p.lowers[i] == p.lowers[i-1] && upper[i] == upper[i-1] && p.local[i] != p.v6
	}
	n := 0
	for i := range p.lowers {
		if !same(i) {
			n++
		}
	}
	b := band[Cell]{starts: make([]int32, 0, n), values: make([]Cell, 0, n)}
	for i := range p.lowers {
		if same(i) {
			continue
		}
		cell := p.cell(p.lowers[i], upper[i])
		if n := len(b.values); n > 0 && b.values[n-1] == cell && p.local[i] != p.v6 {
			continue
		}
		b.starts, b.values = append(b.starts, p.local[i]), append(b.values, cell)
	}
	return b
}

// localise numbers the segments that these rules tell apart.
func (p *painter) localise(active []int32) {
	p.local = append(p.local[:0], 0, p.v6)
	for _, a := range active {
		for _, s := range p.certain[a>>1] {
			p.local = append(p.local, s.lo, s.hi)
		}
		if r := &p.rules[a>>1]; r.MaybeSources.IsEmpty() {
			continue
		}
		for _, s := range p.possible[a>>1] {
			p.local = append(p.local, s.lo, s.hi)
		}
	}
	p.order()
	if n := len(p.local); p.local[n-1] == p.end {
		p.place[p.end] = int32(n - 1)
		p.local = p.local[:n-1]
	}
	for i, c := range p.local {
		p.place[c] = int32(i)
	}
}

// order sorts the local cuts and drops those that are there twice: by a bit for
// each segment, since those of a large tag are thousands.
func (p *painter) order() {
	const few = 64
	if len(p.local) <= few {
		slices.Sort(p.local)
		p.local = slices.Compact(p.local)
		return
	}
	if p.marks == nil {
		p.marks = make([]uint64, p.end/64+1)
	}
	for _, c := range p.local {
		p.marks[c/64] |= 1 << (c % 64)
	}
	p.local = p.local[:0]
	for i, word := range p.marks {
		for ; word != 0; word &= word - 1 {
			p.local = append(p.local, int32(i*64+bits.TrailingZeros64(word)))
		}
		p.marks[i] = 0
	}
}

// claim gives each local segment to the first rule that matches it, as a mark
// of active; -1 where none does. Rules of the access that needs certainty
// match where they do so for certain, all others wherever they may.
func (p *painter) claim(out, active []int32, needsCertainty Access) []int32 {
	n := int32(len(p.local))
	out = slices.Grow(out[:0], int(n))[:n]
	p.next = slices.Grow(p.next[:0], int(n)+1)[:n+1]
	for i := range p.next {
		p.next[i] = int32(i)
	}
	for i := range out {
		out[i] = -1
	}
	left := n
	for _, a := range active {
		rule := a >> 1
		list := p.possible[rule]
		if p.rules[rule].Access == needsCertainty {
			if a&1 == 0 {
				continue
			}
			list = p.certain[rule]
		}
		for _, s := range list {
			left -= p.take(out, p.place[s.lo], p.placeOf(s.hi, n), a)
		}
		if left == 0 {
			break
		}
	}
	return out
}

// placeOf is the local number of the segment behind a range.
func (p *painter) placeOf(hi, n int32) int32 {
	if hi == p.end {
		return n
	}
	return p.place[hi]
}

// take claims the unclaimed local segments from lo up to hi and returns how
// many there were.
func (p *painter) take(out []int32, lo, hi, mark int32) int32 {
	taken := int32(0)
	for i := p.find(lo); i < hi; i = p.find(i + 1) {
		out[i] = mark
		p.next[i] = i + 1
		taken++
	}
	return taken
}

// find returns the first unclaimed segment at or after i.
func (p *painter) find(i int32) int32 {
	root := i
	for p.next[root] != root {
		root = p.next[root]
	}
	for p.next[i] != root && i != root {
		p.next[i], i = root, p.next[i]
	}
	return root
}

// inDoubt reports whether any of these rules may match without being certain.
func (p *painter) inDoubt(active []int32) bool {
	return slices.ContainsFunc(active, func(a int32) bool {
		r := &p.rules[a>>1]
		return a&1 == 0 || r.Access == Unclear || !r.MaybeSources.IsEmpty()
	})
}

// cell joins the two readings of a segment: lower with every doubt against
// the packet, upper with every doubt in its favour.
func (p *painter) cell(lower, upper int32) Cell {
	low, high := p.reading(lower, azward.No), p.reading(upper, azward.Yes)
	if lower == upper && lower >= 0 && p.rules[lower>>1].Access == Unclear {
		return Cell{azward.Unknown, lower >> 1, -1}
	}
	switch {
	case low == azward.Yes:
		return Cell{azward.Yes, index(lower), -1}
	case high == azward.No:
		return Cell{azward.No, index(upper), -1}
	case lower == -1 && upper == -1:
		return Cell{azward.Unknown, -1, -1}
	}
	// Whoever comes first and is in doubt is the one to name.
	rule, other := index(lower), index(upper)
	if rule == other {
		other = -1
	}
	if rule == -1 || other >= 0 && other < rule {
		rule, other = other, rule
	}
	return Cell{azward.Unknown, rule, other}
}

func (p *painter) reading(mark int32, unclear azward.Answer) azward.Answer {
	if mark < 0 {
		return p.otherwise
	}
	switch p.rules[mark>>1].Access {
	case Allow:
		return azward.Yes
	case Deny:
		return azward.No
	default:
		return unclear
	}
}

func index(mark int32) int32 {
	if mark < 0 {
		return -1
	}
	return mark >> 1
}
