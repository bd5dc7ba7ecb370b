package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/azward/azward/advisory"
)

// maxNamed bounds how many ecosystems a line names.
const maxNamed = 6

// sayAge says with an answer what its advisories cannot tell: those that are
// old, and what is not there at all. It is no hint: --quiet does not hide it.
func (a *app) sayAge(status advisory.Status, now time.Time) {
	if status.Label != "" {
		if !a.quiet {
			fmt.Fprintf(a.stderr, "advisories: %s, %d records; not a complete database\n", status.Label, status.Records)
		}
		return
	}
	lines := ageLines(status.Parts(), now)
	for _, line := range lines {
		fmt.Fprintf(a.stderr, "advisories: %s\n", line)
	}
	if len(lines) > 0 && !a.quiet {
		fmt.Fprintln(a.stderr, "hint: azward advisory update")
	}
}

// advisoriesUsed says to programs what an answer rests on: without it, "none
// found" of an index of last year reads as that of today.
type advisoriesUsed struct {
	Label   string          `json:"label,omitempty"` // of an index that is no database
	BuiltAt time.Time       `json:"builtAt"`
	Records int             `json:"records"`
	Parts   []advisory.Part `json:"parts"`
	// Warnings name what is older than a week, or missing; none means that
	// everything is there.
	Warnings []string `json:"warnings"`
}

func usedOf(ix *advisory.Index, now time.Time) advisoriesUsed {
	s := ix.Status()
	return advisoriesUsed{s.Label, s.BuiltAt, s.Records, s.Parts(), append([]string{}, ageLines(s.Parts(), now)...)}
}

// ageLines names what is older than [advisory.StaleAfter], or missing.
func ageLines(parts []advisory.Part, now time.Time) []string {
	var lines, old []string
	var oldest advisory.Part
	ecosystems := 0
	for _, p := range parts {
		if p.Overlay || p.Partial {
			continue
		}
		ecosystems++
		if !p.Old(now) {
			continue
		}
		if old = append(old, fmt.Sprintf("%s (%s)", p.Name, age(p.AsOf, now))); oldest.Name == "" || p.AsOf.Before(oldest.AsOf) {
			oldest = p
		}
	}
	switch {
	case len(old) == 0:
	case len(old) == ecosystems:
		lines = append(lines, asOf(oldest.AsOf, now)+"; newer vulnerabilities are not known")
	default:
		lines = append(lines, "older than a week, newer vulnerabilities are not known: "+named(old))
	}
	for _, p := range parts {
		if line := overlayLine(p, now); line != "" {
			lines = append(lines, line)
		}
	}
	return lines
}

// overlayLine says what does not follow from an overlay that is old or missing.
func overlayLine(p advisory.Part, now time.Time) string {
	switch missing := p.Missing(); {
	case missing != "":
		return fmt.Sprintf("the index has no %s: %s", p.Name, missing)
	case p.Overlay && p.Old(now):
		return p.Name + " " + asOf(p.AsOf, now)
	}
	return ""
}

func named(list []string) string {
	if more := len(list) - maxNamed; more > 0 {
		return fmt.Sprintf("%s and %d more", strings.Join(list[:maxNamed], ", "), more)
	}
	return strings.Join(list, ", ")
}

func asOf(at, now time.Time) string {
	if at.IsZero() {
		return "of an unknown day"
	}
	return fmt.Sprintf("as of %s, %s old", at.UTC().Format(time.DateOnly), age(at, now))
}

// age is in the unit that a person would use.
func age(at, now time.Time) string {
	hours := int(now.Sub(at).Hours())
	switch {
	case at.IsZero():
		return "unknown"
	case hours < 1:
		return "under an hour"
	case hours == 1:
		return "1 hour"
	case hours < 48:
		return fmt.Sprintf("%d hours", hours)
	}
	return fmt.Sprintf("%d days", hours/24)
}
