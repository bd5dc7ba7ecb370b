package image

import (
	"strings"
	"testing"

	packageurl "github.com/package-url/packageurl-go"
)

// The specification's own examples, as far as an image can hold them.
//
// Source: https://github.com/package-url/purl-spec/tree/main/tests/types
func TestPURL(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name  string
		found Found
		os    OS
		want  string
	}{
		{"npm", Found{Type: "npm", Name: "foobar", Version: "12.3.1"}, OS{}, "pkg:npm/foobar@12.3.1"},
		{"npm_scope", Found{Type: "npm", Name: "@angular/animation", Version: "12.3.1"}, OS{}, "pkg:npm/%40angular/animation@12.3.1"},
		{"pypi_underscore_and_case", Found{Type: "pypi", Name: "Django_package", Version: "1.11.1.dev1"}, OS{}, "pkg:pypi/django-package@1.11.1.dev1"},
		{"pypi_dot", Found{Type: "pypi", Name: "zope.interface", Version: "5.0"}, OS{}, "pkg:pypi/zope.interface@5.0"},
		{"maven", Found{Type: "maven", Name: "org.apache.commons:io", Version: "1.3.4"}, OS{}, "pkg:maven/org.apache.commons/io@1.3.4"},
		{"maven_case_kept", Found{Type: "maven", Name: "HTTPClient:HTTPClient", Version: "0.3-3"}, OS{}, "pkg:maven/HTTPClient/HTTPClient@0.3-3"},
		{"maven_space", Found{Type: "maven", Name: "mygroup:myartifact", Version: "1.0.0 Final"}, OS{}, "pkg:maven/mygroup/myartifact@1.0.0%20Final"},
		{"golang", Found{Type: "golang", Name: "github.com/gorilla/context", Version: "v1.1.1"}, OS{}, "pkg:golang/github.com/gorilla/context@v1.1.1"},
		{"golang_lower_case", Found{Type: "golang", Name: "github.com/Azure/azure-sdk-for-go", Version: "v1.0.0"}, OS{}, "pkg:golang/github.com/azure/azure-sdk-for-go@v1.0.0"},
		{"golang_standard_library", Found{Type: "golang", Name: "stdlib", Version: "1.21.3"}, OS{}, "pkg:golang/stdlib@1.21.3"},
		{"deb", Found{Type: "deb", Name: "dpkg", Version: "1.19.0.4", Arch: "amd64"}, OS{ID: "debian", Version: "9"}, "pkg:deb/debian/dpkg@1.19.0.4?arch=amd64&distro=debian-9"},
		{"deb_epoch", Found{Type: "deb", Name: "attr", Version: "1:2.4.47-2", Arch: "amd64"}, OS{ID: "debian"}, "pkg:deb/debian/attr@1:2.4.47-2?arch=amd64"},
		{"deb_plus", Found{Type: "deb", Name: "attr", Version: "1:2.4.47-2+b1", Arch: "amd64"}, OS{ID: "debian"}, "pkg:deb/debian/attr@1:2.4.47-2%2Bb1?arch=amd64"},
		{"rpm", Found{Type: "rpm", Name: "curl", Version: "7.50.3-1.fc25", Arch: "i386"}, OS{ID: "fedora", Version: "25"}, "pkg:rpm/fedora/curl@7.50.3-1.fc25?arch=i386&distro=fedora-25"},
		{"rpm_epoch", Found{Type: "rpm", Name: "centerim", Version: "1:4.22.10-1.el6", Arch: "i686"}, OS{ID: "fedora", Version: "25"}, "pkg:rpm/fedora/centerim@4.22.10-1.el6?arch=i686&distro=fedora-25&epoch=1"},
		{"apk", Found{Type: "apk", Name: "curl", Version: "7.83.0-r0", Arch: "x86"}, OS{ID: "alpine"}, "pkg:apk/alpine/curl@7.83.0-r0?arch=x86"},
		{"alpm", Found{Type: "alpm", Name: "pacman", Version: "6.0.1-1", Arch: "x86_64"}, OS{ID: "arch"}, "pkg:alpm/arch/pacman@6.0.1-1?arch=x86_64"},
		{"alpm_epoch", Found{Type: "alpm", Name: "containers-common", Version: "1:0.47.4-4", Arch: "x86_64"}, OS{ID: "arch"}, "pkg:alpm/arch/containers-common@1:0.47.4-4?arch=x86_64"},
		{"nuget_case_kept", Found{Type: "nuget", Name: "EnterpriseLibrary.Common", Version: "6.0.1304"}, OS{}, "pkg:nuget/EnterpriseLibrary.Common@6.0.1304"},
		{"gem", Found{Type: "gem", Name: "ruby-advisory-db-check", Version: "0.12.4"}, OS{}, "pkg:gem/ruby-advisory-db-check@0.12.4"},
		{"composer_case", Found{Type: "composer", Name: "Laravel/Laravel", Version: "5.5.0"}, OS{}, "pkg:composer/laravel/laravel@5.5.0"},
		{"cargo", Found{Type: "cargo", Name: "structopt", Version: "0.3.11"}, OS{}, "pkg:cargo/structopt@0.3.11"},
		{"conda", Found{Type: "conda", Name: "absl-py", Version: "0.4.1", Arch: "linux-64"}, OS{}, "pkg:conda/absl-py@0.4.1?subdir=linux-64"},
		{"generic", Found{Type: "generic", Name: "openssl", Version: "1.1.10g"}, OS{}, "pkg:generic/openssl@1.1.10g"},
		{"name_with_signs", Found{Type: "generic", Name: "a/b?c#d@e", Version: "1?2#3@4"}, OS{}, "pkg:generic/a%2Fb%3Fc%23d%40e@1%3F2%233%404"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := purl(tc.found, tc.os); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

// FuzzPURL: what is written can be read, and says the same.
func FuzzPURL(f *testing.F) {
	f.Add("npm", "@babel/core", "7.0.0", "")
	f.Add("deb", "libstdc++6", "1:12.2.0-14+b1~x", "amd64")
	f.Add("rpm", "bind", "32:9.16.23-1.el9", "x86_64")
	f.Add("maven", "org.a:b", "1.0 beta/2?#%", "")
	f.Add("golang", "golang.org/x/net", "v0.5.0+incompatible", "")
	f.Add("pypi", "Zope_Interface", "5.0", "")
	f.Add("generic", "a/b@c?d=e#f", "1@2", "")
	f.Add("conda", "é", "1 2", "linux-64")
	f.Add("npm", "a/b:c", "1", "")
	f.Fuzz(func(t *testing.T, kind, name, version, arch string) {
		if ecosystemOf[kind] == "" && kind != "deb" && kind != "rpm" && kind != "apk" && kind != "alpm" {
			t.Skip("a type that no extractor gives")
		}
		found := Found{Type: kind, Name: name, Version: version, Arch: arch}
		s := purl(found, OS{ID: "debian", Version: "12"})
		if s == "" {
			return
		}
		back, err := packageurl.FromString(s)
		if err != nil {
			t.Fatalf("%q is written as %s, which is not read: %v", name, s, err)
		}
		if again := back.ToString(); again != s {
			t.Fatalf("%s is read and written as %s", s, again)
		}
		want := version
		if _, rest, ok := strings.Cut(version, ":"); ok && kind == "rpm" {
			want = rest
		}
		if back.Type != kind || back.Version != want {
			t.Fatalf("%s has type %q and version %q, not %q and %q", s, back.Type, back.Version, kind, want)
		}
		last := name[strings.LastIndexByte(name, '/')+1:]
		same := func(a string) bool {
			return strings.EqualFold(strings.ReplaceAll(back.Name, "_", "-"), strings.ReplaceAll(a, "_", "-"))
		}
		if !same(last) && !same(name) && kind != "maven" {
			t.Fatalf("%s has name %q, not %q", s, back.Name, name)
		}
	})
}
