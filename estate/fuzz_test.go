package estate_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// An input is refused with advice, or what it gave is written and read again
// without a difference.
func FuzzRead(f *testing.F) {
	f.Add("e.jsonl", nsgLine+"\n"+clusterLine)
	f.Add("e.json", "[\n{\"id\":\"/subscriptions/a/b\"},\n 1]")
	f.Add("e.json", `{"data":{"columns":[{"name":"id"}],"rows":[["x"]]},"totalRecords":1}`)
	f.Add("e.json", `{"kind":"List","apiVersion":"v1","items":[`+podJSON+`]}`)
	f.Add("e.json", "{\n\"$schema\":\"deploymentTemplate.json\",\"resources\":{\"a\":{\"type\":\"x\"}}}")
	f.Add("e.jsonl", `{"source":"listing","scope":"/","type":"*","status":"declared"}`)
	f.Add("e.jsonl", newWorld(1).file())
	f.Add("m.yaml", "---\nkind: Pod\napiVersion: v1\nmetadata: {name: a}\n")
	f.Add("m.yaml", "a: &a [x]\nb: [*a, *a]\n%YAML 1.2\n---\n...\n")
	f.Add("e.zst", "\x28\xb5\x2f\xfd\x00")
	f.Add("e.gz", "\x1f\x8b\x08\x00")
	f.Fuzz(func(t *testing.T, name, input string) {
		if len(input) > 1<<16 {
			return
		}
		e, err := read(t, name, input, estate.ReadOptions{Cluster: "prod", MaxBytes: 1 << 20})
		if err != nil {
			if kind := azward.KindOf(err); kind != azward.KindBadInput && kind != azward.KindUsage {
				t.Fatalf("kind %v: %v", kind, err)
			}
			return
		}
		e.Workloads()
		text := written(t, e)
		again, err := read(t, "again.jsonl", text, estate.ReadOptions{})
		if err != nil {
			t.Fatalf("what was written is not read: %v\n%s", err, text)
		}
		if diff := cmp.Diff(text, written(t, again)); diff != "" {
			t.Fatal(diff)
		}
		if d := estate.Diff(e, again); !d.Empty() {
			t.Fatalf("%+v", d)
		}
	})
}

// A pointer finds what a decoder finds.
func FuzzAt(f *testing.F) {
	f.Add(`{"a":{"b":[1,{"c":"x\"y"}]}}`, "/a/b/1/c")
	f.Add(`{"A":1,"a":2,"a/b~":[]}`, "/a~1b~0")
	f.Add(`{"":{"":null}}`, "//")
	f.Add(`{"l":[[],[[0]]]}`, "/l/1/0/0")
	f.Fuzz(func(t *testing.T, body, pointer string) {
		if !json.Valid([]byte(body)) || !strings.HasPrefix(strings.TrimSpace(body), "{") || len(body) > 1<<14 {
			return
		}
		var b estate.Builder
		if err := b.AddImage("sha256:0", []byte(body), estate.Provenance{}); err != nil {
			return // nests too deep
		}
		r, _ := b.Build().Image("sha256:0")
		got, ok := r.At(pointer)
		want, wanted := decodeAt(t, r.Body, pointer)
		if ok != wanted {
			t.Fatalf("%s in %s: found %t, want %t", pointer, r.Body, ok, wanted)
		}
		if ok && !bytes.Equal(got, want) {
			t.Fatalf("%s in %s: %s, want %s", pointer, r.Body, got, want)
		}
	})
}

// decodeAt steps by exact keys through maps; where a key has to be folded the
// two may choose differently, so that it then takes what At does.
func decodeAt(t *testing.T, body json.RawMessage, pointer string) (json.RawMessage, bool) {
	t.Helper()
	if pointer == "" {
		return body, true
	}
	if pointer[0] != '/' {
		return nil, false
	}
	value := body
	for token := range strings.SplitSeq(pointer[1:], "/") {
		token = strings.ReplaceAll(strings.ReplaceAll(token, "~1", "/"), "~0", "~")
		var object map[string]json.RawMessage
		var list []json.RawMessage
		switch {
		case value[0] == '{' && json.Unmarshal(value, &object) == nil:
			v, ok := object[token]
			if !ok {
				for k := range object {
					if strings.EqualFold(k, token) || strings.ContainsRune(k, '\uFFFD') {
						t.Skip("folded, or not UTF-8")
					}
				}
				return nil, false
			}
			value = v
		case value[0] == '[' && json.Unmarshal(value, &list) == nil:
			at := -1
			for i := range list {
				if token == string(azward.JSONValue(i)) {
					at = i
				}
			}
			if at < 0 {
				return nil, false
			}
			value = list[at]
		default:
			return nil, false
		}
	}
	return value, true
}

// Whoever names an ARM ID in a string is found under it and its parents.
func FuzzReferrers(f *testing.F) {
	f.Add("/subscriptions/a/resourceGroups/b/providers/C/d/e/f/g", `"`)
	f.Add("/SUBSCRIPTIONS/a/b", `\"/subscriptions/x`)
	f.Fuzz(func(t *testing.T, id, noise string) {
		parsed, err := azward.ParseResourceID(id)
		if err != nil || parsed.SubscriptionScope() == "" || len(id) > 1000 || strings.ContainsAny(id, "\\\"<>&\u2028\u2029") {
			return
		}
		if text := azward.JSONValue(id); string(text) != `"`+id+`"` {
			return // not UTF-8, or with control characters
		}
		own := `/subscriptions/own/resourceGroups/own/providers/Own/own/own`
		body := `{"id":"` + own + `","n":` + string(azward.JSONValue(noise)) + `,"properties":{"ref":"` + id + `"}}`
		var b estate.Builder
		if err := b.AddARM([]byte(body), estate.Provenance{Source: azward.SourceARM}); err != nil {
			t.Fatal(err)
		}
		e := b.Build()
		if !strings.HasPrefix(strings.ToLower(id), "/subscriptions/") || strings.HasPrefix(strings.ToLower(id), own) {
			return
		}
		for at := parsed; at != ""; at = at.Parent() {
			if found := e.Referrers(at); len(found) != 1 {
				t.Fatalf("%d referrers of %q by %s", len(found), at, body)
			}
		}
	})
}
