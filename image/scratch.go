package image

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/bits"
	"os"
	"sync"

	"golang.org/x/sync/semaphore"
)

// input is one file of a layer, readable at random.
type input struct {
	path  string
	size  int64
	at    io.ReaderAt
	bytes []byte // the whole file where it is in memory, else nil
	spill *os.File
	held  *[]byte // of the memory that all layers share
}

func (in *input) reader() io.Reader { return io.NewSectionReader(in.at, 0, in.size) }

// contains looks for a mark, shorter than a block, anywhere in the file.
func (in *input) contains(mark []byte) (bool, error) {
	if in.bytes != nil {
		return bytes.Contains(in.bytes, mark), nil
	}
	const block = 256 << 10
	buf := make([]byte, 0, block+len(mark))
	for r := in.reader(); ; {
		n, err := io.ReadFull(r, buf[len(buf):len(buf)+block])
		buf = buf[:len(buf)+n]
		if bytes.Contains(buf, mark) {
			return true, nil
		}
		if n < block {
			if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
				err = nil
			}
			return false, err
		}
		kept := copy(buf[:len(mark)], buf[len(buf)-len(mark):]) // the mark may lie across two blocks
		buf = buf[:kept]
	}
}

// release gives back memory, and removes the temporary file if there is one.
func (in *input) release() error {
	if in.held != nil {
		give(in.held)
		in.held, in.at, in.bytes = nil, nil, nil
	}
	if in.spill == nil {
		return nil
	}
	return errors.Join(in.spill.Close(), os.Remove(in.spill.Name()))
}

// scratch is the memory that one layer's small files are read into, one after
// another. What an extractor keeps it must copy.
type scratch struct{ buf []byte }

var scratches = sync.Pool{New: func() any { return &scratch{buf: make([]byte, scratchSize)} }}

func newScratch() *scratch {
	if s, ok := scratches.Get().(*scratch); ok {
		return s
	}
	return &scratch{buf: make([]byte, scratchSize)}
}

func (s *scratch) free() { scratches.Put(s) }

// held is the memory for larger files, which all layers share: whoever finds
// none left waits. A layer holds one file at a time, so all get on.
var (
	held       = semaphore.NewWeighted(maxHeld)
	heldBySize [5]sync.Pool // by the size's power of two, from scratchSize to spillAt
)

func take(ctx context.Context, size int64) (*[]byte, error) {
	class := bits.Len64(uint64(size-1) / scratchSize)
	n := int64(scratchSize) << class
	if err := held.Acquire(ctx, n); err != nil {
		return nil, transportError{err}
	}
	if b, ok := heldBySize[class].Get().(*[]byte); ok {
		return b, nil
	}
	b := make([]byte, n)
	return &b, nil
}

func give(b *[]byte) {
	heldBySize[bits.Len(uint(len(*b)/scratchSize))-1].Put(b)
	held.Release(int64(len(*b)))
}

// load reads a file of known size. One past spillAt goes to a temporary file.
func (s *scratch) load(ctx context.Context, path string, r io.Reader, size int64) (*input, error) {
	if size > spillAt {
		return spill(path, r, size)
	}
	in := &input{path: path, size: size, bytes: s.buf}
	if size > scratchSize {
		var err error
		if in.held, err = take(ctx, size); err != nil {
			return nil, err
		}
		in.bytes = *in.held
	}
	in.bytes = in.bytes[:size]
	in.at = bytes.NewReader(in.bytes)
	if _, err := io.ReadFull(r, in.bytes); err != nil {
		return nil, errors.Join(err, in.release())
	}
	return in, nil
}

// errAside means that a file could not be kept aside: the layer can be read on.
var errAside = errors.New("keep a large file aside")

func spill(path string, r io.Reader, size int64) (*input, error) {
	f, err := os.CreateTemp("", "azward-*")
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errAside, err)
	}
	in := &input{path: path, size: size, at: f, spill: f}
	if _, err := io.CopyN(aside{f}, r, size); err != nil {
		return nil, errors.Join(err, in.release())
	}
	return in, nil
}

// aside tells failures to write from those to read.
type aside struct{ f *os.File }

// Write implements [io.Writer].
func (a aside) Write(p []byte) (int, error) {
	n, err := a.f.Write(p)
	if err != nil {
		err = fmt.Errorf("%w: %w", errAside, err)
	}
	return n, err
}
