package workspace

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// GapRow is one thing that could not be read, with the command that closes it.
type GapRow struct {
	azward.Gap
	Connection string `json:"connection"`
	// Verdicts that are unknown and name it, and of them those that name nothing
	// else: closing it settles these.
	Verdicts int `json:"verdicts"`
	Settles  int `json:"settles"`
}

// Coverage is how much of what a connection holds was read.
type Coverage struct {
	Connection string       `json:"connection"`
	Scan       store.Scan   `json:"scan"` // the newest that gave verdicts
	Resources  int          `json:"resources"`
	Listings   int          `json:"listings"` // that were read whole
	Gaps       int          `json:"gaps"`
	Verdicts   store.Counts `json:"verdicts"`
	// Estate says whether the scan's estate is kept: without it Resources,
	// Listings and Gaps are not known, and 0.
	Estate bool `json:"estate"`
}

// maxGapVerdicts bounds how many unknown verdicts are asked for their gaps.
const maxGapVerdicts = 20_000

// Gaps gives what the newest estates could not read, what settles most first;
// connection "" is all.
func (w *Workspace) Gaps(ctx context.Context, connection string) ([]GapRow, error) {
	sources, err := w.Sources(ctx)
	if err != nil {
		return nil, err
	}
	key := connection
	for _, s := range sources {
		key += "\x00" + s.ID
	}
	rows, ok := w.gaps.get(key)
	if ok {
		return rows, nil
	}
	w.gaps.turn.Lock() // one counts, the others wait for it
	defer w.gaps.turn.Unlock()
	if rows, ok = w.gaps.get(key); ok {
		return rows, nil
	}
	if rows, err = w.countGaps(ctx, connection); err == nil {
		w.gaps.keep(key, rows)
	}
	return rows, err
}

// gapRows holds the last answers: they are the same until a scan ends, and each
// looks at all unknown verdicts. The zero value is empty.
type gapRows struct {
	turn sync.Mutex // held while counting
	mu   sync.Mutex
	held map[string][]GapRow
}

func (g *gapRows) get(key string) ([]GapRow, bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	rows, ok := g.held[key]
	return slices.Clone(rows), ok
}

func (g *gapRows) keep(key string, rows []GapRow) {
	const most = 16 // connections that are asked for
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.held == nil || len(g.held) >= most {
		g.held = map[string][]GapRow{}
	}
	g.held[key] = slices.Clone(rows)
}

func (w *Workspace) countGaps(ctx context.Context, connection string) ([]GapRow, error) {
	kept, missing, err := w.Latest(ctx, connection)
	if err != nil {
		return nil, err
	}
	rows := []GapRow{}
	at := map[azward.Gap][]int{}
	add := func(g azward.Gap, source string) {
		at[g] = append(at[g], len(rows))
		rows = append(rows, GapRow{Gap: g, Connection: source})
	}
	for _, g := range missing {
		add(g, string(g.Scope))
	}
	for _, k := range kept {
		for _, g := range k.Estate.Gaps() {
			add(g, k.Scan.Source)
		}
	}
	for v, err := range w.Store.Verdicts(ctx, store.Filter{Source: connection, Exploitable: []azward.Answer{azward.Unknown}, Limit: maxGapVerdicts}) {
		if err != nil {
			return nil, err
		}
		for _, g := range v.Gaps {
			for _, n := range at[g] {
				rows[n].Verdicts++
				if len(v.Gaps) == 1 {
					rows[n].Settles++
				}
			}
		}
	}
	slices.SortStableFunc(rows, func(a, b GapRow) int {
		return cmp.Or(cmp.Compare(b.Settles, a.Settles), cmp.Compare(b.Verdicts, a.Verdicts))
	})
	return rows, nil
}

// Coverage gives for each connection how much was read.
func (w *Workspace) Coverage(ctx context.Context) ([]Coverage, error) {
	sources, err := w.Sources(ctx)
	if err != nil {
		return nil, err
	}
	list := make([]Coverage, 0, len(sources))
	for _, s := range sources {
		c := Coverage{Connection: s.Source, Scan: s}
		if c.Verdicts, err = w.CountVerdicts(ctx, VerdictQuery{Filter: store.Filter{Source: s.Source}}); err != nil {
			return nil, err
		}
		k, err := w.EstateOf(ctx, s)
		switch {
		case err == nil:
			c.Estate, c.Resources, c.Listings, c.Gaps = true, k.Estate.Len(), len(k.Estate.Listings()), len(k.Estate.Gaps())
		case azward.KindOf(err) != azward.KindNotFound:
			return nil, err
		}
		list = append(list, c)
	}
	return list, nil
}
