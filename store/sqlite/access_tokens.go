package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/azward/azward/store"
)

const tokenColumns = `id, user_id, name, hash, role, created_at, expires_at, last_used, revoked_at` //nolint:gosec // names of columns, no secret

// AddToken saves a token with the audit entry about it.
func (s *Store) AddToken(ctx context.Context, t store.Token, entry store.AuditEntry) error {
	return s.transact(ctx, "add token", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT INTO tokens (`+tokenColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
			t.ID, t.UserID, t.Name, t.Hash, t.Role, timeText(t.CreatedAt), timeText(t.ExpiresAt), timeText(t.LastUsed), timeText(t.RevokedAt))
		if err != nil {
			return err
		}
		return writeAudit(ctx, tx, entry)
	})
}

// RevokeTokens ends a token of a user, or with id "" all that are good still.
// KindNotFound where a named one is not there; one that is revoked stays as it is.
func (s *Store) RevokeTokens(ctx context.Context, user, id string, entry store.AuditEntry) error {
	return s.transact(ctx, "revoke token", func(tx *sql.Tx) error {
		var exists bool
		err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM tokens WHERE user_id = ? AND id = ?)`, user, id).Scan(&exists)
		if err != nil {
			return err
		}
		if id != "" && !exists {
			return notFound("token", id, "see Settings, Tokens, for those there are")
		}
		result, err := tx.ExecContext(ctx, `UPDATE tokens SET revoked_at = ? WHERE user_id = ? AND ? IN ('', id) AND revoked_at = ?`,
			timeText(entry.At), user, id, timeText(time.Time{}))
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return err
		}
		return writeAudit(ctx, tx, entry)
	})
}

// Tokens returns the tokens of a user, or with "" of all, the newest first.
func (s *Store) Tokens(ctx context.Context, user string) (list []store.Token, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+tokenColumns+` FROM tokens WHERE ? IN ('', user_id) ORDER BY created_at DESC, id`, user)
	if err != nil {
		return nil, s.explain("list tokens", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		t, err := scanToken(rows)
		if err != nil {
			return nil, s.explain("list tokens", err)
		}
		list = append(list, t)
	}
	return list, s.explain("list tokens", rows.Err())
}

// TokenByHash returns a token, good or not; KindNotFound where there is none.
func (s *Store) TokenByHash(ctx context.Context, hash []byte) (store.Token, error) {
	return s.findToken(ctx, `hash = ?`, hash)
}

// Token returns a token by its ID, good or not; KindNotFound where there is none.
func (s *Store) Token(ctx context.Context, id string) (store.Token, error) {
	return s.findToken(ctx, `id = ?`, id)
}

func (s *Store) findToken(ctx context.Context, where string, arg any) (store.Token, error) {
	t, err := scanToken(s.db.QueryRowContext(ctx, `SELECT `+tokenColumns+` FROM tokens WHERE `+where, arg))
	if errors.Is(err, sql.ErrNoRows) {
		return store.Token{}, notFound("token", "", "see Settings, Tokens, for those there are")
	}
	return t, s.explain("find token", err)
}

func scanToken(r row) (t store.Token, err error) {
	var created, expires, used, revoked string
	err = r.Scan(&t.ID, &t.UserID, &t.Name, &t.Hash, &t.Role, &created, &expires, &used, &revoked)
	if err != nil {
		return t, err
	}
	return t, parseTimes(created, &t.CreatedAt, expires, &t.ExpiresAt, used, &t.LastUsed, revoked, &t.RevokedAt)
}

// AddPasskey saves a passkey with the audit entry about it; KindConflict where
// its credential is known already.
func (s *Store) AddPasskey(ctx context.Context, p store.Passkey, entry store.AuditEntry) error {
	return s.transact(ctx, "add passkey", func(tx *sql.Tx) error {
		if err := insertPasskey(ctx, tx, p); err != nil {
			return err
		}
		return writeAudit(ctx, tx, entry)
	})
}

func insertPasskey(ctx context.Context, tx *sql.Tx, p store.Passkey) error {
	result, err := tx.ExecContext(ctx, `INSERT INTO passkeys (id, user_id, name, record, created_at, last_used) VALUES (?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		p.ID, p.UserID, p.Name, string(p.Record), timeText(p.CreatedAt), timeText(p.LastUsed))
	if err != nil {
		return err
	}
	return affected(result, conflict("add passkey", p.Name, "this passkey is there already", "sign in with it"))
}

// UsePasskey keeps what changed with a sign-in: its counter and when.
func (s *Store) UsePasskey(ctx context.Context, p store.Passkey) error {
	return s.transact(ctx, "use passkey", func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE passkeys SET record = ?, last_used = ? WHERE id = ? AND user_id = ?`, string(p.Record), timeText(p.LastUsed), p.ID, p.UserID)
		if err != nil {
			return err
		}
		return affected(result, notFound("passkey", p.Name, "sign in another way"))
	})
}

// RemovePasskey deletes a user's passkey; KindNotFound where there is none.
func (s *Store) RemovePasskey(ctx context.Context, user string, id []byte, entry store.AuditEntry) error {
	return s.transact(ctx, "remove passkey", func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `DELETE FROM passkeys WHERE user_id = ? AND id = ?`, user, id)
		if err != nil {
			return err
		}
		if err := affected(result, notFound("passkey", "", "see Settings, Sign-in, for those there are")); err != nil {
			return err
		}
		return writeAudit(ctx, tx, entry)
	})
}

// Passkeys returns those of a user, or with "" all, the oldest first.
func (s *Store) Passkeys(ctx context.Context, user string) (list []store.Passkey, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT id, user_id, name, record, created_at, last_used FROM passkeys WHERE ? IN ('', user_id) ORDER BY created_at, id`, user)
	if err != nil {
		return nil, s.explain("list passkeys", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var p store.Passkey
		var record, created, used string
		if err := rows.Scan(&p.ID, &p.UserID, &p.Name, &record, &created, &used); err != nil {
			return nil, s.explain("list passkeys", err)
		}
		p.Record = []byte(record)
		if err := parseTimes(created, &p.CreatedAt, used, &p.LastUsed); err != nil {
			return nil, err
		}
		list = append(list, p)
	}
	return list, s.explain("list passkeys", rows.Err())
}
