package exposure

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// Counterfactual is a set of settings that would change an answer. Each was
// put into the estate and the question asked again before it is told.
type Counterfactual struct {
	// Goal is what the answer would be: No for settings that close a workload
	// that is reached, Yes for those that open one that is not.
	Goal azward.Answer `json:"goal"`
	// Path names the way that the settings are about.
	Path string `json:"path"`
	// Settings to change, all of them; one where one is enough.
	Settings []Setting `json:"settings"`
	// Then is what the answer would say.
	Then string `json:"then"`
}

// Setting is one change of a property.
type Setting struct {
	Resource azward.ResourceID `json:"resource"`
	Property string            `json:"property"`          // JSON pointer; "" for the whole resource
	Was      json.RawMessage   `json:"was,omitempty"`     // absent where nothing stood there
	Becomes  json.RawMessage   `json:"becomes,omitempty"` // absent where it is taken away
	Summary  string            `json:"summary"`           // "rule AllowHttps of nsg-web denies"
}

const (
	// maxTrials bounds how often one question is asked again: each costs as
	// much as the first answer.
	maxTrials = 64
	// maxSettings bounds a set: a longer one is a new design, no change.
	maxSettings = 8
)

// Counterfactuals tells for a workload that is reached which single settings
// would close it, or else the smallest set that was found; for one that is not
// reached, which set would open each blocked path. An answer that is unknown
// has none. Counterfactuals are about the ways that azward follows: what it
// proves closed after a change is proven as any other No.
func Counterfactuals(e *estate.Estate, w estate.Workload) ([]Counterfactual, error) {
	t := trial{e: e, ask: func(e *estate.Estate) (Exposure, bool) {
		w, ok := e.Workload(w.ID)
		if !ok {
			return Exposure{}, false
		}
		return Reach(e, w), true
	}}
	return t.both(Reach(e, w))
}

// EndpointCounterfactuals is [Counterfactuals] for the public endpoint of a
// data service, as [PublicEndpoint] answers for it.
func EndpointCounterfactuals(e *estate.Estate, r *estate.Resource) ([]Counterfactual, error) {
	t := trial{e: e, ask: func(e *estate.Estate) (Exposure, bool) {
		r, ok := e.Resource(r.ID)
		if !ok {
			return Exposure{}, false
		}
		return PublicEndpoint(e, r), true
	}}
	return t.both(PublicEndpoint(e, r))
}

// both finds what closes an answer that is Yes, and what opens one that is No.
func (t *trial) both(x Exposure) ([]Counterfactual, error) {
	switch x.Answer {
	case azward.Yes:
		return t.closing(x), t.err
	case azward.No:
		return t.opening(x), t.err
	}
	return []Counterfactual{}, nil
}

// trial asks one question of changed estates.
type trial struct {
	e     *estate.Estate
	ask   func(*estate.Estate) (Exposure, bool)
	asked int
	err   error
}

// with asks again with some settings changed; false when it cannot be asked.
func (t *trial) with(settings []Setting) (Exposure, bool) {
	if t.asked++; t.asked > maxTrials || t.err != nil {
		return Exposure{}, false
	}
	edits := make([]estate.Edit, len(settings))
	for i, s := range settings {
		edits[i] = estate.Edit{Resource: s.Resource, Property: s.Property, Value: s.Becomes}
	}
	changed, err := t.e.With(edits...)
	if err != nil {
		t.err = fmt.Errorf("change an estate: %w", err)
		return Exposure{}, false
	}
	return t.ask(changed)
}

// closing finds single settings that close every way; where there are none, a
// set that closes one way after the other, without what is not needed.
func (t *trial) closing(x Exposure) []Counterfactual {
	all := []Counterfactual{}
	for _, s := range closers(t.e, x.Path) {
		if after, ok := t.with([]Setting{s}); ok && after.Answer == azward.No {
			all = append(all, Counterfactual{Goal: azward.No, Path: x.Summary, Settings: []Setting{s}, Then: after.Summary})
		}
	}
	if len(all) > 0 {
		return all
	}
	set, then, ok := t.wayByWay(x)
	if !ok {
		return all
	}
	set, then = t.needed(set, then, azward.No)
	return append(all, Counterfactual{Goal: azward.No, Path: x.Summary, Settings: set, Then: then})
}

// needed leaves out of a set what the goal does not need.
func (t *trial) needed(set []Setting, then string, goal azward.Answer) ([]Setting, string) {
	for i := 0; i < len(set) && len(set) > 1; {
		fewer := slices.Delete(slices.Clone(set), i, i+1)
		if after, ok := t.with(fewer); ok && after.Answer == goal {
			set, then = fewer, after.Summary
			continue
		}
		i++
	}
	return set, then
}

// wayByWay closes the farthest way, then the next, until none is open.
func (t *trial) wayByWay(x Exposure) (set []Setting, then string, ok bool) {
	for len(set) < maxSettings {
		progress := false
		for _, s := range closers(t.e, x.Path) {
			after, ok := t.with(append(slices.Clone(set), s))
			switch {
			case !ok || after.Answer == azward.Yes && samePath(after.Path, x.Path), after.Answer == azward.Unknown:
				continue
			case after.Answer == azward.No:
				return append(set, s), after.Summary, true
			}
			set, x, progress = append(set, s), after, true
			break
		}
		if !progress {
			return nil, "", false
		}
	}
	return nil, "", false
}

func sameSettings(a, b []Setting) bool {
	return slices.EqualFunc(a, b, func(s, o Setting) bool { return s.Resource.Equal(o.Resource) && s.Property == o.Property })
}

func samePath(a, b []Hop) bool {
	return slices.EqualFunc(a, b, func(p, q Hop) bool { return p.Resource.Equal(q.Resource) && p.Name == q.Name })
}

// opening finds for each blocked path the settings that open it.
func (t *trial) opening(x Exposure) []Counterfactual {
	all := []Counterfactual{}
	for _, block := range x.Blocks {
		if len(block.Path) == 0 {
			continue // nothing leads there: no setting of a path is missing
		}
		set, then, ok := t.open(block, nil, maxSettings)
		if !ok {
			continue
		}
		set, then = t.needed(set, then, azward.Yes)
		if !slices.ContainsFunc(all, func(c Counterfactual) bool { return sameSettings(c.Settings, set) }) {
			all = append(all, Counterfactual{Goal: azward.Yes, Path: block.Summary, Settings: set, Then: then})
		}
	}
	return all
}

// open turns the hop that blocks a path, and goes on with the next that does.
func (t *trial) open(block Block, set []Setting, left int) ([]Setting, string, bool) {
	if left == 0 {
		return nil, "", false
	}
	for _, s := range openers(t.e, block.Path[len(block.Path)-1]) {
		with := append(slices.Clone(set), s)
		after, ok := t.with(with)
		switch {
		case !ok || after.Answer == azward.Unknown:
			continue
		case after.Answer == azward.Yes:
			return with, after.Summary, true
		}
		for _, next := range after.Blocks {
			if len(next.Path) > len(block.Path) && samePath(next.Path[:len(block.Path)-1], block.Path[:len(block.Path)-1]) {
				if found, then, ok := t.open(next, with, left-1); ok {
					return found, then, true
				}
			}
		}
	}
	return nil, "", false
}

// setting makes one change; its words name what changes.
func setting(e *estate.Estate, id azward.ResourceID, property string, becomes any, words string) []Setting {
	r, ok := e.Resource(id)
	if !ok {
		return nil
	}
	s := Setting{Resource: r.ID, Property: property, Summary: words}
	if raw, ok := r.At(property); ok && property != "" {
		s.Was = raw
	}
	if becomes != nil {
		raw, err := json.Marshal(becomes)
		if err != nil {
			return nil
		}
		s.Becomes = raw
	}
	return []Setting{s}
}

// nameAt is the name beside a pointer into a list of named parts.
func nameAt(e *estate.Estate, id azward.ResourceID, part string) string {
	if r, ok := e.Resource(id); ok {
		if raw, ok := r.At(part + "/name"); ok {
			return strings.Trim(string(raw), `"`)
		}
	}
	return part[strings.LastIndexByte(part, '/')+1:]
}
