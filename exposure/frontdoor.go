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
	profileType  = "Microsoft.Cdn/profiles"
	endpointType = "Microsoft.Cdn/profiles/afdEndpoints"
	routeType    = "Microsoft.Cdn/profiles/afdEndpoints/routes"
	groupType    = "Microsoft.Cdn/profiles/originGroups"
	originType   = "Microsoft.Cdn/profiles/originGroups/origins"
	securityType = "Microsoft.Cdn/profiles/securityPolicies"
	// frontDoorTag holds the addresses that Front Door, of all its customers,
	// sends to origins from.
	// Source: https://learn.microsoft.com/azure/frontdoor/origin-security#public-ip-address-based-origins
	frontDoorTag = "AzureFrontDoor.Backend"
)

// frontDoorExits are the origins of Front Door standard and premium.
//
// Source: https://learn.microsoft.com/azure/frontdoor/origin
func frontDoorExits(c *frontCache) []exit {
	var all []exit
	for _, r := range c.e.OfType(originType) {
		o, err := estate.Decode[estate.FrontDoorOrigin](r)
		if err != nil {
			all = append(all, misshapen(r, "origin "+r.Name, unparsed(r, err)))
			continue
		}
		d := frontDoor{e: c.e, origin: r, v: o, group: r.ID.Parent(), profile: r.ID.Parent().Parent()}
		d.from = caller{r: r, title: "Front Door " + d.profile.Name(), tag: frontDoorTag}
		if p, ok := c.e.Resource(d.profile); ok {
			if v, err := estate.Decode[estate.FrontDoorProfile](p); err == nil {
				d.from.frontDoor = v.Properties.FrontDoorID
			}
		}
		ports := netset.PortsOf(portRange(o.Properties.HTTPPort, 80), portRange(o.Properties.HTTPSPort, 443))
		x := exit{front: r, what: d.from.title, ports: ports, from: d.from, enter: func(int) []*way { return d.ways() }}
		if link := o.Properties.SharedPrivateLinkResource; link != nil && link.PrivateLink != nil && link.PrivateLink.ID != "" {
			x.from.link = link.PrivateLink.ID
			x.to = spot{id: link.PrivateLink.ID, name: strings.ToLower(o.Properties.HostName)}
			all = append(all, x)
			continue
		}
		for _, s := range originSpots(c.e, o.Properties.HostName) {
			if o.Properties.AzureOrigin != nil {
				s.id = o.Properties.AzureOrigin.ID
			}
			x.to = s
			all = append(all, x)
		}
	}
	return all
}

func originSpots(e *estate.Estate, host string) []spot {
	if a := ipOf(host); a.IsValid() {
		return []spot{{address: a}}
	}
	return placesOf(e, host)
}

func portRange(port, otherwise int) netset.PortRange {
	if port < 1 || port > 65535 {
		port = otherwise
	}
	return netset.PortRange{Lo: uint16(port), Hi: uint16(port)}
}

// frontDoor is one origin with the profile around it.
type frontDoor struct {
	e              *estate.Estate
	origin         *estate.Resource
	v              *estate.FrontDoorOrigin
	group, profile azward.ResourceID
	from           caller
}

// ways are the ways from the internet through enabled routes of enabled
// endpoints to the origin. Front Door has no addresses that a customer filters:
// its endpoints are for everyone.
func (d frontDoor) ways() []*way {
	w := &way{class: InternetAny, by: d.from.title, listens: webPorts, flows: []Flow{{Protocol: "tcp", Ports: "80,443", Sources: sourceNames(publicAddrs)}}}
	h := Hop{Resource: d.origin.ID, Kind: "origin", Name: d.profile.Name() + " / " + d.origin.Name, Answer: azward.Yes}
	if switched(w, d.origin, d.v.Properties.EnabledState) == azward.No {
		h.Answer, h.Summary = azward.No, "origin "+d.origin.Name+" is disabled"
		h.Evidence = []azward.Evidence{d.origin.Evidence("/properties/enabledState", h.Summary)}
		w.hop(h)
		return []*way{w}
	}
	if _, ok := d.e.Resource(d.profile); !ok {
		h.Summary = "Front Door " + d.profile.Name() + " was not read"
		w.doubt(h, *unreadRef(d.e, d.profile))
		return []*way{w}
	}
	if _, missing := d.e.Absence(d.profile, endpointType, routeType); len(missing) > 0 {
		h.Summary = "the endpoints or routes of Front Door " + d.profile.Name() + " were not read"
		w.doubt(h, missing[0])
		w.missing(missing[1:]...)
		return []*way{w}
	}
	var ways []*way
	var passed passedOver
	for _, endpoint := range d.e.Children(d.profile, endpointType) {
		for _, route := range d.e.Children(endpoint.ID, routeType) {
			ways = append(ways, d.routed(w.clone(), endpoint, route, &passed)...)
		}
	}
	if len(ways) > 0 {
		return ways
	}
	h.Summary = "no enabled route of Front Door " + d.profile.Name() + " leads to origin group " + d.group.Name()
	h.Evidence = append([]azward.Evidence{d.origin.Evidence("", "an origin of the group "+d.group.Name())}, passed.off...)
	if passed.override != "" {
		h.Summary = "rule sets of route " + passed.override + " may lead to origin group " + d.group.Name()
		w.doubt(h, azward.Gap{Scope: d.profile, Kind: azward.GapUnsupported, Reads: "Microsoft.Cdn/profiles/ruleSets/rules", Error: h.Summary})
		return []*way{w}
	}
	h.Answer = azward.No
	w.hop(h)
	return []*way{w}
}

// routed is the way through one route, if it leads to the origin's group.
func (d frontDoor) routed(w *way, endpoint, route *estate.Resource, passed *passedOver) []*way {
	e, errE := estate.Decode[estate.FrontDoorEndpoint](endpoint)
	v, errR := estate.Decode[estate.FrontDoorRoute](route)
	if errE != nil || errR != nil {
		w.doubt(Hop{Resource: route.ID, Kind: "route", Name: d.profile.Name() + " / " + route.Name, Summary: "the route or its endpoint has an unexpected shape"}, unparsed(route, firstError(errE, errR)))
		return []*way{w}
	}
	mine := v.Properties.OriginGroup != nil && v.Properties.OriginGroup.ID.Equal(d.group)
	for _, part := range []struct {
		of    *estate.Resource
		state string
	}{{endpoint, e.Properties.EnabledState}, {route, v.Properties.EnabledState}} {
		if switched(w, part.of, part.state) == azward.No {
			if mine {
				passed.off = append(passed.off, part.of.Evidence("/properties/enabledState", part.of.Name+" is disabled"))
			}
			return nil
		}
	}
	if !mine {
		if len(v.Properties.RuleSets) > 0 {
			passed.override = route.Name
		}
		return nil
	}
	paths := listWords(v.Properties.PatternsToMatch)
	if len(v.Properties.PatternsToMatch) == 0 {
		paths = "/*"
	}
	w.hop(Hop{
		Resource: endpoint.ID, Kind: "frontDoorEndpoint", Name: d.profile.Name() + " / " + endpoint.Name, Answer: azward.Yes,
		Summary:  "endpoint " + firstOf(e.Properties.HostName, endpoint.Name) + " is enabled and public",
		Evidence: []azward.Evidence{endpoint.Evidence("/properties/enabledState", "the endpoint is enabled")},
	})
	w.hop(Hop{
		Resource: route.ID, Kind: "route", Name: d.profile.Name() + " / " + route.Name, Answer: azward.Yes,
		Summary:  fmt.Sprintf("route %s leads %s to origin group %s", route.Name, paths, d.group.Name()),
		Evidence: []azward.Evidence{route.Evidence("/properties/originGroup", "the route's origin group"), route.Evidence("/properties/enabledState", "the route is enabled")},
	})
	w.flows = []Flow{{Protocol: "tcp", Ports: protocolPorts(v.Properties.SupportedProtocols), Sources: sourceNames(publicAddrs)}}
	d.inspected(w, endpoint.ID, v)
	d.linked(w)
	return []*way{w}
}

// passedOver is what of a Front Door does not lead to an origin.
type passedOver struct {
	override string            // a route to another group whose rule sets may lead to this one
	off      []azward.Evidence // states of routes and endpoints that are disabled
}

// switched reads an enabledState, which is Enabled where it is not said. A
// state that nobody knows is neither on nor off: it is a doubt of the way.
func switched(w *way, r *estate.Resource, state string) azward.Answer {
	switch {
	case state == "", strings.EqualFold(state, "Enabled"):
		return azward.Yes
	case strings.EqualFold(state, "Disabled"):
		return azward.No
	}
	why := fmt.Sprintf("azward does not know the state %q of %s", state, r.Name)
	w.doubt(Hop{Resource: r.ID, Kind: kindOf(r), Name: r.Name, Summary: why, Evidence: []azward.Evidence{r.Evidence("/properties/enabledState", "the state")}},
		azward.Gap{Scope: r.ID, Kind: azward.GapUnparsed, Reads: "/properties/enabledState", Error: why})
	return azward.Unknown
}

func firstError(list ...error) error {
	for _, err := range list {
		if err != nil {
			return err
		}
	}
	return nil
}

func protocolPorts(list []string) string {
	http := slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, "Http") })
	https := slices.ContainsFunc(list, func(s string) bool { return strings.EqualFold(s, "Https") })
	switch {
	case http && !https:
		return "80"
	case https && !http:
		return "443"
	}
	return "80,443"
}

// inspected appends the firewall policies that stand before the endpoint or a
// domain of the route.
func (d frontDoor) inspected(w *way, endpoint azward.ResourceID, route *estate.FrontDoorRoute) {
	for _, r := range d.e.Children(d.profile, securityType) {
		v, err := estate.Decode[estate.FrontDoorSecurityPolicy](r)
		if err != nil || v.Properties.Parameters.WAFPolicy == nil {
			continue
		}
		covers := func(id azward.ResourceID) bool {
			for _, a := range v.Properties.Parameters.Associations {
				for _, domain := range a.Domains {
					if domain.ID.Equal(id) {
						return true
					}
				}
			}
			return false
		}
		// Some domains without a policy are a way around it.
		whole := covers(endpoint) || strings.EqualFold(route.Properties.LinkToDefaultDomain, "Disabled")
		for _, domain := range route.Properties.CustomDomains {
			whole = whole && covers(domain.ID)
		}
		if whole {
			inspect(d.e, w, v.Properties.Parameters.WAFPolicy.ID)
		}
	}
}

// linked appends the private link to the origin, where there is one.
//
// Source: https://learn.microsoft.com/azure/frontdoor/private-link
func (d frontDoor) linked(w *way) {
	link := d.v.Properties.SharedPrivateLinkResource
	if link == nil || link.PrivateLink == nil || link.PrivateLink.ID == "" {
		w.hop(Hop{
			Resource: d.origin.ID, Kind: "origin", Name: d.profile.Name() + " / " + d.origin.Name, Answer: azward.Yes,
			Summary:  "origin " + d.v.Properties.HostName + ", over its public endpoint",
			Evidence: []azward.Evidence{d.origin.Evidence("/properties/hostName", "the origin's host name")},
		})
		return
	}
	w.hop(linkHop(d.origin, "/properties/sharedPrivateLinkResource", d.profile.Name()+" / "+d.origin.Name, link.Status, w))
}

// linkHop judges the state of a private link to an origin.
func linkHop(r *estate.Resource, pointer, name, status string, w *way) Hop {
	h := Hop{Resource: r.ID, Kind: "privateLink", Name: name, Evidence: []azward.Evidence{r.Evidence(pointer, "private link to the origin")}}
	switch {
	case strings.EqualFold(status, "Approved"):
		h.Answer, h.Summary = azward.Yes, "an approved private link leads to the origin"
	case status == "":
		h.Summary = "whether the private link to the origin is approved was not read"
		w.missing(notRead(r, pointer+"/status", r.Type+"/read", h.Summary, ""))
	case slices.ContainsFunc([]string{"Pending", "Rejected", "Disconnected", "Timeout"}, func(s string) bool { return strings.EqualFold(s, status) }):
		h.Answer, h.Summary = azward.No, "the private link to the origin is not approved: "+status
	default:
		h.Summary = fmt.Sprintf("azward does not know the private link state %q", status)
		w.missing(notRead(r, pointer+"/status", "", h.Summary, ""))
	}
	return h
}
