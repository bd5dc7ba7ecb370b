//go:build unix

package image_test

import (
	"archive/tar"
	"bytes"
	"io"
	"math/rand/v2"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/azward/azward/image"
)

// maxMemory is what a scan may hold at one time, whatever it reads: the tests
// and the registry that they serve included.
const maxMemory = 200_000_000 // bytes

// A layer is streamed, however large it is. This is not parallel to other
// tests, whose memory would count.
func TestMemoryIsBounded(t *testing.T) { //nolint:paralleltest // documented
	program := make([]byte, 20<<20) // larger than what is kept in memory
	_, err := rand.NewChaCha8([32]byte{}).Read(program)
	check(t, err)
	copy(program, "\x7fELF")
	var once bytes.Buffer
	w := tar.NewWriter(&once)
	for _, e := range []struct {
		name string
		body []byte
	}{
		{"usr/bin/app", program},
		{"usr/share/text", bytes.Repeat([]byte("Some text. "), 1<<20)},
		{"srv/node_modules/x/package.json", []byte(`{"name":"x","version":"1"}`)},
	} {
		check(t, w.WriteHeader(&tar.Header{Name: e.name, Size: int64(len(e.body)), Mode: 0o755, Typeflag: tar.TypeReg}))
		_, err := w.Write(e.body)
		check(t, err)
	}
	check(t, w.Flush())
	member := packed(t, once.Bytes())
	end := packed(t, make([]byte, 1024))
	for _, tc := range []struct {
		name  string
		layer func() io.Reader
		want  string
	}{
		// Read to its end, where the digest tells.
		{"layer_of_320_MB", func() io.Reader { return io.MultiReader(&repeated{b: member, times: 10}, bytes.NewReader(end)) }, image.ErrDigestMismatch.Error()},
		{"bomb_of_10_GB", func() io.Reader { return zeros(t, 10<<10) }, image.ErrExpands.Error()},
	} {
		stop := watchMemory(t)
		g := scanStream(t, tc.layer)
		if held := stop(); !strings.Contains(g.Error, tc.want) || held.heap > maxMemory {
			t.Errorf("%s: %d MB, %s", tc.name, held.heap/1_000_000, g.Error)
		}
	}
}

// memory is the most that was held at one time, in bytes.
type memory struct {
	heap     uint64 // by the Go runtime, all that it had not given back or free
	resident uint64 // by the process, as the kernel counts it; 0 where it does not say
}

func (m memory) max(n memory) memory {
	return memory{max(m.heap, n.heap), max(m.resident, n.resident)}
}

func (m memory) report(b *testing.B) {
	b.Helper()
	b.ReportMetric(float64(m.heap)/1e6, "MB-peak")
	b.ReportMetric(float64(m.resident)/1e6, "MB-resident")
}

// watchMemory gives what was held between the call and the end. What was there
// before is given back first. The process serves the images besides.
func watchMemory(tb testing.TB) (end func() memory) {
	tb.Helper()
	debug.FreeOSMemory()
	done, most := make(chan struct{}), make(chan memory)
	go func() {
		s := []metrics.Sample{{Name: "/memory/classes/total:bytes"}, {Name: "/memory/classes/heap/released:bytes"}, {Name: "/memory/classes/heap/free:bytes"}}
		var peak memory
		tick := time.NewTicker(5 * time.Millisecond)
		defer tick.Stop()
		for {
			metrics.Read(s)
			peak = peak.max(memory{s[0].Value.Uint64() - s[1].Value.Uint64() - s[2].Value.Uint64(), resident()})
			select {
			case <-done:
				most <- peak
				return
			case <-tick.C:
			}
		}
	}()
	return func() memory {
		close(done)
		return <-most
	}
}

// resident reads the second number of /proc/self/statm, in pages.
//
// Source: https://man7.org/linux/man-pages/man5/proc_pid_statm.5.html
func resident() uint64 {
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := bytes.Fields(raw)
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseUint(string(fields[1]), 10, 64)
	if err != nil {
		return 0
	}
	return pages * uint64(os.Getpagesize())
}
