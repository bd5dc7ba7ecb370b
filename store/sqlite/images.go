package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"

	"github.com/azward/azward"
	"github.com/azward/azward/store"
)

// SaveImage keeps an image and its packages, in place of what was known of the
// digest.
func (s *Store) SaveImage(ctx context.Context, img store.ScannedImage) error {
	row := struct{ layers, createdBy, places []byte }{azward.JSONValue(img.Layers), azward.JSONValue(img.CreatedBy), nil}
	places := make([][]string, len(img.Packages))
	for i, p := range img.Packages {
		places[i] = p.Locations
	}
	row.places = s.pack(azward.JSONValue(places))
	doc := s.pack(img.Doc)
	return s.transact(ctx, "save image", func(tx *sql.Tx) error {
		packages, err := savePackages(ctx, tx, img)
		if err != nil {
			return err
		}
		_, err = tx.ExecContext(ctx, `INSERT OR REPLACE INTO images
			(digest, version, partial, doc_zst, layers, created_by, packages, places_zst) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`,
			img.Digest, img.Version, img.Partial, doc, string(row.layers), string(row.createdBy), packages, row.places)
		return err
	})
}

// identity is what makes two packages the same one, as it is stored: where
// they lie is the image's.
func identity(p azward.Package) (doc, sum []byte) {
	p.Layer, p.CreatedBy, p.Locations = "", "", nil
	doc = azward.JSONValue(p)
	whole := sha256.Sum256(doc)
	return doc, whole[:16]
}

func savePackages(ctx context.Context, tx *sql.Tx, img store.ScannedImage) (list []byte, err error) {
	find, err := tx.PrepareContext(ctx, `SELECT id FROM packages WHERE identity = ?`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, find.Close()) }()
	add, err := tx.PrepareContext(ctx, `INSERT INTO packages (identity, doc) VALUES (?, ?)`)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, add.Close()) }()
	list = []byte{} // not NULL
	for _, p := range img.Packages {
		doc, sum := identity(p)
		var id int64
		err := find.QueryRowContext(ctx, sum).Scan(&id)
		if errors.Is(err, sql.ErrNoRows) {
			var added sql.Result
			if added, err = add.ExecContext(ctx, sum, string(doc)); err == nil {
				id, err = added.LastInsertId()
			}
		}
		if err != nil {
			return nil, fmt.Errorf("package %s: %w", p.PURL, err)
		}
		list = binary.AppendUvarint(list, uint64(id))
		list = binary.AppendUvarint(list, uint64(slices.Index(img.Layers, p.Layer)+1))
	}
	return list, nil
}

// HasImage says whether the image was read by these extractors.
func (s *Store) HasImage(ctx context.Context, digest azward.Digest, version string) (bool, error) {
	var n int
	err := s.db.QueryRowContext(ctx, `SELECT count(*) FROM images WHERE digest = ? AND version = ?`, digest, version).Scan(&n)
	return n > 0, s.explain("look up image", err)
}

// Image returns an image with its packages; false where it was never saved.
func (s *Store) Image(ctx context.Context, digest azward.Digest) (img store.ScannedImage, found bool, err error) {
	var doc, list, places []byte
	var layers, createdBy string
	img.Digest = digest
	err = s.db.QueryRowContext(ctx, `SELECT version, partial, doc_zst, layers, created_by, packages, places_zst FROM images WHERE digest = ?`, digest).
		Scan(&img.Version, &img.Partial, &doc, &layers, &createdBy, &list, &places)
	if errors.Is(err, sql.ErrNoRows) {
		return store.ScannedImage{}, false, nil
	}
	if err != nil {
		return store.ScannedImage{}, false, s.explain("read image", err)
	}
	var where [][]string
	err = errors.Join(json.Unmarshal([]byte(layers), &img.Layers), json.Unmarshal([]byte(createdBy), &img.CreatedBy))
	if err == nil {
		img.Doc, err = s.unpack(doc)
	}
	if err == nil {
		err = s.unpackJSON(places, &where)
	}
	held := store.Contents{Digest: digest}
	if err == nil {
		held.Packages, held.Layers, err = contents(list)
	}
	if err == nil && len(where) != len(held.Packages) {
		err = errors.New("packages and their places differ in number")
	}
	if err != nil {
		return store.ScannedImage{}, false, s.damaged("image", err)
	}
	for i, id := range held.Packages {
		p, err := s.onePackage(ctx, id)
		if err != nil {
			return store.ScannedImage{}, false, err
		}
		p.Locations = where[i]
		if at := held.Layers[i]; at >= 0 && at < len(img.Layers) {
			p.Layer = img.Layers[at]
			if at < len(img.CreatedBy) {
				p.CreatedBy = img.CreatedBy[at]
			}
		}
		img.Packages = append(img.Packages, p)
	}
	return img, true, nil
}

func (s *Store) unpackJSON(packed []byte, v any) error {
	raw, err := s.unpack(packed)
	if err != nil {
		return err
	}
	return json.Unmarshal(raw, v)
}

func (s *Store) onePackage(ctx context.Context, id store.PackageID) (p azward.Package, err error) {
	var doc string
	err = s.db.QueryRowContext(ctx, `SELECT doc FROM packages WHERE id = ?`, id).Scan(&doc)
	if errors.Is(err, sql.ErrNoRows) {
		return p, s.damaged("image", fmt.Errorf("package %d is missing", id))
	}
	if err != nil {
		return p, s.explain("read package", err)
	}
	if err := json.Unmarshal([]byte(doc), &p); err != nil {
		return p, s.damaged("package", err)
	}
	return p, nil
}

// contents reads the column packages of an image.
func contents(list []byte) (ids []store.PackageID, layers []int, err error) {
	for len(list) > 0 {
		id, n := binary.Uvarint(list)
		if n <= 0 {
			return nil, nil, errors.New("the list of packages is damaged")
		}
		layer, m := binary.Uvarint(list[n:])
		if m <= 0 {
			return nil, nil, errors.New("the list of packages is damaged")
		}
		list = list[n+m:]
		ids, layers = append(ids, store.PackageID(id)), append(layers, int(layer)-1)
	}
	return ids, layers, nil
}

// Packages gives every distinct package that a stored image has or had,
// without the places where it lies.
func (s *Store) Packages(ctx context.Context) (_ map[store.PackageID]azward.Package, err error) {
	rows, err := s.db.QueryContext(ctx, `SELECT id, doc FROM packages`)
	if err != nil {
		return nil, s.explain("read packages", err)
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	all := map[store.PackageID]azward.Package{}
	for rows.Next() {
		var id store.PackageID
		var doc sql.RawBytes
		if err := rows.Scan(&id, &doc); err != nil {
			return nil, s.explain("read packages", err)
		}
		var p azward.Package
		if err := json.Unmarshal(doc, &p); err != nil {
			return nil, s.damaged("package", err)
		}
		all[id] = p
	}
	return all, s.explain("read packages", rows.Err())
}

// Contents gives every stored image, in no order.
func (s *Store) Contents(ctx context.Context) iter.Seq2[store.Contents, error] {
	return func(yield func(store.Contents, error) bool) {
		rows, err := s.db.QueryContext(ctx, `SELECT digest, partial, doc_zst, packages FROM images`)
		if err != nil {
			yield(store.Contents{}, s.explain("read images", err))
			return
		}
		defer rows.Close()
		for rows.Next() {
			c, err := s.scanContents(rows)
			if err != nil {
				yield(store.Contents{}, s.explain("read images", err))
				return
			}
			if !yield(c, nil) {
				return
			}
		}
		if err := rows.Err(); err != nil {
			yield(store.Contents{}, s.explain("read images", err))
		}
	}
}

func (s *Store) scanContents(r *sql.Rows) (c store.Contents, err error) {
	var doc, list sql.RawBytes
	if err := r.Scan(&c.Digest, &c.Partial, &doc, &list); err != nil {
		return c, err
	}
	if c.Doc, err = s.unpack(doc); err == nil {
		c.Packages, c.Layers, err = contents(list)
	}
	if err != nil {
		return c, s.damaged("image", err)
	}
	return c, nil
}
