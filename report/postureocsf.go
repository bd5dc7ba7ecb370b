package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"iter"
	"strings"
	"time"
)

// The part of OCSF's Compliance Finding (class 2003, profile cloud) that azward
// writes. Field names are the schema's.
//
// Source: https://schema.ocsf.io/1.5.0/classes/compliance_finding?profiles=cloud
type (
	ocsfPosture struct {
		Activity     int                 `json:"activity_id"`
		ActivityName string              `json:"activity_name"`
		Category     int                 `json:"category_uid"`
		CategoryName string              `json:"category_name"`
		Class        int                 `json:"class_uid"`
		ClassName    string              `json:"class_name"`
		Type         int                 `json:"type_uid"`
		TypeName     string              `json:"type_name"`
		Time         int64               `json:"time"` // milliseconds since 1970
		Severity     int                 `json:"severity_id"`
		SeverityName string              `json:"severity"`
		Status       int                 `json:"status_id"`
		StatusName   string              `json:"status"`
		StatusDetail string              `json:"status_detail,omitempty"`
		Comment      string              `json:"comment,omitempty"`
		Message      string              `json:"message"`
		Metadata     ocsfMetadata        `json:"metadata"`
		Cloud        ocsfCloud           `json:"cloud"`
		Info         ocsfInfo            `json:"finding_info"`
		Compliance   ocsfCompliance      `json:"compliance"`
		Resources    []ocsfResource      `json:"resources"`
		Remediation  *ocsfRemediation    `json:"remediation,omitempty"`
		Unmapped     ocsfPostureUnmapped `json:"unmapped"`
	}
	ocsfCompliance struct {
		Control      string   `json:"control"`
		Requirements []string `json:"requirements,omitempty"`
		Standards    []string `json:"standards"`
		Status       string   `json:"status"`
		StatusID     int      `json:"status_id"`
		StatusCode   string   `json:"status_code"` // azward's word
		StatusDetail string   `json:"status_detail,omitempty"`
	}
	// ocsfPostureUnmapped is what OCSF has no field for.
	ocsfPostureUnmapped struct {
		Engine      string              `json:"engine,omitempty"`
		Category    string              `json:"category,omitempty"`
		Effect      string              `json:"effect,omitempty"`
		Assignment  string              `json:"assignment,omitempty"`
		Exposed     string              `json:"exposed,omitempty"`
		Blast       int                 `json:"blast,omitempty"`
		Comparisons []PostureComparison `json:"comparisons,omitempty"`
	}
)

// PostureOCSF writes results as events of OCSF's class Compliance Finding, one
// JSON object a line. What is unknown is a Warning, which OCSF defines as no
// result for want of information; what is exempt or suppressed is a suppressed
// finding with the result that it would have.
//
// Source: https://schema.ocsf.io/1.5.0/classes/compliance_finding
func PostureOCSF(w io.Writer, results iter.Seq[Posture], at time.Time, version string) error {
	enc := json.NewEncoder(w)
	for p := range results {
		if err := enc.Encode(p.ocsf(at, version)); err != nil {
			return fmt.Errorf("write OCSF event of %s on %s: %w", p.Rule, p.Resource, err)
		}
	}
	return nil
}

func (p Posture) ocsf(at time.Time, version string) ocsfPosture {
	severity, severityName := ocsfSeverity(p.Severity)
	uid := strings.Join([]string{p.Rule, string(p.Resource.Key())}, " ")
	if p.Assignment != "" {
		uid += " " + string(p.Assignment.Key())
	}
	uid = clean(uid)
	e := ocsfPosture{
		Activity: 1, ActivityName: "Create", Category: 2, CategoryName: "Findings", Class: 2003, ClassName: "Compliance Finding",
		Type: 200301, TypeName: "Compliance Finding: Create", Time: millis(at), Severity: severity, SeverityName: severityName,
		Status: 1, StatusName: "New", Message: p.words(),
		Metadata:   ocsfMetadata{ocsfVersion, ocsfProduct{"azward", "azward", version}, []string{"cloud"}, fmt.Sprintf("%s@%d", uid, millis(at))},
		Cloud:      ocsfCloud{Provider: "Azure"},
		Info:       ocsfInfo{UID: uid, Title: clean(p.Title), Desc: p.words(), Types: []string{clean(cmp.Or(p.Engine, "azward"))}, Created: millis(at)},
		Compliance: p.ocsfCompliance(),
		Resources:  []ocsfResource{{UID: clean(string(p.Resource)), Name: clean(p.Resource.Name()), Type: clean(p.Type)}},
		Unmapped: ocsfPostureUnmapped{
			Engine: p.Engine, Category: clean(p.Category), Effect: clean(p.Effect), Assignment: clean(string(p.Assignment)), Exposed: p.exposed(),
			Blast: p.Rank.Blast, Comparisons: p.Comparisons,
		},
	}
	if id := p.Resource.Subscription(); id != "" {
		e.Cloud.Account = &ocsfAccount{clean(string(id)), 13, "Azure Subscription"}
	}
	if p.Remedy.CLI != "" {
		e.Remediation = &ocsfRemediation{clean(p.Remedy.CLI)}
	}
	switch {
	case p.Suppressed != nil:
		e.Status, e.StatusName, e.Comment = 3, "Suppressed", clean(p.Suppressed.Reason)
		e.StatusDetail = "suppressed until " + p.Suppressed.Expires.UTC().Format(time.DateOnly)
	case p.Result == "exempt":
		e.Status, e.StatusName, e.StatusDetail = 3, "Suppressed", "exempt"
	}
	return e
}

func (p Posture) ocsfCompliance() ocsfCompliance {
	c := ocsfCompliance{Control: clean(cmp.Or(p.Title, p.Rule)), Standards: []string{}, StatusCode: clean(p.Result), StatusDetail: clean(p.Reason)}
	for _, f := range p.Frameworks {
		name, _, _ := strings.Cut(f, ": ")
		if name = clean(name); len(c.Standards) == 0 || c.Standards[len(c.Standards)-1] != name {
			c.Standards = append(c.Standards, name)
		}
		c.Requirements = append(c.Requirements, clean(f))
	}
	if len(c.Standards) == 0 {
		c.Standards = append(c.Standards, "azward")
	}
	result := p.Result
	if p.Suppressed != nil {
		result = p.Suppressed.Was
	}
	switch result {
	case "pass":
		c.StatusID, c.Status = 1, "Pass"
	case "fail", "exempt":
		c.StatusID, c.Status = 3, "Fail"
	default:
		c.StatusID, c.Status = 2, "Warning"
	}
	return c
}
