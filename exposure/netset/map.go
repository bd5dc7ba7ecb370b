package netset

import (
	"cmp"
	"net/netip"
	"slices"

	"go4.org/netipx"
)

// Map gives every (source address, destination port) a value. Its bands have
// disjoint ports that together are all ports.
type Map[T comparable] struct{ bands []Band[T] }

// Band is the part of a map on some ports. Its runs come in order and hold
// every address of both families once.
type Band[T comparable] struct {
	Ports Ports
	Runs  []Run[T]
}

// Run is a range of addresses, all of one family, with one value.
type Run[T comparable] struct {
	Range netipx.IPRange
	Value T
}

// Constant is the same value everywhere.
func Constant[T comparable](value T) Map[T] {
	return Map[T]{[]Band[T]{{AllPorts(), []Run[T]{
		{netipx.RangeOfPrefix(v4All), value}, {netipx.RangeOfPrefix(v6All), value},
	}}}}
}

// Bands returns the bands. The caller must not change them.
func (m Map[T]) Bands() []Band[T] { return m.bands }

// At returns the value at a point; the zero T for an invalid address or in an
// empty map.
func (m Map[T]) At(source netip.Addr, port uint16) T {
	source = source.Unmap().WithZone("")
	for _, b := range m.bands {
		if !b.Ports.Contains(port) {
			continue
		}
		i, found := slices.BinarySearchFunc(b.Runs, source, func(r Run[T], a netip.Addr) int {
			switch {
			case r.Range.To().Less(a):
				return -1
			case a.Less(r.Range.From()):
				return 1
			}
			return 0
		})
		if found {
			return b.Runs[i].Value
		}
	}
	var zero T
	return zero
}

// Select returns the region within bounds where the value is wanted.
func (m Map[T]) Select(within Region, wanted func(T) bool) Region {
	var out []RegionBand
	for _, b := range m.bands {
		var hits netipx.IPSetBuilder
		for _, r := range b.Runs {
			if wanted(r.Value) {
				hits.AddRange(r.Range)
			}
		}
		hit := built(&hits)
		if hit.IsEmpty() {
			continue
		}
		for _, w := range within.bands {
			out = append(out, RegionBand{b.Ports.Intersect(w.Ports), hit.Intersect(w.Sources)})
		}
	}
	return regionOf(out)
}

// Values yields each value that occurs within the bounds, with where.
func (m Map[T]) Values(within Region) map[T]Region {
	bands := map[T][]RegionBand{}
	for _, b := range m.bands {
		for _, w := range within.bands {
			ports := b.Ports.Intersect(w.Ports)
			if ports.IsEmpty() {
				continue
			}
			sets := map[T]*netipx.IPSetBuilder{}
			for _, r := range b.Runs {
				if !w.Sources.overlapsRange(r.Range) {
					continue
				}
				if sets[r.Value] == nil {
					sets[r.Value] = &netipx.IPSetBuilder{}
				}
				sets[r.Value].AddRange(r.Range)
			}
			for v, set := range sets {
				bands[v] = append(bands[v], RegionBand{ports, built(set).Intersect(w.Sources)})
			}
		}
	}
	out := make(map[T]Region, len(bands))
	for v, list := range bands {
		out[v] = regionOf(list)
	}
	return out
}

func (a Addrs) overlapsRange(r netipx.IPRange) bool { return a.set != nil && a.set.OverlapsRange(r) }

// Merge combines two maps point by point.
func Merge[A, B, C comparable](a Map[A], b Map[B], f func(A, B) C) Map[C] {
	type pair struct{ a, b int }
	index := map[pair]int{}
	var out []Band[C]
	for _, c := range columns(a.bands, b.bands) {
		at := pair{c.a, c.b}
		if i, ok := index[at]; ok {
			out[i].Ports.ranges = append(out[i].Ports.ranges, c.ports)
			continue
		}
		index[at] = len(out)
		out = append(out, Band[C]{Ports{[]PortRange{c.ports}}, mergeRuns(a.bands[c.a].Runs, b.bands[c.b].Runs, f)})
	}
	for i := range out {
		out[i].Ports = PortsOf(out[i].Ports.ranges...)
	}
	return Map[C]{out}
}

// column is a range of ports with the bands that hold it in either map.
type column struct {
	ports PortRange
	a, b  int
}

func columns[A, B comparable](a []Band[A], b []Band[B]) []column {
	left, right := flatten(a), flatten(b)
	var out []column
	for i, j := 0, 0; i < len(left) && j < len(right); {
		lo, hi := max(left[i].ports.Lo, right[j].ports.Lo), min(left[i].ports.Hi, right[j].ports.Hi)
		if lo <= hi {
			out = append(out, column{PortRange{lo, hi}, left[i].a, right[j].a})
		}
		if left[i].ports.Hi < right[j].ports.Hi {
			i++
		} else {
			j++
		}
	}
	return out
}

// flatten lists the port ranges of the bands in order of ports.
func flatten[T comparable](bands []Band[T]) []column {
	var out []column
	for i, b := range bands {
		for _, r := range b.Ports.ranges {
			out = append(out, column{ports: r, a: i})
		}
	}
	slices.SortFunc(out, func(x, y column) int { return cmp.Compare(x.ports.Lo, y.ports.Lo) })
	return out
}

func mergeRuns[A, B, C comparable](a []Run[A], b []Run[B], f func(A, B) C) []Run[C] {
	var out []Run[C]
	for i, j := 0, 0; i < len(a) && j < len(b); {
		from, to := a[i].Range.From(), a[i].Range.To()
		if from.Less(b[j].Range.From()) {
			from = b[j].Range.From()
		}
		if b[j].Range.To().Less(to) {
			to = b[j].Range.To()
		}
		if !to.Less(from) {
			out = appendRun(out, Run[C]{netipx.IPRangeFrom(from, to), f(a[i].Value, b[j].Value)})
		}
		if a[i].Range.To().Less(b[j].Range.To()) {
			i++
		} else {
			j++
		}
	}
	return out
}

// appendRun adds a run, joined with the one before it where the value is the
// same and the family too.
func appendRun[T comparable](runs []Run[T], r Run[T]) []Run[T] {
	n := len(runs)
	if n > 0 && runs[n-1].Value == r.Value && runs[n-1].Range.To().BitLen() == r.Range.From().BitLen() {
		runs[n-1].Range = netipx.IPRangeFrom(runs[n-1].Range.From(), r.Range.To())
		return runs
	}
	return append(runs, r)
}
