package terraform

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/azward/azward"
)

// maxFollow bounds references through variables and outputs of modules.
const maxFollow = 16

// place is a resource of the configuration: "azurerm_subnet.web" of a module.
type place struct {
	scope    []string // names of the modules
	typeName string
	index    string // as written, "" where it is computed or none
	same     bool   // the instance whose index is that of who refers to it
}

var indexes = regexp.MustCompile(`\[[^\]]*\]`)

// scopeOf turns "module.net[0].module.x" into its names.
func scopeOf(address string) []string {
	var names []string
	parts := strings.Split(indexes.ReplaceAllString(address, ""), ".")
	for i := 0; i+1 < len(parts); i += 2 {
		names = append(names, parts[i+1])
	}
	return names
}

func (p *Plan) module(scope []string) *module {
	m := &p.config
	for _, name := range scope {
		call, ok := m.Calls[name]
		if !ok || call.Module == nil {
			return nil
		}
		m = call.Module
	}
	return m
}

// expression is what the configuration says at a path of a resource.
func (p *Plan) expression(c *change, path []any) (any, []string) {
	scope := scopeOf(c.Module)
	m := p.module(scope)
	if m == nil {
		return nil, scope
	}
	for _, r := range m.Resources {
		if r.Type != c.Type || r.Name != c.Name || r.Mode == "data" {
			continue
		}
		at := any(r.Expressions)
		for _, step := range path {
			at = below(at, step)
		}
		return at, scope
	}
	return nil, scope
}

func below(v, step any) any {
	switch s := step.(type) {
	case string:
		if m, ok := v.(map[string]any); ok {
			return m[s]
		}
	case int:
		if list, ok := v.([]any); ok && s < len(list) {
			return list[s]
		}
		if m, ok := v.(map[string]any); ok && s == 0 {
			return m // a block that may stand once
		}
	}
	return nil
}

func references(expression any) []string {
	m, _ := expression.(map[string]any)
	items, _ := m["references"].([]any)
	var list []string
	for _, item := range items {
		if s, ok := item.(string); ok {
			list = append(list, s)
		}
	}
	return list
}

// follow finds the IDs that an attribute will hold from what the configuration
// refers to; why says why it cannot.
func (w *world) follow(c *change, path []any, armType string) (ids []azward.ResourceID, why string) {
	expression, scope := w.plan.expression(c, path)
	places, ok := w.plan.places(scope, references(expression), 0)
	if !ok || len(places) == 0 {
		return nil, "it is known after apply, and the configuration does not tell which resource it names"
	}
	for _, at := range places {
		target, why := w.plan.instance(at, c)
		if why != "" {
			return nil, why
		}
		id, ok := w.idOf(target)
		if !ok || armType != "" && !strings.EqualFold(id.Type(), armType) {
			return nil, fmt.Sprintf("it comes from %s, whose ID azward cannot foresee", target.Address)
		}
		ids = append(ids, id)
	}
	return ids, ""
}

// places resolves references of a module to resources.
func (p *Plan) places(scope, refs []string, depth int) ([]place, bool) {
	if depth > maxFollow {
		return nil, false
	}
	var all []place
	add := func(more []place, ok bool) bool {
		for _, one := range more {
			if !slices.ContainsFunc(all, func(q place) bool {
				return q.typeName == one.typeName && q.index == one.index && slices.Equal(q.scope, one.scope)
			}) {
				all = append(all, one)
			}
		}
		return ok
	}
	for _, ref := range longest(refs) {
		parts := strings.Split(indexes.ReplaceAllString(ref, ""), ".")
		switch {
		case len(parts) < 2, parts[0] == "local", parts[0] == "data", parts[0] == "path", parts[0] == "terraform", parts[0] == "self", ref == "each.value", strings.HasPrefix(ref, "each.value."):
			return nil, false
		case ref == "each.key", ref == "count.index":
			// which instance: taken for that of the same index
		case parts[0] == "var":
			if !add(p.variable(scope, parts[1], depth)) {
				return nil, false
			}
		case parts[0] == "module":
			if !add(p.output(scope, parts, depth)) {
				return nil, false
			}
		default:
			if len(parts) > 2 && parts[2] != "id" {
				return nil, false // an attribute of its own, such as a frontend's ID
			}
			one := place{scope: scope, typeName: parts[0] + "." + parts[1], same: slices.Contains(refs, "each.key") || slices.Contains(refs, "count.index")}
			if i := indexes.FindString(ref); i != "" {
				one.index = strings.Trim(i, `[]"`)
			}
			add([]place{one}, true)
		}
	}
	return all, true
}

// longest leaves out references that are a prefix of another one: Terraform
// lists "azurerm_subnet.a.id" and "azurerm_subnet.a".
func longest(refs []string) []string {
	var list []string
	for _, r := range refs {
		longer := func(other string) bool {
			return len(other) > len(r) && strings.HasPrefix(other, r) && (other[len(r)] == '.' || other[len(r)] == '[')
		}
		if !slices.ContainsFunc(refs, longer) {
			list = append(list, r)
		}
	}
	return list
}

func (p *Plan) variable(scope []string, name string, depth int) ([]place, bool) {
	if len(scope) == 0 {
		return nil, false // its value would be known
	}
	above := scope[:len(scope)-1]
	m := p.module(above)
	if m == nil {
		return nil, false
	}
	return p.nonEmpty(above, references(m.Calls[scope[len(scope)-1]].Expressions[name]), depth)
}

func (p *Plan) output(scope, parts []string, depth int) ([]place, bool) {
	if len(parts) < 3 {
		return nil, false
	}
	inner := append(slices.Clone(scope), parts[1])
	m := p.module(inner)
	if m == nil {
		return nil, false
	}
	return p.nonEmpty(inner, references(m.Outputs[parts[2]].Expression), depth)
}

func (p *Plan) nonEmpty(scope, refs []string, depth int) ([]place, bool) {
	all, ok := p.places(scope, refs, depth+1)
	return all, ok && len(all) > 0
}

// instance finds the one change that a place is: of several instances the one
// that the reference names, or that has the index of who refers to it.
func (p *Plan) instance(at place, from *change) (*change, string) {
	var found []*change
	for _, c := range p.changes {
		if c.Mode != "data" && c.Type+"."+c.Name == at.typeName && slices.Equal(scopeOf(c.Module), at.scope) && !c.only("delete") {
			found = append(found, c)
		}
	}
	narrow := func(keep func(*change) bool) {
		if some := slices.DeleteFunc(slices.Clone(found), func(c *change) bool { return !keep(c) }); len(found) > 1 {
			found = some
		}
	}
	if at.index != "" {
		narrow(func(c *change) bool { return fmt.Sprint(c.Index) == at.index })
	}
	if from.Module != "" {
		if slices.ContainsFunc(found, func(c *change) bool { return c.Module == from.Module }) {
			narrow(func(c *change) bool { return c.Module == from.Module })
		}
	}
	if from.Index != nil && at.same && at.index == "" {
		narrow(func(c *change) bool { return c.Index == from.Index })
	}
	if len(found) != 1 {
		return nil, fmt.Sprintf("it is known after apply, and %s is %d resources of the plan", at.typeName, len(found))
	}
	return found[0], ""
}

func (c *change) only(action string) bool {
	return len(c.Change.Actions) == 1 && c.Change.Actions[0] == action
}
