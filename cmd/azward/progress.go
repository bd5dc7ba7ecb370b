package main

import (
	"fmt"
	"io"
	"sync"
	"time"
)

// progress shows how far a run is: one line that is written over on a
// terminal, a line every few seconds elsewhere.
type progress struct {
	to       io.Writer
	silent   bool
	terminal bool

	mu    sync.Mutex
	shown time.Time
	drawn bool
}

// Between two lines, on a terminal and elsewhere.
const (
	redrawEvery  = 100 * time.Millisecond
	printEvery   = 5 * time.Second
	longestLine  = 100 // columns, so that a terminal does not wrap
	clearTheLine = "\r\x1b[K"
)

func (p *progress) show(format string, args ...any) {
	if p.silent || p.to == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	every := printEvery
	if p.terminal {
		every = redrawEvery
	}
	now := time.Now()
	if p.shown.IsZero() {
		p.shown = now // the first second is nobody's business
	}
	if now.Sub(p.shown) < every {
		return
	}
	p.shown = now
	line := []rune(fmt.Sprintf(format, args...))
	if len(line) > longestLine {
		line = append(line[:longestLine-1], '…')
	}
	if p.terminal {
		fmt.Fprint(p.to, clearTheLine+string(line))
		p.drawn = true
		return
	}
	fmt.Fprintln(p.to, string(line))
}

// clear takes the line away before other text.
func (p *progress) clear() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.drawn {
		fmt.Fprint(p.to, clearTheLine)
		p.drawn = false
	}
}
