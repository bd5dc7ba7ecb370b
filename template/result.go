package template

import (
	"strconv"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy/azurepolicy"
)

// entry is a resource that would be created.
type entry struct {
	id      azward.ResourceID
	kind    string
	version string
	file    string
	node    *node
	maybe   bool
	doc     value
	// within is what pointers into the body are below in the node: a record
	// that the parent's document sets.
	within string
	// grafts are child resources that the body holds, by their pointers.
	grafts map[string]*entry
}

// add notes a resource. One that two deployments create has, where they
// differ, a value that nobody knows.
func (x *expander) add(e *entry) {
	key := e.id.Key()
	held, twice := x.byKey[key]
	if !twice {
		x.byKey[key] = e
		x.entries = append(x.entries, e)
		return
	}
	held.doc = either(held.doc, e.doc)
	held.maybe = held.maybe && e.maybe
}

// either is what of two values is the same.
func either(a, b value) value {
	switch {
	case a.Same(b):
		return a
	case a.IsObject() && b.IsObject():
		var o azurepolicy.Object
		for key, v := range a.Members() {
			other, ok := b.Member(key)
			if !ok {
				other = azurepolicy.NullValue
			}
			o.Set(key, either(v, other))
		}
		for key, v := range b.Members() {
			if _, ok := a.Member(key); !ok {
				o.Set(key, either(azurepolicy.NullValue, v))
			}
		}
		return o.Value()
	}
	return unknown("two deployments set it, and differ")
}

// listed are child resources that their parent's document holds as well.
var listed = map[string]string{
	"microsoft.network/virtualnetworks/subnets":                "subnets",
	"microsoft.network/virtualnetworks/virtualnetworkpeerings": "virtualNetworkPeerings",
	"microsoft.network/networksecuritygroups/securityrules":    "securityRules",
	"microsoft.network/routetables/routes":                     "routes",
}

// graft puts child resources into the documents of their parents, as Azure
// shows them.
func (x *expander) graft() {
	for _, e := range x.entries {
		name, ok := listed[strings.ToLower(e.kind)]
		if !ok {
			continue
		}
		above := x.byKey[e.id.Parent().Key()]
		if above == nil || e.maybe && !above.maybe {
			if above != nil { // whether the list has it is not known
				above.set(name, unknown("whether the list has %s is not known", e.id.Name()))
			}
			continue
		}
		above.append(name, e)
	}
}

// set sets a property.
func (e *entry) set(name string, v value) {
	properties, _ := e.doc.Member("properties")
	if _, is := properties.Unknown(); is {
		return
	}
	e.replace("properties", with(properties, name, v))
}

func (e *entry) replace(name string, v value) { e.doc = with(e.doc, name, v) }

// with is an object with a member set.
func with(of value, name string, v value) value {
	var o azurepolicy.Object
	for key, held := range of.Members() {
		o.Set(key, held)
	}
	o.Set(name, v)
	return o.Value()
}

// append adds a child to a list of the properties, unless it is there.
func (e *entry) append(name string, child *entry) {
	properties, _ := e.doc.Member("properties")
	held, _ := properties.Member(name)
	list, isList := held.List()
	if _, is := held.Unknown(); is || !isList && !held.Null() {
		return
	}
	body := child.doc
	body = with(body, "name", azurepolicy.TextValue(child.id.Name()))
	body = with(body, "id", azurepolicy.TextValue(string(child.id)))
	for i, one := range list {
		if same, _ := one.Member("name"); strings.EqualFold(textOf(same), child.id.Name()) {
			out := append([]value(nil), list...)
			out[i] = either(one, with(with(child.doc, "name", same), "id", azurepolicy.TextValue(string(child.id))))
			e.set(name, azurepolicy.ListValue(out))
			return
		}
	}
	if e.grafts == nil {
		e.grafts = map[string]*entry{}
	}
	e.grafts["/properties/"+name+"/"+strconv.Itoa(len(list))] = child
	e.set(name, azurepolicy.ListValue(append(append([]value(nil), list...), body)))
}

func textOf(v value) string { s, _ := v.Text(); return s }

// identify gives the children that stand in a parent's document their IDs.
func (e *entry) identify() {
	properties, _ := e.doc.Member("properties")
	for kind, name := range listed {
		if !strings.EqualFold(kind[:strings.LastIndexByte(kind, '/')], e.kind) {
			continue
		}
		held, _ := properties.Member(name)
		list, ok := held.List()
		if !ok {
			continue
		}
		out := make([]value, len(list))
		for i, one := range list {
			out[i] = one
			s := textOf(member(one, "name"))
			if _, has := one.Member("id"); one.IsObject() && !has && s != "" && !strings.Contains(s, "/") {
				out[i] = with(one, "id", azurepolicy.TextValue(string(e.id.Child(name, s))))
			}
		}
		e.set(name, azurepolicy.ListValue(out))
		properties, _ = e.doc.Member("properties")
	}
}

func member(v value, name string) value { m, _ := v.Member(name); return m }

// webRecord is the record config/web that every site has: what the site's own
// document sets as siteConfig.
//
// Source: https://learn.microsoft.com/azure/templates/microsoft.web/sites/config-web
func (x *expander) webRecords() {
	for _, e := range x.entries {
		low := strings.ToLower(e.kind)
		if low != "microsoft.web/sites" && low != "microsoft.web/sites/slots" {
			continue
		}
		id := e.id.Child("config", "web")
		properties := member(e.doc, "properties")
		config := member(properties, "siteConfig")
		if reason, is := properties.Unknown(); is {
			config = unknown("%s", reason)
		}
		if config.Null() {
			config = object()
		}
		own := x.byKey[id.Key()]
		switch {
		case own == nil:
			record := &entry{id: id, kind: id.Type(), version: e.version, file: e.file, node: e.node, maybe: e.maybe, within: "/properties/siteConfig"}
			var o azurepolicy.Object
			o.Set("properties", identified(config, e.doc))
			record.doc = o.Value()
			x.byKey[id.Key()] = record
			x.records = append(x.records, record)
		case config.IsObject():
			// The record is set after the site: what it names counts.
			merged := config
			for key, v := range member(own.doc, "properties").Members() {
				merged = with(merged, key, v)
			}
			own.replace("properties", identified(merged, e.doc))
		}
	}
	x.entries = append(x.entries, x.records...)
}

// identified is the record with what the platform notes of the site's managed
// identities there.
func identified(config, site value) value {
	if !config.IsObject() {
		return config
	}
	kind := member(member(site, "identity"), "type")
	s, known := kind.Text()
	for word, name := range map[string]string{"systemassigned": "managedServiceIdentityId", "userassigned": "xManagedServiceIdentityId"} {
		switch {
		case known && strings.Contains(strings.ToLower(s), word):
			config = with(config, name, azurepolicy.TextValue(estate.LaterName))
		case known && estate.PartlyLater(s):
			config = with(config, name, unknown("the identity is not known"))
		case !known && !kind.Null():
			config = with(config, name, unknown("the identity is not known"))
		}
	}
	return config
}

// endpointType are private endpoints.
const endpointType = "microsoft.network/privateendpoints"

// connect notes private endpoints at the resources that they lead to, as the
// platform does; one whose target nobody knows may lead to any.
//
// Source: https://learn.microsoft.com/azure/private-link/private-endpoint-overview
func (x *expander) connect() {
	const list = "privateEndpointConnections"
	open := false
	for _, e := range x.entries {
		if !strings.EqualFold(e.kind, endpointType) {
			continue
		}
		properties := member(e.doc, "properties")
		for name, status := range map[string]string{"privateLinkServiceConnections": "Approved", "manualPrivateLinkServiceConnections": "Pending"} {
			connections := member(properties, name)
			all, ok := connections.List()
			open = open || !ok && !connections.Null()
			for _, c := range all {
				to, ok := member(member(c, "properties"), "privateLinkServiceId").Text()
				target := x.byKey[azward.ResourceID(to).Key()]
				switch {
				case !ok || target == nil && estate.PartlyLater(to):
					open = true
				case target != nil && e.maybe:
					target.set(list, unknown("whether a private endpoint leads here is not known"))
				case target != nil:
					target.link(list, e, status)
				}
			}
		}
	}
	for _, e := range x.entries {
		if open && !strings.EqualFold(e.kind, endpointType) {
			e.set(list, unknown("where a private endpoint leads is not known"))
		}
	}
}

// link adds a connection to a resource.
func (e *entry) link(list string, from *entry, status string) {
	held, _ := member(member(e.doc, "properties"), list).List()
	name := from.id.Name()
	one := object(
		"id", string(e.id.Child(list, name)), "name", name,
		"properties", object("privateEndpoint", object("id", string(from.id)), "privateLinkServiceConnectionState", object("status", status)),
	)
	e.set(list, azurepolicy.ListValue(append(append([]value(nil), held...), one)))
}

// result makes the estate.
func (x *expander) result() (*Result, error) {
	x.webRecords()
	x.connect()
	x.graft()
	r := &Result{byKey: x.byKey, Gaps: x.gaps}
	sortGaps(r.Gaps)
	var b estate.Builder
	for _, e := range x.entries {
		e.identify()
		doc := with(e.doc, "id", azurepolicy.TextValue(string(e.id)))
		doc = with(doc, "name", azurepolicy.TextValue(e.id.Name()))
		doc = with(doc, "type", azurepolicy.TextValue(e.kind))
		if kind, ok := doc.Member("kind"); ok {
			if _, is := kind.Unknown(); !is && textOf(kind) == "" {
				doc = with(doc, "kind", azurepolicy.NullValue)
			}
		}
		if e.maybe {
			doc = with(doc, "condition", azurepolicy.TextValue(estate.Later))
		}
		if err := b.AddARM(doc.JSON(), estate.Provenance{Source: azward.SourceTemplate, APIVersion: e.version}); err != nil {
			return nil, err
		}
		file, line := e.line("")
		r.Resources = append(r.Resources, Resource{ID: e.id, File: file, Line: line, Maybe: e.maybe, at: e})
		if !x.lost && !e.maybe {
			// What would be created is all that there is below it.
			b.AddListing(estate.Listing{Scope: e.id, Type: estate.AllTypes, Status: estate.ListingComplete, Via: azward.SourceTemplate})
		}
	}
	for _, g := range r.Gaps {
		b.AddGap(g)
	}
	r.Estate = b.Build()
	return r, nil
}

// line is where a property stands, or what is above it.
func (e *entry) line(pointer string) (file string, line int) {
	for prefix, child := range e.grafts {
		if pointer == prefix || strings.HasPrefix(pointer, prefix+"/") {
			return child.line(pointer[len(prefix):])
		}
	}
	n, line := e.node, e.node.line
	if e.within != "" {
		pointer = e.within + strings.TrimPrefix(pointer, "/properties")
	}
	for token := range strings.SplitSeq(strings.TrimPrefix(pointer, "/"), "/") {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		if pointer == "" {
			break
		}
		next, at := below(n, token)
		if next == nil {
			break
		}
		n, line = next, at
	}
	return e.file, line
}

// below is a member or an element, and its line.
func below(n *node, token string) (*node, int) {
	if n.kind == isList {
		if i, err := strconv.Atoi(token); err == nil && i >= 0 && i < len(n.items) {
			return n.items[i], n.items[i].line
		}
		return nil, 0
	}
	if i := n.index(token); i >= 0 {
		return n.items[i], n.lines[i]
	}
	for i, key := range n.keysOf() {
		for _, l := range loopsOf(key, n.items[i]) {
			if strings.EqualFold(l.member("name").literal(), token) {
				return &node{kind: isList, line: l.line, items: repeated(l.member("input"))}, l.line
			}
		}
	}
	return nil, 0
}

func (n *node) keysOf() []string {
	if n.kind != isObject {
		return nil
	}
	return n.keys
}

// repeated stands for the members that a loop makes.
func repeated(input *node) []*node {
	all := make([]*node, maxCopies)
	for i := range all {
		all[i] = input
	}
	return all
}
