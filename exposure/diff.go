package exposure

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure/netset"
)

// ChangeKind says what became of a workload's exposure.
type ChangeKind string

// What can become of an exposure, worst first.
const (
	Opened   ChangeKind = "opened"   // reached now, and was not
	Widened  ChangeKind = "widened"  // reached on more ports or from more addresses
	Unclear  ChangeKind = "unclear"  // not known now, and was
	Narrowed ChangeKind = "narrowed" // reached on fewer
	Closed   ChangeKind = "closed"   // not reached any longer
	Cleared  ChangeKind = "cleared"  // known now, and was not: not reached
	Removed  ChangeKind = "removed"  // the workload is gone
)

var changeOrder = []ChangeKind{Opened, Widened, Unclear, Narrowed, Closed, Cleared, Removed}

// Change is the difference between the exposure of one workload in two estates.
type Change struct {
	Workload azward.Workload `json:"workload"`
	Kind     ChangeKind      `json:"kind"`
	Summary  string          `json:"summary"` // one clause
	// Before and After are nil where the workload does not exist.
	Before *Exposure `json:"before,omitempty"`
	After  *Exposure `json:"after,omitempty"`
}

// Compare gives what changed from one list of exposures to another, as [All]
// gives them: the worst first. A workload that is reached as before, whatever
// the way, is left out.
func Compare(before, after []Exposure) []Change {
	old := make(map[azward.ResourceKey]*Exposure, len(before))
	for i := range before {
		old[before[i].Workload.ID.Key()] = &before[i]
	}
	var list []Change
	for i := range after {
		x := &after[i]
		was := old[x.Workload.ID.Key()]
		delete(old, x.Workload.ID.Key())
		if c, ok := change(was, x); ok {
			list = append(list, c)
		}
	}
	for _, was := range old {
		list = append(list, Change{Workload: was.Workload, Kind: Removed, Summary: "it is gone", Before: was})
	}
	slices.SortFunc(list, func(a, b Change) int {
		return cmp.Or(cmp.Compare(slices.Index(changeOrder, a.Kind), slices.Index(changeOrder, b.Kind)), cmp.Compare(a.Workload.ID.Key(), b.Workload.ID.Key()))
	})
	return list
}

func change(was, is *Exposure) (Change, bool) {
	c := Change{Workload: is.Workload, Before: was, After: is, Summary: is.Summary}
	before := azward.No // what does not exist is not reached
	if was != nil {
		before = was.Answer
	}
	switch {
	case is.Answer == azward.Yes && before != azward.Yes:
		c.Kind = Opened
	case is.Answer == azward.Unknown && before != azward.Unknown:
		c.Kind = Unclear
	case is.Answer == azward.No && before == azward.Yes:
		c.Kind = Closed
	case is.Answer == azward.No && before == azward.Unknown:
		c.Kind = Cleared
	case is.Answer == azward.Yes:
		more, less := missing(is.Flows, was.Flows), missing(was.Flows, is.Flows)
		switch {
		case len(more) > 0:
			c.Kind, c.Summary = Widened, "newly reached: "+strings.Join(more, ", ")
		case len(less) > 0:
			c.Kind, c.Summary = Narrowed, "no longer reached: "+strings.Join(less, ", ")
		default:
			return c, false
		}
	default:
		return c, false
	}
	return c, true
}

// missing gives what of the flows a is not in b, in words. Sources that are no
// prefixes (a shared service) are compared by their text.
func missing(a, b []Flow) []string {
	var list []string
	for _, f := range a {
		rest := []piece{pieceOf(f)}
		for _, other := range b {
			if other.Protocol != f.Protocol && other.Protocol != "any" {
				continue
			}
			var next []piece
			for _, r := range rest {
				next = append(next, r.minus(pieceOf(other))...)
			}
			rest = next
		}
		for _, r := range rest {
			list = append(list, fmt.Sprintf("%s %s from %s", f.Protocol, r.portText(), r.sourceText()))
		}
	}
	return list
}

// piece is the ports and sources of a flow. Where one of them cannot be read
// as a set, raw holds it, and the piece is equal to the same text alone.
type piece struct {
	ports   netset.Ports
	sources netset.Addrs
	raw     *Flow
}

func pieceOf(f Flow) piece {
	ports, err := netset.ParsePorts(f.Ports)
	if err != nil {
		return piece{raw: &f}
	}
	var prefixes []netip.Prefix
	for _, text := range f.Sources {
		prefix, _, err := netset.ParsePrefix(text)
		if err != nil {
			return piece{raw: &f}
		}
		prefixes = append(prefixes, prefix)
	}
	return piece{ports: ports, sources: netset.PrefixAddrs(prefixes...)}
}

func (p piece) minus(q piece) []piece {
	if p.raw != nil || q.raw != nil {
		if p.raw != nil && q.raw != nil && p.raw.Ports == q.raw.Ports && slices.Equal(p.raw.Sources, q.raw.Sources) {
			return nil
		}
		return []piece{p}
	}
	var rest []piece
	for _, r := range []piece{
		{ports: p.ports.Minus(q.ports), sources: p.sources},
		{ports: p.ports.Intersect(q.ports), sources: p.sources.Minus(q.sources)},
	} {
		if !r.ports.IsEmpty() && !r.sources.IsEmpty() {
			rest = append(rest, r)
		}
	}
	return rest
}

func (p piece) portText() string {
	if p.raw != nil {
		return p.raw.Ports
	}
	return p.ports.String()
}

func (p piece) sourceText() string {
	names := p.sources.Strings()
	if p.raw != nil {
		names = p.raw.Sources
	}
	const shown = 4
	if len(names) > shown {
		return fmt.Sprintf("%s and %d more", strings.Join(names[:shown], ","), len(names)-shown)
	}
	return strings.Join(names, ",")
}
