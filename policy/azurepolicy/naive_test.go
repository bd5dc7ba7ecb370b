package azurepolicy_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/policy/azurepolicy"
)

// The second evaluator: nothing compiled, nothing shared with the first, and
// slow. A count copies the whole document for each member, with that member
// alone in its array, as the page on arrays words it.

// truth is three-valued: nil is unknown.
type truth = *bool

func known(b bool) truth { return &b }

func naive(doc map[string]any, condition map[string]any, current any) truth {
	if parts, ok := condition["allOf"].([]any); ok {
		return naiveAll(doc, parts, current, false)
	}
	if parts, ok := condition["anyOf"].([]any); ok {
		return naiveAll(doc, parts, current, true)
	}
	if part, ok := condition["not"].(map[string]any); ok {
		if t := naive(doc, part, current); t != nil {
			return known(!*t)
		}
		return nil
	}
	operator, want := "", any(nil)
	for k, v := range condition {
		if k != "field" && k != "value" && k != "count" {
			operator, want = k, v
		}
	}
	if s, ok := want.(string); ok && s == "[current('v')]" {
		want = current
	}
	switch {
	case condition["count"] != nil:
		count, _ := condition["count"].(map[string]any)
		return naiveCount(doc, count, operator, want, current)
	case condition["value"] != nil:
		return naiveTest(current, operator, want)
	}
	name, _ := condition["field"].(string)
	if whole, ok := doc["whole"].(map[string]any); ok && !strings.Contains(name, "[*]") {
		doc = whole // an array that is named without [*] is all of it, within a count of its members, too
	}
	result := known(true)
	for _, v := range naiveSelect(doc, strings.Split(naivePath(name), ".")) {
		switch t := naiveTest(v, operator, want); {
		case t == nil && result != nil && *result:
			result = nil
		case t != nil && !*t:
			result = known(false)
		}
	}
	return result
}

func naiveAll(doc map[string]any, parts []any, current any, decisive bool) truth {
	result := known(!decisive)
	for _, p := range parts {
		part, _ := p.(map[string]any)
		switch t := naive(doc, part, current); {
		case t != nil && *t == decisive:
			return known(decisive)
		case t == nil:
			result = nil
		}
	}
	return result
}

func naivePath(name string) string {
	return strings.TrimPrefix(name, "Microsoft.Test/resourceType/")
}

// naiveSelect gives the values at a path below properties.
func naiveSelect(doc map[string]any, path []string) []any {
	values := []any{doc["properties"]}
	for i, step := range path {
		name, each := strings.CutSuffix(step, "[*]")
		var next []any
		for _, v := range values {
			object, _ := v.(map[string]any)
			found := object[name]
			if !each {
				if found == nil && strings.Contains(strings.Join(path[i+1:], "."), "[*]") {
					continue
				}
				next = append(next, found)
				continue
			}
			list, _ := found.([]any)
			next = append(next, list...)
		}
		values = next
	}
	return values
}

// naiveCount handles paths of the form a[*] and a[*].b[*].
func naiveCount(doc map[string]any, count map[string]any, operator string, want, current any) truth {
	where, _ := count["where"].(map[string]any)
	var answers []truth
	if list, ok := count["value"].([]any); ok {
		for _, v := range list {
			answers = append(answers, naiveWhere(doc, where, v))
		}
	} else {
		name, _ := count["field"].(string)
		for _, alone := range naiveAlone(doc, strings.Split(naivePath(name), ".")) {
			answers = append(answers, naiveWhere(alone, where, current))
		}
	}
	least, most := 0, 0
	for _, t := range answers {
		if t == nil {
			most++
		} else if *t {
			least, most = least+1, most+1
		}
	}
	var result truth
	for n := least; n <= most; n++ {
		t := naiveTest(float64(n), operator, want)
		if t == nil || result != nil && *result != *t {
			return nil
		}
		result = t
	}
	return result
}

func naiveWhere(doc map[string]any, where map[string]any, current any) truth {
	if where == nil {
		return known(true)
	}
	return naive(doc, where, current)
}

// naiveAlone gives a document for each member, in which it is alone.
func naiveAlone(doc map[string]any, path []string) []map[string]any {
	properties, _ := doc["properties"].(map[string]any)
	first := strings.TrimSuffix(path[0], "[*]")
	list, _ := properties[first].([]any)
	var out []map[string]any
	for _, v := range list {
		members := []any{v}
		if len(path) == 2 {
			second := strings.TrimSuffix(path[1], "[*]")
			object, _ := v.(map[string]any)
			inner, _ := object[second].([]any)
			members = nil
			for _, x := range inner {
				changed := maps.Clone(object)
				changed[second] = []any{x}
				members = append(members, changed)
			}
		}
		for _, m := range members {
			changed := maps.Clone(properties)
			changed[first] = []any{m}
			alone := maps.Clone(doc)
			alone["properties"] = changed
			if doc["whole"] == nil {
				alone["whole"] = doc
			}
			out = append(out, alone)
		}
	}
	return out
}

func naiveText(v any) (string, bool) {
	switch x := v.(type) {
	case string:
		return x, true
	case bool, float64:
		return fmt.Sprint(x), true
	}
	return "", false
}

func naiveEquals(v, want any) truth {
	if want == "" && v == nil {
		return nil
	}
	s, ok := naiveText(v)
	t, also := naiveText(want)
	return known(ok && also && strings.EqualFold(s, t))
}

func naiveTest(v any, operator string, want any) truth {
	if rest, negated := strings.CutPrefix(operator, "not"); negated {
		t := naiveTest(v, strings.ToLower(rest[:1])+rest[1:], want)
		if t != nil {
			return known(!*t)
		}
		return nil
	}
	switch operator {
	case "equals":
		return naiveEquals(v, want)
	case "exists":
		return known((v != nil) == (want == true))
	case "in":
		list, _ := want.([]any)
		result := known(false)
		for _, w := range list {
			switch t := naiveEquals(v, w); {
			case t == nil:
				result = nil
			case *t:
				return known(true)
			}
		}
		return result
	case "like":
		pattern, _ := want.(string)
		s, ok := naiveText(v)
		if v == nil && strings.Trim(pattern, "*") == "" {
			return nil
		}
		return known(ok && naiveLike(strings.ToLower(s), strings.ToLower(pattern)))
	case "contains":
		return naiveContains(v, want)
	}
	return naiveOrder(v, operator, want)
}

func naiveContains(v, want any) truth {
	part, _ := naiveText(want)
	if list, ok := v.([]any); ok {
		return known(slices.ContainsFunc(list, func(x any) bool {
			s, ok := naiveText(x)
			return ok && strings.EqualFold(s, part)
		}))
	}
	s, ok := naiveText(v)
	switch {
	case v == nil && part != "":
		return known(false)
	case !ok:
		return nil
	}
	return known(strings.Contains(strings.ToLower(s), strings.ToLower(part)))
}

func naiveOrder(v any, operator string, want any) truth {
	var sign int
	switch x := v.(type) {
	case float64:
		y, ok := want.(float64)
		if !ok {
			return nil
		}
		sign = map[bool]int{true: -1}[x < y] + map[bool]int{true: 1}[x > y]
	case string:
		y, ok := want.(string)
		if !ok {
			return nil
		}
		sign = strings.Compare(strings.ToLower(x), strings.ToLower(y))
	default:
		return nil
	}
	return known(map[string]bool{"less": sign < 0, "lessOrEquals": sign <= 0, "greater": sign > 0, "greaterOrEquals": sign >= 0}[operator])
}

// naiveLike tries every length for a star.
func naiveLike(s, pattern string) bool {
	switch {
	case pattern == "":
		return s == ""
	case pattern[0] == '*':
		for i := 0; i <= len(s); i++ {
			if naiveLike(s[i:], pattern[1:]) {
				return true
			}
		}
		return false
	}
	return s != "" && s[0] == pattern[0] && naiveLike(s[1:], pattern[1:])
}

// dice makes choices from a fuzzer's bytes; zeroes once they are used up.
type dice struct{ bytes []byte }

func (d *dice) roll(n int) int {
	if len(d.bytes) == 0 {
		return 0
	}
	b := d.bytes[0]
	d.bytes = d.bytes[1:]
	return int(b) % n
}

func pickOf[T any](d *dice, from ...T) T { return from[d.roll(len(from))] }

func (d *dice) scalar() any {
	return pickOf[any](d, "a", "A", "b", "abc", "", 0.0, 1.0, 2.0, true, false, "true", "1", nil)
}

func (d *dice) list(of func() any) []any {
	out := []any{}
	for range d.roll(4) {
		out = append(out, of())
	}
	return out
}

func (d *dice) resource() map[string]any {
	properties := map[string]any{}
	for _, name := range []string{"p", "q"} {
		if d.roll(4) > 0 {
			properties[name] = d.scalar()
		}
	}
	if d.roll(4) > 0 {
		properties["list"] = d.list(d.scalar)
	}
	if d.roll(4) > 0 {
		properties["objects"] = d.list(func() any {
			o := map[string]any{}
			if d.roll(3) > 0 {
				o["p"] = d.scalar()
			}
			if d.roll(3) > 0 {
				o["inner"] = d.list(d.scalar)
			}
			return o
		})
	}
	return map[string]any{"id": testID, "type": "Microsoft.Test/resourceType", "name": "one", "properties": properties}
}

func (d *dice) condition(depth int, valued bool) map[string]any {
	const at = "Microsoft.Test/resourceType/"
	parts := func() []any {
		out := []any{d.condition(depth-1, valued)}
		for range d.roll(3) {
			out = append(out, d.condition(depth-1, valued))
		}
		return out
	}
	if depth > 0 {
		switch d.roll(8) {
		case 0:
			return map[string]any{"allOf": parts()}
		case 1:
			return map[string]any{"anyOf": parts()}
		case 2:
			return map[string]any{"not": d.condition(depth-1, valued)}
		case 3:
			count := map[string]any{"field": at + pickOf(d, "list[*]", "objects[*]", "objects[*].inner[*]")}
			if d.roll(4) > 0 {
				count["where"] = d.condition(depth-1, valued)
			}
			return map[string]any{"count": count, pickOf(d, "equals", "greater", "lessOrEquals", "notEquals"): float64(d.roll(4))}
		case 4:
			if !valued { // the name of a count is used once
				return map[string]any{"count": map[string]any{"value": d.list(func() any { return pickOf[any](d, "a", "b", 1.0, "") }), "name": "v", "where": d.condition(depth-1, true)}, "greaterOrEquals": float64(d.roll(3))}
			}
		}
	}
	c := map[string]any{"field": at + pickOf(d, "p", "q", "list", "list[*]", "objects[*].p", "objects[*].inner[*]", "objects[*]")}
	var want any
	operator := pickOf(d, "equals", "notEquals", "in", "notIn", "like", "notLike", "contains", "notContains", "less", "lessOrEquals", "greater", "greaterOrEquals", "exists")
	switch operator {
	case "in", "notIn":
		want = d.list(func() any { return pickOf[any](d, "a", "b", "", 1.0, true) })
	case "like", "notLike":
		want = pickOf[any](d, "a*", "*", "*b*", "a", "*c", "")
	case "contains", "notContains":
		want = pickOf[any](d, "a", "B", "1")
	case "exists":
		want = pickOf[any](d, true, false)
	case "equals", "notEquals":
		want = pickOf[any](d, "a", "b", "", 1.0, true, "1", "abc")
		if valued && d.roll(3) == 0 {
			want = "[current('v')]"
		}
	default:
		want = pickOf[any](d, "a", "b", 1.0, 2.0)
	}
	c[operator] = want
	return c
}

const naiveAliases = `
Microsoft.Test/resourceType/p,properties.p
Microsoft.Test/resourceType/q,properties.q
Microsoft.Test/resourceType/list,properties.list
Microsoft.Test/resourceType/list[*],properties.list[*]
Microsoft.Test/resourceType/objects[*],properties.objects[*]
Microsoft.Test/resourceType/objects[*].p,properties.objects[*].p
Microsoft.Test/resourceType/objects[*].inner[*],properties.objects[*].inner[*]`

// FuzzAgainstNaive: the compiled evaluator answers as the naive one does.
func FuzzAgainstNaive(f *testing.F) {
	for n := range 400 {
		seed := make([]byte, 96)
		state := uint32(n)*2654435761 + 1
		for i := range seed {
			state = state*1664525 + 1013904223
			seed[i] = byte(state >> 24)
		}
		f.Add(seed)
	}
	list := readAliases(f, naiveAliases)
	f.Fuzz(func(t *testing.T, choices []byte) {
		d := &dice{choices}
		doc, condition := d.resource(), d.condition(3, false)
		body, err := json.Marshal(doc)
		if err != nil {
			t.Fatal(err)
		}
		test, err := json.Marshal(condition)
		if err != nil {
			t.Fatal(err)
		}
		p, err := audit(t, string(test), azurepolicy.Options{Aliases: list})
		if err != nil {
			t.Fatalf("%s: %v", test, err)
		}
		want := azurepolicy.Unknown
		if truth := naive(doc, condition, nil); truth != nil {
			want = map[bool]azurepolicy.State{true: azurepolicy.Fail, false: azurepolicy.Pass}[*truth]
		}
		if got := only(t, sampleEstate(t, azward.SourceARM, string(body)), p); got.State != want {
			t.Errorf("%s on %s:\n got %s (%s), the naive evaluator %s", test, body, got.State, got.Reason, want)
		}
	})
}
