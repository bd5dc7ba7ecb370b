package workspace

import (
	"cmp"
	"context"
	"encoding/hex"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
	"github.com/azward/azward/verdict"
)

// maxShelfRows bounds the rows that a shelf keeps for the next reader, at some
// 1.5 kB each.
const maxShelfRows = 2_000

// shelf is what the verdicts of a source are found by, in the order of lists.
// It takes some 120 bytes a verdict. The source's next scan makes another one.
type shelf struct {
	source    string
	entries   []entry
	names     []string // that occur
	workloads []azward.ResourceKey

	mu   sync.Mutex
	rows map[azward.VerdictID]*store.VerdictRow // that were read before; nobody changes them
}

type entry struct {
	store.Cursor
	footing         [16]byte
	oldest          int64 // in nanoseconds since 1970; 0 where nothing tells
	names, workload int32 // places in the shelf's lists
	exploitable     azward.Answer
	result          int8 // its rank
	severity        int8 // its rank
	known           bool
}

// shelves are those of all sources, or of the named one.
func (w *Workspace) shelvesOf(ctx context.Context, s *state, source string) ([]*shelf, error) {
	list := make([]*shelf, 0, len(s.latest))
	for _, scan := range s.latest {
		if source != "" && source != scan.Source {
			continue
		}
		one, err := w.shelves.get(ctx, scan.Source, s.keys[scan.Source], func(ctx context.Context) (*shelf, error) {
			return w.fillShelf(ctx, scan.Source)
		})
		if err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, nil
}

func (w *Workspace) fillShelf(ctx context.Context, source string) (*shelf, error) {
	s := &shelf{source: source}
	names, workloads := map[string]int32{}, map[azward.ResourceKey]int32{}
	for found, err := range w.Store.Entries(ctx, source) {
		if err != nil {
			return nil, err
		}
		e := entry{
			Cursor: found.Cursor, exploitable: found.Exploitable, result: int8(found.Result.Rank()), severity: int8(found.Severity), //nolint:gosec // ranks are one digit
			known: found.Known(), names: place(names, &s.names, found.Names), workload: place(workloads, &s.workloads, found.Workload),
		}
		if !found.Oldest.IsZero() {
			e.oldest = found.Oldest.UnixNano()
		}
		if raw, err := hex.DecodeString(found.Footing); err == nil {
			copy(e.footing[:], raw)
		}
		s.entries = append(s.entries, e)
	}
	slices.SortFunc(s.entries, func(a, b entry) int { return compareCursors(a.Cursor, b.Cursor) })
	s.entries = slices.Clip(s.entries)
	return s, nil
}

// place is where a list has a value, once.
func place[T comparable](at map[T]int32, list *[]T, value T) int32 {
	n, ok := at[value]
	if !ok {
		n = int32(len(*list)) //nolint:gosec // there are fewer than verdicts
		at[value] = n
		*list = append(*list, value)
	}
	return n
}

func compareCursors(a, b store.Cursor) int {
	return cmp.Or(strings.Compare(a.Order, b.Order), strings.Compare(string(a.ID), string(b.ID)))
}

// resultOf is the result of a rank.
func resultOf(rank int8) azward.Result { return azward.Results()[rank] }

// selection is a query, made ready for one shelf.
type selection struct {
	*shelf
	query      VerdictQuery
	results    [5]bool // by rank
	now        time.Time
	names      []bool // that are wanted; nil for all
	workloads  []bool
	text       []bool // workloads that have the text; nil where none is asked for
	named      []bool // names that have it
	dismissals map[azward.VerdictID]azward.Dismissal
}

func (s *shelf) choose(q VerdictQuery, dismissals map[azward.VerdictID]azward.Dismissal, now time.Time) *selection {
	c := &selection{shelf: s, query: q, now: now, dismissals: dismissals}
	for rank, r := range azward.Results() {
		c.results[rank] = len(q.Results) == 0 || slices.Contains(q.Results, r)
	}
	if q.Vulnerability != "" {
		c.names = those(s.names, named(strings.ToLower(q.Vulnerability)))
	}
	if q.Workload != "" {
		key := q.Workload.Key()
		c.workloads = those(s.workloads, func(w azward.ResourceKey) bool {
			return w == key || strings.HasPrefix(string(w), string(key)+"/")
		})
	}
	if q.Text != "" {
		text := strings.ToLower(q.Text)
		c.text = those(s.workloads, func(w azward.ResourceKey) bool { return strings.Contains(string(w), text) })
		c.named = those(s.names, func(names string) bool { return strings.Contains(names, text) })
	}
	return c
}

// named says whether one of the lines is a name.
func named(name string) func(string) bool {
	return func(names string) bool {
		if !strings.Contains(names, name) {
			return false
		}
		for line := range strings.SplitSeq(names, "\n") {
			if line == name {
				return true
			}
		}
		return false
	}
}

func those[T any](list []T, wanted func(T) bool) []bool {
	marks := make([]bool, len(list))
	for i, one := range list {
		marks[i] = wanted(one)
	}
	return marks
}

// after yields the first that are selected behind a place, at most so many.
func (c *selection) after(at store.Cursor, most int) []*entry {
	from := 0
	if at != (store.Cursor{}) {
		var exact bool
		if from, exact = slices.BinarySearchFunc(c.entries, at, func(e entry, at store.Cursor) int { return compareCursors(e.Cursor, at) }); exact {
			from++
		}
	}
	var found []*entry
	for i := from; i < len(c.entries) && len(found) < most; i++ {
		if e := &c.entries[i]; c.selects(e) && c.shows(e) {
			found = append(found, e)
		}
	}
	return found
}

// selects says whether the filter wants a verdict as it stands now; whether it
// is dismissed is not asked.
func (c *selection) selects(e *entry) bool {
	q := &c.query
	switch {
	case !c.results[c.stands(e)],
		int(e.severity) < q.MinSeverity.Rank(),
		q.Known && !e.known,
		c.names != nil && !c.names[e.names],
		c.workloads != nil && !c.workloads[e.workload],
		c.text != nil && !c.text[e.workload] && !c.named[e.names]:
		return false
	}
	return len(q.Exploitable) == 0 || slices.Contains(q.Exploitable, c.answers(e))
}

// aged says that a No has become too old to be one. It is what [verdict.Aged]
// says of the verdict.
func (c *selection) aged(e *entry) bool {
	return e.exploitable == azward.No && e.oldest != 0 && c.now.UnixNano()-e.oldest > int64(verdict.MaxAge)
}

// stands is the rank of the result now.
func (c *selection) stands(e *entry) int {
	if c.aged(e) {
		return azward.Undecided.Rank()
	}
	return int(e.result)
}

func (c *selection) answers(e *entry) azward.Answer {
	if c.aged(e) {
		return azward.Unknown
	}
	return e.exploitable
}

// dismissed gives the dismissal of a verdict that holds now, as
// [verdict.Dismiss] finds it.
func (c *selection) dismissed(e *entry) (azward.Dismissal, bool) {
	if len(c.dismissals) == 0 {
		return azward.Dismissal{}, false
	}
	d, ok := c.dismissals[e.ID]
	return d, ok && c.now.Before(d.Until) && d.Footing == hex.EncodeToString(e.footing[:])
}

func (c *selection) shows(e *entry) bool {
	if c.query.Dismissed == WithDismissed {
		return true
	}
	_, dismissed := c.dismissed(e)
	return dismissed == (c.query.Dismissed == OnlyDismissed)
}

// read gives the rows of verdicts; those that are not there any more are left
// out.
func (s *shelf) read(ctx context.Context, from Store, ids []azward.VerdictID) (map[azward.VerdictID]*store.VerdictRow, error) {
	found := make(map[azward.VerdictID]*store.VerdictRow, len(ids))
	var missing []azward.VerdictID
	s.mu.Lock()
	for _, id := range ids {
		if row, ok := s.rows[id]; ok {
			found[id] = row
		} else {
			missing = append(missing, id)
		}
	}
	s.mu.Unlock()
	if len(missing) == 0 {
		return found, nil
	}
	fresh, err := from.Rows(ctx, s.source, missing)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.rows == nil || len(s.rows)+len(fresh) > maxShelfRows {
		s.rows = make(map[azward.VerdictID]*store.VerdictRow, len(fresh))
	}
	for id, row := range fresh {
		found[id], s.rows[id] = &row, &row
	}
	return found, nil
}

// stand is a row as it stands now.
func (c *selection) stand(e *entry, row store.VerdictRow) store.VerdictRow {
	if d, ok := c.dismissed(e); ok {
		row.Dismissed = &d
	}
	v := azward.Verdict{Exploitable: row.Exploitable, Result: row.Result, Confidence: row.Confidence, Summary: row.Summary, Workload: row.Workload}
	if e.oldest != 0 {
		v.Basis.Oldest = time.Unix(0, e.oldest).UTC()
	}
	v = verdict.Aged(v, c.now)
	row.Exploitable, row.Result, row.Confidence, row.Summary, row.Stale = v.Exploitable, v.Result, v.Confidence, v.Summary, v.Stale
	return row
}
