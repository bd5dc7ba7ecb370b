package exposure

import (
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// Parts of resources that one setting turns, by the pointer that a hop cites.
var (
	groupRulePointer   = regexp.MustCompile(`^(/properties/securityRules/\d+)/properties$`)
	listedRulePointer  = regexp.MustCompile(`^(/properties/(?:loadBalancingRules|inboundNatRules|requestRoutingRules|routingRules|urlPathMaps/\d+/properties/pathRules)/\d+)/properties$`)
	restrictionPointer = regexp.MustCompile(`^(.*/ipSecurityRestrictions)/\d+$`)
	addressListPointer = regexp.MustCompile(`^(/properties/(?:.*/)?ipRules)/\d+$`)
	natRulePointer     = regexp.MustCompile(`^/properties/(?:natRuleCollections/\d+/properties/rules|ruleCollections/\d+/rules)/\d+$`)
)

const (
	switchPointer = "/properties/publicNetworkAccess"
	// Of flexible servers the switch stands with the network, and the firewall
	// of a data service says what holds for those whom no rule names.
	networkSwitch = "/properties/network/publicNetworkAccess"
	defaultAction = "/defaultAction"
)

// closers are single settings of the hops of an open path, each of which may
// close it: the nearest to the workload last.
func closers(e *estate.Estate, path []Hop) []Setting {
	var all []Setting
	for _, h := range path {
		for _, ev := range h.Evidence {
			all = append(all, closer(e, h, ev.Resource, ev.Property)...)
		}
		switch h.Kind {
		case "Ingress", "HTTPRoute", "GRPCRoute", "TLSRoute", "TCPRoute":
			all = append(all, setting(e, h.Resource, "", nil, "delete "+h.Kind+" "+h.Name)...)
		case "Service":
			all = append(all, setting(e, h.Resource, "/spec/type", "ClusterIP", "Service "+h.Name+" is of type ClusterIP")...)
		case "publicIPAddress":
			all = append(all, detached(e, h)...)
		}
	}
	return once(all)
}

// once keeps the first of settings that change the same property.
func once(list []Setting) []Setting {
	var kept []Setting
	for _, s := range list {
		if !slices.ContainsFunc(kept, func(o Setting) bool { return sameSettings([]Setting{o}, []Setting{s}) }) {
			kept = append(kept, s)
		}
	}
	return kept
}

func closer(e *estate.Estate, h Hop, id azward.ResourceID, property string) []Setting {
	name := id.Name()
	switch m := groupRulePointer.FindStringSubmatch(property); {
	case m != nil:
		return setting(e, id, m[1]+"/properties/access", "Deny", "rule "+nameAt(e, id, m[1])+" of "+name+" denies")
	case listedRulePointer.MatchString(property):
		at := listedRulePointer.FindStringSubmatch(property)[1]
		if h.Kind == "frontDoor" {
			return setting(e, id, at+"/properties/enabledState", "Disabled", "rule "+nameAt(e, id, at)+" of "+name+" is disabled")
		}
		return setting(e, id, at, nil, "remove rule "+nameAt(e, id, at)+" from "+name)
	case natRulePointer.MatchString(property):
		return setting(e, id, property, nil, "remove NAT rule "+nameAt(e, id, property)+" from "+name)
	case restrictionPointer.MatchString(property):
		list := restrictionPointer.FindStringSubmatch(property)[1]
		return setting(e, id, list, []map[string]any{{"name": "deny-all", "priority": 1, "action": "Deny", "ipAddress": "Any"}}, "the access restrictions deny all")
	}
	switch {
	case addressListPointer.MatchString(property):
		list := addressListPointer.FindStringSubmatch(property)[1]
		return setting(e, id, list, []any{}, "the firewall of "+name+" has no rule for addresses")
	case h.Kind == "firewallRules" && strings.HasSuffix(strings.ToLower(id.Type()), "/firewallrules"):
		return setting(e, id, "", nil, "delete firewall rule "+name)
	case strings.HasSuffix(property, defaultAction):
		return setting(e, id, property, "Deny", "the firewall of "+name+" denies by default")
	case property == networkSwitch:
		return setting(e, id, property, "Disabled", "public network access to "+name+" is disabled")
	case strings.HasSuffix(property, "ipSecurityRestrictionsDefaultAction"):
		return setting(e, id, property, "Deny", "the access restrictions of "+name+" deny by default")
	case property == switchPointer && h.Kind != "managedEnvironment", h.Kind == "apiManagement":
		return setting(e, id, switchPointer, "Disabled", "public network access to "+name+" is disabled")
	case property == switchPointer:
		return setting(e, id, property, "Disabled", "public network access to environment "+name+" is disabled")
	case property == "/properties/configuration/ingress/external":
		return setting(e, id, property, false, "the ingress of "+name+" serves its own environment alone")
	case property == "/properties/enabledState":
		return setting(e, id, property, "Disabled", h.Kind+" "+name+" is disabled")
	case property == "/properties/ipAddress/type":
		return setting(e, id, property, "Private", "the address of "+name+" is private")
	case strings.HasPrefix(property, "/properties/sharedPrivateLinkResource"):
		return setting(e, id, "/properties/sharedPrivateLinkResource/status", "Rejected", "the private link of "+name+" is rejected")
	}
	return nil
}

// detached takes a public address away from the interface that has it.
func detached(e *estate.Estate, h Hop) []Setting {
	for _, r := range e.Referrers(h.Resource, "Microsoft.Network/networkInterfaces") {
		v, err := estate.Decode[estate.NetworkInterface](r)
		if err != nil {
			continue
		}
		for i, c := range v.Properties.IPConfigurations {
			if ref := c.Properties.PublicIPAddress; ref != nil && ref.ID.Equal(h.Resource) {
				return setting(e, r.ID, ipConfigurationPointer(i)+"/properties/publicIPAddress", nil, "network interface "+r.Name+" has no public address")
			}
		}
	}
	return nil
}

func ipConfigurationPointer(i int) string { return "/properties/ipConfigurations/" + strconv.Itoa(i) }

// openers are single settings that may let a flow on at the hop that blocks it.
func openers(e *estate.Estate, h Hop) []Setting {
	var all []Setting
	for _, ev := range h.Evidence {
		all = append(all, opener(e, h, ev.Resource, ev.Property)...)
	}
	if h.Kind == "origin" && len(all) == 0 {
		all = append(all, routesOn(e, h.Resource)...)
	}
	return once(all)
}

func opener(e *estate.Estate, h Hop, id azward.ResourceID, property string) []Setting {
	name := id.Name()
	if m := groupRulePointer.FindStringSubmatch(property); m != nil {
		return setting(e, id, m[1]+"/properties/access", "Allow", "rule "+nameAt(e, id, m[1])+" of "+name+" allows")
	}
	switch {
	case h.Kind == "networkSecurityGroup":
		return setting(e, id, "/properties/securityRules/-", map[string]any{"name": "allow-in", "properties": map[string]any{
			"priority": firstPriority(e, id), "direction": "Inbound", "access": "Allow", "protocol": "*", "sourceAddressPrefix": "*", "sourcePortRange": "*",
			"destinationAddressPrefix": "*", "destinationPortRange": "*",
		}}, name+" has a rule that lets everything in")
	case h.Kind == "NetworkPolicy" && isPolicy(azward.Evidence{Resource: id}):
		return setting(e, id, "", nil, "delete network policy "+name)
	case strings.HasSuffix(property, defaultAction):
		return setting(e, id, property, "Allow", "the firewall of "+name+" allows by default")
	case property == switchPointer, property == networkSwitch:
		return setting(e, id, property, "Enabled", "public network access to "+name+" is enabled")
	case property == "/properties/virtualNetworkType":
		return setting(e, id, property, "External", name+" stands in its network in external mode")
	case strings.HasSuffix(property, "ipSecurityRestrictionsDefaultAction"):
		return setting(e, id, property, "Allow", "the access restrictions of "+name+" allow by default")
	case restrictionPointer.MatchString(property):
		return setting(e, id, property+"/action", "Allow", "the access restriction "+nameAt(e, id, property)+" of "+name+" allows")
	case property == "/properties/configuration/ingress/external":
		return setting(e, id, property, true, "the ingress of "+name+" is external")
	case property == "/properties/vnetConfiguration/internal":
		return setting(e, id, property, false, "environment "+name+" has a public endpoint")
	case property == "/properties/ipAddress/type":
		return setting(e, id, property, "Public", "the address of "+name+" is public")
	case property == "/properties/enabledState" && !id.Equal(h.Resource):
		return nil // a route or endpoint that is passed over: see routesOn
	case property == "/properties/enabledState":
		return setting(e, id, property, "Enabled", h.Kind+" "+name+" is enabled")
	case property == "/properties/sharedPrivateLinkResource":
		return setting(e, id, property+"/status", "Approved", "the private link of "+name+" is approved")
	}
	return nil
}

// routesOn enables what leads to an origin's group.
func routesOn(e *estate.Estate, origin azward.ResourceID) []Setting {
	group := origin.Parent()
	for _, endpoint := range e.Children(group.Parent(), endpointType) {
		for _, r := range e.Children(endpoint.ID, routeType) {
			v, err := estate.Decode[estate.FrontDoorRoute](r)
			if err != nil || v.Properties.OriginGroup == nil || !v.Properties.OriginGroup.ID.Equal(group) {
				continue
			}
			return append(setting(e, r.ID, "/properties/enabledState", "Enabled", "route "+r.Name+" is enabled"),
				setting(e, endpoint.ID, "/properties/enabledState", "Enabled", "endpoint "+endpoint.Name+" is enabled")...)
		}
	}
	return nil
}

// firstPriority is the lowest number that no inbound rule of a group has.
func firstPriority(e *estate.Estate, group azward.ResourceID) int {
	const lowest, highest = 100, 4096 // what ARM takes
	taken := map[int]bool{}
	if r, ok := e.Resource(group); ok {
		if v, err := estate.Decode[estate.NetworkSecurityGroup](r); err == nil {
			for _, rule := range v.Properties.SecurityRules {
				taken[rule.Properties.Priority] = true
			}
		}
	}
	for p := lowest; p < highest; p++ {
		if !taken[p] {
			return p
		}
	}
	return highest
}
