package policy

import (
	"fmt"
	"reflect"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/interpreter"

	"github.com/azward/azward"
)

// Bounds of one evaluation.
const (
	// maxSteps bounds properties looked at, elements walked, and text in pieces
	// of bytesPerStep: a rule with two nested walks over a security group of a
	// thousand rules stays below.
	maxSteps = 1_000_000
	// bytesPerStep is how much text costs one step.
	bytesPerStep = 64
	// maxCost bounds, in CEL's cost units, expressions that nest walks.
	maxCost = 10_000_000
	// maxReads bounds how many properties one answer cites.
	maxReads = 64
	// maxNoted bounds how many an evaluation keeps before it knows which of
	// them decide.
	maxNoted = 4096
)

// run is one evaluation: what was read while it went on. It is the variable
// estate of rules, which is how their functions come by it.
type run struct {
	checker *Checker
	subject *subject
	now     time.Time

	reads []read
	proof []azward.Evidence
	gaps  []azward.Gap
	steps int

	operand int // where the reads of the operand that ended last begin
	folds   []fold
}

// fold marks the reads of one walk over a list: those of its first and of its
// last element begin there.
type fold struct{ first, last int }

// read is one property that a rule looked at.
type read struct {
	at    *place
	name  string // of the member of at, or
	nth   int    // its element, counted from 1
	value ref.Val
	why   string // why it is not known
}

func (r *read) pointer() string { return r.at.pointer() + "/" + token(r.name, r.nth) }

// dotted is the path as rules write it.
func (r *read) dotted() string {
	up := r.at.dotted()
	switch {
	case r.nth > 0:
		return up + "[*]"
	case up == "":
		return r.name
	}
	return up + "." + r.name
}

func (r *run) note(one read) {
	if len(r.reads) < maxNoted {
		r.reads = append(r.reads, one)
	}
}

// unread notes a property that is not known, and is the value of it.
func (r *run) unread(one read) ref.Val {
	r.note(one)
	return unknown
}

// lacks notes what is missing, and is the value of it.
func (r *run) lacks(gaps ...azward.Gap) ref.Val {
	r.gaps = append(r.gaps, gaps...)
	return unknown
}

// step counts what an evaluation costs. It is false when that is too much: then
// whatever is looked at is an error, and no list is walked any more.
func (r *run) step(n int) bool {
	r.steps += n
	return r.steps <= maxSteps
}

// errCostly stands for what is looked at once an evaluation costs too much.
var errCostly = types.NewErr("it takes more than %d steps", maxSteps)

// drop forgets reads that did not decide.
func (r *run) drop(from, to int) {
	if to > from && to <= len(r.reads) {
		r.reads = append(r.reads[:from], r.reads[to:]...)
	}
}

// ResolveName implements [interpreter.Activation].
func (r *run) ResolveName(name string) (any, bool) {
	switch name {
	case "resource":
		return r.subject.root, true
	case "estate":
		return r, true
	case "now":
		return types.Timestamp{Time: r.now}, true
	}
	return nil, false
}

// Parent implements [interpreter.Activation].
func (*run) Parent() interpreter.Activation { return nil }

// estateType is the type of the variable estate.
var estateType = cel.OpaqueType("estate")

// Type implements [ref.Val].
func (*run) Type() ref.Type { return estateType }

// Value implements [ref.Val].
func (r *run) Value() any { return r }

// Equal implements [ref.Val].
func (r *run) Equal(other ref.Val) ref.Val { return types.Bool(r == other) }

// ConvertToNative implements [ref.Val].
func (*run) ConvertToNative(t reflect.Type) (any, error) {
	return nil, fmt.Errorf("the estate is no %s", t)
}

// ConvertToType implements [ref.Val].
func (*run) ConvertToType(t ref.Type) ref.Val {
	return types.NewErr("the estate is no %s", t.TypeName())
}

// marks says of the nodes of an expression what they are to its decision.
type marks struct {
	absorbing map[int64]types.Bool // || and &&, with the value that one operand alone decides
	operands  map[int64]bool       // of these
	folds     map[int64]types.Bool // walks that one element alone decides
	steps     map[int64]bool       // their steps
	nested    bool                 // walks within walks
}

// markNodes finds the nodes where an evaluation ends early.
func markNodes(a *ast.AST) *marks {
	m := &marks{absorbing: map[int64]types.Bool{}, operands: map[int64]bool{}, folds: map[int64]types.Bool{}, steps: map[int64]bool{}}
	m.mark(a.Expr(), 0)
	return m
}

func (m *marks) mark(e ast.Expr, depth int) {
	switch e.Kind() {
	case ast.CallKind:
		c := e.AsCall()
		if c.IsMemberFunction() {
			m.mark(c.Target(), depth)
		}
		absorbing, is := absorbs(c.FunctionName())
		if is {
			m.absorbing[e.ID()] = absorbing
		}
		for _, arg := range c.Args() {
			if is {
				m.operands[arg.ID()] = true
			}
			m.mark(arg, depth)
		}
	case ast.SelectKind:
		m.mark(e.AsSelect().Operand(), depth)
	case ast.ListKind:
		for _, x := range e.AsList().Elements() {
			m.mark(x, depth)
		}
	case ast.MapKind:
		for _, x := range e.AsMap().Entries() {
			m.mark(x.AsMapEntry().Key(), depth)
			m.mark(x.AsMapEntry().Value(), depth)
		}
	case ast.ComprehensionKind:
		c := e.AsComprehension()
		m.nested = m.nested || depth > 0
		if step := c.LoopStep(); step.Kind() == ast.CallKind {
			if absorbing, is := absorbs(step.AsCall().FunctionName()); is {
				m.folds[e.ID()], m.steps[step.ID()] = absorbing, true
			}
		}
		for _, part := range []ast.Expr{c.AccuInit(), c.LoopCondition(), c.LoopStep(), c.Result()} {
			m.mark(part, depth+1)
		}
		m.mark(c.IterRange(), depth)
	}
}

func absorbs(function string) (types.Bool, bool) {
	switch function {
	case operators.LogicalOr:
		return types.True, true
	case operators.LogicalAnd:
		return types.False, true
	}
	return false, false
}

// decorate lets the nodes of an expression keep only the reads that decided:
// of a disjunction that is true those of the operand that is, of a walk that
// found its element those of that element.
func (m *marks) decorate(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	id := i.ID()
	if absorbing, is := m.absorbing[id]; is {
		if _, call := i.(interpreter.InterpretableConst); !call {
			i = &logical{InterpretableV2: i, absorbing: absorbing}
		}
	}
	if m.steps[id] {
		i = &step{i}
	}
	if m.operands[id] {
		i = &operand{i}
	}
	if absorbing, is := m.folds[id]; is {
		i = &walk{InterpretableV2: i, absorbing: absorbing}
	}
	return i, nil
}

// runOf is the evaluation that goes on.
func runOf(f *interpreter.ExecutionFrame) *run {
	v, _ := f.ResolveName("estate")
	r, _ := v.(*run)
	return r
}

type logical struct {
	interpreter.InterpretableV2
	absorbing types.Bool
}

// Exec implements [interpreter.InterpretableV2].
func (l *logical) Exec(f *interpreter.ExecutionFrame) ref.Val {
	r := runOf(f)
	start := len(r.reads)
	v := l.InterpretableV2.Exec(f)
	if v == l.absorbing {
		r.drop(start, r.operand)
	}
	return v
}

type operand struct{ interpreter.InterpretableV2 }

// Exec implements [interpreter.InterpretableV2].
func (o *operand) Exec(f *interpreter.ExecutionFrame) ref.Val {
	r := runOf(f)
	start := len(r.reads)
	v := o.InterpretableV2.Exec(f)
	r.operand = start
	return v
}

type walk struct {
	interpreter.InterpretableV2
	absorbing types.Bool
}

// Exec implements [interpreter.InterpretableV2].
func (w *walk) Exec(f *interpreter.ExecutionFrame) ref.Val {
	r := runOf(f)
	r.folds = append(r.folds, fold{-1, -1})
	depth := len(r.folds)
	v := w.InterpretableV2.Exec(f)
	if len(r.folds) < depth {
		return v
	}
	one := r.folds[depth-1]
	r.folds = r.folds[:depth-1]
	if v == w.absorbing && one.first >= 0 {
		r.drop(one.first, one.last)
	}
	return v
}

type step struct{ interpreter.InterpretableV2 }

// Exec implements [interpreter.InterpretableV2].
func (s *step) Exec(f *interpreter.ExecutionFrame) ref.Val {
	r := runOf(f)
	if n := len(r.folds); n > 0 {
		one := &r.folds[n-1]
		if one.last = len(r.reads); one.first < 0 {
			one.first = one.last
		}
	}
	return s.InterpretableV2.Exec(f)
}
