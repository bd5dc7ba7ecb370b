package sbom_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/sbom"
)

func TestPackageOf(t *testing.T) {
	t.Parallel()
	debian, none := sbom.OS{ID: "debian", Version: "12"}, sbom.OS{}
	for name, tc := range map[string]struct {
		purl string
		os   sbom.OS
		want string
	}{
		"npm_scope":                  {"pkg:npm/%40babel/core@7.0.0", none, "npm @babel/core 7.0.0"},
		"maven_group":                {"pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", none, "Maven org.apache.logging.log4j:log4j-core 2.14.1"},
		"go_module":                  {"pkg:golang/github.com/Azure/azure-sdk-for-go/sdk/azcore@v1.2.3#sub/path", none, "Go github.com/Azure/azure-sdk-for-go/sdk/azcore v1.2.3"},
		"npm_of_old":                 {"pkg:npm/JSONStream@1.3.5", none, "npm JSONStream 1.3.5"},
		"npm_scope_not_escaped":      {"pkg:npm/@Babel/Core@7.0.0", none, "npm @Babel/Core 7.0.0"},
		"go_standard_library":        {"pkg:golang/stdlib@1.21.0", none, "Go stdlib 1.21.0"},
		"nuget":                      {"pkg:nuget/Newtonsoft.Json@12.0.1", none, "NuGet Newtonsoft.Json 12.0.1"},
		"cargo":                      {"pkg:cargo/openssl@0.10.1", none, "crates.io openssl 0.10.1"},
		"composer_vendor":            {"pkg:composer/symfony/http-kernel@5.0.0", none, "Packagist symfony/http-kernel 5.0.0"},
		"action":                     {"pkg:githubactions/actions/checkout@v4", none, "GitHub Actions actions/checkout v4"},
		"type_without_advisories":    {"pkg:generic/node@18.0.0", none, "generic node 18.0.0"},
		"deb_names_its_release":      {"pkg:deb/debian/bash@5.2?distro=debian-11", debian, "Debian:11 bash 5.2"},
		"deb_point_release":          {"pkg:deb/debian/bash@5.2?distro=debian-12.5", none, "Debian:12 bash 5.2"},
		"deb_codename":               {"pkg:deb/debian/bash@5.2?distro=bookworm", none, "Debian:12 bash 5.2"},
		"ubuntu_codename":            {"pkg:deb/ubuntu/bash@5.2?distro=jammy", none, "Ubuntu:22.04 bash 5.2"},
		"deb_by_the_image":           {"pkg:deb/debian/bash@5.2", debian, "Debian:12 bash 5.2"},
		"deb_without_any_release":    {"pkg:deb/debian/bash@5.2", none, " bash 5.2"},
		"deb_of_another_distro":      {"pkg:deb/ubuntu/bash@5.2", debian, " bash 5.2"},
		"deb_unknown_codename":       {"pkg:deb/debian/bash@5.2?distro=sid", none, " bash 5.2"},
		"deb_epoch_qualifier":        {"pkg:deb/debian/login@4.13?epoch=1", debian, "Debian:12 login 1:4.13"},
		"deb_epoch_in_version":       {"pkg:deb/debian/login@1%3A4.13?epoch=1", debian, "Debian:12 login 1:4.13"},
		"deb_upstream":               {"pkg:deb/debian/libssl3@3.0.11?upstream=openssl", debian, "Debian:12 libssl3 3.0.11 of openssl "},
		"deb_upstream_version":       {"pkg:deb/debian/libblkid1@2.38.1-5%2Bb1?upstream=util-linux%402.38.1-5", debian, "Debian:12 libblkid1 2.38.1-5+b1 of util-linux 2.38.1-5"},
		"deb_is_its_own_source":      {"pkg:deb/debian/bash@5.2?upstream=bash%405.2", debian, "Debian:12 bash 5.2"},
		"apk_bare_release":           {"pkg:apk/alpine/busybox@1.36?distro=3.18.4", none, "Alpine:v3.18 busybox 1.36"},
		"wolfi_has_no_release":       {"pkg:apk/wolfi/busybox@1.36", none, "Wolfi busybox 1.36"},
		"azure_linux":                {"pkg:rpm/azurelinux/openssl@3.3.0-1.azl3?distro=azurelinux-3.0", none, "Azure Linux:3 openssl 3.3.0-1.azl3"},
		"mariner_by_another_name":    {"pkg:rpm/cbl-mariner/openssl@1.1.1k?distro=cbl-mariner-2.0.20230811", none, "Azure Linux:2 openssl 1.1.1k"},
		"rpm_epoch":                  {"pkg:rpm/rhel/bind@9.16?epoch=32&distro=rhel-9.2", none, "Red Hat:9 bind 32:9.16"},
		"red_hat_by_another_name":    {"pkg:rpm/redhat/bind@9.16?distro=redhat-8.9", none, "Red Hat:8 bind 9.16"},
		"distribution_with_a_dash":   {"pkg:rpm/opensuse/zypper@1.14?distro=opensuse-leap-15.5", none, "openSUSE:Leap 15.5 zypper 1.14"},
		"rpm_source":                 {"pkg:rpm/rhel/openssl-libs@3.0.7-1.el9?distro=rhel-9&upstream=openssl-3.0.7-1.el9.src.rpm", none, "Red Hat:9 openssl-libs 3.0.7-1.el9 of openssl 3.0.7-1.el9"},
		"distribution_without_vulns": {"pkg:rpm/fedora/curl@7.50?distro=fedora-25", none, " curl 7.50"},
		"arch":                       {"pkg:alpm/arch/pacman@6.0", none, "Arch Linux pacman 6.0"},
		"no_version":                 {"pkg:npm/lodash", none, "npm lodash "},
	} {
		p, err := sbom.PackageOf(tc.purl, tc.os)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff(tc.want, shown(p)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
		if p.PURL != tc.purl {
			t.Errorf("%s: %s", name, p.PURL)
		}
	}
	for _, bad := range []string{"", "lodash", "npm/lodash@1", "pkg:", "pkg:npm", "pkg:npm/", "http://x", "pkg:npm/" + strings.Repeat("a", 9000)} {
		_, err := sbom.PackageOf(bad, debian)
		var e *azward.Error
		if !errors.As(err, &e) || e.Kind != azward.KindBadInput || e.Remedy == "" {
			t.Errorf("%.20q: %v", bad, err)
		}
	}
}

// FuzzPackageOf: a package that comes out has a name, and an ecosystem of a
// release only where one was told.
func FuzzPackageOf(f *testing.F) {
	for _, seed := range []string{
		"pkg:deb/debian/libssl3@3.0.11?arch=amd64&distro=debian-12&upstream=openssl%403.0.11", "pkg:npm/%40babel/core@7", "pkg:rpm/a/b@1?distro=-", "pkg:apk/alpine/x?distro=3",
		"pkg:rpm/x/y@1?upstream=.src.rpm", "pkg:deb//x@1", "pkg:golang/a/b/c#d",
	} {
		f.Add(seed, "debian", "12")
	}
	f.Fuzz(func(t *testing.T, purl, id, version string) {
		p, err := sbom.PackageOf(purl, sbom.OS{ID: id, Version: version})
		if err != nil {
			return
		}
		if p.Name == "" || p.PURL != purl || p.Locations == nil {
			t.Errorf("%q: %+v", purl, p)
		}
		if strings.HasSuffix(p.Ecosystem, ":") {
			t.Errorf("%q: ecosystem %q", purl, p.Ecosystem)
		}
		if strings.ContainsAny(p.Name+p.Version+p.Source, "\x1b\u202e") {
			t.Errorf("%q: %+v", purl, p)
		}
	})
}
