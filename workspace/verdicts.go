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
	DefaultPage = 50    // verdicts of a page
	MaxPage     = 500   // the same, at most
	maxLooked   = 5_000 // verdicts that one page, or one count, decodes at most
	maxOthers   = 25    // other places of a vulnerability that are shown
	maxReason   = 500   // characters of a dismissal's reason
	maxBulk     = 500   // verdicts that one request dismisses
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
	Verdicts []azward.Verdict `json:"verdicts"`
	// Next continues after this page; "" where it is the last. A page may be
	// shorter than asked for, or empty, and have a Next: so much was looked at.
	Next string `json:"next,omitempty"`
}

// Verdicts gives one page.
func (w *Workspace) Verdicts(ctx context.Context, q VerdictQuery) (VerdictPage, error) {
	page := VerdictPage{Verdicts: []azward.Verdict{}}
	size := min(cmp.Or(max(q.Size, 0), DefaultPage), MaxPage)
	after, err := parseCursor(q.After)
	if err != nil {
		return page, err
	}
	wanted := q.Results
	filter, err := w.saved(ctx, q.Filter)
	if err != nil {
		return page, err
	}
	filter.After = after
	dismissed, err := w.Store.Dismissals(ctx)
	if err != nil {
		return page, err
	}
	// Dismissed and aged ones are left out here, so a page may take several looks.
	for looked := 0; ; {
		filter.Limit = size + 1
		list := w.Store.Verdicts(ctx, filter)
		if q.Dismissed == OnlyDismissed {
			list = w.dismissedOf(ctx, filter, dismissed)
		}
		found := 0
		for v, err := range list {
			if err != nil {
				return page, err
			}
			if len(page.Verdicts) == size || looked == maxLooked {
				page.Next = formCursor(filter.After)
				return page, nil
			}
			looked++
			found++
			filter.After = store.CursorOf(v) // before it ages: the store's order is that of the scan
			if v = w.stand(v, dismissed); shown(v, q.Dismissed) && (len(wanted) == 0 || slices.Contains(wanted, v.Result)) {
				page.Verdicts = append(page.Verdicts, v)
			}
		}
		if found < filter.Limit {
			return page, nil
		}
	}
}

// CountVerdicts counts all that a query selects, by what they are now, whether
// they are dismissed or not.
func (w *Workspace) CountVerdicts(ctx context.Context, q VerdictQuery) (store.Counts, error) {
	wanted := q.Results
	q.Results = nil
	counts := store.Counts{}
	sources, err := w.Store.LatestScans(ctx)
	if err != nil {
		return nil, err
	}
	for _, s := range sources {
		if q.Source != "" && s.Source != q.Source {
			continue
		}
		one := q.Filter
		one.Source = s.Source
		n, err := w.Store.CountVerdicts(ctx, one)
		if err != nil {
			return nil, err
		}
		for result, n := range n {
			if w.stale(s) && result != azward.Exploitable && result != azward.Conditional {
				result = azward.Undecided
			}
			if len(wanted) == 0 || slices.Contains(wanted, result) {
				counts[result] += n
			}
		}
	}
	return counts, nil
}

// stale says that what a scan did not find exploitable is not known any more.
func (w *Workspace) stale(s store.Scan) bool { return w.now().Sub(s.StartedAt) > verdict.MaxAge }

// saved is the filter that selects from the store at least what stands as
// wanted now: a No that has aged is kept as a No and is unknown.
func (w *Workspace) saved(ctx context.Context, f store.Filter) (store.Filter, error) {
	f.Limit = 0
	if !slices.Contains(f.Results, azward.Undecided) {
		return f, nil
	}
	sources, err := w.Store.LatestScans(ctx)
	if err != nil {
		return f, err
	}
	// Files may be older than the scan of them.
	if slices.ContainsFunc(sources, func(s store.Scan) bool { return w.stale(s) || strings.Contains(s.Source, ":") }) {
		f.Results = append(slices.Clone(f.Results), azward.Dormant, azward.NotExploitable)
	}
	return f, nil
}

// dismissedOf reads those that somebody dismissed, instead of looking for them
// among all.
func (w *Workspace) dismissedOf(ctx context.Context, f store.Filter, dismissed map[azward.VerdictID]azward.Dismissal) iter.Seq2[azward.Verdict, error] {
	return func(yield func(azward.Verdict, error) bool) {
		var list []azward.Verdict
		for id := range dismissed {
			v, err := w.Store.Verdict(ctx, id)
			if azward.KindOf(err) == azward.KindNotFound && err != nil {
				continue // settled since
			}
			if err != nil {
				yield(v, err)
				return
			}
			at := store.CursorOf(v)
			after := at.Order > f.After.Order || at.Order == f.After.Order && at.ID > f.After.ID
			if after && selects(f, v) {
				list = append(list, v)
			}
		}
		slices.SortFunc(list, func(a, b azward.Verdict) int { // as the store's, for the cursor
			return cmp.Or(strings.Compare(a.Order(), b.Order()), strings.Compare(string(a.ID), string(b.ID)))
		})
		for _, v := range list {
			if !yield(v, nil) {
				return
			}
		}
	}
}

// selects says whether a filter selects a verdict; its source is not asked.
func selects(f store.Filter, v azward.Verdict) bool {
	names := append([]string{v.Vulnerability, v.Finding.ID}, v.Finding.Aliases...)
	named := func(match func(string) bool) bool { return slices.ContainsFunc(names, match) }
	text := strings.ToLower(f.Text)
	switch {
	case len(f.Exploitable) > 0 && !slices.Contains(f.Exploitable, v.Exploitable),
		len(f.Results) > 0 && !slices.Contains(f.Results, v.Result),
		v.Finding.Severity.Rank() < f.MinSeverity.Rank(),
		f.Known && !v.Finding.KEV && !v.Finding.Malicious,
		f.Vulnerability != "" && !named(func(n string) bool { return strings.EqualFold(n, f.Vulnerability) }),
		f.Workload != "" && !v.Workload.ID.Within(f.Workload):
		return false
	}
	return text == "" || named(func(n string) bool { return strings.Contains(strings.ToLower(n), text) }) ||
		strings.Contains(strings.ToLower(v.Finding.PURL), text) || strings.Contains(strings.ToLower(string(v.Workload.ID)), text)
}

// stand is a verdict as it stands now.
func (w *Workspace) stand(v azward.Verdict, dismissed map[azward.VerdictID]azward.Dismissal) azward.Verdict {
	if d, ok := dismissed[v.ID]; ok {
		v = verdict.Dismiss(v, d, w.now())
	}
	return verdict.Aged(v, w.now())
}

func shown(v azward.Verdict, hidden Hidden) bool {
	switch hidden {
	case WithDismissed:
		return true
	case OnlyDismissed:
		return v.Dismissed != nil
	}
	return v.Dismissed == nil
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
	dismissed, err := w.Store.Dismissals(ctx)
	if err != nil {
		return v, err
	}
	return w.stand(v, dismissed), nil
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
	Others []azward.Verdict `json:"others"`
	More   bool             `json:"more,omitempty"`
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
	// no other: closing it settles these. AtLeast says that not all were
	// looked at.
	Verdicts int  `json:"verdicts"`
	Settles  int  `json:"settles"`
	AtLeast  bool `json:"atLeast,omitempty"`
}

// Around gives what stands beside a verdict.
func (w *Workspace) Around(ctx context.Context, v azward.Verdict) (Surroundings, error) {
	s := Surroundings{Settings: []exposure.Counterfactual{}, Others: []azward.Verdict{}, Missing: []Missing{}, Gaps: []azward.Gap{}}
	if err := w.exposed(ctx, v, &s); err != nil {
		return s, err
	}
	page, err := w.Verdicts(ctx, VerdictQuery{Filter: store.Filter{Vulnerability: v.Vulnerability}, Dismissed: WithDismissed, Size: maxOthers + 1})
	if err != nil {
		return s, err
	}
	s.Others = slices.DeleteFunc(page.Verdicts, func(o azward.Verdict) bool { return o.ID == v.ID })
	s.More = page.Next != "" || len(s.Others) > maxOthers
	s.Others = s.Others[:min(len(s.Others), maxOthers)]
	for c, err := range w.changes(ctx) {
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

// changes yields what the last scans found otherwise.
func (w *Workspace) changes(ctx context.Context) iter.Seq2[verdict.Change, error] {
	return func(yield func(verdict.Change, error) bool) {
		for raw, err := range w.Store.Changes(ctx, "") {
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

// missing counts for each gap of a verdict the others that it would settle.
func (w *Workspace) missing(ctx context.Context, v azward.Verdict) ([]Missing, error) {
	list := make([]Missing, 0, len(v.Gaps))
	for _, g := range v.Gaps {
		list = append(list, Missing{Gap: g})
	}
	if len(list) == 0 || v.Exploitable != azward.Unknown {
		return list, nil
	}
	looked := 0
	for other, err := range w.Store.Verdicts(ctx, store.Filter{Exploitable: []azward.Answer{azward.Unknown}, Limit: maxLooked}) {
		if err != nil {
			return nil, err
		}
		looked++
		for i := range list {
			if slices.Contains(other.Gaps, list[i].Gap) {
				list[i].Verdicts++
				if len(other.Gaps) == 1 {
					list[i].Settles++
				}
			}
		}
	}
	for i := range list {
		list[i].AtLeast = looked == maxLooked
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
