package workspace

import (
	"cmp"
	"context"
	"slices"

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

// Gaps gives what the newest estates could not read, what settles most first;
// connection "" is all.
func (w *Workspace) Gaps(ctx context.Context, connection string) ([]GapRow, error) {
	state, err := w.state(ctx)
	if err != nil {
		return nil, err
	}
	kept, missing, err := w.Latest(ctx, connection)
	if err != nil {
		return nil, err
	}
	tally, err := w.gapTally(ctx, state, connection)
	if err != nil {
		return nil, err
	}
	rows := []GapRow{}
	add := func(g azward.Gap, source string) {
		rows = append(rows, GapRow{Gap: g, Connection: source, Verdicts: tally[g].verdicts, Settles: tally[g].settles})
	}
	for _, g := range missing {
		add(g, string(g.Scope))
	}
	for _, k := range kept {
		for _, g := range k.Estate.Gaps() {
			add(g, k.Scan.Source)
		}
	}
	slices.SortStableFunc(rows, func(a, b GapRow) int {
		return cmp.Or(cmp.Compare(b.Settles, a.Settles), cmp.Compare(b.Verdicts, a.Verdicts))
	})
	return rows, nil
}

// gapTallies count the unknown verdicts of a source that name each gap. Nobody
// changes one.
type gapTallies map[azward.Gap]gapCount

// gapCount is how many name a gap, and how many of them no other.
type gapCount struct{ verdicts, settles int }

// gapTally adds up those of all sources, or of the named one.
func (w *Workspace) gapTally(ctx context.Context, s *state, source string) (gapTallies, error) {
	sum := gapTallies{}
	for _, scan := range s.latest {
		if source != "" && source != scan.Source {
			continue
		}
		one, err := w.gaps.get(ctx, scan.Source, s.keys[scan.Source], func(ctx context.Context) (gapTallies, error) {
			return w.countGaps(ctx, scan.Source)
		})
		if err != nil {
			return nil, err
		}
		for g, n := range one {
			before := sum[g]
			sum[g] = gapCount{before.verdicts + n.verdicts, before.settles + n.settles}
		}
	}
	return sum, nil
}

func (w *Workspace) countGaps(ctx context.Context, source string) (gapTallies, error) {
	list, err := w.Store.GapCounts(ctx, source)
	if err != nil {
		return nil, err
	}
	tally := gapTallies{}
	for _, c := range list {
		for _, g := range c.Gaps {
			n := tally[g]
			n.verdicts += c.Verdicts
			if len(c.Gaps) == 1 {
				n.settles += c.Verdicts
			}
			tally[g] = n
		}
	}
	return tally, nil
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
