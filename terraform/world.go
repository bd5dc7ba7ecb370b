package terraform

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// world is the estate while the plan is laid over it.
type world struct {
	estate       *estate.Estate
	plan         *Plan
	subscription azward.ResourceID
	bodies       map[azward.ResourceKey]map[string]any // what the plan touched; nil: removed
	unmapped     map[string]int
	found        []azward.Gap
	depth        int // of references that are followed

	posture *postureRun // nil: only what decides who reaches whom
}

// apply maps one change in the pass that its kind belongs to.
func (w *world) apply(c *change, pass int) {
	k, ok := w.kind(c.Type)
	if !ok {
		if pass == whole && !w.harmless(c.Type) {
			w.unmapped[c.Type]++
		}
		return
	}
	if k.pass != pass {
		return
	}
	v := values{w: w, c: c, known: c.Change.After, unknown: c.Change.Unknown}
	var id azward.ResourceID
	if k.id != nil {
		if id, ok = w.idOf(c); !ok {
			w.gap(c, "id", "neither the plan nor the estate tells where it is created: its subscription, resource group or name is not known")
			return
		}
	}
	k.edit(w, v, id)
}

// remove takes away what the plan deletes, also before it is created anew.
func (w *world) remove(c *change) {
	k, ok := w.kind(c.Type)
	if !ok {
		if !w.harmless(c.Type) && !c.does("create") {
			w.unmapped[c.Type]++
		}
		return
	}
	v := values{w: w, c: c, known: c.Change.Before}
	if k.undo != nil {
		k.undo(w, v)
		return
	}
	id, err := azward.ParseResourceID(v.text("id"))
	if err != nil {
		w.gap(c, "id", "it is deleted, and the plan does not hold its ID")
		return
	}
	w.bodies[id.Key()] = nil
}

// idOf is the ID that a resource has, or will have.
func (w *world) idOf(c *change) (azward.ResourceID, bool) {
	v := values{w: w, c: c, known: c.Change.After, unknown: c.Change.Unknown}
	if s := v.text("id"); s != "" && s != later {
		if id, err := azward.ParseResourceID(s); err == nil {
			return id, true
		}
	}
	k, ok := w.kind(c.Type)
	if !ok || k.id == nil {
		return "", false
	}
	if w.depth++; w.depth > maxFollow {
		w.depth--
		return "", false
	}
	id := k.id(v)
	w.depth--
	if id == "" || strings.Contains(string(id), later) || strings.Contains(string(id), "//") {
		return "", false
	}
	parsed, err := azward.ParseResourceID(string(id))
	return parsed, err == nil
}

// nowhere is an ID that nothing has: a reference to it is one that was not read.
func (w *world) nowhere(armType string) azward.ResourceID {
	s := w.subscription
	if s == "" {
		s = "/subscriptions/00000000-0000-0000-0000-000000000000"
	}
	if armType == "" {
		armType = "Microsoft.Resources/unknown"
	}
	parts := strings.Split(armType, "/")
	id := s + azward.ResourceID("/resourceGroups/known-after-apply/providers/"+parts[0])
	for _, t := range parts[1:] {
		id += azward.ResourceID("/" + t + "/known-after-apply")
	}
	return id
}

// body is what the estate, or the plan so far, has under an ID.
func (w *world) body(id azward.ResourceID) (map[string]any, bool) {
	if b, ok := w.bodies[id.Key()]; ok {
		return b, b != nil
	}
	r, ok := w.estate.Resource(id)
	if !ok {
		return nil, false
	}
	var b map[string]any
	if err := json.Unmarshal(r.Body, &b); err != nil || b == nil {
		return nil, false
	}
	w.bodies[id.Key()] = b
	return b, true
}

// put sets properties of a resource, which it makes when there is none. A nil
// value takes a property away.
func (w *world) put(id azward.ResourceID, properties map[string]any) map[string]any {
	b, ok := w.body(id)
	if !ok {
		b = map[string]any{"id": string(id), "name": id.Name(), "type": id.Type()}
		w.bodies[id.Key()] = b
	}
	merge(propertiesOf(b), properties)
	return b
}

func propertiesOf(b map[string]any) map[string]any {
	p, ok := b["properties"].(map[string]any)
	if !ok {
		p = map[string]any{}
		b["properties"] = p
	}
	return p
}

func merge(into, from map[string]any) {
	for k, v := range from {
		if v == nil {
			delete(into, k)
			continue
		}
		into[k] = v
	}
}

// item sets properties of a named item in a list of a resource's body, such
// as a rule of a security group. A resource that is not there is a gap.
func (w *world) item(c *change, parent azward.ResourceID, list, name string, properties map[string]any) {
	b, ok := w.body(parent)
	if !ok {
		w.gap(c, list, "it is part of "+parent.Name()+", which neither the estate nor the plan holds")
		return
	}
	p := propertiesOf(b)
	items, _ := p[list].([]any)
	at := indexOf(items, name)
	if at < 0 {
		items = append(slices.Clone(items), map[string]any{"name": name, "id": string(parent.Child(list, name))})
		at = len(items) - 1
		p[list] = items
	}
	if one, ok := items[at].(map[string]any); ok {
		merge(propertiesOf(one), properties)
	}
}

func indexOf(items []any, name string) int {
	return slices.IndexFunc(items, func(item any) bool {
		m, _ := item.(map[string]any)
		held, _ := m["name"].(string)
		return strings.EqualFold(held, name)
	})
}

// named finds an item of a list by the last word of its ID.
func (w *world) named(id azward.ResourceID, list string) (map[string]any, bool) {
	b, ok := w.body(id.Parent())
	if !ok {
		return nil, false
	}
	items, _ := propertiesOf(b)[list].([]any)
	at := indexOf(items, id.Name())
	if at < 0 {
		return nil, false
	}
	one, ok := items[at].(map[string]any)
	return one, ok
}

// drop takes a named item out of a list.
func (w *world) drop(parent azward.ResourceID, list, name string) {
	b, ok := w.body(parent)
	if !ok {
		return
	}
	p := propertiesOf(b)
	items, _ := p[list].([]any)
	if at := indexOf(items, name); at >= 0 {
		p[list] = slices.Delete(slices.Clone(items), at, at+1)
	}
}

// only keeps the items of a list that are named, and drops those that the
// state had before: what somebody else put there stays.
func (w *world) only(c *change, parent azward.ResourceID, list, blocks string, now []values) {
	var names []string
	for _, v := range now {
		names = append(names, v.text("name"))
	}
	before := values{w: w, c: c, known: c.Change.Before}
	for _, v := range before.blocks(blocks) {
		if name := v.text("name"); !slices.Contains(names, name) {
			w.drop(parent, list, name)
		}
	}
}

func (w *world) gap(c *change, attribute, cause string) {
	g := azward.Gap{
		Scope: azward.ResourceID(c.Address), Kind: azward.GapUnsupported, Reads: c.Type + "." + attribute,
		Error: c.Address + ": " + cause,
	}
	if !slices.Contains(w.found, g) {
		w.found = append(w.found, g)
	}
}

// gaps are what could not be followed, one for each type that is not mapped.
func (w *world) gaps() []azward.Gap {
	all := w.found
	for _, t := range slices.Sorted(maps.Keys(w.unmapped)) {
		all = append(all, azward.Gap{
			Scope: "/", Kind: azward.GapUnsupported, Reads: t,
			Error:  fmt.Sprintf("azward does not map %s to Azure's objects: %d changes of the plan are left out", t, w.unmapped[t]),
			Remedy: "compare with an estate collected after apply",
		})
	}
	return all
}

// connectPeerings connects peerings that have both sides once the plan is
// applied, as Azure does.
func (w *world) connectPeerings() {
	sides := map[[2]azward.ResourceKey]map[string]any{}
	for _, key := range slices.Sorted(maps.Keys(w.bodies)) {
		b := w.bodies[key]
		if b == nil || !strings.EqualFold(fmt.Sprint(b["type"]), typeNetwork) {
			continue
		}
		w.sidesOf(sides, key, b)
		items, _ := propertiesOf(b)["virtualNetworkPeerings"].([]any)
		for _, item := range items {
			if id := remoteOf(item); id != "" {
				if other, ok := w.body(id); ok {
					w.sidesOf(sides, id.Key(), other)
				}
			}
		}
	}
	for pair, p := range sides {
		if _, ok := sides[[2]azward.ResourceKey{pair[1], pair[0]}]; ok && p["peeringState"] == nil {
			p["peeringState"] = "Connected"
		}
	}
}

func (w *world) sidesOf(sides map[[2]azward.ResourceKey]map[string]any, key azward.ResourceKey, b map[string]any) {
	items, _ := propertiesOf(b)["virtualNetworkPeerings"].([]any)
	for _, item := range items {
		if id := remoteOf(item); id != "" {
			m, _ := item.(map[string]any)
			sides[[2]azward.ResourceKey{key, id.Key()}] = propertiesOf(m)
		}
	}
}

func remoteOf(item any) azward.ResourceID {
	m, ok := item.(map[string]any)
	if !ok {
		return ""
	}
	ref, _ := propertiesOf(m)["remoteVirtualNetwork"].(map[string]any)
	s, _ := ref["id"].(string)
	return azward.ResourceID(s)
}

// result is the estate with what the plan changed.
func (w *world) result() (*estate.Estate, error) {
	var bodies []json.RawMessage
	var removed []azward.ResourceID
	for _, key := range slices.Sorted(maps.Keys(w.bodies)) {
		b := w.bodies[key]
		if b == nil {
			removed = append(removed, azward.ResourceID(key))
			continue
		}
		raw, err := json.Marshal(b)
		if err != nil {
			return nil, fmt.Errorf("write planned resource: %w", err)
		}
		bodies = append(bodies, raw)
	}
	return estate.Replace(w.estate, bodies, removed)
}
