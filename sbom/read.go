package sbom

import (
	"bufio"
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/bound"
	"github.com/azward/azward/internal/jsonstream"
)

// Limits of what is read.
const (
	maxDocument = 256 << 20 // bytes; documents of large images take 20 MB
	// maxComponents bounds memory: about 1 kB each, packages of the largest
	// images are below 20,000.
	maxComponents = 500_000
	maxProperties = 2_000 // of one component: those of a package are below 100
	maxLocations  = 1_000 // of one component
	maxNamed      = 5     // examples in a gap
)

// Read reads a CycloneDX document of version 1.4 to 1.6 or an SPDX document of
// version 2.2 or 2.3, both as JSON; which it is, the document tells. An in-toto
// statement that holds one is opened; nothing is said about its signature.
// Name is what errors call the document. What cannot be read as one is an error
// of kind [azward.KindBadInput]; a component that cannot be matched, and a
// document that says of itself that it is incomplete, are gaps.
//
// Sources: https://cyclonedx.org/specification/overview/,
// https://spdx.github.io/spdx-spec/v2.3/
func Read(r io.Reader, name string) (*Document, error) {
	in := bufio.NewReader(bound.Reader(r, maxDocument, "the document"))
	if err := sniff(in); err != nil {
		return nil, bad(name, err)
	}
	p := &parser{in: jsonstream.NewReader(in), d: &Document{}}
	p.top()
	if err := p.in.Close(); err != nil {
		return nil, bad(name, err)
	}
	if err := p.finish(); err != nil {
		return nil, bad(name, err)
	}
	return p.d, nil
}

func bad(name string, err error) error {
	e := &azward.Error{Kind: azward.KindBadInput, Op: "read SBOM", Subject: name, Cause: err.Error(), Err: err}
	var other *otherFormatError
	switch {
	case errors.As(err, &other):
		e.Remedy = other.remedy
	case errors.Is(err, bound.ErrTooLarge):
		e.Remedy = "scan the image itself"
	default:
		e.Remedy = "write it again as CycloneDX 1.4 to 1.6 or SPDX 2.2 or 2.3, as JSON; or scan the image itself"
	}
	return e
}

// otherFormatError is a document of a kind that azward does not read.
type otherFormatError struct{ cause, remedy string }

func (e *otherFormatError) Error() string { return e.cause }

// sniff tells JSON from what else carries such documents, by the first bytes.
func sniff(in *bufio.Reader) error {
	const look = 512
	start, err := in.Peek(look)
	if err != nil && !errors.Is(err, io.EOF) {
		return err
	}
	if rest, ok := bytes.CutPrefix(start, []byte("\xef\xbb\xbf")); ok { // a byte order mark, as Windows' tools write it
		if _, err := in.Discard(len(start) - len(rest)); err != nil {
			return err
		}
		start = rest
	}
	start = bytes.TrimLeft(start, " \t\r\n")
	switch {
	case bytes.HasPrefix(start, []byte("<")):
		return &otherFormatError{"it is XML, and azward reads CycloneDX and SPDX as JSON alone", "convert it: cyclonedx convert --input-file FILE --output-file FILE.json"}
	case bytes.HasPrefix(start, []byte("SPDXVersion:")):
		return &otherFormatError{"it is SPDX as tag and value, and azward reads SPDX as JSON alone", "convert it: pyspdxtools -i FILE -o FILE.spdx.json"}
	case bytes.HasPrefix(start, []byte("\x1f\x8b")) || bytes.HasPrefix(start, []byte("PK\x03\x04")) || bytes.HasPrefix(start, []byte("\x28\xb5\x2f\xfd")):
		return &otherFormatError{"it is compressed", "unpack it first"}
	case !bytes.HasPrefix(start, []byte("{")):
		return &otherFormatError{"it is neither CycloneDX nor SPDX as JSON", "give a document that begins with {"}
	}
	return nil
}

// component is a part of a document, of either format.
type component struct {
	id, kind      string // kind is CycloneDX's type, or SPDX's purpose in lower case
	group, name   string
	version       string
	purl          string
	source        string // SPDX's sourceInfo
	properties    map[string]string
	locations     []string
	notAComponent bool // an entry that groups others
}

func (c *component) set(name, value string) error {
	if c.properties == nil {
		c.properties = map[string]string{}
	}
	if len(c.properties) >= maxProperties {
		return fmt.Errorf("a component has more than %d properties", maxProperties)
	}
	c.properties[name] = value
	return nil
}

func (c *component) at(location string) error {
	if location == "" {
		return nil
	}
	if len(c.locations) >= maxLocations {
		return fmt.Errorf("a component has more than %d locations", maxLocations)
	}
	c.locations = append(c.locations, clean(location))
	return nil
}

func (c *component) first(names ...string) string {
	for _, n := range names {
		if v := c.properties[n]; v != "" {
			return v
		}
	}
	return ""
}

// called is how to name a component to a person.
func (c *component) called() string {
	return clean(strings.TrimSuffix(cmp.Or(strings.TrimPrefix(c.group+"/"+c.name, "/"), c.id, "unnamed")+" "+c.version, " "))
}

// parser holds one document while it is read.
type parser struct {
	in *jsonstream.Reader
	d  *Document

	bomFormat, specVersion, spdxVersion string
	components                          []component
	root                                *component      // CycloneDX
	described                           map[string]bool // SPDX
	incomplete                          []string
	subjects                            []azward.Digest
	err                                 error // of meaning, not of form
}

func (p *parser) fail(err error) {
	if p.err == nil {
		p.err = err
	}
}

// top reads the outermost object: names of both formats, in any order.
func (p *parser) top() {
	for field := range p.in.Fields() {
		if p.err != nil {
			return
		}
		switch field {
		case "bomFormat":
			p.bomFormat = p.in.Text()
		case "specVersion":
			p.specVersion = p.in.Text()
		case "spdxVersion":
			p.spdxVersion = p.in.Text()
		case "name":
			p.d.Name = clean(p.in.Text())
		case "predicate":
			p.top()
		case "subject":
			p.subject()
		case "metadata":
			p.cdxMetadata()
		case "components":
			p.cdxComponents()
		case "compositions":
			p.cdxCompositions()
		case "packages":
			p.spdxPackages()
		case "relationships":
			p.spdxRelationships()
		case "documentDescribes":
			for range p.in.Items() {
				p.describe(p.in.Text())
			}
		}
	}
}

// subject reads what an in-toto statement is about.
//
// Source: https://github.com/in-toto/attestation/blob/main/spec/v1/statement.md
func (p *parser) subject() {
	for range p.in.Items() {
		for field := range p.in.Fields() {
			if field != "digest" {
				continue
			}
			for alg := range p.in.Fields() {
				if alg == "sha256" && len(p.subjects) < maxLayers {
					p.subjects = append(p.subjects, azward.Digest("sha256:"+p.in.Text()))
				}
			}
		}
	}
}

func (p *parser) add(c component) {
	if len(p.components) >= maxComponents {
		p.fail(fmt.Errorf("it lists more than %d components", maxComponents))
		return
	}
	p.components = append(p.components, c)
}

// finish makes packages of the components, now that all of them are known.
func (p *parser) finish() error {
	if p.err != nil {
		return p.err
	}
	if err := p.format(); err != nil {
		return err
	}
	if err := p.image(); err != nil {
		return err
	}
	p.packages()
	if len(p.incomplete) > 0 {
		p.gap(azward.GapNotRead, "the packages that the document leaves out", "it says of itself that it is incomplete: "+examples(p.incomplete))
	}
	return nil
}

// format tells which of the two it is.
func (p *parser) format() error {
	const readable = "azward reads CycloneDX 1.4, 1.5 and 1.6 and SPDX 2.2 and 2.3"
	switch {
	case p.bomFormat != "" && p.spdxVersion != "":
		return errors.New("it says to be CycloneDX and SPDX at once")
	case p.bomFormat == "CycloneDX":
		p.d.Format = "CycloneDX " + p.specVersion
		if !slices.Contains([]string{"1.4", "1.5", "1.6"}, p.specVersion) {
			return &otherFormatError{fmt.Sprintf("it is CycloneDX %.20q; %s", p.specVersion, readable), "write or convert it to CycloneDX 1.6: cyclonedx convert --output-version v1_6"}
		}
	case p.spdxVersion == "SPDX-2.2" || p.spdxVersion == "SPDX-2.3":
		p.d.Format = "SPDX " + strings.TrimPrefix(p.spdxVersion, "SPDX-")
	case p.spdxVersion != "":
		return &otherFormatError{fmt.Sprintf("it is %.20q; %s", p.spdxVersion, readable), "write it as SPDX 2.3"}
	default:
		return &otherFormatError{"it does not say to be CycloneDX or SPDX; " + readable, "give the document that your builder wrote, or scan the image itself"}
	}
	return nil
}

func (p *parser) gap(kind azward.GapKind, reads, cause string) {
	p.d.Gaps = append(p.d.Gaps, azward.Gap{
		Scope: azward.ResourceID(p.d.Name), Kind: kind, Reads: reads, Needs: "a document that tells", Error: cause,
		Remedy: "scan the image itself",
	})
}

// examples names the first of a list, each once and short.
func examples(list []string) string {
	list = slices.Compact(slices.Clone(list))
	short := make([]string, 0, maxNamed)
	for _, s := range list[:min(len(list), maxNamed)] {
		short = append(short, fmt.Sprintf("%.120s", s))
	}
	text := strings.Join(short, ", ")
	if more := len(list) - len(short); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}

// clean takes out of somebody else's text what would move a cursor or turn the
// direction of writing.
func clean(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || unicode.Is(unicode.Bidi_Control, r) {
			return '\uFFFD'
		}
		return r
	}, s)
}
