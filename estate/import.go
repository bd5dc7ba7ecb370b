package estate

import (
	"bytes"
	"errors"
	"fmt"
	"strings"

	"github.com/azward/azward"
)

// imported reads one JSON value that a user exported: an object, a list of
// them, an answer that wraps a list, or a template.
func (in *reader) imported(value []byte, at string) error {
	if len(value) == 0 {
		return nil
	}
	switch value[0] {
	case '[':
		for i, element := range elements(value) {
			if err := in.imported(element, fmt.Sprintf("%s, element %d", at, i)); err != nil {
				return err
			}
		}
		return nil
	case '{':
		return in.object(value, at)
	default:
		in.note(azward.GapUnparsed, "resources", "a value is not an object", at)
		return in.count(at)
	}
}

// object reads one exported object by its shape.
func (in *reader) object(value []byte, at string) error {
	has := func(name string) []byte {
		v, _ := member(value, name)
		return v
	}
	schema, _ := text(has("$schema"))
	kind, _ := text(has("kind"))
	apiVersion, _ := text(has("apiVersion"))
	isList := func(name string) bool { return bytes.HasPrefix(has(name), []byte("[")) }
	switch {
	case strings.Contains(schema, "eploymentTemplate.json"):
		return in.template(value, at)
	case kind != "" && strings.HasSuffix(kind, "List") && isList("items"):
		return in.kubernetesList(value, strings.TrimSuffix(kind, "List"), apiVersion, at)
	case kind != "" && apiVersion != "" && has("id") == nil:
		in.addHomeless(value, Provenance{Source: azward.SourceExport}, at)
		return in.count(at)
	case has("id") == nil && has("data") != nil:
		return in.resourceGraph(value, at)
	case has("id") == nil && isList("value"):
		return in.armList(has("value"), at)
	default:
		return in.exported(value, azward.SourceExport, at)
	}
}

// exported files one ARM object; what is none is a gap.
func (in *reader) exported(value []byte, source azward.Source, at string) error {
	if err := in.count(at); err != nil {
		return err
	}
	if len(value) == 0 || value[0] != '{' {
		in.note(azward.GapUnparsed, "resources", "a value is not an object", at)
		return nil
	}
	if err := in.builder.addARM(value, Provenance{Source: source}); err != nil {
		in.noteError(value, err, at)
	}
	return nil
}

// armList files the page that an ARM LIST answers: {"value":[…]}. It proves
// no listing: the answer does not say what was asked.
func (in *reader) armList(list []byte, at string) error {
	for i, element := range elements(list) {
		if err := in.exported(element, azward.SourceExport, fmt.Sprintf("%s, element %d", at, i)); err != nil {
			return err
		}
	}
	return nil
}

// noteError turns an object that the builder refused into a gap of its type.
func (in *reader) noteError(value []byte, err error, at string) {
	reads := "resources"
	if t, ok := member(value, "type"); ok {
		if s, ok := text(t); ok && s != "" && len(s) < 200 {
			reads = s
		}
	}
	if k, ok := member(value, "kind"); ok && reads == "resources" {
		v, _ := member(value, "apiVersion")
		apiVersion, _ := text(v)
		if s, ok := text(k); ok && s != "" && len(s) < 200 && apiVersion != "" {
			reads = PluralOf(s)
			if group, _, grouped := strings.Cut(apiVersion, "/"); grouped {
				reads += "." + group
			}
		}
	}
	cause := err.Error()
	var advice *azward.Error
	if errors.As(err, &advice) {
		cause = advice.Cause
	}
	in.note(azward.GapUnparsed, reads, cause, at)
}

func (in *reader) addHomeless(body []byte, from Provenance, at string) {
	in.homeless = append(in.homeless, homeless{body: bytes.Clone(body), from: from, at: in.subject(at)})
}

// kubernetesList takes a list of Kubernetes objects apart. The items of a
// typed list ("PodList") carry neither kind nor apiVersion: the list tells.
func (in *reader) kubernetesList(value []byte, itemKind, apiVersion, at string) error {
	items, _ := member(value, "items")
	for i, item := range elements(items) {
		where := fmt.Sprintf("%s, item %d", at, i)
		if len(item) == 0 || item[0] != '{' {
			in.note(azward.GapUnparsed, "resources", "an item is not an object", where)
			continue
		}
		if err := in.count(where); err != nil {
			return err
		}
		if _, ok := member(item, "kind"); !ok && itemKind != "" && apiVersion != "" {
			head := fmt.Sprintf(`{"apiVersion":%s,"kind":%s`, azward.JSONValue(apiVersion), azward.JSONValue(itemKind))
			if len(item) > 2 {
				head += ","
			}
			item = append([]byte(head), item[1:]...)
		}
		in.addHomeless(item, Provenance{Source: azward.SourceExport}, where)
	}
	return nil
}

// template notes the resources of an ARM template: what would be deployed is
// not what is there, and its expressions are not evaluated.
func (in *reader) template(value []byte, at string) error {
	if err := in.count(at); err != nil {
		return err
	}
	resources, _ := member(value, "resources")
	found := in.templateResources(resources, at, 0)
	if found == 0 {
		in.note(azward.GapUnsupported, "resources", "an ARM template without resources", at)
	}
	return nil
}

// maxTemplateDepth bounds resources nested in resources; ARM allows four
// levels of children.
const maxTemplateDepth = 8

func (in *reader) templateResources(resources []byte, at string, depth int) (found int) {
	if depth > maxTemplateDepth {
		in.note(azward.GapUnsupported, AllTypes, "a template nests resources too deep", at)
		return 1
	}
	one := func(resource []byte) {
		found++
		name := "resources"
		t, _ := member(resource, "type")
		if s, ok := text(t); ok && s != "" && len(s) < 200 {
			name = s
		}
		in.note(azward.GapUnsupported, name, "a template's resource, which is not evaluated", at)
		children, _ := member(resource, "resources")
		found += in.templateResources(children, at, depth+1)
	}
	for _, resource := range elements(resources) {
		one(resource)
	}
	for _, resource := range members(resources) { // languageVersion 2.0 names them
		one(resource)
	}
	return found
}

// collectionOf maps "#microsoft.graph.servicePrincipal" to "servicePrincipals".
func collectionOf(odataType []byte) string {
	s, _ := text(odataType)
	name, ok := strings.CutPrefix(s, "#microsoft.graph.")
	switch {
	case !ok || name == "":
		return ""
	case strings.HasSuffix(name, "y"):
		return strings.TrimSuffix(name, "y") + "ies"
	default:
		return name + "s"
	}
}
