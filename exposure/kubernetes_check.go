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

// PodQuestion asks for one flow to something in a cluster.
type PodQuestion struct {
	Cluster azward.ResourceID
	// From is "internet", an address, or a place in the cluster.
	From string
	// To is a place: "pod/NAMESPACE/NAME", "deployment/NAMESPACE/NAME" (and the
	// other controllers), "service/NAMESPACE/NAME".
	To       string
	Protocol string // "tcp", "udp" or "sctp"
	// Port that the source dials: the pod's own between pods, the Service's
	// towards a Service, the frontend's from outside.
	Port uint16
	// FiltersOnly is "inbound" or "outbound" to ask the network policies at
	// that end alone; "" asks for the whole way.
	FiltersOnly string
}

// CheckPod answers one flow to pods. Within the cluster every pod reaches
// every other unless policies forbid it; from outside a way in is needed that
// listens on the port.
func CheckPod(e *estate.Estate, q PodQuestion) Exposure {
	c := podCheck{k: viewCluster(e, q.Cluster), q: q}
	c.q.Protocol = strings.ToLower(q.Protocol)
	x := c.answer()
	x.From = q.From
	return x
}

type podCheck struct {
	k *kubeView
	q PodQuestion
}

// place is what a name in the cluster stands for.
type place struct {
	workload azward.Workload
	shapes   []*shape
	service  *service // set for "service/…"
}

func (c podCheck) answer() Exposure {
	to, gap := c.k.place(c.q.To)
	if gap != nil {
		return settle(azward.Workload{Name: c.q.To}, nil, closing{missing: []azward.Gap{*gap}})
	}
	if c.q.From == "internet" || c.q.From == "Internet" {
		return c.outside(to, publicAddrs)
	}
	if p, _, err := netset.ParsePrefix(c.q.From); err == nil {
		return c.address(to, p)
	}
	from, gap := c.k.place(c.q.From)
	if gap != nil {
		return settle(to.workload, nil, closing{missing: []azward.Gap{*gap}})
	}
	return c.inside(from, to)
}

// place resolves a name. A place without pods is a gap, never an empty set.
func (k *kubeView) place(name string) (place, *azward.Gap) {
	kind, rest, _ := strings.Cut(name, "/")
	namespace, object, ok := strings.Cut(rest, "/")
	missing := func(cause string) (place, *azward.Gap) {
		return place{}, &azward.Gap{Scope: k.id, Kind: azward.GapNotRead, Reads: name, Error: cause}
	}
	group, known := map[string]string{
		"pod": "", "service": "", "deployment": "apps", "statefulset": "apps", "daemonset": "apps", "replicaset": "apps", "job": "batch", "cronjob": "batch",
	}[strings.ToLower(kind)]
	if !ok || !known {
		return missing("it is none of pod, service, deployment, statefulset, daemonset, replicaset, job and cronjob, each followed by /NAMESPACE/NAME")
	}
	id := k.id.Kubernetes(group, "v1", namespace, strings.ToLower(kind)+"s", object)
	r, ok := k.e.Resource(id)
	if !ok {
		return missing("the cluster's objects that were read do not hold it")
	}
	p := place{workload: azward.Workload{ID: r.ID, Name: namespace + "/" + object}}
	if strings.EqualFold(kind, "service") {
		v, err := estate.Decode[estate.KubernetesService](r)
		if err != nil {
			gap := unparsed(r, err)
			return place{}, &gap
		}
		p.service = &service{r, v}
		p.shapes = k.podsBehind(*p.service)
	} else {
		w, ok := k.e.Workload(id)
		if !ok { // a pod that belongs to a controller is no workload of its own
			w = estate.Workload{Workload: p.workload, Resource: r}
		}
		var gap *azward.Gap
		if p.shapes, gap = k.shapes(w); gap != nil {
			return place{}, gap
		}
		if ok {
			p.workload = w.Workload
		}
	}
	if len(p.shapes) == 0 {
		return missing("no pod behind it was read")
	}
	return p, nil
}

// inside asks the policies at both ends. Among several kinds of pod at one
// place the flow passes when it passes to one of them.
func (c podCheck) inside(from, to place) Exposure {
	var ways []*way
	for _, src := range from.shapes {
		for _, dst := range to.shapes {
			port, hop, ok := c.through(to, dst)
			if !ok {
				continue
			}
			w := &way{class: SameCluster, by: "the cluster's network"}
			w.flows = []Flow{{Protocol: c.q.Protocol, Ports: strconv.Itoa(int(c.q.Port)), Sources: podSources(src)}}
			w.hop(podHop(src, "opens the connection"))
			if hop != nil {
				w.hop(*hop)
			}
			in := entry{way: w, protocol: c.q.Protocol, port: port, seen: netpol.AtPod(&src.pod)}
			ways = append(ways, c.k.arriveFiltered(in, src, dst, c.q.FiltersOnly))
		}
	}
	if len(ways) == 0 && to.service != nil {
		w := &way{class: SameCluster}
		h := serviceHop(to.service.r, fmt.Sprintf("the Service has no %s port %d", c.q.Protocol, c.q.Port))
		h.Answer, h.Evidence = azward.No, []azward.Evidence{to.service.r.Evidence("/spec/ports", h.Summary)}
		w.hop(h)
		ways = append(ways, w)
	}
	return settle(to.workload, ways, closing{})
}

func podSources(s *shape) []string {
	sources := []string{}
	for _, a := range s.pod.Addresses {
		sources = append(sources, netip.PrefixFrom(a, a.BitLen()).String())
	}
	return sources
}

func podHop(s *shape, summary string) Hop {
	return Hop{
		Resource: s.from.ID, Kind: kindOf(s.from), Name: s.pod.Namespace + "/" + s.pod.Name, Answer: azward.Yes, Summary: summary,
		Evidence: []azward.Evidence{s.from.Evidence("/metadata/labels", "labels of the pod")},
	}
}

// through resolves the port that the pod sees.
func (c podCheck) through(to place, dst *shape) (uint16, *Hop, bool) {
	if to.service == nil {
		return c.q.Port, nil, true
	}
	for i, p := range to.service.v.Spec.Ports {
		if p.Port != int(c.q.Port) || protocolOf(p.Protocol) != c.q.Protocol {
			continue
		}
		if port, ok := targetOf(p, dst); ok {
			h := serviceHop(to.service.r, fmt.Sprintf("leads port %d to port %d of its pods", p.Port, port))
			h.Answer = azward.Yes
			h.Evidence = []azward.Evidence{to.service.r.Evidence(fmt.Sprintf("/spec/ports/%d", i), h.Summary)}
			return port, &h, true
		}
	}
	return 0, nil, false
}

// arriveFiltered is arrive with the policies of both ends, or of one.
func (k *kubeView) arriveFiltered(in entry, src, dst *shape, only string) *way {
	var d netpol.Decision
	h := Hop{Resource: dst.from.ID, Kind: "NetworkPolicy", Name: dst.pod.Namespace + " / network policies"}
	switch only {
	case "inbound":
		d = k.policies.Inbound(in.seen, &dst.pod, in.protocol, in.port)
	case "outbound":
		d = k.policies.Outbound(&src.pod, netpol.AtPod(&dst.pod), in.protocol, in.port)
	default:
		d = k.policies.Allowed(in.seen, netpol.AtPod(&dst.pod), in.protocol, in.port)
	}
	k.policyWords(&h, d)
	in.way.missing(d.Gaps...)
	in.way.hop(h)
	if only == "" {
		k.mesh(in.way, in, dst)
	}
	in.way.hop(podHop(dst, fmt.Sprintf("receives it on %s %d", in.protocol, in.port)))
	return in.way
}

// outside asks every way in for the port and the sources.
func (c podCheck) outside(to place, sources netset.Addrs) Exposure {
	end := closing{none: "no way into the cluster leads to it on this port"}
	var ways []*way
	for _, s := range to.shapes {
		for _, w := range c.k.waysTo(s, &end) {
			if w = c.fits(w, sources); w != nil {
				ways = append(ways, w)
			}
		}
	}
	if !slices.ContainsFunc(ways, func(w *way) bool { return w.answer() == azward.Yes }) {
		c.k.close(&end)
		for _, w := range fronts(c.k.e, c.k.privateTarget(ways, to.shapes), &end) {
			if w = c.fits(w, sources); w != nil {
				ways = append(ways, w)
			}
		}
	}
	return settle(to.workload, ways, end)
}

// fits returns the way when it may carry the flow: a way whose flows are not
// known may.
func (c podCheck) fits(w *way, sources netset.Addrs) *way {
	if len(w.flows) == 0 {
		return w
	}
	for _, f := range w.flows {
		ports, err := netset.ParsePorts(f.Ports)
		if err != nil || f.Protocol != c.q.Protocol || !ports.Contains(c.q.Port) {
			continue
		}
		from, exact := sourcesOf(f)
		switch {
		case !exact && w.answer() == azward.Yes:
			w.doubt(Hop{Resource: c.k.id, Kind: "serviceTag", Name: strings.Join(f.Sources, ", "), Summary: "whether the service tag holds the source is not known"},
				azward.Gap{Scope: c.k.id, Kind: azward.GapUnsupported, Reads: "service tags", Error: "which addresses " + strings.Join(f.Sources, ", ") + " holds is not known"})
			return w
		case w.answer() != azward.Yes || sources.Subset(from):
			return w
		case sources.Overlaps(from) && sources.Equal(publicAddrs):
			return w // "internet" asks for any public address
		case sources.Overlaps(from):
			w.doubt(Hop{Resource: c.k.id, Kind: "sources", Summary: "only " + listWords(f.Sources) + " is let in, a part of what was asked"},
				azward.Gap{Scope: c.k.id, Kind: azward.GapUnsupported, Reads: "from", Error: "the answer differs within the prefix that was asked; ask for single addresses"})
			return w
		}
		return blockedSource(w, f)
	}
	return nil
}

// blockedSource turns an open way into one that this source cannot take.
func blockedSource(w *way, f Flow) *way {
	c := w.clone()
	for i := range c.hops {
		// The last hop that filters sources is the one that leaves this one out.
		if k := c.hops[len(c.hops)-1-i]; k.Kind == "NetworkPolicy" || k.Kind == "networkSecurityGroup" || k.Kind == "accessRestrictions" {
			c.hops[len(c.hops)-1-i].Answer = azward.No
			c.hops[len(c.hops)-1-i].Summary = "lets in " + listWords(f.Sources) + " alone"
			return c
		}
	}
	return c
}

// address asks from one address or prefix.
func (c podCheck) address(to place, p netip.Prefix) Exposure {
	if c.q.FiltersOnly == "inbound" {
		return c.filtersAt(to, p)
	}
	sources := netset.PrefixAddrs(p)
	if sources.Subset(publicAddrs) {
		return c.outside(to, sources)
	}
	w := &way{class: VnetLocal}
	w.doubt(Hop{Resource: c.k.id, Kind: "managedCluster", Name: c.k.id.Name(), Summary: "how the private address " + c.q.From + " reaches pods is not followed yet"},
		azward.Gap{Scope: c.k.id, Kind: azward.GapUnsupported, Reads: "from", Error: "azward does not follow paths from private addresses to pods yet; --filters-only inbound asks the network policies alone"})
	return settle(to.workload, []*way{w}, closing{})
}

// filtersAt asks the policies at the pod for an address as it stands.
func (c podCheck) filtersAt(to place, p netip.Prefix) Exposure {
	var ways []*way
	for _, dst := range to.shapes {
		w := &way{class: PrivateConnected, flows: []Flow{{Protocol: c.q.Protocol, Ports: strconv.Itoa(int(c.q.Port)), Sources: []string{p.String()}}}}
		h := Hop{Resource: dst.from.ID, Kind: "NetworkPolicy", Name: dst.pod.Namespace + " / network policies"}
		parts := c.k.policies.InboundFrom(netset.PrefixAddrs(p), &dst.pod, c.q.Protocol, c.q.Port)
		d := parts[0].Decision
		if len(parts) > 1 {
			d.Answer = azward.Unknown
			d.Gaps = []azward.Gap{{Scope: c.k.id, Kind: azward.GapUnsupported, Reads: "from", Error: "the answer differs within the prefix that was asked; ask for single addresses"}}
		}
		c.k.policyWords(&h, d)
		w.missing(d.Gaps...)
		w.hop(h)
		ways = append(ways, w)
	}
	return settle(to.workload, ways, closing{})
}
