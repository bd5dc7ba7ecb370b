package netset

import (
	"encoding/binary"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"
)

// Addrs is a set of IPv4 and IPv6 addresses. The zero value is empty. Values
// are immutable. IPv4 addresses written in IPv6 count as IPv4.
type Addrs struct{ set *spans }

// spans are the ranges of a set, by family.
type spans struct{ v4, v6 []span }

var (
	v4All = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	v6All = netip.PrefixFrom(netip.IPv6Unspecified(), 0)
)

// AllAddrs holds every address of both families.
func AllAddrs() Addrs { return everything }

// AllV4 holds every IPv4 address.
func AllV4() Addrs { return everyV4 }

// AllV6 holds every IPv6 address.
func AllV6() Addrs { return everyV6 }

// Sets that every question asks for.
var everything, everyV4, everyV6 = PrefixAddrs(v4All, v6All), PrefixAddrs(v4All), PrefixAddrs(v6All)

// addrsOf takes lists that are sorted and joined.
func addrsOf(v4, v6 []span) Addrs {
	if len(v4) == 0 && len(v6) == 0 {
		return Addrs{}
	}
	return Addrs{&spans{v4, v6}}
}

// both returns the lists; none of an empty set.
func (a Addrs) both() (v4, v6 []span) {
	if a.set == nil {
		return nil, nil
	}
	return a.set.v4, a.set.v6
}

// PrefixAddrs holds the addresses of all prefixes.
func PrefixAddrs(prefixes ...netip.Prefix) Addrs {
	ranges := make([]netipx.IPRange, 0, len(prefixes))
	for _, p := range prefixes {
		ranges = append(ranges, netipx.RangeOfPrefix(p))
	}
	return RangeAddrs(ranges...)
}

// OneAddr holds a alone; an invalid a holds nothing.
func OneAddr(a netip.Addr) Addrs {
	if !a.IsValid() {
		return Addrs{}
	}
	a = a.Unmap()
	return PrefixAddrs(netip.PrefixFrom(a.WithZone(""), a.BitLen()))
}

// RangeAddrs holds the ranges; invalid ones hold nothing.
func RangeAddrs(ranges ...netipx.IPRange) Addrs {
	var v4, v6 []span
	for _, r := range ranges {
		first, last := r.From(), r.To()
		if first.Is4In6() && last.Is4In6() {
			first, last = first.Unmap(), last.Unmap()
		}
		if r = netipx.IPRangeFrom(first, last); !r.IsValid() {
			continue
		}
		lo, six := pointOf(first)
		hi, _ := pointOf(last)
		if six {
			v6 = append(v6, span{lo, hi})
		} else {
			v4 = append(v4, span{lo, hi})
		}
	}
	return addrsOf(normal(v4), normal(v6))
}

// ParsePrefix reads an address or a prefix in CIDR form. A prefix with host
// bits set is masked and reported as not exact.
func ParsePrefix(s string) (prefix netip.Prefix, exact bool, err error) {
	s = strings.TrimSpace(s)
	if !strings.Contains(s, "/") {
		a, err := netip.ParseAddr(s)
		if err != nil || a.Zone() != "" {
			return netip.Prefix{}, false, fmt.Errorf("read address %.60q: not an IP address", s)
		}
		a = a.Unmap()
		return netip.PrefixFrom(a, a.BitLen()), true, nil
	}
	p, err := netip.ParsePrefix(s)
	if err != nil || p.Addr().Is4In6() {
		return netip.Prefix{}, false, fmt.Errorf("read prefix %.60q: not a prefix in CIDR form", s)
	}
	return p.Masked(), p.Masked() == p, nil
}

// IsEmpty reports whether no address is in the set.
func (a Addrs) IsEmpty() bool { return a.set == nil }

// Equal reports whether both hold the same addresses.
func (a Addrs) Equal(b Addrs) bool {
	if a.set == nil || b.set == nil || a.set == b.set {
		return a.set == b.set
	}
	return slices.Equal(a.set.v4, b.set.v4) && slices.Equal(a.set.v6, b.set.v6)
}

// Contains reports whether the address is in the set.
func (a Addrs) Contains(ip netip.Addr) bool {
	if a.set == nil || !ip.IsValid() {
		return false
	}
	p, v6 := pointOf(ip.Unmap())
	return within([]span{{p, p}}, a.set.of(v6))
}

func (s *spans) of(v6 bool) []span {
	if v6 {
		return s.v6
	}
	return s.v4
}

// ContainsPrefix reports whether the whole prefix is in the set.
func (a Addrs) ContainsPrefix(p netip.Prefix) bool {
	return p.IsValid() && a.set != nil && PrefixAddrs(p).Subset(a)
}

// Key holds the set's ranges as bytes: equal sets alone have equal keys.
func (a Addrs) Key() string {
	v4, v6 := a.both()
	b := make([]byte, 0, 8*len(v4)+32*len(v6)+1)
	for _, s := range v4 {
		b = binary.BigEndian.AppendUint32(b, uint32(s.lo.lo&(1<<32-1)))
		b = binary.BigEndian.AppendUint32(b, uint32(s.hi.lo&(1<<32-1)))
	}
	b = append(b, '/')
	for _, s := range v6 {
		for _, half := range []uint64{s.lo.hi, s.lo.lo, s.hi.hi, s.hi.lo} {
			b = binary.BigEndian.AppendUint64(b, half)
		}
	}
	return fmt.Sprintf("%d:%s", len(v4), b)
}

// Overlaps reports whether some address is in both.
func (a Addrs) Overlaps(b Addrs) bool {
	return a.set != nil && b.set != nil && (overlap(a.set.v4, b.set.v4) || overlap(a.set.v6, b.set.v6))
}

// Subset reports whether b holds every address of a.
func (a Addrs) Subset(b Addrs) bool {
	if a.set == nil || a.set == b.set {
		return true
	}
	return b.set != nil && within(a.set.v4, b.set.v4) && within(a.set.v6, b.set.v6)
}

// Union holds what either holds.
func (a Addrs) Union(b Addrs) Addrs {
	switch {
	case a.set == nil || b.set == everything.set && b.set != nil:
		return b
	case b.set == nil || a.set == b.set:
		return a
	}
	return addrsOf(unite(a.set.v4, b.set.v4), unite(a.set.v6, b.set.v6))
}

// Intersect holds what both hold.
func (a Addrs) Intersect(b Addrs) Addrs {
	switch {
	case a.set == nil || b.set == nil:
		return Addrs{}
	case a.set == b.set || b.set == everything.set:
		return a
	case a.set == everything.set:
		return b
	}
	return addrsOf(intersect(a.set.v4, b.set.v4), intersect(a.set.v6, b.set.v6))
}

// Minus holds what a holds and b does not.
func (a Addrs) Minus(b Addrs) Addrs {
	if a.set == nil || b.set == nil || !a.Overlaps(b) {
		return a
	}
	return addrsOf(subtract(a.set.v4, b.set.v4), subtract(a.set.v6, b.set.v6))
}

// Complement holds every address of both families that a does not hold.
func (a Addrs) Complement() Addrs { return AllAddrs().Minus(a) }

// Ranges returns the ranges in order, IPv4 first.
func (a Addrs) Ranges() []netipx.IPRange {
	v4, v6 := a.both()
	if a.set == nil {
		return nil
	}
	out := make([]netipx.IPRange, 0, len(v4)+len(v6))
	for _, s := range v4 {
		out = append(out, netipx.IPRangeFrom(s.lo.addr(false), s.hi.addr(false)))
	}
	for _, s := range v6 {
		out = append(out, netipx.IPRangeFrom(s.lo.addr(true), s.hi.addr(true)))
	}
	return out
}

// Prefixes returns the fewest prefixes that hold the set, in order.
func (a Addrs) Prefixes() []netip.Prefix {
	var out []netip.Prefix
	for _, r := range a.Ranges() {
		out = r.AppendPrefixes(out)
	}
	return out
}

// Strings returns Prefixes as text: what goes into answers.
func (a Addrs) Strings() []string {
	prefixes := a.Prefixes()
	out := make([]string, len(prefixes))
	for i, p := range prefixes {
		out[i] = p.String()
	}
	return out
}

// String joins Strings with commas; "" when empty.
func (a Addrs) String() string { return strings.Join(a.Strings(), ",") }
