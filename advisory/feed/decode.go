package feed

import (
	"archive/zip"
	"bytes"
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"sync"

	"github.com/klauspost/compress/flate"

	"github.com/azward/azward/internal/bound"
)

// batchSize is how many records one worker decodes at a time: enough that
// handing over costs nothing, few enough that little waits in memory.
const batchSize = 128

// decode yields the records of an archive in its order, decoded by workers.
// When ctx ends it stops early; no goroutine outlives the loop.
func decode(ctx context.Context, files []*zip.File, workers int) iter.Seq[[]parsed] {
	return func(yield func([]parsed) bool) {
		ctx, cancel := context.WithCancel(ctx)
		var all sync.WaitGroup
		defer all.Wait()
		defer cancel()
		// A queue of places to be filled keeps the order; its length bounds
		// how many batches are in memory.
		queue := make(chan chan []parsed, workers)
		tasks := make(chan func())
		for range workers {
			all.Go(func() {
				for task := range tasks {
					task()
				}
			})
		}
		all.Go(func() {
			defer close(queue)
			defer close(tasks)
			for len(files) > 0 {
				batch := files[:min(batchSize, len(files))]
				files = files[len(batch):]
				place := make(chan []parsed, 1)
				select {
				case queue <- place:
				case <-ctx.Done():
					return
				}
				select {
				case tasks <- func() { place <- decodeBatch(ctx, batch) }:
				case <-ctx.Done():
					close(place)
					return
				}
			}
		})
		for place := range queue {
			if !yield(<-place) {
				return
			}
		}
	}
}

func decodeBatch(ctx context.Context, files []*zip.File) []parsed {
	out := make([]parsed, 0, len(files))
	var buf bytes.Buffer
	for _, f := range files {
		if ctx.Err() != nil {
			return out
		}
		if !strings.HasSuffix(f.Name, ".json") {
			continue
		}
		buf.Reset()
		err := readEntry(&buf, f)
		out = append(out, parse(f.Name, buf.Bytes(), err))
	}
	return out
}

func readEntry(buf *bytes.Buffer, f *zip.File) (err error) {
	r, err := f.Open()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, r.Close()) }()
	_, err = buf.ReadFrom(bound.Reader(r, maxRecord, f.Name))
	return err
}

// inflaters are kept: an archive has tens of thousands of small entries, and
// the tables of a new one cost more than many of these.
var inflaters sync.Pool

// inflate unpacks an entry of an archive. Whoever opened it closes it.
func inflate(r io.Reader) io.ReadCloser {
	if kept, ok := inflaters.Get().(*inflater); ok {
		if kept.resetter.Reset(r, nil) == nil {
			return kept
		}
	}
	fresh := flate.NewReader(r)
	resetter, ok := fresh.(flate.Resetter)
	if !ok {
		return fresh
	}
	return &inflater{fresh, resetter}
}

type inflater struct {
	io.ReadCloser
	resetter flate.Resetter
}

// Close gives the inflater back for the next entry.
func (i *inflater) Close() error {
	err := i.ReadCloser.Close()
	inflaters.Put(i)
	return err
}
