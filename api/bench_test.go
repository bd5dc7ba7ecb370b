package api_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
)

// large puts 100,000 verdicts and 5,000 resources in.
func (w *world) large(verdicts, resources int) {
	w.t.Helper()
	ctx := context.Background()
	now := time.Now().UTC()
	connections := connect.Connections{Store: w.store, Sealer: seal.Box{}}
	_, err := connections.Add(ctx, connect.Request{Name: "prod", Auth: store.AuthAzureCLI}, now)
	w.ok(err)
	w.ok(w.store.BeginScan(ctx, "large", "prod", now))
	var b estate.Builder
	for i := range resources {
		id := fmt.Sprintf("%s/providers/Microsoft.Network/networkInterfaces/nic%05d", group, i)
		w.ok(b.AddARM(json.RawMessage(fmt.Sprintf(`{"id":%q,"name":"nic%05d","type":"Microsoft.Network/networkInterfaces","location":"westeurope","properties":{"ipConfigurations":[{"properties":{"privateIPAddress":"10.1.%d.%d","subnet":{"id":%q}}}]}}`,
			id, i, i/250, i%250+1, vnet+"/subnets/apps")), estate.Provenance{Source: azward.SourceARM, ReadAt: now}))
	}
	w.ok(w.store.SaveEstate(ctx, "large", b.Build().Write))
	results := azward.Results()
	severities := []azward.Severity{azward.SeverityCritical, azward.SeverityHigh, azward.SeverityMedium, azward.SeverityLow}
	fact := azward.Evidence{Resource: cart, Property: "/properties/ipAddress/type", Value: json.RawMessage(`"Public"`), Source: azward.SourceARM, ReadAt: now, Meaning: "it has a public address"}
	w.ok(w.store.SaveVerdicts(ctx, "large", func(yield func(store.Decided, error) bool) {
		for i := range verdicts {
			id := azward.ResourceID(fmt.Sprintf("%s/providers/Microsoft.ContainerInstance/containerGroups/app%04d", group, i%1000))
			cve := fmt.Sprintf("CVE-2024-%05d", i/1000)
			result := results[1+i%4]
			if i%500 == 0 {
				result = azward.Exploitable
			}
			exploitable := map[azward.Result]azward.Answer{azward.Exploitable: azward.Yes, azward.Conditional: azward.Yes, azward.Undecided: azward.Unknown}[result]
			if result == azward.Dormant || result == azward.NotExploitable {
				exploitable = azward.No
			}
			v := azward.Verdict{
				ID: azward.NewVerdictID(id, acr+"/app", cve, "pkg:npm/lodash@4.17.4"), Exploitable: exploitable, Result: result, Confidence: azward.ConfidenceHigh,
				Profile: "network/none/none", Vulnerability: cve, Image: acr + "/app@" + digest, Summary: "exploitable: the internet reaches it on tcp 8080", DecidedAt: now,
				Workload: azward.Workload{ID: id, Kind: azward.ContainerGroup, Name: id.Name()}, Gaps: []azward.Gap{},
				Finding:  azward.Finding{ID: cve, Aliases: []string{}, PURL: "pkg:npm/lodash@4.17.4", Severity: severities[i%4], CVSS: 9.8, FixedIn: []string{"4.17.5"}, EPSS: float64(i%1000) / 1000, Affected: azward.Yes},
				Priority: azward.Priority{Reasons: []string{"the internet reaches it"}},
			}
			for _, c := range []azward.ConditionID{azward.Deployed, azward.Affected, azward.Reachable, azward.Prerequisites} {
				v.Conditions = append(v.Conditions, azward.Condition{ID: c, Answer: azward.Yes, Summary: "it holds: " + string(c), Evidence: []azward.Evidence{fact, fact}})
			}
			if !yield(store.Decided{Verdict: v}, nil) {
				return
			}
		}
	}, store.Outcome{State: store.ScanComplete, FinishedAt: now.Add(time.Second)}))
}

// BenchmarkLists is 50 readers at once on a large store. It reports how long a
// page takes for all but the slowest twentieth.
func BenchmarkLists(b *testing.B) {
	const verdicts, resources, readers = 100_000, 5_000, 50
	w := newWorld(b)
	w.large(verdicts, resources)
	cursor := func(path string) string {
		at := ""
		for range 20 {
			at = read[page[json.RawMessage]](w, w.do(access.Viewer, http.MethodGet, path+"&limit=500&cursor="+at, ""), http.StatusOK).Next
		}
		return at
	}
	pages := []struct{ name, path string }{
		{"verdicts", "/verdicts?limit=50"},
		{"verdicts_deep", "/verdicts?limit=50&cursor=" + cursor("/verdicts?dismissed=with")},
		{"verdicts_severity_result", "/verdicts?severity=high&result=exploitable,conditional"},
		{"verdicts_vulnerability", "/verdicts?vulnerability=cve-2024-00042"},
		{"verdicts_workload", "/verdicts?workload=" + group + "/providers/Microsoft.ContainerInstance/containerGroups/app0042"},
		{"verdicts_search", "/verdicts?search=app0042"},
		{"verdict_counts", "/verdicts/counts"},
		{"resources", "/resources?"},
		{"resources_search", "/resources?search=nic04"},
		{"scans", "/scans?"},
		{"gaps", "/gaps?"},
	}
	for _, p := range pages {
		b.Run(fmt.Sprintf("%s/verdicts=%d/resources=%d/readers=%d", p.name, verdicts, resources, readers), func(b *testing.B) {
			var all []time.Duration
			for b.Loop() {
				all = append(all, w.readers(b, p.path, readers)...)
			}
			slices.Sort(all)
			b.ReportMetric(float64(all[len(all)*95/100].Microseconds())/1000, "p95-ms")
			b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), "pages/s")
		})
	}
}

// readers ask for a page twice each, all at once.
func (w *world) readers(b *testing.B, path string, readers int) []time.Duration {
	const each = 2
	took := make([]time.Duration, readers*each)
	var wait sync.WaitGroup
	for i := range readers {
		wait.Go(func() {
			for n := range each {
				began := time.Now()
				r, err := http.NewRequestWithContext(b.Context(), http.MethodGet, w.hub.URL+"/api/v1"+path, nil)
				if err != nil {
					b.Error(err)
					return
				}
				r.Header.Set("Authorization", "Bearer "+w.tokens[access.Viewer])
				response, err := w.hub.Client().Do(r)
				if err != nil {
					b.Error(err)
					return
				}
				if _, err := io.Copy(io.Discard, response.Body); err != nil || response.StatusCode != http.StatusOK {
					b.Error(response.StatusCode, err)
				}
				if err := response.Body.Close(); err != nil {
					b.Error(err)
				}
				took[i*each+n] = time.Since(began)
			}
		})
	}
	wait.Wait()
	return took
}
