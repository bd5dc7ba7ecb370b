package netset

import (
	"cmp"
	"net/netip"
	"slices"
)

// Region is a set of (source address, destination port). The zero value is
// empty. Values are immutable.
type Region struct{ bands []RegionBand }

// RegionBand is a part of a region: all the sources on each of the ports.
type RegionBand struct {
	Ports   Ports
	Sources Addrs
}

// Product holds every source on every port.
func Product(sources Addrs, ports Ports) Region {
	if sources.IsEmpty() || ports.IsEmpty() {
		return Region{}
	}
	return Region{[]RegionBand{{ports, sources}}}
}

// Bands returns the region as products: their ports are disjoint, no two have
// the same sources, and they come in order of their lowest port.
func (r Region) Bands() []RegionBand { return r.bands }

// IsEmpty reports whether nothing is in the region.
func (r Region) IsEmpty() bool { return len(r.bands) == 0 }

// Contains reports whether the point is in the region.
func (r Region) Contains(source netip.Addr, port uint16) bool {
	for _, b := range r.bands {
		if b.Ports.Contains(port) {
			return b.Sources.Contains(source)
		}
	}
	return false
}

// Ports returns the ports that some source has.
func (r Region) Ports() Ports {
	var all Ports
	for _, b := range r.bands {
		all = all.Union(b.Ports)
	}
	return all
}

// Sources returns the sources that have some port.
func (r Region) Sources() Addrs {
	var all Addrs
	for _, b := range r.bands {
		all = all.Union(b.Sources)
	}
	return all
}

// Equal reports whether both hold the same points.
func (r Region) Equal(q Region) bool {
	return slices.EqualFunc(r.bands, q.bands, func(a, b RegionBand) bool {
		return a.Ports.Equal(b.Ports) && a.Sources.Equal(b.Sources)
	})
}

// Union holds what either holds.
func (r Region) Union(q Region) Region { return r.combine(q, Addrs.Union) }

// Intersect holds what both hold.
func (r Region) Intersect(q Region) Region { return r.combine(q, Addrs.Intersect) }

// Minus holds what r holds and q does not.
func (r Region) Minus(q Region) Region { return r.combine(q, Addrs.Minus) }

// combine applies op to the sources of both on every port.
func (r Region) combine(q Region, op func(a, b Addrs) Addrs) Region {
	var out []RegionBand
	add := func(p Ports, a, b Addrs) {
		if s := op(a, b); !p.IsEmpty() && !s.IsEmpty() {
			out = append(out, RegionBand{p, s})
		}
	}
	restQ := q.Ports()
	for _, a := range r.bands {
		rest := a.Ports
		for _, b := range q.bands {
			both := rest.Intersect(b.Ports)
			if both.IsEmpty() {
				continue
			}
			add(both, a.Sources, b.Sources)
			rest = rest.Minus(both)
			restQ = restQ.Minus(both)
		}
		add(rest, a.Sources, Addrs{})
	}
	for _, b := range q.bands {
		add(b.Ports.Intersect(restQ), Addrs{}, b.Sources)
	}
	return regionOf(out)
}

// regionOf joins bands of equal sources and orders them.
func regionOf(bands []RegionBand) Region {
	var out []RegionBand
	alike := map[sketch][]int{}
	ports := make([][]PortRange, 0, len(bands))
	for _, b := range bands {
		if b.Ports.IsEmpty() || b.Sources.IsEmpty() {
			continue
		}
		if len(bands) == 1 {
			return Region{bands}
		}
		key := sketchOf(b.Sources)
		at := alike[key]
		if i := slices.IndexFunc(at, func(i int) bool { return out[i].Sources.Equal(b.Sources) }); i >= 0 {
			ports[at[i]] = append(ports[at[i]], b.Ports.ranges...)
			continue
		}
		alike[key] = append(at, len(out))
		out, ports = append(out, b), append(ports, slices.Clip(b.Ports.ranges))
	}
	for i := range out {
		if len(ports[i]) != len(out[i].Ports.ranges) {
			out[i].Ports = PortsOf(ports[i]...)
		}
	}
	slices.SortFunc(out, func(a, b RegionBand) int { return cmp.Compare(a.Ports.ranges[0].Lo, b.Ports.ranges[0].Lo) })
	return Region{out}
}

// sketch tells most sets apart.
type sketch struct {
	v4, v6      int
	first, last span
}

func sketchOf(a Addrs) (s sketch) {
	v4, v6 := a.both()
	s.v4, s.v6 = len(v4), len(v6)
	switch {
	case len(v4) > 0:
		s.first, s.last = v4[0], v4[len(v4)-1]
	case len(v6) > 0:
		s.first, s.last = v6[0], v6[len(v6)-1]
	}
	return s
}

// MapPorts replaces the ports of every band by what f makes of them, as
// network address translation does. Bands that f empties vanish.
func (r Region) MapPorts(f func(Ports) Ports) Region {
	var out Region
	for _, b := range r.bands {
		out = out.Union(Product(b.Sources, f(b.Ports)))
	}
	return out
}
