package netset

import (
	"encoding/binary"
	"net/netip"
	"slices"
	"sort"
)

// point is an address of a known family: of IPv4 the high half is 0.
type point struct{ hi, lo uint64 }

var (
	lastV4 = point{0, 1<<32 - 1}
	lastV6 = point{^uint64(0), ^uint64(0)}
)

func (p point) less(q point) bool { return p.hi < q.hi || p.hi == q.hi && p.lo < q.lo }

func (p point) compare(q point) int {
	switch {
	case p.less(q):
		return -1
	case p == q:
		return 0
	}
	return 1
}

// next is the point behind; that behind the last of IPv6 is the first.
func (p point) next() point {
	p.lo++
	if p.lo == 0 {
		p.hi++
	}
	return p
}

func (p point) prev() point {
	if p.lo == 0 {
		p.hi--
	}
	p.lo--
	return p
}

// pointOf splits an address into its family and its place there.
func pointOf(a netip.Addr) (p point, v6 bool) {
	if a.Is4() {
		b := a.As4()
		return point{0, uint64(binary.BigEndian.Uint32(b[:]))}, false
	}
	b := a.As16()
	return point{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}, true
}

func (p point) addr(v6 bool) netip.Addr {
	if !v6 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(p.lo&(1<<32-1)))
		return netip.AddrFrom4(b)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], p.hi)
	binary.BigEndian.PutUint64(b[8:], p.lo)
	return netip.AddrFrom16(b)
}

// span is a range of points, both ends included. Lists of spans are sorted and
// neither overlap nor touch.
type span struct{ lo, hi point }

// normal sorts spans and joins those that overlap or touch. It takes the list.
func normal(list []span) []span {
	byLow := func(a, b span) int { return a.lo.compare(b.lo) }
	if !slices.IsSortedFunc(list, byLow) {
		slices.SortFunc(list, byLow)
	}
	out := list[:0]
	for _, s := range list {
		if n := len(out); n > 0 && out[n-1].joins(s) {
			out[n-1].hi = later(out[n-1].hi, s.hi)
			continue
		}
		out = append(out, s)
	}
	return out
}

// joins reports whether a span that does not start before s overlaps or
// touches it.
func (s span) joins(after span) bool {
	return !s.hi.less(after.lo) || s.hi.next() == after.lo && s.hi != lastV6
}

func later(a, b point) point {
	if a.less(b) {
		return b
	}
	return a
}

func earlier(a, b point) point {
	if b.less(a) {
		return b
	}
	return a
}

// from is the number of the first span that ends at p or later, at i or behind.
func from(list []span, i int, p point) int {
	step := 1
	for i+step < len(list) && list[i+step-1].hi.less(p) {
		i += step
		step *= 2
	}
	end := min(i+step, len(list))
	return i + sort.Search(end-i, func(j int) bool { return !list[i+j].hi.less(p) })
}

func unite(a, b []span) []span {
	switch {
	case len(a) == 0:
		return b
	case len(b) == 0:
		return a
	}
	out := make([]span, 0, len(a)+len(b))
	for len(a) > 0 || len(b) > 0 {
		var s span
		if len(b) == 0 || len(a) > 0 && a[0].lo.less(b[0].lo) {
			s, a = a[0], a[1:]
		} else {
			s, b = b[0], b[1:]
		}
		if n := len(out); n > 0 && out[n-1].joins(s) {
			out[n-1].hi = later(out[n-1].hi, s.hi)
			continue
		}
		out = append(out, s)
	}
	return out
}

func intersect(a, b []span) []span {
	if len(a) > len(b) {
		a, b = b, a
	}
	var out []span
	j := 0
	for _, s := range a {
		for j = from(b, j, s.lo); j < len(b) && !s.hi.less(b[j].lo); j++ {
			out = append(out, span{later(s.lo, b[j].lo), earlier(s.hi, b[j].hi)})
			if s.hi.less(b[j].hi) {
				break // the rest of it may meet the next
			}
		}
	}
	return out
}

func subtract(a, b []span) []span {
	if len(b) == 0 {
		return a
	}
	out := make([]span, 0, len(a))
	j := 0
	for _, s := range a {
		gone := false
		for j = from(b, j, s.lo); j < len(b) && !s.hi.less(b[j].lo); j++ {
			if s.lo.less(b[j].lo) {
				out = append(out, span{s.lo, b[j].lo.prev()})
			}
			if !b[j].hi.less(s.hi) {
				gone = true
				break
			}
			s.lo = b[j].hi.next()
		}
		if !gone {
			out = append(out, s)
		}
	}
	return out
}

func overlap(a, b []span) bool {
	if len(a) > len(b) {
		a, b = b, a
	}
	j := 0
	for _, s := range a {
		if j = from(b, j, s.lo); j < len(b) && !s.hi.less(b[j].lo) {
			return true
		}
	}
	return false
}

// within reports whether b holds every point of a.
func within(a, b []span) bool {
	j := 0
	for _, s := range a {
		j = from(b, j, s.lo)
		if j == len(b) || s.lo.less(b[j].lo) || b[j].hi.less(s.hi) {
			return false
		}
	}
	return true
}
