package policy

import (
	"fmt"
	"reflect"
	"time"

	"cel.dev/cel-go/cel"
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
	subject subject
	now     time.Time

	reads []read
	proof []azward.Evidence
	gaps  []azward.Gap
	steps int

	spare []read                      // where those of results go
	frame *interpreter.ExecutionFrame // of all evaluations, one after another
}

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
