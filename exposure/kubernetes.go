package exposure

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netpol"
	"github.com/azward/azward/exposure/netset"
)

// kubeView is one cluster as the ways into its pods need it.
type kubeView struct {
	e        *estate.Estate
	id       azward.ResourceID
	cluster  *estate.Resource // nil when the ARM resource was not read
	view     *estate.ManagedCluster
	policies *netpol.Engine
}

func viewCluster(e *estate.Estate, id azward.ResourceID) *kubeView {
	k := &kubeView{e: e, id: id, view: &estate.ManagedCluster{}, policies: netpol.New(e, id)}
	if r, ok := e.Resource(id); ok {
		if v, err := estate.Decode[estate.ManagedCluster](r); err == nil {
			k.cluster, k.view = r, v
		}
	}
	return k
}

// shape is a kind of pod that a workload runs: pods that differ in nothing
// the network sees are one shape.
type shape struct {
	pod  netpol.Pod
	spec estate.PodSpec
	from *estate.Resource // the pod, or the controller whose template it is
}

// reachKubernetes answers for a workload in a cluster: Services of type
// LoadBalancer, node ports, host ports, external IPs, Ingress and Gateway, then
// the network policies at the pod for the source that they see there.
//
// Sources: https://learn.microsoft.com/azure/aks/concepts-network-services,
// https://kubernetes.io/docs/concepts/services-networking/service/
func reachKubernetes(e *estate.Estate, w estate.Workload) reached {
	k := viewCluster(e, w.Resource.Cluster)
	end := closing{none: "no public load balancer, ingress, gateway, node or host port leads to it"}
	shapes, gap := k.shapes(w)
	if gap != nil {
		end.missing = append(end.missing, *gap)
	}
	var ways []*way
	for _, s := range shapes {
		ways = append(ways, k.waysTo(s, &end)...)
	}
	if !slices.ContainsFunc(ways, func(w *way) bool { return w.answer() == azward.Yes && w.class == InternetAny }) {
		k.close(&end)
		ways = append(ways, fronts(e, k.privateTarget(ways, shapes), &end)...)
	}
	return reached{ways, end}
}

// shapes reads the workload's pods; where none were read, its template.
func (k *kubeView) shapes(w estate.Workload) ([]*shape, *azward.Gap) {
	var shapes []*shape
	for _, r := range w.Pods {
		v, err := estate.Decode[estate.KubernetesPod](r)
		if err != nil {
			gap := unparsed(r, err)
			return nil, &gap
		}
		if v.Metadata.DeletionTimestamp == "" && v.Status.Phase != "Succeeded" && v.Status.Phase != "Failed" {
			shapes = addShape(shapes, podShape(r, v))
		}
	}
	if len(shapes) > 0 {
		return shapes, nil
	}
	if kind, _ := estate.SplitKind(w.Resource.Kind); kind == "Pod" {
		v, err := estate.Decode[estate.KubernetesPod](w.Resource)
		if err != nil {
			gap := unparsed(w.Resource, err)
			return nil, &gap
		}
		return []*shape{podShape(w.Resource, v)}, nil
	}
	v, err := estate.Decode[estate.KubernetesController](w.Resource)
	if err != nil {
		gap := unparsed(w.Resource, err)
		return nil, &gap
	}
	template := v.Spec.Template
	if len(template.Spec.Containers) == 0 {
		template = v.Spec.JobTemplate.Spec.Template
	}
	s := newShape(w.Resource, template.Metadata.Labels, template.Spec)
	return []*shape{s}, nil
}

func podShape(r *estate.Resource, v *estate.KubernetesPod) *shape {
	s := newShape(r, v.Metadata.Labels, v.Spec)
	addresses := []string{v.Status.PodIP}
	for _, ip := range v.Status.PodIPs {
		addresses = append(addresses, ip.IP)
	}
	for _, text := range addresses {
		if a, err := netip.ParseAddr(text); err == nil && !slices.Contains(s.pod.Addresses, a) {
			s.pod.Addresses = append(s.pod.Addresses, a)
		}
	}
	return s
}

func newShape(r *estate.Resource, labels map[string]string, spec estate.PodSpec) *shape {
	s := &shape{from: r, spec: spec, pod: netpol.Pod{
		Namespace: r.Namespace, Name: r.Name, Labels: labels, HostNetwork: spec.HostNetwork,
	}}
	containers := slices.Clone(spec.Containers)
	for _, c := range spec.InitContainers {
		if c.RestartPolicy == "Always" {
			containers = append(containers, c)
		}
	}
	for _, c := range containers {
		for _, p := range c.Ports {
			if p.ContainerPort > 0 && p.ContainerPort <= 65535 {
				s.pod.Ports = append(s.pod.Ports, netpol.Port{Name: p.Name, Protocol: protocolOf(p.Protocol), Number: uint16(p.ContainerPort)})
			}
		}
	}
	return s
}

// protocolOf folds a Kubernetes protocol; unset means TCP.
func protocolOf(s string) string {
	if s == "" {
		return "tcp"
	}
	return strings.ToLower(s)
}

// ownLabels are given to each pod, or each revision, by its controller.
var ownLabels = []string{
	"pod-template-hash", "controller-revision-hash", "pod-template-generation",
	"statefulset.kubernetes.io/pod-name", "apps.kubernetes.io/pod-index", "batch.kubernetes.io/job-completion-index",
	"controller-uid", "batch.kubernetes.io/controller-uid",
}

// addShape adds s unless an equal one is there. The first pod stands for all.
func addShape(shapes []*shape, s *shape) []*shape {
	same := func(o *shape) bool {
		return o.pod.Namespace == s.pod.Namespace && o.pod.HostNetwork == s.pod.HostNetwork &&
			slices.Equal(o.pod.Ports, s.pod.Ports) && maps.Equal(plainLabels(o), plainLabels(s)) && slices.Equal(hostPorts(o), hostPorts(s))
	}
	if slices.ContainsFunc(shapes, same) {
		return shapes
	}
	return append(shapes, s)
}

func plainLabels(s *shape) map[string]string {
	labels := maps.Clone(s.pod.Labels)
	for _, name := range ownLabels {
		delete(labels, name)
	}
	return labels
}

// waysTo enumerates the candidate ways into one shape, and files the listings
// that say that there are no others.
func (k *kubeView) waysTo(s *shape, end *closing) []*way {
	services, ways := k.servicesTo(s, end)
	for _, svc := range services {
		for _, entry := range k.serviceWays(svc, s) {
			ways = append(ways, k.arrive(entry, s))
		}
		ways = append(ways, k.ingressWays(svc, s)...)
		ways = append(ways, k.gatewayWays(svc, s)...)
	}
	for _, entry := range k.hostWays(s) {
		ways = append(ways, k.arrive(entry, s))
	}
	ways = append(ways, k.aliasWays(services)...)
	return append(ways, k.virtualNodeWays(s)...)
}

// close files the listings without which "no further way" is no fact.
func (k *kubeView) close(end *closing) {
	end.absence(k.e.Absence(k.id, "services", "ingresses.networking.k8s.io", "gateways.gateway.networking.k8s.io"))
	end.absence(k.e.Absence(k.id, foreignLists()...))
	if len(k.e.Objects(k.id, "Gateway.gateway.networking.k8s.io", "")) > 0 {
		end.absence(k.e.Absence(k.id, "httproutes.gateway.networking.k8s.io", "grpcroutes.gateway.networking.k8s.io",
			"tlsroutes.gateway.networking.k8s.io", "tcproutes.gateway.networking.k8s.io"))
	}
	if m := k.view.Properties.ServiceMeshProfile; m != nil && strings.EqualFold(m.Mode, "Istio") {
		end.absence(k.e.Absence(k.id, "virtualservices.networking.istio.io"))
	}
}

// privateTarget is what a front service outside the cluster could name: the
// private frontends, the pods' addresses where the network knows them, nodes.
func (k *kubeView) privateTarget(ways []*way, shapes []*shape) target {
	t := target{arrive: k.arrival(shapes)}
	for _, w := range ways {
		if w.private != "" {
			t.names = append(t.names, w.private)
		}
		for _, h := range w.hops {
			if h.Kind == "loadBalancer" && h.Answer == azward.No {
				t.ids = append(t.ids, h.Resource)
			}
		}
	}
	for _, s := range shapes {
		for _, a := range s.pod.Addresses {
			t.names = append(t.names, a.String())
		}
	}
	for _, r := range k.e.Objects(k.id, "Node", "") {
		v, err := estate.Decode[estate.KubernetesNode](r)
		if err != nil {
			continue
		}
		for _, a := range v.Status.Addresses {
			t.names = append(t.names, a.Address)
		}
	}
	if group := k.nodeGroup(); group != "" {
		for _, r := range k.e.OfType("Microsoft.Compute/virtualMachineScaleSets") {
			if r.ID.Within(group) {
				t.ids = append(t.ids, r.ID)
			}
		}
	}
	return t
}

// entry is a way up to the pod's door: the port there, and whom the pod sees.
type entry struct {
	way      *way
	protocol string
	port     uint16
	// seen is the source that policies at the pod see; preserved says that it
	// is the client itself.
	seen      netpol.Endpoint
	preserved bool
}

// arrive adds the policies at the pod and the pod itself.
func (k *kubeView) arrive(in entry, s *shape) *way {
	w := in.way
	if w.answer() != azward.No {
		k.admit(w, in, s)
		k.mesh(w, in, s)
	}
	h := Hop{Resource: s.from.ID, Kind: kindOf(s.from), Name: s.pod.Namespace + "/" + s.pod.Name, Answer: azward.Yes, Summary: fmt.Sprintf("receives it on %s %d", in.protocol, in.port)}
	h.Evidence = []azward.Evidence{s.from.Evidence("/metadata/labels", "labels of the pod")}
	if kindOf(s.from) != "Pod" {
		h.Evidence = []azward.Evidence{s.from.Evidence("/spec/template/metadata/labels", "labels of its pods")}
	}
	w.hop(h)
	return w
}

// admit appends the hop of the network policies.
func (k *kubeView) admit(w *way, in entry, s *shape) {
	h := Hop{Resource: s.from.ID, Kind: "NetworkPolicy", Name: s.pod.Namespace + " / network policies"}
	var d netpol.Decision
	if in.preserved {
		d = k.admitPublic(w, in, s)
	} else {
		d = k.policies.Allowed(in.seen, netpol.AtPod(&s.pod), in.protocol, in.port)
	}
	k.policyWords(&h, d)
	w.missing(d.Gaps...)
	w.hop(h)
}

// policyWords puts a decision of the network policies into a hop.
func (k *kubeView) policyWords(h *Hop, d netpol.Decision) {
	h.Answer, h.Evidence = d.Answer, d.DecidedBy
	if i := slices.IndexFunc(d.DecidedBy, isPolicy); i >= 0 {
		h.Resource = d.DecidedBy[i].Resource
		namespace, _, _ := strings.Cut(h.Name, " / ")
		h.Name = namespace + " / " + h.Resource.Name()
	}
	switch d.Answer {
	case azward.Yes:
		h.Summary = "network policies let it in"
		if k.policies.Enforced().Answer == azward.No {
			h.Summary = "the cluster enforces no network policies"
		}
	case azward.No:
		h.Summary = "network policy " + h.Resource.Name() + " does not let it in"
	default:
		h.Summary = "whether network policies let it in cannot be told"
		if len(d.Gaps) > 0 && d.Gaps[0].Error != "" {
			h.Summary = d.Gaps[0].Error
		}
	}
}

// isPolicy tells evidence of a policy from that of listings and of the cluster.
func isPolicy(e azward.Evidence) bool {
	_, object := e.Resource.SplitKubernetes()
	return object != "" && e.Source != azward.SourceListing && e.Source != azward.SourceUser
}

// admitPublic asks for the way's own sources, exactly, and narrows its flows
// to those that policies let in.
func (k *kubeView) admitPublic(w *way, in entry, s *shape) netpol.Decision {
	for i, f := range w.flows {
		sources, exact := sourcesOf(f)
		var allowed netset.Addrs
		var yes, no, unclear *netpol.Decision
		for _, part := range k.policies.InboundFrom(sources, &s.pod, in.protocol, in.port) {
			switch part.Answer {
			case azward.Yes:
				allowed = allowed.Union(part.Sources)
				yes = &part.Decision
			case azward.No:
				no = &part.Decision
			default:
				unclear = &part.Decision
			}
		}
		switch {
		case yes != nil && (exact || no == nil && unclear == nil):
			if exact {
				w.flows[i].Sources = sourceNames(allowed)
				w.narrow(classOf(allowed))
			}
			return *yes
		case yes == nil && unclear == nil && no != nil:
			return *no
		case unclear != nil:
			return *unclear
		case yes != nil: // some of the sources behind a service tag
			d := *yes
			d.Answer = azward.Unknown
			d.Gaps = []azward.Gap{{
				Scope: k.id, Kind: azward.GapUnsupported, Reads: "network policies",
				Error: "which addresses the service tag " + strings.Join(f.Sources, ", ") + " holds is not known, and network policies tell addresses apart",
			}}
			return d
		}
	}
	return netpol.Decision{}
}

// sourcesOf reads a flow's sources; a service tag stands for some public
// address that is not known.
func sourcesOf(f Flow) (netset.Addrs, bool) {
	var all netset.Addrs
	for _, s := range f.Sources {
		p, _, err := netset.ParsePrefix(s)
		if err != nil {
			return publicAddrs, false
		}
		all = all.Union(netset.PrefixAddrs(p))
	}
	return all.Intersect(publicAddrs), true
}

// virtualNodeWays: pods on a virtual node run as container groups in a subnet.
func (k *kubeView) virtualNodeWays(s *shape) []*way {
	if s.spec.NodeName == "" {
		return nil
	}
	r, ok := k.e.Resource(k.id.Kubernetes("", "v1", "", "nodes", s.spec.NodeName))
	if !ok {
		return nil
	}
	v, err := estate.Decode[estate.KubernetesNode](r)
	if err != nil || v.Metadata.Labels["type"] != "virtual-kubelet" {
		return nil
	}
	w := &way{class: InternetAny}
	w.doubt(Hop{Resource: r.ID, Kind: "Node", Name: r.Name, Summary: "the pod runs on a virtual node, which azward does not follow yet"},
		azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: "/metadata/labels/type", Error: "azward does not model pods on virtual nodes (container groups) yet"})
	return []*way{w}
}
