package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/azward/azward/store"
)

const findConsent = "begin again from the connection"

// SaveConsent keeps one that was asked for. Those that are over at now go, and
// the ones that end first where there are most already.
func (s *Store) SaveConsent(ctx context.Context, c store.Consent, most int, now time.Time) error {
	return s.transact(ctx, "keep consent", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM consents WHERE expires_at <= ?`, timeText(now)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM consents WHERE state IN (SELECT state FROM consents ORDER BY expires_at DESC, state LIMIT -1 OFFSET ?)`, most-1); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO consents (state, user_id, browser, expires_at, sealed) VALUES (?, ?, ?, ?, ?)`,
			c.State, c.User, c.Browser, timeText(c.ExpiresAt), c.Sealed)
		return err
	})
}

// Consent returns one that is under way; KindNotFound where there is none.
func (s *Store) Consent(ctx context.Context, state []byte) (store.Consent, error) {
	c := store.Consent{State: state}
	var expires string
	err := s.db.QueryRowContext(ctx, `SELECT user_id, browser, expires_at, sealed FROM consents WHERE state = ?`, state).Scan(&c.User, &c.Browser, &expires, &c.Sealed)
	if errors.Is(err, sql.ErrNoRows) {
		return store.Consent{}, notFound("consent", "of that state", findConsent)
	}
	if err == nil {
		c.ExpiresAt, err = parseTime(expires)
	}
	return c, s.explain("find consent", err)
}

// TakeConsent uses one up; KindNotFound where another was faster.
func (s *Store) TakeConsent(ctx context.Context, state []byte) error {
	return s.transact(ctx, "take up consent", func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `DELETE FROM consents WHERE state = ?`, state)
		if err != nil {
			return err
		}
		return affected(result, notFound("consent", "of that state", findConsent))
	})
}

// SweepConsents removes those that are over at now, with what they sealed.
func (s *Store) SweepConsents(ctx context.Context, now time.Time) error {
	return s.transact(ctx, "sweep consents", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `DELETE FROM consents WHERE expires_at <= ?`, timeText(now))
		return err
	})
}
