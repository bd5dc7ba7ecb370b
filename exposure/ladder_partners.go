package exposure

import (
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// partners answers whether consumers of a private link that the estate does
// not hold reach a workload: approved connections from subscriptions that were
// not read. Which of them a private link service before a load balancer
// admits is not followed yet.
//
// Source: https://learn.microsoft.com/azure/private-link/private-endpoint-overview#access-to-a-private-link-resource-using-approval-workflow
func partners(e *estate.Estate, w estate.Workload) Exposure {
	end := closing{none: "no private link leads to it"}
	var ways []*way
	doubt := func(r *estate.Resource) {
		x := &way{class: PartnerPrivate, by: "private link service " + r.Name, flows: []Flow{}}
		why := "private link service " + r.Name + " stands before it, and its consumers are not followed"
		x.doubt(Hop{Resource: r.ID, Kind: "privateLinkService", Name: r.Name, Summary: why, Evidence: []azward.Evidence{r.Evidence("/properties/loadBalancerFrontendIpConfigurations", "frontends that it leads to")}},
			azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: "/properties/privateEndpointConnections", Error: why})
		ways = append(ways, x)
	}
	if leads := ledToBy(e, w); leads != nil {
		ways = linkedFronts(e, leads, &end)
	}
	switch w.Kind {
	case azward.AppService, azward.FunctionApp:
		ways = append(ways, partnerConnections(e, w.Resource, &end)...)
	case azward.ContainerApp:
		v, err := estate.Decode[estate.ContainerApp](w.Resource)
		if err != nil {
			end.missing = append(end.missing, unparsed(w.Resource, err))
			break
		}
		if env, ok := e.Resource(environmentID(v)); ok {
			ways = append(ways, partnerConnections(e, env, &end)...)
		} else {
			end.missing = append(end.missing, *unreadRef(e, environmentID(v)))
		}
	case azward.VirtualMachine, azward.VirtualMachineScaleSet:
		interfaces, missing := interfacesOf(e, w.Resource)
		end.missing = append(end.missing, missing...)
		for _, n := range interfaces {
			for _, lb := range e.Referrers(n.holder.ID, "Microsoft.Network/loadBalancers") {
				for _, r := range e.Referrers(lb.ID, "Microsoft.Network/privateLinkServices") {
					doubt(r)
				}
			}
		}
		end.absence(e.Absence("", "Microsoft.Network/privateLinkServices"))
	default:
		for _, r := range e.OfType("Microsoft.Network/privateLinkServices") {
			if w.Resource != nil && w.Resource.Cluster != "" && r.ID.Within(viewCluster(e, w.Resource.Cluster).nodeGroup()) {
				doubt(r)
			}
		}
		end.absence(e.Absence("", "Microsoft.Network/privateLinkServices"))
	}
	return settle(w.Workload, ways, end)
}

// ledToBy reports of exits of fronts whether they lead, or may lead, to a
// workload; nil where no front leads there.
func ledToBy(e *estate.Estate, w estate.Workload) func(exit) bool {
	switch {
	case w.Resource == nil || w.Kind == azward.ContainerAppJob:
		return nil
	case w.Resource.Cluster != "":
		return func(exit) bool { return true } // which pods a front leads to the rungs of the internet say
	case w.Kind != azward.VirtualMachine && w.Kind != azward.VirtualMachineScaleSet:
		t := asTarget(e, w.Resource)
		return func(x exit) bool { return t.leads(x) != azward.No }
	}
	interfaces, _ := interfacesOf(e, w.Resource)
	return func(x exit) bool {
		return x.from.anywhere || slices.ContainsFunc(interfaces, func(n *netInterface) bool {
			return x.from.inside != nil && len(n.ledTo(e, x, innerDoors(balancerDoors(e, w.Resource, n)))) > 0 ||
				x.to.address.IsValid() && publicOf(e, n).Contains(x.to.address)
		})
	}
}

// linkedFronts are the consumers of a private link of application gateways and
// of API Management that lead to a workload. What they reach behind is not
// followed.
func linkedFronts(e *estate.Estate, leads func(exit) bool, end *closing) []*way {
	end.absence(e.Absence("", gatewayType, apimType))
	var ways []*way
	seen := map[*estate.Resource]bool{}
	for _, x := range frontsOf(e).exits {
		front := x.from.r
		if front == nil || seen[front] || !hasLink(e, front) || !leads(x) {
			continue
		}
		seen[front] = true
		for _, w := range partnerConnections(e, front, end) {
			if w.answer() == azward.Yes {
				why := "consumers of the private link of " + x.what + " may reach it through that, which is not followed"
				w.doubt(Hop{Resource: front.ID, Kind: kindOf(front), Name: front.Name, Summary: why}, azward.Gap{Scope: front.ID, Kind: azward.GapUnsupported, Reads: string(PartnerPrivate), Error: why})
			}
			ways = append(ways, w)
		}
	}
	return ways
}

// hasLink reports whether a front may have consumers of a private link: an
// application gateway with a configuration for it, API Management that does
// not stand in a network.
//
// Sources: https://learn.microsoft.com/azure/application-gateway/private-link,
// https://learn.microsoft.com/azure/api-management/private-endpoint#limitations
func hasLink(e *estate.Estate, front *estate.Resource) bool {
	switch {
	case strings.EqualFold(front.Type, gatewayType):
		v, err := estate.Decode[estate.ApplicationGateway](front)
		return err != nil || len(v.Properties.PrivateLinkConfigurations) > 0
	case strings.EqualFold(front.Type, apimType):
		a, gap := apimOf(e, front)
		if gap != nil {
			return true
		}
		mode := a.v.Properties.VirtualNetworkType
		return a.secondGeneration() || !strings.EqualFold(mode, "Internal") && !strings.EqualFold(mode, "External")
	}
	return false
}

// partnerConnections are the approved private endpoint connections of a
// service whose endpoint lies in a subscription that was not read.
func partnerConnections(e *estate.Estate, r *estate.Resource, end *closing) []*way {
	const pointer = "/properties/privateEndpointConnections"
	v, err := estate.Decode[struct {
		Properties struct {
			Connections *[]struct {
				Properties struct {
					PrivateEndpoint *estate.ResourceRef `json:"privateEndpoint"`
					State           estate.LinkState    `json:"privateLinkServiceConnectionState"`
				} `json:"properties"`
			} `json:"privateEndpointConnections"`
		} `json:"properties"`
	}](r)
	switch {
	case err != nil:
		end.missing = append(end.missing, unparsed(r, err))
		return nil
	case v.Properties.Connections == nil:
		end.missing = append(end.missing, notRead(r, pointer, r.Type+"/read", "the connections of private endpoints to it were not read", "az resource show --ids "+string(r.ID)))
		return nil
	}
	end.proof = append(end.proof, r.Evidence(pointer, "connections of private endpoints"))
	var ways []*way
	for i, c := range *v.Properties.Connections {
		from := c.Properties.PrivateEndpoint
		if from != nil && containsID(e.Subscriptions(), from.ID.SubscriptionScope()) {
			continue // judged in its own network
		}
		x := &way{class: PartnerPrivate, by: "a private endpoint of others", flows: []Flow{{Protocol: "tcp", Ports: "443", Sources: []string{"private endpoint"}}}}
		h := Hop{Resource: r.ID, Kind: "privateEndpointConnection", Name: fmt.Sprintf("%s / connection %d", r.Name, i), Evidence: []azward.Evidence{r.Evidence(fmt.Sprintf("%s/%d", pointer, i), "a connection to the service")}}
		switch status := c.Properties.State.Status; {
		case status == "" || from == nil:
			h.Summary = "whose private endpoint it is, and whether it is approved, was not read"
			x.doubt(h, notRead(r, fmt.Sprintf("%s/%d", pointer, i), r.Type+"/read", h.Summary, ""))
			ways = append(ways, x)
			continue
		case strings.EqualFold(status, "Approved"):
			h.Answer, h.Summary = azward.Yes, "a private endpoint in a subscription that was not read is approved: "+from.ID.Name()
		default:
			h.Answer, h.Summary = azward.No, "the private endpoint "+from.ID.Name()+" is not approved: "+status
		}
		x.hop(h)
		ways = append(ways, x)
	}
	return ways
}
