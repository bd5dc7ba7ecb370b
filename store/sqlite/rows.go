package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
	"github.com/azward/azward/verdict"
)

// Beside each verdict stands what lists show, find and sort by, so that a list
// reads no document.

const insertRow = `INSERT INTO verdict_rows (source, id, place, exploitable, result, severity, workload, names, oldest, footing, gaps, row)
	VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

// rowValues are the values of insertRow.
func rowValues(source string, v azward.Verdict) ([]any, error) {
	row, err := json.Marshal(store.RowOf(v))
	if err != nil {
		return nil, err
	}
	var oldest, gaps sql.NullString
	if !v.Basis.Oldest.IsZero() {
		oldest = sql.NullString{String: timeText(v.Basis.Oldest), Valid: true}
	}
	if len(v.Gaps) > 0 && v.Exploitable == azward.Unknown {
		raw, err := json.Marshal(v.Gaps)
		if err != nil {
			return nil, err
		}
		gaps = sql.NullString{String: string(raw), Valid: true}
	}
	names := store.NamesOf(v)
	slices.Sort(names)
	return []any{
		source, v.ID, v.Order(), v.Exploitable.String(), v.Result, v.Finding.Severity.Rank(), string(v.Workload.ID.Key()),
		strings.Join(slices.Compact(names), "\n"), oldest, verdict.Footing(v), gaps, string(row),
	}, nil
}

// Entries yields what the current verdicts of a source are found by, in no
// order. An error is yielded last.
func (s *Store) Entries(ctx context.Context, source string) iter.Seq2[store.Entry, error] {
	return func(yield func(store.Entry, error) bool) {
		rows, err := s.db.QueryContext(ctx, `SELECT id, place, exploitable, result, severity, workload, names, oldest, footing
			FROM verdict_rows WHERE source = ?`, source)
		if err != nil {
			yield(store.Entry{}, s.explain("list verdicts", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			e, err := s.scanEntry(rows)
			if !yield(e, err) || err != nil {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(store.Entry{}, s.explain("list verdicts", err))
		}
	}
}

func (s *Store) scanEntry(r row) (e store.Entry, err error) {
	var answer, workload string
	var oldest sql.NullString
	if err := r.Scan(&e.ID, &e.Order, &answer, &e.Result, &e.Severity, &workload, &e.Names, &oldest, &e.Footing); err != nil {
		return e, s.explain("list verdicts", err)
	}
	e.Workload = azward.ResourceKey(workload)
	if err := e.Exploitable.UnmarshalText([]byte(answer)); err != nil {
		return e, s.damaged("row of verdict", err)
	}
	if oldest.Valid {
		if e.Oldest, err = parseTime(oldest.String); err != nil {
			return e, s.damaged("row of verdict", err)
		}
	}
	return e, nil
}

// maxAsked bounds the verdicts of one statement of [Store.Rows].
const maxAsked = 500

// Rows gives what lists show of verdicts of a source. Those that are not there
// any more are left out.
func (s *Store) Rows(ctx context.Context, source string, ids []azward.VerdictID) (map[azward.VerdictID]store.VerdictRow, error) {
	found := make(map[azward.VerdictID]store.VerdictRow, len(ids))
	for some := range slices.Chunk(ids, maxAsked) {
		if err := s.rows(ctx, source, some, found); err != nil {
			return nil, err
		}
	}
	return found, nil
}

func (s *Store) rows(ctx context.Context, source string, ids []azward.VerdictID, into map[azward.VerdictID]store.VerdictRow) (err error) {
	args := make([]any, 0, 1+len(ids))
	args = append(args, source)
	for _, id := range ids {
		args = append(args, id)
	}
	//nolint:gosec // marks alone; every value is an argument
	rows, err := s.db.QueryContext(ctx, `SELECT row FROM verdict_rows WHERE source = ? AND id IN (?`+strings.Repeat(", ?", len(ids)-1)+`)`, args...)
	if err != nil {
		return s.explain("list verdicts", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var raw sql.RawBytes
		if err := rows.Scan(&raw); err != nil {
			return s.explain("list verdicts", err)
		}
		var row store.VerdictRow
		if err := json.Unmarshal(raw, &row); err != nil {
			return s.damaged("row of verdict", err)
		}
		into[row.ID] = row
	}
	return s.explain("list verdicts", rows.Err())
}

// GapCounts counts the unknown verdicts of a source by the gaps that they name.
func (s *Store) GapCounts(ctx context.Context, source string) (list []store.GapsCount, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT gaps, count(*) FROM verdict_rows WHERE source = ? AND gaps IS NOT NULL GROUP BY gaps ORDER BY gaps`, source)
	if err != nil {
		return nil, s.explain("count gaps", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var raw sql.RawBytes
		var c store.GapsCount
		if err := rows.Scan(&raw, &c.Verdicts); err != nil {
			return nil, s.explain("count gaps", err)
		}
		if err := json.Unmarshal(raw, &c.Gaps); err != nil {
			return nil, s.damaged("gaps of verdicts", err)
		}
		list = append(list, c)
	}
	return list, s.explain("count gaps", rows.Err())
}

// ChangedBy gives the scan that saved the changes of a source; "" where there
// are none.
func (s *Store) ChangedBy(ctx context.Context, source string) (scan string, err error) {
	err = s.db.QueryRowContext(ctx, `SELECT scan_id FROM changes WHERE source = ? ORDER BY place LIMIT 1`, source).Scan(&scan)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return scan, s.explain("find changes", err)
}

const createRows = `CREATE TABLE verdict_rows (
	source      TEXT NOT NULL,
	id          TEXT NOT NULL,
	place       TEXT NOT NULL,
	exploitable TEXT NOT NULL,
	result      TEXT NOT NULL,
	severity    INTEGER NOT NULL,
	workload    TEXT NOT NULL,              -- ID in lower case
	names       TEXT NOT NULL,              -- of vulnerability and package, in lower case, one a line
	oldest      TEXT,                       -- when the oldest deciding fact was read; NULL where none tells
	footing     TEXT NOT NULL,              -- what a dismissal has to agree with
	gaps        TEXT,                       -- JSON, of an unknown one; NULL for none
	row         TEXT NOT NULL,              -- JSON
	PRIMARY KEY (source, id),
	FOREIGN KEY (source, id) REFERENCES verdicts (source, id) ON DELETE CASCADE
) STRICT`

// addRows is migration 13: it fills the table from the documents there are.
func (s *Store) addRows(ctx context.Context, tx *sql.Tx) error {
	if _, err := tx.ExecContext(ctx, createRows); err != nil {
		return err
	}
	const some = 500 // verdicts at once
	pieces := pieceReader{store: s, from: tx}
	for last, more := int64(0), true; more; {
		list, at, err := s.after(ctx, tx, &pieces, last, some)
		if err != nil {
			return err
		}
		for _, v := range list {
			values, err := rowValues(v.source, v.Verdict)
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, insertRow, values...); err != nil {
				return err
			}
		}
		last, more = at, len(list) == some
	}
	return nil
}

type sourced struct {
	source string
	azward.Verdict
}

// after reads verdicts in the order of their rows.
func (s *Store) after(ctx context.Context, tx *sql.Tx, pieces *pieceReader, last int64, most int) (list []sourced, at int64, err error) {
	rows, err := tx.QueryContext(ctx, `SELECT rowid, source, doc FROM verdicts WHERE rowid > ? ORDER BY rowid LIMIT ?`, last, most)
	if err != nil {
		return nil, 0, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var v sourced
		var raw []byte
		if err := rows.Scan(&at, &v.source, &raw); err != nil {
			return nil, 0, err
		}
		doc, err := pieces.document(ctx, v.source, raw, "verdict")
		if err != nil {
			return nil, 0, err
		}
		if err := json.Unmarshal(doc, &v.Verdict); err != nil {
			return nil, 0, s.damaged("verdict", err)
		}
		list = append(list, v)
	}
	return list, at, rows.Err()
}

func dropRows(ctx context.Context, tx *sql.Tx) error {
	_, err := tx.ExecContext(ctx, `DROP TABLE verdict_rows`)
	return err
}
