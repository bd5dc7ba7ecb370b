package verdict

import (
	"fmt"
	"slices"
	"time"

	"github.com/azward/azward"
)

// How old a deciding fact may be. Azure and clusters change by the hour, so a
// day is the longest that a fact counts as today's; MaxAge is what the
// advisory index is called old at, too.
const (
	freshFor = 24 * time.Hour
	// MaxAge is how long a No stands without being looked at again.
	MaxAge = 7 * 24 * time.Hour
)

// confidence follows from three things, each of which the basis tells: the
// weakest grade of evidence on the deciding chain, the age of its oldest fact,
// and for No the number of conditions that block on their own. The chain of Yes
// has every condition; one of No has a single condition, and the best counts.
// A grade of 3 is high, 2 medium, 1 low; a chain older than a day counts one
// grade less, one older than a week is low. With two cuts or more, both of
// which hold, age takes nothing off: both would have had to change.
func confidence(v azward.Verdict) (azward.Confidence, azward.Basis) {
	var b azward.Basis
	switch v.Exploitable {
	case azward.Yes:
		b.Grade = 3
		for _, c := range v.Conditions {
			b.Grade = min(b.Grade, weakest(c), disputed(v, c))
			b.Oldest = older(b.Oldest, oldest(c))
		}
	case azward.No:
		for _, c := range v.Conditions {
			if c.Answer != azward.No {
				continue
			}
			b.Cuts++
			if grade := min(weakest(c), disputed(v, c)); grade > b.Grade || b.Cuts == 1 {
				b.Grade, b.Oldest = grade, oldest(c)
			}
		}
	default:
		b.Summary = "nothing is claimed"
		return azward.ConfidenceNone, b
	}
	grade := max(b.Grade, 1)
	age := time.Duration(0)
	if !b.Oldest.IsZero() && !v.DecidedAt.IsZero() {
		age = v.DecidedAt.Sub(b.Oldest)
	}
	switch {
	case age > MaxAge:
		grade = 1
	case age > freshFor && b.Cuts < 2:
		grade = max(grade-1, 1)
	}
	b.Summary = basisWords(v, b, age)
	return map[int]azward.Confidence{3: azward.ConfidenceHigh, 2: azward.ConfidenceMedium, 1: azward.ConfidenceLow}[grade], b
}

func basisWords(v azward.Verdict, b azward.Basis, age time.Duration) string {
	s := map[int]string{
		3: "every deciding fact was read from its authority", 2: "a deciding fact comes from a copy that may lag behind",
		1: "a deciding fact is somebody's word", 0: "a deciding condition cites no fact",
	}[b.Grade]
	if age > freshFor {
		s += fmt.Sprintf("; the oldest is %d days old", int(age/(24*time.Hour)))
	}
	if v.Exploitable == azward.Yes && disputed(v, v.Conditions[1]) < 3 {
		s += "; a scanner disagrees about what is affected"
	}
	if v.Exploitable == azward.No && b.Cuts > 1 {
		s += fmt.Sprintf("; %d conditions block it, each alone", b.Cuts)
	}
	return s
}

// weakest grade of a condition's evidence; a condition without any is on
// nobody's word.
func weakest(c azward.Condition) int {
	if len(c.Evidence) == 0 {
		return 0
	}
	grade := 3
	for _, e := range c.Evidence {
		grade = min(grade, e.Grade())
	}
	return grade
}

// disputed is the grade that is left to a condition: where scanners do not
// agree whether the package is affected, whoever is followed is followed on
// somebody's word.
func disputed(v azward.Verdict, c azward.Condition) int {
	if c.ID != azward.Affected || slices.ContainsFunc(c.Evidence, func(e azward.Evidence) bool { return e.Source == azward.SourceDocumented }) {
		return 3 // a kernel in a container's image does not run, whatever its version
	}
	for _, o := range v.Opinions {
		if o.Affected != azward.Unknown && o.Affected != c.Answer {
			return 1
		}
	}
	return 3
}

// oldest time at which a fact of the condition was read from something that
// changes: an image's content and an advisory's range do not.
func oldest(c azward.Condition) time.Time {
	var at time.Time
	for _, e := range c.Evidence {
		switch e.Source {
		case azward.SourceImage, azward.SourceAdvisory, azward.SourceDocumented:
			continue
		}
		at = older(at, e.ReadAt)
	}
	return at
}

func older(a, b time.Time) time.Time {
	if a.IsZero() || !b.IsZero() && b.Before(a) {
		return b
	}
	return a
}

// Aged is a verdict as it stands at a later time: when its deciding facts are
// older than [MaxAge] it is stale, and a stale No is not known any more.
func Aged(v azward.Verdict, now time.Time) azward.Verdict {
	if v.Exploitable == azward.Unknown || v.Basis.Oldest.IsZero() || now.Sub(v.Basis.Oldest) <= MaxAge {
		return v
	}
	v.Stale = true
	if v.Exploitable == azward.Yes {
		return v
	}
	days := int(now.Sub(v.Basis.Oldest) / (24 * time.Hour))
	v.Summary = fmt.Sprintf("unknown: its facts were read %d days ago; then it was %s", days, v.Summary)
	v.Exploitable, v.Result, v.Confidence = azward.Unknown, azward.Undecided, azward.ConfidenceNone
	v.Gaps = append(v.Gaps[:len(v.Gaps):len(v.Gaps)], azward.Gap{
		Scope: v.Workload.ID, Kind: azward.GapNotRead, Reads: "what the verdict rests on",
		Error: fmt.Sprintf("its facts were read %d days ago", days), Remedy: "azward scan",
	})
	return v
}
