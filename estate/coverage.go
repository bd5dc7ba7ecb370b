package estate

import (
	"cmp"
	"maps"
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
	// Own says that only what is attached to the scope itself was listed, and
	// nothing of what lies below: the diagnostic settings of a subscription.
	Own bool `json:"own,omitempty"`
	// Via is where the listing was taken from when that is not the authority
	// itself: [azward.SourceResourceGraph], which lags. "" is the authority.
	Via azward.Source `json:"via,omitempty"`
}

// covers reports whether a listing of this scope and type says everything
// about the asked scope and type. What is said of all types in the tenant is
// said of ARM's: a cluster's objects need a word of their own, since a user
// who exported no cluster at all did not mean that it is empty.
func (l Listing) covers(scope azward.ResourceID, resourceType string) bool {
	switch {
	case l.Status == ListingPartial || !scope.Within(rootless(l.Scope)):
		return false
	case l.Own && !scope.Equal(rootless(l.Scope)):
		return false
	case l.Type == AllTypes:
		return rootless(l.Scope) != "" || strings.Contains(resourceType, "/")
	default:
		return strings.EqualFold(l.Type, resourceType)
	}
}

// weight orders listings by what they prove: read from the authority, read
// from a copy, declared.
func (l Listing) weight() int {
	switch {
	case l.Status == ListingComplete && l.Via == "":
		return 0
	case l.Status == ListingComplete:
		return 1
	default:
		return 2
	}
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
	source, meaning := azward.SourceListing, "all "+l.Type+" in this scope were listed"
	switch {
	case l.Status == ListingDeclared:
		source, meaning = azward.SourceUser, "declared complete by the user"
	case l.Via == azward.SourceTemplate:
		source, meaning = l.Via, "all "+l.Type+" that would be created in this scope"
	case l.Own:
		meaning = "all " + l.Type + " of this scope itself were listed"
	case l.Via != "":
		source, meaning = l.Via, "all "+l.Type+" in this scope that the one who asked may read"
	}
	return azward.Evidence{
		Resource: l.Scope, Property: "", Source: source, Meaning: meaning, ReadAt: l.ReadAt,
		Value: azward.JSONValue(listed{l.Pages, l.Status, l.Type}),
	}
}

// listed is what the evidence of a listing shows.
type listed struct {
	Pages  int           `json:"pages"`
	Status ListingStatus `json:"status"`
	Type   string        `json:"type"`
}

// Listings returns all listings, by scope and type.
func (e *Estate) Listings() []Listing { return e.listings }

// Gaps returns everything that could not be read, by scope and what was wanted.
func (e *Estate) Gaps() []azward.Gap { return e.gaps }

// Subscriptions returns the IDs ("/subscriptions/{id}") of all subscriptions
// that any resource, listing or gap of the estate names, in order.
func (e *Estate) Subscriptions() []azward.ResourceID {
	e.tracker.note(lookup{kind: subscriptionIDs})
	e.subscriptionsOnce.Do(e.indexSubscriptions)
	for _, s := range e.subscriptions {
		// Nothing is proven by this; but a replay then asks about the same ones.
		e.tracker.touchListing(Listing{Scope: s, Type: subscriptionType, Status: ListingPartial})
	}
	return slices.Clone(e.subscriptions)
}

const subscriptionType = "Microsoft.Resources/subscriptions"

func (e *snapshot) indexSubscriptions() {
	seen := map[azward.ResourceKey]azward.ResourceID{}
	add := func(id azward.ResourceID) {
		if s := id.SubscriptionScope(); s != "" {
			// One spelling, whatever order it is met in.
			s = azward.ResourceID(s.Key())
			seen[s.Key()] = s
		}
	}
	var last azward.SubscriptionID
	for _, r := range e.resources {
		if s := r.ID.Subscription(); s != last {
			last = s
			add(r.ID)
		}
	}
	for _, l := range e.listings {
		add(l.Scope)
	}
	for _, g := range e.gaps {
		add(g.Scope)
	}
	e.subscriptions = slices.SortedFunc(maps.Values(seen), func(a, b azward.ResourceID) int { return cmp.Compare(a.Key(), b.Key()) })
}

// indexCoverage files listings and gaps by what they are about.
func (e *snapshot) indexCoverage() {
	e.listingsOf = make(map[string][]Listing)
	for _, l := range e.listings {
		key := strings.ToLower(l.Type)
		e.listingsOf[key] = append(e.listingsOf[key], l)
	}
	e.gapsOf = make(map[string][]azward.Gap)
	for _, g := range e.gaps {
		key := strings.ToLower(g.Reads)
		e.gapsOf[key] = append(e.gapsOf[key], g)
	}
}

// Absence answers whether the estate holds everything of the types within the
// scope, so that what it does not hold does not exist. It returns the listings
// that prove it; or, when any is missing, the gaps that stand in the way. A
// conclusion of "there is none" is a fact only when missing is empty.
//
// The scope is a subscription, a resource (for its children), a cluster or one
// of its namespaces (the ID of the Namespace object); "" means every
// subscription that the estate knows of.
//
// A listing proves nothing where a gap contradicts it: an object of the type
// that was read but not understood, or a part of the listed scope that could
// not be read. A user's word (--complete) yields to every gap.
func (e *Estate) Absence(scope azward.ResourceID, types ...string) (proof []azward.Evidence, missing []azward.Gap) {
	c := coverage{estate: e}
	if scope == "" || len(types) > 1 { // one question has few
		c.cited, c.lacking = map[Listing]bool{}, map[azward.Gap]bool{}
	}
	if scope != "" {
		for _, t := range types {
			c.ask(scope, t)
		}
		return c.proof, c.missing
	}
	scopes := e.Subscriptions()
	if len(scopes) == 0 {
		scopes = []azward.ResourceID{"/"}
	}
	c.ask("/", subscriptionType)
	for _, s := range scopes {
		for _, t := range types {
			if !strings.EqualFold(t, subscriptionType) {
				c.ask(s, t)
			}
		}
	}
	return c.proof, c.missing
}

// coverage gathers proof and gaps, each once: cited and lacking are those that
// it has; nil where it is asked once.
type coverage struct {
	estate  *Estate
	cited   map[Listing]bool
	lacking map[azward.Gap]bool
	proof   []azward.Evidence
	missing []azward.Gap
}

func (c *coverage) ask(scope azward.ResourceID, resourceType string) {
	gaps := slices.DeleteFunc(slices.Clone(c.estate.gapsOf[strings.ToLower(resourceType)]), func(g azward.Gap) bool {
		return !overlap(scope, g.Scope)
	})
	if l, ok := c.estate.listing(scope, resourceType, gaps); ok {
		if !c.cited[l] {
			if c.cited != nil {
				c.cited[l] = true
			}
			c.proof = append(c.proof, l.Evidence())
		}
		return
	}
	// What kept everything of a scope from being read kept this type too. It
	// explains a missing listing; one that was read stands.
	for _, all := range []string{AllTypes, allOf(resourceType)} {
		for _, g := range c.estate.gapsOf[all] {
			if overlap(scope, g.Scope) {
				gaps = append(gaps, g)
			}
		}
	}
	for _, g := range gaps {
		c.estate.tracker.touchGap(g)
	}
	if len(gaps) == 0 {
		gaps = []azward.Gap{notListed(scope, resourceType)}
	}
	for _, g := range gaps {
		switch {
		case c.lacking == nil && slices.Contains(c.missing, g) || c.lacking[g]:
			continue
		case c.lacking != nil:
			c.lacking[g] = true
		}
		c.missing = append(c.missing, g)
	}
}

// allOf names every type of a provider as a gap does: "microsoft.graph/*".
func allOf(resourceType string) string {
	namespace, _, ok := strings.Cut(strings.ToLower(resourceType), "/")
	if !ok {
		return ""
	}
	return namespace + "/" + AllTypes
}

// listing returns the weightiest listing that covers the scope and that none
// of the gaps contradicts.
func (e *Estate) listing(scope azward.ResourceID, resourceType string, gaps []azward.Gap) (Listing, bool) {
	var candidates []Listing
	for _, key := range []string{strings.ToLower(resourceType), AllTypes} {
		for _, l := range e.listingsOf[key] {
			if l.covers(rootless(scope), resourceType) {
				candidates = append(candidates, l)
			}
		}
	}
	slices.SortStableFunc(candidates, func(a, b Listing) int { return a.weight() - b.weight() })
	for _, l := range candidates {
		against := slices.IndexFunc(gaps, l.contradictedBy)
		if against < 0 {
			e.tracker.touchListing(l)
			return l, true
		}
		e.tracker.touchGap(gaps[against]) // a replay must not find this listing good
	}
	return Listing{}, false
}

// contradictedBy reports whether a gap in the type that the listing is about
// shows that it does not hold everything.
func (l Listing) contradictedBy(g azward.Gap) bool {
	switch {
	case l.Status == ListingDeclared:
		return true
	case g.Kind == azward.GapUnparsed || g.Kind == azward.GapUnsupported:
		return true
	default:
		// Somebody else may have read what this reader could not; but a part
		// of the listed scope that could not be read is missing from it.
		return g.Scope.Within(rootless(l.Scope)) && !g.Scope.Equal(l.Scope)
	}
}

// overlap reports whether one of two scopes holds the other.
func overlap(a, b azward.ResourceID) bool {
	return rootless(a).Within(rootless(b)) || rootless(b).Within(rootless(a))
}

// notListed is the gap where nobody tried to list.
func notListed(scope azward.ResourceID, resourceType string) azward.Gap {
	needs := resourceType + "/read"
	if !strings.Contains(resourceType, "/") {
		needs = "list " + resourceType
	}
	return azward.Gap{
		Scope: scope, Kind: azward.GapNotRead, Reads: resourceType, Needs: needs,
		Error:  "no complete listing of this type in this scope was read",
		Remedy: "collect it with azward; for an export that leaves nothing out, say so with --complete",
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
