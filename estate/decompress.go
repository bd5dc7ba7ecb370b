package estate

import (
	"bufio"
	"compress/gzip"
	"errors"
	"fmt"
	"io"

	"github.com/klauspost/compress/zstd"
)

const (
	// maxWindowBytes bounds the memory that a zstd frame may ask for; zstd's
	// own --long stops here too.
	maxWindowBytes = 128 << 20

	gzipMagic = "\x1f\x8b"
	zstdMagic = "\x28\xb5\x2f\xfd"
)

// decompress looks at the first bytes and returns the plain stream, and what
// frees it. It knows zstd and gzip; anything else is plain already.
func decompress(r io.Reader) (io.Reader, func(), error) {
	buffered := bufio.NewReaderSize(r, 1<<16)
	magic, err := buffered.Peek(len(zstdMagic))
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, nil, fmt.Errorf("read the first bytes: %w", err)
	}
	switch {
	case string(magic) == zstdMagic:
		dec, err := zstd.NewReader(buffered, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(maxWindowBytes))
		if err != nil {
			return nil, nil, fmt.Errorf("read zstd: %w", err)
		}
		return dec, dec.Close, nil
	case len(magic) >= 2 && string(magic[:2]) == gzipMagic:
		dec, err := gzip.NewReader(buffered)
		if err != nil {
			return nil, nil, fmt.Errorf("read gzip: %w", err)
		}
		return dec, func() { _ = dec.Close() }, nil // all bytes were checked while reading
	default:
		return buffered, func() {}, nil
	}
}
