package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/azward/azward/store"
)

// querier is a transaction, or the database itself.
type querier interface {
	ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error)
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

// sweeping runs f in one transaction. A dry one waits for no writer.
func (s *Store) sweeping(ctx context.Context, op string, dry bool, f func(querier) error) error {
	if dry {
		return s.explain(op, f(s.db))
	}
	return s.transact(ctx, op, func(tx *sql.Tx) error { return f(tx) })
}

// unlimited is more than there ever are.
const unlimited = 1 << 31

// bounds are a sweep's limits as statements take them.
func bounds(s store.Sweep) (keep int, before string) {
	keep, before = unlimited, zeroText(s.Before)
	if s.Keep > 0 {
		keep = s.Keep
	}
	return keep, before
}

// aged numbers scans of each source, finished ones apart from the others, the
// newest first. What is still referred to, or runs, is not among those that may
// go.
var aged = fmt.Sprintf(`WITH aged AS (
		SELECT id, estate, started_at, state IN ('complete', 'partial') AS finished, state = 'running' AS running,
			row_number() OVER (PARTITION BY source, state IN ('complete', 'partial') ORDER BY started_at DESC, id DESC) AS age
		FROM scans %%s),
	free AS (SELECT * FROM aged WHERE NOT running AND NOT (finished AND age <= %d)
		AND NOT EXISTS (SELECT 1 FROM verdicts WHERE scan_id = aged.id) AND NOT EXISTS (SELECT 1 FROM changes WHERE scan_id = aged.id))
	SELECT id, estate FROM free WHERE age > ? OR started_at < ?`, store.StandingScans)

// SweepScans removes scans of each source, with what the rules said after them
// and with their estates. Those that run stay, and so do the newest
// [store.StandingScans] that finished and what verdicts or changes rest on.
func (s *Store) SweepScans(ctx context.Context, sweep store.Sweep) (store.Swept, error) {
	return s.sweepScans(ctx, sweep, "", `DELETE FROM scans WHERE id = ?`)
}

// SweepKeptEstates removes the estates of scans that stay: of each source, by
// the rules of [Store.SweepScans].
func (s *Store) SweepKeptEstates(ctx context.Context, sweep store.Sweep) (store.Swept, error) {
	return s.sweepScans(ctx, sweep, `WHERE estate <> ''`, `UPDATE scans SET estate = '' WHERE id = ?`)
}

func (s *Store) sweepScans(ctx context.Context, sweep store.Sweep, among, remove string) (swept store.Swept, err error) {
	var files []string
	err = s.sweeping(ctx, "sweep scans", sweep.Dry, func(tx querier) error {
		swept, files = store.Swept{}, nil
		keep, before := bounds(sweep)
		ids, estates, err := freeScans(ctx, tx, fmt.Sprintf(aged, among), keep, before)
		if err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM scans `+among).Scan(&swept.Kept); err != nil {
			return err
		}
		swept.Gone, swept.Kept, files = len(ids), swept.Kept-len(ids), estates
		if sweep.Dry {
			return nil
		}
		for _, id := range ids {
			if _, err := tx.ExecContext(ctx, remove, id); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return store.Swept{}, err
	}
	swept.Bytes, err = s.dropFiles(files, sweep.Dry)
	return swept, err
}

func freeScans(ctx context.Context, tx querier, query string, keep int, before string) (ids, estates []string, err error) {
	rows, err := tx.QueryContext(ctx, query, keep, before)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var id, estate string
		if err := rows.Scan(&id, &estate); err != nil {
			return nil, nil, err
		}
		if ids = append(ids, id); estate != "" {
			estates = append(estates, estate)
		}
	}
	return ids, estates, rows.Err()
}

// dropFiles removes files of the data directory that no scan names any more,
// and tells their size. One that a killed process left goes when the next
// start sweeps, see [Store.SweepEstates].
func (s *Store) dropFiles(files []string, dry bool) (bytes int64, err error) {
	for _, name := range files {
		path := filepath.Join(s.dir, filepath.FromSlash(name))
		info, failed := os.Stat(path)
		if failed == nil && !dry {
			failed = os.Remove(path)
		}
		switch {
		case errors.Is(failed, fs.ErrNotExist):
		case failed != nil:
			err = errors.Join(err, s.estateFailed(path, failed))
		default:
			bytes += info.Size()
		}
	}
	return bytes, err
}

const ended = `state NOT IN ('queued', 'running')`

// SweepJobs removes jobs that have ended, with their logs.
func (s *Store) SweepJobs(ctx context.Context, sweep store.Sweep) (store.Swept, error) {
	keep, before := bounds(sweep)
	return s.sweepRows(ctx, "sweep jobs", sweep.Dry, `jobs WHERE `+ended, `jobs WHERE id IN (SELECT id FROM
		(SELECT id, finished_at, row_number() OVER (ORDER BY id DESC) AS age FROM jobs WHERE `+ended+`) WHERE age > ? OR finished_at < ?)`, keep, before)
}

// SweepJobLogs removes what jobs that have ended wrote, and counts the lines.
func (s *Store) SweepJobLogs(ctx context.Context, sweep store.Sweep) (store.Swept, error) {
	keep, before := bounds(sweep)
	return s.sweepRows(ctx, "sweep logs of jobs", sweep.Dry, `job_lines`, `job_lines WHERE job IN (SELECT id FROM
		(SELECT id, finished_at, row_number() OVER (ORDER BY id DESC) AS age FROM jobs WHERE `+ended+`) WHERE age > ? OR finished_at < ?)`, keep, before)
}

// SweepAudit removes the oldest entries of the audit log; Keep counts for
// nothing.
func (s *Store) SweepAudit(ctx context.Context, sweep store.Sweep) (store.Swept, error) {
	_, before := bounds(sweep)
	return s.sweepRows(ctx, "sweep audit log", sweep.Dry, `audit`, `audit WHERE at < ?`, before)
}

// sweepRows removes rows of a table, or counts those that would go.
func (s *Store) sweepRows(ctx context.Context, op string, dry bool, all, goes string, args ...any) (swept store.Swept, err error) {
	err = s.sweeping(ctx, op, dry, func(tx querier) error {
		swept = store.Swept{}
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM `+all).Scan(&swept.Kept); err != nil {
			return err
		}
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM `+goes, args...).Scan(&swept.Gone); err != nil {
			return err
		}
		swept.Kept -= swept.Gone
		if dry || swept.Gone == 0 {
			return nil
		}
		_, err := tx.ExecContext(ctx, `DELETE FROM `+goes, args...)
		return err
	})
	return swept, err
}
