package feed

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"iter"
	"slices"
	"strings"
	"sync"

	"github.com/klauspost/compress/flate"

	"github.com/azward/azward/internal/bound"
)

// batchSize is how many records one worker decodes at a time: enough that
// handing over costs nothing, few enough that little waits in memory. A batch
// of large ones ends before, at batchBytes of text.
const (
	batchSize  = 128
	batchBytes = 4 << 20
)

// decode yields the records of an archive in its order, decoded by workers with
// read. When ctx ends it stops early; no goroutine outlives the loop.
func decode[T any](ctx context.Context, files []*zip.File, workers int, read reader[T]) iter.Seq[[]T] {
	return func(yield func([]T) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var all sync.WaitGroup
		defer all.Wait()
		defer cancel()
		// A queue of places to be filled keeps the order; its length bounds
		// how many batches are in memory.
		queue := make(chan chan []T, workers)
		tasks := make(chan func())
		for range workers {
			all.Go(func() {
				for task := range tasks {
					task()
				}
			})
		}
		all.Go(func() {
			defer close(queue)
			defer close(tasks)
			for len(files) > 0 {
				n := take(files)
				batch := files[:n]
				files = files[n:]
				place := make(chan []T, 1)
				select {
				case queue <- place:
				case <-ctx.Done():
					return
				}
				select {
				case tasks <- func() { place <- decodeBatch(ctx, batch, read) }:
				case <-ctx.Done():
					close(place)
					return
				}
			}
		})
		for place := range queue {
			if !yield(<-place) {
				return
			}
		}
	}
}

// take gives the length of the next batch: at most batchSize records that take
// at most batchBytes together, or one.
func take(files []*zip.File) int {
	var bytes uint64
	for i, f := range files[:min(batchSize, len(files))] {
		if bytes += f.UncompressedSize64; bytes > batchBytes && i > 0 {
			return i
		}
	}
	return min(batchSize, len(files))
}

// reader makes a record of an entry's bytes, which are valid until it returns,
// or of the reason that there are none.
type reader[T any] func(name string, data []byte, err error) T

func decodeBatch[T any](ctx context.Context, files []*zip.File, read reader[T]) []T {
	out := make([]T, 0, len(files))
	var u unpacker
	for _, f := range files {
		if ctx.Err() != nil {
			return out
		}
		if !strings.HasSuffix(f.Name, ".json") {
			continue
		}
		data, err := u.entry(f)
		out = append(out, read(f.Name, data, err))
	}
	return out
}

// unpacker reads entries of an archive, one after another into the same
// memory: the packed bytes in one read, because an archive has tens of
// thousands of small entries, and a system call for each few kilobytes and new
// tables for each entry would cost more than unpacking.
type unpacker struct {
	packed   []byte
	plain    []byte
	from     bytes.Reader
	inflater io.ReadCloser
}

// entry is valid until the next call. An entry that is larger than it says, or
// has another checksum, is an error.
func (u *unpacker) entry(f *zip.File) ([]byte, error) {
	if max(f.UncompressedSize64, f.CompressedSize64) > maxRecord {
		return nil, &bound.SizeError{What: f.Name, Limit: maxRecord}
	}
	raw, err := f.OpenRaw()
	if err != nil {
		return nil, err
	}
	u.packed = slices.Grow(u.packed[:0], int(f.CompressedSize64))[:f.CompressedSize64]
	if _, err := io.ReadFull(raw, u.packed); err != nil {
		return nil, fmt.Errorf("read packed bytes: %w", err)
	}
	data := u.packed
	switch f.Method {
	case zip.Store:
	case zip.Deflate:
		if data, err = u.inflate(f); err != nil {
			return nil, err
		}
	default:
		return nil, fmt.Errorf("packed with method %d: %w", f.Method, zip.ErrAlgorithm)
	}
	if uint64(len(data)) != f.UncompressedSize64 || crc32.ChecksumIEEE(data) != f.CRC32 {
		return nil, zip.ErrChecksum
	}
	return data, nil
}

func (u *unpacker) inflate(f *zip.File) ([]byte, error) {
	u.from.Reset(u.packed)
	if u.inflater == nil {
		u.inflater = flate.NewReader(&u.from)
	} else if r, ok := u.inflater.(flate.Resetter); !ok { // NewReader promises that it is one
		u.inflater = flate.NewReader(&u.from)
	} else if err := r.Reset(&u.from, nil); err != nil {
		return nil, err
	}
	u.plain = slices.Grow(u.plain[:0], int(f.UncompressedSize64)+1)[:f.UncompressedSize64+1]
	n, err := io.ReadFull(u.inflater, u.plain) // one byte more than there should be
	switch {
	case err == nil:
		return nil, fmt.Errorf("%s unpacks to more than the %d bytes it says", f.Name, f.UncompressedSize64)
	case errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, io.EOF):
		return u.plain[:n], nil // whether all is there, the checksum says
	}
	return nil, fmt.Errorf("unpack: %w", err)
}
