package terraform

import (
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// posture is what a type sets that rules ask for: attributes of azurerm and
// the properties that the provider makes of them.
type posture struct {
	pass int
	// id foresees the ID; nil for types that [kinds] has already.
	id   func(values) azward.ResourceID
	rows []row
	more func(w *world, v values, id azward.ResourceID, body map[string]any)
}

// row maps one attribute: its path through blocks to the path in the body.
type row struct {
	from, to string
	as       func(any) any
	// def is what the provider or Azure documents for an attribute that is not
	// set; nil leaves the property unset.
	def any
}

// set maps the attribute into a body.
func (r row) set(b map[string]any, v values) {
	got, later, there := v.at(r.from)
	switch {
	case later:
		put(b, r.to, estate.Later)
	case got != nil && r.as != nil:
		put(b, r.to, r.as(got))
	case got != nil:
		put(b, r.to, got)
	case r.def != nil:
		put(b, r.to, r.def)
	case there:
		put(b, r.to, nil) // the provider sends nothing
	}
}

// at is an attribute within blocks, of which the first of each counts; later
// reports that it is known after apply alone, and there that the plan speaks of
// it: names differ between versions of the provider.
func (v values) at(path string) (got any, later, there bool) {
	steps := strings.Split(path, ".")
	for _, step := range steps[:len(steps)-1] {
		blocks := v.blocks(step)
		if len(blocks) == 0 {
			_, there = v.known[step]
			return nil, v.isUnknown(step), there
		}
		v = blocks[0]
	}
	name := steps[len(steps)-1]
	got, there = v.known[name]
	return got, v.isUnknown(name), there
}

// has reports whether a block is set, and whether nobody knows.
func (v values) has(block string) (is, later bool) {
	if len(v.blocks(block)) > 0 {
		return true, false
	}
	return false, v.isUnknown(block)
}

// put sets a value at a dotted path.
func put(b map[string]any, path string, value any) {
	steps := strings.Split(path, ".")
	for _, step := range steps[:len(steps)-1] {
		next, ok := b[step].(map[string]any)
		if !ok {
			if b[step] == estate.Later {
				return
			}
			next = fields{}
			b[step] = next
		}
		b = next
	}
	b[steps[len(steps)-1]] = value
}

// Conversions.

func words(yes, no string) func(any) any {
	return func(x any) any {
		switch x {
		case true:
			return yes
		case false:
			return no
		}
		return x
	}
}

var (
	asEnabled = words("Enabled", "Disabled")
	lowState  = words("enabled", "disabled")
)

func negated(x any) any {
	if b, ok := x.(bool); ok {
		return !b
	}
	return x
}

func truth(any) any { return true }

func joined(x any) any {
	items, ok := x.([]any)
	if !ok {
		return x
	}
	var words []string
	for _, item := range items {
		if s, ok := item.(string); ok {
			words = append(words, s)
		}
	}
	slices.Sort(words)
	return strings.Join(words, ", ")
}

// epoch is a time of RFC 3339 in seconds, as key vaults have it.
func epoch(x any) any {
	s, _ := x.(string)
	if t, err := time.Parse(time.RFC3339, s); err == nil {
		return t.Unix()
	}
	return x
}

// each makes an object of every text of a list.
func each(of func(string) fields) func(any) any {
	return func(x any) any {
		items, _ := x.([]any)
		out := []any{}
		for _, item := range items {
			if s, ok := item.(string); ok {
				out = append(out, of(s))
			}
		}
		return out
	}
}

var (
	ipValue = each(func(s string) fields { return fields{"value": s, "action": "Allow"} })
	idField = each(func(s string) fields { return fields{"id": s, "action": "Allow"} })
)

// below is the ID of a child that names its parent by an attribute.
func childID(attribute, parentType, kind string) func(values) azward.ResourceID {
	return func(v values) azward.ResourceID {
		parent, name := v.ref(attribute, parentType), v.text("name")
		if parent == "" || name == "" {
			return ""
		}
		return parent.Child(kind, name)
	}
}

// fixedChild is that of a child of which there is one.
func fixedChild(attribute, parentType, kind, name string) func(values) azward.ResourceID {
	return func(v values) azward.ResourceID {
		parent := v.ref(attribute, parentType)
		if parent == "" {
			return ""
		}
		return parent.Child(kind, name)
	}
}

// extension is the ID of a resource that extends the one which an attribute
// names.
func extension(attribute, armType string) func(values) azward.ResourceID {
	return func(v values) azward.ResourceID {
		scope, name := v.ref(attribute, ""), v.text("name")
		if scope == "" || name == "" {
			return ""
		}
		return scope + azward.ResourceID("/providers/"+armType+"/"+name)
	}
}

// group is the ID of a resource group.
func group(v values) azward.ResourceID {
	if v.w.subscription == "" || v.text("name") == "" {
		return ""
	}
	return v.w.subscription.Child("resourceGroups", v.text("name"))
}

// child is a resource that comes with another one.
func (w *world) child(v values, of azward.ResourceID, kind, name string, properties fields) {
	id := of.Child(kind, name)
	w.put(id, properties)
	w.posture.lines[id.Key()] = v.c.line
}

// harmless reports whether a type says nothing that anybody asks for: for
// posture all of Azure's do.
func (w *world) harmless(t string) bool {
	if w.posture == nil {
		return harmless(t)
	}
	return !strings.HasPrefix(t, "azurerm_") && !strings.HasPrefix(t, "azapi_") || t == "azapi_resource_action"
}
