package advisory

import (
	"cmp"
	"path"
	"slices"
	"strings"
	"time"
)

// Status says what an index holds and of when it is.
type Status struct {
	// Label is "" for an index of the live feeds, else what it is ("demo").
	Label      string            `json:"label,omitempty"`
	BuiltAt    time.Time         `json:"builtAt"`
	Records    int               `json:"records"`
	Ecosystems []EcosystemStatus `json:"ecosystems"`
	// Malicious counts the records about packages that are malware.
	Malicious int           `json:"malicious"`
	KEV       OverlayStatus `json:"kev"`
	EPSS      OverlayStatus `json:"epss"`
	// EPSSModel names the model that gave the EPSS scores; "" when unknown.
	EPSSModel string        `json:"epssModel,omitempty"`
	SSVC      OverlayStatus `json:"ssvc"`
	EndOfLife OverlayStatus `json:"endOfLife"`
	// Sources are the files that the index was built from, by name.
	Sources []Source `json:"sources,omitempty"`
}

// Source is one file that was read.
type Source struct {
	Name string `json:"name"` // within the folder, such as "osv/Debian/all.zip"
	// Downloaded is when its content was last known to be the publisher's;
	// zero when azward did not download it.
	Downloaded time.Time `json:"downloaded,omitzero"`
	// Modified is when the publisher changed it; zero when unknown.
	Modified time.Time `json:"modified,omitzero"`
	Bytes    int64     `json:"bytes"`
}

// EcosystemStatus is about one ecosystem and release, such as "Debian:12".
type EcosystemStatus struct {
	Name    string `json:"name"`
	Records int    `json:"records"`
	// Entries counts (record, package) pairs.
	Entries int `json:"entries"`
	// Newest is the latest modification of a record; zero when none gives one.
	Newest time.Time `json:"newest,omitzero"`
	// Partial is set when the ecosystem's own export is not in the index, and
	// these records only came with those of others: finding nothing then
	// proves nothing.
	Partial bool `json:"partial,omitempty"`
}

// OverlayStatus is about KEV, EPSS, SSVC or dates of end of life.
type OverlayStatus struct {
	Entries int       `json:"entries"`
	Date    time.Time `json:"date,omitzero"`
}

// Part is one part of an index: an ecosystem without its release ("Debian"), or
// an overlay ("KEV", "EPSS", "SSVC", "end of life").
type Part struct {
	Name    string `json:"name"`
	Entries int    `json:"entries"` // (record, package) pairs, or CVEs or releases
	// AsOf is when it was last known to be what its publisher has; where azward
	// did not download it, the day that it gives itself. Zero is unknown.
	AsOf time.Time `json:"asOf,omitzero"`
	// Partial is as in [EcosystemStatus].
	Partial bool `json:"partial,omitempty"`
	Overlay bool `json:"overlay,omitempty"`
}

// Parts lists what an index has, ecosystems first, each by name. An overlay
// that it lacks has no entries.
func (s Status) Parts() []Part {
	var parts []Part
	newest := s.newest()
	for _, e := range s.Ecosystems {
		base, _ := SplitEcosystem(e.Name)
		i := slices.IndexFunc(parts, func(p Part) bool { return p.Name == base })
		if i < 0 {
			asOf := s.downloaded(base, exportName)
			if asOf.IsZero() {
				asOf = newest
			}
			i = len(parts)
			parts = append(parts, Part{Name: base, AsOf: asOf, Partial: e.Partial})
		}
		parts[i].Entries += e.Entries
	}
	slices.SortFunc(parts, func(a, b Part) int { return cmp.Compare(a.Name, b.Name) })
	for _, o := range []struct {
		name, folder string
		OverlayStatus
	}{{"EPSS", "epss", s.EPSS}, {"KEV", "kev", s.KEV}, {"SSVC", "ssvc", s.SSVC}, {"end of life", "endoflife", s.EndOfLife}} {
		p := Part{Name: o.name, Entries: o.Entries, AsOf: s.downloaded(o.folder, ""), Overlay: true}
		if p.AsOf.IsZero() {
			p.AsOf = o.Date
		}
		parts = append(parts, p)
	}
	return parts
}

// exportName is the file that has all records of the ecosystem that its folder
// is called by.
const exportName = "all.zip"

// downloaded gives the time of a file in a folder; file "" is any.
func (s Status) downloaded(folder, file string) (at time.Time) {
	for _, source := range s.Sources {
		dir, base := path.Split(source.Name)
		if path.Base(dir) == folder && (file == "" || base == file) && !source.Downloaded.IsZero() {
			if at.IsZero() || source.Downloaded.Before(at) {
				at = source.Downloaded
			}
		}
	}
	return at
}

// newest is the last change of a record in any ecosystem: all of OSV changes
// every hour, so that it also tells when the exports were taken.
func (s Status) newest() (at time.Time) {
	for _, e := range s.Ecosystems {
		if e.Newest.After(at) {
			at = e.Newest
		}
	}
	return at
}

// ExportOf gives the ecosystem whose whole export a file is, by its name
// within a folder ("osv/Debian/all.zip"); "" when it is none.
func ExportOf(name string) string {
	dir, base := path.Split(name)
	ecosystem, _ := SplitEcosystem(path.Base(dir))
	if base != exportName || !released[ecosystem] && !slices.Contains(unreleased, ecosystem) {
		return ""
	}
	return ecosystem
}

// unreleased are OSV's ecosystems besides those with releases.
//
// Source: https://ossf.github.io/osv-schema/#defined-ecosystems
var unreleased = strings.Split("Android,BellSoft Hardened Containers,Bioconductor,Bitnami,Chainguard,CleanStart,ConanCenter,CRAN,crates.io,"+
	"Echo,GHC,GIT,GitHub Actions,Go,Hackage,Hex,Julia,Linux,Maven,MinimOS,npm,NuGet,opam,OSS-Fuzz,Packagist,Pub,PyPI,Root,"+
	"RubyGems,SwiftURL,VSCode,Wolfi,kubernetes", ",")
