//go:build unix

package policy_test

import (
	"encoding/json"
	"fmt"
	"regexp"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy"
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

// inGroup is an ID up to its resource group.
var inGroup = regexp.MustCompile(`(?i)(/resourcegroups/[^/"]+)/`)

// recordedCopies is an estate of n resources: copies of what Azure returned, each
// set of them in resource groups of its own within the same subscriptions.
func recordedCopies(b *testing.B, n int) *estate.Estate {
	b.Helper()
	var bodies []string
	shared(b, "arm-objects-recorded.jsonl.gz", func(line []byte) {
		if strings.Contains(strings.ToLower(string(line)), "/resourcegroups/") {
			bodies = append(bodies, string(line))
		}
	})
	var to estate.Builder
	for i := range n {
		body := inGroup.ReplaceAllString(bodies[i%len(bodies)], fmt.Sprintf("${1}-%d/", i/len(bodies)))
		if err := to.AddARM(json.RawMessage(body), estate.Provenance{Source: azward.SourceARM}); err != nil {
			b.Fatal(err)
		}
	}
	to.AddListing(estate.Listing{Scope: "/", Type: estate.AllTypes, Status: estate.ListingDeclared})
	return to.Build()
}

// BenchmarkRecorded checks an estate of copies of the recorded objects: rules of
// ours alone, and the default profile with Microsoft's definitions. Passes are
// counted, and all else is written out, as the table of a check does.
func BenchmarkRecorded(b *testing.B) {
	catalog, _ := builtIn(b)
	rules, _, err := policy.Rules()
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{10_000, 100_000} {
		e := recordedCopies(b, n)
		for _, name := range []string{policy.ProfileRules, policy.ProfileDefault} {
			profile, err := policy.Select(name, rules, catalog)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("resources=%d/profile=%s", n, name), func(b *testing.B) {
				runtime.GC()
				from, results := processor(b), 0
				for b.Loop() {
					for r := range policy.NewChecker(e, policy.CaseTime).Check(profile.Rules) {
						results++
						if r.State != azurepolicy.Pass && r.Posture().Rule == "" {
							b.Fatal("a result names no rule")
						}
					}
					for r := range azurepolicy.NewChecker(e, policy.CaseTime).Check(profile.Policies) {
						results++
						if r.State != azurepolicy.Pass && policy.AzurePosture(r).Rule == "" {
							b.Fatal("a result names no definition")
						}
					}
				}
				b.ReportMetric((processor(b)-from).Seconds()/float64(b.N), "core-s/run")
				b.ReportMetric(float64(results)/float64(b.N), "results")
			})
		}
	}
}
