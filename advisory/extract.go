package advisory

import (
	"bytes"
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
	// Specific is what the record says of a fix in words.
	Specific *excerptSpecific `json:"database_specific,omitempty"`
}

type excerptSpecific struct {
	Fix azward.FixState `json:"fix"`
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
	q, ok := newQuestion(&pkg)
	if !ok {
		return nil, nil
	}
	var out *excerpt
	for i := range q.places() {
		p := q.place(i)
		at := ix.entries(p)
		for {
			e, more, err := at.next()
			if err != nil {
				return nil, err
			}
			if !more {
				break
			}
			h, err := ix.record(e.record)
			if err != nil {
				return nil, err
			}
			if h.id != record {
				continue
			}
			if out == nil {
				out = newExcerpt(&h)
			}
			affected, ok := e.excerpt(p.ecosystem(), q.label, q.v.text)
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

func newExcerpt(h *head) *excerpt {
	x := &excerpt{ID: h.id, Aliases: h.aliases, Upstream: h.upstream, Summary: h.summary}
	for _, v := range h.vectors {
		x.Severity = append(x.Severity, excerptScore{"CVSS", v})
	}
	return x
}

// excerpt turns the entry back into OSV's words; ok is false when it cannot.
func (e *entry) excerpt(ecosystem, name, version string) (a excerptAffected, ok bool) {
	a.Package.Ecosystem, a.Package.Name = ecosystem, name
	d := decoder{b: e.spans}
	for range e.count {
		iv := d.interval()
		if len(iv.reason) > 0 {
			return a, false
		}
		events := []map[string]string{{"introduced": string(iv.from)}}
		if len(iv.to) > 0 {
			events = append(events, map[string]string{eventNames[iv.kind]: string(iv.to)})
		}
		a.Ranges = append(a.Ranges, excerptRange{Type: "ECOSYSTEM", Events: events})
	}
	if e.lists(version) {
		a.Versions = []string{version}
	}
	if e.fix != azward.FixUnknown {
		a.Specific = &excerptSpecific{Fix: e.fix}
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
		if a.Specific != nil {
			to.Fix = a.Specific.Fix
		}
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
