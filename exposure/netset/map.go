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
