package exposure

import (
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// redisCache is a cache of the tiers Basic to Premium.
//
// Source: https://learn.microsoft.com/azure/templates/microsoft.cache/redis
type redisCache struct {
	Properties struct {
		PublicNetworkAccess *string           `json:"publicNetworkAccess"`
		Subnet              azward.ResourceID `json:"subnetId"`
		Plain               *bool             `json:"enableNonSslPort"`
		Shards              int               `json:"shardCount"`
	} `json:"properties"`
}

// redisPorts: the port without TLS is off unless it was turned on, and
// clusters listen on a port for each node besides.
//
// Source: https://learn.microsoft.com/azure/azure-cache-for-redis/cache-how-to-premium-vnet
func redisPorts(r *estate.Resource) string {
	ports := "6380"
	v, err := estate.Decode[redisCache](r)
	if err != nil {
		return ports
	}
	if v.Properties.Plain == nil || *v.Properties.Plain {
		ports = "6379," + ports
	}
	if v.Properties.Shards > 0 {
		ports += ",13000-13999,15000-15999"
	}
	return ports
}

// redisFirewall: no rules let any address in, with rules those alone. A cache
// in a subnet has no public endpoint.
//
// Sources: https://learn.microsoft.com/azure/azure-cache-for-redis/cache-network-isolation,
// https://learn.microsoft.com/azure/azure-cache-for-redis/cache-configure#firewall
func redisFirewall(e *estate.Estate, r *estate.Resource, w *way) (l sourceList, h Hop, ok bool) {
	v, err := estate.Decode[redisCache](r)
	switch {
	case err != nil:
		shapeless(r, w, err)
		return l, h, false
	case v.Properties.Subnet != "":
		w.hop(inSubnet(r, "/properties/subnetId", v.Properties.Subnet))
		return l, h, false
	}
	publicSwitch(r, v.Properties.PublicNetworkAccess, azward.Unknown, w)
	if w.answer() == azward.No {
		return l, h, false
	}
	l, h = redisRules(e, r)
	return l, h, true
}

func redisRules(e *estate.Estate, r *estate.Resource) (l sourceList, h Hop) {
	const childType = "Microsoft.Cache/redis/firewallRules"
	l.addressRules(e, r, childType, false)
	l.otherwise = azward.Yes
	if len(l.rules) > 0 {
		l.otherwise = azward.No
	}
	l.readList(e, r, childType)
	return l, Hop{Resource: r.ID, Kind: "firewallRules", Name: r.Name + " / firewall"}
}

// redisInner is the place of a premium cache in a subnet, where its own rules
// hold too.
//
// Source: https://learn.microsoft.com/azure/azure-cache-for-redis/cache-how-to-premium-vnet
func redisInner(e *estate.Estate, r *estate.Resource) (inner, bool) {
	v, err := estate.Decode[redisCache](r)
	if err != nil || v.Properties.Subnet == "" {
		return inner{}, false
	}
	return standing(r, "/properties/subnetId", v.Properties.Subnet, redisPorts(r), func(*way) (sourceList, Hop, bool) {
		l, h := redisRules(e, r)
		return l, h, true
	})
}

// redisEnterpriseFirewall: these tiers have a switch in newer API versions and
// no rules. A cluster that was made before the switch is public unless it has a
// private endpoint.
//
// Sources: https://learn.microsoft.com/azure/templates/microsoft.cache/redisenterprise,
// https://learn.microsoft.com/azure/azure-cache-for-redis/cache-network-isolation
func redisEnterpriseFirewall(_ *estate.Estate, r *estate.Resource, w *way) (l sourceList, h Hop, ok bool) {
	const pointer = "/properties/publicNetworkAccess"
	v, err := estate.Decode[struct {
		Properties struct {
			PublicNetworkAccess *string     `json:"publicNetworkAccess"`
			Connections         *[]struct{} `json:"privateEndpointConnections"`
		} `json:"properties"`
	}](r)
	if err != nil {
		shapeless(r, w, err)
		return l, h, false
	}
	if v.Properties.PublicNetworkAccess != nil {
		publicSwitch(r, v.Properties.PublicNetworkAccess, azward.Unknown, w)
		return l, h, false
	}
	h = Hop{Resource: r.ID, Kind: kindOf(r), Name: r.Name}
	switch {
	case v.Properties.Connections == nil || absent(r, pointer):
		h.Summary = "whether it has public network access was not read"
		w.doubt(h, notRead(r, pointer, r.Type+"/read", h.Summary, "read the cluster with API version 2025-07-01 or later"))
		return l, h, false
	case len(*v.Properties.Connections) > 0:
		h.Answer, h.Summary = azward.No, "it has a private endpoint, and a cluster of these tiers with one is not public"
	default:
		h.Answer, h.Summary = azward.Yes, "it has no private endpoint, so it is public"
	}
	h.Evidence = []azward.Evidence{documented(r, "/properties/privateEndpointConnections", h.Summary)}
	w.hop(h)
	return l, h, false
}

// brokerFirewall reads the rules of a namespace of Event Hubs or Service Bus:
// without any rule it is open whatever the default action says. Tiers without
// the feature are open.
//
// Sources: https://learn.microsoft.com/azure/event-hubs/event-hubs-ip-filtering,
// https://learn.microsoft.com/azure/service-bus-messaging/service-bus-ip-filtering
func brokerFirewall(e *estate.Estate, r *estate.Resource, w *way) (l sourceList, h Hop, ok bool) {
	v, err := estate.Decode[aclView](r)
	if err != nil {
		shapeless(r, w, err)
		return l, h, false
	}
	h = Hop{Resource: r.ID, Kind: "networkRuleSet", Name: r.Name + " / firewall"}
	if brokerTier(r, v.SKU.Name) {
		h.Answer, h.Summary = azward.Yes, "its tier has no firewall"
		h.Evidence = []azward.Evidence{documented(r, "/sku/name", h.Summary)}
		w.hop(h)
		return l, h, false
	}
	childType := r.Type + "/networkRuleSets"
	sets := e.Children(r.ID, childType)
	if len(sets) != 1 {
		publicSwitch(r, v.Properties.PublicNetworkAccess, azward.Unknown, w)
		if w.answer() != azward.No {
			h.Summary = "the firewall was not read"
			w.doubt(h, azward.Gap{Scope: r.ID, Kind: azward.GapNotRead, Reads: childType, Needs: childType + "/read", Error: h.Summary})
		}
		return l, h, false
	}
	set, err := estate.Decode[brokerRules](sets[0])
	if err != nil {
		shapeless(sets[0], w, err)
		return l, h, false
	}
	if v.Properties.PublicNetworkAccess == nil && set.Properties.PublicNetworkAccess != nil {
		switchAt(sets[0], "/properties/publicNetworkAccess", set.Properties.PublicNetworkAccess, azward.Unknown, w)
	} else {
		publicSwitch(r, v.Properties.PublicNetworkAccess, azward.Unknown, w)
		if set.Properties.PublicNetworkAccess != nil { // both must be on
			switchAt(sets[0], "/properties/publicNetworkAccess", set.Properties.PublicNetworkAccess, azward.Unknown, w)
		}
	}
	if w.answer() == azward.No {
		return l, h, false
	}
	return set.list(sets[0]), h, true
}

// brokerTier reports a tier without rules: Basic of Event Hubs, and of Service
// Bus all but Premium.
func brokerTier(r *estate.Resource, tier string) bool {
	if strings.EqualFold(r.Type, "Microsoft.ServiceBus/namespaces") {
		return strings.EqualFold(tier, "Basic") || strings.EqualFold(tier, "Standard")
	}
	return strings.EqualFold(tier, "Basic")
}

// brokerRules are the network rule set of a namespace.
//
// Source: https://learn.microsoft.com/azure/templates/microsoft.eventhub/namespaces/networkrulesets
type brokerRules struct {
	Properties struct {
		PublicNetworkAccess *string `json:"publicNetworkAccess"`
		DefaultAction       *string `json:"defaultAction"`
		IPRules             []struct {
			Mask string `json:"ipMask"`
		} `json:"ipRules"`
		Rules []struct {
			Subnet struct {
				ID azward.ResourceID `json:"id"`
			} `json:"subnet"`
		} `json:"virtualNetworkRules"`
	} `json:"properties"`
}

func (b *brokerRules) list(r *estate.Resource) (l sourceList) {
	const pointer = "/properties/defaultAction"
	action := b.Properties.DefaultAction
	if action == nil {
		l.otherwise, l.gap = azward.Unknown, notRead(r, pointer, r.Type+"/read", "the default action was not read", "az resource show --ids "+string(r.ID))
		return l
	}
	l.evidence = r.Evidence(pointer, "default action "+*action)
	switch {
	case strings.EqualFold(*action, "Allow"):
		l.otherwise = azward.Yes
		return l
	case !strings.EqualFold(*action, "Deny"):
		l.otherwise, l.gap = azward.Unknown, notRead(r, pointer, "", "azward does not know the default action "+*action, "")
		return l
	case len(b.Properties.IPRules)+len(b.Properties.Rules) == 0:
		l.otherwise, l.evidence = azward.Yes, documented(r, "/properties", "no rules: open to any address, whatever the default action says")
		return l
	}
	l.otherwise = azward.No
	ids := make([]azward.ResourceID, 0, len(b.Properties.Rules))
	for _, rule := range b.Properties.Rules {
		ids = append(ids, rule.Subnet.ID)
	}
	l.subnetRules(r, "/properties/virtualNetworkRules", ids)
	masks := make([]string, 0, len(b.Properties.IPRules))
	for _, rule := range b.Properties.IPRules {
		masks = append(masks, rule.Mask)
	}
	l.prefixRules(r, "/properties/ipRules", "ipMask", masks)
	return l
}

// searchFirewall: a list of addresses, or any where the list is empty. The
// bypass lets in single services of Azure that sign in, not other customers.
//
// Source: https://learn.microsoft.com/azure/search/service-configure-firewall
func searchFirewall(_ *estate.Estate, r *estate.Resource, w *way) (l sourceList, h Hop, ok bool) {
	const pointer = "/properties/networkRuleSet"
	v, err := estate.Decode[struct {
		Properties struct {
			PublicNetworkAccess *string `json:"publicNetworkAccess"`
			NetworkRuleSet      *struct {
				IPRules []struct {
					Value string `json:"value"`
				} `json:"ipRules"`
			} `json:"networkRuleSet"`
		} `json:"properties"`
	}](r)
	if err != nil {
		shapeless(r, w, err)
		return l, h, false
	}
	publicSwitch(r, v.Properties.PublicNetworkAccess, azward.Unknown, w)
	if w.answer() == azward.No {
		return l, h, false
	}
	h = Hop{Resource: r.ID, Kind: "networkRuleSet", Name: r.Name + " / firewall"}
	set := v.Properties.NetworkRuleSet
	if set == nil && absent(r, pointer) {
		h.Summary = "the firewall was not read"
		w.doubt(h, notRead(r, pointer, r.Type+"/read", h.Summary, "az search service show --ids "+string(r.ID)))
		return l, h, false
	}
	l.otherwise, l.evidence = azward.Yes, r.Evidence(pointer, "no rules: open to any address")
	if set != nil && len(set.IPRules) > 0 {
		l.otherwise, l.evidence = azward.No, r.Evidence(pointer+"/ipRules", "rules for addresses; what they do not name is closed")
		values := make([]string, 0, len(set.IPRules))
		for _, rule := range set.IPRules {
			values = append(values, rule.Value)
		}
		l.prefixRules(r, pointer+"/ipRules", "value", values)
	}
	return l, h, true
}

// cognitiveFirewall: networkAcls as storage has them; an account that was read
// without them was never given any, and takes calls from all networks.
//
// Source: https://learn.microsoft.com/azure/ai-services/cognitive-services-virtual-networks
func cognitiveFirewall(_ *estate.Estate, r *estate.Resource, w *way) (l sourceList, h Hop, ok bool) {
	const pointer = "/properties/networkAcls"
	v, err := estate.Decode[aclView](r)
	if err != nil {
		shapeless(r, w, err)
		return l, h, false
	}
	publicSwitch(r, v.Properties.PublicNetworkAccess, azward.Unknown, w)
	if w.answer() == azward.No {
		return l, h, false
	}
	h = Hop{Resource: r.ID, Kind: "networkAcls", Name: r.Name + " / firewall"}
	switch {
	case v.Properties.NetworkACLs != nil:
		if l, ok = v.Properties.NetworkACLs.list(r, pointer); ok {
			return l, h, true
		}
	case v.Properties.PublicNetworkAccess != nil:
		l.otherwise, l.evidence = azward.Yes, documented(r, pointer, "no rules were ever set: open to all networks")
		return l, h, true
	}
	h.Summary = "the firewall was not read"
	w.doubt(h, notRead(r, pointer, r.Type+"/read", h.Summary, "az resource show --ids "+string(r.ID)))
	return l, h, false
}
