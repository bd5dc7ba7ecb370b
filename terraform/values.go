package terraform

import (
	"fmt"
	"slices"

	"github.com/azward/azward"
)

// later stands for a value that is known after apply. It is no address, no
// port, no access and no name of a tag, so that whatever it decides is unknown.
const later = "(known after apply)"

// values are a resource's attributes, or those of one of its blocks.
type values struct {
	w       *world
	c       *change
	known   map[string]any
	unknown any   // true, or a tree like known
	path    []any // of the block in the resource
}

// isUnknown reports whether an attribute is known after apply alone.
func (v values) isUnknown(name string) bool {
	switch u := v.unknown.(type) {
	case bool:
		return u
	case map[string]any:
		return holdsTrue(u[name])
	}
	return false
}

func holdsTrue(v any) bool {
	switch u := v.(type) {
	case bool:
		return u
	case []any:
		return slices.ContainsFunc(u, holdsTrue)
	case map[string]any:
		for _, x := range u {
			if holdsTrue(x) {
				return true
			}
		}
	}
	return false
}

// text is an attribute as a string: "" where it is null, [later] where it is
// not known yet.
func (v values) text(name string) string {
	if s, ok := v.known[name].(string); ok {
		return s
	}
	if v.isUnknown(name) {
		return later
	}
	return ""
}

// any is an attribute as it stands, for booleans and numbers.
func (v values) any(name string) any { return v.known[name] }

// list is a list or set of strings.
func (v values) list(name string) []string {
	list := []string{}
	items, _ := v.known[name].([]any)
	for _, item := range items {
		if s, ok := item.(string); ok {
			list = append(list, s)
		}
	}
	if v.isUnknown(name) {
		list = append(list, later)
	}
	return list
}

// blocks are nested blocks, in order.
func (v values) blocks(name string) []values {
	items, _ := v.known[name].([]any)
	if one, ok := v.known[name].(map[string]any); ok {
		items = []any{one}
	}
	var list []values
	for i, item := range items {
		known, ok := item.(map[string]any)
		if !ok {
			continue
		}
		b := values{w: v.w, c: v.c, known: known, path: append(slices.Clone(v.path), name, i)}
		switch u := v.unknown.(type) {
		case bool:
			b.unknown = u
		case map[string]any:
			b.unknown = u[name]
			if list, ok := u[name].([]any); ok {
				b.unknown = nil
				if i < len(list) {
					b.unknown = list[i]
				}
			}
		}
		list = append(list, b)
	}
	return list
}

// ref is an attribute that holds the ID of a resource of this type: "" where
// it is null. One that is known after apply is followed through the
// configuration; where that does not tell, the ID is one that nothing has.
func (v values) ref(name, armType string) azward.ResourceID {
	switch ids := v.refs(name, armType); len(ids) {
	case 0:
		return ""
	case 1:
		return ids[0]
	}
	v.w.gap(v.c, name, "it is known after apply, and the configuration refers to several resources")
	return v.w.nowhere(armType)
}

// refs is an attribute that holds such IDs as a list.
func (v values) refs(name, armType string) []azward.ResourceID {
	var ids []azward.ResourceID
	add := func(id azward.ResourceID) {
		if !slices.ContainsFunc(ids, id.Equal) {
			ids = append(ids, id)
		}
	}
	items, ok := v.known[name].([]any)
	if !ok {
		items = []any{v.known[name]}
	}
	for _, item := range items {
		if s, _ := item.(string); s != "" {
			if id, err := azward.ParseResourceID(s); err == nil {
				add(id)
				continue
			}
			add(v.w.nowhere(armType))
			v.w.gap(v.c, name, fmt.Sprintf("%.80q is no resource ID", s))
		}
	}
	if !v.isUnknown(name) {
		return ids
	}
	followed, why := v.w.follow(v.c, append(slices.Clone(v.path), name), armType)
	if why != "" {
		v.w.gap(v.c, name, why)
		followed = []azward.ResourceID{v.w.nowhere(armType)}
	}
	for _, id := range followed {
		add(id)
	}
	return ids
}

// objects turns IDs into ARM's references.
func objects(ids []azward.ResourceID) []any {
	list := []any{}
	for _, id := range ids {
		list = append(list, object(id))
	}
	return list
}

// object is a reference, or nil for none.
func object(id azward.ResourceID) any {
	if id == "" {
		return nil
	}
	return map[string]any{"id": string(id)}
}
