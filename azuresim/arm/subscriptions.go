package arm

import (
	"encoding/json"
	"maps"
	"net/http"
	"slices"
	"strings"

	"github.com/azward/azward/azuresim/inventory"
)

// listSubscriptions gives those where the caller has some role.
//
// Source: https://learn.microsoft.com/rest/api/resources/subscriptions/list
func (c *call) listSubscriptions() *Error {
	var visible []*inventory.Resource
	for r := range c.o.Inventory.List("/", "Microsoft.Resources/subscriptions") {
		if c.sees(r.Key) {
			visible = append(visible, r)
		}
	}
	return c.list(visible, c.subscriptionBody)
}

func (c *call) sees(subscription string) bool {
	return c.o.Policy.Reaches(c.who.Principal, subscription) || c.o.Policy.Below(c.who.Principal, subscription)
}

func (c *call) getSubscription() *Error {
	if !c.sees(c.path) && !c.allowed("Microsoft.Resources/subscriptions/read", c.path) {
		return c.forbidden("Microsoft.Resources/subscriptions/read", c.path)
	}
	r, ok := c.o.Inventory.Get(c.path)
	if !ok {
		return fail(http.StatusNotFound, "SubscriptionNotFound", "The subscription '%s' could not be found.", c.target.subscription)
	}
	writeJSON(c.w, http.StatusOK, c.subscriptionBody(r))
	return nil
}

// subscriptionBody gives ARM's shape also to a record that came from Resource
// Graph, and the state that the scenario sets.
func (s *Server) subscriptionBody(r *inventory.Resource) json.RawMessage {
	body := map[string]any{}
	if json.Unmarshal(r.Body, &body) != nil {
		return r.Body
	}
	properties, _ := body["properties"].(map[string]any)
	shape := map[string]any{
		"id": r.ID, "subscriptionId": r.Name, "tenantId": s.o.Tenant.ID,
		"displayName": first(body["displayName"], body["name"], r.Name), "state": first(body["state"], properties["state"], "Enabled"),
		"authorizationSource": "RoleBased", "managedByTenants": []any{},
		"subscriptionPolicies": first(body["subscriptionPolicies"], properties["subscriptionPolicies"],
			map[string]any{"locationPlacementId": "Public_2014-09-01", "quotaId": "PayAsYouGo_2014-09-01", "spendingLimit": "Off"}),
	}
	for _, name := range []string{"tenantId", "authorizationSource", "managedByTenants", "tags"} {
		if v, ok := body[name]; ok && v != nil {
			shape[name] = v
		}
	}
	for id, state := range s.o.States {
		if strings.EqualFold(id, r.Name) {
			shape["state"] = state
		}
	}
	raw, err := json.Marshal(shape)
	if err != nil {
		return r.Body
	}
	return raw
}

func first(values ...any) any {
	for _, v := range values {
		if v != nil && v != "" {
			return v
		}
	}
	return nil
}

// listTenants gives the one tenant.
//
// Source: https://learn.microsoft.com/rest/api/resources/tenants/list
func (c *call) listTenants() *Error {
	t := c.o.Tenant
	tenant := map[string]any{
		"id": "/tenants/" + t.ID, "tenantId": t.ID, "displayName": t.Name, "countryCode": "NL",
		"tenantCategory": "Home", "tenantType": "AAD", "domains": t.Domains,
	}
	if len(t.Domains) > 0 {
		tenant["defaultDomain"] = t.Domains[0]
	}
	writeJSON(c.w, http.StatusOK, map[string]any{"value": []any{tenant}})
	return nil
}

func (c *call) listLocations() *Error {
	scope := parentPath(c.path)
	if !c.sees(scope) {
		return c.forbidden("Microsoft.Resources/subscriptions/locations/read", scope)
	}
	seen := map[string]string{}
	for r := range c.o.Inventory.All(scope) {
		var head struct {
			Location string `json:"location"`
		}
		if json.Unmarshal(r.Body, &head) == nil && head.Location != "" {
			seen[strings.ToLower(strings.ReplaceAll(head.Location, " ", ""))] = head.Location
		}
	}
	values := []any{}
	for _, name := range slices.Sorted(maps.Keys(seen)) {
		values = append(values, map[string]any{"id": scope + "/locations/" + name, "name": name, "displayName": seen[name]})
	}
	writeJSON(c.w, http.StatusOK, map[string]any{"value": values})
	return nil
}

// listProviders and getProviderManifest say which types and versions there are.
//
// Source: https://learn.microsoft.com/rest/api/resources/providers/list
func (c *call) listProviders() *Error {
	byNamespace := c.manifests()
	values := []any{}
	for _, namespace := range slices.Sorted(maps.Keys(byNamespace)) {
		values = append(values, c.manifest(namespace, byNamespace[namespace]))
	}
	writeJSON(c.w, http.StatusOK, map[string]any{"value": values})
	return nil
}

func (c *call) getProviderManifest() *Error {
	for namespace, types := range c.manifests() {
		if strings.EqualFold(namespace, c.target.namespace) {
			writeJSON(c.w, http.StatusOK, c.manifest(namespace, types))
			return nil
		}
	}
	return fail(http.StatusNotFound, "InvalidResourceNamespace", "The resource namespace '%.100s' is invalid.", c.target.namespace)
}

func (c *call) manifests() map[string][]*supported {
	byNamespace := map[string][]*supported{}
	for _, key := range slices.Sorted(maps.Keys(c.versions)) {
		s := c.versions[key]
		byNamespace[s.namespace] = append(byNamespace[s.namespace], s)
	}
	return byNamespace
}

func (c *call) manifest(namespace string, types []*supported) map[string]any {
	list := make([]any, 0, len(types))
	for _, s := range types {
		newestFirst := slices.Clone(s.list)
		slices.Reverse(newestFirst)
		list = append(list, map[string]any{
			"resourceType": s.resourceType, "apiVersions": newestFirst,
			"locations": []string{"North Europe", "West Europe"}, "capabilities": "SupportsTags, SupportsLocation",
		})
	}
	id := "/providers/" + namespace
	if c.target.subscription != "" {
		id = "/subscriptions/" + c.target.subscription + id
	}
	return map[string]any{
		"id": id, "namespace": namespace, "resourceTypes": list,
		"registrationState": "Registered", "registrationPolicy": "RegistrationRequired",
	}
}
