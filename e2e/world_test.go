//go:build e2e

package e2e_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/azward/azward/azuresim"
	"github.com/azward/azward/azuresim/scenario"
)

const (
	tenant     = "72f0c1a0-0000-4000-8000-000000000001"
	production = "72f0c1a0-0000-4000-8000-0000000000c1"
	reader     = "72f0c1a0-0000-4000-8000-0000000000a1"
	registry   = "contosoacr.azurecr.io"
	// aksServer is AKS's application in Entra, the audience of cluster tokens.
	aksServer = "6dae42f8-4368-4678-94ff-3960e28e3630"
	// slow bounds one run of a client: azure-cli takes seconds to start.
	slow = 3 * time.Minute
)

// world is the simulator, and the network that the clients believe in.
type world struct {
	sim    *azuresim.Server
	dir    string
	bundle string // CA file: the simulator's and the test's own
	proxy  string
}

func start(t *testing.T) *world {
	t.Helper()
	sc, err := scenario.Load("minimal")
	if err != nil {
		t.Fatal(err)
	}
	sim, err := azuresim.Start(t.Context(), azuresim.Options{Scenario: sc})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
	})
	w := &world{sim: sim, dir: t.TempDir()}
	authority, ca := fakeAuthority(t, sim.AuthorityHost(), sim.CACertPEM())
	w.bundle = filepath.Join(w.dir, "ca.pem")
	if err := os.WriteFile(w.bundle, slices.Concat(sim.CACertPEM(), ca), 0o600); err != nil {
		t.Fatal(err)
	}
	w.proxy = startProxy(t, func(host string) string {
		switch {
		case host == "login.microsoftonline.com":
			return authority
		case strings.HasSuffix(host, azuresim.ACRSuffix):
			return sim.RegistryAddress()
		}
		return ""
	})
	return w
}

// client finds a client or skips; see the package's documentation.
func client(t *testing.T, name string) string {
	t.Helper()
	path, err := exec.LookPath(name)
	if err == nil {
		return path
	}
	if os.Getenv("AZWARD_REQUIRE_CLIENTS") != "" {
		t.Fatalf("%s is required here and not installed", name)
	}
	t.Skipf("needs %s", name)
	return ""
}

// run starts a client in a bare environment and gives what it prints.
func (w *world) run(t *testing.T, stdin string, program string, args ...string) (stdout, stderr string, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), slow)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = w.dir
	cmd.Env = []string{
		"PATH=" + w.dir + ":" + os.Getenv("PATH"), "HOME=" + w.dir, "LANG=C.UTF-8",
		"HTTPS_PROXY=" + w.proxy, "https_proxy=" + w.proxy, "NO_PROXY=127.0.0.1,localhost", "no_proxy=127.0.0.1,localhost",
		"REQUESTS_CA_BUNDLE=" + w.bundle, "SSL_CERT_FILE=" + w.bundle, "SSL_CERT_DIR=" + w.dir,
		"PYTHONPATH=" + filepath.Join(w.dir, "python"), "PYTHONWARNINGS=ignore",
		"AZURE_CONFIG_DIR=" + filepath.Join(w.dir, "azure"), "AZURE_CORE_COLLECT_TELEMETRY=false", "AZURE_CORE_NO_COLOR=true",
		"AZURE_CORE_OUTPUT=json", "AZURE_CORE_ONLY_SHOW_ERRORS=true", "AZURE_CORE_DISABLE_PROGRESS_BAR=true",
		"DOCKER_CONFIG=" + filepath.Join(w.dir, "docker"), "KUBECONFIG=" + filepath.Join(w.dir, "kubeconfig"),
	}
	cmd.Stdin = strings.NewReader(stdin)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	err = cmd.Run()
	return out.String(), errs.String(), err
}

// must is run for what has to succeed.
func (w *world) must(t *testing.T, program string, args ...string) string {
	t.Helper()
	out, errs, err := w.run(t, "", program, args...)
	if err != nil {
		t.Fatalf("%s %v: %v\n%s%s", filepath.Base(program), args, err, out, errs)
	}
	return out
}

// token signs in as an application, as any client of Entra does.
func (w *world) token(t *testing.T, resource string) string {
	t.Helper()
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(w.sim.CACertPEM())
	c := &http.Client{Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true}}
	form := url.Values{
		"grant_type": {"client_credentials"}, "client_id": {reader}, "client_secret": {"simulated-reader-secret"}, "scope": {resource + "/.default"},
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, w.sim.AuthorityHost()+"/"+tenant+"/oauth2/v2.0/token", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body struct {
		AccessToken string `json:"access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil || body.AccessToken == "" {
		t.Fatalf("no token: %s %v", res.Status, err)
	}
	return body.AccessToken
}

// fakeAuthority is login.microsoftonline.com: MSAL asks it whether an
// authority that it does not know is to be trusted. It hands the question to
// the simulator.
func fakeAuthority(t *testing.T, authority string, simCA []byte) (address string, ca []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "login.microsoftonline.com"}, DNSNames: []string{"login.microsoftonline.com"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	to, err := url.Parse(authority)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(simCA)
	proxy := &httputil.ReverseProxy{
		Rewrite:   func(r *httputil.ProxyRequest) { r.SetURL(to) },
		Transport: &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true},
	}
	server := &http.Server{
		Handler: proxy, ReadHeaderTimeout: time.Minute,
		TLSConfig: &tls.Config{Certificates: []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}, MinVersion: tls.VersionTLS12},
	}
	l := listen(t)
	serve(t, server, func() error { return server.ServeTLS(l, "", "") })
	return l.Addr().String(), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// startProxy opens an HTTP proxy whose CONNECT leads the given host names to
// where route says, and everything else nowhere.
func startProxy(t *testing.T, route func(host string) string) string {
	t.Helper()
	var pipes sync.WaitGroup
	server := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(rw http.ResponseWriter, req *http.Request) {
		host, _, err := net.SplitHostPort(req.Host)
		to := route(host)
		if req.Method != http.MethodConnect || err != nil || to == "" {
			http.Error(rw, "this network has no such host", http.StatusBadGateway)
			return
		}
		upstream, err := (&net.Dialer{}).DialContext(req.Context(), "tcp", to)
		if err != nil {
			http.Error(rw, err.Error(), http.StatusBadGateway)
			return
		}
		hijacker, ok := rw.(http.Hijacker)
		if !ok {
			http.Error(rw, "no raw connection", http.StatusInternalServerError)
			return
		}
		down, buffered, err := hijacker.Hijack()
		if err != nil {
			return
		}
		_, _ = down.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")) // a broken pipe ends the copies below
		pipes.Go(func() {
			_, _ = io.Copy(upstream, buffered) // ends when either side hangs up
			_ = upstream.Close()
		})
		pipes.Go(func() {
			_, _ = io.Copy(down, upstream) // as above
			_ = down.Close()
		})
	})}
	l := listen(t)
	t.Cleanup(pipes.Wait)
	serve(t, server, func() error { return server.Serve(l) })
	return "http://" + l.Addr().String()
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func serve(t *testing.T, server *http.Server, run func() error) {
	t.Helper()
	done := make(chan error, 1)
	go func() { done <- run() }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		if err := <-done; err != nil && !errors.Is(err, http.ErrServerClosed) {
			t.Error(err)
		}
	})
}

// decode reads a client's JSON.
func decode[T any](t *testing.T, text string) T {
	t.Helper()
	var v T
	if err := json.Unmarshal([]byte(text), &v); err != nil {
		t.Fatalf("the client prints no JSON: %v\n%s", err, text)
	}
	return v
}

func contains(t *testing.T, what, text string, wanted ...string) {
	t.Helper()
	for _, want := range wanted {
		if !strings.Contains(text, want) {
			t.Errorf("%s lacks %q:\n%s", what, want, text)
		}
	}
}

func lines(values ...any) string { return strings.TrimSuffix(fmt.Sprintln(values...), "\n") }
