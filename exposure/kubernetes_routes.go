package exposure

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// foreignKinds are routes of ingress controllers besides Ingress and the
// Gateway API, as lists name them and as objects are called.
var foreignKinds = []struct{ list, kind string }{
	{"ingressroutes.traefik.io", "IngressRoute.traefik.io"},
	{"ingressroutetcps.traefik.io", "IngressRouteTCP.traefik.io"},
	{"ingressrouteudps.traefik.io", "IngressRouteUDP.traefik.io"},
	{"ingressroutes.traefik.containo.us", "IngressRoute.traefik.containo.us"},
	{"httpproxies.projectcontour.io", "HTTPProxy.projectcontour.io"},
	{"transportservers.k8s.nginx.org", "TransportServer.k8s.nginx.org"},
	{"virtualservers.k8s.nginx.org", "VirtualServer.k8s.nginx.org"},
	{"virtualserverroutes.k8s.nginx.org", "VirtualServerRoute.k8s.nginx.org"},
	{"mappings.getambassador.io", "Mapping.getambassador.io"},
}

// foreignLists are the listings without which there may be such routes.
func foreignLists() []string {
	lists := make([]string, len(foreignKinds))
	for i, f := range foreignKinds {
		lists[i] = f.list
	}
	return lists
}

// foreignIngressWays: routes of other kinds whose body names the Service.
// Plain ones of Traefik and Contour are followed, for a yes alone: what else
// their controllers hold, and all other kinds, is a doubt.
func (k *kubeView) foreignIngressWays(svc service, s *shape) []*way {
	var ways []*way
	kinds := []string{"VirtualService.networking.istio.io", "Ingress.extensions"}
	for _, f := range foreignKinds {
		kinds = append(kinds, f.kind)
	}
	for _, kind := range kinds {
		for _, r := range k.e.Objects(k.id, kind, "") {
			body := string(r.Body)
			if !strings.Contains(body, `"`+svc.r.Name+`"`) && !strings.Contains(body, `"`+svc.r.Name+"."+svc.r.Namespace) {
				continue
			}
			if open := k.followed(kind, r, svc, s); len(open) > 0 {
				ways = append(ways, open...)
				continue
			}
			ways = append(ways, ingressDoubt(r, kindOf(r)+" "+r.Name+" names Service "+svc.name()+", and whether its controller leads the internet there was not told", azward.Gap{
				Scope: r.ID, Kind: azward.GapUnsupported, Reads: "/spec", Error: "azward follows plain IngressRoutes and HTTPProxies whose controller it finds, and this " + kind + " is none",
			}))
		}
	}
	return ways
}

// followed are the open ways through a route that azward understands.
func (k *kubeView) followed(kind string, r *estate.Resource, svc service, s *shape) []*way {
	switch kind {
	case "IngressRoute.traefik.io":
		return k.traefikWays(r, svc, s)
	case "HTTPProxy.projectcontour.io":
		return k.contourWays(r, svc, s)
	}
	return nil
}

// throughRoute joins the ways into controllers with a route. Accepts says
// whether a controller's port serves it.
func (k *kubeView) throughRoute(r *estate.Resource, svc service, backends []backend, controllers []controller, s *shape, accepts func(*shape, uint16) bool) []*way {
	var open []*way
	for _, c := range controllers {
		for _, in := range k.serviceWays(c.service, c.shape) {
			if in.protocol != "tcp" || !accepts(c.shape, in.port) {
				continue
			}
			toController := k.arrive(in, c.shape)
			if toController.answer() != azward.Yes {
				continue
			}
			for _, b := range backends {
				for _, w := range k.fromController(toController.clone(), in.preserved, r, &estate.KubernetesIngress{}, svc, b, c, s) {
					if w.answer() == azward.Yes {
						open = append(open, w)
					}
				}
			}
		}
	}
	return open
}

// portNamed is the port of the Service that a route names by number or name.
func (s service) portNamed(pointer, host string, port estate.IntOrString) (backend, bool) {
	for i := range s.v.Spec.Ports {
		p := &s.v.Spec.Ports[i]
		if text := port.String(); text == strconv.Itoa(p.Port) || text != "" && text == p.Name {
			return backend{pointer: pointer, host: host, port: p, index: i}, true
		}
	}
	return backend{}, false
}

// traefikRoute is an IngressRoute of Traefik.
//
// Source: https://doc.traefik.io/traefik/reference/routing-configuration/kubernetes/crd/http/ingressroute/
type traefikRoute struct {
	Metadata estate.ObjectMeta `json:"metadata"`
	Spec     struct {
		EntryPoints []string `json:"entryPoints"`
		Routes      []struct {
			Kind        string `json:"kind"`
			Match       string `json:"match"`
			Middlewares []any  `json:"middlewares"`
			Services    []struct {
				Kind      string             `json:"kind"`
				Name      string             `json:"name"`
				Namespace string             `json:"namespace"`
				Port      estate.IntOrString `json:"port"`
			} `json:"services"`
		} `json:"routes"`
		TLS *struct {
			Options *any `json:"options"`
		} `json:"tls"`
		ParentRefs []any `json:"parentRefs"`
	} `json:"spec"`
}

// maxMatch bounds what an answer quotes of a rule, in bytes.
const maxMatch = 120

// traefikWays are the open ways through an IngressRoute without middlewares: by
// entry points that the command line of Traefik's pods opens.
func (k *kubeView) traefikWays(r *estate.Resource, svc service, s *shape) []*way {
	v, err := estate.Decode[traefikRoute](r)
	if err != nil || len(v.Spec.ParentRefs) > 0 || v.Spec.TLS != nil && v.Spec.TLS.Options != nil {
		return nil // another route, or options for TLS, may refuse requests
	}
	var backends []backend
	for i, route := range v.Spec.Routes {
		match := strings.ToLower(route.Match)
		if len(route.Middlewares) > 0 || route.Kind != "" && route.Kind != "Rule" || match == "" || strings.Contains(match, "clientip") || strings.Contains(match, "!") {
			continue
		}
		for j, to := range route.Services {
			if to.Name != svc.r.Name || to.Kind != "" && to.Kind != "Service" || firstOf(to.Namespace, r.Namespace) != svc.r.Namespace {
				continue
			}
			host := strings.NewReplacer("`", "").Replace(route.Match)
			if b, ok := svc.portNamed(fmt.Sprintf("/spec/routes/%d/services/%d", i, j), fmt.Sprintf("%.*s", maxMatch, host), to.Port); ok {
				backends = append(backends, b)
			}
		}
	}
	class := v.Metadata.Annotations["kubernetes.io/ingress.class"]
	return k.throughRoute(r, svc, backends, k.controllersByImage("traefik.io/ingress-controller", nil), s, func(at *shape, port uint16) bool {
		return slices.ContainsFunc(at.spec.Containers, func(c estate.PodContainer) bool {
			t := traefikOf(c)
			return t.serves(r.Namespace, class, svc.r.Namespace) && t.listens(v.Spec.EntryPoints, port)
		})
	})
}

// traefik is what a container's command line tells of Traefik: options by name,
// in lower case.
type traefik map[string]string

// traefikOf reads the options; a file of options may hold more, and then
// nothing is told.
//
// Sources: https://doc.traefik.io/traefik/reference/install-configuration/providers/kubernetes/kubernetes-crd/,
// https://doc.traefik.io/traefik/reference/install-configuration/entrypoints/
func traefikOf(c estate.PodContainer) traefik {
	t := traefik{}
	for _, arg := range slices.Concat(c.Command, c.Args) {
		name, value, _ := strings.Cut(strings.TrimLeft(arg, "-"), "=")
		t[strings.ToLower(name)] = value
	}
	if _, file := t["configfile"]; file {
		return nil
	}
	return t
}

// serves reports whether it reads routes of a namespace and a class, and may
// lead them to a Service of another namespace.
func (t traefik) serves(namespace, class, to string) bool {
	const provider = "providers.kubernetescrd"
	on := false
	for name, value := range t {
		on = on || (name == provider && value != "false") || strings.HasPrefix(name, provider+".")
	}
	wanted := t[provider+".ingressclass"]
	if !on || t[provider+".labelselector"] != "" || wanted != "" && class != wanted || wanted == "" && class != "" && class != "traefik" {
		return false
	}
	if list := t[provider+".namespaces"]; list != "" && !slices.Contains(strings.Split(list, ","), namespace) {
		return false
	}
	return namespace == to || strings.EqualFold(t[provider+".allowcrossnamespace"], "true")
}

// listens reports whether an entry point of the route listens on the port, and
// nothing at it redirects or refuses requests. A route that names none is served
// at all that are not Traefik's own.
func (t traefik) listens(entryPoints []string, port uint16) bool {
	for option, address := range t {
		name, isAddress := strings.CutSuffix(strings.TrimPrefix(option, "entrypoints."), ".address")
		if !isAddress || !strings.HasPrefix(option, "entrypoints.") {
			continue
		}
		at, protocol, _ := strings.Cut(address[strings.LastIndexByte(address, ':')+1:], "/")
		if at != strconv.Itoa(int(port)) || protocol != "" && protocol != "tcp" {
			continue
		}
		named := slices.ContainsFunc(entryPoints, func(e string) bool { return strings.EqualFold(e, name) })
		if named || len(entryPoints) == 0 && name != "traefik" && !t.any("entrypoints.", ".asdefault") {
			prefix := "entrypoints." + name + ".http."
			return !t.any(prefix+"middlewares", "") && !t.any(prefix+"redirections", "")
		}
	}
	return false
}

// any reports whether an option begins and ends like this.
func (t traefik) any(prefix, suffix string) bool {
	for name := range t {
		if strings.HasPrefix(name, prefix) && strings.HasSuffix(name, suffix) {
			return true
		}
	}
	return false
}

// contourProxy is an HTTPProxy of Contour.
//
// Source: https://projectcontour.io/docs/main/config/api/#projectcontour.io/v1.HTTPProxy
type contourProxy struct {
	Spec struct {
		VirtualHost *struct {
			FQDN          string `json:"fqdn"`
			Authorization *any   `json:"authorization"`
			JWTProviders  []any  `json:"jwtProviders"`
			Allow         []any  `json:"ipAllowPolicy"`
			Deny          []any  `json:"ipDenyPolicy"`
			TLS           *struct {
				ClientValidation *any `json:"clientValidation"`
			} `json:"tls"`
		} `json:"virtualhost"`
		Routes []struct {
			Conditions []struct {
				Prefix string `json:"prefix"`
				Exact  string `json:"exact"`
			} `json:"conditions"`
			Allow    []any `json:"ipAllowPolicy"`
			Deny     []any `json:"ipDenyPolicy"`
			Auth     *any  `json:"authPolicy"`
			JWT      *any  `json:"jwtVerificationPolicy"`
			Services []struct {
				Name string             `json:"name"`
				Port estate.IntOrString `json:"port"`
			} `json:"services"`
		} `json:"routes"`
	} `json:"spec"`
	Status struct {
		CurrentStatus string `json:"currentStatus"`
		estate.LoadBalancerStatus
	} `json:"status"`
}

// contourWays are the open ways through an HTTPProxy that Contour says is valid
// and that is the root of its host.
func (k *kubeView) contourWays(r *estate.Resource, svc service, s *shape) []*way {
	v, err := estate.Decode[contourProxy](r)
	if err != nil || v.Status.CurrentStatus != "valid" || v.Spec.VirtualHost == nil || svc.r.Namespace != r.Namespace {
		return nil
	}
	h := v.Spec.VirtualHost
	if h.Authorization != nil || len(h.JWTProviders)+len(h.Allow)+len(h.Deny) > 0 || h.TLS != nil && h.TLS.ClientValidation != nil {
		return nil // it may refuse requests
	}
	var backends []backend
	for i, route := range v.Spec.Routes {
		if len(route.Allow)+len(route.Deny) > 0 || route.Auth != nil || route.JWT != nil {
			continue
		}
		path := ""
		for _, c := range route.Conditions {
			path = firstOf(path, firstOf(c.Prefix, c.Exact))
		}
		for j, to := range route.Services {
			if b, ok := svc.portNamed(fmt.Sprintf("/spec/routes/%d/services/%d", i, j), h.FQDN, to.Port); ok && to.Name == svc.r.Name {
				b.path = path
				backends = append(backends, b)
			}
		}
	}
	return k.throughRoute(r, svc, backends, k.contours(r, v), s, func(*shape, uint16) bool { return true })
}

// contours are the data planes of Contour: at the address that it published, or
// by their image.
func (k *kubeView) contours(r *estate.Resource, v *contourProxy) []controller {
	var found []controller
	for i, in := range v.Status.LoadBalancer.Ingress {
		cited := []azward.Evidence{r.Evidence(fmt.Sprintf("/status/loadBalancer/ingress/%d", i), "Contour serves it at this address")}
		for _, svc := range k.servicesAt(in) {
			for _, s := range k.podsBehind(svc) {
				found = append(found, controller{svc, s, cited})
			}
		}
	}
	if len(found) > 0 {
		return found
	}
	return k.controllersByImage("projectcontour.io/contour", nil)
}
