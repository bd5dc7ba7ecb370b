package netset

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// PortRange holds Lo to Hi, both included.
type PortRange struct{ Lo, Hi uint16 }

// Ports is a set of ports: ranges in order, disjoint and not adjacent. The
// zero value is empty. Values are immutable.
type Ports struct{ ranges []PortRange }

// maxPort is the highest port.
const maxPort = 65535

// maxPortText bounds, in bytes, what ParsePorts reads: 4,000 ranges (the most
// that Azure allows in a network security group) of eleven digits and a comma.
const maxPortText = 4000 * 12

// AllPorts holds 0 to 65535.
func AllPorts() Ports { return Ports{[]PortRange{{0, maxPort}}} }

// Port holds p alone.
func Port(p uint16) Ports { return Ports{[]PortRange{{p, p}}} }

// Span holds lo to hi; it is empty when lo is above hi.
func Span(lo, hi uint16) Ports {
	if lo > hi {
		return Ports{}
	}
	return Ports{[]PortRange{{lo, hi}}}
}

// PortsOf holds all the ranges.
func PortsOf(ranges ...PortRange) Ports {
	r := slices.DeleteFunc(slices.Clone(ranges), func(r PortRange) bool { return r.Lo > r.Hi })
	slices.SortFunc(r, func(a, b PortRange) int { return cmp.Compare(a.Lo, b.Lo) })
	out := r[:0]
	for _, x := range r {
		if n := len(out); n > 0 && int(x.Lo) <= int(out[n-1].Hi)+1 {
			out[n-1].Hi = max(out[n-1].Hi, x.Hi)
			continue
		}
		out = append(out, x)
	}
	if len(out) == 0 {
		return Ports{}
	}
	return Ports{out}
}

// ParsePorts reads ARM's spelling: "*", "443", "8000-8080", and lists of these
// with commas. A port above 65535, a range whose ends are swapped and an empty
// part are errors.
func ParsePorts(s string) (Ports, error) {
	if len(s) > maxPortText {
		return Ports{}, fmt.Errorf("read ports: longer than %d bytes", maxPortText)
	}
	var ranges []PortRange
	for part := range strings.SplitSeq(s, ",") {
		r, err := parseRange(strings.TrimSpace(part))
		if err != nil {
			return Ports{}, err
		}
		ranges = append(ranges, r)
	}
	return PortsOf(ranges...), nil
}

func parseRange(s string) (PortRange, error) {
	if s == "*" {
		return PortRange{0, maxPort}, nil
	}
	first, last, isRange := strings.Cut(s, "-")
	lo, err := strconv.ParseUint(strings.TrimSpace(first), 10, 16)
	if err != nil {
		return PortRange{}, fmt.Errorf("read ports %.40q: %w", s, err)
	}
	hi := lo
	if isRange {
		if hi, err = strconv.ParseUint(strings.TrimSpace(last), 10, 16); err != nil {
			return PortRange{}, fmt.Errorf("read ports %.40q: %w", s, err)
		}
	}
	if lo > hi {
		return PortRange{}, fmt.Errorf("read ports %.40q: the range ends below its start", s)
	}
	return PortRange{uint16(lo), uint16(hi)}, nil
}

// String is ARM's spelling: "*", "22,8000-8080", "" when empty.
func (p Ports) String() string {
	if p.IsAll() {
		return "*"
	}
	parts := make([]string, len(p.ranges))
	for i, r := range p.ranges {
		parts[i] = strconv.Itoa(int(r.Lo))
		if r.Hi > r.Lo {
			parts[i] += "-" + strconv.Itoa(int(r.Hi))
		}
	}
	return strings.Join(parts, ",")
}

// Ranges returns the ranges in order. The caller must not change them.
func (p Ports) Ranges() []PortRange { return p.ranges }

// IsEmpty reports whether no port is in the set.
func (p Ports) IsEmpty() bool { return len(p.ranges) == 0 }

// IsAll reports whether every port is in the set.
func (p Ports) IsAll() bool {
	return len(p.ranges) == 1 && p.ranges[0] == PortRange{0, maxPort}
}

// Equal reports whether both hold the same ports.
func (p Ports) Equal(q Ports) bool { return slices.Equal(p.ranges, q.ranges) }

// Contains reports whether the port is in the set.
func (p Ports) Contains(port uint16) bool {
	const few = 8 // most rules name one range
	if len(p.ranges) <= few {
		for i := range p.ranges {
			if r := &p.ranges[i]; r.Lo <= port && port <= r.Hi {
				return true
			}
		}
		return false
	}
	i, found := slices.BinarySearchFunc(p.ranges, port, func(r PortRange, port uint16) int {
		switch {
		case r.Hi < port:
			return -1
		case r.Lo > port:
			return 1
		}
		return 0
	})
	return found && i < len(p.ranges)
}

// Count returns how many ports the set holds.
func (p Ports) Count() int {
	n := 0
	for _, r := range p.ranges {
		n += int(r.Hi) - int(r.Lo) + 1
	}
	return n
}

// Union holds what either holds.
func (p Ports) Union(q Ports) Ports {
	switch {
	case p.IsEmpty():
		return q
	case q.IsEmpty():
		return p
	}
	return PortsOf(slices.Concat(p.ranges, q.ranges)...)
}

// Intersect holds what both hold.
func (p Ports) Intersect(q Ports) Ports {
	var out []PortRange
	for i, j := 0, 0; i < len(p.ranges) && j < len(q.ranges); {
		a, b := p.ranges[i], q.ranges[j]
		if lo, hi := max(a.Lo, b.Lo), min(a.Hi, b.Hi); lo <= hi {
			out = append(out, PortRange{lo, hi})
		}
		if a.Hi < b.Hi {
			i++
		} else {
			j++
		}
	}
	return Ports{out}
}

// Complement holds what p does not.
func (p Ports) Complement() Ports {
	var out []PortRange
	next := 0
	for _, r := range p.ranges {
		if int(r.Lo) > next {
			out = append(out, PortRange{uint16(next), r.Lo - 1})
		}
		next = int(r.Hi) + 1
	}
	if next <= maxPort {
		out = append(out, PortRange{uint16(next), maxPort})
	}
	return Ports{out}
}

// Minus holds what p holds and q does not.
func (p Ports) Minus(q Ports) Ports { return p.Intersect(q.Complement()) }
