package template

import (
	"maps"
	"slices"
	"strings"

	"github.com/azward/azward/policy/azurepolicy"
)

// lambda is an argument lambda('x', body).
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-lambda
type lambda struct {
	f     *frame
	names []string
	body  argument
}

func (f *frame) lambdaOf(a argument) (lambda, bool) {
	name, args, ok := a.Call()
	if !ok || name != "lambda" || len(args) == 0 {
		return lambda{}, false
	}
	l := lambda{f: f, body: args[len(args)-1]}
	for _, one := range args[:len(args)-1] {
		v := one.Value()
		s, ok := v.Text()
		if !ok {
			return lambda{}, false
		}
		l.names = append(l.names, strings.ToLower(s))
	}
	return l, true
}

// loneLambda is one that no function takes.
func loneLambda(*frame, []argument) value {
	return refused("lambda() stands where no function takes one")
}

// of computes the body; what of the values it does not name is left out.
func (l lambda) of(values ...value) value {
	in := *l.f
	in.lambda = maps.Clone(l.f.lambda)
	if in.lambda == nil {
		in.lambda = map[string]value{}
	}
	for i, name := range l.names {
		if i < len(values) {
			in.lambda[name] = values[i]
		}
	}
	return l.body.Under(&in)
}

// listAnd takes a list and a lambda; bad is what to answer without them.
func (f *frame) listAnd(list, body argument) (all []value, l lambda, bad *value) {
	v := list.Value()
	if _, is := v.Unknown(); is {
		return nil, l, &v
	}
	all, ok := v.List()
	l, isLambda := f.lambdaOf(body)
	if !ok || !isLambda {
		r := refused("an array and a lambda are wanted")
		return nil, l, &r
	}
	return all, l, nil
}

func number(i int) value { return azurepolicy.NumberValue(float64(i)) }

func (f *frame) mapList(args []argument) value {
	all, l, bad := f.listAnd(args[0], args[1])
	if bad != nil {
		return *bad
	}
	out := make([]value, len(all))
	for i, v := range all {
		if out[i] = l.of(v, number(i)); out[i].Refused() {
			return out[i]
		}
	}
	return azurepolicy.ListValue(out)
}

func (f *frame) filter(args []argument) value {
	all, l, bad := f.listAnd(args[0], args[1])
	if bad != nil {
		return *bad
	}
	var out []value
	for i, v := range all {
		keep := l.of(v, number(i))
		yes, ok := keep.Bool()
		if _, is := keep.Unknown(); is {
			return keep
		}
		if !ok {
			return refused("filter() wants true or false")
		}
		if yes {
			out = append(out, v)
		}
	}
	return azurepolicy.ListValue(out)
}

func (f *frame) reduce(args []argument) value {
	all, l, bad := f.listAnd(args[0], args[2])
	if bad != nil {
		return *bad
	}
	so := args[1].Value()
	for i, v := range all {
		if so = l.of(so, v, number(i)); so.Refused() {
			return so
		}
	}
	return so
}

func (f *frame) sort(args []argument) value {
	all, l, bad := f.listAnd(args[0], args[1])
	if bad != nil {
		return *bad
	}
	out := slices.Clone(all)
	var open *value
	slices.SortStableFunc(out, func(a, b value) int {
		if open != nil {
			return 0
		}
		before := l.of(a, b)
		yes, ok := before.Bool()
		switch {
		case !ok:
			open = &before
			if _, is := before.Unknown(); !is {
				r := refused("sort() wants true or false")
				open = &r
			}
			return 0
		case yes:
			return -1
		}
		after := l.of(b, a)
		if yes, ok := after.Bool(); ok && yes {
			return 1
		}
		return 0
	})
	if open != nil {
		return *open
	}
	return azurepolicy.ListValue(out)
}

func (f *frame) toObject(args []argument) value {
	all, l, bad := f.listAnd(args[0], args[1])
	if bad != nil {
		return *bad
	}
	of := func(v value, _ int) value { return v }
	if len(args) == 3 {
		m, ok := f.lambdaOf(args[2])
		if !ok {
			return refused("toObject() wants lambdas")
		}
		of = func(v value, i int) value { return m.of(v, number(i)) }
	}
	var o azurepolicy.Object
	for i, v := range all {
		key := l.of(v, number(i))
		s, ok := key.Scalar()
		if _, is := key.Unknown(); is {
			return key
		}
		if !ok {
			return refused("toObject() wants texts for names")
		}
		o.Set(s, of(v, i))
	}
	return o.Value()
}

func (f *frame) groupBy(args []argument) value {
	all, l, bad := f.listAnd(args[0], args[1])
	if bad != nil {
		return *bad
	}
	var keys []string
	groups := map[string][]value{}
	for i, v := range all {
		key := l.of(v, number(i))
		s, ok := key.Scalar()
		if _, is := key.Unknown(); is {
			return key
		}
		if !ok {
			return refused("groupBy() wants texts for names")
		}
		if _, held := groups[s]; !held {
			keys = append(keys, s)
		}
		groups[s] = append(groups[s], v)
	}
	var o azurepolicy.Object
	for _, k := range keys {
		o.Set(k, azurepolicy.ListValue(groups[k]))
	}
	return o.Value()
}

func (f *frame) mapValues(args []argument) value {
	v := args[0].Value()
	if _, is := v.Unknown(); is {
		return v
	}
	l, ok := f.lambdaOf(args[1])
	if !ok || !v.IsObject() {
		return refused("mapValues() wants an object and a lambda")
	}
	var o azurepolicy.Object
	for key, one := range v.Members() {
		o.Set(key, l.of(one))
	}
	return o.Value()
}

// tryGet is a member of a member of …, and null where there is none.
func tryGet(_ *frame, args []argument) value {
	v := args[0].Value()
	for _, a := range args[1:] {
		key := a.Value()
		if _, is := v.Unknown(); is {
			return v
		}
		if _, is := key.Unknown(); is {
			return key
		}
		next, ok := pick(v, key)
		if !ok {
			return azurepolicy.NullValue
		}
		v = next
	}
	return v
}

func pick(v, key value) (value, bool) {
	if list, is := v.List(); is {
		n, ok := key.Number()
		if !ok || n != float64(int(n)) || n < 0 || int(n) >= len(list) {
			return value{}, false
		}
		return list[int(n)], true
	}
	name, ok := key.Text()
	if !ok {
		return value{}, false
	}
	return v.Member(name)
}

func fromEnd(args []argument) (value, bool) {
	v, at := args[0].Value(), args[1].Value()
	if _, is := v.Unknown(); is {
		return v, true
	}
	list, isList := v.List()
	n, isNumber := at.Number()
	if !isList || !isNumber || n < 1 || int(n) > len(list) {
		return value{}, false
	}
	return list[len(list)-int(n)], true
}

func indexFromEnd(_ *frame, args []argument) value {
	if v, ok := fromEnd(args); ok {
		return v
	}
	return refused("indexFromEnd() finds nothing there")
}

func tryIndexFromEnd(_ *frame, args []argument) value {
	if v, ok := fromEnd(args); ok {
		return v
	}
	return azurepolicy.NullValue
}
