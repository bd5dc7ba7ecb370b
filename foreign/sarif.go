package foreign

import (
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/jsonstream"
)

// sarifHead is what results refer to: the runs' tools, rules and images. SARIF
// has no place for a package or an image, so scanners put them where they like;
// what Trivy, Grype, Docker Scout and Clair do is read.
//
// Sources: https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html,
// https://github.com/aquasecurity/trivy/blob/main/pkg/report/sarif.go,
// https://github.com/anchore/grype/blob/main/grype/presenter/sarif/presenter.go
type sarifHead struct {
	version string
	runs    []sarifRun
	held    int
	err     error
}

type sarifRun struct {
	tool   string
	target Target
	rules  []sarifRule
	byID   map[string]int
}

type sarifText struct {
	Text string `json:"text,omitempty"`
}

type sarifRule struct {
	ID         string         `json:"id"`
	Name       string         `json:"name,omitempty"`
	Short      sarifText      `json:"shortDescription,omitzero"`
	Help       sarifText      `json:"help,omitzero"`
	Properties sarifRuleFacts `json:"properties,omitzero"`
}

type sarifRuleFacts struct {
	Score    json.RawMessage `json:"security-severity,omitempty"` // a text, of some tools a number
	PURLs    []string        `json:"purls,omitempty"`
	Fixed    string          `json:"fixed_version,omitempty"`
	Severity string          `json:"cvssV3_severity,omitempty"`
	Vector   string          `json:"cvssV3_vector,omitempty"`
}

type sarifLocation struct {
	Physical struct {
		Artifact struct {
			URI string `json:"uri,omitempty"`
		} `json:"artifactLocation,omitzero"`
	} `json:"physicalLocation,omitzero"`
	Logical []struct {
		Full string `json:"fullyQualifiedName,omitempty"`
		Name string `json:"name,omitempty"`
	} `json:"logicalLocations,omitempty"`
	Message sarifText `json:"message,omitzero"`
}

// sarifEntry is a result with its rule.
type sarifEntry struct {
	RuleID      string             `json:"ruleId,omitempty"`
	RuleIndex   *int               `json:"ruleIndex,omitempty"`
	Rule2       *sarifRuleRef      `json:"rule,omitempty"`
	Kind        string             `json:"kind,omitempty"`
	Level       string             `json:"level,omitempty"`
	Message     sarifText          `json:"message"`
	Locations   []sarifLocation    `json:"locations,omitempty"`
	Suppressed  []sarifSuppression `json:"suppressions,omitempty"`
	Description sarifRule          `json:"azward:rule,omitzero"`

	tool string // of the run
}

type sarifRuleRef struct {
	ID    string `json:"id,omitempty"`
	Index *int   `json:"index,omitempty"`
}

type sarifSuppression struct {
	Status        string `json:"status,omitempty"`
	Justification string `json:"justification,omitempty"`
}

func (h *sarifHead) failed() error {
	switch {
	case h.err != nil:
		return h.err
	case h.version != "2.1.0":
		return &otherError{fmt.Sprintf("it is SARIF of version %.20q", h.version), "write SARIF 2.1.0; sarif-multitool transform converts older files"}
	}
	return nil
}

func (h *sarifHead) read(in *jsonstream.Reader, r *Report) {
	for name := range in.Fields() {
		switch name {
		case "version":
			h.version = in.Text()
		case "runs":
			for range in.Items() {
				if len(h.runs) >= maxContext {
					h.err = fmt.Errorf("it has more than %d runs", maxContext)
					return
				}
				h.runs = append(h.runs, h.run(in, r))
			}
		}
	}
	if r.Scanner == "" {
		r.Scanner = "a scanner"
	}
}

func (h *sarifHead) run(in *jsonstream.Reader, r *Report) sarifRun {
	run := sarifRun{byID: map[string]int{}}
	for name := range in.Fields() {
		switch name {
		case "tool":
			for part := range in.Fields() {
				if part == "driver" {
					h.driver(in, r, &run)
				}
			}
		case "properties":
			var p struct {
				Image   string        `json:"imageName"`
				ID      azward.Digest `json:"imageID"`
				Tags    []string      `json:"repoTags"`
				Digests []string      `json:"repoDigests"`
			}
			if json.Unmarshal(in.Raw(), &p) != nil {
				continue // another tool's properties
			}
			run.target.ImageID, run.target.Names = p.ID, append(p.Tags, p.Image)
			for _, d := range p.Digests {
				run.target.addDigest(d)
			}
		case "invocations":
			var all []struct {
				End string `json:"endTimeUtc"`
			}
			if json.Unmarshal(in.Raw(), &all) != nil {
				continue
			}
			for _, i := range all {
				r.At = timeOf(i.End)
			}
		case "results":
			skipItems(in)
		}
	}
	return run
}

func (h *sarifHead) driver(in *jsonstream.Reader, r *Report, run *sarifRun) {
	tool, version := "", ""
	for name := range in.Fields() {
		switch name {
		case "name":
			tool = in.Text()
		case "version":
			version = in.Text()
		case "semanticVersion":
			if v := in.Text(); version == "" {
				version = v
			}
		case "rules":
			for range in.Items() {
				if h.held++; h.held > maxContext {
					h.err = fmt.Errorf("it has more than %d rules", maxContext)
					return
				}
				var rule sarifRule
				h.err = firstError(h.err, decode(in.Raw(), &rule))
				rule.Help.Text, rule.Short.Text = cut(rule.Help.Text, maxText), cut(rule.Short.Text, maxText)
				run.byID[rule.ID] = len(run.rules)
				run.rules = append(run.rules, rule)
			}
		}
	}
	if run.tool = strings.TrimSpace(tool + " " + version); r.Scanner == "" {
		r.Scanner = run.tool
	}
}

func (h *sarifHead) entries(in *jsonstream.Reader, yield func(Target, excerpt, string) bool) {
	number := -1
	for name := range in.Fields() {
		if name != "runs" {
			continue
		}
		for range in.Items() {
			if number++; number >= len(h.runs) {
				return
			}
			for part := range in.Fields() {
				if part != "results" {
					continue
				}
				for range in.Items() {
					if !h.runs[number].result(in.Raw(), yield) {
						return
					}
				}
			}
		}
	}
}

func (r *sarifRun) result(raw json.RawMessage, yield func(Target, excerpt, string) bool) bool {
	e := &sarifEntry{}
	if err := decode(raw, e); err != nil {
		return yield(r.target, nil, "its entry cannot be read: "+err.Error())
	}
	if e.Rule2 != nil {
		e.RuleID = firstText(e.RuleID, e.Rule2.ID)
		if e.RuleIndex == nil {
			e.RuleIndex = e.Rule2.Index
		}
	}
	e.Description, e.tool = sarifRule{}, r.tool
	at, ok := r.byID[e.RuleID]
	if e.RuleIndex != nil && *e.RuleIndex >= 0 && *e.RuleIndex < len(r.rules) {
		at, ok = *e.RuleIndex, true
	}
	if ok {
		e.Description = r.rules[at]
	}
	e.Message.Text = cut(e.Message.Text, maxText)
	const places = 5 // enough to name the image
	e.Locations = e.Locations[:min(len(e.Locations), places)]
	return yield(e.target(r.target), e, "")
}

// inImage finds an image in the place that a tool gives: "registry/shop/cart@sha256:…:/lib/x".
var inImage = regexp.MustCompile(`^((?:[a-zA-Z0-9._-]+(?::[0-9]+)?/)?[a-z0-9._/-]+)(:[A-Za-z0-9_][A-Za-z0-9._-]{0,127})?(@sha256:[0-9a-f]{64})?:/`)

// target of a result: the run's, and what its locations add.
func (e *sarifEntry) target(run Target) Target {
	t := run
	for _, l := range e.Locations {
		for _, full := range l.Logical {
			m := inImage.FindStringSubmatch(cut(full.Full, maxText))
			switch {
			case m == nil:
			case m[3] != "":
				t.Digests = append(t.Digests[:len(t.Digests):len(t.Digests)], azward.Digest(m[3][1:]))
			default:
				t.Names = append(t.Names[:len(t.Names):len(t.Names)], m[1]+m[2])
			}
		}
	}
	if t.empty() {
		t.Other = "rule " + e.RuleID
		if len(e.Locations) == 0 {
			t.Other += " without a location"
		}
		for _, l := range e.Locations {
			if l.Physical.Artifact.URI != "" {
				t.Other = "file " + l.Physical.Artifact.URI
			}
		}
	}
	return t
}

// vulnerabilityID is what names a vulnerability in a rule's ID or a sentence.
var vulnerabilityID = regexp.MustCompile(`\b(?:CVE-[0-9]{4}-[0-9]{4,19}|GHSA(?:-[23456789cfghjmpqrvwx]{4}){3})\b`)

// lines are "Name: value" in a rule's help or a result's message, as Trivy,
// Grype and Docker Scout write them.
func (e *sarifEntry) lines() map[string]string {
	found := map[string]string{}
	for _, text := range []string{e.Message.Text, e.Description.Help.Text} {
		for line := range strings.Lines(text) {
			name, value, ok := strings.Cut(line, ":")
			name = strings.ToLower(strings.TrimSpace(name))
			if value = strings.TrimSpace(value); ok && value != "" && found[name] == "" {
				found[name] = value
			}
		}
	}
	return found
}

func (e *sarifEntry) claim() (claim, string) {
	var c claim
	for _, text := range []string{e.RuleID, e.Description.ID, e.Description.Name, e.Message.Text, e.Description.Short.Text} {
		for _, id := range vulnerabilityID.FindAllString(text, maxList) {
			if c.id == "" {
				c.id = id
			}
		}
		if c.id != "" {
			break
		}
	}
	if c.id == "" {
		return c, fmt.Sprintf("rule %.80q names no vulnerability: a matter of code or configuration", e.RuleID)
	}
	lines := e.lines()
	c.affected, c.name = azward.Yes, lines["package"]
	c.version = firstText(lines["installed version"], lines["version"])
	c.fixed = strings.Split(firstText(lines["fixed version"], lines["fix version"], e.Description.Properties.Fixed), ",")
	if len(c.fixed) == 1 && strings.EqualFold(c.fixed[0], "not fixed") {
		c.fixed, c.state = nil, azward.NotFixed
	}
	c.severity = firstText(lines["severity"], e.Description.Properties.Severity, e.Level)
	c.summary = e.Description.Short.Text
	if strings.HasPrefix(c.name, "pkg:") {
		c.purl = c.name
	}
	if len(e.Description.Properties.PURLs) == 1 {
		c.purl = e.Description.Properties.PURLs[0]
	}
	if kind, ok := grypeKinds[lines["type"]]; ok && kind != "deb" && kind != "rpm" && kind != "apk" {
		c.kind = kind
	}
	if c.purl == "" && c.name == "" {
		return c, "it names no package that could be looked for"
	}
	score, err := strconv.ParseFloat(strings.Trim(string(e.Description.Properties.Score), `"`), 64)
	if err != nil || score < 0 || score > 10 {
		score = 0
	}
	c.vectors = []azward.Score{{Vector: e.Description.Properties.Vector, Score: score}}
	switch {
	case e.Kind == "pass" || e.Kind == "notApplicable":
		c.affected, c.why = azward.No, "result kind "+e.Kind
	case len(e.Suppressed) > 0:
		s := e.Suppressed[0]
		if s.Status == "" || s.Status == "accepted" {
			c.affected, c.why = azward.No, strings.TrimSpace("suppressed "+s.Justification)
		}
	}
	return c, ""
}
