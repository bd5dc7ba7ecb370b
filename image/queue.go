package image

import (
	"container/heap"
	"context"
	"sync"
)

// queue lets as many layers be read at once as there are workers, the largest
// of those that wait first: one stream does not split over cores, so the
// longest must not start last.
type queue struct {
	mu      sync.Mutex
	free    int
	waiting waiting
	n       int // ever waited: among equals, the first comes first
}

func newQueue(workers int) *queue { return &queue{free: workers} }

// enter waits for a worker's place, which leave gives back.
func (q *queue) enter(ctx context.Context, size int64) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q.mu.Lock()
	if q.free > 0 {
		q.free--
		q.mu.Unlock()
		return nil
	}
	q.n++
	w := &waiter{size: size, n: q.n, turn: make(chan struct{})}
	heap.Push(&q.waiting, w)
	q.mu.Unlock()
	select {
	case <-w.turn:
		return nil
	case <-ctx.Done():
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if w.at < 0 { // its turn came at the same time
		q.pass()
	} else {
		heap.Remove(&q.waiting, w.at)
	}
	return ctx.Err()
}

func (q *queue) leave() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.pass()
}

// pass gives a place to the next, or keeps it.
func (q *queue) pass() {
	if len(q.waiting) == 0 {
		q.free++
		return
	}
	if w, ok := heap.Pop(&q.waiting).(*waiter); ok {
		close(w.turn)
	}
}

type waiter struct {
	size int64
	n    int
	at   int // in the heap; -1 when its turn came
	turn chan struct{}
}

// waiting is a heap, largest first.
type waiting []*waiter

func (w waiting) Len() int { return len(w) }

func (w waiting) Less(i, j int) bool {
	return w[i].size > w[j].size || w[i].size == w[j].size && w[i].n < w[j].n
}

func (w waiting) Swap(i, j int) {
	w[i], w[j] = w[j], w[i]
	w[i].at, w[j].at = i, j
}

// Push implements [heap.Interface].
func (w *waiting) Push(x any) {
	if one, ok := x.(*waiter); ok {
		one.at = len(*w)
		*w = append(*w, one)
	}
}

// Pop implements [heap.Interface].
func (w *waiting) Pop() any {
	last := len(*w) - 1
	one := (*w)[last]
	(*w)[last] = nil
	*w, one.at = (*w)[:last], -1
	return one
}
