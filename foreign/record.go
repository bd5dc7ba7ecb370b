package foreign

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/azward/azward"
	"github.com/azward/azward/sbom"
)

// recordFormat marks the records of this package among those of advisories.
const recordFormat = "azward-foreign/1"

// record is what a proof carries of a report: who says it, about what, and the
// entry itself, with the members that were used, in the scanner's words.
type record struct {
	Format  string          `json:"format"`
	Kind    Format          `json:"kind"`
	Scanner string          `json:"scanner"`
	Report  string          `json:"report"`
	At      time.Time       `json:"at,omitzero"`
	Target  Target          `json:"target,omitzero"`
	Entry   json.RawMessage `json:"entry"`
}

// excerpt is the part of a report's entry that is used. Its JSON has the
// scanner's names, so that reading it again gives the same.
type excerpt interface {
	// claim is what the entry says; unusable says why it says nothing.
	claim() (c claim, unusable string)
}

// claim is what an entry says, before it is put into our words.
type claim struct {
	id       string
	aliases  []string
	purl     string // "" is made of kind, name and version
	kind     string // purl type and namespace: "deb/debian"; "" is generic
	distro   string // qualifier for kind: "debian-12"
	name     string
	version  string
	summary  string
	severity string
	vectors  []azward.Score
	fixed    []string
	state    azward.FixState
	affected azward.Answer
	why      string // why the scanner takes it back, for No
}

// excerpts makes the empty excerpt of each kind.
var excerpts = map[Format]func() excerpt{
	Trivy: func() excerpt { return &trivyEntry{} }, Grype: func() excerpt { return &grypeEntry{} },
	SARIF: func() excerpt { return &sarifEntry{} }, CycloneDX: func() excerpt { return &cdxEntry{} },
	Defender: func() excerpt { return &defenderEntry{} }, Kubescape: func() excerpt { return &grypeEntry{} },
}

// finding puts an entry into our words.
func (r *Report) finding(t Target, x excerpt, unusable string) Finding {
	f := Finding{Target: t.bounded(), Unusable: unusable}
	if unusable != "" {
		return f
	}
	entry, err := json.Marshal(x)
	if err != nil {
		f.Unusable = "its entry cannot be written down: " + err.Error()
		return f
	}
	rec := record{recordFormat, r.Format, r.Scanner, r.Name, r.At, f.Target, entry}
	if by, ok := x.(*sarifEntry); ok && by.tool != "" { // of the run, not of the first
		rec.Scanner = clean(cut(by.tool, maxText))
	}
	if f.Record, err = encode(rec); err != nil {
		return Finding{Target: f.Target, Unusable: "its entry cannot be written down: " + err.Error()}
	}
	if len(f.Record) > maxRecord {
		return Finding{Target: f.Target, Unusable: fmt.Sprintf("its entry takes more than %d bytes", maxRecord)}
	}
	again, err := read(f.Record)
	if err != nil {
		return Finding{Target: f.Target, Unusable: err.Error()}
	}
	again.Record = f.Record
	return again
}

// Is reports whether a proof's record is one of this package.
func Is(raw json.RawMessage) bool {
	return bytes.HasPrefix(raw, []byte(`{"format":"`+recordFormat+`",`))
}

// Rematch reads a record of a proof again: the finding that the scanner's entry
// gives for the package. It is a verdict.Matcher.
func Rematch(raw json.RawMessage, pkg azward.Package) ([]azward.Finding, error) {
	f, err := read(raw)
	if err != nil {
		return nil, err
	}
	if f.Unusable != "" {
		return nil, fmt.Errorf("read %s: %s", f.Claim.Record, f.Unusable)
	}
	return []azward.Finding{f.Of(pkg)}, nil
}

// Or is [Rematch] for the records of this package, and the other matcher, which
// reads advisories, for all others.
func Or(other func(json.RawMessage, azward.Package) ([]azward.Finding, error)) func(json.RawMessage, azward.Package) ([]azward.Finding, error) {
	return func(raw json.RawMessage, pkg azward.Package) ([]azward.Finding, error) {
		if Is(raw) {
			return Rematch(raw, pkg)
		}
		return other(raw, pkg)
	}
}

// read makes a finding of a record, the same each time.
func read(raw json.RawMessage) (Finding, error) {
	var rec record
	decoder := json.NewDecoder(bytes.NewReader(raw))
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&rec); err != nil {
		return Finding{}, fmt.Errorf("read a scanner's entry: %w", err)
	}
	empty, ok := excerpts[rec.Kind]
	if rec.Format != recordFormat || !ok {
		return Finding{}, fmt.Errorf("a scanner's entry of format %.40q and kind %.40q", rec.Format, rec.Kind)
	}
	x := empty()
	if err := json.Unmarshal(rec.Entry, x); err != nil {
		return Finding{}, fmt.Errorf("read a scanner's entry: %w", err)
	}
	c, unusable := x.claim()
	if unusable != "" {
		return Finding{Target: rec.Target, Unusable: unusable}, nil
	}
	return rec.finding(c), nil
}

func (r *record) finding(c claim) Finding {
	c.clean()
	if c.id == "" {
		return Finding{Target: r.Target, Unusable: "it names no vulnerability"}
	}
	if c.name == "" && c.purl == "" {
		return Finding{Target: r.Target, Unusable: "it names no package"}
	}
	pkg := c.pkg()
	f := azward.Finding{
		ID: c.id, Aliases: c.aliases, PURL: pkg.PURL, Summary: c.summary, Severity: severityOf(c.severity),
		FixedIn: c.fixed, FixState: c.state, Affected: c.affected,
		Record: r.Scanner + ": " + c.id,
	}
	if f.FixState == azward.FixUnknown && len(f.FixedIn) > 0 {
		f.FixState = azward.Fixed
	}
	for _, s := range c.vectors {
		if s.Vector != "" && f.Vector == "" {
			f.Vector, f.CVSS = s.Vector, s.Score
		}
	}
	for _, s := range c.vectors {
		if f.CVSS == 0 && (f.Vector == "" || f.Vector == s.Vector) {
			f.CVSS = s.Score
		}
	}
	f.Range = r.words(c, pkg)
	return Finding{Scanner: r.Scanner, Claim: f, Package: pkg, Target: r.Target}
}

// words are the claim as a sentence's end: "Trivy 0.58.1 names openssl 3.0.11; fixed in 3.0.13".
func (r *record) words(c claim, pkg azward.Package) string {
	says := fmt.Sprintf("%s names %s", r.Scanner, strings.TrimSpace(pkg.Name+" "+pkg.Version))
	switch {
	case c.affected == azward.No:
		return fmt.Sprintf("%s and takes it back: %s", says, c.why)
	case c.affected == azward.Unknown:
		return says + " and does not say whether it is affected: " + c.why
	case len(c.fixed) > 0:
		return says + " affected, fixed in " + strings.Join(c.fixed, " or ")
	case c.state != azward.FixUnknown:
		return says + " affected, " + strings.ReplaceAll(string(c.state), "-", " ")
	}
	return says + " affected"
}

// Of is the finding for the package that the image holds, in place of the
// scanner's own name of it.
func (f Finding) Of(pkg azward.Package) azward.Finding {
	claim := f.Claim
	claim.PURL, claim.Layer = pkg.PURL, pkg.Layer
	return claim
}

// clean bounds what the entry holds, prefers a CVE for its name, and takes out
// what would move a cursor.
func (c *claim) clean() {
	for _, s := range []*string{&c.id, &c.name, &c.version, &c.kind, &c.distro, &c.severity} {
		*s = clean(cut(strings.TrimSpace(*s), maxText))
	}
	c.summary, c.why = clean(cut(strings.TrimSpace(c.summary), maxSummary)), clean(cut(strings.TrimSpace(c.why), maxSummary))
	c.aliases, c.fixed = cleanList(c.aliases), cleanList(c.fixed)
	if !strings.HasPrefix(c.id, "CVE-") {
		if at := slices.IndexFunc(c.aliases, func(a string) bool { return strings.HasPrefix(a, "CVE-") }); at >= 0 {
			c.id, c.aliases[at] = c.aliases[at], c.id
		}
	}
	c.aliases = slices.DeleteFunc(c.aliases, func(a string) bool { return a == c.id })
	slices.Sort(c.aliases)
	c.aliases = slices.Compact(c.aliases)
}

// cleanList is never nil, as the root's findings have it.
func cleanList(list []string) []string {
	out := make([]string, 0, min(len(list), maxList))
	for _, s := range list[:min(len(list), maxList)] {
		if s = clean(cut(strings.TrimSpace(s), maxText)); s != "" && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

// pkg is the package that the entry names. Where it gives no package URL that
// can be read, one is made of what it gives.
func (c *claim) pkg() azward.Package {
	if c.purl != "" {
		if p, err := sbom.PackageOf(c.purl, sbom.OS{}); err == nil {
			if p.Version == "" {
				p.Version = c.version
			}
			return p
		}
	}
	kind := c.kind
	if kind == "" {
		kind = "generic"
	}
	made := "pkg:" + kind + "/" + escaped(c.name)
	if c.version != "" {
		made += "@" + url.QueryEscape(c.version)
	}
	if c.distro != "" {
		made += "?distro=" + url.QueryEscape(c.distro)
	}
	p, err := sbom.PackageOf(made, sbom.OS{})
	if err != nil {
		p = azward.Package{PURL: made}
	}
	p.Name, p.Version, p.Locations = c.name, c.version, []string{}
	return p
}

// escaped is a name for a package URL; a maven coordinate's colon and a scope's
// slash part namespace and name.
func escaped(name string) string {
	parts := strings.FieldsFunc(name, func(r rune) bool { return r == '/' || r == ':' })
	for i, p := range parts {
		parts[i] = url.PathEscape(p)
	}
	return strings.Join(parts, "/")
}

func severityOf(word string) azward.Severity {
	switch s := azward.Severity(strings.ToLower(word)); s {
	case azward.SeverityCritical, azward.SeverityHigh, azward.SeverityMedium, azward.SeverityLow, azward.SeverityNone:
		return s
	case "moderate", "warning":
		return azward.SeverityMedium
	case "important", "error":
		return azward.SeverityHigh
	case "negligible", "note":
		return azward.SeverityLow
	case "informational", "info":
		return azward.SeverityNone
	}
	return azward.SeverityUnknown
}

// bounded keeps what of a target can be compared.
func (t Target) bounded() Target {
	t.Names = list(t.Names, func(s string) bool { return len(s) <= maxText })
	t.Digests = list(t.Digests, isDigest)
	t.Layers = list(t.Layers, isDigest)
	if !isDigest(t.ImageID) {
		t.ImageID = ""
	}
	if _, err := azward.ParseResourceID(string(t.Resource)); err != nil {
		t.Resource = ""
	}
	t.Other = clean(cut(t.Other, maxSummary))
	return t
}

func list[S ~string](all []S, ok func(S) bool) []S {
	var out []S
	for _, s := range all {
		if len(out) == maxList {
			break
		}
		if s = S(clean(strings.TrimSpace(string(s)))); s != "" && ok(s) && !slices.Contains(out, s) {
			out = append(out, s)
		}
	}
	return out
}

func isDigest(d azward.Digest) bool {
	hex, ok := strings.CutPrefix(string(d), "sha256:")
	return ok && len(hex) == 64 && strings.Trim(hex, "0123456789abcdef") == ""
}

// encode writes JSON as a proof does, so that its hash stays.
func encode(v any) (json.RawMessage, error) {
	var out bytes.Buffer
	enc := json.NewEncoder(&out)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, fmt.Errorf("encode: %w", err)
	}
	return bytes.TrimSuffix(out.Bytes(), []byte("\n")), nil
}

// clean takes out of somebody else's text what would move a cursor or turn the
// direction of writing.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '\uFFFD'
		}
		return r
	}, strings.ToValidUTF8(s, "\uFFFD"))
}

// cut shortens a text to at most so many bytes, between characters.
func cut(s string, most int) string {
	if len(s) <= most {
		return s
	}
	return strings.ToValidUTF8(s[:most], "")
}
