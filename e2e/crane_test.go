//go:build e2e

package e2e_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-containerregistry/pkg/v1/layout"
	"github.com/google/go-containerregistry/pkg/v1/validate"
)

// TestCrane pulls an image through ACR's token flow.
func TestCrane(t *testing.T) {
	w := start(t)
	pool := x509.NewCertPool()
	pool.AppendCertsFromPEM(w.sim.CACertPEM())
	c := &http.Client{Transport: &http.Transport{
		TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: registry, MinVersion: tls.VersionTLS12}, DisableKeepAlives: true,
	}}
	form := url.Values{
		"grant_type": {"access_token"}, "service": {registry}, "tenant": {tenant},
		"access_token": {w.token(t, "https://containerregistry.azure.net")},
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "https://"+w.sim.RegistryAddress()+"/oauth2/exchange", strings.NewReader(form.Encode()))
	if err != nil {
		t.Fatal(err)
	}
	req.Host = registry
	req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	res, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	var body struct {
		RefreshToken string `json:"refresh_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&body); err != nil || body.RefreshToken == "" {
		t.Fatalf("no refresh token: %s %v", res.Status, err)
	}
	w.craneReads(t, body.RefreshToken)
}

// craneDir is where buildCrane has built; "" before.
var craneDir string

// buildCrane builds crane out of the module that this one requires.
var buildCrane = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "azward-e2e-")
	if err != nil {
		return "", err
	}
	craneDir = dir
	path := filepath.Join(dir, "crane")
	out, err := exec.Command("go", "build", "-o", path, "github.com/google/go-containerregistry/cmd/crane").CombinedOutput()
	if err != nil {
		_, _ = os.Stderr.Write(out) // the error says the rest
	}
	return path, err
})

func TestMain(m *testing.M) {
	code := m.Run()
	if craneDir != "" {
		_ = os.RemoveAll(craneDir) // a leftover in the temporary folder harms nobody
	}
	os.Exit(code)
}

// craneReads signs crane in with an ACR refresh token and reads the registry.
// https://learn.microsoft.com/azure/container-registry/container-registry-authentication#az-acr-login-with---expose-token
func (w *world) craneReads(t *testing.T, refresh string) {
	t.Helper()
	crane, err := buildCrane()
	if err != nil {
		t.Fatalf("build crane: %v", err)
	}
	image := registry + "/shop/web:1.0"
	if _, errs, err := w.run(t, "", crane, "digest", image); err == nil {
		t.Error("crane reads without signing in")
	} else {
		contains(t, "the refusal", errs, "UNAUTHORIZED", "https://aka.ms/acr/authorization")
	}
	out, errs, err := w.run(t, refresh, crane, "auth", "login", registry, "--username", "00000000-0000-0000-0000-000000000000", "--password-stdin")
	if err != nil {
		t.Fatalf("crane auth login: %v\n%s%s", err, out, errs)
	}
	contains(t, "the catalogue", w.must(t, crane, "catalog", registry), "shop/web")
	contains(t, "the tags", w.must(t, crane, "ls", registry+"/shop/web"), "1.0")
	digest := strings.TrimSpace(w.must(t, crane, "digest", image))
	contains(t, "the manifest", w.must(t, crane, "manifest", image), `"schemaVersion":2`)
	dir := filepath.Join(w.dir, "pulled")
	w.must(t, crane, "pull", "--format=oci", image, dir)
	index, err := layout.ImageIndexFromPath(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := validate.Index(index); err != nil {
		t.Error(err)
	}
	manifest, err := index.IndexManifest()
	if err != nil || len(manifest.Manifests) != 1 || manifest.Manifests[0].Digest.String() != digest {
		t.Errorf("pulled %v %v, want %s", manifest, err, digest)
	}
	if _, errs, err := w.run(t, "", crane, "copy", image, registry+"/shop/copy:1"); err == nil {
		t.Error("a reader pushes")
	} else {
		contains(t, "the refusal", errs, "UNAUTHORIZED")
	}
}
