package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"iter"
	"time"

	"github.com/azward/azward"
)

// Dismiss keeps a decision about a verdict, in place of an earlier one.
func (s *Store) Dismiss(ctx context.Context, id azward.VerdictID, d azward.Dismissal) error {
	return s.transact(ctx, "dismiss verdict", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO dismissals (id, dismissed_by, reason, at, until, footing) VALUES (?, ?, ?, ?, ?, ?)`,
			id, d.By, d.Reason, timeText(d.At), timeText(d.Until), d.Footing)
		return err
	})
}

// Reopen takes a dismissal back; KindNotFound where there is none.
func (s *Store) Reopen(ctx context.Context, id azward.VerdictID) error {
	return s.transact(ctx, "reopen verdict", func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `DELETE FROM dismissals WHERE id = ?`, id)
		if err != nil {
			return err
		}
		return affected(result, notFound("dismissal", string(id), "azward verdicts lists what is dismissed"))
	})
}

// Dismissals returns all that were made, whether they still hold or not.
func (s *Store) Dismissals(ctx context.Context) (all map[azward.VerdictID]azward.Dismissal, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT id, dismissed_by, reason, at, until, footing FROM dismissals`)
	if err != nil {
		return nil, s.explain("list dismissals", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	all = map[azward.VerdictID]azward.Dismissal{}
	for rows.Next() {
		var id azward.VerdictID
		var d azward.Dismissal
		var at, until string
		if err := rows.Scan(&id, &d.By, &d.Reason, &at, &until, &d.Footing); err != nil {
			return nil, s.explain("list dismissals", err)
		}
		d.At, err = parseTime(at)
		if err != nil {
			return nil, err
		}
		if d.Until, err = parseTime(until); err != nil {
			return nil, err
		}
		all[id] = d
	}
	return all, s.explain("list dismissals", rows.Err())
}

// SaveChanges keeps what a scan found otherwise than the one before, each a
// JSON document, in place of what the source's scan before it did.
func (s *Store) SaveChanges(ctx context.Context, scan string, changes iter.Seq2[[]byte, error]) error {
	return s.transact(ctx, "save changes", func(tx *sql.Tx) error {
		var source string
		err := tx.QueryRowContext(ctx, `SELECT source FROM scans WHERE id = ?`, scan).Scan(&source)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound("scan", scan, findScan)
		}
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM changes WHERE source = ?`, source); err != nil {
			return err
		}
		place := 0
		for doc, err := range changes {
			if err != nil {
				return err
			}
			if _, err := tx.ExecContext(ctx, `INSERT INTO changes (source, scan_id, place, doc_zst) VALUES (?, ?, ?, ?)`, source, scan, place, s.pack(doc)); err != nil {
				return err
			}
			place++
		}
		return nil
	})
}

// Changes yields what the last scans found otherwise than those before, of one
// source or, with "", of all, in the order in which they were saved.
func (s *Store) Changes(ctx context.Context, source string) iter.Seq2[[]byte, error] {
	return func(yield func([]byte, error) bool) {
		rows, err := s.db.QueryContext(ctx, `SELECT doc_zst FROM changes WHERE ? IN ('', source) ORDER BY source, place`, source)
		if err != nil {
			yield(nil, s.explain("list changes", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			var packed []byte
			err := rows.Scan(&packed)
			var doc []byte
			if err == nil {
				doc, err = s.unpack(packed)
			}
			if err != nil {
				yield(nil, s.damaged("change", err))
				return
			}
			if !yield(doc, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(nil, s.explain("list changes", err))
		}
	}
}

// LastFinished returns the start of the last scan of a source that gave
// verdicts; the zero time where there is none.
func (s *Store) LastFinished(ctx context.Context, source string) (time.Time, error) {
	var started string
	err := s.db.QueryRowContext(ctx, `SELECT started_at FROM scans WHERE source = ? AND state IN ('complete', 'partial') ORDER BY started_at DESC LIMIT 1`, source).Scan(&started)
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	if err != nil {
		return time.Time{}, s.explain("find scan", err)
	}
	return parseTime(started)
}
