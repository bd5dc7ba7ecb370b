//go:build unix

package image_test

import (
	"bytes"
	"os"
	"runtime/debug"
	"runtime/metrics"
	"strconv"
	"testing"
	"time"
)

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
