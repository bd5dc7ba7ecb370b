package template

import (
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy/azurepolicy"
)

// parent is the resource that child resources stand in.
type parent struct {
	kind  string
	name  string
	maybe bool
}

// control are members of a resource that are the template's, and not the
// resource's.
var control = map[string]bool{
	"id": true, "type": true, "name": true, "apiversion": true, "dependson": true, "copy": true, "condition": true, "resources": true,
	"comments": true, "metadata": true, "existing": true, "scope": true, "import": true, "extension": true, "asserts": true, "$options": true, "@options": true,
	"subscriptionid": true, "resourcegroup": true,
}

// all expands resources: a list, or an object of symbolic names.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/syntax#languageversion-20
func (f *frame) all(list *node, in *parent) {
	if list == nil || list.kind != isList && list.kind != isObject {
		return
	}
	if in == nil {
		f.foresee(list)
	}
	for _, n := range list.items {
		if n.kind != isObject {
			f.gap(n, "a resource is no object")
			continue
		}
		f.resource(n, in)
	}
}

func exists(n *node) bool { e := n.member("existing"); return e != nil && e.kind == isBool && e.yes }

// resource expands one resource with its loop.
func (f *frame) resource(n *node, in *parent) {
	if exists(n) {
		f.all(n.member("resources"), f.parentOf(n, in))
		return
	}
	f.turns(n, func(f *frame) { f.instance(n, in) })
}

// turns calls for every turn of a resource's loop. Where nobody knows how many
// there are, one stands for them.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/copy-resources
func (f *frame) turns(n *node, call func(*frame)) {
	l := n.member("copy")
	if l == nil || l.kind != isObject {
		call(f)
		return
	}
	name := l.member("name").literal()
	count, ok := f.count(l)
	if !ok {
		f.gap(l, "how many resources the loop makes is not known: one stands for them, which may not be there")
		f.x.lost = true
		in := f.with(copyState{name: name, index: unknown("where the loop stands is not known")})
		in.maybe = true
		call(in)
		return
	}
	for i := range count {
		if f.x.stop != nil {
			return
		}
		call(f.with(copyState{name: name, index: azurepolicy.NumberValue(float64(i))}))
	}
}

// deployed reports whether a resource's condition holds.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/conditional-resource-deployment
func (f *frame) deployed(n *node) azward.Answer {
	c := n.member("condition")
	if c == nil {
		return azward.Yes
	}
	v := f.value(c)
	if yes, ok := v.Bool(); ok {
		if yes {
			return azward.Yes
		}
		return azward.No
	}
	if s, ok := v.Text(); ok && strings.EqualFold(s, "true") {
		return azward.Yes
	} else if ok && strings.EqualFold(s, "false") {
		return azward.No
	}
	if _, is := v.Unknown(); !is {
		f.gap(c, "a condition is neither true nor false")
	}
	return azward.Unknown
}

// named is the type and full name of a resource, within its parent.
func (f *frame) named(n *node, in *parent) (kind, name string, ok bool) {
	kind, ok = f.value(n.member("type")).Text()
	if !ok || n.member("name") == nil {
		f.gap(n, "a resource has no type or name that is known")
		return "", "", false
	}
	kind = strings.Trim(kind, "/")
	name = strings.Trim(f.nameOf(n), "/")
	if in == nil {
		return kind, name, true
	}
	switch first, _, _ := strings.Cut(kind, "/"); {
	case len(kind) > len(in.kind) && strings.EqualFold(kind[:len(in.kind)], in.kind) && kind[len(in.kind)] == '/':
		// written whole
	case strings.Contains(first, ".") && !strings.EqualFold(first, "providers"):
		return kind, name, true
	default:
		kind = in.kind + "/" + kind
	}
	if want := strings.Count(kind, "/"); strings.Count(name, "/")+1 < want {
		name = in.name + "/" + name
	}
	return kind, name, true
}

// nameOf is a name; of one that is not known a text that is the same for the
// same turn of the same resource.
func (f *frame) nameOf(n *node) string {
	v := f.value(n.member("name"))
	if s, ok := v.Scalar(); ok {
		return s
	}
	of := []value{azurepolicy.TextValue(f.file + n.path())}
	for _, c := range f.copies {
		of = append(of, c.index)
	}
	s, _ := azurepolicy.SymbolicText("name", of...).Text()
	return s
}

func (f *frame) parentOf(n *node, in *parent) *parent {
	kind, name, ok := f.named(n, in)
	if !ok {
		return nil
	}
	return &parent{kind: kind, name: name, maybe: f.maybe}
}

// instance expands a resource in one turn of its loop.
func (f *frame) instance(n *node, in *parent) {
	answer := f.deployed(n)
	if f.x.stop != nil {
		return
	}
	kind, name, ok := f.named(n, in)
	if !ok {
		f.x.lost = f.x.lost || answer != azward.No
		return
	}
	if strings.EqualFold(kind, "Microsoft.Resources/deployments") {
		if answer != azward.No {
			f.deploy(n, answer == azward.Unknown)
		}
		return
	}
	children := *f
	if answer == azward.No {
		// A condition says nothing of child resources; without their parent
		// they fail unless it is there already.
		children.maybe = true
	} else {
		f.create(n, kind, name, f.maybe || answer == azward.Unknown || in != nil && in.maybe)
		children.maybe = f.maybe || answer == azward.Unknown
	}
	children.all(n.member("resources"), &parent{kind: kind, name: name, maybe: children.maybe})
}

// create notes a resource.
func (f *frame) create(n *node, kind, name string, maybe bool) {
	names := strings.Split(name, "/")
	for want := strings.Count(kind, "/"); len(names) < want && strings.Contains(name, estate.LaterName); {
		names = append([]string{estate.LaterName}, names...)
	}
	id, err := joinID(f.scopeOf(n, kind), kind, names)
	if err != nil {
		f.gap(n, "%v", err)
		f.x.lost = true
		return
	}
	parsed, err := azward.ParseResourceID(id)
	if err != nil {
		f.gap(n, "its ID cannot be made of its name: %.200q", id)
		f.x.lost = true
		return
	}
	if len(f.x.entries) >= maxResources {
		f.halt(n, "the template makes more than %d resources", maxResources)
		return
	}
	version, _ := f.value(n.member("apiVersion")).Text()
	f.x.add(&entry{
		id: parsed, kind: parsed.Type(), version: version, file: f.file, node: n, maybe: maybe, doc: f.object(n, control),
	})
}

// tenantTypes exist beside all subscriptions.
var tenantTypes = map[string]bool{
	"microsoft.management/managementgroups": true, "microsoft.subscription/aliases": true, "microsoft.billing/billingaccounts": true,
}

// scopeOf is what the ID of a resource begins with: the resource that it
// extends, or the target of the deployment.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/scope-extension-resources
func (f *frame) scopeOf(n *node, kind string) string {
	low := strings.ToLower(kind)
	if at := n.member("scope"); at != nil {
		scope, ok := f.value(at).Text()
		switch {
		case !ok:
			return f.at.scope() + "/providers/Microsoft.Resources/unknown/" + estate.LaterName
		case scope == "/" || scope == "":
			return ""
		case strings.HasPrefix(scope, "/"):
			return strings.TrimSuffix(scope, "/")
		}
		parts := strings.Split(scope, "/") // Namespace/type/name…
		kinds, names := parts[:1], []string{}
		for i := 1; i+1 < len(parts); i += 2 {
			kinds, names = append(kinds, parts[i]), append(names, parts[i+1])
		}
		base := f.at.scope()
		if tenantTypes[strings.ToLower(strings.Join(kinds, "/"))] {
			base = ""
		}
		if id, err := joinID(base, strings.Join(kinds, "/"), names); err == nil {
			return id
		}
		// Namespace/type and then names, as types are written elsewhere.
		return f.at.scope() + "/providers/" + scope
	}
	t := f.at
	if at := n.member("subscriptionId"); at != nil {
		t.subscription = segment(f.value(at))
	}
	if at := n.member("resourceGroup"); at != nil {
		t.level, t.group = inGroup, segment(f.value(at))
	}
	if tenantTypes[low] {
		return ""
	}
	return t.scope()
}
