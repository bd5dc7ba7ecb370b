package azurepolicy_test

import (
	"testing"

	"github.com/azward/azward/policy/azurepolicy"
)

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
		for b.Loop() {
			for _, s := range subjects {
				for _, p := range policies {
					c.Evaluate(p, s)
				}
			}
		}
		b.ReportMetric(pairs*float64(b.N)/b.Elapsed().Seconds(), "evaluations/s")
	})
	b.Run("objects=579/policies=2024/index=type", func(b *testing.B) {
		index := azurepolicy.NewIndex(policies)
		made := 0
		for _, s := range subjects {
			made += len(index.For(s))
		}
		for b.Loop() {
			for _, s := range subjects {
				for _, p := range index.For(s) {
					c.Evaluate(p, s)
				}
			}
		}
		b.ReportMetric(pairs*float64(b.N)/b.Elapsed().Seconds(), "decided/s")
		b.ReportMetric(float64(made*b.N)/b.Elapsed().Seconds(), "evaluations/s")
	})
}

func BenchmarkCompile(b *testing.B) {
	all, list := definitions(b), aliases(b)
	b.Run("definitions=2762", func(b *testing.B) {
		for b.Loop() {
			compiled(b, all, azurepolicy.Options{Aliases: list})
		}
		b.ReportMetric(float64(len(all)*b.N)/b.Elapsed().Seconds(), "definitions/s")
	})
}

// BenchmarkCheck is everything that a check of the recorded objects does: the
// bodies decoded, the leaves told.
func BenchmarkCheck(b *testing.B) {
	e := recorded(b)
	policies, _, _ := compiled(b, definitions(b), azurepolicy.Options{Aliases: aliases(b)})
	b.Run("objects=579/policies=2024", func(b *testing.B) {
		for b.Loop() {
			for range azurepolicy.NewChecker(e, evaluatedAt).Check(policies) {
			}
		}
		b.ReportMetric(float64(e.Len()*b.N)/b.Elapsed().Seconds(), "resources/s")
	})
}
