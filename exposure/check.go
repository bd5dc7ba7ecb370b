package exposure

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// Question asks for one flow: may it pass? Places are an address or prefix,
// "internet", an ARM ID in any case, or "pod/NAMESPACE/NAME",
// "deployment/NAMESPACE/NAME", "service/NAMESPACE/NAME".
type Question struct {
	From     string `json:"from"`
	To       string `json:"to"`
	Protocol string `json:"protocol"` // "tcp", "udp", "icmp", "esp", "ah", "sctp"
	Port     int    `json:"port"`
	// SourcePort of the flow; 0 means any.
	SourcePort int `json:"sourcePort,omitempty"`
	// FiltersOnly is "inbound" or "outbound" to ask the packet filters at one
	// interface or pod alone, as Network Watcher's IP flow verify does.
	FiltersOnly string `json:"filtersOnly,omitempty"`
	// Via is the ARM ID of an Azure Firewall to ask that firewall's rules alone,
	// for packets that it gets.
	Via string `json:"via,omitempty"`
	// Cluster that pods belong to: an ARM ID or a name; "" takes the only one.
	Cluster string `json:"cluster,omitempty"`
	// Expect is "yes" or "no" where the question is a test.
	Expect string `json:"expect,omitempty"`
}

// Result answers one question.
type Result struct {
	Answer    azward.Answer `json:"answer"`
	From      string        `json:"from"`
	To        string        `json:"to"`
	Protocol  string        `json:"protocol"`
	Port      int           `json:"port"`
	Summary   string        `json:"summary"`
	DecidedBy []Decider     `json:"decidedBy"`
	Hops      []Hop         `json:"hops"`
	Gaps      []azward.Gap  `json:"gaps"`
	// Met says whether the answer is the expected one, where one is.
	Met *bool `json:"met,omitempty"`
}

// Decider is one fact that decided.
type Decider struct {
	Resource azward.ResourceID `json:"resource"`
	Rule     string            `json:"rule"`
	Property string            `json:"property"`
	Value    any               `json:"value"`
}

// Check answers one flow. A question that cannot be read is a usage error;
// whatever the estate does not tell makes the answer unknown.
func Check(e *estate.Estate, q Question) (Result, error) {
	if err := q.check(); err != nil {
		return Result{}, err
	}
	x, err := q.answer(e)
	if err != nil {
		return Result{}, err
	}
	r := Result{
		Answer: x.Answer, From: q.From, To: q.To, Protocol: strings.ToLower(q.Protocol), Port: q.Port, Summary: x.Summary,
		DecidedBy: []Decider{}, Hops: x.Path, Gaps: x.Gaps,
	}
	for _, h := range x.Path {
		if h.Answer != x.Answer && x.Answer != azward.Yes {
			continue
		}
		for _, f := range h.Evidence {
			r.DecidedBy = append(r.DecidedBy, Decider{Resource: f.Resource, Rule: h.Name, Property: f.Property, Value: f.Value})
		}
	}
	if len(r.DecidedBy) == 0 {
		for _, f := range x.Evidence {
			r.DecidedBy = append(r.DecidedBy, Decider{Resource: f.Resource, Rule: f.Meaning, Property: f.Property, Value: f.Value})
		}
	}
	if r.Hops == nil {
		r.Hops = []Hop{}
	}
	if r.Gaps == nil {
		r.Gaps = []azward.Gap{}
	}
	if q.Expect != "" {
		met := r.Answer.String() == q.Expect
		r.Met = &met
	}
	return r, nil
}

var checkProtocols = map[string]netset.Protocol{
	"tcp": netset.TCP, "udp": netset.UDP, "icmp": netset.ICMP, "esp": netset.ESP, "ah": netset.AH, "sctp": netset.SCTP,
}

func (q Question) check() error {
	bad := func(what, subject, cause, remedy string) error {
		return &azward.Error{Kind: azward.KindUsage, Op: "read " + what, Subject: fmt.Sprintf("%.80q", subject), Cause: cause, Remedy: remedy}
	}
	protocol, ok := checkProtocols[strings.ToLower(q.Protocol)]
	switch {
	case !ok:
		return bad("protocol", q.Protocol, "there is no such protocol", "use tcp, udp, icmp, esp, ah or sctp")
	case q.Port < 0 || q.Port > 65535 || protocol.HasPorts() && q.Port == 0:
		return bad("port", fmt.Sprint(q.Port), "it is not between 1 and 65535", "give the destination port with --port")
	case q.SourcePort < 0 || q.SourcePort > 65535:
		return bad("source port", fmt.Sprint(q.SourcePort), "it is not between 1 and 65535", "leave it out for any")
	case !slices.Contains([]string{"", "inbound", "outbound"}, q.FiltersOnly):
		return bad("filters", q.FiltersOnly, "it is neither inbound nor outbound", "use inbound or outbound, or leave it out")
	case !slices.Contains([]string{"", "yes", "no"}, q.Expect):
		return bad("expect", q.Expect, "it is neither yes nor no", "use yes or no, or leave it out")
	case q.From == "" || q.To == "":
		return bad("places", q.From+" → "+q.To, "one of them is empty", "give both --from and --to")
	}
	return nil
}

func (q Question) answer(e *estate.Estate) (Exposure, error) {
	if q.Via != "" {
		return q.viaFirewall(e)
	}
	if inCluster(q.From) || inCluster(q.To) {
		return q.inCluster(e)
	}
	protocol := checkProtocols[strings.ToLower(q.Protocol)]
	from, to := findEnd(e, q.From), findEnd(e, q.To)
	switch {
	case to.unreadable != "":
		return Exposure{}, placeError(q.To, to.unreadable)
	case from.unreadable != "":
		return Exposure{}, placeError(q.From, from.unreadable)
	case q.FiltersOnly == "inbound" && len(to.interfaces) > 0:
		return q.filters(e, to.interfaces, inbound, from, protocol), nil
	case q.FiltersOnly == "outbound" && len(from.interfaces) > 0:
		return q.filters(e, from.interfaces, outbound, to, protocol), nil
	case q.FiltersOnly != "":
		return unsure(q.To, "packet filters of this place", "no network interface stands there that the estate knows"), nil
	case from.public && to.workload != nil:
		return q.fromInternet(e, *to.workload, from, protocol), nil
	case from.public && len(to.interfaces) > 0:
		return q.throughMachine(e, to, from, protocol)
	case from.public && to.machine != nil && HasEndpoint(to.machine):
		return q.toEndpoint(e, to.machine, from, protocol), nil
	case len(from.interfaces) > 0 && len(to.interfaces) > 0:
		return q.endToEnd(e, from, to, protocol), nil
	case len(from.interfaces) > 0 && to.machine != nil && len(to.interfaces) == 0:
		return q.toService(e, from, to), nil
	case len(from.interfaces) > 0 && to.public:
		return q.toInternet(e, from, to, protocol), nil
	}
	return unsure(q.To, "the way from "+q.From, "this pair of places is not modelled yet"), nil
}

// viaFirewall asks one firewall's rules.
func (q Question) viaFirewall(e *estate.Estate) (Exposure, error) {
	r, ok := e.Resource(azward.ResourceID(q.Via))
	if !ok || !strings.EqualFold(r.Type, firewallType) {
		return Exposure{}, placeError(q.Via, "the estate holds no Azure Firewall of this ID")
	}
	from, to := findEnd(e, q.From), findEnd(e, q.To)
	switch {
	case from.unreadable != "":
		return Exposure{}, placeError(q.From, from.unreadable)
	case to.unreadable != "":
		return Exposure{}, placeError(q.To, to.unreadable)
	}
	ruling := firewallOf(e, r).decide(from.addrs, to.addrs, checkProtocols[strings.ToLower(q.Protocol)], uint16(q.Port))
	w := &way{class: classOf(from.addrs), gaps: ruling.gaps, flows: []Flow{}}
	w.hop(ruling.hop)
	return settle(azward.Workload{ID: r.ID, Name: r.Name}, []*way{w}, closing{}), nil
}

func inCluster(place string) bool {
	kind, rest, ok := strings.Cut(place, "/")
	return ok && kind != "" && rest != "" && !strings.Contains(place, "providers/") && strings.Count(place, "/") == 2 && kind != "subscriptions"
}

func (q Question) inCluster(e *estate.Estate) (Exposure, error) {
	clusters := e.OfType("Microsoft.ContainerService/managedClusters")
	matching := slices.DeleteFunc(slices.Clone(clusters), func(r *estate.Resource) bool {
		return q.Cluster != "" && !strings.EqualFold(r.Name, q.Cluster) && !r.ID.Equal(azward.ResourceID(q.Cluster))
	})
	if len(matching) != 1 {
		return Exposure{}, &azward.Error{
			Kind: azward.KindUsage, Op: "choose cluster", Subject: fmt.Sprintf("%.80q", q.Cluster),
			Cause: fmt.Sprintf("%d clusters of the estate fit", len(matching)), Remedy: "name one with --cluster NAME",
		}
	}
	return CheckPod(e, PodQuestion{
		Cluster: matching[0].ID, From: q.From, To: q.To, Protocol: strings.ToLower(q.Protocol), Port: uint16(q.Port), FiltersOnly: q.FiltersOnly,
	}), nil
}

func placeError(place, cause string) error {
	return &azward.Error{
		Kind: azward.KindUsage, Op: "find place", Subject: fmt.Sprintf("%.200q", place), Cause: cause,
		Remedy: "give an address, a prefix, internet, an ARM ID of the estate, or pod/NAMESPACE/NAME",
	}
}

func unsure(scope, reads, cause string) Exposure {
	gap := azward.Gap{Scope: azward.ResourceID(scope), Kind: azward.GapUnsupported, Reads: reads, Error: cause}
	return settle(azward.Workload{Name: scope}, nil, closing{missing: []azward.Gap{gap}})
}

// end is one end of a flow, as far as the estate knows it.
type end struct {
	addrs      netset.Addrs
	public     bool // on the internet
	interfaces []*netInterface
	machine    *estate.Resource
	workload   *estate.Workload
	unreadable string
}

func findEnd(e *estate.Estate, place string) end {
	if strings.EqualFold(place, "internet") {
		return end{addrs: publicAddrs, public: true}
	}
	if p, _, err := netset.ParsePrefix(place); err == nil {
		return addressEnd(e, p)
	}
	id, err := azward.ParseResourceID(place)
	if err != nil {
		return end{unreadable: "it is no address, no prefix and no resource ID"}
	}
	r, ok := e.Resource(id)
	if !ok {
		return end{unreadable: "the estate does not hold it"}
	}
	found := end{machine: r}
	if w, ok := e.Workload(r.ID); ok {
		found.workload = &w
	}
	switch strings.ToLower(r.Type) {
	case "microsoft.network/networkinterfaces":
		found.interfaces = interfacesOfNIC(e, r)
	case "microsoft.compute/virtualmachines", "microsoft.compute/virtualmachinescalesets":
		found.interfaces, _ = interfacesOf(e, r)
	}
	for _, n := range found.interfaces {
		found.addrs = found.addrs.Union(n.own)
	}
	return found
}

// addressEnd is an address: of an interface when one of the estate has it,
// else somewhere on the internet or in a network that azward does not see.
func addressEnd(e *estate.Estate, p netip.Prefix) end {
	set := netset.PrefixAddrs(p)
	found := end{addrs: set, public: set.Subset(publicAddrs)}
	if !p.IsSingleIP() {
		return found
	}
	for _, r := range e.WithAddress(p.Addr()) {
		if strings.EqualFold(r.Type, "Microsoft.Network/networkInterfaces") {
			for _, n := range interfacesOfNIC(e, r) {
				if n.own.Contains(p.Addr()) {
					found.interfaces, found.machine, found.public = append(found.interfaces, n), r, false
				}
			}
		}
	}
	return found
}

// interfacesOfNIC reads the ip configurations of an interface, once an estate
// while there are not too many: a run asks about the same ones again and again.
func interfacesOfNIC(e *estate.Estate, r *estate.Resource) []*netInterface {
	held := estate.Memo(e, askedKey{}, func(*estate.Estate) *asked { return &asked{interfaces: map[*estate.Resource][]*netInterface{}} })
	held.mu.Lock()
	defer held.mu.Unlock()
	if all, ok := held.interfaces[r]; ok {
		return all
	}
	if len(held.interfaces) >= maxAsked {
		clear(held.interfaces)
	}
	all := readInterfaces(e, r)
	for _, n := range all {
		n.painted = &paintedLayers{}
	}
	held.interfaces[r] = all
	return all
}

// maxAsked bounds the interfaces that are kept, each with the filters that were
// asked: about 100 KB for a group of 1,000 rules.
const maxAsked = 2000

type askedKey struct{}

// asked keeps the interfaces of a run of questions.
type asked struct {
	mu         sync.Mutex
	interfaces map[*estate.Resource][]*netInterface
}

func readInterfaces(e *estate.Estate, r *estate.Resource) []*netInterface {
	v, err := estate.Decode[estate.NetworkInterface](r)
	if err != nil {
		return nil
	}
	var all []*netInterface
	for i := range v.Properties.IPConfigurations {
		all = append(all, interfaceOf(e, r, fmt.Sprintf("/properties/ipConfigurations/%d", i), &v.Properties.IPConfigurations[i], v.Properties.NetworkSecurityGroup))
	}
	return all
}

// filters asks the packet filters at one end alone.
func (q Question) filters(e *estate.Estate, at []*netInterface, d direction, other end, protocol netset.Protocol) Exposure {
	var ways []*way
	for _, n := range at {
		ways = append(ways, q.filterWays(e, n, d, other.addrs, protocol)...)
	}
	return settle(azward.Workload{ID: at[0].holder.ID, Name: at[0].holder.Name}, ways, closing{missing: adminGaps(e, end{interfaces: at})})
}

// filterWays is every filter of one interface for one flow. An answer holds for
// the flow as a whole: where a part passes alone it is unknown.
func (q Question) filterWays(e *estate.Estate, n *netInterface, d direction, far netset.Addrs, protocol netset.Protocol) []*way {
	w := &way{class: classOf(far), flows: []Flow{{Protocol: protocol.String(), Ports: fmt.Sprint(q.Port), Sources: far.Strings()}}}
	p := packet{direction: d, near: n.own, protocol: protocol, srcPort: q.SourcePort}
	if q.SourcePort == 0 {
		p.srcPort = everySourcePort
	}
	ports := netset.AllPorts()
	if protocol.HasPorts() {
		ports = netset.Port(uint16(q.Port))
	}
	region := netset.Product(far, ports)
	bare := func(w *way) {
		w.hop(Hop{
			Resource: n.holder.ID, Kind: "networkInterface", Name: "no NSG", Answer: azward.Yes, Summary: "no security group stands on the interface or its subnet",
			Evidence: []azward.Evidence{n.holder.Evidence("/properties/networkSecurityGroup", "none on the interface, none on its subnet")},
		})
	}
	var ways []*way
	for _, passed := range n.pass(e, w, p, region, bare) {
		if passed.way.answer() == azward.Yes && !region.Minus(passed.certain).IsEmpty() {
			h := Hop{Resource: n.holder.ID, Kind: kindOf(n.holder), Name: n.holder.Name, Summary: "a part of the asked flow passes alone, or may pass"}
			passed.way.doubt(h, azward.Gap{Scope: n.holder.ID, Kind: azward.GapUnsupported, Reads: "the asked flow as a whole", Error: h.Summary})
		}
		ways = append(ways, passed.way)
	}
	return ways
}

// endToEnd is a flow between two interfaces: out at the source, over the
// routes of both ends, in at the destination.
func (q Question) endToEnd(e *estate.Estate, from, to end, protocol netset.Protocol) Exposure {
	var ways []*way
	for _, source := range from.interfaces {
		for _, target := range to.interfaces {
			for _, out := range q.filterWays(e, source, outbound, target.own, protocol) {
				source.toward(e, out, target, flow{source.own, target.own, protocol, uint16(q.Port)})
				for _, in := range q.filterWays(e, target, inbound, source.own, protocol) {
					w := out.clone()
					q.inNetwork(w, source)
					if !source.vnetID.Equal(target.vnetID) {
						w.class = VnetPeered
					}
					w.extend(in.hops...)
					w.missing(in.gaps...)
					ways = append(ways, w)
				}
			}
		}
	}
	return settle(azward.Workload{ID: to.machine.ID, Name: to.machine.Name}, ways, closing{missing: adminGaps(e, from, to)})
}

// toInternet is a flow from an interface to public addresses: out at the
// source, then over its routes.
func (q Question) toInternet(e *estate.Estate, from, to end, protocol netset.Protocol) Exposure {
	var ways []*way
	for _, n := range from.interfaces {
		for _, w := range q.filterWays(e, n, outbound, to.addrs, protocol) {
			q.inNetwork(w, n)
			n.outward(e, w, flow{n.own, to.addrs, protocol, uint16(q.Port)})
			ways = append(ways, w)
		}
	}
	return settle(azward.Workload{ID: azward.ResourceID(q.To), Name: q.To}, ways, closing{missing: adminGaps(e, from)})
}
