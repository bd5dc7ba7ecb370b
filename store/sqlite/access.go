package sqlite

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

const (
	userColumns = `id, name, role, disabled, issuer, subject, password, epoch, created_at, updated_at, last_sign_in`
	findUser    = "see Settings, Users, for those there are"
)

// AddUser saves a new user with the audit entry about it. A name (of a local
// user) or a subject (of an issuer) that exists gives KindConflict.
func (s *Store) AddUser(ctx context.Context, u store.User, entry store.AuditEntry) error {
	return s.transact(ctx, "add user", func(tx *sql.Tx) error {
		if err := insertUser(ctx, tx, u); err != nil {
			return err
		}
		return writeAudit(ctx, tx, entry)
	})
}

func insertUser(ctx context.Context, tx *sql.Tx, u store.User) error {
	result, err := tx.ExecContext(ctx, `INSERT INTO users (`+userColumns+`) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO NOTHING`,
		u.ID, u.Name, u.Role, u.Disabled, u.Issuer, u.Subject, u.Password, u.Epoch,
		timeText(u.CreatedAt), timeText(u.UpdatedAt), timeText(u.LastSignIn))
	if err != nil {
		return err
	}
	return affected(result, &azward.Error{
		Kind: azward.KindConflict, Op: "add user", Subject: u.Name, Cause: "there is one of that name already",
		Remedy: "choose another name, or change that user",
	})
}

// SetUpUser adds the first administrator in exchange for a link: KindSignIn
// where the link is unknown, used or expired at the time of entry, KindConflict
// where there is an administrator by now. Key is their passkey, or nil. Nothing
// is half done.
func (s *Store) SetUpUser(ctx context.Context, link []byte, u store.User, key *store.Passkey, entry store.AuditEntry) error {
	return s.transact(ctx, "set up", func(tx *sql.Tx) error {
		if err := useLink(ctx, tx, link, "", entry.At); err != nil {
			return err
		}
		admins, err := countAdmins(ctx, tx)
		if err != nil {
			return err
		}
		if admins > 0 {
			return &azward.Error{
				Kind: azward.KindConflict, Op: "set up", Cause: "there is an administrator already",
				Remedy: "sign in, or ask that administrator for an account",
			}
		}
		if err := insertUser(ctx, tx, u); err != nil {
			return err
		}
		if key != nil {
			if err := insertPasskey(ctx, tx, *key); err != nil {
				return err
			}
		}
		return writeAudit(ctx, tx, entry)
	})
}

// RedeemLink is UpdateUser in exchange for the user's link, which it uses up
// (KindSignIn where it is none); key is a passkey to add, or nil.
func (s *Store) RedeemLink(ctx context.Context, link []byte, u store.User, was time.Time, key *store.Passkey, entry store.AuditEntry) error {
	return s.transact(ctx, "use link", func(tx *sql.Tx) error {
		if err := useLink(ctx, tx, link, u.ID, entry.At); err != nil {
			return err
		}
		if key != nil {
			if err := insertPasskey(ctx, tx, *key); err != nil {
				return err
			}
		}
		return updateUser(ctx, tx, u, was, entry)
	})
}

// UpdateUser replaces what a user is where it was last changed at was, with the
// audit entry about it: another change in between gives KindConflict, no such
// user KindNotFound, and what would leave no administrator who is not disabled
// KindConflict.
func (s *Store) UpdateUser(ctx context.Context, u store.User, was time.Time, entry store.AuditEntry) error {
	return s.transact(ctx, "update user", func(tx *sql.Tx) error { return updateUser(ctx, tx, u, was, entry) })
}

func updateUser(ctx context.Context, tx *sql.Tx, u store.User, was time.Time, entry store.AuditEntry) error {
	before, err := countAdmins(ctx, tx)
	if err != nil {
		return err
	}
	result, err := tx.ExecContext(ctx, `UPDATE users SET name = ?, role = ?, disabled = ?, password = ?, epoch = ?, updated_at = ?, last_sign_in = ?
		WHERE id = ? AND updated_at = ?`,
		u.Name, u.Role, u.Disabled, u.Password, u.Epoch, timeText(u.UpdatedAt), timeText(u.LastSignIn), u.ID, timeText(was))
	if err != nil {
		return err
	}
	if err := changed(ctx, tx, result, u); err != nil {
		return err
	}
	after, err := countAdmins(ctx, tx)
	if err != nil {
		return err
	}
	if before > 0 && after == 0 {
		return conflict("update user", u.Name, "nobody would be left to administer the hub", "give another user the role admin first")
	}
	return writeAudit(ctx, tx, entry)
}

// changed tells a user that is gone from one that was changed meanwhile.
func changed(ctx context.Context, tx *sql.Tx, result sql.Result, u store.User) error {
	var exists bool
	if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM users WHERE id = ?)`, u.ID).Scan(&exists); err != nil {
		return err
	}
	if !exists {
		return notFound("user", u.ID, findUser)
	}
	return affected(result, &azward.Error{
		Kind: azward.KindConflict, Op: "update user", Subject: u.Name, Cause: "it was changed meanwhile",
		Remedy: "look at it as it is now, and make the change again",
	})
}

func countAdmins(ctx context.Context, tx *sql.Tx) (n int, err error) {
	err = tx.QueryRowContext(ctx, `SELECT count(*) FROM users WHERE role = 'admin' AND NOT disabled`).Scan(&n)
	return n, err
}

// Users returns all users by name.
func (s *Store) Users(ctx context.Context) (list []store.User, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+userColumns+` FROM users ORDER BY name COLLATE NOCASE, id`)
	if err != nil {
		return nil, s.explain("list users", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		u, err := scanUser(rows)
		if err != nil {
			return nil, s.explain("list users", err)
		}
		list = append(list, u)
	}
	return list, s.explain("list users", rows.Err())
}

// User returns one user; KindNotFound where there is none.
func (s *Store) User(ctx context.Context, id string) (store.User, error) {
	return s.findUser(ctx, id, `id = ?`, id)
}

// LocalUser returns the user without issuer of that name, whatever its case;
// KindNotFound where there is none.
func (s *Store) LocalUser(ctx context.Context, name string) (store.User, error) {
	return s.findUser(ctx, name, `issuer = '' AND name = ? COLLATE NOCASE`, name)
}

// IssuedUser returns an issuer's user; KindNotFound where there is none.
func (s *Store) IssuedUser(ctx context.Context, issuer, subject string) (store.User, error) {
	return s.findUser(ctx, subject, `issuer = ? AND subject = ?`, issuer, subject)
}

func (s *Store) findUser(ctx context.Context, subject, where string, args ...any) (store.User, error) {
	u, err := scanUser(s.db.QueryRowContext(ctx, `SELECT `+userColumns+` FROM users WHERE `+where, args...))
	if errors.Is(err, sql.ErrNoRows) {
		return store.User{}, notFound("user", subject, findUser)
	}
	return u, s.explain("find user", err)
}

func scanUser(r row) (u store.User, err error) {
	var created, updated, last string
	err = r.Scan(&u.ID, &u.Name, &u.Role, &u.Disabled, &u.Issuer, &u.Subject, &u.Password, &u.Epoch, &created, &updated, &last)
	if err != nil {
		return u, err
	}
	return u, parseTimes(created, &u.CreatedAt, updated, &u.UpdatedAt, last, &u.LastSignIn)
}

// parseTimes takes pairs of a text and where its time goes.
func parseTimes(pairs ...any) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		text, isText := pairs[i].(string)
		to, isTime := pairs[i+1].(*time.Time)
		if !isText || !isTime {
			return errors.New("parseTimes takes pairs of string and *time.Time")
		}
		at, err := parseTime(text)
		if err != nil {
			return err
		}
		*to = at
	}
	return nil
}

// AddLink keeps a one-time link, in place of all earlier ones for the same
// user, or for the first administrator.
func (s *Store) AddLink(ctx context.Context, l store.Link, entry store.AuditEntry) error {
	return s.transact(ctx, "make link", func(tx *sql.Tx) error {
		user := sql.NullString{String: l.UserID, Valid: l.UserID != ""}
		if _, err := tx.ExecContext(ctx, `DELETE FROM access_links WHERE user_id IS ? OR expires_at <= ?`, user, timeText(entry.At)); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `INSERT INTO access_links (hash, user_id, expires_at) VALUES (?, ?, ?)`, l.Hash, user, timeText(l.ExpiresAt)); err != nil {
			return err
		}
		return writeAudit(ctx, tx, entry)
	})
}

// Link returns a link that was not used yet, expired or not; KindNotFound where
// there is none.
func (s *Store) Link(ctx context.Context, hash []byte) (l store.Link, err error) {
	var user sql.NullString
	var expires string
	err = s.db.QueryRowContext(ctx, `SELECT hash, user_id, expires_at FROM access_links WHERE hash = ?`, hash).Scan(&l.Hash, &user, &expires)
	if errors.Is(err, sql.ErrNoRows) {
		return l, notFound("link", "", "ask for a new one")
	}
	if err != nil {
		return l, s.explain("find link", err)
	}
	l.UserID = user.String
	l.ExpiresAt, err = parseTime(expires)
	return l, err
}

func useLink(ctx context.Context, tx *sql.Tx, hash []byte, user string, at time.Time) error {
	result, err := tx.ExecContext(ctx, `DELETE FROM access_links WHERE hash = ? AND user_id IS ? AND expires_at > ?`,
		hash, sql.NullString{String: user, Valid: user != ""}, timeText(at))
	if err != nil {
		return err
	}
	return affected(result, &azward.Error{
		Kind: azward.KindSignIn, Op: "use link", Cause: "the link was used already, or its time is over",
		Remedy: "start the hub again for a new setup link, or ask an administrator for a new one",
	})
}
