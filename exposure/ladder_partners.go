package exposure

import (
	"fmt"
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
	switch w.Kind {
	case azward.AppService, azward.FunctionApp:
		ways = partnerConnections(e, w.Resource, &end)
	case azward.ContainerApp:
		v, err := estate.Decode[estate.ContainerApp](w.Resource)
		if err != nil {
			end.missing = append(end.missing, unparsed(w.Resource, err))
			break
		}
		if env, ok := e.Resource(environmentID(v)); ok {
			ways = partnerConnections(e, env, &end)
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
