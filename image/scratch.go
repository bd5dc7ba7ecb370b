package image

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
)

// input is one file of a layer, readable at random.
type input struct {
	path  string
	size  int64
	at    io.ReaderAt
	bytes []byte // the whole file where it is in memory, else nil
	spill *os.File
}

func (in *input) reader() io.Reader { return io.NewSectionReader(in.at, 0, in.size) }

// release removes the temporary file, if there is one.
func (in *input) release() error {
	if in.spill == nil {
		return nil
	}
	return errors.Join(in.spill.Close(), os.Remove(in.spill.Name()))
}

// scratch is the memory that one layer's files are read into, one after
// another. What an extractor keeps it must copy.
type scratch struct{ buf []byte }

var scratches = sync.Pool{New: func() any { return &scratch{buf: make([]byte, 1<<20)} }}

func newScratch() *scratch {
	if s, ok := scratches.Get().(*scratch); ok {
		return s
	}
	return &scratch{buf: make([]byte, 1<<20)}
}

func (s *scratch) free() { scratches.Put(s) }

// load reads a file of known size. One past spillAt goes to a temporary file.
func (s *scratch) load(path string, r io.Reader, size int64) (*input, error) {
	if size > spillAt {
		return spill(path, r, size)
	}
	if int64(len(s.buf)) < size {
		s.buf = make([]byte, min(spillAt, max(size, 2*int64(len(s.buf)))))
	}
	b := s.buf[:size]
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	return &input{path: path, size: size, at: bytes.NewReader(b), bytes: b}, nil
}

func spill(path string, r io.Reader, size int64) (_ *input, err error) {
	f, err := os.CreateTemp("", "azward-*")
	if err != nil {
		return nil, fmt.Errorf("keep a large file aside: %w", err)
	}
	in := &input{path: path, size: size, at: f, spill: f}
	if _, err := io.CopyN(f, r, size); err != nil {
		return nil, errors.Join(err, in.release())
	}
	return in, nil
}
