package vex_test

import (
	"bytes"
	"errors"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/vex"
)

func scanOf(t *testing.T, file string, change ...string) vex.Scan {
	t.Helper()
	raw, err := os.ReadFile("testdata/" + file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := vex.ReadScan(strings.NewReader(strings.NewReplacer(change...).Replace(string(raw))), file)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// matchable are verdicts that the reports in testdata are about: a network
// block, a kernel package, an exploitable one.
func matchable() []azward.Verdict {
	return []azward.Verdict{
		verdict("net", [3]azward.Answer{yes, yes, no}),
		verdict("kernel", [3]azward.Answer{yes, no, yes}, pack("pkg:deb/debian/linux-libc-dev@2:6.1.55-1?arch=amd64&distro=debian-12")),
		verdict("stdlib", [3]azward.Answer{yes, yes, yes}, pack("pkg:golang/stdlib@1.21.1")),
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name           string
		format         vex.Format
		report         string
		assert         bool
		stated, hidden int
	}{
		{"trivy_hides_what_is_not_affected", vex.FormatOpenVEX, "trivy.json", false, 3, 1},
		{"trivy_hides_network_blocks_when_asserted", vex.FormatOpenVEX, "trivy.json", true, 3, 2},
		{"grype_goes_by_aliases_and_other_spellings", vex.FormatOpenVEX, "grype.json", false, 3, 1},
		{"grype_asserted", vex.FormatOpenVEX, "grype.json", true, 3, 2},
		{"trivy_takes_csaf_for_what_is_not_affected", vex.FormatCSAF, "trivy.json", true, 1, 1},
	} {
		o := options
		o.Product, o.AssertNotAffected = vex.Images, tc.assert
		scan := scanOf(t, tc.report)
		got, err := vex.Check(tc.format, matchable(), o, scan)
		if err != nil {
			t.Errorf("%s: %v", tc.name, err)
		}
		want := vex.Matched{Scanner: scan.Scanner, Artifact: "contoso.azurecr.io/orders/api:1.4", Findings: len(scan.Found), Stated: tc.stated, Hidden: tc.hidden}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tc.name, diff)
		}
	}
}

// TestNoMatchIsAnError: a document that changes nothing says so, why, and what
// to do.
func TestNoMatchIsAnError(t *testing.T) {
	t.Parallel()
	const ours = "contoso.azurecr.io/orders/api@" + digest
	for _, tc := range []struct {
		name     string
		format   vex.Format
		product  vex.Product
		scan     vex.Scan
		verdicts []azward.Verdict
		cause    string
		remedy   string
	}{
		{"deployments", vex.FormatOpenVEX, vex.Deployments, scanOf(t, "trivy.json"), matchable(), "knows the image alone", "--product image"},
		{"deployments_in_csaf", vex.FormatCSAF, vex.Deployments, scanOf(t, "trivy.json"), matchable(), "knows the image alone", "--product image"},
		{"grype_csaf", vex.FormatCSAF, vex.Images, scanOf(t, "grype.json"), matchable(), "by the package alone", "openvex"},
		{"grype_cyclonedx", vex.FormatCycloneDX, vex.Images, scanOf(t, "grype.json"), matchable(), "ID alone", "openvex"},
		{"trivy_cyclonedx", vex.FormatCycloneDX, vex.Images, scanOf(t, "trivy.json"), matchable(), "BOM-Link", "openvex"},
		{"trivy_csaf_without_cve", vex.FormatCSAF, vex.Images, scanOf(t, "trivy.json"), verdicts(), "without a CVE", "openvex"},
		{"trivy_csaf_without_not_affected", vex.FormatCSAF, vex.Images, scanOf(t, "trivy.json"), matchable()[:1], "nothing in the document is not affected", "--assert-not-affected"},
		{"local_image", vex.FormatOpenVEX, vex.Images, scanOf(t, "trivy.json", `"`+ours+`"`, ""), matchable(), "no digest", "digest that runs"},
		{"another_digest", vex.FormatOpenVEX, vex.Images, scanOf(t, "trivy.json", "393f", "493f"), matchable(), "no verdict is about", "digest that runs"},
		{"another_vulnerability", vex.FormatOpenVEX, vex.Images, scanOf(t, "trivy.json", "CVE-2023-39325", "CVE-2019-1"), matchable(), "no vulnerability in common", "update"},
		{"another_package", vex.FormatOpenVEX, vex.Images, scanOf(t, "trivy.json", "v0.15.0", "v0.1.0"), matchable()[:1], "no package is", "compare"},
		{"a_folder", vex.FormatOpenVEX, vex.Images, scanOf(t, "trivy.json", "container_image", "filesystem"), matchable(), "not about an image", "trivy image"},
		{"no_verdicts", vex.FormatOpenVEX, vex.Images, scanOf(t, "trivy.json"), nil, "no verdict", "more verdicts"},
	} {
		o := options
		o.Product = tc.product
		_, err := vex.Check(tc.format, tc.verdicts, o, tc.scan)
		e, ok := errors.AsType[*azward.Error](err)
		if !ok || !strings.Contains(e.Cause, tc.cause) || !strings.Contains(e.Remedy, tc.remedy) {
			t.Errorf("%s: %v", tc.name, err)
		}
	}
	clean := scanOf(t, "trivy.json")
	clean.Found = nil
	if _, err := vex.Check(vex.FormatOpenVEX, matchable(), vex.Options{Issued: at, Product: vex.Images}, clean); err != nil {
		t.Errorf("a report without findings has nothing to match: %v", err)
	}
}

func TestDockerHubNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"nginx", "docker.io/library/nginx", "index.docker.io/library/nginx", "library/nginx"} {
		v := verdict("web", [3]azward.Answer{yes, no, yes}, func(v *azward.Verdict) { v.Image = "docker.io/library/nginx@" + digest })
		for _, file := range []string{"trivy.json", "grype.json"} {
			scan := scanOf(t, file, `Digests": ["contoso.azurecr.io/orders/api@`, `Digests": ["`+name+"@")
			if m, err := vex.Check(vex.FormatOpenVEX, []azward.Verdict{v}, vex.Options{Issued: at, Product: vex.Images}, scan); err != nil || m.Hidden != 1 {
				t.Errorf("%s of %s: %v, %v", name, file, m, err)
			}
		}
	}
}

func TestReadScanRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty": "", "no_json": "<html>", "other_json": `{"version":"2.1.0","runs":[]}`, "list": "[]", "cut": `{"matches":[{"vulnerability":{"id":"CVE-1"`,
		"cluster": `{"ClusterName":"prod","Resources":[]}`, "wrong_type": `{"ArtifactName":"a","Metadata":7}`, "twice": `{"matches":[]}{}`,
	} {
		_, err := vex.ReadScan(strings.NewReader(text), "report.json")
		if e, ok := errors.AsType[*azward.Error](err); !ok || e.Kind != azward.KindBadInput || e.Remedy == "" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// FuzzReadScan: whatever a report holds, it is read or refused, and counting
// never finds more than there is.
func FuzzReadScan(f *testing.F) {
	for _, file := range []string{"testdata/trivy.json", "testdata/grype.json"} {
		raw, err := os.ReadFile(file)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(raw)
	}
	f.Add([]byte(`{"ArtifactName":"a","ArtifactType":"container_image","Metadata":{"RepoDigests":["@","a@","@b","a/@sha256:1"]},"Results":[{"Vulnerabilities":[{"PkgIdentifier":{"PURL":"pkg:"}}]}]}`))
	o := options
	o.Product = vex.Images
	f.Fuzz(func(t *testing.T, raw []byte) {
		scan, err := vex.ReadScan(bytes.NewReader(raw), "report.json")
		if err != nil {
			return
		}
		for _, format := range []vex.Format{vex.FormatOpenVEX, vex.FormatCSAF} {
			m, err := vex.Check(format, matchable(), o, scan)
			if m.Stated > m.Findings || m.Hidden > m.Stated || err == nil && m.Stated == 0 && m.Findings > 0 {
				t.Errorf("%s: %v, %v", format, m, err)
			}
		}
	})
}
