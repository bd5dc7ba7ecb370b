// Package rbac decides what Azure role assignments allow. A [Policy] is built
// from role definitions, role assignments and deny assignments as ARM spells
// them; [Policy.Allowed] answers for one principal, action and scope.
//
// Sources:
// https://learn.microsoft.com/azure/role-based-access-control/overview#how-azure-rbac-determines-if-a-user-has-access-to-a-resource
// https://learn.microsoft.com/azure/role-based-access-control/role-definitions
// https://learn.microsoft.com/azure/role-based-access-control/deny-assignments
package rbac

import (
	"slices"
	"strings"
)

// Everyone is the principal ID that stands for all of them in a deny
// assignment.
const Everyone = "00000000-0000-0000-0000-000000000000"

// Principal is who asks.
type Principal struct {
	ObjectID string
	Groups   []string // object IDs, transitive
}

// Permission is one element of a role definition's permissions.
type Permission struct {
	Actions        []string `json:"actions"`
	NotActions     []string `json:"notActions"`
	DataActions    []string `json:"dataActions"`
	NotDataActions []string `json:"notDataActions"`
}

// allows takes action in lower case.
func (p *Permission) allows(action string, data bool) bool {
	if data {
		return matchAny(p.DataActions, action) && !matchAny(p.NotDataActions, action)
	}
	return matchAny(p.Actions, action) && !matchAny(p.NotActions, action)
}

// Definition is a role.
type Definition struct {
	GUID        string // last segment of its ID
	RoleName    string
	Description string
	Custom      bool
	Permissions []Permission
	Assignable  []string
}

// Assignment gives a principal a role at a scope.
type Assignment struct {
	PrincipalID string
	RoleGUID    string
	Scope       string
}

// Deny takes permissions away at a scope.
type Deny struct {
	Scope             string
	Permissions       []Permission
	Principals        []string // object IDs, or Everyone
	ExcludePrincipals []string
	NotChildScopes    bool
}

// Policy answers questions. Build it with [New]; it is read-only then.
type Policy struct {
	definitions map[string]*Definition
	granted     map[string][]grant // by principal
	denies      []Deny
	ancestors   func(subscription string) []string
}

type grant struct {
	scope string
	role  *Definition
}

// New builds a policy. ancestors gives the management groups above a
// subscription (its ID in lower case) as scopes in lower case; nil knows none.
// Assignments of roles that definitions lacks give nothing.
func New(definitions []Definition, assignments []Assignment, denies []Deny, ancestors func(string) []string) *Policy {
	p := &Policy{
		definitions: make(map[string]*Definition, len(definitions)),
		granted:     map[string][]grant{},
		ancestors:   ancestors,
	}
	for _, d := range definitions {
		d.Permissions = lowerPermissions(d.Permissions)
		p.definitions[strings.ToLower(d.GUID)] = &d
	}
	for _, a := range assignments {
		role := p.definitions[strings.ToLower(a.RoleGUID)]
		if role == nil {
			continue
		}
		who := strings.ToLower(a.PrincipalID)
		p.granted[who] = append(p.granted[who], grant{scope: fold(a.Scope), role: role})
	}
	for _, d := range denies {
		d.Scope = fold(d.Scope)
		d.Permissions = lowerPermissions(d.Permissions)
		d.Principals = lowerAll(d.Principals)
		d.ExcludePrincipals = lowerAll(d.ExcludePrincipals)
		p.denies = append(p.denies, d)
	}
	return p
}

// Allowed reports whether who may do a control-plane action at scope.
func (p *Policy) Allowed(who Principal, action, scope string) bool {
	return p.decide(who, action, scope, false)
}

// AllowedData reports whether who may do a data action at scope.
func (p *Policy) AllowedData(who Principal, action, scope string) bool {
	return p.decide(who, action, scope, true)
}

func (p *Policy) decide(who Principal, action, scope string, data bool) bool {
	action, scope = strings.ToLower(action), fold(scope)
	if p.denied(who, action, scope, data) {
		return false
	}
	above := p.above(scope)
	for g := range p.grants(who) {
		if covers(g.scope, scope, above) && g.allows(action, data) {
			return true
		}
	}
	return false
}

func (g grant) allows(action string, data bool) bool {
	return slices.ContainsFunc(g.role.Permissions, func(p Permission) bool { return p.allows(action, data) })
}

func (p *Policy) denied(who Principal, action, scope string, data bool) bool {
	for _, d := range p.denies {
		inScope := d.Scope == scope || !d.NotChildScopes && covers(d.Scope, scope, p.above(scope))
		if inScope && d.names(who) && slices.ContainsFunc(d.Permissions, func(x Permission) bool { return x.allows(action, data) }) {
			return true
		}
	}
	return false
}

func (d *Deny) names(who Principal) bool {
	holds := func(ids []string) bool {
		return slices.Contains(ids, strings.ToLower(who.ObjectID)) ||
			slices.ContainsFunc(who.Groups, func(g string) bool { return slices.Contains(ids, strings.ToLower(g)) })
	}
	return (slices.Contains(d.Principals, Everyone) || holds(d.Principals)) && !holds(d.ExcludePrincipals)
}

// Reaches reports whether who has any role at scope or above it.
func (p *Policy) Reaches(who Principal, scope string) bool {
	scope = fold(scope)
	above := p.above(scope)
	for g := range p.grants(who) {
		if covers(g.scope, scope, above) {
			return true
		}
	}
	return false
}

// Below reports whether who has any role somewhere below scope. Azure then
// answers a list with the part that who may see, not with a refusal.
func (p *Policy) Below(who Principal, scope string) bool {
	scope = fold(scope)
	for g := range p.grants(who) {
		if strings.HasPrefix(g.scope, strings.TrimSuffix(scope, "/")+"/") && g.scope != scope {
			return true
		}
	}
	return false
}

// PermissionsAt gives the permissions of every role that who has at scope, as
// the permissions API lists them.
func (p *Policy) PermissionsAt(who Principal, scope string) []Permission {
	scope = fold(scope)
	above := p.above(scope)
	var all []Permission
	for g := range p.grants(who) {
		if covers(g.scope, scope, above) {
			all = append(all, g.role.Permissions...)
		}
	}
	return all
}

// Role finds a definition by GUID or by name.
func (p *Policy) Role(nameOrGUID string) (*Definition, bool) {
	if d, ok := p.definitions[strings.ToLower(nameOrGUID)]; ok {
		return d, true
	}
	for _, d := range p.definitions {
		if strings.EqualFold(d.RoleName, nameOrGUID) {
			return d, true
		}
	}
	return nil, false
}

func (p *Policy) grants(who Principal) func(yield func(grant) bool) {
	return func(yield func(grant) bool) {
		for _, id := range append([]string{who.ObjectID}, who.Groups...) {
			for _, g := range p.granted[strings.ToLower(id)] {
				if !yield(g) {
					return
				}
			}
		}
	}
}

// above lists the scopes over a subscription that are not a prefix of it.
func (p *Policy) above(scope string) []string {
	rest, ok := strings.CutPrefix(scope, "/subscriptions/")
	if !ok {
		if p.ancestors != nil && strings.HasPrefix(scope, "/providers/microsoft.management/managementgroups/") {
			return p.ancestors(scope)
		}
		return nil
	}
	if p.ancestors == nil {
		return nil
	}
	subscription, _, _ := strings.Cut(rest, "/")
	return p.ancestors("/subscriptions/" + subscription)
}

// Covers reports whether scope a is b or holds it; above are b's management
// groups, in lower case.
func Covers(a, b string, above []string) bool { return covers(fold(a), fold(b), above) }

// covers reports whether a grant at a is good at b.
func covers(a, b string, above []string) bool {
	switch {
	case a == "/" || a == b:
		return true
	case strings.HasPrefix(b, a) && len(b) > len(a) && b[len(a)] == '/':
		return true
	}
	return slices.Contains(above, a)
}

func fold(scope string) string {
	s := strings.ToLower(strings.TrimRight(scope, "/"))
	if s == "" {
		return "/"
	}
	return s
}

func lowerAll(in []string) []string {
	out := make([]string, len(in))
	for i, s := range in {
		out[i] = strings.ToLower(s)
	}
	return out
}

func lowerPermissions(in []Permission) []Permission {
	out := make([]Permission, len(in))
	for i, p := range in {
		out[i] = Permission{lowerAll(p.Actions), lowerAll(p.NotActions), lowerAll(p.DataActions), lowerAll(p.NotDataActions)}
	}
	return out
}

func matchAny(patterns []string, action string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return match(p, action) })
}

// match compares with * standing for any run of characters, slashes included.
func match(pattern, s string) bool {
	head, rest, star := strings.Cut(pattern, "*")
	if !star {
		return pattern == s
	}
	if !strings.HasPrefix(s, head) {
		return false
	}
	s = s[len(head):]
	for {
		part, more, star := strings.Cut(rest, "*")
		if !star {
			return strings.HasSuffix(s, part)
		}
		at := strings.Index(s, part)
		if at < 0 {
			return false
		}
		s, rest = s[at+len(part):], more
	}
}

// AllowedBelow reports whether some assignment below scope allows the action
// where it stands. Azure then answers a list at scope with that part.
func (p *Policy) AllowedBelow(who Principal, action, scope string) bool {
	action, scope = strings.ToLower(action), fold(scope)
	for g := range p.grants(who) {
		if strings.HasPrefix(g.scope, strings.TrimSuffix(scope, "/")+"/") && g.scope != scope &&
			g.allows(action, false) && !p.denied(who, action, g.scope, false) {
			return true
		}
	}
	return false
}
