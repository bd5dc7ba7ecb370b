package sbom_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/sbom"
)

// shown is a package in one line.
func shown(p azward.Package) string {
	s := fmt.Sprintf("%s %s %s", p.Ecosystem, p.Name, p.Version)
	if p.Source != "" || p.SourceVersion != "" {
		s += fmt.Sprintf(" of %s %s", p.Source, p.SourceVersion)
	}
	if p.Layer != "" {
		s += " in " + string(p.Layer[:11])
	}
	if len(p.Locations) > 0 {
		s += " at " + strings.Join(p.Locations, ",")
	}
	return s
}

// TestReadOthers reads documents in the shape of other tools' (testdata/read,
// written by hand after their documentation).
func TestReadOthers(t *testing.T) {
	t.Parallel()
	for file, want := range map[string]struct {
		format, name, os string
		digest           azward.Digest
		packages, gaps   []string
	}{
		"trivy.cdx.json": {
			"CycloneDX 1.6", "contoso.azurecr.io/shop/cart:1.4", "debian 12.5", manifest,
			[]string{
				"Debian:12 libssl3 3.0.11-1~deb12u2 of openssl 3.0.11-1~deb12u2 in sha256:1111",
				"Debian:12 libtinfo6 6.4-4 of ncurses 6.4-4",
				"Debian:12 login 1:4.13+dfsg1-1+b1 of shadow 1:4.13+dfsg1-1",
				"npm @babel/traverse 7.23.0 at srv/node_modules/@babel/traverse/package.json",
			},
			nil,
		},
		"trivy.spdx.json": {
			"SPDX 2.3", "contoso.azurecr.io/shop/cart:1.4", "alpine 3.18.4", manifest,
			[]string{"Alpine:v3.18 libcrypto3 3.1.3-r0 of openssl 3.1.3-r0 in sha256:3333"},
			nil,
		},
		"syft.cdx.json": {
			"CycloneDX 1.5", "contoso.azurecr.io/shop/api", "azurelinux 3.0", manifest,
			[]string{
				"Azure Linux:3 openssl-libs 3.3.0-1.azl3 of openssl 3.3.0-1.azl3 in sha256:3333 at /var/lib/rpm/rpmdb.sqlite",
				"Go stdlib 1.21.0", "generic node 18.2.0",
			},
			[]string{"1 not matched: vendored 1.0"},
		},
		"syft.spdx.json": {
			"SPDX 2.3", "contoso.azurecr.io/shop/api", "debian 12", manifest,
			[]string{"Debian:12 libblkid1 2.38.1-5+b1 of util-linux 2.38.1-5", "Debian:12 bash 5.2.15-2+b2"},
			nil,
		},
		"buildkit.intoto.json": {
			"SPDX 2.3", "sbom", "", manifest,
			[]string{"PyPI Django 4.0.2"},
			[]string{"it says of itself that it is incomplete: SPDXRef-DocumentRoot CONTAINS NOASSERTION"},
		},
		"incomplete.cdx.json": {
			"CycloneDX 1.4", "", "", "",
			[]string{"Debian:12 bash 5.2.15-2", "Maven org.example:nested 1.0", "npm lodash ", "Alpine:v3.19 busybox 1.36.1-r15", " curl 8.0"},
			[]string{
				"1 not matched: broken 1",
				"1 not matched: lodash",
				"advisories for 3 packages of the distribution go by their source packages, which the document does not name",
				"it says of itself that it is incomplete: composition incomplete_first_party_only, composition unknown",
			},
		},
		"empty.spdx.json": {"SPDX 2.2", "nothing", "", "", nil, []string{"the document lists none, which may mean that nobody looked"}},
		"package.cdx.json": {
			"CycloneDX 1.6", "lodash", "", "", []string{"npm lodash 4.17.20"}, nil,
		},
	} {
		t.Run(file, func(t *testing.T) {
			t.Parallel()
			f, err := os.Open(filepath.Join("testdata", "read", file))
			if err != nil {
				t.Fatal(err)
			}
			defer f.Close()
			d, err := sbom.Read(f, file)
			if err != nil {
				t.Fatal(err)
			}
			if d.Format != want.format || d.Name != want.name || strings.TrimSpace(d.OS.ID+" "+d.OS.Version) != want.os || d.Digest != want.digest {
				t.Errorf("format %q, name %q, OS %+v, digest %q", d.Format, d.Name, d.OS, d.Digest)
			}
			var packages, gaps []string
			for _, p := range d.Packages {
				packages = append(packages, shown(p))
			}
			for _, g := range d.Gaps {
				gaps = append(gaps, g.Error)
			}
			if diff := cmp.Diff(want.packages, packages); diff != "" {
				t.Errorf("packages (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(want.gaps, gaps); diff != "" {
				t.Errorf("gaps (-want +got):\n%s", diff)
			}
		})
	}
}

// TestListedTwice: the same package at two places is one package with both.
func TestListedTwice(t *testing.T) {
	t.Parallel()
	item := func(place string) string {
		return `{"type": "library", "name": "lodash", "version": "4.17.20", "purl": "pkg:npm/lodash@4.17.20", "evidence": {"occurrences": [{"location": "` + place + `"}]}}`
	}
	d, err := sbom.Read(strings.NewReader(`{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [`+strings.Join([]string{item("/a"), item("/b"), item("/a")}, ",")+`]}`), "x")
	if err != nil || len(d.Packages) != 1 {
		t.Fatalf("%+v, %v", d, err)
	}
	if diff := cmp.Diff("npm lodash 4.17.20 at /a,/b", shown(d.Packages[0])); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// endless gives a start and then one byte for ever.
type endless struct {
	start io.Reader
	then  byte
}

func (e *endless) Read(p []byte) (int, error) {
	if n, err := e.start.Read(p); n > 0 || !errors.Is(err, io.EOF) {
		return n, err
	}
	for i := range p {
		p[i] = e.then
	}
	return len(p), nil
}

func TestReadRefuses(t *testing.T) {
	t.Parallel()
	many := func(n int, item string) string {
		return strings.TrimSuffix(strings.Repeat(item+",", n), ",")
	}
	bom := func(components string) string {
		return `{"bomFormat": "CycloneDX", "specVersion": "1.6", "components": [` + components + `]}`
	}
	deep := strings.Repeat(`{"name": "a", "components": [`, 200) + strings.Repeat(`]}`, 200)
	for name, tc := range map[string]struct {
		doc          io.Reader
		cause, hints string
	}{
		"xml":                 {strings.NewReader("\ufeff \n<?xml version=\"1.0\"?><bom/>"), "it is XML", "cyclonedx convert"},
		"tag_value":           {strings.NewReader("SPDXVersion: SPDX-2.3\n"), "SPDX as tag and value", "pyspdxtools"},
		"gzip":                {strings.NewReader("\x1f\x8b\x08"), "compressed", "unpack"},
		"a_picture":           {strings.NewReader("\x89PNG\r\n"), "neither CycloneDX nor SPDX", "begins with {"},
		"empty":               {strings.NewReader(""), "neither CycloneDX nor SPDX", "begins with {"},
		"a_list":              {strings.NewReader("[]"), "neither CycloneDX nor SPDX", "begins with {"},
		"cut":                 {strings.NewReader(bom(`{"name": "a"}`)[:60]), "unexpected EOF", "scan the image itself"},
		"other_JSON":          {strings.NewReader(`{"artifacts": [], "schema": {"version": "16"}}`), "does not say to be CycloneDX or SPDX", "your builder wrote"},
		"cyclonedx_1.3":       {strings.NewReader(`{"bomFormat": "CycloneDX", "specVersion": "1.3"}`), `CycloneDX "1.3"`, "convert"},
		"cyclonedx_2.0":       {strings.NewReader(`{"bomFormat": "CycloneDX", "specVersion": "2.0"}`), `CycloneDX "2.0"`, "convert"},
		"spdx_2.1":            {strings.NewReader(`{"spdxVersion": "SPDX-2.1"}`), `"SPDX-2.1"`, "SPDX 2.3"},
		"both":                {strings.NewReader(`{"spdxVersion": "SPDX-2.3", "bomFormat": "CycloneDX"}`), "at once", "write it again"},
		"wrong_kind":          {strings.NewReader(`{"bomFormat": "CycloneDX", "components": "none"}`), `at "components": a text stands where a list belongs`, "write it again"},
		"version_is_a_number": {strings.NewReader(bom(`{"name": "a", "version": 1.0}`)), `at "components[0].version": a number stands where a text belongs`, "write it again"},
		"too_deep":            {strings.NewReader(bom(deep)), "nested deeper than 64 levels", "write it again"},
		"too_many":            {strings.NewReader(bom(many(500_001, `{"name":"a"}`))), "more than 500000 components", "write it again"},
		"too_many_properties": {strings.NewReader(bom(`{"name": "a", "properties": [` + numbered(2_001) + `]}`)), "more than 2000 properties", "write it again"},
		"too_many_places":     {strings.NewReader(bom(`{"name": "a", "evidence": {"occurrences": [` + many(1_001, `{"location": "/a"}`) + `]}}`)), "more than 1000 locations", "write it again"},
		"too_large":           {&endless{strings.NewReader(`{"bomFormat": "CycloneDX", "x": [`), ' '}, "larger than the limit of 268435456 bytes", "scan the image itself"},
		"a_layer_too_far": {strings.NewReader(`{"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": {"component": {"properties": [
			{"name": "azward:image:layer:1000:digest", "value": "x"}]}}}`), "names no layer", "write it again"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := sbom.Read(tc.doc, "cart.json")
			var e *azward.Error
			if !errors.As(err, &e) {
				t.Fatalf("%+v, %v", d, err)
			}
			if e.Kind != azward.KindBadInput || e.Subject != "cart.json" || !strings.Contains(e.Cause, tc.cause) || !strings.Contains(e.Remedy, tc.hints) {
				t.Errorf("kind %s, cause %q, remedy %q", e.Kind, e.Cause, e.Remedy)
			}
		})
	}
}

// numbered are properties of different names.
func numbered(n int) string {
	var list []string
	for i := range n {
		list = append(list, fmt.Sprintf(`{"name": "azward:x%d", "value": "1"}`, i))
	}
	return strings.Join(list, ",")
}

// TestHostileText: what moves a cursor does not get out.
func TestHostileText(t *testing.T) {
	t.Parallel()
	const nasty = "a\u001b[31m\u202eb"
	raw, err := json.Marshal(map[string]any{
		"bomFormat": "CycloneDX", "specVersion": "1.6", "metadata": map[string]any{"component": map[string]any{"name": nasty, "type": "container"}},
		"components": []any{
			map[string]any{"name": nasty, "version": nasty, "type": "library"},
			map[string]any{"name": nasty, "version": nasty, "type": "library", "purl": "pkg:generic/a%1B@1%1B", "evidence": map[string]any{"occurrences": []any{map[string]any{"location": nasty}}}},
			map[string]any{"name": nasty, "version": nasty, "type": "operating-system"},
		},
		"compositions": []any{map[string]any{"aggregate": nasty}},
	})
	if err != nil {
		t.Fatal(err)
	}
	d, err := sbom.Read(bytes.NewReader(raw), "x")
	if err != nil {
		t.Fatal(err)
	}
	if text := fmt.Sprintf("%+v", d); strings.ContainsAny(text, "\x1b\u202e") {
		t.Errorf("%q", text)
	}
}

// FuzzRead: whatever comes, reading ends without a panic; what is accepted has
// a format, and what is written of it is read back with the same packages.
func FuzzRead(f *testing.F) {
	files, err := filepath.Glob(filepath.Join("testdata", "read", "*.json"))
	if err != nil || len(files) == 0 {
		f.Fatal(files, err)
	}
	for _, file := range files {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"spdxVersion":"SPDX-2.2","packages":[{"SPDXID":"a","name":"b"}],"documentDescribes":["a"]}`))
	f.Fuzz(func(t *testing.T, raw []byte) {
		d, err := sbom.Read(bytes.NewReader(raw), "x")
		if err != nil {
			if azward.KindOf(err) != azward.KindBadInput {
				t.Errorf("%v", err)
			}
			return
		}
		if d.Format == "" || d.Packages == nil {
			t.Errorf("%+v", d)
		}
		for _, format := range formats() {
			again, err := sbom.Read(bytes.NewReader(format.write(t, d)), "again")
			if err != nil {
				t.Fatalf("%s: %v", format.name, err)
			}
			if len(again.Packages) > len(d.Packages) || len(again.Packages) == 0 && len(d.Packages) > 0 {
				t.Errorf("%s: %d packages, then %d", format.name, len(d.Packages), len(again.Packages))
			}
			if len(d.Gaps) > 0 && len(again.Gaps) == 0 {
				t.Errorf("%s: the gaps are lost", format.name)
			}
		}
	})
}
