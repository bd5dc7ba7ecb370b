package exposure

import (
	"fmt"
	"slices"
	"strings"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
	"github.com/azward/azward/exposure/netset"
)

// Types of what Virtual Network Manager deploys, as Resource Graph has them.
//
// Source: https://learn.microsoft.com/azure/virtual-network-manager/query-azure-resource-graph
const (
	managerType        = "Microsoft.Network/networkManagers"
	effectiveAdminType = "Microsoft.Network/effectiveSecurityAdminRules"
	ruleSnapshotType   = "Microsoft.Network/networkManagers/securityAdminConfigurations/ruleCollections/rules/snapshots"
	effectiveMeshType  = "Microsoft.Network/effectiveConnectivityConfigurations"
)

// adminRules are the security admin rules at a virtual network, which are
// evaluated before every security group: Deny stops a packet, AlwaysAllow
// delivers it past the groups, Allow hands it to them.
//
// Source: https://learn.microsoft.com/azure/virtual-network-manager/concept-security-admins
type adminRules struct {
	at    *estate.Resource // which configurations are deployed here
	rules []groupRule
	// missing says that whether there are such rules is not known.
	missing *azward.Gap
	source  *estate.Resource // a network manager that is there
	proof   []azward.Evidence
}

// adminRulesOf reads what is deployed to a virtual network. Where the deployed
// configurations were not listed, a tenant without a network manager has none.
func adminRulesOf(e *estate.Estate, vnet azward.ResourceID) adminRules {
	if vnet == "" {
		return adminRules{}
	}
	at, ok := e.Resource(vnet + "/providers/" + effectiveAdminType + "/default")
	if !ok {
		managers := e.OfType(managerType)
		proof, missing := e.Absence(vnet.SubscriptionScope(), effectiveAdminType)
		// A user who declares an export complete hardly means Resource Graph's
		// own tables, where there is a manager.
		if len(missing) == 0 && (len(managers) == 0 || !slices.ContainsFunc(proof, func(p azward.Evidence) bool { return p.Source == azward.SourceUser })) {
			return adminRules{proof: proof}
		}
		if len(managers) == 0 {
			return adminRules{} // the proof that there is none closes the answer, not this way
		}
		return adminRules{source: managers[0], missing: &azward.Gap{
			Scope: vnet, Kind: azward.GapNotRead, Reads: effectiveAdminType, Needs: "Microsoft.Network/virtualNetworks/read",
			Error:  "there is a network manager, and which security admin rules it deployed here was not read",
			Remedy: "collect the tenant with azward, which asks Azure Resource Graph for them",
		}}
	}
	return deployedRules(e, at)
}

// deployedRules reads the rules of the configurations that are deployed at a
// virtual network.
func deployedRules(e *estate.Estate, at *estate.Resource) adminRules {
	a := adminRules{at: at, source: at}
	lacks := func(reads, cause string) adminRules {
		a.missing = &azward.Gap{Scope: at.ID, Kind: azward.GapNotRead, Reads: reads, Needs: managerType + "/read", Error: cause}
		return a
	}
	v, err := estate.Decode[estate.EffectiveAdminRules](at)
	if err != nil {
		gap := unparsed(at, err)
		a.missing = &gap
		return a
	}
	if v.Properties.Configurations == nil {
		return lacks("/properties/effectiveSecurityAdminConfigurations", "it does not say which configurations are deployed")
	}
	managers := map[azward.ResourceKey]bool{}
	for _, c := range *v.Properties.Configurations {
		configuration := withoutSnapshot(c.ID)
		managers[configuration.Parent().Key()] = true
		rules, doubt := snapshotsOf(e, configuration)
		if len(rules) == 0 {
			return lacks(ruleSnapshotType, "the rules of the deployed configuration "+configuration.Name()+" were not read")
		}
		for i := range rules {
			if doubt != "" {
				rules[i].form.unclear = firstOf(rules[i].form.unclear, doubt)
			}
		}
		a.rules = append(a.rules, rules...)
		if _, missing := e.Absence(configuration.Parent().SubscriptionScope(), ruleSnapshotType); len(missing) > 0 {
			return lacks(ruleSnapshotType, "whether the deployed configuration "+configuration.Name()+" has further rules was not read")
		}
	}
	if len(managers) > 1 { // that of the higher scope decides, which is not read
		for i := range a.rules {
			a.rules[i].form.unclear = "rules of several network managers are deployed here, and which come first is not followed"
		}
	}
	slices.SortStableFunc(a.rules, byPriority)
	contradictions(a.rules)
	return a
}

func withoutSnapshot(id azward.ResourceID) azward.ResourceID {
	if i := strings.LastIndex(strings.ToLower(string(id)), "/snapshots/"); i >= 0 {
		return id[:i]
	}
	return id
}

// snapshotsOf reads the rules that a configuration had when it was deployed.
// A rule of which several snapshots are there, or one of several collections,
// which apply to groups of their own, may or may not hold.
func snapshotsOf(e *estate.Estate, configuration azward.ResourceID) (rules []groupRule, doubt string) {
	collections, seen := map[azward.ResourceKey]bool{}, map[azward.ResourceKey]int{}
	for _, r := range e.OfType(ruleSnapshotType) {
		if !r.ID.Within(configuration) {
			continue
		}
		rule := withoutSnapshot(r.ID)
		seen[rule.Key()]++
		collections[rule.Parent().Key()] = true
		if seen[rule.Key()] > 1 {
			doubt = "several snapshots of rule " + rule.Name() + " were read, and which is deployed is not told"
		}
		rules = append(rules, adminRule(r, rule.Name())...)
	}
	if len(collections) > 1 && doubt == "" {
		doubt = "its configuration has several rule collections, and which of them apply to this network is not told"
	}
	return rules, doubt
}

// adminRule reads one rule, for each direction in which it holds.
func adminRule(r *estate.Resource, name string) []groupRule {
	v, err := estate.Decode[estate.AdminRule](r)
	if err != nil {
		form := ruleForm{access: netset.Unclear, protocols: []string{"*"}, ports: []string{"*"}, near: anySide(), far: anySide(), unclear: err.Error()}
		return []groupRule{{form, ruleRef{of: r, name: name, pointer: "/properties"}}}
	}
	p := v.Properties
	form := ruleForm{
		access: netset.Unclear, near: adminSide("destinations", p.Destinations), far: adminSide("sources", p.Sources),
		sourcePorts: nonEmpty(slices.Clone(p.SourcePortRanges)), ports: nonEmpty(slices.Clone(p.DestinationPortRanges)),
	}
	if p.Protocol != "" {
		form.protocols = []string{p.Protocol}
	}
	if strings.EqualFold(p.Direction, string(outbound)) {
		form.near, form.far = form.far, form.near
	} else if !strings.EqualFold(p.Direction, string(inbound)) {
		form.unclear = fmt.Sprintf("its direction %q is neither Inbound nor Outbound", p.Direction)
	}
	return []groupRule{{form, ruleRef{of: r, name: name, pointer: "/properties", access: p.Access, priority: p.Priority}}}
}

func anySide() sideForm { return sideForm{names: []string{"*"}} }

func adminSide(property string, list []estate.AdminAddress) sideForm {
	s := sideForm{property: property}
	for _, a := range list {
		if !strings.EqualFold(a.AddressPrefixType, "IPPrefix") && !strings.EqualFold(a.AddressPrefixType, "ServiceTag") {
			s.unclear = fmt.Sprintf("%s names %.80q of type %q, which azward does not follow", property, a.AddressPrefix, a.AddressPrefixType)
		}
		s.names = append(s.names, a.AddressPrefix)
	}
	s.names = nonEmpty(s.names)
	return s
}

// intents are services whose subnets carry network intent policies: admin
// rules are not applied to their networks unless the manager opts in.
//
// Source: https://learn.microsoft.com/azure/virtual-network-manager/concept-security-admins#nonapplication-of-security-admin-rules
var intents = []string{"Microsoft.Sql/managedInstances", "Microsoft.Databricks/workspaces"}

// paint gives two maps: whether the rules let a packet on, and whether they
// deliver it past the security groups.
func (a adminRules) paint(at nicPlace, p packet) (pass, bypass layer) {
	pass = layer{group: a.at, admin: true, where: "virtual network", direction: p.direction}
	bypass = pass
	var passing, always []groupRule
	for _, r := range a.rules {
		if r.form.unclear == "" && at.n.hasIntent {
			r.form.unclear = "the network holds a service to whose networks admin rules are not applied, unless the manager opts in"
		}
		if v, err := estate.Decode[estate.AdminRule](r.ref.of); err == nil {
			dir := v.Properties.Direction
			if (strings.EqualFold(dir, string(inbound)) || strings.EqualFold(dir, string(outbound))) && !strings.EqualFold(dir, string(p.direction)) {
				continue
			}
		}
		on, over := r, r
		switch strings.ToLower(r.ref.access) {
		case "alwaysallow":
			on.form.access, over.form.access = netset.Allow, netset.Allow
		case "allow":
			on.form.access, over.form.access = netset.Allow, netset.Deny
		case "deny":
			on.form.access, over.form.access = netset.Deny, netset.Deny
		}
		passing, always = append(passing, on), append(always, over)
	}
	pass.paint(at, passing, p, azward.Yes)
	bypass.paint(at, always, p, azward.No)
	return pass, bypass
}

// gapHop is the hop of admin rules that were not read.
func (a adminRules) gapHop() Hop {
	h := Hop{Resource: a.source.ID, Kind: kindOf(a.source), Name: a.source.Name, Summary: "security admin rules may decide before the security groups: " + a.missing.Error}
	return h
}

// adminGaps is what is missing for a No about these ends: without a network
// manager there are no admin rules, and that must have been read.
func adminGaps(e *estate.Estate, ends ...end) []azward.Gap {
	var c closing
	for _, x := range ends {
		for _, n := range x.interfaces {
			c.absence(n.noManager(e))
		}
	}
	return c.missing
}

// noManager proves that no security admin rules but those read stand before
// the interface: the deployed ones were listed, or there is no manager.
func (n *netInterface) noManager(e *estate.Estate) (proof []azward.Evidence, missing []azward.Gap) {
	if admin := n.admin(e); admin.at != nil || admin.missing != nil || len(admin.proof) > 0 {
		return admin.proof, nil // what is missing is on the way itself
	}
	for _, scope := range n.subscription {
		p, m := e.Absence(scope, managerType)
		proof, missing = append(proof, p...), append(missing, m...)
	}
	return proof, missing
}
