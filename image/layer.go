package image

import (
	"bufio"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"io"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// Why a layer could not be read, for errors.Is.
var (
	ErrNotTar         = errors.New("it is not a tar archive")
	ErrDigestMismatch = errors.New("its bytes do not have the digest that the manifest names")
	ErrTooManyEntries = errors.New("it has too many entries")
	ErrForeign        = errors.New("it is stored elsewhere, as Windows base layers are")
)

// format is how a layer is compressed, told by its first bytes: media types
// are wrong often enough.
type format int

const (
	plain format = iota
	gzipped
	zstandard
)

func compression(head []byte) format {
	switch {
	case len(head) >= 2 && head[0] == 0x1f && head[1] == 0x8b:
		return gzipped
	case len(head) >= 4 && head[0] == 0x28 && head[1] == 0xb5 && head[2] == 0x2f && head[3] == 0xfd:
		return zstandard
	}
	return plain
}

// body is the layer as stored: counted, summed up, ended when ctx ends, and
// with its own failures kept apart from those of what is inside.
type body struct {
	ctx  context.Context //nolint:containedctx // lives as long as one read of a layer
	r    io.Reader
	sum  hash.Hash
	n    int64
	tell func(n int64)
	told int64
	err  error
}

// Read implements [io.Reader].
func (b *body) Read(p []byte) (int, error) {
	if err := b.ctx.Err(); err != nil {
		b.err = err
		return 0, err
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
		b.err = err
	}
	return n, err
}

// readLayer streams one layer: bytes as stored, their digest, decompression,
// tar, the files that matter. A failure of the content is an *azward.Error of
// KindBadInput; one of the transport is returned as it came.
//
// The diffID costs a second sum, over what is unpacked; it is computed when
// the result is to be kept.
func readLayer(ctx context.Context, src io.Reader, l Layer, keep bool, tell func(int64)) (*LayerResult, error) {
	b := &body{ctx: ctx, r: src, sum: sha256.New(), tell: tell}
	size := l.Size
	if size <= 0 { // a manifest that says 0 must not mean "for ever"
		size = DefaultMaxLayerBytes
	}
	in := bufio.NewReaderSize(bound.Reader(b, size, "the layer"), 256<<10)
	result, err := unpack(in, l, b, keep)
	if err == nil {
		_, err = io.Copy(io.Discard, in) // what follows the archive belongs to the digest
	}
	switch {
	case b.err != nil:
		return nil, b.err
	case err != nil:
		return nil, badLayer(l, err)
	}
	result.Digest = azward.Digest("sha256:" + hex.EncodeToString(b.sum.Sum(nil)))
	if result.Digest != l.Digest {
		return nil, badLayer(l, fmt.Errorf("%w: %s", ErrDigestMismatch, result.Digest))
	}
	if result.plain {
		result.DiffID = result.Digest
	}
	return result, nil
}

func unpack(in *bufio.Reader, l Layer, b *body, keep bool) (_ *LayerResult, err error) {
	head, err := in.Peek(4)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var r io.Reader = in
	kind := compression(head)
	switch kind {
	case gzipped:
		z, err := gzip.NewReader(in)
		if err != nil {
			return nil, fmt.Errorf("unpack gzip: %w", err)
		}
		r = z
	case zstandard:
		z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(128<<20))
		if err != nil {
			return nil, fmt.Errorf("unpack zstd: %w", err)
		}
		defer z.Close()
		r = z
	}
	limit := max(minPlain, plainRatio*max(l.Size, b.n))
	if kind == plain {
		limit = DefaultMaxLayerBytes
	}
	counted := &counting{r: bound.Reader(r, limit, "the unpacked layer")}
	if keep && kind != plain {
		counted.sum = sha256.New()
	}
	result, err := walk(b.ctx, counted)
	if err != nil {
		return nil, err
	}
	if _, err := io.Copy(io.Discard, counted); err != nil {
		return nil, fmt.Errorf("after the end of the archive: %w", err)
	}
	result.Bytes = counted.n
	switch {
	case kind == plain:
		result.plain = true
	case keep:
		result.DiffID = azward.Digest("sha256:" + hex.EncodeToString(counted.sum.Sum(nil)))
	}
	return result, nil
}

// counting counts and sums up what was unpacked. The sum makes the diffID: a
// result may only be kept under a diffID that was computed, or one image could
// put its packages into another's.
type counting struct {
	r   io.Reader
	sum hash.Hash
	n   int64
}

// Read implements [io.Reader].
func (c *counting) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	if n > 0 {
		c.n += int64(n)
		if c.sum != nil {
			_, _ = c.sum.Write(p[:n])
		}
	}
	return n, err
}

func badLayer(l Layer, err error) error {
	return &azward.Error{
		Kind: azward.KindBadInput, Op: "read layer", Subject: string(l.Digest), Cause: err.Error(),
		Remedy: "build and push the image again", Err: err,
	}
}
