package feed

import (
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

// Parse reads one OSV record. It gives an error that says why when the record
// is not to be in an index; unusable counts the affected entries that were
// left out of a record that is.
func Parse(data []byte) (record *advisory.Record, unusable int, err error) {
	o, err := decodeOSV(string(data))
	if err != nil {
		return nil, 0, fmt.Errorf("not an OSV record: %w", err)
	}
	return recordOf(o)
}

func recordOf(o osvRecord) (record *advisory.Record, unusable int, err error) {
	switch {
	case o.id == "":
		return nil, 0, errNoID
	case o.withdrawn != "":
		return nil, 0, errWithdrawn
	}
	r := &advisory.Record{
		ID: o.id, Aliases: o.aliases, Upstream: o.upstream, Summary: summary(o),
		Malicious: strings.HasPrefix(o.id, "MAL-"), Rating: rating(o),
	}
	if at, err := time.Parse(time.RFC3339, o.modified); err == nil {
		r.Modified = at
	}
	r.Vectors = vectors(r.Vectors, o.severity)
	for _, a := range o.affected {
		r.Vectors = vectors(r.Vectors, a.severity)
		if part, ok := usable(a); ok {
			part.Fix = fix(o.words, a.words)
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
	if len(r.Upstream) == 0 && len(r.Aliases) == 0 && isNotice(o.id) {
		r.Upstream = o.related // older notices of these distributions list their CVEs there
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
		if strings.HasPrefix(s.kind, "CVSS_") {
			list = append(list, strings.Clone(s.score)) // outlives the record's text
		}
	}
	return list
}

// rating is the database's own word for the severity: Ubuntu's priority, or
// database_specific.severity (GitHub, Azure Linux), which others use for
// objects of their own.
func rating(o osvRecord) string {
	for _, s := range o.severity {
		if s.kind == "Ubuntu" {
			return s.score
		}
	}
	return o.word
}

func summary(o osvRecord) string {
	s := o.summary
	if s == "" {
		s, _, _ = strings.Cut(strings.TrimSpace(unquote(o.details)), "\n")
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
	out = advisory.Affected{Ecosystem: a.ecosystem, Name: a.name, Versions: a.versions}
	for _, r := range a.ranges {
		if r.kind == "GIT" {
			continue
		}
		var events []advisory.Event
		for _, e := range r.events {
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
	add(advisory.Introduced, e.introduced)
	add(advisory.Fixed, e.fixed)
	add(advisory.LastAffected, e.lastAffected)
	if e.limit != "*" { // no limit
		add(advisory.Limit, e.limit)
	}
	return out
}
