package netset

import (
	"net/netip"
	"slices"

	"go4.org/netipx"

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
	p := newPainter(rules, otherwise)
	m := Map[Cell]{}
	index := map[string]int{}
	p.sweep(func(ports PortRange, active []int32) {
		key := signature(active)
		if i, ok := index[key]; ok {
			m.bands[i].Ports.ranges = append(m.bands[i].Ports.ranges, ports)
			return
		}
		index[key] = len(m.bands)
		m.bands = append(m.bands, Band[Cell]{Ports: Ports{[]PortRange{ports}}, Runs: p.band(active)})
	})
	for i := range m.bands {
		m.bands[i].Ports = PortsOf(m.bands[i].Ports.ranges...)
	}
	return m
}

// painter holds the rules with their sources as ranges of segment numbers.
// Segment i is what lies between bounds[i] and bounds[i+1].
type painter struct {
	rules     []Rule
	otherwise azward.Answer
	bounds    []netip.Addr
	v6        int32       // segment that starts at ::
	certain   [][]segment // per rule
	possible  [][]segment // per rule; the same slice where nothing is in doubt
	// scratch space of band
	next   []int32
	place  []int32
	cuts   []int32
	lowers []int32
	uppers []int32
}

type segment struct{ lo, hi int32 } // lo included, hi not

func newPainter(rules []Rule, otherwise azward.Answer) *painter {
	p := &painter{rules: rules, otherwise: otherwise}
	p.bounds = append(p.bounds, v4All.Addr(), v6All.Addr())
	sets := make([][2]Addrs, len(rules))
	for i, r := range rules {
		sets[i] = [2]Addrs{r.Sources, r.Sources}
		if !r.MaybeSources.IsEmpty() {
			sets[i][1] = r.Sources.Union(r.MaybeSources)
		}
		p.cut(sets[i][0])
		if !r.MaybeSources.IsEmpty() {
			p.cut(sets[i][1])
		}
	}
	slices.SortFunc(p.bounds, netip.Addr.Compare)
	p.bounds = slices.Compact(p.bounds)
	p.v6 = p.segmentAt(v6All.Addr())
	p.place = make([]int32, len(p.bounds)+1)
	p.certain = make([][]segment, len(rules))
	p.possible = make([][]segment, len(rules))
	for i, r := range rules {
		p.certain[i] = p.segments(sets[i][0])
		p.possible[i] = p.certain[i]
		if !r.MaybeSources.IsEmpty() {
			p.possible[i] = p.segments(sets[i][1])
		}
	}
	return p
}

func (p *painter) cut(a Addrs) {
	for _, r := range a.Ranges() {
		p.bounds = append(p.bounds, r.From())
		if next := r.To().Next(); next.IsValid() {
			p.bounds = append(p.bounds, next)
		}
	}
}

func (p *painter) segmentAt(a netip.Addr) int32 {
	i, _ := slices.BinarySearchFunc(p.bounds, a, netip.Addr.Compare)
	return int32(i)
}

func (p *painter) segments(a Addrs) []segment {
	ranges := a.Ranges()
	out := make([]segment, len(ranges))
	for i, r := range ranges {
		out[i] = segment{p.segmentAt(r.From()), p.after(r.To())}
	}
	return out
}

// after returns the segment that starts behind the address.
func (p *painter) after(a netip.Addr) int32 {
	if next := a.Next(); next.IsValid() {
		return p.segmentAt(next)
	}
	if a.Is4() {
		return p.v6
	}
	return int32(len(p.bounds))
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

func signature(active []int32) string {
	b := make([]byte, 0, len(active)*4)
	for _, a := range active {
		b = append(b, byte(a), byte(a>>8), byte(a>>16), byte(a>>24))
	}
	return string(b)
}

// band decides all sources on ports where these rules are active.
func (p *painter) band(active []int32) []Run[Cell] {
	p.localise(active)
	p.lowers = p.claim(p.lowers, active, Allow)
	upper := p.lowers
	if p.inDoubt(active) {
		p.uppers = p.claim(p.uppers, active, Deny)
		upper = p.uppers
	}
	runs := make([]Run[Cell], 0, 8)
	for i := range p.lowers {
		from := p.cuts[i]
		cell := p.cell(p.lowers[i], upper[i])
		to := int32(len(p.bounds))
		if i+1 < len(p.cuts) {
			to = p.cuts[i+1]
		}
		if n := len(runs); n > 0 && runs[n-1].Value == cell && from != p.v6 {
			runs[n-1].Range = netipx.IPRangeFrom(runs[n-1].Range.From(), p.last(to))
			continue
		}
		runs = append(runs, Run[Cell]{netipx.IPRangeFrom(p.bounds[from], p.last(to)), cell})
	}
	return runs
}

// last returns the address before segment i.
func (p *painter) last(i int32) netip.Addr {
	switch {
	case int(i) == len(p.bounds):
		return netipx.PrefixLastIP(v6All)
	case i == p.v6:
		return netipx.PrefixLastIP(v4All)
	}
	return p.bounds[i].Prev()
}

// localise numbers the segments that these rules tell apart.
func (p *painter) localise(active []int32) {
	p.cuts = append(p.cuts[:0], 0, p.v6)
	for _, a := range active {
		for _, list := range [][]segment{p.certain[a>>1], p.possible[a>>1]} {
			for _, s := range list {
				p.cuts = append(p.cuts, s.lo, s.hi)
			}
		}
	}
	slices.Sort(p.cuts)
	p.cuts = slices.Compact(p.cuts)
	if n := len(p.cuts); int(p.cuts[n-1]) == len(p.bounds) {
		p.place[p.cuts[n-1]] = int32(n - 1)
		p.cuts = p.cuts[:n-1]
	}
	for i, c := range p.cuts {
		p.place[c] = int32(i)
	}
}

// claim gives each local segment to the first rule that matches it, as a mark
// of active; -1 where none does. Rules of the access that needs certainty
// match where they do so for certain, all others wherever they may.
func (p *painter) claim(out, active []int32, needsCertainty Access) []int32 {
	n := int32(len(p.cuts))
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
			left -= p.take(out, p.place[s.lo], p.end(s.hi, n), a)
		}
		if left == 0 {
			break
		}
	}
	return out
}

func (p *painter) end(hi, n int32) int32 {
	if int(hi) == len(p.bounds) {
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
