// Package jsonstream writes a large JSON document piece by piece, so that it
// is never whole in memory: open objects and arrays, put values into them, and
// look at the error once, at [Writer.Close].
package jsonstream

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
)

// Writer writes one document, indented by two spaces, with the bytes of other
// scripts and of HTML as they are. After an error it writes nothing more.
type Writer struct {
	out  *bufio.Writer
	open []level
	err  error
}

type level struct {
	closing byte
	any     bool // something is in it already
}

// New starts a document on w.
func New(w io.Writer) *Writer { return &Writer{out: bufio.NewWriter(w)} }

// Object opens an object; name is "" in an array and at the top.
func (s *Writer) Object(name string) { s.start(name, '{', '}') }

// Array opens an array; name is "" in an array and at the top.
func (s *Writer) Array(name string) { s.start(name, '[', ']') }

func (s *Writer) start(name string, opening, closing byte) {
	s.key(name)
	s.bytes([]byte{opening})
	s.open = append(s.open, level{closing: closing})
}

// End closes what was opened last.
func (s *Writer) End() {
	if len(s.open) == 0 {
		s.fail(fmt.Errorf("nothing is open"))
		return
	}
	last := s.open[len(s.open)-1]
	s.open = s.open[:len(s.open)-1]
	if last.any {
		s.bytes([]byte("\n" + s.indent()))
	}
	s.bytes([]byte{last.closing})
}

// Value writes v as [json.Marshal] would; name is "" in an array.
func (s *Writer) Value(name string, v any) {
	if s.err != nil {
		return
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	s.key(name)
	enc.SetIndent(s.indent(), "  ")
	if err := enc.Encode(v); err != nil {
		s.fail(fmt.Errorf("encode %s: %w", name, err))
		return
	}
	s.bytes(bytes.TrimRight(b.Bytes(), "\n"))
}

// Close ends the document with a line break and gives the first error there was.
func (s *Writer) Close() error {
	if len(s.open) > 0 {
		s.fail(fmt.Errorf("%d levels are still open", len(s.open)))
	}
	s.bytes([]byte{'\n'})
	if s.err != nil {
		return fmt.Errorf("write JSON: %w", s.err)
	}
	if err := s.out.Flush(); err != nil {
		return fmt.Errorf("write JSON: %w", err)
	}
	return nil
}

func (s *Writer) indent() string { return strings.Repeat("  ", len(s.open)) }

// key parts the next value from the one before and writes its name.
func (s *Writer) key(name string) {
	if len(s.open) == 0 {
		return
	}
	in := &s.open[len(s.open)-1]
	if in.any {
		s.bytes([]byte{','})
	}
	in.any = true
	s.bytes([]byte("\n" + s.indent()))
	if in.closing == '}' {
		quoted, err := json.Marshal(name)
		if err != nil {
			s.fail(err)
			return
		}
		s.bytes(append(quoted, ": "...))
	}
}

func (s *Writer) bytes(b []byte) {
	if s.err == nil {
		if _, err := s.out.Write(b); err != nil {
			s.err = err
		}
	}
}

func (s *Writer) fail(err error) {
	if s.err == nil {
		s.err = err
	}
}
