package estate

import (
	"bytes"
	"encoding/json"
	"fmt"
	"iter"
	"strings"
	"unicode/utf8"

	"github.com/azward/azward"
)

// Bodies are kept as valid JSON without insignificant white space. What
// follows walks them in place: a pointer look-up or a head costs one pass and
// no maps. Every function here takes JSON that compactJSON has been through.

// maxDepth bounds, in levels, how deep objects and lists may nest. ARM and
// Kubernetes stay below 40 but for custom resources' schemas; more is an
// attack on whoever walks it.
const maxDepth = 256

// errNotUTF8 refuses what RFC 8259 §8.1 does not allow between systems.
var errNotUTF8 = &azward.Error{
	Kind: azward.KindBadInput, Op: "read object", Cause: "it is not UTF-8",
	Remedy: "save it as UTF-8; Windows PowerShell's > writes UTF-16, `| Out-File -Encoding utf8` does not",
}

// compactJSON appends the JSON object, list or scalar in src to dst without
// white space. The result shares nothing with src.
func compactJSON(dst *bytes.Buffer, src []byte) ([]byte, error) {
	start := dst.Len()
	if !utf8.Valid(src) {
		return nil, errNotUTF8
	}
	if err := json.Compact(dst, src); err != nil {
		dst.Truncate(start)
		return nil, &azward.Error{
			Kind: azward.KindBadInput, Op: "read object", Cause: "it is not valid JSON: " + err.Error(),
			Remedy: "export it again; a file cut short or edited by hand often ends like this", Err: err,
		}
	}
	out := dst.Bytes()[start:]
	if deep(out) {
		dst.Truncate(start)
		return nil, &azward.Error{
			Kind: azward.KindBadInput, Op: "read object", Cause: fmt.Sprintf("it nests deeper than %d levels", maxDepth),
			Remedy: "leave it out: neither Azure nor Kubernetes returns such objects",
		}
	}
	return out, nil
}

// deep reports whether a value nests deeper than maxDepth. Few values hold
// enough brackets to be worth a walk.
func deep(value []byte) bool {
	if bytes.Count(value, []byte("{"))+bytes.Count(value, []byte("[")) <= maxDepth {
		return false
	}
	_, depth := skip(value, 0)
	return depth > maxDepth
}

// skip returns the index behind the value that starts at b[i], and how many
// levels it nests.
func skip(b []byte, i int) (end, deepest int) {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = skipString(b, i)
		case '{', '[':
			depth++
			deepest = max(deepest, depth)
			i++
		case '}', ']':
			depth--
			i++
		case ',', ':':
			i++
			continue
		default:
			for i < len(b) && !strings.ContainsRune(",:]}", rune(b[i])) {
				i++
			}
		}
		if depth <= 0 {
			return i, deepest
		}
	}
	return i, deepest
}

// skipString returns the index behind the string whose quote stands at b[i].
func skipString(b []byte, i int) int {
	i++
	for {
		quote := bytes.IndexByte(b[i:], '"')
		if quote < 0 {
			return len(b)
		}
		backslashes := 0
		for k := i + quote - 1; k >= i && b[k] == '\\'; k-- {
			backslashes++
		}
		i += quote + 1
		if backslashes%2 == 0 {
			return i
		}
	}
}

// members yields the keys (without quotes, as they stand) and values of an
// object; nothing for any other value.
func members(object []byte) iter.Seq2[[]byte, json.RawMessage] {
	return func(yield func([]byte, json.RawMessage) bool) {
		if len(object) < 2 || object[0] != '{' {
			return
		}
		for i := 1; i < len(object) && object[i] == '"'; i++ {
			keyEnd := skipString(object, i)
			valueEnd, _ := skip(object, keyEnd+1)
			if !yield(object[i+1:keyEnd-1], object[keyEnd+1:valueEnd]) {
				return
			}
			i = valueEnd
		}
	}
}

// elements yields the values of a list; nothing for any other value.
func elements(list []byte) iter.Seq2[int, json.RawMessage] {
	return func(yield func(int, json.RawMessage) bool) {
		if len(list) <= 2 || list[0] != '[' {
			return
		}
		for i, n := 1, 0; i < len(list); n++ {
			end, _ := skip(list, i)
			if !yield(n, list[i:end]) {
				return
			}
			i = end + 1
		}
	}
}

// keyIs compares a key as encoding/json does: without case.
func keyIs(key []byte, name string) bool {
	return len(key) == len(name) && strings.EqualFold(string(key), name)
}

// text reads a string value; null is "". It is false for any other value.
func text(value json.RawMessage) (string, bool) {
	if string(value) == "null" {
		return "", true
	}
	if len(value) < 2 || value[0] != '"' {
		return "", false
	}
	if inner := value[1 : len(value)-1]; bytes.IndexByte(inner, '\\') < 0 {
		return string(inner), true
	}
	var s string
	if json.Unmarshal(value, &s) != nil {
		return "", false
	}
	return s, true
}

// unescaped is a key in plain text.
func unescaped(key []byte) string {
	if bytes.IndexByte(key, '\\') < 0 {
		return string(key)
	}
	s, _ := text(append(append([]byte{'"'}, key...), '"'))
	return s
}

// member returns a member of an object: the last one with exactly this key,
// or else the last that differs in case, as a decoder would take it.
func member(object []byte, name string) (json.RawMessage, bool) {
	var exact, folded json.RawMessage
	for key, value := range members(object) {
		switch {
		case string(key) == name:
			exact = value
		case bytes.IndexByte(key, '\\') >= 0:
			if plain := unescaped(key); plain == name {
				exact = value
			} else if strings.EqualFold(plain, name) {
				folded = value
			}
		case strings.EqualFold(string(key), name):
			folded = value
		}
	}
	if exact != nil {
		return exact, true
	}
	return folded, folded != nil
}
