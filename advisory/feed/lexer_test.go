package feed

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// reference is the record as encoding/json reads it: what decodeOSV must agree
// with, whatever the input.
type reference struct {
	ID, Modified, Withdrawn    string
	Aliases, Upstream, Related []string
	Summary, Details           string
	Severity                   []refSeverity
	Affected                   []struct {
		Package  struct{ Name, Ecosystem string }
		Severity []refSeverity
		Ranges   []struct {
			Type   string
			Events []struct {
				Introduced, Fixed, Limit string
				LastAffected             string `json:"last_affected"`
			}
		}
		Versions  []string
		Ecosystem json.RawMessage `json:"ecosystem_specific"`
		Database  json.RawMessage `json:"database_specific"`
	}
	Database json.RawMessage `json:"database_specific"`
}

type refSeverity struct{ Type, Score string }

func (r reference) record() osvRecord {
	o := osvRecord{
		id: r.ID, modified: r.Modified, withdrawn: r.Withdrawn, aliases: r.Aliases, upstream: r.Upstream, related: r.Related,
		summary: r.Summary, details: r.Details, severity: refSeverities(r.Severity),
	}
	for _, a := range r.Affected {
		to := affected{ecosystem: a.Package.Ecosystem, name: a.Package.Name, severity: refSeverities(a.Severity), versions: a.Versions}
		for _, rg := range a.Ranges {
			v := versionRange{kind: rg.Type}
			for _, e := range rg.Events {
				v.events = append(v.events, event{e.Introduced, e.Fixed, e.LastAffected, e.Limit})
			}
			to.ranges = append(to.ranges, v)
		}
		to.words = fixWords{urgency: word(a.Ecosystem, "urgency"), informational: word(a.Database, "informational")}
		o.affected = append(o.affected, to)
	}
	o.word, o.words.patchable = word(r.Database, "severity"), word(r.Database, "patchable")
	return o
}

// word is the member of an object where it is a text.
func word(object json.RawMessage, name string) (s string) {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil || json.Unmarshal(members[name], &s) != nil {
		return ""
	}
	return s
}

func refSeverities(in []refSeverity) (out []severity) {
	for _, s := range in {
		out = append(out, severity{s.Type, s.Score})
	}
	return out
}

// ambiguous says whether the input uses what encoding/json reads in a way of
// its own: a name twice in an object, or a name in other letters; or nests
// deeper than we go.
func ambiguous(data []byte) bool {
	d := json.NewDecoder(bytes.NewReader(data))
	type object struct {
		names map[string]bool
		key   bool // a name comes next
	}
	var open []object
	for {
		token, err := d.Token()
		if err != nil || len(open) > maxDepth {
			return len(open) > maxDepth
		}
		inObject := len(open) > 0 && open[len(open)-1].names != nil
		if inObject && open[len(open)-1].key {
			if name, ok := token.(string); ok {
				top := &open[len(open)-1]
				folded := strings.ToLower(strings.Map(foldASCII, name))
				if top.names[folded] || folded != name {
					return true
				}
				top.names[folded], top.key = true, false
				continue
			}
		}
		switch token {
		case json.Delim('{'):
			open = append(open, object{names: map[string]bool{}, key: true})
			continue
		case json.Delim('['):
			open = append(open, object{})
			continue
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		if len(open) > 0 && open[len(open)-1].names != nil {
			open[len(open)-1].key = true
		}
	}
}

// foldASCII maps the two letters outside ASCII that encoding/json takes for k and s.
func foldASCII(r rune) rune {
	switch r {
	case '\u212a':
		return 'K'
	case '\u017f':
		return 'S'
	}
	return r
}

// FuzzDecodeOSV: what encoding/json accepts is accepted and gives the same
// record, what it refuses is refused.
func FuzzDecodeOSV(f *testing.F) {
	for _, s := range []string{
		`{"id":"A-1","aliases":["CVE-1"],"summary":"a\u00e9\ud83d\ude00\ud800x \/ \"q\"","details":"one\ntwo\\","extra":[1,-0.5e+3,{"a":null}]}`,
		`{"id":null,"affected":[{"package":{"name":"x","ecosystem":"npm","purl":"p"},"ranges":[{"type":"SEMVER","events":[{"introduced":"0"},{"fixed":"1"},{"last_affected":"2"},{"limit":"*"}]}],"versions":["1","2"],"severity":[{"type":"CVSS_V3","score":"s"}]},null]}`,
		`{"severity":[{"type":"Ubuntu","score":"low"}],"database_specific":{"severity":"HIGH","x":true}}`,
		`{"affected":[{"ecosystem_specific":{"urgency":"end-of-life"},"database_specific":{"informational":"unmaintained","x":1}},{"ecosystem_specific":3,"database_specific":{"urgency":2}}],"database_specific":{"patchable":"Not Applicable"}}`,
		"{\"id\":\"\xff\xc3\"}", "{\"id\":\"\x01\"}", `{"id":1}`, `{"id":"a"} x`, `{"id":"a",}`, `{"a":01}`, `{"a":1.}`, `{"a":-}`, `{"a":1e}`, `{"a":tru}`, `null`, `[]`, ``, `{"id":"\x"}`,
		`{"id":"\ud83d"}`, `{"\u0069d":"k"}`, `{"database_specific":{"severity":null}}`, `{"database_specific":[]}`, strings.Repeat("[", 300), `{"x":` + strings.Repeat("[", 150) + strings.Repeat("]", 150) + `}`,
	} {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		got, err := decodeOSV(string(data))
		if !json.Valid(data) {
			if err == nil {
				t.Fatalf("not JSON, yet accepted: %q", data)
			}
			return
		}
		if ambiguous(data) {
			return
		}
		var want reference
		wantErr := json.Unmarshal(data, &want)
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: error %v, encoding/json has %v", data, err, wantErr)
		}
		if err != nil {
			return
		}
		got.details = unquote(got.details)
		if diff := cmp.Diff(want.record(), got, cmp.AllowUnexported(osvRecord{}, severity{}, affected{}, versionRange{}, event{}, fixWords{}), emptyIsNil); diff != "" {
			t.Fatalf("%q: -encoding/json +ours\n%s", data, diff)
		}
	})
}

var emptyIsNil = cmp.FilterValues(func(a, b []string) bool { return len(a) == 0 && len(b) == 0 }, cmp.Ignore())

func TestHostileRecords(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ text, says string }{
		"deep_nesting":        {`{"x":` + strings.Repeat("[", 100_000), "nested deeper than 200 levels"},
		"deep_in_known_field": {`{"affected":` + strings.Repeat("[", 100_000), "expected an object"},
		"id_twice":            {`{"id":"CVE-1","id":"CVE-2"}`, `a second "id"`},
		"fixed_twice":         {`{"affected":[{"ranges":[{"events":[{"fixed":"1","fixed":"2"}]}]}]}`, `a second "fixed"`},
		"escaped_twice":       {`{"id":"CVE-1","\u0069d":"CVE-2"}`, `a second "id"`},
		"control_character":   {"{\"id\":\"a\nb\"}", "control character"},
		"string_has_no_end":   {`{"id":"aaaa`, "does not end"},
		"half_an_escape":      {`{"id":"\u12`, "no such escape"},
		"page_for_a_browser":  {"<!DOCTYPE html>", "expected an object"},
	} {
		_, err := decodeOSV(tc.text)
		var where *syntaxError
		if !errors.As(err, &where) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want %q", name, err, tc.says)
		}
	}
}
