package exposure

import (
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// Types whose containers share a Container Apps environment.
const (
	appType = "Microsoft.App/containerApps"
	jobType = "Microsoft.App/jobs"
)

// sameEnvironment answers whether another app or job of a container app's
// environment reaches it: by its ingress, external or not.
//
// Source: https://learn.microsoft.com/azure/container-apps/connect-apps
func sameEnvironment(e *estate.Estate, w estate.Workload) Exposure {
	const pointer = "/properties/configuration/ingress"
	r := w.Resource
	v, err := estate.Decode[estate.ContainerApp](r)
	if err != nil {
		return settle(w.Workload, nil, closing{missing: []azward.Gap{unparsed(r, err)}})
	}
	x := &way{class: SameCluster, by: "its environment", flows: []Flow{}}
	h := Hop{Resource: r.ID, Kind: "ingress", Name: r.Name + " / ingress", Evidence: []azward.Evidence{r.Evidence(pointer, "the app's ingress")}}
	c := v.Properties.Configuration
	switch {
	case c == nil || c.Ingress == nil && absent(r, pointer):
		h.Summary = "the app's ingress was not read"
		x.doubt(h, notRead(r, pointer, "Microsoft.App/containerApps/read", h.Summary, "az containerapp show --ids "+string(r.ID)))
		return settle(w.Workload, []*way{x}, closing{})
	case c.Ingress == nil:
		h.Answer, h.Summary = azward.No, "the app has no ingress"
		x.hop(h)
		return settle(w.Workload, []*way{x}, closing{})
	}
	end := closing{none: "no other app or job stands in its environment"}
	from := neighbourOf(e, r, environmentID(v), &end)
	if from == nil {
		end.absence(e.Absence("", appType, jobType))
		return settle(w.Workload, nil, end)
	}
	x.flows = []Flow{{Protocol: "tcp", Ports: appPorts(c.Ingress), Sources: []string{from.Name}}}
	x.hop(Hop{
		Resource: from.ID, Kind: kindOf(from), Name: from.Name, Answer: azward.Yes, Summary: "sends it in the same environment",
		Evidence: []azward.Evidence{from.Evidence("/properties", "its environment")},
	})
	h.Answer, h.Summary = azward.Yes, "the ingress serves its environment"
	x.hop(h)
	if len(c.Ingress.IPSecurityRestrictions) > 0 {
		h.Summary = "which address the ingress's rules see of a caller in the environment is not documented"
		x.doubt(h, azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: pointer + "/ipSecurityRestrictions", Error: h.Summary})
	}
	appSignIn(e, r, c.Ingress, x)
	x.class = SameCluster // who is asked to sign in besides is a hop
	return settle(w.Workload, []*way{x}, end)
}

// neighbourOf is another app or job of an environment; nil where none is known.
func neighbourOf(e *estate.Estate, r *estate.Resource, environment azward.ResourceID, end *closing) *estate.Resource {
	for _, other := range append(e.OfType(appType), e.OfType(jobType)...) {
		if other.ID.Equal(r.ID) {
			continue
		}
		v, err := estate.Decode[estate.ContainerApp](other)
		if err != nil {
			end.missing = append(end.missing, unparsed(other, err))
			continue
		}
		if environment != "" && strings.EqualFold(string(environmentID(v)), string(environment)) {
			return other
		}
	}
	return nil
}
