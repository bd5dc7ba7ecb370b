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
	doc, found, err := s.document(ctx, "layer", `SELECT doc_zst FROM layers WHERE key = ?`, key)
	if azward.KindOf(err) == azward.KindBadInput {
		return nil, false, nil // a miss claims nothing: the layer is read again
	}
	return doc, found, err
}

// SaveLayer keeps what was found in a layer.
func (s *Store) SaveLayer(ctx context.Context, key string, doc []byte) error {
	return s.saveDocument(ctx, "layer", `INSERT OR REPLACE INTO layers (doc_zst, key) VALUES (?, ?)`, doc, key)
}

// Image returns what was saved for an image digest; false where nothing was.
func (s *Store) Image(ctx context.Context, digest azward.Digest) ([]byte, bool, error) {
	return s.document(ctx, "image", `SELECT doc_zst FROM images WHERE digest = ?`, digest)
}

// SaveImage keeps a JSON document about an image: its packages, its layers.
func (s *Store) SaveImage(ctx context.Context, digest azward.Digest, doc []byte) error {
	return s.saveDocument(ctx, "image", `INSERT OR REPLACE INTO images (doc_zst, digest) VALUES (?, ?)`, doc, digest)
}

// Findings returns what was saved for an image under a version of the
// advisories; false where nothing was, which is not "no findings".
func (s *Store) Findings(ctx context.Context, digest azward.Digest, advisories string) ([]byte, bool, error) {
	return s.document(ctx, "findings", `SELECT doc_zst FROM findings WHERE digest = ? AND advisories = ?`, digest, advisories)
}

// SaveFindings keeps the findings of an image, a JSON document, in place of
// those of earlier advisories.
func (s *Store) SaveFindings(ctx context.Context, digest azward.Digest, advisories string, doc []byte) error {
	packed := s.pack(doc)
	return s.transact(ctx, "save findings", func(tx *sql.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM findings WHERE digest = ?`, digest); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO findings (digest, advisories, doc_zst) VALUES (?, ?, ?)`, digest, advisories, packed)
		return err
	})
}

func (s *Store) document(ctx context.Context, what, query string, args ...any) ([]byte, bool, error) {
	var packed []byte
	err := s.db.QueryRowContext(ctx, query, args...).Scan(&packed)
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

func (s *Store) saveDocument(ctx context.Context, what, query string, doc []byte, key any) error {
	packed := s.pack(doc)
	return s.transact(ctx, "save "+what, func(tx *sql.Tx) error {
		_, err := tx.ExecContext(ctx, query, packed, key)
		return err
	})
}
