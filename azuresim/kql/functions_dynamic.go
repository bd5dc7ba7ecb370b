package kql

import (
	"maps"
	"math"
	"slices"
	"strings"
	"time"
)

var dynamicFunctions = map[string]function{
	"array_length": {min: 1, max: 1, kind: kindLong, eval: func(v []any) any {
		list, ok := v[0].([]any)
		if !ok {
			return nil
		}
		return int64(len(list))
	}},
	"bag_keys": {min: 1, max: 1, kind: kindDynamic, eval: func(v []any) any {
		bag, ok := v[0].(map[string]any)
		if !ok {
			return nil
		}
		keys := sortedKeys(bag)
		out := make([]any, len(keys))
		for i, k := range keys {
			out[i] = k
		}
		return out
	}},
	"bag_has_key": {min: 2, max: 2, kind: kindBool, eval: func(v []any) any {
		bag, ok := v[0].(map[string]any)
		if !ok {
			return nil
		}
		_, has := bag[text(v[1])]
		return has
	}},
	"bag_merge": {min: 1, max: 64, kind: kindDynamic, eval: func(v []any) any {
		out := map[string]any{}
		for _, e := range slices.Backward(v) {
			if bag, ok := e.(map[string]any); ok {
				maps.Copy(out, bag)
			}
		}
		return out
	}},
	"bag_remove_keys": {min: 2, max: 2, kind: kindDynamic, eval: func(v []any) any {
		bag, ok := v[0].(map[string]any)
		keys, ok2 := v[1].([]any)
		if !ok || !ok2 {
			return v[0]
		}
		out := maps.Clone(bag)
		for _, k := range keys {
			delete(out, text(k))
		}
		return out
	}},
	"bag_pack": {min: 2, max: 128, kind: kindDynamic, eval: func(v []any) any {
		out := map[string]any{}
		for i := 0; i+1 < len(v); i += 2 {
			out[text(v[i])] = v[i+1]
		}
		return out
	}},
	"pack_array": {min: 1, max: 128, kind: kindDynamic, eval: func(v []any) any { return slices.Clone(v) }},
	"array_concat": {min: 1, max: 64, kind: kindDynamic, eval: func(v []any) any {
		out := []any{}
		for _, e := range v {
			if list, ok := e.([]any); ok {
				out = append(out, list...)
			}
		}
		return out
	}},
	"array_slice": {min: 3, max: 3, kind: kindDynamic, eval: func(v []any) any {
		list, ok := v[0].([]any)
		from, ok1 := toLong(v[1]).(int64)
		to, ok2 := toLong(v[2]).(int64)
		if !ok || !ok1 || !ok2 {
			return nil
		}
		n := int64(len(list))
		if from < 0 {
			from += n
		}
		if to < 0 {
			to += n
		}
		from, to = min(max(from, 0), n), min(max(to+1, 0), n)
		if from >= to {
			return []any{}
		}
		return slices.Clone(list[from:to])
	}},
	"array_index_of": {min: 2, max: 2, kind: kindLong, eval: func(v []any) any {
		list, ok := v[0].([]any)
		if !ok {
			return nil
		}
		return int64(slices.IndexFunc(list, func(e any) bool { return equal(e, v[1]) == true }))
	}},
	"array_sort_asc":  {min: 1, max: 1, kind: kindDynamic, eval: func(v []any) any { return sortArray(v[0], 1) }},
	"array_sort_desc": {min: 1, max: 1, kind: kindDynamic, eval: func(v []any) any { return sortArray(v[0], -1) }},
	"set_has_element": {min: 2, max: 2, kind: kindBool, eval: func(v []any) any {
		list, ok := v[0].([]any)
		if !ok {
			return nil
		}
		return slices.ContainsFunc(list, func(e any) bool { return equal(e, v[1]) == true })
	}},
	"set_union": {min: 1, max: 64, kind: kindDynamic, eval: func(v []any) any {
		var all []any
		for _, e := range v {
			list, _ := e.([]any)
			all = append(all, list...)
		}
		return distinctValues(all)
	}},
	"set_difference": {min: 2, max: 2, kind: kindDynamic, eval: func(v []any) any {
		return setKeep(v, false)
	}},
	"set_intersect": {min: 2, max: 2, kind: kindDynamic, eval: func(v []any) any {
		return setKeep(v, true)
	}},
	"dynamic_to_json": {min: 1, max: 1, kind: kindString, eval: func(v []any) any { return text(v[0]) }},
}

func sortArray(v any, sign int) any {
	list, ok := v.([]any)
	if !ok {
		return nil
	}
	out := slices.Clone(list)
	slices.SortStableFunc(out, func(a, b any) int { return sign * sortOrder(a, b) })
	return out
}

func valueKey(v any) string {
	var b strings.Builder
	groupKey(&b, v)
	return b.String()
}

func distinctValues(list []any) []any {
	seen := map[string]bool{}
	out := []any{}
	for _, e := range list {
		if k := valueKey(e); !seen[k] {
			seen[k] = true
			out = append(out, e)
		}
	}
	return out
}

func setKeep(v []any, in bool) any {
	a, ok := v[0].([]any)
	b, ok2 := v[1].([]any)
	if !ok || !ok2 {
		return nil
	}
	other := map[string]bool{}
	for _, e := range b {
		other[valueKey(e)] = true
	}
	return distinctValues(slices.DeleteFunc(slices.Clone(a), func(e any) bool { return other[valueKey(e)] != in }))
}

var timeFunctions = map[string]function{
	"now": {min: 0, max: 1, kind: kindDatetime, special: func(m *machine, _ place, args []bound) (func([]any) any, error) {
		return func(row []any) any {
			if len(args) == 1 {
				return arithmetic("+", m.now.UTC(), args[0].eval(row))
			}
			return m.now.UTC()
		}, nil
	}},
	"ago": {min: 1, max: 1, kind: kindDatetime, special: func(m *machine, _ place, args []bound) (func([]any) any, error) {
		return func(row []any) any { return arithmetic("-", m.now.UTC(), args[0].eval(row)) }, nil
	}},
	"startofday": {min: 1, max: 1, kind: kindDatetime, named: true, eval: func(v []any) any {
		t, ok := toDatetime(v[0]).(time.Time)
		if !ok {
			return nil
		}
		return t.Truncate(24 * time.Hour)
	}},
	"datetime_diff": {min: 3, max: 3, kind: kindLong, eval: func(v []any) any {
		a, ok1 := toDatetime(v[1]).(time.Time)
		b, ok2 := toDatetime(v[2]).(time.Time)
		unit, ok3 := timespanUnits[strings.ToLower(text(v[0]))]
		switch {
		case !ok1 || !ok2:
			return nil
		case strings.EqualFold(text(v[0]), "month"):
			return int64((a.Year()-b.Year())*12 + int(a.Month()) - int(b.Month()))
		case strings.EqualFold(text(v[0]), "year"):
			return int64(a.Year() - b.Year())
		case !ok3:
			return nil
		}
		return int64(a.Truncate(unit).Sub(b.Truncate(unit)) / unit)
	}},
	"format_datetime": {min: 2, max: 2, kind: kindString, eval: func(v []any) any {
		t, ok := toDatetime(v[0]).(time.Time)
		if !ok {
			return ""
		}
		return formatDatetime(t, text(v[1]))
	}},
	"bin":   {min: 2, max: 2, infer: firstKind, named: true, eval: bin},
	"floor": {min: 2, max: 2, infer: firstKind, named: true, eval: bin},
	"round": {min: 1, max: 2, kind: kindReal, eval: func(v []any) any {
		f, ok := toReal(v[0]).(float64)
		if !ok {
			return nil
		}
		scale := 1.0
		if len(v) == 2 {
			n, _ := v[1].(int64)
			scale = math.Pow(10, float64(min(max(n, 0), 15)))
		}
		return realArithmetic("/", math.Round(f*scale), scale)
	}},
	"ceiling": {min: 1, max: 1, kind: kindReal, eval: func(v []any) any {
		if f, ok := toReal(v[0]).(float64); ok {
			return math.Ceil(f)
		}
		return nil
	}},
	"abs": {min: 1, max: 1, infer: firstKind, eval: func(v []any) any {
		switch x := v[0].(type) {
		case int64:
			return max(x, -x)
		case float64:
			return math.Abs(x)
		}
		return nil
	}},
	"min_of": {min: 2, max: 64, infer: commonKind, eval: func(v []any) any { return extreme(v, -1) }},
	"max_of": {min: 2, max: 64, infer: commonKind, eval: func(v []any) any { return extreme(v, 1) }},
}

func firstKind(args []bound) kind { return args[0].kind }

func extreme(v []any, sign int) any {
	var best any
	for _, e := range v {
		if order, ok := compare(e, best); best == nil || ok && order*sign > 0 {
			best = e
		}
	}
	return best
}

var datetimeParts = strings.NewReplacer(
	"yyyy", "2006", "MM", "01", "dd", "02", "HH", "15", "mm", "04", "ss", "05", "yy", "06",
)

func formatDatetime(t time.Time, form string) string {
	if len(form) > 64 {
		form = form[:64]
	}
	return t.UTC().Format(datetimeParts.Replace(form))
}

// bin rounds down to a multiple.
func bin(v []any) any {
	switch x := v[0].(type) {
	case time.Time:
		d, ok := v[1].(time.Duration)
		if !ok || d <= 0 {
			return nil
		}
		return x.Truncate(d)
	case time.Duration:
		d, ok := v[1].(time.Duration)
		if !ok || d <= 0 {
			return nil
		}
		return x - ((x%d)+d)%d
	case int64:
		if n, ok := v[1].(int64); ok {
			if n <= 0 {
				return nil
			}
			return x - ((x%n)+n)%n
		}
	}
	x, ok1 := number(v[0])
	n, ok2 := number(v[1])
	if !ok1 || !ok2 || n <= 0 {
		return nil
	}
	return realArithmetic("*", math.Floor(x/n), n)
}

var choices = map[string]function{
	"iff": {
		min: 3, max: 3, infer: func(a []bound) kind { return commonKind(a[1:]) },
		special: func(_ *machine, at place, a []bound) (func([]any) any, error) {
			if a[0].kind != kindBool && a[0].kind != kindDynamic {
				return nil, at.fail(semanticError, "iff() needs a condition first")
			}
			return func(row []any) any {
				if toBool(plain(a[0].eval(row))) == true {
					return a[1].eval(row)
				}
				return a[2].eval(row)
			}, nil
		},
	},
	"case": {min: 3, max: 129, infer: caseKind, special: func(_ *machine, at place, a []bound) (func([]any) any, error) {
		if len(a)%2 == 0 {
			return nil, at.fail(semanticError, "case() needs pairs of condition and value, then the value for else")
		}
		return func(row []any) any {
			for i := 0; i+1 < len(a); i += 2 {
				if toBool(plain(a[i].eval(row))) == true {
					return a[i+1].eval(row)
				}
			}
			return a[len(a)-1].eval(row)
		}, nil
	}},
	"coalesce": {min: 2, max: 64, infer: commonKind, special: func(_ *machine, _ place, a []bound) (func([]any) any, error) {
		return func(row []any) any {
			for _, x := range a {
				if v := plain(x.eval(row)); !isEmpty(v) {
					return v
				}
			}
			return nil
		}, nil
	}},
}

func caseKind(a []bound) kind {
	var values []bound
	for i := 1; i < len(a); i += 2 {
		values = append(values, a[i])
	}
	return commonKind(append(values, a[len(a)-1]))
}

// commonKind is the one kind of all, real for a mix of numbers, else dynamic.
func commonKind(a []bound) kind {
	k := a[0].kind
	for _, x := range a[1:] {
		switch {
		case x.kind == k:
		case (x.kind == kindLong || x.kind == kindReal) && (k == kindLong || k == kindReal):
			k = kindReal
		default:
			return kindDynamic
		}
	}
	return k
}
