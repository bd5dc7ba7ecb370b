package azurepolicy_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/policy/azurepolicy"
)

const (
	group  = "/subscriptions/11111111-2222-3333-4444-555555555555/resourceGroups/shop"
	testID = group + "/providers/Microsoft.Test/resourceType/one"
)

// sample is the resource that Microsoft's page on arrays evaluates, and a few
// properties more.
//
// Source: https://learn.microsoft.com/azure/governance/policy/how-to/author-policies-for-arrays#referencing-array-fields
const sample = `{"id":"` + testID + `","type":"Microsoft.Test/resourceType","name":"one","location":"East US 2","kind":"special",
"identity":{"type":"SystemAssigned"},
"tags":{"env":"prod","Acct.CostCenter":"42","it's":"x","o'k":"y"},
"properties":{"stringArray":["a","b","c"],"emptyArray":[],
 "objectArray":[{"property":"value1","nestedArray":[1,2]},{"property":"value2","nestedArray":[3,4]}],
 "text":"Contoso-01","number":7,"yes":true,"nothing":null,"date":"2026-04-30T00:00:00Z","prefixes":["10.0.0.0/24","192.168.0.0/16"],
 "mixed":[{"a":"x"},{"a":"y","b":"z"}]}}`

const sampleAliases = `
Microsoft.Test/resourceType/stringArray,properties.stringArray
Microsoft.Test/resourceType/stringArray[*],properties.stringArray[*]
Microsoft.Test/resourceType/emptyArray,properties.emptyArray
Microsoft.Test/resourceType/emptyArray[*],properties.emptyArray[*]
Microsoft.Test/resourceType/missingArray,properties.missingArray
Microsoft.Test/resourceType/missingArray[*],properties.missingArray[*]
Microsoft.Test/resourceType/missingArray[*].property,properties.missingArray[*].property
Microsoft.Test/resourceType/objectArray[*],properties.objectArray[*]
Microsoft.Test/resourceType/objectArray[*].property,properties.objectArray[*].property
Microsoft.Test/resourceType/objectArray[*].nestedArray,properties.objectArray[*].nestedArray
Microsoft.Test/resourceType/objectArray[*].nestedArray[*],properties.objectArray[*].nestedArray[*]
Microsoft.Test/resourceType/mixed[*],properties.mixed[*]
Microsoft.Test/resourceType/mixed[*].b,properties.mixed[*].b
Microsoft.Test/resourceType/text,properties.text
Microsoft.Test/resourceType/number,properties.number
Microsoft.Test/resourceType/yes,properties.yes
Microsoft.Test/resourceType/nothing,properties.nothing
Microsoft.Test/resourceType/missing,properties.missing
Microsoft.Test/resourceType/date,properties.date
Microsoft.Test/resourceType/prefixes[*],properties.prefixes[*]
Microsoft.Test/otherType/text,properties.text
`

func sampleEstate(tb testing.TB, source azward.Source, bodies ...string) *estate.Estate {
	tb.Helper()
	var b estate.Builder
	for _, body := range bodies {
		if err := b.AddARM(json.RawMessage(body), estate.Provenance{Source: source, ReadAt: evaluatedAt}); err != nil {
			tb.Fatal(err)
		}
	}
	return b.Build()
}

func readAliases(tb testing.TB, lines string) *azurepolicy.Aliases {
	tb.Helper()
	a, err := azurepolicy.ReadAliases(strings.NewReader(strings.TrimSpace(lines)))
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

// audit makes a definition of an if.
func audit(tb testing.TB, test string, o azurepolicy.Options) (*azurepolicy.Policy, error) {
	tb.Helper()
	d, err := azurepolicy.ParseDefinition([]byte(`{"id":"/providers/Microsoft.Authorization/policyDefinitions/case","properties":{"mode":"All",
"parameters":{"prefixes":{"type":"Array","defaultValue":["10.0.0.0/8"]},"tag":{"type":"String","defaultValue":"env"},"needed":{"type":"String"}},
"policyRule":{"if":` + test + `,"then":{"effect":"audit"}}}}`))
	if err != nil {
		return nil, err
	}
	return azurepolicy.Compile(d, o)
}

// field abbreviates the sample's aliases: @x stands for
// Microsoft.Test/resourceType/x.
func spelled(test string) string {
	return strings.ReplaceAll(test, "@", "Microsoft.Test/resourceType/")
}

// TestConditions: true is a fail of an audit policy, false a pass. Sources are
//
//	https://learn.microsoft.com/azure/governance/policy/concepts/definition-structure-policy-rule
//	https://learn.microsoft.com/azure/governance/policy/how-to/author-policies-for-arrays
//
// where a case has no other. What they leave open is unknown.
func TestConditions(t *testing.T) {
	t.Parallel()
	const yes, no, open = azurepolicy.Fail, azurepolicy.Pass, azurepolicy.Unknown
	e := sampleEstate(t, azward.SourceARM, sample)
	list := readAliases(t, sampleAliases)
	for _, tc := range []struct {
		name, test string
		want       azurepolicy.State
	}{
		{"equals_without_case", `{"field":"@text","equals":"CONTOSO-01"}`, yes},
		{"equals_boolean_as_text", `{"field":"@yes","equals":"True"}`, yes},
		{"equals_number_as_text", `{"field":"@number","equals":"7"}`, yes},
		{"equals_other_number", `{"field":"@number","equals":8}`, no},
		{"equals_missing", `{"field":"@missing","equals":"x"}`, no},
		{"equals_null", `{"field":"@nothing","equals":"x"}`, no},
		{"equals_missing_and_empty_text_is_not_documented", `{"field":"@missing","equals":""}`, open},
		{"not_equals", `{"field":"@text","notEquals":"x"}`, yes},
		{"not_equals_missing", `{"field":"@missing","notEquals":"x"}`, yes},
		{"operator_in_any_case", `{"field":"@text","NotEquals":"x"}`, yes},
		{"like_star", `{"field":"@text","like":"contoso-*"}`, yes},
		{"like_star_in_the_middle", `{"field":"@text","like":"c*1"}`, yes},
		{"like_star_does_not_overlap", `{"field":"@text","like":"contoso-01*1"}`, no},
		{"like_without_star", `{"field":"@text","like":"contoso"}`, no},
		{"not_like", `{"field":"@text","notLike":"fabrikam*"}`, yes},
		{"not_like_missing", `{"field":"@missing","notLike":"fabrikam*"}`, yes},
		{"like_any_text_of_missing_is_not_documented", `{"field":"@missing","like":"*"}`, open},
		{"match_digits_and_letters", `{"field":"@text","match":"C??????-##"}`, yes},
		{"match_minds_case", `{"field":"@text","match":"c??????-##"}`, no},
		{"match_any", `{"field":"@text","match":"C........."}`, yes},
		{"match_length", `{"field":"@text","match":"C??????-#"}`, no},
		{"match_letter_is_no_digit", `{"field":"@text","match":"C??????-?#"}`, no},
		{"match_insensitively", `{"field":"@text","matchInsensitively":"c??????-##"}`, yes},
		{"not_match", `{"field":"@text","notMatch":"##"}`, yes},
		{"not_match_insensitively", `{"field":"@text","notMatchInsensitively":"CONTOSO-##"}`, no},
		{"contains", `{"field":"@text","contains":"OSO"}`, yes},
		{"contains_not", `{"field":"@text","notContains":"oso"}`, no},
		{"contains_missing", `{"field":"@missing","contains":"a"}`, no},
		{"in", `{"field":"@text","in":["a","contoso-01"]}`, yes},
		{"not_in", `{"field":"@text","notIn":["a","b"]}`, yes},
		{"not_in_missing", `{"field":"@missing","notIn":["a"]}`, yes},
		{"in_wants_a_list", `{"field":"@text","in":"a"}`, open},
		{"contains_key", `{"field":"tags","containsKey":"ENV"}`, yes},
		{"contains_key_not", `{"field":"tags","notContainsKey":"owner"}`, yes},
		{"less_number", `{"field":"@number","less":8}`, yes},
		{"less_or_equals_number", `{"field":"@number","lessOrEquals":7}`, yes},
		{"greater_number", `{"field":"@number","greater":7}`, no},
		{"greater_or_equals_number", `{"field":"@number","greaterOrEquals":7}`, yes},
		{"less_text_without_case", `{"field":"@text","less":"DELTA"}`, yes},
		{"less_date", `{"field":"@date","less":"2026-04-30T02:00:00+01:00"}`, yes},
		{"less_types_differ", `{"field":"@text","less":3}`, open},
		{"less_missing_is_not_documented", `{"field":"@missing","less":3}`, open},
		{"exists", `{"field":"@text","exists":"true"}`, yes},
		{"exists_missing", `{"field":"@missing","exists":true}`, no},
		{"exists_not", `{"field":"@missing","exists":"False"}`, yes},
		{"exists_null", `{"field":"@nothing","exists":true}`, no},

		{"all_of", `{"allOf":[{"field":"@number","equals":7},{"field":"@yes","equals":true}]}`, yes},
		{"any_of", `{"anyOf":[{"field":"@number","equals":8},{"field":"@yes","equals":true}]}`, yes},
		{"not", `{"not":{"field":"@number","equals":7}}`, no},
		{"false_decides_beside_unknown", `{"allOf":[{"field":"@missing","less":3},{"field":"@number","equals":8}]}`, no},
		{"true_decides_beside_unknown", `{"anyOf":[{"field":"@missing","less":3},{"field":"@number","equals":7}]}`, yes},
		{"unknown_stays_under_not", `{"not":{"field":"@missing","less":3}}`, open},

		{"name", `{"field":"name","equals":"one"}`, yes},
		{"full_name", `{"field":"fullName","equals":"one"}`, yes},
		{"kind", `{"field":"kind","equals":"special"}`, yes},
		{"type", `{"field":"type","equals":"microsoft.test/RESOURCETYPE"}`, yes},
		{"id", `{"field":"id","like":"*/resourceGroups/shop/*"}`, yes},
		{"location_without_spaces", `{"field":"location","equals":"eastus2"}`, yes},
		{"location_with_spaces", `{"field":"location","in":["West US","East US 2"]}`, yes},
		{"identity_type", `{"field":"identity.type","equals":"SystemAssigned"}`, yes},
		{"tag_with_dot", `{"field":"tags.env","equals":"prod"}`, yes},
		{"tag_in_brackets", `{"field":"tags[Acct.CostCenter]","equals":"42"}`, yes},
		{"tag_in_quotes", `{"field":"tags['Acct.CostCenter']","equals":"42"}`, yes},
		{"tag_with_apostrophe", `{"field":"tags['it''s']","equals":"x"}`, yes},
		{"tag_by_parameter", `{"field":"[concat('tags[', parameters('tag'), ']')]","equals":"prod"}`, yes},
		{"tag_missing", `{"field":"tags['owner']","exists":false}`, yes},
		{"alias_of_another_type_is_not_set", `{"field":"Microsoft.Test/otherType/text","exists":true}`, no},

		{"array_alias_all_of", `{"field":"@stringArray[*]","equals":"a"}`, no},
		{"array_alias_all_differ", `{"field":"@stringArray[*]","notEquals":"d"}`, yes},
		{"array_alias_empty", `{"field":"@emptyArray[*]","equals":"a"}`, yes},
		{"array_alias_missing", `{"field":"@missingArray[*]","equals":"a"}`, yes},
		{"array_alias_property", `{"field":"@objectArray[*].property","like":"value*"}`, yes},
		{"array_alias_nested", `{"field":"@objectArray[*].nestedArray[*]","less":5}`, yes},
		{"array_alias_member_lacks_property", `{"field":"@mixed[*].b","equals":"z"}`, no},
		{"whole_array_equals_no_text", `{"field":"@stringArray","equals":"a"}`, no},
		{"field_function_of_missing_array", `{"value":"[field('@missingArray')]","equals":""}`, yes},
		{"field_function_of_missing_array_alias", `{"value":"[length(field('@missingArray[*].property'))]","equals":0}`, yes},
		{"field_function_of_array", `{"value":"[length(field('@stringArray'))]","greater":2}`, yes},
		{"field_function_of_nested", `{"value":"[string(field('@objectArray[*].nestedArray[*]'))]","equals":"[[1,2,3,4]"}`, yes},
		{"field_function_of_lists", `{"value":"[string(field('@objectArray[*].nestedArray'))]","equals":"[concat('[','[1,2],[3,4]]')]"}`, yes},
		{"substring_too_long", `{"value":"[substring(field('name'), 0, 4)]","equals":"abc"}`, open},
		{"if_computes_one_branch", `{"value":"[if(greaterOrEquals(length(field('name')), 9), substring(field('name'), 0, 9), 'not starting with abc')]","equals":"abc"}`, no},

		{"count_all", `{"count":{"field":"@stringArray[*]"},"equals":3}`, yes},
		{"count_nested", `{"count":{"field":"@objectArray[*].nestedArray[*]"},"greaterOrEquals":4}`, yes},
		{"count_where", `{"count":{"field":"@stringArray[*]","where":{"field":"@stringArray[*]","equals":"a"}},"equals":1}`, yes},
		{"count_where_two", `{"count":{"field":"@objectArray[*]","where":{"allOf":[{"field":"@objectArray[*].property","equals":"value2"},{"field":"@objectArray[*].nestedArray[*]","greater":2}]}},"equals":1}`, yes},
		{"count_where_outside", `{"count":{"field":"@objectArray[*]","where":{"field":"tags.env","equals":"prod"}},"equals":2}`, yes},
		{"count_in_count", `{"count":{"field":"@objectArray[*]","where":{"allOf":[{"field":"@objectArray[*].property","equals":"value2"},{"count":{"field":"@objectArray[*].nestedArray[*]","where":{"field":"@objectArray[*].nestedArray[*]","equals":3}},"greater":0}]}},"equals":1}`, yes},
		{"count_where_field_function_is_a_list", `{"count":{"field":"@stringArray[*]","where":{"field":"@stringArray[*]","equals":"[field('@stringArray[*]')]"}},"equals":0}`, yes},
		{"count_where_first_of_field_function", `{"count":{"field":"@stringArray[*]","where":{"field":"@stringArray[*]","equals":"[first(field('@stringArray[*]'))]"}},"equals":3}`, yes},
		{"count_missing", `{"count":{"field":"@missingArray[*]"},"equals":0}`, yes},
		{"count_value", `{"count":{"value":["o*","x*"],"name":"pattern","where":{"field":"name","like":"[current('pattern')]"}},"greater":0}`, yes},
		{"count_value_without_name", `{"count":{"value":["x*"],"where":{"field":"name","like":"[current()]"}},"greater":0}`, no},
		{"count_value_in_field", `{"count":{"field":"@prefixes[*]","where":{"count":{"value":"[parameters('prefixes')]","name":"approved","where":{"value":"[ipRangeContains(current('approved'), current('@prefixes[*]'))]","equals":true}},"equals":0}},"equals":1}`, yes},
		{"count_value_objects", `{"count":{"value":[{"p":"value1"},{"p":"other"}],"name":"rule","where":{"count":{"field":"@objectArray[*]","where":{"field":"@objectArray[*].property","equals":"[current('rule').p]"}},"equals":1}},"equals":1}`, yes},
		{"count_current_property", `{"count":{"field":"@objectArray[*]","where":{"value":"[current('@objectArray[*].property')]","equals":"value2"}},"equals":1}`, yes},
		{"count_unknown_where_it_matters", `{"count":{"field":"@mixed[*]","where":{"field":"@mixed[*].b","greater":"a"}},"equals":1}`, open},
		{"count_unknown_where_it_does_not_matter", `{"count":{"field":"@mixed[*]","where":{"field":"@mixed[*].b","greater":"a"}},"greater":0}`, yes},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p, err := audit(t, spelled(tc.test), azurepolicy.Options{Aliases: list})
			if err != nil {
				t.Fatal(err)
			}
			got := only(t, e, p)
			if got.State != tc.want {
				t.Errorf("got %s, want %s: %s %+v", got.State, tc.want, got.Reason, got.Leaves)
			}
			if len(got.Leaves) == 0 {
				t.Error("no leaf says why")
			}
		})
	}
}

// only evaluates on the one resource of an estate.
func only(tb testing.TB, e *estate.Estate, p *azurepolicy.Policy) azurepolicy.Result {
	tb.Helper()
	c := azurepolicy.NewChecker(e, evaluatedAt)
	r, ok := e.Resource(testID)
	if !ok {
		tb.Fatal("the resource is not there")
	}
	s, err := c.Subject(r)
	if err != nil {
		tb.Fatal(err)
	}
	fast, told := c.Evaluate(p, s), c.Explain(p, s)
	if fast.State != told.State {
		tb.Fatalf("evaluated %s and explained %s", fast.State, told.State)
	}
	return told
}

// TestFunctions: value of an expression, as text.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/templates/template-functions
func TestFunctions(t *testing.T) {
	t.Parallel()
	e := sampleEstate(t, azward.SourceARM, sample, `{"id":"`+group+`","type":"Microsoft.Resources/resourceGroups","name":"shop","location":"westeurope","tags":{"owner":"ann"}}`)
	for expression, want := range map[string]string{
		`concat('a','b',1,true())`:                                "ab1True",
		`string(concat(createArray(1),createArray(2)))`:           "[1,2]",
		`toLower('AbC')`:                                          "abc",
		`toUpper('AbC')`:                                          "ABC",
		`trim('  a ')`:                                            "a",
		`replace('a-b-c','-','')`:                                 "abc",
		`split('a;b,c',createArray(';',','))[2]`:                  "c",
		`last(split('a/b','/'))`:                                  "b",
		`first('one')`:                                            "o",
		`substring('abcdef',2,3)`:                                 "cde",
		`padLeft('7',3,'0')`:                                      "007",
		`padLeft(10,5)`:                                           "   10",
		`format('{0}-{1}{{}}','a',2)`:                             "a-2{}",
		`base64('one, two, three')`:                               "b25lLCB0d28sIHRocmVl",
		`base64ToString('b25lLCB0d28sIHRocmVl')`:                  "one, two, three",
		`base64ToJson('eyJvbmUiOiAiYSJ9').one`:                    "a",
		`uriComponent('a b/c')`:                                   "a%20b%2Fc",
		`uriComponentToString('a%20b%2Fc')`:                       "a b/c",
		`dataUriToString(dataUri('Hello'))`:                       "Hello",
		`join(createArray('a','b'),'+')`:                          "a+b",
		`indexOf('test','t')`:                                     "0",
		`lastIndexOf('test','t')`:                                 "3",
		`indexOf(createArray('a','b'),'b')`:                       "1",
		`startsWith('abc','AB')`:                                  "true",
		`endsWith('abc','BC')`:                                    "true",
		`string(take(createArray(1,2,3),2))`:                      "[1,2]",
		`skip('abc',2)`:                                           "c",
		`length('abc')`:                                           "3",
		`empty(createObject())`:                                   "true",
		`empty(null())`:                                           "true",
		`contains('abc','B')`:                                     "false",
		`contains(createArray('a'),'a')`:                          "true",
		`contains(createObject('k','v'),'K')`:                     "true",
		`string(union(createArray(1,2),createArray(2,3)))`:        "[1,2,3]",
		`string(union(createObject('a',1),createObject('b',2)))`:  `{"a":1,"b":2}`,
		`string(intersection(createArray(1,2),createArray(2,3)))`: "[2]",
		`string(intersection(createObject('a',1,'b',2),createObject('a',1)))`: `{"a":1}`,
		`string(flatten(createArray(createArray(1),createArray(2))))`:         "[1,2]",
		`string(range(2,3))`:                                                         "[2,3,4]",
		`items(createObject('b',1,'a',2))[0].key`:                                    "a",
		`string(objectKeys(createObject('a',1)))`:                                    `["a"]`,
		`string(shallowMerge(createArray(createObject('a',1),createObject('a',2))))`: `{"a":2}`,
		`string(array('a'))`:                                                         `["a"]`,
		`coalesce(null(),'x')`:                                                       "x",
		`coalesce(tryGet(createObject('a','b'),'c'),'d')`:                            "d",
		`equals('a','A')`:                                                            "false",
		`and(true(),not(false()))`:                                                   "true",
		`or(false(),equals(1,1))`:                                                    "true",
		`bool('True')`:                                                               "true",
		`int('42')`:                                                                  "42",
		`float('1.5')`:                                                               "1.5",
		`add(2,3)`:                                                                   "5",
		`sub(2,3)`:                                                                   "-1",
		`mul(2,3)`:                                                                   "6",
		`div(8,3)`:                                                                   "2",
		`mod(8,3)`:                                                                   "2",
		`max(1,3,2)`:                                                                 "3",
		`min(createArray(4,3))`:                                                      "3",
		`less(1,2)`:                                                                  "true",
		`lessOrEquals('b','a')`:                                                      "false",
		`greater('b','a')`:                                                           "true",
		`json('{"a":{"b":5}}').a.b`:                                                  "5",
		`createObject('a',1).?b`:                                                     "",
		`utcNow()`:                                                                   "2026-05-01T12:00:00.0000000Z",
		`addDays(utcNow(),-30)`:                                                      "2026-04-01T12:00:00.0000000Z",
		`ipRangeContains('10.0.0.0/24','10.0.0.7')`:                                  "true",
		`ipRangeContains('10.0.0.0/24','10.0.0.0/16')`:                               "false",
		`ipRangeContains('192.168.0.1-192.168.0.9','192.168.0.2-192.168.0.9')`: "true",
		`ipRangeContains('2001:0DB8::/110','2001:0DB8::3:FFFE')`:               "true",
		`resourceGroup().name`:                                      "shop",
		`resourceGroup().location`:                                  "westeurope",
		`resourceGroup().tags['owner']`:                             "ann",
		`subscription().subscriptionId`:                             "11111111-2222-3333-4444-555555555555",
		`greaterOrEquals(requestContext().apiVersion,'2099-01-01')`: "true",
		`field('tags').env`:                                         "prod",
		`'it''s'`:                                                   "it's",
	} {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			raw, err := json.Marshal("[string(" + expression + ")]")
			if err != nil {
				t.Fatal(err)
			}
			expected, err := json.Marshal("[concat('', '" + strings.ReplaceAll(want, "'", "''") + "')]")
			if err != nil {
				t.Fatal(err)
			}
			p, err := audit(t, fmt.Sprintf(`{"value":%s,"equals":%s}`, raw, expected), azurepolicy.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := only(t, e, p); got.State != azurepolicy.Fail {
				t.Errorf("got %s: %+v", got.State, got.Leaves)
			}
		})
	}
}

// TestFunctionsThatFail: what Azure refuses, and what nobody documents, is
// unknown.
func TestFunctionsThatFail(t *testing.T) {
	t.Parallel()
	e := sampleEstate(t, azward.SourceARM, sample)
	for _, expression := range []string{
		`substring('abc',2,5)`, `int('x')`, `div(1,0)`, `split('a','/')[3]`, `createObject('a',1).b`, `if('x',1,2)`, `concat(createArray(1),'a')`,
		`ipRangeContains('10.0.0.0/24','2001:db8::1')`, `addDays('yesterday',1)`, `mul(9007199254740991,9007199254740991)`, `range(0,100000)`,
		`uniqueString('a')`, `guid('a')`, `resourceGroup().location`, `policy().assignmentId`, `requestContext().identity`, `json('{')`, `base64ToString('%')`,
		`padLeft('a',99999999)`, `format('{5}','a')`, `and(1,2)`, `length(1)`,
	} {
		t.Run(expression, func(t *testing.T) {
			t.Parallel()
			raw, err := json.Marshal("[" + expression + "]")
			if err != nil {
				t.Fatal(err)
			}
			p, err := audit(t, `{"value":`+string(raw)+`,"equals":"x"}`, azurepolicy.Options{})
			if err != nil {
				t.Fatal(err)
			}
			if got := only(t, e, p); got.State != azurepolicy.Unknown || got.Reason == "" {
				t.Errorf("got %s %q", got.State, got.Reason)
			}
		})
	}
}

// TestCompileRefuses names what is wrong with a definition.
func TestCompileRefuses(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat(`{"not":`, 70) + `{"field":"name","equals":"x"}` + strings.Repeat("}", 70)
	for name, tc := range map[string]struct{ test, want string }{
		"unknown_operator":    {`{"field":"name","resembles":"x"}`, `no operator "resembles"`},
		"unknown_function":    {`{"value":"[reference('x')]","equals":"x"}`, `no function "reference"`},
		"unknown_field":       {`{"field":"colour","equals":"x"}`, `no field "colour"`},
		"unknown_parameter":   {`{"value":"[parameters('nobody')]","equals":"x"}`, `no parameter "nobody"`},
		"needs_a_value":       {`{"value":"[parameters('needed')]","equals":"x"}`, `"needed" has no default`},
		"two_operators":       {`{"field":"name","equals":"x","like":"y"}`, "two operators"},
		"no_operator":         {`{"field":"name"}`, "an operator"},
		"field_and_value":     {`{"field":"name","value":"x","equals":"x"}`, "both"},
		"empty_list":          {`{"allOf":[]}`, "a list of conditions"},
		"too_deep":            {deep, "nest deeper"},
		"no_end":              {`{"value":"[concat('a']","equals":"x"}`, "missing"},
		"trailing":            {`{"value":"[concat('a') b]","equals":"x"}`, "unexpected"},
		"too_few_arguments":   {`{"value":"[split('a')]","equals":"x"}`, "does not take 1"},
		"current_outside":     {`{"value":"[current()]","equals":"x"}`, "no count"},
		"current_unknown":     {`{"count":{"value":[1],"name":"a","where":{"value":"[current('b')]","equals":1}},"equals":1}`, "names no count"},
		"count_no_array":      {`{"count":{"field":"Microsoft.Test/resourceType/text"},"equals":1}`, "no array alias"},
		"duplicate_key":       {`{"field":"name","equals":"x","equals":"y"}`, `"equals" occurs twice`},
		"condition_no_object": {`"x"`, "no object"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := audit(t, tc.test, azurepolicy.Options{})
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("got %v, want %q", err, tc.want)
			}
		})
	}
}
