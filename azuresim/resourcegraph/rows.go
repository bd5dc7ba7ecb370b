package resourcegraph

import (
	"encoding/json"
	"fmt"
	"iter"
	"strings"

	"github.com/azward/azward/azuresim/arm"
	"github.com/azward/azward/azuresim/entra"
	"github.com/azward/azward/azuresim/inventory"
	"github.com/azward/azward/azuresim/kql"
	"github.com/azward/azward/azuresim/rbac"
)

// row is an object in the shape of its table.
type row struct {
	table        string
	scope        string // for the permission check
	action       string
	subscription string // lower case; "" outside any
	values       map[string]any
}

// tables that the service documents. Those that nothing is sorted into are
// there and empty.
//
// Source: https://learn.microsoft.com/azure/governance/resource-graph/reference/supported-tables-resources
var tables = map[string]bool{
	"resources": true, "resourcecontainers": true, "advisorresources": true, "alertsmanagementresources": true,
	"appserviceresources": true, "authorizationresources": true, "awsresources": true, "batchresources": true,
	"computeresources": true, "desktopvirtualizationresources": true, "extendedlocationresources": true,
	"guestconfigurationresources": true, "healthresources": true, "healthresourcechanges": true,
	"insightsresources": true, "iotsecurityresources": true, "kubernetesconfigurationresources": true,
	"maintenanceresources": true, "managedserviceresources": true, "networkresources": true, "patchassessmentresources": true,
	"patchinstallationresources": true, "policyresources": true, "recoveryservicesresources": true,
	"resourcechanges": true, "resourcecontainerchanges": true, "securityresources": true, "servicefabricresources": true,
	"servicehealthresources": true, "spotresources": true, "supportresources": true, "tagsresources": true, "featureresources": true,
	"chaosresources": true, "edgeorderresources": true, "communitygalleryresources": true, "dnsresources": true,
}

// byType sorts types into the tables beside resources; the longest prefix wins.
var byType = []struct{ prefix, table string }{
	{"microsoft.resources/subscriptions", "resourcecontainers"},
	{"microsoft.resources/resourcegroups", "resourcecontainers"},
	{"microsoft.management/managementgroups", "resourcecontainers"},
	{"microsoft.authorization/roleassignments", "authorizationresources"},
	{"microsoft.authorization/roledefinitions", "authorizationresources"},
	{"microsoft.authorization/classicadministrators", "authorizationresources"},
	{"microsoft.authorization/policy", "policyresources"},
	{"microsoft.policyinsights/", "policyresources"},
	{"microsoft.security/", "securityresources"},
	{"microsoft.advisor/", "advisorresources"},
	{"microsoft.compute/virtualmachinescalesets/virtualmachines", "computeresources"},
	{"microsoft.web/sites/config", "appserviceresources"},
	{"microsoft.web/sites/slots/config", "appserviceresources"},
	{"microsoft.resourcehealth/", "healthresources"},
	{"microsoft.kubernetesconfiguration/", "kubernetesconfigurationresources"},
	{"microsoft.guestconfiguration/", "guestconfigurationresources"},
	{"microsoft.recoveryservices/vaults/backup", "recoveryservicesresources"},
	{"microsoft.insights/datacollectionruleassociations", "insightsresources"},
	{"microsoft.network/networkmanagerconnections", "networkresources"},
	{"microsoft.network/effectivesecurityadminrules", "networkresources"},
	{"microsoft.network/networkgroupmemberships", "networkresources"},
}

func tableOf(r *inventory.Resource) string {
	t := strings.ToLower(r.Type)
	for _, b := range byType {
		if strings.HasPrefix(t, b.prefix) {
			return b.table
		}
	}
	if arm.IsTracked(r) {
		return "resources"
	}
	return ""
}

func (s *Server) makeRows() []row {
	var rows []row
	seenRoles := map[string]bool{}
	for r := range s.o.Inventory.All("/") {
		table := tableOf(r)
		if table == "" {
			continue
		}
		if values := s.values(r, table); values != nil {
			rows = append(rows, row{
				table: table, scope: scopeOf(r), action: actionOf(r), subscription: subscriptionOf(r.Key), values: values,
			})
		}
		if strings.EqualFold(r.Type, "Microsoft.Authorization/roleDefinitions") {
			seenRoles[strings.ToLower(r.Name)] = true
		}
	}
	if !s.o.Exact {
		rows = append(rows, s.builtinRoles(seenRoles)...)
	}
	return rows
}

func scopeOf(r *inventory.Resource) string {
	if strings.HasPrefix(strings.ToLower(r.Type), "microsoft.authorization/role") {
		return arm.ScopeOf(r)
	}
	return r.Key
}

func actionOf(r *inventory.Resource) string {
	if strings.EqualFold(r.Type, "Microsoft.Resources/resourceGroups") {
		return "Microsoft.Resources/subscriptions/resourceGroups/read"
	}
	return r.Type + "/read"
}

func subscriptionOf(key string) string {
	rest, ok := strings.CutPrefix(key, "/subscriptions/")
	if !ok {
		return ""
	}
	id, _, _ := strings.Cut(rest, "/")
	return id
}

// columns of the tables, in the order that the service gives them.
var columns = []string{
	"id", "name", "type", "tenantId", "kind", "location", "resourceGroup", "subscriptionId", "managedBy",
	"sku", "plan", "properties", "tags", "identity", "zones", "extendedLocation",
}

// values turns an ARM object into a row: type and resource group in lower
// case, what the object lacks as null.
func (s *Server) values(r *inventory.Resource, table string) map[string]any {
	var body map[string]any
	if json.Unmarshal(r.Body, &body) != nil {
		return nil
	}
	v := make(map[string]any, len(columns))
	for _, c := range columns {
		v[c] = body[c]
	}
	v["id"] = arm.Respell(r.ID, s.o.IDCase)
	v["type"] = strings.ToLower(r.Type)
	v["tenantId"] = first(body["tenantId"], s.o.Tenant.ID)
	v["subscriptionId"] = subscriptionOf(r.Key)
	v["resourceGroup"] = groupOf(r.Key)
	if v["name"] == nil {
		v["name"] = r.Name
	}
	for _, c := range []string{"kind", "location", "managedBy"} {
		if v[c] == nil {
			v[c] = "" // texts that a resource lacks come as empty ones
		}
	}
	if etag, ok := body["etag"]; ok {
		v["etag"] = etag
	}
	switch {
	case table == "resourcecontainers":
		container(r, body, v)
	case strings.EqualFold(r.Type, "Microsoft.Compute/virtualMachines"):
		v["properties"] = extended(v["properties"])
	}
	return v
}

func first(values ...any) any {
	for _, v := range values {
		if v != nil && v != "" {
			return v
		}
	}
	return nil
}

func groupOf(key string) string {
	segments := strings.Split(key, "/")
	if len(segments) > 4 && segments[3] == "resourcegroups" {
		return segments[4]
	}
	return ""
}

// container shapes subscriptions, resource groups and management groups.
//
// Source: https://learn.microsoft.com/azure/governance/resource-graph/samples/samples-by-table#resourcecontainers
func container(r *inventory.Resource, body, v map[string]any) {
	switch {
	case strings.EqualFold(r.Type, "Microsoft.Resources/resourceGroups"):
		v["type"] = "microsoft.resources/subscriptions/resourcegroups"
	case strings.EqualFold(r.Type, "Microsoft.Resources/subscriptions"):
		v["name"] = first(body["displayName"], body["name"], r.Name)
		properties, _ := body["properties"].(map[string]any)
		if properties == nil {
			properties = map[string]any{
				"state": body["state"], "subscriptionPolicies": body["subscriptionPolicies"],
				"managedByTenants": first(body["managedByTenants"], []any{}),
			}
		}
		v["properties"] = properties
	}
}

// extended moves a machine's state to where Resource Graph keeps it.
//
// Source: https://learn.microsoft.com/azure/governance/resource-graph/samples/starter#count-virtual-machines-by-power-state
func extended(properties any) any {
	p, ok := properties.(map[string]any)
	if !ok {
		return properties
	}
	view, ok := p["instanceView"].(map[string]any)
	if !ok {
		return properties
	}
	moved := make(map[string]any, len(p))
	for k, value := range p {
		moved[k] = value
	}
	delete(moved, "instanceView")
	statuses, _ := view["statuses"].([]any)
	for _, status := range statuses {
		fields, _ := status.(map[string]any)
		if code, _ := fields["code"].(string); strings.HasPrefix(code, "PowerState/") {
			moved["extended"] = map[string]any{"instanceView": map[string]any{"powerState": fields}}
		}
	}
	return moved
}

func (s *Server) builtinRoles(seen map[string]bool) []row {
	var rows []row
	for _, d := range rbac.Builtin() {
		if seen[d.GUID] {
			continue
		}
		permissions := []any{}
		for _, p := range d.Permissions {
			permissions = append(permissions, map[string]any{
				"actions": texts(p.Actions), "notActions": texts(p.NotActions),
				"dataActions": texts(p.DataActions), "notDataActions": texts(p.NotDataActions),
			})
		}
		v := map[string]any{}
		for _, c := range columns {
			v[c] = nil
		}
		for _, c := range []string{"kind", "location", "managedBy", "resourceGroup", "subscriptionId"} {
			v[c] = ""
		}
		v["id"] = "/providers/Microsoft.Authorization/RoleDefinitions/" + d.GUID
		v["name"], v["type"], v["tenantId"] = d.GUID, "microsoft.authorization/roledefinitions", s.o.Tenant.ID
		v["properties"] = map[string]any{
			"roleName": d.RoleName, "type": "BuiltInRole", "description": d.Description, "isServiceRole": false,
			"assignableScopes": texts(d.Assignable), "permissions": permissions,
		}
		rows = append(rows, row{table: "authorizationresources", values: v})
	}
	return rows
}

func texts(list []string) []any {
	out := make([]any, len(list))
	for i, s := range list {
		out[i] = s
	}
	return out
}

// table yields the rows of a table that lie in the scopes and that the caller
// may read. Objects above subscriptions are cut by permission alone.
func (s *Server) table(name string, scopes map[string]bool, who *entra.Token) (iter.Seq[map[string]any], error) {
	name = strings.ToLower(name)
	if !tables[name] {
		return nil, fmt.Errorf("%w: %s", kql.ErrUnknownTable, name)
	}
	return func(yield func(map[string]any) bool) {
		for _, r := range s.rows {
			if r.table != name || r.subscription != "" && !scopes[r.subscription] || !s.readable(r, who) {
				continue
			}
			if !yield(r.values) {
				return
			}
		}
	}, nil
}

func (s *Server) readable(r row, who *entra.Token) bool {
	if r.scope == "" {
		return true // built-in roles are no secret
	}
	if s.o.Policy.Allowed(who.Principal, r.action, r.scope) {
		return true
	}
	if r.values["type"] == "microsoft.resources/subscriptions" {
		return true // scopes holds only subscriptions where the caller has some role
	}
	// Assignments above a subscription show to those who may read them below.
	return r.table == "authorizationresources" && r.subscription == "" && s.o.Policy.AllowedBelow(who.Principal, r.action, "/")
}
