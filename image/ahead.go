package image

import (
	"errors"
	"io"
	"sync"
)

// ahead reads in a goroutine of its own, at most aheadPieces pieces before its
// reader. Pieces are full but for the last, whatever the source gives at once:
// what depends on how far it has read does not depend on the network.
type ahead struct {
	full chan piece
	free chan []byte
	quit chan struct{}
	done chan struct{}
	pool *sync.Pool

	piece []byte // in hand
	rest  []byte // of it, not yet read
	err   error  // after rest
	n     int64  // bytes given out or skipped
}

type piece struct {
	b   []byte
	err error
}

// Pieces of what is stored, and of what that unpacks to.
var (
	storedPieces = sync.Pool{New: func() any { return newPiece(storedPiece) }}
	plainPieces  = sync.Pool{New: func() any { return newPiece(plainPiece) }}
)

func newPiece(size int) *[]byte {
	b := make([]byte, size)
	return &b
}

// readAhead starts reading r. The caller must call stop, and see to it that a
// read of r that waits for something ends.
func readAhead(r io.Reader, pool *sync.Pool) *ahead {
	a := &ahead{
		full: make(chan piece, aheadPieces), free: make(chan []byte, aheadPieces),
		quit: make(chan struct{}), done: make(chan struct{}), pool: pool,
	}
	for range aheadPieces {
		if b, ok := pool.Get().(*[]byte); ok {
			a.free <- *b
		}
	}
	go a.fill(r)
	return a
}

func (a *ahead) fill(r io.Reader) {
	defer close(a.done)
	for {
		var p piece
		select {
		case p.b = <-a.free:
		case <-a.quit:
			return
		}
		n := 0
		for n < len(p.b) && p.err == nil {
			var m int
			m, p.err = r.Read(p.b[n:])
			n += m
		}
		p.b = p.b[:n]
		a.full <- p // never waits: it has a place for every piece
		if p.err != nil {
			return
		}
	}
}

// next takes the next piece in hand; its error is the end of the source.
func (a *ahead) next() error {
	if a.err != nil {
		return a.err
	}
	if a.piece != nil {
		a.free <- a.piece[:cap(a.piece)]
		a.piece = nil
	}
	p := <-a.full
	a.piece, a.rest, a.err = p.b, p.b, p.err
	if len(a.rest) == 0 {
		return a.err
	}
	return nil
}

// Read implements [io.Reader].
func (a *ahead) Read(p []byte) (int, error) {
	for len(a.rest) == 0 {
		if err := a.next(); err != nil {
			return 0, err
		}
	}
	n := copy(p, a.rest)
	a.rest = a.rest[n:]
	a.n += int64(n)
	return n, nil
}

var errBackwards = errors.New("a stream does not go backwards")

// Seek implements [io.Seeker] as far as archive/tar uses it: forwards, to skip
// files without a copy. Past the end it stands at the end.
func (a *ahead) Seek(offset int64, whence int) (int64, error) {
	if whence != io.SeekCurrent || offset < 0 {
		return 0, errBackwards
	}
	for offset > 0 {
		if len(a.rest) == 0 {
			if err := a.next(); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				return a.n, err
			}
		}
		n := min(offset, int64(len(a.rest)))
		a.rest = a.rest[n:]
		a.n += n
		offset -= n
	}
	return a.n, nil
}

// drain reads to the end.
func (a *ahead) drain() error {
	for {
		a.n += int64(len(a.rest))
		a.rest = nil
		if err := a.next(); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
	}
}

// stop ends the goroutine and gives the pieces back.
func (a *ahead) stop() {
	close(a.quit)
	<-a.done
	give := func(b []byte) {
		b = b[:cap(b)]
		a.pool.Put(&b)
	}
	if a.piece != nil {
		give(a.piece)
	}
	a.piece, a.rest, a.err = nil, nil, io.ErrClosedPipe
	for {
		select {
		case b := <-a.free:
			give(b)
		case p := <-a.full:
			give(p.b)
		default:
			return
		}
	}
}
