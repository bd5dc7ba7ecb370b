package estate_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

const azureOf = `{"id":"/subscriptions/6b1f0c5e-8a42-4e0b-9a53-1d2f7c9e4a10/resourceGroups/rg/providers/`

// kept is what an estate keeps of a body.
func kept(t *testing.T, body string, o estate.ReadOptions) string {
	t.Helper()
	var b estate.Builder
	if err := estate.Read(strings.NewReader("["+body+"]"), "test", o, &b); err != nil {
		t.Fatal(err)
	}
	for r := range b.Build().All() {
		return string(r.Body)
	}
	t.Fatal("nothing is kept")
	return ""
}

func TestBodiesHoldNoSecrets(t *testing.T) {
	t.Parallel()
	const pod = `{"apiVersion":"v1","kind":"Pod","metadata":{"name":"a","namespace":"n"`
	for name, c := range map[string]struct{ body, want string }{
		"order_and_numbers_stay": {azureOf + `X.Y/z/a","properties":{"b":1.50,"adminPassword":"hunter2","a":[true,null,{}],"z":"<&>\u00e9"}}`, azureOf + `X.Y/z/a","properties":{"b":1.50,"adminPassword":"[redacted]","a":[true,null,{}],"z":"<&>\u00e9"}}`},
		"nothing_to_hide":        {azureOf + `X.Y/z/a","properties":{"passwordAuth":"Enabled","url":"https://a.example/b?c=d#e","keyCreationTime":{"key1":"2026-01-01T00:00:00Z"}}}`, azureOf + `X.Y/z/a","properties":{"passwordAuth":"Enabled","url":"https://a.example/b?c=d#e","keyCreationTime":{"key1":"2026-01-01T00:00:00Z"}}}`},
		"name_in_escapes":        {azureOf + `X.Y/z/a","properties":{"adminP\u0061ssword":"hunter2"}}`, azureOf + `X.Y/z/a","properties":{"adminP\u0061ssword":"[redacted]"}}`},
		"environment":            {pod + `},"spec":{"containers":[{"env":[{"name":"P","value":"hunter2"},{"name":"Q","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}]}]}}`, pod + `},"spec":{"containers":[{"env":[{"name":"P","value":"[redacted]"},{"name":"Q","valueFrom":{"secretKeyRef":{"name":"s","key":"k"}}}]}]}}`},
		"manifest_in_annotation": {pod + `,"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"{\"hunter2\"}"}}}`, pod + `,"annotations":{"kubectl.kubernetes.io/last-applied-configuration":"[redacted]"}}}`},
		"secret_of_kubernetes":   {`{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"data":{"user":"aHVudGVyMg=="},"stringData":{"x":"hunter2"}}`, `{"apiVersion":"v1","kind":"Secret","metadata":{"name":"a"},"data":{"user":"[redacted]"},"stringData":{"x":"[redacted]"}}`},
		"config_map":             {`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"user":"ana"}}`, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"},"data":{"user":"ana"}}`},
		"settings_of_a_site":     {azureOf + `Microsoft.Web/sites/a/config/appsettings","name":"appsettings","type":"Microsoft.Web/sites/config","properties":{"MODE":"hunter2","REF":"@Microsoft.KeyVault(x)"}}`, azureOf + `Microsoft.Web/sites/a/config/appsettings","name":"appsettings","type":"Microsoft.Web/sites/config","properties":{"MODE":"[redacted]","REF":"@Microsoft.KeyVault(x)"}}`},
		"protected_settings":     {azureOf + `X.Y/z/a","properties":{"protectedSettings":{"deep":[{"any":"hunter2","n":1}]}}}`, azureOf + `X.Y/z/a","properties":{"protectedSettings":{"deep":[{"any":"[redacted]","n":1}]}}}`},
		"signed_url":             {azureOf + `X.Y/z/a","properties":{"u":"https://a.example/b?sv=1&SIG=hunter2&se=2#f","v":["https://ana:hunter2@b.example/c"],"w":"https://f.example/api?code=hunter2"}}`, azureOf + `X.Y/z/a","properties":{"u":"https://a.example/b?sv=1&sig=[redacted]&se=2#f","v":["https://ana:[redacted]@b.example/c"],"w":"https://f.example/api?code=[redacted]"}}`},
		"rights_on_secrets":      {azureOf + `X.Y/z/a","properties":{"accessPolicies":[{"permissions":{"secrets":["get","list"],"keys":["get"]}}]}}`, azureOf + `X.Y/z/a","properties":{"accessPolicies":[{"permissions":{"secrets":["get","list"],"keys":["get"]}}]}}`},
		"name_with_hyphens":      {azureOf + `X.Y/z/a","properties":{"redisConfiguration":{"rdb-storage-connection-string":"hunter2"}}}`, azureOf + `X.Y/z/a","properties":{"redisConfiguration":{"rdb-storage-connection-string":"[redacted]"}}}`},
		"parameter_of_a_policy":  {azureOf + `Microsoft.Authorization/policyAssignments/a","type":"Microsoft.Authorization/policyAssignments","properties":{"parameters":{"environment":{"value":"production"}}}}`, azureOf + `Microsoft.Authorization/policyAssignments/a","type":"Microsoft.Authorization/policyAssignments","properties":{"parameters":{"environment":{"value":"production"}}}}`},
		"list_of_keys":           {azureOf + `X.Y/z/a","properties":{"keys":[{"keyName":"key1","value":"hunter2"}]}}`, azureOf + `X.Y/z/a","properties":{"keys":[{"keyName":"key1","value":"[redacted]"}]}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := estate.ReadOptions{Cluster: "/subscriptions/6b1f0c5e-8a42-4e0b-9a53-1d2f7c9e4a10/resourceGroups/rg/providers/Microsoft.ContainerService/managedClusters/aks"}
			once := kept(t, c.body, o)
			if once != c.want {
				t.Errorf("got  %s\nwant %s", once, c.want)
			}
			if again := kept(t, once, o); again != once {
				t.Errorf("kept again: %s", again)
			}
			if o.AsIs = true; kept(t, c.body, o) != c.body {
				t.Errorf("as it is: %s", kept(t, c.body, o))
			}
		})
	}
}

// FuzzBodiesHoldNoSecrets: a kept body differs from the one that was added in
// texts alone, stays the same when it is added again, and shows nothing that
// evidence would hide.
func FuzzBodiesHoldNoSecrets(f *testing.F) {
	f.Add(`{"adminPassword":"x","env":[{"name":"a","value":"b"}],"u":"https://a:b@c/?sig=d"}`)
	f.Add(`{"secrets":{"a":[1,"x",{"value":"y"}]},"a\\\"b":"\ud83d\ude00"}`)
	f.Fuzz(func(t *testing.T, properties string) {
		var compact bytes.Buffer
		if json.Compact(&compact, []byte(properties)) != nil || compact.Len() == 0 || compact.Bytes()[0] != '{' {
			return
		}
		body := json.RawMessage(azureOf + `X.Y/z/a","properties":` + compact.String() + `}`)
		add := func(body json.RawMessage) json.RawMessage {
			var b estate.Builder
			if b.AddARM(body, estate.Provenance{Source: azward.SourceARM}) != nil {
				return nil
			}
			for r := range b.Build().All() {
				return r.Body
			}
			return nil
		}
		once := add(body)
		if once == nil {
			return
		}
		if !json.Valid(once) {
			t.Fatalf("%s became %s", body, once)
		}
		if again := add(once); !bytes.Equal(again, once) {
			t.Fatalf("%s, added again %s", once, again)
		}
		if shown := estate.Shown("", once); !bytes.Equal(shown, once) {
			t.Fatalf("%s is kept, and shown as %s", once, shown)
		}
		var before, after any
		if json.Unmarshal(body, &before) != nil || json.Unmarshal(once, &after) != nil {
			return
		}
		if !alike(before, after) {
			t.Fatalf("%s became %s", body, once)
		}
	})
}

// alike compares all but texts.
func alike(a, b any) bool {
	switch a := a.(type) {
	case map[string]any:
		other, ok := b.(map[string]any)
		if !ok || len(a) != len(other) {
			return false
		}
		for name := range a {
			if _, has := other[name]; !has || !alike(a[name], other[name]) {
				return false
			}
		}
		return true
	case []any:
		other, ok := b.([]any)
		if !ok || len(a) != len(other) {
			return false
		}
		for i := range a {
			if !alike(a[i], other[i]) {
				return false
			}
		}
		return true
	case string:
		_, ok := b.(string)
		return ok
	}
	return a == b
}
