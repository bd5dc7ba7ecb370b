package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"slices"

	"github.com/azward/azward"
	"github.com/azward/azward/policy"
	"github.com/azward/azward/report"
)

// postures are results in order, and how much there is of each. Of a result
// memory holds where it stands; the results themselves are held up to
// maxHeld, and in a temporary file beyond, since an estate of 100,000 resources
// has hundreds of thousands.
type postures struct {
	tally tally
	order []postureAt
	held  bytes.Buffer // behind what the file holds
	file  *os.File     // nil while all are held
	below int64        // bytes in the file
	bad   error
}

// postureAt is one result's place in the order and in the file.
type postureAt struct {
	policy.Order
	from int64
	size int
}

// maxHeld bounds, in bytes, the results that memory holds: of some 10,000.
const maxHeld = 16 << 20

func newPostures() *postures {
	return &postures{tally: tally{byRule: map[string]*tallied{}, total: map[string]int{}}}
}

// keep takes a result as JSON.
func (r *postures) keep(p *report.Posture) {
	if r.bad != nil {
		return
	}
	raw, err := json.Marshal(p)
	if err != nil {
		r.bad = fmt.Errorf("keep result of %s on %s: %w", p.Rule, p.Resource, err)
		return
	}
	if r.held.Len()+len(raw) > maxHeld {
		if r.bad = r.spill(); r.bad != nil {
			return
		}
	}
	r.order = append(r.order, postureAt{policy.OrderOf(p), r.below + int64(r.held.Len()), len(raw)})
	_, _ = r.held.Write(raw) // a buffer takes all
}

// spill moves what is held to the file.
func (r *postures) spill() error {
	if r.file == nil {
		f, err := os.CreateTemp("", "azward-results-*")
		if err != nil {
			return spillError(err)
		}
		r.file = f
	}
	n, err := r.held.WriteTo(r.file)
	r.below += n
	if err != nil {
		return spillError(err)
	}
	return nil
}

func spillError(err error) error {
	return &azward.Error{
		Kind: azward.KindFailed, Op: "keep results until they are written", Cause: err.Error(), Err: err,
		Remedy: "make room in the folder for temporary files, or name another one in TMPDIR",
	}
}

// sort puts the results in their order.
func (r *postures) sort() {
	slices.SortStableFunc(r.order, func(a, b postureAt) int { return a.Compare(b.Order) })
}

// lines yields the results as JSON. What is yielded holds until the next.
func (r *postures) lines() iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		var buffer []byte
		for _, at := range r.order {
			if r.bad != nil {
				return
			}
			var line []byte
			if at.from >= r.below {
				line = r.held.Bytes()[at.from-r.below:][:at.size]
			} else {
				buffer = slices.Grow(buffer[:0], at.size)[:at.size]
				if _, err := r.file.ReadAt(buffer, at.from); err != nil {
					r.bad = spillError(err)
					return
				}
				line = buffer
			}
			if !yield(line) {
				return
			}
		}
	}
}

// all yields the results. Whether these are all, err tells afterwards.
func (r *postures) all() iter.Seq[report.Posture] {
	return func(yield func(report.Posture) bool) {
		for line := range r.lines() {
			var p report.Posture
			if err := json.Unmarshal(line, &p); err != nil {
				r.bad = fmt.Errorf("read a result again: %w", err)
				return
			}
			if !yield(p) {
				return
			}
		}
	}
}

// writeJSON writes one result a line within a list.
func (r *postures) writeJSON(w io.Writer) error {
	lead := "[\n"
	for line := range r.lines() {
		if _, err := io.WriteString(w, lead); err != nil {
			return err
		}
		if _, err := w.Write(line); err != nil {
			return err
		}
		lead = ",\n"
	}
	end := "\n]\n"
	if len(r.order) == 0 {
		end = "[]\n"
	}
	_, err := io.WriteString(w, end)
	return err
}

// close removes the file.
func (r *postures) close() error {
	if r.file == nil {
		return nil
	}
	name := r.file.Name()
	return errors.Join(r.file.Close(), os.Remove(name))
}
