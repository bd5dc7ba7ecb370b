package exposure

import (
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// platform says how machines inside a network reach a service.
type platform struct {
	ports     string   // that it listens on
	tag       string   // of its public addresses
	endpoints []string // service endpoints that carry the subnet's identity to it
	// public judges the service's own firewall for a caller of its public
	// endpoint, and entry its place in a network, where it has one.
	public func(*estate.Estate, *estate.Resource, *way, identity)
	entry  func(*estate.Estate, *estate.Resource) (inner, bool)
	// subnets are those that the service's own firewall names, and linked what
	// the service says of callers by private endpoint. Either may be nil.
	subnets func(*estate.Estate, *estate.Resource) ([]azward.ResourceID, []azward.Gap)
	// unplaced adds to a way why it is not known whether the service has a place
	// in a network.
	unplaced func(*estate.Estate, *estate.Resource, *way)
	linked   func(*estate.Estate, *estate.Resource, *way, netset.Addrs)
}

// identity is how a service sees a caller: an address, or by service endpoint
// its subnet.
type identity struct {
	addrs  netset.Addrs // empty: some public address that is not known
	subnet azward.ResourceID
	azure  bool // the address is one of Azure's
	unread bool // whether a service endpoint carries the subnet was not read
}

// inner is the place of a service in a network.
type inner struct {
	subnet azward.ResourceID
	addrs  netset.Addrs                     // empty: somewhere in the subnet
	ports  map[netset.Protocol]netset.Ports // that it listens on; nil: those of the web
	// after judges what the service itself says of a caller with an address,
	// and some whether it lets in some of many addresses.
	after, some func(w *way, from netset.Addrs)
}

var platforms = map[string]platform{
	"microsoft.storage/storageaccounts":           {ports: "443", tag: "Storage", endpoints: []string{"Microsoft.Storage", "Microsoft.Storage.Global"}, public: storageFrom, subnets: aclSubnets},
	"microsoft.keyvault/vaults":                   {ports: "443", tag: "AzureKeyVault", endpoints: []string{"Microsoft.KeyVault"}, public: vaultFrom, subnets: aclSubnets},
	"microsoft.web/sites":                         {ports: "80,443", tag: "AppService", endpoints: []string{"Microsoft.Web"}, public: siteFrom, entry: siteInner, subnets: siteSubnets, linked: siteLinked, unplaced: siteUnplaced},
	"microsoft.web/sites/slots":                   {ports: "80,443", tag: "AppService", endpoints: []string{"Microsoft.Web"}, public: siteFrom, entry: siteInner, subnets: siteSubnets, linked: siteLinked, unplaced: siteUnplaced},
	"microsoft.app/containerapps":                 {ports: "80,443", entry: appInner, linked: appLinked, unplaced: appUnplaced},
	"microsoft.containerinstance/containergroups": {entry: groupInner},
	"microsoft.containerregistry/registries":      {ports: "443", tag: "AzureContainerRegistry", endpoints: []string{"Microsoft.ContainerRegistry"}, public: registryFrom, subnets: registrySubnets},
}

// toService is a flow from an interface to a platform service: by private
// endpoints, by the service's place in a network, and by its public endpoint.
func (q Question) toService(e *estate.Estate, from, to end) Exposure {
	r := to.machine
	p, ok := platformOf(r)
	if !ok {
		return unsure(q.To, "the way from "+q.From, "this pair of places is not modelled yet")
	}
	ports := p.listens(e, r)
	if !strings.EqualFold(q.Protocol, "tcp") || !ports.Contains(uint16(q.Port)) {
		return unsure(q.To, "port "+fmt.Sprint(q.Port), "it listens on tcp "+ports.String()+"; what else it answers is not modelled")
	}
	var ways []*way
	var end closing
	holder := linkHolder(e, r)
	for _, n := range from.interfaces {
		for _, pe := range e.Referrers(holder.ID, privateEndpointType) {
			for _, w := range q.byEndpoint(e, n, holder, pe) {
				if p.linked != nil && w.answer() != azward.No {
					p.linked(e, r, w, n.own)
				}
				ways = append(ways, w)
			}
		}
		inside := false
		if p.entry != nil {
			var in inner
			if in, inside = p.entry(e, r); inside {
				ways = append(ways, q.byEntry(e, n, r, in)...)
			}
		}
		if !inside {
			ways = append(ways, q.byPublic(e, n, r, p)...)
		}
	}
	end.absence(e.Absence("", privateEndpointType))
	end.missing = append(end.missing, adminGaps(e, from)...)
	return settle(azward.Workload{ID: r.ID, Name: r.Name}, ways, end)
}

// listens are the TCP ports of a service.
func (p platform) listens(e *estate.Estate, r *estate.Resource) netset.Ports {
	if p.ports == "" && p.entry != nil {
		in, _ := p.entry(e, r)
		return in.ports[netset.TCP]
	}
	ports, err := netset.ParsePorts(p.ports)
	if err != nil {
		return netset.Ports{}
	}
	return ports
}

// inNetwork says of a way that it starts at an interface.
func (q Question) inNetwork(w *way, n *netInterface) {
	w.class = VnetLocal
	w.flows = []Flow{{Protocol: strings.ToLower(q.Protocol), Ports: fmt.Sprint(q.Port), Sources: n.own.Strings()}}
}

// byPublic goes to the public endpoint.
func (q Question) byPublic(e *estate.Estate, n *netInterface, r *estate.Resource, p platform) []*way {
	dest := publicAddrs
	if addrs, _, doubt := serviceTag(e, p.tag); p.tag != "" && doubt == "" {
		dest = addrs
	}
	dest = dest.Intersect(familyOf(n.own))
	var ways []*way
	for _, w := range q.filterWays(e, n, outbound, dest, netset.TCP) {
		q.inNetwork(w, n)
		id := identity{}
		if n.subnet == nil {
			h := Hop{Resource: n.subnetID, Kind: "subnet", Name: n.subnetID.Name(), Summary: "whether the subnet has a service endpoint was not read"}
			w.doubt(h, *unreadRef(e, n.vnetID))
			id.unread = true
		} else if n.hasEndpoint(p.endpoints) {
			id = identity{addrs: n.own, subnet: n.subnetID}
			w.hop(n.endpointHop(e, r))
		} else {
			parts := n.routes(e).Split(dest)
			n.follow(e, w, parts, flow{n.own, dest, netset.TCP, uint16(q.Port)})
			n.leave(e, w, parts)
			if len(parts) == 1 && parts[0].Unclear == "" && parts[0].Route != nil && parts[0].Route.NextHop == HopInternet {
				id.addrs, id.azure = n.egressOf(e).addrs, true
			}
		}
		if p.public == nil {
			why := "whom the firewall of " + r.Name + " lets in from inside a network is not modelled yet"
			w.doubt(Hop{Resource: r.ID, Kind: kindOf(r), Name: r.Name, Summary: why}, azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: r.Type, Error: why})
		} else {
			p.public(e, r, w, id)
		}
		ways = append(ways, w)
	}
	return ways
}

// hasEndpoint reports whether the subnet has one of these service endpoints.
func (n *netInterface) hasEndpoint(names []string) bool {
	return n.subnet != nil && slices.ContainsFunc(n.subnet.Properties.ServiceEndpoints, func(s struct {
		Service string `json:"service"`
	},
	) bool {
		return slices.ContainsFunc(names, func(name string) bool { return strings.EqualFold(name, s.Service) })
	})
}

// endpointHop is the service endpoint, which leads past the route table.
//
// Source: https://learn.microsoft.com/azure/virtual-network/virtual-network-service-endpoints-overview
func (n *netInterface) endpointHop(e *estate.Estate, to *estate.Resource) Hop {
	h := Hop{Resource: n.subnetID, Kind: "subnet", Name: n.subnetID.Name() + " / service endpoint", Answer: azward.Yes, Summary: "a service endpoint leads to " + to.Name + ", past the route table"}
	if network, ok := e.Resource(n.vnetID); ok {
		h.Evidence = []azward.Evidence{network.Evidence(n.subnetPointer(network)+"/serviceEndpoints", h.Summary)}
	}
	return h
}

// byEntry goes to the service's place in a network.
func (q Question) byEntry(e *estate.Estate, n *netInterface, r *estate.Resource, in inner) []*way {
	if in.subnet == "" {
		why := "in which subnet " + r.Name + " stands was not read"
		w := &way{}
		q.inNetwork(w, n)
		w.doubt(Hop{Resource: r.ID, Kind: kindOf(r), Name: r.Name, Summary: why}, azward.Gap{Scope: r.ID, Kind: azward.GapNotRead, Reads: "subnet", Needs: r.Type + "/read", Error: why})
		return []*way{w}
	}
	target := in.at(e, r)
	var ways []*way
	for _, w := range q.between(e, n, target) {
		in.after(w, n.own)
		ways = append(ways, w)
	}
	return ways
}

// between is a flow from one interface to another, as far as the network goes.
func (q Question) between(e *estate.Estate, n, target *netInterface) []*way {
	var ways []*way
	for _, out := range q.filterWays(e, n, outbound, target.own, netset.TCP) {
		n.toward(e, out, target, flow{n.own, target.own, netset.TCP, uint16(q.Port)})
		for _, in := range q.filterWays(e, target, inbound, n.own, netset.TCP) {
			w := out.clone()
			q.inNetwork(w, n)
			w.extend(in.hops...)
			w.missing(in.gaps...)
			ways = append(ways, w)
		}
	}
	return ways
}

// admits says what a firewall with rules in their order answers to a caller.
func (l sourceList) admits(id identity) (answer azward.Answer, evidence azward.Evidence, gap azward.Gap) {
	possible := map[azward.Answer]bool{}
	for _, r := range l.rules {
		match := r.matches(id)
		if match == azward.No {
			continue
		}
		says := map[netset.Access]azward.Answer{netset.Allow: azward.Yes, netset.Deny: azward.No}[r.access]
		possible[says] = true
		if match == azward.Unknown {
			gap = r.gap
			continue
		}
		if len(possible) == 1 {
			return says, r.evidence, gap
		}
		return azward.Unknown, r.evidence, gap
	}
	possible[l.otherwise] = true
	if len(possible) == 1 {
		return l.otherwise, l.evidence, l.gap
	}
	return azward.Unknown, l.evidence, gap
}

func (r sourceRule) matches(id identity) azward.Answer {
	if r.subnet != "" {
		switch {
		case id.unread:
			return azward.Unknown
		case id.subnet == "":
			return azward.No
		case r.subnet == "*":
			return azward.Unknown
		case r.subnet.Equal(id.subnet):
			return azward.Yes
		}
		return azward.No
	}
	all := r.sources.Union(r.maybe)
	switch {
	case r.azure && id.azure:
		return azward.Yes
	case all.IsEmpty():
		return azward.No
	case id.addrs.IsEmpty() && publicAddrs.Intersect(netset.AllV4()).Subset(r.sources):
		return azward.Yes
	case id.addrs.IsEmpty():
		return azward.Unknown
	case id.addrs.Subset(r.sources):
		return azward.Yes
	case id.addrs.Overlaps(all):
		return azward.Unknown
	}
	return azward.No
}

// judge appends what a service's firewall answers to a caller.
func (l sourceList) judge(w *way, h Hop, id identity) {
	answer, evidence, gap := l.admits(id)
	caller := "a caller whose public address is not known"
	switch {
	case id.subnet != "":
		caller = "callers in subnet " + id.subnet.Name()
	case !id.addrs.IsEmpty():
		caller = listWords(id.addrs.Strings())
	}
	h.Answer, h.Evidence = answer, []azward.Evidence{evidence}
	switch answer {
	case azward.Yes:
		h.Summary = "lets in " + caller
	case azward.No:
		h.Summary = "does not let in " + caller
	default:
		h.Summary = "whether it lets in " + caller + " cannot be told"
		if gap.Error == "" {
			gap = azward.Gap{Scope: h.Resource, Kind: azward.GapUnsupported, Reads: "the caller's public address", Error: "its rules name addresses, and the one that the caller has outside is not known"}
		}
		w.doubt(h, gap)
		return
	}
	w.hop(h)
}
