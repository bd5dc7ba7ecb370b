package sqlite

import (
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/azward/azward/store"
)

// A document is kept as a row of parts: each is its length in bytes as a
// varint, and then the zstd-compressed bytes; or 0, and then the hash of a row
// in pieces.

const (
	// minShared is the size from which a shared piece is kept by its hash, in
	// bytes: below it the row would be larger than what it saves.
	minShared = 256
	// maxHeld bounds what a reader keeps of shared pieces, in bytes.
	maxHeld = 64 << 20
)

type pieceHash [16]byte

// pieceWriter keeps each shared piece of a transaction once.
type pieceWriter struct {
	insert *sql.Stmt
	known  map[pieceHash]bool
}

// keep writes a document's shared pieces and returns what to keep in its row.
func (w *verdictWriter) keep(ctx context.Context, doc store.Document) ([]byte, error) {
	var row, own []byte
	flush := func() {
		if len(own) > 0 {
			packed := w.store.pack(own)
			row = binary.AppendUvarint(row, uint64(len(packed)))
			row = append(row, packed...)
			own = own[:0]
		}
	}
	for _, piece := range doc {
		if !piece.Shared || len(piece.Text) < minShared {
			own = append(own, piece.Text...)
			continue
		}
		flush()
		sum := sha256.Sum256(piece.Text)
		hash := pieceHash(sum[:16])
		if !w.pieces.known[hash] {
			if _, err := w.pieces.insert.ExecContext(ctx, w.source, hash[:], w.scan, w.store.pack(piece.Text)); err != nil {
				return nil, err
			}
			w.pieces.known[hash] = true
		}
		row = binary.AppendUvarint(row, 0)
		row = append(row, hash[:]...)
	}
	flush()
	return row, nil
}

// pieceReader puts documents together, and keeps the shared pieces for the
// next one.
type pieceReader struct {
	store *Store
	from  asked
	held  map[string][]byte // by source and hash
	size  int
}

func (r *pieceReader) document(ctx context.Context, source string, row []byte, what string) ([]byte, error) {
	doc := []byte{}
	for len(row) > 0 {
		size, n := binary.Uvarint(row)
		if n <= 0 {
			return nil, r.store.damaged(what, errors.New("its parts cannot be told apart"))
		}
		row = row[n:]
		var part []byte
		var err error
		switch {
		case size == 0 && len(row) >= len(pieceHash{}):
			part, err = r.shared(ctx, source, pieceHash(row[:16]), what)
			row = row[16:]
		case size > 0 && size <= uint64(len(row)):
			if part, err = r.store.unpack(row[:size]); err != nil {
				err = r.store.damaged(what, err)
			}
			row = row[size:]
		default:
			err = r.store.damaged(what, errors.New("it is cut off"))
		}
		if err != nil {
			return nil, err
		}
		if len(doc)+len(part) > maxDocBytes {
			return nil, r.store.damaged(what, fmt.Errorf("it is larger than %d bytes", maxDocBytes))
		}
		doc = append(doc, part...)
	}
	return doc, nil
}

func (r *pieceReader) shared(ctx context.Context, source string, hash pieceHash, what string) ([]byte, error) {
	key := source + "\x00" + string(hash[:])
	if part, ok := r.held[key]; ok {
		return part, nil
	}
	part, found, err := r.store.document(ctx, r.from, what, `SELECT doc_zst FROM pieces WHERE source = ? AND hash = ?`, source, hash[:])
	if err == nil && !found {
		err = r.store.damaged(what, errors.New("a part of it is missing"))
	}
	if err != nil {
		return nil, err
	}
	if r.held == nil || r.size+len(part) > maxHeld {
		r.held, r.size = map[string][]byte{}, 0
	}
	r.held[key], r.size = part, r.size+len(part)
	return part, nil
}
