package exposure

import (
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netpol"
	"github.com/azward/azward/exposure/netset"
)

// Rung answers whether sources of one class reach a workload.
type Rung struct {
	Class  Class         `json:"class"`
	Answer azward.Answer `json:"answer"`
	// Summary is one clause, as in [Exposure].
	Summary  string            `json:"summary"`
	Flows    []Flow            `json:"flows"`
	Path     []Hop             `json:"path"`
	Evidence []azward.Evidence `json:"evidence"`
	Gaps     []azward.Gap      `json:"gaps"`
}

// Ladder answers for every source class in turn, the farthest first. A
// workload that any address reaches is reached by every class on the internet;
// a list, a service tag or a sign-in lets in its own class alone. Sources
// inside networks are judged by themselves, at the filters of the workload:
// whether their own side lets them out is their matter.
func Ladder(e *estate.Estate, w estate.Workload) []Rung {
	r := reach(e, w)
	var rungs []Rung
	for _, class := range []Class{InternetAny, InternetRestricted, AzureAnyTenant, FrontServiceShared, Authenticated} {
		rungs = append(rungs, r.rung(w.Workload, class))
	}
	rungs = append(rungs, rungOf(PartnerPrivate, partners(e, w)))
	return append(rungs, privateRungs(e, w, r)...)
}

// rung settles the ways for a class: one that lets in others alone is closed.
func (r reached) rung(w azward.Workload, class Class) Rung {
	var ways []*way
	for _, open := range r.ways {
		if open.answer() == azward.Yes && open.class != class && open.class != InternetAny {
			kept := open.clone()
			h := kept.hops[len(kept.hops)-1]
			h.Answer, h.Summary = azward.No, "lets in others alone: "+strings.TrimSuffix(sourceWords(open), ",")
			kept.hops = append(kept.hops[:len(kept.hops)-1], h)
			ways = append(ways, kept)
			continue
		}
		ways = append(ways, open)
	}
	return rungOf(class, settle(w, ways, r.end))
}

func rungOf(class Class, x Exposure) Rung {
	return Rung{Class: class, Answer: x.Answer, Summary: x.Summary, Flows: x.Flows, Path: x.Path, Evidence: x.Evidence, Gaps: x.Gaps}
}

// privateRungs are the classes of sources that do not come from the internet.
func privateRungs(e *estate.Estate, w estate.Workload, public reached) []Rung {
	var rungs []Rung
	for _, class := range []Class{PrivateConnected, VnetPeered, VnetLocal} {
		var ways []*way
		var end closing
		switch w.Kind {
		case azward.VirtualMachine, azward.VirtualMachineScaleSet:
			interfaces, missing := interfacesOf(e, w.Resource)
			end.missing = append(end.missing, missing...)
			for _, n := range interfaces {
				ways = append(ways, n.fromClass(e, class)...)
				through, gaps := n.privateFronts(e, w.Resource, class)
				ways, end.missing = append(ways, through...), append(end.missing, gaps...)
			}
			ways = append(ways, openToAll(behindFronts(public.ways), class)...)
			if len(interfaces) == 0 {
				end.none = "it has no network interface"
			}
		case azward.Deployment, azward.StatefulSet, azward.DaemonSet, azward.ReplicaSet, azward.Job, azward.CronJob, azward.Pod:
			ways = podsFromClass(e, w, class, &end)
		case azward.ContainerAppJob:
			end = public.end
		default:
			ways = append(serviceFromClass(e, w.Resource, class, &end), openToAll(public.ways, class)...)
		}
		rungs = append(rungs, rungOf(class, settle(w.Workload, ways, end)))
	}
	switch {
	case w.Resource == nil:
	case w.Resource.Cluster != "":
		rungs = append(rungs, rungOf(SameCluster, sameCluster(e, w)))
	case w.Kind == azward.ContainerApp:
		rungs = append(rungs, rungOf(SameCluster, sameEnvironment(e, w)))
	}
	return rungs
}

// neighbours are the addresses of a class around an interface: the network
// itself, its peers, or what stands behind its gateways.
func (n *netInterface) neighbours(e *estate.Estate, class Class) (space named, none Hop) {
	none = Hop{Resource: n.vnetID, Kind: "virtualNetwork", Name: n.vnetID.Name(), Answer: azward.No}
	r, ok := e.Resource(n.vnetID)
	if !ok {
		return named{maybe: privateAddrs, doubt: "the virtual network was not read"}, none
	}
	v, err := estate.Decode[estate.VirtualNetwork](r)
	if err != nil {
		return named{maybe: privateAddrs, doubt: "the virtual network has an unexpected shape"}, none
	}
	const peerings = "/properties/virtualNetworkPeerings"
	switch class {
	case VnetLocal:
		none.Summary, none.Evidence = "the network has no addresses", []azward.Evidence{r.Evidence("/properties/addressSpace", "the network's space")}
		return named{certain: prefixes(v.Properties.AddressSpace.AddressPrefixes).Minus(n.single())}, none
	case VnetPeered:
		none.Summary, none.Evidence = "the network has no connected peering", []azward.Evidence{r.Evidence(peerings, "peerings of the network")}
		if absent(r, peerings) {
			return named{maybe: privateAddrs, doubt: "the peerings of the network were not read"}, none
		}
		if mesh, ok := e.Resource(n.vnetID + "/providers/" + effectiveMeshType + "/default"); ok {
			space.add(named{maybe: privateAddrs, doubt: "network manager connectivity " + mesh.Name + " may join further networks, which azward does not follow"})
		}
		for _, p := range v.Properties.VirtualNetworkPeerings {
			on := p.Properties.AllowVirtualNetworkAccess
			if !strings.EqualFold(p.Properties.PeeringState, "Connected") || on != nil && !*on {
				continue
			}
			peer := peerSpace(e, p)
			if on == nil {
				peer = named{maybe: peer.certain.Union(peer.maybe), doubt: "peering " + p.Name + " does not say allowVirtualNetworkAccess"}
			}
			space.add(peer)
		}
		return space, none
	}
	none.Summary = "no gateway leads on from the network"
	none.Evidence = []azward.Evidence{r.Evidence("/properties/subnets", "subnets of the network"), r.Evidence(peerings, "peerings of the network")}
	if absent(r, peerings) || absent(r, "/properties/subnets") {
		return named{maybe: privateAddrs, doubt: "the subnets or the peerings of the network were not read"}, none
	}
	probe := netInterface{vnetID: n.vnetID, holder: n.holder}
	if subnetOf(e, n.vnetID.Child("subnets", "GatewaySubnet"), v) != nil {
		probe.behindGateway(e, n.vnetID)
	}
	for _, p := range v.Properties.VirtualNetworkPeerings {
		if p.Properties.UseRemoteGateways {
			probe.behindGateway(e, p.Properties.RemoteVirtualNetwork.ID)
		}
	}
	var learned Routes
	n.hubs(e, v, &learned)
	probe.maybe(learned.Doubt.Intersect(privateAddrs), learned.Why)
	return named{certain: probe.vnet, maybe: probe.beyond, doubt: probe.beyondWhy}, none
}

// single is the interface's own address, where one is known.
func (n *netInterface) single() netset.Addrs {
	if n.conf == nil || n.conf.Properties.PrivateIPAddress == "" {
		return netset.Addrs{}
	}
	return n.own
}

// fromClass are the ways from the addresses of a class through the filters at
// an interface, one for each protocol.
func (n *netInterface) fromClass(e *estate.Estate, class Class) []*way {
	return n.fromNeighbours(e, class, approach{protocols: []netset.Protocol{netset.TCP, netset.UDP, netset.ICMP}, ports: netset.AllPorts(), by: "the network"})
}

// approach is what sources around an interface ask of it.
type approach struct {
	protocols []netset.Protocol
	ports     netset.Ports
	by        string
	endpoint  *estate.Resource // a private endpoint, whose subnet says which filters hold
}

func (n *netInterface) fromNeighbours(e *estate.Estate, class Class, a approach) []*way {
	space, none := n.neighbours(e, class)
	if space.certain.IsEmpty() && space.maybe.IsEmpty() {
		return []*way{{class: class, hops: []Hop{none}, flows: []Flow{}}}
	}
	var ways []*way
	for _, protocol := range a.protocols {
		certain := netset.Product(space.certain.Intersect(familyOf(n.own)), a.ports)
		maybe := netset.Product(space.certain.Union(space.maybe).Intersect(familyOf(n.own)), a.ports)
		region := certain
		if certain.IsEmpty() {
			region = maybe
		}
		w := &way{class: class, by: a.by, flows: shownFlows(protocol, region)}
		for _, p := range n.passClass(e, w, protocol, region, a) {
			if a.endpoint == nil {
				p = n.answered(e, p, protocol, class)
			}
			p.way.class, p.way.by = class, a.by
			if !p.certain.IsEmpty() {
				p.way.flows = shownFlows(protocol, p.certain)
			}
			if certain.IsEmpty() && p.way.answer() == azward.Yes {
				h := none
				h.Summary = space.doubt
				p.way.doubt(h, azward.Gap{Scope: n.vnetID, Kind: azward.GapUnsupported, Reads: "extent of the network", Error: space.doubt})
			}
			ways = append(ways, p.way)
		}
	}
	return ways
}

// passClass sends a region through the filters at an interface. Before a
// private endpoint they hold where its subnet says so.
func (n *netInterface) passClass(e *estate.Estate, w *way, protocol netset.Protocol, region netset.Region, a approach) []passage {
	p := packet{direction: inbound, near: n.own, protocol: protocol, srcPort: anySourcePort}
	if a.endpoint == nil {
		return n.pass(e, w, p, region, door{near: n.own, private: true}.bare(n))
	}
	groups, _ := n.policies()
	if h, open := n.endpointOpen(e, a.endpoint, groups); open {
		w.hop(h)
		return []passage{{way: w, certain: region}}
	}
	all := n.unruled().pass(e, w, p, region, func(*way) {})
	if groups == azward.Unknown {
		for _, one := range all {
			n.perhapsFiltered(one.way)
		}
	}
	return all
}

// answered judges the replies to a class: those to what stands behind a gateway
// go to the gateway.
func (n *netInterface) answered(e *estate.Estate, p passage, protocol netset.Protocol, class Class) passage {
	if class != PrivateConnected {
		return n.replies(e, p, protocol)
	}
	for _, part := range n.routes(e).Split(p.certain.Sources()) {
		if part.Unclear != "" || part.Route == nil || part.Route.NextHop != HopGateway {
			return n.replies(e, p, protocol)
		}
	}
	return p
}

// podsFromClass are the ways from the addresses of a class to pods: to their
// private frontends, to ports of the nodes, and, where pods have addresses of
// the network, to the pods themselves.
func podsFromClass(e *estate.Estate, w estate.Workload, class Class, end *closing) []*way {
	k := viewCluster(e, w.Resource.Cluster)
	shapes, gap := k.shapes(w)
	filters := k.nodeFilters()
	if gap != nil || len(filters) == 0 || filters[0].nic == nil {
		missing := azward.Gap{Scope: k.id, Kind: azward.GapNotRead, Reads: "Microsoft.Compute/virtualMachineScaleSets", Error: "in which network the nodes stand was not read"}
		if gap != nil {
			missing = *gap
		}
		end.missing = append(end.missing, missing)
		return nil
	}
	n := filters[0].nic
	space, none := n.neighbours(e, class)
	if space.certain.IsEmpty() {
		x := &way{class: class, flows: []Flow{}}
		if space.maybe.IsEmpty() {
			x.hop(none)
		} else {
			none.Summary = space.doubt
			x.doubt(none, azward.Gap{Scope: n.vnetID, Kind: azward.GapUnsupported, Reads: "extent of the network", Error: space.doubt})
		}
		return []*way{x}
	}
	from := *n.asSource(e, k.id)
	from.own = space.certain
	var ways []*way
	for _, s := range shapes {
		for _, x := range k.privateExits(s, caller{r: n.holder, title: string(class), inside: &from}) {
			start := &way{class: class, by: "the network", flows: []Flow{{Protocol: "tcp", Ports: x.ports.String(), Sources: space.certain.Strings()}}}
			ways = append(ways, k.arrival([]*shape{s})(start, x)...)
		}
	}
	end.none = "no private frontend, node port or pod address leads to it on tcp"
	end.absence(e.Absence(k.id, "services", "nodes", "pods"))
	for _, s := range shapes {
		if len(s.pod.Ports) == 0 && !k.overlay() {
			end.missing = append(end.missing, undeclaredPorts(s))
		}
	}
	return dedupeWays(ways)
}

// asSource is a place in the interface's network to send from.
func (n *netInterface) asSource(e *estate.Estate, at azward.ResourceID) *netInterface {
	conf := &estate.IPConfiguration{}
	conf.Properties.Subnet = &estate.ResourceRef{ID: n.subnetID}
	holder := n.holder
	if r, ok := e.Resource(at); ok {
		holder = r
	}
	return interfaceOf(e, holder, n.pointer, conf, nil)
}

// privateExits are what somebody in the network may send to for a pod.
func (k *kubeView) privateExits(s *shape, from caller) []exit {
	var all []exit
	add := func(text string, ports netset.Ports) {
		if a := ipOf(text); a.IsValid() && !ports.IsEmpty() {
			all = append(all, exit{front: from.r, what: "a machine of the network", to: spot{address: a}, ports: ports, from: from})
		}
	}
	services, _ := k.servicesTo(s, &closing{})
	var nodePorts netset.Ports
	for _, svc := range services {
		var ports netset.Ports
		for _, p := range svc.v.Spec.Ports {
			if p.Port > 0 && p.Port <= 65535 {
				ports = ports.Union(netset.Port(uint16(p.Port)))
			}
			if p.NodePort > 0 && p.NodePort <= 65535 {
				nodePorts = nodePorts.Union(netset.Port(uint16(p.NodePort)))
			}
		}
		for _, in := range svc.v.Status.LoadBalancer.Ingress {
			if a := ipOf(in.IP); a.IsValid() && privateAddrs.Contains(a) {
				add(in.IP, ports)
			}
		}
	}
	for _, p := range hostPorts(s) {
		if p.host > 0 && p.host <= 65535 {
			nodePorts = nodePorts.Union(netset.Port(uint16(p.host)))
		}
	}
	if nodes := k.e.Objects(k.id, "Node", ""); len(nodes) > 0 {
		if v, err := estate.Decode[estate.KubernetesNode](nodes[0]); err == nil {
			for _, a := range v.Status.Addresses {
				if a.Type == "InternalIP" {
					add(a.Address, nodePorts)
				}
			}
		}
	}
	if !k.overlay() {
		for _, a := range s.pod.Addresses {
			for _, p := range s.pod.Ports {
				if p.Protocol == "tcp" {
					add(a.String(), netset.Port(p.Number))
				}
			}
		}
	}
	return all
}

// overlay reports that pods have no addresses of the network.
//
// Source: https://learn.microsoft.com/azure/aks/concepts-network-azure-cni-overlay
func (k *kubeView) overlay() bool {
	return strings.EqualFold(k.view.Properties.NetworkProfile.NetworkPluginMode, "overlay")
}

// maxPeers bounds, in pods, how many are asked whether they reach a workload:
// pods of one workload are alike, so a few thousand are every kind.
const maxPeers = 5000

// sameCluster answers whether some other pod of the cluster reaches the pod on
// a port that it declares.
func sameCluster(e *estate.Estate, w estate.Workload) Exposure {
	k := viewCluster(e, w.Resource.Cluster)
	var end closing
	shapes, gap := k.shapes(w)
	if gap != nil {
		return settle(w.Workload, nil, closing{missing: []azward.Gap{*gap}})
	}
	end.absence(e.Absence(k.id, "pods"))
	pods := e.Objects(k.id, "Pod", "")
	if len(pods) > maxPeers {
		pods = pods[:maxPeers]
		end.missing = append(end.missing, azward.Gap{Scope: k.id, Kind: azward.GapUnsupported, Reads: "pods", Error: "the cluster has more pods than are asked"})
	}
	var ways []*way
	for _, s := range shapes {
		if len(s.pod.Ports) == 0 {
			end.missing = append(end.missing, undeclaredPorts(s))
		}
		more, unread := k.fromPods(w, s, pods)
		ways = append(ways, more...)
		end.missing = append(end.missing, unread...)
	}
	end.none = "no other pod reaches a port that it declares"
	return settle(w.Workload, dedupeWays(ways), end)
}

// fromPods are the ways from other pods to a pod: the first that is open, else
// those that are not.
func (k *kubeView) fromPods(w estate.Workload, s *shape, pods []*estate.Resource) (ways []*way, unread []azward.Gap) {
	for _, r := range pods {
		if slices.ContainsFunc(w.Pods, func(own *estate.Resource) bool { return own == r }) || r == s.from {
			continue
		}
		v, err := estate.Decode[estate.KubernetesPod](r)
		if err != nil {
			unread = append(unread, unparsed(r, err))
			continue
		}
		other := podShape(r, v)
		for _, p := range s.pod.Ports {
			x := k.fromPod(other, s, p.Protocol, p.Number)
			if x.answer() == azward.Yes {
				return []*way{x}, nil
			}
			ways = append(ways, x)
		}
	}
	return ways, unread
}

func undeclaredPorts(s *shape) azward.Gap {
	return azward.Gap{Scope: s.from.ID, Kind: azward.GapNotRead, Reads: "/spec/containers/*/ports", Error: "the pod declares no port, and on which it listens cannot be read"}
}

func (k *kubeView) fromPod(from, to *shape, protocol string, port uint16) *way {
	x := &way{class: SameCluster, by: "the cluster's network", flows: []Flow{{Protocol: protocol, Ports: netset.Port(port).String(), Sources: []string{"pod/" + from.pod.Namespace + "/" + from.pod.Name}}}}
	x.hop(podHop(from, "sends it"))
	h := Hop{Resource: to.from.ID, Kind: "NetworkPolicy", Name: to.pod.Namespace + " / network policies"}
	d := k.policies.Allowed(netpol.AtPod(&from.pod), netpol.AtPod(&to.pod), protocol, port)
	k.policyWords(&h, d)
	x.missing(d.Gaps...)
	x.hop(h)
	k.mesh(x, entry{way: x, protocol: protocol, port: port, seen: netpol.AtPod(&from.pod)}, to)
	x.hop(podHop(to, "receives it on "+protocol+" "+netset.Port(port).String()))
	return x
}
