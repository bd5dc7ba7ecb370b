package workspace

import (
	"context"
	"slices"
	"strings"
	"sync"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// state is what most answers begin with. It is shared: nobody changes it.
type state struct {
	latest     []store.Scan // of each source, the newest that gave verdicts
	sources    []store.Scan // the same, without connections that were removed
	dismissals map[azward.VerdictID]azward.Dismissal
	keys       map[string]string // by source: another when its verdicts may be others
	changed    string            // another when the changes may be others
}

// states holds the last one, for as long as nobody has written anything. The
// zero value is empty.
type states struct {
	mu      sync.Mutex
	version int64
	held    *state
}

func (w *Workspace) state(ctx context.Context) (*state, error) {
	h := &w.states
	h.mu.Lock()
	defer h.mu.Unlock()
	version, err := w.Store.Version(ctx) // before what is read: a write in between is seen the next time
	if err != nil {
		return nil, err
	}
	if h.held != nil && h.version == version {
		return h.held, nil
	}
	s, err := w.readState(ctx)
	if err != nil {
		return nil, err
	}
	h.held, h.version = s, version
	names := s.names()
	w.shelves.only(names)
	w.listings.only(names)
	w.gaps.only(names)
	w.funnels.only(names)
	return s, nil
}

func (w *Workspace) readState(ctx context.Context) (*state, error) {
	s := &state{keys: map[string]string{}}
	var err error
	if s.latest, err = w.Store.LatestScans(ctx); err != nil {
		return nil, err
	}
	connections, err := w.Store.Connections(ctx)
	if err != nil {
		return nil, err
	}
	if s.dismissals, err = w.Store.Dismissals(ctx); err != nil {
		return nil, err
	}
	for _, scan := range s.latest {
		at := slices.IndexFunc(connections, func(c store.Connection) bool { return c.Name == scan.Source })
		// Whoever removes a connection deletes its verdicts, and its scans stay.
		s.keys[scan.Source] = scan.ID
		if at >= 0 {
			s.keys[scan.Source] += connections[at].CreatedAt.String()
		}
		// A connection's name has no colon; "file:PATH" names files.
		if at < 0 && !strings.Contains(scan.Source, ":") {
			continue
		}
		s.sources = append(s.sources, scan)
		by, err := w.Store.ChangedBy(ctx, scan.Source)
		if err != nil {
			return nil, err
		}
		s.changed += scan.Source + "\x00" + by + "\x00"
	}
	return s, nil
}

func (s *state) names() map[string]bool {
	names := make(map[string]bool, len(s.latest))
	for _, scan := range s.latest {
		names[scan.Source] = true
	}
	return names
}
