package sqlite

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

const connectionColumns = `name, kind, tenant_id, client_id, cloud, cloud_config, auth, credential_file, subscriptions, sealed, created_at, updated_at`

const findConnection = "see `azward connections list` for those there are, or add it with `azward connect azure`"

// AddConnection saves a new connection. One of that name gives KindConflict and
// stays as it is.
func (s *Store) AddConnection(ctx context.Context, c store.Connection) error {
	subscriptions, err := subscriptionsText(c)
	if err != nil {
		return err
	}
	return s.transact(ctx, "add connection", func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `INSERT INTO connections (`+connectionColumns+`)
			VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (name) DO NOTHING`,
			c.Name, c.Kind, c.TenantID, c.ClientID, c.Cloud, c.CloudConfig, c.Auth, c.CredentialFile, subscriptions, c.Sealed,
			timeText(c.CreatedAt), timeText(c.UpdatedAt))
		if err != nil {
			return err
		}
		return affected(result, &azward.Error{
			Kind: azward.KindConflict, Op: "add connection", Subject: c.Name, Cause: "there is one of that name already",
			Remedy: "choose another name with --name, or remove the old one: azward connections remove " + c.Name,
		})
	})
}

// UpdateConnection replaces what a connection says, but for its name and the
// time of its creation, where it was last changed at was: another change in
// between gives KindConflict, no such connection KindNotFound, and neither
// changes anything.
func (s *Store) UpdateConnection(ctx context.Context, c store.Connection, was time.Time) error {
	subscriptions, err := subscriptionsText(c)
	if err != nil {
		return err
	}
	return s.transact(ctx, "update connection", func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `UPDATE connections SET kind = ?, tenant_id = ?, client_id = ?, cloud = ?, cloud_config = ?,
			auth = ?, credential_file = ?, subscriptions = ?, sealed = ?, updated_at = ? WHERE name = ? AND updated_at = ?`,
			c.Kind, c.TenantID, c.ClientID, c.Cloud, c.CloudConfig, c.Auth, c.CredentialFile, subscriptions, c.Sealed,
			timeText(c.UpdatedAt), c.Name, timeText(was))
		if err != nil {
			return err
		}
		var exists bool
		if err := tx.QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM connections WHERE name = ?)`, c.Name).Scan(&exists); err != nil {
			return err
		}
		if !exists {
			return notFound("connection", c.Name, findConnection)
		}
		return affected(result, &azward.Error{
			Kind: azward.KindConflict, Op: "update connection", Subject: c.Name, Cause: "it was changed meanwhile",
			Remedy: "look at it as it is now, and make the change again",
		})
	})
}

func subscriptionsText(c store.Connection) (string, error) {
	if len(c.Subscriptions) == 0 {
		return "[]", nil
	}
	text, err := json.Marshal(c.Subscriptions)
	return string(text), err
}

// Connections returns all connections by name.
func (s *Store) Connections(ctx context.Context) (list []store.Connection, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT `+connectionColumns+` FROM connections ORDER BY name`)
	if err != nil {
		return nil, s.explain("list connections", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		c, err := scanConnection(rows)
		if err != nil {
			return nil, s.explain("list connections", err)
		}
		list = append(list, c)
	}
	return list, s.explain("list connections", rows.Err())
}

// Connection returns one connection; KindNotFound where there is none.
func (s *Store) Connection(ctx context.Context, name string) (store.Connection, error) {
	c, err := scanConnection(s.db.QueryRowContext(ctx, `SELECT `+connectionColumns+` FROM connections WHERE name = ?`, name))
	if errors.Is(err, sql.ErrNoRows) {
		return store.Connection{}, notFound("connection", name, findConnection)
	}
	return c, s.explain("find connection", err)
}

// RemoveConnection deletes the connection with its sealed secret and its
// current verdicts and what they were. Its scans stay as history. KindNotFound where there is none.
func (s *Store) RemoveConnection(ctx context.Context, name string) error {
	err := s.transact(ctx, "remove connection", func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `DELETE FROM connections WHERE name = ?`, name)
		if err != nil {
			return err
		}
		if err := affected(result, notFound("connection", name, findConnection)); err != nil {
			return err
		}
		if _, err = tx.ExecContext(ctx, `DELETE FROM verdicts WHERE source = ?`, name); err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `DELETE FROM verdict_history WHERE source = ?`, name)
		return err
	})
	if err != nil {
		return err
	}
	// The log still holds the pages as they were; moving it into the file, where
	// they are wiped, is best done now. A reader may be in the way, then a later
	// checkpoint does it.
	_, err = s.db.ExecContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`)
	return s.explain("remove connection", err)
}

type row interface{ Scan(...any) error }

func scanConnection(r row) (c store.Connection, err error) {
	var created, updated, subscriptions string
	err = r.Scan(&c.Name, &c.Kind, &c.TenantID, &c.ClientID, &c.Cloud, &c.CloudConfig, &c.Auth, &c.CredentialFile,
		&subscriptions, &c.Sealed, &created, &updated)
	if err != nil {
		return c, err
	}
	if err := json.Unmarshal([]byte(subscriptions), &c.Subscriptions); err != nil {
		return c, err
	}
	if len(c.Subscriptions) == 0 {
		c.Subscriptions = nil
	}
	c.CreatedAt, err = parseTime(created)
	if err != nil {
		return c, err
	}
	c.UpdatedAt, err = parseTime(updated)
	return c, err
}

// affected returns otherwise when the statement changed no row.
func affected(result sql.Result, otherwise error) error {
	n, err := result.RowsAffected()
	if err != nil {
		return err
	}
	if n == 0 {
		return otherwise
	}
	return nil
}
