package jsonstream_test

import (
	"bytes"
	"encoding/json"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward/internal/jsonstream"
)

func TestReader(t *testing.T) {
	t.Parallel()
	r := jsonstream.NewReader(strings.NewReader(`{"skipped": {"a": [1, {"b": null}]}, "name": "n", "none": null,
		"list": [{"x": "1"}, null, {"y": 2, "x": "3"}], "end": true}`))
	var got []string
	for name := range r.Fields() {
		switch name {
		case "name", "none":
			got = append(got, name+"="+r.Text())
		case "list":
			for range r.Items() {
				for field := range r.Fields() {
					if field == "x" {
						got = append(got, "x="+r.Text())
					}
				}
			}
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"name=n", "none=", "x=1", "x=3"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReaderRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ doc, want string }{
		"a_list_for_an_object": {`{"name": []}`, `at "name": a list stands where a text belongs`},
		"a_number_for_a_text":  {`{"name": 1}`, `at "name": a number stands where a text belongs`},
		"a_text_for_a_list":    {`{"list": "x"}`, `at "list": a text stands where a list belongs`},
		"a_truth_for_a_list":   {`{"list": true}`, `true or false stands where a list belongs`},
		"a_list_at_the_top":    {`[]`, "read JSON: a list stands where an object belongs"},
		"cut":                  {`{"list": ["a"`, "unexpected EOF"},
		"empty":                {``, "unexpected EOF"},
		"two_documents":        {`{} {}`, "something follows the document"},
		"no_JSON":              {`{"list": nil}`, "invalid character"},
		"too_deep":             {`{"other": ` + strings.Repeat("[", 100) + strings.Repeat("]", 100) + `}`, "nested deeper than 64 levels"},
		"a_text_too_long":      {`{"name": "` + strings.Repeat("x", 1<<20+1) + `"}`, "longer than 1048576 bytes"},
		"an_element":           {`{"list": ["a", {}]}`, `at "list[1]": an object stands where a text belongs`},
	} {
		r := jsonstream.NewReader(strings.NewReader(tc.doc))
		for field := range r.Fields() {
			switch field {
			case "name":
				r.Text()
			case "list":
				for range r.Items() {
					r.Text()
				}
			}
		}
		if err := r.Close(); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%s: %v, want %s", name, err, tc.want)
		}
	}
	left := jsonstream.NewReader(strings.NewReader(`{"a": 1, "b": 2}`))
	for range left.Fields() {
		break
	}
	if left.Close() == nil {
		t.Error("a document that was not read to its end is no error")
	}
}

// FuzzReader: whatever comes, a walk ends, and what it accepts encoding/json
// accepts too.
func FuzzReader(f *testing.F) {
	for _, seed := range []string{`{"a": [{"b": "c"}, [], {}], "d": null}`, `[]`, `{"a"`, `{"a": {"a": {"a": 1}}}`, "{}\n"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, doc []byte) {
		r := jsonstream.NewReader(bytes.NewReader(doc))
		for name := range r.Fields() {
			if name == "a" {
				for range r.Items() {
					for range r.Fields() {
						r.Text()
					}
				}
			}
		}
		if r.Close() == nil && !json.Valid(doc) {
			t.Errorf("accepts %q", doc)
		}
	})
}

func TestRaw(t *testing.T) {
	t.Parallel()
	r := jsonstream.NewReader(strings.NewReader(`{"a": [{"x": [1, "<é>"]}, null, 2], "b": {"c": 1.50}}`))
	var got []string
	for name := range r.Fields() {
		switch name {
		case "a":
			for range r.Items() {
				got = append(got, string(r.Raw()))
			}
		case "b":
			got = append(got, string(r.Raw()))
		}
	}
	if err := r.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{`{"x": [1, "<é>"]}`, "", "2", `{"c": 1.50}`}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// A document without end in one value is not collected in memory.
func TestLargeValue(t *testing.T) {
	t.Parallel()
	for _, read := range []func(*jsonstream.Reader){
		func(r *jsonstream.Reader) { r.Skip() },
		func(r *jsonstream.Reader) { r.Raw() },
	} {
		long := io.MultiReader(strings.NewReader(`"`), endless('x'))
		r := jsonstream.NewWindow(long)
		read(r)
		if err := r.Close(); err == nil || !strings.Contains(err.Error(), "larger than") {
			t.Errorf("a text without end gives %v", err)
		}
	}
}

type endless byte

func (e endless) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = byte(e)
	}
	return len(p), nil
}
