package terraform

// classicRules is a collection of rules on a firewall itself.
//
// Sources: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/firewall_nat_rule_collection,
// https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/firewall_network_rule_collection,
// https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/firewall_application_rule_collection
func classicRules(of func(values) fields) func(values) fields {
	return func(v values) fields {
		rules := []any{}
		for _, r := range v.blocks("rule") {
			rules = append(rules, of(r))
		}
		if len(rules) == 0 && v.isUnknown("rule") {
			v.w.gap(v.c, "rule", "its rules are known after apply")
			rules = append(rules, fields{"name": later, "sourceAddresses": []any{later}, "protocols": []any{later}})
		}
		return fields{"priority": v.any("priority"), "action": fields{"type": v.text("action")}, "rules": rules}
	}
}

func classicMatch(v values) fields {
	return fields{
		"name": v.text("name"), "sourceAddresses": anys(v.list("source_addresses")), "sourceIpGroups": idTexts(v.refs("source_ip_groups", typeIPGroup)),
		"destinationAddresses": anys(v.list("destination_addresses")), "destinationPorts": anys(v.list("destination_ports")), "protocols": anys(v.list("protocols")),
	}
}

func classicNAT(v values) fields {
	f := classicMatch(v)
	f["translatedAddress"], f["translatedPort"] = v.text("translated_address"), number(v.any("translated_port"))
	return f
}

func classicNetwork(v values) fields {
	f := classicMatch(v)
	f["destinationIpGroups"], f["destinationFqdns"] = idTexts(v.refs("destination_ip_groups", typeIPGroup)), anys(v.list("destination_fqdns"))
	return f
}

func classicApplication(v values) fields {
	protocols := []any{}
	for _, p := range v.blocks("protocol") {
		protocols = append(protocols, fields{"protocolType": p.text("type"), "port": p.any("port")})
	}
	return fields{
		"name": v.text("name"), "sourceAddresses": anys(v.list("source_addresses")), "sourceIpGroups": idTexts(v.refs("source_ip_groups", typeIPGroup)),
		"protocols": protocols, "fqdnTags": anys(v.list("fqdn_tags")), "targetFqdns": anys(v.list("target_fqdns")),
	}
}
