package estate

import (
	"cmp"
	"slices"
	"strings"
	"time"

	"github.com/azward/azward"
)

// ListingStatus says how far a listing can be trusted.
type ListingStatus string

// A complete listing was read to its last page by a principal who may read
// the whole scope. A partial one was not. A declared one is the user's word
// (--complete).
const (
	ListingComplete ListingStatus = "complete"
	ListingPartial  ListingStatus = "partial"
	ListingDeclared ListingStatus = "declared"
)

// AllTypes as the type of a declared listing covers every type.
const AllTypes = "*"

// Listing records that everything of one type in one scope was read. It is
// what turns an absence into a fact.
type Listing struct {
	// Scope is a subscription, a parent resource, a cluster, or "/" for the tenant.
	Scope azward.ResourceID `json:"scope"`
	// Type is an ARM type, or a Kubernetes resource as "plural.group"
	// ("pods", "networkpolicies.networking.k8s.io").
	Type   string        `json:"type"`
	Status ListingStatus `json:"status"`
	Pages  int           `json:"pages,omitempty"`
	ReadAt time.Time     `json:"readAt,omitzero"`
}

// covers reports whether a listing of this scope and type says everything
// about the asked scope and type.
func (l Listing) covers(scope azward.ResourceID, resourceType string) bool {
	return (l.Type == AllTypes || strings.EqualFold(l.Type, resourceType)) && scope.Within(rootless(l.Scope))
}

// rootless maps the tenant scope "/" to the empty ID that Within takes for everything.
func rootless(scope azward.ResourceID) azward.ResourceID {
	if scope == "/" {
		return ""
	}
	return scope
}

// Evidence cites the listing as the proof of an absence.
func (l Listing) Evidence() azward.Evidence {
	source, meaning := azward.SourceListing, "every "+l.Type+" in this scope was listed"
	if l.Status == ListingDeclared {
		source, meaning = azward.SourceUser, "declared complete by the user"
	}
	return azward.Evidence{
		Resource: l.Scope, Property: "", Source: source, Meaning: meaning, ReadAt: l.ReadAt,
		Value: azward.JSONValue(map[string]any{"type": l.Type, "status": l.Status, "pages": l.Pages}),
	}
}

// Listings returns all listings, by scope and type.
func (e *Estate) Listings() []Listing { return e.listings }

// Gaps returns everything that could not be read, by scope and what was wanted.
func (e *Estate) Gaps() []azward.Gap { return e.gaps }

// Subscriptions returns the IDs ("/subscriptions/{id}") of all subscriptions
// that any resource or listing of the estate names, in order.
func (e *Estate) Subscriptions() []azward.ResourceID {
	seen := map[azward.ResourceKey]azward.ResourceID{}
	add := func(id azward.ResourceID) {
		if s := id.SubscriptionScope(); s != "" {
			if _, ok := seen[s.Key()]; !ok {
				seen[s.Key()] = s
			}
		}
	}
	for _, r := range e.resources {
		add(r.ID)
	}
	for _, l := range e.listings {
		add(l.Scope)
	}
	for _, g := range e.gaps {
		add(g.Scope)
	}
	ids := make([]azward.ResourceID, 0, len(seen))
	for _, id := range seen {
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b azward.ResourceID) int { return cmp.Compare(a.Key(), b.Key()) })
	return ids
}

// Absence answers whether the estate holds everything of the types within the
// scope, so that what it does not hold does not exist. It returns the listings
// that prove it; or, when any is missing, the gaps that stand in the way. A
// conclusion of "there is none" is a fact only when missing is empty.
//
// The scope is a subscription, a resource (for its children) or a cluster; ""
// means every subscription that the estate knows of.
func (e *Estate) Absence(scope azward.ResourceID, types ...string) (proof []azward.Evidence, missing []azward.Gap) {
	scopes := []azward.ResourceID{scope}
	if scope == "" {
		scopes = e.Subscriptions()
		types = append([]string{"Microsoft.Resources/subscriptions"}, types...)
		if len(scopes) == 0 {
			scopes = []azward.ResourceID{"/"}
		}
	}
	for _, t := range types {
		if scope == "" && strings.EqualFold(t, "Microsoft.Resources/subscriptions") {
			e.absent("/", t, &proof, &missing)
			continue
		}
		for _, s := range scopes {
			e.absent(s, t, &proof, &missing)
		}
	}
	return proof, missing
}

func (e *Estate) absent(scope azward.ResourceID, resourceType string, proof *[]azward.Evidence, missing *[]azward.Gap) {
	if i := slices.IndexFunc(e.listings, func(l Listing) bool {
		return l.Status != ListingPartial && l.covers(rootless(scope), resourceType)
	}); i >= 0 {
		e.tracker.touchListing(e.listings[i])
		*proof = append(*proof, e.listings[i].Evidence())
		return
	}
	found := false
	for _, g := range e.gaps {
		if strings.EqualFold(g.Reads, resourceType) && (rootless(scope).Within(rootless(g.Scope)) || rootless(g.Scope).Within(rootless(scope))) {
			e.tracker.touchGap(g)
			*missing = append(*missing, g)
			found = true
		}
	}
	if !found {
		needs := resourceType + "/read"
		if _, path := scope.SplitKubernetes(); path != "" || strings.HasSuffix(strings.ToLower(scope.Type()), "/managedclusters") {
			needs = "list " + resourceType
		}
		g := azward.Gap{
			Scope: scope, Kind: azward.GapNotRead, Reads: resourceType, Needs: needs,
			Error: "no complete listing of this type in this scope was read",
		}
		e.tracker.touchGap(g) // a replay knows the scope by its gap
		*missing = append(*missing, g)
	}
}

// GapsAt returns the gaps that concern this resource: those whose scope is the
// resource itself or a child of it, and those of its type in a scope above it.
func (e *Estate) GapsAt(id azward.ResourceID) []azward.Gap {
	var found []azward.Gap
	for _, g := range e.gaps {
		if g.Scope.Within(id) || id.Within(rootless(g.Scope)) && strings.EqualFold(g.Reads, id.Type()) {
			e.tracker.touchGap(g)
			found = append(found, g)
		}
	}
	return found
}
