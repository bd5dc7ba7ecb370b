package kql

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// maxQueryBytes bounds a query. Resource Graph publishes no figure; the
// longest query of the public tools we know is under 20 KiB.
const maxQueryBytes = 64 << 10

type tokenKind int

const (
	tokEOF tokenKind = iota
	tokName
	tokString
	tokLong
	tokReal
	tokTimespan
	tokRaw   // what stands in the parentheses of datetime(…), with them
	tokPunct // operators and brackets, and word operators that start with "!"
)

type token struct {
	kind      tokenKind
	text      string // name or punctuation; the source text of a number
	str       string // value of a string
	dur       time.Duration
	line, col int
	start     int // byte offset, for what is cut out raw
	end       int
}

type lexer struct {
	src       string
	at        int
	line, col int
	tokens    []token
}

var punctuation = []string{
	"==", "=~", "!=", "!~", "<=", ">=", "<>", "..", "|", "(", ")", "[", "]", "{", "}",
	",", ";", "=", "<", ">", "+", "-", "*", "/", "%", ".", ":",
}

func lex(src string) ([]token, error) {
	if len(src) > maxQueryBytes {
		return nil, &Error{Code: "InvalidQuery", Msg: "the query is longer than " + strconv.Itoa(maxQueryBytes) + " bytes"}
	}
	if !utf8.ValidString(src) {
		return nil, &Error{Code: "InvalidQuery", Msg: "the query is not UTF-8"}
	}
	l := &lexer{src: src, line: 1, col: 1}
	for {
		l.space()
		if l.at >= len(l.src) {
			l.tokens = append(l.tokens, token{kind: tokEOF, line: l.line, col: l.col, start: l.at, end: l.at})
			return l.tokens, nil
		}
		if err := l.next(); err != nil {
			return nil, err
		}
	}
}

func (l *lexer) fail(msg string) error {
	r, _ := utf8.DecodeRuneInString(l.src[l.at:])
	return &Error{Line: l.line, Col: l.col, Token: string(r), Code: parserFailure, Msg: msg}
}

func (l *lexer) advance(n int) {
	for _, r := range l.src[l.at : l.at+n] {
		if r == '\n' {
			l.line++
			l.col = 1
		} else {
			l.col++
		}
	}
	l.at += n
}

func (l *lexer) space() {
	for l.at < len(l.src) {
		rest := l.src[l.at:]
		switch {
		case strings.HasPrefix(rest, "//"):
			n := strings.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest)
			}
			l.advance(n)
		case rest[0] == ' ' || rest[0] == '\t' || rest[0] == '\r' || rest[0] == '\n':
			l.advance(1)
		case strings.HasPrefix(rest, "\u00a0"): // pasted from web pages, and Kusto takes it for a space
			l.advance(2)
		default:
			return
		}
	}
}

func (l *lexer) emit(t token, n int) {
	t.line, t.col, t.start, t.end = l.line, l.col, l.at, l.at+n
	l.advance(n)
	l.tokens = append(l.tokens, t)
}

func (l *lexer) next() error {
	rest := l.src[l.at:]
	c := rest[0]
	switch {
	case c == '\'' || c == '"':
		return l.quoted(rest, 0)
	case (c == '@' || c == 'h' || c == 'H') && len(rest) > 1 && (rest[1] == '\'' || rest[1] == '"'):
		return l.quoted(rest, 1)
	case nameStart(c):
		n := 1
		for n < len(rest) && namePart(rest[n]) {
			n++
		}
		if rawLiterals[strings.ToLower(rest[:n])] {
			if open, end, ok := rawText(rest, n); ok {
				l.emit(token{kind: tokName, text: rest[:n]}, n)
				l.advance(open - n)
				l.emit(token{kind: tokRaw, text: rest[open:end], str: rest[open+1 : end-1]}, end-open)
				return nil
			}
		}
		// in~ is one operator
		if strings.EqualFold(rest[:n], "in") && n < len(rest) && rest[n] == '~' {
			l.emit(token{kind: tokPunct, text: "in~"}, n+1)
			return nil
		}
		l.emit(token{kind: tokName, text: rest[:n]}, n)
		return nil
	case c >= '0' && c <= '9':
		return l.number(rest)
	case c == '!' && len(rest) > 1 && nameStart(rest[1]):
		n := 1
		for n < len(rest) && namePart(rest[n]) {
			n++
		}
		if rest[1:n] == "in" && n < len(rest) && rest[n] == '~' {
			n++
		}
		l.emit(token{kind: tokPunct, text: rest[:n]}, n)
		return nil
	}
	for _, p := range punctuation {
		if strings.HasPrefix(rest, p) {
			l.emit(token{kind: tokPunct, text: p}, len(p))
			return nil
		}
	}
	return l.fail("this character starts nothing in a query")
}

// rawLiterals are written as type(text), where text is no expression.
var rawLiterals = map[string]bool{
	"datetime": true, "date": true, "time": true, "timespan": true, "guid": true,
	"int": true, "long": true, "real": true, "double": true, "decimal": true, "bool": true, "boolean": true,
}

// rawText finds the parentheses after byte n.
func rawText(s string, n int) (open, end int, ok bool) {
	open = n
	for open < len(s) && (s[open] == ' ' || s[open] == '\t') {
		open++
	}
	if open == len(s) || s[open] != '(' {
		return 0, 0, false
	}
	length := strings.IndexAny(s[open:], ")\n")
	if length < 0 || s[open+length] != ')' {
		return 0, 0, false
	}
	return open, open + length + 1, true
}

func nameStart(c byte) bool {
	return c == '_' || c == '$' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

func namePart(c byte) bool { return nameStart(c) || c >= '0' && c <= '9' }

// quoted reads a string literal: '…' and "…" with escapes, @'…' with the quote
// doubled instead, h'…' as the plain one.
// https://learn.microsoft.com/kusto/query/scalar-data-types/string
func (l *lexer) quoted(rest string, prefix int) error {
	verbatim := rest[0] == '@'
	quote := rest[prefix]
	var b strings.Builder
	for i := prefix + 1; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == quote && verbatim && i+1 < len(rest) && rest[i+1] == quote:
			b.WriteByte(quote)
			i++
		case c == quote:
			l.emit(token{kind: tokString, text: rest[:i+1], str: b.String()}, i+1)
			return nil
		case c == '\n':
			return l.fail("this string does not end on its line")
		case c == '\\' && !verbatim:
			r, n, ok := escape(rest[i:])
			if !ok {
				return l.fail("this string holds an escape that is not known")
			}
			b.WriteString(r)
			i += n - 1
		default:
			b.WriteByte(c)
		}
	}
	return l.fail("this string does not end")
}

func escape(s string) (string, int, bool) {
	if len(s) < 2 {
		return "", 0, false
	}
	switch s[1] {
	case '\\', '\'', '"', '/':
		return s[1:2], 2, true
	case 'b':
		return "\b", 2, true
	case 'f':
		return "\f", 2, true
	case 'v':
		return "\v", 2, true
	case 'a':
		return "\a", 2, true
	case 'n':
		return "\n", 2, true
	case 't':
		return "\t", 2, true
	case 'r':
		return "\r", 2, true
	case '0':
		return "\x00", 2, true
	case 'u':
		if len(s) < 6 {
			return "", 0, false
		}
		n, err := strconv.ParseUint(s[2:6], 16, 32)
		if err != nil {
			return "", 0, false
		}
		return string(rune(n)), 6, true
	default:
		return "", 0, false
	}
}

var timespanUnits = map[string]time.Duration{
	"d": 24 * time.Hour, "day": 24 * time.Hour, "days": 24 * time.Hour,
	"h": time.Hour, "hour": time.Hour, "hours": time.Hour,
	"m": time.Minute, "minute": time.Minute, "minutes": time.Minute,
	"s": time.Second, "second": time.Second, "seconds": time.Second,
	"ms": time.Millisecond, "millisecond": time.Millisecond, "milliseconds": time.Millisecond,
	"microsecond": time.Microsecond, "microseconds": time.Microsecond,
	"tick": 100, "ticks": 100,
}

func (l *lexer) number(rest string) error {
	n := digits(rest, 0)
	kind := tokLong
	if n+1 < len(rest) && rest[n] == '.' && isDigit(rest[n+1]) {
		n = digits(rest, n+1)
		kind = tokReal
	}
	if n < len(rest) && (rest[n] == 'e' || rest[n] == 'E') {
		m := n + 1
		if m < len(rest) && (rest[m] == '+' || rest[m] == '-') {
			m++
		}
		if end := digits(rest, m); end > m {
			n, kind = end, tokReal
		}
	}
	unit := n
	for unit < len(rest) && namePart(rest[unit]) {
		unit++
	}
	if unit == n {
		l.emit(token{kind: kind, text: rest[:n]}, n)
		return nil
	}
	size, known := timespanUnits[rest[n:unit]]
	count, err := strconv.ParseFloat(rest[:n], 64)
	if !known || err != nil || count*float64(size) > float64(maxTimespan) {
		return l.fail("this number has a suffix that is no unit of time, or is out of range")
	}
	l.emit(token{kind: tokTimespan, text: rest[:unit], dur: time.Duration(count * float64(size))}, unit)
	return nil
}

func digits(s string, i int) int {
	for i < len(s) && isDigit(s[i]) {
		i++
	}
	return i
}

func isDigit(c byte) bool { return c >= '0' && c <= '9' }
