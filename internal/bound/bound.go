// Package bound limits what comes over a wire or out of an archive: wrap the
// reader with [Reader] and an input that is too large ends with [ErrTooLarge]
// that names it, instead of with all memory gone.
package bound

import (
	"errors"
	"fmt"
	"io"
)

// ErrTooLarge is matched by errors.Is when a limit was hit.
var ErrTooLarge = errors.New("too large")

// SizeError says what was too large and which limit, in bytes, it hit.
type SizeError struct {
	What  string
	Limit int64
}

func (e *SizeError) Error() string {
	return fmt.Sprintf("%s is larger than the limit of %d bytes", e.What, e.Limit)
}

// Is makes errors.Is(err, ErrTooLarge) true.
func (e *SizeError) Is(target error) bool { return target == ErrTooLarge }

// Reader passes through at most limit bytes of r. Unlike io.LimitReader it
// tells a cut from an end: reading past the limit gives a *SizeError that
// names what.
func Reader(r io.Reader, limit int64, what string) io.Reader {
	return &reader{r: r, left: limit, err: &SizeError{What: what, Limit: limit}}
}

type reader struct {
	r    io.Reader
	left int64
	err  error
}

func (b *reader) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if b.left <= 0 {
		// One byte more decides between an input of exactly the limit and a longer one.
		var probe [1]byte
		n, err := b.r.Read(probe[:])
		if n > 0 {
			return 0, b.err
		}
		return 0, err
	}
	if int64(len(p)) > b.left {
		p = p[:b.left]
	}
	n, err := b.r.Read(p)
	b.left -= int64(n)
	return n, err
}

// ReadAll reads r to its end, or gives a *SizeError when it holds more than
// limit bytes.
func ReadAll(r io.Reader, limit int64, what string) ([]byte, error) {
	return io.ReadAll(Reader(r, limit, what))
}
