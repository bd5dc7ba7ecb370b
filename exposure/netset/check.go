package netset

import (
	"net/netip"

	"github.com/azward/azward"
)

// FirstMatch decides one packet as a packet filter does, without sets: rule by
// rule, once with every doubt against the packet and once with every doubt in
// its favour. It is slow, and short enough to be believed: what [Paint] says
// is held against it.
func FirstMatch(rules []Rule, otherwise azward.Answer, source netip.Addr, port uint16) azward.Answer {
	low, high := read(rules, otherwise, source, port, Allow, azward.No), read(rules, otherwise, source, port, Deny, azward.Yes)
	switch {
	case low == azward.Yes:
		return azward.Yes
	case high == azward.No:
		return azward.No
	}
	return azward.Unknown
}

func read(rules []Rule, otherwise azward.Answer, source netip.Addr, port uint16, needsCertainty Access, unclear azward.Answer) azward.Answer {
	for i := range rules {
		r := &rules[i]
		port, maybePort := r.Ports.Contains(port), r.MaybePorts.Contains(port)
		if !port && !maybePort {
			continue
		}
		from := r.Sources.Contains(source)
		certain, possible := port && from, from || r.MaybeSources.Contains(source)
		if !possible || r.Access == needsCertainty && !certain {
			continue
		}
		switch r.Access {
		case Allow:
			return azward.Yes
		case Deny:
			return azward.No
		default:
			return unclear
		}
	}
	return otherwise
}

// Disagreement is a packet that a map and its rules decide differently.
type Disagreement struct {
	Source        netip.Addr
	Port          uint16
	Painted, Read azward.Answer
}

// samples is how many of the rules, spread over them, give packets to check.
const samples = 8

// Check holds a map against its rules at some packets: at the first and the
// last address, and beside them, of some rules' sources, on their first port
// and on the one behind their last. It reports the first disagreement.
func Check(m Map[Cell], rules []Rule, otherwise azward.Answer) (Disagreement, bool) {
	for i := range samples {
		if len(rules) == 0 {
			break
		}
		r := &rules[(i*len(rules)/samples+i)%len(rules)]
		sources, ports := r.Sources, r.Ports
		if sources.IsEmpty() {
			sources = r.MaybeSources
		}
		if ports.IsEmpty() {
			ports = r.MaybePorts
		}
		if sources.IsEmpty() || ports.IsEmpty() {
			continue
		}
		v4, v6 := sources.both()
		list, six := v4, false
		if len(v4) == 0 || i%4 == 3 && len(v6) > 0 {
			list, six = v6, true
		}
		s := list[i*len(list)/samples]
		last := ports.ranges[len(ports.ranges)-1].Hi
		for _, p := range []point{s.lo, s.hi, s.hi.next()} {
			for _, port := range []uint16{ports.ranges[0].Lo, last + 1} { // 0 behind the last of all
				source := p.addr(six)
				if painted, read := m.At(source, port).Answer, FirstMatch(rules, otherwise, source, port); painted != read {
					return Disagreement{source, port, painted, read}, true
				}
			}
		}
	}
	return Disagreement{}, false
}
