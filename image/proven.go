package image

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// proven reads a blob and holds its end back until the digest is right.
type proven struct {
	io.Reader
	body io.Closer
	sum  hash.Hash
	want azward.Digest
}

func newProven(body io.ReadCloser, want azward.Digest, limit int64) *proven {
	return &proven{bound.Reader(body, limit, "the blob "+string(want)), body, sha256.New(), want}
}

// Read implements [io.Reader].
func (p *proven) Read(b []byte) (int, error) {
	n, err := p.Reader.Read(b)
	_, _ = p.sum.Write(b[:n]) // a hash takes all
	if errors.Is(err, io.EOF) {
		if got := "sha256:" + hex.EncodeToString(p.sum.Sum(nil)); got != string(p.want) {
			return n, fmt.Errorf("blob %s: %w: %s", p.want, ErrDigestMismatch, got)
		}
	}
	return n, err
}

// Close implements [io.Closer].
func (p *proven) Close() error { return p.body.Close() }
