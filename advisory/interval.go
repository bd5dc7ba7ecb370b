package advisory

import (
	"slices"

	"github.com/azward/azward"
)

// stretch is an interval while the index is written.
type stretch struct {
	from, to string
	kind     EventKind
	reason   string
}

// intervals turns the events of ranges into stretches of affected versions,
// each range by itself and sorted. Events come in any order in published
// records. Limits cut what reaches beyond them.
func intervals(base string, ranges [][]Event) []stretch {
	var out []stretch
	for _, events := range ranges {
		out = append(out, stretches(base, events)...)
	}
	return out
}

func stretches(base string, events []Event) []stretch {
	sorted, err := sortEvents(base, events)
	if err != nil {
		return []stretch{{from: "0", reason: err.Error()}}
	}
	if len(sorted) == 2 && backwards(base, sorted) {
		return []stretch{{from: sorted[0].Version, reason: "the record's range contradicts itself: it starts at " + sorted[0].Version + " and ends before, at " + sorted[1].Version}}
	}
	var out []stretch
	open := false
	for i, e := range sorted {
		switch {
		case e.Kind == Introduced && !open:
			out, open = append(out, stretch{from: e.Version}), true
		case e.Kind != Introduced && open:
			out[len(out)-1].to, out[len(out)-1].kind, open = e.Version, e.Kind, false
		case e.Kind == Fixed && i+1 < len(sorted) && sorted[i+1].Kind == Introduced && sameVersion(base, e, sorted[i+1]):
			sorted[i+1].Kind = Fixed // introduced and fixed at once ("2.1" and "2.1.0"): an empty stretch
		}
	}
	// "fixed 0" is how Debian's tracker says that no version was ever affected.
	return slices.DeleteFunc(out, func(s stretch) bool { return s.kind == Fixed && s.to == "0" })
}

// backwards says whether a range's end is below its start. OSV's algorithm
// reads that as a range without an end, its author meant an end.
func backwards(base string, pair []Event) bool {
	if pair[0].Kind != Introduced || pair[1].Kind == Introduced || pair[0].Version == "0" {
		return false
	}
	v := newVersion(base, pair[0].Version)
	c, err := v.compare([]byte(pair[1].Version))
	return err == nil && c > 0
}

// sortEvents orders by version. At one version an end comes before a start
// ("fixed 2.0, introduced 2.0" is two stretches that touch), and a start before
// last_affected ("introduced 1.0, last_affected 1.0" is the version 1.0 alone).
func sortEvents(base string, events []Event) ([]Event, error) {
	sorted := slices.Clone(events)
	if len(sorted) == 2 && sorted[0].Kind != sorted[1].Kind {
		if sorted[1].Kind == Introduced {
			slices.Reverse(sorted)
		}
		if sorted[0].Kind == Introduced {
			return sorted, nil // one start, one end: nothing to compare
		}
	}
	var failed error
	slices.SortStableFunc(sorted, func(a, b Event) int {
		c, err := compareEvents(base, a, b)
		if err != nil && failed == nil {
			failed = err
		}
		return c
	})
	return sorted, failed
}

func compareEvents(base string, a, b Event) (int, error) {
	aZero, bZero := a.Kind == Introduced && a.Version == "0", b.Kind == Introduced && b.Version == "0"
	switch {
	case aZero && bZero:
		return 0, nil
	case aZero:
		return -1, nil
	case bZero:
		return 1, nil
	case a.Version != b.Version:
		v := newVersion(base, a.Version)
		if c, err := v.compare([]byte(b.Version)); err != nil || c != 0 {
			return c, err
		}
	}
	return tie(a.Kind) - tie(b.Kind), nil
}

// sameVersion says whether two events are at one place of the order, however
// it is spelled.
func sameVersion(base string, a, b Event) bool {
	a.Kind, b.Kind = Fixed, Fixed
	c, err := compareEvents(base, a, b)
	return err == nil && c == 0
}

func tie(k EventKind) int {
	switch k {
	case Fixed, Limit:
		return 0
	case Introduced:
		return 1
	default:
		return 2
	}
}

// judge says whether v lies in the interval. The error is why that cannot be
// said, and the answer is Unknown then.
func (iv *interval) judge(v *version) (azward.Answer, error) {
	switch {
	case len(iv.reason) > 0:
		if c, err := v.compare(iv.from); err == nil && c < 0 && !iv.fromStart() {
			return azward.No, nil
		}
		return azward.Unknown, &noOrderError{string(iv.reason)}
	case iv.all():
		return azward.Yes, nil
	case v.stream(iv.to) == azward.No:
		return azward.No, nil
	}
	if !iv.fromStart() {
		if c, err := v.compare(iv.from); err != nil {
			return azward.Unknown, err
		} else if c < 0 {
			return azward.No, nil
		}
	} else if err := v.check(); err != nil {
		return azward.Unknown, err
	}
	if len(iv.to) > 0 {
		c, err := v.compare(iv.to)
		switch {
		case err != nil:
			return azward.Unknown, err
		case c > 0, c == 0 && iv.kind != LastAffected:
			return azward.No, nil
		}
	}
	if v.stream(iv.to) == azward.Unknown {
		return azward.Unknown, &noOrderError{v.text + " is of a module whose stream it does not name, and " + string(iv.to) + " is one stream's"}
	}
	return azward.Yes, nil
}

func (iv *interval) fromStart() bool { return string(iv.from) == "0" }

// all says whether the interval has every version in it, which needs no order.
func (iv *interval) all() bool { return iv.fromStart() && len(iv.to) == 0 }

// words tell the comparison that said yes.
func (iv *interval) words(version string) string {
	if iv.all() {
		return version + " (every version)"
	}
	if !iv.fromStart() {
		version = string(iv.from) + " <= " + version
	}
	switch {
	case len(iv.to) == 0:
		return version
	case iv.kind == LastAffected:
		return version + " <= " + string(iv.to) + " (last affected)"
	case iv.kind == Limit:
		return version + " < " + string(iv.to) + " (limit of what the record says)"
	}
	return version + " < " + string(iv.to)
}
