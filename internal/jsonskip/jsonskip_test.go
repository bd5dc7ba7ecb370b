package jsonskip_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/azward/azward/internal/jsonskip"
)

func TestValue(t *testing.T) {
	t.Parallel()
	for text, levels := range map[string]int{
		`1`: 0, `-1.5e+3`: 0, `true`: 0, `null`: 0, `""`: 0, `"a\"b\\"`: 0, `{}`: 1, `[]`: 1, `[[],{}]`: 2, `{"}":"]"}`: 1,
		`{"a":[1,{"b":"\\\""}],"c":null}`: 3, " [ 1 , 2 ] ": 1,
	} {
		end, got := jsonskip.Value(text+",1", 0)
		if want := len(strings.TrimRight(text, " ")); end != want || got != levels {
			t.Errorf("%s: ends at %d with %d levels, want %d and %d", text, end, got, want, levels)
		}
	}
}

func FuzzValue(f *testing.F) {
	for _, seed := range []string{`{"a":[1,{"b":"\\\""}],"c":null}`, `"\ud83d\ude00"`, `"`, `\`, `"\`, `{`, `]`, `tru`, ``} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		end, levels := jsonskip.Value(text, 0)
		if end < 0 || end > len(text) {
			t.Fatalf("ends at %d of %d", end, len(text))
		}
		if i := jsonskip.Space(text, 0); i < len(text) && text[i] == '"' {
			got, _ := jsonskip.Text(text, i)
			var want string
			if utf8.ValidString(text) && json.Unmarshal([]byte(text), &want) == nil && got != want {
				t.Fatalf("%q reads %q", text, got)
			}
		}
		if !json.Valid([]byte(text)) {
			return
		}
		if jsonskip.Space(text, end) != len(text) {
			t.Fatalf("%q ends at %d", text, end)
		}
		if first := text[jsonskip.Space(text, 0)]; (first == '{' || first == '[') != (levels > 0) {
			t.Fatalf("%q nests %d levels", text, levels)
		}
	})
}
