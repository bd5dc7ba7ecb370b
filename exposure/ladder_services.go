package exposure

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// EndpointLadder answers for every source class who reaches a data service:
// storage accounts, SQL servers, key vaults and container registries, by their
// public endpoint, by private endpoints, and by rules for subnets. Other types
// are Unknown, as of [PublicEndpoint]; whether a key or a token is asked for
// besides is a class of the internet alone.
func EndpointLadder(e *estate.Estate, r *estate.Resource) []Rung {
	w := azward.Workload{ID: r.ID, Name: r.Name}
	public, end := publicEndpoint(e, r)
	public = append(public, frontsBefore(e, r, &end)...)
	var rungs []Rung
	all := reached{public, end}
	for _, class := range []Class{InternetAny, InternetRestricted, AzureAnyTenant, FrontServiceShared, Authenticated} {
		rungs = append(rungs, all.rung(w, class))
	}
	partner := closing{none: "no private link leads to it"}
	t := target{ids: []azward.ResourceID{r.ID}, names: hostNames(r)}
	privateEnds(e, r, &t)
	ways := linkedFronts(e, func(x exit) bool { return t.leads(x) != azward.No }, &partner)
	ways = append(ways, partnerConnections(e, r, &partner)...)
	rungs = append(rungs, rungOf(PartnerPrivate, settle(w, ways, partner)))
	for _, class := range []Class{PrivateConnected, VnetPeered, VnetLocal} {
		end := closing{missing: slices.Clone(end.missing)}
		ways := serviceFromClass(e, r, class, &end)
		rungs = append(rungs, rungOf(class, settle(w, append(ways, openToAll(public, class)...), end)))
	}
	return rungs
}

// frontsBefore are the fronts that lead, or may lead, to a data service: by its
// host names, by a private link or by a private endpoint. What the service lets
// in through them is not followed, so each is a doubt.
func frontsBefore(e *estate.Estate, r *estate.Resource, end *closing) []*way {
	t := target{ids: []azward.ResourceID{r.ID}, names: hostNames(r)}
	privateEnds(e, r, &t)
	return fronts(e, t, end)
}

// maxHostNames bounds what is taken from one body: a storage account has about
// a dozen endpoints.
const maxHostNames = 256

// hostNames are the host names that a service says it has: those of its own
// endpoints' URLs, and plain ones.
func hostNames(r *estate.Resource) []string {
	var body any
	if json.Unmarshal(r.Body, &body) != nil {
		return nil // whoever reads the service says so
	}
	var names []string
	var walk func(v any)
	walk = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			for _, key := range slices.Sorted(maps.Keys(v)) {
				walk(v[key])
			}
		case []any:
			for _, one := range v {
				walk(one)
			}
		case string:
			host, _ := hostOf(v)
			if len(names) < maxHostNames && strings.Count(host, ".") >= 2 && !strings.ContainsAny(host, "/ ") && !ipOf(host).IsValid() && !slices.Contains(names, host) {
				names = append(names, host)
			}
		}
	}
	walk(body)
	return names
}

// openToAll are the ways of a service's public side that any address may take:
// sources in networks then take them too. A public address that a network
// leaves by counts with the lists that hold it, at the classes of the internet.
func openToAll(public []*way, class Class) []*way {
	var ways []*way
	for _, w := range public {
		sources, exact := currentSources(w)
		if w.answer() == azward.No || exact && classOf(sources) != InternetAny {
			continue
		}
		w = w.clone()
		w.class = class
		ways = append(ways, w)
	}
	return ways
}

// serviceFromClass are the ways from the addresses of a class to a platform
// service: by private endpoints, by its place in a network, and by rules for
// subnets whose identity a service endpoint carries.
func serviceFromClass(e *estate.Estate, r *estate.Resource, class Class, end *closing) []*way {
	p, ok := platformOf(r)
	if !ok {
		end.missing = append(end.missing, azward.Gap{
			Scope: r.ID, Kind: azward.GapUnsupported, Reads: string(class),
			Error: "which sources of a network reach " + r.Type + " is not modelled as a class; ask exposure check for one source",
		})
		return nil
	}
	end.none = "no private endpoint, place in a network or rule for a subnet leads to it"
	var ways []*way
	of := linkHolder(e, r)
	for _, pe := range e.Referrers(of.ID, privateEndpointType) {
		for _, w := range endpointFromClass(e, of, pe, class, p.listens(e, r)) {
			if p.linked != nil && w.answer() != azward.No {
				p.linked(e, r, w, sourcesInside(w))
			}
			ways = append(ways, w)
		}
	}
	end.absence(e.Absence("", privateEndpointType))
	if p.entry != nil {
		if in, inside := p.entry(e, r); inside {
			ways = append(ways, entryFromClass(e, r, in, class)...)
			return append(ways, frontsInside(e, r, class)...)
		}
	}
	if p.unplaced != nil {
		w := &way{class: class, by: "its place in a network", flows: []Flow{}}
		if p.unplaced(e, r, w); w.answer() == azward.Unknown && len(w.hops) > 0 {
			ways = append(ways, w)
		}
	}
	if class == VnetLocal {
		ways = append(ways, subnetRules(e, r, p, end)...)
	}
	return append(ways, frontsInside(e, r, class)...)
}

// linkHolder is the resource that private endpoints of a service name: of a
// container app its environment.
func linkHolder(e *estate.Estate, r *estate.Resource) *estate.Resource {
	if !strings.EqualFold(r.Type, "Microsoft.App/containerApps") {
		return r
	}
	if v, err := estate.Decode[estate.ContainerApp](r); err == nil {
		if env, ok := e.Resource(environmentID(v)); ok {
			return env
		}
	}
	return r
}

// endpointFromClass are the ways from the addresses of a class through a
// private endpoint.
func endpointFromClass(e *estate.Estate, r, pe *estate.Resource, class Class, ports netset.Ports) []*way {
	start := func() *way {
		return &way{class: class, by: "private endpoint " + pe.Name, flows: []Flow{}}
	}
	x, v, ok := openEndpoint(e, r, pe, start)
	if !ok {
		return []*way{x}
	}
	approved, _ := approval(pe, v, r.ID)
	var ways []*way
	for _, target := range endpointInterfaces(e, v) {
		for _, w := range target.fromNeighbours(e, class, approach{protocols: []netset.Protocol{netset.TCP}, ports: ports, by: start().by, endpoint: pe}) {
			if w.answer() != azward.No {
				w.hop(approved)
			}
			ways = append(ways, w)
		}
	}
	return ways
}

// openEndpoint reads a private endpoint whose owner approved it and whose
// addresses are known; else the way says what is wrong.
func openEndpoint(e *estate.Estate, r, pe *estate.Resource, start func() *way) (w *way, v *estate.PrivateEndpoint, ok bool) {
	w = start()
	v, err := estate.Decode[estate.PrivateEndpoint](pe)
	if err != nil {
		w.doubt(Hop{Resource: pe.ID, Kind: "privateEndpoint", Name: pe.Name, Summary: "the private endpoint has an unexpected shape"}, unparsed(pe, err))
		return w, nil, false
	}
	approved, gap := approval(pe, v, r.ID)
	switch {
	case gap != nil:
		w.doubt(approved, *gap)
		return w, v, false
	case approved.Answer != azward.Yes:
		w.hop(approved)
		return w, v, false
	case len(endpointInterfaces(e, v)) == 0:
		why := "the addresses of private endpoint " + pe.Name + " were not read"
		w.doubt(Hop{Resource: pe.ID, Kind: "privateEndpoint", Name: pe.Name, Summary: why}, azward.Gap{Scope: pe.ID, Kind: azward.GapNotRead, Reads: "/properties/networkInterfaces", Needs: "Microsoft.Network/networkInterfaces/read", Error: why})
		return w, v, false
	}
	return w, v, true
}

// entryFromClass are the ways from the addresses of a class to a service's own
// place in a network.
func entryFromClass(e *estate.Estate, r *estate.Resource, in inner, class Class) []*way {
	if in.subnet == "" {
		why := "in which subnet " + r.Name + " stands was not read"
		w := &way{class: class, flows: []Flow{}}
		w.doubt(Hop{Resource: r.ID, Kind: kindOf(r), Name: r.Name, Summary: why}, azward.Gap{Scope: r.ID, Kind: azward.GapNotRead, Reads: "subnet", Needs: r.Type + "/read", Error: why})
		return []*way{w}
	}
	target := in.at(e, r)
	ports := in.ports
	if ports == nil {
		ports = map[netset.Protocol]netset.Ports{netset.TCP: webPorts}
	}
	var ways []*way
	for _, protocol := range []netset.Protocol{netset.TCP, netset.UDP} {
		if ports[protocol].IsEmpty() {
			continue
		}
		for _, w := range target.fromNeighbours(e, class, approach{protocols: []netset.Protocol{protocol}, ports: ports[protocol], by: "its place in the network"}) {
			if w.answer() != azward.No {
				in.some(w, sourcesInside(w))
			}
			w.missing(target.gaps...)
			ways = append(ways, w)
		}
	}
	return ways
}

// sourcesInside are the sources that a way from inside networks still has.
func sourcesInside(w *way) netset.Addrs {
	var all netset.Addrs
	for _, f := range w.flows {
		all = all.Union(prefixes(f.Sources))
	}
	return all
}

// at is the service's place as an interface.
func (in inner) at(e *estate.Estate, r *estate.Resource) *netInterface {
	conf := &estate.IPConfiguration{}
	conf.Properties.Subnet = &estate.ResourceRef{ID: in.subnet}
	n := interfaceOf(e, r, "/properties", conf, nil)
	if !in.addrs.IsEmpty() {
		n.own = in.addrs
	}
	return n
}

// subnetRules are the ways of the subnets that a service's own firewall names,
// over their service endpoints.
//
// Source: https://learn.microsoft.com/azure/virtual-network/virtual-network-service-endpoints-overview
func subnetRules(e *estate.Estate, r *estate.Resource, p platform, end *closing) []*way {
	if p.subnets == nil || p.public == nil {
		return nil
	}
	probe := &way{class: VnetLocal, by: "service endpoints", flows: []Flow{}}
	if p.public(e, r, probe, identity{unread: true}); probe.answer() == azward.No {
		return []*way{probe} // closed whoever asks
	}
	named, gaps := p.subnets(e, r)
	end.missing = append(end.missing, gaps...)
	var ways []*way
	for _, id := range named {
		w := &way{class: VnetLocal, by: "the service endpoint of subnet " + id.Name(), flows: []Flow{{Protocol: "tcp", Ports: p.ports, Sources: []string{"subnet/" + id.Name()}}}}
		if id == "*" {
			w.by = "service endpoints"
			h := Hop{Resource: r.ID, Kind: kindOf(r), Name: r.Name, Summary: "its rules let in networks without naming their subnets"}
			w.doubt(h, azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: "vnetTrafficTag", Error: h.Summary})
			ways = append(ways, w)
			continue
		}
		conf := &estate.IPConfiguration{}
		conf.Properties.Subnet = &estate.ResourceRef{ID: id}
		n := interfaceOf(e, r, "/properties", conf, nil)
		switch {
		case n.subnet == nil:
			h := Hop{Resource: id, Kind: "subnet", Name: id.Name(), Summary: "whether subnet " + id.Name() + " has a service endpoint was not read"}
			w.doubt(h, *unreadRef(e, n.vnetID))
			p.public(e, r, w, identity{subnet: id})
		case !n.hasEndpoint(p.endpoints):
			w.hop(Hop{
				Resource: id, Kind: "subnet", Name: id.Name(), Answer: azward.No, Summary: "subnet " + id.Name() + " has no service endpoint for it, so the rule matches nobody",
				Evidence: []azward.Evidence{subnetEvidence(e, n, "service endpoints of the subnet")},
			})
		default:
			w.flows[0].Sources = n.own.Strings()
			w.hop(n.endpointHop(e, r))
			p.public(e, r, w, identity{addrs: n.own, subnet: id})
		}
		ways = append(ways, w)
	}
	return ways
}

func subnetEvidence(e *estate.Estate, n *netInterface, meaning string) azward.Evidence {
	if r, ok := e.Resource(n.subnetID); ok {
		return r.Evidence("/properties/serviceEndpoints", meaning)
	}
	if network, ok := e.Resource(n.vnetID); ok {
		return network.Evidence(n.subnetPointer(network)+"/serviceEndpoints", meaning)
	}
	return azward.Evidence{Resource: n.subnetID, Meaning: meaning}
}

// asTarget is a platform service as fronts may name it.
func asTarget(e *estate.Estate, r *estate.Resource) target {
	t := target{ids: []azward.ResourceID{r.ID}}
	holder := linkHolder(e, r)
	if holder != r {
		t.ids = append(t.ids, holder.ID)
	}
	ends := privateEnds(e, holder, &t)
	switch strings.ToLower(r.Type) {
	case "microsoft.web/sites", "microsoft.web/sites/slots":
		if v, err := estate.Decode[estate.Site](r); err == nil {
			t.names = append(append(t.names, v.Properties.DefaultHostName), v.Properties.HostNames...)
			t.arrive = siteArrival(e, r, v, ends)
		}
	case "microsoft.app/containerapps":
		v, err := estate.Decode[estate.ContainerApp](r)
		if err != nil || v.Properties.Configuration == nil || v.Properties.Configuration.Ingress == nil {
			return t
		}
		t.names = append(t.names, appNames(e, v)...)
		t.arrive = appArrival(e, r, v, ends)
	case "microsoft.containerinstance/containergroups":
		if v, err := estate.Decode[estate.ContainerGroup](r); err == nil {
			t.names = append(t.names, groupAddress(v))
			t.arrive = groupArrival(e, r, v)
		}
	}
	return t
}

// appNames are the host names of a container app's ingress, and the address of
// its environment.
func appNames(e *estate.Estate, v *estate.ContainerApp) []string {
	names := []string{v.Properties.Configuration.Ingress.FQDN}
	for _, d := range v.Properties.Configuration.Ingress.CustomDomains {
		names = append(names, d.Name)
	}
	if env, ok := e.Resource(environmentID(v)); ok {
		if ev, err := estate.Decode[estate.ManagedEnvironment](env); err == nil {
			names = append(names, ev.Properties.StaticIP)
		}
	}
	return names
}

// someOf appends what a service's firewall says of the addresses of a class:
// Yes where it lets some of them in.
func (l sourceList) someOf(w *way, h Hop, sources netset.Addrs) {
	rules := make([]netset.Rule, len(l.rules))
	for i, r := range l.rules {
		rules[i] = netset.Rule{Access: r.access, Sources: r.sources, MaybeSources: r.maybe, Ports: netset.AllPorts()}
		if r.subnet != "" { // which addresses it takes in there is not known
			rules[i].MaybeSources = privateAddrs
		}
	}
	painted := netset.Paint(rules, l.otherwise)
	within := netset.Product(sources, netset.Port(anyPort))
	deciders := map[int32]struct{}{}
	of := func(answer azward.Answer) netset.Addrs {
		return painted.Select(within, func(c netset.Cell) bool { return c.Answer == answer }).Sources()
	}
	admitted, unclear := of(azward.Yes), of(azward.Unknown)
	answer := azward.No
	switch {
	case !admitted.IsEmpty():
		answer = azward.Yes
	case !unclear.IsEmpty():
		answer = azward.Unknown
	}
	for cell := range painted.Values(within) {
		if cell.Answer == answer {
			deciders[cell.Rule] = struct{}{}
		}
	}
	h.Answer, h.Evidence = answer, l.cite(deciders)
	switch answer {
	case azward.Yes:
		h.Summary = "lets in " + listWords(admitted.Strings())
		for i := range w.flows {
			w.flows[i].Sources = admitted.Strings()
		}
		w.hop(h)
	case azward.No:
		h.Summary = "lets none of these addresses in"
		w.hop(h)
	default:
		h.Summary = "whether its rules let them in cannot be told"
		gaps := l.doubts(deciders)
		if len(gaps) == 0 {
			gaps = []azward.Gap{{Scope: h.Resource, Kind: azward.GapUnsupported, Reads: "rules for subnets", Error: h.Summary}}
		}
		w.doubt(h, gaps[0])
		w.missing(gaps[1:]...)
	}
}
