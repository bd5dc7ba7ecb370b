package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/azward/azward/store"
)

// keptPostures is of how many scans of a source the list is kept: two, to tell
// what changed.
const keptPostures = 2

// SavePosture keeps what the rules said after a scan: counts, and as one
// document the list of what is not well. KindNotFound where there is no such
// scan.
func (s *Store) SavePosture(ctx context.Context, scan string, tally json.RawMessage, open []byte) error {
	return s.transact(ctx, "save posture", func(tx *sql.Tx) error {
		var source, started string
		err := tx.QueryRowContext(ctx, `SELECT source, started_at FROM scans WHERE id = ?`, scan).Scan(&source, &started)
		if errors.Is(err, sql.ErrNoRows) {
			return notFound("scan", scan, findScan)
		}
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO postures (scan_id, source, at, tally, open_zst) VALUES (?, ?, ?, ?, ?)`,
			scan, source, started, string(tally), s.pack(open))
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `UPDATE postures SET open_zst = NULL WHERE source = ? AND scan_id NOT IN
			(SELECT scan_id FROM postures WHERE source = ? ORDER BY at DESC, scan_id DESC LIMIT ?)`, source, source, keptPostures)
		return err
	})
}

// Postures returns what the rules said, of one source or with "" of all,
// newest first, at most limit of them.
func (s *Store) Postures(ctx context.Context, source string, limit int) (list []store.Posture, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT scan_id, source, at, tally FROM postures WHERE ? IN ('', source)
		ORDER BY at DESC, scan_id DESC LIMIT ?`, source, limit)
	if err != nil {
		return nil, s.explain("list postures", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var p store.Posture
		var at, tally string
		if err := rows.Scan(&p.Scan, &p.Source, &at, &tally); err != nil {
			return nil, s.explain("list postures", err)
		}
		if p.At, err = parseTime(at); err != nil {
			return nil, err
		}
		p.Tally = json.RawMessage(tally)
		list = append(list, p)
	}
	return list, s.explain("list postures", rows.Err())
}

// OpenPosture returns the list that was saved with a scan; nil where none is
// kept.
func (s *Store) OpenPosture(ctx context.Context, scan string) ([]byte, error) {
	var packed []byte
	err := s.db.QueryRowContext(ctx, `SELECT open_zst FROM postures WHERE scan_id = ?`, scan).Scan(&packed)
	if errors.Is(err, sql.ErrNoRows) || err == nil && packed == nil {
		return nil, nil
	}
	if err != nil {
		return nil, s.explain("find posture", err)
	}
	open, err := s.unpack(packed)
	if err != nil {
		return nil, s.damaged("posture", err)
	}
	return open, nil
}
