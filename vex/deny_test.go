package vex_test

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/vex"
)

const (
	cartDigest  = "sha256:5555555555555555555555555555555555555555555555555555555555555555"
	otherDigest = "sha256:6666666666666666666666666666666666666666666666666666666666666666"
)

// openVEX is a document of statements, each a JSON object.
func openVEX(statements ...string) string {
	return `{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.com/vex-1","author":"team","timestamp":"2026-01-02T00:00:00Z","version":1,"statements":[` +
		strings.Join(statements, ",") + `]}`
}

func notAffected(products string) string {
	return `{"vulnerability":{"name":"CVE-2021-44228"},"products":[` + products + `],"status":"not_affected","justification":"vulnerable_code_not_present"}`
}

func TestDenials(t *testing.T) {
	t.Parallel()
	const log4j = "pkg:maven/org.apache.logging.log4j/log4j-core"
	component := func(id string) string { return fmt.Sprintf(`{"@id":%q}`, id) }
	within := func(id, part string) string {
		return fmt.Sprintf(`{"@id":%q,"subcomponents":[{"@id":%q}]}`, id, part)
	}
	for name, tc := range map[string]struct {
		statements []string
		want       string
	}{
		"package_of_any_version":      {[]string{notAffected(component(log4j))}, "vulnerable_code_not_present"},
		"package_of_the_version":      {[]string{notAffected(component(log4j + "@2.14.1"))}, "vulnerable_code_not_present"},
		"package_of_another_version":  {[]string{notAffected(component(log4j + "@2.13.0"))}, ""},
		"image_by_digest":             {[]string{notAffected(component("pkg:oci/cart@" + strings.ReplaceAll(cartDigest, ":", "%3A")))}, "vulnerable_code_not_present"},
		"image_by_digest_elsewhere":   {[]string{notAffected(component("pkg:oci/cart@" + cartDigest + "?repository_url=mirror.contoso.com/x/cart"))}, "vulnerable_code_not_present"},
		"image_by_its_hash":           {[]string{notAffected(`{"hashes":{"sha-256":"` + cartDigest[7:] + `"}}`)}, "vulnerable_code_not_present"},
		"image_by_identifier":         {[]string{notAffected(`{"@id":"https://contoso.com/cart","identifiers":{"purl":"pkg:oci/cart@` + cartDigest + `"}}`)}, "vulnerable_code_not_present"},
		"image_by_reference":          {[]string{notAffected(component("contoso.azurecr.io/shop/cart:1.4"))}, "vulnerable_code_not_present"},
		"image_by_repository":         {[]string{notAffected(component("pkg:oci/cart?repository_url=contoso.azurecr.io/shop"))}, "vulnerable_code_not_present"},
		"image_by_full_repository":    {[]string{notAffected(component("pkg:oci/cart?repository_url=contoso.azurecr.io/shop/cart"))}, "vulnerable_code_not_present"},
		"image_by_name_alone":         {[]string{notAffected(component("pkg:oci/cart"))}, ""},
		"another_image":               {[]string{notAffected(component("pkg:oci/cart@" + otherDigest))}, ""},
		"another_tag":                 {[]string{notAffected(component("contoso.azurecr.io/shop/cart:1.5"))}, ""},
		"another_repository":          {[]string{notAffected(component("pkg:oci/cart?repository_url=evil.example/shop"))}, ""},
		"part_of_the_image":           {[]string{notAffected(within("pkg:oci/cart@"+cartDigest, log4j))}, "vulnerable_code_not_present"},
		"another_part":                {[]string{notAffected(within("pkg:oci/cart@"+cartDigest, "pkg:npm/lodash"))}, ""},
		"part_of_another_image":       {[]string{notAffected(within("pkg:oci/cart@"+otherDigest, log4j))}, ""},
		"package_that_has_a_part":     {[]string{notAffected(within(log4j, "pkg:npm/lodash"))}, ""},
		"no_product":                  {[]string{notAffected("")}, ""},
		"by_an_alias_of_the_finding":  {[]string{strings.Replace(notAffected(component(log4j)), "CVE-2021-44228", "ghsa-jfh8-c2jp-5v3q", 1)}, "vulnerable_code_not_present"},
		"by_an_alias_of_the_document": {[]string{strings.Replace(notAffected(component(log4j)), `"name":"CVE-2021-44228"`, `"name":"X-1","aliases":["CVE-2021-44228"]`, 1)}, "vulnerable_code_not_present"},
		"another_vulnerability":       {[]string{strings.Replace(notAffected(component(log4j)), "44228", "44229", 1)}, ""},
		"impact_statement":            {[]string{strings.Replace(notAffected(component(log4j)), `"justification":"vulnerable_code_not_present"`, `"impact_statement":"not\u001b[31m loaded"`, 1)}, "not\uFFFD[31m loaded"},
		"fixed":                       {[]string{strings.Replace(notAffected(component(log4j)), "not_affected", "fixed", 1)}, "fixed, as the document says"},
		"affected":                    {[]string{strings.Replace(notAffected(component(log4j)), "not_affected", "affected", 1)}, ""},
		"later_affected": {[]string{
			notAffected(component(log4j)), strings.Replace(strings.Replace(notAffected(component(log4j)), "not_affected", "affected", 1), `"status"`, `"timestamp":"2026-02-01T00:00:00Z","status"`, 1),
		}, ""},
		"earlier_affected": {[]string{
			strings.Replace(strings.Replace(notAffected(component(log4j)), "not_affected", "under_investigation", 1), `"status"`, `"timestamp":"2025-02-01T00:00:00Z","status"`, 1), notAffected(component(log4j)),
		}, "vulnerable_code_not_present"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d vex.Denials
			if err := d.Read(strings.NewReader(openVEX(tc.statements...)), "team.json"); err != nil {
				t.Fatal(err)
			}
			got, denied := d.Of(
				vex.Image{Reference: "contoso.azurecr.io/shop/cart:1.4", Digests: []azward.Digest{cartDigest}},
				azward.Package{PURL: log4j + "@2.14.1", Name: "org.apache.logging.log4j:log4j-core", Version: "2.14.1"},
				azward.Finding{ID: "CVE-2021-44228", Aliases: []string{"GHSA-jfh8-c2jp-5v3q"}},
			)
			if got.Reason != tc.want || denied != (tc.want != "") || denied && got.Document != "team.json" {
				t.Errorf("%+v, %v", got, denied)
			}
		})
	}
}

// What is no OpenVEX document denies nothing, and is told.
func TestDenials_refused(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"empty":              "",
		"html":               "<html>",
		"cut":                openVEX(notAffected(`{"@id":"pkg:npm/a"}`))[:150],
		"other_format":       `{"bomFormat":"CycloneDX","statements":[]}`,
		"no_reason":          openVEX(`{"vulnerability":{"name":"CVE-1-1"},"products":[{"@id":"pkg:npm/a"}],"status":"not_affected"}`),
		"no_such_status":     openVEX(`{"vulnerability":{"name":"CVE-1-1"},"products":[{"@id":"pkg:npm/a"}],"status":"fine"}`),
		"no_vulnerability":   openVEX(`{"products":[{"@id":"pkg:npm/a"}],"status":"fixed"}`),
		"statements_no_list": `{"@context":"https://openvex.dev/ns/v0.2.0","statements":{}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var d vex.Denials
			if err := d.Read(strings.NewReader(text), "team.json"); azward.KindOf(err) != azward.KindBadInput || !strings.Contains(err.Error(), "team.json") {
				t.Errorf("%v", err)
			}
		})
	}
}

// FuzzDenials: what a document denies, it denies for a reason; and nothing of
// an image and package that it does not name.
func FuzzDenials(f *testing.F) {
	f.Add([]byte(openVEX(notAffected(`{"@id":"pkg:npm/a"}`))))
	f.Add([]byte(openVEX(notAffected(`{"@id":"pkg:oci/cart@` + cartDigest + `","subcomponents":[{"@id":"pkg:npm/a"}]}`))))
	f.Fuzz(func(t *testing.T, data []byte) {
		var d vex.Denials
		if d.Read(bytes.NewReader(data), "f") != nil {
			return
		}
		for _, image := range []vex.Image{{}, {Reference: "r.example/cart:1", Digests: []azward.Digest{cartDigest}}} {
			for _, purl := range []string{"", "pkg:npm/a@1"} {
				got, denied := d.Of(image, azward.Package{PURL: purl}, azward.Finding{ID: "CVE-2021-44228"})
				if denied != (got.Reason != "") || denied && purl == "" && image.Reference == "" {
					t.Errorf("%+v", got)
				}
			}
		}
	})
}
