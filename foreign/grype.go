package foreign

import (
	"encoding/json"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/jsonstream"
)

// grypeHead is what stands after the matches: what was scanned, and by whom.
//
// Sources: https://github.com/anchore/grype/tree/main/schema/grype/db-search/json,
// https://github.com/anchore/grype/blob/main/grype/presenter/models/document.go
type grypeHead struct {
	target   Target
	distro   grypeDistro
	anything bool
	err      error
}

type grypeDistro struct {
	Name    string `json:"name"`
	Version string `json:"version"`
}

type grypeSource struct {
	Type   string          `json:"type"`
	Target json.RawMessage `json:"target"`
}

type grypeImage struct {
	UserInput      string        `json:"userInput"`
	ImageID        azward.Digest `json:"imageID"`
	ManifestDigest azward.Digest `json:"manifestDigest"`
	Tags           []string      `json:"tags"`
	RepoDigests    []string      `json:"repoDigests"`
	Layers         []struct {
		Digest azward.Digest `json:"digest"`
	} `json:"layers"`
}

// grypeEntry is a match, with the members that are used.
type grypeEntry struct {
	Vulnerability grypeVulnerability   `json:"vulnerability"`
	Related       []grypeVulnerability `json:"relatedVulnerabilities,omitempty"`
	Artifact      grypeArtifact        `json:"artifact"`
	Rules         []grypeRule          `json:"appliedIgnoreRules,omitempty"`
	Distro        string               `json:"distro,omitempty"` // of the document
}

type grypeVulnerability struct {
	ID         string      `json:"id"`
	DataSource string      `json:"dataSource,omitempty"`
	Namespace  string      `json:"namespace,omitempty"`
	Severity   string      `json:"severity,omitempty"`
	CVSS       []grypeCVSS `json:"cvss,omitempty"`
	Fix        grypeFix    `json:"fix,omitzero"`
}

type grypeCVSS struct {
	Source  string `json:"source,omitempty"`
	Type    string `json:"type,omitempty"` // "Primary" is the CVE's own
	Vector  string `json:"vector,omitempty"`
	Metrics struct {
		BaseScore float64 `json:"baseScore"`
	} `json:"metrics"`
}

type grypeFix struct {
	Versions []string `json:"versions,omitempty"`
	State    string   `json:"state,omitempty"`
}

type grypeArtifact struct {
	Name     string `json:"name"`
	Version  string `json:"version"`
	Type     string `json:"type,omitempty"`
	PURL     string `json:"purl,omitempty"`
	Upstream []struct {
		Name string `json:"name"`
	} `json:"upstreams,omitempty"`
}

type grypeRule struct {
	Vulnerability string `json:"vulnerability,omitempty"`
	Reason        string `json:"reason,omitempty"`
	FixState      string `json:"fix-state,omitempty"`
	VEXStatus     string `json:"vex-status,omitempty"`
}

func (h *grypeHead) failed() error {
	switch {
	case h.err != nil:
		return h.err
	case !h.anything:
		return &otherError{"it is no Grype JSON: it has no matches", "write it with grype IMAGE -o json"}
	}
	return nil
}

func (h *grypeHead) read(in *jsonstream.Reader, r *Report) {
	r.Scanner = "Grype"
	for name := range in.Fields() {
		h.field(name, in, r)
	}
}

func (h *grypeHead) field(name string, in *jsonstream.Reader, r *Report) {
	switch name {
	case "matches", "ignoredMatches":
		h.anything = true
		skipItems(in)
	case "source":
		var s grypeSource
		h.err = firstError(h.err, decode(in.Raw(), &s))
		h.err = firstError(h.err, h.source(s))
	case "distro":
		h.err = firstError(h.err, decode(in.Raw(), &h.distro))
	case "descriptor":
		var by struct {
			Name      string `json:"name"`
			Version   string `json:"version"`
			Timestamp string `json:"timestamp"`
		}
		h.err = firstError(h.err, decode(in.Raw(), &by))
		if by.Name != "" && !strings.EqualFold(by.Name, "grype") {
			r.Scanner = by.Name
		}
		r.Scanner += " " + by.Version
		r.At = timeOf(by.Timestamp)
	}
}

func (h *grypeHead) source(s grypeSource) error {
	if s.Type != "image" {
		h.target = Target{Other: strings.TrimSpace(s.Type + " " + strings.Trim(string(s.Target), `"`))}
		return nil
	}
	var i grypeImage
	if err := decode(s.Target, &i); err != nil {
		return err
	}
	h.target = Target{Names: append([]string{i.UserInput}, i.Tags...), ImageID: i.ImageID, Digests: []azward.Digest{i.ManifestDigest}}
	for _, d := range i.RepoDigests {
		h.target.addDigest(d)
	}
	for _, l := range i.Layers {
		h.target.Layers = append(h.target.Layers, l.Digest)
	}
	return nil
}

func (h *grypeHead) entries(in *jsonstream.Reader, yield func(Target, excerpt, string) bool) {
	for name := range in.Fields() {
		if !h.matches(name, in, yield) {
			return
		}
	}
}

// matches gives what the list of that name holds; another name holds none.
func (h *grypeHead) matches(name string, in *jsonstream.Reader, yield func(Target, excerpt, string) bool) bool {
	if name != "matches" && name != "ignoredMatches" {
		return true
	}
	for range in.Items() {
		e, unusable := &grypeEntry{}, ""
		if err := decode(in.Raw(), e); err != nil {
			unusable = "its entry cannot be read: " + err.Error()
		}
		e.Distro = ""
		if h.distro.Name != "" {
			e.Distro = h.distro.Name + "-" + h.distro.Version
		}
		if name == "matches" {
			e.Rules = nil
		} else if len(e.Rules) == 0 {
			e.Rules = []grypeRule{{Reason: "it was told to ignore it"}}
		}
		if !yield(h.target, e, unusable) {
			return false
		}
	}
	return true
}

// grypeKinds are purl types of Grype's package types.
var grypeKinds = map[string]string{
	"deb": "deb", "rpm": "rpm", "apk": "apk", "npm": "npm", "python": "pypi", "java-archive": "maven", "go-module": "golang", "gem": "gem",
	"dotnet": "nuget", "php-composer": "composer", "rust-crate": "cargo", "jenkins-plugin": "maven", "pub": "pub", "hex": "hex",
}

func (e *grypeEntry) claim() (claim, string) {
	v := &e.Vulnerability
	c := claim{
		id: v.ID, purl: e.Artifact.PURL, kind: grypeKinds[e.Artifact.Type], name: e.Artifact.Name, version: e.Artifact.Version, distro: "",
		severity: v.Severity, fixed: v.Fix.Versions, affected: azward.Yes,
	}
	switch c.kind {
	case "deb", "rpm", "apk":
		if id, _, ok := strings.Cut(e.Distro, "-"); ok {
			c.kind += "/" + id
			c.distro = e.Distro
		}
	}
	switch v.Fix.State {
	case "not-fixed":
		c.state = azward.NotFixed
	case "wont-fix":
		c.state = azward.WillNotFix
	}
	for _, s := range v.CVSS {
		c.vectors = append(c.vectors, azward.Score{Vector: s.Vector, Score: s.Metrics.BaseScore})
	}
	for _, r := range e.Related {
		c.aliases = append(c.aliases, r.ID)
		for _, s := range r.CVSS {
			c.vectors = append(c.vectors, azward.Score{Vector: s.Vector, Score: s.Metrics.BaseScore})
		}
	}
	if len(e.Rules) > 0 {
		c.affected, c.why = azward.No, "ignored"
		for _, r := range e.Rules {
			switch {
			case r.VEXStatus != "":
				c.why = "a VEX document says " + r.VEXStatus
			case r.Reason != "":
				c.why = "ignored: " + r.Reason
			}
		}
	}
	return c, ""
}
