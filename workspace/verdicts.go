package workspace

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure"
	"github.com/azward/azward/store"
	"github.com/azward/azward/verdict"
)

// Bounds of what one question costs.
const (
	DefaultPage = 50  // verdicts of a page
	MaxPage     = 500 // the same, at most
	maxTries    = 3   // at a page whose verdicts are replaced meanwhile
	maxOthers   = 25  // other places of a vulnerability that are shown
	maxReason   = 500 // characters of a dismissal's reason
	maxBulk     = 500 // verdicts that one request dismisses
	maxDismiss  = 365 * 24 * time.Hour
)

// Hidden says what to do about dismissed verdicts.
type Hidden string

// What to show of dismissed verdicts.
const (
	HideDismissed Hidden = ""     // leave them out
	WithDismissed Hidden = "with" // show them, marked
	OnlyDismissed Hidden = "only"
)

// VerdictQuery selects verdicts by what they are now: aged, and with the
// dismissals that still hold. Zero fields select everything.
type VerdictQuery struct {
	store.Filter // its After and Limit are not used
	Dismissed    Hidden
	After        string // Next of the page before
	Size         int    // of the page; 0 is DefaultPage
}

// VerdictPage is a page of verdicts, the most urgent first.
type VerdictPage struct {
	Verdicts []store.VerdictRow `json:"verdicts"`
	// Next continues after this page; "" where it is the last.
	Next string `json:"next,omitempty"`
}

// Verdicts gives one page.
func (w *Workspace) Verdicts(ctx context.Context, q VerdictQuery) (VerdictPage, error) {
	after, err := parseCursor(q.After)
	if err != nil {
		return VerdictPage{}, err
	}
	for try := 1; ; try++ {
		page, whole, err := w.page(ctx, q, after)
		if err != nil || whole || try == maxTries { // what is missing then was settled since
			return page, err
		}
	}
}

// picked is a verdict of a page.
type picked struct {
	store.Cursor
	in *selection
	at int // in its shelf
}

// page gives a page as of now; it is not whole where a scan that ended while it
// was read has replaced verdicts.
func (w *Workspace) page(ctx context.Context, q VerdictQuery, after store.Cursor) (page VerdictPage, whole bool, err error) {
	page.Verdicts = []store.VerdictRow{}
	s, err := w.state(ctx)
	if err != nil {
		return page, false, err
	}
	shelves, err := w.shelvesOf(ctx, s, q.Source)
	if err != nil {
		return page, false, err
	}
	size := pageSize(q.Size)
	var found []picked
	for _, one := range shelves {
		chosen := one.choose(q, s.dismissals, w.now())
		for _, at := range chosen.after(after, size+1) {
			found = append(found, picked{one.entries[at].Cursor, chosen, at})
		}
	}
	slices.SortStableFunc(found, func(a, b picked) int { return compareCursors(a.Cursor, b.Cursor) })
	if len(found) > size {
		found = found[:size]
		page.Next = formCursor(found[size-1].Cursor)
	}
	page.Verdicts, err = w.rowsOf(ctx, found)
	return page, len(page.Verdicts) == len(found), err
}

// rowsOf reads what was picked.
func (w *Workspace) rowsOf(ctx context.Context, list []picked) ([]store.VerdictRow, error) {
	ids := map[*shelf][]azward.VerdictID{}
	for _, p := range list {
		ids[p.in.shelf] = append(ids[p.in.shelf], p.ID)
	}
	read := map[*shelf]map[azward.VerdictID]*store.VerdictRow{}
	for from, wanted := range ids {
		found, err := from.read(ctx, w.Store, wanted)
		if err != nil {
			return nil, err
		}
		read[from] = found
	}
	rows := make([]store.VerdictRow, 0, len(list))
	for _, p := range list {
		if row, ok := read[p.in.shelf][p.ID]; ok {
			rows = append(rows, p.in.stand(p.at, *row))
		}
	}
	return rows, nil
}

// CountVerdicts counts all that a query selects, by what they are now, whether
// they are dismissed or not.
func (w *Workspace) CountVerdicts(ctx context.Context, q VerdictQuery) (store.Counts, error) {
	s, err := w.state(ctx)
	if err != nil {
		return nil, err
	}
	shelves, err := w.shelvesOf(ctx, s, q.Source)
	if err != nil {
		return nil, err
	}
	var by [5]int // by rank
	for _, one := range shelves {
		for rank, n := range one.count(q, w.now()) {
			by[rank] += n
		}
	}
	counts := store.Counts{}
	for rank, n := range by {
		if n > 0 {
			counts[azward.Results()[rank]] = n
		}
	}
	return counts, nil
}

// stale says that what a scan did not find exploitable is not known any more.
func (w *Workspace) stale(s store.Scan) bool { return w.now().Sub(s.StartedAt) > verdict.MaxAge }

// stand is a verdict as it stands now.
func (w *Workspace) stand(v azward.Verdict, dismissed map[azward.VerdictID]azward.Dismissal) azward.Verdict {
	if d, ok := dismissed[v.ID]; ok {
		v = verdict.Dismiss(v, d, w.now())
	}
	return verdict.Aged(v, w.now())
}

// A cursor is written as "ORDER.ID".
func formCursor(c store.Cursor) string { return c.Order + "." + string(c.ID) }

func parseCursor(text string) (store.Cursor, error) {
	if text == "" {
		return store.Cursor{}, nil
	}
	const longest = 64 // digits of an order
	order, id, ok := strings.Cut(text, ".")
	parsed, err := azward.ParseVerdictID(id)
	if !ok || err != nil || order == "" || len(order) > longest || strings.Trim(order, "0123456789") != "" {
		return store.Cursor{}, &azward.Error{
			Kind: azward.KindUsage, Op: "read cursor", Subject: fmt.Sprintf("%.80q", text), Cause: "it is no place in this list",
			Remedy: "start from the first page, and go on with its next link",
		}
	}
	return store.Cursor{Order: order, ID: parsed}, nil
}

// Verdict gives one verdict as it stands now; KindNotFound where there is none.
func (w *Workspace) Verdict(ctx context.Context, id azward.VerdictID) (azward.Verdict, error) {
	v, err := w.Store.Verdict(ctx, id)
	if err != nil {
		return v, err
	}
	s, err := w.state(ctx)
	if err != nil {
		return v, err
	}
	return w.stand(v, s.dismissals), nil
}

// Surroundings is what stands beside a verdict.
type Surroundings struct {
	// Exposure is how the internet gets to the workload, by the newest kept
	// estate that has it; nil where none does, and then Gaps says why.
	Exposure *exposure.Exposure `json:"exposure,omitempty"`
	// Settings would close the way in, or open it: each was tried.
	Settings []exposure.Counterfactual `json:"settings"`
	// Others are the same vulnerability elsewhere, the most urgent first; More
	// says that there are more of them.
	Others []store.VerdictRow `json:"others"`
	More   bool               `json:"more,omitempty"`
	// Change is what the last scan found otherwise; nil for nothing.
	Change *verdict.Change `json:"change,omitempty"`
	// Missing is what would settle an unknown verdict, the most useful first.
	Missing []Missing    `json:"missing"`
	Gaps    []azward.Gap `json:"gaps"`
}

// Missing is one gap of an unknown verdict.
type Missing struct {
	azward.Gap
	// Verdicts that are unknown and name this gap, and of them those that name
	// no other: closing it settles these.
	Verdicts int `json:"verdicts"`
	Settles  int `json:"settles"`
}

// Around gives what stands beside a verdict.
func (w *Workspace) Around(ctx context.Context, v azward.Verdict) (Surroundings, error) {
	s := Surroundings{Settings: []exposure.Counterfactual{}, Others: []store.VerdictRow{}, Missing: []Missing{}, Gaps: []azward.Gap{}}
	if err := w.exposed(ctx, v, &s); err != nil {
		return s, err
	}
	page, err := w.Verdicts(ctx, VerdictQuery{Filter: store.Filter{Vulnerability: v.Vulnerability}, Dismissed: WithDismissed, Size: maxOthers + 1})
	if err != nil {
		return s, err
	}
	s.Others = slices.DeleteFunc(page.Verdicts, func(o store.VerdictRow) bool { return o.ID == v.ID })
	s.More = page.Next != "" || len(s.Others) > maxOthers
	s.Others = s.Others[:min(len(s.Others), maxOthers)]
	sources, err := w.Sources(ctx)
	if err != nil {
		return s, err
	}
	for c, err := range w.changes(ctx, sources) {
		if err != nil {
			return s, err
		}
		if c.Verdict.ID == v.ID {
			s.Change = &c
			break
		}
	}
	s.Missing, err = w.missing(ctx, v)
	return s, err
}

// exposed draws on the newest estate that has the workload.
func (w *Workspace) exposed(ctx context.Context, v azward.Verdict, s *Surroundings) error {
	kept, gaps, err := w.Latest(ctx, "")
	if err != nil {
		return err
	}
	slices.SortStableFunc(kept, func(a, b Kept) int { return b.Scan.StartedAt.Compare(a.Scan.StartedAt) })
	for _, k := range kept {
		found, ok := k.Estate.Workload(v.Workload.ID)
		if !ok {
			continue
		}
		reach := exposure.Reach(k.Estate, found)
		s.Exposure = &reach
		s.Settings, err = exposure.Counterfactuals(k.Estate, found)
		return err
	}
	s.Gaps = append(gaps, azward.Gap{
		Scope: v.Workload.ID, Kind: azward.GapNotRead, Reads: "estate of the workload",
		Error: "no kept estate has this workload, so its path cannot be drawn", Remedy: "azward scan",
	})
	return nil
}

// changes yields what the last scans of sources found otherwise.
func (w *Workspace) changes(ctx context.Context, sources []store.Scan) iter.Seq2[verdict.Change, error] {
	return func(yield func(verdict.Change, error) bool) {
		for _, s := range sources {
			for raw, err := range w.Store.Changes(ctx, s.Source) {
				var c verdict.Change
				if err == nil {
					if err = json.Unmarshal(raw, &c); err != nil {
						err = fmt.Errorf("read change: %w", err)
					}
				}
				if !yield(c, err) || err != nil {
					return
				}
			}
		}
	}
}

// missing counts for each gap of a verdict the others that it would settle.
func (w *Workspace) missing(ctx context.Context, v azward.Verdict) ([]Missing, error) {
	list := make([]Missing, 0, len(v.Gaps))
	for _, g := range v.Gaps {
		list = append(list, Missing{Gap: g})
	}
	if len(list) == 0 || v.Exploitable != azward.Unknown {
		return list, nil
	}
	state, err := w.state(ctx)
	if err != nil {
		return nil, err
	}
	tally, err := w.gapTally(ctx, state, "")
	if err != nil {
		return nil, err
	}
	for i := range list {
		n := tally[list[i].Gap]
		list[i].Verdicts, list[i].Settles = n.verdicts, n.settles
	}
	slices.SortStableFunc(list, func(a, b Missing) int {
		return cmp.Or(cmp.Compare(b.Settles, a.Settles), cmp.Compare(b.Verdicts, a.Verdicts))
	})
	return list, nil
}

// Dismissing is a decision about verdicts.
type Dismissing struct {
	IDs    []azward.VerdictID
	By     string
	Reason string
	Until  time.Time
}

// Dismiss leaves verdicts as they are, until a day or until they rest on
// something else. All of them must be there; it gives them as they were.
func (w *Workspace) Dismiss(ctx context.Context, d Dismissing) ([]azward.Verdict, error) {
	now := w.now()
	d.Reason = strings.TrimSpace(d.Reason)
	wrong := func(cause, remedy string) error {
		return &azward.Error{Kind: azward.KindUsage, Op: "dismiss verdicts", Cause: cause, Remedy: remedy}
	}
	switch {
	case len(d.IDs) == 0:
		return nil, wrong("none is chosen", "choose one at least")
	case len(d.IDs) > maxBulk:
		return nil, wrong(fmt.Sprintf("%d are more than %d at once", len(d.IDs), maxBulk), "choose fewer, and repeat it")
	case d.Reason == "":
		return nil, wrong("no reason is given", "write why they can stay as they are, for whoever reads it later")
	case len([]rune(d.Reason)) > maxReason:
		return nil, wrong(fmt.Sprintf("the reason is longer than %d characters", maxReason), "write it shorter, or link to a longer text")
	case !d.Until.After(now):
		return nil, wrong("its last day is over already", "choose a day that is to come")
	case d.Until.Sub(now) > maxDismiss+24*time.Hour:
		return nil, wrong("its last day is more than a year away", "choose one within a year: dismissals are looked at again")
	}
	verdicts := make([]azward.Verdict, 0, len(d.IDs))
	for _, id := range d.IDs {
		v, err := w.Store.Verdict(ctx, id)
		if err != nil {
			return nil, err
		}
		verdicts = append(verdicts, v)
	}
	for _, v := range verdicts {
		err := w.Store.Dismiss(ctx, v.ID, azward.Dismissal{By: d.By, Reason: d.Reason, At: now, Until: d.Until.UTC(), Footing: verdict.Footing(v)})
		if err != nil {
			return nil, err
		}
	}
	return verdicts, nil
}

// Reopen takes a dismissal back; KindNotFound where there is none.
func (w *Workspace) Reopen(ctx context.Context, id azward.VerdictID) error {
	return w.Store.Reopen(ctx, id)
}
