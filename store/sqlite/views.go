package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/azward/azward/store"
)

// Views returns what a user saved and what others share, by name.
func (s *Store) Views(ctx context.Context, user string) (list []store.View, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT v.user_id, coalesce(u.name, ''), v.name, v.query, v.shared FROM views v LEFT JOIN users u ON u.id = v.user_id
		WHERE v.user_id = ? OR v.shared <> 0 ORDER BY v.name, v.user_id`, user)
	if err != nil {
		return nil, s.explain("list views", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var v store.View
		if err := rows.Scan(&v.User, &v.Owner, &v.Name, &v.Query, &v.Shared); err != nil {
			return nil, s.explain("list views", err)
		}
		list = append(list, v)
	}
	return list, s.explain("list views", rows.Err())
}

// SaveView keeps a view, in place of the user's earlier one of that name;
// KindConflict where another user shares one of that name.
func (s *Store) SaveView(ctx context.Context, v store.View) error {
	return s.transact(ctx, "save view", func(tx *sql.Tx) error {
		var other int
		if err := tx.QueryRowContext(ctx, `SELECT count(*) FROM views WHERE name = ? AND shared <> 0 AND user_id <> ?`, v.Name, v.User).Scan(&other); err != nil {
			return err
		}
		if v.Shared && other > 0 {
			return conflict("share view", v.Name, "another user shares a view of that name", "give it another name")
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO views (user_id, name, query, shared) VALUES (?, ?, ?, ?)
			ON CONFLICT (user_id, name) DO UPDATE SET query = excluded.query, shared = excluded.shared`, v.User, v.Name, v.Query, v.Shared)
		return err
	})
}

// RemoveView deletes a view; KindNotFound where the user has none of that name.
func (s *Store) RemoveView(ctx context.Context, user, name string) error {
	return s.transact(ctx, "remove view", func(tx *sql.Tx) error {
		result, err := tx.ExecContext(ctx, `DELETE FROM views WHERE user_id = ? AND name = ?`, user, name)
		if err != nil {
			return err
		}
		return affected(result, notFound("view", name, "look at the list of verdicts: it has your views"))
	})
}
