package template

import (
	"io/fs"
	"net/url"
	"path"
	"strings"

	"github.com/azward/azward/estate"
	"github.com/azward/azward/internal/bound"
	"github.com/azward/azward/policy/azurepolicy"
)

// deployment is a nested or linked one, in one turn of its loop.
type deployment struct {
	outer *frame // where it stands
	node  *node
	inner *frame // where its template is computed; nil until it is opened
	state state
	// resources are those of the inner template; nil where it was not found.
	resources *node
	values    value
	computed  state
}

// foresee notes the deployments among resources, so that reference() finds
// their outputs.
func (f *frame) foresee(list *node) {
	for i, n := range list.items {
		if n.kind != isObject || exists(n) || !strings.EqualFold(n.member("type").literal(), "Microsoft.Resources/deployments") {
			continue
		}
		single := n.member("copy") == nil
		f.turns(n, func(in *frame) {
			if !f.another(n) {
				return
			}
			d := &deployment{outer: in, node: n}
			id, err := joinID(in.targetOf(n).scope(), "Microsoft.Resources/deployments", []string{in.nameOf(n)})
			if err == nil {
				f.nested[strings.ToLower(id)] = d
				f.nested[strings.ToLower(in.nameOf(n))] = d
			}
			if list.kind == isObject && single {
				f.nested[strings.ToLower(list.keys[i])] = d
			}
		})
	}
}

// another counts a deployment; it is false past the bound.
func (f *frame) another(n *node) bool {
	if f.x.deployments++; f.x.deployments > maxDeployments {
		f.halt(n, "there are more than %d nested deployments", maxDeployments)
	}
	return f.x.stop == nil
}

// targetOf is what a nested deployment deploys to.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/deploy-to-resource-group
func (f *frame) targetOf(n *node) target {
	t := f.at
	if location := n.member("location"); location != nil {
		t.location = f.value(location)
	}
	if at := n.member("subscriptionId"); at != nil {
		t.subscription, t.level = segment(f.value(at)), inSubscription
	}
	if at := n.member("resourceGroup"); at != nil {
		t.group, t.level = segment(f.value(at)), inGroup
		t.location = azurepolicy.TextValue(estate.LaterName + "-location")
	}
	if at := n.member("scope"); at != nil {
		scope, ok := f.value(at).Text()
		parts := strings.Split(strings.Trim(scope, "/"), "/")
		switch {
		case !ok:
		case scope == "/":
			t.level = inTenant
		case len(parts) >= 2 && strings.EqualFold(parts[len(parts)-2], "managementGroups"):
			t.level, t.management = inManagementGroup, parts[len(parts)-1]
		case len(parts) == 2 && strings.EqualFold(parts[0], "subscriptions"):
			t.level, t.subscription = inSubscription, parts[1]
		case len(parts) == 4 && strings.EqualFold(parts[2], "resourceGroups"):
			t.level, t.subscription, t.group = inGroup, parts[1], parts[3]
		}
	}
	return t
}

// deploy expands a deployment.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/linked-templates
func (f *frame) deploy(n *node, maybe bool) {
	d := f.nested[strings.ToLower(f.deploymentID(n))]
	if d == nil || d.node != n {
		if !f.another(n) {
			return
		}
		d = &deployment{outer: f, node: n}
	}
	in := d.open()
	if in == nil {
		return
	}
	inner := *in
	inner.maybe = f.maybe || maybe
	inner.all(d.resources, nil)
}

func (f *frame) deploymentID(n *node) string {
	id, err := joinID(f.targetOf(n).scope(), "Microsoft.Resources/deployments", []string{f.nameOf(n)})
	if err != nil {
		return ""
	}
	return id
}

// open finds the template of a deployment and gives it its parameters.
func (d *deployment) open() *frame {
	if d.state == done || d.state == running {
		return d.inner
	}
	d.state = running
	d.inner = d.prepare()
	d.state = done
	return d.inner
}

func (d *deployment) prepare() *frame {
	f, p := d.outer, d.node.member("properties")
	if p == nil || p.kind != isObject {
		f.lose(d.node, "a nested deployment has no properties")
		return nil
	}
	if f.depth >= maxNested {
		f.halt(d.node, "deployments nest deeper than %d levels", maxNested)
		return nil
	}
	root, file, at, outer := f.templateOf(p)
	if root == nil {
		return nil
	}
	d.resources = root.member("resources")
	t := f.targetOf(d.node)
	if level, ok := levelOf(root.member("$schema").literal()); ok && level > t.level && d.node.member("scope") == nil {
		t.level = level
	}
	if outer {
		in := *f
		in.at, in.depth, in.nested = t, f.depth+1, map[string]*deployment{}
		for k, v := range f.nested {
			in.nested[k] = v
		}
		return &in
	}
	in := f.x.frame(file, at, root, t)
	in.depth, in.name = f.depth+1, azurepolicy.TextValue(f.nameOf(d.node))
	in.bind(f.givenTo(p))
	return in
}

// lose notes that resources may be missing.
func (f *frame) lose(n *node, format string, args ...any) {
	f.gap(n, format, args...)
	f.x.lost = true
}

// templateOf is the template of a deployment; outer where its expressions are
// computed in the template around.
func (f *frame) templateOf(p *node) (root *node, file, at string, outer bool) {
	if root = p.member("template"); root != nil {
		scope := p.member("expressionEvaluationOptions").member("scope").literal()
		if root.kind != isObject {
			f.lose(root, "the nested template is no object")
			return nil, "", "", false
		}
		return root, f.file, f.path, !strings.EqualFold(scope, "inner")
	}
	link := p.member("templateLink")
	switch {
	case link == nil:
		f.lose(p, "a nested deployment has neither a template nor a link to one")
		return nil, "", "", false
	case link.member("id") != nil:
		f.lose(link, "a template spec is linked, which azward does not read")
		return nil, "", "", false
	}
	at, ok := f.linked(link)
	if !ok {
		return nil, "", "", false
	}
	root, ok = f.read(link, at)
	if !ok {
		return nil, "", "", false
	}
	return root, path.Join(path.Dir(f.rootFile()), relative(f.x.o.Path, at)), at, false
}

// rootFile is the name that the user gave the whole template.
func (f *frame) rootFile() string { return f.x.rootFile }

// relative is a path as seen from the folder of another.
func relative(from, to string) string {
	dir := path.Dir(path.Clean(from))
	if dir == "." {
		return to
	}
	up := ""
	for dir != "." {
		if rest, ok := strings.CutPrefix(to, dir+"/"); ok {
			return up + rest
		}
		dir, up = path.Dir(dir), up+"../"
	}
	return up + to
}

// linked is where in the files a linked template lies.
func (f *frame) linked(link *node) (string, bool) {
	if at := link.member("relativePath"); at != nil {
		s, ok := f.value(at).Text()
		if !ok {
			f.lose(at, "where the linked template lies is not known")
			return "", false
		}
		return path.Join(path.Dir(f.path), s), true
	}
	at := link.member("uri")
	if at == nil {
		f.lose(link, "the link has neither relativePath nor uri")
		return "", false
	}
	s, ok := f.value(at).Text()
	rest, beside := strings.CutPrefix(s, linkBase)
	if !ok || !beside {
		f.lose(at, "the linked template lies on a server, and azward reads none: give templates that are linked by relativePath")
		return "", false
	}
	rest, _, _ = strings.Cut(rest, "?")
	if i := strings.Index(rest, estate.LaterName); i > 0 { // a token of access behind it
		rest = rest[:i]
	}
	if plain, err := url.PathUnescape(rest); err == nil {
		rest = plain
	}
	return path.Clean(rest), true
}

func (f *frame) read(link *node, at string) (*node, bool) {
	if f.x.o.Files == nil || !fs.ValidPath(at) {
		f.lose(link, "the linked template %.120q lies outside of the template's folder", at)
		return nil, false
	}
	if root, ok := f.x.files[at]; ok {
		if root == nil {
			f.lose(link, "the linked template %.120q cannot be read", at)
		}
		return root, root != nil
	}
	if f.x.files == nil {
		f.x.files = map[string]*node{}
	}
	f.x.files[at] = nil
	file, err := f.x.o.Files.Open(at)
	if err != nil {
		f.lose(link, "the linked template %.120q is not there", at)
		return nil, false
	}
	raw, err := bound.ReadAll(file, maxBytes, "the linked template")
	if closing := file.Close(); err == nil {
		err = closing
	}
	if err != nil {
		f.lose(link, "the linked template %.120q cannot be read", at)
		return nil, false
	}
	root, _, err := parseDocument(raw)
	if err != nil {
		f.lose(link, "the linked template %.120q: %v", at, err)
		return nil, false
	}
	f.x.files[at] = root
	return root, true
}

// givenTo are the parameters that a deployment passes to its template.
func (f *frame) givenTo(p *node) []given {
	if link := p.member("parametersLink"); link != nil {
		f.gap(link, "a linked parameter file is not read: the parameters are unknown")
	}
	list := p.member("parameters")
	if list == nil || list.kind != isObject {
		return nil
	}
	var all []given
	for i, name := range list.keys {
		if list.items[i].kind != isObject {
			if v := f.value(list.items[i]); v.IsObject() {
				inner, _ := v.Member("value")
				all = append(all, given{name: name, value: inner, node: list.items[i], file: f.file})
				continue
			}
		}
		if g, ok := oneGiven(name, list.items[i], f.value); ok {
			g.file = f.file
			all = append(all, g)
		}
	}
	return all
}

// outputs are what the deployment gives, computed when somebody asks.
func (d *deployment) outputs() value {
	switch d.computed {
	case done:
		return d.values
	case running:
		return unknown("a deployment needs its own outputs")
	}
	d.computed = running
	d.values = d.compute()
	d.computed = done
	return d.values
}

func (d *deployment) compute() value {
	if d.state == running {
		return unknown("a deployment needs its own outputs")
	}
	in := d.open()
	if in == nil {
		return unknown("the nested template was not read")
	}
	outputs := in.root.member("outputs")
	if template := d.node.member("properties").member("template"); template != nil {
		outputs = template.member("outputs")
	}
	var o azurepolicy.Object
	if outputs == nil || outputs.kind != isObject {
		return o.Value()
	}
	if len(in.nested) == 0 {
		in.foresee(d.resources)
	}
	for i, name := range outputs.keys {
		out := outputs.items[i]
		kind := strings.ToLower(out.member("type").literal())
		v := unknown("the output is a list that a loop makes")
		switch {
		case strings.HasPrefix(kind, "secure"):
			v = (&parameter{name: name, kind: kind}).stand()
		case out.member("value") != nil:
			v = in.value(out.member("value"))
		}
		var one azurepolicy.Object
		one.Set("type", azurepolicy.TextValue(kind))
		one.Set("value", v)
		o.Set(name, one.Value())
	}
	return o.Value()
}
