package template

import (
	"bytes"
	"fmt"
	"math"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// nodeKind is what a node of a document is.
type nodeKind uint8

const (
	isNull nodeKind = iota
	isBool
	isNumber
	isText
	isList
	isObject
)

// node is a value of a document with the line that it stands in.
type node struct {
	kind  nodeKind
	line  int // from 1
	yes   bool
	num   float64
	text  string
	keys  []string // of an object
	lines []int    // of the keys
	items []*node  // of an object or a list

	up *node // nil at the root
}

// member looks a key up, without case; the last of equal ones counts.
func (n *node) member(name string) *node {
	if at := n.index(name); at >= 0 {
		return n.items[at]
	}
	return nil
}

func (n *node) index(name string) int {
	if n == nil || n.kind != isObject {
		return -1
	}
	for i := len(n.keys) - 1; i >= 0; i-- {
		if strings.EqualFold(n.keys[i], name) {
			return i
		}
	}
	return -1
}

// list gives the elements of a list.
func (n *node) list() []*node {
	if n == nil || n.kind != isList {
		return nil
	}
	return n.items
}

// literal is a text that stands there.
func (n *node) literal() string {
	if n == nil || n.kind != isText {
		return ""
	}
	return n.text
}

// path is the JSON pointer of the node (RFC 6901).
func (n *node) path() string {
	if n == nil || n.up == nil {
		return ""
	}
	token := ""
	for i, item := range n.up.items {
		if item != n {
			continue
		}
		token = strconv.Itoa(i)
		if n.up.kind == isObject {
			token = strings.ReplaceAll(strings.ReplaceAll(n.up.keys[i], "~", "~0"), "/", "~1")
		}
		break
	}
	return n.up.path() + "/" + token
}

// Bounds of a document.
const (
	// maxBytes of one template: Azure takes 4 MB.
	maxBytes = 16 << 20
	maxDepth = 128     // levels
	maxNodes = 1 << 20 // values in one document
)

// documentError is a fault of the JSON, at a line.
type documentError struct {
	line  int
	cause string
}

func (e *documentError) Error() string { return fmt.Sprintf("line %d: %s", e.line, e.cause) }

// parser reads JSON as Azure takes it for templates: with comments, and with
// line breaks in strings.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/syntax#comments-and-metadata
type parser struct {
	b     []byte
	i     int
	line  int
	nodes int
	// twice are the keys that an object holds more than once, with their lines.
	twice []documentError
}

func parseDocument(raw []byte) (*node, []documentError, error) {
	raw = bytes.TrimPrefix(raw, []byte("\xef\xbb\xbf"))
	if len(raw) > maxBytes {
		return nil, nil, &documentError{1, fmt.Sprintf("it is larger than %d MB", maxBytes>>20)}
	}
	p := &parser{b: raw, line: 1}
	if !utf8.Valid(raw) {
		return nil, nil, &documentError{1, "it is not UTF-8"}
	}
	n, err := p.value(nil, 0)
	if err != nil {
		return nil, nil, err
	}
	if err := p.space(); err != nil {
		return nil, nil, err
	}
	if p.i < len(p.b) {
		return nil, nil, p.bad("there is something behind the end")
	}
	return n, p.twice, nil
}

func (p *parser) bad(format string, args ...any) error {
	return &documentError{p.line, fmt.Sprintf(format, args...)}
}

// space skips white space and comments.
func (p *parser) space() error {
	for p.i < len(p.b) {
		switch c := p.b[p.i]; {
		case c == '\n':
			p.line++
			p.i++
		case c == ' ' || c == '\t' || c == '\r':
			p.i++
		case c == '/' && p.i+1 < len(p.b) && p.b[p.i+1] == '/':
			for p.i < len(p.b) && p.b[p.i] != '\n' {
				p.i++
			}
		case c == '/' && p.i+1 < len(p.b) && p.b[p.i+1] == '*':
			end := bytes.Index(p.b[p.i+2:], []byte("*/"))
			if end < 0 {
				return p.bad("a comment does not end")
			}
			p.line += bytes.Count(p.b[p.i:p.i+2+end], []byte("\n"))
			p.i += end + 4
		default:
			return nil
		}
	}
	return nil
}

// next skips space and gives the next byte without taking it.
func (p *parser) next() (byte, error) {
	if err := p.space(); err != nil {
		return 0, err
	}
	if p.i >= len(p.b) {
		return 0, p.bad("it ends too early")
	}
	return p.b[p.i], nil
}

func (p *parser) value(up *node, depth int) (*node, error) {
	c, err := p.next()
	if err != nil {
		return nil, err
	}
	if depth > maxDepth {
		return nil, p.bad("it nests deeper than %d levels", maxDepth)
	}
	if p.nodes++; p.nodes > maxNodes {
		return nil, p.bad("it holds more than %d values", maxNodes)
	}
	n := &node{line: p.line, up: up}
	switch {
	case c == '{':
		n.kind = isObject
		return n, p.object(n, depth)
	case c == '[':
		n.kind = isList
		return n, p.elements(n, depth)
	case c == '"':
		n.kind = isText
		n.text, err = p.quoted()
		return n, err
	case c == '-' || c >= '0' && c <= '9':
		return n, p.number(n)
	}
	return n, p.word(n)
}

func (p *parser) word(n *node) error {
	start := p.i
	for p.i < len(p.b) && (p.b[p.i]|0x20 >= 'a' && p.b[p.i]|0x20 <= 'z') {
		p.i++
	}
	switch w := string(p.b[start:p.i]); w {
	case "true", "false":
		n.kind, n.yes = isBool, w == "true"
	case "null":
		n.kind = isNull
	default:
		p.i = start
		r, _ := utf8.DecodeRune(p.b[p.i:])
		return p.bad("unexpected %q", r)
	}
	return nil
}

func (p *parser) number(n *node) error {
	start := p.i
	for p.i < len(p.b) && strings.IndexByte("+-.0123456789eE", p.b[p.i]) >= 0 {
		p.i++
	}
	f, err := strconv.ParseFloat(string(p.b[start:p.i]), 64)
	if err != nil || math.IsInf(f, 0) {
		return p.bad("%.40q is no number", p.b[start:p.i])
	}
	n.kind, n.num, n.text = isNumber, f, string(p.b[start:p.i])
	return nil
}

func (p *parser) object(n *node, depth int) error {
	p.i++
	seen := map[string]bool{}
	for first := true; ; first = false {
		c, err := p.next()
		switch {
		case err != nil:
			return err
		case c == '}':
			p.i++
			return nil
		case !first && c != ',':
			return p.bad("a comma or } is missing")
		case !first:
			p.i++
			if c, err = p.next(); err != nil {
				return err
			}
			if c == '}' { // Azure lets a last comma pass
				continue
			}
		}
		if c != '"' {
			return p.bad("a name in quotes is missing")
		}
		line := p.line
		key, err := p.quoted()
		if err != nil {
			return err
		}
		if low := strings.ToLower(key); seen[low] {
			p.twice = append(p.twice, documentError{line, fmt.Sprintf("%.80q stands twice in one object: the last one counts", key)})
		} else {
			seen[low] = true
		}
		if c, err = p.next(); err != nil {
			return err
		}
		if c != ':' {
			return p.bad("a colon is missing behind %.80q", key)
		}
		p.i++
		item, err := p.value(n, depth+1)
		if err != nil {
			return err
		}
		n.keys, n.lines, n.items = append(n.keys, key), append(n.lines, line), append(n.items, item)
	}
}

func (p *parser) elements(n *node, depth int) error {
	p.i++
	for first := true; ; first = false {
		c, err := p.next()
		switch {
		case err != nil:
			return err
		case c == ']':
			p.i++
			return nil
		case !first && c != ',':
			return p.bad("a comma or ] is missing")
		case !first:
			p.i++
			if c, err = p.next(); err != nil {
				return err
			}
			if c == ']' {
				continue
			}
		}
		item, err := p.value(n, depth+1)
		if err != nil {
			return err
		}
		n.items = append(n.items, item)
	}
}

// escapes of one letter.
var escapes = map[byte]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

func (p *parser) quoted() (string, error) {
	p.i++
	start := p.i
	var b []byte
	for p.i < len(p.b) {
		switch c := p.b[p.i]; c {
		case '"':
			if b == nil {
				p.i++
				return string(p.b[start : p.i-1]), nil
			}
			p.i++
			return string(b), nil
		case '\\':
			if b == nil {
				b = append(make([]byte, 0, p.i-start+16), p.b[start:p.i]...)
			}
			var err error
			if b, err = p.escape(b); err != nil {
				return "", err
			}
			continue
		case '\n':
			p.line++
		}
		if b != nil {
			b = append(b, p.b[p.i])
		}
		p.i++
	}
	return "", p.bad("a string does not end")
}

func (p *parser) escape(b []byte) ([]byte, error) {
	if p.i+1 >= len(p.b) {
		return nil, p.bad("a string does not end")
	}
	c := p.b[p.i+1]
	if one, ok := escapes[c]; ok {
		p.i += 2
		return append(b, one), nil
	}
	if c != 'u' {
		return nil, p.bad("there is no escape \\%c", c)
	}
	r, err := p.hex()
	if err != nil {
		return nil, err
	}
	if utf16.IsSurrogate(r) && bytes.HasPrefix(p.b[p.i:], []byte(`\u`)) {
		low, err := p.hex()
		if err != nil {
			return nil, err
		}
		r = utf16.DecodeRune(r, low)
	}
	return utf8.AppendRune(b, r), nil
}

func (p *parser) hex() (rune, error) {
	if p.i+6 > len(p.b) {
		return 0, p.bad("a string does not end")
	}
	n, err := strconv.ParseUint(string(p.b[p.i+2:p.i+6]), 16, 32)
	if err != nil {
		return 0, p.bad("%.6q is no letter", p.b[p.i:p.i+6])
	}
	p.i += 6
	return rune(n), nil
}
