package advisory_test

import (
	"bytes"
	"context"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
	"github.com/azward/azward/advisory/feed"
	"github.com/azward/azward/internal/testdata"
)

// built is the index of the shared advisories, made once for all tests.
var built struct {
	once sync.Once
	file bytes.Buffer
	err  error
}

// shared opens an index of the shared advisories: real records, frozen.
func shared(tb testing.TB) *advisory.Index {
	tb.Helper()
	root := filepath.Dir(testdata.Shared(tb, "data/osv"))
	built.once.Do(func() {
		_, built.err = feed.Write(context.Background(), feed.Sources{Dir: root, At: at}, &built.file)
	})
	if built.err != nil {
		tb.Fatal(built.err)
	}
	ix, err := advisory.OpenBytes(built.file.Bytes())
	if err != nil {
		tb.Fatal(err)
	}
	return ix
}

// TestTrapsOfMatching holds the traps that real records lay: each package is
// asked for one vulnerability. Want is "", or "answer | fix state | record |
// range".
func TestTrapsOfMatching(t *testing.T) {
	t.Parallel()
	ix := shared(t)
	for _, tc := range []struct {
		name, eco, pkg, source, version, id, want string
	}{
		{"debian_security_suffix_before", "Debian:11", "libssl1.1", "openssl", "1.1.1n-0+deb11u1", "CVE-2022-1292", "yes | fixed | DSA-5139-1 | Debian:11 openssl 1.1.1n-0+deb11u1 < 1.1.1n-0+deb11u2"},
		{"debian_security_suffix_fixed", "Debian:11", "libssl1.1", "openssl", "1.1.1n-0+deb11u2", "CVE-2022-1292", ""},
		{"debian_security_suffix_sorts_as_number", "Debian:11", "libssl1.1", "openssl", "1.1.1n-0+deb11u10", "CVE-2022-1292", ""},
		{"debian_point_release_is_its_major", "Debian:11.6", "libssl1.1", "openssl", "1.1.1n-0+deb11u1", "CVE-2022-1292", "yes | fixed | DSA-5139-1 | Debian:11 openssl 1.1.1n-0+deb11u1 < 1.1.1n-0+deb11u2"},
		{"debian_binary_name_is_not_asked", "Debian:11", "openssl", "other", "1.1.1n-0+deb11u1", "CVE-2022-1292", ""},
		{"debian_rebuild_of_the_fix_is_fixed", "Debian:11", "openssl", "", "1.1.1n-0+deb11u2+b1", "CVE-2022-1292", ""},
		{"debian_epoch_before", "Debian:10", "xserver-xorg-core", "xorg-server", "2:1.20.4-1+deb10u4", "CVE-2022-2319", "yes | fixed | DLA-3068-1 | Debian:10 xorg-server 2:1.20.4-1+deb10u4 < 2:1.20.4-1+deb10u5"},
		{"debian_epoch_missing_sorts_below", "Debian:10", "xserver-xorg-core", "xorg-server", "1.99.0-1", "CVE-2022-2319", "yes | fixed | DLA-3068-1 | Debian:10 xorg-server 1.99.0-1 < 2:1.20.4-1+deb10u5"},
		{"debian_epoch_fixed", "Debian:10", "xserver-xorg-core", "xorg-server", "2:1.20.4-1+deb10u5", "CVE-2022-2319", ""},
		{"debian_tilde_below_the_fix", "Debian:10", "libwebkit2gtk-4.0-37", "webkit2gtk", "2.36.6-1~bpo10+1", "CVE-2022-32792", "yes | fixed | DLA-3073-1 | Debian:10 webkit2gtk 2.36.6-1~bpo10+1 < 2.36.6-1~deb10u1"},
		{"debian_tilde_fixed", "Debian:10", "libwebkit2gtk-4.0-37", "webkit2gtk", "2.36.6-1~deb10u1", "CVE-2022-32792", ""},
		{"debian_without_tilde_is_above", "Debian:10", "libwebkit2gtk-4.0-37", "webkit2gtk", "2.36.6-1", "CVE-2022-32792", ""},
		{"debian_version_without_digits_is_unknown", "Debian:10", "xserver-xorg-core", "xorg-server", "unknown", "CVE-2022-2319", "unknown |  | DLA-3068-1 | Debian:10 xorg-server version \"unknown\" cannot be ordered as Debian does"},
		{"ubuntu_fix_in_the_release", "Ubuntu:22.04", "libwayland-server0", "wayland", "1.20.0-1", "CVE-2021-3782", "yes | fixed | UBUNTU-CVE-2021-3782 | Ubuntu:22.04 wayland 1.20.0-1 < 1.20.0-1ubuntu0.1"},
		{"ubuntu_release_spelled_with_lts", "Ubuntu:22.04:LTS", "libwayland-server0", "wayland", "1.20.0-1", "CVE-2021-3782", "yes | fixed | UBUNTU-CVE-2021-3782 | Ubuntu:22.04 wayland 1.20.0-1 < 1.20.0-1ubuntu0.1"},
		{"ubuntu_fixed", "Ubuntu:22.04", "libwayland-server0", "wayland", "1.20.0-1ubuntu0.1", "CVE-2021-3782", ""},
		{"ubuntu_fix_only_with_pro", "Ubuntu:16.04", "libwayland-server0", "wayland", "1.12.0-1~ubuntu16.04.3", "CVE-2021-3782", "yes | fixed | UBUNTU-CVE-2021-3782 | Ubuntu:Pro:16.04 wayland 1.12.0-1~ubuntu16.04.3 < 1.12.0-1~ubuntu16.04.3+esm1"},
		{"ubuntu_esm_is_fixed", "Ubuntu:16.04", "libwayland-server0", "wayland", "1.12.0-1~ubuntu16.04.3+esm1", "CVE-2021-3782", ""},
		{"ubuntu_not_fixed_even_with_pro", "Ubuntu:20.04", "trafficserver", "", "8.0.5+ds-3ubuntu0.1~esm1", "CVE-2020-1944", "yes | not-fixed | UBUNTU-CVE-2020-1944 | Ubuntu:Pro:20.04 trafficserver 8.0.5+ds-3ubuntu0.1~esm1 (every version)"},
		{"ubuntu_not_fixed", "Ubuntu:16.04", "trafficserver", "", "5.3.0-2ubuntu2", "CVE-2020-1944", "yes | not-fixed | UBUNTU-CVE-2020-1944 | Ubuntu:16.04 trafficserver 5.3.0-2ubuntu2 (every version)"},
		{"ubuntu_plus_and_tilde_before", "Ubuntu:22.04", "libnetty-java", "netty", "1:4.1.48-4+deb11u2build0.22.04.1", "CVE-2022-24823", "yes | fixed | UBUNTU-CVE-2022-24823 | Ubuntu:Pro:22.04 netty 1:4.1.48-4+deb11u2build0.22.04.1 < 1:4.1.48-4+deb11u2ubuntu0.1~esm1"},
		{"ubuntu_plus_and_tilde_fixed", "Ubuntu:22.04", "libnetty-java", "netty", "1:4.1.48-4+deb11u2ubuntu0.1~esm1", "CVE-2022-24823", ""},
		{"ubuntu_without_the_tilde_is_above", "Ubuntu:22.04", "libnetty-java", "netty", "1:4.1.48-4+deb11u2ubuntu0.1", "CVE-2022-24823", ""},
		{"alpine_main_by_origin", "Alpine:v3.8", "libcrypto1.0", "openssl", "1.0.2p-r0", "CVE-2018-5407", "yes | fixed | CVE-2018-5407 | Alpine:v3.8 openssl 1.0.2p-r0 < 1.0.2q-r0"},
		{"alpine_letter_version_fixed", "Alpine:v3.8", "libcrypto1.0", "openssl", "1.0.2q-r0", "CVE-2018-5407", ""},
		{"alpine_point_release", "Alpine:3.8.4", "libcrypto1.0", "openssl", "1.0.2p-r0", "CVE-2018-5407", "yes | fixed | CVE-2018-5407 | Alpine:v3.8 openssl 1.0.2p-r0 < 1.0.2q-r0"},
		{"alpine_community_by_origin", "Alpine:v3.12", "mariadb-client", "mariadb", "10.4.24-r0", "CVE-2022-27449", "yes | fixed | CVE-2022-27449 | Alpine:v3.12 mariadb 10.4.24-r0 < 10.4.25-r0"},
		{"alpine_each_release_has_its_fix", "Alpine:v3.16", "mariadb-client", "mariadb", "10.5.16-r0", "CVE-2022-27449", "yes | fixed | CVE-2022-27449 | Alpine:v3.16 mariadb 10.5.16-r0 < 10.6.8-r0"},
		{"alpine_other_release_fixed", "Alpine:v3.13", "mariadb-client", "mariadb", "10.5.16-r0", "CVE-2022-27449", ""},
		{"alpine_no_alpine_version_is_unknown", "Alpine:v3.12", "mariadb-client", "mariadb", "10.4.24-1.el8", "CVE-2022-27449", "unknown |  | CVE-2022-27449 | Alpine:v3.12 mariadb version \"10.4.24-1.el8\" cannot be ordered as Alpine does"},
		{"azure_linux_three_by_major", "Azure Linux:3.0", "oath-toolkit", "", "2.6.7-2.azl3", "CVE-2024-47191", "yes | fixed | AZL-3-50124 | Azure Linux:3 oath-toolkit 2.6.7-2.azl3 < 2.6.7-3.azl3"},
		{"azure_linux_three_fixed", "Azure Linux:3.0", "oath-toolkit", "", "2.6.7-3.azl3", "CVE-2024-47191", ""},
		{"mariner_one_is_azure_linux_one", "CBL-Mariner:1.0", "m2crypto", "", "0.35.2-8.cm1", "CVE-2020-25657", "yes | not-fixed | AZL-1-10079 | Azure Linux:1 m2crypto 0.35.2-8.cm1 <= 0.35.2-8.cm1 (last affected)"},
		{"mariner_one_no_patch_yet", "Azure Linux:1", "kernel", "", "5.10.189.1-1.cm1", "CVE-2021-3773", "yes | not-fixed | AZL-1-10133 | Azure Linux:1 kernel 5.10.189.1-1.cm1 <= 5.10.189.1-1.cm1 (last affected)"},
		{"mariner_one_supplier_denies", "Azure Linux:1", "lua", "", "5.3.5-9.cm1", "CVE-2022-33099", ""},
		{"mariner_one_supplier_denies_in_spite_of_a_fix", "Azure Linux:1", "redis", "", "6.2.7-1.cm1", "CVE-2022-31144", ""},
		{"mariner_other_major_is_apart", "CBL-Mariner:2.0", "m2crypto", "", "0.35.2-8.cm1", "CVE-2020-25657", ""},
		{"almalinux_binary_name", "AlmaLinux:8", "krb5-libs", "krb5", "1.18.2-13.el8", "ALBA-2021:4378", "yes | fixed | ALBA-2021:4378 | AlmaLinux:8 krb5-libs 1.18.2-13.el8 < 1.18.2-14.el8"},
		{"almalinux_module_same_stream", "AlmaLinux:8", "mariadb-server", "", "3:10.3.38-1.module_el8.8.0+3600+aaaa", "CVE-2022-32084", "yes | fixed | ALSA-2023:5259 | AlmaLinux:8 mariadb-server 3:10.3.38-1.module_el8.8.0+3600+aaaa < 3:10.3.39-1.module_el8.8.0+3609+204d4ab0"},
		{"almalinux_module_fixed", "AlmaLinux:8", "mariadb-server", "", "3:10.3.39-1.module_el8.8.0+3609+204d4ab0", "CVE-2022-32084", ""},
		{"almalinux_module_other_stream_is_unknown", "AlmaLinux:8", "mariadb-server", "", "3:10.1.20-1.module_el8.8.0+1+aaaa", "CVE-2022-32084", "unknown |  | ALSA-2023:5259 | AlmaLinux:8 mariadb-server 3:10.1.20-1.module_el8.8.0+1+aaaa is of a module whose stream it does not name, and 3:10.3.39-1.module_el8.8.0+3609+204d4ab0 is one stream's"},
		{"almalinux_module_says_nothing_of_ordinary_package", "AlmaLinux:8", "mariadb-server", "", "3:10.1.20-1.el8", "CVE-2022-32084", ""},
		{"almalinux_epoch", "AlmaLinux:10", "skopeo", "", "1:9.0.0-1.el10", "CVE-2025-27144", "yes | fixed | ALSA-2025:7467 | AlmaLinux:10 skopeo 1:9.0.0-1.el10 < 2:1.18.1-1.el10_0"},
		{"rocky_module", "Rocky Linux:9.4", "ruby", "", "3.3.0-1.module+el9.4.0+1+aaaa", "CVE-2024-27280", "yes | fixed | RLSA-2024:3671 | Rocky Linux:9 ruby 3.3.0-1.module+el9.4.0+1+aaaa < 0:3.3.1-2.module+el9.4.0+20787+4c237fd3"},
		{"rocky_ordinary_ruby_is_not_the_modules", "Rocky Linux:9.4", "ruby", "", "3.0.4-160.el9", "CVE-2024-27280", ""},
		{"red_hat_extended_stream", "Red Hat:rhel_aus:8.6::appstream", "git-lfs", "", "2.13.3-3.el8_6", "CVE-2023-45288", "yes | fixed | RHSA-2024:4546 | Red Hat:rhel_aus:8.6::appstream git-lfs 2.13.3-3.el8_6 < 0:2.13.3-3.el8_6.1"},
		{"red_hat_ordinary_stream_is_apart", "Red Hat:8", "git-lfs", "", "2.13.3-3.el8_6", "CVE-2023-45288", ""},
		{"go_introduced_zero_is_before_pseudo_versions", "Go", "golang.org/x/net", "", "v0.0.0-20180218175443-cbe0f9307d01", "CVE-2018-17846", "yes | fixed | GO-2020-0014 | Go golang.org/x/net v0.0.0-20180218175443-cbe0f9307d01 < 0.0.0-20190125091013-d26f9f9a57f3"},
		{"go_withdrawn", "Go", "k8s.io/kubernetes", "", "v1.20.0", "CVE-2020-8562", ""},
		{"go_stdlib", "Go", "stdlib", "", "1.16.0", "CVE-2021-27919", "yes | fixed | GO-2021-0067 | Go stdlib 1.16.0-0 <= 1.16.0 < 1.16.1"},
		{"go_stdlib_as_go_says_it", "Go", "stdlib", "", "go1.16", "CVE-2021-27919", "yes | fixed | GO-2021-0067 | Go stdlib 1.16.0-0 <= 1.16 < 1.16.1"},
		{"go_stdlib_release_candidate", "Go", "stdlib", "", "go1.16rc1", "CVE-2021-27919", "yes | fixed | GO-2021-0067 | Go stdlib 1.16.0-0 <= 1.16rc1 < 1.16.1"},
		{"go_stdlib_experiment", "Go", "stdlib", "", "go1.16.1 X:nocoverageredesign", "CVE-2021-27919", ""},
		{"go_stdlib_before", "Go", "stdlib", "", "go1.15.8", "CVE-2021-27919", ""},
		{"go_toolchain_between_stretches", "Go", "toolchain", "", "go1.14.15", "CVE-2021-3115", ""},
		{"go_toolchain_second_stretch", "Go", "toolchain", "", "go1.15.6", "CVE-2021-3115", "yes | fixed | GO-2021-0068 | Go toolchain 1.15.0-0 <= 1.15.6 < 1.15.7"},
		{"go_toolchain_devel_is_unknown", "Go", "toolchain", "", "devel go1.24-abcdef", "CVE-2021-3115", "unknown |  | GO-2021-0068 | Go toolchain version \"devel go1.24-abcdef\" cannot be ordered as Go does"},
		{"npm_release_candidate_in_range", "npm", "ember", "", "1.0.0-rc.1", "CVE-2013-4170", "yes | fixed | CVE-2013-4170 | npm ember 1.0.0-rc.1 <= 1.0.0-rc.1 < 1.0.0-rc.1.1"},
		{"npm_release_candidate_fixed", "npm", "ember", "", "1.0.0-rc.1.1", "CVE-2013-4170", ""},
		{"npm_between_release_candidates", "npm", "ember", "", "1.0.0-rc.2", "CVE-2013-4170", "yes | fixed | CVE-2013-4170 | npm ember 1.0.0-rc.2 <= 1.0.0-rc.2 < 1.0.0-rc.2.1"},
		{"pypi_release_candidate_is_the_fix", "PyPI", "oauth2", "", "1.9rc1", "CVE-2013-4346", ""},
		{"pypi_beta_before_it", "PyPI", "oauth2", "", "1.9b2", "CVE-2013-4346", "yes | fixed | PYSEC-2014-85 | PyPI oauth2 1.9b2 < 1.9rc1"},
		{"pypi_local_version_of_the_fix", "PyPI", "oauth2", "", "1.9rc1+deb.1", "CVE-2013-4346", ""},
		{"pypi_local_version_below", "PyPI", "oauth2", "", "1.8.9+deb.1", "CVE-2013-4346", "yes | fixed | PYSEC-2014-85 | PyPI oauth2 1.8.9+deb.1 < 1.9rc1"},
		{"pypi_dev_before_release_candidate", "PyPI", "oauth2", "", "1.9.dev3", "CVE-2013-4346", "yes | fixed | PYSEC-2014-85 | PyPI oauth2 1.9.dev3 < 1.9rc1"},
		{"pypi_epoch", "PyPI", "oauth2", "", "1!0.1", "CVE-2013-4346", ""},
		{"pypi_listed_and_in_range", "PyPI", "OAuth2", "", "1.0.4", "CVE-2013-4346", "yes | fixed | PYSEC-2014-85 | PyPI OAuth2 1.0.4 < 1.9rc1"},
		{"pypi_not_pep440_is_unknown", "PyPI", "oauth2", "", "1.8-ubuntu1", "CVE-2013-4346", "unknown |  | PYSEC-2014-85 | PyPI oauth2 version \"1.8-ubuntu1\" cannot be ordered as PyPI does"},
		{"pypi_withdrawn", "PyPI", "arrayfire", "", "3.5.0", "CVE-2018-20998", ""},
		{"pypi_commits_are_ignored_beside_versions", "PyPI", "tensorflow-cpu", "", "1.14.0", "CVE-2019-16778", "yes | fixed | PYSEC-2019-227 | PyPI tensorflow-cpu 1.0.0 <= 1.14.0 < 1.15.0"},
		{"pypi_malicious", "PyPI", "123bla", "", "0.0.1", "MAL-2024-10238", "yes |  | MAL-2024-10238 | PyPI 123bla 0.0.1 is listed"},
		{"pypi_malicious_in_another_spelling", "PyPI", "123bla", "", "0.0.1.0", "MAL-2024-10238", "yes |  | MAL-2024-10238 | PyPI 123bla 0.0.1.0 is listed"},
		{"pypi_malicious_other_version", "PyPI", "123bla", "", "0.0.2", "MAL-2024-10238", ""},
		{"pypi_malicious_without_version_is_unknown", "PyPI", "123bla", "", "", "MAL-2024-10238", "unknown |  | MAL-2024-10238 | PyPI 123bla version \"\" cannot be ordered as PyPI does"},
		{"maven_last_affected", "Maven", "log4j:log4j", "", "1.2.17", "CVE-2019-17571", "yes |  | GHSA-2qrg-x229-3v8q | Maven log4j:log4j 1.2 <= 1.2.17 <= 1.2.17 (last affected)"},
		{"maven_after_last_affected", "Maven", "log4j:log4j", "", "1.2.17.1", "CVE-2019-17571", ""},
		{"maven_list_of_versions_alone", "Maven", "io.github.1tchy.java9modular.org.apache.commons:commons-compress", "", "1.18.1", "CVE-2019-12402", "yes |  | GHSA-53x6-4x5p-rrvv | Maven io.github.1tchy.java9modular.org.apache.commons:commons-compress 1.18.1 is listed"},
		{"maven_list_of_versions_other", "Maven", "io.github.1tchy.java9modular.org.apache.commons:commons-compress", "", "1.18.2", "CVE-2019-12402", ""},
		{"maven_qualifier_in_range", "Maven", "org.apache.zookeeper:zookeeper", "", "3.5.3-beta", "CVE-2018-8012", "yes | fixed | GHSA-ccqf-c5hq-77mp | Maven org.apache.zookeeper:zookeeper 3.5.0-alpha <= 3.5.3-beta < 3.5.4-beta"},
		{"maven_qualifier_fixed", "Maven", "org.apache.zookeeper:zookeeper", "", "3.5.4-beta", "CVE-2018-8012", ""},
		{"maven_alpha_before_beta", "Maven", "org.apache.zookeeper:zookeeper", "", "3.5.4-alpha", "CVE-2018-8012", "yes | fixed | GHSA-ccqf-c5hq-77mp | Maven org.apache.zookeeper:zookeeper 3.5.0-alpha <= 3.5.4-alpha < 3.5.4-beta"},
		{"maven_release_above_beta", "Maven", "org.apache.zookeeper:zookeeper", "", "3.5.4", "CVE-2018-8012", ""},
		{"maven_snapshot_below_release", "Maven", "org.apache.zookeeper:zookeeper", "", "3.4.10-SNAPSHOT", "CVE-2018-8012", "yes | fixed | GHSA-ccqf-c5hq-77mp | Maven org.apache.zookeeper:zookeeper 3.4.10-SNAPSHOT < 3.4.10"},
		{"maven_placeholder_is_unknown", "Maven", "org.apache.zookeeper:zookeeper", "", "${zk.version}", "CVE-2018-8012", "unknown |  | GHSA-ccqf-c5hq-77mp | Maven org.apache.zookeeper:zookeeper version \"${zk.version}\" cannot be ordered as Maven does"},
		{"crates_unmaintained_will_not_be_fixed", "crates.io", "lz4-compress", "", "0.1.1", "RUSTSEC-2017-0007", "yes | will-not-fix | RUSTSEC-2017-0007 | crates.io lz4-compress 0.0.0-0 <= 0.1.1"},
		{"kubernetes_between_stretches", "kubernetes", "k8s.io/kubelet", "", "1.7.14", "CVE-2017-1002101", ""},
		{"kubernetes_second_stretch", "kubernetes", "k8s.io/kubelet", "", "1.8.8", "CVE-2017-1002101", "yes | fixed | CVE-2017-1002101 | kubernetes k8s.io/kubelet 1.8.0 <= 1.8.8 < 1.8.9"},
		{"bitnami_build_of_the_fix_is_fixed", "Bitnami", "apache", "", "2.4.44-3", "CVE-2020-11984", ""},
		{"bitnami_build_below", "Bitnami", "apache", "", "2.4.43-12", "CVE-2020-11984", "yes | fixed | BIT-apache-2020-11984 | Bitnami apache 2.4.32 <= 2.4.43 < 2.4.44"},
		{"bitnami", "Bitnami", "apache", "", "2.4.43", "CVE-2020-11984", "yes | fixed | BIT-apache-2020-11984 | Bitnami apache 2.4.32 <= 2.4.43 < 2.4.44"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			f := find(t, ix, azward.Package{Ecosystem: tc.eco, Name: tc.pkg, Source: tc.source, Version: tc.version}, tc.id)
			got := ""
			if f != nil {
				got = strings.Join([]string{f.Affected.String(), string(f.FixState), f.Record, f.Range}, " | ")
			}
			if got != tc.want {
				t.Errorf("got  %q\nwant %q", got, tc.want)
			}
		})
	}
}

// find gives the finding of a vulnerability by any of its names; nil when the
// package does not have it.
func find(tb testing.TB, ix *advisory.Index, pkg azward.Package, id string) *azward.Finding {
	tb.Helper()
	found, err := ix.Match(pkg)
	if err != nil {
		tb.Fatal(err)
	}
	for i := range found {
		if found[i].ID == id || slices.Contains(found[i].Aliases, id) {
			return &found[i]
		}
	}
	return nil
}
