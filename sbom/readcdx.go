package sbom

import "strings"

func (p *parser) cdxMetadata() {
	for field := range p.in.Fields() {
		switch field {
		case "component":
			root := p.cdxComponent()
			p.root = &root
		case "properties":
			var c component
			p.cdxProperties(&c)
			if text := c.first(propGap); text != "" {
				p.incomplete = append(p.incomplete, clean(text))
			}
		}
	}
}

func (p *parser) cdxComponents() {
	for range p.in.Items() {
		if p.err != nil {
			return
		}
		if c := p.cdxComponent(); c.name != "" || c.purl != "" {
			p.add(c)
		}
	}
}

// cdxComponent reads one component; those within it are added as they come.
func (p *parser) cdxComponent() component {
	var c component
	for field := range p.in.Fields() {
		switch field {
		case "bom-ref":
			c.id = p.in.Text()
		case "type":
			c.kind = p.in.Text()
		case "group":
			c.group = p.in.Text()
		case "name":
			c.name = p.in.Text()
		case "version":
			c.version = p.in.Text()
		case "purl":
			c.purl = p.in.Text()
		case "properties":
			p.cdxProperties(&c)
		case "evidence":
			p.cdxEvidence(&c)
		case "components":
			p.cdxComponents()
		}
	}
	// Trivy's entries for a lock file, which group what it lists.
	c.notAComponent = c.purl == "" && strings.HasSuffix(c.first("aquasecurity:trivy:Class"), "-pkgs")
	return c
}

func (p *parser) cdxProperties(c *component) {
	for range p.in.Items() {
		var name, value string
		for field := range p.in.Fields() {
			switch field {
			case "name":
				name = p.in.Text()
			case "value":
				value = p.in.Text()
			}
		}
		p.property(c, name, value)
	}
}

// property keeps a property; places where a package lies are kept as such.
func (p *parser) property(c *component, name, value string) {
	place := name == propLocation || name == "aquasecurity:trivy:FilePath" || strings.HasPrefix(name, "syft:location:") && strings.HasSuffix(name, ":path")
	var err error
	if place {
		err = c.at(value)
	} else if strings.HasPrefix(name, "azward:") || strings.HasPrefix(name, "aquasecurity:trivy:") || strings.HasPrefix(name, "syft:") {
		err = c.set(name, value)
	}
	if err != nil {
		p.fail(err)
	}
}

func (p *parser) cdxEvidence(c *component) {
	for field := range p.in.Fields() {
		if field != "occurrences" {
			continue
		}
		for range p.in.Items() {
			for field := range p.in.Fields() {
				if field != "location" {
					continue
				}
				if err := c.at(p.in.Text()); err != nil {
					p.fail(err)
				}
			}
		}
	}
}

// cdxCompositions notes what is said to be incomplete: all but "complete" and
// "not_specified".
//
// Source: https://cyclonedx.org/docs/1.6/json/#compositions_items_aggregate
func (p *parser) cdxCompositions() {
	for range p.in.Items() {
		for field := range p.in.Fields() {
			if field != "aggregate" {
				continue
			}
			switch aggregate := p.in.Text(); aggregate {
			case "complete", "not_specified", "":
			default:
				p.incomplete = append(p.incomplete, "composition "+clean(aggregate))
			}
		}
	}
}
