package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"
)

// Setting returns what was saved under a name; nil where nothing was.
func (s *Store) Setting(ctx context.Context, name string) (json.RawMessage, error) {
	var doc string
	err := s.db.QueryRowContext(ctx, `SELECT doc FROM settings WHERE name = ?`, name).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, s.explain("read setting", err)
	}
	return json.RawMessage(doc), nil
}

// SaveSetting keeps doc, a JSON value, under a name; nil forgets it.
func (s *Store) SaveSetting(ctx context.Context, name string, doc json.RawMessage, at time.Time) error {
	return s.transact(ctx, "save setting", func(tx *sql.Tx) error {
		if doc == nil {
			_, err := tx.ExecContext(ctx, `DELETE FROM settings WHERE name = ?`, name)
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO settings (name, doc, updated_at) VALUES (?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET doc = excluded.doc, updated_at = excluded.updated_at`, name, string(doc), timeText(at))
		return err
	})
}
