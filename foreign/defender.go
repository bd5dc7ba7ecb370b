package foreign

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/jsonstream"
)

// defenderHead is a list of sub-assessments of Microsoft Defender for Cloud: a
// page of Resource Manager ("value"), an answer of Resource Graph ("data"), or
// the bare list that az writes. Each row stands alone.
//
// Sources: https://learn.microsoft.com/azure/defender-for-cloud/subassessment-rest-api,
// https://learn.microsoft.com/rest/api/defenderforcloud/sub-assessments/list
type defenderHead struct {
	list bool
	rows int // that are sub-assessments
	err  error
}

// defenderRow is a sub-assessment. az's own commands lift the properties to
// the row itself.
type defenderRow struct {
	ID         string              `json:"id"`
	Type       string              `json:"type"`
	Properties *defenderProperties `json:"properties"`
	defenderProperties
}

type defenderProperties struct {
	ID          string `json:"id,omitempty"`
	DisplayName string `json:"displayName,omitempty"`
	Status      struct {
		Code     string `json:"code,omitempty"`
		Cause    string `json:"cause,omitempty"`
		Severity string `json:"severity,omitempty"`
	} `json:"status,omitzero"`
	TimeGenerated string `json:"timeGenerated,omitempty"`
	Resource      struct {
		Source string `json:"source,omitempty"`
		ID     string `json:"id,omitempty"`
	} `json:"resourceDetails,omitzero"`
	Data defenderData `json:"additionalData,omitzero"`
}

// defenderData has the members of all the shapes: Defender Vulnerability
// Management's for images (the …Details) and for machines (software…), and
// that of the scanner before it (cve, cvss, imageDigest).
type defenderData struct {
	Kind     string `json:"assessedResourceType,omitempty"`
	Artifact struct {
		Registry   string        `json:"registryHost,omitempty"`
		Repository string        `json:"repositoryName,omitempty"`
		Digest     azward.Digest `json:"digest,omitempty"`
		Tags       []string      `json:"tags,omitempty"`
	} `json:"artifactDetails,omitzero"`
	Software struct {
		Name     string `json:"packageName,omitempty"`
		Version  string `json:"version,omitempty"`
		Fixed    string `json:"fixedVersion,omitempty"`
		Vendor   string `json:"vendor,omitempty"`
		Category string `json:"category,omitempty"` // "OS", "Language"
		Language string `json:"language,omitempty"`
		OS       struct {
			Version string `json:"osVersion,omitempty"` // "ubuntu_linux_20.04"
		} `json:"osDetails,omitzero"`
		FixStatus string `json:"fixStatus,omitempty"`
	} `json:"softwareDetails,omitzero"`
	Vulnerability struct {
		CVE      string                  `json:"cveId,omitempty"`
		Severity string                  `json:"severity,omitempty"`
		CVSS     map[string]defenderCVSS `json:"cvss,omitempty"`
	} `json:"vulnerabilityDetails,omitzero"`
	Repository  string                  `json:"repositoryName,omitempty"`
	Registry    string                  `json:"registryHost,omitempty"`
	ImageDigest azward.Digest           `json:"imageDigest,omitempty"`
	CVE         defenderCVEs            `json:"cve,omitempty"`
	CVSS        map[string]defenderCVSS `json:"cvss,omitempty"`
	Name        string                  `json:"softwareName,omitempty"`
	Vendor      string                  `json:"softwareVendor,omitempty"`
	Version     string                  `json:"softwareVersion,omitempty"`
	Recommended string                  `json:"recommendedVersion,omitempty"`
	Patchable   *bool                   `json:"patchable,omitempty"`
	Score       float64                 `json:"cvssV30Score,omitempty"`
}

type defenderCVSS struct {
	Vector string  `json:"cvssVectorString,omitempty"`
	Base   float64 `json:"base,omitempty"`
}

// defenderCVEs are written as a list of titles, one title, or a text.
type defenderCVEs []string

// UnmarshalJSON takes any of the three.
func (c *defenderCVEs) UnmarshalJSON(raw []byte) error {
	type title struct {
		Title string `json:"title"`
	}
	var many []title
	var one title
	var texts []string
	var text string
	switch {
	case json.Unmarshal(raw, &texts) == nil:
		*c = texts
	case json.Unmarshal(raw, &many) == nil:
		for _, t := range many {
			*c = append(*c, t.Title)
		}
	case json.Unmarshal(raw, &text) == nil:
		*c = defenderCVEs{text}
	case json.Unmarshal(raw, &one) == nil:
		*c = defenderCVEs{one.Title}
	}
	return nil
}

// defenderEntry is one CVE of a row: a row of the older scanner names several.
type defenderEntry struct {
	Row string `json:"id,omitempty"` // of the sub-assessment
	CVE string `json:"cve"`
	defenderProperties
}

func (h *defenderHead) failed() error {
	switch {
	case h.err != nil:
		return h.err
	case h.rows == 0:
		return &otherError{
			"it holds no sub-assessment of Defender for Cloud",
			`ask for them: az graph query -q "securityresources | where type =~ 'microsoft.security/assessments/subassessments'" --first 1000 --output json`,
		}
	}
	return nil
}

func (h *defenderHead) read(in *jsonstream.Reader, r *Report) {
	r.Scanner = "Defender for Cloud"
	for row := range h.each(in) {
		if row.isSub() {
			h.rows++
		}
		if at := timeOf(row.props().TimeGenerated); at.After(r.At) {
			r.At = at
		}
	}
}

// each gives the rows, wherever they stand.
func (h *defenderHead) each(in *jsonstream.Reader) func(func(*defenderRow) bool) {
	return func(yield func(*defenderRow) bool) {
		rows := func() bool {
			for range in.Items() {
				row := &defenderRow{}
				if err := decode(in.Raw(), row); err != nil {
					row.Type = "unreadable: " + err.Error()
				}
				if !yield(row) {
					return false
				}
			}
			return true
		}
		if h.list {
			rows()
			return
		}
		for name := range in.Fields() {
			switch name {
			case "value", "data", "subAssessments":
				if !rows() {
					return
				}
			}
		}
	}
}

func (r *defenderRow) props() *defenderProperties {
	if r.Properties != nil {
		return r.Properties
	}
	return &r.defenderProperties
}

func (r *defenderRow) isSub() bool {
	return strings.EqualFold(r.Type, "microsoft.security/assessments/subassessments") || strings.Contains(strings.ToLower(r.ID), "/subassessments/")
}

func (h *defenderHead) entries(in *jsonstream.Reader, yield func(Target, excerpt, string) bool) {
	for row := range h.each(in) {
		if !row.entries(yield) {
			return
		}
	}
}

func (r *defenderRow) entries(yield func(Target, excerpt, string) bool) bool {
	p := r.props()
	t := p.target(r.ID)
	switch {
	case strings.HasPrefix(r.Type, "unreadable: "):
		return yield(t, nil, "its row cannot be read: "+strings.TrimPrefix(r.Type, "unreadable: "))
	case !r.isSub():
		return yield(t, nil, "the row is no sub-assessment")
	}
	cves := p.cves()
	if len(cves) == 0 {
		return yield(t, nil, "it is a "+kindWord(p.Data.Kind)+" without a CVE: a matter of configuration is no vulnerability of a package")
	}
	for _, cve := range cves {
		if !yield(t, &defenderEntry{Row: r.ID, CVE: cve, defenderProperties: *p}, "") {
			return false
		}
	}
	return true
}

func kindWord(kind string) string {
	if kind == "" {
		return "sub-assessment"
	}
	return clean(cut(kind, maxSummary))
}

func (p *defenderProperties) cves() []string {
	var all []string
	for _, c := range slices.Concat([]string{p.Data.Vulnerability.CVE, p.ID, p.DisplayName}, p.Data.CVE) {
		if c = strings.ToUpper(strings.TrimSpace(c)); isCVE(c) && !slices.Contains(all, c) && len(all) < maxList {
			all = append(all, c)
		}
	}
	return all
}

// isCVE tells CVE-2023-12345.
func isCVE(s string) bool {
	year, number, ok := strings.Cut(strings.TrimPrefix(s, "CVE-"), "-")
	return ok && strings.HasPrefix(s, "CVE-") && len(year) == 4 && len(number) >= 4 && strings.Trim(year+number, "0123456789") == ""
}

func (p *defenderProperties) target(row string) Target {
	a := p.Data.Artifact
	digest := a.Digest
	if digest == "" {
		digest = p.Data.ImageDigest
	}
	if digest == "" { // "/repositories/shop/cart/images/sha256:…", "registry/repository@sha256:…"
		if at := strings.LastIndex(p.Resource.ID, "sha256:"); at >= 0 {
			digest = azward.Digest(p.Resource.ID[at:])
		}
	}
	var names []string
	if host, repository := firstText(a.Registry, p.Data.Registry), firstText(a.Repository, p.Data.Repository); host != "" && repository != "" {
		for _, tag := range a.Tags {
			names = append(names, host+"/"+repository+":"+tag)
		}
	}
	switch {
	case digest != "":
		return Target{Digests: []azward.Digest{digest}, Names: names}
	case len(names) > 0: // the resource is then the registry that holds it
		return Target{Names: names}
	}
	if strings.HasPrefix(p.Resource.ID, "/subscriptions/") {
		return Target{Resource: azward.ResourceID(p.Resource.ID)}
	}
	// The row's own ID begins with the assessed resource.
	if at := strings.Index(strings.ToLower(row), "/providers/microsoft.security/assessments/"); at > 0 {
		return Target{Resource: azward.ResourceID(row[:at])}
	}
	return Target{Other: p.Resource.ID}
}

func firstText(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}

// defenderSystems are purl types of the systems that osVersion names, by what it begins with.
var defenderSystems = []struct{ prefix, kind, id string }{
	{"ubuntu_linux_", "deb/ubuntu", "ubuntu"},
	{"ubuntu_", "deb/ubuntu", "ubuntu"},
	{"debian_linux_", "deb/debian", "debian"},
	{"debian_", "deb/debian", "debian"},
	{"alpine_linux_", "apk/alpine", "alpine"},
	{"alpine_", "apk/alpine", "alpine"},
	{"red_hat_enterprise_linux_", "rpm/redhat", "rhel"},
	{"rhel_", "rpm/redhat", "rhel"},
	{"centos_", "rpm/centos", "centos"},
	{"mariner_", "rpm/mariner", "mariner"},
	{"azure_linux_", "rpm/azurelinux", "azurelinux"},
	{"oracle_linux_", "rpm/oracle", "ol"},
	{"suse_linux_enterprise_server_", "rpm/suse", "sles"},
	{"amazon_linux_", "rpm/amazon", "amzn"},
}

var defenderLanguages = map[string]string{
	"python": "pypi", "javascript": "npm", "nodejs": "npm", "node.js": "npm", "java": "maven", "go": "golang", "golang": "golang",
	"ruby": "gem", "php": "composer", "dotnet": "nuget", ".net": "nuget", "c#": "nuget", "csharp": "nuget", "rust": "cargo",
}

func (e *defenderEntry) claim() (claim, string) {
	d := &e.Data
	c := claim{
		id: e.CVE, name: firstText(d.Software.Name, d.Name), version: firstText(d.Software.Version, d.Version),
		severity: firstText(d.Vulnerability.Severity, e.Status.Severity), fixed: []string{firstText(d.Software.Fixed, d.Recommended)}, affected: azward.Yes,
	}
	if e.DisplayName != e.CVE {
		c.summary = e.DisplayName
	}
	if c.name == "" && e.DisplayName != "" && e.DisplayName != e.CVE { // the older scanner names its check alone
		c.name = e.DisplayName
	}
	for _, s := range defenderSystems {
		if release, ok := strings.CutPrefix(strings.ToLower(d.Software.OS.Version), s.prefix); ok && !strings.EqualFold(d.Software.Category, "language") {
			c.kind, c.distro = s.kind, s.id+"-"+release
			break
		}
	}
	if c.kind == "" {
		c.kind = defenderLanguages[strings.ToLower(d.Software.Language)]
	}
	switch {
	case strings.EqualFold(d.Software.FixStatus, "NoFixAvailable"), d.Patchable != nil && !*d.Patchable:
		c.state = azward.NotFixed
	case strings.EqualFold(d.Software.FixStatus, "WillNotFix"):
		c.state = azward.WillNotFix
	}
	for _, all := range []map[string]defenderCVSS{d.Vulnerability.CVSS, d.CVSS} {
		for _, version := range []string{"3.1", "3.0", "4.0", "2.0"} {
			if s, ok := all[version]; ok {
				c.vectors = append(c.vectors, azward.Score{Vector: s.Vector, Score: s.Base})
			}
		}
	}
	c.vectors = append(c.vectors, azward.Score{Score: d.Score})
	switch strings.ToLower(e.Status.Code) {
	case "healthy":
		c.affected, c.why = azward.No, "status Healthy"
	case "notapplicable":
		c.affected, c.why = azward.No, strings.TrimSpace("status NotApplicable "+e.Status.Cause)
		if strings.EqualFold(e.Status.Cause, "Exempt") { // an exemption accepts it; it does not deny it
			c.affected, c.why = azward.Yes, ""
		}
	}
	return c, ""
}
