package exposure

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netpol"
	"github.com/azward/azward/exposure/netset"
)

// hostPort is a port of the node that leads to a pod.
type hostPort struct {
	protocol   string
	host, port int
	network    bool // the pod is on the host's network
}

func hostPorts(s *shape) []hostPort {
	var ports []hostPort
	for _, c := range s.spec.Containers {
		for _, p := range c.Ports {
			switch {
			case s.spec.HostNetwork:
				ports = append(ports, hostPort{protocolOf(p.Protocol), p.ContainerPort, p.ContainerPort, true})
			case p.HostPort != 0:
				ports = append(ports, hostPort{protocolOf(p.Protocol), p.HostPort, p.ContainerPort, false})
			}
		}
	}
	return ports
}

// hostWays are the ways through ports of the node itself. A pod on the host's
// network may listen on ports that it does not declare.
func (k *kubeView) hostWays(s *shape) []entry {
	var entries []entry
	for _, p := range hostPorts(s) {
		if p.port < 1 || p.port > 65535 {
			continue
		}
		for _, w := range k.nodeWays(p.protocol, p.host) {
			w.by = "host port " + strconv.Itoa(p.host)
			entries = append(entries, entry{way: w, protocol: p.protocol, port: uint16(p.port), seen: netpol.BehindNode(), preserved: p.network})
		}
	}
	if s.spec.HostNetwork {
		entries = append(entries, k.undeclared(s))
	}
	return dedupeBlocked(entries)
}

// undeclared is the way to ports that a pod on the host's network does not
// declare: closed when nodes have no public address, else undecided.
func (k *kubeView) undeclared(s *shape) entry {
	w := &way{class: InternetAny, by: "the host's network"}
	if k.nodeHop(w) != azward.No {
		w.doubt(Hop{Resource: s.from.ID, Kind: kindOf(s.from), Name: s.from.Name, Summary: "the pod is on the host's network, where it may listen on ports that it does not declare"},
			azward.Gap{Scope: s.from.ID, Kind: azward.GapNotRead, Reads: "/spec/containers", Error: "on which ports of the node the pod listens cannot be read"})
	}
	return entry{way: w, protocol: "tcp", seen: netpol.BehindNode()}
}

// nodeWays are the ways to a port of the nodes: their public addresses, then
// their security groups. Load balancers that users attach to nodes are
// undecided.
func (k *kubeView) nodeWays(protocol string, port int) []*way {
	w := &way{class: InternetAny, flows: []Flow{{Protocol: protocol, Ports: strconv.Itoa(port), Sources: sourceNames(publicAddrs)}}}
	answer := k.nodeHop(w)
	if answer == azward.No {
		return []*way{w}
	}
	sets := k.nodeFilters()
	if !slices.ContainsFunc(sets, func(f nodeFilter) bool { return f.machine != nil }) {
		gap := azward.Gap{
			Scope: k.id, Kind: azward.GapNotRead, Reads: "Microsoft.Compute/virtualMachineScaleSets", Needs: "Microsoft.Compute/virtualMachineScaleSets/read",
			Error: "the nodes' scale sets, which name their security groups, were not read",
		}
		w.doubt(Hop{Resource: k.id, Kind: "networkSecurityGroup", Name: "security groups of the nodes", Summary: gap.Error}, gap)
		return []*way{w}
	}
	return k.eachFilter(w, sets, func(w *way, f nodeFilter) {
		if len(f.groups) == 0 && len(f.gaps) == 0 {
			k.noGroup(w, f)
		}
		for _, g := range f.groups {
			w.groupHop(g, netip.Addr{}, protocol, port, strconv.Itoa(port), netset.AllAddrs())
		}
	})
}

// noGroup: a standard public address admits nothing without a security group,
// a basic one everything.
// Source: https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses#sku
func (k *kubeView) noGroup(w *way, f nodeFilter) {
	h := Hop{Resource: f.machine.ID, Kind: "networkSecurityGroup", Name: f.machine.Name + " / no security group"}
	if !strings.EqualFold(k.view.Properties.NetworkProfile.LoadBalancerSKU, "standard") {
		h.Summary = "the nodes have no security group, and whether their public addresses are of the standard SKU is not known"
		w.doubt(h, k.clusterGap("/properties/networkProfile/loadBalancerSku"))
		return
	}
	h.Answer, h.Summary = azward.No, "the nodes have no security group, and a standard public address admits nothing without one"
	h.Evidence = []azward.Evidence{f.machine.Evidence("/properties/virtualMachineProfile/networkProfile", h.Summary)}
	w.hop(h)
}

// nodeHop appends whether the internet reaches the nodes at all.
func (k *kubeView) nodeHop(w *way) azward.Answer {
	h := Hop{Resource: k.id, Kind: "managedCluster", Name: k.id.Name() + " / nodes"}
	if lb, ok := k.userBalancer(); ok {
		h.Resource, h.Kind, h.Name = lb.ID, "loadBalancer", lb.Name
		h.Summary = "load balancer " + lb.Name + ", which is not the cluster's own, names its nodes"
		w.doubt(h, azward.Gap{Scope: lb.ID, Kind: azward.GapUnsupported, Reads: "/properties/backendAddressPools", Error: h.Summary + "; azward does not follow it yet"})
		return azward.Unknown
	}
	answer, evidence, gaps := k.nodesPublic()
	h.Answer, h.Evidence = answer, evidence
	switch answer {
	case azward.No:
		h.Summary = "no node has a public address"
	case azward.Yes:
		h.Summary = "nodes have public addresses"
	default:
		h.Summary = "whether nodes have public addresses was not read"
		w.missing(gaps...)
	}
	w.hop(h)
	return answer
}

// nodesPublic answers whether nodes have public addresses of their own, from
// the agent pools and from the nodes' own status.
func (k *kubeView) nodesPublic() (azward.Answer, []azward.Evidence, []azward.Gap) {
	var evidence []azward.Evidence
	nodes := k.e.Objects(k.id, "Node", "")
	for _, r := range nodes {
		v, err := estate.Decode[estate.KubernetesNode](r)
		if err != nil {
			return azward.Unknown, nil, []azward.Gap{unparsed(r, err)}
		}
		for i, a := range v.Status.Addresses {
			ip, err := netip.ParseAddr(a.Address)
			if err == nil && (a.Type == "ExternalIP" || publicAddrs.Contains(ip)) {
				return azward.Yes, []azward.Evidence{r.Evidence(fmt.Sprintf("/status/addresses/%d", i), "the node has the public address "+a.Address)}, nil
			}
		}
	}
	pools := k.view.Properties.AgentPoolProfiles
	closed := len(pools) > 0
	for i, p := range pools {
		pointer := fmt.Sprintf("/properties/agentPoolProfiles/%d/enableNodePublicIP", i)
		switch {
		case p.EnableNodePublicIP == nil:
			closed = false
		case *p.EnableNodePublicIP:
			return azward.Yes, []azward.Evidence{k.cluster.Evidence(pointer, "nodes of pool "+p.Name+" have public addresses")}, nil
		default:
			evidence = append(evidence, k.cluster.Evidence(pointer, "nodes of pool "+p.Name+" have no public address"))
		}
	}
	auto := k.view.Properties.NodeProvisioningProfile
	if closed && (auto == nil || !strings.EqualFold(auto.Mode, "Auto")) {
		return azward.No, evidence, nil
	}
	proof, missing := k.e.Absence(k.id, "nodes")
	if len(missing) == 0 && len(nodes) > 0 {
		return azward.No, append(evidence, proof...), nil
	}
	return azward.Unknown, nil, append(missing, k.clusterGap("/properties/agentPoolProfiles/*/enableNodePublicIP"))
}

// userBalancer finds a load balancer that names the nodes and is not the
// cluster's own.
func (k *kubeView) userBalancer() (*estate.Resource, bool) {
	group := k.nodeGroup()
	if group == "" {
		return nil, false
	}
	for _, r := range k.nodeMachines(group) {
		for _, lb := range k.e.Referrers(r.ID, "Microsoft.Network/loadBalancers") {
			own := lb.ID.Within(group) && (strings.EqualFold(lb.Name, "kubernetes") || strings.EqualFold(lb.Name, "kubernetes-internal"))
			if !own {
				return lb, true
			}
		}
	}
	return nil, false
}

// nodeMachines are the scale sets of the node resource group.
func (k *kubeView) nodeMachines(group azward.ResourceID) []*estate.Resource {
	var found []*estate.Resource
	for _, r := range k.e.OfType("Microsoft.Compute/virtualMachineScaleSets") {
		if r.ID.Within(group) {
			found = append(found, r)
		}
	}
	return found
}

type scaleSetView struct {
	Properties struct {
		VirtualMachineProfile struct {
			NetworkProfile struct {
				NetworkInterfaceConfigurations []struct {
					Properties struct {
						NetworkSecurityGroup *idRef `json:"networkSecurityGroup"`
						IPConfigurations     []struct {
							Properties struct {
								Subnet *idRef `json:"subnet"`
							} `json:"properties"`
						} `json:"ipConfigurations"`
					} `json:"properties"`
				} `json:"networkInterfaceConfigurations"`
			} `json:"networkProfile"`
		} `json:"virtualMachineProfile"`
	} `json:"properties"`
}

type idRef struct {
	ID string `json:"id"`
}

// nodeFilter is the chain of security groups at one kind of node: that of the
// subnet and that of the interface, which must both allow.
type nodeFilter struct {
	machine *estate.Resource // the scale set; nil when only a pool's subnet is known
	groups  []nodeGroup
	gaps    []azward.Gap
}

// nodeFilters returns the chains of all kinds of node that were read, each
// once: from the scale sets of the node resource group, else from the subnets
// that the agent pools name.
func (k *kubeView) nodeFilters() []nodeFilter {
	var filters []nodeFilter
	add := func(f nodeFilter) {
		same := func(o nodeFilter) bool {
			return len(o.gaps) == 0 && len(f.gaps) == 0 && slices.EqualFunc(o.groups, f.groups, func(a, b nodeGroup) bool { return a.Resource == b.Resource && a.wide == b.wide })
		}
		if !slices.ContainsFunc(filters, same) {
			filters = append(filters, f)
		}
	}
	if group := k.nodeGroup(); group != "" {
		for _, r := range k.nodeMachines(group) {
			for _, f := range k.machineFilters(r) {
				add(f)
			}
		}
	}
	if len(filters) > 0 {
		return filters
	}
	for _, p := range k.view.Properties.AgentPoolProfiles {
		if p.VnetSubnetID != "" {
			add(k.chain(nil, nil, azward.ResourceID(p.VnetSubnetID)))
		}
	}
	return filters
}

func (k *kubeView) machineFilters(r *estate.Resource) []nodeFilter {
	v, err := estate.Decode[scaleSetView](r)
	if err != nil {
		return []nodeFilter{{machine: r, gaps: []azward.Gap{unparsed(r, err)}}}
	}
	var filters []nodeFilter
	for _, nic := range v.Properties.VirtualMachineProfile.NetworkProfile.NetworkInterfaceConfigurations {
		for _, c := range nic.Properties.IPConfigurations {
			subnet := azward.ResourceID("")
			if c.Properties.Subnet != nil {
				subnet = azward.ResourceID(c.Properties.Subnet.ID)
			}
			filters = append(filters, k.chain(r, nic.Properties.NetworkSecurityGroup, subnet))
		}
	}
	return filters
}

// chain reads the groups of one interface and its subnet.
func (k *kubeView) chain(machine *estate.Resource, own *idRef, subnet azward.ResourceID) nodeFilter {
	f := nodeFilter{machine: machine}
	wide := false
	var ids []azward.ResourceID
	if s, ok := k.subnet(subnet); ok {
		if g := s.Properties.NetworkSecurityGroup; g != nil {
			ids = append(ids, azward.ResourceID(g.ID))
		}
		wide = s.Properties.RouteTable != nil && k.hasDefaultRoute(azward.ResourceID(s.Properties.RouteTable.ID))
	} else {
		f.gaps = append(f.gaps, azward.Gap{
			Scope: subnet, Kind: azward.GapNotRead, Reads: "Microsoft.Network/virtualNetworks/subnets",
			Needs: "Microsoft.Network/virtualNetworks/subnets/read", Error: "the nodes' subnet, which may have a security group, was not read",
		})
	}
	if own != nil {
		ids = append(ids, azward.ResourceID(own.ID))
	}
	for _, id := range ids {
		r, ok := k.e.Resource(id)
		if !ok {
			f.gaps = append(f.gaps, azward.Gap{
				Scope: id, Kind: azward.GapNotRead, Reads: "Microsoft.Network/networkSecurityGroups",
				Needs: "Microsoft.Network/networkSecurityGroups/read", Error: "the security group of the nodes was not read",
			})
			continue
		}
		f.groups = append(f.groups, nodeGroup{Resource: r, wide: wide})
	}
	return f
}

// eachFilter branches the way over the kinds of node: a packet may arrive at
// any of them.
func (k *kubeView) eachFilter(w *way, filters []nodeFilter, apply func(*way, nodeFilter)) []*way {
	ways := make([]*way, 0, len(filters))
	for _, f := range filters {
		branch := w.clone()
		apply(branch, f)
		if len(f.gaps) > 0 {
			branch.doubt(Hop{Resource: f.gaps[0].Scope, Kind: "networkSecurityGroup", Name: "security groups of the nodes", Summary: f.gaps[0].Error}, f.gaps[0])
			branch.missing(f.gaps[1:]...)
		}
		ways = append(ways, branch)
	}
	return ways
}

// hasDefaultRoute reports whether a route table has, or may have, a route for
// all addresses.
func (k *kubeView) hasDefaultRoute(id azward.ResourceID) bool {
	r, ok := k.e.Resource(id)
	if !ok {
		return true
	}
	v, err := estate.Decode[struct {
		Properties struct {
			Routes []struct {
				Properties struct {
					AddressPrefix string `json:"addressPrefix"`
				} `json:"properties"`
			} `json:"routes"`
		} `json:"properties"`
	}](r)
	if err != nil {
		return true
	}
	for _, route := range v.Properties.Routes {
		p, _, err := netset.ParsePrefix(route.Properties.AddressPrefix)
		if err != nil || publicAddrs.Overlaps(netset.PrefixAddrs(p)) {
			return true // a service tag, or public addresses
		}
	}
	return false
}

type subnetView struct {
	Name       string `json:"name"`
	Properties struct {
		NetworkSecurityGroup *idRef `json:"networkSecurityGroup"`
		RouteTable           *idRef `json:"routeTable"`
	} `json:"properties"`
}

// subnet finds a subnet, which stands in a record of its own or in its
// virtual network's.
func (k *kubeView) subnet(id azward.ResourceID) (*subnetView, bool) {
	if r, ok := k.e.Resource(id); ok {
		if v, err := estate.Decode[subnetView](r); err == nil {
			return v, true
		}
	}
	r, ok := k.e.Resource(id.Parent())
	if !ok {
		return nil, false
	}
	v, err := estate.Decode[struct {
		Properties struct {
			Subnets []subnetView `json:"subnets"`
		} `json:"properties"`
	}](r)
	if err != nil {
		return nil, false
	}
	for i := range v.Properties.Subnets {
		if strings.EqualFold(v.Properties.Subnets[i].Name, id.Name()) {
			return &v.Properties.Subnets[i], true
		}
	}
	return nil, false
}
