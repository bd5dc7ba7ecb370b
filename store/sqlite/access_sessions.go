package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// SaveSession keeps a session, in place of an earlier one of that key.
func (s *Store) SaveSession(ctx context.Context, key, doc []byte, expires time.Time) error {
	_, err := s.db.ExecContext(ctx, `INSERT INTO sessions (key, doc, expires_at) VALUES (?, ?, ?)
		ON CONFLICT (key) DO UPDATE SET doc = excluded.doc, expires_at = excluded.expires_at`, key, doc, timeText(expires))
	return s.explain("save session", err)
}

// Session returns a session that has not expired by now; false where there is none.
func (s *Store) Session(ctx context.Context, key []byte, now time.Time) (doc []byte, expires time.Time, found bool, err error) {
	var text string
	err = s.db.QueryRowContext(ctx, `SELECT doc, expires_at FROM sessions WHERE key = ? AND expires_at > ?`, key, timeText(now)).Scan(&doc, &text)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, time.Time{}, false, nil
	}
	if err != nil {
		return nil, time.Time{}, false, s.explain("find session", err)
	}
	expires, err = parseTime(text)
	return doc, expires, err == nil, err
}

// RemoveSession deletes a session, or does nothing where there is none.
func (s *Store) RemoveSession(ctx context.Context, key []byte) error {
	_, err := s.db.ExecContext(ctx, `DELETE FROM sessions WHERE key = ?`, key)
	return s.explain("remove session", err)
}

// Touch moves the ends of sessions, by key, and the times at which tokens were
// last used, by ID. Neither brings back what is gone meanwhile.
func (s *Store) Touch(ctx context.Context, sessions, tokens map[string]time.Time) error {
	return s.transact(ctx, "touch sessions", func(tx *sql.Tx) error {
		for _, key := range slices.Sorted(maps.Keys(sessions)) {
			if _, err := tx.ExecContext(ctx, `UPDATE sessions SET expires_at = ? WHERE key = ?`, timeText(sessions[key]), []byte(key)); err != nil {
				return err
			}
		}
		for _, id := range slices.Sorted(maps.Keys(tokens)) {
			at := timeText(tokens[id])
			if _, err := tx.ExecContext(ctx, `UPDATE tokens SET last_used = ? WHERE id = ? AND last_used < ?`, at, id, at); err != nil {
				return err
			}
		}
		return nil
	})
}

// SweepAccess deletes sessions, links and replies that expired by now.
func (s *Store) SweepAccess(ctx context.Context, now time.Time) error {
	return s.transact(ctx, "sweep sessions", func(tx *sql.Tx) error {
		for _, statement := range []string{
			`DELETE FROM sessions WHERE expires_at <= ?`,
			`DELETE FROM access_links WHERE expires_at <= ?`,
			`DELETE FROM replies WHERE expires_at <= ?`,
		} {
			if _, err := tx.ExecContext(ctx, statement, timeText(now)); err != nil {
				return err
			}
		}
		return nil
	})
}

// BeginReply takes an idempotency key: begun says that it was free at now, and
// is kept until r.ExpiresAt. Otherwise held is what the key was taken for. A
// user who has most keys taken gets KindThrottled.
func (s *Store) BeginReply(ctx context.Context, r store.Reply, most int, now time.Time) (held store.Reply, begun bool, err error) {
	const op = "take idempotency key"
	err = s.transact(ctx, op, func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM replies WHERE user_id = ? AND expires_at <= ?`, r.UserID, timeText(now)); err != nil {
			return err
		}
		held = store.Reply{UserID: r.UserID, Key: r.Key}
		var expires, header string
		err := tx.QueryRowContext(ctx, `SELECT route, request, status, content_type, header, body, expires_at FROM replies WHERE user_id = ? AND key = ?`, r.UserID, r.Key).
			Scan(&held.Route, &held.Request, &held.Status, &held.ContentType, &header, &held.Body, &expires)
		if err == nil {
			if err := readHeader(header, &held.Header); err != nil {
				return err
			}
			held.ExpiresAt, err = parseTime(expires)
			return err
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
		var count int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM replies WHERE user_id = ?`, r.UserID).Scan(&count); err != nil {
			return err
		}
		if count >= most {
			return &azward.Error{
				Kind: azward.KindThrottled, Op: op, Cause: "too many of your idempotency keys are kept already",
				Remedy: "send the request without a key, or wait: keys expire after a day",
			}
		}
		begun, held = true, store.Reply{}
		_, err = tx.ExecContext(ctx, `INSERT INTO replies (user_id, key, route, request, status, content_type, body, expires_at) VALUES (?, ?, ?, ?, 0, '', x'', ?)`,
			r.UserID, r.Key, r.Route, r.Request, timeText(r.ExpiresAt))
		return err
	})
	return held, begun && err == nil, err
}

// FinishReply keeps the answer to a key that was begun; with Status 0 it gives
// the key back.
func (s *Store) FinishReply(ctx context.Context, r store.Reply) error {
	var err error
	if r.Status == 0 {
		_, err = s.db.ExecContext(ctx, `DELETE FROM replies WHERE user_id = ? AND key = ? AND status = 0`, r.UserID, r.Key)
	} else {
		body := r.Body
		if body == nil {
			body = []byte{}
		}
		var header []byte
		if header, err = json.Marshal(r.Header); err != nil {
			return fmt.Errorf("keep reply: %w", err)
		}
		_, err = s.db.ExecContext(ctx, `UPDATE replies SET status = ?, content_type = ?, header = ?, body = ?, expires_at = ? WHERE user_id = ? AND key = ? AND status = 0`,
			r.Status, r.ContentType, string(header), body, timeText(r.ExpiresAt), r.UserID, r.Key)
	}
	return s.explain("keep reply", err)
}

// readHeader reads what FinishReply wrote; none stays nil.
func readHeader(text string, to *map[string]string) error {
	if text == "{}" {
		return nil
	}
	return json.Unmarshal([]byte(text), to)
}
