package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/azward/azward/store"
)

// browser signs in to a hub that runs in a process of its own.
type browser struct {
	*http.Client
	url string
}

const adminPassword = "a long enough sentence to sign in with"

var setupLink = regexp.MustCompile(`http://localhost:\d+/setup\?code=[\w-]+`)

// setUp uses the one-time link that a hub has printed.
func setUp(t testing.TB, link string) *browser {
	t.Helper()
	u, err := url.Parse(link)
	if err != nil || u.Query().Get("code") == "" {
		t.Fatalf("no link: %q", link)
	}
	jar, err := cookiejar.New(nil)
	if err != nil {
		t.Fatal(err)
	}
	b := &browser{&http.Client{Jar: jar, Transport: &http.Transport{DisableKeepAlives: true}}, "http://" + u.Host}
	form := url.Values{"code": {u.Query().Get("code")}, "name": {"ana"}, "password": {adminPassword}}
	if status, body := b.send(t, http.MethodPost, "/setup", "application/x-www-form-urlencoded", form.Encode()); status != http.StatusOK {
		t.Fatalf("set up: %d %s", status, body)
	}
	if status, _ := b.send(t, http.MethodPost, "/setup", "application/x-www-form-urlencoded", form.Encode()); status != http.StatusUnauthorized {
		t.Errorf("the link works twice: %d", status)
	}
	return b
}

// send gives status and body; redirects are followed.
func (b *browser) send(t testing.TB, method, path, kind, body string, headers ...string) (int, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, b.url+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Sec-Fetch-Site", "same-origin")
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	for i := 0; i+1 < len(headers); i += 2 {
		r.Header.Set(headers[i], headers[i+1])
	}
	response, err := b.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	raw, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return response.StatusCode, string(raw)
}

func (b *browser) json(t testing.TB, method, path, body string, into any) {
	t.Helper()
	status, raw := b.send(t, method, path, "application/json", body)
	if status >= 300 {
		t.Fatalf("%s %s: %d %s", method, path, status, raw)
	}
	if err := json.Unmarshal([]byte(raw), into); err != nil {
		t.Fatalf("%s %s: %v: %s", method, path, err, raw)
	}
}

// From the first start to verdicts: the printed link, a scan by the API that is
// followed live, the pages, a token that reads metrics and the Aurora routes.
func TestHubAsAWhole(t *testing.T) {
	t.Parallel()
	data := simulated(t)
	hub := startHub(t, data, "--log-format", "text")
	b := setUp(t, setupLink.FindString(hub.wrote(t, setupLink)))

	var job store.Job
	b.json(t, http.MethodPost, "/api/v1/scans", `{"connection":"`+demoTenant+`"}`, &job)
	var again store.Job
	b.json(t, http.MethodPost, "/api/v1/scans", `{"connection":"`+demoTenant+`"}`, &again)
	if job.ID == "" || again.ID != job.ID || job.By != "ana" {
		t.Errorf("two scans at once: %+v and %+v", job, again)
	}
	last := b.follow(t, job.ID)
	if last.State != store.JobPartial || last.Done == 0 || last.Done != last.Total || last.Result == "" {
		t.Errorf("the scan ends as %+v", last)
	}
	var verdicts struct {
		Items []json.RawMessage `json:"items"`
	}
	b.json(t, http.MethodGet, "/api/v1/verdicts?limit=100", "", &verdicts)
	if len(verdicts.Items) != demoVerdicts {
		t.Errorf("%d verdicts", len(verdicts.Items))
	}
	for _, page := range []string{"/", "/verdicts", "/scans"} {
		if status, body := b.send(t, http.MethodGet, page, "", ""); status != http.StatusOK || !strings.Contains(body, "</html>") {
			t.Errorf("%s: %d %.200s", page, status, body)
		}
	}
	var token struct {
		Secret string `json:"secret"`
	}
	b.json(t, http.MethodPost, "/api/v1/tokens", `{"name":"prometheus","role":"viewer"}`, &token)
	anonymous := &browser{&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}, b.url}
	if status, _ := anonymous.send(t, http.MethodGet, "/metrics", "", ""); status != http.StatusUnauthorized {
		t.Errorf("metrics for anybody: %d", status)
	}
	status, body := anonymous.send(t, http.MethodGet, "/metrics", "", "", "Authorization", "Bearer "+token.Secret)
	for _, want := range []string{`azward_jobs_total{kind="scan",state="partial"} 1`, `azward_verdicts{result="exploitable"} 8`, `azward_jobs{state="running"} 0`, `azward_http_request_duration_seconds_count{area="api"`, "go_goroutines", "azward_build_info"} {
		if status != http.StatusOK || !strings.Contains(body, want) {
			t.Errorf("metrics lack %s: %d", want, status)
		}
	}
	if status, body := anonymous.send(t, http.MethodGet, "/azure/fetch_data", "", "", "Authorization", "Bearer "+token.Secret); status != 401 || !strings.Contains(body, "re-authenticate") {
		t.Errorf("the Aurora routes by token: %d %s", status, body)
	}
	log := hub.stop(t)
	for _, secret := range []string{adminPassword, token.Secret, "simulated-azward-secret"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log holds %q", secret)
		}
	}
	if hub = startHub(t, data); setupLink.MatchString(hub.stop(t)) {
		t.Error("a link for the first administrator is printed though there is one")
	}
}

// follow reads a job's events to the last.
func (b *browser) follow(t testing.TB, id string) (last store.Job) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, b.url+"/api/v1/jobs/"+id+"/events", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := b.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	lines := bufio.NewScanner(response.Body)
	for lines.Scan() {
		data, ok := bytes.CutPrefix(lines.Bytes(), []byte("data:"))
		if !ok {
			continue
		}
		var j store.Job
		if json.Unmarshal(data, &j) == nil && j.ID == id {
			last = j
		}
	}
	if err := lines.Err(); err != nil || response.StatusCode != http.StatusOK {
		t.Fatalf("events: %d %v", response.StatusCode, err)
	}
	return last
}

// wrote waits until the process has written what fits, and gives all it wrote.
func (p *program) wrote(t testing.TB, fits *regexp.Regexp) string {
	t.Helper()
	deadline := time.After(patience)
	for ticker := time.NewTicker(10 * time.Millisecond); ; {
		if text := p.text(); fits.MatchString(text) {
			ticker.Stop()
			return text
		}
		select {
		case <-ticker.C:
		case <-deadline:
			t.Fatalf("it never writes %s:\n%s", fits, p.text())
		}
	}
}

// The demo ends by serving what it found, with a link to sign in, and goes
// when it is told to; a taken port does not keep it from that.
func TestDemoServes(t *testing.T) {
	t.Parallel()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	data := filepath.Join(t.TempDir(), "demo")
	p := &program{Cmd: exec.CommandContext(t.Context(), self, "--data", data, "demo"), read: make(chan struct{})}
	p.start(t, nil)
	b := setUp(t, setupLink.FindString(p.wrote(t, setupLink)))
	var verdicts struct {
		Items []json.RawMessage `json:"items"`
	}
	b.json(t, http.MethodGet, "/api/v1/verdicts?limit=100", "", &verdicts)
	var job store.Job
	b.json(t, http.MethodPost, "/api/v1/scans", `{"connection":"`+demoTenant+`"}`, &job)
	if last := b.follow(t, job.ID); len(verdicts.Items) != demoVerdicts || last.State != store.JobPartial {
		t.Errorf("%d verdicts, a second scan ends as %+v", len(verdicts.Items), last)
	}
	for path, body := range map[string]string{
		"/api/v1/registries/contosoacr.azurecr.io/scan": "",
		"/api/v1/images/scan":                           `{"image":"contosoacr.azurecr.io/shop/cart:1.4.0"}`,
	} {
		b.json(t, http.MethodPost, path, body, &job)
		if last := b.follow(t, job.ID); last.State != store.JobComplete {
			t.Errorf("%s ends as %+v", path, last)
		}
	}
	login := fmt.Sprintf(`{"tenantId":%q,"clientId":%q,"clientSecret":%q}`, "3f1c9e0a-7b52-4c8d-9d41-6e0f2ab5c713", "none", "none")
	if status, body := b.send(t, http.MethodPost, "/azure/login", "application/json", login); status != 401 || !strings.Contains(body, "Invalid Azure credentials") {
		t.Errorf("the Aurora login: %d %s", status, body)
	}
	if err := p.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	<-p.read
	if err := p.Wait(); err != nil {
		t.Errorf("it ends with %v\n%s", err, p.text())
	}
}
