package exposure

import (
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

const privateEndpointType = "Microsoft.Network/privateEndpoints"

// byEndpoint goes through a private endpoint: past the service's own firewall,
// and past security groups unless the subnet says otherwise.
//
// Source: https://learn.microsoft.com/azure/private-link/private-endpoint-overview
func (q Question) byEndpoint(e *estate.Estate, n *netInterface, r, pe *estate.Resource) []*way {
	w, v, ok := openEndpoint(e, r, pe, func() *way {
		w := &way{by: "private endpoint " + pe.Name}
		q.inNetwork(w, n)
		return w
	})
	if !ok {
		return []*way{w}
	}
	approved, _ := approval(pe, v, r.ID)
	var ways []*way
	for _, target := range endpointInterfaces(e, v) {
		for _, out := range q.filterWays(e, n, outbound, target.own, netset.TCP) {
			out.by = w.by
			q.inNetwork(out, n)
			n.towardEndpoint(e, out, target, flow{n.own, target.own, netset.TCP, uint16(q.Port)})
			for _, in := range q.endpointFilters(e, n, target, pe) {
				one := out.clone()
				one.extend(in.hops...)
				one.missing(in.gaps...)
				one.hop(approved)
				ways = append(ways, one)
			}
		}
	}
	return ways
}

// approval says whether the service's owner let the endpoint in.
func approval(pe *estate.Resource, v *estate.PrivateEndpoint, to azward.ResourceID) (h Hop, gap *azward.Gap) {
	h = Hop{Resource: pe.ID, Kind: "privateEndpoint", Name: pe.Name}
	lists := map[string][]estate.PrivateLinkConnection{
		"privateLinkServiceConnections": v.Properties.Connections, "manualPrivateLinkServiceConnections": v.Properties.ManualConnections,
	}
	for _, name := range []string{"privateLinkServiceConnections", "manualPrivateLinkServiceConnections"} {
		for i, c := range lists[name] {
			if !c.Properties.PrivateLinkServiceID.Equal(to) && !c.Properties.PrivateLinkServiceID.Within(to) {
				continue
			}
			pointer := fmt.Sprintf("/properties/%s/%d/properties/privateLinkServiceConnectionState", name, i)
			switch status := c.Properties.State.Status; {
			case strings.EqualFold(status, "Approved"):
				h.Answer, h.Summary = azward.Yes, "private endpoint "+pe.Name+" leads to "+to.Name()+", whose owner approved it"
			case status == "":
				h.Summary = "whether private endpoint " + pe.Name + " is approved was not read"
				return h, &azward.Gap{Scope: pe.ID, Kind: azward.GapNotRead, Reads: pointer, Needs: "Microsoft.Network/privateEndpoints/read", Error: h.Summary}
			default:
				h.Answer, h.Summary = azward.No, "private endpoint "+pe.Name+" is "+strings.ToLower(status)+", not approved"
			}
			h.Evidence = []azward.Evidence{pe.Evidence(pointer, h.Summary)}
			return h, nil
		}
	}
	h.Summary = "private endpoint " + pe.Name + " names " + to.Name() + " in a way that azward does not know"
	return h, &azward.Gap{Scope: pe.ID, Kind: azward.GapUnsupported, Reads: "/properties", Error: h.Summary}
}

// endpointInterfaces are the ip configurations of a private endpoint.
func endpointInterfaces(e *estate.Estate, v *estate.PrivateEndpoint) []*netInterface {
	var all []*netInterface
	for _, ref := range v.Properties.NetworkInterfaces {
		if r, ok := e.Resource(ref.ID); ok {
			all = append(all, interfacesOfNIC(e, r)...)
		}
	}
	return slices.DeleteFunc(all, func(n *netInterface) bool { return n.conf.Properties.PrivateIPAddress == "" })
}

// policies says whether security groups and routes hold for private endpoints
// of the subnet. Without the property they may or may not: older versions of
// the API had the other default.
//
// Source: https://learn.microsoft.com/azure/private-link/disable-private-endpoint-network-policy
func (n *netInterface) policies() (groups, routes azward.Answer) {
	if n.subnet == nil {
		return azward.Unknown, azward.Unknown
	}
	switch strings.ToLower(n.subnet.Properties.PrivateEndpointNetworkPolicies) {
	case "disabled":
		return azward.No, azward.No
	case "enabled":
		return azward.Yes, azward.Yes
	case "networksecuritygroupenabled":
		return azward.Yes, azward.No
	case "routetableenabled":
		return azward.No, azward.Yes
	}
	return azward.Unknown, azward.Unknown
}

// endpointFilters are the filters before a private endpoint. Security admin
// rules do not apply to private endpoints.
//
// Source: https://learn.microsoft.com/azure/virtual-network-manager/concept-security-admins#limitations
func (q Question) endpointFilters(e *estate.Estate, n, target *netInterface, pe *estate.Resource) []*way {
	groups, _ := target.policies()
	if h, open := target.endpointOpen(e, pe, groups); open {
		w := &way{}
		w.hop(h)
		return []*way{w}
	}
	ways := q.filterWays(e, target.unruled(), inbound, n.own, netset.TCP)
	if groups == azward.Unknown {
		for _, w := range ways {
			target.perhapsFiltered(w)
		}
	}
	return ways
}

// endpointOpen reports that no filter holds for a private endpoint here.
func (n *netInterface) endpointOpen(e *estate.Estate, pe *estate.Resource, groups azward.Answer) (Hop, bool) {
	none := n.subnetGroup.none() && n.nicGroup.none()
	if !none && groups != azward.No {
		return Hop{}, false
	}
	h := Hop{Resource: n.subnetID, Kind: "subnet", Name: n.subnetID.Name(), Answer: azward.Yes, Summary: "security groups do not hold for private endpoints in subnet " + n.subnetID.Name()}
	if groups != azward.No {
		h.Summary = "no security group stands before private endpoint " + pe.Name
	}
	if network, ok := e.Resource(n.vnetID); ok {
		h.Evidence = []azward.Evidence{network.Evidence(n.subnetPointer(network), h.Summary)}
	}
	return h, true
}

// unruled is the interface without security admin rules, which are of its
// network.
func (n *netInterface) unruled() *netInterface {
	return &netInterface{
		holder: n.holder, pointer: n.pointer, conf: n.conf, own: n.own, groups: n.groups, subnetGroup: n.subnetGroup, nicGroup: n.nicGroup,
		subnet: n.subnet, subnetID: n.subnetID, vnet: n.vnet, beyond: n.beyond, beyondWhy: n.beyondWhy,
	}
}

// perhapsFiltered doubts what the filters before a private endpoint said,
// where it is not known whether they hold: what they let in gets in either way.
func (n *netInterface) perhapsFiltered(w *way) {
	if w.answer() == azward.Yes {
		return
	}
	why := "whether security groups hold for private endpoints in subnet " + n.subnetID.Name() + " was not read"
	h := w.hops[len(w.hops)-1]
	h.Summary = why + "; if they do: " + h.Summary
	w.hops = w.hops[:len(w.hops)-1]
	w.doubt(h, azward.Gap{Scope: n.subnetID, Kind: azward.GapNotRead, Reads: "/properties/privateEndpointNetworkPolicies", Needs: "Microsoft.Network/virtualNetworks/read", Error: why})
}

// towardEndpoint appends the route to a private endpoint: the /32 that it
// makes in its network and in peered ones, which only routes at least as wide
// as the network's space, on a subnet that lets them, replace.
//
// Source: https://learn.microsoft.com/azure/private-link/disable-private-endpoint-network-policy
func (n *netInterface) towardEndpoint(e *estate.Estate, w *way, target *netInterface, x flow) {
	_, routes := target.policies()
	near := n.vnetID.Equal(target.vnetID) || target.peers(e, n.vnetID) && n.peers(e, target.vnetID)
	parts := n.routes(e).Split(x.to)
	user := slices.ContainsFunc(parts, func(p Routed) bool { return p.Route != nil && p.Route.Source == RouteUser && p.Route.Prefix.Bits() > 0 })
	switch {
	case near && (!user || routes == azward.No):
		w.hop(Hop{
			Resource: target.holder.ID, Kind: "privateEndpoint", Name: target.holder.Name, Answer: azward.Yes, Summary: "the private endpoint's own route leads there",
			Evidence: []azward.Evidence{target.holder.Evidence(target.pointer+"/properties/privateIPAddress", "the address of a private endpoint")},
		})
	case near && routes == azward.Unknown:
		h := n.routeHop(e, parts[0])
		h.Summary = "whether routes of the user hold for this private endpoint was not read"
		w.doubt(h, azward.Gap{Scope: target.subnetID, Kind: azward.GapNotRead, Reads: "/properties/privateEndpointNetworkPolicies", Error: h.Summary})
	default:
		n.follow(e, w, parts, x)
	}
}
