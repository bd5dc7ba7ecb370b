package sqlite

import (
	"context"
	"database/sql"
	"errors"

	"github.com/azward/azward"
)

// Layer returns what was saved for a layer; false where nothing was. It is a
// cache: what came to harm counts as nothing, and is read and saved anew.
func (s *Store) Layer(ctx context.Context, key string) ([]byte, bool, error) {
	doc, found, err := s.document(ctx, s.db, "layer", `SELECT doc_zst FROM layers WHERE key = ?`, key)
	if azward.KindOf(err) == azward.KindBadInput {
		return nil, false, nil // a miss claims nothing: the layer is read again
	}
	return doc, found, err
}

// SaveLayer keeps what was found in a layer.
func (s *Store) SaveLayer(ctx context.Context, key string, doc []byte) error {
	packed := s.pack(doc)
	return s.transact(ctx, "save layer", func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, `INSERT OR REPLACE INTO layers (doc_zst, key) VALUES (?, ?)`, packed, key)
		return err
	})
}

// asked is the database, or one connection to it.
type asked interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
}

func (s *Store) document(ctx context.Context, from asked, what, query string, args ...any) ([]byte, bool, error) {
	var packed []byte
	err := from.QueryRowContext(ctx, query, args...).Scan(&packed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil {
		return nil, false, s.explain("read "+what, err)
	}
	doc, err := s.unpack(packed)
	if err != nil {
		return nil, false, s.damaged(what, err)
	}
	return doc, true, nil
}
