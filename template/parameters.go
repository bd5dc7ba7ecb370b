package template

import (
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy/azurepolicy"
)

// parameter is computed when it is asked for.
type parameter struct {
	name  string
	node  *node // its declaration
	kind  string
	value value
	state state
}

// given is the value of a parameter that a file, or the deployment around,
// gives.
type given struct {
	name   string
	value  value
	node   *node
	file   string
	secret bool // a reference to a key vault
}

func literalFrame(file string, root *node) *frame {
	x := &expander{parsed: map[*node]parsedText{}, told: map[*node]bool{}}
	return &frame{x: x, file: file, root: root}
}

// plain is a node's value with no expression computed.
func plain(n *node) value {
	switch n.kind {
	case isText:
		return azurepolicy.TextValue(n.text)
	case isList:
		all := make([]value, len(n.items))
		for i, item := range n.items {
			all[i] = plain(item)
		}
		return azurepolicy.ListValue(all)
	case isObject:
		var o azurepolicy.Object
		for i, key := range n.keys {
			o.Set(key, plain(n.items[i]))
		}
		return o.Value()
	default:
		return literalFrame("", n).value(n)
	}
}

// readParameters reads parameter files.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/parameter-files
func readParameters(files []File) ([]given, error) {
	var all []given
	for _, file := range files {
		bad := func(line int, cause, remedy string) error {
			return &azward.Error{Kind: azward.KindBadInput, Op: "read parameters", Subject: fmt.Sprintf("%s:%d", file.Name, line), Cause: cause, Remedy: remedy}
		}
		if strings.EqualFold(path.Ext(file.Name), ".bicepparam") || looksBicep(file.Content) {
			return nil, bad(1, "it is Bicep, which azward does not compile", "compile it first: az bicep build-params --file "+path.Base(file.Name))
		}
		root, _, err := parseDocument(file.Content)
		if err != nil {
			line, cause := 1, err.Error()
			if d, ok := errors.AsType[*documentError](err); ok {
				line, cause = d.line, d.cause
			}
			return nil, bad(line, cause, "check the file")
		}
		list := root
		if inner := root.member("parameters"); inner != nil {
			list = inner
		}
		if list.kind != isObject {
			return nil, bad(list.line, "it holds no parameters", "write it as {\"parameters\": {\"name\": {\"value\": …}}}")
		}
		for i, name := range list.keys {
			g, ok := oneGiven(name, list.items[i], plain)
			if !ok && strings.HasPrefix(name, "$") || name == "contentVersion" {
				continue
			}
			if !ok {
				return nil, bad(list.lines[i], fmt.Sprintf("parameter %.80q has neither a value nor a reference", name), "write it as {\"value\": …}")
			}
			g.file = file.Name
			all = append(all, g)
		}
	}
	return all, nil
}

func oneGiven(name string, n *node, compute func(*node) value) (given, bool) {
	switch {
	case n.member("value") != nil:
		return given{name: name, node: n, value: compute(n.member("value"))}, true
	case n.member("reference") != nil:
		return given{name: name, node: n, secret: true}, true
	case n.member("expression") != nil:
		return given{name: name, node: n, value: unknown("it comes from outside of the parameter file")}, true
	}
	return given{}, false
}

// declare notes the parameters that the template declares.
func (f *frame) declare() {
	list := f.root.member("parameters")
	if list == nil || list.kind != isObject {
		return
	}
	for i, name := range list.keys {
		d := f.resolve(list.items[i])
		f.parameters[strings.ToLower(name)] = &parameter{name: name, node: d, kind: strings.ToLower(d.member("type").literal())}
	}
}

// resolve follows $ref to a definition of the template.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/definitions
func (f *frame) resolve(n *node) *node {
	for range maxNested {
		ref := n.member("$ref").literal()
		name, ok := strings.CutPrefix(ref, "#/definitions/")
		if !ok {
			return n
		}
		d := f.root.member("definitions").member(name)
		if d == nil {
			return n
		}
		if n.member("defaultValue") != nil || n.member("nullable") != nil {
			return overlaid(n, d)
		}
		n = d
	}
	return n
}

// overlaid is a declaration with what the definition that it names adds.
func overlaid(n, d *node) *node {
	out := *n
	out.keys, out.items, out.lines = slices.Clone(n.keys), slices.Clone(n.items), slices.Clone(n.lines)
	for i, key := range d.keys {
		if n.member(key) == nil {
			out.keys, out.items, out.lines = append(out.keys, key), append(out.items, d.items[i]), append(out.lines, d.lines[i])
		}
	}
	at := slices.Index(out.keys, "$ref")
	out.keys, out.items, out.lines = slices.Delete(out.keys, at, at+1), slices.Delete(out.items, at, at+1), slices.Delete(out.lines, at, at+1)
	return &out
}

// bindRoot gives the template that the user named its parameters.
func (f *frame) bindRoot(all []given) error {
	f.declare()
	for _, g := range all {
		p := f.parameters[strings.ToLower(g.name)]
		cause := "the template has no such parameter"
		if p != nil {
			cause = p.give(g)
		}
		if cause == "" {
			continue
		}
		return &azward.Error{
			Kind: azward.KindBadInput, Op: "read parameters", Subject: fmt.Sprintf("%s:%d %.80s", g.file, g.node.line, g.name), Cause: cause,
			Remedy: "give what the template declares; Azure would refuse the deployment",
		}
	}
	var lacking []string
	for _, p := range f.parameters {
		if p.state == waiting && p.node.member("defaultValue") == nil && !p.nullable() {
			lacking = append(lacking, p.name)
		}
	}
	if len(lacking) > 0 {
		slices.Sort(lacking)
		f.x.gaps = append(f.x.gaps, azward.Gap{
			Scope: azward.ResourceID(fmt.Sprintf("%s:%d", f.file, f.root.member("parameters").line)), Kind: azward.GapNotRead, Reads: "parameters",
			Error:  fmt.Sprintf("%d parameters have no value, and what depends on them is unknown: %.400s", len(lacking), strings.Join(lacking, ", ")),
			Remedy: "give a parameter file with --parameters",
		})
	}
	return nil
}

// bind gives a nested template its parameters.
func (f *frame) bind(all []given) {
	f.declare()
	for _, g := range all {
		p := f.parameters[strings.ToLower(g.name)]
		if p == nil {
			f.x.gapAt(g.file, g.node.line, g.node.path(), fmt.Sprintf("the nested template has no parameter %.80q", g.name), azward.GapUnsupported)
			continue
		}
		if cause := p.give(g); cause != "" {
			f.x.gapAt(g.file, g.node.line, g.node.path(), cause, azward.GapUnsupported)
			p.value, p.state = p.stand(), done
		}
	}
}

func (p *parameter) nullable() bool { n := p.node.member("nullable"); return n != nil && n.yes }

func (p *parameter) secure() bool { return strings.HasPrefix(p.kind, "secure") }

// give takes a value. What is secret is not kept: nothing prints what it is.
func (p *parameter) give(g given) (cause string) {
	v := g.value
	if g.secret {
		v = p.stand()
	}
	if v.Null() && p.nullable() {
		p.value, p.state = v, done
		return ""
	}
	if cause := p.check(v); cause != "" {
		return cause
	}
	p.value, p.state = p.hidden(v), done
	return ""
}

// hidden is the value, or what stands for it where it is secret. That nothing
// is given is no secret.
func (p *parameter) hidden(v value) value {
	if s, is := v.Text(); !p.secure() || is && s == "" || v.Null() {
		return v
	}
	return p.stand()
}

// stand is what stands for a value that nobody knows, or that nobody may read:
// a text is set, whatever it is.
func (p *parameter) stand() value {
	if p.kind == "string" || p.kind == "securestring" {
		return azurepolicy.TextValue(estate.LaterName + "-" + strings.Map(letters, p.name))
	}
	return unknown("parameter %.80s has no value here", p.name)
}

func letters(r rune) rune {
	if r >= '0' && r <= '9' || r|0x20 >= 'a' && r|0x20 <= 'z' {
		return r
	}
	return '-'
}

// check compares a value with the declaration. It names no value: some are
// secret.
func (p *parameter) check(v value) string {
	if _, is := v.Unknown(); is {
		return ""
	}
	text, isText := v.Text()
	number, numeric := v.Number()
	_, truth := v.Bool()
	list, isList := v.List()
	size := -1
	fits := true
	switch p.kind {
	case "string", "securestring":
		fits, size = isText, len([]rune(text))
	case "int":
		fits = numeric && number == float64(int64(number))
	case "bool":
		fits = truth
	case "array":
		fits, size = isList, len(list)
	case "object", "secureobject":
		fits = v.IsObject()
	}
	if !fits {
		return "its value is no " + p.kind
	}
	if isText && estate.PartlyLater(text) {
		return ""
	}
	for _, b := range []struct {
		name  string
		outer bool
		at    float64
		below bool
	}{
		{"minLength", size >= 0, float64(size), true},
		{"maxLength", size >= 0, float64(size), false},
		{"minValue", numeric, number, true},
		{"maxValue", numeric, number, false},
	} {
		limit := p.node.member(b.name)
		if limit == nil || limit.kind != isNumber || !b.outer {
			continue
		}
		if b.below && b.at < limit.num || !b.below && b.at > limit.num {
			return fmt.Sprintf("its value does not meet %s %v", b.name, limit.num)
		}
	}
	return p.allowed(v)
}

func (p *parameter) allowed(v value) string {
	allowed := p.node.member("allowedValues").list()
	if len(allowed) == 0 {
		return ""
	}
	among := func(v value) bool {
		return slices.ContainsFunc(allowed, func(n *node) bool {
			one := plain(n)
			a, isText := one.Text()
			b, also := v.Text()
			return isText && also && strings.EqualFold(a, b) || one.Same(v)
		})
	}
	if list, is := v.List(); is && p.kind == "array" {
		if among(v) || !slices.ContainsFunc(list, func(v value) bool { return !among(v) }) {
			return ""
		}
	} else if among(v) {
		return ""
	}
	return "its value is none of allowedValues"
}

// parameter computes a parameter.
func (f *frame) parameter(name string) value {
	low := strings.ToLower(name)
	if f.function != nil {
		v, ok := f.function[low]
		if !ok {
			return refused("the function has no parameter %.80q", name)
		}
		return v
	}
	p := f.parameters[low]
	switch {
	case p == nil:
		return refused("there is no parameter %.80q", name)
	case p.state == done:
		return p.value
	case p.state == running:
		return refused("parameter %.80q needs itself", name)
	}
	p.state = running
	if d := p.node.member("defaultValue"); d != nil {
		in := *f
		in.copies, in.lambda = nil, nil
		p.value = in.value(d)
		if cause := p.check(p.value); cause != "" {
			f.gap(d, "%s", cause)
		}
		p.value = p.hidden(p.value)
	} else if p.nullable() {
		p.value = azurepolicy.NullValue
	} else {
		p.value = p.stand()
	}
	p.state = done
	return p.value
}
