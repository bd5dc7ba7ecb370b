package feed

import (
	"fmt"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// maxDepth bounds nesting: OSV needs about 8 levels, database_specific a few
// more; a hostile record has thousands, each a stack frame.
const maxDepth = 200

// lexer reads JSON from a text, for callers that know which fields they want.
// Strings that it gives share the text's memory where nothing is escaped, so
// that a record costs one allocation and not one per version. It accepts
// exactly what encoding/json does, less nesting over maxDepth.
//
// Source: https://www.rfc-editor.org/rfc/rfc8259
type lexer struct {
	text  string
	at    int
	depth int
}

// syntaxError says where a text stops being JSON, or what was expected there.
type syntaxError struct {
	at   int
	what string
}

func (e *syntaxError) Error() string { return fmt.Sprintf("at byte %d: %s", e.at, e.what) }

func (l *lexer) fail(what string) error { return &syntaxError{l.at, what} }

// peek skips white space and gives the byte that follows; 0 is the end.
func (l *lexer) peek() byte {
	for l.at < len(l.text) {
		switch c := l.text[l.at]; c {
		case ' ', '\n', '\t', '\r':
			l.at++
		default:
			return c
		}
	}
	return 0
}

// end is an error unless nothing but white space is left.
func (l *lexer) end() error {
	if l.peek(); l.at < len(l.text) {
		return l.fail("something follows the value")
	}
	return nil
}

// null consumes null, for which encoding/json leaves a field as it is.
func (l *lexer) null() bool {
	if l.peek() == 'n' && strings.HasPrefix(l.text[l.at:], "null") {
		l.at += len("null")
		return true
	}
	return false
}

// object calls field for each member; field must consume the value. Null is an
// object without members.
func (l *lexer) object(field func(key string) error) error {
	if l.null() {
		return nil
	}
	if l.peek() != '{' {
		return l.fail("expected an object")
	}
	if err := l.enter(); err != nil {
		return err
	}
	if l.peek() == '}' {
		return l.leave()
	}
	for {
		key, err := l.key()
		if err != nil {
			return err
		}
		if err := field(key); err != nil {
			return err
		}
		switch l.peek() {
		case ',':
			l.at++
		case '}':
			return l.leave()
		default:
			return l.fail("expected a comma or the end of the object")
		}
	}
}

func (l *lexer) key() (string, error) {
	if l.peek() != '"' {
		return "", l.fail("expected a name")
	}
	raw, plain, err := l.raw()
	if err != nil {
		return "", err
	}
	if l.peek() != ':' {
		return "", l.fail("expected a colon")
	}
	l.at++
	if !plain {
		raw = unquote(raw)
	}
	return raw, nil
}

// array calls element for each; element must consume it. Null is empty.
func (l *lexer) array(element func() error) error {
	if l.null() {
		return nil
	}
	if l.peek() != '[' {
		return l.fail("expected an array")
	}
	if err := l.enter(); err != nil {
		return err
	}
	if l.peek() == ']' {
		return l.leave()
	}
	for {
		if err := element(); err != nil {
			return err
		}
		switch l.peek() {
		case ',':
			l.at++
		case ']':
			return l.leave()
		default:
			return l.fail("expected a comma or the end of the array")
		}
	}
}

func (l *lexer) enter() error {
	if l.depth++; l.depth > maxDepth {
		return l.fail(fmt.Sprintf("nested deeper than %d levels", maxDepth))
	}
	l.at++
	return nil
}

func (l *lexer) leave() error {
	l.depth--
	l.at++
	return nil
}

// str reads a string into to; null leaves it.
func (l *lexer) str(to *string) error {
	if err := l.quoted(to); err != nil {
		return err
	}
	*to = unquote(*to)
	return nil
}

// quoted gives a string as it is written, for [unquote] when it is needed.
func (l *lexer) quoted(to *string) (err error) {
	if l.null() {
		return nil
	}
	if l.peek() != '"' {
		return l.fail("expected a string")
	}
	*to, _, err = l.raw()
	return err
}

// strs appends an array of strings; null is one that is empty.
func (l *lexer) strs(to *[]string) error {
	return l.array(func() error {
		var s string
		err := l.str(&s)
		*to = append(*to, s)
		return err
	})
}

// ordinary marks the bytes of a string that stand for themselves.
var ordinary = func() (t [256]bool) {
	for c := ' '; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}()

// raw reads a string and gives what is between its quotes; plain when that is
// already its value.
func (l *lexer) raw() (raw string, plain bool, err error) {
	l.at++
	start, text := l.at, l.text
	plain = true
	for i := start; i < len(text); i++ {
		c := text[i]
		switch {
		case ordinary[c]:
		case c == '"':
			l.at = i + 1
			return text[start:i], plain, nil
		case c == '\\':
			plain = false
			size := escapeSize(text[i:])
			if size == 0 {
				l.at = i
				return "", false, l.fail("no such escape")
			}
			i += size - 1
		case c >= utf8.RuneSelf:
			plain = false
		default:
			l.at = i
			return "", false, l.fail("a control character in a string")
		}
	}
	l.at = len(text)
	return "", false, l.fail("the string does not end")
}

// escapeSize is how many bytes the escape at the beginning of s has; 0 when
// there is no such escape.
func escapeSize(s string) int {
	if len(s) < 2 {
		return 0
	}
	switch s[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if _, ok := hex4(s); ok {
			return 6
		}
	}
	return 0
}

// hex4 reads \uXXXX.
func hex4(s string) (r rune, ok bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	for _, c := range []byte(s[2:6]) {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}

var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// unquote gives the value of what raw has accepted. What is no UTF-8 and half
// a surrogate pair become U+FFFD, as encoding/json has it.
func unquote(raw string) string {
	if !strings.Contains(raw, `\`) && utf8.ValidString(raw) {
		return raw
	}
	b := make([]byte, 0, len(raw))
	for i := 0; i < len(raw); {
		switch c := raw[i]; {
		case c == '\\' && raw[i+1] != 'u':
			b = append(b, escapes[raw[i+1]])
			i += 2
		case c == '\\':
			r, _ := hex4(raw[i:])
			i += 6
			if utf16.IsSurrogate(r) {
				low, ok := hex4(raw[i:])
				if r = utf16.DecodeRune(r, low); ok && r != utf8.RuneError {
					i += 6
				} else {
					r = utf8.RuneError
				}
			}
			b = utf8.AppendRune(b, r)
		case c < utf8.RuneSelf:
			b = append(b, c)
			i++
		default:
			r, size := utf8.DecodeRuneInString(raw[i:])
			b = utf8.AppendRune(b, r)
			i += size
		}
	}
	return string(b)
}

// skip consumes one value of any kind, which must be valid.
func (l *lexer) skip() error {
	switch c := l.peek(); {
	case c == '"':
		_, _, err := l.raw()
		return err
	case c == '{':
		return l.object(func(string) error { return l.skip() })
	case c == '[':
		return l.array(l.skip)
	case c == '-' || c >= '0' && c <= '9':
		return l.number()
	}
	for _, word := range []string{"null", "true", "false"} {
		if strings.HasPrefix(l.text[l.at:], word) {
			l.at += len(word)
			return nil
		}
	}
	return l.fail("expected a value")
}

func (l *lexer) number() error {
	if l.text[l.at] == '-' {
		l.at++
	}
	if strings.HasPrefix(l.text[l.at:], "0") {
		l.at++
	} else if !l.digits() {
		return l.fail("expected a digit")
	}
	if strings.HasPrefix(l.text[l.at:], ".") {
		l.at++
		if !l.digits() {
			return l.fail("expected a digit after the point")
		}
	}
	if rest := l.text[l.at:]; rest != "" && rest[0]|' ' == 'e' {
		l.at++
		if rest = l.text[l.at:]; rest != "" && (rest[0] == '+' || rest[0] == '-') {
			l.at++
		}
		if !l.digits() {
			return l.fail("expected a digit in the exponent")
		}
	}
	return nil
}

func (l *lexer) digits() bool {
	start := l.at
	for l.at < len(l.text) && l.text[l.at] >= '0' && l.text[l.at] <= '9' {
		l.at++
	}
	return l.at > start
}
