package azurepolicy

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/azward/azward"
)

// fieldKind is how a field is found: most by their path in the document.
type fieldKind uint8

const (
	byPath fieldKind = iota
	byType
	byName
	byFullName
	byID
	computed // the name of the field is an expression
)

// field is what a condition looks at.
//
// Source: https://learn.microsoft.com/azure/governance/policy/concepts/definition-structure-policy-rule#fields
type field struct {
	name     string // as the definition writes it
	kind     fieldKind
	path     []segment
	slot     int    // where the member of a count stands that the path starts at, or -1 for the document
	of       string // the resource type that the alias belongs to, in lower case; "" for any
	guessed  bool   // the alias is in no list: the path is a guess
	location bool   // compared without spaces
	many     bool   // an array alias: a collection of values
	scope    *scope
	dynamic  expression
}

// segment is one step of a path; each steps into every element of a list.
type segment struct {
	name, low string
	each      bool
}

func segments(path string) []segment {
	var out []segment
	for part := range strings.SplitSeq(path, ".") {
		each := 0
		for strings.HasSuffix(part, "[*]") {
			part, each = strings.TrimSuffix(part, "[*]"), each+1
		}
		if part != "" {
			out = append(out, segment{name: part, low: strings.ToLower(part)})
		}
		for range each {
			out = append(out, segment{each: true})
		}
	}
	return out
}

// field makes a field of its name.
func (s *scope) field(name string) (*field, error) {
	trimmed := strings.TrimSpace(name)
	if isExpression(trimmed) {
		e, err := parseExpression(trimmed, s)
		if err != nil {
			return nil, err
		}
		constant, is := e.(*literal)
		if !is {
			return &field{name: name, kind: computed, dynamic: e, scope: s}, nil
		}
		if constant.v.kind != text {
			return nil, fmt.Errorf("field %.80q is no text", name)
		}
		trimmed = constant.v.text
	}
	return s.plainField(trimmed)
}

func (s *scope) plainField(name string) (*field, error) {
	f := &field{name: name, slot: -1}
	low := strings.ToLower(name)
	switch low {
	case "type":
		f.kind = byType
		return f, nil
	case "name":
		f.kind = byName
		return f, nil
	case "fullname":
		f.kind = byFullName
		return f, nil
	case "id":
		f.kind = byID
		return f, nil
	case "location":
		f.location, f.path = true, segments("location")
		return f, nil
	case "kind", "tags", "identity", "sku", "zones", "plan", "managedby":
		f.path = segments(low)
		return f, nil
	}
	if tag, is := tagName(name); is {
		f.path = []segment{{name: "tags", low: "tags"}, {name: tag, low: strings.ToLower(tag)}}
		return f, nil
	}
	if strings.HasPrefix(low, "identity.") {
		f.path = segments(name)
		f.many = strings.Contains(name, "[*]")
		return f, nil
	}
	if !strings.Contains(name, "/") {
		return nil, fmt.Errorf("there is no field %.80q", name)
	}
	s.alias(f, low)
	return f, nil
}

// tagName takes the tag out of tags.NAME, tags[NAME] and tags['NAME'].
func tagName(field string) (string, bool) {
	if len(field) < 6 || !strings.EqualFold(field[:4], "tags") {
		return "", false
	}
	if field[4] == '.' {
		return field[5:], true
	}
	if field[4] != '[' || field[len(field)-1] != ']' || field == "tags[*]" {
		return "", false
	}
	tag := field[5 : len(field)-1]
	if len(tag) >= 2 && tag[0] == '\'' && tag[len(tag)-1] == '\'' {
		tag = strings.ReplaceAll(tag[1:len(tag)-1], "''", "'")
	}
	return tag, true
}

// alias finds the path of an alias, from the member of the innermost count
// that enumerates a part of it.
func (s *scope) alias(f *field, low string) {
	path, known := s.aliases.Path(low)
	if !known {
		path, f.guessed = guessPath(f.name), true
		s.guess(f.name)
	}
	f.of = aliasType(low)
	f.path = segments(path)
	best := 0
	for _, c := range s.counts {
		for _, p := range c.prefixes {
			if len(p.alias) >= best && below(low, p.alias) {
				best, f.slot = len(p.alias), p.slot
			}
		}
	}
	if f.slot >= 0 {
		f.path = afterStars(f.path, strings.Count(low[:best], "[*]"))
	}
	for _, step := range f.path {
		f.many = f.many || step.each
	}
	// The counted member itself is a collection of one for field().
	f.many = f.many || f.slot >= 0
}

// below reports whether an alias is prefix or lies below it.
func below(alias, prefix string) bool {
	rest, is := strings.CutPrefix(alias, prefix)
	return is && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// afterStars is what is left of a path behind its n-th [*].
func afterStars(path []segment, n int) []segment {
	for i := range path {
		if path[i].each {
			if n--; n == 0 {
				return path[i+1:]
			}
		}
	}
	return nil
}

// place is where a value stands, innermost first. It is noted for leaves only.
type place struct {
	up    *place
	token string
}

// String is the JSON pointer (RFC 6901) of the place.
func (p *place) String() string { return string(p.pointer(nil)) }

func (p *place) pointer(to []byte) []byte {
	if p == nil {
		return to
	}
	to = append(p.up.pointer(to), '/')
	if strings.ContainsAny(p.token, "~/") {
		return append(to, strings.NewReplacer("~", "~0", "/", "~1").Replace(p.token)...)
	}
	return append(to, p.token...)
}

// below notes a step, while somebody listens.
func (r *run) below(at *place, token string) *place {
	if !r.tracing {
		return nil
	}
	return &place{at, token}
}

// top is the place of a member of the document, where that holds the value:
// names and types are taken from the ID where it does not.
func (r *run) top(name string, v *value) *place {
	if !r.tracing {
		return nil
	}
	if held, at := r.subject.doc.member(name); at >= 0 && held.text == v.text {
		return r.below(nil, r.subject.doc.obj().keys[at])
	}
	return nil
}

var absentValue = value{kind: absent}

// each calls with every value that the field selects: one, which may be
// absent, or as many as an array alias gives. It stops when f says false.
func (f *field) each(r *run, call func(*value, *place) bool) {
	s := r.subject
	switch f.kind {
	case byType:
		call(&s.typeValue, r.top("type", &s.typeValue))
		return
	case byName:
		call(&s.nameValue, r.top("name", &s.nameValue))
		return
	case byFullName:
		v := textValue(fullName(s.Resource.ID))
		call(&v, r.top("name", &v))
		return
	case byID:
		v := textValue(string(s.Resource.ID))
		call(&v, r.top("id", &v))
		return
	case computed:
		found, bad := f.compute(r)
		if found == nil {
			call(&bad, nil)
			return
		}
		found.each(r, call)
		return
	}
	if f.of != "" && !s.has(f.of) {
		if !f.many {
			call(&absentValue, nil)
		}
		return
	}
	start, at := f.start(r)
	f.walk(r, start, f.path, at, call)
}

// start is where the field's path starts: the document, or the member of a
// count.
func (f *field) start(r *run) (*value, *place) {
	if f.slot >= 0 {
		return r.slots[f.slot].v, r.slots[f.slot].at
	}
	return &r.subject.doc, nil
}

// compute finds the field whose name is an expression. Where that fails it
// gives the reason as a value.
func (f *field) compute(r *run) (*field, value) {
	name := f.dynamic.eval(r)
	if name.undecided() {
		return nil, name
	}
	if name.kind != text {
		return nil, failure("the name of a field is no text")
	}
	// A copy of the scope: evaluations run side by side and change nothing.
	inner := *f.scope
	inner.compiler = &compiler{aliases: f.scope.aliases}
	found, err := inner.plainField(name.text)
	if err != nil {
		return nil, failure("%v", err)
	}
	return found, value{}
}

func (f *field) walk(r *run, v *value, path []segment, at *place, call func(*value, *place) bool) bool {
	for i, step := range path {
		if v.undecided() {
			return call(v, at)
		}
		if step.each {
			return f.elements(r, v, path[i+1:], at, call)
		}
		next, index := v.member(step.low)
		if index < 0 {
			return f.nothing(r, path[i:], r.below(at, step.name), call)
		}
		if r.tracing {
			at = r.below(at, v.obj().keys[index])
		}
		if v = next; v.kind == null {
			if r.subject.Resource.Source == azward.SourcePlan {
				return f.unset(path[i+1:], at, call) // what is mapped is null where it is not set
			}
			return f.nothing(r, path[i+1:], at, call)
		}
	}
	return call(v, at)
}

func (f *field) elements(r *run, v *value, rest []segment, at *place, call func(*value, *place) bool) bool {
	for i := range v.list {
		var here *place
		if r.tracing {
			here = r.below(at, strconv.Itoa(i))
		}
		if !f.walk(r, &v.list[i], rest, here, call) {
			return false
		}
	}
	return true
}

// nothing answers where the document ends before the path does: the property
// is not set, or it was not read.
func (f *field) nothing(r *run, rest []segment, at *place, call func(*value, *place) bool) bool {
	if v := r.subject.lacking(f); v.kind == unread {
		return call(&v, at)
	}
	return f.unset(rest, at, call)
}

// unset answers where it is known that the property is not set.
func (f *field) unset(rest []segment, at *place, call func(*value, *place) bool) bool {
	for _, step := range rest {
		if step.each {
			return true // an empty collection
		}
	}
	return call(&absentValue, at)
}

// value is what field() gives: the one value, or the list of a collection. An
// unset property is empty text.
//
// Source: https://learn.microsoft.com/azure/governance/policy/how-to/author-policies-for-arrays#referencing-array-fields
func (f *field) value(r *run) value {
	if f.kind == computed {
		found, bad := f.compute(r)
		if found == nil {
			return bad
		}
		return found.value(r)
	}
	var all []value
	var bad *value
	f.each(r, func(v *value, _ *place) bool {
		if v.undecided() {
			bad = v
			return false
		}
		all = append(all, *v)
		return true
	})
	switch {
	case bad != nil:
		return *bad
	case f.many:
		return listValue(all)
	case len(all) == 0 || all[0].missing():
		return textValue("")
	}
	return all[0]
}
