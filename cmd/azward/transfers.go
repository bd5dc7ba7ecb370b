package main

import (
	"fmt"
	"sync"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/image"
	"github.com/azward/azward/registry"
)

// transfers sums up the reading of layers, to show bytes, rate and time left.
type transfers struct {
	progress *progress
	follower follower // nil on the command line

	mu     sync.Mutex
	began  time.Time
	layers map[azward.Digest]image.Progress
	images registry.Progress
}

// layer is told how far a layer is.
func (t *transfers) layer(p image.Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.layers == nil {
		t.layers, t.began = map[azward.Digest]image.Progress{}, time.Now()
	}
	if before, ok := t.layers[p.Layer]; !ok || !before.End {
		t.layers[p.Layer] = p
	}
	t.show(p.Image)
}

// registry is told how far a scan of a registry is.
func (t *transfers) registry(p registry.Progress) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.follower != nil {
		t.follower.Progress(p.Stage, p.Done, p.Total, p.Note)
	}
	if p.Stage != "images" {
		t.progress.show("%s: %d%s %s", p.Stage, p.Done, ofTotal(p.Total), p.Note)
		return
	}
	t.images = p
	t.show(p.Note)
}

func ofTotal(n int) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprintf(" of %d", n)
}

func (t *transfers) show(note string) {
	s := t.sum()
	images := ""
	if t.images.Total > 0 {
		images = fmt.Sprintf("images %d of %d, ", t.images.Done, t.images.Total)
	}
	rate, left := "", ""
	if seconds := time.Since(t.began).Seconds(); seconds > 1 && s.bytes > 0 {
		perSecond := float64(s.bytes) / seconds
		rate = fmt.Sprintf(", %.0f MB/s", perSecond/1e6)
		if s.total > s.bytes {
			left = ", " + (time.Duration(float64(s.total-s.bytes)/perSecond) * time.Second).String() + " left"
		}
	}
	t.progress.show("%slayers %d of %d, %.1f of %.1f MB%s%s, %s", images, s.done, s.layers, float64(s.bytes)/1e6, float64(s.total)/1e6, rate, left, note)
}

// sums of what was begun so far.
type sums struct {
	layers, done, cached int
	bytes, total         int64 // of layers that are not cached
}

func (t *transfers) sum() sums {
	s := sums{layers: len(t.layers)}
	for _, p := range t.layers {
		if p.End {
			s.done++
		}
		if p.Cached {
			s.cached++
			continue
		}
		s.bytes += p.Done
		s.total += p.Total
	}
	return s
}
