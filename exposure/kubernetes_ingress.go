package exposure

import (
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netpol"
)

// backend is one place in an Ingress that names a Service.
type backend struct {
	pointer string
	host    string // "" for any
	path    string
	port    *estate.ServicePort
	index   int
}

// ingressWays are the ways through Ingress objects that name the Service:
// internet to the controller, controller to the pod.
//
// Source: https://kubernetes.io/docs/concepts/services-networking/ingress/
func (k *kubeView) ingressWays(svc service, s *shape) []*way {
	var ways []*way
	for _, r := range k.e.Objects(k.id, "Ingress.networking.k8s.io", svc.r.Namespace) {
		v, err := estate.Decode[estate.KubernetesIngress](r)
		if err != nil {
			ways = append(ways, ingressDoubt(r, "the Ingress has an unexpected shape", unparsed(r, err)))
			continue
		}
		backends := backendsOf(v, svc)
		if len(backends) == 0 {
			continue
		}
		ways = append(ways, k.throughIngress(r, v, svc, backends, s)...)
	}
	return append(ways, k.foreignIngressWays(svc, s)...)
}

func ingressDoubt(r *estate.Resource, summary string, gap azward.Gap) *way {
	w := &way{class: InternetAny, by: kindOf(r) + " " + r.Namespace + "/" + r.Name}
	w.doubt(Hop{Resource: r.ID, Kind: kindOf(r), Name: r.Namespace + "/" + r.Name, Summary: summary}, gap)
	return w
}

// backendsOf lists where the Ingress names the Service, once per port.
func backendsOf(v *estate.KubernetesIngress, svc service) []backend {
	var found []backend
	add := func(pointer, host, path string, b *estate.IngressBackend) {
		if b == nil || b.Service == nil || b.Service.Name != svc.r.Name {
			return
		}
		for i := range svc.v.Spec.Ports {
			p := &svc.v.Spec.Ports[i]
			if want := b.Service.Port; want.Name != "" && want.Name == p.Name || want.Number != 0 && want.Number == p.Port {
				found = append(found, backend{pointer: pointer, host: host, path: path, port: p, index: i})
				return
			}
		}
	}
	add("/spec/defaultBackend", "", "", v.Spec.DefaultBackend)
	for i, rule := range v.Spec.Rules {
		if rule.HTTP == nil {
			continue
		}
		for j := range rule.HTTP.Paths {
			p := &rule.HTTP.Paths[j]
			add(fmt.Sprintf("/spec/rules/%d/http/paths/%d", i, j), rule.Host, p.Path, &p.Backend)
		}
	}
	return found
}

// throughIngress joins each way into the controller with the Ingress, the
// Service and the policies at the pod.
func (k *kubeView) throughIngress(r *estate.Resource, v *estate.KubernetesIngress, svc service, backends []backend, s *shape) []*way {
	if class, _ := k.classOf(r, v); strings.Contains(class, "application-gateway") && k.programmed(s) {
		return nil // its pools hold the pod: that way is followed from the gateway
	}
	controllers, guessed, doubt := k.controllersOf(r, v)
	if doubt != nil {
		return []*way{doubt}
	}
	ways := k.fromControllers(controllers, r, v, svc, backends, s)
	if guessed && !slices.ContainsFunc(ways, func(w *way) bool { return w.answer() == azward.Yes }) {
		return []*way{k.controllerUnknown(r, v)} // another instance may serve it
	}
	if len(ways) == 0 {
		return []*way{ingressDoubt(r, "how the internet reaches the controller of the Ingress is not known", azward.Gap{
			Scope: r.ID, Kind: azward.GapNotRead, Reads: "/status/loadBalancer/ingress", Needs: "list services and pods",
			Error: "the controller of the Ingress has no Service that leads to its web port",
		})}
	}
	return dedupeWays(ways)
}

// fromControllers are the ways through controllers to a pod.
func (k *kubeView) fromControllers(controllers []controller, r *estate.Resource, v *estate.KubernetesIngress, svc service, backends []backend, s *shape) []*way {
	var ways []*way
	for _, c := range controllers {
		for _, in := range k.serviceWays(c.service, c.shape) {
			web := in.protocol == "tcp" && (webPort(in.way) || in.way.answer() == azward.No)
			if !web {
				continue // other ports of the controller serve no Ingress
			}
			toController := k.arrive(in, c.shape)
			if toController.answer() == azward.No {
				ways = append(ways, toController)
				continue
			}
			for _, b := range backends {
				ways = append(ways, k.fromController(toController.clone(), in.preserved, r, v, svc, b, c, s)...)
			}
		}
	}
	return ways
}

// dedupeWays keeps one of the ways that the same hop blocks.
func dedupeWays(ways []*way) []*way {
	entries := make([]entry, len(ways))
	for i, w := range ways {
		entries[i] = entry{way: w}
	}
	entries = dedupeBlocked(entries)
	ways = ways[:0]
	for _, e := range entries {
		ways = append(ways, e.way)
	}
	return ways
}

// webPort reports whether the way enters on a port that controllers serve
// HTTP on. A node port or an unusual frontend port counts too, so that nothing
// is lost; only a port that the flows name as another service's is left out.
func webPort(w *way) bool {
	for _, f := range w.flows {
		switch f.Ports {
		case "8443", "10254": // the admission webhook and the health port of ingress-nginx
			continue
		}
		return true
	}
	return len(w.flows) == 0
}

// fromController is the second half of the path: two ways where the Ingress
// names the clients that it serves. Preserved says that the controller sees
// the client's own address.
func (k *kubeView) fromController(w *way, preserved bool, r *estate.Resource, v *estate.KubernetesIngress, svc service, b backend, c controller, s *shape) []*way {
	port, ok := targetOf(*b.port, s)
	if !ok {
		return nil
	}
	name := r.Namespace + "/" + r.Name
	w.by = w.by + ", " + kindOf(r) + " " + name
	h := Hop{Resource: r.ID, Kind: kindOf(r), Name: name, Answer: azward.Yes, Summary: "leads " + hostWords(b) + " to Service " + svc.name()}
	h.Evidence = append([]azward.Evidence{r.Evidence(b.pointer, h.Summary)}, c.evidence...)
	ingressFilters(r, v, w, &h)
	var ways []*way
	for _, x := range k.forClients(r, v, w, h, preserved) {
		sh := serviceHop(svc.r, fmt.Sprintf("leads port %d to port %d of its pods", b.port.Port, port))
		sh.Answer = azward.Yes
		sh.Evidence = []azward.Evidence{svc.r.Evidence(fmt.Sprintf("/spec/ports/%d", b.index), sh.Summary), svc.r.Evidence("/spec/selector", "selects the pod")}
		x.hop(sh)
		ways = append(ways, k.arrive(entry{way: x, protocol: protocolOf(b.port.Protocol), port: port, seen: netpol.AtPod(&c.shape.pod)}, s))
	}
	return ways
}

func hostWords(b backend) string {
	host, path := b.host, b.path
	if host == "" {
		host = "any host"
	}
	if path == "" {
		return host
	}
	return host + path
}

// ingressFilters reads annotations of ingress-nginx that ask who the client is.
// Source: https://kubernetes.github.io/ingress-nginx/user-guide/nginx-configuration/annotations/
func ingressFilters(r *estate.Resource, v *estate.KubernetesIngress, w *way, h *Hop) {
	for _, name := range []string{"auth-url", "auth-type", "auth-tls-secret"} {
		if v.Metadata.Annotations[nginxPrefix+name] == "" {
			continue
		}
		if name == "auth-tls-secret" && v.Metadata.Annotations[nginxPrefix+"auth-tls-verify-client"] != "" && v.Metadata.Annotations[nginxPrefix+"auth-tls-verify-client"] != "on" {
			continue
		}
		w.narrow(Authenticated)
		h.Evidence = append(h.Evidence, r.Evidence("/metadata/annotations/"+escapePointer(nginxPrefix+name), "asks clients to authenticate"))
	}
	const middlewares = "traefik.ingress.kubernetes.io/router.middlewares"
	if v.Metadata.Annotations[middlewares] != "" {
		pointer := "/metadata/annotations/" + escapePointer(middlewares)
		h.Answer, h.Summary = azward.Unknown, "middlewares of Traefik stand before it, which may refuse requests and which azward does not evaluate"
		h.Evidence = append(h.Evidence, r.Evidence(pointer, "middlewares of the route"))
		w.missing(azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: pointer, Error: h.Summary})
	}
}

// controller is an ingress controller: the Service that the internet may
// reach it by, and a pod of it.
type controller struct {
	service  service
	shape    *shape
	evidence []azward.Evidence
}

// controllersOf finds the controllers that serve an Ingress: by the address
// that the controller published in its status, which is its Service's own.
// Without one, by the class. When none is found the way is undecided.
// Guessed says that they are known by their images alone.
func (k *kubeView) controllersOf(r *estate.Resource, v *estate.KubernetesIngress) (found []controller, guessed bool, doubt *way) {
	class, evidence := k.classOf(r, v)
	if strings.Contains(class, "application-gateway") || strings.Contains(class, "alb.networking.azure.io") {
		return nil, false, ingressDoubt(r, "an Application Gateway serves the Ingress, and none that was read has the pod in a pool", azward.Gap{
			Scope: r.ID, Kind: azward.GapNotRead, Reads: "/spec/ingressClassName", Needs: gatewayType + "/read",
			Error: "the application gateway of " + class + " that serves the Ingress, with the pod in a pool, was not read",
		})
	}
	for i, in := range v.Status.LoadBalancer.Ingress {
		cited := append([]azward.Evidence{r.Evidence(fmt.Sprintf("/status/loadBalancer/ingress/%d", i), "the controller serves the Ingress at this address")}, evidence...)
		for _, svc := range k.servicesAt(in) {
			for _, s := range k.podsBehind(svc) {
				found = append(found, controller{svc, s, cited})
			}
		}
	}
	if len(found) == 0 {
		found = k.controllersByClass(class, evidence)
	}
	if len(found) == 0 {
		found, guessed = k.controllersByImage(class, evidence), true
	}
	if len(found) == 0 {
		return nil, false, k.controllerUnknown(r, v)
	}
	return found, guessed, nil
}

func (k *kubeView) controllerUnknown(r *estate.Resource, v *estate.KubernetesIngress) *way {
	class, _ := k.classOf(r, v)
	return ingressDoubt(r, "which controller serves the Ingress, and how it is reached, is not known", azward.Gap{
		Scope: r.ID, Kind: azward.GapNotRead, Reads: "/status/loadBalancer/ingress", Needs: "list services, pods and ingressclasses.networking.k8s.io",
		Error: "no Service of type LoadBalancer and no controller pod was found for the Ingress" + classWords(class),
	})
}

// classImages are the images of the pods that serve the classes of a
// controller: of Contour its data plane.
//
// Sources: https://doc.traefik.io/traefik/providers/kubernetes-ingress/,
// https://projectcontour.io/docs/main/config/ingress/
var classImages = map[string]string{
	"traefik.io/ingress-controller":        "traefik",
	"projectcontour.io/ingress-controller": "envoy",
	"projectcontour.io/contour":            "envoy",
}

// controllersByImage looks for Services before pods that run the image of a
// class's controller.
func (k *kubeView) controllersByImage(class string, evidence []azward.Evidence) []controller {
	image, ok := classImages[class]
	if !ok {
		return nil
	}
	var found []controller
	for _, r := range k.e.Objects(k.id, "Service", "") {
		v, err := estate.Decode[estate.KubernetesService](r)
		if err != nil || v.Spec.Type != "LoadBalancer" && v.Spec.Type != "NodePort" {
			continue
		}
		svc := service{r, v}
		for _, s := range k.podsBehind(svc) {
			if slices.ContainsFunc(s.spec.Containers, func(c estate.PodContainer) bool { return imageNamed(c.Image, image) }) {
				found = append(found, controller{svc, s, evidence})
			}
		}
	}
	return found
}

// imageNamed reports whether the last part of an image's name is this one.
func imageNamed(reference, name string) bool {
	reference, _, _ = strings.Cut(reference, "@")
	reference = reference[strings.LastIndexByte(reference, '/')+1:]
	reference, _, _ = strings.Cut(reference, ":")
	return reference == name
}

func classWords(class string) string {
	if class == "" {
		return ", whose class is not known"
	}
	return " of " + class
}

// classOf returns the controller's name that the class gives, or the class's
// own name when the class was not read.
func (k *kubeView) classOf(r *estate.Resource, v *estate.KubernetesIngress) (string, []azward.Evidence) {
	name, pointer := v.Spec.IngressClassName, "/spec/ingressClassName"
	if name == "" {
		if name = v.Metadata.Annotations["kubernetes.io/ingress.class"]; name != "" {
			pointer = "/metadata/annotations/" + escapePointer("kubernetes.io/ingress.class")
		}
	}
	var evidence []azward.Evidence
	if name != "" {
		evidence = append(evidence, r.Evidence(pointer, "the Ingress has class "+name))
	}
	for _, c := range k.e.Objects(k.id, "IngressClass.networking.k8s.io", "") {
		cv, err := estate.Decode[estate.KubernetesIngressClass](c)
		if err != nil {
			continue
		}
		isDefault := name == "" && isTrue(cv.Metadata.Annotations["ingressclass.kubernetes.io/is-default-class"])
		if c.Name == name || isDefault {
			return cv.Spec.Controller, append(evidence, c.Evidence("/spec/controller", "the class belongs to "+cv.Spec.Controller))
		}
	}
	return name, evidence
}

// servicesAt returns the Services of type LoadBalancer that listen at an address.
func (k *kubeView) servicesAt(at estate.LoadBalancerIngress) []service {
	var found []service
	for _, r := range k.e.Objects(k.id, "Service", "") {
		v, err := estate.Decode[estate.KubernetesService](r)
		if err != nil || v.Spec.Type != "LoadBalancer" {
			continue
		}
		for _, in := range v.Status.LoadBalancer.Ingress {
			if in.IP != "" && in.IP == at.IP || in.Hostname != "" && in.Hostname == at.Hostname {
				found = append(found, service{r, v})
			}
		}
	}
	return found
}

// podsBehind returns the shapes that a Service selects.
func (k *kubeView) podsBehind(svc service) []*shape {
	var shapes []*shape
	if len(svc.v.Spec.Selector) == 0 {
		return nil
	}
	selector := &estate.LabelSelector{MatchLabels: svc.v.Spec.Selector}
	for _, r := range k.e.Objects(k.id, "Pod", svc.r.Namespace) {
		v, err := estate.Decode[estate.KubernetesPod](r)
		if err != nil {
			continue
		}
		if ok, err := selector.Matches(v.Metadata.Labels); ok && err == nil {
			shapes = addShape(shapes, podShape(r, v))
		}
	}
	if len(shapes) > 0 {
		return shapes
	}
	for _, kind := range []string{"Deployment.apps", "DaemonSet.apps", "StatefulSet.apps"} {
		for _, r := range k.e.Objects(k.id, kind, svc.r.Namespace) {
			v, err := estate.Decode[estate.KubernetesController](r)
			if err != nil {
				continue
			}
			if ok, err := selector.Matches(v.Spec.Template.Metadata.Labels); ok && err == nil {
				shapes = addShape(shapes, newShape(r, v.Spec.Template.Metadata.Labels, v.Spec.Template.Spec))
			}
		}
	}
	return shapes
}

// controllersByClass looks for Services of controllers that were told to serve
// this class on their command line.
func (k *kubeView) controllersByClass(class string, evidence []azward.Evidence) []controller {
	if class == "" {
		return nil
	}
	var found []controller
	for _, r := range k.e.Objects(k.id, "Service", "") {
		v, err := estate.Decode[estate.KubernetesService](r)
		if err != nil || v.Spec.Type != "LoadBalancer" && v.Spec.Type != "NodePort" {
			continue
		}
		svc := service{r, v}
		for _, s := range k.podsBehind(svc) {
			if servesClass(s, class) {
				found = append(found, controller{svc, s, evidence})
			}
		}
	}
	return found
}

func servesClass(s *shape, class string) bool {
	for _, c := range s.spec.Containers {
		for _, arg := range append(c.Command, c.Args...) {
			name, value, _ := strings.Cut(arg, "=")
			if (name == "--controller-class" || name == "--ingress-class") && value == class {
				return true
			}
		}
	}
	return false
}
