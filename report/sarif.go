package report

import (
	"io"
	"net/url"
	"strings"
	"time"

	"github.com/azward/azward"
)

// The part of SARIF 2.1.0 that azward writes. Field names are the standard's.
//
// Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html
type (
	sarifLog[R any] struct {
		Schema  string `json:"$schema"`
		Version string `json:"version"`
		Runs    []R    `json:"runs"`
	}
	sarifVerdicts struct {
		Tool    sarifTool    `json:"tool"`
		Results []sarifFound `json:"results"`
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
// Dismissed verdicts are suppressed.
func SARIF(w io.Writer, verdicts []azward.Verdict, version string) error {
	run := sarifVerdicts{
		Tool: sarifTool{Driver: sarifDriver{
			Name: "azward", Version: version, InformationURI: "https://github.com/azward/azward", Rules: []sarifRule{},
		}},
		Results: []sarifFound{},
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
	return JSON(w, sarifLog[sarifVerdicts]{
		Schema:  "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json",
		Version: "2.1.0", Runs: []sarifVerdicts{run},
	})
}

func ruleOf(v azward.Verdict) sarifRule {
	rule := sarifRule{
		ID: clean(v.Vulnerability), ShortDescription: sarifMessage{plain(v.Finding.Summary)},
		Properties: map[string]any{"tags": []string{"security", "vulnerability"}},
	}
	if rule.ShortDescription.Text == "" {
		rule.ShortDescription.Text = rule.ID
	}
	if strings.HasPrefix(v.Vulnerability, "CVE-") {
		rule.HelpURI = "https://nvd.nist.gov/vuln/detail/" + url.PathEscape(v.Vulnerability)
	}
	if score := securitySeverity(v.Finding.Severity, v.Finding.CVSS); score != "" { // GitHub reads the severity from here
		rule.Properties["security-severity"] = score
	}
	return rule
}

func resultOf(v azward.Verdict, rule int) sarifFound {
	at := url.URL{Path: strings.TrimPrefix(clean(string(v.Workload.ID)), "/")}
	r := sarifFound{sarifResult: sarifResult{
		RuleID: clean(v.Vulnerability), RuleIndex: rule, Level: level(v), Message: sarifMessage{plain(v.Summary)},
		Locations: []sarifLocation{{
			PhysicalLocation: sarifPhysical{sarifArtifact{at.String()}, sarifRegion{1}},
			LogicalLocations: []sarifLogical{{clean(v.Workload.Name), clean(string(v.Workload.ID)), "resource"}},
		}},
		PartialFingerprints: map[string]string{"azwardVerdict/v1": string(v.ID)},
		Properties: map[string]any{
			"exploitable": v.Exploitable, "result": v.Result, "confidence": v.Confidence, "severity": v.Finding.Severity,
			"purl": clean(v.Finding.PURL), "image": clean(v.Image), "kev": v.Finding.KEV, "epss": v.Finding.EPSS,
		},
	}}
	if d := v.Dismissed; d != nil {
		r.Suppressions = []sarifSuppression{{"external", "accepted", clean("dismissed until " + d.Until.UTC().Format(time.DateOnly) + ": " + d.Reason)}}
	}
	return r
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
