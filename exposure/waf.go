package exposure

import (
	"cmp"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// wafModeWords says what a firewall in a mode does. Detection never blocks.
//
// Source: https://learn.microsoft.com/azure/web-application-firewall/ag/ag-overview#waf-modes
func wafModeWords(title, mode string) string {
	switch strings.ToLower(mode) {
	case "prevention":
		return title + " inspects it in Prevention mode: a mitigation, no proof"
	case "detection":
		return title + " is in Detection mode, which blocks nothing"
	}
	return title + " inspects it in a mode that azward does not know"
}

// inspect appends the web application firewall that a way passes. It is a
// mitigation: only its owner's rules on client addresses narrow the sources,
// and where they alone would close the way the answer is unknown.
//
// Source: https://learn.microsoft.com/azure/web-application-firewall/ag/custom-waf-rules-overview
func inspect(e *estate.Estate, w *way, policy azward.ResourceID) {
	title := "web application firewall policy " + policy.Name()
	h := Hop{Resource: policy, Kind: "webApplicationFirewall", Name: policy.Name(), Answer: azward.Yes}
	r, ok := e.Resource(policy)
	if !ok {
		h.Summary = title + ", which was not read, inspects it: a mitigation at most"
		w.hop(h)
		return
	}
	v, err := estate.Decode[estate.WAFPolicy](r)
	if err != nil {
		h.Summary = title + " has an unexpected shape: a mitigation at most"
		w.hop(h)
		return
	}
	s := v.Properties.PolicySettings
	h.Evidence = []azward.Evidence{r.Evidence("/properties/policySettings", "state and mode of the policy")}
	if state := cmp.Or(s.State, s.EnabledState); state != "" && !strings.EqualFold(state, "Enabled") {
		h.Summary = title + " is disabled"
		w.hop(h)
		return
	}
	h.Summary = wafModeWords(title, s.Mode)
	if !strings.EqualFold(s.Mode, "Prevention") {
		w.hop(h)
		return
	}
	h.Mitigates = true
	rest, cited, header := customRules(r, v)
	h.Evidence = append(h.Evidence, cited...)
	if header {
		h.Summary += "; it blocks requests without the right X-Azure-FDID header"
	}
	sources, exact := currentSources(w)
	if !exact || sources.Subset(rest) {
		w.hop(h)
		return
	}
	left := sources.Intersect(rest)
	if left.IsEmpty() {
		h.Summary = title + " blocks every address that gets here, and azward takes no such firewall for a proof"
		w.doubt(h, azward.Gap{Scope: r.ID, Kind: azward.GapUnsupported, Reads: "/properties/customRules", Error: h.Summary})
		return
	}
	h.Summary += "; its rules leave " + listWords(sourceNames(left))
	for i := range w.flows {
		w.flows[i].Sources = sourceNames(prefixes(w.flows[i].Sources).Intersect(left))
	}
	w.narrow(classOf(left))
	w.hop(h)
}

// customRules returns the addresses that the owner's rules do not block for
// certain, and whether a rule blocks requests by the header of Front Door.
func customRules(r *estate.Resource, v *estate.WAFPolicy) (rest netset.Addrs, cited []azward.Evidence, header bool) {
	list := slices.Clone(v.Properties.CustomRules)
	slices.SortStableFunc(list, func(a, b estate.WAFCustomRule) int { return cmp.Compare(a.Priority, b.Priority) })
	var rules []netset.Rule
	for _, c := range list {
		if state := cmp.Or(c.State, c.EnabledState); state != "" && !strings.EqualFold(state, "Enabled") {
			continue
		}
		var access netset.Access
		switch strings.ToLower(c.Action) {
		case "allow":
			access = netset.Allow
		case "block":
			access = netset.Deny
		default:
			continue // logs, challenges, redirects: not taken for a block
		}
		rule := netset.Rule{Access: access, Ports: netset.AllPorts()}
		sources, whole := wafSources(c)
		if rule.Sources = sources; !whole || strings.EqualFold(c.RuleType, "RateLimitRule") {
			rule.Sources, rule.MaybeSources = netset.Addrs{}, sources
		}
		rules = append(rules, rule)
		header = header || access == netset.Deny && asksFrontDoor(c)
	}
	if len(rules) > 0 {
		cited = append(cited, r.Evidence("/properties/customRules", "rules of the policy's owner"))
	}
	painted := netset.Paint(rules, azward.Yes)
	within := netset.Product(netset.AllAddrs(), netset.Port(anyPort))
	return painted.Select(within, func(c netset.Cell) bool { return c.Answer != azward.No }).Sources(), cited, header
}

// wafSources are the client addresses that a rule matches; whole is false when
// it asks for more than the address.
func wafSources(c estate.WAFCustomRule) (netset.Addrs, bool) {
	all, whole := netset.AllAddrs(), len(c.MatchConditions) > 0
	for _, m := range c.MatchConditions {
		variables := []string{m.MatchVariable}
		for _, v := range m.MatchVariables {
			variables = append(variables, v.VariableName)
		}
		variables = nonEmpty(variables)
		address := len(variables) == 1 && (strings.EqualFold(variables[0], "RemoteAddr") || strings.EqualFold(variables[0], "SocketAddr"))
		if !address || !strings.EqualFold(m.Operator, "IPMatch") {
			whole = false
			continue
		}
		values := append(slices.Clone(m.MatchValues), m.MatchValue...)
		set := netset.Addrs{}
		for _, text := range values {
			p, _, err := netset.ParsePrefix(text)
			if err != nil {
				return netset.AllAddrs(), false
			}
			set = set.Union(netset.PrefixAddrs(p))
		}
		if m.Negation || m.Negate {
			set = set.Complement()
		}
		all = all.Intersect(set)
	}
	return all, whole
}

// asksFrontDoor reports a condition on the header by which Front Door names
// its instance.
//
// Source: https://learn.microsoft.com/azure/frontdoor/origin-security#front-door-identifier
func asksFrontDoor(c estate.WAFCustomRule) bool {
	for _, m := range c.MatchConditions {
		selectors := []string{m.Selector}
		for _, v := range m.MatchVariables {
			selectors = append(selectors, v.Selector)
		}
		negated := m.Negation || m.Negate
		if negated && slices.ContainsFunc(selectors, func(s string) bool { return strings.EqualFold(s, "X-Azure-FDID") }) {
			return true
		}
	}
	return false
}
