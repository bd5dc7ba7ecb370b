package image_test

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"
	"github.com/google/go-containerregistry/pkg/authn"
	"github.com/google/go-containerregistry/pkg/v1/remote"

	"github.com/azward/azward/azuresim/acr"
	"github.com/azward/azward/image"
)

func TestRegistryHandler(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	registryTest(t, place{client: s.Registry, pushTo: s.Host})
}

// Debian's docker-registry is the reference implementation: plain, with basic
// authentication, and with a token service.
func TestDockerRegistry(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("docker-registry"); err != nil {
		t.Skip("docker-registry is not installed: apt-get install docker-registry")
	}
	t.Run("plain", func(t *testing.T) {
		t.Parallel()
		host := startDockerRegistry(t, "")
		registryTest(t, place{client: &image.Registry{Host: host, PlainHTTP: true}, pushTo: host})
	})
	t.Run("htpasswd", func(t *testing.T) {
		t.Parallel()
		file := filepath.Join(t.TempDir(), "htpasswd")
		// The password is "correct horse".
		write(t, file, []byte("reader:$2a$04$JRoa2pNlWcWdSomcrQLmwe7Bjeu1KO6IEjCvqH4QOpEb/HWAXOJmq\n"))
		host := startDockerRegistry(t, fmt.Sprintf("auth: {htpasswd: {realm: test, path: %q}}\n", file))
		good := fixed{image.Credentials{Username: "reader", Password: "correct horse"}}
		registryTest(t, place{
			client:   &image.Registry{Host: host, PlainHTTP: true, Auth: good},
			stranger: &image.Registry{Host: host, PlainHTTP: true, Auth: fixed{image.Credentials{Username: "reader", Password: "wrong"}}},
			pushTo:   host, push: []remote.Option{remote.WithAuth(&authn.Basic{Username: "reader", Password: "correct horse"})},
		})
	})
	t.Run("token", func(t *testing.T) {
		t.Parallel()
		service := startTokenService(t)
		host := startDockerRegistry(t, fmt.Sprintf("auth: {token: {realm: %q, service: test, issuer: test, rootcertbundle: %q}}\n", service.realm, service.bundle))
		service.host = host
		registryTest(t, place{
			client:   &image.Registry{Host: host, PlainHTTP: true, Auth: fixed{image.Credentials{Username: "reader", Password: "p"}}, Transport: service},
			stranger: &image.Registry{Host: host, PlainHTTP: true, Transport: service},
			pushTo:   host, unlisted: true,
			push: []remote.Option{remote.WithAuth(&authn.Basic{Username: "writer", Password: "p"}), remote.WithTransport(service)},
		})
	})
}

var listening = regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`)

func startDockerRegistry(t *testing.T, auth string) string {
	t.Helper()
	dir := t.TempDir()
	file := filepath.Join(dir, "config.yml")
	write(t, file, fmt.Appendf(nil, "version: 0.1\nlog: {level: info, accesslog: {disabled: true}}\nstorage: {filesystem: {rootdirectory: %q}, delete: {enabled: true}}\nhttp: {addr: '127.0.0.1:0', secret: test}\n%s", filepath.Join(dir, "data"), auth))
	command := exec.CommandContext(context.WithoutCancel(t.Context()), "docker-registry", "serve", file)
	stderr, err := command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	address := make(chan string, 1)
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		lines := bufio.NewScanner(stderr)
		for lines.Scan() {
			if m := listening.FindStringSubmatch(lines.Text()); m != nil {
				address <- m[1]
			}
		}
	}()
	t.Cleanup(func() {
		if err := command.Process.Kill(); err != nil {
			t.Error(err)
		}
		<-drained
		var ended *exec.ExitError
		if err := command.Wait(); err != nil && !errors.As(err, &ended) {
			t.Error(err)
		}
	})
	select {
	case a := <-address:
		return a
	case <-drained:
		t.Fatal("docker-registry ended before it listened")
	case <-time.After(20 * time.Second):
		t.Fatal("docker-registry does not listen")
	}
	return ""
}

// tokenService gives tokens as Docker's does, and stands in for its network:
// the registry library asks only the registry's own host for tokens when that
// is on this machine, so the service answers for one path of that host.
//
// Source: https://distribution.github.io/distribution/spec/auth/jwt/
type tokenService struct {
	realm, bundle, host string
	key                 *ecdsa.PrivateKey
	chain               []string
	inner               *http.Transport
}

func startTokenService(t *testing.T) *tokenService {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	s := &tokenService{realm: "https://auth.example/token", bundle: filepath.Join(t.TempDir(), "ca.pem"), key: key, chain: []string{base64.StdEncoding.EncodeToString(der)}, inner: &http.Transport{}}
	write(t, s.bundle, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}))
	t.Cleanup(s.inner.CloseIdleConnections)
	return s
}

// RoundTrip implements [http.RoundTripper].
func (s *tokenService) RoundTrip(req *http.Request) (*http.Response, error) {
	if req.URL.Host != "auth.example" {
		return s.inner.RoundTrip(req)
	}
	w := httptest.NewRecorder()
	s.token(w, req)
	res := w.Result()
	res.Request = req
	return res, nil
}

func (s *tokenService) token(w http.ResponseWriter, req *http.Request) {
	user, password, _ := req.BasicAuth()
	if user != "" && password != "p" {
		w.WriteHeader(http.StatusUnauthorized)
		return
	}
	type access struct {
		Type    string   `json:"type"`
		Name    string   `json:"name"`
		Actions []string `json:"actions"`
	}
	granted := []access{}
	for _, scope := range req.URL.Query()["scope"] {
		parts := strings.Split(scope, ":")
		if len(parts) != 3 || parts[0] != "repository" || user == "" {
			continue // the catalogue is for nobody
		}
		a := access{Type: parts[0], Name: parts[1]}
		for action := range strings.SplitSeq(parts[2], ",") {
			if action == "pull" || user == "writer" {
				a.Actions = append(a.Actions, action)
			}
		}
		granted = append(granted, a)
	}
	now := time.Now()
	token := jwt.NewWithClaims(jwt.SigningMethodES256, jwt.MapClaims{
		"iss": "test", "aud": "test", "sub": user, "jti": "1", "access": granted,
		"exp": now.Add(time.Minute).Unix(), "nbf": now.Add(-time.Minute).Unix(), "iat": now.Unix(),
	})
	token.Header["x5c"] = s.chain
	signed, err := token.SignedString(s.key)
	if err != nil {
		w.WriteHeader(http.StatusInternalServerError)
		return
	}
	_ = json.NewEncoder(w).Encode(map[string]string{"token": signed})
}

// azureHost is the simulated registry's name; connections to it and to its
// data endpoint end on loopback.
const azureHost = "contoso.azurecr.io"

// azurePlace is Azure's registry with its token exchange. Who signs in as
// "owner" may all; as "reader" read team/*; as "lister" list the catalogue.
type azurePlace struct {
	server    *acr.Server
	back      string // takes pushes
	transport *http.Transport
}

func startAzure(t *testing.T, r acr.Registry) *azurePlace {
	t.Helper()
	server, err := acr.New(acr.Options{
		Registries: map[string]acr.Registry{azureHost: r},
		VerifyEntraToken: func(token string) (acr.Principal, error) {
			switch token {
			case "owner", "reader", "lister", "nobody":
				return acr.Principal{ObjectID: token}, nil
			}
			return acr.Principal{}, errors.New("no such token")
		},
		Authorize: func(p acr.Principal, _, repository, action string) bool {
			switch p.ObjectID {
			case "owner":
				return true
			case "reader":
				return strings.HasPrefix(repository, "team/") && (action == acr.Pull || action == acr.MetadataRead)
			case "lister":
				return action == acr.Catalog
			}
			return false
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	front := httptest.NewTLSServer(server)
	t.Cleanup(front.Close)
	back := httptest.NewServer(server.Backend(azureHost))
	t.Cleanup(back.Close)
	client, ok := front.Client().Transport.(*http.Transport)
	if !ok {
		t.Fatal("the test client has no transport")
	}
	client.TLSClientConfig.ServerName = "example.com" // what httptest's certificate names
	client.DialContext = func(ctx context.Context, network, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, front.Listener.Addr().String())
	}
	return &azurePlace{server, strings.TrimPrefix(back.URL, "http://"), client}
}

func (a *azurePlace) as(who string) *image.Registry {
	return &image.Registry{Host: azureHost, Transport: a.transport, Auth: entra{a, who}}
}

// entra signs in with an Entra token, as azward does with its connection's.
type entra struct {
	place *azurePlace
	token string
}

// Credentials implements [image.Auth].
func (e entra) Credentials(ctx context.Context, registry string) (image.Credentials, error) {
	form := url.Values{"grant_type": {"access_token"}, "service": {registry}, "access_token": {e.token}}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, "https://"+registry+"/oauth2/exchange", strings.NewReader(form.Encode()))
	if err != nil {
		return image.Credentials{}, err
	}
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := (&http.Client{Transport: e.place.transport}).Do(req)
	if err != nil {
		return image.Credentials{}, err
	}
	defer res.Body.Close()
	var answer struct {
		RefreshToken string `json:"refresh_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&answer); err != nil {
		return image.Credentials{}, err
	}
	return image.Credentials{IdentityToken: answer.RefreshToken}, nil
}

func TestAzureRegistry(t *testing.T) {
	t.Parallel()
	for label, r := range map[string]acr.Registry{
		"plain":         {},
		"small_pages":   {MaxPage: 1},
		"data_endpoint": {DataHost: "contoso.westeurope.data.azurecr.io"},
		"throttling":    {ThrottleEvery: 40},
		"no_referrers":  {NoReferrers: true},
	} {
		t.Run(label, func(t *testing.T) {
			t.Parallel()
			a := startAzure(t, r)
			registryTest(t, place{
				client: a.as("owner"), stranger: &image.Registry{Host: azureHost, Transport: a.transport},
				pushTo: a.back, azure: true,
			})
		})
	}
}
