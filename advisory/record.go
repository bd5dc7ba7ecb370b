package advisory

import (
	"time"

	"github.com/azward/azward"
)

// Record is one advisory as [Writer.Add] takes it: an OSV record less its
// texts. Field meanings are those of the OSV schema.
//
// Source: https://ossf.github.io/osv-schema/
type Record struct {
	ID string
	// Aliases are other names of the same vulnerability.
	Aliases []string
	// Upstream are the vulnerabilities that a distribution's notice fixes: one
	// notice often fixes several, each of which becomes its own finding.
	Upstream []string
	Summary  string
	Modified time.Time
	// Vectors are CVSS vector strings ("CVSS:3.1/…", "CVSS:4.0/…", "AV:N/AC:…").
	Vectors []string
	// Rating is a qualitative severity in the database's own word, used when
	// there is no vector: "MODERATE", "Important", "negligible".
	Rating string
	// Malicious marks a record about a package that is malware (MAL-…).
	Malicious bool
	Affected  []Affected
	// Within is the ecosystem whose export the record came with, which is also
	// given for packages of other ecosystems; "" when it came alone.
	Within string
}

// Affected says which versions of one package a record is about.
type Affected struct {
	Ecosystem string // as OSV writes it: "Debian:12", "Ubuntu:22.04:LTS", "npm"
	Name      string
	Ranges    [][]Event
	Versions  []string // enumerated versions, affected whatever the ranges say
	// Fix is what the record itself says its supplier does, apart from ranges:
	// [azward.WillNotFix] for a release or package that is no longer mended,
	// [azward.NotAffected] for a denial, [azward.NotFixed] when it says that
	// there is none yet. Zero lets the ranges tell.
	Fix azward.FixState
}

// EventKind is what happens at a version of a range.
type EventKind byte

// Events of a range.
const (
	Introduced   EventKind = iota // the version itself and later ones are affected
	Fixed                         // the version itself and later ones are not
	LastAffected                  // later versions are not
	Limit                         // the range says nothing about this version and later ones
)

// Event is one boundary of a range. Events may come in any order.
type Event struct {
	Kind    EventKind
	Version string // "0" for Introduced means before every version
}
