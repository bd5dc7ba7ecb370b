package terraform

import (
	"cmp"

	"github.com/azward/azward"
)

// ARM types around the domains of Front Door.
const (
	typeFrontDoorWAF = "Microsoft.Network/frontDoorWebApplicationFirewallPolicies"
	typeRoute        = "Microsoft.Cdn/profiles/afdEndpoints/routes"
	typeDomain       = "Microsoft.Cdn/profiles/customDomains"
)

// frontDoorWAF is the web application firewall policy of Front Door.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/cdn_frontdoor_firewall_policy
func frontDoorWAF(w *world, v values, id azward.ResourceID) {
	rules := []any{}
	for _, r := range v.blocks("custom_rule") {
		conditions := []any{}
		for _, c := range r.blocks("match_condition") {
			conditions = append(conditions, fields{
				"matchVariable": c.text("match_variable"), "selector": c.text("selector"), "operator": c.text("operator"),
				"negateCondition": c.any("negation_condition") == true, "matchValue": anys(c.list("match_values")),
			})
		}
		rules = append(rules, fields{
			"name": r.text("name"), "priority": orElse(r, "priority", 1), "ruleType": r.text("type"), "action": r.text("action"),
			"enabledState": switchOf(r, "enabled"), "matchConditions": conditions,
		})
	}
	if len(rules) == 0 && v.isUnknown("custom_rule") {
		w.gap(v.c, "custom_rule", "its rules are known after apply")
	}
	b := w.put(id, fields{
		"policySettings": fields{"enabledState": switchOf(v, "enabled"), "mode": v.text("mode")},
		"customRules":    fields{"rules": rules},
	})
	b["sku"] = fields{"name": v.text("sku_name")}
}

// frontDoorSecurity puts a policy before domains: endpoints or custom ones.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/cdn_frontdoor_security_policy
func frontDoorSecurity(w *world, v values, id azward.ResourceID) {
	parameters := fields{"type": "WebApplicationFirewall"}
	for _, s := range v.blocks("security_policies") {
		for _, f := range s.blocks("firewall") {
			parameters["wafPolicy"] = object(f.ref("cdn_frontdoor_firewall_policy_id", typeFrontDoorWAF))
			associations := []any{}
			for _, a := range f.blocks("association") {
				domains := []azward.ResourceID{}
				for _, d := range a.blocks("domain") {
					domains = append(domains, d.refs("cdn_frontdoor_domain_id", "")...)
				}
				associations = append(associations, fields{"domains": objects(domains), "patternsToMatch": anys(a.list("patterns_to_match"))})
			}
			parameters["associations"] = associations
		}
	}
	w.put(id, fields{"parameters": parameters})
}

func customDomain(w *world, v values, id azward.ResourceID) {
	w.put(id, fields{"hostName": cmp.Or(v.text("host_name"), later)})
}

// domainRoutes lets routes serve a custom domain.
//
// Source: https://registry.terraform.io/providers/hashicorp/azurerm/latest/docs/resources/cdn_frontdoor_custom_domain_association
func domainRoutes(edit func([]any, azward.ResourceID) []any) func(*world, values) {
	return func(w *world, v values) {
		domain := v.ref("cdn_frontdoor_custom_domain_id", typeDomain)
		for _, route := range v.refs("cdn_frontdoor_route_ids", typeRoute) {
			b, ok := w.body(route)
			if !ok {
				w.gap(v.c, "cdn_frontdoor_route_ids", "neither the estate nor the plan holds route "+route.Name())
				continue
			}
			held, _ := propertiesOf(b)["customDomains"].([]any)
			propertiesOf(b)["customDomains"] = edit(held, domain)
		}
	}
}

// domainLink is the association of a domain with routes.
func domainLink() kind {
	add := domainRoutes(func(held []any, id azward.ResourceID) []any { return append(withoutRef(held, id), object(id)) })
	return kind{
		pass: last,
		edit: func(w *world, v values, _ azward.ResourceID) { add(w, v) },
		undo: domainRoutes(withoutRef),
	}
}
