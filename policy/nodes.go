package policy

import (
	"fmt"
	"slices"

	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
	"cel.dev/cel-go/interpreter"
)

// nodes are the parts of an expression for which CEL's own do not do: they
// keep only the reads that decided (of a disjunction that is true those of the
// operand that is, of a walk that found its element those of that element),
// and they look into documents without a detour.
type nodes struct {
	logic  map[int64]logicParts // of || and &&
	walks  map[int64]walkParts  // of exists() and all()
	idents map[int64]string
	nested bool // walks within walks
	made   map[int64]interpreter.InterpretableV2
}

// logicParts are the operands in their order, and the value that one of them
// alone decides.
type logicParts struct {
	absorbing types.Bool
	operands  []int64
}

// walkParts are what is walked, and the condition of its elements.
type walkParts struct {
	absorbing  types.Bool
	variable   string
	over, body int64
}

func newNodes(e ast.Expr) *nodes {
	n := &nodes{
		logic: map[int64]logicParts{}, walks: map[int64]walkParts{}, idents: map[int64]string{},
		made: map[int64]interpreter.InterpretableV2{},
	}
	n.find(e, 0)
	return n
}

func (n *nodes) find(e ast.Expr, depth int) {
	switch e.Kind() {
	case ast.IdentKind:
		n.idents[e.ID()] = e.AsIdent()
	case ast.CallKind:
		if absorbing, is := absorbs(e); is {
			n.logic[e.ID()] = logicParts{absorbing, operandsOf(e, nil)}
		}
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		n.nested = n.nested || depth > 0
		if absorbing, is := absorbs(c.LoopStep()); is {
			over := c.IterRange()
			if over.Kind() == ast.CallKind && over.AsCall().FunctionName() == "items" {
				over = over.AsCall().Args()[1]
			}
			n.walks[e.ID()] = walkParts{absorbing, c.IterVar(), over.ID(), c.LoopStep().AsCall().Args()[1].ID()}
		}
		n.find(c.IterRange(), depth)
		for _, part := range []ast.Expr{c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()} {
			n.find(part, depth+1)
		}
		return
	}
	for _, part := range partsOf(e) {
		n.find(part, depth)
	}
}

// absorbs tells || and &&, and the value that one operand alone decides.
func absorbs(e ast.Expr) (types.Bool, bool) {
	if e.Kind() != ast.CallKind {
		return false, false
	}
	switch e.AsCall().FunctionName() {
	case operators.LogicalOr:
		return types.True, true
	case operators.LogicalAnd:
		return types.False, true
	}
	return false, false
}

// operandsOf are those of a || b || c, however it is nested.
func operandsOf(e ast.Expr, to []int64) []int64 {
	for _, arg := range e.AsCall().Args() {
		if arg.Kind() == ast.CallKind && arg.AsCall().FunctionName() == e.AsCall().FunctionName() {
			to = operandsOf(arg, to)
		} else {
			to = append(to, arg.ID())
		}
	}
	return to
}

// decorate is called for each node after those within it.
func (n *nodes) decorate(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	id := i.ID()
	made, err := n.node(id, i)
	n.made[id] = made
	return made, err
}

func (n *nodes) node(id int64, i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	if parts, is := n.logic[id]; is {
		l := &logic{InterpretableV2: i, absorbing: parts.absorbing}
		for _, operand := range parts.operands {
			l.operands = append(l.operands, n.made[operand])
		}
		if slices.Contains(l.operands, nil) {
			return nil, fmt.Errorf("plan the condition: an operand is lost")
		}
		return l, nil
	}
	if parts, is := n.walks[id]; is {
		w := &walk{InterpretableV2: i, absorbing: parts.absorbing, variable: parts.variable, over: n.made[parts.over], body: n.made[parts.body]}
		if w.over == nil || w.body == nil {
			return nil, fmt.Errorf("plan the condition: a part of a walk is lost")
		}
		return w, nil
	}
	switch of := i.(type) {
	case *chain:
		return of, nil
	case interpreter.InterpretableAttribute:
		if name, is := n.idents[id]; is && !n.nested { // nested ones count their costs
			return &chain{InterpretableAttribute: of, root: name, plain: true}, nil
		}
	case interpreter.InterpretableCall:
		if args := of.Args(); !n.nested && len(args) > 0 {
			if f := direct(of.Function(), args[1:]); f != nil {
				return &call{i, args[0], f}, nil
			}
		}
	}
	return i, nil
}

// runOf is the evaluation that goes on.
func runOf(f *interpreter.ExecutionFrame) *run {
	switch s := f.Scope().(type) {
	case *run:
		return s
	case *variable:
		return s.run
	}
	v, _ := f.ResolveName("estate")
	r, _ := v.(*run)
	return r
}

// logic is a disjunction or conjunction.
type logic struct {
	interpreter.InterpretableV2
	absorbing types.Bool
	operands  []interpreter.InterpretableV2
}

// Exec implements [interpreter.InterpretableV2].
func (l *logic) Exec(f *interpreter.ExecutionFrame) ref.Val {
	r := runOf(f)
	start := len(r.reads)
	var open combined
	for _, operand := range l.operands {
		mark := len(r.reads)
		if v := operand.Exec(f); v == l.absorbing {
			r.drop(start, mark)
			return v
		} else if v != !l.absorbing {
			open.add(v)
		}
	}
	return open.or(!l.absorbing)
}

// combined is what is left when no part decides: unknown outweighs errors, as
// in CEL.
type combined struct {
	unknown bool
	bad     ref.Val
}

func (c *combined) add(v ref.Val) {
	if types.IsUnknown(v) {
		c.unknown = true
	} else if c.bad == nil {
		c.bad = types.MaybeNoSuchOverloadErr(v)
	}
}

func (c *combined) or(other types.Bool) ref.Val {
	switch {
	case c.unknown:
		return unknown
	case c.bad != nil:
		return c.bad
	}
	return other
}

// walk is exists() or all().
type walk struct {
	interpreter.InterpretableV2
	absorbing  types.Bool
	variable   string
	over, body interpreter.InterpretableV2
}

// variable is what a walk's element is called.
type variable struct {
	run   *run
	up    interpreter.Activation
	name  string
	value ref.Val
}

// ResolveName implements [interpreter.Activation].
func (v *variable) ResolveName(name string) (any, bool) { return v.value, name == v.name }

// Parent implements [interpreter.Activation].
func (v *variable) Parent() interpreter.Activation { return v.up }

// Exec implements [interpreter.InterpretableV2].
func (w *walk) Exec(f *interpreter.ExecutionFrame) ref.Val {
	r := runOf(f)
	over := w.over.Exec(f)
	if !types.IsUnknownOrError(over) {
		over = items(r, over)
	}
	if types.IsUnknownOrError(over) {
		return over
	}
	element := &variable{run: r, up: f, name: w.variable}
	inner := f.Push(element)
	defer inner.Pop()
	start, found := -1, false
	var open combined
	eachOf(r, over, func(mark int, v ref.Val) bool {
		if element.value = v; start < 0 {
			start = mark
		}
		if v = w.body.Exec(inner); v == w.absorbing {
			r.drop(start, mark)
			found = true
		} else if v != !w.absorbing {
			open.add(v)
		}
		return !found && r.steps <= maxSteps
	})
	if found {
		return w.absorbing
	}
	return open.or(!w.absorbing)
}

// eachOf calls with the elements of a list, or the names of an object's
// members; mark is where the reads of that element begin.
func eachOf(r *run, over ref.Val, call func(mark int, v ref.Val) bool) {
	switch l := over.(type) {
	case *array:
		l.noteWhole()
		for i := range l.values() {
			if mark := len(r.reads); !call(mark, l.element(i)) {
				return
			}
		}
	case *related:
		for _, v := range l.values {
			if !call(len(r.reads), v) {
				return
			}
		}
		if l.open {
			call(len(r.reads), unknown)
		}
	case traits.Iterable:
		for i := l.Iterator(); i.HasNext() == types.True; {
			if !call(len(r.reads), i.Next()) {
				return
			}
		}
	}
}

// chain is a name with properties: resource.properties.networkAcls.
type chain struct {
	interpreter.InterpretableAttribute
	root  string
	names []string
	plain bool // properties alone, and no indexes
}

// AddQualifier implements [interpreter.InterpretableAttribute].
func (p *chain) AddQualifier(q interpreter.Qualifier) (interpreter.Attribute, error) {
	c, is := q.(interpreter.ConstantQualifier)
	if is {
		var name types.String
		if name, is = c.Value().(types.String); is {
			p.names = append(p.names, string(name))
		}
	}
	p.plain = p.plain && is && !q.IsOptional()
	return p.InterpretableAttribute.AddQualifier(q)
}

// Exec implements [interpreter.InterpretableV2].
func (p *chain) Exec(f *interpreter.ExecutionFrame) ref.Val {
	r := runOf(f)
	reads, steps := len(r.reads), r.steps
	if v := p.follow(r, f); v != nil {
		return v
	}
	r.reads, r.steps = r.reads[:reads], steps
	return p.InterpretableAttribute.Exec(f)
}

// follow is nil where something is not as it is in most cases: then CEL's own
// look-up tells.
func (p *chain) follow(r *run, f *interpreter.ExecutionFrame) ref.Val {
	if !p.plain {
		return nil
	}
	var v ref.Val = r.subject.root
	if p.root != "resource" {
		named, _ := f.ResolveName(p.root)
		v, _ = named.(ref.Val)
	}
	for _, name := range p.names {
		switch o := v.(type) {
		case *object:
			v = o.member(name)
		case absent:
		case *types.Unknown:
			return o
		default:
			return nil
		}
	}
	if _, is := v.(absent); is {
		return types.NullValue
	}
	return v
}

// call is a function of ours of one value.
type call struct {
	interpreter.InterpretableV2
	arg interpreter.InterpretableV2
	f   func(ref.Val) ref.Val
}

// Exec implements [interpreter.InterpretableV2].
func (c *call) Exec(f *interpreter.ExecutionFrame) ref.Val {
	v := c.arg.Exec(f)
	if types.IsUnknownOrError(v) {
		return v
	}
	return c.f(v)
}

// direct gives a function of ours that takes any value, and constants beside
// it; nil for all else, which CEL calls after it has looked at the types.
func direct(name string, more []interpreter.InterpretableV2) func(ref.Val) ref.Val {
	if len(more) == 0 {
		return map[string]func(ref.Val) ref.Val{
			"some": some, "text": textOf, "lower": lowerOf, "time": timeOf, "is_any_address": isAnyAddress, "is_public_address": isPublicAddress,
		}[name]
	}
	constant, is := more[0].(interpreter.InterpretableConst)
	if !is || len(more) > 1 {
		return nil
	}
	switch want := constant.Value().(type) {
	case types.String:
		if name == "is" {
			return func(v ref.Val) ref.Val { return types.Bool(spelled(v, string(want))) }
		}
	case types.Int:
		if name == "covers_port" {
			return func(v ref.Val) ref.Val { return coversPort(v, want) }
		}
	case traits.Lister:
		if name == "among" {
			return func(v ref.Val) ref.Val { return among(v, want) }
		}
	}
	return nil
}
