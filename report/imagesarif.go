package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"iter"
	"net/url"
	"path"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/jsonstream"
)

type (
	sarifText struct {
		Text     string `json:"text"`
		Markdown string `json:"markdown,omitempty"`
	}
	sarifImageRule struct {
		ID               string         `json:"id"`
		Name             string         `json:"name"`
		ShortDescription sarifText      `json:"shortDescription"`
		FullDescription  sarifText      `json:"fullDescription"`
		HelpURI          string         `json:"helpUri,omitempty"`
		Help             sarifText      `json:"help"`
		Default          sarifLevel     `json:"defaultConfiguration"`
		Properties       map[string]any `json:"properties"`
	}
	sarifLevel struct {
		Level string `json:"level"`
	}
	sarifSuppression struct {
		Kind          string `json:"kind"`
		Status        string `json:"status"`
		Justification string `json:"justification"`
	}
	sarifFound struct {
		sarifResult
		Suppressions []sarifSuppression `json:"suppressions,omitempty"`
	}
	sarifNotification struct {
		Level   string       `json:"level"`
		Message sarifMessage `json:"message"`
	}
	sarifInvocation struct {
		ExecutionSuccessful bool                `json:"executionSuccessful"`
		Notifications       []sarifNotification `json:"toolExecutionNotifications"`
	}
)

// maxNotifications of gaps in one log; the last says how many more there are.
const maxNotifications = 100

// ImageSARIF writes the vulnerabilities and weaknesses of images as a SARIF
// 2.1.0 log, piece by piece: one rule a vulnerability, one result a package that
// has it; one rule a control or kind of secret, one result an image and place. Critical
// and high are errors, low is a note, what nobody rated and what could not be
// decided is a warning. A result is the same across builds of an image
// (partialFingerprints), lies in the file that tells of the package, and is
// suppressed where a VEX statement denies it. Gaps are notifications of the
// run. Found and weak are gone through twice and must give the same both times.
func ImageSARIF(w io.Writer, found iter.Seq[Found], weak iter.Seq[Weakness], gaps []azward.Gap, version string) error {
	rules, ruleAt := imageRules(found)
	controls, controlAt := weakRules(weak, len(rules))
	s := jsonstream.New(w)
	s.Object("")
	s.Value("$schema", "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json")
	s.Value("version", "2.1.0")
	s.Array("runs")
	s.Object("")
	s.Object("tool")
	s.Object("driver")
	s.Value("name", "azward")
	if version != "" {
		s.Value("version", version)
	}
	s.Value("informationUri", "https://github.com/azward/azward")
	s.Array("rules")
	for _, r := range rules {
		s.Value("", r.rule())
	}
	for _, x := range controls {
		s.Value("", x.rule())
	}
	s.End()
	s.End()
	s.End()
	s.Value("invocations", []sarifInvocation{{true, notifications(gaps)}})
	s.Array("results")
	for f := range found {
		s.Value("", f.result(ruleAt[f.ID]))
	}
	for x := range weak {
		s.Value("", x.result(controlAt[x.id()]))
	}
	s.End()
	s.End()
	s.End()
	s.End()
	return s.Close()
}

func notifications(gaps []azward.Gap) []sarifNotification {
	list := []sarifNotification{}
	for n, g := range gaps {
		if n == maxNotifications {
			return append(list, sarifNotification{"warning", sarifMessage{fmt.Sprintf("and %d more things were not read", len(gaps)-n)}})
		}
		text := strings.Join([]string{string(g.Scope), g.Reads, cmp.Or(g.Error, "not read")}, ": ")
		list = append(list, sarifNotification{"warning", sarifMessage{plain(text)}})
	}
	return list
}

// imageRule gathers what is said about one vulnerability.
type imageRule struct {
	first    Found
	severity azward.Severity
	cvss     float64
	fixes    []string // rows of the help
	more     int
	seen     map[string]bool
}

// maxFixes are packages named in the help of a rule.
const maxFixes = 20

func imageRules(found iter.Seq[Found]) ([]*imageRule, map[string]int) {
	at := map[string]int{}
	var rules []*imageRule
	for f := range found {
		n, ok := at[f.ID]
		if !ok {
			n = len(rules)
			at[f.ID] = n
			rules = append(rules, &imageRule{first: f, severity: f.Severity, cvss: f.CVSS, seen: map[string]bool{}})
		}
		rules[n].add(f)
	}
	return rules, at
}

func (r *imageRule) add(f Found) {
	if f.Severity.Rank() > r.severity.Rank() {
		r.severity = f.Severity
	}
	r.cvss = max(r.cvss, f.CVSS)
	row := "| " + markdown(f.Package.Name) + " | " + markdown(f.Package.Version) + " | " + markdown(cmp.Or(strings.Join(f.FixedIn, ", "), "no fix is known")) + " |"
	switch {
	case r.seen[row]:
	case len(r.fixes) == maxFixes:
		r.more++
	default:
		r.seen[row] = true
		r.fixes = append(r.fixes, row)
	}
}

func (r *imageRule) rule() sarifImageRule {
	f := r.first
	title, short := cmp.Or(f.Summary, f.ID), f.ID
	if f.Summary != "" {
		short += ": " + f.Summary
	}
	rule := sarifImageRule{
		ID: f.ID, Name: "VulnerablePackage", ShortDescription: sarifText{Text: plain(short)}, FullDescription: sarifText{Text: plain(title)},
		HelpURI: "https://osv.dev/vulnerability/" + url.PathEscape(cmp.Or(f.Record, f.ID)), Help: r.help(title),
		Default:    sarifLevel{severityLevel(r.severity)},
		Properties: map[string]any{"tags": []string{"security", "vulnerability", string(cmp.Or(r.severity, azward.SeverityUnknown))}},
	}
	if n, ok := strings.CutPrefix(f.CWE, "CWE-"); ok {
		rule.Properties["tags"] = []string{"security", "vulnerability", string(cmp.Or(r.severity, azward.SeverityUnknown)), fmt.Sprintf("external/cwe/cwe-%03s", n)}
	}
	if score := securitySeverity(r.severity, r.cvss); score != "" {
		rule.Properties["security-severity"] = score
	}
	return rule
}

func (r *imageRule) help(title string) sarifText {
	f := r.first
	var links []string
	if strings.HasPrefix(f.ID, "CVE-") {
		links = append(links, "https://nvd.nist.gov/vuln/detail/"+url.PathEscape(f.ID))
	}
	links = append(links, "https://osv.dev/vulnerability/"+url.PathEscape(cmp.Or(f.Record, f.ID)))
	facts := "Severity: " + string(cmp.Or(r.severity, azward.SeverityUnknown))
	if r.cvss > 0 {
		facts += fmt.Sprintf(", CVSS %.1f", r.cvss)
	}
	if f.KEV {
		facts += ", known to be exploited"
	}
	if f.EPSS > 0 {
		facts += fmt.Sprintf(", EPSS %.3f", f.EPSS)
	}
	more := ""
	if r.more > 0 {
		more = fmt.Sprintf("\n\nand %d more packages", r.more)
	}
	return sarifText{
		Text: plain(title + "\n" + facts + "\n" + strings.Join(links, "\n")),
		Markdown: "**" + markdown(f.ID) + "** " + markdown(title) + "\n\n" + facts + "\n\n| package | version | fixed in |\n|---|---|---|\n" +
			strings.Join(r.fixes, "\n") + more + "\n\n<" + strings.Join(links, ">, <") + ">\n",
	}
}

// severityLevel is how a code scanning page weighs a severity.
func severityLevel(s azward.Severity) string {
	switch s {
	case azward.SeverityCritical, azward.SeverityHigh:
		return "error"
	case azward.SeverityLow, azward.SeverityNone:
		return "note"
	default:
		return "warning"
	}
}

// securitySeverity is the score that GitHub sorts by: CVSS's, or the lowest of
// its severity's band where there is a severity alone.
//
// Source: https://docs.github.com/code-security/reference/code-scanning/sarif-files/sarif-support-for-code-scanning
func securitySeverity(s azward.Severity, cvss float64) string {
	if cvss > 0 {
		return fmt.Sprintf("%.1f", cvss)
	}
	return map[azward.Severity]string{
		azward.SeverityCritical: "9.0", azward.SeverityHigh: "7.0", azward.SeverityMedium: "4.0", azward.SeverityLow: "0.1",
	}[s]
}

func (f Found) result(rule int) sarifFound {
	level := severityLevel(f.Severity)
	if f.Affected != azward.Yes {
		level = "warning" // its version could not be ordered
	}
	image := f.repository()
	if f.Digest != "" {
		image += "@" + string(f.Digest)
	}
	place := cmp.Or(f.place(), "/"+f.Package.Name)
	r := sarifFound{sarifResult: sarifResult{
		RuleID: f.ID, RuleIndex: rule, Level: level, Message: sarifMessage{plain(f.words())},
		Locations: []sarifLocation{{
			PhysicalLocation: sarifPhysical{sarifArtifact{fileURI(f.repository(), place)}, sarifRegion{1}},
			LogicalLocations: []sarifLogical{{f.Package.Name, image + place, "package"}},
		}},
		PartialFingerprints: map[string]string{"azwardFinding/v1": f.fingerprint()},
		Properties: map[string]any{
			"severity": f.Severity, "affected": f.Affected, "cvss": f.CVSS, "kev": f.KEV, "epss": f.EPSS, "purl": f.PURL, "image": f.Image,
			"fixedIn": f.FixedIn, "fixState": f.FixState, "fromBase": f.Base, "record": f.Record, "range": f.Range,
		},
	}}
	if f.Package.Layer != "" {
		r.Locations[0].LogicalLocations = append(r.Locations[0].LogicalLocations, sarifLogical{string(f.Package.Layer), image + "/" + string(f.Package.Layer), "layer"})
	}
	if f.NotAffected != "" {
		r.Suppressions = []sarifSuppression{{"external", "accepted", "not affected: " + f.NotAffected}}
	}
	return r
}

// words is the result in one sentence.
func (f Found) words() string {
	text := fmt.Sprintf("%s %s has %s (%s)", f.Package.Name, f.Package.Version, f.ID, cmp.Or(f.Severity, azward.SeverityUnknown))
	switch {
	case f.Affected != azward.Yes:
		text = fmt.Sprintf("whether %s %s has %s is not known: its version could not be ordered", f.Package.Name, f.Package.Version, f.ID)
	case f.Malicious:
		text = fmt.Sprintf("%s %s is malicious (%s): remove it", f.Package.Name, f.Package.Version, f.ID)
	case len(f.FixedIn) > 0:
		text += "; fixed in " + strings.Join(f.FixedIn, " or ")
	}
	if f.Base {
		text += "; the base image brought it"
	}
	return text
}

// fingerprint is the same for the same vulnerability of the same package at the
// same place of the same repository, whatever the version and the build.
func (f Found) fingerprint() string {
	ecosystem, _, _ := strings.Cut(f.Package.Ecosystem, ":")
	sum := sha256.Sum256([]byte(strings.Join([]string{f.repository(), f.ID, ecosystem, f.Package.Name, f.place()}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// fileURI is a file of an image as a relative reference: code scanning wants a
// file.
func fileURI(repository, place string) string {
	u := url.URL{Path: strings.TrimPrefix(path.Join(repository, place), "/")}
	return u.String()
}

// plain keeps brackets from becoming links in a SARIF message.
//
// Source: https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/sarif-v2.1.0-errata01-os-complete.html (3.11.6)
func plain(s string) string {
	lines := strings.Split(s, "\n")
	for i, l := range lines {
		if lines[i] = clean(l); strings.Contains(l, "](") {
			lines[i] = strings.NewReplacer(`\`, `\\`, "[", `\[`, "]", `\]`).Replace(lines[i])
		}
	}
	return strings.Join(lines, "\n")
}

// markdown keeps somebody else's text from being markup.
func markdown(s string) string { return escapeMarkdown(clean(s)) }
