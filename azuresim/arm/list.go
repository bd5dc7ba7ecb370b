package arm

import (
	"encoding/json"
	"iter"
	"net/http"
	"slices"
	"strings"

	"github.com/azward/azward/azuresim/inventory"
)

// listCollection answers a GET of a collection: a type at a scope, or the
// children of a resource.
func (c *call) listCollection() *Error {
	t := c.target
	var items []*inventory.Resource
	if len(t.tail) == 1 {
		if e := c.checkGroup(); e != nil {
			return e
		}
		items = slices.Collect(c.o.Inventory.List(t.scope, t.resourceType()))
		if attachedAlone[strings.ToLower(t.resourceType())] {
			items = slices.DeleteFunc(items, func(r *inventory.Resource) bool { return !attachedTo(r, t.scope) })
		}
	} else {
		parent := parentPath(c.path)
		r, ok := c.o.Inventory.Get(parent)
		if !ok {
			if e := c.checkListAllowed(readAction(t.resourceType()), parent); e != nil {
				return e
			}
			return c.notFound(parent)
		}
		items = c.children(r)
	}
	return c.listAllowed(items, readAction(t.resourceType()), t.scope)
}

// attachedAlone are extensions whose list at a scope holds what is attached to
// the scope itself, and nothing of what lies below it.
//
// Source: https://learn.microsoft.com/rest/api/monitor/diagnostic-settings/list
var attachedAlone = map[string]bool{"microsoft.insights/diagnosticsettings": true}

func attachedTo(r *inventory.Resource, scope string) bool {
	rest, ok := strings.CutPrefix(r.Key, strings.ToLower(strings.TrimSuffix(scope, "/")))
	return ok && strings.HasPrefix(rest, "/providers/microsoft.insights/") && strings.Count(rest, "/providers/") == 1
}

// children are those of the path's last segment. A scale set also lists the
// interfaces and addresses of all its machines in one.
//
// Source: https://learn.microsoft.com/rest/api/virtualnetwork/network-interfaces/list-virtual-machine-scale-set-network-interfaces
func (c *call) children(parent *inventory.Resource) []*inventory.Resource {
	childType := c.target.last()
	parentType := strings.ToLower(parent.Type)
	if !strings.HasPrefix(parentType, "microsoft.compute/virtualmachinescalesets") {
		return c.o.Inventory.Children(parent, childType)
	}
	const machines = "microsoft.compute/virtualmachinescalesets/virtualmachines"
	switch strings.ToLower(childType) {
	case "networkinterfaces":
		return slices.Collect(c.o.Inventory.List(parent.Key, machines+"/networkinterfaces"))
	case "publicipaddresses":
		return slices.Collect(c.o.Inventory.List(parent.Key, machines+"/networkinterfaces/ipconfigurations/publicipaddresses"))
	}
	return c.o.Inventory.Children(parent, childType)
}

// checkGroup refuses lists in a resource group that is not there.
func (c *call) checkGroup() *Error {
	if c.target.group == "" {
		return nil
	}
	group := "/subscriptions/" + c.target.subscription + "/resourceGroups/" + c.target.group
	if _, ok := c.o.Inventory.Get(group); ok || c.anyBelow(group) {
		return nil
	}
	action := readAction(c.target.resourceType())
	if e := c.checkListAllowed(action, c.target.scope); e != nil {
		return e
	}
	return fail(http.StatusNotFound, "ResourceGroupNotFound", "Resource group '%s' could not be found.", c.target.group)
}

// checkListAllowed lets a list through when the caller may read at the scope
// or somewhere below it; the list is then cut to what may be seen.
func (c *call) checkListAllowed(action, scope string) *Error {
	if c.allowed(action, scope) || c.o.Policy.AllowedBelow(c.who.Principal, action, scope) {
		return nil
	}
	return c.forbidden(action, scope)
}

func (c *call) listAllowed(items []*inventory.Resource, action, scope string) *Error {
	if e := c.checkListAllowed(action, scope); e != nil {
		return e
	}
	visible := make([]*inventory.Resource, 0, len(items))
	for _, r := range items {
		if c.allowed(action, r.Key) && !secretConfig(r) {
			visible = append(visible, r)
		}
	}
	slices.SortFunc(visible, byKey)
	return c.list(visible, c.renderListed)
}

func byKey(a, b *inventory.Resource) int { return strings.Compare(a.Key, b.Key) }

// renderListed shows a resource as lists do: a machine's state only with
// statusOnly=true.
//
// Source: https://learn.microsoft.com/rest/api/compute/virtual-machines/list-all
func (c *call) renderListed(r *inventory.Resource) json.RawMessage {
	expand := strings.EqualFold(c.r.URL.Query().Get("statusOnly"), "true") ||
		strings.EqualFold(c.r.URL.Query().Get("$expand"), "instanceView")
	return c.body(r, c.o.IDCase.List, expand)
}

func (c *call) listResourceGroups() *Error {
	scope := parentPath(c.path)
	items := slices.Collect(c.o.Inventory.List(scope, "Microsoft.Resources/resourceGroups"))
	return c.listAllowed(items, "Microsoft.Resources/subscriptions/resourceGroups/read", scope)
}

// listResources answers the generic list of a subscription or group. Its items
// carry no properties.
//
// Source: https://learn.microsoft.com/rest/api/resources/resources/list
func (c *call) listResources(scope string) *Error {
	keep, e := parseFilter(c.r.URL.Query().Get("$filter"))
	if e != nil {
		return e
	}
	if !c.o.Policy.Reaches(c.who.Principal, scope) && !c.o.Policy.Below(c.who.Principal, scope) {
		return c.forbidden("Microsoft.Resources/subscriptions/resources/read", scope)
	}
	var visible []*inventory.Resource
	for r := range tracked(c.o.Inventory.All(scope)) {
		if keep(r) && c.allowed(readAction(r.Type), r.Key) {
			visible = append(visible, r)
		}
	}
	return c.list(visible, func(r *inventory.Resource) json.RawMessage {
		return respell(outline(r.Body), r.ID, c.o.IDCase.List)
	})
}

// tracked leaves what the generic list and Resource Graph's resources table
// hold: top-level resources, and children that have a location of their own.
//
// Source: https://learn.microsoft.com/azure/governance/resource-graph/concepts/query-language#resource-graph-tables
func tracked(all iter.Seq[*inventory.Resource]) iter.Seq[*inventory.Resource] {
	return func(yield func(*inventory.Resource) bool) {
		for r := range all {
			if IsTracked(r) && !yield(r) {
				return
			}
		}
	}
}

// IsTracked reports whether the generic list holds the resource.
func IsTracked(r *inventory.Resource) bool {
	t := strings.ToLower(r.Type)
	switch {
	case strings.HasPrefix(t, "microsoft.resources/"), strings.HasPrefix(t, "microsoft.authorization/"),
		strings.HasPrefix(t, "microsoft.management/"), strings.HasPrefix(t, "microsoft.security/"),
		strings.HasPrefix(t, "microsoft.policyinsights/"), strings.HasPrefix(t, "microsoft.advisor/"),
		!strings.HasPrefix(r.Key, "/subscriptions/"), strings.HasSuffix(t, "/config"):
		return false
	}
	// An extension resource lies under another provider's resource.
	if strings.Count(r.Key, "/providers/") > 1 {
		return false
	}
	if strings.Count(t, "/") == 1 {
		return true
	}
	if strings.HasPrefix(t, "microsoft.compute/virtualmachinescalesets/") {
		return false // instances are in computeresources
	}
	var head struct {
		Location string `json:"location"`
	}
	return json.Unmarshal(r.Body, &head) == nil && head.Location != ""
}

// outline drops what the generic list does not show.
func outline(raw json.RawMessage) json.RawMessage {
	var fields map[string]json.RawMessage
	if json.Unmarshal(raw, &fields) != nil {
		return raw
	}
	for _, name := range []string{"properties", "etag", "zones", "systemData"} {
		delete(fields, name)
	}
	short, err := json.Marshal(fields)
	if err != nil {
		return raw
	}
	return short
}
