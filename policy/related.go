package policy

import (
	"reflect"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"

	"github.com/azward/azward"
	"github.com/azward/azward/estate"
)

// related is a list of resources. An open one may lack some, since not all
// were read: a walk over it ends at an element that is unknown, so that
// "there is one that …" can be true and "there is none" cannot.
type related struct {
	values []ref.Val
	open   bool
}

// Fold implements [traits.Foldable].
func (l *related) Fold(f traits.Folder) {
	for i, v := range l.values {
		if !f.FoldEntry(types.Int(i), v) {
			return
		}
	}
	if l.open {
		f.FoldEntry(types.Int(len(l.values)), unknown)
	}
}

// Size implements [traits.Sizer].
func (l *related) Size() ref.Val {
	if l.open {
		return unknown
	}
	return types.Int(len(l.values))
}

// Get implements [traits.Indexer].
func (l *related) Get(index ref.Val) ref.Val {
	n, err := types.GetOrError(index)
	if err != nil {
		return types.WrapErr(err)
	}
	if n < 0 || n >= len(l.values) {
		if l.open {
			return unknown
		}
		return types.NewErr("there is no element %d", n)
	}
	return l.values[n]
}

// Contains implements [traits.Container].
func (l *related) Contains(v ref.Val) ref.Val {
	found := types.NewRefValList(types.DefaultTypeAdapter, l.values).Contains(v)
	if found != types.True && l.open {
		return unknown
	}
	return found
}

// Iterator implements [traits.Iterable].
func (l *related) Iterator() traits.Iterator {
	values := l.values
	if l.open {
		values = append(values[:len(values):len(values)], unknown)
	}
	return types.NewRefValList(types.DefaultTypeAdapter, values).Iterator()
}

// Add implements [traits.Adder].
func (l *related) Add(other ref.Val) ref.Val {
	switch more := other.(type) {
	case *related:
		return &related{append(l.values[:len(l.values):len(l.values)], more.values...), l.open || more.open}
	case traits.Lister:
		out := &related{values: l.values[:len(l.values):len(l.values)], open: l.open}
		for i := more.Iterator(); i.HasNext() == types.True; {
			out.values = append(out.values, i.Next())
		}
		return out
	}
	return types.MaybeNoSuchOverloadErr(other)
}

// Type implements [ref.Val].
func (*related) Type() ref.Type { return types.ListType }

// Value implements [ref.Val].
func (l *related) Value() any { return l.values }

// Equal implements [ref.Val].
func (l *related) Equal(other ref.Val) ref.Val {
	if l.open {
		return unknown
	}
	return types.NewRefValList(types.DefaultTypeAdapter, l.values).Equal(other)
}

// ConvertToNative implements [ref.Val].
func (l *related) ConvertToNative(t reflect.Type) (any, error) {
	return types.NewRefValList(types.DefaultTypeAdapter, l.values).ConvertToNative(t)
}

// ConvertToType implements [ref.Val].
func (l *related) ConvertToType(t ref.Type) ref.Val {
	if t == types.ListType {
		return l
	}
	return types.NewErr("a list is no %s", t.TypeName())
}

// estateFunctions ask the estate.
func estateFunctions() []cel.EnvOption {
	list := cel.ListType(cel.DynType)
	return []cel.EnvOption{
		method("children", []*cel.Type{cel.DynType, cel.StringType}, list, onResource(func(r *run, o *object, arg string) ref.Val {
			return r.children(o, arg)
		})),
		method("referrers", []*cel.Type{cel.DynType, cel.StringType}, list, onResource(func(r *run, o *object, arg string) ref.Val {
			return r.referrers(o, arg)
		})),
		ofResource("parent", cel.DynType, func(r *run, o *object) ref.Val { return r.byID(o.id().Parent()) }),
		ofResource("diagnostic_settings", list, func(r *run, o *object) ref.Val {
			return r.children(o, "Microsoft.Insights/diagnosticSettings")
		}),
		ofResource("role_assignments", list, (*run).assignmentsOn),
		ofResource("locks", list, (*run).locksOn),
		ofResource("role", cel.DynType, (*run).role),
		method("ref", []*cel.Type{estateType, cel.DynType}, cel.DynType, inEstate(func(r *run, v ref.Val) ref.Val {
			switch id := v.(type) {
			case types.String:
				return r.byID(azward.ResourceID(id))
			case types.Null:
				return types.NullValue
			}
			return types.NewErr("%s is no resource ID", v.Type().TypeName())
		})),
		method("list", []*cel.Type{estateType, cel.StringType}, list, inEstate(func(r *run, v ref.Val) ref.Val {
			return r.ofType(plainText(v))
		})),
		method("directory", []*cel.Type{estateType, cel.StringType}, list, inEstate(func(r *run, v ref.Val) ref.Val {
			return r.directory(plainText(v))
		})),
		method("role_assignments_of", []*cel.Type{estateType, cel.DynType}, list, inEstate(func(r *run, v ref.Val) ref.Val {
			return r.assignmentsOf(plainText(v))
		})),
		ofResource("reachable_from_internet", cel.BoolType, (*run).reachable),
		ofResource("open_to_everybody", cel.BoolType, func(r *run, o *object) ref.Val { return r.portOpen(o, anyPort) }),
		ofResource("open_to_any_tenant", cel.BoolType, (*run).openToTenants),
		ofResource("public_endpoint", cel.BoolType, (*run).publicEndpoint),
		ofResource("blast_radius", cel.IntType, (*run).blastRadius),
		method("reachable_from", []*cel.Type{cel.DynType, cel.StringType}, cel.BoolType, onResource((*run).reachableFrom)),
		method("port_open_from_internet", []*cel.Type{cel.DynType, cel.IntType}, cel.BoolType, func(v, port ref.Val) ref.Val {
			o, err := resourceOf(v)
			if err != nil {
				return err
			}
			return o.doc.run.portOpen(o, int(plainNumber(port)))
		}),
	}
}

// plainText is a text that the type checker saw to, or "".
func plainText(v ref.Val) string {
	s, _ := v.(types.String)
	return string(s)
}

// plainNumber is a whole number that the type checker saw to, or 0.
func plainNumber(v ref.Val) int64 {
	n, _ := v.(types.Int)
	return int64(n)
}

// resourceOf is the resource whose document this is the whole of.
func resourceOf(v ref.Val) (*object, ref.Val) {
	o, ok := v.(*object)
	if !ok || o.up != nil && o.as == nil {
		return nil, types.NewErr("%s is no resource", v.Type().TypeName())
	}
	return o, nil
}

func ofResource(name string, result *cel.Type, f func(*run, *object) ref.Val) cel.EnvOption {
	return cel.Function(name, cel.MemberOverload("of_"+name, []*cel.Type{cel.DynType}, result, cel.UnaryBinding(func(v ref.Val) ref.Val {
		o, err := resourceOf(v)
		if err != nil {
			return err
		}
		return f(o.doc.run, o)
	})))
}

func onResource(f func(*run, *object, string) ref.Val) func(a, b ref.Val) ref.Val {
	return func(v, arg ref.Val) ref.Val {
		o, err := resourceOf(v)
		if err != nil {
			return err
		}
		return f(o.doc.run, o, plainText(arg))
	}
}

func inEstate(f func(*run, ref.Val) ref.Val) func(a, b ref.Val) ref.Val {
	return func(in, arg ref.Val) ref.Val {
		r, ok := in.(*run)
		if !ok {
			return types.MaybeNoSuchOverloadErr(in)
		}
		return f(r, arg)
	}
}

// listed makes a list of resources, open unless all of the type in the scope
// were listed.
func (r *run) listed(found []*estate.Resource, scope azward.ResourceID, resourceType string) *related {
	l := &related{values: make([]ref.Val, 0, len(found))}
	r.step(len(found))
	r.add(l, found)
	proof, missing := r.checker.estate.Absence(scope, resourceType)
	r.proof = append(r.proof, proof...)
	if len(missing) > 0 {
		l.open = true
		r.gaps = append(r.gaps, missing...)
	}
	return l
}

// add puts resources into a list. One that may not be deployed leaves it open.
func (r *run) add(l *related, found []*estate.Resource) {
	for _, one := range found {
		if one.Maybe() {
			l.open = true
			r.gaps = append(r.gaps, azward.Gap{Scope: one.ID, Kind: azward.GapNotRead, Reads: one.Type, Error: "whether it is deployed at all is known when it is, and not before"})
			continue
		}
		l.values = append(l.values, r.object(one))
	}
}

// object is a resource's document; one that cannot be read is unknown.
func (r *run) object(one *estate.Resource) ref.Val {
	s, err := r.checker.document(one)
	if err != nil {
		return r.lacks(azward.Gap{Scope: one.ID, Kind: azward.GapUnparsed, Reads: one.Type, Error: err.Error()})
	}
	return s.root
}

// children are the resources of a type directly below a resource, as ARM has
// them or as the parent's own document holds them.
func (r *run) children(o *object, resourceType string) ref.Val {
	id := o.id()
	found := r.checker.estate.Children(id, resourceType)
	l := &related{}
	r.add(l, found)
	r.step(len(found))
	if inside, whole := r.checker.embedded(o, resourceType); whole {
		for _, s := range inside {
			if _, own := r.checker.estate.Resource(s.id()); !own {
				l.values = append(l.values, s)
			}
		}
		return l
	}
	proof, missing := r.checker.estate.Absence(id, resourceType)
	r.proof = append(r.proof, proof...)
	if len(missing) > 0 {
		l.open = true
		r.gaps = append(r.gaps, missing...)
	}
	return l
}

// referrers are the resources of a type that name a resource.
func (r *run) referrers(o *object, resourceType string) ref.Val {
	id := o.id()
	return r.listed(r.checker.estate.Referrers(id, resourceType), id.SubscriptionScope(), resourceType)
}

// byID is a resource of the estate: null where it does not exist, unknown
// where it was not read.
func (r *run) byID(id azward.ResourceID) ref.Val {
	if id == "" {
		return types.NullValue
	}
	r.step(1)
	if one, ok := r.checker.estate.Resource(id); ok {
		if one.Maybe() {
			r.add(&related{}, []*estate.Resource{one})
			return unknown
		}
		return r.object(one)
	}
	scope := id.Parent()
	if scope == "" {
		scope = id.SubscriptionScope()
	}
	proof, missing := r.checker.estate.Absence(scope, id.Type())
	if len(missing) > 0 {
		return r.lacks(missing...)
	}
	r.proof = append(r.proof, proof...)
	return types.NullValue
}

// ofType is all of a type: within the subscription of the resource that is
// judged, or everywhere where that is in none.
func (r *run) ofType(resourceType string) ref.Val {
	scope := r.subject.root.id().SubscriptionScope()
	found := r.checker.estate.OfType(resourceType)
	if scope == "" {
		return r.listed(found, "", resourceType)
	}
	return r.listed(r.checker.within(resourceType, scope), scope, resourceType)
}

// directory is a collection of Microsoft Graph.
func (r *run) directory(collection string) ref.Val {
	kind := directoryPrefix + strings.TrimPrefix(collection, directoryPrefix)
	return r.listed(r.checker.estate.OfType(kind), "/", kind)
}

const (
	assignmentType = "Microsoft.Authorization/roleAssignments"
	roleType       = "Microsoft.Authorization/roleDefinitions"
)

// assignmentsOn are the role assignments that hold on a resource: its own and
// those of the scopes above.
func (r *run) assignmentsOn(o *object) ref.Val {
	id := o.id()
	r.step(len(r.checker.estate.OfType(assignmentType)) / bytesPerStep)
	found := r.checker.estate.Matching(assignmentType, func(a *estate.Resource) bool {
		v, err := estate.Decode[assignment](a)
		return err != nil || v.Properties.Scope == "" || id.Within(rootless(v.Properties.Scope))
	})
	scope := id.SubscriptionScope()
	if scope == "" {
		scope = "/"
	}
	return r.listed(found, scope, assignmentType)
}

const lockType = "Microsoft.Authorization/locks"

// locksOn are the locks that hold on a resource: its own, and those of what it
// lies in.
//
// Source: https://learn.microsoft.com/azure/azure-resource-manager/management/lock-resources
func (r *run) locksOn(o *object) ref.Val {
	id := o.id()
	var found []*estate.Resource
	for scope := id; scope != ""; scope = above(scope) {
		found = append(found, r.checker.locks()[scope.Key()]...)
	}
	return r.listed(found, id.SubscriptionScope(), lockType)
}

// above is the resource, resource group or subscription that an ID lies in.
func above(id azward.ResourceID) azward.ResourceID {
	if scope := id.AttachedTo(); scope != "" {
		return scope
	}
	if parent := id.Parent(); parent != "" {
		return parent
	}
	subscription := id.SubscriptionScope()
	if group := id.ResourceGroup(); group != "" {
		if scope := subscription + azward.ResourceID("/resourceGroups/"+group); !scope.Equal(id) {
			return scope
		}
	}
	if subscription.Equal(id) {
		return ""
	}
	return subscription
}

// locks are all of the estate by what they lock.
func (c *Checker) locks() map[azward.ResourceKey][]*estate.Resource {
	if c.lockScopes == nil {
		c.lockScopes = map[azward.ResourceKey][]*estate.Resource{}
		for _, l := range c.estate.OfType(lockType) {
			if at := strings.LastIndex(strings.ToLower(string(l.ID)), "/providers/microsoft.authorization/locks/"); at >= 0 {
				key := l.ID[:at].Key()
				c.lockScopes[key] = append(c.lockScopes[key], l)
			}
		}
	}
	return c.lockScopes
}

func rootless(scope azward.ResourceID) azward.ResourceID {
	if scope == "/" {
		return ""
	}
	return scope
}

// assignment is the part of a role assignment that lookups ask for.
//
// Source: https://learn.microsoft.com/azure/templates/microsoft.authorization/roleassignments
type assignment struct {
	Properties struct {
		Scope            azward.ResourceID `json:"scope"`
		PrincipalID      string            `json:"principalId"`
		RoleDefinitionID azward.ResourceID `json:"roleDefinitionId"`
	} `json:"properties"`
}

// assignmentsOf are the role assignments of a principal.
func (r *run) assignmentsOf(principal string) ref.Val {
	r.step(len(r.checker.estate.OfType(assignmentType)) / bytesPerStep)
	found := r.checker.estate.Matching(assignmentType, func(a *estate.Resource) bool {
		v, err := estate.Decode[assignment](a)
		return err != nil || strings.EqualFold(v.Properties.PrincipalID, principal)
	})
	return r.listed(found, "", assignmentType)
}

// role is the definition that a role assignment names. A built-in one is
// returned by Azure under several scopes: its name tells.
func (r *run) role(o *object) ref.Val {
	v, err := estate.Decode[assignment](o.doc.resource)
	if err != nil || v.Properties.RoleDefinitionID == "" {
		return types.NewErr("%s names no role", o.id())
	}
	id := v.Properties.RoleDefinitionID
	if one, ok := r.checker.estate.Resource(id); ok {
		return r.object(one)
	}
	if one := r.checker.roles()[strings.ToLower(id.Name())]; one != nil {
		return r.object(one)
	}
	return r.lacks(azward.Gap{
		Scope: id, Kind: azward.GapNotRead, Reads: roleType, Needs: roleType + "/read", Error: "the role definition was not read",
	})
}
