package azurepolicy_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/policy/azurepolicy"
)

// FuzzDefinition: whatever a definition holds, it is refused with an error of
// ours or gives one state, the same each time.
func FuzzDefinition(f *testing.F) {
	for _, seed := range []string{
		tagDefinition,
		`{"name":"a","properties":{"policyRule":{"if":{"count":{"value":[1,2,[3]],"where":{"count":{"field":"a/b/c[*].d[*]","where":{"value":"[current('a/b/c[*]').x]","equals":"[field('name')]"}},"less":3}},"in":[1]},"then":{"effect":"deny"}}}}`,
		`{"policyRule":{"if":{"value":"[concat(parameters('a')[0].b.?c[?'d'], '''', [[x)]","like":"*"},"then":{"effect":"[if(true,'audit','deny')]"}}}`,
		`{"policyRule":{"if":{"value":"[range(0,10000)]","equals":"[json('[[[[')]"},"then":{"effect":"deployIfNotExists","details":{"type":"[field('type')]","name":"x/?","existenceCondition":{"not":{"field":"[concat('tags.',field('name'))]","match":"#"}}}}}}`,
		`{"policyRule":{"if":{"field":"tags[''","containsKey":{}},"then":{"effect":"modify"}},"parameters":{"a":{"defaultValue":[{"b":{}}]}}}`,
		`{"policyRule":{"if":` + strings.Repeat(`{"not":`, 200) + `{}` + strings.Repeat(`}`, 200) + `,"then":{}}}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		d, err := azurepolicy.ParseDefinition([]byte(raw))
		if err == nil {
			var p *azurepolicy.Policy
			if p, err = azurepolicy.Compile(d, azurepolicy.Options{}); err == nil {
				e := sampleEstate(t, azward.SourceARM, sample)
				if first, second := only(t, e, p), only(t, e, p); first.State != second.State {
					t.Fatalf("%s, then %s", first.State, second.State)
				}
				return
			}
		}
		if azward.KindOf(err) != azward.KindBadInput {
			t.Errorf("the error is none that a user can act on: %v", err)
		}
	})
}

// FuzzExpression: an expression is refused, or evaluates without a panic.
func FuzzExpression(f *testing.F) {
	for _, seed := range []string{
		"concat('a', 1)", "split(field('id'), '/')[2]", "padLeft('a', 9, 'b')", "substring('abc', 1)", "format('{0}{1}', 1)", "mul(9007199254740991, -1)",
		"ipRangeContains('::/0', '1.1.1.1-1.1.1.0')", "addDays('2026-01-01T00:00:00Z', -1)", "take(createArray(1), -3)", "indexOf('İ', 'i')", "lastIndexOf('ẞa', 'A')",
		"skip('é', 1)", "union(createObject('a', createObject()), createObject('a', 1))", "items(json('{}'))", "max()", "tryGet(null(), 'a')", "base64ToString('/w==')", "((1))", "replace('aa','a','aaaa')",
	} {
		f.Add(seed)
	}
	e := sampleEstate(f, azward.SourceARM, sample)
	f.Fuzz(func(t *testing.T, expression string) {
		raw, err := json.Marshal("[" + expression + "]")
		if err != nil {
			t.Skip()
		}
		if p, err := audit(t, `{"value":`+string(raw)+`,"equals":"x"}`, azurepolicy.Options{}); err == nil {
			only(t, e, p)
		}
	})
}

// FuzzAliases: a list is refused, or every path that it gives can be walked.
func FuzzAliases(f *testing.F) {
	f.Add("alias,path\na/b/c,properties.c[*].d")
	f.Add(`{"value":[{"resourceTypes":[{"aliases":[{"name":"a/b/c","paths":[{"path":"properties.c"}]}]}]}]}`)
	f.Add(`[{"resourceTypes":[{"aliases":[{"name":"Microsoft.Test/resourceType/text","defaultPath":"properties[*][*]..x"}]}]}]`)
	e := sampleEstate(f, azward.SourceARM, sample)
	f.Fuzz(func(t *testing.T, raw string) {
		list, err := azurepolicy.ReadAliases(strings.NewReader(raw))
		if err != nil {
			return
		}
		if p, err := audit(t, `{"field":"Microsoft.Test/resourceType/text","equals":"x"}`, azurepolicy.Options{Aliases: list}); err == nil {
			only(t, e, p)
		}
	})
}
