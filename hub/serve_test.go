package hub_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/access"
	"github.com/azward/azward/hub"
)

func TestListen(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]hub.Options{
		"all_interfaces":   {Listen: "0.0.0.0:0"},
		"all_by_port":      {Listen: ":0"},
		"all_of_ipv6":      {Listen: "[::]:0"},
		"a_public_address": {Listen: "192.0.2.1:0"},
		"a_name":           {Listen: "hub.example:0"},
		"localhost_like":   {Listen: "localhost.evil.example:0"},
		"certificate_only": {Listen: "127.0.0.1:0", TLSCert: "cert.pem"},
		"missing_files":    {Listen: "127.0.0.1:0", TLSCert: "cert.pem", TLSKey: "key.pem"},
		"no_port":          {Listen: "127.0.0.1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := hub.Listen(t.Context(), o)
			if azward.KindOf(err) != azward.KindUsage {
				t.Errorf("got %v", err)
			}
		})
	}
	for _, address := range []string{"127.0.0.1:0", "localhost:0", "[::1]:0"} {
		ln, err := hub.Listen(t.Context(), hub.Options{Listen: address})
		check(t, err)
		to := hub.URL(ln.Addr(), hub.Options{})
		if !strings.HasPrefix(to, "http://localhost:") {
			t.Errorf("%s is %s", address, to)
		}
		_, err = hub.Listen(t.Context(), hub.Options{Listen: ln.Addr().String()})
		same(t, azward.KindConflict, azward.KindOf(err))
		check(t, ln.Close())
	}
	same(t, "https://localhost:8484", hub.URL(&net.TCPAddr{IP: net.IPv4zero, Port: 8484}, hub.Options{TLSCert: "x"}))
	same(t, "http://192.0.2.1:80", hub.URL(&net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 80}, hub.Options{}))
	if _, err := hub.New(hub.Options{}); err == nil {
		t.Error("a hub of nothing")
	}
}

// running serves until the test stops it; stop gives how long that took.
func running(t *testing.T, o hub.Options, web http.HandlerFunc) (address string, stop func() time.Duration) {
	t.Helper()
	ln, err := hub.Listen(t.Context(), o)
	check(t, err)
	w := open(t, hub.URL(ln.Addr(), o), func(_ *access.Options, options *hub.Options) {
		options.Listen, options.TLSCert, options.TLSKey, options.Web = o.Listen, o.TLSCert, o.TLSKey, web
	})
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() { done <- w.Serve(ctx, ln) }()
	return ln.Addr().String(), func() time.Duration {
		t.Helper()
		began := time.Now()
		cancel()
		check(t, <-done)
		return time.Since(began)
	}
}

func get(t *testing.T, client *http.Client, to string, accept string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, to, nil)
	check(t, err)
	r.Header.Set("Accept", accept)
	return client.Do(r)
}

func plainClient() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}

// TestStop: a request that is being answered is finished, a stream ends at once.
func TestStop(t *testing.T) {
	t.Parallel()
	began, release := make(chan struct{}), make(chan struct{})
	address, stop := running(t, hub.Options{Listen: "127.0.0.1:0"}, func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/events" {
			fmt.Fprint(w, "data: 1\n\n")
			check(t, http.NewResponseController(w).Flush())
			<-r.Context().Done()
			return
		}
		close(began)
		<-release
		if r.Context().Err() != nil {
			w.WriteHeader(http.StatusTeapot)
		}
	})
	events, err := get(t, plainClient(), "http://"+address+"/events", "text/event-stream")
	check(t, err)
	defer events.Body.Close()
	stream := bufio.NewReader(events.Body)
	line, err := stream.ReadString('\n') // comes before the handler ends
	check(t, err)
	same(t, "data: 1\n", line)
	slow := make(chan int, 1)
	go func() {
		answer, err := get(t, plainClient(), "http://"+address+"/slow", "text/html")
		if err != nil {
			slow <- 0
			return
		}
		slow <- answer.StatusCode
		_ = answer.Body.Close()
	}()
	<-began
	go func() {
		_, _ = io.ReadAll(stream) // ends when the hub stops
		close(release)
	}()
	if took := stop(); took > 30*time.Second {
		t.Errorf("stopping took %v", took)
	}
	same(t, 200, <-slow)
}

// certificate writes a new one for localhost.
func certificate(t *testing.T, dir string, serial int64) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	check(t, err)
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "localhost"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		DNSNames: []string{"localhost"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	check(t, err)
	pkcs, err := x509.MarshalPKCS8PrivateKey(private)
	check(t, err)
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	check(t, os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: pkcs}), 0o600))
	check(t, os.WriteFile(cert, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600))
	at := time.Unix(1_700_000_000+serial, 0)
	check(t, os.Chtimes(cert, at, at))
	return cert, key
}

func TestTLS(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	cert, key := certificate(t, dir, 1)
	address, stop := running(t, hub.Options{Listen: "127.0.0.1:0", TLSCert: cert, TLSKey: key}, site)
	serial := func(settings *tls.Config) (int64, error) {
		t.Helper()
		settings.InsecureSkipVerify = true // the serial number is what is looked at
		client := &http.Client{Transport: &http.Transport{TLSClientConfig: settings, DisableKeepAlives: true, ForceAttemptHTTP2: true}}
		answer, err := get(t, client, "https://"+address+"/", "text/html")
		if err != nil {
			return 0, err
		}
		check(t, answer.Body.Close())
		same(t, true, strings.HasPrefix(answer.Header.Get("Strict-Transport-Security"), "max-age="))
		return answer.TLS.PeerCertificates[0].SerialNumber.Int64(), nil
	}
	now := func() int64 {
		t.Helper()
		n, err := serial(&tls.Config{})
		check(t, err)
		return n
	}
	same(t, int64(1), now())
	certificate(t, dir, 2)
	same(t, int64(2), now())
	check(t, os.WriteFile(cert, []byte("half a renewal"), 0o600))
	same(t, int64(2), now())
	certificate(t, dir, 3)
	same(t, int64(3), now())
	if _, err := serial(&tls.Config{MaxVersion: tls.VersionTLS11}); err == nil {
		t.Error("TLS 1.1 is spoken")
	}
	// Plain HTTP on the port of TLS gets no page.
	answer, err := get(t, plainClient(), "http://"+address+"/", "text/html")
	if err == nil {
		same(t, 400, answer.StatusCode)
		check(t, answer.Body.Close())
	}
	stop()
}

// TestWire: what a client can get wrong before there is a request.
func TestWire(t *testing.T) {
	t.Parallel()
	address, stop := running(t, hub.Options{Listen: "127.0.0.1:0"}, site)
	for request, want := range map[string]string{
		"GET / HTTP/1.1\r\nHost: localhost\r\nX-Long: " + strings.Repeat("x", 70<<10) + "\r\n\r\n": "431",
		"GET / HTTP/1.1\r\nHost: a\r\nHost: localhost\r\n\r\n":                                     "400",
		"GET / HTTP/1.1\r\n\r\n": "400",
		"POST /read HTTP/1.1\r\nHost: localhost\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n":            "200",
		"POST /read HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n":                                    "200",
		"GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nCookie: azward=" + strings.Repeat("%0d%0a", 10) + "\r\n\r\n": "200",
	} {
		var dialer net.Dialer
		conn, err := dialer.DialContext(t.Context(), "tcp", address)
		check(t, err)
		check(t, conn.SetDeadline(time.Now().Add(5*time.Second)))
		_, err = io.WriteString(conn, request)
		check(t, err)
		line, err := bufio.NewReader(conn).ReadString('\n')
		check(t, err)
		if !strings.Contains(line, want) {
			t.Errorf("%.60q gives %q, want %s", request, line, want)
		}
		check(t, conn.Close())
	}
	stop()
}

func TestListenerFails(t *testing.T) {
	t.Parallel()
	w := open(t, local, nil)
	ln, err := hub.Listen(t.Context(), hub.Options{Listen: "127.0.0.1:0"})
	check(t, err)
	check(t, ln.Close())
	same(t, azward.KindFailed, azward.KindOf(w.Serve(t.Context(), ln)))
	if err := w.Serve(t.Context(), ln); err == nil {
		t.Error("it serves nobody")
	}
}
