package estate

import (
	"bytes"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/azward/azward"
)

// lookupKind is what was asked of an estate.
type lookupKind uint8

const (
	byID lookupKind = iota
	byType
	byReference
	byParent
	byDigest
	byKind
	byAddress
	owner     // of a pod, replica set or job
	owned     // by a controller
	scalersOf // of a controller
	allImages
	subscriptionIDs
	everything
)

// lookup is one question, so that it can be asked of another estate.
type lookup struct {
	kind lookupKind
	a, b string
}

// note keeps a question.
func (t *Tracker) note(l lookup) {
	if t == nil {
		return
	}
	t.mu.Lock()
	t.lookups[l] = struct{}{}
	t.mu.Unlock()
}

// Holds reports whether every lookup that was made gives the same on another
// estate: the same resources with the same bodies. An answer that was computed
// through this tracker then holds there too. Listings and gaps are part of
// what answers rest on, so two estates that differ in them share nothing.
func (t *Tracker) Holds(other *Estate) bool {
	t.mu.Lock()
	lookups := maps.Clone(t.lookups)
	t.mu.Unlock()
	before, after := &Estate{snapshot: t.whole}, &Estate{snapshot: other.snapshot}
	if before.snapshot == after.snapshot {
		return true
	}
	if !slices.Equal(before.listings, after.listings) || !slices.Equal(before.gaps, after.gaps) {
		return false
	}
	for l := range lookups {
		if !l.same(before, after) {
			return false
		}
	}
	return true
}

func (l lookup) same(before, after *Estate) bool {
	switch l.kind {
	case everything:
		return false
	case subscriptionIDs:
		return slices.Equal(before.Subscriptions(), after.Subscriptions())
	}
	return slices.EqualFunc(l.on(before), l.on(after), sameResource)
}

// sameResource holds for nil, too: nothing was there, and nothing is.
func sameResource(a, b *Resource) bool {
	if a == nil || b == nil {
		return a == b
	}
	return a == b || a.key == b.key && a.ID == b.ID && a.Provenance == b.Provenance && bytes.Equal(a.Body, b.Body)
}

// on asks the question of an estate that keeps no track.
func (l lookup) on(e *Estate) []*Resource {
	id := azward.ResourceID(l.a)
	switch l.kind {
	case byID:
		return []*Resource{e.byKey[azward.ResourceKey(l.a)]}
	case byType:
		return e.byType[l.a]
	case byReference:
		return e.Referrers(id, strings.Fields(l.b)...)
	case byParent:
		return e.Children(id, l.b)
	case byDigest:
		return []*Resource{e.images[azward.Digest(l.a)]}
	case byKind:
		kind, namespace, _ := strings.Cut(l.b, " ")
		return e.Objects(id, kind, namespace)
	case byAddress:
		address, err := netip.ParseAddr(l.a)
		if err != nil {
			return nil
		}
		return e.WithAddress(address)
	case allImages:
		return e.imageList()
	}
	r, ok := e.byKey[azward.ResourceKey(l.a)]
	if !ok {
		return nil
	}
	switch l.kind {
	case owner:
		named, owner := e.ownership().controller(r)
		return []*Resource{named, owner}
	case owned:
		return e.ownership().owned[r]
	case scalersOf:
		var found []*Resource
		for _, s := range e.ownership().scalers[ownerKey{r.Cluster.Key(), strings.ToLower(r.Kind), r.Namespace, r.Name}] {
			found = append(found, s.resource)
		}
		return found
	}
	return nil
}
