package sbom

import (
	"cmp"
	"strings"
)

func (p *parser) spdxPackages() {
	for range p.in.Items() {
		if p.err != nil {
			return
		}
		if c := p.spdxPackage(); c.name != "" || c.purl != "" {
			p.add(c)
		}
	}
}

func (p *parser) spdxPackage() component {
	var c component
	for field := range p.in.Fields() {
		switch field {
		case "SPDXID":
			c.id = p.in.Text()
		case "name":
			c.name = p.in.Text()
		case "versionInfo":
			c.version = p.in.Text()
		case "primaryPackagePurpose":
			c.kind = strings.ReplaceAll(strings.ToLower(p.in.Text()), "_", "-")
		case "sourceInfo":
			c.source = p.in.Text()
		case "externalRefs":
			p.spdxRefs(&c)
		case "annotations":
			p.spdxAnnotations(&c)
		case "attributionTexts": // where Trivy's older versions write the same
			for range p.in.Items() {
				p.spdxLines(&c, p.in.Text())
			}
		}
	}
	if c.kind == "" && strings.HasPrefix(c.id, "SPDXRef-OperatingSystem") { // SPDX 2.2 has no purposes
		c.kind = "operating-system"
	}
	if c.kind == "" && strings.HasPrefix(c.id, "SPDXRef-ContainerImage") {
		c.kind = "container"
	}
	c.notAComponent = c.purl == "" && strings.HasSuffix(c.first("aquasecurity:trivy:Class"), "-pkgs")
	return c
}

// spdxRefs finds the package URL; SPDX 2.2 writes the category with an
// underscore, as 2.3 allows too.
func (p *parser) spdxRefs(c *component) {
	for range p.in.Items() {
		var kind, locator string
		for field := range p.in.Fields() {
			switch field {
			case "referenceType":
				kind = p.in.Text()
			case "referenceLocator":
				locator = p.in.Text()
			}
		}
		if kind == "purl" || strings.HasSuffix(kind, "/purl") {
			c.purl = cmp.Or(c.purl, locator)
		}
	}
}

func (p *parser) spdxAnnotations(c *component) {
	for range p.in.Items() {
		for field := range p.in.Fields() {
			if field == "comment" {
				p.spdxLines(c, p.in.Text())
			}
		}
	}
}

// spdxLines reads azward's annotation, a property a line, and Trivy's "name: value".
func (p *parser) spdxLines(c *component, text string) {
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, "\r\n")
		if name, value, ok := strings.Cut(line, "="); ok && strings.HasPrefix(name, "azward:") {
			p.property(c, name, value)
			continue
		}
		if name, value, ok := strings.Cut(line, ": "); ok && (name == "LayerDigest" || name == "LayerDiffID" || name == "Class") {
			p.property(c, "aquasecurity:trivy:"+name, value)
		}
	}
}

// spdxRelationships finds the image, and what is said to be unknown: that it
// contains, or needs, NOASSERTION.
//
// Source: https://spdx.github.io/spdx-spec/v2.3/relationships-between-SPDX-elements/
func (p *parser) spdxRelationships() {
	for range p.in.Items() {
		var element, kind, related string
		for field := range p.in.Fields() {
			switch field {
			case "spdxElementId":
				element = p.in.Text()
			case "relationshipType":
				kind = p.in.Text()
			case "relatedSpdxElement":
				related = p.in.Text()
			}
		}
		switch {
		case kind == "DESCRIBES" && element == spdxDocument:
			p.describe(related)
		case kind == "DESCRIBED_BY" && related == spdxDocument:
			p.describe(element)
		case related == noAssertion && (kind == "CONTAINS" || kind == "DEPENDS_ON"):
			p.incomplete = append(p.incomplete, clean(element)+" "+kind+" NOASSERTION")
		}
	}
}

// describe notes what the document is about; of several the container is the image.
func (p *parser) describe(id string) {
	if p.described == nil {
		p.described = map[string]bool{}
	}
	if len(p.described) < maxLayers {
		p.described[id] = true
	}
}
