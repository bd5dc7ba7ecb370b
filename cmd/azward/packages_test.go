package main

import (
	"archive/tar"
	"archive/zip"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/testdata"
)

// These are the proofs that packages in images are found and matched: each
// image has what the advisories of the shared data name, and a twin with fixed
// versions of the same packages has nothing. The lists of IDs were written by
// hand from the records' ranges.

// log4jRecords stand beside the shared data, whose part of Maven has no
// log4j-core: GitHub's four records about it, with their ranges.
//
// Source: https://github.com/advisories?query=log4j-core
var log4jRecords = map[string]struct {
	cve    string
	ranges [][2]string
}{
	"GHSA-jfh8-c2jp-5v3q": {"CVE-2021-44228", [][2]string{{"0", "2.3.1"}, {"2.4", "2.12.2"}, {"2.13.0", "2.15.0"}}},
	"GHSA-7rjr-3q55-vv33": {"CVE-2021-45046", [][2]string{{"0", "2.12.2"}, {"2.13.0", "2.16.0"}}},
	"GHSA-p6xc-xr62-6r2g": {"CVE-2021-45105", [][2]string{{"0", "2.3.1"}, {"2.4.0", "2.12.3"}, {"2.13.0", "2.17.0"}}},
	"GHSA-8489-44mv-ggj8": {"CVE-2021-44832", [][2]string{{"2.0-beta7", "2.3.2"}, {"2.4", "2.12.4"}, {"2.13.0", "2.17.1"}}},
}

// knownAdvisories gives a data directory with an index of the shared exports.
func knownAdvisories(t *testing.T) string {
	t.Helper()
	osv := testdata.Shared(t, "data/osv")
	from := t.TempDir()
	for _, ecosystem := range []string{"Azure Linux", "Debian", "Go", "Maven", "npm", "Bitnami"} {
		if err := os.CopyFS(filepath.Join(from, ecosystem), os.DirFS(filepath.Join(osv, ecosystem))); err != nil {
			t.Fatal(err)
		}
	}
	for id, r := range log4jRecords {
		var affected []map[string]any
		for _, bounds := range r.ranges {
			affected = append(affected, map[string]any{
				"package": map[string]string{"ecosystem": "Maven", "name": "org.apache.logging.log4j:log4j-core"},
				"ranges":  []map[string]any{{"type": "ECOSYSTEM", "events": []map[string]string{{"introduced": bounds[0]}, {"fixed": bounds[1]}}}},
			})
		}
		b, err := json.Marshal(map[string]any{"schema_version": "1.3.0", "id": id, "aliases": []string{r.cve}, "modified": "2022-03-25T20:56:18Z", "affected": affected})
		if err == nil {
			err = os.WriteFile(filepath.Join(from, id+".json"), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	data := t.TempDir()
	if code, _, errs := runIn(t, data, "advisory", "update", "--from", from, "--quiet"); code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	return data
}

// layerOf writes files as a layer.
func layerOf(t *testing.T, files map[string]string) []byte {
	t.Helper()
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	w := tar.NewWriter(z)
	names := []string{}
	for name := range files {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		if err := w.WriteHeader(&tar.Header{Name: name, Size: int64(len(files[name])), Mode: 0o644, Typeflag: tar.TypeReg}); err != nil {
			t.Fatal(err)
		}
		if _, err := w.Write([]byte(files[name])); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// layoutOf writes an image of one layer as an OCI layout, and gives its name.
func layoutOf(t *testing.T, layer []byte) string {
	t.Helper()
	dir := t.TempDir()
	blob := func(mediaType string, b []byte) map[string]any {
		sum := sha256.Sum256(b)
		name := hex.EncodeToString(sum[:])
		if err := os.MkdirAll(filepath.Join(dir, "blobs", "sha256"), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, "blobs", "sha256", name), b, 0o600); err != nil {
			t.Fatal(err)
		}
		return map[string]any{"mediaType": mediaType, "digest": "sha256:" + name, "size": len(b)}
	}
	encode := func(v any) []byte {
		b, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	const oci = "application/vnd.oci.image."
	config := blob(oci+"config.v1+json", encode(map[string]any{"os": "linux", "architecture": "amd64"}))
	manifest := blob(oci+"manifest.v1+json", encode(map[string]any{
		"schemaVersion": 2, "mediaType": oci + "manifest.v1+json", "config": config,
		"layers": []any{blob(oci+"layer.v1.tar+gzip", layer)},
	}))
	for name, v := range map[string]any{
		"oci-layout": map[string]string{"imageLayoutVersion": "1.0.0"},
		"index.json": map[string]any{"schemaVersion": 2, "manifests": []any{manifest}},
	} {
		if err := os.WriteFile(filepath.Join(dir, name), encode(v), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return "oci:" + dir
}

// matchedIn scans the image as a user does: "package version ID" of each.
func matchedIn(t *testing.T, data, ref string) []string {
	t.Helper()
	code, out, errs := runIn(t, data, "image", "scan", ref, "--output", "json", "--quiet")
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, errs)
	}
	var r struct {
		Packages        []azward.Package
		Vulnerabilities []struct {
			ID       string
			PURL     string
			Affected azward.Answer
		}
		Gaps []azward.Gap
	}
	if err := json.Unmarshal([]byte(out), &r); err != nil {
		t.Fatal(err)
	}
	if len(r.Gaps) > 0 || len(r.Packages) == 0 {
		t.Errorf("%d packages, gaps %+v", len(r.Packages), r.Gaps)
	}
	name := map[string]string{}
	for _, p := range r.Packages {
		name[p.PURL] = p.Name + " " + p.Version
	}
	list := []string{}
	for _, v := range r.Vulnerabilities {
		if v.Affected != azward.Yes {
			t.Errorf("%s of %s is %s", v.ID, v.PURL, v.Affected)
		}
		list = append(list, name[v.PURL]+" "+v.ID)
	}
	slices.Sort(list)
	return list
}

func jarWith(t *testing.T, files ...string) string {
	t.Helper()
	var b bytes.Buffer
	z := zip.NewWriter(&b)
	for i := 0; i < len(files); i += 2 {
		w, err := z.Create(files[i])
		if err == nil {
			_, err = w.Write([]byte(files[i+1]))
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// shaded is a program's jar with Log4j unpacked into it, as Maven's shade
// plugin does, within a jar as Spring Boot's.
func shaded(t *testing.T, log4j string) string {
	t.Helper()
	pom := func(group, artifact, version string) (string, string) {
		return "META-INF/maven/" + group + "/" + artifact + "/pom.properties", "groupId=" + group + "\nartifactId=" + artifact + "\nversion=" + version + "\n"
	}
	own, ownText := pom("com.contoso", "shop", "1.0.0")
	core, coreText := pom("org.apache.logging.log4j", "log4j-core", log4j)
	inner := jarWith(t, own, ownText, core, coreText, "org/apache/logging/log4j/core/lookup/JndiLookup.class", "\xca\xfe\xba\xbe", "com/contoso/shop/Main.class", "\xca\xfe\xba\xbe")
	return jarWith(t, "BOOT-INF/lib/shop-1.0.0.jar", inner, "org/springframework/boot/loader/Launcher.class", "\xca\xfe\xba\xbe")
}

// goProgram is a Linux program with Go's build information and nothing else:
// modules cannot be downloaded where the tests run.
//
// Source: https://cs.opensource.google/go/go/+/master:src/debug/buildinfo/buildinfo.go
func goProgram(goVersion string, dependencies ...string) string {
	modules := "path\texample.com/shop\nmod\texample.com/shop\t(devel)\t\n"
	for _, d := range dependencies {
		path, version, _ := strings.Cut(d, "@")
		modules += "dep\t" + path + "\t" + version + "\th1:AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n"
	}
	const begin, end = "0w\xaf\f\x92t\b\x02A\xe1\xc1\a\xe6\xd6\x18\xe6", "\xf92C1\x86\x18 r\x00\x82B\x10A\x16\xd8\xf2"
	info := append([]byte("\xff Go buildinf:\x08\x02"), make([]byte, 16)...)
	for _, s := range []string{goVersion, begin + modules + end} {
		info = binary.AppendUvarint(info, uint64(len(s)))
		info = append(info, s...)
	}
	const head, segment, section, base = 64, 56, 64, 0x400000
	names := "\x00.go.buildinfo\x00.shstrtab\x00"
	start := head + segment + 8 // aligned to 16
	size := uint64(start + len(info) + len(names))
	b := []byte("\x7fELF\x02\x01\x01" + strings.Repeat("\x00", 9))
	put := func(values ...any) {
		for _, v := range values {
			switch v := v.(type) {
			case uint16:
				b = binary.LittleEndian.AppendUint16(b, v)
			case uint32:
				b = binary.LittleEndian.AppendUint32(b, v)
			case uint64:
				b = binary.LittleEndian.AppendUint64(b, v)
			}
		}
	}
	put(uint16(2), uint16(62), uint32(1), uint64(base), uint64(head), size, uint32(0), uint16(head), uint16(segment), uint16(1), uint16(section), uint16(3), uint16(2))
	put(uint32(1), uint32(6), uint64(0), uint64(base), uint64(base), size, size, uint64(0x1000)) // all of it is loaded, and writable
	put(uint64(0))
	b = append(append(b, info...), names...)
	put(uint32(0), uint32(0), uint64(0), uint64(0), uint64(0), uint64(0), uint32(0), uint32(0), uint64(0), uint64(0))
	put(uint32(1), uint32(1), uint64(3), base+uint64(start), uint64(start), uint64(len(info)), uint32(0), uint32(0), uint64(16), uint64(0))
	put(uint32(15), uint32(3), uint64(0), uint64(0), uint64(start+len(info)), uint64(len(names)), uint32(0), uint32(0), uint64(1), uint64(0))
	return string(b)
}

// distroless is Azure Linux without rpm: a list of what is in it.
func distroless(packages ...string) map[string]string {
	list := ""
	for _, p := range packages {
		name, version, _ := strings.Cut(p, " ")
		list += fmt.Sprintf("%s\t%s\t1721000000\t1721000000\tMicrosoft Corporation\t(none)\t1000\tx86_64\t0\t%s-%s.src.rpm\n", name, version, name, version)
	}
	return map[string]string{
		"etc/os-release": "ID=azurelinux\nVERSION_ID=\"3.0\"\n",
		"var/lib/rpmmanifest/container-manifest-2": list,
	}
}

// bullseye is Debian 11 with packages: "binary source version".
func bullseye(packages ...string) map[string]string {
	status := ""
	for _, p := range packages {
		f := strings.Fields(p)
		status += fmt.Sprintf("Package: %s\nStatus: install ok installed\nArchitecture: amd64\nSource: %s\nVersion: %s\n\n", f[0], f[1], f[2])
	}
	return map[string]string{"etc/os-release": "ID=debian\nVERSION_ID=\"11\"\n", "var/lib/dpkg/status": status}
}

func npmLock(packages string) map[string]string {
	return map[string]string{"srv/package-lock.json": `{"name":"shop","lockfileVersion":3,"packages":{"":{"name":"shop"},` + packages + `}}`}
}

func TestPackagesAreMatched(t *testing.T) {
	data := knownAdvisories(t)
	azureLinux := []string{"linuxptp 3.1.1-0.azl3 CVE-2024-42861", "oath-toolkit 2.6.7-2.azl3 CVE-2024-47191", "thrift 0.15.0-4.azl3 CVE-2024-45773"}
	for _, tc := range []struct {
		name  string
		files map[string]string
		want  []string
	}{
		{"azure_linux_distroless", distroless("linuxptp 3.1.1-0.azl3", "oath-toolkit 2.6.7-2.azl3", "thrift 0.15.0-4.azl3", "filesystem 1.1-20.azl3"), azureLinux},
		{"azure_linux_distroless_fixed", distroless("linuxptp 3.1.1-1.azl3", "oath-toolkit 2.6.7-3.azl3", "thrift 0.15.0-5.azl3", "filesystem 1.1-20.azl3"), nil},
		{"debian_11", bullseye("libssl1.1 openssl 1.1.1n-0+deb11u2", "zlib1g zlib 1:1.2.11.dfsg-2+deb11u1", "liblzma5 xz-utils 5.2.5-2"), []string{
			"liblzma5 5.2.5-2 CVE-2022-1271",           // DSA-5123-1
			"libssl1.1 1.1.1n-0+deb11u2 CVE-2022-2068", // DSA-5169-1
			"libssl1.1 1.1.1n-0+deb11u2 CVE-2022-2097", // DSA-5343-1, as the next four
			"libssl1.1 1.1.1n-0+deb11u2 CVE-2022-4304",
			"libssl1.1 1.1.1n-0+deb11u2 CVE-2022-4450",
			"libssl1.1 1.1.1n-0+deb11u2 CVE-2023-0215",
			"libssl1.1 1.1.1n-0+deb11u2 CVE-2023-0286",
			"zlib1g 1:1.2.11.dfsg-2+deb11u1 CVE-2022-37434", // DSA-5218-1
		}},
		{"debian_11_fixed", bullseye("libssl1.1 openssl 1.1.1n-0+deb11u4", "zlib1g zlib 1:1.2.11.dfsg-2+deb11u2", "liblzma5 xz-utils 5.2.5-2.1~deb11u1"), nil},
		{"npm_lock", npmLock(`"node_modules/lodash":{"version":"4.17.15"},"node_modules/moment":{"version":"2.29.1"},"node_modules/marked":{"version":"0.3.0","dev":true}`), []string{
			"lodash 4.17.15 CVE-2020-28500", // GHSA-29mw-wpgm-hmr9: 4.0.0 to 4.17.21
			"lodash 4.17.15 CVE-2020-8203",  // GHSA-p6mc-m468-83gw: 3.7.0 to 4.17.19
			"lodash 4.17.15 CVE-2021-23337", // GHSA-35jh-r3h4-6jhm, GHSA-r5fr-rjxr-66jc: both also CVE-2026-4800
			"lodash 4.17.15 CVE-2025-13465", // GHSA-f23m-r3pf-42rh, GHSA-xxjr-mmjv-4gpg: both also CVE-2026-2950
			"lodash 4.17.15 NSWG-ECO-516",   // 4.17.15 to 4.17.19
			"moment 2.29.1 CVE-2022-24785",  // to 2.29.2
			"moment 2.29.1 CVE-2022-31129",  // 2.18.0 to 2.29.4
		}},
		{"npm_lock_fixed", npmLock(`"node_modules/lodash":{"version":"4.18.0"},"node_modules/moment":{"version":"2.29.4"},"node_modules/marked":{"version":"0.3.0","dev":true}`), nil},
		{"log4j_shaded", map[string]string{"srv/shop.jar": shaded(t, "2.14.1")}, []string{
			"org.apache.logging.log4j:log4j-core 2.14.1 CVE-2021-44228",
			"org.apache.logging.log4j:log4j-core 2.14.1 CVE-2021-44832",
			"org.apache.logging.log4j:log4j-core 2.14.1 CVE-2021-45046",
			"org.apache.logging.log4j:log4j-core 2.14.1 CVE-2021-45105",
		}},
		{"log4j_shaded_half_fixed", map[string]string{"srv/shop.jar": shaded(t, "2.17.0")}, []string{"org.apache.logging.log4j:log4j-core 2.17.0 CVE-2021-44832"}},
		{"log4j_shaded_fixed", map[string]string{"srv/shop.jar": shaded(t, "2.17.1")}, nil},
		{"go_program", map[string]string{"usr/local/bin/shop": goProgram("go1.26.6", "golang.org/x/net@v0.17.0")}, []string{
			"golang.org/x/net v0.17.0 CVE-2023-45288", // GO-2024-2687: to 0.23.0
			"golang.org/x/net v0.17.0 CVE-2024-45338", // GO-2024-3333: to 0.33.0
			"golang.org/x/net v0.17.0 CVE-2025-22870", // GO-2025-3503: to 0.36.0
			"golang.org/x/net v0.17.0 CVE-2025-22872", // GO-2025-3595: to 0.38.0
			"golang.org/x/net v0.17.0 CVE-2025-47911", // GO-2026-4440: to 0.45.0
			"golang.org/x/net v0.17.0 CVE-2025-58190", // GO-2026-4441: to 0.45.0
			"golang.org/x/net v0.17.0 CVE-2026-25680", // GO-2026-5028: to 0.55.0
			"golang.org/x/net v0.17.0 CVE-2026-25681", // GO-2026-5029: to 0.55.0
			"golang.org/x/net v0.17.0 CVE-2026-27136", // GO-2026-5030: to 0.55.0
			"golang.org/x/net v0.17.0 CVE-2026-33814", // GO-2026-4918: to 0.53.0
			"golang.org/x/net v0.17.0 CVE-2026-39821", // GO-2026-5026: to 0.55.0
			"golang.org/x/net v0.17.0 CVE-2026-42502", // GO-2026-5027: to 0.55.0
			"golang.org/x/net v0.17.0 CVE-2026-42506", // GO-2026-5025: to 0.55.0
			"golang.org/x/net v0.17.0 CVE-2026-46600", // GO-2026-5942: to 0.56.0
		}},
		{"go_program_fixed", map[string]string{"usr/local/bin/shop": goProgram("go1.26.6", "golang.org/x/net@v0.56.0")}, nil},
		{"runtime_by_its_program", map[string]string{"usr/local/apache2/bin/httpd": "\x7fELF\x02\x01\x01\x00Apache/2.4.43 (Unix)"}, []string{"apache 2.4.43 CVE-2020-11984"}},
		{"runtime_by_its_program_fixed", map[string]string{"usr/local/apache2/bin/httpd": "\x7fELF\x02\x01\x01\x00Apache/2.4.58 (Unix)"}, nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			if tc.want == nil {
				tc.want = []string{}
			}
			if diff := cmp.Diff(tc.want, matchedIn(t, data, layoutOf(t, layerOf(t, tc.files)))); diff != "" {
				t.Error(diff)
			}
		})
	}
	t.Run("azure_linux_fixture", func(t *testing.T) {
		layer, err := os.ReadFile(testdata.Shared(t, "data/images/azurelinux3-rpmdb-layer.tar.gz"))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(azureLinux, matchedIn(t, data, layoutOf(t, layer))); diff != "" {
			t.Error(diff)
		}
	})
}
