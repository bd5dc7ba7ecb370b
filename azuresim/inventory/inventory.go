// Package inventory keeps a tenant's ARM objects so that they can be had by
// ID, by type below a scope, and as children of their parent. Build it with
// [New]; it is read-only then and safe for concurrent use.
package inventory

import (
	"encoding/json"
	"fmt"
	"iter"
	"slices"
	"sort"
	"strings"
)

// Resource is one ARM object.
type Resource struct {
	ID         string // as its record spells it
	Key        string // ID in lower case, without a trailing slash
	Type       string // "Microsoft.Network/virtualNetworks/subnets", as spelt
	Name       string
	APIVersion string // that the record states; may be ""
	Body       json.RawMessage
	// Derived was taken out of its parent's body, or invented for an ID that
	// others mention (a resource group), and is no record of its own.
	Derived bool
}

// Inventory is the tree.
type Inventory struct {
	byKey  map[string]*Resource
	byType map[string][]*Resource // by type in lower case, sorted by key
	all    []*Resource            // sorted by key
	// parents leads from a subscription or management group to the management
	// group above it.
	parents map[string]string
	tenant  string
}

// Input is one record.
type Input struct {
	ID, APIVersion string
	Body           json.RawMessage
}

// New builds the inventory. Subscriptions that only appear in IDs are always
// added, since nothing in them could be reached otherwise; resource groups
// that only appear in IDs are added unless exact.
func New(tenant string, records []Input, exact bool) (*Inventory, error) {
	inv := &Inventory{
		byKey:  make(map[string]*Resource, len(records)),
		byType: map[string][]*Resource{}, parents: map[string]string{}, tenant: tenant,
	}
	for _, in := range records {
		r := resource(in)
		if inv.byKey[r.Key] != nil {
			return nil, fmt.Errorf("two records of %s", in.ID)
		}
		inv.byKey[r.Key] = r
	}
	for _, in := range records {
		inv.mention(in.ID, exact)
	}
	for _, r := range inv.byKey {
		inv.all = append(inv.all, r)
	}
	slices.SortFunc(inv.all, func(a, b *Resource) int { return strings.Compare(a.Key, b.Key) })
	for _, r := range inv.all {
		t := strings.ToLower(r.Type)
		inv.byType[t] = append(inv.byType[t], r)
	}
	inv.hierarchy()
	return inv, nil
}

func resource(in Input) *Resource {
	id := "/" + strings.Trim(in.ID, "/")
	r := &Resource{
		ID: id, Key: strings.ToLower(id), Type: TypeOf(id),
		Name: id[strings.LastIndexByte(id, '/')+1:], APIVersion: in.APIVersion, Body: in.Body,
	}
	// The record's own type has the casing that Azure gave it.
	var head struct {
		Type string `json:"type"`
	}
	if json.Unmarshal(in.Body, &head) == nil && strings.EqualFold(head.Type, r.Type) {
		r.Type = head.Type
	}
	return r
}

// mention adds the subscription and resource group that an ID lies in.
func (inv *Inventory) mention(id string, exact bool) {
	segments := strings.Split(strings.Trim(id, "/"), "/")
	if len(segments) < 2 || !strings.EqualFold(segments[0], "subscriptions") {
		return
	}
	sub := "/subscriptions/" + segments[1]
	if inv.byKey[strings.ToLower(sub)] == nil {
		inv.add(sub, map[string]any{
			"id": sub, "subscriptionId": segments[1], "tenantId": inv.tenant,
			"displayName": segments[1], "state": "Enabled", "authorizationSource": "RoleBased",
		})
	}
	if exact || len(segments) < 4 || !strings.EqualFold(segments[2], "resourceGroups") {
		return
	}
	group := sub + "/resourceGroups/" + segments[3]
	if inv.byKey[strings.ToLower(group)] == nil {
		inv.add(group, map[string]any{
			"id": group, "name": segments[3], "type": "Microsoft.Resources/resourceGroups",
			"location": "westeurope", "properties": map[string]any{"provisioningState": "Succeeded"},
		})
	}
}

func (inv *Inventory) add(id string, body map[string]any) {
	raw, err := json.Marshal(body)
	if err != nil {
		return // maps of texts always marshal
	}
	r := resource(Input{ID: id, Body: raw})
	r.Derived = true
	inv.byKey[r.Key] = r
}

// hierarchy reads which management group holds what: from a group's parent,
// from its children, and from a subscription's chain of ancestors.
func (inv *Inventory) hierarchy() {
	const prefix = "/providers/microsoft.management/managementgroups/"
	for _, r := range inv.byType["microsoft.management/managementgroups"] {
		var body struct {
			Properties struct {
				Details struct {
					Parent struct {
						ID string `json:"id"`
					} `json:"parent"`
				} `json:"details"`
				Children []struct {
					ID string `json:"id"`
				} `json:"children"`
			} `json:"properties"`
		}
		if json.Unmarshal(r.Body, &body) != nil {
			continue
		}
		if p := body.Properties.Details.Parent.ID; p != "" {
			inv.parents[r.Key] = strings.ToLower(p)
		}
		for _, c := range body.Properties.Children {
			child := strings.ToLower(c.ID)
			if at := strings.LastIndex(child, "/subscriptions/"); at > 0 {
				child = child[at:]
			}
			inv.parents[child] = r.Key
		}
	}
	for _, r := range inv.byType["microsoft.management/managementgroups/subscriptions"] {
		parent, _, _ := strings.Cut(r.Key, "/subscriptions/")
		inv.parents["/subscriptions/"+strings.ToLower(r.Name)] = parent
	}
	for _, r := range inv.byType["microsoft.resources/subscriptions"] {
		var body struct {
			Properties struct {
				Chain []struct {
					Name string `json:"name"`
				} `json:"managementGroupAncestorsChain"`
			} `json:"properties"`
		}
		if json.Unmarshal(r.Body, &body) != nil {
			continue
		}
		at := r.Key
		for _, group := range body.Properties.Chain {
			inv.parents[at] = prefix + strings.ToLower(group.Name)
			at = inv.parents[at]
		}
	}
}

const maxHierarchy = 16 // levels; Azure allows six below the root

// Ancestors gives the management groups above a subscription or management
// group, nearest first, as IDs in lower case.
func (inv *Inventory) Ancestors(scope string) []string {
	var up []string
	at := strings.ToLower(scope)
	for range maxHierarchy {
		parent, ok := inv.parents[at]
		if !ok {
			break
		}
		up = append(up, parent)
		at = parent
	}
	return up
}

// Get finds a resource by ID in any case, deriving it from its parent's body
// when it has no record of its own.
func (inv *Inventory) Get(id string) (*Resource, bool) {
	key := strings.ToLower("/" + strings.Trim(id, "/"))
	if r := inv.byKey[key]; r != nil {
		return r, true
	}
	parentID, childType, ok := cutChild(key)
	if !ok {
		return nil, false
	}
	parent, ok := inv.Get(parentID)
	if !ok {
		return nil, false
	}
	for _, child := range derive(parent, childType) {
		if child.Key == key {
			return child, true
		}
	}
	return nil, false
}

// cutChild parts ".../virtualnetworks/v/subnets/s" into the parent's ID and
// "subnets". A top-level resource has no parent.
func cutChild(key string) (parent, childType string, ok bool) {
	provider := strings.LastIndex(key, "/providers/")
	if provider < 0 {
		return "", "", false
	}
	segments := strings.Split(key[provider+len("/providers/"):], "/")
	if len(segments) < 5 {
		return "", "", false
	}
	childType = segments[len(segments)-2]
	return strings.TrimSuffix(key, "/"+childType+"/"+segments[len(segments)-1]), childType, true
}

// List yields the resources of one type (any case) at or below scope, in the
// order of their IDs.
func (inv *Inventory) List(scope, resourceType string) iter.Seq[*Resource] {
	return within(inv.byType[strings.ToLower(resourceType)], scope)
}

// All yields everything at or below scope, in the order of IDs.
func (inv *Inventory) All(scope string) iter.Seq[*Resource] { return within(inv.all, scope) }

// Types lists the types that there are records of, as spelt.
func (inv *Inventory) Types() []string {
	var types []string
	for _, list := range inv.byType {
		types = append(types, list[0].Type)
	}
	slices.Sort(types)
	return types
}

func within(sorted []*Resource, scope string) iter.Seq[*Resource] {
	key := strings.ToLower("/" + strings.Trim(scope, "/"))
	if key == "/" {
		return slices.Values(sorted)
	}
	return func(yield func(*Resource) bool) {
		at := sort.Search(len(sorted), func(i int) bool { return sorted[i].Key >= key })
		for ; at < len(sorted) && strings.HasPrefix(sorted[at].Key, key); at++ {
			k := sorted[at].Key
			if len(k) > len(key) && k[len(key)] != '/' {
				continue // a sibling whose name begins alike
			}
			if !yield(sorted[at]) {
				return
			}
		}
	}
}

// Children lists the children of one type: records, or else what the parent's
// body embeds.
func (inv *Inventory) Children(parent *Resource, childType string) []*Resource {
	var children []*Resource
	for r := range inv.List(parent.Key+"/"+strings.ToLower(childType), parent.Type+"/"+childType) {
		children = append(children, r)
	}
	if len(children) > 0 {
		return children
	}
	return derive(parent, childType)
}

// TypeOf reads the type out of an ID, as spelt there.
func TypeOf(id string) string {
	at := strings.LastIndex(strings.ToLower(id), "/providers/")
	if at < 0 {
		if strings.Count(strings.Trim(id, "/"), "/") == 1 {
			return "Microsoft.Resources/subscriptions"
		}
		return "Microsoft.Resources/resourceGroups"
	}
	segments := strings.Split(strings.Trim(id[at+len("/providers/"):], "/"), "/")
	parts := segments[:1:1]
	for i := 1; i < len(segments); i += 2 {
		parts = append(parts, segments[i])
	}
	return strings.Join(parts, "/")
}
