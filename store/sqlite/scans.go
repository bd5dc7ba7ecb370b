package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

const scanColumns = `id, source, state, started_at, finished_at, gaps, counts, estate`

const findScan = "scan again: azward scan"

// BeginScan saves a scan as running. An ID that was used before gives
// KindConflict.
func (s *Store) BeginScan(ctx context.Context, id, source string, startedAt time.Time) error {
	if _, err := store.EstateFile(id); err != nil {
		return err
	}
	return s.transact(ctx, "begin scan", func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `INSERT INTO scans (id, source, state, started_at) VALUES (?, ?, 'running', ?)
			ON CONFLICT (id) DO NOTHING`, id, source, timeText(startedAt))
		if err != nil {
			return err
		}
		return affected(result, &azward.Error{
			Kind: azward.KindConflict, Op: "begin scan", Subject: id, Cause: "there is a scan of that ID already", Remedy: "scan again",
		})
	})
}

// FinishScan ends a running scan; KindNotFound where none of that ID runs.
func (s *Store) FinishScan(ctx context.Context, id string, outcome store.Outcome) error {
	return s.transact(ctx, "finish scan", func(tx *sql.Tx) error { return finish(ctx, tx, id, outcome) })
}

func finish(ctx context.Context, tx *sql.Tx, id string, outcome store.Outcome) error {
	counts := sql.NullString{String: string(outcome.Counts), Valid: outcome.Counts != nil}
	result, err := tx.ExecContext(ctx, `UPDATE scans SET state = ?, finished_at = ?, gaps = ?, counts = ?
		WHERE id = ? AND state = 'running'`, outcome.State, timeText(outcome.FinishedAt), outcome.Gaps, counts, id)
	if err != nil {
		return err
	}
	return affected(result, notFound("running scan", id, findScan))
}

// InterruptScans marks scans that still say running as interrupted, and returns
// how many. Call it while holding [store.LockScan]: then no scan can be running,
// and what says so was left by a crash.
func (s *Store) InterruptScans(ctx context.Context, at time.Time) (n int64, err error) {
	err = s.transact(ctx, "interrupt scans", func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE scans SET state = 'interrupted', finished_at = ? WHERE state = 'running'`, timeText(at))
		if err != nil {
			return err
		}
		n, err = result.RowsAffected()
		return err
	})
	return n, err
}

// Scan returns one scan; KindNotFound where there is none.
func (s *Store) Scan(ctx context.Context, id string) (store.Scan, error) {
	scan, err := scanScan(s.db.QueryRowContext(ctx, `SELECT `+scanColumns+` FROM scans WHERE id = ?`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return store.Scan{}, notFound("scan", id, findScan)
	}
	return scan, s.explain("find scan", err)
}

// Scans returns the latest scans, newest first, at most limit of them.
func (s *Store) Scans(ctx context.Context, limit int) (list []store.Scan, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+scanColumns+` FROM scans ORDER BY started_at DESC, id DESC LIMIT ?`, limit)
	if err != nil {
		return nil, s.explain("list scans", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		scan, err := scanScan(rows)
		if err != nil {
			return nil, s.explain("list scans", err)
		}
		list = append(list, scan)
	}
	return list, s.explain("list scans", rows.Err())
}

func scanScan(r row) (scan store.Scan, err error) {
	var started string
	var finished, counts sql.NullString
	err = r.Scan(&scan.ID, &scan.Source, &scan.State, &started, &finished, &scan.Gaps, &counts, &scan.Estate)
	if err != nil {
		return scan, err
	}
	if counts.Valid {
		scan.Counts = json.RawMessage(counts.String)
	}
	if scan.StartedAt, err = parseTime(started); err != nil {
		return scan, err
	}
	if finished.Valid {
		scan.FinishedAt, err = parseTime(finished.String)
	}
	return scan, err
}
