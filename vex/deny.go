package vex

import (
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/openvex/go-vex/pkg/vex"
	packageurl "github.com/package-url/packageurl-go"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
)

// Bounds of a document that is read.
const (
	maxDocument   = 64 << 20 // bytes; a statement takes some 500
	maxStatements = 200_000  // more than a vendor with a thousand products has
)

// Denials are statements of OpenVEX documents about what affects an image. The
// zero value has none.
type Denials struct {
	by map[string][]stated // by vulnerability
}

// stated is one statement; products are those that it names.
type stated struct {
	status   vex.Status
	why, in  string
	at       time.Time
	products []vex.Product
}

// Image is one as documents name it.
type Image struct {
	// Reference is "contoso.azurecr.io/shop/cart:1.4", with a digest or without.
	Reference string
	// Digests of its manifest, and of the index that names it.
	Digests []azward.Digest
}

// Denial is what denies a finding.
type Denial struct {
	// Reason is the justification, the impact statement, or that it is fixed.
	Reason string `json:"reason"`
	// Document has the statement: the name it was read by.
	Document string `json:"document"`
}

// Read adds the statements of an OpenVEX document. One that is damaged, of
// another format, or that denies without a reason is an error of kind
// [azward.KindBadInput], and adds nothing.
//
// Source: https://github.com/openvex/spec/blob/main/OPENVEX-SPEC.md
func (d *Denials) Read(r io.Reader, name string) error {
	bad := func(cause string, err error) error {
		return &azward.Error{
			Kind: azward.KindBadInput, Op: "read OpenVEX document", Subject: plain(name), Cause: plain(cause),
			Remedy: "give an OpenVEX document as JSON: https://openvex.dev", Err: err,
		}
	}
	data, err := bound.ReadAll(r, maxDocument, "the document")
	if err != nil {
		return bad(err.Error(), err)
	}
	doc, err := vex.Parse(data)
	switch {
	case err != nil:
		return bad(strings.TrimPrefix(err.Error(), "error: "), err)
	case !strings.HasPrefix(doc.Context, vex.Context):
		return bad(fmt.Sprintf("its @context is %.60q, which is not OpenVEX's", doc.Context), nil)
	case len(doc.Statements) > maxStatements:
		return bad(fmt.Sprintf("it has more than %d statements", maxStatements), nil)
	}
	added := map[string][]stated{}
	for n, s := range doc.ExtractStatements() {
		one, err := statedBy(s, name)
		if err != nil {
			return bad(fmt.Sprintf("statement %d: %v", n+1, err), err)
		}
		for _, id := range append([]vex.VulnerabilityID{s.Vulnerability.Name}, s.Vulnerability.Aliases...) {
			if key := strings.ToUpper(string(id)); key != "" {
				added[key] = append(added[key], one)
			}
		}
	}
	if d.by == nil {
		d.by = map[string][]stated{}
	}
	for id, list := range added {
		d.by[id] = append(d.by[id], list...)
	}
	return nil
}

// Empty says that no document with a statement was read.
func (d *Denials) Empty() bool { return len(d.by) == 0 }

func statedBy(s *vex.Statement, document string) (stated, error) {
	one := stated{status: s.Status, in: document, products: s.Products}
	if s.Timestamp != nil {
		one.at = *s.Timestamp
	}
	switch {
	case s.Vulnerability.Name == "":
		return one, fmt.Errorf("it names no vulnerability")
	case !s.Status.Valid():
		return one, fmt.Errorf("its status %.40q is none of OpenVEX's", s.Status)
	case s.Status == vex.StatusFixed:
		one.why = "fixed, as the document says"
	case s.Status == vex.StatusNotAffected:
		one.why = plain(cmp.Or(string(s.Justification), s.ImpactStatement))
		if one.why == "" {
			return one, fmt.Errorf("it says not_affected without justification and impact statement")
		}
	}
	return one, nil
}

// Of says whether the newest statement about the finding denies it: its status
// is not_affected or fixed. A statement is about a finding when it names its
// vulnerability, and either the package or the image; one that names the image
// and subcomponents is about these alone.
func (d *Denials) Of(image Image, pkg azward.Package, f azward.Finding) (Denial, bool) {
	var newest stated
	for _, id := range append([]string{f.ID}, f.Aliases...) {
		for _, s := range d.by[strings.ToUpper(id)] {
			if s.about(image, pkg) && (newest.status == "" || !s.at.Before(newest.at)) {
				newest = s
			}
		}
	}
	return Denial{Reason: newest.why, Document: newest.in}, newest.why != ""
}

func (s *stated) about(image Image, pkg azward.Package) bool {
	return slices.ContainsFunc(s.products, func(p vex.Product) bool {
		if pkg.PURL != "" && len(p.Subcomponents) == 0 && p.Component.Matches(pkg.PURL) {
			return true
		}
		if !image.is(p.Component) {
			return false
		}
		return len(p.Subcomponents) == 0 || pkg.PURL != "" &&
			slices.ContainsFunc(p.Subcomponents, func(c vex.Subcomponent) bool { return c.Component.Matches(pkg.PURL) })
	})
}

// is says whether a component is the image: by its digest, or by its name where
// the component has no digest.
func (i Image) is(c vex.Component) bool {
	for _, d := range i.Digests {
		if sum, ok := strings.CutPrefix(string(d), "sha256:"); ok && (c.Hashes[vex.SHA256] == vex.Hash(sum) || c.ID == string(d)) {
			return true
		}
	}
	names := []string{c.ID}
	for _, name := range c.Identifiers {
		names = append(names, name)
	}
	return slices.ContainsFunc(names, i.named)
}

// named compares a reference or the package URL of an image.
func (i Image) named(name string) bool {
	if name == "" {
		return false
	}
	repository, digest := splitImage(name)
	if strings.HasPrefix(name, "pkg:oci/") {
		u, err := packageurl.FromString(name)
		if err != nil {
			return false
		}
		repository, digest = u.Qualifiers.Map()["repository_url"], u.Version
		if own := i.repository(); repository != own && repository+"/"+u.Name == own {
			repository = own
		}
	}
	switch {
	case digest != "": // the same bytes, wherever they are
		return slices.Contains(i.Digests, azward.Digest(digest))
	case repository == "":
		return false // "cart" is not this cart
	}
	return repository == i.Reference || repository == i.repository()
}

// repository is the reference without tag and digest.
func (i Image) repository() string {
	name, _, _ := strings.Cut(i.Reference, "@")
	if colon := strings.LastIndexByte(name, ':'); colon > strings.LastIndexByte(name, '/') {
		name = name[:colon]
	}
	return name
}
