package advisory_test

import (
	"fmt"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/advisory"
)

// image is what a web service of today brings: most of it from a Debian base
// and from npm, and of most there is no advisory. Affected are those that the
// shared records hit.
func image(n int, affected int) []azward.Package {
	debian := []string{"adduser", "apt", "base-files", "bash", "coreutils", "debconf", "dpkg", "e2fsprogs", "findutils", "gcc-12-base", "gpgv", "grep", "gzip", "hostname", "libacl1", "libattr1", "libblkid1", "libbz2-1.0", "libc-bin", "libcap2", "libcom-err2", "libcrypt1", "libdb5.3", "libdebconfclient0", "libext2fs2", "libffi8", "libgcrypt20", "libgmp10", "libgnutls30", "libhogweed6"}
	npm := []string{"accepts", "array-flatten", "body-parser", "bytes", "call-bind", "content-type", "cookie-signature", "depd", "destroy", "ee-first", "encodeurl", "escape-html", "etag", "finalhandler", "forwarded", "function-bind", "get-intrinsic", "gopd", "has-symbols", "hasown", "http-errors", "iconv-lite", "inherits", "ipaddr.js", "math-intrinsics", "media-typer", "merge-descriptors", "methods", "mime-db", "mime-types"}
	hit := []azward.Package{
		{Ecosystem: "npm", Name: "lodash", Version: "4.17.4"},
		{Ecosystem: "Debian:11", Name: "libssl1.1", Source: "openssl", Version: "1.1.1n-0+deb11u1"},
		{Ecosystem: "Go", Name: "golang.org/x/net", Version: "v0.5.0"},
	}
	// Packages of which there are advisories, all fixed in the version at hand.
	patched := []azward.Package{
		{Ecosystem: "Debian:11", Name: "libssl1.1", Source: "openssl", Version: "1.1.1w-0+deb11u2"},
		{Ecosystem: "npm", Name: "lodash", Version: "4.18.1"},
		{Ecosystem: "PyPI", Name: "requests", Version: "2.32.3"},
		{Ecosystem: "Go", Name: "golang.org/x/net", Version: "v0.99.0"},
		{Ecosystem: "Debian:11", Name: "libcurl4", Source: "curl", Version: "7.74.0-1.3+deb11u14"},
	}
	out := make([]azward.Package, 0, n)
	for i := range n {
		switch {
		case affected > 0 && i%affected == 0:
			out = append(out, hit[i/affected%len(hit)])
		case i%20 == 19: // one of twenty has advisories
			out = append(out, patched[i/20%len(patched)])
		case i%3 == 0:
			out = append(out, azward.Package{Ecosystem: "Debian:11", Name: debian[i%len(debian)], Version: "9.99.3-4+b1"})
		default:
			out = append(out, azward.Package{Ecosystem: "npm", Name: npm[i%len(npm)], Version: "1.2.3"})
		}
	}
	return out
}

// BenchmarkMatch matches lists of packages, as `registry scan` does for each
// image: without a finding, with few, with many.
func BenchmarkMatch(b *testing.B) {
	ix := shared(b)
	for _, affected := range []int{0, 1000, 100, 10} {
		share := "none"
		if affected > 0 {
			share = fmt.Sprintf("1-in-%d", affected)
		}
		const n = 10_000
		pkgs := image(n, affected)
		b.Run(fmt.Sprintf("packages=%d/affected=%s", n, share), func(b *testing.B) {
			b.ReportAllocs()
			findings := 0
			for b.Loop() {
				r, err := ix.MatchAll("registry.example/app@sha256:1", pkgs)
				if err != nil || len(r.Gaps) > 0 {
					b.Fatal(r.Gaps, err)
				}
				findings = len(r.Findings)
			}
			b.ReportMetric(float64(n*b.N)/b.Elapsed().Seconds(), "packages/s")
			b.ReportMetric(float64(findings), "findings")
		})
	}
}

// BenchmarkLookup asks for one package.
func BenchmarkLookup(b *testing.B) {
	ix := shared(b)
	for _, tc := range []struct {
		name string
		pkg  azward.Package
	}{
		{"absent", azward.Package{Ecosystem: "npm", Name: "left-pad", Version: "1.3.0"}},
		{"absent-distribution", azward.Package{Ecosystem: "Debian:11", Name: "libacl1", Source: "acl", Version: "2.2.53-10"}},
		{"patched-npm-lodash", azward.Package{Ecosystem: "npm", Name: "lodash", Version: "4.18.1"}},
		{"patched-debian-openssl", azward.Package{Ecosystem: "Debian:11", Name: "libssl1.1", Source: "openssl", Version: "1.1.1w-0+deb11u2"}},
		{"patched-go-net", azward.Package{Ecosystem: "Go", Name: "golang.org/x/net", Version: "v0.99.0"}},
		{"patched-pypi-django", azward.Package{Ecosystem: "PyPI", Name: "Django", Version: "5.2.9"}},
		{"affected-npm-lodash", azward.Package{Ecosystem: "npm", Name: "lodash", Version: "4.17.4"}},
		{"affected-go-net", azward.Package{Ecosystem: "Go", Name: "golang.org/x/net", Version: "v0.5.0"}},
	} {
		b.Run(fmt.Sprintf("records=%d/%s", ix.Status().Records, tc.name), func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := ix.Match(tc.pkg); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// A package that has no advisory, or none that hits its version, costs no
// memory: that is nearly every package of nearly every image.
func TestMissAllocatesNothing(t *testing.T) {
	ix := shared(t)
	for _, pkg := range image(100, 0) {
		allocated := testing.AllocsPerRun(10, func() {
			if found, err := ix.Match(pkg); err != nil || len(found) > 0 {
				t.Errorf("%s %s: %d findings, error %v", pkg.Name, pkg.Version, len(found), err)
			}
		})
		if allocated > 0 {
			t.Errorf("%s %s %s: %v allocations", pkg.Ecosystem, pkg.Name, pkg.Version, allocated)
		}
	}
}

// The order of versions is asked for most; it shall not allocate where the
// first number that differs decides.
func TestComparisonAllocatesNothing(t *testing.T) {
	for _, tc := range []struct{ eco, a, b string }{
		{"npm", "4.17.4", "4.17.11"},
		{"Debian:11", "1.1.1n-0+deb11u1", "1.1.1n-0+deb11u10"},
		{"Azure Linux:3", "2.6.7-2.azl3", "2.6.7-3.azl3"},
		{"Alpine:v3.20", "3.3.0-r2", "3.3.0-r10"},
		{"Maven", "2.14.1", "2.15.0"},
		{"PyPI", "3.2.13", "3.2.14"},
	} {
		allocated := testing.AllocsPerRun(10, func() {
			if c, err := advisory.Compare(tc.eco, tc.a, tc.b); err != nil || c != -1 {
				t.Errorf("%s: %s to %s is %d, error %v", tc.eco, tc.a, tc.b, c, err)
			}
		})
		if allocated > 0 {
			t.Errorf("%s: %s to %s: %v allocations", tc.eco, tc.a, tc.b, allocated)
		}
	}
}
