package feed

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/azward/azward/advisory"
)

// Bounds of one OSV record.
const (
	// maxRecord in bytes: the largest published records (a kernel with all its
	// versions) take about 6 MB.
	maxRecord = 32 << 20
	// maxSummary in bytes, of what the index keeps to show.
	maxSummary = 240
)

// Why a record, or a part of one, is not in the index.
var (
	errWithdrawn  = errors.New("withdrawn by its source")
	errNoID       = errors.New("record without id")
	errNoVersions = errors.New("record names no package version (only commits, or nothing)")
)

// osvRecord is the part of the OSV schema that matching needs.
//
// Source: https://ossf.github.io/osv-schema/
type osvRecord struct {
	ID        string     `json:"id"`
	Modified  string     `json:"modified"`
	Withdrawn string     `json:"withdrawn"`
	Aliases   []string   `json:"aliases"`
	Upstream  []string   `json:"upstream"`
	Related   []string   `json:"related"`
	Summary   string     `json:"summary"`
	Details   string     `json:"details"`
	Severity  []severity `json:"severity"`
	Affected  []affected `json:"affected"`
	Database  struct {
		Severity json.RawMessage `json:"severity"`
	} `json:"database_specific"`
}

type severity struct {
	Type  string `json:"type"`
	Score string `json:"score"`
}

type affected struct {
	Package struct {
		Ecosystem string `json:"ecosystem"`
		Name      string `json:"name"`
	} `json:"package"`
	Severity []severity `json:"severity"`
	Ranges   []struct {
		Type   string  `json:"type"`
		Events []event `json:"events"`
	} `json:"ranges"`
	Versions []string `json:"versions"`
}

type event struct {
	Introduced   string `json:"introduced"`
	Fixed        string `json:"fixed"`
	LastAffected string `json:"last_affected"`
	Limit        string `json:"limit"`
}

// Parse reads one OSV record. It gives an error that says why when the record
// is not to be in an index; unusable counts the affected entries that were
// left out of a record that is.
func Parse(data []byte) (record *advisory.Record, unusable int, err error) {
	var o osvRecord
	if err := json.Unmarshal(data, &o); err != nil {
		return nil, 0, fmt.Errorf("not an OSV record: %w", err)
	}
	switch {
	case o.ID == "":
		return nil, 0, errNoID
	case o.Withdrawn != "":
		return nil, 0, errWithdrawn
	}
	r := &advisory.Record{
		ID: o.ID, Aliases: o.Aliases, Upstream: o.Upstream, Summary: summary(o),
		Malicious: strings.HasPrefix(o.ID, "MAL-"), Rating: rating(o),
	}
	if at, err := time.Parse(time.RFC3339, o.Modified); err == nil {
		r.Modified = at
	}
	r.Vectors = vectors(r.Vectors, o.Severity)
	for _, a := range o.Affected {
		r.Vectors = vectors(r.Vectors, a.Severity)
		if part, ok := usable(a); ok {
			r.Affected = append(r.Affected, part)
		} else {
			unusable++
		}
	}
	if len(r.Affected) == 0 {
		return nil, unusable, errNoVersions
	}
	if r.Malicious {
		r.Summary = "malicious package" // the set of names and versions is what counts
	}
	if len(r.Upstream) == 0 && len(r.Aliases) == 0 && isNotice(o.ID) {
		r.Upstream = o.Related // older notices of these distributions list their CVEs there
	}
	return r, unusable, nil
}

// isNotice says whether the record is a distribution's update notice, which
// may mend several vulnerabilities.
func isNotice(id string) bool {
	kind, _, _ := strings.Cut(id, "-")
	switch kind {
	case "ALSA", "ALBA", "ALEA", "RLSA", "RXSA", "RHSA", "RHBA", "RHEA", "DSA", "DLA", "USN", "SUSE", "openSUSE", "AZL":
		return true
	}
	return false
}

func vectors(list []string, scores []severity) []string {
	for _, s := range scores {
		if strings.HasPrefix(s.Type, "CVSS_") {
			list = append(list, s.Score)
		}
	}
	return list
}

// rating is the database's own word for the severity: Ubuntu's priority, or
// database_specific.severity (GitHub, Azure Linux), which others use for
// objects of their own.
func rating(o osvRecord) string {
	for _, s := range o.Severity {
		if s.Type == "Ubuntu" {
			return s.Score
		}
	}
	var word string
	if json.Unmarshal(o.Database.Severity, &word) != nil {
		return ""
	}
	return word
}

func summary(o osvRecord) string {
	s := o.Summary
	if s == "" {
		s, _, _ = strings.Cut(strings.TrimSpace(o.Details), "\n")
	}
	s = strings.Join(strings.Fields(s), " ")
	if len(s) <= maxSummary {
		return s
	}
	cut := strings.ToValidUTF8(s[:maxSummary], "")
	if i := strings.LastIndexByte(cut, ' '); i > maxSummary/2 {
		cut = cut[:i]
	}
	return cut + "…"
}

// usable converts an entry; ok is false when it names no package or no
// version that a package could have (a range of commits alone).
func usable(a affected) (out advisory.Affected, ok bool) {
	out = advisory.Affected{Ecosystem: a.Package.Ecosystem, Name: a.Package.Name, Versions: a.Versions}
	for _, r := range a.Ranges {
		if r.Type == "GIT" {
			continue
		}
		var events []advisory.Event
		for _, e := range r.Events {
			events = append(events, convert(e)...)
		}
		if len(events) > 0 {
			out.Ranges = append(out.Ranges, events)
		}
	}
	return out, out.Ecosystem != "" && out.Name != "" && len(out.Ranges)+len(out.Versions) > 0
}

// convert allows several boundaries in one object: some producers write so.
func convert(e event) []advisory.Event {
	var out []advisory.Event
	add := func(kind advisory.EventKind, version string) {
		if version != "" {
			out = append(out, advisory.Event{Kind: kind, Version: version})
		}
	}
	add(advisory.Introduced, e.Introduced)
	add(advisory.Fixed, e.Fixed)
	add(advisory.LastAffected, e.LastAffected)
	if e.Limit != "*" { // no limit
		add(advisory.Limit, e.Limit)
	}
	return out
}
