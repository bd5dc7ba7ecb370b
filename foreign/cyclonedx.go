package foreign

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/jsonstream"
)

// cdxHead is what vulnerabilities refer to: the components by their bom-ref,
// and the image that they are of.
//
// Source: https://cyclonedx.org/docs/1.6/json/#vulnerabilities
type cdxHead struct {
	format, version string
	target          Target
	components      map[string]cdxComponent
	any             bool
	err             error
}

type cdxComponent struct {
	Type       string         `json:"type,omitempty"`
	Group      string         `json:"group,omitempty"`
	Name       string         `json:"name,omitempty"`
	Version    string         `json:"version,omitempty"`
	PURL       string         `json:"purl,omitempty"`
	Ref        string         `json:"bom-ref,omitempty"`
	Properties []cdxProperty  `json:"properties,omitempty"`
	Parts      []cdxComponent `json:"components,omitempty"`
}

type cdxProperty struct {
	Name  string `json:"name"`
	Value string `json:"value"`
}

// cdxEntry is one component that one vulnerability affects.
type cdxEntry struct {
	ID             string         `json:"id"`
	References     []cdxReference `json:"references,omitempty"`
	Ratings        []cdxRating    `json:"ratings,omitempty"`
	Recommendation string         `json:"recommendation,omitempty"`
	Analysis       cdxAnalysis    `json:"analysis,omitzero"`
	Affects        []cdxAffects   `json:"affects,omitempty"` // the one
	Component      cdxComponent   `json:"azward:component,omitzero"`
}

type cdxReference struct {
	ID string `json:"id,omitempty"`
}

type cdxRating struct {
	Score    float64 `json:"score,omitempty"`
	Severity string  `json:"severity,omitempty"`
	Method   string  `json:"method,omitempty"`
	Vector   string  `json:"vector,omitempty"`
}

type cdxAnalysis struct {
	State         string `json:"state,omitempty"`
	Justification string `json:"justification,omitempty"`
	Detail        string `json:"detail,omitempty"`
}

type cdxAffects struct {
	Ref      string       `json:"ref"`
	Versions []cdxVersion `json:"versions,omitempty"`
}

type cdxVersion struct {
	Version string `json:"version,omitempty"`
	Status  string `json:"status,omitempty"`
}

func (h *cdxHead) failed() error {
	switch {
	case h.err != nil:
		return h.err
	case h.format != "CycloneDX":
		return &otherError{"it is no CycloneDX", "name its format with --format"}
	case !slices.Contains([]string{"1.4", "1.5", "1.6"}, h.version):
		return &otherError{fmt.Sprintf("it is CycloneDX %.20q", h.version), "write or convert it to CycloneDX 1.6: cyclonedx convert --output-version v1_6"}
	case !h.any:
		return &otherError{"it lists components and no vulnerabilities", "scan the document with a scanner first, or let azward match its packages: azward image scan --sbom FILE"}
	}
	return nil
}

func (h *cdxHead) read(in *jsonstream.Reader, r *Report) {
	h.components = map[string]cdxComponent{}
	for name := range in.Fields() {
		switch name {
		case "bomFormat":
			h.format = in.Text()
		case "specVersion":
			h.version = in.Text()
		case "metadata":
			h.metadata(in, r)
		case "components":
			h.list(in)
		case "vulnerabilities":
			h.any = true
			skipItems(in)
		}
	}
	r.Scanner = firstText(strings.TrimSpace(r.Scanner), "a CycloneDX document")
}

func (h *cdxHead) metadata(in *jsonstream.Reader, r *Report) {
	for name := range in.Fields() {
		switch name {
		case "timestamp":
			r.At = timeOf(in.Text())
		case "tools":
			r.Scanner = toolOf(in.Raw())
		case "component":
			var c cdxComponent
			h.err = firstError(h.err, decode(in.Raw(), &c))
			h.target = c.target()
			h.add(c)
		}
	}
}

// toolOf names the first tool: a list before version 1.5, an object since.
func toolOf(raw json.RawMessage) string {
	var tools []cdxComponent
	var since struct {
		Components []cdxComponent `json:"components"`
		Services   []cdxComponent `json:"services"`
	}
	if json.Unmarshal(raw, &tools) != nil && json.Unmarshal(raw, &since) == nil {
		tools = append(since.Components, since.Services...)
	}
	for _, t := range tools {
		if t.Name != "" {
			return t.Name + " " + t.Version
		}
	}
	return ""
}

// target of the component that the document is about, as Trivy, Syft and
// azward describe an image.
func (c *cdxComponent) target() Target {
	if c.Type != "container" && !strings.HasPrefix(c.PURL, "pkg:oci/") && !strings.HasPrefix(c.PURL, "pkg:docker/") {
		return Target{Other: strings.TrimSpace(c.Type + " " + c.Name)}
	}
	t := Target{Names: []string{c.Name}, Digests: []azward.Digest{azward.Digest(c.Version)}}
	for _, p := range c.Properties {
		switch p.Name {
		case "aquasecurity:trivy:ImageID":
			t.ImageID = azward.Digest(p.Value)
		case "aquasecurity:trivy:RepoDigest":
			t.addDigest(p.Value)
		case "aquasecurity:trivy:RepoTag":
			t.Names = append(t.Names, p.Value)
		case "aquasecurity:trivy:DiffID":
			t.Layers = append(t.Layers, azward.Digest(p.Value))
		}
	}
	if rest, ok := strings.CutPrefix(c.PURL, "pkg:oci/"); ok {
		rest, _, _ = strings.Cut(rest, "?")
		if _, digest, ok := strings.Cut(rest, "@"); ok {
			if plain, err := url.PathUnescape(digest); err == nil {
				t.Digests = append(t.Digests, azward.Digest(plain))
			}
		}
	}
	t.addDigest(c.Name)
	return t
}

func (h *cdxHead) list(in *jsonstream.Reader) {
	for range in.Items() {
		var c cdxComponent
		h.err = firstError(h.err, decode(in.Raw(), &c))
		h.add(c)
		if h.err != nil {
			return
		}
	}
}

func (h *cdxHead) add(c cdxComponent) {
	parts := c.Parts
	c.Parts, c.Properties = nil, nil
	if len(h.components) >= maxContext {
		h.err = firstError(h.err, fmt.Errorf("it lists more than %d components", maxContext))
		return
	}
	if c.Ref != "" {
		h.components[c.Ref] = c
	}
	for _, p := range parts {
		h.add(p)
	}
}

func (h *cdxHead) entries(in *jsonstream.Reader, yield func(Target, excerpt, string) bool) {
	for name := range in.Fields() {
		if name != "vulnerabilities" {
			continue
		}
		for range in.Items() {
			if !h.vulnerability(in.Raw(), yield) {
				return
			}
		}
	}
}

func (h *cdxHead) vulnerability(raw json.RawMessage, yield func(Target, excerpt, string) bool) bool {
	e := &cdxEntry{}
	if err := decode(raw, e); err != nil {
		return yield(h.target, nil, "its entry cannot be read: "+err.Error())
	}
	if len(e.Affects) == 0 {
		return yield(h.target, nil, "it does not say which component it affects")
	}
	for _, a := range e.Affects {
		one := *e
		one.Affects = []cdxAffects{a}
		c, ok := h.components[a.Ref]
		unusable := ""
		switch {
		case ok:
			one.Component = c
		case strings.HasPrefix(a.Ref, "urn:cdx:"):
			unusable = "it affects a component of another document: give the one that lists the components"
		case strings.HasPrefix(a.Ref, "pkg:"):
			one.Component = cdxComponent{PURL: a.Ref}
		default:
			unusable = "it affects a component that the document does not list"
		}
		if !yield(h.target, &one, unusable) {
			return false
		}
	}
	return true
}

func (e *cdxEntry) claim() (claim, string) {
	c := claim{
		id: e.ID, purl: e.Component.PURL, name: strings.TrimPrefix(e.Component.Group+"/"+e.Component.Name, "/"), version: e.Component.Version, affected: azward.Yes,
	}
	if e.Component.PURL == "" && e.Component.Type != "library" && e.Component.Type != "application" && e.Component.Type != "framework" && e.Component.Type != "" {
		return c, "it affects a component of type " + clean(cut(e.Component.Type, maxSummary)) + " without a package URL"
	}
	for _, r := range e.References {
		c.aliases = append(c.aliases, r.ID)
	}
	for _, r := range e.Ratings {
		if c.severity == "" || severityOf(c.severity) == azward.SeverityUnknown {
			c.severity = r.Severity
		}
		if strings.HasPrefix(r.Method, "CVSSv") || r.Vector != "" {
			c.vectors = append(c.vectors, azward.Score{Vector: r.Vector, Score: r.Score})
		}
	}
	if _, version, ok := strings.Cut(e.Recommendation, " to version "); ok {
		c.fixed = strings.Split(version, ",")
	}
	switch e.Analysis.State {
	case "not_affected", "false_positive", "resolved", "resolved_with_pedigree":
		c.affected, c.why = azward.No, strings.TrimSpace(e.Analysis.State+" "+e.Analysis.Justification+" "+e.Analysis.Detail)
	case "in_triage":
		c.affected, c.why = azward.Unknown, "in triage"
	}
	for _, a := range e.Affects {
		for _, v := range a.Versions {
			if v.Version != e.Component.Version || c.affected == azward.No {
				continue
			}
			switch v.Status {
			case "unaffected":
				c.affected, c.why = azward.No, "version "+v.Version+" is listed as unaffected"
			case "unknown":
				c.affected, c.why = azward.Unknown, "its status is unknown"
			}
		}
	}
	return c, ""
}
