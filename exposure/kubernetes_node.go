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
	pointer    string
}

func hostPorts(s *shape) []hostPort {
	var ports []hostPort
	spec := "/spec"
	if kindOf(s.from) != "Pod" {
		spec = "/spec/template/spec"
	}
	for i, c := range s.spec.Containers {
		for j, p := range c.Ports {
			at := fmt.Sprintf("%s/containers/%d/ports/%d", spec, i, j)
			switch {
			case s.spec.HostNetwork:
				ports = append(ports, hostPort{protocolOf(p.Protocol), p.ContainerPort, p.ContainerPort, true, at})
			case p.HostPort != 0:
				ports = append(ports, hostPort{protocolOf(p.Protocol), p.HostPort, p.ContainerPort, false, at})
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
			if w.answer() != azward.No {
				w.hop(p.hop(s))
			}
			entries = append(entries, entry{way: w, protocol: p.protocol, port: uint16(p.port), seen: netpol.BehindNode(), preserved: p.network})
		}
	}
	if s.spec.HostNetwork {
		entries = append(entries, k.undeclared(s))
	}
	return dedupeBlocked(entries)
}

// hop is the port at its pod, as the pod's specification names it.
func (p hostPort) hop(s *shape) Hop {
	h := Hop{Resource: s.from.ID, Kind: "hostPort", Name: s.pod.Namespace + "/" + s.pod.Name + " / host port " + strconv.Itoa(p.host), Answer: azward.Yes}
	h.Summary = fmt.Sprintf("port %d of the node leads to port %d of the pod", p.host, p.port)
	if p.network {
		h.Summary = fmt.Sprintf("the pod listens on port %d of its node's network", p.port)
	}
	h.Evidence = []azward.Evidence{s.from.Evidence(p.pointer, h.Summary)}
	return h
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
	return k.eachFilter(w, sets, func(w *way, f nodeFilter) []*way {
		return k.nodeGroups(w, f, f.nic.own, protocol, port, strconv.Itoa(port))
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

// nodeFilter is what filters at one kind of node.
type nodeFilter struct {
	machine *estate.Resource // the scale set; nil when only a pool's subnet is known
	nic     *netInterface    // nil when nothing is known
	gaps    []azward.Gap
}

// nodeFilters returns the interfaces of all kinds of node that were read, each
// kind once: from the scale sets of the node resource group, else from the
// subnets that the agent pools name.
func (k *kubeView) nodeFilters() []nodeFilter {
	var filters []nodeFilter
	add := func(f nodeFilter) {
		if !slices.ContainsFunc(filters, func(o nodeFilter) bool { return o.alike(f) }) {
			filters = append(filters, f)
		}
	}
	if group := k.nodeGroup(); group != "" {
		for _, r := range k.nodeMachines(group) {
			nics, missing := interfacesOf(k.e, r)
			for _, n := range nics {
				add(nodeFilter{machine: r, nic: n})
			}
			if len(nics) == 0 && len(missing) > 0 {
				add(nodeFilter{machine: r, gaps: missing})
			}
		}
	}
	if len(filters) > 0 {
		return filters
	}
	for _, p := range k.view.Properties.AgentPoolProfiles {
		if p.VnetSubnetID != "" && k.cluster != nil {
			conf := &estate.IPConfiguration{}
			conf.Properties.Subnet = &estate.ResourceRef{ID: azward.ResourceID(p.VnetSubnetID)}
			add(nodeFilter{nic: interfaceOf(k.e, k.cluster, "/properties/agentPoolProfiles", conf, nil)})
		}
	}
	return filters
}

// alike reports whether two kinds of node filter the same.
func (f nodeFilter) alike(o nodeFilter) bool {
	if f.nic == nil || o.nic == nil || len(f.nic.gaps) > 0 || len(o.nic.gaps) > 0 {
		return false
	}
	return f.nic.subnetID.Equal(o.nic.subnetID) && f.nic.nicGroup.resource == o.nic.nicGroup.resource && slices.Equal(f.nic.groups, o.nic.groups)
}

// eachFilter branches the way over the kinds of node: a packet may arrive at
// any of them.
func (k *kubeView) eachFilter(w *way, filters []nodeFilter, apply func(*way, nodeFilter) []*way) []*way {
	ways := make([]*way, 0, len(filters))
	for _, f := range filters {
		branch := w.clone()
		if len(f.gaps) > 0 {
			branch.doubt(Hop{Resource: f.gaps[0].Scope, Kind: "networkSecurityGroup", Name: "security groups of the nodes", Summary: f.gaps[0].Error}, f.gaps[0])
			branch.missing(f.gaps[1:]...)
			ways = append(ways, branch)
			continue
		}
		ways = append(ways, apply(branch, f)...)
	}
	return ways
}

// nodeGroups sends what a way carries through the filters at a node, to one
// port of it. Near is what the packet names as its destination there, shown
// the port that clients use.
func (k *kubeView) nodeGroups(w *way, f nodeFilter, near netset.Addrs, protocol string, port int, shown string) []*way {
	kind, ok := checkProtocols[protocol]
	if !ok || port < 0 || port > 65535 {
		w.doubt(Hop{Resource: f.nic.holder.ID, Kind: "networkSecurityGroup", Name: f.nic.holder.Name, Summary: "azward does not know " + protocol + " " + strconv.Itoa(port)},
			azward.Gap{Scope: f.nic.holder.ID, Kind: azward.GapUnsupported, Reads: "protocol", Error: "azward does not know " + protocol + " " + strconv.Itoa(port)})
		return []*way{w}
	}
	sources, _ := currentSources(w)
	region := netset.Product(sources, netset.Port(uint16(port)))
	bare := func(w *way) {
		if f.machine == nil {
			return // the group that AKS manages was not read: its rules come next
		}
		k.noGroup(w, f)
	}
	var ways []*way
	for _, p := range f.nic.pass(k.e, w, packet{direction: inbound, near: near, protocol: kind, srcPort: anySourcePort}, region, bare) {
		p = f.nic.replies(k.e, p, kind)
		through := p.certain
		if through.IsEmpty() {
			through = p.maybe
		}
		if !through.IsEmpty() {
			p.way.flows = []Flow{{Protocol: protocol, Ports: shown, Sources: sourceNames(through.Sources())}}
			p.way.tagged(p.tags)
		}
		ways = append(ways, p.way)
	}
	return ways
}
