package exposure

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// HasEndpoint says that the type's public endpoint is judged.
func HasEndpoint(r *estate.Resource) bool {
	_, data := dataServices[strings.ToLower(r.Type)]
	return data || endpoints[strings.ToLower(r.Type)] != nil
}

// PublicEndpoint answers whether the internet reaches the public endpoint of
// a data service or a cluster's API server: storage accounts, key vaults,
// container registries, AKS clusters, SQL servers and managed instances,
// PostgreSQL and MySQL flexible servers, Cosmos DB, Redis, Event Hubs, Service
// Bus, AI Search and AI services. Other types are Unknown.
// Private endpoints, and fronts that lead to them, are not part of the answer.
func PublicEndpoint(e *estate.Estate, r *estate.Resource) Exposure {
	ways, end := publicEndpoint(e, r)
	return settle(azward.Workload{ID: r.ID, Name: r.Name}, ways, end)
}

// Endpoints answers for every data service and API server of the estate, as
// [PublicEndpoint] does, in order of their IDs.
func Endpoints(e *estate.Estate) []Exposure {
	var all []Exposure
	for r := range e.All() {
		if HasEndpoint(r) {
			all = append(all, PublicEndpoint(e, r))
		}
	}
	return all
}

func publicEndpoint(e *estate.Estate, r *estate.Resource) ([]*way, closing) {
	return withPerimeter(e, r, func() ([]*way, closing) { return ownEndpoint(e, r) })
}

// ownEndpoint is the public endpoint by the service's own switch and rules.
func ownEndpoint(e *estate.Estate, r *estate.Resource) ([]*way, closing) {
	if d, ok := dataServices[strings.ToLower(r.Type)]; ok {
		return d.ways(e, r), closing{}
	}
	judge, ok := endpoints[strings.ToLower(r.Type)]
	if !ok {
		return nil, closing{missing: []azward.Gap{{
			Scope: r.ID, Kind: azward.GapUnsupported, Reads: r.Type, Error: "azward does not judge the public endpoint of this type yet",
		}}}
	}
	path := &way{class: InternetAny, by: "its public endpoint", exact: true}
	path.flows = []Flow{{Protocol: "tcp", Ports: "443", Sources: sourceNames(publicAddrs)}}
	judge(e, r, path)
	return []*way{path}, closing{}
}

var endpoints = map[string]func(*estate.Estate, *estate.Resource, *way){
	"microsoft.storage/storageaccounts":          storageEndpoint,
	"microsoft.keyvault/vaults":                  vaultEndpoint,
	"microsoft.containerregistry/registries":     registryEndpoint,
	"microsoft.containerservice/managedclusters": apiServerEndpoint,
}

// networkACLs is the firewall that storage, key vaults and registries share.
type networkACLs struct {
	DefaultAction *string `json:"defaultAction"`
	IPRules       []struct {
		Value  string  `json:"value"`
		Action *string `json:"action"`
	} `json:"ipRules"`
	VirtualNetworkRules []struct {
		ID azward.ResourceID `json:"id"`
	} `json:"virtualNetworkRules"`
}

type aclView struct {
	SKU struct {
		Name string `json:"name"`
	} `json:"sku"`
	Properties struct {
		PublicNetworkAccess *string      `json:"publicNetworkAccess"`
		NetworkACLs         *networkACLs `json:"networkAcls"`
		NetworkRuleSet      *networkACLs `json:"networkRuleSet"`
	} `json:"properties"`
}

// publicSwitch judges publicNetworkAccess. Unset says which answer the type's
// documentation gives for a property that stands there as null, or that the
// API leaves out when it was never set; Unknown where it gives none.
func publicSwitch(r *estate.Resource, value *string, unset azward.Answer, w *way) {
	switchAt(r, "/properties/publicNetworkAccess", value, unset, w)
}

func switchAt(r *estate.Resource, pointer string, value *string, unset azward.Answer, w *way) {
	h := Hop{Resource: r.ID, Kind: kindOf(r), Name: r.Name}
	switch {
	case value != nil && strings.EqualFold(*value, "Enabled"):
		h.Answer, h.Summary = azward.Yes, "public network access is enabled"
		h.Evidence = []azward.Evidence{r.Evidence(pointer, h.Summary)}
	case value != nil && strings.EqualFold(*value, "Disabled"):
		h.Answer, h.Summary = azward.No, "public network access is disabled"
		h.Evidence = []azward.Evidence{r.Evidence(pointer, h.Summary)}
	case value != nil && strings.EqualFold(*value, "SecuredByPerimeter") && inPerimeters(r.Type):
		h.Answer, h.Summary = azward.No, "public network access is left to a network security perimeter"
		h.Evidence = []azward.Evidence{r.Evidence(pointer, h.Summary)}
	case value != nil && *value != "":
		h.Summary = fmt.Sprintf("public network access is %q, which azward does not model", *value)
		w.doubt(h, azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: pointer, Error: h.Summary})
		return
	case unset == azward.Unknown:
		h.Summary = "whether public network access is disabled was not read"
		w.doubt(h, notRead(r, pointer, r.Type+"/read", h.Summary, "az resource show --ids "+string(r.ID)))
		return
	default:
		h.Answer, h.Summary = unset, "public network access was never set, so it is enabled"
		h.Evidence = []azward.Evidence{documented(r, pointer, h.Summary)}
	}
	w.hop(h)
}

// acl judges networkAcls or networkRuleSet.
func acl(r *estate.Resource, a *networkACLs, pointer string, w *way) {
	h := Hop{Resource: r.ID, Kind: "networkAcls", Name: r.Name + " / firewall"}
	l, ok := a.list(r, pointer)
	if !ok {
		h.Summary = "the firewall was not read"
		w.doubt(h, notRead(r, pointer, r.Type+"/read", h.Summary, "az resource show --ids "+string(r.ID)))
		return
	}
	l.filter(w, h, "tcp", "443")
}

// storageEndpoint: publicNetworkAccess unset means enabled, since accounts
// made before the property existed don't return it.
// Source: https://learn.microsoft.com/azure/storage/common/storage-network-security
func storageEndpoint(_ *estate.Estate, r *estate.Resource, w *way) {
	v, err := estate.Decode[aclView](r)
	if err != nil {
		w.doubt(Hop{Resource: r.ID, Kind: kindOf(r), Name: r.Name, Summary: "the account has an unexpected shape"}, unparsed(r, err))
		return
	}
	publicSwitch(r, v.Properties.PublicNetworkAccess, unsetSwitch(r, v, v.Properties.NetworkACLs), w)
	acl(r, v.Properties.NetworkACLs, "/properties/networkAcls", w)
	w.narrow(anonymousClass(r))
}

// unsetSwitch: a body that holds the firewall was returned whole, so that a
// missing switch was never set.
func unsetSwitch(_ *estate.Resource, v *aclView, firewall *networkACLs) azward.Answer {
	if v.Properties.PublicNetworkAccess == nil && firewall != nil {
		return azward.Yes
	}
	return azward.Unknown
}

// anonymousClass: without public blob access every request needs a key or a token.
func anonymousClass(r *estate.Resource) Class {
	if raw, ok := r.At("/properties/allowBlobPublicAccess"); ok && string(raw) == "false" {
		return Authenticated
	}
	return ""
}

// vaultEndpoint: every request needs a token of Microsoft Entra ID. A vault
// without networkAcls admits all networks.
// Source: https://learn.microsoft.com/azure/key-vault/general/network-security
func vaultEndpoint(_ *estate.Estate, r *estate.Resource, w *way) {
	v, err := estate.Decode[aclView](r)
	if err != nil {
		w.doubt(Hop{Resource: r.ID, Kind: kindOf(r), Name: r.Name, Summary: "the vault has an unexpected shape"}, unparsed(r, err))
		return
	}
	publicSwitch(r, v.Properties.PublicNetworkAccess, unsetSwitch(r, v, v.Properties.NetworkACLs), w)
	acl(r, v.Properties.NetworkACLs, "/properties/networkAcls", w)
	w.narrow(Authenticated)
}

// registryEndpoint: rules exist in the Premium tier alone; other tiers are open.
// Source: https://learn.microsoft.com/azure/container-registry/container-registry-access-selected-networks
func registryEndpoint(_ *estate.Estate, r *estate.Resource, w *way) {
	v, err := estate.Decode[aclView](r)
	if err != nil {
		w.doubt(Hop{Resource: r.ID, Kind: kindOf(r), Name: r.Name, Summary: "the registry has an unexpected shape"}, unparsed(r, err))
		return
	}
	publicSwitch(r, v.Properties.PublicNetworkAccess, azward.Unknown, w)
	if h, open := registryTier(r, v); open {
		w.hop(h)
	} else {
		acl(r, v.Properties.NetworkRuleSet, "/properties/networkRuleSet", w)
	}
	if raw, ok := r.At("/properties/anonymousPullEnabled"); !ok || string(raw) != "true" {
		w.narrow(Authenticated)
	}
}

// registryTier reports a tier without a firewall.
func registryTier(r *estate.Resource, v *aclView) (h Hop, open bool) {
	h = Hop{Resource: r.ID, Kind: "networkRuleSet", Name: r.Name + " / firewall", Answer: azward.Yes, Summary: "its tier has no firewall"}
	h.Evidence = []azward.Evidence{documented(r, "/sku/name", h.Summary)}
	tier := strings.ToLower(v.SKU.Name)
	return h, v.Properties.NetworkRuleSet == nil && (tier == "basic" || tier == "standard")
}

// apiServerEndpoint judges a cluster's API server. Authorised ranges do not
// hold the cluster's own outbound address, which is no source of an attacker.
// Source: https://learn.microsoft.com/azure/aks/api-server-authorized-ip-ranges
func apiServerEndpoint(_ *estate.Estate, r *estate.Resource, w *way) {
	const pointer = "/properties/apiServerAccessProfile"
	v, err := estate.Decode[estate.ManagedCluster](r)
	h := Hop{Resource: r.ID, Kind: "apiServer", Name: r.Name + " / API server"}
	if err != nil {
		h.Summary = "the cluster has an unexpected shape"
		w.doubt(h, unparsed(r, err))
		return
	}
	w.class = InternetAny
	p := v.Properties.APIServerAccessProfile
	switch {
	case p == nil:
		if absent(r, pointer) {
			h.Summary = "who may reach the API server was not read"
			w.doubt(h, notRead(r, pointer, r.Type+"/read", h.Summary, "az aks show --ids "+string(r.ID)))
			return
		}
		h.Answer, h.Summary = azward.Yes, "the API server is public and open to any address"
		h.Evidence = []azward.Evidence{documented(r, pointer, h.Summary)}
		w.hop(h)
		return
	case p.EnablePrivateCluster != nil && *p.EnablePrivateCluster:
		h.Answer, h.Summary = azward.No, "the cluster is private: its API server has no public address"
		h.Evidence = []azward.Evidence{r.Evidence(pointer+"/enablePrivateCluster", h.Summary)}
		w.hop(h)
		return
	case v.Properties.PublicNetworkAccess != nil && strings.EqualFold(*v.Properties.PublicNetworkAccess, "Disabled"):
		h.Answer, h.Summary = azward.No, "public network access to the API server is disabled"
		h.Evidence = []azward.Evidence{r.Evidence("/properties/publicNetworkAccess", h.Summary)}
		w.hop(h)
		return
	}
	l := sourceList{otherwise: azward.Yes, evidence: documented(r, pointer+"/authorizedIPRanges", "no authorised ranges: open to any address")}
	if p.AuthorizedIPRanges != nil && len(*p.AuthorizedIPRanges) > 0 {
		l.otherwise = azward.No
		l.evidence = r.Evidence(pointer+"/authorizedIPRanges", "authorised ranges")
		for i, s := range *p.AuthorizedIPRanges {
			at := pointer + "/authorizedIPRanges/" + strconv.Itoa(i)
			rule := sourceRule{access: netset.Allow, evidence: r.Evidence(at, "authorises "+s)}
			if s != "0.0.0.0/32" { // stands for the cluster's outbound address alone
				prefixRule(&rule, s, r, at)
			}
			l.rules = append(l.rules, rule)
		}
	}
	l.filter(w, h, "tcp", "443")
}
