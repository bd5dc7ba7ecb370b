package advisory

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/azward/azward"
)

// excerpt is what of an OSV record concerns one package: enough to match it
// again. Field names are OSV's.
type excerpt struct {
	ID       string            `json:"id"`
	Aliases  []string          `json:"aliases,omitempty"`
	Upstream []string          `json:"upstream,omitempty"`
	Summary  string            `json:"summary,omitempty"`
	Severity []excerptScore    `json:"severity,omitempty"`
	Affected []excerptAffected `json:"affected"`
}

type excerptScore struct {
	Type  string `json:"type"`
	Score string `json:"score"`
}

type excerptAffected struct {
	Package struct {
		Ecosystem string `json:"ecosystem"`
		Name      string `json:"name"`
	} `json:"package"`
	Ranges   []excerptRange `json:"ranges,omitempty"`
	Versions []string       `json:"versions,omitempty"`
}

type excerptRange struct {
	Type   string              `json:"type"`
	Events []map[string]string `json:"events"`
}

var eventNames = map[EventKind]string{Introduced: "introduced", Fixed: "fixed", LastAffected: "last_affected", Limit: "limit"}

// Excerpt gives the part of an advisory record that decided about a package,
// as an OSV record, so that a proof can carry it and [Rematch] can match it
// again. It is nil when the index cannot give it back whole: a range whose
// events had no order.
func (ix *Index) Excerpt(pkg azward.Package, record string) (json.RawMessage, error) {
	base, release := SplitEcosystem(pkg.Ecosystem)
	name, version := pkg.Name, pkg.Version
	if keyedBySource[base] {
		name, version = cmp.Or(pkg.Source, pkg.Name), cmp.Or(pkg.SourceVersion, pkg.Version)
	}
	ecosystems := []string{canonical(base, release)}
	if release != "" {
		ecosystems = append(ecosystems, base)
	}
	var out *excerpt
	for _, eco := range ecosystems {
		for e, err := range ix.entries(eco, NormalName(base, name)) {
			if err != nil {
				return nil, err
			}
			h, err := ix.record(e.record)
			if err != nil {
				return nil, err
			}
			if h.id != record {
				continue
			}
			if out == nil {
				out = &excerpt{ID: h.id, Aliases: h.aliases, Upstream: h.upstream, Summary: h.summary}
				if h.vector != "" {
					out.Severity = []excerptScore{{"CVSS", h.vector}}
				}
			}
			affected, ok := e.excerpt(eco, name, version)
			if !ok {
				return nil, nil
			}
			out.Affected = append(out.Affected, affected)
		}
	}
	if out == nil {
		return nil, nil
	}
	raw, err := json.Marshal(out)
	if err != nil {
		return nil, fmt.Errorf("write record %s: %w", record, err)
	}
	return raw, nil
}

// excerpt turns the entry back into OSV's words; ok is false when it cannot.
func (e entry) excerpt(ecosystem, name, version string) (a excerptAffected, ok bool) {
	a.Package.Ecosystem, a.Package.Name = ecosystem, name
	for _, iv := range e.intervals {
		if iv.reason != "" {
			return a, false
		}
		events := []map[string]string{{"introduced": iv.from}}
		if iv.to != "" {
			events = append(events, map[string]string{eventNames[iv.kind]: iv.to})
		}
		a.Ranges = append(a.Ranges, excerptRange{Type: "ECOSYSTEM", Events: events})
	}
	if e.lists(version) {
		a.Versions = []string{version}
	}
	return a, true
}

// Rematch matches a package against one record that [Index.Excerpt] gave.
func Rematch(record json.RawMessage, pkg azward.Package) ([]azward.Finding, error) {
	var x excerpt
	decoder := json.NewDecoder(bytes.NewReader(record))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&x); err != nil {
		return nil, fmt.Errorf("read advisory record: %w", err)
	}
	r := Record{ID: x.ID, Aliases: x.Aliases, Upstream: x.Upstream, Summary: x.Summary}
	for _, s := range x.Severity {
		r.Vectors = append(r.Vectors, s.Score)
	}
	for _, a := range x.Affected {
		to := Affected{Ecosystem: a.Package.Ecosystem, Name: a.Package.Name, Versions: a.Versions}
		for _, rg := range a.Ranges {
			events, err := eventsOf(rg.Events)
			if err != nil {
				return nil, fmt.Errorf("read advisory record %s: %w", x.ID, err)
			}
			to.Ranges = append(to.Ranges, events)
		}
		r.Affected = append(r.Affected, to)
	}
	var file bytes.Buffer
	w := NewWriter(&file, time.Time{})
	if err := w.Add(&r); err != nil {
		return nil, fmt.Errorf("index advisory record %s: %w", x.ID, err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("index advisory record %s: %w", x.ID, err)
	}
	ix, err := OpenBytes(file.Bytes())
	if err != nil {
		return nil, err
	}
	return ix.Match(pkg)
}

func eventsOf(raw []map[string]string) ([]Event, error) {
	var events []Event
	for _, e := range raw {
		for _, kind := range []EventKind{Introduced, Fixed, LastAffected, Limit} {
			if v, ok := e[eventNames[kind]]; ok {
				events = append(events, Event{Kind: kind, Version: v})
			}
		}
	}
	if !slices.ContainsFunc(events, func(e Event) bool { return e.Kind == Introduced }) {
		return nil, fmt.Errorf("a range without an introduced event")
	}
	return events, nil
}
