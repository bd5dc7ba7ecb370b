package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/azward/azward/store"
)

// Views returns what a user saved, by name.
func (s *Store) Views(ctx context.Context, user string) (list []store.View, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT user_id, name, query FROM views WHERE user_id = ? ORDER BY name`, user)
	if err != nil {
		return nil, s.explain("list views", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	for rows.Next() {
		var v store.View
		if err := rows.Scan(&v.User, &v.Name, &v.Query); err != nil {
			return nil, s.explain("list views", err)
		}
		list = append(list, v)
	}
	return list, s.explain("list views", rows.Err())
}

// SaveView keeps a view, in place of the user's earlier one of that name.
func (s *Store) SaveView(ctx context.Context, v store.View) error {
	return s.transact(ctx, "save view", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO views (user_id, name, query) VALUES (?, ?, ?)`, v.User, v.Name, v.Query)
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
