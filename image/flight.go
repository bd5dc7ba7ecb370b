package image

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/azward/azward"
)

// job is a layer to be read; with more, only for other names of its files.
type job struct {
	Layer
	more *aliases
}

func (j job) key() string { return layerKey(j.Digest, j.more) }

// flight is one layer being read, for all who wait for it.
type flight struct {
	origin string // where its leader reads it
	done   chan struct{}
	result *LayerResult
	err    error
}

// origin is the registry, or the file, that a source reads from: what two
// images of one origin are given under one digest is the same.
func origin(src Source) string {
	host, _, ok := strings.Cut(src.Name(), "/")
	if !ok {
		return src.Name()
	}
	return host
}

// join enters the reading of a layer. Whoever is first leads.
func (s *Scanner) join(j job, origin string) (lead bool, f *flight) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if f := s.flights[j.key()]; f != nil {
		return false, f
	}
	f = &flight{origin: origin, done: make(chan struct{})}
	s.flights[j.key()] = f
	return true, f
}

// lead reads the layer when its turn comes, keeps the result, and tells all
// who wait.
func (s *Scanner) lead(ctx context.Context, src Source, img *Image, j job, f *flight) {
	f.result, f.err = s.turn(ctx, src, img, j)
	s.mu.Lock()
	delete(s.flights, j.key())
	s.mu.Unlock()
	close(f.done)
}

func (s *Scanner) turn(ctx context.Context, src Source, img *Image, j job) (*LayerResult, error) {
	if err := s.queue.enter(ctx, j.Size); err != nil {
		return nil, err
	}
	result, err := s.read(ctx, src, img, j)
	s.queue.leave()
	if err != nil || s.Cache == nil {
		return result, err
	}
	if err := s.Cache.SaveLayer(ctx, j.key(), result); err != nil {
		return nil, fmt.Errorf("keep layer %s: %w", j.Digest, err)
	}
	return result, nil
}

// fly gives the layer's result, from a flight that is under way or one that we
// lead. The failure of another's flight is not ours: it may have been
// interrupted, may not have been allowed to read, or was given other bytes by
// its registry. Only what the same origin gave it would we be given, too.
func (s *Scanner) fly(ctx context.Context, src Source, img *Image, j job) (*LayerResult, error) {
	from := origin(src)
	for {
		lead, f := s.join(j, from)
		if lead {
			s.lead(ctx, src, img, j, f)
			return f.result, f.err
		}
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
		if f.err == nil || f.origin == from && shared(f.err) {
			return f.result, f.err
		}
	}
}

// shared says whether a failure is of the registry or of what it gave, rather
// than of who asked.
func shared(err error) bool {
	switch azward.KindOf(err) {
	case azward.KindBadInput, azward.KindUnavailable, azward.KindThrottled:
		return true
	}
	return false
}

// cached looks the layer up; nil without an error means that it is not kept.
func (s *Scanner) cached(ctx context.Context, j job) (*LayerResult, error) {
	if s.Cache == nil {
		return nil, nil //nolint:nilnil // documented
	}
	result, ok, err := s.Cache.Layer(ctx, j.key())
	if err != nil {
		return nil, fmt.Errorf("look up layer %s: %w", j.Digest, err)
	}
	if !ok {
		return nil, nil //nolint:nilnil // documented
	}
	return result, nil
}

// interruptedBy says whether the error is a context's end.
func interruptedBy(err error) bool {
	return errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)
}
