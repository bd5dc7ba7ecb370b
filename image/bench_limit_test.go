//go:build unix

package image_test

import (
	"archive/tar"
	"bufio"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	kgzip "github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
	"golang.org/x/sync/errgroup"

	"github.com/azward/azward"
	"github.com/azward/azward/image"
)

// benchWorkers is the number of layers at once, for the limit and for the scan.
const benchWorkers = 2

// BenchmarkLimit is what no scanner can go below: pull, sum up, decompress
// and walk each distinct layer, nothing else, with two workers.
func BenchmarkLimit(b *testing.B) {
	for _, w := range workloads(b) {
		b.Run(w.name, func(b *testing.B) {
			b.SetBytes(w.plain)
			for b.Loop() {
				w.limit(b)
			}
		})
	}
}

// BenchmarkScan is a cold scan of the same images, with an empty cache that
// all share, and says how many times the limit it takes. Both are measured in
// turns, so that what else the machine does falls on both: in elapsed time
// ("limits"), in the best round of each ("best-limits"), and in processor time
// ("cpu-limits").
func BenchmarkScan(b *testing.B) {
	for _, w := range workloads(b) {
		b.Run(w.name, func(b *testing.B) {
			b.SetBytes(w.plain)
			var limit, scan spent
			var most memory
			for b.Loop() {
				b.StopTimer()
				limit.measure(b, w.limit)
				stop := watchMemory(b)
				b.StartTimer()
				scan.measure(b, w.scan)
				b.StopTimer()
				most = most.max(stop())
				b.StartTimer()
			}
			b.ReportMetric(float64(scan.elapsed)/float64(limit.elapsed), "limits")
			b.ReportMetric(float64(scan.best)/float64(limit.best), "best-limits")
			b.ReportMetric(float64(scan.cpu)/float64(limit.cpu), "cpu-limits")
			most.report(b)
			b.ReportMetric(float64(len(w.refs))*float64(b.N)/scan.elapsed.Seconds(), "images/s")
		})
	}
}

// spent is the time that all rounds took, and the best of them.
type spent struct{ elapsed, best, cpu time.Duration }

func (s *spent) measure(b *testing.B, do func(*testing.B)) {
	b.Helper()
	start, used := time.Now(), cpuTime(b)
	do(b)
	took := time.Since(start)
	if s.elapsed += took; s.best == 0 || took < s.best {
		s.best = took
	}
	s.cpu += cpuTime(b) - used
}

// cpuTime is what this process has used: it does not count what else the
// machine does.
func cpuTime(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	check(b, syscall.Getrusage(syscall.RUSAGE_SELF, &u))
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// workload is a set of images in one registry.
type workload struct {
	name     string
	registry *image.Registry
	refs     []image.Reference
	layers   []placed // distinct, largest first
	plain    int64    // bytes of all of them, unpacked
}

type placed struct {
	image.Layer
	repository string
}

// workloads are made here, and, where AZWARD_BENCH_REGISTRY names a registry
// of plain HTTP on this machine, found there: all its images, and its largest
// image alone.
func workloads(b *testing.B) []*workload {
	b.Helper()
	if host := os.Getenv("AZWARD_BENCH_REGISTRY"); host != "" {
		return stored(b, host)
	}
	return synthetic(b)
}

func stored(b *testing.B, host string) []*workload {
	b.Helper()
	r := &image.Registry{Host: host, PlainHTTP: true}
	b.Cleanup(func() {
		check(b, r.Close())
		http.DefaultClient.CloseIdleConnections()
	})
	var refs []image.Reference
	for repository, err := range r.Repositories(b.Context()) {
		check(b, err)
		for tag, err := range r.Tags(b.Context(), repository) {
			check(b, err)
			refs = append(refs, image.Reference{Kind: image.KindRegistry, Registry: host, Repository: repository, Tag: tag.Name})
		}
	}
	slices.SortFunc(refs, func(a, b image.Reference) int { return cmp.Compare(a.String(), b.String()) })
	all := newWorkload(b, r, refs)
	all.name = fmt.Sprintf("registry/images=%d", len(refs))
	var largest *workload
	for _, ref := range refs {
		if w := newWorkload(b, r, []image.Reference{ref}); largest == nil || size(w.layers) > size(largest.layers) {
			w.name = "largest/images=1"
			largest = w
		}
	}
	for _, w := range []*workload{all, largest} {
		w.limit(b) // counts what they unpack to
	}
	return []*workload{all, largest}
}

func size(layers []placed) (n int64) {
	for _, l := range layers {
		n += l.Size
	}
	return n
}

func newWorkload(b *testing.B, r *image.Registry, refs []image.Reference) *workload {
	b.Helper()
	w := &workload{registry: r, refs: refs}
	for _, ref := range refs {
		m, err := r.Open(ref).Resolve(b.Context(), image.DefaultPlatform)
		check(b, err)
		for _, l := range m.Layers {
			w.layers = append(w.layers, placed{l, ref.Repository})
		}
	}
	slices.SortFunc(w.layers, func(a, b placed) int { return cmp.Or(cmp.Compare(b.Size, a.Size), cmp.Compare(a.Digest, b.Digest)) })
	w.layers = slices.CompactFunc(w.layers, func(a, b placed) bool { return a.Digest == b.Digest })
	return w
}

func check(tb testing.TB, err error) {
	tb.Helper()
	if err != nil {
		tb.Fatal(err)
	}
}

func (w *workload) scan(b *testing.B) {
	scanner := &image.Scanner{Cache: &image.MemoryCache{}, Workers: benchWorkers}
	group, ctx := errgroup.WithContext(b.Context())
	group.SetLimit(8)
	for _, ref := range w.refs {
		group.Go(func() error {
			img, err := scanner.Scan(ctx, w.registry.Open(ref))
			if err == nil && len(img.Packages) == 0 && w.plain > 0 {
				err = errors.New(ref.String() + " has no packages")
			}
			return err
		})
	}
	check(b, group.Wait())
}

func (w *workload) limit(b *testing.B) {
	group, ctx := errgroup.WithContext(b.Context())
	group.SetLimit(benchWorkers)
	var mu sync.Mutex
	w.plain = 0
	for _, l := range w.layers {
		group.Go(func() error {
			n, err := w.least(ctx, l)
			mu.Lock()
			defer mu.Unlock()
			w.plain += n
			return err
		})
	}
	check(b, group.Wait())
}

// least is the least that can be done to one layer.
func (w *workload) least(ctx context.Context, l placed) (plain int64, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+w.registry.Host+"/v2/"+l.repository+"/blobs/"+string(l.Digest), nil)
	if err != nil {
		return 0, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	sum := sha256.New()
	in := bufio.NewReaderSize(io.TeeReader(res.Body, sum), 256<<10)
	var z io.Reader
	if head, err := in.Peek(4); err == nil && head[0] == 0x28 {
		d, err := zstd.NewReader(in, zstd.WithDecoderConcurrency(1))
		if err != nil {
			return 0, err
		}
		defer d.Close()
		z = d
	} else if z, err = kgzip.NewReader(in); err != nil {
		return 0, err
	}
	n := &lengthOf{r: z}
	t := tar.NewReader(n)
	for {
		if _, err = t.Next(); err != nil {
			break
		}
	}
	if _, tail := io.Copy(io.Discard, n); tail != nil || !errors.Is(err, io.EOF) {
		return 0, errors.Join(err, tail)
	}
	if _, err := io.Copy(io.Discard, in); err != nil {
		return 0, err
	}
	if got := azward.Digest("sha256:" + hex.EncodeToString(sum.Sum(nil))); got != l.Digest {
		return 0, fmt.Errorf("%s came for %s", got, l.Digest)
	}
	return n.n, nil
}

type lengthOf struct {
	r io.Reader
	n int64
}

func (l *lengthOf) Read(p []byte) (int, error) {
	n, err := l.r.Read(p)
	l.n += int64(n)
	return n, err
}

// blobServer is a registry that reads from files, so that what it holds does
// not count as memory.
type blobServer struct {
	dir       string
	manifests map[string][]byte
}

// ServeHTTP implements [http.Handler].
func (s *blobServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if m, ok := s.manifests[r.URL.Path]; ok {
		w.Header().Set("Content-Type", "application/vnd.oci.image.manifest.v1+json")
		_, _ = w.Write(m)
		return
	}
	if _, name, ok := strings.Cut(r.URL.Path, "/blobs/sha256:"); ok {
		http.ServeFileFS(w, r, os.DirFS(s.dir), name)
		return
	}
	if r.URL.Path != "/v2/" {
		http.NotFound(w, r)
	}
}
