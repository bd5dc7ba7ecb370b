package image

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// Why a layer could not be read, for errors.Is. A layer or a file in it that
// is larger than allowed matches bound.ErrTooLarge.
var (
	ErrNotTar         = errors.New("it is not a tar archive")
	ErrDigestMismatch = errors.New("its bytes do not have the digest that the manifest names")
	ErrTooManyEntries = errors.New("it has too many entries")
	ErrExpands        = fmt.Errorf("it unpacks to more than %d times its size", plainRatio)
	ErrWindow         = fmt.Errorf("unpacking its zstd takes more than %d bytes at once", maxWindow)
	ErrForeign        = errors.New("it is stored elsewhere, as Windows base layers are")
)

// body is the layer as stored: summed up, ended when ctx ends, and told of.
type body struct {
	ctx  context.Context //nolint:containedctx // lives as long as one read of a layer
	r    io.Reader
	sum  hash.Hash
	n    int64
	tell func(n int64)
	told int64
}

// transportError is a failure of the way that a layer came, not of what it holds.
type transportError struct{ error }

// Unwrap gives the failure.
func (t transportError) Unwrap() error { return t.error }

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		return 0, transportError{err}
	}
	n, err := b.r.Read(p)
	if n > 0 {
		_, _ = b.sum.Write(p[:n])
		b.n += int64(n)
		if b.tell != nil && b.n-b.told >= progressStep {
			b.told = b.n
			b.tell(b.n)
		}
	}
	if err != nil && !errors.Is(err, io.EOF) {
		err = transportError{err}
	}
	return n, err
}

// readLayer streams one layer: bytes as stored and their digest in one
// goroutine, decompression in a second, tar and the files that matter in the
// third. A failure of the content is an *azward.Error of KindBadInput; one of
// the transport is returned as it came. The caller must end ctx, and with it
// reads of src, by cancel; readLayer calls it when it stops early.
//
// With more, only files with these other names are read.
func readLayer(ctx context.Context, cancel func(), src io.Reader, l Layer, more *aliases, tell func(int64)) (*LayerResult, error) {
	b := &body{ctx: ctx, r: src, sum: sha256.New(), tell: tell}
	size := l.Size
	if size <= 0 { // a manifest that says 0 must not mean "for ever"
		size = DefaultMaxLayerBytes
	}
	stored := readAhead(bound.Reader(b, size, "the layer"), &storedPieces)
	result, err := unpack(ctx, cancel, stored, more)
	if err == nil {
		err = stored.drain() // what follows the archive belongs to the digest
	}
	if err != nil {
		cancel()
	}
	stored.stop()
	var transport transportError
	switch {
	case errors.As(err, &transport):
		return nil, transport.error
	case err != nil:
		return nil, badLayer(l, err)
	}
	result.Digest = azward.Digest("sha256:" + hex.EncodeToString(b.sum.Sum(nil)))
	if result.Digest != l.Digest {
		return nil, badLayer(l, fmt.Errorf("%w: %s", ErrDigestMismatch, result.Digest))
	}
	return result, nil
}

func unpack(ctx context.Context, cancel func(), stored *ahead, more *aliases) (*LayerResult, error) {
	u, err := newUnpacker(ctx, stored)
	if err != nil {
		return nil, err
	}
	defer u.free()
	archive := readAhead(&expanding{r: u, stored: stored}, &plainPieces)
	result, err := walk(ctx, archive, more)
	if err == nil {
		if err = archive.drain(); err != nil {
			err = fmt.Errorf("after the end of the archive: %w", err)
		}
	}
	if err != nil {
		cancel()
	}
	archive.stop()
	if err != nil {
		return nil, err
	}
	result.Bytes = archive.n
	return result, nil
}

func badLayer(l Layer, err error) error {
	return &azward.Error{
		Kind: azward.KindBadInput, Op: "read layer", Subject: string(l.Digest), Cause: err.Error(),
		Remedy: "build and push the image again", Err: err,
	}
}
