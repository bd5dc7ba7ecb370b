// Package vex says verdicts in VEX, for the scanners and dashboards that read
// it: [OpenVEX], [CSAF] and [CycloneDX], one document each.
//
// A statement holds for one environment, so its product is the deployment and
// the image beneath it is a component of that product: a scanner of the bare
// image is not told that a package is harmless because one cluster shields it.
// Whoever wants that all the same, asks for [Images].
//
// [Check] counts, before a document is used, how many findings of a scanner's
// report it will match, by the scanner's own rules.
package vex

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/openvex/go-vex/pkg/vex"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/jsonstream"
)

// Options of a VEX document.
type Options struct {
	// Author of the document; "azward" when empty.
	Author string
	// Namespace is a URL that the author controls, for CSAF; azward's page when
	// empty.
	Namespace string
	// Issued is the document's time; required, since nothing here has a clock.
	Issued time.Time
	// Version of azward, "" when it is not known.
	Version string
	// Product is what statements are about.
	Product Product
	// AssertNotAffected states workloads without a way in as not affected
	// (vulnerable_code_cannot_be_controlled_by_adversary) in OpenVEX and CSAF.
	// Without it they stay affected and the statement says what blocks them: a
	// network block is a property of today's configuration, not of the product.
	AssertNotAffected bool
}

func (o Options) author() string {
	if o.Author == "" {
		return "azward"
	}
	return plain(o.Author)
}

// OpenVEX writes the verdicts as an OpenVEX 0.2.0 document, one statement
// each, in the order given and piece by piece. Without verdicts it has no
// statements, which its readers take although its schema does not.
//
// Source: https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md
func OpenVEX(w io.Writer, verdicts []azward.Verdict, o Options) error {
	list, _ := subjects(verdicts, o.Product)
	j := jsonstream.New(w)
	j.Object("")
	j.Value("@context", vex.ContextLocator())
	j.Value("@id", "urn:uuid:"+uuid(fingerprint(list, o)))
	j.Value("author", o.author())
	j.Value("timestamp", o.Issued.UTC())
	j.Value("version", 1)
	j.Value("tooling", strings.TrimSpace("azward "+o.Version))
	j.Array("statements")
	for _, s := range list {
		one := s.openVEX(o)
		if err := one.Validate(); err != nil {
			return fmt.Errorf("state verdict %s as OpenVEX: %w", s.verdict.ID, err)
		}
		j.Value("", &one)
	}
	j.End()
	j.End()
	return j.Close()
}

func (s subject) openVEX(o Options) vex.Statement {
	p, v := s.stated(o), s.verdict
	one := vex.Statement{
		ID:            s.id,
		Vulnerability: vex.Vulnerability{ID: vulnerabilityURL(v.Vulnerability), Name: vex.VulnerabilityID(plain(v.Vulnerability))},
		Timestamp:     s.decided(),
		Products:      s.products(o.Product),
		StatusNotes:   plain(p.notes),
	}
	for _, alias := range s.aliases() {
		one.Vulnerability.Aliases = append(one.Vulnerability.Aliases, vex.VulnerabilityID(alias))
	}
	switch p.status {
	case affected:
		one.Status, one.ActionStatement = vex.StatusAffected, plain(p.action)
	case notAffected:
		one.Status, one.ImpactStatement = vex.StatusNotAffected, s.impact(p)
		one.Justification = map[reason]vex.Justification{
			absent: vex.VulnerableCodeNotPresent, unexecuted: vex.VulnerableCodeNotInExecutePath, perimeter: vex.VulnerableCodeCannotBeControlledByAdversary,
		}[p.reason]
	default:
		one.Status = vex.StatusUnderInvestigation
	}
	return one
}

// products names the deployment by its address at Azure with image and package
// beneath it, or the image by each of its names with the package beneath it.
func (s subject) products(of Product) []vex.Product {
	if of == Images {
		var list []vex.Product
		for _, image := range s.images {
			list = append(list, vex.Product{Component: imageComponent(image), Subcomponents: s.packages()})
		}
		return list
	}
	p := vex.Product{Component: vex.Component{ID: armURL(s.verdict.Workload)}}
	if image := imageComponent(s.verdict.Image); image.ID != "" {
		p.Subcomponents = append(p.Subcomponents, vex.Subcomponent{Component: image})
	}
	p.Subcomponents = append(p.Subcomponents, s.packages()...)
	return []vex.Product{p}
}

// imageComponent is empty for an image that is known by a tag alone.
func imageComponent(image string) vex.Component {
	c := vex.Component{ID: ociPURL(image)}
	if c.ID == "" {
		return c
	}
	c.Identifiers = map[vex.IdentifierType]string{vex.PURL: barePURL(image)}
	if hash := sha256Of(image); hash != "" {
		c.Hashes = map[vex.Algorithm]vex.Hash{vex.SHA256: vex.Hash(hash)}
	}
	return c
}

// packages names the package, once for each way in which scanners spell it.
func (s subject) packages() []vex.Subcomponent {
	id := packageOf(s.verdict)
	list := []vex.Subcomponent{{Component: vex.Component{ID: id}}}
	for n, spelling := range spellings(id) {
		if n == 0 {
			list[0].Identifiers = map[vex.IdentifierType]string{vex.PURL: spelling}
			continue
		}
		list = append(list, vex.Subcomponent{Component: vex.Component{
			ID: spelling, Identifiers: map[vex.IdentifierType]string{vex.PURL: spelling},
		}})
	}
	return list
}
