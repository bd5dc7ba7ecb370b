package image

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/azward/azward"
)

// Scanner reads images. The zero value works; it is safe for concurrent use
// and must not be copied after first use. Scans at the same time share the
// workers, and a layer that several of them need is read once.
type Scanner struct {
	// Cache keeps layers between scans; nil keeps nothing.
	Cache Cache
	// Workers is how many layers are read at once, over all scans; 0 means one
	// per CPU, at most 8.
	Workers int
	// MaxLayerBytes bounds a compressed layer; 0 means DefaultMaxLayerBytes.
	MaxLayerBytes int64
	// Platform is chosen from an index: "linux/arm64"; "" means what the source
	// prefers ([Prefer]), else linux/amd64, else the only one there is.
	Platform string
	// Progress, when set, is told how far each layer is. It is called from
	// several goroutines and must return at once.
	Progress func(Progress)

	once    sync.Once
	slots   chan struct{}
	mu      sync.Mutex
	flights map[azward.Digest]*flight
}

// Progress is how far the reading of a layer is.
type Progress struct {
	Image  string
	Layer  azward.Digest
	Done   int64 // bytes read
	Total  int64 // bytes in all
	Cached bool  // taken from the cache, without a read
	End    bool
}

// flight is one layer being read, for all who wait for it.
type flight struct {
	done   chan struct{}
	result *LayerResult
	err    error
}

// Scan reads the image of a source. A layer that is damaged or hostile is a
// gap; the image then is partial. An error means that nothing useful was read.
func (s *Scanner) Scan(ctx context.Context, src Source) (*Image, error) {
	var platform Platform // none: what the source prefers, else the default
	if s.Platform != "" {
		var err error
		if platform, err = ParsePlatform(s.Platform); err != nil {
			return nil, err
		}
	}
	m, err := src.Resolve(ctx, platform)
	if err != nil {
		return nil, err
	}
	img := &Image{
		Reference: src.Name(), Digest: m.Digest, Index: m.Index, Platform: m.Platform.String(), Created: m.Created,
		Layers: m.Layers, Config: m.Config, Labels: m.Labels, Packages: []azward.Package{}, Gaps: []azward.Gap{},
	}
	found, err := s.layers(ctx, src, img)
	if err != nil {
		return nil, err
	}
	results := make([]*LayerResult, len(img.Layers))
	for i, l := range img.Layers {
		o := found[l.Digest]
		results[i] = o.result
		if o.err != nil {
			img.Gaps = append(img.Gaps, layerGap(img, l, o.err))
			continue
		}
		layerGaps(img, l, o.result.Gaps)
	}
	merge(img, results)
	return img, nil
}

func layerGap(img *Image, l Layer, err error) azward.Gap {
	g := azward.Gap{Scope: img.Scope(), Kind: azward.GapUnparsed, Reads: "layer " + string(l.Digest), Error: err.Error()}
	var e *azward.Error
	if errors.As(err, &e) {
		g.Error, g.Remedy = e.Cause, e.Remedy
	}
	if errors.Is(err, ErrForeign) {
		g.Kind = azward.GapUnsupported
	}
	return g
}

type outcome struct {
	result *LayerResult
	err    error // of the layer's content
}

// layers reads each distinct layer, largest first: one stream does not
// split over cores, so the longest must not start last.
func (s *Scanner) layers(ctx context.Context, src Source, img *Image) (map[azward.Digest]outcome, error) {
	s.once.Do(func() {
		s.slots = make(chan struct{}, cmp.Or(s.Workers, min(runtime.NumCPU(), 8)))
		s.flights = map[azward.Digest]*flight{}
	})
	distinct := slices.Clone(img.Layers)
	slices.SortFunc(distinct, func(a, b Layer) int { return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Digest, b.Digest)) })
	distinct = slices.CompactFunc(distinct, func(a, b Layer) bool { return a.Digest == b.Digest })
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	found := map[azward.Digest]outcome{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, l := range distinct {
		result, err := s.cached(ctx, l)
		if err != nil {
			cancel(err)
			break
		}
		if result != nil {
			s.tell(Progress{Image: img.Reference, Layer: l.Digest, Done: l.Size, Total: l.Size, Cached: true, End: true})
			mu.Lock()
			found[l.Digest] = outcome{result: result}
			mu.Unlock()
			continue
		}
		lead, f := s.join(ctx, l)
		all.Go(func() {
			if lead {
				s.lead(ctx, src, img, l, f)
			}
			result, err := s.wait(ctx, src, img, l, f)
			if err != nil && azward.KindOf(err) != azward.KindBadInput {
				cancel(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			found[l.Digest] = outcome{result, err}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded)) {
			return nil, interrupted(ctx, "scan image", img.Reference, err)
		}
		return nil, err
	}
	return found, nil
}

// join enters the reading of a layer. Whoever is first leads: it holds one of
// the workers' places already, so that layers start in the order of the queue.
func (s *Scanner) join(ctx context.Context, l Layer) (lead bool, f *flight) {
	s.mu.Lock()
	if f := s.flights[l.Digest]; f != nil {
		s.mu.Unlock()
		return false, f
	}
	f = &flight{done: make(chan struct{})}
	s.flights[l.Digest] = f
	s.mu.Unlock()
	select {
	case s.slots <- struct{}{}:
	case <-ctx.Done():
		s.land(l, f, nil, ctx.Err())
		return false, f
	}
	return true, f
}

func (s *Scanner) land(l Layer, f *flight, result *LayerResult, err error) {
	f.result, f.err = result, err
	s.mu.Lock()
	delete(s.flights, l.Digest)
	s.mu.Unlock()
	close(f.done)
}

func (s *Scanner) lead(ctx context.Context, src Source, img *Image, l Layer, f *flight) {
	result, err := s.read(ctx, src, img, l)
	<-s.slots
	if err == nil {
		err = s.save(ctx, result)
	}
	s.land(l, f, result, err)
}

// wait gives the flight's result. When its leader was interrupted and we are
// not, we read the layer ourselves.
func (s *Scanner) wait(ctx context.Context, src Source, img *Image, l Layer, f *flight) (*LayerResult, error) {
	for {
		select {
		case <-f.done:
		case <-ctx.Done():
			return nil, interrupted(ctx, "read layer", string(l.Digest), ctx.Err())
		}
		if f.err == nil {
			return f.result, nil
		}
		theirs := errors.Is(f.err, context.Canceled) || errors.Is(f.err, context.DeadlineExceeded)
		if !theirs || ctx.Err() != nil {
			return nil, f.err
		}
		var lead bool
		if lead, f = s.join(ctx, l); lead {
			s.lead(ctx, src, img, l, f)
		}
	}
}

func (s *Scanner) cached(ctx context.Context, l Layer) (*LayerResult, error) {
	if s.Cache == nil {
		return nil, nil //nolint:nilnil // nothing kept is no error
	}
	keys := []string{digestKey(l.Digest)}
	if l.DiffID != "" {
		keys = append(keys, diffKey(l.DiffID))
	}
	for _, key := range keys {
		result, ok, err := s.Cache.Layer(ctx, key)
		if err != nil {
			return nil, fmt.Errorf("look up layer %s: %w", l.Digest, err)
		}
		if ok {
			return result, nil
		}
	}
	return nil, nil //nolint:nilnil // see above
}

func (s *Scanner) save(ctx context.Context, r *LayerResult) error {
	if s.Cache == nil {
		return nil
	}
	if err := s.Cache.SaveLayer(ctx, digestKey(r.Digest), r); err != nil {
		return fmt.Errorf("keep layer %s: %w", r.Digest, err)
	}
	if err := s.Cache.SaveLayer(ctx, diffKey(r.DiffID), r); err != nil {
		return fmt.Errorf("keep layer %s: %w", r.Digest, err)
	}
	return nil
}

// read reads a layer, again when the connection broke.
func (s *Scanner) read(ctx context.Context, src Source, img *Image, l Layer) (*LayerResult, error) {
	if strings.Contains(l.MediaType, "foreign") || strings.Contains(l.MediaType, "nondistributable") {
		return nil, badLayer(l, ErrForeign)
	}
	if limit := cmp.Or(s.MaxLayerBytes, DefaultMaxLayerBytes); l.Size > limit {
		return nil, badLayer(l, fmt.Errorf("it has %d bytes, more than the limit of %d", l.Size, limit))
	}
	for try := 1; ; try++ {
		result, err := s.stream(ctx, src, img, l)
		kind := azward.KindOf(err)
		if err == nil || kind == azward.KindBadInput || ctx.Err() != nil {
			return result, err
		}
		var ours *azward.Error
		if errors.As(err, &ours) && kind != azward.KindUnavailable {
			return nil, err
		}
		if try == maxLayerTries {
			if ours != nil {
				return nil, err
			}
			return nil, &azward.Error{
				Kind: azward.KindUnavailable, Op: "read layer", Subject: string(l.Digest),
				Cause: "the connection broke " + fmt.Sprint(try) + " times: " + rootOf(err), Remedy: "run it again: finished layers are not read twice", Err: err,
			}
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(time.Duration(try) * 200 * time.Millisecond):
		}
	}
}

func (s *Scanner) stream(ctx context.Context, src Source, img *Image, l Layer) (_ *LayerResult, err error) {
	r, err := src.Layer(ctx, l)
	if err != nil {
		return nil, err
	}
	result, err := readLayer(ctx, r, l, s.Cache != nil, func(n int64) {
		s.tell(Progress{Image: img.Reference, Layer: l.Digest, Done: n, Total: l.Size})
	})
	if closeErr := r.Close(); err == nil && closeErr != nil && !errors.Is(closeErr, io.EOF) {
		err = closeErr
	}
	if err == nil {
		s.tell(Progress{Image: img.Reference, Layer: l.Digest, Done: l.Size, Total: l.Size, End: true})
	}
	// A body that stalled was cancelled by its own timer, not by the caller.
	if errors.Is(err, context.Canceled) && ctx.Err() == nil {
		err = fmt.Errorf("no byte came for %s: %w", stallTimeout, io.ErrUnexpectedEOF)
	}
	return result, err
}

func (s *Scanner) tell(p Progress) {
	if s.Progress != nil {
		s.Progress(p)
	}
}
