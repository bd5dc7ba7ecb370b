package exposure

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// reachMachine answers for a virtual machine or a scale set: every public
// address and load balancer that leads to one of its interfaces, through the
// security groups of subnet and interface.
//
// Want restricts what is asked of its own doors; nil asks for everything.
func reachMachine(e *estate.Estate, w estate.Workload, want *wanted) reached {
	end := closing{none: "no public address and no public load balancer leads to it"}
	interfaces, missing := interfacesOf(e, w.Resource)
	end.missing = append(end.missing, missing...)
	var ways []*way
	for _, n := range interfaces {
		n.want = want
		ways = append(ways, waysToInterface(e, w.Resource, n)...)
		end.missing = append(end.missing, n.gaps...)
		for _, scope := range n.subscription {
			// What could lead to a private address lies in its network or in one
			// that is peered with it.
			end.absence(e.Absence(scope, "Microsoft.Network/loadBalancers", "Microsoft.Network/applicationGateways", "Microsoft.Network/azureFirewalls"))
		}
		end.absence(n.noManager(e)) // whose AlwaysAllow overrides what a group denies
	}
	if len(interfaces) > 0 {
		frontsListed(e, &end, "Microsoft.Network/frontDoors", profileType, apimType)
	}
	if len(interfaces) == 0 && len(missing) == 0 {
		end.none = "it has no network interface"
		end.proof = append(end.proof, w.Resource.Evidence("/properties/networkProfile", "no network interface"))
	}
	for _, n := range interfaces {
		end.proof = append(end.proof, n.holder.Evidence(n.pointer, "its only ways in are what this names"))
	}
	return reached{timed(e, w.Resource, interfaces, ways), end}
}

// interfacesOf reads the ip configurations of a machine or scale set.
func interfacesOf(e *estate.Estate, r *estate.Resource) (all []*netInterface, missing []azward.Gap) {
	m, err := estate.Decode[estate.Machine](r)
	if err != nil {
		return nil, []azward.Gap{unparsed(r, err)}
	}
	add := func(nic *estate.Resource) {
		v, err := estate.Decode[estate.NetworkInterface](nic)
		if err != nil {
			missing = append(missing, unparsed(nic, err))
			return
		}
		for i := range v.Properties.IPConfigurations {
			all = append(all, interfaceOf(e, nic, fmt.Sprintf("/properties/ipConfigurations/%d", i), &v.Properties.IPConfigurations[i], v.Properties.NetworkSecurityGroup))
		}
	}
	switch {
	case m.Properties.VirtualMachineProfile != nil:
		profile := m.Properties.VirtualMachineProfile.NetworkProfile.NetworkInterfaceConfigurations
		for i := range profile {
			for j := range profile[i].Properties.IPConfigurations {
				all = append(all, interfaceOf(e, r, fmt.Sprintf("/properties/virtualMachineProfile/networkProfile/networkInterfaceConfigurations/%d/properties/ipConfigurations/%d", i, j),
					&profile[i].Properties.IPConfigurations[j], profile[i].Properties.NetworkSecurityGroup))
			}
		}
	case m.Properties.NetworkProfile != nil:
		for _, ref := range m.Properties.NetworkProfile.NetworkInterfaces {
			if nic, ok := e.Resource(ref.ID); ok {
				add(nic)
			} else {
				missing = append(missing, *unreadRef(e, ref.ID))
			}
		}
	default:
		missing = append(missing, azward.Gap{Scope: r.ID, Kind: azward.GapNotRead, Reads: "networkProfile", Needs: r.Type + "/read", Error: "the object does not say which network interfaces it has"})
	}
	return all, missing
}

// door is one translation from a public address to the interface.
type door struct {
	hops     []Hop
	doubt    *azward.Gap       // the last hop could not be decided
	basic    bool              // Basic SKU: open where no group is
	skuless  bool              // which SKU it is was not read
	private  bool              // from inside a network: open where no group is
	front    netip.Addr        // of a private frontend
	frontend azward.ResourceID // a private frontend of a load balancer
	near     netset.Addrs
	shown    netset.Ports // as clients name them
	backend  func(netset.Ports) netset.Ports
	protocol []netset.Protocol
	by       string
	rule     string // what a load balancer's rule says
	ruleFact []azward.Evidence
}

func same(p netset.Ports) netset.Ports { return p }

// waysToInterface walks back from an interface to every public frontend.
func waysToInterface(e *estate.Estate, machine *estate.Resource, n *netInterface) []*way {
	var ways []*way
	balancers := balancerDoors(e, machine, n)
	for _, d := range append(publicAddressDoors(e, n), balancers...) {
		ways = append(ways, d.ways(e, n)...)
	}
	inner := innerDoors(balancers)
	ways = append(ways, gatewayWays(e, n, inner)...)
	ways = append(ways, otherFrontWays(e, n, inner)...)
	ways = append(ways, linkServiceWays(e, n, balancers)...)
	return append(ways, firewallWays(e, n, inner)...)
}

// innerDoors are the private frontends, as those inside the network see them.
func innerDoors(doors []door) []door {
	var inner []door
	for _, d := range doors {
		if !d.front.IsValid() || len(d.hops) == 0 {
			continue
		}
		h := d.hops[len(d.hops)-1]
		h.Answer, h.Summary = azward.Yes, firstOf(d.rule, h.Summary)
		h.Evidence = append(slices.Clone(h.Evidence), d.ruleFact...)
		d.hops = []Hop{h}
		inner = append(inner, d)
	}
	return inner
}

// publicAddressDoors are the addresses on the interface itself.
//
// Source: https://learn.microsoft.com/azure/virtual-network/ip-services/public-ip-addresses
func publicAddressDoors(e *estate.Estate, n *netInterface) []door {
	d := door{near: n.own, shown: netset.AllPorts(), backend: same, protocol: []netset.Protocol{netset.TCP, netset.UDP, netset.ICMP}}
	if c := n.conf.Properties.PublicIPAddressConfiguration; c != nil {
		d.by = "its own public address"
		d.basic = c.SKU != nil && strings.EqualFold(c.SKU.Name, "Basic")
		d.skuless = c.SKU == nil || c.SKU.Name == ""
		d.hops = []Hop{{
			Resource: n.holder.ID, Kind: "publicIPAddress", Name: c.Name, Answer: azward.Yes, Summary: "each instance has a public address",
			Evidence: []azward.Evidence{n.holder.Evidence(n.pointer+"/properties/publicIPAddressConfiguration", "each instance has a public address")},
		}}
		return []door{d}
	}
	ref := n.conf.Properties.PublicIPAddress
	if ref == nil {
		return nil
	}
	r, ok := e.Resource(ref.ID)
	if !ok {
		d.doubt = unreadRef(e, ref.ID)
		d.hops = []Hop{{
			Resource: ref.ID, Kind: "publicIPAddress", Name: ref.ID.Name(), Summary: "its public address could not be read",
			Evidence: []azward.Evidence{n.holder.Evidence(n.pointer+"/properties/publicIPAddress", "names a public address")},
		}}
		return []door{d}
	}
	h, basic, gap := addressHop(r)
	d.hops, d.basic, d.doubt, d.by = []Hop{h}, basic, gap, "public address "+r.Name
	if v, err := estate.Decode[estate.PublicIPAddress](r); err == nil {
		d.skuless = v.SKU.Name == ""
	}
	if g := n.conf.Properties.GatewayLoadBalancer; g != nil && gap == nil {
		d.inspected(n.holder, n.pointer+"/properties/gatewayLoadBalancer", g.ID)
	}
	return []door{d}
}

func addressHop(r *estate.Resource) (h Hop, basic bool, gap *azward.Gap) {
	h = Hop{Resource: r.ID, Kind: "publicIPAddress", Name: r.Name, Answer: azward.Yes}
	v, err := estate.Decode[estate.PublicIPAddress](r)
	if err != nil {
		g := unparsed(r, err)
		h.Answer, h.Summary = azward.Unknown, "the public address has an unexpected shape"
		return h, false, &g
	}
	h.Evidence = []azward.Evidence{r.Evidence("/properties/ipAddress", "a public address"), r.Evidence("/sku/name", "its SKU")}
	h.Summary = "public address " + v.Properties.IPAddress
	if v.Properties.IPAddress == "" {
		h.Summary = "a public address that is not allocated now"
	}
	switch {
	case strings.EqualFold(v.SKU.Name, "Basic"), v.SKU.Name == "":
		return h, strings.EqualFold(v.SKU.Name, "Basic"), nil
	case strings.EqualFold(v.SKU.Name, "Standard"), strings.EqualFold(v.SKU.Name, "StandardV2"):
		return h, false, nil
	}
	g := azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: "sku", Error: "azward does not know the SKU " + v.SKU.Name}
	h.Answer = azward.Unknown
	return h, false, &g
}

// balancerDoors are the rules of load balancers whose pools hold the interface.
//
// Source: https://learn.microsoft.com/azure/load-balancer/components
func balancerDoors(e *estate.Estate, machine *estate.Resource, n *netInterface) []door {
	var doors []door
	named := map[azward.ResourceKey]bool{}
	var balancers []*estate.Resource
	for _, r := range e.Referrers(n.holder.ID, "Microsoft.Network/loadBalancers") {
		named[r.ID.Key()] = true
		balancers = append(balancers, r)
	}
	for _, says := range []struct {
		refs            []estate.ResourceRef
		property, words string
	}{
		{n.conf.Properties.LoadBalancerBackendAddressPools, "loadBalancerBackendAddressPools", "is in a load balancer's pool"},
		{n.conf.Properties.LoadBalancerInboundNATRules, "loadBalancerInboundNatRules", "is behind an inbound NAT rule"},
	} {
		for _, ref := range says.refs {
			id := ref.ID.Parent()
			if named[id.Key()] {
				continue
			}
			named[id.Key()] = true
			if r, ok := e.Resource(id); ok {
				balancers = append(balancers, r)
				continue
			}
			doors = append(doors, door{doubt: unreadRef(e, id), hops: []Hop{{
				Resource: id, Kind: "loadBalancer", Name: id.Name(), Summary: "a load balancer leads to it that could not be read",
				Evidence: []azward.Evidence{n.holder.Evidence(n.pointer+"/properties/"+says.property, says.words)},
			}}})
		}
	}
	for _, pool := range n.poolsByAddress(e) {
		if !named[pool.balancer.ID.Key()] {
			named[pool.balancer.ID.Key()] = true
			balancers = append(balancers, pool.balancer)
		}
	}
	for _, pool := range n.conf.Properties.LoadBalancerInboundNATPools {
		if id := pool.ID.Parent(); !named[id.Key()] {
			named[id.Key()] = true
			if r, ok := e.Resource(id); ok {
				balancers = append(balancers, r)
			} else {
				doors = append(doors, door{doubt: unreadRef(e, id), hops: []Hop{{
					Resource: id, Kind: "loadBalancer", Name: id.Name(), Summary: "a load balancer's inbound NAT pool leads to it that could not be read",
					Evidence: []azward.Evidence{n.holder.Evidence(n.pointer+"/properties/loadBalancerInboundNatPools", "is in an inbound NAT pool")},
				}}})
			}
		}
	}
	for _, r := range balancers {
		doors = append(doors, doorsOf(e, r, machine, n)...)
	}
	return doors
}

func doorsOf(e *estate.Estate, r, machine *estate.Resource, n *netInterface) []door {
	v, err := estate.Decode[estate.LoadBalancer](r)
	if err != nil {
		gap := unparsed(r, err)
		return []door{{doubt: &gap, hops: []Hop{{Resource: r.ID, Kind: "loadBalancer", Name: r.Name, Summary: "the load balancer has an unexpected shape"}}}}
	}
	var doors []door
	mine := func(id azward.ResourceID) bool {
		return id.Within(n.conf.ID) && n.conf.ID != "" || n.conf.ID == "" && id.Within(machine.ID)
	}
	pools := map[azward.ResourceKey]bool{}
	for _, p := range n.conf.Properties.LoadBalancerBackendAddressPools {
		pools[p.ID.Key()] = true
	}
	addressed, doubtful := n.addressPools(e, r)
	for _, id := range addressed {
		pools[id.Key()] = true
	}
	doors = append(doors, doubtful...)
	for _, p := range v.Properties.BackendAddressPools {
		for _, c := range p.Properties.BackendIPConfigurations {
			if mine(c.ID) {
				pools[p.ID.Key()] = true
			}
		}
	}
	add := func(rule estate.LoadBalancingRule, list string, i int) {
		d := ruleDoor(e, r, v, rule, fmt.Sprintf("/properties/%s/%d/properties", list, i), n)
		doors = append(append(doors, d), globalDoors(e, r, rule, d, n)...)
	}
	for i, rule := range v.Properties.LoadBalancingRules {
		member := rule.Properties.BackendAddressPool != nil && pools[rule.Properties.BackendAddressPool.ID.Key()]
		for _, p := range rule.Properties.BackendAddressPools {
			member = member || pools[p.ID.Key()]
		}
		if member {
			add(rule, "loadBalancingRules", i)
		}
	}
	for i, rule := range v.Properties.InboundNATRules {
		direct := rule.Properties.BackendIPConfiguration != nil && mine(rule.Properties.BackendIPConfiguration.ID) ||
			slices.ContainsFunc(n.conf.Properties.LoadBalancerInboundNATRules, func(ref estate.ResourceRef) bool { return ref.ID.Equal(rule.ID) })
		pooled := rule.Properties.BackendAddressPool != nil && pools[rule.Properties.BackendAddressPool.ID.Key()]
		if direct || pooled {
			add(rule, "inboundNatRules", i)
		}
	}
	for i, pool := range v.Properties.InboundNATPools { // one port of the range for each instance
		if slices.ContainsFunc(n.conf.Properties.LoadBalancerInboundNATPools, func(ref estate.ResourceRef) bool { return ref.ID.Equal(pool.ID) }) {
			add(pool, "inboundNatPools", i)
		}
	}
	return doors
}

// ruleDoor is one rule with its frontend.
func ruleDoor(e *estate.Estate, r *estate.Resource, v *estate.LoadBalancer, rule estate.LoadBalancingRule, pointer string, n *netInterface) door {
	p := rule.Properties
	d := door{near: n.own, by: "load balancer " + r.Name, basic: strings.EqualFold(v.SKU.Name, "Basic"), skuless: v.SKU.Name == ""}
	hop := Hop{
		Resource: r.ID, Kind: "loadBalancer", Name: r.Name + " / " + rule.Name, Answer: azward.Yes,
		Summary: fmt.Sprintf("rule %s forwards %s %d to port %d", rule.Name, strings.ToLower(p.Protocol), p.FrontendPort, p.BackendPort),
	}
	if p.FrontendPortRangeEnd > 0 {
		hop.Summary = fmt.Sprintf("rule %s forwards %s %d-%d to port %d", rule.Name, strings.ToLower(p.Protocol), p.FrontendPortRangeStart, p.FrontendPortRangeEnd, p.BackendPort)
	}
	d.rule = hop.Summary
	rulePorts(&d, p.Protocol, p.FrontendPort, p.FrontendPortRangeStart, p.FrontendPortRangeEnd, p.BackendPort)
	hop.Evidence = []azward.Evidence{r.Evidence(pointer, hop.Summary)}
	unclear := func(reads, cause string) door {
		gap := azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: reads, Error: cause}
		hop.Answer = azward.Unknown
		d.doubt, d.hops = &gap, append(d.hops, hop)
		return d
	}
	if len(d.protocol) == 0 {
		return unclear("protocol", "azward does not know the protocol "+p.Protocol)
	}
	if p.FrontendIPConfiguration == nil {
		return unclear("frontendIPConfiguration", "the rule names no frontend")
	}
	at := slices.IndexFunc(v.Properties.FrontendIPConfigurations, func(f estate.BalancerFrontend) bool {
		return f.ID.Equal(p.FrontendIPConfiguration.ID)
	})
	if at < 0 {
		return unclear("frontendIPConfigurations", "the rule's frontend is not among the load balancer's")
	}
	front := v.Properties.FrontendIPConfigurations[at]
	frontPointer := fmt.Sprintf("/properties/frontendIPConfigurations/%d/properties", at)
	switch {
	case front.Properties.PublicIPAddress != nil:
		address, ok := e.Resource(front.Properties.PublicIPAddress.ID)
		if !ok {
			d.doubt = unreadRef(e, front.Properties.PublicIPAddress.ID)
			d.hops = []Hop{{
				Resource: front.Properties.PublicIPAddress.ID, Kind: "publicIPAddress", Name: front.Properties.PublicIPAddress.ID.Name(),
				Summary: "the frontend's public address could not be read", Evidence: []azward.Evidence{r.Evidence(frontPointer, "the frontend is public")},
			}}
			return d
		}
		addressed, _, gap := addressHop(address)
		if gap != nil {
			d.doubt = gap
		}
		if p.EnableFloatingIP {
			if pip, err := estate.Decode[estate.PublicIPAddress](address); err == nil {
				d.near = prefixes([]string{pip.Properties.IPAddress}) // the packet keeps the frontend as its destination
			}
		}
		d.hops = []Hop{addressed, hop}
		if g := front.Properties.GatewayLoadBalancer; g != nil && gap == nil {
			d.inspected(r, frontPointer+"/gatewayLoadBalancer", g.ID)
		}
	case front.Properties.PublicIPPrefix != nil:
		return unclear("publicIPPrefix", "frontends on a public address prefix are not modelled yet")
	case front.Properties.Subnet != nil:
		d.frontend, d.ruleFact = front.ID, hop.Evidence
		d.front, _ = netip.ParseAddr(front.Properties.PrivateIPAddress)
		if p.EnableFloatingIP {
			d.near = netset.OneAddr(d.front)
		}
		hop.Answer, hop.Summary = azward.No, "the frontend "+front.Name+" of load balancer "+r.Name+" is private"
		hop.Evidence = []azward.Evidence{r.Evidence(frontPointer, "a frontend with a subnet and no public address")}
		d.hops = []Hop{hop}
	default:
		return unclear("frontendIPConfigurations", "the frontend is neither public nor private")
	}
	return d
}

func rulePorts(d *door, protocol string, front, start, end, back int) {
	d.backend = same
	switch strings.ToLower(protocol) {
	case "tcp":
		d.protocol = []netset.Protocol{netset.TCP}
	case "udp":
		d.protocol = []netset.Protocol{netset.UDP}
	case "all":
		d.protocol = []netset.Protocol{netset.TCP, netset.UDP}
		if front == 0 {
			d.shown = netset.AllPorts()
			return
		}
	}
	port := func(p int) uint16 { return uint16(min(max(p, 0), 65535)) }
	d.shown = netset.Port(port(front))
	if start > 0 && end >= start {
		d.shown = netset.Span(port(start), port(end))
	}
	d.backend = func(netset.Ports) netset.Ports { return netset.Port(port(back)) }
}

// ways sends the internet through a door and the interface's filters: one way
// for each protocol.
func (d door) ways(e *estate.Estate, n *netInterface) []*way {
	first := &way{by: d.by, class: InternetAny}
	d, otherwise := n.want.at(d)
	for i, h := range d.hops {
		if d.doubt != nil && i == len(d.hops)-1 {
			first.doubt(h, *d.doubt)
			continue
		}
		first.hop(h)
	}
	if first.answer() != azward.Yes || len(d.protocol) == 0 {
		first.flows = []Flow{{Protocol: "any", Ports: d.shown.String(), Sources: sourceNames(publicAddrs)}}
		return []*way{first}
	}
	if otherwise != nil {
		first.hop(*otherwise)
		return []*way{first}
	}
	var ways []*way
	for _, protocol := range d.protocol {
		ways = append(ways, d.filtered(e, n, first.clone(), protocol)...)
	}
	return ways
}

// familyOf is the address family of an interface: the two don't mix on a way.
func familyOf(near netset.Addrs) netset.Addrs {
	switch v4, v6 := near.Overlaps(netset.AllV4()), near.Overlaps(netset.AllV6()); {
	case v4 && !v6:
		return netset.AllV4()
	case v6 && !v4:
		return netset.AllV6()
	}
	return netset.AllAddrs()
}

func (d door) filtered(e *estate.Estate, n *netInterface, w *way, protocol netset.Protocol) []*way {
	shown := d.shown
	if !protocol.HasPorts() {
		shown = netset.AllPorts()
	}
	sources := n.want.sources(publicOfFamily(d.near))
	if sources.IsEmpty() {
		return nil // of the other family
	}
	region := netset.Product(sources, d.backend(shown))
	w.flows = flowsOf(protocol, region, d, shown)
	var ways []*way
	for _, p := range n.pass(e, w, packet{direction: inbound, near: d.near, protocol: protocol, srcPort: n.want.sourcePort()}, region, d.bare(n)) {
		p = n.replies(e, p, protocol)
		switch {
		case !p.certain.IsEmpty():
			p.way.flows = flowsOf(protocol, p.certain, d, shown)
			p.way.tagged(p.tags)
		case !p.maybe.IsEmpty():
			p.way.flows = flowsOf(protocol, p.maybe, d, shown)
		}
		ways = append(ways, p.way)
	}
	return ways
}

// bare is what happens where no security group stands.
func (d door) bare(n *netInterface) func(*way) {
	return func(w *way) {
		h := Hop{
			Resource: n.holder.ID, Kind: "networkInterface", Name: n.holder.Name,
			Evidence: []azward.Evidence{n.holder.Evidence("/properties/networkSecurityGroup", "no security group on the interface, none on the subnet")},
		}
		switch {
		case d.private:
			h.Answer, h.Summary = azward.Yes, "no security group stands before it"
		case d.skuless:
			h.Summary = "no security group stands before it, and whether its address is a Basic one, which is open without one, was not read"
			w.doubt(h, azward.Gap{Scope: n.holder.ID, Kind: azward.GapNotRead, Reads: "sku", Needs: "Microsoft.Network/publicIPAddresses/read", Error: h.Summary})
			return
		case d.basic:
			h.Answer, h.Summary = azward.Yes, "no security group stands before it, and a Basic address is open without one"
		default:
			h.Answer, h.Summary = azward.No, "no security group stands before it, and a Standard address stays closed without one"
		}
		w.hop(h)
	}
}

// maxSourcesShown is how many prefixes of a service tag a flow lists before it
// gives the tag's name instead: AzureCloud has ten thousand.
const maxSourcesShown = 256

// tagged names the service tags that admit a way's sources where listing the
// prefixes would say less.
func (w *way) tagged(tags []string) {
	if len(tags) == 0 {
		return
	}
	for i, f := range w.flows {
		if len(f.Sources) > maxSourcesShown {
			w.flows[i].Sources = slices.Clone(tags)
		}
	}
}

func flowsOf(protocol netset.Protocol, region netset.Region, d door, shown netset.Ports) []Flow {
	flows := []Flow{}
	for _, b := range region.Bands() {
		ports := b.Ports
		if mapped := d.backend(shown); !mapped.Equal(shown) {
			ports = shown // the frontend's port is what clients name
		}
		text := ports.String()
		if !protocol.HasPorts() {
			text = "*"
		}
		flows = append(flows, Flow{Protocol: protocol.String(), Ports: text, Sources: sourceNames(b.Sources)})
	}
	return flows
}
