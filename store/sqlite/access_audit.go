package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

func conflict(op, subject, cause, remedy string) error {
	return &azward.Error{Kind: azward.KindConflict, Op: op, Subject: subject, Cause: cause, Remedy: remedy}
}

// WriteAudit adds an entry.
func (s *Store) WriteAudit(ctx context.Context, entry store.AuditEntry) error {
	return s.transact(ctx, "write audit log", func(tx *sql.Tx) error { return writeAudit(ctx, tx, entry) })
}

// writeAudit adds an entry; one without action is none.
func writeAudit(ctx context.Context, tx *sql.Tx, e store.AuditEntry) error {
	if e.Action == "" {
		return nil
	}
	_, err := tx.ExecContext(ctx, `INSERT INTO audit (at, user_id, who, via, action, subject, before, after) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
		timeText(e.At), e.UserID, e.Who, e.Via, e.Action, e.Subject, jsonText(e.Before), jsonText(e.After))
	return err
}

func jsonText(doc json.RawMessage) sql.NullString {
	return sql.NullString{String: string(doc), Valid: doc != nil}
}

// AuditLog returns what the filter selects, newest first.
func (s *Store) AuditLog(ctx context.Context, f store.AuditFilter) (list []store.AuditEntry, err error) {
	query, args := `SELECT seq, at, user_id, who, via, action, subject, before, after FROM audit WHERE 1`, []any{}
	where := func(set bool, condition string, values ...any) {
		if set {
			query += " AND " + condition //nolint:gosec // the conditions stand below; values are bound
			args = append(args, values...)
		}
	}
	where(f.Before > 0, "seq < ?", f.Before)
	where(f.UserID != "", "user_id = ?", f.UserID)
	where(f.Action != "", `(action = ? OR substr(action, 1, length(?)) = ?)`, f.Action, f.Action+".", f.Action+".")
	where(f.Subject != "", "subject = ?", f.Subject)
	where(!f.Since.IsZero(), "at >= ?", timeText(f.Since))
	query += " ORDER BY seq DESC"
	if f.Limit > 0 {
		query += " LIMIT ?"
		args = append(args, f.Limit)
	}
	rows, err := s.db.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, s.explain("read audit log", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		e, err := scanEntry(rows)
		if err != nil {
			return nil, s.explain("read audit log", err)
		}
		list = append(list, e)
	}
	return list, s.explain("read audit log", rows.Err())
}

func scanEntry(r row) (e store.AuditEntry, err error) {
	var at string
	var before, after sql.NullString
	if err := r.Scan(&e.Seq, &at, &e.UserID, &e.Who, &e.Via, &e.Action, &e.Subject, &before, &after); err != nil {
		return e, err
	}
	if before.Valid {
		e.Before = json.RawMessage(before.String)
	}
	if after.Valid {
		e.After = json.RawMessage(after.String)
	}
	e.At, err = parseTime(at)
	return e, err
}
