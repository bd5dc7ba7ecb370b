package exposure

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netpol"
	"github.com/azward/azward/exposure/netset"
)

// routeKinds are the routes of the Gateway API.
var routeKinds = []string{"HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute", "UDPRoute"}

// albController runs Application Gateway for Containers.
// Source: https://learn.microsoft.com/azure/application-gateway/for-containers/quickstart-deploy-application-gateway-for-containers-alb-controller
const albController = "alb.networking.azure.io/alb-controller"

// gatewayWays are the ways through routes of the Gateway API that name the
// Service: internet to the gateway's data plane, from there to the pod.
//
// Source: https://gateway-api.sigs.k8s.io/concepts/api-overview/
func (k *kubeView) gatewayWays(svc service, s *shape) []*way {
	var ways []*way
	for _, r := range k.eachRoute(svc, func(t route) { ways = append(ways, k.throughGateway(t, svc, s)...) }) {
		ways = append(ways, ingressDoubt(r, "the "+kindOf(r)+" has an unexpected shape", azward.Gap{
			Scope: r.ID, Kind: azward.GapUnparsed, Reads: r.Kind, Error: "the route has an unexpected shape",
		}))
	}
	return dedupeWays(ways)
}

// eachRoute calls use with each parent and backend of the routes that name a
// Service, and returns the routes that cannot be read.
func (k *kubeView) eachRoute(svc service, use func(route)) (unread []*estate.Resource) {
	for _, kind := range routeKinds {
		for _, r := range k.e.Objects(k.id, kind+".gateway.networking.k8s.io", "") {
			v, err := estate.Decode[estate.RouteParents](r)
			if err != nil {
				unread = append(unread, r)
				continue
			}
			for _, b := range routeBackends(r, v, svc) {
				for i := range v.Spec.ParentRefs {
					use(route{r, v, b, i})
				}
			}
		}
	}
	return unread
}

// route is one parent and one backend of a route.
type route struct {
	r       *estate.Resource
	v       *estate.RouteParents
	backend backend
	parent  int
}

func (t route) name() string { return t.r.Namespace + "/" + t.r.Name }

// routeBackends lists where a route names the Service, once for each port.
func routeBackends(r *estate.Resource, v *estate.RouteParents, svc service) []backend {
	var found []backend
	for i, rule := range v.Spec.Rules {
		for j, b := range rule.BackendRefs {
			if b.Name != svc.r.Name || firstOf(b.Namespace, r.Namespace) != svc.r.Namespace || b.Kind != nil && *b.Kind != "Service" {
				continue
			}
			at := slices.IndexFunc(svc.v.Spec.Ports, func(p estate.ServicePort) bool { return p.Port == b.Port })
			if at < 0 || slices.ContainsFunc(found, func(o backend) bool { return o.index == at }) {
				continue
			}
			found = append(found, backend{pointer: fmt.Sprintf("/spec/rules/%d/backendRefs/%d", i, j), host: listHosts(v.Spec.Hostnames), port: &svc.v.Spec.Ports[at], index: at})
		}
	}
	return found
}

func listHosts(names []string) string {
	if len(names) == 0 {
		return ""
	}
	return listWords(names)
}

// throughGateway is the way through one gateway that a route names.
func (k *kubeView) throughGateway(t route, svc service, s *shape) []*way {
	ref := t.v.Spec.ParentRefs[t.parent]
	pointer := fmt.Sprintf("/spec/parentRefs/%d", t.parent)
	if ref.Kind != nil && *ref.Kind != "Gateway" {
		return nil // a Service as parent is a mesh's own matter, inside the cluster
	}
	unread := func(what string) []*way {
		return []*way{ingressDoubt(t.r, what, azward.Gap{Scope: t.r.ID, Kind: azward.GapNotRead, Reads: pointer, Needs: "list gateways.gateway.networking.k8s.io", Error: what})}
	}
	namespace := firstOf(ref.Namespace, t.r.Namespace)
	gateway := k.object("Gateway.gateway.networking.k8s.io", namespace, ref.Name)
	if gateway == nil {
		return unread("Gateway " + namespace + "/" + ref.Name + ", which the route names, was not read")
	}
	v, err := estate.Decode[estate.KubernetesGateway](gateway)
	if err != nil {
		return []*way{ingressDoubt(gateway, "the Gateway has an unexpected shape", unparsed(gateway, err))}
	}
	class := k.object("GatewayClass.gateway.networking.k8s.io", "", v.Spec.GatewayClassName)
	controller := ""
	if class != nil {
		if c, err := estate.Decode[estate.KubernetesGatewayClass](class); err == nil {
			controller = c.Spec.ControllerName
		}
	}
	ports := listenerPorts(v, ref)
	if strings.EqualFold(controller, albController) || strings.HasPrefix(v.Spec.GatewayClassName, "azure-alb-") {
		return k.throughALB(t, gateway, v, ports, svc, s)
	}
	var ways []*way
	for _, c := range k.dataPlanes(gateway, v) {
		for _, in := range k.serviceWays(c.service, c.shape) {
			if !openOn(in.way, ports) && in.way.answer() != azward.No {
				continue
			}
			w := k.arrive(in, c.shape)
			if w.answer() != azward.No {
				k.routed(w, t, gateway)
			}
			if w.answer() != azward.No {
				w = k.toService(w, t, svc, s, func(port uint16) entry {
					return entry{way: w, protocol: protocolOf(t.backend.port.Protocol), port: port, seen: netpol.AtPod(&c.shape.pod)}
				})
			}
			if w != nil {
				ways = append(ways, w)
			}
		}
	}
	if len(ways) == 0 {
		what := "how the internet reaches Gateway " + namespace + "/" + ref.Name + " is not known"
		return []*way{ingressDoubt(gateway, what, azward.Gap{
			Scope: gateway.ID, Kind: azward.GapNotRead, Reads: "/status/addresses", Needs: "list services and pods",
			Error: "no Service that belongs to the gateway, and no pod behind it, was read",
		})}
	}
	return ways
}

func (k *kubeView) object(kind, namespace, name string) *estate.Resource {
	for _, r := range k.e.Objects(k.id, kind, namespace) {
		if r.Name == name && r.Namespace == namespace {
			return r
		}
	}
	return nil
}

// listenerPorts are the ports that a route may be served on.
func listenerPorts(v *estate.KubernetesGateway, ref estate.RouteParent) netset.Ports {
	var ports netset.Ports
	for _, l := range v.Spec.Listeners {
		if ref.SectionName != "" && l.Name != ref.SectionName || ref.Port != 0 && l.Port != ref.Port || l.Port < 1 || l.Port > 65535 {
			continue
		}
		ports = ports.Union(netset.Port(uint16(l.Port)))
	}
	return ports
}

func openOn(w *way, ports netset.Ports) bool {
	return slices.ContainsFunc(w.flows, func(f Flow) bool {
		p, err := netset.ParsePorts(f.Ports)
		return err != nil || !p.Intersect(ports).IsEmpty()
	})
}

// dataPlanes are the Services, each with its pods, that serve a gateway:
// those that its controller labelled with its name, or that listen at its
// address.
//
// Source: https://gateway-api.sigs.k8s.io/geps/gep-1762/
func (k *kubeView) dataPlanes(gateway *estate.Resource, v *estate.KubernetesGateway) []controller {
	const label = "gateway.networking.k8s.io/gateway-name"
	var found []controller
	add := func(svc service) {
		for _, s := range k.podsBehind(svc) {
			found = append(found, controller{service: svc, shape: s})
		}
	}
	for _, r := range k.e.Objects(k.id, "Service", gateway.Namespace) {
		if sv, err := estate.Decode[estate.KubernetesService](r); err == nil && sv.Metadata.Labels[label] == gateway.Name {
			add(service{r, sv})
		}
	}
	if len(found) > 0 {
		return found
	}
	for _, a := range v.Status.Addresses {
		for _, svc := range k.servicesAt(estate.LoadBalancerIngress{IP: a.Value, Hostname: a.Value}) {
			add(svc)
		}
	}
	return found
}

// routed appends the gateway and the route, with what the gateway's controller
// says of it: only a route that it accepted is served.
func (k *kubeView) routed(w *way, t route, gateway *estate.Resource) {
	w.by += ", " + kindOf(t.r) + " " + t.name()
	w.hop(Hop{
		Resource: gateway.ID, Kind: "Gateway", Name: gateway.Namespace + "/" + gateway.Name, Answer: azward.Yes, Summary: "has a listener for the route",
		Evidence: []azward.Evidence{gateway.Evidence("/spec/listeners", "listeners of the gateway")},
	})
	h := Hop{
		Resource: t.r.ID, Kind: kindOf(t.r), Name: t.name(), Summary: "leads " + hostWords(t.backend) + " to a Service",
		Evidence: []azward.Evidence{t.r.Evidence(t.backend.pointer, "names the Service")},
	}
	ref := t.v.Spec.ParentRefs[t.parent]
	for i, p := range t.v.Status.Parents {
		if p.ParentRef.Name != ref.Name || firstOf(p.ParentRef.Namespace, t.r.Namespace) != firstOf(ref.Namespace, t.r.Namespace) || p.ParentRef.SectionName != ref.SectionName {
			continue
		}
		for j, c := range p.Conditions {
			if c.Type != "Accepted" {
				continue
			}
			h.Evidence = append(h.Evidence, t.r.Evidence(fmt.Sprintf("/status/parents/%d/conditions/%d", i, j), "whether the gateway accepts the route"))
			switch c.Status {
			case "True":
				h.Answer = azward.Yes
			case "False":
				h.Answer, h.Summary = azward.No, "the gateway does not accept the route"
			}
		}
	}
	if h.Answer == azward.Unknown {
		h.Summary = "whether the gateway accepts the route was not read"
		w.doubt(h, azward.Gap{Scope: t.r.ID, Kind: azward.GapNotRead, Reads: "/status/parents", Needs: "list routes with their status", Error: h.Summary})
		return
	}
	w.hop(h)
}

// toService is the rest of a way: the Service, policies at the pod, the pod.
// It is nil where the Service does not lead to the pod.
func (k *kubeView) toService(w *way, t route, svc service, s *shape, at func(port uint16) entry) *way {
	port, ok := targetOf(*t.backend.port, s)
	if !ok {
		return nil
	}
	h := serviceHop(svc.r, fmt.Sprintf("leads port %d to port %d of its pods", t.backend.port.Port, port))
	h.Answer = azward.Yes
	h.Evidence = []azward.Evidence{svc.r.Evidence("/spec/ports/"+strconv.Itoa(t.backend.index), h.Summary), svc.r.Evidence("/spec/selector", "selects the pod")}
	w.hop(h)
	return k.arrive(at(port), s)
}

// throughALB is the way through Application Gateway for Containers. Its
// frontends are public; it speaks to pods from a subnet of the network, whose
// prefix is not in the cluster.
//
// Source: https://learn.microsoft.com/azure/application-gateway/for-containers/overview
func (k *kubeView) throughALB(t route, gateway *estate.Resource, v *estate.KubernetesGateway, ports netset.Ports, svc service, s *shape) []*way {
	w := &way{class: InternetAny, by: "Application Gateway for Containers", flows: []Flow{{Protocol: "tcp", Ports: ports.String(), Sources: sourceNames(publicAddrs)}}}
	h := Hop{Resource: gateway.ID, Kind: "Gateway", Name: gateway.Namespace + "/" + gateway.Name, Answer: azward.Yes, Summary: "Application Gateway for Containers serves it at a public frontend"}
	h.Evidence = []azward.Evidence{gateway.Evidence("/spec/gatewayClassName", "the gateway's class"), gateway.Evidence("/status/addresses", "where it is served")}
	if len(v.Status.Addresses) == 0 {
		h.Summary = "whether Application Gateway for Containers serves the Gateway at an address was not read"
		w.doubt(h, azward.Gap{Scope: gateway.ID, Kind: azward.GapNotRead, Reads: "/status/addresses", Needs: "list gateways with their status", Error: h.Summary})
	} else {
		w.hop(h)
	}
	k.routed(w, t, gateway)
	if w.answer() == azward.No {
		return []*way{w}
	}
	port, ok := targetOf(*t.backend.port, s)
	if !ok {
		return nil
	}
	sh := serviceHop(svc.r, fmt.Sprintf("names the pods that it speaks to, on port %d", port))
	sh.Answer, sh.Evidence = azward.Yes, []azward.Evidence{svc.r.Evidence("/spec/selector", "selects the pod")}
	w.hop(sh)
	k.admitFrom(w, privateAddrs, s, protocolOf(t.backend.port.Protocol), port)
	w.hop(podHop(s, fmt.Sprintf("receives it on tcp %d", port)))
	return []*way{w}
}

// admitFrom appends the hop of the network policies for a front that speaks to
// the pod from some of these addresses: it is let in, or not, where the
// policies say the same of all of them.
func (k *kubeView) admitFrom(w *way, sources netset.Addrs, s *shape, protocol string, port uint16) {
	h := Hop{Resource: s.from.ID, Kind: "NetworkPolicy", Name: s.pod.Namespace + " / network policies"}
	parts := k.policies.InboundFrom(sources, &s.pod, protocol, port)
	if len(parts) == 0 {
		h.Summary = "from which addresses the front speaks to the pod was not read"
		w.doubt(h, azward.Gap{Scope: s.from.ID, Kind: azward.GapNotRead, Reads: "addresses of the front", Error: h.Summary})
		return
	}
	d := parts[0].Decision
	for _, p := range parts[1:] {
		if p.Answer != d.Answer {
			d = p.Decision
			d.Answer = azward.Unknown
			d.Gaps = []azward.Gap{{
				Scope: s.from.ID, Kind: azward.GapUnsupported, Reads: "network policies",
				Error: "network policies let some addresses of the front's network in and others not, and which of them it has is not known",
			}}
			break
		}
	}
	k.policyWords(&h, d)
	w.missing(d.Gaps...)
	w.hop(h)
}
