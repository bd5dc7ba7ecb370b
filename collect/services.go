package collect

import (
	"encoding/json"

	"github.com/azward/azward"
)

// services is everything that is read, in no particular order.
var services = []service{
	resourceGroups,
	compute,
	network,
	edge,
	kubernetes,
	appService,
	containerApps,
	containerInstances,
	registries,
	storage,
	databases,
	keyVault,
	identities,
	authorization,
	policies,
}

// service is what one Azure service has.
type service struct {
	name  string // as progress shows it
	kinds []kind
}

// kind is one resource type, and how it is listed.
type kind struct {
	resourceType string
	// version of Resource Manager's interface; the newest stable one that all
	// three clouds know.
	version string
	action  string   // that reading takes; "" is resourceType + "/read"
	path    string   // of the list below the subscription; "" is "/providers/" + resourceType
	query   []string // further parameters of the list: name, value …
	// decisive kinds are listed from Resource Manager although Resource Graph
	// has them too.
	decisive bool
	// table of Resource Graph that holds the type; noTable when none does.
	table string
	// states is a second list of the same resources that alone carries their
	// running state, merged into the bodies (see states.go).
	states []string
	// once gives a key to items that come again in every subscription, such as
	// built-in roles: the copy with the lowest ID is kept.
	once     func(body json.RawMessage) string
	children []child
}

func (k kind) needs() string {
	if k.action != "" {
		return k.action
	}
	return k.resourceType + "/read"
}

func (k kind) listPath(subscription azward.ResourceID) string {
	if k.path != "" {
		return string(subscription) + k.path
	}
	return string(subscription) + "/providers/" + k.resourceType
}

// Tables of Resource Graph.
//
// Source: https://learn.microsoft.com/azure/governance/resource-graph/reference/supported-tables-resources
const (
	tableResources = "" // "resources"
	tableNetwork   = "networkresources"
	noTable        = "-"
)

// child is what a list leaves out and the parent has.
type child struct {
	resourceType string
	path         string // below the parent's ID
	version      string // "" is the parent's
	query        []string
	action       string // "" is resourceType + "/read"
	single       bool   // one object, not a list
	// wanted says whether a parent has such children; nil is always. A parent
	// without needs no request.
	wanted func(parent json.RawMessage) bool
	// spared says that parents which are not wanted may have children too, so
	// that a listing holds for the parents that were read alone.
	spared   bool
	children []child
}

func (c child) needs() string {
	if c.action != "" {
		return c.action
	}
	return c.resourceType + "/read"
}

// property reads one text below properties; "" when it is not there.
func property(body json.RawMessage, name string) string {
	var v struct {
		Properties map[string]json.RawMessage `json:"properties"`
	}
	var text string
	if json.Unmarshal(body, &v) != nil || json.Unmarshal(v.Properties[name], &text) != nil {
		return ""
	}
	return text
}
