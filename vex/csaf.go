package vex

import (
	"cmp"
	"encoding/hex"
	"fmt"
	"io"
	"regexp"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/jsonstream"
)

// The part of CSAF 2.0 that azward writes, profile 5 "VEX". Field names are the
// standard's.
//
// Source: https://docs.oasis-open.org/csaf/csaf/v2.0/os/csaf-v2.0-os.html
type (
	csafDocument struct {
		Category  string        `json:"category"`
		Version   string        `json:"csaf_version"`
		Language  string        `json:"lang"`
		Notes     []csafNote    `json:"notes"`
		Publisher csafPublisher `json:"publisher"`
		Title     string        `json:"title"`
		Tracking  csafTracking  `json:"tracking"`
	}
	csafNote struct {
		Category string `json:"category"`
		Title    string `json:"title,omitempty"`
		Text     string `json:"text"`
	}
	csafPublisher struct {
		Category  string `json:"category"`
		Name      string `json:"name"`
		Namespace string `json:"namespace"`
	}
	csafTracking struct {
		Current   time.Time      `json:"current_release_date"`
		Generator csafGenerator  `json:"generator"`
		ID        string         `json:"id"`
		Initial   time.Time      `json:"initial_release_date"`
		History   []csafRevision `json:"revision_history"`
		Status    string         `json:"status"`
		Version   string         `json:"version"`
	}
	csafGenerator struct {
		Engine csafEngine `json:"engine"`
	}
	csafEngine struct {
		Name    string `json:"name"`
		Version string `json:"version,omitempty"`
	}
	csafRevision struct {
		Date    time.Time `json:"date"`
		Number  string    `json:"number"`
		Summary string    `json:"summary"`
	}
	csafTree struct {
		Products      []csafProduct      `json:"full_product_names"`
		Relationships []csafRelationship `json:"relationships"`
	}
	csafProduct struct {
		Name   string      `json:"name"`
		ID     string      `json:"product_id"`
		Helper *csafHelper `json:"product_identification_helper,omitempty"`
	}
	csafHelper struct {
		PURL string    `json:"purl,omitempty"`
		URIs []csafURI `json:"x_generic_uris,omitempty"`
	}
	csafURI struct {
		Namespace string `json:"namespace"`
		URI       string `json:"uri"`
	}
	csafRelationship struct {
		Category  string      `json:"category"`
		Product   csafProduct `json:"full_product_name"`
		Reference string      `json:"product_reference"`
		RelatesTo string      `json:"relates_to_product_reference"`
	}
	csafVulnerability struct {
		CVE          string            `json:"cve,omitempty"`
		IDs          []csafID          `json:"ids,omitempty"`
		Title        string            `json:"title,omitempty"`
		Notes        []csafNote        `json:"notes"`
		Status       csafStatus        `json:"product_status"`
		Flags        []csafFlag        `json:"flags,omitempty"`
		Threats      []csafThreat      `json:"threats,omitempty"`
		Remediations []csafRemediation `json:"remediations,omitempty"`

		advice map[string]int // where in Remediations
	}
	csafID struct {
		System string `json:"system_name"`
		Text   string `json:"text"`
	}
	csafStatus struct {
		Affected    []string `json:"known_affected,omitempty"`
		NotAffected []string `json:"known_not_affected,omitempty"`
		InTriage    []string `json:"under_investigation,omitempty"`
	}
	csafFlag struct {
		Label    string   `json:"label"`
		Products []string `json:"product_ids"`
	}
	csafThreat struct {
		Category string   `json:"category"`
		Details  string   `json:"details"`
		Products []string `json:"product_ids"`
	}
	csafRemediation struct {
		Category string   `json:"category"`
		Details  string   `json:"details"`
		Products []string `json:"product_ids"`
	}
)

// CSAF writes the verdicts as a CSAF 2.0 document of the profile VEX, piece by
// piece. What is stated about is "package in image in deployment"; that product
// has no package URL of its own, so that no reader mistakes it for the package
// wherever it is. A document without statements cannot be written.
func CSAF(w io.Writer, verdicts []azward.Verdict, o Options) error {
	list, _ := subjects(verdicts, o.Product)
	if len(list) == 0 {
		return &azward.Error{
			Kind: azward.KindNotFound, Op: "write CSAF document", Cause: "there is no verdict to state, and CSAF has no empty document",
			Remedy: "ask for more verdicts, or for another format",
		}
	}
	parts := newCatalog(o.Product)
	for _, s := range list {
		parts.place(s.verdict)
	}
	j := jsonstream.New(w)
	j.Object("")
	j.Value("document", csafHead(list, o))
	j.Value("product_tree", parts.csaf())
	j.Array("vulnerabilities")
	for _, group := range byVulnerability(list) {
		j.Value("", csafGroup(group, parts, o))
	}
	j.End()
	j.End()
	return j.Close()
}

func csafHead(list []subject, o Options) csafDocument {
	at := o.Issued.UTC()
	of := "deployments"
	if o.Product == Images {
		of = "images"
	}
	return csafDocument{
		Category: "csaf_vex", Version: "2.0", Language: "en",
		Notes: []csafNote{{Category: "general", Title: "What the statements hold for", Text: "Each statement is about what runs where it is named, with the configuration of that place at the time of the document. It says nothing about the same package or image elsewhere."}},
		// The author runs the deployments and did not make the software.
		Publisher: csafPublisher{Category: "user", Name: o.author(), Namespace: cmp.Or(o.Namespace, "https://github.com/azward/azward")},
		Title:     fmt.Sprintf("Exploitability of %d vulnerabilities in %s", len(byVulnerability(list)), of),
		Tracking: csafTracking{
			Current: at, Initial: at, Status: "final", Version: "1", ID: "azward-" + hex.EncodeToString(fingerprint(list, o)[:8]),
			Generator: csafGenerator{csafEngine{"azward", o.Version}}, History: []csafRevision{{at, "1", "as decided"}},
		},
	}
}

// csaf names the parts and puts them into each other.
func (c *catalog) csaf() csafTree {
	tree := csafTree{Relationships: []csafRelationship{}}
	for n, v := range c.deployments.first {
		tree.Products = append(tree.Products, csafProduct{
			ID: fmt.Sprintf("deployment-%d", n+1), Name: plain(string(v.Workload.Kind) + " " + v.Workload.Name),
			Helper: &csafHelper{URIs: []csafURI{{"https://management.azure.com/", armURL(v.Workload)}}},
		})
	}
	for n, v := range c.images.first {
		p := csafProduct{ID: fmt.Sprintf("image-%d", n+1), Name: plain(cmp.Or(v.Image, "image"))}
		if purl := ociPURL(v.Image); purl != "" {
			p.Helper = &csafHelper{PURL: purl}
		}
		tree.Products = append(tree.Products, p)
	}
	for n, v := range c.packages.first {
		p := csafProduct{ID: fmt.Sprintf("package-%d", n+1), Name: plain(packageOf(v))}
		if all := spellings(packageOf(v)); len(all) > 0 {
			p.Helper = &csafHelper{PURL: all[0]}
		}
		tree.Products = append(tree.Products, p)
	}
	for _, n := range c.nested {
		category := "installed_on"
		if n.pack {
			category = "default_component_of"
		}
		tree.Relationships = append(tree.Relationships, csafRelationship{
			Category: category, Product: csafProduct{Name: plain(n.name), ID: n.id}, Reference: n.part, RelatesTo: n.within,
		})
	}
	return tree
}

// cveForm is what CSAF takes for a CVE.
var cveForm = regexp.MustCompile(`^CVE-[0-9]{4}-[0-9]{4,}$`)

func csafGroup(group []subject, parts *catalog, o Options) csafVulnerability {
	first := group[0].verdict
	v := csafVulnerability{Title: plain(first.Finding.Summary), advice: map[string]int{}}
	if cveForm.MatchString(first.Vulnerability) {
		v.CVE = first.Vulnerability
	} else {
		v.IDs = append(v.IDs, csafID{sourceName(first.Vulnerability), plain(first.Vulnerability)})
	}
	for _, alias := range aliasesOf(group) {
		v.IDs = append(v.IDs, csafID{sourceName(alias), alias})
	}
	v.Notes = append(v.Notes, csafNote{Category: "description", Text: plain(cmp.Or(first.Finding.Summary, first.Vulnerability))})
	for _, s := range group {
		v.add(s, parts.place(s.verdict), o)
	}
	return v
}

// add states one product. CSAF 2.0 has no notes of a product: its place in
// the title tells which is meant.
func (v *csafVulnerability) add(s subject, product string, o Options) {
	p := s.stated(o)
	v.Notes = append(v.Notes, csafNote{Category: "details", Title: product, Text: plain(p.notes)})
	switch p.status {
	case affected:
		v.Status.Affected = append(v.Status.Affected, product)
		category := "none_available"
		switch {
		case p.blocked:
			category = "mitigation"
		case p.fix:
			category = "vendor_fix"
		case p.refused:
			category = "no_fix_planned"
		}
		v.remedy(category, plain(p.action), product)
	case notAffected:
		v.Status.NotAffected = append(v.Status.NotAffected, product)
		v.flag(map[reason]string{
			absent: "vulnerable_code_not_present", unexecuted: "vulnerable_code_not_in_execute_path", perimeter: "vulnerable_code_cannot_be_controlled_by_adversary",
		}[p.reason], product)
		v.Threats = append(v.Threats, csafThreat{"impact", s.impact(p), []string{product}})
	default:
		v.Status.InTriage = append(v.Status.InTriage, product)
	}
}

func (v *csafVulnerability) flag(label, product string) {
	for i := range v.Flags {
		if v.Flags[i].Label == label {
			v.Flags[i].Products = append(v.Flags[i].Products, product)
			return
		}
	}
	v.Flags = append(v.Flags, csafFlag{label, []string{product}})
}

// remedy says the same advice once for all products that it is about.
func (v *csafVulnerability) remedy(category, details, product string) {
	key := category + " " + details
	at, said := v.advice[key]
	if !said {
		at = len(v.Remediations)
		v.advice[key] = at
		v.Remediations = append(v.Remediations, csafRemediation{category, details, nil})
	}
	v.Remediations[at].Products = append(v.Remediations[at].Products, product)
}
