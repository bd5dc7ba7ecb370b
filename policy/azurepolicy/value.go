package azurepolicy

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/azward/azward"
	"github.com/azward/azward/internal/jsonskip"
)

// kind is what a value is. Beside JSON's kinds there are the two that make an
// answer unknown: what was not read, and what Azure would refuse to compute.
type kind uint8

const (
	absent kind = iota // the property is not set
	null
	boolean
	number
	text
	list
	object
	unread // nobody knows: text says why
	failed // Azure's evaluation ends here with an error: text says which
)

// value is a JSON value, or the reason why there is none.
type value struct {
	kind kind
	yes  bool
	num  float64
	text string // of a string; of a number as it was written; the reason of unread and failed
	list []value
	held *members // of an object; see obj
}

// members of an object in their order. Low are the keys in lower case.
type members struct {
	keys, low []string
	values    []value
	// raw is the object's text until its members are asked for: of a resource
	// few objects are.
	raw string
}

// obj are the members of an object; nil for anything else.
func (v *value) obj() *members {
	if m := v.held; m != nil && m.raw != "" {
		r := valueReader{s: m.raw, lazy: true}
		if m.raw = ""; m.read(&r, 0) != nil { // cannot be: its depth was counted
			v.kind, v.text = unread, errDeep.Error()
		}
	}
	return v.held
}

// undecided reports a value that no condition can be decided on.
func (v *value) undecided() bool { return v.kind == unread || v.kind == failed }

// missing reports that nothing is set: Azure takes null for unset.
func (v *value) missing() bool { return v.kind == absent || v.kind == null }

// member looks a key up that is given in lower case; the last of equal ones
// counts, as in every decoder.
func (v *value) member(low string) (*value, int) {
	if v.obj() == nil {
		return nil, -1
	}
	for i := len(v.obj().low) - 1; i >= 0; i-- {
		if v.obj().low[i] == low {
			return &v.obj().values[i], i
		}
	}
	return nil, -1
}

func textValue(s string) value    { return value{kind: text, text: s} }
func boolValue(b bool) value      { return value{kind: boolean, yes: b} }
func listValue(l []value) value   { return value{kind: list, list: l} }
func numberValue(n float64) value { return value{kind: number, num: n, text: formatNumber(n)} }
func failure(format string, args ...any) value {
	return value{kind: failed, text: fmt.Sprintf(format, args...)}
}
func unreadValue(reason string) value { return value{kind: unread, text: reason} }

func formatNumber(n float64) string { return strconv.FormatFloat(n, 'f', -1, 64) }

func (m *members) add(key string, v value) {
	low := strings.ToLower(key)
	if low == key {
		low = key // one string for both
	}
	m.keys, m.low, m.values = append(m.keys, key), append(m.low, low), append(m.values, v)
}

// maxDepth bounds, in levels, how deep JSON may nest: Azure's own limit for
// what a policy function handles is 128.
//
// Source: https://learn.microsoft.com/azure/governance/policy/concepts/definition-structure-policy-rule#policy-rule-limits
const maxDepth = 128

var errDeep = fmt.Errorf("it nests deeper than %d levels", maxDepth)

// parseValue reads one JSON document.
func parseValue(raw []byte) (value, error) {
	if !utf8.Valid(raw) {
		return value{}, errors.New("it is not UTF-8")
	}
	if !json.Valid(raw) {
		var anything json.RawMessage
		if err := json.Unmarshal(raw, &anything); err != nil {
			return value{}, err
		}
		return value{}, errors.New("it is not valid JSON")
	}
	r := valueReader{s: string(raw)}
	return r.value(0)
}

// valueReader walks valid JSON.
type valueReader struct {
	s string
	i int
	// lazy leaves objects within the value as text.
	lazy bool
	// duplicate is the first key that an object holds twice.
	duplicate string
	// strict notes duplicates.
	strict bool
}

func (r *valueReader) value(depth int) (value, error) {
	if depth > maxDepth {
		return value{}, errDeep
	}
	r.i = jsonskip.Space(r.s, r.i)
	if r.i >= len(r.s) {
		return value{}, errors.New("it is empty")
	}
	switch r.s[r.i] {
	case '{':
		return r.object(depth)
	case '[':
		return r.list(depth)
	case '"':
		var s string
		s, r.i = jsonskip.Text(r.s, r.i)
		return textValue(s), nil
	}
	start := r.i
	r.i = jsonskip.Scalar(r.s, start)
	switch word := r.s[start:r.i]; word {
	case "true", "false":
		return boolValue(word == "true"), nil
	case "null":
		return value{kind: null}, nil
	default:
		n, err := strconv.ParseFloat(word, 64)
		if err == nil {
			return value{kind: number, num: n, text: word}, nil
		}
		if err = fmt.Errorf("the number %.40s is out of range", word); r.lazy {
			return unreadValue(err.Error()), nil
		}
		return value{}, err
	}
}

// fewMembers is how many most objects have at most: lists that hold them need
// not grow.
const fewMembers = 4

func (r *valueReader) object(depth int) (value, error) {
	m := &members{}
	if r.lazy && depth > 0 {
		end, levels := jsonskip.Value(r.s, r.i)
		if depth+levels > maxDepth+1 {
			return value{}, errDeep
		}
		m.raw, r.i = r.s[r.i:end], end
		return value{kind: object, held: m}, nil
	}
	return value{kind: object, held: m}, m.read(r, depth)
}

// read takes the members from the object that begins where the reader stands.
func (m *members) read(r *valueReader, depth int) error {
	m.keys, m.low, m.values = make([]string, 0, fewMembers), make([]string, 0, fewMembers), make([]value, 0, fewMembers)
	for r.i++; ; r.i++ {
		if r.ends('}') {
			return nil
		}
		var key string
		key, r.i = jsonskip.Text(r.s, r.i)
		r.i = jsonskip.Space(r.s, r.i) + 1 // the colon
		v, err := r.value(depth + 1)
		if err != nil {
			return err
		}
		if r.strict && r.duplicate == "" && slices.Contains(m.keys, key) {
			r.duplicate = key
		}
		m.add(key, v)
		if r.ends('}') {
			return nil
		}
	}
}

// ends steps behind a closing bracket if that comes next.
func (r *valueReader) ends(bracket byte) bool {
	r.i = jsonskip.Space(r.s, r.i)
	if r.i < len(r.s) && r.s[r.i] != bracket {
		return false
	}
	r.i++
	return true
}

func (r *valueReader) list(depth int) (value, error) {
	var l []value
	for r.i++; ; r.i++ {
		if r.ends(']') {
			return value{kind: list, list: l}, nil
		}
		v, err := r.value(depth + 1)
		if err != nil {
			return value{}, err
		}
		l = append(l, v)
		if r.ends(']') {
			return value{kind: list, list: l}, nil
		}
	}
}

// json renders a value for evidence; what is not there is null.
func (v *value) json() json.RawMessage { return azward.JSONValue(v.plain()) }

func (v *value) plain() any {
	switch v.kind {
	case boolean:
		return v.yes
	case number:
		return json.Number(v.text)
	case text:
		return v.text
	case list:
		out := make([]any, len(v.list))
		for i := range v.list {
			out[i] = v.list[i].plain()
		}
		return out
	case object:
		out := make(map[string]any, len(v.obj().keys))
		for i, k := range v.obj().keys {
			out[k] = v.obj().values[i].plain()
		}
		return out
	default:
		return nil
	}
}

// scalar is a value as text, where it has a text: booleans as Azure prints
// them in conditions, without regard to case.
func (v *value) scalar() (string, bool) {
	switch v.kind {
	case text, number:
		return v.text, true
	case boolean:
		return strconv.FormatBool(v.yes), true
	default:
		return "", false
	}
}

// same compares as the operator equals does: text without case, numbers by
// what they mean, and a scalar with the text that it is written as ("true" is
// true: most of Microsoft's own definitions write booleans as text).
func same(a, b *value) bool {
	if a.kind == number && b.kind == number {
		return a.num == b.num
	}
	if s, ok := a.scalar(); ok {
		t, ok := b.scalar()
		return ok && strings.EqualFold(s, t)
	}
	return identical(a, b, true)
}

// identical compares whole values; fold lets text differ in case.
func identical(a, b *value, fold bool) bool {
	if a.kind != b.kind {
		return a.missing() && b.missing()
	}
	switch a.kind {
	case boolean:
		return a.yes == b.yes
	case number:
		return a.num == b.num
	case text:
		return a.text == b.text || fold && strings.EqualFold(a.text, b.text)
	case list:
		return slices.EqualFunc(a.list, b.list, func(x, y value) bool { return identical(&x, &y, fold) })
	case object:
		if len(a.obj().keys) != len(b.obj().keys) {
			return false
		}
		for i, low := range a.obj().low {
			other, at := b.member(low)
			if at < 0 || !identical(&a.obj().values[i], other, fold) {
				return false
			}
		}
		return true
	default:
		return true
	}
}

// nodes counts the values within a value, up to a limit.
func (v *value) nodes(limit int) int {
	n := 1
	for i := 0; i < len(v.list) && n <= limit; i++ {
		n += v.list[i].nodes(limit - n)
	}
	if v.obj() != nil {
		for i := 0; i < len(v.obj().values) && n <= limit; i++ {
			n += v.obj().values[i].nodes(limit - n)
		}
	}
	return n
}
