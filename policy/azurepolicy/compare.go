package azurepolicy

import (
	"fmt"
	"strings"
	"time"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// operator of a condition, without its negation.
type operator uint8

const (
	opEquals operator = iota
	opLike
	opMatch
	opMatchInsensitively
	opContains
	opIn
	opContainsKey
	opLess
	opLessOrEquals
	opGreater
	opGreaterOrEquals
	opExists
)

var operators = map[string]operator{
	"equals": opEquals, "like": opLike, "match": opMatch, "matchinsensitively": opMatchInsensitively,
	"contains": opContains, "in": opIn, "containskey": opContainsKey,
	"less": opLess, "lessorequals": opLessOrEquals, "greater": opGreater, "greaterorequals": opGreaterOrEquals,
	"exists": opExists,
}

// comparison is an operator with what it compares to.
type comparison struct {
	name    string // as the definition writes it
	op      operator
	negated bool
	want    expression
	fixed   *value // of want, where it is known beforehand
	squeeze bool   // compare without spaces, as locations are
}

// operatorOf reads the name of an operator in any case.
func operatorOf(name string) (op operator, negated, ok bool) {
	low := strings.ToLower(name)
	if op, ok = operators[low]; ok {
		return op, false, true
	}
	if low, negated = strings.CutPrefix(low, "not"); !negated {
		return 0, false, false
	}
	op, ok = operators[low]
	if op >= opLess { // there is no notLess, and no notExists
		return 0, false, false
	}
	return op, true, ok
}

// expected is what the comparison compares to.
func (c *comparison) expected(r *run) *value {
	if c.fixed != nil {
		return c.fixed
	}
	v := c.want.eval(r)
	return &v
}

// verdict of one comparison, with the reason where it is unknown.
type verdict struct {
	answer azward.Answer
	reason string
	failed bool
}

func answered(yes bool) verdict {
	if yes {
		return verdict{answer: azward.Yes}
	}
	return verdict{answer: azward.No}
}

func undecided(format string, args ...any) verdict {
	return verdict{reason: fmt.Sprintf(format, args...)}
}

func refused(format string, args ...any) verdict {
	return verdict{reason: fmt.Sprintf(format, args...), failed: true}
}

// test compares a value with the expected one.
func (c *comparison) test(v, want *value) verdict {
	for _, x := range []*value{v, want} {
		if x.undecided() {
			return verdict{reason: x.text, failed: x.kind == failed}
		}
	}
	if v.later() && c.op != opExists {
		return undecided("%s", laterReason)
	}
	if v.kind == text && v.text == estate.Redacted && !c.knownOfSecrets(want) {
		return undecided("it is a secret, which azward does not keep")
	}
	if c.squeeze {
		v = squeezed(v)
		if c.fixed == nil {
			want = squeezed(want)
		}
	}
	got := c.positive(v, want)
	if c.negated {
		got.answer = azward.Not(got.answer)
	}
	return got
}

// knownOfSecrets holds for comparisons that a secret answers without its text:
// that it is set, that it is not empty, and that it is no reference to a key
// vault.
func (c *comparison) knownOfSecrets(want *value) bool {
	const reference = "@microsoft.keyvault("
	return c.op == opExists || want.kind == text && (want.text == "" || strings.HasPrefix(strings.ToLower(want.text), reference))
}

func (c *comparison) positive(v, want *value) verdict {
	switch c.op {
	case opEquals:
		return equals(v, want)
	case opExists:
		return exists(v, want)
	case opIn:
		return in(v, want)
	case opContainsKey:
		return containsKey(v, want)
	case opContains:
		return contains(v, want)
	case opLike, opMatch, opMatchInsensitively:
		return c.pattern(v, want)
	default:
		return c.order(v, want)
	}
}

// equals compares. What an unset property equals to empty text is not
// documented: unknown.
func equals(v, want *value) verdict {
	if v.missing() && want.kind == text && want.text == "" {
		return undecided("whether an unset property equals empty text is not documented")
	}
	return answered(same(v, want))
}

func exists(v, want *value) verdict {
	s, ok := want.scalar()
	if !ok || !strings.EqualFold(s, "true") && !strings.EqualFold(s, "false") {
		return refused("exists wants true or false")
	}
	return answered(v.missing() != strings.EqualFold(s, "true"))
}

func in(v, want *value) verdict {
	if want.kind != list {
		return refused("in wants a list")
	}
	open := verdict{answer: azward.No}
	for i := range want.list {
		switch one := equals(v, &want.list[i]); one.answer {
		case azward.Yes:
			return one
		case azward.Unknown:
			open = one
		}
	}
	return open
}

func containsKey(v, want *value) verdict {
	key, ok := want.scalar()
	switch {
	case !ok:
		return refused("containsKey wants a text")
	case v.missing():
		return answered(false)
	case v.kind != object:
		return refused("containsKey looks at an object")
	}
	_, at := v.member(strings.ToLower(key))
	return answered(at >= 0)
}

// contains looks for text in text, and for a member in a list.
func contains(v, want *value) verdict {
	if v.kind == list {
		for i := range v.list {
			if same(&v.list[i], want) {
				return answered(true)
			}
		}
		return answered(false)
	}
	part, ok := want.scalar()
	if !ok {
		return refused("contains wants a text")
	}
	if v.missing() {
		if part == "" {
			return undecided("whether an unset property contains empty text is not documented")
		}
		return answered(false)
	}
	s, ok := v.scalar()
	if !ok {
		return refused("contains looks at a text")
	}
	return answered(containsFold(s, part))
}

// containsFold looks for text without case.
func containsFold(s, part string) bool {
	if inPlace(s, part) {
		return indexFold(s, part) >= 0
	}
	return strings.Contains(strings.ToLower(s), strings.ToLower(part))
}

// inPlace reports texts that are compared without a copy: ASCII, which nearly
// all are, and short, since each place is tried.
func inPlace(s, part string) bool {
	const short = 64 // bytes
	return len(part) <= short && ascii(s) && ascii(part)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}

// indexFold is strings.Index without case, for ASCII.
func indexFold(s, part string) int {
	for i := 0; i+len(part) <= len(s); i++ {
		if strings.EqualFold(s[i:i+len(part)], part) {
			return i
		}
	}
	return -1
}

func (c *comparison) pattern(v, want *value) verdict {
	pattern, ok := want.scalar()
	if !ok {
		return refused("%s wants a text", c.name)
	}
	if v.missing() {
		if strings.Trim(pattern, "*") == "" {
			return undecided("whether an unset property is %s %q is not documented", c.name, pattern)
		}
		return answered(false)
	}
	s, ok := v.scalar()
	if !ok {
		return answered(false) // an object or a list is like no text
	}
	switch c.op {
	case opLike:
		return answered(like(s, pattern))
	case opMatchInsensitively:
		return answered(match(strings.ToLower(s), pattern, true))
	default:
		return answered(match(s, pattern, false))
	}
}

// like compares without case; * stands for any text. Azure wants one at most;
// more are taken as they read. Time is linear in text times stars: each star
// settles for the first place where what follows fits.
func like(s, pattern string) bool {
	if !inPlace(s, pattern) {
		s, pattern = strings.ToLower(s), strings.ToLower(pattern)
	}
	first, rest, star := strings.Cut(pattern, "*")
	if !star {
		return strings.EqualFold(s, pattern)
	}
	if len(s) < len(first) || !strings.EqualFold(s[:len(first)], first) {
		return false
	}
	s = s[len(first):]
	for {
		part, after, more := strings.Cut(rest, "*")
		if !more {
			return len(s) >= len(part) && strings.EqualFold(s[len(s)-len(part):], part)
		}
		at := strings.Index(s, part)
		if part != "" && inPlace(s, part) {
			at = indexFold(s, part)
		}
		if at < 0 {
			return false
		}
		s, rest = s[at+len(part):], after
	}
}

// match compares letter by letter: # is a digit, ? a letter, . anything.
func match(s, pattern string, fold bool) bool {
	if fold {
		pattern = strings.ToLower(pattern)
	}
	letters := []rune(s)
	shape := []rune(pattern)
	if len(letters) != len(shape) {
		return false
	}
	for i, want := range shape {
		c := letters[i]
		switch want {
		case '.':
		case '#':
			if c < '0' || c > '9' {
				return false
			}
		case '?':
			if low := c | 0x20; low < 'a' || low > 'z' {
				return false
			}
		default:
			if c != want {
				return false
			}
		}
	}
	return true
}

// order compares by size. Azure refuses values of different types; of an unset
// property it says nothing: unknown.
func (c *comparison) order(v, want *value) verdict {
	var sign int
	switch {
	case v.missing():
		return undecided("how an unset property compares by %s is not documented", c.name)
	case v.kind == number && want.kind == number:
		sign = compareNumbers(v.num, want.num)
	case v.kind == text && want.kind == text:
		sign = compareTexts(v.text, want.text)
	default:
		return refused("%s compares values of different types", c.name)
	}
	switch c.op {
	case opLess:
		return answered(sign < 0)
	case opLessOrEquals:
		return answered(sign <= 0)
	case opGreater:
		return answered(sign > 0)
	default:
		return answered(sign >= 0)
	}
}

func compareNumbers(a, b float64) int {
	switch {
	case a < b:
		return -1
	case a > b:
		return 1
	default:
		return 0
	}
}

// compareTexts compares dates as dates, and all else without case.
func compareTexts(a, b string) int {
	if s, err := time.Parse(time.RFC3339Nano, a); err == nil {
		if t, err := time.Parse(time.RFC3339Nano, b); err == nil {
			return s.Compare(t)
		}
	}
	return strings.Compare(strings.ToLower(a), strings.ToLower(b))
}

// squeezed is a value whose texts have no spaces: "East US 2" is eastus2.
func squeezed(v *value) *value {
	switch v.kind {
	case text:
		if !strings.Contains(v.text, " ") {
			return v
		}
		out := textValue(strings.ReplaceAll(v.text, " ", ""))
		return &out
	case list:
		out := listValue(make([]value, len(v.list)))
		for i := range v.list {
			out.list[i] = *squeezed(&v.list[i])
		}
		return &out
	default:
		return v
	}
}
