package main

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/azward/azward/store"
)

// A collector on loopback gets spans of requests and jobs when the hub stops,
// without names of the tenant's in their names.
func TestTraces(t *testing.T) {
	t.Parallel()
	var mu sync.Mutex
	var got bytes.Buffer
	collector := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		var body io.Reader = r.Body
		if r.Header.Get("Content-Encoding") == "gzip" {
			unzipped, err := gzip.NewReader(r.Body)
			if err != nil {
				t.Error(err)
				return
			}
			body = unzipped
		}
		mu.Lock()
		defer mu.Unlock()
		if _, err := io.Copy(&got, body); err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
	}))
	defer collector.Close()
	data := simulated(t)
	s := openData(t, data)
	job := queueScan(t, s)
	hub := startHub(t, data, "--otlp-endpoint", collector.URL, "--log-format", "json")
	if status, _ := get(t, hub.url+"/azure/clusters"); status != http.StatusUnauthorized {
		t.Errorf("clusters: %d", status)
	}
	if got := untilJob(t, s, job.ID, isFinal); got.State != store.JobPartial {
		t.Errorf("%+v", got)
	}
	log := hub.stop(t)
	for line := range strings.Lines(log) {
		if strings.TrimSpace(line) != "" && !strings.HasPrefix(line, "{") && !strings.HasPrefix(line, "Nobody can") && !strings.Contains(line, "/setup?code=") {
			t.Errorf("a line of the log is no JSON: %s", line)
		}
	}
	mu.Lock()
	defer mu.Unlock()
	for _, want := range []string{"job scan", "GET aurora", "azward.attempt", "service.name"} {
		if !bytes.Contains(got.Bytes(), []byte(want)) {
			t.Errorf("no %q among %d bytes of traces", want, got.Len())
		}
	}
}
