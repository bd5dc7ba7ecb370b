package azuresim_test

import (
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/azward/azward/azuresim"
	"github.com/azward/azward/azuresim/scenario"
)

func TestFaultsSpoilTheCallsTheyName(t *testing.T) {
	t.Parallel()
	sc := load(t)
	sc.Faults = []scenario.Fault{
		{Service: "arm", Path: "/subscriptions/*/resourcegroups", Calls: []int{1}, Status: 503, Header: map[string]string{"Retry-After": "7"}, Body: `{"error":{"code":"ServerTimeout","message":"try again"}}`},
		{Service: "arm", Path: "**/virtualNetworks", HTML: true},
		{Service: "arm", Path: "**/networkSecurityGroups", Reset: true},
		{Service: "arm", Path: "**/publicIPAddresses", Cut: 10},
		{Service: "arm", Path: "/tenants", Delay: scenario.Duration(30 * time.Millisecond)},
	}
	s := start(t, azuresim.Options{Scenario: sc})
	token := s.token("reader")
	do := func(path string) (contentType string, raw []byte, err error) {
		t.Helper()
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.ARMEndpoint()+path, nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Authorization", "Bearer "+token)
		resp, err := s.client.Do(req)
		if err != nil {
			return "", nil, err
		}
		defer func() { _ = resp.Body.Close() }()
		raw, err = io.ReadAll(resp.Body)
		return resp.Header.Get("Content-Type"), raw, err
	}
	t.Run("status_on_the_first_call_alone", func(t *testing.T) {
		path := production + "/resourcegroups?api-version=2021-04-01"
		if a := s.get(path, token); a.status != 503 || a.header.Get("Retry-After") != "7" || a.code() != "ServerTimeout" {
			t.Errorf("first: %d %s", a.status, a.raw)
		}
		if a := s.get(path, token); a.status != 200 {
			t.Errorf("second: %d %s", a.status, a.raw)
		}
	})
	t.Run("html", func(t *testing.T) {
		contentType, raw, err := do(web + "/providers/Microsoft.Network/virtualNetworks?api-version=2024-05-01")
		if err != nil || contentType != "text/html; charset=utf-8" || !strings.Contains(string(raw), "<html>") {
			t.Errorf("got %v %s %s", err, contentType, raw)
		}
	})
	t.Run("reset", func(t *testing.T) {
		_, _, err := do(web + "/providers/Microsoft.Network/networkSecurityGroups?api-version=2024-05-01")
		if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.EOF) {
			t.Errorf("got %v", err)
		}
	})
	t.Run("cut_short", func(t *testing.T) {
		_, raw, err := do(web + "/providers/Microsoft.Network/publicIPAddresses?api-version=2024-05-01")
		if !errors.Is(err, io.ErrUnexpectedEOF) || len(raw) != 10 {
			t.Errorf("got %d bytes, %v", len(raw), err)
		}
	})
	t.Run("delay", func(t *testing.T) {
		begin := time.Now()
		if _, _, err := do("/tenants?api-version=2022-12-01"); err != nil || time.Since(begin) < 30*time.Millisecond {
			t.Errorf("%v after %v", err, time.Since(begin))
		}
	})
}

func TestRequestsAreRecordedWithoutSecrets(t *testing.T) {
	t.Parallel()
	s := start(t, azuresim.Options{})
	s.get("/subscriptions?api-version=2022-12-01", s.token("reader"))
	var arm []azuresim.RequestRecord
	for _, r := range s.Requests() {
		if r.Service == "arm" {
			arm = append(arm, r)
		}
		if strings.Contains(r.Path, "?") || strings.Contains(r.Path, "secret") {
			t.Errorf("record says too much: %+v", r)
		}
	}
	want := azuresim.RequestRecord{Service: "arm", Method: "GET", Path: "/subscriptions", Status: 200, Principal: "reader"}
	if len(arm) != 1 || arm[0] != want {
		t.Errorf("got %+v", arm)
	}
}
