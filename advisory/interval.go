package advisory

import (
	"fmt"
	"slices"

	"github.com/azward/azward"
)

// intervals turns the events of one range into stretches of affected
// versions, sorted. Events come in any order in published records. Limits cut
// what reaches beyond them.
func intervals(base string, events []Event) []interval {
	sorted, err := sortEvents(base, events)
	if err != nil {
		return []interval{{from: "0", reason: err.Error()}}
	}
	var out []interval
	open := false
	for i, e := range sorted {
		switch {
		case e.Kind == Introduced && !open:
			out, open = append(out, interval{from: e.Version}), true
		case e.Kind != Introduced && open:
			out[len(out)-1].to, out[len(out)-1].kind, open = e.Version, e.Kind, false
		case e.Kind == Fixed && i+1 < len(sorted) && sorted[i+1].Kind == Introduced && sorted[i+1].Version == e.Version:
			sorted[i+1].Kind = Fixed // introduced and fixed at once: an empty stretch
		}
	}
	return out
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
		v, err := parseVersion(base, a.Version)
		if err != nil {
			return 0, err
		}
		if c, err := v.compare(b.Version); err != nil || c != 0 {
			return c, err
		}
	}
	return tie(a.Kind) - tie(b.Kind), nil
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

// judge says whether v lies in the interval, and how it was decided in words.
// parse gives the version; its error makes the answer Unknown unless every
// version is affected.
func (iv interval) judge(text string, parse func() (version, error)) (azward.Answer, string) {
	if iv.reason != "" {
		return azward.Unknown, iv.reason
	}
	if iv.from == "0" && iv.to == "" {
		return azward.Yes, text + " (every version)"
	}
	v, err := parse()
	if err != nil {
		return azward.Unknown, err.Error()
	}
	words := text
	if iv.from != "0" {
		c, err := v.compare(iv.from)
		if err != nil {
			return azward.Unknown, err.Error()
		}
		if c < 0 {
			return azward.No, ""
		}
		words = iv.from + " <= " + words
	}
	if iv.to == "" {
		return azward.Yes, words
	}
	c, err := v.compare(iv.to)
	if err != nil {
		return azward.Unknown, err.Error()
	}
	if iv.kind == LastAffected {
		if c > 0 {
			return azward.No, ""
		}
		return azward.Yes, fmt.Sprintf("%s <= %s (last affected)", words, iv.to)
	}
	if c >= 0 {
		return azward.No, ""
	}
	return azward.Yes, words + " < " + iv.to
}
