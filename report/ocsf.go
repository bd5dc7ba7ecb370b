package report

import (
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	packageurl "github.com/package-url/packageurl-go"

	"github.com/azward/azward"
)

// ocsfVersion is the schema that events say to follow. Lakes and SIEMs read
// older classes of findings by the same names.
const ocsfVersion = "1.5.0"

// The part of OCSF's Vulnerability Finding (class 2002, profile cloud) that
// azward writes. Field names are the schema's.
//
// Source: https://schema.ocsf.io/1.5.0/classes/vulnerability_finding?profiles=cloud
type (
	ocsfEvent struct {
		Activity        int                 `json:"activity_id"`
		ActivityName    string              `json:"activity_name"`
		Category        int                 `json:"category_uid"`
		CategoryName    string              `json:"category_name"`
		Class           int                 `json:"class_uid"`
		ClassName       string              `json:"class_name"`
		Type            int                 `json:"type_uid"`
		TypeName        string              `json:"type_name"`
		Time            int64               `json:"time"` // milliseconds since 1970
		Severity        int                 `json:"severity_id"`
		SeverityName    string              `json:"severity"`
		Confidence      int                 `json:"confidence_id"`
		ConfidenceName  string              `json:"confidence"`
		Status          int                 `json:"status_id"`
		StatusName      string              `json:"status"`
		StatusDetail    string              `json:"status_detail,omitempty"`
		Comment         string              `json:"comment,omitempty"`
		Message         string              `json:"message"`
		Metadata        ocsfMetadata        `json:"metadata"`
		Cloud           ocsfCloud           `json:"cloud"`
		Info            ocsfInfo            `json:"finding_info"`
		Resources       []ocsfResource      `json:"resources"`
		Vulnerabilities []ocsfVulnerability `json:"vulnerabilities"`
		Unmapped        ocsfUnmapped        `json:"unmapped"`
	}
	ocsfMetadata struct {
		Version  string      `json:"version"`
		Product  ocsfProduct `json:"product"`
		Profiles []string    `json:"profiles"`
		UID      string      `json:"uid"` // of the event: verdict and time
	}
	ocsfProduct struct {
		Name    string `json:"name"`
		Vendor  string `json:"vendor_name"`
		Version string `json:"version,omitempty"`
	}
	ocsfCloud struct {
		Provider string       `json:"provider"`
		Account  *ocsfAccount `json:"account,omitempty"`
	}
	ocsfAccount struct {
		UID    string `json:"uid"`
		TypeID int    `json:"type_id"`
		Type   string `json:"type"`
	}
	ocsfInfo struct {
		UID     string   `json:"uid"`
		Title   string   `json:"title"`
		Desc    string   `json:"desc"`
		Types   []string `json:"types"`
		Created int64    `json:"created_time"`
	}
	ocsfResource struct {
		UID         string `json:"uid"`
		Name        string `json:"name,omitempty"`
		Type        string `json:"type"`
		Criticality string `json:"criticality,omitempty"`
	}
	ocsfVulnerability struct {
		CVE         *ocsfCVE         `json:"cve,omitempty"`
		Advisory    *ocsfAdvisory    `json:"advisory,omitempty"`
		Title       string           `json:"title"`
		Severity    string           `json:"severity"`
		Packages    []ocsfPackage    `json:"affected_packages,omitempty"`
		Exploited   bool             `json:"is_exploit_available,omitempty"`
		Fixable     bool             `json:"is_fix_available"`
		References  []string         `json:"references"`
		Related     []string         `json:"related_vulnerabilities,omitempty"`
		Remediation *ocsfRemediation `json:"remediation,omitempty"`
	}
	ocsfCVE struct {
		UID  string     `json:"uid"`
		CVSS []ocsfCVSS `json:"cvss,omitempty"`
		EPSS *ocsfEPSS  `json:"epss,omitempty"`
	}
	ocsfCVSS struct {
		Score   float64 `json:"base_score"`
		Version string  `json:"version"`
		Vector  string  `json:"vector_string"`
	}
	ocsfEPSS struct {
		Score      string  `json:"score"`
		Percentile float64 `json:"percentile,omitempty"`
	}
	ocsfAdvisory struct {
		UID string `json:"uid"`
	}
	ocsfPackage struct {
		Name    string `json:"name"`
		Version string `json:"version"`
		PURL    string `json:"purl"`
		Fixed   string `json:"fixed_in_version,omitempty"`
	}
	ocsfRemediation struct {
		Desc string `json:"desc"`
	}
	// ocsfUnmapped is what OCSF has no field for.
	ocsfUnmapped struct {
		Result        azward.Result         `json:"result"`
		Exploitable   azward.Answer         `json:"exploitable"`
		Prerequisites []azward.Prerequisite `json:"prerequisites,omitempty"`
		Reach         string                `json:"reach,omitempty"`
		Blast         int                   `json:"blast"`
		SSVC          string                `json:"ssvc,omitempty"`
		Stale         bool                  `json:"stale,omitempty"`
		Conditions    map[string]string     `json:"conditions"`
	}
)

// OCSF writes the verdicts as events of OCSF's class Vulnerability Finding, one
// JSON object a line, as SIEMs and lakes take them in. A verdict says the state
// of a finding, so each event is a "Create" with the verdict's ID as the
// finding's: who keeps findings updates by it. Dismissed ones are suppressed.
//
// Source: https://schema.ocsf.io/1.5.0/classes/vulnerability_finding
func OCSF(w io.Writer, verdicts []azward.Verdict, version string) error {
	enc := json.NewEncoder(w) // a line each; <, > and & are escaped
	for _, v := range verdicts {
		if err := enc.Encode(ocsfOf(v, version)); err != nil {
			return fmt.Errorf("write OCSF event of verdict %s: %w", v.ID, err)
		}
	}
	return nil
}

func ocsfOf(v azward.Verdict, version string) ocsfEvent {
	severity, severityName := ocsfSeverity(v.Finding.Severity)
	confidence, confidenceName := ocsfConfidence(v.Confidence)
	e := ocsfEvent{
		Activity: 1, ActivityName: "Create", Category: 2, CategoryName: "Findings", Class: 2002, ClassName: "Vulnerability Finding",
		Type: 200201, TypeName: "Vulnerability Finding: Create", Time: millis(v.DecidedAt), Severity: severity, SeverityName: severityName,
		Confidence: confidence, ConfidenceName: confidenceName, Status: 1, StatusName: "New", Message: clean(v.Summary),
		Metadata: ocsfMetadata{ocsfVersion, ocsfProduct{"azward", "azward", version}, []string{"cloud"}, fmt.Sprintf("%s@%d", v.ID, millis(v.DecidedAt))},
		Cloud:    ocsfCloud{Provider: "Azure"},
		Info: ocsfInfo{
			UID: string(v.ID), Title: clean(v.Vulnerability + " in " + v.Workload.Name + ": " + string(v.Result)), Desc: clean(v.Summary),
			Types: []string{string(v.Result)}, Created: millis(v.DecidedAt),
		},
		Resources:       []ocsfResource{{clean(string(v.Workload.ID)), clean(v.Workload.Name), clean(string(v.Workload.Kind)), v.Priority.Criticality}},
		Vulnerabilities: []ocsfVulnerability{ocsfVulnerabilityOf(v)},
		Unmapped: ocsfUnmapped{
			Result: v.Result, Exploitable: v.Exploitable, Prerequisites: v.Prerequisites, Reach: clean(v.Priority.Reach), Blast: v.Priority.Blast,
			SSVC: clean(v.Priority.SSVC), Stale: v.Stale, Conditions: map[string]string{},
		},
	}
	if id := v.Workload.ID.Subscription(); id != "" {
		e.Cloud.Account = &ocsfAccount{clean(string(id)), 13, "Azure Subscription"}
	}
	if v.Image != "" {
		e.Resources = append(e.Resources, ocsfResource{UID: clean(v.Image), Type: "container image"})
	}
	for _, c := range v.Conditions {
		e.Unmapped.Conditions[string(c.ID)] = c.Answer.String()
	}
	if d := v.Dismissed; d != nil {
		e.Status, e.StatusName = 3, "Suppressed"
		e.StatusDetail = "dismissed until " + d.Until.UTC().Format(time.DateOnly)
		e.Comment = clean(d.Reason)
	}
	return e
}

func ocsfVulnerabilityOf(v azward.Verdict) ocsfVulnerability {
	f := v.Finding
	_, severity := ocsfSeverity(f.Severity)
	one := ocsfVulnerability{
		Title: clean(cmp.Or(f.Summary, v.Vulnerability)), Severity: severity, Exploited: f.KEV, Fixable: len(f.FixedIn) > 0,
		References: []string{"https://osv.dev/vulnerability/" + clean(cmp.Or(f.Record, v.Vulnerability))},
	}
	for _, alias := range f.Aliases {
		one.Related = append(one.Related, clean(alias))
	}
	if p, err := packageurl.FromString(f.PURL); err == nil {
		name := p.Name
		if p.Namespace != "" {
			name = p.Namespace + "/" + p.Name
		}
		one.Packages = []ocsfPackage{{clean(name), clean(p.Version), clean(f.PURL), clean(strings.Join(f.FixedIn, " "))}}
	}
	if one.Fixable {
		one.Remediation = &ocsfRemediation{clean("update to " + strings.Join(f.FixedIn, " or "))}
	}
	if !strings.HasPrefix(v.Vulnerability, "CVE-") {
		one.Advisory = &ocsfAdvisory{clean(v.Vulnerability)}
		return one
	}
	one.CVE = &ocsfCVE{UID: clean(v.Vulnerability)}
	if version, ok := cvssVersion(f.Vector); ok {
		one.CVE.CVSS = []ocsfCVSS{{f.CVSS, version, clean(f.Vector)}}
	}
	if f.EPSS > 0 {
		one.CVE.EPSS = &ocsfEPSS{strconv.FormatFloat(f.EPSS, 'f', -1, 64), f.EPSSPercentile}
	}
	return one
}

// cvssVersion of a vector: "3.1"; version 2's vectors have no prefix.
func cvssVersion(vector string) (string, bool) {
	if rest, ok := strings.CutPrefix(vector, "CVSS:"); ok {
		version, _, found := strings.Cut(rest, "/")
		return version, found && slices.Contains([]string{"3.0", "3.1", "4.0"}, version)
	}
	return "2.0", strings.HasPrefix(vector, "AV:")
}

func ocsfSeverity(s azward.Severity) (id int, name string) {
	switch s {
	case azward.SeverityNone:
		return 1, "Informational"
	case azward.SeverityLow:
		return 2, "Low"
	case azward.SeverityMedium:
		return 3, "Medium"
	case azward.SeverityHigh:
		return 4, "High"
	case azward.SeverityCritical:
		return 5, "Critical"
	default:
		return 0, "Unknown"
	}
}

func ocsfConfidence(c azward.Confidence) (id int, name string) {
	switch c {
	case azward.ConfidenceLow:
		return 1, "Low"
	case azward.ConfidenceMedium:
		return 2, "Medium"
	case azward.ConfidenceHigh:
		return 3, "High"
	default:
		return 0, "Unknown"
	}
}

// millis is OCSF's time; 0 where it is not known.
func millis(at time.Time) int64 {
	if at.IsZero() {
		return 0
	}
	return at.UnixMilli()
}
