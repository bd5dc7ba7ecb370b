package jobs

import (
	"fmt"
	"time"

	"github.com/azward/azward/store"
)

// Reporter is how a runner says how far it is. It may be called from many
// goroutines, as often as one likes, and never waits for the store.
type Reporter struct {
	pool    *Pool
	live    *live
	partial bool // guarded by the pool's mu
}

// Progress says how far a stage is; total 0 is not known. A stage of another
// name than the one before begins it.
func (r *Reporter) Progress(stage string, done, total int, note string) {
	now := time.Now().UTC()
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	l := r.live
	begins := l.job.Stage != stage
	if begins {
		l.stage = now
		l.lines = append(l.lines, store.JobLine{At: now, Text: clip(stage, maxLine)})
	}
	l.job.Stage, l.job.Done, l.job.Total, l.job.Note = clip(stage, maxNote), max(done, 0), max(total, 0), clip(note, maxNote)
	l.job.Rate = rate(l.job.Done, now.Sub(l.stage))
	l.dirty = true
	r.pool.notifyLocked()
	if begins {
		poke(l.save)
	}
}

// Note says what the stage is at; its counts stay.
func (r *Reporter) Note(note string) {
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	r.live.job.Note, r.live.dirty = clip(note, maxNote), true
	r.pool.notifyLocked()
}

// rate is in things a second; 0 before it means something.
func rate(done int, since time.Duration) float64 {
	const soon = time.Second
	if since < soon {
		return 0
	}
	return float64(done) / since.Seconds()
}

// Logf adds a line to the job's log.
func (r *Reporter) Logf(format string, args ...any) {
	line := store.JobLine{At: time.Now().UTC(), Text: clip(fmt.Sprintf(format, args...), maxLine)}
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	if len(r.live.lines) < maxWaiting {
		r.live.lines = append(r.live.lines, line)
	}
	r.live.dirty = true
}

// maxWaiting bounds the lines that wait to be saved; a runner that writes more
// in a second loses them.
const maxWaiting = 500

// Result names what comes of the job, such as the ID of the scan.
func (r *Reporter) Result(id string) {
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	r.live.job.Result, r.live.dirty = id, true
}

// Partial says that the job ends with gaps, which note counts.
func (r *Reporter) Partial(note string) {
	r.pool.mu.Lock()
	defer r.pool.mu.Unlock()
	r.partial = true
	r.live.job.Note, r.live.dirty = clip(note, maxNote), true
}
