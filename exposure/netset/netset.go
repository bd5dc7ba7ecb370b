// Package netset has exact sets of packets and the painter that decides them
// by ordered rules. [Ports] and [Addrs] are one dimension each, [Region] is a
// set in both (source address × destination port), [Map] gives every point of
// the plane a value, and [Paint] makes such a map out of rules where the first
// match decides: each cell keeps the rule that decided it, and is Unknown
// where a rule is not understood well enough to tell.
package netset

// Protocol is what packet filters tell apart.
type Protocol uint8

// The protocols of Azure's and Kubernetes' filters. Icmp, Esp and Ah have no
// ports: a region of theirs uses all ports.
const (
	TCP Protocol = iota
	UDP
	ICMP
	ESP
	AH
	SCTP
)

// HasPorts reports whether packets of p carry ports.
func (p Protocol) HasPorts() bool { return p == TCP || p == UDP || p == SCTP }

// String is the protocol's name in lower case.
func (p Protocol) String() string {
	switch p {
	case TCP:
		return "tcp"
	case UDP:
		return "udp"
	case ICMP:
		return "icmp"
	case ESP:
		return "esp"
	case AH:
		return "ah"
	case SCTP:
		return "sctp"
	default:
		return "unknown"
	}
}
