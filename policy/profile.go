package policy

import (
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/policy/azurepolicy"
)

// Profile is what is evaluated: rules of ours and a user's, and Azure policies.
type Profile struct {
	Rules    []*Rule
	Policies []*azurepolicy.Policy
	// Skipped are policies of the profile that are not evaluated.
	Skipped []azurepolicy.Skipped
}

// Names of profiles that are no framework's.
const (
	ProfileDefault = "default" // all rules, and the definitions of [defaultInitiatives]
	ProfileAll     = "all"     // all rules and all definitions
	ProfileRules   = "rules"   // rules alone
)

// defaultInitiatives are the Microsoft cloud security benchmark and the newest
// initiative for CIS Azure Foundations that Microsoft builds in.
//
// Source: https://learn.microsoft.com/azure/governance/policy/samples/built-in-initiatives
var defaultInitiatives = []string{"1f3afdf9-d0c9-4c3d-847f-89da613e70a8", "470a962c-86a0-433b-803a-3c176b5ce79c"}

// abbreviations of frameworks, as they stand in titles of initiatives.
var abbreviations = map[string]string{"mcsb": "Microsoft cloud security benchmark"}

// Select gives what a profile evaluates. The catalog may be empty: then the
// rules alone are evaluated.
func Select(name string, rules []*Rule, catalog *azurepolicy.Catalog) (Profile, error) {
	switch name {
	case "", ProfileDefault:
		p := Profile{Rules: rules}
		for _, id := range defaultInitiatives {
			if s, ok := catalog.Initiative(id); ok {
				p.add(catalog, s)
			}
		}
		// What somebody has to attest is nothing that can be evaluated.
		p.Policies = slices.DeleteFunc(p.Policies, func(x *azurepolicy.Policy) bool { return x.Effect == "manual" })
		return p, p.withoutDoubles()
	case ProfileAll:
		policies, skipped := catalog.All()
		return Profile{Rules: rules, Policies: policies, Skipped: skipped}, nil
	case ProfileRules:
		return Profile{Rules: rules}, nil
	}
	var p Profile
	for _, r := range rules {
		if r.Of(name) {
			p.Rules = append(p.Rules, r)
		}
	}
	wanted := name
	if long := abbreviations[strings.ToLower(name)]; long != "" {
		wanted = long
	}
	found := false
	for _, s := range catalog.Every() {
		if glob("*"+wanted+"*", s.DisplayName) {
			found = true
			p.add(catalog, s)
		}
	}
	if len(p.Rules) == 0 && !found {
		return p, &azward.Error{
			Kind: azward.KindNotFound, Op: "find profile", Subject: name, Cause: "no rule and no initiative that was read is of such a framework",
			Remedy: "use default, all, rules, or a framework that azward policy list names",
		}
	}
	return p, nil
}

// add takes the members of an initiative; one that is there already gets its
// groups besides.
func (p *Profile) add(catalog *azurepolicy.Catalog, s *azurepolicy.Initiative) {
	policies, skipped := catalog.Of(s, nil)
	p.Skipped = append(p.Skipped, skipped...)
	for _, one := range policies {
		at := slices.IndexFunc(p.Policies, func(x *azurepolicy.Policy) bool {
			return x.Definition == one.Definition && x.Effect == one.Effect
		})
		if at < 0 {
			p.Policies = append(p.Policies, one)
			continue
		}
		both := *p.Policies[at]
		both.Groups = append(slices.Clone(both.Groups), one.Groups...)
		p.Policies[at] = &both
	}
}
