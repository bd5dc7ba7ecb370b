// Package jsonskip steps over parts of a JSON text that nobody asks for. The
// text is valid: whoever keeps it has checked that. Of a text that is not, the
// steps end at its end, and what they give means nothing.
package jsonskip

import (
	"encoding/json"
	"strings"
)

// Space gives the index of the first byte at or behind i that is no white space.
func Space(s string, i int) int {
	for i < len(s) && (s[i] == ' ' || s[i] == '\n' || s[i] == '\t' || s[i] == '\r') {
		i++
	}
	return i
}

// Value gives the index behind the value that begins at i, and how many levels
// of objects and lists it nests.
func Value(s string, i int) (end, levels int) {
	depth := 0
	for i < len(s) {
		switch s[i] {
		case '"':
			i = quoted(s, i)
		case '{', '[':
			depth++
			levels = max(levels, depth)
			i++
			continue // not its end, whatever follows
		case '}', ']':
			depth--
			i++
		case ',', ':', ' ', '\n', '\t', '\r':
			i++
			continue
		default:
			i = Scalar(s, i)
		}
		if depth <= 0 {
			return i, levels
		}
	}
	return len(s), levels
}

// Scalar gives the index behind the number, true, false or null at i.
func Scalar(s string, i int) int {
	for i++; i < len(s); i++ {
		switch s[i] {
		case ',', ':', ']', '}', '[', '{', '"', ' ', '\n', '\t', '\r':
			return i
		}
	}
	return len(s)
}

// Text reads the string whose quote stands at i, and gives the index behind
// it. It shares the memory of s unless it has escapes.
func Text(s string, i int) (text string, end int) {
	end = quoted(s, i)
	raw := s[i:end]
	if len(raw) < 2 {
		return "", end
	}
	if strings.IndexByte(raw, '\\') < 0 {
		return raw[1 : len(raw)-1], end
	}
	if err := json.Unmarshal([]byte(raw), &text); err != nil {
		return raw[1 : len(raw)-1], end // cannot be: the text is valid
	}
	return text, end
}

// quoted gives the index behind the string whose quote stands at i.
func quoted(s string, i int) int {
	for i++; i < len(s); i++ {
		at := strings.IndexByte(s[i:], '"')
		if at < 0 {
			break
		}
		i += at
		escapes := 0
		for s[i-1-escapes] == '\\' { // ends at the quote that begins the string
			escapes++
		}
		if escapes%2 == 0 {
			return i + 1
		}
	}
	return len(s)
}
