package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"encoding/json"
	"flag"
	"hash/crc32"
	"io"
	"log"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-containerregistry/pkg/name"
	ggcr "github.com/google/go-containerregistry/pkg/registry"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"github.com/google/go-containerregistry/pkg/v1/empty"
	"github.com/google/go-containerregistry/pkg/v1/mutate"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/google/go-containerregistry/pkg/v1/tarball"

	"github.com/azward/azward/hardening"
)

var update = flag.Bool("update", false, "write the golden files anew")

// lifecycleData gives a data directory whose index knows one vulnerability and
// when releases of Debian end.
func lifecycleData(t *testing.T) string {
	t.Helper()
	from, data := t.TempDir(), t.TempDir()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	w, err := z.Create("GHSA-x.json")
	if err == nil {
		_, err = io.WriteString(w, `{"id":"GHSA-35jh-r3h4-6jhm","modified":"2026-01-01T00:00:00Z","affected":[{"package":{"ecosystem":"npm","name":"lodash"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"4.17.21"}]}]}]}`)
	}
	if err == nil {
		err = z.Close()
	}
	if err != nil {
		t.Fatal(err)
	}
	for file, content := range map[string]string{
		"osv/npm/all.zip":         b.String(),
		"endoflife/products.json": `{"total":1,"result":[{"name":"debian","releases":[{"name":"10","isEol":true,"eolFrom":"2022-09-10"},{"name":"13","isEol":false,"eolFrom":"2099-08-09"}]}]}`,
	} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(from, file)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(from, file), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if code, out, errs := runIn(t, data, "advisory", "update", "--from", from); code != 0 {
		t.Fatalf("exit code %d: %s%s", code, out, errs)
	}
	return data
}

// weakFile is a file of a layer; the body ends a directory's name with "/".
type weakFile struct {
	name string
	mode int64
	body string
}

func tarLayer(t *testing.T, files ...weakFile) v1.Layer {
	t.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, f := range files {
		h := &tar.Header{Name: f.name, Mode: f.mode, Size: int64(len(f.body)), Typeflag: tar.TypeReg}
		if strings.HasSuffix(f.name, "/") {
			h.Typeflag = tar.TypeDir
		}
		err := w.WriteHeader(h)
		if err == nil {
			_, err = io.WriteString(w, f.body)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	l, err := tarball.LayerFromOpener(func() (io.ReadCloser, error) { return io.NopCloser(bytes.NewReader(b.Bytes())), nil })
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// pushImage gives the image's reference.
func pushImage(t *testing.T, host, ref string, config v1.Config, created time.Time, steps []string, layers ...v1.Layer) {
	t.Helper()
	img := empty.Image
	var err error
	for i, l := range layers {
		if img, err = mutate.Append(img, mutate.Addendum{Layer: l, History: v1.History{CreatedBy: steps[i]}}); err != nil {
			t.Fatal(err)
		}
	}
	file, err := img.ConfigFile()
	if err != nil {
		t.Fatal(err)
	}
	file = file.DeepCopy()
	file.Config, file.Created, file.OS, file.Architecture = config, v1.Time{Time: created}, "linux", "amd64"
	if img, err = mutate.ConfigFile(img, file); err != nil {
		t.Fatal(err)
	}
	at, err := name.ParseReference(host+"/"+ref, name.Insecure)
	if err == nil {
		err = remote.Write(at, img)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// leakedToken is a GitHub token with a right checksum that nobody issued.
func leakedToken() string {
	const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	body := "Zq3Kd8VnT1sYw6Lb0RfXc5Hj9PmGaE"
	sum, n := make([]byte, 6), crc32.ChecksumIEEE([]byte(body))
	for i := range sum {
		sum[5-i] = base62[n%62]
		n /= 62
	}
	return "ghp_" + body + string(sum)
}

const leakedPassword = "Kx82hbvQpLw"

// weakRegistry serves an image that meets few controls and one that meets most.
func weakRegistry(t *testing.T) string {
	t.Helper()
	server := httptest.NewServer(ggcr.New(ggcr.Logger(log.New(io.Discard, "", 0)), ggcr.WithReferrersSupport(true)))
	t.Cleanup(server.Close)
	host := strings.TrimPrefix(server.URL, "http://")
	pushImage(
		t, host, "shop/cart:1.4", v1.Config{
			Env: []string{"PATH=/opt/tools:/usr/bin", "DB_PASSWORD=" + leakedPassword}, ExposedPorts: map[string]struct{}{"22/tcp": {}},
			Labels: map[string]string{"org.opencontainers.image.base.name": "docker.io/library/debian:latest"},
		},
		time.Date(2024, 3, 1, 0, 0, 0, 0, time.UTC), []string{"ADD https://example.org/rootfs.tar / # buildkit", "COPY . /app # buildkit", "RUN |1 NPM_TOKEN=" + leakedPassword + " /bin/sh -c rm /app/.env # buildkit"},
		tarLayer(
			t, weakFile{"etc/os-release", 0o644, "ID=debian\nVERSION_ID=\"10\"\nPRETTY_NAME=\"Debian GNU/Linux 10 (buster)\"\n"}, weakFile{"usr/bin/su", 0o4755, "x"},
			weakFile{"bin/sh", 0o755, "x"}, weakFile{"opt/tools/", 0o777, ""}, weakFile{"var/cache/apt/archives/x.deb", 0o644, strings.Repeat("x", 2<<20)},
		),
		tarLayer(t, weakFile{"app/.env", 0o600, "GITHUB=" + leakedToken() + "\n"}, weakFile{"app/node_modules/lodash/package.json", 0o644, `{"name":"lodash","version":"4.17.11"}`}),
		tarLayer(t, weakFile{"app/.wh..env", 0o600, ""}),
	)
	pushImage(
		t, host, "shop/api:2.0", v1.Config{User: "10001", Env: []string{"PATH=/usr/bin"}}, time.Now().Add(-time.Hour),
		[]string{"COPY /api /api # buildkit"}, tarLayer(t, weakFile{"api", 0o755, "x"}),
	)
	return host
}

var volatile = []struct {
	re *regexp.Regexp
	by string
}{
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "REGISTRY"},
	{regexp.MustCompile(`built \d+ days ago`), "built N days ago"},
	{regexp.MustCompile(`sha256:[0-9a-f]{12,64}`), "sha256:DIGEST"},
	{regexp.MustCompile(`; \d+\.\d s\n`), "; N s\n"},
	{regexp.MustCompile(` +\n`), "\n"},
}

// golden compares with a file of testdata what does not change from run to run.
func golden(t *testing.T, file, got string) {
	t.Helper()
	for _, v := range volatile {
		got = v.re.ReplaceAllString(got, v.by)
	}
	file = filepath.Join("testdata", file)
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", file, diff)
	}
}

// TestHardening: a user sees which controls are not met and where secrets are,
// without their values, from a scan and from the store alike.
func TestHardening(t *testing.T) {
	t.Parallel()
	data, host := lifecycleData(t), weakRegistry(t)
	shown := ""
	for _, tc := range []struct {
		file string
		args []string
	}{
		{"hardening-image.txt", []string{"image", "scan", host + "/shop/cart:1.4", "--plain-http"}},
		{"hardening-registry.txt", []string{"registry", "scan", host, "--plain-http"}},
		{"hardening-show.txt", []string{"registry", "show", host + "/shop/cart:1.4"}},
	} {
		code, out, errs := runIn(t, data, tc.args...)
		if code != 0 {
			t.Fatalf("%v: exit code %d: %s", tc.args, code, errs)
		}
		golden(t, tc.file, out)
		shown += out + errs
	}
	for _, args := range [][]string{
		{"image", "scan", host + "/shop/cart:1.4", "--plain-http", "--output", "json"},
		{"registry", "show", host, "--output", "json"},
		{"registry", "show", host + "/shop/cart:1.4", "--output", "json"},
		{"image", "packages", host + "/shop/cart:1.4", "--plain-http", "--output", "json"},
		{"image", "scan", host + "/shop/cart:1.4", "--plain-http", "--output", "sarif"},
		{"image", "scan", host + "/shop/cart:1.4", "--plain-http", "--output", "csv"},
		{"registry", "show", host, "--output", "sarif"},
		{"registry", "show", host, "--output", "csv"},
	} {
		code, out, errs := runIn(t, data, args...)
		if code != 0 {
			t.Fatalf("%v: exit code %d: %s", args, code, errs)
		}
		want := map[string][]string{
			"sarif": {`"azward/secret/github-token"`, `"azward/misconfiguration/root-user"`},
			"csv":   {",root-user,medium,", ",misconfiguration,", ",secret,", ",github-token,high,"},
		}
		for _, text := range want[args[len(args)-1]] {
			if !strings.Contains(out, text) {
				t.Errorf("%v: no %s in %s", args, text, out)
			}
		}
		shown += out + errs
	}
	for _, value := range []string{leakedPassword, leakedToken()[6:34]} {
		if i := strings.Index(shown, value); i >= 0 {
			t.Errorf("the value is shown: %q", shown[max(0, i-200):i])
		}
	}
	files := 0
	err := filepath.WalkDir(data, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		raw, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		files++
		for _, value := range []string{leakedPassword, leakedToken()[6:34]} {
			if bytes.Contains(raw, []byte(value)) {
				t.Errorf("%s has the value", path)
			}
		}
		return nil
	})
	if err != nil || files == 0 {
		t.Errorf("%d files, %v", files, err)
	}
}

// TestHardeningJSON: all controls with evidence are in the JSON.
func TestHardeningJSON(t *testing.T) {
	t.Parallel()
	data, host := lifecycleData(t), weakRegistry(t)
	code, out, errs := runIn(t, data, "image", "scan", host+"/shop/cart:1.4", "--plain-http", "--output", "json")
	var got struct {
		Hardening hardening.Report
		Secrets   []hardening.Secret
		Facts     *hardening.Facts
	}
	if err := json.Unmarshal([]byte(out), &got); err != nil || code != 0 {
		t.Fatalf("exit code %d: %v %s", code, err, errs)
	}
	if len(got.Hardening.Results) != len(hardening.Controls()) || got.Facts == nil || len(got.Secrets) != 3 {
		t.Errorf("%d results, %d secrets, facts %+v", len(got.Hardening.Results), len(got.Secrets), got.Facts)
	}
	for _, r := range got.Hardening.Results {
		if r.Met != 0 && len(r.Evidence) == 0 || r.Fix == "" || len(r.References) == 0 {
			t.Errorf("%s is not complete: %+v", r.ID, r)
		}
	}
}

func TestHardeningGate(t *testing.T) {
	t.Parallel()
	data, host := lifecycleData(t), weakRegistry(t)
	for _, tc := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"secret", []string{"image", "scan", host + "/shop/cart:1.4", "--plain-http", "--fail-on", "secret"}, 3, "secret-in-file"},
		{"misconfiguration", []string{"image", "scan", host + "/shop/cart:1.4", "--plain-http", "--fail-on", "misconfiguration"}, 3, "root-user"},
		{"no_secret", []string{"image", "scan", host + "/shop/api:2.0", "--plain-http", "--fail-on", "secret"}, 0, ""},
		{"no_misconfiguration", []string{"image", "scan", host + "/shop/api:2.0", "--plain-http", "--fail-on", "misconfiguration"}, 0, ""},
		{"beside_severities", []string{"image", "scan", host + "/shop/api:2.0", "--plain-http", "--fail-on", "secret,low"}, 0, ""},
		{"known_exploited_without_a_catalogue", []string{"image", "scan", host + "/shop/api:2.0", "--plain-http", "--fail-on", "kev"}, 4, "holds no catalogue"},
		{"registry", []string{"registry", "scan", host, "--plain-http", "--fail-on", "secret"}, 3, "met in shop/cart:1.4"},
		{"fixable_with_secret_still_counts", []string{"image", "scan", host + "/shop/cart:1.4", "--plain-http", "--fail-on", "fixable,secret"}, 3, "1 findings meet it"},
	} {
		code, out, errs := runIn(t, data, tc.args...)
		if code != tc.code || !strings.Contains(errs, tc.want) {
			t.Errorf("%s: exit code %d, want %d and %q:\n%s%s", tc.name, code, tc.code, tc.want, out, errs)
		}
	}
}
