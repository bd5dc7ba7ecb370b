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

// service is a Service that leads to a shape.
type service struct {
	r *estate.Resource
	v *estate.KubernetesService
}

func (s service) name() string { return s.r.Namespace + "/" + s.r.Name }

// servicesTo returns the Services whose selector matches the pod, or whose
// endpoint slices name it. One that cannot be read is an undecided way.
func (k *kubeView) servicesTo(s *shape, end *closing) ([]service, []*way) {
	var found []service
	var unread []*way
	for _, r := range k.e.Objects(k.id, "Service", s.pod.Namespace) {
		v, err := estate.Decode[estate.KubernetesService](r)
		if err != nil {
			w := &way{class: InternetAny}
			w.doubt(serviceHop(r, "the Service has an unexpected shape"), unparsed(r, err))
			unread = append(unread, w)
			continue
		}
		if v.Spec.Type == "ExternalName" {
			continue // a name, with nothing behind it in the cluster
		}
		if len(v.Spec.Selector) == 0 {
			if k.sliceNames(r, s) {
				found = append(found, service{r, v})
			}
			end.absence(k.e.Absence(k.id, "endpointslices.discovery.k8s.io"))
			continue
		}
		if ok, err := (&estate.LabelSelector{MatchLabels: v.Spec.Selector}).Matches(s.pod.Labels); ok && err == nil {
			found = append(found, service{r, v})
		}
	}
	return found, unread
}

// aliasWays are Services of type ExternalName, in any namespace, whose name is
// that of one of the pod's Services: an Ingress that leads to the alias leads to
// the pod. azward does not follow them yet.
func (k *kubeView) aliasWays(services []service) []*way {
	var ways []*way
	for _, r := range k.e.Objects(k.id, "Service", "") {
		v, err := estate.Decode[estate.KubernetesService](r)
		if err != nil || v.Spec.Type != "ExternalName" {
			continue // one of another shape is undecided by itself
		}
		host := strings.ToLower(strings.TrimSuffix(v.Spec.ExternalName, "."))
		for _, s := range services {
			if own := s.r.Name + "." + s.r.Namespace; host == own || strings.HasPrefix(host, own+".") {
				w := &way{class: InternetAny}
				h := serviceHop(r, "the ExternalName Service "+r.Namespace+"/"+r.Name+" is another name of "+s.name()+", and what leads to it is not followed yet")
				w.doubt(h, azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: "externalName", Error: h.Summary})
				ways = append(ways, w)
			}
		}
	}
	return ways
}

// sliceNames reports whether an endpoint slice of a Service names the pod.
func (k *kubeView) sliceNames(svc *estate.Resource, s *shape) bool {
	for _, r := range k.e.Objects(k.id, "EndpointSlice.discovery.k8s.io", svc.Namespace) {
		v, err := estate.Decode[estate.KubernetesEndpointSlice](r)
		if err != nil || v.Metadata.Labels["kubernetes.io/service-name"] != svc.Name {
			continue
		}
		for _, e := range v.Endpoints {
			if e.TargetRef != nil && e.TargetRef.Kind == "Pod" && e.TargetRef.Name == s.pod.Name {
				return true
			}
			for _, a := range s.pod.Addresses {
				if slices.Contains(e.Addresses, a.String()) {
					return true
				}
			}
		}
	}
	return false
}

// targetOf resolves a Service's port at a pod; false when the pod has no port
// of that name, so that the Service does not lead to it there.
func targetOf(p estate.ServicePort, s *shape) (uint16, bool) {
	number := p.Port
	if t := p.TargetPort; t != nil {
		switch {
		case t.Name != "":
			for _, c := range s.pod.Ports {
				if c.Name == t.Name && c.Protocol == protocolOf(p.Protocol) {
					return c.Number, true
				}
			}
			return 0, false
		case t.Int != 0:
			number = t.Int
		}
	}
	if number < 1 || number > 65535 {
		return 0, false
	}
	return uint16(number), true
}

// serviceWays enumerates how the internet may reach a Service by itself: its
// load balancer, its node ports, its external IPs.
func (k *kubeView) serviceWays(svc service, s *shape) []entry {
	var entries []entry
	if svc.v.Spec.Type == "LoadBalancer" {
		entries = append(entries, k.balancerWays(svc, s)...)
	}
	for i, p := range svc.v.Spec.Ports {
		port, ok := targetOf(p, s)
		if !ok {
			continue
		}
		if p.NodePort != 0 {
			for _, w := range k.nodeWays(protocolOf(p.Protocol), p.NodePort) {
				w.by = "node port " + strconv.Itoa(p.NodePort) + " of Service " + svc.name()
				entries = append(entries, k.behind(svc, w, i, port))
			}
		}
		if len(svc.v.Spec.ExternalIPs) > 0 {
			w := &way{class: InternetAny, by: "an external IP of Service " + svc.name()}
			w.doubt(serviceHop(svc.r, "the Service has external IPs, and whether the network brings them to a node is not known"), azward.Gap{
				Scope: svc.r.ID, Kind: azward.GapUnsupported, Reads: "/spec/externalIPs",
				Error: "azward does not model external IPs of Services: whether they are routed to a node is not known",
			})
			entries = append(entries, k.behind(svc, w, i, port))
		}
	}
	return dedupeBlocked(entries)
}

// dedupeBlocked keeps one of the entries that the same hop blocks: five ports
// behind one private frontend are one reason, not five.
func dedupeBlocked(entries []entry) []entry {
	seen := map[string]bool{}
	return slices.DeleteFunc(entries, func(e entry) bool {
		if e.way.answer() != azward.No {
			return false
		}
		hops := e.way.upToBlock()
		last := hops[len(hops)-1]
		key := string(last.Resource) + "\x00" + last.Summary
		if seen[key] {
			return true
		}
		seen[key] = true
		return false
	})
}

// behind adds the Service's own hop.
func (k *kubeView) behind(svc service, w *way, portIndex int, port uint16) entry {
	p := svc.v.Spec.Ports[portIndex]
	in := entry{way: w, protocol: protocolOf(p.Protocol), port: port}
	h := serviceHop(svc.r, fmt.Sprintf("leads port %d to port %d of its pods", p.Port, port))
	h.Answer = azward.Yes
	h.Evidence = []azward.Evidence{
		svc.r.Evidence("/spec/ports/"+strconv.Itoa(portIndex), h.Summary),
		svc.r.Evidence("/spec/selector", "selects the pod"),
	}
	in.seen = netpol.BehindNode()
	if svc.v.Spec.ExternalTrafficPolicy == "Local" {
		in.preserved = true
		h.Evidence = append(h.Evidence, svc.r.Evidence("/spec/externalTrafficPolicy", "pods see the client's own address"))
	}
	w.hop(h)
	return in
}

// balancerWays are the ways through the Service's Azure load balancer.
func (k *kubeView) balancerWays(svc service, s *shape) []entry {
	if class := svc.v.Spec.LoadBalancerClass; class != "" {
		return k.undecided(svc, s, "/spec/loadBalancerClass", azward.GapUnsupported,
			fmt.Sprintf("azward does not know load balancers of class %q", class))
	}
	if isTrue(svc.v.Metadata.Annotations[plsCreate]) {
		return append(k.undecided(svc, s, "/metadata/annotations/"+escapePointer(plsCreate), azward.GapUnsupported,
			"the Service has a private link service, whose consumers azward does not follow yet"), k.frontWays(svc, s)...)
	}
	return k.frontWays(svc, s)
}

func (k *kubeView) undecided(svc service, s *shape, pointer string, kind azward.GapKind, cause string) []entry {
	w := &way{class: InternetAny, by: "Service " + svc.name()}
	w.doubt(serviceHop(svc.r, cause), azward.Gap{Scope: svc.r.ID, Kind: kind, Reads: pointer, Error: cause})
	for i, p := range svc.v.Spec.Ports {
		if port, ok := targetOf(p, s); ok {
			return []entry{k.behind(svc, w, i, port)}
		}
	}
	return nil
}

func (k *kubeView) frontWays(svc service, s *shape) []entry {
	found := k.frontends(svc.r, svc.v)
	if len(found) == 0 {
		const pointer = "/status/loadBalancer"
		if _, ok := svc.r.At(pointer); !ok {
			return k.undecided(svc, s, pointer, azward.GapNotRead, "the Service's status, which tells its address, was not read")
		}
		w := &way{class: InternetAny, by: "Service " + svc.name()}
		h := serviceHop(svc.r, "the Service has no address yet")
		h.Answer, h.Evidence = azward.No, []azward.Evidence{svc.r.Evidence(pointer, h.Summary)}
		w.hop(h)
		return []entry{{way: w, protocol: "tcp"}}
	}
	var entries []entry
	for _, f := range found {
		for i, p := range svc.v.Spec.Ports {
			if port, ok := targetOf(p, s); ok {
				entries = append(entries, k.frontWay(svc, f, i, port)...)
			}
		}
	}
	return entries
}

// frontWay is the way through one frontend and one port, once for each kind
// of node that filters differently.
func (k *kubeView) frontWay(svc service, f frontend, portIndex int, target uint16) []entry {
	p := svc.v.Spec.Ports[portIndex]
	w := &way{class: InternetAny, by: "Service " + svc.name(), gaps: slices.Clone(f.gaps)}
	if f.lb != nil {
		w.by = "load balancer " + f.lb.Name + ", Service " + svc.name()
	}
	w.extend(slices.Clone(f.hops)...)
	family := netset.AllV4()
	if f.address.Is6() {
		family = netset.AllV6()
	}
	w.flows = []Flow{{Protocol: protocolOf(p.Protocol), Ports: strconv.Itoa(p.Port), Sources: sourceNames(publicAddrs.Intersect(family))}}
	if f.public != azward.Yes {
		w.private = f.address.String()
	}
	ways := []*way{w}
	if f.public != azward.No {
		if f.lb != nil {
			k.ruleHop(w, f, p)
		}
	}
	if f.public == azward.Yes { // else what AKS writes for the Service is in doubt too
		ways = k.nodeRules(w, svc, f.address, p, family)
	}
	entries := make([]entry, len(ways))
	for i, w := range ways {
		entries[i] = k.behind(svc, w, portIndex, target)
	}
	return entries
}

// ruleHop looks for the load-balancing rule of the port.
func (k *kubeView) ruleHop(w *way, f frontend, p estate.ServicePort) {
	v, err := estate.Decode[estate.ServiceLoadBalancer](f.lb)
	if err != nil {
		return // onBalancer decoded it before
	}
	for i, rule := range v.Properties.LoadBalancingRules {
		r := rule.Properties
		if azward.ResourceID(r.FrontendIPConfiguration.ID).Equal(f.id) && r.FrontendPort == p.Port && strings.EqualFold(r.Protocol, protocolOf(p.Protocol)) {
			pointer := "/properties/loadBalancingRules/" + strconv.Itoa(i)
			last := len(w.hops) - 1
			w.hops[last].Evidence = append(w.hops[last].Evidence, f.lb.Evidence(pointer, fmt.Sprintf("rule %s leads %s %d to the nodes", rule.Name, protocolOf(p.Protocol), p.Port)))
			return
		}
	}
	cause := fmt.Sprintf("the load balancer has no rule for %s %d, though the Service has that port", protocolOf(p.Protocol), p.Port)
	w.doubt(Hop{Resource: f.lb.ID, Kind: "loadBalancer", Name: f.lb.Name, Summary: cause},
		azward.Gap{Scope: f.lb.ID, Kind: azward.GapNotRead, Reads: "/properties/loadBalancingRules", Error: cause + "; one of the two was read before a change"})
}

// nodeRules evaluates the nodes' security groups for a frontend: those of the
// estate where they were read, else what the cloud provider writes.
func (k *kubeView) nodeRules(w *way, svc service, address netip.Addr, p estate.ServicePort, family netset.Addrs) []*way {
	port, fixed := p.Port, netset.OneAddr(address)
	if isTrue(svc.v.Metadata.Annotations[disableFloatingIP]) {
		port, fixed = p.NodePort, netset.Addrs{}
	}
	protocol, shown := protocolOf(p.Protocol), strconv.Itoa(p.Port)
	filters := k.nodeFilters()
	if len(filters) == 0 {
		writtenRules(k.e, svc.r, svc.v, protocol, shown, family, w)
		return []*way{w}
	}
	return k.eachFilter(w, filters, func(w *way, f nodeFilter) []*way {
		near := fixed
		if near.IsEmpty() { // the node's own address, which differs from node to node
			near = f.nic.own
		}
		ways := k.nodeGroups(w, f, near, protocol, port, shown)
		if f.machine == nil { // the group that AKS manages was not read
			for _, w := range ways {
				writtenRules(k.e, svc.r, svc.v, protocol, shown, family, w)
			}
		}
		return ways
	})
}
