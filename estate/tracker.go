package estate

import (
	"maps"
	"slices"
	"strings"
	"sync"

	"github.com/azward/azward"
)

// Tracker notes which facts were looked up: what an answer depends on.
type Tracker struct {
	whole     *snapshot
	mu        sync.Mutex
	resources map[*Resource]struct{}
	listings  map[Listing]struct{}
	gaps      map[azward.Gap]struct{}
	lookups   map[lookup]struct{}
}

// Tracked returns the same estate with a fresh tracker. Whatever is looked up
// through it (but for All, Types, Listings and Gaps) is noted.
func (e *Estate) Tracked() (*Estate, *Tracker) {
	t := &Tracker{whole: e.snapshot, resources: map[*Resource]struct{}{}, listings: map[Listing]struct{}{}, gaps: map[azward.Gap]struct{}{}, lookups: map[lookup]struct{}{}}
	return &Estate{snapshot: e.snapshot, tracker: t, noted: &sync.Map{}}, t
}

// Slice is the part of the estate that was looked up, as an estate of its own.
// The lookups that were made give the same results on it: that is what lets a
// saved proof be replayed without the rest.
func (t *Tracker) Slice() *Estate {
	t.mu.Lock()
	defer t.mu.Unlock()
	b := Builder{listings: maps.Clone(t.listings), gaps: maps.Clone(t.gaps)}
	for r := range t.resources {
		if r.Type == imageType && r.key == "" {
			if b.images == nil {
				b.images = make(map[azward.Digest]*Resource)
			}
			b.images[azward.Digest(r.ID)] = r
			continue
		}
		b.put(r)
		t.putOwners(&b, r)
	}
	return b.Build()
}

// putOwners adds what stands under the name of an object's owner, and its
// owner: without it, a pod would be taken for one whose replica set was not
// read.
func (t *Tracker) putOwners(b *Builder, r *Resource) {
	for range maxOwnerDepth {
		if r == nil || r.Cluster == "" || t.whole == nil || !slices.Contains(ownedKinds[:], strings.ToLower(r.Kind)) {
			return
		}
		if r, _ = t.whole.ownership().controller(r); r != nil {
			b.put(r)
		}
	}
}

// Merge adds what another tracker noted, for an answer that rests on an
// earlier one.
func (t *Tracker) Merge(other *Tracker) {
	if t == nil || other == nil {
		return
	}
	other.mu.Lock()
	defer other.mu.Unlock()
	t.mu.Lock()
	defer t.mu.Unlock()
	maps.Copy(t.resources, other.resources)
	maps.Copy(t.listings, other.listings)
	maps.Copy(t.gaps, other.gaps)
	maps.Copy(t.lookups, other.lookups)
}

func (t *Tracker) touch(r *Resource) {
	if t == nil {
		return
	}
	t.mu.Lock()
	t.resources[r] = struct{}{}
	t.mu.Unlock()
}

func (t *Tracker) touchListing(l Listing) {
	if t == nil {
		return
	}
	t.mu.Lock()
	t.listings[l] = struct{}{}
	t.mu.Unlock()
}

func (t *Tracker) touchGap(g azward.Gap) {
	if t == nil {
		return
	}
	t.mu.Lock()
	t.gaps[g] = struct{}{}
	t.mu.Unlock()
}
