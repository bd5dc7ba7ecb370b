package vex_test

import (
	"bytes"
	"flag"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/azward/azward"
	"github.com/azward/azward/vex"
)

var update = flag.Bool("update", false, "write the golden files")

const (
	group  = "/subscriptions/00000000-0000-0000-0000-000000000001/resourceGroups/rg"
	digest = "sha256:393f199bfab2a6877b439f0e35de2b6f22515b2761d4efb719a0b6d5a3d1e0c4"
	image  = "contoso.azurecr.io/orders/api@" + digest

	yes, no, unknown = azward.Yes, azward.No, azward.Unknown
)

var at = time.Date(2026, 11, 20, 9, 0, 0, 0, time.UTC)

// verdict is one of a container app, decided by whether the image is deployed,
// affected and reachable.
func verdict(name string, answers [3]azward.Answer, change ...func(*azward.Verdict)) azward.Verdict {
	v := azward.Verdict{
		Exploitable: azward.All(answers[:]...), Vulnerability: "CVE-2023-39325", Summary: "the sentence of " + name,
		Workload: azward.Workload{ID: azward.ResourceID(group + "/providers/Microsoft.App/containerApps/" + name), Kind: azward.ContainerApp, Name: name},
		Image:    image, DecidedAt: at, Confidence: azward.ConfidenceHigh,
		Finding: azward.Finding{
			ID: "CVE-2023-39325", Aliases: []string{"GHSA-4374-p667-p6c8", "GO-2023-2102"}, PURL: "pkg:golang/golang.org/x/net@v0.15.0", Summary: "HTTP/2 rapid reset",
			Affected: yes, Severity: azward.SeverityHigh, CVSS: 7.5, Vector: "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:N/I:N/A:H", FixedIn: []string{"0.17.0"},
		},
	}
	v.Result = map[azward.Answer]azward.Result{yes: azward.Exploitable, no: azward.NotExploitable, unknown: azward.Undecided}[v.Exploitable]
	for i, c := range []azward.ConditionID{azward.Deployed, azward.Affected, azward.Reachable} {
		v.Conditions = append(v.Conditions, azward.Condition{ID: c, Answer: answers[i]})
	}
	for _, f := range change {
		f(&v)
	}
	v.ID = azward.NewVerdictID(v.Workload.ID, v.Image, v.Vulnerability, v.Finding.PURL)
	return v
}

func pack(purl string) func(*azward.Verdict) {
	return func(v *azward.Verdict) { v.Finding.PURL = purl }
}

// verdicts has one of each position that VEX knows, by name of the workload.
func verdicts() []azward.Verdict {
	return []azward.Verdict{
		verdict("exploitable", [3]azward.Answer{yes, yes, yes}),
		verdict("conditional", [3]azward.Answer{yes, yes, yes}, func(v *azward.Verdict) {
			v.Result, v.Prerequisites = azward.Conditional, []azward.Prerequisite{azward.TenantSignIn, azward.AppAccount}
		}),
		verdict("no-fix", [3]azward.Answer{yes, yes, yes}, func(v *azward.Verdict) { v.Finding.FixedIn = nil }),
		verdict("declined", [3]azward.Answer{yes, yes, yes}, func(v *azward.Verdict) {
			v.Finding.FixedIn, v.Finding.FixState, v.Vulnerability, v.Finding.Aliases = nil, azward.WillNotFix, "DSA-5122-1", nil
		}),
		verdict("no-path", [3]azward.Answer{yes, yes, no}),
		verdict("kernel", [3]azward.Answer{yes, no, yes}, pack("pkg:deb/debian/linux-libc-dev@2:6.1.55-1?arch=amd64&distro=debian-12")),
		verdict("not-affected", [3]azward.Answer{yes, no, yes}, func(v *azward.Verdict) { v.Finding.Affected = no }),
		verdict("stopped", [3]azward.Answer{no, yes, yes}, func(v *azward.Verdict) { v.Result = azward.Dormant }),
		verdict("another-digest", [3]azward.Answer{no, yes, yes}),
		verdict("undecided", [3]azward.Answer{yes, yes, unknown}),
		verdict("stale", [3]azward.Answer{yes, yes, yes}, func(v *azward.Verdict) { v.Stale = true }),
		verdict("dismissed", [3]azward.Answer{yes, yes, yes}, func(v *azward.Verdict) {
			v.Dismissed = &azward.Dismissal{By: "erika@contoso.example", Reason: "ticket 4711", At: at, Until: at.AddDate(0, 1, 0)}
		}),
		verdict("by-tag", [3]azward.Answer{yes, yes, yes}, func(v *azward.Verdict) { v.Image = "contoso.azurecr.io/orders/api:1.4" }),
	}
}

var options = vex.Options{Author: "Contoso", Namespace: "https://contoso.example", Issued: at, Version: "1.2.3"}

type format struct {
	name, schema string
	write        func(io.Writer, []azward.Verdict, vex.Options) error
}

func formats() []format {
	return []format{
		{"openvex", "https://github.com/openvex/spec/openvex_json_schema_0.2.0.json", vex.OpenVEX},
		{"csaf", "https://docs.oasis-open.org/csaf/csaf/v2.0/csaf_json_schema.json", vex.CSAF},
		{"cdx", "http://cyclonedx.org/schema/bom-1.6.schema.json", vex.CycloneDX},
	}
}

// written is the document, valid by its schema.
func written(t *testing.T, f format, verdicts []azward.Verdict, o vex.Options) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := f.write(&b, verdicts, o); err != nil {
		t.Fatalf("%s: %v", f.name, err)
	}
	doc, err := jsonschema.UnmarshalJSON(bytes.NewReader(b.Bytes()))
	if err != nil {
		t.Fatalf("%s: %v", f.name, err)
	}
	if err := schema(t, f.schema).Validate(doc); err != nil {
		t.Fatalf("%s: %v", f.name, err)
	}
	return b.Bytes()
}

func schema(t *testing.T, name string) *jsonschema.Schema {
	t.Helper()
	c := jsonschema.NewCompiler()
	for url, file := range map[string]string{
		"https://github.com/openvex/spec/openvex_json_schema_0.2.0.json":   "testdata/schema/openvex-0.2.0.schema.json",
		"https://docs.oasis-open.org/csaf/csaf/v2.0/csaf_json_schema.json": "testdata/schema/csaf-2.0.schema.json",
		"https://www.first.org/cvss/cvss-v2.0.json":                        "testdata/schema/cvss-v2.0.json",
		"https://www.first.org/cvss/cvss-v3.0.json":                        "testdata/schema/cvss-v3.0.json",
		"https://www.first.org/cvss/cvss-v3.1.json":                        "testdata/schema/cvss-v3.1.json",
		"http://cyclonedx.org/schema/bom-1.6.schema.json":                  "../sbom/testdata/schema/bom-1.6.schema.json",
		"http://cyclonedx.org/schema/spdx.schema.json":                     "../sbom/testdata/schema/spdx.schema.json",
		"http://cyclonedx.org/schema/jsf-0.82.schema.json":                 "../sbom/testdata/schema/jsf-0.82.schema.json",
	} {
		raw, err := os.ReadFile(file)
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

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name)
	if *update {
		if err := os.WriteFile(file, got, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("%s (-want +got):\n%s", name, diff)
	}
}

// TestDocuments: every format is valid by its schema, the same when it is
// written again, and as it was.
func TestDocuments(t *testing.T) {
	t.Parallel()
	asserted, images := options, options
	asserted.AssertNotAffected = true
	images.Product = vex.Images
	for _, f := range formats() {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			for name, o := range map[string]vex.Options{"deployments": options, "asserted": asserted, "images": images} {
				got := written(t, f, verdicts(), o)
				if again := written(t, f, verdicts(), o); !bytes.Equal(got, again) {
					t.Errorf("%s: written twice, the document differs", name)
				}
				golden(t, name+"."+f.name+".json", got)
				if strings.Contains(string(got), "inline_mitigations_already_exist") || strings.Contains(string(got), "erika@") {
					t.Errorf("%s says what it never may", name)
				}
			}
		})
	}
}

// TestHostileNames: what other people named cannot break a document, move a
// cursor or open a tag.
func TestHostileNames(t *testing.T) {
	t.Parallel()
	hostile := "x\x1b[2J\r\n\u202egnp\"<script>alert(1)</script><!--=1+1"
	v := verdict("hostile", [3]azward.Answer{yes, yes, no}, func(v *azward.Verdict) {
		v.Summary, v.Workload.Name, v.Image, v.Vulnerability = hostile, hostile, hostile+"/"+hostile+"@"+digest, hostile
		v.Finding.PURL, v.Finding.Summary, v.Finding.Aliases, v.Finding.Vector = "pkg:npm/"+hostile+"@1", hostile, []string{hostile + "2", "", hostile + "2"}, "CVSS:3.1/"+hostile
		v.Workload.ID = azward.ResourceID(group + "/providers/Microsoft.App/containerApps/" + hostile)
		v.Dismissed = &azward.Dismissal{Reason: hostile, Until: at}
	})
	nameless := verdict("", [3]azward.Answer{yes, yes, yes}, pack(""), func(v *azward.Verdict) { v.Image, v.Summary, v.DecidedAt = "", "", time.Time{} })
	o := options
	o.AssertNotAffected, o.Author = true, hostile
	for _, f := range formats() {
		got := string(written(t, f, []azward.Verdict{v, nameless}, o))
		for _, bad := range []string{"\x1b", "\u202e", "<script", "<!--", `\u003cscript`, `\u001b`, `\r`} {
			if strings.Contains(got, bad) {
				t.Errorf("%s passes %q on", f.name, bad)
			}
		}
	}
}
