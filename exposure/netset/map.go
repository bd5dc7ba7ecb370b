package netset

import (
	"net/netip"
	"sort"
)

// Map gives every (source address, destination port) a value. It cuts the
// addresses into segments; each of its bands, whose ports are disjoint and
// together are all ports, joins segments with one value to runs.
type Map[T comparable] struct {
	cuts  *cuts
	bands []band[T]
}

// band is the part of a map on some ports. Run i has values[i] from segment
// starts[i] up to the next run's; the first run starts at segment 0, and one
// starts where IPv6 does.
type band[T comparable] struct {
	ports  Ports
	starts []int32
	values []T
}

// cuts are the points where segments start, by family: those of IPv6 are
// numbered behind those of IPv4. Each family's first is its first address.
type cuts struct{ v4, v6 []point }

func (c *cuts) len() int32 { return int32(len(c.v4) + len(c.v6)) }

// whole has one segment for each family.
var whole = &cuts{v4: []point{{}}, v6: []point{{}}}

// at is the segment that holds a point.
func (c *cuts) at(p point, v6 bool) int32 {
	list, first := c.v4, int32(0)
	if v6 {
		list, first = c.v6, int32(len(c.v4))
	}
	return first + int32(sort.Search(len(list), func(i int) bool { return p.less(list[i]) })) - 1
}

// span is the range of points from segment lo up to hi, which are of one family.
func (c *cuts) span(lo, hi int32) (s span, v6 bool) {
	list, last, n := c.v4, lastV4, int32(len(c.v4))
	if lo >= n {
		list, last, v6 = c.v6, lastV6, true
		lo, hi = lo-n, hi-n
	}
	s = span{list[lo], last}
	if int(hi) < len(list) {
		s.hi = list[hi].prev()
	}
	return s, v6
}

// Constant is the same value everywhere.
func Constant[T comparable](value T) Map[T] {
	return Map[T]{whole, []band[T]{{AllPorts(), []int32{0, 1}, []T{value, value}}}}
}

// At returns the value at a point; the zero T for an invalid address or in an
// empty map.
func (m Map[T]) At(source netip.Addr, port uint16) T {
	var zero T
	if source = source.Unmap().WithZone(""); !source.IsValid() || m.cuts == nil {
		return zero
	}
	p, v6 := pointOf(source)
	segment := m.cuts.at(p, v6)
	for _, b := range m.bands {
		if b.ports.Contains(port) {
			return b.values[sort.Search(len(b.starts), func(i int) bool { return segment < b.starts[i] })-1]
		}
	}
	return zero
}

// Size is how many runs the map holds: what it costs to keep.
func (m Map[T]) Size() int {
	n := 0
	for _, b := range m.bands {
		n += len(b.starts)
	}
	return n
}

// Select returns the region within bounds where the value is wanted.
func (m Map[T]) Select(within Region, wanted func(T) bool) Region {
	var out []RegionBand
	for w, b := range m.meets(within) {
		if hit := m.sources(b, w.Sources, wanted); !hit.IsEmpty() {
			out = append(out, RegionBand{w.Ports, hit})
		}
	}
	return regionOf(out)
}

// meets yields the bands that the bounds meet, each with the part of the
// bounds there.
func (m Map[T]) meets(within Region) func(yield func(RegionBand, *band[T]) bool) {
	return func(yield func(RegionBand, *band[T]) bool) {
		for _, w := range within.bands {
			for i := range m.bands {
				ports := w.Ports
				if len(m.bands) > 1 {
					ports = m.bands[i].ports.Intersect(w.Ports)
				}
				if !ports.IsEmpty() && !yield(RegionBand{ports, w.Sources}, &m.bands[i]) {
					return
				}
			}
		}
	}
}

// sources returns those of the bounds whose value is wanted. Where all are, or
// none is, as where a question is narrow, no set is built.
func (m Map[T]) sources(b *band[T], within Addrs, wanted func(T) bool) Addrs {
	yes, no := false, false
	for _, value := range m.parts(b, within) {
		if wanted(value) {
			yes = true
		} else {
			no = true
		}
		if yes && no {
			break
		}
	}
	switch {
	case !yes:
		return Addrs{}
	case !no:
		return within
	}
	var hits collector
	for part, value := range m.parts(b, within) {
		if wanted(value) {
			hits.add(part)
		}
	}
	return addrsOf(hits.v4, hits.v6)
}

// part is a range of the bounds that lies in one run.
type part struct {
	span
	v6 bool
}

// parts takes the bounds apart by runs, in order.
func (m Map[T]) parts(b *band[T], within Addrs) func(yield func(part, T) bool) {
	return func(yield func(part, T) bool) {
		v4, v6 := within.both()
		run := 0
		for i, family := range [][]span{v4, v6} {
			six := i == 1
			for _, s := range family {
				segment := m.cuts.at(s.lo, six)
				run += sort.Search(len(b.starts)-run, func(i int) bool { return segment < b.starts[run+i] })
				run-- // the run that holds the first of the span
				for {
					end := m.cuts.len()
					if run+1 < len(b.starts) {
						end = b.starts[run+1]
					}
					r, _ := m.cuts.span(b.starts[run], end)
					if !yield(part{span{later(s.lo, r.lo), earlier(s.hi, r.hi)}, six}, b.values[run]) {
						return
					}
					if !r.hi.less(s.hi) {
						break
					}
					run++
				}
			}
		}
	}
}

// collector joins parts that come in order.
type collector struct{ v4, v6 []span }

func (c *collector) add(p part) {
	list := &c.v4
	if p.v6 {
		list = &c.v6
	}
	if n := len(*list); n > 0 && (*list)[n-1].joins(p.span) {
		(*list)[n-1].hi = p.hi
		return
	}
	*list = append(*list, p.span)
}

// Values yields each value that occurs within the bounds, with where.
func (m Map[T]) Values(within Region) map[T]Region {
	bands := map[T][]RegionBand{}
	for w, b := range m.meets(within) {
		for v, hit := range m.values(b, w.Sources) {
			bands[v] = append(bands[v], RegionBand{w.Ports, hit})
		}
	}
	out := make(map[T]Region, len(bands))
	for v, list := range bands {
		out[v] = regionOf(list)
	}
	return out
}

// values takes the bounds apart by value. Bounds with one value, as a narrow
// question has, are that value's as they are.
func (m Map[T]) values(b *band[T], within Addrs) map[T]Addrs {
	sets := map[T]*collector{}
	for p, v := range m.parts(b, within) {
		if sets[v] == nil {
			sets[v] = &collector{}
		}
		sets[v].add(p)
	}
	out := make(map[T]Addrs, len(sets))
	for v, set := range sets {
		if len(sets) == 1 {
			out[v] = within
			break
		}
		out[v] = addrsOf(set.v4, set.v6)
	}
	return out
}
