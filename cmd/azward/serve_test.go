package main

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward/azuresim"
	"github.com/azward/azward/azuresim/scenario"
	"github.com/azward/azward/jobs"
	"github.com/azward/azward/store"
	"github.com/azward/azward/store/sqlite"
)

// program is azward in a process of its own.
type program struct {
	*exec.Cmd
	url  string        // where the hub listens
	read chan struct{} // closed when stderr has ended

	mu     sync.Mutex
	stderr bytes.Buffer
}

var listens = regexp.MustCompile(`the hub listens".*address"?[:=]"?([^" ,]+)`)

// text is what it wrote to stderr so far.
func (p *program) text() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// start starts it, and tells each of its lines.
func (p *program) start(t testing.TB, tell func(string)) {
	t.Helper()
	p.Env = append(os.Environ(), asProgram+"=1")
	pipe, err := p.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(p.read)
		for lines := bufio.NewScanner(pipe); lines.Scan(); {
			p.mu.Lock()
			fmt.Fprintln(&p.stderr, lines.Text())
			p.mu.Unlock()
			if tell != nil {
				tell(lines.Text())
			}
		}
	}()
}

// startHub starts `azward serve`, and waits until it listens.
func startHub(t testing.TB, data string, args ...string) *program {
	t.Helper()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args = append([]string{"--data", data, "serve", "--listen", "127.0.0.1:0"}, args...)
	p := &program{Cmd: exec.CommandContext(t.Context(), self, args...), read: make(chan struct{})}
	address := make(chan string, 1)
	p.start(t, func(line string) {
		if m := listens.FindStringSubmatch(line); m != nil {
			address <- m[1]
		}
	})
	select {
	case at := <-address:
		p.url = "http://" + at
	case <-p.read:
		t.Fatalf("the hub did not start: %v\n%s", p.Wait(), p.text())
	case <-time.After(patience):
		t.Fatal("the hub does not start")
	}
	return p
}

// patience is how long a test waits for what takes a second on an idle machine.
const patience = 2 * time.Minute

// kill ends it as a crash would.
func (p *program) kill(t testing.TB) {
	t.Helper()
	if err := p.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	<-p.read
	if err := p.Wait(); err == nil {
		t.Error("a killed process ends well")
	}
}

// stop ends it as systemd would, and says what it wrote.
func (p *program) stop(t testing.TB) string {
	t.Helper()
	began := time.Now()
	if err := p.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	<-p.read
	if err := p.Wait(); err != nil {
		t.Errorf("it ends with %v\n%s", err, p.text())
	}
	if took := time.Since(began); took > patience/4 { // ten seconds, were the machine idle
		t.Errorf("it takes %v to stop", took)
	}
	return p.text()
}

// simulated is a data directory with a connection to a simulated tenant whose
// answers are spoilt by the faults.
func simulated(t testing.TB, faults ...scenario.Fault) (data string) {
	t.Helper()
	tenant, err := scenario.Load(demoTenant)
	if err != nil {
		t.Fatal(err)
	}
	tenant.Faults = append(tenant.Faults, faults...)
	simulator, err := azuresim.Start(t.Context(), azuresim.Options{Scenario: tenant})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := simulator.Close(); err != nil {
			t.Error(err)
		}
	})
	a := &app{stdin: strings.NewReader(""), stdout: io.Discard, stderr: io.Discard, getenv: func(string) string { return "" }, data: t.TempDir(), output: "table", logLevel: "warn", quiet: true}
	for _, step := range []func() error{
		a.prepare,
		func() error { return a.demoConnect(t.Context(), tenant, simulator.CloudConfig()) },
		func() error { return a.demoAdvisories(t.Context(), tenant) },
		a.close,
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	return a.data
}

func openData(t testing.TB, data string) *sqlite.Store {
	t.Helper()
	s, err := sqlite.Open(t.Context(), data)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// queueScan puts a scan into the queue that a hub takes up when it starts.
func queueScan(t *testing.T, s *sqlite.Store) store.Job {
	t.Helper()
	pool := jobs.New(jobs.Options{Store: s, Runners: map[string]jobs.Runner{scanJob: {}}})
	job, added, err := pool.Enqueue(t.Context(), jobs.Request{Kind: scanJob, Subject: demoTenant, By: "ana"})
	if err != nil || !added {
		t.Fatalf("%v, %v", added, err)
	}
	return job
}

// untilJob looks at a job until it fits.
func untilJob(t *testing.T, s *sqlite.Store, id string, fits func(store.Job) bool) store.Job {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	ticker := time.NewTicker(5 * time.Millisecond)
	defer ticker.Stop()
	for {
		job, err := s.Job(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		if fits(job) {
			return job
		}
		select {
		case <-ctx.Done():
			t.Fatalf("the job never fits: %+v", job)
		case <-ticker.C:
		}
	}
}

func inStage(stage string) func(store.Job) bool {
	return func(j store.Job) bool { return j.State == store.JobRunning && j.Stage == stage }
}

func isFinal(j store.Job) bool { return j.State.Final() }

// kept is what a data directory holds after scans, without times and IDs.
type keptThere struct {
	Scans    map[store.ScanState]int
	Verdicts int
	Estates  int // files
	Strays   int // files that belong to no scan
}

func keptIn(t *testing.T, data string, s *sqlite.Store) keptThere {
	t.Helper()
	got := keptThere{Scans: map[store.ScanState]int{}}
	scans, err := s.Scans(t.Context(), 1000)
	if err != nil {
		t.Fatal(err)
	}
	known := map[string]bool{}
	for _, scan := range scans {
		got.Scans[scan.State]++
		known[scan.Estate] = true
	}
	ids := map[string]bool{}
	for v, err := range s.Verdicts(t.Context(), store.Filter{}) {
		if err != nil {
			t.Fatal(err)
		}
		if ids[string(v.ID)] {
			t.Errorf("%s is there twice", v.ID)
		}
		ids[string(v.ID)] = true
	}
	got.Verdicts = len(ids)
	files, err := os.ReadDir(filepath.Join(data, store.EstateFolder))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		got.Estates++
		if !known[store.EstateFolder+"/"+f.Name()] {
			got.Strays++
		}
	}
	return got
}

const demoVerdicts = 21

// A hub that is killed in any stage of a scan starts again and does the scan:
// the job is not lost and not done twice, verdicts are whole and there once,
// and the scan that died says that it was interrupted.
func TestKilledInEachStage(t *testing.T) {
	t.Parallel()
	slow := scenario.Duration(8 * time.Second)
	for _, tc := range []struct {
		name  string
		fault scenario.Fault
		ready func(*testing.T, string, *sqlite.Store) (after func())
		at    func(store.Job) bool
		dead  int // scans that the killed process had begun
	}{
		{"waiting_for_another_process", scenario.Fault{}, func(t *testing.T, data string, _ *sqlite.Store) func() {
			release, err := store.LockScan(data)
			if err != nil {
				t.Fatal(err)
			}
			return func() {
				if err := release(); err != nil {
					t.Error(err)
				}
			}
		}, inStage("waiting"), 0},
		{"collect", scenario.Fault{Service: "kubernetes", Path: "/api/v1/pods", Calls: []int{1}, Delay: slow}, nil, inStage("collect"), 1},
		{"images", scenario.Fault{Service: "registry", Path: "/v2/**/blobs/*", Calls: []int{3}, Delay: slow}, nil, inStage("images"), 1},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			data := simulated(t, tc.fault)
			s := openData(t, data)
			job := queueScan(t, s)
			after := func() {}
			if tc.ready != nil {
				after = tc.ready(t, data, s)
			}
			hub := startHub(t, data)
			untilJob(t, s, job.ID, tc.at)
			hub.kill(t)
			after()
			if left, err := s.Job(t.Context(), job.ID); err != nil || left.State != store.JobRunning {
				t.Fatalf("after the crash: %+v, %v", left, err)
			}
			hub = startHub(t, data)
			got := untilJob(t, s, job.ID, isFinal)
			if got.State != store.JobPartial || got.Attempt != 2 || got.Result == "" {
				t.Errorf("the job ends as %+v", got)
			}
			hub.stop(t)
			want := keptThere{Scans: map[store.ScanState]int{store.ScanPartial: 1}, Verdicts: demoVerdicts, Estates: 1}
			if tc.dead > 0 {
				want.Scans[store.ScanInterrupted] = tc.dead
			}
			if diff := cmp.Diff(want, keptIn(t, data, s)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// The last stages take milliseconds on the demo's tenant, so hubs are killed
// at moments all over a scan that stand close together.
func TestKilledAtManyMoments(t *testing.T) {
	t.Parallel()
	data := simulated(t)
	s := openData(t, data)
	stages := map[string]int{}
	for i, after := range []time.Duration{0, 5 * time.Millisecond, 15 * time.Millisecond, 30 * time.Millisecond, 60 * time.Millisecond} {
		job := queueScan(t, s)
		hub := startHub(t, data)
		untilJob(t, s, job.ID, func(j store.Job) bool { return j.State.Final() || j.Stage == "verdicts" || j.Stage == "save" })
		time.Sleep(after)
		hub.kill(t)
		left, err := s.Job(t.Context(), job.ID)
		if err != nil {
			t.Fatal(err)
		}
		stages[string(left.State)+" "+left.Stage]++
		hub = startHub(t, data)
		if got := untilJob(t, s, job.ID, isFinal); got.State != store.JobPartial {
			t.Fatalf("the job ends as %+v", got)
		}
		if i%2 == 1 {
			hub.stop(t)
		} else {
			hub.kill(t)
		}
		got := keptIn(t, data, s)
		if got.Strays > 0 || got.Verdicts != demoVerdicts || got.Scans[store.ScanRunning] > 0 || got.Scans[store.ScanPartial] < i+1 {
			t.Errorf("after %d: %+v", i, got)
		}
	}
	t.Logf("killed in %v", stages)
}

// Stopping a hub takes under ten seconds whatever it does, and its scan goes on
// at the next start as if nothing had been.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	data := simulated(t, scenario.Fault{Service: "kubernetes", Path: "/api/v1/pods", Calls: []int{1}, Delay: scenario.Duration(12 * time.Second)})
	s := openData(t, data)
	job := queueScan(t, s)
	hub := startHub(t, data)
	untilJob(t, s, job.ID, inStage("collect"))
	second := exec.CommandContext(t.Context(), hub.Path, "--data", data, "serve", "--listen", "127.0.0.1:0")
	second.Env = append(os.Environ(), asProgram+"=1")
	if out, err := second.CombinedOutput(); err == nil || !strings.Contains(string(out), "another azward serves it (process ") {
		t.Errorf("a second hub: %v %s", err, out)
	}
	if code, _, errs := runIn(t, data, "scan", demoTenant); code != 1 || !strings.Contains(errs, "azward is scanning with it already") {
		t.Errorf("a scan of the command line beside it: %d %s", code, errs)
	}
	if log := hub.stop(t); !strings.Contains(log, "jobs have stopped") {
		t.Errorf("log:\n%s", log)
	}
	if left, err := s.Job(t.Context(), job.ID); err != nil || left.State != store.JobQueued || left.Attempt != 0 {
		t.Errorf("after the stop: %+v, %v", left, err)
	}
	hub = startHub(t, data)
	if got := untilJob(t, s, job.ID, isFinal); got.State != store.JobPartial || got.Attempt != 1 {
		t.Errorf("it ends as %+v", got)
	}
	hub.stop(t)
	want := keptThere{Scans: map[store.ScanState]int{store.ScanPartial: 1, store.ScanInterrupted: 1}, Verdicts: demoVerdicts, Estates: 1}
	if diff := cmp.Diff(want, keptIn(t, data, s)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	hub := startHub(t, t.TempDir())
	for path, want := range map[string]string{"/healthz": `"status":"ok"`, "/readyz": `{"status":"ok"}`} {
		status, body := get(t, hub.url+path)
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("%s: %d %s", path, status, body)
		}
	}
	hub.stop(t)
}

func get(t *testing.T, url string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(body)
}

func TestServeFlags(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name, says string
		args       []string
	}{
		{"public_without_tls", "without TLS they can read", []string{"--listen", "0.0.0.0:8484"}},
		{"every_address", "without TLS they can read", []string{"--listen", ":8484"}},
		{"public_ipv6", "without TLS they can read", []string{"--listen", "[::]:8484"}},
		{"public_name", "without TLS they can read", []string{"--listen", "azward.example.com:8484"}},
		{"no_port", "HOST:PORT", []string{"--listen", "127.0.0.1"}},
		{"certificate_alone", "without the other", []string{"--tls-cert", "cert.pem"}},
		{"no_certificate", "no such file", []string{"--tls-cert", "cert.pem", "--tls-key", "key.pem"}},
		{"public_url_without_scheme", "it is not http", []string{"--public-url", "azward.example.com"}},
		{"public_url_with_path", "it has a path", []string{"--public-url", "https://example.com/azward"}},
		{"public_url_with_password", "it is not http", []string{"--public-url", "https://a:b@example.com"}},
		{"otlp", "it is not http", []string{"--otlp-endpoint", "127.0.0.1:4318"}},
		{"proxy", "CIDR", []string{"--trusted-proxy", "10.0.0.4"}},
		{"no_workers", "between 1 and", []string{"--workers", "0"}},
		{"log_format", "no such format", []string{"--log-format", "xml"}},
		{"oidc_without_issuer", "without it", []string{"--oidc-client-id", "x"}},
		{"oidc_without_client", "needs it", []string{"--oidc-issuer", "https://issuer.example.com"}},
		{"oidc_without_roles", "would have a role", []string{"--oidc-issuer", "https://issuer.example.com", "--oidc-client-id", "x"}},
		{"oidc_role", "no such role", []string{"--oidc-issuer", "https://issuer.example.com", "--oidc-client-id", "x", "--oidc-role", "admins=root"}},
		{"argument", "unknown command", []string{"now"}},
		{"unknown_flag", "unknown flag", []string{"--port", "80"}},
	} {
		data := filepath.Join(t.TempDir(), "data")
		code, _, errs := runIn(t, data, append([]string{"serve"}, tc.args...)...)
		if code != 2 || !strings.Contains(errs, tc.says) || !strings.Contains(errs, "hint: ") {
			t.Errorf("%s: exit code %d: %s", tc.name, code, errs)
		}
		if _, err := os.Stat(data); err == nil {
			t.Errorf("%s: something was opened", tc.name)
		}
	}
}

func TestServeHelp(t *testing.T) {
	t.Parallel()
	code, out, errs := runIn(t, t.TempDir(), "serve", "--help")
	for _, want := range []string{"--listen", "127.0.0.1:8484", "--tls-cert", "--insecure-listen", "--public-url", "works once"} {
		if code != 0 || !strings.Contains(out, want) {
			t.Errorf("%q is missing: %d %s %s", want, code, out, errs)
		}
	}
}
