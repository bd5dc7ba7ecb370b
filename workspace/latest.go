package workspace

import (
	"context"
	"sync"
)

// latest holds one value for each name, and makes it anew when its key is
// another. The zero value is empty.
type latest[T any] struct {
	mu   sync.Mutex
	held map[string]*made[T]
}

type made[T any] struct {
	key   string
	ready chan struct{} // closed once value and err stand
	value T
	err   error
}

// get gives the value of a name, made once for however many ask. Who leaves
// does not stop the making: others may wait for it.
func (l *latest[T]) get(ctx context.Context, name, key string, create func(context.Context) (T, error)) (T, error) {
	l.mu.Lock()
	m, ok := l.held[name]
	if !ok || m.key != key {
		if l.held == nil {
			l.held = map[string]*made[T]{}
		}
		m = &made[T]{key: key, ready: make(chan struct{})}
		l.held[name] = m
		go l.fill(context.WithoutCancel(ctx), name, m, create)
	}
	l.mu.Unlock()
	select {
	case <-m.ready:
		return m.value, m.err
	case <-ctx.Done():
		var none T
		return none, ctx.Err()
	}
}

func (l *latest[T]) fill(ctx context.Context, name string, m *made[T], create func(context.Context) (T, error)) {
	m.value, m.err = create(ctx)
	if m.err != nil {
		l.mu.Lock()
		if l.held[name] == m {
			delete(l.held, name) // the next one tries again
		}
		l.mu.Unlock()
	}
	close(m.ready)
}

// only lets go of all names but these.
func (l *latest[T]) only(names map[string]bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for name := range l.held {
		if !names[name] {
			delete(l.held, name)
		}
	}
}
