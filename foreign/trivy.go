package foreign

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/jsonstream"
)

// trivyHead is a report's head, of an image or of a cluster (trivy k8s).
//
// Sources: https://trivy.dev/latest/docs/configuration/reporting/#json,
// https://github.com/aquasecurity/trivy/blob/main/pkg/types/report.go,
// https://github.com/aquasecurity/trivy/blob/main/pkg/k8s/report/report.go
type trivyHead struct {
	schema                 string
	artifact, kind         string
	meta                   trivyMetadata
	objects                []trivyObject // of a cluster, in order
	cluster, anything, old bool
	err                    error
}

type trivyMetadata struct {
	OS struct {
		Family string `json:"Family"`
		Name   string `json:"Name"`
	} `json:"OS"`
	ImageID     azward.Digest   `json:"ImageID"`
	DiffIDs     []azward.Digest `json:"DiffIDs"`
	RepoTags    []string        `json:"RepoTags"`
	RepoDigests []string        `json:"RepoDigests"`
}

// trivyObject is one object of a cluster, with the images that it runs.
type trivyObject struct {
	name string
	meta []trivyMetadata
	fail string
}

// trivyEntry is a vulnerability, with what of its result and image is used.
type trivyEntry struct {
	VulnerabilityID  string               `json:"VulnerabilityID"`
	VendorIDs        []string             `json:"VendorIDs,omitempty"`
	PkgName          string               `json:"PkgName,omitempty"`
	PkgIdentifier    trivyIdentifier      `json:"PkgIdentifier,omitzero"`
	InstalledVersion string               `json:"InstalledVersion,omitempty"`
	FixedVersion     string               `json:"FixedVersion,omitempty"`
	Status           string               `json:"Status,omitempty"`
	Severity         string               `json:"Severity,omitempty"`
	SeveritySource   string               `json:"SeveritySource,omitempty"`
	Title            string               `json:"Title,omitempty"`
	CVSS             map[string]trivyCVSS `json:"CVSS,omitempty"`
	// Of the result and the artifact that it stands in.
	Type   string `json:"Type,omitempty"`
	OS     string `json:"OS,omitempty"`
	Notice string `json:"Notice,omitempty"` // of a modified finding: status and statement
}

type trivyIdentifier struct {
	PURL string `json:"PURL,omitempty"`
}

type trivyCVSS struct {
	V2Vector  string  `json:"V2Vector,omitempty"`
	V3Vector  string  `json:"V3Vector,omitempty"`
	V40Vector string  `json:"V40Vector,omitempty"`
	V2Score   float64 `json:"V2Score,omitempty"`
	V3Score   float64 `json:"V3Score,omitempty"`
	V40Score  float64 `json:"V40Score,omitempty"`
}

func (h *trivyHead) failed() error {
	switch {
	case h.err != nil:
		return h.err
	case h.cluster:
		return nil
	case h.old:
		return &otherError{"it is Trivy JSON of schema version " + fmt.Sprintf("%.20s", h.schema), "scan with Trivy 0.20 or newer, which writes schema version 2"}
	case !h.anything:
		return &otherError{"it is no Trivy JSON: it has neither SchemaVersion nor Results", "write it with trivy image --format json"}
	}
	return nil
}

func (h *trivyHead) read(in *jsonstream.Reader, r *Report) {
	r.Scanner = "Trivy"
	for name := range in.Fields() {
		switch name {
		case "SchemaVersion":
			h.schema = string(in.Raw())
			h.anything, h.old = true, h.schema != "2"
		case "CreatedAt":
			r.At = timeOf(in.Text())
		case "ArtifactName":
			h.artifact, h.anything = in.Text(), true
		case "ArtifactType":
			h.kind = in.Text()
		case "Metadata":
			h.err = firstError(h.err, decode(in.Raw(), &h.meta))
		case "Trivy":
			var by struct {
				Version string `json:"Version"`
			}
			h.err = firstError(h.err, decode(in.Raw(), &by))
			r.Scanner += " " + by.Version
		case "Results":
			h.anything = true
			skipItems(in)
		case "ClusterName":
			h.cluster = true
			in.Skip()
		case "Resources", "Vulnerabilities":
			h.readObjects(in)
		}
	}
}

// skipItems passes over a list, an item at a time.
func skipItems(in *jsonstream.Reader) {
	for range in.Items() {
		in.Skip()
	}
}

func (h *trivyHead) readObjects(in *jsonstream.Reader) {
	h.cluster = true
	for range in.Items() {
		var o trivyObject
		parts := map[string]string{}
		for name := range in.Fields() {
			switch name {
			case "Namespace", "Kind", "Name":
				parts[name] = in.Text()
			case "Error":
				o.fail = in.Text()
			case "Metadata":
				h.err = firstError(h.err, decodeOneOrMore(in.Raw(), &o.meta))
			}
		}
		o.name = strings.TrimPrefix(parts["Namespace"]+"/"+parts["Kind"]+"/"+parts["Name"], "/")
		if len(h.objects) >= maxContext {
			h.err = firstError(h.err, fmt.Errorf("it has more than %d objects", maxContext))
			return
		}
		h.objects = append(h.objects, o)
	}
}

func (m *trivyMetadata) target(name, kind string) Target {
	t := Target{ImageID: m.ImageID, Layers: m.DiffIDs, Names: slices.Clone(m.RepoTags)}
	if kind != "" && kind != "container_image" {
		return Target{Other: kind + " " + name}
	}
	if name != "" {
		t.Names = append(t.Names, name)
	}
	for _, d := range m.RepoDigests {
		t.addDigest(d)
	}
	return t
}

// addDigest takes the digest of "repository@sha256:…".
func (t *Target) addDigest(reference string) {
	if at := strings.LastIndexByte(reference, '@'); at >= 0 {
		t.Digests = append(t.Digests, azward.Digest(reference[at+1:]))
	}
}

func (h *trivyHead) entries(in *jsonstream.Reader, yield func(Target, excerpt, string) bool) {
	number := 0
	for name := range in.Fields() {
		switch name {
		case "Results":
			if h.cluster {
				continue
			}
			if !h.results(in, h.meta.target(h.artifact, h.kind), &h.meta, yield) {
				return
			}
		case "Resources", "Vulnerabilities":
			for range in.Items() {
				if number >= len(h.objects) {
					return
				}
				o := &h.objects[number]
				number++
				if !h.object(in, o, yield) {
					return
				}
			}
		}
	}
}

// object of a cluster. Its results do not say which of several images they
// are about, so only an object with one image can be told.
func (h *trivyHead) object(in *jsonstream.Reader, o *trivyObject, yield func(Target, excerpt, string) bool) bool {
	t, meta := Target{Other: o.name}, &trivyMetadata{}
	if len(o.meta) == 1 {
		meta = &o.meta[0]
		t = meta.target("", "")
		t.Other = o.name
	}
	if o.fail != "" && !yield(t, nil, "Trivy could not scan it: "+o.fail) {
		return false
	}
	for name := range in.Fields() {
		if name == "Results" && !h.results(in, t, meta, func(t Target, x excerpt, unusable string) bool {
			if len(o.meta) > 1 && unusable == "" {
				unusable = fmt.Sprintf("the object runs %d images, and the report does not say which of them it is about", len(o.meta))
			}
			return yield(t, x, unusable)
		}) {
			return false
		}
	}
	return true
}

func (h *trivyHead) results(in *jsonstream.Reader, t Target, meta *trivyMetadata, yield func(Target, excerpt, string) bool) bool {
	for range in.Items() {
		kind := "" // stands before the vulnerabilities in every version
		for name := range in.Fields() {
			switch name {
			case "Type":
				kind = in.Text()
			case "Vulnerabilities":
				for range in.Items() {
					e := &trivyEntry{}
					if !yield(t, e, e.from(in.Raw(), kind, meta)) {
						return false
					}
				}
			case "ExperimentalModifiedFindings":
				for range in.Items() {
					if !modified(in.Raw(), kind, meta, t, yield) {
						return false
					}
				}
			}
		}
	}
	return true
}

func (e *trivyEntry) from(raw json.RawMessage, kind string, meta *trivyMetadata) (unusable string) {
	if err := decode(raw, e); err != nil {
		return "its entry cannot be read: " + err.Error()
	}
	e.Type, e.Notice = kind, ""
	if meta.OS.Family != "" {
		e.OS = meta.OS.Family + " " + meta.OS.Name
	}
	return ""
}

// modified is a finding that Trivy was told to leave out, by an ignore file or
// a VEX document.
func modified(raw json.RawMessage, kind string, meta *trivyMetadata, t Target, yield func(Target, excerpt, string) bool) bool {
	var m struct {
		Type      string
		Status    string
		Statement string
		Source    string
		Finding   json.RawMessage
	}
	e := &trivyEntry{}
	if err := decode(raw, &m); err != nil {
		return yield(t, nil, "its entry cannot be read: "+err.Error())
	}
	if m.Type != "vulnerability" {
		return true // a secret, a misconfiguration
	}
	unusable := e.from(m.Finding, kind, meta)
	e.Notice = strings.TrimSpace(m.Status + " " + m.Statement)
	if m.Source != "" {
		e.Notice += " (" + m.Source + ")"
	}
	return yield(t, e, unusable)
}

// trivyKinds are purl types of Trivy's result types, for reports of versions
// before 0.46, which give no package URL.
var trivyKinds = map[string]string{
	"alpine": "apk/alpine", "wolfi": "apk/wolfi", "chainguard": "apk/chainguard", "debian": "deb/debian", "ubuntu": "deb/ubuntu",
	"redhat": "rpm/redhat", "centos": "rpm/centos", "rocky": "rpm/rocky", "alma": "rpm/almalinux", "amazon": "rpm/amazon", "oracle": "rpm/oracle",
	"fedora": "rpm/fedora", "cbl-mariner": "rpm/mariner", "azurelinux": "rpm/azurelinux", "photon": "rpm/photon",
	"opensuse-leap": "rpm/opensuse", "suse linux enterprise server": "rpm/suse",
	"npm": "npm", "node-pkg": "npm", "yarn": "npm", "pnpm": "npm", "bun": "npm", "jar": "maven", "pom": "maven", "gradle": "maven", "sbt": "maven",
	"gobinary": "golang", "gomod": "golang", "python-pkg": "pypi", "pip": "pypi", "pipenv": "pypi", "poetry": "pypi", "uv": "pypi", "conda-pkg": "conda",
	"bundler": "gem", "gemspec": "gem", "cargo": "cargo", "rustbinary": "cargo", "composer": "composer", "composer-vendor": "composer",
	"nuget": "nuget", "dotnet-core": "nuget", "packages-props": "nuget", "hex": "hex", "pub": "pub", "swift": "swift", "cocoapods": "cocoapods", "conan": "conan",
}

func (e *trivyEntry) claim() (claim, string) {
	c := claim{
		id: e.VulnerabilityID, aliases: e.VendorIDs, purl: e.PkgIdentifier.PURL, kind: trivyKinds[e.Type], name: e.PkgName, version: e.InstalledVersion,
		summary: e.Title, severity: e.Severity, fixed: strings.Split(e.FixedVersion, ","), affected: azward.Yes,
	}
	if family, release, ok := strings.Cut(e.OS, " "); ok && (strings.HasPrefix(c.kind, "deb/") || strings.HasPrefix(c.kind, "rpm/") || strings.HasPrefix(c.kind, "apk/")) {
		c.distro = family + "-" + release
	}
	switch e.Status {
	case "not_affected":
		c.affected, c.state, c.why = azward.No, azward.NotAffected, "status not_affected"
	case "affected", "fix_deferred":
		c.state = azward.NotFixed
	case "will_not_fix", "end_of_life":
		c.state = azward.WillNotFix
	case "under_investigation":
		c.affected, c.why = azward.Unknown, "under investigation"
	}
	if e.Notice != "" {
		c.affected, c.why = azward.No, e.Notice
	}
	names := []string{e.SeveritySource, "nvd", "ghsa", "redhat"}
	for name := range e.CVSS {
		names = append(names, name)
	}
	slices.Sort(names[4:])
	for _, name := range names {
		if s, ok := e.CVSS[name]; ok {
			c.vectors = append(c.vectors, azward.Score{Vector: s.V3Vector, Score: s.V3Score}, azward.Score{Vector: s.V40Vector, Score: s.V40Score}, azward.Score{Vector: s.V2Vector, Score: s.V2Score})
		}
	}
	return c, ""
}

func decode(raw json.RawMessage, into any) error {
	if raw == nil {
		return nil
	}
	return json.Unmarshal(raw, into)
}

// decodeOneOrMore reads a value that is a list or a single one.
func decodeOneOrMore[T any](raw json.RawMessage, into *[]T) error {
	if len(raw) > 0 && raw[0] == '[' {
		return json.Unmarshal(raw, into)
	}
	var one T
	if err := decode(raw, &one); err != nil || raw == nil {
		return err
	}
	*into = []T{one}
	return nil
}

func firstError(a, b error) error {
	if a != nil {
		return a
	}
	return b
}
