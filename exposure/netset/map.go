package netset

import (
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
		for _, w := range within.bands {
			ports := b.Ports.Intersect(w.Ports)
			if ports.IsEmpty() {
				continue
			}
			if hit := b.sources(w.Sources, wanted); !hit.IsEmpty() {
				out = append(out, RegionBand{ports, hit})
			}
		}
	}
	return regionOf(out)
}

// sources returns those of the bounds whose value is wanted. Where all are, or
// none is, as where a question is narrow, no set is built.
func (b Band[T]) sources(within Addrs, wanted func(T) bool) Addrs {
	yes, no := false, false
	for _, r := range b.Runs {
		if !within.overlapsRange(r.Range) {
			continue
		}
		if wanted(r.Value) {
			yes = true
		} else {
			no = true
		}
	}
	switch {
	case !yes:
		return Addrs{}
	case !no:
		return within
	}
	var hits netipx.IPSetBuilder
	for _, r := range b.Runs {
		if wanted(r.Value) {
			hits.AddRange(r.Range)
		}
	}
	return built(&hits).Intersect(within)
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
			for v, hit := range b.values(w.Sources) {
				bands[v] = append(bands[v], RegionBand{ports, hit})
			}
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
func (b Band[T]) values(within Addrs) map[T]Addrs {
	sets := map[T]*netipx.IPSetBuilder{}
	for _, r := range b.Runs {
		if !within.overlapsRange(r.Range) {
			continue
		}
		if sets[r.Value] == nil {
			sets[r.Value] = &netipx.IPSetBuilder{}
		}
		sets[r.Value].AddRange(r.Range)
	}
	out := make(map[T]Addrs, len(sets))
	for v, set := range sets {
		if len(sets) == 1 {
			out[v] = within
			break
		}
		out[v] = built(set).Intersect(within)
	}
	return out
}

func (a Addrs) overlapsRange(r netipx.IPRange) bool { return a.set != nil && a.set.OverlapsRange(r) }
