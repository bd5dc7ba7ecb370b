package vex

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	packageurl "github.com/package-url/packageurl-go"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/jsonstream"
)

// The part of CycloneDX 1.6 that a VEX document has. Field names are the
// standard's.
//
// Source: https://cyclonedx.org/docs/1.6/json/
type (
	cdxComponent struct {
		Type       string        `json:"type"`
		Ref        string        `json:"bom-ref"`
		Group      string        `json:"group,omitempty"`
		Name       string        `json:"name"`
		Version    string        `json:"version,omitempty"`
		Hashes     []cdxHash     `json:"hashes,omitempty"`
		PURL       string        `json:"purl,omitempty"`
		Properties []cdxProperty `json:"properties,omitempty"`
	}
	cdxHash struct {
		Algorithm string `json:"alg"`
		Content   string `json:"content"`
	}
	cdxProperty struct {
		Name  string `json:"name"`
		Value string `json:"value"`
	}
	cdxTools struct {
		Components []cdxTool `json:"components"`
	}
	cdxTool struct {
		Type    string `json:"type"`
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
	}
	cdxAuthor struct {
		Name string `json:"name"`
	}
	cdxDependency struct {
		Ref string   `json:"ref"`
		On  []string `json:"dependsOn,omitempty"`
	}
	cdxSource struct {
		Name string `json:"name"`
		URL  string `json:"url,omitempty"`
	}
	cdxReference struct {
		ID     string    `json:"id"`
		Source cdxSource `json:"source"`
	}
	cdxRating struct {
		Source   cdxSource `json:"source"`
		Score    float64   `json:"score,omitempty"`
		Severity string    `json:"severity"`
		Method   string    `json:"method,omitempty"`
		Vector   string    `json:"vector,omitempty"`
	}
	cdxAnalysis struct {
		State         string     `json:"state"`
		Justification string     `json:"justification,omitempty"`
		Response      []string   `json:"response,omitempty"`
		Detail        string     `json:"detail"`
		Updated       *time.Time `json:"lastUpdated,omitempty"`
	}
	cdxAffects struct {
		Ref string `json:"ref"`
	}
	cdxVulnerability struct {
		Ref            string         `json:"bom-ref"`
		ID             string         `json:"id"`
		Source         cdxSource      `json:"source"`
		References     []cdxReference `json:"references,omitempty"`
		Ratings        []cdxRating    `json:"ratings,omitempty"`
		Description    string         `json:"description,omitempty"`
		Recommendation string         `json:"recommendation,omitempty"`
		Analysis       cdxAnalysis    `json:"analysis"`
		Affects        []cdxAffects   `json:"affects"`
		Properties     []cdxProperty  `json:"properties,omitempty"`
	}
)

// CycloneDX writes the verdicts as a CycloneDX 1.6 document of vulnerabilities
// with their analysis, one statement each, the worst of each vulnerability
// first, piece by piece. Components are
// packages, once for each place that they are in, and lie side by side, since
// readers look for them by reference and package URL; what is beneath what is
// in the dependencies. What has no way in is not_affected,
// protected_at_perimeter: CycloneDX has a word for it that claims no more.
func CycloneDX(w io.Writer, verdicts []azward.Verdict, o Options) error {
	list, _ := subjects(verdicts, o.Product)
	parts := newCatalog(o.Product)
	for _, s := range list {
		parts.place(s.verdict)
	}
	j := jsonstream.New(w)
	j.Object("")
	j.Value("$schema", "http://cyclonedx.org/schema/bom-1.6.schema.json")
	j.Value("bomFormat", "CycloneDX")
	j.Value("specVersion", "1.6")
	j.Value("serialNumber", "urn:uuid:"+uuid(fingerprint(list, o)))
	j.Value("version", 1)
	j.Object("metadata")
	j.Value("timestamp", o.Issued.UTC())
	j.Value("tools", cdxTools{[]cdxTool{{"application", "azward", o.Version}}})
	j.Value("authors", []cdxAuthor{{o.author()}})
	j.End()
	j.Array("components")
	for c := range parts.cycloneDX {
		j.Value("", c)
	}
	j.End()
	j.Array("dependencies")
	for d := range parts.dependencies {
		j.Value("", d)
	}
	j.End()
	j.Array("vulnerabilities")
	for _, group := range byVulnerability(list) {
		// Some readers (Grype since 2026) take the first entry of an ID for all
		// that have it: it is the worst.
		slices.SortStableFunc(group, func(a, b subject) int {
			return cmp.Or(cmp.Compare(a.position.status, b.position.status), cmp.Compare(a.position.reason, b.position.reason))
		})
		for _, s := range group {
			j.Value("", s.cycloneDX(parts.place(s.verdict)))
		}
	}
	j.End()
	j.End()
	return j.Close()
}

// uuid writes the first 16 bytes as a UUID of version 8, whose bits mean what
// their maker wants.
//
// Source: https://www.rfc-editor.org/rfc/rfc9562#section-5.8
func uuid(hash []byte) string {
	b := append([]byte{}, hash[:16]...)
	b[6], b[8] = b[6]&0x0f|0x80, b[8]&0x3f|0x80
	return fmt.Sprintf("%x-%x-%x-%x-%x", b[:4], b[4:6], b[6:8], b[8:10], b[10:])
}

// cycloneDX yields the components: deployments, then images and packages by
// place.
func (c *catalog) cycloneDX(yield func(cdxComponent) bool) {
	for n, v := range c.deployments.first {
		if !yield(cdxComponent{
			Type: "application", Ref: fmt.Sprintf("deployment-%d", n+1), Name: plain(cmp.Or(v.Workload.Name, string(v.Workload.ID))),
			Properties: []cdxProperty{{"azward:workload:id", plain(string(v.Workload.ID))}, {"azward:workload:kind", plain(string(v.Workload.Kind))}},
		}) {
			return
		}
	}
	if c.of == Images {
		for n, v := range c.images.first {
			if !yield(cdxImage(v.Image, fmt.Sprintf("image-%d", n+1))) {
				return
			}
		}
	}
	for _, n := range c.nested {
		component := cdxImage(n.image, n.id)
		if n.pack {
			component = cdxPackage(n.purl, n.id)
		}
		if !yield(component) {
			return
		}
	}
}

func cdxImage(image, ref string) cdxComponent {
	repository, digest := splitImage(image)
	c := cdxComponent{Type: "container", Ref: ref, Name: plain(cmp.Or(repository, "image")), Version: plain(digest), PURL: ociPURL(image)}
	if hash := sha256Of(image); hash != "" {
		c.Hashes = []cdxHash{{"SHA-256", hash}}
	}
	return c
}

func cdxPackage(purl, ref string) cdxComponent {
	p, err := packageurl.FromString(purl)
	if err != nil {
		return cdxComponent{Type: "library", Ref: ref, Name: plain(purl)}
	}
	return cdxComponent{Type: "library", Ref: ref, Group: plain(p.Namespace), Name: plain(p.Name), Version: plain(p.Version), PURL: purl}
}

// dependencies yields what is beneath what.
func (c *catalog) dependencies(yield func(cdxDependency) bool) {
	on := map[string][]string{}
	var order []string
	for _, n := range c.nested {
		if on[n.within] == nil {
			order = append(order, n.within)
		}
		on[n.within] = append(on[n.within], n.id)
	}
	for _, ref := range order {
		if !yield(cdxDependency{ref, on[ref]}) {
			return
		}
	}
}

func (s subject) cycloneDX(place string) cdxVulnerability {
	p, v := s.position, s.verdict
	one := cdxVulnerability{
		Ref: s.id, ID: plain(v.Vulnerability), Source: cdxSource{sourceName(v.Vulnerability), vulnerabilityURL(v.Vulnerability)},
		Description: plain(v.Finding.Summary), Recommendation: plain(p.action), Affects: []cdxAffects{{place}},
		Analysis: cdxAnalysis{Detail: plain(p.notes), Updated: s.decided()},
		Properties: []cdxProperty{
			{"azward:verdict:result", string(v.Result)}, {"azward:verdict:confidence", string(v.Confidence)}, {"azward:verdict:id", string(v.ID)},
		},
	}
	for _, alias := range s.aliases() {
		one.References = append(one.References, cdxReference{alias, cdxSource{sourceName(alias), vulnerabilityURL(alias)}})
	}
	if v.Finding.Severity.Rank() > 0 {
		one.Ratings = []cdxRating{rating(v.Finding)}
	}
	switch p.status {
	case affected:
		one.Analysis.State = "exploitable"
		switch {
		case p.fix:
			one.Analysis.Response = []string{"update"}
		case p.refused:
			one.Analysis.Response = []string{"will_not_fix"}
		}
	case notAffected:
		one.Analysis.State, one.Analysis.Detail = "not_affected", s.impact(p)
		one.Analysis.Justification = map[reason]string{absent: "code_not_present", unexecuted: "code_not_reachable", perimeter: "protected_at_perimeter"}[p.reason]
	default:
		one.Analysis.State = "in_triage"
	}
	return one
}

func rating(f azward.Finding) cdxRating {
	r := cdxRating{Source: cdxSource{Name: "azward"}, Severity: string(f.Severity), Score: f.CVSS}
	for prefix, method := range map[string]string{"CVSS:4.0/": "CVSSv4", "CVSS:3.1/": "CVSSv31", "CVSS:3.0/": "CVSSv3", "AV:": "CVSSv2"} {
		if strings.HasPrefix(f.Vector, prefix) {
			r.Method, r.Vector = method, plain(f.Vector)
		}
	}
	return r
}

// sourceName is who names a vulnerability so, by the names that Dependency-Track
// knows.
//
// Source: https://github.com/DependencyTrack/dependency-track/blob/master/src/main/java/org/dependencytrack/model/Vulnerability.java
func sourceName(id string) string {
	switch {
	case strings.HasPrefix(id, "CVE-"):
		return "NVD"
	case strings.HasPrefix(id, "GHSA-"):
		return "GITHUB"
	}
	return "OSV"
}
