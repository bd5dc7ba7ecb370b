package template_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/azward/azward/policy/azurepolicy"
	"github.com/azward/azward/template"
)

const judged = `{"$schema":"https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
"parameters":{"on":{"type":"bool"},"tls":{"type":"string"}},
"resources":[
{"type":"Microsoft.Storage/storageAccounts","apiVersion":"1","name":"set","properties":{"minimumTlsVersion":"TLS1_2"}},
{"type":"Microsoft.Storage/storageAccounts","apiVersion":"1","name":"old","properties":{"minimumTlsVersion":"TLS1_0"}},
{"type":"Microsoft.Storage/storageAccounts","apiVersion":"1","name":"unset","properties":{}},
{"type":"Microsoft.Storage/storageAccounts","apiVersion":"1","name":"later","properties":{"minimumTlsVersion":"[reference('x').tls]"}},
{"type":"Microsoft.Storage/storageAccounts","apiVersion":"1","name":"given","properties":{"minimumTlsVersion":"[parameters('tls')]"}},
{"type":"Microsoft.Storage/storageAccounts","apiVersion":"1","name":"maybe","condition":"[parameters('on')]","properties":{"minimumTlsVersion":"TLS1_0"}},
{"type":"Microsoft.Storage/storageAccounts/blobServices","apiVersion":"1","name":"set/default","properties":{"versioning":true}},
{"type":"Microsoft.Storage/storageAccounts/blobServices","apiVersion":"1","name":"old/default","condition":"[parameters('on')]","properties":{"versioning":true}}
]}`

// TestJudged: what is unset is judged, what is known later is not, and a
// resource that may not be there neither fails nor saves another one.
func TestJudged(t *testing.T) {
	t.Parallel()
	r, err := template.Expand(template.File{Name: "azuredeploy.json", Content: []byte(judged)}, options())
	if err != nil {
		t.Fatal(err)
	}
	aliases, err := azurepolicy.ReadAliases(strings.NewReader("Microsoft.Storage/storageAccounts/minimumTlsVersion,properties.minimumTlsVersion\nMicrosoft.Storage/storageAccounts/blobServices/versioning,properties.versioning\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		rule string
		want map[string]string
	}{
		"equals": {
			`{"if":{"allOf":[{"field":"type","equals":"Microsoft.Storage/storageAccounts"},{"field":"Microsoft.Storage/storageAccounts/minimumTlsVersion","notEquals":"TLS1_2"}]},"then":{"effect":"audit"}}`,
			map[string]string{"set": "pass", "old": "fail", "unset": "fail", "later": "unknown", "given": "unknown", "maybe": "unknown"},
		},
		"exists": {
			`{"if":{"allOf":[{"field":"type","equals":"Microsoft.Storage/storageAccounts"},{"field":"Microsoft.Storage/storageAccounts/minimumTlsVersion","exists":false}]},"then":{"effect":"audit"}}`,
			map[string]string{"set": "pass", "old": "pass", "unset": "fail", "later": "unknown", "given": "pass", "maybe": "unknown"},
		},
		"related": {
			`{"if":{"field":"type","equals":"Microsoft.Storage/storageAccounts"},"then":{"effect":"auditIfNotExists","details":{"type":"Microsoft.Storage/storageAccounts/blobServices","existenceCondition":{"field":"Microsoft.Storage/storageAccounts/blobServices/versioning","equals":true}}}}`,
			map[string]string{"set": "pass", "old": "unknown", "unset": "fail", "later": "fail", "given": "fail", "maybe": "unknown"},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, err := azurepolicy.ParseDefinition([]byte(`{"id":"/providers/Microsoft.Authorization/policyDefinitions/x","name":"x","properties":{"mode":"All","policyRule":` + c.rule + `}}`))
			if err != nil {
				t.Fatal(err)
			}
			p, err := azurepolicy.Compile(d, azurepolicy.Options{Aliases: aliases})
			if err != nil {
				t.Fatal(err)
			}
			got := map[string]string{}
			for one := range azurepolicy.NewChecker(r.Estate, time.Unix(1.7e9, 0)).Check([]*azurepolicy.Policy{p}) {
				got[one.Resource.ID.Name()] = one.State.String()
			}
			if diff := cmp.Diff(c.want, got); diff != "" {
				t.Errorf("(-want +got)\n%s", diff)
			}
		})
	}
}
