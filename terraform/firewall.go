package terraform

import (
	"strconv"

	"github.com/azward/azward"
)

func firewall(w *world, v values, id azward.ResourceID) {
	f := fields{"firewallPolicy": object(v.ref("firewall_policy_id", typePolicy)), "threatIntelMode": v.text("threat_intel_mode")}
	for _, hub := range v.blocks("virtual_hub") {
		f["virtualHub"] = object(hub.ref("virtual_hub_id", "Microsoft.Network/virtualHubs"))
	}
	w.put(id, f)
	configurations := v.blocks("ip_configuration")
	for _, c := range configurations {
		w.item(v.c, id, "ipConfigurations", c.text("name"), addressed(c))
	}
	w.only(v.c, id, "ipConfigurations", "ip_configuration", configurations)
}

func firewallPolicy(w *world, v values, id azward.ResourceID) {
	w.put(id, fields{"basePolicy": object(v.ref("base_policy_id", typePolicy)), "threatIntelMode": v.text("threat_intelligence_mode")})
}

func ipGroup(w *world, v values, id azward.ResourceID) {
	w.put(id, fields{"ipAddresses": anys(v.list("cidrs"))})
}

func ruleCollectionGroupID(v values) azward.ResourceID {
	policy, name := v.ref("firewall_policy_id", typePolicy), v.text("name")
	if policy == "" || name == "" {
		return ""
	}
	return policy.Child("ruleCollectionGroups", name)
}

func ruleCollectionGroup(w *world, v values, id azward.ResourceID) {
	collections := []any{}
	for _, pair := range [][2]string{{"nat_rule_collection", "NatRule"}, {"network_rule_collection", "NetworkRule"}, {"application_rule_collection", "ApplicationRule"}} {
		block, kind := pair[0], pair[1]
		for _, c := range v.blocks(block) {
			rules := []any{}
			for _, r := range c.blocks("rule") {
				rules = append(rules, policyRule(r, kind))
			}
			filter := "FirewallPolicyFilterRuleCollection"
			if kind == "NatRule" {
				filter = "FirewallPolicyNatRuleCollection"
			}
			collections = append(collections, fields{
				"name": c.text("name"), "priority": c.any("priority"), "action": fields{"type": c.text("action")}, "ruleCollectionType": filter, "rules": rules,
			})
		}
		if len(v.blocks(block)) == 0 && v.isUnknown(block) {
			w.gap(v.c, block, "its rules are known after apply")
			collections = append(collections, fields{"name": later, "rules": []any{fields{"name": later, "ruleType": later}}})
		}
	}
	w.put(id, fields{"priority": v.any("priority"), "ruleCollections": collections})
}

func policyRule(v values, kind string) fields {
	f := fields{"name": v.text("name"), "ruleType": kind, "sourceAddresses": anys(v.list("source_addresses")), "destinationPorts": anys(v.list("destination_ports"))}
	f["sourceIpGroups"] = idTexts(v.refs("source_ip_groups", typeIPGroup))
	f["destinationIpGroups"] = idTexts(v.refs("destination_ip_groups", typeIPGroup))
	switch kind {
	case "ApplicationRule":
		protocols := []any{}
		for _, p := range v.blocks("protocols") {
			protocols = append(protocols, fields{"protocolType": p.text("type"), "port": p.any("port")})
		}
		f["protocols"], f["targetFqdns"] = protocols, anys(v.list("destination_fqdns"))
		return f
	case "NatRule":
		f["destinationAddresses"] = anys([]string{v.text("destination_address")})
		f["translatedAddress"], f["translatedFqdn"] = v.text("translated_address"), v.text("translated_fqdn")
		f["translatedPort"] = number(v.any("translated_port"))
	default:
		f["destinationAddresses"], f["destinationFqdns"] = anys(v.list("destination_addresses")), anys(v.list("destination_fqdns"))
	}
	f["ipProtocols"] = anys(v.list("protocols"))
	return f
}

func idTexts(ids []azward.ResourceID) []any {
	all := []any{}
	for _, id := range ids {
		all = append(all, string(id))
	}
	return all
}

// number is a port as the text that ARM has.
func number(v any) string {
	if n, ok := v.(float64); ok {
		return strconv.Itoa(int(n))
	}
	s, _ := v.(string)
	return s
}
