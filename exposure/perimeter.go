package exposure

import (
	"strconv"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// Types of network security perimeters.
const (
	perimeterAssociation = "Microsoft.Network/networkSecurityPerimeters/resourceAssociations"
	perimeterRules       = "Microsoft.Network/networkSecurityPerimeters/profiles/accessRules"
)

// perimetered are the types that can be put within a network security perimeter.
//
// Source: https://learn.microsoft.com/azure/private-link/network-security-perimeter-concepts#onboarded-private-link-resources
var perimetered = map[string]bool{
	"microsoft.search/searchservices": true, "microsoft.documentdb/databaseaccounts": true, "microsoft.eventhub/namespaces": true,
	"microsoft.servicebus/namespaces": true, "microsoft.keyvault/vaults": true, "microsoft.sql/servers": true,
	"microsoft.storage/storageaccounts": true, "microsoft.cognitiveservices/accounts": true,
}

// inPerimeters reports whether a type, or that whose child it is, can be within
// a perimeter.
func inPerimeters(resourceType string) bool {
	parts := strings.SplitN(strings.ToLower(resourceType), "/", 3)
	return len(parts) > 1 && perimetered[parts[0]+"/"+parts[1]]
}

// perimeter is the network security perimeter around a service. In Enforced mode
// its access rules alone hold, whatever the service's own switch and rules say;
// in Transition mode, once called Learning, they let in besides what these do.
// Private endpoints are not subject to it.
//
// Source: https://learn.microsoft.com/azure/private-link/network-security-perimeter-transition#moving-new-resources-into-network-security-perimeter
type perimeter struct {
	at       *estate.Resource // the association
	name     string
	enforced bool
	list     sourceList // rules for addresses; everybody else is kept out
	// members are let in by who they are: resources of these subscriptions.
	members []sourceRule
	doubt   *azward.Gap // why its rules, or its mode, are not known
}

// perimeterOf finds the perimeter around a service; nil where there is none, by
// proof unless something is missing.
func perimeterOf(e *estate.Estate, r *estate.Resource) (p *perimeter, proof []azward.Evidence, missing []azward.Gap) {
	found := e.Referrers(r.ID, perimeterAssociation)
	for _, at := range found {
		v, err := estate.Decode[estate.PerimeterAssociation](at)
		if err == nil && !v.Properties.PrivateLinkResource.ID.Equal(r.ID) {
			continue
		}
		if p != nil {
			p.doubt = &azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: perimeterAssociation, Error: "two perimeters say that it is within them"}
			return p, nil, nil
		}
		p = readPerimeter(e, at, v, err)
	}
	if p == nil && inPerimeters(r.Type) {
		proof, missing = e.Absence("", perimeterAssociation)
	}
	return p, proof, missing
}

func readPerimeter(e *estate.Estate, at *estate.Resource, v *estate.PerimeterAssociation, err error) *perimeter {
	p := &perimeter{at: at, name: at.ID.Parent().Name()}
	lacks := func(reads, cause string) *perimeter {
		p.doubt = &azward.Gap{Scope: at.ID, Kind: azward.GapNotRead, Reads: reads, Needs: at.Type + "/read", Error: cause}
		return p
	}
	if err != nil {
		gap := unparsed(at, err)
		p.doubt = &gap
		return p
	}
	switch mode := strings.ToLower(v.Properties.AccessMode); mode {
	case "enforced":
		p.enforced = true
	case "learning", "transition":
	default:
		p.doubt = &azward.Gap{
			Scope: at.ID, Kind: azward.GapUnsupported, Reads: "/properties/accessMode",
			Error: "azward does not know the access mode " + strconv.Quote(v.Properties.AccessMode) + " of perimeter " + p.name,
		}
		return p
	}
	if strings.EqualFold(v.Properties.Issues, "yes") {
		return lacks("/properties/hasProvisioningIssues", "perimeter "+p.name+" was not put into effect as a whole")
	}
	profile := v.Properties.Profile.ID
	if profile == "" {
		return lacks("/properties/profile", "which profile of perimeter "+p.name+" holds was not read")
	}
	p.list = sourceList{otherwise: azward.No, evidence: at.Evidence("/properties/accessMode", "within perimeter "+p.name+", "+v.Properties.AccessMode)}
	for _, rule := range e.Children(profile, perimeterRules) {
		p.rule(e, rule)
	}
	if _, missing := e.Absence(profile, perimeterRules); len(missing) > 0 {
		p.list.otherwise, p.list.gap = azward.Unknown, missing[0]
	}
	return p
}

// rule reads one access rule. Rules for subscriptions let in resources by their
// identity, which is no public address.
func (p *perimeter) rule(e *estate.Estate, r *estate.Resource) {
	v, err := estate.Decode[estate.PerimeterRule](r)
	if err != nil {
		p.list.rules = append(p.list.rules, sourceRule{access: netset.Allow, maybe: netset.AllAddrs(), evidence: r.Evidence("/properties", "an access rule"), gap: unparsed(r, err)})
		return
	}
	if strings.EqualFold(v.Properties.Direction, "Outbound") {
		return
	}
	if !strings.EqualFold(v.Properties.Direction, "Inbound") {
		p.list.rules = append(p.list.rules, sourceRule{
			access: netset.Allow, maybe: netset.AllAddrs(), evidence: r.Evidence("/properties", "an access rule"),
			gap: notRead(r, "/properties/direction", r.Type+"/read", "the access rule's direction is neither Inbound nor Outbound", ""),
		})
		return
	}
	p.list.prefixRules(r, "/properties/addressPrefixes", "", v.Properties.AddressPrefixes)
	for i, tag := range v.Properties.ServiceTags {
		at := "/properties/serviceTags/" + strconv.Itoa(i)
		p.list.rules = append(p.list.rules, tagRule(e, r, tag, at, r.Evidence(at, "lets in the service tag "+tag)))
	}
	for i, s := range v.Properties.Subscriptions {
		at := "/properties/subscriptions/" + strconv.Itoa(i)
		p.members = append(p.members, sourceRule{
			access: netset.Allow, maybe: netset.AllAddrs(), evidence: r.Evidence(at, "lets in resources of a subscription"),
			gap: azward.Gap{
				Scope: r.ID, Kind: azward.GapUnsupported, Reads: at,
				Error: "perimeter " + p.name + " lets in resources of subscription " + s.ID.Name() + " by their identity, and whether the caller is one was not asked",
			},
		})
	}
}

func (p *perimeter) hop() Hop {
	return Hop{Resource: p.at.ID, Kind: "networkSecurityPerimeter", Name: p.name, Evidence: []azward.Evidence{p.at.Evidence("/properties/privateLinkResource", "within perimeter "+p.name)}}
}

// way is the way of the internet by the perimeter's access rules.
func (p *perimeter) way(r *estate.Resource) *way {
	ports := "443"
	if d, ok := dataServices[strings.ToLower(r.Type)]; ok {
		ports = d.ports(r)
	}
	w := &way{class: InternetAny, by: "network security perimeter " + p.name, exact: true, flows: []Flow{{Protocol: "tcp", Ports: ports, Sources: sourceNames(publicAddrs)}}}
	if p.doubt != nil {
		h := p.hop()
		h.Summary = p.doubt.Error
		w.doubt(h, *p.doubt)
	} else {
		p.list.filter(w, p.hop(), "tcp", ports)
	}
	if strings.EqualFold(r.Type, "Microsoft.Storage/storageAccounts") {
		w.narrow(anonymousClass(r))
	} else {
		w.narrow(Authenticated)
	}
	return w
}

// withPerimeter puts the ways of the perimeter in place of, or beside, those of
// the service's own rules.
func withPerimeter(e *estate.Estate, r *estate.Resource, own func() ([]*way, closing)) ([]*way, closing) {
	p, proof, missing := perimeterOf(e, r)
	switch {
	case p == nil:
		ways, end := own()
		end.absence(proof, missing)
		return ways, end
	case p.enforced:
		return []*way{p.way(r)}, closing{}
	}
	ways, end := own()
	return append(ways, p.way(r)), end
}

// calledWith is the same for a caller inside a network: what the service's own
// rules say of it, unless a perimeter decides.
func calledWith(own func(*estate.Estate, *estate.Resource, *way, identity)) func(*estate.Estate, *estate.Resource, *way, identity) {
	return func(e *estate.Estate, r *estate.Resource, w *way, id identity) {
		p, _, missing := perimeterOf(e, r)
		if p == nil && len(missing) == 0 {
			own(e, r, w, id)
			return
		}
		alone, before := w.clone(), w.answer()
		own(e, r, alone, id)
		switch {
		case p == nil && (before == azward.No || alone.answer() != azward.No):
			*w = *alone
		case p == nil:
			w.doubt(Hop{
				Resource: r.ID, Kind: "networkSecurityPerimeter", Name: r.Name, Summary: "its own rules keep the caller out, and whether a network security perimeter lets it in was not read",
			}, missing[0])
		default:
			within := w.clone()
			p.judge(within, id)
			within.narrow(Authenticated)
			if !p.enforced && better(alone.answer(), within.answer()) {
				within = alone
			}
			*w = *within
		}
	}
}

// better reports whether an answer lets more through than another.
func better(a, b azward.Answer) bool {
	return a == azward.Yes && b != azward.Yes || a == azward.Unknown && b == azward.No
}

func (p *perimeter) judge(w *way, id identity) {
	h := p.hop()
	if p.doubt != nil {
		h.Summary = p.doubt.Error
		w.doubt(h, *p.doubt)
		return
	}
	l := p.list
	l.rules = append(append([]sourceRule{}, l.rules...), p.members...)
	l.judge(w, h, id)
}
