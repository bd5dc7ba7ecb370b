package jsonstream

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"strconv"
	"strings"
)

// maxDepth of arrays and objects within each other: documents that people
// exchange have less than 20; more is an attack on whoever walks it.
const maxDepth = 64

// maxText is the longest text, in bytes, that [Reader.Text] gives: a field that
// is longer is none that a person or a tool meant.
const maxText = 1 << 20

// MaxValue is the longest single value, in bytes, that a reader of [NewWindow]
// holds at a time: a text, or a whole value for [Reader.Raw]. The largest
// findings of scanners take some hundred kB.
const MaxValue = 16 << 20

// Reader walks a document that somebody else wrote, value by value and in the
// order of the document, without having it whole in memory. What the body of a
// loop over [Reader.Fields] or [Reader.Items] does not read is skipped. null
// counts as absent everywhere. After an error all loops end; look at it once,
// at [Reader.Close]. Of a name that comes twice both are given.
type Reader struct {
	dec   *json.Decoder
	where []string // names and numbers on the way to the current value
	moved int      // counts tokens
	err   error
}

// NewReader reads one document from r. Bound r.
func NewReader(r io.Reader) *Reader {
	dec := json.NewDecoder(r)
	dec.UseNumber()
	return &Reader{dec: dec}
}

// NewWindow reads one document from r as [NewReader] does, and holds at most
// [MaxValue] bytes of it at a time: a longer value is an error.
func NewWindow(r io.Reader) *Reader {
	in := &window{r: r}
	reader := NewReader(in)
	in.dec = reader.dec
	return reader
}

// window is what the decoder reads from. It ends with an error before the
// decoder holds more than [MaxValue] bytes that it has not given out yet.
type window struct {
	r    io.Reader
	dec  *json.Decoder
	read int64
}

func (w *window) Read(p []byte) (int, error) {
	room := MaxValue - (w.read - w.dec.InputOffset())
	if room <= 0 {
		return 0, fmt.Errorf("a value is larger than %d bytes", MaxValue)
	}
	n, err := w.r.Read(p[:min(int64(len(p)), room)])
	w.read += int64(n)
	return n, err
}

// Fields gives the names of the object that comes next; their values are read
// in the body. An array or a plain value in its place is an error.
func (r *Reader) Fields() iter.Seq[string] {
	return func(yield func(string) bool) {
		r.walk('{', func() bool {
			name, ok := r.next().(string)
			if !ok {
				return false
			}
			return r.at(name, func() bool { return yield(name) })
		})
	}
}

// Items gives the numbers, from 0, of the elements of the array that comes
// next; the elements are read in the body.
func (r *Reader) Items() iter.Seq[int] {
	return func(yield func(int) bool) {
		n := 0
		r.walk('[', func() bool {
			i := n
			n++
			return r.at("["+strconv.Itoa(i)+"]", func() bool { return yield(i) })
		})
	}
}

// walk goes through an object or array.
func (r *Reader) walk(opening json.Delim, one func() bool) {
	switch first := r.next(); {
	case r.err != nil || first == nil:
		return
	case first != opening:
		r.wrong(map[json.Delim]string{'{': "an object", '[': "a list"}[opening], first)
		return
	}
	for r.err == nil && r.dec.More() {
		if !one() {
			r.fail(errStopped)
			return
		}
	}
	r.next() // the closing one
}

// errStopped is a loop that was left: the rest of the document was not looked at.
var errStopped = errors.New("the document was left in the middle")

// at runs the body for one value, and skips the value where the body did not
// read it.
func (r *Reader) at(name string, body func() bool) bool {
	if len(r.where) >= maxDepth {
		r.fail(fmt.Errorf("it is nested deeper than %d levels", maxDepth))
		return true
	}
	r.where = append(r.where, name)
	before := r.moved
	goOn := body()
	if r.err == nil && goOn && r.moved == before {
		r.Skip()
	}
	if r.err == nil {
		r.where = r.where[:len(r.where)-1]
	}
	return goOn
}

// Text reads a text; null gives "". Anything else is an error.
func (r *Reader) Text() string {
	switch v := r.next().(type) {
	case nil:
		return ""
	case string:
		if len(v) > maxText {
			r.fail(fmt.Errorf("a text is longer than %d bytes", maxText))
			return ""
		}
		return v
	default:
		r.wrong("a text", v)
		return ""
	}
}

// Raw gives the value that comes next as it stands, nil for null. It is the
// caller's own.
func (r *Reader) Raw() json.RawMessage {
	if r.err != nil {
		return nil
	}
	r.moved++
	var raw json.RawMessage
	if err := r.dec.Decode(&raw); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		r.fail(err)
		return nil
	}
	if string(raw) == "null" {
		return nil
	}
	return raw
}

// Skip passes over the value that comes next, whatever it is.
func (r *Reader) Skip() {
	depth := 0
	for r.err == nil {
		switch r.next() {
		case json.Delim('{'), json.Delim('['):
			if depth++; len(r.where)+depth > maxDepth {
				r.fail(fmt.Errorf("it is nested deeper than %d levels", maxDepth))
			}
		case json.Delim('}'), json.Delim(']'):
			depth--
		}
		if depth == 0 {
			return
		}
	}
}

// Close checks that the document ends here and gives the first error there was.
func (r *Reader) Close() error {
	if r.err == nil {
		if _, err := r.dec.Token(); !errors.Is(err, io.EOF) {
			if err == nil {
				err = errors.New("something follows the document")
			}
			r.fail(err)
		}
	}
	if r.err == nil {
		return nil
	}
	at := ""
	if len(r.where) > 0 {
		at = " at " + strings.ReplaceAll(fmt.Sprintf("%.200q", strings.Join(r.where, ".")), ".[", "[")
	}
	return fmt.Errorf("read JSON%s: %w", at, r.err)
}

func (r *Reader) next() json.Token {
	if r.err != nil {
		return nil
	}
	r.moved++
	t, err := r.dec.Token()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		r.fail(err)
		return nil
	}
	return t
}

func (r *Reader) wrong(want string, got json.Token) {
	is := "a number"
	switch got {
	case json.Delim('{'):
		is = "an object"
	case json.Delim('['):
		is = "a list"
	case true, false:
		is = "true or false"
	default:
		if _, ok := got.(string); ok {
			is = "a text"
		}
	}
	r.fail(fmt.Errorf("%s stands where %s belongs", is, want))
}

func (r *Reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
}
