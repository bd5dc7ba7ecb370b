package exposure

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// reachContainerApp answers for a container app: its environment, its ingress
// and the ingress's address rules. Scaling to zero closes nothing, since a
// request wakes the app.
//
// Source: https://learn.microsoft.com/azure/container-apps/ingress-overview
func reachContainerApp(e *estate.Estate, w estate.Workload) reached {
	end := closing{none: "no front service that azward knows leads to the app"}
	v, err := estate.Decode[estate.ContainerApp](w.Resource)
	if err != nil {
		end.missing = append(end.missing, unparsed(w.Resource, err))
		return reached{nil, end}
	}
	ways, closed := appWays(e, w.Resource, v)
	if closed { // without ingress nothing reaches it, from inside either
		end.none = ""
		return reached{ways, end}
	}
	if ways[0].answer() != azward.Yes || ways[0].class != InternetAny {
		if _, ok := e.Resource(environmentID(v)); ok {
			end.absence(e.Absence("", "Microsoft.Network/privateEndpoints"))
		}
		ways = append(ways, fronts(e, asTarget(e, w.Resource), &end)...)
	}
	return reached{ways, end}
}

func environmentID(v *estate.ContainerApp) azward.ResourceID {
	if v.Properties.ManagedEnvironmentID != "" {
		return azward.ResourceID(v.Properties.ManagedEnvironmentID)
	}
	return azward.ResourceID(v.Properties.EnvironmentID)
}

// appWays returns the path through the app's ingress; closed says that there
// is no ingress at all.
func appWays(e *estate.Estate, r *estate.Resource, v *estate.ContainerApp) (ways []*way, closed bool) {
	const pointer = "/properties/configuration/ingress"
	w := &way{class: InternetAny, by: "the app's ingress", exact: true, flows: []Flow{{Protocol: "tcp", Ports: "80,443", Sources: sourceNames(publicAddrs)}}}
	h := Hop{Resource: r.ID, Kind: "ingress", Name: r.Name + " / ingress"}
	c := v.Properties.Configuration
	if c == nil || c.Ingress == nil {
		if absent(r, pointer) {
			h.Summary = "the app's ingress was not read"
			w.doubt(h, notRead(r, pointer, "Microsoft.App/containerApps/read", h.Summary, "az containerapp show --ids "+string(r.ID)))
			return []*way{w}, c == nil
		}
		h.Answer, h.Summary = azward.No, "the app has no ingress"
		h.Evidence = []azward.Evidence{r.Evidence(pointer, h.Summary)}
		w.hop(h)
		return []*way{w}, true
	}
	appEnvironment(e, environmentID(v), w)
	switch in := c.Ingress; {
	case in.External == nil:
		h.Summary = "whether the ingress is external was not read"
		w.doubt(h, notRead(r, pointer+"/external", "Microsoft.App/containerApps/read", h.Summary, "az containerapp ingress show --ids "+string(r.ID)))
	case !*in.External:
		h.Answer, h.Summary = azward.No, "the ingress serves its own environment alone"
		h.Evidence = []azward.Evidence{r.Evidence(pointer+"/external", h.Summary)}
		w.hop(h)
	default:
		h.Answer, h.Summary = azward.Yes, "the ingress is external"
		h.Evidence = []azward.Evidence{r.Evidence(pointer+"/external", h.Summary)}
		w.hop(h)
	}
	base := w.clone()
	appRules(r, c.Ingress, w, appPorts(c.Ingress))
	appSignIn(e, r, c.Ingress, w)
	ways = []*way{w}
	for i, m := range c.Ingress.AdditionalPortMappings {
		ways = append(ways, mappedWay(r, base, i, m.External, m.ExposedPort, m.TargetPort))
	}
	return ways, false
}

// mappedWay is the path through an additional TCP port.
func mappedWay(r *estate.Resource, base *way, i int, external bool, exposed, targetPort int) *way {
	w := base.clone()
	pointer := "/properties/configuration/ingress/additionalPortMappings/" + strconv.Itoa(i)
	h := Hop{Resource: r.ID, Kind: "ingress", Name: r.Name + " / port mapping", Answer: azward.No, Summary: "the port mapping serves the environment alone"}
	if external {
		h.Answer, h.Summary = azward.Yes, "the port mapping is external"
	}
	if exposed == 0 {
		exposed = targetPort
	}
	h.Evidence = []azward.Evidence{r.Evidence(pointer, h.Summary)}
	w.flows = []Flow{{Protocol: "tcp", Ports: strconv.Itoa(exposed), Sources: sourceNames(publicAddrs)}}
	w.hop(h)
	return w
}

func appPorts(in *estate.ContainerAppIngress) string {
	if !strings.EqualFold(in.Transport, "tcp") {
		return "80,443"
	}
	if in.ExposedPort != 0 {
		return strconv.Itoa(in.ExposedPort)
	}
	return strconv.Itoa(in.TargetPort)
}

// appEnvironment answers whether the environment has a public endpoint.
// Source: https://learn.microsoft.com/azure/container-apps/networking
func appEnvironment(e *estate.Estate, id azward.ResourceID, w *way) {
	const needs = "Microsoft.App/managedEnvironments/read"
	h := Hop{Resource: id, Kind: "managedEnvironment", Name: id.Name()}
	r, ok := e.Resource(id)
	if !ok {
		h.Summary = "the app's environment was not read"
		w.doubt(h, azward.Gap{Scope: id, Kind: azward.GapNotRead, Reads: "Microsoft.App/managedEnvironments", Needs: needs, Error: h.Summary})
		return
	}
	v, err := estate.Decode[estate.ManagedEnvironment](r)
	if err != nil {
		h.Summary = "the app's environment has an unexpected shape"
		w.doubt(h, unparsed(r, err))
		return
	}
	internal := "/properties/vnetConfiguration/internal"
	switch vnet := v.Properties.VnetConfiguration; {
	case vnet == nil:
		internal = "/properties/vnetConfiguration"
		if absent(r, internal) {
			h.Summary = "whether the environment is internal was not read"
			w.doubt(h, notRead(r, internal, needs, h.Summary, "az containerapp env show --ids "+string(id)))
			return
		}
		h.Answer, h.Summary = azward.Yes, "the environment is not in a network of the customer's, so it has a public endpoint"
	case vnet.Internal == nil:
		h.Summary = "whether the environment is internal was not read"
		w.doubt(h, notRead(r, internal, needs, h.Summary, "az containerapp env show --ids "+string(id)))
		return
	case *vnet.Internal:
		h.Answer, h.Summary = azward.No, "the environment is internal"
	default:
		h.Answer, h.Summary = azward.Yes, "the environment has a public endpoint"
	}
	h.Evidence = []azward.Evidence{r.Evidence(internal, h.Summary)}
	w.hop(h)
	if h.Answer == azward.Yes {
		appPublicAccess(r, v, w)
	}
}

// appPublicAccess: API versions before 2024-10-02-preview do not return the
// property, so there its absence says nothing.
func appPublicAccess(r *estate.Resource, v *estate.ManagedEnvironment, w *way) {
	const pointer, firstVersion = "/properties/publicNetworkAccess", "2024-10-02"
	h := Hop{Resource: r.ID, Kind: "managedEnvironment", Name: r.Name}
	switch access := v.Properties.PublicNetworkAccess; {
	case access != nil && strings.EqualFold(*access, "Disabled"):
		h.Answer, h.Summary = azward.No, "public network access to the environment is disabled"
	case access != nil && strings.EqualFold(*access, "Enabled"):
		h.Answer, h.Summary = azward.Yes, "public network access to the environment is enabled"
	case access != nil && *access != "":
		h.Summary = fmt.Sprintf("publicNetworkAccess has a value that azward does not know, %q", *access)
		w.doubt(h, notRead(r, pointer, "", h.Summary, ""))
		return
	default:
		if absent(r, pointer) && (r.APIVersion < firstVersion || r.Source != azward.SourceARM) {
			h.Summary = "whether public network access to the environment is disabled was not read"
			w.doubt(h, notRead(r, pointer, "Microsoft.App/managedEnvironments/read",
				"the API version that was read does not return this property", "read the environment with API version 2025-01-01 or later"))
			return
		}
		h.Answer, h.Summary = azward.Yes, "public network access to the environment was never set, so it is enabled"
		h.Evidence = []azward.Evidence{documented(r, pointer, h.Summary)}
		w.hop(h)
		return
	}
	h.Evidence = []azward.Evidence{r.Evidence(pointer, h.Summary)}
	w.hop(h)
}

// appRules: rules all allow (the rest is denied) or all deny (the rest is
// allowed).
// Source: https://learn.microsoft.com/azure/container-apps/ip-restrictions
func appRules(r *estate.Resource, in *estate.ContainerAppIngress, w *way, ports string) {
	l, h := appRuleList(r, in)
	l.filter(w, h, "tcp", ports)
}

func appRuleList(r *estate.Resource, in *estate.ContainerAppIngress) (sourceList, Hop) {
	const pointer = "/properties/configuration/ingress/ipSecurityRestrictions"
	l := sourceList{otherwise: azward.Yes, evidence: r.Evidence(pointer, "address rules of the ingress")}
	allows, denies := false, false
	for i, a := range in.IPSecurityRestrictions {
		at := pointer + "/" + strconv.Itoa(i)
		rule := sourceRule{access: restrictionAccess(a.Action)}
		rule.evidence = r.Evidence(at, fmt.Sprintf("rule %q: %s %s", a.Name, strings.ToLower(a.Action), a.IPAddressRange))
		prefixRule(&rule, a.IPAddressRange, r, at+"/ipAddressRange")
		l.rules = append(l.rules, rule)
		switch rule.access {
		case netset.Allow:
			allows = true
		case netset.Deny:
			denies = true
		}
	}
	switch {
	case allows && denies:
		l.otherwise = azward.Unknown
		l.gap = azward.Gap{Scope: r.ID, Kind: azward.GapUnparsed, Reads: pointer, Error: "rules that allow stand beside rules that deny, which Azure refuses"}
		for i := range l.rules {
			l.rules[i].access = netset.Unclear
			l.rules[i].gap = l.gap
		}
	case allows:
		l.otherwise = azward.No
	}
	return l, Hop{Resource: r.ID, Kind: "ipSecurityRestrictions", Name: r.Name + " / address rules"}
}

// appSignIn narrows the class where every request must carry an identity: a
// client certificate, or the sign-in that stands before the app's containers.
// What was not read does not narrow.
//
// Source: https://learn.microsoft.com/azure/container-apps/authentication
func appSignIn(e *estate.Estate, r *estate.Resource, in *estate.ContainerAppIngress, w *way) {
	if strings.EqualFold(in.ClientCertificateMode, "require") {
		w.narrow(Authenticated)
		w.hop(Hop{
			Resource: r.ID, Kind: "ingress", Name: r.Name + " / ingress", Answer: azward.Yes, Summary: "asks every client for a certificate",
			Evidence: []azward.Evidence{r.Evidence("/properties/configuration/ingress/clientCertificateMode", "client certificates are required")},
		})
	}
	records := e.Children(r.ID, appAuthType)
	if len(records) != 1 || strings.EqualFold(in.Transport, "tcp") { // requests of HTTP alone are asked
		return
	}
	a, err := estate.Decode[estate.SiteAuth](records[0])
	if err != nil || a.Properties.Platform.Enabled == nil || !*a.Properties.Platform.Enabled || len(a.Properties.GlobalValidation.ExcludedPaths) > 0 {
		return
	}
	switch strings.ToLower(a.Properties.GlobalValidation.UnauthenticatedClientAction) {
	case "redirecttologinpage", "return401", "return403":
		w.narrow(Authenticated)
		w.hop(Hop{
			Resource: records[0].ID, Kind: "authentication", Name: r.Name + " / authentication", Answer: azward.Yes,
			Summary:  "lets signed-in users through",
			Evidence: []azward.Evidence{records[0].Evidence("/properties/globalValidation", "turns requests without a sign-in away on every path")},
		})
	}
}

const appAuthType = "Microsoft.App/containerApps/authConfigs"

// reachContainerGroup answers for a container group: the ports of its public
// address, which no NSG filters.
//
// Source: https://learn.microsoft.com/azure/container-instances/container-instances-overview
func reachContainerGroup(e *estate.Estate, w estate.Workload) reached {
	const pointer = "/properties/ipAddress"
	r := w.Resource
	end := closing{none: "no front service that azward knows leads to the group"}
	v, err := estate.Decode[estate.ContainerGroup](r)
	if err != nil {
		end.missing = append(end.missing, unparsed(r, err))
		return reached{nil, end}
	}
	path := &way{class: InternetAny, by: "the group's public address", exact: true}
	h := Hop{Resource: r.ID, Kind: "ipAddress", Name: r.Name + " / address"}
	ip := v.Properties.IPAddress
	switch {
	case ip == nil && len(v.Properties.Containers) == 0:
		h.Summary = "the group's address was not read"
		path.doubt(h, notRead(r, pointer, "Microsoft.ContainerInstance/containerGroups/read", h.Summary, "az container show --ids "+string(r.ID)))
	case ip == nil:
		h.Answer, h.Summary = azward.No, "the group has no address"
		h.Evidence = []azward.Evidence{r.Evidence(pointer, h.Summary)}
		path.hop(h)
		end.none = ""
		return reached{[]*way{path}, end}
	case strings.EqualFold(ip.Type, "Public"):
		h.Answer, h.Summary = azward.Yes, "the group has a public address"
		h.Evidence = []azward.Evidence{r.Evidence(pointer+"/type", h.Summary)}
		path.hop(h)
		groupPorts(r, v, path)
	case strings.EqualFold(ip.Type, "Private"):
		h.Answer, h.Summary = azward.No, "the group's address is private"
		h.Evidence = []azward.Evidence{r.Evidence(pointer+"/type", h.Summary)}
		path.hop(h)
	default:
		h.Summary = fmt.Sprintf("azward does not know addresses of type %q", ip.Type)
		path.doubt(h, notRead(r, pointer+"/type", "", h.Summary, ""))
	}
	ways := []*way{path}
	if path.answer() != azward.Yes {
		ways = append(ways, fronts(e, asTarget(e, r), &end)...)
	}
	return reached{ways, end}
}

func groupAddress(v *estate.ContainerGroup) string {
	if v.Properties.IPAddress == nil {
		return ""
	}
	return v.Properties.IPAddress.IP
}

func groupPorts(r *estate.Resource, v *estate.ContainerGroup, w *way) {
	byProtocol := map[string][]netset.PortRange{}
	for _, p := range v.Properties.IPAddress.Ports {
		protocol := strings.ToLower(p.Protocol)
		if protocol == "" {
			protocol = "tcp"
		}
		if p.Port > 0 && p.Port <= 65535 {
			byProtocol[protocol] = append(byProtocol[protocol], netset.PortRange{Lo: uint16(p.Port), Hi: uint16(p.Port)})
		}
	}
	for _, protocol := range []string{"tcp", "udp"} {
		if ports := byProtocol[protocol]; len(ports) > 0 {
			w.flows = append(w.flows, Flow{Protocol: protocol, Ports: netset.PortsOf(ports...).String(), Sources: sourceNames(publicAddrs)})
		}
	}
	h := Hop{Resource: r.ID, Kind: "ports", Name: r.Name + " / ports", Answer: azward.Yes, Summary: "opens " + flowWords(w.flows)}
	if len(w.flows) == 0 {
		h.Answer, h.Summary = azward.No, "the public address opens no port"
	}
	h.Evidence = []azward.Evidence{r.Evidence("/properties/ipAddress/ports", h.Summary)}
	w.hop(h)
}
