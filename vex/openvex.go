// Package vex says verdicts in VEX, for the scanners and dashboards that read
// it. [OpenVEX] writes one document.
//
// A statement holds for one environment, so its product is the deployment and
// the image beneath it is a component of that product: a scanner of the bare
// image is not told that a package is harmless because one cluster shields it.
package vex

import (
	"bytes"
	"fmt"
	"net/url"
	"strings"
	"time"

	"github.com/openvex/go-vex/pkg/vex"

	"github.com/azward/azward"
)

// Options of a VEX document.
type Options struct {
	// Author of the document; "azward" when empty.
	Author string
	// Issued is the document's time; required, since nothing here has a clock.
	Issued time.Time
	// AssertNotAffected states workloads without a way in as not affected
	// (vulnerable_code_cannot_be_controlled_by_adversary). Without it they stay
	// affected and the statement says what blocks them: a network block is a
	// property of today's configuration, not of the product.
	AssertNotAffected bool
}

// OpenVEX writes the verdicts as an OpenVEX 0.2.0 document, one statement
// each, in the order given.
//
// Source: https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md
func OpenVEX(verdicts []azward.Verdict, o Options) ([]byte, error) {
	issued := o.Issued.UTC()
	doc := vex.VEX{Metadata: vex.Metadata{
		Context: vex.ContextLocator(), Author: o.Author, Timestamp: &issued, Version: 1, Tooling: "azward",
	}}
	if doc.Author == "" {
		doc.Author = "azward"
	}
	for _, v := range verdicts {
		s := statement(v, o)
		if err := s.Validate(); err != nil {
			return nil, fmt.Errorf("state verdict %s as OpenVEX: %w", v.ID, err)
		}
		doc.Statements = append(doc.Statements, s)
	}
	if doc.Statements == nil {
		doc.Statements = []vex.Statement{}
	}
	if _, err := doc.GenerateCanonicalID(); err != nil {
		return nil, fmt.Errorf("name OpenVEX document: %w", err)
	}
	var out bytes.Buffer
	if err := doc.ToJSON(&out); err != nil {
		return nil, fmt.Errorf("encode OpenVEX document: %w", err)
	}
	return out.Bytes(), nil
}

func statement(v azward.Verdict, o Options) vex.Statement {
	decided := v.DecidedAt.UTC()
	s := vex.Statement{
		ID:            "urn:azward:verdict:" + string(v.ID),
		Vulnerability: vex.Vulnerability{ID: vulnerabilityURL(v.Vulnerability), Name: vex.VulnerabilityID(v.Vulnerability)},
		Products:      []vex.Product{product(v)},
		StatusNotes:   v.Summary,
	}
	if !decided.IsZero() {
		s.Timestamp = &decided
	}
	for _, alias := range v.Finding.Aliases {
		s.Vulnerability.Aliases = append(s.Vulnerability.Aliases, vex.VulnerabilityID(alias))
	}
	switch {
	case v.Exploitable == azward.Yes:
		s.Status, s.ActionStatement = vex.StatusAffected, action(v)
	case v.Exploitable == azward.Unknown:
		s.Status = vex.StatusUnderInvestigation
	case answerOf(v, azward.Affected) == azward.No && v.Finding.Affected != azward.No: // the version is, but its code does not run here
		s.Status, s.Justification = vex.StatusNotAffected, vex.VulnerableCodeNotInExecutePath
	case answerOf(v, azward.Affected) == azward.No:
		s.Status, s.Justification = vex.StatusNotAffected, vex.VulnerableCodeNotPresent
	case answerOf(v, azward.Reachable) == azward.No && o.AssertNotAffected:
		s.Status, s.Justification = vex.StatusNotAffected, vex.VulnerableCodeCannotBeControlledByAdversary
		s.ImpactStatement = v.Summary
	case answerOf(v, azward.Reachable) == azward.No:
		s.Status, s.ActionStatement = vex.StatusAffected, "blocked today, not fixed: "+v.Summary
	default: // does not run now; it may again without anybody deploying it
		s.Status = vex.StatusUnderInvestigation
	}
	return s
}

// action tells what to do about an exploitable verdict.
func action(v azward.Verdict) string {
	if len(v.Finding.FixedIn) > 0 {
		return fmt.Sprintf("update %s to %s", v.Finding.PURL, strings.Join(v.Finding.FixedIn, " or "))
	}
	return "no fixed version is published; close the path: " + v.Summary
}

func answerOf(v azward.Verdict, id azward.ConditionID) azward.Answer {
	for _, c := range v.Conditions {
		if c.ID == id {
			return c.Answer
		}
	}
	return azward.Unknown
}

// product names the deployment by its ARM URL, and beneath it the package by
// purl with the image's digest as a hash.
func product(v azward.Verdict) vex.Product {
	p := vex.Product{Component: vex.Component{ID: "https://management.azure.com" + string(v.Workload.ID)}}
	if oci := ociPURL(v.Image); oci != "" {
		p.Subcomponents = append(p.Subcomponents, vex.Subcomponent{Component: vex.Component{
			ID: oci, Identifiers: map[vex.IdentifierType]string{vex.PURL: oci},
		}})
	}
	p.Subcomponents = append(p.Subcomponents, vex.Subcomponent{Component: vex.Component{
		ID: v.Finding.PURL, Identifiers: map[vex.IdentifierType]string{vex.PURL: v.Finding.PURL},
	}})
	return p
}

// ociPURL writes "registry/repository@sha256:…" as a purl of type oci, "" when
// the image is not named by digest.
//
// Source: https://github.com/package-url/purl-spec (oci definition)
func ociPURL(image string) string {
	repository, digest, ok := strings.Cut(image, "@")
	if !ok {
		return ""
	}
	name := repository[strings.LastIndexByte(repository, '/')+1:]
	return "pkg:oci/" + strings.ToLower(name) + "@" + url.QueryEscape(digest) + "?repository_url=" + url.QueryEscape(repository)
}

func vulnerabilityURL(id string) string {
	switch {
	case strings.HasPrefix(id, "CVE-"):
		return "https://nvd.nist.gov/vuln/detail/" + id
	default:
		return "https://osv.dev/vulnerability/" + url.PathEscape(id)
	}
}
