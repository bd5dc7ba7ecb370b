package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/azward/azward/store"
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

const findSealed = "see `azward secrets list` for those there are, or keep it: azward secrets set NAME"

// Secrets lists the sealed secrets by name, without their values.
func (s *Store) Secrets(ctx context.Context) (list []store.Secret, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT name, updated_at FROM secrets ORDER BY name`)
	if err != nil {
		return nil, s.explain("list secrets", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var one store.Secret
		var updated string
		if err := rows.Scan(&one.Name, &updated); err != nil {
			return nil, s.explain("list secrets", err)
		}
		if one.UpdatedAt, err = parseTime(updated); err != nil {
			return nil, err
		}
		list = append(list, one)
	}
	return list, s.explain("list secrets", rows.Err())
}

// SealedSecret returns a secret as seal.Box gave it; KindNotFound where there
// is none.
func (s *Store) SealedSecret(ctx context.Context, name string) ([]byte, error) {
	var sealed []byte
	err := s.db.QueryRowContext(ctx, `SELECT sealed FROM secrets WHERE name = ?`, name).Scan(&sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, notFound("secret", name, findSealed)
	}
	return sealed, s.explain("read secret", err)
}

// SaveSecret keeps a sealed secret, in the place of one of that name.
func (s *Store) SaveSecret(ctx context.Context, name string, sealed []byte, at time.Time) error {
	return s.transact(ctx, "save secret", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO secrets (name, sealed, updated_at) VALUES (?, ?, ?)
			ON CONFLICT (name) DO UPDATE SET sealed = excluded.sealed, updated_at = excluded.updated_at`, name, sealed, timeText(at))
		return err
	})
}

// RemoveSecret forgets a secret; KindNotFound where there is none.
func (s *Store) RemoveSecret(ctx context.Context, name string) error {
	err := s.transact(ctx, "remove secret", func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `DELETE FROM secrets WHERE name = ?`, name)
		if err != nil {
			return err
		}
		return affected(result, notFound("secret", name, findSealed))
	})
	if err != nil {
		return err
	}
	_, err = s.db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`) // as for connections
	return s.explain("remove secret", err)
}
