package report

import (
	"fmt"
	"io"
	"strings"

	"github.com/azward/azward"
)

// The part of SARIF 2.1.0 that azward writes. Field names are the standard's.
//
// Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
type (
	sarifLog struct {
		Schema  string     `json:"$schema"`
		Version string     `json:"version"`
		Runs    []sarifRun `json:"runs"`
	}
	sarifRun struct {
		Tool    sarifTool     `json:"tool"`
		Results []sarifResult `json:"results"`
	}
	sarifTool struct {
		Driver sarifDriver `json:"driver"`
	}
	sarifDriver struct {
		Name           string      `json:"name"`
		Version        string      `json:"version,omitempty"`
		InformationURI string      `json:"informationUri"`
		Rules          []sarifRule `json:"rules"`
	}
	sarifRule struct {
		ID               string         `json:"id"`
		ShortDescription sarifMessage   `json:"shortDescription"`
		HelpURI          string         `json:"helpUri,omitempty"`
		Properties       map[string]any `json:"properties,omitempty"`
	}
	sarifMessage struct {
		Text string `json:"text"`
	}
	sarifResult struct {
		RuleID              string            `json:"ruleId"`
		RuleIndex           int               `json:"ruleIndex"`
		Level               string            `json:"level"`
		Message             sarifMessage      `json:"message"`
		Locations           []sarifLocation   `json:"locations"`
		PartialFingerprints map[string]string `json:"partialFingerprints"`
		Properties          map[string]any    `json:"properties"`
	}
	sarifLocation struct {
		PhysicalLocation sarifPhysical  `json:"physicalLocation"`
		LogicalLocations []sarifLogical `json:"logicalLocations"`
	}
	sarifPhysical struct {
		ArtifactLocation sarifArtifact `json:"artifactLocation"`
		Region           sarifRegion   `json:"region"`
	}
	sarifArtifact struct {
		URI string `json:"uri"`
	}
	sarifRegion struct {
		StartLine int `json:"startLine"`
	}
	sarifLogical struct {
		Name               string `json:"name"`
		FullyQualifiedName string `json:"fullyQualifiedName"`
		Kind               string `json:"kind"`
	}
)

// SARIF writes the verdicts as a SARIF 2.1.0 log, one result each. Exploitable
// verdicts are errors, conditional and unknown ones warnings and the rest notes, so that a code
// scanning gate fails on what is proven. A result lies where its workload is:
// code scanning wants a file, so the workload's ID serves as a relative path.
func SARIF(w io.Writer, verdicts []azward.Verdict, version string) error {
	run := sarifRun{
		Tool: sarifTool{Driver: sarifDriver{
			Name: "azward", Version: version, InformationURI: "https://github.com/azward/azward", Rules: []sarifRule{},
		}},
		Results: []sarifResult{},
	}
	ruleAt := map[string]int{}
	for _, v := range verdicts {
		at, ok := ruleAt[v.Vulnerability]
		if !ok {
			at = len(run.Tool.Driver.Rules)
			ruleAt[v.Vulnerability] = at
			run.Tool.Driver.Rules = append(run.Tool.Driver.Rules, ruleOf(v))
		}
		run.Results = append(run.Results, resultOf(v, at))
	}
	return JSON(w, sarifLog{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0", Runs: []sarifRun{run},
	})
}

func ruleOf(v azward.Verdict) sarifRule {
	rule := sarifRule{
		ID: v.Vulnerability, ShortDescription: sarifMessage{v.Finding.Summary},
		Properties: map[string]any{"tags": []string{"security", "vulnerability"}},
	}
	if rule.ShortDescription.Text == "" {
		rule.ShortDescription.Text = v.Vulnerability
	}
	if strings.HasPrefix(v.Vulnerability, "CVE-") {
		rule.HelpURI = "https://nvd.nist.gov/vuln/detail/" + v.Vulnerability
	}
	if v.Finding.CVSS > 0 { // GitHub reads the severity from here
		rule.Properties["security-severity"] = fmt.Sprintf("%.1f", v.Finding.CVSS)
	}
	return rule
}

func resultOf(v azward.Verdict, rule int) sarifResult {
	return sarifResult{
		RuleID: v.Vulnerability, RuleIndex: rule, Level: level(v), Message: sarifMessage{v.Summary},
		Locations: []sarifLocation{{
			PhysicalLocation: sarifPhysical{sarifArtifact{strings.TrimPrefix(string(v.Workload.ID), "/")}, sarifRegion{1}},
			LogicalLocations: []sarifLogical{{v.Workload.Name, string(v.Workload.ID), "resource"}},
		}},
		PartialFingerprints: map[string]string{"azwardVerdict/v1": string(v.ID)},
		Properties: map[string]any{
			"exploitable": v.Exploitable, "result": v.Result, "confidence": v.Confidence, "severity": v.Finding.Severity,
			"purl": v.Finding.PURL, "image": v.Image, "kev": v.Finding.KEV, "epss": v.Finding.EPSS,
		},
	}
}

func level(v azward.Verdict) string {
	switch v.Result {
	case azward.Exploitable:
		return "error"
	case azward.Dormant, azward.NotExploitable:
		return "note"
	default:
		return "warning"
	}
}
