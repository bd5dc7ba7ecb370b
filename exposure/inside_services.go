package exposure

import (
	"slices"
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
	v, err := estate.Decode[aclView](r)
	if err != nil {
		w.doubt(Hop{Resource: r.ID, Kind: "networkAcls", Name: r.Name + " / firewall", Summary: "it has an unexpected shape"}, unparsed(r, err))
		return
	}
	publicSwitch(r, v.Properties.PublicNetworkAccess, unsetSwitch(r, v, v.Properties.NetworkACLs), w)
	v.Properties.NetworkACLs.caller(r, "/properties/networkAcls", w, id)
}

// caller judges a caller inside a network.
func (a *networkACLs) caller(r *estate.Resource, pointer string, w *way, id identity) {
	h := Hop{Resource: r.ID, Kind: "networkAcls", Name: r.Name + " / firewall"}
	l, ok := a.list(r, pointer)
	if !ok {
		h.Summary = "the firewall was not read"
		w.doubt(h, notRead(r, pointer, r.Type+"/read", h.Summary, "az resource show --ids "+string(r.ID)))
		return
	}
	l.judge(w, h, id)
}

// list is the firewall as rules in order; not ok where it was not read.
func (a *networkACLs) list(r *estate.Resource, pointer string) (l sourceList, ok bool) {
	if a == nil || a.DefaultAction == nil {
		return l, false
	}
	l.evidence = r.Evidence(pointer+"/defaultAction", "default action "+*a.DefaultAction)
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
			if rule.Action != nil {
				s.access = restrictionAccess(*rule.Action)
			}
			prefixRule(&s, rule.Value, r, at+"/value")
			l.rules = append(l.rules, s)
		}
	default:
		l.otherwise, l.gap = azward.Unknown, notRead(r, pointer+"/defaultAction", "", "azward does not know the default action "+*a.DefaultAction, "")
	}
	return l, true
}

func (a *networkACLs) subnets() (all []azward.ResourceID) {
	if a != nil {
		for _, rule := range a.VirtualNetworkRules {
			all = append(all, rule.ID)
		}
	}
	return all
}

func aclSubnets(_ *estate.Estate, r *estate.Resource) ([]azward.ResourceID, []azward.Gap) {
	v, err := estate.Decode[aclView](r)
	if err != nil {
		return nil, []azward.Gap{unparsed(r, err)}
	}
	return v.Properties.NetworkACLs.subnets(), nil
}

// registryFrom judges a registry's firewall for a caller inside a network.
//
// Source: https://learn.microsoft.com/azure/container-registry/container-registry-vnet
func registryFrom(_ *estate.Estate, r *estate.Resource, w *way, id identity) {
	v, err := estate.Decode[aclView](r)
	if err != nil {
		w.doubt(Hop{Resource: r.ID, Kind: "networkRuleSet", Name: r.Name + " / firewall", Summary: "it has an unexpected shape"}, unparsed(r, err))
		return
	}
	publicSwitch(r, v.Properties.PublicNetworkAccess, azward.Unknown, w)
	if h, open := registryTier(r, v); open {
		w.hop(h)
	} else {
		v.Properties.NetworkRuleSet.caller(r, "/properties/networkRuleSet", w, id)
	}
}

func registrySubnets(_ *estate.Estate, r *estate.Resource) ([]azward.ResourceID, []azward.Gap) {
	v, err := estate.Decode[aclView](r)
	if err != nil {
		return nil, []azward.Gap{unparsed(r, err)}
	}
	return v.Properties.NetworkRuleSet.subnets(), nil
}

// siteFrom judges a site's default host name for a caller inside a network.
func siteFrom(e *estate.Estate, r *estate.Resource, w *way, id identity) {
	v, err := estate.Decode[estate.Site](r)
	if err != nil {
		w.doubt(siteHop(r), unparsed(r, err))
		return
	}
	siteEntry(e, r, v, w)
	if p := v.Properties.HostingEnvironmentProfile; p != nil && p.ID != "" {
		if _, ok := e.Resource(azward.ResourceID(p.ID)); !ok {
			return // behind an internal load balancer the rules would see another address
		}
	}
	if l, h, ok := siteRules(e, r, v, w, false); ok {
		l.judge(w, h, id)
	}
	siteSignIn(e, r, v, w)
}

// siteSubnets are the subnets that the access restrictions of a site name.
func siteSubnets(e *estate.Estate, r *estate.Resource) (all []azward.ResourceID, gaps []azward.Gap) {
	v, err := estate.Decode[estate.Site](r)
	if err != nil {
		return nil, []azward.Gap{unparsed(r, err)}
	}
	unread := &way{}
	l, _, ok := siteRules(e, r, v, unread, false)
	if !ok {
		return nil, unread.gaps
	}
	for _, rule := range l.rules {
		if rule.subnet != "" && rule.access != netset.Deny {
			all = append(all, rule.subnet)
		}
	}
	return all, nil
}

// siteLinked: a private endpoint skips the access restrictions, not the
// sign-in.
func siteLinked(e *estate.Estate, r *estate.Resource, w *way, _ netset.Addrs) {
	if v, err := estate.Decode[estate.Site](r); err == nil {
		siteSignIn(e, r, v, w)
	}
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
	behind := siteHopOf(r, "stands behind the internal load balancer of "+environment.Name, environment)
	asked := func(judge func(sourceList, *way, Hop, netset.Addrs)) func(*way, netset.Addrs) {
		return func(w *way, from netset.Addrs) {
			w.hop(behind)
			if l, h, ok := siteRules(e, r, v, w, false); ok {
				judge(l.behindBalancer(e, r), w, h, from)
			}
			siteSignIn(e, r, v, w)
		}
	}
	in := inner{
		after: asked(func(l sourceList, w *way, h Hop, from netset.Addrs) { l.judge(w, h, identity{addrs: from}) }),
		some:  asked(sourceList.someOf),
	}
	if av, err := estate.Decode[estate.HostingEnvironment](environment); err == nil && av.Properties.VirtualNetwork != nil {
		in.subnet = av.Properties.VirtualNetwork.ID
	}
	return in, true
}

// behindBalancer is the list as callers of an internal load balancer meet it:
// whether rules for subnets hold for them is not documented, so that such a
// rule matches the addresses of its subnet perhaps.
func (l sourceList) behindBalancer(e *estate.Estate, r *estate.Resource) sourceList {
	l.rules = slices.Clone(l.rules)
	for i := range l.rules {
		rule := &l.rules[i]
		if rule.subnet == "" {
			continue
		}
		rule.maybe, rule.gap = privateAddrs, azward.Gap{
			Scope: r.ID, Kind: azward.GapUnsupported, Reads: "rules for subnets",
			Error: "whether a rule for subnet " + rule.subnet.Name() + " holds behind an internal load balancer is not documented",
		}
		if own := (inner{subnet: rule.subnet}).at(e, r).own; rule.subnet != "*" && !own.IsEmpty() {
			rule.maybe = own
		}
		rule.subnet = ""
	}
	return l
}

// siteUnplaced adds why it is not known whether a site's entry point is
// internal.
func siteUnplaced(e *estate.Estate, r *estate.Resource, w *way) {
	v, err := estate.Decode[estate.Site](r)
	switch {
	case err != nil:
		w.doubt(siteHop(r), unparsed(r, err))
	case v.Properties.HostingEnvironmentProfile != nil && v.Properties.HostingEnvironmentProfile.ID != "":
		siteEnvironment(e, azward.ResourceID(v.Properties.HostingEnvironmentProfile.ID), w)
	case absent(r, "/properties/hostingEnvironmentProfile") && v.Properties.DefaultHostName == "":
		siteEntry(e, r, v, w)
	}
}

// appUnplaced adds why it is not known whether an app's environment is
// internal.
func appUnplaced(e *estate.Estate, r *estate.Resource, w *way) {
	v, err := estate.Decode[estate.ContainerApp](r)
	switch {
	case err != nil:
		w.doubt(Hop{Resource: r.ID, Kind: "ingress", Name: r.Name + " / ingress"}, unparsed(r, err))
	case v.Properties.Configuration != nil && v.Properties.Configuration.Ingress == nil && !absent(r, "/properties/configuration/ingress"):
	default:
		appEnvironment(e, environmentID(v), w)
	}
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
	admits := func(judge func(sourceList, *way, Hop, netset.Addrs)) func(*way, netset.Addrs) {
		return func(w *way, from netset.Addrs) {
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
			judge(l, w, rules, from)
			appSignIn(e, r, ingress, w)
		}
	}
	in := inner{
		subnet: ev.Properties.VnetConfiguration.InfrastructureSubnetID, addrs: prefixes([]string{ev.Properties.StaticIP}),
		after: admits(func(l sourceList, w *way, h Hop, from netset.Addrs) { l.judge(w, h, identity{addrs: from}) }),
		some:  admits(sourceList.someOf),
	}
	if ports, err := netset.ParsePorts(appPorts(ingress)); err == nil {
		in.ports = map[netset.Protocol]netset.Ports{netset.TCP: ports}
	}
	return in, true
}

// appLinked: a private endpoint of the environment leads to external ingress
// alone; which address the rules see there is not documented.
//
// Source: https://learn.microsoft.com/azure/container-apps/how-to-use-private-endpoint
func appLinked(e *estate.Estate, r *estate.Resource, w *way, _ netset.Addrs) {
	v, err := estate.Decode[estate.ContainerApp](r)
	h := Hop{Resource: r.ID, Kind: "ingress", Name: r.Name + " / ingress", Evidence: []azward.Evidence{r.Evidence("/properties/configuration/ingress", "the app's ingress")}}
	switch {
	case err != nil:
		w.doubt(h, unparsed(r, err))
	case v.Properties.Configuration == nil || v.Properties.Configuration.Ingress == nil:
		if absent(r, "/properties/configuration/ingress") {
			h.Summary = "the app's ingress was not read"
			w.doubt(h, notRead(r, "/properties/configuration/ingress", r.Type+"/read", h.Summary, ""))
			return
		}
		h.Answer, h.Summary = azward.No, "the app has no ingress"
		w.hop(h)
	default:
		in := v.Properties.Configuration.Ingress
		appExternal(r, in, w)
		appAdmits(r, in, w, "the private endpoint", netset.Addrs{}, false)
		appSignIn(e, r, in, w)
	}
}

// groupInner is the place of a container group with a private address.
//
// Source: https://learn.microsoft.com/azure/container-instances/container-instances-virtual-network-concepts
func groupInner(_ *estate.Estate, r *estate.Resource) (inner, bool) {
	v, err := estate.Decode[estate.ContainerGroup](r)
	if err != nil || v.Properties.IPAddress == nil || !strings.EqualFold(v.Properties.IPAddress.Type, "Private") {
		return inner{}, false
	}
	in := inner{ports: map[netset.Protocol]netset.Ports{}}
	for _, p := range v.Properties.IPAddress.Ports {
		protocol := netset.TCP
		if strings.EqualFold(p.Protocol, "udp") {
			protocol = netset.UDP
		}
		if p.Port > 0 && p.Port <= 65535 {
			in.ports[protocol] = in.ports[protocol].Union(netset.Port(uint16(p.Port)))
		}
	}
	in.after = func(w *way, _ netset.Addrs) {
		h := Hop{Resource: r.ID, Kind: "ports", Name: r.Name + " / ports", Answer: azward.Yes, Summary: "opens tcp " + in.ports[netset.TCP].String(), Evidence: []azward.Evidence{r.Evidence("/properties/ipAddress/ports", "ports of the group")}}
		w.hop(h)
	}
	in.some = func(w *way, _ netset.Addrs) {
		w.hop(Hop{Resource: r.ID, Kind: "ports", Name: r.Name + " / ports", Answer: azward.Yes, Summary: "opens " + flowWords(w.flows), Evidence: []azward.Evidence{r.Evidence("/properties/ipAddress/ports", "ports of the group")}})
	}
	in.addrs = prefixes([]string{groupAddress(v)})
	if len(v.Properties.SubnetIDs) == 1 {
		in.subnet = v.Properties.SubnetIDs[0].ID
	}
	return in, true
}
