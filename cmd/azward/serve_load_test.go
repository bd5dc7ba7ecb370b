package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
)

const (
	largeSource = "large"
	largeGroup  = "/subscriptions/6a1e5c1a-0000-4000-8000-000000000001/resourceGroups/shop"
)

// fillLarge puts a connection with that many verdicts and resources in. Each
// verdict has the evidence that a real one has.
func fillLarge(t testing.TB, s *sqlite.Store, verdicts, resources int) {
	t.Helper()
	now := time.Now().UTC()
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	_, err := connect.Connections{Store: s, Sealer: seal.Box{}}.Add(t.Context(), connect.Request{Name: largeSource, Auth: store.AuthAzureCLI}, now)
	must(err)
	must(s.BeginScan(t.Context(), "large-1", largeSource, now))
	var b estate.Builder
	for i := range resources {
		id := fmt.Sprintf("%s/providers/Microsoft.Network/networkInterfaces/nic%05d", largeGroup, i)
		must(b.AddARM(json.RawMessage(fmt.Sprintf(`{"id":%q,"name":"nic%05d","type":"Microsoft.Network/networkInterfaces","location":"westeurope","properties":{"ipConfigurations":[{"properties":{"privateIPAddress":"10.1.%d.%d"}}]}}`,
			id, i, i/250, i%250+1)), estate.Provenance{Source: azward.SourceARM, ReadAt: now}))
	}
	must(s.SaveEstate(t.Context(), "large-1", b.Build().Write))
	must(s.SaveVerdicts(t.Context(), "large-1", func(yield func(store.Decided, error) bool) {
		for i := range verdicts {
			if !yield(store.Decided{Verdict: largeVerdict(i, now)}, nil) {
				return
			}
		}
	}, store.Outcome{State: store.ScanComplete, FinishedAt: now.Add(time.Second)}))
}

// largeVerdict is one of many: 1,000 workloads, one of 500 exploitable.
func largeVerdict(i int, now time.Time) azward.Verdict {
	severities := []azward.Severity{azward.SeverityCritical, azward.SeverityHigh, azward.SeverityMedium, azward.SeverityLow}
	id := azward.ResourceID(fmt.Sprintf("%s/providers/Microsoft.ContainerInstance/containerGroups/app%04d", largeGroup, i%1000))
	cve := fmt.Sprintf("CVE-2024-%05d", i/1000)
	result := azward.Results()[1+i%4]
	if i%500 == 0 {
		result = azward.Exploitable
	}
	answer := map[azward.Result]azward.Answer{
		azward.Exploitable: azward.Yes, azward.Conditional: azward.Yes, azward.Undecided: azward.Unknown, azward.Dormant: azward.No, azward.NotExploitable: azward.No,
	}[result]
	fact := azward.Evidence{Resource: id, Property: "/properties/ipAddress/type", Value: json.RawMessage(`"Public"`), Source: azward.SourceARM, ReadAt: now, Meaning: "it has a public address"}
	v := azward.Verdict{
		ID: azward.NewVerdictID(id, "registry.example/app", cve, "pkg:npm/lodash@4.17.4"), Exploitable: answer, Result: result, Confidence: azward.ConfidenceHigh,
		Profile: "network/none/none", Vulnerability: cve, Image: "registry.example/app@sha256:" + strings.Repeat("0", 64), Summary: "the internet reaches it on tcp 8080", DecidedAt: now,
		Workload: azward.Workload{ID: id, Kind: azward.ContainerGroup, Name: id.Name()}, Gaps: []azward.Gap{},
		Finding:  azward.Finding{ID: cve, Aliases: []string{}, PURL: "pkg:npm/lodash@4.17.4", Severity: severities[i%4], CVSS: 9.8, FixedIn: []string{"4.17.5"}, EPSS: float64(i%1000) / 1000, Affected: azward.Yes},
		Priority: azward.Priority{Reasons: []string{"the internet reaches it"}},
	}
	for _, c := range []azward.ConditionID{azward.Deployed, azward.Affected, azward.Reachable, azward.Prerequisites} {
		v.Conditions = append(v.Conditions, azward.Condition{ID: c, Answer: azward.Yes, Summary: "it holds: " + string(c), Evidence: []azward.Evidence{fact, fact}})
	}
	return v
}

// BenchmarkServe is a hub in a process of its own that fifty readers ask while
// it scans: how long a page takes for all but the slowest twentieth, and how
// much memory the process has held at most.
func BenchmarkServe(b *testing.B) {
	const verdicts, resources, readers = 100_000, 5_000, 50
	data := simulated(b)
	fillLarge(b, openData(b, data), verdicts, resources)
	hub := startHub(b, data)
	admin := setUp(b, setupLink.FindString(hub.wrote(b, setupLink)))
	tokens := make([]string, readers)
	for i := range tokens {
		var token struct {
			Secret string `json:"secret"`
		}
		admin.json(b, http.MethodPost, "/api/v1/tokens", fmt.Sprintf(`{"name":"reader %d","role":"viewer"}`, i), &token)
		tokens[i] = token.Secret
	}
	next := func(path string) string {
		var page struct {
			Next string `json:"next"`
		}
		admin.json(b, http.MethodGet, path, "", &page)
		return page.Next
	}
	deep := "/api/v1/verdicts?limit=500&cursor="
	at := ""
	for range 20 {
		at = next(deep + at)
	}
	stop := scanOverAndOver(b, admin)
	for _, page := range []struct{ name, path string }{
		{"api_verdicts", "/api/v1/verdicts"},
		{"api_verdicts_deep", "/api/v1/verdicts?cursor=" + at},
		{"api_verdicts_filtered", "/api/v1/verdicts?severity=high&result=exploitable,conditional"},
		{"api_verdicts_workload", "/api/v1/verdicts?workload=" + largeGroup + "/providers/Microsoft.ContainerInstance/containerGroups/app0042"},
		{"api_verdicts_search", "/api/v1/verdicts?search=app0042"},
		{"api_verdicts_search_nothing", "/api/v1/verdicts?search=nothing-like-it"},
		{"api_counts", "/api/v1/verdicts/counts"},
		{"api_resources", "/api/v1/resources"},
		{"api_resources_search", "/api/v1/resources?search=nic04"},
		{"api_gaps", "/api/v1/gaps"},
		{"page_overview", "/"},
		{"page_verdicts", "/verdicts"},
		{"page_verdicts_filtered", "/verdicts?result=exploitable&severity=high"},
		{"page_verdicts_search", "/verdicts?q=app0042"},
		{"page_scans", "/scans"},
		{"page_estate", "/estate"},
	} {
		b.Run(fmt.Sprintf("%s/verdicts=%d/resources=%d/readers=%d", page.name, verdicts, resources, readers), func(b *testing.B) {
			if status, text := admin.send(b, http.MethodGet, page.path, "", ""); status == http.StatusNotFound {
				b.Skip("there is no such page")
			} else if status != http.StatusOK {
				b.Fatalf("%d %s", status, text)
			}
			var all []time.Duration
			for b.Loop() {
				all = append(all, readAtOnce(b, hub.url+page.path, tokens)...)
			}
			slices.Sort(all)
			b.ReportMetric(float64(all[len(all)*95/100].Microseconds())/1000, "p95-ms")
			b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), "pages/s")
			b.ReportMetric(resident(b, hub.Process.Pid), "peak-MB")
		})
	}
	scans := stop()
	b.Logf("%d scans meanwhile; %.0f MB resident at most", scans, resident(b, hub.Process.Pid))
	hub.stop(b)
}

// scanOverAndOver scans the small tenant until told to stop, and says how often.
func scanOverAndOver(b *testing.B, admin *browser) (stop func() int) {
	b.Helper()
	ctx, cancel := context.WithCancel(b.Context())
	scans := make(chan int, 1)
	go func() {
		n := 0
		defer func() { scans <- n }()
		for ctx.Err() == nil {
			var job store.Job
			admin.json(b, http.MethodPost, "/api/v1/scans", `{"connection":"`+demoTenant+`"}`, &job)
			if last := admin.follow(b, job.ID); last.State != store.JobPartial {
				b.Errorf("a scan ends as %+v", last)
				return
			}
			n++
		}
	}()
	return func() int { cancel(); return <-scans }
}

// readAtOnce has the reader of each token ask twice, all at once.
func readAtOnce(b *testing.B, url string, tokens []string) []time.Duration {
	b.Helper()
	const each = 2
	took := make([]time.Duration, len(tokens)*each)
	var wait sync.WaitGroup
	for i, token := range tokens {
		wait.Go(func() {
			for n := range each {
				began := time.Now()
				if err := readOnce(b.Context(), url, token); err != nil {
					b.Error(err)
					return
				}
				took[i*each+n] = time.Since(began)
			}
		})
	}
	wait.Wait()
	return took
}

var readerClient = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}

func readOnce(ctx context.Context, url, token string) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	response, err := readerClient.Do(r)
	if err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, response.Body)
	if closed := response.Body.Close(); err == nil {
		err = closed
	}
	if err == nil && response.StatusCode != http.StatusOK {
		err = fmt.Errorf("%s: %s", url, response.Status)
	}
	return err
}

// resident is the most memory that a process has held, in MB.
//
// Source: https://man7.org/linux/man-pages/man5/proc_pid_status.5.html
func resident(b *testing.B, pid int) float64 {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		b.Skip("only Linux says how much memory a process holds: ", err)
	}
	for line := range strings.Lines(string(text)) {
		var kb float64
		if n, _ := fmt.Sscanf(line, "VmHWM: %f kB", &kb); n == 1 {
			return kb / 1024
		}
	}
	b.Fatal("no VmHWM in ", string(text))
	return 0
}
