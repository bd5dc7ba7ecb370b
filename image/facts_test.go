package image_test

import (
	"archive/tar"
	"bytes"
	"encoding/json"
	"fmt"
	"hash/crc32"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/hardening"
	"github.com/azward/azward/image"
	"github.com/azward/azward/registry"
	"github.com/azward/azward/store/sqlite"
)

// moded is an entry of a layer with its mode; a name that ends in / is a directory.
type moded struct {
	name string
	mode int64
	body string
	link string // symbolic
}

func modedTar(tb testing.TB, entries ...moded) []byte {
	tb.Helper()
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	for _, e := range entries {
		h := &tar.Header{Name: e.name, Mode: e.mode, Size: int64(len(e.body)), Typeflag: tar.TypeReg, Linkname: e.link}
		switch {
		case strings.HasSuffix(e.name, "/"):
			h.Typeflag = tar.TypeDir
		case e.link != "":
			h.Typeflag = tar.TypeSymlink
		}
		if err := w.WriteHeader(h); err != nil {
			tb.Fatal(err)
		}
		if _, err := w.Write([]byte(e.body)); err != nil {
			tb.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		tb.Fatal(err)
	}
	return b.Bytes()
}

// configured is an image with a configuration and history of its own.
func configured(tb testing.TB, config map[string]any, history []string, tars ...[]byte) built {
	tb.Helper()
	b := gzipped(tb, tars...)
	var whole map[string]any
	if err := json.Unmarshal(b.config, &whole); err != nil {
		tb.Fatal(err)
	}
	whole["config"] = config
	var steps []map[string]any
	for _, step := range history {
		line, empty := strings.CutPrefix(step, "empty: ")
		steps = append(steps, map[string]any{"created_by": line, "empty_layer": empty})
	}
	whole["history"] = steps
	before := digest(b.config)
	size := len(b.config)
	b.config = marshal(tb, whole)
	b.manifest = bytes.Replace(b.manifest, []byte(before), []byte(digest(b.config)), 1)
	b.manifest = bytes.Replace(b.manifest, fmt.Appendf(nil, `"size":%d`, size), fmt.Appendf(nil, `"size":%d`, len(b.config)), 1)
	return b
}

// githubToken is one with a right checksum, of a user that does not exist.
func githubToken(body string) string {
	const base62 = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	sum, n := make([]byte, 6), crc32.ChecksumIEEE([]byte(body))
	for i := range sum {
		sum[5-i] = base62[n%62]
		n /= 62
	}
	return "ghp_" + body + string(sum)
}

// Values that must never be seen again.
var (
	tokenInHistory = githubToken("Zq3Kd8VnT1sYw6Lb0RfXc5Hj9PmGaE")
	tokenInFile    = githubToken("Hn7Wd2XkQ9vTs4Rb6LfYc1Jj3MpGaZ")
	passwordInEnv  = "Kx82hbvQpLw"
)

func weakImage(tb testing.TB) built {
	tb.Helper()
	base := modedTar(
		tb,
		moded{"bin/sh", 0o777, "", "dash"}, moded{"usr/bin/dash", 0o755, "x", ""}, moded{"usr/bin/apt-get", 0o755, "x", ""},
		moded{"usr/bin/su", 0o4755, "x", ""}, moded{"usr/bin/wall", 0o2755, "x", ""}, moded{"usr/bin/mount", 0o4755, "x", ""},
		moded{"opt/tools/", 0o777, "", ""}, moded{"opt/app/bin/", 0o777, "", ""}, moded{"tmp/", 0o1777, "", ""},
		moded{"etc/ssh/ssh_host_ed25519_key", 0o600, "x", ""}, moded{"etc/ssh/ssh_host_ed25519_key.pub", 0o644, "x", ""},
		moded{"usr/bin/sudo", 0o4755, "x", ""}, moded{"usr/sbin/sshd", 0o755, "x", ""},
		moded{"var/lib/apt/lists/deb.debian.org_InRelease", 0o644, strings.Repeat("x", 1000), ""}, moded{"var/lib/apt/lists/lock", 0o644, "x", ""},
	)
	own := modedTar(
		tb,
		moded{"app/.env", 0o644, "# settings\nGITHUB=" + tokenInFile + "\n", ""},
		moded{"opt/app/bin/", 0o755, "", ""}, // mended
		moded{"usr/bin/.wh.mount", 0o644, "", ""},
		moded{"root/.cache/pip/http/a", 0o644, strings.Repeat("x", 500), ""},
		moded{"app/huge.json", 0o644, strings.Repeat("x", 1<<20+1), ""},
		moded{"app/node_modules/x/test.pem", 0o644, tokenInFile, ""},
	)
	last := modedTar(tb, moded{"app/.wh..env", 0o644, "", ""}, moded{"app/settings.yaml", 0o644, "port: 8080\n", ""})
	return configured(tb, map[string]any{
		"User": "", "Env": []string{"PATH=/usr/local/bin:/usr/bin:/bin:/opt/tools:/opt/app/bin", "DB_PASSWORD=" + passwordInEnv, "NODE_ENV=production"},
		"Labels": map[string]string{"build.token": tokenInHistory, "org.opencontainers.image.source": "https://github.com/contoso/shop"},
		"Cmd":    []string{"serve", "--password", passwordInEnv},
	}, []string{
		"ADD rootfs.tar.xz / # buildkit", "empty: ENV DB_PASSWORD=" + passwordInEnv,
		"RUN |1 TOKEN=" + tokenInHistory + " /bin/sh -c make install # buildkit", "RUN /bin/sh -c rm /app/.env # buildkit",
	}, base, own, last)
}

func TestFacts(t *testing.T) {
	t.Parallel()
	img := scan(t, weakImage(t).layout(t))
	layer := func(i int) azward.Digest { return img.Layers[i].Digest }
	want := &hardening.Facts{
		Healthcheck: azward.No, Path: []string{"/usr/local/bin", "/usr/bin", "/bin", "/opt/tools", "/opt/app/bin"}, Searched: 2, Skipped: 1,
		Marks: []hardening.Mark{
			{Kind: hardening.Directory, Path: "/opt/tools", Mode: 0o777, Layer: layer(0)},
			{Kind: hardening.Directory, Path: "/tmp", Mode: 0o1777, Layer: layer(0)},
			{Kind: hardening.HostKey, Path: "/etc/ssh/ssh_host_ed25519_key", Mode: 0o600, Layer: layer(0)},
			{Kind: hardening.Manager, Path: "/usr/bin/apt-get", Layer: layer(0)},
			{Kind: hardening.Server, Path: "/usr/sbin/sshd", Layer: layer(0)},
			{Kind: hardening.Setgid, Path: "/usr/bin/wall", Mode: 0o2755, Layer: layer(0)},
			{Kind: hardening.Setuid, Path: "/usr/bin/su", Mode: 0o4755, Layer: layer(0)},
			{Kind: hardening.Setuid, Path: "/usr/bin/sudo", Mode: 0o4755, Layer: layer(0)},
			{Kind: hardening.Shell, Path: "/bin/sh", Layer: layer(0)},
			{Kind: hardening.Shell, Path: "/usr/bin/dash", Layer: layer(0)},
			{Kind: hardening.Sudo, Path: "/usr/bin/sudo", Layer: layer(0)},
		},
		Caches: []hardening.Cache{{Manager: "apt", Layer: layer(0), Files: 1, Bytes: 1000}, {Manager: "pip", Layer: layer(1), Files: 1, Bytes: 500}},
	}
	if diff := cmp.Diff(want, img.Facts); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	var got []string
	for _, s := range img.Secrets {
		line := fmt.Sprintf("%s %s %s:", s.Kind, s.Name, s.Redacted)
		for _, p := range s.Places {
			line += " " + p.String() + ";"
		}
		got = append(got, line)
	}
	if diff := cmp.Diff([]string{
		"named-secret DB_PASSWORD …: environment variable DB_PASSWORD; build step ENV DB_PASSWORD=…;",
		"github-token build.token " + tokenInHistory[:4] + "…" + tokenInHistory[36:] + ": label build.token; build step RUN |1 TOKEN=" + tokenInHistory[:4] + "…" + tokenInHistory[36:] + " /bin/sh -c make install # buildkit;",
		"named-secret option …: command;",
		"github-token  " + tokenInFile[:4] + "…" + tokenInFile[36:] + ": /app/.env line 2, deleted later, still pullable;",
	}, got); diff != "" {
		t.Errorf("secrets (-want +got):\n%s", diff)
	}
	if got := img.Secrets[3].Places[0].Layer; got != layer(1) {
		t.Errorf("it is in layer %s", got)
	}
}

// TestSecretsNeverLeave: no value is in what is shown, nor in a store's files.
func TestSecretsNeverLeave(t *testing.T) {
	t.Parallel()
	s := serve(t, nil)
	ref := s.push(t, "shop/cart", "1", weakImage(t))
	kept, err := sqlite.Open(t.Context(), t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := kept.Close(); err != nil {
			t.Error(err)
		}
	}()
	scanner := &image.Scanner{Cache: registry.Layers{Store: kept}}
	connect := func(string) (*image.Registry, error) { return s.Registry, nil }
	cold, err := scanner.ScanReference(t.Context(), ref, connect)
	if err != nil {
		t.Fatal(err)
	}
	layers := s.count("GET blobs")
	warm, err := scanner.ScanReference(t.Context(), ref, connect)
	if err != nil {
		t.Fatal(err)
	}
	if got := s.count("GET blobs") - layers; got != 1 {
		t.Errorf("%d blobs were read again, want the configuration alone", got)
	}
	if diff := cmp.Diff(cold, warm); diff != "" {
		t.Errorf("from the cache (-cold +warm):\n%s", diff)
	}
	stored, err := registry.Stored(cold)
	if err != nil {
		t.Fatal(err)
	}
	told := string(stored.Doc) + string(marshal(t, cold))
	for _, l := range cold.Layers {
		raw, ok, err := kept.Layer(t.Context(), "layer/"+image.ExtractorsVersion+"/"+string(l.Digest))
		if err != nil || !ok {
			t.Fatal(ok, err)
		}
		told += string(raw)
	}
	for _, value := range []string{tokenInHistory[6:34], tokenInFile[6:34], passwordInEnv} {
		if i := strings.Index(told, value); i >= 0 {
			t.Errorf("the value stands in %q", told[max(0, i-100):i+20])
		}
	}
}

// TestFactsUnread: a layer that cannot be read leaves facts unknown, not clean.
func TestFactsUnread(t *testing.T) {
	t.Parallel()
	b := configured(t, map[string]any{"User": "app"}, []string{"RUN a", "RUN b"}, modedTar(t, moded{"a", 0o644, "x", ""}), []byte("no archive at all"))
	img := scan(t, b.layout(t))
	if img.Facts == nil || img.Facts.Unread != 1 {
		t.Errorf("facts are %+v", img.Facts)
	}
}
