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
	queue   *queue
	mu      sync.Mutex
	flights map[string]*flight // by job.key
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
		Secrets: slices.Clone(m.Secrets),
	}
	if m.Facts != nil {
		facts := *m.Facts
		img.Facts = &facts
	}
	jobs := make([]job, len(img.Layers))
	for i, l := range img.Layers {
		jobs[i] = job{Layer: l}
	}
	found, err := s.layers(ctx, src, img, jobs)
	if err != nil {
		return nil, err
	}
	results := make([]*LayerResult, len(img.Layers))
	for i, l := range img.Layers {
		o := found[jobs[i].key()]
		results[i] = o.result
		if o.err != nil {
			img.Gaps = append(img.Gaps, layerGap(img, l, o.err))
			continue
		}
		layerGaps(img, l, o.result.Gaps)
	}
	if err := s.followLinks(ctx, src, img, results); err != nil {
		return nil, err
	}
	merge(img, results)
	return img, nil
}

// followLinks reads layers again for what only links of the image show to be
// a package file, and adds it to their results.
func (s *Scanner) followLinks(ctx context.Context, src Source, img *Image, results []*LayerResult) error {
	var jobs []job
	behind := behindLinks(results)
	for i, more := range behind {
		jobs = append(jobs, job{img.Layers[i], &more})
	}
	if len(jobs) == 0 {
		return nil
	}
	found, err := s.layers(ctx, src, img, jobs)
	if err != nil {
		return err
	}
	for i, more := range behind {
		l := img.Layers[i]
		o := found[layerKey(l.Digest, &more)]
		if o.err != nil {
			img.Gaps = append(img.Gaps, layerGap(img, l, o.err))
			continue
		}
		layerGaps(img, l, o.result.Gaps)
		results[i] = results[i].with(o.result)
	}
	return nil
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

// layers does each distinct job, from the cache or by reading.
func (s *Scanner) layers(ctx context.Context, src Source, img *Image, jobs []job) (map[string]outcome, error) {
	s.once.Do(func() {
		s.queue = newQueue(cmp.Or(s.Workers, min(runtime.NumCPU(), 8)))
		s.flights = map[string]*flight{}
	})
	distinct := slices.Clone(jobs)
	slices.SortStableFunc(distinct, func(a, b job) int {
		return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.key(), b.key()))
	})
	distinct = slices.CompactFunc(distinct, func(a, b job) bool { return a.key() == b.key() })
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	found := map[string]outcome{}
	var mu sync.Mutex
	var all sync.WaitGroup
	for _, j := range distinct {
		all.Go(func() {
			result, err := s.one(ctx, src, img, j)
			if err != nil && azward.KindOf(err) != azward.KindBadInput {
				cancel(err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			found[j.key()] = outcome{result, err}
		})
	}
	all.Wait()
	if err := context.Cause(ctx); err != nil {
		if interruptedBy(err) {
			return nil, interrupted(ctx, "scan image", img.Reference, err)
		}
		return nil, err
	}
	return found, nil
}

func (s *Scanner) one(ctx context.Context, src Source, img *Image, j job) (*LayerResult, error) {
	result, err := s.cached(ctx, j)
	if result == nil && err == nil {
		return s.fly(ctx, src, img, j)
	}
	if err == nil {
		s.tell(Progress{Image: img.Reference, Layer: j.Digest, Done: j.Size, Total: j.Size, Cached: true, End: true})
	}
	return result, err
}

// read reads a layer, again when the connection broke.
func (s *Scanner) read(ctx context.Context, src Source, img *Image, l job) (*LayerResult, error) {
	if strings.Contains(l.MediaType, "foreign") || strings.Contains(l.MediaType, "nondistributable") {
		return nil, badLayer(l.Layer, ErrForeign)
	}
	if limit := cmp.Or(s.MaxLayerBytes, DefaultMaxLayerBytes); l.Size > limit {
		return nil, badLayer(l.Layer, fmt.Errorf("it has %d bytes, more than the limit of %d", l.Size, limit))
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

// stream reads a layer from its source, and where hard links lead to files
// whose own name told nothing, these once more.
func (s *Scanner) stream(ctx context.Context, src Source, img *Image, j job) (*LayerResult, error) {
	result, err := s.pass(ctx, src, img, j)
	if err == nil && result.again != nil {
		var more *LayerResult
		if more, err = s.pass(ctx, src, img, job{j.Layer, result.again}); err == nil {
			result = result.with(more)
			result.Gaps = append(result.Gaps, more.Gaps...)
		}
	}
	if err != nil {
		return nil, err
	}
	s.tell(Progress{Image: img.Reference, Layer: j.Digest, Done: j.Size, Total: j.Size, End: true})
	return result, nil
}

// pass goes through the layer once.
func (s *Scanner) pass(ctx context.Context, src Source, img *Image, j job) (_ *LayerResult, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	r, err := src.Layer(ctx, j.Layer)
	if err != nil {
		return nil, err
	}
	result, err := readLayer(ctx, cancel, r, j.Layer, j.more, func(n int64) {
		s.tell(Progress{Image: img.Reference, Layer: j.Digest, Done: n, Total: j.Size})
	})
	if closeErr := r.Close(); err == nil && closeErr != nil && !errors.Is(closeErr, io.EOF) {
		err = closeErr
	}
	return result, err
}

func (s *Scanner) tell(p Progress) {
	if s.Progress != nil {
		s.Progress(p)
	}
}
