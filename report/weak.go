package report

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"iter"
	"strings"

	"github.com/azward/azward"
)

// Weakness is what weakens an image besides vulnerabilities: a control of a
// profile that it does not meet, or a secret in it.
type Weakness struct {
	Rule   string // "root-user"; of a secret its kind: "github-token"
	Secret bool
	// Profile that has the rule: "azward-image 1".
	Profile string
	// Title is the control as it is when met: "runs as a user of its own".
	Title    string
	Reason   string // why it is not met, or what the secret is, without its value
	Why, Fix string
	URL      string // where the rule comes from
	Severity azward.Severity

	Image    string
	Digest   azward.Digest
	Platform string
	// Place is a file within the image, "" for its configuration; Line counts
	// from 1, 0 is none.
	Place string
	Line  int
	Layer azward.Digest
	// Key tells several of one rule and place apart, and stays the same when
	// the image is built again.
	Key string
}

// Kinds of rows and results about images.
const (
	kindVulnerability    = "vulnerability"
	kindMisconfiguration = "misconfiguration"
	kindSecret           = "secret"
)

func (x Weakness) kind() string {
	if x.Secret {
		return kindSecret
	}
	return kindMisconfiguration
}

// id is the rule among those of vulnerabilities.
func (x Weakness) id() string { return "azward/" + x.kind() + "/" + x.Rule }

func (x Weakness) repository() string { return repositoryOf(x.Image) }

func (x Weakness) rule() sarifImageRule {
	title := x.Title
	if x.Secret {
		title = "secret in the image: " + x.Rule
	}
	help, marked := []string{title}, []string{markdown(title)}
	for _, line := range []string{x.Why, x.Fix} {
		if line != "" {
			help, marked = append(help, line), append(marked, markdown(line))
		}
	}
	rule := sarifImageRule{
		ID: x.id(), Name: map[bool]string{true: "SecretInImage", false: "WeakImage"}[x.Secret],
		ShortDescription: sarifText{Text: plain(title)}, FullDescription: sarifText{Text: plain(cmp.Or(x.Why, title))}, HelpURI: x.URL,
		Help:       sarifText{Text: plain(strings.Join(help, "\n")), Markdown: strings.Join(marked, "\n\n")},
		Default:    sarifLevel{severityLevel(x.Severity)},
		Properties: map[string]any{"tags": []string{"security", x.kind()}},
	}
	if score := securitySeverity(x.Severity, 0); score != "" {
		rule.Properties["security-severity"] = score
	}
	return rule
}

func (x Weakness) result(rule int) sarifFound {
	image := x.repository()
	if x.Digest != "" {
		image += "@" + string(x.Digest)
	}
	name := "image configuration"
	if x.Place != "" {
		name = x.Place
	}
	r := sarifFound{sarifResult: sarifResult{
		RuleID: x.id(), RuleIndex: rule, Level: severityLevel(x.Severity), Message: sarifMessage{plain(x.words())},
		Locations: []sarifLocation{{
			PhysicalLocation: sarifPhysical{sarifArtifact{fileURI(x.repository(), x.Place)}, sarifRegion{max(x.Line, 1)}},
			LogicalLocations: []sarifLogical{{name, image + x.Place, "resource"}},
		}},
		PartialFingerprints: map[string]string{"azwardFinding/v1": x.fingerprint()},
		Properties:          map[string]any{"severity": x.Severity, "image": x.Image, "kind": x.kind()},
	}}
	if x.Layer != "" {
		r.Locations[0].LogicalLocations = append(r.Locations[0].LogicalLocations, sarifLogical{string(x.Layer), image + "/" + string(x.Layer), "layer"})
	}
	return r
}

// words is the weakness in one sentence.
func (x Weakness) words() string {
	if x.Secret {
		return x.Reason
	}
	return "not met: " + x.Title + ": " + x.Reason
}

func (x Weakness) fingerprint() string {
	sum := sha256.Sum256([]byte(strings.Join([]string{x.repository(), x.id(), x.Place, x.Key}, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// csv is the weakness as a row of [FoundCSV].
func (x Weakness) csv() []string {
	row := make([]string, len(foundColumns))
	for column, cell := range map[string]string{
		"image": x.Image, "digest": string(x.Digest), "platform": x.Platform, "vulnerability": x.Rule, "severity": string(x.Severity),
		"affected": azward.Yes.String(), "layer": string(x.Layer), "location": x.Place, "record": x.Profile, "summary": x.words(), "kind": x.kind(),
	} {
		row[columnOf(column)] = cell
	}
	return row
}

func columnOf(name string) int {
	for n, column := range foundColumns {
		if column == name {
			return n
		}
	}
	return len(foundColumns)
}

// weakRules are the rules of weaknesses, each once, numbered from first.
func weakRules(weak iter.Seq[Weakness], first int) ([]Weakness, map[string]int) {
	var list []Weakness
	at := map[string]int{}
	for x := range weak {
		if _, ok := at[x.id()]; !ok {
			at[x.id()] = first + len(list)
			list = append(list, x)
		}
	}
	return list, at
}
