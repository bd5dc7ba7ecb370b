package image

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"

	"github.com/azward/azward/internal/bound"
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
	case isZstd(head):
		return zstandard
	}
	return plain
}

// isZstd knows a frame, and a frame to be skipped, as parallel compressors
// write first.
//
// Source: https://www.rfc-editor.org/rfc/rfc8878#section-3.1
func isZstd(head []byte) bool {
	if len(head) < 4 {
		return false
	}
	return head[0] == 0x28 && head[1] == 0xb5 && head[2] == 0x2f && head[3] == 0xfd ||
		head[0]&0xf0 == 0x50 && head[1] == 0x2a && head[2] == 0x4d && head[3] == 0x18
}

// unpacker decompresses a layer. What it holds goes back with free.
type unpacker struct {
	io.Reader
	format format
	free   func()
}

var (
	bufs = sync.Pool{New: func() any { return bufio.NewReaderSize(nil, 32<<10) }}
	gzs  = sync.Pool{New: func() any { return new(gzip.Reader) }}
)

// newUnpacker looks at the first bytes and gives what decompresses the rest.
// It waits when another layer needs the memory for a large window.
func newUnpacker(ctx context.Context, stored *ahead) (*unpacker, error) {
	in, ok := bufs.Get().(*bufio.Reader)
	if !ok {
		in = bufio.NewReaderSize(nil, 32<<10)
	}
	in.Reset(stored)
	u := &unpacker{free: func() {
		in.Reset(nil)
		bufs.Put(in)
	}}
	head, err := in.Peek(zstd.HeaderMaxSize)
	if err != nil && !errors.Is(err, io.EOF) {
		u.free()
		return nil, err
	}
	switch u.format = compression(head); u.format {
	case gzipped:
		err = u.gzip(in)
	case zstandard:
		err = u.zstd(ctx, in, head)
	default:
		u.Reader, err = in, nil
	}
	if err != nil {
		u.free()
		return nil, err
	}
	return u, nil
}

func (u *unpacker) gzip(in *bufio.Reader) error {
	z, ok := gzs.Get().(*gzip.Reader)
	if !ok {
		z = new(gzip.Reader)
	}
	if err := z.Reset(in); err != nil {
		return fmt.Errorf("unpack gzip: %w", err)
	}
	u.Reader = z
	before := u.free
	u.free = func() {
		before()
		gzs.Put(z)
	}
	return nil
}

// wide is held by the one layer whose zstd window is larger than smallWindow:
// several of maxWindow would be all memory that we may take.
var wide = make(chan struct{}, 1)

func (u *unpacker) zstd(ctx context.Context, in *bufio.Reader, head []byte) error {
	window := uint64(smallWindow)
	var h zstd.Header
	if err := h.Decode(head); err != nil || h.Skippable || h.WindowSize > smallWindow || h.SingleSegment && h.FrameContentSize > smallWindow {
		window = maxWindow
		select {
		case wide <- struct{}{}:
		case <-ctx.Done():
			return transportError{ctx.Err()}
		}
		before := u.free
		u.free = func() {
			before()
			<-wide
		}
	}
	z, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return fmt.Errorf("unpack zstd: %w", err)
	}
	u.Reader = z
	before := u.free
	u.free = func() {
		z.Close()
		before()
	}
	return nil
}

// expanding ends what unpacks to too much: measured by what of the layer was
// read so far, not by what a manifest says of its size.
type expanding struct {
	r      io.Reader
	stored *ahead
	n      int64
}

// Read implements [io.Reader].
func (e *expanding) Read(p []byte) (int, error) {
	n, err := e.r.Read(p)
	e.n += int64(n)
	switch {
	case errors.Is(err, zstd.ErrWindowSizeExceeded), errors.Is(err, zstd.ErrDecoderSizeExceeded):
		return n, fmt.Errorf("%w: %w", ErrWindow, err)
	case e.n <= minPlain:
	case e.n > maxPlain:
		return 0, &bound.SizeError{What: "the unpacked layer", Limit: maxPlain}
	case e.n/plainRatio > e.stored.n:
		return 0, fmt.Errorf("%w: %d bytes gave more than %d", ErrExpands, e.stored.n, e.n)
	}
	return n, err
}
