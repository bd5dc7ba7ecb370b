package arm

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"

	"github.com/azward/azward/azuresim/inventory"
)

// get answers GET: the fixed paths first, then by shape.
func (c *call) get() *Error {
	if c.target.namespace != "" {
		return c.getProvider()
	}
	segments := strings.Split(strings.Trim(strings.ToLower(c.path), "/"), "/")
	switch n := len(segments); {
	case c.path == "/subscriptions":
		return c.listSubscriptions()
	case c.path == "/tenants":
		return c.listTenants()
	case c.path == "/providers", n == 3 && segments[2] == "providers":
		return c.listProviders()
	case segments[0] != "subscriptions":
		return c.noRoute()
	case n == 2:
		return c.getSubscription()
	case n == 3 && segments[2] == "resourcegroups":
		return c.listResourceGroups()
	case n == 3 && segments[2] == "locations":
		return c.listLocations()
	case n == 4 && segments[2] == "resourcegroups":
		return c.getOne(c.path, "Microsoft.Resources/subscriptions/resourceGroups/read")
	case n == 3 && segments[2] == "resources", n == 5 && segments[4] == "resources":
		return c.listResources(parentPath(c.path))
	}
	return c.noRoute()
}

func (c *call) noRoute() *Error {
	return fail(http.StatusNotFound, "NotFound", "No HTTP resource was found that matches the request URI '%.300s'.", c.o.BaseURL+c.path)
}

// getProvider answers paths below /providers/.
func (c *call) getProvider() *Error {
	t := c.target
	if len(t.tail) == 0 {
		return c.getProviderManifest()
	}
	if strings.EqualFold(t.namespace, "Microsoft.Authorization") {
		if handled, e := c.authorization(); handled {
			return e
		}
	}
	if t.isResource() {
		return c.getOne(c.path, readAction(t.resourceType()))
	}
	last := strings.ToLower(t.last())
	switch {
	case last == "instanceview" && len(t.tail) >= 3:
		return c.getInstanceView()
	case last == "list" && len(t.tail) == 5 && strings.EqualFold(t.tail[2], "config"):
		return c.listSiteConfig() // authsettingsV2/list is a GET
	}
	return c.listCollection()
}

// readAction is the action that reading a type takes.
func readAction(resourceType string) string { return resourceType + "/read" }

// getOne answers a point GET. Permission comes before existence, so that
// names cannot be probed.
func (c *call) getOne(id, action string) *Error {
	if !c.allowed(action, id) {
		return c.forbidden(action, id)
	}
	r, ok := c.o.Inventory.Get(id)
	if !ok || secretConfig(r) {
		return c.notFound(id)
	}
	expand := strings.Contains(strings.ToLower(c.r.URL.Query().Get("$expand")), "instanceview")
	writeJSON(c.w, http.StatusOK, c.body(r, c.o.IDCase.Get, expand))
	return nil
}

// notFound names the first thing on the way down that is missing.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/troubleshooting/error-not-found
func (c *call) notFound(id string) *Error {
	t := parse(id)
	if t.group != "" {
		group := "/subscriptions/" + t.subscription + "/resourceGroups/" + t.group
		if _, ok := c.o.Inventory.Get(group); !ok && !c.anyBelow(group) {
			return fail(http.StatusNotFound, "ResourceGroupNotFound", "Resource group '%s' could not be found.", t.group)
		}
	}
	full := t.namespace
	for i, segment := range t.tail {
		full += "/" + segment
		if i%2 == 1 && i < len(t.tail)-1 {
			parent := parentOf(id, len(t.tail)-1-i)
			if _, ok := c.o.Inventory.Get(parent); !ok {
				return fail(http.StatusNotFound, "ParentResourceNotFound",
					"Failed to perform 'read' on resource(s) of type '%s', because the parent resource '%s' could not be found.", t.resourceType(), parent)
			}
		}
	}
	names := make([]string, 0, len(t.tail)/2)
	for i := 1; i < len(t.tail); i += 2 {
		names = append(names, t.tail[i])
	}
	return fail(http.StatusNotFound, "ResourceNotFound",
		"The Resource '%s/%s' under resource group '%s' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix",
		t.resourceType(), strings.Join(names, "/"), orNull(t.group))
}

func orNull(group string) string {
	if group == "" {
		return "<null>"
	}
	return group
}

func parentOf(id string, segments int) string {
	for range segments {
		id = parentPath(id)
	}
	return id
}

// anyBelow reports whether the group holds resources though no record of its
// own says so.
func (c *call) anyBelow(scope string) bool {
	for range c.o.Inventory.All(scope) {
		return true
	}
	return false
}

// getInstanceView gives a virtual machine's state.
//
// Source: https://learn.microsoft.com/rest/api/compute/virtual-machines/instance-view
func (c *call) getInstanceView() *Error {
	id := parentPath(c.path)
	action := parse(id).resourceType() + "/instanceView/read"
	if !c.allowed(action, id) {
		return c.forbidden(action, id)
	}
	r, ok := c.o.Inventory.Get(id)
	if !ok {
		return c.notFound(id)
	}
	writeJSON(c.w, http.StatusOK, instanceView(r))
	return nil
}

// secretConfig are parts of a site that only the list action gives.
func secretConfig(r *inventory.Resource) bool {
	return strings.HasSuffix(strings.ToLower(r.Type), "/config") &&
		slices.Contains([]string{"appsettings", "connectionstrings", "azurestorageaccounts", "authsettings", "publishingcredentials"}, strings.ToLower(r.Name))
}

// body is the resource as this request shows it.
func (c *call) body(r *inventory.Resource, idCase string, expand bool) json.RawMessage {
	raw := r.Body
	if strings.EqualFold(r.Type, "Microsoft.Resources/subscriptions") {
		raw = c.subscriptionBody(r)
	}
	if !expand && isMachine(r) {
		raw = withoutInstanceView(raw)
	}
	return respell(raw, r.ID, idCase)
}
