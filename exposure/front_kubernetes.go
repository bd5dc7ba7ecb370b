package exposure

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netpol"
	"github.com/azward/azward/exposure/netset"
)

// arrival continues a way that came out of a front into a cluster: to a pod's
// own address, to the private frontend of a Service, or to a port of the
// nodes. A front that may lead anywhere in the network is a doubt.
func (k *kubeView) arrival(shapes []*shape) func(*way, exit) []*way {
	return func(w *way, x exit) []*way {
		var ways []*way
		for _, s := range shapes {
			switch {
			case x.to.unknown != "":
				if k.apart(x) {
					continue
				}
				in := w.clone()
				in.hop(podHop(s, "may be what the front leads to"))
				ways = append(ways, in)
			case x.to.address.IsValid() && slices.Contains(s.pod.Addresses, x.to.address):
				ways = append(ways, k.toPod(w.clone(), x, s)...)
			default:
				ways = append(ways, k.toServices(w, x, s)...)
				ways = append(ways, k.viaControllers(w, x, s)...)
			}
		}
		return ways
	}
}

// apart reports that the front's network does not reach the nodes'.
func (k *kubeView) apart(x exit) bool {
	filters := k.nodeFilters()
	if x.from.inside == nil {
		return true // it reaches public addresses alone, and those are judged by themselves
	}
	return len(filters) > 0 && !slices.ContainsFunc(filters, func(f nodeFilter) bool {
		return f.nic == nil || x.from.inside.reaches(k.e, f.nic) != azward.No
	})
}

// toPod is the way to a pod's own address, as the ingress controller of
// Application Gateway writes it into backend pools. What a policy at the pod
// sees is the gateway's subnet.
//
// Source: https://learn.microsoft.com/azure/application-gateway/ingress-controller-overview
func (k *kubeView) toPod(w *way, x exit, s *shape) []*way {
	port, ok := onePort(x.ports)
	if !ok {
		return []*way{k.frontDoubt(w, x, "to which port of the pod "+x.what+" speaks is not known")}
	}
	ways := k.inward(w, x, netset.OneAddr(x.to.address), port)
	for _, w := range ways {
		if w.answer() == azward.No {
			continue
		}
		k.admitFrom(w, x.from.inside.own, s, "tcp", port)
		w.hop(podHop(s, fmt.Sprintf("receives it on tcp %d", port)))
	}
	return ways
}

func onePort(p netset.Ports) (uint16, bool) {
	if p.Count() != 1 {
		return 0, false
	}
	return p.Ranges()[0].Lo, true
}

func (k *kubeView) frontDoubt(w *way, x exit, why string) *way {
	w.doubt(Hop{Resource: x.front.ID, Kind: kindOf(x.front), Name: x.front.Name, Summary: why}, azward.Gap{Scope: x.front.ID, Kind: azward.GapUnsupported, Reads: "backends", Error: why})
	return w
}

// toServices are the ways over Services of the pod: their private frontends,
// or their ports on the nodes.
func (k *kubeView) toServices(w *way, x exit, s *shape) []*way {
	var ways []*way
	services, _ := k.servicesTo(s, &closing{})
	for _, svc := range services {
		for i, p := range svc.v.Spec.Ports {
			target, ok := targetOf(p, s)
			if !ok || protocolOf(p.Protocol) != "tcp" {
				continue
			}
			switch {
			case k.listensAt(svc, x.to.address) && x.ports.Contains(uint16(p.Port)):
				near, port := netset.OneAddr(x.to.address), uint16(p.Port)
				if isTrue(svc.v.Metadata.Annotations[disableFloatingIP]) {
					near, port = netset.Addrs{}, uint16(p.NodePort)
				}
				ways = append(ways, k.overService(w.clone(), x, svc, i, s, near, port, target)...)
			case p.NodePort != 0 && x.ports.Contains(uint16(p.NodePort)) && k.atNode(x):
				ways = append(ways, k.overService(w.clone(), x, svc, i, s, netset.Addrs{}, uint16(p.NodePort), target)...)
			}
		}
	}
	for _, p := range hostPorts(s) {
		if p.protocol == "tcp" && x.ports.Contains(uint16(p.host)) && k.atNode(x) {
			for _, w := range k.inward(w.clone(), x, netset.Addrs{}, uint16(p.host)) {
				if w.answer() != azward.No {
					w = k.arrive(entry{way: w, protocol: "tcp", port: uint16(p.port), seen: netpol.BehindNode()}, s)
				}
				ways = append(ways, w)
			}
		}
	}
	return ways
}

func (k *kubeView) listensAt(svc service, a netip.Addr) bool {
	return a.IsValid() && slices.ContainsFunc(svc.v.Status.LoadBalancer.Ingress, func(in estate.LoadBalancerIngress) bool { return ipOf(in.IP) == a })
}

// atNode reports whether an exit leads to nodes: by their addresses, or by the
// scale set that a pool names.
func (k *kubeView) atNode(x exit) bool {
	if x.leg != nil && len(x.leg.pool.Properties.BackendIPConfigurations) > 0 {
		group := k.nodeGroup()
		if slices.ContainsFunc(x.leg.pool.Properties.BackendIPConfigurations, func(r estate.ResourceRef) bool { return group != "" && r.ID.Within(group) }) {
			return true
		}
	}
	for _, r := range k.e.Objects(k.id, "Node", "") {
		v, err := estate.Decode[estate.KubernetesNode](r)
		if err != nil {
			continue
		}
		for _, a := range v.Status.Addresses {
			if ip := ipOf(a.Address); ip.IsValid() && ip == x.to.address {
				return true
			}
		}
	}
	return false
}

// overService goes on through the filters at the nodes and the Service.
func (k *kubeView) overService(w *way, x exit, svc service, index int, s *shape, near netset.Addrs, port, target uint16) []*way {
	ways := k.inward(w, x, near, port)
	for _, w := range ways {
		if w.answer() == azward.No {
			continue
		}
		in := k.behind(svc, w, index, target)
		if in.preserved && x.from.inside != nil {
			k.admitFrom(w, x.from.inside.own, s, in.protocol, target)
		} else {
			in.preserved = false
			k.admit(w, in, s)
		}
		w.hop(podHop(s, "receives it on tcp "+strconv.Itoa(int(target))))
	}
	return ways
}

// inward sends a front's connections through the filters at each kind of node.
// Near is what they name as their destination; empty for the node itself.
func (k *kubeView) inward(w *way, x exit, near netset.Addrs, port uint16) []*way {
	if x.from.inside == nil {
		h := Hop{Resource: x.front.ID, Kind: kindOf(x.front), Name: x.front.Name, Answer: azward.No, Summary: x.what + " stands in no network, and the cluster's address is private"}
		h.Evidence = []azward.Evidence{x.front.Evidence("/properties", h.Summary)}
		if !x.to.address.IsValid() || !privateAddrs.Contains(x.to.address) {
			return []*way{k.frontDoubt(w, x, "how "+x.what+" reaches the cluster is not known")}
		}
		w.hop(h)
		return []*way{w}
	}
	filters := k.nodeFilters()
	if len(filters) == 0 {
		return []*way{k.frontDoubt(w, x, "in which network the nodes stand was not read")}
	}
	return k.eachFilter(w, filters, func(w *way, f nodeFilter) []*way {
		n := f.nic
		if !n.vnetID.Equal(x.from.inside.vnetID) && !x.from.inside.peers(k.e, n.vnetID) {
			return []*way{k.frontDoubt(w, x, fmt.Sprintf("whether %s in network %s reaches network %s is not certain", x.what, x.from.inside.vnetID.Name(), n.vnetID.Name()))}
		}
		at := near
		if at.IsEmpty() {
			at = n.own
		}
		return sender{k.e, x.front, x.from.inside, x.what}.arrive(n, w, landing{door: door{near: at}, ports: netset.Port(port)}, x.from.inside.own, true)
	})
}

// viaControllers are the ways over another Service at the private frontend
// that a front leads to: that of an ingress controller, or of a gateway's data
// plane, which serves the pod by Ingress or route.
func (k *kubeView) viaControllers(w *way, x exit, s *shape) []*way {
	if !x.to.address.IsValid() {
		return nil
	}
	services, _ := k.servicesTo(s, &closing{})
	var ways []*way
	for _, front := range k.servicesAt(estate.LoadBalancerIngress{IP: x.to.address.String()}) {
		for i, p := range front.v.Spec.Ports {
			if !x.ports.Contains(uint16(p.Port)) || protocolOf(p.Protocol) != "tcp" {
				continue
			}
			for _, c := range k.podsBehind(front) {
				target, ok := targetOf(p, c)
				served := k.served(controller{service: front, shape: c}, services, s)
				if !ok || len(served) == 0 {
					continue
				}
				near, port := netset.OneAddr(x.to.address), uint16(p.Port)
				if isTrue(front.v.Metadata.Annotations[disableFloatingIP]) {
					near, port = netset.Addrs{}, uint16(p.NodePort)
				}
				for _, at := range k.overService(w.clone(), x, front, i, c, near, port, target) {
					if at.answer() == azward.No {
						ways = append(ways, at)
						continue
					}
					for _, finish := range served {
						if end := finish(at.clone()); end != nil {
							ways = append(ways, end)
						}
					}
				}
			}
		}
	}
	return ways
}

// served lists how a controller leads on to the pod: by each Ingress and each
// route that it serves.
func (k *kubeView) served(c controller, services []service, s *shape) []func(*way) *way {
	var all []func(*way) *way
	for _, svc := range services {
		for _, r := range k.e.Objects(k.id, "Ingress.networking.k8s.io", svc.r.Namespace) {
			v, err := estate.Decode[estate.KubernetesIngress](r)
			if err != nil || len(backendsOf(v, svc)) == 0 {
				continue // one of another shape is undecided by itself
			}
			controllers, _, _ := k.controllersOf(r, v)
			if !slices.ContainsFunc(controllers, func(o controller) bool { return o.service.r == c.service.r }) {
				continue
			}
			for _, b := range backendsOf(v, svc) {
				all = append(all, func(w *way) *way {
					// The controller sees the front's address: the way is never split.
					for _, x := range k.fromController(w, false, r, v, svc, b, c, s) {
						return x
					}
					return nil
				})
			}
		}
		k.eachRoute(svc, func(t route) {
			ref := t.v.Spec.ParentRefs[t.parent]
			gateway := k.object("Gateway.gateway.networking.k8s.io", firstOf(ref.Namespace, t.r.Namespace), ref.Name)
			if gateway == nil {
				return
			}
			v, err := estate.Decode[estate.KubernetesGateway](gateway)
			if err != nil || !slices.ContainsFunc(k.dataPlanes(gateway, v), func(o controller) bool { return o.service.r == c.service.r }) {
				return
			}
			all = append(all, func(w *way) *way {
				k.routed(w, t, gateway)
				return k.toService(w, t, svc, s, func(port uint16) entry {
					return entry{way: w, protocol: protocolOf(t.backend.port.Protocol), port: port, seen: netpol.AtPod(&c.shape.pod)}
				})
			})
		})
	}
	return all
}

// programmed reports whether an application gateway of the estate holds one of
// the pod's addresses in a pool: what its ingress controller writes there.
func (k *kubeView) programmed(s *shape) bool {
	for _, r := range k.e.OfType(gatewayType) {
		v, err := estate.Decode[gatewayView](r)
		if err != nil {
			continue
		}
		for _, pool := range v.v.Properties.BackendAddressPools {
			for _, b := range pool.Properties.BackendAddresses {
				if a := backendIP(b.FQDN, b.IPAddress); a.IsValid() && slices.Contains(s.pod.Addresses, a) {
					return true
				}
			}
		}
	}
	return false
}
