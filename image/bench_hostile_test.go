//go:build unix

package image_test

import (
	"archive/tar"
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/azward/azward/image"
)

// BenchmarkLargeLayer reads one layer of 2 GB unpacked, of 670,000 entries,
// and says how many times the limit it takes.
func BenchmarkLargeLayer(b *testing.B) {
	s, r := newBlobServer(b)
	m := maker{r: rand.New(rand.NewPCG(1, 2)), program: program(b)}
	var once bytes.Buffer
	w := tar.NewWriter(&once)
	check(b, m.debian(w))
	check(b, w.Flush()) // without the end: it comes last
	times := 2_000_000_000/once.Len() + 1
	s.image(b, "large", []layerFile{s.put(b, append(bytes.Repeat(packed(b, once.Bytes()), times), packed(b, make([]byte, 1024))...))})
	images := newWorkload(b, r, []image.Reference{{Kind: image.KindRegistry, Registry: r.Host, Repository: "large", Tag: "v1"}})
	b.Run("GB=2", func(b *testing.B) {
		var limit, scan spent
		var most memory
		for b.Loop() {
			b.StopTimer()
			limit.measure(b, images.limit)
			stop := watchMemory(b)
			b.StartTimer()
			scan.measure(b, images.scan)
			b.StopTimer()
			most = most.max(stop())
			b.StartTimer()
		}
		b.SetBytes(images.plain)
		b.ReportMetric(float64(scan.elapsed)/float64(limit.elapsed), "limits")
		b.ReportMetric(float64(scan.cpu)/float64(limit.cpu), "cpu-limits")
		most.report(b)
	})
}

// BenchmarkBomb is 10 GB of zeros in 10 MB: it ends at a named limit.
func BenchmarkBomb(b *testing.B) {
	bomb, err := io.ReadAll(zeros(b, 10<<10))
	check(b, err)
	b.Run("GB=10", func(b *testing.B) {
		hostile(b, func() io.Reader { return bytes.NewReader(bomb) }, image.ErrExpands)
	})
}

// BenchmarkEntries is a layer of a million entries and one more.
func BenchmarkEntries(b *testing.B) {
	file := filepath.Join(b.TempDir(), "layer.tar")
	f, err := os.Create(file)
	check(b, err)
	_, err = io.Copy(f, manyEntries(b, 1_000_001))
	check(b, err)
	check(b, f.Close())
	b.Run("entries=1000001", func(b *testing.B) {
		hostile(b, func() io.Reader {
			f, err := os.Open(file)
			check(b, err)
			b.Cleanup(func() { check(b, f.Close()) })
			return f
		}, image.ErrTooManyEntries)
	})
}

func hostile(b *testing.B, layer func() io.Reader, want error) {
	b.Helper()
	var most memory
	for b.Loop() {
		b.StopTimer()
		stop := watchMemory(b)
		b.StartTimer()
		g := scanStream(b, layer)
		b.StopTimer()
		most = most.max(stop())
		if !strings.Contains(g.Error, want.Error()) {
			b.Fatal(g.Error)
		}
		b.StartTimer()
	}
	most.report(b)
}
