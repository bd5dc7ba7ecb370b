package sqlite

import (
	"context"
	"errors"

	"github.com/azward/azward/store"
)

// LatestScans returns of each source the newest scan that gave verdicts, by the
// source's name.
func (s *Store) LatestScans(ctx context.Context) (list []store.Scan, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+scanColumns+` FROM (
			SELECT `+scanColumns+`, row_number() OVER (PARTITION BY source ORDER BY started_at DESC, id DESC) AS age
			FROM scans WHERE state IN ('complete', 'partial')
		) WHERE age = 1 ORDER BY source`)
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

// ScansOf returns scans of a source, "" for all, the newest first: at most
// limit of those that began before the one of the ID before, "" for the newest.
func (s *Store) ScansOf(ctx context.Context, source, before string, limit int) (list []store.Scan, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+scanColumns+` FROM scans
		WHERE (? = '' OR source = ?) AND (? = '' OR (started_at, id) < (SELECT started_at, id FROM scans WHERE id = ?))
		ORDER BY started_at DESC, id DESC LIMIT ?`, source, source, before, before, limit)
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
