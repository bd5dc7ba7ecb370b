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
	dataStores,
	messaging,
	ai,
	keyVault,
	backup,
	defender,
	monitor,
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
	// whole kinds are listed from Resource Manager once more where Resource
	// Graph shows that a subscription has some: its copies may leave properties
	// out, and rules are about properties that are not set. Where there are
	// none it costs nothing.
	whole bool
	// where cuts what is taken of the type from Resource Graph, as a condition
	// of its language; most bounds how many of all subscriptions. Neither
	// gives a complete listing.
	where string
	most  int // 0 is no bound but the client's
	// own says that the list holds what is attached to the subscription itself
	// and nothing of what lies in it.
	own bool
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
	// nested children lie in something below the parent that may be missing,
	// and they with it.
	nested bool
	// lone says that the single object is the only one of its type below the
	// parent, so that reading it lists the type.
	lone bool
	// attached children are an extension's resources: their IDs are the
	// parent's followed by another provider, and what is attached to the
	// parent's own children is not among them.
	attached bool
	// trim drops of an item what nobody asks for; nil drops nothing.
	trim func(item json.RawMessage) json.RawMessage
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
