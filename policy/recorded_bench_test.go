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
	const mark = "\x00" // stands in no JSON text
	var bodies [][]string
	shared(b, "arm-objects-recorded.jsonl.gz", func(line []byte) {
		if strings.Contains(strings.ToLower(string(line)), "/resourcegroups/") {
			bodies = append(bodies, strings.Split(inGroup.ReplaceAllString(string(line), "${1}"+mark), mark))
		}
	})
	var to estate.Builder
	for i := range n {
		body := strings.Join(bodies[i%len(bodies)], fmt.Sprintf("-%d/", i/len(bodies)))
		if err := to.AddARM(json.RawMessage(body), estate.Provenance{Source: azward.SourceARM}); err != nil {
			b.Fatal(err)
		}
	}
	to.AddListing(estate.Listing{Scope: "/", Type: estate.AllTypes, Status: estate.ListingDeclared})
	return to.Build()
}

// BenchmarkRecorded checks an estate of copies of the recorded objects: rules of
// ours alone, and the default profile with Microsoft's definitions. Passes are
// counted, and all else is written out. Each round has an estate of its own that
// nothing was asked of, so that no round finds what another one left in it.
func BenchmarkRecorded(b *testing.B) {
	catalog, _ := builtIn(b)
	rules, _, err := policy.Rules()
	if err != nil {
		b.Fatal(err)
	}
	for _, n := range []int{10_000, 100_000} {
		for _, name := range []string{policy.ProfileRules, policy.ProfileDefault} {
			profile, err := policy.Select(name, rules, catalog)
			if err != nil {
				b.Fatal(err)
			}
			b.Run(fmt.Sprintf("resources=%d/profile=%s", n, name), func(b *testing.B) {
				results, spent := 0, time.Duration(0)
				for b.Loop() {
					b.StopTimer()
					e := recordedCopies(b, n)
					runtime.GC()
					b.StartTimer()
					from := processor(b)
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
					spent += processor(b) - from
				}
				b.ReportMetric(spent.Seconds()/float64(b.N), "core-s/run")
				b.ReportMetric(float64(results)/float64(b.N), "results")
			})
		}
	}
}

// BenchmarkRule is one rule on a resource of 2 KB whose document is decoded.
func BenchmarkRule(b *testing.B) {
	e := benchEstate(b, 1)
	for name, test := range map[string]string{
		"one_property": "passes_when: resource.properties.supportsHttpsTrafficOnly == true",
		"three":        `passes_when: 'resource.properties.publicNetworkAccess.is("Disabled") || resource.properties.networkAcls.defaultAction.is("Deny") || resource.kind == "X"'`,
		"walk_2":       `fails_when: 'resource.properties.networkAcls.ipRules.exists(r, is_any_address(r.value))'`,
		"time":         `passes_when: 'now - time(resource.properties.creationTime) > days(90)'`,
	} {
		b.Run(name+"/bytes="+fmt.Sprint(len(account(0))), func(b *testing.B) {
			const copies = 100 // of the rule, so that finding the resource does not count
			var text strings.Builder
			text.WriteString("rules:\n")
			for i := range copies {
				text.WriteString(rule(fmt.Sprintf("r%d", i), test))
			}
			rules := parse(b, text.String())
			c := policy.NewChecker(e, policy.CaseTime)
			b.ReportAllocs()
			n, from := 0, processor(b)
			for b.Loop() {
				for range c.Check(rules) {
					n++
				}
			}
			if n == 0 {
				b.Fatal("nothing was evaluated")
			}
			b.ReportMetric(float64((processor(b)-from).Nanoseconds())/float64(n), "core-ns/rule")
		})
	}
}
