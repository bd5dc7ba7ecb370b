package collect

import (
	"encoding/json"
	"strings"
)

const authorizationVersion = "2022-04-01"

// Assignments of scopes above a subscription are listed in each subscription
// below it; they have one ID and are one.
//
// Source: https://learn.microsoft.com/rest/api/authorization/
var authorization = service{name: "authorization", kinds: []kind{
	{resourceType: "Microsoft.Authorization/roleAssignments", version: authorizationVersion, decisive: true, table: noTable},
	{resourceType: "Microsoft.Authorization/denyAssignments", version: authorizationVersion, decisive: true, table: noTable},
	{
		resourceType: "Microsoft.Authorization/roleDefinitions", version: authorizationVersion, decisive: true, table: noTable,
		once: roleKey,
	},
}}

// roleKey: some six hundred built-in roles come again with every subscription,
// differing by its ID alone. A role is found by the last segment of its ID.
func roleKey(body json.RawMessage) string {
	var v struct {
		Name string `json:"name"`
	}
	if json.Unmarshal(body, &v) != nil {
		return ""
	}
	return strings.ToLower(v.Name)
}
