package jsonstream_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward/internal/jsonstream"
)

// TestAsEncodingJSON: the document is the one that encoding/json would write.
func TestAsEncodingJSON(t *testing.T) {
	t.Parallel()
	type item struct {
		A string   `json:"a"`
		B []string `json:"b"`
	}
	items := []item{{"<1>", nil}, {"2", []string{"x", "y"}}, {"ü", []string{}}}
	var want, got bytes.Buffer
	enc := json.NewEncoder(&want)
	enc.SetEscapeHTML(false)
	enc.SetIndent("", "  ")
	if err := enc.Encode(struct {
		Name  string         `json:"name"`
		Items []item         `json:"items"`
		None  []item         `json:"none"`
		Inner map[string]any `json:"inner"`
		Empty struct{}       `json:"empty"`
	}{"n", items, []item{}, map[string]any{"list": []any{1, []any{2}}}, struct{}{}}); err != nil {
		t.Fatal(err)
	}
	s := jsonstream.New(&got)
	s.Object("")
	s.Value("name", "n")
	s.Array("items")
	for _, i := range items {
		s.Value("", i)
	}
	s.End()
	s.Array("none")
	s.End()
	s.Object("inner")
	s.Array("list")
	s.Value("", 1)
	s.Array("")
	s.Value("", 2)
	s.End()
	s.End()
	s.End()
	s.Object("empty")
	s.End()
	s.End()
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want.String(), got.String()); diff != "" {
		t.Errorf("(-encoding/json +jsonstream):\n%s", diff)
	}
}

type failing struct{ left int }

var errFull = errors.New("full")

func (f *failing) Write(p []byte) (int, error) {
	if f.left -= len(p); f.left < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestErrorsAreKept(t *testing.T) {
	t.Parallel()
	full := jsonstream.New(&failing{left: 5000})
	full.Array("")
	for range 10_000 {
		full.Value("", "0123456789")
	}
	full.End()
	if err := full.Close(); !errors.Is(err, errFull) {
		t.Errorf("a full disk gives %v", err)
	}
	var out strings.Builder
	for name, write := range map[string]func(*jsonstream.Writer){
		"left_open":       func(s *jsonstream.Writer) { s.Object("") },
		"closed_too_much": func(s *jsonstream.Writer) { s.End() },
		"no_json":         func(s *jsonstream.Writer) { s.Value("", func() {}); s.Value("", 1) },
	} {
		s := jsonstream.New(&out)
		write(s)
		if s.Close() == nil {
			t.Errorf("%s is no error", name)
		}
	}
}
