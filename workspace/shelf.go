package workspace

import (
	"cmp"
	"context"
	"encoding/hex"
	"fmt"
	"math"
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
// It takes some 130 bytes a verdict. The source's next scan makes another one.
type shelf struct {
	source    string
	marks     []mark
	entries   []entry  // in the same order
	names     []string // that occur
	workloads []azward.ResourceKey

	mu     sync.Mutex
	rows   map[azward.VerdictID]*store.VerdictRow // that were read before; nobody changes them
	counts map[string]counted                     // by query
}

// mark is what filters look at first. It is small: they look at all of them.
type mark struct {
	names, workload int32 // places in the shelf's lists
	exploitable     int8  // an [azward.Answer]
	result          int8  // its rank
	severity        int8  // its rank
	known           bool
}

type entry struct {
	store.Cursor
	footing [16]byte
	oldest  int64 // in nanoseconds since 1970; 0 where nothing tells
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
	type both struct {
		mark
		entry
	}
	var list []both
	for found, err := range w.Store.Entries(ctx, source) {
		if err != nil {
			return nil, err
		}
		one := both{
			mark{
				names: place(names, &s.names, found.Names), workload: place(workloads, &s.workloads, found.Workload),
				exploitable: int8(found.Exploitable), result: int8(found.Result.Rank()), severity: int8(found.Severity), known: found.Known(),
			},
			entry{Cursor: found.Cursor},
		}
		if !found.Oldest.IsZero() {
			one.oldest = found.Oldest.UnixNano()
		}
		if raw, err := hex.DecodeString(found.Footing); err == nil {
			copy(one.footing[:], raw)
		}
		list = append(list, one)
	}
	slices.SortFunc(list, func(a, b both) int { return compareCursors(a.Cursor, b.Cursor) })
	s.marks, s.entries = make([]mark, len(list)), make([]entry, len(list))
	for i, one := range list {
		s.marks[i], s.entries[i] = one.mark, one.entry
	}
	return s, nil
}

// place is where a list has a value, once.
func place[T comparable](at map[T]int32, list *[]T, value T) int32 {
	n, ok := at[value]
	if !ok {
		n = int32(len(*list))
		at[value] = n
		*list = append(*list, value)
	}
	return n
}

func compareCursors(a, b store.Cursor) int {
	return cmp.Or(strings.Compare(a.Order, b.Order), strings.Compare(string(a.ID), string(b.ID)))
}

// selection is a query, made ready for one shelf.
type selection struct {
	*shelf
	query      VerdictQuery
	results    [5]bool // by rank
	severity   int8    // this and above
	now        int64   // in nanoseconds since 1970
	names      []bool  // that are wanted; nil for all
	workloads  []bool
	text       []bool // workloads that have the text; nil where none is asked for
	named      []bool // names that have it
	dismissals map[azward.VerdictID]azward.Dismissal
}

func (s *shelf) choose(q VerdictQuery, dismissals map[azward.VerdictID]azward.Dismissal, now time.Time) *selection {
	c := &selection{shelf: s, query: q, severity: int8(q.MinSeverity.Rank()), now: now.UnixNano(), dismissals: dismissals}
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

// after gives the places of the first that are selected behind a cursor, at
// most so many.
func (c *selection) after(at store.Cursor, most int) []int {
	from := 0
	if at != (store.Cursor{}) {
		var exact bool
		if from, exact = slices.BinarySearchFunc(c.entries, at, func(e entry, at store.Cursor) int { return compareCursors(e.Cursor, at) }); exact {
			from++
		}
	}
	var found []int
	for i := from; i < len(c.marks) && len(found) < most; i++ {
		if c.selects(i) && c.shows(i) {
			found = append(found, i)
		}
	}
	return found
}

// selects says whether the filter wants a verdict as it stands now; whether it
// is dismissed is not asked.
func (c *selection) selects(i int) bool {
	m := &c.marks[i]
	switch {
	case m.severity < c.severity,
		c.query.Known && !m.known,
		c.names != nil && !c.names[m.names],
		c.workloads != nil && !c.workloads[m.workload],
		c.text != nil && !c.text[m.workload] && !c.named[m.names]:
		return false
	}
	result, answer := c.stands(i)
	return c.results[result] && (len(c.query.Exploitable) == 0 || slices.Contains(c.query.Exploitable, answer))
}

// stands is the rank of the result now, and the answer: a No that is too old is
// none, as [verdict.Aged] has it.
func (c *selection) stands(i int) (result int8, answer azward.Answer) {
	m := &c.marks[i]
	if answer = azward.Answer(m.exploitable); answer == azward.No {
		if old := c.entries[i].oldest; old != 0 && c.now-old > int64(verdict.MaxAge) {
			return int8(azward.Undecided.Rank()), azward.Unknown
		}
	}
	return m.result, answer
}

// counted is how many a query selects, by rank of the result, until something
// ages.
type counted struct {
	by    [5]int
	until int64 // in nanoseconds since 1970
}

// maxShelfCounts bounds the counts that a shelf keeps, at some 300 bytes each.
const maxShelfCounts = 500

func (s *shelf) count(q VerdictQuery, now time.Time) [5]int {
	q.After, q.Size, q.Dismissed, q.Source = "", 0, "", ""
	q.Filter.After, q.Limit = store.Cursor{}, 0
	key := fmt.Sprintf("%+v", q)
	s.mu.Lock()
	defer s.mu.Unlock() // one counts, and others may ask for the same
	if kept, ok := s.counts[key]; ok && now.UnixNano() < kept.until {
		return kept.by
	}
	fresh := s.choose(q, nil, now).count()
	if s.counts == nil || len(s.counts) >= maxShelfCounts {
		s.counts = map[string]counted{}
	}
	s.counts[key] = fresh
	return fresh.by
}

func (c *selection) count() counted {
	n := counted{until: math.MaxInt64}
	for i := range c.marks {
		if azward.Answer(c.marks[i].exploitable) == azward.No {
			if ages := c.entries[i].oldest + int64(verdict.MaxAge) + 1; ages > c.now {
				n.until = min(n.until, ages)
			}
		}
		if c.selects(i) {
			result, _ := c.stands(i)
			n.by[result]++
		}
	}
	return n
}

// dismissed gives the dismissal of a verdict that holds now, as
// [verdict.Dismiss] finds it.
func (c *selection) dismissed(i int) (azward.Dismissal, bool) {
	if len(c.dismissals) == 0 {
		return azward.Dismissal{}, false
	}
	e := &c.entries[i]
	d, ok := c.dismissals[e.ID]
	return d, ok && c.now < d.Until.UnixNano() && d.Footing == hex.EncodeToString(e.footing[:])
}

func (c *selection) shows(i int) bool {
	if c.query.Dismissed == WithDismissed {
		return true
	}
	_, dismissed := c.dismissed(i)
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
func (c *selection) stand(i int, row store.VerdictRow) store.VerdictRow {
	if d, ok := c.dismissed(i); ok {
		row.Dismissed = &d
	}
	v := azward.Verdict{Exploitable: row.Exploitable, Result: row.Result, Confidence: row.Confidence, Summary: row.Summary, Workload: row.Workload}
	if old := c.entries[i].oldest; old != 0 {
		v.Basis.Oldest = time.Unix(0, old).UTC()
	}
	v = verdict.Aged(v, time.Unix(0, c.now).UTC())
	row.Exploitable, row.Result, row.Confidence, row.Summary, row.Stale = v.Exploitable, v.Result, v.Confidence, v.Summary, v.Stale
	return row
}
