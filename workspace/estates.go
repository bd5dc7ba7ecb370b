package workspace

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/store"
)

// Bounds of the estates that stay in memory. An estate of 5,000 resources takes
// about 40 MB with its indexes.
const (
	maxEstates          = 8
	maxEstatesResources = 50_000 // of all together; one alone may be larger
)

// Kept is a scan with the estate that it was decided from. The estate is
// shared: it is immutable.
type Kept struct {
	Scan   store.Scan
	Estate *estate.Estate
}

// Latest gives the newest kept estate of each source, by the source's name, or
// of the named one alone. A source whose newest scan kept none, or whose file
// is gone, is a gap: what it holds is unknown, not nothing.
func (w *Workspace) Latest(ctx context.Context, source string) ([]Kept, []azward.Gap, error) {
	scans, err := w.Sources(ctx)
	if err != nil {
		return nil, nil, err
	}
	var kept []Kept
	var gaps []azward.Gap
	found := source == ""
	for _, s := range scans {
		if source != "" && s.Source != source {
			continue
		}
		found = true
		k, err := w.EstateOf(ctx, s)
		switch {
		case err == nil:
			kept = append(kept, k)
		case azward.KindOf(err) == azward.KindNotFound:
			gaps = append(gaps, azward.Gap{
				Scope: azward.ResourceID(s.Source), Kind: azward.GapNotRead, Reads: "estate",
				Error: "the last scan of " + s.Source + " kept no estate, or its file is gone", Remedy: "azward scan " + s.Source,
			})
		default:
			return nil, nil, err
		}
	}
	if !found {
		return nil, nil, &azward.Error{
			Kind: azward.KindNotFound, Op: "open estate", Subject: fmt.Sprintf("%.100q", source), Cause: "no scan of it gave verdicts yet",
			Remedy: "scan it: azward scan",
		}
	}
	return kept, gaps, nil
}

// EstateOf loads the estate of a scan, or takes it from the few that are in
// memory; KindNotFound where none was kept.
func (w *Workspace) EstateOf(ctx context.Context, scan store.Scan) (Kept, error) {
	e, err := w.estates.get(ctx, scan.ID, func(ctx context.Context) (*estate.Estate, error) { return w.load(ctx, scan) })
	return Kept{scan, e}, err
}

func (w *Workspace) load(ctx context.Context, scan store.Scan) (*estate.Estate, error) {
	r, err := w.Store.OpenEstate(ctx, scan.ID)
	if err != nil {
		return nil, err
	}
	var b estate.Builder
	err = estate.Read(r, scan.Estate, estate.ReadOptions{}, &b)
	if err = errors.Join(err, r.Close()); err != nil {
		return nil, err
	}
	return b.Build(), nil
}

// estates holds the last used ones. The zero value is empty.
type estates struct {
	mu   sync.Mutex
	used int64
	held map[string]*held
}

type held struct {
	ready  chan struct{} // closed once estate and err stand
	estate *estate.Estate
	err    error
	used   int64
}

// get gives the estate of an ID, loading it once for however many ask. Who
// leaves does not stop the load: others may wait for it.
func (c *estates) get(ctx context.Context, id string, load func(context.Context) (*estate.Estate, error)) (*estate.Estate, error) {
	c.mu.Lock()
	if c.held == nil {
		c.held = map[string]*held{}
	}
	c.used++
	h, ok := c.held[id]
	if !ok {
		h = &held{ready: make(chan struct{})}
		c.held[id] = h
		go c.fill(context.WithoutCancel(ctx), id, h, load)
	}
	h.used = c.used
	c.mu.Unlock()
	select {
	case <-h.ready:
		return h.estate, h.err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

func (c *estates) fill(ctx context.Context, id string, h *held, load func(context.Context) (*estate.Estate, error)) {
	h.estate, h.err = load(ctx)
	c.mu.Lock()
	defer c.mu.Unlock()
	close(h.ready)
	if h.err != nil {
		delete(c.held, id) // the next one tries again
		return
	}
	c.drop(id)
}

// drop lets go of the least recently used estates until the bounds hold; the
// one that was just loaded stays.
func (c *estates) drop(keep string) {
	for {
		resources, ready, oldest := 0, 0, ""
		for id, h := range c.held {
			if !h.done() || h.estate == nil {
				continue
			}
			ready++
			resources += h.estate.Len()
			if id != keep && (oldest == "" || h.used < c.held[oldest].used) {
				oldest = id
			}
		}
		if oldest == "" || ready <= maxEstates && resources <= maxEstatesResources {
			return
		}
		delete(c.held, oldest)
	}
}

func (h *held) done() bool {
	select {
	case <-h.ready:
		return true
	default:
		return false
	}
}
