package exposure

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// FuzzGateway: whatever stands for a gateway, a machine that it may lead to
// gets an answer, and a gateway that cannot be read is never a No.
func FuzzGateway(f *testing.F) {
	f.Add([]byte(`{"properties":{}}`))
	f.Add([]byte(`{"properties":{"gatewayIPConfigurations":[{"properties":{"subnet":{"id":"/subscriptions/11111111-1111-1111-1111-111111111111/resourceGroups/rg/providers/Microsoft.Network/virtualNetworks/vnet/subnets/web"}}}],"requestRoutingRules":[{"name":"r","properties":{"httpListener":{"id":"l"},"urlPathMap":{"id":"m"}}}],"httpListeners":[{"name":"l"}],"urlPathMaps":[{"name":"m"}]}}`))
	f.Add([]byte(`{"properties":{"backendAddressPools":[{"properties":{"backendAddresses":[{"fqdn":"a"},{"ipAddress":"10.1.1.4"}]}}],"requestRoutingRules":7}}`))
	f.Fuzz(func(t *testing.T, body []byte) {
		var object map[string]any
		if json.Unmarshal(body, &object) != nil || object == nil {
			return
		}
		object["id"] = caseNames.Replace("${net}/applicationGateways/agw")
		object["type"], object["name"] = gatewayType, "agw"
		whole, err := json.Marshal(object)
		if err != nil {
			return
		}
		var b estate.Builder
		if b.AddARM(whole, estate.Provenance{Source: azward.SourceARM}) != nil {
			return
		}
		e := b.Build()
		r, ok := e.Resource(azward.ResourceID(caseNames.Replace("${net}/applicationGateways/agw")))
		if !ok {
			return
		}
		_, unread := estate.Decode[gatewayView](r)
		for _, x := range readFronts(e).exits {
			for _, w := range x.enter(maxFronts) {
				if unread != nil && w.answer() != azward.Unknown {
					t.Errorf("a gateway that cannot be read gives %s", w.answer())
				}
			}
		}
	})
}

// FuzzPolicyHosts: an address that a policy document names in quotes is found.
func FuzzPolicyHosts(f *testing.F) {
	f.Add(`<set-backend-service base-url="`, "10.1.1.4", `" />`)
	f.Add(`<policies>`, "shop.contoso.com", `</policies>`)
	f.Add(`base-url="://`, "a", `@(`)
	f.Fuzz(func(t *testing.T, before, host, after string) {
		for _, c := range host {
			if (c < 'a' || c > 'z') && c != '.' {
				return
			}
		}
		if host == "" || strings.Count(before, "://")+strings.Count(before, "base-url") >= maxPolicyHosts || len(before) > 1<<10 {
			return
		}
		for _, found := range policyHosts(before + ` "http://` + host + `/v1" ` + after) {
			if got, _ := hostOf(found); got == host {
				return
			}
		}
		t.Errorf("%q is not found", host)
	})
}
