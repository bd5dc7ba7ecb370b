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

// follower is told how far a scan is; *jobs.Reporter is one.
type follower interface {
	Progress(stage string, done, total int, note string)
	Note(note string)
	Result(id string)
	Partial(note string)
}

// step is how far a stage is.
type step struct {
	stage       string // "collect", "images", "verdicts", "save"
	done, total int
	note        string
}

// step shows a line on the terminal and tells the follower, where there is one.
func (a *app) step(s step, format string, args ...any) {
	a.progress.show(format, args...)
	if a.follower != nil {
		a.follower.Progress(s.stage, s.done, s.total, s.note)
	}
}

// detail says what a stage is at; its counts stay.
func (a *app) detail(format string, args ...any) {
	a.progress.show(format, args...)
	if a.follower != nil {
		a.follower.Note(fmt.Sprintf(format, args...))
	}
}

// begun names the scan that a follower follows.
func (a *app) begun(scan string) {
	if a.follower != nil {
		a.follower.Result(scan)
		a.follower.Progress("collect", 0, 0, "signing in")
	}
}
