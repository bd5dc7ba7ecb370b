package workspace

import (
	"context"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/store"
)

// maxHistory bounds how many kept estates a history reads: each costs a second
// for a large tenant.
const maxHistory = 10

// Moment is one resource in one scan.
type Moment struct {
	Scan   string    `json:"scan"`
	At     time.Time `json:"at"`               // when the scan began
	There  bool      `json:"there"`            // the scan's estate has it
	SHA256 string    `json:"sha256,omitempty"` // of its body
	// Changed are the JSON pointers to what differs from the moment before; More
	// counts the rest.
	Changed []string `json:"changed"`
	More    int      `json:"more,omitempty"`
}

// History is one resource over the kept estates.
type History struct {
	ID         azward.ResourceID `json:"id"`
	Connection string            `json:"connection"`
	Moments    []Moment          `json:"moments"` // the newest first
	// Gaps are scans whose estate is not kept: what the resource was then is
	// not known.
	Gaps []azward.Gap `json:"gaps"`
	// Older says that there are scans before the last one that was looked at.
	Older bool `json:"older,omitempty"`
}

// History of a resource over the scans of the connection whose newest estate
// has it, as far as their estates are kept.
func (w *Workspace) History(ctx context.Context, id azward.ResourceID) (History, error) {
	newest, r, err := w.find(ctx, id)
	if err != nil {
		return History{}, err
	}
	h := History{ID: r.ID, Connection: newest.Scan.Source, Moments: []Moment{}, Gaps: []azward.Gap{}}
	scans, err := w.Store.ScansOf(ctx, newest.Scan.Source, "", 5*maxHistory) // failed ones have no estate
	if err != nil {
		return h, err
	}
	var later *estate.Estate
	read := 0
	for _, s := range scans {
		if s.State != store.ScanComplete && s.State != store.ScanPartial {
			continue
		}
		if read == maxHistory {
			h.Older = true
			break
		}
		read++
		only, err := w.only(ctx, s, id, newest)
		switch {
		case azward.KindOf(err) == azward.KindNotFound && err != nil:
			h.Gaps = append(h.Gaps, azward.Gap{Scope: id, Kind: azward.GapNotRead, Reads: "estate of scan " + s.ID, Error: "it is not kept any more"})
			continue
		case err != nil:
			return h, err
		}
		h.add(s, only, later, id)
		later = only
	}
	return h, nil
}

// only is the resource of one scan's estate, alone: the rest is let go of.
func (w *Workspace) only(ctx context.Context, s store.Scan, id azward.ResourceID, newest Kept) (*estate.Estate, error) {
	from := newest.Estate
	if s.ID != newest.Scan.ID {
		var err error
		if from, err = w.load(ctx, s); err != nil { // not the cache: it is for the newest
			return nil, err
		}
	}
	var b estate.Builder
	if r, ok := from.Resource(id); ok {
		var err error
		if r.Cluster != "" {
			err = b.AddKubernetes(r.Cluster, r.Body, r.Provenance)
		} else {
			err = b.AddARM(r.Body, r.Provenance)
		}
		if err != nil {
			return nil, err
		}
	}
	return b.Build(), nil
}

// add notes how a scan, older than those before, had the resource, and with
// that what the moment after it changed.
func (h *History) add(s store.Scan, only, later *estate.Estate, id azward.ResourceID) {
	m := Moment{Scan: s.ID, At: s.StartedAt, Changed: []string{}}
	if r, ok := only.Resource(id); ok {
		m.There, m.SHA256 = true, r.SHA256()
	}
	if later != nil {
		after := &h.Moments[len(h.Moments)-1]
		for _, c := range estate.Diff(only, later).Changed {
			after.Changed, after.More = append(after.Changed, c.Pointers...), c.More
		}
	}
	h.Moments = append(h.Moments, m)
}
