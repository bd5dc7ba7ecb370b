package azurepolicy

import (
	"slices"
	"strings"
	"unicode/utf8"
)

func ifElse(r *run, args []expression) value {
	switch test := args[0].eval(r); {
	case test.undecided():
		return test
	case test.kind == boolean && test.yes:
		return args[1].eval(r)
	case test.kind == boolean:
		return args[2].eval(r)
	}
	return failure("if() wants true or false first")
}

// logical is and() and or(): decisive settles it, whatever the others are.
func logical(r *run, args []expression, decisive bool) value {
	var open *value
	for _, a := range args {
		v := a.eval(r)
		switch {
		case v.undecided():
			if open == nil {
				open = &v
			}
		case v.kind != boolean:
			return failure("and() and or() want true or false")
		case v.yes == decisive:
			return boolValue(decisive)
		}
	}
	if open != nil {
		return *open
	}
	return boolValue(!decisive)
}

func coalesce(r *run, args []expression) value {
	for _, a := range args {
		if v := a.eval(r); !v.missing() {
			return v
		}
	}
	return value{kind: null}
}

// tryGet is a member where there is one, and null otherwise.
func tryGet(r *run, args []expression) value {
	of, key := args[0].eval(r), args[1].eval(r)
	switch {
	case of.undecided():
		return of
	case key.undecided():
		return key
	}
	if v, ok := pick(&of, &key); ok {
		return v
	}
	return value{kind: null}
}

func fnNot(args []value) value {
	if args[0].kind != boolean {
		return failure("not() wants true or false")
	}
	return boolValue(!args[0].yes)
}

func fnTrue([]value) value  { return boolValue(true) }
func fnFalse([]value) value { return boolValue(false) }
func fnNull([]value) value  { return value{kind: null} }

func fnBool(args []value) value {
	switch v := args[0]; {
	case v.kind == boolean:
		return v
	case v.kind == number:
		return boolValue(v.num != 0)
	case v.kind == text && (strings.EqualFold(v.text, "true") || v.text == "1"):
		return boolValue(true)
	case v.kind == text && (strings.EqualFold(v.text, "false") || v.text == "0"):
		return boolValue(false)
	}
	return failure("bool() cannot read what it is given")
}

// fnEquals compares exactly: unlike the condition, the function minds case and
// type.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-comparison#equals
func fnEquals(args []value) value { return boolValue(identical(&args[0], &args[1], false)) }

func ordering(holds func(int) bool) func([]value) value {
	return func(args []value) value {
		a, b := args[0], args[1]
		switch {
		case a.kind == number && b.kind == number:
			return boolValue(holds(compareNumbers(a.num, b.num)))
		case a.kind == text && b.kind == text:
			return boolValue(holds(strings.Compare(a.text, b.text)))
		}
		return failure("values of different types are compared")
	}
}

func fnLength(args []value) value {
	switch v := args[0]; v.kind {
	case text:
		return numberValue(float64(utf8.RuneCountInString(v.text)))
	case list:
		return numberValue(float64(len(v.list)))
	case object:
		return numberValue(float64(len(v.obj().keys)))
	default:
		return failure("length() wants a text, a list or an object")
	}
}

func fnEmpty(args []value) value {
	switch v := args[0]; v.kind {
	case text:
		return boolValue(v.text == "")
	case list:
		return boolValue(len(v.list) == 0)
	case object:
		return boolValue(len(v.obj().keys) == 0)
	case null, absent:
		return boolValue(true)
	default:
		return failure("empty() wants a text, a list or an object")
	}
}

func fnFirst(args []value) value {
	switch v := args[0]; {
	case v.kind == list && len(v.list) > 0:
		return v.list[0]
	case v.kind == list:
		return value{kind: null}
	case v.kind == text:
		_, n := utf8.DecodeRuneInString(v.text)
		return textValue(v.text[:n])
	}
	return failure("first() wants a text or a list")
}

func fnLast(args []value) value {
	switch v := args[0]; {
	case v.kind == list && len(v.list) > 0:
		return v.list[len(v.list)-1]
	case v.kind == list:
		return value{kind: null}
	case v.kind == text:
		_, n := utf8.DecodeLastRuneInString(v.text)
		return textValue(v.text[len(v.text)-n:])
	}
	return failure("last() wants a text or a list")
}

// fnContains looks for a key without case, and for text and members with it.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions-array#contains
func fnContains(args []value) value {
	in, what := args[0], args[1]
	switch in.kind {
	case text:
		if s, ok := what.scalar(); ok {
			return boolValue(strings.Contains(in.text, s))
		}
	case list:
		return boolValue(slices.ContainsFunc(in.list, func(v value) bool { return identical(&v, &what, false) }))
	case object:
		if s, ok := what.scalar(); ok {
			_, at := in.member(strings.ToLower(s))
			return boolValue(at >= 0)
		}
	}
	return failure("contains() cannot look into what it is given")
}

func fnIndexOf(args []value) value {
	in, what := args[0], args[1]
	switch {
	case in.kind == text && what.kind == text:
		return runeIndex(in.text, strings.Index(strings.ToLower(in.text), strings.ToLower(what.text)))
	case in.kind == list:
		return numberValue(float64(slices.IndexFunc(in.list, func(v value) bool { return identical(&v, &what, false) })))
	}
	return failure("indexOf() wants a text or a list")
}

func fnLastIndexOf(args []value) value {
	in, what := args[0], args[1]
	switch {
	case in.kind == text && what.kind == text:
		return runeIndex(in.text, strings.LastIndex(strings.ToLower(in.text), strings.ToLower(what.text)))
	case in.kind == list:
		for i := len(in.list) - 1; i >= 0; i-- {
			if identical(&in.list[i], &what, false) {
				return numberValue(float64(i))
			}
		}
		return numberValue(-1)
	}
	return failure("lastIndexOf() wants a text or a list")
}

func runeIndex(s string, at int) value {
	if at < 0 {
		return numberValue(-1)
	}
	return numberValue(float64(utf8.RuneCountInString(s[:min(at, len(s))])))
}

func fnTake(args []value) value {
	return part(args, func(n, length int) (int, int) { return 0, min(n, length) })
}

func fnSkip(args []value) value {
	return part(args, func(n, length int) (int, int) { return min(n, length), length })
}

func part(args []value, bounds func(n, length int) (int, int)) value {
	if args[1].kind != number {
		return failure("take() and skip() want a number")
	}
	n := int(max(0, min(args[1].num, maxTextLen)))
	switch v := args[0]; v.kind {
	case text:
		letters := []rune(v.text)
		from, to := bounds(n, len(letters))
		return textValue(string(letters[from:to]))
	case list:
		from, to := bounds(n, len(v.list))
		return listValue(v.list[from:to])
	default:
		return failure("take() and skip() want a text or a list")
	}
}

func fnArray(args []value) value {
	if args[0].kind == list {
		return args[0]
	}
	return listValue(args)
}

func fnCreateArray(args []value) value { return listValue(args) }

func fnCreateObject(args []value) value {
	if len(args)%2 != 0 {
		return failure("createObject() wants keys and values in turn")
	}
	m := &members{}
	for i := 0; i < len(args); i += 2 {
		if args[i].kind != text {
			return failure("createObject() wants text as keys")
		}
		m.add(args[i].text, args[i+1])
	}
	return value{kind: object, held: m}
}

func fnUnion(args []value) value {
	switch args[0].kind {
	case list:
		return combine(args, func(all []value, v value) []value {
			if slices.ContainsFunc(all, func(x value) bool { return identical(&x, &v, false) }) {
				return all
			}
			return append(all, v)
		})
	case object:
		out := value{kind: object, held: &members{}}
		for _, a := range args {
			if a.kind != object {
				return failure("union() wants lists or objects")
			}
			merge(out.obj(), a.obj(), true)
		}
		return out
	}
	return failure("union() wants lists or objects")
}

// merge puts members over those of the same key; deep merges objects within.
func merge(into, from *members, deep bool) {
	for i, low := range from.low {
		v := from.values[i]
		at := slices.Index(into.low, low)
		if at < 0 {
			into.add(from.keys[i], v)
			continue
		}
		if held := into.values[at]; deep && held.kind == object && v.kind == object {
			inner := &members{}
			merge(inner, held.obj(), true)
			merge(inner, v.obj(), true)
			v = value{kind: object, held: inner}
		}
		into.values[at] = v
	}
}

// combine gathers the members of lists. What would be too many ends early, and
// bounded then refuses it.
func combine(args []value, add func([]value, value) []value) value {
	var all []value
	for _, a := range args {
		if a.kind != list {
			return failure("a list is wanted")
		}
		for _, v := range a.list {
			if all = add(all, v); len(all) > maxMembers {
				return failure("lists of more than %d members are combined", maxMembers)
			}
		}
	}
	return listValue(all)
}

// maxMembers bounds what is compared pair by pair.
const maxMembers = 2048

func fnIntersection(args []value) value {
	if args[0].kind == object {
		return commonMembers(args)
	}
	for _, a := range args {
		if a.kind != list {
			return failure("intersection() wants lists or objects")
		}
		if len(a.list) > maxMembers {
			return failure("lists of more than %d members are combined", maxMembers)
		}
	}
	var common []value
	for _, v := range args[0].list {
		has := func(l []value) bool {
			return slices.ContainsFunc(l, func(x value) bool { return identical(&x, &v, false) })
		}
		if !has(common) && !slices.ContainsFunc(args[1:], func(a value) bool { return !has(a.list) }) {
			common = append(common, v)
		}
	}
	return listValue(common)
}

func commonMembers(args []value) value {
	out := &members{}
	for i, low := range args[0].obj().low {
		v := args[0].obj().values[i]
		everywhere := true
		for _, a := range args[1:] {
			other, at := a.member(low)
			everywhere = everywhere && at >= 0 && identical(other, &v, false)
		}
		if everywhere {
			out.add(args[0].obj().keys[i], v)
		}
	}
	return value{kind: object, held: out}
}

func fnFlatten(args []value) value {
	if args[0].kind != list {
		return failure("flatten() wants a list of lists")
	}
	var all []value
	for _, v := range args[0].list {
		if v.kind != list {
			return failure("flatten() wants a list of lists")
		}
		all = append(all, v.list...)
	}
	return listValue(all)
}

// maxRange is what Azure lets range() count.
const maxRange = 10000

func fnRange(args []value) value {
	if args[0].kind != number || args[1].kind != number || args[1].num < 0 || args[1].num > maxRange {
		return failure("range() wants two numbers, the second up to %d", maxRange)
	}
	all := make([]value, int(args[1].num))
	for i := range all {
		all[i] = numberValue(args[0].num + float64(i))
	}
	return listValue(all)
}

func fnItems(args []value) value {
	if args[0].kind != object {
		return failure("items() wants an object")
	}
	order := make([]int, len(args[0].obj().keys))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return strings.Compare(args[0].obj().keys[a], args[0].obj().keys[b]) })
	all := make([]value, 0, len(order))
	for _, i := range order {
		all = append(all, objectValue("key", textValue(args[0].obj().keys[i]), "value", args[0].obj().values[i]))
	}
	return listValue(all)
}

func fnObjectKeys(args []value) value {
	if args[0].kind != object {
		return failure("objectKeys() wants an object")
	}
	all := make([]value, 0, len(args[0].obj().keys))
	for _, k := range args[0].obj().keys {
		all = append(all, textValue(k))
	}
	return listValue(all)
}

func fnShallowMerge(args []value) value {
	if args[0].kind != list {
		return failure("shallowMerge() wants a list of objects")
	}
	out := value{kind: object, held: &members{}}
	for _, v := range args[0].list {
		if v.kind != object {
			return failure("shallowMerge() wants a list of objects")
		}
		merge(out.obj(), v.obj(), false)
	}
	return out
}
