package image

import (
	"errors"
	"fmt"
	"io"
)

// Why the entries of a layer's archive are not read on.
var (
	// ErrHeadTooLong is for one entry: archive/tar reads 1 MiB of extended header.
	ErrHeadTooLong = errors.New("an entry's extended header is too long")
	// ErrHeadsTooLong is for all entries together.
	ErrHeadsTooLong = fmt.Errorf("the headers of its entries take more than %d bytes", maxHeads)
)

// heads counts what archive/tar reads besides contents, which it passes over
// or we read: extended headers are parsed at a tenth of the speed of
// decompression, and any number of them may stand before one entry.
type heads struct {
	r    io.Reader
	on   bool // within Next
	left int64
}

func newHeads(r io.Reader) *heads { return &heads{r: r, left: maxHeads} }

// Read implements [io.Reader].
func (h *heads) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	if h.on {
		if h.left -= int64(n); h.left < 0 {
			return 0, ErrHeadsTooLong
		}
	}
	return n, err
}

// Seek implements [io.Seeker] as far as what it reads from does.
func (h *heads) Seek(offset int64, whence int) (int64, error) {
	if s, ok := h.r.(io.Seeker); ok {
		return s.Seek(offset, whence)
	}
	return 0, errBackwards
}
