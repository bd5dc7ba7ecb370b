package exposure

import (
	"strconv"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// storageFrom and vaultFrom judge the firewall that both share, for a caller
// inside a network: address rules hold for its public address, rules for
// subnets where a service endpoint carries the subnet's identity.
//
// Source: https://learn.microsoft.com/azure/storage/common/storage-network-security
func storageFrom(_ *estate.Estate, r *estate.Resource, w *way, id identity) {
	aclFrom(r, w, id)
	w.narrow(anonymousClass(r))
}

func vaultFrom(_ *estate.Estate, r *estate.Resource, w *way, id identity) {
	aclFrom(r, w, id)
	w.narrow(Authenticated)
}

func aclFrom(r *estate.Resource, w *way, id identity) {
	const pointer = "/properties/networkAcls"
	h := Hop{Resource: r.ID, Kind: "networkAcls", Name: r.Name + " / firewall"}
	v, err := estate.Decode[aclView](r)
	if err != nil {
		h.Summary = "it has an unexpected shape"
		w.doubt(h, unparsed(r, err))
		return
	}
	a := v.Properties.NetworkACLs
	publicSwitch(r, v.Properties.PublicNetworkAccess, unsetSwitch(r, v, a), w)
	if a == nil || a.DefaultAction == nil {
		h.Summary = "the firewall was not read"
		w.doubt(h, notRead(r, pointer, r.Type+"/read", h.Summary, "az resource show --ids "+string(r.ID)))
		return
	}
	l := sourceList{evidence: r.Evidence(pointer+"/defaultAction", "default action "+*a.DefaultAction)}
	switch strings.ToLower(*a.DefaultAction) {
	case "allow":
		l.otherwise = azward.Yes // rules have no effect then
	case "deny":
		l.otherwise = azward.No
		for i, rule := range a.VirtualNetworkRules {
			l.rules = append(l.rules, sourceRule{access: netset.Allow, subnet: rule.ID, evidence: r.Evidence(pointer+"/virtualNetworkRules/"+strconv.Itoa(i), "lets in subnet "+rule.ID.Name())})
		}
		for i, rule := range a.IPRules {
			at := pointer + "/ipRules/" + strconv.Itoa(i)
			s := sourceRule{access: netset.Allow, evidence: r.Evidence(at, "allows "+rule.Value)}
			prefixRule(&s, rule.Value, r, at+"/value")
			l.rules = append(l.rules, s)
		}
	default:
		l.gap = notRead(r, pointer+"/defaultAction", "", "azward does not know the default action "+*a.DefaultAction, "")
	}
	l.judge(w, h, id)
}

// siteFrom judges a site's default host name for a caller inside a network.
func siteFrom(e *estate.Estate, r *estate.Resource, w *way, id identity) {
	v, err := estate.Decode[estate.Site](r)
	if err != nil {
		w.doubt(siteHop(r), unparsed(r, err))
		return
	}
	siteEntry(e, r, v, w)
	siteCaller(e, r, v, w, id)
}

func siteCaller(e *estate.Estate, r *estate.Resource, v *estate.Site, w *way, id identity) {
	if l, h, ok := siteRules(e, r, v, w, false); ok {
		l.judge(w, h, id)
	}
	siteSignIn(e, r, v, w)
}

// siteInner is a site's place in an App Service Environment whose load
// balancer is internal: there the access restrictions see private addresses.
//
// Source: https://learn.microsoft.com/azure/app-service/environment/networking
func siteInner(e *estate.Estate, r *estate.Resource) (inner, bool) {
	v, err := estate.Decode[estate.Site](r)
	if err != nil || v.Properties.HostingEnvironmentProfile == nil || v.Properties.HostingEnvironmentProfile.ID == "" {
		return inner{}, false
	}
	environment, ok := e.Resource(azward.ResourceID(v.Properties.HostingEnvironmentProfile.ID))
	if !ok {
		return inner{}, false
	}
	probe := &way{}
	siteEnvironment(e, environment.ID, probe)
	if probe.answer() != azward.No { // external, or not known: the default entry point says so
		return inner{}, false
	}
	in := inner{after: func(w *way, from netset.Addrs) {
		w.hop(siteHopOf(r, "stands behind the internal load balancer of "+environment.Name, environment))
		siteCaller(e, r, v, w, identity{addrs: from})
	}}
	if av, err := estate.Decode[estate.HostingEnvironment](environment); err == nil && av.Properties.VirtualNetwork != nil {
		in.subnet = av.Properties.VirtualNetwork.ID
	}
	return in, true
}

func siteHopOf(r *estate.Resource, summary string, of *estate.Resource) Hop {
	h := siteHop(r)
	h.Answer, h.Summary = azward.Yes, summary
	h.Evidence = []azward.Evidence{of.Evidence("/properties/internalLoadBalancingMode", summary)}
	return h
}

// appInner is a container app's place in an internal environment: its ingress
// listens on the environment's address in the subnet.
//
// Source: https://learn.microsoft.com/azure/container-apps/networking
func appInner(e *estate.Estate, r *estate.Resource) (inner, bool) {
	v, err := estate.Decode[estate.ContainerApp](r)
	if err != nil || v.Properties.Configuration == nil || v.Properties.Configuration.Ingress == nil {
		return inner{}, false
	}
	environment, ok := e.Resource(environmentID(v))
	if !ok {
		return inner{}, false
	}
	ev, err := estate.Decode[estate.ManagedEnvironment](environment)
	if err != nil || ev.Properties.VnetConfiguration == nil || ev.Properties.VnetConfiguration.Internal == nil || !*ev.Properties.VnetConfiguration.Internal {
		return inner{}, false
	}
	ingress := v.Properties.Configuration.Ingress
	return inner{
		subnet: ev.Properties.VnetConfiguration.InfrastructureSubnetID, addrs: prefixes([]string{ev.Properties.StaticIP}),
		after: func(w *way, from netset.Addrs) {
			h := Hop{Resource: r.ID, Kind: "ingress", Name: r.Name + " / ingress", Evidence: []azward.Evidence{r.Evidence("/properties/configuration/ingress/external", "whom the ingress serves")}}
			switch {
			case ingress.External == nil:
				h.Summary = "whether the ingress is external was not read"
				w.doubt(h, notRead(r, "/properties/configuration/ingress/external", r.Type+"/read", h.Summary, ""))
				return
			case !*ingress.External:
				h.Answer, h.Summary = azward.No, "the ingress serves its own environment alone"
				w.hop(h)
				return
			}
			h.Answer, h.Summary = azward.Yes, "the ingress serves the network of its environment"
			w.hop(h)
			l, rules := appRuleList(r, ingress)
			l.judge(w, rules, identity{addrs: from})
			appSignIn(r, ingress, w)
		},
	}, true
}
