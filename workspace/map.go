package workspace

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure"
)

// What a map can be drawn of.
const (
	NetworkType = "Microsoft.Network/virtualNetworks"
	ClusterType = "Microsoft.ContainerService/managedClusters"
)

// Bounds of a map: what is judged costs the most, about a millisecond each.
const (
	maxMapGroups = 40
	maxMapNodes  = 60 // of a group
	maxMapJudged = 400
)

// Map is one network with its subnets, or one cluster with its namespaces.
type Map struct {
	Resource Resource   `json:"resource"`
	Groups   []MapGroup `json:"groups"`
	More     int        `json:"more,omitempty"` // groups that are not told
	// Peers are the networks that a network is peered with.
	Peers []MapPeer    `json:"peers"`
	Gaps  []azward.Gap `json:"gaps"`
}

// MapGroup is a subnet or a namespace.
type MapGroup struct {
	ID    azward.ResourceID `json:"id"`
	Name  string            `json:"name"`
	Note  string            `json:"note,omitempty"` // address ranges
	Nodes []MapNode         `json:"nodes"`          // exposed ones first
	More  int               `json:"more,omitempty"`
}

// MapNode is one thing in a group.
type MapNode struct {
	ID   azward.ResourceID `json:"id"`
	Name string            `json:"name"`
	Kind string            `json:"kind"`
	// Judged says that its exposure was looked at; Exposed and Summary are the
	// answer. What runs nothing and has no endpoint is not judged.
	Judged  bool          `json:"judged"`
	Exposed azward.Answer `json:"exposed"`
	Summary string        `json:"summary,omitempty"`
	// Class of the farthest source that is let in; "" unless exposed.
	Class exposure.Class `json:"class,omitempty"`
}

// MapPeer is a peered network.
type MapPeer struct {
	ID    azward.ResourceID `json:"id"`
	Name  string            `json:"name"`
	State string            `json:"state"` // "Connected", "Initiated", "Disconnected"
}

// HasMap says that a map can be drawn of resources of a type.
func HasMap(resourceType string) bool {
	return strings.EqualFold(resourceType, NetworkType) || strings.EqualFold(resourceType, ClusterType)
}

// Map of a virtual network or a cluster in the newest estate that has it.
func (w *Workspace) Map(ctx context.Context, id azward.ResourceID) (Map, error) {
	k, r, err := w.find(ctx, id)
	if err != nil {
		return Map{}, err
	}
	m := Map{Resource: k.row(r), Groups: []MapGroup{}, Peers: []MapPeer{}, Gaps: append([]azward.Gap{}, k.Estate.GapsAt(r.ID)...)}
	d := mapper{estate: k.Estate, of: &m}
	switch {
	case strings.EqualFold(r.Type, NetworkType):
		err = d.network(r)
	case strings.EqualFold(r.Type, ClusterType):
		d.cluster(r)
	default:
		err = &azward.Error{Kind: azward.KindNotFound, Op: "draw map", Subject: string(r.ID), Cause: r.Type + " is neither a virtual network nor a cluster", Remedy: "choose one of those on the page of the estate"}
	}
	return m, err
}

// mapper collects a map.
type mapper struct {
	estate *estate.Estate
	of     *Map
	judged int
}

func (d *mapper) network(r *estate.Resource) error {
	network, err := estate.Decode[estate.VirtualNetwork](r)
	if err != nil {
		return fmt.Errorf("read %s: %w", r.ID, err)
	}
	subnets := network.Properties.Subnets
	d.of.More = max(len(subnets)-maxMapGroups, 0)
	for _, subnet := range subnets[:min(len(subnets), maxMapGroups)] {
		prefixes := subnet.Properties.AddressPrefixes
		if subnet.Properties.AddressPrefix != "" && !slices.Contains(prefixes, subnet.Properties.AddressPrefix) {
			prefixes = append([]string{subnet.Properties.AddressPrefix}, prefixes...)
		}
		group := MapGroup{ID: subnet.ID, Name: cmp.Or(subnet.Name, subnet.ID.Name()), Note: strings.Join(prefixes, ", "), Nodes: []MapNode{}}
		seen := map[azward.ResourceKey]bool{}
		for _, other := range d.estate.Referrers(subnet.ID) {
			d.add(&group, seen, d.owner(other))
		}
		d.done(group)
	}
	for _, p := range network.Properties.VirtualNetworkPeerings {
		remote := p.Properties.RemoteVirtualNetwork.ID
		d.of.Peers = append(d.of.Peers, MapPeer{ID: remote, Name: remote.Name(), State: p.Properties.PeeringState})
	}
	return nil
}

// plumbing refers to a subnet and is not in it.
var plumbing = []string{
	"Microsoft.Network/networkSecurityGroups", "Microsoft.Network/routeTables", "Microsoft.Network/natGateways", NetworkType, "Microsoft.Network/networkIntentPolicies",
	"Microsoft.Network/networkProfiles", "Microsoft.Network/virtualNetworks/subnets",
}

// owner is what a thing in a subnet belongs to: the machine of an interface.
// Nil is what only refers to the subnet, as a firewall rule of a service does.
func (d *mapper) owner(r *estate.Resource) *estate.Resource {
	switch {
	case slices.ContainsFunc(plumbing, func(t string) bool { return strings.EqualFold(t, r.Type) }):
		return nil
	case strings.EqualFold(r.Type, "Microsoft.Network/networkInterfaces"):
		for _, pointer := range []string{"/properties/virtualMachine/id", "/properties/privateEndpoint/id"} {
			var id azward.ResourceID
			if value, ok := r.At(pointer); !ok || json.Unmarshal(value, &id) != nil {
				continue // then the interface stands for itself
			}
			if owner, ok := d.estate.Resource(id); ok {
				return owner
			}
		}
	}
	return r
}

func (d *mapper) add(group *MapGroup, seen map[azward.ResourceKey]bool, r *estate.Resource) {
	if r == nil || seen[r.ID.Key()] {
		return
	}
	seen[r.ID.Key()] = true
	node := MapNode{ID: r.ID, Name: r.Name, Kind: r.Type[strings.LastIndexByte(r.Type, '/')+1:]}
	if d.judged < maxMapJudged {
		if found, ok := d.estate.Workload(r.ID); ok {
			node.judge(exposure.Reach(d.estate, found))
			d.judged++
		} else if exposure.HasEndpoint(r) {
			node.judge(exposure.PublicEndpoint(d.estate, r))
			d.judged++
		}
	}
	group.Nodes = append(group.Nodes, node)
}

func (n *MapNode) judge(x exposure.Exposure) {
	n.Judged, n.Exposed, n.Summary, n.Class = true, x.Answer, x.Summary, x.Class
}

func (d *mapper) cluster(r *estate.Resource) {
	at := map[string]int{}
	var groups []MapGroup
	for _, found := range d.estate.Workloads() {
		if of, _ := found.ID.SplitKubernetes(); !of.Equal(r.ID) {
			continue
		}
		namespace, name, ok := strings.Cut(found.Name, "/")
		if !ok {
			namespace, name = "", found.Name
		}
		i, known := at[namespace]
		if !known {
			i = len(groups)
			at[namespace] = i
			groups = append(groups, MapGroup{ID: r.ID, Name: cmp.Or(namespace, "without a namespace"), Nodes: []MapNode{}})
		}
		node := MapNode{ID: found.ID, Name: name, Kind: string(found.Kind)}
		if d.judged < maxMapJudged {
			node.judge(exposure.Reach(d.estate, found))
			d.judged++
		}
		groups[i].Nodes = append(groups[i].Nodes, node)
	}
	slices.SortFunc(groups, func(a, b MapGroup) int { return cmp.Compare(a.Name, b.Name) })
	d.of.More = max(len(groups)-maxMapGroups, 0)
	for _, group := range groups[:min(len(groups), maxMapGroups)] {
		d.done(group)
	}
}

// done orders a group, and cuts it.
func (d *mapper) done(group MapGroup) {
	rank := func(n MapNode) int {
		switch {
		case !n.Judged:
			return 3 //nolint:mnd // after exposed, unknown and not exposed
		case n.Exposed == azward.Yes:
			return 0
		case n.Exposed == azward.Unknown:
			return 1
		}
		return 2 //nolint:mnd // as above
	}
	slices.SortStableFunc(group.Nodes, func(a, b MapNode) int {
		return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a.Name, b.Name))
	})
	group.More = max(len(group.Nodes)-maxMapNodes, 0)
	group.Nodes = group.Nodes[:min(len(group.Nodes), maxMapNodes)]
	d.of.Groups = append(d.of.Groups, group)
}
