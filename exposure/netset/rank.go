package netset

import "slices"

// rank cuts the addresses at the ends of all sets and numbers, for each set,
// the segments that its ranges hold.
func rank(sets map[*spans][]segment) *cuts {
	n := 0
	for set := range sets {
		n += len(set.v4) + len(set.v6)
	}
	// The ranges of a set stand one behind the other, IPv4 first; behind all is
	// one more, for the first address of a family.
	r := ranking{all: make([]segment, n+1), sets: make([]*spans, 0, len(sets)), at: make([]int, 0, len(sets))}
	at := 0
	for set := range sets {
		r.sets, r.at = append(r.sets, set), append(r.at, at)
		n := len(set.v4) + len(set.v6)
		sets[set] = r.all[at : at+n : at+n]
		at += n
	}
	c := &cuts{v4: r.v4()}
	c.v6 = r.v6(int32(len(c.v4)))
	return c
}

// ranking is the ranges of all sets, and where each set's begin.
type ranking struct {
	all  []segment
	sets []*spans
	at   []int
}

// put keeps the number of the segment at an end: of range end/2 the low one
// where end is even, else the high one.
func (r *ranking) put(end, number int32) {
	if end&1 == 0 {
		r.all[end>>1].lo = number
	} else {
		r.all[end>>1].hi = number
	}
}

// v4 sorts the ends of all ranges, each with where its number is wanted, so that
// nothing is looked up: those of a large service tag are thousands.
func (r *ranking) v4() []point {
	n := 1
	for _, set := range r.sets {
		n += 2 * len(set.v4)
	}
	ends := make([]uint64, 0, 2*n) // the address in the high half, its end in the low one
	ends = append(ends, uint64(2*(len(r.all)-1)))
	for i, set := range r.sets {
		end := uint64(2 * r.at[i])
		for _, s := range set.v4 {
			ends = append(ends, s.lo.lo<<32|end)
			if s.hi != lastV4 {
				ends = append(ends, (s.hi.lo+1)<<32|end+1)
			}
			end += 2
		}
	}
	ends = sortHigh(ends, ends[len(ends):2*len(ends)])
	out := make([]point, 0, distinct(ends))
	last := ^uint64(0)
	for _, e := range ends {
		if e>>32 != last {
			last = e >> 32
			out = append(out, point{0, last})
		}
		r.put(int32(e&(1<<32-1)), int32(len(out)-1))
	}
	for i, set := range r.sets {
		if k := len(set.v4); k > 0 && set.v4[k-1].hi == lastV4 {
			r.all[r.at[i]+k-1].hi = int32(len(out))
		}
	}
	return out
}

// v6 does the same for the ranges of IPv6, whose segments are numbered behind
// those of IPv4.
func (r *ranking) v6(base int32) []point {
	type end struct {
		point
		end int32
	}
	n := 1
	for _, set := range r.sets {
		n += 2 * len(set.v6)
	}
	ends := append(make([]end, 0, n), end{end: int32(2 * (len(r.all) - 1))})
	for i, set := range r.sets {
		at := int32(2 * (r.at[i] + len(set.v4)))
		for _, s := range set.v6 {
			ends = append(ends, end{s.lo, at})
			if s.hi != lastV6 {
				ends = append(ends, end{s.hi.next(), at + 1})
			}
			at += 2
		}
	}
	slices.SortFunc(ends, func(a, b end) int { return a.compare(b.point) })
	var out []point
	for i, e := range ends {
		if i == 0 || e.point != ends[i-1].point {
			out = append(out, e.point)
		}
		r.put(e.end, base+int32(len(out)-1))
	}
	for i, set := range r.sets {
		if k := len(set.v6); k > 0 && set.v6[k-1].hi == lastV6 {
			r.all[r.at[i]+len(set.v4)+k-1].hi = base + int32(len(out))
		}
	}
	return out
}

// distinct is how many high halves there are in a sorted list.
func distinct(list []uint64) int {
	n, last := 0, ^uint64(0)
	for _, x := range list {
		if x>>32 != last {
			last = x >> 32
			n++
		}
	}
	return n
}

// fewEnds is up to how many are sorted by comparing.
const fewEnds = 512

// sortHigh sorts by the high half of the numbers: digit by digit, the lowest
// first, which for thousands is several times as fast as by comparing. Spare is
// as long as the list; the sorted one is either.
func sortHigh(list, spare []uint64) []uint64 {
	if len(list) <= fewEnds {
		slices.Sort(list)
		return list
	}
	const bits, digits = 11, 1 << 11
	spare = spare[:len(list)]
	for shift := 32; shift < 64; shift += bits {
		var places [digits]int32
		for _, x := range list {
			places[x>>shift&(digits-1)]++
		}
		next := int32(0)
		for i, n := range places {
			places[i], next = next, next+n
		}
		for _, x := range list {
			d := x >> shift & (digits - 1)
			spare[places[d]] = x
			places[d]++
		}
		list, spare = spare, list
	}
	return list
}
