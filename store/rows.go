package store

import (
	"strings"
	"time"

	"github.com/azward/azward"
)

// VerdictRow is a verdict as lists show it: what it says, without the conditions,
// evidence and gaps that it rests on. Its fields are those of [azward.Verdict].
type VerdictRow struct {
	ID            azward.VerdictID      `json:"id"`
	Exploitable   azward.Answer         `json:"exploitable"`
	Result        azward.Result         `json:"result"`
	Confidence    azward.Confidence     `json:"confidence"`
	Priority      azward.Priority       `json:"priority"`
	Prerequisites []azward.Prerequisite `json:"prerequisites,omitempty"`
	Profile       string                `json:"profile"`
	Vulnerability string                `json:"vulnerability"`
	Finding       VerdictFinding        `json:"finding"`
	Workload      azward.Workload       `json:"workload"`
	Image         string                `json:"image"`
	Summary       string                `json:"summary"`
	DecidedAt     time.Time             `json:"decidedAt,omitzero"`
	// Stale says that the deciding facts have grown too old since.
	Stale bool `json:"stale,omitempty"`
	// Dismissed is a person's decision to leave it, while that holds.
	Dismissed *azward.Dismissal `json:"dismissed,omitempty"`
}

// VerdictFinding is the finding of a [VerdictRow]. Its fields are those of
// [azward.Finding].
type VerdictFinding struct {
	ID        string          `json:"id"`
	Aliases   []string        `json:"aliases" nullable:"false"`
	PURL      string          `json:"purl"`
	Severity  azward.Severity `json:"severity"`
	CVSS      float64         `json:"cvss"`
	FixedIn   []string        `json:"fixedIn" nullable:"false"`
	KEV       bool            `json:"kev"`
	EPSS      float64         `json:"epss"`
	Affected  azward.Answer   `json:"affected"`
	FixState  azward.FixState `json:"fixState,omitempty"`
	Malicious bool            `json:"malicious,omitempty"`
}

// RowOf is what lists show of a verdict.
func RowOf(v azward.Verdict) VerdictRow {
	f := v.Finding
	row := VerdictRow{
		ID: v.ID, Exploitable: v.Exploitable, Result: v.Result, Confidence: v.Confidence, Priority: v.Priority, Prerequisites: v.Prerequisites,
		Profile: v.Profile, Vulnerability: v.Vulnerability, Workload: v.Workload, Image: v.Image, Summary: v.Summary, DecidedAt: v.DecidedAt,
		Stale: v.Stale, Dismissed: v.Dismissed,
		Finding: VerdictFinding{
			ID: f.ID, Aliases: f.Aliases, PURL: f.PURL, Severity: f.Severity, CVSS: f.CVSS, FixedIn: f.FixedIn, KEV: f.KEV, EPSS: f.EPSS,
			Affected: f.Affected, FixState: f.FixState, Malicious: f.Malicious,
		},
	}
	for _, list := range []*[]string{&row.Finding.Aliases, &row.Finding.FixedIn, &row.Priority.Reasons} {
		if *list == nil {
			*list = []string{}
		}
	}
	return row
}

// Entry is what a verdict is found, filtered and ordered by in lists.
type Entry struct {
	Cursor
	Exploitable azward.Answer
	Result      azward.Result
	Severity    int                // its rank
	Workload    azward.ResourceKey // where it runs
	// Names are those of the vulnerability and the package's URL, in lower case,
	// one a line.
	Names string
	// Oldest is when the oldest deciding fact was read; zero where none tells.
	Oldest time.Time
	// Footing is what a dismissal of it has to agree with.
	Footing string
}

// Known says that the vulnerability is exploited somewhere already, or that the
// package is malicious.
func (e Entry) Known() bool {
	const digit = 3 // of [azward.Verdict.Order]
	return len(e.Order) > digit && e.Order[digit] == '0'
}

// NamesOf are the names that a verdict is found by, in lower case.
func NamesOf(v azward.Verdict) []string {
	names := make([]string, 0, 3+len(v.Finding.Aliases))
	for _, name := range append([]string{v.Vulnerability, v.Finding.ID, v.Finding.PURL}, v.Finding.Aliases...) {
		names = append(names, strings.ToLower(name))
	}
	return names
}

// GapsCount is how many unknown verdicts name exactly these gaps.
type GapsCount struct {
	Gaps     []azward.Gap
	Verdicts int
}
