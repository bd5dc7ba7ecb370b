package exposure

import (
	"net/netip"
	"strings"

	"go4.org/netipx"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

func ipRange(a, b netip.Addr) netipx.IPRange { return netipx.IPRangeFrom(a, b) }

// frontTypes are services that may lead the internet to something that has no
// public address of its own. azward does not follow all of them yet: one that
// names the target makes the answer Unknown, and a No needs their listings.
var frontTypes = []string{
	"Microsoft.Network/applicationGateways",
	"Microsoft.Network/azureFirewalls",
	"Microsoft.Network/frontDoors",
	"Microsoft.Cdn/profiles",
	"Microsoft.ApiManagement/service",
}

// frontParts are children and companions of front services that name targets
// by themselves.
var frontParts = map[string][]string{
	"microsoft.cdn/profiles":           {"Microsoft.Cdn/profiles/originGroups", "Microsoft.Cdn/profiles/originGroups/origins", "Microsoft.Cdn/profiles/endpoints"},
	"microsoft.network/azurefirewalls": {"Microsoft.Network/firewallPolicies", "Microsoft.Network/firewallPolicies/ruleCollectionGroups"},
	"microsoft.apimanagement/service":  {"Microsoft.ApiManagement/service/backends", "Microsoft.ApiManagement/service/apis"},
}

// target is what a front may name.
type target struct {
	ids   []azward.ResourceID
	names []string // host names and addresses
}

// fronts returns a way, undecided, for every front service that names the
// target, and files what a No needs.
func fronts(e *estate.Estate, t target, end *closing) []*way {
	end.absence(e.Absence("", frontTypes...))
	var ways []*way
	for _, id := range t.ids {
		for _, r := range e.Referrers(id) {
			if isFront(r.Type) {
				ways = append(ways, frontWay(r, "names "+id.Name()+" as a target"))
			}
		}
	}
	for _, frontType := range frontTypes {
		for _, front := range e.OfType(frontType) {
			switch fqdn := unresolved(front); {
			case frontNames(front, t.names):
				ways = append(ways, frontWay(front, "names an address or host name of it"))
			case fqdn != "":
				ways = append(ways, frontWay(front, "leads to host name "+fqdn+", which may be its own"))
			}
			for _, part := range frontParts[strings.ToLower(frontType)] {
				ways = append(ways, frontPart(e, front, part, t.names, end)...)
			}
		}
	}
	return ways
}

// unresolved returns a backend of an application gateway that is a host name
// of somebody's own zone: what it resolves to inside the network is not known,
// so it may be anything private. Host names of Azure's services stand for those.
func unresolved(front *estate.Resource) string {
	v, err := estate.Decode[struct {
		Properties struct {
			BackendAddressPools []struct {
				Properties struct {
					BackendAddresses []struct {
						FQDN string `json:"fqdn"`
					} `json:"backendAddresses"`
				} `json:"properties"`
			} `json:"backendAddressPools"`
		} `json:"properties"`
	}](front)
	if err != nil {
		return front.Name // a shape that is not known may name anything
	}
	for _, pool := range v.Properties.BackendAddressPools {
		for _, b := range pool.Properties.BackendAddresses {
			lower := strings.ToLower(b.FQDN)
			if lower != "" && !strings.HasSuffix(lower, ".azurewebsites.net") && !strings.HasSuffix(lower, ".azurecontainerapps.io") && !strings.HasSuffix(lower, ".windows.net") {
				return b.FQDN
			}
		}
	}
	return ""
}

// frontPart looks through the children of a front. Firewall policies live
// elsewhere than their firewall, so their listing is asked for everywhere.
func frontPart(e *estate.Estate, front *estate.Resource, part string, names []string, end *closing) []*way {
	scope := front.ID
	if strings.HasPrefix(part, "Microsoft.Network/firewallPolicies") {
		scope = ""
	}
	end.absence(e.Absence(scope, part))
	var ways []*way
	for _, r := range e.OfType(part) {
		if (scope == "" || r.ID.Within(scope)) && frontNames(r, names) {
			ways = append(ways, frontWay(r, "names an address or host name of it"))
		}
	}
	return ways
}

func isFront(resourceType string) bool {
	lower := strings.ToLower(resourceType)
	for _, prefix := range []string{
		"microsoft.network/applicationgateways", "microsoft.network/azurefirewalls", "microsoft.network/firewallpolicies",
		"microsoft.network/frontdoors", "microsoft.cdn/", "microsoft.apimanagement/", "microsoft.network/privatelinkservices",
		"microsoft.servicenetworking/",
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
	case strings.HasSuffix(last, "sses"):
		return strings.TrimSuffix(last, "es")
	case strings.HasSuffix(last, "ies"):
		return strings.TrimSuffix(last, "ies") + "y"
	}
	return strings.TrimSuffix(last, "s")
}

// privateEnds adds the private endpoints of a service to what a front may
// name: their addresses lead to it whatever its own firewall says.
func privateEnds(e *estate.Estate, r *estate.Resource, t *target) {
	for _, pe := range e.Referrers(r.ID, "Microsoft.Network/privateEndpoints") {
		v, err := estate.Decode[struct {
			Properties struct {
				CustomDNSConfigs []struct {
					FQDN        string   `json:"fqdn"`
					IPAddresses []string `json:"ipAddresses"`
				} `json:"customDnsConfigs"`
			} `json:"properties"`
		}](pe)
		if err != nil {
			continue // its ID still counts
		}
		for _, c := range v.Properties.CustomDNSConfigs {
			t.names = append(t.names, c.FQDN)
			t.names = append(t.names, c.IPAddresses...)
		}
	}
}
