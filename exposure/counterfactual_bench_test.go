package exposure_test

import (
	"fmt"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/exposure"
)

// BenchmarkCounterfactuals asks for one machine that is reached.
func BenchmarkCounterfactuals(b *testing.B) {
	for _, n := range []int{1000, 10000} {
		b.Run(fmt.Sprintf("vms=%d", n), func(b *testing.B) {
			e := machines(b, n)
			for _, w := range e.Workloads() {
				if exposure.Reach(e, w).Answer != azward.Yes {
					continue
				}
				for b.Loop() {
					list, err := exposure.Counterfactuals(e, w)
					if err != nil || len(list) == 0 {
						b.Fatal(len(list), err)
					}
				}
				return
			}
			b.Fatal("no machine is reached")
		})
	}
}
