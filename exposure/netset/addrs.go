package netset

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"
)

// Addrs is a set of IPv4 and IPv6 addresses. The zero value is empty. Values
// are immutable. IPv4 addresses written in IPv6 count as IPv4.
type Addrs struct{ set *netipx.IPSet }

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

// PrefixAddrs holds the addresses of all prefixes.
func PrefixAddrs(prefixes ...netip.Prefix) Addrs {
	var b netipx.IPSetBuilder
	for _, p := range prefixes {
		b.AddPrefix(p)
	}
	return built(&b)
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
	var b netipx.IPSetBuilder
	for _, r := range ranges {
		if r.IsValid() {
			b.AddRange(r)
		}
	}
	return built(&b)
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

// built takes the set out of a builder. The builder only fails on invalid
// input, which the callers keep out; then the set is empty.
func built(b *netipx.IPSetBuilder) Addrs {
	set, err := b.IPSet()
	if err != nil || set == nil || len(set.Ranges()) == 0 {
		return Addrs{}
	}
	return Addrs{set}
}

func (a Addrs) builder() *netipx.IPSetBuilder {
	var b netipx.IPSetBuilder
	if a.set != nil {
		b.AddSet(a.set)
	}
	return &b
}

// IsEmpty reports whether no address is in the set.
func (a Addrs) IsEmpty() bool { return a.set == nil }

// Equal reports whether both hold the same addresses.
func (a Addrs) Equal(b Addrs) bool { return slices.Equal(a.Ranges(), b.Ranges()) }

// Contains reports whether the address is in the set.
func (a Addrs) Contains(ip netip.Addr) bool { return a.set != nil && a.set.Contains(ip.Unmap()) }

// ContainsPrefix reports whether the whole prefix is in the set.
func (a Addrs) ContainsPrefix(p netip.Prefix) bool { return a.set != nil && a.set.ContainsPrefix(p) }

// Overlaps reports whether some address is in both.
func (a Addrs) Overlaps(b Addrs) bool {
	return a.set != nil && b.set != nil && a.set.Overlaps(b.set)
}

// Subset reports whether b holds every address of a.
func (a Addrs) Subset(b Addrs) bool { return a.Minus(b).IsEmpty() }

// Union holds what either holds.
func (a Addrs) Union(b Addrs) Addrs {
	switch {
	case a.set == nil:
		return b
	case b.set == nil:
		return a
	}
	builder := a.builder()
	builder.AddSet(b.set)
	return built(builder)
}

// Intersect holds what both hold.
func (a Addrs) Intersect(b Addrs) Addrs {
	if a.set == nil || b.set == nil {
		return Addrs{}
	}
	switch {
	case a.set == b.set || b.set == everything.set:
		return a
	case a.set == everything.set:
		return b
	}
	builder := a.builder()
	builder.Intersect(b.set)
	return built(builder)
}

// Minus holds what a holds and b does not.
func (a Addrs) Minus(b Addrs) Addrs {
	if a.set == nil || b.set == nil {
		return a
	}
	builder := a.builder()
	builder.RemoveSet(b.set)
	return built(builder)
}

// Complement holds every address of both families that a does not hold.
func (a Addrs) Complement() Addrs { return AllAddrs().Minus(a) }

// Ranges returns the ranges in order, IPv4 first.
func (a Addrs) Ranges() []netipx.IPRange {
	if a.set == nil {
		return nil
	}
	return a.set.Ranges()
}

// Prefixes returns the fewest prefixes that hold the set, in order.
func (a Addrs) Prefixes() []netip.Prefix {
	if a.set == nil {
		return nil
	}
	return a.set.Prefixes()
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
