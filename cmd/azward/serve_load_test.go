package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/connect"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/report"
	"github.com/azward/azward/seal"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
	"github.com/azward/azward/workspace"
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
	tally := make([]azward.Verdict, verdicts) // what they are counted by
	for i := range tally {
		v := largeVerdict(i, now)
		for n := range v.Conditions {
			v.Conditions[n].Evidence = nil
		}
		tally[i] = v
	}
	counts, err := json.Marshal(map[string]any{"verdicts": report.CountOf(tally), "funnel": workspace.FunnelOf(tally)})
	must(err)
	must(s.SaveVerdicts(t.Context(), "large-1", func(yield func(store.Decided, error) bool) {
		for i := range verdicts {
			if !yield(store.Decided{Verdict: largeVerdict(i, now)}, nil) {
				return
			}
		}
	}, store.Outcome{State: store.ScanComplete, FinishedAt: now.Add(time.Second), Counts: counts}))
}

// largeVerdict is one of many: 1,000 workloads of 25 images with 100
// vulnerabilities each, one of 500 exploitable.
func largeVerdict(i int, now time.Time) azward.Verdict {
	severities := []azward.Severity{azward.SeverityCritical, azward.SeverityHigh, azward.SeverityMedium, azward.SeverityLow}
	id := azward.ResourceID(fmt.Sprintf("%s/providers/Microsoft.ContainerInstance/containerGroups/app%04d", largeGroup, i%1000))
	image := i % 1000 / 40
	cve, purl := fmt.Sprintf("CVE-2024-%05d", 100*image+i/1000), fmt.Sprintf("pkg:npm/package%02d@4.17.%d", i/1000, image)
	result := azward.Results()[1+i%4]
	if i%500 == 0 {
		result = azward.Exploitable
	}
	answer := map[azward.Result]azward.Answer{
		azward.Exploitable: azward.Yes, azward.Conditional: azward.Yes, azward.Undecided: azward.Unknown, azward.Dormant: azward.No, azward.NotExploitable: azward.No,
	}[result]
	fact := azward.Evidence{Resource: id, Property: "/properties/ipAddress/type", Value: json.RawMessage(`"Public"`), Source: azward.SourceARM, ReadAt: now, Meaning: "it has a public address"}
	v := azward.Verdict{
		ID: azward.NewVerdictID(id, "registry.example/app", cve, purl), Exploitable: answer, Result: result, Confidence: azward.ConfidenceHigh,
		Profile: "network/none/none", Vulnerability: cve, Image: "registry.example/app@sha256:" + strings.Repeat("0", 64), Summary: "the internet reaches it on tcp 8080", DecidedAt: now,
		Workload: azward.Workload{ID: id, Kind: azward.ContainerGroup, Name: id.Name()}, Gaps: []azward.Gap{},
		Finding:  azward.Finding{ID: cve, Aliases: []string{}, PURL: purl, Severity: severities[i%4], CVSS: 9.8, FixedIn: []string{"4.17.5"}, EPSS: float64(i%1000) / 1000, Affected: azward.Yes},
		Priority: azward.Priority{Reasons: []string{"the internet reaches it"}},
	}
	for _, c := range []azward.ConditionID{azward.Deployed, azward.Affected, azward.Reachable, azward.Prerequisites} {
		v.Conditions = append(v.Conditions, azward.Condition{ID: c, Answer: azward.Yes, Summary: "it holds: " + string(c), Evidence: []azward.Evidence{fact, fact}})
	}
	if result == azward.Undecided {
		v.Gaps = []azward.Gap{{Scope: largeGroup, Kind: azward.GapDenied, Reads: "routeTables", Needs: "Microsoft.Network/routeTables/read", Remedy: "azward doctor " + largeSource}}
	}
	return v
}

// BenchmarkServe is a hub in a process of its own that fifty readers ask while
// it scans: how long a page takes for all but the slowest twentieth, how much
// processor time the hub takes for one, scans included, and how much memory it
// has held at most. A path with a verb is another one for each reader.
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
		{"api_verdicts_searches", "/api/v1/verdicts?search=app%04d"},
		{"api_verdicts_workloads", "/api/v1/verdicts?workload=" + largeGroup + "/providers/Microsoft.ContainerInstance/containerGroups/app%04d"},
		{"api_verdicts_vulnerabilities", "/api/v1/verdicts?vulnerability=cve-2024-%05d"},
		{"api_verdicts_search_nothing", "/api/v1/verdicts?search=nothing-like-it"},
		{"api_counts", "/api/v1/verdicts/counts"},
		{"api_resources", "/api/v1/resources"},
		{"api_resources_search", "/api/v1/resources?search=nic04"},
		{"api_gaps", "/api/v1/gaps"},
		{"page_overview", "/"},
		{"page_verdicts", "/verdicts"},
		{"page_verdicts_filtered", "/verdicts?result=exploitable&severity=high"},
		{"page_verdicts_search", "/verdicts?q=app0042"},
		{"page_verdicts_searches", "/verdicts?q=app%04d"},
		{"page_scans", "/scans"},
		{"page_estate", "/estate"},
		{"page_estate_search", "/estate?q=nic04"},
		{"page_registries", "/registries"},
		{"page_integrations", "/integrations"},
	} {
		b.Run(fmt.Sprintf("%s/verdicts=%d/resources=%d/readers=%d", page.name, verdicts, resources, readers), func(b *testing.B) {
			path := func(reader int) string {
				if !strings.Contains(page.path, "%") {
					return page.path
				}
				return fmt.Sprintf(page.path, reader*20)
			}
			if status, text := admin.send(b, http.MethodGet, path(0), "", ""); status != http.StatusOK {
				b.Fatalf("%d %s", status, text)
			}
			var all []time.Duration
			before := processorTime(b, hub.Process.Pid)
			for b.Loop() {
				all = append(all, readAtOnce(b, hub.url, path, tokens)...)
			}
			spent := processorTime(b, hub.Process.Pid) - before
			slices.Sort(all)
			b.ReportMetric(float64(all[len(all)*95/100].Microseconds())/1000, "p95-ms")
			b.ReportMetric(float64(all[len(all)/2].Microseconds())/1000, "p50-ms")
			b.ReportMetric(float64(len(all))/b.Elapsed().Seconds(), "pages/s")
			b.ReportMetric(float64(spent.Microseconds())/1000/float64(len(all)), "cpu-ms/page")
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
func readAtOnce(b *testing.B, url string, path func(reader int) string, tokens []string) []time.Duration {
	b.Helper()
	const each = 2
	took := make([]time.Duration, len(tokens)*each)
	var wait sync.WaitGroup
	for i, token := range tokens {
		wait.Go(func() {
			for n := range each {
				began := time.Now()
				if err := readOnce(b.Context(), url+path(i), token); err != nil {
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

// processorTime is what a process has spent so far, with its threads.
//
// Source: https://man7.org/linux/man-pages/man5/proc_pid_stat.5.html
func processorTime(b *testing.B, pid int) time.Duration {
	b.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		b.Skip("only Linux says how much time a process has spent: ", err)
	}
	const tick = time.Second / 100 // USER_HZ
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	var spent time.Duration
	for _, at := range []int{11, 12} { // user and system, behind the state
		n, err := strconv.Atoi(fields[at])
		if err != nil {
			b.Fatal(err)
		}
		spent += time.Duration(n) * tick
	}
	return spent
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
