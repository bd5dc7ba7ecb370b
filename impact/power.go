package impact

import (
	"fmt"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// definition is a role definition.
//
// Source: https://learn.microsoft.com/azure/role-based-access-control/role-definitions
type definition struct {
	Properties struct {
		RoleName    string `json:"roleName"`
		Permissions []struct {
			Actions        []string `json:"actions"`
			NotActions     []string `json:"notActions"`
			DataActions    []string `json:"dataActions"`
			NotDataActions []string `json:"notDataActions"`
		} `json:"permissions"`
	} `json:"properties"`
}

// power is something that a role lets a principal do to others.
type power struct {
	action string
	data   bool   // a data action
	words  string // with %s for what it is done to
	target string // resource type of that; "" names the scope
	low    Rank   // at a single resource
	group  Rank   // at a resource group
	high   Rank   // at a subscription or above
	all    bool   // includes every other
}

// powers are the actions that lead on, the widest first.
//
// Source: https://learn.microsoft.com/azure/role-based-access-control/resource-provider-operations
var powers = []power{
	{action: "Microsoft.Authorization/roleAssignments/write", words: "can create role assignments, and so have any role, in %s", low: Lateral, group: Control, high: Control, all: true},
	{action: "Microsoft.Compute/virtualMachines/runCommand/action", words: "runs commands on %s", target: "Microsoft.Compute/virtualMachines", low: Lateral, group: Lateral, high: Control},
	{action: "Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action", words: "gets the administrator's credentials of %s", target: "Microsoft.ContainerService/managedClusters", low: Control, group: Control, high: Control},
	{action: "Microsoft.ContainerService/managedClusters/runcommand/action", words: "runs commands as administrator of %s", target: "Microsoft.ContainerService/managedClusters", low: Control, group: Control, high: Control},
	{action: "Microsoft.KeyVault/vaults/secrets/getSecret/action", data: true, words: "reads all secrets of %s", target: vaultType, low: Data, group: Data, high: Lateral},
	{action: "Microsoft.KeyVault/vaults/accessPolicies/write", words: "gives itself access to %s", target: vaultType, low: Data, group: Data, high: Lateral},
	{action: "Microsoft.Storage/storageAccounts/listKeys/action", words: "gets the keys of %s", target: "Microsoft.Storage/storageAccounts", low: Data, group: Data, high: Lateral},
	{action: "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write", data: true, words: "changes the blobs of %s", target: "Microsoft.Storage/storageAccounts", low: Data, group: Data, high: Lateral},
	{action: "Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read", data: true, words: "reads the blobs of %s", target: "Microsoft.Storage/storageAccounts", low: Data, group: Data, high: Data},
	{action: "Microsoft.ContainerRegistry/registries/push/write", words: "replaces images in %s", target: "Microsoft.ContainerRegistry/registries", low: Lateral, group: Lateral, high: Lateral},
	{action: "Microsoft.ContainerRegistry/registries/pull/read", words: "reads the images of %s", target: "Microsoft.ContainerRegistry/registries", low: Reads, group: Reads, high: Reads},
	{action: "Microsoft.Web/sites/publishxml/action", words: "gets the publishing credentials of %s", target: "Microsoft.Web/sites", low: Lateral, group: Lateral, high: Lateral},
	{action: "Microsoft.ManagedIdentity/userAssignedIdentities/assign/action", words: "attaches identities of %s to machines of its own", low: Lateral, group: Lateral, high: Control},
	{action: "Microsoft.DocumentDB/databaseAccounts/listKeys/action", words: "gets the keys of %s", target: "Microsoft.DocumentDB/databaseAccounts", low: Data, group: Data, high: Lateral},
	{action: "Microsoft.Sql/servers/administrators/write", words: "makes itself administrator of %s", target: "Microsoft.Sql/servers", low: Data, group: Data, high: Lateral},
	{action: "Microsoft.Resources/deployments/write", words: "deploys resources into %s", low: Reads, group: Lateral, high: Control},
}

func (can power) rank(scope azward.ResourceID) Rank {
	switch {
	case scope.ResourceGroup() == "":
		return can.high
	case strings.EqualFold(scope.Type(), "Microsoft.Resources/subscriptions/resourceGroups"):
		return can.group
	}
	return can.low
}

// maxTargets are named; the rest is counted.
const maxTargets = 3

// on says what the power is over: the resources of its type in the scope as
// far as they were read, else the scope. There is nothing to say when no such
// resource is there, and all were listed.
func (can power) on(e *estate.Estate, scope azward.ResourceID) (string, bool) {
	if can.target != "" {
		within := e.Matching(can.target, func(r *estate.Resource) bool { return r.ID.Within(scope) || scope.Within(r.ID) })
		var names []string
		for i, r := range within {
			if i == maxTargets {
				names = append(names, fmt.Sprintf("%d more", len(within)-maxTargets))
				break
			}
			names = append(names, r.Name)
		}
		if len(names) > 0 {
			return fmt.Sprintf(can.words, strings.Join(names, ", ")), true
		}
		if _, missing := e.Absence(scope.SubscriptionScope(), can.target); len(missing) == 0 {
			return "", false
		}
		kind := can.target[strings.LastIndexByte(can.target, '/')+1:]
		return fmt.Sprintf(can.words, kind+" in "+scopeWords(scope)+", as far as there are any"), true
	}
	return fmt.Sprintf(can.words, scopeWords(scope)), true
}

func scopeWords(scope azward.ResourceID) string {
	switch {
	case scope == "" || scope == "/":
		return "the whole tenant"
	case scope.Subscription() == "":
		return "management group " + scope.Name()
	case scope.ResourceGroup() == "":
		return "subscription " + string(scope.Subscription())
	case strings.EqualFold(scope.Type(), "Microsoft.Resources/subscriptions/resourceGroups"):
		return "resource group " + scope.ResourceGroup()
	}
	return scope.Name()
}

// allows reports whether a role gives the power: some permission has the
// action and does not take it away again.
//
// Source: https://learn.microsoft.com/azure/role-based-access-control/role-definitions#actions-format
func (d *definition) allows(can power) bool {
	for _, p := range d.Properties.Permissions {
		have, not := p.Actions, p.NotActions
		if can.data {
			have, not = p.DataActions, p.NotDataActions
		}
		if anyMatches(have, can.action) && !anyMatches(not, can.action) {
			return true
		}
	}
	return false
}

func anyMatches(patterns []string, action string) bool {
	for _, p := range patterns {
		if matches(strings.ToLower(p), strings.ToLower(action)) {
			return true
		}
	}
	return false
}

// matches compares an action with a pattern in which * stands for any text,
// slashes included.
func matches(pattern, action string) bool {
	parts := strings.Split(pattern, "*")
	if len(parts) == 1 {
		return pattern == action
	}
	if !strings.HasPrefix(action, parts[0]) {
		return false
	}
	rest := action[len(parts[0]):]
	for _, part := range parts[1 : len(parts)-1] {
		at := strings.Index(rest, part)
		if at < 0 {
			return false
		}
		rest = rest[at+len(part):]
	}
	return strings.HasSuffix(rest, parts[len(parts)-1])
}
