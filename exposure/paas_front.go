package exposure

import (
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

func ipRange(a, b netip.Addr) netipx.IPRange { return netipx.IPRangeFrom(a, b) }

// frontTypes are services that may lead the internet to something that has no
// public address of its own: a No needs their listings.
var frontTypes = []string{
	gatewayType,
	firewallType,
	"Microsoft.Network/frontDoors",
	profileType,
	apimType,
}

// frontParts are children of front services that name targets by themselves.
var frontParts = map[string][]string{
	"microsoft.network/azurefirewalls": {"Microsoft.Network/firewallPolicies", "Microsoft.Network/firewallPolicies/ruleCollectionGroups"},
	"microsoft.apimanagement/service":  {apiType, backendType},
}

// target is what a front may name.
type target struct {
	ids   []azward.ResourceID
	names []string // host names and addresses
	// arrive continues a way that has come out of a front; nil where azward
	// does not follow it.
	arrive func(w *way, x exit) []*way
}

// fronts returns the ways through every front service that leads, or may
// lead, to the target, and files what a No needs.
func fronts(e *estate.Estate, t target, end *closing) []*way {
	frontsListed(e, end, frontTypes...)
	var ways []*way
	for _, x := range frontsOf(e).exits {
		ways = append(ways, t.through(x)...)
	}
	return append(ways, t.unfollowed(e)...)
}

// frontsListed files what says that there are no other fronts of these types,
// and no other parts of those that are there.
func frontsListed(e *estate.Estate, end *closing, types ...string) {
	held := estate.Memo(e, listedKey(strings.Join(types, " ")), func(e *estate.Estate) *closing { return readListed(e, types) })
	end.absence(held.proof, held.missing)
}

type listedKey string

func readListed(e *estate.Estate, types []string) *closing {
	end := &closing{}
	end.absence(e.Absence("", types...))
	for _, frontType := range types {
		for _, front := range e.OfType(frontType) {
			for _, part := range frontPartsOf(front) {
				scope := front.ID
				if strings.HasPrefix(part, "Microsoft.Network/firewallPolicies") {
					scope = "" // live elsewhere than their firewall
				}
				end.absence(e.Absence(scope, part))
			}
		}
	}
	return end
}

// frontPartsOf are the children that hold what a front leads to. Profiles of
// Front Door and of classic content delivery networks share a type.
func frontPartsOf(front *estate.Resource) []string {
	if !strings.EqualFold(front.Type, profileType) {
		return frontParts[strings.ToLower(front.Type)]
	}
	v, err := estate.Decode[estate.FrontDoorProfile](front)
	switch {
	case err != nil || v.SKU.Name == "":
		return []string{groupType, originType, "Microsoft.Cdn/profiles/endpoints"}
	case strings.HasSuffix(strings.ToLower(v.SKU.Name), "_azurefrontdoor"):
		return []string{groupType, originType}
	}
	return []string{"Microsoft.Cdn/profiles/endpoints"}
}

// leads answers whether an exit leads to the target: Unknown where its name
// may stand for the target.
func (t target) leads(x exit) azward.Answer {
	for _, id := range []azward.ResourceID{x.from.link, x.to.id} {
		if id != "" && containsID(t.ids, id) {
			return azward.Yes
		}
	}
	if x.leg != nil {
		for _, ref := range x.leg.pool.Properties.BackendIPConfigurations {
			if slices.ContainsFunc(t.ids, func(id azward.ResourceID) bool { return ref.ID.Within(id) }) {
				return azward.Yes
			}
		}
	}
	for _, name := range t.names {
		switch {
		case name == "":
		case x.to.name != "" && strings.EqualFold(name, x.to.name), x.to.address.IsValid() && ipOf(name) == x.to.address:
			return azward.Yes
		}
	}
	if x.to.unknown != "" && x.from.link == "" {
		return azward.Unknown
	}
	return azward.No
}

// through are the ways of one exit to the target.
func (t target) through(x exit) []*way {
	if x.from.anywhere {
		return x.enter(maxFronts) // doubts, whatever the target is
	}
	leads := t.leads(x)
	if leads == azward.No {
		return nil
	}
	var ways []*way
	for _, w := range x.enter(maxFronts) {
		switch {
		case w.answer() == azward.No:
			if leads == azward.Yes {
				ways = append(ways, w)
			}
			continue
		case t.arrive == nil:
			w.doubt(Hop{Resource: x.front.ID, Kind: kindOf(x.front), Name: x.front.Name, Summary: "azward does not follow " + x.what + " to this kind of workload"},
				azward.Gap{Scope: x.front.ID, Kind: azward.GapUnsupported, Reads: x.front.Type, Error: "azward does not follow " + x.what + " to this kind of workload"})
			ways = append(ways, w)
			continue
		}
		for _, arrived := range t.arrive(w, x) {
			if leads == azward.Unknown && arrived.answer() == azward.No {
				continue // what the front may name would be closed to it
			}
			if leads == azward.Unknown && arrived.answer() == azward.Yes {
				why := x.what + " may lead to it: " + x.to.unknown
				arrived.doubt(Hop{Resource: x.front.ID, Kind: kindOf(x.front), Name: x.front.Name, Summary: why},
					azward.Gap{Scope: x.front.ID, Kind: azward.GapUnsupported, Reads: "backends", Error: why})
			}
			ways = append(ways, arrived)
		}
	}
	return dedupeWays(ways)
}

// unfollowed are firewalls and other services that name the target and that
// azward does not follow to this kind of target yet.
func (t target) unfollowed(e *estate.Estate) []*way {
	var ways []*way
	for _, id := range t.ids {
		for _, r := range e.Referrers(id) {
			if isFront(r.Type) {
				ways = append(ways, frontWay(r, "names "+id.Name()+" as a target"))
			}
		}
	}
	for _, front := range e.OfType(firewallType) {
		if frontNames(front, t.names) {
			ways = append(ways, frontWay(front, "names an address or host name of it"))
		}
		for _, part := range frontParts[strings.ToLower(firewallType)] {
			for _, r := range e.OfType(part) {
				if frontNames(r, t.names) {
					ways = append(ways, frontWay(r, "names an address or host name of it"))
				}
			}
		}
	}
	return ways
}

func isFront(resourceType string) bool {
	lower := strings.ToLower(resourceType)
	for _, prefix := range []string{
		"microsoft.network/azurefirewalls", "microsoft.network/firewallpolicies", "microsoft.network/privatelinkservices",
	} {
		if strings.HasPrefix(lower, prefix) {
			return true
		}
	}
	return false
}

// frontNames reports whether a body names one of the names as a whole string
// or the host of a URL.
func frontNames(r *estate.Resource, names []string) bool {
	body := strings.ToLower(string(r.Body))
	for _, n := range names {
		n = strings.ToLower(n)
		if n == "" {
			continue
		}
		for _, form := range []string{`"` + n + `"`, "//" + n + "/", "//" + n + `"`, "//" + n + ":", `"` + n + "/32\""} {
			if strings.Contains(body, form) {
				return true
			}
		}
	}
	return false
}

func frontWay(r *estate.Resource, why string) *way {
	w := &way{class: InternetAny}
	w.doubt(Hop{
		Resource: r.ID, Kind: kindOf(r), Name: r.Name, Summary: r.Name + " " + why + ", which azward does not follow yet",
		Evidence: []azward.Evidence{r.Evidence("/properties", why)},
	}, azward.Gap{
		Scope: r.ID, Kind: azward.GapUnsupported, Reads: r.Type,
		Error: r.Name + " " + why + "; azward does not follow paths through " + r.Type + " yet",
	})
	return w
}

// kindOf is the singular of the type's last word: "publicIPAddress".
func kindOf(r *estate.Resource) string {
	if r.Cluster != "" {
		kind, _ := estate.SplitKind(r.Kind)
		return kind
	}
	last := r.Type[strings.LastIndexByte(r.Type, '/')+1:]
	switch {
	case strings.EqualFold(last, "redis"):
		return "redis"
	case strings.HasSuffix(last, "sses"):
		return strings.TrimSuffix(last, "es")
	case strings.HasSuffix(last, "ies"):
		return strings.TrimSuffix(last, "ies") + "y"
	}
	return strings.TrimSuffix(last, "s")
}

// privateEnds adds the private endpoints of a service to what a front may
// name: their addresses lead to it whatever its own firewall says.
func privateEnds(e *estate.Estate, r *estate.Resource, t *target) []*estate.Resource {
	ends := e.Referrers(r.ID, "Microsoft.Network/privateEndpoints")
	for _, pe := range ends {
		v, err := estate.Decode[struct {
			Properties struct {
				CustomDNSConfigs []struct {
					FQDN string `json:"fqdn"`
				} `json:"customDnsConfigs"`
			} `json:"properties"`
		}](pe)
		if err != nil {
			continue // its ID still counts
		}
		for _, c := range v.Properties.CustomDNSConfigs {
			t.names = append(t.names, c.FQDN)
		}
		for _, a := range endpointAddresses(e, pe).Ranges() {
			t.names = append(t.names, a.From().String())
		}
	}
	return ends
}

// endpointAddresses are the addresses of a private endpoint.
func endpointAddresses(e *estate.Estate, pe *estate.Resource) netset.Addrs {
	v, err := estate.Decode[estate.PrivateEndpoint](pe)
	if err != nil {
		return netset.Addrs{}
	}
	var all netset.Addrs
	add := func(text string) {
		if a := ipOf(text); a.IsValid() {
			all = all.Union(netset.OneAddr(a))
		}
	}
	for _, c := range v.Properties.CustomDNSConfigs {
		for _, text := range c.IPAddresses {
			add(text)
		}
	}
	for _, ref := range v.Properties.NetworkInterfaces {
		nic, ok := e.Resource(ref.ID)
		if !ok {
			continue
		}
		n, err := estate.Decode[estate.NetworkInterface](nic)
		if err != nil {
			continue
		}
		for _, c := range n.Properties.IPConfigurations {
			add(c.Properties.PrivateIPAddress)
		}
	}
	return all
}
