package sbom_test

import (
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/azward/azward"
	"github.com/azward/azward/sbom"
)

var update = flag.Bool("update", false, "write the golden files anew")

const (
	baseLayer = azward.Digest("sha256:1111111111111111111111111111111111111111111111111111111111111111")
	appLayer  = azward.Digest("sha256:2222222222222222222222222222222222222222222222222222222222222222")
	baseDiff  = azward.Digest("sha256:3333333333333333333333333333333333333333333333333333333333333333")
	appDiff   = azward.Digest("sha256:4444444444444444444444444444444444444444444444444444444444444444")
	manifest  = azward.Digest("sha256:5555555555555555555555555555555555555555555555555555555555555555")
	index     = azward.Digest("sha256:6666666666666666666666666666666666666666666666666666666666666666")
)

var options = sbom.Options{At: time.Date(2026, 11, 21, 7, 30, 0, 0, time.UTC), Serial: "3e671687-395b-41f5-a30f-a58921a69b79", Version: "1.2.3"}

// cart is an image with packages of every kind, one of them twice.
func cart() *sbom.Document {
	const copied = "COPY --chown=node <app> /srv # buildkit"
	d := &sbom.Document{
		Name: "contoso.azurecr.io/shop/cart:1.4", Digest: manifest, Index: index, Platform: "linux/amd64", Created: "2026-10-01T10:00:00Z",
		OS: sbom.OS{ID: "debian", Version: "12", Name: "Debian GNU/Linux 12 (bookworm)"},
		Layers: []sbom.Layer{
			{Digest: baseLayer, DiffID: baseDiff, Size: 29_000_000, CreatedBy: "ADD rootfs.tar.xz /"},
			{Digest: appLayer, DiffID: appDiff, Size: 1_000, CreatedBy: copied},
		},
		Packages: []azward.Package{
			{
				PURL: "pkg:deb/debian/libssl3@3.0.11-1~deb12u1?arch=amd64&distro=debian-12", Name: "libssl3", Version: "3.0.11-1~deb12u1",
				Ecosystem: "Debian:12", Source: "openssl", Layer: baseLayer, CreatedBy: "ADD rootfs.tar.xz /", Locations: []string{"/var/lib/dpkg/status"},
			},
			{
				PURL: "pkg:deb/debian/libblkid1@2.38.1-5%2Bb1?arch=amd64&distro=debian-12", Name: "libblkid1", Version: "2.38.1-5+b1", Ecosystem: "Debian:12",
				Source: "util-linux", SourceVersion: "2.38.1-5", Layer: baseLayer, CreatedBy: "ADD rootfs.tar.xz /", Locations: []string{"/var/lib/dpkg/status"},
			},
			{
				PURL: "pkg:golang/golang.org/x/net@v0.7.0", Name: "golang.org/x/net", Version: "v0.7.0", Ecosystem: "Go",
				Layer: appLayer, CreatedBy: copied, Locations: []string{"/srv/agent"},
			},
			{
				PURL: "pkg:maven/org.apache.logging.log4j/log4j-core@2.14.1", Name: "org.apache.logging.log4j:log4j-core", Version: "2.14.1", Ecosystem: "Maven",
				Layer: appLayer, CreatedBy: copied, Locations: []string{"/srv/a.jar!/BOOT-INF/lib/log4j-core-2.14.1.jar", "/srv/b.jar"},
			},
			{PURL: "pkg:npm/%40babel/traverse@7.23.0", Name: "@babel/traverse", Version: "7.23.0", Ecosystem: "npm", Layer: appLayer, CreatedBy: copied, Locations: []string{"/srv/node_modules/@babel/traverse/package.json"}},
			{PURL: "pkg:npm/lodash@4.17.20", Name: "lodash", Version: "4.17.20", Ecosystem: "npm", Layer: baseLayer, CreatedBy: "ADD rootfs.tar.xz /", Locations: []string{"/usr/share/nodejs/lodash/package.json"}, OwnedBy: "node-lodash"},
			{PURL: "pkg:npm/lodash@4.17.20", Name: "lodash", Version: "4.17.20", Ecosystem: "npm", Layer: appLayer, CreatedBy: copied, Locations: []string{"/srv/node_modules/lodash/package.json"}},
			{PURL: "pkg:generic/node@18.2.0", Name: "node", Version: "18.2.0", Ecosystem: "Bitnami", Layer: appLayer, CreatedBy: copied, Locations: []string{"/usr/local/bin/node"}},
			{Name: "no url", Version: "1", Ecosystem: "npm", Layer: appLayer, CreatedBy: copied, Locations: []string{}},
			{PURL: "pkg:pypi/pyyaml@5.3", Name: "PyYAML", Version: "5.3", Ecosystem: "PyPI", Layer: appLayer, CreatedBy: copied, Locations: []string{"/srv/PyYAML-5.3.dist-info/METADATA"}},
		},
		Scanned: true,
	}
	libssl, log4j, lodash := d.Packages[0], d.Packages[3], d.Packages[6]
	d.Findings = []sbom.Finding{
		{Package: log4j, Finding: azward.Finding{
			ID: "CVE-2021-44228", Aliases: []string{"GHSA-jfh8-c2jp-5v3q", "CVE-2021-44228"}, PURL: log4j.PURL, Summary: "Remote code injection in Log4j",
			Severity: azward.SeverityCritical, CVSS: 10, Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", FixedIn: []string{"2.15.0"}, KEV: true, EPSS: 0.97565,
			Record: "GHSA-jfh8-c2jp-5v3q", Range: "Maven org.apache.logging.log4j:log4j-core 2.13.0 <= 2.14.1 < 2.15.0", Affected: azward.Yes, FixState: azward.Fixed,
			Scores: []azward.Score{
				{Source: "GHSA-jfh8-c2jp-5v3q", Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:C/C:H/I:H/A:H", Score: 10},
				{Source: "other", Vector: "CVSS:4.0/AV:N/AC:L/AT:N/PR:N/UI:N/VC:H/VI:H/VA:H/SC:H/SI:H/SA:H", Score: 10},
				{Source: "NVD", Vector: "AV:N/AC:M/Au:N/C:C/I:C/A:C", Score: 9.3},
			},
		}},
		{Package: lodash, Finding: azward.Finding{ID: "CVE-2021-23337", PURL: lodash.PURL, Severity: azward.SeverityHigh, CVSS: 7.2, FixedIn: []string{"4.17.21"}, Record: "GHSA-35jh-r3h4-6jhm", Affected: azward.Yes, CWE: "CWE-94"}},
		{Package: lodash, NotAffected: "inline_mitigations_already_exist", Finding: azward.Finding{ID: "CVE-2020-8203", PURL: lodash.PURL, Severity: azward.SeverityHigh, Record: "GHSA-p6mc-m468-83gw", Affected: azward.Yes}},
		{Package: lodash, NotAffected: "we do not call it", Finding: azward.Finding{ID: "CVE-2019-10744", PURL: lodash.PURL, Severity: azward.SeverityHigh, Record: "GHSA-jf85-cpcp-j695", Affected: azward.Yes}},
		{Package: libssl, Finding: azward.Finding{ID: "CVE-2023-5678", PURL: libssl.PURL, Severity: azward.SeverityUnknown, Record: "DEBIAN-CVE-2023-5678", Affected: azward.Unknown, FixState: azward.NotFixed}},
	}
	return d
}

func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	for url, file := range map[string]string{
		"http://cyclonedx.org/schema/bom-1.6.schema.json":  "bom-1.6.schema.json",
		"http://cyclonedx.org/schema/spdx.schema.json":     "spdx.schema.json",
		"http://cyclonedx.org/schema/jsf-0.82.schema.json": "jsf-0.82.schema.json",
		"http://spdx.org/rdf/terms/2.3":                    "spdx-2.3.schema.json",
	} {
		raw, err := os.ReadFile(filepath.Join("testdata", "schema", file))
		if err != nil {
			t.Fatal(err)
		}
		doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(raw))
		if err == nil {
			err = c.AddResource(url, doc)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	c.AssertFormat()
	s, err := c.Compile(name)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// format is one of the two documents.
type format struct {
	name, schema, file string
	write              func(*testing.T, *sbom.Document) []byte
}

func formats() []format {
	return []format{
		{"cyclonedx", "http://cyclonedx.org/schema/bom-1.6.schema.json", "cart.cdx.json", func(t *testing.T, d *sbom.Document) []byte {
			t.Helper()
			var b bytes.Buffer
			if err := sbom.CycloneDX(&b, d, options); err != nil {
				t.Fatal(err)
			}
			return b.Bytes()
		}},
		{"spdx", "http://spdx.org/rdf/terms/2.3", "cart.spdx.json", func(t *testing.T, d *sbom.Document) []byte {
			t.Helper()
			var b bytes.Buffer
			if err := sbom.SPDX(&b, d, options); err != nil {
				t.Fatal(err)
			}
			return b.Bytes()
		}},
	}
}

func TestWritten(t *testing.T) {
	t.Parallel()
	for _, f := range formats() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			valid := schema(t, f.schema)
			got := f.write(t, cart())
			golden := filepath.Join("testdata", f.file)
			if *update {
				if err := os.WriteFile(golden, got, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(golden)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), string(got)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
			if again := f.write(t, cart()); !bytes.Equal(got, again) {
				t.Error("the same document gives other bytes")
			}
			partial := cart()
			partial.Gaps = []azward.Gap{{Scope: "contoso.azurecr.io/shop/cart@sha256:55", Reads: "layer 2", Error: "it is cut"}}
			local := cart()
			local.Name, local.Index, local.Platform = "tar:cart.tar", "", ""
			for name, d := range map[string]*sbom.Document{
				"whole": cart(), "partial": partial, "local": local, "empty": {}, "unscanned": {Name: "a", Packages: cart().Packages},
				"nameless": {Packages: []azward.Package{{}, {}}, Scanned: true, Findings: []sbom.Finding{{Finding: azward.Finding{ID: "CVE-1 <\"> ?#"}}}},
			} {
				doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(f.write(t, d)))
				if err == nil {
					err = valid.Validate(doc)
				}
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
			}
		})
	}
}

// TestRoundTrip: what was written is read back as it was.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	for _, f := range formats() {
		want := cart()
		got, err := sbom.Read(bytes.NewReader(f.write(t, want)), "cart")
		if err != nil {
			t.Fatal(err)
		}
		if !strings.HasSuffix(got.Format, map[string]string{"cyclonedx": "1.6", "spdx": "2.3"}[f.name]) {
			t.Errorf("format %q", got.Format)
		}
		want.Format, want.Findings, want.Scanned = got.Format, nil, false // a document's findings are those of its day
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-written +read):\n%s", f.name, diff)
		}
	}
}

// TestIncompleteSurvives: an image that was not read whole stays one.
func TestIncompleteSurvives(t *testing.T) {
	t.Parallel()
	for _, f := range formats() {
		d := cart()
		d.Gaps = []azward.Gap{{Scope: "contoso.azurecr.io/shop/cart@sha256:55", Reads: "layer sha256:99", Error: "it is cut"}}
		got, err := sbom.Read(bytes.NewReader(f.write(t, d)), "cart")
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Gaps) != 1 || !strings.Contains(got.Gaps[0].Error, "incomplete") || !strings.Contains(got.Gaps[0].Error, "layer sha256:99: it is cut") {
			t.Errorf("%s: gaps %+v", f.name, got.Gaps)
		}
	}
}
