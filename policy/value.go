package policy

import (
	"fmt"
	"reflect"

	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/azward/azward/estate"
)

// unknown is what stands for every fact that was not read. CEL's own logic
// carries it: unknown || true is true, unknown && true is unknown.
//
// Source: https://github.com/google/cel-spec/blob/master/doc/langdef.md#partial-state
var unknown = types.NewUnknown(0, types.NewAttributeTrail("not read"))

// absent is a property that is not set. A property of it is not set either, so
// that a rule may name properties.networkAcls.defaultAction of a resource
// without networkAcls; where an expression ends it is null.
type absent struct{}

// FindStringKey is what selection asks for.
func (absent) FindStringKey(string) (any, bool) { return absent{}, true }

// ConvertToNative implements [ref.Val].
func (absent) ConvertToNative(t reflect.Type) (any, error) { return types.NullValue.ConvertToNative(t) }

// ConvertToType implements [ref.Val].
func (absent) ConvertToType(t ref.Type) ref.Val { return types.NullValue.ConvertToType(t) }

// Equal implements [ref.Val].
func (absent) Equal(other ref.Val) ref.Val { return types.NullValue.Equal(other) }

// Type implements [ref.Val].
func (absent) Type() ref.Type { return types.NullType }

// Value implements [ref.Val].
func (absent) Value() any { return nil }

// adapter gives CEL the values of documents as they are.
type adapter struct{ types.Adapter }

// NativeToValue ends a selection: absent is null from here on.
func (a adapter) NativeToValue(v any) ref.Val {
	switch v := v.(type) {
	case absent:
		return types.NullValue
	case ref.Val:
		return v
	}
	return a.Adapter.NativeToValue(v)
}

// FindStringKey is what selection asks for; a member that is not there is
// unset or unread as the document's source says.
func (o *object) FindStringKey(key string) (any, bool) {
	return o.member(key), true
}

func (o *object) member(key string) ref.Val {
	r := o.doc.run
	if !r.step(1) {
		return errCostly
	}
	i := o.find(key)
	if i < 0 {
		return o.lacking(key)
	}
	v := o.at(i)
	if bad, is := v.(*types.Err); is {
		return r.unread(read{at: &o.place, name: o.held[i].key, why: bad.Error()})
	}
	if v == types.NullValue {
		if why := o.leftOut(key); why != "" {
			return r.unread(read{at: &o.place, name: key, why: why})
		}
	}
	if o.doc.planned && isLater(v) {
		return r.unread(read{at: &o.place, name: o.held[i].key, why: whyLater})
	}
	r.note(read{at: &o.place, name: o.held[i].key, value: v})
	o.prove(r, key, v)
	if s, ok := v.(types.String); ok {
		r.step(len(s) / bytesPerStep)
	}
	if v == types.NullValue {
		return absent{}
	}
	return v
}

func (o *object) lacking(key string) ref.Val {
	r := o.doc.run
	why := o.leftOut(key)
	if why == "" && (!o.doc.shallow || o.up == nil) {
		why = o.doc.unread
	}
	if why != "" {
		return r.unread(read{at: &o.place, name: key, why: why})
	}
	r.note(read{at: &o.place, name: key, value: types.NullValue})
	return absent{}
}

// Find implements [traits.Mapper]: every key is there, though it may be unset.
func (o *object) Find(key ref.Val) (ref.Val, bool) {
	s, ok := key.(types.String)
	if !ok {
		return types.NewErr("members have names, not %s", key.Type().TypeName()), true
	}
	return o.member(string(s)), true
}

// Get implements [traits.Indexer].
func (o *object) Get(key ref.Val) ref.Val {
	v, _ := o.Find(key)
	return v
}

// Contains implements [traits.Container]: whether the member is set.
func (o *object) Contains(key ref.Val) ref.Val {
	v, _ := o.Find(key)
	if types.IsUnknownOrError(v) {
		return v
	}
	_, is := v.(absent)
	return types.Bool(!is)
}

// Size implements [traits.Sizer].
func (o *object) Size() ref.Val {
	o.noteWhole()
	return types.Int(len(o.members()))
}

// noteWhole notes the object itself as what was looked at.
func (o *object) noteWhole() {
	if o.up != nil {
		o.doc.run.note(read{at: o.up, name: o.name, nth: o.nth, value: o})
	}
}

// Iterator implements [traits.Iterable] over the names of members.
func (o *object) Iterator() traits.Iterator {
	members := o.members()
	names := make([]ref.Val, len(members))
	for i := range members {
		names[i] = types.String(members[i].key)
	}
	return types.NewRefValList(types.DefaultTypeAdapter, names).Iterator()
}

// Type implements [ref.Val].
func (*object) Type() ref.Type { return types.MapType }

// Value implements [ref.Val].
func (o *object) Value() any { return plain(o) }

// ConvertToNative implements [ref.Val].
func (o *object) ConvertToNative(t reflect.Type) (any, error) { return convert(o, t) }

// ConvertToType implements [ref.Val].
func (o *object) ConvertToType(t ref.Type) ref.Val {
	if t == types.MapType {
		return o
	}
	return types.NewErr("an object is no %s", t.TypeName())
}

// Equal implements [ref.Val].
func (o *object) Equal(other ref.Val) ref.Val {
	m, ok := other.(traits.Mapper)
	if !ok {
		return types.False
	}
	if size, known := m.Size().(types.Int); !known || int(size) != len(o.members()) {
		return types.False
	}
	for i := range o.members() {
		v, found := m.Find(types.String(o.held[i].key))
		if !found || types.Equal(o.at(i), v) != types.True {
			return types.False
		}
	}
	return types.True
}

// Get implements [traits.Indexer].
func (a *array) Get(index ref.Val) ref.Val {
	n, err := types.GetOrError(index)
	if err != nil {
		return types.WrapErr(err)
	}
	if n < 0 || n >= len(a.values()) {
		return types.NewErr("%s has no element %d", a.pointer(), n)
	}
	return a.element(n)
}

func (a *array) element(i int) ref.Val {
	r := a.doc.run
	if !r.step(1) {
		return errCostly
	}
	v := a.held[i]
	switch s := v.(type) {
	case *object, *array:
		return v // what is read is within it
	case *types.Err:
		return r.unread(read{at: &a.place, nth: i + 1, why: s.Error()})
	case types.String:
		r.step(len(s) / bytesPerStep)
	}
	if a.doc.planned && isLater(v) {
		return r.unread(read{at: &a.place, nth: i + 1, why: whyLater})
	}
	r.note(read{at: &a.place, nth: i + 1, value: v})
	return v
}

const whyLater = "it is known when it is deployed, and not before"

// isLater reports a value that a template or plan does not tell.
func isLater(v ref.Val) bool {
	s, ok := v.(types.String)
	return ok && estate.PartlyLater(string(s))
}

// Fold implements [traits.Foldable].
func (a *array) Fold(f traits.Folder) {
	if len(a.values()) == 0 {
		a.noteWhole()
	}
	for i := range a.values() {
		if !f.FoldEntry(types.Int(i), a.element(i)) {
			return
		}
	}
}

// noteWhole notes the list itself as what was looked at.
func (a *array) noteWhole() {
	if a.up != nil {
		a.doc.run.note(read{at: a.up, name: a.name, nth: a.nth, value: a})
	}
}

// Size implements [traits.Sizer].
func (a *array) Size() ref.Val {
	a.noteWhole()
	return types.Int(len(a.values()))
}

// Contains implements [traits.Container].
func (a *array) Contains(v ref.Val) ref.Val {
	for i := range a.values() {
		if types.Equal(a.held[i], v) == types.True {
			return types.Bool(a.element(i) != nil)
		}
	}
	a.doc.run.step(len(a.values()))
	a.noteWhole()
	return types.False
}

// Iterator implements [traits.Iterable].
func (a *array) Iterator() traits.Iterator {
	return types.NewRefValList(types.DefaultTypeAdapter, a.values()).Iterator()
}

// Add implements [traits.Adder].
func (a *array) Add(other ref.Val) ref.Val {
	more, ok := other.(traits.Lister)
	if !ok {
		return types.NewErr("a list and %s do not add up", other.Type().TypeName())
	}
	return types.NewRefValList(types.DefaultTypeAdapter, a.values()).Add(more)
}

// Type implements [ref.Val].
func (*array) Type() ref.Type { return types.ListType }

// Value implements [ref.Val].
func (a *array) Value() any { return plain(a) }

// ConvertToNative implements [ref.Val].
func (a *array) ConvertToNative(t reflect.Type) (any, error) { return convert(a, t) }

// ConvertToType implements [ref.Val].
func (a *array) ConvertToType(t ref.Type) ref.Val {
	if t == types.ListType {
		return a
	}
	return types.NewErr("a list is no %s", t.TypeName())
}

// Equal implements [ref.Val].
func (a *array) Equal(other ref.Val) ref.Val {
	a.noteWhole()
	return types.NewRefValList(types.DefaultTypeAdapter, a.values()).Equal(other)
}

func convert(v ref.Val, t reflect.Type) (any, error) {
	native := reflect.ValueOf(plain(v))
	if !native.IsValid() || !native.Type().AssignableTo(t) {
		return nil, fmt.Errorf("%s is no %s", v.Type().TypeName(), t)
	}
	return native.Interface(), nil
}

// plain is a value as encoding/json writes it.
func plain(v ref.Val) any {
	switch v := v.(type) {
	case *object:
		m := make(map[string]any, len(v.members()))
		for i := range v.members() {
			m[v.held[i].key] = plain(v.at(i))
		}
		return m
	case *array:
		values := v.values()
		l := make([]any, len(values))
		for i := range values {
			l[i] = plain(values[i])
		}
		return l
	case nil, types.Null, absent:
		return nil
	}
	return v.Value()
}
