package exposure

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

const (
	readSite   = "Microsoft.Web/sites/read"
	readConfig = "Microsoft.Web/sites/config/read"
)

// reachSite answers for a web app, a function app or a slot: the default
// entry point, its access restrictions, and what stands in front. It is about
// the main site; [SCMSite] answers for the advanced tools site.
//
// Source: https://learn.microsoft.com/azure/app-service/overview-access-restrictions
func reachSite(e *estate.Estate, w estate.Workload) reached {
	end := closing{none: "no front service that azward knows leads to the site"}
	v, err := estate.Decode[estate.Site](w.Resource)
	if err != nil {
		end.missing = append(end.missing, unparsed(w.Resource, err))
		return reached{nil, end}
	}
	ways := []*way{siteWay(e, w.Resource, v, false)}
	if ways[0].answer() != azward.Yes || ways[0].class != InternetAny {
		ways = append(ways, fronts(e, asTarget(e, w.Resource), &end)...)
		if list := v.Properties.PrivateEndpointConnections; list == nil || len(*list) > 0 {
			end.absence(e.Absence("", "Microsoft.Network/privateEndpoints")) // a gateway may name one
		}
	}
	return reached{ways, end}
}

// SCMSite answers who reaches the advanced tools site (Kudu) of a web app: a
// way to its files and its deployment for everyone who can sign in there.
func SCMSite(e *estate.Estate, r *estate.Resource) Exposure {
	w := azward.Workload{ID: r.ID, Kind: azward.AppService, Name: r.Name}
	v, err := estate.Decode[estate.Site](r)
	if err != nil {
		return settle(w, nil, closing{missing: []azward.Gap{unparsed(r, err)}})
	}
	scm := siteWay(e, r, v, true)
	scm.narrow(Authenticated)
	return settle(w, []*way{scm}, closing{})
}

// siteWay is the path through the default entry point.
func siteWay(e *estate.Estate, r *estate.Resource, v *estate.Site, scm bool) *way {
	w := &way{by: "the site's default host name", exact: true}
	siteEntry(e, r, v, w)
	siteRestrictions(e, r, v, w, scm)
	if !scm {
		siteSignIn(e, r, v, w)
	}
	return w
}

func siteHop(r *estate.Resource) Hop { return Hop{Resource: r.ID, Kind: "site", Name: r.Name} }

// siteEntry answers whether the default entry point is public at all.
func siteEntry(e *estate.Estate, r *estate.Resource, v *estate.Site, w *way) {
	h := siteHop(r)
	if p := v.Properties.HostingEnvironmentProfile; p != nil && p.ID != "" {
		siteEnvironment(e, azward.ResourceID(p.ID), w)
	} else if absent(r, "/properties/hostingEnvironmentProfile") && v.Properties.DefaultHostName == "" {
		// A body without its host name is a part of the answer: what else it
		// lacks says nothing.
		h.Summary = "whether the site lives in an App Service Environment was not read"
		w.doubt(h, notRead(r, "/properties/hostingEnvironmentProfile", readSite, h.Summary, "az webapp show --ids "+string(r.ID)))
		return
	}
	const pointer = "/properties/publicNetworkAccess"
	switch access := v.Properties.PublicNetworkAccess; {
	case access != nil && strings.EqualFold(*access, "Enabled"):
		h.Answer, h.Summary = azward.Yes, "public network access is enabled"
		h.Evidence = []azward.Evidence{r.Evidence(pointer, h.Summary)}
	case access != nil && strings.EqualFold(*access, "Disabled"):
		h.Answer, h.Summary = azward.No, "public network access is disabled"
		h.Evidence = []azward.Evidence{r.Evidence(pointer, h.Summary)}
	case access != nil && *access != "":
		h.Summary = fmt.Sprintf("publicNetworkAccess has a value that azward does not know, %q", *access)
		w.doubt(h, notRead(r, pointer, "", h.Summary, ""))
		return
	default:
		siteUnset(e, r, v, h, w)
		return
	}
	w.hop(h)
}

// siteUnset is the documented default of publicNetworkAccess: enabled unless a
// private endpoint exists. Whether one does is told by the site itself, else
// by a complete listing of private endpoints.
func siteUnset(e *estate.Estate, r *estate.Resource, v *estate.Site, h Hop, w *way) {
	const pointer = "/properties/publicNetworkAccess"
	if absent(r, pointer) {
		h.Summary = "whether public network access is disabled was not read"
		w.doubt(h, notRead(r, pointer, readSite, "the answer that was read does not hold this property", "az webapp show --ids "+string(r.ID)))
		return
	}
	h.Evidence = []azward.Evidence{documented(r, pointer, "never set: enabled unless a private endpoint exists")}
	const connections = "/properties/privateEndpointConnections"
	if list := v.Properties.PrivateEndpointConnections; list != nil {
		h.Answer, h.Summary = azward.Yes, "public network access was never set and there is no private endpoint, so it is enabled"
		if len(*list) > 0 {
			h.Answer, h.Summary = azward.No, "public network access was never set and there is a private endpoint, so it is disabled"
		}
		h.Evidence = append(h.Evidence, r.Evidence(connections, "the site's private endpoint connections"))
		w.hop(h)
		return
	}
	for _, pe := range e.Referrers(r.ID, "Microsoft.Network/privateEndpoints") {
		h.Summary = "public network access was never set, and whether the private endpoint " + pe.Name + " is approved was not read"
		w.doubt(h, notRead(r, connections, readSite, h.Summary, "az webapp show --ids "+string(r.ID)))
		return
	}
	proof, missing := e.Absence("", "Microsoft.Network/privateEndpoints")
	if len(missing) > 0 {
		h.Summary = "public network access was never set, and whether a private endpoint exists was not read"
		h.Answer = azward.Unknown
		w.hop(h)
		w.missing(missing...)
		return
	}
	h.Answer, h.Summary = azward.Yes, "public network access was never set and there is no private endpoint, so it is enabled"
	h.Evidence = append(h.Evidence, proof...)
	w.hop(h)
}

// siteEnvironment: in an App Service Environment with an internal load
// balancer the default entry point is internal, whatever the site says.
// Source: https://learn.microsoft.com/azure/app-service/environment/networking
func siteEnvironment(e *estate.Estate, id azward.ResourceID, w *way) {
	const pointer = "/properties/internalLoadBalancingMode"
	h := Hop{Resource: id, Kind: "hostingEnvironment", Name: id.Name()}
	r, ok := e.Resource(id)
	if !ok {
		h.Summary = "the site lives in App Service Environment " + id.Name() + ", which was not read"
		w.doubt(h, azward.Gap{
			Scope: id, Kind: azward.GapNotRead, Reads: "Microsoft.Web/hostingEnvironments", Needs: "Microsoft.Web/hostingEnvironments/read",
			Error: "whether its load balancer is internal is not known",
		})
		return
	}
	mode := ""
	if raw, ok := r.At(pointer); ok {
		mode = strings.Trim(string(raw), `"`)
	}
	switch strings.ToLower(mode) {
	case "none", "0":
		h.Answer, h.Summary = azward.Yes, "App Service Environment "+r.Name+" has an external load balancer"
	case "", "null":
		h.Summary = "whether the load balancer of App Service Environment " + r.Name + " is internal was not read"
		w.doubt(h, notRead(r, pointer, "Microsoft.Web/hostingEnvironments/read", h.Summary, ""))
		return
	default:
		h.Answer, h.Summary = azward.No, "App Service Environment "+r.Name+" has an internal entry point"
		if m := strings.ReplaceAll(strings.ToLower(mode), " ", ""); m != "web" && m != "publishing" && m != "web,publishing" && m != "1" && m != "2" && m != "3" {
			h.Answer = azward.Unknown
			h.Summary = "azward does not know the load balancing mode " + mode
			w.missing(notRead(r, pointer, "", h.Summary, ""))
		}
	}
	h.Evidence = []azward.Evidence{r.Evidence(pointer, h.Summary)}
	w.hop(h)
}

// siteRestrictions evaluates the access restrictions of the main or the scm site.
func siteRestrictions(e *estate.Estate, r *estate.Resource, v *estate.Site, w *way, scm bool) {
	ports := "80,443"
	if only := v.Properties.HTTPSOnly; only != nil && *only {
		ports = "443" // port 80 answers with a redirect alone
	}
	w.flows = []Flow{{Protocol: "tcp", Ports: ports, Sources: sourceNames(publicAddrs)}}
	l, h, ok := siteRules(e, r, v, w, scm)
	if ok {
		l.filter(w, h, "tcp", ports)
	}
}

// siteRules reads the restrictions as rules; false where they were not read,
// which the way then says.
func siteRules(e *estate.Estate, r *estate.Resource, v *estate.Site, w *way, scm bool) (l sourceList, h Hop, ok bool) {
	source, base, c := siteConfig(e, r, v)
	h = Hop{Resource: r.ID, Kind: "accessRestrictions", Name: r.Name + " / access restrictions"}
	if c == nil {
		h.Summary = "the site's access restrictions were not read"
		w.doubt(h, notRead(r, "/properties/siteConfig/ipSecurityRestrictions", readConfig,
			"a list of sites leaves them out; the record config/web has them", "az webapp config access-restriction show --ids "+string(r.ID)))
		return l, h, false
	}
	list, action, name := c.IPSecurityRestrictions, c.IPSecurityRestrictionsDefaultAction, "/ipSecurityRestrictions"
	if scm {
		h.Name = r.Name + " / scm access restrictions"
		switch {
		case c.SCMIPSecurityRestrictionsUseMain == nil:
			h.Summary = "whether the scm site uses the main site's restrictions was not read"
			w.doubt(h, notRead(source, base+"/scmIpSecurityRestrictionsUseMain", readConfig, h.Summary, ""))
			return l, h, false
		case !*c.SCMIPSecurityRestrictionsUseMain:
			list, action, name = c.SCMIPSecurityRestrictions, c.SCMIPSecurityRestrictionsDefaultAction, "/scmIpSecurityRestrictions"
		}
	}
	h.Resource = source.ID
	if list == nil {
		h.Summary = "the site's access restrictions were not read"
		w.doubt(h, notRead(source, base+name, readConfig, h.Summary, "az webapp config access-restriction show --ids "+string(r.ID)))
		return l, h, false
	}
	l.restrictions(e, source, base+name, *list)
	l.siteDefault(source, base+name+"DefaultAction", len(*list), action)
	return l, h, true
}

// siteConfig returns the restrictions with the resource and pointer where
// they stand; nil when nothing that was read holds them.
func siteConfig(e *estate.Estate, r *estate.Resource, v *estate.Site) (*estate.Resource, string, *estate.SiteConfig) {
	if record, ok := e.Resource(r.ID.Child("config", "web")); ok {
		if c, err := estate.Decode[estate.SiteConfigRecord](record); err == nil {
			return record, "/properties", &c.Properties
		}
		return nil, "", nil
	}
	if c := v.Properties.SiteConfig; c != nil && c.IPSecurityRestrictions != nil {
		return r, "/properties/siteConfig", c
	}
	return nil, "", nil
}

// restrictions turns rules into source rules in their order: by priority, and
// among equals as Azure returned them.
func (l *sourceList) restrictions(e *estate.Estate, r *estate.Resource, pointer string, list []estate.AccessRestriction) {
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(restrictionPriority(list[a]), restrictionPriority(list[b])) })
	for _, i := range order {
		l.rules = append(l.rules, restriction(e, r, pointer+"/"+strconv.Itoa(i), list[i]))
	}
}

// A rule without a priority comes last: Azure shows the unmatched rule there.
func restrictionPriority(a estate.AccessRestriction) int {
	if a.Priority == nil {
		return int(^uint32(0) >> 1)
	}
	return *a.Priority
}

func restriction(e *estate.Estate, r *estate.Resource, pointer string, a estate.AccessRestriction) sourceRule {
	rule := sourceRule{access: restrictionAccess(a.Action)}
	rule.evidence = r.Evidence(pointer, fmt.Sprintf("rule %q: %s %s", a.Name, strings.ToLower(cmp.Or(a.Action, "Allow")), cmp.Or(a.IPAddress, a.SubnetID)))
	if rule.access == netset.Unclear {
		rule.gap = azward.Gap{Scope: r.ID, Kind: azward.GapUnparsed, Reads: pointer + "/action", Error: fmt.Sprintf("azward does not know the action %q", a.Action)}
	}
	unsure := func(cause string) {
		rule.sources, rule.maybe = netset.Addrs{}, netset.AllAddrs()
		rule.gap = azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: pointer, Error: cause}
	}
	switch tag := strings.ToLower(a.Tag); {
	case tag == "servicetag":
		said := rule
		rule = tagRule(e, r, a.IPAddress, pointer, rule.evidence)
		if rule.access = said.access; rule.access == netset.Unclear {
			rule.gap = said.gap
		}
	case tag != "" && tag != "default":
		unsure(fmt.Sprintf("azward does not know rules with the tag %s", a.Tag))
	case a.SubnetID != "", len(a.TrafficTags) > 0:
		rule.subnet = azward.ResourceID(cmp.Or(a.SubnetID, "*"))
		return rule // matches callers inside a virtual network, none from the internet
	case strings.EqualFold(a.IPAddress, "Any"):
		rule.sources = netset.AllAddrs()
	case a.SubnetMask != "":
		unsure("azward does not read rules with a subnet mask")
	case a.IPAddress == "":
		unsure("the rule names no source")
	default:
		prefixRule(&rule, a.IPAddress, r, pointer+"/ipAddress")
	}
	if len(a.Headers) > 0 { // a client writes its own headers, if it knows the value
		rule.tag = ""
		rule.maybe, rule.sources = rule.maybe.Union(rule.sources), netset.Addrs{}
		rule.gap = azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: pointer + "/headers", Error: "the rule holds only for requests with certain headers"}
	}
	return rule
}

func restrictionAccess(action string) netset.Access {
	switch strings.ToLower(action) {
	case "", "allow":
		return netset.Allow
	case "deny":
		return netset.Deny
	}
	return netset.Unclear
}

// siteDefault is what holds for sources that no rule matches; null allows
// without rules and denies with.
func (l *sourceList) siteDefault(r *estate.Resource, pointer string, rules int, action *string) {
	l.evidence = r.Evidence(pointer, "what holds where no rule matches")
	switch {
	case action != nil && strings.EqualFold(*action, "Allow"):
		l.otherwise = azward.Yes
	case action != nil && strings.EqualFold(*action, "Deny"):
		l.otherwise = azward.No
	case action != nil && *action != "":
		l.gap = notRead(r, pointer, "", fmt.Sprintf("azward does not know the default action %q", *action), "")
	default:
		if absent(r, pointer) {
			l.gap = notRead(r, pointer, readConfig, "the answer that was read does not hold the default action", "read the site's configuration with a recent API version")
			return
		}
		l.evidence = documented(r, pointer, "never set: deny where there are rules, else allow")
		l.otherwise = azward.Yes
		if rules > 0 {
			l.otherwise = azward.No
		}
	}
}

// siteSignIn narrows the class where every request must carry an identity.
// What was not read does not narrow.
func siteSignIn(e *estate.Estate, r *estate.Resource, v *estate.Site, w *way) {
	p := v.Properties
	if p.ClientCertEnabled != nil && *p.ClientCertEnabled && strings.EqualFold(p.ClientCertMode, "Required") && p.ClientCertExclusionPaths == "" {
		w.narrow(Authenticated)
		h := siteHop(r)
		h.Answer, h.Summary = azward.Yes, "asks every client for a certificate"
		h.Evidence = []azward.Evidence{r.Evidence("/properties/clientCertMode", h.Summary)}
		w.hop(h)
	}
	record, ok := e.Resource(r.ID.Child("config", "authsettingsV2"))
	if !ok {
		return
	}
	a, err := estate.Decode[estate.SiteAuth](record)
	if err != nil {
		return
	}
	g := a.Properties.GlobalValidation
	on := a.Properties.Platform.Enabled != nil && *a.Properties.Platform.Enabled
	required := g.RequireAuthentication != nil && *g.RequireAuthentication
	if !on || !required || len(g.ExcludedPaths) > 0 || g.UnauthenticatedClientAction == "" || strings.EqualFold(g.UnauthenticatedClientAction, "AllowAnonymous") {
		return
	}
	w.narrow(Authenticated)
	w.hop(Hop{
		Resource: record.ID, Kind: "authentication", Name: r.Name + " / authentication", Answer: azward.Yes,
		Summary:  "lets signed-in users through",
		Evidence: []azward.Evidence{record.Evidence("/properties/globalValidation", "requires authentication for every path")},
	})
}
