package template

import (
	"fmt"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/policy/azurepolicy"
)

type value = azurepolicy.Value

// expander is one expansion.
type expander struct {
	o       Options
	machine azurepolicy.TemplateMachine
	parsed  map[*node]parsedText
	entries []*entry
	byKey   map[azward.ResourceKey]*entry

	gaps []azward.Gap
	told map[*node]bool // nodes that a gap names
	// lost: something that creates resources was not followed.
	lost        bool
	records     []*entry         // that the platform makes
	files       map[string]*node // linked templates; nil: cannot be read
	rootFile    string
	values      int
	deployments int
	stop        error // a bound that was passed
}

type parsedText struct {
	e   *azurepolicy.TemplateExpression
	err error
}

// frame is where expressions of a template are computed: its parameters and
// variables, the deployment, and the loops around.
type frame struct {
	x    *expander
	file string // as the user knows it
	path string // in Options.Files
	root *node
	at   target
	name value // of the deployment

	parameters map[string]*parameter
	variables  map[string]*variable
	functions  map[string]*node
	nested     map[string]*deployment // by ID and by symbolic name, in lower case

	copies []copyState
	// function holds the arguments of a user's function while it is computed.
	function map[string]value
	lambda   map[string]value
	maybe    bool // within a deployment whose condition is not known
	depth    int
}

// variable is computed when it is asked for.
type variable struct {
	node  *node
	loop  *node // of a copy: {name, count, input}
	value value
	state state
}

// state of what is computed when it is asked for.
type state uint8

const (
	waiting state = iota
	running
	done
)

// copyState is where a loop stands.
type copyState struct {
	name     string
	index    value
	property bool
}

func (x *expander) frame(file, path string, root *node, at target) *frame {
	f := &frame{
		x: x, file: file, path: path, root: root, at: at, name: azurepolicy.SymbolicText("deployment"),
		parameters: map[string]*parameter{}, variables: map[string]*variable{}, functions: map[string]*node{}, nested: map[string]*deployment{},
	}
	variables := root.member("variables")
	if variables != nil && variables.kind == isObject {
		for i, key := range variables.keys {
			if loops := loopsOf(key, variables.items[i]); loops != nil {
				for _, l := range loops {
					f.variables[strings.ToLower(l.member("name").literal())] = &variable{loop: l}
				}
				continue
			}
			f.variables[strings.ToLower(key)] = &variable{node: variables.items[i]}
		}
	}
	for _, space := range root.member("functions").list() {
		members := space.member("members")
		if members == nil || members.kind != isObject {
			continue
		}
		for i, key := range members.keys {
			f.functions[strings.ToLower(space.member("namespace").literal()+"."+key)] = members.items[i]
		}
	}
	return f
}

// with is the frame within one more turn of a loop.
func (f *frame) with(c copyState) *frame {
	inner := *f
	inner.copies = append(append([]copyState(nil), f.copies...), c)
	return &inner
}

// gapAt notes what could not be followed.
func (x *expander) gapAt(file string, line int, path, cause string, kind azward.GapKind) {
	if path != "" {
		cause = path + ": " + cause
	}
	x.gaps = append(x.gaps, azward.Gap{
		Scope: azward.ResourceID(fmt.Sprintf("%s:%d", file, line)), Kind: kind, Reads: "template", Error: cause,
	})
}

// gap notes it once for each node.
func (f *frame) gap(n *node, format string, args ...any) {
	if f.x.told[n] || len(f.x.gaps) >= maxGaps {
		return
	}
	f.x.told[n] = true
	f.x.gapAt(f.file, n.line, n.path(), fmt.Sprintf(format, args...), azward.GapUnsupported)
}

// maxGaps bounds what is told of one template.
const maxGaps = 1000

// halt ends the expansion: a bound is passed.
func (f *frame) halt(n *node, format string, args ...any) {
	if f.x.stop != nil {
		return
	}
	f.x.stop = &azward.Error{
		Kind: azward.KindBadInput, Op: "expand template", Subject: fmt.Sprintf("%s:%d", f.file, n.line),
		Cause: n.path() + ": " + fmt.Sprintf(format, args...), Remedy: "split the template; these bounds are above Azure's own",
	}
}

func unknown(format string, args ...any) value {
	return azurepolicy.UnreadValue(fmt.Sprintf(format, args...))
}

func refused(format string, args ...any) value {
	return azurepolicy.FailedValue(fmt.Sprintf(format, args...))
}

// value computes a node.
func (f *frame) value(n *node) value {
	if n == nil || f.x.stop != nil {
		return azurepolicy.NullValue
	}
	if f.x.values++; f.x.values > maxValues {
		f.halt(n, "the template makes more than %d values", maxValues)
	}
	switch n.kind {
	case isBool:
		return azurepolicy.BoolValue(n.yes)
	case isNumber:
		return azurepolicy.NumberValue(n.num)
	case isText:
		return f.text(n)
	case isList:
		all := make([]value, len(n.items))
		for i, item := range n.items {
			all[i] = f.value(item)
		}
		return azurepolicy.ListValue(all)
	case isObject:
		return f.object(n, nil)
	default:
		return azurepolicy.NullValue
	}
}

// object computes the members of an object but those that skip names.
func (f *frame) object(n *node, skip map[string]bool) value {
	var o azurepolicy.Object
	for i, key := range n.keys {
		if skip[strings.ToLower(key)] {
			continue
		}
		if loops := loopsOf(key, n.items[i]); loops != nil {
			for _, l := range loops {
				o.Set(l.member("name").literal(), f.loop(l))
			}
			continue
		}
		if azurepolicy.IsTemplateExpression(key) {
			name, ok := f.key(n, i)
			if !ok {
				return unknown("a name within it is not known")
			}
			key = name
		}
		o.Set(key, f.value(n.items[i]))
	}
	return o.Value()
}

// key computes the name of a member.
func (f *frame) key(n *node, i int) (string, bool) {
	p := parse(n.keys[i])
	if p.err != nil {
		f.gap(n.items[i], "%v", p.err)
		return "", false
	}
	v := f.x.machine.Eval(p.e, f)
	if reason, is := v.Unknown(); is {
		if v.Refused() {
			f.gap(n.items[i], "%s", reason)
		}
		return "", false
	}
	return v.Scalar()
}

// loopsOf are the loops that a member copy holds, nil where it is another
// member.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/copy-properties
func loopsOf(key string, n *node) []*node {
	if !strings.EqualFold(key, "copy") || n.kind != isList || len(n.items) == 0 {
		return nil
	}
	for _, l := range n.items {
		if l.member("name").literal() == "" || l.member("count") == nil || l.member("input") == nil {
			return nil
		}
	}
	return n.items
}

// loop computes the list that a copy of a property or variable makes.
func (f *frame) loop(l *node) value {
	count, ok := f.count(l)
	if !ok {
		return unknown("how many members it has is not known")
	}
	all := make([]value, 0, count)
	for i := range count {
		in := f.with(copyState{name: l.member("name").literal(), index: azurepolicy.NumberValue(float64(i)), property: true})
		all = append(all, in.value(l.member("input")))
		if f.x.stop != nil {
			break
		}
	}
	return azurepolicy.ListValue(all)
}

// count is how often a loop turns; not known, or a gap, otherwise.
func (f *frame) count(l *node) (int, bool) {
	at := l.member("count")
	if at == nil {
		f.gap(l, "a loop has no count")
		return 0, false
	}
	v := f.value(at)
	n, ok := v.Number()
	switch {
	case !ok:
		if _, is := v.Unknown(); !is {
			f.gap(at, "the count of a loop is no number")
		}
		return 0, false
	case n > maxCopies || n < 0 || n != float64(int(n)):
		f.gap(at, "a loop turns %v times: Azure takes up to %d", n, maxCopies)
		return 0, false
	}
	return int(n), true
}

// text computes a string.
func (f *frame) text(n *node) value {
	p, ok := f.x.parsed[n]
	if !ok {
		p = parse(n.text)
		f.x.parsed[n] = p
	}
	if p.err != nil {
		f.gap(n, "%v", p.err)
		return unknown("its expression is not understood")
	}
	v := f.x.machine.Eval(p.e, f)
	if v.Refused() {
		reason, _ := v.Unknown()
		f.gap(n, "%s", reason)
		if f.x.machine.Exhausted() {
			f.halt(n, "%s", reason)
		}
		return unknown("%s", reason)
	}
	return v
}

func parse(s string) parsedText {
	e, err := azurepolicy.ParseTemplateExpression(s, contextual)
	return parsedText{e, err}
}

// variable computes a variable.
func (f *frame) variable(name string) value {
	v := f.variables[strings.ToLower(name)]
	switch {
	case v == nil:
		return refused("there is no variable %.80q", name)
	case v.state == done:
		return v.value
	case v.state == running:
		return refused("variable %.80q needs itself", name)
	}
	v.state = running
	in := *f
	in.copies, in.lambda, in.function = nil, nil, nil
	if v.loop != nil {
		v.value = in.loop(v.loop)
	} else {
		v.value = in.value(v.node)
	}
	v.state = done
	return v.value
}

// userFunction computes a function that the template defines.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/user-defined-functions
func (f *frame) userFunction(name string, args []azurepolicy.Argument) value {
	n := f.functions[name]
	if n == nil {
		return refused("there is no function %.80q", name)
	}
	wants := n.member("parameters").list()
	if len(args) != len(wants) {
		return refused("%.80s() takes %d arguments", name, len(wants))
	}
	in := *f
	in.function, in.copies, in.lambda = map[string]value{}, nil, nil
	for i, a := range args {
		in.function[strings.ToLower(wants[i].member("name").literal())] = a.Value()
	}
	return in.value(n.member("output").member("value"))
}
