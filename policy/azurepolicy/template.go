package azurepolicy

import (
	"encoding/hex"
	"encoding/json"
	"hash/fnv"
	"iter"
	"strconv"
	"strings"

	"github.com/azward/azward/estate"
)

// Value is a value of the template language: JSON, or what is not known, with
// the reason.
type Value = value

// Context answers the functions of a template's expression that depend on
// where it stands: its parameters, its deployment, what runs.
type Context interface {
	// Call gives the value of the function of this name in lower case.
	Call(name string, args []Argument) Value
}

// Argument of a function, computed when it is asked for.
type Argument struct {
	e expression
	r *run
}

// Value computes the argument.
func (a Argument) Value() Value { return a.e.eval(a.r) }

// Under computes the argument in another context, as the body of a lambda is.
func (a Argument) Under(c Context) Value {
	outer := a.r.context
	a.r.context = c
	defer func() { a.r.context = outer }()
	return a.e.eval(a.r)
}

// Call is the argument as a call of a function, as lambda('x', …) is passed.
func (a Argument) Call() (name string, args []Argument, ok bool) {
	c, ok := a.e.(*call)
	if !ok {
		return "", nil, false
	}
	for _, e := range c.args {
		args = append(args, Argument{e, a.r})
	}
	return strings.ToLower(c.name), args, true
}

// asked asks the context.
func (r *run) asked(name string, of []expression) value {
	args := make([]Argument, len(of))
	for i, e := range of {
		args[i] = Argument{e, r}
	}
	return r.context.Call(name, args)
}

// TemplateExpression is a string of a template, parsed.
type TemplateExpression struct{ e expression }

// IsTemplateExpression reports whether a string of a template is computed.
func IsTemplateExpression(s string) bool { return isExpression(s) }

// ParseTemplateExpression parses a string of a template: an expression where it
// stands in brackets. Contextual tells which functions the context answers, by
// their names in lower case; one of a namespace is "namespace.name".
func ParseTemplateExpression(s string, contextual func(name string) bool) (*TemplateExpression, error) {
	e, err := parseText(s, &scope{compiler: &compiler{template: contextual}})
	if err != nil {
		return nil, err
	}
	return &TemplateExpression{e}, nil
}

// maxTemplateCost bounds, in steps, what all expressions of a deployment take
// together: some 100 for each property of the largest that Azure accepts.
const maxTemplateCost = 50_000_000

// TemplateMachine evaluates expressions of templates within one budget. The
// zero value is ready.
type TemplateMachine struct {
	run   run
	depth int
	total int
}

// maxNesting bounds, in levels, expressions that are evaluated within others:
// parameters of variables of functions.
const maxNesting = 256

// Eval computes an expression. What it cannot compute is a value that says why.
func (m *TemplateMachine) Eval(x *TemplateExpression, in Context) Value {
	if m.depth == 0 {
		m.total += m.run.spent
		m.run.spent = 0
	}
	switch {
	case m.Exhausted():
		return failure("all expressions together take more than %d steps", maxTemplateCost)
	case m.depth >= maxNesting:
		return failure("values refer to each other deeper than %d levels, or in a circle", maxNesting)
	}
	outer := m.run.context
	m.run.context = in
	m.depth++
	defer func() {
		m.depth--
		m.run.context = outer
	}()
	return x.e.eval(&m.run)
}

// Exhausted reports that the budget is spent.
func (m *TemplateMachine) Exhausted() bool { return m.total > maxTemplateCost }

// NullValue is null.
var NullValue = value{kind: null}

// TextValue is a string.
func TextValue(s string) Value { return textValue(s) }

// NumberValue is a number.
func NumberValue(n float64) Value { return numberValue(n) }

// BoolValue is true or false.
func BoolValue(b bool) Value { return boolValue(b) }

// ListValue is an array.
func ListValue(l []Value) Value { return listValue(l) }

// UnreadValue is a value that nobody knows, and why.
func UnreadValue(reason string) Value { return unreadValue(reason) }

// FailedValue is what Azure would refuse to compute, and why.
func FailedValue(reason string) Value { return value{kind: failed, text: reason} }

// Object gathers the members of an object.
type Object struct{ m *members }

// Set adds a member, or replaces that of the same name without case.
func (o *Object) Set(key string, v Value) {
	if o.m == nil {
		o.m = &members{}
	}
	held := value{kind: object, held: o.m}
	if at, i := held.member(strings.ToLower(key)); i >= 0 {
		*at = v
		return
	}
	o.m.add(key, v)
}

// Value is the object.
func (o *Object) Value() Value {
	if o.m == nil {
		o.m = &members{}
	}
	return value{kind: object, held: o.m}
}

// Unknown reports that a value is not known, or that Azure would refuse to
// compute it; the reason says which.
func (v value) Unknown() (reason string, ok bool) { return v.text, v.undecided() }

// Refused reports a value that Azure would refuse to compute.
func (v value) Refused() bool { return v.kind == failed }

// Null reports null, or nothing at all.
func (v value) Null() bool { return v.missing() }

// Text is a string.
func (v value) Text() (string, bool) { return v.text, v.kind == text }

// Scalar is a string, number or boolean as text.
func (v value) Scalar() (string, bool) { return v.scalar() }

// Number is a number.
func (v value) Number() (float64, bool) { return v.num, v.kind == number }

// Bool is true or false.
func (v value) Bool() (is, ok bool) { return v.yes, v.kind == boolean }

// List is an array.
func (v value) List() ([]Value, bool) { return v.list, v.kind == list }

// IsObject reports an object.
func (v value) IsObject() bool { return v.kind == object }

// Members yields the members of an object in their order.
func (v value) Members() iter.Seq2[string, Value] {
	return func(yield func(string, Value) bool) {
		if v.obj() == nil {
			return
		}
		for i, k := range v.obj().keys {
			if !yield(k, v.obj().values[i]) {
				return
			}
		}
	}
}

// Member looks a member up, without case.
func (v value) Member(name string) (Value, bool) {
	held, at := v.member(strings.ToLower(name))
	if at < 0 {
		return value{}, false
	}
	return *held, true
}

// Same reports whether two values are equal, letter by letter.
func (v value) Same(other Value) bool { return identical(&v, &other, false) }

// JSON writes the value; what is not known is [estate.Later].
func (v value) JSON() json.RawMessage { return v.ordered() }

const laterReason = "it is known when it is deployed, and not before"

// later reports a text of which a part is known later. The flag is unused in
// texts otherwise.
func (v *value) later() bool { return v.kind == text && v.yes }

// markLater finds what is known later in a planned document.
func markLater(v *value) {
	switch {
	case v.kind == text && v.text == estate.Later:
		*v = unreadValue(laterReason)
	case v.kind == text:
		v.yes = estate.PartlyLater(v.text)
	}
	for i := range v.list {
		markLater(&v.list[i])
	}
	if v.obj() != nil {
		for i := range v.obj().values {
			markLater(&v.obj().values[i])
		}
	}
}

// moving functions put values together, or take lists apart, without looking
// into texts.
var moving = map[string]bool{
	"concat": true, "format": true, "tolower": true, "string": true, "join": true, "createarray": true, "createobject": true, "array": true,
	"flatten": true, "items": true, "objectkeys": true, "shallowmerge": true, "union": true, "null": true,
}

// cutting functions make another text of a text.
var cutting = map[string]bool{
	"toupper": true, "trim": true, "replace": true, "substring": true, "padleft": true, "base64": true, "base64tostring": true,
	"uricomponent": true, "uricomponenttostring": true, "datauri": true, "datauritostring": true, "take": true, "skip": true, "first": true, "last": true,
}

// pickers look at a list's members by their position, or count them.
var pickers = map[string]bool{"take": true, "skip": true, "first": true, "last": true, "length": true, "empty": true}

// symbolic computes with texts of which a part is known later: the same
// function of the same texts gives the same text, and nobody can tell which;
// what is no text is unknown.
func symbolic(name string, args []value) (value, bool) {
	if name == "join" || name == "flatten" {
		for i := range args {
			for k := range args[i].list {
				if args[i].list[k].undecided() {
					return args[i].list[k], true
				}
			}
		}
	}
	if moving[name] || pickers[name] && len(args) > 0 && args[0].kind != text {
		return value{}, false
	}
	some, whole := false, true
	for i := range args {
		some = some || partly(&args[i])
		whole = whole && args[i].kind != list && args[i].kind != object
	}
	switch {
	case !some:
		return value{}, false
	case cutting[name] && whole:
		return SymbolicText(name, args...), true
	}
	return unreadValue(laterReason), true
}

// SymbolicText is a text that is known later: the same for the same function
// of the same values.
func SymbolicText(name string, of ...Value) Value {
	h := fnv.New64a()
	_, _ = h.Write([]byte(name)) // a hash never fails
	for i := range of {
		_, _ = h.Write(append([]byte{0, byte(of[i].kind)}, of[i].ordered()...))
	}
	return textValue(estate.LaterName + "-" + hex.EncodeToString(h.Sum(nil)[:4]) + strconv.Itoa(len(of)))
}

func partly(v *value) bool {
	if v.undecided() || v.kind == text && estate.PartlyLater(v.text) {
		return true
	}
	for i := range v.list {
		if partly(&v.list[i]) {
			return true
		}
	}
	if v.obj() != nil {
		for i := range v.obj().values {
			if partly(&v.obj().values[i]) {
				return true
			}
		}
	}
	return false
}
