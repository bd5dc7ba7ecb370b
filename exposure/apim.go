package exposure

import (
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

const (
	apimType    = "Microsoft.ApiManagement/service"
	apiType     = "Microsoft.ApiManagement/service/apis"
	backendType = "Microsoft.ApiManagement/service/backends"
)

// apimPolicies are the types of policies that may send a request elsewhere
// than the API's own service.
//
// Source: https://learn.microsoft.com/azure/api-management/set-backend-service-policy
var apimPolicies = []string{
	"Microsoft.ApiManagement/service/policies",
	"Microsoft.ApiManagement/service/apis/policies",
	"Microsoft.ApiManagement/service/apis/operations/policies",
}

// apiManagement is an API Management service with the network around it.
type apiManagement struct {
	e      *estate.Estate
	r      *estate.Resource
	v      *estate.APIManagement
	inside *netInterface // its subnet, where it stands in a network
	from   caller
}

func apimOf(e *estate.Estate, r *estate.Resource) (*apiManagement, *azward.Gap) {
	v, err := estate.Decode[estate.APIManagement](r)
	if err != nil {
		gap := unparsed(r, err)
		return nil, &gap
	}
	a := &apiManagement{e: e, r: r, v: v}
	if c := v.Properties.VirtualNetworkConfiguration; c != nil && c.SubnetResourceID != "" {
		conf := &estate.IPConfiguration{}
		conf.Properties.Subnet = &estate.ResourceRef{ID: c.SubnetResourceID}
		a.inside = interfaceOf(e, r, "/properties/virtualNetworkConfiguration", conf, nil)
	}
	a.from = caller{r: r, title: a.title(), inside: a.inside, public: prefixes(v.Properties.PublicIPAddresses)}
	return a, nil
}

func (a *apiManagement) title() string { return "API Management " + a.r.Name }

// secondGeneration tells the tiers whose network settings mean something else.
func (a *apiManagement) secondGeneration() bool {
	return strings.HasSuffix(strings.ToLower(a.v.SKU.Name), "v2")
}

// apiExits are the services behind the APIs: each API's own, and the backends
// that policies may choose.
func apiExits(c *frontCache, r *estate.Resource) []exit {
	a, gap := apimOf(c.e, r)
	if gap != nil {
		return []exit{misshapen(r, "API Management "+r.Name, *gap)}
	}
	var all []exit
	add := func(url string, id azward.ResourceID, finish func(*way)) {
		host, ports := hostOf(url)
		x := a.exit(c, ports, finish)
		if host == "" {
			x.to = spot{id: id}
			all = append(all, x)
			return
		}
		for _, s := range originSpots(c.e, host) {
			if s.id == "" {
				s.id = id
			}
			x.to = s
			all = append(all, x)
		}
	}
	for _, api := range c.e.Children(r.ID, apiType) {
		v, err := estate.Decode[estate.ManagedAPI](api)
		if err != nil {
			all = append(all, a.blind(c, api, unparsed(api, err)))
			continue
		}
		if v.Properties.ServiceURL != "" {
			add(v.Properties.ServiceURL, "", func(w *way) { w.hop(apiHop(api, v)) })
		}
	}
	for _, b := range c.e.Children(r.ID, backendType) {
		v, err := estate.Decode[estate.APIBackend](b)
		if err != nil {
			all = append(all, a.blind(c, b, unparsed(b, err)))
			continue
		}
		add(v.Properties.URL, managementID(v.Properties.ResourceID), func(w *way) {
			w.hop(Hop{
				Resource: b.ID, Kind: "backend", Name: r.Name + " / " + b.Name, Answer: azward.Yes, Summary: "backend " + b.Name + " leads to " + v.Properties.URL,
				Evidence: []azward.Evidence{b.Evidence("/properties/url", "the backend's address")},
			})
		})
	}
	return append(all, a.policyExits(c)...)
}

// exit is an exit of the service, whose ways finish appends to.
func (a *apiManagement) exit(c *frontCache, ports netset.Ports, finish func(*way)) exit {
	finished := func(ways []*way) []*way {
		for _, w := range ways {
			if w.answer() != azward.No {
				finish(w)
			}
		}
		return ways
	}
	x := exit{front: a.r, what: a.title(), ports: ports, from: a.from, enter: func(depth int) []*way { return finished(a.ways(c, depth)) }}
	if a.privately() {
		x.private = func(v visitor) []*way { return finished(a.enter(v)) }
	}
	return x
}

// privately reports that networks come to the service by its private address
// alone, as in internal mode. In external mode they come to the public one.
//
// Source: https://learn.microsoft.com/azure/api-management/api-management-using-with-internal-vnet
func (a *apiManagement) privately() bool {
	p := &a.v.Properties
	return strings.EqualFold(p.VirtualNetworkType, "Internal") && a.inside != nil && a.v.SKU.Name != "" && !a.secondGeneration() &&
		!prefixes(p.PrivateIPAddresses).IsEmpty() && len(a.e.Referrers(a.r.ID, privateEndpointType)) == 0
}

// managementID turns the address in Azure's management interface, which
// backends name, into a resource ID.
func managementID(id azward.ResourceID) azward.ResourceID {
	if i := strings.Index(strings.ToLower(string(id)), "/subscriptions/"); i > 0 {
		return id[i:]
	}
	return id
}

// blind is an exit that may lead anywhere that the service reaches.
func (a *apiManagement) blind(c *frontCache, r *estate.Resource, gap azward.Gap) exit {
	x := a.exit(c, netset.AllPorts(), func(w *way) {
		w.doubt(Hop{Resource: r.ID, Kind: "service", Name: a.r.Name + " / policies", Summary: gap.Error}, gap)
	})
	x.front, x.to = r, spot{unknown: gap.Error}
	return x
}

// policyExits are the hosts that policies name. Policies that were not read
// may name any.
func (a *apiManagement) policyExits(c *frontCache) []exit {
	var all []exit
	if _, missing := a.e.Absence(a.r.ID, apimPolicies...); len(missing) > 0 {
		gap := missing[0]
		gap.Error = "which backends the policies of " + a.title() + " choose was not read"
		all = append(all, a.blind(c, a.r, gap))
	}
	for _, t := range apimPolicies {
		for _, r := range a.e.OfType(t) {
			if !r.ID.Within(a.r.ID) {
				continue
			}
			v, err := estate.Decode[estate.APIPolicy](r)
			if err != nil {
				all = append(all, a.blind(c, r, unparsed(r, err)))
				continue
			}
			for _, host := range policyHosts(v.Properties.Value) {
				all = append(all, a.policyExit(c, r, host)...)
			}
		}
	}
	return all
}

func (a *apiManagement) policyExit(c *frontCache, r *estate.Resource, url string) []exit {
	host, ports := hostOf(url)
	spots, words := originSpots(c.e, host), "a policy sends requests to "+host
	if strings.ContainsAny(host, "@{(") || host == "" {
		spots = []spot{{unknown: "a policy of " + a.title() + " computes the backend"}}
		words = "a policy computes where requests go"
	}
	var all []exit
	for _, s := range spots {
		x := a.exit(c, ports, func(w *way) {
			w.hop(Hop{
				Resource: r.ID, Kind: "policy", Name: a.r.Name + " / " + r.Name, Answer: azward.Yes, Summary: words,
				Evidence: []azward.Evidence{r.Evidence("/properties/value", "names the host")},
			})
		})
		x.to = s
		all = append(all, x)
	}
	return all
}

// maxPolicyHosts bounds, in hosts, what one policy may name: a policy document
// is at most 256 KiB, and real ones name a handful.
const maxPolicyHosts = 64

// policyHosts are the addresses that a policy document names. A value that an
// expression or a named value computes is kept as it stands.
func policyHosts(text string) []string {
	var hosts []string
	for rest := text; len(hosts) < maxPolicyHosts; {
		i := strings.Index(rest, "://")
		if i < 0 {
			break
		}
		start := strings.LastIndexAny(rest[:i], "\"'<> \n\t,;(") + 1
		end := i + 3 + strings.IndexAny(rest[i+3:]+"\"", "\"'<> \n\t,;)")
		end = min(end, len(rest))
		if url := rest[start:end]; !slices.Contains(hosts, url) && !strings.HasPrefix(url[i-start+3:], "schemas.") {
			hosts = append(hosts, url)
		}
		rest = rest[end:]
	}
	const attribute = "base-url=\""
	for rest := text; len(hosts) < maxPolicyHosts; {
		_, after, ok := strings.Cut(rest, attribute)
		if !ok {
			break
		}
		value, _, _ := strings.Cut(after, "\"")
		if !strings.Contains(value, "://") || strings.ContainsAny(value, "@{") {
			hosts = append(hosts, "@{"+value+"}")
		}
		rest = after
	}
	return hosts
}

// apiHop is the API. Keys of subscriptions are a mitigation: an open product
// may hold the API, and products are not read.
//
// Source: https://learn.microsoft.com/azure/api-management/api-management-subscriptions
func apiHop(api *estate.Resource, v *estate.ManagedAPI) Hop {
	h := Hop{
		Resource: api.ID, Kind: "api", Name: api.ID.Parent().Name() + " / " + api.Name, Answer: azward.Yes, Summary: "API /" + v.Properties.Path + " leads to " + v.Properties.ServiceURL,
		Evidence: []azward.Evidence{api.Evidence("/properties/serviceUrl", "where the API leads")},
	}
	if s := v.Properties.SubscriptionRequired; s != nil {
		h.Evidence = append(h.Evidence, api.Evidence("/properties/subscriptionRequired", "whether requests need a subscription's key"))
		if *s {
			h.Summary += "; it asks for a subscription's key, a mitigation unless an open product holds it"
			h.Mitigates = true
		} else {
			h.Summary += "; it asks for no key"
		}
	}
	return h
}

// ways are the ways into the service: from the internet, and from fronts
// before it where the internet alone does not get in.
func (a *apiManagement) ways(c *frontCache, depth int) []*way {
	ways := a.enter(internetVisitor())
	if slices.ContainsFunc(ways, func(w *way) bool { return w.answer() == azward.Yes && w.class == InternetAny }) {
		return ways
	}
	p := &a.v.Properties
	names := []string{}
	if host, _ := hostOf(p.GatewayURL); host != "" {
		names = append(names, host)
	}
	for _, h := range p.HostnameConfigurations {
		if strings.EqualFold(h.Type, "Proxy") {
			names = append(names, h.HostName)
		}
	}
	addresses := prefixes(p.PrivateIPAddresses).Union(prefixes(p.PublicIPAddresses))
	for _, pe := range a.e.Referrers(a.r.ID, "Microsoft.Network/privateEndpoints") {
		addresses = addresses.Union(endpointAddresses(a.e, pe))
	}
	for _, b := range c.before(a.r, addresses, names, 443, depth, a.inside) {
		target := a.inside
		if target == nil {
			target = &netInterface{}
		}
		v := b.visitor(a.e, target)
		v.inside = b.exit.from.inside != nil || b.exit.from.link.Equal(a.r.ID)
		if b.exit.from.link.Equal(a.r.ID) {
			v.doubt = ""
		}
		ways = append(ways, a.enter(v)...)
	}
	if a.inside != nil {
		for _, w := range firewalled(a.e, a.r, a.inside, prefixes(p.PrivateIPAddresses), 443) {
			if w.answer() != azward.No {
				w.hop(Hop{
					Resource: a.r.ID, Kind: "apiManagement", Name: a.r.Name, Answer: azward.Yes, Summary: "the service takes requests from inside the network",
					Evidence: []azward.Evidence{a.r.Evidence("/properties/privateIPAddresses", "its private address")},
				})
			}
			ways = append(ways, w)
		}
	}
	return ways
}

// enter is the way of a visitor into the service's gateway on port 443.
//
// Sources: https://learn.microsoft.com/azure/api-management/virtual-network-concepts,
// https://learn.microsoft.com/azure/api-management/virtual-network-reference
func (a *apiManagement) enter(from visitor) []*way {
	w := &way{class: InternetAny, by: a.title(), flows: []Flow{{Protocol: "tcp", Ports: "443", Sources: sourceNames(publicAddrs)}}}
	if from.before != nil {
		w = from.before.clone()
		w.by += ", " + a.title()
	}
	const mode, access = "/properties/virtualNetworkType", "/properties/publicNetworkAccess"
	p := &a.v.Properties
	h := Hop{Resource: a.r.ID, Kind: "apiManagement", Name: a.r.Name, Answer: azward.Yes}
	one := func() []*way { w.hop(h); return []*way{w} }
	unclear := func(reads, why string) []*way {
		h.Summary = why
		h.Evidence = []azward.Evidence{a.r.Evidence(reads, why)}
		w.doubt(h, azward.Gap{Scope: a.r.ID, Kind: azward.GapUnsupported, Reads: reads, Error: why})
		return []*way{w}
	}
	internal := strings.EqualFold(p.VirtualNetworkType, "Internal")
	switch {
	case p.DisableGateway:
		h.Answer, h.Summary = azward.No, "the service's own gateway is disabled"
		h.Evidence = []azward.Evidence{a.r.Evidence("/properties/disableGateway", h.Summary)}
		return one()
	case from.doubt != "":
		return unclear(mode, from.doubt)
	case internal && !from.inside:
		h.Answer, h.Summary = azward.No, "the service stands inside a network, in internal mode"
		h.Evidence = []azward.Evidence{a.r.Evidence(mode, h.Summary)}
		return one()
	case from.inside:
		h.Summary = "the service takes requests from inside the network"
		h.Evidence = []azward.Evidence{a.r.Evidence(mode, "how the service stands in its network")}
	case p.PublicNetworkAccess != nil && strings.EqualFold(*p.PublicNetworkAccess, "Disabled"):
		h.Answer, h.Summary = azward.No, "public network access is disabled"
		h.Evidence = []azward.Evidence{a.r.Evidence(access, h.Summary)}
		return one()
	case p.PublicNetworkAccess != nil && *p.PublicNetworkAccess != "" && !strings.EqualFold(*p.PublicNetworkAccess, "Enabled"):
		return unclear(access, fmt.Sprintf("azward does not know publicNetworkAccess %q", *p.PublicNetworkAccess))
	case p.VirtualNetworkType == "", strings.EqualFold(p.VirtualNetworkType, "None"):
		h.Summary = "the service has a public endpoint and stands in no network"
		h.Evidence = []azward.Evidence{a.r.Evidence(mode, h.Summary), a.r.Evidence(access, "public network access is not disabled")}
		return one()
	case !strings.EqualFold(p.VirtualNetworkType, "External") && !internal:
		return unclear(mode, fmt.Sprintf("azward does not know virtualNetworkType %q", p.VirtualNetworkType))
	case a.v.SKU.Name == "":
		return unclear("/sku/name", "the service's tier, which says what its network mode means, was not read")
	case a.secondGeneration():
		h.Summary = "the service has a public endpoint; its tier uses the network for outbound requests"
		h.Evidence = []azward.Evidence{a.r.Evidence("/sku/name", "a tier of the second generation"), a.r.Evidence(mode, "how the service stands in its network")}
		if !strings.EqualFold(a.v.SKU.Name, "StandardV2") && !strings.EqualFold(a.v.SKU.Name, "BasicV2") {
			return unclear(mode, "what virtualNetworkType means for tier "+a.v.SKU.Name+" is not modelled")
		}
		return one()
	default:
		h.Summary = "the service stands in a network, with a public load balancer before it"
		h.Evidence = []azward.Evidence{a.r.Evidence(mode, h.Summary)}
	}
	w.hop(h)
	if a.inside == nil {
		if from.inside {
			return []*way{w}
		}
		return unclear("/properties/virtualNetworkConfiguration", "the service's subnet was not read")
	}
	return a.filtered(w, from)
}

// filtered sends a visitor through the security group of the service's subnet.
func (a *apiManagement) filtered(w *way, from visitor) []*way {
	bare := func(w *way) {
		h := Hop{
			Resource: a.inside.subnetID, Kind: "subnet", Name: a.inside.subnetID.Name(), Answer: azward.Yes, Summary: "no security group stands before " + a.title(),
			Evidence: []azward.Evidence{a.r.Evidence("/properties/virtualNetworkConfiguration/subnetResourceId", "the service's subnet has no security group")},
		}
		if !from.inside && !strings.EqualFold(a.v.Properties.PlatformVersion, "stv1") {
			h.Summary = "no security group stands before " + a.title() + ", whose load balancer needs one to let anybody in"
			w.doubt(h, azward.Gap{Scope: a.r.ID, Kind: azward.GapUnsupported, Reads: "/properties/platformVersion", Error: h.Summary})
			return
		}
		w.hop(h)
	}
	near := a.inside.own
	if from.inside {
		if own := prefixes(a.v.Properties.PrivateIPAddresses); !own.IsEmpty() {
			near = own
		}
	}
	region := netset.Product(from.sources.Intersect(familyOf(near)), netset.Port(443))
	var ways []*way
	for _, p := range a.inside.pass(a.e, w, packet{direction: inbound, near: near, protocol: netset.TCP, srcPort: anySourcePort}, region, bare) {
		if !from.inside {
			p = a.inside.replies(a.e, p, netset.TCP)
		}
		through := p.certain
		if through.IsEmpty() {
			through = p.maybe
		}
		switch {
		case from.before != nil:
			p.way.class = from.before.class
		case !through.IsEmpty():
			p.way.flows = shownFlows(netset.TCP, through)
			p.way.tagged(p.tags)
		}
		ways = append(ways, p.way)
	}
	return ways
}
