package arm

import (
	"encoding/json"
	"net/http"
	"regexp"
	"slices"
	"strings"

	"github.com/azward/azward/azuresim/inventory"
	"github.com/azward/azward/azuresim/rbac"
)

// authorization answers what Microsoft.Authorization answers differently from
// other providers: assignments are inherited by scopes below, and role
// definitions include the built-in ones.
//
// Source: https://learn.microsoft.com/rest/api/authorization/
func (c *call) authorization() (handled bool, e *Error) {
	kind := strings.ToLower(c.target.tail[0])
	switch {
	case kind == "permissions" && len(c.target.tail) == 1:
		c.listPermissions()
		return true, nil
	case kind == "roledefinitions" && len(c.target.tail) == 2:
		return true, c.getRoleDefinition()
	case kind == "roledefinitions" && len(c.target.tail) == 1:
		return true, c.listRoleDefinitions()
	case (kind == "roleassignments" || kind == "denyassignments") && len(c.target.tail) == 1:
		return true, c.listAssignments()
	}
	return false, nil
}

var assignmentFilter = regexp.MustCompile(`(?i)^\s*(?:(atScope\(\))|assignedTo\('([^']*)'\)|(principalId)\s+eq\s+'?\{?([0-9a-f-]*)\}?'?)\s*$`)

// assignmentTest is what a $filter asks of an assignment.
type assignmentTest struct {
	atScope   bool
	principal []string // any of these; nil is anyone
}

func (c *call) parseAssignmentFilter() (assignmentTest, *Error) {
	var t assignmentTest
	filter := c.r.URL.Query().Get("$filter")
	if filter == "" {
		return t, nil
	}
	for part := range strings.SplitSeq(filter, " and ") {
		m := assignmentFilter.FindStringSubmatch(part)
		switch {
		case m == nil:
			return t, fail(http.StatusBadRequest, "UnsupportedQuery", "The filter '%.200s' is not supported. Supported filters are either 'atScope()' or 'principalId eq {value}' or 'assignedTo('{value}')'.", filter)
		case m[1] != "":
			t.atScope = true
		case m[3] != "":
			t.principal = []string{m[4]}
		default:
			t.principal = []string{m[2]}
			if c.o.GroupsOf != nil {
				t.principal = append(t.principal, c.o.GroupsOf(m[2])...)
			}
		}
	}
	return t, nil
}

// listAssignments gives those at the scope and above it, and those below it
// unless the filter says atScope().
//
// Source: https://learn.microsoft.com/azure/role-based-access-control/role-assignments-list-rest
func (c *call) listAssignments() *Error {
	test, e := c.parseAssignmentFilter()
	if e != nil {
		return e
	}
	scope := c.target.scope
	action := readAction(c.target.resourceType())
	above := c.o.Inventory.Ancestors(c.subscriptionScope())
	var items []*inventory.Resource
	for r := range c.o.Inventory.List("/", c.target.resourceType()) {
		at := ScopeOf(r)
		inherited := rbac.Covers(at, scope, above)
		below := rbac.Covers(scope, at, nil)
		if (inherited || below && !test.atScope) && test.matches(r) {
			items = append(items, r)
		}
	}
	if e := c.checkListAllowed(action, scope); e != nil {
		return e
	}
	if !c.allowed(action, scope) {
		items = slices.DeleteFunc(items, func(r *inventory.Resource) bool { return !c.allowed(action, ScopeOf(r)) })
	}
	return c.list(items, c.renderListed)
}

func (c *call) subscriptionScope() string {
	if c.target.subscription != "" {
		return "/subscriptions/" + c.target.subscription
	}
	return c.target.scope
}

func (t assignmentTest) matches(r *inventory.Resource) bool {
	if t.principal == nil {
		return true
	}
	var body struct {
		Properties struct {
			PrincipalID string `json:"principalId"`
		} `json:"properties"`
	}
	if json.Unmarshal(r.Body, &body) != nil {
		return false
	}
	return slices.ContainsFunc(t.principal, func(p string) bool { return strings.EqualFold(p, body.Properties.PrincipalID) })
}

// ScopeOf is the scope of an assignment: what its properties say, or else what
// its ID lies below.
func ScopeOf(r *inventory.Resource) string {
	var body struct {
		Properties struct {
			Scope string `json:"scope"`
		} `json:"properties"`
	}
	if json.Unmarshal(r.Body, &body) == nil && body.Properties.Scope != "" {
		return body.Properties.Scope
	}
	scope := parse(r.ID).scope
	if scope == "" {
		return "/"
	}
	return scope
}

// listPermissions gives the caller's own roles at the scope.
//
// Source: https://learn.microsoft.com/rest/api/authorization/permissions/list-for-resource-group
func (c *call) listPermissions() {
	values := []any{}
	for _, p := range c.o.Policy.PermissionsAt(c.who.Principal, c.target.scope) {
		values = append(values, permissionBody(p))
	}
	writeJSON(c.w, http.StatusOK, map[string]any{"value": values})
}

func permissionBody(p rbac.Permission) map[string]any {
	return map[string]any{
		"actions": orEmpty(p.Actions), "notActions": orEmpty(p.NotActions),
		"dataActions": orEmpty(p.DataActions), "notDataActions": orEmpty(p.NotDataActions),
	}
}

func orEmpty(list []string) []string {
	if list == nil {
		return []string{}
	}
	return list
}

func (c *call) getRoleDefinition() *Error {
	action := "Microsoft.Authorization/roleDefinitions/read"
	if !c.allowed(action, c.target.scope) {
		return c.forbidden(action, c.target.scope)
	}
	guid := c.target.last()
	for r := range c.roleDefinitions(true) {
		if strings.EqualFold(r.Name, guid) {
			writeJSON(c.w, http.StatusOK, r.Body)
			return nil
		}
	}
	return fail(http.StatusNotFound, "RoleDefinitionDoesNotExist", "The specified role definition with ID '%.60s' does not exist.", guid)
}

// listRoleDefinitions gives the built-in roles and the custom ones that can be
// assigned at the scope.
//
// Source: https://learn.microsoft.com/azure/role-based-access-control/role-definitions-list
func (c *call) listRoleDefinitions() *Error {
	action := "Microsoft.Authorization/roleDefinitions/read"
	scope := c.target.scope
	if e := c.checkListAllowed(action, scope); e != nil {
		return e
	}
	keep, e := c.roleFilter()
	if e != nil {
		return e
	}
	var items []*inventory.Resource
	for r := range c.roleDefinitions(!c.o.Exact) {
		var role roleBody
		if json.Unmarshal(r.Body, &role) == nil && keep(role) && c.assignable(role, scope) {
			items = append(items, r)
		}
	}
	slices.SortFunc(items, byKey)
	return c.list(items, func(r *inventory.Resource) json.RawMessage { return r.Body })
}

type roleBody struct {
	Properties struct {
		RoleName         string   `json:"roleName"`
		Type             string   `json:"type"`
		AssignableScopes []string `json:"assignableScopes"`
	} `json:"properties"`
}

func (c *call) assignable(role roleBody, scope string) bool {
	above := c.o.Inventory.Ancestors(c.subscriptionScope())
	return strings.EqualFold(role.Properties.Type, "BuiltInRole") || len(role.Properties.AssignableScopes) == 0 ||
		slices.ContainsFunc(role.Properties.AssignableScopes, func(s string) bool {
			return rbac.Covers(s, scope, above) || rbac.Covers(scope, s, nil)
		})
}

var roleClause = regexp.MustCompile(`(?i)^\s*(?:(roleName|type)\s+eq\s+'([^']*)'|atScopeAndBelow\(\)|atScope\(\))\s*$`)

func (c *call) roleFilter() (func(roleBody) bool, *Error) {
	filter := c.r.URL.Query().Get("$filter")
	if filter == "" {
		return func(roleBody) bool { return true }, nil
	}
	m := roleClause.FindStringSubmatch(filter)
	if m == nil {
		return nil, fail(http.StatusBadRequest, "UnsupportedQuery", "The filter '%.200s' is not supported.", filter)
	}
	return func(r roleBody) bool {
		switch strings.ToLower(m[1]) {
		case "rolename":
			return strings.EqualFold(r.Properties.RoleName, m[2])
		case "type":
			return strings.EqualFold(r.Properties.Type, m[2])
		}
		return true
	}, nil
}

// roleDefinitions yields the records, one per GUID, and with builtin the
// built-in roles that no record spells out.
func (c *call) roleDefinitions(builtin bool) func(yield func(*inventory.Resource) bool) {
	return func(yield func(*inventory.Resource) bool) {
		seen := map[string]bool{}
		for r := range c.o.Inventory.List("/", "Microsoft.Authorization/roleDefinitions") {
			guid := strings.ToLower(r.Name)
			if seen[guid] {
				continue
			}
			seen[guid] = true
			if !yield(r) {
				return
			}
		}
		if !builtin {
			return
		}
		for _, d := range rbac.Builtin() {
			if !seen[d.GUID] && !yield(c.builtinRole(d)) {
				return
			}
		}
	}
}

func (c *call) builtinRole(d rbac.Definition) *inventory.Resource {
	id := c.subscriptionPrefix() + "/providers/Microsoft.Authorization/roleDefinitions/" + d.GUID
	permissions := make([]any, 0, len(d.Permissions))
	for _, p := range d.Permissions {
		permissions = append(permissions, permissionBody(p))
	}
	raw, err := json.Marshal(map[string]any{
		"id": id, "type": "Microsoft.Authorization/roleDefinitions", "name": d.GUID,
		"properties": map[string]any{
			"roleName": d.RoleName, "type": "BuiltInRole", "description": d.Description,
			"assignableScopes": d.Assignable, "permissions": permissions,
			"createdOn": "2015-02-02T21:55:09.8806423Z", "updatedOn": "2021-11-11T20:13:58.1848763Z",
		},
	})
	if err != nil {
		raw = json.RawMessage("{}") // texts and lists always marshal
	}
	return &inventory.Resource{ID: id, Key: strings.ToLower(id), Name: d.GUID, Type: "Microsoft.Authorization/roleDefinitions", Body: raw, Derived: true}
}

func (c *call) subscriptionPrefix() string {
	if c.target.subscription == "" {
		return ""
	}
	return "/subscriptions/" + c.target.subscription
}
