package workspace

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
)

// indexFile is the advisory index within the data directory.
const indexFile = "advisories.idx"

// Advisories says what the local index knows, and of when.
type Advisories struct {
	advisory.Status
	Parts []AdvisoryPart `json:"parts"`
	// Stale says that a part is older than a week or missing: what is newer is
	// not known.
	Stale bool `json:"stale"`
	// Remedy is the command that renews the index; "" while nothing is stale.
	Remedy string `json:"remedy,omitempty"`
}

// AdvisoryPart is one part of the index.
type AdvisoryPart struct {
	advisory.Part
	// Note says in a clause what does not follow from it; "" for nothing.
	Note string `json:"note,omitempty"`
}

// Advisories tells of the local index; KindNotFound where there is none yet.
func (w *Workspace) Advisories(_ context.Context) (Advisories, error) {
	index, release, err := w.index.open(w.Dir)
	if err != nil {
		return Advisories{}, err
	}
	defer release()
	status := index.Status()
	a := Advisories{Status: status, Parts: []AdvisoryPart{}}
	for _, p := range status.Parts() {
		note := partNote(p, w.now())
		a.Parts = append(a.Parts, AdvisoryPart{p, note})
		// A demonstration's index is no database, and no update of it is due.
		a.Stale = a.Stale || note != "" && !p.Partial && status.Label == ""
	}
	if a.Stale {
		a.Remedy = "azward advisory update"
	}
	return a, nil
}

func partNote(p advisory.Part, now time.Time) string {
	switch missing := p.Missing(); {
	case missing != "":
		return "not in the index: " + missing
	case p.Partial:
		return "strays of other exports: does not count as covered"
	case p.Entries == 0:
		return ""
	case p.Old(now) && p.AsOf.IsZero():
		return "of an unknown day: newer vulnerabilities are not known"
	case p.Old(now):
		return "older than a week: what is newer is not known"
	}
	return ""
}

// index holds the advisory index open, and opens the next one when the file was
// replaced. The old one is closed once nobody reads it: it is mapped memory.
type index struct {
	mu  sync.Mutex
	now *opened
}

type opened struct {
	*advisory.Index
	file    fs.FileInfo
	readers int
	old     bool
}

// open gives the index of the data directory. Release is called once.
func (x *index) open(dir string) (_ *advisory.Index, release func(), err error) {
	path := filepath.Join(dir, indexFile)
	file, err := os.Stat(path)
	if dir == "" || errors.Is(err, fs.ErrNotExist) {
		return nil, nil, &azward.Error{
			Kind: azward.KindNotFound, Op: "open advisory index", Cause: "there is none yet",
			Remedy: "azward advisory update, or without a network: azward advisory update --from BUNDLE",
		}
	}
	if err != nil {
		return nil, nil, fmt.Errorf("open advisory index: %w", err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.now == nil || !os.SameFile(x.now.file, file) || !x.now.file.ModTime().Equal(file.ModTime()) {
		next, err := advisory.Open(path)
		if err != nil {
			return nil, nil, err
		}
		if err := x.retire(); err != nil {
			return nil, nil, errors.Join(err, next.Close())
		}
		x.now = &opened{Index: next, file: file}
	}
	held := x.now
	held.readers++
	return held.Index, func() { x.release(held) }, nil
}

// retire takes the index out of use, and closes it where nobody reads it.
func (x *index) retire() error {
	before := x.now
	if before == nil {
		return nil
	}
	x.now, before.old = nil, true
	if before.readers > 0 {
		return nil
	}
	return before.Close()
}

func (x *index) release(held *opened) {
	x.mu.Lock()
	defer x.mu.Unlock()
	held.readers--
	if held.old && held.readers == 0 {
		_ = held.Close() // unmapping read-only memory loses nothing
	}
}

// Close ends what is evaluated in the background, and closes the advisory
// index, once nobody reads it any more.
func (w *Workspace) Close() error {
	w.posture.close()
	w.index.mu.Lock()
	defer w.index.mu.Unlock()
	return w.index.retire()
}
