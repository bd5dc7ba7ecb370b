//go:build unix

package azurepolicy_test

import (
	"encoding/json"
	"fmt"
	"syscall"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy/azurepolicy"
)

// processor is the processor time that the process has used: machines are
// shared, and figures are per core.
func processor(b *testing.B) time.Duration {
	b.Helper()
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// perCore reports how many things a second of one core does.
func perCore(b *testing.B, count float64, from time.Duration, unit string) {
	b.Helper()
	b.ReportMetric(count*float64(b.N)/(processor(b)-from).Seconds(), unit+"/core-s")
}

// BenchmarkEvaluate evaluates all built-in definitions that have defaults on
// the recorded objects: each pair, and those alone that the index leaves.
func BenchmarkEvaluate(b *testing.B) {
	e := recorded(b)
	policies, _, _ := compiled(b, definitions(b), azurepolicy.Options{Aliases: aliases(b)})
	c := azurepolicy.NewChecker(e, evaluatedAt)
	var subjects []*azurepolicy.Subject
	for r := range e.All() {
		s, err := c.Subject(r)
		if err != nil {
			b.Fatal(err)
		}
		subjects = append(subjects, s)
	}
	pairs := float64(len(subjects) * len(policies))
	b.Run("objects=579/policies=2024/index=none", func(b *testing.B) {
		from := processor(b)
		for b.Loop() {
			for _, s := range subjects {
				for _, p := range policies {
					c.Evaluate(p, s)
				}
			}
		}
		perCore(b, pairs, from, "evaluations")
	})
	b.Run("objects=579/policies=2024/index=type", func(b *testing.B) {
		index := azurepolicy.NewIndex(policies)
		made := 0
		for _, s := range subjects {
			made += len(index.For(s))
		}
		from := processor(b)
		for b.Loop() {
			for _, s := range subjects {
				for _, p := range index.For(s) {
					c.Evaluate(p, s)
				}
			}
		}
		perCore(b, pairs, from, "decided")
		perCore(b, float64(made), from, "evaluations")
	})
}

func BenchmarkCompile(b *testing.B) {
	all, list := definitions(b), aliases(b)
	b.Run("definitions=2762", func(b *testing.B) {
		from := processor(b)
		for b.Loop() {
			compiled(b, all, azurepolicy.Options{Aliases: list})
		}
		perCore(b, float64(len(all)), from, "definitions")
	})
}

// BenchmarkCheck is everything that a check of the recorded objects does: the
// bodies decoded, the leaves told.
func BenchmarkCheck(b *testing.B) {
	e := recorded(b)
	policies, _, _ := compiled(b, definitions(b), azurepolicy.Options{Aliases: aliases(b)})
	b.Run("objects=579/policies=2024", func(b *testing.B) {
		from := processor(b)
		for b.Loop() {
			for range azurepolicy.NewChecker(e, evaluatedAt).Check(policies) {
			}
		}
		perCore(b, float64(e.Len()), from, "resources")
	})
}

// BenchmarkRelated looks for an extension of each machine: the work grows with
// the number of machines.
func BenchmarkRelated(b *testing.B) {
	d := parse(b, `{"name":"case","properties":{"mode":"Indexed","policyRule":{"if":{"field":"type","equals":"Microsoft.Compute/virtualMachines"},"then":{"effect":"AuditIfNotExists",
"details":{"type":"Microsoft.Compute/virtualMachines/extensions","existenceCondition":{"field":"Microsoft.Compute/virtualMachines/extensions/publisher","equals":"x"}}}}}}`)
	p := mustCompile(b, d, azurepolicy.Options{Aliases: readAliases(b, "Microsoft.Compute/virtualMachines/extensions/publisher,properties.publisher")})
	for _, n := range []int{1000, 10_000} {
		var build estate.Builder
		for i := range n {
			id := fmt.Sprintf("%s/providers/Microsoft.Compute/virtualMachines/vm%d", group, i)
			for _, body := range []string{
				`{"id":"` + id + `","type":"Microsoft.Compute/virtualMachines","name":"vm","location":"westeurope","properties":{}}`,
				`{"id":"` + id + `/extensions/e","type":"Microsoft.Compute/virtualMachines/extensions","name":"e","location":"westeurope","properties":{"publisher":"x"}}`,
			} {
				if err := build.AddARM(json.RawMessage(body), estate.Provenance{Source: azward.SourceARM}); err != nil {
					b.Fatal(err)
				}
			}
		}
		e := build.Build()
		b.Run(fmt.Sprintf("machines=%d", n), func(b *testing.B) {
			from := processor(b)
			for b.Loop() {
				for r := range azurepolicy.NewChecker(e, evaluatedAt).Check([]*azurepolicy.Policy{p}) {
					if r.State != azurepolicy.Pass {
						b.Fatal(r.String())
					}
				}
			}
			perCore(b, float64(n), from, "machines")
		})
	}
}
